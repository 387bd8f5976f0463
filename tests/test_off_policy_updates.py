"""Updates from a replay are those of the printed algorithms, written as loops over decisions."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from literal_agents import (
    BOXES,
    GRIDS,
    best,
    equal,
    forward,
    gradient,
    left_by_learning,
    log_normal,
    one,
    pooled,
    q_factors,
    start,
    twin,
)

from marketsai_lite.deep import control_variates, soft_networks
from marketsai_lite.deep.control_variates import News
from marketsai_lite.deep.joint_critics import SEES

PARTS = ("double", "dueling", "replay", "hedge")
OTHERS = [s for s in (*BOXES, *GRIDS, "team") if s != "one"]


@pytest.mark.parametrize(
    ("setting", "on"),
    [("one", on) for on in product([False, True], repeat=4)]
    + [(s, (True, True, True, hedge)) for s in OTHERS for hedge in (False, True)],
)
@pytest.mark.parametrize("n", [1, 3])
def test_dqn(n, setting, on):
    double, _, replayed, hedge = on
    options = {"n_step": n, "capacity": 12 * 32, **dict(zip(PARTS, on, strict=True))}
    world, learner, config, level = start("dqn", setting, 32, **options)
    for _ in range(9):
        learner.play(0.5)
    replay = learner.replay
    b = replay.sample(32, twin(learner.order), n) if replayed else replay.latest(n)
    assert n == 1 or set(b["truncated"][: n - 1].flatten().tolist()) == {0, 1}  # some cut short
    online, slow, level = learner.online, learner.target, level.clone()

    q, targets = (torch.zeros(32, world.n, dtype=torch.float64) for _ in range(2))
    for row, k in np.ndindex(32, world.n):
        target, discount = 0.0, 1.0
        for t in range(n):
            target += discount * b["r"][t, row, k]
            discount *= b["discount"][t, row, k]
            if b["truncated"][t, row, 0]:
                break
        o = b["o1"][t, row, k]
        value, choices = q_factors(slow, k, o)
        chooser, _ = q_factors(online if double else slow, k, o)
        heads = len(value)
        for h in range(heads):
            target += discount * (value[h, best(chooser[h], choices)] + level[k]) / heads
        targets[row, k] = target.detach()
        now, _ = q_factors(online, k, b["o"][0, row, k])
        q[row, k] = level[k] + sum(now[h, int(b["u"][0, row, k, h])] / heads for h in range(heads))
    if hedge:
        news = News(b["z"], b["e"]), News(b["z1"], b["e1"])
        targets = q.detach() + control_variates.hedged(targets - q.detach(), *news)
    loss = (targets - q).square().mean()

    assert equal(learner.learn(), loss.item())
    assert equal(left_by_learning(online), gradient(loss, online))
    error = pooled(world, targets - q.detach(), config.shared)
    assert equal(learner.level, level + 0.1 * error)


@pytest.mark.parametrize(
    ("setting", "hedge", "twins"),
    [(s, hedge, True) for s in (*BOXES, "team") for hedge in (False, True)]
    + [("one", False, False)],
)
def test_sac(setting, hedge, twins):
    options = {} if twins else {"twins": False, "stretch": 1.5}
    world, learner, config, level = start("sac", setting, hedge=hedge, **options)
    for _ in range(9):
        learner.play()
    same, level, n = twin(learner.order), level.clone(), world.n
    b = learner.replay.sample(16, same)
    news = (News(b["z"], b["e"]), News(b["z1"], b["e1"])) if hedge else ()
    b = {name: column[0] for name, column in b.items()}
    noise_tp1, noise_t = (
        [
            torch.randn(16, g.size, g.actions.width, generator=same, dtype=torch.float64)
            for g in world.groups
        ]
        for _ in range(2)
    )
    α = learner.temperature[0].exp()

    def act(k, o, noise, row):
        part, j = one(learner.actor, k)
        y, da = forward(part.net, j, o), len(part.span.middle)
        s = y[da:].clamp(*soft_networks.LOG_STD)
        which = list(learner.actor.parts).index(part)
        u = y[:da] + s.exp() * noise[which][row, j]
        log_slope = 2 * (math.log(2) - torch.logaddexp(u, -u))  # of tanh, 1 / cosh²
        return torch.tanh(u), log_normal(u, y[:da], s) - log_slope.sum()

    def both(critics, k, o, a):
        part, j = one(critics, k)
        seen = torch.cat([o, config.stretch * a[: part.da]])
        return torch.cat([forward(net, j, seen) for net in part.twins.nets[: 1 + twins]]) + level[k]

    q = torch.zeros(1 + twins, 16, n, dtype=torch.float64)
    targets, climbed, log_πs = (torch.zeros(16, n, dtype=torch.float64) for _ in range(3))
    for row, k in np.ndindex(16, n):
        o, o1 = b["o"][row, k], b["o1"][row, k]
        a, log_π = act(k, o1, noise_tp1, row)
        least = min(both(learner.target, k, o1, a))
        targets[row, k] = (b["r"][row, k] + b["discount"][row, k] * (least - α[k] * log_π)).detach()
        q[:, row, k] = both(learner.critics, k, o, b["u"][row, k])
        a, log_π = act(k, o, noise_t, row)
        climbed[row, k] = min(both(learner.critics, k, o, a)) - α[k].detach() * log_π
        log_πs[row, k] = log_π.detach()
    if hedge:
        guess = q.detach().mean(0)
        targets = guess + control_variates.hedged(targets - guess, *news)
    error = targets - q
    critic_loss = sum(0.5 * (e**2).mean() for e in error)
    actor_loss = -climbed.sum() / (16 * n)
    da = torch.tensor([s.width for s in world.batch.economy.actions])
    temperature_loss = -(α * (log_πs + da * config.entropy)).mean()

    losses = learner.learn()
    assert equal(losses["critic loss"], critic_loss.item())
    assert equal(losses["entropy"], -log_πs.mean())
    assert equal(losses["temperature"], α.mean().item())
    for loss, part in (
        (critic_loss, learner.critics),
        (actor_loss, learner.actor),
        (temperature_loss, learner.temperature),
    ):
        assert equal(left_by_learning(part), gradient(loss, part))
    error = pooled(world, error.detach().flatten(0, 1), config.shared)
    assert equal(learner.level, level + 0.1 * error)


@pytest.mark.parametrize(
    ("setting", "critic", "current"),
    [(s, critic, True) for s in (*BOXES, "team") for critic in SEES]
    + [(s, "everything", False) for s in ("one", "separate", "ends")],
)
@pytest.mark.parametrize("hedge", [False, True])
def test_maddpg(setting, critic, current, hedge):
    options = {"critic": critic, "current": current, "hedge": hedge}
    world, learner, config, level = start("maddpg", setting, **options)
    for _ in range(9):
        learner.play()
    level, n = level.clone(), world.n
    b = learner.replay.sample(16, twin(learner.order))
    news = (News(b["z"], b["e"]), News(b["z1"], b["e1"])) if hedge else ()
    b = {name: column[0] for name, column in b.items()}
    wide = b["u"].shape[-1]

    def act(actor, k, o):
        part, j = one(actor, k)
        a = torch.tanh(forward(part.net, j, o))
        return torch.cat([a, a.new_zeros(wide - len(a))])

    def q_of(critics, k, o, a):
        part, j = one(critics.net, k)
        pairs = [torch.cat([o[i], config.stretch * a[i]]) for i in range(n)]
        seen, others = [pairs[k]], [i for i in range(n) if i != k]
        if critic == "everything":
            seen += [pairs[i] for i in others]
        if critic == "sets":
            total = torch.zeros(8, dtype=torch.float64)
            for i in others:
                net, place = one(critics.embed, i)
                total = total + torch.nn.functional.silu(forward(net, place, pairs[i]))
            seen += [total / max(n - 1, 1)]
        return forward(part, j, torch.cat(seen))[0]

    q, targets, climbed = (torch.zeros(16, n, dtype=torch.float64) for _ in range(3))
    for row in range(16):
        o, o1, u = b["o"][row], b["o1"][row], b["u"][row]
        after = [act(learner.target_actor, i, o1[i]) for i in range(n)]
        now = [act(learner.actor, i, o[i]) for i in range(n)]
        for k in range(n):
            follows = q_of(learner.target, k, o1, after) + level[k]
            targets[row, k] = (b["r"][row, k] + b["discount"][row, k] * follows).detach()
            q[row, k] = q_of(learner.critic, k, o, u) + level[k]
            others = [a.detach() for a in now] if current else list(u)
            climbed[row, k] = q_of(learner.critic, k, o, [*others[:k], now[k], *others[k + 1 :]])
    if hedge:
        targets = q.detach() + control_variates.hedged(targets - q.detach(), *news)
    critic_loss, gain = (targets - q).square().mean(), climbed.sum() / (16 * n)

    losses = learner.learn()
    assert equal(losses["critic loss"], critic_loss.item())
    assert equal(losses["value climbed"], gain.item())
    assert equal(left_by_learning(learner.critic), gradient(critic_loss, learner.critic))
    assert equal(left_by_learning(learner.actor), gradient(-gain, learner.actor))
    error = pooled(world, (targets - q).detach(), config.shared)
    assert equal(learner.level, level + 0.1 * error)


@pytest.mark.parametrize("swapped", [[1, 0, 2], [2, 1, 0], [1, 2, 0]])
def test_a_critic_of_sets_is_equivariant_and_one_of_rows_is_not(swapped):
    for critic, alike in (("own", True), ("sets", True), ("everything", False)):
        world, learner, _, _ = start("maddpg", "shared", critic=critic)
        g = torch.Generator().manual_seed(1)
        o, a = (torch.randn(5, 3, k, generator=g, dtype=torch.float64) for k in (world.width, 2))
        q, again = learner.critic(o, a), learner.critic(o[:, swapped], a[:, swapped])
        off = (again - q[:, swapped]).abs().max()
        assert off < 1e-12 if alike else off > 1e-3
        acts, others = (learner.actor.each("forward", x) for x in (o, o[:, swapped]))
        assert (others - acts[:, swapped]).abs().max() < 1e-12


@pytest.mark.parametrize("setting", [*BOXES, "team", "box and grid", "legal"])
@pytest.mark.parametrize("name", ["dqn", "sac", "maddpg"])
def test_what_was_played_is_remembered(name, setting, monkeypatch):
    if name != "dqn" and setting in GRIDS:
        return
    world, learner, config, _ = start(name, setting, hedge=True, minibatch=64)
    step, acted = world.step, []

    def watched(action):
        acted.append(action)
        return step(action)

    monkeypatch.setattr(world, "step", watched)
    for _ in range(5):
        before, o = world.state, world.observe()
        learner.play(0.5) if name == "dqn" else learner.play()
        b = {key: column[0] for key, column in learner.replay.latest().items()}
        reward, discount = replayed(world, before, acted[-1])
        assert equal(b["o"], o) and equal(b["o1"][~ended(world)], world.observe()[~ended(world)])
        r = (reward - world.scales.r[0]) * world.scales.r[1]
        if config.team:
            r = torch.stack([sum(row) / world.n for row in r])[:, None].expand_as(r)
        assert equal(b["r"], r) and equal(b["discount"], discount)
        part = learner.online if name == "dqn" else learner.actor
        assert equal(part.each("action", b["u"]), acted[-1])
        z, z1 = world.news(before), world.news(world.state)
        stays = ~ended(world)
        assert equal(b["z"], z.common) and equal(b["e"], z.own)
        assert equal(b["z1"][stays], z1.common[stays]) and equal(b["e1"][stays], z1.own[stays])


def ended(world):
    """Copies that have just been started afresh."""
    return world.state.t == 0


def replayed(world, before, action):
    """Reward and discount of one period, by the economy one copy at a time."""
    economy, exo = world.batch.economy, world.batch.economy.exo
    rows = []
    for x, i, a in zip(before.x, before.i, action, strict=True):
        x, a = x.numpy(), a.numpy()
        x1, r = economy.step(x, exo.shocks(i.numpy()), a)
        β = np.full(world.n, economy.β)
        rows.append((r, economy.discount(x1, None) if hasattr(economy, "discount") else β))
    return [torch.as_tensor(np.stack(column)) for column in zip(*rows, strict=True)]
