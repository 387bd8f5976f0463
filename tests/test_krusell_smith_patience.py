"""The second economy of Krusell and Smith (1998) under the contract."""

import numpy as np
import pytest

from marketsai_lite.economies.krusell_smith_patience import LEAST, PatientHouseholds
from marketsai_lite.economy import Shocks, Terms
from marketsai_lite.experiments import krusell_smith_patience as patience
from marketsai_lite.experiments import recorded
from marketsai_lite.solutions import krusell_smith as ks
from marketsai_lite.solutions.krusell_smith_model import insured, model, stochastic_beta
from marketsai_lite.solutions.krusell_smith_score import score


def test_tomorrow_is_discounted_with_the_patience_of_today(rng):
    """By the definition: a household that is patient today and is not tomorrow."""
    economy = PatientHouseholds(2)
    terms, a = Terms(economy), np.zeros((2, 1))
    now = Shocks(economy.exo.values[0], np.array([[1.0, 0.9930], [0.0, 0.9858]]))
    then = Shocks(economy.exo.values[1], np.array([[1.0, 0.9894], [1.0, 0.9894]]))
    x1, r = economy.step(economy.initial(rng.random(4)), now, a)
    np.testing.assert_array_equal(terms.discount(x1, then, r), [0.9930, 0.9858])
    x2, r = economy.step(x1, then, a)
    np.testing.assert_array_equal(terms.discount(x2, now, r), [0.9894, 0.9894])


def test_the_chain_holds_a_tenth_of_each_extreme_and_lets_nobody_jump(rng):
    economy = PatientHouseholds(50_000)
    exo = economy.exo
    i = exo.initial(rng.random(exo.width))
    β = exo.shocks(i).own[:, 1]
    share = [(β == b).mean() for b in economy.betas]
    np.testing.assert_allclose(share, [0.1, 0.8, 0.1], atol=4 * np.sqrt(0.16 / 50_000))
    then = exo.shocks(exo.next(i, rng.random(exo.width))).own[:, 1]
    assert np.abs(then - β).max() < 0.005  # 0.0036 to the next, 0.0072 to the other end
    stayed = (then == β)[β != economy.betas[1]].mean()
    assert stayed == pytest.approx(1 - 1 / 200, abs=4 * np.sqrt(0.005 / (0.2 * 50_000)))


def test_budgets_hold_and_debts_stay_above_the_limit(rng):
    economy = PatientHouseholds(6, explorers=2)
    k = np.array([-2.4, -1.0, 0.0, 6.6, 30.0, 400.0])
    own = np.stack([[0.0, 1.0, 0.0, 1.0, 1.0, 0.0], np.tile(economy.betas, 2)], 1)
    z, x = Shocks(economy.exo.values[1], own), np.concatenate([k, np.full(6, 0.99)])
    R, w = economy.market(x, z)
    np.testing.assert_allclose(economy.mean(x), [3.2 / 4])  # the last two have no mass
    cash = R * k + w * economy.l * own[:, 0] + 0.07 * (1 - own[:, 0])
    for move in (-3.0, 0.0, 3.0):
        x1, r = economy.step(x, z, np.full((6, 1), move))
        saved = x1[:6]
        able = cash + 2.4 > LEAST
        np.testing.assert_allclose((cash - np.exp(r))[able], saved[able], rtol=1e-12, atol=1e-9)
        assert (saved > -2.4).all() and not able.all()
    poor = economy.step(x, z, np.zeros((6, 1)))[1][~able]
    assert (np.exp(poor) < LEAST).all()  # forgiven, it eats some of what it is given


def test_the_model_of_the_economy_is_what_the_classical_solver_solves(rng):
    """Prices, income and the law of own states, by both."""
    economy, m = PatientHouseholds(6), stochastic_beta()
    own = economy.exo.own_values
    np.testing.assert_array_equal(m.β, own[:, 1])
    for z in (0, 1):
        shocks = Shocks(economy.exo.values[z], own)
        x = np.concatenate([np.full(6, 11.0), np.full(6, 0.99)])
        prices = economy.market(x, shocks)
        np.testing.assert_allclose(prices, m.prices(11.0, z), rtol=1e-12)
        income = economy.cash(economy.wealth(x), shocks, prices) - prices[0] * 11.0
        np.testing.assert_allclose(income, m.income(11.0, z, np.arange(6)), rtol=1e-12)


