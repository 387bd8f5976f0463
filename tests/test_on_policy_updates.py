"""Updates from a path are those of the printed algorithms, written as loops over decisions."""

import copy

import numpy as np
import pytest
import torch
from diagnostics import Detached, Town
from literal_agents import (
    BOXES,
    SETTINGS,
    disturb,
    equal,
    forward,
    gradient,
    left_by_learning,
    log_probability,
    one,
    pooled,
    start,
    twin,
)

from marketsai_lite.deep import control_variates, equations, ppo
from marketsai_lite.deep.control_variates import News
from marketsai_lite.deep.experience import Experience
from marketsai_lite.deep.policies import Categorical

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
                net, _, span = part.act
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
