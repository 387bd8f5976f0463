"""From a description to an economy that keeps the contract."""

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketsai_lite.constructor.equations import Equation, needed, ordered
from marketsai_lite.constructor.flows import derived, endowment, written
from marketsai_lite.constructor.trade import markets, members, side_by_side
from marketsai_lite.constructor.validate import validate
from marketsai_lite.constructor.words import Choice, Description, Seen, Split, chosen, rows
from marketsai_lite.economy import (
    Box,
    Exogenous,
    Grid,
    Group,
    constant,
    index,
    like,
    namespace,
    padded,
)
from marketsai_lite.require import require

SPREAD = 0.2  # of a stock around its center, by which observations are scaled


def build(description: Description, *, planner: bool = False):
    """Compile a description to an economy.

    Parameters
    ----------
    description : Description
    planner : bool
        Whether one planner, who sees everything and maximizes mean utility, makes all choices.

    Returns
    -------
    Constructed
        An economy like every other: views, agents and `check_economy` take it.

    Raises
    ------
    ValueError
        If the description is not whole.  The error names the object, its field and the cure.
    """
    validate(description)
    economy = Constructed(description, planner)
    _try(economy)
    return economy


@dataclass(frozen=True, eq=False)
class Constructed:
    """An economy that was built from a description.

    Parameters
    ----------
    description : Description
        What it was built from.
    planner : bool
        Whether one planner makes all choices.

    Attributes
    ----------
    agents, state, actions, groups, exo, β
        As of every economy.
    equations : tuple of Equation
        All of them, in the order in which they are computed.
    widths : dict
        Number of members of every variable: 1 where it is everybody's.
    """

    description: Description
    planner: bool = False
    exo: Exogenous = field(init=False, repr=False)
    agents: tuple[str, ...] = field(init=False, repr=False)
    state: tuple[str, ...] = field(init=False, repr=False)
    actions: tuple = field(init=False, repr=False)
    groups: tuple[Group, ...] = field(init=False, repr=False)
    equations: tuple[Equation, ...] = field(init=False, repr=False)
    widths: dict = field(init=False, repr=False)

    def __post_init__(self):
        d = self.description
        acting = [t for t in d.agents if t.choices]
        exo, aggregate, own = _chains(d)
        base, states = _bases(d, acting, aggregate, own)
        if self.planner:
            base |= {
                n: functools.partial(_planned, choice=f, layout=_layout(acting, k))
                for k, t in enumerate(acting)
                for n, f in _choices(t, slice(0, t.count)).items()
            }
        order = ordered(written(d) + derived(d) + markets(d))
        default = [f"{m.good}_price" for m in d.markets]
        default += [e.name for e in order if str(e.name).endswith("_dividend")]
        takes = tuple(default if d.takes is None else d.takes)
        given = [f"{m.good}_price" for m in d.markets if f"{m.good}_price" in takes]
        settled = ordered(written(d) + derived(d) + markets(d, given))
        self._set(exo=exo, equations=tuple(order), widths={}, _base=base, _states=states,
                  _takes=takes, _order=(order, settled), _plans={}, _acting=acting,
                  _scales=(aggregate, own), _known={**d.parameters})  # fmt: skip
        names = {t.name: tuple(f"{t.name} {i + 1}" for i in range(t.count)) for t in d.agents}
        self._set(
            state=tuple(
                f"{'log ' * s.log}{s.name} of {names[t.name][i]}"
                for t, ss in states
                for i in range(t.count)
                for s in ss
            )
        )
        if not takes:
            self._set(market=None)
        sets = {t.name: _action_sets(t) for t in acting}
        if self.planner:
            boxes = [s for t in acting for s in sets[t.name]]
            low, high = (np.concatenate([b[k] for b in boxes]) for k in (0, 1))
            self._set(agents=("planner",), actions=(Box(low, high),))
        else:
            self._set(
                agents=tuple(n for t in acting for n in names[t.name]),
                actions=tuple(s for t in acting for s in sets[t.name]),
            )
        self._set(_seen=[self._information(t) for t in acting])
        self._set(groups=None)

    def _set(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def β(self):
        """Discount factor."""
        return self.description.β

    def initial(self, u):
        """Uniforms (..., dx) to a first state (..., dx)."""
        columns, start = [], 0
        for t, states in self._states:
            for i in range(t.count):
                for s in states:
                    columns.append(_begin(s, i, t.count, u[..., start]))
                    start += 1
        return namespace(u).stack(columns, -1) if columns else u

    def market(self, x, z, a):
        """Prices, and profits that are paid out, side by side."""
        v = self.find(self._takes, x, z, a)
        return side_by_side([v[name] for name in self._takes])

    def step(self, x, z, a, m=None):
        """State, shocks, actions and prices to next state and rewards."""
        nexts = [[_next(s) for s in states] for _, states in self._states]
        utilities = [t.utility for t in self._acting]
        v = self.find([n for names in nexts for n in names] + utilities, x, z, a, m)
        rewards = [
            members(v[t.utility], t.count) for t in self._acting
        ]
        parts = []
        for (t, states), names in zip(self._states, nexts, strict=True):
            one = [
                (namespace(x).log(v[n]) if s.log else members(v[n], t.count))
                for s, n in zip(states, names, strict=True)
            ]
            parts.append(one[0] if len(one) == 1 else _flat(namespace(x).stack(one, -1)))
        r = side_by_side(rewards)
        x1 = side_by_side(parts) if parts else x
        return x1, (r.mean(-1)[..., None] if self.planner else r)

    def observe(self, x, z):
        """What each agent sees, normalized: (..., n, do)."""
        if self.planner:
            return self._everything(x, z)
        plan = {s.name for seen in self._seen for s in seen}
        v = self.find(plan, x, z, None)
        blocks = [
            _block(seen, v, t.count) for t, seen in zip(self._acting, self._seen, strict=True)
        ]
        if len(blocks) == 1:
            return blocks[0]
        width = max(b.shape[-1] for b in blocks)
        return namespace(x).concatenate([padded(b, width) for b in blocks], -2)

    def accounts(self, x, z, a):
        """Every variable: of each agent, or in sum where a type is not all of the agents."""
        v = self.find([n for e in self.equations for n in e.finds], x, z, a)
        n = len(self.agents)
        return {
            name: value[..., 0] if value.shape[-1] == 1 else value if value.shape[-1] == n
            and n > 1 else value.sum(-1)
            for name, value in v.items()
            if name not in self._known
        }  # fmt: skip

    def find(self, names, x, z, a, m=None):
        """Values of the variables `names`, and of what they need, by name.

        Parameters
        ----------
        names : iterable of str
        x, z, a, m
            As of `step`; `a` may be None where nothing depends on choices.
        """
        key = (tuple(names), m is not None)
        if key not in self._plans:
            known = self._takes if m is not None else ()
            plan = needed(self._order[m is not None], names, known)
            base = {n for e in plan for n in e.needs} | set(names)
            self._plans[key] = [(n, f) for n, f in self._base.items() if n in base], plan
        base, plan = self._plans[key]
        v = dict(self._known)
        if m is not None:
            start = 0
            for name in self._takes:
                v[name] = m[..., start : start + self.widths[name]]
                start += self.widths[name]
        for name, f in base:
            v[name] = f(x, z, a)
        for eq in plan:
            value = eq.function(*[v[n] for n in eq.needs])
            if type(eq.name) is str:
                v[eq.name] = value
            else:
                v.update(zip(eq.name, value, strict=True))
        return v

    def _information(self, t):
        """What a type sees, with every scale filled in and logs where states are logs."""
        return [_scaled(self.description, s, self._scales) for s in t.sees]

    def _everything(self, x, z):
        o, seen = [], []
        for t, states in self._states:
            for _ in range(t.count):
                seen += [_scaled(self.description, s.name, self._scales) for s in states]
        if seen:
            center, spread = (np.array([getattr(s, k) for s in seen]) for k in ("center", "spread"))
            o = [(x - like(center, x)) / like(spread, x)]
        aggregate, own = self._scales
        o += [(z.own[..., j] - c) / h for j, (c, h) in own.values()]
        o += [(z.aggregate[..., j : j + 1] - c) / h for j, (c, h) in aggregate.values()]
        return namespace(x).concatenate(o, -1)[..., None, :]


def _chains(d):
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


def _scale(values):
    """Mid-range and half range; a constant becomes 0."""
    middle = (values.min() + values.max()) / 2
    return float(middle), float(values.max() - middle) or 1.0


def _bases(d, acting, aggregate, own):
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
        base |= _choices(t, slice(first, first + t.count))
        first += t.count
    return base, states


class _Kept:
    """A memory, read as a state like stocks."""

    log = False

    def __init__(self, memory):
        self.memory, self.name = memory, memory.name


def _next(s):
    return s.memory.of if isinstance(s, _Kept) else f"{s.name}_next"


def _aggregate(x, z, a, j):
    return z.aggregate[..., j : j + 1]


def _own(x, z, a, j):
    return z.own[..., j]


def _state(x, z, a, where, log):
    return namespace(x).exp(x[..., where]) if log else x[..., where]


def _constant(x, z, a, value, count):
    each = 0 * z.aggregate[..., :1] + like(np.asarray(value, dtype=float), z.aggregate)
    return each + 0 * each if each.shape[-1] == count else members(each, count)


def _choices(t, members):
    """Variables that a type chooses, each a function of (x, z, a)."""
    found, column = {}, 0
    for c in t.choices:
        if isinstance(c, Choice):
            found[c.name] = functools.partial(_choice, members=members, column=column)
            column += 1
            continue
        where = slice(column, column + len(c.names) - 1)
        for k, name in enumerate(c.names):
            found[name] = functools.partial(_part, members=members, where=where, k=k)
        column = where.stop
    return found


def _choice(x, z, a, members, column):
    return a[..., members, column]


def _part(x, z, a, members, where, k):
    e = namespace(a).exp(a[..., members, where])
    rest = e.sum(-1) + 1.0
    return (e[..., k] if k < e.shape[-1] else 1.0) / rest


def _layout(acting, k):
    """Of the planner's action: where type k begins, its members, and how long each one's is."""
    widths = [sum(len(chosen(c)) - isinstance(c, Split) for c in t.choices) for t in acting]
    first = sum(t.count * w for t, w in zip(acting[:k], widths, strict=False))
    return first, acting[k].count, widths[k]


def _planned(x, z, a, choice, layout):
    first, count, width = layout
    mine = a[..., 0, first : first + count * width]
    return choice(x, z, mine.reshape(*mine.shape[:-1], count, width))


def _flat(v):
    return v.reshape(*v.shape[:-2], v.shape[-2] * v.shape[-1])


def _begin(s, i, count, u):
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


def _action_sets(t):
    """The action set of each member of a type."""
    if isinstance(t.choices[0], Choice) and t.choices[0].grid is not None:
        return [Grid(row[:, None]) for row in rows(t.choices[0].grid, t.count)]
    low, high = [], []
    for c in t.choices:
        if isinstance(c, Choice):
            low, high = [*low, c.low], [*high, c.high]
        else:
            low = low + [-c.reach] * (len(c.names) - 1)
            high = high + [c.reach] * (len(c.names) - 1)
    return [Box(np.array(low, dtype=float), np.array(high, dtype=float))] * t.count


def _scaled(d, seen, scales):
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


def _block(seen, v, count):
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


def _try(economy):
    """Compute everything once, on three first states: shapes must fit, and books must balance."""
    d, rng = economy.description, np.random.default_rng(0)
    x = economy.initial(rng.random((3, len(economy.state))))
    z = economy.exo.shocks(economy.exo.initial(rng.random((3, economy.exo.width))))
    da = max(s.width for s in economy.actions)
    a = np.stack(
        [padded(np.stack([_drawn(s, rng) for _ in range(3)]), da) for s in economy.actions], -2
    )
    v = dict(economy._known)
    v |= {name: f(x, z, a) for name, f in economy._base.items()}
    for eq in economy.equations:
        try:
            with np.errstate(all="ignore"):
                value = eq.function(*[v[k] for k in eq.needs])
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            cure = f"a function of arrays (..., members) of {', '.join(eq.needs)}"
            raise ValueError(f"equation of {eq.name}={problem!r}: must be {cure}") from error
        v.update({eq.name: value} if type(eq.name) is str else zip(eq.name, value, strict=True))
    permitted = {1, *(t.count for t in d.agents)}
    for name, value in v.items():
        if name in economy._known:
            continue
        shape = np.shape(value)
        right = len(shape) == 2 and shape[0] == 3 and shape[1] in permitted
        cure = f"(3, members) on 3 copies, with members in {sorted(permitted)}: use total and mean"
        require(**{f"{name}: shape": (shape, right, cure)})
        economy.widths[name] = shape[1]
    for t in d.agents:
        fits = [(t.utility, "utility")] * bool(t.choices)
        fits += [(f"{s.name}_next", "stocks") for s in t.stocks]
        fits += [(m.of, "memories") for m in t.memories]
        for name, what in fits:
            right = economy.widths[name] in (1, t.count)
            cure = f"{t.count}, one of each member, or 1; it is of another type"
            require(**{f"{t.name}: {what} {name}: members": (economy.widths[name], right, cure)})
    groups, first = [], 0
    if economy.planner:
        o = economy.observe(x, z)
        groups = [Group("planner", slice(0, 1), economy.actions[0], o.shape[-1])]
    else:
        for t, seen in zip(economy._acting, economy._seen, strict=True):
            sees = _block(seen, economy.find([s.name for s in seen], x, z, None), t.count).shape[-1]
            sets = economy.actions[first : first + t.count]
            groups.append(Group(t.name, slice(first, first + t.count), sets[0], sees))
            first += t.count
    alike = all(
        all(np.array_equal(u, w) for u, w in zip(economy.actions[k], g.actions, strict=True))
        for g in groups for k in range(g.members.start, g.members.stop)
    )  # fmt: skip
    object.__setattr__(economy, "groups", tuple(groups) if alike else None)


def _drawn(s, rng):
    """A random action of a set."""
    if isinstance(s, Grid):
        return s.values[rng.integers(len(s.values))]
    return rng.uniform(s.low, s.high)
