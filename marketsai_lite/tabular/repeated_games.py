r"""Q-learning in repeated games: n agents, m actions, memory k, any payoff array.

Every agent i keeps a table Q_i(s, a) over states s, the last k joint actions, and its own m
actions. In period t, with ε_t = exp(-β(t-1)), it plays the greedy action of Q_i(s, ·), or with
probability ε_t one of the m actions at random. The joint action a leads to the state s', and

    Q_i(s, a_i) ← (1-α) Q_i(s, a_i) + α [π_i(a) + δ max_b Q_i(s', b)].

A session has converged once no agent's greedy action at the visited state has changed for
`window` periods. Greedy means the first maximizer.

A joint action is the integer with base-m digits a_1 ... a_n (agent 1's is the leading one); a
state has the last joint action as its leading digits, then the one before. With memory 1 a row
of S = m^n entries therefore reshapes to (m, ..., m), one axis for each agent's last action.

Randomness: a session draws from its own xoshiro256++ stream, one 64-bit word for every two agents
and period. Each agent takes 32 bits, u in [0, 2^32): it explores if u < ε 2^32, and then plays
floor(u m / (ε 2^32)), so that one number decides both. The initial state is drawn as k periods
with ε = 1.

References
----------
Calvano, E., G. Calzolari, V. Denicolò and S. Pastorello (2020): Artificial intelligence,
algorithmic pricing, and collusion, American Economic Review 110(10).
"""

import math
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from marketsai_lite.tabular.repeated_games_fast import duopoly
from marketsai_lite.tabular.repeated_games_general import session
from marketsai_lite.tabular.rng import states
from marketsai_lite.tabular.row_scan import LANES

MAX_CELLS = 2**28  # entries of the tables of one session (2 GiB)


class Sessions(NamedTuple):
    """Where N sessions ended."""

    policy: np.ndarray  # (N, n, S) int32, greedy action of each agent in each state
    state: np.ndarray  # (N,) int64, the last state
    periods: np.ndarray  # (N,) int64, periods played; converged `window` periods earlier
    converged: np.ndarray  # (N,) bool
    q: np.ndarray | None  # (N, n, S, m) float64, the tables where they were asked for


