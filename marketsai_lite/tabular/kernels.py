"""Array-only kernels of the Bellman operators.

They share one file because Numba's cache on disk notices changes of a function's own file only.
Shapes: v and g (S,), r (S, A), index and weight (S, A, K) with ``weight`` of shape (S, A, 0) when
K = 1, P (nz, nz), bounds (S, 2), σ (S,). ``h`` (nz, A) holds the discounted continuation values of
the actions when these are the same from every endogenous node, and has no rows otherwise.
"""

import numpy as np

from marketsai_lite.tabular.compiled import njit

Index = np.uint64  # unsigned, since Numba tests signed indices for being negative
BLOCK = 64  # actions whose maximum is found, or ruled out, at once


@njit(cache=True, nogil=True)
def expectation(v, P):
    """Return g(x', z) = Σ_z' P(z, z') v(x', z')."""
    g = np.empty_like(v)
    expect(v, P, g)
    return g


@njit(cache=True, nogil=True)
def expect(v, P, g):
    """Fill g = E v."""
    nz = len(P)
    if nz == 1:
        g[:] = v
    else:
        np.dot(v.reshape(-1, nz), P.T, g.reshape(-1, nz))


@njit(cache=True, nogil=True)
def continuation(g, index, weight, β, nz):
    """Return h(s, a) = β Σ_k weight(s, a, k) g(index(s, a, k), z)."""
    h = np.empty(index.shape[:2])
    for s in range(len(h)):
        continue_row(h[s], g, index[s], weight[s], β, s % nz, nz)
    return h


@njit(cache=True, nogil=True)
def continue_row(h, g, index, weight, β, z, nz):
    """Fill h(a) for the actions of one state."""
    K = index.shape[1]
    for a in range(len(h)):
        if K == 1:
            h[a] = β * g[Index(index[a, 0] * nz + z)]
        else:
            total = 0.0
            for k in range(K):
                total += weight[a, k] * g[Index(index[a, k] * nz + z)]
            h[a] = β * total


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
def largest(r, h):
    """Return the maximum of r + h; the flags let the loop use vector instructions."""
    top = -np.inf
    for a in range(len(r)):
        top = max(top, r[a] + h[a])
    return top


