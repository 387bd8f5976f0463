import itertools
import subprocess
import sys
import warnings

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.q_learning import brock_mirman
from benchmarks.solvers import discrete_dp, growth_sized, renumbered, stochastic
from marketsai_lite.tabular import compiled, kernels
from marketsai_lite.tabular.bellman import action_values, bellman, expected, greedy
from marketsai_lite.tabular.enhanced_policy_iteration import enhanced_policy_iteration
from marketsai_lite.tabular.evaluate import policy_value
from marketsai_lite.tabular.maximize import Maximizer, MonotoneMaximizer, bisection
from marketsai_lite.tabular.mdp import MDP
from marketsai_lite.tabular.solve import (
    optimistic_policy_iteration,
    policy_iteration,
    value_iteration,
)
from tests.tabular_problems import mdps, random_mdp

seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def growth():
    return growth_sized()


@pytest.fixture(scope="module")
def exact(growth):
    return policy_iteration(growth)


def residual(v, mdp):
    return np.abs(bellman(v, mdp) - v).max()


@settings(max_examples=50)
@given(mdps())
def test_the_solvers_agree_and_solve_the_bellman_equation(mdp):
    solutions = [
        value_iteration(mdp, tol=1e-11),
        policy_iteration(mdp),
        optimistic_policy_iteration(mdp, tol=1e-11),
        optimistic_policy_iteration(mdp, tol=1e-11, m=0),
        optimistic_policy_iteration(mdp, tol=1e-11, m=7, v0=np.arange(mdp.n_states)),
    ]
    for solution in solutions:
        assert solution.converged
        assert residual(solution.v, mdp) <= solution.residual + 1e-13
        np.testing.assert_allclose(solution.v, solutions[1].v, rtol=0, atol=1e-10)
        np.testing.assert_allclose(policy_value(solution.σ, mdp), solution.v, rtol=0, atol=1e-9)


@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
def test_the_distance_to_the_optimum_is_within_the_tolerance(tol):
    mdp = random_mdp(np.random.default_rng(0), 5, 3, 6, 2, β=0.98)
    optimum = policy_iteration(mdp).v
    for solve in value_iteration, optimistic_policy_iteration:
        solution = solve(mdp, tol=tol)
        distance = np.abs(solution.v - optimum).max()
        assert distance <= solution.residual / (1 - mdp.β) + 1e-12 <= tol + 1e-12
        assert solution.iterations < 5000


def test_the_reference_values_of_the_growth_sized_problem(growth, exact):
    assert np.isfinite(growth.r).sum() == 1_901_924
    nodes = [499, 999, 1999]
    reference = [-35.96608040420514, -34.786481384293, -33.6077330639616]
    np.testing.assert_allclose(exact.v[nodes], reference, rtol=0, atol=1e-11)
    np.testing.assert_array_equal(exact.σ[nodes], [393, 617, 969])
    k = np.linspace(1e-6, 2, 2000)[1:]
    α, β = 0.65, 0.95
    constant = np.log(1 - α * β) + α * β / (1 - α * β) * np.log(α * β)
    closed_form = constant / (1 - β) + α / (1 - α * β) * np.log(k)
    assert np.abs(exact.v[1:] - closed_form).max() == pytest.approx(9.6e-4, rel=0.01)


@pytest.mark.parametrize("options", [{}, {"m": 50}, {"monotone": True}])
def test_optimistic_iteration_on_the_growth_sized_problem(growth, exact, options):
    solution = optimistic_policy_iteration(growth, tol=5e-4, **options)
    assert solution.iterations == 10
    assert np.abs(solution.v - exact.v).max() == pytest.approx(4.2e-4, rel=0.1)
    assert np.abs(solution.σ - exact.σ).max() <= 2


def test_value_iteration_on_the_growth_sized_problem(growth, exact):
    solution = value_iteration(growth, tol=5e-4, v0=growth.r.max(axis=1))
    assert solution.iterations == 249  # as quantecon's, which starts there
    assert np.abs(solution.v - exact.v).max() == pytest.approx(4.9e-4, rel=0.02)
    np.testing.assert_array_equal(solution.σ, exact.σ)


