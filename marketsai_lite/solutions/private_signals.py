r"""Bayesian equilibrium of the pricing game with private signals.

A firm that sees :math:`s = \pm\sigma` expects :math:`\mathbb{E}[\theta \mid s] = \tau s` with
:math:`\tau = 2\rho - 1`, and its rival's signal to be :math:`\mathbb{E}[s_j \mid s] = \tau^2 s`.
Strategies :math:`p(s) = \bar p + B s` then satisfy the first-order condition

.. math:: a + \tau s + b c - 2 b\, p(s) + d\, (\bar p + B \tau^2 s) = 0

for every signal, which gives :math:`\bar p = (a + bc)/(2b - d)` and
:math:`B = \tau / (2b - d \tau^2)`.
"""

from typing import NamedTuple


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
