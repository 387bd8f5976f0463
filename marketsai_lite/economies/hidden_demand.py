r"""A monopolist that never sees demand, and must judge it from the prices that it got.

Inverse demand is :math:`p_t = a + \theta_t - b q_t + \varepsilon_t`, where demand
:math:`\theta_t` moves as :math:`\theta_{t+1} = \rho \theta_t + \eta_{t+1}` with variance 1 and the
noise :math:`\varepsilon_t` is new in every period, with variance R.  Output is chosen before the
price is seen.  Who knows price and output knows :math:`y_t = p_t - a + b q_t = \theta_t +
\varepsilon_t`: demand seen through noise, whatever output was, so that nothing is gained by
experiments.  What it pays to do with all the y seen is to filter them
(`marketsai_lite.solutions.hidden_demand`).

Demand is Rouwenhorst's chain, which has exactly the conditional mean and variance of the AR(1), and
the noise is binomial: everything in the solution depends on such moments alone.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Box, Exogenous, ar1
from marketsai_lite.require import number, require, whole


@dataclass(frozen=True, eq=False)
class HiddenDemand:
    """A monopolist with hidden demand.

    State: the demand seen in the last period, y, and 0 in the first, when nothing has been seen.
    Action: output q.  It earns p q; output costs nothing.

    Parameters
    ----------
    a : float
        Demand intercept.
    b : float
        Demand slope.
    ρ : float
        Persistence of demand.
    R : float
        Variance of the noise; that of demand is 1.
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
        Demand and noise, side by side.

    References
    ----------
    Sargent, T. J. and J. Stachurski: A first look at the Kalman filter, QuantEcon (the filter).
    """

    a: float = 3.0
    b: float = 1.0
    ρ: float = 0.95
    R: float = 1.0
    β: float = 0.99
    nd: int = 17
    low: float = 0.0
    high: float = 3.0
    exo: Exogenous = field(init=False, repr=False)

    agents = ("monopolist",)
    state = ("demand seen",)

    def __post_init__(self):
        require(
            a=(self.a, np.isfinite(number(self.a)), "finite"),
            b=(self.b, 0 < number(self.b) < np.inf, "positive"),
            ρ=(self.ρ, -1 < number(self.ρ) < 1, "in (-1, 1)"),
            R=(self.R, 0 <= number(self.R) < np.inf, "non-negative"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
            nd=(self.nd, whole(self.nd, 2, 64), "an integer in 2, ..., 64"),
            low=(self.low, np.isfinite(number(self.low)), "finite"),
            high=(self.high, number(self.low) < number(self.high) < np.inf, "above low"),
        )
        object.__setattr__(self, "nd", int(self.nd))
        demand = ar1(self.nd, self.ρ, np.sqrt(1 - self.ρ**2))
        noise, weight = binomial(self.nd, np.sqrt(self.R))
        θ, ε = np.meshgrid(demand.values[:, 0], noise, indexing="ij")
        values = np.stack([θ.ravel(), ε.ravel()], 1)
        exo = Exogenous(values, np.kron(demand.transition, np.tile(weight, (self.nd, 1))))
        object.__setattr__(self, "exo", exo)

    @property
    def actions(self):
        return (Box(np.array([self.low]), np.array([self.high])),)

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        q = a[..., 0, :]
        return z.aggregate.sum(-1)[..., None], self.price(q, z.aggregate) * q

    def observe(self, x, z):
        return x[..., None, :]

    def accounts(self, x, z, a):
        q = a[..., 0, :]
        p = self.price(q, z.aggregate)
        return {"price": p[..., 0], "quantity": q[..., 0], "revenue": (p * q)[..., 0]}

    def price(self, q, z):
        """Price of output `q` (..., 1) at demand and noise `z` (..., 2)."""
        return self.a + z.sum(-1)[..., None] - self.b * q


def binomial(n, σ):
    """Return `n` values with mean 0 and standard deviation σ, and their binomial probabilities.

    Parameters
    ----------
    n : int
    σ : float

    Returns
    -------
    values, probabilities : array (n,)
    """
    from scipy.stats import binom

    k, m = np.arange(n), n - 1
    return σ * (2 * k - m) / np.sqrt(m), binom.pmf(k, m, 0.5)
