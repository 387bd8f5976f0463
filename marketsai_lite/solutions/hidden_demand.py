r"""What a monopolist with hidden demand can earn, by what it remembers.

Output :math:`q_t` earns :math:`(a + \theta_t - b q_t)\, q_t` on average.  With :math:`\hat\theta_t`
for the best guess of demand, the best output is :math:`(a + \hat\theta_t) / 2b` and earns

.. math:: \frac{a^2 + \mathrm{Var}\, \hat\theta_t}{4 b} .

So information is worth the variance of the guess that it permits, and nothing else.  A guess that
is linear in what was seen has a variance that depends on second moments alone; with normal shocks
the linear guess is the best of all, and it is the Kalman filter's: from the prior variance
:math:`P_0 = 1`,

.. math:: \hat\theta_{t+1} = \rho\, (\hat\theta_t + K_t (y_t - \hat\theta_t)), \qquad
   K_t = \frac{P_t}{P_t + R}, \qquad P_{t+1} = \rho^2 R K_t + 1 - \rho^2 .

Outputs are taken to be unbounded.  With the economy's own shocks, which are nearly normal,
`beliefs` is the best guess of all, by Bayes' rule on the chain.

References
----------
Kalman, R. E. (1960): A new approach to linear filtering and prediction problems, Journal of Basic
Engineering 82.
"""

import numpy as np

from marketsai_lite.economies.hidden_demand import binomial
from marketsai_lite.economy import ar1
from marketsai_lite.require import array, require, whole


def variances(economy, T):
    """Return the variances P_0, ..., P_T (T + 1,) of the Kalman filter's error, from the prior.

    Parameters
    ----------
    economy : HiddenDemand
    T : int
        Number of periods, at least 0.

    Raises
    ------
    ValueError
        If T is not a whole number.
    """
    require(T=(T, whole(T, 0), "an integer >= 0"))
    P = [1.0]
    for _ in range(int(T)):
        P.append(_next(economy, P[-1]))
    return np.array(P)


def limit_variance(economy):
    r"""Return the variance to which the filter's error settles.

    It is the positive root of :math:`P^2 + (R - 1)(1 - \rho^2) P - (1 - \rho^2) R = 0`.
    """
    v, R = 1 - economy.ρ**2, economy.R
    half = (R - 1) * v / 2
    return -half + np.sqrt(half**2 + v * R)


def profit(economy, variance):
    """Return the expected profit of a period when the guess of demand has this variance."""
    return (economy.a**2 + variance) / (4 * economy.b)


def ignorant(economy):
    """Return the profit of a period without any information."""
    return profit(economy, 0.0)


def lags(economy, k):
    """Return the profit of a period by the best linear guess from the last `k` demands seen.

    Parameters
    ----------
    economy : HiddenDemand
    k : int
        At least 0; 1 is what a monopolist without memory has.

    Raises
    ------
    ValueError
        If k is not a whole number.
    """
    require(k=(k, whole(k, 0), "an integer >= 0"))
    if int(k) == 0:
        return ignorant(economy)
    j = np.arange(int(k))
    c = economy.ρ ** (1 + j)  # of today's demand with what was seen 1, ..., k periods ago
    S = economy.ρ ** abs(j[:, None] - j) + economy.R * np.eye(int(k))
    return profit(economy, c @ np.linalg.solve(S, c))


def kalman(economy):
    """Return the profit of a period by the Kalman filter, in the long run."""
    return profit(economy, 1 - limit_variance(economy))


def informed(economy):
    """Return the profit of a period if last period's demand were seen without noise."""
    return profit(economy, economy.ρ**2)


def average(economy, T, memory=True):
    """Return the average profit of T periods from the prior.

    Parameters
    ----------
    economy : HiddenDemand
    T : int
        Number of periods, at least 1; in the first nothing has been seen.
    memory : bool
        Whether all demands seen are remembered, or the last one alone.

    Raises
    ------
    ValueError
        If T is not a positive whole number.
    """
    require(T=(T, whole(T, 1), "an integer >= 1"))
    T = int(T)
    if memory:
        return profit(economy, 1 - variances(economy, T - 1).mean())
    return (ignorant(economy) + (T - 1) * lags(economy, 1)) / T


def guesses(economy, y):
    """Return the Kalman filter's guesses of demand, before each of the demands was seen.

    Parameters
    ----------
    economy : HiddenDemand
    y : array_like (..., T)
        Demand seen in periods 0, ..., T - 1.

    Returns
    -------
    array (..., T)
        The guess of period t from what was seen before it, 0 in the first.

    Raises
    ------
    ValueError
        If `y` is not an array of numbers with one axis or more.
    """
    y = array("y", y)
    require(y=(y, y.ndim > 0, "an array (..., T)"))
    θ, P = np.zeros_like(y), 1.0
    for t in range(y.shape[-1] - 1):
        K = P / (P + economy.R)
        θ[..., t + 1] = economy.ρ * (θ[..., t] + K * (y[..., t] - θ[..., t]))
        P = _next(economy, P)
    return θ


def output(economy, θ):
    """Return the best output at a guess `θ` of demand."""
    return (economy.a + θ) / (2 * economy.b)


def beliefs(economy, y):
    """Return the mean of demand given all that was seen before, by Bayes' rule on the chain.

    Parameters
    ----------
    economy : HiddenDemand
        With R > 0.
    y : array_like (..., T)
        Demand seen in periods 0, ..., T - 1: sums of demand and noise, as the economy draws them.

    Returns
    -------
    array (..., T)
        The mean of period t given what was seen before it, 0 in the first.

    Raises
    ------
    ValueError
        If R is 0, `y` is not an array, or a demand seen is not one that can be seen.
    """
    y = array("y", y)
    require(y=(y, y.ndim > 0, "an array (..., T)"), R=(economy.R, economy.R > 0, "positive"))
    demand, weight = binomial(economy.nd, 1.0)  # as it is in the long run, and so in the first
    noise, _ = binomial(economy.nd, np.sqrt(economy.R))
    move = ar1(economy.nd, economy.ρ, np.sqrt(1 - economy.ρ**2)).transition
    n, spacing = economy.nd, noise[1] - noise[0]
    π = np.broadcast_to(weight, (*y.shape[:-1], n))
    means = np.empty_like(y)
    for t in range(y.shape[-1]):
        means[..., t] = π @ demand
        k = (y[..., t, None] - demand - noise[0]) / spacing  # which noise it would have been
        near = np.rint(k).astype(int)
        right = (abs(k - near) < 1e-3) & (near >= 0) & (near < n)
        π = π * np.where(right, weight[near.clip(0, n - 1)], 0.0)
        seen = π.sum(-1, keepdims=True)
        require(y=(y, bool((seen > 0).all()), "demands that the economy's chain can show"))
        π = π / seen @ move
    return means


def _next(economy, P):
    return economy.ρ**2 * P * economy.R / (P + economy.R) + 1 - economy.ρ**2
