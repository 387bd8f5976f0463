"""The copies of an economy that agents live in, seen through their scales."""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from marketsai_lite.deep.control_variates import news
from marketsai_lite.economy import Box, Grid
from marketsai_lite.require import require
from marketsai_lite.views.batch import Batch, BatchState

SURVEY = 16  # periods of random play from which observations and rewards are scaled


class Scales(NamedTuple):
    """Means and reciprocals of standard deviations, of agents in a group the same.

    Attributes
    ----------
    o : tuple[Tensor, Tensor]
        Of observations, (n, width) each.
    r : tuple[Tensor, Tensor]
        Of rewards, (n,) each.
    everything : tuple[Tensor, Tensor]
        Of state and shocks, (dx + ...,) each.
    """

    o: tuple[Tensor, Tensor]
    r: tuple[Tensor, Tensor]
    everything: tuple[Tensor, Tensor]


class Moved(NamedTuple):
    """What a period brought to B copies.

    Attributes
    ----------
    r : tensor (B, n)
        Rewards, in the agents' units.
    discount : tensor (B, n)
        What the value of `reached` is worth; zero where the game has ended.
    reached : BatchState
        Where the copies stood then.
    truncated : tensor (B,) of bool
        Stopped, though the game goes on.
    restarted : tensor (B,) of bool
        Started afresh since, after a truncation or an end.
    """

    r: Tensor
    discount: Tensor
    reached: BatchState
    truncated: Tensor
    restarted: Tensor


def require_batch(batch) -> None:
    """Raise a ValueError unless `batch` is a `Batch` whose actions have finite bounds."""
    require(batch=(batch, isinstance(batch, Batch), "a Batch of an economy; see views/batch.py"))
    for actions in batch.economy.actions:
        finite = isinstance(actions, Grid) or all(np.isfinite(v).all() for v in actions)
        require(**{"batch: actions": (actions, finite, "a Box with finite bounds")})


def require_boxes(batch) -> None:
    """Raise a ValueError unless the actions are vectors of numbers."""
    for actions in batch.economy.actions:
        require(**{"batch: actions": (actions, isinstance(actions, Box), "a Box")})


