"""Finite Markov decision problems as arrays.

A state ``s = ix * nz + iz`` pairs an endogenous node ``ix`` with a state ``iz`` of an exogenous
Markov chain. A choice ``(s, a)`` earns ``r[s, a]`` and leads to a lottery over endogenous nodes,
``index[s, a, k]`` with probability ``weight[s, a, k]``; the exogenous state moves by its own chain
``P``. The transition array of shape (S, A, S) is never built.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import array, number, probabilities, require


@dataclass(frozen=True, eq=False)
class MDP:
    """A finite Markov decision problem with discounting.

    Parameters
    ----------
    r : array_like, shape (S, A)
        Rewards, finite wherever the choice is feasible; stored as -inf elsewhere.
    index : array_like of int, shape (S, A, K)
        Endogenous nodes the choice may lead to, in 0..nx-1.
    weight : array_like, shape (S, A, K), or None
        Their probabilities; None when K = 1.
    P : array_like, shape (nz, nz)
        Transition matrix of the exogenous chain; ``[[1.0]]`` when there is none.
    β : float
        Discount factor in [0, 1).
    feasible : array_like of bool, shape (S, A), or None
        Choices that are allowed, at least one in each state; None when all are.

    Raises
    ------
    ValueError
        If an argument is outside what is stated above.
    """

    r: np.ndarray
    index: np.ndarray
    weight: np.ndarray | None
    P: np.ndarray
    β: float
    feasible: np.ndarray | None = None

    def __post_init__(self):
        β = _discount_factor(self.β)
        P = _stochastic_matrix("P", self.P)
        r, feasible = _rewards(self.r, self.feasible, β)
        rows = f"a multiple of the {len(P)} exogenous states of P"
        require(**{"rows of r": (len(r), len(r) % len(P) == 0, rows)})
        index = _index(self.index, r.shape, len(r) // len(P), feasible)
        weight = _weight(self.weight, index.shape, feasible)
        for name, value in zip(
            ("r", "index", "weight", "P", "β", "feasible"),
            (r, index, weight, P, β, feasible),
            strict=True,
        ):
            object.__setattr__(self, name, _own(value, getattr(self, name)))

    @property
    def n_states(self) -> int:
        """Number of states S = nx * nz."""
        return self.r.shape[0]

    @property
    def n_actions(self) -> int:
        """Number of actions A."""
        return self.r.shape[1]

    @property
    def nz(self) -> int:
        """Number of exogenous states."""
        return self.P.shape[0]

    @property
    def nx(self) -> int:
        """Number of endogenous nodes."""
        return self.n_states // self.nz

    @cached_property
    def lottery(self) -> np.ndarray:
        """The weights, or an array of shape (S, A, 0) when there are none, for the kernels."""
        return np.empty((*self.r.shape, 0)) if self.weight is None else self.weight

    @cached_property
    def bounds(self) -> np.ndarray:
        """First feasible action of each state and one past its last, shape (S, 2)."""
        bounds = np.empty((self.n_states, 2), dtype=np.int64)
        if self.feasible is None:
            bounds[:] = 0, self.n_actions
        else:
            bounds[:, 0] = self.feasible.argmax(axis=1)
            bounds[:, 1] = self.n_actions - self.feasible[:, ::-1].argmax(axis=1)
        return bounds

    @cached_property
    def common(self) -> bool:
        """Whether an action's lottery is the same from every endogenous node.

        It is when the action is the next node itself, as in most savings problems.
        """
        return all(
            table is None
            or bool((table.reshape(self.nx, self.nz, *table.shape[1:]) == table[: self.nz]).all())
            for table in (self.index, self.weight)
        )


def from_dense(r: ArrayLike, P: ArrayLike, β: float, feasible: ArrayLike | None = None) -> MDP:
    """Return the MDP with a full transition array.

    Parameters
    ----------
    r : array_like, shape (S, A)
        Rewards.
    P : array_like, shape (S, A, S)
        ``P[s, a, t]`` is the probability of moving from s to t under a.
    β : float
        Discount factor in [0, 1).
    feasible : array_like of bool, shape (S, A), or None
        Choices that are allowed; None when all are.

    Returns
    -------
    MDP
        With one exogenous state and K = S.
    """
    P = _real("P", P, 3)
    if P.shape[0] != P.shape[2]:
        raise ValueError(f"P.shape={P.shape}: must be (S, A, S)")
    index = np.tile(np.arange(P.shape[2], dtype=np.int32), (*P.shape[:2], 1))
    feasible = None if feasible is None else np.asarray(feasible)
    return MDP(np.asarray(r), index, weight=P, P=np.ones((1, 1)), β=β, feasible=feasible)


def _array(x, dtype) -> np.ndarray:
    """Convert to a C-contiguous, writable array, so that each kernel is compiled only once."""
    return np.require(x, dtype=dtype, requirements=["C", "W"])


def _own(x, given):
    """`x`, copied where it is still the caller's array, who may change it."""
    shared = isinstance(x, np.ndarray) and np.may_share_memory(x, np.asarray(given))
    return x.copy() if shared else x


