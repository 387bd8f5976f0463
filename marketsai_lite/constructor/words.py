r"""The words of a description: what an economy consists of, as plain data.

A `Description` lists goods, agents by type, markets and processes, and equations: plain functions
whose own name is the variable that they find and whose arguments are the variables that they need.
A variable of a type is an array (..., members), one of everybody an array (..., 1), so that the
equations broadcast.  Nothing here computes; `build` does.

Beside the variables that a description names, these are there for equations and for `sees`:

``TYPE_GOOD``
    what each member of a type is endowed with, where the endowment is a number;
``GOOD_price``, ``GOOD_offered``, ``GOOD_sold``, ``GOOD_earned``, ``GOOD_bought``, ``GOOD_paid``
    what a `Market` finds;
``TYPE_profit``, ``TYPE_dividend``
    of a type that has owners, all that it earned less all that it paid; of an owner, what each
    member is paid of the profits;
``log_STOCK``, ``STOCK_next``
    the logarithm of a `Stock` whose state it is, and what the stock is in the next period.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economy import Exogenous

KINDS = ("numeraire", "nondurable", "durable", "land", "labor", "service")
SERVICES = ("labor", "service")  # what is not used in a period is gone, and no waste


class Good(NamedTuple):
    """A good.

    Attributes
    ----------
    name : str
        Of the good.
    kind : str
        "numeraire", in which everything is paid; "nondurable", used up in its period; "durable"
        or "land", kept in stocks; "labor" or "service", which flows from an endowment.
    δ : float
        Share of a durable that depreciates in a period.
    """

    name: str
    kind: str = "nondurable"
    δ: float = 0.0


class Process(NamedTuple):
    """Something random.

    Attributes
    ----------
    names : tuple of str
        Of the variables, one for each column of the chain's values.
    chain : Exogenous
        The Markov chain; `ar1` makes one.
    mean : tuple of float
        Long-run mean of each variable, which is checked: a shock that can only rise is refused.
    own : tuple of str
        Of the variables that each member of a type draws for itself, columns of `own_values`.
    of : str
        Type of these members.
    """

    names: tuple[str, ...]
    chain: Exogenous
    mean: tuple[float, ...]
    own: tuple[str, ...] = ()
    of: str = ""


class Choice(NamedTuple):
    """A number that each member of a type chooses.

    Attributes
    ----------
    name : str
        Of the variable.
    low, high : float
        Bounds.
    grid : array (m,) or (members, m), optional
        Values to choose from, in place of the bounds.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    grid: Any = None


class Split(NamedTuple):
    """Shares of one whole, positive and summing to one whatever is chosen (by softmax).

    Attributes
    ----------
    names : tuple of str
        Of the shares.
    reach : float
        The agent chooses a number in [-reach, reach] for each share but the last, whose is 0.
    """

    names: tuple[str, ...]
    reach: float = 3.0


class Stock(NamedTuple):
    """What each member of a type holds of a durable good, of land or of the numeraire.

    Attributes
    ----------
    name : str
        Of the variable; ``log_`` before it names its logarithm.
    good : str
        What is held.
    center : float
        By which observations are scaled, and around which stocks begin.
    begins : tuple of float
        Least and largest first stock, relative to the center.
    log : bool
        Whether the state is its logarithm, so that it stays positive.
    even : str
        Whether first stocks are drawn evenly in "levels" or in "logs".
    """

    name: str
    good: str
    center: float = 1.0
    begins: tuple[float, float] = (0.5, 1.5)
    log: bool = False
    even: str = "levels"


class Memory(NamedTuple):
    """A variable as it was last period.

    Attributes
    ----------
    name : str
        Of the remembered variable.
    of : str
        The variable of this period that is remembered in the next.
    center : float
        As of a `Stock`.
    begins : tuple of float
        As of a `Stock`.
    grid : array (m,) or (members, m), optional
        First values, each equally likely, in place of an interval.
    """

    name: str
    of: str
    center: float = 1.0
    begins: tuple[float, float] = (0.5, 1.5)
    grid: Any = None


class Seen(NamedTuple):
    """A variable that a type sees before it chooses.

    Attributes
    ----------
    name : str
        Of the variable.
    center, spread : float, optional
        The observation is (value - center) / spread.  Default: of a process its mid-range and half
        range, of a stock its center and a fifth of it, otherwise 0 and 1.
    of : str
        Whose: "own", of "all" in their order, or of all with "own first".
    """

    name: str
    center: float | None = None
    spread: float | None = None
    of: str = "own"


