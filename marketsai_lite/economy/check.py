"""`check_economy` holds an economy to the contract.

It follows a random path of a few copies and calls every function of the economy on it.  Each
promise is one function below.
"""

from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economy.chains import Shocks, _finite
from marketsai_lite.economy.contract import Box, Grid, Terms
from marketsai_lite.require import require

B = 3  # copies that are followed
MANY = 256  # copies that are looked at again, where all of the few have ended
BEGINS = """above 0 in some copy: every copy has ended when it begins. \
Chains start in their stationary distribution, so an absorbing state of exo is where they begin; \
for a random end let an i.i.d. shock say "last period" and let x remember it"""
TORCH = "the functions of `namespace(x)` and constants by `like`, without looking at numbers"


class Period(NamedTuple):
    """What a period of the path begins with.

    Attributes
    ----------
    t : int
        Its number.
    x, z, a : array (B, dx), Shocks, array (B, n, da)
        States, shocks and actions.
    """

    t: int
    x: Any
    z: Shocks
    a: Any


def check_economy(economy, rng, periods=50):
    """Hold an economy against the contract along a random path.

    Stricter than the environment checks of Gymnasium and PettingZoo: rewards and states must be
    finite and of the promised shape, the functions pure and deterministic, and a batch must give
    what its members give one by one.  The optional members are held to their promises too: who has
    ended earns nothing for ever, prices given are prices found, somebody always may do something.
    Where PyTorch is installed, its tensors must give the same numbers as NumPy's arrays; functions
    may not look at numbers, so that an `Induced` with trained policies, which do, is refused.

    Parameters
    ----------
    economy : Economy
        The economy to check.
    rng : numpy.random.Generator
        Draws the path; random actions are legal ones.
    periods : int
        Length of the path.

    Raises
    ------
    ValueError
        At the first broken promise, naming it.  What goes wrong in NumPy is raised as it is.
    """
    _hold("rng", rng, isinstance(rng, np.random.Generator), "np.random.default_rng(0), say")
    terms, exo = _parameters(economy), economy.exo
    u = rng.random((B, terms.dx))
    _runs_without_numbers(terms, [("initial", (u,))])
    _in_torch(terms, [("initial", (u,))])
    x, i = economy.initial(u), exo.initial(rng.random((B, exo.width)))
    _array("initial state", x, (B, terms.dx))
    ended, prices = np.zeros((B, terms.n), dtype=bool), None
    for t in range(periods):
        z = exo.shocks(i)
        legal = _legal(terms, t, x, z)
        period = Period(t, x, z, _actions(terms, rng, legal))
        if t == 0:
            _runs_without_numbers(terms, _calls(terms, period, x, z))
        x1, r = _step(terms, period)
        _observations(terms, period)
        _accounts(terms, period)
        prices = _market(terms, period, prices)
        i1 = exo.next(i, rng.random((B, exo.width)))
        calls = _calls(terms, period, x1, exo.shocks(i1))
        _members_alone(terms, t, calls)
        _in_torch(terms, calls, f"period {t}: ")
        over = np.all(ended, -1)  # a period after the last agent's end
        ended = _ends(terms, period, ended, x1, r, exo.shocks(i1))
        if t == 0 and ended.all() and not r.any():
            _begins(terms)
        x, i = x1, i1
        if over.any():  # such copies start afresh, so that the path is not all ends
            again = over.reshape(B, 1)
            x = np.where(again, economy.initial(rng.random((B, terms.dx))), x1)
            i = np.where(again, exo.initial(rng.random((B, exo.width))), i1)
            ended &= ~again


def sample_action(action, rng, size, legal=None):
    """Draw `size` uniform actions (size, da) of one agent.

    Parameters
    ----------
    action : Box or Grid
    rng : numpy.random.Generator
    size : int
    legal : bool array (size, m), optional
        Rows of the grid that may be drawn.
    """
    if not isinstance(action, Grid):
        return rng.uniform(action.low, action.high, (size, len(action.low)))
    if legal is None:
        return action.values[rng.integers(len(action.values), size=size)]
    legal = legal[:, : len(action.values)]
    return action.values[np.where(legal, rng.random(legal.shape), -1.0).argmax(1)]


def _parameters(economy):
    for action in economy.actions:
        _action_set(action)
    terms, n, units = Terms(economy), len(economy.agents), economy.exo.n
    grids = [isinstance(s, Grid) for s in economy.actions]
    first, again = economy.exo, economy.exo
    _hold(
        "exo",
        "another each time",
        first is again,
        "a field or class attribute, not built by a property",
    )
    _hold("β", economy.β, 0.0 <= economy.β < 1.0, "in [0, 1)")
    _hold("exo.n", units, n == 1 or units <= n, f"at most {n}, the number of agents")
    _hold("legal", economy.actions, any(grids) or not terms.masks, "absent: no agent has a grid")
    return terms


