"""What types see, and on which scale."""

import numpy as np

from marketsai_lite.constructor.trade import members, side_by_side
from marketsai_lite.constructor.words import Seen
from marketsai_lite.economy import namespace

SPREAD = 0.2  # of a stock around its center, by which observations are scaled


def scaled(d, seen, scales):
    """A `Seen` with its scale."""
    s = Seen(seen) if isinstance(seen, str) else seen
    stock = next((k for t in d.agents for k in t.stocks if k.name == s.name), None)
    center, spread, name = 0.0, 1.0, s.name
    for where in scales:
        if s.name in where:
            center, spread = where[s.name][1]
    if stock is not None and stock.log:
        center, spread, name = float(np.log(stock.center)), SPREAD, f"log_{s.name}"
    elif stock is not None:
        center, spread = stock.center, SPREAD * stock.center
    center = center if s.center is None else s.center
    return Seen(name, center, spread if s.spread is None else s.spread, s.of)


def block(seen, v, count):
    """What the members of a type see, (..., count, width)."""
    columns = []
    for s in seen:
        value = v[s.name]
        if (s.center, s.spread) != (0.0, 1.0):
            value = (value - s.center) / s.spread
        xp, w = namespace(value), value.shape[-1]
        if s.of == "own" or w == 1:
            columns.append(members(value, count)[..., None])
        elif s.of == "all":
            columns.append(xp.stack([value] * count, -2))
        else:
            own = [xp.concatenate([value[..., i:], value[..., :i]], -1) for i in range(count)]
            columns.append(xp.stack(own, -2))
    return side_by_side(columns)
