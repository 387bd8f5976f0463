"""Which files of this package a piece of code depends on, and a digest of what they say.

Whatever is kept for later use, a cell of an experiment or the outputs of a lecture, is kept with
this digest, so that it is not taken for the work of code that has changed since.
"""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def imported(source: str, package: str = "") -> set[str]:
    """Return the dotted names that Python source imports, at any depth of nesting.

    ``import_module(f"a.b.{name}")`` may import any module of ``a.b``, which is told as ``a.b.*``.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) + 1 - node.level] if node.level else []
            stem = ".".join([*base, *filter(None, [node.module])])
            names |= {stem} | {f"{stem}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names |= _dynamic(node.args[0]) if node.args else set()
    return names


def _dynamic(name: ast.expr) -> set[str]:
    """Names that the argument of import_module may have; none if it does not begin with words."""
    first = name.values[0] if isinstance(name, ast.JoinedStr) and name.values else name
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return set()
    return {first.value} if first is name else {first.value.rpartition(".")[0] + ".*"}


def module_files(names: Iterable[str]) -> set[Path]:
    """Return the package's files behind dotted module names, parents' ``__init__`` included."""
    files: set[Path] = set()
    for name in names:
        parts = name.split(".")
        if parts[0] != PACKAGE.name:
            continue
        for n in range(1, len(parts) + 1):
            *parents, last = parts[:n]
            folder = PACKAGE.parent.joinpath(*parents)
            files |= {p for p in (folder / last / "__init__.py",) if last != "*" and p.is_file()}
            files |= {p for p in folder.glob(f"{last}.py") if p.is_file()}
    return files


def closure(source: str) -> set[Path]:
    """Return the package's files that source code depends on, through any chain of imports."""
    todo, done = module_files(imported(source)), set()
    while todo:
        path = todo.pop()
        done.add(path)
        package = ".".join(path.parent.relative_to(PACKAGE.parent).parts)
        todo |= module_files(imported(path.read_text(encoding="utf-8"), package)) - done
    return done


def digest(files: Iterable[Path], *words: str) -> str:
    """Return a hash of what files of the package are called and hold, and of some words."""
    mark = hashlib.sha256("\0".join(words).encode())
    for path in sorted(files):
        mark.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        mark.update(path.read_bytes() + b"\0")
    return mark.hexdigest()
