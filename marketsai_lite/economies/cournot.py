r"""Cournot: firms choose quantities, the market finds the price.

Inverse demand is :math:`p = \max(a - b \sum_j q_j, 0)` and firm i earns :math:`(p - c_i) q_i`.
The equilibrium is in `marketsai_lite.solutions.cournot`.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketsai_lite.economy import Box, constant, like, namespace
from marketsai_lite.require import array, number, require


@dataclass(frozen=True, eq=False)
class Cournot:
    """Quantity competition, repeated.

    State: last period's quantities, which everybody sees.  Action: a quantity.

    Parameters
    ----------
    a : float
        Demand intercept.
    b : float
        Demand slope.
    costs : array_like (n,)
        Marginal cost of each firm.
    β : float
        Discount factor.
    capacity : float
        Largest quantity of a firm.
    """

    a: float = 1.0
    b: float = 1.0
    costs: Any = field(default_factory=lambda: np.zeros(2))
    β: float = 0.95
    capacity: float = 1.0

    exo = constant(0.0)

    def __post_init__(self):
        costs = array("costs", self.costs).copy()
        firms = costs.ndim == 1 and costs.size > 0 and bool(np.isfinite(costs).all())
        require(
            a=(self.a, 0 < number(self.a) < np.inf, "positive"),
            b=(self.b, 0 < number(self.b) < np.inf, "positive"),
            costs=(self.costs, firms, "finite, one a firm"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
            capacity=(self.capacity, 0 < number(self.capacity) < np.inf, "positive"),
        )
        object.__setattr__(self, "costs", costs)

    @property
    def agents(self):
        return tuple(f"firm {i + 1}" for i in range(len(self.costs)))

    @property
    def state(self):
        return tuple(f"last quantity of {agent}" for agent in self.agents)

    @property
    def actions(self):
        return (Box(np.zeros(1), np.full(1, self.capacity)),) * len(self.costs)

    def initial(self, u):
        return self.capacity * u

    def market(self, x, z, a):
        return self.price(a[..., 0])[..., None]

    def step(self, x, z, a, m=None):
        q, p = a[..., 0], self.market(x, z, a) if m is None else m
        return q, (p - like(self.costs, q)) * q

    def observe(self, x, z):
        return namespace(x).stack([x] * len(self.costs), -2)

    def accounts(self, x, z, a):
        q = a[..., 0]
        return {"price": self.price(q), "quantity": q.sum(-1)}

    def price(self, q):
        """Price (...) at quantities `q` (..., n)."""
        p = self.a - self.b * q.sum(-1)
        return namespace(q).where(p > 0, p, 0.0 * p)
