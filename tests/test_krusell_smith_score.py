"""The examination of policies: exact where it can be, and no wrong answer passes."""

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.solutions import krusell_smith as ks
from marketsai_lite.solutions import krusell_smith_kernels as kernels
from marketsai_lite.solutions.krusell_smith_model import model
from marketsai_lite.solutions.krusell_smith_score import faults, lorenz, off_law, rebinned, score

M = model(KrusellSmith())


@cache
def base():
    return ks.solve(M)


@cache
def fine():
    return ks.solve(M, nk=400, nK=12, n=2_000, richest=12.7)


def examined(policy, **options):
    return score(policy, M, reference=base(), **options)


def test_the_classical_solution_passes():
    s = examined(base().policy)
    assert not faults(s)
    assert s.distance == (0, 0) and s.forecast[0] <= 0.25 and s.forecast[1] <= 0.08
    assert s.euler[0] < 5e-5 and abs(s.gap[0]) < 1e-4 and s.gap[1] < 2e-3
    assert s.D.sum() == pytest.approx(1, abs=1e-10) and s.edge < 1e-12 and s.debtors == 0


def test_wealth_is_distributed_as_the_reference_says():
    """Averages over a path of grids three times as fine: Gini .2703, and the richest."""
    s = examined(fine().policy, n=2_000)
    assert s.gini == pytest.approx(0.270, abs=0.006)
    np.testing.assert_allclose(s.top, [0.0287, 0.1158, 0.2055, 0.3558, 0.4824], atol=0.006)
    assert s.spread == pytest.approx(19.63, abs=0.6)
    assert s.euler[0] < 2e-5 and abs(s.gap[0]) < 1e-4


def test_inequality_by_hand():
    """A fifth owns nothing, the others one and four fifths of three: Gini from its definition."""
    x, D = np.array([0.0, 1.0, 3.0]), np.array([[0.2, 0.3, 0.1], [0.0, 0.2, 0.2]])
    people, wealth = lorenz(D, x)
    share = D.sum(0)
    mean = share @ x
    differences = (share[:, None] * share * np.abs(x[:, None] - x)).sum() / (2 * mean)
    area = ((wealth[1:] + wealth[:-1]) * np.diff(people)).sum()
    assert 1 - area == pytest.approx(differences, rel=1e-12)
    assert 1 - np.interp(0.9, people, wealth) == pytest.approx(0.1 * 3 / mean, rel=1e-12)


def test_a_distribution_on_other_nodes_keeps_its_mean(rng):
    old, x = np.linspace(0, 9, 40) ** 1.1, np.linspace(0, 12, 50)
    D = rng.random((2, 40))
    new = rebinned(D, old, x)
    np.testing.assert_allclose(new.sum(1), D.sum(1), rtol=1e-12)
    np.testing.assert_allclose(new @ x, D @ old, rtol=1e-12)


def test_values_by_hand():
    """A household that eats K^θ is worth A_z + B_z log K, from two linear equations."""
    k, K = ks.power_grid(M, 20, 25, 4), M.k_ss * np.linspace(0.8, 1.2, 16)
    rule, θ = np.array([[0.124847, 0.965286], [0.137750, 0.963239]]), 0.3
    c = np.broadcast_to(K[None, :, None, None] ** θ, (2, 16, 2, 20)).copy()
    v = np.zeros_like(c)
    kernels.policy_value(c, k, K, rule, tuple(M)[:10], v, 1e-10, 5_000)
    B = np.linalg.solve(np.eye(2) - 0.99 * rule[:, 1:] * M.P, [θ, θ])
    A = np.linalg.solve(np.eye(2) - 0.99 * M.P, 0.99 * rule[:, 0] * (M.P @ B))
    exact = A[:, None] + B[:, None] * np.log(K)
    inner = slice(4, 12)  # the rule leads from there to the middle of the grid
    np.testing.assert_allclose(v[:, inner, 1, 3], exact[:, inner], rtol=1e-6)


def test_the_gap_is_what_the_policy_loses():
    """The gap is quadratic in how much less than best is eaten, the Euler error linear."""
    less, more, twice = (
        examined(lambda k, K, z, s, f=f: f * base().policy(k, K, z, s)) for f in (0.99, 1.01, 0.98)
    )
    assert less.gap[0] > 0.03 and more.gap[0] > 0.03
    assert 3 < twice.gap[0] / less.gap[0] < 5
    assert 1.8 < twice.euler[0] / less.euler[0] < 2.2
    assert less.distance[1] > 1 and more.distance[1] < -1


def wrong_belief(rule):
    c, _ = ks.respond(M, np.array(rule), base().c, base().k, base().K, base().x)
    return base()._replace(c=c).policy


