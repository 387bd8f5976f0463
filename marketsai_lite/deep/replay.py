"""Replay: the latest experience of all copies, from which an off-policy agent learns."""

import math

import torch

from marketsai_lite.require import require


class Replay:
    """A ring of the latest `periods` periods of B copies.

    Parameters
    ----------
    periods, copies : int
        Shape of the ring.
    layout : dict
        Shape of each column of a decision, by name.
    device, dtype
        Where it lives and its precision.
    """

    def __init__(self, periods, copies, layout, *, device="cpu", dtype=torch.float32):
        require(periods=(periods, periods >= 1, "at least 1"))
        self.layout = layout
        self.widths = [math.prod(shape) for shape in layout.values()]
        self.rows = torch.zeros((periods, copies, sum(self.widths)), device=device, dtype=dtype)
        self.written = 0  # periods ever added

    def __len__(self):
        return min(self.written, len(self.rows))

    def add(self, **columns):
        """Add one period: a tensor (B, *shape) for each column of the layout."""
        row = self.rows[self.written % len(self.rows)]
        parts = [columns[name].reshape(len(row), -1).to(row.dtype) for name in self.layout]
        torch.cat(parts, 1, out=row)
        self.written += 1

    def sample(self, size, generator, n=1):
        """Draw `size` windows of `n` consecutive periods of one copy: columns (n, size, *shape)."""
        device, periods = self.rows.device, len(self.rows)
        require(n=(n, 1 <= n <= len(self), f"from 1 to the {len(self)} periods held"))
        oldest = self.written - len(self)
        k = torch.randint(
            (len(self) - n + 1) * self.rows.shape[1], (size,), generator=generator, device=device
        )
        if n == 1:
            return self.columns(self.rows.flatten(0, 1)[k][None])  # any order will do
        t, copy = oldest + k // self.rows.shape[1], k % self.rows.shape[1]
        t = (t + torch.arange(n, device=device)[:, None]) % periods
        return self.columns(self.rows[t, copy])

    def latest(self, n=1):
        """Return the last `n` periods of all copies: columns (n, B, *shape)."""
        t = torch.arange(self.written - n, self.written, device=self.rows.device)
        return self.columns(self.rows[t % len(self.rows)])

    def columns(self, rows):
        """The columns of rows (..., width), by name."""
        parts = rows.split(self.widths, -1)
        named = zip(self.layout.items(), parts, strict=True)
        return {name: part.view(*part.shape[:-1], *shape) for (name, shape), part in named}

    def state_dict(self):
        """What a checkpoint keeps."""
        return {"rows": self.rows[: len(self)].clone(), "written": self.written}

    def load_state_dict(self, saved):
        """Take up where a checkpoint left off."""
        self.written = saved["written"]
        self.rows[: len(self)] = saved["rows"]
