"""What the updates of all agents have in common: rates, followers, and going on after a stop."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from diagnostics import Fuse, Killed
from literal_agents import AGENTS, CONFIG, Pair

from marketsai_lite.deep.adam import Adam
from marketsai_lite.deep.train import train
from marketsai_lite.views.batch import Batch

LEARNERS = {"dqn": "DQN", "sac": "SAC", "maddpg": "MADDPG", "ppo": "PPO", "apg": "APG"}
STEPS = {"dqn": 1, "sac": 1, "maddpg": 1, "ppo": 7, "apg": 7}  # periods in an update


@pytest.fixture(params=AGENTS)
def name(request):
    return request.param


RATES = {  # of update u of 4: the steps that Adam takes, and their max_norm gradients
    "dqn": lambda c, u: [(c.rate * (1 - u / 4), None)],
    "sac": lambda c, u: [(c.rate * (1 - u / 4), None), (c.temperature_rate, None)],
    "maddpg": lambda c, u: [(r * (1 - u / 4), None) for r in (c.rate, c.critic_rate)],
    "ppo": lambda c, u: 6 * [(c.rate * (1 - u / 4), 2.0), (c.critic_rate * (1 - u / 4), 20.0)],
    "apg": lambda c, u: (
        [(r := c.rate * 0.5 * (1 + math.cos(math.pi * u / 4)), 2.0)] + 2 * [(r, None)]
    ),
}


def test_rates_fall_to_zero(name, monkeypatch):
    config, step, taken = CONFIG[name], Adam.step, []

    def watched(self, rate, max_norm=None):
        taken.append((rate, max_norm))
        return step(self, rate, max_norm)

    monkeypatch.setattr(Adam, "step", watched)
    train(Batch(Pair(), 8, horizon=3), config, 0)
    want = [x for update in range(4) for x in RATES[name](config, update)]
    assert [x for _, x in taken] == [x for _, x in want]
    assert [x for x, _ in taken] == pytest.approx([x for x, _ in want])


FOLLOWS = {
    "dqn": {"target": "online", "averaged": "online"},
    "sac": {"target": "critics", "averaged": "actor"},
    "maddpg": {"target": "critic", "target_actor": "actor", "averaged": "actor"},
    "ppo": {"averaged": "actor"},
    "apg": {"target": "critic", "averaged": "policy"},
}


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in AGENTS), ("dqn", {"target": False})]
)
def test_copies_follow_their_networks(name, options, monkeypatch):
    agent, config, seen = AGENTS[name], replace(CONFIG[name], **options), []

    class Watched(getattr(agent, LEARNERS[name])):
        def __init__(self, *args):
            super().__init__(*args)
            self.remember()

        def remember(self, *args):
            Watched.one = self
            seen.append({k: v.double().clone() for k, v in self.state_dict().items()})

    monkeypatch.setattr(agent, LEARNERS[name], Watched)
    train(Batch(Pair(), 8, horizon=3), config, 0, on_log=lambda *_: Watched.one.remember())
    assert len(seen) == 5
    for update, (old, new) in enumerate(pairwise(seen)):
        moves = {"averaged": 1 - min(0.15, update / (update + 10))}
        moves["target"] = moves["target_actor"] = 0.1 if config == CONFIG[name] else 1.0
        for follower, network in FOLLOWS[name].items():
            for key in (k for k in new if k.startswith(follower + ".")):
                fast = new[key.replace(follower, network, 1)]
                want = (1 - moves[follower]) * old[key] + moves[follower] * fast
                torch.testing.assert_close(new[key], want, rtol=1e-5, atol=1e-6)
        assert update == 0 or any(not torch.equal(new[k], old[k]) for k in new if "weight" in k)


def test_a_killed_run_goes_on_from_its_checkpoint(name, tmp_path):
    path, config = tmp_path / "run.pt", replace(CONFIG[name], updates=24, log_every=6)

    def steps(fuse, checkpoint):
        batch = Fuse(Pair(), 8, horizon=3)
        batch.left = fuse
        try:
            train(batch, config, 3, checkpoint=checkpoint)
        except Killed:
            assert batch.left == -1
        return fuse - batch.left

    fresh = steps(10**9, None)
    steps(fresh - 12 * STEPS[name], path)
    saved = torch.load(path, weights_only=True)["update"]
    assert 0 < saved <= 12
    assert steps(10**9, path) <= fresh - saved * STEPS[name]
