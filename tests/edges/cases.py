"""Every public function, and the draw of its arguments."""

from dataclasses import fields

from marketsai_lite.economies.cournot import Cournot
from marketsai_lite.economies.growth import Growth
from marketsai_lite.economies.hidden_demand import HiddenDemand
from marketsai_lite.economies.islands import Islands
from marketsai_lite.economies.logit_monopolist import LogitMonopolist, static_monopolist
from marketsai_lite.economies.logit_oligopoly import LogitOligopoly
from marketsai_lite.economies.long_plosser import LongPlosser, random_technology
from marketsai_lite.economies.lq_monopolist import LQMonopolist
from marketsai_lite.economies.multi_country import MultiCountry
from marketsai_lite.economies.planner import Planner
from marketsai_lite.economies.private_signals import PrivateSignals
from marketsai_lite.economies.repeated_game import RepeatedGame
from marketsai_lite.economy import Exogenous, ar1, own_chains, stationary
from marketsai_lite.solutions import (
    auctions,
    brock_mirman,
    cournot,
    egm,
    exchange,
    hidden_demand,
    islands,
    logit_pricing,
    long_plosser,
    lq_monopolist,
    multi_country,
    planner,
    private_signals,
    scores,
)
from marketsai_lite.tabular import (
    MDP,
    action_values,
    bellman,
    expected,
    from_dense,
    games,
    greedy,
    limit_strategies,
    maximum,
    optimistic_policy_iteration,
    policy_bellman,
    policy_iteration,
    policy_value,
    q_learning,
    repeated_games,
    rng,
    sequential_games,
    transition,
    value_iteration,
    value_loss,
)
from marketsai_lite.tabular import enhanced_policy_iteration as enhanced
from tests.edges.economies import (
    ECONOMIES,
    drawn,
    duopoly,
    linear,
    played,
    positive_chain,
    quantities,
    sectors,
    signals,
    unseen,
)
from tests.edges.solutions import (
    capital,
    chebyshev,
    cleared,
    closed,
    endogenous,
    equivalent,
    exchanged,
    firms,
    grid,
    island_options,
    many,
    proportions,
    simulated,
    wandering,
)
from tests.edges.tables import (
    dense,
    every_schedule,
    gains,
    game,
    in_turns,
    learner,
    mdp,
    players,
    repeated,
    solver,
    stage,
    strategies,
    table,
    turns,
    watkins,
    with_table,
)

