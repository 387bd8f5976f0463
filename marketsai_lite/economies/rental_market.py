r"""Brock and Mirman's economy with markets: households own the capital and rent it out.

Each of n households owns capital :math:`k_i` and one unit of labour.  Firms rent both in
competitive markets and produce :math:`Y = z K^\alpha n^{1 - \alpha}` with
:math:`K = \sum_i k_i`, so that capital and labour earn their marginal products,

.. math:: R = \alpha z (K / n)^{\alpha - 1}, \qquad w = (1 - \alpha) z (K / n)^\alpha .

A household saves the share :math:`s_i` of its income :math:`y_i = R k_i + w`,

.. math:: c_i = (1 - s_i)\, y_i, \qquad k_i' = s_i y_i ,

and maximizes :math:`\mathbb{E} \sum_t \beta^t \log c_{it}`.  Capital depreciates fully.  As price
takers they repeat the planner's path; the solution for every distribution of wealth is in
`marketsai_lite.solutions.rental_market`.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import (
    SPREAD,
    booms_and_slumps,
    is_positive,
    middle_and_half_range,
)
from marketsai_lite.economy import Box, Exogenous, namespace
from marketsai_lite.require import flag, number, require, whole


@dataclass(frozen=True, eq=False)
class RentalMarket:
    """Households with capital and labour, and markets for both.

    State: log of each household's capital.  Shock: productivity.  Action: the share of its income
    that a household saves.  A household sees its own capital, mean capital and productivity, from
    which the prices follow.

    Parameters
    ----------
    n : int
        Number of households.
    α : float
        Capital's share of output.
    β : float
        Discount factor.
    low : float
        Least share saved.
    high : float
        Largest share saved.
    equal : bool
        Whether all begin with the same capital.
    exo : Exogenous
        Productivity z.

    Attributes
    ----------
    agents, state : tuple[str, ...]
        Names of the households and of their capital.
    actions : tuple[Box, ...]
        Of each household, shares from low to high.
    scale : tuple[float, float]
        Mid-range and half range of z.
    """

    n: int = 2
    α: float = 0.36
    β: float = 0.96
    low: float = 0.02
    high: float = 0.9
    equal: bool = False
    exo: Exogenous = field(default_factory=booms_and_slumps)
    agents: tuple[str, ...] = field(init=False)
    state: tuple[str, ...] = field(init=False)
    actions: tuple[Box, ...] = field(init=False)
    scale: tuple[float, float] = field(init=False)

    def __post_init__(self):
        require(
            n=(self.n, whole(self.n, 1), "an integer >= 1"),
            α=(self.α, 0 < number(self.α) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            low=(self.low, 0 < number(self.low) < 1, "in (0, 1)"),
            equal=(self.equal, flag(self.equal), "True or False"),
            high=(
                self.high,
                number(self.low) < number(self.high) < 1,
                f"in (low, 1) = ({self.low}, 1)",
            ),
            exo=(self.exo, is_positive(self.exo), "a positive chain"),
        )
        object.__setattr__(self, "n", int(self.n))
        agents = tuple(f"household {i + 1}" for i in range(self.n))
        box = Box(np.array([self.low]), np.array([self.high]))
        for name, value in (
            ("agents", agents),
            ("state", tuple(f"log capital of {agent}" for agent in agents)),
            ("actions", (box,) * self.n),
            ("scale", middle_and_half_range(self.exo.values)),
        ):
            object.__setattr__(self, name, value)

    @property
    def k_ss(self):
        """Steady state of mean capital at z = 1, where α k^(α-1) = 1/β."""
        return (self.α * self.β) ** (1 / (1 - self.α))

    def initial(self, u):
        u = u[..., :1] + 0 * u if self.equal else u
        return np.log(self.k_ss) + u - 0.5

    def market(self, x, z, a):
        """Rent R and wage w, (..., 2); they do not depend on what is saved today."""
        y = z.aggregate[..., 0] * self._mean(x) ** self.α
        return namespace(x).stack([self.α * y / self._mean(x), (1 - self.α) * y], -1)

    def step(self, x, z, a, m=None):
        m = self.market(x, z, a) if m is None else m
        y, s, xp = self.income(x, m), a[..., 0], namespace(x)
        return xp.log(s * y), xp.log((1 - s) * y)

    def observe(self, x, z):
        xp, (middle, half) = namespace(x), self.scale
        mean = xp.log(self._mean(x)[..., None])
        own, all_of = ((v - np.log(self.k_ss)) / SPREAD for v in (x, mean))
        return xp.stack([own, all_of + 0 * x, (z.aggregate - middle) / half + 0 * x], -1)

    def accounts(self, x, z, a):
        m = self.market(x, z, a)
        y, s = self.income(x, m), a[..., 0]
        return {
            "capital": namespace(x).exp(x).sum(-1),
            "output": y.sum(-1),
            "consumption": ((1 - s) * y).sum(-1),
            "investment": (s * y).sum(-1),
            "rent": m[..., 0],
            "wage": m[..., 1],
            "income": y,
        }

    def income(self, x, m):
        """Income of each household, (..., n), at prices `m` (..., 2)."""
        return m[..., :1] * namespace(x).exp(x) + m[..., 1:]

    def _mean(self, x):
        return namespace(x).exp(x).mean(-1)
