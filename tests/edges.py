"""Draw arguments at the edges of what is permitted, for every public function.

``python -m tests.edges SEED DRAWS`` runs in a process of its own, since a fault of compiled code
may end it. It prints each call that broke the promise: a result without NaN, or a ValueError that
names an argument, within ten seconds.
"""

import faulthandler
import inspect
import re
import sys
import time
import warnings
from collections import Counter
from dataclasses import fields, is_dataclass

import numpy as np

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.logit_monopolist import LogitMonopolist, static_monopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economy import Exogenous, Grid, ar1, constant, own_chains, stationary
from marketsai_lite.running.output import print_anything
from marketsai_lite.solutions import (
    brock_mirman,
    cournot,
    egm,
    islands,
    logit_pricing,
    long_plosser,
    lq_monopolist,
    multi_country,
    planner,
    private_signals,
    scores,
)
from marketsai_lite.tabular import (
    MDP,
    action_values,
    bellman,
    expected,
    from_dense,
    games,
    greedy,
    limit_strategies,
    maximum,
    optimistic_policy_iteration,
    policy_bellman,
    policy_iteration,
    policy_value,
    q_learning,
    repeated_games,
    rng,
    schedules,
    sequential_games,
    transition,
    value_iteration,
    value_loss,
)
from marketsai_lite.tabular import enhanced_policy_iteration as enhanced

SECONDS = 10  # in which a call must end
BELOW_ONE = float(np.nextafter(1, 0))
NUMBERS = [np.nan, np.inf, -np.inf, -1.0]
WRONG = [*NUMBERS, 1.5, "one", None, [0.5, 0.5]]
UNIT = [0.0, 5e-324, 1e-12, 0.3, 0.5, 0.95, 1 - 1e-9, BELOW_ONE, np.float32(0.9), np.array(0.5)]
SIZE = [1e-300, 1e-13, 1.0, 1e9, 1e250]  # of rewards and payoffs
SCALE = [1e-9, 1e-3, 0.25, 1.0, 1e3, 1e9]  # of an economy's parameters


class Draw:
    """Arguments from one generator; most are legal, at an edge, and some are not."""

    def __init__(self, seed):
        self.g = np.random.default_rng(seed)

    def one(self, *values):
        return values[self.g.integers(len(values))]

    def rarely(self, right, *wrong):
        """`right`, or once in thirty one of `wrong`."""
        return self.one(*wrong) if wrong and self.g.random() < 1 / 30 else right

    def unit(self, *more):
        """A discount factor, or what is permitted like one."""
        return self.rarely(self.one(*UNIT, *more), 1.0, *WRONG)

    def positive(self, *more):
        return self.rarely(self.one(*SCALE, *more), 0.0, *NUMBERS)

    def finite(self):
        return self.rarely(self.one(0.0, *SCALE) * self.one(1, -1), *NUMBERS[:3])

    def count(self, *values):
        """A whole number in one of its types."""
        return self.rarely(self.one(int, float, np.int32)(self.one(*values)), 0.5, -1, *WRONG)

    def seeds(self):
        size = self.one(1, 2)
        start = self.one(0, 490, 2**32, 2**63, 2**100)
        return self.rarely([start + k for k in range(size)], [], [1.5], [3, 3], [-1], 3, None)

    def array(self, *shape, edges=(0.0, 1.0, -1.0)):
        """Normal draws in some size, with edges among them."""
        x = self.g.normal(size=shape) * self.one(*SIZE)
        at = self.g.random(shape) < 0.3
        return np.where(at, self.g.choice(edges, shape), x)

    def rows(self, *shape):
        """Probabilities: dense, sparse with next to nothing, or certain."""
        kind = self.g.integers(4)
        p = self.g.dirichlet(np.ones(shape[-1]), shape[:-1])
        if kind == 0:
            p = np.eye(shape[-1])[self.g.integers(shape[-1], size=shape[:-1])]
        elif kind == 1:
            p = np.where(self.g.random(shape) < 0.5, p, self.one(0.0, 1e-300, 1e-17, 1e-9))
            p[..., 0] += 1e-3
            p /= p.sum(-1, keepdims=True)
        elif kind == 2:
            p = np.full(shape, 1 / shape[-1])
        return p

    def damaged(self, x, wrong=(np.nan, np.inf, -2.0, 1e308)):
        """An array, sometimes with a wrong entry or shape."""
        if self.g.random() > 1 / 30 or not x.size:
            return x
        kind = self.g.integers(3)
        if kind == 0:
            x = x.astype(float)
            x.flat[self.g.integers(x.size)] = self.one(*wrong)
        return x if kind == 0 else (x[..., None] if kind == 1 else x[:-1])


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


