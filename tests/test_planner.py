"""The planner: the original's numbers, and what must hold by scaling and symmetry."""

import numpy as np
import pytest

from marketsai_lite.economies.planner import Planner
from marketsai_lite.economy import Shocks
from marketsai_lite.solutions import planner, scores


@pytest.fixture(scope="module")
def one():
    return planner.solve(Planner())


@pytest.fixture(scope="module")
def two():
    return planner.solve(Planner(N=2))


def shocks(Z, *own):
    return Shocks(np.array([Z]), np.array(own)[:, None])


def test_the_evaluation_value_of_one_household(one):
    assert one.converged
    assert planner.evaluation(one.economy, one.policy) == pytest.approx(39.849828, abs=1e-6)


@pytest.mark.parametrize(
    ("k", "shares"),
    [
        (12.8171, (0.12704, 0.14358, 0.15746, 0.17587)),
        (25.6343, (0.07956, 0.09222, 0.10404, 0.11925)),
        (38.4514, (0.05695, 0.06690, 0.07677, 0.08930)),
    ],
)
def test_the_policy_of_one_household(one, k, shares):
    states = [shocks(Z, e) for Z in (0.8, 1.2) for e in (0.9, 1.1)]
    ours = [one.policy(np.log([k]), z).item() for z in states]
    np.testing.assert_allclose(ours, shares, atol=1e-5)


def test_the_moments_and_euler_errors_of_one_household(one):
    x, i, a = scores.simulate(one.economy, one.policy, size=1000, periods=400, drop=200)
    K = np.exp(x)
    assert K.mean() == pytest.approx(25.582, rel=0.01)
    assert K.std() == pytest.approx(2.118, rel=0.04)
    assert a.mean() == pytest.approx(0.0991, rel=0.01)
    assert scores.euler_score(one.economy, one.policy, x[-1], i[-1]).max < -12


def test_the_bellman_equation_of_one_household(one, rng):
    x = np.log(one.economy.k_ss) + rng.uniform(-0.5, 0.4, (40, 1))
    z = one.economy.exo.shocks(one.economy.exo.initial(rng.random((40, 2))))
    a = one.policy(x, z)
    v = one.value(x, z)
    np.testing.assert_allclose(scores.action_value(one.economy, one, x, z, a), v, atol=1e-9)
    for error in (-0.01, 0.01):
        assert (scores.action_value(one.economy, one, x, z, a + error) < v).all()


def test_shares_do_not_depend_on_the_cost_of_capital(one):
    dear = planner.solve(Planner(φ=2.0))
    for k in (0.6, 1.0, 1.4):
        for z in (shocks(0.8, 0.9), shocks(1.2, 1.1)):
            ours = [s.policy(np.log([k * s.economy.k_ss]), z).item() for s in (one, dear)]
            assert ours[0] == pytest.approx(ours[1], rel=1e-9)


def test_two_goods_are_one_good_that_costs_twice_as_much():
    pair, single = planner.solve(Planner(M=2, φ=0.5)), planner.solve(Planner(M=1, φ=1.0))
    assert pair.economy.k_ss == pytest.approx(single.economy.k_ss)
    values = [planner.evaluation(s.economy, s.policy, 100) for s in (pair, single)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)
    # and unequal stocks are brought together
    x = np.log(pair.economy.k_ss * np.array([0.8, 1.2]))
    a = pair.policy(x, shocks(1.2, 1.1))[0]
    assert a[0] > a[1]


def test_the_evaluation_value_of_two_households(two):
    assert two.converged
    value = planner.evaluation(two.economy, two.policy)
    assert value == pytest.approx(32.961, abs=0.002)
    # the planner who forgets that one household's investment makes the other's dearer
    assert value > 32.2219 + 0.7


def test_three_households():
    """The degree of the polynomials hardly matters; the PPO of Covarrubias (2021) earned 29.54."""
    values = []
    for degree in (3, 4):
        solution = planner.solve(Planner(N=3), degree=degree)
        assert solution.converged
        values.append(planner.evaluation(solution.economy, solution.policy, 500))
    assert values[0] == pytest.approx(values[1], abs=0.01)
    assert values[1] > 29.6


def test_households_are_alike(two, rng):
    """Exchange the households, and the shares are exchanged."""
    x = np.log(two.economy.k_ss) + rng.uniform(-0.4, 0.3, (30, 2))
    z = two.economy.exo.shocks(two.economy.exo.initial(rng.random((30, 3))))
    mirrored = two.policy(x[:, ::-1], Shocks(z.aggregate, z.own[:, ::-1]))
    np.testing.assert_allclose(two.policy(x, z), mirrored[..., ::-1], atol=1e-3)


def test_a_rich_and_unproductive_household_may_pay_nothing(two):
    x = np.log(two.economy.k_ss * np.array([0.8, 1.3]))
    a = two.policy(x, shocks(0.8, 1.1, 0.9))[0]
    assert a[1] == two.economy.low < a[0]
    q = [scores.action_value(two.economy, two, x, shocks(0.8, 1.1, 0.9), b[None])
         for b in a + np.array([[0.0, 0.0], [0.0, 0.01], [0.01, 0.0]])]  # fmt: skip
    assert q[0] > max(q[1:])


def test_the_optimum_satisfies_the_euler_equations_inside(two):
    x, i, a = scores.simulate(two.economy, two.policy, size=300, periods=60, drop=59)
    inside = a[0, :, 0].min(-1) > 0.01
    assert inside.mean() > 0.9
    errors = scores.euler_errors(two.economy, two.policy, x[0], i[0])[inside]
    assert errors.mean() < 1e-3


def test_a_constant_share_is_a_poor_policy_that_utility_hardly_notices(two):
    economy = two.economy
    score = scores.score(
        economy, two, lambda x, z: np.full((len(x), 1, 2), economy.s_ss), size=64, periods=120
    )
    assert 0.001 < score.loss < 0.0016
    assert score.mae > 0.02


def test_the_evaluation_path_begins_as_described():
    seen = []

    def policy(x, z):
        seen.append((z.aggregate.item(), z.own[:, 0].tolist()))
        return np.full((1, 3), 0.1)

    planner.evaluation(Planner(N=3), policy, periods=41)
    low, high = [0.9, 1.1, 0.9], [1.1, 0.9, 1.1]
    expected = [(Z, own) for Z in (0.8, 1.2) for own in (high, low) for _ in range(10)]
    assert seen == [*expected, (0.8, high)]


def test_the_value_is_linear_beyond_the_box(one):
    z = shocks(1.2, 1.1)
    edge = np.log(one.economy.k_ss * 1.8)
    v = [one.value(np.array([edge + step]), z).item() for step in (0.0, 1.0, 2.0)]
    assert v[2] - v[1] == pytest.approx(v[1] - v[0], rel=1e-9)
    assert v[1] > v[0]


def test_the_planner_says_when_it_stops_short():
    with pytest.warns(UserWarning, match="stopped after 2 iterations"):
        solution = planner.solve(Planner(), degree=6, max_iter=2)
    assert not solution.converged and solution.iterations == 2
    with pytest.raises(ValueError, match="degree=0"):
        planner.solve(Planner(), degree=0)
    with pytest.raises(ValueError, match="low=2"):
        planner.solve(Planner(), low=2.0)
    with pytest.raises(ValueError, match=r"n=12: must be .* at most 4,096 joint states"):
        planner.solve(Planner(N=12))
