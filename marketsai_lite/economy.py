r"""The contract: what an economy is, before anybody solves it or learns it.

An economy is a frozen dataclass of parameters with pure functions.  It holds no state, no random
generator and no framework: views turn it into a table, an environment or a batch of tensors.

Time runs like this.  At the start of a period the endogenous state is :math:`x_t` and the shocks
are :math:`z_t`.  Each agent sees its row of ``observe(x, z)`` and acts; then

.. math:: (x_{t+1}, r_t) = \mathrm{step}(x_t, z_t, a_t),

and :math:`z_{t+1}` is drawn from the exogenous chain.  ``step`` is deterministic: everything
random is in the chain, and one function (`Exogenous.next`) draws it.
"""

import sys
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np


class Box(NamedTuple):
    """A continuous action: every vector between `low` and `high`, both of shape (da,)."""

    low: np.ndarray
    high: np.ndarray


class Grid(NamedTuple):
    """A finite action set: the rows of `values`, of shape (m, da)."""

    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Exogenous:
    """The shocks: a finite aggregate chain and, if wanted, one chain of each agent's own.

    Where the chains stand is an integer array `i` of shape (..., width): the aggregate state in
    column 0, then the own state of each agent, whose moves are independent given the aggregate
    transition.

    Parameters
    ----------
    values : (nz, dz)
        Shock values of each aggregate state.
    transition : (nz, nz)
        Row-stochastic matrix P(z, z').
    own_values : (ne, de), optional
        Shock values of each own state.
    own_transition : (nz, nz, ne, ne), optional
        P(e' | e, z, z'), as in Krusell and Smith (1998).
    n : int
        Number of own states: one of each agent, or of each unit (a household, a sector) that a
        single agent governs; 0 without own shocks.

    Raises
    ------
    ValueError
        If a shape is wrong, a value is not finite, or a row is not a probability distribution.
    """

    values: np.ndarray
    transition: np.ndarray
    own_values: Any = None
    own_transition: Any = None
    n: int = 0

    def __post_init__(self):
        values = _finite("values", self.values, ndim=2)
        nz = len(values)
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "transition", _stochastic("transition", self.transition, (nz, nz)))
        if (self.own_values is None) != (self.n == 0) or (self.own_transition is None) != (
            self.n == 0
        ):
            raise ValueError(
                f"n={self.n}: own_values and own_transition must be given exactly when n > 0"
            )
        if self.n:
            own = _finite("own_values", self.own_values, ndim=2)
            shape = (nz, nz, len(own), len(own))
            object.__setattr__(self, "own_values", own)
            object.__setattr__(
                self, "own_transition", _stochastic("own_transition", self.own_transition, shape)
            )

    @property
    def width(self) -> int:
        """Number of columns of `i`, and of the uniforms that a draw takes."""
        return 1 + self.n

    def shocks(self, i):
        """Shock values at `i`: z (..., dz), or the pair z, e (..., n, de) with own shocks."""
        z = like(self.values, i)[i[..., 0]]
        return (z, like(self.own_values, i)[i[..., 1:]]) if self.n else z

    def joint(self):
        """Every combination of states (m, width), and the transition between them (m, m)."""
        sizes = (len(self.values), *[len(self.own_values) if self.n else 1] * self.n)
        i = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), -1)
        z, z1 = i[:, None, 0], i[:, 0]
        P = self.transition[z, z1]
        for k in range(1, self.width):
            P = P * self.own_transition[z, z1, i[:, None, k], i[:, k]]
        return i, P

    def initial(self, u):
        """Draw `i` (..., width) from the stationary distribution with uniforms `u` (..., width)."""
        first, own = self._initial
        z = _invert(like(first, u), u[..., 0])
        if not self.n:
            return z[..., None]
        e = _invert(like(own, u)[z][..., None, :], u[..., 1:])
        return namespace(u).concatenate([z[..., None], e], -1)

    def next(self, i, u):
        """Draw the successor of `i` (..., width) with uniforms `u` (..., width)."""
        following, own = self._next
        z = i[..., 0]
        z1 = _invert(like(following, u)[z], u[..., 0])
        if not self.n:
            return z1[..., None]
        cdf = like(own, u)
        e1 = _invert(cdf[z[..., None], z1[..., None], i[..., 1:]], u[..., 1:])
        return namespace(u).concatenate([z1[..., None], e1], -1)

    @cached_property
    def _initial(self):
        """Cumulative stationary distributions: of z (nz,), and of e given z (nz, ne)."""
        first = np.cumsum(stationary(self.transition))
        if not self.n:
            return first, None
        nz, ne = len(self.values), len(self.own_values)
        joint = self.transition[:, None, :, None] * self.own_transition.transpose(0, 2, 1, 3)
        given_z = stationary(joint.reshape(nz * ne, nz * ne)).reshape(nz, ne)
        return first, np.cumsum(given_z / given_z.sum(1, keepdims=True), 1)

    @cached_property
    def _next(self):
        """Cumulative transitions of z and of e."""
        own = np.cumsum(self.own_transition, 3) if self.n else None
        return np.cumsum(self.transition, 1), own


