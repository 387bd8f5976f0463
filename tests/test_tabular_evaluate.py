import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from marketsai_lite.tabular.bellman import policy_bellman
from marketsai_lite.tabular.evaluate import (
    earns_nothing,
    policy_value,
    relative_value,
    transition,
    value_loss,
)
from marketsai_lite.tabular.mdp import MDP, from_dense
from marketsai_lite.tabular.solve import policy_iteration
from tests.tabular_problems import dense, mdps, random_mdp


def policies(mdp, rng):
    """A random pure and a random mixed policy."""
    weights = rng.random(mdp.r.shape) * np.isfinite(mdp.r)
    return weights.argmax(axis=1), weights / weights.sum(axis=1, keepdims=True)


@given(mdps(), st.integers(0, 2**32))
def test_the_value_solves_its_equation(mdp, seed):
    for σ in policies(mdp, np.random.default_rng(seed)):
        v = policy_value(σ, mdp)
        np.testing.assert_allclose(policy_bellman(v, σ, mdp), v, rtol=0, atol=1e-10)


@given(mdps(), st.integers(0, 2**32))
def test_transitions_by_their_definition(mdp, seed):
    pure, mixed = policies(mdp, np.random.default_rng(seed))
    p = dense(mdp)
    states = np.arange(mdp.n_states)
    np.testing.assert_allclose(transition(pure, mdp).toarray(), p[states, pure], atol=1e-12)
    expected = (mixed[:, :, None] * p).sum(axis=1)
    np.testing.assert_allclose(transition(mixed, mdp).toarray(), expected, atol=1e-12)


def test_the_value_is_that_of_simulated_sums():
    """Two states: stay with probability 0.7 and earn 1 in the first one only."""
    p = np.array([[[0.7, 0.3]], [[0.3, 0.7]]])
    mdp = from_dense([[1.0], [0.0]], p, β=0.5)
    sums, distribution = np.zeros(2), np.eye(2)
    for t in range(60):
        sums += 0.5**t * distribution @ [1, 0]
        distribution = distribution @ p[:, 0]
    np.testing.assert_allclose(policy_value([0, 0], mdp), sums, rtol=0, atol=1e-14)


def test_value_loss():
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 3, 2)
    best = policy_iteration(mdp)
    assert value_loss(best.σ, mdp, best.v) == pytest.approx(0, abs=1e-14)
    worst = mdp.r.argmin(axis=1)
    shortfall = best.v - policy_value(worst, mdp)
    assert value_loss(worst, mdp, best.v) == pytest.approx(shortfall.sum() / abs(best.v.sum()))
    weights = np.eye(8)[3]
    assert value_loss(worst, mdp, best.v, weights) == pytest.approx(shortfall[3] / abs(best.v[3]))


def test_the_loss_of_a_negative_value_is_positive():
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 3, 2)
    poor = type(mdp)(mdp.r - 10, mdp.index, mdp.weight, mdp.P, mdp.β)
    best = policy_iteration(poor)
    assert best.v.max() < 0 < value_loss(poor.r.argmin(axis=1), poor, best.v)


@pytest.mark.parametrize(
    ("v_star", "weights", "message"),
    [
        (np.ones(3), None, r"v_star.shape=\(3,\): must be \(8,\)"),
        (np.zeros(8), None, "other than 0 on average"),
        (np.full(8, np.nan), None, "v_star=.*: must be finite"),
        (np.ones(8), np.ones(7), r"weights.shape=\(7,\)"),
        (np.ones(8), -np.ones(8), "must be non-negative, with a positive, finite sum"),
        (np.ones(8), np.zeros(8), "must be non-negative, with a positive, finite sum"),
    ],
)
def test_a_wrong_argument_is_named(v_star, weights, message):
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 3, 2)
    with pytest.raises(ValueError, match=message):
        value_loss(mdp.r.argmin(axis=1), mdp, v_star, weights)


