"""The agents solve tiny economies, reproduce their numbers, and survive what may happen to them."""

import itertools
import subprocess
import sys
from dataclasses import MISSING, fields, replace

import numpy as np
import pytest
import torch
from diagnostics import (
    GRID,
    Alternation,
    Broken,
    Corridor,
    Forgetful,
    Fuse,
    Jump,
    Killed,
    Kink,
    Luck,
    Target,
    Wage,
)

from marketsai_lite.deep import apg, dqn, equations, maddpg, ppo, run, sac
from marketsai_lite.deep.train import train
from marketsai_lite.views.batch import Batch

SMALL = {  # enough to solve the diagnostics
    "dqn": dqn.Config(
        updates=1_500, minibatch=128, hidden=(64,), rate=3e-3, τ=0.05, average=0.98, log_every=50
    ),
    "sac": sac.Config(
        updates=800, minibatch=64, hidden=(32,), critic_hidden=(64,), average=0.98, log_every=50
    ),
    "maddpg": maddpg.Config(
        updates=800, minibatch=64, hidden=(32,), critic_hidden=(64,), average=0.98, log_every=50
    ),
    "ppo": ppo.Config(updates=60, steps=16, hidden=(32,), minibatches=2, rate=5e-3, log_every=5),
    "apg": apg.Config(updates=60, steps=8, hidden=(32,), minibatch=128, rate=5e-3, log_every=5),
}
TIMES = ("seconds", "wall")  # which differ from run to run
STEPS = {"dqn": 1, "sac": 1, "maddpg": 1, "ppo": 16, "apg": 8}  # periods in an update


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


def grid(n):
    return np.linspace(-0.4, 0.4, n)[:, None, None]


def short(name, updates=6, **options):
    return replace(SMALL[name], updates=updates, log_every=2, **options)


def same(a, b):
    """Whether two results are equal to the last bit, but for the time they took."""
    x = grid(9)
    return (
        all(np.array_equal(a.curves[k], b.curves[k]) for k in a.curves if k not in TIMES)
        and all(np.array_equal(a.weights[k], b.weights[k]) for k in a.weights)
        and a.curves.keys() == b.curves.keys()
        and np.array_equal(a.act(x), b.act(x))
        and np.array_equal(a.value(x), b.value(x))
    )


def test_an_agent_learns_control(name):
    result = train(Batch(Target(), 32, horizon=20), SMALL[name], 0)
    error = np.abs(result.act(grid(9)) - grid(9))
    assert error.mean() < 0.05 and error.max() < 0.12
    assert result.samples >= 32 * SMALL[name].updates * STEPS[name]


@pytest.mark.parametrize("seed", [0, 1])
def test_training_twice_gives_the_same_numbers(name, seed):
    torch.manual_seed(seed + 10)  # which must not matter
    first, again = (train(Batch(Target(), 8, horizon=5), short(name), seed) for _ in range(2))
    assert same(first, again)
    other = train(Batch(Target(), 8, horizon=5), short(name), seed + 1)
    assert not same(first, other)


def test_the_number_of_threads_does_not_matter(name):
    before = torch.get_num_threads()
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(train(Batch(Target(), 8, horizon=5), short(name), 0))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert same(*results)


HARD = {  # the parts of an agent that keep something between updates
    "dqn": {"n_step": 2, "hedge": True, "capacity": 100},
    "sac": {"hedge": True, "capacity": 100, "warmup": 3},
    "maddpg": {"hedge": True, "capacity": 100, "warmup": 3},
    "ppo": {"hedge": True},
    "apg": {},
}


def test_a_killed_run_resumes_to_the_same_numbers(name, tmp_path, rng):
    config = short(name, updates=24, **HARD[name])
    want = train(Batch(Luck(), 8, horizon=5), config, 3)
    total = 24 * STEPS[name]
    for kill in range(10):
        path = tmp_path / f"{kill}.pt"
        for _ in range(2):  # twice each
            batch = Fuse(Luck(), 8, horizon=5)
            batch.left = 16 + int(rng.integers(1, total))  # after the survey
            try:
                train(batch, config, 3, checkpoint=path)
            except Killed:
                continue
        assert same(want, train(Batch(Luck(), 8, horizon=5), config, 3, checkpoint=path))


