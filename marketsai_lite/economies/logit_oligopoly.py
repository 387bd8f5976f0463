r"""Price competition with differentiated goods and logit demand, repeated.

A consumer buys from firm i with probability

.. math:: q_i(p) = \frac{e^{(a_i - p_i)/\mu}}{\sum_j e^{(a_j - p_j)/\mu} + e^{a_0/\mu}}

and firm i earns :math:`(p_i - c_i) q_i`.  With prices on a grid and memory of the last period
this is the game of Calvano, Calzolari, Denicolò and Pastorello (2020, AER 110, eq. 5).
Equilibrium and collusive prices are in `marketsai_lite.solutions.logit_pricing`.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketsai_lite.economies.logit import logit_demand
from marketsai_lite.economy import Grid, constant, index, like, namespace
from marketsai_lite.require import array, number, require


@dataclass(frozen=True, eq=False)
class LogitOligopoly:
    """The pricing game.

    State: last period's prices, which everybody sees.  Action: a price from the firm's grid.

    Parameters
    ----------
    prices : array (n, m)
        Price grid of each firm.
    a : array_like (n,)
        Qualities.
    c : array_like (n,)
        Marginal costs.
    a0 : float
        Value of the outside good.
    μ : float
        Taste dispersion.
    β : float
        Discount factor.
    """

    prices: np.ndarray
    a: Any = field(default_factory=lambda: np.full(2, 2.0))
    c: Any = field(default_factory=lambda: np.full(2, 1.0))
    a0: float = 0.0
    μ: float = 0.25
    β: float = 0.95

    exo = constant(0.0)

    def __post_init__(self):
        prices, a, c = (array(name, getattr(self, name)).copy() for name in ("prices", "a", "c"))
        grid = prices.ndim == 2 and prices.size > 0 and bool(np.isfinite(prices).all())
        require(
            prices=(self.prices, grid, "finite, of shape (n, m)"),
            a=(self.a, a.shape == prices.shape[:1] and np.isfinite(a).all(), "finite, one a firm"),
            c=(self.c, c.shape == prices.shape[:1] and np.isfinite(c).all(), "finite, one a firm"),
            a0=(self.a0, np.isfinite(number(self.a0)), "finite"),
            μ=(self.μ, 0 < number(self.μ) < np.inf, "positive"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
        )
        for name, value in (("prices", prices), ("a", a), ("c", c)):
            object.__setattr__(self, name, value)

    @property
    def agents(self):
        return tuple(f"firm {i + 1}" for i in range(len(self.prices)))

    @property
    def state(self):
        return tuple(f"last price of {agent}" for agent in self.agents)

    @property
    def actions(self):
        return tuple(Grid(grid[:, None]) for grid in self.prices)

    def initial(self, u):
        last = [like(grid, u)[index(u[..., i], len(grid))] for i, grid in enumerate(self.prices)]
        return namespace(u).stack(last, -1)

    def step(self, x, z, a):
        p = a[..., 0]
        return p, (p - like(self.c, p)) * self.demand(p)

    def observe(self, x, z):
        return namespace(x).stack([x] * len(self.prices), -2)

    def accounts(self, x, z, a):
        p = a[..., 0]
        q = self.demand(p)
        return {"average price": p.mean(-1), "quantity": q.sum(-1)}

    def demand(self, p):
        """Probabilities of a sale (..., n) at prices `p` (..., n)."""
        return logit_demand(p, self.a, self.a0, self.μ)

    def payoffs(self):
        """Profits (n, m, ..., m) at every profile of grid prices: the stage game as an array."""
        p = np.stack(np.meshgrid(*self.prices, indexing="ij"), -1)
        return np.moveaxis((p - self.c) * self.demand(p), -1, 0)
