"""The repository's public address stands in one place, and a fork changes one line."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml

from tools import book

SOURCES = ["README.md", "CITATION.cff", "CONTRIBUTING.md", "CHANGELOG.md", "pyproject.toml"]
SOURCES += ["Makefile", "environment.yml", "_toc.yml", ".ci/run"]
GENERATED = ("lectures/*.ipynb",)


def files():
    found = [book.ROOT / name for name in SOURCES if (book.ROOT / name).exists()]
    for pattern in (
        "book/*.md",
        "book/_ext/*.py",
        "lectures/*",
        "tools/*.py",
        "marketsai_lite/**/*.py",
    ):
        found += sorted(book.ROOT.glob(pattern))
    return [path for path in found if path.is_file()]


def test_every_mention_of_the_repository_is_the_one_address():
    owner, name = book.slug().split("/")
    mention = re.compile(
        rf"(?:github\.com|/github|githubusercontent\.com)/([\w.-]+/{name})(?![\w-])"
    )
    pages = re.compile(rf"https://([\w-]+)\.github\.io/{name}")
    for path in files():
        text = path.read_text(encoding="utf-8")
        assert set(mention.findall(text)) <= {book.slug()}, path
        assert set(pages.findall(text)) <= {owner}, path


def test_code_and_lectures_never_name_the_address():
    written = [p for p in files() if p.suffix != ".ipynb" and p.parent.name != "book"]
    for path in written:
        if path.name not in ("README.md", "CITATION.cff", "CONTRIBUTING.md"):
            assert book.slug() not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("address", ["https://gitlab.com/a/b", "https://github.com/a", "a/b"])
def test_an_address_elsewhere_is_refused(address):
    with pytest.raises(ValueError, match=re.escape(f"repository.url = {address!r}")):
        book.slug(address)


def test_a_fork_changes_one_line(tmp_path):
    ignore = shutil.ignore_patterns(
        ".git", "_build", ".venv", "__pycache__", "node_modules", ".*_cache"
    )
    fork = tmp_path / "fork"
    shutil.copytree(book.ROOT, fork, ignore=ignore)
    config = fork / "_config.yml"
    config.write_text(
        config.read_text(encoding="utf-8").replace(
            book.repository(), "https://github.com/ann/markets"
        ),
        encoding="utf-8",
    )
    for tool in ("tools.book", "tools.export"):
        subprocess.run([sys.executable, "-m", tool], cwd=fork, check=True, capture_output=True)
        subprocess.run([sys.executable, "-m", tool, "--check"], cwd=fork, check=True)
    old = re.compile(rf"{re.escape(book.slug())}|{re.escape(book.home())}")
    for path in [*fork.glob("*.*"), *fork.glob("lectures/*"), *fork.glob("book/*.md")]:
        if path.is_file():
            assert not old.search(path.read_text(encoding="utf-8")), path
    citation = yaml.safe_load((fork / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == "https://github.com/ann/markets"
    assert citation["url"] == "https://ann.github.io/markets"
    twin = (fork / "lectures" / f"{book.lectures()[0].stem}.ipynb").read_text(encoding="utf-8")
    assert "git+https://github.com/ann/markets" in twin
    assert "colab.research.google.com/github/ann/markets/blob/main" in twin
