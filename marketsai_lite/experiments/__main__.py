"""List the experiments, or run one: ``python -m marketsai_lite.experiments [NAME]``.

Finished cells are kept in a folder of their own for each state of the code: after a change of a
file that the experiment imports its cells are computed anew.
"""

import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from marketsai_lite import experiments
from marketsai_lite.running import source
from marketsai_lite.running.output import print_anything
from marketsai_lite.running.sweep import must_be_writable, plain, sweep

RECORDED = Path(experiments.__file__).parent / "recorded"
PACKAGES = ("numpy", "numba", "torch")
ORIGIN = experiments.Origin._fields  # of a cell
ABOUT = (*ORIGIN, "date")  # what a cell holds beside its result


def timed(run, commit, /, **cell):
    """Run a cell and add the CPU seconds that it took, and when, by which code and where."""
    origin = {"commit": commit, "processor": processor()}
    start = time.process_time()
    result = run(**cell)
    seconds = time.process_time() - start
    return {**result, "cpu_seconds": seconds, "date": date.today().isoformat(), **origin}


def commit(files: Iterable[Path]) -> str:
    """Return the commit that is checked out; it ends in -dirty if one of `files` differs from it.

    It is "unknown" without git, and where the package is no part of a repository.
    """
    words = ("rev-parse", "--short=12", "HEAD")
    try:
        if not _git("ls-files", experiments.__file__):
            return "unknown"
        changed = _git("status", "--porcelain", "--ignored", "--untracked-files=all", "--", *files)
        return _git(*words) + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str | Path) -> str:
    done = subprocess.run(("git", *words), capture_output=True, check=True, cwd=source.PACKAGE)
    return done.stdout.decode(errors="replace").strip()


def processor() -> str:
    """Return the name of the processor, on which the last digits of a training run depend."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    told = dict([part.strip() for part in line.split(":", 1)] for line in lines if ":" in line)
    if "model name" not in told:
        return platform.processor() or platform.machine()
    return "{model name}, family {cpu family}, model {model}".format_map(told)


def versions(outside: str | None = None) -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide the numbers.

    `outside` is one that an experiment needs and this package does not.
    """
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, outside) if outside else PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def _outside(module) -> str | None:
    return getattr(module, "OUTSIDE", None)


def provenance(name: str, results: Mapping) -> dict:
    """Return what a reader needs to judge and repeat a run.

    The date is that of the last cell, and commits and processors are those of the cells.
    """
    seconds = sum(float(result["cpu_seconds"]) for result in results.values())
    told = {key: {str(r[key]) for r in results.values() if key in r} for key in ORIGIN}
    return {
        "command": f"python -m marketsai_lite.experiments {name}",
        "date": max(str(result["date"]) for result in results.values()),
        **versions(_outside(experiments.load(name))),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        **{key: "; ".join(sorted(values)) for key, values in told.items() if values},
        "cpu seconds": round(seconds, 1),
    }


def record(name: str, cells: Mapping, results: Mapping, folder: Path) -> Path:
    """Write the results of a finished experiment to a folder, atomically."""
    held = {
        "provenance": provenance(name, results),
        "cells": {
            cell: {
                "parameters": parameters,
                "result": {k: v.tolist() for k, v in results[cell].items() if k not in ABOUT},
                **{k: str(v) for k, v in results[cell].items() if k in ORIGIN},
            }
            for cell, parameters in cells.items()
        },
    }
    path = folder / f"{name}.json"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    text = json.dumps(held, ensure_ascii=False, indent=1, default=plain)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)
    return path


def others(name: str, cells: Mapping, only: Sequence[str], folder: Path | None) -> dict[str, dict]:
    """Return the recorded results of the cells whose names contain no text of `only`, with origin.

    Raises
    ------
    ValueError
        If one of `only` is in no name, or another cell is not recorded with the parameters it has
        now.
    """
    for text in only:
        if not any(text in cell for cell in cells):
            such = next(iter(cells))
            raise ValueError(f"--only {text!r}: must be in the name of a cell, such as {such!r}")
    taken = [cell for cell in cells if only and not any(text in cell for text in only)]
    if not taken:
        return {}
    held = experiments.recorded(name, folder)
    asked = json.loads(json.dumps({cell: cells[cell] for cell in taken}, default=plain))
    new = [cell for cell in taken if held.parameters.get(cell) != asked[cell]]
    if new:
        raise ValueError(
            f"--only {', '.join(map(repr, only))}: must cover the cells that are not recorded with "
            f"the parameters they have now: {', '.join(new)}"
        )
    found = {}
    for cell in taken:
        told = {k: v for k, v in held.origins[cell]._asdict().items() if v is not None}
        found[cell] = {**held.results[cell], "date": held.provenance["date"], **told}
    return found


def main() -> None:
    """List the experiments, or run one and record what it found."""
    print_anything()
    program, names = f"python -m {experiments.__name__}", experiments.names()
    parser = argparse.ArgumentParser(prog=program, description=main.__doc__)
    parser.add_argument(
        "name", nargs="?", choices=names, metavar="NAME", help="experiment (default: list them)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--cluster", action="store_true", help="run on Ray")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TEXT",
        help="compute the cells whose names contain TEXT (may be given several times); take the "
        "others from the record",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("_build/experiments"),
        help="where finished cells are kept, and the record if the package is installed",
    )
    options = parser.parse_args()
    if options.name is None:
        for name in names:
            module = experiments.load(name)
            first = (module.__doc__ or "").strip().splitlines()[0]
            print(f"{name:24} {len(module.cells()):4} cells {module.COST:8,} CPU s  {first}")
        return
    run(options, parser.error)


def run(options: argparse.Namespace, refuse) -> None:
    """Compute the cells of an experiment that are not finished, and record all of them."""
    name, module = options.name, experiments.load(options.name)
    cells, files = module.cells(), source.closure(f"import {module.__name__}")
    checkout = (source.PACKAGE.parent / "book" / "claims.yml").exists()
    where = RECORDED if checkout else options.folder
    outside = _outside(module)
    used = versions(outside)
    if used.get(str(outside)) == "absent":
        refuse(
            f"{name} needs {outside}: `make experiments NAME={name}` installs it in an "
            "environment of its own, `_build/outside`, and runs there"
        )
    mark = source.digest(files, *used.values())
    folder = options.folder / name / mark[:12]
    try:
        must_be_writable(where)
        known = (where / f"{name}.json").exists()
        taken = others(name, cells, options.only, where if known else None)
    except (ValueError, FileNotFoundError) as error:
        refuse(str(error))
    earlier = sorted(p.name for p in folder.parent.glob("*/") if p.name != folder.name)
    if earlier and not folder.exists():
        print(f"The code has changed since cells were computed in {', '.join(earlier)}: anew.")
    try:
        found = sweep(
            functools.partial(timed, module.run, commit(files)),
            {cell: parameters for cell, parameters in cells.items() if cell not in taken},
            folder,
            workers=options.workers,
            cluster=options.cluster,
        )
    except KeyboardInterrupt:
        sys.exit(f"\nInterrupted. Finished cells are in {folder}; run again to resume.")
    path = record(name, cells, {**taken, **found}, where)
    print(f"recorded in {path}; finished cells are in {folder}")


if __name__ == "__main__":
    main()
