"""What importing the package costs, beside importing NumPy."""

import subprocess
import sys

from benchmarks.timing import ROUNDS, Table

MODULES = ["numpy", "marketsai_lite", "numba", "marketsai_lite.tabular"]


def seconds(module: str) -> float:
    """Return the CPU seconds of importing a module in a fresh interpreter."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def tables() -> list[Table]:
    best = {module: float("inf") for module in MODULES}
    for _ in range(ROUNDS):
        for module in MODULES:
            best[module] = min(best[module], seconds(module))
    rows = [
        {
            "import": module,
            "milliseconds": round(1e3 * t, 1),
            "times numpy": float(f"{t / best['numpy']:.3g}"),
        }
        for module, t in best.items()
    ]
    return [Table("Import", "Each in a fresh interpreter with a warm cache of bytecode.", rows)]
