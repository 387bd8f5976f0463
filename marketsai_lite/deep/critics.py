"""Critics: what states are worth to agents, by what each knows or by everything there is."""

import torch
from torch import nn

from marketsai_lite.deep.networks import Groups, network
from marketsai_lite.views.batch import BatchState


class Critic(nn.Module):
    """Values (..., n) of what it sees.

    Parameters
    ----------
    world : World
    everything : bool
        Whether it sees the whole state and the shocks, with one output for each agent, or what an
        agent itself has seen and remembers.
    memory : int
        Numbers that an agent carries from one period to the next.
    hidden : tuple of int
        Widths of the hidden layers.
    shared : bool
        Whether the agents of a group share one critic.

    Attributes
    ----------
    level : (n,)
        The critic is a constant plus a network.  This is the constant, which is set directly, since
        the average value says nothing about which action is better.
    """

    level: torch.Tensor

    def __init__(self, world, everything, memory, hidden, shared):
        super().__init__()
        self.everything = everything
        if everything:
            self.net = network([world.everything().shape[-1], *hidden, world.n])
        else:
            widths = [world.width + memory, *hidden, 1]
            self.net = Groups(world.groups, lambda g, k: network(widths, copies=k), shared)
        self.register_buffer("level", torch.zeros(world.n))

    def forward(self, seen):
        """Values (..., n) of what it sees: (..., n, width), or (..., width) of everything."""
        v = self.net(seen) if self.everything else self.net.each("forward", seen)[..., 0]
        return v + self.level

    @torch.no_grad()
    def along(self, world, actor, path):
        """Judge the states of a path that ends where the world stands.

        Returns
        -------
        seen_t : (T, B, ...)
            What the critic sees in each period.
        v_t, v_tp1 : (T, B, n)
            Its values; `v_tp1` is of the state that was reached, before a fresh start.
        """
        if self.everything:
            stood = zip(path.state, (s[None] for s in world.state), strict=True)
            seen = world.everything(BatchState(*map(torch.cat, stood)))
        else:
            o, h = torch.cat([path.o, world.observe()[None]]), torch.cat([path.h, world.h[None]])
            seen, h = actor.each("know", o, h)
        v = self(seen)
        v_t, v_tp1 = v[:-1], v[1:].clone()
        stopped = path.truncated
        counts = [m for m in stopped.sum(1).tolist() if m]
        if not counts:
            return seen[:-1], v_t, v_tp1
        reached = BatchState(*(s[stopped] for s in path.reached))
        if self.everything:
            beyond = apart(world.everything(reached), counts)
        else:
            rows = apart(world.observe(reached), counts), apart(h[:-1][stopped], counts)
            beyond = [actor.each("know", *row)[0] for row in zip(*rows, strict=True)]
        v_tp1[stopped] = torch.cat([self(x) for x in beyond])
        return seen[:-1], v_t, v_tp1


def apart(rows, counts):
    """Rows of each period by themselves: a product's last bits depend on number and place."""
    return [part.clone() for part in rows.split(counts)]
