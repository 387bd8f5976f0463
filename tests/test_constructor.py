"""The Economy Constructor: its economies equal those written by hand, and its books balance."""

import inspect
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from malformed import MALFORMED, agents, goods, kite_makers, market, spent, with_equation

from marketsai_lite.constructor import (
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Memory,
    Process,
    Split,
    Stock,
    build,
    validate,
)
from marketsai_lite.constructor import examples as ex
from marketsai_lite.constructor import mechanisms as mech
from marketsai_lite.constructor.equations import ordered
from marketsai_lite.constructor.forms import bundle, convert, crra, mean
from marketsai_lite.constructor.ledger import accounting_matrix, audit, books
from marketsai_lite.constructor.page import diagram, rules, symbol, table
from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economy import Shocks, ar1, check_economy, padded, sample_action
from marketsai_lite.views.batch import Batch
from marketsai_lite.views.pettingzoo import ParallelView

GRID = np.linspace(1.4, 2.0, 15)


def pricing():
    return LogitOligopoly(np.stack([GRID, GRID])), build(ex.pricing_duopoly(GRID))


def renting():
    twin = RentalMarket(n=3)
    return twin, build(ex.renting(twin.exo, 3))


def buying(rebate=0.5):
    twin = CapitalMarket(N=3, rebate=rebate)
    return twin, build(ex.buying_capital(twin.exo, 3, rebate))


def buying_with_own_shocks():
    chain = Planner(2).exo
    twin = CapitalMarket(N=2, rebate=1.0, exo=chain)
    return twin, build(ex.buying_capital(chain, 2, 1.0))


def planning(n=2, m=2):
    twin = Planner(n, m)
    return twin, build(ex.planning(twin.exo, n, m), planner=True)


def planning_for_one():
    return planning(1, 1)


TWINS = (pricing, renting, buying, buying_with_own_shocks, planning, planning_for_one)


def choose(economy, rng, copies=5):
    da = max(s.width for s in economy.actions)
    return np.stack([padded(sample_action(s, rng, copies), da) for s in economy.actions], -2)


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


# Planted errors in the books


def half_lost(sell, buy, price=None):
    trade = mech.trading_post(sell, buy, price)
    return trade._replace(bought=trade.bought / 2)


def one_pays_half(sell, buy, price=None):
    trade = mech.trading_post(sell, buy, price)
    return trade._replace(paid=0.5 * trade.paid)


def toys(kites_bought):
    return kites_bought + 0.25


def others_toys():
    def toys(kites_bought):
        return kites_bought[..., ::-1]

    return toys


def saved(kites_paid):
    return 1.125 - kites_paid


def k_next(k):
    return k + 0.5


PLANTED = {
    "a market that does not clear": (
        dict(markets=market(mechanism=half_lost)),
        "^period 0: market kites: goods=-.*must be 0"),
    "a payment that nobody gets": (
        dict(markets=market(mechanism=one_pays_half)), "^period 0: market kites: money=0"),
    "a good from nothing": (
        dict(equations=with_equation(toys)), r"^period 0: child: kites=-0\.25: must be 0"),
    "a good that another bought": (
        dict(equations=with_equation(others_toys())), "^period 0: child: kites=.*must be 0"),
    "money from nothing": (
        dict(equations=with_equation(saved)), r"^period 0: child: money=-0\.125: must be 0"),
    "a stock from nothing": (
        dict(equations=with_equation(k_next)), r"^period 0: maker: shed=-0\.5"),
    "a budget that is overspent": (
        dict(equations=(kite_makers().equations[0], spent,
                        *kite_makers().equations[2:]),
             agents=agents(child=dict(choices=(Choice("b", 0.9, 0.99),)))),
        "^period 0: child: saved below zero="),
}  # fmt: skip


@pytest.mark.parametrize("error", PLANTED)
def test_a_planted_error_is_rejected(error):
    changes, words = PLANTED[error]
    with pytest.raises(ValueError, match=words), np.errstate(all="ignore"):
        build(kite_makers(**changes))


