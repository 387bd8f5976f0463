r"""The great fish war: players who eat from one stock.

The stock is :math:`x` at the beginning of a period.  Each of n players consumes the share
:math:`a_i` of it, and what is left grows:

.. math:: c_i = a_i x, \qquad x' = \Bigl(x - \sum_i c_i\Bigr)^\alpha .

Player i maximizes :math:`\sum_t \beta^t \log c_{it}`.  With one player this is the model of Brock
and Mirman without shocks.  Nobody owns what is left, so that who saves, saves for all.  Equilibrium
and plan: `marketsai_lite.solutions.commons`.

References
----------
Levhari and Mirman (1980), "The great fish war: an example using a dynamic Cournot-Nash solution",
Bell Journal of Economics 11.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economy import Box, constant, namespace
from marketsai_lite.require import number, require, whole


@dataclass(frozen=True, eq=False)
class Commons:
    """Players who eat from one stock.

    State: log of the stock, which everybody sees.  Action: the share of the stock that a player
    consumes, at most (1 - spared)/n, so that something is always left.

    Parameters
    ----------
    n : int
        Number of players.
    α : float
        Elasticity of what grows to what is left.
    β : float
        Discount factor.
    low : float
        Least share consumed.
    spared : float
        Share that is left even if all consume as much as they can.

    Attributes
    ----------
    agents : tuple[str, ...]
        Names of the players.
    actions : tuple[Box, ...]
        Of each player.
    """

    n: int = 2
    α: float = 0.36
    β: float = 0.96
    low: float = 0.001
    spared: float = 0.001
    agents: tuple[str, ...] = field(init=False)
    actions: tuple[Box, ...] = field(init=False)

    state = ("log of the stock",)
    exo = constant(1.0)

    def __post_init__(self):
        require(
            n=(self.n, whole(self.n, 1), "an integer >= 1"),
            α=(self.α, 0 < number(self.α) < 1, "in (0, 1)"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            spared=(self.spared, 0 < number(self.spared) < 1, "in (0, 1)"),
        )
        high = (1 - self.spared) / self.n
        right = f"in (0, (1 - spared)/n) = (0, {high})"
        require(low=(self.low, 0 < number(self.low) < high, right))
        object.__setattr__(self, "n", int(self.n))
        box = Box(np.array([self.low]), np.array([high]))
        object.__setattr__(self, "agents", tuple(f"player {i + 1}" for i in range(self.n)))
        object.__setattr__(self, "actions", (box,) * self.n)

    @property
    def x_ss(self):
        """Stationary stock if the players act as one, who leave the share αβ."""
        return (self.α * self.β) ** (self.α / (1 - self.α))

    def initial(self, u):
        return np.log(self.x_ss) + u - 0.5

    def step(self, x, z, a):
        log, share = namespace(x).log, a[..., 0]
        return self.α * (x + log(1 - share.sum(-1, keepdims=True))), x + log(share)

    def observe(self, x, z):
        seen = (x - np.log(self.x_ss)) / SPREAD
        return namespace(x).stack([seen] * self.n, -2)

    def accounts(self, x, z, a):
        stock, share = namespace(x).exp(x[..., 0]), a[..., 0].sum(-1)
        return {"stock": stock, "consumption": share * stock, "left": (1 - share) * stock}
