r"""Markets as mechanisms: what two sides bring, to a price and to what changes hands.

Every mechanism has one signature, ``mechanism(sell, buy, price=None, **given) -> Trade``.  If a
price is given it is settled at that price: a price taker ignores its influence on it.  Goods and
money are conserved: what is sold is bought, and what is paid is earned.  To write your own, see
`trading_post`.
"""

from typing import Any, NamedTuple

from marketsai_lite.economies.logit import logit_demand
from marketsai_lite.economy import namespace, total


class Orders(NamedTuple):
    """What one side of a market brings; None is what it does not bring.

    Attributes
    ----------
    size : int
        Number of members.
    quantity, price, money : array (..., size) or (..., 1)
        What they offer or ask for, the price that they name, what they spend.
    """

    size: int
    quantity: Any = None
    price: Any = None
    money: Any = None


class Trade(NamedTuple):
    """What happened.

    Each entry is an array, or a function without arguments that returns it and is called only
    where somebody asks.

    Attributes
    ----------
    price : array (..., 1) or (..., sellers)
        Of a unit, in the numeraire.
    sold, earned : array (..., sellers)
        Units that each seller gave, and the numeraire that it got for them.
    bought, paid : array (..., buyers)
        Units that each buyer got, and the numeraire that it gave for them.
    """

    price: Any
    sold: Any
    earned: Any
    bought: Any
    paid: Any


def rental(sell, buy, price=None):
    """Sell all that is offered to price takers, at what the last unit is worth to them.

    Sellers bring quantities, buyers the price that each of them would pay for the last unit if all
    had equal parts of it: the marginal product of a factor (Walrasian clearing of a fixed supply).
    """
    p = buy.price[..., :1] if price is None else price
    each = _sum(sell.quantity) / buy.size + 0 * _row(p, buy.size)
    return Trade(p, sell.quantity, p * sell.quantity, each, p * each)


def trading_post(sell, buy, price=None):
    """Shapley and Shubik (1977): sellers bring goods, buyers money, and all of it changes hands.

    The price is all money over all goods.  Where one side brings nothing, everybody gets back what
    it brought, and the price is 0.
    """
    q, money = _sum(sell.quantity), _sum(buy.money)
    active = (q > 0) & (money > 0)
    where, one = namespace(q).where, 0 * q + 1.0
    p = where(active, money, 0 * q) / where(active, q, one) if price is None else price
    bought = where(active, buy.money / where(active, p, one), 0 * buy.money)
    sold = where(active, sell.quantity, 0 * sell.quantity)
    return Trade(p, sold, p * sold, bought, where(active, buy.money, 0 * buy.money))


def logit_bertrand(sell, buy, price=None, *, a, μ, a0=0.0, mass=1.0):
    """Sellers post prices, and a mass of consumers chooses among them by logit demand."""
    p = sell.price if price is None else price
    q = mass * logit_demand(p, a, a0, μ)
    earned = p * q
    return Trade(p, q, earned, _share(q, buy), _share(earned, buy))


def cournot(sell, buy, price=None, *, a, b):
    """Sellers bring quantities, and consumers pay a - b Q for all of them, or 0 if it is less."""
    q = sell.quantity
    p = a - b * _sum(q) if price is None else price
    p = namespace(p).where(p > 0, p, 0.0 * p)
    earned = p * q
    return Trade(p, q, earned, _share(q, buy), _share(earned, buy))


def marginal_cost(sell, buy, price=None, *, φ):
    """Buyers bring money; sellers, who need φ I² / 2 to make I units, take marginal cost φ I."""
    p = namespace(buy.money).sqrt(φ * _sum(buy.money)) if price is None else price
    bought = buy.money / p
    return Trade(p, _share(bought, sell), _share(buy.money, sell), bought, buy.money)


def average_cost(sell, buy, price=None, *, φ):
    """As `marginal_cost`, but sellers take average cost φ I / 2 and are left no profit."""
    return marginal_cost(sell, buy, price, φ=φ / 2)


def posted_prices(sell, buy, price=None):
    """Sellers post prices and stocks; buyers bring wants and money, and may be rationed.

    A buyer wants equal quantities of every seller, and less of all if its money does not suffice.
    A seller that is asked for more than it has gives each buyer the same part of what it wants.
    """
    p = sell.price if price is None else price
    stock, least = sell.quantity, namespace(p).minimum
    cost = p.mean(-1)[..., None] * buy.quantity
    want = buy.quantity * _capped(buy.money, cost) / sell.size
    filled = _capped(stock, _sum(want) + 0 * stock)
    sold = least(stock, _sum(want) * filled)
    return Trade(p, sold, p * sold, want * _sum(filled), want * _sum(p * filled))


def call_auction(sell, buy, price=None):
    """One unit each: bids and asks meet at one price, midway between the last pair that trades.

    Sellers bring asks and buyers bids, as prices.  The highest bids meet the lowest asks as long as
    a bid is at least the ask (Gode and Sunder's book, cleared at once).
    """
    xp, k = namespace(buy.price), min(sell.size, buy.size)
    bids, asks = -_sorted(-buy.price)[..., :k], _sorted(sell.price)[..., :k]
    meet = 1.0 * (bids >= asks)
    volume, last = _sum(meet), xp.clip(_sum(meet) - 1, 0, None)
    place = _at(bids, last), _at(asks, last)
    p = (place[0] + place[1]) / 2 * (volume > 0) if price is None else price
    bought = 1.0 * (_rank(-buy.price) < volume)
    sold = 1.0 * (_rank(sell.price) < volume)
    return Trade(p, sold, p * sold, bought, p * bought)


def first_price(sell, buy, price=None):
    """All that is offered goes to the highest bid, and is paid what was bid for a unit.

    Sellers bring quantities and buyers bids, as prices; the earlier wins among equal bids.
    """
    p = _sorted(buy.price)[..., -1:] if price is None else price
    bought = (_rank(-buy.price) < 1) * _sum(sell.quantity)
    return Trade(p, sell.quantity, p * sell.quantity, bought, p * bought)


def _sum(v):
    return total(v)


def _row(v, size):
    """`v` (..., 1) for each of `size` members."""
    return v if size == 1 else namespace(v).concatenate([v] * size, -1)


def _share(v, side):
    """What finds the sum of `v` in equal parts, one for each member of a side."""
    return lambda: _row(_sum(v) / side.size, side.size)


def _capped(have, want):
    """The largest part, at most 1, of `want` that `have` suffices for."""
    xp = namespace(want)
    enough = have >= want
    return xp.where(enough, 1.0 + 0 * want, have / xp.where(enough, 1.0 + 0 * want, want))


def _sorted(v):
    ascending = namespace(v).sort(v)
    return getattr(ascending, "values", ascending)  # torch returns places too


def _rank(v):
    """How many stand before each entry of `v`, the earlier first among equals."""
    before = v[..., None, :] < v[..., :, None]
    n = v.shape[-1]
    ties = [(v[..., :i] == v[..., i : i + 1]).sum(-1) for i in range(n)]
    return before.sum(-1) + namespace(v).stack(ties, -1)


def _at(v, k):
    """Entry `k` (..., 1) of `v` (..., m)."""
    places = [v[..., j : j + 1] * (k == j) for j in range(v.shape[-1])]
    return sum(places[1:], places[0])
