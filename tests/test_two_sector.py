"""Two sectors: closed forms, the solver, the trading posts, and what firms and households learn."""

import numpy as np
import pytest
from conftest import sectors

from marketsai_lite.economies.two_sector import TwoSector
from marketsai_lite.economies.two_sector_market import Prices, TwoSectorMarket
from marketsai_lite.economy import constant
from marketsai_lite.solutions import two_sector as solutions
from marketsai_lite.solutions import two_sector_closed
from marketsai_lite.solutions.scores import score


def author(β):
    """The parameters of the original program, with households whose labor it left out."""
    return TwoSector(0.3, 0.3, β, 0.04, 1.0, utility="ghh", land=True, time=3.0)


def random_period(market, rng, size=50):
    """States, shocks and legal actions."""
    x = market.initial(rng.random((size, len(market.state))))
    z = market.exo.shocks(market.exo.initial(rng.random((size, 1))))
    low, high = (np.stack([getattr(s, k) for s in market.actions]) for k in ("low", "high"))
    return x, z, low + (high - low) * rng.random((size, *low.shape))


@pytest.mark.parametrize(
    ("β", "row"),
    [  # N_c, N_i, K, I, C, w, p, rent of land, what final firms keep
        (
            0.96,
            [1.065512, 0.156565, 6.826943, 0.273078, 1.860196, 1.222077, 1.000942, 0.082, 0.284724],
        ),
        (
            0.98,
            [
                1.084468,
                0.215428,
                8.535944,
                0.341438,
                2.01385,
                1.299896,
                1.171659,
                0.120015,
                0.204106,
            ],
        ),
    ],
)
def test_the_steady_state_of_the_authors_parameters(β, row):
    plan = author(β)
    s = two_sector_closed.steady(plan)
    kept = s.C - s.w * s.N_c - s.p * plan.δ * s.K
    np.testing.assert_allclose(
        [s.N_c, s.N_i, s.K, s.I, s.C, s.w, s.p, s.rent, kept], row, atol=6e-7
    )
    # the solver, which knows nothing of the closed form, comes to rest there
    assert solutions.solve(plan).path(0.5 * s.K, 800).K[-1] == pytest.approx(s.K, rel=1e-8)


def test_the_way_to_the_steady_state():
    plan = author(0.98)
    solution = solutions.solve(plan)
    path = solution.path(0.5 * plan.rest().K, 101).K
    expected = [4.496, 5.293, 6.071, 7.111, 8.259, 8.518]  # on a grid of 81 points, with its error
    np.testing.assert_allclose(path[[1, 5, 10, 20, 50, 100]], expected, atol=3e-3)
    one = solution.path(0.5 * plan.rest().K, 101)
    worth = 1 / (one.C - one.N**2 / 2)  # and exactly: the Euler equation on the way
    right = 0.98 * (worth * (one.r + 0.96 * one.p))[1:]
    np.testing.assert_allclose((worth * one.p)[:-1], right, rtol=1e-7)
    assert solution.root() == pytest.approx(0.94717, abs=1e-5)


@pytest.mark.parametrize(
    ("δ", "expected"),
    [
        (0.1, [0.3559055118, 0.2791076115, 0.0767979003, 1.8601220533, 0.4797273256, 0.1860122053]),
        (1.0, [0.3925729443, 0.2632183908, 0.1293545535, 0.0645387224, 0.1323927181, 0.0645387224]),
    ],
)
def test_the_steady_state_with_capital_in_both_sectors(δ, expected):
    s = two_sector_closed.steady(TwoSector(δ=δ))
    np.testing.assert_allclose([s.N, s.N_c, s.N_i, s.K, s.C, s.I], expected, rtol=1e-9)


def test_the_steady_state_with_land():
    s = two_sector_closed.steady(TwoSector(δ=0.04, land=True))
    expected = [0.32829555, 4.0915725122, 0.7341111127, 0.6779232419, 1.6393618786, 0.0499278978]
    np.testing.assert_allclose([s.N, s.K, s.C, s.p, s.w, s.rent], expected, rtol=1e-8)


def test_the_plan_under_shocks_equals_another_method():
    """Time iteration with splines, at .5, .75, 1, 1.25 and 1.5 times the steady state."""
    solution = solutions.solve(TwoSector(δ=0.1, exo=sectors()))
    K = 1.86012205 * np.array([0.5, 0.75, 1.0, 1.25, 1.5])
    for z, κ, N in (
        (
            0,
            [0.35160286, 0.27821235, 0.21335372, 0.15402585, 0.09864838],
            [0.37026882, 0.35202007, 0.33804692, 0.32671575, 0.31719427],
        ),
        (
            1,
            [0.45430457, 0.40472121, 0.36087645, 0.32081387, 0.28347951],
            [0.40146886, 0.3854574, 0.3727895, 0.36226144, 0.3532373],
        ),
    ):
        found = solution.at(K, np.full(5, z))
        np.testing.assert_allclose(found.κ, κ, atol=2e-5)
        np.testing.assert_allclose(found.N, N, atol=5e-6)


