"""Deep agents in the pricing game: independent DQN and PPO, and what memory and noise do to them.

Two firms in the market of Calvano et al. (2020), 15 prices, memory of one period and a discount
factor of 0.95.  Each firm has a network of its own, which sees last period's two prices as scaled
numbers.  A cell keeps the two policies that are judged on all 225 states, so that the tests of
tables apply to them.  The settings were chosen on seeds from 100 on, and scored on seeds from 0 on.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economy import like, namespace
from marketsai_lite.experiments import _deep
from marketsai_lite.experiments._collusion import market
from marketsai_lite.solutions.logit_pricing import monopoly_prices, nash_prices, price_grid
from marketsai_lite.tabular.limit_strategies import (
    cycle_payoffs,
    joint_actions,
    limit_cycle,
    profit_gain,
)

COST = 550
CHAOTIC = True
SEEDS, FEW = 10, 3  # of the two learners, and of their variants
DQN: dict[str, Any] = dict(
    copies=16,
    updates=1_500,
    minibatch=128,
    capacity=16_000,
    τ=0.02,
    exploration=0.6,
    ε=0.02,
    rate=3e-3,
    average=0.98,
    hidden=(32,),
    shared=False,
    log_every=100,
)
PPO: dict[str, Any] = dict(
    copies=64,
    updates=50,
    steps=16,
    minibatches=4,
    rate=3e-3,
    critic_rate=5e-3,
    hidden=(32,),
    average=0.95,
    shared=False,
    log_every=5,
)
BASE = {"DQN": DQN, "PPO": PPO}
# What differs from the learner of that name, by variant.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "DQN": ("DQN", {}),
    "PPO": ("PPO", {}),
    "DQN, no memory": ("DQN", {"sees": "nothing"}),
    "PPO, no memory": ("PPO", {"sees": "nothing"}),
    "DQN, one copy": ("DQN", {"copies": 1, "capacity": 1_500}),
    "PPO, one copy": ("PPO", {"copies": 1, "steps": 128, "minibatches": 2}),
    "DQN, columns": ("DQN", {"sees": "columns"}),
    "PPO, columns": ("PPO", {"sees": "columns"}),
    "DQN, fast ε": ("DQN", {"exploration": 0.1}),
    "DQN, slow ε": ("DQN", {"exploration": 1.0}),
    "PPO, entropy": ("PPO", {"entropy": 0.03}),
    "DQN, no average": ("DQN", {"average": 0.0}),
    "PPO, no average": ("PPO", {"average": 0.0}),
}


class Blind(LogitOligopoly):
    """The game where nobody sees last period's prices."""

    def observe(self, x, z):
        """One zero for each firm."""
        return 0 * super().observe(x, z)[..., :1]


class Columns(LogitOligopoly):
    """The game where everybody sees a column of zeros and ones for each price of each firm."""

    def observe(self, x, z):
        """Columns of all firms' grids, for each firm."""
        near = [abs(x[..., i, None] - like(p, x)) < 1e-4 for i, p in enumerate(self.prices)]
        o = namespace(x).concatenate(near, -1) + 0 * x[..., :1]
        return namespace(x).stack([o] * len(self.prices), -2)


SEES = {"prices": LogitOligopoly, "nothing": Blind, "columns": Columns}


def cells():
    """Return one cell for each variant and seed."""
    return {
        f"{name}, seed {seed}": {"variant": name, "seed": seed}
        for name, (_, change) in VARIANTS.items()
        for seed in range(FEW if change else SEEDS)
    }


def run(variant, seed):
    """Train two firms and return their strategies, and what they earned on the way.

    Returns
    -------
    dict
        `policy` (2, 225), numbers of prices; `state`, where the longest-lived cycle begins: that
        which most states lead to; `basin`, the share of states that do; `gain`, the profit gain
        there; `noisy`, that of play with the noise that is left; `curve`, the gain along training.
    """
    learner, change = VARIANTS[variant]
    return train(learner, seed, **BASE[learner] | change)


def train(learner, seed, copies, sees="prices", **settings):
    """Train a learner with the settings of a variant; see `run`."""
    game = market()
    a, c = np.full(2, 2.0), np.full(2, 1.0)
    economy = SEES[sees](price_grid(nash_prices(a, c), monopoly_prices(a, c)), a, c)
    curve = []

    def look(update, act):
        policy = tabulated(economy, act)
        curve.append(score(policy, game)[2])
        return {}

    found = _deep.train(
        economy, learner.lower(), copies, seed, on_log=look, horizon=None, **settings
    )
    policy = tabulated(economy, found.act)
    state, basin, gain = score(policy, game)
    return {
        "policy": policy,
        "state": state,
        "basin": basin,
        "gain": gain,
        "noisy": noisy(economy, found.sample, state, game, seed),
        "curve": np.array(curve),
        "samples": found.samples,
    }


def tabulated(economy, act):
    """The numbers of the prices (2, 225) that agents charge after every pair of prices."""
    pairs = np.stack(np.meshgrid(*economy.prices, indexing="ij"), -1).reshape(-1, 2)
    p = act(economy.observe(pairs, None))[..., 0].T
    return abs(p[..., None] - economy.prices[:, None]).argmin(-1)


def score(policy, game):
    """First state of the cycle that most states lead to, their share, and the gain there."""
    m = game.payoffs.shape[1]
    follow = joint_actions(policy, m)  # with memory 1 the next state is the joint action
    ends = np.arange(m * m)
    for _ in range(m * m):
        ends = follow[ends]
    first = {int(s): limit_cycle(policy, int(s), m).min() for s in np.unique(ends)}
    states, counts = np.unique([first[int(s)] for s in ends], return_counts=True)
    state, share = states[counts.argmax()], counts.max() / len(ends)
    profit = cycle_payoffs(policy, int(state), game.payoffs)
    return state, share, profit_gain(profit, game.nash, game.monopoly)


def noisy(economy, sample, state, game, seed):
    """Profit gain of the policies with their noise, over 100 periods of 100 copies."""
    from marketsai_lite.deep.train import streams  # slow to import, like all that needs torch

    generator = streams(seed, ("noise",))["noise"]
    m = game.payoffs.shape[1]
    x = np.repeat(economy.prices[[0, 1], [state // m, state % m]][None], 100, 0)
    earned = []
    for _ in range(100):
        x, r = economy.step(x, None, sample(economy.observe(x, None), generator))
        earned.append(r.mean(0))
    return profit_gain(np.mean(earned, 0), game.nash, game.monopoly)
