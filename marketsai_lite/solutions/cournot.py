"""Equilibrium, collusion and perfect competition in Cournot's market."""

from itertools import combinations

import numpy as np


def nash(economy):
    """Return the Cournot-Nash quantities (n,).

    With all firms active, q_i = (a - (n + 1) c_i + Σ_j c_j) / ((n + 1) b); a firm whose cost is
    too high for that stays out.

    Raises
    ------
    ValueError
        If a quantity exceeds the economy's capacity.
    """
    c = np.array(economy.costs)
    for k in range(len(c), 0, -1):
        for active in map(list, combinations(np.argsort(c, kind="stable"), k)):
            q = np.zeros(len(c))
            q[active] = (economy.a - (k + 1) * c[active] + c[active].sum()) / ((k + 1) * economy.b)
            price = economy.a - economy.b * q.sum()
            if (q[active] > 0).all() and (c[q == 0] >= price).all():
                if q.max() > economy.capacity:
                    raise ValueError(f"capacity={economy.capacity}: must be at least {q.max()}")
                return q
    return np.zeros(len(c))


def cartel(economy):
    """Return the quantity (a - c) / 2b that maximizes joint profit, made by the cheapest firm."""
    return max(economy.a - min(economy.costs), 0.0) / (2 * economy.b)


def competitive(economy):
    """Return the quantity at which price equals the lowest marginal cost."""
    return max(economy.a - min(economy.costs), 0.0) / economy.b
