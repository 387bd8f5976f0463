"""One economy, three views: they agree with `step` and with each other."""

import numpy as np
import pytest
import torch
from conftest import ECONOMIES, Savers
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economy import Box, Grid, Shocks
from marketsai_lite.tabular.solve import policy_iteration
from marketsai_lite.views.batch import Batch
from marketsai_lite.views.gymnasium import GymnasiumView
from marketsai_lite.views.pettingzoo import ParallelView
from marketsai_lite.views.table import tabulate

TABLES = {
    "logit": lambda: tabulate(LogitMonopolist(), LogitMonopolist().prices),
    "lq": lambda: tabulate(LQMonopolist(), np.linspace(2, 4, 21), actions=np.linspace(2, 4, 21)),
    "lq between nodes": lambda: tabulate(
        LQMonopolist(), np.linspace(2, 4, 7), actions=np.linspace(2, 4, 21)
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_table_equals_step_on_every_node(name):
    economy = LogitMonopolist() if name == "logit" else LQMonopolist()
    table = TABLES[name]()
    nodes = table.x[:: table.mdp.nz]
    for s, a in np.ndindex(table.mdp.r.shape):
        x1, r = economy.step(table.x[s], Shocks(table.z[s], None), table.a[a][None])
        assert table.mdp.r[s, a] == r[0]
        weight = [1.0] if table.mdp.weight is None else table.mdp.weight[s, a]
        # the lottery has the right mean ...
        np.testing.assert_allclose(weight @ nodes[table.mdp.index[s, a]], x1, rtol=1e-12)
        # ... and stays within one cell
        used = nodes[table.mdp.index[s, a]][np.asarray(weight) > 0]
        assert np.ptp(used) <= np.diff(nodes[:, 0]).max() * (1 + 1e-12)
    assert (table.mdp.weight is None) == (name != "lq between nodes")


class TwoStocks(LQMonopolist):
    """Two states, one action: to test the lottery in two dimensions."""

    state = ("one", "two")

    def step(self, x, z, a):
        first = 0.5 * (x[..., :1] + a[..., 0, :])
        return np.concatenate([first, 0.3 * x[..., 1:] + 0.7 * x[..., :1]], -1), x[..., :1]


def test_a_lottery_in_two_dimensions_has_the_right_mean():
    economy, grids = TwoStocks(), (np.linspace(2, 4, 5), np.linspace(2, 4, 4) ** 1.0)
    table = tabulate(economy, *grids, actions=[2.0, 3.3, 4.0])
    nodes = table.x[:: table.mdp.nz]
    assert table.mdp.index.shape == (5 * 4 * 5, 3, 4)
    for s, a in np.ndindex(table.mdp.r.shape):
        x1, _ = economy.step(table.x[s], Shocks(table.z[s], None), table.a[a][None])
        mean = table.mdp.weight[s, a] @ nodes[table.mdp.index[s, a]]
        np.testing.assert_allclose(mean, x1, rtol=1e-12)


def test_a_table_with_own_shocks_is_the_table_of_one_island_repeated():
    one, two = Growth(), Islands(2)
    k = np.log(one.k_ss) + np.linspace(-2.75, 1.05, 6)
    s = np.linspace(0.05, 0.45, 4)
    pairs = np.stack(np.meshgrid(s, s, indexing="ij"), -1).reshape(-1, 2)
    v_one = policy_iteration(tabulate(one, k, actions=s).mdp).v.reshape(6, 2)
    table = tabulate(two, k, k, actions=pairs)
    v_two = policy_iteration(table.mdp).v.reshape(6, 6, 2, 2)
    assert table.z.shape == (144, 3)
    mean = (v_one[:, None, :, None] + v_one[None, :, None, :]) / 2
    np.testing.assert_allclose(v_two, mean, atol=1e-9)


class Eater(LQMonopolist):
    """Eats x + 1 - a: log utility, so eating nothing is worth minus infinity."""

    def step(self, x, z, a):
        return a[..., 0, :], np.log(np.maximum(x + 1 - a[..., 0, :], 0.0))


def test_infeasible_choices_are_marked():
    grid = np.array([2.0, 3.0, 4.0])
    mdp = tabulate(Eater(nd=2, σ=0.0), grid, actions=grid).mdp
    assert mdp.feasible[::2].tolist() == [[True, False, False], [True, True, False], [True] * 3]
    assert np.isfinite(mdp.r[mdp.feasible]).all()


def test_a_state_without_a_feasible_choice_is_refused():
    grid = np.array([2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="feasible"):
        tabulate(Eater(), grid, actions=[3.0, 4.0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tabulate(Savers(), [1.0], [1.0]), "agents"),
        (lambda: tabulate(LQMonopolist(), actions=[3.0]), "grids"),
        (lambda: tabulate(LQMonopolist(), [], actions=[3.0]), "grid of 'output'"),
        (lambda: tabulate(LQMonopolist(), [2.0, 2.0], actions=[2.0]), "increasing"),
        (lambda: tabulate(LQMonopolist(), [2.0, 4.0]), "actions=None"),
        (lambda: tabulate(LQMonopolist(), [2.0, 4.0], actions=[]), "actions"),
        (lambda: tabulate(LQMonopolist(), [2.0, 4.0], actions=[5.0]), "actions"),
        (lambda: tabulate(LQMonopolist(), [2.0, 3.0], actions=[4.0]), r"leads to 4.0: must stay"),
        (lambda: tabulate(LogitMonopolist(), [1.0, 2.5], actions=[1.05]), "rows of the economy"),
    ],
)
def test_a_bad_table_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pettingzoo_accepts_the_view(economy):
    parallel_api_test(ParallelView(economy, horizon=20), num_cycles=60)
    parallel_seed_test(lambda: ParallelView(economy, horizon=20), num_cycles=20)


def test_the_parallel_view_equals_step(economy, rng):
    env, exo = ParallelView(economy, horizon=30), economy.exo
    stream = np.random.default_rng(7)
    observations, _ = env.reset(seed=7)
    x, i = economy.initial(stream.random(len(economy.state))), exo.initial(stream.random(exo.width))
    for t in range(30):
        z = exo.shocks(i)
        obs = economy.observe(x, z)
        for k, agent in enumerate(economy.agents):
            assert np.array_equal(observations[agent], obs[k])
        actions = {agent: env.action_space(agent).sample() for agent in economy.agents}
        a = np.stack(
            [
                s.values[actions[k]] if isinstance(s, Grid) else actions[k]
                for k, s in zip(economy.agents, economy.actions, strict=True)
            ]
        )
        accounts = economy.accounts(x, z, a)
        x, r = economy.step(x, z, a)
        i = exo.next(i, stream.random(exo.width))
        observations, rewards, ends, truncations, infos = env.step(actions)
        assert list(rewards.values()) == r.tolist()
        assert not any(ends.values())
        assert all(truncations.values()) == (t == 29)
        assert infos[economy.agents[0]] == {k: float(v) for k, v in accounts.items()}
    assert env.agents == []
    with pytest.raises(ValueError, match="reset"):
        env.step(actions)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["logit", "static", "lq"])
def test_gymnasium_accepts_the_view(name):
    env = GymnasiumView(ECONOMIES[name](), horizon=10)
    check_env(env, skip_render_check=True)
    env.reset(seed=0)
    for t in range(10):
        *_, terminated, truncated, _ = env.step(env.action_space.sample())
        assert not terminated
        assert truncated == (t == 9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: GymnasiumView(Savers()), "agents"),
        (lambda: ParallelView(Savers(), horizon=0), "horizon"),
        (lambda: Batch(Savers(), 0), "size"),
        (lambda: Batch(Savers(), 1, horizon=-1), "horizon"),
    ],
)
def test_a_bad_view_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("economy", "action"),
    [(LogitMonopolist(), 15), (LogitMonopolist(), 1.5), (LQMonopolist(), np.array([4.1])),
     (LQMonopolist(), np.array([np.nan])), (LQMonopolist(), np.array([3.0, 3.0]))],
)  # fmt: skip
def test_an_action_out_of_range_is_refused(economy, action):
    env = GymnasiumView(economy)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action="):
        env.step(action)


