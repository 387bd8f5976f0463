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

`TwoSector` is the planner's problem.  In `TwoSectorMarket` nobody plans: households choose how much
to work and what share of income to spend on capital goods, firms choose what to bid for labor and
for capital, and every good and factor is sold at a trading post (Shapley and Shubik, 1977): all
that is bid buys all that is offered.  Solutions: `marketsai_lite.solutions.two_sector`.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economy import Box, Exogenous, Group, constant, namespace, padded
from marketsai_lite.require import flag, number, require, whole

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
        return namespace(x).concatenate([K, _seen(z, self.scale)], -1)[..., None, :]

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


class Prices(NamedTuple):
    """What forms at the trading posts of a period.

    All money is spent in every period, and is counted as 1.

    Attributes
    ----------
    w, r_c, r_i : array (...)
        Wage, rent of capital, and rent of what investment uses beside labor: capital or land.
    p_c, p_i : array (...)
        Prices of the two goods.
    d : array (...)
        Profits, and rent of land, paid to each household.
    e_c, e_i : array (...)
        Spending on each good, for each firm that makes it.
    """

    w: Any
    r_c: Any
    r_i: Any
    p_c: Any
    p_i: Any
    d: Any
    e_c: Any
    e_i: Any


@dataclass(frozen=True, eq=False)
class TwoSectorMarket:
    """Households and firms of two sectors, who meet at trading posts.

    State: log of each household's capital.  Shocks: those of the plan.  A household chooses its
    hours and the share of income that it spends on capital goods; it sees its own capital, mean
    capital and the shocks.  A firm chooses what it bids for its two factors, as a share of the
    spending on its good per firm, and the share of the bid that is for labor; it sees mean capital
    and the shocks.  Households earn utility, firms profit, of which each household owns an equal
    part.

    Money spent is the numeraire: profit is a share of all spending.

    Parameters
    ----------
    plan : TwoSector
        Technology, tastes and shocks.
    households : int
        Number of households, H; together they own what the planner has, in H equal parts of time.
    firms : int
        Number of firms in each sector, F.
    least : float
        Smallest bid of a firm; the largest is 1, so that nobody makes a loss it cannot pay.
    equal : bool
        Whether all households begin with the same capital.

    Attributes
    ----------
    agents, state : tuple[str, ...]
        Names of households and firms, and of the households' capital.
    actions : tuple[Box, ...]
        Of each.
    groups : tuple[Group, ...]
        Households, and the firms of the two sectors.
    """

    plan: TwoSector = field(default_factory=TwoSector)
    households: int = 4
    firms: int = 2
    least: float = 0.1
    equal: bool = False
    agents: tuple[str, ...] = field(init=False)
    state: tuple[str, ...] = field(init=False)
    actions: tuple[Box, ...] = field(init=False)
    groups: tuple[Group, ...] = field(init=False)

    def __post_init__(self):
        require(
            plan=(self.plan, isinstance(self.plan, TwoSector), "a TwoSector"),
            households=(self.households, whole(self.households, 1), "an integer >= 1"),
            firms=(self.firms, whole(self.firms, 1), "an integer >= 1"),
            least=(self.least, 0 < number(self.least) < 1, "in (0, 1)"),
            equal=(self.equal, flag(self.equal), "True or False"),
        )
        H, F, plan = int(self.households), int(self.firms), self.plan
        hours = np.array([plan.time, 1.0])
        home = Box(plan.low * hours, plan.high * hours)
        bids = Box(np.array([self.least, 0.05]), np.array([1.0, 0.95]))
        names = [f"household {h + 1}" for h in range(H)]
        makers = [
            f"{good} firm {j + 1}" for good in ("consumption", "investment") for j in range(F)
        ]
        for name, value in (
            ("households", H),
            ("firms", F),
            ("agents", (*names, *makers)),
            ("state", tuple(f"log capital of {name}" for name in names)),
            ("actions", (home,) * H + (bids,) * (2 * F)),
            (
                "groups",
                (
                    Group("household", slice(0, H), home, 4),
                    Group("consumption firm", slice(H, H + F), bids, 3),
                    Group("investment firm", slice(H + F, H + 2 * F), bids, 3),
                ),
            ),
        ):
            object.__setattr__(self, name, value)

    @property
    def β(self):
        """Discount factor of the plan."""
        return self.plan.β

    @property
    def exo(self):
        """Shocks of the plan."""
        return self.plan.exo

    def initial(self, u):
        u = u[..., :1] + 0 * u if self.equal else u
        return np.log(self.plan.center / self.households) + u - 0.5

    def market(self, x, z, a):
        """The eight `Prices`, (..., 8)."""
        return namespace(x).stack(self.prices(x, z, a), -1)

    def prices(self, x, z, a):
        """Prices at which all that is bid buys all that is offered.

        Households spend what they earn, and they earn what firms bid and keep, which are shares of
        what households spend.  So the share X of all money that is spent on capital goods solves
        one linear equation.

        Parameters
        ----------
        x, z, a
            As of `step`.

        Returns
        -------
        Prices
        """
        plan, F, H = self.plan, self.firms, self.households
        n, s, bids = self._split(a)
        K, k = self._capital(x)
        labor, other = bids[..., 0] * bids[..., 1], bids[..., 0] * (1 - bids[..., 1])
        (W_c, W_i), (R_c, R_i) = (
            (v[..., 0, :].mean(-1), v[..., 1, :].mean(-1)) for v in (labor, other)
        )
        rented = 0 * R_i if plan.land else R_i  # what capital gets of investment's spending
        worker = (s * n).sum(-1) / n.sum(-1)  # shares spent on capital out of wages, rents, profit
        saver, owner = (s * k).sum(-1) / K, s.mean(-1)
        X = owner + (worker - owner) * W_c + (saver - owner) * R_c
        X = X / (1 - (worker - owner) * (W_i - W_c) - (saver - owner) * (rented - R_c))
        w = ((1 - X) * W_c + X * W_i) / n.sum(-1)
        r_c = ((1 - X) * R_c + X * rented) / K
        r_i = X * R_i if plan.land else r_c
        d = (1 - w * n.sum(-1) - r_c * K) / H
        e_c, e_i = (1 - X) / F, X / F
        Y_c, Y_i = self._outputs(z, bids, Prices(w, r_c, r_i, 1.0, 1.0, d, e_c, e_i))
        return Prices(w, r_c, r_i, (1 - X) / Y_c.sum(-1), X / Y_i.sum(-1), d, e_c, e_i)

    def step(self, x, z, a, m=None):
        xp = namespace(x)
        p = Prices(*(self.prices(x, z, a) if m is None else (m[..., j] for j in range(8))))
        n, _, bids = self._split(a)
        _, k = self._capital(x)
        c, i = self.demands(x, a, p)
        utility = self.plan.felicity(self.households * c, self.households * n)
        k1 = (1 - self.plan.δ) * k + i
        return xp.log(k1), xp.concatenate([utility, *self._profits(z, bids, p)], -1)

    def demands(self, x, a, p):
        """Consumption and capital goods that each household buys at prices `p`, (..., H) each."""
        n, s, _ = self._split(a)
        _, k = self._capital(x)
        y = p.w[..., None] * n + p.r_c[..., None] * k + p.d[..., None]
        return (1 - s) * y / p.p_c[..., None], s * y / p.p_i[..., None]

    def excess(self, x, z, a, p):
        """What is demanded at any prices `p` less what is offered, in value: (..., 5).

        In the order consumption, capital goods, labor, capital, land.  Firms pay out what they
        earn at these prices, so that by Walras' law the five add up to zero, whatever the prices.
        """
        xp, plan, H = namespace(x), self.plan, self.households
        n, _, bids = self._split(a)
        K, _ = self._capital(x)
        Y_c, Y_i = self._outputs(z, bids, p)
        π_c, π_i = self._profits(z, bids, p)
        land = p.r_i if plan.land else 0 * p.r_i
        p = p._replace(d=(π_c.sum(-1) + π_i.sum(-1) + land) / H)
        c, i = self.demands(x, a, p)
        e = xp.stack([p.e_c, p.e_i], -1)[..., None]
        labor = (bids[..., 0] * bids[..., 1] * e).sum((-1, -2))
        other = (bids[..., 0] * (1 - bids[..., 1]) * e).sum(-1)
        rented = other[..., 0] if plan.land else other.sum(-1)
        return xp.stack(
            [
                p.p_c * (c.sum(-1) - Y_c.sum(-1)),
                p.p_i * (i.sum(-1) - Y_i.sum(-1)),
                labor - p.w * n.sum(-1),
                rented - p.r_c * K,
                other[..., 1] - land if plan.land else 0 * K,
            ],
            -1,
        )

    def observe(self, x, z):
        xp, H, F = namespace(x), self.households, self.firms
        K, k = self._capital(x)
        middle = self.plan.center
        own = (xp.log(k) - np.log(middle / H)) / SPREAD
        mean = ((xp.log(K) - np.log(middle)) / SPREAD)[..., None]
        shocks = _seen(z, self.plan.scale)
        homes = [own[..., None], *((v[..., None, :] + 0 * own[..., None]) for v in (mean, shocks))]
        firm = padded(xp.concatenate([mean, shocks], -1), 4)[..., None, :]
        firms = xp.concatenate([firm] * (2 * F), -2)
        return xp.concatenate([xp.concatenate(homes, -1), firms], -2)

    def accounts(self, x, z, a):
        p, (n, _, bids) = self.prices(x, z, a), self._split(a)
        K, _ = self._capital(x)
        Y_c, Y_i = (v.sum(-1) for v in self._outputs(z, bids, p))
        other_i = (bids[..., 1, :, 0] * (1 - bids[..., 1, :, 1])).sum(-1) * p.e_i
        profit = sum(v.sum(-1) for v in self._profits(z, bids, p))
        return {
            "capital": K,
            "hours": n.sum(-1),
            "consumption": Y_c,
            "investment": Y_i,
            "wage": p.w / p.p_c,
            "rent": p.r_c / p.p_c,
            "price of capital": p.p_i / p.p_c,
            "rent of land": p.r_i / p.p_c if self.plan.land else 0 * K,
            "share invested": self.firms * p.e_i,
            "capital in investment": 0 * K if self.plan.land else other_i / (p.r_c * K),
            "profit share": profit,
            "Walras": self.excess(x, z, a, p).sum(-1),
        }

    def _split(self, a):
        """Hours and shares spent (..., H) of households, bids (..., 2, F, 2) of the sectors."""
        H, F = self.households, self.firms
        bids = a[..., H:, :].reshape(*a.shape[:-2], 2, F, 2)
        return a[..., :H, 0] / H, a[..., :H, 1], bids

    def _capital(self, x):
        k = namespace(x).exp(x)
        return k.sum(-1), k

    def _outputs(self, z, bids, p):
        """Output of each firm of the two sectors, (..., F) each."""
        bid, labor = bids[..., 0], bids[..., 1]
        N_c, N_i = (
            bid[..., j, :] * labor[..., j, :] * (e / p.w)[..., None]
            for j, e in enumerate((p.e_c, p.e_i))
        )
        K_c, K_i = (
            bid[..., j, :] * (1 - labor[..., j, :]) * (e / r)[..., None]
            for j, (e, r) in enumerate(((p.e_c, p.r_c), (p.e_i, p.r_i)))
        )
        each = z._replace(aggregate=z.aggregate[..., None, :])
        return self.plan.produce(each, K_c, N_c, K_i, N_i)

    def _profits(self, z, bids, p):
        """What each firm of the two sectors earns and does not bid, (..., F) each."""
        made = self._outputs(z, bids, p)
        return [
            price[..., None] * output - bids[..., j, :, 0] * e[..., None]
            for j, (price, output, e) in enumerate(
                zip((p.p_c, p.p_i), made, (p.e_c, p.e_i), strict=True)
            )
        ]


def _middle_and_half(values):
    """Mid-range and half range, the latter 1 of what never changes."""
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, (high - low) / 2 or 1.0


def _seen(z, scale):
    """Shocks as agents see them, around 0."""
    parts = [(z.aggregate[..., j] - middle) / half for j, (middle, half) in enumerate(scale)]
    return namespace(z.aggregate).stack(parts, -1)
