"""The book's own Sphinx extension: the ledger, a line on top of lectures, repairs to the theme."""

import json
import re
import shutil
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx import addnodes
from sphinx.util.docutils import SphinxDirective

COLUMNS = {  # heading of the ledger's table: relative width
    "Claim": 34,
    "This book": 20,
    "Reference": 24,
    "Allowed band": 14,
    "Verdict": 8,
}


def number(x):
    """Return a number, or words, as the ledger prints them."""
    return f"{x:.7g}" if isinstance(x, int | float) else str(x)


def interval(pair, digits=7):
    """Return a pair of numbers as an interval."""
    return "[{}, {}]".format(*(f"{x:.{digits}g}" for x in pair))


def spread(claim):
    """Return in words how a claim varies over seeds; nothing if it has none."""
    words = [interval(claim["band"], 3)] if "band" in claim else []
    words += [f"s.e. {claim['se']:.2g}"] if "se" in claim else []
    words += [f"{claim['seeds']} seeds"] if "seeds" in claim else []
    return ", ".join(words)


class Ledger(SphinxDirective):
    """``{ledger}``: every claim of the book, from ``claims.json`` in the build folder."""

    def run(self):
        """Return one table per lecture."""
        path = Path(self.env.app.outdir).parent / "claims.json"
        if not path.exists():
            return [self.state.document.reporter.warning(f"{path} is missing: run `make book`")]
        self.env.note_dependency(str(path))
        document = json.loads(path.read_text(encoding="utf-8"))
        found = []
        for lecture in dict.fromkeys(claim["lecture"] for claim in document["claims"]):
            claims = [c for c in document["claims"] if c["lecture"] == lecture]
            heading = nodes.rubric()
            heading += self.cell(f"[](/lectures/{lecture}.md)")[0].children
            found += [heading, self.table(claims)]
        kept = sum(claim["verdict"] == "inside" for claim in document["claims"])
        words = (
            f"{kept} of {len(document['claims'])} claims lie inside their allowed band, "
            f"at {document['scale']} scale with Python {document['versions']['python']}, "
            f"NumPy {document['versions']['numpy']} and Numba {document['versions']['numba']}."
        )
        return [nodes.paragraph(text=words), *found]

    def cell(self, text):
        """Parse the MyST text of a cell."""
        box = nodes.Element()
        self.state.nested_parse([text], 0, box)
        return box.children

    def small(self, text):
        """Parse the MyST text of a cell's second line."""
        return nodes.container("", *self.cell(text), classes=["small"])

    def table(self, claims):
        """Return the table of one lecture's claims."""
        table = nodes.table(classes=["ledger"])
        group = nodes.tgroup(cols=len(COLUMNS))
        group += [nodes.colspec(colwidth=width) for width in COLUMNS.values()]
        head = nodes.row()
        head += [nodes.entry("", nodes.paragraph(text=name)) for name in COLUMNS]
        group += nodes.thead("", head)
        body = nodes.tbody()
        for claim in claims:
            row = nodes.row()
            name = nodes.paragraph("", "", nodes.literal(text=claim["name"]))
            value = nodes.paragraph("", "", nodes.strong(text=claim["text"]))
            verdict = nodes.inline(text=claim["verdict"], classes=["verdict", claim["verdict"]])
            allowed = interval(claim["allowed"]) if "allowed" in claim else "none"
            row += nodes.entry("", name, self.small(claim.get("why", "")))
            row += nodes.entry("", value, self.small(spread(claim)))
            reference = self.cell(number(claim.get("reference", "")))
            row += nodes.entry("", *reference, self.small(claim.get("source", "")))
            row += nodes.entry("", nodes.paragraph(text=allowed))
            row += nodes.entry("", nodes.paragraph("", "", verdict))
            body += row
        group += body
        table += group
        return table


