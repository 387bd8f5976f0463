"""The ledger of the book's claims: read the bands, collect what was published, judge.

``python -m tools.ledger`` prints the verdicts on the claims of the last build.
"""

import json
import math
import os
import sys

import yaml

from marketsai_lite.claims import CLAIM, PREFIX
from marketsai_lite.running.output import print_anything
from tools import book
from tools.book import ROOT

BANDS = ROOT / "book" / "claims.yml"
SCALES = ("smoke", "lecture", "gpu")
CURE = """What to do: if a number is wrong, mend what moved it, in the lecture or in the package.
If it is right, write its reference, its reason and its bands in book/claims.yml.
If the text is about it, read the text again. Then run `make book`."""


def read_bands(path=BANDS):
    """Return ``{name: entry}`` of the claims file after checking every entry.

    Raises
    ------
    ValueError
        If an entry lacks a reference, a source, a reason or the bands of two scales, if a band is
        not a pair of numbers in order, or if the opposite of what the claim says lies in its band.
    """
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for name, entry in entries.items():
        keys = set(entry) if isinstance(entry, dict) else set()
        wanted = {"reference", "source", "why", "smoke", "lecture"}
        if not wanted <= keys or not keys <= wanted | {"gpu", "says"}:
            raise ValueError(f"{name}: must have the keys {sorted(wanted)}; may have gpu and says")
        for scale in keys & set(SCALES):
            band = entry[scale]
            if not isinstance(band, list) or len(band) != 2 or not all(_number(b) for b in band):
                raise ValueError(f"{name}.{scale} = {band!r}: must be [lo, hi], two numbers")
            if band[0] > band[1]:
                raise ValueError(f"{name}.{scale} = {band!r}: lo must not exceed hi")
            if "says" in entry and scale != "smoke":
                _require_said(f"{name}.{scale}", band, entry["says"])
        if not all(isinstance(entry[k], str) and entry[k].strip() for k in ("source", "why")):
            raise ValueError(f"{name}: source and why must be words")
        if not (_number(entry["reference"]) or isinstance(entry["reference"], str)):
            raise ValueError(f"{name}.reference = {entry['reference']!r}: must be number or words")
    return entries


def _require_said(name, band, says):
    """Raise ValueError unless a whole band lies "above X" or "below X", as the sentence says."""
    side, _, border = str(says).partition(" ")
    try:
        border = float(border)
        holds = {"above": band[0] > border, "below": band[1] < border}[side]
    except (KeyError, ValueError):
        raise ValueError(f"{name}: says = {says!r}: must be 'above X' or 'below X'") from None
    if not holds:
        raise ValueError(f"{name} = {band!r}: holds the opposite of what is said, {says}")


def _number(x):
    return isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x)


def published(notebook):
    """Return the claims that an executed notebook published, in order."""
    key = PREFIX + CLAIM
    return [
        output["data"][key]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if key in output.get("data", {})
    ]


def judge(claims, bands, scale):
    """Judge published claims against their bands.

    Parameters
    ----------
    claims : list of dict
        As published, with ``lecture`` and ``seconds`` added.
    bands : dict
        As `read_bands` returns.
    scale : str
        One of `SCALES`; ``gpu`` falls back on the band of ``lecture``.

    Returns
    -------
    rows : list of dict
        One per claim: the claim with reference, source, why, allowed band, scale and verdict,
        which is ``"inside"``, ``"outside"`` or ``"no band"``.
    unmatched : list of str
        Sentences on claims without a band, bands without a claim and names published twice.
    """
    rows, problems, seen = [], [], {}
    for claim in claims:
        name = claim["name"]
        entry = bands.get(name)
        if name in seen:
            problems.append(f"{name} is published twice, in {seen[name]} and {claim['lecture']}")
        seen[name] = claim["lecture"]
        row = {**claim, "scale": scale}
        if entry is None:
            problems.append(f"{name} ({claim['lecture']}) has no band in claims.yml")
            row["verdict"] = "no band"
        else:
            lo, hi = entry.get(scale, entry["lecture"])
            row.update({k: entry[k] for k in ("reference", "source", "why")})
            row["allowed"] = [lo, hi]
            row["verdict"] = "inside" if lo <= claim["value"] <= hi else "outside"
        rows.append(row)
    problems += [f"{name} is published by no lecture" for name in bands if name not in seen]
    return rows, problems


def describe(row):
    """Return one line on a judged claim."""
    allowed = row.get("allowed", "none")
    return f"{row['verdict']:8} {row['name']} = {row['text']} ({row['lecture']}; band {allowed})"


def report(rows, unmatched):
    """Return lines on the claims that are not inside their bands, how many, and what to do."""
    wrong = [row for row in rows if row["verdict"] != "inside"]
    count = f"{len(rows)} claims, {len(wrong)} not inside their bands"
    lines = [*map(describe, wrong), *unmatched, count]
    return [*lines, CURE] if wrong or unmatched else lines


def write(rows, unmatched, path, **about):
    """Write the judged claims as JSON, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # two builds may be at work
    document = {**about, "unmatched": unmatched, "claims": rows}
    part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def main():
    """Print the verdicts on the claims of the last build."""
    print_anything()
    path = book.build_dir() / "claims.json"
    if not path.exists():
        sys.exit(f"{path} is missing: run `make book`")
    document = json.loads(path.read_text(encoding="utf-8"))
    print(*report(document["claims"], document["unmatched"]), sep="\n")


if __name__ == "__main__":
    main()
