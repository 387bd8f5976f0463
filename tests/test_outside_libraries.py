"""The environments of other libraries' agents: the pricing game trains in them unchanged."""

import numpy as np
import pytest

from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.solutions.logit_pricing import monopoly_prices, nash_prices, price_grid
from marketsai_lite.views.gymnasium import GymnasiumView
from marketsai_lite.views.pettingzoo import ParallelView

FIRMS = (2.0, 2.0), (1.0, 1.0)


def test_stable_baselines3_trains_in_the_pricing_game():
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    supersuit = pytest.importorskip("supersuit")
    game = LogitOligopoly(price_grid(nash_prices(*FIRMS), monopoly_prices(*FIRMS)))
    env = supersuit.pettingzoo_env_to_vec_env_v1(ParallelView(game, horizon=64))
    env = supersuit.concat_vec_envs_v1(env, 1, base_class="stable_baselines3")
    agent = stable_baselines3.PPO("MlpPolicy", env, n_steps=128, batch_size=64)
    before = [p.detach().clone() for p in agent.policy.parameters()]
    agent.learn(1_024)
    assert any((p != q).any() for p, q in zip(before, agent.policy.parameters(), strict=True))
    observations = env.reset()
    assert observations.shape == (2, 2)  # both firms see both last prices
    actions, _ = agent.predict(observations)
    _, rewards, _, _ = env.step(actions)
    p = game.prices[[0, 1], actions]
    np.testing.assert_allclose(rewards, (p - game.c) * game.demand(p), rtol=1e-6)


def test_stable_baselines3_learns_the_static_monopoly_price():
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    firm = LogitMonopolist(κ=0.0)
    env = GymnasiumView(firm, horizon=32)
    agent = stable_baselines3.PPO("MlpPolicy", env, n_steps=256, gamma=0.0, ent_coef=0.0, seed=0)
    agent.learn(20_000)
    rng = np.random.default_rng(0)
    profits = []
    observation, _ = env.reset(seed=1)
    for _ in range(200):
        action, _ = agent.predict(observation, deterministic=True)
        observation, r, _, truncated, _ = env.step(action)
        profits.append(r)
        if truncated:
            observation, _ = env.reset(seed=int(rng.integers(1_000)))
    a0 = firm.outside.values[:, 0]
    best = np.mean([((firm.prices - 1) * firm.demand(firm.prices, v)).max() for v in a0])
    assert np.mean(profits) > 0.9 * best


@pytest.mark.parametrize("λ", [0.0, 0.9, 1.0])
def test_stable_baselines3_has_the_same_advantages(λ):
    buffers = pytest.importorskip("stable_baselines3.common.buffers")
    spaces = pytest.importorskip("gymnasium.spaces")
    torch = pytest.importorskip("torch")
    equations = pytest.importorskip("marketsai_lite.deep.equations")
    T, B, β = 12, 4, 0.96
    rng = np.random.default_rng(0)
    r, v, last = rng.normal(size=(T, B)), rng.normal(size=(T, B)), rng.normal(size=B)
    starts = rng.random((T + 1, B)) < 0.2  # of a path, one period after a cut
    reached = rng.normal(size=(T, B))
    box = spaces.Box(-1, 1, (1,))
    theirs = buffers.RolloutBuffer(T, box, box, gae_lambda=λ, gamma=β, n_envs=B)
    for t in range(T):  # theirs adds the value of the state reached to the last reward of a path
        theirs.add(
            np.zeros((B, 1)),
            np.zeros((B, 1)),
            r[t] + β * starts[t + 1] * reached[t],
            starts[t].astype(float),
            torch.as_tensor(v[t]),
            torch.zeros(B),
        )
    theirs.compute_returns_and_advantage(torch.as_tensor(last), starts[-1].astype(float))
    v_tp1 = np.where(starts[1:], reached, np.vstack([v[1:], last]))
    δ, cut = torch.as_tensor(r + β * v_tp1 - v), torch.as_tensor(starts[1:])
    ours = equations.generalized_advantage(δ, β, cut, λ)
    np.testing.assert_allclose(ours.numpy(), theirs.advantages, atol=1e-5)


def world(copies=4, horizon=5):
    torch = pytest.importorskip("torch")
    from marketsai_lite.deep.world import World
    from marketsai_lite.economies.lq_monopolist import LQMonopolist
    from marketsai_lite.views.batch import Batch

    generator = torch.Generator().manual_seed(0)
    return World(Batch(LQMonopolist(), copies, horizon=horizon), generator)


