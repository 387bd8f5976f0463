import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketsai_lite.tabular.bellman import (
    action_values,
    bellman,
    expected,
    greedy,
    maximum,
    policy_bellman,
)
from tests.tabular_problems import literal_q, mdps, random_mdp

seeds = st.integers(0, 2**32)


def T(v, mdp):
    return bellman(v, mdp)


def R(g, mdp):
    return expected(maximum(action_values(g, mdp), mdp), mdp)


def S(q, mdp):
    return action_values(expected(maximum(q, mdp), mdp), mdp)


def follow(v, mdp, rng):
    return policy_bellman(v, policy(mdp, rng), mdp)


def policy(mdp, rng):
    """A random stochastic policy."""
    σ = rng.random(mdp.r.shape) * np.isfinite(mdp.r)
    return σ / σ.sum(axis=1, keepdims=True)


def operators(mdp, seed):
    """Each operator with the shape of what it acts on."""
    states, pairs = (mdp.n_states,), mdp.r.shape
    return [
        (lambda v: T(v, mdp), states),
        (lambda g: R(g, mdp), states),
        (lambda q: S(q, mdp), pairs),
        (lambda v: follow(v, mdp, np.random.default_rng(seed)), states),
    ]


def distance(x, y):
    finite = np.isfinite(x)
    assert (finite == np.isfinite(y)).all()
    return np.abs(x[finite] - y[finite]).max()


@given(mdps(), seeds)
def test_the_maps_by_their_definitions(mdp, seed):
    v = np.random.default_rng(seed).normal(size=mdp.n_states)
    q = literal_q(v, mdp)
    ours = action_values(expected(v, mdp), mdp)
    np.testing.assert_allclose(ours, q, rtol=0, atol=1e-12)
    np.testing.assert_allclose(bellman(v, mdp), q.max(axis=1), rtol=0, atol=1e-12)
    for s, a in enumerate(greedy(ours, mdp)):
        assert ours[s, a] == ours[s].max() and (ours[s, :a] < ours[s, a]).all()


@given(mdps(), seeds)
def test_a_policy_is_followed(mdp, seed):
    rng = np.random.default_rng(seed)
    v, σ = rng.normal(size=mdp.n_states), policy(mdp, rng)
    q = np.where(np.isfinite(mdp.r), literal_q(v, mdp), 0)
    np.testing.assert_allclose(policy_bellman(v, σ, mdp), (σ * q).sum(axis=1), atol=1e-12)
    pure = greedy(q, mdp)
    expected_value = q[np.arange(mdp.n_states), pure]
    np.testing.assert_allclose(policy_bellman(v, pure, mdp), expected_value, atol=1e-12)


@given(mdps(), seeds)
def test_every_operator_is_monotone(mdp, seed):
    rng = np.random.default_rng(seed)
    for operator, shape in operators(mdp, seed):
        low = rng.normal(size=shape)
        high = low + rng.exponential(size=shape)
        assert (operator(low) <= operator(high) + 1e-12).all()


@given(mdps(), seeds, st.floats(-10, 10))
def test_every_operator_discounts_a_constant(mdp, seed, constant):
    rng = np.random.default_rng(seed)
    for operator, shape in operators(mdp, seed):
        x = rng.normal(size=shape)
        shifted = operator(x + constant)
        assert distance(shifted, operator(x) + mdp.β * constant) < 1e-12


@given(mdps(), seeds)
def test_every_operator_contracts_at_the_rate_of_discounting(mdp, seed):
    rng = np.random.default_rng(seed)
    for operator, shape in operators(mdp, seed):
        x, y = rng.normal(size=shape), rng.normal(size=shape)
        assert distance(operator(x), operator(y)) <= mdp.β * np.abs(x - y).max() + 1e-12


@settings(max_examples=50)
@given(mdps(), seeds)
def test_the_three_operators_are_one_cycle_cut_at_different_places(mdp, seed):
    rng = np.random.default_rng(seed)
    v, g = rng.normal(size=mdp.n_states), rng.normal(size=mdp.n_states)
    q = np.where(np.isfinite(mdp.r), rng.normal(size=mdp.r.shape), -np.inf)
    np.testing.assert_array_equal(expected(T(v, mdp), mdp), R(expected(v, mdp), mdp))
    np.testing.assert_array_equal(action_values(R(g, mdp), mdp), S(action_values(g, mdp), mdp))
    np.testing.assert_array_equal(maximum(S(q, mdp), mdp), T(maximum(q, mdp), mdp))


def test_leading_dimensions_are_kept_and_infeasible_actions_never_chosen():
    mdp = random_mdp(np.random.default_rng(0), 3, 2, 4, 1, masked=True)
    q = np.random.default_rng(1).normal(size=(5, 6, 4)) + 100.0 * ~mdp.feasible
    best = greedy(q, mdp)
    assert best.shape == maximum(q, mdp).shape == (5, 6)
    assert mdp.feasible[np.arange(6), best].all()
    np.testing.assert_array_equal(
        maximum(q, mdp), np.take_along_axis(q, best[..., None], axis=-1)[..., 0]
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: expected(np.zeros(5), m), r"v.shape=\(5,\): must be \(6,\)"),
        (lambda m: action_values(np.zeros((6, 1)), m), r"g.shape=\(6, 1\): must be"),
        (lambda m: maximum(np.zeros((6, 3)), m), r"q.shape=\(6, 3\): must be \(\.\.\., 6"),
        (lambda m: policy_bellman(np.zeros(6), np.full(6, 4), m), r"σ\[0\]=4: must be"),
        (lambda m: policy_bellman(np.zeros(6), np.full(6, -1), m), r"σ\[0\]=-1: must be"),
        (lambda m: policy_bellman(np.zeros(6), np.zeros(6), m), r"σ: shape \(6,\), dtype fl"),
        (lambda m: policy_bellman(np.zeros(6), np.ones((6, 4)), m), r"sum of row \[0\] of σ=4"),
        (lambda m: policy_bellman(np.zeros(6), ~m.feasible.argmin(axis=1), m), "σ"),
        (
            lambda m: policy_bellman(np.zeros(6), (~m.feasible).argmax(axis=1), m),
            "must be a feasible action of state",
        ),
        (
            lambda m: policy_bellman(np.zeros(6), np.full((6, 4), 0.25), m),
            "=0.25: must be 0 where infeasible",
        ),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    mdp = random_mdp(np.random.default_rng(0), 3, 2, 4, 1, masked=True)
    with pytest.raises(ValueError, match=message):
        call(mdp)
