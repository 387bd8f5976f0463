"""The market for capital goods: accounts, steady states, and the Markov-perfect equilibrium."""

import numpy as np
import pytest
from conftest import productivity

from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.growth import booms_and_slumps
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economy import Shocks, constant
from marketsai_lite.solutions import capital_market as solutions
from marketsai_lite.solutions.scores import path_value

PERIODS = np.zeros((1_500, 1), dtype=int)  # of a path: the chain stands where it is
# Capital of each household by number of households: joint, Markov-perfect, static, competitive.
# The Markov-perfect one at N = 2 was also found by Chebyshev collocation, 14.22241.
TABLE = {
    1: (17.05079, 17.05079, 17.05079, 25.63427),
    2: (11.34144, 14.22241, 14.39631, 17.05079),
    3: (8.93480, 11.90006, 12.06658, 13.43264),
    5: (6.61585, 9.23681, 9.34859, 9.94631),
    10: (4.40057, 6.3697, 6.41921, 6.61585),
}


def test_all_that_is_produced_is_used(rng):
    """Output is eaten, put into new capital at its cost φI²/2, or leaves as profit."""
    for rebate in (0.0, 0.3, 1.0):
        economy = CapitalMarket(2, rebate, exo=productivity())
        x, i = economy.initial(rng.random((20, 2))), economy.exo.initial(rng.random((20, 3)))
        a = rng.uniform(0.05, 0.6, (20, 2, 1))
        z = economy.exo.shocks(i)
        x1, r = economy.step(x, z, a)
        found = economy.accounts(x, z, a)
        cost = economy.φ * found["new capital"] ** 2 / 2
        used = found["consumption"] + cost + found["profit that leaves"]
        np.testing.assert_allclose(used, found["output"], rtol=1e-12)
        np.testing.assert_allclose(np.exp(r).sum(-1), found["consumption"], rtol=1e-12)
        grown = np.exp(x1).sum(-1) - (1 - economy.δ) * np.exp(x).sum(-1)
        np.testing.assert_allclose(grown, found["new capital"], rtol=1e-10)
        np.testing.assert_allclose(found["price"], economy.φ * found["new capital"], rtol=1e-10)


def test_with_all_profit_rebated_equal_households_pay_what_the_planner_pays():
    """A share s spent at the market costs as much as a share s/2 costs the planner."""
    market, planner = CapitalMarket(3, 1.0), Planner(N=3)
    x, s = np.log(np.full(3, 9.0)), 0.2
    one = Shocks(np.ones(1), np.ones((3, 1)))
    x1, r = market.step(x, Shocks(np.ones(1), np.zeros((0, 1))), np.full((3, 1), s))
    plan, mean = planner.step(x, one, np.full((1, 3), s / 2))
    np.testing.assert_allclose(x1, plan, rtol=1e-12)
    np.testing.assert_allclose(r.mean(), mean[0], rtol=1e-12)


def test_what_a_household_sees():
    shocks = productivity()
    x = np.log([10.0, 20.0])
    i = np.array([1, 0, 1])
    z = shocks.shocks(i)

    def seen(sees, x):
        return CapitalMarket(2, sees=sees, exo=shocks).observe(x, z)

    own = (x - np.log(CapitalMarket(2).k_ss)) / 0.2
    full = [[own[0], own[1], -1, 1, 1], [own[1], own[0], 1, -1, 1]]
    np.testing.assert_allclose(seen("everything", x), full)
    p = np.log(CapitalMarket(2).p_ss) + 0.02
    np.testing.assert_allclose(
        seen("prices", np.append(x, p)), [[own[0], 0.1, -1, 1], [own[1], 0.1, 1, 1]]
    )
    mean = np.log(15.0 / CapitalMarket(2).k_ss) / 0.2
    np.testing.assert_allclose(seen("aggregates", x), [[mean, 1]] * 2)


def test_the_last_price_is_remembered(rng):
    economy = CapitalMarket(2, sees="prices")
    x, z = economy.initial(rng.random(3)), economy.exo.shocks(np.zeros(1, int))
    a = np.array([[0.1], [0.2]])
    x1, r = economy.step(x, z, a)
    assert x1[2] == pytest.approx(np.log(economy.market(x, z, a)[0]))
    blind = CapitalMarket(2)
    np.testing.assert_allclose(blind.step(x[:2], z, a)[0], x1[:2], rtol=1e-13)
    np.testing.assert_allclose(blind.step(x[:2], z, a)[1], r, rtol=1e-13)


