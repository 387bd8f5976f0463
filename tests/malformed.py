"""Descriptions with a mistake, and the first words with which each is refused."""

from dataclasses import replace

import numpy as np

from marketsai_lite.constructor import (
    Agents,
    Choice,
    Description,
    Good,
    Market,
    Memory,
    Process,
    Seen,
    Split,
    Stock,
)
from marketsai_lite.constructor import mechanisms as mech
from marketsai_lite.constructor.forms import bundle, log_utility
from marketsai_lite.economy import ar1, own_chains


def kite_makers(**changes):
    """A small economy that is whole: kites are made of paper, sold at a trading post."""

    def offered(effort):
        return effort

    def spent(b):
        return b

    maker = Agents(
        "maker", 2, choices=(Choice("effort", 0.1, 0.9),), sees=("k", "z"), utility="ease",
        stocks=(Stock("k", "shed"),), endowment={"kites": 1.0},
        consumes={"kites": "flown", "money": "income"},
    )  # fmt: skip
    child = Agents(
        "child", 3, choices=(Choice("b", 0.1, 0.9),), sees=("z",), utility="fun",
        endowment={"money": 1.0}, consumes={"kites": "toys", "money": "saved"},
    )  # fmt: skip
    post = Market("kites", "maker", "child", mech.trading_post,
                  sell={"quantity": "offered"}, buy={"money": "spent"})  # fmt: skip
    whole = dict(
        goods=(Good("money", "numeraire"), Good("kites"), Good("shed", "durable", 0.0)),
        agents=(maker, child), markets=(post,),
        processes=(Process(("z",), ar1(3, 0.5, 0.1), (0.0,)),),
        equations=(offered, spent, log_utility("income", "ease"),
                   bundle(("toys", "saved"), (0.5, 0.5), "fun")),
    )  # fmt: skip
    return Description("kites", **whole | changes)


def agents(**changes):
    """The agents with some fields of one type changed, by `maker={...}`."""
    return tuple(replace(t, **changes.get(t.name, {})) for t in kite_makers().agents)


def market(**changes):
    return (kite_makers().markets[0]._replace(**changes),)


def goods(*more):
    return (*kite_makers().goods, *more)


def with_equation(*functions):
    return (*kite_makers().equations, *functions)


def offered(flown):
    return flown


def spent(b):
    return 1.2 * b


def half(effort):
    return 0.5 * effort


half.__name__ = "offered"


def flown(k):
    return k


def spent_later(kites_price_next):
    return kites_price_next


def lost(nothing):
    return nothing


def odd(effort):
    return effort[..., None]


def failing(effort):
    return effort @ np.ones((7, 7))


def logged(effort):
    return np.log(effort)


def private(of, name):
    """Luck that each member of a type draws for itself."""
    chain = own_chains(ar1(2, 0.5, 0.1), 2)
    return Process((f"{name}_of_all",), chain, (0.0, 0.0), (name,), of)


