"""Numbers, arrays and probabilities at their edges, some of them wrong."""

import numpy as np

BELOW_ONE = float(np.nextafter(1, 0))
NUMBERS = [np.nan, np.inf, -np.inf, -1.0]
WRONG = [*NUMBERS, 1.5, "one", None, [0.5, 0.5]]
UNIT = [0.0, 5e-324, 1e-12, 0.3, 0.5, 0.95, 1 - 1e-9, BELOW_ONE, np.float32(0.9), np.array(0.5)]
SIZE = [1e-300, 1e-13, 1.0, 1e9, 1e250]  # of rewards and payoffs
SCALE = [1e-9, 1e-3, 0.25, 1.0, 1e3, 1e9]  # of an economy's parameters


class Draw:
    """Arguments from one generator; most are legal, at an edge, and some are not."""

    def __init__(self, seed):
        self.g = np.random.default_rng(seed)

    def one(self, *values):
        return values[self.g.integers(len(values))]

    def rarely(self, right, *wrong):
        """`right`, or once in thirty one of `wrong`."""
        return self.one(*wrong) if wrong and self.g.random() < 1 / 30 else right

    def unit(self, *more):
        """A discount factor, or what is permitted like one."""
        return self.rarely(self.one(*UNIT, *more), 1.0, *WRONG)

    def positive(self, *more):
        return self.rarely(self.one(*SCALE, *more), 0.0, *NUMBERS)

    def finite(self):
        return self.rarely(self.one(0.0, *SCALE) * self.one(1, -1), *NUMBERS[:3])

    def count(self, *values):
        """A whole number in one of its types."""
        return self.rarely(self.one(int, float, np.int32)(self.one(*values)), 0.5, -1, *WRONG)

    def seeds(self):
        size = self.one(1, 2)
        start = self.one(0, 490, 2**32, 2**63, 2**100)
        return self.rarely([start + k for k in range(size)], [], [1.5], [3, 3], [-1], 3, None)

    def array(self, *shape, edges=(0.0, 1.0, -1.0)):
        """Normal draws in some size, with edges among them."""
        x = self.g.normal(size=shape) * self.one(*SIZE)
        at = self.g.random(shape) < 0.3
        return np.where(at, self.g.choice(edges, shape), x)

    def rows(self, *shape):
        """Probabilities: dense, sparse with next to nothing, or certain."""
        kind = self.g.integers(4)
        p = self.g.dirichlet(np.ones(shape[-1]), shape[:-1])
        if kind == 0:
            p = np.eye(shape[-1])[self.g.integers(shape[-1], size=shape[:-1])]
        elif kind == 1:
            p = np.where(self.g.random(shape) < 0.5, p, self.one(0.0, 1e-300, 1e-17, 1e-9))
            p[..., 0] += 1e-3
            p /= p.sum(-1, keepdims=True)
        elif kind == 2:
            p = np.full(shape, 1 / shape[-1])
        return p

    def damaged(self, x, wrong=(np.nan, np.inf, -2.0, 1e308)):
        """An array, sometimes with a wrong entry or shape."""
        if self.g.random() > 1 / 30 or not x.size:
            return x
        kind = self.g.integers(3)
        if kind == 0:
            x = x.astype(float)
            x.flat[self.g.integers(x.size)] = self.one(*wrong)
        return x if kind == 0 else (x[..., None] if kind == 1 else x[:-1])
