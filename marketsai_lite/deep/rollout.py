"""Acting: agents play some periods in their world, and what happened is kept as a path."""

from typing import NamedTuple

import torch
from torch import Tensor

from marketsai_lite.require import require
from marketsai_lite.views.batch import BatchState


class Path(NamedTuple):
    """T periods of B copies and n agents.

    Attributes
    ----------
    o : tensor (T, B, n, width)
        What agents saw, scaled.
    h : tensor (T, B, n, memory)
        What they remembered when they saw it.
    u : tensor (T, B, n, ...)
        What they chose: the variable of the policy.
    log_π : tensor (T, B, n)
        Its log density.
    r : tensor (T, B, n)
        Rewards, scaled.
    discount : tensor (T, B, n)
        What the value of `reached` is worth; zero where the game has ended.
    truncated : tensor (T, B) of bool
        Stopped, though the game goes on.
    restarted : tensor (T, B) of bool
        Started afresh after the period; memories are then zero.
    state : BatchState
        Where the copies stood, (T, B, ...).
    reached : BatchState
        Where they came to, before fresh starts, (T, B, ...).
    """

    o: Tensor
    h: Tensor
    u: Tensor
    log_π: Tensor
    r: Tensor
    discount: Tensor
    truncated: Tensor
    restarted: Tensor
    state: BatchState
    reached: BatchState


def play(world, policy, T, generator) -> Path:
    """Let agents act for T periods.

    Parameters
    ----------
    world : World
        It is left where the agents come to, with what they then remember.
    policy : object
        With `sample(o, h, generator)`, observations (B, n, width) and memories (B, n, memory) to u,
        its log density (B, n) and the next memories; and `action(u)`, the actions (B, n, da) that u
        stands for.
    T : int
        Number of periods.
    generator : torch.Generator
        Of the policy's noise.

    Raises
    ------
    ValueError
        If the policy's memory is of another width than the world's.
    FloatingPointError
        If a reward is not finite.
    """
    periods = []
    with torch.no_grad():
        for _ in range(T):
            state, h, o = world.state, world.h, world.observe()
            u, log_π, h1 = policy.sample(o, h, generator)
            require(memory=(tuple(h1.shape), h1.shape == h.shape, f"the world's, {tuple(h.shape)}"))
            r, discount, reached, truncated, restarted = world.step(policy.action(u))
            world.h = h1 * (~restarted)[:, None, None] if h1.shape[-1] else h1
            row = (o, h, u, log_π, r, discount, truncated, restarted, *state, *reached)
            periods.append(row)
    columns = [torch.stack(column) for column in zip(*periods, strict=True)]
    o, h, u, log_π, r, discount, truncated, restarted, *states = columns
    half = len(states) // 2
    stood, reached = BatchState(*states[:half]), BatchState(*states[half:])
    path = Path(o, h, u, log_π, r, discount, truncated, restarted, stood, reached)
    world.check(path.r)
    return path
