"""A described economy beside the same economy in other libraries: Cournot's market of many firms.

Everybody computes one period from quantities that are drawn before the clock starts.  Mesa has no
economies, so its model is written as its manual writes one: an object for each firm, which is asked
for its quantity and then paid.  EconGym is the package of that name on PyPI, a suite of games.
"""

import importlib.metadata

import numpy as np

from benchmarks.timing import Table, interleaved
from marketsai_lite.constructor import Agents, Choice, Description, Good, Market, Memory, build
from marketsai_lite.constructor.forms import unit_cost
from marketsai_lite.constructor.mechanisms import cournot
from marketsai_lite.economies.cournot import Cournot

A, COST, COPIES = 1.0, 0.1, 256


def described(n):
    """Cournot's market of n firms, from its description."""
    firm = Agents(
        "firm",
        n,
        choices=(Choice("q", 0.0, 1.0),),
        sees=("last_q",),
        utility="profit",
        memories=(Memory("last_q", of="q", begins=(0.0, 1.0)),),
        technologies=(unit_cost("corn", "corn_sold", COST, "money"),),
        consumes={"money": "profit"},
    )
    corn = Market(
        "corn", "firm", "town", cournot, sell={"quantity": "q"}, given={"a": A, "b": 1.0 / n}
    )
    goods = (Good("money", "numeraire"), Good("corn"))
    return build(Description("corn", goods, (firm, Agents("town", outside=True)), (corn,)))


def mesa_model(n, q):
    """The same market as a model of Mesa, whose firms bring `q` (n,)."""
    import mesa

    class Firm(mesa.Agent):
        def __init__(self, model, q):
            super().__init__(model)
            self.q, self.profit = q, 0.0

        def offer(self):
            self.model.total += self.q

        def earn(self):
            self.profit = (self.model.price - COST) * self.q

    class Corn(mesa.Model):
        def __init__(self):
            super().__init__(seed=0)
            for one in q.tolist():
                Firm(self, one)

        def step(self):
            self.total = 0.0
            self.agents.do("offer")
            self.price = max(A - self.total / n, 0.0)
            self.agents.do("earn")

    return Corn()


def compare(n):
    """Return the table of a market of n firms."""
    from econgym.envs.cournot import CournotEnv

    q = np.random.default_rng(0).random(n) * 0.9
    economy, twin = described(n), Cournot(A, 1.0 / n, np.full(n, COST))
    z = economy.exo.shocks(np.zeros(1, dtype=int))
    many = economy.exo.shocks(np.zeros((COPIES, 1), dtype=int))
    a, x = q[:, None], q
    wide = np.broadcast_to(a, (COPIES, n, 1)).copy(), np.broadcast_to(x, (COPIES, n)).copy()
    mesa, gym = mesa_model(n, q), CournotEnv(n=n, a=A, b=1.0 / n, c=COST)
    gym.reset(seed=0)
    right = (A - q.mean() - COST) * q
    mesa.step()
    np.testing.assert_allclose([firm.profit for firm in mesa.agents], right)
    np.testing.assert_allclose(gym.step(q)[1], right)
    np.testing.assert_allclose(economy.step(x, z, a)[1], right)
    runs = {
        "described here, 256 copies": lambda: economy.step(wide[1], many, wide[0]),
        "described here, one copy": lambda: economy.step(x, z, a),
        "written by hand here, one copy": lambda: twin.step(x, z, a),
        "EconGym, CournotEnv": lambda: gym.step(q),
        "Mesa, one object for each firm": mesa.step,
    }
    seconds = interleaved(runs)
    first = next(iter(runs))
    seconds[first] /= COPIES
    rows = [
        {
            "library": name,
            "microseconds a period": round(1e6 * t, 2),
            "firms' periods per CPU second": f"{n / t:,.0f}",
            "times slower than described here, one copy": float(
                f"{t / seconds['described here, one copy']:.2g}"
            ),
        }
        for name, t in seconds.items()
    ]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("mesa", "econgym")]
    text = (
        f"One period from given quantities; all find the same profits. {' and '.join(versions)}, "
        "the second a suite of games on PyPI and not the simulator of the same name. A described "
        "economy computes many copies at once: its first row is a copy's part of the time of all."
    )
    return Table(f"Described economies: Cournot's market of {n} firms", text, rows)


def tables() -> list[Table]:
    return [compare(2), compare(100)]
