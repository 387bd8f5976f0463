"""Krusell and Smith's economy from a description: steps, accounts, the luck of a draw."""

import numpy as np
import pytest
import torch

from marketsai_lite.constructor import build
from marketsai_lite.constructor.continuum import insuring
from marketsai_lite.constructor.ledger import accounting_matrix, audit
from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economy import Shocks, check_economy, sample_action

CLOSE = dict(rtol=1e-12, atol=1e-12)
VARIANTS = {
    "defaults": dict(n=3),
    "one": dict(n=1),
    "no benefits": dict(n=2, μ=0.0, l=0.3271, γ=2.0, α=0.3, β=0.95, δ=0.1),
}


def twins(n, **changes):
    twin = KrusellSmith(n, **changes)
    return twin, build(insuring(twin.exo, twin.k_ss, n, **changes))


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_steps_as_its_twin(variant, rng):
    twin, economy = twins(**VARIANTS[variant])
    assert economy.agents == twin.agents and economy.β == twin.β
    for ours, theirs in zip(economy.actions, twin.actions, strict=True):
        assert ours.low == theirs.low and ours.high == theirs.high
    x = twin.initial(u := rng.random((5, twin.n)))
    y, i = economy.initial(u), twin.exo.initial(rng.random((5, twin.exo.width)))
    t = torch.as_tensor(y)
    kept = np.array([1 - twin.δ, 0.0])  # a return is what a unit keeps and what it is paid
    for _ in range(40):
        np.testing.assert_allclose(y, x, **CLOSE)
        np.testing.assert_allclose(t.numpy(), x, **CLOSE)
        z = twin.exo.shocks(i)
        a = np.stack([sample_action(s, rng, 5) for s in twin.actions], -2)
        zt, at = Shocks(*map(torch.as_tensor, z)), torch.as_tensor(a)
        o, m = twin.observe(x, z), twin.market(x, z, a)
        np.testing.assert_allclose(economy.observe(y, z), o, **CLOSE)
        np.testing.assert_allclose(economy.observe(t, zt).numpy(), o, **CLOSE)
        np.testing.assert_allclose(economy.market(y, z, a) + kept, m, **CLOSE)
        given = economy.step(y, z, a, 1.1 * m - kept)
        for ours, theirs in zip(given, twin.step(x, z, a, 1.1 * m), strict=True):
            np.testing.assert_allclose(ours, theirs, **CLOSE)
        x, r = twin.step(x, z, a)
        y, q = economy.step(y, z, a)
        t, qt = economy.step(t, zt, at)
        np.testing.assert_allclose(q, r, **CLOSE)
        np.testing.assert_allclose(qt.numpy(), r, **CLOSE)
        i = twin.exo.next(i, rng.random(i.shape))


def test_it_keeps_the_contract_and_its_books(rng):
    _, economy = twins(3)
    check_economy(economy, rng, periods=3)
    audit(economy, rng, periods=20)


def test_what_the_continuum_gains_is_the_luck_of_the_draw(rng):
    """It sells n l (1 - u) hours at the wage w, and pays wages net of tax, and benefits."""
    twin, economy = twins(4)
    x = twin.initial(rng.random(4))
    z = Shocks(np.array([1.01, 0.04]), np.array([[1.0], [0.0], [1.0], [0.0]]))
    names, paid = accounting_matrix(economy, x, z, np.full((4, 1), 0.9))
    at = {name: k for k, name in enumerate(names)}
    w = twin.market(x, z, None)[1]
    due = w * (4 * twin.μ + 2 * (twin.l - twin.μ * 0.04 / 0.96 - twin.μ))
    assert paid[at["household"], at["market for labor"]] == pytest.approx(due, rel=1e-12)
    assert paid[at["continuum"], at["market for hours"]] == pytest.approx(4 * w * twin.l * 0.96)
    gained = 4 * w * twin.l * 0.96 - due
    assert paid[at["output"], at["continuum"]] == pytest.approx(gained)
    np.testing.assert_allclose(paid.sum(0), paid.sum(1), atol=1e-12)


def test_the_continuum_breaks_even_where_its_households_are_employed_as_it_is():
    """With u n of n out of work nothing is gained: the tax pays for the benefits."""
    twin, economy = twins(25)
    e = np.ones((25, 1))
    e[0] = 0.0  # a rate of 4 percent
    x, z = np.full(25, twin.k_ss), Shocks(np.array([1.01, 0.04]), e)
    v = economy.find(["hours_earned", "labor_paid"], x, z, np.full((25, 1), 0.9))
    np.testing.assert_allclose(v["hours_earned"], v["labor_paid"], rtol=1e-12)