class Technology(NamedTuple):
    """What makes goods from goods.

    Attributes
    ----------
    makes, uses : dict
        Good to the variable that says how much each member makes or uses of it.
    equations : tuple
        What finds these variables.
    """

    makes: Mapping[str, str]
    uses: Mapping[str, str]
    equations: tuple = ()


@dataclass(frozen=True)
class Agents:
    """A type of agent.

    Parameters
    ----------
    name : str
        Of the type.
    count : int
        Number of its members.
    choices : tuple of Choice and Split
        Whoever has none follows its equations, as a competitive firm does.
    sees : tuple of Seen or str
        The information set.  Nothing else is seen.
    utility : str
        The variable that it maximizes the discounted sum of.
    stocks, memories : tuple of Stock, of Memory
        What its members carry from one period to the next.
    endowment : dict
        Good to a number, or a variable, that each member gets every period; a number becomes the
        variable ``TYPE_GOOD``, which can be seen.
    technologies : tuple of Technology
        What it can make.
    consumes : dict
        Good to a variable.  If no equation finds it, it is all that is left of the good.
    owners : dict
        Type to the share of this type's profit that it is paid; the shares sum to one.
    outside : bool
        Whether it stands for the rest of the world, whose books are not kept.
    """

    name: str
    count: int = 1
    choices: tuple = ()
    sees: tuple = ()
    utility: str = ""
    stocks: tuple[Stock, ...] = ()
    memories: tuple[Memory, ...] = ()
    endowment: Mapping[str, Any] = field(default_factory=dict)
    technologies: tuple[Technology, ...] = ()
    consumes: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, float] = field(default_factory=dict)
    outside: bool = False


class Market(NamedTuple):
    """Where a good is sold for the numeraire.

    It finds the variables ``GOOD_price`` and ``GOOD_offered``, and of each side ``GOOD_sold`` and
    ``GOOD_earned``, ``GOOD_bought`` and ``GOOD_paid``; where a side has several types,
    ``GOOD_sold_TYPE`` and so on.

    Attributes
    ----------
    good : str
        What is sold.
    sellers, buyers : str or tuple of str
        Types.
    mechanism : callable
        From `marketsai_lite.constructor.mechanisms`, or your own of the same signature.
    sell, buy : dict
        What each side brings: "quantity", "price" or "money" to a variable, or to a tuple of
        variables, one for each type.  Which of them a mechanism needs its own docstring says.
    given : dict
        Further arguments of the mechanism.
    """

    good: str
    sellers: Any
    buyers: Any
    mechanism: Callable
    sell: Mapping[str, Any] = {}
    buy: Mapping[str, Any] = {}
    given: Mapping[str, Any] = {}


@dataclass(frozen=True, eq=False)
class Description:
    """What an economy consists of.

    Parameters
    ----------
    name : str
        Of the economy.
    goods, agents, markets, processes : tuple
        Of `Good`, `Agents`, `Market` and `Process`.
    equations : tuple of callable
        Each finds the variable that it is named after from those that its arguments name.
    β : float
        Discount factor.
    parameters : dict
        Names to numbers that equations may take as arguments.
    takes : tuple of str, optional
        What a price taker takes as given; default: prices, and profits that are paid out.
    hidden : tuple of str
        Stocks, memories and processes that deliberately nobody sees.
    """

    name: str
    goods: tuple[Good, ...]
    agents: tuple[Agents, ...]
    markets: tuple[Market, ...] = ()
    processes: tuple[Process, ...] = ()
    equations: tuple = ()
    β: float = 0.95
    parameters: Mapping[str, Any] = field(default_factory=dict)
    takes: tuple[str, ...] | None = None
    hidden: tuple[str, ...] = ()

    @property
    def numeraire(self) -> str:
        """The good in which everything is paid."""
        return next(g.name for g in self.goods if g.kind == "numeraire")

    def type(self, name) -> Agents:
        """The agents of a type."""
        return next(t for t in self.agents if t.name == name)


def types(side) -> tuple[str, ...]:
    """The types on a side of a market."""
    return (side,) if isinstance(side, str) else tuple(side)


def traded(market, what, side, type) -> str:
    """The name of what a type sold, earned, bought or paid in a market."""
    return f"{market.good}_{what}" + f"_{type}" * (len(types(side)) > 1)


def chosen(choice) -> tuple[str, ...]:
    """The variables that a choice sets."""
    return choice.names if isinstance(choice, Split) else (choice.name,)


def rows(grid, count) -> np.ndarray:
    """A grid as an array (count, m), one row for each member."""
    grid = np.asarray(grid, dtype=float)
    return np.tile(grid, (count, 1)) if grid.ndim == 1 else grid
