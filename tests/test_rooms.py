"""The rooms of the package: which modules may import which."""

import ast
import re
import sys

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
    "require.py": ("numpy", ""),
    "views/table.py": ("numpy quantecon", "economy tabular.mdp tabular.games views"),
    "views/pettingzoo.py": ("numpy pettingzoo gymnasium", "economy views"),
    "views/gymnasium.py": ("numpy gymnasium", "economy views"),
    "views/induced.py": ("", "economy views"),
    "views/batch.py": ("numpy torch", "economy views"),
    "tabular/": ("numpy numba llvmlite scipy tqdm", "tabular"),
    "deep/": ("numpy torch tqdm", "deep economy views.batch"),
    "solutions/": (
        "numpy scipy",
        "economies economy solutions tabular views.table",
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


def test_frameworks_appear_only_in_their_views():
    pattern = re.compile(rf"^\s*(?:import|from) ({'|'.join(FRAMEWORKS)})\b", re.M)
    allowed = ("views/", "running/", "deep/", "economy/check.py")
    for name in FILES:
        if not name.startswith(allowed):
            assert not pattern.search((PACKAGE / name).read_text(encoding="utf-8")), name


def test_no_file_is_much_longer_than_three_hundred_lines():
    long = {n: len((PACKAGE / n).read_text(encoding="utf-8").splitlines()) for n in FILES}
    assert not {n: lines for n, lines in long.items() if lines > 350}
