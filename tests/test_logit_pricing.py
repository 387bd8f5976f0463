"""Nash and monopoly prices with logit demand, against published values and first principles."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import lambertw

from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.solutions.logit_pricing import (
    best_response,
    demand,
    monopoly_prices,
    nash_prices,
    price_grid,
    profits,
)

# n, μ, a0: p^N, p^M, π^N, π^M (Calvano et al. 2020 and its authors' input files, to 10 digits)
SYMMETRIC = [
    (1, 0.25, 0, 1.8019850079, 1.8019850079, 0.5519850079, 0.5519850079),
    (2, 0.25, 0, 1.4729266600, 1.9249809190, 0.2229266600, 0.3374904595),
    (3, 0.25, 0, 1.3701627294, 2.0000000000, 0.1201627294, 0.25),
    (4, 0.25, 0, 1.3314606899, 2.0544111805, 0.0814606899, 0.2011027951),
    (5, 0.25, 0, 1.3115206238, 2.0972312790, 0.0615206238, 0.1694462558),
    (2, 0.05, 0, 1.0999999992, 1.8933872010, 0.0499999992, 0.4216936005),
    (2, 0.1, 0, 1.1999664762, 1.8657466054, 0.0999664762, 0.3828733027),
    (2, 0.2, 0, 1.3909168401, 1.8907401645, 0.1909168401, 0.3453700822),
    (2, 0.5, 0, 1.7994709312, 2.1874112641, 0.2994709312, 0.3437056320),
    (2, 1.0, 0, 2.4010581375, 2.8526055020, 0.4010581375, 0.4263027510),
    (2, 0.25, 0.25, 1.4433123388, 1.75, 0.1933123388, 0.25),
    (2, 0.25, -0.25, 1.4886460501, 2.1134252056, 0.2386460501, 0.4317126028),
]
# c_2: p^N, p^M, π^N, π^M of both firms
ASYMMETRIC = [
    (0.875, (1.4413488377, 1.3958768262), (1.9767416969, 1.8517416969),
     (0.1913488377, 0.2708768262), (0.2743745463, 0.4523671506)),
    (0.75, (1.4141986694, 1.3253880588), (2.0405108164, 1.7905108164),
     (0.1641986694, 0.3253880588), (0.2126011026, 0.5779097139)),
    (0.625, (1.3913327964, 1.2614487202), (2.1150280620, 1.7400280620),
     (0.1413327964, 0.3864487202), (0.1578031973, 0.7072248647)),
    (0.5, (1.3723266625, 1.2037723460), (2.1984024879, 1.6984024879),
     (0.1223266625, 0.4537723460), (0.1130523478, 0.8353501401)),
    (0.25, (1.3436861623, 1.1051871968), (2.3841109808, 1.6341109808),
     (0.0936861623, 0.6051871968), (0.0537862035, 1.0803247773)),
]  # fmt: skip


@pytest.mark.parametrize(("n", "μ", "a0", "p_N", "p_M", "π_N", "π_M"), SYMMETRIC)
def test_symmetric_benchmarks(n, μ, a0, p_N, p_M, π_N, π_M):
    a, c = [2.0] * n, [1.0] * n
    nash, monopoly = nash_prices(a, c, a0=a0, μ=μ), monopoly_prices(a, c, a0=a0, μ=μ)
    np.testing.assert_allclose(nash, p_N, rtol=0, atol=1e-10)
    np.testing.assert_allclose(monopoly, p_M, rtol=0, atol=1e-10)
    np.testing.assert_allclose(profits(nash, a, c, a0=a0, μ=μ), π_N, rtol=0, atol=1e-10)
    np.testing.assert_allclose(profits(monopoly, a, c, a0=a0, μ=μ), π_M, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("c2", "p_N", "p_M", "π_N", "π_M"), ASYMMETRIC)
def test_asymmetric_benchmarks(c2, p_N, p_M, π_N, π_M):
    a, c = [2.0, 2.0], [1.0, c2]
    nash, monopoly = nash_prices(a, c), monopoly_prices(a, c)
    np.testing.assert_allclose(nash, p_N, rtol=0, atol=1e-10)
    np.testing.assert_allclose(monopoly, p_M, rtol=0, atol=1e-10)
    np.testing.assert_allclose(profits(nash, a, c), π_N, rtol=0, atol=1e-10)
    np.testing.assert_allclose(profits(monopoly, a, c), π_M, rtol=0, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_the_monopoly_price_is_the_closed_form_with_lamberts_function(n):
    a, c, a0, μ = 2.0, 1.0, 0.1, 0.3
    closed = c + μ * (1 + lambertw(n * np.exp((a - c - a0) / μ - 1)).real)
    np.testing.assert_allclose(monopoly_prices([a] * n, [c] * n, a0=a0, μ=μ), closed, rtol=1e-14)


markets = st.integers(1, 4).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0.5, 3), min_size=n, max_size=n),
        st.lists(st.floats(0, 1.5), min_size=n, max_size=n),
        st.floats(-1, 1),
        st.floats(0.05, 1),
    )
)


@given(markets)
@settings(max_examples=60, deadline=None)
def test_nash_profits_are_the_markup_less_μ(market):
    a, c, a0, μ = market
    p = nash_prices(a, c, a0=a0, μ=μ)
    π = profits(p, a, c, a0=a0, μ=μ)
    np.testing.assert_allclose(π, p - np.array(c) - μ, rtol=0, atol=1e-11)


@given(markets)
@settings(max_examples=20, deadline=None)
def test_no_firm_gains_by_another_price(market):
    a, c, a0, μ = market
    p = nash_prices(a, c, a0=a0, μ=μ)
    np.testing.assert_allclose(p, best_response(p, a, c, a0=a0, μ=μ), rtol=0, atol=1e-12)
    for i in range(len(a)):

        def loss(x, i=i):
            return -profits(np.where(np.arange(len(a)) == i, x, p), a, c, a0=a0, μ=μ)[i]

        found = minimize_scalar(loss, bounds=(c[i], c[i] + 5), method="bounded")
        assert -found.fun <= -loss(p[i]) + 1e-12


@given(markets, st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_other_prices_earn_more_together(market, seed):
    a, c, a0, μ = market
    p = monopoly_prices(a, c, a0=a0, μ=μ)
    best = profits(p, a, c, a0=a0, μ=μ).sum()
    steps = np.random.default_rng(seed).normal(size=(50, len(a)))
    for size in (1e-3, 0.1, 1.0):
        assert (profits(p + size * steps, a, c, a0=a0, μ=μ).sum(axis=1) <= best + 1e-14).all()


def test_demand_is_the_economys():
    p = np.random.default_rng(0).uniform(0, 3, (50, 3))
    a, c = (2.0, 1.5, 1.0), (1.0, 0.8, 0.6)
    economy = LogitOligopoly(np.zeros((3, 2)), a, c, a0=0.3, μ=0.4)
    np.testing.assert_allclose(demand(p, a, a0=0.3, μ=0.4), economy.demand(p), rtol=1e-13)
    _, π = economy.step(p, None, p[..., None])
    np.testing.assert_allclose(profits(p, a, c, a0=0.3, μ=0.4), π, rtol=1e-13)


def test_price_grid_of_the_representative_experiment():
    a, c = (2.0, 2.0), (1.0, 1.0)
    grid = price_grid(nash_prices(a, c), monopoly_prices(a, c))
    assert grid.shape == (2, 15)
    np.testing.assert_allclose(grid[:, 0], 1.4277212341, atol=1e-10)
    np.testing.assert_allclose(grid[:, -1], 1.9701863449, atol=1e-10)
    np.testing.assert_allclose(np.diff(grid), 0.0387475079, atol=1e-10)


def test_asymmetric_firms_have_their_own_grids():
    a, c = (2.0, 2.0), (1.0, 0.5)
    nash, monopoly = nash_prices(a, c), monopoly_prices(a, c)
    grid = price_grid(nash, monopoly, m=3, ξ=0.0)
    np.testing.assert_allclose(grid, np.stack([nash, (nash + monopoly) / 2, monopoly], axis=1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(a=[2, 2], c=[1]), "c=.*: must be finite, of shape"),
        (dict(a=[], c=[]), "a="),
        (dict(a=[2, np.nan], c=[1, 1]), "a="),
        (dict(a=[2], c=[np.inf]), "c="),
        (dict(a=[2], c=[1], a0=np.nan), "a0=nan"),
        (dict(a=[2], c=[1], μ=0.0), r"μ=0\.0"),
        (dict(a=[2], c=[1], μ=np.nan), "μ=nan"),
        (dict(a=[2], c=[1], μ=-0.25), r"μ=-0\.25: must be positive and finite"),
    ],
)
@pytest.mark.parametrize("prices", [nash_prices, monopoly_prices])
def test_bad_arguments_are_refused(prices, arguments, message):
    with pytest.raises(ValueError, match=message):
        prices(**arguments)


def test_a_grid_of_one_price_is_refused():
    with pytest.raises(ValueError, match="m=1: must be an integer >= 2"):
        price_grid([1.4], [1.9], m=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: price_grid([1.4], [1.9], ξ=np.nan), "ξ=nan"),
        (lambda: price_grid([1.4], [1.9], m=2.5), r"m=2\.5"),
        (lambda: price_grid([1.4, 1.4], [1.9]), "monopoly="),
        (lambda: price_grid([np.inf], [1.9]), "nash="),
        (lambda: price_grid([-1e308], [1e308]), "monopoly=.*near enough to nash="),
        (lambda: price_grid([1e200], [1.9], ξ=1e200), "monopoly=.*near enough to nash="),
        (lambda: nash_prices([2.0], [1.0], tol=-1), "tol=-1: must be a positive number"),
        (lambda: nash_prices([2.0], [1.0], tol=np.nan), "tol=nan"),
        (lambda: profits([1.5], [2.0], [1.0], μ=-1), "μ=-1: must be positive"),
        (lambda: demand([1.5], [2.0], μ=0.0), r"μ=0\.0"),
        (lambda: demand([1.5, 1.5], [2.0]), "p="),
        (lambda: best_response([1.5], [2.0], [1.0], μ=-1), "μ=-1"),
    ],
)
def test_bad_arguments_of_the_others_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("a", "μ", "p"),
    [((20.0, 20.0), 0.02, 1.5), ((2.0, 2.0), 0.0015, 1.5), ((2.0, 2.0), 1e-30, 1.5)],
)
def test_demand_does_not_overflow(a, μ, p):
    """Two equal firms that beat the outside good share the market; the cheaper one takes it all."""
    economy = LogitOligopoly(np.full((2, 3), [p, p + 0.1, p + 1]), a=a, μ=μ)
    payoffs = economy.payoffs()
    assert np.isfinite(payoffs).all()
    np.testing.assert_allclose(payoffs[:, 0, 0], (p - 1) / 2, rtol=1e-12)
    np.testing.assert_allclose(payoffs[:, 0, 2], [p - 1, 0.0], rtol=1e-12, atol=1e-12)
    single = economy.demand(torch.tensor([[p, p]], dtype=torch.float32, requires_grad=True))
    np.testing.assert_allclose(single.detach(), [[0.5, 0.5]])
    single[0, 0].backward()
    nobody = LogitMonopolist(a=2.0, μ=μ).demand(np.array([30.0]), np.zeros(1))
    assert 0 <= nobody[0] < 1e-300


def test_a_batch_of_single_precision_has_demand_at_small_tastes():
    economy = LogitMonopolist(μ=0.001)
    p = torch.linspace(1, 2.5, 7)[:, None]
    q = economy.demand(p, torch.zeros(7, 1))
    np.testing.assert_allclose(q[:, 0], (p[:, 0] < 2) + 0.5 * (p[:, 0] == 2), atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_demand_is_the_formula(n):
    rng = np.random.default_rng(n)
    p, a, a0, μ = rng.uniform(0, 3, (100, n)), rng.uniform(1, 3, n), 0.3, 0.25
    weights = np.exp((a - p) / μ)
    expected = weights / (weights.sum(-1, keepdims=True) + np.exp(a0 / μ))
    np.testing.assert_allclose(demand(p, a, a0=a0, μ=μ), expected, rtol=1e-14)


@pytest.mark.parametrize("μ", [1e-30, 1e-12, 1e-3, 1e3, 1e12])
def test_prices_at_extreme_tastes(μ):
    """Without differentiation Bertrand's price is the cost; the cartel takes all the surplus."""
    a, c = [2.0, 2.0], [1.0, 1.0]
    nash, monopoly = nash_prices(a, c, μ=μ), monopoly_prices(a, c, μ=μ)
    assert np.isfinite(nash).all() and np.isfinite(monopoly).all()
    if μ < 1e-6:
        np.testing.assert_allclose(nash, 1.0, atol=1e-9)
        np.testing.assert_allclose(monopoly, 2.0, atol=1e-9)
    np.testing.assert_allclose(nash_prices([2e9, 2e9], [1e9, 1e9], μ=25e7), 1.4729266600e9)
