"""Where the variables stand that equations start from: states, shocks and choices."""

import functools

import numpy as np

from marketsai_lite.constructor.flows import endowment
from marketsai_lite.constructor.trade import members
from marketsai_lite.constructor.words import Choice, Split, chosen, rows
from marketsai_lite.economy import (
    Box,
    Exogenous,
    Grid,
    constant,
    index,
    like,
    namespace,
    stationary,
)


def chains(d):
    """All processes as one chain, and where each variable stands in it, with its scale."""
    if not d.processes:
        return constant(0.0), {}, {}
    values, P, names = np.zeros((1, 0)), np.ones((1, 1)), []
    for p in d.processes:
        m, k = len(values), len(p.chain.values)
        values = np.hstack([np.repeat(values, k, 0), np.tile(p.chain.values, (m, 1))])
        P = np.kron(P, p.chain.transition)
        names += p.names
    own = next((p for p in d.processes if p.own), None)
    scale = {n: (j, _scale(values[:, j])) for j, n in enumerate(names)}
    if own is None:
        return Exogenous(values, P), scale, {}
    Q = own.chain.own_transition
    if len(d.processes) > 1:  # the chain that own shocks move with is one factor of the product
        at = np.arange(len(values))
        for p in reversed(d.processes):
            if p is own:
                break
            at = at // len(p.chain.values)
        at = at % len(own.chain.values)
        Q = Q[at[:, None], at[None, :]]
    count = d.type(own.of).count
    exo = Exogenous(values, P, own.chain.own_values, Q, count)
    return exo, scale, {n: (j, _scale(own.chain.own_values[:, j])) for j, n in enumerate(own.own)}


def long_run(chain):
    """Means of a chain's values in the long run: of what all share, and of what each draws."""
    means = stationary(chain.transition) @ chain.values
    if chain.own_values is None:
        return means, np.zeros(0)
    alone = Exogenous(chain.values, chain.transition, chain.own_values, chain.own_transition, 1)
    states, P = alone.joint()
    return means, stationary(P) @ chain.own_values[states[:, 1]]


def _scale(values):
    """Mid-range and half range; a constant becomes 0."""
    middle = (values.min() + values.max()) / 2
    return float(middle), float(values.max() - middle) or 1.0


def bases(d, acting, aggregate, own):
    """What equations start from, each a function of (x, z, a), and the states of each type."""
    base, states, start = {}, [], 0
    for n, (j, _) in aggregate.items():
        base[n] = functools.partial(_aggregate, j=j)
    for n, (j, _) in own.items():
        base[n] = functools.partial(_own, j=j)
    for t in d.agents:
        for good, what in t.endowment.items():
            if not isinstance(what, str):
                base[endowment(t, good)] = functools.partial(_constant, value=what, count=t.count)
        held = (*t.stocks, *(_Kept(m) for m in t.memories))
        if not held:
            continue
        states.append((t, held))
        stop = start + t.count * len(held)
        for j, s in enumerate(held):
            where = slice(start + j, stop, len(held))
            base[s.name] = functools.partial(_state, where=where, log=s.log)
            if s.log:
                base[f"log_{s.name}"] = functools.partial(_state, where=where, log=False)
        start = stop
    first = 0
    for t in acting:
        base |= choices(t, slice(first, first + t.count))
        first += t.count
    return base, states


class _Kept:
    """A memory, read as a state like stocks."""

    log = False

    def __init__(self, memory):
        self.memory, self.name = memory, memory.name


def follows(s):
    """Return the variable that a state becomes."""
    return s.memory.of if isinstance(s, _Kept) else f"{s.name}_next"


def _aggregate(x, z, a, j):
    return z.aggregate[..., j : j + 1]


def _own(x, z, a, j):
    return z.own[..., j]


def _state(x, z, a, where, log):
    return namespace(x).exp(x[..., where]) if log else x[..., where]


def _constant(x, z, a, value, count):
    each = 0 * z.aggregate[..., :1] + like(np.asarray(value, dtype=float), z.aggregate)
    return members(each, count)


def choices(t, where):
    """Variables that a type chooses, each a function of (x, z, a)."""
    found, column = {}, 0
    for c in t.choices:
        if isinstance(c, Choice):
            found[c.name] = functools.partial(_choice, who=where, column=column)
            column += 1
            continue
        columns = slice(column, column + len(c.names) - 1)
        for k, name in enumerate(c.names):
            found[name] = functools.partial(_part, who=where, columns=columns, k=k)
        column = columns.stop
    return found


def _choice(x, z, a, who, column):
    return a[..., who, column]


def _part(x, z, a, who, columns, k):
    e = namespace(a).exp(a[..., who, columns])
    rest = e.sum(-1) + 1.0
    return (e[..., k] if k < e.shape[-1] else 1.0) / rest


def layout(acting, k):
    """Of the planner's action: where type k begins, its members, and how long each one's is."""
    widths = [sum(len(chosen(c)) - isinstance(c, Split) for c in t.choices) for t in acting]
    first = sum(t.count * w for t, w in zip(acting[:k], widths, strict=False))
    return first, acting[k].count, widths[k]


def planned(x, z, a, choice, layout):
    """Return what a planner chooses for one type, whose `choice` is a function of (x, z, a)."""
    first, count, width = layout
    mine = a[..., 0, first : first + count * width]
    return choice(x, z, mine.reshape(*mine.shape[:-1], count, width))


def begin(s, i, count, u):
    """A first state from uniforms `u` (...)."""
    if isinstance(s, _Kept):
        m = s.memory
        if m.grid is None:
            return m.center * (m.begins[0] + (m.begins[1] - m.begins[0]) * u)
        grid = rows(m.grid, count)[i]
        return like(grid, u)[index(u, len(grid))]
    low, high = s.begins
    if s.even == "logs":
        v = np.log(s.center) + np.log(low) + (np.log(high) - np.log(low)) * u
        return v if s.log else namespace(u).exp(v)
    v = s.center * (low + (high - low) * u)
    return namespace(u).log(v) if s.log else v


def action_sets(t):
    """The action set of each member of a type."""
    if isinstance(t.choices[0], Choice) and t.choices[0].grid is not None:
        return [Grid(row[:, None]) for row in rows(t.choices[0].grid, t.count)]
    low: list[float] = []
    high: list[float] = []
    for c in t.choices:
        if isinstance(c, Choice):
            low, high = [*low, c.low], [*high, c.high]
        else:
            low = low + [-c.reach] * (len(c.names) - 1)
            high = high + [c.reach] * (len(c.names) - 1)
    return [Box(np.array(low, dtype=float), np.array(high, dtype=float))] * t.count
