r"""A market for capital goods, in which every household moves the price.

Household i owns capital :math:`k_i` and produces :math:`y_i = Z Z_i k_i^\alpha`.  It gives the
share :math:`s_i` of output for new capital, :math:`x_i = s_i y_i`.  To make I units of capital its
producers need :math:`\phi I^2 / 2` of the good, and sell them at marginal cost
:math:`p = \phi I`.  Since all spending X buys all new capital, :math:`p I = X`,

.. math:: p = \sqrt{\phi X}, \qquad X = \sum_i x_i, \qquad
          k_i' = (1 - \delta) k_i + \frac{x_i}{p} .

The producers' profit is :math:`p I - \phi I^2 / 2 = X / 2`.  The share :math:`\rho` of it belongs
to the households in equal parts, and the rest leaves the economy:

.. math:: c_i = y_i - x_i + \rho \frac{X}{2 N} .

Household i maximizes :math:`\mathbb{E} \sum_t \beta^t \log c_{it}`.  This is the market of
Covarrubias (2021, section 2.2), where :math:`\rho = 0`.  With :math:`\rho = 1` all households
together pay :math:`\phi I^2 / 2` for new capital, as the one of `Planner` does.  Solutions:
`marketsai_lite.solutions.capital_market`.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import SPREAD, middle_and_half_range
from marketsai_lite.economy import Box, Exogenous, constant, namespace
from marketsai_lite.require import number, require, whole

SEES = ("everything", "prices", "aggregates")


@dataclass(frozen=True, eq=False)
class CapitalMarket:
    """Households that buy capital from producers with rising cost.

    State: log of each household's capital and, if prices are what is seen, log of the last price.
    Shocks: aggregate productivity and, if wanted, each household's own.  Action: the share of its
    output that a household spends on capital.

    Parameters
    ----------
    N : int
        Number of households.
    rebate : float
        Share ρ of the producers' profit that is paid to the households.
    sees : str
        What a household observes beside aggregate productivity: "everything" is all capital and
        all productivities, its own first; "prices" is its own and the last price; "aggregates" is
        mean capital alone.
    α : float
        Capital's share of output.
    β : float
        Discount factor.
    δ : float
        Depreciation.
    φ : float
        Slope of the marginal cost of new capital.
    low : float
        Least share spent.
    high : float
        Largest share spent.
    exo : Exogenous
        Productivity Z, and Z_i of each household if it has own chains.

    Attributes
    ----------
    agents : tuple[str, ...]
        Names of the households.
    actions : tuple[Box, ...]
        Of each household, shares from low to high.
    scale : tuple
        Mid-range and half range of Z, and of Z_i.
    """

    N: int = 2
    rebate: float = 0.0
    sees: str = "everything"
    α: float = 0.3
    β: float = 0.98
    δ: float = 0.04
    φ: float = 0.5
    low: float = 0.001
    high: float = 0.9
    exo: Exogenous = field(default_factory=lambda: constant(1.0))
    agents: tuple[str, ...] = field(init=False)
    actions: tuple[Box, ...] = field(init=False)
    scale: tuple = field(init=False)

    def __post_init__(self):
        require(
            N=(self.N, whole(self.N, 1), "an integer >= 1"),
            rebate=(self.rebate, 0 <= number(self.rebate) <= 1, "in [0, 1]"),
            sees=(self.sees, self.sees in SEES, f"one of {SEES}"),
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
            exo=(self.exo, isinstance(self.exo, Exogenous), "a chain"),
        )
        values, own = self.exo.values, self.exo.own_values
        positive = all(v.shape[1] == 1 and v.min() > 0 for v in (values, own) if v is not None)
        right = f"positive, with own productivities of none or of all {self.N} households"
        require(exo=(self.exo, positive and self.exo.n in (0, self.N), right))
        object.__setattr__(self, "N", int(self.N))
        box = Box(np.array([self.low]), np.array([self.high]))
        scale = middle_and_half_range(values)
        for name, value in (
            ("agents", tuple(f"household {i + 1}" for i in range(self.N))),
            ("actions", (box,) * self.N),
            ("scale", (scale, scale if own is None else middle_and_half_range(own))),
        ):
            object.__setattr__(self, name, value)

    @property
    def state(self):
        last = ("log of the last price",) if self.sees == "prices" else ()
        return tuple(f"log capital of {agent}" for agent in self.agents) + last

    @property
    def k_ss(self):
        """Capital of each in the steady state of price takers, when all productivities are 1."""
        slope = self.φ * self.δ * self.N * (1 - self.β * (1 - self.δ))
        return (self.α * self.β / slope) ** (1 / (2 - self.α))

    @property
    def p_ss(self):
        """Price in that steady state."""
        return self.φ * self.δ * self.N * self.k_ss

    def initial(self, u):
        xp, k = namespace(u), self.k_ss * (0.5 + 0.75 * u[..., : self.N])
        if self.sees != "prices":
            return xp.log(k)
        return xp.log(xp.concatenate([k, self.p_ss * (0.9 + 0.2 * u[..., self.N :])], -1))

    def market(self, x, z, a):
        """Price of capital, and what each household is paid of the producers' profit, (..., 2)."""
        xp, X = namespace(x), (a[..., 0] * self.output(x, z)).sum(-1)
        return xp.stack([xp.sqrt(self.φ * X), self.rebate * X / (2 * self.N)], -1)

    def step(self, x, z, a, m=None):
        xp, m = namespace(x), self.market(x, z, a) if m is None else m
        y, s, p = self.output(x, z), a[..., 0], m[..., :1]
        k = (1 - self.δ) * xp.exp(x[..., : self.N]) + s * y / p
        x1 = k if self.sees != "prices" else xp.concatenate([k, p], -1)
        return xp.log(x1), xp.log((1 - s) * y + m[..., 1:])

    def observe(self, x, z):
        xp, ((middle, half), (own_middle, own_half)) = namespace(x), self.scale
        capital = (x[..., : self.N] - np.log(self.k_ss)) / SPREAD
        own = [(z.own[..., 0] - own_middle) / own_half] if self.exo.n else []
        Z = ((z.aggregate - middle) / half + 0 * capital)[..., None]
        if self.sees == "aggregates":
            mean = xp.log(xp.exp(x).mean(-1, keepdims=True) / self.k_ss) / SPREAD
            return xp.concatenate([(mean + 0 * capital)[..., None], Z], -1)
        if self.sees == "prices":
            price = (x[..., self.N :] - np.log(self.p_ss)) / SPREAD + 0 * capital
            return xp.stack([capital, price, *own, Z[..., 0]], -1)
        return xp.concatenate([*map(self._seen_by_each, (capital, *own)), Z], -1)

    def accounts(self, x, z, a):
        xp, m = namespace(x), self.market(x, z, a)
        y, s = self.output(x, z), a[..., 0]
        X = (s * y).sum(-1)
        return {
            "capital": xp.exp(x[..., : self.N]).sum(-1),
            "output": y.sum(-1),
            "consumption": ((1 - s) * y + m[..., 1:]).sum(-1),
            "spending on capital": X,
            "new capital": X / m[..., 0],
            "price": m[..., 0],
            "profit": X / 2,
            "profit that leaves": (1 - self.rebate) * X / 2,
        }

    def output(self, x, z):
        """Output of each household, (..., N)."""
        y = z.aggregate * namespace(x).exp(self.α * x[..., : self.N])
        return y * z.own[..., 0] if self.exo.n else y

    def _seen_by_each(self, v):
        """Rows (..., N, N) of `v` (..., N): to household i, its own entry, then those after it."""
        xp = namespace(v)
        rows = [xp.concatenate([v[..., i:], v[..., :i]], -1) for i in range(self.N)]
        return xp.stack(rows, -2)
