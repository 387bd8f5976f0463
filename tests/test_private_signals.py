"""What critics do to the gradient in the signals game, and where agents with joint critics end."""

from itertools import product

import numpy as np
import pytest

from marketsai_lite.deep import maddpg
from marketsai_lite.deep.train import train
from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.solutions import cournot, private_signals
from marketsai_lite.views.batch import Batch


def enumerated(economy, pricing, std):
    """Weights, own signals, noise and profits of all states and nodes, by the printed game."""
    nodes, mass = np.polynomial.hermite_e.hermegauss(8)  # exact for these polynomials
    mass, rows = mass / mass.sum(), []
    for θ, s, s_j in product((-economy.σ, economy.σ), repeat=3):
        right = [economy.ρ if x == θ else 1 - economy.ρ for x in (s, s_j)]
        for (e, w), (e_j, w_j) in product(zip(nodes, mass, strict=True), repeat=2):
            p = np.array([pricing.price(s) + std * e, pricing.price(s_j) + std * e_j])
            r = ((p - economy.c) * economy.demand(np.array([θ]), p))[0]
            rows.append((0.5 * np.prod(right) * w * w_j, θ, s, s_j, e, e_j, r))
    found = np.array(rows).T
    return found[:, found[0] > 0]  # where signals are always right, some states never come


def conditional(y, weight, *seen):
    """Expectation of y given what is seen, row by row."""
    _, group = np.unique(np.round(np.stack(seen), 9), axis=1, return_inverse=True)
    total = np.bincount(group, weight * y) / np.bincount(group, weight)
    return total[group]


ECONOMIES = [PrivateSignals(), PrivateSignals(ρ=0.6, d=0.8, c=0.3, σ=0.7), PrivateSignals(ρ=1.0)]


@pytest.mark.parametrize("economy", ECONOMIES)
@pytest.mark.parametrize("std", [0.1, 0.6])
def test_variances_of_the_gradient_are_those_of_every_case_added_up(economy, std):
    pricing = private_signals.naive(economy)
    weight, θ, s, s_j, e, e_j, r = enumerated(economy, pricing, std)
    score = e / std * np.stack([1 + 0 * s, s])
    used = {
        "none": r,
        "own": r - conditional(r, weight, s),
        "everything": r - conditional(r, weight, θ, s, s_j),
        "own_critic": conditional(r, weight, s, e),
        "everything_critic": conditional(r, weight, θ, s, s_j, e, e_j),
    }
    found = private_signals.gradient_variances(economy, pricing, std)._asdict()
    means = []
    for name, value in used.items():
        g = value * score
        means.append(g @ weight)
        want = weight @ (g**2).sum(0) - means[-1] @ means[-1]
        assert found[name] == pytest.approx(want, rel=1e-10), name
    np.testing.assert_allclose(means, [means[0]] * 5, atol=1e-9)  # none is biased


@pytest.mark.parametrize("economy", ECONOMIES)
def test_a_baseline_that_sees_more_helps_and_a_critic_that_sees_more_hurts(economy):
    pricing, std, σ = private_signals.equilibrium(economy), 0.2, economy.σ
    v = private_signals.gradient_variances(economy, pricing, std)
    weight, θ, s, s_j, _, _, r = enumerated(economy, pricing, std)
    told = conditional(r, weight, θ, s, s_j) - conditional(r, weight, s)  # beyond the own signal
    gained = (1 + σ**2) / std**2 * (weight @ told**2)
    assert v.own - v.everything == pytest.approx(gained, rel=1e-9, abs=1e-9)
    assert (gained > 1e-3) == (economy.ρ < 1)  # a signal that is always right leaves nothing
    assert v.own < v.none and v.own_critic < v.everything_critic


def test_a_gradient_needs_noise():
    economy = PrivateSignals()
    with pytest.raises(ValueError, match=r"std=0.0: must be positive and finite"):
        private_signals.gradient_variances(economy, private_signals.team(economy), 0.0)


SETTINGS = dict(updates=600, minibatch=64, capacity=6_000, hidden=(16,), critic_hidden=(32,))
RATES = dict(rate=3e-3, critic_rate=1e-2, average=0.97)


@pytest.mark.parametrize("critic", ["everything", "sets"])
def test_joint_critics_find_the_equilibrium_of_cournot_and_a_team_the_cartel(critic):
    economy = Cournot(a=2.0, costs=np.ones(2), β=0.0, capacity=0.75)
    known = {False: cournot.nash(economy).sum(), True: cournot.cartel(economy)}
    assert known == pytest.approx({False: 2 / 3, True: 1 / 2})
    for team, total in known.items():
        config = maddpg.Config(critic=critic, team=team, **SETTINGS, **RATES)
        act = train(Batch(economy, 32), config, 0).act
        q = act(economy.observe(np.full(2, 0.3), None))
        assert q.sum() == pytest.approx(total, abs=0.05)
