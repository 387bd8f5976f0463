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
multiplied by `STRETCH`.  The target entropy is half the usual.  The learning rate falls to zero and
the policy that is judged is an average over the last updates.

`hedge` removes from every target what the period's shocks explain (`control_variates`).
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.decisions import Decisions
from marketsai_lite.deep.networks import Groups, Span, Twins, network
from marketsai_lite.deep.train import require_settings
from marketsai_lite.require import require

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
    shared: bool = True  # agents of a group share one network; otherwise each has its own
    team: bool = False  # every agent earns the mean of all rewards
    τ: float = 0.02  # how far the target critics move with every update
    entropy: float = -0.5  # target entropy for each dimension of the action, scaled to [-1, 1]
    α: float = 0.03  # temperature at the start
    rate: float = 2e-3  # learning rate at the start; it falls linearly to zero
    temperature_rate: float = 1e-3  # learning rate of log α
    average: float = 0.999  # weight of the past in the averaged policy
    hidden: tuple[int, ...] = (64, 64)  # widths of the policy's hidden layers
    critic_hidden: tuple[int, ...] = (512,)  # and of the critics'
    log_every: int = 500  # updates between entries of the curves

    needs_box = True

    def __post_init__(self):
        counts = ("updates", "minibatch", "capacity", "warmup", "log_every")
        widths = ("hidden", "critic_hidden")
        require_settings(self, counts=counts, rates=("α", "rate"), widths=widths)
        heat, uniform = self.temperature_rate, "below log 2, the entropy of a uniform action"
        require(
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            entropy=(self.entropy, -math.inf < self.entropy < math.log(2), uniform),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
            temperature_rate=(heat, 0 <= heat < math.inf, "non-negative and finite"),
        )

    def agent(self, world, rng):
        """Make the learner."""
        return SAC(world, self, rng)


class Actor(nn.Module):
    """Tanh of a normal whose mean and standard deviation depend on what is observed."""

    def __init__(self, group, width, hidden, copies=None):
        super().__init__()
        da = group.actions.width
        self.net = network([width, *hidden, 2 * da], gain=0.01, copies=copies)
        self.span = Span(group.actions)

    def forward(self, o, generator):
        """Draw an action in [-1, 1] (..., n, da), and its log density (..., n)."""
        mean, log_std = self.net(o).chunk(2, -1)
        log_std = log_std.clamp(*LOG_STD)
        noise = torch.randn(mean.shape, generator=generator, device=o.device, dtype=o.dtype)
        u = mean + log_std.exp() * noise
        return equations.squash(u, equations.normal_log_density(u, mean, log_std))

    def middle(self, o):
        """The action in [-1, 1] at the mean of the normal."""
        return torch.tanh(self.net(o).chunk(2, -1)[0])

    def action(self, a):
        """The action in the box that `a` in [-1, 1] stands for."""
        return self.span(a[..., : len(self.span.middle)])


class Critics(nn.Module):
    """Two estimates (..., n, 2) of Q for a group's observations and actions."""

    def __init__(self, group, width, hidden, copies=None):
        super().__init__()
        self.da = group.actions.width
        self.twins = Twins([width + self.da, *hidden, 1], copies)

    def forward(self, o, a):
        """Q, but for its constant."""
        return self.twins(torch.cat([o, STRETCH * a[..., : self.da]], -1))[..., 0].movedim(0, -1)


class SAC(nn.Module):
    """Actors, twin critics and their target, temperatures, the constant, the averaged actors.

    `value` is Q, with the entropy bonus, at the policy's action without noise.
    """

    level: torch.Tensor

    def __init__(self, world, config, rng):
        super().__init__()
        B, groups = world.batch.size, world.groups
        require(capacity=(config.capacity, config.capacity >= B, f"at least {B}"))
        self.world, self.config = world, config
        self.noise, self.order = rng["choices"], rng["minibatches"]
        width, hidden, wide = world.width, config.hidden, config.critic_hidden
        self.actor = Groups(groups, lambda g, k: Actor(g, width, hidden, k), config.shared)
        self.critics = Groups(groups, lambda g, k: Critics(g, width, wide, k), config.shared)
        self.temperature = nn.ParameterList([torch.full((world.n,), config.α).log()])
        self.target = copy.deepcopy(self.critics).requires_grad_(False)
        self.averaged = copy.deepcopy(self.actor).requires_grad_(False)
        self.register_buffer("level", torch.zeros(world.n))
        self.to(world.batch.device, world.batch.dtype)
        sizes = [g.actions.width for g in groups for _ in range(g.size)]
        self.da = torch.tensor(sizes, device=self.level.device)
        self.adam, self.heat = Adam(self.actor, self.critics), Adam(self.temperature)
        (self.θ_target, _), (self.θ_averaged, _) = vector(self.target), vector(self.averaged)
        periods = config.capacity // B
        self.replay = Decisions(world, config, periods, max(sizes), config.minibatch)
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
        """Both estimates (2, ..., n) of Q."""
        return critics.each("forward", o, a).movedim(-1, 0) + self.level
