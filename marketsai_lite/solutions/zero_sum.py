"""The value and the optimal strategies of a zero-sum matrix game, by linear programming.

Player 1 chooses row i with probability x_i and wins A_ij, player 2 chooses column j with
probability y_j and loses it.  A mixture x guarantees min_j (x A)_j.  The best guarantee is

    max v    subject to    (x A)_j >= v for all j,    x >= 0,    Σ_i x_i = 1,

a linear program, and its dual is the problem of player 2.  By the minimax theorem both have the
same value, and any two optimal mixtures are a Nash equilibrium.  Whether it is one is measured by
`marketsai_lite.tabular.matrix_games.nash_gap`.

References
----------
von Neumann, J. (1928): Zur Theorie der Gesellschaftsspiele, Mathematische Annalen 100.
Dantzig, G. B. (1951): A proof of the equivalence of the programming problem and the game problem,
in Koopmans (ed.), Activity Analysis of Production and Allocation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog

from marketsai_lite.require import array, require


class Equilibrium(NamedTuple):
    """A Nash equilibrium of a zero-sum game.

    Attributes
    ----------
    x : array (m,)
        Probabilities with which player 1 plays the rows.
    y : array (k,)
        Those with which player 2 plays the columns.
    value : float
        What player 1 wins on average.
    """

    x: np.ndarray
    y: np.ndarray
    value: float


def nash(A: ArrayLike) -> Equilibrium:
    """Return a Nash equilibrium of the zero-sum game in which the row player wins `A`.

    Parameters
    ----------
    A : array_like (m, k)
        What player 1 wins, and player 2 loses, at each pair of actions.

    Returns
    -------
    Equilibrium
        If there are several, one of them: the value is unique, the mixtures need not be.

    Raises
    ------
    ValueError
        If `A` is not a finite matrix.
    RuntimeError
        If the linear program cannot be solved to the solver's precision.
    """
    A = array("A", A)
    require(
        **{"A.shape": (A.shape, A.ndim == 2 and A.size > 0, "(m, k)")},
        A=(A, bool(np.isfinite(A).all()), "finite"),
    )
    scale = float(np.ptp(A)) or 1.0
    payoffs = (A - A.min()) / scale  # from 0 to 1, for the solver's tolerances
    m, k = A.shape
    # The unknowns are x and the guarantee v, which linprog minimizes with its sign turned.
    found = linprog(
        np.r_[np.zeros(m), -1.0],
        A_ub=np.c_[-payoffs.T, np.ones(k)],
        b_ub=np.zeros(k),
        A_eq=np.r_[np.ones(m), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * m + [(None, None)],
        method="highs",
    )
    if not found.success:
        raise RuntimeError(f"the linear program of a {m} by {k} game: {found.message}")
    x, y = (np.maximum(z, 0) for z in (found.x[:m], -found.ineqlin.marginals))
    x, y = x / x.sum(), y / y.sum()
    return Equilibrium(x, y, float(x @ A @ y))
