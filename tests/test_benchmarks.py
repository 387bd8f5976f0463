"""What was measured beside Stable-Baselines3 is on record, and what is said of it holds there."""

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