@pytest.mark.parametrize("problem", [growth_sized, stochastic])
def test_quantecon_finds_the_same(problem):
    mdp = problem()
    theirs = discrete_dp(mdp).solve(method="pi")
    ours = [policy_iteration(mdp)]
    for solve in value_iteration, optimistic_policy_iteration:
        ours.append(solve(mdp, tol=1e-11))
    for solution in ours:
        np.testing.assert_allclose(solution.v, theirs.v, rtol=0, atol=1e-10)
        np.testing.assert_array_equal(solution.σ, theirs.sigma)


def test_the_numbering_of_actions_does_not_matter(growth, exact):
    other = renumbered(growth)
    assert growth.common and not other.common
    solution = policy_iteration(other)
    np.testing.assert_allclose(solution.v, exact.v, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(other.index[np.arange(2000), solution.σ, 0], exact.σ)


@settings(max_examples=100)
@given(mdps(), seeds)
def test_skipping_blocks_of_actions_changes_nothing(mdp, seed):
    rng = np.random.default_rng(seed)
    improve = Maximizer(mdp)
    v = rng.normal(size=mdp.n_states)
    for scale in [1, 0.3, 0.1, 0.01, 1e-4, 3, 1e-6, 1e-9, 0]:
        v = v + scale * rng.normal(size=mdp.n_states) + rng.normal()
        Tv, σ = improve(v)
        q = action_values(expected(v, mdp), mdp)
        np.testing.assert_array_equal(Tv, q.max(axis=1))
        np.testing.assert_array_equal(σ, greedy(q, mdp))


def test_ties_go_to_the_first_maximizer_whichever_was_chosen_before():
    rng = np.random.default_rng(0)
    mdp = random_mdp(rng, nx=8, nz=1, A=200, K=1, β=0.5, coarse=True)
    improve = Maximizer(mdp)
    for _ in range(200):
        v = rng.integers(3, size=8)
        q = action_values(expected(v, mdp), mdp)
        np.testing.assert_array_equal(improve(v.astype(float))[1], greedy(q, mdp))


def savings(rng, nx, nz, K=1):
    """A problem whose policy is monotone: r(x, a) = u(y(x, z) - k(a)), u concave, y rising."""
    k = np.sort(rng.random(nx))
    y = 1 + np.cumsum(rng.random((nx, nz)), axis=0)
    index = np.tile(np.arange(nx)[None, :, None], (nx * nz, 1, K))
    weight = np.full((nx * nz, nx, K), 1 / K) if K > 1 else None
    P = rng.dirichlet(np.ones(nz), size=nz)
    return MDP(np.sqrt(y.reshape(-1, 1) - k), index, weight, P, β=0.9)


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 2), seeds)
def test_divide_and_conquer_finds_the_maximum_of_a_monotone_problem(nx, nz, K, seed):
    rng = np.random.default_rng(seed)
    mdp = savings(rng, nx, nz, K)
    v = rng.normal(size=mdp.n_states)
    for problem in mdp, copy_without_common(mdp):
        for ours, full in zip(MonotoneMaximizer(problem)(v), Maximizer(problem)(v), strict=True):
            np.testing.assert_array_equal(ours, full)


def copy_without_common(mdp):
    """The same problem, solved without using that lotteries are common."""
    copy = MDP(mdp.r, mdp.index, mdp.weight, mdp.P, mdp.β)
    vars(copy)["common"] = False
    return copy


@given(st.integers(1, 300))
def test_each_node_is_searched_once_and_between_earlier_ones(nx):
    order = bisection(nx).astype(int)
    np.testing.assert_array_equal(np.sort(order[:, 0]), np.arange(nx))
    seen = set()
    for x, below, above in order.tolist():
        assert below == nx or (below in seen and below < x)
        assert (above in seen and above > x) if seen else above == nx
        seen.add(x)


@pytest.mark.parametrize("n", [20, 200])
def test_a_false_claim_of_monotonicity_is_refused(n):
    right = brock_mirman(n)
    false = MDP(right.r[:, ::-1], right.index[:, ::-1], None, right.P, right.β)  # saves less
    assert optimistic_policy_iteration(right, monotone=True).converged
    for seed in range(20):
        with pytest.raises(ValueError, match="monotone=True: must be False, since in state"):
            optimistic_policy_iteration(false, monotone=True, rng=np.random.default_rng(seed))


