"""Networks for one agent or n, with weights that they share or of their own."""

import math
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from marketsai_lite.economy import Box


def network(widths, gain=1.0, copies=None):
    """Layers of the given widths with SiLU between them, (..., n, in) to (..., n, out).

    SiLU is smooth, so that a critic's peak does not sit on a kink, and on a CPU five times as fast
    as tanh.

    Parameters
    ----------
    widths : sequence of int
        Of the input, the hidden layers and the output.
    gain : float
        Scales the last layer's weights at the start.
    copies : int, optional
        Number n of networks, one for each agent; by default one network serves all.
    """
    return mlp(widths, gain) if copies is None else Copies(copies, widths, gain)


class Rows(nn.Sequential):
    """Layers for rows (..., in) with any leading axes, which are laid flat once for all layers."""

    def forward(self, x):
        """Rows (..., in) to (..., out)."""
        y = x.reshape(-1, x.shape[-1])
        for layer in self:
            y = layer.forward(y)  # a call of the module would look for hooks first
        return y.view(*x.shape[:-1], y.shape[-1])


def mlp(widths, gain=1.0):
    """One network, with orthogonal weights at the start."""
    layers = [nn.Linear(i, o) for i, o in pairwise(widths)]
    for layer in layers:
        nn.init.orthogonal_(layer.weight, gain if layer is layers[-1] else math.sqrt(2))
        nn.init.zeros_(layer.bias)
    return Rows(*[m for layer in layers[:-1] for m in (layer, nn.SiLU())], layers[-1])


class Copies(nn.Module):
    """n networks of the same shape, each for its own agent: one batched product a layer."""

    def __init__(self, n, widths, gain=1.0):
        super().__init__()
        nets = [mlp(widths, gain) for _ in range(n)]
        self.weights, self.biases = (
            nn.ParameterList(
                torch.stack([getattr(net[k], name).detach() for net in nets])
                for k in range(0, len(nets[0]), 2)
            )
            for name in ("weight", "bias")
        )

    def forward(self, x):
        """Rows (..., n, in) to (..., n, out)."""
        y = x.reshape(-1, *x.shape[-2:]).transpose(0, 1)  # (n, rows, in)
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            y = torch.baddbmm(bias[:, None], F.silu(y) if k else y, weight.transpose(1, 2))
        return y.transpose(0, 1).reshape(*x.shape[:-1], y.shape[-1])


class Twins(nn.Module):
    """Two networks of the same shape, for the lesser of two estimates."""

    def __init__(self, widths, copies=None):
        super().__init__()
        self.nets = nn.ModuleList([network(widths, copies=copies) for _ in range(2)])

    def forward(self, x):
        """Outputs of both, (2, ..., out)."""
        return torch.stack([net(x) for net in self.nets])


class Memory(nn.Module):
    """A gated recurrent unit: what an agent carries from one period to the next.

    At the start some units forget at once and others keep what they hold for a hundred periods
    (Tallec and Ollivier 2018), so that a long memory need not be learned before it is useful.

    References
    ----------
    Cho et al. (2014), equations 5 to 8.
    """

    def __init__(self, width, size, copies=None):
        super().__init__()
        self.size = size
        self.gates = network([width + size, 2 * size], copies=copies)
        self.candidate = network([width + size, size], copies=copies)
        keep = torch.linspace(-1.0, 5.0, size)  # the logits of what remains after a period
        bias = self.gates[0].bias if copies is None else self.gates.biases[0]
        bias.data[..., :size] = keep

    def forward(self, o, h):
        """Observations (..., n, do) and memories (..., n, size) to the next memories."""
        keep, reset = torch.sigmoid(self.gates(torch.cat([o, h], -1))).chunk(2, -1)
        new = torch.tanh(self.candidate(torch.cat([o, reset * h], -1)))
        return keep * h + (1 - keep) * new


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


class Groups(nn.Module):
    """One module for each group of agents, and the results of its methods side by side.

    Parameters
    ----------
    groups : tuple of Group
    make : callable
        A group, and the number of its agents if each has weights of its own or else None, to a
        module for the group.
    shared : bool
        Whether the agents of a group share their weights.

    Attributes
    ----------
    parts : nn.ModuleList
        The modules, all of one kind.
    """

    parts: Any

    def __init__(self, groups, make, shared=True):
        super().__init__()
        self.members = [g.members for g in groups]
        sizes = [g.size for g in groups]
        copies = [None if shared else size for size in sizes]
        self.parts = nn.ModuleList(map(make, groups, copies))

    def each(self, method, *inputs, **options):
        """Call a method of each part with its agents' rows of `inputs` (..., n, width).

        Results are tensors, or tuples of them: (..., n, width), which are filled up with zeros and
        joined, or (..., n), which are joined.
        """
        if len(self.parts) == 1:
            return getattr(self.parts[0], method)(*inputs, **options)
        found = [
            getattr(part, method)(*(x[..., k, :] for x in inputs), **options)
            for k, part in zip(self.members, self.parts, strict=True)
        ]
        if isinstance(found[0], Tensor):
            return join(found, inputs[0].ndim)
        return tuple(join(column, inputs[0].ndim) for column in zip(*found, strict=True))


def join(columns, ndim):
    """Put tensors of several groups, each (..., n, width) or (..., n), side by side."""
    if columns[0].ndim < ndim:
        return torch.cat(columns, -1)
    width = max(c.shape[-1] for c in columns)
    return torch.cat([F.pad(c, (0, width - c.shape[-1])) for c in columns], -2)
