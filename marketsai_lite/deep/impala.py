r"""Importance weighted actors and a learner: IMPALA.

Actors play with the weights that they were sent; the learner learns from what comes back, and sends
new ones.  While an actor plays, others' experience is learned from, so that its weights are `lag`
updates old when its turn comes, and lag is the number of actors less one.  V-trace corrects for
that (`equations.vtrace`).

The actors work in a `pool`: in this process or, with `cluster=True`, each in one of its own on a
Ray cluster.  What an actor is told (weights, where its copies stand, seeds) decides what it
answers, and answers are taken in order, so that both train to the same numbers.

Departures from the paper (Espeholt et al. 2018).  A rollout of the batch's copies makes an update;
there is no queue beyond the actors.  Policies, critic, step sizes and the averaged policy are those
of `ppo`, and so are the departures listed there, except that advantages are standardized in each
rollout, before they are weighed: a mean that is subtracted afterwards would favor some actions.
Each of several agents is corrected by its own ratio alone: that the others have moved on is not.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import vector
from marketsai_lite.deep.control_variates import News, count, hedged
from marketsai_lite.deep.networks import Groups
from marketsai_lite.deep.policies import Actor
from marketsai_lite.deep.ppo import PPO
from marketsai_lite.deep.rollout import play
from marketsai_lite.deep.train import require_settings
from marketsai_lite.deep.world import World, one_thread
from marketsai_lite.require import require
from marketsai_lite.running.pool import pool
from marketsai_lite.views.batch import BatchState


@dataclass(frozen=True)
class Config:
    """Settings of the agent.

    Parameters
    ----------
    updates : rollouts that are learned from
    steps : periods played in a rollout, by each copy
    actors : how many play at the same time; lag is one less
    cluster : let actors play on Ray instead of in this process
    correct : weigh experience by V-trace; otherwise take it for the policy's own
    ρ_bar : clip of the ratios in the TD errors; it decides whose value is learned
    c_bar : clip of the ratios in what is carried back; it decides how fast
    λ : weight of later TD errors; 0 trusts the critic alone
    entropy : bonus for an uncertain policy
    hedge : subtract from TD errors what the shocks explain
    team : every agent earns the mean of all rewards
    critic : what the critic sees: the agent's "own" observation, or "everything"
    rate : learning rate of the policy at the start; it falls linearly to zero
    critic_rate : the critic's learning rate at the start
    gradient_norm : longest step of the policy's gradient; ten times it for the critic
    log_std : log standard deviation of the policy's noise at the start
    average : weight of the past in the averaged policy
    shared : agents of a group share one network; otherwise each has its own
    hidden : widths of the hidden layers
    log_every : updates between entries of the curves
    """

    updates: int = 1_000
    steps: int = 16
    actors: int = 4
    cluster: bool = False
    correct: bool = True
    ρ_bar: float = 1.0
    c_bar: float = 1.0
    λ: float = 0.9
    entropy: float = 0.0
    hedge: bool = False
    team: bool = False
    critic: str = "own"
    rate: float = 2e-3
    critic_rate: float = 3e-3
    gradient_norm: float = 1.0
    log_std: float = -1.2
    average: float = 0.98
    shared: bool = True
    hidden: tuple[int, ...] = (64, 64)
    log_every: int = 50

    memory = 0  # none is offered

    def __post_init__(self):
        counts = ("updates", "steps", "actors", "log_every")
        require_settings(self, counts=counts, widths=("hidden",))
        require_settings(self, rates=("rate", "critic_rate", "gradient_norm"))
        clips = {name: getattr(self, name) for name in ("ρ_bar", "c_bar")}
        require(**{name: (clip, clip > 0, "positive") for name, clip in clips.items()})
        order = (self.c_bar, self.c_bar <= self.ρ_bar, f"at most ρ_bar, {self.ρ_bar}")
        require(
            c_bar=order,
            λ=(self.λ, 0 <= self.λ <= 1, "in [0, 1]"),
            entropy=(self.entropy, 0 <= self.entropy < math.inf, "non-negative and finite"),
            critic=(self.critic, self.critic in ("own", "everything"), "'own' or 'everything'"),
            log_std=(self.log_std, math.isfinite(self.log_std), "finite"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
        )

    def check(self, batch):
        """Raise a ValueError if a setting does not fit the batch."""
        enough = not self.hedge or batch.size * self.steps > 4 * count(batch)
        right = f"off unless steps x copies is more than {4 * count(batch)}"
        require(hedge=(self.hedge, enough, right))

    def agent(self, world, rng):
        """Make the learner."""
        return IMPALA(world, self, rng)


class Player:
    """An actor: the copies of an economy, and policies whose weights come with each job."""

    def __init__(self, batch, config, scales):
        self.world = World(batch, torch.Generator(batch.device), scales)
        self.steps, self.noise = config.steps, torch.Generator(batch.device)
        given = self.world, 0, config.hidden, config.log_std
        self.actor = Groups(self.world.groups, lambda g, k: Actor(g, *given, k), config.shared)
        self.actor.to(batch.device, batch.dtype).requires_grad_(False)
        self.θ, _ = vector(self.actor)

    def __call__(self, job):
        """Play a rollout; return it, and where the copies then stand."""
        self.θ.copy_(job["θ"])
        self.world.state = BatchState(*job["state"])
        for generator, seed in zip((self.world.generator, self.noise), job["seeds"], strict=True):
            generator.manual_seed(seed)
        with one_thread():
            path = play(self.world, self, self.steps, generator=self.noise)
        return path, tuple(self.world.state)

    def sample(self, o, h, generator):
        """What `play` asks of a policy."""
        return self.actor.each("sample", o, h, generator=generator)

    def action(self, u):
        """What `play` asks of a policy."""
        return self.actor.each("action", u)


class IMPALA(PPO):
    """Policies, critic and averaged policies as those of PPO; actors in a pool."""

    def __init__(self, world, config, rng):
        super().__init__(world, config, rng)
        make = partial(Player, world.batch, config, world.scales)
        self.pool = pool(make, config.actors, config.cluster)
        self.parts: dict[str, Any] = {**self.parts, "pool": self.pool}
        others = (World(world.batch, rng["shocks"], world.scales) for _ in range(config.actors - 1))
        self.starts = [tuple(w.state) for w in (world, *others)]

    def update(self, k):
        """Learn from the oldest rollout and send its actor new weights; return the losses."""
        for state in self.starts if k == 0 else ():
            self.send(state)
        path, state = self.pool.next()
        self.world.state = BatchState(*state)
        self.world.samples += self.config.steps * self.world.batch.size
        losses = self.learn(path, 1 - k / self.config.updates)
        keep = min(self.config.average, k / (k + 10))
        equations.polyak(self.θ_averaged, self.adams[0].θ, 1 - keep)
        self.send(state)
        return losses

    def send(self, state):
        """Tell an actor with which weights to play on from `state`."""
        seeds = torch.randint(2**62, (2,), generator=self.order, device=self.order.device)
        job = {"θ": self.adams[0].θ.clone(), "state": list(state), "seeds": seeds.tolist()}
        self.pool.submit(job)

    def learn(self, path, left):
        """Climb the policy's gradient and fit the critic; return the losses."""
        config, (actor, critic) = self.config, self.adams
        log_π, entropy = self.actor.each("log_density", path.o, path.u)
        log_ratio = log_π.detach() - path.log_π
        if not config.correct:
            log_ratio = torch.zeros_like(log_ratio)
        seen, target, advantage, ρ = self.weigh(path, log_ratio)
        gain = self._mean(log_π * ρ * self._standardized(advantage))
        error = self._mean((self.critic(seen) - target).square())
        bonus = config.entropy * self._mean(entropy) if config.entropy else 0.0
        (error - gain - bonus).backward()
        norm = actor.step(left * config.rate, config.gradient_norm)
        other = critic.step(left * config.critic_rate, 10 * config.gradient_norm)
        names = "gain", "critic loss", "entropy", "gradient", "critic gradient", "ratio"
        apart = (log_π.detach() - path.log_π).abs().mean()
        numbers = gain, error, entropy.mean(), norm, other, apart
        return {name: x.detach() for name, x in zip(names, numbers, strict=True)}

    @torch.no_grad()
    def weigh(self, path, log_ratio):
        """What the critic sees along a path, its targets, the advantages and their ratios."""
        world, config = self.world, self.config
        seen, v_t, v_tp1 = self.critic.along(world, self.actor, path)
        r_t, discount_t = path.r, path.discount
        if config.team:
            r_t, discount_t = equations.team_reward(r_t, discount_t)
        if config.hedge:
            δ_t = equations.td_target(r_t, discount_t, v_tp1) - v_t
            z, z1 = (world.news(s) for s in (path.state, path.reached))
            z, z1 = (News(*(v.flatten(0, 1)[None] for v in x)) for x in (z, z1))
            r_t = r_t - δ_t + hedged(δ_t.flatten(0, 1), z, z1).view_as(δ_t)
        values = v_t, v_tp1, path.truncated[..., None]
        clips = config.ρ_bar, config.c_bar, config.λ
        target, advantage, ρ = equations.vtrace(log_ratio, r_t, discount_t, *values, *clips)
        self.critic.level += world.pool(target - v_t, config.shared)
        return seen, target, advantage, ρ
