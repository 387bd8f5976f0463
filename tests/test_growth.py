"""The growth economies: budgets, Euler equations, steady states, bad parameters."""

import numpy as np
import pytest
import torch

from marketsai_lite.economies.growth import Growth, brock_mirman
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economy import Exogenous, Shocks, constant, sample_action

GROWTH = {
    "growth": Growth,
    "crra": lambda: Growth(γ=2.5, exo=constant(1.2)),
    "brock-mirman": brock_mirman,
    "islands": lambda: Islands(3, Growth(γ=2.0)),
    "multi-country": lambda: MultiCountry(3),
    "long-plosser": lambda: LongPlosser(random_technology(3), θ=[0.2, 0.5, 0.3]),
    "planner": lambda: Planner(N=3, M=2),
}


@pytest.fixture(params=GROWTH)
def growth(request):
    return GROWTH[request.param]()


def draw(economy, rng, size):
    x = economy.initial(rng.random((size, len(economy.state))))
    i = economy.exo.initial(rng.random((size, economy.exo.width)))
    a = np.stack([sample_action(s, rng, size) for s in economy.actions], 1)
    return x, economy.exo.shocks(i), a


def test_output_is_used_up(growth, rng):
    x, z, a = draw(growth, rng, 50)
    accounts = growth.accounts(x, z, a)
    used = sum(accounts.get(k, 0.0) for k in ("consumption", "investment", "intermediate use",
                                              "spending on capital"))  # fmt: skip
    np.testing.assert_allclose(used, accounts["output"], rtol=1e-12)
    assert all((v > 0).all() for v in accounts.values())


def test_capital_is_what_depreciation_leaves_and_investment_adds(rng):
    for economy in (Growth(δ=0.3), Islands(4), Planner(N=2, M=2)):
        x, z, a = draw(economy, rng, 50)
        accounts, x1 = economy.accounts(x, z, a), economy.step(x, z, a)[0]
        one = economy.island if isinstance(economy, Islands) else economy
        new = accounts["new capital" if isinstance(economy, Planner) else "investment"]
        kept, after = (1 - one.δ) * accounts["capital"], np.exp(x1)
        after = after.mean(-1) if isinstance(economy, Islands) else after.sum(-1)
        np.testing.assert_allclose(after, kept + new, rtol=1e-12)


def test_new_capital_costs_what_the_households_pay(rng):
    economy = Planner(N=3, M=2)
    x, z, a = draw(economy, rng, 20)
    y = economy.output(x, z)
    s = a.reshape(20, 3, 2)
    new = np.exp(economy.step(x, z, a)[0]) - (1 - economy.δ) * np.exp(x)
    new = new.reshape(20, 3, 2)
    for t in range(20):
        for j in range(2):
            X = sum(s[t, i, j] * y[t, i] for i in range(3))
            assert economy.φ / 2 * new[t, :, j].sum() ** 2 == pytest.approx(X, rel=1e-12)
            np.testing.assert_allclose(new[t, :, j] / new[t, :, j].sum(), s[t, :, j] * y[t] / X)


@pytest.mark.parametrize("name", ["growth", "crra", "brock-mirman", "islands", "multi-country",
                                  "planner"])  # fmt: skip
def test_margins_are_the_derivatives_of_step(name, rng):
    """Cost and gain from torch's derivatives of reward and capital, one state at a time."""
    economy = GROWTH[name]()
    units = {Islands: getattr(economy, "d", 1), Planner: getattr(economy, "N", 1)}
    for _ in range(5):
        x, z, a = draw(economy, rng, 1)
        x, z, a = x[0], Shocks(z.aggregate[0], z.own[0]), a[0]
        tz = Shocks(*map(torch.as_tensor, z))
        K, ta = torch.exp(torch.as_tensor(x)), torch.as_tensor(a)

        def capital(K, a, tz=tz):
            return torch.exp(economy.step(torch.log(K), tz, a)[0])

        def reward(K, a, tz=tz):
            return economy.step(torch.log(K), tz, a)[1][0]

        jacobian = torch.autograd.functional.jacobian
        by_K, by_a = jacobian(capital, (K, ta))
        r_K, r_a = jacobian(reward, (K, ta))
        cost = torch.linalg.solve(by_a[:, 0].T, -r_a[0])
        gain = r_K + cost @ by_K
        scale = units.get(type(economy), 1)
        ours = economy.margins(x, z, a)
        np.testing.assert_allclose(ours[0], scale * cost.numpy(), rtol=1e-9)
        np.testing.assert_allclose(ours[1], scale * gain.numpy(), rtol=1e-9)


def test_gradients_reach_the_actions(growth, rng):
    x, z, a = draw(growth, rng, 4)
    x, a, *z = (torch.as_tensor(v).float() for v in (x, a, *z))
    a.requires_grad_()
    x1, r = growth.step(x, Shocks(*z), a)
    assert r.dtype == x1.dtype == torch.float32
    (x1.sum() + r.sum()).backward()
    assert (a.grad != 0).all() and torch.isfinite(a.grad).all()


def test_the_steady_state_stays_and_solves_the_euler_equation():
    for economy in (Growth(), Growth(γ=3.0, δ=0.04), brock_mirman(), Planner(N=1), Planner(3, 2)):
        x = np.log(np.full(len(economy.state), economy.k_ss))
        z = Shocks(np.ones(1), np.ones((economy.exo.n, 1)))
        a = np.full((1, len(x)), economy.s_ss)
        np.testing.assert_allclose(economy.step(x, z, a)[0], x, atol=1e-12)
        cost, gain = economy.margins(x, z, a)
        np.testing.assert_allclose(cost, economy.β * gain, rtol=1e-12)


