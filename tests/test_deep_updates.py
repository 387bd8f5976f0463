"""Each agent's update is that of its printed algorithm, written as a loop over decisions."""

import math
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from diagnostics import Fuse, Killed, Luck

from marketsai_lite.deep import apg, dqn, pieces, ppo, sac
from marketsai_lite.deep.adam import Adam
from marketsai_lite.deep.replay import Replay
from marketsai_lite.deep.training import initialization
from marketsai_lite.deep.world import World
from marketsai_lite.economy import Box, Grid
from marketsai_lite.views.batch import Batch

PLANE = (Box(np.array([-1.0, -0.5]), np.array([1.0, 2.0])),)
POINTS = (Grid(np.array([[-1.0, 0.0], [0.5, 1.0], [1.0, -0.5]])),)


@dataclass(frozen=True)
class Pair(Luck):
    """Two actions, of which the first moves the state; a shock is worth more than they."""

    actions: tuple = PLANE

    def step(self, x, z, a):
        a = a[..., 0, :]
        return 0.5 * (a[..., :1] - x), 3 * z - ((a - x) ** 2).sum(-1)[..., None]


AGENTS = {"dqn": dqn, "sac": sac, "ppo": ppo, "apg": apg}
SHORT = {"updates": 4, "log_every": 1, "rate": 0.02, "average": 0.15, "hidden": (8,)}
CONFIG = {
    "dqn": dqn.Config(minibatch=16, levels=5, τ=0.1, n_step=3, **SHORT),
    "sac": sac.Config(minibatch=16, warmup=3, critic_hidden=(8,), τ=0.1, **SHORT),
    "ppo": ppo.Config(steps=7, minibatches=3, entropy=0.3, gradient_norm=2.0, **SHORT),
    "apg": apg.Config(steps=7, minibatch=16, gradient_norm=2.0, τ=0.1, **SHORT),
}
STEPS = {"dqn": 1, "sac": 1, "ppo": 7, "apg": 7}  # periods in an update


@pytest.fixture(params=AGENTS)
def name(request):
    return request.param


def start(name, config, actions=PLANE):
    """A world, a learner all of whose networks differ, and a generator; the same every time."""
    g = torch.Generator().manual_seed(0)
    world = World(Batch(Pair(actions), 8, horizon=3, dtype=torch.float64), g)
    with initialization(g):
        learner = AGENTS[name].Learner(world, config)
    disturb(learner, 0.5, g)
    learner.level += 0.7
    return world, learner, g


@torch.no_grad()
def disturb(module, size, g):
    for p in module.parameters():
        p += size * torch.randn(p.shape, generator=g, dtype=p.dtype)


def twin(g):
    return torch.Generator().set_state(g.get_state())


def gradient(loss, module):
    parts = torch.autograd.grad(loss, list(module.parameters()), retain_graph=True)
    return torch.cat([x.flatten() for x in parts])


def left_by_learning(module):
    return torch.cat([p.grad.flatten() for p in module.parameters()])


def equal(got, want):
    got, want = (torch.as_tensor(x, dtype=torch.float64) for x in (got, want))
    return got.shape == want.shape and torch.allclose(got, want, rtol=1e-7, atol=1e-9)


def log_normal(u, mean, log_std):
    return sum(
        -0.5 * ((u[d] - mean[d]) / log_std[d].exp()) ** 2 - log_std[d] - 0.5 * math.log(2 * math.pi)
        for d in range(2)
    )


def log_probability(policy, o, u):
    y = policy.net(o)
    return y[int(u)] - y.exp().sum().log() if len(u) == 1 else log_normal(u, y, policy.log_std)


def q_factors(network, o):
    """Of five levels for each of two actions, (2, 5)."""
    y = network.net(o)
    if len(y) == 10:
        return y.view(2, 5)
    a = y[1:].view(2, 5)
    return y[0] + a - a.mean(1, keepdim=True)


PARTS = ("double", "dueling", "replay", "hedge")


