r"""Equilibria of exchange: prices that clear all markets at once, and trading posts.

In an exchange economy agent i owns :math:`e_i`, a vector of goods, and buys :math:`x_i(p)` at
prices p.  Excess demand is :math:`z(p) = \sum_i (x_i(p) - e_i)`; it depends on relative prices
alone, and since everybody spends what it owns, :math:`p \cdot z(p) = 0` at all p (Walras' law).
Prices clear where :math:`z(p) = 0`.  The first good is the numeraire, and its price is 1.

References
----------
Scarf, H. (1960): Some examples of global instability of the competitive equilibrium, International
Economic Review 1(3).
Shapley, L. S. and M. Shubik (1977): Trade using one commodity as a means of payment, Journal of
Political Economy 85(5).
"""

import warnings
from typing import NamedTuple

import numpy as np

from marketsai_lite.economy import stationary
from marketsai_lite.require import array, number, probabilities, require, stopping, whole

LEAST, MOST = 1e-90, 1e90  # sizes whose products and ratios are numbers of this machine
SIZES = f"between {LEAST} and {MOST}"


class Cleared(NamedTuple):
    """Prices at which markets clear.

    Attributes
    ----------
    prices : array (G,)
        Of each good, in units of the first.
    residual : float
        Largest excess demand, as a share of what there is of the good.
    path : array (steps + 1, G)
        Prices from the first guess on, after each Newton step.
    converged : bool
        Whether the residual is at most the tolerance.
    """

    prices: np.ndarray
    residual: float
    path: np.ndarray
    converged: bool


class Post(NamedTuple):
    """An equilibrium of a trading post.

    Attributes
    ----------
    offer : float
        Units of the good that each seller offers.
    bid : float
        Units of money that each buyer bids.
    price : float
        Money per unit of the good.
    """

    offer: float
    bid: float
    price: float


def cobb_douglas(p, α, e):
    r"""Return what agents buy who spend the shares α of their wealth on the goods.

    They are :math:`\alpha_{ig}\, (p e_i) / p_g`, the best that wealth buys where utility is
    :math:`\sum_g \alpha_{ig} \log x_{ig}`.

    Parameters
    ----------
    p : array_like (G,)
        Positive prices.
    α : array_like (n, G)
        Weights of the goods in the logarithm of utility; each row sums to 1.
    e : array_like (n, G)
        What each agent owns, non-negative.

    Returns
    -------
    array (n, G)

    Raises
    ------
    ValueError
        If a price is not positive, a row of α does not sum to 1, e is negative or shapes differ.
    """
    α, e = _shares(α, e)
    p = _prices(p, e)
    return α * (e @ p)[:, None] / p


def leontief(p, a, e):
    r"""Return what agents buy who want goods in the fixed proportions a.

    Agent i has utility :math:`\min_g x_{ig} / a_{ig}` over the goods with :math:`a_{ig} > 0`, and
    buys :math:`a_i` as often as its wealth permits: :math:`x_i = a_i\, (p e_i) / (p a_i)`.

    Parameters
    ----------
    p, e
        As of `cobb_douglas`.
    a : array_like (n, G)
        Proportions, non-negative, in each row at least one positive.

    Returns
    -------
    array (n, G)

    Raises
    ------
    ValueError
        If a price is not positive, a or e is negative, or shapes differ.
    """
    a, e = array("a", a), _endowments(e)
    right = a.shape == e.shape and bool((_sized(a) | (a == 0)).all() and (a > 0).any(-1).all())
    require(a=(a, right, f"of the shape {e.shape} of e, 0 or {SIZES}, no row of zeros"))
    p = _prices(p, e)
    return a * (e @ p / (a @ p))[:, None]


def scarf():
    """Return proportions and endowments (3, 3) of Scarf's (1960) economy.

    Agent i owns a unit of good i and wants it and the next good, one of each.  All prices are equal
    in the only equilibrium.
    """
    e = np.eye(3)
    return e + np.roll(e, 1, axis=1), e


def perron(α, e):
    r"""Return the prices that clear a Cobb-Douglas economy, as an eigenvector.

    What is spent on good g, :math:`\sum_i \alpha_{ig} \sum_h p_h e_{ih}`, is :math:`p_g E_g`, with
    E what there is in all.  So the values :math:`v_g = p_g E_g` satisfy :math:`v = v P` with
    :math:`P_{hg} = \sum_i (e_{ih} / E_h) \alpha_{ig}`: of the money that good h earns, its owners
    spend the part :math:`P_{hg}` on good g.  P is a stochastic matrix, and v its stationary
    distribution, the Perron vector.

    Parameters
    ----------
    α, e
        As of `cobb_douglas`, with something of each good.

    Returns
    -------
    array (G,)
        Prices, that of the first good 1.

    Raises
    ------
    ValueError
        If arguments are wrong, or if those who own some of the goods want none of the others, so
        that no positive prices clear all markets, or many do.
    """
    α, e = _shares(α, e)
    E = e.sum(0)
    require(e=(e, bool((E > 0).all()), "positive in sum for every good"))
    P = (e / E).T @ α
    reached = np.eye(len(E)) + P > 0
    for _ in range(len(E)):
        reached = reached @ reached
    cure = "such that owners of some goods alone always want another: else prices are not unique"
    require(α=(α, bool(reached.all()), cure))
    p = stationary(P) / E
    right = bool((p > 0).all() and np.isfinite(p / p[0]).all())
    require(α=(α, right, "such that prices are positive, finite numbers of this machine"))
    return p / p[0]


