r"""Two sectors and labor: one makes what is consumed, the other the capital of both.

With capital :math:`K_c + K_i = K` and labor :math:`N_c + N_i = N`,

.. math:: C = z_c K_c^{\alpha_c} N_c^{1 - \alpha_c}, \qquad
          I = z_i K_i^{\alpha_i} N_i^{1 - \alpha_i}, \qquad K' = (1 - \delta) K + I .

In Covarrubias (2021, section 4) capital works in the first sector alone, and the second uses land,
of which there is one unit: with ``land`` :math:`K_c = K` and :math:`I = z_i N_i^{1 - \alpha_i}`.

What is maximized is :math:`\mathbb{E} \sum_t \beta^t u(C_t, N_t)`, with

.. math:: u = \log C + \psi \log(T - N) \qquad \text{or} \qquad
          u = \log \Bigl( C - \psi \frac{N^{1 + \eta}}{1 + \eta} \Bigr),

the second of Greenwood, Hercowitz and Huffman (1988), for which ``utility`` is "ghh".

`TwoSector` is the planner's problem; `two_sector_market` has the game in which nobody plans.
Solutions: `marketsai_lite.solutions.two_sector`.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economy import Box, Exogenous, constant, namespace
from marketsai_lite.require import flag, number, require

UTILITIES = ("log", "ghh")
POOR = 0.05  # below it the logarithm of "ghh" goes on along its tangent


class Rest(NamedTuple):
    """A steady state at the means of the shocks.

    Attributes
    ----------
    K, N, t : float
        Capital, hours, and hours in investment for each hour in consumption.
    """

    K: float
    N: float
    t: float


@dataclass(frozen=True, eq=False)
class TwoSector:
    """The planner of two sectors.

    State: log of capital.  Shocks: productivity of the two sectors.  Action: hours, the share of
    them that makes capital goods and, unless the sector uses land, the share of capital that does.

    Parameters
    ----------
    α_c, α_i : float
        Share of capital in consumption, and of capital or land in investment.
    β : float
        Discount factor.
    δ : float
        Depreciation.
    ψ : float
        Weight of leisure, or of the toil of work.
    η : float
        Curvature of the toil, with "ghh".
    utility : str
        "log" or "ghh".
    land : bool
        Whether capital goods are made with land in place of capital.
    time : float
        Hours there are.
    low, high : float
        Bounds of the shares, and of hours relative to `time`.
    exo : Exogenous
        Productivities z_c and z_i.

    Attributes
    ----------
    actions : tuple[Box, ...]
        Of the planner.
    center : float
        Capital in the steady state of plan and competition.
    scale : tuple
        Mid-range and half range of the two productivities.
    """

    α_c: float = 0.35
    α_i: float = 0.45
    β: float = 0.95
    δ: float = 1.0
    ψ: float = 1.5
    η: float = 1.0
    utility: str = "log"
    land: bool = False
    time: float = 1.0
    low: float = 0.01
    high: float = 0.95
    exo: Exogenous = field(default_factory=lambda: constant(1.0, 1.0))
    actions: tuple[Box, ...] = field(init=False)
    center: float = field(init=False)
    scale: tuple = field(init=False)

    agents = ("planner",)
    state = ("log of capital",)

    def __post_init__(self):
        require(
            α_c=(self.α_c, 0 < number(self.α_c) < 1, "in (0, 1)"),
            α_i=(self.α_i, 0 < number(self.α_i) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            δ=(self.δ, 0 < number(self.δ) <= 1, "in (0, 1]"),
            ψ=(self.ψ, 0 < number(self.ψ) < np.inf, "positive"),
            η=(self.η, 0 < number(self.η) < np.inf, "positive"),
            utility=(self.utility, self.utility in UTILITIES, f"one of {UTILITIES}"),
            land=(self.land, flag(self.land), "True or False"),
            time=(self.time, 0 < number(self.time) < np.inf, "positive"),
            low=(self.low, 0 < number(self.low) < 1, "in (0, 1)"),
            high=(
                self.high,
                number(self.low) < number(self.high) < 1,
                f"in (low, 1) = ({self.low}, 1)",
            ),
            exo=(self.exo, isinstance(self.exo, Exogenous), "a chain"),
        )
        z, own = self.exo.values, self.exo.n
        right = "of two positive productivities, none of them anybody's own"
        require(exo=(z, z.shape[1] == 2 and z.min() > 0 and own == 0, right))
        width = 2 if self.land else 3
        hours = np.array([self.time] + [1.0] * (width - 1))
        for name, value in (
            ("actions", (Box(self.low * hours, self.high * hours),)),
            ("center", self.rest().K),
            ("scale", tuple(_middle_and_half(v) for v in z.T)),
        ):
            object.__setattr__(self, name, value)

    def rest(self, φ=1.0):
        """Steady state at mean productivities, if factors earn the share `φ` of their product.

        Parameters
        ----------
        φ : float
            1 for the plan and for competition; 1 - 1/F with F firms in each sector.

        Returns
        -------
        Rest
        """
        require(φ=(φ, 0 < number(φ) <= 1, "in (0, 1]"))
        α_c, α_i, ψ = self.α_c, self.α_i, self.ψ
        (z_c, z_i), ϱ = self.exo.values.mean(0), 1 / self.β - 1 + self.δ
        if self.land:
            κ = 0.0
            t = (1 - α_i) * φ * α_c * self.δ / (ϱ * (1 - α_c))
        else:
            κ = φ * α_i * self.δ / ϱ
            t = κ / (1 - κ) / self.intensity
        k_i = (φ * α_i * z_i / ϱ) ** (1 / (1 - α_i))  # capital per hour in investment
        if self.utility == "log":
            earned = φ * (1 - α_c) * (1 + t)
            N = self.time * earned / (ψ + earned)
        elif self.land:
            K_c = (z_i * t ** (1 - α_i) * (1 + t) ** α_i / self.δ) ** α_c
            N = (φ * (1 - α_c) * z_c / ψ * K_c) ** (1 / (self.η + α_i * α_c))
        else:
            N = (φ * (1 - α_c) * z_c / ψ * (k_i / self.intensity) ** α_c) ** (1 / self.η)
        N_i = N * t / (1 + t)
        K = z_i * N_i ** (1 - α_i) / self.δ if self.land else N_i * k_i / κ
        return Rest(float(K), float(N), float(t))

    @property
    def intensity(self):
        """Capital per hour in investment over that in consumption, as cost is least."""
        return self.α_i * (1 - self.α_c) / ((1 - self.α_i) * self.α_c)

    def initial(self, u):
        return np.log(self.center) + u - 0.5

    def produce(self, z, K_c, N_c, K_i, N_i):
        """Output of the two sectors, where `K_i` is land if there is land."""
        C = z.aggregate[..., 0] * K_c**self.α_c * N_c ** (1 - self.α_c)
        return C, z.aggregate[..., 1] * K_i**self.α_i * N_i ** (1 - self.α_i)

    def felicity(self, C, N):
        """Utility of a period."""
        xp = namespace(C)
        if self.utility == "log":
            return xp.log(C) + self.ψ * xp.log(self.time - N)
        left = C - self.ψ * N ** (1 + self.η) / (1 + self.η)
        enough = left > POOR
        tangent = np.log(POOR) + left / POOR - 1
        return xp.where(enough, xp.log(xp.where(enough, left, POOR + 0 * left)), tangent)

    def step(self, x, z, a):
        Y_c, Y_i = self._made(x, z, a)
        K = namespace(x).exp(x)
        x1 = namespace(x).log((1 - self.δ) * K + Y_i[..., None])
        return x1, self.felicity(Y_c, a[..., 0, 0])[..., None]

    def observe(self, x, z):
        K = (x - np.log(self.center)) / SPREAD
        return namespace(x).concatenate([K, seen(z, self.scale)], -1)[..., None, :]

    def accounts(self, x, z, a):
        Y_c, Y_i = self._made(x, z, a)
        return {
            "capital": namespace(x).exp(x[..., 0]),
            "hours": a[..., 0, 0],
            "consumption": Y_c,
            "investment": Y_i,
        }

    def _made(self, x, z, a):
        K, N, ν = namespace(x).exp(x[..., 0]), a[..., 0, 0], a[..., 0, 1]
        κ = 0.0 if self.land else a[..., 0, 2]
        K_i = 1 + 0 * K if self.land else κ * K
        return self.produce(z, (1 - κ) * K, (1 - ν) * N, K_i, ν * N)


def _middle_and_half(values):
    """Mid-range and half range, the latter 1 of what never changes."""
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, (high - low) / 2 or 1.0


def seen(z, scale):
    """Shocks as agents see them, around 0."""
    parts = [(z.aggregate[..., j] - middle) / half for j, (middle, half) in enumerate(scale)]
    return namespace(z.aggregate).stack(parts, -1)
