"""The book's page of malformed descriptions is the one that their tests would write today."""

import pytest
import torch  # noqa: F401  an equation of NumPy alone is met where PyTorch is there

from tests.malformed import MALFORMED
from tools import refusals


def test_the_page_lists_every_malformed_description_with_its_error():
    text = refusals.PAGE.read_text(encoding="utf-8")
    assert text == refusals.page(), "run `python -m tools.refusals`"
    assert len(MALFORMED) >= 30 and all(f"**{name}**" in text for name in MALFORMED)


def test_a_whole_description_has_no_place_on_the_page():
    with pytest.raises(AssertionError, match="is whole"):
        refusals.refusal({})
