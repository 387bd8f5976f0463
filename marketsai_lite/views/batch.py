"""An economy as a batch of tensors: many copies stepped at once, on any device.

The batch is pure functions over an explicit state, so that an agent can keep, copy, checkpoint or
differentiate it as it likes.  `step` is the whole of a period; `uniforms`, `check` and `advance`
are its parts, for those who draw ahead of time or whose actions are known to be right.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from marketsai_lite.economy import SLACK, Grid, Shocks, Terms, padded, placed
from marketsai_lite.require import require

FEW = 64  # uniforms of a fresh start, which are drawn whether or not a copy needs them


class BatchState(NamedTuple):
    """Where B copies of the economy stand.

    Attributes
    ----------
    x : tensor (B, dx)
        Endogenous state.
    i : tensor (B, width)
        Where the exogenous chains stand.
    t : tensor (B,)
        Periods since the copy was last started.
    """

    x: torch.Tensor
    i: torch.Tensor
    t: torch.Tensor


class Transition(NamedTuple):
    """One period of B copies.

    A copy that was truncated, or whose game has ended, has been started afresh in `state`;
    `reached` is where it stood before that.  The value of a choice is its reward plus `discount`
    times the value of `reached`, whether or not the copy was truncated.

    Attributes
    ----------
    state : BatchState
        Where the copies stand next.
    reward : tensor (B, n)
        What each agent earned.
    discount : tensor (B, n)
        Zero where the game has ended for an agent.
    reached : BatchState
        Where they stood before fresh starts.
    truncated : tensor (B,) of bool
        Stopped at the horizon, though the game goes on.
    restarted : tensor (B,) of bool
        Truncated, or ended for everybody.
    """

    state: BatchState
    reward: torch.Tensor
    discount: torch.Tensor
    reached: BatchState
    truncated: torch.Tensor
    restarted: torch.Tensor


class Uniforms(NamedTuple):
    """What a period of B copies draws: for the chains, and for a fresh start where one may come.

    Attributes
    ----------
    chains : tensor (B, width)
        For the chains.
    fresh_x : array (B, dx)
        For the state of a fresh start.
    fresh_chains : array (B, width)
        For its chains.
    """

    chains: torch.Tensor
    fresh_x: Any = None
    fresh_chains: Any = None


class Batch:
    """The torch view: `size` copies of `economy`.

    Parameters
    ----------
    economy : Economy
        Any economy.
    size : int
        Number of copies, B.
    horizon : int, optional
        Periods after which a copy is truncated and starts afresh.
    device, dtype
        Where the tensors live and their precision.

    Raises
    ------
    ValueError
        If `size` or `horizon` is not a positive integer, or an action has the wrong shape or is
        outside its set.
    """

    def __init__(self, economy, size, *, horizon=None, device="cpu", dtype=torch.float32):
        for name, value in (("size", size), ("horizon", 1 if horizon is None else horizon)):
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            require(**{name: (value, whole and value >= 1, "an integer, at least 1")})
        self.economy, self.size = economy, int(size)
        self.horizon = None if horizon is None else int(horizon)
        self.device, self.dtype = torch.device(device), dtype
        self.terms = Terms(economy)
        self.terms.economy = placed(economy, self._place)  # with its constants on the device
        self.exo = placed(economy.exo, self._place)
        self._β = torch.tensor(economy.β, device=self.device, dtype=self.dtype)
        self.restarts = horizon is not None or self.terms.ends
        few = self.device.type != "cpu" or self.terms.dx + self.exo.width <= FEW
        self._ahead = self.restarts and few
        self.grids = all(isinstance(s, Grid) for s in economy.actions)
        self._limits = [self._limits_of(group.actions) for group in self.terms.groups]
        self._rows: Any = self._all_rows() if self.grids else None
        sizes = [len(s.values) if isinstance(s, Grid) else 0 for s in economy.actions]
        self._sizes = torch.tensor(sizes, device=self.device)  # numbers of rows, 0 for a box

    def reset(self, generator) -> BatchState:
        """Draw B first states."""
        u = self._draw(self.terms.dx, generator)
        return self._start(u, self._draw(self.exo.width, generator))

    def shocks(self, state) -> Shocks:
        """Shock values: aggregate (B, dz), own (B, units, de)."""
        return self.exo.shocks(state.i)

    def observe(self, state) -> torch.Tensor:
        """What each agent knows: (B, n, do)."""
        return self.terms.economy.observe(state.x, self.exo.shocks(state.i))

    def see(self, state) -> torch.Tensor:
        """What each agent knows and, where some choices may be illegal, which are legal."""
        return self.terms.see(state.x, self.exo.shocks(state.i))

    def everything(self, state) -> torch.Tensor:
        """State and shocks side by side, (B, dx + dz + units de)."""
        z = self.exo.shocks(state.i)
        return torch.cat([state.x, z.aggregate, z.own.flatten(-2)], -1)

    def legal(self, state) -> torch.Tensor | None:
        """Which rows of its grid each agent may choose, (B, n, m); None where all are."""
        if not self.terms.masks:
            return None
        return self.terms.economy.legal(state.x, self.exo.shocks(state.i))

    def step(self, state, actions, generator) -> Transition:
        """One period.

        Parameters
        ----------
        state : BatchState
        actions : tensor
            Vectors (B, n, da), or integers (B, n) where all action sets are grids.
        generator : torch.Generator
            On this batch's device.

        Raises
        ------
        ValueError
            If an action has the wrong shape, or is not in the agent's set or not legal.
        """
        actions = self.check(state, actions)
        return self.advance(state, actions, self.uniforms(generator), generator)

    def uniforms(self, generator, *lead) -> Uniforms:
        """Draw what a period needs; with numbers `lead` of periods, tensors (*lead, B, ...)."""
        chains = self._draw(self.exo.width, generator, *lead)
        return Uniforms(chains, *(self._fresh(generator, *lead) if self._ahead else ()))

    def advance(self, state, actions, u, generator=None, *, price_takers=False) -> Transition:
        """One period with given uniforms, for actions that are known to be right.

        The generator draws fresh starts that the uniforms do not hold.  With `price_takers`, prices
        and aggregates carry no gradient.  The new state may share memory with `actions`; that of
        `step` does not.
        """
        z, a = self.exo.shocks(state.i), self.vectors(actions)
        terms, m = self.terms, None
        if price_takers and terms.takes:
            m = terms.economy.market(state.x, z, a).detach()
        x, reward = terms.step(state.x, z, a, m)
        reached = BatchState(x, self.exo.next(state.i, u.chains), state.t + 1)
        discount = self._β.expand_as(reward)
        if terms.ends:
            discount = terms.economy.discount(x, self.exo.shocks(reached.i))
        truncated = reached.t == (self.horizon or -1)
        if not self.restarts:
            return Transition(reached, reward, discount, reached, truncated, truncated)
        restarted = truncated
        if terms.ends:
            ended = (discount == 0).all(-1)
            truncated, restarted = truncated & ~ended, truncated | ended
        new = self._restart(restarted, reached, u, generator)
        return Transition(new, reward, discount, reached, truncated, restarted)

    def accounts(self, state, actions) -> dict[str, Any]:
        """Named quantities of the period, each (B,) or (B, n)."""
        z = self.exo.shocks(state.i)
        return self.terms.economy.accounts(state.x, z, self.vectors(actions))

    def vectors(self, actions) -> torch.Tensor:
        """Actions as vectors (B, n, da)."""
        if actions.is_floating_point():
            return actions
        if self._rows.ndim == 2:  # all agents choose from the same rows
            return self._rows[actions]
        return self._rows[torch.arange(self.terms.n, device=self.device), actions]

    def check(self, state, actions) -> torch.Tensor:
        """Refuse actions that are wrong, and return the others; at a bound, those within rounding.

        On a device other than the CPU what is wrong stops the program there, without a message.
        """
        tensor = isinstance(actions, torch.Tensor)
        require(actions=(actions, tensor, "a tensor, as torch.as_tensor(actions) makes one"))
        n, da, B = self.terms.n, self.terms.da, self.size
        numbers = not actions.is_floating_point()
        shape = (B, n) if numbers else (B, n, da)
        kind = "integers" if self.grids and numbers else "vectors"
        require(
            **{
                "actions: dtype": (
                    actions.dtype,
                    actions.dtype != torch.bool and (self.grids or not numbers),
                    f"a float for vectors (B, n, da) = {(B, n, da)}"
                    + f", or an integer for {(B, n)}" * self.grids,
                ),
                "actions: shape": (
                    tuple(actions.shape),
                    actions.shape == shape,
                    f"{shape}, {kind}",
                ),
            }
        )
        legal = self.legal(state)
        if legal is not None:
            some = legal.any(-1) | (self._sizes == 0)
            self._refuse("legal", legal, some, "True for at least one choice")
        if not numbers:
            return self._in_sets(actions.to(self.dtype), legal)
        inside = (actions >= 0) & (actions < self._sizes)
        self._refuse("actions", actions, inside, "an integer in 0, ..., m - 1")
        if legal is not None:
            chosen = legal.gather(-1, actions[..., None].long())[..., 0]
            self._refuse("actions", actions, chosen, "legal")
        return actions

    def _in_sets(self, actions, legal):
        """Vectors in their sets: the rows of grids that are meant, and boxes without rounding."""
        parts = []
        for group, limits in zip(self.terms.groups, self._limits, strict=True):
            a = actions[:, group.members, : group.actions.width]
            if isinstance(group.actions, Grid):
                (rows,) = limits
                same = ((a[..., None, :] - rows).abs() <= SLACK).all(-1)
                permitted = "a row of its grid"
                if legal is not None:
                    same = same & legal[:, group.members, : len(rows)]
                    permitted = "a legal row of its grid"
                nearest, inside = rows[same.byte().argmax(-1)], same.any(-1)
            else:
                low, high, slack = limits
                nearest = a.clamp(low, high)
                inside = ((a - nearest).abs() <= slack).all(-1)
                permitted = group.actions
            self._refuse("actions", a, inside, permitted, group.members.start)
            parts.append(padded(nearest, self.terms.da))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def _refuse(self, name, value, right, permitted, first=0):
        """Refuse the `value` of agents `first`, ... where it is not `right` (B, agents)."""
        if self.device.type != "cpu":
            torch._assert_async(right.all())
        elif not right.all():
            copy, k = (~right).nonzero()[0].tolist()
            agent = self.economy.agents[first + k]
            if not isinstance(permitted, str):
                permitted = f"between {permitted.low} and {permitted.high}"
            require(**{f"{name} of {agent}": (value[copy, k].tolist(), False, permitted)})

    def _limits_of(self, actions):
        """What an action of the set is compared with, on the device."""
        if isinstance(actions, Grid):
            return (self._place(actions.values),)
        low, high = self._place(actions.low), self._place(actions.high)
        return low, high, SLACK * (high - low)

    def _all_rows(self):
        """Rows of the grids: (m, da) if all are the same, else (n, m, da), filled up with zeros."""
        if len(self.terms.groups) == 1:
            return self._limits[0][0]
        rows = np.zeros((self.terms.n, self.terms.m, self.terms.da))
        for k, s in enumerate(self.economy.actions):
            rows[k, : len(s.values), : s.width] = s.values
        return self._place(rows)

    def _restart(self, restarted, reached, u, generator):
        # a look costs nothing on a CPU; elsewhere it would wait for the device
        eager = self.device.type == "cpu" and not torch.compiler.is_compiling()
        if eager and not restarted.any():
            return reached
        ahead = u.fresh_x is not None
        fresh = self._start(*((u.fresh_x, u.fresh_chains) if ahead else self._fresh(generator)))
        return BatchState(
            torch.where(restarted[:, None], fresh.x, reached.x),
            torch.where(restarted[:, None], fresh.i, reached.i),
            torch.where(restarted, fresh.t, reached.t),
        )

    def _start(self, u, v):
        t = torch.zeros(self.size, dtype=torch.long, device=self.device)
        return BatchState(self.terms.economy.initial(u), self.exo.initial(v), t)

    def _fresh(self, generator, *lead):
        return (self._draw(w, generator, *lead) for w in (self.terms.dx, self.exo.width))

    def _draw(self, width, generator, *lead):
        if not (generator is None or isinstance(generator, torch.Generator)):
            right = "a torch.Generator, as torch.Generator().manual_seed(0)"
            require(generator=(generator, False, right))
        shape = (*lead, self.size, width)
        return torch.rand(shape, generator=generator, device=self.device, dtype=self.dtype)

    def _place(self, values):
        values = torch.as_tensor(values, device=self.device)
        return values.to(self.dtype) if values.is_floating_point() else values
