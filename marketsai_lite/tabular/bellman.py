"""Bellman operators as compositions of three maps.

With post-decision states ``x = ix * nz + iz``, an endogenous node already chosen together with the
current exogenous state, let

* E: v -> g, ``g(x) = Σ_z' P(z, z') v(x', z')``, the expectation over the chain;
* D: g -> q, ``q(s, a) = r(s, a) + β Σ_k weight(s, a, k) g(index(s, a, k), z)``;
* M: q -> v, ``v(s) = max_a q(s, a)`` over the feasible actions.

The Bellman operator is T = M D E. Cutting the same cycle elsewhere gives R = E M D on values of
post-decision states and F = D E M on Q-factors, so that E T = R E, D R = F D and M F = T M.

References
----------
Ma and Stachurski (2021), "Dynamic programming deconstructed", Operations Research.
"""

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import array, require
from marketsai_lite.tabular.kernels import continuation, expectation
from marketsai_lite.tabular.mdp import MDP, policy, vector


def expected(v: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return g = E v, the expected value of each post-decision state.

    Parameters
    ----------
    v : array_like, shape (S,)
    mdp : MDP

    Returns
    -------
    ndarray, shape (nx * nz,)
    """
    return expectation(vector("v", v, (mdp.n_states,)), mdp.P)


def action_values(g: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return q = D g, the value of each choice; -inf where infeasible.

    Parameters
    ----------
    g : array_like, shape (nx * nz,)
    mdp : MDP

    Returns
    -------
    ndarray, shape (S, A)
    """
    g = vector("g", g, (mdp.n_states,))
    return mdp.r + continuation(g, mdp.index, mdp.lottery, mdp.β, mdp.nz)


def maximum(q: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return v = M q, the largest value among each state's feasible actions.

    Parameters
    ----------
    q : array_like, shape (..., S, A)
    mdp : MDP

    Returns
    -------
    ndarray, shape (..., S)
    """
    return _masked(q, mdp).max(axis=-1)


def greedy(q: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return the first feasible action that attains the maximum of q in each state.

    Parameters
    ----------
    q : array_like, shape (..., S, A)
    mdp : MDP

    Returns
    -------
    ndarray of int, shape (..., S)
    """
    return _masked(q, mdp).argmax(axis=-1)


def bellman(v: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return T v = M D E v.

    Parameters
    ----------
    v : array_like, shape (S,)
    mdp : MDP

    Returns
    -------
    ndarray, shape (S,)
    """
    return maximum(action_values(expected(v, mdp), mdp), mdp)


def policy_bellman(v: ArrayLike, σ: ArrayLike, mdp: MDP) -> np.ndarray:
    """Return T_σ v, the value of following σ once and receiving v afterwards.

    Parameters
    ----------
    v : array_like, shape (S,)
    σ : array_like
        Policy: an action of each state (S,), or probabilities of the actions (S, A).
    mdp : MDP

    Returns
    -------
    ndarray, shape (S,)
    """
    σ = policy(σ, mdp)
    q = action_values(expected(v, mdp), mdp)
    if σ.ndim == 1:
        return q[np.arange(mdp.n_states), σ]
    return (σ * np.where(σ > 0, q, 0)).sum(axis=1)


def _masked(q: ArrayLike, mdp: MDP) -> np.ndarray:
    q = array("q", q)
    if q.shape[-2:] != mdp.r.shape:
        raise ValueError(f"q.shape={q.shape}: must be (..., {mdp.n_states}, {mdp.n_actions})")
    q = q if mdp.feasible is None else np.where(mdp.feasible, q, -np.inf)
    require(q=(q, q.max(initial=-np.inf) < np.inf, "finite where feasible"))
    return q
