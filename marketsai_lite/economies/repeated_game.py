r"""A matrix game played again and again by agents who remember the last round.

Any payoff array makes one: the prisoners' dilemma, a coordination game (a team, when all payoffs
are equal), matching pennies (zero-sum).  A memoryless strategy is a strategy that ignores what it
observes.
"""

from dataclasses import dataclass

import numpy as np

from marketsai_lite.economy import Grid, constant, index, like, namespace, whole
from marketsai_lite.require import array, number, require


@dataclass(frozen=True, eq=False)
class RepeatedGame:
    """An n-agent matrix game, repeated.

    State: the number of the action that each agent took last.  Actions: their numbers.

    Parameters
    ----------
    payoffs : (n, m_1, ..., m_n)
        Payoff of each agent at each joint action.
    β : float
        Discount factor.
    """

    payoffs: np.ndarray
    β: float = 0.95

    exo = constant(0.0)

    def __post_init__(self):
        payoffs = array("payoffs", self.payoffs).copy()
        right = payoffs.ndim >= 2 and payoffs.shape[0] == payoffs.ndim - 1 and payoffs.size > 0
        require(
            **{"payoffs.shape": (payoffs.shape, right, "(n, m_1, ..., m_n)")},
            payoffs=(payoffs, np.isfinite(payoffs).all(), "finite"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
        )
        object.__setattr__(self, "payoffs", payoffs)

    @property
    def agents(self):
        return tuple(f"player {i + 1}" for i in range(len(self.payoffs)))

    @property
    def state(self):
        return tuple(f"last action of {agent}" for agent in self.agents)

    @property
    def actions(self):
        return tuple(Grid(np.arange(m, dtype=float)[:, None]) for m in self.payoffs.shape[1:])

    def initial(self, u):
        last = [index(u[..., i], m) for i, m in enumerate(self.payoffs.shape[1:])]
        return like(namespace(u).stack(last, -1), u) + 0.0 * u

    def step(self, x, z, a):
        a = a[..., 0]
        number = a[..., 0]
        for i, m in enumerate(self.payoffs.shape[2:], start=1):
            number = number * m + a[..., i]
        flat = like(self.payoffs.reshape(len(self.payoffs), -1).T, a)
        return a, flat[whole(number)]

    def observe(self, x, z):
        return namespace(x).stack([x] * len(self.payoffs), -2)

    def accounts(self, x, z, a):
        _, r = self.step(x, z, a)
        return {"total payoff": r.sum(-1)}
