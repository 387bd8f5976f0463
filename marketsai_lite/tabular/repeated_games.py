r"""Q-learning in repeated games: n agents, m actions, memory k, any payoff array.

Every agent i keeps a table Q_i(s, a) over states s, the last k joint actions, and its own m
actions. In period t, with ε_t = exp(-decay (t-1)), it plays the greedy action of Q_i(s, ·), or with
probability ε_t one of the m actions at random. The joint action a leads to the state s', and

    Q_i(s, a_i) ← (1-α) Q_i(s, a_i) + α [π_i(a) + β max_b Q_i(s', b)].

A session has converged once no agent's greedy action at the visited state has changed for
`window` periods. Greedy means the first maximizer.

A joint action is the integer with base-m digits a_1 ... a_n (agent 1's is the leading one); a
state has the last joint action as its leading digits, then the one before. With memory 1 a row
of S = m^n entries therefore reshapes to (m, ..., m), one axis for each agent's last action.

Randomness: a session draws from its own xoshiro256++ stream, one 64-bit word for every two agents
and period. Each agent takes 32 bits, u in [0, 2^32): it explores if u < ε 2^32, and then plays
floor(u m / (ε 2^32)), so that one number decides both; once ε is so small that the quotient
overflows, it explores no more. The initial state is drawn as k periods with ε = 1.

The letters of Calvano et al. (2020) are others: their β is our decay, and their δ our discount
factor β.

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

from marketsai_lite.require import array, flag, number, probabilities, require, whole
from marketsai_lite.tabular.repeated_games_fast import duopoly
from marketsai_lite.tabular.repeated_games_general import session
from marketsai_lite.tabular.rng import states
from marketsai_lite.tabular.row_scan import LANES

MAX_CELLS = 2**28  # entries of the tables of one session (2 GiB)


class Sessions(NamedTuple):
    """Where N sessions ended.

    Attributes
    ----------
    policy : array (N, n, S) of int32
        Greedy action of each agent in each state.
    state : array (N,) of int64
        The last state.
    periods : array (N,) of int64
        Periods played; converged `window` periods earlier.
    converged : array (N,) of bool
        Whether the greedy policy stood still for `window` periods.
    q : array | None (N, n, S, m) of float64
        The tables where they were asked for.
    """

    policy: np.ndarray
    state: np.ndarray
    periods: np.ndarray
    converged: np.ndarray
    q: np.ndarray | None


def learn(
    payoffs: np.ndarray,
    seeds: Sequence[int],
    *,
    α: float,
    β: float,
    decay: float,
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
    seeds : sequence of N distinct non-negative ints
    α : float in (0, 1]
        Step size.
    β : float in [0, 1)
        Discount factor.
    decay : float >= 0
        Rate at which exploration (or the temperature) decays.
    memory : int in {0, 1, 2}
        Number k of past joint actions in the state.
    q0 : array that broadcasts to (n, m^(n k), m), optional
        Initial tables. By default the discounted payoff against rivals who play at random,
        `initial_q(payoffs, β)`.
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
    warm = temperature is None or 0 < number(temperature) < math.inf
    require(
        temperature=(temperature, warm, "in (0, inf), or None"),
        threads=(threads, threads is None or whole(threads, 1), "an integer >= 1, or None"),
        synchronous=(synchronous, flag(synchronous), "True or False"),
        keep_q=(keep_q, flag(keep_q), "True or False"),
    )
    rng = states(seeds)
    π, weights, start = checked(
        payoffs, α, β, decay, memory, q0, window, max_periods, demand=demand
    )
    n, S, m = start.shape
    N = len(rng)
    result = Sessions(
        policy=np.empty((N, n, S), np.int32),
        state=np.empty(N, np.int64),
        periods=np.empty(N, np.int64),
        converged=np.empty(N, np.bool_),
        q=np.empty((N, n, S, m)) if keep_q else None,
    )
    flat = np.ascontiguousarray(π.reshape(len(π), n, m**n).swapaxes(1, 2))
    cdf = np.where(np.arange(len(weights)) < np.flatnonzero(weights)[-1], np.cumsum(weights), 1.0)
    rates = float(α), math.exp(-float(decay)), float(β)
    plain = len(π) == 1 and not synchronous and temperature is None
    fast = plain and n == 2 and memory == 1 and m <= LANES

    def run(j: int) -> None:
        q = np.full((S, n, -(-m // LANES) * LANES), -np.inf)
        q[:, :, :m] = start.swapaxes(0, 1)
        common = (m, *rates, int(window), int(max_periods), rng[j])
        if fast:
            end = duopoly(flat[0], q, *common)
        else:
            end = session(flat, cdf, q, *common, bool(synchronous), float(temperature or 0.0))
        result.policy[j] = end[0].T
        result.state[j], result.periods[j], result.converged[j] = end[1:]
        if result.q is not None:
            result.q[j] = q[:, :, :m].swapaxes(0, 1)

    with ThreadPoolExecutor(int(threads or os.cpu_count() or 1)) as pool:
        list(pool.map(run, range(N)))
    warn(result.converged, max_periods)
    return result


def initial_q(payoffs: np.ndarray, β: float) -> np.ndarray:
    """Discounted payoff of each own action against rivals who play at random for ever.

    Parameters
    ----------
    payoffs : ndarray, shape (n, m, ..., m)
    β : float in [0, 1)

    Returns
    -------
    ndarray, shape (n, 1, m)
        The same in every state.

    Raises
    ------
    ValueError
        If `payoffs` has another shape or an entry that is not finite, or β is out of range.
    """
    require(β=(β, 0 <= number(β) < 1, "in [0, 1)"))
    (π,), _ = stage_games(payoffs, β=β)
    n = len(π)
    means = [π[i].mean(axis=tuple(j for j in range(n) if j != i)) / (1 - β) for i in range(n)]
    return np.array(means)[:, None, :]


def checked(
    payoffs, α, β, decay, memory, q0, window, max_periods, *, demand=None, sessions=None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check the arguments of a learner; α and decay may be arrays, one entry for each session.

    Returns
    -------
    payoffs (Z, n, m, ..., m), their weights (Z,), and the initial tables (n, S, m)
    """
    require(β=(β, 0 <= number(β) < 1, "in [0, 1)"))
    π, weights = stage_games(payoffs, demand, β)
    n, m = π.shape[1:3]
    steps, rates = _rates(α, sessions), _rates(decay, sessions)
    require(
        α=(α, ((steps > 0) & (steps <= 1)).all(), "in (0, 1]"),
        decay=(decay, ((rates >= 0) & np.isfinite(rates)).all(), "in [0, inf)"),
        memory=(memory, whole(memory, 0, 2), "0, 1 or 2"),
        window=(window, whole(window, 1), "an integer >= 1"),
        max_periods=(max_periods, whole(max_periods, 1), "an integer >= 1"),
    )
    cells = n * m ** (n * int(memory) + 1)
    few = f"small enough for tables of up to {MAX_CELLS} entries: n m^(n memory + 1) is {cells}"
    require(memory=(memory, cells <= MAX_CELLS, few))
    start = initial_q(np.tensordot(weights, π, 1), β) if q0 is None else array("q0", q0)
    require(q0=(q0, np.isfinite(start).all(), "finite numbers"))
    S = m ** (n * int(memory))
    try:
        return π, weights, np.broadcast_to(start, (n, S, m))
    except ValueError:
        raise ValueError(
            f"q0.shape={start.shape}: must be one that broadcasts to {(n, S, m)}"
        ) from None


