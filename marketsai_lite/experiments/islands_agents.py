"""The curse of dimensionality: who still learns the islands as their number d grows.

Learners in about 15 CPU seconds each, counted in updates so that a cell is the same whenever it is
run: a table of Q-factors; deep Q-learning with one output for each joint action ("joint") or one
head for each island ("dqn"); PPO and SAC, with the hedge and, at d = 8, without; and the analytic
policy gradient, which knows the model.  The short cells are samples that a lecture repeats, and the
fresh ones have seeds on which no setting was chosen.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from marketsai_lite.economies.islands import Islands
from marketsai_lite.economy import Grid
from marketsai_lite.experiments import _deep
from marketsai_lite.solutions import islands, scores
from marketsai_lite.tabular.q_learning import q_learning
from marketsai_lite.tabular.schedules import constant, rescaled
from marketsai_lite.views.table import lottery, tabulate

COST = 5_800
CHAOTIC = True
DIMS = (1, 2, 3, 4, 5, 8, 10, 20)
SHARES = (0.1, 0.4)  # range of the shares in a list of actions; the best lie in .16 to .33
EDGES = (-1.65, 0.9)  # of log k / k_ss, which no such share leaves
LOGS = 10  # points of a curve
NODES = 2_000  # of capital in the exact solution by which all are judged
# Nodes of log capital and levels of the share for each island, and updates.
TABLES = {
    1: (23, 21, 1_000_000_000),
    2: (12, 11, 400_000_000),
    3: (7, 5, 70_000_000),
    4: (5, 4, 30_000_000),
}
LEVELS = 7  # of each island's share where joint actions are listed
UPDATES = {
    "ppo": dict(zip(DIMS, (280, 270, 270, 260, 260, 240, 220, 180), strict=True)),
    "sac": dict.fromkeys(DIMS, 3_000),
    "dqn": dict.fromkeys(DIMS, 7_000),
    "apg": {**dict.fromkeys(DIMS, 400), 20: 650},  # which takes it twice as long as at d = 1
    "joint": {1: 7_000, 2: 7_000, 3: 5_000, 4: 800},
}
# Copies of the economy, and settings other than the usual ones.
GIVEN: dict[str, tuple[int, dict[str, Any]]] = {
    "ppo": (256, {"hedge": True}),
    "sac": (64, {"hedge": True}),
    "dqn": (64, {"hedge": True, "rate": 2e-3, "levels": 11}),
    "joint": (64, {"hedge": True, "rate": 2e-3}),
    "apg": (64, {}),
}
SEEDS = {(agent, d): 5 for agent, updates in UPDATES.items() for d in updates}
SEEDS |= {(agent, d): 10 for agent in ("ppo", "sac", "apg") for d in (1, 2, 4, 8, 20)}
SEEDS |= {("dqn", 1): 10, ("dqn", 4): 10}


def cells():
    """Return the cells: learner, number of islands and seed, and what the learner is given."""
    found = {}

    def add(agent, d, seeds, updates, note="", first=0, **given):
        for seed in range(first, first + seeds):
            cell = {"agent": agent, "d": d, "seed": seed, "updates": updates, **given}
            found[f"{agent}{note}, d {d}, seed {seed}"] = cell

    for d, (nodes, levels, updates) in TABLES.items():
        add("table", d, 5, updates, nodes=nodes, levels=levels)
    for d in (1, 2):
        nodes, levels, updates = TABLES[d]
        add("table", d, 5, updates // 20, " short", nodes=nodes, levels=levels)
    for agent, (copies, given) in GIVEN.items():
        for d, updates in UPDATES[agent].items():
            add(agent, d, SEEDS[agent, d], updates, copies=copies, **given)
    for agent in ("ppo", "sac"):
        add(
            agent,
            8,
            SEEDS[agent, 8],
            UPDATES[agent][8],
            " plain",
            copies=GIVEN[agent][0],
            hedge=False,
        )
    for hedge, note in ((True, " short"), (False, " plain short")):
        add("ppo", 8, 10, UPDATES["ppo"][8] // 4, note, copies=GIVEN["ppo"][0], hedge=hedge)
    for agent in ("ppo", "sac"):
        copies, given = GIVEN[agent]
        add(agent, 8, 10, UPDATES[agent][8], " fresh", 100, copies=copies, **given)
    return found


def run(agent, d, seed, updates, **given):
    """Return how far a learner is from the exact policy in the end, and the path of its loss."""
    learn = table if agent == "table" else deep
    economy = Islands(d)
    policy, path = learn(economy, agent, seed, updates, **given)
    score = scores.score(economy, islands.solve(economy, n=NODES), policy)
    return {
        "mae": rounded(score.mae),
        "worst": rounded(score.worst),
        "loss": rounded(100 * score.loss),
        **path,
    }


def rounded(x):
    """Four digits, which keep the recorded file small."""
    return float(f"{x:.4g}")


def grids(d, nodes, levels):
    """Return the grids of log capital and the joint actions (levels^d, d)."""
    log_k = np.linspace(*EDGES, nodes) + np.log(Islands(d).island.k_ss)
    return (log_k,) * d, np.array(list(product(np.linspace(*SHARES, levels), repeat=d)))


def table(economy, agent, seed, updates, nodes, levels):
    """Learn a table; return the policy between nodes, and its size."""
    nodes_of, actions = grids(economy.d, nodes, levels)
    mdp = tabulate(economy, *nodes_of, actions=actions).mdp
    learned = q_learning(
        mdp,
        updates,
        step=rescaled(economy.β),
        exploration=constant(0.3),
        seeds=[seed],
        threads=1,
    )
    best = learned.Q[0].argmax(1)
    shares = actions[best].reshape(mdp.nx, mdp.nz, economy.d)
    visited = rounded((learned.visits > 0).mean())
    size = {"entries": mdp.r.size, "visited": visited}
    return between_nodes(shares, nodes_of), size


def between_nodes(shares, nodes_of):
    """Return the policy that interpolates `shares` (nx, nz, d) between the nodes of capital."""
    binary = 2 ** np.arange(len(nodes_of))[::-1]

    def policy(x, z):
        x = np.clip(x, nodes_of[0][0], nodes_of[0][-1])
        iz = (z.own[..., 0] > 1) @ binary
        index, weight = lottery(x[:, None], nodes_of, np.ones((len(x), 1), bool))
        weight = np.ones(index.shape) if weight is None else weight
        return np.einsum("bk,bkj->bj", weight[:, 0], shares[index[:, 0], iz[:, None]])[:, None]

    return policy


@dataclass(frozen=True, eq=False)
class Listed(Islands):
    """The islands, where the planner chooses from a list of joint actions."""

    @property
    def actions(self):
        """Every combination of some shares."""
        return (Grid(grids(self.d, 2, LEVELS)[1]),)


def deep(economy, agent, seed, updates, copies, **options):
    """Train a deep agent; return its policy and the path of its loss."""
    exact = islands.solve(economy, n=NODES)
    options |= {"updates": updates, "log_every": max(1, updates // LOGS)}
    name, world = ("dqn", Listed(economy.d)) if agent == "joint" else (agent, economy)

    def loss(update, act):
        policy = scores.acting(economy, act)
        score = scores.score(economy, exact, policy, size=64, periods=200, drop=100, seed=1)
        return {"loss": rounded(100 * score.loss)}

    result = _deep.train(world, name, copies, seed, loss, **options)
    return scores.acting(economy, result.act), {
        "updates": result.curves["update"].astype(int),
        "losses": result.curves["loss"],
        "samples": result.samples,
    }