def test_a_run_that_seldom_logs_loses_little_when_it_is_killed(name, tmp_path, rng, monkeypatch):
    config = short(name, updates=24, **HARD[name])
    config = replace(config, log_every=24)
    want = train(Batch(Luck(), 8, horizon=5), config, 3)
    monkeypatch.setattr(run, "AT_MOST", 0.0)  # as if half a minute passed in each update
    monkeypatch.setattr(run, "PATIENCE", 0)
    path, batch, done = tmp_path / "run.pt", Fuse(Luck(), 8, horizon=5), []
    batch.left = 16 + int(rng.integers(6 * STEPS[name], 24 * STEPS[name]))
    save = run.Run._save

    def noting(self, path, update):
        done.append(update)
        save(self, path, update)

    monkeypatch.setattr(run.Run, "_save", noting)
    with pytest.raises(Killed):
        train(batch, config, 3, checkpoint=path)
    assert len(done) >= 5 and done == list(range(1, len(done) + 1))  # after each update
    kept = torch.load(path, weights_only=True)
    assert kept["update"] == done[-1] and not kept["curves"]
    again = train(Batch(Luck(), 8, horizon=5), config, 3, checkpoint=path)
    assert same(want, again) and len(done) == 24  # it went on from there


def test_no_run_goes_for_a_minute_without_a_checkpoint(tmp_path, monkeypatch):
    class Clock:
        """Each look at it takes a second; it is looked at in every update."""

        now = 0.0
        process_time = staticmethod(run.time.process_time)

        def perf_counter(self):
            self.now += 1.0
            return self.now

    clock, at = Clock(), []
    monkeypatch.setattr(run, "time", clock)
    monkeypatch.setattr(run, "PATIENCE", 0)
    monkeypatch.setattr(run.Run, "_save", lambda self, path, update: at.append(clock.now))
    config = ppo.Config(updates=200, steps=2, hidden=(4,), log_every=200, epochs=1, minibatches=1)
    train(Batch(Target(), 4, horizon=5), config, 0, checkpoint=tmp_path / "run.pt")
    assert len(at) >= 4 and max(np.diff([0.0, *at])) <= 60


def test_a_finished_run_is_read_from_its_checkpoint(name, tmp_path):
    path, batch = tmp_path / "run.pt", Fuse(Target(), 8, horizon=5)
    want = train(batch, short(name), 0, checkpoint=path)
    batch.left = 16
    got = train(batch, short(name), 0, checkpoint=path)
    assert same(want, got) and got.seconds == want.seconds and got.samples == want.samples


