r"""Equilibrium bids where each bidder knows its own value alone.

References
----------
Vickrey, W. (1961): Counterspeculation, auctions, and competitive sealed tenders, Journal of Finance
16(1).
Chatterjee, K. and W. Samuelson (1983): Bargaining under incomplete information, Operations Research
31(5).
"""

from marketsai_lite.require import array, require, whole


def first_price(v, n):
    r"""Return the equilibrium bid :math:`(n-1)\,v/n` for one good that goes to the highest bid.

    Each of n bidders knows its own value, uniform on [0, 1], and pays its bid if it wins (Vickrey,
    1961).  Where all bid so, the good earns :math:`(n-1)/(n+1)`, and a bidder
    :math:`1/(n(n+1))` before it knows its value.

    Parameters
    ----------
    v : array_like
        Values, in [0, 1].
    n : int
        Number of bidders, at least 2.

    Raises
    ------
    ValueError
        If an argument is outside its range.
    """
    v = array("v", v)
    require(v=(v, bool(((v >= 0) & (v <= 1)).all()), "in [0, 1]"),
            n=(n, whole(n, 2), "an integer >= 2"))  # fmt: skip
    return (n - 1) / n * v


def double_auction(v, c):
    r"""Return bid and ask of a buyer and a seller who split the difference between the two.

    The value v and the cost c are uniform on [0, 1], each known to its owner alone, and they trade
    at the mean of bid and ask if the bid is at least the ask.  The equilibrium with straight lines
    is :math:`1/12 + 2v/3` and :math:`1/4 + 2c/3` (Chatterjee and Samuelson, 1983).  They trade
    where :math:`v - c \ge 1/4`, and so gain 9/64 of a possible 1/6 on average.

    Parameters
    ----------
    v, c : array_like
        In [0, 1].

    Returns
    -------
    bid, ask : array

    Raises
    ------
    ValueError
        If a value or a cost lies outside [0, 1].
    """
    v, c = array("v", v), array("c", c)
    for name, x in (("v", v), ("c", c)):
        require(**{name: (x, bool(((x >= 0) & (x <= 1)).all()), "in [0, 1]")})
    return 1 / 12 + 2 * v / 3, 1 / 4 + 2 * c / 3
