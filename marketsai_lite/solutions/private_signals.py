r"""Bayesian equilibrium of the pricing game with private signals.

A firm that sees :math:`s = \pm\sigma` expects :math:`\mathbb{E}[\theta \mid s] = \tau s` with
:math:`\tau = 2\rho - 1`, and its rival's signal to be :math:`\mathbb{E}[s_j \mid s] = \tau^2 s`.
Strategies :math:`p(s) = \bar p + B s` then satisfy the first-order condition

.. math:: a + \tau s + b c - 2 b\, p(s) + d\, (\bar p + B \tau^2 s) = 0

for every signal, which gives :math:`\bar p = (a + bc)/(2b - d)` and
:math:`B = \tau / (2b - d \tau^2)`.
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.require import number, require


class LinearPricing(NamedTuple):
    """Prices p(s) = mean + slope s.

    Attributes
    ----------
    mean : float
        Price without news.
    slope : float
        Change of the price for a unit of the signal.
    """

    mean: float
    slope: float

    def price(self, s):
        """Price at signal `s`."""
        return self.mean + self.slope * s


def equilibrium(economy):
    """Return the Bayes-Nash equilibrium."""
    τ = 2 * economy.ρ - 1
    mean = (economy.a + economy.b * economy.c) / (2 * economy.b - economy.d)
    return LinearPricing(mean, τ / (2 * economy.b - economy.d * τ**2))


def team(economy):
    """Return the prices of firms that share profits but not news (Radner, 1962)."""
    τ, b, d = 2 * economy.ρ - 1, economy.b, economy.d
    mean = (economy.a + (b - d) * economy.c) / (2 * (b - d))
    return LinearPricing(mean, τ / (2 * b - 2 * d * τ**2))


def naive(economy):
    """Return the prices of firms that take their signal for the truth, and think the rival does."""
    mean = (economy.a + economy.b * economy.c) / (2 * economy.b - economy.d)
    return LinearPricing(mean, 1 / (2 * economy.b - economy.d))


def profit(economy, own, rival):
    """Return the expected profit of a firm that prices by `own` against `rival`, exactly.

    Parameters
    ----------
    economy : PrivateSignals
    own, rival : LinearPricing

    Returns
    -------
    float
        Expected profit of a period.
    """
    ρ, σ, total = economy.ρ, economy.σ, 0.0
    for θ in (-σ, σ):
        for s in (-σ, σ):
            for s_j in (-σ, σ):
                probability = 0.5 * (ρ if s == θ else 1 - ρ) * (ρ if s_j == θ else 1 - ρ)
                p, p_j = own.price(s), rival.price(s_j)
                q = economy.a + θ - economy.b * p + economy.d * p_j
                total += probability * (p - economy.c) * q
    return total


def best_response_gap(economy, pricing):
    """Return what a firm gains by a best response when both price by `pricing`, exactly.

    The objective is quadratic in the price after each signal, so the best response is the
    first-order condition's.
    """
    τ, b, d = 2 * economy.ρ - 1, economy.b, economy.d
    best = LinearPricing(
        (economy.a + b * economy.c + d * pricing.mean) / (2 * b),
        (τ + d * pricing.slope * τ**2) / (2 * b),
    )
    return profit(economy, best, pricing) - profit(economy, pricing, pricing)


class GradientVariances(NamedTuple):
    """Traces of the covariance of one firm's policy gradient, for a single play.

    Attributes
    ----------
    none, own, everything : float
        Of the sampled profit times the score, with no baseline, with the value of the firm's own
        signal as the baseline, and with the value of demand and both signals.
    own_critic, everything_critic : float
        Of the expected profit times the score, where a critic expects it by own signal and price
        alone, or by demand, both signals and both prices.
    """

    none: float
    own: float
    everything: float
    own_critic: float
    everything_critic: float


def gradient_variances(economy, pricing, std):
    r"""Return the exact variances of firm 1's policy gradient with several critics.

    Both firms price by :math:`p = \bar p + B s + \varsigma \varepsilon` with standard normal noise,
    and firm 1 climbs its profit in :math:`(\bar p, B)`, with the score
    :math:`\varepsilon_1 (1, s_1) / \varsigma`.  Given demand and signals its profit is
    :math:`A + F \varepsilon_1 + C \varepsilon_2 + D \varepsilon_1^2 + E \varepsilon_1
    \varepsilon_2`.  All five estimates have the same mean.  A baseline that sees more lowers the
    variance, by :math:`\mathbb{E} \operatorname{Var}(A \mid s_1) (1 + \sigma^2) / \varsigma^2`; a
    critic that stands for the profit itself and sees more raises it.

    Parameters
    ----------
    economy : PrivateSignals
    pricing : LinearPricing
        Of both firms.
    std : float
        Standard deviation of the noise in the price.

    Returns
    -------
    GradientVariances

    Raises
    ------
    ValueError
        If `std` is not positive.

    References
    ----------
    Lyu et al. (2021), for critics in the place of the profit.
    """
    require(std=(std, 0 < number(std) < np.inf, "positive and finite"))
    b, d, σ, ρ = economy.b, economy.d, economy.σ, economy.ρ
    θ, s, s_j = (x.ravel() for x in np.meshgrid(*[[-σ, σ]] * 3, indexing="ij"))
    weight = 0.5 * np.where(s == θ, ρ, 1 - ρ) * np.where(s_j == θ, ρ, 1 - ρ)
    margin, p_j = pricing.price(s) - economy.c, pricing.price(s_j)
    q = economy.a + θ - b * pricing.price(s) + d * p_j
    profits = {"A": margin * q, "F": std * (q - b * margin), "C": std * d * margin}
    expected = {name: _given(s, weight, x) for name, x in profits.items()}
    D, E, length = -b * std**2, d * std**2, (1 + σ**2) / std**2
    slope = weight @ (profits["F"][:, None] * np.stack([0 * s + 1, s], 1)) / std

    def trace(A, F, C, E):
        second = A**2 + 6 * A * D + 15 * D**2 + 3 * F**2 + C**2 + 3 * E**2
        return float(length * weight @ second - slope @ slope)

    A, F, C = profits.values()
    return GradientVariances(
        none=trace(A, F, C, E),
        own=trace(A - expected["A"] - D, F, C, E),
        everything=trace(-D + 0 * A, F, C, E),
        own_critic=trace(expected["A"], expected["F"], 0.0, 0.0),
        everything_critic=trace(A, F, C, E),
    )


def _given(s, weight, x):
    """Expectations of `x` given the own signal, one for each of the states."""
    total = np.zeros(len(x))
    for own in np.unique(s):
        total[s == own] = np.average(x[s == own], weights=weight[s == own])
    return total
