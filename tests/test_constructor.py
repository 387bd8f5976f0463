"""The Economy Constructor: its economies equal those written by hand, and what it refuses."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from constructed import TWINS, buying, choose
from malformed import MALFORMED, agents, goods, kite_makers

from marketsai_lite.constructor import (
    Good,
    Memory,
    build,
    sides,
    validate,
)
from marketsai_lite.constructor import examples as ex
from marketsai_lite.constructor import mechanisms as mech
from marketsai_lite.constructor.equations import Equation, needed, ordered
from marketsai_lite.constructor.forms import crra, mean
from marketsai_lite.constructor.ledger import audit
from marketsai_lite.constructor.page import diagram, rules, symbol, table
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economy import Shocks, check_economy
from marketsai_lite.views.batch import Batch
from marketsai_lite.views.pettingzoo import ParallelView


@pytest.mark.parametrize("twins", TWINS)
def test_a_constructed_economy_steps_as_its_twin(twins, rng):
    twin, economy = twins()
    assert economy.agents == twin.agents and economy.β == twin.β
    u, v = rng.random((5, len(twin.state))), rng.random((5, twin.exo.width))
    x, y = twin.initial(u), economy.initial(u)
    i, j = twin.exo.initial(v), economy.exo.initial(v)
    t = torch.as_tensor(y)
    for _ in range(40):
        np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(t.numpy(), x, rtol=1e-12, atol=1e-12)
        z, z1, a = twin.exo.shocks(i), economy.exo.shocks(j), choose(twin, rng)
        zt, at = Shocks(*map(torch.as_tensor, z1)), torch.as_tensor(a)
        o = twin.observe(x, z)
        np.testing.assert_allclose(economy.observe(y, z1), o, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(economy.observe(t, zt).numpy(), o, rtol=1e-12, atol=1e-12)
        if getattr(twin, "market", None) is not None:
            m = twin.market(x, z, a)
            np.testing.assert_allclose(economy.market(y, z1, a), m, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(
                economy.step(y, z1, a, m)[1], twin.step(x, z, a, m)[1], rtol=1e-12, atol=1e-12
            )
        x, r = twin.step(x, z, a)
        y, q = economy.step(y, z1, a)
        t, qt = economy.step(t, zt, at)
        np.testing.assert_allclose(q, r, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(qt.numpy(), r, rtol=1e-12, atol=1e-12)
        w = rng.random(v.shape)
        i, j = twin.exo.next(i, w), economy.exo.next(j, w)
        assert np.array_equal(i, j)


@pytest.mark.parametrize("twins", TWINS)
def test_a_constructed_economy_keeps_the_contract_and_its_books(twins, rng):
    _, economy = twins()
    check_economy(economy, rng, periods=4)
    audit(economy, rng, periods=20)


def test_a_price_taker_has_the_gradient_of_the_twin(rng):
    twin, economy = buying()
    x = torch.as_tensor(twin.initial(rng.random((2, 3))))
    z = Shocks(*map(torch.as_tensor, twin.exo.shocks(np.zeros((2, 1), dtype=int))))
    slopes = []
    for one in (twin, economy):
        a = torch.full((2, 3, 1), 0.3, dtype=torch.float64, requires_grad=True)
        m = one.market(x, z, a).detach()
        x1, r = one.step(x, z, a, m)
        slopes.append(torch.autograd.grad((x1 + r).sum(), a)[0])
        free = torch.autograd.grad(sum(v.sum() for v in one.step(x, z, a)), a)[0]
        assert not torch.allclose(free, slopes[-1])
    torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)


def test_the_views_take_a_constructed_economy(rng):
    economy = build(ex.trading(2, 3))
    batch, generator = Batch(economy, 4, horizon=5), torch.Generator().manual_seed(0)
    state = batch.reset(generator)
    actions = torch.full((4, 5, 1), 0.5)
    assert batch.step(state, actions, generator).reward.shape == (4, 5)
    view = ParallelView(economy, horizon=3)
    observations, _ = view.reset(seed=0)
    assert set(observations) == set(economy.agents)
    assert repr(economy.description.type("seller")) == repr(ex.trading(2, 3).type("seller"))


def test_the_trading_post_has_its_equilibrium():
    """Marginal gains are zero where q = (1-α)(n-1)/(n-1+α) and b = α(m-1)/(m-α)."""
    α, n, m = 0.3, 2, 5
    q, b = (1 - α) * (n - 1) / (n - 1 + α), α * (m - 1) / (m - α)
    economy = build(ex.trading(n, m, α))
    a = torch.tensor([q] * n + [b] * m, dtype=torch.float64)[:, None].requires_grad_()
    z = Shocks(torch.zeros(1, dtype=torch.float64), torch.zeros(0, 1))
    r = economy.step(torch.zeros(0, dtype=torch.float64), z, a)[1]
    own = [torch.autograd.grad(r[k], a, retain_graph=True)[0][k].item() for k in range(n + m)]
    np.testing.assert_allclose(own, 0.0, atol=1e-12)


# Mechanisms


def test_a_trading_post_where_one_side_is_empty_gives_everything_back():
    q, money = np.array([[0.0, 0.0], [1.0, 3.0]]), np.array([[2.0, 1.0], [1.0, 1.0]])
    trade = mech.trading_post(mech.Orders(2, quantity=q), mech.Orders(2, money=money))
    np.testing.assert_array_equal(trade.price, [[0.0], [0.5]])
    np.testing.assert_array_equal(trade.paid, [[0, 0], [1, 1]])
    np.testing.assert_array_equal(trade.sold, [[0, 0], [1, 3]])
    np.testing.assert_array_equal(trade.bought, [[0, 0], [2, 2]])


def test_cournot_pays_the_price_of_the_twin():
    q = np.array([[0.2, 0.3], [0.9, 0.8]])
    trade = mech.cournot(mech.Orders(2, quantity=q), mech.Orders(1), a=1.0, b=1.0)
    np.testing.assert_allclose(trade.price, [[0.5], [0.0]])
    np.testing.assert_allclose(trade.earned, [[0.1, 0.15], [0, 0]])
    np.testing.assert_allclose(trade.bought(), [[0.5], [1.7]])


def test_posted_prices_ration_buyers_alike():
    sell = mech.Orders(2, quantity=np.array([1.0, 9.0]), price=np.array([1.0, 3.0]))
    buy = mech.Orders(2, quantity=np.array([4.0, 4.0]), money=np.array([99.0, 4.0]))
    trade = mech.posted_prices(sell, buy)
    # The first wants 2 of each seller, the second can pay for half: 1 of each.  The first seller
    # fills a third of 3.
    np.testing.assert_allclose(trade.bought, [2 + 2 / 3, 1 + 1 / 3])
    np.testing.assert_allclose(trade.paid, [6 + 2 / 3, 3 + 1 / 3])
    np.testing.assert_allclose(trade.sold, [1, 3])


def test_a_call_auction_trades_as_many_as_gain(rng):
    for _ in range(200):
        bids, asks = rng.integers(0, 6, 4) / 5, rng.integers(0, 6, 3) / 5
        trade = mech.call_auction(mech.Orders(3, price=asks), mech.Orders(4, price=bids))
        up, down = np.sort(asks), -np.sort(-bids)
        volume = max((k for k in range(1, 4) if down[k - 1] >= up[k - 1]), default=0)
        assert trade.sold.sum() == trade.bought.sum() == volume
        assert (asks[trade.sold > 0] <= trade.price).all()
        assert (bids[trade.bought > 0] >= trade.price).all()
        p = mech.call_auction(
            mech.Orders(3, price=torch.as_tensor(asks)), mech.Orders(4, price=torch.as_tensor(bids))
        ).price
        np.testing.assert_allclose(p.numpy(), trade.price)


def test_mechanisms_settle_at_a_given_price():
    sell, buy = mech.Orders(1), mech.Orders(2, money=np.array([1.0, 3.0]))
    trade = mech.marginal_cost(sell, buy, np.array([2.0]), φ=0.5)
    np.testing.assert_allclose(trade.bought, [0.5, 1.5])
    np.testing.assert_allclose(mech.marginal_cost(sell, buy, φ=0.25).price, [1.0])
    np.testing.assert_allclose(mech.average_cost(sell, buy, φ=0.5).price, [1.0])


# What is refused


def test_the_description_that_is_broken_was_whole(rng):
    check_economy(build(kite_makers()), rng, periods=3)


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_malformed_description_is_refused_by_name_and_cure(fault):
    changes, words = MALFORMED[fault]
    with pytest.raises(ValueError, match=f"(?s){words}"):
        build(None if changes is None else kite_makers(**changes))


def test_there_are_more_than_thirty_malformed_descriptions():
    assert len(MALFORMED) >= 30


# Order, memory, paper


def test_equations_come_in_the_order_of_their_needs():
    a, b, c = (
        Equation(n, None, needs) for n, needs in (("a", ("b", "c")), ("b", ("c",)), ("c", ()))
    )
    assert [e.name for e in ordered([a, b, c])] == ["c", "b", "a"]
    assert [e.name for e in needed(ordered([a, b, c]), ["b"])] == ["c", "b"]
    assert [e.name for e in needed(ordered([a, b, c]), ["a"], ["b"])] == ["c", "a"]


def test_a_memory_keeps_yesterdays_price(rng):
    memory = Memory("last_price", of="kites_price")
    d = kite_makers(agents=agents(maker=dict(memories=(memory,), sees=("k", "last_price", "z"))))
    economy = build(d)
    x = economy.initial(rng.random((3, 4)))
    z = economy.exo.shocks(np.zeros((3, 1), dtype=int))
    a = choose(economy, rng, 3)
    x1, _ = economy.step(x, z, a)
    price = economy.find(["kites_price"], x, z, a)["kites_price"]
    np.testing.assert_allclose(x1[:, [1, 3]], price + np.zeros((3, 2)))
    np.testing.assert_allclose(economy.observe(x1, z)[:, 0, 1], price[:, 0])


def test_the_table_names_the_numeraire_and_writes_the_equations():
    text = table(ex.renting(RentalMarket().exo))
    assert text.startswith("Everything is paid in **output**.")
    assert r"| $k'$ |" in text and r"\log c" in text and "rental of" in text
    assert r"$s \, (\text{capital}_{\text{earned}} + \text{labor}_{\text{earned}})$" in text
    assert symbol("α") == r"\alpha" and symbol("k1") == r"k_{\text{1}}" and symbol("k_next") == "k'"


def test_the_rules_are_read_from_what_refuses():
    """One for each place that refuses; each error's first words begin with one of them."""
    found = rules()
    sources = inspect.getsource(validate) + inspect.getsource(sides)
    assert len(found) == sources.count("hold(") - 1  # its definition
    assert ("β", "in [0, 1)") in found
    assert ("agents …: choice …: bounds", "finite, low < high") in found
    assert all(cure.strip("… ") for _, cure in found)
    with pytest.raises(ValueError, match=r"^good tea: kind=") as refused:
        build(kite_makers(goods=goods(Good("tea", "liquid"))))
    assert any("asks for" in cure for _, cure in found)  # of the markets' sides
    assert "good …: kind" in dict(found) and "must be one of" in str(refused.value)


def test_the_diagram_shows_every_type_and_market():
    ax = diagram(ex.renting(RentalMarket().exo))
    words = {text.get_text() for text in ax.texts}
    assert {"2 × household", "firm", "capital", "labor"} <= words
    plt.close(ax.figure)


def test_utility_with_constant_risk_aversion():
    c = np.array([0.5, 2.0])
    np.testing.assert_allclose(crra("c", 2).function(c), -1 / c)
    np.testing.assert_allclose(crra("c", 1).function(c), np.log(c))
    np.testing.assert_allclose(mean(c), [1.25])
