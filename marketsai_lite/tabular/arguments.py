"""What the checks of arguments have in common; how one is refused is `marketsai_lite.require`."""

from typing import Any

import numpy as np

from marketsai_lite.require import require


def number(value) -> float:
    """Return a real number as a float, and NaN for anything else: every comparison refuses it."""
    try:
        if isinstance(value, bool | np.bool_ | str | bytes) or np.iscomplexobj(value):
            return float("nan")
        return float(value) if np.ndim(value) == 0 else float("nan")
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def whole(value, least: int, most: int = 2**62) -> bool:
    """Return whether `value` is a whole number, of any type, from `least` to `most`."""
    return least <= number(value) <= most and number(value) == int(value)


def flag(value) -> bool:
    """Return whether `value` is True or False, and not merely something that counts as one."""
    return isinstance(value, bool | np.bool_)


def array(name: str, value) -> np.ndarray:
    """Return `value` as an array of floats, or raise a ValueError that names it."""
    found: Any = None
    try:
        found = np.asarray(value)
        found = np.asarray(found, dtype=float) if found.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        found = None
    require(**{name: (value, found is not None, "an array of real numbers")})
    return found
