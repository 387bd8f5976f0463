r"""The planner of many households, solved by policy iteration on Chebyshev polynomials.

In each joint state z of the shocks the value is a complete polynomial in the logs of the stocks,
:math:`V(x, z) = \Phi(x)\, \theta_z`.  Its expectation is one too, :math:`\Phi(x)\, (P\theta)_z`, so
no sum over successors is left.  Until the policy stands still:

1. *evaluate*: the :math:`\theta` for which, at nodes x of a Sobol sequence, :math:`\Phi(x)\,
   \theta_z` is the least squares fit of :math:`r + \beta\, \Phi(x')\, (P\theta)_z`;
2. *improve*: at each node maximize :math:`r + \beta\, \Phi(x')\, (P\theta)_z` over new capital
   :math:`I \ge 0` by projected Newton steps; the gradient weighs each stock's cost
   (`Planner.margins`) against its worth.

With several households the planner lets those pay who have much to consume, and where they differ
much the others pay nothing: first-order conditions that hold with equality everywhere do not
describe the optimum.  The method is that of Judd (1998, ch. 12).
"""

import warnings
from functools import reduce
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.stats import qmc

from marketsai_lite.economies.planner import Planner
from marketsai_lite.require import number, require, stopping, whole
from marketsai_lite.solutions.chains import locate, successors
from marketsai_lite.solutions.scores import path_value


class PlannerSolution(NamedTuple):
    """Polynomials of the value and of new capital, in each joint state of the shocks.

    Attributes
    ----------
    economy : Planner
        The economy that is solved.
    powers : array (C, D)
        Degree of each basis function in each of the D stocks.
    box : tuple[float, float]
        Where log(K / K_ss) is approximated; linear beyond.
    θ : array (m, C)
        Value.
    ψ : array (m, C, D)
        New capital, where `policy` begins its search.
    P : array (m, m)
        Transition between joint states.
    iterations : int
        Number of iterations.
    residual : float
        Largest change of new capital in the last iteration, relative to its mean.
    converged : bool
        Whether the residual came below the tolerance.
    """

    economy: Planner
    powers: np.ndarray
    box: tuple[float, float]
    θ: np.ndarray
    ψ: np.ndarray
    P: np.ndarray
    iterations: int
    residual: float
    converged: bool

    def policy(self, x, z):
        """Optimal shares, (..., 1, N M), kept within the economy's bounds."""
        e, i, B = self.economy, self._state(z), self._basis(x)
        guess = np.maximum((B[..., None] * self.ψ[i]).sum(-2), _floor(e))
        inv = _improve(e, x, z, guess, (self.P @ self.θ)[i], self.powers, self.box)
        (box,) = e.actions
        return np.clip(_shares(e, x, z, inv), box.low, box.high)

    def value(self, x, z):
        """Value of log stocks `x` (..., N M) and shocks `z`."""
        return (self._basis(x) * self.θ[self._state(z)]).sum(-1)

    def expected(self, x, z):
        """Expected value of starting next period with log stocks `x` after shocks `z`."""
        return (self._basis(x) * (self.P @ self.θ)[self._state(z)]).sum(-1)

    def _basis(self, x):
        return _basis(_unit(self.economy, x, self.box), self.powers)

    def _state(self, z):
        exo = self.economy.exo
        ne = len(exo.own_values)
        own = locate(exo.own_values, z.own) @ ne ** np.arange(exo.n)[::-1]
        return locate(exo.values, z.aggregate) * ne**exo.n + own


