r"""Krusell and Smith's economy as one household of the continuum sees it.

`model` takes it from the `KrusellSmith` economy; `insured` and `steady` take away what makes it
hard; `stochastic_beta` is the second economy of the 1998 paper.
"""

from typing import NamedTuple

import numpy as np

from marketsai_lite.economies.krusell_smith import KrusellSmith
from marketsai_lite.economies.krusell_smith_patience import PatientHouseholds
from marketsai_lite.economy import stationary
from marketsai_lite.require import require
from marketsai_lite.solutions import krusell_smith_kernels as kernels


class Model(NamedTuple):
    """The economy as one household of the continuum sees it: nz aggregate and ns own states.

    Attributes
    ----------
    α, γ, δ : float
        Capital's share, risk aversion, depreciation.
    Z, L : array (nz,)
        Productivity and labour.
    P : array (nz, nz)
        Law of the aggregate state.
    Q : array (nz, nz, ns, ns)
        Law of the own state, given the aggregate state today and tomorrow.
    β : array (ns,)
        Discount factor, which may depend on the own state.
    labour, home : array (nz, ns) and (ns,)
        Income: so many wages, and so many goods whatever the wage.
    limit : float
        Least wealth.
    k_ss : float
        Of complete markets without shocks: the scale of all grids.
    """

    α: float
    γ: float
    δ: float
    Z: np.ndarray
    L: np.ndarray
    P: np.ndarray
    Q: np.ndarray
    β: np.ndarray
    labour: np.ndarray
    home: np.ndarray
    limit: float
    k_ss: float

    def prices(self, K, z):
        """Gross return and wage at mean capital `K` in aggregate state `z`."""
        return kernels.prices(self.Z[z], self.L[z], K, self.α, self.δ)

    def income(self, K, z, s):
        """Income in own state `s`."""
        return self.prices(K, z)[1] * self.labour[z, s] + self.home[s]

    def joint(self):
        """Law of the aggregate and own state together: (nz ns, nz ns)."""
        size = self.labour.size
        return (self.P[:, None, :, None] * self.Q.transpose(0, 2, 1, 3)).reshape(size, size)

    def shares(self):
        """Share of households in each own state, given the aggregate state: (nz, ns)."""
        π = stationary(self.joint()).reshape(self.labour.shape)
        return π / π.sum(1, keepdims=True)

    def horizon(self):
        """What one unit in each period for ever is worth, (nz, ns): 1 / (1 - β) if β stays."""
        size = self.labour.size
        β = np.tile(self.β, len(self.Z))[:, None]
        return np.linalg.solve(np.eye(size) - β * self.joint(), np.ones(size)).reshape(
            self.labour.shape
        )


def model(economy):
    """Return a `KrusellSmith` economy as one of very many households sees it.

    Of `PatientHouseholds` the own states are, for each discount factor, unemployed and employed.
    """
    require(economy=(economy, isinstance(economy, KrusellSmith), "a KrusellSmith economy"))
    L = economy.l * (1 - economy.u)
    worked = economy.l - economy.μ * economy.u / (1 - economy.u)
    labour = np.stack([np.full(2, economy.μ), worked], 1)
    β, home, limit = np.full(2, economy.β), np.zeros(2), 0.0
    if isinstance(economy, PatientHouseholds):
        β, labour = np.repeat(np.array(economy.betas, dtype=float), 2), np.tile(labour, (1, 3))
        home, limit = np.tile([economy.home, 0.0], 3), float(economy.limit)
    return Model(
        economy.α,
        float(economy.γ),
        economy.δ,
        economy.Z,
        L,
        economy.exo.transition,
        economy.exo.own_transition,
        β,
        labour,
        home,
        limit,
        economy.k_ss,
    )


def insured(m):
    """The same without own risk: everybody earns the mean, as if markets were complete."""
    nz = len(m.Z)
    return m._replace(
        Q=np.ones((nz, nz, 1, 1)), β=m.β[:1], labour=m.L[:, None], home=np.zeros(1), limit=0.0
    )


def steady(m, u, spell):
    """The same without a cycle, as in Aiyagari (1994): Z = 1, and one law of unemployment.

    Parameters
    ----------
    m : Model
        With two own states, unemployed and employed.
    u : float
        Rate of unemployment.
    spell : float
        Mean number of periods that it lasts.
    """
    found = u / (spell * (1 - u))
    Q = np.broadcast_to([[1 - 1 / spell, 1 / spell], [found, 1 - found]], m.Q.shape)
    hours, μ = (m.L / (m.shares() @ [0, 1]))[0], m.labour[0, 0]
    nz = len(m.Z)
    labour = np.tile([μ, hours - μ * u / (1 - u)], (nz, 1))
    return m._replace(Z=np.ones(nz), L=np.full(nz, hours * (1 - u)), Q=Q, labour=labour)


def stochastic_beta(betas=(0.9858, 0.9894, 0.9930), extreme=0.1, lasts=200.0):
    """The second economy of Krusell and Smith (1998): patience is drawn anew once in a lifetime.

    An unemployed household has .07 goods whatever the wage, and wealth may fall to -2.4.  Patience
    and employment move independently of each other.

    Parameters
    ----------
    betas : (float, float, float)
        Discount factors; nobody jumps between the first and the last.
    extreme : float
        Share of households with the first, and with the last.
    lasts : float
        Mean number of periods for which these last.

    Returns
    -------
    Model
        With six own states: for each discount factor, unemployed and employed.
    """
    return model(PatientHouseholds(betas=betas, extreme=extreme, lasts=lasts))


def adds_up(m):
    """Refuse a model whose own states do not go with its labour."""
    shares = m.shares()
    then = np.einsum("zs,zyst->zyt", shares, m.Q)
    law = "such that the share of each own state depends on the aggregate state alone"
    require(Q=(m.Q, np.allclose(then, shares[None], 0, 1e-6), law))
    paid = (shares * m.labour).sum(1)
    right = f"{paid}, the labour of those who work, so that wages add up to w L"
    require(L=(m.L, np.allclose(paid, m.L, 1e-6), right))
