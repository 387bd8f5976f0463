"""Mixers against formulas written out, and the games that they can and cannot represent."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from marketsai_lite.deep import equations, mixers
from marketsai_lite.deep.adam import Adam
from marketsai_lite.economies.team_game import TeamGame
from marketsai_lite.economy import check_economy
from marketsai_lite.tabular.games import best_response
from marketsai_lite.views.table import tabulate_game

CLIMBING = np.array([[11.0, -30.0, 0.0], [-30.0, 7.0, 6.0], [0.0, 0.0, 5.0]])
UNEASY = np.array([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]])


def drawn(seeds=(0, 1, 2), n=3, width=4, units=5):
    """Weights, Q-factors and states of some seeds."""
    g = torch.Generator().manual_seed(7)
    q = torch.randn((len(seeds), 6, n), generator=g, dtype=torch.float64)
    s = torch.randn((6, width), generator=g, dtype=torch.float64)
    return mixers.draw(mixers.QMIX, n, width, units, seeds), q, s


def test_qmix_is_the_formula_of_the_paper_number_by_number():
    """A literal program: one seed, one decision, one unit at a time."""
    w, q, s = drawn()
    got = mixers.QMIX.mix(q, s, w)
    for k, b in np.ndindex(*got.shape):
        one = {name: v[k].tolist() for name, v in w.items()}

        def affine(rows, x, j):
            return sum(x[i] * rows[i][j] for i in range(len(x))) + rows[-1][j]

        state, total = s[b].tolist(), 0.0
        for unit in range(5):
            inside = affine(one["bias_1"], state, unit)
            for i in range(3):
                inside += abs(affine(one["weight_1"], state, 5 * i + unit)) * q[k, b, i].item()
            bent = inside if inside > 0 else math.exp(inside) - 1
            total += abs(affine(one["weight_2"], state, unit)) * bent
        hidden = [max(affine(one["value_1"], state, u), 0.0) for u in range(5)]
        total += affine(one["value_2"], hidden, 0)
        assert got[k, b].item() == pytest.approx(total, abs=1e-12)


def test_qmix_is_the_mixer_of_torch_s_layers():
    """Against the published program's layers: hypernetworks of nn.Linear, batched products, ELU."""
    w, q, s = drawn(seeds=(3,))

    def linear(name):
        rows = w[name][0]
        layer = nn.Linear(len(rows) - 1, rows.shape[1], dtype=torch.float64)
        layer.weight.data, layer.bias.data = rows[:-1].T.clone(), rows[-1].clone()
        return layer

    W = linear("weight_1")(s).abs().view(-1, 3, 5)
    b = linear("bias_1")(s).view(-1, 1, 5)
    hidden = nn.functional.elu(torch.bmm(q[0][:, None], W) + b)
    v = nn.Sequential(linear("value_1"), nn.ReLU(), linear("value_2"))(s)
    theirs = torch.bmm(hidden, linear("weight_2")(s).abs().view(-1, 5, 1))[:, 0, 0] + v[:, 0]
    torch.testing.assert_close(mixers.QMIX.mix(q, s, w)[0], theirs, rtol=0, atol=1e-12)


def test_qmix_never_falls_and_bends_one_way():
    """Derivatives and cross differences are not negative: complements, and nothing else."""
    w, q, s = drawn()
    q.requires_grad_()
    (slope,) = torch.autograd.grad(mixers.QMIX.mix(q, s, w).sum(), q)
    assert (slope >= 0).all() and (slope > 0).any()
    q = q.detach()
    up, more = torch.tensor([0.7, 0, 0]).double(), torch.tensor([0, 1.3, 0]).double()
    f = [mixers.QMIX.mix(q + d, s, w) for d in (up + more, up, more, 0 * up)]
    assert (f[0] - f[1] - f[2] + f[3] >= -1e-12).all()


def test_vdn_is_the_sum():
    _, q, s = drawn()
    assert torch.equal(mixers.VDN.mix(q, s, {}), q[..., 0] + q[..., 1] + q[..., 2])
    assert mixers.draw(mixers.VDN, 3, 4, 5, [0, 1]) == {}


def test_a_seed_starts_from_the_same_weights_whoever_learns_beside_it():
    alone, among = drawn(seeds=(5,))[0], drawn(seeds=(4, 5, 6))[0]
    for name in alone:
        assert torch.equal(alone[name][0], among[name][1])
        assert not torch.equal(among[name][0], among[name][1])
        assert among[name].shape[1] - 1 == (5 if name == "value_2" else 4)
        assert among[name].abs().max() <= 1 / (5**0.5 if name == "value_2" else 2)


@pytest.mark.parametrize("name", ["n", "width", "units"])
def test_bad_sizes_are_refused_by_name(name):
    sizes = {"n": 2, "width": 2, "units": 2, name: 0}
    with pytest.raises(ValueError, match=f"^{name}=0: must be an integer >= 1"):
        mixers.draw(mixers.QMIX, **sizes, seeds=[0])
    with pytest.raises(ValueError, match=r"^seeds=\[\]: must be at least one seed"):
        mixers.draw(mixers.QMIX, 2, 2, 2, [])


