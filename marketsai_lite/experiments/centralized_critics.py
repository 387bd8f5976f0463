"""Households that see themselves alone, taught by a critic that sees the same or everything.

The economy is that of `PlannerTeam`, with two households, and with three and five.  Learners begin
with half of the largest share that can be given.  Households share one policy, or in some cells
have one each, which PPO teaches with a critic that sees what a household sees ("own") or
everything, in rounds of 32 periods with λ = 0.95.  In long rounds of 128 with λ = 1 the critic is
little more than a baseline; the number of periods played and of steps is the same.  The critics of
MADDPG see actions too, and have the whole say.

Teams are judged by their mean discounted utility on paths of shocks that are drawn apart from those
of the learners, next to the exact plan and the best constant share.

In the market for capital goods two households that see their own capital and the last price earn
their own utility, and are taught by PPO with either critic, with much noise at the start.

Settings were tuned on a seed above 99, which is not reported, for both critics alike.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.planner_team import PlannerTeam
from marketsai_lite.experiments import _deep, growth_market_agents
from marketsai_lite.solutions import planner

COST = 640
CHAOTIC = True
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
LONG = PPO | {"λ": 1.0, "steps": 128, "updates": 12, "minibatches": 16}
MADDPG: dict[str, Any] = dict(
    agent="maddpg",
    copies=32,
    updates=400,
    hidden=(32,),
    critic_hidden=(64,),
    minibatch=128,
    hedge=True,
    rate=3e-4,
    capacity=100_000,
)
LEARNERS = {
    "everything": PPO | {"critic": "everything"},
    "own": PPO | {"critic": "own"},
    "own, long": LONG | {"critic": "own"},
    "MADDPG, everything": MADDPG | {"critic": "everything"},
    "MADDPG, own": MADDPG | {"critic": "own"},
}
MARKET = growth_market_agents.LEARNERS["PPO, much noise"]
MARKETS = {f"market, {critic}": MARKET | {"critic": critic} for critic in ("everything", "own")}
MANY = 3, 5  # households
SEEDS = range(10)


def cells():
    """Return the cells of the plans, and one for each learner, kind of team and seed."""
    found: dict[str, dict[str, Any]] = {"plan": {}} | {f"plan of {N}": {"N": N} for N in MANY}
    for seed in SEEDS:
        found |= {f"{k}, {seed}": {"learner": k, "seed": seed} for k in (*LEARNERS, *MARKETS)}
        one = {"learner": "everything", "seed": seed}
        found[f"everything, separate policies, {seed}"] = one | {"shared": False}
        for critic in ("everything", "own"):
            one = {"learner": critic, "seed": seed}
            found |= {f"{critic}, {N} households, {seed}": one | {"N": N} for N in MANY}
    return found


def run(learner=None, seed=None, N=2, shared=True):
    """Solve a plan, or train a team; return utilities and shares of output that are given."""
    if learner is None:
        return plan(PlannerTeam(N))
    economy: Any = PlannerTeam(N)
    settings = LEARNERS.get(learner, {}) | {"team": True, "shared": shared}
    if learner in MARKETS:
        economy, settings = CapitalMarket(N, sees="prices"), {**MARKETS[learner]}

    def judge(update, act):
        value, share = judged(economy, lambda x, z: act(economy.observe(x, z)))
        return {"utility": value, "share": share}

    settings["log_every"] = settings["updates"] // 4
    curves = _deep.train(economy, seed=seed, on_log=judge, **settings).curves
    return {name: curves[name] for name in ("update", "samples", "utility", "share")}


def plan(economy):
    """Return utility and share of the plan, and the utility of the best constant share."""
    exact = planner.solve(economy.plan)

    def constant(s):
        return judged(economy, lambda x, z: np.full((*x.shape, 1), s))[0]

    shares = economy.plan.s_ss * np.array([0.95, 1.0, 1.05])
    utility, share = judged(economy, lambda x, z: exact.policy(x, z).swapaxes(-1, -2))
    bend, slope, _ = np.polyfit(shares, [constant(s) for s in shares], 2)
    best = -slope / (2 * bend)
    return {"utility": utility, "share": share, "constant": constant(best), "best": best}


def judged(economy, policy, periods=200, size=32, seed=1_000):
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
