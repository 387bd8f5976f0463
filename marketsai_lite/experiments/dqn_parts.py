"""Deep Q-learning on the monopolist, its parts switched off one at a time: errors of each seed.

The errors are measured at the end of training, against the exact action values of the table.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.experiments import _deep
from marketsai_lite.tabular import (
    action_values,
    expected,
    greedy,
    policy_iteration,
    value_loss,
)
from marketsai_lite.views.table import tabulate

COST = 400
CHAOTIC = True
COPIES = 16
SEEDS = 20  # of each variant
FIRST = 200  # of them; no setting was tried on it or a later one
# What the agents of all variants are given.
GIVEN: dict[str, Any] = {
    "minibatch": 128,
    "capacity": 50_000,
    "τ": 0.1,
    "exploration": 0.5,
    "average": 0.99,
    "hidden": (32, 32),
}
# What differs from the full agent, by variant.
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "no replay": {"replay": False},
    "no target": {"target": False},
    "no double": {"double": False},
    "no dueling": {"dueling": False},
    "bare": {"replay": False, "target": False, "double": False, "dueling": False},
    "three periods": {"n_step": 3},
    "slow": {"rate": 1e-3},
    "slow, no target": {"rate": 1e-3, "target": False},
    "cut": {"horizon": 20},
    "long": {"updates": 3_000},
}


def cells():
    """Return the cells of all variants: two seeds each, or one where training is long."""
    found = {}
    for name, change in VARIANTS.items():
        size = 1 if "updates" in change else 2
        for first in range(0, SEEDS, size):
            seeds = [FIRST + first, FIRST + first + size]
            found[f"{name}, part {first // size + 1}"] = {"seeds": seeds, **change}
    return found


def parts(name):
    """Return the names of a variant's cells."""
    return [cell for cell in cells() if cell.startswith(f"{name}, part ")]


def run(seeds, updates=1_000, horizon=None, rate=5e-3, **change):
    """Return the errors of each seed of one cell, in arrays (seeds,), and their curves.

    `error` is the sup error of Q, `bias` the mean over the states of what max Q has too much,
    and `lost` the value loss of the greedy policy, in percent, from all states with equal weights.
    """
    economy = LogitMonopolist()
    mdp, x, z, _ = tabulate(economy, economy.prices)
    best = policy_iteration(mdp)
    exact = action_values(expected(best.v, mdp), mdp)
    observations = np.hstack([x, z])[:, None]

    def lost(σ):
        return 100 * value_loss(σ, mdp, best.v)

    def curve(update, act):
        prices = act(observations)[:, 0]
        return {"lost": lost(abs(prices - economy.prices).argmin(1))}

    settings = {"updates": updates, "rate": rate, "log_every": updates // 20, **GIVEN, **change}
    rows = []
    for seed in range(*seeds):
        result = _deep.train(economy, "dqn", COPIES, seed, curve, horizon=horizon, **settings)
        Q = result.value(observations).reshape(exact.shape)
        rows.append(
            {
                "error": abs(Q - exact).max(),
                "bias": (Q.max(1) - best.v).mean(),
                "lost": lost(greedy(Q, mdp)),
                "curve": result.curves["lost"].round(6),
            }
        )
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}
