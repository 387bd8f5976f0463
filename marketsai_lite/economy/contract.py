r"""The contract: what an economy is, before anybody solves it or learns it.

An economy is a frozen dataclass of parameters with pure functions.  It holds no state, no random
generator and no framework: views turn it into a table, an environment or a batch of tensors.

Time runs like this.  At the start of a period the endogenous state is :math:`x_t` and the shocks
are :math:`z_t`.  Each agent sees its row of ``observe(x, z)`` and acts; then

.. math:: (x_{t+1}, r_t) = \mathrm{step}(x_t, z_t, a_t),

and :math:`z_{t+1}` is drawn from the exogenous chain.  ``step`` is deterministic: everything
random is in the chain, and one function (`Exogenous.next`) draws it.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from marketsai_lite.economy.chains import Exogenous


class Box(NamedTuple):
    """A continuous action: every vector between `low` and `high`, both of shape (da,)."""

    low: np.ndarray
    high: np.ndarray


class Grid(NamedTuple):
    """A finite action set: the rows of `values`, of shape (m, da)."""

    values: np.ndarray


class Economy(Protocol):
    """What every economy offers.  n agents, states of length dx, shocks dz, actions da."""

    @property
    def agents(self) -> tuple[str, ...]:
        """Names; one agent makes a Markov decision process, several a Markov game."""

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the dx state variables."""

    @property
    def β(self) -> float:
        """Discount factor, in [0, 1)."""

    @property
    def exo(self) -> Exogenous:
        """The exogenous processes."""

    @property
    def actions(self) -> tuple[Box | Grid, ...]:
        """The action set of each agent."""

    def initial(self, u) -> Any:
        """Uniforms (..., dx) to a first state (..., dx)."""

    def step(self, x, z, a) -> tuple[Any, Any]:
        """State (..., dx), shocks, actions (..., n, da) to next state and rewards (..., n)."""

    def observe(self, x, z) -> Any:
        """What each agent knows when it acts: (..., n, do)."""

    def accounts(self, x, z, a) -> dict[str, Any]:
        """Named quantities of the period, each (...), for figures and accounting identities."""
