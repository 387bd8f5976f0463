"""The batch of tensors: it agrees with `step`, and refuses what it cannot use."""

import numpy as np
import pytest
import torch
from conftest import ECONOMIES, Attrition, Savers, Taxes, Turns, draw_actions

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economies.two_step_game import TwoStepGame
from marketsai_lite.economy import Terms, like
from marketsai_lite.views.batch import Batch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_batch_equals_step(economy, rng):
    """Rewards, discounts, next states, restarts: as NumPy's functions with the same uniforms."""
    batch, terms = Batch(economy, 6, horizon=4, dtype=torch.float64), Terms(economy)
    draws, stream, exo = generator(3), generator(3), economy.exo
    state = batch.reset(draws)

    def uniforms(width):
        return torch.rand((6, width), generator=stream, dtype=torch.float64).numpy()

    x, i = economy.initial(uniforms(terms.dx)), exo.initial(uniforms(exo.width))
    age = np.zeros(6, dtype=int)
    for t in range(9):
        z = exo.shocks(i)
        np.testing.assert_allclose(
            batch.observe(state), economy.observe(x, z), rtol=1e-13, atol=1e-14
        )  # logarithms of near one round differently in the two libraries
        everything = np.hstack([x, z.aggregate, z.own.reshape(6, -1)])
        np.testing.assert_allclose(batch.everything(state), everything, rtol=1e-13, atol=1e-14)
        if terms.masks:
            assert np.array_equal(batch.legal(state), economy.legal(x, z))
        else:
            assert batch.legal(state) is None
        a, numbers = draw_actions(economy, rng, x, z)
        actions = torch.as_tensor(numbers if batch.grids and t % 2 else a)
        accounts = batch.accounts(state, actions)
        for name, value in economy.accounts(x, z, a).items():
            np.testing.assert_allclose(accounts[name], value, rtol=1e-13, atol=1e-14)
        new = batch.step(state, actions, draws)
        x, r = economy.step(x, z, a)
        i, age = exo.next(i, uniforms(exo.width)), age + 1
        d = terms.discount(x, exo.shocks(i), r)
        np.testing.assert_allclose(new.reward, r, rtol=1e-13, atol=1e-14)  # log(c) may be near 0
        np.testing.assert_allclose(new.discount, d, rtol=1e-13)
        np.testing.assert_allclose(new.reached.x, x, rtol=1e-13)
        assert np.array_equal(new.reached.i, i) and np.array_equal(new.reached.t, age)
        ended = (d == 0).all(-1)
        cut = (age == 4) & ~ended
        assert np.array_equal(new.truncated, cut) and np.array_equal(new.restarted, cut | ended)
        fresh = economy.initial(uniforms(terms.dx)), exo.initial(uniforms(exo.width))
        over = (cut | ended)[:, None]
        x, i = np.where(over, fresh[0], x), np.where(over, fresh[1], i)
        age = np.where(cut | ended, 0, age)
        state = new.state
        np.testing.assert_allclose(state.x, x, rtol=1e-13)
        assert np.array_equal(state.i, i) and np.array_equal(state.t, age)


def test_a_period_is_one_graph(economy, rng):
    """No look at a number inside a step: a compiler sees the whole period at once."""
    batch, draws = Batch(economy, 4, horizon=3), generator()
    state, z = batch.reset(draws), None
    z = batch.shocks(state)
    a, _ = draw_actions(economy, rng, state.x.double().numpy(), economy.exo.shocks(state.i.numpy()))
    a, u = torch.as_tensor(a, dtype=torch.float32), batch.uniforms(draws)
    torch._dynamo.reset()
    compiled = torch.compile(batch.advance, fullgraph=True, backend="eager")
    ours, theirs = batch.advance(state, a, u), compiled(state, a, u)
    for v, w in zip(_flat(ours), _flat(theirs), strict=True):
        torch.testing.assert_close(v, w)
    assert z.own.shape[-2] == economy.exo.n


def _flat(transition):
    return [w for v in transition for w in (v if isinstance(v, tuple) else (v,))]


def test_uniforms_drawn_ahead_are_those_of_the_periods():
    batch = Batch(Attrition(), 5, horizon=7)
    ahead = batch.uniforms(generator(1), 3)
    assert [u.shape for u in ahead] == [(3, 5, 1), (3, 5, 2), (3, 5, 1)]
    assert Batch(Savers(), 5).uniforms(generator(1)).fresh_x is None  # nothing starts afresh


