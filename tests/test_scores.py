"""The scores: known losses, consumption equivalents by hand, exact expectations."""

import numpy as np
import pytest

from marketsai_lite.economies.growth import Growth, brock_mirman
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economy import Shocks
from marketsai_lite.solutions import brock_mirman as closed_form
from marketsai_lite.solutions import (
    egm,
    islands,
    long_plosser,
    lq_monopolist,
    multi_country,
    scores,
)
from marketsai_lite.tabular.solve import policy_iteration
from marketsai_lite.views.table import tabulate


def constant(s, d=1):
    return lambda x, z: np.full((*x.shape[:-1], 1, d), s)


@pytest.mark.parametrize(
    ("δ", "losses"),
    [(0.1, (0.0027, 0.0107, 0.0424, 0.259)), (1.0, (0.0084, 0.0335, 0.133, 0.809))],
)
def test_losses_of_known_errors(δ, losses):
    economy = Islands(2, Growth(δ=δ))
    solution = islands.solve(economy)
    for error, percent in zip((0.005, 0.01, 0.02, 0.05), losses, strict=True):
        score = scores.score(economy, solution, lambda x, z, e=error: solution.policy(x, z) + e)
        assert (score.mae, score.worst, score.bias) == pytest.approx((error,) * 3, rel=1e-9)
        assert 100 * score.loss == pytest.approx(percent, rel=0.01)
    exact = scores.score(economy, solution, solution.policy)
    assert exact == (0.0, 0.0, 0.0, 0.0, 0.0)
    best = scores.score(economy, solution, constant(economy.island.s_ss, 2))
    assert 100 * best.loss == pytest.approx(0.188 if δ < 1 else 0.0, abs=0.001)
    assert best.mae == pytest.approx(0.040 if δ < 1 else 0.0, abs=0.0005)


def test_an_agent_acts_on_what_it_observes():
    economy = LQMonopolist()
    exact = lq_monopolist.solve(economy)

    def act(o):
        return exact.policy(o[..., :1], o[..., 1:])

    x, i, a = scores.simulate(economy, scores.acting(economy, act), size=8, periods=20, drop=10)
    best = exact.policy(x, economy.exo.shocks(i).aggregate)
    np.testing.assert_allclose(a[..., 0], best, rtol=1e-12)
    assert best.std() > 0.01


def test_the_loss_is_the_discounted_difference_of_two_simulations():
    """The regret of random shares against both policies followed from where they lead."""
    economy = Growth()
    solution = egm.solve(economy)
    rng = np.random.default_rng(1)

    def random(x, z):
        return rng.uniform(0.02, 0.7, (len(x), 1, 1))

    score = scores.score(economy, solution, random, size=4000, periods=150, drop=100)
    (x0,), (i0,), _ = scores.simulate(economy, random, size=4000, periods=101, drop=100)
    values = []
    for policy in (solution.policy, random):
        draws, x, i, total = np.random.default_rng(2), x0, i0, 0.0
        for t in range(250):
            x, r = economy.step(x, economy.exo.shocks(i), policy(x, economy.exo.shocks(i)))
            total += economy.β**t * r.mean()
            i = economy.exo.next(i, draws.random(i.shape))
        values.append(total)
    loss = 1 - np.exp(-(1 - economy.β) * (values[0] - values[1]))
    assert score.loss == pytest.approx(loss, abs=0.002)
    assert 0.09 < loss < 0.10


def test_brock_mirman_losses_do_not_depend_on_units():
    """Constant shares: the share of consumption lost, and why a percentage of utility misleads."""
    economy, β = brock_mirman(), 0.96
    solution = closed_form.solve(economy)
    for s, lost in ((0.25, 0.0341), (0.20, 0.0842), (0.10, 0.286)):
        V = [utility_of_a_constant_share(share) for share in (0.3456, s)]
        loss = scores.consumption_equivalent(V[0], V[0] - V[1], β)
        assert loss == pytest.approx(lost, abs=5e-5 if s > 0.1 else 5e-4)
        # with constant shares regret is the same in every state, so the score is exact
        assert scores.score(economy, solution, constant(s)).loss == pytest.approx(loss, abs=5e-4)
    V = [utility_of_a_constant_share(share) for share in (0.3456, 0.25)]
    assert V[0] == pytest.approx(-25.5419, abs=1e-4)
    assert V[0] / V[1] == pytest.approx(0.967, abs=5e-4)
    cents = np.array(V) + np.log(100) / (1 - β)
    assert cents[1] / cents[0] == pytest.approx(0.990, abs=5e-4)


