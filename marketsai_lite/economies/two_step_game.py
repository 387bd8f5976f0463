r"""The two-step game of QMIX (Rashid et al., 2018): a team whose choices belong together.

In the first period the choice of agent 1 decides which matrix game the team plays in the second:
after A both earn 7 whatever they do, after B they earn 8 if both choose B, and 0 or 1 otherwise.
What agent 2 does first does not matter.  Then the game ends.  The best the team can do is to play B
throughout, which is worth :math:`8 \beta`; no sum of individual values can say so, and its best fit
prefers the safe 7.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economy import Grid, constant, like, namespace, whole
from marketsai_lite.require import array, number, require

START, AFTER_A, AFTER_B, END = range(4)


def rashid():
    """Rewards after A and after B, by the choices of both agents."""
    return np.array([[[7.0, 7.0], [7.0, 7.0]], [[0.0, 1.0], [1.0, 8.0]]])


@dataclass(frozen=True, eq=False)
class TwoStepGame:
    """The two-step team game.

    State: where the team stands (0 at the start, 1 after A, 2 after B, 3 at the end), which both
    see as three indicators that are all zero at the end.  Actions: A (0) or B (1).

    Parameters
    ----------
    payoffs : array (2, 2, 2)
        Of the team, by the first choice of agent 1 and the second choices of both.
    β : float
        Discount factor.

    Attributes
    ----------
    rewards : array (4, 2, 2)
        The same, by where the team stands and the choices; nothing at the end.
    places : array (3,)
        Where the team may stand, but for the end.
    """

    payoffs: np.ndarray = field(default_factory=rashid)
    β: float = 0.99
    rewards: np.ndarray = field(init=False)
    places: np.ndarray = field(init=False)

    exo = constant(0.0)
    agents = ("agent 1", "agent 2")
    state = ("where",)
    actions = (Grid(np.array([[0.0], [1.0]])),) * 2

    def __post_init__(self):
        payoffs = array("payoffs", self.payoffs).copy()
        right = payoffs.shape == (2, 2, 2) and bool(np.isfinite(payoffs).all())
        require(
            payoffs=(self.payoffs, right, "finite, of shape (2, 2, 2)"),
            β=(self.β, 0 <= number(self.β) < 1, "in [0, 1)"),
        )
        nothing = np.zeros((1, 2, 2))
        rewards = np.concatenate([nothing, payoffs, nothing])
        places = np.array([START, AFTER_A, AFTER_B], dtype=float)
        for name, value in (("payoffs", payoffs), ("rewards", rewards), ("places", places)):
            object.__setattr__(self, name, value)

    def initial(self, u):
        return 0.0 * u

    def step(self, x, z, a):
        xp, first, second = namespace(x), a[..., 0, 0], a[..., 1, 0]
        number = whole(4 * x[..., 0] + 2 * first + second)
        r = like(self.rewards.reshape(-1), x)[number]
        x1 = xp.where(x[..., 0] == START, AFTER_A + first, END + 0 * first)
        return x1[..., None], xp.stack([r, r], -1)

    def discount(self, x1, z1):
        """Discounts (..., 2): zero at the end."""
        left = namespace(x1).where(x1 == END, 0 * x1, self.β + 0 * x1)
        return namespace(x1).concatenate([left, left], -1)

    def observe(self, x, z):
        o = 0 * x + (x == like(self.places, x))
        return namespace(x).stack([o, o], -2)

    def accounts(self, x, z, a):
        return {"team reward": self.step(x, z, a)[1].sum(-1)}
