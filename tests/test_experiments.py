"""Recorded experiments: complete, with provenance, and still what their code computes."""

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from marketsai_lite import experiments
from marketsai_lite.experiments.__main__ import processor, record

AFFORDABLE = 10.0  # CPU seconds a cell may take to be computed again in the tests


@pytest.mark.parametrize("name", experiments.names())
def test_a_recorded_experiment_has_all_its_cells_and_its_provenance(name):
    module, held = experiments.load(name), experiments.recorded(name)
    assert held.parameters == json.loads(json.dumps(module.cells()))
    assert {"command", "date", "commit", "python", "numpy", "machine"} <= set(held.provenance)
    assert module.COST == pytest.approx(held.provenance["cpu seconds"], rel=1.0)
    assert all(np.isfinite(v).all() for r in held.results.values() for v in r.values())


@pytest.mark.parametrize("name", experiments.names())
def test_a_recorded_experiment_was_run_by_code_that_is_in_the_history(name):
    here = {"cwd": os.path.dirname(__file__), "capture_output": True, "text": True}
    shallow = subprocess.run(["git", "rev-parse", "--is-shallow-repository"], **here)
    if shallow.stdout.strip() != "false":
        pytest.skip("the history is not here")
    for commit in experiments.recorded(name).provenance["commit"].split(", "):
        kind = subprocess.run(["git", "cat-file", "-t", commit], **here).stdout.strip()
        assert kind == "commit", f"{commit} is not in the history"


@pytest.mark.parametrize("name", experiments.names())
def test_a_recorded_cell_drawn_anew_is_computed_again(name):
    module, held = experiments.load(name), experiments.recorded(name)
    affordable = [c for c, r in held.results.items() if r["cpu_seconds"] <= AFFORDABLE]
    assert affordable, "no cell is small enough to be tested: add one"
    cell = random.choice(affordable)
    again = module.run(**held.parameters[cell])
    expected = {k: v for k, v in held.results[cell].items() if k != "cpu_seconds"}
    assert set(again) == set(expected)
    if getattr(module, "CHAOTIC", False) and held.provenance["processor"] != processor():
        for key in expected:
            low, high = _range(held, cell, key)
            near = 1e-9 * np.abs(again[key])
            inside = (low - near <= again[key]) & (again[key] <= high + near)
            assert inside.all(), f"{cell}: {key}"
        return
    for key, value in expected.items():
        np.testing.assert_allclose(
            again[key],
            value,
            rtol=getattr(module, "RTOL", 1e-12),
            atol=1e-12,
            err_msg=f"{cell}: {key}",
        )


def _range(held, cell, key):
    """Range of each number over the cells that differ in nothing but seeds, and as much beside it.

    Of positive numbers the range of their logarithms, since a few seeds may be far from the rest.
    """

    def alike(name):
        return {k: v for k, v in held.parameters[name].items() if k not in ("seed", "seeds")}

    values = np.array([r[key] for name, r in held.results.items() if alike(name) == alike(cell)])
    if held.results[cell][key].ndim and "seeds" in held.parameters[cell]:
        values = values.reshape(-1, *values.shape[2:])  # a cell of several seeds
    if (values > 0).all():
        low, high = np.log(values.min(0)), np.log(values.max(0))
        return np.exp(2 * low - high), np.exp(2 * high - low)
    low, high = values.min(0), values.max(0)
    return 2 * low - high, 2 * high - low


def test_what_is_recorded_is_read_back_exactly(tmp_path, monkeypatch):
    monkeypatch.setattr("marketsai_lite.experiments.__main__.RECORDED", tmp_path)
    x = np.random.default_rng(0).normal(size=(2, 3))
    cells, where = {"a": {"seed": 1}, "b": {"seed": 2}}, {"processor": np.array("one")}
    results = {
        name: {"x": x, "cpu_seconds": np.array(1.5), "commit": np.array(f"of {name}"), **where}
        for name in cells
    }
    held = json.loads(record("some", cells, results).read_text())
    assert np.array_equal(held["cells"]["a"]["result"]["x"], x)
    assert held["cells"]["a"]["parameters"] == {"seed": 1}
    assert held["provenance"]["cpu seconds"] == 3.0
    assert held["provenance"]["commit"] == "of a, of b"
    assert held["provenance"]["processor"] == "one"


def test_an_unknown_experiment_is_refused():
    with pytest.raises(ValueError, match="name='no_such': must be one of"):
        experiments.load("no_such")


def test_the_list_is_there_without_pytorch():
    code = "import sys; from marketsai_lite import experiments as e; "
    code += "[e.load(name).cells() for name in e.names()]; assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0


def test_the_list_says_what_each_costs():
    listing = subprocess.run(
        [sys.executable, "-m", "marketsai_lite.experiments"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ).stdout
    for name in experiments.names():
        assert name in listing
    assert listing.count("CPU s") == len(experiments.names())