def test_the_batch_equals_step(economy):
    batch = Batch(economy, 6, horizon=4, dtype=torch.float64)
    generator, stream = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    state, exo = batch.reset(generator), economy.exo

    def uniforms(width):
        return torch.rand((6, width), generator=stream, dtype=torch.float64)

    def first():
        return (
            economy.initial(uniforms(len(economy.state)).numpy()),
            exo.initial(uniforms(exo.width).numpy()),
        )

    x, i = first()
    draws = torch.Generator().manual_seed(4)
    for t in range(9):
        z = exo.shocks(i)
        np.testing.assert_allclose(batch.observe(state).numpy(), economy.observe(x, z), rtol=1e-13)
        index = torch.randint(0, 2, (6, len(economy.agents)), generator=draws)
        if isinstance(economy.actions[0], Box):
            low = np.stack([s.low for s in economy.actions])
            a = low + 0.1 * index.numpy()[..., None]
            actions = torch.as_tensor(a)
        else:
            a = np.stack([s.values[index[:, k]] for k, s in enumerate(economy.actions)], 1)
            actions = index
        accounts = batch.accounts(state, actions)
        for name, value in economy.accounts(x, z, a).items():
            np.testing.assert_allclose(accounts[name].numpy(), value, rtol=1e-13)
        x, r = economy.step(x, z, a)
        i = exo.next(i, uniforms(exo.width).numpy())
        state, reward, reached, truncated = batch.step(state, actions, generator)
        np.testing.assert_allclose(reward.numpy(), r, rtol=1e-13)
        np.testing.assert_allclose(reached.x.numpy(), x, rtol=1e-13)
        assert np.array_equal(reached.i.numpy(), i)
        restart = (t + 1) % 4 == 0
        assert truncated.tolist() == [restart] * 6
        fresh = first()
        if restart:
            x, i = fresh
        np.testing.assert_allclose(state.x.numpy(), x, rtol=1e-13)
        assert state.t.tolist() == [0 if restart else (t + 1) % 4] * 6


def test_a_batch_can_be_differentiated():
    batch = Batch(LQMonopolist(), 2, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    state = batch.reset(generator)
    a = torch.full((2, 1, 1), 3.0, dtype=torch.float64, requires_grad=True)
    batch.step(state, a, generator).reward.sum().backward()
    np.testing.assert_allclose(a.grad[:, 0, 0], -2 * (3.0 - state.x[:, 0]), rtol=1e-12)


def test_a_batch_of_the_wrong_shape_is_refused():
    batch = Batch(LogitMonopolist(), 4)
    generator = torch.Generator().manual_seed(0)
    with pytest.raises(ValueError, match=r"actions: shape \(4,\)"):
        batch.step(batch.reset(generator), torch.zeros(4, dtype=torch.long), generator)
