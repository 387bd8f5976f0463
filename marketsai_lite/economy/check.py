"""`check_economy` holds an economy to the contract."""

import numpy as np

from marketsai_lite.economy.chains import _finite
from marketsai_lite.economy.contract import Box, Grid


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
