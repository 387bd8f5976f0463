"""Algorithmic collusion when the market or the learner is another: Δ of each session.

The markets are those of Calvano et al. (2020, section V and online appendix), the learners those
of the literature since. A case that takes long is cut into cells of a few sessions.
"""

from typing import Any

import numpy as np

from marketsai_lite.experiments._collusion import deterred_share, equilibrium_share, gains, market
from marketsai_lite.tabular.repeated_games import Sessions, learn

COST = 220
FIRST_SEED = 20_000
# Of each case: sessions, sessions in a cell, and what differs from the representative duopoly.
CASES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "3 firms": (200, 50, {"n": 3}),
    "4 firms": (40, 5, {"n": 4}),
    "memory 2": (100, 20, {"memory": 2}),
    **{f"cost {c2}": (200, 200, {"c2": c2}) for c2 in (0.875, 0.75, 0.625, 0.5, 0.25)},
    **{f"demand ± {x}": (200, 100, {"spread": x}) for x in (0.05, 0.15, 0.25)},
    **{
        f"β = {β}": (100, 100, {"β": β})
        for β in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
    },
    "no memory": (100, 100, {"memory": 0}),
    "no memory, β = 0": (200, 200, {"memory": 0, "β": 0.0, "α": 0.25, "decay": 1e-3}),
    "synchronous": (50, 50, {"synchronous": True}),
    "synchronous, β = 0": (20, 20, {"synchronous": True, "β": 0.0}),
    "start at 0": (100, 100, {"start": 0.0}),
    "start at 5": (100, 100, {"start": 5.0}),
    "start at 10, no exploration": (100, 100, {"start": 10.0, "decay": 100.0}),
    "random start": (100, 100, {"start": "random"}),
    "Boltzmann": (40, 40, {"α": 0.05, "decay": -float(np.log(0.999961)), "temperature": 1000.0}),
}


def cells():
    """Return the cells of all cases."""
    return {
        case if size == total else f"{case}, part {first // size + 1}": {
            "seeds": [FIRST_SEED + first, FIRST_SEED + first + size],
            **change,
        }
        for case, (total, size, change) in CASES.items()
        for first in range(0, total, size)
    }


def parts(case):
    """Return the names of a case's cells."""
    return [name for name in cells() if name == case or name.startswith(f"{case}, part ")]


def run(
    seeds,
    n=2,
    c2=1.0,
    spread=0.0,
    start=None,
    α=0.15,
    β=0.95,
    decay=4e-6,
    memory=1,
    synchronous=False,
    temperature=None,
):
    """Return Δ of each session and means over the sessions of one cell.

    `start` is a constant initial value, or "random" for uniform draws from [0, 10]. Constants are
    shaken by up to 1e-9, lest both firms break ties alike.
    """
    game = market(n, c2, spread)
    rates = dict(α=α, β=β, decay=decay, temperature=temperature)
    options = dict(**rates, memory=memory, synchronous=synchronous)
    demand = [1 / len(game.states)] * len(game.states)
    if start is None:
        sessions = learn(game.states, range(*seeds), demand=demand, threads=1, **options)
    else:
        ends = [
            learn(game.payoffs, [seed], q0=_tables(start, n, seed), threads=1, **options)
            for seed in range(*seeds)
        ]
        columns = list(zip(*ends, strict=True))[:4]
        policy, state, periods, converged = (np.concatenate(column) for column in columns)
        sessions = Sessions(policy, state, periods, converged, q=None)
    result = {
        "gain": gains(sessions, game),
        "periods": sessions.periods.mean(),
        "converged": sessions.converged.mean(),
        "equilibrium": equilibrium_share(sessions, game, β),
        "deterred": deterred_share(sessions, game, β),
    }
    if memory == 2:
        swapped = _transposed(sessions)
        result["gain_transposed"] = gains(swapped, game)
        result["equilibrium_transposed"] = equilibrium_share(swapped, game, β)
    return result


def _tables(start, n, seed):
    """Initial tables of one session."""
    draws = np.random.default_rng(seed).random((n, 15**n, 15))
    return 10 * draws if start == "random" else start + 1e-9 * draws


def _transposed(sessions):
    """Return sessions whose last states (t-1, t-2) × (firm 1, firm 2) are read in the wrong order.

    The authors' program writes the lags firm by firm within a lag and reads them lag by lag within
    a firm; with memory 1 the two are the same.
    """
    digits = np.array(np.unravel_index(sessions.state, (15,) * 4))[[0, 2, 1, 3]]
    return sessions._replace(state=np.ravel_multi_index(tuple(digits), (15,) * 4))
