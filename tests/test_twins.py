"""The notebooks beside the lectures: in step, the same every time, readable anywhere."""

import json
from pathlib import Path

import nbformat
import pytest

from tools import book, export
from tools.blocks import Label, parse, scan
from tools.portable import Converter, NotPortableError

PAGE = book.Page("lectures/tiny", 3)
HOME = book.home()
GLOSSARY = {"term:policy": Label("term", "policy", "book/glossary", "term-policy")}


@pytest.fixture(scope="module")
def labels():
    return export.all_labels()


@pytest.mark.parametrize("page", [p for p in book.pages() if p.path.startswith("lectures/")])
def test_the_notebook_is_in_step_with_its_lecture(page, labels):
    path = book.ROOT / f"{page.path}.ipynb"
    assert path.read_text(encoding="utf-8") == export.twin(page, labels), "run `make twins`"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert not any(cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.parametrize("page", [p for p in book.pages() if p.path.startswith("lectures/")])
def test_the_notebook_has_the_lecture_s_code_and_the_install_cell(page):
    notebook = nbformat.read(book.ROOT / f"{page.path}.ipynb", as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0] == (
        'import sys\n\nif "google.colab" in sys.modules:\n'
        f'    %pip install -q "marketsai-lite @ git+{book.repository()}"'
    )
    assert code[1:] == [source for kind, source, _ in export.cells_of(page) if kind == "code"]
    assert book.colab(f"{page.path}.ipynb") in notebook.cells[0].source


@pytest.mark.parametrize("page", [p for p in book.pages() if p.path.startswith("lectures/")])
def test_no_trace_of_the_book_s_own_syntax_is_left(page):
    notebook = nbformat.read(book.ROOT / f"{page.path}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for trace in ("{cite", "{eq}", "{ref}", "{prf", "```{", ":::", ":label:", "{glue"):
                assert trace not in cell.source


def test_no_notebook_is_without_a_lecture():
    wanted = {path.with_suffix(".ipynb") for path in book.lectures()}
    assert set((book.ROOT / "lectures").glob("*.ipynb")) == wanted


# The converter, construct by construct.


def converted(text, labels=()):
    found = scan(PAGE, [("markdown", "# Tiny\n\n" + text, {})])
    converter = Converter(PAGE, {**GLOSSARY, **found, **dict(labels)})
    converter.convert("# Tiny")
    return converter.convert(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$$\nx = 1\n$$", "$$\nx = 1\n$$"),
        ("$$\nx = 1\n$$ (eq-x)", "$$\nx = 1 \\tag{3.1}\n$$"),
        ("$$ x = 1 $$ (eq-x)", "$$\n x = 1  \\tag{3.1}\n$$"),
        ("```{math}\n:label: eq-x\nx\n```", "$$\nx \\tag{3.1}\n$$"),
        ("$\\EE[x] \\in \\RR$, \\$5", "$\\mathbb{E}[x] \\in \\mathbb{R}$, \\$5"),
        ("`$\\EE$ {eq}`", "`$\\EE$ {eq}`"),
        ("a -- b, 1--2, c...", "a – b, 1–2, c…"),
        ("{term}`policy` and {term}`those <policy>`", None),
        ("{index}`agent`, {kbd}`Ctrl`, {sub}`2`", "agent, `Ctrl`, <sub>2</sub>"),
        ("It is {glue:text}`a.b`.", "It is ⟨`a.b`⟩."),
        ("% a comment\ntext", "text"),
        ("```{index} one, two\n```\ntext", "text"),
        ("```{note}\nHear.\n```", "> **Note**\n>\n> Hear."),
        (":::{admonition} Why\n:class: tip\nSo.\n:::", "> **Why**\n>\n> So."),
        (
            "```{dropdown} More\nText.\n```",
            "<details>\n<summary>More</summary>\n\nText.\n\n</details>",
        ),
        ("```python\nx = '{eq}`a`'\n```", "```python\nx = '{eq}`a`'\n```"),
        ("```{code-block} python\n:linenos:\nx\n```", "```python\nx\n```"),
        ("::::{prf:proof}\nClear.\n::::", "*Proof.* Clear. $\\blacksquare$"),
        ("term\n: what it is", "- **term**: what it is"),
        ("x[^1]\n\n[^1]: note", "x<sup>1</sup>\n\n<sup>1</sup>  note"),
        (
            "```{list-table}\n* - a\n  - b\n* - 1\n  - $\\EE$\n```",
            "| a | b |\n| --- | --- |\n| 1 | $\\mathbb{E}$ |",
        ),
        ("1. one\n\n   $$\n   x\n   $$\n", "1. one\n\n   $$\n   x\n   $$"),
        ("[here](https://x.org/a)", "[here](https://x.org/a)"),
    ],
)
def test_constructs(text, expected):
    if expected is None:
        link = f"({HOME}/book/glossary.html#term-policy)"
        expected = f"[policy]{link} and [those]{link}"
    assert converted(text) == expected


def test_theorems_exercises_and_equations_are_numbered_and_linked():
    text = """
:::{prf:theorem} Fixed point
:label: thm-a

$$
x
$$ (eq-a)
:::

```{prf:lemma}
:label: lem-a
Text.
```

```{prf:theorem}
:label: thm-b
:nonumber:
Text.
```

```{exercise}
:label: ex-a
Do it.
```

```{solution} ex-a
:class: dropdown
By {prf:ref}`thm-a`, {prf:ref}`lem-a`, {eq}`eq-a`, [](eq-a), [this](#eq-a) and {ref}`there <ex-a>`.
```
"""
    result = converted(text)
    page = f"{HOME}/lectures/tiny.html"
    assert "> **Theorem 3.1** (Fixed point)\n>\n> $$\n> x \\tag{3.1}\n> $$" in result
    assert "> **Lemma 3.1**" in result
    assert "> **Theorem**\n" in result
    assert "**Exercise 3.1**\n\nDo it." in result
    assert "<summary>Solution to Exercise 3.1</summary>" in result
    assert f"By [Theorem 3.1]({page}#thm-a), [Lemma 3.1]({page}#lem-a)" in result
    assert f"[(3.1)]({page}#equation-eq-a), [(3.1)]({page}#equation-eq-a)" in result
    assert f"[this]({page}#equation-eq-a) and [there]({page}#ex-a)" in result


def test_a_solution_with_code_marks_its_cells():
    text = "```{exercise-start}\n:label: ex-a\n```\nDo.\n```{exercise-end}\n```"
    found = scan(PAGE, [("markdown", text, {})])
    converter = Converter(PAGE, found)
    assert converter.convert(text) == "**Exercise 3.1**\n\nDo."
    assert converter.convert("```{solution-start} ex-a\n```") == "**Solution to Exercise 3.1**"
    assert converter.in_solution
    converter.convert("```{solution-end}\n```")
    assert not converter.in_solution


def test_citations_become_author_and_year():
    converter = Converter(PAGE, {})
    result = converter.convert("{cite:t}`bertsekas_yu2012` and {cite}`calvano2020,tsitsiklis1994`")
    link = f"({HOME}/book/bibliography.html)"
    assert result == (
        f"[Bertsekas and Yu (2012)]{link} and [(Calvano et al., 2020; Tsitsiklis, 1994)]{link}"
    )
    assert converter.citations.references().count("\n- ") == 3
    assert "Denicolò" in converter.citations.references()


def test_literalinclude_shows_the_lines_that_the_book_shows():
    text = "```{literalinclude} ../marketsai_lite/scale.py\n:pyobject: scale\n```"
    result = converted(text)
    assert result.startswith(
        f"[`marketsai_lite/scale.py`]({book.repository()}/blob/main/marketsai_lite/scale.py)"
    )
    assert "```python\ndef scale():" in result
    assert "def pick" not in result


def test_figures_are_numbered_with_those_that_code_draws():
    cells = [
        ("code", "plot()", {"mystnb": {"figure": {"caption": "one", "name": "fig-one"}}}),
        ("code", "plot()", {"mystnb": {"figure": {"caption": "two", "name": "fig-two"}}}),
    ]
    labels = scan(PAGE, cells)
    assert labels["fig-two"].text == "Fig. 3.2"
    text = Converter(PAGE, labels).convert("{numref}`fig-two`, {numref}`Figure %s <fig-one>`")
    page = f"{HOME}/lectures/tiny.html"
    assert text == f"[Fig. 3.2]({page}#fig-two), [Figure 3.1]({page}#fig-one)"


@pytest.mark.parametrize(
    "text",
    [
        "```{tab-set}\n```",
        "```{bibliography}\n```",
        ":::{grid}\n:::",
        "```{glue:figure} a\n```",
        "{py:func}`f`",
        "{eq}`nothing`",
        "{cite}`nobody1900`",
        "[x](#nowhere)",
        "[x](nowhere.md)",
        "![x](nowhere.png)",
        "{term}`nothing`",
        "```{note}\n{nothing}`x`\n```",
    ],
)
def test_what_has_no_portable_form_is_refused(text):
    with pytest.raises(NotPortableError, match=r"lectures/tiny\.md: "):
        converted(text)


@pytest.mark.parametrize("text", ["```{note}\ntext", "$$\nx"])
def test_what_never_closes_is_refused(text):
    with pytest.raises(ValueError, match="unclosed"):
        parse(text.split("\n"))


def test_a_label_used_twice_is_refused():
    with pytest.raises(ValueError, match="eq-x appears twice"):
        scan(PAGE, [("markdown", "$$\nx\n$$ (eq-x)\n\n$$\ny\n$$ (eq-x)", {})])


def test_check_notices_an_edit(tmp_path, monkeypatch, capsys):
    path = book.lectures()[0]
    twin = path.with_suffix(".ipynb")
    edited = json.loads(twin.read_text(encoding="utf-8"))
    edited["cells"][2]["source"] = ["# edited"]
    read = Path.read_text
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda self, *a, **k: json.dumps(edited) if self == twin else read(self, *a, **k),
    )
    monkeypatch.setattr("sys.argv", ["export", "--check"])
    with pytest.raises(SystemExit, match="1"):
        export.main()
    assert f"out of step: lectures/{twin.name}" in capsys.readouterr().out
