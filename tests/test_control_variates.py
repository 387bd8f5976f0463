"""Control variates remove luck, and nothing else."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from marketsai_lite.deep import control_variates
from marketsai_lite.deep.control_variates import FEW, News, hedged, news
from marketsai_lite.economy import Shocks


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


def normal(g, *shape):
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def common(z):
    """Aggregate shocks (periods, B, k) that one agent feels."""
    return News(z, z.new_zeros(*z.shape[:-1], 1, 0))


def test_residual_is_that_of_least_squares(g):
    x, y = normal(g, 50, 4), normal(g, 50, 2)
    want = y - x @ torch.as_tensor(np.linalg.lstsq(x.numpy(), y.numpy(), rcond=None)[0])
    torch.testing.assert_close(control_variates.residual(y, x), want, rtol=0, atol=1e-5)
    nothing = torch.cat([x, torch.zeros(50, 1)], 1)
    torch.testing.assert_close(control_variates.residual(y, nothing), want, rtol=0, atol=1e-5)


def follow(g, z):
    """Next state of independent chains on -1 and 1 that stay with probability .9."""
    return torch.where(torch.rand(z.shape, generator=g) < 0.9, z, -z)


def test_the_hedge_removes_luck_and_keeps_the_mean(g):
    n, price = 200_000, torch.tensor([3.0, -5.0]).double()
    z = torch.sign(normal(g, n, 2))
    z1 = follow(g, z)
    effect = normal(g, n)
    δ = (effect + z1 @ price)[:, None]
    got = hedged(δ, common(z[None]), common(z1[None]))[:, 0]
    fair = effect + 0.8 * z @ price  # since E[z' | z] = .8 z
    assert (got - fair).abs().mean() < 0.02
    assert (got - fair).abs().max() < 0.1


def test_without_shocks_the_hedge_does_nothing(g):
    δ, z = normal(g, 40, 1), common(torch.zeros(1, 40, 1).double())
    torch.testing.assert_close(hedged(δ, z, z), δ)


def test_the_hedge_of_two_periods_removes_the_luck_of_both(g):
    z = [torch.sign(normal(g, 50_000, 1))]
    z += [follow(g, z[0])]
    z += [follow(g, z[1])]
    δ = 2 * (z[1] - 0.8 * z[0]) + 3 * (z[2] - 0.8 * z[1])
    got = hedged(δ, common(torch.stack(z[:2])), common(torch.stack(z[1:])))
    assert got.std() < 0.05 * δ.std()


@pytest.mark.parametrize(
    ("σ", "share"), [(0.1, 5e-5), (0.01, 0.005), (0.005, 0.02), (0.001, 1 / 3)]
)
def test_what_is_expected_of_small_shocks_stays_in_part(σ, share):
    """As the docstring of `residual` says: the constant outweighs shocks of a small unit."""
    g = torch.Generator().manual_seed(0)
    z, noise = torch.randn((2, 10_000, 1), generator=g, dtype=torch.float64)
    z = z - z.mean()
    z1 = 0.9 * z + noise
    ν = control_variates.innovation(σ * z1, σ * z) / σ
    assert ((ν * z).mean() / (z1 * z).mean()).item() == pytest.approx(share, rel=0.05)


def least_squares(y, x):
    """What regressing each column of `y` on the columns of `x` leaves, by NumPy."""
    y, x = y.numpy(), x.numpy()
    return torch.as_tensor(y - x @ np.linalg.lstsq(x, y, rcond=None)[0])


def slow_hedge(δ, z, z1):
    """Subtract what aggregate news explain, then what each agent's own does, one by one."""
    B = len(δ)
    ν = [
        least_squares(b, torch.cat([torch.ones(B, 1).double(), a], 1))
        for a, b in zip(z.common, z1.common, strict=True)
    ]
    ν = torch.cat(ν, 1)
    left = least_squares(δ, ν)
    for e, e1 in zip(z.own, z1.own, strict=True):
        for j in range(e.shape[-1]):
            was, now = e[..., j] - e[..., j].mean(), e1[..., j] - e1[..., j].mean()
            ρ = (was * now).sum() / (was * was).sum()
            for k in range(e.shape[1]):
                surprise = least_squares((now - ρ * was)[:, k : k + 1], ν)
                surprise = surprise - surprise.mean()
                left[:, k] = least_squares(left[:, k : k + 1], surprise)[:, 0]
    return left