@pytest.mark.parametrize(
    ("economy", "actions", "words"),
    [
        (LogitMonopolist(), torch.full((4, 1), 99), r"^actions of monopolist=99: must be an i"),
        (LogitMonopolist(), torch.full((4, 1), -1), r"^actions of monopolist=-1: must be an"),
        (LogitMonopolist(), torch.zeros(4, dtype=torch.long), r"shape=\(4,\): must be \(4, 1\), i"),
        (LogitMonopolist(), torch.zeros(4, 1), r"shape=\(4, 1\): must be \(4, 1, 1\), vectors"),
        (LogitMonopolist(), torch.ones(4, 1, dtype=torch.bool), r"dtype=torch.bool: must be"),
        (LogitMonopolist(), torch.full((4, 1, 1), 1.051), "must be a row of its grid"),
        (LQMonopolist(), torch.full((4, 1, 1), torch.nan), r"\[nan\]: must be between \[2\.\]"),
        (LQMonopolist(), torch.full((4, 1, 1), 4.1), "must be between"),
        (LQMonopolist(), torch.full((4, 1, 1), 1.9), "of monopolist="),
        (LQMonopolist(), torch.ones(4, 1, 1, dtype=torch.bool), "torch.bool: must be a float"),
        (LQMonopolist(), torch.full((4, 1), 3), "dtype=torch.int64: must be a float"),
        (LQMonopolist(), torch.full((4, 1), 3.0), r"shape=\(4, 1\): must be \(4, 1, 1\)"),
        (Cournot(), torch.zeros(4, 1), r"shape=\(4, 1\): must be \(4, 2, 1\)"),
        (Cournot(), torch.zeros(4, 1, 1), r"shape=\(4, 1, 1\): must be \(4, 2, 1\)"),
        (Taxes(), torch.zeros(4, 3, dtype=torch.long), "dtype=torch.int64: must be a float"),
        (Taxes(), torch.full((4, 3, 2), 0.7), r"of government=\[0\.[67]\d*\]: must be a row"),
        (Taxes(), torch.zeros(4, 3, 2), r"actions of household 1=\[0\.0, 0\.0\]: must be between"),
        (Turns(), torch.full((4, 2), 3), "must be an integer in"),
    ],
)  # fmt: skip
def test_actions_that_are_wrong_are_refused(economy, actions, words):
    batch = Batch(economy, 4)
    with pytest.raises(ValueError, match=words):
        batch.step(batch.reset(generator()), actions, generator())


@pytest.mark.parametrize("as_numbers", [True, False])
def test_an_illegal_choice_is_refused(as_numbers):
    batch = Batch(Turns(), 3, dtype=torch.float64)
    state = batch.reset(generator())
    legal = batch.legal(state)
    right = legal.double().argmax(-1)
    for row in range(3):
        numbers = right.clone()
        waits = legal[row].sum(-1).argmin()
        numbers[row, waits] = legal[row, waits].double().argmin()
        actions = numbers if as_numbers else batch.vectors(numbers)
        with pytest.raises(ValueError, match="legal"):
            batch.step(state, actions, generator())
    batch.step(state, right if as_numbers else batch.vectors(right), generator())


class Stuck(Turns):
    """Who waits may do nothing at all."""

    def legal(self, x, z):
        return super().legal(x, z) & (x[..., 2:, None] == 0)


def test_a_mask_that_leaves_no_choice_is_refused():
    batch = Batch(Stuck(), 8)
    with pytest.raises(ValueError, match=r"^legal of firm .=\[False, False, False\]: must be T"):
        batch.step(batch.reset(generator()), torch.zeros(8, 2, dtype=torch.long), generator())


def test_a_box_needs_no_choice_in_a_mask():
    class Half(Taxes):
        def legal(self, x, z):
            right = like(np.array([[False] * 3, [False] * 3, [True, True, False]]), z.aggregate > 0)
            return right & (x[..., :1, None] >= 0)

    batch = Batch(Half(), 2, dtype=torch.float64)
    state, right = batch.reset(generator()), [[0.5, 1.0], [0.5, 1.0], [0.2, 0.0]]
    batch.step(state, torch.tensor([right, right], dtype=torch.float64), generator())
    wrong = torch.tensor([right, [*right[:2], [0.4, 0.0]]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"^actions of government=\[0\.4\]: must be a legal row"):
        batch.step(state, wrong, generator())


def test_actions_take_the_precision_of_the_batch():
    batch = Batch(ECONOMIES["turns"](), 2)
    state = batch.reset(generator())
    numbers = batch.legal(state).byte().argmax(-1)
    doubles = torch.as_tensor(np.array([0.3, 0.5, 0.8]))[numbers]
    new = batch.step(state, doubles[..., None], generator())
    assert new.reward.dtype == new.state.x.dtype == torch.float32
    torch.testing.assert_close(new.reward, batch.step(state, numbers, generator()).reward)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"size": 0}, "^size=0"),
        ({"size": 2.0}, r"^size=2\.0"),
        ({"size": True}, "^size=True"),
        ({"size": 1, "horizon": -1}, "^horizon=-1"),
        ({"size": 1, "horizon": 2.5}, r"^horizon=2\.5"),
    ],
)
def test_a_bad_batch_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Batch(Savers(), **arguments)


def test_an_action_within_rounding_of_a_bound_is_the_bound():
    batch = Batch(ECONOMIES["growth"](), 1, dtype=torch.float64)
    state = batch.reset(generator())
    rewards = [
        batch.step(state, torch.tensor([[[a]]], dtype=torch.float64), generator()).reward
        for a in (0.02, float(np.float32(0.02)))
    ]
    assert float(np.float32(0.02)) != 0.02 and rewards[0] == rewards[1]


