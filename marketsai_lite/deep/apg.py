r"""Analytic policy gradient: climb the discounted reward through the known economy.

The economy's `step` is differentiable, so the gradient of

.. math:: \sum_{t<T} \beta^t r_t + \beta^T V(x_T)

with respect to the policy is computed, not estimated from noise: the shocks are drawn, but what an
action does to rewards and states is known.  V is a learned critic, fitted to the same discounted
sums; with `critic` off, the rewards of T periods are all that counts.

The gradient runs through time as in backpropagation (Werbos 1990), on paths of T periods that
continue where the last ones ended, with a critic at their end: short-horizon actor-critic (Xu et
al. 2022), but for targets of n steps in place of TD(λ), an average of the policies, and what
follows on several agents.  Where a copy is truncated its path is cut, and V of the state
it had reached stands for the rest.

With several agents one setting, `given`, says what an agent takes as given when it moves.

``"nothing"``
    The rewards of all are added up: the plan of somebody who governs them.
``"policies"``
    Each climbs its own reward while the policies of the others stay as they are, so that agents
    come to rest where nobody gains by a small move: where that is a best response and all see the
    state, a Markov-perfect equilibrium.  In every copy one agent moves, each in its turn, so that
    the cost does not grow with the square of their number.
``"prices"``
    As under nothing, but what forms in the economy's `market` carries no gradient: price takers,
    whose rest is a competitive equilibrium.  What others observe of an agent's action next period
    still does; at equal wealth, or where others are at their optimum, that adds nothing.
"""

import copy
import math
from dataclasses import dataclass

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.networks import Groups, Memory, Span, network
from marketsai_lite.deep.train import require_settings, whole
from marketsai_lite.deep.world import require_boxes
from marketsai_lite.require import require


@dataclass(frozen=True)
class Config:
    """Settings of the agent.

    Parameters
    ----------
    updates : steps of the policy
    steps : periods of a path
    given : what an agent takes as given: "nothing", "policies" or "prices"
    shared : agents of a group share one network; otherwise each has its own
    critic : value the state at the end of a path
    memory : numbers that an agent carries from one period to the next
    fits : steps of the critic for each step of the policy
    minibatch : decisions in a step of the critic
    τ : how far the target critic, which values, moves with every update
    rate : learning rate at the start; it falls to zero as a cosine
    gradient_norm : longest gradient of the policy
    average : weight of the past in the averaged policy
    hidden : widths of the hidden layers
    log_every : updates between entries of the curves
    """

    updates: int = 1_000
    steps: int = 48
    given: str = "nothing"
    shared: bool = True
    critic: bool = True
    memory: int = 0
    fits: int = 2
    minibatch: int = 1_024
    τ: float = 0.1
    rate: float = 2e-3
    gradient_norm: float = 1.0
    average: float = 0.95
    hidden: tuple[int, ...] = (64, 64)
    log_every: int = 50

    def __post_init__(self):
        counts = ("updates", "steps", "fits", "minibatch", "log_every")
        require_settings(self, counts=counts, rates=("rate", "gradient_norm"), widths=("hidden",))
        takes = ("nothing", "policies", "prices")
        require(
            given=(self.given, self.given in takes, f"one of {takes}"),
            τ=(self.τ, 0 < self.τ <= 1, "in (0, 1]"),
            average=(self.average, 0 <= self.average < 1, "in [0, 1)"),
            memory=(self.memory, whole(self.memory) and self.memory >= 0, "an integer, 0 or more"),
        )

    def check(self, batch):
        """Raise a ValueError if a setting does not fit the batch."""
        require_boxes(batch)
        none = f"another, since {type(batch.economy).__name__} has no `market`"
        require(given=(self.given, self.given != "prices" or batch.terms.takes, none))

    def agent(self, world, rng):
        """Make the learner."""
        return APG(world, self, rng)


class Policy(nn.Module):
    """What a group of agents remembers, and what it does, without noise."""

    def __init__(self, group, width, memory, hidden, copies=None):
        super().__init__()
        self.memory = Memory(width, memory, copies) if memory else None
        net = network([width + memory, *hidden, group.actions.width], gain=0.01, copies=copies)
        self.act = nn.Sequential(net, nn.Tanh(), Span(group.actions))

    def forward(self, o, h):
        """Actions (..., n, da), and the next memories, at `o` (..., n, width) and memories `h`."""
        if self.memory is None:
            return self.act(o), h
        h = self.memory(o, h)
        return self.act(torch.cat([o, h], -1)), h


