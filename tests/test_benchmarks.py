"""What was measured beside other programs is on record, and what is said of it holds there."""

import json

import pytest

from tools.book import ROOT

RECORD = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))["tables"]
TABLES = {
    table["title"]: {row["agent and environment"]: row for row in table["rows"]}
    for table in RECORD
    if "agent and environment" in table["rows"][0]
}


@pytest.mark.parametrize("title", ["PPO on 1 island", "PPO on 8 islands"])
def test_ppo_is_ahead_of_stable_baselines3(title):
    slower = {
        name: row["times slower than ours, in samples"] for name, row in TABLES[title].items()
    }
    assert slower["ours"] == 1
    assert slower["Stable-Baselines3, our batch"] >= 1.5
    assert slower["Stable-Baselines3, DummyVecEnv of 8"] >= 10


@pytest.mark.parametrize("title", ["SAC on 1 island", "SAC on 8 islands"])
def test_so_is_sac(title):
    slower = {
        name: row["times slower than ours, in samples"] for name, row in TABLES[title].items()
    }
    assert slower["Stable-Baselines3, our batch"] > 1
    assert slower["Stable-Baselines3, DummyVecEnv of 8"] >= 10


@pytest.mark.parametrize(
    "firms, ahead", [(2, {"EconGym", "Mesa"}), (100, set())], ids=["two firms", "100 firms"]
)
def test_who_is_faster_than_one_described_copy_is_as_the_lecture_says(firms, ahead):
    title = f"Described economies: Cournot's market of {firms} firms"
    rows = next(table["rows"] for table in RECORD if table["title"] == title)
    slower = {r["library"]: r["times slower than described here, one copy"] for r in rows}
    others = {k.partition(",")[0]: t for k, t in slower.items() if "here" not in k}
    assert set(others) == {"EconGym", "Mesa"}
    assert {name for name, t in others.items() if t < 1} == ahead
    assert slower["described here, 256 copies"] < min(others.values())


def test_the_lecture_shows_the_record_of_krusell_and_smiths_economy():
    title = "Krusell and Smith's economy of 1998"
    rows = next(table["rows"] for table in RECORD if table["title"] == title)
    found = {row["program"]: row for row in rows}
    text = (ROOT / "lectures" / "krusell_smith.md").read_text(encoding="utf-8")
    shown = {
        cells[1].strip(): [float(x) if (x := cell.strip(" $")) else None for cell in cells[2:6]]
        for cells in (line.split("|") for line in text.splitlines())
        if len(cells) == 7 and cells[1].strip() in NAMES
    }
    assert set(shown) == set(NAMES) and len(found) == len(NAMES)
    for name, program in NAMES.items():
        row, (seconds, K, r2, off) = found[program], shown[name]
        own = row["mean K, own simulation"]
        assert seconds == row["CPU seconds"] and K == (row["mean K"] if own is None else own)
        assert r2 is None or r2 == round(row["R²"], 6)
        assert off == row["path off by, largest percent"]
    example = found["HARK 0.17.2, its example"]
    assert 20 * found["this book, 500 nodes"]["CPU seconds"] < example["CPU seconds"]
    assert example["mean K, own simulation"] < 9  # far too low, and
    assert example["R²"] > 0.999
    assert found["HARK 0.17.2, its household, told our rule"]["best-response gap, percent"] < 0.1


NAMES = {
    "this book": "this book, 500 nodes",
    "sequence-jacobian, linear": "sequence-jacobian 1.0.0, linear",
    "HARK, its example": "HARK 0.17.2, its example",
    "HARK's household, told our rule": "HARK 0.17.2, its household, told our rule",
}
