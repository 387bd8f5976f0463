"""Households in the market for capital goods, who learn with the model and without.

Both kinds of learner see all capital and earn their own utility.  One differentiates the game: the
gradient of a household's own discounted utility through the model and through the reactions of its
rival, whose policy it takes as given.  The other is PPO on own rewards, which knows the model no
more than its rival, with much and with little noise in its actions at the start.  Households share
one network, which sees its own capital first.  Each learned profile is held against the exact
Markov-perfect equilibrium, and against the exact best response to itself.  Copies of own gradients
begin anew after 50 periods, so that unequal stocks are seen often; the short ones differ
in the number of updates alone, a tenth.

Settings were tuned on seeds above 99, which are not reported.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.experiments import _deep
from marketsai_lite.solutions import capital_market

COST = 690
CHAOTIC = True
GRADIENTS: dict[str, Any] = dict(
    agent="apg",
    copies=64,
    horizon=50,
    given="policies",
    updates=300,
    steps=24,
    fits=8,
    hidden=(32,),
    rate=2e-2,
)
PPO: dict[str, Any] = dict(
    agent="ppo",
    copies=64,
    updates=100,
    steps=64,
    epochs=4,
    λ=0.97,
    hidden=(32,),
)
LEARNERS: dict[str, dict[str, Any]] = {
    "own gradients": GRADIENTS,
    "short own gradients": GRADIENTS | {"updates": 30},
    "PPO, much noise": PPO | {"log_std": -1.2},
    "PPO, little noise": PPO | {"log_std": -2.5},
}
SEEDS = 10


def cells():
    """Return one cell for each learner and seed."""
    return {
        f"{learner}, seed {seed}": {"learner": learner, "seed": seed}
        for learner in LEARNERS
        for seed in range(SEEDS)
    }


def run(learner, seed):
    """Train; return where capital rests, on the way too, and what a best response would gain."""
    economy, settings = CapitalMarket(2), LEARNERS[learner]
    act, curves = learned(economy, seed, **settings)
    k = rest(economy, act)
    return {
        "capital": k,
        "gap": gain(economy, act, k),
        "update": curves["update"],
        "path": curves["capital"],
    }


def learned(economy, seed, agent, copies, updates, **settings):
    """Train an agent; return its `act`, and curves with the capital at which it would rest."""
    log = {"log_every": max(updates // 8, 1), "updates": updates}
    found = _deep.train(
        economy,
        agent,
        copies,
        seed,
        lambda update, act: {"capital": rest(economy, act)},
        **log,
        **settings,
    )
    return found.act, found.curves


def shares(economy, act):
    """Return the shares (..., N) of an agent as a function of log capital (..., N)."""

    def policy(x):
        z = economy.exo.shocks(np.zeros((*x.shape[:-1], 1), dtype=int))
        return act(economy.observe(x, z))[..., 0]

    return policy


def rest(economy, act):
    """Return the capital of each household at which alike households replace it, or NaN."""
    k = economy.k_ss * np.geomspace(0.2, 2.5, 2_000)
    s = shares(economy, act)(np.log(k)[:, None] + np.zeros(economy.N))[:, 0]
    more = np.log(s / capital_market.share(economy, k))  # spent than is needed to keep it
    (falls,) = np.nonzero((more[:-1] > 0) & (more[1:] <= 0))
    if not len(falls):
        return np.nan
    i = falls[-1]
    weight = more[i] / (more[i] - more[i + 1])
    return float(k[i] * (k[i + 1] / k[i]) ** weight)


def gain(economy, act, k, degree=6):
    """Return what a best response gains from capital `k`, as a share of consumption.

    The box of the polynomials reaches from beyond `k` to beyond the equilibrium.
    """
    far, policy = np.log(k / capital_market.static(economy)), shares(economy, act)
    box = {"center": k * np.exp(-far / 2), "spread": 0.25 + abs(far) / 2}
    return capital_market.gap(economy, policy, k, degree=degree, **box).gain
