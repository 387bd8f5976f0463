"""The lectures run, and their claims hold."""

import os
import re

import pytest

from tools import book, lectures, ledger
from tools.blocks import parse

LECTURES = {path.stem: path for path in book.lectures()}
NUMPY_ONLY = ("mdp", "q_learning")


@pytest.fixture(scope="module")
def results():
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return lectures.executed(LECTURES.values())


@pytest.mark.parametrize("name", LECTURES)
def test_the_lecture_runs_and_its_claims_hold(name, results):
    rows, _ = lectures.judge_all(results)
    mine = [row for row in rows if row["lecture"] == name]
    assert mine, f"{name} publishes no claim"
    wrong = [ledger.describe(row) for row in mine if row["verdict"] != "inside"]
    assert not wrong, "\n".join(wrong)


def test_every_claim_has_a_band_and_every_band_a_claim(results):
    _, unmatched = lectures.judge_all(results)
    assert not unmatched, "\n".join(unmatched)
    assert (book.build_dir() / "claims.json").exists()


@pytest.mark.parametrize("name", [n for n in NUMPY_ONLY if n in LECTURES])
def test_the_first_lectures_need_no_torch(name, results):
    assert not {"torch", "ray"} & set(results[name][0].data["heavy"])


@pytest.mark.parametrize("name", LECTURES)
def test_every_figure_has_a_name_a_caption_and_alternative_text(name, results):
    for cell in results[name][1].cells:
        shows = [o for o in cell.get("outputs", []) if "image/svg+xml" in o.get("data", {})]
        shows += [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        shows = [o for o in shows if "scrapbook" not in o.get("metadata", {})]
        if shows:
            about = cell.metadata.get("mystnb", {})
            assert about.get("figure", {}).get("name", "").startswith("fig-"), cell.source
            assert about["figure"].get("caption"), cell.source
            assert len(about.get("image", {}).get("alt", "")) > 20, cell.source


@pytest.mark.parametrize("name", LECTURES)
def test_figures_are_drawn_for_a_phone(name, results):
    """At most five inches wide, so that a phone hardly shrinks their labels."""
    for cell in results[name][1].cells:
        for output in cell.get("outputs", []):
            drawn = output.get("data", {}).get("image/svg+xml", "")
            for width in re.findall(r'<svg[^>]*? width="([\d.]+)pt"', drawn):
                assert float(width) <= 5.2 * 72, f"{width} points wide:\n{cell.source}"


@pytest.mark.parametrize("name", LECTURES)
def test_the_lecture_has_three_exercises_each_with_a_hidden_solution(name):
    blocks = [
        block
        for cell in lectures.read(LECTURES[name]).cells
        if cell.cell_type == "markdown"
        for block in parse(cell.source.split("\n"))
    ]
    asked = [b.options.get("label") for b in blocks if b.kind in ("exercise", "exercise-start")]
    solved = [b for b in blocks if b.kind in ("solution", "solution-start")]
    assert len(asked) >= 3
    assert sorted(asked) == sorted(b.argument for b in solved)
    assert all(b.options.get("class") == "dropdown" for b in solved)
