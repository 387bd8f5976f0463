"""List the experiments, or run one: ``python -m marketsai_lite.experiments [NAME]``."""

import argparse
import functools
import json
import os
import platform
import subprocess
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

from marketsai_lite import experiments
from marketsai_lite.running.sweep import sweep

RECORDED = Path(experiments.__file__).parent / "recorded"
VERSIONS = ("numpy", "numba", "torch")


def timed(run, **cell):
    """Run a cell and add the CPU seconds that it took, and by which code and where."""
    start = time.process_time()
    result = run(**cell)
    seconds = time.process_time() - start
    return {**result, "cpu_seconds": seconds, "commit": commit(), "processor": processor()}


def commit() -> str:
    """Return the commit that is checked out; it ends in -dirty if files have been changed."""
    words = ("git", "describe", "--always", "--dirty", "--abbrev=12")
    done = subprocess.run(words, capture_output=True, text=True, cwd=RECORDED)
    return done.stdout.strip() or "unknown"


def processor() -> str:
    """Return the name of the processor, on which the last digits of a training run depend."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    told = dict([part.strip() for part in line.split(":", 1)] for line in lines if ":" in line)
    if "model name" not in told:
        return platform.processor() or platform.machine()
    return "{model name}, family {cpu family}, model {model}".format_map(told)


def provenance(name: str, results: dict) -> dict:
    """Return what a reader needs to judge and repeat a run.

    Commits and processors are those of the cells, which a resumed run may have several of.
    """
    seconds = sum(float(result["cpu_seconds"]) for result in results.values())
    of_cells = {
        key: ", ".join(sorted({str(result[key]) for result in results.values()}))
        for key in ("commit", "processor")
    }
    return {
        "command": f"python -m marketsai_lite.experiments {name}",
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{package: version(package) for package in VERSIONS},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        **of_cells,
        "cpu seconds": round(seconds, 1),
    }


def record(name: str, cells: dict, results: dict) -> Path:
    """Write the results of a finished experiment, atomically."""
    held = {
        "provenance": provenance(name, results),
        "cells": {
            cell: {
                "parameters": cells[cell],
                "result": {
                    key: value.tolist()
                    for key, value in result.items()
                    if key not in ("commit", "processor")
                },
            }
            for cell, result in results.items()
        },
    }
    path = RECORDED / f"{name}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(held, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def main() -> None:
    """List the experiments, or run one and record what it found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("name", nargs="?", help="experiment to run (default: list them)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--cluster", action="store_true", help="run on Ray")
    parser.add_argument("--folder", type=Path, default=Path("_build/experiments"))
    options = parser.parse_args()
    if options.name is None:
        for name in experiments.names():
            module = experiments.load(name)
            first = (module.__doc__ or "").strip().splitlines()[0]
            print(f"{name:24} {len(module.cells()):4} cells {module.COST:8,} CPU s  {first}")
        return
    module = experiments.load(options.name)
    cells = module.cells()
    run = functools.partial(timed, module.run)
    folder = options.folder / options.name
    results = sweep(run, cells, folder, workers=options.workers, cluster=options.cluster)
    print(f"recorded in {record(options.name, cells, results)}; finished cells are in {folder}")


if __name__ == "__main__":
    main()
