"""Execute the lectures into the cache that the book is built from, and judge their claims.

``python -m tools.lectures [NAME ...]`` runs what is not in the cache yet. jupyter-cache recognizes
a notebook by its code alone, so each record also carries a fingerprint of all else that decides
the outputs: the package's files that the lecture imports, directly or not, the scale, and the
versions of Python and the libraries. A record with another fingerprint is dropped and run again.
Nothing is stored before a lecture has run to its end.
"""

import argparse
import json
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import DB_NAME, NbCacheRecord
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbclient import NotebookClient

from marketsai_lite import experiments
from marketsai_lite.running import source
from marketsai_lite.running.output import print_anything
from marketsai_lite.scale import scale
from tools import book, ledger
from tools.alone import alone

RUNTIME = "gymnasium ipykernel ipython matplotlib numba numpy pettingzoo quantecon scipy torch tqdm"
TIMEOUT = 600  # seconds a cell may take
HEAVY = ("torch", "ray", "pettingzoo", "gymnasium", "quantecon")


class LectureError(Exception):
    """A lecture did not run to its end, or wrote to stderr."""


def read(path):
    """Return a lecture as a notebook, read as the book's builder reads it (the cache's key)."""
    text = path.read_text(encoding="utf-8")
    config = MdParserConfig(enable_extensions=book.config()["parse"]["myst_enable_extensions"])
    reader = create_nb_reader(str(path), config, NbParserConfig(), text)
    if reader is None:
        raise LectureError(f"{path.name}: needs the jupytext header of a MyST notebook")
    return reader.read(text)


