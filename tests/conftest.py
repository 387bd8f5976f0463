"""Economies that the tests of the contract and its views run over."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth, brock_mirman
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.logit_monopolist import LogitMonopolist, static_monopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economy import Box, Exogenous, namespace


def employment():
    """A boom and a slump; unemployment rises in the slump."""
    own = np.empty((2, 2, 2, 2))
    for z, z1 in np.ndindex(2, 2):
        up, down = (0.4, 0.1) if z1 == 0 else (0.7, 0.04)
        own[z, z1] = [[1 - up, up], [down, 1 - down]]
    return Exogenous([[0.9], [1.1]], [[0.8, 0.2], [0.3, 0.7]], [[0.1], [1.0]], own, n=2)


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


PRISONERS_DILEMMA = np.array([[[3.0, 0.0], [5.0, 1.0]], [[3.0, 5.0], [0.0, 1.0]]])

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
}


@pytest.fixture(params=ECONOMIES)
def economy(request):
    return ECONOMIES[request.param]()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
