r"""The great fish war in closed form: equilibrium, plan, and what a best response is worth.

If the others consume the share :math:`T` of the stock between them, player i who consumes
:math:`a` of it for ever has the value

.. math:: V(x) = \frac{1}{1 - \beta} \Bigl[ \log a
          + \frac{\alpha \beta}{1 - \alpha \beta} \log (1 - T - a) \Bigr]
          + \frac{\log x}{1 - \alpha \beta} ,

and its best response is :math:`a = (1 - \alpha \beta)(1 - T)` in every state.  Each of n players
who do so consumes :math:`(1 - \alpha\beta)/(n - (n - 1) \alpha\beta)`; as one they would consume
:math:`(1 - \alpha\beta)/n` (Levhari and Mirman, 1980).
"""

import numpy as np

from marketsai_lite.require import array, require


def equilibrium(economy):
    """Share of the stock that each player consumes in the Markov-perfect equilibrium."""
    s = economy.α * economy.β
    return (1 - s) / (economy.n - (economy.n - 1) * s)


def joint(economy):
    """Share of the stock that each player consumes if the players act as one."""
    return (1 - economy.α * economy.β) / economy.n


def best_response(economy, others):
    """Best share of a player if the others consume the share `others` between them.

    Parameters
    ----------
    economy : Commons
    others : array_like
        In [0, 1).

    Returns
    -------
    array_like
        The share, which may be more than the economy permits.
    """
    others = array("others", others)
    require(others=(others, bool(((others >= 0) & (others < 1)).all()), "in [0, 1)"))
    return (1 - economy.α * economy.β) * (1 - others)


def value(economy, own, others, x):
    """Value of a player who always consumes `own` of the stock while the others consume `others`.

    Parameters
    ----------
    economy : Commons
    own, others : array_like
        Shares of the stock, positive, below 1 together.
    x : array_like
        Log of the stock.

    Returns
    -------
    array_like
        Discounted utility.
    """
    own, others = array("own", own), array("others", others)
    require(
        own=(own, bool((own > 0).all()), "positive"),
        others=(others, bool(((others >= 0) & (own + others < 1)).all()), "in [0, 1 - own)"),
    )
    s = economy.α * economy.β
    a_period = np.log(own) + s / (1 - s) * np.log(1 - own - others)
    return a_period / (1 - economy.β) + array("x", x) / (1 - s)


def welfare_loss(economy):
    """Share of consumption that each would give for ever if all acted as one, from any stock."""
    n, shares = economy.n, (joint(economy), equilibrium(economy))
    plan, play = (value(economy, a, (n - 1) * a, 0.0) for a in shares)
    return -np.expm1(-(1 - economy.β) * (plan - play))
