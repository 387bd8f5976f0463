r"""The market for capital goods: four concepts, the last by policy iteration on polynomials.

Steady states, with productivity 1.  A price taker weighs the price of a unit of capital against
what it gives, :math:`p\,(1 - \beta(1 - \delta)) = \alpha \beta k^{\alpha - 1}` with
:math:`p = \phi N \delta k`, so that it ends at

.. math:: K_c = \Bigl(\frac{\alpha \beta}{\phi \delta N (1 - \beta (1 - \delta))}\Bigr)
          ^{1/(2 - \alpha)} .

Households that act as one bear the cost :math:`(2 - \rho) p`, where :math:`\rho` is the share of
the producers' profit that they are paid; one that counts its influence on today's price alone, the
cost :math:`p\,(1 - \rho/2N)/(1 - 1/2N)`.  `joint` and `static` scale :math:`K_c` accordingly.

The symmetric Markov-perfect equilibrium has no closed form.  With
:math:`z_j = \log(k_j / \bar k) / b` the policy (log share spent) and the value of household i are
polynomials in :math:`z_i` and the others' power means :math:`e_p = \sum_{j \ne i} z_j^p / (N - 1)`,
of a degree in which :math:`e_p` counts p: as many terms as are needed for any symmetric polynomial
of that degree, however many households there are.  `markov_perfect` repeats, at random nodes in the
box :math:`|z_j| \le 1`,

1. *evaluate*: find the polynomial V that is the least squares solution of
   :math:`V(k) - \beta V(k') = \log c_1`;
2. *improve*: find household 1's best share against the others' policies,
   :math:`\max_s \log c_1 + \beta V(k')`;
3. *update*: move the policy half of the way to the polynomial through the best shares.

`best_response` leaves out the update of the others: it is what household 1 could do best if they
went on as they do, whoever taught them.
"""

import warnings
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.require import number, require, stopping, whole
from marketsai_lite.solutions.scores import path_value

NODES = 40  # for each term of a polynomial
STEP = 1e-20  # imaginary, of a derivative without cancellation


def competitive(economy):
    """Capital of each household in the steady state of price takers, whatever the rebate."""
    return economy.k_ss


def joint(economy):
    """Capital of each in the steady state if the households act as one."""
    return economy.k_ss * (2 - economy.rebate) ** (-1 / (2 - economy.α))


def static(economy):
    """Capital of each in the steady state if each counts its influence on today's price alone."""
    own = 1 / (2 * economy.N)
    return economy.k_ss * ((1 - own) / (1 - economy.rebate * own)) ** (1 / (2 - economy.α))


def share(economy, k):
    """Share of output spent where capital `k` of each household replaces itself."""
    return economy.φ * economy.N * economy.δ**2 * k ** (2 - economy.α)


class Symmetric(NamedTuple):
    """Policy and value of a household, as symmetric polynomials.

    Attributes
    ----------
    economy : CapitalMarket
        The economy that is solved.
    center, spread : float
        Of the box |log(k_j / center)| <= spread where the polynomials are fitted.
    powers : int array (C, 1 + P)
        Exponents of z_i and of the power means e_1, ..., e_P in each term.
    policy_terms : array (C,)
        Coefficients of the log of the share spent.
    value_terms : array (C,)
        Coefficients of the value.
    rivals : callable, optional
        Shares (..., N) of all at log capital (..., N), if the others do not follow the polynomial.
    iterations : int
        Number of iterations.
    residual : float
        Largest change of the log share at the nodes in the last iteration.
    converged : bool
        Whether the residual came below the tolerance.
    """

    economy: CapitalMarket
    center: float
    spread: float
    powers: np.ndarray
    policy_terms: np.ndarray
    value_terms: np.ndarray
    rivals: Any
    iterations: int
    residual: float
    converged: bool

    def policy(self, x, z=None):
        """Shares (..., N, 1) at log capital `x` (..., N)."""
        x = np.asarray(x)[..., : self.economy.N]
        own = np.exp(self._terms(x, 0) @ self.policy_terms)
        if self.rivals is not None:
            others = self.rivals(x)[..., 1:]
            s = np.concatenate([own[..., None], others], -1)
        else:
            s = np.stack(
                [np.exp(self._terms(x, i) @ self.policy_terms) for i in range(self.economy.N)], -1
            )
        return np.clip(s, self.economy.low, self.economy.high)[..., None]

    def value(self, x):
        """Value (...) of household 1 at log capital `x` (..., N)."""
        return self._terms(np.asarray(x), 0) @ self.value_terms

    def steady_state(self):
        """Capital of each household where all have the same and keep it.

        Raises
        ------
        ValueError
            If there is none in the box.
        """
        e = self.economy

        def gap(log_k):
            return np.log(self.policy(np.full(e.N, log_k))[0, 0] / share(e, np.exp(log_k)))

        low, high = (np.log(self.center) + d * self.spread for d in (-1, 1))
        right = "such that the box holds a steady state of all households"
        require(center=(self.center, gap(low) >= 0 >= gap(high), right))
        return float(np.exp(brentq(gap, low, high, xtol=1e-13)))

    def _terms(self, x, i):
        return _terms(x, i, np.log(self.center), self.spread, self.powers)


