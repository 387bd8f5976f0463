import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketsai_lite.tabular import schedules
from marketsai_lite.tabular.bellman import action_values, expected, greedy, maximum
from marketsai_lite.tabular.enhanced_policy_iteration import (
    enhanced_policy_iteration,
    enhanced_q_learning,
    stop_or_follow,
)
from marketsai_lite.tabular.solve import policy_iteration
from tests.tabular_problems import literal_q, mdps, random_mdp
from tests.test_tabular_q_learning import stream

seeds = st.integers(0, 2**32)


def q_star(mdp):
    return action_values(expected(policy_iteration(mdp).v, mdp), mdp)


def any_state(mdp, rng, size=5.0):
    """A random table, values of stopping, and a feasible action of each state."""
    q = np.where(np.isfinite(mdp.r), rng.normal(scale=size, size=mdp.r.shape), -np.inf)
    ν = np.where(np.isfinite(mdp.r), rng.random(mdp.r.shape), -1).argmax(axis=1)
    return q, rng.normal(scale=size, size=mdp.n_states), ν


def gap(q, p):
    finite = np.isfinite(p)
    assert (np.isfinite(q) == finite).all()
    return np.abs(q[finite] - p[finite]).max()


@given(mdps(), seeds)
def test_evaluation_by_its_definition(mdp, seed):
    q, J, ν = any_state(mdp, np.random.default_rng(seed))
    v = np.array([max(J[s], q[s, ν[s]]) for s in range(mdp.n_states)])
    np.testing.assert_allclose(stop_or_follow(q, J, ν, mdp), literal_q(v, mdp), atol=1e-10)


@given(mdps(), seeds)
def test_evaluation_contracts_whatever_the_policy(mdp, seed):
    best = q_star(mdp)
    q, J, ν = any_state(mdp, np.random.default_rng(seed))
    q, J = np.where(np.isfinite(best), best + q, -np.inf), best.max(axis=1) + J
    before = max(gap(q, best), np.abs(J - best.max(axis=1)).max())
    assert gap(stop_or_follow(q, J, ν, mdp), best) <= mdp.β * before + 1e-10


@given(mdps(), st.sampled_from([1, 3, 10]))
def test_the_answer_is_within_the_tolerance(mdp, m):
    found = enhanced_policy_iteration(mdp, m=m, tol=1e-7)
    assert found.converged
    assert gap(found.q, q_star(mdp)) <= 1e-7
    np.testing.assert_array_equal(found.σ, greedy(found.q, mdp))
    assert m * (found.iterations - 1) < found.sweeps <= m * found.iterations


def test_one_evaluation_is_the_iteration_of_q_factors():
    mdp = random_mdp(np.random.default_rng(1), 4, 2, 5, 2)
    found = enhanced_policy_iteration(mdp, m=1, tol=1e-3)
    q = np.zeros(mdp.r.shape)
    for _ in range(found.sweeps):
        q = literal_q(maximum(q, mdp), mdp)
    np.testing.assert_allclose(found.q, q, rtol=0, atol=1e-12)


def test_from_below_more_evaluations_save_improvements():
    mdp = random_mdp(np.random.default_rng(2), 20, 2, 10, 2, β=0.95)
    low = mdp.r.min() / (1 - mdp.β)
    one, many = (enhanced_policy_iteration(mdp, m=m, q0=low) for m in (1, 20))
    assert many.iterations * 5 < one.iterations


def test_stopping_short_warns():
    mdp = random_mdp(np.random.default_rng(3), 4, 1, 3, 1)
    with pytest.warns(RuntimeWarning, match="stopped short after 2 iterations"):
        found = enhanced_policy_iteration(mdp, max_iter=2)
    assert not found.converged


@pytest.mark.parametrize("every", [1, 4, None])
@pytest.mark.parametrize("masked", [False, True])
def test_the_kernel_is_the_literal_loop(every, masked):
    mdp = random_mdp(np.random.default_rng(4), 3, 2, 4, 3, masked=masked)
    ours = enhanced_q_learning(
        mdp, 3_000, step=schedules.power(0.7), every=every, seeds=[5], q0=-2.0
    )[0]
    pairs = np.argwhere(np.isfinite(mdp.r))
    q = np.where(np.isfinite(mdp.r), -2.0, -np.inf)
    visits = np.zeros(q.shape)
    J, ν, draw = q.max(axis=1), q.argmax(axis=1), stream(5)
    every = every or 4
    for t in range(1, 3_001):
        s, a = pairs[int(draw() * len(pairs))]
        k = (draw() >= mdp.weight[s, a].cumsum()[:-1]).sum()
        z = (draw() >= mdp.P[s % 2].cumsum()[:-1]).sum()
        following = mdp.index[s, a, k] * 2 + z
        visits[s, a] += 1
        target = mdp.r[s, a] + mdp.β * max(J[following], q[following, ν[following]])
        q[s, a] += visits[s, a] ** -0.7 * (target - q[s, a])
        if t % every == 0:
            turn = (t // every - 1) % len(q)
            J[turn], ν[turn] = q[turn].max(), q[turn].argmax()
    np.testing.assert_allclose(ours, q, rtol=0, atol=1e-10)


def test_learning_converges():
    mdp = random_mdp(np.random.default_rng(6), 5, 2, 4, 2)
    options = {"step": schedules.rescaled(mdp.β), "seeds": range(3)}
    learned = enhanced_q_learning(mdp, 400_000, **options)
    assert np.abs(learned - q_star(mdp)).max() < 0.15
    np.testing.assert_array_equal(learned, enhanced_q_learning(mdp, 400_000, **options))


MDP = random_mdp(np.random.default_rng(7), 2, 1, 3, 1)
STEP = schedules.constant(0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: enhanced_policy_iteration(MDP, m=0), "m=0: must be"),
        (lambda: enhanced_policy_iteration(MDP, m=1.5), "m=1.5: must be"),
        (lambda: enhanced_policy_iteration(MDP, tol=0.0), "tol=0.0: must be"),
        (lambda: enhanced_policy_iteration(MDP, max_iter=0), "max_iter=0: must be"),
        (lambda: enhanced_policy_iteration(MDP, q0=np.nan), "q0="),
        (lambda: enhanced_policy_iteration(MDP, q0=[1.0, 2.0]), "q0.shape="),
        (lambda: stop_or_follow(np.zeros((2, 3)), [0, 0], [0, 3], MDP), r"σ\[1\]=3"),
        (lambda: stop_or_follow(np.zeros((2, 3)), [0], [0, 1], MDP), "J.shape="),
        (lambda: stop_or_follow(np.zeros((2, 2)), [0, 0], [0, 1], MDP), "q.shape="),
        (
            lambda: stop_or_follow(np.zeros((2, 3)), [0, 0], np.full((2, 3), 1 / 3), MDP),
            "ν.shape=",
        ),
        (lambda: enhanced_q_learning(MDP, 0, step=STEP), "n_updates=0: must be"),
        (lambda: enhanced_q_learning(MDP, 9, step=0.1), "step=0.1: must be"),
        (lambda: enhanced_q_learning(MDP, 9, step=STEP, every=0), "every=0: must be"),
        (lambda: enhanced_q_learning(MDP, 9, step=STEP, seeds=[-1]), "seeds"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
