"""Households of Krusell and Smith's economy learn from experience alone: PPO, without a model.

They see their own wealth and employment, mean capital and the times, and what they enjoyed.  They
begin with a simple rule: keep your wealth, which knows nothing, or live within your means, which is
a smooth form of permanent income; short runs begin with permanent income itself.

Long runs from keeping wealth have more of everything: rounds twice as long, fresh starts four times
as often, so that the rich and the poor are met again and again, and noise that falls on a schedule.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.krusell_smith_households import Households
from marketsai_lite.experiments import _deep
from marketsai_lite.experiments.krusell_smith_agents import examine

COST = 900
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
LONG: dict[str, Any] = {"updates": 350, "steps": 64, "minibatches": 8, "horizon": 100}
LOOKS = 6  # at a run while it learns
QUIET = -4.0  # log standard deviation of the noise at the end of a long run


def trained(economy, seed, **changes):
    """Train PPO; return its `Result`.

    With `last_log_std` among the changes its noise falls to that on a schedule.
    """
    given = {**GIVEN, **changes}
    given["log_every"] = -(-given["updates"] // LOOKS)
    if "last_log_std" not in given:
        return _deep.train(economy, "ppo", COPIES, seed, **given)
    from marketsai_lite.deep.train import train
    from marketsai_lite.experiments._quiet_ppo import Config
    from marketsai_lite.views.batch import Batch

    return train(Batch(economy, COPIES, horizon=given.pop("horizon")), Config(**given), seed)


def acting(economy, result):
    """What a `Result` does, from observations (..., width) of any number to actions (..., 1)."""

    def act(o):
        rows = o.reshape(-1, o.shape[-1])
        full = np.resize(rows, (-(-len(rows) // economy.n) * economy.n, o.shape[-1]))
        a = result.act(full.reshape(-1, economy.n, o.shape[-1]))
        return a.reshape(-1, a.shape[-1])[: len(rows)].reshape(*o.shape[:-1], -1)

    return act


def learn_from_experience(economy, seed, **changes):
    """Train PPO; return a function of observations (..., width) to actions (..., 1)."""
    return acting(economy, trained(economy, seed, **changes))


def cells():
    """Return five seeds from each of two rules, short ones from a third, and long ones.

    Long runs differ in the noise alone: it falls on a schedule, or is what the gradient makes it.
    """
    found: dict[str, dict[str, Any]] = {}
    for start in ("wealth", "means"):
        for seed in range(5):
            found[f"from {start}, seed {seed}"] = {"start": start, "seed": seed}
    for seed in range(5, 10):
        long = {"start": "wealth", "seed": seed, **LONG}
        found[f"long, noise falls, seed {seed}"] = {**long, "last_log_std": QUIET}
        found[f"long, noise learned, seed {seed}"] = long
    short = {"start": "income", "updates": 2}
    return found | {f"short, seed {seed}": {**short, "seed": seed} for seed in range(5)}


def run(seed, start, **changes):
    """Train and examine; see `examine`.

    Beside that "log_std" is the logarithm of the noise, in at most seven looks at its training.
    """
    economy = Households(n=64, start=start)
    result = trained(economy, seed, **changes)
    found = examine(economy, acting(economy, result), pictures=changes.get("updates", 100) > 2)
    return {**found, "log_std": result.curves["entropy"] - 0.5 * np.log(2 * np.pi * np.e)}
