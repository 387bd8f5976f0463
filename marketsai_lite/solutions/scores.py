r"""How far a policy is from the optimal one.

A policy is a function of the state and the shocks, `policy(x, z)`, that returns actions (..., 1,
da); `acting` makes one of an agent that knows only its observations, and `interpolated` one of the
actions in the states of a table.  A solution has `policy(x, z)` and `expected(x1, z)`, the optimal
value of starting next period at `x1` after shocks `z`.

The regret of action a is :math:`Q^*(x, z, a^*) - Q^*(x, z, a)`, and the value that a policy loses
is the discounted sum of its regrets along its own path; so in a stationary state with mean regret
R per period it is :math:`R / (1 - \beta)`.  It is reported as a share of consumption: the planner
would give up that share for ever to have the optimal policy.
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.require import array, number, require, whole
from marketsai_lite.solutions.chains import locate, successors
from marketsai_lite.views.table import lottery


class Score(NamedTuple):
    """A policy held against the exact solution, where the policy itself leads.

    Attributes
    ----------
    mae : float
        Mean absolute error of the actions.
    worst : float
        Largest absolute error.
    bias : float
        Mean error.
    regret : float
        Mean regret per period.
    loss : float
        Consumption-equivalent loss, a share.
    """

    mae: float
    worst: float
    bias: float
    regret: float
    loss: float


class EulerErrors(NamedTuple):
    """Base 10 logarithms of the mean and the largest Euler error.

    Attributes
    ----------
    mean : float
        Logarithm of the mean error.
    max : float
        Logarithm of the largest error.
    """

    mean: float
    max: float


def acting(economy, act):
    """Policy of an agent whose `act` takes observations (..., n, do) to actions (..., n, da)."""
    return lambda x, z: act(economy.observe(x, z))


def interpolated(table, σ):
    """Turn a policy of a table into a policy between its nodes.

    Actions between the nodes are interpolated linearly, in each state of the shocks by itself;
    beyond the grid they are those at its end.  They may lie between the actions of the table.

    Parameters
    ----------
    table : Table
        From `tabulate`.
    σ : int array (S,)
        Row of `table.a` in each state, as in the `σ` of a solver or in `greedy(Q, table.mdp)`.

    Returns
    -------
    callable
        States (..., dx) and `Shocks` to actions (..., 1, da).

    Raises
    ------
    ValueError
        If `σ` has the wrong shape, an entry is not the number of an action, or `table.z` does not
        tell the states of the shocks apart.
    """
    S, A, nz = len(table.x), len(table.a), table.mdp.nz
    found = np.asarray(σ)
    right = found.shape == (S,) and found.dtype.kind in "iu" and 0 <= found.min() <= found.max() < A
    require(σ=(σ, right, f"integers in 0, ..., {A - 1} of shape ({S},)"))
    shocks = table.z[:nz]
    apart = len(np.unique(shocks, axis=0)) == nz
    require(table=("its shocks z", apart, "different in each of their states"))
    grids = tuple(np.unique(column) for column in table.x.T)
    actions = table.a[found].reshape(S // nz, nz, -1)

    def policy(x, z):
        iz = locate(shocks, np.concatenate([z.aggregate, z.own.reshape(*z.own.shape[:-2], -1)], -1))
        x = np.asarray(x, dtype=float)
        at = x.reshape(-1, 1, x.shape[-1])
        index, weight = lottery(at, grids, np.ones(at.shape[:2], dtype=bool))
        index = index.reshape(*x.shape[:-1], -1)
        weight = np.ones(index.shape) if weight is None else weight.reshape(index.shape)
        return (weight[..., None] * actions[index, iz[..., None]]).sum(-2)[..., None, :]

    return policy


def simulate(economy, policy, *, seed=0, size=256, periods=300, drop=100):
    """Follow `policy` in `size` copies of the economy.

    Parameters
    ----------
    economy : Economy
        Any.
    policy : callable
        State and shocks to actions.
    seed : int
        Of the first states and the shocks.
    size, periods, drop : int
        Copies, periods in all, and periods left out at the beginning.

    Returns
    -------
    x : (periods - drop, size, dx)
        States.
    i : int array (periods - drop, size, width)
        Where the exogenous chains stood.
    a : (periods - drop, size, n, da)
        Actions.
    """
    require(
        seed=(seed, whole(seed, 0, 2**64), "an integer >= 0"),
        size=(size, whole(size, 1), "an integer >= 1"),
        periods=(periods, whole(periods, 1), "an integer >= 1"),
    )
    require(
        drop=(drop, whole(drop, 0, periods - 1), f"an integer in [0, periods) = [0, {periods})"),
    )
    seed, size, periods, drop = (int(v) for v in (seed, size, periods, drop))
    rng, exo = np.random.default_rng(seed), economy.exo
    x = economy.initial(rng.random((size, len(economy.state))))
    i = exo.initial(rng.random((size, exo.width)))
    path = []
    for t in range(periods):
        z = exo.shocks(i)
        a = np.asarray(policy(x, z), dtype=float)
        if t >= drop:
            path.append((x, i, a))
        x, i = economy.step(x, z, a)[0], exo.next(i, rng.random((size, exo.width)))
    xs, js, actions = zip(*path, strict=True)
    return np.stack(xs), np.stack(js), np.stack(actions)


def action_value(economy, solution, x, z, a):
    """Q*(x, z, a), (...): the value of action `a` today and the optimal policy afterwards."""
    x1, r = economy.step(x, z, a)
    return r[..., 0] + economy.β * solution.expected(x1, z)


def score(economy, solution, policy, *, measure=None, **simulation):
    """Score `policy` where it leads.

    Parameters
    ----------
    economy : Economy
        With one agent, and a reward that is utility of consumption: log, or CRRA with risk aversion
        `economy.γ`.
    solution : object
        With `policy` and `expected`; exact.
    policy : callable
        State and shocks to actions.
    measure : callable, optional
        Actions to what the policy error is measured in, such as the economy's `shares`; by default
        the actions themselves.
    **simulation
        Options of `simulate`.

    Returns
    -------
    Score
        Policy error, regret and consumption-equivalent loss.
    """
    x, i, a = simulate(economy, policy, **simulation)
    best = np.empty_like(a)
    optimum, regret = 0.0, 0.0
    for t in range(len(x)):  # period by period, since an expectation may list many successors
        z = economy.exo.shocks(i[t])
        best[t] = solution.policy(x[t], z)
        q = action_value(economy, solution, x[t], z, best[t])
        optimum += q.mean() / len(x)
        regret += (q - action_value(economy, solution, x[t], z, a[t])).mean() / len(x)
    error = a - best if measure is None else measure(a) - measure(best)
    lost, γ = regret / (1 - economy.β), getattr(economy, "γ", 1.0)
    return Score(
        mae=float(np.abs(error).mean()),
        worst=float(np.abs(error).max()),
        bias=float(error.mean()),
        regret=float(regret),
        loss=float(consumption_equivalent(optimum, lost, economy.β, γ)),
    )


def consumption_equivalent(v, lost, β, γ=1.0):
    """Share of consumption, for ever, that is worth the value `lost` out of the optimal `v`.

    Parameters
    ----------
    v, lost : array_like
        Optimal value, and what the policy loses of it.
    β : float
        Discount factor.
    γ : float
        Relative risk aversion; with 1, log utility, `v` does not matter.

    Returns
    -------
    array_like
        The share λ such that the optimal policy with (1 - λ) of its consumption is worth v - lost.

    Raises
    ------
    ValueError
        If a value is no number, β or γ is out of range, or no consumption is worth v - lost: with
        γ other than 1, v and v - lost have the sign of 1 - γ.
    """
    v, lost, γ = array("v", v), array("lost", lost), float(number(γ))
    require(
        lost=(lost, not np.isnan(lost).any(), "numbers"),
        β=(β, 0 <= number(β) < 1, "in [0, 1)"),
        γ=(γ, 0 < γ < np.inf, "in (0, inf)"),
    )
    if γ == 1:
        return -np.expm1(-(1 - β) * lost)
    sign = np.sign(1 - γ)
    require(v=(v, (np.isfinite(v) & (sign * v > 0)).all(), "finite, with the sign of 1 - γ"))
    require(lost=(lost, (sign * (v - lost) >= 0).all(), "such that v - lost has the sign of 1 - γ"))
    with np.errstate(divide="ignore"):
        return 1 - (1 - lost / v) ** (1 / (1 - γ))


def euler_errors(economy, policy, x, i):
    """Relative errors of consumption in the Euler equation, with exact expectations.

    Parameters
    ----------
    economy : Economy
        With a function ``margins(x, z, a)`` that returns both sides of the Euler equation of each
        stock, cost = β E[gain'], each (..., number of stocks): the marginal utility that a unit of
        tomorrow's stock takes today, and what a unit of today's stock gives today.  `Growth`,
        `Islands`, `MultiCountry` and `Planner` have it.  Where a bound of the actions binds, the
        Euler equation holds as an inequality and its error is not one.
    policy : callable
        State and shocks to actions.
    x : (B, dx)
        States.
    i : int array (B, width)
        Where the exogenous chains stand in them.

    Returns
    -------
    (B, number of stocks)
        By how much consumption differs from what the Euler equation of each stock implies.

    Raises
    ------
    ValueError
        If the economy has no `margins`, or more than 4,096 states of the shocks may follow: score
        the regret instead.

    References
    ----------
    Judd (1992), "Projection methods for solving aggregate growth models".
    """
    has = callable(getattr(economy, "margins", None))
    right = (
        "an economy with margins(x, z, a): the cost and the gain of each stock, cost = β E[gain']"
    )
    require(economy=(type(economy).__name__, has, right))
    exo = economy.exo
    z = exo.shocks(i)
    a = np.asarray(policy(x, z), dtype=float)
    x1, _ = economy.step(x, z, a)
    gain = 0.0
    states, probability = successors(exo, i)
    for j, p in zip(states, probability.T, strict=True):
        z1 = exo.shocks(np.broadcast_to(j, i.shape))
        a1 = np.asarray(policy(x1, z1), dtype=float)
        gain = gain + p[:, None] * economy.margins(x1, z1, a1)[1]
    cost, _ = economy.margins(x, z, a)
    return np.abs((economy.β * gain / cost) ** (-1 / getattr(economy, "γ", 1.0)) - 1)


def euler_score(economy, policy, x, i):
    """Summarize `euler_errors` over the given states (B, dx) and chains (B, width)."""
    errors = euler_errors(economy, policy, x, i)
    return EulerErrors(float(np.log10(errors.mean())), float(np.log10(errors.max())))


def path_value(economy, policy, x, i):
    """Discounted reward of `policy` along a given path of the shocks.

    Parameters
    ----------
    economy : Economy
        With one agent.
    policy : callable
        State and shocks to actions.
    x : (dx,)
        First state.
    i : int array (T, width)
        Where the exogenous chains stand in each period.

    Returns
    -------
    float
        Σ_t β^t r_t.
    """
    total = 0.0
    for t, at in enumerate(i):
        z = economy.exo.shocks(at)
        x, r = economy.step(x, z, np.asarray(policy(x, z), dtype=float))
        total += economy.β**t * float(r[0])
    return total
