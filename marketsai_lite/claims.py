"""Publish the numbers a lecture claims, by name.

The prose of a lecture refers to a published number as ``{glue:text}`name```, so no number is
typed by hand. ``book/claims.yml`` says for each name the reference, its source and the band that
the value must lie in; the tests judge every claim and the book's ledger shows them all.
"""

import math
import operator
import re
import sys
from numbers import Real
from typing import Any

# MyST-NB takes an output with this prefix and "scrapbook" metadata as glue and hides it on the
# page; elsewhere (Jupyter, Colab) the plain text beside it is shown.
PREFIX = "application/papermill.record/"
CLAIM = "application/vnd.marketsai.claim+json"
TIMES = "\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def publish(
    name: str,
    value: float,
    *,
    se: float | None = None,
    band: tuple[float, float] | None = None,
    seeds: int | None = None,
    fmt: str = ".6g",
) -> None:
    """Publish a number under a name.

    Parameters
    ----------
    name
        Name of the claim, such as ``"q_learning.value_loss"``; unique in the book.
    value
        A finite scalar; zero-dimensional arrays are read as scalars.
    se
        Standard error of ``value`` over the seeds.
    band
        Band (lo, hi) of ``value`` over the seeds.
    seeds
        Number of seeds behind ``se`` or ``band``.
    fmt
        Format of the number in the prose, where it is printed as in a book: 10,024 with its comma,
        8.8e-03 as 8.8 × 10⁻³, which no line breaks, and a true minus sign.

    Raises
    ------
    ValueError
        If an argument lies outside its permitted range.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name = {name!r}: must be a non-empty string")
    claim: dict[str, Any] = {"name": name, "value": _finite("value", value)}
    if se is not None:
        claim["se"] = _finite("se", se)
        if claim["se"] < 0:
            raise ValueError(f"se = {se!r}: must be at least 0")
    if band is not None:
        try:
            lo, hi = band
        except (TypeError, ValueError):
            raise ValueError(f"band = {band!r}: must be a pair (lo, hi)") from None
        claim["band"] = [_finite("band[0]", lo), _finite("band[1]", hi)]
        if claim["band"][0] > claim["band"][1]:
            raise ValueError(f"band = {band!r}: lo must not exceed hi")
    if seeds is not None:
        try:
            claim["seeds"] = operator.index(seeds)
        except TypeError:
            raise ValueError(f"seeds = {seeds!r}: must be an integer, at least 1") from None
        if claim["seeds"] < 1:
            raise ValueError(f"seeds = {seeds!r}: must be at least 1")
    elif se is not None or band is not None:
        raise ValueError("seeds = None: se and band need the number of seeds, at least 1")
    try:
        claim["text"] = _printed(format(claim["value"], fmt))
    except (TypeError, ValueError):
        raise ValueError(f"fmt = {fmt!r}: must be a format for a number, such as '.3f'") from None
    _show(claim)


def _finite(argument: str, value: Any) -> float:
    number = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(number, bool) or not isinstance(number, Real):
        raise ValueError(f"{argument} = {value!r}: must be a real scalar")
    if not math.isfinite(number):
        raise ValueError(f"{argument} = {value!r}: must be finite")
    return number if isinstance(number, int) else float(number)


def _printed(text: str) -> str:
    """Print a formatted number as a book does."""
    mantissa, _, exponent = text.partition("e")
    if exponent and float(mantissa) == 0:
        return "0"
    if exponent:
        power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
        bare = mantissa.strip("+-") == "1"
        text = mantissa.replace("1", power) if bare else mantissa + TIMES + power
    text = re.sub(r"^([+-]?)(\d{5,})", lambda m: m[1] + f"{int(m[2]):,}", text)
    return text.replace("-", "−")


def _show(claim: dict[str, Any]) -> None:
    line = f"{claim['name']} = {claim['text']}"
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        print(line)
        return
    from IPython.display import display

    bundle = {
        "text/plain": line,
        PREFIX + "text/plain": repr(claim["text"]),  # MyST-NB reads a literal; a string keeps zeros
        PREFIX + CLAIM: claim,
    }
    metadata = {"scrapbook": {"name": claim["name"], "mime_prefix": PREFIX}}
    display(bundle, raw=True, metadata=metadata)
