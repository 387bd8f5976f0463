"""Games that end, that take turns, and of unlike agents: every view gives the same returns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import Attrition, Taxes, Turns, draw_actions

from marketsai_lite.economies.two_step_game import TwoStepGame
from marketsai_lite.economy import Box, Exogenous, Grid, Shocks, Terms
from marketsai_lite.tabular.games import MarkovGame, best_response, exploitability
from marketsai_lite.tabular.solve import policy_iteration
from marketsai_lite.views.batch import Batch, BatchState, Uniforms
from marketsai_lite.views.induced import Induced
from marketsai_lite.views.pettingzoo import ParallelView
from marketsai_lite.views.table import tabulate, tabulate_game

HALVES = np.array([0.0, 0.5, 1.0])
KEPT_AND_HOURS = np.array([[kept, hours] for kept in HALVES for hours in (0.5, 1.0)])
STAND = {  # grids of the states, and the actions of a table
    "two-step game": (TwoStepGame, ([0.0, 1.0, 2.0, 3.0],), None),
    "turns": (Turns, (Turns().prices, Turns().prices, [0.0, 1.0]), None),
    "attrition": (Attrition, ([0.0, 1.0], [0.0, 1.0]), None),
    "taxes": (Taxes, (HALVES, HALVES), (KEPT_AND_HOURS, KEPT_AND_HOURS, None)),
}


def random_path(economy, actions, rng, periods):
    """A path of NumPy's functions with legal actions that the table has too.

    Returns the uniforms of each period, states, places of the chains, actions and discounted
    returns (n,).
    """
    terms, exo, stream = Terms(economy), economy.exo, np.random.default_rng(rng.integers(1000))
    seed = stream.bit_generator.seed_seq.entropy
    x, i = economy.initial(stream.random(terms.dx)), exo.initial(stream.random(exo.width))
    path, total, weight = [], np.zeros(terms.n), np.ones(terms.n)
    for _ in range(periods):
        z = exo.shocks(i)
        a, _ = draw_actions(economy, rng, x[None], Shocks(z.aggregate[None], z.own[None]))
        a = a[0]
        for k, rows in enumerate(actions or ()):
            if rows is not None:  # the box of the economy is a few points of the table
                a[k, : rows.shape[1]] = rows[rng.integers(len(rows))]
        x1, r = economy.step(x, z, a)
        u = stream.random(exo.width)
        i1 = exo.next(i, u)
        path.append((u, x, i, a, r))
        d = terms.discount(x1, exo.shocks(i1), r)
        total, weight, x, i = total + weight * r, weight * d, x1, i1
        if not weight.any():
            break
    return seed, path, total


def table_return(table, economy, path):
    """The return along a path of the arrays of a table; nothing of the economy is called."""
    game, nz, n = table.game, len(table.game.P), table.game.n
    states = np.hstack([table.x, table.z])
    total, node = np.zeros(n), None
    for t, (_, x, i, a, _) in enumerate(path):
        z = economy.exo.shocks(i)
        (s,) = np.flatnonzero((states == np.hstack([x, z.aggregate, z.own.ravel()])).all(1))
        assert node is None or s // nz == node  # where the table's lottery led
        own = [(rows == a[k, : rows.shape[1]]).all(1).argmax() for k, rows in enumerate(table.a)]
        joint = np.ravel_multi_index(own, game.shape)
        assert game.legal is None or all(game.legal[k][s, own[k]] for k in range(n))
        total += game.β**t * game.r[:, s, joint]
        assert game.weight is None
        node = game.index[s, joint, 0]
    return total


def batch_return(economy, path):
    """The return of a batch of one copy with the same uniforms."""
    batch, (_, x, i, *_) = Batch(economy, 1, dtype=torch.float64), path[0]
    state = BatchState(
        *(torch.as_tensor(v)[None] for v in (x, i)), torch.zeros(1, dtype=torch.long)
    )
    total, weight = torch.zeros(1, batch.terms.n), torch.ones(1, batch.terms.n)
    draws = torch.Generator().manual_seed(0)
    for u, *_, a, _ in path:
        fresh = batch.uniforms(draws)
        u = Uniforms(torch.as_tensor(u)[None], *fresh[1:])
        new = batch.advance(state, batch.check(state, torch.as_tensor(a)[None]), u)
        total, weight = total + weight * new.reward, weight * new.discount
        state = new.state
    return total[0].numpy()


def pettingzoo_return(economy, seed, path):
    """The return of those who are still there, discounted by β until they have ended."""
    env, names = ParallelView(economy, horizon=len(path)), economy.agents
    env.reset(seed=int(seed))
    total = np.zeros(len(names))
    for t, (*_, a, _) in enumerate(path):
        actions = {}
        for k, (agent, s) in enumerate(zip(names, economy.actions, strict=True)):
            if agent in env.agents:
                row = a[k, : s.width]
                grid = isinstance(s, Grid)
                actions[agent] = int((s.values == row).all(1).argmax()) if grid else row
        for agent, r in env.step(actions)[1].items():
            total[names.index(agent)] += economy.β**t * r
    assert env.agents == []
    return total


@pytest.mark.parametrize("name", STAND)
def test_returns_agree_in_every_view(name, rng):
    make, grids, actions = STAND[name]
    economy = make()
    table = tabulate_game(economy, *grids, actions=actions)
    for _ in range(10):
        seed, path, total = random_path(economy, actions, rng, 12)
        for theirs in (
            table_return(table, economy, path),
            batch_return(economy, path),
            pettingzoo_return(economy, seed, path),
        ):
            np.testing.assert_allclose(theirs, total, rtol=0, atol=1e-12)


def test_the_best_of_the_two_step_game():
    """Found by hand: B throughout; a team that fears the zeros plays A and earns 7."""
    table = tabulate_game(TwoStepGame(), [0.0, 1.0, 2.0, 3.0])
    B, A = np.ones(4, dtype=int), np.zeros(4, dtype=int)
    np.testing.assert_allclose(exploitability(table.game, (B, B)), 0, atol=1e-12)
    best = best_response(table.game, (B, B), 0)
    np.testing.assert_allclose(best.v, [0.99 * 8, 7, 8, 0], atol=1e-12)
    assert best.v[3] == 0  # ended games are worth nothing, exactly
    np.testing.assert_allclose(exploitability(table.game, (A, A)), [1, 1])  # B in state 2 alone
    assert best_response(table.game, (A, A), 0).v[0] == pytest.approx(0.99 * 7)


def test_illegal_choices_are_infeasible():
    table = tabulate_game(Turns(), Turns().prices, Turns().prices, [0.0, 1.0])
    game = table.game
    waits = table.x[:, 2] == 1
    assert (game.legal[0].sum(1) == np.where(waits, 1, 3)).all()
    assert (table.a[0][game.legal[0][waits].argmax(1), 0] == table.x[waits, 0]).all()
    σ = [legal.argmax(1) for legal in game.legal]
    best = best_response(game, σ, 0)
    assert game.legal[0][np.arange(len(waits)), best.σ].all()
    with pytest.raises(ValueError, match=r"policies\[1\]: action 1 in state \d+: must be legal"):
        best_response(game, [σ[0], np.ones(len(waits), dtype=int)], 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda legal: (legal[0],), "legal: 1 given"),
        (lambda legal: (legal[0], legal[1] & False), r"legal\[1\]"),
        (lambda legal: (legal[0], 1 * legal[1]), r"legal\[1\]: shape \(18, 3\) of int64"),
        (lambda legal: (legal[0], legal[1][:, :2]), r"legal\[1\]: shape \(18, 2\)"),
    ],
)
def test_a_bad_mask_of_a_game_is_refused(change, words):
    game = tabulate_game(Turns(), Turns().prices, Turns().prices, [0.0, 1.0]).game
    with pytest.raises(ValueError, match=words):
        MarkovGame(game.r, game.index, None, game.P, game.β, game.shape, change(game.legal))


class Impatient(Attrition):
    """Discounts more when both are in."""

    def discount(self, x1, z1):
        return self.β * x1 * (1 - 0.5 * x1[..., :1] * x1[..., 1:])


class Undead(Attrition):
    """Who has left may come back."""

    def step(self, x, z, a):
        x1, r = super().step(x, z, a)
        return np.where(x == 0, 1 - a[..., 0], x1), r


class Pensioner(Attrition):
    """Who has left is paid."""

    def step(self, x, z, a):
        x1, r = super().step(x, z, a)
        return x1, r + (1 - x)


class Barred(Turns):
    def legal(self, x, z):
        return super().legal(x, z) & (x[..., :2, None] != 0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tabulate_game(Impatient(), [0.0, 1.0], [0.0, 1.0]),
         r"discount of firm 1 at x=\[1\. 1\.\]=0\.45: must be β=0\.9 or 0"),
        (lambda: tabulate_game(Undead(), [0.0, 1.0], [0.0, 1.0]), "firm 1 at.*=0.0: .*leads"),
        (lambda: tabulate_game(Pensioner(), [0.0, 1.0], [0.0, 1.0]), "=0.0: must be .*no rewards"),
        (lambda: tabulate_game(Barred(), [0.3, 0.5], [0.3, 0.5], [0.0, 1.0],
                               actions=([0.3, 0.5], [0.3, 0.5])),
         r"actions of firm 1: none is legal at x=\[0\.5 "),
        (lambda: tabulate_game(Taxes(), HALVES, HALVES), "actions=None"),
        (lambda: tabulate_game(Taxes(), HALVES, HALVES, actions=([[0.0, 0.5]], [[0.0]], None)),
         r"actions: width=1: must be 2"),
        (lambda: tabulate_game(Taxes(), HALVES, HALVES,
                               actions=([[0.0, 0.5]], [[0.0, 0.5]], [0.3])), "rows of the economy"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused(call, words):
    with pytest.raises(ValueError, match=f"(?s){words}"):
        call()


def test_a_table_of_one_agent_ends_and_masks():
    alone = Induced(Attrition(), lambda o: 0 * o[..., :1], 0)  # the other one stays for ever
    table = tabulate(alone, [0.0, 1.0], [0.0, 1.0])
    out = table.x[:, 0] == 0
    assert table.mdp.feasible.tolist() == [[True, not gone] for gone in out]
    best = policy_iteration(table.mdp)
    assert (best.v[out] == 0).all()
    # against one who stays: -1.5 in bad and -.5 in good times, so that it leaves at once
    here = (table.x == 1).all(1)
    np.testing.assert_allclose(best.v[here], [-1.5, -0.5])
    only = (table.x[:, 0] == 1) & (table.x[:, 1] == 0)  # alone it stays for ever
    P = alone.exo.transition
    np.testing.assert_allclose(best.v[only], np.linalg.solve(np.eye(2) - 0.9 * P, [1.0, 2.0]))


def test_a_random_end():
    """A firm that dies with its market: the end is in the chain, and worth nothing."""
    chain = Exogenous([[1.0], [0.0]], [[0.8, 0.2], [0.0, 1.0]])

    class Mortal(Attrition):
        agents, state = ("firm",), ("in",)
        actions = Attrition.actions[:1]

        def step(self, x, z, a):
            return x + 0 * a[..., 0], x * z.aggregate

        def discount(self, x1, z1):
            return self.β * z1.aggregate

        def observe(self, x, z):
            return x[..., None, :]

        def legal(self, x, z):
            return (x == x)[..., None] & np.array([True, True])

    table = tabulate(Mortal(exo=chain), [1.0])
    np.testing.assert_allclose(policy_iteration(table.mdp).v, [1 / (1 - 0.9 * 0.8), 0.0])
    boxed = replace(Mortal(exo=chain))
    type(boxed).actions, type(boxed).legal = (Box(np.zeros(1), np.ones(1)),), None
    table = tabulate(boxed, [1.0], actions=[0.0, 0.3])
    np.testing.assert_allclose(policy_iteration(table.mdp).v, [1 / (1 - 0.9 * 0.8), 0.0])
