"""What strategies of a repeated game do: hand-made strategies, simulation, another solver."""

import numpy as np
import pytest

from benchmarks.repeated_games import game
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.solutions.logit_pricing import monopoly_prices, nash_prices, profits
from marketsai_lite.tabular import games
from marketsai_lite.tabular.limit_strategies import (
    action_values,
    best_response,
    cycle_payoffs,
    deviation_gap,
    exploitability,
    impulse_response,
    joint_actions,
    limit_cycle,
    next_state,
    profit_gain,
    values,
)
from marketsai_lite.tabular.repeated_games import learn
from marketsai_lite.views.table import tabulate_game

# The prisoners' dilemma with memory 1: action 0 cooperates; states CC, CD, DC, DD.
PD = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])
CC, CD, DC, DD = range(4)
GRIM = np.array([[0, 1, 1, 1], [0, 1, 1, 1]])
TIT_FOR_TAT = np.array([[0, 1, 0, 1], [0, 0, 1, 1]])
COOPERATE = np.zeros((2, 4), int)
DEFECT = np.ones((2, 4), int)

SHAPES = [(1, 3, 1), (2, 4, 1), (2, 3, 2), (2, 3, 0), (3, 2, 1), (3, 2, 2), (4, 2, 1)]


def random_game(n, m, memory, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, m, (n, m ** (n * memory))), rng.normal(size=(n, *[m] * n))


def simulate(policy, payoffs, s, β, first=None, periods=400):
    """Discounted payoffs by playing; `first` replaces the joint action of the first period."""
    n, m = payoffs.shape[:2]
    S, total = policy.shape[1], np.zeros(n)
    history = list(np.unravel_index(s, (m,) * round(np.log(S) / np.log(m))))
    for t in range(periods):
        digits = int("".join(map(str, history)) or "0", m)
        a = [int(policy[i, digits]) for i in range(n)]
        if t == 0 and first is not None:
            a = first
        total += β**t * payoffs[(slice(None), *a)]
        history = (a + history)[: len(history)]
    return total


