"""The team of households of the experiment on what critics see."""

from itertools import permutations

import numpy as np
import pytest

from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.planner_team import PlannerTeam
from marketsai_lite.economy import Shocks, check_economy
from marketsai_lite.experiments import centralized_critics


@pytest.mark.parametrize("N", [2, 3])
def test_a_team_does_what_its_planner_would_and_treats_its_members_alike(N):
    team, plan, rng = PlannerTeam(N), Planner(N, high=0.4), np.random.default_rng(0)
    check_economy(team, rng)
    x = plan.initial(rng.random((5, N)))
    z = plan.exo.shocks(plan.exo.initial(rng.random((5, N + 1))))
    a = rng.uniform(0.05, 0.3, (5, N, 1))
    x1, r = team.step(x, z, a)
    want, mean = plan.step(x, z, a[..., 0][:, None])
    np.testing.assert_array_equal(x1, want)
    np.testing.assert_array_equal(r, np.repeat(mean, N, -1))
    o = team.observe(x, z)
    for τ in map(list, permutations(range(N))):
        there = Shocks(z.aggregate, z.own[:, τ])
        np.testing.assert_array_equal(team.observe(x[:, τ], there), o[:, τ])
        moved, same = team.step(x[:, τ], there, a[:, τ])
        np.testing.assert_allclose(moved, x1[:, τ], rtol=1e-12)
        np.testing.assert_allclose(same, r, rtol=1e-12)


def test_the_best_constant_share_is_the_best_of_its_neighbors():
    held = centralized_critics.plan(PlannerTeam(2))
    team, near = PlannerTeam(2), held["best"] * np.array([0.99, 1.01])
    for s in near:
        other, _ = centralized_critics.judged(team, lambda x, z, s=s: np.full((*x.shape, 1), s))
        assert other < held["constant"] < held["utility"]
