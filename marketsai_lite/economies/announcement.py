"""An announcement is made, nothing happens for a while, and then it must be acted on.

It asks for memory and nothing else: whoever remembers earns 1, and whoever does not earns 1/2 on
average, whatever it does.
"""

from dataclasses import dataclass

import numpy as np

from marketsai_lite.economy import Grid, constant, index, namespace
from marketsai_lite.require import number, require, whole


@dataclass(frozen=True, eq=False)
class Announcement:
    """A signal of -1 or 1 is seen in the first period, and must be named in the last.

    State: the signal, and how many periods have passed; the game ends after the last.  Action: -1
    or 1; only the last one counts.

    Parameters
    ----------
    blank : int
        Periods between the announcement and the answer, in which nothing is seen.
    β : float
        Discount factor.
    """

    blank: int = 40
    β: float = 0.99

    agents = ("listener",)
    state = ("signal", "periods passed")
    exo = constant(0.0)
    actions = (Grid(np.array([[-1.0], [1.0]])),)

    def __post_init__(self):
        require(
            blank=(self.blank, whole(self.blank, 0), "an integer >= 0"),
            β=(self.β, 0 <= number(self.β) <= 1, "in [0, 1]"),
        )
        object.__setattr__(self, "blank", int(self.blank))

    @property
    def last(self):
        """The period of the answer."""
        return self.blank + 1

    def initial(self, u):
        signal = 2.0 * index(u[..., :1], 2) - 1 + 0 * u[..., :1]
        return namespace(u).concatenate([signal, 0 * u[..., 1:]], -1)

    def step(self, x, z, a):
        signal, t = x[..., :1], x[..., 1:]
        right = (t == self.last) * (a[..., 0, :] == signal)
        return namespace(x).concatenate([signal, t + 1], -1), 1.0 * right + 0 * t

    def observe(self, x, z):
        signal, t = x[..., :1], x[..., 1:]
        o = [signal * (t == 0), 1.0 * (t == self.last) + 0 * t]
        return namespace(x).concatenate(o, -1)[..., None, :]

    def discount(self, x1, z1):
        return self.β * (x1[..., 1:] <= self.last) + 0 * x1[..., 1:]

    def accounts(self, x, z, a):
        return {}
