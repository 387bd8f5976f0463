import numpy as np
import pytest

from marketsai_lite.tabular import schedules
from marketsai_lite.tabular.q_learning import scheduled

SCHEDULES = [
    (schedules.constant(0.3), lambda n: 0.3),
    (schedules.harmonic(), lambda n: 1 / n),
    (schedules.harmonic(0.1), lambda n: 1 / (1 + 0.1 * (n - 1))),
    (schedules.power(0.77), lambda n: 1 / n**0.77),
    (schedules.power(2), lambda n: 1 / n**2),
    (schedules.rescaled(0.95), lambda n: 1 / (1 + (1 - 0.95) * (n - 1))),
    (schedules.exponential(1e-3), lambda n: np.exp(-1e-3 * (n - 1))),
]


@pytest.mark.parametrize(("schedule", "formula"), SCHEDULES)
def test_a_schedule_is_its_formula_in_numpy_and_in_the_kernel(schedule, formula):
    n = np.arange(1, 2000)
    expected = [formula(k) for k in n.tolist()]
    np.testing.assert_allclose(schedule(n), expected, rtol=1e-14)
    np.testing.assert_allclose([scheduled(schedule, k) for k in n], expected, rtol=1e-14)
    assert schedule(1) <= 1 and (np.diff(schedule(n)) <= 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.constant(-0.1), r"level=-0.1: must be in \[0, 1\]"),
        (lambda: schedules.constant(1.1), r"level=1.1: must be in \[0, 1\]"),
        (lambda: schedules.constant(np.nan), "level=nan"),
        (lambda: schedules.power(0), r"ω=0: must be in \(0, inf\)"),
        (lambda: schedules.power(-0.5), "ω=-0.5"),
        (lambda: schedules.harmonic(-1.0), r"λ=-1.0: must be in \(0, inf\)"),
        (lambda: schedules.exponential(np.inf), "λ=inf"),
        (lambda: schedules.rescaled(1.0), r"β=1.0: must be in \[0, 1\)"),
    ],
)
def test_a_wrong_argument_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
