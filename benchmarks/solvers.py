"""The solvers beside quantecon's ``DiscreteDP`` on the same problems.

Both stop by the same rule: ``tol`` here is ``epsilon / 2`` there, which bounds the distance to the
optimal value by ``tol``.
"""

import warnings

import numpy as np
from quantecon import rouwenhorst
from quantecon.markov import DiscreteDP
from scipy import sparse

from benchmarks.timing import Table, interleaved
from marketsai_lite.tabular.mdp import MDP
from marketsai_lite.tabular.solve import (
    optimistic_policy_iteration,
    policy_iteration,
    value_iteration,
)

EPSILON = 1e-3
TOL = EPSILON / 2


def savings_problem(resources: np.ndarray, k: np.ndarray, P: np.ndarray, β: float) -> MDP:
    """Return the problem of choosing next period's node of k, with utility log(resources - k').

    Parameters
    ----------
    resources : ndarray, shape (nx, nz)
    k : ndarray, shape (nx,)
    P : ndarray, shape (nz, nz)
    β : float
    """
    c = resources.reshape(-1, 1) - k
    r = np.log(np.where(c > 0, c, 1))
    index = np.tile(np.arange(len(k), dtype=np.int32)[None, :, None], (len(c), 1, 1))
    return MDP(r, index, weight=None, P=P, β=β, feasible=c > 0)


def growth_sized() -> MDP:
    """Return the deterministic growth problem with 2,000 nodes and as many choices."""
    k = np.linspace(1e-6, 2, 2000)
    return savings_problem(k[:, None] ** 0.65, k, np.ones((1, 1)), β=0.95)


def stochastic() -> MDP:
    """Return the growth problem with 400 nodes of capital and 5 of productivity."""
    α, β, δ = 0.36, 0.99, 0.025
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that its arguments were renamed once
        chain = rouwenhorst(n=5, rho=0.95, sigma=0.014)
    k = np.linspace(0.6, 1.4, 400) * (α / (1 / β - 1 + δ)) ** (1 / (1 - α))
    resources = np.exp(chain.state_values) * k[:, None] ** α + (1 - δ) * k[:, None]
    return savings_problem(resources, k, chain.P, β)


def renumbered(mdp: MDP) -> MDP:
    """Return the same problem with the feasible actions of each state in the opposite order.

    An action then leads to different nodes from different states, as in problems in general.
    """
    order = mdp.bounds[:, 1:] - 1 - np.arange(mdp.n_actions)
    r = np.take_along_axis(mdp.r, order % mdp.n_actions, axis=1)
    index = np.take_along_axis(mdp.index[:, :, 0], order % mdp.n_actions, axis=1)[:, :, None]
    return MDP(r, index, weight=None, P=mdp.P, β=mdp.β, feasible=order >= 0)


def discrete_dp(mdp: MDP) -> DiscreteDP:
    """Return the same problem in quantecon's format of state-action pairs."""
    s, a = np.nonzero(np.isfinite(mdp.r))
    nz = mdp.nz
    columns = mdp.index[s, a] * nz + np.arange(nz)
    rows = np.repeat(np.arange(len(s)), nz)
    Q = sparse.csr_matrix((mdp.P[s % nz].ravel(), (rows, columns.ravel())), (len(s), mdp.n_states))
    return DiscreteDP(mdp.r[s, a], Q, mdp.β, s, a)


def compare(title: str, mdp: MDP) -> Table:
    """Return times, ratios to quantecon's fastest, and errors against the exact solution."""
    theirs = discrete_dp(mdp)
    other = renumbered(mdp)
    exact = policy_iteration(mdp)
    start = mdp.r.max(axis=1) / (1 - mdp.β)

    def quantecon(method, **options):
        return lambda: theirs.solve(method=method, epsilon=EPSILON, max_iter=10_000, **options)

    runs = {
        "quantecon value iteration": quantecon("vi"),
        "quantecon policy iteration": quantecon("pi"),
        "quantecon modified policy iteration, k = 20": quantecon("mpi"),
        "quantecon modified policy iteration, k = 50": quantecon("mpi", k=50),
        "the same from our start": quantecon("mpi", k=50, v_init=start),
        "value iteration": lambda: value_iteration(mdp, tol=TOL),
        "policy iteration, exact": lambda: policy_iteration(mdp),
        "optimistic policy iteration": lambda: optimistic_policy_iteration(mdp, tol=TOL),
        "optimistic, actions renumbered": lambda: optimistic_policy_iteration(other, tol=TOL),
        "optimistic, monotone": lambda: optimistic_policy_iteration(mdp, tol=TOL, monotone=True),
    }
    seconds = interleaved(runs)
    reference = min(t for name, t in seconds.items() if name.startswith("quantecon"))
    rows = []
    for name, run in runs.items():
        solved = run()
        v, σ = (solved.v, solved.sigma) if hasattr(solved, "sigma") else (solved.v, solved.σ)
        if "renumbered" in name:
            σ = other.index[np.arange(mdp.n_states), σ, 0]
        rows.append(
            {
                "solver": name,
                "iterations": solved.num_iter if hasattr(solved, "num_iter") else solved.iterations,
                "milliseconds": round(1e3 * seconds[name], 3),
                "times quantecon's fastest": round(reference / seconds[name], 2),
                "largest error": float(f"{np.abs(v - exact.v).max():.1e}"),
                "policy, nodes off": int(np.abs(σ - exact.σ).max()),
            }
        )
    pairs = np.isfinite(mdp.r).sum()
    return Table(
        title,
        f"{mdp.n_states:,} states, {pairs:,} feasible pairs, β = {mdp.β}, epsilon = {EPSILON}; the "
        "errors are those against exact policy iteration; quantecon's fastest is from its start.",
        rows,
    )


def tables() -> list[Table]:
    return [
        compare("Solvers: the growth-sized problem", growth_sized()),
        compare("Solvers: growth with a Markov chain of productivity", stochastic()),
    ]
