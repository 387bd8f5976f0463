"""Networks of the soft actor-critic: a squashed normal policy and twin critics of a group."""

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.networks import Span, Twins, network

LOG_STD = (-5.0, 2.0)  # range of the log standard deviation before squashing


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
    """Estimates (..., n, 2) of Q for a group's observations and actions, or one, (..., n, 1).

    They see actions multiplied by `stretch`, so that small differences between them matter.
    """

    def __init__(self, group, width, hidden, copies, twins, stretch):
        super().__init__()
        self.da, self.count, self.stretch = group.actions.width, 1 + twins, stretch
        self.twins = Twins([width + self.da, *hidden, 1], copies)

    def forward(self, o, a):
        """Q, but for its constant."""
        q = self.twins(torch.cat([o, self.stretch * a[..., : self.da]], -1))
        return q[: self.count, ..., 0].movedim(0, -1)
