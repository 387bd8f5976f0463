"""Each agent's update is that of its printed algorithm, written as a loop over decisions."""

import copy
import math
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
import pytest
import torch
from diagnostics import (
    ENDS,
    LINE,
    PLANE,
    POINTS,
    Detached,
    Fuse,
    Killed,
    Luck,
    Masked,
    Mortal,
    Town,
)

from marketsai_lite.deep import apg, control_variates, dqn, equations, ppo, sac, soft_networks
from marketsai_lite.deep.adam import Adam
from marketsai_lite.deep.control_variates import News
from marketsai_lite.deep.experience import Experience
from marketsai_lite.deep.networks import Copies
from marketsai_lite.deep.policies import Categorical
from marketsai_lite.deep.train import STREAMS, initialization, streams, train
from marketsai_lite.deep.world import World
from marketsai_lite.views.batch import Batch


@dataclass(frozen=True)
class Pair(Luck):
    """Two actions, of which the first moves the state; a shock is worth more than they."""

    actions: tuple = (PLANE,)

    def step(self, x, z, a):
        a = a[..., 0, :]
        return 0.5 * (a[..., :1] - x), 3 * z.aggregate - ((a - x) ** 2).sum(-1)[..., None]


AGENTS = {"dqn": dqn, "sac": sac, "ppo": ppo, "apg": apg}
LEARNERS = {"dqn": "DQN", "sac": "SAC", "ppo": "PPO", "apg": "APG"}
SHORT = {"updates": 4, "log_every": 1, "rate": 0.02, "average": 0.15, "hidden": (8,)}
CONFIG = {
    "dqn": dqn.Config(minibatch=32, levels=5, τ=0.1, n_step=3, **SHORT),
    "sac": sac.Config(minibatch=16, warmup=3, critic_hidden=(8,), τ=0.1, **SHORT),
    "ppo": ppo.Config(steps=7, minibatches=3, entropy=0.3, gradient_norm=2.0, **SHORT),
    "apg": apg.Config(steps=7, minibatch=16, gradient_norm=2.0, τ=0.1, **SHORT),
}
STEPS = {"dqn": 1, "sac": 1, "ppo": 7, "apg": 7}  # periods in an update
UNLIKE = (PLANE, PLANE, LINE)
MIXED = (PLANE, PLANE, POINTS)
SETTINGS = {  # an economy, and settings of the agent
    "one": (Pair, {}),
    "one on a grid": (lambda: Pair((POINTS,)), {}),
    "shared": (Town, {}),
    "separate": (Town, {"shared": False}),
    "two groups": (lambda: Town(UNLIKE), {}),
    "two groups, separate": (lambda: Town(UNLIKE), {"shared": False}),
    "box and grid": (lambda: Town(MIXED), {}),
    "box and grid, separate": (lambda: Town(MIXED), {"shared": False}),
    "team": (Town, {"team": True}),
    "ends": (Mortal, {}),
    "legal": (lambda: Masked((POINTS, POINTS, ENDS)), {}),
    "legal, separate": (lambda: Masked((POINTS, POINTS, ENDS)), {"shared": False}),
    "everything": (Mortal, {"critic": "everything"}),
    "everything, a team": (Town, {"critic": "everything", "team": True}),
}
BOXES = ("one", "shared", "separate", "two groups", "two groups, separate", "ends")
GRIDS = ("one on a grid", "box and grid", "box and grid, separate", "legal", "legal, separate")
CRITICS = ("everything", "everything, a team")


@pytest.fixture(params=AGENTS)
def name(request):
    return request.param


def start(name, setting, copies=8, **options):
    """A world, and a learner all of whose networks differ; the same every time."""
    economy, more = SETTINGS[setting]
    config, rng = replace(CONFIG[name], **more, **options), streams(0, STREAMS)
    world = World(Batch(economy(), copies, horizon=3, dtype=torch.float64), rng["shocks"])
    with initialization(rng["networks"]):
        learner = config.agent(world, rng)
    disturb(learner, 0.5, rng["networks"])
    level = learner.critic.level if name == "ppo" else learner.level
    level += 0.7 + 0.1 * torch.arange(world.n)
    return world, learner, config, level


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


