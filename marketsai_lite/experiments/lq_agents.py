"""Agents with continuous actions on the linear-quadratic monopolist: errors of each seed.

Soft actor-critic with and without the hedge, PPO, and the analytic policy gradient, which knows
the model; scored against the closed form during training and at its end.  What is
called "small and short" has the sizes, the samples and the updates of the minimal program in the
lecture on the agent, and no fresh starts, as that has none.
"""

from typing import Any

import numpy as np

from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economy import stationary
from marketsai_lite.experiments import _deep
from marketsai_lite.solutions import lq_monopolist, scores

COST = 190
CHAOTIC = True
SEEDS = range(100, 110)  # of each agent; none of them chose a setting
POINTS = 20  # of a curve
# settings: of each agent its module, copies of the economy, and what differs from the defaults
SAC: dict[str, Any] = dict(
    updates=1_500,
    minibatch=512,
    rate=5e-3,
    τ=0.05,
    average=0.995,
    hidden=(32, 32),
    critic_hidden=(256,),
)
APG: dict[str, Any] = dict(
    updates=300,
    rate=1e-2,
    critic=False,
    hidden=(32, 32),
)
AGENTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "SAC": ("sac", 64, dict(SAC, hedge=True)),
    "SAC, no hedge": ("sac", 64, SAC),
    "PPO": ("ppo", 256, dict(updates=140, λ=0.5, hedge=True)),
    "analytic": ("apg", 16, APG),
}
SMALL: dict[str, Any] = dict(
    SAC,
    updates=400,
    minibatch=128,
    average=0.98,
    critic_hidden=(128,),
    hedge=True,
)
SHORT: dict[str, Any] = dict(
    updates=60,
    λ=0.5,
    hedge=True,
    average=0.95,
    hidden=(32, 32),
)
AGENTS["PPO, small and short"] = ("ppo", 256, dict(SHORT, horizon=None))
AGENTS["SAC, small and short"] = ("sac", 32, dict(SMALL, horizon=None))
# end of settings


def cells():
    """Return one cell for each agent and seed."""
    return {
        f"{agent}, seed {seed}": {"agent": agent, "seed": seed}
        for agent in AGENTS
        for seed in SEEDS
    }


def run(agent, seed):
    """Return a policy's error and loss at the end of training, and on the way with the samples."""
    error, loss = ruler(LQMonopolist())

    def measure(update, act):
        return {"error": error(act), "loss": loss(act)}

    result = train(agent, seed, on_log=measure)
    return {
        "error": error(result.act),
        "loss": loss(result.act),
        "samples": result.samples,
        "errors": result.curves["error"].round(6),
        "losses": result.curves["loss"].round(4),
        "lived": result.curves["samples"].astype(int),
    }


def train(agent, seed, *, shorter=1, on_log=None):
    """Train an agent of `AGENTS` with a fraction 1/`shorter` of its updates."""
    name, copies, given = AGENTS[agent]
    updates = given["updates"] // shorter
    settings = {**given, "updates": updates, "log_every": max(1, updates // POINTS)}
    return _deep.train(LQMonopolist(), name, copies, seed, on_log, **settings)


def ruler(economy, nodes=201, periods=400):
    """Return two functions of an agent's `act`: its mean error, and its loss.

    The error is that of output where the optimal firm leads.  The loss is that of value, from
    the middle output and stationary demand, in percent of what it is worth to react to demand at
    all; the loss from where `act` leads is interpolated between `nodes` outputs.
    """
    exact, β = lq_monopolist.solve(economy), economy.β
    d, P = economy.exo.values[:, 0], economy.exo.transition
    q, middle, ψ = np.linspace(economy.low, economy.high, nodes), nodes // 2, stationary(P)
    best = exact.policy(q[:, None], d)
    at = np.stack(np.broadcast_arrays(q[:, None], d), -1)[..., None, :]
    x, i, chosen = scores.simulate(
        economy, lambda x, z: exact.policy(x, z.aggregate)[..., None], size=20, drop=100
    )
    visited = economy.observe(x, economy.exo.shocks(i))

    def error(act):
        return float(np.abs(act(visited) - chosen).mean())

    def lost(q_next):
        now, total = (q_next - best) ** 2, 0.0 * best
        for _ in range(periods):
            later = (total @ P.T).T
            columns = [np.interp(to, q, y) for to, y in zip(q_next.T, later, strict=True)]
            total = now + β * np.stack(columns, 1)
        return ψ @ total[middle]

    still = lost(np.full(best.shape, q[middle]))
    return error, lambda act: float(100 * lost(act(at)[..., 0, 0]) / still)
