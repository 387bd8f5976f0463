"""The scale at which a lecture runs: smoke (seconds), lecture (the default) or gpu."""

import os
from typing import TypeVar

SCALES = ("smoke", "lecture", "gpu")

T = TypeVar("T")


def scale():
    """The scale named by the environment variable ``MARKETSAI_SCALE``.

    Returns
    -------
    str
        ``"smoke"``, ``"lecture"`` (when the variable is unset) or ``"gpu"``.

    Raises
    ------
    ValueError
        If the variable names anything else.
    """
    name = os.environ.get("MARKETSAI_SCALE", "lecture")
    if name not in SCALES:
        raise ValueError(f"MARKETSAI_SCALE={name!r}: must be one of {', '.join(SCALES)}")
    return name


def pick(*, smoke: T, lecture: T, gpu: T | None = None) -> T:
    """The value that belongs to the current scale; ``gpu`` defaults to ``lecture``."""
    return {"smoke": smoke, "lecture": lecture, "gpu": lecture if gpu is None else gpu}[scale()]
