"""The gradient in larger crowds: eight economies of Krusell and Smith with 224 households each.

Where few households live, mean capital is a sample of few, and its law is not quite that of a
continuum.  As many households as in `krusell_smith_agents` learn here, in fewer economies.
"""

from marketsai_lite.economies.krusell_smith_households import Households
from marketsai_lite.experiments.krusell_smith_agents import examine, learn

COST = 200
CHAOTIC = True
EXPLORERS, COPIES = 32, 8


def cells():
    """Return five seeds, and short ones."""
    found = {f"crowds, seed {seed}": {"seed": seed} for seed in range(5)}
    return found | {f"short, seed {seed}": {"seed": seed, "updates": 20} for seed in range(5)}


def run(seed, **changes):
    """Train and examine; see `examine`."""
    economy = Households(n=256, explorers=EXPLORERS)
    act = learn(economy, seed, copies=COPIES, **changes)
    return examine(economy, act, pictures="updates" not in changes)