def excess(demand, p, e):
    """Return excess demand (G,) at prices `p` (G,): all that `demand(p)` (n, G) asks for less e."""
    e = _endowments(e)
    return demand(_prices(p, e)).sum(0) - e.sum(0)


def walrasian(demand, e, p0=None, *, tol=1e-12, max_iter=100):
    """Find prices that clear all markets at once, by Newton's method.

    The unknowns are logarithms of all prices but that of the numeraire; by Walras' law its market
    clears when the others do.  A step that does not lower their excess demand is halved until it
    does.

    Parameters
    ----------
    demand : callable
        Prices (G,) to what each agent buys (n, G), spending what it owns.
    e : array_like (n, G)
        What each agent owns.
    p0 : array_like (G,), optional
        First guess; default: all prices are 1.
    tol : float
        Largest excess demand, as a share of what there is.
    max_iter : int
        Largest number of Newton steps.

    Returns
    -------
    Cleared
        It warns where it stops short.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    e = _endowments(e)
    require(e=(e, bool((e.sum(0) > 0).all()), "positive in sum for every good"),
            **stopping(tol, max_iter))  # fmt: skip
    p0 = _prices(np.ones(e.shape[1]) if p0 is None else p0, e)
    E, y = e.sum(0), np.log(p0[1:] / p0[0])
    path = [p0 / p0[0]]

    def gaps(y):
        return demand(np.exp(np.append(0.0, y))).sum(0) / E - 1

    z = gaps(y)
    while abs(z).max() > tol and len(path) <= max_iter:
        J = np.stack([(gaps(y + d) - gaps(y - d))[1:] / 2e-6 for d in 1e-6 * np.eye(len(y))], 1)
        Δ = np.linalg.lstsq(J, -z[1:], rcond=None)[0]
        Δ /= max(1.0, abs(Δ).max())  # no price more than triples in a step
        shrink = next((s for s in 0.5 ** np.arange(30) if _size(gaps(y + s * Δ)) < _size(z)), None)
        if shrink is None:
            break
        y = y + shrink * Δ
        z = gaps(y)
        path.append(np.exp(np.append(0.0, y)))
    residual = float(abs(z).max())
    if residual > tol:
        steps = len(path) - 1
        warnings.warn(f"markets do not clear: residual {residual:.1e} after {steps} steps",
                      stacklevel=2)  # fmt: skip
    return Cleared(path[-1], residual, np.array(path), residual <= tol)


def tâtonnement(demand, e, p0, step, T):
    r"""Let every price move by its own excess demand, :math:`p_{t+1} = p_t + s\, z(p_t)`.

    No price falls below :math:`10^{-9}`.

    Parameters
    ----------
    demand, e
        As of `walrasian`.
    p0 : array_like (G,)
        First prices.
    step : float
        Size s of the steps, positive.
    T : int
        Number of steps, at least 0.

    Returns
    -------
    array (T + 1, G)
        The path of prices.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    e = _endowments(e)
    path = [_prices(p0, e)]
    require(
        step=(step, 0 < number(step) < np.inf, "positive"),
        T=(T, whole(T, 0), "an integer, 0 or more"),
    )
    for _ in range(int(T)):
        z = demand(path[-1]).sum(0) - e.sum(0)
        path.append(np.maximum(path[-1] + step * z, 1e-9))
    return np.array(path)


def trading_post(n, m, α=0.5):
    r"""Return the equilibrium of a trading post whose two sides know their influence on the price.

    Each of n sellers owns a unit of a good, each of m buyers a unit of money, and all have utility
    :math:`\alpha \log(\text{good}) + (1 - \alpha) \log(\text{money})`.  A seller offers
    :math:`(1-\alpha)(n-1)/(n-1+\alpha)` and a buyer bids :math:`\alpha(m-1)/(m-\alpha)`, whatever
    the other side does; price takers would offer :math:`1-\alpha` and bid :math:`\alpha`.

    Parameters
    ----------
    n, m : int
        Sellers and buyers, at least 2 each: one alone would want to offer next to nothing.
    α : float
        Weight of the good, in (0, 1).

    Returns
    -------
    Post

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    require(
        n=(n, whole(n, 2), "an integer >= 2"),
        m=(m, whole(m, 2), "an integer >= 2"),
        α=(α, 0 < number(α) < 1, "in (0, 1)"),
    )
    n, m, α = int(n), int(m), float(α)
    q = (1 - α) * (n - 1) / (n - 1 + α)
    b = α * (m - 1) / (m - α)
    return Post(q, b, m * b / (n * q))


def _sized(x):
    return (x >= LEAST) & (x <= MOST)


def _endowments(e):
    e = array("e", e)
    right = e.ndim == 2 and e.size > 0 and bool((_sized(e) | (e == 0)).all())
    require(e=(e, right, f"a non-negative array (agents, goods), each entry 0 or {SIZES}"))
    return e


def _shares(α, e):
    α, e = probabilities("α", α), _endowments(e)
    require(α=(α, α.shape == e.shape, f"of the shape {e.shape} of e"))
    return α, e


def _prices(p, e):
    p = array("p", p)
    right = p.shape == e.shape[1:] and bool(_sized(p).all())
    require(p=(p, right, f"{e.shape[1]} positive prices, {SIZES}"))
    return p


def _size(z):
    """Size of all excess demands but the numeraire's, which Newton's step leaves out."""
    return float(z[1:] @ z[1:])
