"""Households that see themselves alone, taught by a critic that sees the same or everything.

A team of N households owns the capital of `Planner`: each sees its own capital, its own
productivity and that of all, gives a share of its output, and all earn their mean utility.  In the
market of `CapitalMarket` two households see their own capital, and each earns its own utility.  PPO
and MADDPG learn with a critic that sees what a household sees ("own") or everything; households
share their networks, or each has its own.

Teams are judged by their mean discounted utility on paths of shocks that are drawn apart from those
of the learners, next to the exact plan, the best constant share, and the best of the rules whose
log share is linear in what a household sees.  In the market it is told where capital rests, and
what an exact best response, which sees everything, would gain.

Settings were tuned on a seed above 99, which is not reported, in a team of two and for both critics
alike.  There are five seeds because a cell takes more than four seconds.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economy import Box, namespace
from marketsai_lite.experiments import _deep, growth_market_agents
from marketsai_lite.solutions import planner

COST = 300
CHAOTIC = True
HIGH = 0.4  # largest share of output; learners begin at half of it
PPO: dict[str, Any] = dict(
    agent="ppo",
    copies=64,
    updates=48,
    steps=32,
    epochs=3,
    minibatches=4,
    λ=0.95,
    hedge=True,
    hidden=(32,),
    rate=6e-3,
    critic_rate=6e-3,
)
MADDPG: dict[str, Any] = dict(
    agent="maddpg",
    copies=32,
    updates=480,
    hidden=(32,),
    critic_hidden=(64,),
    minibatch=128,
    hedge=True,
    rate=3e-4,
    capacity=100_000,
)
LEARNERS = {"PPO": PPO, "PPO, λ = 1": PPO | {"λ": 1.0}, "MADDPG": MADDPG}
TEAMS = 2, 3
SEEDS = range(5)


@dataclass(frozen=True, eq=False)
class _Team:
    """The households of a planner, who act by themselves and earn their mean utility.

    Parameters
    ----------
    N : int
        Households.
    plan : Planner
        Whose economy it is.
    """

    N: int = 2
    plan: Planner = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "plan", Planner(self.N, high=HIGH))

    @property
    def agents(self):
        return tuple(f"household {i + 1}" for i in range(self.N))

    @property
    def actions(self):
        return (Box(np.array([self.plan.low]), np.array([self.plan.high])),) * self.N

    @property
    def state(self):
        return self.plan.state

    @property
    def exo(self):
        return self.plan.exo

    @property
    def β(self):
        return self.plan.β

    def initial(self, u):
        return self.plan.initial(u)

    def step(self, x, z, a):
        x1, r = self.plan.step(x, z, a.swapaxes(-1, -2))
        return x1, r + 0 * x

    def observe(self, x, z):
        (middle, half), (own_middle, own_half) = self.plan.scale
        capital = (x - np.log(self.plan.k_ss)) / SPREAD
        own, all_ = (z.own[..., 0] - own_middle) / own_half, (z.aggregate - middle) / half
        return namespace(x).stack([capital, own, all_ + 0 * capital], -1)

    def accounts(self, x, z, a):
        return self.plan.accounts(x, z, a.swapaxes(-1, -2))


class _Private(CapitalMarket):
    """The market for capital goods where a household sees its own capital and nothing else."""

    def observe(self, x, z):
        return ((x - np.log(self.k_ss)) / SPREAD)[..., None]


def cells():
    """Return one cell for each plan, and one for each learner, critic and seed."""
    two: dict[str, Any] = {"economy": "team", "N": 2}
    kinds: dict[str, dict[str, Any]] = {
        "team of 2, PPO, own": two | {"learner": "PPO", "critic": "own"},
        "team of 2, PPO, everything": two | {"learner": "PPO", "critic": "everything"},
        "team of 2, PPO, λ = 1, own": two | {"learner": "PPO, λ = 1", "critic": "own"},
        "team of 2, MADDPG, own": two | {"learner": "MADDPG", "critic": "own"},
        "team of 2, MADDPG, everything": two | {"learner": "MADDPG", "critic": "everything"},
        "team of 2, separate PPO, everything": two
        | {"learner": "PPO", "critic": "everything", "shared": False},
    }
    for critic in ("own", "everything"):
        kinds |= {
            f"team of 3, PPO, {critic}": two | {"N": 3, "learner": "PPO", "critic": critic},
            f"market, PPO, {critic}": {"economy": "market", "learner": "PPO", "critic": critic},
        }
    found: dict[str, dict[str, Any]] = {f"plan of {N}": {"economy": "plan", "N": N} for N in TEAMS}
    for seed in SEEDS:
        found |= {f"{kind}, {seed}": about | {"seed": seed} for kind, about in kinds.items()}
    return found


def run(economy, N=2, **given):
    """Solve a plan, or train a team or a market."""
    if economy == "plan":
        return yardsticks(N)
    return team(N, **given) if economy == "team" else market(**given)


def team_of(N):
    """Return the economy of a team of N households that act by themselves."""
    return _Team(N)


def team(N, learner, critic, seed, shared=True):
    """Train a team; return its mean utility, and the share of output that it gives, on the way."""
    economy = team_of(N)

    def judge(update, act):
        value, share = judged(economy, lambda x, z: act(economy.observe(x, z)))
        return {"utility": value, "share": share}

    settings = LEARNERS[learner] | {"critic": critic, "shared": shared, "team": True}
    curves = _deep.train(economy, seed=seed, on_log=judge, **every(settings)).curves
    return {name: curves[name] for name in ("update", "samples", "utility", "share")}


def market(learner, critic, seed):
    """Train a market; return where capital rests, on the way too, and a best response's gain."""
    economy = _Private(2, high=HIGH)

    def judge(update, act):
        return {"capital": growth_market_agents.rest(economy, act)}

    settings = LEARNERS[learner] | {"critic": critic}
    found = _deep.train(economy, seed=seed, on_log=judge, **every(settings))
    k = growth_market_agents.rest(economy, found.act)
    return {
        "capital": k,
        "gap": growth_market_agents.gain(economy, found.act, k, degree=4),
        "update": found.curves["update"],
        "path": found.curves["capital"],
    }


