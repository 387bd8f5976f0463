import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.q_learning import brock_mirman, list_session, python_session
from marketsai_lite.tabular import schedules
from marketsai_lite.tabular.bellman import action_values, expected, greedy
from marketsai_lite.tabular.evaluate import value_loss
from marketsai_lite.tabular.mdp import from_dense
from marketsai_lite.tabular.q_learning import _cumulative, drawn, q_learning, uniform
from marketsai_lite.tabular.rng import states
from marketsai_lite.tabular.solve import policy_iteration
from tests.tabular_problems import mdps, random_mdp

STEPS = [
    (schedules.constant(1), lambda n: 1),
    (schedules.constant(0.1), lambda n: 0.1),
    (schedules.harmonic(), lambda n: 1 / (1 + 1.0 * (n - 1))),
    (schedules.power(0.6), lambda n: math.pow(n, -0.6)),
    (schedules.rescaled(0.9), lambda n: 1 / (1 + (1 - 0.9) * (n - 1))),
]
EXPLORATIONS = [
    (None, None),
    (schedules.constant(0.3), lambda t: 0.3),
    (schedules.harmonic(0.01), lambda t: 1 / (1 + 0.01 * (t - 1))),
    (schedules.exponential(0.002), lambda t: math.exp(-0.002 * (t - 1))),
]


def stream(seed):
    """Numbers in [0, 1) from xoshiro256++ in Python's integers."""
    s = [int(word) for word in np.random.SeedSequence(seed).generate_state(4, np.uint64)]
    mask = 2**64 - 1

    def rotate(x, k):
        return ((x << k) | (x >> (64 - k))) & mask

    def draw():
        result = (rotate((s[0] + s[3]) & mask, 23) + s[0]) & mask
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return (result >> 11) / 2**53

    return draw


def q_star(mdp):
    return action_values(expected(policy_iteration(mdp).v, mdp), mdp)


def test_uniform_numbers_are_those_of_the_generator():
    state, literal = states([7])[0], stream(7)
    assert [uniform(state) for _ in range(1000)] == [literal() for _ in range(1000)]


@settings(max_examples=100)
@given(mdps(), st.integers(0, 2**32), st.sampled_from(STEPS), st.sampled_from(EXPLORATIONS))
def test_the_kernel_does_what_plain_python_does(mdp, seed, step, exploration):
    learned = q_learning(mdp, 500, step=step[0], exploration=exploration[0], seeds=[seed])
    Q, visits = python_session(mdp, 500, step[1], exploration[1], stream(seed))
    np.testing.assert_array_equal(learned.visits[0], visits)
    np.testing.assert_array_equal(learned.Q[0], Q)


@pytest.mark.parametrize("exploration", EXPLORATIONS)
def test_the_kernel_does_what_plain_python_does_for_long(exploration):
    mdp = brock_mirman()
    learned = q_learning(mdp, 40_000, step=STEPS[4][0], exploration=exploration[0], seeds=[3])
    Q, visits = list_session(mdp, 40_000, STEPS[4][1], exploration[1], stream(3))
    np.testing.assert_array_equal(learned.visits[0], visits)
    np.testing.assert_array_equal(learned.Q[0], Q)


def test_the_greedy_action_is_the_first_maximizer():
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 6, 1, β=0, coarse=True)  # many ties
    step, exploration = STEPS[0], EXPLORATIONS[1]
    learned = q_learning(mdp, 3000, step=step[0], exploration=exploration[0], seeds=[1])
    _, visits = python_session(mdp, 3000, step[1], exploration[1], stream(1))
    np.testing.assert_array_equal(learned.visits[0], visits)


