r"""The growth model of many countries that pool their output.

Country j produces :math:`z_{j,t} k_{j,t}^\alpha`.  A planner divides the total between consumption
and the capital of each country,

.. math:: c_t + \sum_j k_{j,t+1} = Y_t = \sum_j z_{j,t} k_{j,t}^\alpha ,

which depreciates fully, and earns :math:`\log c_t`.  What to save of :math:`Y` is the share
:math:`\alpha\beta` of Brock and Mirman (1972); where to put it depends on all the shocks
(`marketsai_lite.solutions.multi_country`).
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import (
    SPREAD,
    booms_and_slumps,
    is_positive,
    middle_and_half_range,
)
from marketsai_lite.economy import Box, Exogenous, namespace, own_chains
from marketsai_lite.require import number, require, whole

BOUND = 4.0  # of the actions: shares up to 55 times more or less than consumption over d


@dataclass(frozen=True, eq=False)
class MultiCountry:
    """d countries with one budget.

    State: log of each country's capital.  Shocks: each country's own productivity.  Action: for
    each country, log of d times its investment relative to consumption (`shares`).

    Parameters
    ----------
    d : int
        Number of countries.
    α : float
        Capital's share of output.
    β : float
        Discount factor.
    country : Exogenous
        Productivity of each.

    Attributes
    ----------
    exo : Exogenous
        That chain, drawn for each country by itself.
    scale : tuple[float, float]
        Mid-range and half range of z.
    """

    d: int = 2
    α: float = 0.36
    β: float = 0.96
    country: Exogenous = field(default_factory=booms_and_slumps)
    exo: Exogenous = field(init=False)
    scale: tuple[float, float] = field(init=False)

    agents = ("planner",)

    def __post_init__(self):
        require(
            d=(self.d, whole(self.d, 1), "an integer >= 1"),
            α=(self.α, 0 < number(self.α) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            country=(self.country, is_positive(self.country), "a positive chain"),
        )
        object.__setattr__(self, "d", int(self.d))
        log_k = np.log(self.α * self.β) / (1 - self.α)
        small = "so far below 1 that the steady state of capital is between e^-200 and e^200"
        require(α=(self.α, abs(log_k) < 200, small))
        object.__setattr__(self, "exo", own_chains(self.country, self.d))
        object.__setattr__(self, "scale", middle_and_half_range(self.country.values))

    @property
    def state(self):
        return tuple(f"log capital of country {j}" for j in range(self.d))

    @property
    def actions(self):
        return (Box(np.full(self.d, -BOUND), np.full(self.d, BOUND)),)

    @property
    def k_ss(self):
        """Steady state of each country's capital when every z is 1."""
        return (self.α * self.β) ** (1 / (1 - self.α))

    def initial(self, u):
        return np.log(self.k_ss) + u - 0.5

    def step(self, x, z, a):
        xp, shares = namespace(x), self.shares(a)
        Y = self.output(x, z).sum(-1, keepdims=True)
        return xp.log(shares[..., 0, 1:] * Y), xp.log(shares[..., 0, :1] * Y)

    def observe(self, x, z):
        middle, half = self.scale
        o = [(x - np.log(self.k_ss)) / SPREAD, (z.own[..., 0] - middle) / half]
        return namespace(x).concatenate(o, -1)[..., None, :]

    def accounts(self, x, z, a):
        Y, shares = self.output(x, z).sum(-1), self.shares(a)[..., 0, :]
        return {
            "capital": namespace(x).exp(x).sum(-1),
            "output": Y,
            "consumption": shares[..., 0] * Y,
            "investment": shares[..., 1:].sum(-1) * Y,
        }

    def margins(self, x, z, a):
        """Both sides of each country's Euler equation, cost = β E[gain'], each (..., d)."""
        y = self.output(x, z)
        cost = 1 / (self.shares(a)[..., 0, :1] * y.sum(-1, keepdims=True))
        return cost + 0 * x, cost * self.α * y / namespace(x).exp(x)

    def output(self, x, z):
        """Output of each country, (..., d)."""
        return z.own[..., 0] * namespace(x).exp(self.α * x)

    def shares(self, a):
        """Shares of total output, (..., 1 + d): consumption, then each country's investment."""
        xp = namespace(a)
        e = xp.exp(a) / self.d
        e = xp.concatenate([xp.ones_like(e[..., :1]), e], -1)
        return e / e.sum(-1, keepdims=True)
