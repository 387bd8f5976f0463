"""Arrays of two libraries: the same lines of an economy run on NumPy and on PyTorch."""

import sys

import numpy as np


def namespace(x):
    """The module whose functions take `x`: torch for a tensor, NumPy otherwise."""
    return sys.modules["torch"] if type(x).__module__.partition(".")[0] == "torch" else np


def like(values, x):
    """`values` as an array of x's kind, on x's device; floats take x's precision if it has one."""
    xp = namespace(x)
    if xp is np:
        return values
    return xp.as_tensor(values, device=x.device, dtype=x.dtype if x.is_floating_point() else None)


def index(u, m):
    """Uniforms to integers 0, ..., m - 1, each equally likely."""
    integers = namespace(u).floor(u * m)
    return integers.astype(int) if namespace(u) is np else integers.long()