@pytest.mark.parametrize("exploration", [None, schedules.constant(0.2)])
def test_results_depend_on_seeds_alone(exploration):
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 5, 2)
    options = dict(step=schedules.power(0.7), exploration=exploration)
    one = q_learning(mdp, 20_000, seeds=range(6), threads=1, **options)
    for other in (
        q_learning(mdp, 20_000, seeds=range(6), threads=4, **options),
        q_learning(mdp, 20_000, seeds=range(6), **options),
    ):
        for a, b in zip(one, other, strict=True):
            assert a.tobytes() == b.tobytes()
    backwards = q_learning(mdp, 20_000, seeds=range(5, -1, -1), threads=2, **options)
    assert backwards.Q[::-1].tobytes() == one.Q.tobytes()
    assert len({Q.tobytes() for Q in one.Q}) == 6


@pytest.mark.parametrize("exploration", [None, schedules.exponential(1e-3)])
def test_snapshots_are_the_ends_of_shorter_sessions(exploration):
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 5, 2)
    options = dict(step=schedules.harmonic(), exploration=exploration, seeds=[4, 9])
    learned = q_learning(mdp, 1000, record=[1, 10, 999, 1000], **options)
    assert learned.snapshots.shape == (2, 4, 8, 5)
    for j, n in enumerate([1, 10, 999, 1000]):
        shorter = q_learning(mdp, n, **options)
        np.testing.assert_array_equal(learned.snapshots[:, j], shorter.Q)
        assert (shorter.visits.sum(axis=(1, 2)) == n).all()
    np.testing.assert_array_equal(learned.snapshots[:, -1], learned.Q)


def test_it_starts_where_it_is_told_to():
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 5, 1, masked=True)
    q0 = np.arange(40.0).reshape(8, 5)
    learned = q_learning(mdp, 1, step=schedules.constant(0.5), seeds=[0], q0=q0)
    untouched = mdp.feasible & (learned.visits[0] == 0)
    np.testing.assert_array_equal(learned.Q[0][untouched], q0[untouched])
    assert untouched.sum() == mdp.feasible.sum() - 1
    assert (learned.Q[0][~mdp.feasible] == -np.inf).all()


def test_pairs_and_next_states_are_drawn_with_their_probabilities():
    """With rewards 0 and a step of 1, Q(s, a) is β times what was last drawn."""
    p = np.array([[[0.2, 0.5, 0.3]]] * 3)
    mdp = from_dense(np.zeros((3, 1)), p, β=0.5)
    n = 300_000
    visits = q_learning(
        mdp, n, step=schedules.harmonic(), exploration=schedules.constant(1), seeds=[0]
    ).visits[0, :, 0]
    np.testing.assert_allclose(visits / n, [0.2, 0.5, 0.3], atol=5 * 0.5 / np.sqrt(n))
    visits = q_learning(mdp, n, step=schedules.harmonic(), seeds=[0]).visits[0, :, 0]
    np.testing.assert_allclose(visits / n, 1 / 3, atol=5 * 0.5 / np.sqrt(n))


def test_it_converges_to_the_solution_and_its_policy_loses_nothing():
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 4, 2, β=0.8)
    optimum = q_star(mdp)
    learned = q_learning(mdp, 2_000_000, step=schedules.rescaled(0.8), seeds=range(4))
    assert np.abs(learned.Q - optimum).max() < 0.03
    for Q in learned.Q:
        assert value_loss(greedy(Q, mdp), mdp, optimum.max(axis=1)) < 1e-3
    noisy = q_learning(mdp, 2_000_000, step=schedules.constant(0.1), seeds=range(4))
    assert np.abs(noisy.Q - optimum).max(axis=(1, 2)).min() > 0.1


def test_the_errors_on_the_growth_grid_are_the_known_ones():
    """Mean sup error over 10 seeds after 1,250 visits to each of the 800 pairs."""
    mdp = brock_mirman()
    optimum = q_star(mdp)
    assert optimum.min() == pytest.approx(-28.699449, abs=1e-6)
    assert optimum.max() == pytest.approx(-24.755097, abs=1e-6)
    for step, known in (
        (schedules.harmonic(), 20.70),
        (schedules.power(0.77), 14.50),
        (schedules.rescaled(0.96), 3.42),
        (schedules.constant(0.1), 3.22),
    ):
        Q = q_learning(mdp, 1_000_000, step=step, seeds=range(10)).Q
        error = np.abs(Q - optimum).max(axis=(1, 2)).mean()
        assert error == pytest.approx(known, rel=0.03)


