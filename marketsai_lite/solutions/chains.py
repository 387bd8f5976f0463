"""Where exogenous chains stand, and where they may go next."""

import numpy as np

from marketsai_lite.require import require

LIMIT = 4096  # successors that may be listed


def locate(values, z):
    """State (...) of a chain with `values` (m, dz) whose shock values are `z` (..., dz)."""
    return np.abs(np.asarray(z)[..., None, :] - values).sum(-1).argmin(-1)


def successors(exo, i):
    """All states that may follow `i`, and their probabilities.

    Parameters
    ----------
    exo : Exogenous
        The chains.
    i : int array (..., width)
        Where they stand.

    Returns
    -------
    states : int array (m, width)
        Every combination of states.
    probability : array (..., m)
        Of each of them, given `i`.

    Raises
    ------
    ValueError
        If there are more than 4,096 combinations.
    """
    nz, ne = len(exo.values), len(exo.own_values) if exo.n else 1
    few = f"small enough for at most {LIMIT:,} joint states: here are {nz} times {ne}^{exo.n}"
    require(n=(exo.n, nz * ne**exo.n <= LIMIT, few))
    return exo.successors(i)
