"""The CUDA kernel returns the CPU's bits: in Numba's simulator, and on a GPU where there is one."""

import os
import subprocess
import sys

import pytest
from numba import cuda

COMPARE = """
import warnings
import numpy as np
from marketsai_lite.tabular.repeated_games import learn
from marketsai_lite.tabular.repeated_games_cuda import learn_cuda

warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, where 64-bit words wrap around
for n, m, memory, α, β, dyadic in [
    (2, 3, 1, 0.3, 0.9, False), (2, 3, 1, 0.5, 0.5, True), (3, 2, 1, 0.3, 0.9, False),
    (1, 3, 2, 0.3, 0.9, False), (2, 2, 2, 0.3, 0.9, False), (2, 2, 0, 0.3, 0.0, False),
]:
    rng = np.random.default_rng(n)
    payoffs = rng.integers(0, 3, (n, *[m] * n)) if dyadic else rng.uniform(size=(n, *[m] * n))
    common = dict(β=β, memory=memory, window=WINDOW, max_periods=PERIODS, keep_q=True)
    both = learn_cuda(payoffs, SEEDS, α=α, decay=np.full(len(SEEDS), 5e-3), **common)
    one = learn(payoffs, SEEDS, α=α, decay=5e-3, threads=1, **common)
    for name, x, y in zip(one._fields, one, both):
        assert np.array_equal(x, y), (n, m, memory, name)
"""


def compare(seeds, window, periods, **environment):
    code = f"SEEDS, WINDOW, PERIODS = range({seeds}), {window}, {periods}\n{COMPARE}"
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_simulator_returns_the_cpus_bits():
    done = compare(2, 300, 1_000, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not cuda.is_available(), reason="no CUDA GPU")
def test_the_gpu_returns_the_cpus_bits():
    done = compare(200, 2_000, 200_000)
    assert done.returncode == 0, done.stderr
