"""What the others' fixed policies leave to one agent: its best response, exactly and by table."""

from itertools import product

import numpy as np
import pytest
import torch
from conftest import PRISONERS_DILEMMA, Attrition, Taxes, Turns, keep_half, tax

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economy import Shocks, Terms, check_economy, namespace, stationary
from marketsai_lite.solutions import cournot, private_signals
from marketsai_lite.solutions.best_response import best_response_gain
from marketsai_lite.tabular.games import best_response
from marketsai_lite.tabular.solve import policy_iteration
from marketsai_lite.views.batch import Batch
from marketsai_lite.views.gymnasium import GymnasiumView
from marketsai_lite.views.induced import Induced
from marketsai_lite.views.table import tabulate, tabulate_game


@pytest.mark.parametrize(("agent", "other"), [(0, 0.2), (1, 0.2), ("firm 2", 0.35)])
def test_cournots_best_response_is_the_formula(agent, other):
    economy = Cournot(a=1.2, b=0.8, costs=(0.1, 0.3), β=0.5)
    one = Induced(economy, [lambda o: other + 0 * o[..., :1]], agent)
    grid = np.linspace(0, 1, 201)
    k = 0 if agent == 0 else 1
    last = (grid, [other]) if k == 0 else ([other], grid)
    table = tabulate(one, *last, actions=grid)
    best = table.a[policy_iteration(table.mdp).σ, 0]
    c = economy.costs[k]
    exact = (economy.a - c - economy.b * other) / (2 * economy.b)
    assert np.abs(best - exact).max() <= 0.0025 + 1e-12  # half a step of the grid


def test_one_function_of_all_observations_is_the_same_as_one_for_each_other():
    economy = Cournot(costs=(0.0, 0.1, 0.2))

    def react(o):
        return 0.4 - 0.2 * o[..., :1] - 0.1 * o[..., 1:2]

    for agent in range(3):
        one = Induced(economy, react, agent)
        two = Induced(economy, (react, react), agent)
        rng = np.random.default_rng(0)
        x, a = rng.random((5, 3)), rng.random((5, 1, 1))
        z = Shocks(np.zeros((5, 1)), np.zeros((5, 0, 1)))
        everybody = one.everybody(x, z, a)
        assert np.array_equal(everybody, two.everybody(x, z, a))
        assert np.array_equal(everybody[:, agent], a[:, 0])
        by_hand = economy.step(x, z, everybody)
        for induced in (one, two):
            x1, r = induced.step(x, z, a)
            assert np.array_equal(x1, by_hand[0])
            assert np.array_equal(r, by_hand[1][:, agent : agent + 1])


def test_the_best_response_in_the_repeated_prisoners_dilemma_is_that_of_the_arrays():
    economy = RepeatedGame(PRISONERS_DILEMMA, β=0.8)
    game = tabulate_game(economy, [0.0, 1.0], [0.0, 1.0])
    for rule in product((0, 1), repeat=4):  # any policy of the other, a choice in each state
        σ = np.array(rule)

        def play(o, σ=σ):
            number = (2 * o[..., 0] + o[..., 1]).astype(int)
            return 1.0 * σ[number][..., None]

        for agent in (0, 1):
            table = tabulate(Induced(economy, [play], agent), [0.0, 1.0], [0.0, 1.0])
            ours = policy_iteration(table.mdp)
            theirs = best_response(game.game, [σ, σ], agent)
            np.testing.assert_allclose(ours.v, theirs.v, rtol=1e-12)
            assert np.array_equal(ours.σ, theirs.σ)


