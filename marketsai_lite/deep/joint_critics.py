"""Critics that see what all agents observe and do, one value for each agent."""

import torch
from torch import nn

from marketsai_lite.deep.networks import Groups, network

SEES = ("own", "everything", "sets")


class JointCritics(nn.Module):
    """Estimates Q (..., n) of observations (..., n, width) and actions (..., n, wide).

    An agent's own observation and action come first.  What follows depends on `sees`: with "own"
    nothing; with "everything" those of the others, in their order; with "sets" the mean over the
    others of an embedding, which does not change if two of them trade places.

    Parameters
    ----------
    world : World
    sees : str
        One of "own", "everything" and "sets".
    wide : int
        Length of an action.
    hidden : tuple of int
        Widths of the hidden layers; an embedding has the first of them.
    shared : bool
        Whether the agents of a group share one critic.
    stretch : float
        Multiplies the actions that it sees, so that small differences between them matter.

    References
    ----------
    Lowe et al. (2017), section 4.1; Zaheer et al. (2017), theorem 2, for sets.
    """

    order: torch.Tensor

    def __init__(self, world, sees, wide, hidden, shared, stretch):
        super().__init__()
        n, width = world.n, world.width + wide
        self.sees, self.stretch = sees, stretch
        rows = [[j for j in range(n) if j != k] for k in range(n)]
        self.register_buffer("order", torch.tensor(rows, dtype=torch.int64).view(n, n - 1))
        more = {"own": 0, "everything": (n - 1) * width, "sets": hidden[0]}[sees]
        widths = [width + more, *hidden, 1]
        self.net = Groups(world.groups, lambda g, k: network(widths, copies=k), shared)
        if sees == "sets":
            inner = [width, hidden[0]]
            self.embed = Groups(world.groups, lambda g, k: network(inner, copies=k), shared)

    def forward(self, o, a, mine=None):
        """Q, but for its constant; `mine` is each agent's own action in its own critic, if not a.

        Gradients with respect to `mine` are those of each agent's own value.
        """
        mine, rows = a if mine is None else mine, torch.cat([o, self.stretch * a], -1)
        seen = torch.cat([o, self.stretch * mine], -1)
        if self.sees == "everything":
            seen = torch.cat([seen, rows[..., self.order, :].flatten(-2)], -1)
        elif self.sees == "sets":
            e = torch.nn.functional.silu(self.embed.each("forward", rows))
            others = (e.sum(-2, keepdim=True) - e) / max(e.shape[-2] - 1, 1)
            seen = torch.cat([seen, others], -1)
        return self.net.each("forward", seen)[..., 0]