def limits(d):
    return dict(
        tol=d.rarely(d.one(None, 1e-300, 1e-9, 1e9), 0.0, *WRONG),
        max_iter=d.count(1, 7, 300),
    )


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


def turns(d):
    m = d.one(1, 3)
    σ, a = d.g.integers(m, size=(2, m)), d.g.integers(m, size=2)
    return dict(
        policy=d.rarely(σ, σ + m, σ[0], 0.5 * σ), actions=d.rarely(a, a + m), mover=d.count(0, 1)
    )


def chain(d):
    nz, ne, n = d.one(1, 3), d.one(1, 2), d.one(0, 1, 2)
    return Exogenous(
        d.damaged(d.g.normal(size=(nz, 2)) * d.one(*SIZE)),
        d.damaged(d.rows(nz, nz)),
        d.g.normal(size=(ne, 1)) if n else None,
        d.damaged(d.rows(nz, nz, ne, ne)) if n else None,
        d.rarely(n, n + 1, -1, 0.5),
    )


def drawn(d):
    exo = chain(d)
    u = d.g.choice([0.0, 0.5, BELOW_ONE], (5, exo.width))
    i = exo.initial(u)
    return exo.joint(), i, exo.next(i, u[::-1]), exo.shocks(i)


def positive_chain(d):
    z, P = np.sort(d.g.choice(SCALE[1:5], (2, 1)), 0), d.rows(2, 2)
    return Exogenous(z if d.g.random() < 0.5 else np.array([[0.9], [1.1]]), P)


def inside(d):
    return d.rarely(d.one(1e-3, 0.36, 0.96, 0.999), *NUMBERS)


def growth(d):
    return Growth(
        α=inside(d),
        β=inside(d),
        γ=d.rarely(d.one(0.1, 1, 1.0, 2.0, 10.0), 0.0, *NUMBERS),
        δ=d.rarely(d.one(1e-3, 0.1, 1.0), 0.0, *NUMBERS),
        low=d.rarely(d.one(1e-3, 0.02), 0.0, np.nan),
        high=d.rarely(d.one(0.7, 0.999), 1.0, np.nan),
        exo=positive_chain(d),
    )


def fraction(d):
    return d.rarely(d.one(0.0, 5e-324, 0.95, BELOW_ONE), 1.0, *NUMBERS)


def duopoly(d):
    n = d.one(1, 2, 3)
    return LogitOligopoly(
        prices=d.damaged(d.g.normal(size=(n, 3)) * d.one(*SCALE), NUMBERS[:3]),
        a=tuple(d.finite() for _ in range(n)),
        c=tuple(d.finite() for _ in range(n)),
        a0=d.finite(),
        μ=d.positive(1e-30),
        β=fraction(d),
    )


def monopolist(d):
    return LogitMonopolist(
        a=d.finite(),
        c=d.finite(),
        μ=d.positive(1e-30),
        κ=d.one(0.0, d.positive()),
        β=fraction(d),
        prices=d.damaged(d.g.normal(size=3) * d.one(*SCALE), NUMBERS[:3]),
        outside=d.one(constant(0.0), constant(1e9), LogitMonopolist().outside),
    )


