"""One economy, three views: they agree with `step` and with each other."""

import gc
import weakref

import numpy as np
import pytest
from conftest import ECONOMIES, Attrition, Savers, Taxes, Turns, draw_actions
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RescaleAction
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economy import Grid, Shocks, Terms
from marketsai_lite.tabular.solve import policy_iteration
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


class Lost(LQMonopolist):
    """Does not know where it goes."""

    def step(self, x, z, a):
        return np.nan * x, x


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
        (
            lambda: tabulate(LQMonopolist(nd=2, σ=0.0), [2.0, 3.0], actions=[2.0, 4.0]),
            r"^grid of 'output': at state \[2.0\], shocks \[0.0\] the action \[\[4.0\]\] leads to "
            r"4.0: must stay in \[2.0, 3.0\]; take a wider grid, or leave such actions out$",
        ),
        (lambda: tabulate(TwoStocks(), [2.0, 4.0], [2.0, 3.9], actions=[3.0]),
         r"^grid of 'two': at state \[4.0, 3.9\], .* leads to 3.969+8: must stay in \[2.0, 3.9\]"),
        (lambda: tabulate(Lost(), [2.0, 4.0], actions=[3.0]), "'output'.* leads to nan: must stay"),
        (lambda: tabulate(LogitMonopolist(), [1.0, 2.5], actions=[1.05]), "rows of the economy"),
    ],
)  # fmt: skip
def test_a_bad_table_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_pettingzoo_accepts_the_view(economy):
    parallel_api_test(ParallelView(economy, horizon=20), num_cycles=60)
    if not Terms(economy).masks:  # its agents do not look at masks
        parallel_seed_test(lambda: ParallelView(economy, horizon=20), num_cycles=20)


def test_the_parallel_view_equals_step(economy, rng):
    env, exo, terms = ParallelView(economy, horizon=30), economy.exo, Terms(economy)
    stream = np.random.default_rng(7)
    observations, _ = env.reset(seed=7)
    x, i = economy.initial(stream.random(len(economy.state))), exo.initial(stream.random(exo.width))
    there = np.ones(terms.n, dtype=bool)
    for t in range(30):
        z = exo.shocks(i)
        obs = economy.observe(x, z)
        one = Shocks(z.aggregate[None], z.own[None])
        legal = economy.legal(x, z) if terms.masks else None
        assert np.array_equal(env.state(), np.hstack([x, z.aggregate, z.own.ravel()]))
        assert env.state_space.contains(env.state())
        a, numbers = (v[0] for v in draw_actions(economy, rng, x[None], one))
        actions = {}
        for k, (agent, s) in enumerate(zip(economy.agents, economy.actions, strict=True)):
            if not there[k]:
                first = legal[k].argmax() if legal is not None else 0
                a[k, : s.width] = s.values[first] if isinstance(s, Grid) else s.low
                continue
            actions[agent] = numbers[k] if isinstance(s, Grid) else a[k, : s.width]
            seen = observations[agent]
            if terms.masks:
                assert np.array_equal(seen["action_mask"], legal[k])
                seen = seen["observation"]
            assert env.observation_space(agent).contains(observations[agent])
            assert np.array_equal(seen, obs[k, : len(seen)]) and not obs[k, len(seen) :].any()
        accounts = economy.accounts(x, z, a)
        x, r = economy.step(x, z, a)
        i = exo.next(i, stream.random(exo.width))
        d = terms.discount(x, exo.shocks(i), r)
        observations, rewards, ends, truncations, infos = env.step(actions)
        for k, agent in enumerate(economy.agents):
            if there[k]:
                assert rewards[agent] == r[k]
                assert ends[agent] == (d[k] == 0)
                assert truncations[agent] == (t == 29 and d[k] > 0)
                assert infos[agent] == {
                    name: float(np.broadcast_to(v, terms.n)[k]) for name, v in accounts.items()
                }
            else:
                assert agent not in {**rewards, **ends, **truncations, **infos, **observations}
        there &= d > 0
        assert env.agents == ([] if t == 29 else list(np.array(economy.agents)[there]))
        if not env.agents:
            break
    with pytest.raises(ValueError, match="reset"):
        env.step(actions)
    assert t == 29 or terms.ends


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
        (lambda: ParallelView(Savers(), horizon=2.5), "horizon"),
        (lambda: GymnasiumView(LQMonopolist(), horizon=True), "horizon"),
    ],
)
def test_a_bad_view_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.parametrize(
    ("economy", "action"),
    [(LogitMonopolist(), 15), (LogitMonopolist(), 1.5), (LogitMonopolist(), True),
     (LogitMonopolist(), -1), (LQMonopolist(), np.array([4.1])), (LQMonopolist(), True),
     (LQMonopolist(), np.array([True])), (LQMonopolist(), np.array([np.nan])),
     (LQMonopolist(), np.array([3.0, 3.0])), (LQMonopolist(), np.array([4.0 + 3e-6]))],
)  # fmt: skip
def test_an_action_out_of_range_is_refused(economy, action):
    env = GymnasiumView(economy)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action="):
        env.step(action)


