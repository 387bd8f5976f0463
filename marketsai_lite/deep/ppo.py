r"""Proximal policy optimization, with a critic and generalized advantages.

The agent plays T periods with its policy π, then climbs the clipped surrogate of Schulman et al.
(2017) for a few epochs over that experience, while the critic learns the value of the states.

Departures from the paper.  Policy and critic are separate networks, with gradients of bounded
length.  Actions are the tanh of a normal variable u, and probabilities and entropy are those of u.
Advantages are standardized in every minibatch.  The economies do not end:
where a copy is truncated the value of the state it had reached stands for the rest.  The mean level
of the values, which no action changes, is a number of its own that is fitted at once; the critic's
network learns their shape.  The learning rate falls to zero and the policy that is judged is an
average over the last updates.

`hedge` removes from every TD error what the period's shocks explain (`pieces.hedged`).  It favors
no action, and in economies where luck moves the value far more than one action does, it is the
difference between noise and a gradient.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import pieces
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.networks import Categorical, Normal, mlp
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
from marketsai_lite.economy import Box


@dataclass(frozen=True)
class Config:
    """Settings of the agent."""

    updates: int = 300  # rounds of playing and learning
    steps: int = 32  # periods played in a round, by each copy
    epochs: int = 2  # passes over a round's experience
    minibatches: int = 8  # parts into which each pass is divided
    λ: float = 0.9  # weight of later TD errors in the advantage; 0 trusts the critic alone
    clip: float = 0.2  # how far a probability may move, as a ratio
    entropy: float = 0.0  # bonus for an uncertain policy
    hedge: bool = False  # subtract from TD errors what the shocks explain
    rate: float = 2e-3  # learning rate of the policy at the start; it falls linearly to zero
    critic_rate: float = 3e-3  # the critic's
    gradient_norm: float = 1.0  # longest step of the policy's gradient; ten times it for the critic
    log_std: float = -1.2  # log standard deviation of the policy's noise at the start
    average: float = 0.98  # weight of the past in the averaged policy
    hidden: tuple[int, ...] = (64, 64)  # widths of the hidden layers
    log_every: int = 10  # updates between entries of the curves

    def __post_init__(self):
        counts = ("updates", "steps", "epochs", "minibatches", "log_every")
        rates = ("clip", "rate", "critic_rate", "gradient_norm")
        require_settings(self, counts=counts, rates=rates, widths=("hidden",))
        require(
            λ=(self.λ, 0 <= self.λ <= 1, "in [0, 1]"),
            entropy=(self.entropy, 0 <= self.entropy < math.inf, "non-negative and finite"),
            log_std=(self.log_std, math.isfinite(self.log_std), "finite"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
        )


class Learner(nn.Module):
    """Policy, critic, the averaged policy and the level of the values."""

    level: torch.Tensor

    def __init__(self, world, config):
        super().__init__()
        head = (world.actions, world.width, config.hidden)
        box = isinstance(world.actions, Box)
        self.policy = Normal(*head, config.log_std) if box else Categorical(*head)
        self.critic = mlp([world.width, *config.hidden, 1])
        self.averaged = copy.deepcopy(self.policy).requires_grad_(False)
        self.register_buffer("level", torch.zeros(()))
        self.to(world.batch.device, world.batch.dtype)

    def value(self, o):
        """Values of scaled observations (..., do), (...)."""
        return self.critic(o)[..., 0] + self.level


def train(batch, config, seed, *, checkpoint=None, on_log=None, progress=False) -> Result:
    """Train on one CPU thread, or on the batch's device.

    Parameters
    ----------
    batch : Batch
        Copies of an economy with one agent; a box or a grid of actions.
    config : Config
    seed : int
        Of everything random.
    checkpoint, on_log, progress
        See `training.Run`.

    Returns
    -------
    Result
        `value` is V of the policy while it explores.

    Raises
    ------
    ValueError
        If the batch has several agents, a minibatch would have fewer than two decisions, or
        `checkpoint` holds another run.
    FloatingPointError
        If a reward, a loss or a gradient is not finite.
    """
    require_one_agent(batch)
    most = config.steps * batch.size // 2
    right = config.minibatches <= most
    require(minibatches=(config.minibatches, right, f"at most {most}, half of steps x copies"))
    with one_thread():
        rng = streams(seed, ("networks", "shocks", "actions", "minibatches"), batch.device)
        world = World(batch, rng["shocks"])
        with initialization(rng["networks"]):
            learner = Learner(world, config)
        averaged = learner.averaged
        adams = Adam(learner.policy, ε=1e-5), Adam(learner.critic, ε=1e-5)
        slow, _ = vector(averaged)
        parts = {"learner": learner, "actor": adams[0], "critic": adams[1], **rng}
        act = world.function(lambda o: world.vectors(averaged.mode(o)))
        run = Run(world, config, seed, parts, act, checkpoint, on_log, progress)
        for update in run.updates():
            experience = play(world, learner, config, rng["actions"])
            left = 1 - update / config.updates
            losses = learn(learner, adams, config, left, experience, rng["minibatches"])
            keep = min(config.average, update / (update + 10))
            pieces.polyak(slow, adams[0].θ, 1 - keep)
            run.note(update, **losses)
    return run.result(
        averaged,
        lambda o, generator: averaged.action(averaged.sample(o, generator)[0]),
        lambda o: world.units(learner.value(o)),
    )


@torch.no_grad()
def play(world, learner, config, generator):
    """Play T periods; return rows (o, u, log π, advantage, target), one for each decision."""
    decisions, beyond = [], []
    for t in range(config.steps):
        o, z = world.observe(), world.shocks(world.state)
        u, log_π = learner.policy.sample(o, generator)
        r, reached, cut = world.step(learner.policy.action(u))
        if bool(cut.any()):
            beyond.append((t, cut, learner.value(world.observe(reached)[cut])))
        decisions.append((o, u, log_π, r, cut, z, world.shocks(reached)))
    o_t, u_t, log_π_t, r_t, cut_t, z_t, z_tp1 = (
        torch.stack(x) for x in zip(*decisions, strict=True)
    )
    world.check(r_t)
    v_t = learner.value(torch.cat([o_t, world.observe()[None]]))
    v_t, v_tp1 = v_t[:-1], v_t[1:].clone()
    for t, cut, v in beyond:
        v_tp1[t, cut] = v
    δ_t = pieces.td_target(r_t, v_tp1, world.β) - v_t
    if config.hedge:
        flat = δ_t.flatten(), z_t.flatten(0, 1)[None], z_tp1.flatten(0, 1)[None]
        δ_t = pieces.hedged(*flat).view_as(δ_t)
    advantage_t = pieces.generalized_advantage(δ_t, cut_t, world.β, config.λ)
    learner.level += advantage_t.mean()
    numbers = torch.stack([log_π_t, advantage_t, advantage_t + v_t], 2)
    return torch.cat([o_t, u_t, numbers], 2).flatten(0, 1)


def learn(learner, adams, config, left, experience, generator):
    """Climb the surrogate and fit the critic; return the mean losses."""
    actor, critic = adams
    width = experience.shape[1] - 3
    do = learner.critic[0].in_features
    n = len(experience) // config.minibatches * config.minibatches
    losses = []
    for _ in range(config.epochs):
        order = torch.randperm(len(experience), generator=generator, device=experience.device)
        for rows in experience[order[:n]].chunk(config.minibatches):
            o, u, numbers = rows.split([do, width - do, 3], 1)
            log_π_old, advantage, target = numbers.unbind(1)
            log_π, entropy = learner.policy.log_density(o, u)
            gain = pieces.clipped_surrogate(
                log_π - log_π_old, pieces.standardized(advantage), config.clip
            )
            error = nn.functional.mse_loss(learner.value(o), target)
            (error - gain - config.entropy * entropy.mean()).backward()
            norms = (
                actor.step(left * config.rate, config.gradient_norm),
                critic.step(left * config.critic_rate, 10 * config.gradient_norm),
            )
            losses.append(torch.stack([gain, error, entropy.mean(), *norms]).detach())
    names = "gain", "critic loss", "entropy", "gradient", "critic gradient"
    return dict(zip(names, torch.stack(losses).mean(0).tolist(), strict=True))
