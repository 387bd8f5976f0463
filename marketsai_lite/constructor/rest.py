r"""The steady state of a constructed economy: where it rests when nothing happens.

All shocks stand at their long-run means.  Given a policy a(x), stocks rest where

.. math:: f(x, a(x)) = x .

Without a policy everybody also does the best it can for itself.  Let agent i's reward be
:math:`r_i(x, a)`, and :math:`\lambda_i` what a little more of each state is worth to it,

.. math:: \lambda_i = \partial_x r_i + \beta\, f_x^\top \lambda_i , \qquad
          \partial_{a_i} r_i + \beta\, f_{a_i}^\top \lambda_i = 0 .

Price takers (``given="prices"``) hold `market` fixed in these derivatives, so that the rest point
is a competitive equilibrium; a single planner finds the optimum; several agents who move prices
find a Nash equilibrium in which nobody answers what another did (in open loop).  These are
first-order conditions: whether the point is a maximum, and whether it is the only one, they do not
say.  Everything is solved by Newton's method with differences in place of derivatives.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.constructor.variables import long_run
from marketsai_lite.economy import Box, Shocks
from marketsai_lite.require import array, require, stopping

STEP, WIDE = 6e-6, 1e-4  # of differences: of the economy, and of the conditions


class Rest(NamedTuple):
    """A point of rest.

    Attributes
    ----------
    x, a : array (dx,), (n, da)
        State and actions.
    z : Shocks
        The means at which shocks stand.
    residual : float
        Largest distance from rest, or from a condition.
    converged : bool
        Whether it is at most `tol`.
    iterations : int
        Of Newton's method.
    """

    x: np.ndarray
    a: np.ndarray
    z: Shocks
    residual: float
    converged: bool
    iterations: int


def at_means(economy) -> Shocks:
    """Shocks at their long-run means, as of one copy of an economy."""
    aggregate, own = long_run(economy.exo)
    return Shocks(aggregate, np.tile(own, (economy.exo.n, 1)))


def steady_state(economy, policy: Any = None, *, given="prices", tol=1e-8, max_iter=50) -> Rest:
    """Find where an economy rests with its shocks at their means.

    Parameters
    ----------
    economy : Constructed
        Its choices are intervals, not grids.
    policy : array (n, da), or callable, optional
        Actions, or a function of the observations (n, do) that finds them.  Default: everybody's
        first-order conditions hold.
    given : str
        Whether those who choose take "prices" as given, or move them: "policies".  Where the
        economy takes nothing as given, or one planner chooses, it is always the second.
    tol : float
        Largest distance from rest.
    max_iter : int
        Newton steps.

    Returns
    -------
    Rest

    Raises
    ------
    ValueError
        If an argument is wrong.
    """
    names = zip(economy.agents, economy.actions, strict=True)
    grids = [name for name, s in names if not isinstance(s, Box)]
    require(
        given=(given, given in ("prices", "policies"), "'prices' or 'policies'"),
        **stopping(tol, max_iter),
        **{"choices on a grid": (grids, not grids, "none: only intervals have derivatives")},
    )
    z = at_means(economy)
    low, high = (_wide(economy, k) for k in (0, 1))
    a = (low + high) / 2
    if policy is not None and not callable(policy):
        a = array("policy", policy)
        require(**{"policy: shape": (a.shape, a.shape == low.shape, f"{low.shape}, (n, da)")})
    x = economy.initial(np.full(len(economy.state), 0.5))
    if policy is not None:
        act = policy if callable(policy) else lambda o: a

        def moves(y):
            return economy.step(y, z, act(economy.observe(y, z)))[0] - y

        x, residual, iterations = _newton(moves, x, tol, max_iter, lambda y: True)
        return _found(x, act(economy.observe(x, z)), z, residual, tol, iterations)
    taking = given == "prices" and economy.market is not None and not economy.planner
    own, dx = low < high, len(x)  # what is filled up with zeros is nobody's choice

    def chosen(v):
        b = low.copy()
        b[own] = v
        return b

    def inside(v):
        return ((v > low[own]) & (v < high[own])).all()

    def stays(v):
        return economy.step(x, z, chosen(v))[0] - x

    def conditions(v):
        return np.append(*_conditions(economy, v[:dx], z, chosen(v[dx:]), own, taking))

    first, *_ = _newton(stays, a[own], tol, max_iter, inside)  # stocks stay near their centers
    v, residual, iterations = _newton(
        conditions, np.append(x, first), tol, max_iter, lambda v: inside(v[dx:])
    )
    return _found(v[:dx], chosen(v[dx:]), z, residual, tol, iterations)


def _wide(economy, k):
    """The lower or upper bounds of all agents, (n, da), filled up with zeros."""
    da = max(s.width for s in economy.actions)
    return np.stack([np.pad(s[k], (0, da - s.width)) for s in economy.actions])


def _conditions(economy, x, z, a, own, taking):
    """How far stocks are from rest, and each agent's choices from its first-order conditions."""
    m = economy.market(x, z, a) if taking else None
    dx, n = len(x), len(economy.agents)

    def outcome(v):
        b = a.copy()
        b[own] = v[dx:]
        x1, r = economy.step(v[:dx], z, b, m)
        return np.append(x1, r)

    J = _slopes(outcome, np.append(x, a[own]), STEP)
    f_x, f_a, r_x, r_a = J[:dx, :dx], J[:dx, dx:], J[dx:, :dx], J[dx:, dx:]
    λ = np.linalg.lstsq(np.eye(dx) - economy.β * f_x.T, r_x.T, rcond=None)[0]  # (dx, n)
    total = r_a + economy.β * λ.T @ f_a  # (n, choices): what each choice is worth to each agent
    who = np.nonzero(own)[0]
    mine = np.arange(len(who))
    return economy.step(x, z, a, m)[0] - x, total[who if n > 1 else 0 * who, mine]


def _slopes(function, v, step):
    """Derivatives of a function at `v` (m,) by central differences, (size, m)."""
    columns = []
    for j in range(len(v)):
        h = step * max(1.0, abs(v[j]))
        up, down = v.copy(), v.copy()
        up[j], down[j] = v[j] + h, v[j] - h
        columns.append((function(up) - function(down)) / (2 * h))
    return np.stack(columns, -1) if columns else np.zeros((len(function(v)), 0))


def _newton(function, v, tol, max_iter, inside):
    """Newton's method, whose steps are halved while they lead outside or do not help."""
    with np.errstate(all="ignore"):
        gap = function(v)
        for iteration in range(max_iter):
            if not gap.size or abs(gap).max() <= tol:
                return v, float(abs(gap).max(initial=0.0)), iteration
            step = np.linalg.lstsq(_slopes(function, v, WIDE), -gap, rcond=1e-9)[0]
            for _ in range(40):
                near = function(v + step) if inside(v + step) else np.full_like(gap, np.inf)
                if np.isfinite(near).all() and (near @ near) < gap @ gap:
                    break
                step = step / 2
            else:
                break
            v, gap = v + step, near
    return v, float(abs(gap).max()), max_iter


def _found(x, a, z, residual, tol, iterations):
    converged = bool(residual <= tol)
    if not converged:
        warnings.warn(
            f"steady_state stopped {residual:.1e} away from rest, where tol={tol}: there may be "
            f"none, or it begins too far away; begin the stocks nearer to it, or raise max_iter",
            stacklevel=3,
        )
    return Rest(x, a, z, residual, converged, iterations)
