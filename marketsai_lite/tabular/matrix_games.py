"""Learning in a matrix game: independent Q-learners, multiplicative weights, fictitious play.

There is no state.  The same game is played again and again, and each player knows its own actions
and the rewards that they brought; what the others did it sees only in fictitious play.  The game is
an array (n, m, ..., m) of the players' payoffs, as in `marketsai_lite.economies.small_games`.

References
----------
Claus, C. and C. Boutilier (1998): The dynamics of reinforcement learning in cooperative multiagent
systems, AAAI.
Matignon, L., G. J. Laurent and N. Le Fort-Piat (2007): Hysteretic Q-learning, IROS.
Wei, E. and S. Luke (2016): Lenient learning in independent-learner stochastic cooperative games,
JMLR 17.
Freund, Y. and R. E. Schapire (1999): Adaptive game playing using multiplicative weights, Games and
Economic Behavior 29.
Robinson, J. (1951): An iterative method of solving a game, Annals of Mathematics 54.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import array, number, probabilities, require, whole
from marketsai_lite.tabular.compiled import njit
from marketsai_lite.tabular.rng import states, xoshiro256pp

_11 = np.uint64(11)


class Learners(NamedTuple):
    """What independent Q-learners have learned in N sessions.

    Attributes
    ----------
    Q : array (N, n, m)
        What each player thinks of each of its actions.
    greedy : array (N, n)
        The action that it thinks best, the first of several.
    """

    Q: np.ndarray
    greedy: np.ndarray


def independent_q(
    payoffs: ArrayLike,
    seeds: Sequence[int],
    plays: int,
    *,
    α: float = 0.1,
    α_down: float | None = None,
    lenience: float = 0.0,
    explore: tuple[float, float] = (1.0, 0.001),
    spread: ArrayLike = 0.0,
    q0: ArrayLike = 0.0,
) -> Learners:
    """Let independent Q-learners without a state play a matrix game, one session for each seed.

    A player that has played a and earned r moves Q(a) by α [r - Q(a)].  It draws an action at
    random with probability ε and plays its greedy one otherwise, where ε falls geometrically from
    the first to the last play.

    Parameters
    ----------
    payoffs : array_like (n, m, ..., m)
        Expected payoff of each player at each joint action.
    seeds : sequence of N distinct non-negative ints
    plays : int
        Number of plays, at least 1.
    α : float in (0, 1]
        Step size.
    α_down : float in [0, 1], optional
        Step size where r < Q(a): hysteretic learning if it is below α, optimistic (distributed)
        Q-learning if it is 0.  By default α.
    lenience : float >= 0
        A disappointment, r < Q(a), is forgiven, and Q(a) left as it is, with probability
        1 - exp(-lenience · ε): nearly always early, hardly ever late, and never if it is 0.
    explore : (first, last)
        First and last ε, in (0, 1].
    spread : array_like that broadcasts to `payoffs`
        Luck: each play adds or subtracts it, with equal chance, for all players alike.
    q0 : array_like that broadcasts to (n, m)
        Initial Q.

    Returns
    -------
    Learners

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    π = _game(payoffs)
    n, m = π.shape[:2]
    down = α if α_down is None else α_down
    pair = np.shape(explore) == (2,) and all(0 < number(ε) <= 1 for ε in explore)
    require(
        plays=(plays, whole(plays, 1), "an integer >= 1"),
        α=(α, 0 < number(α) <= 1, "in (0, 1]"),
        α_down=(α_down, 0 <= number(down) <= 1, "in [0, 1], or None"),
        lenience=(lenience, 0 <= number(lenience) < np.inf, "at least 0"),
        explore=(explore, pair, "two numbers in (0, 1]"),
    )
    luck = _broadcast("spread", spread, π.shape)
    start = _broadcast("q0", q0, (n, m))
    rng = states(seeds)
    Q = np.tile(start, (len(rng), 1, 1))
    first, last = map(float, explore)
    fall = (last / first) ** (1 / max(int(plays) - 1, 1))
    for i, words in enumerate(rng):
        _session(
            np.ascontiguousarray(π.reshape(n, -1).T),
            np.ascontiguousarray(luck.reshape(n, -1).T),
            bool(luck.any()),
            Q[i],
            int(plays),
            float(α),
            float(down),
            float(lenience),
            first,
            fall,
            words,
        )
    return Learners(Q, Q.argmax(-1))


@njit(cache=True, error_model="numpy")
def _session(π, luck, risky, Q, plays, α, α_down, lenience, ε, fall, words):
    """Play, and update Q (n, m) in place; π and luck are (M, n)."""
    n, m = Q.shape
    a = np.empty(n, np.int64)
    s0, s1, s2, s3 = words
    for _ in range(plays):
        joint = 0
        for i in range(n):
            draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
            u = (draw >> _11) * 2.0**-53
            if u < ε:
                a[i] = min(int(u / ε * m), m - 1)  # u / ε is uniform again
            else:
                a[i] = Q[i].argmax()
            joint = joint * m + a[i]
        sign = 0.0
        if risky:
            draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
            sign = 1.0 if draw >> _11 & np.uint64(1) else -1.0
        for i in range(n):
            δ = π[joint, i] + sign * luck[joint, i] - Q[i, a[i]]
            step = α if δ >= 0 else α_down
            if δ < 0 and lenience > 0:
                draw, s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
                if (draw >> _11) * 2.0**-53 < 1 - np.exp(-lenience * ε):
                    step = 0.0
            Q[i, a[i]] += step * δ
        ε *= fall


