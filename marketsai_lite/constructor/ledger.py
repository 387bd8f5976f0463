"""The books of a running economy: whether anything is made from nothing, paid twice, or lost.

`books` computes what is missing in one period, `audit` follows an economy and refuses it at the
first violation, and `accounting_matrix` writes who paid whom.
"""

import numpy as np

from marketsai_lite.constructor.flows import flows
from marketsai_lite.constructor.trade import members
from marketsai_lite.constructor.words import SERVICES, traded, types
from marketsai_lite.economy import namespace, padded, sample_action
from marketsai_lite.require import require, whole

TOLERANCE = 1e-10  # relative to the largest entry of the books
UNEVEN = (
    "0: what comes in must go out or be kept; look for what is counted once or twice, or for what "
    "is left over and has no use: let it be consumed, or kept in a stock"
)
LESS = "0: nobody gives more than there is; bound the choices behind it, or choose shares by Split"
FINITE = "a number: raise the bounds of choices where it is the logarithm or root of too little"
BUILT = "an economy that was built: build(description)"


def books(economy, x, z, a):
    """What is missing in each book, and how large its entries are.

    Parameters
    ----------
    economy : Constructed
    x, z, a : array (..., dx), Shocks, array (..., n, da)

    Returns
    -------
    dict
        Name of the book to (missing, scale), arrays (...), or (..., members) for the book of a
        type: of each member and good what came in less what went out and was kept; of each market
        goods and money; in all markets what is paid less what is earned; what must not be
        negative, as far as it is.
    """
    d = economy.description
    names = [n for e in economy.equations for n in e.finds]
    v = economy.find([*names, *economy._base], x, z, a)
    found: dict = {}
    for t in d.agents:
        for good in d.goods if not t.outside else ():
            _book(found, d, t, good, v)
    more, scale = 0.0, 0.0
    for m in d.markets:
        p = v[f"{m.good}_price"]
        sums = {}
        for what, side in (("sold", m.sellers), ("earned", m.sellers),
                           ("bought", m.buyers), ("paid", m.buyers)):  # fmt: skip
            amounts = [v[traded(m, what, side, t)] for t in types(side)]
            sums[what] = sum(u.sum(-1) for u in amounts)
            for t, u in zip(types(side), amounts, strict=True):
                low = -namespace(u).clip(u, None, 0.0).sum(-1)
                found[f"market {m.good}: {what} of {t} below zero"] = low, abs(u).sum(-1)
        for name, into, out in (("goods", "bought", "sold"), ("money", "earned", "paid")):
            gap = sums[into] - sums[out]
            found[f"market {m.good}: {name}"] = gap, abs(sums[into]) + abs(sums[out])
        more = more + sums["paid"] - sums["earned"]
        scale = scale + abs(sums["paid"]) + abs(sums["earned"])
        low = -namespace(p).clip(p, None, 0.0).sum(-1)
        found[f"market {m.good}: price below zero"] = low, abs(p).sum(-1)
    if d.markets:
        found["all markets: money"] = more, scale
    return found


def _book(found, d, t, good, v):
    """The book of a type and a good."""
    entries = [(f.sign * v[f.variable], f.kind) for f in flows(d, t.name, good.name)]
    held = [s for s in t.stocks if s.good == good.name]
    entries += [((1 - good.δ) * v[s.name], "held") for s in held]
    entries += [(-v[f"{s.name}_next"], "kept") for s in held]
    if not entries:
        return
    own = [members(u, t.count) for u, _ in entries]
    gap, scale = sum(own), sum(abs(u) for u in own)
    name = f"{t.name}: {good.name}"
    if good.kind in SERVICES:  # what is not used is leisure
        gap = namespace(gap).clip(gap, None, 0.0)
    found[name] = gap, scale
    for s in held:
        u = v[f"{s.name}_next"]
        found[f"{t.name}: {s.name} below zero"] = (
            -namespace(u).clip(u, None, 0.0).sum(-1),
            abs(u).sum(-1),
        )
    if good.name in t.consumes:
        u = v[t.consumes[good.name]]
        if not t.outside and t.consumes[good.name] != t.utility:
            low = -namespace(u).clip(u, None, 0.0).sum(-1)
            found[f"{t.name}: {t.consumes[good.name]} below zero"] = low, abs(u).sum(-1)


def _total(u, count):
    """The sum over all members of a type of a variable of each, or of one for all."""
    return u.sum(-1) * (count / u.shape[-1])


