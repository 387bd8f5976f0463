"""Watkins' Q-learning on a finite Markov decision problem.

An update draws a next state s' from the lottery of a pair (s, a) and moves

    Q(s, a) <- Q(s, a) + α [r(s, a) + β max_b Q(s', b) - Q(s, a)],

where the step size α is a function of the number of visits to (s, a), the current one included.

References
----------
Watkins and Dayan (1992), "Q-learning", Machine Learning 8.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import array, require, whole
from marketsai_lite.tabular.compiled import njit
from marketsai_lite.tabular.mdp import MDP, vector
from marketsai_lite.tabular.rng import states, xoshiro256pp
from marketsai_lite.tabular.schedules import (
    CONSTANT,
    HARMONIC,
    POWER,
    Schedule,
    is_positive,
    is_schedule,
)

Index = np.uint64  # unsigned, since Numba tests signed indices for being negative
NO_EXPLORATION = Schedule(-1, 0.0)  # stands for independent draws of pairs


class Learned(NamedTuple):
    """What n sessions of Q-learning have learned.

    Attributes
    ----------
    Q : array (n, S, A)
        Q-factors at the end; -inf where infeasible.
    visits : array (n, S, A)
        Number of updates of each pair.
    snapshots : array (n, len(record), S, A)
        Q-factors at the recorded numbers of updates.
    """

    Q: np.ndarray
    visits: np.ndarray
    snapshots: np.ndarray


def q_learning(
    mdp: MDP,
    n_updates: int,
    *,
    step: Schedule,
    exploration: Schedule | None = None,
    seeds: Sequence[int] = range(10),
    q0: ArrayLike = 0.0,
    record: Sequence[int] | np.ndarray = (),
    threads: int | None = None,
) -> Learned:
    """Run independent sessions of Q-learning, one for each seed.

    Parameters
    ----------
    mdp : MDP
        The problem from which rewards and next states are drawn.
    n_updates : int
        Number of updates of each session.
    step : Schedule
        Step size as a function of the number of visits to the pair.
    exploration : Schedule or None
        Probability of a random action in period t = 1, 2, ... of one trajectory, which starts in a
        random state and takes the greedy action otherwise. None: there is no trajectory, each pair
        is drawn uniformly from all feasible ones.
    seeds : sequence of int
        Distinct; one for each session, which depends on nothing else.
    q0 : float or array_like, shape (S, A)
        Start of Q.
    record : sequence of int
        Increasing numbers of updates after which Q is copied to ``snapshots``.
    threads : int or None
        Number of threads, on which the result does not depend; None for one per processor.

    Returns
    -------
    Learned

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    explores = exploration is None or is_schedule(exploration)
    require(
        step=(step, is_positive(step), "a positive Schedule"),
        exploration=(exploration, explores, "a Schedule or None"),
        threads=(threads, threads is None or whole(threads, 1), "an integer >= 1, or None"),
    )
    stops = _stops(record, n_updates)
    random = states(seeds)
    start = _start(q0, mdp)
    problem = _problem(mdp)
    n, shape = len(random), mdp.r.shape
    learned = Learned(
        Q=np.tile(start, (n, 1, 1)),
        visits=np.zeros((n, *shape), dtype=np.int64),
        snapshots=np.empty((n, len(stops) - 1, *shape)),
    )

    def run(i):
        session = _Session(
            Q=learned.Q[i],
            visits=learned.visits[i],
            top=start.max(axis=1),
            choice=start.argmax(axis=1).astype(Index),
            second=np.full(len(start), np.inf),
            now=np.array([0, 0]),
            random=random[i],
        )
        for j, stop in enumerate(stops):
            learn(problem, session, step, exploration or NO_EXPLORATION, stop)
            if j < len(stops) - 1:
                learned.snapshots[i, j] = session.Q

    with ThreadPoolExecutor(int(threads or os.cpu_count() or 1)) as pool:
        list(pool.map(run, range(n)))
    return learned


class _Problem(NamedTuple):
    r: np.ndarray  # rewards (S, A)
    nodes: np.ndarray  # endogenous nodes a choice may lead to (S, A, K)
    lottery: np.ndarray  # cumulative weights (S, A, K), or (S, A, 0) when K = 1
    chain: np.ndarray  # cumulative rows of P (nz, nz)
    β: float
    pairs: np.ndarray  # state, action and exogenous state of each feasible pair (pairs, 3)
    first: np.ndarray  # position in pairs of the first one of each state (S + 1,)


class _Session(NamedTuple):
    Q: np.ndarray  # (S, A)
    visits: np.ndarray  # (S, A)
    top: np.ndarray  # maximum of each row of Q (S,)
    choice: np.ndarray  # its first maximizer (S,)
    second: np.ndarray  # a bound on the other entries of the row (S,)
    now: np.ndarray  # number of updates so far and state (2,)
    random: np.ndarray  # state of the generator (4,)


