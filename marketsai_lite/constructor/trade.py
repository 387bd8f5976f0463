"""Markets as equations: from what two sides bring to prices and to what changes hands."""

import functools

import numpy as np

from marketsai_lite.constructor.equations import Equation
from marketsai_lite.constructor.mechanisms import Orders
from marketsai_lite.constructor.words import Description, traded, types
from marketsai_lite.economy import namespace, total


def markets(d: Description, given=()) -> list[Equation]:
    """Equations of the markets; where a price is `given`, they settle at it."""
    found = []
    for market in d.markets:
        orders, needs = [], []
        for side, brings in ((market.sellers, market.sell), (market.buyers, market.buy)):
            kinds = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in brings.items()}
            orders.append((sum(d.type(t).count for t in types(side)), _counts(d, side),
                           {k: len(v) for k, v in kinds.items()}))  # fmt: skip
            needs += [n for names in kinds.values() for n in names]
        price = f"{market.good}_price"
        at = price in given
        finds = [] if at else [price]
        finds += [traded(market, w, market.sellers, t)
                  for w in ("sold", "earned") for t in types(market.sellers)]  # fmt: skip
        finds += [traded(market, w, market.buyers, t)
                  for w in ("bought", "paid") for t in types(market.buyers)]  # fmt: skip
        function = functools.partial(_trade, market=market, orders=orders, at=at)
        found.append(Equation(tuple(finds), function, (*[price] * at, *needs)))
        if "quantity" in market.sell:
            names = market.sell["quantity"]
            names = (names,) if isinstance(names, str) else tuple(names)
            tex = " + ".join(rf"\sum {{{k}}}" for k in range(len(names)))
            found.append(Equation(f"{market.good}_offered", _total, names, tex))
    return found


def _counts(d, side):
    return [d.type(t).count for t in types(side)]


def _total(*values):
    sums = [total(v) for v in values]
    return sum(sums[1:], sums[0])


def _trade(*values, market, orders, at):
    left = iter(values)
    price = next(left) if at else None
    sides = []
    for size, counts, kinds in orders:
        one = {}
        for kind, number in kinds.items():
            parts = [next(left) for _ in range(number)]
            if number > 1:
                parts = [members(v, c) for v, c in zip(parts, counts, strict=True)]
            one[kind] = side_by_side(parts)
        sides.append(Orders(size, **one))
    trade = market.mechanism(*sides, price, **market.given)
    found = [] if at else [trade.price]
    for (_, counts, _), amounts in zip(orders, (trade[1:3], trade[3:5]), strict=True):
        for amount in amounts:
            found += _apart(amount, counts)
    return found


def _apart(amount, counts):
    if len(counts) == 1:
        return [amount]
    amount = amount() if callable(amount) else amount
    stops = np.cumsum(counts)
    return [amount[..., stop - c : stop] for stop, c in zip(stops, counts, strict=True)]


def side_by_side(parts):
    """Join arrays along the last axis."""
    return parts[0] if len(parts) == 1 else namespace(parts[0]).concatenate(parts, -1)


def members(v, count):
    """Return a variable (..., 1) or (..., count) as (..., count)."""
    return v if v.shape[-1] == count else namespace(v).concatenate([v] * count, -1)
