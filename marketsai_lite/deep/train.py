"""Training: one loop for all agents.

An agent is one file: a frozen `Config` whose `agent(world, rng)` makes the learner, an `nn.Module`
with what `Agent` lists.  `train` gives it a world to live in and calls its `update`.
"""

import math
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from marketsai_lite.deep.run import Run, writable
from marketsai_lite.deep.world import Scales, World, one_thread, require_batch
from marketsai_lite.require import require

# The third is of actions, or of the minibatches of an agent that acts without noise.
STREAMS = ("networks", "shocks", "choices", "minibatches")


class Agent(Protocol):
    """What `train` asks of a learner, beside being an `nn.Module`.

    Its `Config` has `updates`, `log_every` and `agent(world, rng)`; it may have `memory`, numbers
    that an agent carries on, `team` if rewards are added up, and `check(batch)`, which raises a
    ValueError if it does not fit a batch.  Of `rng` there are the generators in `STREAMS`.

    Attributes
    ----------
    averaged : nn.Module
        The module whose weights the result keeps.
    parts : dict[str, Any]
        What else changes in training, with `state_dict`: optimizers, a replay.
    """

    averaged: Any
    parts: dict[str, Any]

    def update(self, k) -> dict[str, Any]:
        """Make update number k; named numbers for the curves."""

    def mode(self, o, h):
        """Actions without noise, and the next memories, for scaled observations (..., n, width)."""

    def draw(self, o, h, generator):
        """Draw actions of the policy that was learned, and the next memories."""

    def value(self, o, h):
        """Values (..., n) of observations, in the agents' units."""


class Result(NamedTuple):
    """What a training run leaves.  The functions take arrays or tensors and return the same.

    Observations are what `Terms.see` gives: those of the economy, followed by what is legal where
    some choices may not be.  An agent with a memory begins anew at every call of `act`, `sample`
    and `value`: follow it along a path with `remember`.

    Attributes
    ----------
    act : Callable
        Observations (..., n, do) to actions (..., n, da), without noise.
    sample : Callable
        Observations and a torch.Generator to actions with the policy's noise.
    value : Callable
        Observations to values in the economy's units; see the agent's file.
    remember : Callable
        Observations and memories (..., n, memory) to actions and next memories.
    weights : dict[str, np.ndarray]
        Of the policy that `act` uses.
    curves : dict[str, np.ndarray]
        "update", "samples", "seconds", "wall", losses, `on_log`'s.
    samples : int
        Periods experienced, all copies together, after the survey.
    seconds : float
        CPU seconds of training.
    wall : float
        Seconds by the clock.
    scales : Scales
        Of observations and rewards, for a run that goes on from here.
    """

    act: Callable
    sample: Callable
    value: Callable
    remember: Callable
    weights: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    samples: int
    seconds: float
    wall: float
    scales: Scales


def train(
    batch, config, seed, *, scales=None, checkpoint=None, on_log=None, progress=False
) -> Result:
    """Train on one CPU thread, or on the batch's device.

    Parameters
    ----------
    batch : Batch
        Copies of an economy.
    config : dataclass
        Settings, of the agent's file.
    seed : int
        Of everything random.
    scales : Scales, optional
        Of an earlier run; by default a survey of random play finds them.
    checkpoint : path, optional
        Written now and then; a run that was stopped goes on from it to the same result.
    on_log : callable, optional
        `on_log(update, act)` may return numbers by name, which join the curves.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If the agent cannot live in the batch's economy, a setting does not fit it, `checkpoint`
        cannot be written or holds another run.
    FloatingPointError
        If a reward, a loss or a gradient is not finite.
    """
    require_batch(batch)
    getattr(config, "check", lambda batch: None)(batch)
    checkpoint = None if checkpoint is None else writable(Path(checkpoint))
    with one_thread():
        rng = streams(seed, STREAMS, batch.device)
        added = getattr(config, "team", False) or getattr(config, "given", None) == "nothing"
        world = World(batch, rng["shocks"], scales, getattr(config, "memory", 0), added)
        with initialization(rng["networks"]):
            agent = config.agent(world, rng)

        def remember(o, h):
            h = torch.as_tensor(h).to(o)
            right = (*o.shape[:-1], world.h.shape[-1])
            require(h=(f"shape {tuple(h.shape)}", h.shape == right, f"of shape {right}"))
            action, h = agent.mode(o, h)
            return world.exact(action), h

        act = world.function(lambda o: remember(o, _blank(world, o))[0])
        taken = {"world", "agent", *rng} & set(agent.parts)
        require(parts=(sorted(agent.parts), not taken, f"named otherwise than {sorted(taken)}"))
        parts = {"world": world, "agent": agent, **agent.parts, **rng}
        run = Run(world, config, seed, scales, parts, act, checkpoint, on_log, progress)
        for k in run.updates():
            run.record(k, **agent.update(k))

    def value(o):
        v = agent.value(o, _blank(world, o))
        return world.units(v, extra=v.ndim - o.ndim + 1)

    return Result(
        act=act,
        sample=world.function(
            lambda o, generator: world.exact(agent.draw(o, _blank(world, o), generator)[0])
        ),
        value=world.function(value),
        remember=world.function(remember),
        weights={k: v.cpu().numpy().copy() for k, v in agent.averaged.state_dict().items()},
        curves={k: np.array(v) for k, v in run.curves.items()},
        samples=world.samples,
        seconds=run.seconds,
        wall=run.wall,
        scales=world.scales,
    )


def _blank(world, o):
    """Memories of agents who have just begun."""
    return o.new_zeros(*o.shape[:-1], world.h.shape[-1])


def streams(seed, names, device="cpu") -> dict[str, torch.Generator]:
    """Independent generators, children of one SeedSequence, by name."""
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {
        name: torch.Generator(device).manual_seed(int(child.generate_state(1, np.uint64)[0]))
        for name, child in zip(names, children, strict=True)
    }


@contextmanager
def initialization(generator):
    """Draw first weights from `generator` and leave the global stream where it was."""
    with torch.random.fork_rng(devices=[]):
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        torch.default_generator.manual_seed(int(seed))
        yield


def require_settings(config, *, counts=(), rates=(), widths=()) -> None:
    """Raise a ValueError for the first setting of `config` that is not of its kind.

    Parameters
    ----------
    counts, rates, widths : tuples of str
        Names of settings that must be positive integers, positive numbers, and tuples of positive
        integers.
    """
    for name in counts:
        value = getattr(config, name)
        require(**{name: (value, whole(value) and value >= 1, "an integer, at least 1")})
    for name in rates:
        value = getattr(config, name)
        require(**{name: (value, 0 < value < math.inf, "positive and finite")})
    for name in widths:
        value = getattr(config, name)
        right = isinstance(value, tuple) and all(whole(h) and h >= 1 for h in value)
        require(**{name: (value, right, "a tuple of positive widths, such as (64, 64)")})


def whole(value) -> bool:
    """Whether a value is an integer, of Python or NumPy."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
