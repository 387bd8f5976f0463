"""Run one function over many cells, in this process, in several, or on a Ray cluster.

Each result is written to its own file as it arrives, complete or not at all, so that a sweep that
was killed starts again where it stopped.
"""

import io
import json
import operator
import os
import pickle
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from marketsai_lite.require import require

Result = Mapping[str, Any]
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, NotImplementedError)


def sweep(
    f: Callable[..., Result],
    cells: Mapping[str, Mapping[str, Any]],
    folder: str | os.PathLike,
    *,
    workers: int = 1,
    cluster: bool = False,
    num_cpus: float = 1,
    num_gpus: float = 0,
    checkpoints: bool = False,
    progress: bool = True,
) -> dict[str, dict[str, np.ndarray]]:
    """Compute ``f(**cells[name])`` for every name whose result is not in `folder` yet.

    Parameters
    ----------
    f : callable
        Takes a cell's parameters, returns named arrays, numbers or words.  All its randomness must
        come from its parameters; then the results do not depend on where the cells run.
    cells : mapping of str to mapping
        A name, which becomes a file name, and JSON-able parameters for each cell; numbers and
        arrays of NumPy count as JSON-able.
    folder : path
        Where ``NAME.npz`` files are kept; made if it does not exist.  A sweep knows the parameters
        that a file was computed with and not the code: after a change of `f` use another folder.
    workers : int
        Processes on this machine; 1 runs in this process.
    cluster : bool
        Run on Ray instead: on the cluster that ``ray.init`` has joined, or on one it starts here.
        A cell lost with its worker or node is run again.
    num_cpus, num_gpus : float
        What a cell takes of the cluster; Ray starts no more cells than there is room for.
    checkpoints : bool
        Give `f` an argument `checkpoint` as well, a path in `folder` where a long cell may keep how
        far it has come and find it when the sweep is started again; removed once the cell is done.
    progress : bool
        Show a progress bar on standard output.

    Returns
    -------
    dict
        The arrays of every cell, in the order of `cells`.

    Raises
    ------
    ValueError
        Before anything is computed, if a name cannot be a file name, parameters are not JSON-able,
        `workers` is not positive, or `folder` cannot be written to or holds a file that is damaged
        or was computed with other parameters; later, if a result cannot be kept as arrays.
    ImportError
        If `cluster` is asked for and Ray is not installed.
    """
    require(workers=(workers, _is_whole(workers) and workers >= 1, "an integer of at least 1"))
    for key, value in (("num_cpus", num_cpus), ("num_gpus", num_gpus)):
        require(**{key: (value, 0 <= value < float("inf"), "a number, at least 0")})
    _check(cells)
    folder = Path(folder).absolute()
    results = {name: load(folder, name, dict(cell)) for name, cell in cells.items()}
    todo = {name: dict(cells[name]) for name, result in results.items() if result is None}
    if todo:
        must_be_writable(folder)
    given = {
        name: {**cell, "checkpoint": folder / f"{name}.pt"} if checkpoints else cell
        for name, cell in todo.items()
    }
    run = _on_ray if cluster else _here if workers == 1 else _in_processes
    room: dict[str, Any] = {"workers": operator.index(workers)}
    room |= {"num_cpus": num_cpus, "num_gpus": num_gpus}
    done = len(cells) - len(todo)
    with tqdm(
        total=len(cells), initial=done, disable=not progress, file=sys.stdout, unit="cell"
    ) as bar:
        for name, result in run(f, given, **room):
            results[name] = save(folder, name, todo[name], result)
            (folder / f"{name}.pt").unlink(missing_ok=True)
            bar.update()
    return {name: result for name, result in results.items() if result is not None}


