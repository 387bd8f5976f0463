"""What an agent that learns off-policy keeps of every period.

`control_variates` subtracts from its errors the part that the exogenous shocks explain.
"""

import torch

from marketsai_lite.deep.control_variates import News, count, hedged
from marketsai_lite.deep.equations import team_reward
from marketsai_lite.deep.replay import Replay
from marketsai_lite.require import require


def require_replay(config, batch, drawn, n=1):
    """Raise a ValueError if `drawn` windows of n periods are not there, or see too few shocks."""
    B, few = n * batch.size, n * count(batch)
    windows = f"at least {B}" + f", {n} periods" * (n > 1)
    right = not config.hedge or drawn > 4 * few
    require(
        capacity=(config.capacity, config.capacity >= B, windows),
        minibatch=(drawn, right, f"more than four times the {few} shocks"),
    )


class Decisions(Replay):
    """The latest decisions of all agents of a world, and what became of them.

    Columns, for B copies: observations `o` (B, n, width), choices `u` (B, n, wide), rewards `r` and
    discounts (B, n), `truncated` (B, 1), observations `o1` of the state reached; and, if the config
    says `hedge`, the `News` (z, e) and (z1, e1) of the shocks before and after.

    Parameters
    ----------
    world : World
    config : dataclass
        With `team` and `hedge`.
    periods : int
        Number of periods that are kept.
    wide : int
        Length of a choice.
    """

    def __init__(self, world, config, periods, wide):
        self.world, self.config = world, config
        seen, each = (world.n, world.width), (world.n,)
        layout = {"o": seen, "u": (*each, wide), "r": each, "discount": each}
        layout |= {"truncated": (1,), "o1": seen}
        if config.hedge:
            z, e = (column.shape[1:] for column in world.news(world.state))
            layout |= {"z": z, "e": e, "z1": z, "e1": e}
        batch = world.batch
        super().__init__(periods, batch.size, layout, device=batch.device, dtype=batch.dtype)

    @torch.no_grad()
    def act(self, o, u, action):
        """Let the agents, who see `o` and choose `u`, take an action; keep what happens."""
        world, before = self.world, self.world.state
        moved = world.step(action)
        world.check(moved.r)
        r, discount = moved.r, moved.discount
        if self.config.team:
            r, discount = team_reward(r, discount)
        row = {"o": o, "u": u, "r": r, "discount": discount, "truncated": moved.truncated}
        if self.config.hedge:
            (row["z"], row["e"]), (row["z1"], row["e1"]) = map(world.news, (before, moved.reached))
        self.add(**row, o1=world.observe(moved.reached))

    def hedged(self, error, b):
        """Errors (B, n) of windows `b`, without what the shocks explain if that is wanted."""
        if not self.config.hedge:
            return error
        return hedged(error, News(b["z"], b["e"]), News(b["z1"], b["e1"]))
