r"""Households of Krusell and Smith's economy learn what to save, and nobody tells them its law.

They share one network, which moves a simple first rule of consumption.  `learn` climbs the
discounted utility of T quarters through the known economy, the analytic policy gradient.  What mean
capital and prices do is *detached*: a household is too small to move them.  The wealth k that is
left is worth its shadow price (the envelope theorem), expected over the shocks of the next quarter,

.. math:: \sum_{t<T} \beta^t u(c_t) + \beta^T \mathbb{E}_{T-1} [R_T\, u'(c_T)]\, k_T ,

where the expectation is computed from what the household would eat next, and carries no gradient.

Every policy goes through the examination of `solutions/krusell_smith_score`.  What a household sees
is varied: without mean capital, or a price that reveals it, the cycle of capital is far too large,
and the forecasting rule fits as well as ever.
"""

import copy
import dataclasses
import functools
import math
from typing import Any

import numpy as np

from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economies.krusell_smith_households import Households
from marketsai_lite.economy import Shocks
from marketsai_lite.require import number, require, whole
from marketsai_lite.solutions import krusell_smith as classical
from marketsai_lite.solutions.krusell_smith_score import score

COST = 600
CHAOTIC = True
UPDATES = 2_000
# of the gradient with full sight: more households, and no kink to begin with
CROWD: dict[str, Any] = {"start": "means", "n": 128, "explorers": 32, "updates": 800}
CROWD |= {"average": 0.995}
BLIND: dict[str, Any] = {"updates": 500, "band": 0.3}  # who does not see K lets it wander
LONGER = 2_000  # updates of those who see their own wealth alone, once more
# Of prices that are given and not.  Nobody explores, since a planner adds up everybody.
PATHS: dict[str, Any] = {"start": "means", "n": 96, "explorers": 0, "updates": 200, "band": 0.3}
PATHS |= {"periods": 24, "copies": 16, "rate": 2e-3}
PAIRS = 10
SEEN = {
    "own state and K": ("k", "e", "z", "K"),
    "own state and R": ("k", "e", "R"),
    "own state and z": ("k", "e", "z"),
    "own wealth": ("k",),
}
FURTHER = {
    "own state and K": ("k", "e", "z", "K"),
    "second moment": ("k", "e", "z", "K", "V"),
    "distribution": ("k", "e", "z", "K", "D"),
}
MEANS = np.log([37, 38, 39.3, 40, 41])  # mean capital at which two rules are compared
AT = 39.3  # mean capital, and
LOOK = np.linspace(0.0, 1.0, 60) ** 2 * 150  # wealth, at which a policy is kept
NOTHING = np.zeros((2, 2, 0))
PART = slice(1_000, 2_000, 5)  # of the path of the examination


