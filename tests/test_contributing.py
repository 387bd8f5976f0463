"""CONTRIBUTING.md: the economy and the agent that it shows are whole, and do what it says."""

import re

import numpy as np
import pytest
import torch

from tools.book import ROOT

GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = re.search(r"## Add an economy\n(.*?)\n## ", GUIDE, flags=re.S).group(1)
ECONOMY, USE, GAME, PLAY = re.findall(r"```python\n(.*?)```", SECTION, flags=re.S)
AGENTS = re.search(r"## Add an agent\n(.*?)\n## ", GUIDE, flags=re.S).group(1)
AGENT, TRAIN = re.findall(r"```python\n(.*?)```", AGENTS, flags=re.S)


@pytest.fixture(scope="module")
def found():
    names = {"__name__": "guide"}
    exec(ECONOMY + USE + GAME + PLAY, names)
    return names


def test_the_economy_of_the_guide_is_short():
    body = ECONOMY[ECONOMY.index("@dataclass") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 25


def test_the_owner_of_the_guides_fishery_catches_what_theory_says(found):
    """Log utility and a power law of growth: a constant share, as in Levhari and Mirman (1980)."""
    economy = found["economy"]
    assert 1 - economy.β * economy.θ == pytest.approx(0.43)
    np.testing.assert_allclose(found["best"], 0.43, rtol=1e-12)


def test_the_guides_batch_steps_like_its_economy(found):
    batch, economy = found["batch"], found["economy"]
    generator = torch.Generator().manual_seed(0)
    state = batch.reset(generator)
    after = batch.step(state, torch.full((64, 1, 1), 0.43), generator)
    x = 0.6 * (np.log(0.57) + state.x.numpy()) + economy.exo.values[state.i[:, 0].numpy()]
    np.testing.assert_allclose(after.state.x.numpy(), x, atol=1e-6)
    np.testing.assert_allclose(after.reward.numpy(), np.log(0.43) + state.x.numpy(), atol=1e-6)


def test_the_guides_grid_is_closed_where_it_says(found):
    """The boldest catch and the smallest lead back to where they started at the ends."""
    shares = np.linspace(0.1, 0.6, 51)
    low, high = (-0.2 + 0.6 * np.log(0.4)) / 0.4, (0.2 + 0.6 * np.log(0.9)) / 0.4
    assert -1.88 < low < -1.87 and 0.34 < high < 0.35

    def table(low, high):
        return found["tabulate"](found["economy"], np.linspace(low, high, 24), actions=shares)

    table(low - 0.001, high + 0.001)
    for ends, at, share in (((low + 0.01, 0.4), "-1.8", 0.6), ((-2.0, high - 0.01), "0.33", 0.1)):
        words = rf"^grid of 'log fish': at state \[{at}.*\[\[{share}\]\] leads to .*a wider grid"
        with pytest.raises(ValueError, match=words):
            table(*ends)


def test_the_game_of_the_guide_is_short():
    body = GAME[GAME.index("@dataclass") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 27


def test_the_guides_game_pays_what_it_says_and_ends_after_the_last_period(found):
    """At a price of 1/2 the shop sells 1/4, of which the landlord has three tenths."""
    start, after = found["start"], found["after"]
    assert [group[3] for group in found["leases"].terms.groups] == [1, 2]
    np.testing.assert_allclose(after.reward, [[0.175, 0.025]] * 2000, atol=1e-7)
    last = start.i[:, 0] == 1
    assert 0.08 < last.float().mean() < 0.12
    np.testing.assert_allclose(after.discount, 0.95 * ~last[:, None].expand(-1, 2), atol=1e-7)
    np.testing.assert_array_equal(after.reached.x, np.stack([np.ones(2000), last], 1))
    np.testing.assert_array_equal(after.state.x[:, 0], ~last)
    np.testing.assert_array_equal(after.state.x[:, 1], 0)
    z = found["leases"].shocks(start).aggregate[:, 0]
    seen = found["leases"].observe(start)
    np.testing.assert_array_equal(seen[:, 0], 0)
    np.testing.assert_array_equal(seen[:, 1, 1], z)


@pytest.mark.parametrize(
    "word", ["`namespace(x)`", "`like(values, x)`", "*closed*", "anywhere", "`groups`",
             "`discount(x1, z1)`", "`market(x, z, a)`", "`legal(x, z)`", "`margins(x, z, a)`"]
)  # fmt: skip
def test_the_guide_says_what_an_economy_needs_and_may_have(word):
    assert word in SECTION


def test_the_agent_of_the_guide_is_short_and_finds_the_equilibrium():
    assert len(AGENT.splitlines()) <= 60
    names = {"__name__": "guide"}
    exec(AGENT + TRAIN, names)
    np.testing.assert_allclose(names["outputs"], 1 / 3, rtol=0.02)
    reward = names["result"].curves["reward"]
    assert reward[-1] > reward[0]
