"""What `help` shows: each setting and each field of what the package returns is documented."""

import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass, field, fields, is_dataclass
from typing import NamedTuple

import pytest

import marketsai_lite


def records():
    """All public named tuples and dataclasses, but those that cannot be imported without a GPU."""
    for module in pkgutil.walk_packages(marketsai_lite.__path__, "marketsai_lite."):
        if module.name.endswith(("_cuda", "__main__")):
            continue
        for name, kind in vars(importlib.import_module(module.name)).items():
            here = inspect.isclass(kind) and kind.__module__ == module.name
            if here and (hasattr(kind, "_fields") or is_dataclass(kind)) and name[0] != "_":
                yield pytest.param(kind, id=f"{module.name.removeprefix('marketsai_lite.')}.{name}")


def section(kind, title):
    """Names that a section of a docstring says something of: what they mean, not a type alone.

    The settings of an agent have a line each, ``name : meaning``, and their types stand below.
    """
    text = inspect.getdoc(kind) + "\n\n"
    body = text.partition(f"\n{title}\n{'-' * len(title)}\n")[2].partition("\n\n")[0]
    said = r"\S+ \S.*" if kind.__name__ == "Config" else r"\S.*\n    \S"
    lines = re.findall(rf"^(\S[^:]*) : {said}", body, flags=re.M)
    return [name for line in lines for name in line.split(", ")]


def undocumented(kind):
    """The sections of a docstring that do not name just the fields that they should, in order."""
    if hasattr(kind, "_fields"):
        wanted = {"Attributes": list(kind._fields)}
    else:
        own = [f for f in fields(kind) if f.name in vars(kind).get("__annotations__", {})]
        own = [f for f in own if not f.name.startswith("_")]
        wanted = {"Parameters": [f.name for f in own if f.init]}
        wanted["Attributes"] = [f.name for f in own if not f.init]
    return {title: names for title, names in wanted.items() if section(kind, title) != names}


@pytest.mark.parametrize("kind", list(records()))
def test_each_field_is_documented(kind):
    assert not undocumented(kind)


def test_all_rooms_are_looked_into():
    found = [p.id for p in records()]
    assert len(found) >= 60
    agents = "apg", "dqn", "impala", "maddpg", "ppo", "sac"
    assert {f"deep.{agent}.Config" for agent in agents} <= set(found)
    assert {"deep.train.Result", "views.batch.BatchState", "experiments.Recorded"} <= set(found)


def test_a_field_without_a_meaning_is_noticed():
    @dataclass
    class Config:
        """Settings.

        Parameters
        ----------
        known : what it means
        bare : int
        """

        known: int = 1
        bare: int = 2

    @dataclass
    class Model:
        """A model.

        Parameters
        ----------
        known : int
            What it means.
        """

        known: int = 1
        made: int = field(init=False)

    class Found(NamedTuple):
        """What was found."""

        bare: int

    assert set(undocumented(Config)) == {"Parameters"}
    assert undocumented(Model) == {"Attributes": ["made"]}
    assert undocumented(Found) == {"Attributes": ["bare"]}
