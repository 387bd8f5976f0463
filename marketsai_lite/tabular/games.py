"""Markov games as arrays: the value of a joint policy and what a deviation would add.

Fix what the others do and a Markov game is a Markov decision problem for the one who is left
(`induced`).  Solving it gives the best response exactly, and the gap between its value and the
value of what the agent does measures the distance to a Markov-perfect equilibrium: it is zero in
every state, for every agent, there and nowhere else.
"""

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import numpy as np

from marketsai_lite.require import array, probabilities, require, whole
from marketsai_lite.tabular.evaluate import policy_value
from marketsai_lite.tabular.mdp import MDP
from marketsai_lite.tabular.solve import policy_iteration


@dataclass(frozen=True, eq=False)
class MarkovGame:
    """A finite Markov game with discounting; states and lotteries as in `MDP`.

    Joint actions are numbered row by row: the last agent's action moves fastest.

    Parameters
    ----------
    r : (n, S, M)
        Rewards of each agent, finite wherever everybody's choice is legal; stored as 0 elsewhere.
    index : (S, M, K)
        Endogenous nodes a joint action may lead to.
    weight : (S, M, K) or None
        Their probabilities; None when K = 1.
    P : (nz, nz)
        Transition matrix of the exogenous chain.
    β : float
        Common discount factor, in [0, 1).
    shape : tuple of int
        Number of actions of each agent; M is their product.
    legal : sequence of (S, m_i) bool, optional
        Which actions each agent may choose, at least one in each state; all if None.

    Raises
    ------
    ValueError
        If an argument is outside what is stated above.
    """

    r: np.ndarray
    index: np.ndarray
    weight: np.ndarray | None
    P: np.ndarray
    β: float
    shape: tuple[int, ...]
    legal: tuple[np.ndarray, ...] | None = None

    def __post_init__(self):
        r = np.ascontiguousarray(array("r", self.r))
        require(**{"r.shape": (r.shape, r.ndim == 3 and r.size > 0, "(n, S, M), none of them 0")})
        each = f"one number of actions for each of {len(r)} agents, with product {r.shape[2]}"
        counts = np.ndim(self.shape) == 1 and all(whole(m, 1) for m in self.shape)
        right = counts and len(self.shape) == len(r) and np.prod(self.shape) == r.shape[2]
        require(shape=(self.shape, right, each))
        shape = tuple(int(m) for m in self.shape)
        legal, feasible = None, None
        if self.legal is not None:
            legal = _legal(self.legal, shape, r.shape[1])
            feasible = reduce(_joint, legal)
        one = MDP(r[0], self.index, self.weight, self.P, self.β, feasible)
        for r_i in r[1:]:  # which checks the rewards of the others
            MDP(r_i, one.index, one.weight, one.P, one.β, feasible)
        r = r.copy() if feasible is None else np.where(feasible, r, 0.0)
        for name, value in (("r", r), ("shape", shape), ("legal", legal)):
            object.__setattr__(self, name, value)
        for name in ("index", "weight", "P", "β"):
            object.__setattr__(self, name, getattr(one, name))

    @property
    def n(self) -> int:
        """Number of agents."""
        return len(self.shape)


class BestResponse(NamedTuple):
    """An agent's exact best response to the others' policies.

    Attributes
    ----------
    σ : array (S,)
        Action in each state.
    v : array (S,)
        Its value.
    gap : array (S,)
        What it adds to the value of the agent's own policy, >= 0.
    """

    σ: np.ndarray
    v: np.ndarray
    gap: np.ndarray


