r"""Deep Q-learning, with what made it work: each part can be switched off.

A network Q(o, ·) is fitted to r + β max Q by gradient descent on experience drawn from a replay.

Parts.  `replay`: learn from experience of the last many periods rather than the latest only.
`target`: a slowly moving copy of the network makes the targets.  `double`: one network chooses the
next action, the other values it.  `dueling`: the network adds a value and advantages.  `n_step`:
rewards of several periods before the estimate takes over.

Departures from Mnih et al. (2015).  Where a copy is truncated the value of the state it had reached
stands for the rest.  The level of the values is a number of its own.  The target network moves a
little with every update; squared error and Adam; the learning rate falls to zero.  A box of actions
is divided into `levels` in each of its dimensions, one head of the network for each, and Q is the
*mean* of the heads: the maximum is then easy for any number of dimensions, and right where Q is a
sum over them, that is, where rewards and transitions fall apart into dimensions.  The policy that
is judged looks between the levels, at the peak of a parabola.

`hedge` removes from every target what the shocks explain (`pieces.hedged`).
"""

import copy
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import pieces
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.networks import Span, mlp
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
from marketsai_lite.economy import Box


@dataclass(frozen=True)
class Config:
    """Settings of the agent."""

    updates: int = 20_000  # periods, each with one update
    minibatch: int = 256  # decisions in an update
    replay: bool = True  # learn from past experience, not from the latest period alone
    capacity: int = 200_000  # decisions that the replay holds, all copies together
    target: bool = True  # compute targets with a slow copy of the network
    τ: float = 0.01  # how far the slow copy moves with every update
    double: bool = True  # choose the next action with the network, value it with the slow copy
    dueling: bool = True  # network of a value and advantages
    n_step: int = 1  # periods of reward before the estimate takes over
    hedge: bool = False  # subtract from the targets what the shocks explain
    levels: int = 21  # actions in each dimension of a box
    ε: float = 0.1  # probability of a random action in the end
    exploration: float = 0.3  # part of the updates in which ε falls from 1
    rate: float = 1e-3  # learning rate at the start; it falls linearly to zero
    average: float = 0.999  # weight of the past in the averaged network, in which `act` is greedy
    hidden: tuple[int, ...] = (64, 64)  # widths of the hidden layers
    log_every: int = 500  # updates between entries of the curves

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


class Network(nn.Module):
    """Q-factors (..., heads, m) of scaled observations, but for their level."""

    def __init__(self, world, config):
        super().__init__()
        box = isinstance(world.actions, Box)
        self.heads = len(world.actions.low) if box else 1
        self.m = config.levels if box else len(world.actions.values)
        self.dueling = config.dueling
        self.net = mlp([world.width, *config.hidden, self.heads * self.m + config.dueling])
        self.span = Span(world.actions) if box else None

    def forward(self, o):
        """Q-factors, but for their level."""
        y = self.net(o)
        a = y[..., self.dueling :].unflatten(-1, (self.heads, self.m))
        return pieces.dueling(y[..., None, :1], a) if self.dueling else a

    def action(self, k):
        """The action that numbers (B, heads) stand for; they may lie between the levels."""
        return k[..., 0] if self.span is None else self.span(2 * k / (self.m - 1) - 1)

    def greedy(self, o):
        """The best action; for a box, at the peak of the parabola through the best levels."""
        q = self(o)
        k = q.argmax(-1)
        if self.span is None:
            return self.action(k)
        inside = k.clamp(1, self.m - 2)
        near = [q.gather(-1, (inside + j)[..., None])[..., 0] for j in (-1, 0, 1)]
        return self.action(torch.where(k == inside, k + pieces.parabola_peak(*near), k.to(q.dtype)))


