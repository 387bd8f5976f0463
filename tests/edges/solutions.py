"""Arguments of the solutions of economies, and of the scores of policies."""

import numpy as np

from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.islands import Islands
from marketsai_lite.solutions import exchange, islands
from tests.edges.draw import SCALE, WRONG
from tests.edges.economies import countries, growth, households, isles


def market(d, *extra):
    n = d.one(1, 2, 5)
    found = dict(a=[d.finite() for _ in range(n)], μ=d.positive(1e-30, 1e-12), a0=d.finite())
    every = dict(
        c=[d.finite() for _ in range(d.rarely(n, n + 1))],
        p=d.damaged(d.g.normal(size=n) * d.one(*SCALE)),
        tol=d.rarely(d.one(1e-300, 1e-13, 1.0), 0.0, *WRONG),
    )
    return found | {name: every[name] for name in extra}


def firms(*extra):
    return lambda d: market(d, *extra)


def grid(d):
    n = d.one(1, 2)
    return dict(
        nash=d.damaged(d.g.normal(size=n)),
        monopoly=d.damaged(d.g.normal(size=n)),
        m=d.count(2, 15),
        ξ=d.rarely(d.one(0.0, 0.1, 1e9), *WRONG),
    )


def exchanged(*extra):
    """Tastes and endowments, and prices if wanted."""

    def draw(d):
        n, G = d.one(1, 3), d.one(1, 2, 4)
        found = dict(α=d.damaged(d.rows(n, G)), e=d.damaged(d.g.random((n, G)) * d.one(*SCALE)))
        p = d.damaged(np.exp(d.g.normal(size=G)) * d.one(*SCALE))
        return found | {name: p for name in extra}

    return draw


def proportions(d):
    x = exchanged("p")(d)
    return dict(p=x["p"], a=x["α"], e=x["e"])


def cleared(α, e, max_iter):
    return exchange.walrasian(lambda p: exchange.cobb_douglas(p, α, e), e, max_iter=max_iter)


def wandering(p, α, e, step, T):
    return exchange.tâtonnement(lambda q: exchange.cobb_douglas(q, α, e), e, p, step, T)


def endogenous(d):
    return dict(
        economy=growth(d),
        n=d.count(2, 40),
        low=d.rarely(d.one(0.01, 0.9), 1.0, 0.0, *WRONG),
        high=d.rarely(d.one(1.1, 10.0), 1.0, *WRONG),
        tol=d.rarely(d.one(1e-300, 1e-9), 0.0, *WRONG),
        max_iter=d.count(1, 50),
    )


def island_options(d):
    return dict(economy=isles(d)) | {k: v for k, v in endogenous(d).items() if k != "economy"}


def closed(d):
    e = growth(d)
    return dict(economy=d.one(e, Growth(e.α, e.β, 1.0, 1.0, exo=e.exo)))


def capital(d):
    k = np.cumsum(d.g.random(d.one(1, 5))) * d.one(1e-6, 1.0, 1e6)
    return dict(economy=growth(d), k=d.damaged(d.rarely(k, -k, k[::-1], 0 * k)))


def many(d):
    limit = d.rarely(d.one(1e-300, 1e-9), 0.0, *WRONG)
    return dict(economy=countries(d), tol=limit, max_iter=d.count(1, 50))


def chebyshev(d):
    return dict(
        economy=households(d),
        degree=d.count(1, 3),
        low=d.rarely(0.4, 1.0, 0.0, *WRONG),
        high=d.rarely(1.8, 1.0, *WRONG),
        tol=d.rarely(d.one(1e-300, 1e-6), 0.0, *WRONG),
        max_iter=d.count(1, 2),
    )


def simulated(d):
    e = Islands(1)
    return dict(
        economy=e,
        policy=islands.solve(Islands(1, Growth(δ=1.0))).policy,
        seed=d.count(0, 5),
        size=d.count(1, 3),
        periods=d.count(2, 5),
        drop=d.count(0, 1),
    )


def equivalent(d):
    v = -(10.0 ** d.g.integers(-9, 9))
    return dict(
        v=d.rarely(v, np.nan),
        lost=d.rarely(d.one(0.0, 1e-12, 0.5, 1e9), *WRONG),
        β=d.unit(),
        γ=d.rarely(d.one(0.1, 1.0, 1, 2.0, 50.0), 0.0, *WRONG),
    )
