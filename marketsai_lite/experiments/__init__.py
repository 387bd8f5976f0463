"""Named experiments: results that take longer than a lecture may.

Each experiment is one module of this package with

- a docstring that says what it shows,
- ``COST``, the CPU seconds of the whole, as measured,
- ``cells()``, the parameters of each of its cells by name,
- ``run(**parameters)``, named numbers or arrays of one cell, the same whenever it is run,
- ``CHAOTIC = True`` where networks are trained: then "the same" means on the same processor, since
  the last digits differ between processors, and training magnifies them,
- ``OUTSIDE``, the name of a library, where it needs one that this package does not.

``python -m marketsai_lite.experiments`` lists them, and with a name runs one, resumably.  What a
run found is a JSON file in ``recorded/``, with its provenance; lectures read it by `recorded`.
``--only TEXT``, once or several times, computes the cells whose names contain TEXT and takes the
others from that file.
"""

import importlib
import json
import os
import pkgutil
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.require import require


class Origin(NamedTuple):
    """Where a cell's result comes from.

    Attributes
    ----------
    commit : str
        Ends in -dirty if the code was changed after it.
    processor : str | None
        Not told of results that do not depend on it.
    """

    commit: str
    processor: str | None


class Recorded(NamedTuple):
    """The recorded result of an experiment.

    Attributes
    ----------
    provenance : dict[str, Any]
        Command, date, versions, machine, commits, CPU seconds.
    parameters : dict[str, dict[str, Any]]
        Of each cell.
    results : dict[str, dict[str, np.ndarray]]
        Of each cell.
    origins : dict[str, Origin]
        Of each cell.
    """

    provenance: dict[str, Any]
    parameters: dict[str, dict[str, Any]]
    results: dict[str, dict[str, np.ndarray]]
    origins: dict[str, Origin]


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
    _check(name)
    return importlib.import_module(f"{__name__}.{name}")


def _check(name: str) -> None:
    require(name=(name, name in names(), f"one of {', '.join(names())}"))


def recorded(name: str, folder: str | os.PathLike | None = None) -> Recorded:
    """Return what the last full run of an experiment found.

    Parameters
    ----------
    name : str
    folder : path, optional
        Where ``NAME.json`` is; by default in the package.  A run of the installed package writes
        it to ``_build/experiments``.

    Raises
    ------
    ValueError
        If there is no such experiment.
    FileNotFoundError
        If it has never been run to its end.
    """
    _check(name)
    file = (resources.files(__name__) / "recorded" if folder is None else Path(folder)) / (
        f"{name}.json"
    )
    if not file.is_file():
        raise FileNotFoundError(f"{file}: run `python -m {__name__} {name}`, which writes it")
    held = json.loads(file.read_text(encoding="utf-8"))
    cells = held["cells"]
    return Recorded(
        held["provenance"],
        {cell: entry["parameters"] for cell, entry in cells.items()},
        {
            cell: {key: np.array(value) for key, value in entry["result"].items()}
            for cell, entry in cells.items()
        },
        {cell: Origin(entry["commit"], entry.get("processor")) for cell, entry in cells.items()},
    )
