r"""The monopolist with logit demand, a cost of changing its price, and demand that moves.

A consumer buys the good with probability

.. math:: q(p, a_0) = \frac{e^{(a - p)/\mu}}{e^{(a - p)/\mu} + e^{a_0/\mu}},

where :math:`a_0`, the value of buying elsewhere, follows a Markov chain.  Profit is

.. math:: \pi_t = (p_t - c)\, q(p_t, a_{0,t}) - \kappa (p_t - p_{t-1})^2 .

With :math:`\kappa = 0` and a constant :math:`a_0` nothing links the periods: the static monopolist
whose price has a closed form (`marketsai_lite.solutions.logit_pricing`).  Demand is the logit
duopoly's of Calvano et al. (2020), with one firm.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Exogenous, Grid, constant, index, like, namespace
from marketsai_lite.require import array, number, require


@dataclass(frozen=True, eq=False)
class LogitMonopolist:
    """The dynamic monopolist of the first chapter.

    State: last period's price.  Action: this period's price, from a grid.

    Parameters
    ----------
    a : float
        Quality of the good.
    c : float
        Marginal cost.
    μ : float
        Taste dispersion: how little consumers react to the price.
    κ : float
        Cost of changing the price.
    β : float
        Discount factor.
    prices : array (m,)
        The grid of prices.
    outside : Exogenous
        a0, the value of the outside good.
    """

    a: float = 2.0
    c: float = 1.0
    μ: float = 0.25
    κ: float = 1.0
    β: float = 0.95
    prices: np.ndarray = field(
        default_factory=lambda: np.linspace(1.0, 2.5, 15),
    )
    outside: Exogenous = field(
        default_factory=lambda: Exogenous(
            np.array([[-0.25], [0.25]]), np.array([[0.9, 0.1], [0.1, 0.9]])
        )
    )

    agents = ("monopolist",)
    state = ("last price",)

    def __post_init__(self):
        prices, chain = array("prices", self.prices).copy(), self.outside
        grid = prices.ndim == 1 and prices.size > 0
        grid = grid and bool(np.isfinite(prices).all())
        one = isinstance(chain, Exogenous) and chain.values.shape[1] == 1
        require(
            a=(self.a, np.isfinite(number(self.a)), "finite"),
            c=(self.c, np.isfinite(number(self.c)), "finite"),
            μ=(self.μ, 0 < number(self.μ) < np.inf, "positive"),
            κ=(self.κ, 0 <= number(self.κ) < np.inf, "non-negative"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
            prices=(self.prices, grid, "a grid"),
            outside=(chain, one, "a chain of one number"),
        )
        object.__setattr__(self, "prices", prices)

    @property
    def exo(self):
        return self.outside

    @property
    def actions(self):
        return (Grid(self.prices[:, None]),)

    def initial(self, u):
        return like(self.prices, u)[index(u, len(self.prices))]

    def step(self, x, z, a):
        p = a[..., 0, :]
        earned = (p - self.c) * self.demand(p, z.aggregate)
        return p, earned - self.κ * (p - x) ** 2

    def observe(self, x, z):
        return namespace(x).concatenate([x, z.aggregate], -1)[..., None, :]

    def accounts(self, x, z, a):
        p = a[..., 0, :]
        q = self.demand(p, z.aggregate)
        return {
            "price": p[..., 0],
            "quantity": q[..., 0],
            "revenue": (p * q)[..., 0],
            "production cost": (self.c * q)[..., 0],
            "adjustment cost": (self.κ * (p - x) ** 2)[..., 0],
        }

    def demand(self, p, a0):
        """Probability of a sale at price `p`, the outside good worth `a0`.

        This is `logit.logit_demand` of one firm; where the exponent is
        large it is zero.
        """
        xp, exponent = namespace(p), (a0 - self.a + p) / self.μ
        return 1.0 / (1.0 + xp.exp(xp.clip(exponent, None, 700.0)))


def static_monopolist(a0=0.0, **parameters):
    """The monopolist of one period, repeated: no adjustment cost, constant demand."""
    return LogitMonopolist(κ=0.0, outside=constant(a0), **parameters)
