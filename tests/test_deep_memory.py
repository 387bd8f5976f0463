"""What agents remember: unrolled as it was played, and lost exactly where a path ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diagnostics import ENDS, PLANE, POINTS, Alternation, Masked, Mortal, Town

from marketsai_lite.deep import apg, ppo
from marketsai_lite.deep.networks import Copies, Memory, mlp
from marketsai_lite.deep.rollout import play
from marketsai_lite.deep.train import STREAMS, initialization, streams, train
from marketsai_lite.deep.world import World
from marketsai_lite.economies.hidden_demand import HiddenDemand
from marketsai_lite.solutions import hidden_demand
from marketsai_lite.views.batch import Batch

T, B, MEMORY = 12, 8, 3
CONFIG = ppo.Config(updates=4, steps=T, minibatches=2, memory=MEMORY, hidden=(8,), log_every=2)
TOWNS = {
    "truncated": Town,
    "ended": Mortal,
    "unlike": lambda: Town((PLANE, PLANE, POINTS)),
    "legal": lambda: Masked((POINTS, POINTS, ENDS)),
}


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


@pytest.fixture(params=TOWNS)
def town(request):
    return TOWNS[request.param]()


def start(economy, **options):
    """A world and a learner whose gates differ from agent to agent."""
    rng, horizon = streams(0, STREAMS), options.pop("horizon", 5)
    world = World(Batch(economy, B, horizon=horizon, dtype=torch.float64), rng["shocks"], None, 3)
    with initialization(rng["networks"]):
        learner = replace(CONFIG, **options).agent(world, rng)
    with torch.no_grad():
        for p in learner.parameters():
            p += 0.3 * torch.randn(p.shape, generator=rng["networks"], dtype=p.dtype)
    return world, learner


def unrolled(learner, path, restarted):
    return learner.actor.each("log_density", path.o, path.u, path.h, restarted=restarted)


@pytest.mark.parametrize("shared", [True, False])
def test_unrolling_a_path_repeats_what_was_played(town, shared):
    world, learner = start(town, shared=shared)
    play(world, learner, 3, learner.noise)  # the next path begins with something remembered
    path = play(world, learner, T, learner.noise)
    assert path.h[0].abs().sum() > 0 and 0 < path.restarted[:-1].sum() < (T - 1) * B
    log_π, _ = unrolled(learner, path, path.restarted)
    torch.testing.assert_close(log_π, path.log_π)


@pytest.mark.parametrize("shared", [True, False])
def test_it_repeats_it_on_some_of_the_copies(town, shared):
    world, learner = start(town, shared=shared)
    play(world, learner, 3, learner.noise)
    experience = learner.judge(play(world, learner, T, learner.noise))
    seen = 0
    for b in experience.minibatches(learner.config.minibatches, learner.order):
        assert b.o.shape[:2] == b.restarted.shape == (T, B // 2)
        log_π, _ = learner.actor.each("log_density", b.o, b.u, b.h, restarted=b.restarted)
        torch.testing.assert_close(log_π, b.numbers[..., 0])
        seen += b.o.shape[1]
    assert seen == B


def test_memories_are_zero_after_a_restart_and_only_then(town):
    world, learner = start(town)
    path = play(world, learner, T, learner.noise)
    after = torch.cat([path.h[1:], world.h[None]])
    forgotten = (after == 0).all(-1)
    assert torch.equal(forgotten, path.restarted[..., None].expand_as(forgotten))
    assert not (after == 0).any(-1)[~path.restarted].any()
    assert 0 < path.restarted.sum() < T * B
    again = play(world, learner, T, learner.noise)
    assert torch.equal(again.h[0], after[-1])


def mistaken(path):
    """The two flags that are easily taken for the right one, and how each differs from it."""
    dead = path.discount == 0
    return {"truncated only": path.truncated, "one agent's end": dead.any(-1) | path.truncated}


@pytest.mark.parametrize("flag", ["truncated only", "one agent's end"])
def test_a_wrong_flag_is_noticed(flag):
    world, learner = start(Mortal())
    play(world, learner, 3, learner.noise)
    path = play(world, learner, T, learner.noise)
    wrong = mistaken(path)[flag]
    assert not torch.equal(wrong[:-1], path.restarted[:-1])
    log_π, _ = unrolled(learner, path, wrong)
    assert (log_π - path.log_π).abs().max() > 1e-3
    with pytest.raises(AssertionError):
        torch.testing.assert_close(log_π, path.log_π)
    after = torch.cat([path.h[1:], world.h[None]])
    assert not torch.equal((after == 0).all(-1), wrong[..., None].expand(T, B, world.n))


@pytest.mark.parametrize("flag", ["truncated only", "one agent's end"])
def test_so_is_one_in_the_world(flag, monkeypatch):
    world, learner = start(Mortal())
    step = world.step

    def wrong(action):
        moved = step(action)
        return moved._replace(restarted=mistaken(moved)[flag])

    play(world, learner, 3, learner.noise)
    monkeypatch.setattr(world, "step", wrong)
    path = play(world, learner, T, learner.noise)
    fresh = path.state.t[1:] == 0  # where copies were in fact started afresh
    forgotten = (path.h[1:] == 0).all(-1)
    assert not torch.equal(forgotten, fresh[..., None].expand_as(forgotten))


def test_the_critic_values_what_was_reached_with_the_memory_of_then():
    world, learner = start(Town())
    path = play(world, learner, T, learner.noise)
    seen, v_t, v_tp1 = learner.critic.along(world, learner.actor, path)
    for t, b in np.ndindex(T, B):
        known, h1 = learner.actor.each("know", path.o[t, b], path.h[t, b])
        torch.testing.assert_close(seen[t, b], known)
        torch.testing.assert_close(v_t[t, b], learner.critic(known))
        reached = type(path.state)(*(s[t, b] for s in path.reached))
        o = world.observe(reached)
        known, _ = learner.actor.each("know", o, h1)
        torch.testing.assert_close(v_tp1[t, b], learner.critic(known))


@pytest.mark.parametrize("width", [0, 2, 4])
def test_a_policy_with_the_wrong_memory_is_refused(width, g):
    world, learner = start(Town())
    before = world.samples

    class Wrong:
        def action(self, u):
            raise AssertionError("acted")

        def sample(self, o, h, generator):
            u, log_π, h1 = learner.sample(o, h, generator)
            return u, log_π, torch.zeros(*h1.shape[:-1], width)

    with pytest.raises(
        ValueError, match=rf"memory=\(8, 3, {width}\): must be the world's, \(8, 3, 3\)"
    ):
        play(world, Wrong(), T, g)
    assert world.samples == before


@pytest.mark.parametrize("copies", [None, 3])
def test_a_memory_is_a_gated_unit(copies, g):
    memory = Memory(2, 4, copies).double()
    o, h = (torch.randn(5, 3, w, generator=g, dtype=torch.float64) for w in (2, 4))

    def of(net, k, x):
        if copies is None:
            return net[0].weight @ x + net[0].bias
        return net.weights[0][k] @ x + net.biases[0][k]

    got = memory(o, h)
    for b, k in np.ndindex(5, 3):
        z = torch.sigmoid(of(memory.gates, k, torch.cat([o[b, k], h[b, k]])))
        keep, reset = z[:4], z[4:]
        new = torch.tanh(of(memory.candidate, k, torch.cat([o[b, k], reset * h[b, k]])))
        torch.testing.assert_close(got[b, k], keep * h[b, k] + (1 - keep) * new)


@pytest.mark.parametrize("widths", [(3, 2), (3, 8, 2), (4, 8, 5, 1)])
def test_copies_are_as_many_separate_networks(widths, g):
    torch.manual_seed(0)
    copies, nets = Copies(4, widths, 0.5), [mlp(widths, 0.5) for _ in range(4)]
    for k, net in enumerate(nets):
        layers = [m for m in net if isinstance(m, torch.nn.Linear)]
        for layer, weight, bias in zip(layers, copies.weights, copies.biases, strict=True):
            layer.weight.data, layer.bias.data = weight[k].detach(), bias[k].detach()
    for lead in ((), (5,), (2, 5)):
        x = torch.randn(*lead, 4, widths[0], generator=g)
        want = torch.stack([net(x[..., k, :]) for k, net in enumerate(nets)], -2)
        torch.testing.assert_close(copies(x), want)
    copies(x).square().sum().backward()
    want.square().sum().backward()
    for k, net in enumerate(nets):
        torch.testing.assert_close(copies.weights[0].grad[k], net[0].weight.grad)
        norm = net[-1].weight.norm()  # orthogonal at the start, as one network would be
        assert norm.item() == pytest.approx(0.5 * min(widths[-2:]) ** 0.5, rel=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_agents_with_a_memory_learn_in_every_town(town, shared):
    result = train(Batch(town, B, horizon=5), replace(CONFIG, shared=shared), 0)
    assert np.isfinite(result.curves["gain"]).all() and (result.curves["gradient"] > 0).all()


def test_a_result_carries_memories():
    result = train(Batch(Alternation(remembered=True), B, horizon=5), CONFIG, 0)
    o, h = np.ones((2, 4, 1, 1)), np.zeros((2, 4, 1, MEMORY))
    action, h1 = result.remember(o, h)
    assert np.array_equal(action, result.act(o)) and h1.shape == h.shape and (h1 != 0).all()
    _, h2 = result.remember(o, h1)
    assert not np.allclose(h1, h2)
    _, tensors = result.remember(torch.ones(2, 4, 1, 1), torch.as_tensor(h1))
    np.testing.assert_allclose(tensors.numpy(), h2, rtol=1e-5)
    with pytest.raises(ValueError, match=r"h='shape \(2, 4, 1, 2\)': must be of shape"):
        result.remember(o, h[..., :2])


def test_without_a_memory_nothing_is_carried():
    result = train(Batch(Alternation(), B, horizon=5), replace(CONFIG, memory=0), 0)
    action, h = result.remember(np.zeros((4, 1, 1)), np.zeros((4, 1, 0)))
    assert h.shape == (4, 1, 0) and np.array_equal(action, result.act(np.zeros((4, 1, 1))))


def test_the_analytic_gradient_runs_through_memories():
    economy, T, N = HiddenDemand(nd=5), 20, 512
    config = apg.Config(
        updates=60, steps=T, memory=8, critic=False, hidden=(16,), rate=2e-2, average=0.8
    )
    result = train(Batch(economy, 64, horizon=T), config, 0)
    rng = np.random.default_rng(0)
    i, o, h = economy.exo.initial(rng.random((N, 1))), np.zeros((N, 1, 1)), np.zeros((N, 1, 8))
    q, y = np.empty((2, N, T))
    for t in range(T):
        a, h = result.remember(o, h)
        q[:, t], y[:, t] = a[:, 0, 0], economy.exo.shocks(i).aggregate.sum(-1)
        o, i = y[:, t, None, None], economy.exo.next(i, rng.random((N, 1)))
    rule = hidden_demand.output(economy, hidden_demand.guesses(economy, y))
    r, best = ((economy.a + y - economy.b * x) * x for x in (q, rule))
    earned = hidden_demand.average(economy, T) + (r - best).mean()
    assert earned > hidden_demand.average(economy, T, memory=False) + 0.01


@pytest.mark.parametrize("given", ["nothing", "policies"])
def test_memories_of_the_analytic_gradient_end_with_a_path(given):
    rng = streams(0, STREAMS)
    config = apg.Config(updates=5, steps=7, memory=MEMORY, hidden=(8,), given=given)
    world = World(Batch(Town(), B, horizon=5), rng["shocks"], None, MEMORY)
    with initialization(rng["networks"]):
        learner = config.agent(world, rng)
    met = 0
    for k in range(5):
        assert all(np.isfinite(float(v)) for v in learner.update(k).values())
        fresh = world.state.t == 0
        assert not world.h.requires_grad
        assert torch.equal((world.h == 0).flatten(1).all(1), fresh)
        met += int(fresh.sum())
    assert 0 < met < 5 * B
