"""Exchange, trading posts and auctions: known numbers, and the conditions that define them."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from marketsai_lite.constructor import mechanisms as mech
from marketsai_lite.solutions import auctions, exchange

α = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
e = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0], [2.0, 0.0, 1.0]])


def wants(p):
    return exchange.cobb_douglas(p, α, e)


def drawn(rng, n=4, G=5):
    """A random Cobb-Douglas economy."""
    return rng.dirichlet(np.ones(G), n), rng.uniform(0.1, 3.0, (n, G))


def test_the_numbers_that_are_known():
    p = exchange.perron(α, e)
    np.testing.assert_allclose(p, [1, 1.3056379822, 1.0474777448], atol=5e-11)
    bought = [
        [1.8056379822, 0.8297727273, 0.6895184136],
        [0.8896142433, 1.7034090909, 1.2739376771],
        [0.3047477745, 0.4668181818, 2.0365439093],
    ]
    np.testing.assert_allclose(wants(p), bought, atol=5e-11)
    two = exchange.perron([[0.3, 0.7], [0.6, 0.4]], np.eye(2))
    assert 1 / two[1] == pytest.approx(0.8571428571, abs=5e-11)


def test_the_formula_clears_random_economies_and_newton_finds_it(rng):
    for _ in range(20):
        tastes, owned = drawn(rng)
        p = exchange.perron(tastes, owned)
        found = exchange.walrasian(lambda q, a=tastes, w=owned: exchange.cobb_douglas(q, a, w),
                                   owned, rng.uniform(0.1, 9, 5))  # fmt: skip
        assert p[0] == 1 and found.converged
        np.testing.assert_allclose(exchange.cobb_douglas(p, tastes, owned).sum(0), owned.sum(0))
        np.testing.assert_allclose(found.prices, p, rtol=1e-9)
        np.testing.assert_array_equal(found.path[-1], found.prices)


def test_demand_is_the_best_that_wealth_buys(rng):
    p, tastes, owned = rng.uniform(0.5, 2, 3), np.array([[0.2, 0.3, 0.5]]), np.ones((1, 3))
    x = exchange.cobb_douglas(p, tastes, owned)[0]
    assert p @ x == pytest.approx(p.sum())
    for _ in range(100):
        d = rng.normal(size=3) * 0.05
        y = x + d - p * (p @ d) / (p @ p)  # costs as much
        assert (tastes[0] * np.log(y)).sum() < (tastes[0] * np.log(x)).sum()


def test_walras_law_holds_at_all_prices(rng):
    proportions, shoes = exchange.scarf()
    for _ in range(100):
        p = rng.uniform(0.1, 9, 3)
        assert abs(p @ exchange.excess(wants, p, e)) < 1e-12
        z = exchange.excess(lambda q: exchange.leontief(q, proportions, shoes), p, shoes)
        assert abs(p @ z) < 1e-12


def test_scarfs_economy_circles_and_newton_finds_its_center():
    proportions, shoes = exchange.scarf()

    def both(p):
        return exchange.leontief(p, proportions, shoes)

    x = both(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(x, [[1 / 3, 1 / 3, 0], [0, 1 / 3, 1 / 3], [4 / 5, 0, 4 / 5]])
    found = exchange.walrasian(both, shoes, [0.5, 0.3, 0.2])
    np.testing.assert_allclose(found.prices, 1.0, atol=1e-11)
    path = exchange.tâtonnement(both, shoes, [0.5, 0.3, 0.2], 1e-3, 10_000)
    invariant = path.prod(-1) / (path**2).sum(-1) ** 1.5
    np.testing.assert_allclose(invariant, invariant[0], rtol=0.05)
    relative = path / path.sum(-1, keepdims=True)
    assert abs(relative - 1 / 3).max(-1).min() > 0.1
    assert (np.diff((path**2).sum(-1)) > 0).all()
    assert relative[:, 1].max() > 0.49 and relative[:, 2].max() > 0.49  # it goes around


def test_tâtonnement_finds_substitutes():
    path = exchange.tâtonnement(wants, e, [5.0, 3.0, 2.0], 0.02, 3_000)
    np.testing.assert_allclose(path[-1] / path[-1, 0], exchange.perron(α, e), atol=1e-9)


def test_newton_says_where_it_stops_short():
    with pytest.warns(UserWarning, match="do not clear: residual .* after 1 steps"):
        found = exchange.walrasian(wants, e, max_iter=1)
    assert not found.converged and found.residual > 1e-12 and len(found.path) == 2


@pytest.mark.parametrize(("n", "m", "weight"), [(2, 2, 0.5), (3, 3, 0.5), (2, 5, 0.3), (4, 2, 0.8)])
def test_nobody_gains_at_the_trading_post(n, m, weight):
    q, b, p = exchange.trading_post(n, m, weight)
    assert p == pytest.approx(m * b / (n * q))

    def buyer(x):
        return -weight * np.log(x * n * q / (x + (m - 1) * b)) - (1 - weight) * np.log(1 - x)

    def seller(x):
        price = m * b / (x + (n - 1) * q)
        return -weight * np.log(1 - x) - (1 - weight) * np.log(price * x)

    for loss, at in ((buyer, b), (seller, q)):
        best = minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), options=dict(xatol=1e-10))
        assert best.x == pytest.approx(at, abs=1e-6)


def test_the_trading_posts_that_are_known():
    np.testing.assert_allclose(exchange.trading_post(2, 5), [1 / 3, 4 / 9, 10 / 3])
    np.testing.assert_allclose(exchange.trading_post(3, 3)[:2], 0.4)
    known = [0.5384615, 0.1764706, 0.3277311]
    np.testing.assert_allclose(exchange.trading_post(2, 2, 0.3), known, atol=5e-8)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_the_first_price_auction_leaves_nothing_to_gain(n):
    for v in (0.2, 0.7, 1.0):
        reply = minimize_scalar(lambda b, v=v: -(v - b) * min(b * n / (n - 1), 1) ** (n - 1),
                                bounds=(0, v), options=dict(xatol=1e-10))  # fmt: skip
        assert auctions.first_price(v, n) == pytest.approx(reply.x, abs=1e-6)
    surplus = quad(lambda v: (v - auctions.first_price(v, n)) * v ** (n - 1), 0, 1)[0]
    assert surplus == pytest.approx(1 / (n * (n + 1)))


def test_the_double_auction_leaves_nothing_to_gain():
    """Where a trade is possible, against asks uniform on [1/4, 11/12] and bids on [1/12, 3/4]."""
    for t in (0.3, 0.5, 0.7):
        bid, ask = auctions.double_auction(t, t)
        buyer = minimize_scalar(lambda b, t=t: -quad(lambda s: t - (b + s) / 2, 1 / 4, b)[0],
                                bounds=(1 / 4, 11 / 12), options=dict(xatol=1e-9))  # fmt: skip
        seller = minimize_scalar(lambda s, t=t: -quad(lambda b: (b + s) / 2 - t, s, 3 / 4)[0],
                                 bounds=(1 / 12, 3 / 4), options=dict(xatol=1e-9))  # fmt: skip
        assert bid == pytest.approx(buyer.x, abs=1e-5)
        assert ask == pytest.approx(seller.x, abs=1e-5)
    v, c = ((np.indices((1_000, 1_000)) + 0.5) / 1_000).reshape(2, -1)
    bid, ask = auctions.double_auction(v, c)
    assert ((v - c) * (bid >= ask)).mean() == pytest.approx(9 / 64, abs=3e-4)


def test_the_highest_bid_pays_itself(rng):
    bids = np.array([[0.2, 0.9, 0.4], [0.5, 0.1, 0.5]])
    sell = mech.Orders(2, quantity=np.array([[1.0, 2.0], [1.0, 0.0]]))
    trade = mech.first_price(sell, mech.Orders(3, price=bids))
    np.testing.assert_allclose(trade.price, [[0.9], [0.5]])
    np.testing.assert_allclose(trade.bought, [[0, 3, 0], [1, 0, 0]])
    np.testing.assert_allclose(trade.paid, [[0, 2.7, 0], [0.5, 0, 0]])
    np.testing.assert_allclose(trade.earned.sum(-1), trade.paid.sum(-1))
    given = mech.first_price(sell, mech.Orders(3, price=bids), np.full((2, 1), 0.3))
    np.testing.assert_allclose(given.paid, [[0, 0.9, 0], [0.3, 0, 0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wants([1.0, 0.0, 1.0]), "^p=.*3 positive prices"),
        (lambda: wants([1.0, 1.0]), "^p=.*3 positive prices"),
        (
            lambda: exchange.cobb_douglas(np.ones(3), α + 0.1, e),
            "^sum of row .*0.* of α=1.3.*must be 1",
        ),
        (lambda: exchange.cobb_douglas(np.ones(3), α, -e), "^e=.*non-negative array"),
        (lambda: exchange.perron(α[:2], e), "^α=.*of the shape"),
        (lambda: exchange.perron(np.eye(3), np.eye(3)), "^α=.*not unique"),
        (lambda: exchange.perron(α, e * [1, 1, 0]), "^e=.*positive in sum"),
        (lambda: exchange.leontief(np.ones(3), 0 * e, e), "^a=.*no row of zeros"),
        (lambda: exchange.walrasian(wants, e, tol=0), "^tol=0: must be in"),
        (lambda: exchange.walrasian(wants, e[0]), "^e=.*agents, goods"),
        (lambda: exchange.tâtonnement(wants, e, np.ones(3), 0, 5), "^step=0: must be positive"),
        (lambda: exchange.tâtonnement(wants, e, np.ones(3), 1, 0.5), "^T=0.5: must be an integer"),
        (lambda: exchange.trading_post(1, 2), "^n=1: must be an integer >= 2"),
        (lambda: exchange.trading_post(2, 2, 1.0), "^α=1.0: must be in"),
        (lambda: auctions.first_price(1.1, 2), "^v=.*in \\[0, 1\\]"),
        (lambda: auctions.first_price(0.5, 1), "^n=1: must be an integer >= 2"),
        (lambda: auctions.double_auction(0.5, -0.1), "^c=.*in \\[0, 1\\]"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match="(?s)" + message):
        call()
