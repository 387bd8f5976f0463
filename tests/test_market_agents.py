"""Ten seeds of each learner end where their solution concept says, and nowhere else."""

import time

import numpy as np
import pytest
import torch

from marketsai_lite import experiments
from marketsai_lite.deep.control_variates import hedged, news
from marketsai_lite.economies.rental_market import RentalMarket
from marketsai_lite.economy import Shocks
from marketsai_lite.experiments import market_agents


def found(key, **options):
    """Results of the ten seeds of a cell."""
    held = experiments.recorded("market_agents")
    cells = [
        name
        for name, cell in held.parameters.items()
        if all(cell.get(k) == v for k, v in options.items())
    ]
    assert len(cells) == market_agents.SEEDS
    return np.array([held.results[name][key] for name in cells])


@pytest.mark.parametrize("n", market_agents.FIRMS)
@pytest.mark.parametrize("learner", market_agents.LEARNERS)
def test_firms_end_within_one_percent_of_their_concept(n, learner):
    _, concept, _ = market_agents.LEARNERS[learner]
    known = market_agents.known(market_agents.market(n))
    output = found("output", learner=learner, n=n)
    np.testing.assert_allclose(output, known[concept], rtol=0.01)
    for other, total in known.items():  # and far from the other concepts
        assert other == concept or (np.abs(output / total - 1) > 0.05).all()


@pytest.mark.parametrize("n", market_agents.FIRMS)
def test_the_concepts_are_those_of_linear_demand(n):
    known = market_agents.known(market_agents.market(n))
    assert known["nash"] == pytest.approx(n / (n + 1))
    assert known["cartel"] == pytest.approx(1 / 2)
    assert known["competitive"] == pytest.approx(1)


@pytest.mark.parametrize("n", market_agents.FIRMS)
def test_nobody_gains_from_a_best_response_in_equilibrium_and_everybody_does_elsewhere(n):
    for learner, (_, concept, _) in market_agents.LEARNERS.items():
        gap = found("gap", learner=learner, n=n)
        if concept == "nash":
            assert (gap < 1e-4).all()
            continue
        q = market_agents.known(market_agents.market(n))[concept] / n
        exact = ((1 - (n - 1) * q) / 2) ** 2 - (1 - n * q) * q
        np.testing.assert_allclose(gap, exact, rtol=0.1)
        assert exact > 5e-3


def test_with_equal_wealth_all_three_concepts_save_the_planners_share():
    """Constant returns: what dearer labour brings, cheaper capital takes, r'K + w' = 0."""
    economy = RentalMarket(n=2)
    for given in market_agents.GIVEN:
        share = found("share", given=given)
        np.testing.assert_allclose(share, economy.α * economy.β, rtol=0.01)


def test_a_listener_with_memory_remembers_and_one_without_does_not():
    assert (found("right", economy="announcement", memory=market_agents.MEMORY) > 0.95).all()
    assert (found("right", economy="announcement", memory=0) == 0.5).all()


def test_a_thousand_own_shocks_cost_a_control_variate_little():
    """It looks at each agent's own shock and at their mean: no matrix of all with all."""
    g = torch.Generator().manual_seed(0)
    rows, n = 8_192, 1_000
    z, e = torch.rand((2, rows, 1), generator=g), torch.rand((2, rows, n, 1), generator=g)
    δ = torch.randn((rows, 1), generator=g)

    def seconds(f, *arguments):
        best = []
        for _ in range(3):
            start = time.process_time()
            f(*arguments)
            best.append(time.process_time() - start)
        return min(best)

    def one_planner():
        now, then = (news(Shocks(z[t], e[t]), 1) for t in (0, 1))
        assert now.common.shape == (rows, 2) and now.own.shape == (rows, 1, 0)
        return hedged(δ, *(type(x)(x.common[None], x.own[None]) for x in (now, then)))

    def gram():
        x = e[0, ..., 0]
        return x.T @ x  # one of the two products that regressing on all shocks begins with

    torch.set_num_threads(1)
    assert seconds(one_planner) < 0.5 * seconds(gram)
