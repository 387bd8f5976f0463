"""Krusell and Smith's economy: its law of employment, its prices, its budget."""

import numpy as np
import pytest

from marketsai_lite.economies.krusell_smith import KrusellSmith, employment, krusell_smith_1998
from marketsai_lite.economy import Shocks, stationary

# Den Haan, Judd and Juillard (2010), table 2: rows and columns (b, u), (b, e), (g, u), (g, e).
PUBLISHED = np.array(
    [
        [0.525000, 0.350000, 0.031250, 0.093750],
        [0.038889, 0.836111, 0.002083, 0.122917],
        [0.093750, 0.031250, 0.291667, 0.583333],
        [0.009115, 0.115885, 0.024306, 0.850694],
    ]
)


def joint(exo):
    P = exo.transition[:, None, :, None] * exo.own_transition.transpose(0, 2, 1, 3)
    return P.reshape(4, 4)


def random_period(economy, rng, size=7):
    x = economy.initial(rng.random((size, economy.n)))
    z = economy.exo.shocks(economy.exo.initial(rng.random((size, economy.exo.width))))
    return x, z, rng.random((size, economy.n, 1))


def test_the_published_transition_matrix():
    np.testing.assert_allclose(joint(KrusellSmith().exo), PUBLISHED, atol=5e-7)
    np.testing.assert_allclose(joint(krusell_smith_1998().exo), PUBLISHED, atol=5e-7)


def test_unemployment_depends_on_the_times_alone():
    """u(z) Q(z, z') = u(z') for each move of the cycle, so that u is no state of its own."""
    exo, u = KrusellSmith().exo, np.array([0.10, 0.04])
    shares = np.stack([u, 1 - u], -1)
    for z, z1 in np.ndindex(2, 2):
        np.testing.assert_allclose(shares[z] @ exo.own_transition[z, z1], shares[z1], rtol=1e-12)
    np.testing.assert_allclose(stationary(joint(exo)), (shares / 2).ravel(), rtol=1e-12)


def test_times_and_unemployment_last_as_long_as_they_say():
    exo = KrusellSmith().exo
    assert 1 / (1 - np.diag(exo.transition)) == pytest.approx([8, 8])
    assert 1 / (1 - exo.own_transition[[0, 1], [0, 1], 0, 0]) == pytest.approx([2.5, 1.5])
    stays = exo.own_transition[..., 0, 0]
    assert stays[1, 0] == pytest.approx(1.25 * stays[0, 0])
    assert stays[0, 1] == pytest.approx(0.75 * stays[1, 1])


def test_the_steady_state():
    """R = 1/β at the capital of complete markets: 39.25556 (DHJ), computed by hand."""
    economy = KrusellSmith()
    by_hand = (0.36 / (1 / 0.99 - 1 + 0.025)) ** (1 / 0.64) * 0.93 / 0.9
    assert economy.k_ss == pytest.approx(by_hand, rel=1e-12)
    assert economy.k_ss == pytest.approx(39.25556, abs=5e-6)
    z = Shocks(np.array([1.0, 0.07]), np.ones((2, 1)))
    R, w = economy.market(np.full(2, economy.k_ss), z, None)
    assert R == pytest.approx(1 / 0.99, rel=1e-12)
    assert w == pytest.approx(0.64 * (economy.k_ss / (0.93 / 0.9)) ** 0.36, rel=1e-12)


@pytest.mark.parametrize("make", [KrusellSmith, krusell_smith_1998])
@pytest.mark.parametrize("times", [0, 1])
def test_incomes_and_taxes_add_up(make, times, rng):
    """With as many unemployed as the law says, 50 households consume and save what is produced."""
    economy = make(50)
    u = economy.u[times]
    e = (np.arange(50) >= round(50 * u)).astype(float)[:, None]
    z = Shocks(np.array([economy.Z[times], u]), e)
    x, a = economy.initial(rng.random(50)), rng.random((50, 1))
    accounts = economy.accounts(x, z, a)
    assert accounts["unemployment"] == pytest.approx(u)
    assert accounts["consumption"] + accounts["investment"] == pytest.approx(accounts["output"])
    w, τ = accounts["wage"], economy.μ * u / (economy.l * (1 - u))
    paid = np.where(e[:, 0] == 1, (1 - τ) * economy.l, economy.μ) * w
    np.testing.assert_allclose(accounts["income"], paid, rtol=1e-10)


def test_each_household_keeps_its_budget(rng):
    economy = KrusellSmith(4, γ=2.0)
    x, z, a = random_period(economy, rng)
    x1, r = economy.step(x, z, a)
    m = economy.market(x, z, a)
    np.testing.assert_allclose(x1 + -1 / r, economy.cash(x, z, m), rtol=1e-12)
    dear = economy.step(x, z, a, 1.01 * m)  # a price taker's prices are given
    np.testing.assert_allclose(dear[0], 1.01 * x1, rtol=1e-12)


def test_what_a_household_sees():
    economy = KrusellSmith(2)
    k = economy.k_ss
    z = Shocks(np.array([1.01, 0.04]), np.array([[0.0], [1.0]]))
    o = economy.observe(np.array([0.5 * k, 1.7 * k]), z)
    np.testing.assert_allclose(o, [[-0.5, 1.0, 1.0, -1.0], [0.7, 1.0, 1.0, 1.0]], atol=1e-12)
    flat = KrusellSmith(2, Z=[1.01, 1.01])
    np.testing.assert_allclose(flat.observe(np.ones(2), z)[..., 2], 0.0, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: KrusellSmith(Z=[1.0]), "Z"),
        (lambda: KrusellSmith(Z=[0.0, 1.0]), "Z"),
        (lambda: KrusellSmith(u=[0.0, 0.1]), "u"),
        (lambda: KrusellSmith(u=[0.8, 0.04]), "spells"),
        (lambda: KrusellSmith(spells=[0.5, 1.5]), "spells"),
        (lambda: KrusellSmith(spells=[20.0, 1.5]), "spells"),
        (lambda: KrusellSmith(cycle=1.0), "cycle"),
        (lambda: KrusellSmith(μ=100.0), "μ"),
        (lambda: KrusellSmith(low=0.0), "low"),
        (lambda: KrusellSmith(high=1.0), "high"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"(?s)^{name}="):
        make()


def test_spells_that_cannot_be_are_named():
    with pytest.raises(ValueError, match="such that every move of employment"):
        employment(np.array([0.1, 0.04]), np.array([20.0, 1.5]))
