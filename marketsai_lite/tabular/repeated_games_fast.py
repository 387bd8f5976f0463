"""The session kernel for two agents, memory 1 and at most 16 actions, made fast.

It draws the same random numbers, does the same floating-point operations and breaks ties in the
same way as `repeated_games_general.session`, so that both return the same bits. What differs:

* A state is a byte, one hexadecimal digit for each agent; so is a pair of greedy actions, which
  therefore *is* the next state where nobody explores. Indices are unsigned.
* What a period reads of a state besides its two rows lies in one cache line (`aux`).
* While agents explore much, branches on their choices cannot be predicted and each miss costs 15
  to 20 cycles: the first loop has none, and finds the maximum anew in every period. Once they
  explore little (ε < 0.05), the second loop predicts well and touches a row's other entries only
  when the greedy value falls to the runner-up's.
"""

import numpy as np
from llvmlite.binding import get_host_cpu_name

from marketsai_lite.tabular.compiled import njit
from marketsai_lite.tabular.rng import xoshiro256pp
from marketsai_lite.tabular.row_scan import LANES, row_max, row_max_but

_1, _2, _3, _4, _5, _15, _16, _32, _LOW = (
    np.uint64(k) for k in (1, 2, 3, 4, 5, 15, 16, 32, 2**32 - 1)
)
# LLVM's model of these processors makes branches of the first loop's selections: then skip it.
_BRANCHING = ("generic", "haswell", "ivybridge", "sandybridge", "x86-64")
_OFTEN = 2.0**32 * (1.0 if get_host_cpu_name() in _BRANCHING else 0.05)


def duopoly(pay, q, m, α, shrink, β, window, max_periods, rng):
    """One session; as `repeated_games_general.session`, with `pay` of shape (m*m, 2)."""
    table = np.zeros((16, 16, 2, LANES))
    table[:m, :m] = q.reshape(m, m, 2, LANES)
    padded = np.zeros((16, 16, 2))
    padded[:m, :m] = pay.reshape(m, m, 2)
    greedy, state, periods, converged = _duopoly(
        padded.reshape(256, 2), table.ravel(), m, α, shrink, β, window, max_periods, rng
    )
    q[...] = table[:m, :m].reshape(q.shape)
    greedy = greedy.reshape(16, 16)[:m, :m].ravel()
    policy = np.stack([greedy >> 4, greedy & 15], axis=1)
    return policy, (state >> 4) * m + (state & 15), periods, converged


@njit(nogil=True, cache=True, error_model="numpy")
def _duopoly(pay, q, m, α, shrink, β, window, max_periods, rng):
    """Parameters: pay (256, 2); q flat, of shape (256 states, 2 agents, 16 actions).

    Where ε 2^32 is so small that m / (ε 2^32) is infinite, a draw of 0 does not explore.
    """
    keep, αβ = 1 - α, α * β
    greedy = np.empty(256, np.uint8)
    aux = np.empty(256 * 8)  # of each state: max Q_i, runner-up's bound, α π_i; i = 1, 2
    for j in range(256):
        aux[8 * j + 4], aux[8 * j + 5] = α * pay[j, 0], α * pay[j, 1]
    _refresh(greedy, aux, q)
    s0, s1, s2, s3 = rng
    draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
    scale = m / 2.0**32
    s = np.uint64(np.float64(draw >> _32) * scale) << _4
    s |= np.uint64(np.float64(draw & _LOW) * scale)
    cut = 2.0**32  # ε 2^32
    stop = window
    t = 0
    while cut > _OFTEN and t < max_periods:
        t += 1
        draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
        u0, u1 = np.float64(draw >> _32), np.float64(draw & _LOW)
        ratio = m / cut
        e0 = np.uint64(min(np.int64(u0 * ratio), m - 1))
        e1 = np.uint64(min(np.int64(u1 * ratio), m - 1))
        g = np.uint64(greedy[s])
        a0 = e0 if u0 < cut else g >> _4
        a1 = e1 if u1 < cut else g & _15
        s_next = (a0 << _4) | a1
        row, x, y = s << _5, s << _3, s_next << _3
        new0 = keep * q[row + a0] + (aux[y + _4] + αβ * aux[y])
        new1 = keep * q[row + _16 + a1] + (aux[y + _5] + αβ * aux[y + _1])
        b0, v0 = row_max_but(q, row, a0)
        b1, v1 = row_max_but(q, row + _16, a1)
        q[row + a0] = new0
        q[row + _16 + a1] = new1
        b0 = a0 if (new0 > v0) | ((new0 == v0) & (a0 < b0)) else b0
        b1 = a1 if (new1 > v1) | ((new1 == v1) & (a1 < b1)) else b1
        aux[x] = new0 if new0 > v0 else v0
        aux[x + _1] = new1 if new1 > v1 else v1
        b = (b0 << _4) | b1
        greedy[s] = b
        stop = t + window - 1 if b != g else stop
        s = s_next
        cut *= shrink
        if t == stop:
            return greedy, s, t, True
    _refresh(greedy, aux, q)
    while t < max_periods:
        t += 1
        draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
        u0, u1 = np.float64(draw >> _32), np.float64(draw & _LOW)
        g = np.uint64(greedy[s])
        a0, a1 = g >> _4, g & _15
        if (u0 < cut or u1 < cut) and m / cut < np.inf:
            ratio = m / cut
            if u0 < cut:
                a0 = np.uint64(min(np.int64(u0 * ratio), m - 1))
            if u1 < cut:
                a1 = np.uint64(min(np.int64(u1 * ratio), m - 1))
        s_next = (a0 << _4) | a1
        row, x, y = s << _5, s << _3, s_next << _3
        new0 = keep * q[row + a0] + (aux[y + _4] + αβ * aux[y])
        new1 = keep * q[row + _16 + a1] + (aux[y + _5] + αβ * aux[y + _1])
        q[row + a0] = new0
        q[row + _16 + a1] = new1
        for i in range(2):
            shift = _4 - (np.uint64(i) << _2)
            a, b = (s_next >> shift) & _15, (g >> shift) & _15
            k = x + np.uint64(i)
            new = new1 if i else new0
            if a == b:
                if new > aux[k + _2]:
                    aux[k] = new
                    continue
                a, aux[k], aux[k + _2] = row_max(q, row + (np.uint64(i) << _4))
            elif new > aux[k] or (new == aux[k] and a < b):
                aux[k + _2] = aux[k]
                aux[k] = new
            else:
                aux[k + _2] = max(new, aux[k + _2])
                continue
            if a != b:
                greedy[s] = np.uint64(greedy[s]) ^ ((a ^ b) << shift)
                stop = t + window - 1
        s = s_next
        cut *= shrink
        if t == stop:
            return greedy, s, t, True
    return greedy, s, t, False


@njit(cache=True)
def _refresh(greedy, aux, q):
    """Greedy actions, maxima and runners-up of all states."""
    for x in range(256):
        s = np.uint64(x)
        b0, aux[8 * x], aux[8 * x + 2] = row_max(q, s << _5)
        b1, aux[8 * x + 1], aux[8 * x + 3] = row_max(q, (s << _5) + _16)
        greedy[x] = (b0 << _4) | b1
