"""Algorithmic collusion of two firms that move in turns, in Klein's market.

Homogeneous goods, demand 1 - p, no cost, k + 1 prices 0, 1/k, ..., 1 (Klein 2021, RAND 52(3),
figure 4: β = 0.95, α = 0.3, tables from 0, exploration that falls to 1e-6 in 500,000 periods).
"""

import numpy as np

from marketsai_lite.tabular.sequential_games import learn_sequential, sequential_cycle

COST = 6
SESSIONS, FIRST_SEED = 200, 30_000
DECAY = 6 * float(np.log(10)) / 500_000


def cells():
    """Return one cell for each grid."""
    return {f"{k} steps": {"k": k} for k in (6, 12, 24)}


def bertrand(k):
    """Profits (2, k + 1, k + 1) of two firms whose goods are the same."""
    p = np.linspace(0, 1, k + 1)
    mine, theirs = np.meshgrid(p, p, indexing="ij")
    share = np.where(mine < theirs, 1.0, np.where(mine == theirs, 0.5, 0.0))
    first = mine * (1 - mine) * share
    return np.stack([first, first.T])


def run(k):
    """Return profits on the limit cycle (N,), a firm's mean, and whether the price is constant."""
    π = bertrand(k)
    sessions = learn_sequential(
        π, range(FIRST_SEED, FIRST_SEED + SESSIONS), α=0.3, β=0.95, decay=DECAY, threads=1
    )
    profit, constant = [], []
    for policy, actions, mover in zip(*sessions[:3], strict=True):
        cycle = sequential_cycle(policy, actions, mover)
        profit.append(π[:, cycle[:, 0], cycle[:, 1]].mean())
        constant.append(np.ptp(cycle) == 0)
    return {
        "profit": np.array(profit),
        "constant": np.mean(constant),
        "periods": sessions.periods.mean(),
        "converged": sessions.converged.mean(),
    }
