"""Who gets and gives how much of each good: the books of a description, before any number.

From these flows follow what is left to consume, profits, what stocks become, and later whether
anything was made from nothing.
"""

import functools
from typing import NamedTuple

from marketsai_lite.constructor.equations import Equation, equation
from marketsai_lite.constructor.words import Description, traded, types
from marketsai_lite.economy import total


class Flow(NamedTuple):
    """An entry in the books of a type.

    Attributes
    ----------
    sign : int
        1 for what comes in, -1 for what goes out.
    variable : str
        How much.
    kind : str
        "endowment", "made", "used", "bought", "sold", "earned", "paid", "dividend", "profit" or
        "consumed".
    with_ : str
        The market, or the type, that it comes from or goes to.
    """

    sign: int
    variable: str
    kind: str
    with_: str = ""


def flows(d: Description, type_name: str, good: str) -> list[Flow]:
    """Entries of a type in the books of a good; what is kept in stocks is not among them."""
    t, book = d.type(type_name), []
    if good in t.endowment:
        book.append(Flow(1, endowment(t, good), "endowment"))
    for technology in t.technologies:
        book += [Flow(1, v, "made") for g, v in technology.makes.items() if g == good]
        book += [Flow(-1, v, "used") for g, v in technology.uses.items() if g == good]
    for market in d.markets:
        sides = (
            (market.buyers, (1, "bought"), (-1, "paid")),
            (market.sellers, (-1, "sold"), (1, "earned")),
        )
        for side, of_good, of_money in sides:
            if type_name not in types(side):
                continue
            for which, (sign, what) in ((market.good, of_good), (d.numeraire, of_money)):
                if which == good:
                    name = traded(market, what, side, type_name)
                    book.append(Flow(sign, name, what, market.good))
    if good == d.numeraire:
        if any(type_name in other.owners for other in d.agents):
            book.append(Flow(1, f"{type_name}_dividend", "dividend"))
        if t.owners:
            book.append(Flow(-1, f"{type_name}_profit", "profit"))
    if good in t.consumes:
        book.append(Flow(-1, t.consumes[good], "consumed"))
    return book


def endowment(t, good):
    """The variable of what each member of a type is endowed with."""
    what = t.endowment[good]
    return what if isinstance(what, str) else f"{t.name}_{good}"


def written(d: Description) -> list[Equation]:
    """The equations that the description itself gives, technologies' among them."""
    given = [e for t in d.agents for tech in t.technologies for e in tech.equations]
    return [equation(f) for f in (*d.equations, *given)]


def derived(d: Description) -> list[Equation]:
    """The equations that follow: what is left to consume, profits, dividends, next stocks."""
    found = {name for eq in written(d) for name in eq.finds}
    new = []
    for t in d.agents:
        for good, name in t.consumes.items():
            if name not in found:
                rest = [f for f in flows(d, t.name, good) if f.kind != "consumed"]
                new.append(_sum_of(name, rest))
        if t.owners:
            book = [f for f in flows(d, t.name, d.numeraire) if f.kind != "profit"]
            new.append(_sum_of(f"{t.name}_profit", book))
        sources = [(s.name, s.owners[t.name]) for s in d.agents if t.name in s.owners]
        if sources:
            parts = tuple(share / t.count for _, share in sources)
            tex = " + ".join(rf"{p:g} \sum {{{k}}}" for k, p in enumerate(parts))
            function = functools.partial(_parts, parts=parts)
            needs = tuple(f"{name}_profit" for name, _ in sources)
            new.append(Equation(f"{t.name}_dividend", function, needs, tex))
        for stock in t.stocks:
            δ = next(g.δ for g in d.goods if g.name == stock.good)
            if f"{stock.name}_next" not in found:
                book = flows(d, t.name, stock.good)
                new.append(_sum_of(f"{stock.name}_next", book, stock.name, 1 - δ))
    return new


def _sum_of(name, book, stock=None, kept=1.0):
    names = (*([stock] if stock and kept else []), *(f.variable for f in book))
    weights = (*([kept] if stock and kept else []), *(f.sign for f in book))
    tex = " ".join(f"{_weight(w, k)} {{{k}}}" for k, w in enumerate(weights)) or "0"
    return Equation(name, functools.partial(_weighted, weights=weights), names, tex)


def _weight(w, k):
    sign = "-" if w < 0 else "+" * (k > 0)
    return sign + ("" if abs(w) == 1 else f" {abs(w):g} ")


def _weighted(*values, weights):
    sums = None
    for w, v in zip(weights, values, strict=True):
        term = v if w in (1, -1) else w * v
        sums = (
            (term if w != -1 else -term)
            if sums is None
            else (sums - term if w == -1 else sums + term)
        )
    return sums


def _parts(*profits, parts):
    return sum(part * total(v) for part, v in zip(parts, profits, strict=True))
