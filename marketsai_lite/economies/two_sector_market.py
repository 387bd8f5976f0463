"""Two sectors and labor without a planner: households and firms meet at trading posts.

Households choose how much to work and what share of income to spend on capital goods, firms choose
what to bid for labor and for capital, and every good and factor is sold at a trading post (Shapley
and Shubik, 1977): all that is bid buys all that is offered.  Technology and tastes are those of
`two_sector`.  Solutions: `marketsai_lite.solutions.two_sector`.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economies.two_sector import TwoSector, seen
from marketsai_lite.economy import Box, Group, namespace, padded
from marketsai_lite.require import flag, number, require, whole


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
        shocks = seen(z, self.plan.scale)
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
