r"""The growth model solved by the method of endogenous grid points.

Carroll (2006).  Cash on hand is :math:`m = z k^\alpha + (1 - \delta) k`.  On a grid of tomorrow's
capital the Euler equation gives today's consumption without a search,

.. math:: c(k', z) = \Bigl[\beta\, \mathbb{E}_z\, (\alpha z' k'^{\alpha - 1} + 1 - \delta)\,
          c(m', z')^{-\gamma}\Bigr]^{-1/\gamma}, \qquad m(k', z) = c(k', z) + k' ,

and consumption is linear in cash on hand between those points.  The value of that policy is found
exactly on the grid of log capital, with cubic Hermite interpolation: its slope is known from the
envelope theorem.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from marketsai_lite.economies.growth import Growth
from marketsai_lite.require import number, require, stopping, whole
from marketsai_lite.solutions.chains import locate

ORDINARY = "one whose consumption, to the power -γ, floating-point numbers can hold"


class EGM(NamedTuple):
    """Consumption at points of cash on hand, and the value at points of log capital.

    Attributes
    ----------
    economy : Growth
        The economy that is solved.
    m : array (nz, n + 1)
        Cash on hand, from 0.
    c : array (nz, n + 1)
        Consumption.
    x : array (n,)
        Log capital, equally spaced.
    v : array (n, nz)
        Value.
    dv : array (n, nz)
        Its derivative in log capital.
    iterations : int
        Number of iterations.
    residual : float
        Largest relative change of consumption in the last iteration.
    converged : bool
        Whether the residual came below the tolerance.
    """

    economy: Growth
    m: np.ndarray
    c: np.ndarray
    x: np.ndarray
    v: np.ndarray
    dv: np.ndarray
    iterations: int
    residual: float
    converged: bool

    def consumption(self, x, z):
        """Optimal consumption with log capital `x` (..., 1) and productivity `z` (..., 1)."""
        k, i = np.exp(x[..., 0]), locate(self.economy.exo.values, z.aggregate)
        m = z.aggregate[..., 0] * k**self.economy.α + (1 - self.economy.δ) * k
        c = np.empty(m.shape)
        for j in range(len(self.m)):
            c[i == j] = _line(m[i == j], self.m[j], self.c[j])
        return c

    def policy(self, x, z):
        """Optimal share of output saved, (..., 1, 1), kept within the economy's bounds."""
        y = z.aggregate[..., 0] * np.exp(self.economy.α * x[..., 0])
        s = 1 - self.consumption(x, z) / y
        return np.clip(s, self.economy.low, self.economy.high)[..., None, None]

    def value(self, x, z):
        """Value of log capital `x` (..., 1) and productivity `z` (..., 1)."""
        i = locate(self.economy.exo.values, z.aggregate)
        return np.take_along_axis(self._values(x[..., 0]), i[..., None], -1)[..., 0]

    def expected(self, x, z):
        """Expected value of starting next period with log capital `x` after productivity `z`."""
        exo = self.economy.exo
        return (exo.transition[locate(exo.values, z.aggregate)] * self._values(x[..., 0])).sum(-1)

    def _values(self, x):
        j, (h00, h01, h10, h11) = _hermite(x, self.x)
        nodes = h00[..., None] * self.v[j] + h01[..., None] * self.v[j + 1]
        return nodes + h10[..., None] * self.dv[j] + h11[..., None] * self.dv[j + 1]


