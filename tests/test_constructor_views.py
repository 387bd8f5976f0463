"""PettingZoo's tests and the check of the contract, over every economy that is described here."""

import numpy as np
import pytest
from malformed import kite_makers
from pettingzoo.test import parallel_api_test, parallel_seed_test

from marketsai_lite.constructor import build
from marketsai_lite.constructor import examples as ex
from marketsai_lite.constructor.continuum import insuring
from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economy import check_economy
from marketsai_lite.views.pettingzoo import ParallelView


def insured():
    twin = KrusellSmith(2)
    return insuring(twin.exo, twin.k_ss)


DESCRIPTIONS = {
    "pricing duopoly": lambda: ex.pricing_duopoly(np.linspace(1.4, 2.0, 5)),
    "rental market": lambda: ex.renting(RentalMarket().exo),
    "capital market": lambda: ex.buying_capital(CapitalMarket().exo),
    "capital market with own shocks": lambda: ex.buying_capital(Planner(2).exo, 2, 1.0),
    "growth with two goods": lambda: ex.planning(Planner(2, 2).exo, 2, 2),
    "Krusell and Smith": insured,
    "trading post": ex.trading,
    "kites": kite_makers,
}


@pytest.mark.parametrize("planner", [False, True], ids=["agents", "planner"])
@pytest.mark.parametrize("name", DESCRIPTIONS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_view_of_a_described_economy_passes(name, planner, rng):
    if planner and name == "pricing duopoly":
        with pytest.raises(ValueError, match=r"^planner=True: must be False: .*\['p'\] are"):
            build(DESCRIPTIONS[name](), planner=True)
        return
    economy = build(DESCRIPTIONS[name](), planner=planner)
    check_economy(economy, rng, periods=2)
    parallel_api_test(ParallelView(economy, horizon=10), num_cycles=30)
    parallel_seed_test(lambda: ParallelView(economy, horizon=10), num_cycles=10)


def test_every_description_of_the_package_is_among_them():
    written = {n for n, f in vars(ex).items()
               if callable(f) and getattr(f, "__module__", "") == ex.__name__
               and not n.startswith("_")}  # fmt: skip
    assert written == {"pricing_duopoly", "renting", "buying_capital", "planning", "trading"}
