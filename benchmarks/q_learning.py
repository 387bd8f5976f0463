"""The Q-learning kernel beside the same algorithm in plain Python."""

import random

import numpy as np

from benchmarks.timing import Table, interleaved
from marketsai_lite.tabular import schedules
from marketsai_lite.tabular.mdp import MDP
from marketsai_lite.tabular.q_learning import q_learning

β = 0.96


def brock_mirman(n: int = 20) -> MDP:
    """Return growth with full depreciation, n nodes of capital as states and as actions."""
    k = np.linspace(0.08, 0.34, n)
    c = (k[:, None] ** 0.36 * np.array([0.9, 1.1])).reshape(-1, 1) - k
    index = np.tile(np.arange(n)[None, :, None], (2 * n, 1, 1))
    return MDP(np.log(c), index, weight=None, P=np.array([[0.9, 0.1], [0.1, 0.9]]), β=β)


def python_session(mdp, n_updates, step, exploration, uniform, q0=0.0):
    """Run one session of ``q_learning`` written from its definition; the kernel's reference.

    ``step`` and ``exploration`` (or None) are functions of a count, ``uniform()`` returns the next
    number in [0, 1). Returns Q and visits.
    """
    S, A = mdp.r.shape
    K, nz = mdp.index.shape[2], mdp.nz
    feasible = [np.flatnonzero(np.isfinite(row)) for row in mdp.r]
    pairs = [(s, a) for s in range(S) for a in feasible[s]]
    Q = np.where(np.isfinite(mdp.r), q0, -np.inf)
    visits = np.zeros((S, A), dtype=int)

    def drawn(probabilities):
        return np.searchsorted(np.cumsum(probabilities)[:-1], uniform(), side="right")

    s = int(uniform() * S)
    for t in range(1, n_updates + 1):
        if exploration is None:
            s, a = pairs[int(uniform() * len(pairs))]
        elif uniform() < exploration(t):
            a = feasible[s][int(uniform() * len(feasible[s]))]
        else:
            a = Q[s].argmax()
        k = drawn(mdp.weight[s, a]) if K > 1 else 0
        z = drawn(mdp.P[s % nz]) if nz > 1 else 0
        s_next = mdp.index[s, a, k] * nz + z
        visits[s, a] += 1
        α = step(visits[s, a])
        Q[s, a] += α * (mdp.r[s, a] + mdp.β * Q[s_next].max() - Q[s, a])
        s = s_next
    return Q, visits


def list_session(mdp, n_updates, step, exploration, uniform):
    """Run one session on lists instead of arrays, where K = 1 and nz = 2 and all is feasible."""
    S, A = mdp.r.shape
    r, node, P = mdp.r.tolist(), mdp.index[:, :, 0].tolist(), mdp.P.tolist()
    Q = [[0.0] * A for _ in range(S)]
    visits = [[0] * A for _ in range(S)]
    s = int(uniform() * S)
    for t in range(1, n_updates + 1):
        if exploration is None:
            pair = int(uniform() * S * A)
            s, a = pair // A, pair % A
        elif uniform() < exploration(t):
            a = int(uniform() * A)
        else:
            a = Q[s].index(max(Q[s]))
        s_next = node[s][a] * 2 + (uniform() >= P[s % 2][0])
        visits[s][a] += 1
        α = step(visits[s][a])
        Q[s][a] += α * (r[s][a] + mdp.β * max(Q[s_next]) - Q[s][a])
        s = s_next
    return Q, visits


def compare(title: str, exploration: float | None, fast: int, slow: int) -> Table:
    """Return million updates per second of one core, with rescaled linear steps."""
    mdp = brock_mirman()
    ε = None if exploration is None else schedules.constant(exploration)

    def step(n):
        return 1 / (1 + (1 - β) * (n - 1))

    def kernel(step, n_actions=20):
        problem = brock_mirman(n_actions)
        return lambda: q_learning(problem, fast, step=step, exploration=ε, seeds=[0], threads=1)

    def plain(session, uniform):
        explore = None if exploration is None else lambda t: exploration
        return lambda: session(mdp, slow, step, explore, uniform)

    runs = {
        "kernel": (kernel(schedules.rescaled(β)), fast),
        "kernel, steps n^-0.55": (kernel(schedules.power(0.55)), fast),
        "kernel, 100 actions": (kernel(schedules.rescaled(β), 100), fast),
        "plain Python with NumPy arrays": (
            plain(python_session, np.random.default_rng(0).random),
            slow,
        ),
        "plain Python with lists": (plain(list_session, random.Random(0).random), slow),
    }
    seconds = interleaved({name: run for name, (run, _) in runs.items()})
    rate = {name: n / seconds[name] / 1e6 for name, (_, n) in runs.items()}
    rows = [
        {
            "what": name,
            "million updates/s": float(f"{rate[name]:.3g}"),
            "kernel is faster by": float(f"{rate['kernel'] / rate[name]:.3g}"),
        }
        for name in runs
    ]
    return Table(title, f"40 states, 20 actions, β = {β}, rescaled linear steps, one thread.", rows)


def tables() -> list[Table]:
    return [
        compare("Q-learning: independent draws of pairs", None, 2_000_000, 20_000),
        compare("Q-learning: one trajectory, ε = 0.3", 0.3, 2_000_000, 20_000),
    ]
