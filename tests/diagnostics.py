"""Tiny economies, each of which tests one ability of an agent."""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Box, Exogenous, Grid, Group, constant, index, namespace
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
        return -x, 10 * z.aggregate - (a[..., 0, :] - x) ** 2

    def observe(self, x, z):
        return namespace(x).concatenate([x, z.aggregate], -1)[..., None, :]


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


def own_risks(n):
    """An aggregate shock, and one of each agent's own; both stay with high probability."""
    stay = np.array([[0.8, 0.2], [0.2, 0.8]])
    aggregate = [[-1.0], [1.0]], [[0.9, 0.1], [0.1, 0.9]]
    return Exogenous(*aggregate, [[-1.0], [1.0]], np.tile(stay, (2, 2, 1, 1)), n)


PLANE = Box(np.array([-1.0, -0.5]), np.array([1.0, 2.0]))
LINE = Box(np.array([-0.5]), np.array([1.5]))
POINTS = Grid(np.array([[-1.0, 0.0], [0.5, 1.0], [1.0, -0.5]]))
ENDS = Grid(np.array([[-1.0, 0.5], [1.0, 0.0]]))


@dataclass(frozen=True)
class Town(Diagnostic):
    """Many agents: each misses a target and pays a price that all of them make.

    They see the state, the shocks, and who they are; one who acts in one dimension does not see the
    aggregate shock.
    """

    actions: tuple = (PLANE,) * 3
    exo: Exogenous = field(default_factory=lambda: own_risks(3))

    @property
    def agents(self):
        return tuple(f"agent {k}" for k in range(len(self.actions)))

    @property
    def groups(self):
        sets, n = self.actions, len(self.actions)
        same = [k for k in range(n) if sets[k] is sets[0]]
        parts = [("first", slice(0, len(same)), sets[0], 4)]
        if len(same) < n:
            parts += [("last", slice(len(same), n), sets[-1], 3 if sets[-1].width == 1 else 4)]
        return tuple(Group(*part) for part in parts)

    def initial(self, u):
        return u - 0.5

    def market(self, x, z, a):
        return a[..., 0].mean(-1)[..., None] + 0.5 * x

    def step(self, x, z, a, m=None):
        m = self.market(x, z, a) if m is None else m
        miss = ((a - x[..., None]) ** 2).sum(-1)
        r = 3 * z.aggregate + 2 * z.own[..., 0] - miss - 0.7 * m * a[..., 0]
        return 0.5 * (a[..., 0].mean(-1)[..., None] - x) + 0.2 * m, r

    def observe(self, x, z):
        xp, n = namespace(x), len(self.actions)
        who = xp.stack([x[..., 0] * 0 + k for k in range(n)], -1)
        everybody = [x + 0 * who, z.own[..., 0], who]
        wide = xp.stack([0 * x[..., 0] + (s.width > 1) for s in self.actions], -1)
        return xp.stack([*everybody, z.aggregate * wide], -1)


class Detached(Town):
    """The town whose market carries no gradient, whoever asks."""

    def step(self, x, z, a, m=None):
        return super().step(x, z, a, self.market(x, z, a).detach())


class Mortal(Town):
    """Games end: for one agent sooner than for the others."""

    def discount(self, x1, z1):
        xp = namespace(x1)
        alive = [xp.where(x1 < c, self.β + 0 * x1, 0 * x1) for c in (0.1, 0.15, 0.3)]
        return xp.concatenate(alive, -1)


class Masked(Town):
    """The first choice is not legal where the state is positive."""

    def legal(self, x, z):
        xp, m = namespace(x), max(len(s.values) for s in self.actions)
        first = x <= 0
        rows = []
        for s in self.actions:
            others = [first | True if j < len(s.values) else first & False for j in range(1, m)]
            rows.append(xp.concatenate([first, *others], -1))
        return xp.stack(rows, -2)


class Killed(Exception):
    """Stands for the signal that ends a process."""


class Fuse(Batch):
    """A batch in which training dies after so many steps."""

    left = 10**9

    def advance(self, *args, **options):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().advance(*args, **options)


class Forgetful(Batch):
    """A batch that takes a truncation for an end: it tells where a copy starts afresh only."""

    def advance(self, *args, **options):
        new = super().advance(*args, **options)
        return new._replace(reached=new.state)
