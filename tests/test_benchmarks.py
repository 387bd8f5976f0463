"""What was measured beside Stable-Baselines3 is on record, and what is said of it holds there."""

import json

import pytest

from tools.book import ROOT

TABLES = {
    table["title"]: {row["agent and environment"]: row for row in table["rows"]}
    for table in json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))[
        "tables"
    ]
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
