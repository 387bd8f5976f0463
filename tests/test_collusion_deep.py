"""Deep agents in the pricing game: what their recorded strategies are, by the tests of tables."""

import numpy as np
import pytest

from marketsai_lite import experiments
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.experiments import collusion_deep
from marketsai_lite.experiments._collusion import market
from marketsai_lite.tabular.limit_strategies import cycle_payoffs, exploitability, limit_cycle

GAME = market()


def strategies(variant):
    """Policies (pairs, 2, 225) and the first states of their cycles."""
    held = experiments.recorded("collusion_deep")
    found = [k for k, c in held.parameters.items() if c == {"variant": variant, "seed": c["seed"]}]
    cells = [held.results[k] for k in found]
    return tuple(np.concatenate([cell[key] for cell in cells]) for key in ("policy", "state"))


def losses(variant):
    """What a best response would add on the path, of each pair, as a share."""
    found = []
    for policy, state in zip(*strategies(variant), strict=True):
        gap = exploitability(policy, GAME.payoffs, 0.95)
        found.append(gap[:, limit_cycle(policy, int(state), 15)].mean())
    return np.array(found)


def separate(pairs, **options):
    """`pairs` duopolies side by side, and one of them alone."""
    alone = LogitOligopoly(np.tile(np.linspace(1.4, 2.0, 15), (2, 1)))
    ones = np.ones(2 * pairs)
    grid = np.tile(alone.prices[0], (2 * pairs, 1))
    return collusion_deep.Markets(grid, 2 * ones, ones, **options), alone


def test_separate_markets_are_each_the_duopoly():
    """What firms earn and see in one market does not depend on the prices in the others."""
    markets, alone = separate(3)
    x = np.random.default_rng(0).choice(alone.prices[0], (50, 6))
    reached, r = markets.step(x, None, x[..., None])
    seen = markets.observe(x, None)
    for k in range(3):
        own = slice(2 * k, 2 * k + 2)
        _, expected = alone.step(x[:, own], None, x[:, own, None])
        np.testing.assert_allclose(r[:, own], expected, rtol=1e-14)
        np.testing.assert_array_equal(seen[:, own], alone.observe(x[:, own], None))
    np.testing.assert_array_equal(reached, x)


def test_columns_mark_the_two_last_prices_and_who_sees_nothing_sees_zeros():
    markets, alone = separate(2, sees="columns")
    at = np.array([3, 14, 0, 7])
    seen = markets.observe(alone.prices[0][at], None)
    for firm, (first, second) in enumerate(([3, 14], [3, 14], [0, 7], [0, 7])):
        np.testing.assert_array_equal(np.flatnonzero(seen[firm]), [first, 15 + second])
    blind, _ = separate(2, sees="nothing")
    assert blind.observe(alone.prices[0][at], None).tolist() == [[0.0]] * 4


def test_a_table_of_a_policy_is_the_policy():
    """Firm 1 of each pair answers with its rival's last price, firm 2 with the highest."""
    markets, alone = separate(2)

    def act(o):
        top = np.full(o.shape[:-2], alone.prices[0][-1])
        return np.stack([o[..., 0, 1], top, o[..., 2, 1], top], -1)[..., None]

    for first, second in collusion_deep.tabulated(markets, act):
        np.testing.assert_array_equal(first, np.arange(225) % 15)
        assert (second == 14).all()


def test_the_cycle_that_is_scored_is_the_one_most_states_lead_to():
    stay = np.stack([np.full(225, 2), np.where(np.arange(225) < 15, 1, 2)])  # one trap: none
    state, basin, gain = collusion_deep.score(stay[None], GAME)
    assert (state[0], basin[0]) == (2 * 15 + 2, 1.0)
    profit = GAME.payoffs[0, 2, 2]
    assert gain[0] == pytest.approx((profit - GAME.nash[0]) / (GAME.monopoly - GAME.nash)[0])


def test_recorded_gains_are_those_of_the_recorded_strategies():
    held = experiments.recorded("collusion_deep")
    for cell in held.results.values():
        for policy, state, gain in zip(cell["policy"], cell["state"], cell["gain"], strict=True):
            profit = cycle_payoffs(policy, int(state), GAME.payoffs).mean()
            expected = (profit - GAME.nash[0]) / (GAME.monopoly - GAME.nash)[0]
            assert gain == pytest.approx(expected)


@pytest.mark.parametrize(
    "variant", ["PPO", "PPO, no memory", "PPO, long copy", "PPO, entropy", "PPO, no average"]
)
def test_ppo_with_enough_experience_ends_beside_the_equilibria_of_the_grid(variant):
    assert (losses(variant) < 0.01).all()


def test_with_an_entropy_bonus_every_pair_is_in_an_equilibrium_of_the_grid():
    assert (losses("PPO, entropy") == 0).all()
    for policy, state in zip(*strategies("PPO, entropy"), strict=True):
        cycle = limit_cycle(policy, int(state), 15)
        assert policy[:, cycle].T.tolist() in ([[1, 1]], [[2, 2]])


@pytest.mark.parametrize("variant", ["DQN", "DQN, long", "DQN, one copy", "DQN, columns"])
def test_dqn_with_memory_ends_far_from_equilibrium(variant):
    loss = losses(variant)
    assert loss.mean() - 3 * loss.std(ddof=1) / len(loss) ** 0.5 > 0.01
