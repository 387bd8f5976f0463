"""The generator of the compiled kernels: xoshiro256++, four words of state per session.

A session owns its state, so its draws depend on its seed alone and never on the thread, or the
order, in which sessions run. The state travels as four scalars, which a compiled loop keeps in
registers.

Numba's cache on disk notices changes of a kernel's own file only: after a change here, delete the
package's __pycache__ folders.

References
----------
Blackman, D. and S. Vigna (2021): Scrambled linear pseudorandom number generators, ACM TOMS 47(4).
"""

import operator
from collections.abc import Sequence

import numpy as np

from marketsai_lite.require import require
from marketsai_lite.tabular.compiled import njit

_17, _19, _23, _41, _45 = (np.uint64(k) for k in (17, 19, 23, 41, 45))


def states(seeds: Sequence[int], *, distinct: bool = True) -> np.ndarray:
    """Initial states of independent streams, one for each seed.

    Parameters
    ----------
    seeds : sequence of N non-negative ints
    distinct : bool
        Refuse a seed that is given twice, since it gives the same draws twice.

    Returns
    -------
    ndarray of uint64, shape (N, 4)

    Raises
    ------
    ValueError
        If there is no seed, or one is no integer, negative, or not distinct.
    """
    try:
        whole = [operator.index(seed) for seed in seeds]
    except TypeError:
        whole = []
    right = bool(whole) and min(whole) >= 0 and (len(set(whole)) == len(whole) or not distinct)
    kind = "one or more distinct integers >= 0" if distinct else "one or more integers >= 0"
    require(seeds=(seeds, right, kind))
    words = [np.random.SeedSequence(seed).generate_state(4, np.uint64) for seed in whole]
    return np.array(words, dtype=np.uint64)


@njit(cache=True)
def xoshiro256pp(s0, s1, s2, s3):
    """One step: the 64-bit draw and the four words of the next state."""
    draw = s0 + s3
    draw = ((draw << _23) | (draw >> _41)) + s0
    t = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << _45) | (s3 >> _19)
    return draw, s0, s1, s2, s3
