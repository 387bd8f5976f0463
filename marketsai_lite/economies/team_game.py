r"""A matrix game that a team plays once: all earn the same, and nobody sees what the others choose.

Any payoff array makes one: the climbing game, the game in which monotone mixing fails (Son et al.,
2019), or firms that share their profits.
"""

from dataclasses import dataclass

import numpy as np

from marketsai_lite.economy import Grid, constant, like, namespace, whole
from marketsai_lite.require import array, number, require


@dataclass(frozen=True, eq=False)
class TeamGame:
    """A matrix game with equal payoffs, played once.

    State: 0 before the game and 1 after it.  Observation: 1 before the game and 0 after it.
    Actions: their numbers.

    Parameters
    ----------
    payoffs : array (m_1, ..., m_n)
        Of each member, at each joint action.
    β : float
        Discount factor.
    """

    payoffs: np.ndarray
    β: float = 0.95

    exo = constant(0.0)
    state = ("over",)

    def __post_init__(self):
        payoffs = array("payoffs", self.payoffs).copy()
        right = payoffs.ndim >= 1 and payoffs.size > 0 and bool(np.isfinite(payoffs).all())
        require(
            payoffs=(self.payoffs, right, "finite, of shape (m_1, ..., m_n)"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
        )
        object.__setattr__(self, "payoffs", payoffs)

    @property
    def agents(self):
        return tuple(f"member {i + 1}" for i in range(self.payoffs.ndim))

    @property
    def actions(self):
        return tuple(Grid(np.arange(m, dtype=float)[:, None]) for m in self.payoffs.shape)

    def initial(self, u):
        return 0.0 * u

    def step(self, x, z, a):
        joint = a[..., 0, 0]
        for i, m in enumerate(self.payoffs.shape[1:], start=1):
            joint = joint * m + a[..., i, 0]
        r = like(self.payoffs.reshape(-1), x)[whole(joint)] * (1 - x[..., 0])
        return 0 * x + 1, namespace(x).stack([r] * self.payoffs.ndim, -1)

    def discount(self, x1, z1):
        """Discounts (..., n): zero after the game."""
        return namespace(x1).concatenate([self.β * (1 - x1)] * self.payoffs.ndim, -1)

    def observe(self, x, z):
        return namespace(x).stack([1 - x] * self.payoffs.ndim, -2)

    def accounts(self, x, z, a):
        return {"team reward": self.step(x, z, a)[1][..., 0]}
