r"""Competitive equilibrium of Brock and Mirman's economy with rental markets, in closed form.

A household that takes prices as given saves :math:`k_i' = \beta R k_i`: nothing out of its wage,
and the share :math:`\beta` of what its capital earns.  With :math:`\kappa_i = k_i n / K`, its
capital relative to the mean, it saves the share

.. math:: s_i = \frac{\alpha \beta \kappa_i}{\alpha \kappa_i + 1 - \alpha}

of its income and consumes :math:`(1 - \alpha) + \alpha (1 - \beta) \kappa_i` of output per head.
Both sides of its Euler equation :math:`c^{-1} = \beta \mathbb{E}[R' / c']` follow, since
:math:`\kappa_i` never changes and :math:`K' = \alpha \beta Y`: aggregates are those of the planner
(`marketsai_lite.solutions.brock_mirman`), whatever the distribution of wealth.  Households of equal
wealth save the planner's share :math:`\alpha \beta`.
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.growth import brock_mirman
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.solutions import brock_mirman as planners
from marketsai_lite.solutions.brock_mirman import BrockMirman


class Competitive(NamedTuple):
    """The competitive equilibrium, and the plan that it repeats.

    Attributes
    ----------
    economy : RentalMarket
        The economy that is solved.
    plan : BrockMirman
        Of an economy with the mean capital.
    """

    economy: RentalMarket
    plan: BrockMirman

    def policy(self, x, z):
        """Shares saved (..., n, 1), at log capital `x` (..., n)."""
        α, β, κ = self.economy.α, self.economy.β, self.relative(x)
        return (α * β * κ / (α * κ + 1 - α))[..., None]

    def value(self, x, z):
        """Value of each household, (..., n)."""
        return self.plan.value(self._mean(x), z)[..., None] + self._worth(x)

    def expected(self, x, z):
        """Expected values (..., n) of starting next period with `x` after shocks `z`."""
        return self.plan.expected(self._mean(x), z)[..., None] + self._worth(x)

    def relative(self, x):
        """Capital of each household relative to the mean, (..., n)."""
        return np.exp(x - self._mean(x))

    def _mean(self, x):
        return np.log(np.exp(x).mean(-1, keepdims=True))

    def _worth(self, x):
        """What being richer or poorer than the mean adds to the value of the plan."""
        α, β = self.economy.α, self.economy.β
        consumed = (1 - α) + α * (1 - β) * self.relative(x)
        return (np.log(consumed) - np.log(1 - α * β)) / (1 - β)


def solve(economy):
    """Return the competitive equilibrium; the economy's bounds on the shares are ignored.

    Parameters
    ----------
    economy : RentalMarket

    Returns
    -------
    Competitive
        Policy and values.
    """
    one = brock_mirman(α=economy.α, β=economy.β, exo=economy.exo)
    return Competitive(economy, planners.solve(one))
