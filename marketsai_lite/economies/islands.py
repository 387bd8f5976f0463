r"""Many growth models under one planner.

Each of d islands has its own capital and its own productivity, and is a `Growth` economy.  One
planner saves for all of them and earns their mean utility.  Nothing links the islands, so the
solution for every d is the solution for one (`marketsai_lite.solutions.islands`); but a learner is
not told, and for it the state has 2d dimensions and the action d.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import Growth
from marketsai_lite.economy import Box, Exogenous, Shocks, own_chains
from marketsai_lite.require import require, whole


@dataclass(frozen=True, eq=False)
class Islands:
    """d copies of the growth model.

    State: log of each island's capital.  Shocks: each island's own productivity.  Action: the share
    of output that each island saves.

    Parameters
    ----------
    d : int
        Number of islands.
    island : Growth
        Each of them.

    Attributes
    ----------
    exo : Exogenous
        The island's chain, drawn for each island by itself.
    """

    d: int = 2
    island: Growth = field(default_factory=Growth)
    exo: Exogenous = field(init=False)

    agents = ("planner",)

    def __post_init__(self):
        require(
            d=(self.d, whole(self.d, 1), "an integer >= 1"),
            island=(self.island, isinstance(self.island, Growth), "a Growth economy"),
        )
        object.__setattr__(self, "d", int(self.d))
        object.__setattr__(self, "exo", own_chains(self.island.exo, self.d))

    @property
    def state(self):
        return tuple(f"log capital of island {j}" for j in range(self.d))

    @property
    def β(self):
        return self.island.β

    @property
    def actions(self):
        (box,) = self.island.actions
        return (Box(np.tile(box.low, self.d), np.tile(box.high, self.d)),)

    def initial(self, u):
        return self.island.initial(u)

    def step(self, x, z, a):
        x1, r = self.island.step(*self.apart(x, z, a))
        return x1[..., 0], r[..., 0].mean(-1, keepdims=True)

    def observe(self, x, z):
        o = self.island.observe(x[..., None], alone(z))  # (..., d, 1, 2)
        return o.reshape(*x.shape[:-1], 1, 2 * self.d)

    def accounts(self, x, z, a):
        return {k: v.mean(-1) for k, v in self.island.accounts(*self.apart(x, z, a)).items()}

    def margins(self, x, z, a):
        """Both sides of each island's Euler equation, cost = β E[gain'], each (..., d)."""
        cost, gain = self.island.margins(*self.apart(x, z, a))
        return cost[..., 0], gain[..., 0]

    def apart(self, x, z, a):
        """The same with the islands as a batch dimension: state, shock and action of each."""
        return x[..., None], alone(z), a[..., 0, :, None, None]


def alone(z):
    """The own shocks of the islands, each as the aggregate shock of an island by itself."""
    return Shocks(z.own, z.own[..., :0, None])
