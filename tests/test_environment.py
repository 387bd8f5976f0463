"""The environment's three descriptions agree, and Colab's versions satisfy the package's bounds."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tools import colab
from tools.book import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # conda's names
EXTRAS = PROJECT["optional-dependencies"]


def requirements(lines):
    return {r.name.lower(): r for r in map(Requirement, lines)}


def conda():
    """The conda environment's packages as requirements, and its pip lines."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    names = [line for line in lines if isinstance(line, str)]
    pip = next(line["pip"] for line in lines if isinstance(line, dict))
    return requirements(names), pip


def locked():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line[:1] != "#"]
    assert all(pins), "every line of the lock is name==version, without a local version"
    return {pin[1].lower().replace("_", "-"): pin[2] for pin in pins}


def test_the_conda_environment_has_the_package_s_dependencies_and_bounds():
    found, pip = conda()
    wanted = requirements(PROJECT["dependencies"])
    python = found.pop("python")
    assert python.specifier == SpecifierSet(PROJECT["requires-python"])
    for tool in ("pip", "make", "git"):
        found.pop(tool, None)
    assert {NAMES.get(n, n): r.specifier for n, r in found.items()} == {
        n: r.specifier for n, r in wanted.items()
    }
    assert pip == ["-e .[book,test]"]


def test_the_package_s_bounds_are_wide():
    for requirement in requirements(PROJECT["dependencies"]).values():
        assert [s.operator for s in requirement.specifier] == [">="], requirement


@pytest.mark.parametrize("group", ["dependencies", "book", "test"])
def test_the_lock_satisfies_every_bound(group):
    pins = locked()
    lines = PROJECT["dependencies"] if group == "dependencies" else EXTRAS[group]
    for name, requirement in requirements(lines).items():
        assert requirement.specifier.contains(pins[name]), f"{requirement} but {pins[name]}"


def test_colab_keeps_its_versions_and_lacks_one_package():
    wanted = requirements(PROJECT["dependencies"])
    missing = set(wanted) - set(colab.PRESENT)
    assert missing == {"pettingzoo"}
    for name, version in colab.PRESENT.items():
        if name in wanted:
            assert wanted[name].specifier.contains(version), f"{wanted[name]} but {version}"
