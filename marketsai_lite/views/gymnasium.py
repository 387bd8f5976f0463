"""A one-agent economy as a Gymnasium environment."""

import gymnasium

from marketsai_lite.views.pettingzoo import ParallelView


class GymnasiumView(gymnasium.Env):
    """The Gymnasium view: the PettingZoo view of a one-agent economy without the names.

    Parameters
    ----------
    economy : Economy
        With exactly one agent.
    horizon : int, optional
        Periods after which an episode is truncated; the economy itself never ends.

    Raises
    ------
    ValueError
        If the economy has several agents, `horizon` is not positive, or an action is outside its
        space.
    """

    def __init__(self, economy, horizon=None):
        if len(economy.agents) != 1:
            raise ValueError(f"agents={economy.agents}: must be one; use ParallelView for several")
        (self._agent,) = economy.agents
        self._view = ParallelView(economy, horizon)
        self.observation_space = self._view.observation_space(self._agent)
        self.action_space = self._view.action_space(self._agent)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        observations, infos = self._view.reset(seed)
        return observations[self._agent], infos[self._agent]

    def step(self, action):
        returned = self._view.step({self._agent: action})
        return tuple(part[self._agent] for part in returned)
