"""Exogenous chains: everything that is random in an economy."""

import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economy.arrays import like, namespace, pick
from marketsai_lite.require import array, probabilities, require, whole

JOINT = 2**14  # joint states that may be listed: their transition matrix fills 2 GiB


class Shocks(NamedTuple):
    """Values of the shocks of a period.

    Attributes
    ----------
    aggregate : array (..., dz)
        What everybody feels.
    own : array (..., units, de)
        One row of each agent or unit; no rows without own shocks.
    """

    aggregate: Any
    own: Any


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
        require(n=(self.n, whole(self.n, 0), "an integer >= 0"))
        object.__setattr__(self, "n", int(self.n))
        for name in ("own_values", "own_transition"):
            right = (getattr(self, name) is None) == (self.n == 0)
            require(n=(self.n, right, f"positive exactly when {name} is given"))
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
            given_z[given_z.sum(1) == 0] = 1.0  # a state of z that is left for ever is never drawn
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
        if not self.n:
            return Shocks(z, z[..., :0, None])
        own = like(self.own_values, i)
        e = [pick(own[:, k], i[..., 1:]) for k in range(own.shape[1])]
        return Shocks(z, e[0][..., None] if len(e) == 1 else namespace(i).stack(e, -1))

    def successors(self, i):
        """All states (m, width) that may follow `i` (..., width), and their probabilities (..., m).

        Raises
        ------
        ValueError
            If there are more than 16,384 combinations of states.
        """
        nz, ne = len(self.values), len(self.own_values) if self.n else 1
        most = f"small enough for at most {JOINT:,} joint states: here are {nz} times {ne}^{self.n}"
        require(n=(self.n, nz * ne**self.n <= JOINT, most))
        sizes = (nz, *[ne] * self.n)
        states = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), -1)
        z, z1 = i[..., :1], states[:, 0]
        P = self.transition[z, z1]
        for k in range(1, self.width):
            P = P * self.own_transition[z, z1, i[..., k, None], states[:, k]]
        return states, P

    def joint(self):
        """Every combination of states (m, width), and the transition between them (m, m).

        Raises
        ------
        ValueError
            If there are more than 16,384 combinations.
        """
        states, _ = self.successors(np.zeros(self.width, dtype=int))
        return states, self.successors(states)[1]

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
        F, e = like(self.own_following, u), i[..., 1:]
        F = F.reshape(-1, len(self.own_values), F.shape[-1])[z * len(self.values) + z1]
        e1 = sum((u[..., 1:] >= pick(F[..., k], e) for k in range(F.shape[-1])), 0 * e)
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

    # quantecon's import starts Numba's threads, one a core, and gives PyTorch as many, which wait
    # for each other where other programs run: small networks then take up to fifty times as long.
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    import quantecon

    if torch:
        torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about a changed argument order
        chain = quantecon.markov.rouwenhorst(n, ρ, σ)
    return Exogenous(np.asarray(chain.state_values)[:, None], chain.P)


def stationary(P):
    """Distribution in which the chain `P` stands in the long run if it may start anywhere.

    Each state is an equally likely start. Where one class of states is closed this is the chain's
    only stationary distribution; where several are, it weighs each of theirs by the share of starts
    from which the chain ends there. With periods it is the share of time spent in each state.

    Parameters
    ----------
    P : (n, n)
        Row-stochastic matrix.

    Returns
    -------
    (n,)
        Each entry is right to a few units in its last digit, however small it is: nothing is ever
        subtracted (Grassmann, Taksar and Heyman, 1985, Operations Research 33).

    Raises
    ------
    ValueError
        If `P` is not square or a row is not a probability distribution.
    """
    P = _finite("P", P, ndim=2)
    P = _stochastic("P", P, (len(P), len(P)))
    n = len(P)
    A, start = P.copy(), np.full(n, 1 / n)
    visits, ends = np.zeros((n, n)), np.zeros(n, dtype=bool)
    for k in reversed(range(n)):  # take out state k: who moves to it, moves on to those left
        A[k, k] = 0.0
        out = A[k].sum()
        if out == 0:  # nothing is left of its class but k, where the chain ends
            ends[k] = True
            continue
        visits[:, k] = A[:, k] / out  # to k, for each visit to a state that is left
        onward = A[k] / out
        start += start[k] * onward
        A[:k] += np.outer(A[:k, k], onward)
        A[k], A[:, k], start[k] = 0.0, 0.0, 0.0
    π = np.diag(ends.astype(float))[:, ends]  # one column for each class
    for k in np.flatnonzero(~ends).tolist():
        π[k] = visits[:, k] @ π
    return π / π.sum(0) @ start[ends]


def _finite(name, value, ndim):
    value = array(name, value).copy()
    right = value.ndim == ndim and value.size > 0 and bool(np.isfinite(value).all())
    require(**{name: (value, right, f"a non-empty finite array of {ndim} dimensions")})
    return value


def _stochastic(name, value, shape):
    value = _finite(name, value, ndim=len(shape))
    require(**{f"{name}.shape": (value.shape, value.shape == shape, shape)})
    return probabilities(name, value)


def _thresholds(P):
    """Distribution functions of the rows of `P` (..., m), but for the last entry: (rows, m - 1).

    They are infinite from the last state of positive probability on, so that no other state is
    drawn where rounding leaves the sum of a row below one.
    """
    later = np.cumsum(P[..., ::-1], -1)[..., -2::-1]  # probability of all later states
    F = np.where(later > 0, np.cumsum(P, -1)[..., :-1], np.inf)
    return F.reshape(P[..., 0].size, P.shape[-1] - 1)


def _draw(thresholds, row, u):
    """Invert the distribution functions `thresholds`, each in its `row` (...), at `u` (...)."""
    if thresholds.shape[1] == 1:
        return 1 * (u >= thresholds[:, 0][row])
    return (u[..., None] >= thresholds[row]).sum(-1)
