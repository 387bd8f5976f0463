"""Importing the package costs little and loads no framework."""

import subprocess
import sys

HEAVY = ("torch", "numba", "quantecon", "pettingzoo", "gymnasium", "matplotlib", "ray")
MODULES = "marketsai_lite, marketsai_lite.claims, marketsai_lite.scale"


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def seconds(module):
    clock = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    return float(run(clock))


def test_importing_the_package_takes_less_than_twice_importing_numpy():
    times = [(seconds("marketsai_lite"), seconds("numpy")) for _ in range(7)]
    ours, numpy = (min(t) for t in zip(*times, strict=True))
    assert ours < 2 * numpy


def test_importing_the_package_loads_nothing_heavy():
    loaded = run(f"import sys, {MODULES}; print([m for m in {HEAVY!r} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_tabular_core_loads_no_framework():
    code = "import sys; import marketsai_lite.tabular.solve, marketsai_lite.tabular.q_learning"
    heavy = ("torch", "quantecon", "pettingzoo", "gymnasium", "matplotlib", "ray")
    assert run(f"{code}; print([m for m in {heavy!r} if m in sys.modules])").strip() == "[]"