def check_books(economy, x, z, a, t=0):
    """Refuse a period whose books do not balance.

    Raises
    ------
    ValueError
        At the first book in which something is missing: its size, the market or type, the period.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        found = books(economy, x, z, a)
    for name, (gap, scale) in found.items():
        gap, scale = np.asarray(gap), np.asarray(scale)
        right = abs(gap) <= TOLERANCE * np.maximum(scale, 1.0)
        if not right.all():
            size = float(f"{gap[~right].flat[0]:.4g}")
            cure = LESS if name.endswith("below zero") else UNEVEN
            require(**{f"period {t}: {name}": (size, False, cure)})


def audit(economy, rng, periods=50, copies=3):
    """Follow an economy under random choices, and check its books in every period.

    Parameters
    ----------
    economy : Constructed
    rng : numpy.random.Generator
    periods, copies : int

    Raises
    ------
    ValueError
        At the first violation, naming its size, the market or type, and the period.
    """
    require(economy=(type(economy).__name__, hasattr(economy, "exo"), BUILT),
            periods=(periods, whole(periods, 1), "an integer >= 1"))  # fmt: skip
    exo, da = economy.exo, max(s.width for s in economy.actions)
    x = economy.initial(rng.random((copies, len(economy.state))))
    i = exo.initial(rng.random((copies, exo.width)))
    for t in range(periods):
        z = exo.shocks(i)
        a = [padded(sample_action(s, rng, copies), da) for s in economy.actions]
        chosen = np.stack(a, -2)
        check_books(economy, x, z, chosen, t)
        with np.errstate(invalid="ignore", divide="ignore"):
            x, r = economy.step(x, z, chosen)
        finite = np.isfinite(r)
        odd = [economy.agents[k] for k in np.argwhere(~finite)[:1, -1]]
        require(**{f"period {t}: utility of {name}": ("not finite", False, FINITE) for name in odd})
        i = exo.next(i, rng.random((copies, exo.width)))


def accounting_matrix(economy, x, z, a):
    """Who paid whom in a period: a social accounting matrix.

    Parameters
    ----------
    economy : Constructed
    x, z, a : array (dx,), Shocks, array (n, da)
        One state, its shocks and choices.

    Returns
    -------
    names : list of str
        Of the accounts: the types, the markets, the numeraire, and what is saved of it.
    payments : array (m, m)
        Row i is paid by column j.  The sums of rows and columns agree where the books balance.

    Notes
    -----
    Saving takes in what a type keeps of the numeraire, and what it spends of it on making goods
    that it keeps in a stock, as a household does whose output becomes machines.
    """
    require(economy=(type(economy).__name__, hasattr(economy, "find"), BUILT))
    d = economy.description
    v = economy.find([*(n for e in economy.equations for n in e.finds), *economy._base], x, z, a)
    goods = [f"market for {m.good}" for m in d.markets]
    names = [*(t.name for t in d.agents), *goods, d.numeraire, "saving"]
    at = {name: k for k, name in enumerate(names)}
    paid = np.zeros((len(names), len(names)))
    for t in d.agents:
        me, keeps = at[t.name], {s.good for s in t.stocks} - {d.numeraire}
        invested = [tech.uses.get(d.numeraire) for tech in t.technologies if keeps & {*tech.makes}]
        for f in flows(d, t.name, d.numeraire):
            amount = float(_total(v[f.variable], t.count))
            if f.kind in ("earned", "paid"):
                other = at[f"market for {f.with_}"]
            elif f.kind in ("dividend", "profit"):
                continue
            else:
                other = at[d.numeraire]
            if f.kind == "used" and f.variable in invested:
                paid[at["saving"], me] += amount
                paid[other, at["saving"]] += amount
                continue
            paid[(me, other) if f.sign > 0 else (other, me)] += amount
        for owner, share in t.owners.items():
            paid[at[owner], me] += share * float(_total(v[f"{t.name}_profit"], t.count))
        for s in (s for s in t.stocks if s.good == d.numeraire):
            kept = float((v[f"{s.name}_next"] - v[s.name]).sum(-1))
            paid[at["saving"], me] += kept
            paid[at[d.numeraire], at["saving"]] += kept
    for t in (t for t in d.agents if t.outside):
        me = at[t.name]  # its books are not kept: what it gains or loses is the numeraire's
        paid[at[d.numeraire], me] += paid[me].sum() - paid[:, me].sum()
    _close(paid, at[d.numeraire], [at[t.name] for t in d.agents if t.outside])
    return names, paid


def _close(paid, numeraire, outside):
    """What comes from outside enters, and what goes there leaves, by the numeraire's account."""
    for me in outside:
        if paid[numeraire, me] < 0:
            paid[me, numeraire] -= paid[numeraire, me]
            paid[numeraire, me] = 0.0
