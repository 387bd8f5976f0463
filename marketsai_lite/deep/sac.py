r"""Soft actor-critic: off-policy learning of a continuous policy that keeps its entropy.

Two critics Q(o, a) are fitted to r + β [min Q - α log π] by gradient descent on experience drawn
from a replay; the policy climbs min Q - α log π through the critics; the temperature α rises where
the policy's entropy is below its target, and falls where it is above.

Departures from Haarnoja et al. (2018).  Where a copy is truncated the value of the state it had
reached stands for the rest.  The level of the values is a number of its own.  The losses share one
backward pass: the policy climbs the critics as they were before the step.  The slow critics move
faster (τ .02, not .005).  The critics have SiLU, not ReLU, whose kinks attract the policy, and one
wide layer, which follows small differences between actions better than two narrow ones.  The
learning rate falls to zero and the policy that is judged is an average over the last updates.

`hedge` removes from every target what the period's shocks explain (`pieces.hedged`).
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import pieces
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.networks import Span, Twins, mlp
from marketsai_lite.deep.replay import Replay
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

LOG_STD = (-5.0, 2.0)  # range of the log standard deviation before squashing
STRETCH = 3.0  # multiplies the critics' actions, so that small differences between them matter


@dataclass(frozen=True)
class Config:
    """Settings of the agent."""

    updates: int = 20_000  # periods, each with one update
    minibatch: int = 256  # decisions in an update
    capacity: int = 300_000  # decisions that the replay holds, all copies together
    warmup: int = 20  # periods of random play before learning
    hedge: bool = False  # subtract from the targets what the shocks explain
    τ: float = 0.02  # how far the slow critics move with every update
    entropy: float = -0.5  # target entropy for each dimension of the action, scaled to [-1, 1]
    α: float = 0.03  # temperature at the start
    rate: float = 2e-3  # learning rate at the start; it falls linearly to zero
    temperature_rate: float = 1e-3  # learning rate of log α
    average: float = 0.999  # weight of the past in the averaged policy
    hidden: tuple[int, ...] = (64, 64)  # widths of the policy's hidden layers
    critic_hidden: tuple[int, ...] = (512,)  # and of the critics'
    log_every: int = 500  # updates between entries of the curves

    def __post_init__(self):
        counts = ("updates", "minibatch", "capacity", "warmup", "log_every")
        widths = ("hidden", "critic_hidden")
        require_settings(self, counts=counts, rates=("α", "rate"), widths=widths)
        require(
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            entropy=(
                self.entropy,
                -math.inf < self.entropy < math.log(2),
                "below log 2, the entropy of a uniform action",
            ),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
            temperature_rate=(
                self.temperature_rate,
                0 <= self.temperature_rate < math.inf,
                "non-negative and finite",
            ),
        )


class Actor(nn.Module):
    """Tanh of a normal whose mean and standard deviation depend on what is observed."""

    def __init__(self, box, width, hidden):
        super().__init__()
        self.net = mlp([width, *hidden, 2 * len(box.low)], gain=0.01)
        self.span = Span(box)

    def forward(self, o, generator):
        """Draw an action in [-1, 1] (B, da), and its log density (B,)."""
        mean, log_std = self.net(o).chunk(2, -1)
        log_std = log_std.clamp(*LOG_STD)
        noise = torch.randn(mean.shape, generator=generator, device=o.device, dtype=o.dtype)
        u = mean + log_std.exp() * noise
        return pieces.squash(u, pieces.normal_log_density(u, mean, log_std))

    def mode(self, o):
        """The action at the mean of the normal."""
        return self.span(torch.tanh(self.net(o).chunk(2, -1)[0]))


def together(o, a):
    """Input of the critics."""
    return torch.cat([o, STRETCH * a], 1)


class Learner(nn.Module):
    """Actor, twin critics and their slow copies, temperature, level, averaged actor."""

    level: torch.Tensor

    def __init__(self, world, config):
        super().__init__()
        da = len(world.actions.low)
        self.actor = Actor(world.actions, world.width, config.hidden)
        self.critics = Twins([world.width + da, *config.critic_hidden, 1])
        self.temperature = nn.ParameterList([torch.tensor(config.α).log()])
        self.slow = copy.deepcopy(self.critics).requires_grad_(False)
        self.averaged = copy.deepcopy(self.actor).requires_grad_(False)
        self.register_buffer("level", torch.zeros(()))
        self.to(world.batch.device, world.batch.dtype)


def train(batch, config, seed, *, checkpoint=None, on_log=None, progress=False) -> Result:
    """Train on one CPU thread, or on the batch's device.

    Parameters
    ----------
    batch : Batch
        Copies of an economy with one agent and a box of actions.
    config : Config
    seed : int
        Of everything random.
    checkpoint, on_log, progress
        See `training.Run`.

    Returns
    -------
    Result
        `value` is Q, with the entropy bonus, at the policy's action without noise.

    Raises
    ------
    ValueError
        If the batch has several agents or a grid of actions, the replay or a minibatch is too small
        for it, or `checkpoint` holds another run.
    FloatingPointError
        If a reward, a loss or a gradient is not finite.
    """
    require_one_agent(batch, box=True)
    require(capacity=(config.capacity, config.capacity >= batch.size, f"at least {batch.size}"))
    with one_thread():
        rng = streams(seed, ("networks", "shocks", "actions", "minibatches"), batch.device)
        world = World(batch, rng["shocks"])
        with initialization(rng["networks"]):
            learner = Learner(world, config)
        averaged = learner.averaged
        adam, heat = Adam(learner.actor, learner.critics), Adam(learner.temperature)
        (slow, _), (mean, _) = vector(learner.slow), vector(averaged)
        dz = world.shocks(world.state).shape[1] if config.hedge else 0
        drawn = config.minibatch
        require(minibatch=(drawn, drawn > 4 * dz, f"more than four times the {dz} shocks"))
        width = 2 * (world.width + dz) + len(world.actions.low) + 1
        periods = config.capacity // batch.size
        replay = Replay(periods, batch.size, width, device=batch.device, dtype=batch.dtype)
        parts = {"learner": learner, "adam": adam, "heat": heat, "replay": replay, **rng}
        act = world.function(lambda o: world.vectors(averaged.mode(o)))
        run = Run(world, config, seed, parts, act, checkpoint, on_log, progress)
        for update in run.updates():
            for _ in range(0 if len(replay) else config.warmup):
                play(world, learner, replay, config.hedge, rng["actions"], random=True)
            play(world, learner, replay, config.hedge, rng["actions"])
            losses = learn(world, learner, config, replay, rng["minibatches"])
            gradient = adam.step(config.rate * (1 - update / config.updates))
            heat.step(config.temperature_rate)
            pieces.polyak(slow, adam.parts[1], config.τ)
            pieces.polyak(mean, adam.parts[0], 1 - min(config.average, update / (update + 10)))
            run.note(update, **losses, gradient=gradient)

    def value(o):
        a = torch.tanh(averaged.net(o).chunk(2, -1)[0])
        return world.units(learner.critics(together(o, a)).amin(0)[:, 0] + learner.level)

    return run.result(
        averaged, lambda o, generator: averaged.span(averaged(o, generator)[0]), value
    )


@torch.no_grad()
def play(world, learner, replay, hedge, generator, random=False):
    """Play one period, by the policy or at random, and remember it."""
    o = world.observe()
    a, _ = learner.actor(o, generator)
    if random:
        a = 2 * torch.rand(a.shape, generator=generator, device=a.device, dtype=a.dtype) - 1
    z = world.shocks(world.state)
    r, reached, _ = world.step(learner.actor.span(a))
    world.check(r)
    shocks = (z, world.shocks(reached)) if hedge else ()
    replay.add(o, a, r, world.observe(reached), *shocks)


def learn(world, learner, config, replay, generator):
    """Gradients of critics, policy and temperature; return their losses."""
    do, da = world.width, len(world.actions.low)
    (rows,) = replay.sample(config.minibatch, generator)
    o_t, a_t, r_t, o_tp1, z = rows.split([do, da, 1, do, rows.shape[1] - 2 * do - da - 1], 1)
    critics, (log_α,) = learner.critics, learner.temperature
    α = log_α.exp().detach()
    with torch.no_grad():
        a_tp1, log_π_tp1 = learner.actor(o_tp1, generator)
        q_tp1 = learner.slow(together(o_tp1, a_tp1))[..., 0] + learner.level
        target = pieces.soft_target(r_t[:, 0], q_tp1, log_π_tp1, α, world.β)
    q_t = critics(together(o_t, a_t))[..., 0] + learner.level
    if config.hedge:
        guess = q_t.detach().mean(0)
        target = guess + pieces.hedged(target - guess, *z[None].chunk(2, 2))
    error = target - q_t
    a, log_π = learner.actor(o_t, generator)
    critics.requires_grad_(False)
    q = critics(together(o_t, a))[..., 0].amin(0)
    critics.requires_grad_(True)
    critic_loss = 0.5 * error.square().sum(0).mean()
    actor_loss = (α * log_π - q).mean()
    temperature_loss = pieces.temperature_loss(log_α, log_π, da * config.entropy)
    (critic_loss + actor_loss + temperature_loss).backward()
    learner.level += 0.1 * error.detach().mean()
    return {
        "critic loss": critic_loss.item(),
        "entropy": -log_π.detach().mean().item(),
        "temperature": α.item(),
    }
