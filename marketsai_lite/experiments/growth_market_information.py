"""What two households in the market for capital goods gain by seeing more.

Each household has a productivity of its own, high or low, which lasts; that of the whole economy is
constant.  Policies see everything, or a household's own state and the last price, or mean capital
alone, as `sees` of `CapitalMarket` has it.  All learn by their own gradients, where a household
takes the other's policy as given.  Critics, which serve in training only, see all there is whatever
policies see: with a critic as blind as its policy a household would not know what its own capital
is worth.

Utility is discounted and averaged over households and over paths, which have the same first states
and shocks in all cells, and times 1 - β, so that a difference is a share of consumption.  Settings
were tuned on seed 100, which is not reported; there are five seeds because a cell takes most of a
minute.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from marketsai_lite.economies.capital_market import SEES, CapitalMarket
from marketsai_lite.economy import Exogenous, namespace

COST = 900
CHAOTIC = True
SEEDS = 5
COPIES, HORIZON = 64, 50
SETTINGS: dict[str, Any] = dict(
    updates=300, steps=24, given="policies", hidden=(32,), fits=8, rate=2e-2
)
SHORT = 20  # updates of the cells that are small enough to be repeated


class Watched(CapitalMarket):
    """Observations of all three kinds, one after the other, for policies that see one of them."""

    def observe(self, x, z):
        """Observations (..., N, d), the columns of the kinds in the order of `SEES`."""
        return namespace(x).concatenate(self.kinds(x, z), -1)

    def kinds(self, x, z):
        """Observations of each kind; only that of prices needs the last price in the state."""
        k = x[..., : self.N]
        seen = zip(SEES, (k, x, k), strict=True)
        return [CapitalMarket.observe(replace(self, sees=sees), v, z) for sees, v in seen]


def market():
    """Return two households, each with its own productivity of .8 or 1.2, which lasts."""
    always, own = np.ones((1, 1)), np.array([[0.8], [1.2]])
    stay = np.array([[[[0.8, 0.2], [0.2, 0.8]]]])
    return Watched(sees="prices", exo=Exogenous(always, always, own, stay, n=2))


def columns(economy, sees):
    """Return which columns of `Watched.observe` belong to a kind of observation."""
    x, z = economy.initial(np.full(3, 0.5)), economy.exo.shocks(np.zeros(3, dtype=int))
    width = [kind.shape[-1] for kind in economy.kinds(x, z)]
    return np.repeat([kind == sees for kind in SEES], width)


def cells():
    """Return one cell for each kind of observation, length of training and seed."""
    return {
        f"{sees}, {updates} updates, seed {seed}": {"sees": sees, "updates": updates, "seed": seed}
        for seed in range(SEEDS)
        for updates in (SETTINGS["updates"], SHORT)
        for sees in SEES
    }


def run(sees, updates, seed):
    """Train; return utility, mean capital and how spending answers to productivity."""
    economy = market()
    act = learned(economy, sees, updates, seed)
    return lives(economy, act)


def learned(economy, sees, updates, seed):
    """Train policies that see some columns, with critics that see all; return their `act`."""
    import torch  # slow to import

    from marketsai_lite.deep import apg
    from marketsai_lite.deep.train import train
    from marketsai_lite.views.batch import Batch

    known = torch.as_tensor(columns(economy, sees), dtype=torch.get_default_dtype())

    class Partial(apg.APG):
        """Its policies see some columns; what they do not see is always at its mean."""

        def _act(self, o, h, turn):
            return super()._act(o * known, h, turn)

        def mode(self, o, h):
            return super().mode(o * known, h)

    class Config(apg.Config):
        """Of a learner whose policies see some columns."""

        def agent(self, world, rng):
            return Partial(world, self, rng)

    settings = SETTINGS | {"updates": updates, "log_every": updates}
    return train(Batch(economy, COPIES, horizon=HORIZON), Config(**settings), seed).act


def lives(economy, act, size=400, periods=400, seed=1):
    """Follow a profile along random paths, which depend on nothing but `seed`."""
    rng, N = np.random.default_rng(seed), economy.N
    x, i = economy.initial(rng.random((size, 3))), economy.exo.initial(rng.random((size, 3)))
    x[:, N:] = np.log(economy.p_ss)
    total, stocks, good, bad = 0.0, 0.0, [], []
    for t in range(periods):
        z = economy.exo.shocks(i)
        a = act(economy.observe(x, z))
        rich = z.own[..., 0] > 1
        good.append(a[rich].mean())
        bad.append(a[~rich].mean())
        x, r = economy.step(x, z, a)
        total = total + (1 - economy.β) * economy.β**t * r.mean()
        stocks += np.exp(x[:, :N]).mean() / periods
        i = economy.exo.next(i, rng.random((size, 3)))
    return {
        "utility": total,
        "capital": stocks,
        "share in good times": np.mean(good),
        "share in bad times": np.mean(bad),
    }
