"""The Economy Constructor: its books balance, and what they reject."""

from dataclasses import replace

import numpy as np
import pytest
from constructed import TWINS, choose, renting
from hypothesis import given, settings
from hypothesis import strategies as st
from malformed import agents, kite_makers, market, spent, with_equation

from marketsai_lite.constructor import (
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Process,
    Split,
    Stock,
    build,
)
from marketsai_lite.constructor import examples as ex
from marketsai_lite.constructor import mechanisms as mech
from marketsai_lite.constructor.equations import Equation
from marketsai_lite.constructor.forms import bundle, convert
from marketsai_lite.constructor.ledger import accounting_matrix, audit, books
from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economy import Shocks, ar1, check_economy

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


def test_shares_of_a_split_sum_to_one(rng):
    economy = build(random_description(7))
    x = economy.initial(rng.random((2, len(economy.state))))
    z = economy.exo.shocks(np.zeros((2, 1), dtype=int))
    names = economy.description.type("east").choices[0].names
    v = economy.find(names, x, z, choose(economy, rng, 2))
    np.testing.assert_allclose(sum(v[n] for n in names), 1.0)
    assert all((v[n] > 0).all() for n in names)


# The accounting matrix


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
    saved = paid[at["saving"], at["household"]]
    assert saved == pytest.approx(0.4 * found["output"])
    assert paid[at["output"], at["saving"]] == saved
    assert paid[at["output"], at["household"]] == pytest.approx(0.6 * found["output"])


def test_who_has_not_built_is_told_to(rng):
    with pytest.raises(ValueError, match=r"^economy='Description': must be .*build"):
        audit(kite_makers(), rng)
    with pytest.raises(ValueError, match=r"^economy='Description': must be .*build"):
        accounting_matrix(kite_makers(), None, None, None)


def test_a_utility_that_is_no_number_is_refused():
    d = kite_makers()
    more = bundle(("toys", "short"), (0.5, 0.5), "fun")

    def short(b):
        return b - 0.95

    with pytest.raises(ValueError, match=r"^period 0: utility of child 1='not finite'.*bounds"):
        build(replace(d, equations=(*d.equations[:3], short, more)))
