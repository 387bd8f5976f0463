"""Firms that choose quantities, households that rent out capital, a listener who must remember.

Firms in Cournot's market with a net price of 1 - Q, where equilibrium, cartel and competition are
known: each learner is held against the solution concept that its setting stands for, with its exact
best-response gap.  Households in Brock and Mirman's economy with rental markets, where with equal
wealth all concepts agree.  An announcement that must be remembered over forty blank periods, by a
listener with a memory and by one without.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.announcement import Announcement
from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.experiments import _deep
from marketsai_lite.solutions import cournot

COST = 1_800
CHAOTIC = True
SEEDS = 10
FIRMS = (2, 3, 5)
PPO: dict[str, Any] = dict(
    updates=150,
    steps=16,
    minibatches=4,
    λ=0.0,
    hidden=(16,),
    rate=5e-3,
    critic_rate=1e-2,
    log_std=-2.5,
    average=0.95,
)
APG: dict[str, Any] = dict(updates=300, steps=4, critic=False, hidden=(16,), rate=1e-2)
# Learners of the firms: module, what it ends at, and its settings.
LEARNERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "PPO, shared": ("ppo", "nash", PPO),
    "PPO, one each": ("ppo", "nash", PPO | {"shared": False}),
    "PPO, team": ("ppo", "cartel", PPO | {"team": True}),
    "own gradients": ("apg", "nash", APG | {"given": "policies"}),
    "summed gradients": ("apg", "cartel", APG | {"given": "nothing"}),
    "price takers": ("apg", "competitive", APG | {"given": "prices"}),
}
GIVEN = ("nothing", "policies", "prices")
RENTAL: dict[str, Any] = dict(updates=200, steps=80, hidden=(16,), rate=1e-2)
MEMORY = 32  # numbers that a listener with a memory carries on
LISTENER: dict[str, Any] = dict(
    updates=40,
    minibatches=2,
    epochs=4,
    λ=1.0,
    hidden=(16,),
    rate=1e-2,
    critic_rate=1e-2,
    average=0.9,
)


def cells():
    """Return one cell for each economy, learner and seed."""
    found: dict[str, dict[str, Any]] = {}
    for seed in range(SEEDS):
        for n in FIRMS:
            for learner in LEARNERS:
                cell = {"economy": "Cournot", "learner": learner, "n": n, "seed": seed}
                found[f"Cournot, n {n}, {learner}, seed {seed}"] = cell
        for given in GIVEN:
            cell = {"economy": "rental", "given": given, "seed": seed}
            found[f"rental markets, given {given}, seed {seed}"] = cell
        for memory in (MEMORY, 0):
            cell = {"economy": "announcement", "memory": memory, "seed": seed}
            found[f"announcement, memory {memory}, seed {seed}"] = cell
    return found


def run(economy, seed, **options):
    """Train one learner in one economy."""
    of: dict[str, Any] = {"Cournot": firms, "rental": households, "announcement": listener}
    return of[economy](seed, **options)


def market(n):
    """Cournot's market with a net price of 1 - Q, which may be negative: price 2 - Q, cost 1."""
    return Cournot(a=2.0, costs=np.ones(n), β=0.0, capacity=1.5 / n)


def known(economy):
    """Total output in each solution concept."""
    return {
        "nash": cournot.nash(economy).sum(),
        "cartel": cournot.cartel(economy),
        "competitive": cournot.competitive(economy),
    }


def firms(seed, learner, n):
    """Return total output where the firms come to rest, and what the best response would gain."""
    economy, (module, _, settings) = market(n), LEARNERS[learner]
    act = _deep.train(economy, module, 60, seed, horizon=50, **settings).act
    q = np.full(n, economy.capacity / 2)
    for _ in range(50):
        q = act(economy.observe(q, None))[:, 0]
    margin = economy.a - economy.costs - economy.b * (q.sum() - q)  # at no output of one's own
    best = np.clip(margin / (2 * economy.b), 0.0, economy.capacity)
    gap = (margin - economy.b * best) * best - (margin - economy.b * q) * q
    return {"output": q.sum(), "gap": gap.max(), "spread": np.ptp(q)}


def households(seed, given):
    """Return the share that two households of equal wealth save, in several states."""
    economy = RentalMarket(n=2, equal=True)
    act = _deep.train(economy, "apg", 24, seed, horizon=None, given=given, **RENTAL).act
    x = np.log(economy.k_ss) + np.linspace(-0.3, 0.3, 7)[:, None, None]
    z = economy.exo.shocks(np.arange(2)[:, None])
    s = act(economy.observe(np.broadcast_to(x, (7, 2, 2)), z))
    return {"share": s.mean(), "low": s.min(), "high": s.max()}


def listener(seed, memory):
    """Return the share of announcements that are answered rightly."""
    economy = Announcement()
    settings = LISTENER | {"steps": economy.last + 1, "memory": memory}
    remember = _deep.train(economy, "ppo", 64, seed, horizon=None, **settings).remember
    signal, h = np.array([[-1.0], [1.0]]), np.zeros((2, 1, memory))
    for t in range(economy.last + 1):
        a, h = remember(economy.observe(np.concatenate([signal, 0 * signal + t], 1), None), h)
    return {"right": (a[:, 0] == signal).mean()}
