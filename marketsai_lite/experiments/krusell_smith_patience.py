r"""Households of unlike patience learn what to save, in the second economy of the 1998 paper.

The learner is time iteration with a network, the analytic policy gradient of
`krusell_smith_agents` for one quarter: households climb

.. math:: u(c) + \beta_i\, \mathbb{E} [R'\, u'(c')]\, k' ,

in which the expectation, prices and mean capital carry no gradient.  What is new is whom they
learn from.  A few households own most of the capital, so that the mean of a hundred would be their
luck: some thousands live in each copy, all of them save, and some hundreds, drawn anew each
quarter, practise.  Explorers are of any patience and of any wealth up to that of the richest.
Households who live in small copies are recorded too.

All share one network and one simple rule, which knows nothing of patience.
"""

import copy
import functools
import math
from typing import Any

import numpy as np

from marketsai_lite.economies.krusell_smith_patience import PatientHouseholds
from marketsai_lite.economy import Shocks
from marketsai_lite.require import number, require, whole
from marketsai_lite.solutions import krusell_smith as classical
from marketsai_lite.solutions.krusell_smith_model import Model, model
from marketsai_lite.solutions.krusell_smith_score import lorenz, score

COST = 250
CHAOTIC = True
UPDATES = 2_000
FAR = 50.0  # most wealth of an explorer above the limit, relative to k_ss
FEW: dict[str, Any] = {"n": 128, "explorers": 32, "copies": 32, "practise": 96}
GRIDS: dict[str, Any] = {"nk": 200, "n": 1_000, "span": (0.806, 1.256), "top": 52, "richest": 35}
PEOPLE = np.linspace(0.0, 1.0, 101) ** 0.5  # shares at which Lorenz curves are kept, dense above
LOOK = np.linspace(0.0, 1.0, 60) ** 3 * 300 - 2.399  # wealth, and
AT = 11.8  # mean capital, at which a policy is kept


def learn(
    economy,
    seed,
    updates=UPDATES,
    *,
    copies=4,
    practise=384,
    far=1.5,
    band=0.15,
    rate=1e-2,
    max_norm=0.1,
    average=0.995,
    hidden=(32, 32),
):
    """Climb utility and the worth of what is saved, a quarter at a time.

    Parameters
    ----------
    economy : PatientHouseholds
    seed : int
    updates : int
        Steps of the policy, and quarters that pass.
    copies : int
        Of the economy.
    practise : int
        Households of mass in each copy whose utility is climbed, drawn anew each quarter.
    far : float
        Standard deviation of the logarithm of explorers' wealth.
    band : float
        Where mean capital has left k_ss by a larger share, all wealth of the copy is scaled back.
    rate : float
        Learning rate at the start; it falls to a twentieth as a cosine.
    max_norm : float
        Longest gradient.
    average : float
        Weight of the past in the averaged network.
    hidden : tuple of int
        Widths of the hidden layers.

    Returns
    -------
    callable
        Observations (..., width) to actions (..., 1), of the averaged network.
    """
    import torch

    from marketsai_lite.deep import equations
    from marketsai_lite.deep.adam import Adam, vector
    from marketsai_lite.deep.networks import network
    from marketsai_lite.deep.train import initialization, streams
    from marketsai_lite.deep.world import one_thread
    from marketsai_lite.views.batch import Batch

    n, few = economy.n, economy.explorers
    require(
        updates=(updates, whole(updates, 1), "an integer >= 1"),
        practise=(practise, whole(practise, 1, n - few), f"an integer in [1, {n - few}]"),
        band=(band, 0 < number(band) < 1, "in (0, 1)"),
    )
    batch, rng = Batch(economy, copies), streams(seed, ("networks", "shocks", "explorers"))
    economy, state = batch.terms.economy, batch.reset(rng["shocks"])
    with initialization(rng["networks"]):
        net = network([batch.observe(state).shape[-1], *hidden, 1], gain=0.01)
    averaged, adam = copy.deepcopy(net).requires_grad_(False), Adam(net)
    θ_averaged, _ = vector(averaged)
    P, e_law = batch.exo.transition, batch.exo.own_transition
    e_law = e_law.unflatten(-1, (3, 2)).sum(-2)[:, :, :2]  # of employment, whatever the patience
    none = torch.zeros(copies, 1, 0)

    def eat(k, K, i):
        """Cash on hand, consumption and the return at wealth `k`, mean `K` and shocks `i`."""
        z = batch.exo.shocks(i)
        m = economy.market(K, z)
        cash = economy.cash(k, z, m)
        a = net(economy.seen(k, K, m, z, none[:, 0]))[..., 0]
        return cash, economy.consumption(k, cash, a), m[..., :1]

    def worth(k1, K1, i, i1):
        """Expected R' u'(c') (copies, households); patience tomorrow is drawn, in `i1`."""
        z, e, β1, total = i[:, :1], i[:, 1:] % 2, i1[:, 1:] // 2, 0.0
        for z1, e1 in np.ndindex(2, 2):
            _, c, R = eat(k1, K1, torch.cat([0 * z + z1, 2 * β1 + e1], 1))
            total = total + P[z, z1] * e_law[z, z1, e, e1] * R * c**-economy.γ
        return total

    def begin(x, i):
        """Mean capital in its band; explorers of any wealth and patience."""
        K = economy.mean(x) / economy.k_ss
        k = economy.wealth(x) * K.clip(1 - band, 1 + band) / K
        anywhere = (far * torch.randn(copies, few, generator=rng["explorers"])).exp()
        k[:, n - few :] = economy.limit + economy.k_ss * anywhere.clip(max=FAR)
        kinds = torch.randint(3, (copies, few), generator=rng["explorers"])
        i = torch.cat([i[:, : 1 + n - few], 2 * kinds + i[:, 1 + n - few :] % 2], 1)
        return torch.cat([k, x[:, n:]], 1).clip(economy.limit), i

    x, i = state.x, state.i
    with one_thread():
        for t in range(updates):
            with torch.no_grad():
                x, i = begin(x, i)
                k, K, z = economy.wealth(x), economy.mean(x), batch.exo.shocks(i)
                m = economy.market(x, z)
                a = net(economy.seen(k, K, m, z, economy.moments(x)))
                x1, _ = economy.step(x, z, a, m)
                i1 = batch.exo.next(i, batch.uniforms(rng["shocks"]).chains)
                K1, β = economy.mean(x1), economy.discount(x1, batch.exo.shocks(i1))
                who = torch.randperm(n - few, generator=rng["explorers"])[:practise]
                who = torch.cat([who, torch.arange(n - few, n)])
                at = torch.cat([torch.zeros(1, dtype=torch.long), 1 + who])
                price = β[:, who] * worth(economy.wealth(x1)[:, who], K1, i[:, at], i1[:, at])
            cash, c, _ = eat(k[:, who], K, i[:, at])
            gain = (economy.utility(c) + price * (cash - c)).mean()
            (-gain).backward()
            cosine = (1 + math.cos(math.pi * t / updates)) / 2
            adam.step(rate * (0.05 + 0.95 * cosine), max_norm)
            equations.polyak(θ_averaged, adam.θ, 1 - min(average, t / (t + 10)))
            x, i = x1, i1

    def act(o):
        with one_thread(), torch.no_grad():
            return averaged(torch.as_tensor(o, dtype=torch.float32)).double().numpy()

    return act