def one(groups, k):
    """The part of some `Groups` to which agent k belongs, and which member of it k is."""
    for members, part in zip(groups.members, groups.parts, strict=True):
        if members.start <= k < members.stop:
            return part, k - members.start


def forward(net, j, x):
    """Output of the network of member j, layer by layer where each has its own."""
    if not isinstance(net, Copies):
        return net(x)
    for layer, (W, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        x = W[j] @ (torch.nn.functional.silu(x) if layer else x) + b[j]
    return x


def pooled(world, x, shared):
    """Mean of columns of `x` (rows, n): of all agents in a group, or of each agent."""
    means = []
    for k in range(world.n):
        alike = next(g.members for g in world.groups if g.members.start <= k < g.members.stop)
        columns = range(alike.start, alike.stop) if shared else [k]
        means.append(sum(x[:, c].mean().item() for c in columns) / len(columns))
    return torch.tensor(means, dtype=torch.float64)


def log_normal(u, mean, log_std):
    return sum(
        -0.5 * ((u[d] - mean[d]) / log_std[d].exp()) ** 2 - log_std[d] - 0.5 * math.log(2 * math.pi)
        for d in range(len(mean))
    )


def may(o, legal, m):
    """Numbers of the choices that an observation says are legal."""
    return [j for j in range(m) if not legal or o[len(o) - legal + j] == 1]


def log_probability(actor, k, o, u):
    """Log density of what agent k chose, and the entropy."""
    part, j = one(actor, k)
    policy = part.policy
    y = forward(policy.net, j, o)
    if isinstance(policy, Categorical):
        choices = may(o, policy.legal, len(y))
        log_total = sum(y[c].exp() for c in choices).log()
        entropy = sum((log_total - y[c]) * (y[c] - log_total).exp() for c in choices)
        return y[int(u[0])] - log_total, entropy
    log_std = policy.log_std[j] if policy.log_std.ndim == 2 else policy.log_std
    entropy = sum(0.5 * math.log(2 * math.pi * math.e) + s for s in log_std)
    return log_normal(u, y, log_std), entropy


def q_factors(networks, k, o):
    """Of each level for each dimension of agent k's action, (heads, m); and which are legal."""
    part, j = one(networks, k)
    y = forward(part.net, j, o)
    legal = 0 if part.span else part.legal
    choices = may(o, legal, part.m)
    if not part.dueling:
        return y.view(part.heads, part.m), choices
    a = y[1:].view(part.heads, part.m)
    return y[0] + a - a.mean(1, keepdim=True), choices


def best(q, choices):
    return max(choices, key=lambda c: q[c].item())


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


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("setting", [*BOXES, "team"])
def test_sac(setting, hedge):
    world, learner, config, level = start("sac", setting, hedge=hedge)
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
        seen = torch.cat([o, soft_networks.STRETCH * a[: part.da]])
        return torch.cat([forward(net, j, seen) for net in part.twins.nets]) + level[k]

    q = torch.zeros(2, 16, n, dtype=torch.float64)
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
    critic_loss = sum(0.5 * (error[i] ** 2).mean() for i in range(2))
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


@pytest.mark.parametrize("setting", [*BOXES, "team", "box and grid", "legal"])
@pytest.mark.parametrize("name", ["dqn", "sac"])
def test_what_was_played_is_remembered(name, setting, monkeypatch):
    if name == "sac" and setting in GRIDS:
        return
    world, learner, config, _ = start(name, setting, hedge=True, minibatch=64)
    step, acted = world.step, []

    def watched(action):
        acted.append(action)
        return step(action)

    monkeypatch.setattr(world, "step", watched)
    for _ in range(5):
        before, o = world.state, world.observe()
        learner.play() if name == "sac" else learner.play(0.5)
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


GIVEN = [("one", "nothing"), ("one", "policies")] + [
    (s, given) for s in BOXES[1:] for given in ("nothing", "policies", "prices")
]


@pytest.mark.parametrize("critic", [True, False])
@pytest.mark.parametrize(("setting", "given"), GIVEN)
def test_apg_climbs_every_piece_of_the_paths(setting, given, critic, monkeypatch):
    options, update = {"critic": critic, "given": given}, 5
    if given == "prices":  # the loop lives where the market never carries a gradient
        base = type(SETTINGS[setting][0]())
        priced = type("Priced", (Detached, base), {}) if base is not Town else Detached
        actions = SETTINGS[setting][0]().actions
        monkeypatch.setitem(SETTINGS, "detached", (lambda: priced(actions), SETTINGS[setting][1]))
        world, learner, config, level = start("apg", "detached", critic=critic)
    else:
        world, learner, config, level = start("apg", setting, critic=critic)
    fixed = copy.deepcopy(learner.policy).requires_grad_(False)
    T, B, n, seen = config.steps, 8, world.n, []

    def act(o):
        """Actions of all agents: in "policies" only the mover's depends on the weights."""
        rows = []
        for b in range(B):
            row = []
            for k in range(n):
                moves = given != "policies" or k == (b + update) % n
                part, j = one(learner.policy if moves else fixed, k)
                net, _, span = part
                a = span.middle + span.radius * torch.tanh(forward(net, j, o[b, k]))
                row.append(torch.nn.functional.pad(a, (0, world.batch.terms.da - len(a))))
            rows.append(torch.stack(row))
        return torch.stack(rows)

    def value(o, k):
        part, j = one(learner.target, k)
        return forward(part, j, o)[0] + level[k]

    for _ in range(T):
        o = world.observe()
        seen.append((o, world.step(act(o))))
        end = world.observe(seen[-1][1].reached)
        seen[-1] += ([[value(end[b, k], k) for k in range(n)] for b in range(B)],)
    assert sum(moved.truncated.sum() for _, moved, _ in seen) > (0 if setting == "ends" else B)

    def rest(t, b, k):
        """Discounted rewards to the end of the piece, and the value of where it ends."""
        _, moved, v = seen[t]
        if moved.restarted[b] or t == T - 1:
            return moved.r[b, k] + moved.discount[b, k] * (v[b][k] if critic else 0.0)
        return moved.r[b, k] + moved.discount[b, k] * rest(t + 1, b, k)

    starts = [(t, b) for t in range(T) for b in range(B) if t == 0 or seen[t - 1][1].restarted[b]]
    want = 0.0
    for t, b in starts:
        counted = [(b + update) % n] if given == "policies" else range(n)
        want += sum(rest(t, b, k) for k in counted) / B

    world, again, config, _ = start("apg", setting, **options)
    equations.polyak(again.θ_others, again.adams[0].θ, 1.0)
    gain, (o, targets) = again.climb(update)
    assert equal(gain, want.item())
    assert equal(left_by_learning(again.policy), -gradient(want, learner.policy))
    assert equal(o, torch.cat([o for o, *_ in seen]).detach())
    targets_want = [[rest(t, b, k).item() for k in range(n)] for t in range(T) for b in range(B)]
    assert equal(targets, targets_want)
    assert not world.state.x.requires_grad


def test_the_three_gradients_differ():
    found = {}
    for given in ("nothing", "policies", "prices"):
        _, learner, *_ = start("apg", "shared", given=given)
        equations.polyak(learner.θ_others, learner.adams[0].θ, 1.0)
        learner.climb(0)
        found[given] = left_by_learning(learner.policy)
    for a, b in (("nothing", "policies"), ("nothing", "prices"), ("policies", "prices")):
        assert (found[a] - found[b]).norm() > 0.01 * found[a].norm()


@pytest.mark.parametrize("critic", [True, False])
@pytest.mark.parametrize("setting", ["one", "shared", "separate", "two groups"])
def test_apg_fits_its_critic(setting, critic):
    world, learner, config, level = start("apg", setting, critic=critic)
    n, g = world.n, torch.Generator().manual_seed(0)
    o = torch.randn(40, n, world.width, generator=g, dtype=torch.float64)
    targets = torch.randn(40, n, generator=g, dtype=torch.float64)
    _, same, *_ = start("apg", setting, critic=critic)
    adam, h, level = same.adams[1], twin(learner.order), level.clone()

    def error(b, k):
        part, j = one(same.critic, k)
        return targets[b, k] - forward(part, j, o[b, k])[0] - level[k]

    errors = torch.stack([error(b, k).detach() for b in range(40) for k in range(n)])
    level = level + pooled(world, errors.view(40, n), config.shared)
    losses = []
    for _ in range(2 * critic):
        rows = torch.randint(40, (16,), generator=h)
        loss = sum(error(b, k) ** 2 for b in rows for k in range(n)) / (16 * n)
        adam.g += gradient(loss, same.critic)
        adam.step(0.01)
        losses.append(loss.item())

    assert equal(learner.fit(0.01, (o, targets)), sum(losses) / 2)
    assert equal(learner.adams[1].θ, adam.θ)
    assert equal(learner.level, level)


def ppo_value(world, learner, o, everything, k):
    critic = learner.critic
    if critic.everything:
        return critic.net(everything)[k] + critic.level[k]
    part, j = one(critic.net, k)
    return forward(part, j, o[k])[0] + critic.level[k]


@pytest.mark.parametrize("hedge", [False, True])
@pytest.mark.parametrize("setting", SETTINGS)
def test_ppo_judges_what_it_played(setting, hedge, monkeypatch):
    world, learner, config, level = start("ppo", setting, hedge=hedge)
    step, seen, T, n = world.step, [], config.steps, world.n

    def watched(a):
        o, state = world.observe(), world.state
        moved = step(a)
        seen.append((o, a, moved, state))
        return moved

    monkeypatch.setattr(world, "step", watched)
    level = level.clone()
    path = ppo.play(world, learner, T, learner.noise)
    r_t, δ_t = torch.zeros(2, T, 8, n, dtype=torch.float64)
    v_t = r_t.clone()
    for t, (o, _, moved, state) in enumerate(seen):
        end = world.observe(moved.reached)
        every = [world.everything(s) for s in (state, moved.reached)]
        for b, k in np.ndindex(8, n):
            v, v1 = (
                ppo_value(world, learner, seeing[b], all_[b], k).item()
                for seeing, all_ in zip((o, end), every, strict=True)
            )
            r_t[t, b, k] = sum(moved.r[b]) / n if config.team else moved.r[b, k]
            v_t[t, b, k], δ_t[t, b, k] = v, r_t[t, b, k] + moved.discount[b, k] * v1 - v
    if hedge:
        z, z1 = (
            [world.news(s) for s in states]
            for states in zip(*((state, moved.reached) for *_, moved, state in seen), strict=True)
        )
        z, z1 = (News(*(torch.cat(v)[None] for v in zip(*part, strict=True))) for part in (z, z1))
        δ_t = control_variates.hedged(δ_t.flatten(0, 1), z, z1).view(T, 8, n)
    experience = learner.judge(path)
    rows = Experience(*(x if x is None else x.unflatten(0, (T, 8)) for x in experience))
    assert 8 < sum(moved.restarted.sum() for *_, moved, _ in seen) < 6 * 8
    advantages = torch.zeros(T, 8, n, dtype=torch.float64)
    for t, b, k in np.ndindex(T, 8, n):
        advantage, weight = 0.0, 1.0
        for later in range(t, T):
            advantage += weight * δ_t[later, b, k]
            moved = seen[later][2]
            weight *= moved.discount[b, k] * config.λ
            if moved.truncated[b]:
                break
        o, u = rows.o[t, b, k], rows.u[t, b, k]
        assert equal(o, seen[t][0][b, k])
        part, _ = one(learner.actor, k)
        if isinstance(part.policy, Categorical):
            action = part.policy.values[int(u[0])]
        else:
            span = part.policy.span
            action = span.middle + span.radius * torch.tanh(u[: len(span.middle)])
        assert equal(action, seen[t][1][b, k, : len(action)])
        log_π, _ = log_probability(learner.actor, k, o, u)
        got = rows.numbers[t, b, k]
        assert equal(got, [log_π.item(), advantage, advantage + v_t[t, b, k]])
        advantages[t, b, k] = advantage
    for t, b in np.ndindex(T, 8):
        sees = world.everything(seen[t][3])[b] if learner.critic.everything else seen[t][0][b]
        assert equal(rows.seen[t, b], sees)
    means = pooled(world, advantages.flatten(0, 1), config.shared)
    assert equal(learner.critic.level, level + means)


@pytest.mark.parametrize("max_norm", [1e-3, 1e3])
@pytest.mark.parametrize("setting", SETTINGS)
def test_ppo_climbs_its_surrogate(setting, max_norm):
    options = {"epochs": 1, "minibatches": 1, "gradient_norm": max_norm}
    world, learner, config, _ = start("ppo", setting, **options)
    experience = learner.judge(ppo.play(world, learner, config.steps, learner.noise))
    disturb(learner.actor, 0.1, torch.Generator().manual_seed(0))  # so that some are clipped
    n, N = world.n, len(experience.o)
    weight = 1 / (N * n) if config.shared else 1 / N
    old, advantages, targets = experience.numbers.unbind(-1)
    gain, error, entropy, uncertainty, clipped = 0.0, 0.0, 0.0, 0.0, 0
    for k in range(n):
        alike = next(g.members for g in world.groups if g.members.start <= k < g.members.stop)
        among = advantages[:, alike] if config.shared else advantages[:, k]
        for row in range(N):
            o, u = experience.o[row, k], experience.u[row, k]
            log_π, uncertain = log_probability(learner.actor, k, o, u)
            entropy += weight * uncertain
            uncertainty += uncertain.item() / (N * n)
            a = (advantages[row, k] - among.mean()) / among.std()
            ratio = (log_π - old[row, k]).exp()
            within = 1 - config.clip < ratio < 1 + config.clip
            bounded = ratio.clamp(1 - config.clip, 1 + config.clip)
            gain += weight * (ratio * a if within else min(ratio * a, bounded * a))
            seen = experience.seen[row]
            v = ppo_value(world, learner, seen, seen, k)
            error += weight * (v - targets[row, k]) ** 2
            clipped += not within
    assert 0 < clipped < n * N
    loss = error - gain - config.entropy * entropy
    want = [gradient(loss, learner.actor), gradient(loss, learner.critic)]

    adams = learner.adams
    before = [adam.θ.clone() for adam in adams]
    losses = learner.learn(experience, 0.5)
    assert equal(losses["gain"], gain.item())
    assert equal(losses["critic loss"], error.item())
    assert equal(losses["entropy"], uncertainty)
    for k, rate, norm in ((0, config.rate, max_norm), (1, config.critic_rate, 10 * max_norm)):
        step = want[k] * min(1.0, norm / (want[k].norm().item() + 1e-6))
        assert equal(adams[k].m, 0.1 * step)  # the first one
        assert equal(adams[k].θ, before[k] - 0.5 * rate * step / (step.abs() + 1e-5))


RATES = {  # of update u of 4: the steps that Adam takes, and their max_norm gradients
    "dqn": lambda c, u: [(c.rate * (1 - u / 4), None)],
    "sac": lambda c, u: [(c.rate * (1 - u / 4), None), (c.temperature_rate, None)],
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
        moves["target"] = 0.1 if config == CONFIG[name] else 1.0
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
