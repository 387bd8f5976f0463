"""Q-learning and enhanced policy iteration, after Bertsekas and Yu.

Beside the Q-factors q they keep a value J and an action ν of each state. A policy is evaluated by
an optimal stopping problem: at the next state, follow ν or stop and receive J,

    (F q)(s, a) = r(s, a) + β E max{J(s'), q(s', ν(s'))},

and improved by J(s) = max_a q(s, a), with ν(s) a maximizer. F moves q closer to Q* for any ν, so
the evaluations and the improvements may come in any order.

References
----------
Bertsekas and Yu (2012), "Q-learning and enhanced policy iteration in discounted dynamic
programming", Mathematics of Operations Research 37.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import require, whole
from marketsai_lite.tabular.bellman import action_values, expected, greedy, maximum
from marketsai_lite.tabular.compiled import njit
from marketsai_lite.tabular.mdp import MDP, policy, vector
from marketsai_lite.tabular.q_learning import (
    _problem,
    _start,
    _stops,
    drawn,
    scheduled,
    uniform,
)
from marketsai_lite.tabular.rng import states
from marketsai_lite.tabular.schedules import Schedule, is_positive
from marketsai_lite.tabular.solve import ROUNDING, _check_limits, _finished, default_tolerance

Index = np.uint64  # unsigned, since Numba tests signed indices for being negative


class Enhanced(NamedTuple):
    """A decision problem solved by enhanced policy iteration.

    Attributes
    ----------
    q : array (S, A)
        Q-factors.
    σ : array (S,)
        Maximizing actions.
    iterations : int
        Number of improvements.
    sweeps : int
        Number of applications of F.
    residual : float
        Bound on the Bellman residual of q; max |q - q*| <= residual / (1 - β).
    converged : bool
        Whether the stopping rule was met.
    """

    q: np.ndarray
    σ: np.ndarray
    iterations: int
    sweeps: int
    residual: float
    converged: bool


def stop_or_follow(q: ArrayLike, J: ArrayLike, ν: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return F q, where at the next state one follows ν or stops and receives J.

    Parameters
    ----------
    q : array_like, shape (S, A)
    J : array_like, shape (S,)
    ν : array_like of int, shape (S,)
    mdp : MDP

    Returns
    -------
    ndarray, shape (S, A)

    References
    ----------
    Bertsekas and Yu (2012), section 2.
    """
    q, ν = vector("q", q, mdp.r.shape, masked=True), policy(ν, mdp)
    J = vector("J", J, (mdp.n_states,))
    require(**{"ν.shape": (ν.shape, ν.ndim == 1, (mdp.n_states,))})
    v = np.maximum(J, q[np.arange(mdp.n_states), ν])
    return action_values(expected(v, mdp), mdp)


def enhanced_policy_iteration(
    mdp: MDP, *, m: int = 20, q0: ArrayLike = 0.0, tol: float | None = None, max_iter: int = 10_000
) -> Enhanced:
    """Alternate one maximization and m applications of F.

    Parameters
    ----------
    mdp : MDP
    m : int
        Number of applications; 1 makes it the iteration of Q-factors.
    q0 : float or array_like, shape (S, A)
        Start; one far below Q* lets large m pay, one above it does not.
    tol : float or None
        Largest permitted distance to the optimal Q-factors, in the unit of the rewards; None for
        1e-8 of the largest reward that is best in a state.
    max_iter : int
        Largest number of improvements; stopping there warns.

    Returns
    -------
    Enhanced

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    require(m=(m, whole(m, 1), "an integer >= 1"))
    _check_limits(tol, max_iter)
    q = _start(q0, mdp)
    tol = default_tolerance(mdp) if tol is None else float(tol)
    limit, last, iterations, sweeps = (1 - mdp.β) * tol, np.inf, 0, 0
    while iterations < max_iter:
        iterations += 1
        J, ν = maximum(q, mdp), greedy(q, mdp)
        Fq = stop_or_follow(q, J, ν, mdp)  # r + β E M q, as J is the larger
        sweeps += 1
        change = np.subtract(Fq, q, out=np.zeros_like(q), where=np.isfinite(Fq))
        residual = mdp.β * float(np.abs(change).max())
        q = Fq
        if residual >= last:  # no progress: is it rounding?
            limit = max(limit, ROUNDING * float(np.abs(maximum(q, mdp)).max()))
        last = residual
        if residual <= limit:
            break
        for _ in range(int(m) - 1):
            q = stop_or_follow(q, J, ν, mdp)
        sweeps += int(m) - 1
    solved = _finished(maximum(q, mdp), greedy(q, mdp), iterations, residual, limit)
    return Enhanced(q, solved.σ, iterations, sweeps, residual, solved.converged)


def enhanced_q_learning(
    mdp: MDP,
    n_updates: int,
    *,
    step: Schedule,
    every: int | None = None,
    seeds: Sequence[int] = range(10),
    q0: ArrayLike = 0.0,
) -> np.ndarray:
    """Run independent sessions of the stochastic version, one for each seed.

    Each update draws a pair (s, a) uniformly, and a next state s', and moves q(s, a) toward
    ``r(s, a) + β max{J(s'), q(s', ν(s'))}``.

    Parameters
    ----------
    mdp : MDP
    n_updates : int
        Number of updates of each session.
    step : Schedule
        Step size as a function of the number of visits to the pair.
    every : int or None
        Number of updates between improvements of one state, the states taking turns; None for the
        number of actions.
    seeds : sequence of int
        One for each session, which depends on nothing else.
    q0 : float or array_like, shape (S, A)
        Start of q.

    Returns
    -------
    ndarray, shape (len(seeds), S, A)

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    every = mdp.n_actions if every is None else every
    require(
        step=(step, is_positive(step), "a positive Schedule"),
        every=(every, whole(every, 1), "an integer >= 1, or None"),
    )
    (n,) = _stops((), n_updates)
    streams, start, problem = states(seeds), _start(q0, mdp), _problem(mdp)
    q = np.tile(start, (len(streams), 1, 1))
    for table, random in zip(q, streams, strict=True):
        learn_enhanced(problem, table, step, int(every), random, n)
    return q


@njit(cache=True, nogil=True)
def learn_enhanced(problem, q, step, every, random, n):
    """Update q, in place, n times."""
    r, nodes, lottery, chain, β, pairs, _ = problem
    nz = Index(len(chain))
    visits = np.zeros(q.shape, np.int64)
    J, ν = np.empty(len(q)), np.empty(len(q), Index)
    for s in range(len(q)):
        ν[s] = q[s].argmax()
        J[s] = q[s, ν[s]]
    turn, wait = Index(0), every
    for _ in range(n):
        i = Index(uniform(random) * len(pairs))
        s, a, z = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        k = drawn(lottery[s, a], uniform(random)) if nodes.shape[2] > 1 else Index(0)
        z = drawn(chain[z], uniform(random)) if nz > Index(1) else Index(0)
        s_next = Index(nodes[s, a, k]) * nz + z

        visits[s, a] += 1
        target = r[s, a] + β * max(J[s_next], q[s_next, ν[s_next]])
        q[s, a] += scheduled(step, visits[s, a]) * (target - q[s, a])

        wait -= 1
        if wait == 0:
            ν[turn] = q[turn].argmax()
            J[turn] = q[turn, ν[turn]]
            turn = Index(0) if turn + Index(1) == len(q) else turn + Index(1)
            wait = every