def test_a_process_that_is_killed_while_it_writes_leaves_the_last_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    code = f"""
import os, signal, sys, torch
sys.path.insert(0, {str(tmp_path)!r})
sys.path[:0] = {sys.path!r}
from diagnostics import Target
from marketsai_lite.deep import ppo
from marketsai_lite.deep.train import train
from marketsai_lite.views.batch import Batch
save, count = torch.save, 0
def dying(content, path):
    global count
    count += 1
    if count == 3:
        open(path, "wb").write(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    save(content, path)
torch.save = dying
config = ppo.Config(updates=40, steps=4, hidden=(8,), log_every=2)
train(Batch(Target(), 8, horizon=5), config, 0, checkpoint={str(path)!r})
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    config = ppo.Config(updates=40, steps=4, hidden=(8,), log_every=2)
    batch = Batch(Target(), 8, horizon=5)
    assert 0 < torch.load(path, weights_only=True)["update"] < 40
    assert same(train(batch, config, 0), train(batch, config, 0, checkpoint=path))


@pytest.mark.parametrize("other", ["seed", "config", "copies", "economy"])
def test_the_checkpoint_of_another_run_is_refused(name, tmp_path, other):
    path = tmp_path / "run.pt"
    train(Batch(Target(), 8), short(name, updates=2), 0, checkpoint=path)
    batch = Batch(Luck() if other == "economy" else Target(), 9 if other == "copies" else 8)
    config = short(name, updates=4 if other == "config" else 2)
    with pytest.raises(ValueError, match=r"checkpoint=.*must be of this run"):
        train(batch, config, int(other == "seed"), checkpoint=path)


def test_so_is_that_of_other_parameters(name, tmp_path):
    path, config = tmp_path / "run.pt", short(name, updates=2)
    train(Batch(Wage(), 8), config, 0, checkpoint=path)
    with pytest.raises(ValueError, match=r"checkpoint=.*growth=0.2.*this run.*growth=0.3"):
        train(Batch(Wage(growth=0.3), 8), config, 0, checkpoint=path)


@pytest.mark.parametrize("content", [b"", b"text", "other"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "run.pt"
    if content == "other":
        torch.save({"weights": torch.zeros(3)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint=.*: must be a checkpoint or new"):
        train(Batch(Target(), 8), short("ppo"), 0, checkpoint=path)


def test_a_checkpoint_needs_a_folder(name, tmp_path):
    batch = Fuse(Target(), 8)
    batch.left = 16
    with pytest.raises(ValueError, match=r"checkpoint=.*: must be in a folder that exists"):
        train(batch, short(name), 0, checkpoint=tmp_path / "no" / "run.pt")


def test_a_reward_that_is_not_a_number_stops_at_once(name):
    batch = Fuse(Broken(last=40), 4)
    with pytest.raises(FloatingPointError, match=r"reward is not finite in period 40 of Broken"):
        train(batch, SMALL[name], 0)
    steps = 10**9 - batch.left - 16  # without the survey
    assert 41 <= steps < 41 + STEPS[name]


def test_so_does_one_in_the_survey(name):
    with pytest.raises(FloatingPointError, match="reward is not finite in period 5 of Broken"):
        train(Batch(Broken(last=5), 4), SMALL[name], 0)


def test_a_loss_that_is_not_finite_stops_at_once(name, monkeypatch):
    pieces = {"ppo": "generalized_advantage", "sac": "soft_target", "maddpg": "td_target"}
    piece = pieces.get(name, "n_step_target")
    right, calls = getattr(equations, piece), []

    def wrong(*args):
        calls.append(1)
        return right(*args) * (float("inf") if len(calls) == 4 else 1.0)

    monkeypatch.setattr(equations, piece, wrong)
    with pytest.raises(FloatingPointError, match=r"(loss|gain) is .* at update 3 in Target"):
        train(Batch(Target(), 8), SMALL[name], 0)


def test_a_gradient_that_is_not_finite_stops_at_once():
    with pytest.raises(FloatingPointError, match="gradient is nan at update 0 in Kink"):
        train(Batch(Kink(), 8), short("apg", updates=1), 0)


def test_what_cannot_be_differentiated_is_refused():
    with pytest.raises(ValueError, match="batch='economy Jump': must be differentiable"):
        train(Batch(Jump(), 8), short("apg"), 0)


def wage(result, economy):
    """Largest relative error of the values, at the states in which copies are."""
    x = 1 - (1 - economy.growth) ** np.arange(12.0)[:, None, None]
    value = result.value(x).reshape(12, -1).mean(1)  # over actions, which do not matter
    return np.abs(value / economy.value(x[:, 0, 0]) - 1).max()


VALUES = {
    "dqn": replace(SMALL["dqn"], updates=1_500, τ=0.05),
    "sac": replace(SMALL["sac"], α=1e-6, temperature_rate=0.0, τ=0.05, updates=1_000),
    "maddpg": replace(SMALL["maddpg"], τ=0.05, updates=1_000),
    "ppo": replace(SMALL["ppo"], updates=100),
    "apg": replace(SMALL["apg"], updates=200, τ=0.5),
}


def test_a_value_is_right_under_truncation(name):
    economy = Wage()
    result = train(Batch(economy, 32, horizon=12), VALUES[name], 0)
    assert wage(result, economy) < 0.03


def test_and_wrong_if_truncation_is_mistaken_for_an_end(name):
    economy = Wage()
    result = train(Forgetful(economy, 32, horizon=12), VALUES[name], 0)
    assert wage(result, economy) > 0.1


def test_a_constant_reward_of_one_is_worth_one_over_one_less_β(name):
    economy = Wage(growth=1.0)  # from the second period on
    result = train(Batch(economy, 32, horizon=12), VALUES[name], 0)
    assert result.value(np.ones((1, 1, 1))).mean() == pytest.approx(1 / (1 - economy.β), rel=0.02)


@pytest.mark.parametrize("name", ["dqn", "ppo"])
def test_an_agent_explores(name):
    config = replace(SMALL[name], exploration=0.5) if name == "dqn" else SMALL[name]
    result = train(Batch(Corridor(), 32, horizon=20), config, 0)
    assert (result.act(np.arange(6.0)[:, None, None]) == 1).all()


def test_a_policy_stays_stochastic_where_it_must():
    result = train(Batch(Alternation(), 64, horizon=50), SMALL["ppo"], 0)
    actions = result.sample(np.zeros((4_000, 1, 1)), torch.Generator().manual_seed(0))
    assert set(np.unique(actions)) == {-1.0, 1.0}
    assert abs((actions > 0).mean() - 0.5) < 0.15
    assert result.value(np.zeros((1, 1, 1))).item() == pytest.approx(0.5 / 0.1, rel=0.1)


@pytest.mark.parametrize("name", ["dqn", "ppo"])
def test_an_agent_that_is_shown_the_past_uses_it(name):
    result = train(Batch(Alternation(remembered=True), 32, horizon=50), SMALL[name], 0)
    assert result.act(np.array([[[-1.0]], [[1.0]]])).flatten().tolist() == [1.0, -1.0]


@pytest.mark.parametrize("name", ["dqn", "ppo"])
def test_actions_in_a_grid_are_its_rows(name):
    result = train(Batch(Wage(actions=GRID), 8, horizon=5), short(name), 0)
    x = np.zeros((2, 3, 1, 1))
    assert result.act(x).shape == (2, 3, 1, 1)
    assert set(np.unique(result.act(x))) <= {-1.0, 1.0}
    drawn = result.sample(x, torch.Generator().manual_seed(0))
    assert drawn.shape == (2, 3, 1, 1) and set(np.unique(drawn)) <= {-1.0, 1.0}


@pytest.mark.parametrize("name", ["sac", "maddpg", "apg"])
def test_a_grid_is_refused_by_agents_that_need_a_box(name):
    with pytest.raises(ValueError, match=r"batch: actions=Grid(.|\n)*: must be a Box"):
        train(Batch(Wage(actions=GRID), 8), short(name), 0)


@pytest.mark.parametrize(
    "off",
    [{"replay": False}, {"target": False}, {"double": False}, {"dueling": False}, {"n_step": 3}],
)
def test_each_part_of_dqn_can_be_switched(off):
    batch, base = Batch(Target(), 8, horizon=5), short("dqn", updates=20)
    result = train(batch, replace(base, **off), 0)
    assert np.isfinite(result.curves["loss"]).all()
    assert not np.array_equal(result.curves["loss"], train(batch, base, 0).curves["loss"])


def test_without_replay_n_steps_are_the_latest():
    result = train(Batch(Target(), 8), short("dqn", replay=False, n_step=3), 0)
    assert np.isfinite(result.curves["loss"]).all()


@pytest.mark.parametrize("name", ["dqn", "sac", "ppo"])
def test_the_hedge_helps_where_luck_is_large(name):
    observations = np.concatenate([np.concatenate([grid(9), z + 0 * grid(9)], -1) for z in (-1, 1)])
    error = {False: 0.0, True: 0.0}
    for hedge, seed in itertools.product(error, range(3)):
        config = replace(SMALL[name], hedge=hedge)
        result = train(Batch(Luck(), 32, horizon=20), config, seed)
        error[hedge] += np.abs(result.act(observations) - observations[..., :1]).mean() / 3
    assert error[True] < 0.2 and error[True] < 0.65 * error[False]


def test_sac_finds_its_target_entropy():
    config = replace(SMALL["sac"], entropy=0.2, temperature_rate=0.02)
    result = train(Batch(Target(), 32, horizon=20), config, 0)
    assert result.curves["entropy"][-1] == pytest.approx(0.2, abs=0.1)


def test_apg_without_a_critic_counts_the_rewards_of_its_path_only():
    result = train(Batch(Target(), 32), replace(SMALL["apg"], critic=False), 0)
    assert np.abs(result.act(grid(9)) - grid(9)).mean() < 0.05
    assert (result.curves["critic loss"] == 0).all()
    assert np.isnan(result.value(grid(9))).all()


def test_curves_hold_what_on_log_returns(name, capsys):
    seen = []

    def on_log(update, act):
        seen.append(update)
        return {"action": float(act(np.zeros((1, 1, 1)))[0, 0, 0])}

    result = train(Batch(Target(), 8, horizon=5), short(name), 0, on_log=on_log, progress=True)
    assert seen == [2, 4, 6] == result.curves["update"].tolist()
    assert result.curves["action"][-1] == result.act(np.zeros((1, 1, 1))).item()
    assert result.curves["samples"][-1] == result.samples
    assert 0 < result.curves["seconds"][0] < result.seconds
    out = capsys.readouterr()
    assert "6/6" in out.out and out.err == ""


def test_results_are_plain_arrays(name):
    result = train(Batch(Target(), 8), short(name), 0)
    for group in (result.weights, result.curves):
        assert group and all(type(v) is np.ndarray for v in group.values())


BAD = {
    "dqn": {"n_step": 0, "τ": 0.0, "levels": 2, "ε": 1.1, "exploration": -0.1, "capacity": 0.5},
    "sac": {"τ": 1.5, "α": 0.0, "minibatch": 0, "temperature_rate": -1.0, "critic_hidden": (0,)}
    | {"entropy": 0.7},
    "maddpg": {"τ": 0.0, "noise": 0.0, "critic": "all", "critic_rate": -1.0, "capacity": 0},
    "ppo": {"λ": 1.1, "clip": 0.0, "entropy": -1.0, "epochs": 0, "gradient_norm": 0.0}
    | {"log_std": float("nan"), "minibatches": 2.0},
    "apg": {"steps": 0, "fits": 0, "τ": 0.0, "gradient_norm": -1.0},
}
COMMON = {"updates": 10.5, "rate": 0.0, "average": 1.0, "hidden": (32, 0), "log_every": 0}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [(n, k, v) for n, bad in BAD.items() for k, v in {**bad, **COMMON}.items()],
)
def test_a_bad_setting_is_refused(name, field, value):
    with pytest.raises(ValueError, match=f"^{field}=.*: must be "):
        replace(SMALL[name], **{field: value})


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("dqn", {"capacity": 15, "n_step": 2}),
        ("dqn", {"minibatch": 4, "hedge": True}),
        ("sac", {"capacity": 7}),
        ("maddpg", {"capacity": 7}),
        ("maddpg", {"minibatch": 4, "hedge": True}),
        ("sac", {"minibatch": 4, "hedge": True}),
        ("ppo", {"minibatches": 65}),
        ("ppo", {"minibatches": 9, "memory": 1}),
        ("ppo", {"hedge": True, "steps": 1, "minibatches": 1}),
        ("apg", {"given": "prices"}),
        ("ppo", {"hidden": 32}),
        ("ppo", {"rate": float("inf")}),
    ],
)
def test_a_setting_that_does_not_fit_the_batch_is_refused(name, setting):
    """Before any period is played."""
    batch = Fuse(Luck(), 4 if "steps" in setting else 8)
    batch.left = 0
    with pytest.raises(ValueError, match=rf"^{next(iter(setting))}=.*: must be "):
        train(batch, short(name, **setting), 0)


def test_every_setting_has_a_default(name):
    settings = fields(sys.modules[f"marketsai_lite.deep.{name}"].Config)
    assert settings and all(setting.default is not MISSING for setting in settings)