def _action_set(action):
    if isinstance(action, Grid):
        _finite("Grid.values", action.values, ndim=2)
    elif isinstance(action, Box):
        low, high = _finite("Box.low", action.low, ndim=1), _finite("Box.high", action.high, ndim=1)
        _hold("Box", action, low.shape == high.shape and (low < high).all(), "low < high")
    else:
        _hold("actions", action, False, "a Box or a Grid")


def _legal(terms, t, x, z):
    """Somebody who has a grid always may do something; rows beyond a grid are never legal."""
    if not terms.masks:
        return None
    legal = _pure(terms, "legal", t, x, z)
    name = f"period {t}: legal"
    _shape(name, legal, (B, terms.n, terms.m))
    _hold(f"{name} dtype", legal.dtype, legal.dtype == bool, "bool")
    for k, s in enumerate(terms.economy.actions):
        if isinstance(s, Grid):
            mine, m = legal[:, k], len(s.values)
            of = f"{name} of {terms.economy.agents[k]}"
            _hold(of, mine, mine[:, :m].any(-1).all(), "True for at least one choice")
            _hold(of, mine, not mine[:, m:].any(), f"False beyond its {m} choices")
    return legal


def _actions(terms, rng, legal, size=B):
    a = np.zeros((size, terms.n, terms.da))
    for k, s in enumerate(terms.economy.actions):
        a[:, k, : s.width] = sample_action(s, rng, size, None if legal is None else legal[:, k])
    return a


def _step(terms, period):
    t, *inputs = period
    x1, r = _pure(terms, "step", t, *inputs)
    _array(f"period {t}: state", x1, (B, terms.dx))
    _array(f"period {t}: rewards", r, (B, terms.n))
    return x1, r


def _observations(terms, period):
    """Columns beyond what a group observes are zero."""
    t, x, z, _ = period
    obs, name = _pure(terms, "observe", t, x, z), f"period {t}: observations"
    _hold(f"{name} shape", obs.shape, obs.ndim == 3, f"({B}, {terms.n}, do)")
    _array(name, obs, (B, terms.n, terms.do))
    for group in terms.groups:
        rest = obs[:, group.members, group.sees :]
        right = f"zero from column {group.sees} on, where its group sees nothing"
        _hold(f"{name} of {group.name}", rest, not rest.any(), right)


def _accounts(terms, period):
    t, x, z, a = period
    for key, value in _pure(terms, "accounts", t, x, z, a).items():
        value, name = np.asarray(value), f"period {t}: accounts[{key!r}]"
        shapes = (B,), (B, terms.n)
        _hold(f"{name} shape", value.shape, value.shape in shapes, f"{shapes[0]} or {shapes[1]}")
        _array(name, value, value.shape)


def _market(terms, period, shape):
    """Prices have one shape, and `step` finds those that `market` finds."""
    if not terms.takes:
        return None
    t, x, z, a = period
    m, name = _pure(terms, "market", t, x, z, a), f"period {t}: market"
    same = m.ndim == 2 and len(m) == B and (shape is None or m.shape == shape)
    _hold(f"{name} shape", m.shape, same, f"{shape or (B, 'dm')}, the same in every period")
    _array(name, m, m.shape)
    kept, found, given = m.copy(), terms.step(x, z, a), terms.step(x, z, a, m)
    _hold(f"period {t}: m of step", "modified", np.array_equal(m, kept), "left alone")
    same = all(np.allclose(u, v, 1e-12, 1e-14) for u, v in zip(found, given, strict=True))
    _hold(name, m, same, "what step finds when it is given none")
    return m.shape


def _ends(terms, period, ended, x1, r, z1):
    """A discount is a share; whoever had ended has earned nothing, and its discount stays zero."""
    t = period.t
    right = "0 for an agent whose discount was 0, whatever anybody does"
    _hold(f"period {t}: rewards", r[ended], not r[ended].any(), right)
    if not terms.ends:
        return ended
    d, name = _pure(terms, "discount", t, x1, z1), f"period {t}: discount"
    _array(name, d, (B, terms.n))
    _hold(name, d, ((d >= 0) & (d <= 1)).all(), "in [0, 1]")
    _hold(name, d[ended], not d[ended].any(), "0 once it was 0: an end lasts")
    return d == 0


