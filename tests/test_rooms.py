"""The rooms of the package: which modules may import which."""

import ast
import graphlib
import io
import keyword
import re
import sys
import tokenize

import pytest

from marketsai_lite.running.source import imported
from tools.book import ROOT

PACKAGE = ROOT / "marketsai_lite"
FRAMEWORKS = {"torch", "pettingzoo", "gymnasium", "ray"}
# For each room: the modules of other libraries, and the rooms of this package, that it may import.
RULES = {
    "economies/": ("numpy", "economy economies"),
    "economy/check.py": ("numpy torch", "economy"),
    "economy/": ("numpy quantecon", "economy"),
    "constructor/": ("numpy matplotlib", "constructor economies.logit economy"),
    "require.py": ("numpy", ""),
    "views/table.py": ("numpy quantecon", "economy tabular.mdp tabular.games views"),
    "views/pettingzoo.py": ("numpy pettingzoo gymnasium", "economy views"),
    "views/gymnasium.py": ("numpy gymnasium", "economy views"),
    "views/induced.py": ("", "economy views"),
    "views/batch.py": ("numpy torch", "economy views"),
    "tabular/": ("numpy numba llvmlite scipy tqdm", "tabular"),
    "deep/impala.py": ("torch", "deep views.batch running.pool"),
    "deep/": ("numpy torch tqdm", "deep economy views.batch"),
    "solutions/": (
        "numpy scipy",
        "economies economy solutions tabular views.table views.induced",
    ),
    "experiments/_stable_baselines3.py": (
        "numpy torch gymnasium stable_baselines3",
        "experiments deep views.batch",
    ),
    "experiments/krusell_smith_agents.py": (  # it holds a learner of its own
        "numpy torch",
        "experiments economies economy solutions deep views.batch",
    ),
    "experiments/krusell_smith_patience.py": (  # and so does this
        "numpy torch",
        "experiments economies economy solutions deep views.batch",
    ),
    "experiments/": (
        "numpy",
        "experiments running economies economy solutions tabular deep views.table views.batch",
    ),
    "running/": ("numpy tqdm joblib ray", "running"),
    "claims.py": ("IPython", ""),
    "plots.py": ("numpy matplotlib matplotlib_inline", ""),
    "scale.py": ("", ""),
    "__init__.py": ("", ""),
}
# What stands higher may import what stands lower; rooms on one floor do not know of each other.
FLOORS = (
    "require",
    "economy tabular running claims plots scale",
    "economies views",
    "constructor deep solutions",
    "experiments",
)
FILES = sorted(p.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("*.py"))


def broken(name, source):
    """Return the imports of a file that its room does not permit."""
    room = next((r for r in RULES if name == r), None)
    room = room or next((r for r in RULES if r.endswith("/") and name.startswith(r)), None)
    if room is None:
        return [] if not source.strip() or _only_docstring(source) else [f"{name} is in no room"]
    libraries, rooms = (set(words.split()) for words in RULES[room])
    rooms |= {"require"}
    package = ".".join(["marketsai_lite", *name.split("/")[:-1]])
    wrong = []
    for module in imported(source, package):
        top = module.split(".")[0]
        if top != "marketsai_lite":
            if top not in libraries | sys.stdlib_module_names:
                wrong.append(module)
            continue
        inner = module.removeprefix("marketsai_lite").removeprefix(".")
        if inner and not any(inner == r or inner.startswith(r + ".") for r in rooms):
            parents = any(r.startswith(inner + ".") for r in rooms)
            wrong += [] if parents else [module]
    return wrong


def _only_docstring(source):
    return all(
        isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
        for n in ast.parse(source).body
    )


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_what_its_room_permits(name):
    assert not broken(name, (PACKAGE / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("economies/new.py", "import torch"),
        ("economies/new.py", "from marketsai_lite.tabular import solve"),
        ("economies/new.py", "from ..tabular.solve import value_iteration"),
        ("tabular/new.py", "import quantecon"),
        ("tabular/new.py", "from marketsai_lite.economies import logit_monopolist"),
        ("tabular/new.py", "from marketsai_lite.economy import Box"),
        ("tabular/new.py", "def f():\n    import torch"),
        ("views/batch.py", "import pettingzoo"),
        ("views/table.py", "from marketsai_lite.tabular.solve import value_iteration"),
        ("solutions/new.py", "import torch"),
        ("deep/new.py", "from marketsai_lite.economies.islands import Islands"),
        ("deep/new.py", "from marketsai_lite.economies import growth"),
        ("claims.py", "import numpy"),
        ("somewhere/new.py", "import os"),
    ],
)
def test_the_rules_notice(name, source):
    assert broken(name, source)


def arrows(files):
    """Imports among modules of the package: {module: modules}, for sources by path."""
    names = {f"marketsai_lite/{f}".removesuffix(".py").removesuffix("/__init__"): f for f in files}
    names = {name.replace("/", "."): source for name, source in names.items()}
    found = {}
    for name, file in names.items():
        package = name if file.endswith("__init__.py") else name.rpartition(".")[0]
        found[name] = {
            module
            for node in ast.walk(ast.parse(files[file]))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for module in named(imported(ast.unparse(node), package) & names.keys())
        } - {name}
    return found


