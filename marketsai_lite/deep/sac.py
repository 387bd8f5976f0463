r"""Soft actor-critic: off-policy learning of a continuous policy that keeps its entropy.

Two critics Q(o, a) are fitted to r + β [min Q - α log π] by gradient descent on experience drawn
from a replay; the policy climbs min Q - α log π through the critics; the temperature α rises where
the policy's entropy is below its target, and falls where it is above.  With several agents each has
critics of its own observation and action, for its own reward or the mean of all (`team`).

Departures from Haarnoja et al. (2018).  Where a copy is truncated the value of the state it had
reached stands for the rest.  A critic is a constant plus a network.  The constant is set directly,
since the average value says nothing about which action is better.  The losses share one backward
pass: the policy climbs the critics as they were before the step.  The target critics move faster
(τ .02, not .005).  The critics have SiLU, not ReLU, whose kinks attract the policy, and one wide
layer, which follows small differences between actions better than two narrow ones; they see actions
multiplied by `stretch`.  The target entropy is half the usual.  The learning rate
falls to zero and the policy that is judged is an average over the last updates.

`hedge` removes from every target what the period's shocks explain (`control_variates`).
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.decisions import Decisions, require_replay
from marketsai_lite.deep.networks import Groups
from marketsai_lite.deep.soft_networks import Actor, Critics
from marketsai_lite.deep.train import require_settings
from marketsai_lite.deep.world import require_boxes
from marketsai_lite.require import require


@dataclass(frozen=True)
class Config:
    """Settings of the agent.

    Parameters
    ----------
    updates : periods, each with one update
    minibatch : decisions in an update
    capacity : decisions that the replay holds, all copies together
    warmup : periods of random play before learning
    hedge : subtract from the targets what the shocks explain
    shared : agents of a group share one network; otherwise each has its own
    team : every agent earns the mean of all rewards
    twins : believe the lesser of two critics; otherwise there is one
    stretch : multiplies the actions in [-1, 1] that the critics see
    τ : how far the target critics move with every update
    entropy : target entropy for each dimension of the action, scaled to [-1, 1]
    α : temperature at the start
    rate : learning rate at the start; it falls linearly to zero
    temperature_rate : learning rate of log α
    average : weight of the past in the averaged policy
    hidden : widths of the policy's hidden layers
    critic_hidden : widths of the critics' hidden layers
    log_every : updates between entries of the curves
    """

    updates: int = 20_000
    minibatch: int = 256
    capacity: int = 300_000
    warmup: int = 20
    hedge: bool = False
    shared: bool = True
    team: bool = False
    twins: bool = True
    stretch: float = 3.0
    τ: float = 0.02
    entropy: float = -0.5
    α: float = 0.03
    rate: float = 2e-3
    temperature_rate: float = 1e-3
    average: float = 0.999
    hidden: tuple[int, ...] = (64, 64)
    critic_hidden: tuple[int, ...] = (512,)
    log_every: int = 500

    def __post_init__(self):
        counts = ("updates", "minibatch", "capacity", "warmup", "log_every")
        widths = ("hidden", "critic_hidden")
        require_settings(self, counts=counts, rates=("α", "rate", "stretch"), widths=widths)
        heat, uniform = self.temperature_rate, "below log 2, the entropy of a uniform action"
        require(
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            entropy=(self.entropy, -math.inf < self.entropy < math.log(2), uniform),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
            temperature_rate=(heat, 0 <= heat < math.inf, "non-negative and finite"),
        )

    def check(self, batch):
        """Raise a ValueError if a setting does not fit the batch."""
        require_boxes(batch)
        require_replay(self, batch, self.minibatch)

    def agent(self, world, rng):
        """Make the learner."""
        return SAC(world, self, rng)


class SAC(nn.Module):
    """Actors, twin critics and their target, temperatures, the constant, the averaged actors.

    `value` is Q, with the entropy bonus, at the policy's action without noise.
    """

    level: torch.Tensor

    def __init__(self, world, config, rng):
        super().__init__()
        groups = world.groups
        self.world, self.config = world, config
        self.noise, self.order = rng["choices"], rng["minibatches"]
        width, hidden, wide = world.width, config.hidden, config.critic_hidden
        self.actor = Groups(groups, lambda g, k: Actor(g, width, hidden, k), config.shared)
        parts = config.twins, config.stretch
        self.critics = Groups(
            groups, lambda g, k: Critics(g, width, wide, k, *parts), config.shared
        )
        self.temperature = nn.ParameterList([torch.full((world.n,), config.α).log()])
        self.target = copy.deepcopy(self.critics).requires_grad_(False)
        self.averaged = copy.deepcopy(self.actor).requires_grad_(False)
        self.register_buffer("level", torch.zeros(world.n))
        self.to(world.batch.device, world.batch.dtype)
        sizes = [g.actions.width for g in groups for _ in range(g.size)]
        self.da = torch.tensor(sizes, device=self.level.device)
        self.adam, self.heat = Adam(self.actor, self.critics), Adam(self.temperature)
        (self.θ_target, _), (self.θ_averaged, _) = vector(self.target), vector(self.averaged)
        self.replay = Decisions(world, config, config.capacity // world.batch.size, max(sizes))
        self.parts = {"adam": self.adam, "heat": self.heat, "replay": self.replay}

    def update(self, k):
        """Play a period and learn from what is remembered."""
        config = self.config
        for _ in range(0 if len(self.replay) else config.warmup):
            self.play(random=True)
        self.play()
        losses = self.learn()
        gradient = self.adam.step(config.rate * (1 - k / config.updates))
        self.heat.step(config.temperature_rate)
        actor, critics = self.adam.parts
        equations.polyak(self.θ_target, critics, config.τ)
        equations.polyak(self.θ_averaged, actor, 1 - min(config.average, k / (k + 10)))
        return {**losses, "gradient": gradient}

    @torch.no_grad()
    def play(self, random=False):
        """Play one period, by the policy or at random, and remember it."""
        o = self.world.observe()
        a, _ = self.actor.each("forward", o, generator=self.noise)
        if random:
            a = 2 * torch.rand(a.shape, generator=self.noise, device=a.device, dtype=a.dtype) - 1
        self.replay.act(o, a, self.actor.each("action", a))

    def learn(self):
        """Gradients of critics, policy and temperature; return their losses."""
        config, (log_α,) = self.config, self.temperature
        many = self.replay.sample(config.minibatch, self.order)
        b = {name: column[0] for name, column in many.items()}
        α = log_α.exp().detach()
        with torch.no_grad():
            a_tp1, log_π_tp1 = self.actor.each("forward", b["o1"], generator=self.order)
            q_tp1 = self.twins(self.target, b["o1"], a_tp1)
            target = equations.soft_target(b["r"], b["discount"], q_tp1, log_π_tp1, α)
        q_t = self.twins(self.critics, b["o"], b["u"])
        if config.hedge:
            guess = q_t.detach().mean(0)
            target = guess + self.replay.hedged(target - guess, many)
        error = target - q_t
        a, log_π = self.actor.each("forward", b["o"], generator=self.order)
        self.critics.requires_grad_(False)
        q = self.critics.each("forward", b["o"], a).amin(-1)
        self.critics.requires_grad_(True)
        critic_loss = 0.5 * error.square().sum(0).mean()
        actor_loss = (α * log_π - q).mean()
        wanted = self.da * config.entropy
        temperature_loss = equations.temperature_loss(log_α, log_π, wanted)
        (critic_loss + actor_loss + temperature_loss).backward()
        self.level += 0.1 * self.world.pool(error.detach(), config.shared)
        entropy, heat = -log_π.detach().mean(), α.mean()
        return {"critic loss": critic_loss.detach(), "entropy": entropy, "temperature": heat}

    def mode(self, o, h):
        """Actions of the averaged policies without noise."""
        return self.averaged.each("action", self.averaged.each("middle", o)), h

    def draw(self, o, h, generator):
        """Actions of the averaged policies with noise."""
        a, _ = self.averaged.each("forward", o, generator=generator)
        return self.averaged.each("action", a), h

    def value(self, o, h):
        """Q (..., n) at the averaged policies' actions."""
        a = self.averaged.each("middle", o)
        return self.twins(self.critics, o, a).amin(0)

    def twins(self, critics, o, a):
        """The estimates of Q, (2, ..., n), or (1, ..., n) without twins."""
        return critics.each("forward", o, a).movedim(-1, 0) + self.level