def nash_gap(payoffs: ArrayLike, x: ArrayLike, y: ArrayLike) -> float:
    """Return what two players would gain in all by best responses to (x, y): NashConv.

    Parameters
    ----------
    payoffs : array_like (2, m, k)
    x : array_like (m,)
        Probabilities with which player 1 plays its actions.
    y : array_like (k,)
        Those of player 2.

    Returns
    -------
    float
        Zero at a Nash equilibrium and nowhere else.

    Raises
    ------
    ValueError
        If the shapes do not fit or probabilities do not sum to 1.
    """
    A, B = _bimatrix(payoffs)
    p, q = _mixed("x", x, A.shape[0]), _mixed("y", y, A.shape[1])
    return float((A @ q).max() - p @ A @ q + (p @ B).max() - p @ B @ q)


def multiplicative_weights(payoffs: ArrayLike, x: ArrayLike, y: ArrayLike, η: float, periods: int):
    """Let both players multiply each action's weight by exp(η · its payoff against the other).

    Parameters
    ----------
    payoffs : array_like (2, m, k)
    x, y : array_like (m,), (k,)
        Where the players start, all entries positive.
    η : float
        Step size, positive.
    periods : int
        At least 1.

    Returns
    -------
    x : array (periods + 1, m)
        Path of player 1, the start included.
    y : array (periods + 1, k)
        Path of player 2.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    A, B = _bimatrix(payoffs)
    p, q = _mixed("x", x, A.shape[0]), _mixed("y", y, A.shape[1])
    require(
        x=(x, (p > 0).all(), "positive"),
        y=(y, (q > 0).all(), "positive"),
        η=(η, 0 < number(η) < np.inf, "positive"),
        periods=(periods, whole(periods, 1), "an integer >= 1"),
    )
    xs, ys = [p], [q]
    u, v = np.log(p), np.log(q)  # log weights
    for _ in range(int(periods)):
        u, v = u + η * (A @ ys[-1]), v + η * (xs[-1] @ B)
        xs.append(_share(u))
        ys.append(_share(v))
    return np.array(xs), np.array(ys)


def fictitious_play(payoffs: ArrayLike, periods: int, first: tuple[int, int] = (0, 0)):
    """Let both players answer the other's average past play with a best response.

    Parameters
    ----------
    payoffs : array_like (2, m, k)
    periods : int
        At least 1.
    first : (int, int)
        The actions of the first period; of several best responses the first is taken.

    Returns
    -------
    x : array (periods, m)
        Frequencies of player 1's actions up to each period.
    y : array (periods, k)
        Those of player 2.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    A, B = _bimatrix(payoffs)
    m, k = A.shape
    pair = np.shape(first) == (2,) and whole(first[0], 0, m - 1) and whole(first[1], 0, k - 1)
    require(
        periods=(periods, whole(periods, 1), "an integer >= 1"),
        first=(first, pair, f"two actions, below {m} and {k}"),
    )
    x, y = np.zeros((int(periods), m)), np.zeros((int(periods), k))
    a, b = map(int, first)
    u, v = np.zeros(m), np.zeros(k)  # what each action would have earned so far
    for t in range(int(periods)):
        x[t, a] = y[t, b] = 1
        u, v = u + A[:, b], v + B[a]
        a, b = u.argmax(), v.argmax()
    n = np.arange(1, int(periods) + 1)[:, None]
    return x.cumsum(0) / n, y.cumsum(0) / n


def _share(log_weights):
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def _game(payoffs):
    π = array("payoffs", payoffs)
    right = π.ndim >= 3 and π.shape[0] == π.ndim - 1 and len(set(π.shape[1:])) == 1 and π.size > 0
    require(
        **{"payoffs.shape": (π.shape, right, "(n, m, ..., m), for two players or more")},
        payoffs=(payoffs, bool(np.isfinite(π).all()), "finite"),
    )
    return π


def _bimatrix(payoffs):
    π = array("payoffs", payoffs)
    right = π.ndim == 3 and π.shape[0] == 2 and π.size > 0
    require(
        **{"payoffs.shape": (π.shape, right, "(2, m, k)")},
        payoffs=(payoffs, bool(np.isfinite(π).all()), "finite"),
    )
    return π


def _mixed(name, x, m):
    x = probabilities(name, x)
    require(**{f"{name}.shape": (x.shape, x.shape == (m,), f"({m},)")})
    return x


def _broadcast(name, value, shape):
    value = array(name, value)
    try:
        full = np.broadcast_to(value, shape).copy()
    except ValueError:
        full = np.full(shape, np.nan)
    require(**{name: (value, bool(np.isfinite(full).all()), f"finite, and broadcast to {shape}")})
    return full
