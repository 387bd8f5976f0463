"""Leagues of stored players, and the equilibria of zero-sum games that they are held against."""

import numpy as np
import pytest
from quantecon.game_theory import NormalFormGame, Player, support_enumeration

from marketsai_lite.economies import small_games
from marketsai_lite.solutions.zero_sum import nash
from marketsai_lite.tabular import league as lg
from marketsai_lite.tabular.matrix_games import nash_gap

RPS = small_games.rock_paper_scissors()[0]
BIASED = np.array([[0, -1, 2], [1, 0, -1], [-2, 1, 0]], float)


@pytest.mark.parametrize(
    ("A", "x", "value"),
    [
        (RPS, [1 / 3] * 3, 0),
        (BIASED, [1 / 4, 1 / 2, 1 / 4], 0),
        ([[1, -1], [-1, 1]], [1 / 2] * 2, 0),
        ([[3, 5], [4, 1]], [3 / 5, 2 / 5], 17 / 5),
        ([[2.0, 1.0], [3.0, 2.5]], [0, 1], 2.5),  # a saddle
        ([[7.0]], [1], 7),
        ([[0.0, 0.0]], [1], 0),
    ],
)
def test_the_equilibrium_of_a_game_with_a_known_answer(A, x, value):
    found = nash(A)
    np.testing.assert_allclose(found.x, x, atol=1e-9)
    assert found.value == pytest.approx(value, abs=1e-9)
    assert nash_gap(small_games.zero_sum(A), found.x, found.y) < 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_the_equilibrium_is_that_of_support_enumeration(seed):
    A = np.random.default_rng(seed).normal(size=(3, 3)) * 10.0 ** (3 * seed - 6)
    x, y = support_enumeration(NormalFormGame([Player(A), Player(-A.T)]))[0]
    found = nash(A)
    np.testing.assert_allclose(found.x, x, atol=1e-7)
    np.testing.assert_allclose(found.y, y, atol=1e-7)


def test_a_large_game_is_solved_and_a_shift_of_payoffs_shifts_the_value():
    A = np.random.default_rng(0).normal(size=(60, 80))
    found, higher = nash(A), nash(1e4 + A)
    assert nash_gap(small_games.zero_sum(A), found.x, found.y) < 1e-8
    assert higher.value == pytest.approx(1e4 + found.value, abs=1e-6)


@pytest.mark.parametrize(
    ("A", "named"),
    [([1.0, 2.0], "A.shape"), (np.zeros((0, 2)), "A.shape"), ([[np.nan]], "A="), ("no", "A=")],
)
def test_what_is_no_game_is_refused(A, named):
    with pytest.raises(ValueError, match=named):
        nash(A)


def test_the_weights_of_prioritized_fictitious_self_play():
    wins = [0.9, 0.5, 0.1]
    np.testing.assert_allclose(lg.hard(wins), [0.00934579, 0.23364486, 0.75700935], atol=1e-8)
    np.testing.assert_allclose(lg.hard(wins, p=1), [1 / 15, 1 / 3, 3 / 5])
    np.testing.assert_allclose(lg.variance(wins), [0.20930233, 0.58139535, 0.20930233], atol=1e-8)
    np.testing.assert_allclose(lg.even(wins), [1 / 3] * 3)


def test_weights_are_even_where_nothing_is_to_be_learned():
    np.testing.assert_allclose(lg.hard([1.0, 1.0]), [1 / 2] * 2)
    np.testing.assert_allclose(lg.variance([1.0, 0.0]), [1 / 2] * 2)


@pytest.mark.parametrize("f", [lg.even, lg.hard, lg.variance])
@pytest.mark.parametrize("wins", [[1.1], [-0.1, 0.5], [np.nan], [], [[0.5]]])
def test_what_is_no_win_rate_is_refused(f, wins):
    with pytest.raises(ValueError, match="wins="):
        f(wins)


def test_a_power_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="p=0"):
        lg.hard([0.5], p=0)


def pool(me):
    """Two stored players of each of two members, then the two of today."""
    table = np.full((6, 6), 0.5)
    table[4] = [1.0, 0.5, 0.5, 0.0, 0.5, 0.5]
    table[5] = [0.2, 0.2, 0.2, 0.2, 0.2, 0.5]
    return lg.Pool(table, np.array([0, 1, 0, 1, 0, 1]), np.arange(6) >= 4, me)


@pytest.mark.parametrize(
    ("rule", "me", "shares"),
    [
        (lg.self_play, 0, [0, 0, 0, 0, 1, 0]),
        (lg.self_play, 1, [0, 0, 0, 0, 0, 1]),
        (lg.fictitious, 0, [1 / 4] * 4 + [0, 0]),
        (lg.prioritized, 0, [0, 1 / 6, 1 / 6, 2 / 3, 0, 0]),
        (lambda p: lg.prioritized(p, lg.variance), 0, [0, 1 / 2, 1 / 2, 0, 0, 0]),
        (lg.exploit, 1, [0, 0, 0, 0, 1, 0]),
        (lambda p: lg.main_agent(p, alone=0.4), 0, [0, 0.1, 0.1, 0.4, 0.4, 0]),
        (lambda p: lg.among(p, p.owner == 1), 0, [0, 1 / 3, 0, 1 / 3, 0, 1 / 3]),
    ],
)
def test_whom_a_rule_says_to_meet(rule, me, shares):
    np.testing.assert_allclose(rule(pool(me)), shares)


