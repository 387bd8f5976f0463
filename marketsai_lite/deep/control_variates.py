r"""Control variates: what the shocks explain is subtracted from TD errors.

A TD error is mostly luck, that is, shocks: good news moves the value far more than one action does.
The shocks' innovations ν, what :math:`z_{t+1}` holds beyond its regression on :math:`z_t`, are news
that no action influenced.  Least squares finds the slopes h, and δ - h·ν has the same mean in every
state but far less variance, up to an error in h of the order of the number of shocks over the
number of rows.  A trader would say that the agent hedges.

This holds where the conditional mean of the shocks is linear in them, as for independent chains of
two states and for Rouwenhorst's; otherwise what is added to δ depends on the shocks alone, which
favors no action.  The shocks need not be among what the agent observes.

Each agent's errors are regressed on the aggregate shocks, on its own, and on the mean of all own
shocks, so that the cost does not grow with the square of the number of agents.  A single agent that
governs a few units uses the shock of each.

References
----------
White and Bowling (2009), "Learning a value analysis tool for agent evaluation", and before them
Zinkevich et al. (2006) and Billings and Kan (2006), for subtracting luck; Mao et al. (2019) for
baselines that depend on an exogenous input.
"""

from typing import NamedTuple

import torch

FEW = 32  # own shocks of a single agent that are used one by one; of more, only the mean


class News(NamedTuple):
    """Shocks as control variates use them.

    Attributes
    ----------
    common : tensor (..., k)
        Aggregate shocks, and own ones or their mean.
    own : tensor (..., units, de)
        Those of the first agents; de = 0 where there are none.
    """

    common: torch.Tensor
    own: torch.Tensor


def news(shocks, n):
    """Return the `News` of n agents in `shocks`, aggregate (..., dz) and own (..., units, de)."""
    z, e = shocks
    units, de = e.shape[-2:]
    none = z.new_zeros(()).expand(*z.shape[:-1], n, 0)
    if n == 1 and units * de <= FEW:
        return News(torch.cat([z, e.flatten(-2)], -1), none)
    common = torch.cat([z, e.mean(-2)], -1) if units else z
    if n == 1 or not units:
        return News(common, none)
    return News(common, e)


def count(batch):
    """Number of columns of the `News.common` of a batch."""
    nowhere = torch.zeros((1, batch.exo.width), dtype=torch.int64, device=batch.device)
    return news(batch.exo.shocks(nowhere), batch.terms.n).common.shape[-1]


def residual(y, x):
    """What least squares on `x` (B, k) leaves of `y` (B, l); a column of zeros explains nothing.

    What keeps it stable is a millionth of the mean square of the columns, the constant of
    `innovation` among them, so that shocks want a unit in which they are not small beside 1.  Of
    what is to be expected of a shock, a share of 0.5% stays in its innovation at a standard
    deviation of .01, 2% at .005 and a third at .001; more where its mean is not zero.
    """
    gram = x.T @ x
    gram.diagonal().add_(1e-6 * gram.diagonal().mean() + 1e-12)
    return y - x @ torch.linalg.solve(gram, x.T @ y)


def innovation(z_tp1, z_t):
    """What the shocks `z_tp1` (B, k) hold beyond their regression on the shocks `z_t`."""
    return residual(z_tp1, torch.cat([torch.ones_like(z_t[:, :1]), z_t], -1))


def hedged(δ_t, z_t, z_tp1):
    """TD errors without the part that the shocks explain.

    Parameters
    ----------
    δ_t : (B, n)
        Errors of n agents over some periods.
    z_t, z_tp1 : News of (periods, B, ...)
        Shocks at the beginning and at the end of each.

    Returns
    -------
    (B, n)
    """
    periods = list(zip(z_t.common, z_tp1.common, strict=True))
    ν = torch.cat([innovation(z1, z) for z, z1 in periods], 1)
    left = residual(δ_t, ν)
    for e, e1 in zip(z_t.own, z_tp1.own, strict=True):
        for j in range(e.shape[-1]):
            units = e.shape[1]
            own, rest = left[:, :units], left[:, units:]
            own = without_own(own, e[..., j], e1[..., j], ν)
            left = torch.cat([own, rest], 1)
    return left


def without_own(δ_t, e_t, e_tp1, ν):
    """Errors (B, units) without what each agent's own shock explains, beside the news `ν`.

    The own shocks' chains are alike, so that one slope says what of them was to be expected.
    """
    e, e1 = e_t - e_t.mean(), e_tp1 - e_tp1.mean()
    surprise = residual(e1 - (e * e1).sum() / (e * e).sum().clamp(min=1e-12) * e, ν)
    surprise = surprise - surprise.mean(0)
    slope = (surprise * δ_t).sum(0) / (surprise * surprise).sum(0).clamp(min=1e-12)
    return δ_t - slope * surprise