def test_an_action_within_rounding_of_a_bound_is_the_bound():
    env = GymnasiumView(Growth())
    rewards = []
    for action in (np.array([0.02]), np.full(1, 0.02, np.float32)):
        env.reset(seed=0)
        rewards.append(env.step(action)[1])
    assert float(np.float32(0.02)) < 0.02 and rewards[0] == rewards[1]
    view = GymnasiumView(ECONOMIES["long-plosser"]())
    bounds = view.action_space
    env = RescaleAction(view, np.full(bounds.shape, -1.0), np.ones(bounds.shape))
    for end, bound in ((-1.0, bounds.low), (1.0, bounds.high)):
        env.reset(seed=0)
        scaled = env.step(np.full(bounds.shape, end))[1]
        view.reset(seed=0)
        assert scaled == view.step(bound)[1]


def test_who_has_ended_leaves_and_is_not_truncated():
    env = ParallelView(Attrition(), horizon=3)
    env.reset(seed=0)
    _, r, ends, cut, _ = env.step({"firm 1": 1, "firm 2": 0})
    assert ends == {"firm 1": True, "firm 2": False} and not any(cut.values())
    assert env.agents == ["firm 2"] and r["firm 1"] < 0
    with pytest.raises(ValueError, match=r"without \['firm 1'\]: only of \['firm 2'\]"):
        env.step({"firm 1": 0, "firm 2": 0})
    _, r, *_ = env.step({"firm 2": 0})
    assert r == {"firm 2": 2.0} or r == {"firm 2": 1.0}  # alone in the market
    _, _, ends, cut, _ = env.step({"firm 2": 0})
    assert (ends, cut, env.agents) == ({"firm 2": False}, {"firm 2": True}, [])
    env.reset(seed=0)
    for _ in range(2):
        env.step({"firm 1": 0, "firm 2": 0})
    _, _, ends, cut, _ = env.step({"firm 1": 1, "firm 2": 1})
    assert all(ends.values()) and not any(cut.values())


def test_actions_are_of_those_who_are_there():
    env = ParallelView(Savers())
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions=\['ana'\]: must be given for \['ben'\] as well"):
        env.step({"ana": np.array([0.5])})
    both = {"ana": np.array([0.5]), "ben": np.array([0.5])}
    with pytest.raises(ValueError, match=r"without \['eve'\]"):
        env.step({**both, "eve": np.array([0.5])})


def test_an_illegal_choice_is_refused():
    env = ParallelView(Turns())
    observations, _ = env.reset(seed=0)
    masks = [observations[agent]["action_mask"] for agent in env.agents]
    assert sorted(m.sum() for m in masks) == [1, 3] and masks[0].dtype == np.int8
    waits = int(masks[1].sum() == 1)
    wrong = int(masks[waits].argmin())
    with pytest.raises(ValueError, match=rf"action={wrong}: must be legal, one of \["):
        env.step({agent: wrong for agent in env.agents})


def test_spaces_are_those_of_each_group():
    env = ParallelView(Taxes())
    widths = [env.observation_space(agent).shape for agent in env.possible_agents]
    assert widths == [(4,), (4,), (2,)]
    assert isinstance(env.action_space("government"), spaces.Discrete)
    assert env.action_space("household 2").shape == (2,) and env.state_space.shape == (5,)


def test_the_gymnasium_view_of_an_economy_with_masks_tells_them_apart():
    env = GymnasiumView(ECONOMIES["follower"](), horizon=6)
    observation, info = env.reset(seed=0)
    assert observation.shape == (3,) and info["action_mask"].dtype == np.int8
    waited = 0
    for _ in range(6):
        mask = info["action_mask"]
        waited += mask.sum() == 1
        observation, _, terminated, truncated, info = env.step(env.action_space.sample(mask))
        assert not terminated and env.observation_space.contains(observation)
    assert truncated and waited == 3
    env = GymnasiumView(ECONOMIES["survivor"](), horizon=6)
    env.reset(seed=0)
    assert env.step(1)[2:4] == (True, False)


def test_what_the_caller_does_to_an_observation_changes_nothing():
    rewards = []
    for scale in (1.0, 100.0):
        env = GymnasiumView(ECONOMIES["lq"]())
        observation, _ = env.reset(seed=0)
        observation *= scale
        observation, *_ = env.step(np.array([3.0]))
        observation *= scale
        action = np.array([2.5])
        rewards.append([env.step(action)[1]])
        action *= scale
        rewards[-1].append(env.step(np.array([2.5]))[1])
    assert rewards[0] == rewards[1]


def test_a_view_is_freed():
    env = ParallelView(Turns())
    env.reset(seed=0)
    view, _ = weakref.ref(env), env.observation_space("firm 1")
    del env
    gc.collect()
    assert view() is None
