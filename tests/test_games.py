"""Markov games: best responses and equilibria against closed forms and slow formulas."""

from itertools import product

import numpy as np
import pytest
from conftest import PRISONERS_DILEMMA

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.solutions import cournot, private_signals
from marketsai_lite.tabular.evaluate import policy_value
from marketsai_lite.tabular.games import MarkovGame, best_response, exploitability, induced
from marketsai_lite.views.table import tabulate_game

C, D = 0, 1


def dilemma(β):
    economy = RepeatedGame(PRISONERS_DILEMMA, β=β)
    return tabulate_game(economy, [0.0, 1.0], [0.0, 1.0])


@pytest.mark.parametrize("β", [0.3, 0.8])
def test_grim_trigger_is_an_equilibrium_only_for_the_patient(β):
    table = dilemma(β)
    grim = np.where((table.x == C).all(1), C, D)
    gaps = exploitability(table.game, (grim, grim))
    # At (C, C): cooperating for ever is worth 3 / (1 - β), cheating once 5 + β / (1 - β).
    gain = max(5 + β / (1 - β) - 3 / (1 - β), 0.0)
    np.testing.assert_allclose(gaps, gain, atol=1e-12)


def test_always_defect_is_an_equilibrium():
    table = dilemma(0.9)
    defect = np.full(4, D)
    np.testing.assert_allclose(exploitability(table.game, (defect, defect)), 0.0, atol=1e-12)
    response = best_response(table.game, (defect, defect), 0)
    assert (response.σ == D).all()
    np.testing.assert_allclose(response.v, 1 / (1 - 0.9))


def test_an_agents_actions_are_told_apart_from_the_others():
    game = dilemma(0.0).game
    cooperate, defect = np.full(4, C), np.full(4, D)
    assert (induced(game, (defect, cooperate), 0).r == [3.0, 5.0]).all()
    assert (induced(game, (cooperate, defect), 1).r == [3.0, 5.0]).all()
    assert (induced(game, (cooperate, defect), 0).r == [0.0, 1.0]).all()


def random_game(rng, shape=(2, 3, 2), nx=3, nz=2, K=2):
    M = int(np.prod(shape))
    weight = rng.dirichlet(np.ones(K), (nx * nz, M))
    return MarkovGame(
        rng.normal(size=(len(shape), nx * nz, M)),
        rng.integers(nx, size=(nx * nz, M, K)),
        weight,
        rng.dirichlet(np.ones(nz), nz),
        0.8,
        shape,
    )


def slow_value(game, mixed, agent):
    """Value of mixed policies by summing over every joint action, node and shock."""
    S, nz = game.r.shape[1], len(game.P)
    r, T = np.zeros(S), np.zeros((S, S))
    for s in range(S):
        for number, profile in enumerate(product(*map(range, game.shape))):
            probability = np.prod([π[s, a] for π, a in zip(mixed, profile, strict=True)])
            r[s] += probability * game.r[agent, s, number]
            for k in range(game.index.shape[2]):
                for z in range(nz):
                    to = game.index[s, number, k] * nz + z
                    T[s, to] += probability * game.weight[s, number, k] * game.P[s % nz, z]
    return np.linalg.solve(np.eye(S) - game.β * T, r)


@pytest.mark.parametrize("agent", [0, 1, 2])
def test_the_induced_problem_has_the_value_of_the_game(rng, agent):
    game = random_game(rng)
    mixed = [rng.dirichlet(np.ones(m), game.r.shape[1]) for m in game.shape]
    mdp = induced(game, mixed, agent)
    np.testing.assert_allclose(policy_value(mixed[agent], mdp), slow_value(game, mixed, agent))
    best = best_response(game, mixed, agent)
    for σ in product(range(game.shape[agent]), repeat=game.r.shape[1]):  # every pure deviation
        pure = np.eye(game.shape[agent])[list(σ)]
        v = slow_value(game, [*mixed[:agent], pure, *mixed[agent + 1 :]], agent)
        assert (v <= best.v + 1e-9).all()
    np.testing.assert_allclose(best.gap, best.v - slow_value(game, mixed, agent), atol=1e-10)


def test_pure_and_mixed_policies_agree(rng):
    game = random_game(rng)
    pure = [rng.integers(m, size=game.r.shape[1]) for m in game.shape]
    mixed = [np.eye(m)[σ] for m, σ in zip(game.shape, pure, strict=True)]
    np.testing.assert_allclose(exploitability(game, pure), exploitability(game, mixed), atol=1e-12)
    assert induced(game, pure, 0).index.shape[2] <= game.index.shape[2]


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        (([0, 0, 0, 0],), "policies: 1 given"),
        (([0, 0, 0, 2], [0, 0, 0, 0]), r"policies\[0\]: actions must be in"),
        (([0, 0, 0], [0, 0, 0, 0]), r"policies\[0\]: shape"),
        (([0, 0, 0, 0], np.full((4, 2), 0.6)), r"^sum of row \[0\] of policies\[1\]=1\.2: m"),
    ],
)
def test_a_bad_policy_is_refused(policies, words):
    with pytest.raises(ValueError, match=words):
        exploitability(dilemma(0.5).game, policies)


def test_a_bad_game_is_refused():
    game = dilemma(0.5).game
    with pytest.raises(ValueError, match="shape="):
        MarkovGame(game.r, game.index, game.weight, game.P, game.β, (2, 3))
    with pytest.raises(ValueError, match="β"):
        MarkovGame(game.r, game.index, game.weight, game.P, 1.0, (2, 2))
    with pytest.raises(ValueError, match="agent=2"):
        induced(game, ([0] * 4, [0] * 4), 2)


