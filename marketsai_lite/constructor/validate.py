"""What a description must be before anything runs; every error names the object and the cure."""

import numpy as np

from marketsai_lite.constructor.equations import needed, ordered
from marketsai_lite.constructor.flows import derived, endowment, flows, written
from marketsai_lite.constructor.sides import hold, sides
from marketsai_lite.constructor.trade import markets
from marketsai_lite.constructor.variables import long_run
from marketsai_lite.constructor.words import (
    KINDS,
    SERVICES,
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Memory,
    Process,
    Seen,
    Split,
    Stock,
    Technology,
    chosen,
    rows,
)
from marketsai_lite.economy import Exogenous
from marketsai_lite.require import number, require, whole

MEAN = 1e-8  # by which the mean of a process may miss what it is said to be
ENTRIES = {"goods": (Good,), "agents": (Agents,), "markets": (Market,), "processes": (Process,)}
OF_AGENTS = {"choices": (Choice, Split), "sees": (Seen, str), "stocks": (Stock,),
             "memories": (Memory,), "technologies": (Technology,)}  # fmt: skip


def validate(d: Description) -> None:
    """Refuse a description that is not whole.

    Raises
    ------
    ValueError
        At the first rule that is broken, naming the object, the field and the cure.
    """
    right = "a Description of goods, agents and markets"
    require(description=(d, isinstance(d, Description), right))
    for rule in (_words, _goods, _agents, _processes, _owners, sides, _equations, _sources, _seen):
        rule(d)


def _entries(where, value, kinds):
    """A field is a tuple, and its entries are of the right kinds."""
    plain = isinstance(value, tuple) and not hasattr(value, "_fields")  # a Choice is a tuple too
    hold(where, value, plain, "a tuple; one entry alone is (entry,)")
    for entry in value if kinds else ():
        names = " or ".join(kind.__name__ for kind in kinds)
        hold(where, entry, isinstance(entry, kinds), f"a tuple of {names}")


def _words(d):
    """Names are known, distinct and usable as names of variables."""
    hold("β", d.β, 0 <= number(d.β) < 1, "in [0, 1)")
    for field in ("goods", "agents", "markets", "processes", "equations"):
        _entries(field, getattr(d, field), ENTRIES.get(field))
    for field in ("goods", "agents"):
        names = [entry.name for entry in getattr(d, field)]
        hold(field, names, names and len(set(names)) == len(names), "at least one, distinct names")
        for name in names:
            right = isinstance(name, str) and name.isidentifier()
            hold(f"{field}: name", name, right, "a word of letters, as it is part of variables")
    goods = [m.good for m in d.markets]
    hold("markets", goods, len(set(goods)) == len(goods), "at most one market for each good")


def _goods(d):
    for g in d.goods:
        hold(f"good {g.name}: kind", g.kind, g.kind in KINDS, f"one of {KINDS}")
        hold(f"good {g.name}: δ", g.δ, 0 <= number(g.δ) <= 1, "in [0, 1]")
        right = g.δ == 0 or g.kind == "durable"
        hold(f"good {g.name}: δ", g.δ, right, f"0: a {g.kind} good is not kept; or be durable")
    money = [g.name for g in d.goods if g.kind == "numeraire"]
    cure = "exactly one good of kind 'numeraire', in which everything is paid"
    hold("goods: numeraire", money, len(money) == 1, cure)


