"""Exact evaluation of policies."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse.linalg import spsolve

from marketsai_lite.tabular.mdp import MDP, policy, vector


def policy_value(σ: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return v_σ, the solution of v = r_σ + β P_σ v.

    Parameters
    ----------
    σ : array_like
        Policy: an action of each state (S,), or probabilities of the actions (S, A).
    mdp : MDP

    Returns
    -------
    ndarray, shape (S,)
    """
    σ = policy(σ, mdp)
    if σ.ndim == 1:
        r = mdp.r[np.arange(mdp.n_states), σ]
    else:
        r = (σ * np.where(σ > 0, mdp.r, 0)).sum(axis=1)
    A = sparse.eye_array(mdp.n_states) - mdp.β * transition(σ, mdp)
    return spsolve(A.tocsc(), r)


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
    if not (weights >= 0).all() or not 0 < weights.sum() < np.inf:
        raise ValueError("weights have a negative or no positive entry; permitted: [0, inf)")
    optimum = weights @ v_star
    if optimum == 0 or not np.isfinite(optimum):
        raise ValueError(f"v_star averages {optimum}; permitted: finite and not 0")
    return float(weights @ (v_star - policy_value(σ, mdp)) / abs(optimum))
