"""Households with rental markets: prices, the competitive equilibrium, and the planner's path."""

import numpy as np
import pytest

from marketsai_lite.economies.growth import brock_mirman
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economies.two_step_game import TwoStepGame
from marketsai_lite.economy import Exogenous, Shocks, constant
from marketsai_lite.solutions import brock_mirman as planners
from marketsai_lite.solutions import rental_market


def path(economy, policy, rng, periods=40, size=20):
    """States, shocks and accounts along random paths."""
    x = economy.initial(rng.random((size, economy.n)))
    i = economy.exo.initial(rng.random((size, 1)))
    for _ in range(periods):
        z = economy.exo.shocks(i)
        a = policy(x, z)
        yield x, i, z, a, economy.accounts(x, z, a)
        x, i = economy.step(x, z, a)[0], economy.exo.next(i, rng.random(i.shape))


def test_factors_are_paid_what_they_add(rng):
    """Euler's theorem; and each price is the derivative of output by its factor."""
    economy = RentalMarket(3)
    for x, _, z, a, accounts in path(economy, rental_market.solve(economy).policy, rng, 5):
        K, Z = np.exp(x).sum(-1), z.aggregate[:, 0]

        def output(K, N, Z=Z):
            return Z * K**economy.α * N ** (1 - economy.α)

        np.testing.assert_allclose(accounts["output"], output(K, 3), rtol=1e-12)
        R, w = economy.market(x, z, a).T
        np.testing.assert_allclose(R, (output(K + 1e-6j, 3)).imag / 1e-6, rtol=1e-9)
        np.testing.assert_allclose(w, (output(K, 3 + 1e-6j)).imag / 1e-6, rtol=1e-9)
        used = accounts["consumption"] + accounts["investment"]
        np.testing.assert_allclose(used, accounts["output"], rtol=1e-12)


def test_shares_saved_by_wealth():
    """The closed form at α = .36, β = .96, by capital relative to the mean."""
    economy = RentalMarket(8)
    κ = np.array([4.0, 2.0, 0.25, 0.5, 1.0, 0.05, 0.1, 0.1])
    s = rental_market.solve(economy).policy(np.log(κ), None)[:, 0]
    np.testing.assert_allclose(s[:5], [0.66462, 0.50824, 0.11836, 0.21073, 0.34560], atol=5e-6)
    # capital tomorrow, in units of output per head, is a line through the origin of slope αβ
    income = economy.α * κ + 1 - economy.α
    np.testing.assert_allclose(s * income, 0.3456 * κ, rtol=1e-12)


def test_households_take_prices_as_given(rng):
    """The Euler equation 1/c = β E[R'/c'] of every household, rich or poor, good times or bad."""
    economy = RentalMarket(4)
    solution = rental_market.solve(economy)
    for x, i, z, a, accounts in path(economy, solution.policy, rng, 10):
        c = (1 - a[..., 0]) * accounts["income"]
        x1, _ = economy.step(x, z, a)
        right = 0.0
        for j in range(2):
            z1 = economy.exo.shocks(np.full_like(i, j))
            a1 = solution.policy(x1, z1)
            R = economy.market(x1, z1, a1)[:, :1]
            c1 = (1 - a1[..., 0]) * economy.accounts(x1, z1, a1)["income"]
            right = right + economy.exo.transition[i[:, 0], j, None] * R / c1
        np.testing.assert_allclose(1 / c, economy.β * right, rtol=1e-12)


def test_the_first_welfare_theorem(rng):
    """Aggregates are those of Brock and Mirman's planner, whatever the distribution of wealth."""
    economy, planner = RentalMarket(4), brock_mirman()
    solution, plan = rental_market.solve(economy), planners.solve(brock_mirman())
    k = None
    for x, _, z, _, accounts in path(economy, solution.policy, rng):
        mean = np.exp(x).mean(-1, keepdims=True)
        k = mean if k is None else k
        np.testing.assert_allclose(mean, k, rtol=1e-12)
        one = planner.accounts(np.log(k), z, plan.policy(np.log(k), z))
        np.testing.assert_allclose(accounts["consumption"] / 4, one["consumption"], rtol=1e-12)
        k = np.exp(planner.step(np.log(k), z, plan.policy(np.log(k), z))[0])
    # wealth relative to the mean has not moved in all these periods
    first = next(path(economy, solution.policy, np.random.default_rng(0)))[0]
    last = list(path(economy, solution.policy, np.random.default_rng(0)))[-1][0]
    np.testing.assert_allclose(solution.relative(first), solution.relative(last), rtol=1e-10)


def test_values_satisfy_the_bellman_equation(rng):
    economy = RentalMarket(3, exo=Exogenous([[0.8], [1.0], [1.3]], np.full((3, 3), 1 / 3)))
    solution = rental_market.solve(economy)
    for x, _, z, a, _ in path(economy, solution.policy, rng, 5):
        x1, r = economy.step(x, z, a)
        right = r + economy.β * solution.expected(x1, z)
        np.testing.assert_allclose(solution.value(x, z), right, rtol=1e-12)
        by_hand = sum(
            solution.value(x1, economy.exo.shocks(np.full((len(x), 1), j))) / 3 for j in range(3)
        )
        np.testing.assert_allclose(solution.expected(x1, z), by_hand, rtol=1e-12)


def test_the_steady_state():
    economy = RentalMarket(2, exo=constant(1.0))
    x = np.full(2, np.log(economy.k_ss))
    z = Shocks(np.ones(1), np.zeros((0, 1)))
    a = rental_market.solve(economy).policy(x, z)
    np.testing.assert_allclose(a, 0.3456)
    np.testing.assert_allclose(economy.step(x, z, a)[0], x, rtol=1e-12)
    assert economy.market(x, z, a)[0] == pytest.approx(1 / economy.β)
    np.testing.assert_allclose(economy.observe(x, z), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RentalMarket(0), "n"),
        (lambda: RentalMarket(2.5), "n"),
        (lambda: RentalMarket(α=1.0), "α"),
        (lambda: RentalMarket(β=1.0), "β"),
        (lambda: RentalMarket(low=0.0), "low"),
        (lambda: RentalMarket(high=0.01), "high"),
        (lambda: RentalMarket(exo=constant(-1.0)), "exo"),
        (lambda: TwoStepGame(β=1.0), "β"),
        (lambda: TwoStepGame(payoffs=np.zeros((2, 2))), "payoffs"),
        (lambda: TwoStepGame(payoffs=np.full((2, 2, 2), np.nan)), "payoffs"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        make()