def constant(*values):
    """No uncertainty: a chain that stays at `values`."""
    return Exogenous(np.array([values], dtype=float), np.ones((1, 1)))


def ar1(n, ρ, σ):
    """Rouwenhorst's chain of `n` states for z' = ρ z + σ ε, by quantecon."""
    import warnings

    import quantecon

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about a changed argument order
        chain = quantecon.markov.rouwenhorst(n, ρ, σ)
    return Exogenous(np.asarray(chain.state_values)[:, None], chain.P)


class Economy(Protocol):
    """What every economy offers.  n agents, states of length dx, shocks dz, actions da."""

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
        """The exogenous processes."""

    @property
    def actions(self) -> tuple[Box | Grid, ...]:
        """The action set of each agent."""

    def initial(self, u) -> Any:
        """Uniforms (..., dx) to a first state (..., dx)."""

    def step(self, x, z, a) -> tuple[Any, Any]:
        """State (..., dx), shocks, actions (..., n, da) to next state and rewards (..., n)."""

    def observe(self, x, z) -> Any:
        """What each agent knows when it acts: (..., n, do)."""

    def accounts(self, x, z, a) -> dict[str, Any]:
        """Named quantities of the period, each (...), for figures and accounting identities."""


def namespace(x):
    """The module whose functions take `x`: torch for a tensor, NumPy otherwise."""
    return sys.modules["torch"] if type(x).__module__.partition(".")[0] == "torch" else np


def like(values, x):
    """`values` as an array of x's kind, on x's device; floats take x's precision if it has one."""
    xp = namespace(x)
    if xp is np:
        return values
    return xp.as_tensor(values, device=x.device, dtype=x.dtype if x.is_floating_point() else None)


def index(u, m):
    """Uniforms to integers 0, ..., m - 1, each equally likely."""
    integers = namespace(u).floor(u * m)
    return integers.astype(int) if namespace(u) is np else integers.long()


def stationary(P):
    """Stationary distribution of the chain `P`; the uniform mixture where there are several."""
    P = np.asarray(P, dtype=float)
    π = np.linalg.lstsq((np.eye(len(P)) - P + 1.0).T, np.ones(len(P)), rcond=None)[0]
    return np.maximum(π, 0.0) / np.maximum(π, 0.0).sum()


