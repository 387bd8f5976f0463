"""An economy as a table: the Markov decision process that the tabular solvers read."""

from functools import reduce
from itertools import product
from typing import NamedTuple

import numpy as np

from marketsai_lite.economy import Grid, Terms, padded
from marketsai_lite.require import require
from marketsai_lite.tabular.games import MarkovGame
from marketsai_lite.tabular.mdp import MDP


class Table(NamedTuple):
    """A tabulated economy: state s = ix nz + iz is row s of `x` and `z`.

    Attributes
    ----------
    mdp : MDP
        Rewards and transitions.
    x : array (S, dx)
        Endogenous states.
    z : array (S, dz)
        Shocks.
    a : array (A, da)
        Actions.
    """

    mdp: MDP
    x: np.ndarray
    z: np.ndarray
    a: np.ndarray


def tabulate(economy, *grids, actions=None):
    """Turn a one-agent economy into arrays on a grid.

    A next state between grid points becomes a lottery over the corners of its cell, with the
    weights of multilinear interpolation: the solved table is linear interpolation of the value,
    and the chain that a learner samples has the exact conditional mean.

    Parameters
    ----------
    economy : Economy
        With one agent.
    *grids : array_like (m,)
        One increasing grid for each of the dx state variables.
    actions : array_like (A, da) or (A,), optional
        The actions of the table; needed when the economy's are a `Box`.

    Returns
    -------
    Table
        The `MDP` and the states and actions that its rows stand for.  A choice that is illegal, or
        whose reward is minus infinity (as consumption of zero under log utility), is marked as not
        feasible.  Where the game has ended, nothing is earned for ever, so that the value is 0.

    Raises
    ------
    ValueError
        If there are several agents or no state, a grid is not increasing, an action is
        outside the economy's set, a feasible choice leads off the grid (clipping there would be a
        subsidy: it hands out what the floor forbids to lose), a discount is neither β nor 0, or an
        end does not last.
    """
    one = len(economy.agents) == 1
    require(agents=(economy.agents, one, "one; use tabulate_game for several"))
    (a,), x, z, P, r, index, weight, (legal,) = _rows(economy, grids, (actions,))
    feasible = legal & (r[..., 0] != -np.inf)
    mdp = MDP(
        np.where(feasible, r[..., 0], 0.0),
        index,
        weight,
        P,
        economy.β,
        None if feasible.all() else feasible,
    )
    return Table(mdp, x, z, a)


class GameTable(NamedTuple):
    """A tabulated Markov game: state s = ix nz + iz is row s of `x` and `z`.

    Attributes
    ----------
    game : MarkovGame
        Rewards and transitions.
    x : array (S, dx)
        Endogenous states.
    z : array (S, dz)
        Shocks.
    a : tuple[array, ...] (m_i, da_i)
        Actions of each agent.
    """

    game: MarkovGame
    x: np.ndarray
    z: np.ndarray
    a: tuple[np.ndarray, ...]


def tabulate_game(economy, *grids, actions=None):
    """Turn an economy of several agents into arrays on a grid, as `tabulate` does for one.

    Parameters
    ----------
    economy : Economy
        Any; the states of the table say where all chains stand, the agents' own included.
    *grids : array_like (m,)
        One increasing grid for each of the dx state variables.
    actions : sequence of array_like (m_i, da) or (m_i,), optional
        The actions of each agent; needed for those whose own are a `Box`.  Some may be boxes and
        some grids, of unlike widths.

    Returns
    -------
    GameTable
        The `MarkovGame`, and the states and actions that its rows stand for.

    Raises
    ------
    ValueError
        As `tabulate`; rewards must be finite for every joint action that is legal.
    """
    n = len(economy.agents)
    actions = (None,) * n if actions is None else actions
    given = len(actions)
    require(actions=(given, given == n, f"one array for each of {n} agents"))
    a, x, z, P, r, index, weight, legal = _rows(economy, grids, actions)
    shape = tuple(len(a_i) for a_i in a)
    all_legal = all(mask.all() for mask in legal)
    r = np.moveaxis(r, -1, 0)
    game = MarkovGame(r, index, weight, P, economy.β, shape, None if all_legal else legal)
    return GameTable(game, x, z, a)


