"""Cite by author and year, as the book does, in notebooks that know no bibliography."""

import re

from pybtex.database import parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

from tools import book


class Citations:
    """The book's bibliography, and the works that one notebook has cited."""

    def __init__(self):
        path = book.ROOT / book.config()["bibtex_bibfiles"][0]
        self.entries, self.cited = parse_file(str(path)).entries, []

    def cite(self, role, content):
        """Return a citation by author and year, linked to the book's bibliography.

        Parameters
        ----------
        role : str
            ``"cite"``, or ``"cite:t"`` when the authors are part of the sentence.
        content : str
            Keys, separated by commas.

        Raises
        ------
        KeyError
            If the bibliography has no such key.
        """
        textual = role in ("cite:t", "cite:ts", "cite:ct")
        parts = []
        for key in re.split(r"\s*,\s*", content):
            names, year = self.authors(key), self.entries[key].fields["year"]
            parts.append(f"{names} ({year})" if textual else f"{names}, {year}")
            if key not in self.cited:
                self.cited.append(key)
        text = ", ".join(parts) if textual else "(" + "; ".join(parts) + ")"
        return f"[{text}]({book.home()}/book/bibliography.html)"

    def authors(self, key):
        """Return the authors' last names."""
        names = [
            str(Text.from_latex(" ".join([*person.prelast_names, *person.last_names])))
            for person in self.entries[key].persons["author"]
        ]
        return " and ".join(names) if len(names) < 3 else f"{names[0]} et al."

    def references(self):
        """Return the list of the works cited so far, or an empty string."""
        style = find_plugin("pybtex.style.formatting", "plain")()
        backend = find_plugin("pybtex.backends", "markdown")()
        keys = sorted(self.cited, key=lambda key: (self.authors(key), key))
        entries = style.format_entries([self.entries[key] for key in keys])
        by_key = {entry.key: " ".join(entry.text.render(backend).split()) for entry in entries}
        lines = [f"- {by_key[key]}" for key in keys]
        return "\n".join(["## References", "", *lines]) if lines else ""
