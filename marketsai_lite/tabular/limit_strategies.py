r"""What learned strategies of a repeated game do, and how far they are from equilibrium.

A strategy profile σ (n, S) gives each agent's action in each state; states and joint actions are
numbered as in `repeated_games`. Payoffs have shape (n, m, ..., m). Since play is deterministic,
values are sums along a path of states, computed exactly by doubling its length.

Two tests ask whether an agent could do better while its rivals keep their strategies, and they
differ:

* *one deviation*: it deviates once and then returns to its own strategy (`action_values`,
  `deviation_gap`; the test of Calvano et al. 2020);
* *best response*: it may play anything for ever after (`best_response`, `exploitability`).

A strategy is a best response in every state if and only if no single deviation pays in any state;
on the path alone the second test is stricter.

References
----------
Calvano, E., G. Calzolari, V. Denicolò and S. Pastorello (2020): Artificial intelligence,
algorithmic pricing, and collusion, American Economic Review 110(10).
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.require import array, number, require, whole
from marketsai_lite.tabular.repeated_games import stage_games


class Response(NamedTuple):
    """Paths after a deviation from each of the L states of a cycle.

    Attributes
    ----------
    actions, payoffs : array (L, periods, n)
        What each agent does, an int, and what it earns.
    """

    actions: np.ndarray
    payoffs: np.ndarray


def joint_actions(policy: np.ndarray, m: int) -> np.ndarray:
    """Joint action that the profile plays in each state.

    Parameters
    ----------
    policy : int ndarray, shape (n, S)
    m : int
        Actions of each agent.

    Returns
    -------
    int64 ndarray, shape (S,)
    """
    return _joint(_actions(policy, m), m)


def next_state(state: np.ndarray | int, joint: np.ndarray | int, S: int, M: int) -> np.ndarray:
    """State that follows when `joint`, one of M joint actions, is played in `state`, one of S."""
    require(S=(S, whole(S, 1) and whole(M, 1) and _is_power(S, M), f"a power of M={M!r}"))
    return np.asarray(_next(state, joint, S, M))


def limit_cycle(policy: np.ndarray, state: int, m: int) -> np.ndarray:
    """States that play from `state` visits for ever, in their order.

    Parameters
    ----------
    policy : int ndarray, shape (n, S)
    state : int
    m : int

    Returns
    -------
    int64 ndarray, shape (L,)
        It begins with the first of these states that is reached.

    Raises
    ------
    ValueError
        If S is no power of m^n, an action is none of m, or the state none of S.
    """
    policy = _profile(policy, m)
    n, S = policy.shape
    require(state=(state, whole(state, 0, S - 1), f"one of the states 0 to {S - 1}"))
    follow = _next(np.arange(S), _joint(policy, m), S, m**n)
    state = int(state)
    path: dict[int, int] = {}
    while state not in path:
        path[state] = len(path)
        state = int(follow[state])
    return np.array(list(path)[path[state] :])


def cycle_payoffs(policy: np.ndarray, state: int, payoffs: np.ndarray) -> np.ndarray:
    """Each agent's average payoff on the limit cycle, shape (n,)."""
    policy, payoffs = _checked(policy, payoffs)
    n, m = payoffs.shape[:2]
    cycle = limit_cycle(policy, state, m)
    return payoffs.reshape(n, -1)[:, _joint(policy[:, cycle], m)].mean(axis=1)


def profit_gain(profits: np.ndarray, nash: np.ndarray, monopoly: np.ndarray) -> np.ndarray:
    """Average profit gain Δ: 0 at the static Nash equilibrium, 1 at joint monopoly.

    It is the ratio of averages over firms; an average of the firms' own ratios has no meaning when
    firms differ, since a firm may gain little or nothing from joint monopoly.

    Parameters
    ----------
    profits : ndarray, shape (..., n)
    nash, monopoly : ndarrays, shape (n,)

    Raises
    ------
    ValueError
        If shapes differ, a number is not finite, or monopoly earns what Nash does.
    """
    profits, nash = array("profits", profits), array("nash", nash)
    monopoly, n = array("monopoly", monopoly), nash.shape
    floor, top = (np.mean(x) if x.size else np.nan for x in (nash, monopoly))
    require(
        nash=(nash, nash.ndim == 1 and np.isfinite(floor), "finite numbers (n,)"),
        monopoly=(monopoly, monopoly.shape == n and np.isfinite(top), f"finite, of shape {n}"),
        profits=(profits, profits.shape[-1:] == n, f"of shape (..., {len(nash)})"),
    )
    require(
        profits=(profits, np.isfinite(profits).all(), "finite numbers"),
        monopoly=(monopoly, top != floor, f"other on average than those of Nash, {floor}"),
    )
    return (np.mean(profits, axis=-1) - floor) / (top - floor)


