"""The market of Calvano et al. (2020) and what is reported of sessions in it."""

from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.solutions.logit_pricing import (
    monopoly_prices,
    nash_prices,
    price_grid,
    profits,
)
from marketsai_lite.tabular.limit_strategies import (
    action_values,
    cycle_payoffs,
    deviation_gap,
    impulse_response,
    limit_cycle,
    profit_gain,
    values,
)
from marketsai_lite.tabular.repeated_games import Sessions

DIGITS = 9  # of the payoffs, so that no machine's last bit of exp() decides a session


class Market(NamedTuple):
    """A stage game with its benchmarks.

    Attributes
    ----------
    payoffs : array (n, m, ..., m)
        Expected where demand is random.
    nash : array (n,)
        Profits in the Bertrand-Nash equilibrium.
    monopoly : array (n,)
        Profits under joint monopoly.
    states : array (Z, n, m, ..., m)
        Payoffs in each state of demand, equally likely.
    """

    payoffs: np.ndarray
    nash: np.ndarray
    monopoly: np.ndarray
    states: np.ndarray


def market(n: int = 2, c2: float = 1.0, spread: float = 0.0) -> Market:
    """Market of n firms with qualities 2 and costs 1, or c2 for the second.

    With a positive `spread` the outside good is worth -spread, 0 or spread, with equal odds in
    each period. Then the grid reaches from the lowest Nash price to the highest monopoly price,
    and the benchmarks are means over the three states, as in the authors' program.
    """
    a, c = (2.0,) * n, (1.0, c2, 1.0, 1.0)[:n]
    levels = (-spread, 0.0, spread) if spread else (0.0,)
    p_N = np.array([nash_prices(a, c, a0=a0) for a0 in levels])
    p_M = np.array([monopoly_prices(a, c, a0=a0) for a0 in levels])
    grid = price_grid(p_N.min(0), p_M.max(0))
    firms = np.array(a), np.array(c)
    states = np.round([LogitOligopoly(grid, *firms, a0=a0).payoffs() for a0 in levels], DIGITS)
    nash = np.mean([profits(p, a, c, a0=a0) for p, a0 in zip(p_N, levels, strict=True)], 0)
    top = np.mean([profits(p, a, c, a0=a0) for p, a0 in zip(p_M, levels, strict=True)], 0)
    return Market(states.mean(0), nash, top, states)


def gains(sessions: Sessions, game: Market) -> np.ndarray:
    """Profit gain Δ of each session on its limit cycle, shape (N,)."""
    profit = [
        cycle_payoffs(policy, state, game.payoffs)
        for policy, state in zip(sessions.policy, sessions.state, strict=True)
    ]
    return profit_gain(np.array(profit), game.nash, game.monopoly)


def equilibrium_share(sessions: Sessions, game: Market, β: float) -> float:
    """Share of sessions in which no single deviation pays any firm, anywhere on the cycle."""
    m = game.payoffs.shape[1]
    passed = []
    for policy, state in zip(sessions.policy, sessions.state, strict=True):
        cycle = limit_cycle(policy, state, m)
        passed.append(not deviation_gap(policy, game.payoffs, β)[:, cycle].any())
    return float(np.mean(passed))


def deterred_share(sessions: Sessions, game: Market, β: float) -> float:
    """Share of deviations to the static best response, over sessions and firms, that do not pay."""
    m = game.payoffs.shape[1]
    shares = []
    for policy, state in zip(sessions.policy, sessions.state, strict=True):
        cycle = limit_cycle(policy, state, m)
        Q, V = action_values(policy, game.payoffs, β), values(policy, game.payoffs, β)
        for i in range(len(policy)):
            action = impulse_response(policy, cycle, game.payoffs, i, periods=1).actions[:, 0, i]
            shares.append(np.mean(Q[i, cycle, action] < V[i, cycle]))
    return float(np.mean(shares))
