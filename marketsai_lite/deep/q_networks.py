"""Networks of Q-factors: the value of every action that a group of agents may choose."""

import torch
from torch import nn

from marketsai_lite.deep import equations
from marketsai_lite.deep.networks import Span, network
from marketsai_lite.deep.policies import legal_only
from marketsai_lite.economy import Box


class QNetwork(nn.Module):
    """Q-factors (..., n, heads, m) of a group's scaled observations, but for their constant.

    Choices k (..., n, heads) are numbers of actions, one for each head.
    """

    values: torch.Tensor

    def __init__(self, group, world, config, copies=None):
        super().__init__()
        box = isinstance(group.actions, Box)
        self.heads = group.actions.width if box else 1
        self.m = config.levels if box else len(group.actions.values)
        self.dueling, self.legal = config.dueling, world.legal
        widths = [world.width, *config.hidden, self.heads * self.m + config.dueling]
        self.net = network(widths, copies=copies)
        self.span = Span(group.actions) if box else None
        if not box:
            self.register_buffer("values", torch.as_tensor(group.actions.values), persistent=False)

    def forward(self, o):
        """Q-factors, but for their constant."""
        y = self.net(o)
        a = y[..., self.dueling :].unflatten(-1, (self.heads, self.m))
        q = equations.dueling(y[..., None, :1], a) if self.dueling else a
        return q if self.span else legal_only(q, o[..., None, :], self.legal)

    def choose(self, o, ε, generator):
        """Numbers of actions: the greedy ones, each random with probability ε."""
        q = self(o)
        k = q.argmax(-1)
        u = torch.rand((2, *k.shape), generator=generator, device=o.device)
        if self.legal and self.span is None:
            noise = torch.rand(q.shape, generator=generator, device=o.device)
            drawn = legal_only(noise, o[..., None, :], self.legal).argmax(-1)
        else:
            drawn = (u[1] * self.m).long()
        return torch.where(u[0] < ε, drawn, k)

    def chosen(self, o, k):
        """Value (..., n) of choices: the mean over the heads."""
        k = k[..., : self.heads].long()[..., None]
        return self(o).gather(-1, k)[..., 0].mean(-1)

    def best(self, o, chooser):
        """Value (..., n) of the best choice by a network, or of the one that another chooses."""
        q = self(o)
        return equations.double_q_value(q, q if chooser is None else chooser(o))

    def action(self, k):
        """The action that choices stand for; in a box they may lie between the levels."""
        if self.span is None:
            return self.values[k[..., 0].long()]
        return self.span(2 * k[..., : self.heads] / (self.m - 1) - 1)

    def greedy(self, o):
        """The best action; for a box, at the peak of the parabola through the best levels."""
        q = self(o)
        k = q.argmax(-1)
        if self.span is None:
            return self.action(k)
        inside = k.clamp(1, self.m - 2)
        near = [q.gather(-1, (inside + j)[..., None])[..., 0] for j in (-1, 0, 1)]
        peak = k + equations.parabola_peak(*near)
        return self.action(torch.where(k == inside, peak, k.to(q.dtype)))
