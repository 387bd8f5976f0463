"""Q-learning in turns: a plain-Python oracle and what the literature finds."""

import math

import numpy as np
import pytest

from marketsai_lite.tabular.sequential_games import learn_sequential, sequential_cycle
from tests.test_repeated_games import ZERO, words


def klein(k):
    """Homogeneous goods, demand 1 - p, k + 1 prices from 0 to 1; a tie shares the market."""
    p = np.arange(k + 1) / k
    own, other = p[:, None], p[None, :]
    π = own * (1 - own) * ((own < other) + 0.5 * (own == other))
    return np.stack([π, π.T])


def python_session(payoffs, α, β, decay, window, word, max_periods=10**9):
    """One session in plain Python, from Klein's timing: a record of each agent's last move."""
    m = payoffs.shape[1]
    Q = np.zeros((2, m, m))
    a = [int((word() >> 32) / 2**32 * m) for _ in range(2)]
    past = []  # standing actions of every period
    ε, unchanged, t = 1.0, 0, 0
    while unchanged < window and t < max_periods:
        t += 1
        i, j = (t - 1) % 2, t % 2
        unchanged += 1
        if t > 2:
            then, now = past[t - 3], past[t - 2]  # i's last move, and the rival's reply to it
            state, b = then[j], then[i]
            before = Q[i, state].argmax()
            target = payoffs[(i, *then)] + β * payoffs[(i, *now)] + β**2 * Q[i, now[j]].max()
            Q[i, state, b] = (1 - α) * Q[i, state, b] + α * target
            if Q[i, state].argmax() != before:
                unchanged = 1
        u = (word() >> 32) / 2**32
        a[i] = int(Q[i, a[j]].argmax())
        if u < ε and m / ε < math.inf:
            a[i] = min(int(u * (m / ε)), m - 1)
        past.append(tuple(a))
        ε *= math.exp(-decay)
    return Q.argmax(axis=2), a, t


@pytest.mark.parametrize("seed", [0, 1])
def test_a_session_equals_plain_python(seed):
    payoffs = np.random.default_rng(seed).uniform(size=(2, 4, 4))
    found = learn_sequential(payoffs, [seed], α=0.3, decay=1e-3, β=0.9, window=1_000)
    policy, actions, periods = python_session(payoffs, 0.3, 0.9, 1e-3, 1_000, words(seed))
    assert np.array_equal(found.policy[0], policy)
    assert found.actions[0].tolist() == actions
    assert (found.periods[0], found.mover[0]) == (periods, periods % 2)


def test_a_draw_of_zero_when_exploration_is_over_does_not_explore():
    payoffs = np.random.default_rng(0).uniform(size=(2, 4, 4))
    ends = dict(window=10_000, max_periods=4_100)
    with pytest.warns(RuntimeWarning, match="1 of 1 sessions"):
        found = learn_sequential(payoffs, [ZERO], α=0.3, β=0.9, decay=0.5, **ends)
    policy, actions, _ = python_session(payoffs, 0.3, 0.9, 0.5, 10_000, words(ZERO), 4_100)
    assert np.array_equal(found.policy[0], policy)
    assert found.actions[0].tolist() == actions


def test_threads_do_not_matter():
    one, four = (
        learn_sequential(klein(6), range(6), α=0.3, decay=1e-4, β=0.95, threads=k) for k in (1, 4)
    )
    assert all(np.array_equal(x, y) for x, y in zip(one, four, strict=True))


def test_cycles_of_hand_made_strategies():
    undercut = np.array([[0, 0, 1, 2]] * 2)  # one step below the rival, down to 0
    assert sequential_cycle(undercut, np.array([3, 3]), 0).tolist() == [[0, 0], [0, 0]]
    edgeworth = np.array([[2, 0, 1]] * 2)  # at 0 it goes back to the top
    path = sequential_cycle(edgeworth, np.array([2, 2]), 0)
    assert path.tolist() == [[1, 2], [1, 0], [2, 0], [2, 1], [0, 1], [0, 2]]


def test_sellers_in_turns_earn_more_than_competitors_do():
    """Klein (2021): profits lie between the competitive and the joint-monopoly benchmark, 1/8."""
    payoffs = klein(6)
    sessions = learn_sequential(payoffs, range(50), α=0.3, decay=math.log(1e6) / 500_000, β=0.95)
    assert sessions.converged.all()
    earned = []
    for j in range(50):
        path = sequential_cycle(sessions.policy[j], sessions.actions[j], int(sessions.mover[j]))
        earned.append(payoffs[:, path[:, 0], path[:, 1]].mean())
    assert 0.1 < np.mean(earned) < 0.125


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(payoffs=np.zeros((2, 3, 4))), r"payoffs\.shape="),
        (dict(payoffs=np.full((2, 3, 3), np.inf)), "payoffs="),
        (dict(seeds=[]), "seeds"),
        (dict(α=0), "α=0"),
        (dict(decay=-1), "decay=-1"),
        (dict(β=1), "β=1"),
        (dict(q0=math.nan), "q0=nan"),
        (dict(window=0), "window=0"),
        (dict(max_periods=0), "max_periods=0"),
        (dict(threads=0), "threads=0"),
        (dict(threads=1.5), "threads=1.5"),
        (dict(window=1.5), "window=1.5"),
        (dict(seeds=[1.2]), "seeds="),
        (dict(seeds=[1, 1]), "seeds="),
        (dict(payoffs=np.full((2, 3, 3), 1e308)), "payoffs="),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = dict(payoffs=klein(3), seeds=[0], α=0.3, decay=1e-3, β=0.9) | change
    with pytest.raises(ValueError, match=message):
        learn_sequential(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0, 1]], [0, 0], 0), "policy="),
        (([[0, 1], [0, 2]], [0, 0], 0), "policy="),
        (([[0, 1], [0, -1]], [0, 0], 0), "policy="),
        (([[0, 1], [0, 1]], [0, 2], 0), "actions="),
        (([[0, 1], [0, 1]], [0], 0), "actions="),
        (([[0, 1], [0, 1]], [0, 0], 2), "mover=2: must be 0 or 1"),
    ],
)
def test_a_cycle_of_what_is_no_strategy_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sequential_cycle(*arguments)


def test_a_session_cut_short_warns():
    with pytest.warns(RuntimeWarning, match="2 of 2 sessions"):
        sessions = learn_sequential(klein(3), [0, 1], α=0.3, decay=1e-3, β=0.9, max_periods=9)
    assert (sessions.periods == 9).all() and (sessions.mover == 1).all()
