"""Economies by the constructor, each beside its twin that is written by hand."""

import numpy as np

from marketsai_lite.constructor import build
from marketsai_lite.constructor import examples as ex
from marketsai_lite.economies.capital_market import CapitalMarket
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economy import padded, sample_action

GRID = np.linspace(1.4, 2.0, 15)


def pricing():
    return LogitOligopoly(np.stack([GRID, GRID])), build(ex.pricing_duopoly(GRID))


def renting():
    twin = RentalMarket(n=3)
    return twin, build(ex.renting(twin.exo, 3))


def buying(rebate=0.5):
    twin = CapitalMarket(N=3, rebate=rebate)
    return twin, build(ex.buying_capital(twin.exo, 3, rebate))


def buying_with_own_shocks():
    chain = Planner(2).exo
    twin = CapitalMarket(N=2, rebate=1.0, exo=chain)
    return twin, build(ex.buying_capital(chain, 2, 1.0))


def planning(n=2, m=2):
    twin = Planner(n, m)
    return twin, build(ex.planning(twin.exo, n, m), planner=True)


def planning_for_one():
    return planning(1, 1)


TWINS = (pricing, renting, buying, buying_with_own_shocks, planning, planning_for_one)


def choose(economy, rng, copies=5):
    da = max(s.width for s in economy.actions)
    return np.stack([padded(sample_action(s, rng, copies), da) for s in economy.actions], -2)
