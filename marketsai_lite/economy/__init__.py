"""What an economy is, before anybody solves it or learns it.

`contract` says what every economy offers, `chains` what is random, `arrays` how one function runs
on NumPy and on PyTorch, and `check` holds an economy to its promises.
"""

from marketsai_lite.economy.arrays import index, like, namespace, padded, placed, total, whole
from marketsai_lite.economy.chains import Exogenous, Shocks, ar1, constant, own_chains, stationary
from marketsai_lite.economy.check import check_economy, sample_action
from marketsai_lite.economy.contract import SLACK, Box, Economy, Grid, Group, Terms

__all__ = [
    "SLACK",
    "Box",
    "Economy",
    "Exogenous",
    "Grid",
    "Group",
    "Shocks",
    "Terms",
    "ar1",
    "check_economy",
    "constant",
    "index",
    "like",
    "namespace",
    "own_chains",
    "padded",
    "placed",
    "sample_action",
    "stationary",
    "total",
    "whole",
]
