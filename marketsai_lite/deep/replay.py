"""Replay: the latest experience of all copies, from which an off-policy agent learns."""

import torch

from marketsai_lite.deep.training import require


class Replay:
    """A ring of the latest `periods` periods of B copies, each decision one row of numbers.

    Parameters
    ----------
    periods, copies, width : int
        Shape of the ring.
    device, dtype
        Where it lives and its precision.
    """

    def __init__(self, periods, copies, width, *, device="cpu", dtype=torch.float32):
        require(periods=(periods, periods >= 1, "at least 1"))
        self.rows = torch.zeros((periods, copies, width), device=device, dtype=dtype)
        self.written = 0  # periods ever added

    def __len__(self):
        return min(self.written, len(self.rows))

    def add(self, *columns):
        """Add one period: columns (B,) or (B, k), in the order in which `sample` returns them."""
        row = self.rows[self.written % len(self.rows)]
        torch.cat([c if c.ndim == 2 else c[:, None] for c in columns], 1, out=row)
        self.written += 1

    def sample(self, size, generator, n=1):
        """Draw `size` windows of `n` consecutive periods of one copy, (n, size, width)."""
        device, periods = self.rows.device, len(self.rows)
        if not 1 <= n <= len(self):
            raise ValueError(f"n={n}: must be from 1 to the {len(self)} periods held")
        oldest = self.written - len(self)
        k = torch.randint(
            (len(self) - n + 1) * self.rows.shape[1], (size,), generator=generator, device=device
        )
        if n == 1:
            return self.rows.flatten(0, 1)[k][None]  # any order will do
        t, copy = oldest + k // self.rows.shape[1], k % self.rows.shape[1]
        t = (t + torch.arange(n, device=device)[:, None]) % periods
        return self.rows[t, copy]

    def latest(self, n=1):
        """Return the last `n` periods of all copies, (n, B, width)."""
        t = torch.arange(self.written - n, self.written, device=self.rows.device)
        return self.rows[t % len(self.rows)]

    def state_dict(self):
        """What a checkpoint keeps."""
        return {"rows": self.rows[: len(self)].clone(), "written": self.written}

    def load_state_dict(self, saved):
        """Take up where a checkpoint left off."""
        self.written = saved["written"]
        self.rows[: len(self)] = saved["rows"]
