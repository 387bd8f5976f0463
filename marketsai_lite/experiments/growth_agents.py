"""Five agents and a table on three growth models whose solutions are known.

Each cell trains one agent in one model with one seed, and scores the policy that it has at the end
of training, never the best on the way.
"""

from functools import partial
from typing import Any

import numpy as np

from marketsai_lite.economies.growth import Growth, brock_mirman
from marketsai_lite.economies.planner import Planner
from marketsai_lite.experiments import _deep
from marketsai_lite.solutions import brock_mirman as closed_form
from marketsai_lite.solutions import egm, scores
from marketsai_lite.solutions import planner as policy_iteration
from marketsai_lite.solutions.chains import locate
from marketsai_lite.tabular import greedy, q_learning, schedules
from marketsai_lite.views.table import tabulate

COST = 1_400
CHAOTIC = True
DIGITS = 8  # significant, of what is recorded
LOGS = 12  # points of a learning curve

MODELS: dict[str, Any] = {
    "Brock-Mirman": (brock_mirman, closed_form.solve),
    "CRRA": (lambda: Growth(γ=2.0), partial(egm.solve, n=2_000)),
    "planner": (Planner, policy_iteration.solve),
}
# Of a table: log capital around the steady state, shares saved, updates.  No choice leads off it.
TABLES = {
    "Brock-Mirman": ((-1.5, 1.05, 52), (0.16, 0.6, 23), 100_000_000),
    "CRRA": ((-2.5, 1.05, 48), (0.06, 0.44, 20), 200_000_000),
    "planner": ((-1.2, 0.75, 40), (0.02, 0.24, 23), 200_000_000),
}
# Of a deep agent: its module, copies of the economy, and its settings;
# `SPECIAL` ones in a model.
SAC: dict[str, Any] = {
    "minibatch": 256,
    "capacity": 100_000,
    "critic_hidden": (128,),
    "hedge": True,
}
SAC |= {"τ": 0.05, "entropy": -1.5, "rate": 5e-3, "average": 0.998}
AGENTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "DQN": ("dqn", 64, {"average": 0.998, "hedge": True}),
    "SAC": ("sac", 128, SAC),
    "PPO": ("ppo", 128, {"λ": 0.7, "hedge": True}),
    "PPO without hedge": ("ppo", 128, {"λ": 0.7}),
    "APG": ("apg", 64, {}),
}
SPECIAL: dict[tuple[str, str], dict[str, Any]] = {
    ("planner", "SAC"): {
        "critic_hidden": (256,),
        "τ": 0.03,
        "entropy": -0.5,
        "rate": 3e-3,
    },
    ("planner", "PPO"): {"λ": 0.5, "steps": 64, "average": 0.99},
    ("planner", "PPO without hedge"): {
        "λ": 0.5,
        "steps": 64,
        "average": 0.99,
    },
}
SEEDS = range(200, 210)  # of each agent in each model; none of them chose a setting
UPDATES: dict[tuple[str, str], int | None] = {
    ("Brock-Mirman", "table"): None,
    ("Brock-Mirman", "DQN"): 4_000,
    ("Brock-Mirman", "SAC"): 5_000,
    ("Brock-Mirman", "PPO"): 120,
    ("Brock-Mirman", "PPO without hedge"): 120,
    ("Brock-Mirman", "APG"): 300,
    ("CRRA", "table"): None,
    ("CRRA", "DQN"): 6_000,
    ("CRRA", "SAC"): 7_000,
    ("CRRA", "PPO"): 180,
    ("CRRA", "PPO without hedge"): 180,
    ("CRRA", "APG"): 300,
    ("planner", "table"): None,
    ("planner", "DQN"): 6_000,
    ("planner", "SAC"): 6_000,
    ("planner", "PPO"): 220,
    ("planner", "PPO without hedge"): 220,
    ("planner", "APG"): 300,
}


def cells():
    """Return one cell for each model, agent and seed."""
    return {
        f"{model}, {agent}, seed {seed}": {
            "model": model,
            "agent": agent,
            "updates": updates,
            "seed": seed,
        }
        for (model, agent), updates in UPDATES.items()
        for seed in SEEDS
    }


def run(model, agent, updates, seed):
    """Train one agent, and return the scores of its last policy and how it came there."""
    make, solve = MODELS[model]
    economy = make()
    solution = solve(economy)
    if agent == "table":
        policy, curves = table(economy, *TABLES[model], seed), {}
    else:
        policy, curves = train(model, agent, updates, seed, economy, solution)
    return {k: rounded(v) for k, v in {**grade(economy, solution, policy), **curves}.items()}


def table(economy, ends, shares, updates, seed):
    """Policy of tabular Q-learning, interpolated between nodes."""
    x = np.log(economy.k_ss) + np.linspace(*ends)
    mdp, *_, a = tabulate(economy, x, actions=np.linspace(*shares))
    learned = q_learning(
        mdp,
        updates,
        step=schedules.rescaled(economy.β),
        exploration=schedules.constant(0.3),
        seeds=[seed],
        threads=1,
    )
    s = a[greedy(learned.Q[0], mdp), 0].reshape(len(x), -1)

    def policy(at, z):
        at = at[..., 0]
        columns = [np.interp(at, x, column) for column in s.T]
        return np.choose(state(economy, z), columns)[..., None, None]

    return policy


def train(model, agent, updates, seed, economy, solution):
    """Policy of a deep agent at the end of training, and its learning curve."""
    name, copies, settings = AGENTS[agent]
    settings = {**settings, **SPECIAL.get((model, agent), {})}
    settings |= {"updates": updates, "log_every": -(-updates // LOGS)}

    def on_log(update, act):
        policy = scores.acting(economy, act)
        score = scores.score(economy, solution, policy, seed=1, size=64, periods=120, drop=60)
        return {"mae": score.mae, "loss": score.loss}

    result = _deep.train(economy, name, copies, seed, on_log, **settings)
    keep = ("samples", "mae", "loss")
    return scores.acting(economy, result.act), {f"{k} so far": result.curves[k] for k in keep}


def grade(economy, solution, policy):
    """Scores of a policy: where it leads, and in states to which the optimum leads."""
    score = scores.score(economy, solution, policy)
    x, i, _ = scores.simulate(economy, solution.policy, seed=2, size=64, periods=140, drop=100)
    mean, worst = scores.euler_score(economy, policy, x.reshape(-1, 1), i.reshape(-1, i.shape[-1]))
    graded = {"mae": score.mae, "worst": score.worst, "loss": score.loss}
    graded |= {"euler mean": mean, "euler max": worst}
    if isinstance(economy, Planner):
        graded["evaluation"] = policy_iteration.evaluation(economy, policy)
    return graded


def state(economy, z):
    """Number (...) of the joint state of the shocks."""
    exo = economy.exo
    if not exo.n:
        return locate(exo.values, z.aggregate)
    own = locate(exo.own_values, z.own)[..., 0]
    return locate(exo.values, z.aggregate) * len(exo.own_values) + own


def rounded(x):
    """So many digits as are worth recording."""
    return np.array([float(f"{v:.{DIGITS}g}") for v in np.ravel(x)]).reshape(np.shape(x))
