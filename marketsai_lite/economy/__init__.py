"""What an economy is, before anybody solves it or learns it.

`contract` says what every economy offers, `chains` what is random, `arrays` how one function runs
on NumPy and on PyTorch, and `check` holds an economy to its promises.
"""

from marketsai_lite.economy.arrays import index, like, namespace
from marketsai_lite.economy.chains import Exogenous, ar1, constant, own_chains, stationary
from marketsai_lite.economy.check import check_economy, sample_action
from marketsai_lite.economy.contract import Box, Economy, Grid

__all__ = [
    "Box",
    "Economy",
    "Exogenous",
    "Grid",
    "ar1",
    "check_economy",
    "constant",
    "index",
    "like",
    "namespace",
    "own_chains",
    "sample_action",
    "stationary",
]
