"""Arguments of what works on tables: decision problems, learners, games."""

import numpy as np

from marketsai_lite.tabular import MDP, games, schedules
from tests.edges.draw import BELOW_ONE, UNIT, WRONG


def mdp(d):
    nx, nz, A, K = d.one(1, 2, 4), d.one(1, 2), d.one(1, 2, 65), d.one(1, 3)
    S = nx * nz
    feasible = None
    if d.g.random() < 0.4:
        feasible = d.g.random((S, A)) < 0.5
        feasible[np.arange(S), d.g.integers(A, size=S)] = True
    return dict(
        r=d.damaged(d.array(S, A)),
        index=d.damaged(d.g.integers(nx, size=(S, A, K))),
        weight=None if K == 1 else d.damaged(d.rows(S, A, K)),
        P=d.damaged(d.rows(nz, nz)),
        β=d.unit(),
        feasible=feasible,
    )


def policy(d, m):
    S, A = m.r.shape
    σ = d.g.integers(A, size=S) if m.feasible is None else m.feasible.argmax(1)
    if d.g.random() < 0.3:
        σ = np.eye(A)[σ]
    return d.rarely(σ, σ + A, σ[:-1], np.nan * σ, "greedy")


def vector(d, *shape):
    return d.damaged(d.array(*shape))


def table(d):
    return MDP(**mdp(d))


def dense(d):
    S, A = d.one(1, 3), d.one(1, 3)
    return dict(r=vector(d, S, A), P=d.damaged(d.rows(S, A, S)), β=d.unit())


def with_table(*names):
    """Arguments of the functions of a table."""

    def draw(d):
        m = table(d)
        S, A = m.r.shape
        every = dict(
            v=vector(d, S), g=vector(d, S), q=vector(d, S, A), J=vector(d, S), v_star=vector(d, S),
            σ=policy(d, m), ν=policy(d, m), weights=d.one(None, abs(vector(d, S))),
        )  # fmt: skip
        return {name: every[name] for name in names} | dict(mdp=m)

    return draw


def limits(d):
    return dict(
        tol=d.rarely(d.one(None, 1e-300, 1e-9, 1e9), 0.0, *WRONG),
        max_iter=d.count(1, 7, 300),
    )


def solver(**more):
    def draw(d):
        m = table(d)
        every = dict(
            m=d.count(*more.get("m", (1,))),
            v0=d.one(None, vector(d, m.n_states)),
            σ0=d.one(None, policy(d, m)),
            q0=d.rarely(d.one(0.0, vector(d, *m.r.shape)), *WRONG),
            monotone=d.rarely(d.one(True, False), "no", 1),
            **limits(d),
        )
        return dict(mdp=m) | {name: every[name] for name in more}

    return draw


def step(d):
    return d.rarely(
        d.one(
            schedules.constant(d.one(5e-324, 0.5, 1.0)),
            schedules.harmonic(d.one(1e-300, 1.0, 1e300)),
            schedules.power(d.one(1e-300, 0.6, 1e300)),
            schedules.exponential(d.one(1e-300, 1.0, 1e300)),
            schedules.rescaled(BELOW_ONE),
        ),
        schedules.constant(0),
        schedules.Schedule(9, 1.0),
        schedules.Schedule(0, np.nan),
        0.1,
        None,
    )


def every_schedule(d):
    make = d.one(
        schedules.constant, schedules.harmonic, schedules.power, schedules.rescaled,
        schedules.exponential,
    )  # fmt: skip
    made = make(d.rarely(d.one(*UNIT, 1.0, 1e300), *WRONG))
    return made, made(np.array([1.0, 2.0, 1e18])), made(1)


def learner(d, m):
    return dict(
        mdp=m,
        n_updates=d.count(1, 300),
        step=step(d),
        seeds=d.seeds(),
        q0=d.rarely(d.one(0.0, 1e250, vector(d, *m.r.shape)), *WRONG),
    )


def watkins(d):
    m = table(d)
    return learner(d, m) | dict(
        exploration=d.one(None, step(d), schedules.constant(0)),
        record=d.rarely(d.one([], [1]), [0], [1, 1], [1.5], "all", np.nan),
        threads=d.count(1, 3),
    )


