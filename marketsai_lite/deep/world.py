"""The world of one agent: copies of an economy, seen through the agent's scales."""

import numpy as np
import torch
from torch import Tensor

from marketsai_lite.deep.training import one_thread
from marketsai_lite.economy import Box, Grid
from marketsai_lite.views.batch import Batch

SURVEY = 16  # periods of random play from which observations and rewards are scaled


def require_one_agent(batch, box=False):
    """Raise a ValueError unless `batch` holds copies of an economy in which one agent acts.

    With `box` its action must be a vector of numbers.
    """
    if not isinstance(batch, Batch):
        raise ValueError(f"batch={batch!r}: must be a Batch of an economy; see views/batch.py")
    if len(batch.economy.agents) != 1:
        raise ValueError(f"batch: agents {batch.economy.agents!r}: must be one agent")
    (actions,) = batch.economy.actions
    if box and not isinstance(actions, Box):
        raise ValueError(f"batch: actions {actions!r}: must be a Box")
    if isinstance(actions, Box) and not all(np.isfinite(v).all() for v in actions):
        raise ValueError(f"batch: actions {actions!r}: must have finite bounds")


class World:
    """The copies of an economy that one agent lives in, seen through its scales.

    Observations are shifted and scaled to mean zero and standard deviation one, and rewards too,
    by a survey of random play at the beginning; the scales are then left alone.
    """

    def __init__(self, batch, generator):
        economy = batch.economy
        self.batch, self.generator, self.β = batch, generator, economy.β
        (self.actions,) = economy.actions
        self.name = type(economy).__name__
        self.samples = 0
        with torch.no_grad():
            self.o_scale, self.r_scale = self._survey()
            self.width = len(self.o_scale[0])
            state = batch.reset(generator)
            if batch.horizon:  # so that the copies are not truncated all at once
                t = torch.rand(batch.size, generator=generator, device=batch.device)
                state = state._replace(t=(t * batch.horizon).long())
        self.state = state

    def observe(self, state=None):
        """Scaled observations (B, do)."""
        return self.scaled(self.batch.observe(self.state if state is None else state)[:, 0])

    def scaled(self, o):
        """Observations in the agent's units."""
        return (o - self.o_scale[0]) * self.o_scale[1]

    def step(self, action):
        """Act (B, da), or (B,) in a grid, and move on.

        Returns
        -------
        reward : (B,)
            In the agent's units.
        reached : BatchState
            Where the copies stood then; a truncated copy has since been started afresh.
        cut : bool tensor (B,)
            Which copies were truncated.
        """
        new = self.batch.step(self.state, action[:, None], self.generator)
        self.state = new.state
        self.samples += self.batch.size
        return (new.reward[:, 0] - self.r_scale[0]) * self.r_scale[1], new.reached, new.truncated

    def shocks(self, state):
        """Values of all shocks (B, dz)."""
        z = self.batch.economy.exo.shocks(state.i)
        z = torch.cat([z[0], z[1].flatten(1)], 1) if isinstance(z, tuple) else z
        return z.to(self.batch.dtype)

    def check(self, r_t):
        """Stop if one of the latest rewards (T, B) or (B,) is not finite."""
        if not bool(torch.isfinite(r_t).all()):
            rows = torch.isfinite(r_t.reshape(-1, self.batch.size)).all(1).tolist()
            period = self.samples // self.batch.size - len(rows) + rows.index(False)
            raise FloatingPointError(f"reward is not finite in period {period} of {self.name}")

    def units(self, v):
        """A value in the agent's units in the economy's."""
        mean, scale = self.r_scale
        return v / scale + mean / (1 - self.β)

    def function(self, f):
        """A function of scaled observations (B, do) as one of observations (..., 1, do)."""

        @one_thread()
        @torch.inference_mode()
        def g(observations, *arguments):
            o = torch.as_tensor(observations, dtype=self.batch.dtype, device=self.batch.device)
            y = f(self.scaled(o.reshape(-1, o.shape[-1])), *arguments)
            y = y.reshape(*o.shape[:-1], *y.shape[1:])
            return (
                y.to(observations)
                if isinstance(observations, Tensor)
                else y.double().numpy(force=True)
            )

        return g

    def vectors(self, action):
        """Actions as vectors inside the action set."""
        if isinstance(self.actions, Grid):
            return torch.as_tensor(self.actions.values, device=action.device)[action]
        low, high = (torch.as_tensor(v, device=action.device) for v in self.actions)
        return action.double().clamp(low, high)

    def state_dict(self):
        """What a checkpoint keeps."""
        return {
            "state": list(self.state),
            "scales": [self.o_scale, self.r_scale],
            "n": self.samples,
        }

    def load_state_dict(self, saved):
        """Take up where a checkpoint left off."""
        self.state = type(self.state)(*saved["state"])
        (self.o_scale, self.r_scale), self.samples = saved["scales"], saved["n"]

    def random_action(self, generator):
        """Uniform actions of all copies."""
        size, device, dtype = self.batch.size, self.batch.device, self.batch.dtype
        if isinstance(self.actions, Box):
            low, high = (torch.as_tensor(v, device=device, dtype=dtype) for v in self.actions)
            u = torch.rand((size, len(low)), generator=generator, device=device, dtype=dtype)
            return low + u * (high - low)
        return torch.randint(len(self.actions.values), (size,), generator=generator, device=device)

    def _survey(self):
        self.state, self.o_scale, self.r_scale = (
            self.batch.reset(self.generator),
            (0.0, 1.0),
            (0.0, 1.0),
        )
        seen, earned = [], []
        for _ in range(SURVEY):
            seen.append(self.observe())
            earned.append(self.step(self.random_action(self.generator))[0])
        self.check(torch.stack(earned))
        self.samples = 0
        return _scale(torch.cat(seen)), _scale(torch.cat(earned))


def _scale(x):
    std = x.std(0, correction=0)
    return x.mean(0), torch.where(std > 1e-6 * (1 + x.mean(0).abs()), 1 / std, 1.0)
