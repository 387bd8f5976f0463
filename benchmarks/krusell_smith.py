"""Krusell and Smith's economy of 1998: our solver, HARK's and sequence-jacobian's linear one.

Each solves the economy of the paper's benchmark and is then examined by `krusell_smith_score`, on
one path of shocks that none of them was fitted to, beside our solution with finer grids.  HARK runs
its example, whose parameters are those of the paper: a panel of 10,000 households in place of our
histogram, the same 11,000 quarters of which 1,000 are dropped, other draws, and a tolerance of 1e-4
for the rule's coefficients.
sequence-jacobian linearizes around the economy without a cycle, in which 7 percent are unemployed
for two quarters on average; productivity and hours follow, and unemployment never gets riskier.

They are installed in an environment of their own; ``python -m benchmarks.krusell_smith`` measures
there and prints the table, which `tables` reads.  HARK needs minutes and gigabytes: what it found
is kept there and scored again by the next call.
"""

import importlib.metadata
import json
import os
import pickle
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.timing import Table
from marketsai_lite.economies.krusell_smith import krusell_smith_1998
from marketsai_lite.solutions import krusell_smith as ks
from marketsai_lite.solutions.krusell_smith_model import model, steady
from marketsai_lite.solutions.krusell_smith_score import score

HOME = Path(__file__).parent.parent
OUTSIDE = HOME / "_build" / "outside"
T, DROP = 11_000, 1_000
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
TITLE = "Krusell and Smith's economy of 1998"


