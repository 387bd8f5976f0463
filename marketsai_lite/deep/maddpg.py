r"""Multi-agent deterministic policy gradient: each policy climbs a critic that sees all agents.

Policies are deterministic and see what their agents observe.  In training agent i has a critic
:math:`Q_i(o_1, a_1, \dots, o_n, a_n)`, fitted to :math:`r_i + \beta Q_i^-(o', \mu^-(o'))` on
experience drawn from a replay, and its policy climbs the critic along its own action,

.. math:: \nabla_{\theta_i} \mu_i(o_i)\,
          \nabla_{a_i} Q_i(o, a_1, \dots, a_n) \big|_{a_i = \mu_i(o_i)} .

The critics are thrown away when the agents act.  With `critic="own"` each sees its own observation
and action alone, which is n times the algorithm of Lillicrap et al. (2016).

Departures from Lowe et al. (2017).  In the gradient the others' actions are those that their
policies would choose now, unless `current` is off, when they are those of the replay, as printed.
Agents of a group may share policy and critic; `critic="sets"` treats the others alike.  Actions are
the tanh of a network, and noise is added to it and falls linearly to zero.  Where a copy is
truncated the value of the state it had reached stands for the rest.  A critic is a constant plus a
network, of SiLU, as in `sac`.  The losses share one backward pass, the learning rates fall to zero,
and the policy that is judged is an average over the last updates.  There are no ensembles of
policies, and agents know the others' policies rather than infer them.
"""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.decisions import Decisions, require_replay
from marketsai_lite.deep.joint_critics import SEES, JointCritics
from marketsai_lite.deep.networks import Groups, Span, network
from marketsai_lite.deep.train import require_settings
from marketsai_lite.deep.world import require_boxes
from marketsai_lite.require import require


@dataclass(frozen=True)
class Config:
    """Settings of the agents.

    Parameters
    ----------
    hidden : widths of the policy's hidden layers
    noise : standard deviation of the noise in actions in [-1, 1] at the start
    rate : learning rate of the policies at the start
    average : weight of the past in the averaged policy
    critic : what critics see: "own" observation and action, "everything", or the others as "sets"
    current : climb at the actions that the others would choose now, not at those of the replay
    critic_hidden : widths of the critics' hidden layers
    stretch : multiplies the actions in [-1, 1] that the critics see
    critic_rate : learning rate of the critics at the start
    τ : how far the targets move with every update
    updates : periods, each with one update
    shared : agents of a group share one network; otherwise each has its own
    warmup : periods of random play before learning
    team : every agent earns the mean of all rewards
    minibatch : decisions in an update
    hedge : subtract from the targets what the shocks explain
    capacity : decisions that the replay holds, all copies together
    log_every : updates between entries of the curves
    """

    hidden: tuple[int, ...] = (64, 64)
    noise: float = 0.3
    rate: float = 1e-3
    average: float = 0.99
    critic: str = "everything"
    current: bool = True
    critic_hidden: tuple[int, ...] = (128,)
    stretch: float = 3.0
    critic_rate: float = 3e-3
    τ: float = 0.02
    updates: int = 5_000
    shared: bool = True
    warmup: int = 20
    team: bool = False
    minibatch: int = 256
    hedge: bool = False
    capacity: int = 30_000
    log_every: int = 100

    def __post_init__(self):
        counts = ("updates", "minibatch", "capacity", "warmup", "log_every")
        rates = ("noise", "stretch", "rate", "critic_rate")
        require_settings(self, counts=counts, rates=rates, widths=("hidden", "critic_hidden"))
        require(
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
            critic=(self.critic, self.critic in SEES, "'own', 'everything' or 'sets'"),
        )

    def check(self, batch):
        """Raise a ValueError if a setting does not fit the batch."""
        require_boxes(batch)
        require_replay(self, batch, self.minibatch)

    def agent(self, world, rng):
        """Make the learner."""
        return MADDPG(world, self, rng)


class Actor(nn.Module):
    """A deterministic policy of a group of agents."""

    def __init__(self, group, width, hidden, copies=None):
        super().__init__()
        self.net = network([width, *hidden, group.actions.width], gain=0.01, copies=copies)
        self.span = Span(group.actions)

    def forward(self, o):
        """Actions in [-1, 1] for observations (..., n, width)."""
        return torch.tanh(self.net(o))

    def action(self, a):
        """The action in the box that `a` in [-1, 1] stands for."""
        return self.span(a[..., : len(self.span.middle)])


