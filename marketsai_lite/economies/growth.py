r"""The stochastic growth model of one sector.

Output is :math:`y_t = z_t k_t^\alpha`.  A planner saves the share :math:`s_t` of it,

.. math:: c_t = (1 - s_t)\, y_t, \qquad k_{t+1} = (1 - \delta) k_t + s_t y_t,

and maximizes :math:`\mathbb{E} \sum_t \beta^t u(c_t)` with :math:`u(c) = c^{1-\gamma}/(1-\gamma)`,
or :math:`\log c` when :math:`\gamma = 1`.  With full depreciation and log utility this is the model
of Brock and Mirman (1972), whose optimal share is :math:`\alpha\beta`
(`marketsai_lite.solutions.brock_mirman`); otherwise it is solved by the method of endogenous grid
points (`marketsai_lite.solutions.egm`).
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Box, Exogenous, namespace
from marketsai_lite.require import number, require

SPREAD = 0.2  # of log capital around its steady state, by which observations are scaled


def booms_and_slumps():
    """Productivity of .9 or 1.1 that stays where it is with probability .9."""
    return Exogenous(np.array([[0.9], [1.1]]), np.array([[0.9, 0.1], [0.1, 0.9]]))


@dataclass(frozen=True, eq=False)
class Growth:
    """The stochastic growth model.

    State: log of capital.  Shock: productivity.  Action: the share of output that is saved.

    Parameters
    ----------
    α : float
        Capital's share of output.
    β : float
        Discount factor.
    γ : float
        Relative risk aversion; 1 is log utility.
    δ : float
        Depreciation.
    low : float
        Least share saved.
    high : float
        Largest share saved.
    exo : Exogenous
        Productivity z.

    Attributes
    ----------
    scale : tuple[float, float]
        Mid-range and half range of z.
    """

    α: float = 0.36
    β: float = 0.96
    γ: float = 1.0
    δ: float = 0.1
    low: float = 0.02
    high: float = 0.7
    exo: Exogenous = field(default_factory=booms_and_slumps)
    scale: tuple[float, float] = field(init=False)

    agents = ("planner",)
    state = ("log capital",)

    def __post_init__(self):
        require(
            α=(self.α, 0 < number(self.α) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            γ=(self.γ, 0 < number(self.γ) < np.inf, "positive"),
            δ=(self.δ, 0 < number(self.δ) <= 1, "in (0, 1]"),
            low=(self.low, 0 < number(self.low) < 1, "in (0, 1)"),
            high=(
                self.high,
                number(self.low) < number(self.high) < 1,
                f"in (low, 1) = ({self.low}, 1)",
            ),
            exo=(self.exo, is_positive(self.exo), "a positive chain"),
        )
        log_k = np.log(self.α / (1 / self.β - 1 + self.δ)) / (1 - self.α)
        small = "so far below 1 that the steady state of capital is between e^-200 and e^200"
        require(α=(self.α, abs(log_k) < 200, small))
        object.__setattr__(self, "scale", middle_and_half_range(self.exo.values))

    @property
    def actions(self):
        return (Box(np.array([self.low]), np.array([self.high])),)

    @property
    def k_ss(self):
        """Steady state of capital at z = 1, where α k^(α-1) = 1/β - 1 + δ."""
        return (self.α / (1 / self.β - 1 + self.δ)) ** (1 / (1 - self.α))

    @property
    def s_ss(self):
        """Share of output saved in the steady state."""
        return self.δ * self.k_ss ** (1 - self.α)

    def initial(self, u):
        return np.log(self.k_ss) + u - 0.5

    def step(self, x, z, a):
        k, y, c = self._quantities(x, z, a)
        k1 = (1 - self.δ) * k + y - c
        return namespace(x).log(k1), self.utility(c)

    def observe(self, x, z):
        middle, half = self.scale
        o = [(x - np.log(self.k_ss)) / SPREAD, (z.aggregate - middle) / half]
        return namespace(x).concatenate(o, -1)[..., None, :]

    def accounts(self, x, z, a):
        k, y, c = (v[..., 0] for v in self._quantities(x, z, a))
        return {"capital": k, "output": y, "consumption": c, "investment": a[..., 0, 0] * y}

    def margins(self, x, z, a):
        """Both sides of the Euler equation, cost = β E[gain'], each (..., 1).

        The cost is the marginal utility that a unit of tomorrow's capital takes today, the gain
        what a unit of today's capital gives today.
        """
        k, y, c = self._quantities(x, z, a)
        cost = c**-self.γ
        return cost, cost * (self.α * y / k + 1 - self.δ)

    def utility(self, c):
        """Utility of consuming `c`."""
        return namespace(c).log(c) if self.γ == 1 else c ** (1 - self.γ) / (1 - self.γ)

    def _quantities(self, x, z, a):
        k = namespace(x).exp(x)
        y = z.aggregate * k**self.α
        return k, y, (1 - a[..., 0, :]) * y


def brock_mirman(**parameters):
    """The growth model with a closed form: log utility and full depreciation."""
    return Growth(γ=1.0, δ=1.0, **parameters)


def is_positive(chain):
    """Whether it is an `Exogenous` chain of one positive number, without own shocks."""
    if not isinstance(chain, Exogenous):
        return False
    return chain.values.shape[1] == 1 and chain.values.min() > 0 and not chain.n


def middle_and_half_range(values):
    """By which a shock is centered and scaled to [-1, 1]; a constant one becomes 0."""
    middle = (values.min() + values.max()) / 2
    return float(middle), float(values.max() - middle) or 1.0