def solve(economy, *, n=6_600, low=0.01, high=10.0, tol=1e-11, max_iter=5_000):
    """Solve a `Growth` economy as if the share saved were unbounded.

    Parameters
    ----------
    economy : Growth
        Any.
    n : int
        Points of the grid of capital. The default makes Euler errors of about 2e-8 near the steady
        state; they fall with the square of the distance between points.
    low, high : float
        Its ends, relative to the steady state.
    tol : float
        Largest relative change of consumption, at given cash on hand, at which to stop.
    max_iter : int
        Iterations at which to stop, with a warning.

    Returns
    -------
    EGM
        Policy, value, and how the iteration ended.

    Raises
    ------
    ValueError
        If the grid has fewer than 2 points, `0 < low < 1 < high` does not hold, `tol` or `max_iter`
        is not positive, or the grid is too narrow for what the economy saves.
    """
    require(
        n=(n, whole(n, 2), "an integer >= 2"),
        low=(low, 0 < number(low) < 1, "in (0, 1)"),
        high=(high, 1 < number(high) < np.inf, "in (1, inf)"),
        **stopping(tol, max_iter),
    )
    α, β, γ, δ = economy.α, economy.β, economy.γ, economy.δ
    z, P = economy.exo.values, economy.exo.transition
    x = np.log(economy.k_ss) + np.linspace(np.log(low), np.log(high), int(n))
    k = np.exp(x)
    cash = z * k**α + (1 - δ) * k  # (nz, n)
    gross = z * α * k ** (α - 1) + 1 - δ
    c1 = (1 - economy.s_ss) * z * k**α  # a first guess of c(m', z')
    residual, iterations = np.inf, 0
    while not residual <= tol and iterations < max_iter:
        c = (β * P @ (gross * c1**-γ)) ** (-1 / γ)
        m, c = _origin(c + k), _origin(c)
        new = np.stack([_line(*row) for row in zip(cash, m, c, strict=True)])
        residual, iterations = float(np.abs(new / c1 - 1).max()), iterations + 1
        c1 = new
        require(economy=(economy, np.isfinite(residual), ORDINARY))
    if not residual <= tol:
        warnings.warn(f"EGM stopped after {iterations} iterations at {residual:.1e}", stacklevel=2)
    left = "so high, and `max_iter` so large, that consumption leaves something of all cash on hand"
    require(high=(high, (c1 < cash).all(), left))
    dv = (c1**-γ * gross * k).T
    require(economy=(economy, np.isfinite(dv).all(), ORDINARY))
    v = _policy_value(economy, x, c1.T, np.log(cash - c1).T, dv)
    require(economy=(economy, all(np.isfinite(y).all() for y in (m, c, v)), ORDINARY))
    return EGM(economy, m, c, x, v, dv, iterations, residual, residual <= tol)


def _policy_value(economy, x, c, x1, dv):
    """Value (n, nz) of consuming `c` and moving to log capital `x1`, given its slope `dv`."""
    β, P, (n, nz) = economy.β, economy.exo.transition, c.shape
    j, (h00, h01, h10, h11) = _hermite(x1, x)
    u = economy.utility(c) + β * (
        h10 * (dv @ P.T)[j, np.arange(nz)] + h11 * (dv @ P.T)[j + 1, np.arange(nz)]
    )
    row = np.arange(n * nz).reshape(n, nz, 1)
    A = sparse.eye_array(n * nz, format="csr")
    for node, weight in ((j, h00), (j + 1, h01)):
        column = node[..., None] * nz + np.arange(nz)
        entry = β * weight[..., None] * P
        where = np.broadcast_to(row, entry.shape).ravel(), column.ravel()
        A = A - sparse.csr_array((entry.ravel(), where), shape=A.shape)
    return spsolve(A.tocsc(), u.ravel()).reshape(n, nz)


def _origin(rows):
    """`rows` with a first column of zeros: without cash nothing is consumed."""
    return np.pad(rows, ((0, 0), (1, 0)))


def _line(m, grid, values):
    """Linear interpolation on `grid`; beyond it along the last piece."""
    j = np.clip(np.searchsorted(grid, m) - 1, 0, len(grid) - 2)
    return values[j] + (values[j + 1] - values[j]) * (m - grid[j]) / (grid[j + 1] - grid[j])


def _hermite(x, grid):
    """Cell of the equally spaced `grid` that holds `x`, and the four cubic Hermite weights."""
    h = grid[1] - grid[0]
    j = np.clip(((x - grid[0]) / h).astype(int), 0, len(grid) - 2)
    t = (x - grid[j]) / h
    h01 = t * t * (3 - 2 * t)
    return j, (1 - h01, h01, h * t * (1 - t) ** 2, h * t * t * (t - 1))