def test_nobody_to_meet_is_refused():
    with pytest.raises(ValueError, match="who="):
        lg.among(pool(0), np.zeros(6, bool))


def beats(A):
    """Win rates of pure actions, one-hot, where A is in [-1, 1]."""
    return lambda W, V: (1 + W @ A @ V.T) / 2


def replies(A):
    """The best pure reply."""
    return lambda w, V, shares: np.eye(len(A))[(A @ (shares @ V)).argmax()]


def action(a, m=3):
    return lambda rng: np.eye(m)[a]


def test_self_play_by_best_replies_goes_round_for_ever():
    found = lg.league(
        [lg.Member(lg.self_play, action(0))],
        replies(RPS),
        beats(RPS),
        30,
        1,
        np.random.default_rng(0),
    )
    assert found.weights.argmax(1).tolist() == ([0, 1, 2] * 11)[:31]
    assert found.born.tolist() == list(range(31))
    assert all((RPS @ w).max() == 1 for w in found.weights)


def test_the_average_of_fictitious_self_play_nears_the_equilibrium():
    found = lg.league(
        [lg.Member(lg.fictitious, action(0))],
        replies(BIASED),
        beats(BIASED / 2),
        400,
        1,
        np.random.default_rng(0),
    )
    gap = [(BIASED @ found.weights[: t + 1].mean(0)).max() for t in (0, 40, 400)]
    assert gap[0] == 1 > gap[1] > gap[2]
    assert gap[2] < 0.1
    assert all((BIASED @ w).max() >= 1 for w in found.weights)  # each alone can be beaten
    np.testing.assert_allclose(found.weights.mean(0), nash(BIASED).x, atol=0.05)


def test_replies_to_the_equilibrium_of_the_league_are_the_double_oracle():
    A = np.triu(np.random.default_rng(3).uniform(-1, 1, (12, 12)), 1)
    A -= A.T

    def equilibrium(pool):
        out = np.zeros(len(pool.now))
        past = ~pool.now
        out[past] = nash(2 * pool.table[past][:, past] - 1).y
        return out

    found = lg.league(
        [lg.Member(equilibrium, action(0, 12))],
        replies(A),
        beats(A),
        12,
        1,
        np.random.default_rng(0),
    )
    W = found.weights
    mixture = nash(W @ A @ W.T).x @ W
    assert (A @ mixture).max() < 1e-9
    assert (A @ (nash(W[:2] @ A @ W[:2].T).x @ W[:2])).max() > 0.1  # not from the start


def test_members_are_stored_together_and_exploiters_begin_again():
    members = [
        lg.Member(lg.main_agent, lambda rng: np.zeros(1)),
        lg.Member(lg.exploit, lambda rng: rng.normal(size=1), reset=1.0),
    ]
    found = lg.league(
        members,
        lambda w, V, shares: w + 1,
        lambda W, V: np.full((len(W), len(V)), 0.5),
        20,
        5,
        np.random.default_rng(7),
    )
    rng = np.random.default_rng(7)
    starts = []
    for _ in range(4):
        starts.append(rng.normal())
        if starts[1:]:
            rng.random()  # the draw of the reset comes before that of the start
    assert found.owner.tolist() == [0, 1] * 5
    assert found.born.tolist() == [0, 0, 5, 5, 10, 10, 15, 15, 20, 20]
    assert found.weights[found.owner == 0, 0].tolist() == [0, 5, 10, 15, 20]
    theirs = found.weights[found.owner == 1, 0]
    assert theirs[1] == theirs[0] + 5
    assert len(set(theirs.round(9))) == 5
    assert (abs(theirs[2:] - 5) < 4).all()  # five steps from a new start, not ten or more


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"members": []}, "members="),
        ({"steps": 0}, "steps=0"),
        ({"every": 0.5}, "every=0.5"),
        ({"members": [lg.Member(lg.self_play, action(0), reset=2.0)]}, r"members\[0\].reset=2"),
        ({"members": [lg.Member(lambda p: [1.0], action(0))]}, r"members\[0\].rule.shape"),
        ({"members": [lg.Member(lambda p: [0.3, 0.3], action(0))]}, r"members\[0\].rule"),
    ],
)
def test_what_is_no_league_is_refused(change, named):
    right = {
        "members": [lg.Member(lg.self_play, action(0))],
        "improve": replies(RPS),
        "beats": beats(RPS),
        "steps": 1,
        "every": 1,
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(ValueError, match=named):
        lg.league(**{**right, **change})
