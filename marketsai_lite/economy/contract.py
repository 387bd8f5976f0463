r"""The contract: what an economy is, before anybody solves it or learns it.

An economy is a frozen dataclass of parameters with pure functions.  It holds no state, no random
generator and no framework: views turn it into a table, an environment or a batch of tensors.

Time runs like this.  At the start of a period the endogenous state is :math:`x_t` and the shocks
are :math:`z_t`.  Each agent sees its row of ``observe(x, z)`` and acts; then

.. math:: (x_{t+1}, r_t) = \mathrm{step}(x_t, z_t, a_t),

and :math:`z_{t+1}` is drawn from the exogenous chain.  ``step`` is deterministic: everything
random is in the chain, and one function (`Exogenous.next`) draws it.

Arrays are rectangular: where agents differ in the length of what they do or see, rows are filled
up with zeros, and `Group` says how much of a row is meant.
"""

from itertools import pairwise, takewhile
from typing import Any, NamedTuple, Protocol

import numpy as np

from marketsai_lite.economy.arrays import namespace
from marketsai_lite.economy.chains import Exogenous
from marketsai_lite.require import require

SLACK = 1e-6  # of a box's width: an action this far outside is at the bound but for rounding


class Box(NamedTuple):
    """A continuous action: every vector between two bounds.

    Attributes
    ----------
    low, high : array (da,)
        The bounds, low < high.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def width(self) -> int:
        """Length da of an action."""
        return len(self.low)


class Grid(NamedTuple):
    """A finite action set.

    Attributes
    ----------
    values : array (m, da)
        Each row is an action.
    """

    values: np.ndarray

    @property
    def width(self) -> int:
        """Length da of an action."""
        return self.values.shape[1]


class Group(NamedTuple):
    """Agents of one type: what they may do and how much they see.

    Attributes
    ----------
    name : str
        Of the type.
    members : slice
        Of the agents, who stand side by side.
    actions : Box | Grid
        The action set of each member.
    sees : int
        Numbers that a member observes; the rest of its row is zero.
    """

    name: str
    members: slice
    actions: Box | Grid
    sees: int

    @property
    def size(self) -> int:
        """Number of members."""
        return self.members.stop - self.members.start


class Economy(Protocol):
    """What every economy offers.  n agents, states of length dx, actions of length da at most.

    An economy may say more than the members below.  Each of these may be missing, or None, and
    then has a default.

    ``groups``
        A tuple of `Group`, in the order of the agents.  Default: one for each run of neighbours
        with equal action sets.  Must be given where agents differ in the kind or length of their
        actions.
    ``discount(x1, z1) -> (..., n)``
        What a reward of the period that begins with state `x1` and shocks `z1` is worth today.
        Default: β.  Zero ends the game for an agent; the state must then be one in which nothing
        the agent does earns or changes anything.  Chains start in their stationary distribution, so
        an absorbing state of `exo` would have ended every game before it began.  For a random end
        let an i.i.d. shock say "last period" and let `x` remember it.
    ``market(x, z, a) -> (..., dm)``
        Prices and aggregates that form among the agents; then ``step(x, z, a, m=None)`` takes them,
        and computes them itself if they are None.  A price taker is one who ignores its influence
        on m.  Default: nothing.
    ``legal(x, z) -> (..., n, m)``
        Which of the m rows of its grid an agent may choose; at least one.  An
        agent whose turn it is not has exactly one legal row.  Default: all.
    """

    @property
    def agents(self) -> tuple[str, ...]:
        """Names; one agent makes a Markov decision process, several a Markov game."""

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the dx state variables."""

    @property
    def β(self) -> float:
        """Discount factor, in [0, 1)."""

    @property
    def exo(self) -> Exogenous:
        """The exogenous processes, built once: a field or class attribute."""

    @property
    def actions(self) -> tuple[Box | Grid, ...]:
        """The action set of each agent."""

    def initial(self, u) -> Any:
        """Uniforms (..., dx) to a first state (..., dx)."""

    def step(self, x, z, a) -> tuple[Any, Any]:
        """State (..., dx), `Shocks`, actions (..., n, da) to next state and rewards (..., n).

        Of the actions ``a[..., k, :]`` is agent k's, filled up with zeros to the longest.  Leading
        dimensions are arbitrary, so index from the end.  A constant must be broadcast to them:
        ``β + 0 * x`` has the batch's shape where ``β`` alone has none.
        """

    def observe(self, x, z) -> Any:
        """What each agent knows when it acts: (..., n, do)."""

    def accounts(self, x, z, a) -> dict[str, Any]:
        """Named quantities, each (...) or (..., n), for figures and accounting identities."""


