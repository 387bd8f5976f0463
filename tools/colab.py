"""Run the notebooks as Colab would: its versions, an empty folder, the address in the first cell.

``python -m tools.colab [NAME ...]`` makes a fresh environment with Colab's versions of what the
package needs, a stand-in for ``google.colab``, and a git setting that maps the repository's public
address to this clone; it then executes each notebook from top to bottom, and checks that only this
package and pettingzoo were newly installed. The first notebook installs them; the others, whose
first cell is the same, find them there and no ``google.colab``. Without names, the first lecture
runs at lecture scale and the others at smoke scale. Git serves committed files only, so commit
first.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from marketsai_lite.running.output import print_anything
from tools import book

# Colab's runtime of August 2026, https://github.com/googlecolab/backend-info; torch, which Colab
# has at 2.11, is the version of requirements.lock, and joblib is of 2023 (Colab's is newer).
PRESENT = {
    "gymnasium": "1.3.0",
    "joblib": "1.3.2",
    "matplotlib": "3.10.0",
    "numba": "0.61.2",
    "numpy": "2.1.3",
    "quantecon": "0.11.4",
    "scipy": "1.16.3",
    "torch": "2.13.0",
    "tqdm": "4.67.3",
}
NEW = {"marketsai-lite", "pettingzoo"}
ONE = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}  # where notebooks share the cores
RUN = """
import sys, nbformat
from nbclient import NotebookClient
path = sys.argv[1]
notebook = nbformat.read(path, as_version=4)
NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
sys.exit("".join(o["text"] for o in outputs if o.get("name") == "stderr") or None)
"""


def installed(python):
    """Return the names and versions in an environment."""
    command = [*uv(), "pip", "freeze", "-q", "-p", python]
    told = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    return {line.split("==")[0].split(" @ ")[0].lower(): line for line in told.splitlines()}


def uv():
    """Return the command that runs uv."""
    return [sys.executable, "-m", "uv"]


def make_environment(folder):
    """Make the environment; return its interpreter."""
    python = str(folder / "venv" / "bin" / "python")
    pins = [f"{name}=={version}" for name, version in PRESENT.items()]
    tools = ["ipykernel<7.3", "ipython", "nbclient", "setuptools"]
    subprocess.run([*uv(), "venv", "-q", "--seed", str(folder / "venv")], check=True)
    subprocess.run([*uv(), "pip", "install", "-q", "-p", python, *pins, *tools], check=True)
    stub = folder / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").touch()
    (folder / "stub" / "sitecustomize.py").write_text("import google.colab\n", encoding="utf-8")
    return python


def main():
    """Execute notebooks in a Colab-like environment."""
    print_anything()
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="lectures (default: all)")
    asked = parser.parse_args().names
    names = asked or [path.stem for path in book.lectures()]
    folder = Path(tempfile.mkdtemp(prefix="colab-"))
    try:
        print("Making an environment with Colab's versions: about a minute", flush=True)
        python = make_environment(folder)
        before = installed(python)
        environment = {
            **os.environ,
            "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
            "VIRTUAL_ENV": str(folder / "venv"),
            "JUPYTER_PREFER_ENV_PATH": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.file://{book.ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": book.repository(),
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
        }

        colab = {"PYTHONPATH": str(folder / "stub")}

        def run(name):
            empty = folder / f"run-{name}"
            empty.mkdir()
            start = time.perf_counter()
            size = "lecture" if name == names[0] else "smoke"
            there = environment | ({} if asked else {"MARKETSAI_SCALE": size})
            there |= colab if name == names[0] else {**ONE, "PYTHONPATH": ""}
            command = [python, "-c", RUN, str(book.ROOT / "lectures" / f"{name}.ipynb")]
            done = subprocess.run(command, cwd=empty, env=there)
            words = "failed" if done.returncode else "ran"
            print(f"{name}: {words} in {time.perf_counter() - start:.0f} s", flush=True)
            return done.returncode

        failed = run(names[0])  # alone, since it installs the package
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            failed += sum(pool.map(run, names[1:]))
        if failed:
            sys.exit("a notebook failed")
        after = installed(python)
        changed = {name for name, line in after.items() if before.get(name) != line}
        if changed != NEW:
            sys.exit(f"newly installed or changed: {sorted(changed)}; expected {sorted(NEW)}")
        print(f"Newly installed: {', '.join(sorted(changed))}, and nothing else")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