def versions():
    """Return the versions of Python and of the libraries that the lectures use."""
    found = {"python": platform.python_version()}
    for name in RUNTIME.split():
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def fingerprint(notebook):
    """Return a hash of all but the code that decides a notebook's outputs."""
    magic = TransformerManager().transform_cell
    code = "\n".join(magic(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    loaded = [f"import {experiments.__name__}.{n}" for n in experiments.names() if f'"{n}"' in code]
    data = {p for p in source.PACKAGE.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    data = {p for p in data if "__pycache__" not in p.parts}
    files = source.closure("\n".join([code, *loaded])) | data
    return source.digest(files, json.dumps([scale(), versions()]))


def open_cache(say=print):
    """Return the cache that the book build of this scale reads; an empty one if it is damaged."""
    path = book.build_dir() / ".jupyter_cache"
    if fault := damage(path / DB_NAME):
        say(f"{path} is damaged ({fault}): it is emptied, and the lectures run again.")
        shutil.rmtree(path)
    path.mkdir(parents=True, exist_ok=True)
    return get_cache(path)


def damage(path):
    """Return what is wrong with the database of a cache, or None."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(path)) as database:
            (said,) = database.execute("PRAGMA quick_check(1)").fetchone()
            database.execute(f"SELECT * FROM {NbCacheRecord.__tablename__}").fetchall()
    except sqlite3.DatabaseError as error:
        if "locked" in str(error):
            raise
        said = str(error)
    return None if said == "ok" else said


def cached(cache, notebook):
    """Return the record and executed code cells of a notebook, or None; drop what is stale."""
    try:
        record = cache.match_cache_notebook(notebook)
    except KeyError:
        return None
    try:
        if record.data.get("fingerprint") == fingerprint(notebook):
            return record, cache.get_cache_bundle(record.pk).nb
    except (KeyError, nbformat.reader.NotJSONError):
        pass  # interrupted while the result was stored
    NbCacheRecord.remove_record(record.pk, cache.db)
    shutil.rmtree(cache.path / "executed" / record.hashkey, ignore_errors=True)
    return None


def execute(name, notebook, say=print):
    """Run a notebook in a fresh kernel and an empty folder; return it, seconds, modules loaded.

    Raises
    ------
    LectureError
        If a cell fails, takes too long or writes to stderr.
    """
    say(f"{name}: running at {scale()} scale")
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=TIMEOUT,
            kernel_name="python3",
            record_timing=False,  # times would enter the cache's key
            resources={"metadata": {"path": folder}},
        )
        # The kernel imports the package that the fingerprint describes, installed or not.
        path = os.pathsep.join(filter(None, [str(book.ROOT), os.environ.get("PYTHONPATH")]))
        with client.setup_kernel(env={**os.environ, "PYTHONPATH": path}):
            for count, i in enumerate(code, 1):
                began = time.perf_counter()
                try:
                    client.execute_cell(notebook.cells[i], i, execution_count=count)
                except Exception as error:
                    raise LectureError(f"{name}, cell {count} of {len(code)}: {error}") from error
                say(f"  {name}: cell {count}/{len(code)}  {time.perf_counter() - began:6.1f} s")
                for output in notebook.cells[i].outputs:
                    if output.get("name") == "stderr":
                        raise LectureError(f"{name}, cell {count}: stderr: {output['text']}")
            seconds = time.perf_counter() - start
            probe = nbformat.v4.new_code_cell(
                f"import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
            )
            notebook.cells.append(probe)
            client.execute_cell(probe, len(notebook.cells) - 1, store_history=False)
            notebook.cells.pop()
    return notebook, seconds, probe.outputs[0]["text"].split()


def run(due, say=print):
    """Yield ``(path, result of execute)`` as lectures end: in processes, one a core, if many."""
    if len(due) < 2:
        yield from ((path, execute(path.stem, notebook, say)) for path, notebook in due.items())
        return
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(execute, path.stem, due[path], say): path for path in due}
        try:
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def executed(paths, say=print):
    """Return the record and executed code cells of each lecture, from the cache if they are there.

    `say` must be a function that processes can share, if more than one lecture is to be run.
    """
    with alone(say):
        cache, notebooks = open_cache(say), {path: read(path) for path in paths}
        found = {path: cached(cache, notebook) for path, notebook in notebooks.items()}
        for path, hit in found.items():
            if hit:
                seconds = hit[0].data["execution_seconds"]
                say(f"{path.stem}: from the cache ({seconds:.1f} s when it ran)")
        due = {path: notebooks[path] for path in paths if not found[path]}
        marks = {path: fingerprint(notebook) for path, notebook in due.items()}
        for path, (notebook, seconds, heavy) in run(due, say):
            data = {"execution_seconds": seconds, "fingerprint": marks[path], "heavy": heavy}
            bundle = CacheBundleIn(notebook, str(path), data=data)
            found[path] = cache.cache_notebook_bundle(bundle, overwrite=True), notebook
            say(f"{path.stem}: done in {seconds:.1f} s")
    return {path.stem: found[path] for path in paths}


def judge_all(results):
    """Write and return the judged claims of ``{lecture: (record, notebook)}``."""
    claims = [
        {**claim, "lecture": name, "seconds": round(record.data["execution_seconds"], 1)}
        for name, (record, notebook) in results.items()
        for claim in ledger.published(notebook)
    ]
    rows, unmatched = ledger.judge(claims, ledger.read_bands(), scale())
    about = {"scale": scale(), "versions": versions()}
    ledger.write(rows, unmatched, book.build_dir() / "claims.json", **about)
    return rows, unmatched


def main():
    """Execute the lectures that are not in the cache, then judge every claim."""
    print_anything()
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="lectures to run (default: all)")
    names = parser.parse_args().names
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):  # Numba would set PyTorch's threads
        os.environ.setdefault(name, "1")
    paths = {path.stem: path for path in book.lectures()}
    unknown = set(names) - set(paths)
    if unknown:
        sys.exit(f"no such lecture: {sorted(unknown)}; there are {sorted(paths)}")
    chosen = names or list(paths)
    try:
        results = executed([paths[name] for name in chosen], say=partial(print, flush=True))
    except LectureError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. Lectures that ran to their end are kept.")
    if names:
        claims = [c for name in chosen for c in ledger.published(results[name][1])]
        rows, _ = ledger.judge(
            [{**c, "lecture": "this run"} for c in claims], ledger.read_bands(), scale()
        )
        inside = [row for row in rows if row["verdict"] == "inside"]
        print(*map(ledger.describe, inside), *ledger.report(rows, []), sep="\n")
        return
    print(*ledger.report(*judge_all(results)), sep="\n")


if __name__ == "__main__":
    main()
