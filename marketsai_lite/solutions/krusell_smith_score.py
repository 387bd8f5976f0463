r"""One examination for every policy of Krusell and Smith's economy, classical or learned.

A policy is a function c(k, K, z, s) from arrays of one shape (wealth, mean capital, aggregate and
own state, in that order) to consumption.  Everybody follows it through the same shocks, and then
is asked

- which forecasting rule describes mean capital, and how well (R², which is nearly always perfect),
- how far that rule alone strays from the path (Den Haan, 2010),
- how far the path is from that of the classical solution,
- by how much consumption misses the Euler equation, in shares of itself; where the limit binds,
  the equation asks to consume all there is,
- what a household would pay, as a share of its consumption for ever, to respond best to the rule
  that the others make: the best-response gap, zero in equilibrium and nowhere else,
- how wealth is distributed.
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.require import require, whole
from marketsai_lite.solutions import krusell_smith as classical
from marketsai_lite.solutions import krusell_smith_kernels as kernels
from marketsai_lite.solutions.krusell_smith_model import Model, model
from marketsai_lite.solutions.scores import consumption_equivalent

ASKED = {  # what a solution must do; R² is not among it, since it rejects nothing
    "forecast": 0.3,  # percent, at most
    "distance": 0.5,  # percent, at most
    "euler": 4e-4,  # on average
    "gap": 0.01,  # percent of consumption, on average
}
TOPS = (0.01, 0.05, 0.10, 0.20, 0.30)
FEW = 1e-8  # of all people: where fewer are, nobody is
RICHEST = 12.7  # top of the histogram, relative to k_ss


class Score(NamedTuple):
    """What a policy makes of the economy.

    Attributes
    ----------
    rule : array (nz, 2)
        Intercept and slope of log K' in log K, in each aggregate state.
    r2, σ : array (nz,)
        Share of the variance that it explains, and its residual's standard deviation.
    forecast : (float, float)
        Largest and mean error of the rule alone, in percent.
    distance : (float, float)
        Largest absolute and mean difference of the path from the classical one, in percent.
    K, sd : float
        Mean and standard deviation of mean capital.
    euler : (float, float, float)
        Euler error: mean, base 10 logarithm of the mean, and 99th percentile of the households.
    gap : (float, float)
        Best-response gap in percent of consumption: mean, and of the worst-off household.
    gini, spread : float
        Gini coefficient and standard deviation of wealth.
    top : array (5,)
        Share of wealth of the richest 1, 5, 10, 20 and 30 percent.
    debtors : float
        Share of households with less than nothing.
    edge : float
        Share of households at the end of the histogram.
    path, z : array (T,)
        Mean capital and aggregate states.
    D, x : array (ns, n) and (n,)
        Mean distribution, and the nodes of wealth.
    """

    rule: np.ndarray
    r2: np.ndarray
    σ: np.ndarray
    forecast: tuple[float, float]
    distance: tuple[float, float]
    K: float
    sd: float
    euler: tuple[float, float, float]
    gap: tuple[float, float]
    gini: float
    spread: float
    top: np.ndarray
    debtors: float
    edge: float
    path: np.ndarray
    z: np.ndarray
    D: np.ndarray
    x: np.ndarray


def score(
    policy,
    economy,
    *,
    reference=None,
    T=11_000,
    drop=1_000,
    seed=1,
    n=1_000,
    looks=40,
    span=(0.55, 1.5),
    richest=RICHEST,
):
    """Examine a policy.

    Parameters
    ----------
    policy : callable
        c(k, K, z, s), as above.  Who would break the limit of wealth eats up to it.
    economy : KrusellSmith or Model
        Where it is followed.
    reference : Equilibrium, optional
        The classical solution, with whose last distribution all begins; solved for if not given.
    T, drop : int
        Periods, and how many of them are left out at the beginning.
    seed : int
        Of the aggregate shocks.
    n : int
        Nodes of the histogram.
    looks : int
        Periods in which households are asked, spread evenly.
    span : (float, float)
        Mean capital that is tabulated, relative to k_ss; beyond it households do as at its end.
    richest : float
        Top of the histogram, relative to k_ss.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If an option is out of range, or the policy returns another shape, or anything but positive
        numbers.
    """
    m = economy if isinstance(economy, Model) else model(economy)
    require(
        policy=(policy, callable(policy), "a function c(k, K, z, s)"),
        T=(T, whole(T, 20), "an integer >= 20"),
        n=(n, whole(n, 10), "an integer >= 10"),
        seed=(seed, whole(seed, 0), "an integer >= 0"),
    )
    require(
        drop=(drop, whole(drop, 0, T - 10), f"an integer in [0, {T - 10}]"),
        looks=(looks, whole(looks, 1, T - drop - 1), f"an integer in [1, {T - drop - 1}]"),
    )
    reference = classical.solve(m) if reference is None else reference
    x = classical.power_grid(m, n, richest, 3)
    K = m.k_ss * np.linspace(span[0], span[1], 24)
    z = classical.aggregate_path(m, T, seed)
    keep = np.linspace(drop, T - 2, looks).astype(np.int64)
    D = rebinned(reference.D, reference.x, x)
    D *= (m.shares()[z[0]] / D.sum(1))[:, None]
    path, Ds = _follow(m, policy, K, x, z, D, keep)
    usual, _ = _follow(m, reference.policy, K, x, z, D, keep)
    rule, r2, σ = classical.regress(path, z, len(m.Z), drop)
    largest, mean, _ = classical.den_haan(rule, z[drop:], path[drop:])
    apart = 100 * np.log(path / usual)[drop:]
    D = Ds.mean(0)
    people, wealth = lorenz(D, x)
    average = float((D * x).sum())
    return Score(
        rule,
        r2,
        σ,
        (largest, mean),
        (float(np.abs(apart).max()), float(apart.mean())),
        float(path[drop:].mean()),
        float(path[drop:].std()),
        _euler(m, policy, path, z, keep, Ds, x),
        _gap(m, policy, reference, rule, path[drop:], path[keep], z[keep], Ds, x),
        float(1 - ((wealth[1:] + wealth[:-1]) * np.diff(people)).sum()),
        float(np.sqrt((D * (x - average) ** 2).sum())),
        1 - np.interp(1 - np.array(TOPS), people, wealth),
        float(D[:, x < 0].sum()),
        float(D[:, -1].sum()),
        path,
        z,
        D,
        x,
    )


def faults(found, asked=ASKED):
    """The measures that a policy fails, and by how much.

    Parameters
    ----------
    found : Score
        From `score`.
    asked : dict
        The largest permitted error of the forecast and distance of the path, and the mean Euler
        error and best-response gap.

    Returns
    -------
    dict
        For each measure that is missed, what was found over what is permitted.
    """
    here = {
        "forecast": found.forecast[0],
        "distance": found.distance[0],
        "euler": found.euler[0],
        "gap": found.gap[0],
    }
    return {k: here[k] / most for k, most in asked.items() if not here[k] <= most}


def lorenz(D, x):
    """The Lorenz curve: shares of people, from the poorest on, and of the wealth that they own."""
    people = D.sum(0)
    people, wealth = (np.r_[0, np.cumsum(v)] for v in (people, people * x))
    return people / people[-1], wealth / wealth[-1]


def rebinned(D, old, x):
    """The distribution D (ns, n) on other nodes, with its mean but for what lies beyond them."""
    y = np.clip(old, x[0], x[-1])
    j = np.clip(np.searchsorted(x, y) - 1, 0, len(x) - 2)
    f = (y - x[j]) / (x[j + 1] - x[j])
    new = np.zeros((len(D), len(x)))
    for s in range(len(D)):
        np.add.at(new[s], j, (1 - f) * D[s])
        np.add.at(new[s], j + 1, f * D[s])
    return new


def off_law(z, P):
    """By how many standard errors the moves of a path `z` (T,) differ most from a chain `P`.

    A cycle that is decided otherwise than by the chain shows here, and in no reward.
    """
    moves = np.zeros(P.shape)
    np.add.at(moves, (z[:-1], z[1:]), 1)
    seen = moves.sum(1, keepdims=True)
    error = np.sqrt(np.maximum(seen * P * (1 - P), 1e-12))
    return float(np.abs((moves - seen * P) / error).max())


def _eaten(m, policy, k, K, z, s):
    """Consumption by the policy at arrays of one shape, and cash on hand."""
    k, K, z, s = (v.copy() for v in np.broadcast_arrays(1.0 * k, 1.0 * K, z, s))
    ratio = K / m.L[z]
    R = 1 - m.δ + m.α * m.Z[z] * ratio ** (m.α - 1)
    wage = (1 - m.α) * m.Z[z] * ratio**m.α
    cash = R * k + wage * m.labour[z, s] + m.home[s]
    c = np.asarray(policy(k, K, z, s), dtype=float)
    right = c.shape == k.shape and np.isfinite(c).all() and bool((c > 0).all())
    require(policy=(c, right, f"positive numbers of shape {k.shape}"))
    return np.minimum(c, cash - m.limit - 1e-9), cash


def _table(m, policy, k, K):
    """Consumption and cash on hand on a grid, (nz, nK, ns, nk)."""
    nz, ns = m.labour.shape
    z, mean, s, at = np.meshgrid(range(nz), K, range(ns), k, indexing="ij")
    return _eaten(m, policy, at, mean, z, s)


def _follow(m, policy, K, x, z, D, keep):
    c, cash = _table(m, policy, x, K)
    path, _, Ds = classical.simulate(m, cash - c, K, x, z, D, keep)
    return path, Ds


def _euler(m, policy, path, z, keep, Ds, x):
    """Mean Euler error, its logarithm, and the 99th percentile, weighted by the households."""
    ns, nz = len(m.β), len(m.Z)
    s = np.arange(ns)[:, None]
    errors = np.empty_like(Ds)
    for of, t in enumerate(keep):
        c, cash = _eaten(m, policy, x, path[t], z[t], s)
        right = np.zeros_like(c)
        for z1, s1 in np.ndindex(nz, ns):
            then, _ = _eaten(m, policy, cash - c, path[t + 1], z1, s1)
            R1, _ = m.prices(path[t + 1], z1)
            p = (m.β * m.P[z[t], z1] * m.Q[z[t], z1, :, s1])[:, None]
            right += p * R1 * then**-m.γ
        best = np.minimum(right ** (-1 / m.γ), cash - m.limit)
        errors[of] = np.abs(best / c - 1)
    mean = float((errors * Ds).sum() / Ds.sum())
    order = np.argsort(errors, axis=None)
    below = np.cumsum(Ds.ravel()[order]) / Ds.sum()
    high = errors.ravel()[order][np.searchsorted(below, 0.99)]
    return mean, float(np.log10(mean)), float(high)


def _gap(m, policy, reference, rule, path, means, z, Ds, x):
    """Best-response gap, mean and largest, in percent of consumption."""
    k = classical.power_grid(m, 500, max(25.0, 1.5 * x[-1] / m.k_ss), 4)
    K = np.linspace(0.97 * path.min(), 1.03 * path.max(), 10)
    E, ns = tuple(m)[:10], len(m.β)
    guess, _ = _table(m, reference.policy, k, K)
    best, _ = classical.respond(m, rule, guess, k, K, x)
    values = []
    for c in (best, _table(m, policy, k, K)[0]):
        v = np.zeros_like(c)
        kernels.policy_value(c, k, K, rule, E, v, 1e-7, 5_000)
        values.append(v)
    s, horizon = np.arange(ns)[:, None], m.horizon()
    at = np.broadcast_arrays(x[None], s)
    gaps = np.empty_like(Ds)
    for of, t in enumerate(z):
        flat = (
            np.full(x.size * ns, t),
            at[1].ravel(),
            at[0].ravel(),
            np.full(x.size * ns, means[of]),
        )
        v, own = (kernels.consume(v, k, K, *flat).reshape(ns, -1) for v in values)
        for i in range(ns):
            β = 1 - 1 / horizon[t, i]  # since β may move
            gaps[of, i] = consumption_equivalent(v[i], v[i] - own[i], β, m.γ)
    mean = (gaps * Ds).sum() / Ds.sum()
    return 100 * float(mean), 100 * float(gaps[Ds > FEW].max())