def utility_of_a_constant_share(s, α=0.36, β=0.96):
    k, total = (α * β) ** (1 / (1 - α)), 0.0
    for t in range(2000):
        total += β**t * np.log((1 - s) * k**α)
        k = s * k**α
    return total


@pytest.mark.parametrize("γ", [1.0, 2.0, 5.0, 0.5])
def test_consumption_equivalents_by_hand(γ):
    """Scale a consumption path by 1 - λ, compare the values, and get λ back."""
    β, λ = 0.9, 0.07
    c = np.random.default_rng(0).uniform(0.5, 2.0, 400)

    def value(c):
        u = np.log(c) if γ == 1 else c ** (1 - γ) / (1 - γ)
        return (β ** np.arange(len(c)) * u).sum()

    v, less = value(c), value((1 - λ) * c)
    assert scores.consumption_equivalent(v, v - less, β, γ) == pytest.approx(λ, rel=1e-9)


def test_scores_of_crra_utility_scale_with_the_square_of_the_error():
    economy = Growth(γ=2.0)
    solution = egm.solve(economy)
    small, large = (
        scores.score(economy, solution, lambda x, z, e=e: solution.policy(x, z) + e)
        for e in (0.005, 0.01)
    )
    assert 0 < small.loss < large.loss
    assert large.loss / small.loss == pytest.approx(4.0, rel=0.03)


@pytest.mark.parametrize(("d", "loss", "moved"), [(2, 0.134, 0.063), (4, 0.197, 0.093)])
def test_equal_weights_of_the_countries(d, loss, moved):
    economy = MultiCountry(d)
    solution = multi_country.solve(economy)
    s = economy.α * economy.β

    def weights(a):
        shares = economy.shares(a)[..., 1:]
        return shares / shares.sum(-1, keepdims=True)

    score = scores.score(economy, solution, constant(np.log(s / (1 - s)), d), measure=weights)
    assert 100 * score.loss == pytest.approx(loss, rel=0.04)
    assert d * score.mae == pytest.approx(moved, rel=0.04)


def test_long_plosser_regret_is_the_same_in_every_state():
    economy = LongPlosser(random_technology(3))
    solution = long_plosser.solve(economy)
    rng = np.random.default_rng(0)
    x, i = economy.initial(rng.random((20, 3))), economy.exo.initial(rng.random((20, 4)))
    z = economy.exo.shocks(i)
    a = solution.policy(x, z)
    q = [scores.action_value(economy, solution, x, z, b) for b in (a, a + 0.3)]
    assert np.ptp(q[0] - q[1]) < 1e-12 and (q[0] > q[1]).all()


def test_euler_errors_vanish_at_the_optimum_and_are_exact_off_it():
    rng = np.random.default_rng(3)
    for economy, solve in (
        (Islands(3, brock_mirman()), islands.solve),
        (MultiCountry(4), multi_country.solve),
    ):
        solution = solve(economy)
        x = economy.initial(rng.random((30, len(economy.state))))
        i = economy.exo.initial(rng.random((30, economy.exo.width)))
        errors = scores.euler_errors(economy, solution.policy, x, i)
        assert errors.shape == x.shape and errors.max() < 1e-12
        assert scores.euler_score(economy, solution.policy, x, i).mean < -13
    # a constant share s of Brock-Mirman's output: β E[α y'/k' c/c'] = αβ/s
    economy = brock_mirman()
    x, i = economy.initial(rng.random((30, 1))), economy.exo.initial(rng.random((30, 1)))
    errors = scores.euler_errors(economy, constant(0.3), x, i)
    np.testing.assert_allclose(errors, abs(0.3 / 0.3456 - 1), rtol=1e-12)
    mean, largest = scores.euler_score(economy, constant(0.3), x, i)
    assert mean == pytest.approx(largest) == pytest.approx(np.log10(1 - 0.3 / 0.3456))


def test_an_economy_without_margins_has_no_euler_errors():
    words = (
        r"^economy='LQMonopolist': must be an economy with margins\(x, z, a\): the cost and the g"
    )
    with pytest.raises(ValueError, match=words):
        scores.euler_errors(LQMonopolist(), constant(3.0), np.full((1, 1), 3.0), np.zeros((1, 1)))


def tabulated(economy, ends, nodes, shares):
    x = np.log(economy.k_ss) + np.linspace(*ends, nodes)
    table = tabulate(economy, x, actions=shares)
    return table, policy_iteration(table.mdp).σ