def markov_perfect(economy, degree=4, *, center=None, spread=0.25, seed=0, tol=1e-10, max_iter=300):
    """Find a symmetric Markov-perfect equilibrium by policy iteration.

    Parameters
    ----------
    economy : CapitalMarket
        Without shocks, productivity being 1.
    degree : int
        Of the polynomials.
    center : float, optional
        Middle of the box; by default the steady state of `static`.
    spread : float
        Half width of the box, in logs.
    seed : int
        Of the nodes.
    tol : float
        Largest change of the log share at which the iteration stops.
    max_iter : int
        Most iterations.

    Returns
    -------
    Symmetric
        Whose `converged` says whether the tolerance was met; a warning says so if it was not.

    Raises
    ------
    ValueError
        If an argument is out of range, or the economy has shocks.
    """
    return _iterate(economy, None, degree, center, spread, seed, tol, max_iter)


def best_response(
    economy, policy, degree=6, *, center=None, spread=0.25, seed=0, tol=1e-9, max_iter=300
):
    """Find household 1's best response to what the others do.

    Parameters
    ----------
    economy : CapitalMarket
        Without shocks, productivity being 1.
    policy : callable
        Log capital (..., N) to the shares (..., N) or (..., N, 1) of all households, of which that
        of household 1 is not used.  With three households and more it must be symmetric, since the
        value is approximated by polynomials that are.
    degree, center, spread, seed, tol, max_iter
        As of `markov_perfect`.

    Returns
    -------
    Symmetric
        Policy and value of household 1; the others' shares are those of `policy`.

    Raises
    ------
    ValueError
        If an argument is out of range, the economy has shocks, or `policy` returns something else
        than shares of this shape.
    """
    require(policy=(policy, callable(policy), "a function of log capital"))

    def shares(x):
        s = np.asarray(policy(x), dtype=float)
        s = s[..., 0] if s.ndim == x.ndim + 1 else s
        right = s.shape == x.shape and bool(((0 < s) & (s < 1)).all())
        require(policy=(f"shape {s.shape}", right, f"shares in (0, 1) of shape {x.shape}"))
        return s

    return _iterate(economy, shares, degree, center, spread, seed, tol, max_iter)


class Gap(NamedTuple):
    """What household 1 would gain by a best response from one first state.

    Attributes
    ----------
    gain : float
        As a share of consumption for ever.
    own, best : float
        Discounted utility of its own policy and of the best response.
    """

    gain: float
    own: float
    best: float


def gap(economy, policy, k, *, periods=1_500, **options):
    """Find what household 1 gains by a best response to `policy`, along exact paths.

    Both policies are followed from the same capital, so that no error of an approximated value is
    left: the path of an approximate best response bounds the gain from below.

    Parameters
    ----------
    economy : CapitalMarket
        Without shocks, productivity being 1.
    policy : callable
        As of `best_response`; here household 1's share counts too.
    k : float or array_like (N,)
        Capital at the beginning.
    periods : int
        Length of the path.
    **options
        Of `best_response`.

    Returns
    -------
    Gap
    """
    found = best_response(economy, policy, **options)
    x = np.log(np.broadcast_to(np.asarray(k, dtype=float), (economy.N,)))
    shares, i = found.rivals, np.zeros((periods, 1), dtype=int)
    own = path_value(economy, lambda x, z: shares(x)[..., None], x, i)
    best = path_value(economy, found.policy, x, i)
    return Gap(float(np.expm1((1 - economy.β) * (best - own))), own, best)


