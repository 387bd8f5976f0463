"""Economies that the tests of the contract and its views run over."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.commons import Commons
from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth, brock_mirman
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economies.krusell_smith_households import Households
from marketsai_lite.economies.krusell_smith_patience import PatientHouseholds
from marketsai_lite.economies.logit_monopolist import LogitMonopolist, static_monopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.planner_team import PlannerTeam
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economies.team_game import TeamGame
from marketsai_lite.economies.two_sector import TwoSector
from marketsai_lite.economies.two_sector_market import TwoSectorMarket
from marketsai_lite.economies.two_step_game import TwoStepGame
from marketsai_lite.economy import (
    Box,
    Exogenous,
    Grid,
    Group,
    Terms,
    constant,
    index,
    like,
    namespace,
    sample_action,
)
from marketsai_lite.views.induced import Induced


def employment():
    """A boom and a slump; unemployment rises in the slump."""
    own = np.empty((2, 2, 2, 2))
    for z, z1 in np.ndindex(2, 2):
        up, down = (0.4, 0.1) if z1 == 0 else (0.7, 0.04)
        own[z, z1] = [[1 - up, up], [down, 1 - down]]
    return Exogenous([[0.9], [1.1]], [[0.8, 0.2], [0.3, 0.7]], [[0.1], [1.0]], own, n=2)


def productivity():
    """Good and bad times for all and for each of two."""
    own = np.tile([[0.9, 0.1], [0.1, 0.9]], (2, 2, 1, 1))
    return Exogenous([[0.8], [1.2]], [[0.9, 0.1], [0.2, 0.8]], [[0.9], [1.1]], own, n=2)


def sectors():
    """Good and bad times of two sectors, independent of each other."""
    z_c, z_i = [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]]
    values = [(c, i) for c in (0.95, 1.05) for i in (0.9, 1.1)]
    return Exogenous(values, np.kron(z_c, z_i))


@dataclass(frozen=True, eq=False)
class Savers:
    """Two savers with risks of their own, who share the return on their capital."""

    β: float = 0.9
    exo: Exogenous = field(default_factory=employment)

    agents = ("ana", "ben")
    state = ("wealth of ana", "wealth of ben")
    actions = (Box(np.array([0.1]), np.array([0.9])),) * 2

    def initial(self, u):
        return 1.0 + u

    def step(self, x, z, a):
        z, e = z
        income = z * x**0.3 + e[..., 0]
        saved = a[..., 0] * income
        return saved, namespace(x).log(income - saved)

    def observe(self, x, z):
        z, e = z
        xp = namespace(x)
        everyone = xp.stack([z + 0 * x, x], -1)
        return xp.concatenate([everyone, e], -1)

    def accounts(self, x, z, a):
        return {"wealth": x.sum(-1)}


@dataclass(frozen=True, eq=False)
class Turns:
    """Two firms that set prices in turn (Maskin and Tirole, 1988): who waits keeps its price."""

    β: float = 0.9
    prices: np.ndarray = field(default_factory=lambda: np.array([0.3, 0.5, 0.8]))

    exo = constant(0.0)
    agents = ("firm 1", "firm 2")
    state = ("price of firm 1", "price of firm 2", "whose turn")

    @property
    def actions(self):
        return (Grid(self.prices[:, None]),) * 2

    def initial(self, u):
        xp, turn = namespace(u), index(u[..., 2:], 2) + 0 * u[..., 2:]
        return xp.concatenate([like(self.prices, u)[index(u[..., :2], 3)], turn], -1)

    def step(self, x, z, a):
        p = a[..., 0]
        r = p * (1 - p + 0.5 * p[..., [1, 0]])
        return namespace(x).concatenate([p, 1 - x[..., 2:]], -1), r

    def legal(self, x, z):
        turn, standing = x[..., 2:], like(self.prices, x) == x[..., :2, None]
        moves = namespace(x).concatenate([turn == 0, turn == 1], -1)
        return moves[..., None] | standing

    def observe(self, x, z):
        own, other, turn = x[..., :2], x[..., [1, 0]], x[..., 2:]
        waits = namespace(x).concatenate([turn, 1 - turn], -1)
        return namespace(x).stack([own, other, waits], -1)

    def accounts(self, x, z, a):
        return {"price": a[..., 0], "mean price": a[..., 0].mean(-1)}


@dataclass(frozen=True, eq=False)
class Attrition:
    """Two firms in a market that feeds one; who has left earns nothing and is out for ever."""

    β: float = 0.9
    exo: Exogenous = field(
        default_factory=lambda: Exogenous([[1.0], [2.0]], [[0.5, 0.5], [0.3, 0.7]])
    )

    agents = ("firm 1", "firm 2")
    state = ("firm 1 is in", "firm 2 is in")
    actions = (Grid(np.array([[0.0], [1.0]])),) * 2  # stay, leave

    def initial(self, u):
        return 1.0 + 0.0 * u

    def step(self, x, z, a):
        return x * (1 - a[..., 0]), x * (z.aggregate - 2.5 * x[..., [1, 0]])

    def discount(self, x1, z1):
        return self.β * x1

    def legal(self, x, z):
        return namespace(x).stack([x == x, x == 1], -1)

    def observe(self, x, z):
        return namespace(x).stack([x, x[..., [1, 0]], z.aggregate + 0 * x], -1)

    def accounts(self, x, z, a):
        return {"firms": x.sum(-1)}


HOUSEHOLD = Box(np.array([0.0, 0.5]), np.array([1.0, 1.0]))  # wealth kept, hours worked
TAX_RATES = Grid(np.array([[0.0], [0.2], [0.4]]))


@dataclass(frozen=True, eq=False)
class Taxes:
    """Two households save and work; a government taxes wages and shares out what it takes."""

    β: float = 0.9
    exo: Exogenous = field(default_factory=employment)

    agents = ("household 1", "household 2", "government")
    state = ("wealth of household 1", "wealth of household 2")
    actions = (HOUSEHOLD, HOUSEHOLD, TAX_RATES)
    groups = (
        Group("household", slice(0, 2), HOUSEHOLD, 4),
        Group("government", slice(2, 3), TAX_RATES, 2),
    )

    def initial(self, u):
        return 0.5 * index(u, 3) + 0.0 * u

    def step(self, x, z, a):
        kept, u, _ = self._quantities(x, z, a)
        return kept, namespace(x).concatenate([u, u.mean(-1, keepdims=True)], -1)

    def observe(self, x, z):
        xp, mean = namespace(x), x.mean(-1, keepdims=True)
        everybody = [x, z.own[..., 0], mean + 0 * x, z.aggregate + 0 * x]
        government = xp.concatenate([mean, z.aggregate, 0 * x], -1)
        return xp.concatenate([xp.stack(everybody, -1), government[..., None, :]], -2)

    def accounts(self, x, z, a):
        kept, _, tax = self._quantities(x, z, a)
        wealth = namespace(x).concatenate([kept, 0 * tax], -1)
        return {"tax": tax[..., 0], "wealth kept": wealth}

    def _quantities(self, x, z, a):
        kept, hours, rate = a[..., :2, 0], a[..., :2, 1], a[..., 2:, 0]
        wage = z.aggregate * z.own[..., 0] * hours
        tax = (rate * wage).mean(-1, keepdims=True)
        c = x + 1 - kept + (1 - rate) * wage + tax
        return kept, namespace(x).log(c) - hours, tax


PRISONERS_DILEMMA = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])


def keep_half(o):
    """A household that keeps half of its wealth and works full time."""
    return namespace(o).stack([o[..., 0] / 2, 1 + 0 * o[..., 0]], -1)


def tax(o):
    """A government that taxes more in good times."""
    return 0.2 + namespace(o).where(o[..., 1:] > 1, 0.2 + 0 * o[..., 1:], 0 * o[..., 1:])


ECONOMIES = {
    "repeated game": lambda: RepeatedGame(PRISONERS_DILEMMA),
    "three players": lambda: RepeatedGame(np.arange(3 * 2 * 3 * 4).reshape(3, 2, 3, 4)),
    "cournot": lambda: Cournot(costs=(0.0, 0.1, 0.2)),
    "logit oligopoly": lambda: LogitOligopoly(np.linspace([1.4, 1.5], 2.0, 15).T),
    "private signals": PrivateSignals,
    "logit": LogitMonopolist,
    "static": static_monopolist,
    "lq": LQMonopolist,
    "savers": Savers,
    "growth": Growth,
    "brock-mirman": brock_mirman,
    "crra": lambda: Growth(γ=2.0),
    "islands": lambda: Islands(3),
    "multi-country": lambda: MultiCountry(3),
    "long-plosser": lambda: LongPlosser(random_technology(3)),
    "planner": lambda: Planner(N=2, M=2),
    "team of the planner": lambda: PlannerTeam(3),
    "rental market": lambda: RentalMarket(3),
    "two sectors": lambda: TwoSector(δ=0.1, exo=sectors()),
    "two sectors in markets": lambda: TwoSectorMarket(TwoSector(δ=0.1, exo=sectors()), 3, 2),
    "two sectors with land": lambda: TwoSectorMarket(
        TwoSector(0.3, 0.3, 0.96, 0.04, 1.0, utility="ghh", land=True, time=3.0), 2, 1
    ),
    "capital market": lambda: CapitalMarket(3),
    "capital market with shocks": lambda: CapitalMarket(2, 0.5, exo=productivity()),
    "prices seen": lambda: CapitalMarket(2, 1.0, "prices", exo=productivity()),
    "aggregates seen": lambda: CapitalMarket(3, sees="aggregates"),
    "commons": lambda: Commons(3),
    "krusell-smith": lambda: KrusellSmith(3),
    "households": lambda: Households(4, explorers=1),
    "blind households": lambda: Households(2, sees=("k", "R"), start="wealth"),
    "patient households": lambda: PatientHouseholds(4, explorers=1),
    "two-step game": TwoStepGame,
    "team game": lambda: TeamGame(np.arange(2 * 3 * 2).reshape(2, 3, 2)),
    "turns": Turns,
    "attrition": Attrition,
    "taxes": Taxes,
    "best response": lambda: Induced(Taxes(), [keep_half, tax], "household 1"),
    "price taker": lambda: Induced(RentalMarket(3), lambda o: 0.3 + 0 * o[..., :1], 1),
    "follower": lambda: Induced(Turns(), [lambda o: o[..., :1]], "firm 2"),
    "survivor": lambda: Induced(Attrition(), lambda o: 0 * o[..., :1], 0),
}


def draw_actions(economy, rng, x, z):
    """Random legal actions (B, n, da), and the numbers (B, n) of those that are rows of a grid."""
    terms = Terms(economy)
    a = np.zeros((len(x), terms.n, terms.da))
    numbers = np.zeros((len(x), terms.n), dtype=int)
    for k, s in enumerate(economy.actions):
        legal = economy.legal(x, z)[:, k] if terms.masks else None
        a[:, k, : s.width] = sample_action(s, rng, len(x), legal)
        if isinstance(s, Grid):
            numbers[:, k] = (a[:, k, None, : s.width] == s.values).all(-1).argmax(-1)
    return a, numbers


@pytest.fixture(params=ECONOMIES)
def economy(request):
    return ECONOMIES[request.param]()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
