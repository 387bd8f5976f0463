"""An economy as a batch of tensors: many copies stepped at once, on any device.

The batch is a pair of pure functions over an explicit state, so that an agent can keep, copy,
checkpoint or differentiate it as it likes.
"""

from typing import Any, NamedTuple

import torch

from marketsai_lite.economy import Grid


class BatchState(NamedTuple):
    """Where B copies of the economy stand."""

    x: torch.Tensor  # (B, dx) endogenous state
    i: torch.Tensor  # (B, width) where the exogenous chains stand
    t: torch.Tensor  # (B,) periods since the copy was last reset


class Transition(NamedTuple):
    """One period of B copies.

    A truncated copy has been started afresh in `state`; `reached` is where it stood before that.
    Bootstrap from `reached`, act next from `state`.  Nothing ever terminates.
    """

    state: BatchState
    reward: torch.Tensor  # (B, n)
    reached: BatchState
    truncated: torch.Tensor  # (B,) bool


class Batch:
    """The torch view: `size` copies of `economy`.

    Parameters
    ----------
    economy : Economy
        Any economy.
    size : int
        Number of copies, B.
    horizon : int, optional
        Periods after which a copy is truncated and starts afresh.
    device, dtype
        Where the tensors live and their precision.

    Raises
    ------
    ValueError
        If `size` or `horizon` is not positive, or an action has the wrong shape or is outside its
        set.
    """

    def __init__(self, economy, size, *, horizon=None, device="cpu", dtype=torch.float32):
        for name, value in (("size", size), ("horizon", 1 if horizon is None else horizon)):
            if value < 1:
                raise ValueError(f"{name}={value}: must be at least 1")
        self.economy, self.size, self.horizon = economy, size, horizon
        self.device, self.dtype = torch.device(device), dtype
        self._values = [
            torch.as_tensor(s.values, device=device, dtype=dtype)
            for s in economy.actions
            if isinstance(s, Grid)
        ]

    def reset(self, generator) -> BatchState:
        """Draw B first states."""
        u = self._uniforms(generator, len(self.economy.state))
        return self._start(u, self._uniforms(generator, self.economy.exo.width))

    def observe(self, state) -> torch.Tensor:
        """What each agent knows: (B, n, do)."""
        return self.economy.observe(state.x, self._shocks(state))

    def step(self, state, actions, generator) -> Transition:
        """One period.

        Parameters
        ----------
        state : BatchState
        actions : tensor
            Vectors (B, n, da), or integers (B, n) where the action sets are grids.
        generator : torch.Generator
            On this batch's device.
        """
        x, reward = self.economy.step(state.x, self._shocks(state), self._vectors(actions))
        i = self.economy.exo.next(state.i, self._uniforms(generator, self.economy.exo.width))
        reached = BatchState(x, i, state.t + 1)
        truncated = reached.t == (self.horizon or -1)
        if not self.horizon:
            return Transition(reached, reward, reached, truncated)
        # the uniforms are drawn every period, so that the stream does not depend on t
        u = self._uniforms(generator, len(self.economy.state))
        v = self._uniforms(generator, self.economy.exo.width)
        if not truncated.any():
            return Transition(reached, reward, reached, truncated)
        fresh = self._start(u, v)
        after = (
            torch.where(_column(truncated, f), f, r) for f, r in zip(fresh, reached, strict=True)
        )
        return Transition(BatchState(*after), reward, reached, truncated)

    def accounts(self, state, actions) -> dict[str, Any]:
        """Named quantities of the period, each (B,)."""
        return self.economy.accounts(state.x, self._shocks(state), self._vectors(actions))

    def _start(self, u, v):
        t = torch.zeros(self.size, dtype=torch.long, device=self.device)
        return BatchState(self.economy.initial(u), self.economy.exo.initial(v), t)

    def _uniforms(self, generator, width):
        return torch.rand(
            (self.size, width), generator=generator, device=self.device, dtype=self.dtype
        )

    def _shocks(self, state):
        z = self.economy.exo.shocks(state.i)
        return tuple(v.to(self.dtype) for v in z) if self.economy.exo.n else z.to(self.dtype)

    def _vectors(self, actions):
        n = len(self.economy.agents)
        if actions.shape[:2] != (self.size, n):
            raise ValueError(
                f"actions: shape {tuple(actions.shape)}: must begin with ({self.size}, {n})"
            )
        if actions.is_floating_point():
            return actions
        return torch.stack([v[actions[:, k]] for k, v in enumerate(self._values)], 1)


def _column(mask, like):
    return mask if like.ndim == 1 else mask[:, None]