def _real(name: str, x, ndim: int) -> np.ndarray:
    found = _array(array(name, x), np.float64)
    right = found.ndim == ndim and found.size > 0
    require(**{f"{name}.shape": (found.shape, right, f"of {ndim} dimensions, none empty")})
    return found


def vector(name: str, x, shape: tuple[int, ...], *, masked: bool = False) -> np.ndarray:
    """Return x as a finite float64 array of the given shape, or raise a ValueError that names it.

    If masked, entries may be -inf, as where a choice is not feasible.
    """
    found = _array(array(name, x), np.float64)
    require(**{f"{name}.shape": (found.shape, found.shape == shape, shape)})
    right = found.max() < np.inf and (masked or found.min() > -np.inf)  # NaN fails too
    require(**{name: (found, right, "finite")})
    return found


def policy(σ, mdp: MDP) -> np.ndarray:
    """Return a valid policy, int64 (S,) or float64 (S, A), or raise ValueError."""
    σ = np.asarray(σ)
    S, A = mdp.r.shape
    if σ.shape == (S,) and np.issubdtype(σ.dtype, np.integer):
        if σ.min() < 0 or σ.max() >= A:
            s = int(np.argmax((σ < 0) | (σ >= A)))
            raise ValueError(f"σ[{s}]={σ[s]}: must be one of the actions 0 to {A - 1}")
        if mdp.feasible is not None and not mdp.feasible[np.arange(S), σ].all():
            s = int(np.argmin(mdp.feasible[np.arange(S), σ]))
            raise ValueError(f"σ[{s}]={σ[s]}: must be a feasible action of state {s}")
        return _array(σ, np.int64)
    if σ.shape == (S, A) and np.issubdtype(σ.dtype, np.floating):
        σ = _array(probabilities("σ", σ), np.float64)
        if mdp.feasible is not None and (σ[~mdp.feasible] > 0).any():
            s, a = np.argwhere(~mdp.feasible & (σ > 0))[0]
            raise ValueError(f"σ[{s}, {a}]={σ[s, a]}: must be 0 where infeasible")
        return σ
    raise ValueError(
        f"σ: shape {σ.shape}, dtype {σ.dtype}: "
        f"must be integers of shape {(S,)} or probabilities of shape {(S, A)}"
    )


def _discount_factor(β) -> float:
    require(β=(β, 0 <= number(β) < 1, "in [0, 1)"))
    return float(β)


def _stochastic_matrix(name: str, P) -> np.ndarray:
    P = _real(name, P, 2)
    require(**{f"{name}.shape": (P.shape, P.shape[0] == P.shape[1], "square")})
    return _array(probabilities(name, P), np.float64)


def _rewards(r, feasible, β) -> tuple[np.ndarray, np.ndarray | None]:
    r = _real("r", r, 2)
    if feasible is not None:
        feasible = np.asarray(feasible)
        if feasible.dtype != np.bool_ or feasible.shape != r.shape:
            raise ValueError(
                f"feasible: shape {feasible.shape}, dtype {feasible.dtype}: "
                f"must be bool of shape {r.shape}"
            )
        feasible = _array(feasible, np.bool_)
        if not feasible.any(axis=1).all():
            s = int(np.argmin(feasible.any(axis=1)))
            raise ValueError(f"feasible[{s}]: must hold an action in each state")
        r = np.where(feasible, r, 0.0)
    largest = max(r.max(), -r.min())
    if not largest < np.inf:
        s, a = np.argwhere(~np.isfinite(r))[0]
        raise ValueError(f"r[{s}, {a}]={r[s, a]}: must be finite wherever feasible")
    small = largest <= 1e300 * (1 - β)
    require(r=(r, small, "so small that r / (1 - β) is at most 1e300"))
    if feasible is not None:
        np.putmask(r, ~feasible, -np.inf)  # faster than np.copyto
    return r, feasible


def _index(index, shape: tuple[int, int], nx: int, feasible) -> np.ndarray:
    index = np.asarray(index)
    if index.ndim != 3 or index.shape[:2] != shape or index.shape[2] == 0:
        raise ValueError(f"index.shape={index.shape}: must be ({shape[0]}, {shape[1]}, K)")
    if not np.issubdtype(index.dtype, np.integer):
        raise ValueError(f"index.dtype={index.dtype}: must be integers")
    if index.min() < 0 or index.max() >= nx:
        outside = (index < 0) | (index >= nx)
        wrong = outside if feasible is None else outside & feasible[:, :, None]
        if wrong.any():
            i = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueError(f"index{list(i)}={index[i]}: must be one of the nodes 0 to {nx - 1}")
        index = np.where(outside, 0, index)
    return _array(index, np.int32)


def _weight(weight, shape: tuple[int, int, int], feasible) -> np.ndarray | None:
    if weight is None:
        if shape[2] != 1:
            raise ValueError(f"weight=None: must be given, since K = {shape[2]}")
        return None
    weight = _real("weight", weight, 3)
    if weight.shape != shape:
        raise ValueError(f"weight.shape={weight.shape}: must be {shape}")
    if feasible is not None:
        weight = np.where(feasible[:, :, None], weight, np.eye(shape[2])[0])
    weight = _array(probabilities("weight", weight), np.float64)
    return None if shape[2] == 1 else weight