def stage(d, n, m):
    return d.damaged(d.array(n, *[m] * n))


def repeated(d):
    n, m = d.one((1, 2), (1, 17), (2, 2), (2, 16), (2, 17), (3, 2))
    Z = d.one(0, 0, 2)
    π = np.stack([stage(d, n, m) for _ in range(2)]) if Z and d.g.random() < 0.9 else stage(d, n, m)
    memory = d.one(0, 1, 2) if m < 16 else d.one(0, 1)
    return dict(
        payoffs=π,
        seeds=d.seeds(),
        α=d.rarely(d.one(5e-324, 0.15, 1.0), 0.0, *WRONG),
        β=d.unit(),
        decay=d.rarely(d.one(0.0, 1e-300, 1e-3, 0.5, 10.0, 1e300), *WRONG),
        memory=d.rarely(memory, *WRONG),
        q0=d.rarely(d.one(None, 0.0, 1e300), *WRONG),
        window=d.count(1, 10, 2_000),
        max_periods=d.count(1, 3_000),
        demand=d.one([0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [1.0], "all") if Z else None,
        synchronous=d.rarely(d.one(True, False), "no", 1, None),
        temperature=d.rarely(d.one(None, 1e-300, 1.0, 1e300), *WRONG),
        keep_q=d.rarely(True, "no"),
        threads=d.count(1, 3),
    )


def in_turns(d):
    common = repeated(d)
    names = ("seeds", "α", "β", "decay", "window", "max_periods", "threads")
    m = d.one(2, 5)
    return {name: common[name] for name in names} | dict(
        payoffs=stage(d, 2, m) if d.g.random() < 0.9 else stage(d, 3, m),
        q0=d.rarely(d.one(0.0, 1e300), *WRONG),
    )


def turns(d):
    m = d.one(1, 3)
    σ, a = d.g.integers(m, size=(2, m)), d.g.integers(m, size=2)
    return dict(
        policy=d.rarely(σ, σ + m, σ[0], 0.5 * σ), actions=d.rarely(a, a + m), mover=d.count(0, 1)
    )


def profile(d):
    n, m, k = d.one((1, 2, 2), (2, 2, 1), (2, 3, 0), (3, 2, 1))
    σ = d.g.integers(m, size=(n, m ** (n * k)))
    return d.rarely(σ, σ - 1, σ[:, :-1], σ[0], σ.astype(float)), stage(d, n, m), m


def strategies(*extra):
    def draw(d):
        σ, π, m = profile(d)
        every = dict(
            payoffs=π,
            β=d.unit(),
            agent=d.count(0, len(σ) - 1),
            state=d.count(0, σ.shape[-1] - 1),
            m=d.rarely(m, 1, 5, *WRONG),
            cycle=d.rarely(d.g.integers(σ.shape[-1], size=2), [-1], [], [99], [0.5]),
            deviation=d.rarely(d.one(None, 0, m - 1), m, *WRONG[:6]),
            periods=d.count(1, 4),
        )
        return dict(policy=σ) | {name: every[name] for name in extra}

    return draw


def gains(d):
    n = d.one(1, 3)
    x = [d.damaged(d.g.normal(size=n)) for _ in range(3)]
    return dict(profits=x[0], nash=x[1], monopoly=d.one(x[2], x[1]))


def game(d):
    shape = d.one((2,), (2, 3), (1, 1))
    nz, K = d.one(1, 2), d.one(1, 2)
    S, M = 2 * nz, int(np.prod(shape))
    return games.MarkovGame(
        vector(d, len(shape), S, M),
        d.g.integers(2, size=(S, M, K)),
        d.rows(S, M, K) if K > 1 else None,
        d.rows(nz, nz),
        d.unit(),
        d.rarely(shape, (*shape, 2), (2.5,), "all"),
    )


def players(d, agent=True):
    g = game(d)
    S = g.r.shape[1]
    policies = [d.one(d.g.integers(m, size=S), d.rows(S, m)) for m in g.shape]
    found = dict(game=g, policies=d.rarely(policies, [p * 2 for p in policies], policies[:-1]))
    return found | (dict(agent=d.count(0, g.n - 1)) if agent else {})
