"""How lectures are run: one that a reader edits, and a cache that never serves stale work."""

import os
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from marketsai_lite.claims import PREFIX
from marketsai_lite.running import source
from tools import book, lectures, ledger
from tools.alone import alone

EDITED = """
import sys, matplotlib
from tools import book, lectures
matplotlib.use("Agg")
cells = lectures.read(book.ROOT / "lectures" / "mdp.md").cells
code = "\\n".join(cell.source for cell in cells if cell.cell_type == "code")
old = "economy = LogitMonopolist()"
assert old in code
exec(code.replace(old, f"economy = LogitMonopolist({sys.argv[1]})"), {})
"""


@pytest.mark.parametrize("change", ["β=0.05", "β=0.9"])
def test_the_first_lecture_runs_when_a_reader_changes_a_parameter(change):
    words = [sys.executable, "-W", "error", "-c", EDITED, change]
    environment = {**os.environ, "MARKETSAI_SCALE": "smoke", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=book.ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def sandbox(tmp_path, monkeypatch):
    """A build folder of its own; returns a function that writes a lecture of given cells."""
    monkeypatch.setattr(book, "build_dir", lambda: tmp_path / "_build")
    monkeypatch.setenv("MARKETSAI_SCALE", "lecture")

    def write(*cells, name="tiny"):
        header = "---\nfile_format: mystnb\nkernelspec: {name: python3, display_name: x}\n---\n"
        body = "\n\n".join(f"```{{code-cell}} ipython3\n{cell}\n```" for cell in cells)
        path = tmp_path / f"{name}.md"
        path.write_text(f"{header}\n# Tiny\n\n{body}\n", encoding="utf-8")
        return path

    return write


def said(path):
    lines = []
    [(record, notebook)] = lectures.executed([path], say=lines.append).values()
    return lines, record, notebook


def test_a_lecture_runs_once_and_then_comes_from_the_cache(sandbox):
    path = sandbox("print(6 * 7)", "1 + 1")
    lines, record, notebook = said(path)
    assert lines[0] == "tiny: running at lecture scale"
    assert [line.split(" s")[0][:17] for line in lines[1:3]] == [
        "  tiny: cell 1/2 ",
        "  tiny: cell 2/2 ",
    ]
    assert record.data["execution_seconds"] > 0
    lines, _, again = said(path)
    assert "from the cache" in lines[0]
    assert again.cells[0].outputs[0]["text"] == "42\n"
    assert len(notebook.cells) == 3  # a title and two cells: the probe is gone


def test_the_modules_that_a_lecture_loads_are_recorded(sandbox):
    _, record, _ = said(sandbox("import gymnasium"))
    assert "gymnasium" in record.data["heavy"]
    assert "ray" not in record.data["heavy"]


def test_a_failing_cell_stops_the_run_and_nothing_is_kept(sandbox):
    path = sandbox("x = 1", "1 / 0")
    with pytest.raises(lectures.LectureError, match=r"(?s)tiny, cell 2 of 2.*ZeroDivisionError"):
        lectures.executed([path])
    assert not lectures.open_cache().list_cache_records()


def test_lectures_run_beside_each_other_and_a_failing_one_stops_those_that_wait(sandbox):
    code = "import time\nstart = time.time(); time.sleep(2)\nprint(start, time.time())"
    paths = [sandbox(code, f"{k}", name=f"tiny{k}") for k in range(2)]
    found = lectures.executed(paths, say=str)
    assert list(found) == ["tiny0", "tiny1"]
    times = [found[name][1].cells[1].outputs[0]["text"].split() for name in found]
    if os.cpu_count() > 1:
        assert max(float(start) for start, _ in times) < min(float(end) for _, end in times)
    paths += [sandbox("1 / 0", name="failing")]
    paths += [sandbox(code, f"{k}", name=f"waiting{k}") for k in range(4 * os.cpu_count())]
    with pytest.raises(lectures.LectureError, match="failing, cell 1 of 1"):
        lectures.executed(paths, say=str)
    assert len(lectures.open_cache().list_cache_records()) < 2 + 2 * os.cpu_count()


def test_stderr_stops_the_run(sandbox):
    with pytest.raises(lectures.LectureError, match="stderr: oh no"):
        lectures.executed([sandbox("import sys; print('oh no', file=sys.stderr)")])
    assert not lectures.open_cache().list_cache_records()


def test_a_cell_that_takes_too_long_stops_the_run(sandbox, monkeypatch):
    monkeypatch.setattr(lectures, "TIMEOUT", 1)
    start = time.perf_counter()
    with pytest.raises(lectures.LectureError, match="tiny, cell 1"):
        lectures.executed([sandbox("import time; time.sleep(60)")])
    assert time.perf_counter() - start < 30


def test_another_fingerprint_makes_the_lecture_run_again(sandbox, monkeypatch):
    path = sandbox("1")
    said(path)
    monkeypatch.setattr(lectures, "fingerprint", lambda notebook: "another")
    assert "running" in said(path)[0][0]
    assert len(lectures.open_cache().list_cache_records()) == 1


def test_a_record_that_the_book_build_wrote_by_itself_is_not_trusted(sandbox):
    path = sandbox("1")
    _, _, notebook = said(path)
    cache = lectures.open_cache()
    bundle = lectures.CacheBundleIn(notebook, str(path), data={"execution_seconds": 1.0})
    cache.cache_notebook_bundle(bundle, overwrite=True)
    assert "running" in said(path)[0][0]


@pytest.mark.parametrize("damage", ["truncated", "missing"])
def test_an_interrupted_store_is_run_again(sandbox, damage):
    path = sandbox("print(6 * 7)")
    _, record, _ = said(path)
    stored = lectures.open_cache()._get_notebook_path_cache(record.hashkey)
    if damage == "truncated":
        stored.write_text(stored.read_text(encoding="utf-8")[:100], encoding="utf-8")
    else:
        stored.unlink()
    lines, _, _ = said(path)
    assert "running" in lines[0]
    assert "from the cache" in said(path)[0][0]


def garbage(path):
    path.write_bytes(b"not a database at all" * 500)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [garbage, half, empty])
