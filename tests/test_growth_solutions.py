"""Closed forms and the method of endogenous grid points against reference values."""

import numpy as np
import pytest

from marketsai_lite.economies.growth import Growth, brock_mirman
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economy import Exogenous, Shocks, ar1, constant
from marketsai_lite.solutions import brock_mirman as closed_form
from marketsai_lite.solutions import egm, islands, long_plosser, multi_country, scores
from marketsai_lite.solutions.chains import locate, successors
from marketsai_lite.tabular.bellman import action_values, expected
from marketsai_lite.tabular.solve import policy_iteration

BAD = Exogenous([[0.75], [1.25]], [[0.975, 0.025], [0.05, 0.95]])
FREE = {"low": 1e-9, "high": 1 - 1e-9}  # no bounds on the share saved


def lognormal(n, ρ, σ):
    chain = ar1(n, ρ, σ)
    return Exogenous(np.exp(chain.values), chain.transition)


def share(solution, k, z):
    """Share saved at capital `k` relative to the steady state, in state `z` of the chain."""
    economy = solution.economy
    return solution.policy(np.log([k * economy.k_ss]), economy.exo.shocks(np.array([z])))[0, 0]


def bellman_gap(economy, solution, x, i, nearby=0.0):
    """Value minus the right-hand side of the Bellman equation, at the policy plus `nearby`."""
    z = economy.exo.shocks(i)
    a = solution.policy(x, z) + nearby
    return solution.value(x, z) - scores.action_value(economy, solution, x, z, a)


def expected_by_hand(economy, solution, x, i):
    """Sum of probability times value over all successors of one state."""
    states, probability = successors(economy.exo, i)
    assert probability.sum() == pytest.approx(1.0, abs=1e-14)
    return sum(
        p * solution.value(x, economy.exo.shocks(j))
        for p, j in zip(probability, states, strict=True)
    )


SOLVED = {
    "brock-mirman": (brock_mirman(), closed_form.solve, 1e-13),
    "brock-mirman, constant": (brock_mirman(exo=constant(1.0)), closed_form.solve, 1e-13),
    "egm": (Growth(γ=2.0), egm.solve, 2e-8),
    "islands": (Islands(3), islands.solve, 2e-8),
    "islands, closed form": (Islands(3, brock_mirman()), islands.solve, 1e-13),
    "multi-country": (MultiCountry(3), multi_country.solve, 1e-12),
    "long-plosser": (LongPlosser(θ=[1.0, 2.0]), long_plosser.solve, 1e-12),
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVED)
def test_the_bellman_equation_holds_and_no_other_action_is_better(name, rng):
    economy, solve, tolerance = SOLVED[name]
    solution = solve(economy)
    x = economy.initial(rng.random((40, len(economy.state))))
    i = economy.exo.initial(rng.random((40, economy.exo.width)))
    np.testing.assert_allclose(bellman_gap(economy, solution, x, i), 0.0, atol=tolerance)
    size = len(economy.actions[0].low)
    for step in (0.003, 0.05):
        for direction in (*np.eye(size), *-np.eye(size)):
            assert (bellman_gap(economy, solution, x, i, step * direction) > 0).all()
    for t in range(5):
        ours = solution.expected(x[t], economy.exo.shocks(i[t]))
        assert ours == pytest.approx(expected_by_hand(economy, solution, x[t], i[t]), abs=1e-12)


def test_brock_mirman_numbers():
    solution = closed_form.solve(brock_mirman())
    assert (solution.s, solution.b) == pytest.approx((0.3456, 0.550122), abs=5e-7)
    assert closed_form.solve(brock_mirman(α=0.33, β=0.98)).b == pytest.approx(0.487733, abs=5e-7)
    certain = closed_form.solve(brock_mirman(exo=constant(1.0)))
    α, β = 0.36, 0.96
    a = (np.log(1 - α * β) + α * β / (1 - α * β) * np.log(α * β)) / (1 - β)
    assert certain.a[0] == pytest.approx(a, rel=1e-12)
    v = certain.value(np.log([brock_mirman().k_ss]), Shocks(np.ones(1), None))
    assert v == pytest.approx(-25.5419, abs=1e-4)
    with pytest.raises(ValueError, match=r"δ=0\.1"):
        closed_form.solve(Growth())
    with pytest.raises(ValueError, match=r"γ=2\.0"):
        closed_form.solve(Growth(γ=2.0, δ=1.0))


