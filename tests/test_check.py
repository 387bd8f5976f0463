"""`check_economy` notices every broken promise, and says which."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import Attrition, Savers, Taxes, Turns

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economies.two_step_game import TwoStepGame
from marketsai_lite.economy import (
    Box,
    Exogenous,
    Grid,
    Group,
    check_economy,
    namespace,
    sample_action,
)
from marketsai_lite.economy.contract import Terms


def broken(kind, **members):
    """An economy of a kind that breaks one promise."""
    return type("Broken", (kind,), members)()


def into(x):
    x += 1.0
    return x


def scaled(share):
    """A function of the parent class times `share`."""

    def discount(s, x1, z1):
        return share * Attrition.discount(s, x1, z1)

    return discount


def when(period):
    """A discount that is 0 in this period of the path only."""

    def discount(s, x1, z1):
        return 0.9 * (0 * x1[..., :2] + (x1[..., :1] != period))

    return discount


class Clock(Attrition):
    """Two firms that count the periods, and earn nothing."""

    def initial(self, u):
        return 0.0 * u

    def step(self, x, z, a):
        return x + 1.0, 0 * a[..., 0]

    def legal(self, x, z):
        return namespace(x).stack([x == x, x == x], -1)

    def discount(self, x1, z1):
        return self.β + 0 * x1


def growing(s, x, z, a):
    """One price for three periods, then two."""
    return 0 * (x if isinstance(x, np.ndarray) and x.max() > 3 else x[..., :1])


PROMISES = {
    "no agents": (LQMonopolist, {"agents": ()}, r"^agents=\(\): must be distinct"),
    "agents alike": (LQMonopolist, {"agents": ("a", "a")}, "^agents="),
    "states alike": (LQMonopolist, {"state": ("output", "output")}, "^state="),
    "no actions": (LQMonopolist, {"actions": ()}, r"^actions=\(\): must be 1, one an agent"),
    "an empty box": (LQMonopolist, {"actions": (Box(np.ones(1), np.zeros(1)),)}, "^Box=.*low < h"),
    "no action set": (LQMonopolist, {"actions": ("left",)}, "^actions='left': must be a Box or"),
    "first state": (LQMonopolist, {"initial": lambda s, u: u[..., :0]}, "^initial state shape="),
    "reward shape": (LQMonopolist, {"step": lambda s, x, z, a: (x, x[..., 0])}, "rewards shape="),
    "rewards": (LQMonopolist, {"step": lambda s, x, z, a: (x, x + np.nan)}, "rewards=.*finite"),
    "states": (LQMonopolist, {"step": lambda s, x, z, a: (x / 0.0, x)}, "state=.*finite"),
    "impure step": (LQMonopolist, {"step": lambda s, x, z, a: (into(x), x)},
                    "inputs of step='modified': must be left alone"),
    "impure observe": (LQMonopolist, {"observe": lambda s, x, z: into(z.aggregate)[..., None, :]},
                       "inputs of observe='modified'"),
    "over the batch": (LQMonopolist, {"step": lambda s, x, z, a: (x, x - x.mean())},
                       "step of member 0='differs alone'"),
    "observations over the batch": (
        LQMonopolist, {"observe": lambda s, x, z: x[..., None, :] - x.mean()},
        "observe of member 0='differs alone'"),
    "observations": (LQMonopolist, {"observe": lambda s, x, z: x}, "observations shape="),
    "accounts": (LQMonopolist, {"accounts": lambda s, x, z, a: {"Y": x[:2]}},
                 r"accounts\['Y'\] shape=\(2, 1\): must be \(3,\) or \(3, 1\)"),
    "units": (Cournot, {"exo": Exogenous([[0.0]], [[1.0]], [[0.0]], np.ones((1, 1, 1, 1)), 3)},
              "^exo.n=3: must be at most 2"),
    "unlike agents": (
        Taxes, {"groups": None}, r'^groups=None: must be given, .* as \(Group\("firm"'),
    "groups in another order": (Taxes, {"groups": Taxes.groups[::-1]}, "^groups=.*from agent 0"),
    "groups of some": (Taxes, {"groups": Taxes.groups[:1]}, "^groups=.*of all 3 agents"),
    "groups of unlike": (Taxes, {"groups": (Group("all", slice(0, 3), Taxes.actions[0], 4),)},
                         "^actions='all': must be the action set of each member"),
    "a group too wide": (
        Taxes, {"groups": (*Taxes.groups[:1], Taxes.groups[1]._replace(sees=5))}, "^sees=5"),
    "a column beyond": (
        Taxes, {"groups": (*Taxes.groups[:1], Taxes.groups[1]._replace(sees=1))},
        "observations of government=.*must be zero from column 1 on"),
    "a discount above one": (Attrition, {"discount": scaled(2.0)}, r"discount=.*be in \[0, 1\]"),
    "a negative discount": (Attrition, {"discount": scaled(-1.0)}, r"discount=.*be in \[0, 1\]"),
    "one discount for all": (Attrition, {"discount": lambda s, x, z: 0.9 * x[..., :1]},
                             r"discount shape=\(3, 1\): must be \(3, 2\)"),
    "an end that does not last": (Clock, {"discount": when(5)}, "discount=.*0 once it was 0"),
    "a reward after the end": (
        Attrition, {"step": lambda s, x, z, a: (x * (1 - a[..., 0]), a[..., 0] + 0.1)},
        "rewards=.*must be 0 for an agent whose discount was 0"),
    "a choice that pays after the end": (
        TwoStepGame,
        {"step": lambda s, x, z, a: (TwoStepGame.step(s, x, z, a)[0], a[..., 0] * (x == 3))},
        "rewards=.*must be 0 for an agent whose discount was 0"),
    "prices that step ignores": (
        RentalMarket,
        {"step": lambda s, x, z, a, m=None: RentalMarket.step(
            s, x, z, a, RentalMarket.market(s, x, z, a) * (1.0 if m is None else 1.1))},
        "market=.*must be what step finds"),
    "prices that step changes": (
        RentalMarket,
        {"step": lambda s, x, z, a, m=None: RentalMarket.step(
            s, x, z, a, None if m is None else into(m) - 1)},
        "m of step='modified'"),
    "prices that grow in number": (
        Clock, {"market": growing, "step": lambda s, x, z, a, m=None: Clock.step(s, x, z, a)},
        r"period 4: market shape=\(3, 2\): must be \(3, 1\), the same in every period"),
    "prices that are infinite": (
        Clock,
        {"market": lambda s, x, z, a: 1 / (0 * x), "step": lambda s, x, z, a, m=None: Clock.step(
            s, x, z, a)},
        "market=.*must be finite"),
    "a mask of numbers": (Turns, {"legal": lambda s, x, z: 1 * Turns.legal(s, x, z)},
                          "legal dtype=.*must be bool"),
    "a mask of the wrong shape": (Turns, {"legal": lambda s, x, z: Turns.legal(s, x, z)[..., :2]},
                                  r"legal shape=\(3, 2, 2\): must be \(3, 2, 3\)"),
    "a mask that leaves no choice": (
        Turns, {"legal": lambda s, x, z: Turns.legal(s, x, z) & (x[..., 2:, None] == 0)},
        "legal of firm 1=.*must be True for at least one choice|legal of firm 2"),
    "a mask without a grid": (LQMonopolist, {"legal": lambda s, x, z: x > 0}, "^legal=.*no agent"),
    "a random step": (
        LQMonopolist,
        {"step": lambda s, x, z, a: (x, x + (np.random.random() if isinstance(x, np.ndarray) else 0))},  # noqa: E501
        "step='random': must be deterministic: everything random is in exo"),
    "np.log in a step": (LQMonopolist, {"step": lambda s, x, z, a: (x, np.log(x))},
                         "^step in PyTorch=.*`namespace.*`like`"),
    "np.concatenate in an observation": (
        LQMonopolist, {"observe": lambda s, x, z: np.concatenate([x, x], -1)[..., None, :]},
        "^observe in PyTorch=.*`namespace"),
    "a branch in a step": (
        LQMonopolist, {"step": lambda s, x, z, a: (x, x if x[0] > 0.5 else -x)},
        "^step in PyTorch=.*`namespace.*without looking at numbers"),
    "a float in accounts": (LQMonopolist, {"accounts": lambda s, x, z, a: {"Y": float(x.sum())}},
                            "^accounts in PyTorch="),
    "an array without like": (
        LQMonopolist, {"step": lambda s, x, z, a: (x, x * np.array([2.0]))},
        "^step in PyTorch=.*constants by `like`"),
    "another kind of first state": (
        LQMonopolist, {"initial": lambda s, u: np.log(u)}, "^initial in PyTorch="),
    "a number in a discount": (
        Attrition, {"discount": lambda s, x, z: Attrition.discount(s, x, z) * float(x.max() < 9)},
        "^discount in PyTorch=.*without looking at numbers"),
    "a discount over the batch": (
        Attrition,
        {"discount": lambda s, x, z: Attrition.discount(s, x, z) * (1 + x.mean()) / 2},
        "discount of member 0='differs alone'"),
    "a number in a step at given prices": (
        RentalMarket,
        {"step": lambda s, x, z, a, m=None: RentalMarket.step(
            s, x, z, a, m if m is None or float(m.max()) > 0 else None)},
        "^step in PyTorch=.*without looking at numbers"),
    "another precision": (
        LQMonopolist, {"step": lambda s, x, z, a: (x, 0.1 * (x > 0) + 0)},
        "step in PyTorch=.*must be what NumPy gives"),
}  # fmt: skip


class Lottery(Clock):
    """A game that ends where the chain is in its second state."""

    def discount(self, x1, z1):
        return self.β * (z1.aggregate < 1.5) + 0 * x1


def once(n):
    """A chain whose second state is absorbing, or one without memory if `n` is 2."""
    return Exogenous([[1.0], [2.0]], [[0.9, 0.1], [0.9, 0.1] if n == 2 else [0.0, 1.0]])


@pytest.mark.parametrize("promise", PROMISES)
def test_check_economy_notices(promise, rng):
    kind, members, words = PROMISES[promise]
    with pytest.raises(ValueError, match=f"(?s){words}"), np.errstate(all="ignore"):
        check_economy(broken(kind, **members), rng)


def test_the_economies_that_are_broken_were_whole(rng):
    for kind in {kind for kind, *_ in PROMISES.values()}:
        check_economy(kind(), rng)


def test_a_discount_factor_of_one_is_refused(rng):
    with pytest.raises(ValueError, match=r"^β=1\.0: must be in \[0, 1\)"):
        check_economy(replace(Savers(), β=1.0), rng)


def test_an_end_that_comes_before_the_beginning_is_refused(rng):
    with pytest.raises(ValueError, match=r"^discount after the first period=.*let x remember it"):
        check_economy(Lottery(exo=once(1)), rng)


class Remembered(Attrition):
    """An i.i.d. shock says that a period is the last, and the state remembers it."""

    def step(self, x, z, a):
        return x * (z.aggregate < 1.5), x * (1 + a[..., 0])

    def legal(self, x, z):
        return namespace(x).stack([x == x, x == x], -1)


def test_an_end_by_a_shock_that_the_state_remembers_is_right(rng):
    check_economy(Remembered(exo=once(2)), rng)


class Stopping(Clock):
    """Who stops is paid nothing, so that three copies may all end at once."""

    state = ("the game is on",)

    def initial(self, u):
        return 1.0 + 0.0 * u

    def step(self, x, z, a):
        return x * (a[..., 0].mean(-1)[..., None] == 0), 0 * a[..., 0]

    def observe(self, x, z):
        return namespace(x).stack([x, x], -2)

    def legal(self, x, z):
        return namespace(x).stack([x == x, x == x], -1)[..., [0, 0], :]

    def discount(self, x1, z1):
        return self.β * x1[..., [0, 0]]


def test_a_game_that_chance_ends_at_once_is_right():
    for seed in range(5):  # three copies all stop in the first period with probability 27/64
        check_economy(Stopping(), np.random.default_rng(seed), periods=3)


def test_a_mistake_in_numpy_is_raised_before_any_tensor_is_tried(rng):
    def step(s, x, z, a):
        return x, x @ np.ones((5, 1))

    with pytest.raises(ValueError, match=r"^matmul: "):
        check_economy(broken(LQMonopolist, step=step), rng)
    with pytest.raises(AttributeError, match="'aggregates'"):
        check_economy(broken(LQMonopolist, step=lambda s, x, z, a: (x, z.aggregates)), rng)


def test_a_property_that_builds_the_chains_again_is_refused(rng):
    exo = property(lambda s: Exogenous([[0.0]], [[1.0]]))
    with pytest.raises(ValueError, match=r"^exo='another each time': must be a field"):
        check_economy(type("Rebuilt", (Cournot,), {"exo": exo})(), rng)


@pytest.mark.parametrize("rng", [0, None, np.random.RandomState(0)])
def test_what_is_no_generator_is_refused(rng):
    with pytest.raises(ValueError, match=r"^rng=.*: must be np\.random\.default_rng\(0\)"):
        check_economy(Cournot(), rng)


def test_a_mistake_in_a_step_is_reported_as_it_is(rng):
    with pytest.raises(NameError, match="income"):
        check_economy(broken(LQMonopolist, step=lambda s, x, z, a: (x, income)), rng)  # noqa: F821


def test_random_actions_are_legal(rng):
    legal = np.array([[True, False, True], [False, True, False]] * 500)
    drawn = sample_action(Grid(np.array([[5.0], [6.0], [7.0]])), rng, 1000, legal)[:, 0]
    assert (drawn[1::2] == 6).all() and set(drawn[::2]) == {5.0, 7.0}
    assert (drawn[::2] == 5).mean() == pytest.approx(0.5, abs=0.1)


def test_groups_are_found_where_agents_are_alike():
    terms = Terms(Savers())
    assert [(g.name, g.members, g.sees) for g in terms.groups] == [("ana", slice(0, 2), 3)]
    assert [g.name for g in Terms(Cournot()).groups] == ["firm"]
    terms = Terms(Taxes())
    assert [terms.sees(k) for k in range(3)] == [4, 4, 2] and (terms.da, terms.m) == (2, 3)
