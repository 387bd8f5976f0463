"""A league: a schedule over stored weight vectors, which says who trains against whom.

A player is an array of weights, whatever they mean: the logits of a mixed strategy, a pure action,
a network laid out flat.  Members of the league train; a copy of each is stored now and then, and
never changes again.  *Whom a member meets* is a rule: a function from the `Pool`, which holds the
matrix of win rates, to probabilities over the players in it.  A new kind of league is one new rule.

The rules of AlphaStar are these.  In prioritized fictitious self-play (PFSP) member A meets the
stored player B with a probability proportional to f(P[A beats B]), where f is `hard` or `variance`.
Main agents mix it with self-play, main exploiters meet the main agent of today, league exploiters
meet everybody; exploiters start afresh once they have been stored.

References
----------
Vinyals, O. and others (2019): Grandmaster level in StarCraft II using multi-agent reinforcement
learning, Nature 575, Methods, "Prioritized fictitious self-play" and "Populating the league".
Brown, G. W. (1951): Iterative solution of games by fictitious play, in Koopmans (ed.), Activity
Analysis of Production and Allocation.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from marketsai_lite.require import array, number, probabilities, require, whole


class Pool(NamedTuple):
    """What a rule may know about the P players that a member may meet.

    Attributes
    ----------
    table : array (P, P)
        How often the player of the row beats that of the column, in [0, 1].
    owner : array (P,) of int
        The member that each player is, or was when it was stored.
    now : array (P,) of bool
        Whether it is that member as it is today, and not a stored copy.
    me : int
        The member that asks.
    """

    table: np.ndarray
    owner: np.ndarray
    now: np.ndarray
    me: int

    @property
    def wins(self):
        """How often the member that asks beats each player, an array (P,)."""
        return self.table[self.now & (self.owner == self.me)][0]


Rule = Callable[[Pool], np.ndarray]
Weighting = Callable[[np.ndarray], np.ndarray]


class Member(NamedTuple):
    """One that trains.

    Attributes
    ----------
    rule : function of a Pool
        Probabilities (P,) with which it meets the players of the pool.
    start : function of a Generator
        Weights (d,) to begin with.
    reset : float in [0, 1]
        Probability that it begins again once a copy of it has been stored.
    """

    rule: Rule
    start: Callable[[np.random.Generator], np.ndarray]
    reset: float = 0.0


class League(NamedTuple):
    """The players that a league has stored, the oldest first.

    Attributes
    ----------
    weights : array (P, d)
        What each player is.
    owner : array (P,) of int
        The member that each was.
    born : array (P,) of int
        The number of steps after which it was stored, 0 for the starts.
    """

    weights: np.ndarray
    owner: np.ndarray
    born: np.ndarray


def even(wins: ArrayLike) -> np.ndarray:
    """Return the same probability for each of the players (P,)."""
    return np.full(len(_rates(wins)), 1 / np.size(wins))


def hard(wins: ArrayLike, p: float = 2.0) -> np.ndarray:
    """Return probabilities (P,) in proportion to (1 - wins)^p: most for the hardest.

    If every player is beaten always, all are equally likely.

    Raises
    ------
    ValueError
        If a win rate is not in [0, 1], or p is not positive.
    """
    require(p=(p, 0 < number(p) < np.inf, "positive"))
    return _shares((1 - _rates(wins)) ** p)


def variance(wins: ArrayLike) -> np.ndarray:
    """Return probabilities (P,) in proportion to wins (1 - wins): most for the equally strong.

    If no outcome is uncertain, all are equally likely.

    Raises
    ------
    ValueError
        If a win rate is not in [0, 1].
    """
    w = _rates(wins)
    return _shares(w * (1 - w))


def among(pool: Pool, who: np.ndarray, f: Weighting = even) -> np.ndarray:
    """Return probabilities (P,) over the players marked in `who` (P,), shared out by f(wins).

    Raises
    ------
    ValueError
        If `who` marks nobody.
    """
    who = np.asarray(who, bool)
    require(who=(who, bool(who.any()), "a mask with at least one player in it"))
    out = np.zeros(len(who))
    out[who] = f(pool.wins[who])
    return out


def self_play(pool: Pool) -> np.ndarray:
    """Meet yourself as you are today."""
    return among(pool, pool.now & (pool.owner == pool.me))


def fictitious(pool: Pool) -> np.ndarray:
    """Meet all stored players equally often."""
    return among(pool, ~pool.now)


def prioritized(pool: Pool, f: Weighting = hard) -> np.ndarray:
    """Meet stored players, by PFSP with weighting f.

    It is the rule of a league exploiter.
    """
    return among(pool, ~pool.now, f)


def exploit(pool: Pool, main: int = 0) -> np.ndarray:
    """Meet one member as it is today: the rule of a main exploiter."""
    return among(pool, pool.now & (pool.owner == main))


def main_agent(pool: Pool, alone: float = 0.35) -> np.ndarray:
    """Meet yourself with probability `alone`, else others by PFSP."""
    others = prioritized(pool)
    return alone * self_play(pool) + (1 - alone) * others


def league(
    members: Sequence[Member],
    improve: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    beats: Callable[[np.ndarray, np.ndarray], np.ndarray],
    steps: int,
    every: int,
    rng: np.random.Generator,
) -> League:
    """Let members train against each other and against stored players.

    In each step all members look at the same pool, the stored players followed by the members of
    today, and each is improved against those that its rule says.

    Parameters
    ----------
    members : sequence of Member
    improve : function (weights (d,), opponents (P, d), probabilities (P,)) -> weights (d,)
        One step of learning against opponents that are met with these probabilities.
    beats : function (players (P, d), opponents (K, d)) -> array (P, K)
        How often each player beats each opponent, in [0, 1].
    steps : int
        Number of steps, at least 1.
    every : int
        All members are stored after so many steps each time, and before the first.
    rng : Generator
        Draws starts and resets.

    Returns
    -------
    League

    Raises
    ------
    ValueError
        If an argument is out of range, or a rule does not return probabilities (P,).
    """
    require(
        members=(members, len(members) > 0, "at least one Member"),
        steps=(steps, whole(steps, 1), "an integer >= 1"),
        every=(every, whole(every, 1), "an integer >= 1"),
        **{
            f"members[{i}].reset": (m.reset, 0 <= number(m.reset) <= 1, "in [0, 1]")
            for i, m in enumerate(members)
        },
    )
    n = len(members)
    today = np.array([m.start(rng) for m in members])
    stored, born = today.copy(), [0]
    for t in range(1, int(steps) + 1):
        players = np.concatenate([stored, today])
        owner, now = np.arange(len(players)) % n, np.arange(len(players)) >= len(stored)
        table = beats(players, players)
        moved = []
        for i, member in enumerate(members):
            shares = probabilities(f"members[{i}].rule", member.rule(Pool(table, owner, now, i)))
            fits = shares.shape == now.shape
            require(**{f"members[{i}].rule.shape": (shares.shape, fits, f"({len(players)},)")})
            moved.append(improve(today[i], players, shares))
        today = np.array(moved)
        if t % every == 0:
            stored, born = np.concatenate([stored, today]), [*born, t]
            for i, member in enumerate(members):
                if member.reset and rng.random() < member.reset:
                    today[i] = member.start(rng)
    return League(stored, np.arange(len(stored)) % n, np.repeat(born, n))


def _rates(wins):
    wins = array("wins", wins)
    right = wins.ndim == 1 and wins.size > 0 and bool(((wins >= 0) & (wins <= 1)).all())
    require(wins=(wins, right, "a list of win rates in [0, 1]"))
    return wins


def _shares(weights):
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / len(weights))
