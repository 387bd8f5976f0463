"""Array-only kernels of Krusell and Smith's economy: households, and a histogram of them.

They share one file because Numba's cache on disk notices changes of a function's own file only.
Shapes: grids k (nk,) of wealth, K (nK,) of mean capital and x (n,) of the histogram; functions of
the household c, k1 and v (nz, nK, ns, nk) in this order of aggregate state, mean, own state and
wealth; distributions D (ns, n); rule (nz, 2), intercept and slope of log K'.  The economy comes as
``E``, the tuple (α, γ, δ, Z (nz,), L (nz,), P (nz, nz), Q (nz, nz, ns, ns), β (ns,), labour
(nz, ns), home (ns,)).
"""

import numpy as np

from marketsai_lite.tabular.compiled import njit


@njit(cache=True, nogil=True)
def prices(Z, L, K, α, δ):
    """Gross return and wage."""
    ratio = K / L
    return 1 - δ + α * Z * ratio ** (α - 1), (1 - α) * Z * ratio**α


@njit(cache=True, nogil=True)
def cubic(y, grid, w):
    """Fill w (4,) with Lagrange's cubic weights at y, and return the first of the four nodes.

    Beyond the grid y is taken to be its end.
    """
    y = min(max(y, grid[0]), grid[-1])
    i = min(max(np.searchsorted(grid, y) - 2, 0), len(grid) - 4)
    for a in range(4):
        w[a] = 1.0
        for b in range(4):
            if a != b:
                w[a] *= (y - grid[i + b]) / (grid[i + a] - grid[i + b])
    return i


@njit(cache=True, nogil=True, error_model="numpy")
def sweep(c, new, k, K, rule, E):
    """One step of the endogenous grid: fill ``new``, and return its largest relative change."""
    α, γ, δ, Z, L, P, Q, β, labour, home = E
    nz, nK, ns, nk = c.shape
    gain = np.empty((nz, ns, nk))
    w, right, m = np.empty(4), np.empty(nk), np.empty(nk)
    change = 0.0
    for z in range(nz):
        for j in range(nK):
            K1 = np.exp(rule[z, 0] + rule[z, 1] * np.log(K[j]))
            i = cubic(K1, K, w)
            for z1 in range(nz):
                R1, _ = prices(Z[z1], L[z1], K1, α, δ)
                for s1 in range(ns):
                    c0, ca = c[z1, i, s1], c[z1, i + 1, s1]
                    cb, cc = c[z1, i + 2, s1], c[z1, i + 3, s1]
                    for a in range(nk):
                        c1 = w[0] * c0[a] + w[1] * ca[a] + w[2] * cb[a] + w[3] * cc[a]
                        gain[z1, s1, a] = R1 / c1 if γ == 1.0 else R1 * c1**-γ
            R, wage = prices(Z[z], L[z], K[j], α, δ)
            for s in range(ns):
                right[:] = 0.0
                for z1 in range(nz):
                    for s1 in range(ns):
                        p = β[s] * P[z, z1] * Q[z, z1, s, s1]
                        if p > 0:
                            for a in range(nk):
                                right[a] += p * gain[z1, s1, a]
                for a in range(nk):
                    m[a] = k[a] + (1 / right[a] if γ == 1.0 else right[a] ** (-1 / γ))
                income = wage * labour[z, s] + home[s]
                q = 0
                for a in range(nk):
                    cash = R * k[a] + income
                    while q < nk - 2 and m[q + 1] < cash:
                        q += 1
                    k1 = k[q] + (cash - m[q]) * (k[q + 1] - k[q]) / (m[q + 1] - m[q])
                    found = cash - max(k1, k[0])
                    change = max(change, abs(found / c[z, j, s, a] - 1))
                    new[z, j, s, a] = found
    return change


@njit(cache=True, nogil=True)
def household(c, k, K, rule, E, tol, max_iter):
    """Repeat `sweep` until consumption hardly changes; c is overwritten."""
    new, change, n = np.empty_like(c), np.inf, 0
    while not change <= tol and n < max_iter:
        change = sweep(c, new, k, K, rule, E)
        c[:] = new
        n += 1
    return change, n


@njit(cache=True, nogil=True)
def savings(c, k, K, x, E):
    """Wealth tomorrow k1 (nz, nK, ns, n) at the nodes x, linear between the nodes k."""
    α, _, δ, Z, L, _, _, _, labour, home = E
    nz, nK, ns, nk = c.shape
    k1 = np.empty((nz, nK, ns, len(x)))
    for z in range(nz):
        for j in range(nK):
            R, wage = prices(Z[z], L[z], K[j], α, δ)
            for s in range(ns):
                income, q = wage * labour[z, s] + home[s], 0
                for a in range(len(x)):
                    while q < nk - 2 and k[q + 1] < x[a]:
                        q += 1
                    f = (x[a] - k[q]) / (k[q + 1] - k[q])
                    eaten = (1 - f) * c[z, j, s, q] + f * c[z, j, s, q + 1]
                    k1[z, j, s, a] = R * x[a] + income - eaten
    return k1


