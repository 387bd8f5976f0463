"""Krusell and Smith's economy as learners meet it: what they see, and a first simple rule."""

from dataclasses import dataclass

import numpy as np

from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economy import Box, namespace
from marketsai_lite.require import require, whole

STARTS = ("income", "wealth", "means")
LEVELS = (0.2, 0.4, 0.7, 1.0, 1.5, 2.5)  # of wealth, relative to k_ss


@dataclass(frozen=True, eq=False)
class Households(KrusellSmith):
    """The economy as learners meet it: an action moves a simple rule of consumption.

    The action is what is added to the log odds of the share of cash on hand that is eaten, so that
    0 is the simple rule.  Explorers are households of no mass, whose wealth is not in the mean.

    Parameters
    ----------
    n : int
        Number of households, explorers included, who are the last.
    explorers : int
        How many of them explore.
    sees : tuple of str
        What a household sees: its wealth "k" and employment "e", the aggregate state "z", mean
        capital "K", the gross return "R", the second moment of wealth "V", or shares of households
        with less than each of `LEVELS`, "D", which are the whole distribution, coarsely.  Its cash
        on hand it knows, to consume a share of it.
    start : str
        The simple rule: "income", consume the income from cash on hand as if R were 1/β for ever
        and labour income its mean, or "wealth", keep what you own, both up to a share of 0.95;
        "means", like "income" but where w is the share that it wants, the share w / sqrt(1 + w²),
        which is less than all there is without a kink.
    """

    n: int = 128
    explorers: int = 0
    sees: tuple[str, ...] = ("k", "e", "z", "K")
    start: str = "income"

    def __post_init__(self):
        super().__post_init__()
        known = {"k", "e", "z", "K", "R", "V", "D"}
        some = bool(self.sees) and set(self.sees) <= known
        require(
            explorers=(self.explorers, whole(self.explorers, 0, self.n - 1), "from 0 to n - 1"),
            sees=(self.sees, some, f"some of {sorted(known)}"),
            start=(self.start, self.start in STARTS, f"one of {STARTS}"),
        )
        box = Box(np.array([-3.0]), np.array([3.0]))
        object.__setattr__(self, "actions", (box,) * self.n)

    def initial(self, u):
        return self.k_ss * (0.1 + 1.8 * u)

    def mean(self, x):
        """Mean capital (..., 1) of those who have mass."""
        return x[..., : self.n - self.explorers].mean(-1, keepdims=True)

    def moments(self, x):
        """What `sees` names of the distribution of wealth beside its mean, (..., columns)."""
        xp, k = namespace(x), x[..., : self.n - self.explorers]
        columns = []
        if "V" in self.sees:
            columns = [10 * (xp.log((k**2).mean(-1) / k.mean(-1) ** 2) - 0.22)]
        if "D" in self.sees:
            below = [(k < level * self.k_ss).mean(-1, dtype=x.dtype) for level in LEVELS]
            columns = columns + [4 * share - 2 for share in below]
        return xp.stack(columns, -1) if columns else x[..., :0]

    def market(self, x, z, a=None):
        return super().market(self.mean(x), z, a)

    def step(self, x, z, a, m=None):
        cash = self.cash(x, z, self.market(x, z) if m is None else m)
        c = self.consumption(x, cash, a[..., 0])
        return cash - c, self.utility(c)

    def observe(self, x, z):
        return self.seen(x, self.mean(x), self.market(x, z), z, self.moments(x))

    def seen(self, x, K, m, z, moments):
        """What households with wealth `x` see.

        Mean capital is `K`, prices are `m`, and the distribution has `moments` as returned above.
        """
        xp, (bad, good), k = namespace(x), self.Z, x / self.k_ss
        e, times = 2 * z.own[..., 0] - 1, (2 * z.aggregate[..., :1] - bad - good) / (good - bad)
        columns = {
            "k": [xp.log(k + 0.01), 4 * k / (1 + k) - 2],
            "e": [e],
            "z": [times + 0 * x] + [times * e] * ("e" in self.sees),
            "K": [10 * (K / self.k_ss - 1) + 0 * x],
            "R": [500 * (m[..., :1] - 1 / self.β) + 0 * x],
        }
        told = [column for name in self.sees for column in columns.get(name, ())]
        told += [moments[..., j : j + 1] + 0 * x for j in range(moments.shape[-1])]
        return xp.stack(told, -1)

    def consumption(self, x, cash, a):
        """Consumption with wealth `x` and `cash` on hand, if the simple rule is moved by `a`."""
        xp = namespace(x)
        L = self.l * (1 - self.u.mean())
        labour_income = (1 - self.α) * self.Z.mean() * self.k_ss**self.α * L ** (1 - self.α)
        income = (1 - self.β) * cash + self.β * labour_income
        wanted = (cash - x if self.start == "wealth" else income) / cash
        if self.start == "means":
            share = wanted / xp.sqrt(1 + wanted**2)
        else:
            share = xp.clip(wanted, 0.01, 0.95)
        odds = share / (1 - share) * xp.exp(a)
        return cash * odds / (1 + odds)