def test_a_share_of_all_consumption_is_worth_the_discounted_time():
    """By simulation forward of the law, term by term; without moves it is 1 / (1 - β)."""
    m = stochastic_beta()
    total, weight = np.zeros(12), np.eye(12)
    for _ in range(6_000):
        total += weight.sum(1)
        weight = np.tile(m.β, 2)[:, None] * (m.joint() @ weight)
    np.testing.assert_allclose(m.horizon().ravel(), total, rtol=1e-6)
    alone = insured(model(PatientHouseholds(betas=(0.98, 0.98, 0.98))))
    np.testing.assert_allclose(alone.horizon(), 50.0)
    patient = m.horizon()[:, 5]
    assert (patient < 1 / (1 - 0.9930)).all() and (patient > m.horizon()[:, 3]).all()


def test_the_examination_sees_who_does_not_heed_patience():
    """The classical policy of those in the middle, given to everybody, is found out."""
    m = stochastic_beta()
    grids = {"nk": 80, "n": 300, "span": (0.806, 1.256), "top": 52, "richest": 35}
    e = ks.solve(m, T=1_500, drop=500, **grids)
    options = {"reference": e, "T": 1_500, "drop": 500, "n": 300, "looks": 5}
    options |= {"span": (0.7, 1.4), "richest": 35}
    right = score(e.policy, m, **options)
    same = score(lambda k, K, z, s: e.policy(k, K, z, 2 + s % 2), m, **options)
    assert right.gap[0] < 0.01 < 0.1 < same.gap[0]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"betas": (0.9, 1.0, 0.9)}, "betas"),
        ({"extreme": 0.6}, "extreme"),
        ({"lasts": 0.5}, "lasts"),
        ({"home": -1.0}, "home"),
        ({"limit": 1.0}, "limit"),
    ],
)
def test_bad_parameters_are_refused_by_name(changes, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        PatientHouseholds(**changes)


def test_one_seed_learns_the_same_policy_twice():
    economy = PatientHouseholds(3, explorers=1)
    short = {"copies": 2, "practise": 2, "average": 0.0, "hidden": (4,)}
    o = np.random.default_rng(0).normal(size=(7, 3, 8))
    first, again, other = (patience.learn(economy, k, 2, **short)(o) for k in (0, 0, 1))
    assert first.shape == (7, 3, 1) and np.isfinite(first).all() and first.any()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_learners_know_own_patience_and_the_policy_tells_it():
    """Rows of the policy differ by what the household is told of its patience, and by nothing."""
    economy = PatientHouseholds(4)
    policy = patience.consumption(economy, lambda o: o[..., 6:7])
    simple = patience.consumption(economy, patience.nothing)
    c = policy(5.0, 11.5, 1, np.arange(6))
    base = simple(5.0, 11.5, 1, np.arange(6))
    assert base[0] == base[2] == base[4] and base[1] == base[3] == base[5]
    assert c[0] < c[2] < c[4] and c[1] < c[3] < c[5]
    room = np.exp(np.log(c / base)[[0, 2, 4]])
    assert room[1] == pytest.approx(1.0)  # those in the middle are told 0


def rows(group, key):
    cells = recorded("krusell_smith_patience").results.items()
    return np.array([r[key] for name, r in cells if name.startswith(f"{group}, ")])


def test_households_learn_the_second_economy():
    """Every recorded seed with large copies, beside the classical solution and the paper."""
    assert len(rows("gradient", "gap")) == 10
    assert (rows("gradient", "gap") <= 0.01).all()
    assert (rows("gradient", "Euler") <= 4e-4).all()
    assert (rows("gradient", "largest forecast error") <= 0.3).all()
    exact = recorded("krusell_smith_patience").results["classical"]
    np.testing.assert_allclose(rows("gradient", "Gini"), exact["Gini"], atol=0.02)
    np.testing.assert_allclose(rows("gradient", "K"), 11.78, atol=0.1)
    np.testing.assert_allclose(rows("gradient", "top"), [exact["top"]] * 10, atol=0.025)
    assert (np.abs(rows("gradient", "owners") - exact["owners"]) < 0.03).all()


def test_small_copies_teach_that_capital_returns_too_fast():
    """By Welch's t, five seeds of small copies beside ten of large; their gap is larger."""
    many, few = (rows(g, "coefficients")[:, :, 1].mean(1) for g in ("gradient", "few"))
    for more, less in ((many, few), (rows("few", "gap"), rows("gradient", "gap"))):
        se = np.sqrt(more.var(ddof=1) / len(more) + less.var(ddof=1) / len(less))
        assert more.mean() - less.mean() > 2.8 * se


CHEAP = {"updates": 1, "practise": 2}


@pytest.mark.parametrize("changes", [{"updates": 0}, {"practise": 3}, {"band": 1.0}])
def test_settings_of_the_learner_are_refused_by_name(changes):
    (name,) = changes
    with pytest.raises(ValueError, match=f"^{name}="):
        patience.learn(
            PatientHouseholds(3, explorers=1), 0, **{"updates": 1, "practise": 2, **changes}
        )
