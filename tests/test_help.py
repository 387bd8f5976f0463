"""What `help` shows: each field of what the package returns is documented."""

import importlib
import inspect
import pkgutil
import re

import pytest

ROOMS = ("economies", "economy", "solutions", "tabular", "views")


def tuples():
    """All public named tuples, except in what cannot be imported without a GPU."""
    for room in ROOMS:
        folder = importlib.import_module(f"marketsai_lite.{room}")
        for module in pkgutil.iter_modules(folder.__path__, folder.__name__ + "."):
            if module.name.endswith("_cuda"):
                continue
            for name, kind in vars(importlib.import_module(module.name)).items():
                here = inspect.isclass(kind) and kind.__module__ == module.name
                if here and hasattr(kind, "_fields") and not name.startswith("_"):
                    yield pytest.param(
                        kind, id=f"{module.name.removeprefix('marketsai_lite.')}.{name}"
                    )


@pytest.mark.parametrize("kind", list(tuples()))
def test_each_field_of_a_named_tuple_is_documented(kind):
    attributes = inspect.getdoc(kind).partition("Attributes\n----------\n")[2]
    lines = re.findall(r"^(\S[^:]*) : \S.*\n    \S", attributes, flags=re.M)
    assert [field for line in lines for field in line.split(", ")] == list(kind._fields)


def test_the_tuples_are_found():
    assert len(list(tuples())) >= 25
