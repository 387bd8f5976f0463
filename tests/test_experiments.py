"""Recorded experiments: complete, with provenance, and still what their code computes."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from records import compute_again, drawable

from marketsai_lite import experiments
from marketsai_lite.experiments.__main__ import processor, record

PACKAGE = Path(experiments.__file__).parent.parent
TEXT = {"capture_output": True, "text": True, "encoding": "utf-8"}
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
    held = experiments.recorded(name)
    commits = {origin.commit for origin in held.origins.values()}
    assert sorted(commits) == held.provenance["commit"].split("; ")
    for commit in commits:
        kind = subprocess.run(["git", "cat-file", "-t", commit], **here).stdout.strip()
        assert kind == "commit", f"{commit} is not in the history"


@pytest.mark.parametrize("name", experiments.names())
def test_a_recorded_cell_drawn_anew_is_computed_again(name):
    module, held = experiments.load(name), experiments.recorded(name)
    affordable = drawable(module, held, AFFORDABLE)
    assert affordable, "no cell is small enough to be tested: add one"
    compute_again(module, held, random.choice(affordable))


@pytest.mark.parametrize("name", experiments.names())
def test_the_provenance_of_a_record_joins_those_of_its_cells(name):
    held = experiments.recorded(name)
    assert list(held.origins) == list(held.results)
    told = {origin.processor for origin in held.origins.values()} - {None}
    assert "; ".join(sorted(told)) == held.provenance.get("processor", "")
    if getattr(experiments.load(name), "CHAOTIC", False):
        assert all(origin.processor for origin in held.origins.values())


def test_the_best_try_of_each_agent_is_the_one_with_the_least_error():
    module, held = experiments.load("growth_tries"), experiments.recorded("growth_tries")
    for (model, agent), best in module.BEST.items():
        errors = [
            np.mean(
                [held.results[f"{model}, {agent}, try {k}, seed {s}"]["mae"] for s in (100, 101)]
            )
            for k in range(len(module.TRIES[agent]))
        ]
        assert np.argmin(errors) == best, (model, agent)
        if module.BRIEF[:2] == (model, agent):
            lengths = [given["steps"] for given in module.TRIES[agent]]
            brief = [k for k, steps in enumerate(lengths) if steps == min(lengths)]
            assert min(brief, key=errors.__getitem__) == module.BRIEF[2]
    assert len(module.TRIES["PPO"]) == len(module.TRIES["APG"])
    assert not set(module.TRIED_ON) & set(module.REPORTED_ON)


def test_what_is_recorded_is_read_back_exactly(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 3))
    name, cells = "lq_agents", {"a": {"seed": np.int64(1)}, "b": {"seed": 2}}
    results = {
        cell: {"x": x, "cpu_seconds": np.array(1.5), "commit": np.array(f"of {cell}")}
        for cell in cells
    }
    results["a"]["date"], results["b"]["date"] = np.array("2026-01-31"), np.array("2026-02-01")
    results["b"]["processor"] = np.array("one")
    record(name, cells, results, tmp_path)
    held = experiments.recorded(name, tmp_path)
    assert np.array_equal(held.results["a"]["x"], x)
    assert set(held.results["b"]) == {"x", "cpu_seconds"}
    assert held.parameters == {"a": {"seed": 1}, "b": {"seed": 2}}
    assert held.origins == {"a": ("of a", None), "b": ("of b", "one")}
    assert held.provenance["cpu seconds"] == 3.0
    assert held.provenance["date"] == "2026-02-01"
    assert held.provenance["commit"] == "of a; of b"
    assert held.provenance["processor"] == "one"


# The command, in a repository of its own with an experiment of two agents.

TINY = '''"""An experiment: λ, β and – a dash."""

import os
import time

import numpy as np

COST = 1
α = 0.25


def cells():
    return {f"{a}, seed {s}": {"agent": a, "seed": np.int64(s)} for a in "AB" for s in (1, 2)}


def run(agent, seed):
    time.sleep(float(os.environ.get("SLOW", 0)))
    return {"x": α * seed, "of": ord(agent)}
'''


# Python takes compiled code for that of its source if both have one size and one second, as two
# edits of a test may have.
ALONE = {"PYTHONDONTWRITEBYTECODE": "1"}


class Repository:
    """A copy of what an experiment needs, with one experiment."""

    def __init__(self, folder):
        self.folder, self.package = folder, folder / "marketsai_lite"
        self.record = self.package / "experiments" / "recorded" / "tiny.json"
        shutil.copytree(PACKAGE / "running", self.package / "running")
        (self.package / "experiments").mkdir()
        for name in ("__init__.py", "require.py", "experiments/__init__.py"):
            shutil.copy(PACKAGE / name, self.package / name)
        shutil.copy(PACKAGE / "experiments" / "__main__.py", self.package / "experiments")
        self.edit("experiments/tiny.py", TINY)
        (folder / "book").mkdir()
        (folder / "book" / "claims.yml").touch()  # as in a clone, and not where it is installed
        (folder / ".gitignore").write_text("__pycache__\n_build\n", encoding="utf-8")
        self.git("init", "-q")
        self.commit()

    def edit(self, name, text):
        (self.package / name).write_text(text, encoding="utf-8")

    def git(self, *words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(["git", *who, *words], cwd=self.folder, check=True, **TEXT)
        return done.stdout.strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        self.head = self.git("rev-parse", "--short=12", "HEAD")

    def start(self, *words, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", "marketsai_lite.experiments", *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ALONE, "PYTHONPATH": str(self.folder), **environment},
        )

    def run(self, *words, rc=0, **environment):
        process = self.start(*words, **environment)
        told = "".join(part.decode() for part in process.communicate())
        assert process.returncode == rc, told
        return told

    def read(self, path=None):
        cells = json.loads((path or self.record).read_text(encoding="utf-8"))["cells"]
        return {c: (held["result"]["x"], held["commit"]) for c, held in cells.items()}


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("needs git")
    return Repository(tmp_path)


def test_changed_code_is_noticed_and_told(repository):
    repository.run("tiny")
    first = repository.head
    assert repository.read()["B, seed 2"] == (0.5, first)
    (repository.folder / "elsewhere.txt").touch()  # the experiment does not depend on it
    repository.edit("elsewhere.py", "x = 1")
    assert "The code has changed" not in repository.run("tiny")
    assert repository.read()["B, seed 2"] == (0.5, first)
    repository.edit("experiments/tiny.py", TINY.replace("0.25", "0.5"))
    assert "The code has changed" in repository.run("tiny")
    assert repository.read()["B, seed 2"] == (1.0, f"{first}-dirty")
    repository.edit("experiments/tiny.py", TINY)
    repository.run("tiny", SLOW="1000")  # the first cells are still there
    assert repository.read()["B, seed 2"] == (0.5, first)


def test_changed_code_that_an_experiment_imports_is_noticed(repository):
    repository.edit("rate.py", "rate = 1.0")
    source = TINY.replace("COST", "from marketsai_lite.rate import rate\n\nCOST")
    repository.edit("experiments/tiny.py", source.replace("α * seed", "rate * seed"))
    repository.run("tiny")
    assert repository.read()["A, seed 2"] == (2.0, f"{repository.head}-dirty")
    repository.commit()
    repository.edit("rate.py", "rate = 3.0")
    repository.run("tiny")
    assert repository.read()["A, seed 2"] == (6.0, f"{repository.head}-dirty")


def test_two_edits_in_one_second_are_two(repository):
    for rate, found in (("1.0", 2.0), ("3.0", 6.0)):
        repository.edit("experiments/tiny.py", TINY.replace("0.25", rate))
        os.utime(repository.package / "experiments" / "tiny.py", (1_800_000_000,) * 2)
        repository.run("tiny")
        assert repository.read()["A, seed 2"][0] == found


def test_only_some_cells_are_computed_anew(repository):
    repository.run("tiny")
    first, changed = repository.head, TINY.replace("0.25", "0.5")
    repository.edit("experiments/tiny.py", changed)
    repository.commit()
    repository.run("tiny", "--only", "B")
    assert repository.read() == {
        "A, seed 1": (0.25, first),
        "A, seed 2": (0.5, first),
        "B, seed 1": (0.5, repository.head),
        "B, seed 2": (1.0, repository.head),
    }
    held = json.loads(repository.record.read_text(encoding="utf-8"))
    assert held["provenance"]["commit"] == "; ".join(sorted([first, repository.head]))
    assert held["provenance"]["processor"] == processor()
    assert all(entry["processor"] == processor() for entry in held["cells"].values())
    assert re.search(r"invalid choice: 'other' \(choose from '?tiny", repository.run("other", rc=2))
    told = repository.run("tiny", "--only", "B", "--only", "nobody", rc=2)
    assert "--only 'nobody': must be in the name of a cell, such as 'A, seed 1'" in told
    repository.edit("experiments/tiny.py", changed.replace("(1, 2)", "(1, 3)"))
    told = repository.run("tiny", "--only", "B", rc=2)
    assert "cells that are not recorded with the parameters they have now: A, seed 3" in told
    repository.commit()
    repository.run("tiny", "--only", "B, seed 1", "--only", "seed 3")
    assert repository.read() == {
        "A, seed 1": (0.25, first),
        "A, seed 3": (1.5, repository.head),
        "B, seed 1": (0.5, repository.head),
        "B, seed 3": (1.5, repository.head),
    }
    repository.record.unlink()
    told = repository.run("tiny", "--only", "B", rc=2)
    assert "tiny.json: run `python -m marketsai_lite.experiments tiny`, which writes it" in told


def test_without_git_the_cells_are_kept_and_their_commit_is_unknown(repository):
    repository.run("tiny", PATH=str(repository.folder))
    assert repository.read()["B, seed 2"] == (0.5, "unknown")


def test_an_installed_package_records_where_it_is_run(repository):
    (repository.folder / "book" / "claims.yml").unlink()
    told = repository.run("tiny")
    path = repository.folder / "_build" / "experiments" / "tiny.json"
    assert f"recorded in {path.relative_to(repository.folder)}" in told
    assert repository.read(path)["B, seed 2"] == (0.5, repository.head)
    repository.git("rm", "-rq", "--cached", ".")  # as in an environment inside another project
    repository.git("commit", "-q", "-m", "x", "--allow-empty")
    repository.run("tiny", "--only", "B", "--folder", "other", rc=2)  # nothing is recorded there
    repository.run("tiny", "--folder", "other")
    assert repository.read(repository.folder / "other" / "tiny.json")["A, seed 1"][1] == "unknown"
    assert not repository.record.exists()


def test_a_record_that_cannot_be_written_is_noticed_before_anything_is_computed(repository):
    assert not repository.record.parent.exists()
    repository.record.parent.touch()
    told = repository.run("tiny", rc=2, SLOW="1000")
    assert "must be a folder that can be written to" in told


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupted_experiment_says_how_to_resume(repository, workers):
    process = repository.start("tiny", "--workers", workers, SLOW="1")
    while not list(repository.folder.rglob("*.npz")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told, errors = (part.decode() for part in process.communicate(timeout=60))
    assert process.returncode == 1
    assert "Interrupted. Finished cells are in" in errors
    assert "run again to resume" in errors
    assert "Traceback" not in told + errors
    done = {path: path.stat().st_mtime_ns for path in repository.folder.rglob("*.npz")}
    assert 0 < len(done) < 4
    repository.run("tiny")
    assert len(repository.read()) == 4
    assert all(path.stat().st_mtime_ns == before for path, before in done.items())


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_the_list_is_printed_in_any_encoding(repository, encoding):
    environment = {"PYTHONIOENCODING": encoding, "LC_ALL": "C", "PYTHONUTF8": "0"}
    environment["PYTHONCOERCECLOCALE"] = "0"
    process = repository.start(**environment)
    told, errors = process.communicate()
    assert process.returncode == 0, errors
    assert r"An experiment: \u03bb" in told.decode(encoding)
    process = repository.start("tiny", **environment)
    assert process.communicate()[1] == b""
    assert repository.read()["B, seed 2"] == (0.5, repository.head)


def test_an_unknown_experiment_is_refused():
    with pytest.raises(ValueError, match="name='no_such': must be one of"):
        experiments.load("no_such")
    with pytest.raises(ValueError, match=r"name='nonsense': must be one of .*lq_agents"):
        experiments.recorded("nonsense")


def test_a_library_that_is_not_installed_is_told_before_anything_is_computed(repository):
    source = TINY.replace("COST", 'OUTSIDE = "no-such-library"\nCOST')
    repository.edit("experiments/tiny.py", source)
    told = repository.run("tiny", rc=2, SLOW="1000")
    assert "tiny needs no-such-library: `make experiments NAME=tiny` installs it" in told
    repository.edit("experiments/tiny.py", source.replace("no-such-library", "pytest"))
    repository.run("tiny")
    held = json.loads(repository.record.read_text(encoding="utf-8"))
    assert held["provenance"]["pytest"] == pytest.__version__


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