def test_the_capital_table_of_the_convergence_experiments():
    k = np.linspace(0.08, 0.34, 20)
    economy = brock_mirman()
    mdp = closed_form.capital_table(economy, k)
    solution = policy_iteration(mdp)
    q = action_values(expected(solution.v, mdp), mdp)
    assert (q.min(), q.max()) == pytest.approx((-28.699449, -24.755097), abs=1e-6)
    y = (economy.exo.values[:, 0] * k[:, None] ** economy.α).ravel()
    assert (k[solution.σ] / y).mean() == pytest.approx(0.345707, abs=1e-6)


def test_the_growth_sized_table():
    economy = Growth(α=0.65, β=0.95, δ=1.0, exo=constant(1.0))
    k = np.linspace(1e-6, 2.0, 2000)
    mdp = closed_form.capital_table(economy, k)
    assert mdp.feasible.sum() == 1_901_924
    solution = policy_iteration(mdp)
    at = [499, 999, 1999]
    reference = [-35.96608040420514, -34.786481384293, -33.6077330639616]
    np.testing.assert_allclose(solution.v[at], reference, atol=1e-10)
    assert solution.σ[at].tolist() == [393, 617, 969]
    exact = closed_form.solve(economy).value(np.log(k[1:, None]), Shocks(np.ones((1999, 1)), None))
    assert np.abs(solution.v[1:] - exact).max() == pytest.approx(9.6e-4, abs=1e-5)


def test_a_bad_capital_grid_is_refused():
    for k in ([], [0.0, 1.0], [1.0, 1.0], [[1.0]], [np.nan, 1.0]):
        with pytest.raises(ValueError, match=r"^k="):
            closed_form.capital_table(Growth(), k)


@pytest.mark.parametrize(
    ("parameters", "low", "high"),
    [
        ({}, [0.28999, 0.24485, 0.20518, 0.16944, 0.13668],
         [0.36411, 0.32832, 0.29670, 0.26812, 0.24185]),
        ({"γ": 2.0}, [0.24371, 0.22492, 0.20851, 0.19385, 0.18054],
         [0.32105, 0.30907, 0.29820, 0.28825, 0.27906]),
        ({"γ": 5.0}, [0.20293, 0.20865, 0.21334, 0.21736, 0.22090],
         [0.28793, 0.29888, 0.30736, 0.31428, 0.32015]),
        ({"β": 0.99, "δ": 0.025}, [0.28534, 0.23235, 0.18653, 0.14570, 0.10857],
         [0.39461, 0.35221, 0.31543, 0.28258, 0.25265]),
        ({"α": 0.33, "β": 0.98, "δ": 0.04, "γ": 2.0, "exo": BAD},
         [0.17879, 0.14858, 0.12271, 0.09987, 0.07930],
         [0.38267, 0.37017, 0.35892, 0.34864, 0.33916]),
    ],
)  # fmt: skip
def test_egm_policies_and_euler_errors(parameters, low, high):
    economy = Growth(**FREE, **parameters)
    for n, mean, largest in ((200, (-5.71, -5.63), (-5.27, -5.19)),
                             (2000, (-7.74, -7.64), (-7.28, -7.18))):  # fmt: skip
        solution = egm.solve(economy, n=n, low=0.3, high=2.5)
        assert solution.converged and solution.residual <= 1e-11
        k = np.log(economy.k_ss * np.linspace(0.6, 1.5, 5001))[:, None]
        i = np.repeat([[0], [1]], len(k), 0)
        errors = scores.euler_score(economy, solution.policy, np.tile(k, (2, 1)), i)
        assert mean[0] < errors.mean < mean[1]
        assert largest[0] < errors.max < largest[1]
    for z, values in enumerate((low, high)):
        ours = [share(solution, k, z) for k in (0.6, 0.8, 1.0, 1.2, 1.4)]
        np.testing.assert_allclose(ours, values, atol=2e-5)
    # a wide grid, for scoring agents that wander, loses nothing
    wide = egm.solve(economy)
    errors = scores.euler_score(economy, wide.policy, np.tile(k, (2, 1)), i)
    assert -7.76 < errors.mean < -7.64
    assert -7.28 < errors.max < -7.18
    np.testing.assert_allclose(
        [share(wide, k, 0) for k in (0.6, 1.4)], [share(solution, k, 0) for k in (0.6, 1.4)],
        atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "chain", "ends", "table", "moments"),
    [
        ({"β": 0.99, "δ": 0.025}, (7, 0.95, 0.007), (0.946568, 1.056448, 0.859068),
         [[0.27056, 0.29724, 0.32273], [0.22736, 0.25640, 0.28412], [0.18883, 0.21996, 0.24967]],
         (37.9976, 1.1478, 0.2562, 0.0091, 2.7545, 0.0645)),
        ({"γ": 2.0}, (7, 0.9, 0.02), (0.893695, 1.118949, 0.735092),
         [[0.23051, 0.26792, 0.30234], [0.21416, 0.25450, 0.29159], [0.19954, 0.24239, 0.28176]],
         (4.3129, 0.3587, 0.2540, 0.0130, 1.2616, 0.0710)),
    ],
)  # fmt: skip
def test_egm_with_an_autoregressive_shock(parameters, chain, ends, table, moments):
    economy = Growth(exo=lognormal(*chain), **parameters)
    z, P = economy.exo.values[:, 0], economy.exo.transition
    assert (z[0], z[-1], P[0, 0]) == pytest.approx(ends, abs=1e-6)
    solution = egm.solve(economy, n=2_000, low=0.3, high=2.5)
    ours = [[share(solution, k, z) for z in (0, 3, 6)] for k in (0.8, 1.0, 1.2)]
    np.testing.assert_allclose(ours, table, atol=2e-5)
    check_moments(economy, solution, moments)


