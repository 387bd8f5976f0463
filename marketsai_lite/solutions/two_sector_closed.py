"""What of two sectors is known in closed form: a period, the steady state, a special case.

The equations stand in `two_sector`, which solves what is left.
"""

from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economy import Shocks
from marketsai_lite.require import number, require


class Period(NamedTuple):
    """What happens in a period, arrays of one shape; prices in units of the consumption good.

    Attributes
    ----------
    K, κ : array
        Capital, and the share of it in investment; 0 with land.
    N, N_c, N_i : array
        Hours, and those in each sector.
    C, I : array
        Consumption and investment.
    p, w, r : array
        Price of capital goods, wage, rent of capital.
    rent : array
        What the land earns, 0 without.
    profit : array
        Of all firms.
    """

    K: Any
    κ: Any
    N: Any
    N_c: Any
    N_i: Any
    C: Any
    I: Any  # noqa: E741
    p: Any
    w: Any
    r: Any
    rent: Any
    profit: Any


def period(plan, K, t, z=None, φ=1.0):
    """Everything that hours in investment per hour in consumption settle.

    Parameters
    ----------
    plan : TwoSector
    K, t : array
        Capital and that ratio.
    z : array (..., 2), optional
        Productivities; by default their means.
    φ : float
        Share of its marginal product that a factor earns.

    Returns
    -------
    Period
    """
    z = plan.exo.values.mean(0) if z is None else z
    α_c, α_i, ψ, z_c, z_i = plan.α_c, plan.α_i, plan.ψ, z[..., 0], z[..., 1]
    κ = 0 * t * K if plan.land else 1 / (1 + 1 / (t * plan.intensity)) + 0 * K
    K_c = (1 - κ) * K
    if plan.utility == "log":
        earned = φ * (1 - α_c) * (1 + t)
        N = plan.time * earned / (ψ + earned) + 0 * K
    else:
        N = φ * (1 - α_c) * z_c * (K_c * (1 + t)) ** α_c / ψ
        N = N ** (1 / (plan.η + α_c))
    N_c, N_i = N / (1 + t), N * t / (1 + t)
    shocks = Shocks(np.stack(np.broadcast_arrays(z_c, z_i), -1), None)
    Y_c, Y_i = plan.produce(shocks, K_c, N_c, 1.0 if plan.land else κ * K, N_i)
    w = φ * (1 - α_c) * Y_c / N_c
    p = w * N_i / (φ * (1 - α_i) * Y_i)
    rent = φ * α_i * p * Y_i if plan.land else 0 * p
    profit = (1 - φ) * (Y_c + p * Y_i)
    return Period(K, κ, N, N_c, N_i, Y_c, Y_i, p, w, φ * α_c * Y_c / K_c, rent, profit)


def steady(plan, φ=1.0):
    """Steady state in closed form, at the means of the shocks.

    Parameters
    ----------
    plan : TwoSector
    φ : float
        Share of its marginal product that a factor earns: 1 for the plan and competition, 1 - 1/F
        with F firms in each sector.

    Returns
    -------
    Period
    """
    rest = plan.rest(φ)
    return period(plan, np.array(rest.K), np.array(rest.t), φ=φ)


class Closed(NamedTuple):
    """Log utility, capital that lasts one period: nothing moves but what the shocks do.

    Attributes
    ----------
    N, ν, κ : float
        Hours, and the shares of hours and of capital in investment.
    invested : float
        Share of spending on capital goods.
    """

    N: float
    ν: float
    κ: float
    invested: float


def closed_form(plan, φ=1.0):
    r"""Plan, competition or oligopoly for every process of the shocks, if δ = 1 and utility is log.

    With :math:`\kappa = \beta \varphi \alpha_i` (0 with land) and the share of spending X,

    .. math:: X = \frac{\beta \varphi \alpha_c}{1 - \beta \varphi (\alpha_i - \alpha_c)}, \qquad
              N = T \frac{L}{\psi + L}, \qquad
              L = \varphi\, \frac{(1 - \alpha_c)(1 - X) + (1 - \alpha_i) X}{1 - X} .

    With land capital earns nothing in investment, and :math:`X / (1 - X) = \beta \varphi \alpha_c`.

    Parameters
    ----------
    plan : TwoSector
    φ : float
        As of `steady`.

    Returns
    -------
    Closed

    Raises
    ------
    ValueError
        If δ is not 1, or utility not "log".
    """
    require(
        δ=(plan.δ, plan.δ == 1, "1 for the closed form"),
        utility=(plan.utility, plan.utility == "log", "'log' for the closed form"),
        φ=(φ, 0 < number(φ) <= 1, "in (0, 1]"),
    )
    α_c, α_i, β = plan.α_c, plan.α_i, plan.β
    X = β * φ * α_c
    X = X / (1 + X) if plan.land else X / (1 - β * φ * (α_i - α_c))
    wages = (1 - α_c) * (1 - X) + (1 - α_i) * X
    L = φ * wages / (1 - X)
    κ = 0.0 if plan.land else β * φ * α_i
    return Closed(plan.time * L / (plan.ψ + L), (1 - α_i) * X / wages, κ, X)
