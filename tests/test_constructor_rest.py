"""Steady states of constructed economies, beside closed forms."""

import numpy as np
import pytest

from marketsai_lite.constructor import build
from marketsai_lite.constructor import examples as ex
from marketsai_lite.constructor.continuum import insuring
from marketsai_lite.constructor.rest import at_means, steady_state
from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.rental_market import RentalMarket


def test_price_takers_of_the_capital_market_rest_where_its_formula_says():
    twin = CapitalMarket(N=3, rebate=0.5)
    found = steady_state(build(ex.buying_capital(twin.exo, 3, 0.5)))
    assert found.converged and found.residual <= 1e-8
    np.testing.assert_allclose(np.exp(found.x), twin.k_ss, rtol=1e-8)
    p = found.z.aggregate  # all productivities are 1 in the mean
    np.testing.assert_allclose(p, 1.0)
    spent = twin.δ * twin.k_ss * twin.p_ss / twin.k_ss**twin.α
    np.testing.assert_allclose(found.a, spent, rtol=1e-7)


def test_who_moves_the_price_of_capital_rests_elsewhere():
    """With one buyer and the whole profit its own, it is the planner, who counts all cost."""
    twin, plan = CapitalMarket(N=1, rebate=1.0), Planner(1, 1)
    found = steady_state(build(ex.buying_capital(twin.exo, 1, 1.0)), given="policies")
    np.testing.assert_allclose(np.exp(found.x), plan.k_ss, rtol=1e-8)


@pytest.mark.parametrize("n, m", [(1, 1), (2, 2)])
def test_the_planner_rests_where_its_formula_says(n, m):
    twin = Planner(n, m)
    economy = build(ex.planning(twin.exo, n, m), planner=True)
    found = steady_state(economy)
    assert found.converged
    np.testing.assert_allclose(np.exp(found.x), twin.k_ss, rtol=1e-7)
    np.testing.assert_allclose(found.a, twin.s_ss, rtol=1e-6)


def test_stocks_rest_under_a_policy():
    """Under constant shares k = ((s / φ) 2 / (n δ²))^(1 / (2 - α)): s_ss solved for k."""
    twin = Planner(2, 1)
    economy = build(ex.planning(twin.exo, 2, 1), planner=True)
    k = (2 * 0.1 / (twin.φ * 2 * twin.δ**2)) ** (1 / (2 - twin.α))
    for policy in (np.full((1, 2), 0.1), lambda o: np.full((1, 2), 0.1)):
        found = steady_state(economy, policy)
        assert found.converged and (found.a == 0.1).all()
        np.testing.assert_allclose(np.exp(found.x), k, rtol=1e-8)


def test_a_policy_that_answers_what_it_sees_rests_where_it_says():
    """Brock and Mirman's households save 0.2 and 0.1 of each unit by which ln k misses its mean."""
    economy = build(ex.renting(RentalMarket().exo))
    found = steady_state(economy, lambda o: 0.3 - 0.1 * np.tanh(o[:, 1:2]))
    assert found.converged
    x1, _ = economy.step(found.x, found.z, found.a)
    np.testing.assert_allclose(x1, found.x, atol=1e-8)
    assert found.a[0, 0] == pytest.approx(
        0.3 - 0.1 * np.tanh(economy.observe(found.x, found.z)[0, 1])
    )


def test_krusell_and_smith_rest_where_the_return_is_patience():
    """It begins a third below: R = 1/β alone finds mean capital, whose shares are open."""
    twin = KrusellSmith(3)
    found = steady_state(build(insuring(twin.exo, 0.67 * twin.k_ss, 3)))
    assert found.converged
    np.testing.assert_allclose(found.x.mean(), twin.k_ss, rtol=1e-6)
    np.testing.assert_allclose(found.z.own, 1 - twin.u.mean())
    R = twin.market(found.x, found.z, None)[0]
    assert R == pytest.approx(1 / twin.β, rel=1e-8)


def test_rented_factors_rest_where_the_formula_says():
    found = steady_state(build(ex.renting(RentalMarket().exo, α=0.36, β=0.96)))
    np.testing.assert_allclose(np.exp(found.x).mean(), (0.36 * 0.96) ** (1 / 0.64), rtol=1e-6)


def test_an_economy_without_stocks_rests_in_its_nash_equilibrium():
    """The trading post: q = (1-α)(n-1)/(n-1+α) and b = α(m-1)/(m-α)."""
    α, n, m = 0.3, 2, 5
    found = steady_state(build(ex.trading(n, m, α)), given="policies")
    q, b = (1 - α) * (n - 1) / (n - 1 + α), α * (m - 1) / (m - α)
    np.testing.assert_allclose(found.a[:, 0], [q] * n + [b] * m, rtol=1e-8)
    takers = steady_state(build(ex.trading(n, m, α)))  # who takes the price brings all it wants to
    np.testing.assert_allclose(takers.a[:, 0], [1 - α] * n + [α] * m, rtol=1e-8)


def test_shocks_stand_at_their_means():
    twin = KrusellSmith(3)
    z = at_means(build(insuring(twin.exo, twin.k_ss, 3)))
    np.testing.assert_allclose(z.aggregate, [1.0, 0.07])
    np.testing.assert_allclose(z.own, np.full((3, 1), 0.93))


def test_a_point_that_is_not_found_is_said_to_be_none():
    economy = build(ex.planning(Planner(1, 1).exo), planner=True)
    with pytest.warns(UserWarning, match="away from rest, where tol=1e-08: there may be none"):
        found = steady_state(economy, max_iter=1)
    assert not found.converged and found.residual > 1e-8


@pytest.mark.parametrize(
    "arguments, words",
    [
        (dict(given="wages"), "^given='wages': must be 'prices' or 'policies'"),
        (dict(policy=np.ones(3)), r"^policy: shape=\(3,\): must be \(1, 1\)"),
        (dict(tol=0.0), r"^tol=0\.0: must be in"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    economy = build(ex.planning(Planner(1, 1).exo), planner=True)
    with pytest.raises(ValueError, match=words):
        steady_state(economy, **arguments)


def test_grids_are_refused():
    economy = build(ex.pricing_duopoly(np.linspace(1.4, 2.0, 5)))
    with pytest.raises(ValueError, match=r"^choices on a grid=\['firm 1', 'firm 2'\]: must be"):
        steady_state(economy)
