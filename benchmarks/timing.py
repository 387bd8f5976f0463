"""Best of several runs in turns, in CPU seconds of one process."""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

ROUNDS = 5
LEAST = 0.02  # seconds that a sample lasts at least, by repeating short runs


class Table(NamedTuple):
    """What one benchmark found."""

    title: str
    text: str
    rows: list[dict]  # from column to value, the same columns in each row


def interleaved(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least CPU seconds of each run, among rounds in which each has its turn.

    A first round, not counted, compiles and tells how often to repeat a run in a sample.
    """
    repeats = {}
    for name, run in runs.items():
        run()
        repeats[name] = max(1, math.ceil(LEAST / max(_sample(run, 1), 1e-6)))
    best = dict.fromkeys(runs, math.inf)
    for _ in range(ROUNDS):
        for name, run in runs.items():
            best[name] = min(best[name], _sample(run, repeats[name]))
    return best


def _sample(run, repeats):
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats
