"""What a training run keeps: its curves, its checkpoint, and a watch for what is not finite."""

import hashlib
import inspect
import math
import os
import re
import sys
import time
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from marketsai_lite.require import require

PATIENCE = 10  # a checkpoint may take one part in so many of the time
AT_MOST = 30.0  # seconds by the clock, after which one is written between logs as well
SOURCES = (
    "deep/*.py",
    "economy/*.py",
    "views/batch.py",
    "running/pool.py",
)  # code on which the numbers of a run depend


class Run:
    """One training run: counts updates, keeps curves, writes and reads checkpoints.

    Parameters
    ----------
    world : World
    config : dataclass
        With `updates` and `log_every`.
    seed : int
    scales : Scales or None
        Those that were handed over.
    parts : dict
        All that changes during training: modules, optimizers, generators, the world.
    act : callable
        The policy so far, for `on_log`.
    checkpoint : Path or None
        One that `writable` returned.  Written at logs, and after `AT_MOST` seconds without one, to
        a temporary file that then takes the place of the last; read at the start if it exists.
    on_log : callable or None
        `on_log(update, act)` may return numbers by name, which join the curves.  Not counted in the
        seconds.
    progress : bool
        Show a progress bar on standard output.
    """

    def __init__(self, world, config, seed, scales, parts, act, checkpoint, on_log, progress):
        self.world, self.config, self.act, self.parts = world, config, act, parts
        self.path, self.on_log, self.progress = checkpoint, on_log, progress
        if checkpoint is not None:  # to read the source takes a tenth of a second
            self.identity = identity(world.batch, config, seed, scales, type(parts["agent"]))
        self.curves: dict[str, list[float]] = {}
        self.recent: dict[str, list[Any]] = {}
        self.seconds, self.wall, self.start, self.saving = 0.0, 0.0, 0, 0.0

    def updates(self):
        """Yield the numbers of the updates to do, logging between them."""
        if self.path is not None and self.path.exists():
            self._load(self.path)
        last, every = self.config.updates, self.config.log_every
        self.saved, self.kept = time.process_time(), time.perf_counter()
        self._start_clocks()
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
            elif self.path is not None and time.perf_counter() - self.kept >= AT_MOST:
                self._stop_clocks()
                self._keep(update + 1)
                self._start_clocks()

    def record(self, update, **numbers):
        """Keep numbers of an update, which must be finite; the curves show their means.

        Tensors on a device are looked at when they are logged, not to make it wait.
        """
        for name, number in numbers.items():
            if not isinstance(number, torch.Tensor) or number.device.type == "cpu":
                number = self._finite(name, number, update)
            self.recent.setdefault(name, []).append(number)

    def _finite(self, name, number, update):
        number = float(number)
        if not math.isfinite(number):
            raise FloatingPointError(f"{name} is {number} at update {update} in {self.world.name}")
        return number

    def _mean(self, name, numbers, update):
        if isinstance(numbers[0], torch.Tensor):
            numbers = torch.stack(numbers).tolist()  # one look at the device
        first = update - len(numbers)
        return float(np.mean([self._finite(name, x, first + k) for k, x in enumerate(numbers)]))

    def _log(self, update):
        means = {name: self._mean(name, numbers, update) for name, numbers in self.recent.items()}
        self._stop_clocks()
        spent = {"samples": self.world.samples, "seconds": self.seconds, "wall": self.wall}
        row = {"update": update, **spent, **means}
        if self.on_log is not None:
            row |= self.on_log(update, self.act) or {}
        for name, number in row.items():
            self.curves.setdefault(name, []).append(float(number))
        self.recent = {}
        if self.path is not None:
            self._keep(update)
        self._start_clocks()

    def _keep(self, update):
        """Write a checkpoint, unless that takes too much of the time."""
        now = time.process_time()
        if update == self.config.updates or now - self.saved >= PATIENCE * self.saving:
            self._save(self.path, update)
            self.saved, self.kept = time.process_time(), time.perf_counter()
            self.saving = self.saved - now

    def _start_clocks(self):
        self.clocks = time.process_time(), time.perf_counter()

    def _stop_clocks(self):
        self.seconds += time.process_time() - self.clocks[0]
        self.wall += time.perf_counter() - self.clocks[1]

    def _save(self, path, update):
        parts = {
            name: p.get_state() if isinstance(p, torch.Generator) else p.state_dict()
            for name, p in self.parts.items()
        }
        content = {
            "identity": self.identity,
            "update": update,
            "seconds": self.seconds,
            "wall": self.wall,
            "curves": self.curves,
            "recent": self.recent,
            "parts": parts,
        }
        part = _part(path)
        torch.save(content, part)
        os.replace(part, path)

    def _load(self, path):
        try:
            saved: dict[str, Any] = torch.load(path, weights_only=True)
            was = dict(saved["identity"])
        except Exception as error:
            raise ValueError(f"checkpoint={str(path)!r}: must be a checkpoint or new") from error
        for key in {**self.identity, **was}:
            old, new = was.get(key), self.identity.get(key)
            if old != new:
                raise ValueError(
                    f"checkpoint={str(path)!r}: was written with {key}={old}; "
                    f"must be of this run, with {key}={new}"
                )
        self.start, self.curves = saved["update"], saved["curves"]
        self.recent = saved["recent"]
        self.seconds, self.wall = saved["seconds"], saved["wall"]
        for name, p in self.parts.items():
            state = saved["parts"][name]
            p.set_state(state) if isinstance(p, torch.Generator) else p.load_state_dict(state)


