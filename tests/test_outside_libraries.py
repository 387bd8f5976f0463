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