def learn(
    economy,
    seed,
    updates=UPDATES,
    *,
    copies=32,
    periods=1,
    given="prices",
    band=0.12,
    rate=1e-2,
    max_norm=0.1,
    average=0.99,
    hidden=(32, 32),
):
    """Climb the discounted utility of a few quarters, again and again, through the known economy.

    Parameters
    ----------
    economy : Households
    seed : int
    updates : int
        Steps of the policy.
    copies : int
        Of the economy.
    periods : int
        Quarters through which a gradient runs.
    given : str
        "prices": mean capital and prices carry no gradient; "nothing": they do, and households
        who share a network are a planner.
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

    require(
        updates=(updates, whole(updates, 1), "an integer >= 1"),
        periods=(periods, whole(periods, 1), "an integer >= 1"),
        given=(given, given in ("prices", "nothing"), "'prices' or 'nothing'"),
        band=(band, 0 < number(band) < 1, "in (0, 1)"),
    )
    batch, rng = Batch(economy, copies), streams(seed, ("networks", "shocks", "explorers"))
    β, few, economy = economy.β, economy.explorers, batch.terms.economy
    state = batch.reset(rng["shocks"])
    P, Q = batch.exo.transition, batch.exo.own_transition
    width = batch.observe(state).shape[-1]
    with initialization(rng["networks"]):
        net = network([width, *hidden, 1], gain=0.01)
    averaged, adam = copy.deepcopy(net).requires_grad_(False), Adam(net)
    θ_averaged, _ = vector(averaged)

    def choose(x, i):
        """Cash on hand, consumption and return, at wealth `x`."""
        z, K = batch.exo.shocks(i), economy.mean(x)
        moments = economy.moments(x).detach()
        m = economy.market(x, z)
        if given == "prices":
            K, m = K.detach(), m.detach()
        cash = economy.cash(x, z, m)
        a = net(economy.seen(x, K, m, z, moments))[..., 0]
        return cash, economy.consumption(x, cash, a), m[..., :1]

    @torch.no_grad()
    def shadow_price(x, i):
        """What a unit of wealth `x` should be worth after shocks `i`."""
        z, e, worth = i[:, :1], i[:, 1:], 0.0
        for z1, e1 in np.ndindex(2, 2):
            _, c, R = choose(x, torch.cat([0 * z + z1, 0 * e + e1], 1))
            worth = worth + P[z, z1] * Q[z, z1, e, e1] * R * c**-economy.γ
        return worth

    @torch.no_grad()
    def begin(x):
        """Wealth as a path starts: mean in a band, explorers anywhere."""
        K = economy.mean(x) / economy.k_ss
        x = x * K.clip(1 - band, 1 + band) / K
        far = torch.randn(copies, few, generator=rng["explorers"])
        near = x[:, : economy.n - few]
        return torch.cat([near, economy.k_ss * far.exp()], 1)

    x, i = state.x, state.i
    with one_thread():
        for k in range(updates):
            x, gain = begin(x.detach()), 0.0
            for t in range(periods):
                cash, c, _ = choose(x, i)
                gain = gain + β**t * economy.utility(c)
                x, today = cash - c, i
                i = batch.exo.next(i, batch.uniforms(rng["shocks"]).chains)
            gain = gain + β**periods * shadow_price(x, today) * x
            (-gain.mean()).backward()
            cosine = (1 + math.cos(math.pi * k / updates)) / 2
            adam.step(rate * (0.05 + 0.95 * cosine), max_norm)
            recent = 1 - min(average, k / (k + 10))
            equations.polyak(θ_averaged, adam.θ, recent)

    def act(o):
        with one_thread(), torch.no_grad():
            return averaged(torch.as_tensor(o, dtype=torch.float32)).double().numpy()

    return act


def consumption(economy, act, told=NOTHING):
    """The policy c(k, K, z, s) that goes with actions, as `score` takes it.

    Moments of the distribution beyond K are those that `told`, of shape (2, 2, moments), gives:
    intercept and slope in log K, in each aggregate state.
    """

    def policy(k, K, z, s):
        k, K, z, s = (v[..., None] for v in np.broadcast_arrays(k, K, z, s))
        shocks = Shocks(np.concatenate([economy.Z[z], economy.u[z]], -1), 1.0 * s[..., None])
        m = KrusellSmith.market(economy, K, shocks, None)
        moments = told[z[..., 0], 0] + told[z[..., 0], 1] * np.log(K)
        a = act(economy.seen(k, K, m, shocks, moments))[..., 0]
        return economy.consumption(k, economy.cash(k, shocks, m), a)[..., 0]

    return policy


def moments_told(economy, act, copies=4, households=1_000, quarters=1_000, drop=300):
    """What log K tells of the moments that households see, in a panel that follows `act`.

    Returns
    -------
    array (2, 2, moments)
        Intercept and slope in log K, in each aggregate state.
    """
    import torch

    from marketsai_lite.views.batch import Batch

    crowd = dataclasses.replace(economy, n=households, explorers=0)
    batch, generator = Batch(crowd, copies), torch.Generator().manual_seed(0)
    state, rows = batch.reset(generator), []
    for _ in range(quarters):
        seen = batch.observe(state)
        times = (batch.shocks(state).aggregate[:, :1] > 1).double()
        rows.append(torch.cat([times, crowd.mean(state.x).log(), crowd.moments(state.x)], 1))
        actions = torch.as_tensor(act(seen), dtype=batch.dtype)
        state = batch.advance(state, actions, batch.uniforms(generator)).state
    times, K, *moments = torch.cat(rows[drop:]).double().numpy().T
    line, found = np.stack([np.ones_like(K), K], 1), []
    for z in (0, 1):
        at = times == z
        found.append(np.linalg.lstsq(line[at], np.stack(moments, 1)[at], rcond=None)[0])
    return np.array(found)


@functools.cache
def reference():
    """The classical solution, against which all are held."""
    return classical.solve(KrusellSmith(), nk=200, n=1_000, richest=12.7)


def examine(economy, act, pictures=True):
    """What a policy makes of the economy, in numbers and, if wanted, in arrays for figures.

    Distances, rules and gaps are in percent; "policy" is consumption (z, e, wealth) at `LOOK`, and
    "path" every fifth quarter of mean capital in a part of the examination.
    """
    beyond = {"V", "D"} & set(economy.sees)
    told = moments_told(economy, act) if beyond else NOTHING
    policy, solved = consumption(economy, act, told), reference()
    found = score(policy, economy, reference=solved)
    numbers = {
        "largest distance": found.distance[0],
        "distance": found.distance[1],
        "rule": 100 * np.abs((found.rule - solved.rule) @ [np.ones(5), MEANS]).max(),
        "unexplained": (1 - found.r2).max(),
        "largest forecast error": found.forecast[0],
        "forecast error": found.forecast[1],
        "Euler": found.euler[0],
        "gap": found.gap[0],
        "worst gap": found.gap[1],
        "Gini": found.gini,
        "K": found.K,
        "sd": found.sd,
        "edge": found.edge,
    }
    if not pictures:
        return numbers
    z, e = np.ix_((0, 1), (0, 1))
    shown = {"path": found.path[PART], "coefficients": found.rule}
    shown |= {"policy": policy(LOOK, AT, z[..., None], e[..., None])}
    return {**numbers, **{k: v.round(5) for k, v in shown.items()}}


def cells():
    """Return five seeds of each kind of sight, ten of prices given and not, and short cells.

    Seeds of "prices given" and "prices not given" are pairs: first weights and shocks are the same.
    Planners who learn for half as long show whether the others had come to rest.  Who sees beyond K
    is trained briefly, and so is who sees K alone, to be set beside them.
    """
    found: dict[str, dict[str, Any]] = {}
    for sees in SEEN:
        for seed in range(5):
            given = CROWD if "K" in SEEN[sees] else {}
            found[f"{sees}, seed {seed}"] = {"sees": sees, "seed": seed, **given}
    for seed in range(5):
        longer = {"sees": "own wealth", "seed": seed, "updates": LONGER}
        found[f"longer, own wealth, seed {seed}"] = longer
    for seed in range(PAIRS):
        pair = {**PATHS, "seed": seed}
        found[f"prices given, seed {seed}"] = {**pair, "given": "prices"}
        found[f"prices not given, seed {seed}"] = {**pair, "given": "nothing"}
    half = {**PATHS, "given": "nothing", "updates": PATHS["updates"] // 2}
    for seed in range(5):
        found[f"half as long, seed {seed}"] = {**half, "seed": seed}
    for sees in FURTHER:
        for seed in range(5):
            given = {"sees": sees, "seed": seed, "start": "means", "updates": 200}
            found[f"brief, {sees}, seed {seed}"] = given
    return found | {f"short, seed {seed}": {"seed": seed, "updates": 20} for seed in range(5)}


def run(seed, sees="own state and K", start="income", n=64, explorers=16, **changes):
    """Train and examine; see `examine`."""
    economy = Households(n=n, explorers=explorers, sees={**SEEN, **FURTHER}[sees], start=start)
    blind = {} if "K" in economy.sees else BLIND
    act = learn(economy, seed, **{**blind, **changes})
    return examine(economy, act, pictures=changes.get("updates", UPDATES) > 300)
