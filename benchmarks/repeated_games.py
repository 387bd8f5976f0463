"""Speed of the repeated-game kernel, beside the same experiment written plainly.

The game is the representative duopoly of Calvano et al. (2020): 15 prices, memory of one period,
α = 0.15, decay = 4e-6, β = 0.95. Where `algocomp` is installed, the one public implementation found
on PyPI, it plays the same game.
"""

import contextlib
import io
import math
import random
import time
import warnings

import numpy as np
from numba import njit

from benchmarks.timing import Table, interleaved
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.solutions.logit_pricing import monopoly_prices, nash_prices, price_grid
from marketsai_lite.tabular.repeated_games import initial_q, learn

α, β, decay = 0.15, 0.95, 4e-6


def game(n: int, m: int = 15) -> np.ndarray:
    """Payoffs of n symmetric firms, shape (n, m, ..., m)."""
    a, c = (2.0,) * n, (1.0,) * n
    return LogitOligopoly(price_grid(nash_prices(a, c), monopoly_prices(a, c), m=m), a, c).payoffs()


def python_session(payoffs, q0, α, β, decay, window, max_periods, word, memory=1):
    """One session in plain Python, written from the paper; the reference for the kernels.

    `payoffs` (n, m, ..., m) and `q0` (n, S, m) are arrays, `word()` returns 64 random bits.
    Returns Q[i][s][a], the last state, the number of periods, and whether the session converged.
    """
    n, m = payoffs.shape[:2]
    M, S = m**n, m ** (n * memory)
    π = payoffs.reshape(n, M).tolist()
    Q = q0.tolist()

    def uniforms():
        words = [word() for _ in range((n + 1) // 2)]
        return [half / 2**32 for w in words for half in (w >> 32, w % 2**32)][:n]

    def number(actions):
        joint = 0
        for a in actions:
            joint = joint * m + a
        return joint

    s = 0
    for _ in range(memory):
        s = s * M + number(int(u * m) for u in uniforms())
    ε, unchanged, t = 1.0, 0, 0
    while unchanged < window and t < max_periods:
        t += 1
        greedy = [Q[i][s].index(max(Q[i][s])) for i in range(n)]
        a = [
            min(int(u * (m / ε)), m - 1) if u < ε and m / ε < math.inf else g
            for u, g in zip(uniforms(), greedy, strict=True)
        ]
        joint = number(a)
        s_next = joint * (S // M) + s // M
        for i in range(n):
            target = α * π[i][joint] + α * β * max(Q[i][s_next])
            Q[i][s][a[i]] = (1 - α) * Q[i][s][a[i]] + target
        same = greedy == [Q[i][s].index(max(Q[i][s])) for i in range(n)]
        unchanged = unchanged + 1 if same else 1
        s = s_next
        ε *= math.exp(-decay)
    return Q, s, t, unchanged >= window


@njit
def numba_session(payoffs, q0, α, β, decay, window, max_periods, seed):
    """One session of two agents with Numba, written plainly; returns the number of periods."""
    np.random.seed(seed)
    m = payoffs.shape[1]
    Q = np.empty((2, m, m, m))
    for i in range(2):
        Q[i] = q0[i]
    x, y = np.random.randint(m), np.random.randint(m)
    greedy, a = np.empty(2, np.int64), np.empty(2, np.int64)
    ε, shrink = 1.0, np.exp(-decay)
    unchanged = t = 0
    while unchanged < window and t < max_periods:
        t += 1
        for i in range(2):
            greedy[i] = np.argmax(Q[i, x, y])
            a[i] = np.random.randint(m) if np.random.random() < ε else greedy[i]
        same = True
        best = np.max(Q[0, a[0], a[1]]), np.max(Q[1, a[0], a[1]])
        for i in range(2):
            target = payoffs[i, a[0], a[1]] + β * best[i]
            Q[i, x, y, a[i]] = (1 - α) * Q[i, x, y, a[i]] + α * target
            same = same and np.argmax(Q[i, x, y]) == greedy[i]
        unchanged = unchanged + 1 if same else 1
        x, y = a[0], a[1]
        ε *= shrink
    return t


def tables() -> list[Table]:
    return [compare(), sizes()]


def compare() -> Table:
    """Compare one session with the same experiment written plainly."""
    duopoly = game(2)
    q0 = initial_q(duopoly, β)
    everywhere = np.broadcast_to(q0, (2, 225, 15))
    bits = random.Random(0).getrandbits
    runs = {
        "this kernel": lambda: learn(duopoly, [0], α=α, β=β, decay=decay, threads=1).periods[0],
        "plain Numba": lambda: numba_session(duopoly, q0[:, 0], α, β, decay, 100_000, 10**9, 0),
        "plain Python, first 50,000 periods": lambda: python_session(
            duopoly, everywhere, α, β, decay, 100_000, 50_000, lambda: bits(64)
        )[2],
    }
    with contextlib.suppress(ImportError):
        runs["algocomp 1.0.5 (PyPI), first 2,000 periods"] = _algocomp()
    rates = {name: int(runs[name]()) / seconds / 1e6 for name, seconds in interleaved(runs).items()}
    rows = [
        {
            "implementation": name,
            "million periods a second": float(f"{rate:.3g}"),
            "the kernel is times": float(f"{rates['this kernel'] / rate:.3g}"),
        }
        for name, rate in rates.items()
    ]
    text = "Two firms, 15 prices, memory 1, α = 0.15, decay = 4e-6; one thread."
    return Table("Repeated games: the representative duopoly", text, rows)


def sizes() -> Table:
    """Time whole experiments, once each, after compilation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        learn(game(3), [0], α=α, β=β, decay=decay, max_periods=1, threads=1)  # compiles
    rows = []
    for name, payoffs, sessions, memory in (
        ("the representative experiment", game(2), 1_000, 1),
        ("3 firms", game(3), 4, 1),
        ("4 firms", game(4), 1, 1),
        ("memory 2", game(2), 4, 2),
        ("100 prices", game(2, m=100), 1, 1),
    ):
        start = time.process_time()
        found = learn(payoffs, range(sessions), α=α, β=β, decay=decay, memory=memory, threads=1)
        seconds = time.process_time() - start
        rows.append(
            {
                "experiment": name,
                "sessions": sessions,
                "million periods": round(float(found.periods.sum()) / 1e6, 1),
                "CPU seconds": round(seconds, 2),
                "million periods a second": float(f"{found.periods.sum() / seconds / 1e6:.3g}"),
            }
        )
    text = "To convergence, window 100,000; one thread, once."
    return Table("Repeated games: whole experiments", text, rows)


def _algocomp(periods: int = 2_000):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from algocomp.master import logit_duopoly

    def run():
        rates = dict(max_steps=periods, beta=decay)
        with contextlib.redirect_stdout(io.StringIO()):
            logit_duopoly([1, 1], [2, 2], 0, 0.25, "q", 0, False, False, **rates)
        plt.close("all")
        return periods

    return run
