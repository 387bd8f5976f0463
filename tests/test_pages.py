"""The sources of the lectures: lines that fit, cells that show something, numbers not typed."""

import ast
import importlib.util
import itertools
import re

import pytest
from nbformat.v4 import new_code_cell

from tools import book, lectures

WIDTH = 72  # characters that the column holds at 1,280 pixels
LECTURES = {path.stem: path for path in book.lectures()}
BLOCK = r"(?ms)^(?P<f>`{3,}|:{3,})\{(?:%s)[^\n]*\n.*?^(?P=f)[ ]*$"
# What is no prose: metadata, code, formulas, roles, the targets of links, and exercises, which
# give the reader parameters to type.
NOT_PROSE = (
    r"\A---\n(?s:.*?)\n---\n",
    r"(?ms)^```\{exercise-start\}.*?^```\{exercise-end\}\n```",
    BLOCK % "exercise",
    BLOCK % "code-cell|math|literalinclude|figure|index",
    r"(?ms)^(`{3,})[a-z]+\n.*?^\1[ ]*$",
    r"(?s)\$\$.*?\$\$",
    r"(?s)\$[^$]*?\$",
    r"\{[a-z:]+\}`[^`]*`",
    r"`[^`\n]*`",
    r"\]\([^)\s]*\)",
    r"(?m)^:[a-z]+:.*$",
)
EXEMPT = (
    r"(?:1[89]|20)\d\d",  # years
    r"(?m)^[*]?\d+(?: and \d+)?\.",  # the number of an item
    r"(?i)(?:part|assumption|step|chapter|theorem|section|table|figure|exercise)s? "
    r"\d+[a-z]?(?:\.\d+)*(?:(?: to | and |, )\d+)*",  # what is numbered, here or elsewhere
    r"(?<=\|) *-?[\d,.]+ *(?=\|)",  # the head of a column
    r"\(\d\)",  # a part of a proposition
)
NUMBER = r"(?<![\w.])[-−]?\d[\d,]*(?:\.\d+)?"


def tags(cell):
    return set(cell.metadata.get("tags", []))


def long_lines(cell):
    shown = "remove-input" not in tags(cell)
    return [line for line in cell.source.splitlines() if shown and len(line) > WIDTH]


def only_publishes(cell):
    """Whether a cell calls `publish`, or loops over that, and does nothing else."""

    def publishes(statement):
        if isinstance(statement, ast.For):
            return all(map(publishes, statement.body))
        return (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Call)
            and getattr(statement.value.func, "id", "") == "publish"
        )

    body = ast.parse(cell.source).body
    return bool(body) and all(map(publishes, body))


def typed(text):
    """The numbers that stand in the prose, each with what is around it."""
    for pattern in (*NOT_PROSE, *EXEMPT):
        text = re.sub(pattern, " ", text)
    spans = (m.span() for m in re.finditer(NUMBER, text))
    return [text[max(0, a - 40) : b + 20].replace("\n", " ") for a, b in spans]


def broken_tables(text):
    """Return the rules under heads of tables that do not have as many columns."""

    def width(row):
        return re.sub(r"`[^`]*`|\$[^$]*\$", "", row).count("|")

    rows = text.split("\n")
    return [
        rule
        for head, rule in itertools.pairwise(rows)
        if re.fullmatch(r"\|[-:| ]+\|", rule)
        and not (width(head) == width(rule) and all(rule[1:-1].split("|")))
    ]


@pytest.fixture(params=LECTURES)
def cells(request):
    """The code cells of a lecture."""
    return [c for c in lectures.read(LECTURES[request.param]).cells if c.cell_type == "code"]


def test_lines_of_code_fit_the_column(cells):
    assert not [line for cell in cells for line in long_lines(cell)]


@pytest.mark.parametrize("name", LECTURES)
def test_listings_fit_the_column(name):
    twin = lectures.read(LECTURES[name].with_suffix(".ipynb"))
    prose = "\n".join(cell.source for cell in twin.cells if cell.cell_type == "markdown")
    listings = re.findall(r"(?ms)^```python\n(.*?)^```$", prose)
    assert not [x for code in listings for x in code.splitlines() if len(x) > WIDTH]


def test_a_cell_that_draws_is_folded(cells):
    drawn = [cell for cell in cells if "figure" in cell.metadata.get("mystnb", {})]
    assert not [cell.source for cell in drawn if "hide-input" not in tags(cell)]


