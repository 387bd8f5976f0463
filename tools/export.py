"""Write the notebooks that Colab opens and readers download, one beside each lecture.

``python -m tools.export`` writes ``lectures/NAME.ipynb`` from ``lectures/NAME.md``: the same code,
Markdown that any viewer shows, no outputs, the same bytes every time. ``--check`` writes nothing
and fails when a notebook is out of step with its lecture.
"""

import argparse
import hashlib
import re
import sys

import nbformat

from marketsai_lite.running.output import print_anything
from tools import book
from tools.blocks import scan, words
from tools.lectures import read
from tools.portable import Converter

INSTALL = """import sys

if "google.colab" in sys.modules:
    %pip install -q "marketsai-lite @ git+{url}"
"""
TOP = """[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})
[Read this lecture in the book]({page})

The first cell installs, on Colab only, what Colab lacks.
Names in angle brackets, such as ⟨`name`⟩, stand for numbers that the cells compute and print."""


def cells_of(page):
    """Return the cells of a page as (kind, source, metadata)."""
    path = book.ROOT / f"{page.path}.md"
    if page.path.startswith("lectures/"):
        return [(c.cell_type, c.source, c.metadata) for c in read(path).cells]
    text = re.sub(r"\A---\n.*?\n---\n", "", path.read_text(encoding="utf-8"), flags=re.S)
    return [("markdown", text, {})]


def all_labels():
    """Return the labels of every page of the book."""
    labels = {}
    for page in book.pages():
        for name, label in scan(page, cells_of(page)).items():
            if name in labels:
                raise ValueError(f"label {name} is in {labels[name].page} and in {page.path}")
            labels[name] = label
    return labels


def twin(page, labels):
    """Return a lecture's notebook as text.

    Parameters
    ----------
    page : tools.book.Page
    labels : dict
        From `all_labels`.
    """
    converter = Converter(page, labels)
    top = TOP.format(colab=book.colab(f"{page.path}.ipynb"), page=f"{book.home()}/{page.path}.html")
    cells = [("markdown", top, {}), ("code", INSTALL.format(url=book.repository()), {})]
    for kind, source, metadata in cells_of(page):
        if kind == "markdown":
            if text := converter.convert(source):
                cells.append((kind, text, {}))
            continue
        metadata = {k: v for k, v in metadata.items() if k in ("tags", "mystnb")}
        folded = {"hide-input", "remove-input"} & set(metadata.get("tags", []))
        if converter.in_solution or folded:
            metadata |= {"jupyter": {"source_hidden": True}, "cellView": "form"}
        cells.append((kind, source, metadata))
        if caption := metadata.get("mystnb", {}).get("figure", {}).get("caption"):
            title = words("figure", converter.counter.next("figure"))
            cells.append(("markdown", f"**{title}** {converter.inline(caption)}", {}))
    if references := converter.citations.references():
        cells.append(("markdown", references, {}))
    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for i, (kind, source, metadata) in enumerate(cells):
        mark = hashlib.sha256(f"{page.path} {i}".encode()).hexdigest()[:8]
        cell = make[kind](source.rstrip("\n"), metadata=metadata, id=mark)
        notebook.cells.append(cell)
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def main():
    """Write, or with --check compare, the notebook of every lecture."""
    print_anything()
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one differs")
    check = parser.parse_args().check
    try:
        labels = all_labels()
        lectures = [page for page in book.pages() if page.path.startswith("lectures/")]
        twins = {book.ROOT / f"{page.path}.ipynb": twin(page, labels) for page in lectures}
    except ValueError as error:
        sys.exit(str(error))
    stale = []
    for path, text in twins.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not check:
                path.write_text(text, encoding="utf-8")
    orphans = set((book.ROOT / "lectures").glob("*.ipynb")) - set(twins)
    for path in stale:
        print(("out of step: " if check else "wrote ") + str(path.relative_to(book.ROOT)))
    for path in sorted(orphans):
        print(f"no lecture in _toc.yml: {path.relative_to(book.ROOT)}")
    sys.exit(int(bool(orphans) or (check and bool(stale))))


if __name__ == "__main__":
    main()