def quantities(d):
    return Cournot(
        a=d.positive(),
        b=d.positive(),
        costs=tuple(d.finite() for _ in range(d.one(1, 2, 3))),
        β=fraction(d),
        capacity=d.positive(),
    )


def linear(d):
    return LQMonopolist(
        a0=d.finite(),
        a1=d.positive(),
        c=d.finite(),
        γ=d.positive(),
        ρ=d.rarely(d.one(-0.99, 0.0, 0.9, BELOW_ONE), 1.0, *NUMBERS[:3]),
        σ=d.one(0.0, d.positive()),
        β=fraction(d),
        nd=d.rarely(d.one(2, 5), 1, 2.5, np.nan),
    )


def sectors(d):
    A = d.rows(2, 2) * d.one(0.36, 1e-3, BELOW_ONE)
    return LongPlosser(
        A=d.damaged(A), β=inside(d), σ=d.one(0.0, 0.1, 1.0), nodes=d.rarely(2, 1, 2.5)
    )


def countries(d):
    return MultiCountry(
        d=d.rarely(d.one(1, 2), 0, 1.5), α=inside(d), β=inside(d), country=positive_chain(d)
    )


def households(d):
    return Planner(
        N=d.rarely(1, 0, 1.5),
        M=d.rarely(1, 0, 1.5),
        α=inside(d),
        β=inside(d),
        δ=d.rarely(d.one(0.01, 0.1, 1.0), 0.0, np.nan),
        φ=d.rarely(d.one(0.1, 0.5, 10.0), 0.0, np.nan),
    )


def signals(d):
    return PrivateSignals(
        a=d.finite(),
        b=d.rarely(1.0, 0.0, np.nan),
        d=d.rarely(d.one(0.0, 0.5, BELOW_ONE), 1.0, -1.0),
        c=d.rarely(d.one(0.0, 1.0), np.nan),
        σ=d.one(0.0, d.positive()),
        ρ=d.rarely(d.one(0.5, 0.8, 1.0), 0.4, np.nan),
        β=fraction(d),
    )


def matrix(d):
    return RepeatedGame(payoffs=stage(d, *d.one((1, 2), (2, 2), (2, 3))), β=fraction(d))


def isles(d):
    return Islands(d.rarely(d.one(1, 2), 0, 1.5), growth(d))


ECONOMIES = (
    growth, duopoly, monopolist, quantities, linear, sectors, countries, households, signals,
    matrix, isles,
)  # fmt: skip


def played(make):
    """Every function of an economy, at draws and actions at their bounds."""

    def play(d):
        e = make(d)
        u = d.g.choice([0.0, 0.5, BELOW_ONE], (4, len(e.state)))
        i = e.exo.initial(d.g.choice([0.0, 0.5, BELOW_ONE], (4, e.exo.width)))
        x, z = e.initial(u), e.exo.shocks(i)
        a = np.stack(
            [
                s.values[[0, -1, 0, -1]] if isinstance(s, Grid) else np.stack([s.low, s.high] * 2)
                for s in e.actions
            ],
            1,
        )
        return e, e.step(x, z, a), e.observe(x, z), e.accounts(x, z, a)

    return play


def market(d, *extra):
    n = d.one(1, 2, 5)
    found = dict(a=[d.finite() for _ in range(n)], μ=d.positive(1e-30, 1e-12), a0=d.finite())
    every = dict(
        c=[d.finite() for _ in range(d.rarely(n, n + 1))],
        p=d.damaged(d.g.normal(size=n) * d.one(*SCALE)),
        tol=d.rarely(d.one(1e-300, 1e-13, 1.0), 0.0, *WRONG),
    )
    return found | {name: every[name] for name in extra}


def firms(*extra):
    return lambda d: market(d, *extra)


