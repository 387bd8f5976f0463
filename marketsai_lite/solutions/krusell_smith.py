r"""Krusell and Smith's economy solved with a forecasting rule: the classical solution.

What the future holds for a household depends on tomorrow's prices, these on tomorrow's mean
capital, and that on the wealth of everybody.  Krusell and Smith (1998) let households forecast it
from today's mean alone,

.. math:: \log K' = a_z + b_z \log K .

Given the rule, consumption follows by the method of endogenous grid points (Carroll, 2006) on a
grid of wealth times mean capital, linear in the first and cubic in the second.  Given consumption,
a histogram of households (Young, 2010) is followed through a long path of the aggregate shock, and
a regression on that path gives a new rule.  Anderson's acceleration looks for the rule that gives
itself; the shocks and the first distribution stay the same, so that it iterates on a function.
"""

import warnings
from typing import NamedTuple

import numpy as np

from marketsai_lite.economy import stationary
from marketsai_lite.require import number, require, stopping, whole
from marketsai_lite.solutions import krusell_smith_kernels as kernels
from marketsai_lite.solutions.krusell_smith_model import Model, adds_up, model

DEPTH = 5  # of Anderson's acceleration
DAMPED = 3  # rounds before it begins
STILL = 1e-4  # a range of log K in which no slope is seen
POINTS = np.log([0.95, 1.05])  # where two rules are compared, relative to k_ss


class Equilibrium(NamedTuple):
    """The classical solution, and the path on which its rule was fitted.

    Attributes
    ----------
    model : Model
        The economy that is solved.
    k, K, x : array (nk,), (nK,) and (n,)
        Nodes of wealth, of mean capital, and of the histogram.
    c : array (nz, nK, ns, nk)
        Consumption.
    rule : array (nz, 2)
        Intercept and slope in each aggregate state.
    r2, σ : array (nz,)
        Share of the variance of log K' that the rule explains, and its residual's standard
        deviation.
    z, path : array (T,)
        Aggregate states and mean capital.
    D : array (ns, n)
        Distribution in the last period.
    drop : int
        First periods that the regression left out.
    iterations : int
        Rounds of the search for the rule.
    residual : float
        Largest difference, in log K', between the rule that households use and the one that their
        choices obey.
    converged : bool
        Whether the residual came below the tolerance.
    """

    model: Model
    k: np.ndarray
    K: np.ndarray
    x: np.ndarray
    c: np.ndarray
    rule: np.ndarray
    r2: np.ndarray
    σ: np.ndarray
    z: np.ndarray
    path: np.ndarray
    D: np.ndarray
    drop: int
    iterations: int
    residual: float
    converged: bool

    def policy(self, k, K, z, s):
        """Consumption with wealth `k` in own state `s`, at mean capital `K` in aggregate `z`."""
        k, K, z, s = np.broadcast_arrays(k, K, z, s)
        flat = (v.ravel() for v in (z, s, 1.0 * k, 1.0 * K))
        return kernels.consume(self.c, self.k, self.K, *flat).reshape(k.shape)

    def forecast(self, K, z):
        """Mean capital tomorrow, by the rule."""
        return np.exp(self.rule[z, 0] + self.rule[z, 1] * np.log(K))


