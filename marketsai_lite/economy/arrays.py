"""Arrays of two libraries: the same lines of an economy run on NumPy and on PyTorch."""

import copy
import functools
import sys
from dataclasses import is_dataclass

import numpy as np


def namespace(x):
    """The module whose functions take `x`: torch for a tensor, NumPy otherwise."""
    return sys.modules["torch"] if type(x).__module__.partition(".")[0] == "torch" else np


def like(values, x):
    """`values` as an array of x's kind, on x's device; floats take x's precision if it has one.

    Tensors are left as they are: `placed` has put them where they belong.
    """
    xp = namespace(x)
    if xp is np or namespace(values) is xp:
        return values
    return xp.as_tensor(values, device=x.device, dtype=x.dtype if x.is_floating_point() else None)


def index(u, m):
    """Uniforms to integers 0, ..., m - 1, each equally likely."""
    return whole(namespace(u).floor(u * m))


def whole(x):
    """The nearest integers of floats `x`, of integer type, to index with."""
    integers = namespace(x).round(x)
    return integers.astype(int) if namespace(x) is np else integers.long()


def padded(rows, width):
    """`rows` (..., w) filled up with zeros to (..., width)."""
    zero = [namespace(rows).zeros_like(rows[..., :1])] * (width - rows.shape[-1])
    return namespace(rows).concatenate([rows, *zero], -1) if zero else rows


def pick(values, i):
    """Entries `i` (..., n) of the last axis of `values`, (m,) or (..., m)."""
    xp = namespace(i)
    values = xp.broadcast_to(values, (*i.shape[:-1], values.shape[-1]))
    return np.take_along_axis(values, i, -1) if xp is np else values.gather(-1, i)


def total(v):
    """Sum over the last axis of `v` (..., n), as (..., 1).

    NumPy adds up each short row by itself; all rows' columns, in the same order, are added at once.
    """
    n = v.shape[-1]
    if n == 1:
        return v
    if namespace(v) is np and n < 8 and v.size > 256:
        return functools.reduce(np.add, [v[..., j : j + 1] for j in range(n)])
    return v.sum(-1)[..., None]


def placed(parameters, place):
    """A copy of a dataclass in which `place` has been applied to every array, also to nested ones.

    A batch uses it to put the constants of an economy on its device once, not at every step.
    """
    if not is_dataclass(parameters):
        return parameters
    one = copy.copy(parameters)
    for name, value in vars(parameters).items():
        if isinstance(value, np.ndarray):
            object.__setattr__(one, name, place(value))
        elif is_dataclass(value):
            object.__setattr__(one, name, placed(value, place))
    return one
