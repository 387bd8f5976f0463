"""IMPALA: V-trace by its formula, actors that lag, and pools that do not change the numbers."""

import math
import sys
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import torch
from diagnostics import PLANE, POINTS, Corridor, Killed, Luck, Target, Town
from test_deep_agents import same

from marketsai_lite.deep import equations, impala
from marketsai_lite.deep.train import train
from marketsai_lite.running import pool as pools
from marketsai_lite.views.batch import Batch

# One trajectory of seven periods, with an end in the fourth, as two public implementations judge
# it: rlax and torchbeast agree to 1e-15 where λ is 1, and λ is rlax's.
LOG_RATIO = """-0.7912970802782807 -0.29422932117430656 1.030340209031399 0.15517953530609058
    0.7361847197118856 0.46168303300580105 -0.5091709170967844"""
REWARD = """0.5419522204102933 -0.3165954511658161 -0.32238911615896015 0.09716731867045719
    -1.5259304065189514 1.1921661041016585 -0.6710896751741096"""
VALUE = """1.0002694196594604 0.1363211238531175 1.5320330796287964 -0.6599694137918207
    -0.31179485646991756 0.337769126558826 -2.2074710981998042 0.8279214415587369"""
PUBLISHED = {  # ρ̄, λ: targets, advantages
    (1.0, 1.0): (
        """0.6357929572679879 -0.3640118720850923 -0.23008016342202597 0.09716731867045725
        -1.125678143169735 0.4213181719465439 -0.8114188759527523""",
        """-0.3644764623914725 -0.5003329959382099 -1.7621132430508222 0.757136732462278
        -0.8138832866998171 0.08354904538771785 1.396052222247052""",
    ),
    (1.0, 0.9): (
        """0.6879166988811902 -0.2851034548320383 -0.3020081530059422 0.09716731867045725
        -1.2470096442335847 0.288693210833074 -0.8114188759527523""",
        """-0.3123527207782702 -0.421424578685156 -1.8340412326347386 0.757136732462278
        -0.935214787763667 -0.04907591572575215 1.396052222247052""",
    ),
    (2.0, 1.0): (
        """-0.08372322210854488 -2.034998268725439 -2.5907295011375453 0.22426605674884348
        -2.711620736447719 -0.3078267895901248 -0.8114188759527523""",
        None,  # theirs clips the gradient's ratio elsewhere than the targets'
    ),
}


def numbers(words):
    return torch.tensor([float(w) for w in words.split()], dtype=torch.float64)


@pytest.mark.parametrize(("ρ_bar", "λ"), PUBLISHED)
def test_vtrace_equals_two_public_implementations(ρ_bar, λ):
    v, discount = numbers(VALUE), torch.full((7,), 0.95, dtype=torch.float64)
    discount[3] = 0.0
    never = torch.zeros(7, dtype=torch.bool)
    path = numbers(LOG_RATIO), numbers(REWARD), discount, v[:-1], v[1:], never
    target, advantage, ρ = equations.vtrace(*path, ρ_bar, 1.0, λ)
    want_target, want_advantage = PUBLISHED[ρ_bar, λ]
    assert torch.allclose(target, numbers(want_target), rtol=0, atol=1e-12)
    if want_advantage is not None:
        assert torch.allclose(ρ * advantage, numbers(want_advantage), rtol=0, atol=1e-12)


def literal(x, r, discount, v, v1, cut, s, ρ_bar, c_bar, λ):
    """Equation 1 of the paper, with its sum over t and its product over i, for one path."""
    total, t, weight = v[s], s, 1.0
    while True:
        ρ = min(ρ_bar, math.exp(x[t]))
        total += weight * ρ * (r[t] + discount[t] * v1[t] - v[t])
        if cut[t] or t == len(r) - 1:
            return total
        weight *= discount[t] * λ * min(c_bar, math.exp(x[t]))
        t += 1


