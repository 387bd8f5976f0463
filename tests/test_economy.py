"""The contract: shocks are drawn right, and `check_economy` notices each broken promise."""

import os
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from conftest import employment
from hypothesis import given, settings
from hypothesis import strategies as st
from quantecon.markov import MarkovChain
from quantecon.markov.gth_solve import gth_solve
from scipy import sparse

from marketsai_lite.economies.announcement import Announcement
from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.commons import Commons
from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.hidden_demand import HiddenDemand
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.long_plosser import LongPlosser
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economies.team_game import TeamGame
from marketsai_lite.economies.two_step_game import TwoStepGame
from marketsai_lite.economy import (
    Box,
    Exogenous,
    Grid,
    Shocks,
    Terms,
    ar1,
    check_economy,
    constant,
    namespace,
    own_chains,
    padded,
    stationary,
    total,
)
from marketsai_lite.tabular.mdp import MDP
from marketsai_lite.views.batch import Batch
from marketsai_lite.views.gymnasium import GymnasiumView
from marketsai_lite.views.pettingzoo import ParallelView
from marketsai_lite.views.table import tabulate


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
            np.testing.assert_allclose(u, v.numpy(), rtol=1e-13, atol=1e-14)
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


def reviser(players, ε, threshold):
    """Kandori, Mailath and Rob's (1993) chain with one reviser a period: how many play 1.

    The reviser replies best to the others, and with probability ε plays either action instead.
    """
    P = np.zeros((players + 1, players + 1))
    for x in range(players + 1):
        for now, share in ((1, x / players), (0, 1 - x / players)):
            others = (x - now) / (players - 1)
            up = (1 - ε) * (others > threshold) + ε / 2
            P[x, min(x - now + 1, players)] += share * up
            P[x, max(x - now, 0)] += share * (1 - up)
    return P


def test_rare_moves_leave_the_stationary_law_exact():
    """A convention that mutants reach by a few steps at once holds nearly always."""
    P = reviser(27, 0.01, 1 / 3)
    π = stationary(P)
    assert π[-1] == pytest.approx(0.87342, abs=5e-6)
    assert π[0] == pytest.approx(1.8e-21, rel=0.01)
    # A chain that moves by one at a time is in detailed balance.
    up, down = np.diagonal(P, 1), np.diagonal(P, -1)
    np.testing.assert_allclose(π[1:] / π[:-1], up / down, rtol=1e-13)
    np.testing.assert_allclose(π, gth_solve(P), rtol=1e-13)
    drawn = Exogenous(np.arange(28.0)[:, None], P).initial(np.linspace(0, 1, 100_002)[1:-1, None])
    assert np.mean(drawn == 27) == pytest.approx(0.87342, abs=1e-4)
    assert drawn.min() > 10


@pytest.mark.parametrize(
    ("P", "π"),
    [
        ([[1.0]], [1]),
        (np.eye(3), [1 / 3] * 3),
        ([[1, 0, 0], [0, 0.5, 0.5], [0, 0.25, 0.75]], [1 / 3, 2 / 9, 4 / 9]),
        ([[0, 1], [1, 0]], [1 / 2, 1 / 2]),
        ([[0.5, 0.125, 0.375], [0, 1, 0], [0, 0, 1]], [0, 5 / 12, 7 / 12]),
        ([[1, 1e-300], [0, 1]], [0, 1]),
        ([[0, 0, 1], [0, 1, 0], [1, 0, 0]], [1 / 3] * 3),
    ],
)
def test_where_several_classes_are_closed_each_has_the_starts_that_end_in_it(P, π):
    P = np.array(P, dtype=float)
    np.testing.assert_allclose(stationary(P), π, rtol=1e-14)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_the_stationary_law_is_the_long_run_of_a_uniform_start(n, seed):
    rng = np.random.default_rng(seed)
    P = rng.random((n, n)) * (rng.random((n, n)) < 1.5 / n) + 1e-3 * np.eye(n)
    P /= P.sum(1, keepdims=True)
    lazy = (P + np.eye(n)) / 2  # the same law, without periods
    long_run = np.linalg.matrix_power(lazy, 2**20)
    np.testing.assert_allclose(stationary(P), long_run.mean(0), atol=1e-9)


@pytest.mark.parametrize(
    ("P", "words"),
    [
        ([[0.5, 0.6], [0.5, 0.5]], r"^sum of row \[0\] of P=1\.1: must be 1$"),
        ([[0.5, 0.5]], r"^P\.shape=\(1, 2\): must be \(1, 1\)$"),
        ([[np.nan]], r"^P=.*must be a non-empty finite array of 2 dimensions$"),
        ([[1.5, -0.5]] * 2, r"^P\[0, 1\]=-0\.5: must be probabilities in \[0, 1\]$"),
    ],
)
def test_what_is_no_chain_has_no_stationary_law(P, words):
    with pytest.raises(ValueError, match=words):
        stationary(P)


