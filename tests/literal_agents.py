"""Agents in small economies of all kinds, and what their networks say, one decision at a time."""

import math
from dataclasses import dataclass, replace

import torch
from diagnostics import ENDS, LINE, PLANE, POINTS, Luck, Masked, Mortal, Town

from marketsai_lite.deep import apg, dqn, maddpg, ppo, sac
from marketsai_lite.deep.networks import Copies
from marketsai_lite.deep.policies import Categorical
from marketsai_lite.deep.train import STREAMS, initialization, streams
from marketsai_lite.deep.world import World
from marketsai_lite.views.batch import Batch


@dataclass(frozen=True)
class Pair(Luck):
    """Two actions, of which the first moves the state; a shock is worth more than they."""

    actions: tuple = (PLANE,)

    def step(self, x, z, a):
        a = a[..., 0, :]
        return 0.5 * (a[..., :1] - x), 3 * z.aggregate - ((a - x) ** 2).sum(-1)[..., None]


AGENTS = {"dqn": dqn, "sac": sac, "maddpg": maddpg, "ppo": ppo, "apg": apg}
SHORT = {"updates": 4, "log_every": 1, "rate": 0.02, "average": 0.15, "hidden": (8,)}
CONFIG = {
    "dqn": dqn.Config(minibatch=32, levels=5, τ=0.1, n_step=3, **SHORT),
    "sac": sac.Config(minibatch=16, warmup=3, critic_hidden=(8,), τ=0.1, **SHORT),
    "maddpg": maddpg.Config(minibatch=16, warmup=3, critic_hidden=(8,), τ=0.1, **SHORT),
    "ppo": ppo.Config(steps=7, minibatches=3, entropy=0.3, gradient_norm=2.0, **SHORT),
    "apg": apg.Config(steps=7, minibatch=16, gradient_norm=2.0, τ=0.1, **SHORT),
}
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
    options = {"retain_graph": True, "materialize_grads": True}  # zero where nothing depends on it
    parts = torch.autograd.grad(loss, list(module.parameters()), **options)
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
