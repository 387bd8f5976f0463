"""Q-learning in repeated games on a CUDA GPU, one session per thread.

The arithmetic, the random numbers and the ties are those of `repeated_games_general.session`, so
the results are the same bits as the CPU's: products and sums are rounded one by one, never fused.
An agent's best value is read from its table at its greedy action, and a row is searched when that
value has fallen. A thread's table lies in one piece of global memory; with thousands of sessions
in flight the reads of one hide behind the others'.
"""

import math
from collections.abc import Sequence

import numpy as np
from numba import config, cuda

from marketsai_lite.require import require
from marketsai_lite.tabular.repeated_games import Sessions, checked, warn
from marketsai_lite.tabular.rng import states, xoshiro256pp

_32 = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_MAX_AGENTS = 8
_BLOCK = 64  # threads

if config.ENABLE_CUDASIM:  # type: ignore[attr-defined]  # Python, which fuses nothing

    def _product(x, y):
        return x * y
else:
    from numba.cuda import libdevice

    @cuda.jit(device=True)
    def _product(x, y):
        return libdevice.dmul_rn(x, y)


_draw = cuda.jit(device=True)(xoshiro256pp.py_func)


def learn_cuda(
    payoffs: np.ndarray,
    seeds: Sequence[int],
    *,
    α: float | np.ndarray,
    β: float,
    decay: float | np.ndarray,
    memory: int = 1,
    q0: np.ndarray | float | None = None,
    window: int = 100_000,
    max_periods: int = 1_000_000_000,
    keep_q: bool = False,
) -> Sessions:
    """Run independent sessions of Q-learning on the current GPU, one for each seed.

    Parameters and result as in `repeated_games.learn`, except for

    α, decay : floats or arrays, shape (N,)
        A whole map of rates can run at once; sessions of unlike rates may share a seed.
    """
    rng = states(seeds, distinct=False)
    N = len(rng)
    π, _, start = checked(payoffs, α, β, decay, memory, q0, window, max_periods, sessions=N)
    n, S, m = start.shape
    require(payoffs=(payoffs, n <= _MAX_AGENTS, f"of up to {_MAX_AGENTS} agents"))
    pay = np.ascontiguousarray(π.reshape(n, m**n).T)
    steps, rates = (np.array(np.broadcast_to(x, N), dtype=float) for x in (α, decay))
    apart = len(set(zip(map(bytes, rng), steps, rates, strict=True))) == N
    require(seeds=(seeds, apart, "distinct where the rates are the same"))
    shrink = np.array([math.exp(-rate) for rate in rates])
    q = cuda.to_device(np.ascontiguousarray(np.broadcast_to(start.swapaxes(0, 1), (N, S, n, m))))
    policy = cuda.device_array((N, S, n), np.int32)
    end = cuda.device_array((N, 3), np.int64)
    _sessions[-(-N // _BLOCK), _BLOCK](
        pay, q, policy, end, steps, shrink, float(β), int(window), int(max_periods), rng
    )
    state, periods, converged = end.copy_to_host().T
    result = Sessions(
        policy.copy_to_host().swapaxes(1, 2),
        state,
        periods,
        converged == 1,
        q.copy_to_host().swapaxes(1, 2) if keep_q else None,
    )
    warn(result.converged, max_periods)
    return result


@cuda.jit(device=True)
def _greedy(q, j, s, i):
    a = 0
    for b in range(1, q.shape[3]):
        if q[j, s, i, b] > q[j, s, i, a]:
            a = b
    return a


@cuda.jit
def _sessions(pay, q, policy, end, steps, shrinks, β, window, max_periods, rng):
    """`pay` (M, n), `q` (N, S, n, m), `policy` (N, S, n), `end` (N, 3), `rng` (N, 4)."""
    j = cuda.grid(1)  # type: ignore
    if j >= q.shape[0]:
        return
    M, n = pay.shape
    S, m = q.shape[1], q.shape[3]
    lead = S // M
    for s in range(S):
        for i in range(n):
            policy[j, s, i] = _greedy(q, j, s, i)
    s0, s1, s2, s3 = rng[j, 0], rng[j, 1], rng[j, 2], rng[j, 3]
    draw = s0
    a = cuda.local.array(_MAX_AGENTS, np.int64)
    α, shrink = steps[j], shrinks[j]
    keep, αβ = 1 - α, α * β
    s, cut, stop = 0, 2.0**32, window
    lags = 0 if S == 1 else (1 if lead == 1 else 2)
    for t in range(1 - lags, max_periods + 1):
        joint = 0
        for i in range(n):
            if i % 2 == 0:
                draw, s0, s1, s2, s3 = _draw(s0, s1, s2, s3)
                u = np.float64(draw >> _32)
            else:
                u = np.float64(draw & _LOW)
            if u < cut and m / cut < math.inf:
                b = int(u * (m / cut))
                a[i] = b if b < m else m - 1
            else:
                a[i] = policy[j, s, i]
            joint = joint * m + a[i]
        if t < 1:  # the initial state: everybody explores, nobody learns
            s = s * M + joint
            continue
        s_next = joint * lead + (s // M if lead > 1 else 0)
        for i in range(n):
            b, g = a[i], policy[j, s, i]
            best = q[j, s_next, i, policy[j, s_next, i]]
            new = _product(keep, q[j, s, i, b]) + (_product(α, pay[joint, i]) + _product(αβ, best))
            old = q[j, s, i, g]
            q[j, s, i, b] = new
            if b == g and new < old:
                policy[j, s, i] = _greedy(q, j, s, i)
            elif b != g and (new > old or (new == old and b < g)):
                policy[j, s, i] = b
            if policy[j, s, i] != g:
                stop = t + window - 1
        s = s_next
        cut *= shrink
        if t == stop:
            end[j, 0], end[j, 1], end[j, 2] = s, t, 1
            return
    end[j, 0], end[j, 1], end[j, 2] = s, max_periods, 0
