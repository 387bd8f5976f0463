"""Each equation of the deep agents equals its slow formula."""

import math

import numpy as np
import pytest
import torch

from marketsai_lite.deep import equations

β, λ = 0.9, 0.8


@pytest.fixture
def g():
    return torch.Generator().manual_seed(0)


def normal(g, *shape):
    return torch.randn(*shape, generator=g, dtype=torch.float64)


CUTS = {
    "none": lambda T, B: torch.zeros(T, B, dtype=torch.bool),
    "all": lambda T, B: torch.ones(T, B, dtype=torch.bool),
    "some": lambda T, B: (torch.arange(T)[:, None] + 2 * torch.arange(B)) % 4 == 1,
    "last": lambda T, B: (torch.arange(T)[:, None] == T - 1).expand(T, B),
}


def slow_return(r, v, cut, t):
    """Σ_k β^k r_{t+k} until a cut or the end, and then the value of the state reached."""
    total, k = 0.0, 0
    while True:
        total += β**k * r[t + k]
        if cut[t + k] or t + k == len(r) - 1:
            return total + β ** (k + 1) * v[t + k]
        k += 1


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("T", [1, 2, 7])
def test_n_step_target(g, T, cuts):
    r, v, cut = normal(g, T, 3), normal(g, T, 3), CUTS[cuts](T, 3)
    got = equations.n_step_target(r, torch.full_like(r, β), v, cut)
    for t, b in np.ndindex(T, 3):
        assert got[t, b].item() == pytest.approx(
            slow_return(r[:, b].tolist(), v[:, b].tolist(), cut[:, b].tolist(), t), abs=1e-12
        )


def test_td_target_is_the_n_step_target_of_one_step(g):
    r, v = normal(g, 1, 5), normal(g, 1, 5)
    discount = torch.rand(1, 5, generator=g, dtype=r.dtype)
    never = torch.zeros(1, 5) > 0
    assert torch.equal(
        equations.td_target(r, discount, v), equations.n_step_target(r, discount, v, never)
    )
    assert torch.equal(equations.td_target(r, β, v), r + β * v)


@pytest.mark.parametrize("cuts", CUTS)
def test_discounts_that_change_and_end_games(g, cuts):
    T, B = 7, 3
    r, v, δ = (normal(g, T, B) for _ in range(3))
    discount = torch.rand(T, B, generator=g, dtype=r.dtype)
    discount[3, 1] = discount[5, 2] = 0.0
    cut = CUTS[cuts](T, B)
    target = equations.n_step_target(r, discount, v, cut)
    advantage = equations.generalized_advantage(δ, discount, cut, λ)
    for t, b in np.ndindex(T, B):
        total = errors = 0.0
        weight = trust = 1.0
        for k in range(t, T):
            total += weight * r[k, b]
            errors += trust * δ[k, b]
            weight, trust = weight * discount[k, b], trust * discount[k, b] * λ
            if cut[k, b] or k == T - 1:
                break
        assert target[t, b].item() == pytest.approx((total + weight * v[k, b]).item(), abs=1e-12)
        assert advantage[t, b].item() == pytest.approx(errors.item(), abs=1e-12)
    assert target[3, 1] == r[3, 1] and advantage[5, 2] == δ[5, 2]


@pytest.mark.parametrize("cuts", CUTS)
@pytest.mark.parametrize("λ", [0.0, 0.8, 1.0])
def test_generalized_advantage(g, cuts, λ):
    T, B = 7, 3
    δ, cut = normal(g, T, B), CUTS[cuts](T, B)
    got = equations.generalized_advantage(δ, β, cut, λ)
    for t, b in np.ndindex(T, B):
        want = 0.0
        for k in range(t, T):
            want += (β * λ) ** (k - t) * δ[k, b].item()
            if cut[k, b]:
                break
        assert got[t, b].item() == pytest.approx(want, abs=1e-12)


@pytest.mark.parametrize("cuts", CUTS)
def test_with_λ_one_the_advantage_is_the_discounted_return_less_the_value(g, cuts):
    T, B = 7, 3
    r, v, cut = normal(g, T, B), normal(g, T + 1, B), CUTS[cuts](T, B)
    reached = torch.where(cut, normal(g, T, B), v[1:])
    δ = r + β * reached - v[:-1]
    torch.testing.assert_close(
        equations.generalized_advantage(δ, β, cut, 1.0),
        equations.n_step_target(r, torch.full_like(r, β), reached, cut) - v[:-1],
    )


def test_double_q_value(g):
    q, chooser = normal(g, 4, 2, 5), normal(g, 4, 2, 5)
    got = equations.double_q_value(q, chooser)
    for b in range(4):
        heads = [q[b, h, int(np.argmax(chooser[b, h].numpy()))].item() for h in range(2)]
        assert got[b].item() == pytest.approx(sum(heads) / 2)
    assert torch.equal(equations.double_q_value(q, q), q.amax(-1).mean(-1))


