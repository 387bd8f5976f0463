"""What the experiment on dimensions builds itself: grids, policies between nodes, joint lists."""

from itertools import product

import numpy as np
import pytest
import torch

from marketsai_lite.economies.islands import Islands
from marketsai_lite.experiments import islands_agents
from marketsai_lite.solutions import islands
from marketsai_lite.views.batch import Batch
from marketsai_lite.views.table import tabulate


@pytest.mark.parametrize("d", [1, 2])
def test_a_policy_between_nodes_keeps_what_is_linear(d):
    rng, economy = np.random.default_rng(d), Islands(d)
    nodes_of, _ = islands_agents.grids(d, 6, 2)
    slope, jump = rng.normal(size=(d, d)), rng.normal(size=(d, d))
    nodes = np.array(list(product(*nodes_of)))
    booms = np.array(list(product((0.0, 1.0), repeat=d)))
    shares = (nodes @ slope)[:, None] + booms @ jump
    x = economy.initial(rng.random((40, d)))
    z = economy.exo.shocks(economy.exo.initial(rng.random((40, d + 1))))
    policy = islands_agents.between_nodes(shares, nodes_of)
    expected = x @ slope + (z.own[..., 0] == 1.1) @ jump
    np.testing.assert_allclose(policy(x, z)[:, 0], expected, atol=1e-12)


def test_a_policy_between_nodes_may_stand_on_the_nodes():
    nodes_of, _ = islands_agents.grids(1, 4, 2)
    shares = np.arange(8.0).reshape(4, 2, 1)
    z = Islands(1).exo.shocks(np.tile([0, 1], (4, 1)))
    policy = islands_agents.between_nodes(shares, nodes_of)
    assert policy(nodes_of[0][:, None], z).ravel().tolist() == [1, 3, 5, 7]


def test_the_grids_are_never_left_and_hold_the_best_shares():
    nodes_of, actions = islands_agents.grids(1, 30, 40)
    tabulate(Islands(1), *nodes_of, actions=actions)  # refuses a choice that leads off the grid
    best = islands.solve(Islands(1)).policy(
        Islands(1).initial(np.linspace(0.3, 0.7, 9)[:, None]),
        Islands(1).exo.shocks(np.tile([0, 0], (9, 1))),
    )
    assert actions.min() < best.min() and best.max() < actions.max()


def test_the_list_holds_every_joint_action_and_plays_the_one_that_is_named():
    listed = islands_agents.Listed(2)
    values = listed.actions[0].values
    assert len(values) == islands_agents.LEVELS**2 == len(np.unique(values, axis=0))
    batch, plain = Batch(listed, 3), Batch(Islands(2), 3)
    state = batch.reset(torch.Generator().manual_seed(0))
    k = torch.tensor([[0], [11], [48]])
    a = torch.as_tensor(values, dtype=torch.float32)[k]
    one, two = (
        b.step(state, action, torch.Generator().manual_seed(1)).reward
        for b, action in ((batch, k), (plain, a))
    )
    torch.testing.assert_close(one, two)


def test_each_learner_is_judged_in_units_of_one_cell():
    table = islands_agents.cells()["table short, d 1, seed 0"] | {"updates": 200_000}
    found = islands_agents.run(**table)
    assert found == islands_agents.run(**table)
    assert found["entries"] == 2 * 23 * 21 and 0 < found["loss"] < 9
    deep = islands_agents.cells()["ppo short, d 8, seed 0"] | {"d": 1, "updates": 10}
    found = islands_agents.run(**deep)
    assert found["updates"].tolist() == list(range(1, 11)) and found["samples"] == 10 * 256 * 32
    assert found["losses"][-1] == pytest.approx(found["loss"], rel=0.5)
