"""Sweeps: the same results wherever they run, and nothing lost when they are killed."""

import os
import pickle
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


# Before anything is computed.


def never(**cell):
    raise AssertionError("computed")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", 3, "a\0", "a\nb", "ä" * 101])
def test_a_bad_name_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="cells: name"):
        sweep(never, {name: {"seed": 1}}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_names_that_are_one_file_on_some_machines_are_refused(tmp_path):
    with pytest.raises(ValueError, match="name 'A': must differ from 'a' in more than case"):
        sweep(never, {"a": {"seed": 1}, "A": {"seed": 2}}, tmp_path)


def test_numbers_and_arrays_of_numpy_are_parameters(tmp_path):
    cells = {"a": {"seed": np.int64(3), "size": np.int32(2)}, "b": {"seed": np.array([1, 2])}}
    found = sweep(noise, cells, tmp_path, progress=False)
    assert np.array_equal(found["a"]["x"], noise(3, 2)["x"])
    cells = {"a": {"seed": 3, "size": 2}, "b": {"seed": [1, 2]}}
    same(found, sweep(never, cells, tmp_path, progress=False))


@pytest.mark.parametrize("value", [{1, 2}, object(), 1j, {"deep": [b"bytes"]}])
def test_parameters_that_cannot_be_written_are_refused(tmp_path, value):
    cells = {**CELLS, "last": {"seed": 1, "size": value}}
    with pytest.raises(ValueError, match=r"cells: 'last': size=.*: must be numbers, words, or"):
        sweep(never, cells, tmp_path)
    with pytest.raises(ValueError, match=r"cells: 'a': parameters \[1\]: must be named by words"):
        sweep(never, {"a": {1: value}}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.isdir("/sys/kernel"), reason="needs a folder that nobody may fill")
def test_a_folder_that_cannot_be_written_to_is_noticed_at_once(tmp_path):
    with pytest.raises(ValueError, match="folder='/sys/kernel': must be a folder that can be wri"):
        sweep(never, CELLS, "/sys/kernel")
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="must be a folder that can be written to"):
        sweep(never, CELLS, tmp_path / "file" / "below")


def test_a_finished_sweep_is_read_from_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    found = sweep(noise, CELLS, tmp_path, progress=False)

    def refuse(folder):
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr("marketsai_lite.running.sweep.must_be_writable", refuse)
    same(found, sweep(never, CELLS, tmp_path, progress=False))


def foreign(path):
    np.savez(path, x=np.arange(3))


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    held = bytearray(path.read_bytes())
    middle = held.index(b"x.npy") + 150
    held[middle] ^= 255
    path.write_bytes(held)


def pickled(path):
    np.savez(path, x=np.array([None]), allow_pickle=True)


@pytest.mark.parametrize("damage", [foreign, cut, emptied, flipped, pickled])
def test_a_damaged_or_foreign_file_is_named_with_the_cure(tmp_path, damage):
    cells = {"a": {"seed": 1, "size": 100}, "b": {"seed": 2, "size": 100}}
    sweep(noise, cells, tmp_path, progress=False)
    damage(tmp_path / "b.npz")
    with pytest.raises(ValueError, match=r"b\.npz: must be a whole result of a sweep .*remove it"):
        sweep(never, {"new": {}, **cells}, tmp_path, progress=False)
    (tmp_path / "b.npz").unlink()
    found = sweep(noise, cells, tmp_path, progress=False)
    assert np.array_equal(found["b"]["x"], noise(2, 100)["x"])


# What a function may return.


def test_a_result_may_have_any_name(tmp_path):
    names = ("file", "_cell", "cell.json", "allow_pickle", "self", "λ and words", "a/b", "x.npy")

    def f(seed):
        return {name: np.full((2, seed), i) for i, name in enumerate(names)}

    found = sweep(f, {"a": {"seed": 3}}, tmp_path, progress=False)["a"]
    again = sweep(never, {"a": {"seed": 3}}, tmp_path, progress=False)["a"]
    for result in (found, again):
        assert list(result) == list(names)
        assert all(np.array_equal(result[n], np.full((2, 3), i)) for i, n in enumerate(names))


@pytest.mark.parametrize("value", [1.5, True, "λ", b"x", [], np.float32(0.1), 1j, np.ones((2, 0))])
def test_what_is_returned_is_read_back_exactly(tmp_path, value):
    for _ in range(2):  # the second time it comes from the file
        found = sweep(lambda: {"x": value}, {"a": {}}, tmp_path, progress=False)["a"]["x"]
        assert found.dtype == np.asarray(value).dtype
        assert np.array_equal(found, np.asarray(value))


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "result=None: must be a dict of named arrays"),
        ({"y": 1, "x": None}, "result: x=None: must be an array, a number or a word"),
        ({"x": [[1], [1, 2]]}, r"result: x=\[\[1\], \[1, 2\]\]: must be an array"),
        ({1: 2}, "result: key 1: must be a printable word"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused_and_not_lost(tmp_path, result, message):
    with pytest.raises(ValueError, match=f"cell 'a': {message}"):
        sweep(lambda: result, {"a": {}, "b": {}}, tmp_path, progress=False)
    (kept,) = tmp_path.iterdir()
    assert kept.name == "a.refused.pickle"
    assert pickle.loads(kept.read_bytes()) == result


@pytest.mark.parametrize("workers", [0, -1, 1.5, "2", True, None])
def test_workers_must_be_a_positive_integer(tmp_path, workers):
    with pytest.raises(ValueError, match=f"workers={workers!r}: must be an integer of at least 1"):
        sweep(never, CELLS, tmp_path, workers=workers)


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


class Stopped(Exception):
    """Stands for what ends a process."""


def counting(n, checkpoint):
    """Count to n, keeping how far it has come; stopped in the middle the first time."""
    start = int(checkpoint.read_text(encoding="utf-8")) if checkpoint.exists() else 0
    for k in range(start, n):
        checkpoint.write_text(str(k + 1), encoding="utf-8")
        if start == 0 and k == n // 2:
            raise Stopped
    return {"began at": start, "count": n}


def test_a_long_cell_goes_on_from_its_checkpoint(tmp_path):
    with pytest.raises(Stopped):
        sweep(counting, {"a": {"n": 10}}, tmp_path, checkpoints=True, progress=False)
    assert (tmp_path / "a.pt").read_text(encoding="utf-8") == "6"
    found = sweep(counting, {"a": {"n": 10}}, tmp_path, checkpoints=True, progress=False)
    assert found["a"]["began at"] == 6 and found["a"]["count"] == 10
    assert not (tmp_path / "a.pt").exists()


@pytest.mark.parametrize("room", [{"num_cpus": -1}, {"num_gpus": float("nan")}])
def test_impossible_room_is_refused(tmp_path, room):
    with pytest.raises(ValueError, match=rf"^{next(iter(room))}=.*: must be a number, at least 0"):
        sweep(counting, {"a": {"n": 2}}, tmp_path, **room)
