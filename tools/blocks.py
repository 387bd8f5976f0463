"""Parse MyST Markdown into blocks, and the labels and numbers that the book gives them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import yaml

FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,}|:{3,})\s*(.*?)\s*$")
MATH_END = re.compile(r"^(.*?)\$\$\s*(?:\(([^)]+)\))?\s*$", re.S)
TARGET = re.compile(r"^\(([^)\s]+)\)=\s*$")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$")
THEOREMS = (
    "algorithm assumption axiom conjecture corollary criterion definition example lemma "
    "observation property proposition remark theorem"
).split()
VERBATIM = "code code-block sourcecode literalinclude".split()


class Block(NamedTuple):
    """A block of a page: text, math, code, target or a directive by its name."""

    kind: str
    body: list[str]
    argument: str = ""
    options: Mapping = MappingProxyType({})
    indent: str = ""


class Label(NamedTuple):
    """What a label stands for: the words of a reference, and where they lead in the book."""

    kind: str
    text: str
    page: str
    anchor: str


def parse(lines):
    """Return the blocks of MyST Markdown lines."""
    blocks, text, i = [], [], 0

    def flush():
        if any(line.strip() for line in text):
            blocks.append(Block("text", text.copy()))
        text.clear()

    while i < len(lines):
        line = lines[i]
        if fence := FENCE.match(line):
            close = next((j for j in range(i + 1, len(lines)) if _closes(lines[j], fence)), None)
            if close is None:
                raise ValueError(f"unclosed fence: {line}")
            flush()
            body = [line.removeprefix(fence[1]) for line in lines[i + 1 : close]]
            blocks.append(_fenced(fence[3], body)._replace(indent=fence[1]))
            i = close
        elif line.lstrip().startswith("$$"):
            indent, body = line[: len(line) - len(line.lstrip())], line.lstrip()[2:]
            while not (end := MATH_END.match(body)):
                i += 1
                if i == len(lines):
                    raise ValueError(f"unclosed $$: {line}")
                body += "\n" + lines[i].removeprefix(indent)
            flush()
            options = {"label": end[2]} if end[2] else {}
            body = end[1].strip("\n").split("\n")
            blocks.append(Block("math", body, "", options, indent))
        elif target := TARGET.match(line):
            flush()
            blocks.append(Block("target", [], target[1]))
        elif not line.startswith("% "):
            text.append(line)
        i += 1
    flush()
    return blocks


def _closes(line, fence):
    mark = fence[2]
    return re.fullmatch(rf" {{0,3}}{mark[0]}{{{len(mark)},}}\s*", line) is not None


def _fenced(info, body):
    match = re.match(r"^\{([\w:+-]+)\}\s*(.*)$", info)
    if not match:
        return Block("code", body, info)
    options = {}
    if body and body[0].strip() == "---":
        end = next(j for j in range(1, len(body)) if body[j].strip() == "---")
        options, body = yaml.safe_load("\n".join(body[1:end])) or {}, body[end + 1 :]
    else:
        while body and (option := re.match(r"^:([\w-]+):\s*(.*?)\s*$", body[0])):
            options[option[1]], body = option[2], body[1:]
    return Block(match[1], body, match[2], options)


class Counter:
    """Numbers of one page's equations, theorems, exercises, figures and tables."""

    def __init__(self, page):
        self.chapter, self.counts = page.number, {}

    def next(self, kind):
        """Return the next number of a kind, as the book prints it."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        prefix = "" if self.chapter is None else f"{self.chapter}."
        return f"{prefix}{self.counts[kind]}"


def number(block, counter):
    """Return the kind and number that the book gives a block, or None."""
    name, options = block.kind, block.options
    if "nonumber" in options:
        return None
    if name == "math":
        return ("equation", counter.next("equation")) if "label" in options else None
    if name.startswith("prf:") and name[4:] in THEOREMS:
        return name[4:], counter.next(name)
    if name in ("exercise", "exercise-start"):
        return "exercise", counter.next("exercise")
    if name == "figure" and any(line.strip() for line in block.body):
        return "figure", counter.next("figure")
    if name in ("table", "list-table") and block.argument:
        return "table", counter.next("table")
    return None


def words(kind, count):
    """Return how the book refers to a numbered thing."""
    return {"equation": f"({count})", "figure": f"Fig. {count}"}.get(
        kind, f"{kind.capitalize()} {count}"
    )


def scan(page, cells):
    """Return the labels of a page.

    Parameters
    ----------
    page : tools.book.Page
    cells : list of (kind, source, metadata)
        The page's cells; kind is ``"markdown"`` or ``"code"``.

    Returns
    -------
    dict
        Label: `Label`; the page's own title is under its path.
    """
    labels, counter, pending = {}, Counter(page), []

    def add(label, kind, text, anchor=None):
        if label in labels:
            raise ValueError(f"{page.path}: label {label} appears twice")
        anchor = anchor_of(label) if anchor is None else anchor
        labels[label] = Label(kind, text, page.path, anchor)

    def walk(blocks):
        for block in blocks:
            numbered = number(block, counter)
            label = block.options.get("label") or block.options.get("name")
            if block.kind == "target":
                pending.append(block.argument)
                continue
            if label and numbered:
                kind, count = numbered
                anchor = anchor_of(f"equation-{label}") if kind == "equation" else None
                add(label, kind, words(kind, count), anchor)
            elif label and block.kind.startswith(("solution", "prf:")):
                add(label, block.kind, block.kind.removeprefix("prf:").capitalize())
            if block.kind == "text":
                for line in block.body:
                    if heading := HEADING.match(line):
                        if page.path not in labels:
                            add(page.path, "page", heading[1], "")
                        for name in pending:
                            add(name, "section", heading[1])
                        pending.clear()
            elif block.kind == "glossary":
                terms = [line.strip() for line in block.body if line and not line[0].isspace()]
                for term in terms:
                    anchor = "term-" + re.sub(r"[^\w.-]+", "-", term)
                    add(f"term:{term.lower()}", "term", term, anchor)
            elif block.kind not in ("math", *VERBATIM):
                walk(parse(block.body))

    for kind, source, metadata in cells:
        if kind == "markdown":
            walk(parse(source.split("\n")))
        elif figure := metadata.get("mystnb", {}).get("figure", {}):
            if "caption" in figure:
                count = counter.next("figure")
                if "name" in figure:
                    add(figure["name"], "figure", words("figure", count))
    return labels


def anchor_of(label):
    """Return the HTML id that docutils makes of a label."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