def solve(
    economy,
    *,
    nk=120,
    nK=8,
    n=500,
    T=11_000,
    drop=1_000,
    seed=0,
    span=(0.85, 1.12),
    top=25.0,
    richest=8.0,
    guess=None,
    step=0.5,
    tol=1e-6,
    max_iter=100,
):
    """Solve for the rule that is right on average if households use it.

    Parameters
    ----------
    economy : KrusellSmith or Model
        What is solved.
    nk, nK, n : int
        Nodes of wealth, of mean capital, and of the histogram.
    T, drop : int
        Periods of the path, and how many of them the regression leaves out at the beginning.
    seed : int
        Of the aggregate shocks.
    span : (float, float)
        Ends of the grid of mean capital, relative to k_ss.
    top, richest : float
        Ends of the grid of wealth and of the histogram, relative to k_ss.
    guess : array (nz, 2), optional
        The first rule.
    step : float
        Share of the way that the rule goes in the first three rounds.
    tol : float
        Largest difference in log K', 5 percent below and above k_ss, at which to stop.
    max_iter : int
        Rounds after which to stop, with a warning.

    Returns
    -------
    Equilibrium
        The rule, the policy, the path, and how the search ended.

    Raises
    ------
    ValueError
        If an option is out of range, or the economy's own states do not go with its labour: the
        share of each must depend on the aggregate state alone, and wages must add up to w L.
    """
    m = economy if isinstance(economy, Model) else model(economy)
    require(
        nk=(nk, whole(nk, 10), "an integer >= 10"),
        nK=(nK, whole(nK, 4), "an integer >= 4"),
        n=(n, whole(n, 10), "an integer >= 10"),
        T=(T, whole(T, 10), "an integer >= 10"),
        seed=(seed, whole(seed, 0), "an integer >= 0"),
        step=(step, 0 < number(step) <= 1, "in (0, 1]"),
        top=(top, 1 < number(top) < np.inf, "above 1"),
        richest=(richest, 1 < number(richest) < np.inf, "above 1"),
        **stopping(tol, max_iter),
    )
    require(
        drop=(drop, whole(drop, 0, T - 5), f"an integer in [0, {T - 5}]"),
        span=(span, 0 < span[0] < 1 < span[1] < np.inf, "around 1"),
    )
    adds_up(m)
    k, x = power_grid(m, int(nk), top, 5), power_grid(m, int(n), richest, 3)
    K = m.k_ss * np.linspace(span[0], span[1], int(nK))
    z = aggregate_path(m, T, seed)
    shares = m.shares()
    D = at_capital(m.k_ss, x, shares[z[0]])
    rule = first_rule(m) if guess is None else np.array(guess, dtype=float)
    require(guess=(guess, rule.shape == (len(m.Z), 2), f"an array ({len(m.Z)}, 2)"))
    asked: list[np.ndarray] = []
    given: list[np.ndarray] = []
    c, residual, rounds = first_policy(m, k, K), np.inf, 0
    while not residual <= tol and rounds < max_iter:
        c, k1 = respond(m, rule, c, k, K, x, tol=tol / 100)
        path, last, _ = simulate(m, k1, K, x, z, D)
        fitted, _, _ = regress(path, z, len(m.Z), drop, rule)
        asked, given = [*asked, at_points(rule, m)], [*given, at_points(fitted, m)]
        residual, rounds = float(np.abs(given[-1] - asked[-1]).max()), rounds + 1
        if rounds <= DAMPED:  # the first distribution is still another in each round
            D = last * (shares[z[0]] / last.sum(1))[:, None]
            asked, given, residual = [], [], np.inf
            rule = rule + step * (fitted - rule)
        elif not residual <= tol:
            asked, given = asked[-DEPTH:], given[-DEPTH:]
            rule = through_points(accelerated(asked, given), m)
    if not residual <= tol:
        warnings.warn(f"the rule stopped after {rounds} rounds at {residual:.1e}", stacklevel=2)
    low, high = path[drop:].min() / m.k_ss, path[drop:].max() / m.k_ss
    if low < span[0] or high > span[1]:
        said = f"mean capital went from {low:.2f} to {high:.2f} of k_ss: widen `span` = {span}"
        warnings.warn(said, stacklevel=2)
    fitted, r2, σ = regress(path, z, len(m.Z), drop, rule)
    return Equilibrium(
        m, k, K, x, c, rule, r2, σ, z, path, last, drop, rounds, residual, residual <= tol
    )


def respond(m, rule, c, k, K, x, tol=1e-8, max_iter=20_000):
    """Best consumption given the rule, from a guess `c`, and what it saves at the nodes `x`."""
    c = c.copy()
    change, n = kernels.household(c, k, K, rule, tuple(m)[:10], tol, max_iter)
    poor = "so wide, or the economy such, that there always is something to eat"
    require(K=(K, bool(np.isfinite(c).all() and (c > 0).all()), poor))
    if not change <= tol:
        warnings.warn(f"consumption stopped after {n} sweeps at {change:.1e}", stacklevel=2)
    return c, kernels.savings(c, k, K, x, tuple(m)[:10])


def simulate(m, k1, K, x, z, D, keep=()):
    """Mean capital along `z` (T,), the last distribution, and those in the periods `keep`.

    Without own risk all own the same, so that one point is followed: a histogram would spread them.
    """
    if len(m.β) > 1:
        return kernels.simulate(k1, K, x, z, D, m.Q, np.array(keep, np.int64))
    path = kernels.follow(k1, K, x, z, float((D * x).sum()))
    kept = [at_capital(path[t], x, np.ones(1)) for t in [*keep, -1]]
    return path, kept[-1], np.array(kept[:-1])


