r"""Krusell and Smith's economy: many households, uninsured unemployment, and a business cycle.

Each household owns capital :math:`k_i \ge 0` and is employed, :math:`e_i = 1`, or not.  Firms rent
mean capital K and the labour l L of those who work, and pay marginal products,

.. math:: R = 1 - \delta + \alpha Z \Bigl(\frac{K}{l L}\Bigr)^{\alpha - 1}, \qquad
          w = (1 - \alpha) Z \Bigl(\frac{K}{l L}\Bigr)^{\alpha}, \qquad L = 1 - u(z) .

Whoever works earns :math:`w l (1 - \tau)`, whoever does not the benefit :math:`\mu w`, and the tax
:math:`\tau = \mu u / (l L)` pays for it.  A household saves the share :math:`s_i` of its cash on
hand :math:`m_i = R k_i + \text{income}`,

.. math:: c_i = (1 - s_i)\, m_i, \qquad k_i' = s_i m_i ,

and maximizes :math:`\mathbb{E} \sum_t \beta^t c_{it}^{1 - \gamma} / (1 - \gamma)`.

The defaults are those of Den Haan, Judd and Juillard (2010); `krusell_smith_1998` has those of the
1998 paper.  The n households are drawn from a continuum: K is *their* mean capital, while the rate
of unemployment is the law's u(z), from which their own differs by the luck of the draw.

References
----------
Krusell and Smith (1998), "Income and wealth heterogeneity in the macroeconomy".  Den Haan, Judd and
Juillard (2010), "Computational suite of models with heterogeneous agents".
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Box, Exogenous, namespace
from marketsai_lite.require import array, number, require, whole


@dataclass(frozen=True, eq=False)
class KrusellSmith:
    """Households who save against unemployment, and a market for their capital.

    State: capital of each household.  Shocks: productivity Z and the rate of unemployment u, which
    go together, and employment e of each household.  Action: the share of its cash on hand that a
    household saves.  A household sees its own capital, mean capital, the aggregate state and its
    own employment.

    Parameters
    ----------
    n : int
        Number of households.
    α : float
        Capital's share of output.
    β : float
        Discount factor.
    γ : float
        Relative risk aversion; 1 is log utility.
    δ : float
        Depreciation.
    μ : float
        Benefit of an unemployed household, a share of the wage.
    l : float
        Labour of an employed household.
    Z : array (2,)
        Productivity in bad and in good times.
    u : array (2,)
        Rate of unemployment in bad and in good times.
    spells : array (2,)
        Mean number of periods that unemployment lasts in bad and in good times.
    cycle : float
        Mean number of periods that bad, or good, times last.
    low : float
        Least share saved: positive, so that there is always some capital.
    high : float
        Largest share saved.

    Attributes
    ----------
    agents, state : tuple[str, ...]
        Names of the households and of their capital.
    actions : tuple[Box, ...]
        Of each household, shares from low to high.
    exo : Exogenous
        The aggregate chain and everybody's own.
    """

    n: int = 2
    α: float = 0.36
    β: float = 0.99
    γ: float = 1.0
    δ: float = 0.025
    μ: float = 0.15
    l: float = 1 / 0.9  # noqa: E741
    Z: np.ndarray = field(default_factory=lambda: np.array([0.99, 1.01]))
    u: np.ndarray = field(default_factory=lambda: np.array([0.10, 0.04]))
    spells: np.ndarray = field(default_factory=lambda: np.array([2.5, 1.5]))
    cycle: float = 8.0
    low: float = 1e-4
    high: float = 0.9999
    agents: tuple[str, ...] = field(init=False)
    state: tuple[str, ...] = field(init=False)
    actions: tuple[Box, ...] = field(init=False)
    exo: Exogenous = field(init=False)

    def __post_init__(self):
        Z, u, spells = (array(k, getattr(self, k)).copy() for k in ("Z", "u", "spells"))
        require(
            n=(self.n, whole(self.n, 1), "an integer >= 1"),
            α=(self.α, 0 < number(self.α) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            γ=(self.γ, 0 < number(self.γ) < np.inf, "positive"),
            δ=(self.δ, 0 < number(self.δ) <= 1, "in (0, 1]"),
            μ=(self.μ, 0 <= number(self.μ) < np.inf, "non-negative"),
            l=(self.l, 0 < number(self.l) < np.inf, "positive"),
            Z=(self.Z, Z.shape == (2,) and (Z > 0).all() and np.isfinite(Z).all(), "two positive"),
            u=(self.u, u.shape == (2,) and ((u > 0) & (u < 1)).all(), "two rates in (0, 1)"),
            spells=(self.spells, spells.shape == (2,) and (spells >= 1).all(), "two numbers >= 1"),
            cycle=(self.cycle, 1 < number(self.cycle) < np.inf, "above 1"),
            low=(self.low, 0 < number(self.low) < 1, "in (0, 1)"),
            high=(self.high, number(self.low) < number(self.high) < 1, f"in ({self.low}, 1)"),
        )
        require(μ=(self.μ, (self.μ * u < self.l * (1 - u)).all(), "paid for by a tax below 1"))
        object.__setattr__(self, "n", int(self.n))
        stay = 1 - 1 / self.cycle
        exo = Exogenous(
            np.stack([Z, u], 1),
            np.array([[stay, 1 - stay], [1 - stay, stay]]),
            np.array([[0.0], [1.0]]),
            employment(u, spells),
            self.n,
        )
        agents = tuple(f"household {i + 1}" for i in range(self.n))
        box = Box(np.array([self.low]), np.array([self.high]))
        for name, value in (
            ("Z", Z),
            ("u", u),
            ("spells", spells),
            ("agents", agents),
            ("state", tuple(f"capital of {agent}" for agent in agents)),
            ("actions", (box,) * self.n),
            ("exo", exo),
        ):
            object.__setattr__(self, name, value)

    @property
    def k_ss(self):
        """Capital at which R = 1/β, at mean productivity and mean unemployment."""
        return steady_capital(self)

    def initial(self, u):
        return self.k_ss * (0.5 + u)

    def market(self, x, z, a):
        """Gross return R and wage w, (..., 2); they do not depend on what is saved today."""
        Z, u = z.aggregate[..., 0], z.aggregate[..., 1]
        ratio = x.mean(-1) / (self.l * (1 - u))
        R = 1 - self.δ + self.α * Z * ratio ** (self.α - 1)
        return namespace(x).stack([R, (1 - self.α) * Z * ratio**self.α], -1)

    def step(self, x, z, a, m=None):
        m = self.market(x, z, a) if m is None else m
        cash, s = self.cash(x, z, m), a[..., 0]
        return s * cash, self.utility((1 - s) * cash)

    def observe(self, x, z):
        """Own and mean capital, productivity and employment, each about 0 and of size 1."""
        (bad, good), xp = self.Z, namespace(x)
        own, mean = x / self.k_ss - 1, x.mean(-1, keepdims=True) / self.k_ss - 1
        half = (good - bad) / 2 if good != bad else 1.0
        times = (z.aggregate[..., :1] - (bad + good) / 2) / half
        return xp.stack([own, 10 * mean + 0 * x, times + 0 * x, 2 * z.own[..., 0] - 1], -1)

    def accounts(self, x, z, a):
        m = self.market(x, z, a)
        cash, s, R, w = self.cash(x, z, m), a[..., 0], m[..., :1], m[..., 1:]
        Z, L = z.aggregate[..., 0], self.l * (1 - z.aggregate[..., 1])
        return {
            "capital": x.mean(-1),
            "output": Z * x.mean(-1) ** self.α * L ** (1 - self.α),
            "consumption": ((1 - s) * cash).mean(-1),
            "investment": (s * cash - (1 - self.δ) * x).mean(-1),
            "unemployment": 1 - z.own[..., 0].mean(-1),
            "return": R[..., 0],
            "wage": w[..., 0],
            "income": cash - R * x,
        }

    def cash(self, x, z, m):
        """Cash on hand of each household, (..., n), at prices `m` (..., 2)."""
        u, e = z.aggregate[..., 1:], z.own[..., 0]
        net = self.l - self.μ * u / (1 - u)  # (1 - τ) l
        return m[..., :1] * x + m[..., 1:] * (self.μ + (net - self.μ) * e)

    def utility(self, c):
        """Utility of consumption `c`."""
        if self.γ == 1:
            return namespace(c).log(c)
        return c ** (1 - self.γ) / (1 - self.γ)


def krusell_smith_1998(n=2, **changes):
    """The benchmark of the 1998 paper: no benefits, no taxes, and l = .3271."""
    return KrusellSmith(n, **dict(μ=0.0, l=0.3271) | changes)


def employment(u, spells):
    """Law of a household's employment, (2, 2, 2, 2): P(e' | e) for each move of the cycle.

    Where times stay as they are, unemployment ends as its mean length says.  Who is unemployed when
    times turn bad finds work less easily than later in bad times, by a quarter, and more easily
    when they turn good.  How many lose their work then follows: there are u(z') unemployed.

    Raises
    ------
    ValueError
        If no such law exists, since one of its entries were not a probability.
    """
    stay = 1 - 1 / np.asarray(spells)
    stays = np.array([[stay[0], 0.75 * stay[1]], [1.25 * stay[0], stay[1]]])  # (z, z')
    loses = (u - u[:, None] * stays) / (1 - u[:, None])
    P = np.stack([np.stack([stays, 1 - stays], -1), np.stack([loses, 1 - loses], -1)], -2)
    right = "such that every move of employment has a probability in [0, 1]"
    require(spells=(spells, ((P >= 0) & (P <= 1)).all(), f"{right}; here are {P.tolist()}"))
    return P


def steady_capital(economy):
    """Capital at which R = 1/β, at mean productivity and mean unemployment."""
    rent = (1 / economy.β - 1 + economy.δ) / (economy.α * economy.Z.mean())
    return economy.l * (1 - economy.u.mean()) * rent ** (1 / (economy.α - 1))