def test_a_tabulated_growth_model_is_scored():
    """Its value is linear in log capital: a grid that has the best share has the exact policy."""
    economy = brock_mirman()
    solution = closed_form.solve(economy)
    table, σ = tabulated(economy, (-1.5, 1.05), 12, [0.16, 0.3456, 0.6])
    exact = scores.score(economy, solution, scores.interpolated(table, σ))
    np.testing.assert_allclose(exact, 0.0, atol=1e-12)
    one = scores.score(economy, solution, scores.interpolated(table, np.zeros_like(σ)))
    assert one == pytest.approx(scores.score(economy, solution, constant(0.16)), rel=1e-9)
    assert one.mae == pytest.approx(0.1856) and one.bias == pytest.approx(-0.1856)


def test_a_finer_table_loses_less():
    economy = Growth(γ=2.0)
    solution, losses = egm.solve(economy), []
    for nodes, m in ((24, 20), (96, 80)):
        table, σ = tabulated(economy, (-2.5, 1.05), nodes, np.linspace(0.06, 0.44, m))
        score = scores.score(economy, solution, scores.interpolated(table, σ))
        assert score.mae < 0.38 / (m - 1)  # the distance between two actions
        losses.append(score.loss)
    assert 0 < losses[1] < losses[0] / 3 and losses[0] < 2e-4


def test_actions_between_nodes_are_interpolated_in_each_state_of_the_shocks():
    """Two stocks and their own shocks: a function that is linear in each stock is reproduced."""
    economy = Islands(2)
    k = np.log(economy.island.k_ss) + np.linspace(-2.75, 1.05, 4)
    table = tabulate(economy, k, k, actions=np.full((4**2 * 4, 2), 0.2))

    def f(x, z):
        e = z.own[..., 0]
        first = x[..., :1] * x[..., 1:] * e[..., :1] - x[..., 1:]
        return np.concatenate([first, e[..., 1:] + x[..., :1]], -1)[..., None, :]

    z = Shocks(table.z[:, :1], table.z[:, 1:, None])
    policy = scores.interpolated(table._replace(a=f(table.x, z)[:, 0]), np.arange(len(table.x)))
    rng = np.random.default_rng(0)
    i = economy.exo.initial(rng.random((5, 40, 3)))
    x = rng.uniform(k[0], k[-1], (5, 40, 2))
    np.testing.assert_allclose(policy(x, economy.exo.shocks(i)), f(x, economy.exo.shocks(i)))
    z = economy.exo.shocks(i[0, 0])
    np.testing.assert_allclose(policy(x[0, 0], z), f(x[0, 0], z))  # one state alone
    np.testing.assert_allclose(policy(k[[-1, 0]] + [9.0, -9.0], z), f(k[[-1, 0]], z))  # the ends


@pytest.mark.parametrize("σ", [np.zeros(3, int), np.zeros(24), np.full(24, 2), np.full(24, -1)])
def test_what_is_no_policy_of_a_table_is_refused(σ):
    table, best = tabulated(brock_mirman(), (-1.5, 1.05), 12, [0.16, 0.6])
    with pytest.raises(
        ValueError, match=r"(?s)^σ=.*must be integers in 0, ..., 1 of shape \(24,\)"
    ):
        scores.interpolated(table, σ)
    with pytest.raises(ValueError, match=r"^table='its shocks z': must be different in each"):
        scores.interpolated(table._replace(z=0 * table.z), best)


def test_a_simulation_is_reproducible_and_starts_after_the_drop():
    economy = Growth()
    first = scores.simulate(economy, constant(0.2), size=5, periods=12, drop=4)
    again = scores.simulate(economy, constant(0.2), size=5, periods=12, drop=4)
    whole = scores.simulate(economy, constant(0.2), size=5, periods=12, drop=0)
    for u, v, w in zip(first, again, whole, strict=True):
        assert np.array_equal(u, v) and np.array_equal(u, w[4:])
    x, i, a = first
    np.testing.assert_array_equal(
        economy.step(x[:-1], economy.exo.shocks(i[:-1]), a[:-1])[0], x[1:]
    )
    with pytest.raises(ValueError, match="drop=12"):
        scores.simulate(economy, constant(0.2), periods=12, drop=12)


def test_too_many_successors_are_refused():
    economy = Islands(13)
    with pytest.raises(ValueError, match=r"n=13: must be .* at most 4,096 joint states"):
        scores.euler_errors(economy, constant(0.2, 13), np.zeros((1, 13)), np.zeros((1, 14), int))
