"""The session kernel of `repeated_games` for any number of agents, actions and lags.

An agent's greedy action and its value are kept, not searched for in each period: a row is scanned
only when its greedy value falls to `bound`, which no other value of the row exceeds. All that a
period needs of a state lies together, and is asked for as soon as the state is known.
"""

import numpy as np

from marketsai_lite.tabular.compiled import njit
from marketsai_lite.tabular.rng import xoshiro256pp
from marketsai_lite.tabular.row_scan import prefetch, scan

_32 = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


@njit(nogil=True, cache=True, error_model="numpy")
def session(pay, cdf, q, m, α, shrink, β, window, max_periods, rng, synchronous, temperature):
    """One session of any game; updates q in place.

    Parameters
    ----------
    pay : ndarray, shape (Z, m**n, n)
    cdf : ndarray, shape (Z,)
        Cumulative probabilities of the demand states.
    q : ndarray, shape (S, n, width)
        Rows padded with -inf to a multiple of LANES.
    shrink : float
        exp(-decay), by which ε falls from period to period.
    rng : ndarray of uint64, shape (4,)
    temperature : float
        0 for ε-greedy exploration.

    Returns
    -------
    policy (S, n) int32, last state, periods, converged
    """
    Z, M, n = pay.shape
    S, width = q.shape[0], q.shape[2]
    rows = q.ravel()
    lead = S // M  # weight of the last joint action in a state: m^(n(k-1)), 0 without memory
    s0, s1, s2, s3 = rng
    draw = rng[0]
    policy = np.empty((S, n), np.int32)
    best = np.empty((S, n))  # max_a Q_i(s, a)
    bound = np.empty((S, n))  # no other action's value lies above this
    for s in range(S):
        for i in range(n):
            policy[s, i], best[s, i], bound[s, i] = scan(rows, (s * n + i) * width, width)

    s, scale = 0, m / 2.0**32
    lags = 0 if S == 1 else (1 if lead == 1 else 2)
    for _ in range(lags):
        for i in range(n):
            u, draw, s0, s1, s2, s3 = _half(i, draw, s0, s1, s2, s3)
            s = s * m + int(u * scale)

    a = np.empty(n, np.int64)
    keep, αβ = 1 - α, α * β
    cut = 2.0**32  # ε 2^32
    τ = temperature
    stop = window
    for t in range(1, max_periods + 1):
        joint = 0
        for i in range(n):
            u, draw, s0, s1, s2, s3 = _half(i, draw, s0, s1, s2, s3)
            if temperature > 0:
                a[i] = _boltzmann(q[s, i, :m], best[s, i], τ, u / 2.0**32)
            elif u < cut and m / cut < np.inf:  # where ε is next to 0, a draw of 0 is no sign
                a[i] = min(int(u * (m / cut)), m - 1)
            else:
                a[i] = policy[s, i]
            joint = joint * m + a[i]
        z = 0
        if Z > 1:
            draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
            while z < Z - 1 and (draw >> _32) / 2.0**32 >= cdf[z]:
                z += 1

        older = s // M if lead > 1 else 0
        s_next = joint * lead + older
        prefetch(policy, s_next * n)
        prefetch(bound, s_next * n)
        for k in range(s_next * n * width, (s_next + 1) * n * width, 8):
            prefetch(q, k)
        for i in range(n):
            greedy = policy[s, i]
            if synchronous:
                stride = m ** (n - 1 - i)
                for b in range(m):
                    j = joint + (b - a[i]) * stride
                    target = α * pay[z, j, i] + αβ * best[j * lead + older, i]
                    q[s, i, b] = keep * q[s, i, b] + target
                policy[s, i], best[s, i], bound[s, i] = scan(rows, (s * n + i) * width, width)
            else:
                b = a[i]
                new = keep * q[s, i, b] + (α * pay[z, joint, i] + αβ * best[s_next, i])
                q[s, i, b] = new
                if b == greedy:
                    if new > bound[s, i]:
                        best[s, i] = new
                    else:
                        policy[s, i], best[s, i], bound[s, i] = scan(
                            rows, (s * n + i) * width, width
                        )
                elif new > best[s, i] or (new == best[s, i] and b < greedy):
                    policy[s, i], best[s, i], bound[s, i] = b, new, best[s, i]
                elif new > bound[s, i]:
                    bound[s, i] = new
            if policy[s, i] != greedy:
                stop = t + window - 1
        s = s_next
        cut *= shrink
        τ = max(τ * shrink, 1e-300)
        if t == stop:
            return policy, s, t, True
    return policy, s, max_periods, False


@njit(cache=True, forceinline=True)
def _half(i, draw, s0, s1, s2, s3):
    """Agent i's 32 bits: the upper half of a new draw for even i, then its lower half for odd i."""
    if i % 2 == 0:
        draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
        return np.float64(draw >> _32), draw, s0, s1, s2, s3
    return np.float64(draw & _LOW), draw, s0, s1, s2, s3


@njit(cache=True)
def _boltzmann(row, best, τ, u):
    """Action drawn with probabilities ∝ exp(row/τ), by inversion of the uniform u."""
    total = 0.0
    for b in range(row.size):
        total += np.exp((row[b] - best) / τ)
    rest = u * total
    for b in range(row.size):
        rest -= np.exp((row[b] - best) / τ)
        if rest < 0:
            return b
    b = row.size - 1  # rounding has left something over: it is the last possible action's
    while np.exp((row[b] - best) / τ) == 0:
        b -= 1
    return b
