"""Exogenous chains: everything that is random in an economy."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economy.arrays import like, namespace


class Shocks(NamedTuple):
    """Values of the shocks of a period."""

    aggregate: Any  # (..., dz), which everybody feels
    own: Any  # (..., units, de), one row of each agent or unit; no rows without own shocks


@dataclass(frozen=True, eq=False)
class Exogenous:
    """The shocks: a finite aggregate chain and, if wanted, one chain of each agent's own.

    Where the chains stand is an integer array `i` of shape (..., width): the aggregate state in
    column 0, then the own state of each agent, whose moves are independent given the aggregate
    transition.

    Parameters
    ----------
    values : (nz, dz)
        Shock values of each aggregate state.
    transition : (nz, nz)
        Row-stochastic matrix P(z, z').
    own_values : (ne, de), optional
        Shock values of each own state.
    own_transition : (nz, nz, ne, ne), optional
        P(e' | e, z, z'), as in Krusell and Smith (1998).
    n : int
        Number of units with an own state: the first agents, or whatever a single agent governs
        (households, sectors); 0 without own shocks.

    Attributes
    ----------
    first, following, own_first, own_following : (rows, number of states - 1)
        Thresholds that uniforms are compared with, of the stationary distribution and of the moves.

    Raises
    ------
    ValueError
        If a shape is wrong, a value is not finite, or a row is not a probability distribution.
    """

    values: np.ndarray
    transition: np.ndarray
    own_values: Any = None
    own_transition: Any = None
    n: int = 0
    first: np.ndarray = field(init=False, repr=False)
    following: np.ndarray = field(init=False, repr=False)
    own_first: Any = field(init=False, repr=False, default=None)
    own_following: Any = field(init=False, repr=False, default=None)

    def __post_init__(self):
        values = _finite("values", self.values, ndim=2)
        nz = len(values)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "transition", _stochastic("transition", self.transition, (nz, nz)))
        if (self.own_values is None) != (self.n == 0) or (self.own_transition is None) != (
            self.n == 0
        ):
            raise ValueError(
                f"n={self.n}: own_values and own_transition must be given exactly when n > 0"
            )
        if self.n:
            own = _finite("own_values", self.own_values, ndim=2)
            shape = (nz, nz, len(own), len(own))
            object.__setattr__(self, "own_values", own)
            object.__setattr__(
                self, "own_transition", _stochastic("own_transition", self.own_transition, shape)
            )
        self._prepare()

    def _prepare(self):
        P, Q = self.transition, self.own_transition
        held = {"first": stationary(P), "following": P}
        if self.n:
            nz, ne = len(P), Q.shape[-1]
            joint = (P[:, None, :, None] * Q.transpose(0, 2, 1, 3)).reshape(nz * ne, nz * ne)
            given_z = stationary(joint).reshape(nz, ne)
            held |= {"own_first": given_z / given_z.sum(1, keepdims=True), "own_following": Q}
        for name, P in held.items():
            object.__setattr__(self, name, _thresholds(P))

    @property
    def width(self) -> int:
        """Number of columns of `i`, and of the uniforms that a draw takes."""
        return 1 + self.n

    def shocks(self, i) -> Shocks:
        """Shock values at `i` (..., width)."""
        z = like(self.values, i)[i[..., 0]]
        e = like(self.own_values, i)[i[..., 1:]] if self.n else z[..., :0, None]
        return Shocks(z, e)

    def joint(self):
        """Every combination of states (m, width), and the transition between them (m, m)."""
        sizes = (len(self.values), *[len(self.own_values) if self.n else 1] * self.n)
        i = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), -1)
        z, z1 = i[:, None, 0], i[:, 0]
        P = self.transition[z, z1]
        for k in range(1, self.width):
            P = P * self.own_transition[z, z1, i[:, None, k], i[:, k]]
        return i, P

    def initial(self, u):
        """Draw `i` (..., width) from the stationary distribution with uniforms `u` (..., width)."""
        z = _draw(like(self.first, u), 0, u[..., 0])
        if not self.n:
            return z[..., None]
        e = _draw(like(self.own_first, u), z[..., None], u[..., 1:])
        return namespace(u).concatenate([z[..., None], e], -1)

    def next(self, i, u):
        """Draw the successor of `i` (..., width) with uniforms `u` (..., width)."""
        z = i[..., 0]
        z1 = _draw(like(self.following, u), z, u[..., 0])
        if not self.n:
            return z1[..., None]
        moves = z * len(self.values) + z1
        row = moves[..., None] * len(self.own_values) + i[..., 1:]
        e1 = _draw(like(self.own_following, u), row, u[..., 1:])
        return namespace(u).concatenate([z1[..., None], e1], -1)


def constant(*values):
    """No uncertainty: a chain that stays at `values`."""
    return Exogenous(np.array([values], dtype=float), np.ones((1, 1)))


def own_chains(chain, n):
    """`n` independent copies of an aggregate chain, as own shocks."""
    none = np.zeros((1, 1))  # an aggregate shock that nobody feels
    return Exogenous(none, none + 1, chain.values, chain.transition[None, None], n)


def ar1(n, ρ, σ):
    """Rouwenhorst's chain of `n` states for z' = ρ z + σ ε, by quantecon."""
    import warnings

    import quantecon

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about a changed argument order
        chain = quantecon.markov.rouwenhorst(n, ρ, σ)
    return Exogenous(np.asarray(chain.state_values)[:, None], chain.P)


def stationary(P):
    """Stationary distribution of the chain `P`; the uniform mixture where there are several."""
    P = np.asarray(P, dtype=float)
    π = np.linalg.lstsq((np.eye(len(P)) - P + 1.0).T, np.ones(len(P)), rcond=None)[0]
    return np.maximum(π, 0.0) / np.maximum(π, 0.0).sum()


def _finite(name, value, ndim):
    value = np.array(value, dtype=float)
    if value.ndim != ndim or value.size == 0 or not np.isfinite(value).all():
        raise ValueError(f"{name}={value!r}: must be a non-empty finite array of {ndim} dimensions")
    return value


def _stochastic(name, value, shape):
    value = _finite(name, value, ndim=len(shape))
    if value.shape != shape:
        raise ValueError(f"{name}: shape {value.shape}: must be {shape}")
    if (value < 0).any() or np.abs(value.sum(-1) - 1).max() > 1e-10:
        raise ValueError(f"{name}={value!r}: rows must be non-negative and sum to one")
    return value


def _thresholds(P):
    """Distribution functions of the rows of `P` (..., m), but for the last entry: (rows, m - 1).

    They are infinite from the last state of positive probability on, so that no other state is
    drawn where rounding leaves the sum of a row below one.
    """
    later = np.cumsum(P[..., ::-1], -1)[..., -2::-1]  # probability of all later states
    return np.where(later > 0, np.cumsum(P, -1)[..., :-1], np.inf).reshape(
        P[..., 0].size, -1 + P.shape[-1]
    )


def _draw(thresholds, row, u):
    """Invert the distribution functions `thresholds`, each in its `row` (...), at `u` (...)."""
    if thresholds.shape[1] == 1:
        return 1 * (u >= thresholds[:, 0][row])
    return (u[..., None] >= thresholds[row]).sum(-1)
