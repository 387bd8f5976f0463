"""What the agents share: Adam, replay, streams, the world, checkpoints."""

import copy

import numpy as np
import pytest
import torch
from diagnostics import GRID, Corridor, Luck, Target, Wage
from torch import nn

from marketsai_lite.deep import apg
from marketsai_lite.deep.adam import Adam, vector
from marketsai_lite.deep.equations import normal_log_density
from marketsai_lite.deep.networks import Span, Twins, mlp
from marketsai_lite.deep.policies import Categorical, Normal
from marketsai_lite.deep.replay import Replay
from marketsai_lite.deep.train import initialization, streams, train
from marketsai_lite.deep.world import World, one_thread
from marketsai_lite.economy import Box, Grid
from marketsai_lite.views.batch import Batch

ENDLESS = (Box(np.array([0.0]), np.array([np.inf])),)


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("max_norm", [None, 0.05])
def test_adam_equals_pytorch(g, max_norm):
    nets = nn.ModuleList([mlp([3, 8, 2]), mlp([3, 4, 1])])
    twin = copy.deepcopy(nets)
    ours, theirs = Adam(*nets, ε=1e-6), torch.optim.Adam(twin.parameters(), lr=0.1, eps=1e-6)
    for step in range(20):
        o = torch.randn(16, 3, generator=g)
        for both in (nets, twin):
            (both[0](o).square().sum() + both[1](o).sum()).backward()
        if max_norm is not None:
            nn.utils.clip_grad_norm_(twin.parameters(), max_norm)
        theirs.param_groups[0]["lr"] = 0.1 / (1 + step)
        theirs.step()
        theirs.zero_grad()
        ours.step(0.1 / (1 + step), max_norm)
    for p, q in zip(nets.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_parameters_are_views_of_one_vector():
    nets = mlp([3, 8, 2]), mlp([3, 4, 1])
    before = [p.clone() for net in nets for p in net.parameters()]
    θ, parts = vector(*nets)
    after = [p for net in nets for p in net.parameters()]
    assert all(torch.equal(p, q) for p, q in zip(before, after, strict=True))
    assert [len(p) for p in parts] == [3 * 8 + 8 + 8 * 2 + 2, 3 * 4 + 4 + 4 + 1]
    θ.zero_()
    assert all((p == 0).all() for p in after)
    nets[0].load_state_dict({k: v + 1 for k, v in nets[0].state_dict().items()})
    assert parts[0].eq(1).all() and parts[1].eq(0).all()


def test_mlp_and_twins():
    net = mlp([3, 8, 2], gain=0.01)
    assert [type(m).__name__ for m in net] == ["Linear", "SiLU", "Linear"]
    assert net[2].weight.norm().item() == pytest.approx(0.01 * 2**0.5, rel=1e-5)
    twins, x = Twins([3, 8, 1]), torch.ones(5, 3)
    assert twins(x).shape == (2, 5, 1)
    assert torch.equal(twins(x)[1], twins.nets[1](x))
    assert not torch.equal(twins(x)[0], twins(x)[1])


def test_the_normal_policy_draws_what_its_density_says(g):
    policy = Normal(Box(np.array([0.0, 2.0]), np.array([1.0, 6.0])), 1, (4,), -0.5).float()
    o = torch.zeros(100_000, 1)
    with torch.no_grad():
        u, log_p = policy.sample(o, g)
        again, entropy = policy.log_density(o, u)
        mean = policy.net(o[:1])
    torch.testing.assert_close(log_p, again)
    torch.testing.assert_close(log_p, normal_log_density(u, mean, policy.log_std.detach()))
    assert -log_p.mean().item() == pytest.approx(entropy[0].item(), abs=0.01)
    assert u.std(0).tolist() == pytest.approx([np.exp(-0.5)] * 2, rel=0.01)
    a = policy.action(u)
    assert a.amin(0).tolist() > [0.0, 2.0] and a.amax(0).tolist() < [1.0, 6.0]
    assert policy.mode(o)[0].tolist() == pytest.approx([0.5, 4.0], abs=0.1)


def test_the_categorical_policy_draws_what_its_probabilities_say(g):
    policy = Categorical(Grid(np.array([[1.0], [2.0], [5.0]])), 1, (4,))
    with torch.no_grad():
        policy.net[-1].bias.copy_(torch.tensor([0.2, 0.5, 0.3]).log())
        o = torch.zeros(100_000, 1)
        u, log_p = policy.sample(o, g)
        again, entropy = policy.log_density(o, u)
    torch.testing.assert_close(log_p, again)
    share = torch.bincount(u[:, 0].long()) / len(u)
    assert share.tolist() == pytest.approx([0.2, 0.5, 0.3], abs=0.01)
    assert entropy[0].item() == pytest.approx(
        -sum(p * np.log(p) for p in (0.2, 0.5, 0.3)), abs=1e-4
    )
    rows = torch.tensor([[1.0], [2.0], [5.0]], dtype=torch.float64)
    assert torch.equal(policy.action(u), rows[u[:, 0].long()])
    assert policy.mode(o[:2]).tolist() == [[2.0], [2.0]]


def test_span():
    span = Span(Box(np.array([2.0]), np.array([6.0])))
    assert span(torch.tensor([[-1.0], [0.0], [1.0]])).flatten().tolist() == [2.0, 4.0, 6.0]


def test_replay_returns_what_was_added(g):
    replay = Replay(4, 3, {"t": (), "copy": (1,), "both": (2, 1)})
    for t in range(6):  # the first two periods are overwritten
        copies = torch.arange(3.0)
        both = torch.stack([copies, copies + 10 * t], 1)[..., None]
        replay.add(t=torch.full((3, 1), float(t)), copy=copies, both=both)
        assert len(replay) == min(t + 1, 4)
    b = replay.sample(2_000, g)
    assert b["t"].shape == (1, 2_000) and b["both"].shape == (1, 2_000, 2, 1)
    assert sorted(set(b["t"][0].tolist())) == [2, 3, 4, 5]
    assert sorted(set(b["copy"][0, :, 0].tolist())) == [0, 1, 2]
    assert torch.equal(b["both"][0, :, 0], b["copy"][0])
    assert torch.equal(b["both"][0, :, 1, 0], b["copy"][0, :, 0] + 10 * b["t"][0])
    assert torch.equal(replay.latest()["t"][0], torch.full((3,), 5.0))
    assert replay.latest(3)["t"][:, 0].tolist() == [3, 4, 5]


@pytest.mark.parametrize("n", [2, 4])
def test_a_window_is_consecutive_and_of_one_copy(g, n):
    replay = Replay(4, 3, {"t": (1,), "copy": (1,)})
    for t in range(6):
        replay.add(t=torch.full((3,), float(t)), copy=torch.arange(3.0))
    b = replay.sample(2_000, g, n)
    assert b["t"].shape == b["copy"].shape == (n, 2_000, 1)
    assert (b["t"][1:] - b["t"][:-1] == 1).all()
    assert (b["copy"][1:] == b["copy"][:-1]).all()
    assert sorted(set(b["t"][0, :, 0].tolist())) == list(range(2, 7 - n))


def test_replay_refuses_what_it_cannot_do(g):
    with pytest.raises(ValueError, match="periods=0"):
        Replay(0, 3, {"t": (1,)})
    replay = Replay(4, 3, {"t": (1,)})
    replay.add(t=torch.zeros(3))
    with pytest.raises(ValueError, match="n=2: must be from 1 to the 1"):
        replay.sample(5, g, 2)


def test_streams_are_independent_and_reproducible():
    a, b = (streams(7, ("world", "actions")) for _ in range(2))
    assert torch.equal(torch.rand(3, generator=a["world"]), torch.rand(3, generator=b["world"]))
    draws = {
        torch.rand((), generator=gen).item()
        for seed in range(20)
        for gen in streams(seed, ("world", "actions")).values()
    }
    assert len(draws) == 40


def test_initialization_leaves_the_global_stream_alone(g):
    torch.manual_seed(3)
    want = torch.rand(2)
    torch.manual_seed(3)
    with initialization(g):
        first = torch.rand(2)
    assert torch.equal(torch.rand(2), want)
    assert not torch.equal(first, want)


def test_one_thread_is_restored():
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_the_world_scales_what_it_shows(g):
    world = World(Batch(Luck(), 500, horizon=20), g)
    seen, earned = [], []
    for _ in range(200):
        seen.append(world.observe())
        earned.append(world.step(world.random_action(g)).r)
    seen, earned = torch.cat(seen), torch.cat(earned)
    assert seen.mean(0).abs().max() < 0.1 and (seen.std(0) - 1).abs().max() < 0.1
    assert abs(earned.mean()) < 0.1 and abs(earned.std() - 1) < 0.1
    assert world.samples == 200 * 500


def test_what_never_varies_is_not_scaled(g):
    world = World(Batch(Wage(growth=0.0), 5), g)
    assert world.scales.o[1].tolist() == [[1.0]] and world.scales.r[1].item() == 1.0


def test_copies_are_truncated_at_different_times(g):
    world = World(Batch(Target(), 400, horizon=10), g)
    shares = [world.step(world.random_action(g)).truncated.float().mean().item() for _ in range(10)]
    assert sum(shares) == pytest.approx(1.0) and max(shares) < 0.2


def test_values_return_to_the_units_of_the_economy(g):
    world = World(Batch(Luck(), 500, horizon=20), g)
    r = torch.tensor([[2.0], [-3.0]])
    scaled = (r - world.scales.r[0]) * world.scales.r[1]
    torch.testing.assert_close(world.units(scaled / (1 - world.β)), r / (1 - world.β))


@pytest.mark.parametrize("shape", [(1, 1), (5, 1, 1), (2, 3, 1, 1)])
def test_functions_take_arrays_and_tensors_of_any_batch(g, shape):
    world = World(Batch(Corridor(), 5), g)
    act = world.function(lambda o: 2.0 * (o > 0) - 1)
    o = np.full(shape, 5.0)
    assert act(o).shape == shape and act(o).dtype == np.float64 and (act(o) == 1).all()
    y = act(torch.as_tensor(o, dtype=torch.float32))
    assert y.dtype == torch.float32 and y.shape == shape
    third = world.function(lambda o: 0 * o + 1 / 3)  # which an integer could not hold
    assert (third(torch.as_tensor(o).long()) - 1 / 3).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (Batch(Wage(actions=GRID), 4), "batch: actions=Grid(.|\n)*: must be a Box"),
        (
            Batch(Wage(actions=ENDLESS), 4),
            "batch: actions=Box(.|\n)*: must be a Box with finite bounds",
        ),
        (Target(), r"batch=Target\(.*: must be a Batch"),
    ],
)
def test_what_an_agent_cannot_live_in_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        train(batch, apg.Config(), 0)


def test_rewards_may_be_large(g):
    world = World(Batch(Target(), 4), g)
    world.check(torch.full((3, 4), 3e38))
    with pytest.raises(FloatingPointError):
        world.check(torch.full((3, 4), float("inf")))