def _begins(terms):
    """Not every copy has ended when it begins; seen on many, from a generator of their own."""
    economy, exo, rng = terms.economy, terms.economy.exo, np.random.default_rng(0)
    x, i = economy.initial(rng.random((MANY, terms.dx))), exo.initial(rng.random((MANY, exo.width)))
    z = exo.shocks(i)
    legal = economy.legal(x, z) if terms.masks else None
    x1, r = economy.step(x, z, _actions(terms, rng, legal, MANY))
    d = economy.discount(x1, exo.shocks(exo.next(i, rng.random((MANY, exo.width)))))
    _hold("discount after the first period", 0.0, d.any() or r.any(), BEGINS)


def _members_alone(terms, t, calls):
    """A batch gives what its members give one by one."""
    for name, inputs in calls:
        whole = _arrays(getattr(terms.economy, name)(*inputs))
        for b in range(B):
            one = _arrays(getattr(terms.economy, name)(*(_member(v, b) for v in inputs)))
            pairs = [(u[b], v) for u, v in zip(whole, one, strict=True)]
            same = all(u.shape == np.shape(v) and np.allclose(u, v, 1e-12, 1e-14) for u, v in pairs)
            _hold(f"period {t}: {name} of member {b}", "differs alone", same, "as in its batch")


def _runs_without_numbers(terms, calls):
    """The economy's functions run on tensors that have shapes only, as those of a compiler do."""
    torch = _torch()
    if torch is None:
        return

    def bare(v):
        return torch.empty(np.shape(v), dtype=torch.float64, device="meta")

    for name, inputs in calls:
        getattr(terms.economy, name)(*inputs)  # its own error, if it does not run in NumPy either
        _try(terms, name, [_each(bare, v) for v in inputs])


def _in_torch(terms, calls, when=""):
    """PyTorch's tensors give the same numbers as NumPy's arrays."""
    torch = _torch()
    if torch is None:
        return
    for name, inputs in calls:
        ours = _arrays(getattr(terms.economy, name)(*inputs))
        theirs = _arrays(_try(terms, name, [_each(torch.tensor, v) for v in inputs]))
        for u, v in zip(ours, theirs, strict=True):
            same = isinstance(v, torch.Tensor) and u.shape == tuple(v.shape)
            same = same and u.dtype == v.numpy().dtype and np.allclose(u, v.numpy(), 1e-10, 1e-12)
            right = f"what NumPy gives, {u!r}: written with {TORCH}"
            _hold(f"{when}{name} in PyTorch", v, same, right)


def _try(terms, name, inputs):
    try:
        return getattr(terms.economy, name)(*inputs)
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise ValueError(f"{name} in PyTorch={problem!r}: must be written with {TORCH}") from error


def _torch():
    try:
        import torch
    except ImportError:
        return None
    return torch


def _calls(terms, period, x1, z1):
    """Names and inputs of the functions of the economy that a period calls."""
    _, x, z, a = period
    calls = [("step", (x, z, a)), ("observe", (x, z)), ("accounts", (x, z, a))]
    if terms.takes:
        calls += [("market", (x, z, a)), ("step", (x, z, a, terms.economy.market(x, z, a)))]
    return calls + [("legal", (x, z))] * terms.masks + [("discount", (x1, z1))] * terms.ends


def _pure(terms, name, t, *inputs):
    """Call a function twice: it must leave its inputs alone, and say the same again."""
    flat = [v for value in inputs for v in (value if isinstance(value, Shocks) else [value])]
    copies = [v.copy() for v in flat]
    first = getattr(terms.economy, name)(*inputs)
    alone = all(np.array_equal(u, v) for u, v in zip(flat, copies, strict=True))
    _hold(f"period {t}: inputs of {name}", "modified", alone, "left alone")
    again = getattr(terms.economy, name)(*inputs)
    pairs = zip(_arrays(first), _arrays(again), strict=True)
    same = all(np.array_equal(u, v, equal_nan=True) for u, v in pairs)
    _hold(f"period {t}: {name}", "random", same, "deterministic: everything random is in exo")
    return first


def _arrays(returned):
    """What a function returns as a list of arrays."""
    if isinstance(returned, dict):
        return list(returned.values())
    return list(returned) if isinstance(returned, tuple) else [returned]


def _each(function, value):
    return Shocks(*map(function, value)) if isinstance(value, Shocks) else function(value)


def _member(value, b):
    return _each(lambda v: v[b], value)


def _shape(name, value, shape):
    _hold(f"{name} shape", value.shape, value.shape == shape, str(shape))


def _array(name, value, shape):
    _shape(name, value, shape)
    _hold(name, value, bool(np.isfinite(value).all()), "finite")


def _hold(name, value, right, permitted):
    require(**{name: (value, right, permitted)})