@pytest.mark.parametrize(("n", "m", "memory"), SHAPES)
def test_values_are_those_of_play(n, m, memory):
    policy, payoffs = random_game(n, m, memory)
    V, Q = values(policy, payoffs, 0.9), action_values(policy, payoffs, 0.9)
    S = policy.shape[1]
    assert V.shape == (n, S) and Q.shape == (n, S, m)
    for s in range(0, S, max(1, S // 9)):
        np.testing.assert_allclose(V[:, s], simulate(policy, payoffs, s, 0.9), atol=1e-12)
        for i in range(n):
            for b in range(m):
                first = [int(a) for a in policy[:, s]]
                first[i] = b
                played = simulate(policy, payoffs, s, 0.9, first)
                np.testing.assert_allclose(Q[i, s, b], played[i], atol=1e-12)


def test_values_without_a_future_are_payoffs():
    np.testing.assert_array_equal(values(DEFECT, PD, 0.0), 1.0)


@pytest.mark.parametrize(("n", "m", "memory"), SHAPES)
def test_best_response_is_that_of_the_markov_game(n, m, memory):
    policy, payoffs = random_game(n, m, memory, seed=1)
    S, M = policy.shape[1], m**n
    index = next_state(np.arange(S)[:, None], np.arange(M), S, M)[..., None]
    r = np.broadcast_to(payoffs.reshape(n, 1, M), (n, S, M))
    markov = games.MarkovGame(r, index, None, np.ones((1, 1)), 0.9, (m,) * n)
    gap = exploitability(policy, payoffs, 0.9)
    for i in range(n):
        expected = games.best_response(markov, list(policy), i)
        v, action = best_response(policy, payoffs, 0.9, i)
        np.testing.assert_allclose(v, expected.v, atol=1e-9)
        np.testing.assert_allclose(gap[i] * np.abs(v), expected.gap, atol=1e-9)
        deviant = policy.copy()
        deviant[i] = action
        np.testing.assert_allclose(values(deviant, payoffs, 0.9)[i], v, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_no_single_deviation_pays_anywhere_exactly_in_equilibrium(seed):
    policy, payoffs = random_game(2, 2, 1, seed)
    once, ever = deviation_gap(policy, payoffs, 0.6), exploitability(policy, payoffs, 0.6)
    assert ((once == 0).all(axis=1) == (ever == 0).all(axis=1)).all()
    best_once = action_values(policy, payoffs, 0.6).max(axis=2)
    for i in range(2):
        assert (best_once[i] <= best_response(policy, payoffs, 0.6, i)[0] + 1e-12).all()


@pytest.mark.parametrize(("β", "holds"), [(0.45, False), (0.5, True), (0.9, True)])
def test_grim_trigger_is_an_equilibrium_of_the_patient(β, holds):
    """Cooperation is worth 3/(1-β), a deviation 5 + β/(1-β)."""
    once, ever = deviation_gap(GRIM, PD, β), exploitability(GRIM, PD, β)
    assert ((once == 0).all(), (ever == 0).all()) == (holds, holds)
    if not holds:
        deviate = 5 + β / (1 - β)
        np.testing.assert_allclose(ever[:, CC], 1 - 3 / (1 - β) / deviate, rtol=1e-12)
        assert (ever[:, CD:] == 0).all()


@pytest.mark.parametrize("β", [0.0, 0.5, 0.99])
def test_static_nash_for_ever_is_an_equilibrium(β):
    assert (exploitability(DEFECT, PD, β) == 0).all()
    assert (deviation_gap(DEFECT, PD, β) == 0).all()
    assert (best_response(DEFECT, PD, β, 0)[1] == 1).all()


def test_unconditional_cooperation_loses_two_fifths():
    v, action = best_response(COOPERATE, PD, 0.9, 0)
    np.testing.assert_allclose(v, 50.0)
    assert (action == 1).all()
    np.testing.assert_allclose(exploitability(COOPERATE, PD, 0.9), 0.4)
    np.testing.assert_allclose(deviation_gap(COOPERATE, PD, 0.9), 2 / 32)


def test_the_two_tests_differ_on_the_path():
    """Who does penance for a deviation gains by deviating for ever, but not by doing so once."""
    payoffs = np.zeros((2, 3, 3))
    payoffs[0] = [[3.0], [5.0], [-10.0]]  # cooperate, defect, penance
    policy = np.zeros((2, 9), int)
    policy[0, 3] = 2  # after its own defection
    cycle = limit_cycle(policy, 0, 3)
    assert cycle.tolist() == [0]
    assert (deviation_gap(policy, payoffs, 0.9)[:, cycle] == 0).all()
    np.testing.assert_allclose(exploitability(policy, payoffs, 0.9)[:, cycle], [[0.4], [0]])


def test_limit_cycles():
    assert limit_cycle(GRIM, CC, 2).tolist() == [CC]
    assert limit_cycle(GRIM, CD, 2).tolist() == [DD]
    assert limit_cycle(TIT_FOR_TAT, CD, 2).tolist() == [CD, DC]
    assert limit_cycle(TIT_FOR_TAT, DC, 2).tolist() == [DC, CD]
    np.testing.assert_array_equal(cycle_payoffs(TIT_FOR_TAT, CD, PD), [2.5, 2.5])
    np.testing.assert_array_equal(cycle_payoffs(GRIM, DC, PD), [1, 1])


def test_a_cycle_with_memory_two():
    """The agent plays what it played two periods ago: histories 01 and 10 alternate."""
    policy = np.array([[0, 1, 0, 1]])
    assert limit_cycle(policy, 0b01, 2).tolist() == [0b01, 0b10]
    assert limit_cycle(policy, 0b11, 2).tolist() == [0b11]


def test_no_memory_has_one_state():
    policy = np.array([[1], [0]])
    assert joint_actions(policy, 2).tolist() == [DC]
    assert limit_cycle(policy, 0, 2).tolist() == [0]
    np.testing.assert_array_equal(cycle_payoffs(policy, 0, PD), [5, 0])


def test_impulse_responses():
    grim = impulse_response(GRIM, np.array([CC]), PD, 0, periods=4)
    assert grim.actions[0].tolist() == [[1, 0], [1, 1], [1, 1], [1, 1]]
    assert grim.payoffs[0].tolist() == [[5, 0], [1, 1], [1, 1], [1, 1]]
    echo = impulse_response(TIT_FOR_TAT, np.array([CC, DC]), PD, 1, periods=4)
    assert echo.actions[0].tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]
    # in DC agent 2 defects anyway: its best static reply to cooperation
    assert echo.actions[1].tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]
    forced = impulse_response(DEFECT, np.array([DD]), PD, 1, deviation=0, periods=3)
    assert forced.actions[0].tolist() == [[1, 0], [1, 1], [1, 1]]


@pytest.mark.parametrize("β", [1.0, 1.01, -0.1, np.nan, "0.9"])
@pytest.mark.parametrize("function", [values, action_values, deviation_gap, exploitability])
def test_a_discount_factor_that_is_none_is_refused(function, β):
    with pytest.raises(ValueError, match=r"^β=.*: must be in \[0, 1\)"):
        function(GRIM, PD, β)
    with pytest.raises(ValueError, match=r"^β=.*: must be in \[0, 1\)"):
        best_response(GRIM, PD, β, 0)


@pytest.mark.parametrize("β", [0.95, 0.999, 0.999999])
def test_a_discount_factor_of_single_precision_is_the_number_it_holds(β):
    policy, payoffs = random_game(2, 4, 1)
    single = np.float32(β)
    for i in range(2):
        v, action = best_response(policy, payoffs, single, i)
        w, same = best_response(policy, payoffs, float(single), i)
        assert np.array_equal(v, w) and np.array_equal(action, same)
    assert np.array_equal(values(policy, payoffs, single), values(policy, payoffs, float(single)))


@pytest.mark.parametrize("n", [2, 3])
def test_the_two_scales_of_exploitability_are_one_gain(n):
    """As a share of the best response's value here, in units of value for any Markov game."""
    policy, payoffs = random_game(n, 3, 1, seed=7)
    game = tabulate_game(RepeatedGame(payoffs, β=0.9), *[np.arange(3)] * n).game
    share = exploitability(policy, payoffs, 0.9)
    best = [games.best_response(game, list(policy), i) for i in range(n)]
    assert share.max() > 0.05
    for i in range(n):
        np.testing.assert_allclose(share[i] * abs(best[i].v), best[i].gap, atol=1e-11)
    largest = games.exploitability(game, list(policy))
    np.testing.assert_allclose(largest, [b.gap.max() for b in best])


@pytest.mark.parametrize("k", [-40, -1, 40])
@pytest.mark.parametrize("β", [0.0, 0.9, 0.999999])
def test_the_unit_of_the_payoffs_does_not_matter(k, β):
    policy, payoffs = random_game(2, 4, 1, seed=3)
    for i in range(2):
        v, action = best_response(policy, payoffs, β, i)
        scaled, same = best_response(policy, payoffs * 2.0**k, β, i)
        assert np.array_equal(action, same) and np.array_equal(v * 2.0**k, scaled)
    for gap in deviation_gap, exploitability:
        assert np.array_equal(gap(policy, payoffs, β), gap(policy, payoffs * 2.0**k, β))


@pytest.mark.parametrize("β", [0.5, 0.99, 0.999999])
def test_a_constant_payoff_changes_no_best_response(β):
    """2^20 more in every period, which these payoffs, of few digits, bear without rounding."""
    policy, payoffs = random_game(2, 4, 1, seed=5)
    payoffs = np.round(payoffs * 2**20) / 2**20
    for i in range(2):
        action, same = (best_response(policy, π, β, i)[1] for π in (payoffs, payoffs + 2**20))
        assert np.array_equal(action, same)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: limit_cycle(GRIM, 4, 2), "state=4: must be one of the states 0 to 3"),
        (lambda: limit_cycle(GRIM, -1, 2), "state=-1"),
        (
            lambda: limit_cycle(GRIM, 0, 3),
            r"\(2, 4\): must be \(n, S\), with S a power of m\^n",
        ),
        (lambda: limit_cycle(GRIM, 0, 1), "must be integers 0 to 0"),
        (lambda: limit_cycle(GRIM.astype(float), 0, 2), "policy="),
        (lambda: limit_cycle(GRIM + 1, 0, 2), "policy="),
        (lambda: limit_cycle(GRIM[0], 0, 2), "policy="),
        (lambda: values(GRIM, PD[:, :, :1], 0.5), r"payoffs\.shape="),
        (lambda: values(GRIM, np.full_like(PD, np.nan), 0.5), "payoffs="),
        (lambda: values(GRIM[:, :3], PD, 0.5), r"policy\.shape=\(2, 3\)"),
        (lambda: values(np.zeros((1, 4), int), PD, 0.5), "of 2 agents, as the payoffs"),
        (lambda: best_response(GRIM, PD, 0.5, 2), "agent=2: must be one of the agents 0 to 1"),
        (lambda: impulse_response(GRIM, np.array([4]), PD, 0), "cycle="),
        (lambda: impulse_response(GRIM, np.array([-1]), PD, 0), "cycle="),
        (lambda: impulse_response(GRIM, np.array([], int), PD, 0), "cycle="),
        (lambda: impulse_response(GRIM, np.array([0]), PD, 0, deviation=2), "deviation=2"),
        (lambda: impulse_response(GRIM, np.array([0]), PD, 0, periods=0), "periods=0"),
        (lambda: impulse_response(GRIM, np.array([0]), PD, -1), "agent=-1"),
        (lambda: cycle_payoffs(GRIM, 7, PD), "state=7"),
        (lambda: next_state(0, 0, 5, 2), "S=5: must be a power of M=2"),
        (
            lambda: profit_gain([1.0, 1.0], [1.0, 2.0], [2.0, 1.0]),
            "other on average than those of Nash",
        ),
        (lambda: profit_gain([1.0, 1.0, 1.0], [1.0, 2.0], [2.0, 3.0]), "profits="),
        (lambda: profit_gain([1.0, np.nan], [1.0, 2.0], [2.0, 3.0]), "profits="),
        (lambda: profit_gain(1.0, [1.0, 2.0], [2.0, np.inf]), "monopoly="),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_profit_gain_is_a_ratio_of_averages():
    nash, monopoly = np.array([0.12, 0.45]), np.array([0.11, 0.83])
    assert profit_gain(nash, nash, monopoly) == 0
    np.testing.assert_allclose(profit_gain(monopoly, nash, monopoly), 1)
    np.testing.assert_allclose(
        profit_gain(np.array([[0.2, 0.5], [0.1, 0.7]]), nash, monopoly),
        [(0.35 - 0.285) / (0.47 - 0.285), (0.4 - 0.285) / (0.47 - 0.285)],
    )