def grid(d):
    n = d.one(1, 2)
    return dict(
        nash=d.damaged(d.g.normal(size=n)),
        monopoly=d.damaged(d.g.normal(size=n)),
        m=d.count(2, 15),
        ξ=d.rarely(d.one(0.0, 0.1, 1e9), *WRONG),
    )


def endogenous(d):
    return dict(
        economy=growth(d),
        n=d.count(2, 40),
        low=d.rarely(d.one(0.01, 0.9), 1.0, 0.0, *WRONG),
        high=d.rarely(d.one(1.1, 10.0), 1.0, *WRONG),
        tol=d.rarely(d.one(1e-300, 1e-9), 0.0, *WRONG),
        max_iter=d.count(1, 50),
    )


def island_options(d):
    return dict(economy=isles(d)) | {k: v for k, v in endogenous(d).items() if k != "economy"}


def closed(d):
    e = growth(d)
    return dict(economy=d.one(e, Growth(e.α, e.β, 1.0, 1.0, exo=e.exo)))


def capital(d):
    k = np.cumsum(d.g.random(d.one(1, 5))) * d.one(1e-6, 1.0, 1e6)
    return dict(economy=growth(d), k=d.damaged(d.rarely(k, -k, k[::-1], 0 * k)))


def many(d):
    limit = d.rarely(d.one(1e-300, 1e-9), 0.0, *WRONG)
    return dict(economy=countries(d), tol=limit, max_iter=d.count(1, 50))


def chebyshev(d):
    return dict(
        economy=households(d),
        degree=d.count(1, 3),
        low=d.rarely(0.4, 1.0, 0.0, *WRONG),
        high=d.rarely(1.8, 1.0, *WRONG),
        tol=d.rarely(d.one(1e-300, 1e-6), 0.0, *WRONG),
        max_iter=d.count(1, 2),
    )


def simulated(d):
    e = Islands(1)
    return dict(
        economy=e,
        policy=islands.solve(Islands(1, Growth(δ=1.0))).policy,
        seed=d.count(0, 5),
        size=d.count(1, 3),
        periods=d.count(2, 5),
        drop=d.count(0, 1),
    )


def equivalent(d):
    v = -(10.0 ** d.g.integers(-9, 9))
    return dict(
        v=d.rarely(v, np.nan),
        lost=d.rarely(d.one(0.0, 1e-12, 0.5, 1e9), *WRONG),
        β=d.unit(),
        γ=d.rarely(d.one(0.1, 1.0, 1, 2.0, 50.0), 0.0, *WRONG),
    )


def gains(d):
    n = d.one(1, 3)
    x = [d.damaged(d.g.normal(size=n)) for _ in range(3)]
    return dict(profits=x[0], nash=x[1], monopoly=d.one(x[2], x[1]))


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


def every_schedule(d):
    make = d.one(
        schedules.constant, schedules.harmonic, schedules.power, schedules.rescaled,
        schedules.exponential,
    )  # fmt: skip
    made = make(d.rarely(d.one(*UNIT, 1.0, 1e300), *WRONG))
    return made, made(np.array([1.0, 2.0, 1e18])), made(1)