@pytest.mark.parametrize(
    ("economy", "k", "s"),
    [
        (Growth(), 4.29405, 0.25412),
        (Growth(β=0.99, δ=0.025), 37.98925, 0.25640),
        (Growth(α=0.33, β=0.98, δ=0.04, γ=2.0), 12.607365, 0.218514),
        (brock_mirman(), 0.190117, 0.3456),
        (brock_mirman(α=0.33, β=0.98), 0.185468, 0.3234),
        (MultiCountry(5), 0.190117, None),
        (Planner(1), 25.63427, 0.099324),
        (Planner(2), 17.05079, 0.099324),
        (Planner(3), 13.43264, 0.099324),
        (Planner(4), 11.34144, 0.099324),
        (Planner(5), 9.94631, 0.099324),
        (Planner(10), 6.61585, 0.099324),
        (Planner(100), 1.70746, 0.099324),
        (Planner(1, 2), 17.05079, 0.099324 / 2),
    ],
)
def test_steady_states(economy, k, s):
    assert economy.k_ss == pytest.approx(k, abs=6e-6)
    if s is not None:
        assert economy.s_ss == pytest.approx(s, abs=6e-6)


def test_shares_add_up_and_are_what_is_spent(rng):
    economy = MultiCountry(4)
    x, z, a = draw(economy, rng, 10)
    shares = economy.shares(a)
    np.testing.assert_allclose(shares.sum(-1), 1.0)
    np.testing.assert_allclose(np.log(4 * shares[..., 1:] / shares[..., :1]), a)
    Y = economy.output(x, z).sum(-1)
    np.testing.assert_allclose(np.exp(economy.step(x, z, a)[0]), shares[:, 0, 1:] * Y[:, None])

    economy = LongPlosser(random_technology(3))
    x, z, a = draw(economy, rng, 10)
    C, X = economy.shares(a)
    np.testing.assert_allclose(C + X.sum(1), 1.0)
    Y = np.exp(x + z.own[..., 0])
    for t, i in np.ndindex(10, 3):
        product = np.prod([(X[t, i, j] * Y[t, j]) ** economy.A[i, j] for j in range(3)])
        assert np.exp(economy.step(x, z, a)[0][t, i]) == pytest.approx(product, rel=1e-12)


def test_islands_do_not_touch_each_other(rng):
    economy = Islands(3)
    x, z, a = draw(economy, rng, 1)
    x1, r = economy.step(x, z, a)
    for j in range(3):
        y1, rj = economy.island.step(x[:, j, None], Shocks(z.own[:, j], None), a[:, :, j, None])
        assert x1[0, j] == y1[0, 0]
        r = r - rj / 3
    np.testing.assert_allclose(r, 0, atol=1e-15)


def test_normal_shocks_have_their_moments():
    exo = LongPlosser(σ=0.2).exo
    ε, weight = exo.own_values[:, 0], exo.own_transition[0, 0, 0]
    for power, moment in ((1, 0), (2, 0.2**2), (3, 0), (4, 3 * 0.2**4)):
        assert weight @ ε**power == pytest.approx(moment, abs=1e-15)


def test_a_technology_is_drawn_by_its_seed():
    A = random_technology(4, 0.3)
    np.testing.assert_allclose(A.sum(1), 0.3)
    assert np.array_equal(A, random_technology(4, 0.3, seed=104))
    assert not np.array_equal(A, random_technology(4, 0.3, seed=1))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Growth(α=1.0), "α"),
        (lambda: Growth(β=1.0), "β"),
        (lambda: Growth(γ=0.0), "γ"),
        (lambda: Growth(δ=0.0), "δ"),
        (lambda: Growth(δ=np.nan), "δ"),
        (lambda: Growth(low=0.0), "low"),
        (lambda: Growth(low=0.8), "high"),
        (lambda: Growth(high=1.0), "high"),
        (lambda: Growth(exo=constant(-1.0)), "exo"),
        (lambda: Growth(exo=constant(1.0, 1.0)), "exo"),
        (lambda: Islands(0), "d"),
        (lambda: MultiCountry(0), "d"),
        (lambda: MultiCountry(α=0.0), "α"),
        (lambda: MultiCountry(country=Exogenous([[0.0]], [[1.0]])), "country"),
        (lambda: LongPlosser(A=0.3), "A"),
        (lambda: LongPlosser(A=[[0.3, 0.3]]), "A"),
        (lambda: LongPlosser(A=[[0.3, 0.0], [0.1, 0.1]]), "A"),
        (lambda: LongPlosser(A=[[0.5, 0.5], [0.1, 0.1]]), "A"),
        (lambda: LongPlosser(θ=[1.0, 0.0]), "θ"),
        (lambda: LongPlosser(θ=[1.0]), "θ"),
        (lambda: LongPlosser(σ=-1.0), "σ"),
        (lambda: LongPlosser(nodes=1), "nodes"),
        (lambda: Planner(N=0), "N"),
        (lambda: Planner(M=0), "M"),
        (lambda: Planner(φ=0.0), "φ"),
        (lambda: Planner(low=0.0), "low"),
        (lambda: Planner(high=1.0), "high"),
    ],
)
def test_bad_parameters_are_refused_by_name(make, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        make()
