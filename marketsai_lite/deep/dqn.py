r"""Deep Q-learning, with what made it work: each part can be switched off.

A network Q(o, ·) is fitted to r + β max Q by gradient descent on experience drawn from a replay.
With several agents each learns its own Q from its own reward (independent Q-learning), or all from
the mean of their rewards (`team`).

Parts.  `replay`: learn from experience of the last many periods rather than the latest only.
`target`: a slowly moving copy of the network makes the targets.  `double`: one network chooses the
next action, the other values it.  `dueling`: the network adds a value and advantages.  `n_step`:
rewards of several periods before the estimate takes over.

Departures from Mnih et al. (2015).  Where a copy is truncated the value of the state it had reached
stands for the rest.  Q is a constant plus a network.  The constant is set directly, since the
average value says nothing about which action is better.  The target network moves a little with
every update; squared error and Adam; the learning rate falls to zero.  A box of actions is divided
into `levels` in each of its dimensions, one head of the network for each, and Q is the *mean* of
the heads, as in Seyde et al. (2023): the maximum is then easy for any number of dimensions, and
right where Q is a sum over them, that is, where rewards and transitions fall apart into dimensions.
The policy that is judged looks between the levels, at the peak of a parabola.

`hedge` removes from every target what the shocks explain (`control_variates`).
"""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.decisions import Decisions, require_replay
from marketsai_lite.deep.networks import Groups
from marketsai_lite.deep.q_networks import QNetwork
from marketsai_lite.deep.train import require_settings
from marketsai_lite.require import require


