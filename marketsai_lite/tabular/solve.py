"""Value iteration, Howard's policy iteration and optimistic policy iteration.

Each stops when its answer is provably within ``tol`` of the optimal value in the sup norm: with
``d = T v - v``, value iteration when ``β/(1-β) max |d| <= tol``, optimistic policy iteration when
``β/(1-β) (max d - min d)/2 <= tol``, after which it adds ``β/(1-β) (max d + min d)/2`` to T v. Or
they stop when d no longer falls and is no more than the rounding of v, beyond which no iteration
gets. No tolerance depends on the unit of the rewards, except a ``tol`` that is given.

References
----------
Puterman (2005), Markov Decision Processes, chapter 6.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import flag, require, stopping, whole
from marketsai_lite.tabular import kernels
from marketsai_lite.tabular.evaluate import relative_value
from marketsai_lite.tabular.maximize import Maximizer, MonotoneMaximizer, check_monotone
from marketsai_lite.tabular.mdp import MDP, policy, vector

ROUNDING = 2.0**-48  # of an iteration, relative: 16 units in the last place
SOLVED = 2.0**-46  # residual of a system of equations, relative
TOLERANCE = 1e-8  # relative to the largest reward that is best in a state


class Solution(NamedTuple):
    """A solved Markov decision problem.

    Attributes
    ----------
    v : array (S,)
        Values of the states.
    σ : array (S,)
        Maximizing actions.
    iterations : int
        Number of maximizations.
    residual : float
        Bound on max |T v - v|, so that max |v - v*| <= residual / (1 - β).
    converged : bool
        Whether the stopping rule was met.
    """

    v: np.ndarray
    σ: np.ndarray
    iterations: int
    residual: float
    converged: bool


def value_iteration(
    mdp: MDP,
    *,
    v0: ArrayLike | None = None,
    tol: float | None = None,
    max_iter: int = 10_000,
) -> Solution:
    """Iterate the Bellman operator.

    Parameters
    ----------
    mdp : MDP
    v0 : array_like, shape (S,), or None
        Start; None for zero.
    tol : float or None
        Largest permitted distance to the optimal value, in the unit of
        the rewards; None for 1e-8 of the largest reward that is best in
        a state.
    max_iter : int
        Largest number of iterations; stopping there warns.

    Returns
    -------
    Solution
    """
    v = np.zeros(mdp.n_states) if v0 is None else _start(v0, mdp)
    _check_limits(tol, max_iter)
    tol = default_tolerance(mdp) if tol is None else float(tol)
    improve = Maximizer(mdp)
    limit, last, iterations = (1 - mdp.β) * tol, np.inf, 0
    while iterations < max_iter:
        iterations += 1
        Tv, σ = improve(v)
        residual = mdp.β * float(np.abs(Tv - v).max())
        v = Tv
        if residual >= last:  # no progress: is it rounding?
            limit = max(limit, ROUNDING * float(np.abs(v).max()))
        if residual <= limit:
            break
        last = residual
    return _finished(v, σ, iterations, residual, limit)


def policy_iteration(mdp: MDP, *, σ0: ArrayLike | None = None, max_iter: int = 1_000) -> Solution:
    """Alternate the exact evaluation of a policy and its improvement, until nothing improves.

    Improvements are told from rounding relative to the differences of the values, not to the values
    themselves (`marketsai_lite.tabular.evaluate.relative_value`), so that neither the unit of the
    rewards nor a constant in them, nor a β near 1, decides which policy is found.

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
    _check_limits(None, max_iter)
    σ = mdp.r.argmax(axis=1) if σ0 is None else policy(σ0, mdp)
    require(**{"σ0.shape": (σ.shape, σ.ndim == 1, (mdp.n_states,))})
    improve = Maximizer(mdp)
    iterations = 0
    while iterations < max_iter:
        iterations += 1
        level, h = relative_value(σ, mdp)
        Th, improved = improve(h)
        gain = Th - (h + level)  # T v - v
        residual = float(np.abs(gain).max())
        rounding = SOLVED * (abs(level) + float(np.abs(h).max() + np.abs(Th).max()))
        if residual <= rounding:
            break
        σ = np.where(gain > rounding, improved, σ)
    return _finished(level / (1 - mdp.β) + h, σ, iterations, residual, rounding)


def optimistic_policy_iteration(
    mdp: MDP,
    *,
    m: int = 20,
    v0: ArrayLike | None = None,
    tol: float | None = None,
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
    tol : float or None
        Largest permitted distance to the optimal value, as for `value_iteration`.
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
    require(
        m=(m, whole(m, 0), "an integer >= 0"),
        monotone=(monotone, flag(monotone), "True or False"),
    )
    _check_limits(tol, max_iter)
    v = None if v0 is None else _start(v0, mdp)
    tol = default_tolerance(mdp) if tol is None else float(tol)
    improve = (MonotoneMaximizer if monotone else Maximizer)(mdp)
    if v is None:
        best = improve(np.zeros(mdp.n_states))[0] if monotone else mdp.r.max(axis=1)
        v = best / (1 - β)
    limit, last, iterations = (1 - β) * tol, np.inf, 0
    while iterations < max_iter:
        iterations += 1
        Tv, σ = improve(v)
        low, high = kernels.extremes(Tv, v)
        residual = β * (high - low) / 2
        if residual >= last:  # no progress: is it rounding?
            limit = max(limit, ROUNDING * float(np.abs(v).max() + np.abs(Tv).max()))
        if residual <= limit or iterations == max_iter:
            break
        last = residual
        v = _follow(Tv, σ, m, mdp)
        v -= v[0]  # a constant, which delays nothing and costs digits
    if monotone:
        check_monotone(v, Tv, mdp, rng or np.random.default_rng(0))
    v = Tv + β / (1 - β) * (low + high) / 2
    return _finished(v, σ, iterations, residual, limit)


def _follow(v, σ, m, mdp):
    """Return T_σ^m v."""
    n = mdp.nz if mdp.common else mdp.n_states  # states whose lotteries tell all others'
    if mdp.nz == mdp.index.shape[2] == 1:
        return kernels.follow_map(v, σ, m, mdp.r, mdp.index[:n], mdp.β)
    return kernels.follow(v, σ, m, mdp.r, mdp.index[:n], mdp.lottery[:n], mdp.P, mdp.β)


def _start(v0, mdp):
    return vector("v0", v0, (mdp.n_states,))


def _check_limits(tol, max_iter):
    require(**stopping(1.0 if tol is None else tol, max_iter))


def default_tolerance(mdp):
    """Return a permitted distance to the optimal value that scales with the rewards."""
    return TOLERANCE * float(np.abs(mdp.r.max(axis=1)).max())


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
