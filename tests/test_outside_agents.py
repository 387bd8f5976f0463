"""The scores of Stable-Baselines3's agents beside ours: what is equal, and what is recorded."""

import itertools

import numpy as np
import pytest

from marketsai_lite import experiments
from marketsai_lite.experiments import outside_agents
from marketsai_lite.experiments.outside_agents import AGENTS, CHOSEN, GRIDS, SEEDS, TUNING, choose

SETTINGS = {"rate", "λ", "τ"}


def cells_of(agent, tried):
    return [
        (name, cell)
        for name, cell in outside_agents.cells().items()
        if cell["agent"] == agent and (cell["seed"] in TUNING) == tried
    ]


def settings(cell):
    return tuple((k, v) for k, v in sorted(cell.items()) if k in SETTINGS)


def test_no_seed_that_is_scored_was_used_for_tuning():
    assert min(TUNING) >= 100
    for agent in AGENTS:
        scored = cells_of(agent, tried=False)
        assert [cell["seed"] for _, cell in scored] == list(range(SEEDS))
        assert {settings(cell) for _, cell in scored} == {tuple(sorted(CHOSEN[agent].items()))}


def test_all_agents_of_a_kind_had_the_same_tries():
    for kind in GRIDS:
        tries = [
            {(settings(cell), cell["seed"]) for _, cell in cells_of(agent, tried=True)}
            for agent, (of, _) in AGENTS.items()
            if of == kind
        ]
        assert len(tries) == {"PPO": 2, "SAC": 3}[kind]
        assert all(made == tries[0] for made in tries)
        assert len(tries[0]) == np.prod([len(v) for v in GRIDS[kind].values()]) * len(TUNING)


def test_what_is_scored_is_what_was_best_in_the_tries():
    held = experiments.recorded("outside_agents")
    assert choose(held.parameters, held.results) == CHOSEN
    for agent, best in CHOSEN.items():
        medians = {}
        for name, cell in cells_of(agent, tried=True):
            medians.setdefault(settings(cell), []).append(float(held.results[name]["loss"]))
        assert len(medians) == 6
        least = min(sorted(losses)[1] for losses in medians.values())  # the middle of three
        assert sorted(medians[tuple(sorted(best.items()))])[1] == least


def test_the_rule_of_choice_takes_the_least_median():
    parameters, results = {}, {}
    for agent, rate, (seed, loss) in itertools.product(AGENTS, (1, 2), enumerate((1, 5, 9))):
        name = f"{agent} {rate} {seed}"
        parameters[name] = {"agent": agent, "seed": 100 + seed, "rate": rate}
        results[name] = {"loss": np.array(loss if rate == 1 else (4, 4, 90)[seed])}
        parameters[f"scored {name}"] = {"agent": agent, "seed": seed, "rate": 3}
        results[f"scored {name}"] = {"loss": np.array(0.0)}  # of no account
    assert choose(parameters, results) == {agent: {"rate": 2} for agent in AGENTS}


@pytest.mark.parametrize("kind", GRIDS)
def test_all_agents_of_a_kind_lived_and_learned_equally_much(kind):
    held = experiments.recorded("outside_agents")
    told = {
        agent: {
            (int(result["samples"]), int(result["gradients"]))
            for name, result in held.results.items()
            if held.parameters[name]["agent"] == agent
        }
        for agent, (of, _) in AGENTS.items()
        if of == kind
    }
    equal = {"PPO": (102_400, 800), "SAC": (39_680, 600)}[kind]
    assert list(told.values()) == [{equal}] * {"PPO": 2, "SAC": 3}[kind]


def test_a_curve_ends_with_the_score():
    held = experiments.recorded("outside_agents")
    for agent in AGENTS:
        for name, _ in cells_of(agent, tried=False):
            result = held.results[name]
            assert result["losses"][-1] == pytest.approx(result["loss"], abs=1e-4)
            assert result["errors"][-1] == pytest.approx(result["error"], abs=1e-6)
            assert result["lived"][-1] == result["samples"]
            assert (np.diff(result["lived"]) > 0).all()
            assert result["losses"][0] > result["loss"]  # it has learned
    lived = [held.results[f"scored, {agent}, seed 0"]["lived"].tolist() for agent in AGENTS]
    assert lived[0] == lived[1]
    assert lived[2] == lived[3] == lived[4]


def test_plain_actions_are_ours_but_for_what_the_critics_see(monkeypatch):
    """The two of ours are given the same settings, and the stretch alone differs."""
    given = {}

    def keep(economy, agent, copies, seed, on_log, **settings):
        given[len(given)] = (agent, copies, seed, settings)
        raise StopIteration

    monkeypatch.setattr(outside_agents._deep, "train", keep)
    for agent in "SAC, ours", "SAC, ours with plain actions":
        with pytest.raises(StopIteration):
            outside_agents.train(agent, 3, rate=1e-2, τ=0.005)
    assert "stretch" not in given[0][3]  # the default, which is three
    assert given[1][3].pop("stretch") == 1.0
    assert given[0] == given[1]


def test_without_the_library_its_agents_say_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "stable_baselines3", None)
    with pytest.raises(ImportError, match="`make experiments NAME=outside_agents` runs there"):
        outside_agents.train("PPO, Stable-Baselines3", 0, rate=1e-3, λ=0.9)
