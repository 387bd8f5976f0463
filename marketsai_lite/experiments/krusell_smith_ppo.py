"""Households of Krusell and Smith's economy learn from experience alone: PPO, without a model.

They see their own wealth and employment, mean capital and the times, and what they enjoyed.  They
begin with a simple rule: keep your wealth, which knows nothing, or live within your means, which is
a smooth form of permanent income; short runs begin with permanent income itself.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.krusell_smith_households import Households
from marketsai_lite.experiments import _deep
from marketsai_lite.experiments.krusell_smith_agents import examine

COST = 200
CHAOTIC = True
COPIES = 16
GIVEN: dict[str, Any] = {
    "updates": 180,
    "epochs": 3,
    "minibatches": 4,
    "λ": 0.98,
    "rate": 3e-3,
    "log_std": -2.0,
    "hedge": True,
    "hidden": (32, 32),
    "horizon": 400,
}


def learn_from_experience(economy, seed, **changes):
    """Train PPO; return a function of observations (..., width) to actions (..., 1)."""
    given = {**GIVEN, **changes}
    result = _deep.train(economy, "ppo", COPIES, seed, log_every=given["updates"], **given)

    def act(o):
        rows = o.reshape(-1, o.shape[-1])
        full = np.resize(rows, (-(-len(rows) // economy.n) * economy.n, o.shape[-1]))
        a = result.act(full.reshape(-1, economy.n, o.shape[-1]))
        return a.reshape(-1, a.shape[-1])[: len(rows)].reshape(*o.shape[:-1], -1)

    return act


def cells():
    """Return five seeds from each of two rules, and short ones from a third."""
    found: dict[str, dict[str, Any]] = {}
    for start in ("wealth", "means"):
        for seed in range(5):
            found[f"from {start}, seed {seed}"] = {"start": start, "seed": seed}
    short = {"start": "income", "updates": 2}
    return found | {f"short, seed {seed}": {**short, "seed": seed} for seed in range(5)}


def run(seed, start, **changes):
    """Train and examine; see `examine`."""
    economy = Households(n=64, start=start)
    act = learn_from_experience(economy, seed, **changes)
    return examine(economy, act, pictures="updates" not in changes)
