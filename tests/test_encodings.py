"""Every file is read and written as UTF-8, and output goes to any terminal, whatever the locale."""

import ast
import os
import subprocess
import sys

import pytest

from tools.book import ROOT

FOLDERS = ("marketsai_lite", "tools", "tests", "benchmarks", "book/_ext")
FILES = sorted(p.relative_to(ROOT).as_posix() for f in FOLDERS for p in (ROOT / f).rglob("*.py"))
READERS = ("read_text", "write_text", "open")
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
LOCALES = [PLAIN, *({**PLAIN, "PYTHONIOENCODING": name} for name in ("cp1252", "latin-1"))]


def silent(source):
    """Return the lines that read or write a text file without saying that it is UTF-8."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in READERS
        and not ast.unparse(node).startswith(("Image.", "members."))
        and not any(isinstance(a, ast.Constant) and a.value in ("rb", "wb") for a in node.args)
        and not any(k.arg == "encoding" and k.value.value == "utf-8" for k in node.keywords)
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_text_file_is_read_and_written_as_utf_8(name):
    assert not silent((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "path.read_text()",
        "path.write_text(text)",
        "open(path)",
        "path.open('w')",
        "io.open(path, 'r')",
        "path.read_text(encoding='latin-1')",
    ],
)
def test_the_rule_notices(source):
    assert silent(source)


COMMANDS = {
    "book": "from tools import book; book.main()",
    "export": "from tools import export; export.main()",
    "links": "from tools import links; links.main()",
    "lectures": (
        "from tools import book, lectures, ledger; ledger.read_bands();"
        "lectures.fingerprint([lectures.read(path) for path in book.lectures()][0])"
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_tools_run_in_a_locale_without_greek(name):
    words = [sys.executable, "-c", COMMANDS[name], "--check"]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **PLAIN}, capture_output=True)
    assert b"Error" not in done.stderr
    assert name == "links" or done.returncode == 0  # the book need not be built


@pytest.mark.parametrize("locale", LOCALES)
def test_any_character_is_printed_in_any_locale(locale):
    code = "from marketsai_lite.running.output import print_anything; print_anything()"
    words = [sys.executable, "-c", code + r"; print('\u03b4 \xfc')"]
    done = subprocess.run(words, env={**os.environ, **locale}, capture_output=True, check=True)
    assert done.stdout.startswith(rb"\u03b4 ")


MAINS = [name for name in FILES if "\ndef main(" in (ROOT / name).read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", MAINS)
def test_every_command_prints_any_character(name):
    assert "    print_anything()\n" in (ROOT / name).read_text(encoding="utf-8")
