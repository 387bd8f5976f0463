"""Numba's `njit`, also where nothing can be written."""

import numba


def njit(**options):
    """Compile as `numba.njit` does, without a cache on disk where there is no place for one.

    Numba refuses to cache, by an error at import, if neither the package's folder nor the user's
    cache can be written; then each process compiles anew.
    """

    def compiled(function):
        try:
            return numba.njit(**options)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            return numba.njit(**options | {"cache": False})(function)

    return compiled
