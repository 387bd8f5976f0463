"""Deep agents in the pricing game: independent DQN and PPO, and what memory and noise do to them.

Two firms in the market of Calvano et al. (2020), 15 prices, memory of one period and a discount
factor of 0.95.  Each firm has a network of its own, which sees last period's two prices as scaled
numbers.  A cell trains ten such pairs at once, in ten markets that have nothing to do with each
other, and keeps the policies that are judged on all 225 states, so that the tests of tables apply
to them.  There was no search for settings: two runs of PPO and one of DQN on seed 100 came first,
and training was then shortened to what could be afforded.  Scored are seeds from 0 on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from marketsai_lite.economies.logit import logit_demand
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economy import like, namespace
from marketsai_lite.experiments import _deep
from marketsai_lite.experiments._collusion import market
from marketsai_lite.solutions.logit_pricing import monopoly_prices, nash_prices, price_grid
from marketsai_lite.tabular.limit_strategies import (
    cycle_payoffs,
    joint_actions,
    limit_cycle,
    profit_gain,
)

COST = 300
CHAOTIC = True
PAIRS = 10  # trained in one cell
SEEDS = 2  # cells of the two learners; their variants have one
DQN: dict[str, Any] = dict(
    copies=16,
    updates=1_500,
    minibatch=128,
    capacity=16_000,
    τ=0.02,
    exploration=0.6,
    ε=0.02,
    rate=3e-3,
    average=0.98,
    hidden=(32,),
    shared=False,
    log_every=100,
)
PPO: dict[str, Any] = dict(
    copies=64,
    updates=50,
    steps=16,
    minibatches=4,
    rate=3e-3,
    critic_rate=5e-3,
    hidden=(32,),
    average=0.95,
    gradient_norm=1e3,  # none is cut: the norm is that of all agents together
    shared=False,
    log_every=5,
)
BASE = {"DQN": DQN, "PPO": PPO}
# What differs from the learner of that name, by variant.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "DQN": ("DQN", {}),
    "PPO": ("PPO", {}),
    "DQN, no memory": ("DQN", {"sees": "nothing"}),
    "PPO, no memory": ("PPO", {"sees": "nothing"}),
    "DQN, one copy": ("DQN", {"copies": 1, "capacity": 1_500}),
    "PPO, one copy": ("PPO", {"copies": 1, "steps": 128, "minibatches": 2}),
    "DQN, columns": ("DQN", {"sees": "columns"}),
    "PPO, columns": ("PPO", {"sees": "columns"}),
    "DQN, fast ε": ("DQN", {"exploration": 0.1}),
    "DQN, slow ε": ("DQN", {"exploration": 1.0}),
    "PPO, entropy": ("PPO", {"entropy": 0.03}),
    "DQN, long": ("DQN", {"updates": 6_000, "log_every": 400}),
    "PPO, long copy": ("PPO", {"copies": 1, "steps": 1_024}),
    "DQN, no average": ("DQN", {"average": 0.0}),
    "PPO, no average": ("PPO", {"average": 0.0}),
}


@dataclass(frozen=True, eq=False)
class Markets(LogitOligopoly):
    """Separate duopolies: firms 1 and 2 in one market, 3 and 4 in the next, and so on.

    Parameters
    ----------
    sees : str
        What a firm sees: the last two ``"prices"`` of its market, ``"nothing"`` or ``"columns"``
        of zeros with a one for each price that a firm of its market may have charged.
    """

    sees: str = "prices"

    def demand(self, p):
        """Probabilities of a sale (..., n) at prices `p` (..., n)."""
        pairs = p.reshape(*p.shape[:-1], -1, 2)
        return logit_demand(pairs, self.a[:2], self.a0, self.μ).reshape(p.shape)

    def observe(self, x, z):
        """What the firms see, (..., n, 2), or (..., n, 1) zeros, or (..., n, 30)."""
        xp, pairs = namespace(x), x.reshape(*x.shape[:-1], -1, 2)
        o = xp.stack([pairs, pairs], -2).reshape(*x.shape, 2)
        if self.sees == "nothing":
            return 0 * o[..., :1]
        if self.sees == "prices":
            return o
        near = abs(o[..., None] - like(self.prices[0], x)) < 1e-4
        return near.reshape(*x.shape, -1) + 0 * o[..., :1]


def cells():
    """Return the cells of all variants, and five that are soon computed again."""
    return {
        f"{name}, seed {seed}": {"variant": name, "seed": seed}
        for name, (_, change) in VARIANTS.items()
        for seed in range(1 if change else SEEDS)
    } | {f"brief, seed {seed}": {"variant": "PPO", "seed": seed, "updates": 5} for seed in range(5)}


def run(variant, seed, **changes):
    """Train ten pairs of firms and return their strategies, and what they earned on the way.

    Returns
    -------
    dict
        Of each pair, `policy` (10, 2, 225), numbers of prices; `state` (10,), where the cycle
        begins that most states lead to; `basin`, the share of states that do; `gain`, the profit
        gain there; `noisy`, that of play with the noise that is left; and `curve`, (logs, 10), the
        gain along training.
    """
    learner, change = VARIANTS[variant]
    return train(learner, seed, **BASE[learner] | change | changes)


def train(learner, seed, copies, sees="prices", pairs=PAIRS, **settings):
    """Train a learner with the settings of a variant; see `run`."""
    game = market()
    a, c = np.full(2, 2.0), np.full(2, 1.0)
    grid = np.tile(price_grid(nash_prices(a, c), monopoly_prices(a, c)), (pairs, 1))
    economy = Markets(grid, np.tile(a, pairs), np.tile(c, pairs), sees=sees)
    curve = []

    def look(update, act):
        curve.append(score(tabulated(economy, act), game)[2])
        return {}

    found = _deep.train(
        economy, learner.lower(), copies, seed, on_log=look, horizon=None, **settings
    )
    policy = tabulated(economy, found.act)
    state, basin, gain = score(policy, game)
    return {
        "policy": policy,
        "state": state,
        "basin": basin,
        "gain": gain,
        "noisy": noisy(economy, found.sample, state, game, seed),
        "curve": np.array(curve),
        "samples": found.samples,
    }


def tabulated(economy, act):
    """The numbers of the prices (pairs, 2, 225) that firms charge after every pair of prices."""
    grid, n = economy.prices[0], len(economy.prices)
    states = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    p = act(economy.observe(np.tile(states, n // 2), None))[..., 0]
    return abs(p[..., None] - grid).argmin(-1).T.reshape(n // 2, 2, -1)


def score(policies, game):
    """First state of the cycle that most states lead to, their share, and the gain, each (pairs,).

    With memory 1 the next state is the joint action.
    """
    m, found = game.payoffs.shape[1], []
    for policy in policies:
        follow, ends = joint_actions(policy, m), np.arange(m * m)
        for _ in range(m * m):
            ends = follow[ends]
        first = {s: limit_cycle(policy, s, m).min() for s in set(ends.tolist())}
        states, counts = np.unique([first[s] for s in ends.tolist()], return_counts=True)
        state = states[counts.argmax()]
        profit = cycle_payoffs(policy, int(state), game.payoffs)
        gain = profit_gain(profit, game.nash, game.monopoly)
        found.append((state, counts.max() / len(ends), gain))
    return tuple(map(np.array, zip(*found, strict=True)))


def noisy(economy, sample, state, game, seed):
    """Profit gain of the policies with their noise, over 50 periods of 50 copies, (pairs,)."""
    from marketsai_lite.deep.train import streams  # slow to import, like all that needs torch

    generator = streams(seed, ("noise",))["noise"]
    m, grid = game.payoffs.shape[1], economy.prices[0]
    x = np.tile(grid[np.stack([state // m, state % m], -1)].ravel(), (50, 1))
    earned = []
    for _ in range(50):
        x, r = economy.step(x, None, sample(economy.observe(x, None), generator))
        earned.append(r.mean(0).reshape(-1, 2))
    return profit_gain(np.mean(earned, 0), game.nash, game.monopoly)
