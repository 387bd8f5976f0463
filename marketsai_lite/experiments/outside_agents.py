"""Stable-Baselines3's PPO and SAC beside ours, scored against a closed form after equal tries.

Five agents learn the linear-quadratic monopolist: our PPO and SAC, without hedge since the others
have none, those of Stable-Baselines3, and our SAC with plain actions, whose critics see actions in
[-1, 1] as those of Stable-Baselines3 do, not tripled (`stretch`).  The ruler is that of
`lq_agents`: the mean error of output, and the loss of value in percent of what it is worth to react
to demand at all.  The policy that is scored is the one without noise; ours is an average over the
last updates, which Stable-Baselines3 does not offer.

What is equal.  The samples.  The copies of the economy with their shocks, fresh starts, truncation
and discount; the scales of observations and rewards, from the same survey of random play; actions
in [-1, 1].  The widths of the networks and their activation, minibatches, the temperature and the
noise at the start, and a learning rate that falls linearly to zero.  The number of gradient steps
at equal settings.  What else an agent does is its library's: losses, optimizers, first weights.
Truncation is told to Stable-Baselines3 as it asks to be told, so that its agents bootstrap.

The tries.  Each agent is tried at every point of its `GRIDS`, which are the same for both
libraries, on the seeds `TUNING`; the point whose median loss is least (`choose`) becomes its
`CHOSEN`, and is scored on `SEEDS` others.  Cells named "tried, ..." are the former, cells named
"scored, ..." the latter.

Of each cell are recorded `error`, `loss`, `samples`, `gradients` (steps of the optimizer) and, of
the scored, curves of `errors` and `losses` at the samples `lived`.  The CPU seconds of a cell,
`cpu_seconds`, are those of training and of scoring the curve.
"""

import itertools
from importlib.util import find_spec
from typing import Any

import numpy as np

from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.experiments import _deep, _stable_baselines3
from marketsai_lite.experiments.lq_agents import ruler

COST = 1_300
CHAOTIC = True
OUTSIDE = "stable-baselines3"  # what it needs beside what the package needs
SEEDS = 10  # of each agent
TUNING = (100, 101, 102)  # seeds of the tries
POINTS = 20  # of a curve
COPIES, HORIZON = 64, 200
KINDS = ("PPO", "SAC")
OURS, THEIRS, PLAIN = "ours", "Stable-Baselines3", "ours with plain actions"
AGENTS = {f"{kind}, {whose}": (kind, whose) for kind in KINDS for whose in (OURS, THEIRS)}
AGENTS |= {f"SAC, {PLAIN}": ("SAC", PLAIN)}
STEPS, EPOCHS, MINIBATCHES = 32, 4, 4  # of PPO: periods of a round, passes over it, parts of a pass
WARMUP = 20  # periods of random play before SAC learns
UPDATES = {"PPO": 50, "SAC": 600}
HIDDEN, CRITIC_HIDDEN = (32, 32), (256,)  # of PPO and SAC's policy, of SAC's critics
LOG_STD = -1.2  # of PPO's noise at the start
HEAT, ENTROPY, CAPACITY, SAC_MINIBATCH = 0.03, -1.0, 100_000, 256  # of SAC
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "PPO": {"rate": (1e-3, 3e-3, 1e-2), "λ": (0.5, 0.9)},
    "SAC": {"rate": (2e-3, 5e-3, 1e-2), "τ": (0.005, 0.02)},
}
CHOSEN: dict[str, dict[str, Any]] = {
    "PPO, ours": {"rate": 3e-3, "λ": 0.5},
    "PPO, Stable-Baselines3": {"rate": 3e-3, "λ": 0.9},
    "SAC, ours": {"rate": 1e-2, "τ": 0.02},
    "SAC, Stable-Baselines3": {"rate": 5e-3, "τ": 0.005},
    "SAC, ours with plain actions": {"rate": 1e-2, "τ": 0.02},
}


def cells():
    """Return one cell for each agent, setting and seed."""
    found: dict[str, dict[str, Any]] = {}
    for agent, (kind, _) in AGENTS.items():
        for point in itertools.product(*GRIDS[kind].values()):
            settings = dict(zip(GRIDS[kind], point, strict=True))
            name = ", ".join(f"{k} {v}" for k, v in settings.items())
            for seed in TUNING:
                cell = {"agent": agent, "seed": seed, **settings}
                found[f"tried, {agent}, {name}, seed {seed}"] = cell
    for agent, settings in CHOSEN.items():
        for seed in range(SEEDS):
            found[f"scored, {agent}, seed {seed}"] = {"agent": agent, "seed": seed, **settings}
    return found