@pytest.mark.parametrize(
    ("parameters", "moments"),
    [
        ({}, (4.3156, 0.5764, 0.2517, 0.0384, 1.2600, 0.1322)),
        ({"γ": 2.0}, (4.3765, 0.7326, 0.2530, 0.0409, 1.2609, 0.1268)),
        ({"γ": 5.0}, (4.6735, 1.0814, 0.2623, 0.0506, 1.2673, 0.1197)),
        ({"β": 0.99, "δ": 0.025}, (38.0414, 3.5384, 0.2510, 0.0610, 2.7503, 0.1750)),
    ],
)
def test_simulated_moments(parameters, moments):
    economy = Growth(**parameters)
    check_moments(economy, egm.solve(economy), moments)


def check_moments(economy, solution, moments):
    """Means within 1%, standard deviations within 4%: another simulation's have their noise."""
    x, i, a = scores.simulate(economy, solution.policy, size=1000, periods=600, drop=350)
    k, s = np.exp(x[..., 0]), a[..., 0, 0]
    c = (1 - s) * economy.exo.shocks(i).aggregate[..., 0] * k**economy.α
    ours = [f(v) for v in (k, s, c) for f in (np.mean, np.std)]
    for value, reference, tolerance in zip(ours, moments, (0.01, 0.04) * 3, strict=True):
        assert value == pytest.approx(reference, rel=tolerance)


def test_egm_reproduces_the_closed_form():
    economy = brock_mirman(**FREE)
    ours, exact = egm.solve(economy), closed_form.solve(economy)
    x = np.log(economy.k_ss) + np.linspace(-1.0, 1.0, 101)[:, None]
    for z in economy.exo.values:
        z = Shocks(np.broadcast_to(z, x.shape), None)
        np.testing.assert_allclose(ours.policy(x, z), 0.3456, atol=1e-9)
        np.testing.assert_allclose(ours.value(x, z), exact.value(x, z), atol=1e-8)


