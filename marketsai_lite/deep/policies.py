"""Policies of a group of agents: what they observe and remember makes them act.

A policy draws a variable u, whose density is known, and `action` says which action u stands for.
Rows are (..., n, width), one for each agent.
"""

import math

import torch
from torch import Tensor, nn

from marketsai_lite.deep.equations import normal_log_density
from marketsai_lite.deep.networks import Memory, Span, network
from marketsai_lite.economy import Box, Grid


class Actor(nn.Module):
    """What a group of agents remembers, and what it does.

    Parameters
    ----------
    group : Group
    world : World
    memory : int
        Numbers that an agent carries from one period to the next; with 0 the h below have width 0.
    hidden : tuple of int
        Widths of the hidden layers.
    log_std : float
        Log standard deviation of the noise at the start, in a box.
    copies : int, optional
        Number of agents if each has weights of its own.
    """

    def __init__(self, group, world, memory, hidden, log_std, copies=None):
        super().__init__()
        width = world.width + memory
        self.memory = Memory(world.width, memory, copies) if memory else None
        self.legal = world.legal
        self.policy: Normal | Categorical
        if isinstance(group.actions, Box):
            self.policy = Normal(group.actions, width, hidden, log_std, copies)
        else:
            self.policy = Categorical(group.actions, width, hidden, copies, world.legal)

    def know(self, o, h):
        """What an agent knows (..., n, width) once it has seen o, and its next memory."""
        if self.memory is None:
            return o, h
        h = self.memory(o, h)
        last = o.shape[-1] - self.legal  # the columns that say what is legal stay the last
        return torch.cat([o[..., :last], h, o[..., last:]], -1), h

    def sample(self, o, h, generator):
        """Draw u (..., n, du), its log density (..., n), and the next memory."""
        known, h = self.know(o, h)
        return *self.policy.sample(known, generator), h

    def action(self, u):
        """The action (..., n, da) that the variable `u` stands for."""
        return self.policy.action(u)

    def mode(self, o, h):
        """The action without noise, and the next memory."""
        known, h = self.know(o, h)
        return self.policy.mode(known), h

    def log_density(self, o, u, h=None, restarted=None):
        """Log density of `u`, and the entropy, each (..., n).

        With a memory all have a first axis of T periods: it is unrolled from h[0], and zero after a
        period in which a copy was `restarted` (T, ...).
        """
        if self.memory is None:
            return self.policy.log_density(o, u)
        known, m = [], h[0]
        for t in range(len(o)):
            row, m = self.know(o[t], m)
            known.append(row)
            m = m * (~restarted[t])[..., None, None]
        return self.policy.log_density(torch.stack(known), u)


class Normal(nn.Module):
    """Policy over a box: tanh of a normal, whose mean depends on what is observed.

    Probabilities are of the normal variable u, before it is squashed: the ratio of two policies is
    the same before and after.
    """

    def __init__(self, box: Box, width, hidden, log_std, copies=None):
        super().__init__()
        self.net = network([width, *hidden, box.width], gain=0.01, copies=copies)
        shape = (box.width,) if copies is None else (copies, box.width)
        self.log_std = nn.Parameter(torch.full(shape, float(log_std)))
        self.span = Span(box)

    def sample(self, o, generator):
        """Draw u (..., n, da) and its log density (..., n)."""
        mean = self.net(o)
        noise = torch.randn(mean.shape, generator=generator, device=o.device, dtype=o.dtype)
        u = mean + self.log_std.exp() * noise
        return u, normal_log_density(u, mean, self.log_std)

    def log_density(self, o, u):
        """Log density of `u`, and the entropy, each (..., n)."""
        mean = self.net(o)
        entropy = (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum(-1)
        u = u[..., : mean.shape[-1]]
        return normal_log_density(u, mean, self.log_std), entropy.expand(mean.shape[:-1])

    def action(self, u):
        """The action that the variable `u` stands for."""
        return self.span(torch.tanh(u[..., : len(self.span.middle)]))

    def mode(self, o):
        """The action at the mean of the normal."""
        return self.action(self.net(o))


class Categorical(nn.Module):
    """Policy over a grid: probabilities that depend on what is observed.

    The last `legal` columns of an observation say which choices are legal, if there are such.
    """

    values: Tensor

    def __init__(self, grid: Grid, width, hidden, copies=None, legal=0):
        super().__init__()
        self.net = network([width, *hidden, len(grid.values)], gain=0.01, copies=copies)
        self.register_buffer("values", torch.as_tensor(grid.values), persistent=False)
        self.legal = legal

    def log_probabilities(self, o):
        """Log probability of each action, (..., n, m)."""
        return legal_only(self.net(o), o, self.legal).log_softmax(-1)

    def sample(self, o, generator):
        """Draw the number u (..., n, 1) of an action and its log probability (..., n)."""
        log_π = self.log_probabilities(o)
        uniform = torch.rand(log_π.shape, generator=generator, device=o.device, dtype=o.dtype)
        u = (log_π - torch.log(-torch.log(uniform.clamp(min=1e-12)))).argmax(-1, keepdim=True)
        return u.to(o.dtype), log_π.gather(-1, u)[..., 0]

    def log_density(self, o, u):
        """Log probability of `u`, and the entropy, each (..., n)."""
        log_π = self.log_probabilities(o)
        return log_π.gather(-1, u[..., :1].long())[..., 0], -(log_π.exp() * log_π).sum(-1)

    def action(self, u):
        """The action that the variable `u` stands for."""
        return self.values[u[..., 0].long()]

    def mode(self, o):
        """The likeliest action."""
        return self.values[self.log_probabilities(o).argmax(-1)]


def legal_only(scores, o, legal):
    """Scores (..., m) of actions, far below the others where the last columns of `o` forbid one."""
    if not legal:
        return scores
    permitted = o[..., o.shape[-1] - legal :][..., : scores.shape[-1]] > 0
    return scores.where(permitted, scores.new_full((), -1e9))


class Noiseless(nn.Module):
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