@pytest.mark.parametrize("clips", [(1.0, 1.0, 1.0), (2.5, 0.7, 1.0), (math.inf, 1.5, 0.8)])
def test_vtrace_equals_the_printed_formula(clips, g):
    T, B = 9, 4
    x, r, v = (torch.randn(T, B, generator=g, dtype=torch.float64) for _ in range(3))
    cut = (torch.arange(T)[:, None] + 2 * torch.arange(B)) % 4 == 1
    discount = 0.9 * (torch.rand(T, B, generator=g) < 0.8).double()
    v1 = torch.cat([v[1:], torch.randn(1, B, generator=g, dtype=torch.float64)])
    v1 = torch.where(cut, torch.randn(T, B, generator=g, dtype=torch.float64), v1)
    assert (x > 0.92).any() and (x < 0).any()  # on either side of every clip
    target, advantage, ρ_t = equations.vtrace(x, r, discount, v, v1, cut, *clips)
    ρ_bar, _, λ = clips
    for b in range(B):
        path = [y[:, b].tolist() for y in (x, r, discount, v, v1, cut)]
        want = [literal(*path, s, *clips) for s in range(T)]
        assert target[:, b].tolist() == pytest.approx(want, abs=1e-12)
        for s in range(T):
            last = path[5][s] or s == T - 1
            follow = path[4][s] if last else λ * want[s + 1] + (1 - λ) * path[4][s]
            ρ = min(ρ_bar, math.exp(path[0][s]))
            gain = ρ * (path[1][s] + path[2][s] * follow - path[3][s])
            assert (ρ_t * advantage)[s, b].item() == pytest.approx(gain, abs=1e-12)


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("λ", [1.0, 0.8, 0.0])
def test_on_its_own_paths_vtrace_is_what_ppo_learns_from(g, λ):
    T, B = 7, 5
    r, v = (torch.randn(T, B, generator=g, dtype=torch.float64) for _ in range(2))
    cut = (torch.arange(T)[:, None] + 2 * torch.arange(B)) % 4 == 1
    discount = 0.9 * (torch.rand(T, B, generator=g) < 0.8).double()
    v1 = torch.cat([v[1:], torch.randn(1, B, generator=g, dtype=torch.float64)])
    target, advantage, ρ = equations.vtrace(torch.zeros(T, B), r, discount, v, v1, cut, 1.0, 1.0, λ)
    want = equations.generalized_advantage(r + discount * v1 - v, discount, cut, λ)
    assert torch.equal(ρ, torch.ones_like(ρ))
    assert torch.allclose(advantage, want, rtol=0, atol=1e-12)
    assert torch.allclose(target, v + want, rtol=0, atol=1e-12)
    if λ == 1.0:
        n_step = equations.n_step_target(r, discount, v1, cut)
        uncut = ~torch.flip(torch.cummax(torch.flip(cut, [0]).byte(), 0)[0].bool(), [0])
        assert uncut.any() and torch.allclose(target[uncut], n_step[uncut], rtol=0, atol=1e-12)


SMALL = impala.Config(updates=6, steps=4, actors=3, hidden=(8,), log_every=2)


# Two states and two actions: what V-trace learns, by its clip, when all is known.
R = np.array([[1.0, 0.2], [1.5, 2.5]])
P = np.array([[[0.7, 0.3], [0.9, 0.1]], [[0.2, 0.8], [0.6, 0.4]]])
MU, PI = np.array([[0.8, 0.2], [0.7, 0.3]]), np.array([[0.3, 0.7], [0.2, 0.8]])
FIXED = {  # ρ̄: value of the two states
    0.5: (11.851571, 13.563380),
    1.0: (10.851297, 12.897406),
    2.0: (9.407371, 11.787849),
    3.5: (8.161798, 10.774157),
}


@pytest.mark.parametrize("ρ_bar", FIXED)
def test_the_mean_of_vtrace_has_the_fixed_point_of_the_paper(ρ_bar):
    clipped = np.minimum(ρ_bar * MU, PI)
    clipped /= clipped.sum(1, keepdims=True)
    want = np.linalg.solve(
        np.eye(2) - 0.9 * np.einsum("sa,sat->st", clipped, P), (clipped * R).sum(1)
    )
    np.testing.assert_allclose(want, FIXED[ρ_bar], atol=5e-7)
    T = 6  # all paths of six periods that begin in one state, with their probabilities
    never = torch.zeros(T, 1, dtype=torch.bool)
    for first in (0, 1):
        paths = [((first,), (), 1.0)]
        for _ in range(T):
            paths = [
                ((*s, t), (*a, b), w * MU[s[-1], b] * P[s[-1], b, t])
                for s, a, w in paths
                for b in (0, 1)
                for t in (0, 1)
            ]
        s, a = np.array([p[0] for p in paths]).T, np.array([p[1] for p in paths]).T
        x, r = np.log(PI / MU)[s[:-1], a], R[s[:-1], a]
        row = [torch.as_tensor(y) for y in (x, r, np.full_like(r, 0.9), want[s[:-1]], want[s[1:]])]
        target, _, _ = equations.vtrace(*row, never, ρ_bar, min(ρ_bar, 1.0))
        mean = (np.array([p[2] for p in paths]) * target[0].numpy()).sum()
        assert mean == pytest.approx(want[first], abs=1e-10)


def batch(economy=None, copies=8):
    return Batch(economy or Target(), copies, horizon=5)


