"""Hidden demand: the Kalman filter, what memory is worth, and Bayes' rule on the chain."""

import numpy as np
import pytest
import quantecon

from marketsai_lite.economies.hidden_demand import HiddenDemand
from marketsai_lite.economy import check_economy
from marketsai_lite.solutions import hidden_demand

OTHER = HiddenDemand(a=4.0, b=0.5, ρ=0.8, R=0.5)


def seen(economy, T, N, seed=0):
    """Demand (N, T) and what is seen of it, drawn from the economy."""
    rng, periods = np.random.default_rng(seed), []
    i = economy.exo.initial(rng.random((N, 1)))
    x = economy.initial(rng.random((N, 1)))
    for _ in range(T):
        z = economy.exo.shocks(i)
        x, _ = economy.step(x, z, np.zeros((N, 1, 1)))
        periods.append((z.aggregate[:, 0], x[:, 0]))
        i = economy.exo.next(i, rng.random((N, 1)))
    return np.array(periods).transpose(1, 2, 0)


def test_the_numbers_that_are_known():
    e = HiddenDemand()
    assert hidden_demand.limit_variance(e) == pytest.approx(0.31224990, abs=5e-9)
    assert hidden_demand.ignorant(e) == 2.25
    known = {1: 2.3628125, 2: 2.395682, 3: 2.409197, 5: 2.418633, 10: 2.421809}
    for k, value in known.items():
        assert hidden_demand.lags(e, k) == pytest.approx(value, abs=5e-7)
    assert hidden_demand.kalman(e) == pytest.approx(2.42193753, abs=5e-9)
    assert hidden_demand.informed(e) == pytest.approx(2.475625, abs=1e-12)
    assert hidden_demand.average(e, 40) == pytest.approx(2.414853, abs=5e-7)
    assert hidden_demand.average(e, 40, memory=False) == pytest.approx(2.35999, abs=5e-6)
    assert hidden_demand.limit_variance(OTHER) == pytest.approx(0.52370497, abs=5e-9)


@pytest.mark.parametrize("economy", [HiddenDemand(), OTHER, HiddenDemand(ρ=-0.5, R=2.0)])
def test_the_filter_is_that_of_another_library(economy):
    v = np.sqrt(1 - economy.ρ**2)
    model = quantecon.LinearStateSpace([[economy.ρ]], [[v]], [[1.0]], [[np.sqrt(economy.R)]])
    other = quantecon.Kalman(model, 0.0, 1.0)
    y = np.random.default_rng(0).normal(size=12)
    ours, P = hidden_demand.guesses(economy, y), hidden_demand.variances(economy, 12)
    for t in range(12):
        assert ours[t] == pytest.approx(np.ravel(other.x_hat)[0], abs=1e-12)
        assert P[t] == pytest.approx(np.ravel(other.Sigma)[0], abs=1e-12)
        other.update(y[t])
    settled, _ = other.stationary_values()
    assert hidden_demand.limit_variance(economy) == pytest.approx(settled[0, 0], abs=1e-9)
    assert hidden_demand.variances(economy, 500)[-1] == pytest.approx(settled[0, 0], abs=1e-9)


@pytest.mark.parametrize("economy", [HiddenDemand(), OTHER, HiddenDemand(nd=2), HiddenDemand(R=0)])
def test_the_chain_has_the_moments_of_the_normal_shocks(economy):
    n, exo = economy.nd, economy.exo
    P, values = exo.transition, exo.values
    θ, ε = values.T
    π = np.linalg.matrix_power(P, 4_096)[0]
    for mean, value in ((π @ θ, 0), (π @ ε, 0), (π @ θ**2, 1), (π @ ε**2, economy.R)):
        assert mean == pytest.approx(value, abs=1e-9)
    assert π @ (θ * ε) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(P @ θ, economy.ρ * θ, atol=1e-12)
    np.testing.assert_allclose(P @ θ**2 - (P @ θ) ** 2, 1 - economy.ρ**2, atol=1e-12)
    np.testing.assert_allclose(P @ ε, 0, atol=1e-12)
    assert len(P) == n**2


