"""A cell of a recorded experiment, computed again."""

import numpy as np

from marketsai_lite.experiments.__main__ import processor

FEW = 5  # seeds whose range says nothing


def drawable(module, held, most):
    """Names of the cells that can be computed again here, in `most` CPU seconds.

    Without cells of so few seeds that their range means nothing, where that is what is asked.
    """
    runs_here = getattr(module, "runs_here", lambda **cell: True)
    chaotic = getattr(module, "CHAOTIC", False)
    return [
        cell
        for cell, result in held.results.items()
        if result["cpu_seconds"] <= most
        and runs_here(**held.parameters[cell])
        and not (
            chaotic
            and held.origins[cell].processor != processor()
            and "seed" in held.parameters[cell]
            and len(alike(held, cell)) < FEW
        )
    ]


def compute_again(module, held, cell):
    """Run a cell and hold it against its record.

    Where networks are trained and the record is of another processor, the numbers must lie in the
    range of the cells that differ in nothing but seeds, and as much beside it.
    """
    again = module.run(**held.parameters[cell])
    expected = {k: v for k, v in held.results[cell].items() if k != "cpu_seconds"}
    assert set(again) == set(expected)
    chaotic, here = getattr(module, "CHAOTIC", False), held.origins[cell].processor == processor()
    if chaotic and not here:
        for key in expected:
            low, high = _range(held, cell, key)
            near = 1e-9 * np.abs(again[key])
            inside = (low - near <= again[key]) & (again[key] <= high + near)
            assert inside.all(), f"{cell}: {key}"
        return
    if chaotic:
        for key, value in expected.items():
            np.testing.assert_array_equal(again[key], value, err_msg=f"{cell}: {key}")
        return
    for key, value in expected.items():
        np.testing.assert_allclose(
            again[key],
            value,
            rtol=getattr(module, "RTOL", 1e-12),
            atol=1e-12,
            err_msg=f"{cell}: {key}",
        )


def alike(held, cell):
    """Names of the cells that differ in nothing but seeds and tell the same."""

    def rest(name):
        return {k: v for k, v in held.parameters[name].items() if k not in ("seed", "seeds")}

    told = held.results[cell].keys()
    return [n for n, r in held.results.items() if rest(n) == rest(cell) and r.keys() == told]


def _range(held, cell, key):
    """Range of each number over the cells that are alike, and as much beside it.

    Of positive numbers the range of their logarithms, since a few seeds may be far from the rest.
    """
    values = np.array([held.results[name][key] for name in alike(held, cell)])
    if held.results[cell][key].ndim and "seeds" in held.parameters[cell]:
        values = values.reshape(-1, *values.shape[2:])  # a cell of several seeds
    if (values > 0).all():
        low, high = np.log(values.min(0)), np.log(values.max(0))
        return np.exp(2 * low - high), np.exp(2 * high - low)
    low, high = values.min(0), values.max(0)
    return 2 * low - high, 2 * high - low
