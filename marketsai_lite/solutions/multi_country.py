r"""Closed form of the growth model of many countries.

The planner consumes the share :math:`1 - \alpha\beta` of total output Y, as Brock and Mirman's
(1972) does, and divides the rest by weights w that solve

.. math:: w_j(z) = \mathbb{E}_z \frac{z_j' w_j^\alpha}{\sum_i z_i' w_i^\alpha} .

The value is :math:`\log Y / (1 - \alpha\beta) + a(z)` with

.. math:: a(z) = \log(1 - \alpha\beta) + \beta\, \mathbb{E}_z \Bigl[\frac{\alpha \log(\alpha\beta)
          + \log \sum_j z_j' w_j(z)^\alpha}{1 - \alpha\beta} + a(z')\Bigr] .
"""

import warnings
from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.require import require, stopping
from marketsai_lite.solutions.chains import locate, successors


class MultiCountrySolution(NamedTuple):
    """The weights of the countries and the value log Y / (1 - α β) + a(z), in each joint state.

    Attributes
    ----------
    economy : MultiCountry
        The economy that is solved.
    shocks : array (m, d)
        Productivities in each joint state.
    P : array (m, m)
        Transition between joint states.
    w : array (m, d)
        Share of each country in all new capital.
    a : array (m,)
        The value's constant a(z).
    iterations : int
        Number of iterations.
    residual : float
        Largest change of a weight in the last iteration.
    converged : bool
        Whether the residual came below the tolerance.
    """

    economy: MultiCountry
    shocks: np.ndarray
    P: np.ndarray
    w: np.ndarray
    a: np.ndarray
    iterations: int
    residual: float
    converged: bool

    def policy(self, x, z):
        """Optimal action, (..., 1, d)."""
        s = self.economy.α * self.economy.β
        w = self.w[locate(self.shocks, z.own[..., 0])]
        return np.log(s / (1 - s) * self.economy.d * w)[..., None, :]

    def value(self, x, z):
        """Value of log capital `x` (..., d) and shocks `z`."""
        Y = self.economy.output(x, z).sum(-1)
        a = self.a[locate(self.shocks, z.own[..., 0])]
        return np.log(Y) / (1 - self.economy.α * self.economy.β) + a

    def expected(self, x, z):
        """Expected value of starting next period with log capital `x` after shocks `z`."""
        α, β = self.economy.α, self.economy.β
        values = np.log(np.exp(α * x) @ self.shocks.T) / (1 - α * β) + self.a
        return (self.P[locate(self.shocks, z.own[..., 0])] * values).sum(-1)


def solve(economy, *, tol=1e-14, max_iter=1_000):
    """Solve a `MultiCountry` economy as if its actions were unbounded.

    Parameters
    ----------
    economy : MultiCountry
        With at most 4,096 joint states of the shocks: 12 countries of two states.
    tol : float
        Largest change of a weight at which to stop.
    max_iter : int
        Iterations at which to stop, with a warning.

    Returns
    -------
    MultiCountrySolution
        Policy, value, and how the iteration ended.

    Raises
    ------
    ValueError
        If there are too many joint states to list, or `tol` or `max_iter` is not positive.
    """
    require(**stopping(tol, max_iter))
    α, β, exo = economy.α, economy.β, economy.exo
    states, _ = successors(exo, np.zeros(exo.width, dtype=int))
    P = successors(exo, states)[1]
    shocks = exo.own_values[states[:, 1:], 0]
    w, residual, iterations = np.full(shocks.shape, 1 / economy.d), np.inf, 0
    while not residual <= tol and iterations < max_iter:
        new = w**α * ((P / (w**α @ shocks.T)) @ shocks)
        residual, iterations, w = float(np.abs(new - w).max()), iterations + 1, new
    if not residual <= tol:
        warnings.warn(f"stopped after {iterations} iterations at {residual:.1e}", stacklevel=2)
    s = α * β
    total = (P * np.log(w**α @ shocks.T)).sum(1)
    now = np.log(1 - s) + β / (1 - s) * (α * np.log(s) + total)
    a = np.linalg.solve(np.eye(len(P)) - β * P, now)
    return MultiCountrySolution(economy, shocks, P, w, a, iterations, residual, residual <= tol)