class APG(nn.Module):
    """Policies and their average, critics and their target, the constant in the values.

    `value` is V of the policies, and NaN without a critic.
    """

    level: torch.Tensor

    def __init__(self, world, config, rng):
        super().__init__()
        self.world, self.config, self.order = world, config, rng["choices"]
        groups, width, hidden, shared = world.groups, world.width, config.hidden, config.shared
        m = config.memory
        self.policy = Groups(groups, lambda g, k: Policy(g, width, m, hidden, k), shared)
        self.averaged = copy.deepcopy(self.policy).requires_grad_(False)
        self.critic = Groups(
            groups, lambda g, k: network([width + m, *hidden, 1], copies=k), shared
        )
        self.target = copy.deepcopy(self.critic).requires_grad_(False)
        self.others = copy.deepcopy(self.policy).requires_grad_(False)
        self.register_buffer("level", torch.zeros(world.n))
        self.to(world.batch.device, world.batch.dtype)
        self.adams = Adam(self.policy), Adam(self.critic)
        followers = (self.target, self.averaged, self.others)
        self.θ_target, self.θ_averaged, self.θ_others = (vector(m)[0] for m in followers)
        self.parts = dict(zip(("actor", "critic"), self.adams, strict=True))

    def update(self, k):
        """Climb along a path, and fit the critics to it."""
        config, (actor, critic) = self.config, self.adams
        rate = config.rate * 0.5 * (1 + math.cos(math.pi * k / config.updates))
        equations.polyak(self.θ_others, actor.θ, 1.0)
        gain, path = self.climb(k)
        gradient = actor.step(rate, config.gradient_norm)
        loss = self.fit(rate, path)
        equations.polyak(self.θ_target, critic.θ, config.τ)
        equations.polyak(self.θ_averaged, actor.θ, 1 - min(config.average, k / (k + 10)))
        return {"gain": gain, "critic loss": loss, "gradient": gradient}

    def climb(self, k):
        """Gradient of the gain along T periods; return the gain and (o_t, target_t)."""
        world, config, path = self.world, self.config, []
        turn = self._turn(k)
        for t in range(config.steps):
            o = world.observe()
            action, h = self._act(o, world.h, turn)
            seen = self._seen(o, world.h)
            moved = world.step(action, price_takers=config.given == "prices")
            v = torch.zeros_like(moved.r)
            cut = t == config.steps - 1 or o.device.type != "cpu" or bool(moved.truncated.any())
            if config.critic and cut:
                v = self.values(self.target, self._seen(world.observe(moved.reached), h))
            world.h = h * (~moved.restarted)[:, None, None] if config.memory else h
            path.append(
                (seen, moved.r, moved.discount, v, moved.truncated[:, None], moved.restarted)
            )
        world.state = world.state._replace(x=world.state.x.detach())
        world.h = world.h.detach()
        columns = (torch.stack(column) for column in zip(*path, strict=True))
        o_t, r_t, discount_t, v_tp1, truncated_t, restarted_t = columns
        world.check(r_t)
        target_t = equations.n_step_target(r_t, discount_t, v_tp1, truncated_t)
        starts = torch.cat([torch.ones_like(restarted_t[:1]), restarted_t[:-1]])
        counted = target_t if turn is None else target_t * turn
        gain = counted[starts].sum() / world.batch.size
        differentiable = gain.requires_grad
        require(batch=(f"economy {world.name}", differentiable, "differentiable in its actions"))
        (-gain).backward()
        return gain.detach(), (o_t.detach().flatten(0, 1), target_t.detach().flatten(0, 1))

    def fit(self, rate, path):
        """Fit the critic to the discounted sums along the path; return the mean loss."""
        (o_t, target_t), config = path, self.config
        with torch.no_grad():
            error = target_t - self.critic.each("forward", o_t)[..., 0] - self.level
            self.level += self.world.pool(error, config.shared)
        size, device = (config.minibatch,), o_t.device
        loss = torch.zeros((), device=device)
        for _ in range(config.fits if config.critic else 0):
            k = torch.randint(len(o_t), size, generator=self.order, device=device)
            error = target_t[k] - self.critic.each("forward", o_t[k])[..., 0] - self.level
            squared = error.square().mean()
            squared.backward()
            self.adams[1].step(rate)
            loss += squared.detach() / config.fits
        return loss

    def values(self, critic, o):
        """Values (..., n), by a critic, of what agents see and remember."""
        return critic.each("forward", o)[..., 0] + self.level

    def mode(self, o, h):
        """Actions of the averaged policies."""
        return self.averaged.each("forward", o, h)

    def draw(self, o, h, generator):
        """Actions of the averaged policies, which have no noise."""
        return self.mode(o, h)

    def value(self, o, h):
        """Values (..., n) of the policies, if there is a critic."""
        v = self.values(self.critic, self._seen(o, h))
        return v if self.config.critic else torch.full_like(v, math.nan)

    def _turn(self, k):
        """Whose turn it is to move in each copy, (B, n); None if it is everybody's."""
        n, B = self.world.n, self.world.batch.size
        if n == 1 or self.config.given != "policies":
            return None
        mover = (torch.arange(B, device=self.level.device) + k) % n
        return torch.nn.functional.one_hot(mover, n).to(self.level.dtype)

    def _seen(self, o, h):
        """What the critic sees: observations and, with a memory, what was remembered before."""
        return torch.cat([o, h], -1) if self.config.memory else o

    def _act(self, o, h, turn):
        """Actions, of which only those of the agents who move carry a gradient, and memories."""
        mine = self.policy.each("forward", o, h)
        if turn is None:
            return mine
        others = self.others.each("forward", o, h)
        moves = turn[..., None] > 0
        return tuple(torch.where(moves, u, v) for u, v in zip(mine, others, strict=True))