def _problem(mdp):
    S, A = mdp.r.shape
    s, a = np.nonzero(np.ones((S, A), bool) if mdp.feasible is None else mdp.feasible)
    return _Problem(
        r=mdp.r,
        nodes=mdp.index,
        lottery=_cumulative(mdp.lottery),
        chain=_cumulative(mdp.P),
        β=mdp.β,
        pairs=np.stack([s, a, s % mdp.nz], axis=1).astype(Index),
        first=np.searchsorted(s, np.arange(S + 1)).astype(Index),
    )


def _cumulative(p):
    """Cumulative sums along the last axis, 1 from the last outcome with a positive p on.

    So what rounding leaves over goes to that one, and never to an outcome of probability zero.
    """
    m = p.shape[-1]
    last = m - 1 - np.argmax(p[..., ::-1] > 0, axis=-1) if m else 0
    return np.where(np.arange(m) < np.expand_dims(last, -1), p.cumsum(axis=-1), 1.0)


def _stops(record, n_updates):
    """Return the numbers of updates after which a session pauses, the last one being its end."""
    require(n_updates=(n_updates, whole(n_updates, 1), "an integer >= 1"))
    given = np.atleast_1d(array("record", record))
    stops = given[np.isfinite(given)].astype(np.int64)
    rising = np.array_equal(stops, given) and (np.diff(stops, prepend=0) > 0).all()
    inside = rising and given.ndim == 1 and (stops <= n_updates).all()
    require(record=(record, inside, f"increasing integers in 1..{n_updates}"))
    return [*stops.tolist(), int(n_updates)]


def _start(q0, mdp):
    q0 = vector("q0", np.broadcast_to(q0, mdp.r.shape) if np.ndim(q0) == 0 else q0, mdp.r.shape)
    return q0 if mdp.feasible is None else np.where(mdp.feasible, q0, -np.inf)


@njit(cache=True, nogil=True)
def uniform(state):
    """Return a number in [0, 1), a multiple of 2^-53, and advance the generator's state (4,)."""
    draw, state[0], state[1], state[2], state[3] = xoshiro256pp(
        state[0], state[1], state[2], state[3]
    )
    return (draw >> Index(11)) * 2.0**-53


@njit(cache=True, nogil=True)
def scheduled(schedule, n):
    """Return the schedule at the count n."""
    if schedule.kind == CONSTANT:
        return schedule.parameter
    if schedule.kind == HARMONIC:
        return 1 / (1 + schedule.parameter * (n - 1))
    if schedule.kind == POWER:
        return n**-schedule.parameter
    return np.exp(-schedule.parameter * (n - 1))


@njit(cache=True, nogil=True)
def drawn(cumulative, u):
    """Return the outcome at u in [0, 1) of a distribution given by its cumulative sums."""
    outcome = Index(0)
    for k in range(len(cumulative) - 1):
        outcome += Index(u >= cumulative[k])
    return outcome


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def largest(row):
    """Return the maximum; the flags let the loop use vector instructions."""
    top = -np.inf
    for a in range(len(row)):
        top = max(top, row[a])
    return top


@njit(cache=True, nogil=True)
def learn(problem, session, step, exploration, stop):
    """Continue a session, in place, to ``stop`` updates.

    The maximum of a row of Q is searched for only when its entry falls to the bound on the others.
    """
    r, nodes, lottery, chain, β, pairs, first = problem
    Q, visits, top, choice, second, now, random = session
    nz = Index(len(chain))
    t = now[0]
    s = Index(now[1]) if t > 0 else Index(uniform(random) * len(Q))
    z = s % nz
    while t < stop:
        t += 1
        if exploration.kind < 0:
            i = Index(uniform(random) * len(pairs))
            s, a, z = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        elif uniform(random) < scheduled(exploration, t):
            i = first[s] + Index(uniform(random) * (first[s + Index(1)] - first[s]))
            a = pairs[i, 1]
        else:
            a = choice[s]

        k = drawn(lottery[s, a], uniform(random)) if nodes.shape[2] > 1 else Index(0)
        z = drawn(chain[z], uniform(random)) if nz > Index(1) else Index(0)
        s_next = Index(nodes[s, a, k]) * nz + z

        visits[s, a] += 1
        α = scheduled(step, visits[s, a])
        q = Q[s, a] + α * (r[s, a] + β * top[s_next] - Q[s, a])
        Q[s, a] = q

        if a != choice[s]:
            if q > top[s] or (q == top[s] and a < choice[s]):
                second[s] = top[s]
                top[s] = q
                choice[s] = a
            elif q > second[s]:
                second[s] = q
        elif q > second[s]:
            top[s] = q
        else:
            top[s] = largest(Q[s])
            a = Index(0)
            while Q[s, a] < top[s]:
                a += Index(1)
            choice[s] = a
            Q[s, a] = -np.inf
            second[s] = largest(Q[s])
            Q[s, a] = top[s]
        s = s_next
    now[0] = t
    now[1] = s