LIMIT = dict(tol=1, max_iter=1)
# Function and the draw of its arguments; None: the draw is itself the call.
CASES = {
    "schedules": (None, every_schedule),
    "MDP": (MDP, mdp),
    "from_dense": (from_dense, dense),
    "expected": (expected, with_table("v")),
    "action_values": (action_values, with_table("g")),
    "maximum": (maximum, with_table("q")),
    "greedy": (greedy, with_table("q")),
    "bellman": (bellman, with_table("v")),
    "policy_bellman": (policy_bellman, with_table("v", "σ")),
    "policy_value": (policy_value, with_table("σ")),
    "transition": (transition, with_table("σ")),
    "value_loss": (value_loss, with_table("σ", "v_star", "weights")),
    "stop_or_follow": (enhanced.stop_or_follow, with_table("q", "J", "ν")),
    "value_iteration": (value_iteration, solver(v0=1, **LIMIT)),
    "policy_iteration": (policy_iteration, solver(σ0=1, max_iter=1)),
    "optimistic": (optimistic_policy_iteration, solver(m=(0, 1, 20), v0=1, monotone=1, **LIMIT)),
    "enhanced": (enhanced.enhanced_policy_iteration, solver(m=(1, 20), q0=1, **LIMIT)),
    "q_learning": (q_learning, watkins),
    "enhanced_q": (
        enhanced.enhanced_q_learning,
        lambda d: learner(d, table(d)) | dict(every=d.count(1, 5)),
    ),
    "learn": (repeated_games.learn, repeated),
    "learn_sequential": (sequential_games.learn_sequential, in_turns),
    "sequential_cycle": (sequential_games.sequential_cycle, turns),
    "initial_q": (
        repeated_games.initial_q,
        lambda d: dict(payoffs=stage(d, 2, 3), β=d.unit()),
    ),
    "states": (rng.states, lambda d: dict(seeds=d.seeds())),
    "limit_cycle": (limit_strategies.limit_cycle, strategies("state", "m")),
    "joint_actions": (limit_strategies.joint_actions, strategies("m")),
    "next_state": (
        limit_strategies.next_state,
        lambda d: dict(state=0, joint=1, S=d.count(1, 2, 8), M=d.count(1, 2)),
    ),
    "cycle_payoffs": (limit_strategies.cycle_payoffs, strategies("state", "payoffs")),
    "impulse": (
        limit_strategies.impulse_response,
        strategies("cycle", "payoffs", "agent", "deviation", "periods"),
    ),
    "values": (limit_strategies.values, strategies("payoffs", "β")),
    "limit.action_values": (limit_strategies.action_values, strategies("payoffs", "β")),
    "limit.best_response": (limit_strategies.best_response, strategies("payoffs", "β", "agent")),
    "deviation_gap": (limit_strategies.deviation_gap, strategies("payoffs", "β")),
    "exploitability as a share": (limit_strategies.exploitability, strategies("payoffs", "β")),
    "profit_gain": (limit_strategies.profit_gain, gains),
    "MarkovGame": (None, game),
    "induced": (games.induced, players),
    "games.best_response": (games.best_response, players),
    "exploitability": (games.exploitability, lambda d: players(d, agent=False)),
    "stationary": (stationary, lambda d: dict(P=d.damaged(d.rows(*[d.one(1, 2, 5)] * 2)))),
    "chains": (None, drawn),
    "ar1": (ar1, lambda d: dict(n=d.one(2, 5), ρ=d.one(-0.9, 0.0, 0.9), σ=d.one(0.0, 1.0))),
    "own_chains": (own_chains, lambda d: dict(chain=positive_chain(d), n=d.one(1, 3))),
    "demand": (logit_pricing.demand, firms("p")),
    "profits": (logit_pricing.profits, firms("p", "c")),
    "logit.best_response": (logit_pricing.best_response, firms("p", "c")),
    "nash_prices": (logit_pricing.nash_prices, firms("c", "tol")),
    "monopoly_prices": (logit_pricing.monopoly_prices, firms("c")),
    "price_grid": (logit_pricing.price_grid, grid),
    "payoffs": (None, lambda d: duopoly(d).payoffs()),
    "static_monopolist": (static_monopolist, lambda d: dict(a0=d.finite(), μ=d.positive())),
    "random_technology": (
        random_technology,
        lambda d: dict(d=d.one(1, 4), α=d.one(0.1, 0.9), seed=d.one(None, 3)),
    ),
    "cournot.nash": (cournot.nash, lambda d: dict(economy=quantities(d))),
    "cartel": (cournot.cartel, lambda d: dict(economy=quantities(d))),
    "competitive": (cournot.competitive, lambda d: dict(economy=quantities(d))),
    "cobb_douglas": (exchange.cobb_douglas, exchanged("p")),
    "leontief": (exchange.leontief, proportions),
    "perron": (exchange.perron, exchanged()),
    "tâtonnement": (
        wandering,
        lambda d: exchanged("p")(d) | dict(step=d.positive(), T=d.count(0, 3)),
    ),
    "walrasian": (cleared, lambda d: exchanged()(d) | dict(max_iter=d.count(1, 20))),
    "trading_post": (
        exchange.trading_post,
        lambda d: dict(n=d.count(2, 9), m=d.count(2, 10**6), α=d.unit()),
    ),
    "first_price": (auctions.first_price, lambda d: dict(v=d.unit(), n=d.count(2, 9))),
    "double_auction": (auctions.double_auction, lambda d: dict(v=d.unit(), c=d.unit())),
    "egm": (egm.solve, endogenous),
    "islands": (islands.solve, island_options),
    "brock_mirman": (brock_mirman.solve, closed),
    "capital_table": (brock_mirman.capital_table, capital),
    "long_plosser": (long_plosser.solve, lambda d: dict(economy=sectors(d))),
    "lq": (lq_monopolist.solve, lambda d: dict(economy=linear(d))),
    "hidden.limit": (hidden_demand.limit_variance, lambda d: dict(economy=unseen(d))),
    "hidden.average": (hidden_demand.average, lambda d: dict(economy=unseen(d), T=d.count(1, 3))),
    "hidden.lags": (hidden_demand.lags, lambda d: dict(economy=unseen(d), k=d.count(0, 1, 3))),
    "multi_country": (multi_country.solve, many),
    "private": (private_signals.equilibrium, lambda d: dict(economy=signals(d))),
    "team": (private_signals.team, lambda d: dict(economy=signals(d))),
    "naive": (private_signals.naive, lambda d: dict(economy=signals(d))),
    "private.gap": (
        lambda e: private_signals.best_response_gap(e, private_signals.naive(e)),
        lambda d: dict(e=signals(d)),
    ),
    "simulate": (scores.simulate, simulated),
    "consumption_equivalent": (scores.consumption_equivalent, equivalent),
    **{make.__name__: (None, played(make)) for make in ECONOMIES},
}
SLOW = {"planner": (planner.solve, chebyshev)}  # a twentieth of the others' draws
# The arguments of everything that a draw may make before the call.
MADE = set().union(
    *(
        {f.name for f in fields(c)}
        for c in (
            Exogenous, MDP, games.MarkovGame, Growth, Islands, LogitMonopolist, LogitOligopoly,
            Cournot, HiddenDemand, LQMonopolist, LongPlosser, MultiCountry, Planner, PrivateSignals,
            RepeatedGame,
        )
    ),
    {"level", "λ", "ω"},
)  # fmt: skip