LIMIT = dict(tol=1, max_iter=1)
# Function and the draw of its arguments; None: the draw is itself the call.
CASES = {
    "schedules": (None, every_schedule),
    "MDP": (MDP, mdp),
    "from_dense": (from_dense, dense),
    "expected": (expected, with_table("v")),
    "action_values": (action_values, with_table("g")),
    "maximum": (maximum, with_table("q")),
    "greedy": (greedy, with_table("q")),
    "bellman": (bellman, with_table("v")),
    "policy_bellman": (policy_bellman, with_table("v", "σ")),
    "policy_value": (policy_value, with_table("σ")),
    "transition": (transition, with_table("σ")),
    "value_loss": (value_loss, with_table("σ", "v_star", "weights")),
    "stop_or_follow": (enhanced.stop_or_follow, with_table("q", "J", "ν")),
    "value_iteration": (value_iteration, solver(v0=1, **LIMIT)),
    "policy_iteration": (policy_iteration, solver(σ0=1, max_iter=1)),
    "optimistic": (optimistic_policy_iteration, solver(m=(0, 1, 20), v0=1, monotone=1, **LIMIT)),
    "enhanced": (enhanced.enhanced_policy_iteration, solver(m=(1, 20), q0=1, **LIMIT)),
    "q_learning": (q_learning, watkins),
    "enhanced_q": (
        enhanced.enhanced_q_learning,
        lambda d: learner(d, table(d)) | dict(every=d.count(1, 5)),
    ),
    "learn": (repeated_games.learn, repeated),
    "learn_sequential": (sequential_games.learn_sequential, in_turns),
    "sequential_cycle": (sequential_games.sequential_cycle, turns),
    "initial_q": (
        repeated_games.initial_q,
        lambda d: dict(payoffs=stage(d, 2, 3), β=d.unit()),
    ),
    "states": (rng.states, lambda d: dict(seeds=d.seeds())),
    "limit_cycle": (limit_strategies.limit_cycle, strategies("state", "m")),
    "joint_actions": (limit_strategies.joint_actions, strategies("m")),
    "next_state": (
        limit_strategies.next_state,
        lambda d: dict(state=0, joint=1, S=d.count(1, 2, 8), M=d.count(1, 2)),
    ),
    "cycle_payoffs": (limit_strategies.cycle_payoffs, strategies("state", "payoffs")),
    "impulse": (
        limit_strategies.impulse_response,
        strategies("cycle", "payoffs", "agent", "deviation", "periods"),
    ),
    "values": (limit_strategies.values, strategies("payoffs", "β")),
    "limit.action_values": (limit_strategies.action_values, strategies("payoffs", "β")),
    "limit.best_response": (limit_strategies.best_response, strategies("payoffs", "β", "agent")),
    "deviation_gap": (limit_strategies.deviation_gap, strategies("payoffs", "β")),
    "exploitability as a share": (limit_strategies.exploitability, strategies("payoffs", "β")),
    "profit_gain": (limit_strategies.profit_gain, gains),
    "MarkovGame": (None, game),
    "induced": (games.induced, players),
    "games.best_response": (games.best_response, players),
    "exploitability": (games.exploitability, lambda d: players(d, agent=False)),
    "stationary": (stationary, lambda d: dict(P=d.damaged(d.rows(*[d.one(1, 2, 5)] * 2)))),
    "chains": (None, drawn),
    "ar1": (ar1, lambda d: dict(n=d.one(2, 5), ρ=d.one(-0.9, 0.0, 0.9), σ=d.one(0.0, 1.0))),
    "own_chains": (own_chains, lambda d: dict(chain=positive_chain(d), n=d.one(1, 3))),
    "demand": (logit_pricing.demand, firms("p")),
    "profits": (logit_pricing.profits, firms("p", "c")),
    "logit.best_response": (logit_pricing.best_response, firms("p", "c")),
    "nash_prices": (logit_pricing.nash_prices, firms("c", "tol")),
    "monopoly_prices": (logit_pricing.monopoly_prices, firms("c")),
    "price_grid": (logit_pricing.price_grid, grid),
    "payoffs": (None, lambda d: duopoly(d).payoffs()),
    "static_monopolist": (static_monopolist, lambda d: dict(a0=d.finite(), μ=d.positive())),
    "random_technology": (
        random_technology,
        lambda d: dict(d=d.one(1, 4), α=d.one(0.1, 0.9), seed=d.one(None, 3)),
    ),
    "cournot.nash": (cournot.nash, lambda d: dict(economy=quantities(d))),
    "cartel": (cournot.cartel, lambda d: dict(economy=quantities(d))),
    "competitive": (cournot.competitive, lambda d: dict(economy=quantities(d))),
    "egm": (egm.solve, endogenous),
    "islands": (islands.solve, island_options),
    "brock_mirman": (brock_mirman.solve, closed),
    "capital_table": (brock_mirman.capital_table, capital),
    "long_plosser": (long_plosser.solve, lambda d: dict(economy=sectors(d))),
    "lq": (lq_monopolist.solve, lambda d: dict(economy=linear(d))),
    "multi_country": (multi_country.solve, many),
    "private": (private_signals.equilibrium, lambda d: dict(economy=signals(d))),
    "team": (private_signals.team, lambda d: dict(economy=signals(d))),
    "naive": (private_signals.naive, lambda d: dict(economy=signals(d))),
    "private.gap": (
        lambda e: private_signals.best_response_gap(e, private_signals.naive(e)),
        lambda d: dict(e=signals(d)),
    ),
    "simulate": (scores.simulate, simulated),
    "consumption_equivalent": (scores.consumption_equivalent, equivalent),
    **{make.__name__: (None, played(make)) for make in ECONOMIES},
}
SLOW = {"planner": (planner.solve, chebyshev)}  # a twentieth of the others' draws


