"""Economies of the book, written as descriptions."""

import math

from marketsai_lite.constructor.forms import (
    cobb_douglas,
    convert,
    crra,
    exp,
    log,
    log_utility,
    mean,
    quadratic_cost,
    total,
    unit_cost,
)
from marketsai_lite.constructor.mechanisms import (
    average_cost,
    logit_bertrand,
    marginal_cost,
    rental,
)
from marketsai_lite.constructor.words import (
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Memory,
    Process,
    Seen,
    Stock,
    Technology,
)


def pricing_duopoly(grid, a=(2.0, 2.0), cost=1.0, a0=0.0, μ=0.25, β=0.95):
    """The pricing game of Calvano et al. (2020), twin of `LogitOligopoly`."""
    firms = Agents(
        "firm",
        len(a),
        choices=(Choice("p", grid=grid),),
        sees=(Seen("last_p", of="all"),),
        utility="profit",
        memories=(Memory("last_p", of="p", grid=grid),),
        technologies=(unit_cost("product", "product_sold", cost, "money"),),
        consumes={"money": "profit"},
    )
    market = Market(
        "product",
        "firm",
        "consumer",
        logit_bertrand,
        sell={"price": "p"},
        given={"a": a, "a0": a0, "μ": μ},
    )
    return Description(
        "pricing duopoly",
        goods=(Good("money", "numeraire"), Good("product")),
        agents=(firms, Agents("consumer", outside=True)),
        markets=(market,),
        β=β,
        takes=(),
    )


def renting(chain, n=2, α=0.36, β=0.96, low=0.02, high=0.9):
    """Brock and Mirman's economy with markets for capital and labor, twin of `RentalMarket`."""
    k_ss = (α * β) ** (1 / (1 - α))

    def invested(s, capital_earned, labor_earned):
        return s * (capital_earned + labor_earned)

    def log_mean_k(k):
        return log(mean(k))

    household = Agents(
        "household",
        n,
        choices=(Choice("s", low, high),),
        sees=("k", Seen("log_mean_k", math.log(k_ss), 0.2), "z"),
        utility="utility",
        stocks=(Stock("k", "machines", k_ss, (math.exp(-0.5), math.exp(0.5)), True, "logs"),),
        endowment={"capital": "k", "labor": 1.0},
        technologies=(convert("output", "machines", "invested"),),
        consumes={"output": "c"},
    )
    firm = Agents(
        "firm",
        technologies=(cobb_douglas("output", {"capital": α, "labor": 1 - α}, "z"),),
        owners={"household": 1.0},
    )
    return Description(
        "rental market",
        goods=(
            Good("output", "numeraire"),
            Good("machines", "durable", δ=1.0),
            Good("capital", "service"),
            Good("labor", "labor"),
        ),
        agents=(household, firm),
        markets=(
            _rented("capital", "k"),
            _rented("labor", "household_labor"),
        ),
        processes=(Process(("z",), chain, (1.0,)),),
        equations=(invested, log_mean_k, log_utility("c")),
        β=β,
        takes=("capital_price", "labor_price"),
    )


def _rented(factor, offered):
    return Market(
        factor,
        "household",
        "firm",
        rental,
        sell={"quantity": offered},
        buy={"price": f"{factor}_worth"},
    )