def test_the_kernel_is_far_faster_than_plain_python():
    """Guards against a kernel that is no longer compiled; the benchmarks measure."""
    mdp = brock_mirman()
    options = dict(step=schedules.rescaled(0.96), exploration=schedules.constant(0.3), seeds=[0])
    q_learning(mdp, 10, **options)
    start = time.process_time()
    q_learning(mdp, 1_000_000, threads=1, **options)
    kernel = time.process_time() - start
    start = time.process_time()
    python_session(mdp, 2_000, STEPS[4][1], EXPLORATIONS[1][1], np.random.default_rng(0).random)
    assert 20 * kernel / 1_000_000 < (time.process_time() - start) / 2_000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_updates": 0}, "n_updates=0: must be an integer >= 1"),
        ({"n_updates": 1e3 + 0.5}, r"n_updates=1000\.5: must be an integer"),
        ({"step": 0.1}, "step=0.1: must be a positive Schedule"),
        ({"step": schedules.constant(0)}, "must be a positive Schedule"),
        ({"exploration": 0.1}, "exploration=0.1: must be a Schedule or None"),
        ({"seeds": 10}, "seeds=10: must be one or more distinct integers"),
        ({"seeds": [0.5]}, r"seeds=\[0.5\]: must be one or more distinct integers"),
        ({"seeds": []}, r"seeds=\[\]: must be one or more distinct integers"),
        ({"seeds": [0, -1]}, r"seeds=\[0, -1\]: must be one or more distinct integers"),
        ({"q0": np.zeros((8, 4))}, r"q0.shape=\(8, 4\): must be \(8, 5\)"),
        ({"q0": np.nan}, "q0="),
        ({"record": [0, 5]}, r"record=\[0, 5\]: must be increasing integers in 1..100"),
        ({"record": [5, 7.5]}, r"record=\[5, 7.5\]: must be"),
        ({"record": [5, 5]}, r"record=\[5, 5\]: must be"),
        ({"record": [5, 101]}, r"record=\[5, 101\]: must be"),
        ({"threads": 1.5}, "threads=1.5: must be an integer >= 1"),
        ({"seeds": [3, 3]}, r"seeds=\[3, 3\]: must be one or more distinct integers"),
        ({"step": schedules.Schedule(9, 0.1)}, "step=.*: must be a positive Schedule"),
        ({"exploration": schedules.Schedule(0, np.nan)}, "exploration=.*: must be a Schedule"),
        ({"threads": 0}, "threads=0: must be an integer >= 1"),
    ],
)
def test_a_wrong_argument_is_named(wrong, message):
    mdp = random_mdp(np.random.default_rng(0), 4, 2, 5, 1)
    good = {"n_updates": 100, "step": schedules.harmonic(), "seeds": [0]}
    with pytest.raises(ValueError, match=message):
        q_learning(mdp, **(good | wrong))


def test_an_outcome_of_probability_zero_is_never_drawn():
    """Six times 1/6 adds up to less than one; the rest is the sixth outcome's."""
    row = np.append(np.full(6, 1 / 6), 0.0)
    assert row.cumsum()[-1] < 1
    largest = 1 - 2.0**-53
    assert drawn(_cumulative(row), largest) == 5
    assert drawn(_cumulative(np.array([0.0, 1.0, 0.0])), 0.0) == 1
    assert drawn(_cumulative(np.ones(1)), largest) == 0
    table = np.array([[[0.25, 0.75, 0.0], [0.5, 0.0, 0.5]]])
    np.testing.assert_array_equal(_cumulative(table), [[[0.25, 1, 1], [0.5, 0.5, 1]]])
    assert _cumulative(np.empty((4, 2, 0))).shape == (4, 2, 0)
