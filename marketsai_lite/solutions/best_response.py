"""What an agent of any economy gains by a best response to the others' policies, on a grid."""

from typing import NamedTuple

import numpy as np

from marketsai_lite.economy import Grid, Terms
from marketsai_lite.require import require
from marketsai_lite.tabular.evaluate import policy_value
from marketsai_lite.tabular.solve import policy_iteration
from marketsai_lite.views.induced import Induced
from marketsai_lite.views.table import tabulate


class Gain(NamedTuple):
    """What a best response adds to an agent's own policy, in each state of a table.

    Attributes
    ----------
    best : array (S,)
        Value of the best response.
    own : array (S,)
        Value of the agent's own policy.
    gain : array (S,)
        Their difference, >= 0.
    x : array (S, dx)
        Endogenous states.
    z : array (S, dz)
        Shocks.
    """

    best: np.ndarray
    own: np.ndarray
    gain: np.ndarray
    x: np.ndarray
    z: np.ndarray


def best_response_gain(economy, act, agent, *grids, actions=None):
    """Solve by dynamic programming for what `agent` could gain if all others went on as they do.

    The best response sees the whole state and all shocks, so that the gain is at least what the
    agent's observations permit.  The agent's own actions are among those of the table.

    Parameters
    ----------
    economy : Economy
        With at least two agents.
    act : callable
        What `Terms.see` gives, (..., n, do), to all actions (..., n, da), as of a trained agent.
    agent : int or str
        Its number or its name.
    *grids : array_like (m,)
        One increasing grid for each of the dx state variables.
    actions : array_like (A, da_k) or (A,), optional
        The agent's choices; needed if its own are a `Box`.

    Returns
    -------
    Gain

    Raises
    ------
    ValueError
        As `Induced` and `tabulate`: if there is no such agent, a grid is left, or `act` gives
        actions of the wrong shape or outside the agent's set.
    """
    require(act=(act, callable(act), "one function of all observations to all actions"))
    one, terms = Induced(economy, act, agent), Terms(economy)
    (allowed,), count = one.actions, len(grids)
    require(grids=(count, count == terms.dx > 0, f"one for each of {economy.state}"))
    require(actions=(None, actions is not None or isinstance(allowed, Grid), "given for a box"))
    rows = np.asarray(allowed.values if actions is None else actions, dtype=float)
    rows = rows[:, None] if rows.ndim == 1 else rows
    nodes = np.stack(np.meshgrid(*grids, indexing="ij"), -1).reshape(-1, terms.dx).astype(float)
    i, _ = economy.exo.joint()
    x, z = np.repeat(nodes, len(i), 0), economy.exo.shocks(np.tile(i, (len(nodes), 1)))
    everybody = np.asarray(act(terms.see(x, z)), dtype=float)
    shape = (len(x), terms.n, terms.da)
    require(**{"actions of act: shape": (everybody.shape, everybody.shape == shape, str(shape))})
    own = everybody[:, one.number, : allowed.width]
    rows, at = np.unique(np.concatenate([rows, own]), axis=0, return_inverse=True)
    table = tabulate(one, *grids, actions=rows)
    best, v = policy_iteration(table.mdp).v, policy_value(at.ravel()[-len(own) :], table.mdp)
    return Gain(best, v, np.maximum(best - v, 0.0), table.x, table.z)
