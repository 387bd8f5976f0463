"""A one-agent economy as a Gymnasium environment."""

import gymnasium
import numpy as np
from gymnasium import spaces

from marketsai_lite.views.pettingzoo import ParallelView


class GymnasiumView(gymnasium.Env):
    """The Gymnasium view: the PettingZoo view of a one-agent economy without the names.

    Where the economy has a mask of legal choices, it is in ``info["action_mask"]``, and the
    observation remains an array.

    Parameters
    ----------
    economy : Economy
        With exactly one agent.
    horizon : int, optional
        Periods after which an episode is truncated; it is terminated where the economy ends.

    Raises
    ------
    ValueError
        If the economy has several agents, `horizon` is not a positive integer, or an action is
        outside its space or not legal.
    """

    def __init__(self, economy, horizon=None):
        if len(economy.agents) != 1:
            raise ValueError(f"agents={economy.agents}: must be one; use ParallelView for several")
        (self._agent,) = economy.agents
        self._view = ParallelView(economy, horizon)
        space = self._view.observation_space(self._agent)
        self.observation_space = space["observation"] if isinstance(space, spaces.Dict) else space
        self.action_space = self._view.action_space(self._agent)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        observations, infos = self._view.reset(seed)
        return self._apart(observations[self._agent], infos[self._agent])

    def step(self, action):
        returned = self._view.step({self._agent: action})
        observation, r, terminated, truncated, info = (part[self._agent] for part in returned)
        observation, info = self._apart(observation, info)
        return observation, r, terminated, truncated, info

    def _apart(self, observation, info):
        """The observation, and the mask in the info."""
        if isinstance(observation, np.ndarray):
            return observation, info
        return observation["observation"], {**info, "action_mask": observation["action_mask"]}
