"""Run one function over many cells, in this process, in several, or on a Ray cluster.

Each result is written to its own file as it arrives, complete or not at all, so that a sweep that
was killed starts again where it stopped.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

Result = Mapping[str, Any]


def sweep(
    f: Callable[..., Result],
    cells: Mapping[str, Mapping[str, Any]],
    folder: str | os.PathLike,
    *,
    workers: int = 1,
    cluster: bool = False,
    progress: bool = True,
) -> dict[str, dict[str, np.ndarray]]:
    """Compute ``f(**cells[name])`` for every name whose result is not in `folder` yet.

    Parameters
    ----------
    f : callable
        Takes a cell's parameters, returns named arrays or numbers.  All its randomness must come
        from its parameters; then the results do not depend on where the cells run.
    cells : mapping of str to mapping
        A name, which becomes a file name, and JSON-able parameters for each cell.
    folder : path
        Where ``NAME.npz`` files are kept; made if it does not exist.
    workers : int
        Processes on this machine; 1 runs in this process.
    cluster : bool
        Run on Ray instead: on the cluster that ``ray.init`` has joined, or on one it starts here.
        A cell lost with its worker or node is run again.
    progress : bool
        Show a progress bar on standard output.

    Returns
    -------
    dict
        The arrays of every cell, in the order of `cells`.

    Raises
    ------
    ValueError
        If a name cannot be a file name, `workers` is not positive, or `folder` holds a result
        that was computed with other parameters.
    ImportError
        If `cluster` is asked for and Ray is not installed.
    """
    if workers < 1:
        raise ValueError(f"workers={workers}: must be at least 1")
    for name in cells:
        if not name or set(name) & set('/\\:*?"<>|') or name.startswith("."):
            raise ValueError(f"cells: name {name!r}: must be usable as a file name")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    results = {name: load(folder, name, dict(cell)) for name, cell in cells.items()}
    todo = {name: dict(cells[name]) for name, result in results.items() if result is None}
    run = _on_ray if cluster else _here if workers == 1 else _in_processes
    done = len(cells) - len(todo)
    with tqdm(
        total=len(cells), initial=done, disable=not progress, file=sys.stdout, unit="cell"
    ) as bar:
        for name, result in run(f, todo, workers):
            results[name] = save(folder, name, todo[name], result)
            bar.update()
    return {name: result for name, result in results.items() if result is not None}


def save(folder: Path, name: str, cell: dict, result: Result) -> dict[str, np.ndarray]:
    """Write a cell's result and its parameters, atomically; return the result as arrays."""
    arrays = {key: np.asarray(value) for key, value in result.items()}
    part = folder / f".{name}.{os.getpid()}.part"
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays, _cell=np.array(_fingerprint(cell)))  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / f"{name}.npz")
    return arrays


def load(folder: Path, name: str, cell: dict) -> dict[str, np.ndarray] | None:
    """Read a cell's result; None when it has not been computed.

    Raises
    ------
    ValueError
        If the file was computed with other parameters than `cell`.
    """
    path = folder / f"{name}.npz"
    if not path.exists():
        return None
    with np.load(path) as file:
        arrays = dict(file)
    held = str(arrays.pop("_cell"))
    if held != _fingerprint(cell):
        raise ValueError(
            f"{path}: computed with {held}: must be {_fingerprint(cell)}; remove it or use another "
            "folder"
        )
    return arrays


def _fingerprint(cell: dict) -> str:
    return json.dumps(cell, sort_keys=True)


def _here(f, todo: dict, workers: int) -> Iterator[tuple[str, Result]]:
    for name, cell in todo.items():
        yield name, f(**cell)


def _named(f, name: str, cell: dict) -> tuple[str, Result]:
    return name, f(**cell)


def _in_processes(f, todo: dict, workers: int) -> Iterator[tuple[str, Result]]:
    from joblib import Parallel, delayed

    jobs = (delayed(_named)(f, name, cell) for name, cell in todo.items())
    yield from Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)


def _on_ray(f, todo: dict, workers: int) -> Iterator[tuple[str, Result]]:
    try:
        import ray
    except ImportError as error:
        raise ImportError("cluster=True needs Ray: pip install 'marketsai-lite[ray]'") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    task = ray.remote(max_retries=-1)(_named)
    pending = [task.remote(f, name, cell) for name, cell in todo.items()]
    while pending:
        ready, pending = ray.wait(pending)
        yield from ray.get(ready)