def _rates(value, sessions: int | None) -> np.ndarray:
    """A rate as an array, () or (sessions,); NaN where it is neither."""
    if sessions is None or np.ndim(value) == 0:
        return np.array(number(value))
    rates = np.array([number(x) for x in np.ravel(value)])
    return rates if np.shape(value) == (sessions,) else np.array(np.nan)


def warn(converged: np.ndarray, max_periods: int) -> None:
    """Warn of sessions that did not converge, on behalf of the caller's caller."""
    if not converged.all():
        warnings.warn(
            f"{np.sum(~converged)} of {len(converged)} sessions had not converged after "
            f"{max_periods} periods",
            RuntimeWarning,
            stacklevel=3,
        )


def stage_games(
    payoffs: np.ndarray, demand: Sequence[float] | None = None, β: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Check payoffs; return them as (Z, n, m, ..., m), and the Z probabilities."""
    π = array("payoffs", payoffs)
    weights = np.ones(1) if demand is None else array("demand", demand)
    kind = "(n, m, ..., m)" if demand is None else "(Z, n, m, ..., m)"
    π = π[None] if demand is None else π
    n = π.shape[1] if π.ndim > 2 else 0
    right = π.ndim == n + 2 and len(set(π.shape[2:])) == 1 and π.shape[2] >= 2 and len(π) > 0
    shape = f"{kind}, one axis of m >= 2 actions for each of the n agents"
    require(**{"payoffs.shape": (np.shape(payoffs), right, shape)})
    require(
        payoffs=(payoffs, np.isfinite(π).all(), "finite numbers"),
        demand=(demand, weights.shape == π.shape[:1], f"{len(π)} probabilities"),
    )
    weights = probabilities("demand", weights)
    with np.errstate(over="ignore"):
        most = float(np.abs(π).max() / (1 - float(β)))
    require(payoffs=(payoffs, most <= 1e300, "so small that payoffs / (1 - β) is at most 1e300"))
    return π, weights
