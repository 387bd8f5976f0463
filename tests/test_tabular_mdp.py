import dataclasses

import numpy as np
import pytest

from marketsai_lite.tabular.games import MarkovGame
from marketsai_lite.tabular.mdp import MDP, from_dense
from tests.tabular_problems import dense, random_mdp


def arguments(**changed):
    """Arguments of a valid problem: 3 nodes, 2 exogenous states, 2 actions, 2 outcomes."""
    good = dict(
        r=np.arange(12.0).reshape(6, 2),
        index=np.tile(np.array([0, 2]), (6, 2, 1)),
        weight=np.full((6, 2, 2), 0.5),
        P=np.array([[0.9, 0.1], [0.4, 0.6]]),
        β=0.9,
    )
    return good | changed


def test_dimensions_and_types():
    mdp = MDP(**arguments(r=np.arange(12, dtype=np.float32).reshape(6, 2)))
    assert (mdp.n_states, mdp.n_actions, mdp.nx, mdp.nz) == (6, 2, 3, 2)
    assert (mdp.r.dtype, mdp.index.dtype, mdp.weight.dtype) == (np.float64, np.int32, np.float64)
    with pytest.raises(dataclasses.FrozenInstanceError):
        mdp.β = 0.5


def test_arrays_of_any_layout_become_contiguous_and_writable():
    r = np.asfortranarray(np.arange(12.0).reshape(6, 2))
    index = np.broadcast_to(np.array([0, 2]), (6, 2, 2))
    mdp = MDP(**arguments(r=r, index=index))
    for array in (mdp.r, mdp.index, mdp.weight, mdp.P):
        assert array.flags.c_contiguous and array.flags.writeable


@pytest.mark.parametrize("masked", [False, True])
def test_what_the_caller_does_to_the_arrays_later_changes_nothing(masked):
    """Every array is handed over in the type in which it is kept."""
    feasible = np.ones((6, 2), bool) if masked else None
    given = arguments(feasible=feasible)
    given |= {"r": np.array(given["r"]), "index": np.array(given["index"], dtype=np.int32)}
    given |= {name: np.array(given[name], dtype=float) for name in ("weight", "P")}
    mdp = MDP(**given)
    game = MarkovGame(
        np.stack([mdp.r, mdp.r]), given["index"], given["weight"], given["P"], 0.9, (2, 1)
    )
    r = game.r.copy()
    names = [name for name in ("r", "index", "weight", "P", "feasible") if given[name] is not None]
    kept = {name: getattr(mdp, name).copy() for name in names}
    for name in names:
        given[name][...] = 0
    for name in names:
        assert np.array_equal(getattr(mdp, name), kept[name]), name
    for name in ("index", "weight", "P"):
        assert np.array_equal(getattr(game, name), kept[name]), name
    rewards = np.stack([mdp.r, mdp.r])
    game = MarkovGame(rewards, mdp.index, mdp.weight, mdp.P, 0.9, (2, 1))
    rewards[:] = 0.0
    assert np.array_equal(game.r, r)


def test_a_weight_of_one_outcome_is_dropped():
    one = arguments(index=np.zeros((6, 2, 1), int), weight=np.ones((6, 2, 1)))
    assert MDP(**one).weight is None


def test_what_is_infeasible_may_hold_anything():
    feasible = np.ones((6, 2), bool)
    feasible[1, 1] = False
    given = arguments()
    r, index, weight = (given[name].copy() for name in ("r", "index", "weight"))
    r[1, 1], index[1, 1], weight[1, 1] = np.nan, -7, np.nan
    mdp = MDP(**arguments(r=r, index=index, weight=weight, feasible=feasible))
    assert mdp.r[1, 1] == -np.inf
    assert mdp.index.min() >= 0
    np.testing.assert_array_equal(mdp.bounds, [[0, 2], [0, 1]] + [[0, 2]] * 4)