def regress(path, z, nz, drop=0, rule=None):
    """Fit log K' = a + b log K in each aggregate state.

    Where K does not move the slope is not identified, and is that of `rule`.

    Returns
    -------
    rule : (nz, 2)
    r2, σ : (nz,)
    """
    fit, r2, σ = np.zeros((nz, 2)), np.ones(nz), np.zeros(nz)
    y, times = np.log(path[drop:]), z[drop:-1]
    for state in range(nz):
        now, then = y[:-1][times == state], y[1:][times == state]
        still = len(now) < 2 or np.ptp(now) < STILL
        slope = (0.0 if rule is None else rule[state, 1]) if still else np.polyfit(now, then, 1)[0]
        fit[state] = then.mean() - slope * now.mean(), slope
        error = then - fit[state, 0] - slope * now
        σ[state] = error.std(ddof=2) if len(now) > 2 else 0.0
        r2[state] = 1.0 if still else 1 - error.var() / then.var()
    return fit, r2, σ


def den_haan(rule, z, path):
    """Den Haan's (2010) test: the rule alone, from the first period on, beside the path.

    Returns
    -------
    largest, mean : float
        Of the difference in percent.
    forecast : array (T,)
        What the rule says.
    """
    forecast = np.empty_like(path)
    forecast[0] = path[0]
    for t in range(len(path) - 1):
        forecast[t + 1] = np.exp(rule[z[t], 0] + rule[z[t], 1] * np.log(forecast[t]))
    error = 100 * np.abs(np.log(forecast / path))
    return float(error.max()), float(error.mean()), forecast


def power_grid(m, size, top, power):
    """Nodes from the limit to `top` times k_ss, close together where wealth is small."""
    low = m.limit + 1e-7  # where income may be zero somebody must be left with something
    return low + (top * m.k_ss - low) * np.linspace(0, 1, size) ** power


def aggregate_path(m, T, seed):
    """Aggregate states (T,) from their stationary distribution."""
    u, F = np.random.default_rng(seed).random(T), np.cumsum(m.P, 1)
    z, now = np.empty(T, np.int64), np.searchsorted(np.cumsum(stationary(m.P)), u[0])
    for t in range(T):
        z[t] = now = min(now if t == 0 else np.searchsorted(F[now], u[t]), len(m.P) - 1)
    return z


def at_capital(K, x, shares):
    """Everybody owns K: a distribution (ns, n) on the nodes `x`."""
    K = np.clip(K, x[0], x[-1])
    j = min(max(int(np.searchsorted(x, K)) - 1, 0), len(x) - 2)
    f = (K - x[j]) / (x[j + 1] - x[j])
    D = np.zeros((len(shares), len(x)))
    D[:, j], D[:, j + 1] = (1 - f) * shares, f * shares
    return D


def first_rule(m):
    """A first guess of the rule: capital returns to k_ss, and rises with output."""
    slope = 0.97 * (1 - m.δ) + m.α * m.δ
    output = np.log(m.Z) + (1 - m.α) * np.log(m.L)
    level = (1 - slope) * np.log(m.k_ss) + m.δ * (output - np.log(m.L.mean()) * (1 - m.α))
    return np.stack([level, np.full(len(m.Z), slope)], 1)


def first_policy(m, k, K):
    """A first guess of consumption: income and a little of wealth."""
    grid = np.meshgrid(range(len(m.Z)), K, range(len(m.β)), indexing="ij")
    z, mean, s = grid
    wage = (1 - m.α) * m.Z[z] * (mean / m.L[z]) ** m.α
    income = wage * m.labour[z, s] + m.home[s]
    return (income + 1e-4)[..., None] + 0.02 * (k - m.limit)


def at_points(rule, m):
    """What the rule says at the points where rules are compared, (2 nz,)."""
    return (rule[:, :1] + rule[:, 1:] * (np.log(m.k_ss) + POINTS)).ravel()


def through_points(values, m):
    """The rule that says `values` at those points."""
    at, y = np.log(m.k_ss) + POINTS, values.reshape(-1, 2)
    slope = (y[:, 1] - y[:, 0]) / (at[1] - at[0])
    return np.stack([y[:, 0] - slope * at[0], slope], 1)


def accelerated(asked, given):
    """Anderson's step: of the last tries, the mixture whose errors cancel best."""
    f = np.array(given) - np.array(asked)
    if len(f) == 1:
        return given[-1]
    df, dg = np.diff(f, axis=0), np.diff(given, axis=0)
    return given[-1] - np.linalg.lstsq(df.T, f[-1], rcond=1e-10)[0] @ dg