def test_productivity_in_consumption_is_neutral():
    """Capital, hours and their division do not depend on it; C and p are in proportion."""
    solution = solutions.solve(TwoSector(δ=0.1, exo=sectors()))
    K = np.linspace(1.0, 2.8, 9)
    for bad, good in ((0, 2), (1, 3)):
        low, high = (solution.at(K, np.full(9, z)) for z in (bad, good))
        np.testing.assert_allclose(low.κ, high.κ, rtol=1e-9)
        np.testing.assert_allclose(low.N, high.N, rtol=1e-9)
        np.testing.assert_allclose(high.p / low.p, 1.05 / 0.95, rtol=1e-9)
    ghh = TwoSector(0.3, 0.3, 0.96, 0.04, 1.0, utility="ghh", exo=constant(1.1, 1.0), time=3.0)
    same = TwoSector(0.3, 0.3, 0.96, 0.04, 1.0, utility="ghh", exo=constant(1.0, 1.0), time=3.0)
    assert ghh.rest().N > 1.05 * same.rest().N  # not so without an income effect


@pytest.mark.parametrize("land", [False, True])
@pytest.mark.parametrize("φ", [1.0, 0.5, 0.8])
def test_the_closed_form_is_what_the_solver_finds(land, φ):
    plan = TwoSector(land=land, exo=sectors())
    closed, solution = two_sector_closed.closed_form(plan, φ), solutions.solve(plan, φ, degree=3)
    for z in range(4):
        found = solution.at(np.array([0.05, 0.1]) * plan.center / 0.07, np.full(2, z))
        spent = found.p * found.I / (found.C + found.p * found.I)
        for value, expected in (
            (found.N, closed.N),
            (found.N_i / found.N, closed.ν),
            (found.κ, closed.κ),
            (spent, closed.invested),
        ):
            np.testing.assert_allclose(value, expected, atol=1e-12)


def test_the_closed_form_of_the_default():
    plan = TwoSector()
    closed = two_sector_closed.closed_form(plan)
    expected = [0.3925729443, 0.4275, 0.3674033149]
    np.testing.assert_allclose([closed.N, closed.κ, closed.invested], expected, rtol=1e-9)
    for F, (X, κ, N) in ((2, (0.17454, 0.21375, 0.20346)), (5, (0.28788, 0.342, 0.31752))):
        closed = two_sector_closed.closed_form(plan, 1 - 1 / F)
        np.testing.assert_allclose([closed.invested, closed.κ, closed.N], [X, κ, N], atol=5e-6)
    value = solutions.solve(plan).value(
        np.log([[plan.center]]), plan.exo.shocks(np.zeros((1, 1), int))
    )
    assert value[0] == pytest.approx(-55.3953382409)


@pytest.mark.parametrize("utility", ["log", "ghh"])
@pytest.mark.parametrize("land", [False, True])
@pytest.mark.parametrize("φ", [1.0, 0.5])
def test_the_trading_posts_repeat_the_solution(utility, land, φ):
    """Equal households and firms who act as it says find its prices and go where it goes."""
    plan = TwoSector(0.3, 0.4, δ=0.1, land=land, utility=utility, time=2.0)
    solution, market = solutions.solve(plan, φ), TwoSectorMarket(plan, 3, 2)
    K = 0.8 * plan.rest(φ).K
    x, z = np.full((1, 3), np.log(K / 3)), plan.exo.shocks(np.zeros((1, 1), int))
    a, one = solution.bids(market, x, z), solution.at(K)
    found = market.accounts(x, z, a)
    for key, value in (
        ("consumption", one.C),
        ("investment", one.I),
        ("hours", one.N),
        ("wage", one.w),
        ("rent", one.r),
        ("price of capital", one.p),
        ("rent of land", one.rent),
        ("capital in investment", one.κ),
        ("profit share", 1 - φ),
    ):
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-12, err_msg=key)
    x1, r = market.step(x, z, a)
    np.testing.assert_allclose(np.exp(x1).sum(), (1 - plan.δ) * K + one.I, rtol=1e-12)
    np.testing.assert_allclose(r[0, :3], plan.felicity(one.C, one.N), rtol=1e-9)