def _agents(d):
    goods = {g.name: g for g in d.goods}
    hold("agents", [t.name for t in d.agents], any(t.choices for t in d.agents),
          "such that at least one type has choices")  # fmt: skip
    for t in d.agents:
        me = f"agents {t.name}"
        right = whole(t.count, 1) and not isinstance(t.count, float)
        hold(f"{me}: count", t.count, right, "an integer >= 1")
        for field, kinds in OF_AGENTS.items():
            _entries(f"{me}: {field}", getattr(t, field), kinds)
        held = {**t.endowment, **t.consumes, **{s.good: 0 for s in t.stocks}}
        for technology in t.technologies:
            held |= {**technology.makes, **technology.uses}
        for name in held:
            hold(f"{me}: good", name, name in goods, f"one of the goods {sorted(goods)}")
        for s in t.stocks:
            kept = ("durable", "land", "numeraire")
            kind = goods[s.good].kind
            hold(f"{me}: stock {s.name}", kind, kind in kept, f"of a good of kind {kept}: a "
                  f"{kind} good is not carried to the next period")  # fmt: skip
            low, high = s.begins
            right = 0 < number(s.center) < np.inf and 0 < number(low) < number(high) < np.inf
            hold(f"{me}: stock {s.name}: begins", (s.center, s.begins), right,
                  "a positive center, and begins with 0 < low < high")  # fmt: skip
            hold(f"{me}: stock {s.name}: even", s.even, s.even in ("levels", "logs"),
                  "'levels' or 'logs'")  # fmt: skip
        if t.choices:
            cure = "the variable that it maximizes; log_utility('c') finds one named 'utility'"
            hold(f"{me}: utility", t.utility, t.utility, cure)
            cure = "at least one variable: it chooses blindly; let it see its endowment or a Memory"
            hold(f"{me}: sees", t.sees, t.sees, cure)
            hold(f"{me}: outside", t.outside, not t.outside, "False: who chooses keeps books")
        else:
            hold(f"{me}: sees", t.sees, not t.sees, "(): without choices it needs no information")
        grids = [c for c in t.choices if isinstance(c, Choice) and c.grid is not None]
        hold(f"{me}: choices", t.choices, not grids or len(t.choices) == 1,
              "one grid alone, or no grid")  # fmt: skip
        for c in t.choices:
            _choice(t, c)


def _choice(t, c):
    where = f"agents {t.name}: choice {'/'.join(chosen(c))}"
    if isinstance(c, Split):
        hold(where, c.names, len(c.names) >= 2, "at least two shares")
        hold(f"{where}: reach", c.reach, 0 < number(c.reach) < np.inf, "positive")
    elif c.grid is not None:
        grid = rows(c.grid, t.count)
        right = grid.ndim == 2 and len(grid) == t.count and np.isfinite(grid).all()
        hold(f"{where}: grid", grid.shape, right, f"(m,), or one row for each of {t.count}")
    else:
        right = -np.inf < number(c.low) < number(c.high) < np.inf
        hold(f"{where}: bounds", (c.low, c.high), right, "finite, low < high")


def _processes(d):
    owners = []
    for p in d.processes:
        me = f"process {'/'.join((*p.names, *p.own))}"
        hold(f"{me}: chain", p.chain, isinstance(p.chain, Exogenous), "an Exogenous, as by ar1")
        width = p.chain.values.shape[1]
        hold(f"{me}: names", p.names, len(p.names) == width, f"{width}, one for each column")
        own = 0 if p.chain.own_values is None else p.chain.own_values.shape[1]
        hold(f"{me}: own", p.own, len(p.own) == own, f"{own}, one for each column of own_values")
        if own:
            owners.append(p.of)
            known = p.of in [t.name for t in d.agents]
            hold(f"{me}: of", p.of, known, "a type of agents, who draw it for themselves")
        means = np.concatenate(long_run(p.chain))
        hold(f"{me}: mean", p.mean, len(p.mean) == len(means), f"{len(means)} numbers")
        for name, said, found in zip((*p.names, *p.own), p.mean, means, strict=True):
            right = abs(said - found) <= MEAN * max(1.0, abs(found))
            cure = f"the chain's long-run mean, {found:.10g}; a one-sided shock has another one"
            hold(f"process {name}: mean", said, right, cure)
    hold("processes: own", owners, len(owners) <= 1, "of at most one type")


