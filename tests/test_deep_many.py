"""Many agents train to the same numbers, survive being killed, and stop at what is not a number."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from diagnostics import LINE, PLANE, POINTS, Fuse, Killed, Masked, Mortal, Target, Town

from marketsai_lite.deep import apg, dqn, maddpg, ppo, sac
from marketsai_lite.deep.train import train
from marketsai_lite.deep.world import SURVEY
from marketsai_lite.economy import Box, constant, namespace
from marketsai_lite.views.batch import Batch

SHORT = {"updates": 12, "hidden": (8,), "log_every": 2}
SMALL = {
    "dqn": dqn.Config(minibatch=32, hedge=True, n_step=2, capacity=100, **SHORT),
    "sac": sac.Config(minibatch=32, hedge=True, capacity=100, warmup=3, **SHORT),
    "maddpg": maddpg.Config(minibatch=32, hedge=True, capacity=100, warmup=3, **SHORT),
    "ppo": ppo.Config(steps=6, minibatches=2, hedge=True, **SHORT),
    "apg": apg.Config(steps=6, minibatch=32, **SHORT),
}
STEPS = {"dqn": 1, "sac": 1, "maddpg": 1, "ppo": 6, "apg": 6}  # periods in an update
RUNS = {  # agent, economy, settings
    "dqn": ("dqn", Town, {}),
    "sac": ("sac", Town, {}),
    "maddpg": ("maddpg", Town, {}),
    "ppo": ("ppo", Town, {}),
    "apg": ("apg", Town, {"given": "policies"}),
    "dqn, separate, box and grid": ("dqn", lambda: Town((PLANE, PLANE, POINTS)), {"shared": False}),
    "sac, separate, two boxes": ("sac", lambda: Town((PLANE, PLANE, LINE)), {"shared": False}),
    "ppo, separate, box and grid": ("ppo", lambda: Town((PLANE, PLANE, POINTS)), {"shared": False}),
    "apg, separate, two boxes": (
        "apg",
        lambda: Town((PLANE, PLANE, LINE)),
        {"shared": False, "given": "prices"},
    ),
    "dqn, legal": ("dqn", lambda: Masked((POINTS,) * 3), {}),
    "dqn, ends": ("dqn", Mortal, {"team": True}),
    "sac, ends": ("sac", Mortal, {"team": True}),
    "maddpg, separate, two boxes, sets": (
        "maddpg",
        lambda: Town((PLANE, PLANE, LINE)),
        {"shared": False, "critic": "sets"},
    ),
    "maddpg, ends": ("maddpg", Mortal, {"team": True, "current": False}),
    "apg, ends": ("apg", Mortal, {}),
    "ppo, ends, everything": ("ppo", Mortal, {"critic": "everything"}),
    "ppo, memory": ("ppo", Mortal, {"memory": 3, "team": True}),
    "ppo, memory, box and grid": ("ppo", lambda: Town((PLANE, PLANE, POINTS)), {"memory": 3}),
}


@pytest.fixture(params=RUNS)
def case(request):
    name, economy, settings = RUNS[request.param]
    return name, economy(), replace(SMALL[name], **settings)


def same(a, b):
    """Whether two results are equal to the last bit, but for the time they took."""
    assert a.curves.keys() == b.curves.keys() and a.weights.keys() == b.weights.keys()
    return all(
        np.array_equal(a.curves[k], b.curves[k]) for k in a.curves if k not in ("seconds", "wall")
    ) and all(np.array_equal(a.weights[k], b.weights[k]) for k in a.weights)


def test_training_twice_gives_the_same_numbers(case):
    _, economy, config = case
    torch.manual_seed(5)  # which must not matter
    first, again = (train(Batch(economy, 8, horizon=5), config, 3) for _ in range(2))
    assert same(first, again)
    assert not same(first, train(Batch(economy, 8, horizon=5), config, 4))


def test_a_killed_run_resumes_to_the_same_numbers(case, tmp_path, rng):
    name, economy, config = case
    want = train(Batch(economy, 8, horizon=5), config, 3)
    for kill in range(3):
        path = tmp_path / f"{kill}.pt"
        for _ in range(2):  # twice each
            batch = Fuse(economy, 8, horizon=5)
            batch.left = SURVEY + int(rng.integers(2, 12 * STEPS[name]))
            try:
                train(batch, config, 3, checkpoint=path)
            except Killed:
                continue
        assert same(want, train(Batch(economy, 8, horizon=5), config, 3, checkpoint=path))


def test_results_act_in_the_agents_sets(case):
    _, economy, config = case
    batch = Batch(economy, 8, horizon=5)
    result = train(batch, config, 3)
    g = torch.Generator().manual_seed(0)
    state = batch.reset(g)
    for _ in range(10):
        o = batch.see(state)
        batch.check(state, result.sample(o, g))
        action = batch.check(state, result.act(o).to(torch.float32))
        state = batch.advance(state, action, batch.uniforms(g), g).state
    wide = o.double().numpy()[None]
    assert result.act(wide).shape == (1, 8, 3, batch.terms.da)


@dataclass(frozen=True)
class Broken(Town):
    """From some period on the second agent's reward is not a number; x counts the periods."""

    last: int = 40

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a, m=None):
        _, r = super().step(0 * x, z, a, m)
        xp = namespace(x)
        second = xp.where(x[..., 0] < self.last, r[..., 1], float("nan") * x[..., 0])
        return x + 1, xp.stack([r[..., 0], second, r[..., 2]], -1)

    def observe(self, x, z):
        return super().observe(0 * x, z)


