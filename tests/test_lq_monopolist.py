"""The closed form of the linear-quadratic monopolist against two Riccati solvers and the grid."""

import numpy as np
import pytest
import quantecon
from scipy.linalg import solve_discrete_are

from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.solutions.lq_monopolist import solve
from marketsai_lite.tabular.solve import policy_iteration
from marketsai_lite.views.table import tabulate

CASES = [
    LQMonopolist(),
    LQMonopolist(γ=5.0, ρ=-0.4, β=0.8),
    LQMonopolist(a0=8.0, a1=2.0, c=1.0, σ=0.4, β=0.99),
]


def quadratic_forms(economy):
    """Reward x'Rx + u²Q and law Ax + Bu + Cw of the state x = (1, q, d), action u = q' - q."""
    m = economy.a0 - economy.c
    R = np.array([[0, m / 2, 0], [m / 2, -economy.a1, 0.5], [0, 0.5, 0]])
    A = np.diag([1.0, 1.0, economy.ρ])
    return R, np.array([[-economy.γ]]), A, np.array([[0.0], [1.0], [0.0]])


@pytest.mark.parametrize("economy", CASES)
def test_the_policy_equals_riccatis(economy):
    R, Q, A, B = quadratic_forms(economy)
    C = np.array([[0.0], [0.0], [economy.σ]])
    P, F, d = quantecon.LQ(-Q, -R, A, B, C, beta=economy.β).stationary_values()
    s = solve(economy)
    ours = [-s.f0, 1 - s.fq, -s.fd]
    np.testing.assert_allclose(F[0], ours, atol=1e-8)
    dare = solve_discrete_are(np.sqrt(economy.β) * A, np.sqrt(economy.β) * B, -R, -Q)
    k = economy.β * B.T @ dare
    np.testing.assert_allclose(np.linalg.solve(-Q + k @ B, k @ A)[0], ours, atol=1e-8)
    for q, demand in ((3.0, 0.0), (2.5, 0.4), (0.0, -0.3)):
        x = np.array([1.0, q, demand])
        assert s.value(q, demand) == pytest.approx(-(x @ P @ x + d), rel=1e-9)


def test_known_values():
    s = solve(LQMonopolist())
    assert s.p == pytest.approx(0.9828616704, abs=1e-10)
    assert s.value(3.0, 0.0) == pytest.approx(90.5632670873, abs=1e-9)
    assert s.policy(3.0, 0.0) == pytest.approx(3.0, abs=1e-14)


def test_a_firm_without_a_future_never_adjusts():
    s = solve(LQMonopolist(β=0.0))
    assert s.policy(2.3, 0.5) == pytest.approx(2.3)
    assert s.value(2.0, 0.0) == pytest.approx((5 - 0.5 * 2 - 2) * 2)


def test_the_grid_solution_tends_to_it_from_below():
    economy, errors = LQMonopolist(), []
    s = solve(economy)
    for n in (11, 21, 41, 81):
        grid = np.linspace(2, 4, n)
        table = tabulate(economy, grid, actions=grid)
        gap = s.value(table.x[:, 0], table.z[:, 0]) - policy_iteration(table.mdp).v
        assert gap.min() > -1e-10
        errors.append(gap.max())
    ratios = np.array(errors[:-1]) / errors[1:]
    assert ((ratios > 3) & (ratios < 5)).all()  # an error of order h²
    assert errors[1] == pytest.approx(0.03021, abs=1e-5)