def test_a_state_of_probability_zero_is_never_drawn():
    """Ten times 0.1 is less than one: what is left over belongs to the last of the ten."""
    row = np.append(np.full(10, 0.1), 0.0)
    assert row.cumsum()[-1] < 1
    exo = Exogenous(np.arange(11.0)[:, None], np.tile(row, (11, 1)))
    last = np.full((1, 1), np.nextafter(1.0, 0.0))
    assert exo.next(np.zeros((1, 1), int), last) == 9
    assert exo.initial(last) <= 9
    one = np.full((1, 1, 11, 11), row)
    own = Exogenous([[0.0]], [[1.0]], exo.values, one, n=1)
    assert own.next(np.zeros((1, 2), int), np.full((1, 2), last))[0, 1] == 9


def test_an_aggregate_state_that_is_left_for_ever_is_not_drawn():
    stay = np.tile(np.eye(2), (2, 2, 1, 1))
    exo = Exogenous([[0.0], [1.0]], [[0.5, 0.5], [0, 1]], [[0.0], [1.0]], stay, n=1)
    i = exo.initial(np.random.default_rng(0).random((1000, 2)))
    assert (i[:, 0] == 1).all() and 400 < i[:, 1].sum() < 600


def test_too_many_joint_states_are_refused_before_they_fill_the_memory():
    chain = np.full((1, 1, 2, 2), 0.5)
    exo = Exogenous([[0.0]], [[1.0]], [[0.0], [1.0]], chain, n=1000)
    with pytest.raises(
        ValueError, match=r"n=1000: must be .* 16,384 joint states: here are 1 times"
    ):
        exo.joint()
    few = replace(exo, n=3)
    states, P = few.joint()
    assert len(states) == 8
    np.testing.assert_array_equal(P, 1 / 8)
    np.testing.assert_array_equal(few.successors(np.array([0, 1, 1, 0]))[1], 1 / 8)


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


NO_ARRAYS = ("one", 1j, object(), ["a", "b"], {"a": 1})
NO_NUMBERS = (*NO_ARRAYS, None, "0.5", True, [0.5, 0.5], np.full(2, 0.5))
TEMPLATES = (
    Announcement(), CapitalMarket(), Commons(), Cournot(), Growth(), HiddenDemand(),
    Islands(), KrusellSmith(), LogitMonopolist(),
    LogitOligopoly(np.linspace([1.4, 1.5], 2.0, 3).T), LongPlosser(), LQMonopolist(),
    MultiCountry(), Planner(), PrivateSignals(), RentalMarket(),
    RepeatedGame(np.zeros((2, 2, 2))), TeamGame(np.zeros((2, 2))), TwoStepGame(),
)  # fmt: skip


@pytest.mark.parametrize("economy", TEMPLATES, ids=lambda e: type(e).__name__)
def test_parameters_of_another_type_are_refused_by_name(economy):
    for name in (f.name for f in fields(economy) if f.init):
        value = getattr(economy, name)
        wrongs = NO_NUMBERS if isinstance(value, int | float) else NO_ARRAYS
        if isinstance(value, bool):  # True and False are right, and no other numbers
            wrongs = (1.0, *[wrong for wrong in wrongs if wrong is not True])
        for wrong in wrongs:
            with pytest.raises(ValueError, match=rf"(?s)^{name}=.*: must be "):
                replace(economy, **{name: wrong})


@pytest.mark.parametrize(
    ("make", "name", "count"),
    [
        (lambda k: LQMonopolist(nd=k), "nd", 5),
        (lambda k: Islands(k), "d", 2),
        (lambda k: MultiCountry(k), "d", 2),
        (lambda k: Planner(N=k), "N", 2),
        (lambda k: Planner(M=k), "M", 2),
        (lambda k: RentalMarket(k), "n", 2),
        (lambda k: CapitalMarket(k), "N", 2),
        (lambda k: Commons(k), "n", 2),
        (lambda k: KrusellSmith(k), "n", 2),
        (lambda k: LongPlosser(nodes=k), "nodes", 3),
        (lambda k: Announcement(k), "blank", 4),
        (lambda k: HiddenDemand(nd=k), "nd", 5),
        (lambda k: own_chains(ar1(2, 0.5, 1.0), k), "n", 2),
    ],
)
def test_whole_numbers_of_any_type_are_counts(make, name, count):
    for value in (count, float(count), np.int32(count), np.float32(count), np.array(count)):
        found = getattr(make(value), name)
        assert found == count and type(found) is int
    for wrong in (count + 0.5, True, str(count), None, -1, np.nan):
        with pytest.raises(ValueError, match=f"^{name}="):
            make(wrong)