def induced(game, policies, agent):
    """Return the decision problem of `agent` when the others follow `policies`.

    Parameters
    ----------
    game : MarkovGame
    policies : sequence of (S,) int or (S, m_i) float
        Of every agent, its own included (and not used): an action, or probabilities, in each
        state; illegal actions have none.
    agent : int
        Whose problem.

    Returns
    -------
    MDP
        With the agent's m_i actions.

    Raises
    ------
    ValueError
        If a policy has the wrong shape, an action is out of range or illegal, or probabilities do
        not sum to one.
    """
    right = "a MarkovGame, before the policies: (game, policies, agent)"
    require(game=(game, isinstance(game, MarkovGame), right))
    require(agent=(agent, whole(agent, 0, game.n - 1), f"in 0, ..., {game.n - 1}"))
    agent = int(agent)
    S, m = game.r.shape[1], game.shape[agent]
    mixed = _mixed(game, policies)
    mixed[agent] = np.ones((S, m))
    weight = reduce(_joint, mixed)
    order = np.moveaxis(np.arange(weight.shape[1]).reshape(game.shape), agent, 0).reshape(m, -1)
    played = weight[:, order]  # (S, m_i, others): probability of the others' actions
    r = (played * game.r[agent][:, order]).sum(-1)
    lottery = played[..., None] * (1.0 if game.weight is None else game.weight[:, order])
    K = lottery.shape[2] * game.index.shape[2]
    lottery = np.broadcast_to(lottery, (*played.shape, game.index.shape[2])).reshape(S, m, K)
    index = game.index[:, order].reshape(S, m, K)
    used = (lottery > 0).sum(-1).max()  # a pure policy uses K corners, not K times all actions
    keep = np.argsort(lottery <= 0, axis=-1, kind="stable")[..., :used]
    lottery = np.take_along_axis(lottery, keep, -1)
    index = np.take_along_axis(index, keep, -1)
    feasible = None if game.legal is None else game.legal[agent]
    return MDP(r, index, None if used == 1 else lottery, game.P, game.β, feasible)


def best_response(game, policies, agent):
    """Solve for the exact best response of `agent` to the others.

    Parameters
    ----------
    game, policies, agent
        As in `induced`.

    Returns
    -------
    BestResponse
        Policy, value and gain in every state.
    """
    mdp, agent = induced(game, policies, agent), int(agent)
    best = policy_iteration(mdp)
    own = policy_value(_mixed(game, policies)[agent], mdp)
    return BestResponse(best.σ, best.v, np.maximum(best.v - own, 0.0))


def exploitability(game, policies):
    """Return the largest gain from a best response over states, in units of value, (n,).

    It is zero exactly at a Markov-perfect equilibrium.  `limit_strategies.exploitability` gives the
    gain in each state of a repeated game, as a share of the best response's value.
    """
    return np.array([best_response(game, policies, i).gap.max() for i in range(game.n)])


def _joint(one, other):
    """Products (S, m m') of what two agents do, (S, m) and (S, m'), in every joint action."""
    return (one[:, :, None] * other[:, None]).reshape(len(one), -1)


def _legal(legal, shape, S):
    """The masks of all agents as boolean arrays."""
    legal = tuple(np.array(mask) for mask in legal)
    for i, mask in enumerate(legal):
        right = i < len(shape) and mask.shape == (S, shape[i]) and mask.dtype == bool
        if not right or not mask.any(1).all():
            raise ValueError(
                f"legal[{i}]: shape {mask.shape} of {mask.dtype}: must be ({S}, m_i) bool, "
                f"with one True in each row, and m = {shape}"
            )
    if len(legal) != len(shape):
        raise ValueError(f"legal: {len(legal)} given: must be one for each of {len(shape)} agents")
    return legal


def _mixed(game, policies):
    """Probabilities (S, m_i) of every policy."""
    S = game.r.shape[1]
    if len(policies) != game.n:
        raise ValueError(
            f"policies: {len(policies)} given: must be one for each of {game.n} agents"
        )
    mixed = []
    for i, (π, m) in enumerate(zip(policies, game.shape, strict=True)):
        π = np.asarray(π)
        if π.shape == (S,) and np.issubdtype(π.dtype, np.integer):
            if π.min() < 0 or π.max() >= m:
                raise ValueError(f"policies[{i}]: actions must be in 0, ..., {m - 1}")
            π = np.eye(m)[π]
        if π.shape != (S, m):
            raise ValueError(f"policies[{i}]: shape {π.shape}: must be ({S},) int or ({S}, {m})")
        π = probabilities(f"policies[{i}]", π)
        if game.legal is not None and (π[~game.legal[i]] > 0).any():
            s, a = np.argwhere(~game.legal[i] & (π > 0))[0]
            raise ValueError(f"policies[{i}]: action {a} in state {s}: must be legal")
        mixed.append(np.array(π, dtype=float))
    return mixed
