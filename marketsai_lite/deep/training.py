"""What the training loops share: streams, curves, checkpoints and a watch for NaN."""

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from marketsai_lite.require import require

PATIENCE = 10  # a checkpoint may take one part in so many of the time


class Result(NamedTuple):
    """What a training run leaves.  The functions take arrays or tensors and return the same."""

    act: Callable  # observations (..., 1, do) to the policy's actions (..., 1, da), without noise
    sample: Callable  # observations and a torch.Generator to actions with the policy's noise
    value: Callable  # observations to values in the economy's units; see the agent's `train`
    weights: dict[str, np.ndarray]  # of the policy that `act` uses
    curves: dict[str, np.ndarray]  # "update", "samples", "seconds" (CPU), losses, and `on_log`'s
    samples: int  # periods experienced, all copies together
    seconds: float  # CPU seconds of training


@contextmanager
def one_thread():
    """Run PyTorch on one thread: faster for small networks, and the same numbers everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
        require(**{name: (value, isinstance(value, int) and value >= 1, "an integer, at least 1")})
    for name in rates:
        value = getattr(config, name)
        require(**{name: (value, 0 < value < math.inf, "positive and finite")})
    for name in widths:
        value = getattr(config, name)
        right = isinstance(value, tuple) and all(isinstance(h, int) and h >= 1 for h in value)
        require(**{name: (value, right, "a tuple of positive widths, such as (64, 64)")})


class Run:
    """One training run: counts updates, keeps curves, writes and reads checkpoints.

    Parameters
    ----------
    world : World
    config : dataclass
        With `updates` and `log_every`.
    seed : int
    parts : dict
        All that changes during training: modules, optimizers, generators, the world.
    act : callable
        The policy so far, for `on_log`.
    checkpoint : path or None
        Written at logs, to a temporary file that then takes the place of the last; read at the
        start if it exists.
    on_log : callable or None
        `on_log(update, act)` may return numbers by name, which join the curves.  Not counted in the
        CPU seconds.
    progress : bool
        Show a progress bar on standard output.
    """

    def __init__(self, world, config, seed, parts, act, checkpoint, on_log, progress):
        batch = world.batch
        self.world, self.config, self.act = world, config, act
        self.parts = {"world": world, **parts}
        self.path = None if checkpoint is None else Path(checkpoint)
        if self.path is not None and not self.path.parent.is_dir():
            raise ValueError(f"checkpoint={checkpoint!r}: must be in a folder that exists")
        self.on_log, self.progress = on_log, progress
        with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
            economy = " ".join(repr(batch.economy).split())
        self.identity = (
            f"{type(config).__module__} {config!r} seed={seed} {economy} "
            f"copies={batch.size} horizon={batch.horizon} {batch.dtype} {batch.device}"
        )
        self.curves: dict[str, list[float]] = {}
        self.recent: dict[str, list[float]] = {}
        self.seconds, self.start, self.saving = 0.0, 0, 0.0

    def updates(self):
        """Yield the numbers of the updates to do, logging between them."""
        if self.path is not None and self.path.exists():
            self._load(self.path)
        last, every = self.config.updates, self.config.log_every
        self.clock = self.saved = time.process_time()
        bar = tqdm(
            range(self.start, last),
            total=last,
            initial=self.start,
            disable=not self.progress,
            file=sys.stdout,
            mininterval=0.5,
        )
        for update in bar:
            yield update
            if (update + 1) % every == 0 or update + 1 == last:
                self._log(update + 1)

    def note(self, update, **numbers):
        """Note numbers of an update, which must be finite; the curves show their means."""
        for name, number in numbers.items():
            number = float(number)
            if not math.isfinite(number):
                raise FloatingPointError(
                    f"{name} is {number} at update {update} in {self.world.name}"
                )
            self.recent.setdefault(name, []).append(number)

    def result(self, module, sample, value) -> Result:
        """Collect what the run leaves."""
        function, vectors = self.world.function, self.world.vectors
        return Result(
            act=self.act,
            sample=function(lambda o, generator: vectors(sample(o, generator))),
            value=function(value),
            weights={k: v.cpu().numpy().copy() for k, v in module.state_dict().items()},
            curves={k: np.array(v) for k, v in self.curves.items()},
            samples=self.world.samples,
            seconds=self.seconds,
        )

    def _log(self, update):
        now = time.process_time()
        self.seconds += now - self.clock
        means = {k: float(np.mean(v)) for k, v in self.recent.items()}
        row = {"update": update, "samples": self.world.samples, "seconds": self.seconds, **means}
        if self.on_log is not None:
            row |= self.on_log(update, self.act) or {}
        for name, number in row.items():
            self.curves.setdefault(name, []).append(float(number))
        self.recent = {}
        now = time.process_time()
        if self.path is not None and (
            update == self.config.updates or now - self.saved >= PATIENCE * self.saving
        ):
            self._save(self.path, update)
            self.saved = time.process_time()
            self.saving = self.saved - now
        self.clock = time.process_time()

    def _save(self, path, update):
        parts = {
            name: p.get_state() if isinstance(p, torch.Generator) else p.state_dict()
            for name, p in self.parts.items()
        }
        content = {
            "identity": self.identity,
            "update": update,
            "seconds": self.seconds,
            "curves": self.curves,
            "parts": parts,
        }
        part = path.with_name(path.name + ".part")
        torch.save(content, part)
        os.replace(part, path)

    def _load(self, path):
        try:
            saved: dict[str, Any] = torch.load(path, weights_only=True)
            saved["identity"]
        except Exception as error:
            raise ValueError(f"checkpoint={str(path)!r}: must be a checkpoint or new") from error
        if saved["identity"] != self.identity:
            raise ValueError(
                f"checkpoint={str(path)!r}: was written by {saved['identity']}; "
                f"must be of this run, {self.identity}"
            )
        self.start, self.seconds, self.curves = saved["update"], saved["seconds"], saved["curves"]
        for name, p in self.parts.items():
            state = saved["parts"][name]
            p.set_state(state) if isinstance(p, torch.Generator) else p.load_state_dict(state)
