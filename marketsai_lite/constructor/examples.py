"""Economies of the book, written as descriptions."""

import functools
import math

from marketsai_lite.constructor.equations import Equation
from marketsai_lite.constructor.forms import (
    bundle,
    cobb_douglas,
    convert,
    exp,
    log,
    log_utility,
    mean,
    quadratic_cost,
    unit_cost,
)
from marketsai_lite.constructor.mechanisms import (
    average_cost,
    logit_bertrand,
    marginal_cost,
    rental,
    trading_post,
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
    """Brock and Mirman's economy with markets, as `RentalMarket` is."""
    k_ss = (α * β) ** (1 / (1 - α))
    first = (math.exp(-0.5), math.exp(0.5))

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
        stocks=(Stock("k", "machines", k_ss, first, True, "logs"),),
        endowment={"capital": "k", "labor": 1.0},
        technologies=(convert("output", "machines", "invested"),),
        consumes={"output": "c"},
    )
    shares = {"capital": α, "labor": 1 - α}
    firm = Agents(
        "firm",
        technologies=(cobb_douglas("output", shares, "z"),),
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


def buying_capital(chain, n=2, rebate=0.0, α=0.3, β=0.98, δ=0.04, φ=0.5, low=0.001, high=0.9):
    """A market for capital goods with rising cost, twin of `CapitalMarket`."""
    k_ss = (α * β / (φ * δ * n * (1 - β * (1 - δ)))) ** (1 / (2 - α))
    own = chain.n > 0

    def spent(s, y):
        return s * y

    household = Agents(
        "household",
        n,
        choices=(Choice("s", low, high),),
        sees=(
            Seen("k", of="own first"),
            *([Seen("own_z", of="own first")] if own else []),
            "z",
        ),
        utility="utility",
        stocks=(Stock("k", "machines", k_ss, (0.5, 1.25), True),),
        technologies=(_harvest(["log_k"], α, own),),
        consumes={"output": "c"},
    )
    producer = Agents(
        "producer",
        technologies=(quadratic_cost("machines", "machines_sold", φ, "output"),),
        owners={"household": rebate, "abroad": 1.0 - rebate},
    )
    market = Market(
        "machines",
        "producer",
        "household",
        marginal_cost,
        buy={"money": "spent"},
        given={"φ": φ},
    )
    return Description(
        "capital market",
        goods=(Good("output", "numeraire"), Good("machines", "durable", δ)),
        agents=(household, producer, Agents("abroad", outside=True)),
        markets=(market,),
        processes=(_productivity(chain, 1.0),),
        equations=(spent, log_utility("c")),
        β=β,
        takes=("machines_price", "household_dividend"),
    )


def planning(chain, n=1, m=1, α=0.3, β=0.98, δ=0.04, φ=0.5, low=0.001, high=0.9):
    """Households with `m` capital goods, twin of `Planner` when it is built for a planner."""
    k_ss = (α * β / (φ * δ * n * m * (1 - β * (1 - δ)))) ** (1 / (2 - α))
    goods = [f"machines{j + 1}" for j in range(m)]
    stocks = [f"k{j + 1}" for j in range(m)]
    household = Agents(
        "household",
        n,
        choices=tuple(Choice(f"s{j + 1}", low / m, high / m) for j in range(m)),
        sees=(*stocks, "own_z", "z"),
        utility="utility",
        stocks=tuple(
            Stock(k, good, k_ss, (0.5, 1.25), True) for k, good in zip(stocks, goods, strict=True)
        ),
        technologies=(_harvest([f"log_{k}" for k in stocks], α, True),),
        consumes={"output": "c"},
    )
    producers = tuple(
        Agents(
            f"producer{j + 1}",
            technologies=(quadratic_cost(good, f"{good}_sold", φ, "output", f"cost{j + 1}"),),
            owners={"household": 1.0},
        )
        for j, good in enumerate(goods)
    )
    markets = tuple(
        Market(
            good,
            f"producer{j + 1}",
            "household",
            average_cost,
            buy={"money": f"spent{j + 1}"},
            given={"φ": φ},
        )
        for j, good in enumerate(goods)
    )
    spending = tuple(
        Equation(f"spent{j + 1}", _times, (f"s{j + 1}", "y"), r"{0} \, {1}") for j in range(m)
    )
    return Description(
        "growth planner",
        goods=(Good("output", "numeraire"), *(Good(good, "durable", δ) for good in goods)),
        agents=(household, *producers),
        markets=markets,
        processes=(_productivity(chain, 1.0),),
        equations=(*spending, log_utility("c")),
        β=β,
        takes=(),
    )


def _productivity(chain, mean):
    own = chain.n > 0
    return Process(
        ("z",), chain, (mean,) * (1 + own), ("own_z",) if own else (), "household" if own else ""
    )


def _harvest(logs, α, own):
    """Output of each household from its own stocks: z own_z (product of stocks)^α."""
    function = functools.partial(_grown, α=α, m=len(logs))
    tex = r" \, ".join(f"{{{k}}}" for k in range(len(logs), len(logs) + 1 + own))
    tex += rf" \, \exp({α:g} \, (" + " + ".join(f"{{{k}}}" for k in range(len(logs))) + ")"
    tex += f"/ {len(logs)})" if len(logs) > 1 else ")"
    needs = (*logs, "z", *(["own_z"] if own else []))
    return Technology({"output": "y"}, {}, (Equation("y", function, needs, tex),))


def _grown(*values, α, m):
    y = exp(α * sum(values[1:m], values[0]) / m) if m > 1 else exp(α * values[0])
    for z in values[m:]:
        y = z * y
    return y


def _times(u, v):
    return u * v


def trading(sellers=2, buyers=2, α=0.5, low=0.01, high=0.99):
    """Shapley and Shubik's trading post: sellers have apples, buyers money, and both want both."""
    tastes = (α, 1 - α)
    seller = Agents(
        "seller",
        sellers,
        choices=(Choice("q", low, high),),
        sees=("seller_apples",),
        utility="joy",
        endowment={"apples": 1.0},
        consumes={"apples": "kept", "money": "wealth"},
    )
    buyer = Agents(
        "buyer",
        buyers,
        choices=(Choice("b", low, high),),
        sees=("buyer_money",),
        utility="pleasure",
        endowment={"money": 1.0},
        consumes={"apples": "eaten", "money": "left"},
    )
    return Description(
        "trading post",
        goods=(Good("money", "numeraire"), Good("apples")),
        agents=(seller, buyer),
        markets=(
            Market(
                "apples",
                "seller",
                "buyer",
                trading_post,
                sell={"quantity": "q"},
                buy={"money": "b"},
            ),
        ),
        equations=(
            bundle(("kept", "wealth"), tastes, "joy"),
            bundle(("eaten", "left"), tastes, "pleasure"),
        ),
        β=0.5,
    )
