r"""Logit demand of any number of firms, for every economy and solution that has it."""

import numpy as np

from marketsai_lite.economy import like, namespace


def logit_demand(p, a, a0, μ):
    r"""Probability that a consumer buys from each of n firms.

    .. math:: q_i(p) = \frac{e^{u_i/\mu}}{\sum_j e^{u_j/\mu} + 1}, \qquad u_i = a_i - a_0 - p_i .

    The largest of the u and 0 is subtracted from all of them first, so that no exponential
    overflows, whatever :math:`\mu`.

    Parameters
    ----------
    p : (..., n)
        Prices, of NumPy or PyTorch.
    a : float or array_like (n,)
        Qualities of the goods.
    a0 : float or (..., 1)
        Value of the outside good.
    μ : float
        Taste dispersion, positive.

    Returns
    -------
    (..., n)
    """
    xp = namespace(p)
    if xp is np or namespace(a) is np:
        a = like(np.asarray(a, dtype=float), p)
    u = a - a0 - p
    top = xp.clip(xp.amax(u, -1)[..., None], 0.0, None)
    e = xp.exp((u - top) / μ)
    return e / (e.sum(-1)[..., None] + xp.exp(-top / μ))
