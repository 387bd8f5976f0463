"""Check the built book: internal links and anchors resolve, ids are unique, nothing is off-site.

``python -m tools.links`` reads every page of ``_build/html`` and lists what is wrong.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

from marketsai_lite.running.output import print_anything
from tools import book

LOADS = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """Collects a page's ids, links and loaded files."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        """Note one element."""
        found = dict(attributes)
        if found.get("id"):
            self.ids.append(found["id"])
        if tag == "a" and found.get("name"):
            self.ids.append(found["name"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("stylesheet", "icon", "shortcut icon", "preload"):
            self.loads.append(found.get("href", ""))
        self.loads += [value for key, value in attributes if value and (tag, key) in LOADS]


class Report(NamedTuple):
    """What was read and what is wrong."""

    pages: int
    links: int
    problems: list[str]


def check(root):
    """Check the pages under a folder.

    Parameters
    ----------
    root : Path
        The folder that a web server would serve.

    Returns
    -------
    Report
    """
    pages = {
        path: Page(path.read_text(encoding="utf-8")) for path in sorted(Path(root).rglob("*.html"))
    }
    pages = {path: page for path, page in pages.items() if "_static" not in path.parts}
    problems, count = [], 0
    for path, page in pages.items():
        name = path.relative_to(root)
        problems += [f"{name}: id {i} appears twice" for i in doubles(page.ids)]
        for target in page.links + page.loads:
            count += 1
            parts = urlsplit(target)
            if parts.scheme in ("mailto", "data", "javascript"):
                continue
            if parts.scheme or parts.netloc:
                if target in page.loads:
                    problems.append(f"{name}: loads {target}")
                continue
            address, anchor = urldefrag(target)
            address = unquote(urlsplit(address).path)
            place = (path.parent / address).resolve() if address else path
            place = place / "index.html" if place.is_dir() else place
            if not place.exists():
                problems.append(f"{name}: no file for {target}")
            elif anchor and place in pages and unquote(anchor) not in pages[place].ids:
                problems.append(f"{name}: no anchor for {target}")
    return Report(len(pages), count, problems)


def doubles(names):
    """Return the names that occur more than once."""
    return sorted({name for name in names if names.count(name) > 1})


def main():
    """List what is wrong with the built book's links."""
    print_anything()
    report = check((book.build_dir() / "html").resolve())
    print(*report.problems, sep="\n")
    print(f"{report.pages} pages, {report.links} links, {len(report.problems)} problems")
    sys.exit(int(bool(report.problems) or not report.pages))


if __name__ == "__main__":
    main()