@njit(cache=True, nogil=True)
def improve(states, σ, ceiling, rise, slack, g, h, r, index, weight, bounds, β, nz):
    """Return the maximum over the actions in each of the states; σ becomes the first maximizer.

    σ comes as any feasible policy. Blocks of actions that cannot hold the maximum are skipped:
    ``ceiling`` (states, blocks), updated, bounds a block's values at the last call (inf at first),
    and ``rise`` (nz, blocks) the rise of its continuation values since. ``slack`` is far above the
    rounding errors and far below the differences that matter.
    """
    shared = len(h) > 0
    v = np.empty(len(states))
    row = np.empty(r.shape[1])
    for i, s in enumerate(states):
        z = s % nz
        lo, hi = bounds[s, 0], bounds[s, 1]
        h_s = h[z] if shared else row
        a = σ[i]
        if not shared:
            continue_row(h_s[a : a + 1], g, index[s, a : a + 1], weight[s, a : a + 1], β, z, nz)
        top = r[s, a] + h_s[a]
        best = a // BLOCK
        for b in range(lo // BLOCK, (hi - 1) // BLOCK + 1):
            ceiling[i, b] += rise[z, b]
            if ceiling[i, b] < top - slack:
                continue
            j = slice(max(lo, b * BLOCK), min(hi, (b + 1) * BLOCK))
            if not shared:
                continue_row(h_s[j], g, index[s, j], weight[s, j], β, z, nz)
            ceiling[i, b] = largest(r[s, j], h_s[j])
            if ceiling[i, b] > top or (ceiling[i, b] == top and b < best):
                top = ceiling[i, b]
                best = b
        a = max(lo, best * BLOCK)
        while r[s, a] + h_s[a] < top:
            a += 1
        v[i] = top
        σ[i] = a
    return v


@njit(cache=True, nogil=True)
def improve_monotone(order, v, P, n, r, index, weight, bounds, β):
    """Return T v, σ as ``improve`` does, if σ never falls with the endogenous node.

    ``order`` (nx, 3) lists the nodes, each with two earlier ones, below and above it (or nx where
    there is none), whose maximizers bound its own. The first n states tell the lotteries of all
    (n = 0: they do not). Returns also a state whose bounds leave no feasible action, which refutes
    the claim, or -1.
    """
    g = expectation(v, P)
    nz, nx, K = Index(len(P)), Index(len(order)), index.shape[2]
    h = continuation(g, index[:n], weight[:n], β, len(P))
    Tv = np.empty_like(v)
    σ = np.empty(len(v), Index)
    for i in range(len(order)):
        x, below, above = order[i, 0], order[i, 1], order[i, 2]
        for z in range(nz):
            s = x * nz + z
            lo = Index(bounds[s, 0])
            hi = Index(bounds[s, 1])
            if below < nx:
                lo = max(lo, σ[below * nz + z])
            if above < nx:
                hi = min(hi, σ[above * nz + z] + Index(1))
            top = -np.inf
            best = lo
            if n > 0:
                for a in range(lo, hi):
                    q = r[s, a] + h[z, a]
                    if q > top:
                        top = q
                        best = Index(a)
            else:
                for a in range(lo, hi):
                    total = g[Index(index[s, a, 0]) * nz + z] if K == 1 else 0.0
                    if K > 1:
                        for k in range(K):
                            total += weight[s, a, k] * g[Index(index[s, a, k]) * nz + z]
                    q = r[s, a] + β * total
                    if q > top:
                        top = q
                        best = Index(a)
            if top == -np.inf:
                return Tv, σ, np.int64(s)
            Tv[s] = top
            σ[s] = best
    return Tv, σ, -1


@njit(cache=True, nogil=True)
def extremes(Tv, v):
    """Return the smallest and the largest entry of Tv - v."""
    low, high = np.inf, -np.inf
    for s in range(len(v)):
        low = min(low, Tv[s] - v[s])
        high = max(high, Tv[s] - v[s])
    return low, high


@njit(cache=True, nogil=True)
def follow(v, σ, m, r, index, weight, P, β):
    """Return T_σ^m v. Lotteries may be given for the first node only, as index (nz, A, K)."""
    S = len(v)
    K = index.shape[2]
    nz = len(P)
    v = v.copy()
    g = np.empty(S)
    rσ = np.empty(S)
    node = np.empty((S, K), Index)
    discounted = np.empty((S if K > 1 else 0, K))
    for x in range(0, S, nz):
        for z in range(nz):
            s = x + z
            row = s if len(index) == S else z
            rσ[s] = r[s, σ[s]]
            for k in range(K):
                node[s, k] = index[row, σ[s], k] * nz + z
                if K > 1:
                    discounted[s, k] = β * weight[row, σ[s], k]
    for _ in range(m):
        expect(v, P, g)
        if K == 1:
            for s in range(S):
                v[s] = rσ[s] + β * g[node[s, 0]]
        else:
            for s in range(S):
                total = rσ[s]
                for k in range(K):
                    total += discounted[s, k] * g[node[s, k]]
                v[s] = total
    return v


@njit(cache=True, nogil=True)
def follow_map(v, σ, m, r, index, β):
    """Return T_σ^m v where K = nz = 1, so that T_σ v = rσ + β v[node], by squaring T_σ."""
    S = len(v)
    v = v.copy()
    rσ = np.empty(S)
    node = np.empty(S, Index)
    for s in range(S):
        rσ[s] = r[s, σ[s]]
        node[s] = index[s if len(index) == S else 0, σ[s], 0]
    v_new, r_new, node_new = np.empty(S), np.empty(S), np.empty(S, Index)
    while m > 0:
        if m % 2 == 1:
            for s in range(S):
                v_new[s] = rσ[s] + β * v[node[s]]
            v, v_new = v_new, v
        if m > 1:
            for s in range(S):
                r_new[s] = rσ[s] + β * rσ[node[s]]
                node_new[s] = node[node[s]]
            rσ, r_new = r_new, rσ
            node, node_new = node_new, node
            β *= β
        m //= 2
    return v
