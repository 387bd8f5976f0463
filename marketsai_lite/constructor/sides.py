"""What the two sides of a market must be, and what they must bring."""

import inspect

import numpy as np

from marketsai_lite.constructor.words import types
from marketsai_lite.require import require

BRINGS = ("quantity", "price", "money")


def hold(where, value, right, cure):
    """Refuse a value that is not right, by its place and the cure."""
    require(**{where: (value, bool(right), cure)})


def sides(d):
    """Refuse markets whose sides, mechanism or orders do not fit."""
    names = [t.name for t in d.agents]
    goods = {g.name: g.kind for g in d.goods}
    for m in d.markets:
        me = f"market {m.good}"
        hold(f"{me}: good", m.good, m.good in goods, f"one of the goods {sorted(goods)}")
        hold(f"{me}: good", m.good, m.good != d.numeraire,
              "another good than the numeraire, which pays for it")  # fmt: skip
        for side in ("sellers", "buyers"):
            here = types(getattr(m, side))
            hold(f"{me}: {side}", here, here, "at least one type: one side is missing")
            for t in here:
                hold(f"{me}: {side}", t, t in names, f"of the types {names}")
        hold(f"{me}: mechanism", m.mechanism, callable(m.mechanism),
              "a function (sell, buy, price=None, **given) -> Trade")  # fmt: skip
        takes = inspect.signature(m.mechanism)
        missing = _missing(takes, m.given)
        cure = f"what {m.mechanism.__name__} takes, {takes}: {missing}"
        hold(f"{me}: given", dict(m.given), not missing, cure)
        for side, brings in (("sell", m.sell), ("buy", m.buy)):
            here = types(m.sellers if side == "sell" else m.buyers)
            for kind, what in brings.items():
                hold(f"{me}: {side}", kind, kind in BRINGS, f"one of {BRINGS}")
                one = (what,) if isinstance(what, str) else tuple(what)
                hold(f"{me}: {side}: {kind}", one, len(one) == len(here),
                      f"a variable for each type, {here}")  # fmt: skip
        _asked(d, m, me)


def _asked(d, m, me):
    """A mechanism is brought what it asks for: it is tried on orders of one half."""
    asked: list[tuple[str, str]] = []

    class Tried:
        def __init__(self, side, sides, brings):
            self.side, self.size = side, sum(d.type(t).count for t in types(sides))
            self.__dict__ |= {kind: np.full((1, self.size), 0.5) for kind in brings}

        def __getattr__(self, kind):
            if kind in BRINGS:
                asked.append((self.side, kind))
            return None

    try:
        with np.errstate(all="ignore"):
            m.mechanism(Tried("sell", m.sellers, m.sell), Tried("buy", m.buyers, m.buy), **m.given)
    except Exception:
        for side, kind in asked:
            cure = f"with {kind!r}: VARIABLE, which {m.mechanism.__name__} asks for"
            hold(f"{me}: {side}", dict(getattr(m, side)), False, cure)


def _missing(takes, given):
    """What a mechanism lacks, or has too much of, in Python's words."""
    try:
        takes.bind("sell", "buy", None, **given)
    except TypeError as error:
        return str(error)
    return ""
