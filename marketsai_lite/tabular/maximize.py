"""The maximization over actions, which is where solvers spend their time.

Two ways to do less of it: rule out blocks of actions whose values, as last computed and raised by
the largest rise of the continuation values since, fall short of the maximum (action elimination),
which changes no result; and search between the maximizers of neighbors (divide and conquer), which
is right only if the policy is monotone.

References
----------
MacQueen (1967), "A test for suboptimal actions in Markovian decision problems", Operations
Research.
Gordon and Qiu (2018), "A divide and conquer algorithm for exploiting policy function monotonicity",
Quantitative Economics.
"""

from functools import lru_cache

import numpy as np

from marketsai_lite.tabular import kernels

SAMPLED = 0.01  # share of the states in which a claim of monotonicity is checked
SAMPLED_LEAST = 10  # their least number


class Maximizer:
    """The map from v to T v and its first maximizers, in all states or in some."""

    def __init__(self, mdp, states=None):
        self.mdp = mdp
        self.tables = _tables(mdp)
        self.states = np.arange(mdp.n_states) if states is None else states
        self.σ = mdp.bounds[self.states, 0]
        self.blocks = np.arange(0, mdp.n_actions, kernels.BLOCK)
        self.ceiling = np.full((len(self.states), len(self.blocks)), np.inf)
        self.last = None
        self.scale = 0.0

    def __call__(self, v):
        """Return T v and the first maximizers."""
        g, h = _continuation(v, self.mdp)
        rise = self._rise(g, h)
        self.last = g, h
        self.scale = max(self.scale, float(np.abs(g).max()))
        slack = 1e-11 * self.scale
        Tv = kernels.improve(self.states, self.σ, self.ceiling, rise, slack, g, h, *self.tables)
        self.scale = max(self.scale, float(np.abs(Tv).max()))
        return Tv, self.σ.copy()

    def _rise(self, g, h):
        """Bound the rise of each block's continuation values since the last call (nz, blocks)."""
        nz = self.mdp.nz
        if self.last is None:
            return np.zeros((nz, len(self.blocks)))
        if self.mdp.common:
            return np.maximum.reduceat(h - self.last[1], self.blocks, axis=1)
        rise = self.mdp.β * (g - self.last[0]).reshape(-1, nz).max(axis=0)
        return np.tile(rise[:, None], (1, len(self.blocks)))


class MonotoneMaximizer:
    """The same map in all states, if the maximizer never falls with the endogenous node."""

    def __init__(self, mdp):
        n = mdp.nz if mdp.common else 0
        self.order = bisection(mdp.nx)
        self.tables = mdp.P, n, mdp.r, mdp.index, mdp.lottery, mdp.bounds, mdp.β

    def __call__(self, v):
        """Return T v and its first maximizers."""
        Tv, σ, s = kernels.improve_monotone(self.order, v, *self.tables)
        if s >= 0:
            raise ValueError(f"monotone=True: must be False, since no action of state {s} is")
        return Tv, σ.astype(np.int64)


def check_monotone(v, Tv, mdp, rng):
    """Raise ValueError if T v falls short of the full maximum in a random sample of states."""
    S = mdp.n_states
    states = rng.choice(S, size=min(S, max(SAMPLED_LEAST, int(SAMPLED * S))), replace=False)
    full, σ = Maximizer(mdp, states)(v)
    gain = full - Tv[states]
    i = int(gain.argmax())
    if gain[i] > 1e-10 * np.ptp(v) + 2.0**-46 * np.abs(full).max():
        raise ValueError(
            f"monotone=True: must be False, since in state {states[i]} action {σ[i]} is better by "
            f"{gain[i]:.3g} than every monotone choice"
        )


@lru_cache(maxsize=8)
def bisection(nx):
    """Return nodes 0..nx-1, each after its nearest earlier ones below and above (nx, 3).

    The last node comes first, then the rest by steps that halve; nx where there is no node.
    """
    last = nx - 1
    order = [np.array([[last, nx, nx]])]
    step = 1 << last.bit_length()
    while step:
        x = np.arange(step - 1, last, 2 * step)
        below = np.where(x >= step, x - step, nx)
        order.append(np.stack([x, below, np.minimum(x + step, last)], axis=1))
        step //= 2
    return np.concatenate(order).astype(kernels.Index)


def _continuation(v, mdp):
    """Return g = E v, and the continuation values (nz, A) if all endogenous nodes share them."""
    g = kernels.expectation(v, mdp.P)
    n = mdp.nz if mdp.common else 0
    return g, kernels.continuation(g, mdp.index[:n], mdp.lottery[:n], mdp.β, mdp.nz)


def _tables(mdp):
    return mdp.r, mdp.index, mdp.lottery, mdp.bounds, mdp.β, mdp.nz