@pytest.mark.parametrize("on", list(product([False, True], repeat=4)))
@pytest.mark.parametrize("n", [1, 3])
def test_dqn(n, on):
    double, _, replayed, hedge = on
    config = replace(CONFIG["dqn"], n_step=n, **dict(zip(PARTS, on, strict=True)))
    world, learner, g = start("dqn", config)
    replay = Replay(12, 8, 10 if hedge else 8, dtype=torch.float64)
    for _ in range(9):
        dqn.play(world, learner.online, replay, hedge, 0.5, g)
    rows = replay.sample(16, twin(g), n) if replayed else replay.latest(n)
    o_t, k_t, r_t, cut_t, o_tp1, z_t, z_tp1 = rows.split([2, 2, 1, 1, 2] + [hedge] * 2, 2)
    assert n == 1 or set(cut_t[: n - 1].flatten().tolist()) == {0, 1}  # some cut short, some not
    online, slow, level = learner.online, learner.slow, learner.level.clone()

    q, targets = [], []
    for b in range(rows.shape[1]):
        target, discount = 0.0, 1.0
        for t in range(n):
            target += discount * r_t[t, b, 0]
            discount *= world.β
            if cut_t[t, b, 0]:
                break
        value, chooser = (q_factors(w, o_tp1[t, b]) for w in (slow, online if double else slow))
        for h in range(2):
            target += discount * (value[h, int(chooser[h].argmax())] + level) / 2
        targets.append(target.detach())
        now = q_factors(online, o_t[0, b])
        q.append((now[0, int(k_t[0, b, 0])] + now[1, int(k_t[0, b, 1])]) / 2 + level)
    q, targets = torch.stack(q), torch.stack(targets)
    if hedge:
        targets = q.detach() + pieces.hedged(targets - q.detach(), z_t, z_tp1)
    loss = (targets - q).square().mean()

    assert equal(dqn.learn(world, learner, config, replay, g), loss.item())
    assert equal(left_by_learning(online), gradient(loss, online))
    assert equal(learner.level, level + 0.1 * (targets - q).mean().item())


@pytest.mark.parametrize("hedge", [False, True])
def test_sac(hedge):
    config = replace(CONFIG["sac"], hedge=hedge)
    world, learner, g = start("sac", config)
    replay = Replay(12, 8, 9 if hedge else 7, dtype=torch.float64)
    for _ in range(9):
        sac.play(world, learner, replay, hedge, g)
    same = twin(g)
    (rows,) = replay.sample(16, same)
    o_t, a_t, r_t, o_tp1, z_t, z_tp1 = rows.split([2, 2, 1, 2] + [hedge] * 2, 1)
    noise_tp1, noise_t = (torch.randn(16, 2, generator=same, dtype=o_t.dtype) for _ in range(2))
    level, α = learner.level.clone(), learner.temperature[0].exp()

    def act(o, noise):
        y = learner.actor.net(o)
        s = y[2:].clamp(*sac.LOG_STD)
        u = y[:2] + s.exp() * noise
        slope = 1 - torch.tanh(u) ** 2
        return torch.tanh(u), log_normal(u, y[:2], s) - slope.log().sum()

    def both(critics, o, a):
        return torch.cat([net(torch.cat([o, sac.STRETCH * a])) for net in critics.nets]) + level

    q, targets, climbed, log_πs = [], [], [], []
    for b in range(16):
        a, log_π = act(o_tp1[b], noise_tp1[b])
        targets.append(r_t[b, 0] + world.β * (min(both(learner.slow, o_tp1[b], a)) - α * log_π))
        q.append(both(learner.critics, o_t[b], a_t[b]))
        a, log_π = act(o_t[b], noise_t[b])
        climbed.append(min(both(learner.critics, o_t[b], a)) - α.detach() * log_π)
        log_πs.append(log_π.detach())
    q, targets, log_πs = torch.stack(q), torch.stack(targets).detach(), torch.stack(log_πs)
    if hedge:
        guess = q.detach().mean(1)
        targets = guess + pieces.hedged(targets - guess, z_t[None], z_tp1[None])
    error = targets[:, None] - q
    critic_loss = sum(0.5 * (error[:, i] ** 2).mean() for i in range(2))
    actor_loss = -sum(climbed) / 16
    temperature_loss = -α * (log_πs + 2 * config.entropy).mean()

    losses = sac.learn(world, learner, config, replay, g)
    assert equal(losses["critic loss"], critic_loss.item())
    assert equal(losses["entropy"], -log_πs.mean())
    assert equal(losses["temperature"], α.item())
    for loss, part in (
        (critic_loss, learner.critics),
        (actor_loss, learner.actor),
        (temperature_loss, learner.temperature),
    ):
        assert equal(left_by_learning(part), gradient(loss, part))
    assert equal(learner.level, level + 0.1 * error.mean().item())


@pytest.mark.parametrize("critic", [True, False])
def test_apg_climbs_every_piece_of_the_paths(critic):
    config = replace(CONFIG["apg"], critic=critic)
    world, learner, _ = start("apg", config)
    T, B, seen = config.steps, 8, []
    for _ in range(T):
        o = world.observe()
        r, reached, cut = world.step(learner.policy(o))
        seen.append((o, r, learner.slow(world.observe(reached))[:, 0] + learner.level, cut))
    assert sum(cut.sum() for *_, cut in seen) > B

    def rest(t, b):
        """Discounted rewards to the end of the piece, and the value of where it ends."""
        _, r, v, cut = seen[t]
        if cut[b] or t == T - 1:
            return r[b] + world.β * (v[b] if critic else 0.0)
        return r[b] + world.β * rest(t + 1, b)

    starts = [(t, b) for t in range(T) for b in range(B) if t == 0 or seen[t - 1][3][b]]
    want = sum(rest(t, b) for t, b in starts) / B

    world, again, _ = start("apg", config)
    gain, (o, targets) = apg.climb(world, again, config)
    assert equal(gain, want.item())
    assert equal(left_by_learning(again.policy), -gradient(want, learner.policy))
    assert equal(o, torch.cat([o for o, *_ in seen]).detach())
    assert equal(targets, [rest(t, b).item() for t in range(T) for b in range(B)])
    assert not world.state.x.requires_grad