def _owners(d):
    names = [t.name for t in d.agents]
    for t in d.agents:
        me = f"agents {t.name}: owners"
        for owner in t.owners:
            hold(me, owner, owner in names and owner != t.name, f"another type, of {names}")
        if t.owners:
            share = sum(t.owners.values())
            cure = f"shares that sum to 1, not {share:g}: a profit is paid once, and whole"
            right = abs(share - 1) < 1e-12 and min(t.owners.values()) >= 0
            hold(me, dict(t.owners), right, cure)
        left = t.consumes.get(d.numeraire)
        right = not (t.owners and left) or any(left in eq.finds for eq in written(d))
        cure = f"without {d.numeraire}, or owners={{}}: what is left is either consumed or paid out"
        hold(f"agents {t.name}: consumes", dict(t.consumes), right, cure)
        money = flows(d, t.name, d.numeraire)
        trades = [f for f in money if f.kind in ("earned", "paid")]
        ends = [f for f in money if f.kind in ("consumed", "profit")]
        stock = any(s.good == d.numeraire for s in t.stocks)
        cure = (
            f"given: what it earns and spends leaves a profit that nobody owns; name who does in "
            f"owners, or let it consume {d.numeraire} or keep a stock of it"
        )
        strict = trades and not t.choices and not t.outside and not stock
        hold(me, dict(t.owners), not strict or ends, cure)


def _equations(d):
    """Variables are found once, needed variables are found, nothing runs in a circle."""
    found: dict[str, str] = {}
    for name, by in _found(d):
        hold(f"variable {name}", f"found by {found.get(name)} and {by}", name not in found,
              "found once: rename one of them")  # fmt: skip
        found[name] = by
    future = {f"{s.name}_next" for t in d.agents for s in t.stocks}
    for eq in written(d):
        for need in eq.needs:
            base, _, tail = need.rpartition("_")
            later = tail == "next" and base in found and need not in future
            cure = f"{base}, as it is today: tomorrow's is not known; a Memory keeps yesterday's"
            hold(f"equation of {eq.name}: needs", need, not later, cure)
            cure = "found by an equation, chosen, a stock, a process or a parameter"
            hold(f"equation of {eq.name}: needs", need, need in found, cure)
    uses = [(f"agents {t.name}: utility", t.utility) for t in d.agents if t.choices]
    uses += [(f"agents {t.name}: memory {m.name}", m.of) for t in d.agents for m in t.memories]
    for t in d.agents:
        for technology in t.technologies:
            both = (*technology.makes.items(), *technology.uses.items())
            uses += [(f"agents {t.name}: technology: {g}", v) for g, v in both]
        uses += [(f"agents {t.name}: endowment", v)
                 for v in t.endowment.values() if isinstance(v, str)]  # fmt: skip
    for m in d.markets:
        for side, brings in (("sell", m.sell), ("buy", m.buy)):
            for what in brings.values():
                names = (what,) if isinstance(what, str) else what
                uses += [(f"market {m.good}: {side}", name) for name in names]
    for where, name in uses:
        right = name in found and name not in d.parameters
        hold(where, name, right, "a variable, and not a parameter: let an equation find it")
    needs = {n for eq in ordered(written(d) + derived(d) + markets(d)) for n in eq.needs}
    needs |= {name for _, name in uses}
    for t in d.agents:
        for c in t.choices:
            unused = [n for n in chosen(c) if n not in needs]
            rest = isinstance(c, Split)  # one of the shares may be what is left
            cure = "needed by an equation, a market or a memory; or leave it out"
            for name in unused[rest:]:
                hold(f"agents {t.name}: choice {name}: used", "nowhere", False, cure)


def _found(d):
    """Every variable, and what finds it."""
    yield from ((name, "parameters") for name in d.parameters)
    yield from ((n, "a process") for p in d.processes for n in (*p.names, *p.own))
    for t in d.agents:
        yield from ((s.name, f"a stock of {t.name}") for s in t.stocks)
        yield from ((f"log_{s.name}", f"a stock of {t.name}") for s in t.stocks if s.log)
        yield from ((m.name, f"a memory of {t.name}") for m in t.memories)
        yield from ((n, f"a choice of {t.name}") for c in t.choices for n in chosen(c))
        yield from ((endowment(t, g), f"an endowment of {t.name}")
                    for g, v in t.endowment.items() if not isinstance(v, str))  # fmt: skip
    for eq in (*written(d), *derived(d), *markets(d)):
        yield from ((name, "an equation") for name in eq.finds)


