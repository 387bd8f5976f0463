"""Tabular dynamic programming and Q-learning: arrays in, arrays out."""

from marketsai_lite.tabular import schedules
from marketsai_lite.tabular.bellman import (
    action_values,
    bellman,
    expected,
    greedy,
    maximum,
    policy_bellman,
)
from marketsai_lite.tabular.evaluate import policy_value, transition, value_loss
from marketsai_lite.tabular.mdp import MDP, from_dense
from marketsai_lite.tabular.q_learning import Learned, q_learning
from marketsai_lite.tabular.schedules import Schedule
from marketsai_lite.tabular.solve import (
    Solution,
    optimistic_policy_iteration,
    policy_iteration,
    value_iteration,
)

__all__ = [
    "MDP",
    "Learned",
    "Schedule",
    "Solution",
    "action_values",
    "bellman",
    "expected",
    "from_dense",
    "greedy",
    "maximum",
    "optimistic_policy_iteration",
    "policy_bellman",
    "policy_iteration",
    "policy_value",
    "q_learning",
    "schedules",
    "transition",
    "value_iteration",
    "value_loss",
]