def own_shocks(g, periods, B, n, de=1, dz=1):
    """Aggregate and own shocks of n agents at the beginning and the end of some periods."""
    z, e = torch.sign(normal(g, B, dz)), torch.sign(normal(g, B, n, de))
    seen = [news(Shocks(z, e), n)]
    for _ in range(periods):
        z, e = follow(g, z), follow(g, e)
        seen.append(news(Shocks(z, e), n))
    return [
        News(*(torch.stack(v) for v in zip(*part, strict=True))) for part in (seen[:-1], seen[1:])
    ]


@pytest.mark.parametrize("periods", [1, 2])
@pytest.mark.parametrize("de", [1, 2])
def test_own_shocks_of_n_agents_equal_the_slow_formula(g, periods, de):
    z, z1 = own_shocks(g, periods, 400, 3, de)
    assert z.own.shape == (periods, 400, 3, de) and z.common.shape == (periods, 400, 1 + de)
    δ = normal(g, 400, 3) + z1.own.sum((0, -1)) * torch.tensor([3.0, -5.0, 1.0])
    δ = δ + z1.common[0].sum(-1, keepdim=True)
    want = slow_hedge(δ, z, z1)
    torch.testing.assert_close(hedged(δ, z, z1), want, rtol=0, atol=1e-4)
    assert not torch.allclose(want, δ, atol=0.1)


def test_each_agent_loses_the_luck_of_its_own_shock_and_keeps_its_effect(g):
    B, price = 100_000, torch.tensor([3.0, -5.0, 0.0]).double()
    z, z1 = own_shocks(g, 1, B, 3)
    effect = normal(g, B, 3)
    got = hedged(effect + price * z1.own[0, ..., 0], z, z1)
    fair = effect + 0.8 * price * z.own[0, ..., 0]  # since E[e' | e] = .8 e
    assert (got - fair).abs().mean() < 0.02
    assert (got - fair).abs().max() < 0.1


@pytest.mark.parametrize(
    ("n", "units", "own", "common"),
    [(1, 0, 0, 2), (1, 3, 0, 5), (1, FEW + 1, 0, 3), (3, 0, 0, 2), (3, 3, 1, 3), (3, 2, 1, 3)],
)
def test_news_hold_each_shock_of_few_units_and_the_mean_of_many(g, n, units, own, common):
    z, e = normal(g, 4, 2), normal(g, 4, units, 1)
    got = news(Shocks(z, e), n)
    assert got.common.shape == (4, common)
    assert got.own.shape == ((4, units, 1) if own else (4, n, 0))
    assert torch.equal(got.common[:, :2], z)
    if own:
        assert torch.equal(got.own, e)
        torch.testing.assert_close(got.common[:, 2:], e.mean(1))
    elif units > FEW:
        torch.testing.assert_close(got.common[:, 2:], e.mean(1))
    else:
        assert torch.equal(got.common[:, 2:], e[..., 0])


def test_an_agent_without_a_shock_of_its_own_keeps_its_errors(g):
    z, e = torch.zeros(200, 1).double(), torch.sign(normal(g, 200, 2, 1))
    e = e - e.mean(1, keepdim=True)  # no common news
    e1 = follow(g, e)
    e1 = e1 - e1.mean(1, keepdim=True)
    z0, z1 = (News(*(v[None] for v in news(Shocks(z, x), 3))) for x in (e, e1))
    δ = normal(g, 200, 3)
    got = hedged(δ, z0, z1)
    torch.testing.assert_close(got[:, 2], δ[:, 2])
    assert not torch.allclose(got[:, :2], δ[:, :2])


def test_the_cost_does_not_grow_with_the_square_of_the_agents(g):
    def operations(n):
        z, z1 = own_shocks(g, 1, 500, n)
        with FlopCounterMode(display=False) as counter:
            hedged(normal(g, 500, n), z, z1)
        return counter.get_total_flops()

    few, many = operations(100), operations(1_000)
    assert 0 < few and many < 11 * few  # a square would take 100 times as many


def test_who_has_no_own_shock_keeps_the_mean_of_its_errors(g):
    """Two of three agents have own shocks; nobody's mean error is explained away."""
    z, e = torch.sign(normal(g, 5_000, 1)), torch.sign(normal(g, 5_000, 2, 1))
    now, then = (news(Shocks(a, b), 3) for a, b in ((z, e), (follow(g, z), follow(g, e))))
    δ = 1 + normal(g, 5_000, 3)
    z, z1 = (News(*(v[None] for v in x)) for x in (now, then))
    got = hedged(δ, z, z1)
    torch.testing.assert_close(got, slow_hedge(δ, z, z1), rtol=0, atol=1e-4)
    assert (got.mean(0) - 1).abs().max() < 0.06
