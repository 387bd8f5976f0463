"""MarketsAI Lite: economies written once, solved exactly, then learned.

===============  ===================================================================================
`economy`        what an economy is: actions, groups of agents, shocks; `check_economy`
`economies`      the economies of the book, one file each
`constructor`    economies from descriptions of goods, agents and markets, with their books
`views`          made from an economy: `tabulate`, `PettingZooView`, `GymnasiumView`, `Batch`,
                 `Induced`
`tabular`        dynamic programming and Q-learning on tables, games included
`deep`           deep agents, PPO, DQN, SAC and more, and `train`, which trains them all
`solutions`      what agents are scored against: closed forms, exact solutions, Euler errors
`experiments`    what takes longer than a lecture may, and what it found
`running`        runs of many cells that survive interruption
===============  ===================================================================================
"""

__version__ = "0.1.0"
