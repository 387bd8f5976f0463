"""From a description to an economy that keeps the contract."""

import functools
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from marketsai_lite.constructor.equations import Equation, needed, ordered
from marketsai_lite.constructor.flows import derived, written
from marketsai_lite.constructor.information import block, scaled
from marketsai_lite.constructor.ledger import audit
from marketsai_lite.constructor.trade import markets, members, side_by_side
from marketsai_lite.constructor.validate import validate
from marketsai_lite.constructor.variables import (
    action_sets,
    bases,
    begin,
    chains,
    choices,
    follows,
    layout,
    planned,
)
from marketsai_lite.constructor.words import Agents, Description
from marketsai_lite.economy import (
    Box,
    Exogenous,
    Group,
    Shocks,
    like,
    namespace,
    padded,
    sample_action,
)
from marketsai_lite.require import require


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
    choices = (c for t in description.agents for c in t.choices)
    grids = [c.name for c in choices if getattr(c, "grid", None) is not None]
    right = f"False: a planner chooses numbers, and {grids} are chosen on grids"
    require(planner=(planner, not (planner and grids), right))
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
    exo : Exogenous
        Shocks, as of every economy.
    agents, state, actions, groups : tuple
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
    widths: dict[str, int] = field(init=False, repr=False)
    _acting: list[Agents] = field(init=False, repr=False)  # types that choose
    _states: list = field(init=False, repr=False)  # (type, its stocks and memories)
    _scales: tuple[dict, dict] = field(init=False, repr=False)  # of processes: all's and own
    _known: dict[str, Any] = field(init=False, repr=False)  # parameters
    _base: dict[str, Any] = field(init=False, repr=False)  # functions of (x, z, a)
    _order: tuple[list, list] = field(init=False, repr=False)  # equations: free, at given prices
    _takes: tuple[str, ...] = field(init=False, repr=False)  # what `market` finds
    _seen: list = field(init=False, repr=False)  # what each acting type sees
    _plans: dict = field(init=False, repr=False)  # equations by what is asked for

    def __post_init__(self):
        d = self.description
        acting = [t for t in d.agents if t.choices]
        exo, aggregate, own = chains(d)
        base, states = bases(d, acting, aggregate, own)
        if self.planner:
            base |= {
                n: functools.partial(planned, choice=f, layout=layout(acting, k))
                for k, t in enumerate(acting)
                for n, f in choices(t, slice(0, t.count)).items()
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
        sets = {t.name: action_sets(t) for t in acting}
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
                    columns.append(begin(s, i, t.count, u[..., start]))
                    start += 1
        return namespace(u).stack(columns, -1) if columns else u

    def market(self, x, z, a):
        """Prices, and profits that are paid out, side by side."""
        v = self.find(self._takes, x, z, a)
        return side_by_side([v[name] for name in self._takes])

    def step(self, x, z, a, m=None):
        """State, shocks, actions and prices to next state and rewards."""
        nexts = [[follows(s) for s in states] for _, states in self._states]
        utilities = [t.utility for t in self._acting]
        v = self.find([n for names in nexts for n in names] + utilities, x, z, a, m)
        rewards = [members(v[t.utility], t.count) for t in self._acting]
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
        blocks = [block(seen, v, t.count) for t, seen in zip(self._acting, self._seen, strict=True)]
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
            asked = {n for e in plan for n in e.needs} | set(names)
            base = [(n, f) for n, f in self._base.items() if n in asked]
            self._plans[key] = base, plan, asked
        base, plan, asked = self._plans[key]
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
                v |= _asked(eq.name, value, asked)
        return v

    def _information(self, t):
        """What a type sees, with every scale filled in and logs where states are logs."""
        return [scaled(self.description, s, self._scales) for s in t.sees]

    def _everything(self, x, z):
        o, seen = [], []
        for t, states in self._states:
            for _ in range(t.count):
                seen += [scaled(self.description, s.name, self._scales) for s in states]
        if seen:
            center, spread = (np.array([getattr(s, k) for s in seen]) for k in ("center", "spread"))
            o = [(x - like(center, x)) / like(spread, x)]
        aggregate, own = self._scales
        o += [(z.own[..., j] - c) / h for j, (c, h) in own.values()]
        o += [(z.aggregate[..., j : j + 1] - c) / h for j, (c, h) in aggregate.values()]
        o = o or [z.aggregate]  # nothing ever changes
        return namespace(x).concatenate(o, -1)[..., None, :]


def _asked(names, values, asked):
    """Of what a market finds, what is asked for."""
    pairs = zip(names, values, strict=True)
    return {n: value() if callable(value) else value for n, value in pairs if n in asked}


def _flat(v):
    return v.reshape(*v.shape[:-2], v.shape[-2] * v.shape[-1])


def _try(economy):
    """Compute everything once, on three first states: shapes must fit, and books must balance."""
    d, rng = economy.description, np.random.default_rng(0)
    x = economy.initial(rng.random((3, len(economy.state))))
    z = economy.exo.shocks(economy.exo.initial(rng.random((3, economy.exo.width))))
    da = max(s.width for s in economy.actions)
    a = np.stack([padded(sample_action(s, rng, 3), da) for s in economy.actions], -2)
    v = _computed(economy, x, z, a, "a function of arrays (..., members)")
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
    economy._set(groups=_grouped(economy, x, z))
    audit(economy, rng, periods=3)
    torch = sys.modules.get("torch")
    if torch:  # whoever climbs differentiates
        lifted = [torch.as_tensor(u).requires_grad_() for u in (x, *z, a)]
        right = "a function of tensors too: take log, exp, sqrt, total and mean from forms"
        _computed(economy, lifted[0], Shocks(*lifted[1:3]), lifted[3], right)


def _computed(economy, x, z, a, right):
    """Every variable, by name; an equation that fails is named."""
    v = dict(economy._known)
    v |= {name: f(x, z, a) for name, f in economy._base.items()}
    for eq in economy.equations:
        try:
            with np.errstate(all="ignore"):
                value = eq.function(*[v[k] for k in eq.needs])
            found = {eq.name: value} if type(eq.name) is str else _asked(eq.name, value, eq.name)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            cure = f"{right}, of {', '.join(eq.needs)}"
            raise ValueError(f"equation of {eq.name}={problem!r}: must be {cure}") from error
        v |= found
    return v


def _grouped(economy, x, z):
    """The groups of the contract; none where members of one type have grids of their own."""
    groups, first = [], 0
    if economy.planner:
        o = economy.observe(x, z)
        groups = [Group("planner", slice(0, 1), economy.actions[0], o.shape[-1])]
    else:
        for t, seen in zip(economy._acting, economy._seen, strict=True):
            sees = block(seen, economy.find([s.name for s in seen], x, z, None), t.count).shape[-1]
            sets = economy.actions[first : first + t.count]
            groups.append(Group(t.name, slice(first, first + t.count), sets[0], sees))
            first += t.count
    alike = all(
        all(np.array_equal(u, w) for u, w in zip(economy.actions[k], g.actions, strict=True))
        for g in groups for k in range(g.members.start, g.members.stop)
    )  # fmt: skip
    return tuple(groups) if alike else None
