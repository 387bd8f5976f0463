"""What an on-policy agent learns from: the decisions of a round, shuffled and divided."""

from itertools import repeat
from typing import NamedTuple

import torch
from torch import Tensor


class Experience(NamedTuple):
    """Decisions and what became of them: rows (T B, n, ...), or (T, B, n, ...) with a memory.

    Attributes
    ----------
    o : tensor (..., n, width)
        What agents saw, scaled.
    u : tensor (..., n, wide)
        What they chose.
    seen : tensor (..., n, width)
        What the critic saw; (..., width) where it sees everything.
    numbers : tensor (..., n, 3)
        Log density then, advantage, target of the critic.
    h : tensor (T, B, n, memory) | None
        What they remembered.
    restarted : tensor (T, B) of bool | None
        Whether a copy was started afresh after the period.
    """

    o: Tensor
    u: Tensor
    seen: Tensor
    numbers: Tensor
    h: Tensor | None = None
    restarted: Tensor | None = None

    def minibatches(self, parts, generator):
        """Shuffle the decisions, or the paths where they must be remembered, and divide them."""
        axis = 0 if self.h is None else 1
        n = self.o.shape[axis]
        order = torch.randperm(n, generator=generator, device=self.o.device)
        order = order[: n // parts * parts]
        shuffled = [x if x is None else x.index_select(axis, order) for x in self]
        columns = (repeat(None, parts) if x is None else x.chunk(parts, axis) for x in shuffled)
        return (Experience(*b) for b in zip(*columns, strict=True))
