"""Turn MyST Markdown into Markdown that any notebook viewer shows."""

import re
from types import SimpleNamespace

from sphinx.directives.code import LiteralIncludeReader

from tools import book
from tools.blocks import VERBATIM, Counter, number, parse, words
from tools.citations import Citations

ADMONITIONS = "attention caution danger error hint important note seealso tip warning".split()
DROPPED = ("index", "contents", "tableofcontents")
ROLE = r"\{(?P<role>[\w:+-]+)\}(?P<tick>`+)(?P<content>.+?)(?P=tick)(?!`)"
CODE = r"(?P<span>(?P<tick2>`+)(?:.+?)(?P=tick2)(?!`))"
MATH = r"(?P<math>(?<![\\$])\$(?!\s)(?:\\.|[^$\\])+?\$)"
LINK = r"(?P<bang>!?)\[(?P<text>[^\]\[]*)\]\((?P<href>[^)\s]*)\)"
NOTE = r"\[\^(?P<note>[\w-]+)\](?P<defines>:?)"
INLINE = re.compile("|".join([ROLE, CODE, MATH, LINK, NOTE]), re.S)


class NotPortableError(ValueError):
    """A directive, role or reference has no portable form."""


class Converter:
    """Convert the Markdown cells of one page, in order.

    Parameters
    ----------
    page : tools.book.Page
    labels : dict
        The labels of the whole book, from `tools.blocks.scan`.
    """

    def __init__(self, page, labels):
        self.page, self.labels, self.counter = page, labels, Counter(page)
        self.citations, self.in_solution = Citations(), False

    def fail(self, what):
        """Raise the error that names the page."""
        raise NotPortableError(f"{self.page.path}.md: {what}")

    # Blocks -------------------------------------------------------------------------------

    def convert(self, text):
        """Return the portable form of a cell's Markdown."""
        return re.sub(r"\n{3,}", "\n\n", self.blocks(parse(text.split("\n")))).strip("\n")

    def blocks(self, blocks):
        """Return the portable form of blocks."""
        out, i = [], 0
        while i < len(blocks):
            block, i = blocks[i], i + 1
            if block.kind == "solution-start":
                ends = [j for j in range(i, len(blocks)) if blocks[j].kind == "solution-end"]
                if ends:  # no code inside: it folds like any other solution
                    body = self.blocks(blocks[i : ends[0]])
                    out.append(self.details(self.solution_title(block), body))
                    i = ends[0] + 1
                else:
                    out.append(f"**{self.solution_title(block)}**")
                    self.in_solution = True
            else:
                out.append(indented(self.block(block), block.indent))
        return "\n\n".join(filter(None, out))

    def block(self, block):
        """Return the portable form of one block."""
        kind, body, argument = block.kind, block.body, block.argument
        numbered = number(block, self.counter)
        inner = lambda: self.blocks(parse(body))  # noqa: E731
        if kind == "text":
            return self.text("\n".join(body)).strip("\n")
        if kind == "math":
            if argument:
                body = [argument, *body]
            tag = f" \\tag{{{numbered[1]}}}" if numbered else ""
            return "$$\n" + self.macros("\n".join(body).strip("\n")) + tag + "\n$$"
        if kind in VERBATIM and kind != "literalinclude":
            return "\n".join([f"```{argument}", *body, "```"])
        if kind == "literalinclude":
            return self.included(block)
        if kind == "target" or kind in DROPPED or kind == "exercise-end":
            return ""
        if kind == "solution-end":
            self.in_solution = False
            return ""
        if kind in ADMONITIONS or kind in ("admonition", "dropdown"):
            title = self.inline(argument) if kind not in ADMONITIONS else kind.capitalize()
            if kind == "dropdown" or "dropdown" in block.options.get("class", ""):
                return self.details(title, inner())
            return self.quote(f"**{title}**\n\n" + inner())
        if kind == "prf:proof":
            text = inner()
            last = text.rsplit("\n", 1)[-1]
            gap = "\n\n" if last.startswith((">", "$$", "```", "<", "|")) else " "
            return f"*Proof.* {text}{gap}$\\blacksquare$"
        if kind.startswith("prf:"):
            name = words(*numbered) if numbered else kind[4:].capitalize()
            title = f" ({self.inline(argument)})" if argument else ""
            return self.quote(f"**{name}**{title}\n\n{inner()}")
        if kind in ("exercise", "exercise-start"):
            name = words(*numbered) if numbered else "Exercise"
            title = f" ({self.inline(argument)})" if argument else ""
            return f"**{name}**{title}\n\n{inner()}"
        if kind == "solution":
            return self.details(self.solution_title(block), inner())
        if kind in ("figure", "image"):
            image = f"![{block.options.get('alt', '')}]({self.file(argument)})"
            caption = f"\n\n**{words(*numbered)}.** {inner()}" if numbered else ""
            return image + caption
        if kind in ("table", "list-table"):
            title = f"**{words(*numbered)}.** {self.inline(argument)}\n\n" if numbered else ""
            return title + (inner() if kind == "table" else self.list_table(block))
        if kind in ("epigraph", "margin", "sidebar"):
            return self.quote((f"**{self.inline(argument)}**\n\n" if argument else "") + inner())
        return self.fail(f"the directive {{{kind}}} has no portable form")

    def quote(self, text):
        """Return text as a block quotation."""
        return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))

    def details(self, title, text):
        """Return text that a reader unfolds."""
        return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"

    def solution_title(self, block):
        """Return the title of a solution."""
        return f"Solution to {self.label(block.argument).text}"

    def list_table(self, block):
        """Return a list-table as a pipe table."""
        rows = []
        for line in block.body:
            if cell := re.match(r"^(\*|  )\s?-\s?(.*)$", line):
                if cell[1] == "*":
                    rows.append([])
                rows[-1].append(self.inline(cell[2]))
            elif line.strip():
                rows[-1][-1] += " " + self.inline(line.strip())
        rows.insert(1, ["---"] * len(rows[0]))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    def included(self, block):
        """Return the lines of a file that literalinclude names, under a link to the file."""
        path = ((book.ROOT / self.page.path).parent / block.argument).resolve()
        options = dict(block.options)
        if "dedent" in options:
            options["dedent"] = int(options["dedent"]) if options["dedent"] else None
        reader = LiteralIncludeReader(str(path), options, SimpleNamespace(source_encoding="utf-8"))
        try:
            text, _ = reader.read()
        except (OSError, ValueError) as error:
            self.fail(f"literalinclude of {block.argument}: {error}")
        name = path.relative_to(book.ROOT).as_posix()
        link = f"[`{name}`]({book.source(name)})"
        language = block.options.get("language", "python")
        return f"{link}\n\n```{language}\n{text.rstrip()}\n```"

    # Inline -------------------------------------------------------------------------------

    def text(self, text):
        """Return running text, with definition lists as plain lists."""
        text = self.inline(text)
        return re.sub(r"^(\S.*)\n: +(.*)$", r"- **\1**: \2", text, flags=re.M)

    def inline(self, text):
        """Return text with its roles, mathematics, links and notes in portable form."""
        out, last = [], 0
        for match in INLINE.finditer(text):
            out += [dashes(text[last : match.start()]), self.span(match)]
            last = match.end()
        return "".join([*out, dashes(text[last:])])

    def span(self, match):
        """Return the portable form of one inline span."""
        if match["role"]:
            return self.role(match["role"], match["content"])
        if match["span"]:
            return match["span"]
        if match["math"]:
            return self.macros(match["math"])
        if match["note"]:
            return f"<sup>{match['note']}</sup>" + (" " if match["defines"] else "")
        if match["bang"]:
            return f"![{match['text']}]({self.file(match['href'])})"
        return self.link(match["text"], match["href"])

    def link(self, text, href):
        """Return a Markdown link whose target also exists outside the book."""
        if re.match(r"^(https?:|mailto:)", href):
            return f"[{text}]({href})"
        name, _, anchor = href.partition("#")
        if not name:
            label = self.label(anchor)
        elif name in self.labels:
            label = self.labels[name]
        else:
            path = ((book.ROOT / self.page.path).parent / name).resolve()
            name = path.relative_to(book.ROOT).as_posix()
            if path.is_file() and path.suffix != ".md":
                return f"[{self.inline(text)}]({book.source(name)})"
            label = self.label(name.removesuffix(".md"))
        return f"[{self.inline(text) or label.text}]({self.address(label)})"

    def role(self, role, content):
        """Return the portable form of a role."""
        content = re.sub(r"\s+", " ", content)
        explicit = re.match(r"^(.*\S)\s*<([^>]+)>$", content)
        text, target = (explicit[1], explicit[2]) if explicit else ("", content)
        if role == "math":
            return self.macros(f"${content}$")
        if role in ("eq", "ref", "prf:ref", "numref", "doc"):
            if role == "doc":
                return self.link(text, target + ".md")
            label = self.label(target)
            if role == "numref":
                text = text.replace("%s", label.text.split()[-1])
                text = text.replace("{number}", label.text.split()[-1])
            return f"[{text or label.text}]({self.address(label)})"
        if role == "term":
            label = self.label(f"term:{target.lower()}")
            return f"[{text or target}]({self.address(label)})"
        if role.startswith("cite"):
            try:
                return self.citations.cite(role, content)
            except KeyError as key:
                self.fail(f"no reference {key} in the bibliography")
        if role in ("glue:text", "glue"):
            return f"⟨`{content.split('::')[-1].split(':')[0]}`⟩"
        if role == "index":
            return text or content
        if role in ("code", "literal", "file", "command", "kbd", "samp"):
            return f"`{content}`"
        if role in ("sub", "sup"):
            return f"<{role}>{content}</{role}>"
        if role == "abbr":
            return re.sub(r"\s*\(.*\)$", "", content)
        return self.fail(f"the role {{{role}}} has no portable form")

    def label(self, name):
        """Return what a label stands for."""
        if name not in self.labels:
            self.fail(f"nothing is labelled {name}")
        return self.labels[name]

    def address(self, label):
        """Return a label's address in the published book."""
        anchor = f"#{label.anchor}" if label.anchor else ""
        return f"{book.home()}/{label.page}.html{anchor}"

    def file(self, name):
        """Return the public address of an image."""
        if re.match(r"^https?:", name):
            return name
        base = book.ROOT if name.startswith("/") else (book.ROOT / self.page.path).parent
        path = (base / name.lstrip("/")).resolve()
        if not path.is_file():
            self.fail(f"no file {name}")
        return book.raw(path.relative_to(book.ROOT).as_posix())

    def macros(self, text):
        """Return mathematics with the book's macros expanded."""
        macros = book.config()["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
        for name, (body, arity) in macros.items():
            arguments = r"\s*\{([^{}]*)\}" * arity
            pattern = rf"\\{name}(?![A-Za-z]){arguments}"
            text = re.sub(pattern, lambda m, body=body: filled(body, m), text)
        return text


def filled(body, match):
    """Return a macro's body with its arguments put in."""
    return re.sub(r"#(\d)", lambda digit: match[int(digit[1])], body)


def indented(text, indent):
    """Return text with each line indented, so that it stays inside a list."""
    return "\n".join((indent + line).rstrip() for line in text.split("\n")) if indent else text


def dashes(text):
    """Return text with typed dashes and dots as the book typesets them."""
    text = re.sub(r"(?<=\w)--(?=\w)|(?<=\S )--(?= \S)", "–", text)
    text = re.sub(r"(?<=\w)---(?=\w)|(?<=\S )---(?= \S)", "—", text)
    return re.sub(r"(?<!\.)\.\.\.(?!\.)", "…", text)