@pytest.mark.parametrize("N", TABLE)
def test_steady_states(N):
    economy = CapitalMarket(N)
    joint, perfect, static, competitive = TABLE[N]
    assert solutions.joint(economy) == pytest.approx(joint, abs=1e-4)
    assert solutions.static(economy) == pytest.approx(static, abs=1e-4)
    assert solutions.competitive(economy) == pytest.approx(competitive, abs=1e-5)
    found = solutions.markov_perfect(economy)
    assert found.converged and found.residual <= 1e-10
    assert found.steady_state() == pytest.approx(perfect, rel=1e-5)


def test_the_markov_perfect_stock_of_two_is_right_to_five_digits():
    """By two degrees, nodes and boxes."""
    first = solutions.markov_perfect(CapitalMarket(2), 6)
    again = solutions.markov_perfect(CapitalMarket(2), 7, center=14.0, spread=0.2, seed=1)
    for found in (first, again):
        assert found.steady_state() == pytest.approx(14.22241, abs=1e-5)
    x = np.log(14.0) + np.random.default_rng(0).uniform(-0.15, 0.15, (100, 2))
    np.testing.assert_allclose(first.policy(x), again.policy(x), rtol=1e-4)
    np.testing.assert_allclose(first.value(x), again.value(x), atol=1e-5)


@pytest.mark.parametrize("N", [1, 2, 3, 5])
def test_with_the_equal_rebate_the_equilibrium_is_the_planners(N):
    """And so are the static and, for any owner, the competitive stock."""
    economy = CapitalMarket(N, rebate=1.0)
    found = solutions.markov_perfect(economy, 6 if N < 5 else 4).steady_state()
    planner = Planner(N=N).k_ss
    assert found == pytest.approx(planner, rel=1e-5)
    assert solutions.static(economy) == pytest.approx(planner, rel=1e-12)
    assert solutions.joint(economy) == pytest.approx(planner, rel=1e-12)
    assert solutions.competitive(CapitalMarket(N)) == pytest.approx(planner, rel=1e-12)


def test_along_a_whole_path_the_rebated_equilibrium_follows_the_planners_euler_equation():
    economy, planner = CapitalMarket(2, rebate=1.0), Planner(N=2)
    found = solutions.markov_perfect(economy, 6)
    one = Shocks(np.ones(1), np.ones((2, 1)))
    z = economy.exo.shocks(np.zeros(1, int))
    x = np.full(2, np.log(0.85 * planner.k_ss))
    for _ in range(20):
        a = found.policy(x)
        x1 = economy.step(x, z, a)[0]
        cost, _ = planner.margins(x, one, a[None, :, 0] / 2)
        _, gain = planner.margins(x1, one, found.policy(x1)[None, :, 0] / 2)
        np.testing.assert_allclose(cost, economy.β * gain, rtol=2e-4)
        x = x1


@pytest.mark.parametrize("N", [2, 3])
def test_among_equals_the_mean_says_everything_and_among_others_it_does_not(N):
    """Household 1 sees mean capital alone; the others play the equilibrium."""
    found = solutions.markov_perfect(CapitalMarket(N), 4)
    economy, K = found.economy, found.steady_state()

    def blind(x, z):
        a = found.policy(x).copy()
        seen = CapitalMarket(N, sees="aggregates").observe(x, z)[..., :1, 0]
        mean = np.log(economy.k_ss) + 0.2 * seen + 0 * x
        a[..., 0, :] = found.policy(mean)[..., 0, :]
        return a

    def lost(x):
        sees, misses = (path_value(economy, p, x, PERIODS) for p in (found.policy, blind))
        return -np.expm1((1 - economy.β) * (misses - sees))

    assert lost(np.full(N, np.log(0.9 * K))) == pytest.approx(0, abs=1e-12)
    assert lost(np.log(K * np.linspace(0.85, 1.15, N))) > 1e-5