def learn(
    payoffs: np.ndarray,
    seeds: Sequence[int],
    *,
    α: float,
    β: float,
    δ: float,
    memory: int = 1,
    q0: np.ndarray | float | None = None,
    window: int = 100_000,
    max_periods: int = 1_000_000_000,
    demand: Sequence[float] | None = None,
    synchronous: bool = False,
    temperature: float | None = None,
    keep_q: bool = False,
    threads: int | None = None,
) -> Sessions:
    """Run independent sessions of Q-learning, one for each seed.

    The result depends on the seeds alone, not on the number of threads.

    Parameters
    ----------
    payoffs : ndarray, shape (n, m, ..., m)
        π_i at every joint action; with `demand`, shape (Z, n, m, ..., m).
    seeds : sequence of N non-negative ints
    α : float in (0, 1]
        Step size.
    β : float >= 0
        Rate at which exploration (or the temperature) decays.
    δ : float in [0, 1)
        Discount factor.
    memory : int in {0, 1, 2}
        Number k of past joint actions in the state.
    q0 : array that broadcasts to (n, m^(n k), m), optional
        Initial tables. By default the discounted payoff against rivals who play at random,
        `initial_q(payoffs, δ)`.
    window : int >= 1
        Periods without a change of greedy action that count as convergence.
    max_periods : int >= 1
    demand : sequence of Z probabilities, optional
        Distribution of the demand state, drawn anew each period and observed by nobody.
    synchronous : bool
        Update the whole row Q_i(s, ·), each entry with what that action would have earned.
    temperature : float > 0, optional
        Explore by Boltzmann choice, probabilities ∝ exp(Q_i(s, ·)/τ_t), τ_t = temperature ε_t.
    keep_q : bool
        Return the tables as well.
    threads : int >= 1, optional
        By default all processors.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Warns
    -----
    RuntimeWarning
        If a session reaches `max_periods` before it converges.
    """
    for name, value, inside, permitted in (
        ("temperature", temperature, temperature is None or 0 < temperature < math.inf, "(0, inf)"),
        ("threads", threads, threads is None or threads >= 1, "1 or more"),
    ):
        if not inside:
            raise ValueError(f"{name} = {value}; permitted: {permitted}")
    π, weights, start = checked(
        payoffs, seeds, α, β, δ, memory, q0, window, max_periods, demand=demand
    )
    n, S, m = start.shape
    N = len(seeds)
    result = Sessions(
        policy=np.empty((N, n, S), np.int32),
        state=np.empty(N, np.int64),
        periods=np.empty(N, np.int64),
        converged=np.empty(N, np.bool_),
        q=np.empty((N, n, S, m)) if keep_q else None,
    )
    rng = states(seeds)
    flat = np.ascontiguousarray(π.reshape(len(π), n, m**n).swapaxes(1, 2))
    cdf = np.cumsum(weights)
    decay = math.exp(-β)
    plain = len(π) == 1 and not synchronous and temperature is None
    fast = plain and n == 2 and memory == 1 and m <= LANES

    def run(j: int) -> None:
        q = np.full((S, n, -(-m // LANES) * LANES), -np.inf)
        q[:, :, :m] = start.swapaxes(0, 1)
        common = (m, α, decay, δ, window, max_periods, rng[j])
        if fast:
            end = duopoly(flat[0], q, *common)
        else:
            end = session(flat, cdf, q, *common, synchronous, temperature or 0.0)
        result.policy[j] = end[0].T
        result.state[j], result.periods[j], result.converged[j] = end[1:]
        if result.q is not None:
            result.q[j] = q[:, :, :m].swapaxes(0, 1)

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        list(pool.map(run, range(N)))
    warn(result.converged, max_periods)
    return result


def initial_q(payoffs: np.ndarray, δ: float) -> np.ndarray:
    """Discounted payoff of each own action against rivals who play at random for ever.

    Parameters
    ----------
    payoffs : ndarray, shape (n, m, ..., m)
    δ : float in [0, 1)

    Returns
    -------
    ndarray, shape (n, 1, m)
        The same in every state.
    """
    n = len(payoffs)
    means = [payoffs[i].mean(axis=tuple(j for j in range(n) if j != i)) / (1 - δ) for i in range(n)]
    return np.array(means)[:, None, :]


def checked(
    payoffs, seeds, α, β, δ, memory, q0, window, max_periods, demand=None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check the arguments of a learner; α and β may be arrays.

    Returns
    -------
    payoffs (Z, n, m, ..., m), their weights (Z,), and the initial tables (n, S, m)
    """
    π, weights = _payoffs(payoffs, demand)
    n, m = π.shape[1:3]
    S = m ** (n * memory) if memory in (0, 1, 2) else 0
    for name, value, inside, permitted in (
        ("seeds", seeds, len(seeds) > 0 and min(seeds) >= 0, "one or more integers >= 0"),
        ("α", α, np.all(np.greater(α, 0) & np.less_equal(α, 1)), "(0, 1]"),
        ("β", β, np.all(np.greater_equal(β, 0) & np.isfinite(β)), "[0, inf)"),
        ("δ", δ, 0 <= δ < 1, "[0, 1)"),
        ("memory", memory, memory in (0, 1, 2), "0, 1, 2"),
        ("window", window, window >= 1, "1 or more"),
        ("max_periods", max_periods, max_periods >= 1, "1 or more"),
        ("n * m ** (n * memory + 1)", n * S * m, n * S * m <= MAX_CELLS, f"up to {MAX_CELLS}"),
    ):
        if not inside:
            raise ValueError(f"{name} = {value}; permitted: {permitted}")
    start = np.asarray(initial_q(np.tensordot(weights, π, 1), δ) if q0 is None else q0, dtype=float)
    if not np.isfinite(start).all():
        raise ValueError("q0 has entries that are not finite; permitted: finite numbers")
    try:
        return π, weights, np.broadcast_to(start, (n, S, m))
    except ValueError:
        message = f"q0 has shape {start.shape}; permitted: shapes that broadcast to {(n, S, m)}"
        raise ValueError(message) from None


def warn(converged: np.ndarray, max_periods: int) -> None:
    """Warn of sessions that did not converge, on behalf of the caller's caller."""
    if not converged.all():
        warnings.warn(
            f"{np.sum(~converged)} of {len(converged)} sessions had not converged after "
            f"{max_periods} periods",
            RuntimeWarning,
            stacklevel=3,
        )


def _payoffs(payoffs: np.ndarray, demand: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """The payoffs as (Z, n, m, ..., m) and the Z probabilities."""
    π = np.asarray(payoffs, dtype=float)
    weights = np.ones(1) if demand is None else np.asarray(demand, dtype=float)
    if demand is None:
        π = π[None]
    n = π.shape[1] if π.ndim > 2 else 0
    if π.ndim != n + 2 or len(set(π.shape[2:])) != 1 or π.shape[2] < 2:
        shape = "(n, m, ..., m)" if demand is None else "(Z, n, m, ..., m)"
        raise ValueError(
            f"payoffs has shape {np.shape(payoffs)}; permitted: {shape}, one axis of m >= 2 "
            "actions for each of the n agents"
        )
    if not np.isfinite(π).all():
        raise ValueError("payoffs has entries that are not finite; permitted: finite numbers")
    if weights.shape != π.shape[:1] or not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-12:
        raise ValueError(f"demand = {demand}; permitted: {len(π)} probabilities that sum to one")
    return π, weights