def impulse_response(
    policy: np.ndarray,
    cycle: np.ndarray,
    payoffs: np.ndarray,
    agent: int,
    *,
    deviation: int | None = None,
    periods: int = 15,
) -> Response:
    """Actions and payoffs when one agent deviates for one period, from each state of a cycle.

    Parameters
    ----------
    policy : int ndarray, shape (n, S)
    cycle : int ndarray, shape (L,)
        States in which the deviation takes place, in period 0 of the paths.
    payoffs : ndarray, shape (n, m, ..., m)
    agent : int
    deviation : int, optional
        The agent's action in period 0; by default its static best response to the rivals.
    periods : int

    Raises
    ------
    ValueError
        If a state, the agent, the deviation or the number of periods is none.
    """
    policy, payoffs = _checked(policy, payoffs, agent=agent)
    agent, (n, m) = int(agent), payoffs.shape[:2]
    S, M = policy.shape[1], m**n
    s = np.asarray(cycle)
    states = s.ndim == 1 and s.size > 0 and np.issubdtype(s.dtype, np.integer)
    require(
        cycle=(cycle, states and s.min() >= 0 and s.max() < S, f"states from 0 to {S - 1}"),
        deviation=(deviation, deviation is None or whole(deviation, 0, m - 1), f"in 0..{m - 1}"),
        periods=(periods, whole(periods, 1, 10**9), "an integer >= 1"),
    )
    joint, stride = _joint(policy, m), m ** (n - 1 - agent)
    if deviation is None:
        reward, _ = _options(policy, payoffs, agent)
        action = reward[s].argmax(axis=1)
    else:
        action = np.full(len(s), int(deviation))
    played = joint[s] + (action - policy[agent, s]) * stride
    path = []
    for _ in range(int(periods)):
        path.append(played)
        s = _next(s, played, S, M)
        played = joint[s]
    joints = np.stack(path, axis=1)
    actions = np.stack(np.unravel_index(joints, (m,) * n), axis=-1)
    return Response(actions, np.moveaxis(payoffs.reshape(n, -1)[:, joints], 0, -1))


def values(policy: np.ndarray, payoffs: np.ndarray, β: float) -> np.ndarray:
    """Discounted payoffs Σ β^t π_i of the profile from each state, shape (n, S)."""
    return _values(*_checked(policy, payoffs, β), float(β))


def action_values(policy: np.ndarray, payoffs: np.ndarray, β: float) -> np.ndarray:
    """Value of each action of each agent that then returns to its own strategy, shape (n, S, m)."""
    policy, payoffs = _checked(policy, payoffs, β)
    return _action_values(policy, payoffs, float(β), _values(policy, payoffs, float(β)))


def best_response(
    policy: np.ndarray, payoffs: np.ndarray, β: float, agent: int
) -> tuple[np.ndarray, np.ndarray]:
    """Solve one agent's decision problem against rivals who keep their strategies.

    Policy iteration, which ends after finitely many steps with the exact solution; it starts from
    the agent's own strategy and changes an action only for a better one.

    Parameters
    ----------
    policy : int ndarray, shape (n, S)
    payoffs : ndarray, shape (n, m, ..., m)
    β : float in [0, 1)
    agent : int

    Returns
    -------
    value : ndarray, shape (S,)
    action : int64 ndarray, shape (S,)

    Raises
    ------
    ValueError
        If an argument is none of these.
    """
    policy, payoffs = _checked(policy, payoffs, β, agent)
    return _best_response(policy, payoffs, float(β), int(agent))


def _best_response(policy, payoffs, β, agent):
    reward, follow = _options(policy, payoffs, agent)
    middle = reward.max() / 2 + reward.min() / 2
    reward = reward - middle  # so that rounding is relative to what is compared
    states = np.arange(len(reward))
    action = policy[agent]
    slack = 2e-14 * reward.max() / (1 - β)
    while True:
        value = _discounted(reward[states, action], follow[states, action], β)
        q = reward + β * value[follow]
        better = q.max(axis=1) > value + slack
        if not better.any():
            return value + middle / (1 - β), action
        action = np.where(better, q.argmax(axis=1), action)


def deviation_gap(policy: np.ndarray, payoffs: np.ndarray, β: float) -> np.ndarray:
    """Share of the value that each agent loses by not deviating once, shape (n, S).

    (max_a Q - V)/|max_a Q| with Q from `action_values`; 0 where no single deviation pays.
    """
    policy, payoffs = _checked(policy, payoffs, β)
    V = _values(policy, payoffs, float(β))
    return _share(_action_values(policy, payoffs, float(β), V).max(axis=2), V)


