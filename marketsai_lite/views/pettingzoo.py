"""An economy as a PettingZoo environment: all agents act at once, by name."""

from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marketsai_lite.economy import SLACK, Grid, Terms
from marketsai_lite.require import require


class ParallelView(ParallelEnv):
    """The PettingZoo view.

    Observations are arrays of each agent's own width.  Where the economy has a mask of legal
    choices, an agent with a grid observes a dictionary of its ``"observation"`` and its
    ``"action_mask"``, as is the custom of PettingZoo.

    An agent is *terminated* when its discount is zero, and leaves `agents`; what the others play on
    with is its first legal choice, or the low end of its box.  It is *truncated* at the horizon,
    where the economy itself goes on, so that a learner should bootstrap.

    Parameters
    ----------
    economy : Economy
        Any economy.
    horizon : int, optional
        Periods after which an episode is truncated.

    Attributes
    ----------
    state_space : gymnasium.spaces.Box
        Of `state`.

    Raises
    ------
    ValueError
        If `horizon` is not a positive integer, actions are missing or of agents that are not there,
        or an action is outside its space or not legal.
    """

    def __init__(self, economy, horizon=None):
        whole = isinstance(horizon, int | np.integer) and not isinstance(horizon, bool)
        right = horizon is None or (whole and horizon >= 1)
        require(horizon=(horizon, right, "an integer, at least 1, or None"))
        self.economy, self.horizon, self._terms = economy, horizon, Terms(economy)
        self.possible_agents, self.agents = list(economy.agents), []
        self.metadata = {"name": type(economy).__name__, "render_modes": []}
        self.render_mode = None
        self._number = {agent: k for k, agent in enumerate(self.possible_agents)}
        self._sets = economy.actions
        self._widths = [self._terms.sees(k) for k in self._number.values()]
        self.observation_spaces, self.action_spaces = {}, {}
        for agent, k in self._number.items():
            self.observation_spaces[agent] = self._observation_space(k)
            self.action_spaces[agent] = action_space(self._sets[k])
        z = economy.exo.shocks(np.zeros(economy.exo.width, dtype=int))
        width = self._terms.dx + z.aggregate.size + z.own.size
        self.state_space = _real(width)
        self._rng = np.random.default_rng()

    def observation_space(self, agent):
        """The space of what `agent` observes: the same object at each call."""
        return self.observation_spaces[agent]

    def action_space(self, agent):
        """The space of what `agent` may do: the same object at each call."""
        return self.action_spaces[agent]

    def reset(self, seed=None, options=None):
        if seed is not None:
            self._rng = np.random.default_rng(seed)
            for agent, k in self._number.items():
                self.action_space(agent).seed(seed + k)
        self.agents, self._t = list(self.possible_agents), 0
        x = self.economy.initial(self._rng.random(self._terms.dx))
        self._stand(x, self.economy.exo.initial(self._rng.random(self.economy.exo.width)))
        observations = self._observations()
        return observations, {agent: {} for agent in self.agents}

    def step(self, actions):
        agents, economy = self.agents, self.economy
        if not agents:
            raise ValueError("step: the episode is over or has not begun: call reset first")
        here = {agent: self._number[agent] for agent in agents}
        lacking = [agent for agent in here if agent not in actions]
        strange = [agent for agent in actions if agent not in here]
        require(actions=(list(actions), not lacking, f"given for {lacking} as well"))
        require(actions=(list(actions), not strange, f"without {strange}: only of {agents}"))
        a = np.zeros((self._terms.n, self._terms.da))
        for agent, k in self._number.items():
            s, mask = self._sets[k], self._mask(k)
            if agent in here:
                value = action_value(self.action_spaces[agent], s, actions[agent], mask)
            else:
                value = _idle(s, mask)
            a[k, : s.width] = value
        accounts = economy.accounts(self._x, self._z, a)
        x, r = economy.step(self._x, self._z, a)
        self._stand(x, economy.exo.next(self._i, self._rng.random(economy.exo.width)))
        self._t += 1
        discount = self._terms.discount(self._x, self._z, r)
        terminated = {agent: bool(discount[k] == 0) for agent, k in here.items()}
        late = self._t == self.horizon
        truncated = {agent: late and not terminated[agent] for agent in agents}
        observations = self._observations()
        self.agents = [k for k in agents if not terminated[k] and not truncated[k]]
        return (
            observations,
            {agent: float(r[k]) for agent, k in here.items()},
            terminated,
            truncated,
            {
                agent: {name: float(v[k] if np.ndim(v) else v) for name, v in accounts.items()}
                for agent, k in here.items()
            },
        )

    def state(self):
        """The state and all shocks, side by side: (dx + dz + units de,)."""
        return np.concatenate([self._x, self._z.aggregate, self._z.own.ravel()])

    def render(self):
        """Nothing is drawn: plot the `accounts` that each step returns as infos."""

    def _stand(self, x, i):
        """Remember where the economy stands.  Copies: who gets an observation may change it."""
        self._x, self._i, self._z = np.array(x), i, self.economy.exo.shocks(i)
        self._legal = self.economy.legal(self._x, self._z) if self._terms.masks else None

    def _mask(self, k):
        s = self._sets[k]
        if self._legal is None or not isinstance(s, Grid):
            return None
        return self._legal[k, : len(s.values)]

    def _observations(self):
        """What the agents still there observe."""
        everybody = self.economy.observe(self._x, self._z)
        seen: dict[str, Any] = {}
        for agent in self.agents:
            k = self._number[agent]
            o, mask = np.array(everybody[k, : self._widths[k]]), self._mask(k)
            masked = mask is not None
            seen[agent] = {"observation": o, "action_mask": mask.astype(np.int8)} if masked else o
        return seen

    def _observation_space(self, k):
        space, s = _real(self._widths[k]), self._sets[k]
        if not self._terms.masks or not isinstance(s, Grid):
            return space
        mask = spaces.Box(0, 1, (len(s.values),), np.int8)
        return spaces.Dict({"observation": space, "action_mask": mask})


def _real(width):
    return spaces.Box(-np.inf, np.inf, (width,), np.float64)


def action_space(actions):
    """The Gymnasium space of a `Box` or a `Grid`."""
    if isinstance(actions, Grid):
        return spaces.Discrete(len(actions.values))
    return spaces.Box(actions.low, actions.high, dtype=np.float64)


def action_value(space, actions, action, mask=None):
    """The vector (da,) that `action` of `space` stands for; ValueError when it is not permitted.

    An action of a box that is outside by no more than rounding is at the bound.
    """
    if isinstance(actions, Grid):
        inside = not isinstance(action, bool | np.bool_) and space.contains(action)
        require(action=(action, inside, f"an integer in [0, {space.n})"))
        if mask is not None:
            require(action=(action, mask[action], f"legal, one of {np.flatnonzero(mask)}"))
        return actions.values[action]
    given = np.asarray(action)
    numbers = given.dtype != bool and np.issubdtype(given.dtype, np.number)
    inside = numbers and given.shape == space.shape
    if inside:
        nearest = np.clip(given.astype(float), space.low, space.high)
        inside = (np.abs(given - nearest) <= SLACK * (space.high - space.low)).all()
    require(action=(action, inside, f"in {space}"))
    return nearest


def _idle(actions, mask):
    """What is played for an agent that has ended."""
    if not isinstance(actions, Grid):
        return actions.low
    return actions.values[0 if mask is None else mask.argmax()]
