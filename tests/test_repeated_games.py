"""Q-learning in repeated games: plain-Python oracles, known outcomes, bands from the literature."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from benchmarks.repeated_games import game, python_session
from marketsai_lite.solutions.logit_pricing import monopoly_prices, nash_prices, profits
from marketsai_lite.tabular.limit_strategies import cycle_payoffs, limit_cycle, profit_gain
from marketsai_lite.tabular.repeated_games import initial_q, learn
from marketsai_lite.tabular.repeated_games_general import _boltzmann, session
from marketsai_lite.tabular.rng import states, xoshiro256pp
from marketsai_lite.tabular.row_scan import LANES, scan

PAPER = dict(α=0.15, decay=4e-6, β=0.95)


def words(seed):
    """The session's stream of random words, in plain Python."""
    s = [int(w) for w in states([seed])[0]]
    mask = 2**64 - 1

    def rotate(x, k):
        return ((x << k) | (x >> (64 - k))) & mask

    def word():
        draw = (rotate((s[0] + s[3]) & mask, 23) + s[0]) & mask
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return draw

    return word


def gains(sessions, payoffs, n=2):
    a, c = [2.0] * n, [1.0] * n
    nash, monopoly = nash_prices(a, c), monopoly_prices(a, c)
    earned = [
        cycle_payoffs(policy, int(state), payoffs)
        for policy, state in zip(sessions.policy, sessions.state, strict=True)
    ]
    return profit_gain(np.array(earned), profits(nash, a, c), profits(monopoly, a, c))


