r"""Proximal policy optimization, with a critic and generalized advantages.

Agents play T periods with their policies π, then climb the clipped surrogate of Schulman et al.
(2017) for a few epochs over that experience, while the critic learns the value of the states.  With
several agents each climbs its own reward (independent PPO), or all climb the mean of their rewards
(`team`); with `critic="everything"` the critic sees the whole state while policies see what they
observe (Yu et al. 2022, MAPPO).

Departures from the paper.  Gradients have a bounded length, which is that of all agents together.
Layers are SiLU, and the policy's last one begins near zero.  Actions are the tanh of a normal
variable u, and probabilities and entropy are those of u.  Advantages are standardized in every
minibatch.  Where a copy is truncated the value of the state it had reached stands for the rest.
The critic is a constant plus a network: the constant is set directly, since the average value says
nothing about which action is better.  The learning rate falls to zero and the policy that is judged
is an average over the last updates.

`hedge` removes from every TD error what the period's shocks explain (`control_variates`).  It
favors no action, and in economies where the shocks move the value far more than one action does, it
is the difference between noise and a gradient.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.control_variates import News, count, hedged
from marketsai_lite.deep.critics import Critic
from marketsai_lite.deep.experience import Experience
from marketsai_lite.deep.networks import Groups
from marketsai_lite.deep.policies import Actor
from marketsai_lite.deep.rollout import play
from marketsai_lite.deep.train import require_settings, whole
from marketsai_lite.require import require


@dataclass(frozen=True)
class Config:
    """Settings of the agent.

    Parameters
    ----------
    updates : rounds of playing and learning
    steps : periods played in a round, by each copy
    epochs : passes over a round's experience
    minibatches : parts into which each pass is divided
    λ : weight of later TD errors in the advantage; 0 trusts the critic alone
    clip : how far a probability gains by moving, as a ratio; it may move further
    entropy : bonus for an uncertain policy
    hedge : subtract from TD errors what the shocks explain
    shared : agents of a group share one network; otherwise each has its own
    team : every agent earns the mean of all rewards
    critic : what the critic sees: the agent's "own" observation, or "everything"
    memory : numbers that an agent carries from one period to the next
    rate : learning rate of the policy at the start; it falls linearly to zero
    critic_rate : the critic's learning rate at the start
    gradient_norm : longest step of the policy's gradient; ten times it for the critic
    log_std : log standard deviation of the policy's noise at the start
    average : weight of the past in the averaged policy
    hidden : widths of the hidden layers
    log_every : updates between entries of the curves
    """

    updates: int = 300
    steps: int = 32
    epochs: int = 2
    minibatches: int = 8
    λ: float = 0.9
    clip: float = 0.2
    entropy: float = 0.0
    hedge: bool = False
    shared: bool = True
    team: bool = False
    critic: str = "own"
    memory: int = 0
    rate: float = 2e-3
    critic_rate: float = 3e-3
    gradient_norm: float = 1.0
    log_std: float = -1.2
    average: float = 0.98
    hidden: tuple[int, ...] = (64, 64)
    log_every: int = 10

    def __post_init__(self):
        counts = ("updates", "steps", "epochs", "minibatches", "log_every")
        rates = ("clip", "rate", "critic_rate", "gradient_norm")
        require_settings(self, counts=counts, rates=rates, widths=("hidden",))
        require(
            λ=(self.λ, 0 <= self.λ <= 1, "in [0, 1]"),
            entropy=(self.entropy, 0 <= self.entropy < math.inf, "non-negative and finite"),
            critic=(self.critic, self.critic in ("own", "everything"), "'own' or 'everything'"),
            memory=(self.memory, whole(self.memory) and self.memory >= 0, "an integer, 0 or more"),
            log_std=(self.log_std, math.isfinite(self.log_std), "finite"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
        )

    def check(self, batch):
        """Raise a ValueError if a setting does not fit the batch."""
        N, few = batch.size * self.steps, 4 * count(batch)
        most, of = N // 2, "half of steps x copies"
        most, of = (min(batch.size, most), "the copies") if self.memory else (most, of)
        enough, right = not self.hedge or N > few, self.minibatches <= most
        require(hedge=(self.hedge, enough, f"off unless steps x copies is more than {few}"))
        require(minibatches=(self.minibatches, right, f"at most {most}, {of}"))

    def agent(self, world, rng):
        """Make the learner."""
        return PPO(world, self, rng)


class PPO(nn.Module):
    """Policies, critic, and the averaged policies.

    `value` is that of the policies while they explore; where the critic sees everything it is not
    known from observations, and NaN.
    """

    def __init__(self, world, config, rng):
        super().__init__()
        self.world, self.config = world, config
        self.noise, self.order = rng["choices"], rng["minibatches"]
        given = world, config.memory, config.hidden, config.log_std
        self.actor = Groups(world.groups, lambda g, k: Actor(g, *given, k), config.shared)
        everything = config.critic == "everything"
        self.critic = Critic(world, everything, config.memory, config.hidden, config.shared)
        self.averaged = copy.deepcopy(self.actor).requires_grad_(False)
        self.to(world.batch.device, world.batch.dtype)
        self.adams = Adam(self.actor, ε=1e-5), Adam(self.critic, ε=1e-5)
        self.θ_averaged, _ = vector(self.averaged)
        self.parts = dict(zip(("adam of actor", "adam of critic"), self.adams, strict=True))

    def update(self, k):
        """Play a round and learn from it; return the mean losses."""
        path = play(self.world, self, self.config.steps, self.noise)
        losses = self.learn(self.judge(path), 1 - k / self.config.updates)
        keep = min(self.config.average, k / (k + 10))
        equations.polyak(self.θ_averaged, self.adams[0].θ, 1 - keep)
        return losses

    @torch.no_grad()
    def judge(self, path) -> Experience:
        """Turn a path into decisions with their advantages and the targets of the critic."""
        world, config = self.world, self.config
        seen_t, v_t, v_tp1 = self.critic.along(world, self.actor, path)
        r_t, discount_t = path.r, path.discount
        if config.team:
            r_t, discount_t = equations.team_reward(r_t, discount_t)
        δ_t = equations.td_target(r_t, discount_t, v_tp1) - v_t
        if config.hedge:
            z, z1 = (world.news(s) for s in (path.state, path.reached))
            z, z1 = (News(*(v.flatten(0, 1)[None] for v in x)) for x in (z, z1))
            δ_t = hedged(δ_t.flatten(0, 1), z, z1).view_as(δ_t)
        stop_t = path.truncated[..., None]
        discount_t = discount_t if world.batch.terms.ends else world.β
        advantage_t = equations.generalized_advantage(δ_t, discount_t, stop_t, config.λ)
        self.critic.level += world.pool(advantage_t, config.shared)
        numbers = torch.stack([path.log_π, advantage_t, advantage_t + v_t], -1)
        rows = path.o, path.u, seen_t, numbers
        if config.memory:
            return Experience(*rows, path.h, path.restarted)
        return Experience(*(x.flatten(0, 1) for x in rows))

    def learn(self, experience, left):
        """Climb the surrogate and fit the critic; return the mean losses."""
        config, losses = self.config, []
        actor, critic = self.adams
        for _ in range(config.epochs):
            for b in experience.minibatches(config.minibatches, self.order):
                seen = (b.o, b.u) if b.h is None else (b.o, b.u, b.h)
                log_π, entropy = self.actor.each("log_density", *seen, restarted=b.restarted)
                log_π_old, advantage, target = b.numbers.unbind(-1)
                advantage, moved = self._standardized(advantage), log_π - log_π_old
                gain = self._mean(equations.clipped_surrogate(moved, advantage, config.clip))
                error = self._mean((self.critic(b.seen) - target).square())
                bonus = config.entropy * self._mean(entropy) if config.entropy else 0.0
                (error - gain - bonus).backward()
                norm = actor.step(left * config.rate, config.gradient_norm)
                other = critic.step(left * config.critic_rate, 10 * config.gradient_norm)
                losses.append(torch.stack([gain, error, entropy.mean(), norm, other]).detach())
        names = "gain", "critic loss", "entropy", "gradient", "critic gradient"
        return dict(zip(names, torch.stack(losses).mean(0).unbind(), strict=True))

    def sample(self, o, h, generator):
        """Draw what agents choose, its log density, and their next memories."""
        return self.actor.each("sample", o, h, generator=generator)

    def action(self, u):
        """Actions (..., n, da) that the variables `u` stand for."""
        return self.actor.each("action", u)

    def mode(self, o, h):
        """Actions of the averaged policies without noise, and the next memories."""
        return self.averaged.each("mode", o, h)

    def draw(self, o, h, generator):
        """Actions of the averaged policies with noise, and the next memories."""
        u, _, h = self.averaged.each("sample", o, h, generator=generator)
        return self.averaged.each("action", u), h

    def value(self, o, h):
        """Values (..., n), if the critic sees what the agents do."""
        if self.critic.everything:
            return o.new_full(o.shape[:-1], math.nan)
        return self.critic(self.actor.each("know", o, h)[0])

    def _mean(self, x):
        """Mean over decisions; added up over agents that share no weights."""
        return x.mean() if self.config.shared else x.flatten(0, -2).mean(0).sum()

    def _standardized(self, advantage):
        """Advantages with mean zero and deviation one, of each group or of each agent."""
        if not self.config.shared:
            return equations.standardized(advantage, range(advantage.ndim - 1))
        parts = [equations.standardized(advantage[..., g.members]) for g in self.world.groups]
        return parts[0] if len(parts) == 1 else torch.cat(parts, -1)