@pytest.mark.parametrize("critic", [True, False])
def test_apg_fits_its_critic(critic):
    config = replace(CONFIG["apg"], critic=critic)
    _, learner, g = start("apg", config)
    o, targets = (torch.randn(n, generator=g, dtype=torch.float64) for n in ((40, 2), (40,)))
    _, same, _ = start("apg", config)
    adam, h = Adam(same.critic), twin(g)
    level = sum(targets[b].item() - same.critic(o[b]).item() for b in range(40)) / 40
    losses = []
    for _ in range(2 * critic):
        k = torch.randint(40, (16,), generator=h)
        loss = sum((targets[b] - same.critic(o[b])[0] - level) ** 2 for b in k) / 16
        adam.g += gradient(loss, same.critic)
        adam.step(0.01)
        losses.append(loss.item())

    got = Adam(learner.critic)
    assert equal(apg.fit(learner, got, 0.01, config, (o, targets), g), sum(losses) / 2)
    assert equal(got.θ, adam.θ)
    assert equal(learner.level, level)


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("actions", [PLANE, POINTS], ids=["box", "grid"])
def test_ppo_judges_what_it_played(actions, hedge, monkeypatch):
    config = replace(CONFIG["ppo"], hedge=hedge)
    world, learner, g = start("ppo", config, actions)
    step, seen, T = world.step, [], config.steps

    def watched(a):
        o, z = world.observe(), world.shocks(world.state)
        r, reached, cut = step(a)
        seen.append((o, a, r, cut, world.observe(reached), z, world.shocks(reached)))
        return r, reached, cut

    monkeypatch.setattr(world, "step", watched)
    level = learner.level.clone()
    rows = ppo.play(world, learner, config, g).unflatten(0, (T, 8))
    o_t, a_t, r_t, cut_t, o_tp1, z_t, z_tp1 = (torch.stack(x) for x in zip(*seen, strict=True))
    assert 8 < cut_t.sum() < 4 * 8
    v_t, v_tp1 = (learner.critic(o)[..., 0].detach() + level for o in (o_t, o_tp1))
    δ_t = r_t + world.β * v_tp1 - v_t
    if hedge:
        shocks = (z.reshape(1, T * 8, 1) for z in (z_t, z_tp1))
        δ_t = pieces.hedged(δ_t.flatten(), *shocks).view(T, 8)
    total = 0.0
    for t, b in np.ndindex(T, 8):
        advantage, weight = 0.0, 1.0
        for k in range(t, T):
            advantage += weight * δ_t[k, b]
            weight *= world.β * config.λ
            if cut_t[k, b]:
                break
        o, u = rows[t, b, :2], rows[t, b, 2:-3]
        assert equal(o, o_t[t, b])
        assert equal(learner.policy.box(torch.tanh(u)) if actions is PLANE else u[0], a_t[t, b])
        log_π = log_probability(learner.policy, o, u).item()
        assert equal(rows[t, b, -3:], [log_π, advantage, advantage + v_t[t, b]])
        total += advantage
    assert equal(learner.level, level + total / (T * 8))