@pytest.mark.parametrize("name", ["cournot", "lq", "taxes", "savers", "logit"])
def test_a_tensor_that_is_filled_again_does_not_change_the_past(name):
    economy = ECONOMIES[name]()
    batch, draws, terms = Batch(economy, 3, horizon=50), generator(), Terms(economy)
    state, seen, kept = batch.reset(draws), [], []
    shape = (3, terms.n) if batch.grids else (3, terms.n, terms.da)
    actions = torch.zeros(shape, dtype=torch.long if batch.grids else torch.float32)
    rng = np.random.default_rng(0)
    for _ in range(4):
        a, numbers = draw_actions(economy, rng, state.x.numpy(), None)
        actions.copy_(torch.as_tensor(numbers if batch.grids else a))
        new = batch.step(state, actions, draws)
        seen.append((state, new.reached))
        kept.append((state.x.clone(), new.reached.x.clone()))
        state = new.state
    for pair, copies in zip(seen, kept, strict=True):
        for one, copy in zip(pair, copies, strict=True):
            assert torch.equal(one.x, copy)


def test_who_has_ended_is_told_from_who_is_cut():
    batch, draws = Batch(TwoStepGame(), 3, horizon=2, dtype=torch.float64), generator()
    state = batch.reset(draws)
    new = batch.step(state, torch.ones(3, 2, dtype=torch.long), draws)
    assert not new.restarted.any() and (new.discount == 0.99).all()
    new = batch.step(new.state, torch.ones(3, 2, dtype=torch.long), draws)
    assert (new.reward == 8).all() and (new.discount == 0).all()
    assert new.restarted.all() and not new.truncated.any()  # though the horizon is there as well
    assert (new.reached.x == 3).all() and (new.state.x == 0).all() and (new.state.t == 0).all()
    batch = Batch(TwoStepGame(), 3, horizon=1)
    new = batch.step(batch.reset(draws), torch.ones(3, 2, dtype=torch.long), draws)
    assert new.truncated.all() and new.restarted.all() and (new.discount > 0).all()


def test_a_copy_goes_on_until_everybody_has_ended():
    batch, draws = Batch(Attrition(), 2), generator()
    state = batch.reset(draws)
    new = batch.step(state, torch.tensor([[1, 0], [1, 1]]), draws)
    assert new.discount.tolist() == [[0.0, pytest.approx(0.9)], [0.0, 0.0]]
    assert new.restarted.tolist() == [False, True]
    assert new.state.x.tolist() == [[0.0, 1.0], [1.0, 1.0]] and new.state.t.tolist() == [1, 0]


def test_a_batch_can_be_differentiated():
    batch = Batch(LQMonopolist(), 2, dtype=torch.float64)
    state = batch.reset(generator())
    a = torch.full((2, 1, 1), 3.0, dtype=torch.float64, requires_grad=True)
    batch.step(state, a, generator()).reward.sum().backward()
    np.testing.assert_allclose(a.grad[:, 0, 0], -2 * (3.0 - state.x[:, 0]), rtol=1e-12)


def test_a_price_takers_gradient_passes_prices_by():
    """Over two periods: with prices detached, saving more does not lower tomorrow's rent."""
    economy = RentalMarket(2)
    batch = Batch(economy, 1, dtype=torch.float64)
    state, u = batch.reset(generator()), batch.uniforms(generator())
    gradients = []
    for takers in (False, True):
        a = torch.full((1, 2, 1), 0.3, dtype=torch.float64, requires_grad=True)
        first = batch.advance(state, a, u, price_takers=takers)
        second = batch.advance(first.state, a.detach(), u, price_takers=takers)
        gradients.append(torch.autograd.grad(second.reward[0, 0], a)[0][0, 0, 0].item())
        x, z = first.state.x.detach().numpy()[0], economy.exo.shocks(first.state.i.numpy()[0])
        R, w = economy.market(x, z, None)
    k, K = np.exp(x[0]), np.exp(x).mean()
    by_k, α = k / 0.3, economy.α  # capital is proportional to the share saved
    taken = R / (R * k + w) * by_k
    slope = (α - 1) * R / (2 * K) * k + α * w / (2 * K)  # of income, through both prices
    assert gradients[1] == pytest.approx(taken, rel=1e-12)
    assert gradients[0] == pytest.approx(taken + slope / (R * k + w) * by_k, rel=1e-12)


@pytest.mark.parametrize("wrong", [0, np.random.default_rng(0)])
def test_what_is_no_generator_is_refused(wrong):
    batch = Batch(LQMonopolist(), 2)
    state, a = batch.reset(generator()), torch.full((2, 1, 1), 3.0)
    for call in (batch.reset, batch.uniforms, lambda g: batch.step(state, a, g)):
        with pytest.raises(ValueError, match=r"^generator=.*: must be a torch\.Generator, as"):
            call(wrong)
    with pytest.raises(ValueError, match=r"(?s)^actions=array.*be a tensor, as torch\.as_tensor"):
        batch.step(state, a.numpy(), generator())