def test_a_claim_that_leaves_no_feasible_action_is_refused():
    feasible = np.array([[False, True], [True, False]])
    mdp = MDP(np.zeros((2, 2)), np.zeros((2, 2, 1), int), None, np.eye(1), 0.9, feasible)
    with pytest.raises(
        ValueError, match="monotone=True: must be False, since no action of state 0 is"
    ):
        optimistic_policy_iteration(mdp, monotone=True)


def test_each_kernel_is_compiled_once_whatever_the_problem_looks_like():
    rng = np.random.default_rng(0)
    for nz, K, masked, common in itertools.product((1, 2), (1, 2), (False, True), (False, True)):
        mdp = random_mdp(rng, 5, nz, 4, K, masked=masked, common=common)
        v0 = np.broadcast_to(np.int32(1), mdp.n_states)  # read-only, and of another type
        for solve in value_iteration, optimistic_policy_iteration:
            assert solve(mdp, v0=v0).converged
    names = "expectation continuation improve extremes follow follow_map"
    for name in names.split():
        assert len(getattr(kernels, name).signatures) == 1


@pytest.mark.parametrize(
    ("solve", "limit"),
    [(value_iteration, 5), (policy_iteration, 1), (optimistic_policy_iteration, 2)],
)
def test_a_solver_that_stops_short_says_so(solve, limit):
    mdp = random_mdp(np.random.default_rng(0), 8, 2, 6, 1, β=0.99)
    with pytest.warns(RuntimeWarning, match=f"stopped short after {limit} iterations") as caught:
        solution = solve(mdp, max_iter=limit)
    assert caught[0].filename == __file__
    assert not solution.converged and solution.iterations == limit
    assert residual(solution.v, mdp) <= solution.residual + 1e-12
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert solve(mdp).converged


def test_a_policy_that_ties_with_another_is_kept():
    """Both actions are the same; policy iteration must not alternate between them."""
    rng = np.random.default_rng(0)
    one = random_mdp(rng, 6, 2, 1, 2)
    both = MDP(*(np.repeat(x, 2, axis=1) for x in (one.r, one.index, one.weight)), one.P, one.β)
    σ0 = rng.integers(2, size=12)
    solution = policy_iteration(both, σ0=σ0)
    assert solution.iterations == 1
    np.testing.assert_array_equal(solution.σ, σ0)


@pytest.mark.parametrize(
    ("solve", "options", "message"),
    [
        (value_iteration, {"tol": 0.0}, r"tol=0.0: must be in \(0, inf\)"),
        (value_iteration, {"tol": np.nan}, "tol=nan"),
        (value_iteration, {"max_iter": 0}, "max_iter=0: must be an integer >= 1"),
        (value_iteration, {"v0": np.zeros(5)}, r"v0.shape=\(5,\): must be \(6,\)"),
        (value_iteration, {"v0": np.full(6, np.nan)}, "v0="),
        (policy_iteration, {"σ0": np.full(6, 4)}, r"σ\[0\]=4: must be one of the actions 0 to 3"),
        (policy_iteration, {"σ0": np.full((6, 4), 0.25)}, r"σ0.shape=\(6, 4\)"),
        (policy_iteration, {"max_iter": 0}, "max_iter=0"),
        (optimistic_policy_iteration, {"m": -1}, "m=-1: must be an integer >= 0"),
        (optimistic_policy_iteration, {"m": 1.5}, "m=1.5: must be an integer >= 0"),
        (optimistic_policy_iteration, {"v0": np.full(6, np.inf)}, "v0="),
        (optimistic_policy_iteration, {"tol": -1.0}, "tol=-1.0"),
    ],
)
def test_a_wrong_argument_is_named(solve, options, message):
    mdp = random_mdp(np.random.default_rng(0), 3, 2, 4, 1)
    with pytest.raises(ValueError, match=message):
        solve(mdp, **options)


def consumption(unit, n=60, γ=5.0, β=0.96):
    """Savings with CRRA utility of consumption that is counted in thousands, or in units."""
    k = np.linspace(1, 20, n)
    c = np.array([0.5, 1.5]) + 1.03 * k[:, None]
    c = c.reshape(-1, 1) - k
    r = np.where(c > 0, c, 1.0) * unit
    index = np.broadcast_to(np.arange(n)[:, None], (*c.shape, 1))
    chain = np.array([[0.8, 0.2], [0.2, 0.8]])
    return MDP(r ** (1 - γ) / (1 - γ), index, None, chain, β, c > 0)