@pytest.mark.parametrize(
    "costs", [(0.0,), (0.0, 0.0), (0.0, 0.1, 0.2), (0.0, 0.0, 0.9), (0.3, 0.2, 0.1, 0.0)]
)
def test_cournot_nash_is_where_nobody_gains(costs):
    economy = Cournot(costs=costs)
    q = cournot.nash(economy)
    deviations = np.linspace(0, 1, 2001)
    x, z = np.zeros(len(costs)), economy.exo.shocks(np.zeros(1, int))
    profit = economy.step(x, z, q[:, None])[1]
    for i in range(len(costs)):
        a = np.tile(q[:, None], (len(deviations), 1, 1))
        a[:, i, 0] = deviations
        best = economy.step(np.tile(x, (len(a), 1)), z, a)[1][:, i].max()
        assert best <= profit[i] + 1e-12
    assert profit == pytest.approx(q**2)  # profit is b q² in equilibrium


def test_cournot_reference_values():
    np.testing.assert_allclose(cournot.nash(Cournot(costs=(0.0, 0.1, 0.2))), [0.325, 0.225, 0.125])
    np.testing.assert_allclose(cournot.nash(Cournot(costs=(0.0, 0.0, 0.9))), [1 / 3, 1 / 3, 0])
    assert cournot.cartel(Cournot()) == 0.5
    assert cournot.competitive(Cournot(costs=(0.4, 0.2))) == pytest.approx(0.8)
    with pytest.raises(ValueError, match="capacity"):
        cournot.nash(Cournot(capacity=0.2))


def test_the_tabulated_cournot_game_has_the_grid_equilibrium():
    grid = np.linspace(0, 1, 13)  # holds 1/3
    table = tabulate_game(Cournot(β=0.5), grid, grid, actions=(grid, grid))
    third = np.full(len(table.x), 4)
    np.testing.assert_allclose(exploitability(table.game, (third, third)), 0.0, atol=1e-12)


def test_the_payoff_array_is_the_stage_game():
    economy = LogitOligopoly(np.linspace([1.4, 1.5], 2.0, 4).T, a=(2.0, 2.2), c=(1.0, 0.9))
    payoffs = economy.payoffs()
    for i, j in np.ndindex(4, 4):
        p = np.array([economy.prices[0, i], economy.prices[1, j]])
        _, r = economy.step(p, None, p[:, None])
        np.testing.assert_allclose(payoffs[:, i, j], r, rtol=1e-14)
    outside = np.exp(economy.a0 / economy.μ)
    weights = np.exp((np.array(economy.a) - p) / economy.μ)
    np.testing.assert_allclose(economy.demand(p), weights / (weights.sum() + outside))


@pytest.mark.parametrize("ρ", [0.5, 0.8, 1.0])
def test_the_bayesian_equilibrium_is_where_nobody_gains(ρ):
    economy = PrivateSignals(ρ=ρ)
    pricing = private_signals.equilibrium(economy)
    profit = private_signals.profit(economy, pricing, pricing)
    for low, high in product(np.linspace(0, 3, 61), repeat=2):  # any price at each signal
        other = private_signals.LinearPricing((low + high) / 2, (high - low) / (2 * economy.σ))
        assert private_signals.profit(economy, other, pricing) <= profit + 1e-12
    assert private_signals.best_response_gap(economy, pricing) == pytest.approx(0, abs=1e-14)
    team = private_signals.team(economy)
    assert private_signals.profit(economy, team, team) > profit
    assert private_signals.best_response_gap(economy, team) > 0
    if ρ < 1:
        naive = private_signals.naive(economy)
        assert private_signals.best_response_gap(economy, naive) > 0


def test_expected_profit_is_the_average_of_step(rng):
    economy = PrivateSignals()
    own, rival = private_signals.equilibrium(economy), private_signals.naive(economy)
    i = economy.exo.initial(rng.random((400_000, 3)))
    z = economy.exo.shocks(i)
    s = z.own
    a = np.stack([own.price(s[:, 0]), rival.price(s[:, 1])], 1)
    _, r = economy.step(np.zeros((len(a), 0)), z, a)
    se = r[:, 0].std() / np.sqrt(len(r))
    assert r[:, 0].mean() == pytest.approx(private_signals.profit(economy, own, rival), abs=5 * se)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RepeatedGame(np.zeros((2, 2))), "payoffs"),
        (lambda: RepeatedGame(np.full((1, 2), np.nan)), "payoffs"),
        (lambda: RepeatedGame(np.zeros((1, 2)), β=1.0), "β"),
        (lambda: Cournot(costs=()), "costs"),
        (lambda: Cournot(capacity=0.0), "capacity"),
        (lambda: LogitOligopoly(np.ones(3)), "prices"),
        (lambda: LogitOligopoly(np.ones((3, 2))), "a="),
        (lambda: LogitOligopoly(np.ones((2, 2)), μ=0.0), "μ"),
        (lambda: PrivateSignals(ρ=0.4), "ρ"),
        (lambda: PrivateSignals(d=1.0), "d="),
    ],
)
def test_bad_parameters_are_refused(make, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        make()


def test_arguments_in_the_wrong_order_are_refused():
    game = dilemma(0.9).game
    mdp, σ = induced(game, [np.zeros(4, dtype=int)] * 2, 0), np.zeros(4, dtype=int)
    with pytest.raises(ValueError, match=r"(?s)^mdp=.*an MDP, after the policy: \(σ, mdp\)"):
        policy_value(mdp, σ)
    with pytest.raises(ValueError, match=r"(?s)^game=.*a MarkovGame, before the policies"):
        best_response([σ, σ], game, 0)
