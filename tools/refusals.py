"""The page of the book on which every malformed description of the tests meets its error.

``python -m tools.refusals`` writes book/refusals.md from tests/malformed.py.
"""

import re

from marketsai_lite.constructor import build
from tests import malformed
from tools.book import ROOT

PAGE = ROOT / "book" / "refusals.md"
LONGEST = 44  # characters of a value that are printed
HEAD = (
    "# Malformed Descriptions\n\n"
    "[](../lectures/economy_constructor.md) builds economies from descriptions. Here are "
    "descriptions with a mistake, one or more for each rule, and the errors with which they are "
    "refused: the object and its field, the value that stands there, and what would be right.\n\n"
    "All but the first change something in an economy that is whole, in which makers of kites sell "
    "them to children at a trading post. A test builds each of them and holds its error to the "
    "words. This page is written from the same descriptions; “…” stands for the rest of a long "
    "value.\n"
)


def refusal(changes):
    """The error with which a description is refused, in one line; a long value is cut off."""
    try:
        build(None if changes is None else malformed.kite_makers(**changes))
    except ValueError as error:
        words = " ".join(re.sub(r" at 0x[0-9a-f]+", "", str(error)).split())
        where, value, cure = re.fullmatch(r"(.*?)=(.*): must be (.*)", words).groups()
        value = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
        return f"{where}={value}: must be {cure}"
    raise AssertionError(f"{changes} is whole")


def page():
    """The page in Markdown."""
    lines = [HEAD]
    for name, (changes, _) in malformed.MALFORMED.items():
        lines.append(f"**{name}**\n: `` {refusal(changes)} ``\n")
    return "\n".join(lines)


if __name__ == "__main__":
    import torch  # noqa: F401  an equation of NumPy alone is met where PyTorch is there

    PAGE.write_text(page(), encoding="utf-8")
