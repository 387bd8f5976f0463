"""Learners in matrix games against a plain loop and known equilibria, and bad arguments."""

import numpy as np
import pytest
from conftest import PRISONERS_DILEMMA
from quantecon.game_theory import NormalFormGame, Player, support_enumeration

from marketsai_lite.economies import small_games
from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.solutions import cournot
from marketsai_lite.tabular.matrix_games import (
    fictitious_play,
    independent_q,
    multiplicative_weights,
    nash_gap,
)
from marketsai_lite.tabular.rng import states, xoshiro256pp

CLIMBING, RPS = small_games.climbing(), small_games.rock_paper_scissors()
# Rock-paper-scissors with unequal stakes; its equilibrium is (1/4, 1/2, 1/4) for both.
BIASED = small_games.zero_sum([[0, -1, 2], [1, 0, -1], [-2, 1, 0]])


def uniform(state):
    word, *state = (np.uint64(w) for w in xoshiro256pp(*state))
    return int(word) >> 11, state


def slow(π, seed, plays, α, down, lenience, explore, luck, q0):
    """The session, literally."""
    n, m = π.shape[:2]
    Q, state = np.array(np.broadcast_to(q0, (n, m)), dtype=float), states([seed])[0]
    for t in range(plays):
        ε = explore[0] * (explore[1] / explore[0]) ** (t / (plays - 1))
        a = []
        for i in range(n):
            word, state = uniform(state)
            u = word / 2**53
            a.append(int(u / ε * m) if u < ε else int(np.argmax(Q[i])))
        sign = 0
        if np.any(luck):
            word, state = uniform(state)
            sign = 1 if word % 2 else -1
        for i in range(n):
            δ = π[i][tuple(a)] + sign * luck[i][tuple(a)] - Q[i, a[i]]
            step = α if δ >= 0 else down
            if δ < 0 and lenience > 0:
                word, state = uniform(state)
                step = 0 if word / 2**53 < 1 - np.exp(-lenience * ε) else step
            Q[i, a[i]] += step * δ
    return Q


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize(("down", "lenience"), [(0.2, 0.0), (0.03, 0.0), (0.0, 0.0), (0.2, 4.0)])
@pytest.mark.parametrize("lucky", [False, True])
def test_the_kernel_does_what_the_plain_loop_does(n, down, lenience, lucky):
    rng = np.random.default_rng(n)
    π = rng.normal(size=(n,) + (4,) * n)
    luck = lucky * rng.random(π.shape)
    q0, explore = rng.normal(size=(n, 1)), (0.9, 0.01)
    fast = independent_q(
        π, [3, 8], 400, α=0.2, α_down=down, lenience=lenience, explore=explore, spread=luck, q0=q0
    )
    for seed, Q, greedy in zip([3, 8], fast.Q, fast.greedy, strict=True):
        expected = slow(π, seed, 400, 0.2, down, lenience, explore, luck, q0)
        np.testing.assert_allclose(Q, expected, rtol=0, atol=1e-9)
        assert (greedy == expected.argmax(1)).all()


def test_a_session_depends_on_its_seed_alone():
    many = independent_q(CLIMBING, range(6), 500, lenience=2.0, spread=1.0)
    again = independent_q(CLIMBING, [4, 1], 500, lenience=2.0, spread=1.0)
    assert (many.Q[[4, 1]] == again.Q).all()
    assert len(np.unique(many.Q[:, 0, 0])) == 6


def test_a_learner_of_a_certain_reward_learns_it():
    """With one action in each hand, Q goes to the payoff as (1 - α)^t."""
    learned = independent_q([[[3.0]], [[-2.0]]], [0], 20, α=0.25)
    np.testing.assert_allclose(learned.Q[0, :, 0], np.array([3, -2]) * (1 - 0.75**20))


def test_independent_learners_miss_the_optimum_that_optimists_find():
    ends = {
        name: independent_q(CLIMBING, range(50), 5_000, **options).greedy
        for name, options in (("plain", {}), ("optimistic", dict(α_down=0.0)))
    }
    assert not (ends["plain"] == 0).any()
    assert (ends["optimistic"] == 0).all()


@pytest.mark.parametrize("game", [RPS, BIASED, small_games.matching_pennies(), CLIMBING])
def test_the_gap_is_zero_at_the_equilibria_that_quantecon_finds(game):
    found = support_enumeration(NormalFormGame((Player(game[0]), Player(game[1].T))))
    assert found
    for x, y in found:
        assert nash_gap(game, x, y) < 1e-12
    off = np.eye(game.shape[1])
    assert nash_gap(game, off[0], off[1]) > 0.5


def test_the_gap_by_hand():
    # Against rock a player gains 1 by paper; both play rock, so both gain it.
    rock = np.array([1.0, 0, 0])
    assert nash_gap(RPS, rock, rock) == 2
    # In the dilemma both gain 5 - 3 from cooperation and nothing from defection.
    assert nash_gap(PRISONERS_DILEMMA, [1, 0], [1, 0]) == 4
    assert nash_gap(PRISONERS_DILEMMA, [0, 1], [0, 1]) == 0