def test_weights_of_the_two_weighted_mixers():
    q, y = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([2.0, 2.0, 2.0, 9.0])
    assert mixers.optimistic_weight(q, y, 0.1).tolist() == pytest.approx([1, 0.1, 0.1, 1])
    best = torch.tensor([False, True, False, False])
    central = mixers.central_weight(best, y, torch.full((4,), 2.0), 0.1)
    assert central.tolist() == pytest.approx([0.1, 1, 0.1, 1])
    for weight in (
        lambda α: mixers.optimistic_weight(q, y, α),
        lambda α: mixers.central_weight(best, y, y, α),
    ):
        for α in (0.0, -1.0, 1.1, float("nan")):
            with pytest.raises(ValueError, match=r"^α=.*: must be in \(0, 1\]"):
                weight(α)


def fit(mixer, table, updates):
    """Least squares of a mixer on a table of two agents, one seed."""
    m, (n, _) = len(table), (2, 0)
    w = mixers.draw(mixer, n, 1, 8, [0])
    g = torch.Generator().manual_seed(0)
    w["q"] = torch.randn((2, m), generator=g, dtype=torch.float64) / 10
    w = nn.ParameterDict(w)
    adam, s = Adam(w), torch.ones((m * m, 1), dtype=torch.float64)
    a, b = torch.arange(m).repeat_interleave(m), torch.arange(m).repeat(m)
    for _ in range(updates):
        found = mixer.mix(torch.stack([w["q"][0, a], w["q"][1, b]], -1), s, w)
        (found - torch.as_tensor(table).flatten()).square().mean().backward()
        adam.step(0.02)
    return found.detach().reshape(m, m).numpy()


@pytest.mark.parametrize("table", [CLIMBING, UNEASY])
def test_vdn_s_fit_is_the_projection(table):
    """Means of rows and of columns, less the mean of all."""
    exact = table.mean(1)[:, None] + table.mean(0) - table.mean()
    assert exact[0, 0] == pytest.approx({11.0: -9.222, 8.0: -6.222}[table[0, 0]], abs=1e-3)
    np.testing.assert_allclose(fit(mixers.VDN, table, 2000), exact, atol=1e-3)


def test_qmix_fits_complements_and_not_substitutes():
    complements, substitutes = np.array([[0.0, 1], [1, 8]]), np.array([[0.0, 8], [8, 8]])
    np.testing.assert_allclose(fit(mixers.QMIX, complements, 1500), complements, atol=0.02)
    sums = [[2, 6], [6, 10]]  # the best without complements is a sum
    np.testing.assert_allclose(fit(mixers.QMIX, substitutes, 1500), sums, atol=0.05)


# COMA


def gradients(advantage, x, y):
    """Mean and trace of the covariance of agent 1's gradient, from the table of advantages."""
    score = np.eye(len(x)) - x
    p = np.outer(x, y)
    mean = np.einsum("ab,ab,ak->k", p, advantage, score)
    return mean, (p * advantage**2 * (score**2).sum(1)[:, None]).sum() - mean @ mean


def counterfactual(Q, x):
    """The package's advantages of agent 1, at all joint actions."""
    m = len(x)
    q = torch.as_tensor(Q.T[None].repeat(m, 0))  # what it takes, what the other takes: (m, m, m)
    a = torch.arange(m)[:, None].expand(m, m)
    return equations.counterfactual_advantage(q, torch.as_tensor(x), a).numpy()


@pytest.mark.parametrize(
    ("x", "y", "mean", "variances"),
    [
        ([1 / 3] * 3, [1 / 3] * 3, (-0.962963, -0.740741, 1.703704), (146.066, 138.156, 121.103)),
        ([0.6, 0.3, 0.1], [0.2, 0.5, 0.3], (-3.036, 2.112, 0.924), (115.936, 117.506, 131.188)),
    ],
)
def test_coma_is_unbiased_and_has_the_exact_variance(x, y, mean, variances):
    x, y = np.array(x), np.array(y)
    v = x @ CLIMBING @ y
    by_hand = [[CLIMBING[a, b] - x @ CLIMBING[:, b] for b in range(3)] for a in range(3)]
    np.testing.assert_allclose(counterfactual(CLIMBING, x), by_hand, atol=1e-12)
    tables = CLIMBING, CLIMBING - v, counterfactual(CLIMBING, x)
    for table, variance in zip(tables, variances, strict=True):
        found = gradients(table, x, y)
        np.testing.assert_allclose(found[0], mean, atol=1e-6)
        assert found[1] == pytest.approx(variance, abs=6e-4)


# The team's game as an economy


def test_a_team_game_is_played_once_and_by_its_table():
    economy = TeamGame(CLIMBING, β=0.9)
    check_economy(economy, np.random.default_rng(0))
    table = tabulate_game(economy, [0.0, 1.0])
    np.testing.assert_array_equal(table.game.r[:, 0], [CLIMBING.ravel()] * 2)
    assert (table.game.r[:, 1] == 0).all() and (table.game.index[:, :, 0] == 1).all()
    others = (np.zeros(2, dtype=int), np.full(2, 1))
    np.testing.assert_allclose(best_response(table.game, others, 0).v, [7, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: TeamGame([[1.0, np.nan]]), "payoffs"),
        (lambda: TeamGame(np.zeros((2, 0))), "payoffs"),
        (lambda: TeamGame(3.0), "payoffs"),
        (lambda: TeamGame([[1.0]], β=1.0), "β"),
    ],
)
def test_bad_games_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        make()
