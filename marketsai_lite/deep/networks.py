"""Networks, policies, and the action sets they act in."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from marketsai_lite.deep.pieces import normal_log_density
from marketsai_lite.economy import Box, Grid


def mlp(widths, gain=1.0):
    """Layers of the given widths with SiLU between them; `gain` scales the last one at the start.

    SiLU is smooth, so that a critic's peak does not sit on a kink, and on a CPU five times as fast
    as tanh.
    """
    layers = [nn.Linear(i, o) for i, o in pairwise(widths)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight, gain if layer is layers[-1] else math.sqrt(2))
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*[m for layer in layers[:-1] for m in (layer, nn.SiLU())], layers[-1])


class Twins(nn.Module):
    """Two networks of the same shape."""

    def __init__(self, widths):
        super().__init__()
        self.nets = nn.ModuleList([mlp(widths), mlp(widths)])

    def forward(self, x):
        """Outputs of both, (2, B, out)."""
        return torch.stack([net(x) for net in self.nets])


class Normal(nn.Module):
    """Policy over a box: tanh of a normal, whose mean depends on what is observed.

    Probabilities are of the normal variable u, before it is squashed: the ratio of two policies is
    the same before and after.
    """

    def __init__(self, box: Box, width, hidden, log_std):
        super().__init__()
        self.net = mlp([width, *hidden, len(box.low)], gain=0.01)
        self.log_std = nn.Parameter(torch.full((len(box.low),), float(log_std)))
        self.box = Span(box)

    def sample(self, o, generator):
        """Draw u (B, da) and its log density (B,)."""
        mean = self.net(o)
        noise = torch.randn(mean.shape, generator=generator, device=o.device, dtype=o.dtype)
        u = mean + self.log_std.exp() * noise
        return u, normal_log_density(u, mean, self.log_std)

    def log_density(self, o, u):
        """Log density of `u`, and the entropy, each (B,)."""
        entropy = (self.log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()
        return normal_log_density(u, self.net(o), self.log_std), entropy.expand(len(o))

    def action(self, u):
        """The action that the variable `u` stands for."""
        return self.box(torch.tanh(u))

    def mode(self, o):
        """The action at the mean of the normal."""
        return self.action(self.net(o))


class Categorical(nn.Module):
    """Policy over a grid: probabilities that depend on what is observed."""

    def __init__(self, grid: Grid, width, hidden):
        super().__init__()
        self.net = mlp([width, *hidden, len(grid.values)], gain=0.01)

    def sample(self, o, generator):
        """Draw the number u (B, 1) of an action and its log probability (B,)."""
        log_π = self.net(o).log_softmax(-1)
        uniform = torch.rand(log_π.shape, generator=generator, device=o.device, dtype=o.dtype)
        u = (log_π - torch.log(-torch.log(uniform.clamp(min=1e-12)))).argmax(-1, keepdim=True)
        return u.to(o.dtype), log_π.gather(-1, u)[:, 0]

    def log_density(self, o, u):
        """Log probability of `u`, and the entropy, each (B,)."""
        log_π = self.net(o).log_softmax(-1)
        return log_π.gather(-1, u.long())[:, 0], -(log_π.exp() * log_π).sum(-1)

    def action(self, u):
        """The action that the variable `u` stands for."""
        return u.long()[..., 0]

    def mode(self, o):
        """The likeliest action."""
        return self.net(o).argmax(-1)


class Span(nn.Module):
    """Maps [-1, 1] to a box."""

    middle: Tensor
    radius: Tensor

    def __init__(self, box: Box):
        super().__init__()
        self.register_buffer("middle", torch.as_tensor((box.low + box.high) / 2))
        self.register_buffer("radius", torch.as_tensor((box.high - box.low) / 2))

    def forward(self, a):
        """Actions in the box for numbers `a` in [-1, 1]."""
        return self.middle + self.radius * a
