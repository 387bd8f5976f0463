"""Named experiments: results that take longer than a lecture may.

Each experiment is one module of this package with

- a docstring that says what it shows,
- ``COST``, the CPU seconds of the whole, as measured,
- ``cells()``, the parameters of each of its cells by name,
- ``run(**parameters)``, named numbers or arrays of one cell, the same whenever it is run,
- ``CHAOTIC = True`` where networks are trained: then "the same" means on the same processor, since
  the last digits differ between processors, and training magnifies them.

``python -m marketsai_lite.experiments`` lists them, and with a name runs one, resumably.  What a
run found is a JSON file in ``recorded/``, with its provenance; lectures read it by `recorded`.
"""

import importlib
import json
import pkgutil
from importlib import resources
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np


class Recorded(NamedTuple):
    """The recorded result of an experiment."""

    provenance: dict[str, Any]  # command, date, versions, machine, commit, CPU seconds
    parameters: dict[str, dict[str, Any]]  # of each cell
    results: dict[str, dict[str, np.ndarray]]  # of each cell


def names() -> list[str]:
    """Return the names of all experiments."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> ModuleType:
    """Return the module of an experiment.

    Raises
    ------
    ValueError
        If there is no such experiment.
    """
    if name not in names():
        raise ValueError(f"name={name!r}: must be one of {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def recorded(name: str) -> Recorded:
    """Return what the last full run of an experiment found.

    Raises
    ------
    FileNotFoundError
        If it has never been run to its end.
    """
    file = resources.files(__name__) / "recorded" / f"{name}.json"
    held = json.loads(file.read_text(encoding="utf-8"))
    return Recorded(
        held["provenance"],
        {cell: entry["parameters"] for cell, entry in held["cells"].items()},
        {
            cell: {key: np.array(value) for key, value in entry["result"].items()}
            for cell, entry in held["cells"].items()
        },
    )
