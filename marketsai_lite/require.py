"""How a bad argument is found and refused: one sentence, the same everywhere."""

from typing import Any

import numpy as np

ROW_SUM = 1e-6  # by which a row of probabilities may miss 1: single precision does
ROUNDING = 1e-8  # by which it is left as it is


def require(**conditions) -> None:
    """Raise a ValueError for the first name=(value, whether it is right, what it must be).

    >>> require(β=(1.2, 1.2 < 1, "in [0, 1)"))
    Traceback (most recent call last):
    ValueError: β=1.2: must be in [0, 1)
    """
    for name, (value, right, permitted) in conditions.items():
        if not right:
            raise ValueError(f"{name}={value!r}: must be {permitted}")


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


def stopping(tol, max_iter) -> dict[str, tuple]:
    """Return what `require` asks of the limits at which an iteration stops."""
    return {
        "tol": (tol, 0 < number(tol) < np.inf, "in (0, inf)"),
        "max_iter": (max_iter, whole(max_iter, 1), "an integer >= 1"),
    }


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
    right = "an array of real numbers"
    if hasattr(value, "toarray"):
        right += ", as its .toarray() is"
    elif hasattr(value, "state_values"):
        right += ", as its .P and .state_values are"
    require(**{name: (value, found is not None, right)})
    return found


def probabilities(name: str, rows) -> np.ndarray:
    """Return probabilities (..., m), or raise a ValueError that names the row that is wrong.

    Rows may miss 1 by 1e-6, as they do in single precision; those that miss it by more than 1e-8
    are divided by their sum.
    """
    rows = array(name, rows)
    if rows.size and not (rows.min() >= 0 and rows.max() < np.inf):  # NaN fails too
        i = np.argwhere(~((rows >= 0) & (rows < np.inf)))[0].tolist()
        raise ValueError(f"{name}{i}={rows[tuple(i)]}: must be probabilities in [0, 1]")
    sums = rows.sum(-1, keepdims=True)
    for i in np.argwhere(np.abs(sums[..., 0] - 1) > ROW_SUM)[:1].tolist():
        row = f"row {i} of " if i else ""
        raise ValueError(f"sum of {row}{name}={sums[tuple(i)].item()}: must be 1")
    off = np.abs(sums - 1) > ROUNDING
    return np.where(off, rows / sums, rows) if off.any() else rows
