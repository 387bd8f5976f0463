"""Soft actor-critic on the linear-quadratic monopolist, its parts changed one at a time.

Twenty firms learn in one batch: each has its own market, networks, temperature and luck, so that
they are twenty seeds, and one product of matrices serves all.  Errors are measured at the end of
training, against the closed form.  The short cells are samples that a test repeats.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economy import Exogenous, Shocks, own_chains
from marketsai_lite.experiments import _deep
from marketsai_lite.experiments.lq_agents import ruler

COST = 450
CHAOTIC = True
COPIES = 32
FIRMS = 20  # of each variant
# What the agents of all variants are given.
GIVEN: dict[str, Any] = {
    "updates": 1_500,
    "minibatch": 128,
    "rate": 5e-3,
    "τ": 0.05,
    "hedge": True,
    "shared": False,
    "average": 0.99,
    "hidden": (32, 32),
    "critic_hidden": (128,),
}
HEAT = 0.066  # near the temperature with which the full agents end
# What differs from the full agent, by variant.
VARIANTS: dict[str, dict[str, Any]] = {
    "full": {},
    "one critic": {"twins": False},
    "fixed temperature": {"α": HEAT, "temperature_rate": 0.0},
    "ten times as hot": {"α": 10 * HEAT, "temperature_rate": 0.0},
    "no target": {"τ": 1.0},
    "slow target": {"τ": 0.005},
    "no stretch": {"stretch": 1.0},
    "usual entropy": {"entropy": -1.0},
    "narrow critics": {"critic_hidden": (32, 32)},
    "no average": {"average": 0.0},
}


@dataclass(frozen=True, eq=False)
class _Markets:
    """Monopolists in markets of their own, which nothing links."""

    firm: LQMonopolist = field(default_factory=LQMonopolist)
    exo: Exogenous = field(init=False)

    agents = tuple(f"firm {i}" for i in range(FIRMS))
    state = tuple(f"output of firm {i}" for i in range(FIRMS))

    def __post_init__(self):
        object.__setattr__(self, "exo", own_chains(self.firm.exo, FIRMS))

    @property
    def β(self):
        return self.firm.β

    @property
    def actions(self):
        return self.firm.actions * FIRMS

    def initial(self, u):
        return self.firm.initial(u)

    def step(self, x, z, a):
        x1, r = self.firm.step(x[..., None], alone(z), a[..., None, :])
        return x1[..., 0], r[..., 0]

    def observe(self, x, z):
        return self.firm.observe(x[..., None], alone(z))[..., 0, :]

    def accounts(self, x, z, a):
        each = self.firm.accounts(x[..., None], alone(z), a[..., None, :])
        return {name: amount.mean(-1) for name, amount in each.items()}


def alone(z):
    """The own demand of the markets, each as that of a market by itself."""
    return Shocks(z.own, z.own[..., :0, None])


def cells():
    """Return one cell for each variant, and short ones of the full agent."""
    found: dict[str, dict[str, Any]] = {}
    found |= {name: {"seed": 0, **change} for name, change in VARIANTS.items()}
    return found | {f"short, seed {seed}": {"seed": seed, "updates": 100} for seed in range(5)}


def run(seed, **change):
    """Return numbers of each firm, in arrays (firms,).

    `error` is the policy's mean distance from the closed form, `loss` what its value loses, in
    percent of what it is worth to react to demand; `temperature` and `entropy` are means over the
    firms in the last updates.
    """
    error, loss = ruler(LQMonopolist())
    settings = {**GIVEN, "log_every": 100, **change}
    result = _deep.train(_Markets(), "sac", COPIES, seed, **settings)

    def firm(i):
        def act(o):
            return result.act(np.repeat(o, FIRMS, -2))[..., i : i + 1, :]

        return act

    curves = result.curves
    return {
        "error": np.array([error(firm(i)) for i in range(FIRMS)]),
        "loss": np.array([loss(firm(i)) for i in range(FIRMS)]),
        "temperature": curves["temperature"][-1],
        "entropy": curves["entropy"][-1],
    }
