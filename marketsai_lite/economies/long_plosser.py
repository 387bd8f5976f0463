r"""The multi-sector growth model of Long and Plosser (1983).

Sector i produces from all goods,

.. math:: Y_{i,t+1} = e^{\varepsilon_{i,t+1}} \prod_j X_{ij,t}^{A_{ij}}, \qquad
          C_{j,t} + \sum_i X_{ij,t} = Y_{j,t},

and the planner earns :math:`\sum_j \theta_j \log C_{j,t}`.  The optimal shares of each good are
constants with a closed form for any number of sectors (`marketsai_lite.solutions.long_plosser`):
the action has d² dimensions, the policy none.
"""

from dataclasses import dataclass, field

import numpy as np

from marketsai_lite.economies.growth import SPREAD
from marketsai_lite.economy import Box, Exogenous, like, namespace, own_chains
from marketsai_lite.require import array, number, require, whole

LOW, HIGH = -8.0, 4.0  # bounds of the actions


@dataclass(frozen=True, eq=False)
class LongPlosser:
    """d sectors that use each other's goods.

    State: log of each sector's output before its shock.  Shocks: each sector's own, independent in
    time.  Action: for each pair (i, j), row by row, log of d times the use of good j in sector i
    relative to the consumption of good j (`shares`).

    Parameters
    ----------
    A : array (d, d)
        Input elasticities.
    θ : array (d,) | None
        Weights of the goods in utility; None for equal ones.
    β : float
        Discount factor.
    σ : float
        Standard deviation of the shocks.
    nodes : int
        Of the Gauss-Hermite rule that replaces the normal distribution.

    Attributes
    ----------
    exo : Exogenous
        The shocks.
    ω : array (d,)
        Value of a unit of log output: ω = θ + β A'ω.
    x_ss : array (d,)
        Steady state without shocks, under optimal shares.
    """

    A: np.ndarray = field(default_factory=lambda: random_technology(2))
    θ: np.ndarray | None = None
    β: float = 0.96
    σ: float = 0.1
    nodes: int = 5
    exo: Exogenous = field(init=False)
    ω: np.ndarray = field(init=False)
    x_ss: np.ndarray = field(init=False)

    agents = ("planner",)

    def __post_init__(self):
        A = array("A", self.A).copy()
        d = len(A) if A.ndim else 0
        θ = np.full(d, 1 / max(d, 1)) if self.θ is None else array("θ", self.θ).copy()
        square = d > 0 and A.shape == (d, d) and (A > 0).all() and (A.sum(1) < 1).all()
        weights = θ.shape == (d,) and (θ > 0).all() and np.isfinite(θ).all()
        require(
            A=(self.A, square, "square and positive, with rows that sum to less than 1"),
            θ=(self.θ, weights, f"{d} positive numbers"),
            β=(self.β, 0 < number(self.β) < 1, "in (0, 1)"),
            σ=(self.σ, 0 <= number(self.σ) < np.inf, "non-negative"),
            nodes=(self.nodes, whole(self.nodes, 2), "an integer >= 2"),
        )
        object.__setattr__(self, "nodes", int(self.nodes))
        ε, weight = np.polynomial.hermite_e.hermegauss(self.nodes)
        shock = Exogenous(self.σ * ε[:, None], np.tile(weight / weight.sum(), (self.nodes, 1)))
        ω = np.linalg.solve(np.eye(d) - self.β * A.T, θ)
        share = self.β * ω[:, None] * A / ω
        for name, value in (
            ("A", A),
            ("θ", θ),
            ("ω", ω),
            ("x_ss", np.linalg.solve(np.eye(d) - A, (A * np.log(share)).sum(1))),
            ("exo", own_chains(shock, d)),
        ):
            object.__setattr__(self, name, value)

    @property
    def d(self):
        return len(self.A)

    @property
    def state(self):
        return tuple(f"log output of sector {i} before its shock" for i in range(self.d))

    @property
    def actions(self):
        return (Box(np.full(self.d**2, LOW), np.full(self.d**2, HIGH)),)

    def initial(self, u):
        return like(self.x_ss, u) + u - 0.5

    def step(self, x, z, a):
        xp = namespace(x)
        Y, (C, X) = xp.exp(x + z.own[..., 0]), self.shares(a)
        A, θ = like(self.A, x), like(self.θ, x)
        x1 = (A * xp.log(X * Y[..., None, :])).sum(-1)
        return x1, (θ * xp.log(C * Y)).sum(-1, keepdims=True)

    def observe(self, x, z):
        return ((x + z.own[..., 0] - like(self.x_ss, x)) / SPREAD)[..., None, :]

    def accounts(self, x, z, a):
        Y, (C, X) = namespace(x).exp(x + z.own[..., 0]), self.shares(a)
        return {
            "output": Y.sum(-1),
            "consumption": (C * Y).sum(-1),
            "intermediate use": (X * Y[..., None, :]).sum((-2, -1)),
        }

    def shares(self, a):
        """Shares of each good: consumed (..., d), and used in each sector (..., d, d).

        Entry (i, j) of the second is the share of good j that sector i uses.
        """
        xp = namespace(a)
        e = xp.exp(a[..., 0, :]).reshape(*a.shape[:-2], self.d, self.d) / self.d
        total = 1 + e.sum(-2)
        return 1 / total, e / total[..., None, :]


def random_technology(d, α=0.36, seed=None):
    """Input elasticities (d, d): rows α times a Dirichlet(2, ..., 2) draw, by default seed 100 + d.

    Parameters
    ----------
    d : int
        Number of sectors.
    α : float
        Sum of each row.
    seed : int, optional
        Seed of the draw.
    """
    rng = np.random.default_rng(100 + d if seed is None else seed)
    return α * rng.dirichlet(np.full(d, 2.0), size=d)