def names(function, arguments):
    """What a message may name: arguments, and those of what is made for them."""
    found = set(arguments)
    for value in (function, *arguments.values()):
        if is_dataclass(value):
            found |= {f.name for f in fields(value)}
    if function is not None:
        found |= set(inspect.signature(function).parameters)
    return found


# The arguments of everything that a draw may make before the call.
MADE = set().union(
    *(
        {f.name for f in fields(c)}
        for c in (
            Exogenous, MDP, games.MarkovGame, Growth, Islands, LogitMonopolist, LogitOligopoly,
            Cournot, LQMonopolist, LongPlosser, MultiCountry, Planner, PrivateSignals, RepeatedGame,
        )
    ),
    {"level", "λ", "ω"},
)  # fmt: skip


def has_nan(x):
    if isinstance(x, dict):
        return any(map(has_nan, x.values()))
    if isinstance(x, tuple | list):
        return any(map(has_nan, x))
    if isinstance(x, schedules.Schedule) or x is None or isinstance(x, str | bool):
        return False
    if is_dataclass(x):
        return any(has_nan(getattr(x, f.name)) for f in fields(x))
    if hasattr(x, "toarray"):
        x = x.toarray()
    array = np.asarray(x)
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


def attempt(function, draw, seed):
    """Return what a call came to: "result", "refused", or what is wrong with it."""
    d, arguments = Draw(seed), {}
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if function is None:
                result = draw(d)
            else:
                arguments = draw(d)
                result = function(**arguments)
    except ValueError as error:
        message = str(error)
        subject = message.split("=")[0].split(":")[0]
        words = set(re.findall(r"\w+", subject))
        if words & (names(function, arguments) | MADE):
            return "refused"
        return f"ValueError names no argument: {message[:200]}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    seconds = time.perf_counter() - start
    if seconds > SECONDS:
        return f"took {seconds:.0f} seconds"
    return "NaN in the result" if has_nan(result) else "result"


def main(seed, draws):
    print_anything()
    cases = list(CASES.items()) * 20 + list(SLOW.items())
    counts, wrong = Counter(), Counter()
    slowest = Counter()
    for k in range(draws):
        name, (function, draw) = cases[k % len(cases)]
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.perf_counter()
        found = attempt(function, draw, [seed, k])
        slowest[name] = max(slowest[name], time.perf_counter() - start)
        faulthandler.cancel_dump_traceback_later()
        counts[found if found in ("result", "refused") else "wrong"] += 1
        if found not in ("result", "refused"):
            wrong[name] += 1
            if wrong[name] <= 3:
                print(f"{name} at [{seed}, {k}]: {found}", flush=True)
    print(dict(counts), dict(wrong), [(n, round(s, 2)) for n, s in slowest.most_common(6)])
    return bool(wrong)


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
