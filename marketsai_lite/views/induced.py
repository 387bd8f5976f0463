r"""The economy that the fixed policies of the others leave to one agent.

Fix what everybody else does, and a game is a decision problem for the one who is left: an economy
of one agent, which every view takes and every learner can live in.  What its best policy earns
beyond the agent's own is the agent's gain from a best response; if nobody has any, the policies are
an equilibrium.  `marketsai_lite.tabular.games.induced` is the same for arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from marketsai_lite.economy import Grid, Terms, namespace, padded
from marketsai_lite.require import require


@dataclass(frozen=True, eq=False)
class Induced:
    """What is left to `agent` when the others follow `policies`.

    State, shocks and accounts are those of the whole economy, and so are its prices: with prices
    given, `agent` is a price taker among the others.  It observes what it did; but a table of this
    economy (`marketsai_lite.views.table.tabulate`) sees the whole state and all shocks, so that its
    best response is at least as good as any that the agent's observations permit.

    Parameters
    ----------
    economy : Economy
        With at least two agents.
    policies : callable, or sequence of callables
        One function of all observations (..., n, do) to all actions (..., n, da), of which the row
        of `agent` is not used; or one for each other agent, in order, from what it observes
        (..., do_k) to its action (..., da_k).  Deterministic; actions are vectors, those of a grid
        its rows.  They take the arrays that the economy is given, NumPy's or PyTorch's.
        The one function gets what `Terms.see` gives, as the `act` of a trained agent wants it:
        where the economy has `legal`, observations are followed by which are legal.  A trained
        policy looks at numbers, and in its own precision: `check_economy` names it, since what is
        to be checked is the whole economy.
    agent : int or str
        Whose problem: its number or its name.

    Attributes
    ----------
    number : int
        Of the agent.
    terms : Terms
        Of the whole economy.

    Raises
    ------
    ValueError
        If there is no such agent, the policies are not as many as the others, or, when it is
        called, if a policy gives actions of the wrong shape.
    """

    economy: Any
    policies: Callable | Sequence[Callable]
    agent: int | str
    number: int = field(init=False)
    terms: Terms = field(init=False, repr=False)

    def __post_init__(self):
        names, n = self.economy.agents, len(self.economy.agents)
        k: Any = names.index(self.agent) if self.agent in names else self.agent
        whole = isinstance(k, int) and not isinstance(k, bool)
        require(
            economy=(names, n > 1, "one of several agents"),
            agent=(self.agent, whole and 0 <= k < n, f"in 0, ..., {n - 1} or one of {names}"),
        )
        if not callable(self.policies):
            count = len(self.policies)
            require(policies=(count, count == n - 1, f"{n - 1}, one for each other agent"))
            object.__setattr__(self, "policies", tuple(self.policies))
        object.__setattr__(self, "number", k)
        object.__setattr__(self, "terms", Terms(self.economy))

    @property
    def agents(self):
        return (self.economy.agents[self.number],)

    @property
    def state(self):
        return self.economy.state

    @property
    def β(self):
        return self.economy.β

    @property
    def exo(self):
        return self.economy.exo

    @property
    def actions(self):
        return (self.economy.actions[self.number],)

    @property
    def discount(self):
        return self._discount if self.terms.ends else None

    @property
    def market(self):
        return self._market if self.terms.takes else None

    @property
    def legal(self):
        return self._legal if self.terms.masks and isinstance(self.actions[0], Grid) else None

    def initial(self, u):
        return self.economy.initial(u)

    def step(self, x, z, a, m=None):
        everybody = self.everybody(x, z, a)
        given = () if m is None else (m,)
        x1, r = self.economy.step(x, z, everybody, *given)
        return x1, self._own(r)

    def observe(self, x, z):
        o = self.economy.observe(x, z)
        return o[..., self.number : self.number + 1, : self.terms.sees(self.number)]

    def accounts(self, x, z, a):
        accounts = self.economy.accounts(x, z, self.everybody(x, z, a))
        return {k: self._own(v) if v.ndim == x.ndim else v for k, v in accounts.items()}

    def everybody(self, x, z, a):
        """Actions (..., n, da) of all agents, when this one does `a` (..., 1, da_k)."""
        economy, da, o = self.economy, self.terms.da, self.economy.observe(x, z)
        own, k, lead = padded(a, da), self.number, tuple(a.shape[:-2])
        xp = namespace(own)
        if self.terms.masks:  # what `Terms.see` adds
            o = xp.concatenate([o, economy.legal(x, z) + 0 * o[..., :1]], -1)
        if callable(self.policies):
            joint = self._ask("policies", self.policies, o)
            self._check("policies", joint, (*lead, self.terms.n, da))
            return xp.concatenate([joint[..., :k, :], own, joint[..., k + 1 :, :]], -2)
        others = [j for j in range(self.terms.n) if j != k]
        rows = {k: own[..., 0, :]}
        for number, (j, policy) in enumerate(zip(others, self.policies, strict=True)):
            row = self._ask(f"policies[{number}]", policy, o[..., j, : self.terms.sees(j)])
            self._check(f"policies[{number}]", row, (*lead, economy.actions[j].width))
            rows[j] = padded(row, da)
        return xp.stack([rows[j] for j in range(self.terms.n)], -2)

    def _ask(self, name, policy, o):
        try:
            return policy(o)
        except NotImplementedError as error:  # of a tensor that has a shape and no numbers
            right = "one that does without numbers, to be checked; check the whole economy instead"
            raise ValueError(f"{name}={policy!r}: must be {right}") from error

    def _check(self, name, actions, shape):
        given = tuple(actions.shape)
        require(**{f"actions of {name}: shape": (given, given == shape, str(shape))})

    def _discount(self, x1, z1):
        return self._own(self.economy.discount(x1, z1))

    def _market(self, x, z, a):
        return self.economy.market(x, z, self.everybody(x, z, a))

    def _legal(self, x, z):
        legal = self.economy.legal(x, z)
        return legal[..., self.number : self.number + 1, : len(self.actions[0].values)]

    def _own(self, rows):
        """The column of the agent."""
        return rows[..., self.number : self.number + 1]
