r"""Plan, competition and oligopoly of the two-sector economy.

Cost is least where both sectors use their factors in one proportion of proportions, so that hours
in investment per hour in consumption, :math:`t = N_i / N_c`, settle everything else of a period.
With :math:`\kappa = K_i / K`,

.. math:: \frac{\kappa}{1 - \kappa} = t\, \frac{\alpha_i (1 - \alpha_c)}{(1 - \alpha_i) \alpha_c} .

Let factors earn the share :math:`\varphi` of their marginal product.  Hours follow from
:math:`-u_N / u_C = \varphi\, \partial C / \partial N_c`, the price of capital goods is
:math:`p = \frac{\partial C / \partial N_c}{\partial I / \partial N_i}`, and t from

.. math:: u_C\, p = \beta\, \mathbb{E} \bigl[ u_C' ( \varphi\, \partial C' / \partial K_c'
          + (1 - \delta)\, p' ) \bigr] .

With :math:`\varphi = 1` these are the conditions of the planner and of competition, which is the
first welfare theorem.  F firms in each sector that know how their output moves the price of their
good bid :math:`\varphi = 1 - 1/F` of what it is worth: with bid b and output
:math:`y \propto b`, a firm's revenue :math:`E\, y / \sum y` has slope :math:`(E / F)(1 - 1/F) / b`
at equal bids, which is 1 where :math:`b = (1 - 1/F)\, E/F`.  It is an equilibrium of firms that
leave their influence on what comes later out of account; where capital lasts one period and
utility is logarithmic there is none.

`two_sector_closed` has that case and the steady states; `solve` all others, by collocation: log t
is a Chebyshev polynomial of log K in each state of the shocks, whose Euler equation holds at the
Chebyshev nodes.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from scipy.optimize import root

from marketsai_lite.economies.two_sector import TwoSector
from marketsai_lite.require import number, require, whole
from marketsai_lite.solutions.chains import locate
from marketsai_lite.solutions.two_sector_closed import Period, period


class Solution(NamedTuple):
    """An equilibrium, or the plan.

    Attributes
    ----------
    plan : TwoSector
        The economy that is solved.
    φ : float
        Share of its marginal product that a factor earns.
    box : tuple of float
        Least and largest log capital of the polynomials.
    θ : array (nz, degree + 1)
        Coefficients of log t in each state of the shocks.
    v : array (nz, degree + 1)
        Coefficients of the households' value.
    residual : float
        Largest relative error of the Euler equation at the nodes.
    converged : bool
        Whether the residual is as small as asked.
    """

    plan: TwoSector
    φ: float
    box: tuple
    θ: np.ndarray
    v: np.ndarray
    residual: float
    converged: bool

    def at(self, K, z=None):
        """The `Period` that begins with capital `K` (...) in shocks of index `z`, by default 0."""
        K = np.asarray(K, dtype=float)
        z = np.zeros(K.shape, dtype=int) if z is None else z
        t = np.exp(_fitted(self.box, self.θ[z], np.log(K)))
        return period(self.plan, K, t, self.plan.exo.values[z], self.φ)

    def policy(self, x, z):
        """Actions (..., 1, da) of the planner at log capital `x` (..., 1)."""
        found = self.at(np.exp(x[..., 0]), locate(self.plan.exo.values, z.aggregate))
        shares = [] if self.plan.land else [found.κ]
        return np.stack([found.N, found.N_i / found.N, *shares], -1)[..., None, :]

    def bids(self, market, x, z):
        """Actions (..., n, 2) of the agents of a `TwoSectorMarket` at log capital `x` (..., H).

        They are an equilibrium where all households own the same.
        """
        found = self.at(np.exp(x).sum(-1), locate(self.plan.exo.values, z.aggregate))
        spent = found.p * found.I
        home = np.stack([found.N, spent / (found.C + spent)], -1)[..., None, :]
        a_c, a_i = (
            np.stack([self.φ + 0 * found.N, 1 - α + 0 * found.N], -1)[..., None, :]
            for α in (self.plan.α_c, self.plan.α_i)
        )
        counts = (market.households, market.firms, market.firms)
        each = zip((home, a_c, a_i), counts, strict=True)
        return np.concatenate([np.repeat(v, m, -2) for v, m in each], -2)

    def value(self, x, z):
        """Value of the households at log capital `x` (..., 1), (...)."""
        i = locate(self.plan.exo.values, z.aggregate)
        return _fitted(self.box, self.v[i], x[..., 0])

    def expected(self, x, z):
        """Expected value of starting next period with log capital `x` after shocks `z`."""
        exo = self.plan.exo
        later = exo.transition @ self.v
        return _fitted(self.box, later[locate(exo.values, z.aggregate)], x[..., 0])

    def path(self, K, periods, shocks=None):
        """A `Period` of arrays (periods,) that begins with capital `K`.

        Parameters
        ----------
        K : float
        periods : int
        shocks : int array (periods,), optional
            Index of the shocks in each period; by default 0.
        """
        require(K=(K, number(K) > 0, "positive"), periods=(periods, whole(periods, 1), "1 or more"))
        rows, shocks = [], np.zeros(periods, dtype=int) if shocks is None else shocks
        for t in range(periods):
            rows.append(self.at(K, shocks[t]))
            K = (1 - self.plan.δ) * K + rows[-1].I
        return Period(*map(np.stack, zip(*rows, strict=True)))

    def root(self, step=1e-4):
        """dK'/dK at the steady state of the first shocks: what is left of a gap after a period."""
        K = self.path(self.plan.rest(self.φ).K, 2_000).K[-1]
        up, down = (self.at(K * (1 + d)) for d in (step, -step))
        return float((up.I - down.I) / (2 * step * K)) + 1 - self.plan.δ