def solve(economy, *, degree=None, low=0.4, high=1.8, tol=1e-8, max_iter=50):
    """Solve a `Planner` economy with shares that have no bound but zero.

    Parameters
    ----------
    economy : Planner
        With few stocks: up to three take seconds, five about a minute.
    degree : int, optional
        Total degree of the polynomials; by default 16 for one stock, then 10, 6, 4, and 3
        for five or more.
    low, high : float
        Bounds of the stocks, relative to the steady state, between which the value is fitted.
    tol : float
        Largest change of new capital, relative to its mean, at which to stop.
    max_iter : int
        Iterations at which to stop, with a warning.

    Returns
    -------
    PlannerSolution
        Policy, value, and how the iteration ended.

    Raises
    ------
    ValueError
        If the degree, `tol` or `max_iter` is not positive, `0 < low < 1 < high` does not hold, or
        the joint states of the shocks are too many to list.
    """
    N, D, β = economy.N, economy.N * economy.M, economy.β
    degree = {1: 16, 2: 10, 3: 6, 4: 4}.get(D, 3) if degree is None else degree
    require(
        degree=(degree, whole(degree, 1), "an integer >= 1"),
        low=(low, 0 < number(low) < 1, "in (0, 1)"),
        high=(high, 1 < number(high) < np.inf, "in (1, inf)"),
        **stopping(tol, max_iter),
    )
    degree = int(degree)
    states, _ = successors(economy.exo, np.zeros(N + 1, dtype=int))
    P = successors(economy.exo, states)[1]
    powers = np.array([p for p in product(range(degree + 1), repeat=D) if sum(p) <= degree])
    m, C, box = len(P), len(powers), (float(np.log(low)), float(np.log(high)))
    u = np.cos(np.pi * qmc.Sobol(D, scramble=False).random_base2(int(np.ceil(np.log2(3 * C)))))
    fit = np.linalg.pinv(_basis(u, powers))  # values at the nodes to coefficients
    x = np.log(economy.k_ss) + (box[0] + box[1] + u * (box[1] - box[0])) / 2
    x = np.broadcast_to(x, (m, *x.shape))
    z = economy.exo.shocks(np.broadcast_to(states[:, None], (*x.shape[:2], N + 1)))

    x1, r = economy.step(x, z, np.full((*x.shape[:2], 1, D), economy.s_ss))
    inv = np.exp(x1) - (1 - economy.δ) * np.exp(x)
    residual, iterations = np.inf, 0
    while not residual <= tol and iterations < max_iter:
        x1, r = economy.step(x, z, _shares(economy, x, z, inv))
        A = β * np.einsum("zcd,zy->zcyd", fit @ _basis(_unit(economy, x1, box), powers), P)
        A = np.eye(m * C) - A.reshape(m * C, m * C)
        θ = np.linalg.solve(A, (fit @ r).ravel()).reshape(m, C)
        new = _improve(economy, x, z, inv, (P @ θ)[:, None], powers, box)
        residual, iterations = float(np.abs(new - inv).max() / inv.mean()), iterations + 1
        inv = new
    if not residual <= tol:
        warnings.warn(f"stopped after {iterations} iterations at {residual:.1e}", stacklevel=2)
    return PlannerSolution(
        economy, powers, box, θ, fit @ inv, P, iterations, residual, residual <= tol
    )