class World:
    """The copies of an economy that agents live in, with observations and rewards standardized.

    Observations are shifted and scaled to mean zero and standard deviation one, and rewards too,
    by a survey of random play at the beginning; the scales are then left alone.  Where a game may
    end rewards are not shifted, since that would make its end good or bad.

    Parameters
    ----------
    batch : Batch
    generator : torch.Generator
        Draws the survey, the first states and the shocks.
    scales : Scales, optional
        Of an earlier run; by default they are found by a survey.
    memory : int
        Numbers that each agent carries from one period to the next.
    pooled : bool
        Whether rewards will be added up over agents, so that all must have one scale.
    """

    def __init__(self, batch, generator, scales=None, memory=0, pooled=False):
        economy = batch.economy
        self.batch, self.generator, self.β = batch, generator, economy.β
        self.n, self.groups = batch.terms.n, batch.terms.groups
        self.name = type(economy).__name__
        self.samples = 0
        with torch.no_grad():
            self.scales = self._survey(pooled) if scales is None else scales
            self.width = self.scales.o[0].shape[-1]  # of what an agent sees
            self.legal = self.width - batch.terms.do  # columns of it that say what is legal
            state = batch.reset(generator)
            if batch.horizon:  # so that the copies are not truncated all at once
                t = torch.rand(batch.size, generator=generator, device=batch.device)
                state = state._replace(t=(t * batch.horizon).long())
        self.state = state
        self.h = self.scales.o[0].new_zeros(batch.size, self.n, memory)

    def observe(self, state=None):
        """Scaled observations (B, n, width)."""
        return self.scaled(self.batch.see(self.state if state is None else state))

    def scaled(self, o):
        """Observations in the agents' units."""
        mean, inverse = self.scales.o
        return (o - mean) * inverse

    def everything(self, state=None):
        """Scaled state and shocks (B, dx + dz + units de)."""
        mean, inverse = self.scales.everything
        return (self.batch.everything(self.state if state is None else state) - mean) * inverse

    def news(self, state):
        """Shocks as control variates use them."""
        return news(self.batch.shocks(state), self.n)

    def step(self, action, u=None, price_takers=False) -> Moved:
        """Act (B, n, da) and move on, with the given uniforms or new ones."""
        batch, generator = self.batch, self.generator
        u = batch.uniforms(generator) if u is None else u
        new = batch.advance(self.state, action, u, generator, price_takers=price_takers)
        self.state = new.state
        self.samples += batch.size
        mean, inverse = self.scales.r
        r = (new.reward - mean) * inverse
        return Moved(r, new.discount, new.reached, new.truncated, new.restarted)

    def check(self, r_t):
        """On a CPU, stop if one of the latest rewards (T, B, n) or (B, n) is not finite."""
        if self.batch.device.type == "cpu" and not bool(torch.isfinite(r_t).all()):
            rows = torch.isfinite(r_t.reshape(-1, self.batch.size * self.n)).all(1).tolist()
            period = self.samples // self.batch.size - len(rows) + rows.index(False)
            raise FloatingPointError(f"reward is not finite in period {period} of {self.name}")

    def pool(self, x, shared=True):
        """Means of `x` (..., n) over its rows and, if weights are shared, over each group, (n,)."""
        if not shared:
            return x.reshape(-1, self.n).mean(0)
        parts = [x[..., g.members].mean().expand(g.size) for g in self.groups]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def units(self, v, extra=0):
        """A value (..., n) in the agents' units in the economy's; `extra` axes may follow n."""
        mean, inverse = (s[(..., *(None,) * extra)] for s in self.scales.r)
        return v / inverse if self.batch.terms.ends else v / inverse + mean / (1 - self.β)

    def function(self, f):
        """A function of scaled observations (..., n, width), one that takes arrays or tensors."""

        @one_thread()
        @torch.no_grad()
        def g(observations, *arguments):
            kind = {"dtype": self.batch.dtype, "device": self.batch.device}
            o = self.scaled(torch.as_tensor(observations, **kind))
            found = f(o, *arguments)
            if isinstance(observations, Tensor) and observations.is_floating_point():
                return _each(found, lambda y: y.to(observations))
            if isinstance(observations, Tensor):  # whole numbers in, others out
                return _each(found, lambda y: y.to(observations.device))
            return _each(found, lambda y: y.double().numpy(force=True))

        return g

    def exact(self, action):
        """Actions (..., n, da) inside the action sets, though precision was lost on the way."""
        rows = []
        for g in self.groups:
            a, w = action[..., g.members, :].double(), g.actions.width
            bounds = [torch.as_tensor(v, device=a.device) for v in g.actions]
            if isinstance(g.actions, Grid):
                near = (a[..., None, :w] - bounds[0]).abs().sum(-1).argmin(-1)
                a = torch.nn.functional.pad(bounds[0][near], (0, a.shape[-1] - w))
            else:
                a = torch.cat([a[..., :w].clamp(*bounds), a[..., w:]], -1)
            rows.append(a)
        return rows[0] if len(rows) == 1 else torch.cat(rows, -2)

    def random_action(self, generator):
        """Uniform actions of all copies, (B, n, da)."""
        batch, rows = self.batch, []
        options = {"generator": generator, "device": batch.device}
        legal = batch.legal(self.state)
        for g in self.groups:
            size = (batch.size, g.size)
            if isinstance(g.actions, Box):
                low, high = (torch.as_tensor(v).to(batch.device, batch.dtype) for v in g.actions)
                u = torch.rand((*size, g.actions.width), dtype=batch.dtype, **options)
                a = low + u * (high - low)
            else:
                values = torch.as_tensor(g.actions.values).to(batch.device, batch.dtype)
                a = values[torch.randint(len(values), size, **options)]
                if legal is not None:
                    weight = legal[:, g.members, : len(values)].flatten(0, 1).to(batch.dtype)
                    a = values[torch.multinomial(weight, 1, generator=generator).view(size)]
            rows.append(torch.nn.functional.pad(a, (0, batch.terms.da - g.actions.width)))
        return rows[0] if len(rows) == 1 else torch.cat(rows, 1)

    def state_dict(self):
        """What a checkpoint keeps."""
        scales = [list(s) for s in self.scales]
        return {"state": list(self.state), "scales": scales, "n": self.samples, "h": self.h}

    def load_state_dict(self, saved):
        """Take up where a checkpoint left off."""
        self.state, self.h = type(self.state)(*saved["state"]), saved["h"]
        self.scales, self.samples = Scales(*map(tuple, saved["scales"])), saved["n"]

    def _survey(self, pooled):
        self.state = self.batch.reset(self.generator)
        none = self.batch.exo.values.new_zeros(()), self.batch.exo.values.new_ones(())
        self.scales = Scales(none, none, none)
        seen, earned, stood = [], [], []
        for _ in range(SURVEY):
            seen.append(self.observe())
            stood.append(self.everything())
            earned.append(self.step(self.random_action(self.generator)).r)
        self.check(torch.stack(earned))
        self.samples = 0
        o, r = torch.cat(seen), torch.cat(earned)
        do = self.batch.terms.do  # the columns after these say what is legal, and stay
        o_scale = [_scale(o[:, g.members].flatten(0, 1)) for g in self.groups]
        r_scale = [_scale((r if pooled else r[:, g.members]).flatten()) for g in self.groups]
        o_mean, o_inverse = map(self._each, zip(*o_scale, strict=True))
        r_mean, r_inverse = map(self._each, zip(*r_scale, strict=True))
        o_mean[:, do:], o_inverse[:, do:] = 0.0, 1.0
        r_mean = 0 * r_mean if self.batch.terms.ends else r_mean
        return Scales((o_mean, o_inverse), (r_mean, r_inverse), _scale(torch.cat(stood)))

    def _each(self, values):
        """One row for each agent, of values for each group."""
        rows = [v.expand(g.size, *v.shape) for v, g in zip(values, self.groups, strict=True)]
        return torch.cat(rows)


@contextmanager
def one_thread():
    """Run PyTorch on one thread: faster for small networks, and the same numbers everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _each(found, convert):
    return tuple(map(convert, found)) if isinstance(found, tuple) else convert(found)


def _scale(x):
    std = x.std(0, correction=0)
    return x.mean(0), torch.where(std > 1e-6 * (1 + x.mean(0).abs()), 1 / std, 1.0)