def _iterate(economy, rivals, degree, center, spread, seed, tol, max_iter):
    """Policy iteration; the others follow `rivals`, or the policy of household 1."""
    e, none = economy, "without shocks, with productivity 1, sees='everything'"
    certain = e.exo.values.tolist() == [[1.0]] and not e.exo.n and e.sees == "everything"
    require(
        economy=(type(e).__name__, isinstance(e, CapitalMarket) and certain, none),
        degree=(degree, whole(degree, 1, 20), "an integer in 1, ..., 20"),
        center=(center, center is None or 0 < number(center) < np.inf, "positive"),
        spread=(spread, 0 < number(spread) <= 2, "in (0, 2]"),
        seed=(seed, whole(seed, 0, 2**64), "an integer >= 0"),
        **stopping(tol, max_iter),
    )
    center = static(e) if center is None else float(center)
    at, powers = np.log(center), _powers(int(degree), e.N)
    rng = np.random.default_rng(int(seed))
    x = at + spread * rng.uniform(-1, 1, (NODES * len(powers), e.N))
    z = e.exo.shocks(np.zeros((len(x), 1), dtype=int))
    Φ = [_terms(x, i, at, spread, powers) for i in range(e.N if rivals is None else 1)]
    given = None if rivals is None else rivals(x)
    θ = np.zeros(len(powers))
    θ[0] = np.log(share(e, center))
    φ, residual, n = 0 * θ, np.inf, 0

    def future(x1):
        return _terms(x1, 0, at, spread, powers)

    while residual > tol and n < max_iter:
        n += 1
        own = np.clip(np.exp(Φ[0] @ θ), e.low, e.high)
        if given is None:
            s = np.exp(np.stack([f @ θ for f in Φ], -1)).clip(e.low, e.high)
        else:
            s = np.concatenate([own[:, None], given[:, 1:]], -1)
        x1, r = e.step(x, z, s[..., None])
        φ = np.linalg.lstsq(Φ[0] - e.β * future(x1), r[:, 0], rcond=None)[0]
        best = _improve(e, x, z, s, lambda x1, φ=φ: future(x1) @ φ)
        step = np.linalg.lstsq(Φ[0], np.log(best), rcond=None)[0] - θ
        θ = θ + (0.5 if given is None else 1.0) * step
        residual = float(np.abs(Φ[0] @ step).max())
    if residual > tol:
        warnings.warn(
            f"policy iteration stopped after {n} iterations with a change of {residual:.1e}, "
            f"above tol={tol}",
            RuntimeWarning,
            stacklevel=3,
        )
    return Symmetric(e, center, float(spread), powers, θ, φ, rivals, n, residual, residual <= tol)


def _improve(economy, x, z, s, value, steps=8):
    """Household 1's best share (B,) against the others' in `s` (B, N), by Newton steps in its log.

    The slope of log c + β V(k') comes from an imaginary step, its slope from two of these.
    """

    def slope(log_s):
        own = np.exp(log_s + 1j * STEP)
        a = np.concatenate([own[:, None], s[:, 1:]], -1)[..., None]
        x1, r = economy.step(x, z, a)
        return (r[:, 0] + economy.β * value(x1)).imag / STEP

    low, high, h = np.log(economy.low), np.log(economy.high), 1e-5
    at = np.log(s[:, 0])
    for _ in range(steps):
        f = slope(at)
        curvature = np.minimum((slope(at + h) - slope(at - h)) / (2 * h), -1e-3)
        move = np.clip(-f / curvature, -0.3, 0.3)
        at = np.clip(at + move, low, high)
        if np.abs(move).max() < 1e-12:
            break
    return np.exp(at)


def _powers(degree, N):
    """Exponents (C, 1 + P) of z_i, e_1, ..., e_P in each term, where e_p counts p."""
    weights = (1, *range(1, min(degree, N - 1) + 1))
    ranges = [range(degree // w + 1) for w in weights]
    return np.array([b for b in product(*ranges) if np.dot(b, weights) <= degree])


def _terms(x, i, at, spread, powers):
    """Terms (..., C) of the polynomials of household `i` at log capital `x` (..., N)."""
    z = (x - at) / spread
    own, others = z[..., i], np.delete(z, i, -1)
    parts = [own, *((others**p).mean(-1) for p in range(1, powers.shape[1]))]
    found = 1.0
    for v, b in zip(parts, powers.T, strict=True):
        found = found * v[..., None] ** b
    return found
