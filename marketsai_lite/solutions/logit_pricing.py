r"""Price competition with logit demand: Nash and joint-monopoly prices of n firms.

Firm i sells a good of quality :math:`a_i` at cost :math:`c_i` and price :math:`p_i`; a buyer may
take an outside good of quality :math:`a_0`.  With :math:`\mu` the differentiation of the goods,

.. math::
    q_i(p) = \frac{e^{(a_i - p_i)/\mu}}{\sum_j e^{(a_j - p_j)/\mu} + e^{a_0/\mu}}, \qquad
    \pi_i(p) = (p_i - c_i)\, q_i(p) .

Against given rivals a firm's markup solves :math:`p_i - c_i = \mu/(1 - q_i)`; a joint monopolist
sets the common markup :math:`\mu/(1 - \sum_j q_j)`.  Both have the solution
:math:`\mu [1 + W(e^{v/\mu - 1})]` with Lambert's W, where v is the value of the seller's goods at
cost less that of what else there is to buy.  With one firm, both are the static monopolist.

References
----------
Anderson, S., A. de Palma and J.-F. Thisse (1992): Discrete Choice Theory of Product
Differentiation, MIT Press, chapter 7.
Calvano, E., G. Calzolari, V. Denicolò and S. Pastorello (2020): Artificial intelligence,
algorithmic pricing, and collusion, American Economic Review 110(10).
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp, wrightomega

from marketsai_lite.economies.logit import logit_demand
from marketsai_lite.require import array, number, require, whole

Vector = Sequence[float] | np.ndarray


def demand(p: np.ndarray, a: Vector, *, a0: float = 0.0, μ: float = 0.25) -> np.ndarray:
    """Market shares at prices `p`, shape (..., n).

    Errors as in `nash_prices`.
    """
    p, a, _ = _market(p, a, None, a0, μ)
    return logit_demand(p, a, a0, μ)


def profits(p: np.ndarray, a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25) -> np.ndarray:
    """Profits (p - c) q at prices `p`, shape (..., n).

    Errors as in `nash_prices`.
    """
    p, a, c = _market(p, a, c, a0, μ)
    return (p - c) * logit_demand(p, a, a0, μ)


def best_response(
    p: np.ndarray, a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25
) -> np.ndarray:
    """Each firm's best price against the others' in `p`, shape (n,).

    Errors as in `nash_prices`.
    """
    p, a, c = _market(p, a, c, a0, μ)
    require(**{"p.shape": (p.shape, p.ndim == 1, a.shape)})
    rivals = np.where(np.eye(len(p), dtype=bool), a0, a - p)  # the outside good in i's own place
    return c + _markup(a - c - _inclusive(rivals, μ), μ)


def nash_prices(
    a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25, tol: float = 1e-13
) -> np.ndarray:
    r"""Bertrand-Nash prices, the fixed point of the best response.

    The best response is a contraction in the sup norm: at its fixed point the derivative of firm
    i's best price with respect to :math:`p_j` is :math:`q_i q_j/(1 - q_i)`, and these sum to less
    than :math:`q_i` over the rivals j.

    Parameters
    ----------
    a, c : vectors, shape (n,)
        Qualities and marginal costs.
    a0 : float
        Quality of the outside good.
    μ : float > 0
    tol : float > 0
        Largest step at which the iteration stops; a step within rounding errors always ends it.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If an argument is out of range, or the iteration stops short.
    """
    require(tol=(tol, 0 < number(tol) < np.inf, "a positive number"))
    _, a, c = _market(a, a, c, a0, μ)
    p = c + μ  # no price is lower: from above, each round would undercut by little more than μ
    for _ in range(20_000):
        p, last = best_response(p, a, c, a0=a0, μ=μ), p
        if np.abs(p - last).max() <= max(tol, 4 * np.spacing(np.abs(p).max())):
            return p
    raise ValueError(f"tol={tol!r}: must be what 20,000 iterations reach")


def monopoly_prices(a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25) -> np.ndarray:
    """Prices that maximize the sum of profits: cost plus one common markup, in closed form.

    Parameters and errors as in `nash_prices`.
    """
    _, a, c = _market(a, a, c, a0, μ)
    return c + _markup(_inclusive(a - c, μ) - a0, μ)


def price_grid(nash: Vector, monopoly: Vector, *, m: int = 15, ξ: float = 0.1) -> np.ndarray:
    """Each firm's m prices, from ξ of the gap below Nash to ξ of the gap above monopoly.

    Returns
    -------
    ndarray, shape (n, m)

    Raises
    ------
    ValueError
        If shapes differ, m is no integer >= 2, ξ not above -1/2, or a price is not finite.
    """
    nash, monopoly = array("nash", nash), array("monopoly", monopoly)
    n = nash.shape
    require(
        nash=(nash, nash.ndim == 1 and nash.size and np.isfinite(nash).all(), "finite, (n,)"),
        monopoly=(monopoly, monopoly.shape == n and np.isfinite(monopoly).all(), f"finite, {n}"),
        m=(m, whole(m, 2), "an integer >= 2"),
        ξ=(ξ, -0.5 < number(ξ) < np.inf, "in (-1/2, inf)"),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        gap = ξ * (monopoly - nash)
        grid = np.linspace(nash - gap, monopoly + gap, int(m), axis=1)
    require(monopoly=(monopoly, np.isfinite(grid).all(), f"near enough to nash={nash} for ξ={ξ!r}"))
    return grid


def _inclusive(u: np.ndarray, μ: float) -> np.ndarray:
    """Return μ log Σ e^(u/μ) over the last axis, without overflow."""
    top = u.max(-1)
    return top + μ * logsumexp((u - top[..., None]) / μ, axis=-1)


def _markup(v: np.ndarray, μ: float) -> np.ndarray:
    """Return μ [1 + W(e^(v/μ - 1))]; Wright's ω(x) is W(e^x), and x itself to rounding at 1e18."""
    with np.errstate(over="ignore"):
        x = v / μ - 1
    return np.where(x < 1e18, μ * (1 + wrightomega(np.minimum(x, 1e18))), v)


def _market(p, a, c, a0, μ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check and return prices (..., n), qualities and costs (n,)."""
    a = array("a", a)
    c = np.zeros(a.shape) if c is None else array("c", c)
    p = array("p", p)
    require(a=(a, a.ndim == 1 and a.size > 0 and np.isfinite(a).all(), "finite, (n,), n >= 1"))
    require(
        c=(c, c.shape == a.shape and np.isfinite(c).all(), f"finite, of shape {a.shape}"),
        p=(p, p.shape[-1:] == a.shape and np.isfinite(p).all(), f"finite, (..., {len(a)})"),
        a0=(a0, np.isfinite(number(a0)), "a finite number"),
        μ=(μ, 0 < number(μ) < np.inf, "positive and finite"),
    )
    return p, a, c
