r"""Krusell and Smith's economy as a description: labor comes from a continuum.

The n households are drawn from a continuum whose rate of unemployment u is a law, while their own
differs from it by the luck of the draw.  So firms can't hire these n alone.  The smallest account
that keeps the books honest is one type *outside*, the rest of the continuum: it hires the
households and pays each what the law promises, wage or benefit, and it sells firms the hours of the
continuum, :math:`n\, l\, (1 - u)`.  What it gains or loses is the luck of the draw: its mean is 0,
and for each household it vanishes as n grows.
"""

from marketsai_lite.constructor.forms import cobb_douglas, convert, crra, mean, total
from marketsai_lite.constructor.mechanisms import Trade, rental
from marketsai_lite.constructor.words import (
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Process,
    Seen,
    Stock,
)
from marketsai_lite.economy import stationary


def payroll(sell, buy, price=None):
    """Buyers, in equal parts, hire all hours and pay each seller the `money` that it is due."""
    p = sell.price if price is None else price
    hours, wages = (total(v) / buy.size for v in (sell.quantity, sell.money))
    return Trade(p, sell.quantity, sell.money, hours, wages)


def insuring(chain, k_ss, n=2, α=0.36, β=0.99, γ=1.0, δ=0.025, μ=0.15, l=1 / 0.9):  # noqa: E741
    """Households who save against unemployment, twin of `KrusellSmith`.

    Parameters
    ----------
    chain : Exogenous
        Productivity and unemployment, and the employment of each: `KrusellSmith(n).exo`.
    k_ss : float
        Capital by which observations are scaled: `KrusellSmith(n).k_ss`.
    n, α, β, γ, δ, μ, l
        As of `KrusellSmith`.

    Returns
    -------
    Description
    """

    def worked(e):
        return l * e

    def due(hours_price, u, e):  # the benefit μ, or what the tax μ u / (1 - u) leaves of l
        return hours_price * (μ + (l - μ * u / (1 - u) - μ) * e)

    def cash(k, capital_earned, labor_earned):
        return (1 - δ) * k + capital_earned + labor_earned

    def invested(s, cash, k):
        return s * cash - (1 - δ) * k

    def c(s, cash):  # the residual is the same, but for rounding where s is near 1
        return (1 - s) * cash

    def hours(u):
        return n * l * (1 - u)

    def mean_k(k):
        return mean(k)

    household = Agents(
        "household",
        n,
        choices=(Choice("s", 1e-4, 0.9999),),
        sees=(Seen("k", spread=k_ss), Seen("mean_k", k_ss, k_ss / 10), "Z", "e"),
        utility="utility",
        stocks=(Stock("k", "machines", k_ss),),
        endowment={"capital": "k", "labor": "worked"},
        technologies=(convert("output", "machines", "invested"),),
        consumes={"output": "c"},
    )
    firm = Agents(
        "firm",
        technologies=(cobb_douglas("output", {"capital": α, "hours": 1 - α}, "Z"),),
        owners={"household": 1.0},
    )
    Z, u = stationary(chain.transition) @ chain.values
    return Description(
        "Krusell and Smith",
        goods=(
            Good("output", "numeraire"),
            Good("machines", "durable", δ),
            Good("capital", "service"),
            Good("labor", "labor"),
            Good("hours", "service"),
        ),
        agents=(household, firm, Agents("continuum", outside=True)),
        markets=(
            Market("capital", "household", "firm", rental,
                   sell={"quantity": "k"}, buy={"price": "capital_worth"}),
            Market("hours", "continuum", "firm", rental,
                   sell={"quantity": "hours"}, buy={"price": "hours_worth"}),
            Market("labor", "household", "continuum", payroll,
                   sell={"quantity": "worked", "price": "hours_price", "money": "due"}),
        ),
        processes=(Process(("Z", "u"), chain, (Z, u, 1 - u), ("e",), "household"),),
        equations=(worked, due, cash, invested, c, hours, mean_k, crra("c", γ)),
        β=β,
        takes=("capital_price", "hours_price"),
        hidden=("u",),
    )  # fmt: skip