def test_multiplicative_weights_leave_the_equilibrium_and_keep_the_average():
    x, y = multiplicative_weights(BIASED, [0.3, 0.4, 0.3], [0.25, 0.5, 0.25], 0.05, 4_000)
    star = np.array([0.25, 0.5, 0.25])
    H = np.log(x) @ star + np.log(y) @ star
    assert (np.diff(H) < 1e-12).all() and H[-1] < H[0] - 0.1
    start = -np.log(x[0].min()) - np.log(y[0].min())
    bound = start / (0.05 * 4_000) + 0.05 * 4  # payoffs between -2 and 2
    assert nash_gap(BIASED, x[:-1].mean(0), y[:-1].mean(0)) < bound
    by_hand = x[0] * np.exp(0.05 * BIASED[0] @ y[0])
    np.testing.assert_allclose(x[1], by_hand / by_hand.sum(), rtol=0, atol=1e-15)


def test_fictitious_play_by_hand_and_in_the_long_run():
    x, y = fictitious_play(RPS, 4, first=(0, 0))
    # rock, rock; then paper, paper; then paper again, since rock has been played as often.
    np.testing.assert_allclose(x, [[1, 0, 0], [0.5, 0.5, 0], [1 / 3, 2 / 3, 0], [0.25, 0.75, 0]])
    np.testing.assert_allclose(x, y)
    x, y = fictitious_play(BIASED, 20_000, first=(2, 0))
    np.testing.assert_allclose(x[-1], [0.25, 0.5, 0.25], rtol=0, atol=0.03)
    assert nash_gap(BIASED, x[-1], y[-1]) < 0.05


def test_the_games():
    assert (small_games.prisoners_dilemma() == PRISONERS_DILEMMA).all()
    assert small_games.climbing()[0].max() == 11 and small_games.penalty(-7)[1, 0, 2] == -7
    for game in (RPS, BIASED, small_games.matching_pennies()):
        assert (game.sum(0) == 0).all()
    RepeatedGame(small_games.penalty(-100))  # takes the same form


@pytest.mark.parametrize("n", [2, 3])
def test_cournot_s_game_has_its_equilibrium_on_the_grid(n):
    grid = np.linspace(0, 1, 4 * (n + 1) + 1)
    game = small_games.cournot(grid, n)
    at = np.full(n, 4)
    q = cournot.nash(Cournot(costs=(0.0,) * n))
    np.testing.assert_allclose(grid[at], q)
    np.testing.assert_allclose(game[(0, *at)], q[0] ** 2)
    assert game[(0, slice(None), *at[1:])].argmax() == 4
    assert game[(1, 0, 2, *[0] * (n - 2))] == pytest.approx(grid[2] * (1 - grid[2]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("payoffs.shape", np.zeros((2, 3, 4))),
        ("payoffs", np.full((2, 3, 3), np.nan)),
        ("seeds", [1, 1]),
        ("plays", 0),
        ("α", 0.0),
        ("α_down", 1.5),
        ("lenience", -1.0),
        ("explore", (1.0, 0.0)),
        ("explore", (2.0, 0.1)),
        ("explore", 0.1),
        ("spread", np.zeros(5)),
        ("q0", np.inf),
    ],
)
def test_a_bad_argument_of_the_learners_is_named(name, value):
    arguments = dict(payoffs=CLIMBING, seeds=[0], plays=10) | {name.split(".")[0]: value}
    with pytest.raises(ValueError, match=name):
        independent_q(**arguments)


THIRD = np.full(3, 1 / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nash_gap(np.zeros((3, 2, 2)), [1, 0], [1, 0]), r"payoffs.shape=\(3, 2, 2\)"),
        (lambda: nash_gap(RPS, [1, 0], THIRD), r"x.shape=\(2,\): must be \(3,\)"),
        (lambda: nash_gap(RPS, THIRD, [1, 1, 0]), "y=2.0: must be 1"),
        (lambda: multiplicative_weights(RPS, [1, 0, 0], THIRD, 0.1, 5), "x=.*must be positive"),
        (lambda: multiplicative_weights(RPS, THIRD, THIRD, 0.0, 5), "η=0.0: must be positive"),
        (lambda: multiplicative_weights(RPS, THIRD, THIRD, 0.1, 0), "periods=0: must be an"),
        (lambda: fictitious_play(RPS, 0), "periods=0"),
        (lambda: fictitious_play(RPS, 5, (3, 0)), r"first=\(3, 0\): must be two actions"),
        (lambda: small_games.penalty(1), "k=1: must be finite and at most 0"),
        (lambda: small_games.cournot([-0.1, 0.2]), "grid=.*at least 0"),
        (lambda: small_games.cournot([0.1, 0.2], 1), "n=1: must be an integer >= 2"),
    ],
)
def test_a_bad_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_money_request_game_has_its_equilibrium_and_its_walk():
    game = small_games.money_request()
    x = np.array([0, 0, 0, 0, 5, 5, 4, 3, 2, 1]) / 20
    assert nash_gap(game, x, x) == pytest.approx(0, abs=1e-12)
    assert x @ game[0] @ x == pytest.approx(20, abs=1e-12)
    s, walk = 9, []
    for _ in range(10):
        s = game[0][:, s].argmax()
        walk.append(11 + s)
    assert walk == [19, 18, 17, 16, 15, 14, 13, 12, 11, 20]
    assert np.array_equal(game[1], game[0].T) and game[0][8, 9] == 39 and game[0][9, 8] == 20