@pytest.mark.parametrize("longest", [1e-3, 1e3])
@pytest.mark.parametrize("actions", [PLANE, POINTS], ids=["box", "grid"])
def test_ppo_climbs_its_surrogate(actions, longest):
    config = replace(CONFIG["ppo"], epochs=1, minibatches=1, gradient_norm=longest)
    world, learner, g = start("ppo", config, actions)
    experience = ppo.play(world, learner, config, g)
    disturb(learner.policy, 0.1, g)  # so that some ratios are clipped
    policy, n, advantages = learner.policy, len(experience), experience[:, -2]
    gain, error, entropy, clipped = 0.0, 0.0, 0.0, 0
    for row in experience:
        (o, u), (old, advantage, target) = (row[:2], row[2:-3]), row[-3:]
        if actions is PLANE:
            entropy += sum(0.5 * math.log(2 * math.pi * math.e) + s for s in policy.log_std) / n
        else:
            entropy -= sum(p * p.log() for p in policy.net(o).softmax(-1)) / n
        a = (advantage - advantages.mean()) / advantages.std()
        ratio = (log_probability(policy, o, u) - old).exp()
        within = 1 - config.clip < ratio < 1 + config.clip
        bounded = ratio.clamp(1 - config.clip, 1 + config.clip)
        gain += (ratio * a if within else min(ratio * a, bounded * a)) / n
        error += (learner.critic(o)[0] + learner.level - target) ** 2 / n
        clipped += not within
    assert 0 < clipped < n
    loss = error - gain - config.entropy * entropy
    want = [gradient(loss, policy), gradient(loss, learner.critic)]

    adams = Adam(policy, ε=1e-5), Adam(learner.critic, ε=1e-5)
    before = [adam.θ.clone() for adam in adams]
    losses = ppo.learn(learner, adams, config, 0.5, experience, g)
    assert equal(losses["gain"], gain.item())
    assert equal(losses["critic loss"], error.item())
    assert equal(losses["entropy"], entropy.item())
    for k, rate, norm in ((0, config.rate, longest), (1, config.critic_rate, 10 * longest)):
        step = want[k] * min(1.0, norm / (want[k].norm().item() + 1e-6))
        assert equal(adams[k].m, 0.1 * step)  # the first one
        assert equal(adams[k].θ, before[k] - 0.5 * rate * step / (step.abs() + 1e-5))


RATES = {  # of update u of 4: the steps that Adam takes, and their longest gradients
    "dqn": lambda c, u: [(c.rate * (1 - u / 4), None)],
    "sac": lambda c, u: [(c.rate * (1 - u / 4), None), (c.temperature_rate, None)],
    "ppo": lambda c, u: 6 * [(c.rate * (1 - u / 4), 2.0), (c.critic_rate * (1 - u / 4), 20.0)],
    "apg": lambda c, u: (
        [(r := c.rate * 0.5 * (1 + math.cos(math.pi * u / 4)), 2.0)] + 2 * [(r, None)]
    ),
}


def test_rates_fall_to_zero(name, monkeypatch):
    config, step, taken = CONFIG[name], Adam.step, []

    def watched(self, rate, longest=None):
        taken.append((rate, longest))
        return step(self, rate, longest)

    monkeypatch.setattr(Adam, "step", watched)
    AGENTS[name].train(Batch(Pair(), 8, horizon=3), config, 0)
    want = [x for update in range(4) for x in RATES[name](config, update)]
    assert [x for _, x in taken] == [x for _, x in want]
    assert [x for x, _ in taken] == pytest.approx([x for x, _ in want])


FOLLOWS = {
    "dqn": {"slow": "online", "averaged": "online"},
    "sac": {"slow": "critics", "averaged": "actor"},
    "ppo": {"averaged": "policy"},
    "apg": {"slow": "critic", "averaged": "policy"},
}


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in AGENTS), ("dqn", {"target": False})]
)
def test_copies_follow_their_networks(name, options, monkeypatch):
    agent, config, seen = AGENTS[name], replace(CONFIG[name], **options), []

    class Watched(agent.Learner):
        def __init__(self, *args):
            super().__init__(*args)
            self.remember()

        def remember(self, *args):
            Watched.one = self
            seen.append({k: v.double().clone() for k, v in self.state_dict().items()})

    monkeypatch.setattr(agent, "Learner", Watched)
    agent.train(Batch(Pair(), 8, horizon=3), config, 0, on_log=lambda *_: Watched.one.remember())
    assert len(seen) == 5
    for update, (old, new) in enumerate(pairwise(seen)):
        moves = {"averaged": 1 - min(0.15, update / (update + 10))}
        moves["slow"] = 0.1 if config == CONFIG[name] else 1.0
        for copy, network in FOLLOWS[name].items():
            for key in (k for k in new if k.startswith(copy + ".")):
                fast = new[key.replace(copy, network, 1)]
                want = (1 - moves[copy]) * old[key] + moves[copy] * fast
                torch.testing.assert_close(new[key], want, rtol=1e-5, atol=1e-6)
        assert update == 0 or any(not torch.equal(new[k], old[k]) for k in new if "weight" in k)


def test_a_killed_run_goes_on_from_its_checkpoint(name, tmp_path):
    path, config = tmp_path / "run.pt", replace(CONFIG[name], updates=24, log_every=6)

    def steps(fuse, checkpoint):
        batch = Fuse(Pair(), 8, horizon=3)
        batch.left = fuse
        try:
            AGENTS[name].train(batch, config, 3, checkpoint=checkpoint)
        except Killed:
            assert batch.left == -1
        return fuse - batch.left

    fresh = steps(10**9, None)
    steps(fresh - 12 * STEPS[name], path)
    saved = torch.load(path, weights_only=True)["update"]
    assert 0 < saved <= 12
    assert steps(10**9, path) <= fresh - saved * STEPS[name]
