r"""Analytic policy gradient: climb the discounted reward through the known economy.

The economy's `step` is differentiable, so the gradient of

.. math:: \sum_{t<T} \beta^t r_t + \beta^T V(x_T)

with respect to the policy is computed, not estimated from noise: the shocks are drawn, but what an
action does to rewards and states is known.  V is a learned critic, fitted to the same discounted
sums; with `critic` off, the rewards of T periods are all that counts.

The gradient runs through time as in backpropagation (Werbos 1990), on paths of T periods that
continue where the last ones ended.  Where a copy is truncated its path is cut, and V of the state
it had reached stands for the rest.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import pieces
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.networks import Span, mlp
from marketsai_lite.deep.training import (
    Result,
    Run,
    initialization,
    one_thread,
    require,
    require_settings,
    streams,
)
from marketsai_lite.deep.world import World, require_one_agent


@dataclass(frozen=True)
class Config:
    """Settings of the agent."""

    updates: int = 1_000  # steps of the policy
    steps: int = 48  # periods of a path
    critic: bool = True  # value the state at the end of a path
    fits: int = 2  # steps of the critic for each step of the policy
    minibatch: int = 1_024  # decisions in a step of the critic
    τ: float = 0.1  # how far the slow critic, which values, moves with every update
    rate: float = 2e-3  # learning rate at the start; it falls to zero as a cosine
    gradient_norm: float = 1.0  # longest gradient of the policy
    average: float = 0.95  # weight of the past in the averaged policy
    hidden: tuple[int, ...] = (64, 64)  # widths of the hidden layers
    log_every: int = 50  # updates between entries of the curves

    def __post_init__(self):
        counts = ("updates", "steps", "fits", "minibatch", "log_every")
        require_settings(self, counts=counts, rates=("rate", "gradient_norm"), widths=("hidden",))
        require(
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
        )


class Learner(nn.Module):
    """Policy and its average, critic and its slow copy, the level of the values."""

    level: torch.Tensor

    def __init__(self, world, config):
        super().__init__()
        self.policy = nn.Sequential(
            mlp([world.width, *config.hidden, len(world.actions.low)], gain=0.01),
            nn.Tanh(),
            Span(world.actions),
        )
        self.averaged = copy.deepcopy(self.policy).requires_grad_(False)
        self.critic = mlp([world.width, *config.hidden, 1])
        self.slow = copy.deepcopy(self.critic).requires_grad_(False)
        self.register_buffer("level", torch.zeros(()))
        self.to(world.batch.device, world.batch.dtype)


def train(batch, config, seed, *, checkpoint=None, on_log=None, progress=False) -> Result:
    """Train on one CPU thread, or on the batch's device.

    Parameters
    ----------
    batch : Batch
        Copies of an economy with one agent and a box of actions, differentiable in torch.
    config : Config
    seed : int
        Of everything random.
    checkpoint, on_log, progress
        See `training.Run`.

    Returns
    -------
    Result
        `value` is V of the policy, and NaN without a critic.

    Raises
    ------
    ValueError
        If the batch has several agents or a grid of actions, its rewards do not depend
        differentiably on the action, or `checkpoint` holds another run.
    FloatingPointError
        If a reward, a loss or a gradient is not finite.
    """
    require_one_agent(batch, box=True)
    with one_thread():
        rng = streams(seed, ("networks", "shocks", "minibatches"), batch.device)
        world = World(batch, rng["shocks"])
        with initialization(rng["networks"]):
            learner = Learner(world, config)
        averaged = learner.averaged
        actor, critic = Adam(learner.policy), Adam(learner.critic)
        (slow, _), (mean, _) = vector(learner.slow), vector(averaged)
        parts = {"learner": learner, "actor": actor, "critic": critic, **rng}
        act = world.function(lambda o: world.vectors(averaged(o)))
        run = Run(world, config, seed, parts, act, checkpoint, on_log, progress)
        for update in run.updates():
            rate = config.rate * 0.5 * (1 + math.cos(math.pi * update / config.updates))
            gain, path = climb(world, learner, config)
            gradient = actor.step(rate, config.gradient_norm)
            loss = fit(learner, critic, rate, config, path, rng["minibatches"])
            pieces.polyak(slow, critic.θ, config.τ)
            pieces.polyak(mean, actor.θ, 1 - min(config.average, update / (update + 10)))
            run.note(update, **{"gain": gain, "critic loss": loss, "gradient": gradient})

    def value(o):
        v = world.units(learner.critic(o)[:, 0] + learner.level)
        return v if config.critic else torch.full_like(v, math.nan)

    return run.result(averaged, lambda o, generator: averaged(o), value)


def climb(world, learner, config):
    """Gradient of the gain along T periods; return the gain and (o_t, target_t)."""
    path = []
    for t in range(config.steps):
        o = world.observe()
        r, reached, cut = world.step(learner.policy(o))
        v = torch.zeros_like(r)
        if config.critic and (t == config.steps - 1 or bool(cut.any())):  # elsewhere it is not used
            v = learner.slow(world.observe(reached))[:, 0] + learner.level
        path.append((o, r, v, cut))
    world.state = world.state._replace(x=world.state.x.detach())
    o_t, r_t, v_tp1, cut_t = (torch.stack(x) for x in zip(*path, strict=True))
    world.check(r_t)
    target_t = pieces.n_step_target(r_t, v_tp1, cut_t, world.β)
    starts = torch.cat([torch.ones_like(cut_t[:1]), cut_t[:-1]])
    gain = target_t[starts].sum() / world.batch.size
    if not gain.requires_grad:
        raise ValueError(f"batch: economy {world.name}: must be differentiable in its action")
    (-gain).backward()
    return gain.item(), (o_t.detach().flatten(0, 1), target_t.detach().flatten())


def fit(learner, adam, rate, config, path, generator):
    """Fit the critic to the discounted sums along the path; return the mean loss."""
    o_t, target_t = path
    with torch.no_grad():
        learner.level += (target_t - learner.critic(o_t)[:, 0] - learner.level).mean()
    loss = 0.0
    for _ in range(config.fits if config.critic else 0):
        k = torch.randint(len(o_t), (config.minibatch,), generator=generator, device=o_t.device)
        error = (target_t[k] - learner.critic(o_t[k])[:, 0] - learner.level).square().mean()
        error.backward()
        adam.step(rate)
        loss += error.item() / config.fits
    return loss
