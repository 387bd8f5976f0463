"""Random decision problems, and the operators on them by their definitions."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from marketsai_lite.tabular.mdp import MDP

settings.register_profile("compiled", deadline=None)  # a first call compiles
settings.load_profile("compiled")


def random_mdp(rng, nx, nz, A, K, *, β=0.9, masked=False, common=False, coarse=False):
    """Return a problem with random rewards, lotteries and chain; with ties if coarse."""
    S = nx * nz
    r = rng.normal(size=(S, A))
    if coarse:
        r = np.round(r)
    index = rng.integers(nx, size=(S, A, K))
    weight = rng.dirichlet(np.ones(K), size=(S, A))
    if common:
        index, weight = (np.tile(x[:nz], (nx, 1, 1)) for x in (index, weight))
    feasible = None
    if masked:
        feasible = rng.random((S, A)) < 0.6
        feasible[np.arange(S), rng.integers(A, size=S)] = True
        r[~feasible] = np.nan
    P = rng.dirichlet(np.ones(nz), size=nz)
    return MDP(r, index, weight if K > 1 else None, P, β, feasible)


@st.composite
def mdps(draw):
    """Problems of all shapes, with 1 to 150 actions."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random_mdp(
        rng,
        nx=draw(st.integers(1, 6)),
        nz=draw(st.integers(1, 3)),
        A=draw(st.sampled_from([1, 2, 5, 64, 65, 150])),
        K=draw(st.integers(1, 3)),
        β=draw(st.sampled_from([0.0, 0.5, 0.95])),
        masked=draw(st.booleans()),
        common=draw(st.booleans()),
        coarse=draw(st.booleans()),
    )


def dense(mdp):
    """Return the transition array (S, A, S), entry by entry."""
    S, A = mdp.r.shape
    p = np.zeros((S, A, S))
    for s, a, k in np.ndindex(mdp.index.shape):
        w = 1.0 if mdp.weight is None else mdp.weight[s, a, k]
        for z in range(mdp.nz):
            p[s, a, mdp.index[s, a, k] * mdp.nz + z] += w * mdp.P[s % mdp.nz, z]
    return p


def literal_q(v, mdp):
    """Return r + β Σ_s' p(s' | s, a) v(s')."""
    return mdp.r + mdp.β * dense(mdp) @ v
