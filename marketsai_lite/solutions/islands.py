r"""Exact solution of the islands for any number of them.

Nothing links the islands, so :math:`s_j = s(k_j, z_j)` and :math:`V = \frac{1}{d} \sum_j v(k_j,
z_j)`, where s and v solve one island: by the closed form of Brock and Mirman (1972) where it
applies, by the method of endogenous grid points otherwise.
"""

from typing import NamedTuple

from marketsai_lite.economies.islands import alone
from marketsai_lite.solutions import brock_mirman, egm


class IslandsSolution(NamedTuple):
    """The solution of one island, applied to each.

    Attributes
    ----------
    one : brock_mirman.BrockMirman | egm.EGM
        The solution of one island.
    """

    one: brock_mirman.BrockMirman | egm.EGM

    def policy(self, x, z):
        """Optimal action, (..., 1, d)."""
        return self.one.policy(x[..., None], alone(z))[..., 0].swapaxes(-1, -2)

    def value(self, x, z):
        """Value of log capital `x` (..., d) and shocks `z`."""
        return self.one.value(x[..., None], alone(z)).mean(-1)

    def expected(self, x, z):
        """Expected value of starting next period with log capital `x` after shocks `z`."""
        return self.one.expected(x[..., None], alone(z)).mean(-1)


def solve(economy, **options):
    """Solve an `Islands` economy.

    Parameters
    ----------
    economy : Islands
        With any number of islands.
    **options
        Of `egm.solve`.

    Returns
    -------
    IslandsSolution
        Policy and value.
    """
    island = economy.island
    if island.γ == island.δ == 1:
        return IslandsSolution(brock_mirman.solve(island))
    return IslandsSolution(egm.solve(island, **options))
