"""README.md: its example runs, and it leads to what a reader needs."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import marketsai_lite
from tools.book import ROOT, pages, repository

README = (ROOT / "README.md").read_text(encoding="utf-8")


TABLES, AGENTS = re.findall(r"```python\n(.*?)```", README, flags=re.S)
ROOMS = sorted(path.parent.name for path in ROOT.glob("marketsai_lite/*/__init__.py"))


def short(code):
    return len([line for line in code.split("\n\n")[1].splitlines() if line.strip()]) <= 10


def test_the_example_of_the_readme_runs(capsys):
    found = {}
    exec(TABLES, found)
    assert 0 <= found["loss"] < 0.02
    assert capsys.readouterr().out.startswith("A firm that only sees its profits ends 0.")
    observation, _ = found["environment"].reset(seed=0)
    assert found["environment"].observation_space.contains(observation)
    assert short(TABLES)


def test_the_deep_agents_of_the_readme_come_near_the_equilibrium(capsys):
    found = {}
    exec(AGENTS, found)
    np.testing.assert_allclose(found["produced"], 1 / 3, rtol=0.05)
    out = capsys.readouterr().out
    assert out.startswith("The firms produce [0.3")
    assert out.endswith("; in equilibrium [0.333 0.333].\n")
    assert short(AGENTS)


def test_every_room_of_the_package_is_on_the_map():
    assert re.findall(r"^\| `… (\w+)/`", README, flags=re.M) == re.findall(
        r"^`(\w+)`  ", marketsai_lite.__doc__, flags=re.M
    )
    assert sorted(re.findall(r"^\| `… (\w+)/`", README, flags=re.M)) == ROOMS


@pytest.mark.parametrize("page", ["README.md", "book/how_to_use.md"])
def test_a_reader_finds_how_to_cite_and_where_to_report_a_fault(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert re.search(r"\[CITATION\.cff\]\(\S*CITATION\.cff\)", text)
    assert f"]({repository()}/issues)" in text
    assert "CONTRIBUTING.md" in text


def test_the_readme_lists_the_lectures_as_the_book_does():
    listed = re.findall(r"\[(.+)\]\((lectures/\w+)\.ipynb\)", README)
    paths = [page.path for page in pages() if page.path.startswith("lectures/")]
    texts = [(ROOT / f"{path}.md").read_text(encoding="utf-8") for path in paths]
    titles = [re.search(r"^# (.+)$", text, flags=re.M)[1] for text in texts]
    assert listed == list(zip(titles, paths, strict=True))


def test_the_files_that_the_readme_links_exist():
    for target in re.findall(r"\]\(([^)\s]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).is_file(), target


def test_make_clean_removes_what_was_built_and_compiled(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    built = [tmp_path / "_build", tmp_path / "marketsai_lite" / "tabular" / "__pycache__"]
    for folder in (*built, *(tmp_path / name for name in ("tools", "tests", "benchmarks", "book"))):
        folder.mkdir(parents=True)
    (built[1] / "cut.nbi").touch()
    (tmp_path / "marketsai_lite" / "tabular" / "kept.py").touch()
    subprocess.run(["make", "-s", "clean"], cwd=tmp_path, check=True)
    assert not any(folder.exists() for folder in built)
    assert (tmp_path / "marketsai_lite" / "tabular" / "kept.py").exists()