def named(modules):
    """What one import statement names: a package only if nothing inside of it is named."""
    return {m for m in modules if not any(other.startswith(f"{m}.") for other in modules)}


def circle(files):
    """Modules that import each other in a circle, if some do."""
    try:
        graphlib.TopologicalSorter(arrows(files)).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return None


def upward(files):
    """Imports from a lower floor to a higher one, or from one room to another on its floor."""
    floor = {room: k for k, rooms in enumerate(FLOORS) for room in rooms.split()}

    def room(module):
        return [*module.split("."), ""][1]

    return [
        (importer, module)
        for importer, modules in arrows(files).items()
        for module in modules
        if room(module) != room(importer) and room(module) and room(importer)
        if floor[room(module)] >= floor[room(importer)]
    ]


SOURCES = {name: (PACKAGE / name).read_text(encoding="utf-8") for name in FILES}


def test_imports_run_downward_and_never_in_a_circle():
    assert len(arrows(SOURCES)) == len(FILES)
    assert "marketsai_lite.deep.train" in arrows(SOURCES)["marketsai_lite.deep.ppo"]
    assert circle(SOURCES) is None
    assert not upward(SOURCES)


def test_every_room_has_a_floor():
    rooms = {name.split("/")[0].removesuffix(".py") for name in FILES} - {"__init__"}
    assert rooms == {room for rooms in FLOORS for room in rooms.split()}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("deep/replay.py", "from marketsai_lite.deep import decisions"),
        ("deep/world.py", "def f():\n    from marketsai_lite.deep.train import train"),
        ("economy/arrays.py", "from .check import check_economy"),
        ("economy/chains.py", "from marketsai_lite.economy import Box"),
    ],
)
def test_a_circle_is_noticed(name, line):
    assert circle({**SOURCES, name: SOURCES[name] + line})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("economy/new.py", "from marketsai_lite.economies.growth import Growth"),
        ("tabular/new.py", "import marketsai_lite.views.table"),
        ("views/new.py", "from ..deep import ppo"),
        ("deep/new.py", "from marketsai_lite.solutions import scores"),
        ("require.py", "from marketsai_lite.claims import publish"),
    ],
)
def test_an_upward_arrow_is_noticed(name, line):
    assert upward({**SOURCES, name: SOURCES.get(name, "") + "\n" + line})


def shapes(source):
    """Lines of code as (number, shape): names, numbers and strings are alike; no imports, texts."""
    lines = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"):
            continue
        word = token.string if kind == "OP" or keyword.iskeyword(token.string) else kind
        lines.setdefault(token.start[0], []).append(word)
    bare = (["STRING"], [")"], ["]"], ["}"])
    return [
        (number, " ".join(words))
        for number, words in sorted(lines.items())
        if words[0] not in ("import", "from") and words not in bare
    ]


def repeated(files, run=6):
    """Number of lines that are part of `run` or more lines in a row that stand twice."""
    places, marked = {}, set()
    for name, source in files.items():
        lines = shapes(source)
        for k in range(len(lines) - run + 1):
            window = lines[k : k + run]
            key = tuple(shape for _, shape in window)
            places.setdefault(key, []).append((name, [number for number, _ in window]))
    for found in places.values():
        if len(found) > 1:
            marked |= {(name, number) for name, numbers in found for number in numbers}
    return marked


DEEP = {name: source for name, source in SOURCES.items() if name.startswith("deep/")}


def test_the_deep_agents_repeat_little():
    lines = sum(len(source.splitlines()) for source in DEEP.values())
    assert len(repeated(DEEP)) <= 0.03 * lines
    twin = DEEP["deep/sac.py"].replace("world", "earth").replace("0.02", "0.03")
    again = repeated({**DEEP, "deep/twin.py": twin})
    assert len(again) > 2 * 0.5 * len(twin.splitlines())


def test_a_file_of_the_deep_agents_is_read_in_one_go():
    agents = [f"deep/{name}.py" for name in ("apg", "dqn", "impala", "maddpg", "ppo", "sac")]
    long = {name: len(DEEP[name].splitlines()) for name in agents}
    assert not {name: lines for name, lines in long.items() if lines > 220}


def test_frameworks_appear_only_in_their_views():
    pattern = re.compile(rf"^\s*(?:import|from) ({'|'.join(FRAMEWORKS)})\b", re.M)
    outside = "experiments/_stable_baselines3.py"
    learners = "experiments/krusell_smith_agents.py", "experiments/krusell_smith_patience.py"
    allowed = ("views/", "running/", "deep/", "economy/check.py", outside, *learners)
    for name in FILES:
        if not name.startswith(allowed):
            assert not pattern.search((PACKAGE / name).read_text(encoding="utf-8")), name


def test_no_file_is_much_longer_than_three_hundred_lines():
    long = {n: len((PACKAGE / n).read_text(encoding="utf-8").splitlines()) for n in FILES}
    assert not {n: lines for n, lines in long.items() if lines > 350}