def consumption(economy, act):
    """The policy c(k, K, z, s) that goes with actions, as `score` takes it; s as in the model."""
    own = economy.exo.own_values

    def policy(k, K, z, s):
        k, K, z, s = (v[..., None] for v in np.broadcast_arrays(k, K, z, s))
        shocks = Shocks(np.concatenate([economy.Z[z], economy.u[z]], -1), own[s])
        m = economy.market(K, shocks)
        a = act(economy.seen(k, K, m, shocks, K[..., :0]))[..., 0]
        return economy.consumption(k, economy.cash(k, shocks, m), a)[..., 0]

    return policy


@functools.cache
def reference():
    """The classical solution, against which all are held."""
    return classical.solve(model(PatientHouseholds()), **GRIDS)


def owners(found, m: Model):
    """Shares of wealth (3,) that the impatient, the others and the patient own."""
    by = (found.D * found.x).sum(1).reshape(-1, 2).sum(1)
    return by / by.sum()


def examine(policy):
    """What a policy makes of the economy; distances, rules and gaps are in percent.

    "Lorenz" is the share of wealth of the poorest shares `PEOPLE`, "policy" consumption in good
    times of those with work, (3, wealth), one row for each patience.
    """
    solved = reference()
    m = solved.model
    found = score(policy, m, reference=solved, span=(0.7, 1.4), richest=GRIDS["richest"])
    at = np.log([11.3, 11.55, 11.8, 12.05, 12.3])
    return {
        "largest distance": found.distance[0],
        "distance": found.distance[1],
        "rule": 100 * np.abs((found.rule - solved.rule) @ [np.ones(5), at]).max(),
        "coefficients": found.rule,
        "unexplained": (1 - found.r2).max(),
        "largest forecast error": found.forecast[0],
        "forecast error": found.forecast[1],
        "Euler": found.euler[0],
        "gap": found.gap[0],
        "worst gap": found.gap[1],
        "Gini": found.gini,
        "top": found.top,
        "debtors": found.debtors,
        "owners": owners(found, m),
        "K": found.K,
        "sd": found.sd,
        "edge": found.edge,
        "Lorenz": np.interp(PEOPLE, *lorenz(found.D, found.x)).round(5),
        "policy": policy(LOOK, AT, 1, 2 * np.arange(3)[:, None] + 1).round(5),
    }


def cells():
    """Return ten seeds of large copies, five of small ones, short ones, and what needs no seed."""
    found: dict[str, dict[str, Any]] = {f"gradient, seed {k}": {"seed": k} for k in range(10)}
    found |= {f"few, seed {k}": {"seed": k, **FEW} for k in range(5)}
    found |= {f"short, seed {k}": {"seed": k, "updates": 30} for k in range(3)}
    return found | {"simple rule": {"updates": 0}, "classical": {"updates": None}}


def run(seed=0, updates=UPDATES, n=4_096, explorers=256, **changes):
    """Train and examine; without updates examine the simple rule, with None the classical one."""
    economy = PatientHouseholds(n=n, explorers=explorers)
    if updates is None:
        return examine(reference().policy)
    act = learn(economy, seed, updates, **changes) if updates else nothing
    return examine(consumption(economy, act))


def nothing(o):
    """Stay with the simple rule."""
    return np.zeros((*o.shape[:-1], 1))
