r"""Closed form of the growth model with log utility and full depreciation.

Brock and Mirman (1972).  For every process of productivity, the planner saves the share
:math:`\alpha\beta` of output, and

.. math:: V(k, z) = b \log k + a(z), \qquad b = \frac{\alpha}{1 - \alpha\beta}, \qquad
   a = (I - \beta P)^{-1} \Bigl[\log(1 - \alpha\beta) + \beta b \log(\alpha\beta)
       + \frac{\log z}{1 - \alpha\beta}\Bigr] .
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.growth import Growth
from marketsai_lite.solutions.chains import locate
from marketsai_lite.tabular.mdp import MDP


class BrockMirman(NamedTuple):
    """The share `s` of output saved, and the coefficients of the value b log k + a(z).

    Attributes
    ----------
    economy : Growth
        The economy that is solved.
    s : float
        Share of output saved.
    b : float
        Coefficient of log capital in the value.
    a : array (nz,)
        The value's constant in each state of the shock.
    """

    economy: Growth
    s: float
    b: float
    a: np.ndarray

    def policy(self, x, z):
        """Optimal action, (..., 1, 1)."""
        return np.full((*np.shape(x), 1), self.s)

    def value(self, x, z):
        """Value of log capital `x` (..., 1) and productivity `z` (..., 1)."""
        return self.b * x[..., 0] + self.a[locate(self.economy.exo.values, z.aggregate)]

    def expected(self, x, z):
        """Expected value of starting next period with log capital `x` after productivity `z`."""
        exo = self.economy.exo
        return self.b * x[..., 0] + (exo.transition @ self.a)[locate(exo.values, z.aggregate)]


def solve(economy):
    """Solve a `Growth` economy that has a closed form.

    Parameters
    ----------
    economy : Growth
        With γ = δ = 1; its bounds on the share saved are ignored.

    Returns
    -------
    BrockMirman
        Policy and value.

    Raises
    ------
    ValueError
        If γ or δ is not 1.
    """
    for name in ("γ", "δ"):
        if getattr(economy, name) != 1:
            raise ValueError(f"{name}={getattr(economy, name)!r}: must be 1 for the closed form")
    α, β, exo = economy.α, economy.β, economy.exo
    s, b = α * β, α / (1 - α * β)
    now = np.log(1 - s) + β * b * np.log(s) + np.log(exo.values[:, 0]) / (1 - s)
    return BrockMirman(economy, s, b, np.linalg.solve(np.eye(len(now)) - β * exo.transition, now))


def capital_table(economy, k):
    """The growth model as a table in which the planner picks tomorrow's capital from a grid.

    Parameters
    ----------
    economy : Growth
        Any; its bounds on the share saved are ignored.
    k : array_like (m,)
        Increasing grid of capital: action j leads to k[j], and is feasible if something is left
        to consume.

    Returns
    -------
    MDP
        With state s = ik nz + iz and m actions.

    Raises
    ------
    ValueError
        If the grid is not positive and increasing.
    """
    k = np.array(k, dtype=float)
    if k.ndim != 1 or not k.size or not k[0] > 0 or not (np.diff(k) > 0).all():
        raise ValueError(f"k={k!r}: must be a positive, increasing grid")
    z = economy.exo.values[:, 0]
    m = z * k[:, None] ** economy.α + (1 - economy.δ) * k[:, None]
    c = m.reshape(-1, 1) - k
    feasible = c > 0
    r = economy.utility(np.where(feasible, c, 1.0))
    index = np.broadcast_to(np.arange(len(k))[:, None], (*c.shape, 1))
    return MDP(
        r, index, None, economy.exo.transition, economy.β, None if feasible.all() else feasible
    )
