"""Sweeps: the same results wherever they run, and nothing lost when they are killed."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from marketsai_lite.running.sweep import sweep
from marketsai_lite.tabular.repeated_games import learn


def noise(seed, size=3):
    return {"x": np.random.default_rng(seed).normal(size=size), "twice": 2 * seed}


def duel(seed):
    """Two sessions of the repeated prisoners' dilemma."""
    payoffs = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])
    played = learn(payoffs, [seed, seed + 100], α=0.1, β=0.9, decay=1e-3, window=5_000, threads=1)
    return {"policy": played.policy, "periods": played.periods}


CELLS = {f"seed {k}": {"seed": k} for k in range(6)}


def test_a_sweep_returns_what_the_function_returns(tmp_path):
    results = sweep(noise, CELLS, tmp_path, progress=False)
    assert list(results) == list(CELLS)
    for name, cell in CELLS.items():
        assert np.array_equal(results[name]["x"], noise(**cell)["x"])
        assert results[name]["twice"] == 2 * cell["seed"]


def same(here, there):
    assert list(here) == list(there)
    for name, result in here.items():
        assert all(np.array_equal(value, there[name][key]) for key, value in result.items())


def test_processes_give_the_same_results(tmp_path):
    here = sweep(duel, CELLS, tmp_path / "a", progress=False)
    there = sweep(duel, CELLS, tmp_path / "b", workers=2, progress=False)
    same(here, there)
    assert len({int(p) for result in here.values() for p in result["periods"]}) > 6


def test_finished_cells_are_not_run_again(tmp_path):
    sweep(noise, CELLS, tmp_path, progress=False)

    def never(seed):
        raise AssertionError("run again")

    again = sweep(never, CELLS, tmp_path, progress=False)
    assert np.array_equal(again["seed 3"]["x"], noise(3)["x"])


def test_a_failing_cell_keeps_the_others(tmp_path):
    def fails(seed):
        if seed == 4:
            raise RuntimeError("cell 4")
        return noise(seed)

    with pytest.raises(RuntimeError, match="cell 4"):
        sweep(fails, CELLS, tmp_path, progress=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"seed {k}.npz" for k in range(4)]
    assert len(sweep(noise, CELLS, tmp_path, progress=False)) == 6


SLOW = """
import sys, time
sys.path.insert(0, {tests!r})
from test_sweep import CELLS, noise
from marketsai_lite.running.sweep import sweep
def slow(seed):
    time.sleep(0.2)
    return noise(seed)
sweep(slow, CELLS, {folder!r}, progress=False)
"""


def test_a_killed_sweep_resumes_without_loss(tmp_path):
    script = SLOW.format(tests=os.path.dirname(__file__), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script])
    while not list(tmp_path.glob("*.npz")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {p: p.stat().st_mtime_ns for p in tmp_path.glob("*.npz")}
    assert 0 < len(before) < len(CELLS)
    results = sweep(noise, CELLS, tmp_path, progress=False)
    assert all(p.stat().st_mtime_ns == t for p, t in before.items())
    assert all(np.array_equal(results[k]["x"], noise(**CELLS[k])["x"]) for k in CELLS)


def test_a_result_of_other_parameters_is_refused(tmp_path):
    sweep(noise, {"a": {"seed": 1}}, tmp_path, progress=False)
    with pytest.raises(ValueError, match=r'computed with \{"seed": 1\}: must be \{"seed": 2\}'):
        sweep(noise, {"a": {"seed": 2}}, tmp_path, progress=False)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden"])
def test_a_bad_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cells: name"):
        sweep(noise, {name: {"seed": 1}}, tmp_path)


def test_workers_must_be_positive(tmp_path):
    with pytest.raises(ValueError, match="workers=0"):
        sweep(noise, CELLS, tmp_path, workers=0)


def test_ray_gives_the_same_results_and_survives_the_loss_of_a_node(tmp_path):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    def slow(seed):
        time.sleep(1.0)
        return duel(seed)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    here = {"PYTHONPATH": os.path.dirname(__file__)}
    ray.init(address=cluster.address, log_to_driver=False, runtime_env={"env_vars": here})
    loss = threading.Timer(2.0, lambda: cluster.remove_node(other))
    loss.start()
    try:
        results = sweep(slow, CELLS, tmp_path / "there", cluster=True, progress=False)
        assert loss.finished.is_set()  # the node was gone before the sweep was over
    finally:
        loss.cancel()
        ray.shutdown()
        cluster.shutdown()
    same(sweep(duel, CELLS, tmp_path / "here", progress=False), results)


def test_a_cluster_without_ray_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"marketsai-lite\[ray\]"):
        sweep(noise, CELLS, tmp_path, cluster=True, progress=False)