class MADDPG(nn.Module):
    """Policies and critics, the targets of both, the constant, and the averaged policies.

    `value` is Q at the actions of the averaged policies, by observations of all agents.
    """

    level: torch.Tensor

    def __init__(self, world, config, rng):
        super().__init__()
        self.left = 1.0  # of the noise
        self.world, self.config, groups = world, config, world.groups
        self.order, self.noise = rng["minibatches"], rng["choices"]
        wide = max(g.actions.width for g in groups)
        self.actor = Groups(
            groups, lambda g, k: Actor(g, world.width, config.hidden, k), config.shared
        )
        parts = config.critic, wide, config.critic_hidden, config.shared, config.stretch
        self.critic = JointCritics(world, *parts)
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.target_actor = copy.deepcopy(self.actor).requires_grad_(False)
        self.averaged = copy.deepcopy(self.actor).requires_grad_(False)
        self.register_buffer("level", torch.zeros(world.n))
        self.to(world.batch.device, world.batch.dtype)
        self.adams = Adam(self.actor), Adam(self.critic)
        self.θ_target, _ = vector(self.target_actor, self.target)
        self.θ_averaged, _ = vector(self.averaged)
        self.replay = Decisions(world, config, config.capacity // world.batch.size, wide)
        names = ("adam of actor", "adam of critic")
        self.parts = dict(zip(names, self.adams, strict=True)) | {"replay": self.replay}

    def update(self, k):
        """Play a period and learn from what is remembered."""
        config = self.config
        self.left = 1 - k / config.updates
        for _ in range(0 if len(self.replay) else config.warmup):
            self.play(random=True)
        self.play()
        losses = self.learn()
        actor, critic = self.adams
        norm = actor.step(self.left * config.rate)
        other = critic.step(self.left * config.critic_rate)
        equations.polyak(self.θ_target, torch.cat([actor.θ, critic.θ]), config.τ)
        keep = min(config.average, k / (k + 10))
        equations.polyak(self.θ_averaged, actor.θ, 1 - keep)
        return {**losses, "gradient": norm, "critic gradient": other}

    @torch.no_grad()
    def play(self, random=False):
        """Play one period, with noise or at random, and remember it."""
        o, config = self.world.observe(), self.config
        a = self.actor.each("forward", o)
        options = {"generator": self.noise, "device": a.device, "dtype": a.dtype}
        if random:
            a = 2 * torch.rand(a.shape, **options) - 1
        else:
            noise = config.noise * self.left * torch.randn(a.shape, **options)
            a = (a + noise).clamp(-1, 1)
        self.replay.act(o, a, self.actor.each("action", a))

    def learn(self):
        """Gradients of critics and policies; return the critics' loss and the value climbed."""
        config = self.config
        many = self.replay.sample(config.minibatch, self.order)
        b = {name: column[0] for name, column in many.items()}
        with torch.no_grad():
            q_tp1 = self.q(self.target, b["o1"], self.target_actor.each("forward", b["o1"]))
            target = equations.td_target(b["r"], b["discount"], q_tp1)
        q_t = self.q(self.critic, b["o"], b["u"])
        guess = q_t.detach()
        error = guess + self.replay.hedged(target - guess, many) - q_t
        a = self.actor.each("forward", b["o"])
        others = a.detach() if config.current else b["u"]
        self.critic.requires_grad_(False)
        climbed = self.critic(b["o"], others, a).mean()
        self.critic.requires_grad_(True)
        critic_loss = error.square().mean()
        (critic_loss - climbed).backward()
        self.level += 0.1 * self.world.pool(error.detach(), config.shared)
        return {"critic loss": critic_loss.detach(), "value climbed": climbed.detach()}

    def q(self, critic, o, a):
        """Q (..., n) with its constant."""
        return critic(o, a) + self.level

    def mode(self, o, h):
        """Actions of the averaged policies."""
        return self.averaged.each("action", self.averaged.each("forward", o)), h

    def draw(self, o, h, generator):
        """Actions of the averaged policies, which have no noise."""
        return self.mode(o, h)

    def value(self, o, h):
        """Q (..., n) at the averaged policies' actions."""
        return self.q(self.critic, o, self.averaged.each("forward", o))