@pytest.mark.parametrize("agent", [0, 1])
def test_the_best_response_to_signals_is_the_exact_one(agent):
    """The expected profit at each signal, by summing over all states of the chains."""
    economy = PrivateSignals()
    for rule in (private_signals.naive(economy), private_signals.team(economy)):
        one = Induced(economy, [lambda o, rule=rule: rule.price(o)], agent)
        i, P = economy.exo.joint()
        weight, z = stationary(P), economy.exo.shocks(i)
        prices = np.linspace(0, 3, 3001)
        x, own = np.zeros((len(i), 0)), one.observe(np.zeros((len(i), 0)), z)[:, 0, 0]
        r = np.stack([one.step(x, z, np.full((len(i), 1, 1), p))[1][:, 0] for p in prices], 1)
        gain, τ, (b, d) = 0.0, 2 * economy.ρ - 1, (economy.b, economy.d)
        mean = (economy.a + b * economy.c + d * rule.mean) / (2 * b)
        for s in (-economy.σ, economy.σ):
            here = own == s
            expected = weight[here] @ r[here]
            best = prices[expected.argmax()]
            assert abs(best - mean - (τ + d * rule.slope * τ**2) / (2 * b) * s) <= 0.0005 + 1e-12
            at = np.full((here.sum(), 1, 1), rule.price(s))
            own_rule = one.step(x[here], Shocks(*(v[here] for v in z)), at)[1][:, 0]
            gain += expected.max() - weight[here] @ own_rule
        assert gain == pytest.approx(private_signals.best_response_gap(economy, rule), abs=1e-6)


def test_a_price_taker_among_others_has_its_euler_equation():
    """Its gradient with prices given vanishes at β R k, whatever its wealth."""
    economy = RentalMarket(3)
    α, β, P = economy.α, economy.β, torch.as_tensor(economy.exo.transition)

    def optimal(o):
        κ = namespace(o).exp(0.2 * (o[..., :1] - o[..., 1:2]))  # observed in units of .2
        return α * β * κ / (α * κ + 1 - α)

    one = Induced(economy, optimal, 1)
    batch, g = Batch(one, 64, dtype=torch.float64), torch.Generator().manual_seed(0)
    state = batch.reset(g)
    a = optimal(batch.observe(state)).requires_grad_()
    first = batch.advance(state, a, batch.uniforms(g), price_takers=True)
    total = first.reward.sum()
    for row in range(2):  # each state of tomorrow's productivity, by its probability
        reached = first.state._replace(i=torch.full_like(first.state.i, row))
        later = optimal(batch.observe(reached))
        R, w = one.market(reached.x, batch.shocks(reached), later).detach().T
        income = R * torch.exp(reached.x[:, 1]) + w
        saved = (later[:, 0, 0] * income).detach()  # what is saved tomorrow stays what it was
        total = total + β * (P[state.i[:, 0], row] * torch.log(income - saved)).sum()
    (gradient,) = torch.autograd.grad(total, a)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_ends_masks_groups_and_shocks_are_kept(rng):
    alone = Induced(Attrition(), [lambda o: 0 * o[..., :1]], "firm 2")
    x, z = np.array([[1.0, 0.0], [0.0, 1.0]]), Shocks(np.ones((2, 1)), np.zeros((2, 0, 1)))
    assert alone.discount(x, z).tolist() == [[0.0], [0.9]]
    assert alone.legal(x, z).tolist() == [[[True, False]], [[True, True]]]
    assert alone.market is None and Induced(Cournot(), abs, 0).discount is None
    household = Induced(Taxes(), [keep_half, tax], 0)
    terms = Terms(household)
    assert (terms.n, terms.da, terms.do, terms.m) == (1, 2, 4, 0) and household.exo.n == 2
    government = Induced(Taxes(), [keep_half, keep_half], "government")
    terms = Terms(government)
    assert (terms.da, terms.do, terms.m) == (1, 2, 3) and government.agents == ("government",)
    for economy in (alone, household, government, Induced(Turns(), [lambda o: o[..., :1]], 0)):
        check_economy(economy, rng)
    a = np.array([[[0.5, 1.0]]])
    x, z = np.ones((1, 2)), Shocks(np.ones((1, 1)), np.ones((1, 2, 1)))
    assert household.accounts(x, z, a)["wealth kept"].tolist() == [[0.5]]
    assert household.accounts(x, z, a)["tax"].shape == (1,)


def test_a_box_beside_masks_has_none():
    class Half(Taxes):
        def legal(self, x, z):
            return (x[..., :1, None] >= 0) & np.array([[False] * 3, [False] * 3, [True] * 3])

    assert Induced(Half(), [keep_half, tax], 0).legal is None
    assert Induced(Half(), [keep_half] * 2, 2).legal is not None


