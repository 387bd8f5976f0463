"""The contract: shocks are drawn right, and `check_economy` notices each broken promise."""

import numpy as np
import pytest
import torch
from conftest import employment

from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economy import (
    Exogenous,
    Grid,
    Shocks,
    Terms,
    ar1,
    check_economy,
    constant,
    namespace,
    padded,
    stationary,
)


def test_every_economy_keeps_the_contract(economy, rng):
    check_economy(economy, rng)


def test_numpy_equals_torch(economy, rng):
    B, n = 5, len(economy.agents)
    x, i = economy.initial(rng.random((B, len(economy.state)))), None
    i = economy.exo.initial(rng.random((B, economy.exo.width)))
    lows = [s.values.min(0) if isinstance(s, Grid) else s.low for s in economy.actions]
    da = Terms(economy).da
    a = np.stack([padded(np.tile(low + 0.2, (B, 1)), da) for low in lows], 1)
    z = economy.exo.shocks(i)
    tz = Shocks(*map(torch.as_tensor, z))
    tx, ta = torch.as_tensor(x), torch.as_tensor(a)
    for ours, theirs in (
        (economy.step(x, z, a), economy.step(tx, tz, ta)),
        ([economy.observe(x, z)], [economy.observe(tx, tz)]),
        (economy.accounts(x, z, a).values(), economy.accounts(tx, tz, ta).values()),
    ):
        for u, v in zip(ours, theirs, strict=True):
            assert isinstance(v, torch.Tensor)
            np.testing.assert_allclose(u, v.numpy(), rtol=1e-13)
    assert economy.step(x, z, a)[1].shape == (B, n)


def test_draws_are_the_same_in_numpy_and_torch(economy, rng):
    u = rng.random((200, economy.exo.width))
    v = rng.random((200, len(economy.state)))
    i = economy.exo.initial(u)
    assert np.array_equal(i, economy.exo.initial(torch.as_tensor(u)).numpy())
    j = economy.exo.next(i, u[::-1].copy())
    assert np.array_equal(
        j, economy.exo.next(torch.as_tensor(i), torch.as_tensor(u[::-1].copy())).numpy()
    )
    np.testing.assert_allclose(economy.initial(v), economy.initial(torch.as_tensor(v)).numpy())


def test_the_aggregate_chain_has_its_transition_and_stationary_law(rng):
    P = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    exo = Exogenous([[0.0], [1.0], [2.0]], P)
    i = exo.initial(rng.random((200_000, 1)))
    j = exo.next(i, rng.random((200_000, 1)))
    π = stationary(P)
    np.testing.assert_allclose(π @ P, π, atol=1e-14)
    np.testing.assert_allclose(np.bincount(i[:, 0]) / len(i), π, atol=0.005)
    counts = np.zeros((3, 3))
    np.add.at(counts, (i[:, 0], j[:, 0]), 1)
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), P, atol=0.01)


def test_own_chains_move_independently_given_the_aggregate(rng):
    exo, N = employment(), 400_000
    i = exo.initial(rng.random((N, 3)))
    j = exo.next(i, rng.random((N, 3)))
    for z, z1, e in np.ndindex(2, 2, 2):
        here = (i[:, 0] == z) & (j[:, 0] == z1) & (i[:, 1] == e)
        employed = j[here, 1].mean()
        assert employed == pytest.approx(exo.own_transition[z, z1, e, 1], abs=0.01)
        assert np.corrcoef(j[here, 1], j[here, 2])[0, 1] == pytest.approx(0, abs=0.02)
    # Starting from the stationary law, the share of the employed stays what it is.
    assert i[:, 1].mean() == pytest.approx(j[:, 1].mean(), abs=0.005)


def test_uniforms_at_the_edges_stay_in_range():
    exo = employment()
    for u in (0.0, np.nextafter(1.0, 0.0)):
        i = exo.initial(np.full((4, 3), u))
        assert ((i >= 0) & (i <= 1)).all()
        assert (exo.next(i, np.full((4, 3), u)) <= 1).all()


def test_rouwenhorst_has_the_moments_of_the_ar1():
    chain = ar1(5, 0.9, 0.15)
    z = chain.values[:, 0]
    np.testing.assert_allclose(chain.transition @ z, 0.9 * z, atol=1e-12)
    np.testing.assert_allclose(chain.transition @ z**2 - (0.9 * z) ** 2, 0.15**2, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([[np.nan]], [[1.0]]), "values"),
        (([[0.0], [1.0]], [[0.5, 0.6], [0.5, 0.5]]), "transition"),
        (([[0.0], [1.0]], [[1.5, -0.5], [0.5, 0.5]]), "transition"),
        (([[0.0]], [[0.5, 0.5], [0.5, 0.5]]), "transition"),
        (([0.0], [[1.0]]), "values"),
        ((np.empty((0, 1)), np.empty((0, 0))), "values"),
        (([[0.0]], [[1.0]], [[1.0]], np.ones((1, 1, 1, 1)), 0), "n=0"),
        (([[0.0]], [[1.0]], [[1.0]], np.ones((1, 1, 2, 2)), 2), "own_transition"),
    ],
)
def test_a_bad_chain_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Exogenous(*arguments)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LogitMonopolist(μ=0.0), "μ"),
        (lambda: LogitMonopolist(κ=-1.0), "κ"),
        (lambda: LogitMonopolist(β=1.0), "β"),
        (lambda: LogitMonopolist(prices=[]), "prices"),
        (lambda: LogitMonopolist(prices=[1.0, np.nan]), "prices"),
        (lambda: LogitMonopolist(c=np.inf), "c"),
        (lambda: LQMonopolist(a1=0.0), "a1"),
        (lambda: LQMonopolist(ρ=1.0), "ρ"),
        (lambda: LQMonopolist(nd=1), "nd"),
        (lambda: LQMonopolist(low=4.0, high=2.0), "high"),
        (lambda: LQMonopolist(β=-0.1), "β"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        make()


def test_profits_add_up(rng):
    for economy in (LogitMonopolist(), LQMonopolist()):
        x = economy.initial(rng.random((50, 1)))
        z = economy.exo.shocks(economy.exo.initial(rng.random((50, 1))))
        a = x[:, None, :] + 0.0
        accounts = economy.accounts(x, z, a)
        profit = accounts["revenue"] - accounts["production cost"] - accounts["adjustment cost"]
        np.testing.assert_allclose(economy.step(x, z, a)[1][:, 0], profit, rtol=1e-12)


def test_constant_never_moves():
    exo = constant(1.0, 2.0)
    z = exo.shocks(exo.next(exo.initial(np.full(1, 0.3)), np.full(1, 0.9)))
    assert np.array_equal(z.aggregate, [1, 2]) and z.own.shape == (0, 1)
    assert namespace(np.zeros(1)) is np