class Terms:
    """An economy as the views read it: sizes looked up once, optional members filled in.

    Attributes
    ----------
    n, dx, da, do : int
        Number of agents; lengths of the state, of the longest action and of an observation.
    groups : tuple of Group
    ends : bool
        Whether discounting is the economy's own, so that a game may end.
    takes : bool
        Whether prices form in a market.
    masks : bool
        Whether some choices may be illegal.
    m : int
        Length of the longest grid, and so of a row of ``legal``; 0 without grids.

    Raises
    ------
    ValueError
        If the agents' action sets are not one for each, not a `Box` or `Grid` of arrays, or unlike
        without groups, or the groups do not cover the agents in order.
    """

    def __init__(self, economy):
        self.economy = economy
        self.n, self.dx = len(economy.agents), len(economy.state)
        require(
            agents=(economy.agents, 0 < self.n == len(set(economy.agents)), "distinct names"),
            state=(economy.state, len(set(economy.state)) == self.dx, "distinct names"),
            actions=(economy.actions, len(economy.actions) == self.n, f"{self.n}, one an agent"),
        )
        for agent, s in zip(economy.agents, economy.actions, strict=True):
            right = "a Box of two arrays (da,), or a Grid of an array (m, da)"
            require(**{f"actions of {agent}": (s, _is_action_set(s), right)})
        self.da = max(s.width for s in economy.actions)
        self.m = max(len(s.values) if isinstance(s, Grid) else 0 for s in economy.actions)
        x, i = np.zeros(self.dx), np.zeros(economy.exo.width, dtype=int)
        with np.errstate(all="ignore"):
            self.do = economy.observe(x, economy.exo.shocks(i)).shape[-1]
        self.ends, self.takes, self.masks = (
            getattr(economy, member, None) is not None for member in ("discount", "market", "legal")
        )
        self.groups = _groups(economy, self.do)

    def see(self, x, z):
        """What agents observe, followed by which choices are legal where some may not be."""
        o = self.economy.observe(x, z)
        if not self.masks:
            return o
        xp = namespace(o)
        return xp.concatenate([o, self.economy.legal(x, z) + 0 * o[..., :1]], -1)

    def step(self, x, z, a, m=None):
        """The economy's step, with prices and aggregates `m` as given or as they form."""
        return self.economy.step(x, z, a) if m is None else self.economy.step(x, z, a, m)

    def sees(self, k):
        """Numbers that agent `k` observes; the rest of its row is zero."""
        return next(g.sees for g in self.groups if k in range(self.n)[g.members])

    def discount(self, x1, z1, r):
        """Discounts, of the shape of the rewards `r` (..., n)."""
        if self.ends:
            return self.economy.discount(x1, z1)
        return namespace(r).full_like(r, self.economy.β)


def _is_action_set(s):
    """Whether it is a Box or a Grid of arrays, none empty."""
    if not (isinstance(s, Box | Grid) and all(isinstance(v, np.ndarray) and v.size for v in s)):
        return False
    return (
        s.values.ndim == 2
        if isinstance(s, Grid)
        else s.low.ndim == 1 and s.low.shape == s.high.shape
    )


def _groups(economy, do):
    actions, n = economy.actions, len(economy.agents)
    if getattr(economy, "groups", None) is None:
        alike = all(type(s) is type(actions[0]) and s.width == actions[0].width for s in actions)
        right = (
            "given, since agents' action sets are unlike, as "
            '(Group("firm", slice(0, 2), box, numbers it sees), ...)'
        )
        require(groups=(None, alike, right))
        starts = [0, *[k for k in range(1, n) if not _equal(actions[k - 1], actions[k])], n]
        return tuple(
            Group(_name(economy.agents[i:j]), slice(i, j), actions[i], do)
            for i, j in pairwise(starts)
        )
    groups, after = [], 0
    for group in economy.groups:
        members = range(n)[group.members]
        groups.append(group._replace(members=slice(members.start, members.stop)))
        require(
            groups=(group, len(members) and members.start == after, f"in order, from agent {after}")
        )
        after = members.stop
        same = all(_equal(actions[k], group.actions) for k in members)
        require(
            actions=(group.name, same, "the action set of each member of the group"),
            sees=(group.sees, 0 < group.sees <= do, f"in 1, ..., {do}, what is observed"),
        )
    require(groups=(groups, after == n, f"of all {n} agents"))
    return tuple(groups)


def _equal(a, b):
    return type(a) is type(b) and all(np.array_equal(u, v) for u, v in zip(a, b, strict=True))


def _name(agents):
    """What the names of some agents have in common."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*agents, strict=False))
    return "".join(first for first, *_ in alike).strip(" 0123456789") or agents[0]