def runs_here(agent, **_):
    """Whether a cell can be run without an environment of its own."""
    return AGENTS[agent][1] != THEIRS or find_spec("stable_baselines3") is not None


def choose(parameters, results):
    """Return the settings of each agent whose median loss over the seeds of tuning is least.

    Parameters
    ----------
    parameters, results : dict
        Of cells by name, as `recorded` returns them.
    """
    losses: dict[str, dict[tuple, list[float]]] = {agent: {} for agent in AGENTS}
    for cell, given in parameters.items():
        if given["seed"] in TUNING:
            settings = {k: v for k, v in given.items() if k not in ("agent", "seed")}
            points = losses[given["agent"]]
            points.setdefault(tuple(settings.items()), []).append(float(results[cell]["loss"]))
    best = {}
    for agent, points in losses.items():
        medians = [np.median(tries) for tries in points.values()]
        best[agent] = dict(list(points)[int(np.argmin(medians))])
    return best


def run(agent, seed, **settings):
    """Return a policy's error and loss at the end of training, with what it took."""
    error, loss = ruler(LQMonopolist())
    scored = seed not in TUNING

    def measure(act):
        return {"error": error(act), "loss": loss(act)} if scored else {}

    act, curves, samples, gradients = train(agent, seed, measure, **settings)
    found = {"error": error(act), "loss": loss(act), "samples": samples, "gradients": gradients}
    if scored:
        found["errors"], found["losses"] = curves["error"].round(6), curves["loss"].round(4)
        found["lived"] = curves["samples"].astype(int)
    return found


def train(agent, seed, measure=None, **settings):
    """Train an agent of `AGENTS` at the given settings of its grid.

    Returns
    -------
    act : callable
        Observations (..., 1, 2) to actions (..., 1, 1), without noise.
    curves : dict
        With "samples" and what `measure(act)` returned.
    samples, gradients : int

    Raises
    ------
    ImportError
        If the agent is of Stable-Baselines3 and that is not installed.
    """
    kind, whose = AGENTS[agent]
    if whose == THEIRS:
        return _theirs(kind, seed, measure, **settings)
    plain = {"stretch": 1.0} if whose == PLAIN else {}
    return _ours(kind, seed, measure, **settings, **plain)


def _ours(kind, seed, measure, **settings):
    updates = UPDATES[kind]
    given: dict[str, Any] = dict(updates=updates, log_every=updates // POINTS, **settings)
    gradients = updates
    if kind == "PPO":
        given["critic_rate"] = given["rate"]  # Stable-Baselines3 has one rate for both
        given |= dict(steps=STEPS, epochs=EPOCHS, minibatches=MINIBATCHES)
        given |= dict(hidden=HIDDEN, log_std=LOG_STD)
        gradients *= EPOCHS * MINIBATCHES
    else:
        given |= dict(warmup=WARMUP, minibatch=SAC_MINIBATCH, capacity=CAPACITY, α=HEAT)
        given |= dict(hidden=HIDDEN, critic_hidden=CRITIC_HIDDEN, entropy=ENTROPY)

    def on_log(update, act):
        return {} if measure is None else measure(act)

    result = _deep.train(
        LQMonopolist(), kind.lower(), COPIES, seed, on_log, horizon=HORIZON, **given
    )
    return result.act, result.curves, result.samples, gradients


def _theirs(kind, seed, measure, *, rate, **settings):
    updates, given = UPDATES[kind], dict(settings)
    if kind == "PPO":
        given["gae_lambda"] = given.pop("λ")
        given |= dict(n_steps=STEPS, n_epochs=EPOCHS, batch_size=COPIES * STEPS // MINIBATCHES)
        policy: dict[str, Any] = dict(net_arch=list(HIDDEN), log_std_init=LOG_STD)
    else:
        given["tau"] = given.pop("τ")
        given |= dict(
            target_entropy=ENTROPY,
            batch_size=SAC_MINIBATCH,
            buffer_size=CAPACITY,
            ent_coef=f"auto_{HEAT}",
        )
        given |= dict(train_freq=1, gradient_steps=1, learning_starts=COPIES * WARMUP)
        policy = dict(net_arch=dict(pi=list(HIDDEN), qf=list(CRITIC_HIDDEN)))
    return _stable_baselines3.train(
        LQMonopolist(),
        kind,
        COPIES,
        seed,
        updates=updates,
        warmup=WARMUP if kind == "SAC" else 0,
        every=updates // POINTS,
        rate=rate,
        measure=measure,
        policy=policy,
        horizon=HORIZON,
        **given,
    )