def test_the_path_of_the_policy_is_worth_its_value():
    found = solutions.markov_perfect(CapitalMarket(2), 6)
    x = np.log([13.0, 16.0])
    value = path_value(found.economy, found.policy, x, PERIODS)
    assert found.value(x) == pytest.approx(value, abs=1e-5)


def test_nobody_gains_in_equilibrium_and_a_price_taker_does():
    economy = CapitalMarket(2)
    found = solutions.markov_perfect(economy, 6)
    assert abs(solutions.gap(economy, found.policy, found.steady_state()).gain) < 1e-9
    assert abs(solutions.gap(economy, found.policy, [12.5, 16.0]).gain) < 1e-8
    k = solutions.competitive(economy)
    taking = solutions.gap(economy, lambda x: 0 * x + solutions.share(economy, k), k)
    assert 0.005 < taking.gain < 0.02


def test_the_best_response_beats_other_policies():
    """Against a rival with a fixed share, no policy of a family with two parameters is better."""
    economy, rival = CapitalMarket(2), 0.17
    x = np.log([15.0, 15.0])

    def family(s, b):
        def policy(x, z=None):
            own = s * np.exp(b * (x[..., 0] - np.log(15.0)))
            return np.stack([own, 0 * own + rival], -1)[..., None]

        return policy

    found = solutions.best_response(economy, family(rival, 0.0))
    best = path_value(economy, found.policy, x, PERIODS)
    members = [family(s, b) for s in np.linspace(0.1, 0.2, 6) for b in (-1.0, -0.5, 0.0)]
    assert best > max(path_value(economy, policy, x, PERIODS) for policy in members)
    assert found.value(x) == pytest.approx(best, abs=1e-4)


def test_competition_is_approached_at_rate_one_over_n():
    N = np.array([2, 3, 5, 10])
    short = [
        1 - solutions.markov_perfect(e, 3).steady_state() / solutions.competitive(e)
        for e in map(CapitalMarket, N)
    ]
    slope = np.polyfit(np.log(N), np.log(short), 1)[0]
    assert -0.97 < slope < -0.91
    assert ((0.32 < N * short) & (N * short < 0.38)).all()


def test_stopping_short_is_said():
    with pytest.warns(RuntimeWarning, match="stopped after 3 iterations"):
        found = solutions.markov_perfect(CapitalMarket(2), 2, max_iter=3)
    assert not found.converged and found.residual > 1e-10 and found.iterations == 3


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: CapitalMarket(0), "N"),
        (lambda: CapitalMarket(rebate=1.5), "rebate"),
        (lambda: CapitalMarket(sees="nothing"), "sees"),
        (lambda: CapitalMarket(δ=0.0), "δ"),
        (lambda: CapitalMarket(high=0.001), "high"),
        (lambda: CapitalMarket(exo=constant(-1.0)), "exo"),
        (lambda: CapitalMarket(3, exo=productivity()), "exo"),
        (lambda: solutions.markov_perfect(CapitalMarket(exo=booms_and_slumps())), "economy"),
        (lambda: solutions.markov_perfect(CapitalMarket(sees="prices")), "economy"),
        (lambda: solutions.markov_perfect(Planner()), "economy"),
        (lambda: solutions.markov_perfect(CapitalMarket(), 0), "degree"),
        (lambda: solutions.markov_perfect(CapitalMarket(), center=-1.0), "center"),
        (lambda: solutions.markov_perfect(CapitalMarket(), spread=0.0), "spread"),
        (lambda: solutions.markov_perfect(CapitalMarket(), tol=0.0), "tol"),
        (lambda: solutions.best_response(CapitalMarket(), 0.1), "policy"),
        (lambda: solutions.best_response(CapitalMarket(), lambda x: x[..., 0]), "policy"),
        (lambda: solutions.best_response(CapitalMarket(), lambda x: x), "policy"),
    ],
)
def test_bad_input_is_refused_by_name(call, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        call()


def test_a_box_without_steady_state_is_refused():
    found = solutions.markov_perfect(CapitalMarket(2), 3)
    with pytest.raises(ValueError, match=r"^center=30\.0: must be such that the box holds"):
        found._replace(center=30.0).steady_state()