def test_lotteries_are_common_when_no_endogenous_node_changes_them():
    rng = np.random.default_rng(0)
    assert random_mdp(rng, 4, 2, 3, 2, common=True).common
    assert not random_mdp(rng, 4, 2, 3, 2).common
    mdp = random_mdp(rng, 4, 2, 3, 2, common=True)
    weight = mdp.weight.copy()
    weight[5, 1] = weight[5, 1, ::-1]
    assert not MDP(mdp.r, mdp.index, weight, mdp.P, 0.9).common


def test_from_dense_keeps_the_transitions():
    p = np.random.default_rng(0).dirichlet(np.ones(4), size=(4, 3))
    mdp = from_dense(np.zeros((4, 3)), p, 0.9)
    np.testing.assert_array_equal(dense(mdp), p)
    assert mdp.nz == 1


def changed(name, position, value):
    array = arguments()[name].copy()
    array[position] = value
    return {name: array}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (changed("r", (2, 1), np.nan), r"r\[2, 1\]=nan: must be finite"),
        (changed("r", (0, 0), np.inf), r"r\[0, 0\]=inf: must be finite"),
        (dict(r=np.zeros(6)), r"r.shape=\(6,\): must be of 2 dimensions"),
        (dict(r=np.zeros((0, 2))), r"r.shape=\(0, 2\): must be of 2 dimensions, none empty"),
        (dict(r=np.zeros((6, 0))), r"r.shape=\(6, 0\): must be of 2 dimensions, none empty"),
        (dict(r="rewards"), "^r='rewards': must be an array of real numbers"),
        (dict(r=np.zeros((7, 2))), "rows of r=7: must be a multiple of the 2"),
        (dict(β=1.0), r"β=1.0: must be in \[0, 1\)"),
        (dict(β=-0.1), r"β=-0.1: must be in \[0, 1\)"),
        (dict(β=np.nan), r"β=nan: must be in \[0, 1\)"),
        (dict(β=None), r"β=None: must be in \[0, 1\)"),
        (changed("P", (1, 0), 0.5), r"sum of row \[1\] of P=1.1: must be 1"),
        (changed("P", (0, 1), -0.1), r"P\[0, 1\]=-0.1: must be probabilities"),
        (changed("P", (0, 1), np.nan), r"P\[0, 1\]=nan: must be probabilities"),
        (dict(P=np.ones((2, 3)) / 3), r"P.shape=\(2, 3\): must be square"),
        (changed("index", (3, 1, 0), 3), r"index\[3, 1, 0\]=3: must be one of the nodes 0 to 2"),
        (changed("index", (3, 1, 0), -1), r"index\[3, 1, 0\]=-1: must be one of the nodes 0 to 2"),
        (dict(index=np.zeros((6, 2), int)), r"index.shape=\(6, 2\): must be \(6, 2, K\)"),
        (dict(index=np.zeros((6, 2, 0), int)), r"index.shape=\(6, 2, 0\): must be"),
        (dict(index=np.zeros((6, 2, 2))), "index.dtype=float64: must be integers"),
        (changed("weight", (5, 0, 0), 0.6), r"sum of row \[5, 0\] of weight=1.1: must be 1"),
        (changed("weight", (5, 0, 0), -0.5), r"weight\[5, 0, 0\]=-0.5: must be"),
        (dict(weight=np.full((6, 2, 3), 1 / 3)), r"weight.shape=\(6, 2, 3\): must be"),
        (dict(weight=None), "weight=None: must be given, since K = 2"),
        (dict(feasible=np.ones((6, 2))), "feasible: shape .* float64: must be bool"),
        (dict(feasible=np.ones((6, 3), bool)), r"feasible: shape \(6, 3\)"),
        (
            dict(feasible=np.arange(6)[:, None] != [4, 4]),
            r"feasible\[4\]: must hold an action in each state",
        ),
    ],
)
def test_a_wrong_argument_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        MDP(**arguments(**wrong))


def test_a_dense_array_of_the_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"P.shape=\(4, 3, 5\): must be \(S, A, S\)"):
        from_dense(np.zeros((4, 3)), np.full((4, 3, 5), 0.2), 0.9)
