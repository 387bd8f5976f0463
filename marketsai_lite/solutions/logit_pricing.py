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
from scipy.special import logsumexp, softmax, wrightomega

Vector = Sequence[float] | np.ndarray


def demand(p: np.ndarray, a: Vector, *, a0: float = 0.0, μ: float = 0.25) -> np.ndarray:
    """Market shares at prices `p`, shape (..., n)."""
    u = (np.asarray(a) - p) / μ
    outside = np.full((*u.shape[:-1], 1), a0 / μ)
    return softmax(np.concatenate([u, outside], axis=-1), axis=-1)[..., :-1]


def profits(p: np.ndarray, a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25) -> np.ndarray:
    """Profits (p - c) q at prices `p`, shape (..., n)."""
    return (p - np.asarray(c)) * demand(p, a, a0=a0, μ=μ)


def best_response(
    p: np.ndarray, a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25
) -> np.ndarray:
    """Each firm's best price against the others' in `p`, shape (n,)."""
    a, c, p = np.asarray(a), np.asarray(c), np.asarray(p)
    rivals = np.where(np.eye(len(p), dtype=bool), a0, a - p)  # the outside good in i's own place
    return c + _markup(a - c - μ * logsumexp(rivals / μ, axis=1), μ)


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
        Largest step at which the iteration stops.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        If an argument is out of range, or the iteration stops short.
    """
    a, c = _firms(a, c, a0, μ)
    p = monopoly_prices(a, c, a0=a0, μ=μ)
    for _ in range(100_000):
        p, last = best_response(p, a, c, a0=a0, μ=μ), p
        if np.abs(p - last).max() <= tol:
            return p
    raise ValueError(f"tol = {tol}; permitted: what 100,000 iterations reach")


def monopoly_prices(a: Vector, c: Vector, *, a0: float = 0.0, μ: float = 0.25) -> np.ndarray:
    """Prices that maximize the sum of profits: cost plus one common markup, in closed form.

    Parameters and errors as in `nash_prices`.
    """
    a, c = _firms(a, c, a0, μ)
    return c + _markup(μ * logsumexp((a - c) / μ) - a0, μ)


def price_grid(nash: Vector, monopoly: Vector, *, m: int = 15, ξ: float = 0.1) -> np.ndarray:
    """Each firm's m prices, from ξ of the gap below Nash to ξ of the gap above monopoly.

    Returns
    -------
    ndarray, shape (n, m)
    """
    if m < 2:
        raise ValueError(f"m = {m}; permitted: 2 or more")
    gap = ξ * (np.asarray(monopoly) - nash)
    return np.linspace(nash - gap, monopoly + gap, m, axis=1)


def _markup(v: np.ndarray, μ: float) -> np.ndarray:
    """Return μ [1 + W(e^(v/μ - 1))]; Wright's ω(x) is W(e^x), without overflow."""
    return μ * (1 + wrightomega(v / μ - 1))


def _firms(a: Vector, c: Vector, a0: float, μ: float) -> tuple[np.ndarray, np.ndarray]:
    a, c = np.asarray(a, dtype=float), np.asarray(c, dtype=float)
    if a.ndim != 1 or a.shape != c.shape or not a.size:
        raise ValueError(f"a, c have shapes {a.shape}, {c.shape}; permitted: both (n,), n >= 1")
    for name, value in (("a", a), ("c", c), ("a0", a0)):
        if not np.isfinite(value).all():
            raise ValueError(f"{name} = {value}; permitted: finite numbers")
    if not 0 < μ < np.inf:
        raise ValueError(f"μ = {μ}; permitted: positive, finite")
    return a, c