def identity(batch, config, seed, scales=None, learner=None) -> dict[str, str]:
    """What the numbers of a run depend on, by name: economy, settings, seed, batch and source."""
    agent = type(config).__module__.rpartition(".")[2]
    found = {"economy": type(batch.economy).__qualname__, "agent": agent, "seed": seed}
    found |= {"copies": batch.size, "horizon": batch.horizon}
    given = scales and [[x.tolist() for x in pair] for pair in scales]
    found |= {"scales": scales and hashlib.sha256(repr(given).encode()).hexdigest()[:12]}
    found |= {"dtype": str(batch.dtype), "device": str(batch.device)}
    for one in (config, batch.economy):
        held = fields(one) if is_dataclass(one) else ()
        names = [(f"{type(one).__name__}." if f.name in found else "") + f.name for f in held]
        found |= {name: getattr(one, f.name) for name, f in zip(names, held, strict=True)}
        found |= {} if held else {"parameters": one}
    words = {name: _word(value) for name, value in found.items()}
    return words | {"source": source(batch.economy, type(config), learner)}


def source(economy, *agent) -> str:
    """Digest of the code of an economy, of the models it holds, and of what trains agents in it.

    That is the agents of this package, and the classes of an `agent` wherever they are.
    """
    room = Path(__file__).parents[1]
    files = sorted(f for pattern in SOURCES for f in room.glob(pattern))
    texts = [f.read_text(encoding="utf-8") for f in files]
    for kind in (*_kinds(economy), *filter(None, agent)):
        members = {k: v for k, v in vars(kind).items() if not k.startswith("__")}
        texts += [_text(sys.modules.get(kind.__module__)), *map(_text, vars(kind).values())]
        texts.append(_word(members))  # constants of a class that was typed into a notebook
    return hashlib.sha256("\n".join(filter(None, texts)).encode()).hexdigest()[:12]


def _kinds(one):
    """The classes of a dataclass and of those that it holds, and theirs that they inherit from."""
    yield from type(one).__mro__[:-1]
    for f in fields(one) if is_dataclass(one) else ():
        value = getattr(one, f.name)
        yield from _kinds(value) if is_dataclass(value) else ()


def _text(thing):
    """Source of a module, a function or a property; empty where Python has none."""
    try:
        return inspect.getsource(getattr(thing, "fget", thing))
    except (OSError, TypeError):
        return ""


def _word(value):
    """A value as text that is the same in every process: no addresses, and 5 is 5.0."""
    number = isinstance(value, int | float | np.integer | np.floating)
    if number and not isinstance(value, bool):
        return repr(float(value) if value % 1 else int(value))
    if type(value) is tuple:
        return f"({', '.join(map(_word, value))})"
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(repr(value).split()))


def writable(path) -> Path:
    """Return a path to which a checkpoint can be written, or raise a ValueError."""
    require(checkpoint=(str(path), path.parent.is_dir(), "in a folder that exists"))
    try:
        _part(path).touch()
        _part(path).unlink()
    except OSError as error:
        raise ValueError(f"checkpoint={str(path)!r}: must be in a folder to write in") from error
    return path


def _part(path):
    return path.with_name(path.name + ".part")
