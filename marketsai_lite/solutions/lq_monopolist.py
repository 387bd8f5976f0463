r"""Closed form of the linear-quadratic monopolist.

The value is quadratic,

.. math:: V(q, d) = -p q^2 + (v_1 + v_2 d)\, q + w_0 + w_1 d + w_2 d^2 ,

and the first-order and envelope conditions give the coefficients one after the other; the only
nonlinear one is the scalar Riccati equation :math:`p = a_1 + \gamma \beta p / (\gamma + \beta p)`,
a quadratic in p.
"""

from typing import NamedTuple

import numpy as np


class LQSolution(NamedTuple):
    """Coefficients of value and policy.

    Attributes
    ----------
    p, v1, v2, w0, w1, w2 : float
        Of the value, -p q² + (v1 + v2 d) q + w0 + w1 d + w2 d².
    f0, fq, fd : float
        Of the policy, q' = f0 + fq q + fd d.
    """

    p: float
    v1: float
    v2: float
    w0: float
    w1: float
    w2: float
    f0: float
    fq: float
    fd: float

    def value(self, q, d):
        """Value of output `q` in demand state `d`; arrays broadcast."""
        quadratic = -self.p * q**2 + (self.v1 + self.v2 * d) * q
        return quadratic + self.w0 + self.w1 * d + self.w2 * d**2

    def policy(self, q, d):
        """Next period's output."""
        return self.f0 + self.fq * q + self.fd * d


def solve(economy):
    """Solve an `LQMonopolist` as if output were unbounded.

    Parameters
    ----------
    economy : LQMonopolist
        Its bounds on output are ignored.

    Returns
    -------
    LQSolution
        The coefficients of value and policy.
    """
    a1, γ, ρ, σ, β = economy.a1, economy.γ, economy.ρ, economy.σ, economy.β
    b = γ - β * a1 - β * γ
    p = 2 * a1 * γ / (b + np.sqrt(b**2 + 4 * β * a1 * γ))
    k = γ + β * p
    v1 = (economy.a0 - economy.c) / (1 - γ * β / k)
    v2 = 1 / (1 - γ * β * ρ / k)
    B = β**2 / (4 * k)
    w2 = B * v2**2 * ρ**2 / (1 - β * ρ**2)
    w1 = 2 * B * v1 * v2 * ρ / (1 - β * ρ)
    w0 = (B * v1**2 + β * σ**2 * w2) / (1 - β)
    return LQSolution(p, v1, v2, w0, w1, w2, f0=β * v1 / (2 * k), fq=γ / k, fd=β * v2 * ρ / (2 * k))
