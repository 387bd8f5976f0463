"""The planner's households act by themselves: a team that shares its utility."""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economy import Box, namespace


@dataclass(frozen=True, eq=False)
class PlannerTeam:
    """The households of `Planner`, who act by themselves and earn their mean utility.

    Each sees its own capital, its own productivity and that of all, and gives a share of its output
    for new capital.  How much a unit costs depends on what all give.

    Parameters
    ----------
    N : int
        Households.
    high : float
        Largest share of output that can be given.

    Attributes
    ----------
    plan : Planner
        The same economy, where one agent decides for all.
    """

    N: int = 2
    high: float = 0.4
    plan: Planner = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "plan", Planner(self.N, high=self.high))

    @property
    def agents(self):
        return tuple(f"household {i + 1}" for i in range(self.N))

    @property
    def actions(self):
        return (Box(np.array([self.plan.low]), np.array([self.plan.high])),) * self.N

    @property
    def state(self):
        return self.plan.state

    @property
    def exo(self):
        return self.plan.exo

    @property
    def β(self):
        return self.plan.β

    def initial(self, u):
        return self.plan.initial(u)

    def step(self, x, z, a):
        x1, r = self.plan.step(x, z, a.swapaxes(-1, -2))
        return x1, r + 0 * x

    def observe(self, x, z):
        (middle, half), (own_middle, own_half) = self.plan.scale
        capital = (x - np.log(self.plan.k_ss)) / SPREAD
        own, all_ = (z.own[..., 0] - own_middle) / own_half, (z.aggregate - middle) / half
        return namespace(x).stack([capital, own, all_ + 0 * capital], -1)

    def accounts(self, x, z, a):
        return self.plan.accounts(x, z, a.swapaxes(-1, -2))