def _rows(economy, grids, actions):
    """Step from every node under each joint action.

    Returns the actions (m_i, da_i) of each agent, states x (S, dx), shocks z (S, dz), the
    transition of the shocks (nz, nz), rewards (S, M, n), the lottery of `lottery`, and which
    actions are legal, (S, m_i) of each agent.  Own shocks follow the aggregate ones in z, and each
    combination of states of all the chains is one exogenous state.
    """
    require(state=(economy.state, len(economy.state) > 0, "of one variable at least"))
    count = len(grids)
    require(grids=(count, count == len(economy.state), f"one for each of {economy.state}"))
    terms, exo = Terms(economy), economy.exo
    a = tuple(_actions(*pair) for pair in zip(economy.actions, actions, strict=True))
    joint = np.stack([np.stack(rows) for rows in product(*(padded(a_i, terms.da) for a_i in a))])
    grids = tuple(_grid(name, grid) for name, grid in zip(economy.state, grids, strict=True))
    nodes = np.stack(np.meshgrid(*grids, indexing="ij"), -1).reshape(-1, len(grids))
    i, P = exo.joint()
    x, i = np.repeat(nodes, len(i), 0), np.tile(i, (len(nodes), 1))
    z, shape = exo.shocks(i), (len(x), len(joint))
    with np.errstate(divide="ignore", invalid="ignore"):
        x1, r = economy.step(
            np.broadcast_to(x[:, None], (*shape, x.shape[1])),
            exo.shocks(np.broadcast_to(i[:, None], (*shape, i.shape[1]))),
            np.broadcast_to(joint, (*shape, *joint.shape[1:])),
        )
    legal = _legal(terms, x, z, a)
    feasible = reduce(lambda u, v: (u[:, :, None] & v[:, None]).reshape(len(u), -1), legal)
    feasible = feasible & (r != -np.inf).all(-1)
    _stays(economy.state, grids, x, z, joint, x1, feasible)
    index, weight = lottery(x1, grids, feasible)
    if terms.ends:
        _ends_last(economy, x, z, P, r, index, weight, feasible)
    z = np.concatenate([z.aggregate, z.own.reshape(len(x), -1)], 1)
    return a, x, z, P, r, index, weight, legal


def _legal(terms, x, z, a):
    """Which of the rows `a[k]` (m_k, da_k) agent k may choose, (S, m_k) for each agent."""
    masks = [np.ones((len(x), len(a_k)), dtype=bool) for a_k in a]
    if terms.masks:
        legal = terms.economy.legal(x, z)
        for k, s in enumerate(terms.economy.actions):
            if isinstance(s, Grid):
                same = (a[k][:, None] == s.values).all(-1)
                masks[k] = (legal[:, k, None, : len(s.values)] & same).any(-1)
    for k, mask in enumerate(masks):
        stuck, agent = ~mask.any(1), terms.economy.agents[k]
        if stuck.any():
            raise ValueError(f"actions of {agent}: none is legal at x={x[stuck][0]}: must be one")
    return tuple(masks)


def _ends_last(economy, x, z, P, r, index, weight, feasible):
    """Refuse discounts other than β and 0, and an end after which something is earned or begins."""
    d, nz = economy.discount(x, z), len(P)
    right = f"β={economy.β} or 0 (the end): a table discounts every period alike"
    for s, k in np.argwhere(~np.isclose(d, economy.β, 1e-12, 0) & (d != 0)):
        require(**{f"discount of {economy.agents[k]} at x={x[s]}": (float(d[s, k]), False, right)})
    right = "where a state has no rewards and leads only to such states"
    for s, k in np.argwhere(d == 0):
        used = feasible[s, :, None] & (weight is None or weight[s] > 0)
        to = index[s][used][:, None] * nz + np.flatnonzero(P[s % nz])
        last = not r[s, feasible[s], k].any() and not d[to, k].any()
        require(**{f"discount of {economy.agents[k]} at x={x[s]}": (0.0, last, right)})