def test_a_profit_that_is_paid_twice_is_rejected():
    """The household spends the producers' profit beside its dividend."""
    d = ex.buying_capital(CapitalMarket().exo, 2, 1.0)

    def c(y, spent, household_dividend, producer_profit):
        return y - spent + household_dividend + producer_profit

    with pytest.raises(ValueError, match=r"^period 0: household: output=-"):
        build(replace(d, equations=(*d.equations, c)))


# Random economies


def random_description(seed):
    """Two types with random endowments, tastes and numbers trade goods at posts, and save."""
    rng = np.random.default_rng(seed)
    names = ["fish", "bread", "cloth"][: rng.integers(1, 4)]
    types = []
    equations = []
    δ = float(rng.choice([0.0, 0.1, 1.0]))
    for t in ("east", "west"):
        shares = tuple(f"{t}_{what}" for what in ("kept", *(f"for_{g}" for g in names)))
        offers = tuple(Choice(f"{t}_offer_{g}", 0.01, 0.99) for g in names)
        eaten = {g: f"{t}_{g}_eaten" for g in names}

        def invested(money, share):
            return money * share

        from marketsai_lite.constructor.equations import Equation

        equations += [
            Equation(f"{t}_spent_{g}", invested, (f"{t}_money", f"{t}_for_{g}")) for g in names
        ]
        equations += [
            Equation(f"{t}_sold_{g}", invested, (f"{t}_{g}", f"{t}_offer_{g}")) for g in names
        ]
        equations.append(Equation(f"{t}_built", invested, (f"{t}_kept", f"{t}_money")))
        weights = tuple(rng.dirichlet(np.ones(len(names))))
        equations.append(bundle(tuple(eaten.values()), weights, f"{t}_joy"))
        types.append(
            Agents(
                t, int(rng.integers(1, 5)), choices=(Split(shares, 2.0), *offers),
                sees=(f"{t}_k", "z"), utility=f"{t}_joy",
                stocks=(Stock(f"{t}_k", "house", float(rng.uniform(0.5, 2)), log=bool(δ < 1)),),
                endowment={"money": float(rng.uniform(0.5, 2)),
                           **{g: float(rng.uniform(0.1, 3)) for g in names}},
                consumes={**eaten, "money": f"{t}_rest"},
                technologies=(convert("money", "house", f"{t}_built"),),
            )
        )  # fmt: skip
    posts = tuple(
        Market(
            g,
            ("east", "west"),
            ("east", "west"),
            mech.trading_post,
            sell={"quantity": (f"east_sold_{g}", f"west_sold_{g}")},
            buy={"money": (f"east_spent_{g}", f"west_spent_{g}")},
        )
        for g in names
    )
    chain = ar1(int(rng.integers(2, 4)), 0.5, 0.2)

    def dull(z):
        return z

    return Description(
        f"random {seed}",
        goods=(Good("money", "numeraire"), *(Good(g) for g in names), Good("house", "durable", δ)),
        agents=tuple(types), markets=posts, equations=(*equations, dull),
        processes=(Process(("z",), chain, (0.0,)),),
    )  # fmt: skip


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_books_of_random_economies_balance(seed):
    rng = np.random.default_rng(seed)
    economy = build(random_description(seed))
    audit(economy, rng, periods=5)
    x = economy.initial(rng.random((4, len(economy.state))))
    z = economy.exo.shocks(economy.exo.initial(rng.random((4, 1))))
    a = choose(economy, rng, 4)
    found = books(economy, x, z, a)
    assert abs(found["all markets: money"][0]).max() < 1e-10
    assert len(found) > 10
    names, paid = accounting_matrix(economy, x[0], Shocks(*(v[0] for v in z)), a[0])
    assert paid.shape == (len(names),) * 2 and paid.max() > 0.01
    np.testing.assert_allclose(paid.sum(0), paid.sum(1), atol=1e-10)


