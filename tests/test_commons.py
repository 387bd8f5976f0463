"""The great fish war: closed form, plan, and what a best response is worth."""

import numpy as np
import pytest

from marketsai_lite.economies.commons import Commons
from marketsai_lite.solutions import commons as solutions
from marketsai_lite.solutions.best_response import best_response_gain

# By number of players: share left, share of each, welfare loss in percent of consumption.
TABLE = {
    1: (0.345600, 0.654400, 0.0),
    2: (0.208897, 0.395551, 7.33),
    3: (0.149688, 0.283437, 16.47),
    5: (0.095533, 0.180893, 29.91),
    10: (0.050163, 0.094984, 47.62),
}


@pytest.mark.parametrize("n", TABLE)
def test_equilibrium_and_loss(n):
    economy, (left, each, loss) = Commons(n), TABLE[n]
    share = solutions.equilibrium(economy)
    assert share == pytest.approx(each, abs=1e-6)
    assert 1 - n * share == pytest.approx(left, abs=1e-6)
    assert 100 * solutions.welfare_loss(economy) == pytest.approx(loss, abs=5e-3)
    assert n * solutions.joint(economy) == pytest.approx(0.6544)


def test_each_share_is_the_best_response_to_the_others():
    economy = Commons(4)
    share = solutions.equilibrium(economy)
    assert solutions.best_response(economy, 3 * share) == pytest.approx(share, rel=1e-12)
    for T in (0.0, 0.3, 0.8):
        best = solutions.best_response(economy, T)
        tried = np.linspace(0.01, 0.99, 99) * (1 - T)
        values = solutions.value(economy, tried, T, 0.0)
        assert (values <= solutions.value(economy, best, T, 0.0)).all()


def test_the_value_is_that_of_the_path():
    economy = Commons(3)
    a = np.array([0.1, 0.25, 0.3])
    x, total, z = np.array([np.log(0.3)]), 0.0, economy.exo.shocks(np.zeros(1, int))
    for t in range(800):
        x, r = economy.step(x, z, a[:, None])
        total = total + economy.β**t * r
    exact = solutions.value(economy, a, a.sum() - a, np.log(0.3))
    np.testing.assert_allclose(total, exact, rtol=1e-10)


def test_dynamic_programming_finds_no_gain_in_equilibrium_and_finds_it_elsewhere():
    economy, grid = Commons(2), np.log(0.55) + np.linspace(-1.2, 0.5, 30)

    def gain(share):
        act = lambda o: np.full((*o.shape[:-1], 1), share)  # noqa: E731
        actions = np.linspace(0.3, 0.49, 96)
        return best_response_gain(economy, act, 0, grid, actions=actions).gain

    share, joint = solutions.equilibrium(economy), solutions.joint(economy)
    assert gain(share).max() < 2e-5
    best = solutions.best_response(economy, joint)
    exact = solutions.value(economy, best, joint, 0.0) - solutions.value(economy, joint, joint, 0.0)
    np.testing.assert_allclose(gain(joint), exact, rtol=0.01)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: Commons(0), "n"),
        (lambda: Commons(α=1.0), "α"),
        (lambda: Commons(spared=0.0), "spared"),
        (lambda: Commons(low=0.5), "low"),
        (lambda: solutions.best_response(Commons(), 1.0), "others"),
        (lambda: solutions.value(Commons(), 0.0, 0.5, 0.0), "own"),
        (lambda: solutions.value(Commons(), 0.5, 0.5, 0.0), "others"),
    ],
)
def test_bad_input_is_refused_by_name(call, name):
    with pytest.raises(ValueError, match=f"^{name}="):
        call()