def add_run_line(app, doctree, docname):
    """Put links to Colab and to the notebook, and the running time, under a lecture's title."""
    if not docname.startswith("lectures/"):
        return
    theme = app.config.html_theme_options
    slug = theme["repository_url"].rstrip("/").removeprefix("https://github.com/")
    twin = f"github/{slug}/blob/{theme['repository_branch']}/{docname}.ipynb"
    colab = f"{theme['launch_buttons']['colab_url']}/{twin}"
    parts = [
        f'<a href="{colab}">Open in Colab</a>',
        f'<a href="../_sources/{docname}.ipynb" download>Download the notebook</a>',
    ]
    data = NbMetadataCollector.get_exec_data(app.env, docname)
    if data and data["runtime"]:
        parts.append(f"runs in {data['runtime']:.0f} seconds on two CPU cores")
    line = nodes.raw("", f'<p class="run-line">{" · ".join(parts)}</p>', format="html")
    title = next(iter(doctree.findall(nodes.title)))
    title.parent.insert(title.parent.index(title) + 1, line)


def link_sources(app, doctree):
    """Let a link to a file of the repository lead to the file's page at its public address."""
    theme = app.config.html_theme_options
    address = f"{theme['repository_url'].rstrip('/')}/blob/{theme['repository_branch']}"
    for link in list(doctree.findall(addnodes.download_reference)):
        path = app.env.relfn2path(link["reftarget"], app.env.docname)[0]
        link.replace_self(nodes.reference("", "", *link.children, refuri=f"{address}/{path}"))


def offer_twins(app, exception):
    """Let the download links serve the notebook that also opens in Colab."""
    if exception is None:
        for twin in sorted(Path(app.srcdir).glob("lectures/*.ipynb")):
            served = Path(app.outdir, "_sources", "lectures", twin.name)
            if served.parent.is_dir():
                shutil.copyfile(twin, served)


def repair(app, exception):
    """Mend, in the finished pages, what the theme and other extensions leave broken."""
    if exception is None:
        for path in Path(app.outdir).rglob("*.html"):
            if "_static" not in path.parts:
                path.write_text(mended(path.read_text(encoding="utf-8")), encoding="utf-8")
        # Sphinx's search stops at a result without text, such as an entry of the index.
        search = Path(app.outdir, "_static", "searchtools.js")
        empty = 'if (text === "") return document.createElement("p");'
        search.write_text(
            search.read_text(encoding="utf-8").replace('if (text === "") return null;', empty),
            encoding="utf-8",
        )


def mended(text):
    """Return a page's HTML without thebe, with unique ids and with truthful ARIA labels."""
    # Thebe, which this book does not use, is declared twice: an error on every page.
    text = re.sub(r"<script>const THEBE_JS_URL.*?</script>", "", text, flags=re.S)
    text = re.sub(r"<script[^>]*sphinx-thebe\.js[^>]*></script>", "", text)
    # A label must contain the words that the button shows.
    search = 'title="Search" aria-label="Search"'
    text = text.replace(
        f'search-button-field search-button__button pst-js-only" {search}',
        'search-button-field search-button__button pst-js-only" title="Search"',
    )
    text = re.sub(r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"', r"\1", text)
    text = text.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    # The entries of a bibliography are not list items.
    text = text.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    # A comma stays on the line of the formula before it.
    formula = r'(<span class="math notranslate nohighlight">(?:(?!</span>).)*</span>[,.;:!?)’”]+)'
    text = re.sub(formula, r'<span class="together">\1</span>', text, flags=re.S)
    # Words instead of pictures that not every font has.
    text = text.replace("✅", "done").replace("❌", "failed")
    seen = {}

    def unique(match):
        seen[match[1]] = seen.get(match[1], 0) + 1
        return match[0] if seen[match[1]] == 1 else f' id="{match[1]}-{seen[match[1]]}"'

    return re.sub(r' id="([^"]+)"', unique, text)


def setup(app):
    """Register the extension."""
    app.add_directive("ledger", Ledger)
    app.add_css_file("custom.css")
    app.connect("doctree-read", link_sources, priority=100)  # before Sphinx copies the files
    app.connect("doctree-resolved", add_run_line)
    app.connect("build-finished", offer_twins)
    app.connect("build-finished", repair)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
