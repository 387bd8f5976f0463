r"""The monopolist with linear demand and quadratic adjustment costs.

Inverse demand is :math:`p_t = a_0 - a_1 q_t + d_t` with :math:`d_{t+1} = \rho d_t + \sigma
\varepsilon_{t+1}`, and profit

.. math:: \pi_t = (p_t - c)\, q_t - \gamma (q_{t+1} - q_t)^2 .

Today's output was chosen yesterday; the action is tomorrow's.  The solution is linear
(`marketsai_lite.solutions.lq_monopolist`), and Rouwenhorst's chain has exactly the conditional
mean and variance of the AR(1), so the closed form holds for the discretized shock too.  This is
the monopolist of Sargent (1987, ch. XIV) as in QuantEcon's lecture on linear-quadratic control.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Box, Exogenous, ar1, namespace
from marketsai_lite.require import number, require, whole


@dataclass(frozen=True, eq=False)
class LQMonopolist:
    """The linear-quadratic monopolist.

    State: output q.  Action: next period's output q'.

    Parameters
    ----------
    a0 : float
        Demand intercept.
    a1 : float
        Demand slope.
    c : float
        Marginal cost.
    γ : float
        Adjustment cost.
    ρ : float
        Persistence of demand.
    σ : float
        Standard deviation of the demand innovation.
    β : float
        Discount factor.
    nd : int
        States of the demand chain.
    low : float
        Least output.
    high : float
        Largest output.

    Attributes
    ----------
    exo : Exogenous
        Demand, by Rouwenhorst.
    """

    a0: float = 5.0
    a1: float = 0.5
    c: float = 2.0
    γ: float = 1.0
    ρ: float = 0.9
    σ: float = 0.15
    β: float = 0.95
    nd: int = 5
    low: float = 2.0
    high: float = 4.0
    exo: Exogenous = field(init=False)

    agents = ("monopolist",)
    state = ("output",)

    def __post_init__(self):
        require(
            a0=(self.a0, np.isfinite(number(self.a0)), "finite"),
            a1=(self.a1, 0 < number(self.a1) < np.inf, "positive"),
            c=(self.c, np.isfinite(number(self.c)), "finite"),
            γ=(self.γ, 0 < number(self.γ) < np.inf, "positive"),
            ρ=(self.ρ, -1 < number(self.ρ) < 1, "in (-1, 1)"),
            σ=(self.σ, 0 <= number(self.σ) < np.inf, "non-negative"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
            nd=(self.nd, whole(self.nd, 2), "an integer >= 2"),
            low=(self.low, np.isfinite(number(self.low)), "finite"),
            high=(self.high, number(self.low) < number(self.high) < np.inf, "above low"),
        )
        object.__setattr__(self, "nd", int(self.nd))
        object.__setattr__(self, "exo", ar1(self.nd, self.ρ, self.σ))

    @property
    def actions(self):
        return (Box(np.array([self.low]), np.array([self.high])),)

    def initial(self, u):
        return self.low + u * (self.high - self.low)

    def step(self, x, z, a):
        q1 = a[..., 0, :]
        profit = (self.price(x, z.aggregate) - self.c) * x - self.γ * (q1 - x) ** 2
        return q1, profit

    def observe(self, x, z):
        return namespace(x).concatenate([x, z.aggregate], -1)[..., None, :]

    def accounts(self, x, z, a):
        p, q1 = self.price(x, z.aggregate), a[..., 0, :]
        return {
            "price": p[..., 0],
            "quantity": x[..., 0],
            "revenue": (p * x)[..., 0],
            "production cost": (self.c * x)[..., 0],
            "adjustment cost": (self.γ * (q1 - x) ** 2)[..., 0],
        }

    def price(self, q, d):
        """Inverse demand."""
        return self.a0 - self.a1 * q + d
