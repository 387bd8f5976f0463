r"""Price competition when each firm has its own news about demand.

Demand is :math:`q_i = a + \theta - b p_i + d p_j`.  Nobody sees :math:`\theta_t = \pm\sigma`, which
is drawn afresh each period; firm i sees a signal :math:`s_i = \pm\sigma` that is right with
probability :math:`\rho`, independently of its rival's.  The game is partially observed: `observe`
shows a firm its own signal and nothing else.  Its Bayesian equilibrium is in
`marketsai_lite.solutions.private_signals` (Vives, 1984, in the normal case).
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Box, Exogenous
from marketsai_lite.require import number, require


@dataclass(frozen=True, eq=False)
class PrivateSignals:
    """A duopoly with private signals of demand.  No state.  Action: a price.

    Parameters
    ----------
    a : float
        Demand intercept.
    b : float
        Effect of the own price.
    d : float
        Effect of the rival's price.
    c : float
        Marginal cost.
    σ : float
        Size of the demand shock.
    ρ : float
        Probability that a signal is right.
    β : float
        Discount factor.
    ceiling : float
        Largest price.

    Attributes
    ----------
    exo : Exogenous
        Demand, and what each firm's signal says of it.
    """

    a: float = 2.0
    b: float = 1.0
    d: float = 0.5
    c: float = 0.0
    σ: float = 0.5
    ρ: float = 0.8
    β: float = 0.95
    ceiling: float = 5.0
    exo: Exogenous = field(init=False)

    agents = ("firm 1", "firm 2")
    state = ()

    def __post_init__(self):
        require(
            a=(self.a, np.isfinite(number(self.a)), "finite"),
            b=(self.b, 0 < number(self.b) < np.inf, "positive"),
            d=(self.d, 0 <= number(self.d) < number(self.b), "in [0, b)"),
            c=(self.c, np.isfinite(number(self.c)), "finite"),
            σ=(self.σ, 0 <= number(self.σ) < np.inf, "non-negative"),
            ρ=(self.ρ, 0.5 <= number(self.ρ) <= 1, "in [1/2, 1]"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
            ceiling=(
                self.ceiling,
                number(self.c) < number(self.ceiling) < np.inf,
                "above the cost c",
            ),
        )
        values = np.array([[-self.σ], [self.σ]])
        right = np.array([[self.ρ, 1 - self.ρ], [1 - self.ρ, self.ρ]])  # P(s | θ)
        own = np.broadcast_to(right[None, :, None, :], (2, 2, 2, 2))
        exo = Exogenous(values, np.full((2, 2), 0.5), values, own, n=2)
        object.__setattr__(self, "exo", exo)

    @property
    def actions(self):
        return (Box(np.full(1, self.c), np.full(1, self.ceiling)),) * 2

    def initial(self, u):
        return u

    def step(self, x, z, a):
        p = a[..., 0]
        return x, (p - self.c) * self.demand(z.aggregate, p)

    def observe(self, x, z):
        return z.own

    def accounts(self, x, z, a):
        p = a[..., 0]
        return {"average price": p.mean(-1), "quantity": self.demand(z.aggregate, p).sum(-1)}

    def demand(self, θ, p):
        """Quantities (..., 2) at demand shock `θ` (..., 1) and prices `p` (..., 2)."""
        return self.a + θ - self.b * p + self.d * p[..., [1, 0]]
