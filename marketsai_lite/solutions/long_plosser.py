r"""Closed form of the multi-sector growth model of Long and Plosser (1983).

With :math:`\omega = (I - \beta A^\top)^{-1} \theta` the optimal shares of good j are
:math:`\theta_j / \omega_j` to consume and :math:`\beta \omega_i A_{ij} / \omega_j` for sector i, in
every state, and the value is :math:`\sum_j \omega_j \log Y_j` plus a constant.
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.long_plosser import LongPlosser


class LongPlosserSolution(NamedTuple):
    """Optimal shares, and the constant of the value.

    Attributes
    ----------
    economy : LongPlosser
        The economy that is solved.
    consumed : array (d,)
        Share of each good.
    used : array (d, d)
        Share of good j that sector i uses.
    constant : float
        Of the value.
    """

    economy: LongPlosser
    consumed: np.ndarray
    used: np.ndarray
    constant: float

    def policy(self, x, z):
        """Optimal action, (..., 1, d²)."""
        a = np.log(self.economy.d * self.used / self.consumed).ravel()
        return np.tile(a, (*x.shape[:-1], 1, 1))

    def value(self, x, z):
        """Value of log output before the shocks `x` (..., d) and shocks `z`."""
        return (x + z.own[..., 0]) @ self.economy.ω + self.constant

    def expected(self, x, z):
        """Expected value of starting next period at `x`; the shocks have mean zero."""
        return x @ self.economy.ω + self.constant


def solve(economy):
    """Solve a `LongPlosser` economy as if its actions were unbounded.

    Parameters
    ----------
    economy : LongPlosser
        Any.

    Returns
    -------
    LongPlosserSolution
        Policy and value.
    """
    A, θ, β, ω = economy.A, economy.θ, economy.β, economy.ω
    consumed, used = θ / ω, β * ω[:, None] * A / ω
    constant = (θ @ np.log(consumed) + β * ω @ (A * np.log(used)).sum(1)) / (1 - β)
    return LongPlosserSolution(economy, consumed, used, float(constant))