@dataclass(frozen=True)
class Config:
    """Settings of the agent.

    Parameters
    ----------
    updates : periods, each with one update
    minibatch : decisions in an update
    replay : learn from past experience, not from the latest period alone
    capacity : decisions that the replay holds, all copies together
    target : compute targets with a slow copy of the network
    τ : how far the slow copy moves with every update
    double : choose the next action with the network, value it with the slow copy
    dueling : network of a value and advantages
    n_step : periods of reward before the estimate takes over
    hedge : subtract from the targets what the shocks explain
    shared : agents of a group share one network; otherwise each has its own
    team : every agent earns the mean of all rewards
    levels : actions in each dimension of a box
    ε : probability of a random action in the end
    exploration : part of the updates in which ε falls from 1
    rate : learning rate at the start; it falls linearly to zero
    average : weight of the past in the averaged network, in which `act` is greedy
    hidden : widths of the hidden layers
    log_every : updates between entries of the curves
    """

    updates: int = 20_000
    minibatch: int = 256
    replay: bool = True
    capacity: int = 200_000
    target: bool = True
    τ: float = 0.01
    double: bool = True
    dueling: bool = True
    n_step: int = 1
    hedge: bool = False
    shared: bool = True
    team: bool = False
    levels: int = 21
    ε: float = 0.1
    exploration: float = 0.3
    rate: float = 1e-3
    average: float = 0.999
    hidden: tuple[int, ...] = (64, 64)
    log_every: int = 500

    def __post_init__(self):
        counts = ("updates", "minibatch", "capacity", "n_step", "levels", "log_every")
        require_settings(self, counts=counts, rates=("rate",), widths=("hidden",))
        require(
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            levels=(self.levels, self.levels >= 3, "at least 3"),
            ε=(self.ε, 0 <= self.ε <= 1, "in [0, 1]"),
            exploration=(self.exploration, 0 <= self.exploration <= 1, "in [0, 1]"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
        )

    def check(self, batch):
        """Raise a ValueError if a setting does not fit the batch."""
        drawn = self.minibatch if self.replay else batch.size
        require_replay(self, batch, drawn, self.n_step)

    def agent(self, world, rng):
        """Make the learner."""
        return DQN(world, self, rng)


class DQN(nn.Module):
    """The networks, their target, their average, and the constant in Q.

    `value` is Q of every action, (..., n, m) for a grid and (..., n, heads, m) for a box, whose
    mean over the heads is the value of an action; only where all agents are of one group.
    """

    level: torch.Tensor

    def __init__(self, world, config, rng):
        super().__init__()
        B, n = world.batch.size, config.n_step
        self.world, self.config = world, config
        self.noise, self.order = rng["choices"], rng["minibatches"]
        self.online = Groups(
            world.groups, lambda g, k: QNetwork(g, world, config, k), config.shared
        )
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.averaged = copy.deepcopy(self.online).requires_grad_(False)
        self.register_buffer("level", torch.zeros(world.n))
        self.to(world.batch.device, world.batch.dtype)
        self.adam = Adam(self.online)
        (self.θ_target, _), (self.θ_averaged, _) = vector(self.target), vector(self.averaged)
        periods = max(n, config.capacity // B) if config.replay else n
        heads = max(part.heads for part in self.online.parts)
        self.replay = Decisions(world, config, periods, heads)
        self.parts = {"adam": self.adam, "replay": self.replay}

    def update(self, k):
        """Play a period and learn from what is remembered."""
        config, part = self.config, k / self.config.updates
        early = min(1.0, part / max(config.exploration, 1e-9))
        ε = 1 - (1 - config.ε) * early
        for _ in range(1 if len(self.replay) else config.n_step):
            self.play(ε)
        loss = self.learn()
        gradient = self.adam.step(config.rate * (1 - part))
        θ, τ = self.adam.θ, config.τ if config.target else 1.0
        equations.polyak(self.θ_target, θ, τ)
        recent = 1 - min(config.average, k / (k + 10))
        equations.polyak(self.θ_averaged, θ, recent)
        return {"loss": loss, "gradient": gradient}

    @torch.no_grad()
    def play(self, ε):
        """Play one period and remember it."""
        o = self.world.observe()
        k = self.online.each("choose", o, ε=ε, generator=self.noise)
        self.replay.act(o, k, self.online.each("action", k))

    def learn(self):
        """Gradient of the error of the targets; return the loss."""
        config, n = self.config, self.config.n_step
        size = (config.minibatch, self.order)
        b = self.replay.sample(*size, n) if config.replay else self.replay.latest(n)
        q_t = self.online.each("chosen", b["o"][0], b["u"][0]) + self.level
        with torch.no_grad():
            stop_t = b["truncated"] > 0
            rows = torch.arange(len(q_t), device=q_t.device)
            o_end = b["o1"][equations.first(stop_t[..., 0]), rows]
            v_end = (self._best(o_end) + self.level).expand(n, *q_t.shape)
            target = equations.n_step_target(b["r"], b["discount"], v_end, stop_t)[0]
            error = self.replay.hedged(target - q_t, b)
            target = q_t + error
            self.level += 0.1 * self.world.pool(error, config.shared)
        loss = (target - q_t).square().mean()
        loss.backward()
        return loss.detach()

    def _best(self, o):
        """Value (B, n) of the best choices by the target network, perhaps chosen by the other."""
        if not self.config.double:
            return self.target.each("best", o, chooser=None)
        groups = zip(self.target.members, self.target.parts, self.online.parts, strict=True)
        return torch.cat([target.best(o[:, g], online) for g, target, online in groups], -1)

    def mode(self, o, h):
        """Greedy actions of the averaged networks."""
        return self.averaged.each("greedy", o), h

    def draw(self, o, h, generator):
        """Actions of the averaged networks, some of them random."""
        k = self.averaged.each("choose", o, ε=self.config.ε, generator=generator)
        return self.averaged.each("action", k), h

    def value(self, o, h):
        """Q of every action by the averaged networks."""
        groups = tuple(g.name for g in self.world.groups)
        require(groups=(groups, len(groups) == 1, "one, for a table of Q of every action"))
        q = self.averaged.each("forward", o) + self.level[:, None, None]
        return q if self.averaged.parts[0].span else q[..., 0, :]