def every(settings):
    """Settings with eight entries of the curves."""
    return settings | {"log_every": max(settings["updates"] // 8, 1)}


def yardsticks(N):
    """Return the utility of the plan, of the best constant share, and of the best linear rule."""
    economy = team_of(N)
    exact = planner.solve(economy.plan)
    start, h = np.array([np.log(economy.plan.s_ss), 0.0, 0.0, 0.0]), 1e-3

    def earned(θ):
        def policy(x, z):
            return np.exp(θ[0] + economy.observe(x, z) @ θ[1:])[..., None]

        return judged(economy, policy)[0]

    def climbed(free):
        """Newton steps from the steady state's share in the parameters that are `free`."""
        θ, step = start.copy(), h * np.eye(4)[free]
        for _ in range(3):
            up, down = (np.array([earned(θ + k * a) for a in step]) for k in (1, -1))
            both = np.array([[earned(θ + a + b) for a in step] for b in step])
            bend = (both - up[:, None] - up + earned(θ)) / h**2
            θ[free] -= np.linalg.solve(bend, (up - down) / (2 * h))
        return θ

    plan = judged(economy, lambda x, z: exact.policy(x, z).swapaxes(-1, -2))
    constant, rule = climbed([0]), climbed([0, 1, 2, 3])
    found = {"plan": plan[0], "share": plan[1], "terms": rule}
    return found | {"constant": earned(constant), "rule": earned(rule)}


def judged(economy, policy, periods=250, size=48, seed=1_000):
    """Return mean discounted utility, and the mean share, on paths that are the same for all."""
    rng, exo = np.random.default_rng(seed), economy.exo
    x = economy.initial(rng.random((size, len(economy.state))))
    i = exo.initial(rng.random((size, exo.width)))
    utility = share = 0.0
    for t in range(periods):
        z = exo.shocks(i)
        a = policy(x, z)
        x, r = economy.step(x, z, a)
        utility = utility + economy.β**t * r.mean()
        share = share + a.mean() / periods
        i = exo.next(i, rng.random((size, exo.width)))
    return float(utility), float(share)