def test_a_rule_that_households_never_use_is_noticed():
    """The rule that their choices obey has a perfect R², and is not the one that they hold."""
    believed = ks.first_rule(M)
    s = examined(wrong_belief(believed))
    assert (s.r2 > 0.999998).all() and s.forecast[0] < 0.5
    assert np.abs(ks.at_points(believed, M) - ks.at_points(s.rule, M)).max() > 1e-3
    assert {"distance", "euler", "gap"} <= set(faults(s))


def test_one_round_is_not_a_solution():
    """A search whose households keep their first rule finds the same rule for ever."""
    believed = ks.first_rule(M)
    _, k1 = ks.respond(M, believed, base().c, base().k, base().K, base().x)
    found = []
    for _ in range(2):  # what a loop computes that forgets to tell the households
        path, _, _ = ks.simulate(M, k1, base().K, base().x, base().z, base().D)
        found.append(ks.regress(path, base().z, 2, 1_000)[0])
    assert np.array_equal(*found)  # it stands still, and "has converged"
    assert np.abs(ks.at_points(found[0], M) - ks.at_points(believed, M)).max() > 1e-3


def test_a_small_euler_residual_is_no_solution():
    s = examined(lambda k, K, z, s: 0.98 * base().policy(k, K, z, s))
    assert s.euler[0] < 1e-3  # a tenth of a percent
    assert s.distance[0] > 3 and faults(s)["gap"] > 10


@pytest.mark.parametrize("periods", [100, 200])
def test_a_time_limit_taken_for_an_end_is_noticed(periods):
    """Backward from a last period in which all is eaten: the households of too short a life."""
    e = base()
    c, new = first_of(periods, e)
    s = examined(e._replace(c=c).policy)
    assert s.distance[1] < -3 and {"distance", "euler", "gap"} <= set(faults(s))
    assert np.abs(new / c - 1).max() > 1e-4


def first_of(periods, e):
    z, K, s, k = np.meshgrid(range(2), e.K, range(2), e.k, indexing="ij")
    R = 1 - M.δ + M.α * M.Z[z] * (K / M.L[z]) ** (M.α - 1)
    wage = (1 - M.α) * M.Z[z] * (K / M.L[z]) ** M.α
    c = R * k + wage * M.labour[z, s]
    new = np.empty_like(c)
    for _ in range(periods):
        kernels.sweep(c, new, e.k, e.K, e.rule, tuple(M)[:10])
        c, new = new, c
    return c, new


def vote(n, periods, rng):
    """Each of n households draws whether times change; the majority decides."""
    z = np.zeros(periods, int)
    for t in range(1, periods):
        z[t] = z[t - 1] ^ (rng.random(n) < 1 / 8).sum() * 2 // (n + 1)
    return z


def test_a_cycle_decided_by_vote_is_noticed(rng):
    """The cycle dies: times change with the chance that half of the households draw a change."""
    for n, most in ((1, 0.13), (5, 0.017), (21, 1e-4)):
        chance = binom.sf(n // 2, n, 1 / 8)
        assert chance < most
        z = vote(n, 10_000, rng)
        assert np.mean(np.diff(z) != 0) == pytest.approx(chance, abs=0.01)
        assert (off_law(z, M.P) > 5) == (n > 1)
    assert off_law(base().z, M.P) < 4


def test_unemployment_that_does_not_follow_the_times_is_refused():
    steady_law = np.broadcast_to(np.array([[0.5, 0.5], [0.0376344, 0.9623656]]), M.Q.shape)
    with pytest.raises(ValueError, match=r"(?s)^L=.*labour of those who work"):
        ks.solve(M._replace(Q=steady_law))
    drifting = M.Q.copy()
    drifting[0, 0] = [[0.5, 0.5], [0.0376344, 0.9623656]]
    with pytest.raises(ValueError, match=r"(?s)^Q=.*depends on the aggregate state alone"):
        ks.solve(M._replace(Q=drifting))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (dict(policy=lambda k, K, z, s: 0 * k), "policy"),
        (dict(policy=lambda k, K, z, s: np.nan * k), "policy"),
        (dict(policy=lambda k, K, z, s: np.ones(3)), "policy"),
        (dict(policy=3), "policy"),
        (dict(T=5), "T"),
        (dict(drop=11_000), "drop"),
        (dict(looks=0), "looks"),
        (dict(n=2.5), "n"),
        (dict(seed=-1), "seed"),
    ],
)
def test_bad_arguments_are_refused_by_name(options, name):
    options = dict(policy=base().policy) | options
    with pytest.raises(ValueError, match=f"(?s)^{name}="):
        examined(**options)