def test_a_damaged_cache_is_emptied_and_filled_again(sandbox, damage):
    path = sandbox("print(6 * 7)")
    said(path)
    damage(book.build_dir() / ".jupyter_cache" / "global.db")
    lines, _, notebook = said(path)
    assert "is damaged" in lines[0]
    assert "it is emptied, and the lectures run again" in lines[0]
    assert "running" in lines[1]
    assert notebook.cells[1].outputs[0]["text"] == "42\n"
    assert "from the cache" in said(path)[0][0]


ONE_BUILD = """
import sys
from pathlib import Path
from tools import book, lectures
book.build_dir = lambda: Path(sys.argv[1])
for _ in range(5):
    lectures.executed([Path(sys.argv[2])])
"""


def test_of_two_builds_at_once_the_second_waits_for_the_first(sandbox):
    path = sandbox("import time; time.sleep(3)")
    words = [sys.executable, "-c", ONE_BUILD, str(book.build_dir()), str(path)]
    started = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=book.ROOT)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=120)[0].decode() for process in started]
    assert not any(process.returncode for process in started), told
    assert sorted(text.count("running at") for text in told) == [0, 0, 1]
    assert sum("waiting for it" in text for text in told) >= 1
    assert len(lectures.open_cache().list_cache_records()) == 1


def test_a_command_runs_alone_and_returns_its_own_status(sandbox):
    code = "import sys; from tools import alone, book; from pathlib import Path;"
    code += "book.build_dir = lambda: Path(sys.argv.pop(1)); alone.main()"
    build = str(book.build_dir())
    words = [sys.executable, "-c", code, build, sys.executable, "-c", "print('done'); exit(3)"]
    with alone():
        process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=book.ROOT)
        line = process.stdout.readline().decode()
        assert line == f"Another build is at work in {build}: waiting for it.\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
    assert process.communicate(timeout=60)[0].decode().split() == ["done"]
    assert process.returncode == 3


def test_the_fingerprint_sees_what_a_lecture_imports(tmp_path, monkeypatch):
    package = tmp_path / "marketsai_lite"
    for folder in ("sub", "any", "experiments"):
        (package / folder).mkdir(parents=True)
    files = {
        "__init__.py": "",
        "sub/__init__.py": "",
        "sub/a.py": "from . import b",
        "sub/b.py": "def f():\n    import marketsai_lite.c",
        "c.py": "import_module(f'marketsai_lite.any.{name}'); import_module('marketsai_lite.e')",
        "e.py": "importlib.import_module(f'{__name__}.g')",
        "any/__init__.py": "",
        "any/f.py": "",
        "experiments/__init__.py": "",
        "experiments/lq_agents.py": "",
        "experiments/dqn_parts.py": "",
        "d.py": "",
        "data.json": "{}",
    }
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(source, "PACKAGE", package)
    monkeypatch.setenv("MARKETSAI_SCALE", "lecture")
    cells = [new_markdown_cell("import marketsai_lite.d"), new_code_cell("%pwd\nimport numpy")]
    cells.append(new_code_cell('load("lq_agents")'))
    notebook = new_notebook(cells=[*cells, new_code_cell("from marketsai_lite.sub.a import x")])
    marks = [lectures.fingerprint(notebook)]
    for name in sorted(set(files) - {"d.py", "experiments/dqn_parts.py"}):
        (package / name).write_text(files[name] + "\n# edited", encoding="utf-8")
        marks.append(lectures.fingerprint(notebook))
    assert len(set(marks)) == len(marks)
    for name in ("d.py", "experiments/dqn_parts.py"):  # imported by nothing
        (package / name).write_text("# edited", encoding="utf-8")
    assert lectures.fingerprint(notebook) == marks[-1]
    monkeypatch.setenv("MARKETSAI_SCALE", "smoke")
    marks.append(lectures.fingerprint(notebook))
    monkeypatch.setattr(lectures, "versions", lambda: {"numpy": "9"})
    marks.append(lectures.fingerprint(notebook))
    assert len(set(marks)) == len(marks)


def test_the_cache_holds_no_times_and_no_probe(sandbox):
    _, record, _ = said(sandbox("1"))
    stored = lectures.open_cache().get_cache_bundle(record.pk).nb
    assert [dict(cell.metadata) for cell in stored.cells] == [{}]
    assert nbformat.validate(stored) is None


def test_a_published_claim_reaches_the_ledger(sandbox):
    path = sandbox("from marketsai_lite.claims import publish\npublish('tiny.a', 0.5, fmt='.2f')")
    _, _, notebook = said(path)
    assert ledger.published(notebook) == [{"name": "tiny.a", "value": 0.5, "text": "0.50"}]
    output = notebook.cells[-1].outputs[0]
    assert output.metadata["scrapbook"]["mime_prefix"] == PREFIX
