r"""Krusell and Smith's second economy as learners meet it: patience differs, and changes.

As in `Households`, but each household has a discount factor :math:`\beta_{it}` of its own, which
follows a chain independent of employment and is known to the household.  It maximizes

.. math:: \mathbb{E} \sum_t \Bigl( \prod_{\tau < t} \beta_{i\tau} \Bigr) u(c_{it}) ,

so what tomorrow's utility is worth today depends on today's patience.  The contract's
``discount(x1, z1)`` is told where the household stands *tomorrow*; hence the state remembers.

Wealth may fall to a limit below zero, and who has no work has some goods whatever the wage.
"""

from dataclasses import dataclass

import numpy as np

from marketsai_lite.economies.krusell_smith_households import Households
from marketsai_lite.economy import Exogenous, namespace
from marketsai_lite.require import number, require

LEAST = 0.01  # a household that could not eat this much, at the limit of its debt, is given it
FLOOR = 0.05  # of k_ss: capital from abroad, if households were to own less


@dataclass(frozen=True, eq=False)
class PatientHouseholds(Households):
    """The second economy of the 1998 paper: wealth and past patience are the state.

    Own shocks are employment e and the discount factor β.  A household sees what `Households` see,
    and its patience.  β itself, the field, is that of complete markets: it sets the scale k_ss and
    the simple rule, which so knows nothing of who is patient.

    Parameters
    ----------
    μ : float
        Benefit of an unemployed household, a share of the wage.
    l : float
        Labour of an employed household.
    start : str
        The simple rule, of `Households`; by default consumption within one's means.
    betas : (float, float, float)
        Discount factors; nobody jumps between the first and the last.
    extreme : float
        Share of households with the first, and with the last.
    lasts : float
        Mean number of periods for which these last.
    home : float
        Goods of a household without work.
    limit : float
        Least wealth.
    """

    μ: float = 0.0
    l: float = 0.3271  # noqa: E741
    start: str = "means"
    betas: tuple[float, float, float] = (0.9858, 0.9894, 0.9930)
    extreme: float = 0.1
    lasts: float = 200.0
    home: float = 0.07
    limit: float = -2.4

    def __post_init__(self):
        super().__post_init__()
        β = np.array(self.betas, dtype=float)
        require(
            betas=(self.betas, β.shape == (3,) and ((β > 0) & (β < 1)).all(), "three in (0, 1)"),
            extreme=(self.extreme, 0 < number(self.extreme) < 0.5, "in (0, 1/2)"),
            lasts=(self.lasts, 1 <= number(self.lasts) < np.inf, ">= 1"),
            home=(self.home, 0 <= number(self.home) < np.inf, "non-negative"),
            limit=(self.limit, -np.inf < number(self.limit) <= 0, "at most 0"),
        )
        B = patience(self.extreme, self.lasts)
        exo = Exogenous(
            self.exo.values,
            self.exo.transition,
            np.stack([np.tile([0.0, 1.0], 3), np.repeat(β, 2)], 1),
            np.array([[np.kron(B, Q) for Q in row] for row in self.exo.own_transition]),
            self.n,
        )
        names = self.state + tuple(f"last patience of {agent}" for agent in self.agents)
        object.__setattr__(self, "exo", exo)
        object.__setattr__(self, "state", names)

    def wealth(self, x):
        """Wealth (..., n) of all in the state `x` (..., 2n)."""
        return x[..., : self.n]

    def initial(self, u):
        k, then = super().initial(self.wealth(u)), self.betas[1] + 0 * self.wealth(u)
        return namespace(u).concatenate([k, then], -1)

    def discount(self, x1, z1):
        """Tomorrow's worth: the patience that each had when it chose."""
        return x1[..., self.n :]

    def mean(self, x):
        """Mean capital (..., 1) of those who have mass, at least `FLOOR` of k_ss."""
        return namespace(x).clip(super().mean(x), FLOOR * self.k_ss, None)

    def step(self, x, z, a, m=None):
        k = self.wealth(x)
        cash = self.cash(k, z, self.market(x, z) if m is None else m)
        c = self.consumption(k, cash, a[..., 0])
        saved = self.limit + self.room(cash) - c
        return namespace(x).concatenate([saved, z.own[..., 1]], -1), self.utility(c)

    def observe(self, x, z):
        k = self.wealth(x)
        return self.seen(k, self.mean(x), self.market(x, z), z, self.moments(x))

    def accounts(self, x, z, a):
        k, K, m = self.wealth(x), self.mean(x), self.market(x, z)
        cash = self.cash(k, z, m)
        Z, L = z.aggregate[..., 0], self.l * (1 - z.aggregate[..., 1])
        c = self.consumption(k, cash, a[..., 0])
        return {
            "capital": K[..., 0],
            "output": Z * K[..., 0] ** self.α * L ** (1 - self.α),
            "consumption": c,
            "saved": self.limit + self.room(cash) - c,
            "patience": z.own[..., 1],
            "unemployment": 1 - z.own[..., 0].mean(-1),
            "return": m[..., 0],
            "wage": m[..., 1],
            "income": cash - m[..., :1] * k,
        }

    def cash(self, x, z, m):
        """Cash on hand at wealth `x` (..., n), with what grows at home."""
        return super().cash(x, z, m) + self.home * (1 - z.own[..., 0])

    def room(self, cash):
        """What can be eaten, cash on hand down to the limit; debts beyond it are forgiven."""
        return namespace(cash).clip(cash - self.limit, LEAST, None)

    def seen(self, x, K, m, z, moments):
        """What households with wealth `x` see; see `Households`.  Patience comes last."""
        xp, (low, middle, high) = namespace(x), self.betas
        told = super().seen(x - self.limit, K, m, z, moments)
        own = (z.own[..., 1] - middle) / ((high - low) / 2 or 1.0) + 0 * x
        return xp.concatenate([told, xp.stack([own, own**2], -1)], -1)

    def consumption(self, x, cash, a):
        """Consumption out of the room for it, if the simple rule is moved by `a`.

        The rule is that of `Households`: its cash on hand is the room here, and so are its income
        and its wealth, counted from the limit on.
        """
        return super().consumption(x - self.limit, self.room(cash), a)


def patience(extreme, lasts):
    """Law (3, 3) of discount factors: `extreme` of all have the first, and so many the last.

    These two last for `lasts` periods on average, and lead to the one in the middle.
    """
    leave = 1 / lasts
    away = leave * extreme / (1 - 2 * extreme)
    return np.array([[1 - leave, leave, 0], [away, 1 - 2 * away, away], [0, leave, 1 - leave]])