def test_a_color_map_is_shown_as_it_was_drawn_in_the_dark_too(cells):
    """Elsewhere the lightness is turned over, and a map's order with it."""
    maps = [c for c in cells if re.search(r"imshow|pcolormesh|contourf|cmap=", c.source)]
    images = [c.metadata["mystnb"]["image"] for c in maps]
    assert all("as-drawn" in image.get("classes", "").split() for image in images)


def test_no_figure_is_described_by_a_color_that_the_dark_turns_over(cells):
    images = [c.metadata.get("mystnb", {}).get("image", {}) for c in cells]
    turned = [i["alt"] for i in images if "alt" in i and "classes" not in i]
    assert not [alt for alt in turned if re.search(r"\b([Bb]lack|[Ww]hite)\b", alt)]


def test_a_cell_that_only_publishes_is_not_shown(cells):
    assert not [c.source for c in cells if only_publishes(c) and "remove-input" not in tags(c)]


@pytest.mark.parametrize("name", LECTURES)
def test_no_number_in_the_prose_is_typed(name):
    assert not typed(LECTURES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LECTURES)
def test_tables_have_a_rule_for_each_column(name):
    assert not broken_tables(LECTURES[name].read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LECTURES)
def test_words_lead_to_the_glossary(name):
    text = LECTURES[name].read_text(encoding="utf-8")
    assert len(set(re.findall(r"\{term\}`([^`]*)`", text))) >= 3


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It loses 0.3 percent.", 1),
        ("With 1,000 seeds it loses -2.", 2),
        ("Bellman (1957) has {glue:text}`a.b_3` of $x = 3$, and `2`.", 0),
        ("1. Under assumptions 1 to 3, Theorem 4b of chapter 11 holds.", 0),
        ("Steps 1 and 2 take 3 seconds.", 1),
        ("```{exercise-start}\n:label: ex-a\n```\n\nLet β be 0.9.\n\n```{exercise-end}\n```", 0),
        ("```{code-cell} ipython3\nx = 3\n```\n\nIt is 3.\n\n```{math}\n3\n```", 1),
        ("```{admonition} Note\n:class: tip\n\nIt takes 3 seconds.\n```", 1),
        ("```{prf:proof}\nSo $x = 1$.\n```\n\nIt is 3.\n\n```python\nx = 3\n```", 1),
        ("See [the third](https://a.b/3.html).", 0),
        ("| | $d = 1$ | 2 | 4 |\n|---|---|---|---|\n| loss | 3 percent | | |", 1),
    ],
)
def test_a_typed_number_is_noticed(text, numbers):
    assert len(typed(text)) == numbers


@pytest.mark.parametrize(
    ("source", "only"),
    [
        ("publish('a', 1)", True),
        ("for d in 1, 2:\n    publish(f'a_{d}', x[d])\npublish('b', 2)", True),
        ("x = 3\npublish('a', x)", False),
        ("for d in 1, 2:\n    x = d\n    publish('a', x)", False),
        ("# nothing", False),
    ],
)
def test_a_cell_that_only_publishes_is_noticed(source, only):
    assert only_publishes(new_code_cell(source)) is only


def test_a_long_line_is_noticed_unless_it_is_not_shown():
    line = "x" * (WIDTH + 1)
    assert long_lines(new_code_cell(f"y = 1\n{line}")) == [line]
    assert not long_lines(new_code_cell(line[1:]))
    assert not long_lines(new_code_cell(line, metadata={"tags": ["remove-input"]}))


@pytest.mark.parametrize(
    ("rule", "broken"), [("|---|---|", False), ("|---||", True), ("|---|", True)]
)
def test_a_broken_table_is_noticed(rule, broken):
    assert bool(broken_tables(f"| `a|b` | $|x|$ |\n{rule}\n| 1 | 2 |")) == broken


@pytest.mark.parametrize(
    ("after", "kept"), [(", as", ","), ("; so", ";"), (").", ")."), (" and", ""), ("th", "")]
)
def test_a_comma_is_kept_on_the_line_of_its_formula(after, kept):
    path = book.ROOT / "book" / "_ext" / "marketsai_book.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    extension = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(extension)
    formula = '<span class="math notranslate nohighlight">\\(a\\)</span>'
    first = f"<p>{formula} and {formula}"
    together = f'<span class="together">{formula}{kept}</span>' if kept else formula
    wanted = f"<p>{formula} and {together}{after.removeprefix(kept)}</p>"
    assert extension.mended(f"{first}{after}</p>") == wanted
