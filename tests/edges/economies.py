"""Economies with parameters at their edges, and every function of theirs."""

import numpy as np

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.hidden_demand import HiddenDemand
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.logit_monopolist import LogitMonopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.long_plosser import LongPlosser
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economy import Exogenous, Grid, constant
from tests.edges.draw import BELOW_ONE, NUMBERS, SCALE, SIZE
from tests.edges.tables import stage


def chain(d):
    nz, ne, n = d.one(1, 3), d.one(1, 2), d.one(0, 1, 2)
    return Exogenous(
        d.damaged(d.g.normal(size=(nz, 2)) * d.one(*SIZE)),
        d.damaged(d.rows(nz, nz)),
        d.g.normal(size=(ne, 1)) if n else None,
        d.damaged(d.rows(nz, nz, ne, ne)) if n else None,
        d.rarely(n, n + 1, -1, 0.5),
    )


def drawn(d):
    exo = chain(d)
    u = d.g.choice([0.0, 0.5, BELOW_ONE], (5, exo.width))
    i = exo.initial(u)
    return exo.joint(), i, exo.next(i, u[::-1]), exo.shocks(i)


def positive_chain(d):
    z, P = np.sort(d.g.choice(SCALE[1:5], (2, 1)), 0), d.rows(2, 2)
    return Exogenous(z if d.g.random() < 0.5 else np.array([[0.9], [1.1]]), P)


def inside(d):
    return d.rarely(d.one(1e-3, 0.36, 0.96, 0.999), *NUMBERS)


def growth(d):
    return Growth(
        α=inside(d),
        β=inside(d),
        γ=d.rarely(d.one(0.1, 1, 1.0, 2.0, 10.0), 0.0, *NUMBERS),
        δ=d.rarely(d.one(1e-3, 0.1, 1.0), 0.0, *NUMBERS),
        low=d.rarely(d.one(1e-3, 0.02), 0.0, np.nan),
        high=d.rarely(d.one(0.7, 0.999), 1.0, np.nan),
        exo=positive_chain(d),
    )


def fraction(d):
    return d.rarely(d.one(0.0, 5e-324, 0.95, BELOW_ONE), 1.0, *NUMBERS)


def duopoly(d):
    n = d.one(1, 2, 3)
    return LogitOligopoly(
        prices=d.damaged(d.g.normal(size=(n, 3)) * d.one(*SCALE), NUMBERS[:3]),
        a=tuple(d.finite() for _ in range(n)),
        c=tuple(d.finite() for _ in range(n)),
        a0=d.finite(),
        μ=d.positive(1e-30),
        β=fraction(d),
    )


def monopolist(d):
    return LogitMonopolist(
        a=d.finite(),
        c=d.finite(),
        μ=d.positive(1e-30),
        κ=d.one(0.0, d.positive()),
        β=fraction(d),
        prices=d.damaged(d.g.normal(size=3) * d.one(*SCALE), NUMBERS[:3]),
        outside=d.one(constant(0.0), constant(1e9), LogitMonopolist().outside),
    )


def quantities(d):
    return Cournot(
        a=d.positive(),
        b=d.positive(),
        costs=tuple(d.finite() for _ in range(d.one(1, 2, 3))),
        β=fraction(d),
        capacity=d.positive(),
    )


def linear(d):
    return LQMonopolist(
        a0=d.finite(),
        a1=d.positive(),
        c=d.finite(),
        γ=d.positive(),
        ρ=d.rarely(d.one(-0.99, 0.0, 0.9, BELOW_ONE), 1.0, *NUMBERS[:3]),
        σ=d.one(0.0, d.positive()),
        β=fraction(d),
        nd=d.rarely(d.one(2, 5), 1, 2.5, np.nan),
    )


def unseen(d):
    return HiddenDemand(
        a=d.finite(),
        b=d.positive(),
        ρ=d.rarely(d.one(-0.99, 0.0, 0.95, BELOW_ONE), 1.0, *NUMBERS[:3]),
        R=d.rarely(d.one(0.0, *SCALE), *NUMBERS),
        β=fraction(d),
        nd=d.rarely(d.one(2, 5), 1, 2.5, np.nan),
    )


def sectors(d):
    A = d.rows(2, 2) * d.one(0.36, 1e-3, BELOW_ONE)
    return LongPlosser(
        A=d.damaged(A), β=inside(d), σ=d.one(0.0, 0.1, 1.0), nodes=d.rarely(2, 1, 2.5)
    )


def countries(d):
    return MultiCountry(
        d=d.rarely(d.one(1, 2), 0, 1.5), α=inside(d), β=inside(d), country=positive_chain(d)
    )


def households(d):
    return Planner(
        N=d.rarely(1, 0, 1.5),
        M=d.rarely(1, 0, 1.5),
        α=inside(d),
        β=inside(d),
        δ=d.rarely(d.one(0.01, 0.1, 1.0), 0.0, np.nan),
        φ=d.rarely(d.one(0.1, 0.5, 10.0), 0.0, np.nan),
    )


def signals(d):
    return PrivateSignals(
        a=d.finite(),
        b=d.rarely(1.0, 0.0, np.nan),
        d=d.rarely(d.one(0.0, 0.5, BELOW_ONE), 1.0, -1.0),
        c=d.rarely(d.one(0.0, 1.0), np.nan),
        σ=d.one(0.0, d.positive()),
        ρ=d.rarely(d.one(0.5, 0.8, 1.0), 0.4, np.nan),
        β=fraction(d),
    )


def matrix(d):
    return RepeatedGame(payoffs=stage(d, *d.one((1, 2), (2, 2), (2, 3))), β=fraction(d))


def isles(d):
    return Islands(d.rarely(d.one(1, 2), 0, 1.5), growth(d))


ECONOMIES = (
    growth, duopoly, monopolist, quantities, linear, unseen, sectors, countries, households,
    signals, matrix, isles,
)  # fmt: skip


def played(make):
    """Every function of an economy, at draws and actions at their bounds."""

    def play(d):
        e = make(d)
        u = d.g.choice([0.0, 0.5, BELOW_ONE], (4, len(e.state)))
        i = e.exo.initial(d.g.choice([0.0, 0.5, BELOW_ONE], (4, e.exo.width)))
        x, z = e.initial(u), e.exo.shocks(i)
        a = np.stack(
            [
                s.values[[0, -1, 0, -1]] if isinstance(s, Grid) else np.stack([s.low, s.high] * 2)
                for s in e.actions
            ],
            1,
        )
        return e, e.step(x, z, a), e.observe(x, z), e.accounts(x, z, a)

    return play