def test_dueling_keeps_the_value_and_the_differences(g):
    v, a = normal(g, 4, 1), normal(g, 4, 5)
    q = equations.dueling(v, a)
    torch.testing.assert_close(q.mean(-1, keepdim=True), v)
    torch.testing.assert_close(q - q[:, :1], a - a[:, :1])


def test_normal_log_density(g):
    u, mean, log_std = normal(g, 6, 3), normal(g, 6, 3), normal(g, 3)
    want = torch.distributions.Normal(mean, log_std.exp()).log_prob(u).sum(-1)
    torch.testing.assert_close(equations.normal_log_density(u, mean, log_std), want)


def test_squash_changes_the_density_by_the_slope(g):
    u, log_p = normal(g, 6, 3), normal(g, 6)
    a, got = equations.squash(u, log_p)
    torch.testing.assert_close(a, torch.tanh(u))
    torch.testing.assert_close(got, log_p - torch.log(1 - torch.tanh(u) ** 2).sum(-1))


def test_the_squashed_density_integrates_to_one():
    a = torch.linspace(-1, 1, 200_001, dtype=torch.float64)[1:-1]
    u = torch.atanh(a)[:, None]
    mean, log_std = torch.tensor([0.4], dtype=torch.float64), torch.tensor([-0.3])
    _, log_p = equations.squash(u, equations.normal_log_density(u, mean, log_std.double()))
    assert torch.trapezoid(log_p.exp(), a).item() == pytest.approx(1.0, abs=1e-6)


def test_squash_is_finite_far_out():
    _, log_p = equations.squash(torch.tensor([[40.0], [-40.0]]), torch.zeros(2))
    assert torch.isfinite(log_p).all()
    assert log_p.tolist() == pytest.approx([2 * 40 - 2 * math.log(2)] * 2)


def test_soft_target(g):
    r, q, log_π = normal(g, 4), normal(g, 2, 4), normal(g, 4)
    for b in range(4):
        want = r[b] + β * (min(q[0, b], q[1, b]) - 0.3 * log_π[b])
        assert equations.soft_target(r, β, q, log_π, 0.3)[b].item() == pytest.approx(want.item())


@pytest.mark.parametrize(("entropy", "rises"), [(-2.0, True), (0.5, False)])
def test_descent_of_the_temperature_loss_raises_α_where_entropy_is_low(entropy, rises):
    log_α = torch.tensor(-1.0, requires_grad=True)
    log_π = torch.full((5,), -entropy)
    loss = equations.temperature_loss(log_α, log_π, -1.0)
    assert loss.item() == pytest.approx(math.exp(-1.0) * (entropy + 1.0))
    loss.backward()
    assert (log_α.grad.item() < 0) == rises


@pytest.mark.parametrize("ratio", [0.5, 0.79, 0.81, 1.0, 1.19, 1.21, 3.0])
@pytest.mark.parametrize("advantage", [-2.0, 0.0, 1.5])
def test_clipped_surrogate(ratio, advantage):
    log_ratio = torch.tensor([math.log(ratio)], dtype=torch.float64, requires_grad=True)
    got = equations.clipped_surrogate(log_ratio, torch.tensor([advantage]).double(), 0.2)
    clipped = min(max(ratio, 0.8), 1.2)
    assert got.item() == pytest.approx(min(ratio * advantage, clipped * advantage))
    got.backward()
    pushed = (advantage > 0 and ratio > 1.2) or (advantage < 0 and ratio < 0.8)
    assert (log_ratio.grad.item() == 0) == (pushed or advantage == 0)


def test_standardized(g):
    x = equations.standardized(3 + 2 * normal(g, 100))
    assert x.mean().item() == pytest.approx(0, abs=1e-12)
    assert x.std().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(equations.standardized(torch.ones(4)), torch.zeros(4))


def test_standardized_by_columns(g):
    x = 3 + 2 * normal(g, 5, 20, 3)
    got = equations.standardized(x, (0, 1))
    for k in range(3):
        torch.testing.assert_close(got[..., k], equations.standardized(x[..., k]))


@pytest.mark.parametrize("peak", [-0.5, -0.2, 0.0, 0.35, 0.5])
def test_parabola_peak(peak):
    y = [torch.tensor([3 - 2 * (x - peak) ** 2]) for x in (-1.0, 0.0, 1.0)]
    assert equations.parabola_peak(*y).item() == pytest.approx(peak, abs=1e-6)


def test_the_peak_of_a_flat_line_is_in_reach():
    flat = torch.zeros(1)
    assert abs(equations.parabola_peak(flat, flat, flat).item()) <= 0.5


def test_first():
    cut = torch.tensor([[0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]) > 0
    assert equations.first(cut).tolist() == [2, 0, 1, 2]


def test_polyak(g):
    slow, fast = normal(g, 5), normal(g, 5)
    want = 0.7 * slow + 0.3 * fast
    equations.polyak(slow, fast, 0.3)
    torch.testing.assert_close(slow, want)
    equations.polyak(slow, fast, 1.0)
    assert torch.equal(slow, fast)