SHY = {"sees": ("kites_price",)}
ONE_SIDED = Process(("z",), ar1(3, 0.5, 0.1), (0.1,))
MINT = {"endowment": {"kites": 1.0, "gold": 1.0}}
MALFORMED = {
    "no description": (None, "^description=None: must be a Description"),
    "β": (dict(β=1.0), r"^β=1\.0: must be in \[0, 1\)"),
    "a list": (dict(markets=[]), r"^markets=\[\]: must be a tuple"),
    "two goods of one name": (dict(goods=goods(Good("kites"))), "^goods=.*distinct names"),
    "a name of two words": (dict(goods=goods(Good("red kites"))), "^goods: name='red kites'.*word"),
    "two markets": (dict(markets=market() * 2), "^markets=.*at most one market for each good"),
    "a kind": (dict(goods=goods(Good("tea", "liquid"))), "^good tea: kind='liquid': must be one"),
    "depreciation": (dict(goods=goods(Good("mill", "durable", 1.5))), r"^good mill: δ=1\.5"),
    "a perishable that rots": (dict(goods=goods(Good("tea", δ=0.1))), "^good tea: δ=.*durable"),
    "no numeraire": (dict(goods=goods()[1:]), "^goods: numeraire=.*exactly one"),
    "two numeraires": (dict(goods=goods(Good("gold", "numeraire"))), "^goods: numeraire=.*one"),
    "nobody chooses": (
        dict(agents=agents(maker=dict(choices=()), child=dict(choices=()))),
        "^agents=.*at least one type has choices"),
    "a count": (dict(agents=agents(maker=dict(count=0))), "^agents maker: count=0: .*>= 1"),
    "a count that is not whole": (
        dict(agents=agents(maker=dict(count=2.0))), r"^agents maker: count=2\.0: .*integer"),
    "one choice without its comma": (
        dict(agents=agents(child=dict(choices=Choice("b", 0.1, 0.9)))),
        r"^agents child: choices=Choice.*one entry alone is \(entry,\)"),
    "a name in place of a stock": (
        dict(agents=agents(maker=dict(stocks=("shed",)))),
        "^agents maker: stocks='shed': must be a tuple of Stock"),
    "a choice that does nothing": (
        dict(agents=agents(child=dict(choices=(Choice("b", 0.1, 0.9), Choice("hat"))))),
        "^agents child: choice hat: used='nowhere'.*leave it out"),
    "an unknown good": (dict(agents=agents(maker=MINT)), "^agents maker: good='gold'.*one of"),
    "a perishable stock": (
        dict(agents=agents(maker=dict(stocks=(Stock("k", "kites"),)))),
        "^agents maker: stock k='nondurable'.*not carried"),
    "a stock that begins nowhere": (
        dict(agents=agents(maker=dict(stocks=(Stock("k", "shed", begins=(2, 1)),)))),
        "^agents maker: stock k: begins=.*low < high"),
    "no utility": (dict(agents=agents(child=dict(utility=""))), "^agents child: utility=''.*maxim"),
    "no information": (dict(agents=agents(child=dict(sees=()))), "^agents child: sees=.*blindly"),
    "bounds": (
        dict(agents=agents(child=dict(choices=(Choice("b", 1.0, 0.5),)))),
        "^agents child: choice b: bounds=.*low < high"),
    "an unbounded choice": (
        dict(agents=agents(child=dict(choices=(Choice("b", 0.0, np.inf),)))),
        "^agents child: choice b: bounds=.*finite"),
    "a grid of another size": (
        dict(agents=agents(child=dict(choices=(Choice("b", grid=np.ones((2, 4))),)))),
        r"^agents child: choice b: grid=\(2, 4\).*each of 3"),
    "one share": (
        dict(agents=agents(child=dict(choices=(Split(("b",)),)))), "^agents child: .*two shares"),
    "names of a process": (
        dict(processes=(Process(("z", "y"), ar1(3, 0.5, 0.1), (0.0,)),)),
        "^process z/y: names=.*must be 1, one for each column"),
    "a one-sided shock": (dict(processes=(ONE_SIDED,)), r"^process z: mean=0\.1: .*one-sided"),
    "a profit that nobody owns": (
        dict(agents=agents(maker=dict(choices=(), sees=(), utility="", consumes={}))),
        "^agents maker: owners={}: must be given: .*a profit that nobody owns"),
    "a profit paid twice": (
        dict(agents=agents(maker=dict(owners={"child": 2.0}))),
        "^agents maker: owners=.*sum to 1, not 2: a profit is paid once"),
    "a profit consumed and paid out": (
        dict(agents=agents(maker=dict(owners={"child": 1.0}))),
        "^agents maker: consumes=.*without money, or owners={}"),
    "an unknown owner": (
        dict(agents=agents(maker=dict(owners={"nobody": 1.0}))), "^agents maker: owners='nobody'"),
    "a market of nothing": (dict(markets=market(good="tea")), "^market tea: good='tea'.*one of"),
    "a market for money": (dict(markets=market(good="money")), "^market money: .*which pays"),
    "one side missing": (dict(markets=market(buyers=())), r"^market kites: buyers=\(\).*missing"),
    "an unknown seller": (dict(markets=market(sellers="smith")), "^market kites: sellers='smith'"),
    "no mechanism": (dict(markets=market(mechanism=3)), "^market kites: mechanism=3: .*function"),
    "a mechanism's argument": (dict(markets=market(given={"φ": 1})), "^market kites: given=.*φ"),
    "an order of another kind": (
        dict(markets=market(sell={"quantities": "offered"})), "^market kites: sell='quantities'"),
    "an order that the mechanism needs": (
        dict(markets=market(buy={"quantity": "spent"})),
        "^market kites: buy=.*with 'money': VARIABLE, which trading_post asks for"),
    "a side that brings nothing": (
        dict(markets=market(sell={})), "^market kites: sell={}.*'quantity': VARIABLE"),
    "a variable for each type": (
        dict(markets=market(sell={"quantity": ("offered", "spent")})),
        "^market kites: sell: quantity=.*for each type"),
    "a variable found twice": (
        dict(equations=with_equation(spent)), "^variable spent='found by an equation and an equa"),
    "a variable that nothing finds": (
        dict(equations=with_equation(lost)), "^equation of lost: needs='nothing'.*parameter"),
    "tomorrow's price": (
        dict(equations=with_equation(spent_later)),
        "^equation of spent_later: needs='kites_price_next'.*tomorrow's is not known"),
    "an order that nothing finds": (
        dict(markets=market(sell={"quantity": "many"})), "^market kites: sell='many'.*equation"),
    "a circle": (
        dict(equations=(offered, *kite_makers().equations[1:])),
        "^equations='offered -> flown -> .*offered': must be without a circle"),
    "a lambda": (dict(equations=with_equation(lambda b: b)), "^equations=.*plain function"),
    "a good without a source": (
        dict(agents=agents(maker=dict(endowment={}))), "^good kites: sources=.*nobody has it"),
    "a good that nobody has": (
        dict(goods=goods(Good("tea"))), "^good tea: sources=.*nobody has it"),
    "a good that vanishes": (
        dict(
            agents=agents(maker=dict(consumes={"kites": "flown"})),
            equations=(*kite_makers().equations[:2], log_utility("flown", "ease"),
                       kite_makers().equations[3]),
        ),
        "^agents maker: good money=.*else it vanishes"),
    "an unknown sight": (dict(agents=agents(child=dict(sees=("moon",)))), "^agents child: sees='m"),
    "a price before it is formed": (
        dict(agents=agents(child=SHY)), "^agents child: sees='kites_price'.*let a Memory keep it"),
    "another's stock": (
        dict(agents=agents(child=dict(sees=("k", "z")))), "^agents child: sees='k'.*of='all'"),
    "a state that nobody sees": (
        dict(agents=agents(maker=dict(sees=("z",)))), "^state k: seen='by nobody'.*hidden"),
    "an unknown secret": (dict(hidden=("moon",)), "^hidden='moon': must be a stock"),
    "a shape": (dict(equations=with_equation(odd)), r"^odd: shape=\(3, 2, 1\): .*total and mean"),
    "an equation that fails": (
        dict(equations=with_equation(failing)), "^equation of failing='ValueError.*of effort"),
    "a function of NumPy": (
        dict(equations=with_equation(logged)), "^equation of logged=.RuntimeError.*from forms"),
    "a parameter that is seen": (
        dict(parameters={"size": 2.0}, agents=agents(child=dict(sees=("size",)))),
        "^agents child: sees='size'.*a parameter is always the same"),
    "a parameter that is sold": (
        dict(parameters={"size": 2.0}, markets=market(sell={"quantity": "size"})),
        "^market kites: sell='size'.*not a parameter"),
    "two types with own shocks": (
        dict(processes=(private("maker", "luck"), private("child", "fate"))),
        "^processes: own=.*of at most one type"),
    "a private shock of nobody": (
        dict(processes=(private("nobody", "luck"),)), "^process .*luck: of='nobody'.*a type"),
    "a chain of another kind": (
        dict(processes=(Process(("z",), [0.9, 1.1], (1.0,)),)),
        "^process z: chain=.*an Exogenous"),
    "a choice of a grid and another": (
        dict(agents=agents(child=dict(choices=(Choice("b", grid=np.ones(4)), Choice("d"))))),
        "^agents child: choices=.*one grid alone"),
    "a choice of who is outside": (
        dict(agents=agents(child=dict(outside=True))), "^agents child: outside=True.*keeps books"),
    "information without a choice": (
        dict(agents=agents(child=dict(choices=()))), r"^agents child: sees=.*must be \(\)"),
    "whose stock is seen": (
        dict(agents=agents(maker=dict(sees=(Seen("k", of="mine"), "z")))),
        "^agents maker: sees k: of='mine'.*'own first'"),
    "an observation without a scale": (
        dict(agents=agents(maker=dict(sees=(Seen("k", spread=0.0), "z")))),
        "^agents maker: sees k: spread=0.0.*positive"),
    "a memory of nothing": (
        dict(agents=agents(maker=dict(memories=(Memory("last", of="moon"),)))),
        "^agents maker: memory last='moon'.*equation find it"),
    "more money than there is": (
        dict(agents=agents(child=dict(choices=(Choice("b", 1.1, 1.9),)))),
        "^period 0: child: saved below zero=.*bound the choices behind it"),
    "a good that nobody uses up": (
        dict(
            agents=agents(maker=dict(consumes={"money": "income"})),
            equations=(half, *kite_makers().equations[1:]),
        ),
        "^period 0: maker: kites=.*left over and has no use"),
    "a utility of others": (
        dict(agents=agents(child=dict(utility="ease"))), "^child: utility ease: members=2: .*3"),
}  # fmt: skip
