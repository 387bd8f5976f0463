"""What two households in the market for capital goods gain by seeing more.

Each household has a productivity of its own, high or low, which lasts; that of the whole economy is
constant.  The log of the share that a household spends is linear in what it sees: all capital and
all productivities; its own and the last price; or mean capital alone, as with `sees` of
`CapitalMarket`.  Both climb the gradient of their own discounted utility, by damped Newton steps,
where a household takes the rule of the other as given, until neither gains by another rule of its
kind.  Then one of them learns anew, with everything in view, against the other as it is.

A seed stands for the first states and the shocks of the sixty paths that are learned from.
Utility is discounted, averaged over other paths, which are the same in all cells, and times 1 - β,
so that a difference is a share of consumption.
"""

from typing import Any, NamedTuple

import numpy as np

from marketsai_lite.economies.capital_market import SEES, CapitalMarket
from marketsai_lite.economy import Exogenous
from marketsai_lite.solutions import capital_market

COST = 60
RTOL = 1e-5  # of rules that end where a slope is nearly zero
SEEDS = 10
PERIODS = 150  # of a path, whose last one stands for all that follow
LEARNED, TESTED = 60, 1_000  # paths
PART, ROUNDS, TOLERANCE = 0.8, 40, 1e-5  # of a Newton step; most steps; of the slope
STEP = 1e-4  # of the differences by which slopes are found


def cells():
    """Return one cell for each kind of observation, and one that is soon computed again."""
    full = {sees: {"sees": sees, "seeds": SEEDS, "alone": True} for sees in SEES}
    return full | {"aggregates, two seeds": {"sees": "aggregates", "seeds": 2, "alone": False}}


def run(sees, seeds, alone):
    """Return what both are worth who see alike and, if wanted, one who alone sees everything.

    Both utilities (seeds,), and the rules (seeds, d).
    """
    paths, fresh = draw(range(seeds), LEARNED), draw([1_000], TESTED)
    rule = climb(paths, Rule(sees))
    found = {"utility": utility(fresh, rule, rule), "rule": rule.θ}
    if alone:
        best = climb(paths, Rule("everything"), rule)
        found["utility alone"] = utility(fresh, best, rule)
    return {key: np.asarray(value) for key, value in found.items()}


def market():
    """Return two households, each with its own productivity of .8 or 1.2, which lasts."""
    always, own = np.ones((1, 1)), np.array([[0.8], [1.2]])
    stay = np.array([[[[0.8, 0.2], [0.2, 0.8]]]])
    return CapitalMarket(sees="prices", exo=Exogenous(always, always, own, stay, n=2))


class Rule(NamedTuple):
    """The log of the share that a household spends, linear in what it sees.

    Attributes
    ----------
    sees : str
        What is seen, as in `CapitalMarket`.
    θ : array (..., d)
        Coefficients, the constant first.
    """

    sees: str
    θ: Any = None

    def start(self, seeds):
        """Return rules that spend what replaces the stock of two who count today's price."""
        d = {"everything": 5, "prices": 4, "aggregates": 2}[self.sees]
        economy, θ = market(), np.zeros((seeds, d))
        θ[:, 0] = np.log(capital_market.share(economy, capital_market.static(economy)))
        return self._replace(θ=θ)

    def share(self, economy, x, z, i):
        """Return the share (...) that household i spends in states (..., 3)."""
        k, j, productivity = x[..., :2] - np.log(economy.k_ss), 1 - i, z.own[..., 0] - 1
        if self.sees == "everything":
            seen = [k[..., i], k[..., j], productivity[..., i], productivity[..., j]]
        elif self.sees == "prices":
            seen = [k[..., i], x[..., 2] - np.log(economy.p_ss), productivity[..., i]]
        else:
            seen = [np.log(np.exp(k).mean(-1))]
        terms = sum(self.θ[..., None, c + 1] * v for c, v in enumerate(seen))
        return np.exp(self.θ[..., None, 0] + terms).clip(economy.low, economy.high)


def draw(seeds, size):
    """Return first states (seeds, size, 3) and the shocks of each period."""
    economy, shape = market(), (PERIODS + 2, size, 3)
    u = np.stack([np.random.default_rng(seed).random(shape) for seed in seeds], 1)
    x, i, shocks = economy.initial(u[0]), economy.exo.initial(u[1]), []
    for u_t in u[2:]:
        shocks.append(economy.exo.shocks(i))
        i = economy.exo.next(i, u_t)
    return x, shocks


def utility(paths, own, rival):
    """Return the utility (..., seeds) of household 1 with its rules, and its rival's (seeds, d)."""
    economy, (x, shocks) = market(), paths
    x, total, weight = x + 0 * own.θ[..., None, :1], 0.0, 1 - economy.β
    for z in shocks:
        shares = own.share(economy, x, z, 0), rival.share(economy, x, z, 1)
        x, r = economy.step(x, z, np.stack(shares, -1)[..., None])
        total, weight = total + weight * r[..., 0].mean(-1), weight * economy.β
    return total + weight / (1 - economy.β) * r[..., 0].mean(-1)


def climb(paths, own, rival=None):
    """Return the rules where household 1 comes to rest, one for each seed.

    Without a `rival` the other household has the same rule, but does not move while it moves.
    """
    own = own.start(len(paths[0]))
    d = own.θ.shape[-1]
    e = STEP * np.eye(d)[:, None]
    pairs = (e + e[:, None]).reshape(d * d, 1, d)
    near = np.concatenate([e, -e, pairs, 0 * e[:1]])
    for _ in range(ROUNDS):
        other = own if rival is None else rival
        value = utility(paths, own._replace(θ=own.θ + near), other)
        up, down, both, here = np.split(value, [d, 2 * d, 2 * d + d * d])
        slope = (up - down).T / (2 * STEP)
        bend = (both.reshape(d, d, -1) - up - up[:, None] + here) / STEP**2
        bend = np.moveaxis(bend, -1, 0)
        size, axes = np.linalg.eigh((bend + bend.swapaxes(-1, -2)) / 2)
        step = np.einsum("sij,sj,skj,sk->si", axes, 1 / np.abs(size), axes, slope)
        own = own._replace(θ=own.θ + PART * step.clip(-1, 1))
        if np.abs(slope).max() < TOLERANCE:
            return own
    raise RuntimeError(f"the slope is still {np.abs(slope).max():.1e} after {ROUNDS} steps")
