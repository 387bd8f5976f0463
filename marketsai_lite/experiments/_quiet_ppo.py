"""PPO whose noise falls as it is told, and not as it likes.

The gradient of a policy's mean is estimated from what its noise tried, with an error that is the
larger the less noise there was.  Noise is costly too, so that PPO, left to itself, gives it up
before the mean is right; from then on it learns next to nothing.
"""

import math
from dataclasses import dataclass

from marketsai_lite.deep import ppo
from marketsai_lite.require import require


@dataclass(frozen=True)
class Config(ppo.Config):
    """Settings of the agent: those of PPO, and one more.

    Parameters
    ----------
    last_log_std : log standard deviation of the noise in the end, to which it falls linearly
    """

    last_log_std: float = -4.0

    def __post_init__(self):
        super().__post_init__()
        right = math.isfinite(self.last_log_std)
        require(last_log_std=(self.last_log_std, right, "finite"))

    def agent(self, world, rng):
        """Make the learner."""
        return Quiet(world, self, rng)


class Quiet(ppo.PPO):
    """PPO whose noise is set anew before each round; within a round the gradient may move it."""

    def update(self, k):
        """Set the noise, play a round and learn; return the mean losses."""
        config, done = self.config, k / self.config.updates
        for part in self.actor.parts:
            noise = (1 - done) * config.log_std + done * config.last_log_std
            part.policy.log_std.data.fill_(noise)
        return super().update(k)