def test_stable_baselines3_sees_our_copies_in_their_units():
    pytest.importorskip("stable_baselines3")
    from marketsai_lite.experiments._stable_baselines3 import vector

    theirs, ours = world(), world()
    env, firm = vector(theirs), theirs.batch.economy
    np.testing.assert_array_equal(env.reset(), ours.observe()[:, 0].numpy())
    stopped = 0
    for a in np.random.default_rng(0).uniform(-1, 1, (12, 4, 1)).astype(np.float32):
        output = firm.low + (a + 1) / 2 * (firm.high - firm.low)
        new = ours.step(ours.observe().new_tensor(output)[:, None])
        o, r, done, infos = env.step(a)
        np.testing.assert_allclose(r, new.r[:, 0].numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(o, ours.observe()[:, 0].numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(done, new.truncated.numpy())
        reached = ours.observe(new.reached)[:, 0].numpy()
        for k, info in enumerate(infos):
            assert bool(done[k]) == bool(info)
            if info:  # the observation before the fresh start, and a game that goes on
                assert info["TimeLimit.truncated"] is True
                np.testing.assert_allclose(info["terminal_observation"], reached[k], rtol=1e-5)
                assert np.abs(reached[k] - o[k]).max() > 1e-3
        stopped += int(done.sum())
    assert 8 <= stopped <= 12  # two or three times each


@pytest.mark.parametrize("kind", ["PPO", "SAC"])
def test_stable_baselines3_does_not_take_a_truncation_for_an_end(kind):
    """With a reward of 1 in every period the value is 1 / (1 - β), though copies are truncated."""
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    torch = pytest.importorskip("torch")
    from marketsai_lite.experiments._stable_baselines3 import vector

    place = world(16, horizon=4)
    step, β = place.step, 0.8
    place.step = lambda action: (new := step(action))._replace(r=torch.ones_like(new.r))
    given = {"PPO": {"n_steps": 32, "batch_size": 128}, "SAC": {"learning_starts": 64}}[kind]
    agent = getattr(stable_baselines3, kind)(
        "MlpPolicy", vector(place), gamma=β, seed=0, device="cpu", learning_rate=3e-3, **given
    )
    if kind == "SAC":
        agent.ent_coef_optimizer, agent.ent_coef_tensor = None, torch.tensor(0.0)
        agent.tau = 0.05
    agent.learn({"PPO": 16_384, "SAC": 8_192}[kind])
    o = torch.as_tensor(vector(place).reset())
    with torch.no_grad():
        if kind == "PPO":
            value = agent.policy.predict_values(o)
        else:
            value = agent.critic(o, torch.zeros(len(o), 1))[0]
    np.testing.assert_allclose(value.numpy(), 1 / (1 - β), rtol=0.05)


def test_a_recorded_cell_of_stable_baselines3_is_computed_again():
    pytest.importorskip("stable_baselines3")
    import random

    from records import compute_again, drawable

    from marketsai_lite.experiments import outside_agents, recorded

    held = recorded("outside_agents")
    theirs = [
        cell for cell in drawable(outside_agents, held, most=60.0) if outside_agents.THEIRS in cell
    ]
    assert any("SAC" in cell for cell in theirs)
    assert any("PPO" in cell for cell in theirs)
    compute_again(outside_agents, held, random.choice(theirs))


class Stopped(Exception):
    """Stands for what ends a process."""


def test_actors_on_ray_train_to_the_numbers_of_this_process_though_a_node_is_lost(tmp_path):
    ray = pytest.importorskip("ray")
    pytest.importorskip("torch")
    from ray.cluster_utils import Cluster

    from marketsai_lite.deep import impala
    from marketsai_lite.deep.train import train
    from marketsai_lite.economies.lq_monopolist import LQMonopolist
    from marketsai_lite.views.batch import Batch

    def run(cluster, **options):
        config = impala.Config(updates=30, steps=8, actors=3, log_every=5, cluster=cluster)
        return train(Batch(LQMonopolist(), 8, horizon=20), config, 0, **options)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    seen = []

    def lose(update, act):
        """Lose a node, and a while later the learner."""
        seen.append((update, sum(node["Alive"] for node in ray.nodes())))
        if update == 10:
            cluster.remove_node(other)
        if update == 20:
            raise Stopped

    path = tmp_path / "run.pt"
    try:
        with pytest.raises(Stopped):
            run(True, checkpoint=path, on_log=lose)
        assert seen[1] == (10, 2) and seen[-1] == (20, 1)
        resumed = run(True, checkpoint=path, on_log=lambda update, act: seen.append((update, 0)))
        assert 5 < seen[4][0] <= 20  # it did not begin anew
    finally:
        ray.shutdown()
        cluster.shutdown()
    here = run(False)
    assert here.curves["ratio"].max() > 1e-3  # actors lag
    for name, weights in here.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], weights)
    for name in set(here.curves) - {"seconds", "wall"}:
        np.testing.assert_array_equal(resumed.curves[name], here.curves[name])