class Learner(nn.Module):
    """The network, its slow copy, its average, and the level of the values."""

    level: torch.Tensor

    def __init__(self, world, config):
        super().__init__()
        self.online = Network(world, config)
        self.slow = copy.deepcopy(self.online).requires_grad_(False)
        self.averaged = copy.deepcopy(self.online).requires_grad_(False)
        self.register_buffer("level", torch.zeros(()))
        self.to(world.batch.device, world.batch.dtype)


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
        `value` is Q of every action, (..., m) for a grid and (..., heads, m) for a box, whose mean
        over the heads is the value of an action.

    Raises
    ------
    ValueError
        If the batch has several agents, the replay or a minibatch is too small for it, or
        `checkpoint` holds another run.
    FloatingPointError
        If a reward, a loss or a gradient is not finite.
    """
    require_one_agent(batch)
    least = config.n_step * batch.size
    require(
        capacity=(
            config.capacity,
            config.capacity >= least,
            f"at least {least}, {config.n_step} periods",
        )
    )
    with one_thread():
        rng = streams(seed, ("networks", "shocks", "actions", "minibatches"), batch.device)
        world = World(batch, rng["shocks"])
        with initialization(rng["networks"]):
            learner = Learner(world, config)
        online, averaged = learner.online, learner.averaged
        adam, (slow, _), (mean, _) = Adam(online), vector(learner.slow), vector(averaged)
        dz = world.shocks(world.state).shape[1] if config.hedge else 0
        drawn = config.minibatch if config.replay else batch.size
        require(minibatch=(drawn, drawn > 4 * dz, f"more than four times the {dz} shocks"))
        replay = Replay(
            max(config.n_step, config.capacity // batch.size) if config.replay else config.n_step,
            batch.size,
            2 * (world.width + dz) + online.heads + 2,
            device=batch.device,
            dtype=batch.dtype,
        )
        parts = {"learner": learner, "adam": adam, "replay": replay, **rng}
        act = world.function(lambda o: world.vectors(averaged.greedy(o)))
        run = Run(world, config, seed, parts, act, checkpoint, on_log, progress)
        for update in run.updates():
            part = update / config.updates
            ε = 1 - (1 - config.ε) * min(1.0, part / max(config.exploration, 1e-9))
            for _ in range(1 if len(replay) else config.n_step):
                play(world, online, replay, config.hedge, ε, rng["actions"])
            loss = learn(world, learner, config, replay, rng["minibatches"])
            gradient = adam.step(config.rate * (1 - part))
            pieces.polyak(slow, adam.θ, config.τ if config.target else 1.0)
            pieces.polyak(mean, adam.θ, 1 - min(config.average, update / (update + 10)))
            run.note(update, loss=loss, gradient=gradient)

    def value(o):
        q = world.units(averaged(o) + learner.level)
        return q if averaged.span else q[:, 0]

    return run.result(
        averaged,
        lambda o, generator: averaged.action(choose(averaged, o, config.ε, generator)),
        value,
    )


@torch.no_grad()
def play(world, network, replay, hedge, ε, generator):
    """Play one period and remember it."""
    o, z = world.observe(), world.shocks(world.state)
    k = choose(network, o, ε, generator)
    r, reached, cut = world.step(network.action(k))
    world.check(r)
    shocks = (z, world.shocks(reached)) if hedge else ()
    replay.add(o, k, r, cut, world.observe(reached), *shocks)


def choose(network, o, ε, generator):
    """Numbers of the actions (B, heads): the greedy ones, each random with probability ε."""
    k = network(o).argmax(-1)
    u = torch.rand((2, *k.shape), generator=generator, device=o.device)
    return torch.where(u[0] < ε, (u[1] * network.m).long(), k)


def learn(world, learner, config, replay, generator):
    """Gradient of the error of the targets; return the loss."""
    do, H, n, online = world.width, learner.online.heads, config.n_step, learner.online
    rows = replay.sample(config.minibatch, generator, n) if config.replay else replay.latest(n)
    widths = [do, H, 1, 1, do, rows.shape[2] - 2 * do - H - 2]
    o_t, k_t, r_t, cut_t, o_tp1, z = rows.split(widths, 2)
    r_t, cut_t = r_t[..., 0], cut_t[..., 0] > 0
    q_t = online(o_t[0]).gather(-1, k_t[0].long()[..., None])[..., 0].mean(-1) + learner.level
    with torch.no_grad():
        o_end = o_tp1[pieces.first(cut_t), torch.arange(rows.shape[1], device=rows.device)]
        q_end = learner.slow(o_end)
        v_end = pieces.double_q_value(q_end, online(o_end) if config.double else q_end)
        v_end = (v_end + learner.level).expand(n, -1)
        error = pieces.n_step_target(r_t, v_end, cut_t, world.β)[0] - q_t
        if config.hedge:
            error = pieces.hedged(error, *z.chunk(2, 2))
        target = q_t + error
        learner.level += 0.1 * error.mean()
    loss = (target - q_t).square().mean()
    loss.backward()
    return loss.item()
