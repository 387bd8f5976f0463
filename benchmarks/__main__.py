"""Run all benchmarks, print their tables, and write results.md and results.json beside them."""

import os

# NumPy reads these when it is imported.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import datetime
import importlib.metadata
import json
import pathlib
import platform

from benchmarks import (
    constructor,
    deep,
    imports,
    krusell_smith,
    q_learning,
    repeated_games,
    solvers,
)
from benchmarks.timing import Table
from marketsai_lite.experiments.__main__ import processor
from marketsai_lite.running.output import print_anything

HERE = pathlib.Path(__file__).parent
PACKAGES = ["numpy", "numba", "scipy", "torch", "quantecon"]


def machine() -> dict[str, str]:
    """Return what the measurements depend on."""
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "processors": str(os.cpu_count()),
        "load at the start": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        **versions,
    }


def markdown(table: Table) -> str:
    columns = list(table.rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    for row in table.rows:
        lines.append("| " + " | ".join("" if x is None else str(x) for x in row.values()) + " |")
    return f"## {table.title}\n\n{table.text}\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    print_anything()
    about = machine()
    text = ", ".join(f"{name} {value}" for name, value in about.items())
    parts = [
        "# Benchmarks\n\nCPU seconds of one thread, the best of five rounds in which what is "
        f"compared takes turns; without compilation. Written by `make bench`.\n\n{text}.\n"
    ]
    tables = []
    for module in (imports, solvers, q_learning, repeated_games, constructor, krusell_smith, deep):
        for table in module.tables():
            tables.append(table)
            parts.append(markdown(table))
            print(parts[-1], flush=True)
    (HERE / "results.md").write_text("\n".join(parts), encoding="utf-8")
    content = {"machine": about, "tables": [table._asdict() for table in tables]}
    (HERE / "results.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