def test_a_discount_factor_that_is_1_to_rounding_is_named():
    """Two states that are never left; the second's row sums to one to rounding only."""
    β = float(np.nextafter(1, 0))
    P = np.diag([1.0, np.nextafter(1, 2)])[:, None]
    mdp = from_dense(np.ones((2, 1)), P, β)
    with pytest.raises(ValueError, match=r"^β=0\.9999999999999999: must be so far below 1"):
        policy_value(np.zeros(2, int), mdp)


@pytest.mark.parametrize("β", [0.5, 0.999, 1 - 1e-9, 1 - 1e-12])
def test_differences_of_values_keep_their_digits(β):
    """Two states that take turns: v(0) - v(1) = (r(0) - r(1)) / (1 + β), whatever the level."""
    index = np.array([1, 0])[:, None, None]
    mdp = MDP([[1e6 + 0.25], [1e6]], index, None, np.ones((1, 1)), β)
    level, h = relative_value(np.zeros(2, int), mdp)
    assert h[0] == 0
    np.testing.assert_allclose(-h[1], 0.25 / (1 + β), rtol=1e-9)
    assert level == pytest.approx(1e6 + 0.25 + β * h[1], rel=1e-14)


@given(mdps(), st.integers(0, 2**32))
def test_what_never_earns_is_worth_exactly_nothing(mdp, seed):
    """Each state once more, in a part that is never left again and earns nothing."""
    rng = np.random.default_rng(seed)
    nx, nz = mdp.n_states // mdp.nz, mdp.nz
    there = rng.random(mdp.index.shape) < 0.2
    feasible = None if mdp.feasible is None else np.tile(mdp.feasible, (2, 1))
    both = MDP(
        np.concatenate([mdp.r, 0 * np.where(np.isfinite(mdp.r), mdp.r, 0)]),
        np.concatenate([mdp.index + nx * there, mdp.index + nx]),
        None if mdp.weight is None else np.tile(mdp.weight, (2, 1, 1)),
        mdp.P,
        mdp.β,
        feasible,
    )
    for σ in policies(both, rng):
        v, p = policy_value(σ, both), transition(σ, both).toarray()
        assert (v[nx * nz :] == 0).all()
        r = (σ * np.where(σ > 0, both.r, 0)).sum(1) if σ.ndim == 2 else both.r[range(len(v)), σ]
        expected = np.linalg.solve(np.eye(len(v)) - both.β * p, r)
        np.testing.assert_allclose(v, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("β", [0.5, 0.9, 0.99, 1 - 1e-9, 1 - 1e-12])
def test_the_value_of_a_game_that_ends_keeps_its_digits(β):
    """Two periods that earn 1 each, then nothing for ever."""
    index = np.array([1, 2, 2])[:, None, None]
    mdp = MDP([[1.0], [1.0], [0.0]], index, None, np.ones((1, 1)), β)
    for v in (policy_value(np.zeros(3, int), mdp), policy_iteration(mdp).v):
        np.testing.assert_allclose(v, [1 + β, 1, 0], rtol=1e-15)


def test_who_earns_nothing():
    """States 0 -> 1 -> 0, 2 -> 3 -> 3, 4 -> 4, where only 3 earns; an impossible way to it."""
    p = np.zeros((5, 5))
    p[[0, 1, 2, 3, 4], [1, 0, 3, 3, 4]] = 1
    P = sparse.coo_array((np.append(np.ones(5), 0.0), ([*range(5), 4], [1, 0, 3, 3, 4, 3])))
    assert np.array_equal(P.toarray(), p)
    r = np.array([0.0, 0, 0, -1, 0])
    assert earns_nothing(r, P.tocsr()).tolist() == [True, True, False, False, True]
    assert not earns_nothing(np.ones(5), P.tocsr()).any()
    assert earns_nothing(np.zeros(5), P.tocsr()).all()