def tables() -> list[Table]:
    """Measure in the environment that has HARK and sequence-jacobian."""
    done = subprocess.run(
        [OUTSIDE / "bin" / "python", "-m", "benchmarks.krusell_smith"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=HOME,
        env=os.environ | ONE_THREAD,
    )
    return [Table(**table) for table in json.loads(done.stdout)]


def solve_with_hark():
    """Its example as it comes: what it finds, and the CPU seconds that it takes.

    A rule says wealth kept as a function of what all have, both in logarithms.
    """
    from HARK.ConsumptionSaving.ConsAggShockModel import KrusellSmithEconomy, KrusellSmithType

    started = time.process_time()
    market, household = KrusellSmithEconomy(), KrusellSmithType()
    market.agents = [household]
    market.give_agent_params()
    market.make_Mrkv_history()
    market.solve()
    seconds = time.process_time() - started
    return {
        "seconds": seconds,
        "consumption": household.solution[0].cFunc,
        "rule": np.stack([market.intercept_prev, market.slope_prev], 1),
        "cash": np.array(market.history["Mnow"]),
        "saved": np.array(market.history["Aprev"]),
        "z": market.MrkvNow_hist,
    }


def household_of_hark(rule=None):
    """HARK's consumption for a rule (2, 2), or for its first guess, and CPU seconds."""
    from HARK.ConsumptionSaving.ConsAggShockModel import (
        AggregateSavingRule,
        KrusellSmithEconomy,
        KrusellSmithType,
    )

    started = time.process_time()
    market, household = KrusellSmithEconomy(act_T=100, T_discard=10), KrusellSmithType()
    market.agents = [household]
    if rule is not None:
        market.AFunc = [AggregateSavingRule(*line) for line in rule]
    market.give_agent_params()
    household.solve()
    return household.solution[0].cFunc, time.process_time() - started


def in_terms_of_cash(m, found):
    """A solution's rule as HARK has it: log K' in the log of R K + w L, in each aggregate state."""
    K, z = found.path[DROP:], found.z[DROP:]
    R, wage = (np.where(z == 0, *(m.prices(K, i)[j] for i in (0, 1))) for j in (0, 1))
    x, y = np.log(R * K + wage * m.L[z])[:-1], np.log(K)[1:]
    return np.array([np.polyfit(x[at], y[at], 1)[::-1] for at in (z[:-1] == 0, z[:-1] == 1)])


def difference(functions, others):
    """Largest relative difference of two lists of consumption functions."""
    cash, total = np.meshgrid(np.linspace(0.1, 50, 200), [5.0, 7.5, 12.0])
    pairs = zip(functions, others, strict=True)
    return max(float(np.abs(f(cash, total) / g(cash, total) - 1).max()) for f, g in pairs)


def kept(path, run):
    """What `run` returns, or returned once."""
    if not path.exists():
        path.write_bytes(pickle.dumps(run()))
    return pickle.loads(path.read_bytes())


def hark_policy(m, functions):
    """HARK's consumption, a function of own cash and of all cash, as c(k, K, z, s)."""

    def policy(k, K, z, s):
        k, K, z, s = np.broadcast_arrays(1.0 * k, 1.0 * K, z, s)
        R, wage = (np.empty(k.shape) for _ in range(2))
        for i in range(len(m.Z)):
            here = z == i
            R[here], wage[here] = m.prices(K[here], i)
        own, total = R * k + wage * m.labour[z, s], R * K + wage * m.L[z]
        c = np.empty(k.shape)
        for i in range(4):
            here = 2 * z + s == i
            c[here] = functions[i](own[here], total[here])
        return c

    return policy


def linear_model(m, nodes=500):
    """The economy without a cycle, in sequence-jacobian, and what it takes: CPU seconds.

    Returns
    -------
    seconds : float
        Of the steady state, the Jacobian and the response together.
    K : float
        Capital of the steady state.
    response : array (300,)
        Of capital at the end of each quarter, to Z up by one and hours with it, which fade by a
        quarter in each period, as they do on average where times turn once in eight.
    """
    from sequence_jacobian import create_model, grids, hetblocks, simple

    calm = steady(m, u=0.07, spell=2.0)
    hours, risk = calm.labour[0], calm.Q[0, 0]
    per_Z = (m.L[1] - m.L[0]) / (m.Z[1] - m.Z[0]) / calm.L[0]

    @simple
    def firm(K, L, Z, alpha, delta):
        r = alpha * Z * (K(-1) / L) ** (alpha - 1) - delta
        w = (1 - alpha) * Z * (K(-1) / L) ** alpha
        return r, w

    @simple
    def clearing(K, A):
        asset_mkt = A - K
        return asset_mkt

    def make_grids(top, n):
        a_grid, Pi = grids.asset_grid(0.0, top, n), risk
        return a_grid, Pi

    def income(w, L, L_ss):
        y = w * hours * L / L_ss + 1e-9
        return y

    started = time.process_time()
    household = hetblocks.hh_sim.hh.add_hetinputs([make_grids, income])
    economy = create_model([household, firm, clearing])
    given = dict(alpha=m.α, delta=m.δ, beta=m.β[0], eis=1 / m.γ, Z=1.0, L=calm.L[0])
    given |= dict(L_ss=calm.L[0], top=25 * calm.k_ss, n=nodes)
    ends = (1.002 * calm.k_ss, 1.02 * calm.k_ss)
    rest = economy.solve_steady_state(given, {"K": ends}, {"asset_mkt": 0.0}, solver="brentq")
    fade = (1 - 2 * m.P[0, 1]) ** np.arange(300)
    shocks = {"Z": fade, "L": per_Z * calm.L[0] * fade}
    found = economy.solve_impulse_linear(rest, ["K"], ["asset_mkt"], shocks)
    return time.process_time() - started, rest["K"], found["K"]


def linear_path(m, K, response, z):
    """Mean capital along `z` by the linear solution: each surprise, times the response to it."""
    Z = m.Z[z] - m.Z.mean()
    news = Z - np.r_[0.0, (1 - 2 * m.P[0, 1]) * Z[:-1]]
    moved = np.convolve(news, response)[: len(z)]
    return K + np.r_[0.0, moved[:-1]]


def measure() -> list[Table]:
    """Solve, time and score; without compilation, which a first run pays for."""
    m = model(krusell_smith_1998())
    fine = ks.solve(m, T=T, drop=DROP, nk=400, nK=12, n=2_000)
    ks.solve(m, T=300, drop=20, tol=0.1)
    started = time.process_time()
    ours = ks.solve(m, T=T, drop=DROP)
    seconds = time.process_time() - started
    options = dict(reference=fine, T=T, drop=DROP, n=2_000)
    exam = score(ours.policy, m, **options)
    rows = [row("this book, 500 nodes", seconds, exam, exam.path[DROP:].mean(), ours.r2)]

    version = importlib.metadata.version("econ-ark")
    hark = kept(OUTSIDE / "hark.pkl", solve_with_hark)
    x, y, z = np.log(hark["cash"][DROP - 1 : -1]), np.log(hark["saved"][DROP:]), hark["z"]
    times = (z[DROP - 1 : -1] == i for i in (0, 1))
    r2 = [np.corrcoef(x[at], y[at])[0, 1] ** 2 for at in times]
    first, _ = household_of_hark()
    off = difference(hark["consumption"], first)
    right, alone = household_of_hark(in_terms_of_cash(m, fine))
    for name, seconds, c, own, fit in (
        ("its example", hark["seconds"], hark["consumption"], hark["saved"][DROP:].mean(), r2),
        ("its household, told our rule", alone, right, None, None),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            judged = score(hark_policy(m, c), m, **options)
        line = row(
            f"HARK {version}, {name}", seconds, judged, own, judged.r2 if fit is None else fit
        )
        low, high = judged.path.min() / m.k_ss, judged.path.max() / m.k_ss
        if not 0.55 <= low <= high <= 1.5:  # it leaves what the examination tabulates
            line |= {k: None for k in ("mean K", *list(line)[5:])}
        rows.append(line)

    linear_model(m)
    seconds, K, response = linear_model(m)
    path = linear_path(m, K, response, exam.z)
    rule, r2, _ = ks.regress(path, exam.z, 2, DROP)
    largest, mean, _ = ks.den_haan(rule, exam.z[DROP:], path[DROP:])
    usual = score(fine.policy, m, **options).path
    apart = 100 * np.log(path / usual)[DROP:]
    version = importlib.metadata.version("sequence-jacobian")
    name = f"sequence-jacobian {version}, linear"
    line = exam._replace(
        rule=rule,
        forecast=(largest, mean),
        distance=(float(np.abs(apart).max()), float(apart.mean())),
        K=float(path[DROP:].mean()),
    )
    rows.append(row(name, seconds, line, None, r2))
    for key in ("Euler error, percent", "best-response gap, percent"):
        rows[-1][key] = None  # a path, and no policy outside the economy without a cycle
    load = os.getloadavg()[0]
    same = "are equal" if off == 0 else f"differ by {100 * off:.2g} percent at most"
    text = (
        f"{T:,} quarters, {DROP:,} dropped. CPU seconds of one process and thread, once, without "
        f"compilation, on a machine that others used too (load {load:.0f} at the end, on "
        f"{os.cpu_count()} processors), so that they are good to a factor and not to a percent. "
        "Mean capital as each program's own simulation has it, and under the examination's "
        "shocks; the path's distance is to that of our solution with 2,000 nodes under the same "
        "shocks, the largest and the mean; none is given where capital leaves 0.55 to 1.5 of its "
        "steady state. R² is the lower of the two regressions', HARK's of wealth kept on what all "
        "have. In HARK's example households solve their problem with the first guess of "
        f"the rule for ever: its policy and one solved for that guess alone {same}. In its second "
        "row its household solves its problem once, given the rule of our solution."
    )
    return [Table(TITLE, text, rows)]


def row(name, seconds, exam, own, r2):
    """One line of the table."""

    def short(x, digits=2):
        return float(f"{x:.{digits}g}")

    return {
        "program": name,
        "CPU seconds": short(seconds),
        "mean K, own simulation": None if own is None else round(float(own), 2),
        "mean K": round(exam.K, 2),
        "R²": float(np.round(min(r2), 7)),
        "Den Haan, largest percent": short(exam.forecast[0]),
        "path off by, largest percent": short(exam.distance[0]),
        "path off by, mean percent": short(exam.distance[1]),
        "Euler error, percent": short(100 * exam.euler[0]),
        "best-response gap, percent": short(exam.gap[0]),
    }


if __name__ == "__main__":
    print(json.dumps([table._asdict() for table in measure()], ensure_ascii=False))
