r"""Q-learning of two agents who move in turns.

In period t one agent chooses an action; the other's, chosen in t-1, stands. The mover's state x is
the other's standing action. When agent i moves again in t+2 and finds x' there, it has earned
π_i(a, x) in t and π_i(a, x') in t+1, and it learns

    Q_i(x, a) ← (1-α) Q_i(x, a) + α [π_i(a, x) + β π_i(a, x') + β² max_b Q_i(x', b)].

Exploration, convergence, ties and random numbers are those of `repeated_games`, with one 64-bit
word per period.

References
----------
Klein, T. (2021): Autonomous algorithmic collusion: Q-learning under sequential pricing, RAND
Journal of Economics 52(3).
Maskin, E. and J. Tirole (1988): A theory of dynamic oligopoly, II, Econometrica 56(3).
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from marketsai_lite.require import number, require, whole
from marketsai_lite.tabular.compiled import njit
from marketsai_lite.tabular.repeated_games import stage_games, warn
from marketsai_lite.tabular.rng import states, xoshiro256pp

_32 = np.uint64(32)


class SequentialSessions(NamedTuple):
    """Where N sessions ended.

    Attributes
    ----------
    policy : array (N, 2, m) of int64
        Greedy action of each agent against the other's.
    actions : array (N, 2) of int64
        The standing actions.
    mover : array (N,) of int64
        Whose turn is next.
    periods : array (N,) of int64
        Periods played.
    converged : array (N,) of bool
        Whether the greedy policy stood still for `window` periods.
    """

    policy: np.ndarray
    actions: np.ndarray
    mover: np.ndarray
    periods: np.ndarray
    converged: np.ndarray


def learn_sequential(
    payoffs: np.ndarray,
    seeds: Sequence[int],
    *,
    α: float,
    β: float,
    decay: float,
    q0: float = 0.0,
    window: int = 100_000,
    max_periods: int = 1_000_000_000,
    threads: int | None = None,
) -> SequentialSessions:
    """Run independent sessions of two agents who move in turns, one for each seed.

    Parameters
    ----------
    payoffs : ndarray, shape (2, m, m)
        π_i(a_1, a_2).
    seeds : sequence of N distinct non-negative ints
    α : float in (0, 1]
        Step size.
    β : float in [0, 1)
        Discount factor of one period.
    decay : float >= 0
        Exploration with probability exp(-decay (t-1)).
    q0 : float
        Initial value of all entries.
    window, max_periods, threads
        As in `repeated_games.learn`.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Warns
    -----
    RuntimeWarning
        If a session reaches `max_periods` before it converges.
    """
    require(β=(β, 0 <= number(β) < 1, "in [0, 1)"))
    (π,), _ = stage_games(payoffs, β=β)
    require(**{"payoffs.shape": (π.shape, len(π) == 2, "(2, m, m)")})
    require(
        α=(α, 0 < number(α) <= 1, "in (0, 1]"),
        decay=(decay, 0 <= number(decay) < math.inf, "in [0, inf)"),
        q0=(q0, math.isfinite(number(q0)), "a finite number"),
        window=(window, whole(window, 1), "an integer >= 1"),
        max_periods=(max_periods, whole(max_periods, 1), "an integer >= 1"),
        threads=(threads, threads is None or whole(threads, 1), "an integer >= 1, or None"),
    )
    own = np.stack([π[0], π[1].T])  # [i, own action, the other's]
    rng = states(seeds)
    rates = float(α), math.exp(-float(decay)), float(β), float(q0)

    def run(j: int):
        return _session(own, *rates, int(window), int(max_periods), rng[j])

    with ThreadPoolExecutor(int(threads or os.cpu_count() or 1)) as pool:
        ends = list(pool.map(run, range(len(rng))))
    result = SequentialSessions(*(np.array(column) for column in zip(*ends, strict=True)))
    warn(result.converged, max_periods)
    return result


def sequential_cycle(policy: np.ndarray, actions: np.ndarray, mover: int) -> np.ndarray:
    """Standing actions on the limit cycle of greedy play, one row per period.

    Parameters
    ----------
    policy : int ndarray, shape (2, m)
    actions : int ndarray, shape (2,)
    mover : int

    Returns
    -------
    int64 ndarray, shape (L, 2)

    Raises
    ------
    ValueError
        If an action is none of m, or the mover neither 0 nor 1.
    """
    policy, actions = np.asarray(policy), np.asarray(actions)
    m = policy.shape[-1] if policy.ndim == 2 else 0
    for name, found, shape in (("policy", policy, (2, m)), ("actions", actions, (2,))):
        right = found.shape == shape and m > 0 and np.issubdtype(found.dtype, np.integer)
        right = right and found.min() >= 0 and found.max() < m
        require(**{name: (found, right, f"integers 0 to m - 1 = {m - 1} of shape {shape}")})
    require(mover=(mover, whole(mover, 0, 1), "0 or 1"))
    state = (int(actions[0]), int(actions[1]), int(mover))
    path: dict[tuple[int, int, int], int] = {}
    while state not in path:
        path[state] = len(path)
        pair, i = list(state[:2]), state[2]
        pair[i] = int(policy[i, pair[1 - i]])
        state = (pair[0], pair[1], 1 - i)
    return np.array([s[:2] for s in list(path)[path[state] :]])


@njit(nogil=True, cache=True, error_model="numpy")
def _session(own, α, shrink, β, q0, window, max_periods, rng):
    """One session; `own` (2, m, m) has the agent's own action first."""
    m = own.shape[1]
    q = np.full((2, m, m), q0)  # [i, state, action]
    policy = np.zeros((2, m), np.int64)
    s0, s1, s2, s3 = rng
    a = np.empty(2, np.int64)
    for i in range(2):
        draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
        a[i] = int(np.float64(draw >> _32) * (m / 2.0**32))
    seen = a[::-1].copy()  # the state in which agent i last moved
    cut = 2.0**32  # ε 2^32
    stop = window
    for t in range(1, max_periods + 1):
        i = (t - 1) % 2
        x = a[1 - i]
        if t > 2:
            y, b = seen[i], a[i]
            target = own[i, b, y] + β * own[i, b, x] + β**2 * q[i, x, policy[i, x]]
            q[i, y, b] = (1 - α) * q[i, y, b] + α * target
            g = np.argmax(q[i, y])
            if g != policy[i, y]:
                policy[i, y] = g
                stop = t + window - 1
        draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
        u = np.float64(draw >> _32)
        a[i] = policy[i, x]
        if u < cut and m / cut < np.inf:
            a[i] = min(int(u * (m / cut)), m - 1)
        seen[i] = x
        cut *= shrink
        if t == stop:
            return policy, a, 1 - i, t, True
    return policy, a, max_periods % 2, max_periods, False