def evaluation(economy, policy, periods=1000):
    """The value by which Covarrubias (2021) compares planners.

    Households begin with .9 (the first, the third, ...) or .8 of the steady state.  Aggregate
    productivity is low for 20 periods, then high, and so on; every 10 periods those whose own
    productivity is high change places with the others, and the first begins high.

    Parameters
    ----------
    economy : Planner
        Any.
    policy : callable
        State and shocks to actions.
    periods : int
        Length of the path.

    Returns
    -------
    float
        Discounted mean utility along the path.
    """
    t, household = np.arange(periods)[:, None], np.arange(economy.N)
    i = np.concatenate([t // 20 % 2, (t // 10 + household + 1) % 2], 1)
    start = np.where(household % 2, 0.8, 0.9).repeat(economy.M)
    return path_value(economy, policy, np.log(economy.k_ss * start), i)


def _improve(economy, x, z, inv, g, powers, box):
    """New capital (..., D) that maximizes r + β Φ(x') g, searched from `inv`."""
    D, floor = x.shape[-1], _floor(economy)

    def objective(inv):
        x1, r = economy.step(x, z, _shares(economy, x, z, inv))
        return r[..., 0] + economy.β * (_basis(_unit(economy, x1, box), powers) * g).sum(-1)

    def gradient(inv):
        a = _shares(economy, x, z, inv)
        x1 = economy.step(x, z, a)[0]
        slope = _gradient(_unit(economy, x1, box), powers, g)
        worth = economy.β * slope * 2 / (box[1] - box[0]) / np.exp(x1)
        return worth - economy.margins(x, z, a)[0] / economy.N

    best = objective(inv)
    length = np.ones(best.shape)
    for _ in range(100):
        G = gradient(inv)
        H = np.stack([gradient(inv + 1e-20j * e).imag / 1e-20 for e in np.eye(D)], -1)
        H = (H + H.swapaxes(-1, -2)) / 2
        # Bertsekas (1982): hold stocks at the bound, and those that a full step would bring there.
        alone = inv + G / np.maximum(np.abs(np.diagonal(H, axis1=-2, axis2=-1)), 1e-3)
        far = np.abs(np.maximum(alone, floor) - inv).max(-1, keepdims=True)
        held = (inv <= floor + np.minimum(far, 0.1 * economy.δ * economy.k_ss)) & (G <= 0)
        H = np.where(held[..., None] | held[..., None, :], -np.eye(D), H)
        curvature, U = np.linalg.eigh(H)
        step = (U * np.where(held, floor - inv, G)[..., None]).sum(-2)
        step = (U * (step / np.maximum(np.abs(curvature), 1e-3))[..., None, :]).sum(-1)
        new = np.maximum(inv + length[..., None] * step, floor)
        with np.errstate(invalid="ignore"):  # a step that leaves nothing to consume is refused
            value = objective(new)
        better = value >= best - 1e-12
        change = np.abs(new - inv).max()
        inv, best = np.where(better[..., None], new, inv), np.where(better, value, best)
        length = np.where(better, 1.0, length / 4)
        if change < 1e-6 * economy.k_ss:
            break
    else:
        warnings.warn(f"the search for new capital stopped at {change:.1e}", stacklevel=2)
    return inv


def _floor(economy):
    """Least new capital: next to nothing."""
    return 1e-9 * economy.k_ss


def _shares(economy, x, z, inv):
    """Shares of output (..., 1, N M) that make new capital `inv` (..., N M)."""
    inv = inv.reshape(*inv.shape[:-1], economy.N, economy.M)
    X = economy.φ / 2 * inv * inv.sum(-2, keepdims=True)
    return (X / economy.output(x, z)[..., None]).reshape(*x.shape[:-1], 1, x.shape[-1])


def _unit(economy, x, box):
    """Log stocks on a scale on which the box is [-1, 1]."""
    return (2 * (x - np.log(economy.k_ss)) - box[0] - box[1]) / (box[1] - box[0])


def _polynomials(u, top):
    """Chebyshev polynomials of `u` and their derivatives, (..., top + 1); linear beyond [-1, 1]."""
    beyond = u.real - np.clip(u.real, -1, 1)
    u = u - beyond
    T, dT = np.ones((2, *u.shape, top + 1), dtype=u.dtype)
    T[..., 1], dT[..., 0] = u, 0
    for n in range(2, top + 1):
        T[..., n] = 2 * u * T[..., n - 1] - T[..., n - 2]
        dT[..., n] = 2 * T[..., n - 1] + 2 * u * dT[..., n - 1] - dT[..., n - 2]
    beyond = beyond[..., None]
    return T + dT.real * beyond, np.where(beyond == 0, dT, dT.real)


def _basis(u, powers):
    """Basis functions (..., C) at `u` (..., D)."""
    T, _ = _polynomials(u, powers.max())
    return reduce(np.multiply, (T[..., d, :].take(p, -1) for d, p in enumerate(powers.T)))


def _gradient(u, powers, coefficients):
    """Derivatives (..., D) at `u` (..., D) of the polynomial with `coefficients` (..., C)."""
    T, dT = _polynomials(u, powers.max())
    value, slope = ([v[..., d, :].take(p, -1) for d, p in enumerate(powers.T)] for v in (T, dT))
    D = range(len(value))
    terms = (reduce(np.multiply, (slope[d] if d == k else value[d] for d in D)) for k in D)
    return np.stack([(term * coefficients).sum(-1) for term in terms], -1)
