r"""The planner of many households and capital goods.

Household i holds stocks :math:`K_{ij}` of M capital goods and produces

.. math:: y_i = Z Z_i \Bigl(\prod_j K_{ij}^{1/M}\Bigr)^{\alpha}

with aggregate productivity Z and its own :math:`Z_i`.  It gives the share :math:`s_{ij}` of output
for good j.  New capital of good j costs :math:`\phi I_j^2 / 2` in all, and each household gets as
much of it as it paid for:

.. math:: \tfrac{\phi}{2} I_j^2 = X_j = \sum_i s_{ij} y_i, \qquad
          I_{ij} = \frac{s_{ij} y_i}{X_j} I_j, \qquad K_{ij}' = (1 - \delta) K_{ij} + I_{ij} .

The planner maximizes the mean of :math:`\log c_i`, where :math:`c_i = (1 - \sum_j s_{ij})\, y_i`.
This is the planner of Covarrubias (2021).  A household that invests makes capital dearer for the
others, and the planner counts that (`margins`).  Solution: `marketsai_lite.solutions.planner`.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import SPREAD, middle_and_half_range
from marketsai_lite.economy import Box, Exogenous, namespace
from marketsai_lite.require import number, require, whole


@dataclass(frozen=True, eq=False)
class Planner:
    """One planner for N households with M capital goods.

    State: log of each stock, household by household.  Shocks: aggregate productivity, and each
    household's own.  Action: shares of each household's output given for each good.

    Parameters
    ----------
    N : int
        Households.
    M : int
        Capital goods.
    α : float
        Capital's share of output.
    β : float
        Discount factor.
    δ : float
        Depreciation.
    φ : float
        Slope of the marginal cost of new capital.
    low : float
        Least share of output given for all goods.
    high : float
        Largest share of output given for all goods.

    Attributes
    ----------
    exo : Exogenous
        Productivity: .8 or 1.2, and .9 or 1.1 of each household.
    scale : tuple[tuple[float, float], ...]
        Mid-ranges and half ranges.
    """

    N: int = 1
    M: int = 1
    α: float = 0.3
    β: float = 0.98
    δ: float = 0.04
    φ: float = 0.5
    low: float = 0.001
    high: float = 0.9
    exo: Exogenous = field(init=False)
    scale: tuple[tuple[float, float], ...] = field(init=False)

    agents = ("planner",)

    def __post_init__(self):
        require(
            N=(self.N, whole(self.N, 1), "an integer >= 1"),
            M=(self.M, whole(self.M, 1), "an integer >= 1"),
            α=(self.α, 0 < number(self.α) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            δ=(self.δ, 0 < number(self.δ) <= 1, "in (0, 1]"),
            φ=(self.φ, 0 < number(self.φ) < np.inf, "positive"),
            low=(self.low, 0 < number(self.low) < 1, "in (0, 1)"),
            high=(
                self.high,
                number(self.low) < number(self.high) < 1,
                f"in (low, 1) = ({self.low}, 1)",
            ),
        )
        for name in ("N", "M"):
            object.__setattr__(self, name, int(getattr(self, name)))
        exo = Exogenous(
            np.array([[0.8], [1.2]]),
            np.array([[0.95, 0.05], [0.05, 0.95]]),
            np.array([[0.9], [1.1]]),
            np.tile([[0.9, 0.1], [0.1, 0.9]], (2, 2, 1, 1)),
            self.N,
        )
        object.__setattr__(self, "exo", exo)
        scale = middle_and_half_range(exo.values), middle_and_half_range(exo.own_values)
        object.__setattr__(self, "scale", scale)

    @property
    def state(self):
        return tuple(
            f"log capital {j} of household {i}" for i in range(self.N) for j in range(self.M)
        )

    @property
    def actions(self):
        size = self.N * self.M
        return (Box(np.full(size, self.low / self.M), np.full(size, self.high / self.M)),)

    @property
    def k_ss(self):
        """Steady state of each stock when all productivities are 1."""
        slope = self.φ * self.δ * self.N * self.M * (1 - self.β * (1 - self.δ))
        return (self.α * self.β / slope) ** (1 / (2 - self.α))

    @property
    def s_ss(self):
        """Share of output given for each good in the steady state."""
        return self.φ * self.N * self.δ**2 * self.k_ss ** (2 - self.α) / 2

    def initial(self, u):
        return namespace(u).log(self.k_ss * (0.5 + 0.75 * u))

    def step(self, x, z, a):
        xp = namespace(x)
        _, c, X = self._quantities(x, z, a)
        K = xp.exp(x).reshape(X.shape)
        K1 = (1 - self.δ) * K + self.investment(X)
        return xp.log(K1).reshape(x.shape), xp.log(c).mean(-1, keepdims=True)

    def observe(self, x, z):
        (middle, half), (own_middle, own_half) = self.scale
        o = [
            (x - np.log(self.k_ss)) / SPREAD,
            (z.own[..., 0] - own_middle) / own_half,
            (z.aggregate - middle) / half,
        ]
        return namespace(x).concatenate(o, -1)[..., None, :]

    def accounts(self, x, z, a):
        y, c, X = self._quantities(x, z, a)
        return {
            "capital": namespace(x).exp(x).sum(-1),
            "output": y.sum(-1),
            "consumption": c.sum(-1),
            "spending on capital": X.sum((-2, -1)),
            "new capital": self.investment(X).sum((-2, -1)),
        }

    def margins(self, x, z, a):
        """Both sides of each stock's Euler equation, cost = β E[gain'], each (..., N M).

        A unit of new capital costs the household that gets it φ(I + I_i)/2 and each other one
        φ I_j/2, since capital has become dearer.
        """
        y, c, X = self._quantities(x, z, a)
        K, new = namespace(x).exp(x).reshape(X.shape), self.investment(X)
        u = (1 / c)[..., None]
        cost = self.φ / 2 * (u * new.sum(-2, keepdims=True) + (u * new).sum(-2, keepdims=True))
        gain = u * self.α * y[..., None] / (self.M * K) + (1 - self.δ) * cost
        return cost.reshape(x.shape), gain.reshape(x.shape)

    def investment(self, X):
        """New capital of each household and good, from spending `X`, both (..., N, M)."""
        return X * namespace(X).sqrt(2 / (self.φ * X.sum(-2, keepdims=True)))

    def output(self, x, z):
        """Output of each household, (..., N)."""
        bundle = x.reshape(*x.shape[:-1], self.N, self.M).mean(-1)
        return z.aggregate * z.own[..., 0] * namespace(x).exp(self.α * bundle)

    def _quantities(self, x, z, a):
        s = a[..., 0, :].reshape(*a.shape[:-2], self.N, self.M)
        y = self.output(x, z)
        return y, (1 - s.sum(-1)) * y, s * y[..., None]