@njit(cache=True, nogil=True)
def consume(c, k, K, z, s, at, mean):
    """Consumption (m,) of states z, s (m,) at wealth and mean capital (m,)."""
    found, w = np.empty(len(at)), np.empty(4)
    for n in range(len(at)):
        i = cubic(mean[n], K, w)
        q = min(max(np.searchsorted(k, at[n]) - 1, 0), len(k) - 2)
        f = (at[n] - k[q]) / (k[q + 1] - k[q])
        found[n] = 0.0
        for b in range(4):
            found[n] += w[b] * ((1 - f) * c[z[n], i + b, s[n], q] + f * c[z[n], i + b, s[n], q + 1])
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def simulate(k1, K, x, z, D, Q, keep):
    """Follow a distribution D through the aggregate states z (T,), as Young (2010) does.

    Each node's people move to the two nodes around what they save, so that the mean is kept; who
    would leave the grid stays at its end.  Returns mean capital (T,), the last distribution, and
    the distributions in the periods ``keep``, which must rise.
    """
    T, (ns, n) = len(z), D.shape
    path, kept, w = np.empty(T), np.empty((len(keep), ns, n)), np.empty(4)
    D, G, y, of = D.copy(), np.empty_like(D), np.empty(n), 0
    inverse = 1 / np.diff(x)
    for t in range(T):
        path[t] = 0.0
        for s in range(ns):
            for a in range(n):
                path[t] += D[s, a] * x[a]
        if of < len(keep) and keep[of] == t:
            kept[of] = D
            of += 1
        if t == T - 1:
            break
        i = cubic(path[t], K, w)
        G[:] = 0.0
        for s in range(ns):
            y0, y1 = k1[z[t], i, s], k1[z[t], i + 1, s]
            y2, y3 = k1[z[t], i + 2, s], k1[z[t], i + 3, s]
            for a in range(n):
                y[a] = w[0] * y0[a] + w[1] * y1[a] + w[2] * y2[a] + w[3] * y3[a]
                y[a] = min(max(y[a], x[0]), x[-1])
            q = 0
            for a in range(n):
                mass = D[s, a]
                if mass > 0.0:
                    while q < n - 2 and x[q + 1] < y[a]:
                        q += 1
                    while q > 0 and x[q] > y[a]:
                        q -= 1
                    f = (y[a] - x[q]) * inverse[q]
                    G[s, q] += mass * (1 - f)
                    G[s, q + 1] += mass * f
        D[:] = 0.0
        for s in range(ns):
            for s1 in range(ns):
                p = Q[z[t], z[t + 1], s, s1]
                if p > 0:
                    for a in range(n):
                        D[s1, a] += p * G[s, a]
    return path, D, kept


@njit(cache=True, nogil=True)
def follow(k1, K, x, z, mean):
    """Mean capital (T,) if everybody owns it, starting from ``mean``: one point, no histogram."""
    path, w = np.empty(len(z)), np.empty(4)
    for t in range(len(z)):
        path[t] = mean
        i = cubic(mean, K, w)
        q = min(max(np.searchsorted(x, mean) - 1, 0), len(x) - 2)
        f = (mean - x[q]) / (x[q + 1] - x[q])
        mean = 0.0
        for b in range(4):
            y = k1[z[t], i + b, 0]
            mean += w[b] * ((1 - f) * y[q] + f * y[q + 1])
    return path


@njit(cache=True, nogil=True)
def policy_value(c, k, K, rule, E, v, tol, max_iter):
    """Value of consuming c for ever if mean capital follows the rule; v is overwritten.

    Linear in wealth, cubic in mean capital; who would leave the grid of wealth stays at its end.
    """
    α, γ, δ, Z, L, P, Q, β, labour, home = E
    nz, nK, ns, nk = c.shape
    u, f, q = np.empty_like(c), np.empty_like(c), np.empty(c.shape, np.int64)
    W, at = np.empty((nz, nK, 4)), np.empty((nz, nK), np.int64)
    for z in range(nz):
        for j in range(nK):
            at[z, j] = cubic(np.exp(rule[z, 0] + rule[z, 1] * np.log(K[j])), K, W[z, j])
            R, wage = prices(Z[z], L[z], K[j], α, δ)
            for s in range(ns):
                for a in range(nk):
                    eaten = c[z, j, s, a]
                    u[z, j, s, a] = np.log(eaten) if γ == 1.0 else eaten ** (1 - γ) / (1 - γ)
                    y = R * k[a] + wage * labour[z, s] + home[s] - eaten
                    y = min(max(y, k[0]), k[-1])
                    p = min(max(np.searchsorted(k, y) - 1, 0), nk - 2)
                    q[z, j, s, a], f[z, j, s, a] = p, (y - k[p]) / (k[p + 1] - k[p])
    new, next_v, g = np.empty_like(v), np.empty((nz, ns, nk)), np.empty(nk)
    change, n = np.inf, 0
    while not change <= tol and n < max_iter:
        low, high = np.inf, -np.inf
        for z in range(nz):
            for j in range(nK):
                i = at[z, j]
                for z1 in range(nz):
                    for s1 in range(ns):
                        for a in range(nk):
                            total = 0.0
                            for b in range(4):
                                total += W[z, j, b] * v[z1, i + b, s1, a]
                            next_v[z1, s1, a] = total
                for s in range(ns):
                    g[:] = 0.0
                    for z1 in range(nz):
                        for s1 in range(ns):
                            p = β[s] * P[z, z1] * Q[z, z1, s, s1]
                            for a in range(nk):
                                g[a] += p * next_v[z1, s1, a]
                    for a in range(nk):
                        p, h = q[z, j, s, a], f[z, j, s, a]
                        found = u[z, j, s, a] + (1 - h) * g[p] + h * g[p + 1]
                        low = min(low, found - v[z, j, s, a])
                        high = max(high, found - v[z, j, s, a])
                        new[z, j, s, a] = found
        change, n = max(abs(low), abs(high)), n + 1
        v[:] = new
        if n % 20 == 0:  # what all states have in common comes to an end at once
            most = β.max()
            v += (low + high) / 2 * most / (1 - most)
    return change, n
