"""Tiny economies, each of which tests one ability of an agent."""

from dataclasses import dataclass

import numpy as np

from marketsai_lite.economy import Box, Exogenous, Grid, constant, index, namespace
from marketsai_lite.views.batch import Batch

BOX = (Box(np.array([-1.0]), np.array([1.0])),)
GRID = (Grid(np.array([[-1.0], [1.0]])),)


class Diagnostic:
    """What they share: one agent, one state, and nothing for the books."""

    agents = ("agent",)
    state = ("x",)
    β = 0.9
    exo = constant(0.0)
    actions = BOX

    def initial(self, u):
        return u

    def observe(self, x, z):
        return x[..., None, :]

    def accounts(self, x, z, a):
        return {}


@dataclass(frozen=True)
class Target(Diagnostic):
    """Control: act like the state.  The best policy is a = x for x in [-1/2, 1/2]."""

    def initial(self, u):
        return u - 0.5

    def step(self, x, z, a):
        return -x, -((a[..., 0, :] - x) ** 2)


@dataclass(frozen=True)
class Wage(Diagnostic):
    """Value: a wage that rises to 1, whatever the agent does.

    It is worth 1 / (1 - β) at the top, and `value(x)` below it.
    """

    actions: tuple = BOX
    growth: float = 0.2

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        return x + self.growth * (1 - x), x + 0 * a[..., 0, :]

    def value(self, x):
        return 1 / (1 - self.β) - (1 - x) / (1 - self.β * (1 - self.growth))


@dataclass(frozen=True)
class Corridor(Diagnostic):
    """Exploration: a small reward where one starts, a large one at the far end."""

    length: int = 6
    actions = GRID

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        r = 0.05 * (x == 0) + 1.0 * (x == self.length - 1)
        x1 = namespace(x).clip(x + a[..., 0, :], 0, self.length - 1)
        return x1, r + 0 * x


@dataclass(frozen=True)
class Alternation(Diagnostic):
    """A stochastic policy: do what you did not do last time, which you may have forgotten.

    A policy without memory earns 2 p (1 - p), at most 1/2, and nothing if it is deterministic.
    """

    remembered: bool = False
    actions = GRID

    def initial(self, u):
        return 2.0 * index(u, 2) - 1 + 0 * u

    def step(self, x, z, a):
        return a[..., 0, :], 1.0 * (a[..., 0, :] != x) + 0 * x

    def observe(self, x, z):
        return self.remembered * x[..., None, :]


@dataclass(frozen=True)
class Luck(Diagnostic):
    """The hedge: a persistent shock is worth far more than an action."""

    exo = Exogenous([[-1.0], [1.0]], [[0.9, 0.1], [0.1, 0.9]])

    def initial(self, u):
        return u - 0.5

    def step(self, x, z, a):
        return -x, 10 * z - (a[..., 0, :] - x) ** 2

    def observe(self, x, z):
        return namespace(x).concatenate([x, z], -1)[..., None, :]


@dataclass(frozen=True)
class Broken(Diagnostic):
    """A reward that is not a number from some period on; the state counts the periods."""

    last: int = 40
    actions: tuple = BOX

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        r = namespace(x).where(x < self.last, a[..., 0, :], float("nan") * x)
        return x + 1, r


@dataclass(frozen=True)
class Kink(Diagnostic):
    """A reward that is finite, and whose derivative is not a number."""

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        return x, namespace(x).sqrt(0 * a[..., 0, :] ** 2)


@dataclass(frozen=True)
class Jump(Diagnostic):
    """A reward that depends on the action's sign, which PyTorch cannot differentiate."""

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        return x, 1.0 * (a[..., 0, :] > 0) + 0 * x


class Killed(Exception):
    """Stands for the signal that ends a process."""


class Fuse(Batch):
    """A batch in which training dies after so many steps."""

    left = 10**9

    def step(self, state, actions, generator):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().step(state, actions, generator)


class Forgetful(Batch):
    """A batch that takes a truncation for an end: it tells where a copy starts afresh only."""

    def step(self, state, actions, generator):
        new = super().step(state, actions, generator)
        return new._replace(reached=new.state)
