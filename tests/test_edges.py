"""At the edges of what is permitted: a result, or a ValueError that names an argument."""

import os
import random
import shlex
import subprocess
import sys

import numpy as np
import pytest

from tests.edges.attempt import attempt
from tests.edges.cases import CASES

DRAWS = 10_000


def test_ten_thousand_draws_in_a_process_of_its_own():
    """Neither a crash nor a call of ten seconds nor a NaN; the seed is another each time."""
    words = [sys.executable, "-m", "tests.edges", str(random.randrange(2**32)), str(DRAWS)]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        check=False,
    )
    told = f"To run it again: {shlex.join(words)}\n{done.stdout}{done.stderr}"
    assert done.returncode == 0, told
    counts = done.stdout.splitlines()[-1]
    assert "'wrong'" not in counts and "'result'" in counts and "'refused'" in counts, told


def root(x):
    """A function of one argument that breaks each promise in turn."""
    if x == "silent":
        return np.sqrt(np.array([-1.0]))
    if x == "nameless":
        raise ValueError("no good")
    return 1 / x


@pytest.mark.parametrize(
    ("x", "found"),
    [
        (2, "result"),
        (0, "ZeroDivisionError"),
        ("silent", "NaN in the result"),
        ("nameless", "ValueError names no argument"),
    ],
)
def test_the_draws_notice(x, found):
    assert attempt(root, lambda d: dict(x=x), 0).startswith(found)


def test_every_public_function_is_drawn():
    """What the packages offer is in the list of cases, by itself or through another."""
    from marketsai_lite import tabular

    drawn = {function for function, _ in CASES.values()}
    left = {name for name in tabular.__all__ if getattr(tabular, name) not in drawn}
    assert left <= {"Learned", "Schedule", "Solution", "schedules"}
