"""Algorithmic collusion over the speed of learning α and of the decay of exploration.

The duopoly of Calvano et al. (2020, figures 1, 2, A1), memory 1, β = 0.95, on 20 by 20 cells of
100 sessions, where the paper has 100 by 100 of 1,000.
"""

import numpy as np

from marketsai_lite.experiments._collusion import equilibrium_share, gains, market
from marketsai_lite.tabular.limit_strategies import exploitability, limit_cycle
from marketsai_lite.tabular.repeated_games import learn

COST = 570
SESSIONS, FIRST_SEED = 100, 10_000
β = 0.95


def cells():
    """Return the grid: α = 0.0125, ..., 0.25 and decay = 1e-6, ..., 2e-5."""
    grid = [(i / 80, j / 1_000_000) for i in range(1, 21) for j in range(1, 21)]
    return {f"α {α:g}, decay {decay:g}": {"α": α, "decay": decay} for α, decay in grid}


def run(α, decay):
    """Return what 100 sessions of one cell come to."""
    game = market()
    sessions = learn(
        game.payoffs, range(FIRST_SEED, FIRST_SEED + SESSIONS), α=α, β=β, decay=decay, threads=1
    )
    gain = gains(sessions, game)
    gap = [
        exploitability(policy, game.payoffs, β)[:, limit_cycle(policy, state, 15)].mean()
        for policy, state in zip(sessions.policy, sessions.state, strict=True)
    ]
    return {
        "gain": gain.mean(),
        "sd": gain.std(ddof=1),
        "periods": sessions.periods.mean(),
        "converged": sessions.converged.mean(),
        "equilibrium": equilibrium_share(sessions, game, β),
        "gap": np.mean(gap),
    }