def must_be_writable(folder: Path) -> None:
    """Make a folder if it does not exist; raise a ValueError if no file can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"folder={str(folder)!r}: must be a folder that can be written to: {error}"
        ) from error


def save(folder: Path, name: str, cell: dict, result: Result) -> dict[str, np.ndarray]:
    """Write a cell's result and its parameters, atomically; return the result as arrays.

    Raises
    ------
    ValueError
        If the result is not named arrays, numbers or words; it is pickled beside the others.
    """
    try:
        arrays = _as_arrays(result)
    except ValueError as error:
        kept = folder / f"{name}.refused.pickle"
        kept.write_bytes(pickle.dumps(result))
        raise ValueError(f"cell {name!r}: {error} (what it returned is in {kept})") from error
    part = folder / f".{name}.{os.getpid()}.part"
    with part.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:  # as numpy.load reads it
            members.writestr("cell.json", _fingerprint(cell))
            for key, value in arrays.items():
                with members.open(f"{key}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, value, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / f"{name}.npz")
    return arrays


def load(folder: Path, name: str, cell: dict) -> dict[str, np.ndarray] | None:
    """Read a cell's result; None when it has not been computed.

    Raises
    ------
    ValueError
        If the file is damaged, is not a sweep's, or was computed with other parameters than `cell`.
    """
    path, arrays = folder / f"{name}.npz", {}
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as members:
            held = members.read("cell.json").decode()
            for member in members.namelist():
                if member.endswith(".npy"):
                    file = io.BytesIO(members.read(member))  # read whole, its checksum is tested
                    value = np.lib.format.read_array(file, allow_pickle=False)
                    arrays[member.removesuffix(".npy")] = value
    except UNREADABLE as error:
        raise ValueError(
            f"{path}: must be a whole result of a sweep ({type(error).__name__}: {error}); remove "
            "it and its cell is computed again, or use another folder"
        ) from error
    if held != _fingerprint(cell):
        raise ValueError(
            f"{path}: computed with {held}: must be {_fingerprint(cell)}; remove it or use another "
            "folder"
        )
    return arrays


def plain(value: Any) -> Any:
    """Return a number or array of NumPy as JSON has it; raise a TypeError for anything else."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{value!r} is not JSON-able")


def _fingerprint(cell: dict) -> str:
    return json.dumps(cell, sort_keys=True, default=plain)


def _is_whole(x) -> bool:
    return isinstance(x, int | np.integer) and not isinstance(x, bool)


def _check(cells: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise a ValueError for a cell whose result could not be kept or found again."""
    seen: dict[str, str] = {}
    for name, cell in cells.items():
        usable = isinstance(name, str) and name.isprintable() and 0 < len(name.encode()) <= 200
        if not usable or set(name) & set('/\\:*?"<>|') or name.startswith("."):
            raise ValueError(
                f"cells: name {name!r}: must be usable as a file name of at most 200 bytes"
            )
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(f"cells: name {name!r}: must differ from {other!r} in more than case")
        if not all(isinstance(key, str) for key in cell):
            raise ValueError(f"cells: {name!r}: parameters {list(cell)!r}: must be named by words")
        for key, value in cell.items():
            try:
                _fingerprint({key: value})
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"cells: {name!r}: {key}={value!r}: must be numbers, words, or lists or dicts "
                    "of them"
                ) from error


def _as_arrays(result: Result) -> dict[str, np.ndarray]:
    if not isinstance(result, Mapping):
        raise ValueError(f"result={result!r}: must be a dict of named arrays, numbers or words")
    arrays = {}
    for key, value in result.items():
        if not isinstance(key, str) or not key.isprintable():
            raise ValueError(f"result: key {key!r}: must be a printable word")
        try:
            arrays[key] = np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"result: {key}={value!r}: must be an array: {error}") from error
        if arrays[key].dtype.hasobject:
            raise ValueError(f"result: {key}={value!r}: must be an array, a number or a word")
    return arrays


def _here(f, todo: dict, **room) -> Iterator[tuple[str, Result]]:
    for name, cell in todo.items():
        yield name, f(**cell)


def _named(f, name: str, cell: dict) -> tuple[str, Result]:
    return name, f(**cell)


def _in_processes(f, todo: dict, workers: int, **room) -> Iterator[tuple[str, Result]]:
    from joblib import Parallel, delayed

    jobs = (delayed(_named)(f, name, cell) for name, cell in todo.items())
    yield from Parallel(n_jobs=workers, return_as="generator_unordered")(jobs)


def _on_ray(f, todo: dict, workers: int, **room) -> Iterator[tuple[str, Result]]:
    try:
        import ray
    except ImportError as error:
        raise ImportError("cluster=True needs Ray: pip install 'marketsai-lite[ray]'") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    task = ray.remote(max_retries=-1, **room)(_named)
    pending = [task.remote(f, name, cell) for name, cell in todo.items()]
    while pending:
        ready, pending = ray.wait(pending)
        yield from ray.get(ready)