def test_the_generator_is_xoshiro256pp():
    @njit
    def draws(s0, s1, s2, s3, n):
        out = np.empty(n, np.uint64)
        for k in range(n):
            out[k], s0, s1, s2, s3 = xoshiro256pp(s0, s1, s2, s3)
        return out

    # the reference implementation's output from the state 1, 2, 3, 4
    reference = [
        41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205,
        9973669472204895162, 14011001112246962877, 12406186145184390807,
        15849039046786891736, 10450023813501588000,
    ]  # fmt: skip
    assert draws(*np.array([1, 2, 3, 4], np.uint64), 10).tolist() == reference
    word = words(7)
    assert draws(*states([7])[0], 50).tolist() == [word() for _ in range(50)]


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=40))
@settings(deadline=None)
def test_scan_finds_first_maximizer_and_runner_up(row):
    width = -(-len(row) // LANES) * LANES
    padded = np.full(width, -np.inf)
    padded[: len(row)] = row
    a, best, second = scan(padded, 0, width)
    assert a == np.argmax(row)
    assert [best, second] == sorted(row)[:-3:-1]


@pytest.mark.parametrize(
    ("n", "m", "memory", "decay"),
    [
        (2, 15, 1, 2e-4),
        (2, 16, 1, 1e-2),
        (2, 2, 1, 1e-3),
        (2, 17, 1, 1e-3),
        (1, 5, 1, 1e-3),
        (1, 3, 2, 1e-3),
        (2, 4, 2, 1e-3),
        (2, 5, 0, 1e-3),
        (3, 3, 1, 1e-3),
        (3, 2, 2, 1e-3),
        (4, 3, 1, 1e-3),
    ],
)
def test_sessions_equal_plain_python(n, m, memory, decay):
    payoffs = np.random.default_rng(m).uniform(0, 1, (n, *[m] * n))
    S = m ** (n * memory)
    q0 = np.broadcast_to(initial_q(payoffs, 0.9), (n, S, m))
    found = learn(
        payoffs, [3, 4], α=0.2, β=0.9, decay=decay, memory=memory, window=1_000, keep_q=True,
        threads=1,
    )  # fmt: skip
    for j, seed in enumerate((3, 4)):
        q, state, periods, converged = python_session(
            payoffs, q0, 0.2, 0.9, decay, 1_000, 10**9, words(seed), memory
        )
        assert np.array_equal(found.q[j], q)
        assert np.array_equal(found.policy[j], np.argmax(q, axis=2))
        assert (found.state[j], found.periods[j], found.converged[j]) == (state, periods, converged)


@given(
    st.integers(2, 16),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-4, 3e-3]),
    st.integers(1, 3_000),
    st.integers(1, 400),
)
@settings(max_examples=60, deadline=None)
def test_the_fast_kernel_returns_the_general_kernels_bits(m, seed, decay, max_periods, window):
    """Dyadic payoffs and rates make exact ties frequent."""
    payoffs = np.random.default_rng(seed).integers(0, 3, (2, m, m)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        fast = learn(
            payoffs, [seed], α=0.5, β=0.5, decay=decay, q0=0.0, window=window,
            max_periods=max_periods, keep_q=True, threads=1,
        )  # fmt: skip
    q = np.full((m * m, 2, LANES), -np.inf)
    q[:, :, :m] = 0.0
    flat = np.ascontiguousarray(payoffs.reshape(1, 2, m * m).swapaxes(1, 2))
    policy, state, periods, converged = session(
        flat, np.ones(1), q, m, 0.5, math.exp(-decay), 0.5, window, max_periods, states([seed])[0],
        False, 0.0,
    )  # fmt: skip
    assert np.array_equal(fast.q[0], q[:, :, :m].swapaxes(0, 1))
    assert np.array_equal(fast.policy[0], policy.T)
    assert (fast.state[0], fast.periods[0], fast.converged[0]) == (state, periods, converged)


def variant_session(payoffs, q0, α, decay, β, periods, word, *, weights, synchronous, temperature):
    """Two agents, memory 1; payoffs (Z, 2, m, m). Plain Python."""
    Z, _, m, _ = payoffs.shape
    Q = np.array(np.broadcast_to(q0, (2, m * m, m)))

    def halves():
        w = word()
        return [(w >> 32) / 2**32, (w % 2**32) / 2**32]

    first, second = (int(u * m) for u in halves())
    s = first * m + second
    ε = 1.0
    for _ in range(periods):
        a = []
        for i, u in enumerate(halves()):
            row = Q[i, s]
            if temperature is None:
                explored = min(int(u * (m / ε)), m - 1)
                a.append(explored if u < ε else int(row.argmax()))
            else:
                weight = np.exp((row - row.max()) / (temperature * ε))
                a.append(int((np.cumsum(weight) <= u * weight.sum()).sum()))
        z = 0
        if Z > 1:
            z = int((np.cumsum(weights)[:-1] <= halves()[0]).sum())
        best = Q.max(axis=2)
        for i in range(2):
            for b in range(m) if synchronous else [a[i]]:
                pair = (b, a[1]) if i == 0 else (a[0], b)
                target = α * payoffs[z, i][pair] + α * β * best[i, pair[0] * m + pair[1]]
                Q[i, s, b] = (1 - α) * Q[i, s, b] + target
        s = a[0] * m + a[1]
        ε *= math.exp(-decay)
    return Q, s


@pytest.mark.parametrize(
    ("weights", "synchronous", "temperature"),
    [
        (None, True, None),
        (None, False, 0.5),
        (None, True, 0.5),
        ([0.2, 0.5, 0.3], False, None),
        ([0.5, 0.5], True, 2.0),
    ],
)
def test_variants_equal_plain_python(weights, synchronous, temperature):
    Z = len(weights or [1])
    payoffs = np.random.default_rng(Z).uniform(0, 1, (Z, 2, 4, 4))
    q0 = initial_q(np.average(payoffs, axis=0, weights=weights), 0.9)
    kwargs = dict(synchronous=synchronous, temperature=temperature)
    with pytest.warns(RuntimeWarning, match="1 of 1 sessions"):
        found = learn(
            payoffs if weights else payoffs[0], [5], α=0.2, decay=1e-3, β=0.9, demand=weights,
            max_periods=3_000, window=10_000, keep_q=True, **kwargs,
        )  # fmt: skip
    q, state = variant_session(
        payoffs, q0, 0.2, 1e-3, 0.9, 3_000, words(5), weights=weights, **kwargs
    )
    np.testing.assert_allclose(found.q[0], q, rtol=1e-12)
    assert found.state[0] == state and not found.converged[0]


def test_results_do_not_depend_on_the_number_of_threads():
    def run(threads):
        return learn(
            game(2), range(8), α=0.15, β=0.95, decay=1e-4, window=5_000, keep_q=True,
            threads=threads,
        )  # fmt: skip

    one, two, four = run(1), run(2), run(4)
    for field, *others in zip(one, two, four, strict=True):
        assert all(np.array_equal(field, other) for other in others)


def test_a_session_depends_on_its_seed_alone():
    kwargs = dict(α=0.15, decay=1e-3, β=0.95, window=1_000)
    many, one = learn(game(2), range(5), **kwargs), learn(game(2), [3], **kwargs)
    assert many.periods[3] == one.periods[0] and np.array_equal(many.policy[3], one.policy[0])
    assert len(set(many.periods)) > 1


def test_initial_q_of_the_representative_experiment():
    q0 = initial_q(game(2), 0.95)
    published = [
        5.789760, 6.008108, 6.162084, 6.251637, 6.278005, 6.243737, 6.152642, 6.009668, 5.820729,
        5.592467, 5.331993, 5.046607, 4.743518, 4.429599, 4.111179,
    ]  # fmt: skip
    assert q0.shape == (2, 1, 15)
    np.testing.assert_allclose(q0[:, 0], [published] * 2, atol=5e-7)


def test_slow_learning_and_fast_decay_end_at_one_price_whatever_the_seed():
    payoffs = game(2)
    sessions = learn(payoffs, range(20), α=0.02, decay=1e-4, β=0.95)
    assert sessions.converged.all()
    for policy, state in zip(sessions.policy, sessions.state, strict=True):
        cycle = limit_cycle(policy, int(state), 15)
        assert cycle.tolist() == [7 * 15 + 7]
    np.testing.assert_allclose(gains(sessions, payoffs), 0.706809, atol=5e-7)


def test_a_short_window_stops_before_anything_is_learned():
    payoffs = game(2)
    sessions = learn(payoffs, range(5), α=0.02, decay=1e-4, β=0.95, window=1_000)
    np.testing.assert_allclose(gains(sessions, payoffs), 0.378351, atol=5e-7)


def test_profit_gain_of_a_quick_experiment():
    payoffs = game(2)
    sessions = learn(payoffs, range(100), α=0.15, decay=1e-4, β=0.95)
    assert sessions.converged.all()
    assert abs(gains(sessions, payoffs).mean() - 0.706) < 4 * 0.0027
    assert abs(sessions.periods.mean() - 203_000) < 4_000


def test_profit_gain_of_the_representative_experiment():
    payoffs = game(2)
    sessions = learn(payoffs, range(100), window=10_000, **PAPER)
    assert abs(gains(sessions, payoffs).mean() - 0.854) < 4 * 0.0114


def test_three_firms_collude_less():
    payoffs = game(3)
    sessions = learn(payoffs, range(8), window=10_000, **PAPER)
    assert abs(gains(sessions, payoffs, n=3).mean() - 0.635) < 4 * 0.041 / 8**0.5


def test_synchronous_updating_without_a_future_is_competitive():
    """With β = 0 and counterfactual updates, play ends in a static equilibrium of the grid."""
    sessions = learn(game(2), range(10), α=0.15, decay=1e-4, β=0.0, synchronous=True)
    for policy, state in zip(sessions.policy, sessions.state, strict=True):
        assert limit_cycle(policy, int(state), 15).tolist() in ([1 * 15 + 1], [2 * 15 + 2])


def test_one_agent_learns_a_static_optimum():
    payoffs = np.array([[0.1, 0.5, 0.3]])
    sessions = learn(payoffs, range(3), α=0.1, decay=1e-3, β=0.9, memory=0, keep_q=True)
    assert (sessions.policy == 1).all()
    np.testing.assert_allclose(sessions.q.max(axis=-1), 0.5 / (1 - 0.9), rtol=1e-6)


ZERO = 579_273  # agent 1 draws a 0 in period 3,949
ZERO_2 = 1_227_088  # agent 2 draws a 0 in period 3,832


@pytest.mark.parametrize("seed", [ZERO, ZERO_2])
@pytest.mark.parametrize("m", [5, 17])
def test_a_draw_of_zero_when_exploration_is_over_does_not_explore(m, seed):
    """ε is a denormal number then, 1/ε infinite, and 0/ε no number: no action may come of it."""
    payoffs = np.random.default_rng(m).uniform(0, 1, (2, m, m))
    q0 = np.broadcast_to(initial_q(payoffs, 0.9), (2, m * m, m))
    ends = dict(window=10_000, max_periods=4_100)
    with pytest.warns(RuntimeWarning, match="1 of 1 sessions"):
        found = learn(payoffs, [seed], α=0.2, β=0.9, decay=0.5, keep_q=True, **ends)
    q, state, *_ = python_session(payoffs, q0, 0.2, 0.9, 0.5, *ends.values(), words(seed))
    assert np.array_equal(found.q[0], q) and found.state[0] == state


@pytest.mark.parametrize("seed", [490, 575, 2809, 6239, 7885, 9183])
def test_long_windows_end(seed):
    """Each of these seeds draws a 0 after exploration has ended."""
    rates = dict(α=0.15, β=0.95, decay=1e-2, window=1_000_000)
    one, two = (learn(game(2), [seed], keep_q=True, **rates) for _ in range(2))
    assert one.converged.all() and 1_000_000 <= one.periods[0] < 1_100_000
    assert all(np.array_equal(x, y) for x, y in zip(one, two, strict=True))


def test_a_boltzmann_draw_that_rounding_leaves_over_is_a_possible_action():
    row = np.array([0.0, 0.0, 0.0, -1e9])  # the last has probability 0
    assert _boltzmann(row, 0.0, 1.0, np.nextafter(1.0, 0.0)) == 2
    assert _boltzmann(row, 0.0, 1.0, 1.0) == 2


def test_a_demand_state_of_probability_zero_is_never_drawn():
    """Six times 1/6 adds up to less than one in floating-point numbers."""
    weights = np.append(np.full(6, 1 / 6), 0.0)
    assert np.cumsum(weights)[-1] < 1
    payoffs = np.zeros((7, 1, 2))
    payoffs[6] = 1e6
    with pytest.warns(RuntimeWarning, match="1 of 1 sessions"):
        found = learn(
            payoffs, [0], α=0.5, β=0.0, decay=0.0, memory=0, demand=weights, max_periods=1000,
            window=10_000, keep_q=True,
        )  # fmt: skip
    assert (found.q == 0).all()


def test_whole_numbers_of_any_type_are_taken():
    kwargs = dict(α=0.1, β=0.9, decay=1e-3)
    plain = learn(PD, [3], window=1_000, **kwargs)
    typed = learn(
        PD.tolist(), np.array([3], np.int32), α=np.float32(0.1), β=np.array(0.9), decay=1e-3,
        window=1e3, max_periods=np.int64(10**9), memory=1.0, threads=np.int8(1),
    )  # fmt: skip
    assert typed.periods[0] > 1_000
    again = learn(PD, [3], window=np.float64(1e3), max_periods=1e9, **kwargs)
    assert all(np.array_equal(x, y) for x, y in zip(plain[:4], again[:4], strict=True))


PD = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(payoffs=np.zeros(3)), r"payoffs\.shape="),
        (dict(payoffs=np.zeros((2, 3, 4))), r"payoffs\.shape="),
        (dict(payoffs=np.zeros((3, 2, 2))), r"payoffs\.shape="),
        (dict(payoffs=np.zeros((2, 1, 1))), r"payoffs\.shape="),
        (dict(payoffs=np.full((2, 2, 2), np.nan)), "payoffs="),
        (dict(seeds=[]), "seeds"),
        (dict(seeds=[-1]), "seeds="),
        (
            dict(seeds=[1.2, 1.7, 1]),
            r"seeds=\[1.2, 1.7, 1\]: must be one or more distinct integers",
        ),
        (dict(seeds=[3, 4, 3]), r"seeds=\[3, 4, 3\]: must be"),
        (dict(seeds=3), "seeds=3: must be"),
        (dict(window=1.5), "window=1.5: must be an integer >= 1"),
        (dict(max_periods=1.5), "max_periods=1.5"),
        (dict(window=math.inf), "window=inf"),
        (dict(synchronous="no"), "synchronous='no': must be True or False"),
        (dict(keep_q=1), "keep_q=1: must be True or False"),
        (dict(threads=1.5), "threads=1.5: must be an integer >= 1, or None"),
        (dict(α="0.1"), "α='0.1': must be"),
        (dict(α=[0.1, 0.2]), "α="),
        (dict(decay=math.inf), "decay=inf"),
        (dict(payoffs=np.full((2, 2, 2), 1e308)), "payoffs="),
        (dict(payoffs=1e307 * PD, β=0.99), r"so small that payoffs / \(1 - β\) is at most 1e300"),
        (dict(payoffs="PD"), "payoffs='PD': must be an array"),
        (dict(α=0.0), "α=0.0"),
        (dict(α=1.5), "α=1.5"),
        (dict(α=math.nan), "α=nan"),
        (dict(decay=-1e-6), "decay=-1e-06"),
        (dict(β=1.0), "β=1.0"),
        (dict(memory=3), "memory=3"),
        (dict(window=0), "window=0"),
        (dict(max_periods=0), "max_periods=0"),
        (dict(temperature=0.0), "temperature=0.0"),
        (dict(threads=0), "threads=0"),
        (dict(q0=np.zeros((2, 3, 3))), r"q0\.shape="),
        (dict(q0=math.inf), "q0=inf"),
        (dict(demand=[0.5, 0.5]), r"payoffs\.shape="),
        (dict(payoffs=np.stack([PD, PD]), demand=[0.5, 0.6]), "demand="),
        (dict(payoffs=np.stack([PD, PD]), demand=[1.0]), "demand="),
        (dict(payoffs=np.zeros((4, 15, 15, 15, 15)), memory=2), "tables of up to"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = dict(payoffs=PD, seeds=[0], α=0.1, decay=1e-3, β=0.9) | change
    with pytest.raises(ValueError, match=message):
        learn(**arguments)
