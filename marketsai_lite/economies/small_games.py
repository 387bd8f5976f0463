"""Small games of two or more players, as arrays: each has one difficulty and a known answer.

A game is an array (n, m, ..., m): the payoff of each of n players at each joint action, the form
that `repeated_game.RepeatedGame`, `tabular.matrix_games` and `tabular.repeated_games` take.  A team
has the same payoffs for everybody, a zero-sum game opposite ones.

References
----------
Claus, C. and C. Boutilier (1998): The dynamics of reinforcement learning in cooperative multiagent
systems, AAAI (the climbing and the penalty game).
Arad, A. and A. Rubinstein (2012): The 11-20 money request game, American Economic Review 102.
"""

import numpy as np

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.require import array, number, require, whole


def zero_sum(A):
    """Return the game (2, m, k) in which player 1 wins `A` (m, k) and player 2 loses it."""
    A = array("A", A)
    return np.array([A, -A])


def team(R):
    """Return the game (2, m, k) in which both earn `R` (m, k)."""
    R = array("R", R)
    return np.array([R, R])


def matching_pennies():
    """Player 1 wins if the pennies match; both toss theirs in equilibrium."""
    return zero_sum([[1, -1], [-1, 1]])


def rock_paper_scissors():
    """Each action beats one other; all are equally likely in equilibrium."""
    return zero_sum([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])


def prisoners_dilemma():
    """To defect (1) is best whatever the other does, and both would rather cooperate (0)."""
    row = np.array([[3.0, 0.0], [5.0, 1.0]])
    return np.array([row, row.T])


def climbing():
    """A team whose optimum, 11, lies beside two large losses."""
    return team([[11, -30, 0], [-30, 7, 6], [0, 0, 5]])


def penalty(k):
    """A team with two optima, 10 each, and the loss `k` where the players mix them up.

    Parameters
    ----------
    k : float
        The payoff where one plays the first and the other the last action, at most 0.

    Raises
    ------
    ValueError
        If `k` is positive or not finite.
    """
    require(k=(k, -np.inf < number(k) <= 0, "finite and at most 0"))
    return team([[10, 0, k], [0, 2, 0], [k, 0, 10]])


def money_request():
    """Two ask for 11, ..., 20 and receive it; who asks for one less than the other gets 20 more.

    In the only symmetric equilibrium 15, ..., 20 have probabilities .25, .25, .20, .15, .10, .05.
    """
    s = np.arange(11.0, 21.0)
    A = s[:, None] + 20.0 * (s[:, None] == s - 1)
    return np.array([A, A.T])


def cournot(grid, n=2):
    """Cournot's market with price 1 - Q and no costs: quantities from a grid.

    Parameters
    ----------
    grid : array_like (m,)
        The quantities among which each firm chooses, at least 0.
    n : int
        Number of firms, at least 2.

    Returns
    -------
    array (n, m, ..., m)
        Profit of each firm.

    Raises
    ------
    ValueError
        If the grid is not a list of quantities or n is too small.
    """
    q = array("grid", grid)
    right = q.ndim == 1 and q.size > 0 and bool((q >= 0).all() and (q < np.inf).all())
    require(
        grid=(grid, right, "one or more quantities, finite and at least 0"),
        n=(n, whole(n, 2), "an integer >= 2"),
    )
    economy = Cournot(costs=np.zeros(int(n)))
    joint = np.stack(np.meshgrid(*[q] * int(n), indexing="ij"), -1)
    return np.moveaxis(economy.step(joint, None, joint[..., None])[1], -1, 0)
