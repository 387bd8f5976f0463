"""Which run a checkpoint belongs to, where it may lie, and what a run hands on to another."""

import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from diagnostics import Fuse, Luck, Target, Wage

from marketsai_lite.deep import dqn, ppo, run, sac
from marketsai_lite.deep.train import train
from marketsai_lite.deep.world import SURVEY
from marketsai_lite.views.batch import Batch

CONFIG = ppo.Config(updates=4, steps=4, minibatches=2, hidden=(8,), log_every=2)


def finished(economy, path, config=CONFIG, seed=0, **options):
    """Train to the end, and keep a checkpoint."""
    return train(Batch(economy, 8, **options), config, seed, checkpoint=path)


def resumed(economy, path, config=CONFIG, seed=0, **options):
    """Go on from a checkpoint of the finished run: only the survey is played."""
    batch = Fuse(economy, 8, **options)
    batch.left = SURVEY
    return train(batch, config, seed, checkpoint=path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.pt"


def test_5_and_5_0_are_one_run(path):
    config = replace(CONFIG, entropy=0.0, clip=1.0, log_std=-1.0)
    first = finished(Wage(growth=1), path, config)
    again = resumed(Wage(growth=1.0), path, replace(config, entropy=0, clip=1, log_std=-1))
    assert np.array_equal(first.curves["gain"], again.curves["gain"])
    assert first.seconds == again.seconds and first.wall == again.wall


def test_so_are_numbers_of_numpy(path):
    config = replace(CONFIG, updates=np.int64(4), steps=np.int32(4), rate=np.float64(0.01))
    config = replace(config, hidden=(np.int64(8),))
    first = finished(Wage(growth=np.float64(0.5)), path, replace(CONFIG, rate=0.01))
    again = resumed(Wage(growth=0.5), path, config, np.int64(0))
    assert np.array_equal(first.curves["gain"], again.curves["gain"])
    assert first.seconds == again.seconds and first.wall == again.wall


class Function:
    """A parameter that Python shows with its address in memory."""


@dataclass(frozen=True)
class Addressed(Target):
    utility: Function = field(default_factory=Function)


def test_an_economy_that_shows_an_address_resumes(path):
    first, second = Addressed(), Addressed()
    assert " at 0x" in repr(first) and repr(first) != repr(second)
    trained = finished(first, path)
    assert trained.seconds == resumed(second, path).seconds


OTHER = {
    "seed": {"seed": 1},
    "rate": {"config": replace(CONFIG, rate=0.1)},
    "hidden": {"config": replace(CONFIG, hidden=(8, 8))},
    "growth": {"economy": Wage(growth=0.5)},
    "economy": {"economy": Target()},
    "horizon": {"horizon": 7},
}


@dataclass(frozen=True)
class Greek(Target):
    """An economy that calls a parameter as SAC calls its temperature."""

    α: float = 0.3
    copies: int = 2


def test_a_setting_and_a_parameter_may_have_one_name(path):
    config = sac.Config(updates=2, minibatch=8, log_every=1)
    finished(Greek(), path, config)
    resumed(Greek(), path, config)
    with pytest.raises(ValueError, match=r"with α=0\.03; must be of this run, with α=0\.1$"):
        resumed(Greek(), path, replace(config, α=0.1))
    with pytest.raises(ValueError, match=r"with Greek\.α=0\.3; must .* with Greek\.α=0\.4$"):
        resumed(Greek(α=0.4), path, config)
    with pytest.raises(ValueError, match=r"with Greek\.copies=2; must .* with Greek\.copies=3$"):
        resumed(Greek(copies=3), path, config)


def test_large_seeds_are_told_apart(path):
    finished(Target(), path, seed=2**60)
    with pytest.raises(ValueError, match=f"with seed={2**60}; must .* with seed={2**60 + 1}$"):
        resumed(Target(), path, seed=2**60 + 1)


@pytest.mark.parametrize("key", OTHER)
def test_the_message_names_only_the_setting_that_differs(path, key):
    finished(Wage(), path)
    with pytest.raises(ValueError) as found:
        resumed(**{"economy": Wage(), "path": path, **OTHER[key]})
    message = str(found.value)
    assert message.startswith(f"checkpoint={str(path)!r}: was written with {key}=")
    assert f"must be of this run, with {key}=" in message
    others = set(run.identity(Batch(Wage(), 8), CONFIG, 0)) - {key}
    assert not [name for name in others if f"{name}=" in message.replace(str(path), "")]


def test_a_changed_source_is_refused(path, monkeypatch):
    finished(Target(), path)
    monkeypatch.setattr(run, "source", lambda economy, *agent: "another")
    with pytest.raises(ValueError, match=r"was written with source='?[0-9a-f]{12}.*source='?ano"):
        resumed(Target(), path)


def twice(x, z, a):
    return -x, -((a[..., 0, :] - 2 * x) ** 2)


def test_so_is_an_economy_that_moves_otherwise(path, monkeypatch):
    finished(Target(), path)
    resumed(Target(), path)
    monkeypatch.setattr(Target, "step", lambda self, *inputs: twice(*inputs))
    with pytest.raises(ValueError, match="was written with source="):
        resumed(Target(), path)


@dataclass(frozen=True)
class Heir(Target):
    """An economy that has its step from another."""


@dataclass(frozen=True)
class Holder(Wage):
    """An economy that holds another."""

    held: Target = field(default_factory=Target)


@pytest.mark.parametrize("economy", [Heir(), Holder()])
@pytest.mark.parametrize(
    "member, value",
    [("step", lambda self, *inputs: twice(*inputs)), ("β", 0.8), ("new", property(repr))],
)
def test_and_one_whose_parent_or_part_does(economy, member, value, monkeypatch):
    before = run.source(economy)
    assert run.source(type(economy)()) == before
    with monkeypatch.context() as changed:
        changed.setattr(Target, member, value, raising=False)
        assert run.source(economy) != before
    assert run.source(economy) == before


def test_a_source_is_the_same_in_every_process():
    code = "from diagnostics import Target; from marketsai_lite.deep import run;"
    code = f"import sys; sys.path[:0] = {sys.path!r}; {code} print(run.source(Target()))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {run.source(Target())}


@pytest.mark.parametrize("error", [PermissionError("read only"), OSError("no space")])
def test_a_folder_that_cannot_be_written_is_refused_before_any_work(path, error, monkeypatch):
    def refuse(*_, **__):
        raise error

    batch = Fuse(Target(), 8)
    batch.left = 0
    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(ValueError, match=r"checkpoint=.*run.pt'.*: must be in a folder to write"):
        train(batch, CONFIG, 0, checkpoint=path)
    assert batch.left == 0


def test_so_is_one_that_does_not_exist(tmp_path):
    batch = Fuse(Target(), 8)
    batch.left = 0
    with pytest.raises(ValueError, match=r"checkpoint=.*: must be in a folder that exists"):
        train(batch, CONFIG, 0, checkpoint=str(tmp_path / "no" / "run.pt"))
    assert not list(tmp_path.iterdir())


def test_looking_at_a_folder_leaves_nothing(path):
    assert run.writable(path) == path and not list(path.parent.iterdir())


@pytest.mark.parametrize("number", [np.int64(4), np.int32(4), np.uint8(4)])
@pytest.mark.parametrize("agent", [dqn, ppo, sac])
def test_counts_of_numpy_are_taken(agent, number):
    options = {"minibatches": number} if agent is ppo else {"minibatch": number}
    config = agent.Config(updates=number, hidden=(np.int64(8),), log_every=number, **options)
    result = train(Batch(Target(), number, horizon=number), config, 0)
    assert result.curves["update"].tolist() == [4]


@pytest.mark.parametrize("number", [True, 4.0, np.float64(4), np.bool_(True), "4", 0])
def test_other_counts_are_not(number):
    with pytest.raises(ValueError, match=r"^updates=.*: must be an integer, at least 1"):
        ppo.Config(updates=number)


def test_a_memory_of_numpy_is_taken():
    result = train(Batch(Target(), 8), replace(CONFIG, memory=np.int64(2)), 0)
    assert result.remember(np.zeros((1, 1, 1)), np.zeros((1, 1, 2)))[1].shape == (1, 1, 2)


@pytest.mark.parametrize("memory", [True, 2.0, -1])
def test_other_memories_are_not(memory):
    with pytest.raises(ValueError, match=r"^memory=.*: must be an integer, 0 or more"):
        replace(CONFIG, memory=memory)


def test_curves_hold_the_time_by_the_clock():
    result = train(Batch(Target(), 8), CONFIG, 0)
    wall = result.curves["wall"]
    assert len(wall) == 2 and 0 < wall[0] < wall[1] == result.wall


@pytest.mark.parametrize("agent", ["dqn", "ppo", "sac"])
def test_scales_that_are_handed_over_skip_the_survey(agent):
    config = {
        "ppo": CONFIG,
        "dqn": dqn.Config(updates=3, minibatch=8, log_every=1),
        "sac": sac.Config(updates=3, minibatch=8, log_every=1),
    }[agent]

    def steps(scales):
        batch = Fuse(Luck(), 8, horizon=5)
        result = train(batch, config, 0, scales=scales)
        return Fuse.left - batch.left, result

    surveyed, first = steps(None)
    skipped, second = steps(first.scales)
    assert surveyed - skipped == SURVEY
    assert second.samples == first.samples == 8 * skipped
    for a, b in zip(first.scales, second.scales, strict=True):
        assert all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))
    other = steps(first.scales._replace(r=tuple(2 * v for v in first.scales.r)))[1]
    assert not np.array_equal(other.act(np.zeros((1, 1, 2))), second.act(np.zeros((1, 1, 2))))


def test_so_is_what_an_agent_does_that_was_written_elsewhere(path, monkeypatch):
    """A reader's own agent, in a notebook or a package of hers, counts as well."""

    class Mine(ppo.Config):
        def agent(self, world, rng):
            return Learner(world, self, rng)

    class Learner(ppo.PPO):
        bold = 1.0

    def go(updates):
        return train(Batch(Target(), 8), Mine(updates=updates, log_every=1), 0, checkpoint=path)

    go(2)
    go(2)
    monkeypatch.setattr(Learner, "bold", 2.0)
    with pytest.raises(ValueError, match="was written with source="):
        go(2)


def test_scales_that_were_handed_over_are_part_of_a_run(path):
    config = ppo.Config(updates=2, log_every=1)
    first = train(Batch(Target(), 8), config, 0)
    train(Batch(Target(), 8), config, 0, scales=first.scales, checkpoint=path)
    train(Batch(Target(), 8), config, 0, scales=first.scales, checkpoint=path)
    with pytest.raises(ValueError, match="was written with scales="):
        train(Batch(Target(), 8), config, 0, checkpoint=path)
