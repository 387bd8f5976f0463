"""Facts about the book that the other tools share: its pages, its address, its build folder.

The public address stands in ``_config.yml`` under ``repository.url`` and nowhere else. README.md,
CITATION.cff and a few pages hold copies; ``python -m tools.book`` rewrites them after the address
was changed, and ``python -m tools.book --check`` says whether they agree.
"""

import argparse
import re
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from marketsai_lite.running.output import print_anything
from marketsai_lite.scale import scale

ROOT = Path(__file__).resolve().parent.parent
COPIES = ["README.md", "CITATION.cff", "CONTRIBUTING.md", "book/*.md"]


class Page(NamedTuple):
    """A page of the book: its path without suffix, and its chapter number or None."""

    path: str
    number: int | None


@cache
def config():
    """Return ``_config.yml`` as a dict."""
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


@cache
def pages():
    """Return the book's pages in reading order, chapters numbered as the book numbers them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found, number = [Page(toc["root"], None)], 0
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            if part.get("numbered"):
                number += 1
            found.append(Page(chapter["file"], number if part.get("numbered") else None))
    return found


def lectures():
    """Return the paths of the lectures, in reading order."""
    return [ROOT / f"{p.path}.md" for p in pages() if p.path.startswith("lectures/")]


def build_dir():
    """Return the build folder: ``_build``, or a folder inside it for the other scales."""
    return ROOT / "_build" if scale() == "lecture" else ROOT / "_build" / scale() / "_build"


def repository():
    """Return the repository's public address."""
    return config()["repository"]["url"].rstrip("/")


def slug(address=None):
    """Return ``owner/name`` of a repository's address."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", address or repository())
    if not match:
        raise ValueError(f"repository.url = {address or repository()!r}: must be on github.com")
    return match[1]


def home(address=None):
    """Return the address of the published book."""
    owner, name = slug(address).split("/")
    return f"https://{owner}.github.io/{name}"


def colab(path):
    """Return the address that opens a notebook of the repository in Colab."""
    branch = config()["repository"]["branch"]
    return f"https://colab.research.google.com/github/{slug()}/blob/{branch}/{path}"


def source(path):
    """Return the address of a file's page in the repository."""
    return f"{repository()}/blob/{config()['repository']['branch']}/{path}"


def raw(path):
    """Return the address of a file's bytes, for images in notebooks outside the book."""
    return f"https://raw.githubusercontent.com/{slug()}/{config()['repository']['branch']}/{path}"


def _copies(old):
    """Return the files that hold copies of the address, with what they should say."""
    for pattern in COPIES:
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            new = text.replace(home(old), home())
            new = re.sub(
                rf"(github(?:\.com)?/){re.escape(slug(old))}(?![\w-])", rf"\1{slug()}", new
            )
            yield path, text, new


def main():
    """Rewrite, or with --check compare, the copies of the repository's address."""
    print_anything()
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one differs")
    check = parser.parse_args().check
    # CITATION.cff remembers the address that the copies were last written with.
    old = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["repository-code"]
    differ = [(path, new) for path, text, new in _copies(old) if text != new]
    for path, new in differ:
        if not check:
            path.write_text(new, encoding="utf-8")
        print(("differs: " if check else "rewrote ") + str(path.relative_to(ROOT)))
    sys.exit(int(bool(differ) and check))


if __name__ == "__main__":
    main()
