"""Where exogenous chains stand, and where they may go next."""

from itertools import product

import numpy as np

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
    if nz * ne**exo.n > LIMIT:
        raise ValueError(f"exo: {nz * ne**exo.n} states may follow: must be at most {LIMIT}")
    states = np.array(list(product(range(nz), *[range(ne)] * exo.n)))
    z, z1 = i[..., :1], states[:, 0]
    probability = exo.transition[z, z1]
    for k in range(1, exo.width):
        probability = probability * exo.own_transition[z, z1, i[..., k, None], states[:, k]]
    return states, probability