def test_one_random_economy_keeps_the_contract(rng):
    check_economy(build(random_description(3)), rng, periods=2)


@pytest.mark.parametrize("twins", TWINS)
def test_rows_and_columns_of_the_accounting_matrix_agree(twins, rng):
    _, economy = twins()
    x = economy.initial(rng.random(len(economy.state)))
    z = economy.exo.shocks(economy.exo.initial(rng.random(economy.exo.width)))
    _, paid = accounting_matrix(economy, x, z, choose(economy, rng, 1)[0])
    np.testing.assert_allclose(paid.sum(0), paid.sum(1), atol=1e-12)


def test_money_that_is_kept_is_in_the_accounting_matrix(rng):
    def eaten(share, m):
        return share * m

    def joy(eaten):
        return 2 * eaten

    saver = Agents(
        "saver", 2, choices=(Choice("share", 0.1, 0.4),), sees=("m",), utility="joy",
        stocks=(Stock("m", "money"),), endowment={"money": 0.5}, consumes={"money": "eaten"},
    )  # fmt: skip
    economy = build(Description("saving", (Good("money", "numeraire"),), (saver,),
                                equations=(eaten, joy)))  # fmt: skip
    x = economy.initial(rng.random(2))
    z = economy.exo.shocks(economy.exo.initial(rng.random(economy.exo.width)))
    names, paid = accounting_matrix(economy, x, z, np.full((2, 1), 0.2))
    kept = paid[names.index("saving"), names.index("saver")]
    assert kept == pytest.approx(1.0 - 0.2 * x.sum())
    np.testing.assert_allclose(paid.sum(0), paid.sum(1), atol=1e-12)


def test_the_accounting_matrix_says_who_pays_whom(rng):
    twin, economy = renting()
    x = twin.initial(rng.random(3))
    z = twin.exo.shocks(np.array([1]))
    a = np.full((3, 1), 0.4)
    names, paid = accounting_matrix(economy, x, z, a)
    found = twin.accounts(x, z, a)
    at = {name: k for k, name in enumerate(names)}
    wages = paid[at["household"], at["market for labor"]]
    assert wages == pytest.approx(3 * found["wage"])
    assert paid[at["market for labor"], at["firm"]] == pytest.approx(3 * found["wage"])
    assert paid[at["output"], at["household"]] == pytest.approx(found["output"])


# Order, memory, paper


def test_equations_come_in_the_order_of_their_needs():
    from marketsai_lite.constructor.equations import Equation, needed

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


def test_shares_of_a_split_sum_to_one(rng):
    economy = build(random_description(7))
    x = economy.initial(rng.random((2, len(economy.state))))
    z = economy.exo.shocks(np.zeros((2, 1), dtype=int))
    names = economy.description.type("east").choices[0].names
    v = economy.find(names, x, z, choose(economy, rng, 2))
    np.testing.assert_allclose(sum(v[n] for n in names), 1.0)
    assert all((v[n] > 0).all() for n in names)


def test_the_table_names_the_numeraire_and_writes_the_equations():
    text = table(ex.renting(RentalMarket().exo))
    assert text.startswith("Everything is paid in **output**.")
    assert r"| $k'$ |" in text and r"\log c" in text and "rental of" in text
    assert r"$s \, (\text{capital}_{\text{earned}} + \text{labor}_{\text{earned}})$" in text
    assert symbol("α") == r"\alpha" and symbol("k1") == r"k_{\text{1}}" and symbol("k_next") == "k'"


def test_the_rules_are_read_from_what_refuses():
    """One for each place that refuses; each error's first words begin with one of them."""
    found = rules()
    assert len(found) == inspect.getsource(validate).count("_hold(") - 1  # its definition
    assert ("β", "in [0, 1)") in found
    assert ("agents …: choice …: bounds", "finite, low < high") in found
    assert all(cure.strip("… ") for _, cure in found)
    with pytest.raises(ValueError, match=r"^good tea: kind=") as refused:
        build(kite_makers(goods=goods(Good("tea", "liquid"))))
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
