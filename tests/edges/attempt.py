"""What a call at the edges comes to: a result, a refusal, or a broken promise."""

import inspect
import re
import time
import warnings
from dataclasses import fields, is_dataclass

import numpy as np

from marketsai_lite.tabular import schedules
from tests.edges.cases import MADE
from tests.edges.draw import Draw

SECONDS = 10  # in which a call must end


def names(function, arguments):
    """What a message may name: arguments, and those of what is made for them."""
    found = set(arguments)
    for value in (function, *arguments.values()):
        if is_dataclass(value):
            found |= {f.name for f in fields(value)}
    if function is not None:
        found |= set(inspect.signature(function).parameters)
    return found


def has_nan(x):
    if isinstance(x, dict):
        return any(map(has_nan, x.values()))
    if isinstance(x, tuple | list):
        return any(map(has_nan, x))
    if isinstance(x, schedules.Schedule) or x is None or isinstance(x, str | bool):
        return False
    if is_dataclass(x):
        return any(has_nan(getattr(x, f.name)) for f in fields(x))
    if hasattr(x, "toarray"):
        x = x.toarray()
    array = np.asarray(x)
    return array.dtype.kind in "fc" and bool(np.isnan(array).any())


def attempt(function, draw, seed):
    """Return what a call came to: "result", "refused", or what is wrong with it."""
    d, arguments = Draw(seed), {}
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if function is None:
                result = draw(d)
            else:
                arguments = draw(d)
                result = function(**arguments)
    except ValueError as error:
        message = str(error)
        subject = message.split("=")[0].split(":")[0]
        words = set(re.findall(r"\w+", subject))
        if words & (names(function, arguments) | MADE):
            return "refused"
        return f"ValueError names no argument: {message[:200]}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    seconds = time.perf_counter() - start
    if seconds > SECONDS:
        return f"took {seconds:.0f} seconds"
    return "NaN in the result" if has_nan(result) else "result"
