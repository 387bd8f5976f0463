"""Schedules of step sizes and of exploration probabilities.

A schedule is a function of a count n = 1, 2, ...: for a step size the number of visits to the pair
(s, a), the current one included; for an exploration probability the number of the period.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import number, require, whole

CONSTANT, HARMONIC, POWER, EXPONENTIAL = range(4)


class Schedule(NamedTuple):
    """A function of the count n that does not rise, called as ``schedule(n)``.

    Attributes
    ----------
    kind : int
        Which of the functions of this module made it.
    parameter : float
        Its argument.
    """

    kind: int
    parameter: float

    def __call__(self, n: ArrayLike) -> np.ndarray:
        """Return the schedule at the counts n >= 1."""
        n = np.asarray(n, dtype=np.float64)
        if self.kind == CONSTANT:
            return np.full_like(n, self.parameter)
        if self.kind == HARMONIC:
            return 1 / (1 + self.parameter * (n - 1))
        if self.kind == POWER:
            return n**-self.parameter
        return np.exp(-self.parameter * (n - 1))


def constant(level: float) -> Schedule:
    """Return the schedule that is always ``level``, a number in [0, 1]."""
    require(level=(level, 0 <= number(level) <= 1, "in [0, 1]"))
    return Schedule(CONSTANT, float(level))


def harmonic(λ: float = 1.0) -> Schedule:
    """Return 1 / (1 + λ (n - 1)), which is 1/n at λ = 1."""
    return Schedule(HARMONIC, _positive("λ", λ))


def power(ω: float) -> Schedule:
    """Return 1 / n^ω; its sum diverges for ω <= 1, that of its squares converges for ω > 1/2."""
    return Schedule(POWER, _positive("ω", ω))


def rescaled(β: float) -> Schedule:
    """Return 1 / (1 + (1 - β)(n - 1)): linear, in contractions."""
    require(β=(β, 0 <= number(β) < 1, "in [0, 1)"))
    return harmonic(1 - β)


def exponential(λ: float) -> Schedule:
    """Return exp(-λ (n - 1))."""
    return Schedule(EXPONENTIAL, _positive("λ", λ))


def is_schedule(value) -> bool:
    """Return whether `value` is a Schedule of one of the kinds above."""
    if not isinstance(value, Schedule):
        return False
    parameter, kind = number(value.parameter), value.kind
    top = 1 if kind == CONSTANT else np.finfo(float).max
    return whole(kind, CONSTANT, EXPONENTIAL) and 0 <= parameter <= top


def is_positive(value) -> bool:
    """Return whether `value` is a Schedule that is not always 0."""
    return is_schedule(value) and bool(value(1) > 0)


def _positive(name: str, value: float) -> float:
    require(**{name: (value, 0 < number(value) < np.inf, "in (0, inf)")})
    return float(value)