def scaled(mdp, factor, constant=0.0):
    """The same problem in another unit of account, and with a constant in each reward."""
    r = np.where(np.isfinite(mdp.r), mdp.r, 0.0) * factor + constant
    return MDP(r, mdp.index, mdp.weight, mdp.P, mdp.β, mdp.feasible)


def brute(mdp, sweeps=20_000):
    """Policy of very many value iterations from which the mean is taken out."""
    h = np.zeros(mdp.n_states)
    for _ in range(sweeps):
        h = bellman(h, mdp)
        h -= h.mean()
    return greedy(action_values(expected(h, mdp), mdp), mdp)


def test_the_unit_of_consumption_does_not_matter():
    units, thousands = consumption(1.0), consumption(1000.0)
    right = brute(units, 2_000)
    assert len(set(right)) > 30
    for mdp in units, thousands:
        solution = policy_iteration(mdp)
        assert solution.converged and solution.iterations > 2
        np.testing.assert_array_equal(solution.σ, right)
        for solve in value_iteration, optimistic_policy_iteration:
            solution = solve(mdp)
            assert solution.converged
            np.testing.assert_array_equal(solution.σ, right)


@pytest.mark.parametrize("β", [0.9, 0.999, 0.999999])
def test_a_constant_in_every_reward_does_not_matter(β):
    rng = np.random.default_rng(1)
    mdp = random_mdp(rng, 6, 2, 5, 2, β=β)
    mdp = scaled(MDP(rng.random((12, 5)), mdp.index, mdp.weight, mdp.P, β), 1.0)
    right = brute(mdp, 3_000)
    for constant in 0.0, 100.0, -1e6:
        solution = policy_iteration(scaled(mdp, 1.0, constant))
        assert solution.converged
        np.testing.assert_array_equal(solution.σ, right)


@settings(max_examples=50)
@given(mdps(), st.integers(-300, 300))
def test_a_power_of_two_in_every_reward_changes_no_bit(mdp, k):
    other = scaled(mdp, 2.0**k)
    for solve in (
        policy_iteration,
        value_iteration,
        optimistic_policy_iteration,
        enhanced_policy_iteration,
    ):
        one, two = solve(mdp), solve(other)
        assert one.converged and two.converged and one.iterations == two.iterations
        np.testing.assert_array_equal(one.σ, two.σ)
        table = "q" if solve is enhanced_policy_iteration else "v"
        np.testing.assert_array_equal(getattr(one, table) * 2.0**k, getattr(two, table))


@pytest.mark.parametrize("size", [1e-200, 1e-13, 1.0, 1e9, 1e15, 1e200])
@pytest.mark.parametrize("tol", [None, 1e-8])
def test_what_is_right_to_rounding_has_converged(size, tol):
    """A tolerance below the rounding of the values asks for what no iteration reaches."""
    mdp = scaled(random_mdp(np.random.default_rng(2), 6, 2, 5, 2, β=0.95), size)
    right = policy_iteration(mdp)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for solve in value_iteration, optimistic_policy_iteration, enhanced_policy_iteration:
            if tol is not None and size < 1e-6:
                continue  # a tolerance that is given is in the unit of the rewards
            found = solve(mdp, **({} if tol is None else {"tol": tol}))
            v = found.q.max(1) if solve is enhanced_policy_iteration else found.v
            assert found.converged
            scale = np.abs(right.v).max()
            within = max(2e-7 * scale if tol is None else tol, 1e-12 * scale)
            np.testing.assert_allclose(v, right.v, rtol=0, atol=within)


def test_nothing_needs_to_be_written():
    """Without a place for Numba's cache its own `njit(cache=True)` ends the import."""
    code = """
import numba.core.caching
numba.core.caching.CacheImpl._locator_classes = []
import numpy as np
from marketsai_lite.tabular import MDP, value_iteration
from marketsai_lite.tabular import repeated_games, row_scan, sequential_games
index = np.zeros((1, 1, 1), int)
print(value_iteration(MDP([[1.0]], index, None, [[1.0]], 0.5), tol=1e-9).v.round(6))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[2.]\n", done.stderr


def test_other_errors_of_the_compiler_are_passed_on(monkeypatch):
    def broken(**options):
        raise RuntimeError("something else")

    monkeypatch.setattr(numba, "njit", broken)
    with pytest.raises(RuntimeError, match="something else"):
        compiled.njit(cache=True)(abs)