@pytest.mark.parametrize("name", SMALL)
def test_a_reward_that_is_not_a_number_stops_at_once(name):
    batch = Fuse(Broken(), 8)
    config = replace(SMALL[name], updates=100, hedge=False) if name != "apg" else SMALL[name]
    with pytest.raises(FloatingPointError, match="reward is not finite in period 40 of Broken"):
        train(batch, config, 0)
    steps = Fuse.left - batch.left - SURVEY
    assert 41 <= steps < 41 + STEPS[name]


@pytest.mark.parametrize("name", SMALL)
def test_so_does_one_in_the_survey(name):
    with pytest.raises(FloatingPointError, match="reward is not finite in period 5 of Broken"):
        train(Batch(Broken(last=5), 8), SMALL[name], 0)


@pytest.mark.parametrize("name", ["sac", "maddpg", "apg"])
def test_one_grid_among_boxes_is_refused_by_agents_that_need_boxes(name):
    with pytest.raises(ValueError, match=r"batch: actions=Grid(.|\n)*: must be a Box"):
        train(Batch(Town((PLANE, PLANE, POINTS)), 8), SMALL[name], 0)


def test_q_of_every_action_is_of_one_group():
    one = train(Batch(Town((POINTS,) * 3), 8), SMALL["dqn"], 0)
    assert one.value(np.zeros((5, 3, 4))).shape == (5, 3, 3)
    box = train(Batch(Town(), 8), SMALL["dqn"], 0)
    assert box.value(np.zeros((5, 3, 4))).shape == (5, 3, 2, SMALL["dqn"].levels)
    two = train(Batch(Town((PLANE, PLANE, POINTS)), 8), SMALL["dqn"], 0)
    with pytest.raises(ValueError, match=r"groups=\('first', 'last'\): must be one"):
        two.value(np.zeros((5, 3, 4)))


def test_price_takers_need_a_market():
    with pytest.raises(ValueError, match=r"given='prices': must be another, since Target has no"):
        train(Batch(Target(), 8), replace(SMALL["apg"], given="prices"), 0)


def test_all_but_ppo_play_without_memory():
    for name in ("dqn", "sac", "maddpg", "apg"):
        result = train(Batch(Town(), 8, horizon=5), SMALL[name], 0)
        action, h = result.remember(np.zeros((4, 3, 4)), np.zeros((4, 3, 0)))
        assert h.shape == (4, 3, 0) and action.shape == (4, 3, 2)


@dataclass(frozen=True)
class Burden:
    """What the first does brings it ten times as much and costs the second twenty times its square.

    The second's own action does nothing; together they do best at a = 1/4.
    """

    bound: float = 1.0  # of the second's action, which makes it a group of its own
    agents = ("first", "second")
    state = ("x",)
    β = 0.0
    exo = constant(0.0)

    @property
    def actions(self):
        return tuple(Box(np.zeros(1), np.full(1, high)) for high in (1.0, self.bound))

    def initial(self, u):
        return 0 * u

    def step(self, x, z, a):
        a = a[..., 0, :]
        return x, namespace(x).concatenate([10 * a, -20 * a**2], -1)

    def observe(self, x, z):
        return namespace(x).stack([x, x], -2)

    def accounts(self, x, z, a):
        return {}


@pytest.mark.parametrize("bound", [1.0, 2.0])
def test_rewards_that_are_added_up_have_one_unit(bound):
    economy = Burden(bound)
    plan = apg.Config(updates=150, steps=1, critic=False, hidden=(8,), rate=1e-2)
    team = ppo.Config(updates=80, steps=4, minibatches=2, hidden=(8,), λ=0.0, team=True, rate=1e-2)
    for config, error in ((plan, 0.01), (team, 0.04)):
        a = train(Batch(economy, 64), config, 0).act(np.zeros((2, 1)))[0, 0]
        assert a == pytest.approx(0.25, abs=error)