def check_economy(economy, rng, periods=50):
    """Hold an economy against the contract along a random path.

    Stricter than the environment checks of Gymnasium and PettingZoo: rewards and states must be
    finite and of the promised shape, the functions pure and deterministic, and a batch must give
    what its members give one by one.

    Parameters
    ----------
    economy : Economy
        The economy to check.
    rng : numpy.random.Generator
        Draws the path.
    periods : int
        Length of the path.

    Raises
    ------
    ValueError
        At the first broken promise, naming it.
    """
    n, dx, exo = len(economy.agents), len(economy.state), economy.exo
    _require(n > 0 and len(set(economy.agents)) == n, "agents", economy.agents, "distinct names")
    _require(len(set(economy.state)) == dx, "state", economy.state, "distinct names")
    _require(0.0 <= economy.β < 1.0, "β", economy.β, "in [0, 1)")
    _require(len(economy.actions) == n, "actions", economy.actions, "one action set per agent")
    for action in economy.actions:
        _check_actions(action)
    _require(n == 1 or exo.n in (0, n), "exo.n", exo.n, f"0 or the number of agents, {n}")

    B = 3
    x, i = economy.initial(rng.random((B, dx))), exo.initial(rng.random((B, exo.width)))
    _check_array("initial state", x, (B, dx))
    for t in range(periods):
        z, a = exo.shocks(i), np.stack([sample_action(s, rng, B) for s in economy.actions], 1)
        inputs = (x, *(z if exo.n else (z,)), a)
        copies = [v.copy() for v in inputs]
        obs, (x1, r) = economy.observe(x, z), economy.step(x, z, a)
        accounts = economy.accounts(x, z, a)
        _require(
            all(np.array_equal(u, v) for u, v in zip(inputs, copies, strict=True)),
            f"period {t}: inputs",
            "modified",
            "left alone",
        )
        _check_array(f"period {t}: state", x1, (B, dx))
        _check_array(f"period {t}: rewards", r, (B, n))
        _require(obs.ndim == 3, f"period {t}: observation shape", obs.shape, f"({B}, {n}, do)")
        _check_array(f"period {t}: observations", obs, (B, n, obs.shape[2]))
        for name, value in accounts.items():
            _check_array(f"period {t}: accounts[{name!r}]", np.asarray(value), (B,))
        for b in range(B):
            zb = (z[0][b], z[1][b]) if exo.n else z[b]
            xb, rb = economy.step(x[b], zb, a[b])
            ob = economy.observe(x[b], zb)
            same = (np.allclose(u[b], v, 1e-12, 0) for u, v in ((x1, xb), (r, rb), (obs, ob)))
            _require(all(same), f"period {t}: member {b}", "differs alone", "as in its batch")
        x, i = x1, exo.next(i, rng.random((B, exo.width)))


def sample_action(action, rng, size):
    """Draw `size` uniform actions (size, da) of one agent."""
    if isinstance(action, Grid):
        return action.values[rng.integers(len(action.values), size=size)]
    return rng.uniform(action.low, action.high, (size, len(action.low)))


def _check_actions(action):
    if isinstance(action, Grid):
        _finite("Grid.values", action.values, ndim=2)
    elif isinstance(action, Box):
        low, high = _finite("Box.low", action.low, ndim=1), _finite("Box.high", action.high, ndim=1)
        _require(low.shape == high.shape and (low < high).all(), "Box", action, "low < high")
    else:
        raise ValueError(f"actions: {action!r}: must be a Box or a Grid")


def _check_array(name, value, shape):
    _require(value.shape == shape, f"{name} shape", value.shape, str(shape))
    _require(bool(np.isfinite(value).all()), name, value, "finite")


def _require(condition, name, value, right):
    if not condition:
        raise ValueError(f"{name}={value!r}: must be {right}")


def _finite(name, value, ndim):
    value = np.array(value, dtype=float)
    if value.ndim != ndim or value.size == 0 or not np.isfinite(value).all():
        raise ValueError(f"{name}={value!r}: must be a non-empty finite array of {ndim} dimensions")
    return value


def _stochastic(name, value, shape):
    value = _finite(name, value, ndim=len(shape))
    if value.shape != shape:
        raise ValueError(f"{name}: shape {value.shape}: must be {shape}")
    if (value < 0).any() or np.abs(value.sum(-1) - 1).max() > 1e-10:
        raise ValueError(f"{name}={value!r}: rows must be non-negative and sum to one")
    return value


def _invert(cdf, u):
    """Inverse of the distribution functions `cdf` (..., m) at uniforms `u` (...)."""
    return (u[..., None] >= cdf[..., :-1]).sum(-1)