def test_chains_of_other_libraries_are_refused_with_a_word():
    words = r"(?s)^transition=.*must be an array of real numbers, as its .P and .state_values are"
    chain = MarkovChain([[0.75, 0.25], [0.25, 0.75]], state_values=[-1.0, 1.0])
    with pytest.raises(ValueError, match=words):
        Exogenous([[0.0], [1.0]], chain)
    with pytest.raises(ValueError, match=words.replace("transition", "values")):
        Exogenous(chain, np.eye(2))
    with pytest.raises(ValueError, match=r"(?s)^transition=.*as its .toarray\(\) is"):
        Exogenous([[0.0], [1.0]], sparse.eye_array(2))
    with pytest.raises(ValueError, match=words.replace("transition", "P")):
        MDP(np.zeros((2, 1)), np.zeros((2, 1, 1), int), None, chain, 0.5)
    with pytest.raises(ValueError, match=r"(?s)^P=.*as its .toarray\(\) is"):
        stationary(sparse.eye_array(2))
    taken = Exogenous(chain.state_values[:, None], chain.P)
    np.testing.assert_array_equal(taken.transition, [[0.75, 0.25], [0.25, 0.75]])


def test_chains_of_single_precision_are_chains():
    """Their rows miss one by rounding, and are divided by what they sum to."""
    P = np.random.default_rng(0).dirichlet(np.ones(50), 50).astype(np.float32)
    P[0] *= 1 + np.float32(3e-7)
    sums = P.astype(float).sum(1)
    assert 1e-8 < abs(sums - 1).max() < 1e-6
    mdp = MDP(np.zeros((50, 1)), np.zeros((50, 1, 1), int), None, P, 0.5)
    for found in (Exogenous(np.arange(50.0)[:, None], P).transition, mdp.P):
        np.testing.assert_allclose(found.sum(1), 1, rtol=0, atol=1e-8)
        np.testing.assert_allclose(found, P / sums[:, None], rtol=1e-7)
    assert stationary(P).sum() == pytest.approx(1, abs=1e-14)
    weight = np.tile(P[0] * (1 + 5e-7), (50, 1, 1))
    table = MDP(np.zeros((50, 1)), np.tile(np.arange(50), (50, 1, 1)), weight, np.eye(1), 0.5)
    np.testing.assert_allclose(table.weight.sum(-1), 1, rtol=0, atol=1e-8)


def test_rows_that_are_right_are_left_as_they_are():
    P = np.random.default_rng(0).dirichlet(np.ones(50), 50)
    assert np.array_equal(Exogenous(np.arange(50.0)[:, None], P).transition, P)


@pytest.mark.parametrize(
    "call",
    [
        lambda P: Exogenous([[0.0], [1.0]], P),
        lambda P: stationary(P),
        lambda P: MDP(np.zeros((2, 1)), np.zeros((2, 1, 1), int), None, P, 0.5),
    ],
)
def test_the_sum_of_a_wrong_row_is_printed(call):
    with pytest.raises(ValueError, match=r"^sum of row \[1\] of \w+=0\.9375: must be 1$"):
        call([[0.5, 0.5], [0.5, 0.4375]])
    with pytest.raises(ValueError, match=r"^sum of row \[0\] of \w+=1\.00001: must be 1$"):
        call(np.array([[0.5, 0.50001], [0.5, 0.5]]))


@pytest.mark.parametrize(
    "action_set",
    [Box([0.0], [1.0]), Box(0.0, 1.0), Box(np.zeros(1), np.ones(2)), Grid([[0.0], [1.0]]),
     Grid(np.arange(3.0)), Grid(np.empty((0, 1))), (0.0, 1.0), None],
)  # fmt: skip
@pytest.mark.parametrize(
    "view",
    [Terms, ParallelView, GymnasiumView, lambda e: Batch(e, 2), lambda e: tabulate(e, [2, 4])],
)
def test_action_sets_that_are_no_arrays_are_refused_by_every_view(action_set, view):
    economy = type("Listed", (LQMonopolist,), {"actions": (action_set,)})()
    words = r"(?s)^actions of monopolist=.*must be a Box of two arrays \(da,\), or a Grid"
    with pytest.raises(ValueError, match=words):
        view(economy)


KEEPS_THREADS = """
import torch
torch.set_num_threads(1)
assert torch.get_num_threads() == 1  # from here on PyTorch asks OpenMP
from marketsai_lite.economy import ar1
ar1(5, 0.9, 0.1)
assert torch.get_num_threads() == 1, torch.get_num_threads()
"""


def test_a_chain_leaves_the_threads_of_pytorch_as_they_were():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    words = [sys.executable, "-c", KEEPS_THREADS]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 20])
@pytest.mark.parametrize("copies", [2, 300])
def test_a_total_is_a_sum_bit_by_bit(n, copies, rng):
    v = rng.standard_normal((copies, n))
    np.testing.assert_array_equal(total(v), v.sum(-1)[..., None])
    torch = pytest.importorskip("torch")
    assert torch.equal(total(torch.as_tensor(v)), torch.as_tensor(v).sum(-1, keepdim=True))
