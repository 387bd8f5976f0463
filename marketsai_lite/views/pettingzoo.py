"""An economy as a PettingZoo environment: all agents act at once, by name."""

import functools

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from marketsai_lite.economy import Grid


class ParallelView(ParallelEnv):
    """The PettingZoo view.

    Parameters
    ----------
    economy : Economy
        Any economy.
    horizon : int, optional
        Periods after which an episode is truncated.  The economy itself never ends, so
        `terminations` are always False and a learner should bootstrap at a truncation.

    Raises
    ------
    ValueError
        If `horizon` is not positive, or an action is outside its space.
    """

    def __init__(self, economy, horizon=None):
        if horizon is not None and horizon < 1:
            raise ValueError(f"horizon={horizon}: must be at least 1, or None")
        self.economy, self.horizon = economy, horizon
        self.possible_agents, self.agents = list(economy.agents), []
        self.metadata = {"name": type(economy).__name__, "render_modes": []}
        self.render_mode = None
        self._rng = np.random.default_rng()

    @functools.cache  # noqa: B019  (PettingZoo wants the same space object each time)
    def observation_space(self, agent):
        x, i = np.zeros(len(self.economy.state)), np.zeros(self.economy.exo.width, dtype=int)
        width = self.economy.observe(x, self.economy.exo.shocks(i)).shape[-1]
        return spaces.Box(-np.inf, np.inf, (width,), np.float64)

    @functools.cache  # noqa: B019
    def action_space(self, agent):
        return action_space(self.economy.actions[self.possible_agents.index(agent)])

    def reset(self, seed=None, options=None):
        if seed is not None:
            self._rng = np.random.default_rng(seed)
            for k, agent in enumerate(self.possible_agents):
                self.action_space(agent).seed(seed + k)
        self.agents, self._t = list(self.possible_agents), 0
        self._x = self.economy.initial(self._rng.random(len(self.economy.state)))
        self._i = self.economy.exo.initial(self._rng.random(self.economy.exo.width))
        return self._observations(), {agent: {} for agent in self.agents}

    def step(self, actions):
        agents, economy = self.agents, self.economy
        if not agents:
            raise ValueError("step: the episode is over or has not begun: call reset first")
        a = np.stack(
            [
                action_value(self.action_space(k), s, actions[k])
                for k, s in zip(agents, economy.actions, strict=True)
            ]
        )
        z = economy.exo.shocks(self._i)
        accounts = economy.accounts(self._x, z, a)
        self._x, r = economy.step(self._x, z, a)
        self._i = economy.exo.next(self._i, self._rng.random(economy.exo.width))
        self._t += 1
        truncated = self._t == self.horizon
        observations = self._observations()
        self.agents = [] if truncated else agents
        return (
            observations,
            {k: float(v) for k, v in zip(agents, r, strict=True)},
            dict.fromkeys(agents, False),
            dict.fromkeys(agents, truncated),
            {k: {name: float(v) for name, v in accounts.items()} for k in agents},
        )

    def render(self):
        """Nothing is drawn: plot the `accounts` that each step returns as infos."""

    def _observations(self):
        obs = self.economy.observe(self._x, self.economy.exo.shocks(self._i))
        return {agent: obs[k] for k, agent in enumerate(self.possible_agents)}


def action_space(actions):
    """The Gymnasium space of a `Box` or a `Grid`."""
    if isinstance(actions, Grid):
        return spaces.Discrete(len(actions.values))
    return spaces.Box(actions.low, actions.high, dtype=np.float64)


def action_value(space, actions, action):
    """The vector (da,) that `action` of `space` stands for; ValueError when it is outside."""
    if isinstance(actions, Grid):
        if not space.contains(action):
            raise ValueError(f"action={action!r}: must be an integer in [0, {space.n})")
        return actions.values[action]
    action = np.asarray(action, dtype=float)
    inside = (
        action.shape == space.shape and (action >= space.low).all() and (action <= space.high).all()
    )
    if not inside:
        raise ValueError(f"action={action!r}: must be in {space}")
    return action