@pytest.mark.parametrize("land", [False, True])
def test_all_that_is_bid_buys_all_that_is_offered(land, rng):
    market = TwoSectorMarket(TwoSector(δ=0.1, land=land, exo=sectors()), 3, 2)
    x, z, a = random_period(market, rng)
    p = market.prices(x, z, a)
    assert np.abs(market.excess(x, z, a, p)).max() < 1e-15
    c, i = market.demands(x, a, p)
    spent = p.p_c * c.sum(-1) + p.p_i * i.sum(-1)
    np.testing.assert_allclose(spent, 1, rtol=1e-14)  # all money is spent


@pytest.mark.parametrize("land", [False, True])
def test_walras_law_holds_at_prices_that_clear_nothing(land, rng):
    market = TwoSectorMarket(TwoSector(δ=0.1, land=land, exo=sectors()), 3, 2)
    x, z, a = random_period(market, rng)
    wrong = Prices(*rng.uniform(0.5, 2.0, (8, 50)))
    wrong = wrong._replace(r_i=wrong.r_i if land else wrong.r_c)
    excess = market.excess(x, z, a, wrong)
    assert np.abs(excess).max() > 0.1
    assert np.abs(excess.sum(-1)).max() < 1e-13


def test_no_firm_gains_by_another_bid():
    """In the oligopoly, at spending and rivals' bids as they are."""
    market = TwoSectorMarket(TwoSector(), 2, 3)
    solution = solutions.solve(market.plan, 2 / 3, degree=3)
    x, z = np.full((1, 2), np.log(0.01)), market.exo.shocks(np.zeros((1, 1), int))
    a = solution.bids(market, x, z)
    for firm in (2, 5):
        profits = []
        for bid in np.linspace(0.3, 1.0, 71):
            for labor in np.linspace(0.3, 0.9, 61):
                other = a.copy()
                other[0, firm] = bid, labor
                profits.append((market.step(x, z, other)[1][0, firm], bid, labor))
        best = max(profits)
        assert best[1] == pytest.approx(2 / 3, abs=0.01)
        assert best[2] == pytest.approx(a[0, firm, 1], abs=0.01)
        assert best[0] <= market.step(x, z, a)[1][0, firm] + 1e-4


def test_what_is_lost_by_acting_otherwise(rng):
    """By the closed form of the two lives, whose capital moves with what is invested."""
    plan = TwoSector()
    market, solution = TwoSectorMarket(plan, 2, 2), solutions.solve(plan)
    oligopoly = solutions.solve(plan, 0.5, degree=3)

    def act(o):
        x = np.full((*o.shape[:-2], 2), np.log(plan.center / 2))
        return oligopoly.bids(market, x, plan.exo.shocks(np.zeros((*o.shape[:-2], 1), int)))

    share = solutions.lost(solution, market, act, rng, size=2)
    at = np.log([[plan.center]]), plan.exo.shocks(np.zeros((1, 1), int))
    exact = -np.expm1((1 - plan.β) * (oligopoly.value(*at) - solution.value(*at))[0])
    assert share == pytest.approx(exact, rel=1e-6)


def test_the_score_of_the_plan_is_perfect():
    plan = TwoSector(δ=0.1, exo=sectors())
    solution = solutions.solve(plan)
    assert abs(score(plan, solution, solution.policy, size=20, periods=50, drop=10).loss) < 1e-12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TwoSector(α_c=1.0), r"α_c=1.0: must be in \(0, 1\)"),
        (lambda: TwoSector(δ=0.0), "δ=0.0"),
        (lambda: TwoSector(utility="crra"), "utility='crra': must be one of"),
        (lambda: TwoSector(land=1), "land=1: must be True or False"),
        (lambda: TwoSector(exo=constant(1.0)), "exo="),
        (lambda: TwoSector(time=0.0), "time=0.0: must be positive"),
        (lambda: TwoSectorMarket(households=0), "households=0: must be an integer >= 1"),
        (lambda: TwoSectorMarket(plan=None), "plan=None: must be a TwoSector"),
        (lambda: TwoSectorMarket(least=1.0), "least=1.0"),
        (
            lambda: two_sector_closed.closed_form(TwoSector(δ=0.5)),
            "δ=0.5: must be 1 for the closed form",
        ),
        (lambda: two_sector_closed.steady(TwoSector(), 0.0), r"φ=0.0: must be in \(0, 1\]"),
        (lambda: solutions.solve(TwoSector(), degree=1), "degree=1: must be an integer >= 2"),
        (lambda: solutions.solve(TwoSector(), span=(1.0, 2.0)), "span="),
    ],
)
def test_bad_arguments_are_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_solver_that_stops_short_says_so():
    with pytest.warns(UserWarning, match="Euler errors of"):
        found = solutions.solve(TwoSector(δ=0.1), tol=1e-30)
    assert not found.converged and found.residual > 0