def test_many_lags_are_the_filter():
    for economy in (HiddenDemand(), OTHER):
        values = [hidden_demand.lags(economy, k) for k in range(60)]
        assert values[0] == hidden_demand.ignorant(economy) and (np.diff(values) > -1e-12).all()
        assert values[-1] == pytest.approx(hidden_demand.kalman(economy), abs=1e-9)


@pytest.mark.parametrize("economy", [HiddenDemand(low=-9.0, high=9.0), OTHER])
def test_played_in_the_economy_the_rules_earn_their_values(economy):
    T, N, rng = 40, 8_000, np.random.default_rng(1)
    θ, y = seen(economy, T, N)
    K, last = 1 / (1 + economy.R), np.zeros((N, T))
    last[:, 1:] = economy.ρ * K * y[:, :-1]
    earned = {True: hidden_demand.guesses(economy, y), False: last}
    for memory, guess in earned.items():
        q = hidden_demand.output(economy, guess)
        r = (economy.a + y - economy.b * q) * q
        exact, se = hidden_demand.average(economy, T, memory), r.mean(1).std() / np.sqrt(N)
        assert abs(r.mean() - exact) < 4 * se
    gap = ((earned[True] - θ) ** 2).mean(0)
    np.testing.assert_allclose(gap, hidden_demand.variances(economy, T - 1), rtol=0.08)
    z = economy.exo.shocks(economy.exo.initial(rng.random((7, 1))))
    a = rng.random((7, 1, 1))
    x1, r = economy.step(np.zeros((7, 1)), z, a)
    seen_, q = z.aggregate.sum(1), a[:, 0, 0]
    np.testing.assert_allclose(x1[:, 0], seen_)
    np.testing.assert_allclose(r[:, 0], (economy.a + seen_ - economy.b * q) * q)


def test_bayes_rule_is_the_mean_over_all_paths():
    economy = HiddenDemand(nd=3, R=0.7)
    P, values = economy.exo.transition, economy.exo.values
    first = np.linalg.matrix_power(P, 4_096)[0]
    y = seen(economy, 4, 5)[1]
    for path in y:
        weight = first.copy()  # of each state, given what was seen before
        for t, found in enumerate(hidden_demand.beliefs(economy, path)):
            assert found == pytest.approx(weight @ values[:, 0] / weight.sum(), abs=1e-9)
            weight = weight * np.isclose(values.sum(1), path[t]) @ P


def test_the_filter_is_nearly_bayes_rule():
    losses = {}
    for nd in (5, 17):
        economy = HiddenDemand(nd=nd)
        y = seen(economy, 40, 2_000)[1]
        off = hidden_demand.beliefs(economy, y) - hidden_demand.guesses(economy, y)
        losses[nd] = (off**2).mean() / (4 * economy.b)
    assert 5e-5 < losses[17] < 2e-4 < 1e-3 < losses[5]


def test_it_keeps_the_contract():
    for economy in (HiddenDemand(), HiddenDemand(nd=2, R=0.0)):
        check_economy(economy, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: HiddenDemand(ρ=1.0), r"ρ=1.0: must be in \(-1, 1\)"),
        (lambda e: HiddenDemand(R=-0.1), "R=-0.1: must be non-negative"),
        (lambda e: HiddenDemand(nd=65), "nd=65: must be an integer in 2, ..., 64"),
        (lambda e: HiddenDemand(low=3.0), "high=3.0: must be above low"),
        (lambda e: hidden_demand.lags(e, 1.5), "k=1.5: must be an integer >= 0"),
        (lambda e: hidden_demand.variances(e, -1), "T=-1: must be an integer >= 0"),
        (lambda e: hidden_demand.average(e, 0), "T=0: must be an integer >= 1"),
        (lambda e: hidden_demand.guesses(e, 1.0), r"y=array\(1.\): must be an array \(..., T\)"),
        (lambda e: hidden_demand.beliefs(e, [0.1]), "y=.*must be demands that the economy"),
        (lambda e: hidden_demand.beliefs(HiddenDemand(R=0), [0.0]), "R=0: must be positive"),
    ],
)
def test_what_is_wrong_is_refused(call, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        call(HiddenDemand())