def exploitability(policy: np.ndarray, payoffs: np.ndarray, β: float) -> np.ndarray:
    """Exploitability of each agent in each state as a share, shape (n, S).

    It is what a best response adds to the value of the agent's own strategy, divided by the
    absolute value of the best response; `games.exploitability` gives the largest over states of the
    same gain in units of value.  The profile is a subgame-perfect equilibrium if and only if it is
    0 in every state, and a Nash equilibrium from a state if it is 0 there.
    """
    policy, payoffs = _checked(policy, payoffs, β)
    best = [_best_response(policy, payoffs, float(β), i)[0] for i in range(len(policy))]
    return _share(np.array(best), _values(policy, payoffs, float(β)))


def _share(best: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(best - value)/|best|, and 0 where they differ by rounding."""
    loss = np.maximum(best - value, 0)
    scale = np.abs(best)
    more = loss > 1e-11 * scale.max(axis=1, keepdims=True)
    return np.divide(loss, scale, out=np.zeros_like(loss), where=more & (scale > 0))


def _discounted(reward: np.ndarray, follow: np.ndarray, β: float) -> np.ndarray:
    """Σ_t β^t reward along the path s, follow(s), ...: 2^j terms after j doublings."""
    total, weight = reward, β
    while weight > 1e-18:
        total = total + weight * total[..., follow]
        follow, weight = follow[follow], weight * weight
    return total


def _is_power(S: int, M: int) -> bool:
    """Whether S states remember a whole number of joint actions, of which there are M."""
    while S % M == 0 and 1 < M <= S:
        S //= M
    return S == 1


def _actions(policy: np.ndarray, m: int) -> np.ndarray:
    """Check that a profile is (n, states) of actions 0..m-1; return it as int64."""
    found = np.asarray(policy)
    require(m=(m, whole(m, 1), "an integer >= 1, the number of actions"))
    right = found.ndim == 2 and found.size > 0 and np.issubdtype(found.dtype, np.integer)
    right = right and found.min() >= 0 and found.max() < m
    require(policy=(policy, right, f"integers 0 to {m - 1} of shape (n, S)"))
    return np.asarray(found, dtype=np.int64)


def _profile(policy: np.ndarray, m: int) -> np.ndarray:
    """Check also that S is the number of states for some memory."""
    policy = _actions(policy, m)
    (n, S), power = policy.shape, f"(n, S), with S a power of m^n = {m}^{len(policy)}"
    require(**{"policy.shape": (policy.shape, _is_power(S, m**n), power)})
    return policy


def _checked(policy, payoffs, β=0.0, agent=0) -> tuple[np.ndarray, np.ndarray]:
    """Check a profile, the payoffs, and what else is given; return the first two as arrays."""
    require(β=(β, 0 <= number(β) < 1, "in [0, 1)"))
    (payoffs,), _ = stage_games(payoffs, β=β)
    policy = _profile(policy, payoffs.shape[1])
    n = len(payoffs)
    require(
        policy=(policy, len(policy) == n, f"of {n} agents, as the payoffs"),
        agent=(agent, whole(agent, 0, n - 1), f"one of the agents 0 to {n - 1}"),
    )
    return policy, payoffs


def _options(policy: np.ndarray, payoffs: np.ndarray, agent: int) -> tuple[np.ndarray, np.ndarray]:
    """Payoff and next state of each action of one agent against the others' strategies, (S, m)."""
    n, m = payoffs.shape[:2]
    S, M = policy.shape[1], m**n
    own = np.arange(m) - policy[agent][:, None]
    joint = _joint(policy, m)[:, None] + own * m ** (n - 1 - agent)
    return payoffs[agent].ravel()[joint], _next(np.arange(S)[:, None], joint, S, M)


def _joint(policy, m):
    return m ** np.arange(len(policy) - 1, -1, -1) @ policy


def _next(state, joint, S, M):
    return joint * (S // M) + state // M


def _values(policy, payoffs, β):
    n, m = payoffs.shape[:2]
    S, joint = policy.shape[1], _joint(policy, m)
    return _discounted(payoffs.reshape(n, -1)[:, joint], _next(np.arange(S), joint, S, m**n), β)


def _action_values(policy, payoffs, β, V):
    options = (_options(policy, payoffs, i) for i in range(len(policy)))
    return np.array([reward + β * V[i, follow] for i, (reward, follow) in enumerate(options)])