def test_evaluation_paths_of_the_original():
    """The optimum along the paths on which Covarrubias (2021) evaluated his agents."""
    economy = Growth(α=0.33, β=0.98, δ=0.04, γ=2.0, exo=constant(1.0))
    still, one = np.zeros((256, 1), dtype=int), (1 - 0.98**256) / 0.02
    solution = egm.solve(economy)
    for k, value in ((5.0, 18.63669), (10.0, 21.24240)):
        ours = scores.path_value(economy, solution.policy, np.log([k]), still)
        assert ours + one == pytest.approx(value, abs=1e-5)
    constant_share = lambda s: lambda x, z: np.full((1, 1), s)  # noqa: E731
    ours = scores.path_value(economy, constant_share(0.2395), np.log([5.0]), still)
    assert ours + one == pytest.approx(18.59802, abs=1e-5)

    economy = Growth(β=0.99, δ=0.025)
    t = np.arange(200)[:, None]
    path = np.where(t == 0, 1, t // 10 % 2)
    solution = egm.solve(economy)
    ours = scores.path_value(economy, solution.policy, np.log([0.5 * economy.k_ss]), path)
    assert ours == pytest.approx(78.69799, abs=5e-5)


def test_egm_says_when_it_stops_short():
    with pytest.warns(UserWarning, match="stopped after 5 iterations"):
        solution = egm.solve(Growth(), n=50, max_iter=5)
    assert not solution.converged and solution.iterations == 5 and solution.residual > 1e-11
    with pytest.raises(ValueError, match="n=1"):
        egm.solve(Growth(), n=1)
    with pytest.raises(ValueError, match=r"low=1\.5"):
        egm.solve(Growth(), low=1.5)
    for wrong in ({"max_iter": 0}, {"tol": -1.0}, {"tol": np.nan}, {"n": 50.5}, {"high": np.inf}):
        (name,) = wrong
        with pytest.raises(ValueError, match=f"^{name}="):
            egm.solve(Growth(), **wrong)


def test_islands_are_solved_one_by_one(rng):
    for island in (Growth(γ=2.0), brock_mirman()):
        economy = Islands(4, island)
        solution = islands.solve(economy)
        one = (closed_form if island.δ == 1 else egm).solve(island)
        x = economy.initial(rng.random((7, 4)))
        z = economy.exo.shocks(economy.exo.initial(rng.random((7, 5))))
        a = solution.policy(x, z)
        assert a.shape == (7, 1, 4)
        for j in range(4):
            np.testing.assert_array_equal(
                a[:, 0, j], one.policy(x[:, j, None], Shocks(z.own[:, j], None))[:, 0, 0]
            )


def test_the_weights_of_the_countries():
    for d, low, high in ((2, 0.8755, 1.1245), (4, 0.8240, 1.1993), (8, 0.8005, 1.2406)):
        solution = multi_country.solve(MultiCountry(d))
        assert solution.converged
        np.testing.assert_allclose(solution.w.sum(1), 1.0, atol=1e-13)
        assert (d * solution.w.min(), d * solution.w.max()) == pytest.approx((low, high), abs=5e-5)
    with pytest.warns(UserWarning, match="stopped after 2"):
        multi_country.solve(MultiCountry(2), max_iter=2)
    with pytest.raises(ValueError, match=r"n=13: must be .* at most 4,096 joint states"):
        multi_country.solve(MultiCountry(13))


@pytest.mark.parametrize("d", [1, 2, 5, 20])
def test_long_plosser_shares(d):
    economy = LongPlosser(random_technology(d))
    solution = long_plosser.solve(economy)
    np.testing.assert_allclose(solution.consumed + solution.used.sum(0), 1.0, atol=1e-13)
    a = solution.policy(np.zeros(d), None)
    (box,) = economy.actions
    assert (a > box.low).all() and (a < box.high).all()
    C, X = economy.shares(a)
    np.testing.assert_allclose(C, solution.consumed)
    np.testing.assert_allclose(X, solution.used)
    # without shocks the optimal policy rests in the steady state
    x = economy.x_ss
    z = Shocks(np.zeros(1), np.zeros((d, 1)))
    np.testing.assert_allclose(economy.step(x, z, a)[0], x, atol=1e-12)


def test_a_state_is_found_by_its_values():
    values = np.array([[0.9, 1.0], [1.1, 1.0], [1.1, 2.0]])
    z = values[[2, 0, 1, 1]].astype(np.float32)
    assert locate(values, z).tolist() == [2, 0, 1, 1]
