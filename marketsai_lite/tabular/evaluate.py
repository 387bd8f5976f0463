"""Exact evaluation of policies."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import splu

from marketsai_lite.require import require
from marketsai_lite.tabular.mdp import MDP, policy, vector


def policy_value(σ: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return v_σ, the solution of v = r_σ + β P_σ v, as `relative_value` finds it.

    It is 0, exactly, in states from which no other reward than 0 is ever reached.

    Parameters
    ----------
    σ : array_like
        Policy: an action of each state (S,), or probabilities of the actions (S, A).
    mdp : MDP

    Returns
    -------
    ndarray, shape (S,)
    """
    level, h = relative_value(σ, mdp)
    return level / (1 - mdp.β) + h


def relative_value(σ: ArrayLike, mdp: MDP) -> tuple[float, np.ndarray]:
    """Return v_σ in two parts, (1 - β) v_σ(0) and h = v_σ - v_σ(0).

    The differences h, which tell one choice from another, are small
    beside the values when β is near 1 or a constant is part of every
    reward. Solved for apart, from (1 - β) v_σ(0) + h = r_σ + β P_σ h, they
    keep all their digits. Where some states earn nothing for ever, as
    after the end of a game, the differences are taken from their value
    instead: the parts are 0 and h = v_σ.

    Parameters
    ----------
    σ, mdp
        As in `policy_value`.

    Returns
    -------
    float, and ndarray of shape (S,)

    Raises
    ------
    ValueError
        If β is so near 1 that floating-point numbers can't tell the values.
    """
    order = "an MDP, after the policy: (σ, mdp)"
    require(mdp=(mdp, isinstance(mdp, MDP), order))
    σ = policy(σ, mdp)
    if σ.ndim == 1:
        r = mdp.r[np.arange(mdp.n_states), σ]
    else:
        r = (σ * np.where(σ > 0, mdp.r, 0)).sum(axis=1)
    S, P = mdp.n_states, transition(σ, mdp)
    idle = earns_nothing(r, P)
    if idle.any():  # the game ends where nothing will be earned
        P = sparse.diags_array(1.0 - idle) @ P
    A = (sparse.eye_array(S) - mdp.β * P).tocsc()
    if not idle.any():  # the level's column of ones replaces column 0
        after = A.indptr[1]
        data = np.append(np.ones(S), A.data[after:])
        rows = np.append(np.arange(S), A.indices[after:]).astype(np.int32)
        start = np.append(0, A.indptr[1:] - after + S).astype(np.int32)
        A = sparse.csc_array((data, rows, start), shape=(S, S))
    try:
        x = splu(A).solve(r)
    except RuntimeError:  # where more than one class of states is closed
        x = np.full(S, np.nan)
    right = "so far below 1 that 1 - β is no rounding error"
    require(β=(mdp.β, np.isfinite(x).all(), right))
    if idle.any():
        return 0.0, np.where(idle, 0.0, x)
    level, x[0] = float(x[0]), 0.0
    return level, x


def earns_nothing(r: np.ndarray, P: sparse.csr_array) -> np.ndarray:
    """Tell from which states no reward but 0 is ever reached, (S,) of bool.

    Parameters
    ----------
    r : ndarray, shape (S,)
    P : scipy.sparse.csr_array, shape (S, S)
    """
    earning = r != 0
    if earning.all():
        return ~earning
    S = len(r)
    back = sparse.vstack([P.T, sparse.csr_array(earning[None].astype(float))]).tocsr()
    back.resize(S + 1, S + 1)  # against the arrows, from a node S that leads to all rewards
    back.eliminate_zeros()
    found = np.ones(S + 1, bool)
    found[breadth_first_order(back, S, return_predecessors=False)] = False
    return found[:S]


def transition(σ: ArrayLike, mdp: MDP) -> sparse.csr_array:
    """Return P_σ, the transition matrix of the states under a policy.

    Parameters
    ----------
    σ : array_like
        Policy: an action of each state (S,), or probabilities of the actions (S, A).
    mdp : MDP

    Returns
    -------
    scipy.sparse.csr_array, shape (S, S)
    """
    σ = policy(σ, mdp)
    S, nz, K = mdp.n_states, mdp.nz, mdp.index.shape[2]
    s, a = (np.arange(S), σ) if σ.ndim == 1 else np.nonzero(σ)
    p = np.ones(S) if σ.ndim == 1 else σ[s, a]
    w = np.ones((len(s), 1)) if mdp.weight is None else mdp.weight[s, a]
    row = np.broadcast_to(s[:, None, None], (len(s), K, nz))
    column = mdp.index[s, a][:, :, None] * nz + np.arange(nz)
    value = (p[:, None] * w)[:, :, None] * mdp.P[s % nz][:, None, :]
    return sparse.csr_array((value.ravel(), (row.ravel(), column.ravel())), shape=(S, S))


def value_loss(
    σ: ArrayLike, mdp: MDP, v_star: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Return the share of the optimal value that a policy loses.

    The loss is ``Σ_s weights(s) (v_star(s) - v_σ(s)) / |Σ_s weights(s) v_star(s)|``. It depends on
    the units of r: a share of profit has a meaning, a share of utility has none.

    Parameters
    ----------
    σ : array_like
        Policy: an action of each state (S,), or probabilities of the actions (S, A).
    mdp : MDP
    v_star : array_like, shape (S,)
        Values of the optimal policy.
    weights : array_like, shape (S,), or None
        Non-negative weights of the states; None for equal ones.

    Returns
    -------
    float
    """
    S = mdp.n_states
    v_star = vector("v_star", v_star, (S,))
    weights = np.ones(S) if weights is None else vector("weights", weights, (S,))
    total = weights.sum() if (weights >= 0).all() else np.nan
    require(weights=(weights, 0 < total < np.inf, "non-negative, with a positive, finite sum"))
    weights = weights / total
    optimum = weights @ v_star
    require(v_star=(v_star, optimum != 0, "other than 0 on average"))
    return float(weights @ (v_star - policy_value(σ, mdp)) / abs(optimum))