def test_the_best_response_is_an_environment():
    env = GymnasiumView(Induced(Taxes(), [keep_half, tax], 1), horizon=5)
    observation, _ = env.reset(seed=0)
    assert observation.shape == (4,) and env.action_space.shape == (2,)
    _, _, _, truncated, info = env.step(np.array([0.5, 1.0]))
    assert info["wealth kept"] == 0.5 and not truncated


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Induced(Cournot(), [], 0), r"^policies=0: must be 1, one for each other agent"),
        (lambda: Induced(Cournot(), [abs, abs], 0), "^policies=2"),
        (lambda: Induced(Cournot(), [abs], 2), "^agent=2: must be in 0, ..., 1 or one of"),
        (lambda: Induced(Cournot(), [abs], -1), "^agent=-1"),
        (lambda: Induced(Cournot(), [abs], True), "^agent=True"),
        (lambda: Induced(Cournot(), [abs], "firm 3"), "^agent='firm 3'"),
        (lambda: Induced(Growth(), [], 0), r"^economy=\('planner',\): must be one of several"),
    ],
)
def test_a_bad_problem_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("economy", "policies", "words"),
    [
        (Cournot(), lambda o: o, r"^actions of policies: shape=\(5, 2, 2\): must be \(5, 2, 1\)"),
        (Cournot(), [lambda o: o], r"^actions of policies\[0\]: shape=\(5, 2\): must be \(5, 1\)"),
        (Cournot(), [lambda o: o[0, :1]], r"policies\[0\]: shape=\(1,\): must be \(5, 1\)"),
        (Taxes(), [keep_half, keep_half], r"policies\[1\]: shape=\(5, 2\): must be \(5, 1\)"),
    ],
)
def test_a_policy_of_the_wrong_shape_is_refused(economy, policies, words, rng):
    one = Induced(economy, policies, 0)
    x = one.initial(rng.random((5, len(one.state))))
    z = one.exo.shocks(one.exo.initial(rng.random((5, one.exo.width))))
    with pytest.raises(ValueError, match=words):
        one.step(x, z, np.full((5, 1, Terms(one).da), 0.5))


@pytest.mark.parametrize("away", [0.0, 0.1])
@pytest.mark.parametrize("agent", [0, "firm 2"])
def test_the_gain_in_cournots_market_is_the_formula(away, agent):
    """The profit at the best response is b q*^2, and a quantity that misses it by d loses b d^2."""
    economy = Cournot(a=1.2, b=0.8, costs=(0.1, 0.3), β=0.5)
    q = cournot.nash(economy) + away
    k, grid = (0 if agent == 0 else 1), np.linspace(0, 1, 401)
    grids = [[q[0]], [q[1]]]
    grids[k] = np.union1d(grid, q[k])
    found = best_response_gain(economy, lambda o: q[:, None] + 0 * o[..., :1], agent, *grids,
                               actions=grid)  # fmt: skip
    star = (economy.a - economy.costs[k] - economy.b * q[1 - k]) / (2 * economy.b)
    exact = economy.b * (q[k] - star) ** 2 / (1 - economy.β)
    assert (found.gain >= 0).all()
    step = economy.b * 0.00125**2 / (1 - economy.β)  # what half a step of the grid costs
    np.testing.assert_allclose(found.gain, exact, atol=step + 1e-12)
    np.testing.assert_allclose(found.own, (economy.b * star**2) / 0.5 - exact, atol=1e-12)


def test_one_function_sees_what_is_legal():
    """As the act of a trained agent: it takes the first of its legal choices."""
    economy = Turns()

    def act(o):
        legal = o[..., 3:]
        assert legal.shape[-1] == 3
        return economy.prices[legal.argmax(-1)][..., None]

    one = Induced(economy, act, "firm 2")
    x, z = np.array([[0.8, 0.5, 1.0]]), Shocks(np.zeros((1, 1)), np.zeros((1, 0, 1)))
    assert one.everybody(x, z, np.array([[[0.3]]]))[0, :, 0].tolist() == [0.8, 0.3]
    prices = economy.prices
    found = best_response_gain(economy, act, "firm 2", prices, prices, [0.0, 1.0])
    assert (found.gain >= 0).all() and found.gain.max() > 0.01


def test_a_policy_that_looks_at_numbers_is_named(rng):
    def trained(o):
        found = torch.as_tensor(o, device="cpu").double()
        return 0 * found[..., :1] if isinstance(o, torch.Tensor) else 0 * o[..., :1]

    with pytest.raises(ValueError, match=r"policies=<function .*trained.*without numbers"):
        check_economy(Induced(Cournot(), trained, 0), rng)