def solve(plan, φ=1.0, *, degree=16, span=(0.4, 1.7), tol=1e-9):
    """Solve for the plan, or for the equilibrium in which factors earn `φ` of their product.

    Parameters
    ----------
    plan : TwoSector
        Its bounds on the shares are ignored.
    φ : float
        As of `two_sector_closed.steady`.
    degree : int
        Of the polynomials.
    span : tuple of float
        Least and largest capital of the polynomials, in units of its steady state.  Far above it
        investment may want to be negative, and there is no answer.
    tol : float
        Largest relative error of the Euler equation at the nodes.

    Returns
    -------
    Solution
        With a warning if it has not converged.
    """
    require(
        φ=(φ, 0 < number(φ) <= 1, "in (0, 1]"),
        degree=(degree, whole(degree, 2), "an integer >= 2"),
        span=(span, 0 < number(span[0]) < 1 < number(span[1]) < np.inf, "(below 1, above 1)"),
        tol=(tol, 0 < number(tol) < np.inf, "positive"),
    )
    rest, exo = plan.rest(φ), plan.exo
    nz, m = len(exo.values), degree + 1
    box = tuple(np.log(rest.K * np.array(span)))
    nodes = chebyshev.chebpts1(m)
    x = np.tile(box[0] + (nodes + 1) / 2 * (box[1] - box[0]), (nz, 1))
    z = exo.values[:, None] + 0 * x[..., None]
    inverse = np.linalg.inv(chebyshev.chebvander(nodes, degree))

    def now(logt):
        return period(plan, np.exp(x), np.exp(logt), z, φ)

    def later(found, θ):
        """Next period in each state of the shocks, first axis, and the log of its capital."""
        x1 = np.log((1 - plan.δ) * found.K + found.I)
        t = np.exp(np.stack([_fitted(box, θ[j], x1) for j in range(nz)]))
        there = np.broadcast_to(exo.values[:, None, None], (*t.shape, 2))
        return period(plan, np.exp(x1) + 0 * t, t, there, φ), x1

    def error(logt):
        found, θ = now(logt.reshape(nz, m)), logt.reshape(nz, m) @ inverse.T
        then, _ = later(found, θ)
        worth = _marginal(plan, then) * (then.r + (1 - plan.δ) * then.p)
        right = plan.β * np.einsum("ij,jim->im", exo.transition, worth)
        return (right / (_marginal(plan, found) * found.p) - 1).ravel()

    first = np.log(rest.t) - 0.5 * (x - np.log(rest.K))
    answer = root(error, first.ravel(), method="hybr", tol=1e-13)
    logt = answer.x.reshape(nz, m)
    residual = float(np.abs(error(answer.x)).max())
    θ, converged = logt @ inverse.T, residual <= tol
    if not converged:
        warnings.warn(f"Euler errors of {residual:.1e} are left at the nodes", stacklevel=2)
    found = now(logt)
    _, x1 = later(found, θ)
    Φ1 = chebyshev.chebvander(_unit(box, x1), degree)  # (nz, m, m)
    A = np.kron(np.eye(nz), chebyshev.chebvander(nodes, degree))
    B = np.einsum("ij,imd->imjd", exo.transition, Φ1).reshape(nz * m, nz * m)
    v = np.linalg.solve(A - plan.β * B, plan.felicity(found.C, found.N).ravel())
    return Solution(plan, float(φ), box, θ, v.reshape(nz, m), residual, bool(converged))


def lost(solution, market, act, rng, *, size=64, periods=400):
    """Share of consumption that households lose by how they and the firms act.

    Both lives, theirs and that of the solution, begin in equal households' steady state and meet
    the same shocks.  Of "ghh" the share is one of consumption less toil.

    Parameters
    ----------
    solution : Solution
        What is compared with.
    market : TwoSectorMarket
        Where they live.
    act : callable
        Observations (..., n, do) to actions (..., n, 2).
    rng : numpy.random.Generator
        Draws the shocks.
    size, periods : int
        Lives, and their length; then the last state goes on for ever as in the solution.

    Returns
    -------
    float
        Mean over households and lives.
    """
    plan, H = solution.plan, market.households
    start = np.full((size, H), np.log(plan.rest(solution.φ).K / H))
    i0, u = plan.exo.initial(rng.random((size, 1))), rng.random((periods, size, 1))
    totals = []
    for rule in (
        lambda x, z: act(market.observe(x, z)),
        lambda x, z: solution.bids(market, x, z),
    ):
        x, i, total = start, i0, 0.0
        for t in range(periods):
            z = plan.exo.shocks(i)
            x, r = market.step(x, z, rule(x, z))
            total = total + plan.β**t * r[:, :H].mean(-1)
            i = plan.exo.next(i, u[t])
        whole_of = np.log(np.exp(x).sum(-1, keepdims=True))
        totals.append(total + plan.β**periods * solution.value(whole_of, plan.exo.shocks(i)))
    return float(-np.expm1((1 - plan.β) * (totals[0] - totals[1]).mean()))


def _marginal(plan, found):
    """Marginal utility of consumption."""
    if plan.utility == "log":
        return 1 / found.C
    return 1 / (found.C - plan.ψ * found.N ** (1 + plan.η) / (1 + plan.η))


def _unit(box, x):
    return 2 * (x - box[0]) / (box[1] - box[0]) - 1


def _fitted(box, θ, x):
    """Polynomials with coefficients `θ` (..., degree + 1), or one of them, at log capital `x`."""
    Φ = chebyshev.chebvander(_unit(box, x), θ.shape[-1] - 1)
    return (Φ.reshape(*np.shape(x), -1) * θ).sum(-1)