def _sources(d):
    """Goods come from somewhere, and go somewhere."""
    kinds = {g.name: g.kind for g in d.goods}
    for good in kinds:
        book = [f for t in d.agents for f in flows(d, t.name, good)]
        outside = any(t.outside for t in d.agents)
        stock = any(s.good == good for t in d.agents for s in t.stocks)
        into = [f for f in book if f.kind in ("endowment", "made")] or stock or outside
        cure = "an endowment, a stock or a technology that makes it: nobody has it to sell"
        hold(f"good {good}: sources", [], into, cure)
        out = [f for f in book if f.kind in ("used", "consumed")] or stock or outside
        cure = "a type that consumes it, or a technology that uses it: nobody wants it"
        hold(f"good {good}: uses", [], out, cure)
    for t in d.agents:
        if t.outside:
            continue
        for good, kind in kinds.items():
            book = flows(d, t.name, good)
            holds = any(s.good == good for s in t.stocks)
            come = holds or any(f.sign > 0 for f in book)
            gone = holds or any(f.sign < 0 for f in book) or kind in SERVICES
            me = f"agents {t.name}: good {good}"
            gives = [f.kind for f in book if f.sign < 0]
            cure = "something that it has: it has no market to buy it, no endowment, no technology"
            hold(me, gives, come or not gives, cure)
            gets = [f.kind for f in book if f.sign > 0]
            cure = "consumed, used, sold or kept: else it vanishes"
            hold(me, gets, gone or not gets, cure)


def _seen(d):
    """What is seen is there before choices are made, and what is used is seen."""
    order = ordered(written(d) + derived(d) + markets(d))
    choices = {n for t in d.agents for c in t.choices for n in chosen(c)}
    found = {name for name, _ in _found(d)}
    states = {s.name for t in d.agents for s in (*t.stocks, *t.memories)}
    states |= {n for p in d.processes for n in (*p.names, *p.own)}
    own = {n: p.of for p in d.processes for n in p.own}
    own |= {s.name: t.name for t in d.agents for s in (*t.stocks, *t.memories)}
    seen = set()
    for t in d.agents:
        for s in t.sees:
            s = Seen(s) if isinstance(s, str) else s
            me = f"agents {t.name}: sees"
            hold(me, s.name, s.name in found, "a variable of the description")
            cure = "a variable: a parameter is always the same, and tells nobody anything"
            hold(me, s.name, s.name not in d.parameters, cure)
            hold(f"{me} {s.name}: of", s.of, s.of in ("own", "all", "own first"),
                  "'own', 'all' or 'own first'")  # fmt: skip
            right = s.spread is None or 0 < number(s.spread) < np.inf
            hold(f"{me} {s.name}: spread", s.spread, right, "positive")
            chain = needed(order, [s.name])
            needs = {s.name} | {n for eq in chain for n in eq.needs}
            late = sorted(needs & choices)
            cure = (
                f"known before anybody chooses, but it depends on {', '.join(late)}: let a Memory "
                f"keep it, and see it a period later"
            )
            hold(me, s.name, not late, cure)
            private = s.of == "own" and own.get(s.name, t.name) != t.name
            one = private and d.type(own[s.name]).count not in (1, t.count)
            hold(me, s.name, not one, "of='all': it belongs to another type")
            seen |= {n.removeprefix("log_") for n in needs}
    for name in d.hidden:
        hold("hidden", name, name in states, "a stock, a memory or a process")
    used = {n.removeprefix("log_") for eq in order for n in eq.needs}
    for name in sorted(states & used):
        cure = "seen by some type that chooses, or named in hidden=(...): it is used"
        hold(f"state {name}: seen", "by nobody", name in seen or name in d.hidden, cure)