def test_equal_prices_of_the_representative_experiment():
    a, c, payoffs = [2.0, 2.0], [1.0, 1.0], game(2)
    nash = profits(nash_prices(a, c), a, c)
    monopoly = profits(monopoly_prices(a, c), a, c)
    diagonal = np.moveaxis(payoffs[:, range(15), range(15)], 0, -1)
    published = [
        -0.16917, -0.02377, 0.11658, 0.25096, 0.37835, 0.49763, 0.60756, 0.70681, 0.79396, 0.86759,
        0.92625, 0.96860, 0.99342, 0.99973, 0.98687,
    ]  # fmt: skip
    np.testing.assert_allclose(profit_gain(diagonal, nash, monopoly), published, atol=5e-6)
    lowest = np.zeros((2, 225), int)
    assert impulse_response(lowest, np.array([0]), payoffs, 0).actions[0, 0].tolist() == [1, 0]
    best = payoffs[0].argmax(axis=0).tolist()
    assert best == [1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6]


def test_limit_strategies_of_the_representative_experiment():
    """Bands of four standard errors around the numbers of 1,000 sessions."""
    N, β, payoffs = 60, 0.95, game(2)
    sessions = learn(payoffs, range(N), α=0.15, decay=4e-6, β=β, window=10_000)
    once, profitable, loss, prices = [], [], [], []
    for policy, state in zip(sessions.policy, sessions.state, strict=True):
        cycle = limit_cycle(policy, int(state), 15)
        once.append((deviation_gap(policy, payoffs, β)[:, cycle] == 0).all())
        loss.append(exploitability(policy, payoffs, β)[:, cycle].mean())
        V, Q = values(policy, payoffs, β), action_values(policy, payoffs, β)
        for i in range(2):
            response = impulse_response(policy, cycle, payoffs, i, periods=3)
            deviation = response.actions[:, 0, i]
            profitable.append((Q[i, cycle, deviation] > V[i, cycle]).mean())
            prices.append(response.actions[:, :, i].mean(axis=0))
    assert abs(np.mean(once) - 0.473) < 4 * 0.5 / N**0.5
    assert np.mean(profitable) < 0.15  # 5 % of the deviations pay
    assert abs(np.mean(loss) - 0.129) < 0.04
    grid_step, low = 0.0387475079, 1.4277212341
    cut = low + grid_step * np.mean(prices, axis=0)
    assert abs(cut - [1.6122, 1.5679, 1.5788]).max() < 0.04