def test_it_learns_control():
    config = replace(SMALL, updates=150, steps=16, hidden=(32,), rate=5e-3)
    result = train(Batch(Target(), 32, horizon=20), config, 0)
    x = np.linspace(-0.4, 0.4, 9)[:, None, None]
    assert np.abs(result.act(x) - x).max() < 0.12
    assert result.samples == 150 * 16 * 32


@pytest.mark.parametrize(
    "options",
    [{}, {"correct": False}, {"hedge": True}, {"team": True}],
)
def test_training_twice_gives_the_same_numbers(options):
    config = replace(SMALL, **options)
    first, again = (train(batch(Luck()), config, 1) for _ in range(2))
    assert same(first, again)
    assert not same(first, train(batch(Luck()), config, 2))


def test_the_correction_is_without_effect_at_lag_zero_and_only_there():
    def run(actors, correct):
        return train(batch(), replace(SMALL, actors=actors, correct=correct, rate=0.05), 0)

    assert same(run(1, True), run(1, False))
    assert not same(run(3, True), run(3, False))
    assert run(1, True).curves["ratio"].max() < 1e-6  # the actor plays the learner's own policy
    assert run(3, True).curves["ratio"][1:].min() > 1e-3


def test_an_actor_plays_with_weights_that_are_lag_updates_old(monkeypatch):
    held, played = [], []
    learn, call = impala.IMPALA.learn, impala.Player.__call__

    def noting_learn(self, path, left):
        held.append(self.adams[0].θ.clone())
        return learn(self, path, left)

    def noting_call(self, job):
        played.append(job["θ"])
        return call(self, job)

    monkeypatch.setattr(impala.IMPALA, "learn", noting_learn)
    monkeypatch.setattr(impala.Player, "__call__", noting_call)
    train(batch(), replace(SMALL, actors=3), 0)
    for k, θ in enumerate(played):
        assert torch.equal(θ, held[max(0, k - 2)])
    assert not torch.equal(held[0], held[2])


def test_it_learns_in_grids_and_with_several_agents():
    town = Town((PLANE, PLANE, POINTS))
    for options in ({}, {"shared": False}, {"critic": "everything"}):
        config = replace(SMALL, **options)
        result = train(batch(town), config, 0)
        assert all(np.isfinite(v).all() for v in result.weights.values())
    assert train(batch(Corridor()), SMALL, 0).samples == 6 * 4 * 8


def test_a_killed_run_resumes_to_the_same_numbers(tmp_path, monkeypatch, rng):
    config = replace(SMALL, updates=12, hedge=True)
    want = train(batch(Luck()), config, 3)
    call = impala.Player.__call__
    for kill in range(5):
        path, left = tmp_path / f"{kill}.pt", deque([int(rng.integers(1, 12))])

        def dying(self, job, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return call(self, job)

        monkeypatch.setattr(impala.Player, "__call__", dying)
        with pytest.raises(Killed):
            train(batch(Luck()), config, 3, checkpoint=path)
        assert same(want, train(batch(Luck()), config, 3, checkpoint=path))


def test_a_pool_answers_in_order_and_does_open_jobs_again():
    here = pools.pool(lambda: lambda job: job["x"] ** 2, 3)
    for x in (3, 1, 2):
        here.submit({"x": x})
    assert here.next() == 9
    saved = here.state_dict()
    again = pools.pool(lambda: lambda job: -job["x"], 1)
    again.load_state_dict(saved)
    assert [again.next(), again.next()] == [-1, -2]
    assert [here.next(), here.next()] == [1, 4]
    with pytest.raises(ValueError, match="workers=0: must be an integer, at least 1"):
        pools.pool(lambda: abs, 0)


def test_a_cluster_without_ray_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"marketsai-lite\[ray\]"):
        train(batch(), replace(SMALL, cluster=True), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actors": 0}, "actors=0: must be an integer, at least 1"),
        ({"ρ_bar": 0.0}, "ρ_bar=0.0: must be positive"),
        ({"ρ_bar": 0.5}, "c_bar=1.0: must be at most ρ_bar, 0.5"),
        ({"λ": 1.5}, r"λ=1.5: must be in \[0, 1\]"),
        ({"critic": "all"}, "critic='all': must be 'own' or 'everything'"),
        ({"rate": math.inf}, "rate=inf: must be positive and finite"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        impala.Config(**options)


def test_too_few_decisions_to_hedge_are_refused():
    with pytest.raises(ValueError, match="hedge=True: must be off unless steps x copies"):
        train(Batch(Luck(), 1), replace(SMALL, steps=1, hedge=True), 0)
