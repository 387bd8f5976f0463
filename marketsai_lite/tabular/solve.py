"""Value iteration, Howard's policy iteration and optimistic policy iteration.

Each stops when its answer is provably within ``tol`` of the optimal value in the sup norm: with
``d = T v - v``, value iteration when ``β/(1-β) max |d| <= tol``, optimistic policy iteration when
``β/(1-β) (max d - min d)/2 <= tol``, after which it adds ``β/(1-β) (max d + min d)/2`` to T v.

References
----------
Puterman (2005), Markov Decision Processes, chapter 6.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.tabular import kernels
from marketsai_lite.tabular.evaluate import policy_value
from marketsai_lite.tabular.maximize import Maximizer, MonotoneMaximizer, check_monotone
from marketsai_lite.tabular.mdp import MDP, policy, vector


class Solution(NamedTuple):
    """A solved Markov decision problem."""

    v: np.ndarray  # values of the states (S,)
    σ: np.ndarray  # maximizing actions (S,)
    iterations: int  # number of maximizations
    residual: float  # bound on max |T v - v|, so that max |v - v*| <= residual / (1 - β)
    converged: bool  # whether the stopping rule was met


def value_iteration(
    mdp: MDP, *, v0: ArrayLike | None = None, tol: float = 1e-8, max_iter: int = 10_000
) -> Solution:
    """Iterate the Bellman operator.

    Parameters
    ----------
    mdp : MDP
    v0 : array_like, shape (S,), or None
        Start; None for zero.
    tol : float
        Largest permitted distance to the optimal value.
    max_iter : int
        Largest number of iterations; stopping there warns.

    Returns
    -------
    Solution
    """
    v = np.zeros(mdp.n_states) if v0 is None else _start(v0, mdp)
    _check_limits(tol, max_iter)
    improve = Maximizer(mdp)
    iterations = 0
    while iterations < max_iter:
        iterations += 1
        Tv, σ = improve(v)
        residual = mdp.β * float(np.abs(Tv - v).max())
        v = Tv
        if residual <= (1 - mdp.β) * tol:
            break
    return _finished(v, σ, iterations, residual, (1 - mdp.β) * tol)


def policy_iteration(mdp: MDP, *, σ0: ArrayLike | None = None, max_iter: int = 1_000) -> Solution:
    """Alternate the exact evaluation of a policy and its improvement, until nothing improves.

    Parameters
    ----------
    mdp : MDP
    σ0 : array_like of int, shape (S,), or None
        Start; None for the policy that maximizes the reward.
    max_iter : int
        Largest number of iterations; stopping there warns.

    Returns
    -------
    Solution
    """
    _check_limits(1.0, max_iter)
    σ = mdp.r.argmax(axis=1) if σ0 is None else policy(σ0, mdp)
    if σ.ndim > 1:
        raise ValueError(f"σ0 has shape {σ.shape}; permitted: {(mdp.n_states,)}")
    improve = Maximizer(mdp)
    iterations = 0
    while iterations < max_iter:
        iterations += 1
        v = policy_value(σ, mdp)
        Tv, improved = improve(v)
        residual = float(np.abs(Tv - v).max())
        rounding = 1e-14 * max(1.0, float(np.abs(v).max())) / (1 - mdp.β)
        if residual <= rounding:
            break
        σ = np.where(Tv > v + rounding, improved, σ)
    return _finished(v, σ, iterations, residual, rounding)


def optimistic_policy_iteration(
    mdp: MDP,
    *,
    m: int = 20,
    v0: ArrayLike | None = None,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    monotone: bool = False,
    rng: np.random.Generator | None = None,
) -> Solution:
    """Alternate one maximization and m applications of the maximizing policy's operator.

    Parameters
    ----------
    mdp : MDP
    m : int
        Number of applications; 0 makes it value iteration.
    v0 : array_like, shape (S,), or None
        Start; None for ``max_a r(s, a) / (1 - β)``.
    tol : float
        Largest permitted distance to the optimal value.
    max_iter : int
        Largest number of maximizations; stopping there warns.
    monotone : bool
        Claim that in each exogenous state the maximizing action never falls when the endogenous
        node rises. The maximum is then found by divide and conquer, and the claim is checked
        against the full maximum in a random 1% of the states, at the end.
    rng : numpy.random.Generator or None
        Draws those states; None for a fixed seed.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        If the policy is found not to be monotone, or an argument is out of range.
    """
    β = mdp.β
    if not isinstance(m, int | np.integer) or m < 0:
        raise ValueError(f"m = {m}; permitted: an integer, 0 or more")
    _check_limits(tol, max_iter)
    v = None if v0 is None else _start(v0, mdp)
    improve = (MonotoneMaximizer if monotone else Maximizer)(mdp)
    if v is None:
        best = improve(np.zeros(mdp.n_states))[0] if monotone else mdp.r.max(axis=1)
        v = best / (1 - β)
    iterations = 0
    while iterations < max_iter:
        iterations += 1
        Tv, σ = improve(v)
        low, high = kernels.extremes(Tv, v)
        residual = β * (high - low) / 2
        if residual <= (1 - β) * tol or iterations == max_iter:
            break
        v = _follow(Tv, σ, m, mdp)
    if monotone:
        check_monotone(v, Tv, mdp, rng or np.random.default_rng(0))
    v = Tv + β / (1 - β) * (low + high) / 2
    return _finished(v, σ, iterations, residual, (1 - β) * tol)


def _follow(v, σ, m, mdp):
    """Return T_σ^m v."""
    n = mdp.nz if mdp.common else mdp.n_states  # states whose lotteries tell all others'
    if mdp.nz == mdp.index.shape[2] == 1:
        return kernels.follow_map(v, σ, m, mdp.r, mdp.index[:n], mdp.β)
    return kernels.follow(v, σ, m, mdp.r, mdp.index[:n], mdp.lottery[:n], mdp.P, mdp.β)


def _start(v0, mdp):
    v = vector("v0", v0, (mdp.n_states,))
    if not np.isfinite(v).all():
        raise ValueError("v0 has a NaN or infinite entry; permitted: finite")
    return v


def _check_limits(tol, max_iter):
    if not 0 < tol < np.inf:
        raise ValueError(f"tol = {tol}; permitted: (0, inf)")
    if max_iter < 1:
        raise ValueError(f"max_iter = {max_iter}; permitted: 1 or more")


def _finished(v, σ, iterations, residual, limit):
    converged = bool(residual <= limit)
    if not converged:
        warnings.warn(
            f"stopped short after {iterations} iterations: "
            f"residual {residual:.3g}, permitted {limit:.3g}",
            RuntimeWarning,
            stacklevel=3,
        )
    return Solution(v, σ, iterations, residual, converged)