def _stays(state, grids, x, z, joint, x1, feasible):
    """Refuse a grid that a feasible choice leaves: from `x` (S, dx) it leads to `x1` (S, M, dx)."""
    for k, (name, grid) in enumerate(zip(state, grids, strict=True)):
        slack, to = 1e-9 * max(grid[-1] - grid[0], 1.0), np.where(feasible, x1[..., k], grid[0])
        beyond = np.maximum(grid[0] - to, to - grid[-1])
        beyond = np.where(np.isnan(beyond), np.inf, beyond)
        s, a = np.unravel_index(beyond.argmax(), beyond.shape)
        if beyond[s, a] > slack:
            shocks = f", shocks {[*z.aggregate[s].tolist(), *z.own[s].ravel().tolist()]}"
            raise ValueError(
                f"grid of {name!r}: at state {x[s].tolist()}{shocks} the action "
                f"{joint[a].tolist()} leads to {to[s, a]}: must stay in [{grid[0]}, {grid[-1]}]; "
                "take a wider grid, or leave such actions out"
            )


def lottery(x, grids, feasible):
    """Points (S, A, dx) to corners of their grid cells, (S, A, K), and weights.

    The weights are None when every feasible point is a grid point; then K = 1.  A point beyond a
    grid is taken to be at its end.
    """
    cells, shares = [], []
    for k, grid in enumerate(grids):
        v = np.where(feasible, x[..., k], grid[0])
        cell = np.clip(np.searchsorted(grid, v, side="right") - 1, 0, max(len(grid) - 2, 0))
        width = grid[cell + 1] - grid[cell] if len(grid) > 1 else 1.0
        share = np.clip((v - grid[cell]) / width, 0.0, 1.0)
        share = np.where(share < 1e-9, 0.0, np.where(share > 1 - 1e-9, 1.0, share))
        cells.append(cell)
        shares.append(share)
    shape = tuple(len(g) for g in grids)
    if all(((s == 0) | (s == 1)).all() for s in shares):
        at = tuple(c + s.astype(int) for c, s in zip(cells, shares, strict=True))
        return np.ravel_multi_index(at, shape)[..., None], None
    index, weight = [], []
    for corner in product((0, 1), repeat=len(grids)):
        w = np.prod([s if up else 1 - s for s, up in zip(shares, corner, strict=True)], 0)
        at = tuple(np.minimum(c + up, m - 1) for c, up, m in zip(cells, corner, shape, strict=True))
        index.append(np.ravel_multi_index(at, shape))
        weight.append(w)
    return np.stack(index, -1), np.stack(weight, -1)


def _grid(name, grid):
    grid = np.array(grid, dtype=float)
    right = grid.ndim == 1 and grid.size and np.isfinite(grid).all() and (np.diff(grid) > 0).all()
    require(**{f"grid of {name!r}": (grid, right, "non-empty, finite and increasing")})
    return grid


def _actions(allowed, actions):
    if actions is None:
        given = isinstance(allowed, Grid)
        require(actions=(None, given, "given, since the economy's are continuous"))
        return allowed.values
    a = np.array(actions, dtype=float)
    a = a[:, None] if a.ndim == 1 else a
    array = a.ndim == 2 and a.size > 0 and bool(np.isfinite(a).all())
    require(actions=(a, array, "a non-empty finite array (A, da)"))
    require(**{"actions: width": (a.shape[1], a.shape[1] == allowed.width, f"{allowed.width}")})
    if isinstance(allowed, Grid):
        inside = (a[:, None] == allowed.values).all(-1).any(1)
        right = "rows of the economy's grid"
    else:
        inside = ((a >= allowed.low) & (a <= allowed.high)).all(1)
        right = f"between {allowed.low} and {allowed.high}"
    if not inside.all():
        require(actions=(a[~inside][0], False, right))
    return a
