"""The claims: what may be published, what a band may be, and how the judge judges."""

import json
import math
import sys

import nbformat
import numpy as np
import pytest

from marketsai_lite import claims
from tools import ledger

ENTRY = {"reference": 1, "source": "own", "why": "exact", "smoke": [0, 2], "lecture": [0.9, 1.1]}


@pytest.fixture
def shown(monkeypatch):
    """What publish shows in a notebook."""
    import IPython
    import IPython.display

    found = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: found.append((a, k)))
    return found


def test_a_claim_is_glue_for_the_book_and_plain_text_for_other_notebooks(shown):
    claims.publish("a.b", np.float64(0.125), band=(0.1, 0.2), seeds=np.int64(10), fmt=".1%")
    (bundle,), kwargs = shown[0]
    assert kwargs["raw"] is True
    assert kwargs["metadata"] == {"scrapbook": {"name": "a.b", "mime_prefix": claims.PREFIX}}
    assert bundle["text/plain"] == "a.b = 12.5%"
    assert bundle[claims.PREFIX + "text/plain"] == "'12.5%'"
    claim = bundle[claims.PREFIX + claims.CLAIM]
    assert json.loads(json.dumps(claim)) == {
        "name": "a.b",
        "value": 0.125,
        "band": [0.1, 0.2],
        "seeds": 10,
        "text": "12.5%",
    }


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), np.array(3.0)])
def test_every_kind_of_real_scalar_is_published(shown, value):
    claims.publish("a", value)
    assert shown[0][0][0][claims.PREFIX + claims.CLAIM]["value"] == 3


@pytest.mark.parametrize(
    ("value", "fmt", "text"),
    [
        (0.0088, ".1e", "8.8\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10⁻³"),
        (1e-5, ".0e", "10⁻⁵"),
        (-1e-5, ".0e", "−10⁻⁵"),
        (0.0, ".0e", "0"),
        (3.2e12, ".3g", "3.2\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10¹²"),
        (-10024, "d", "−10,024"),
        (10024.5, ".1f", "10,024.5"),
        (2020, "d", "2020"),
        (1234567, ",", "1,234,567"),
        (-0.25, "+.2f", "−0.25"),
        (0.25, "+.2f", "+0.25"),
        (-0.4, ".1%", "−40.0%"),
    ],
)
def test_numbers_are_printed_as_in_a_book(shown, value, fmt, text):
    claims.publish("a", value, fmt=fmt)
    assert shown[0][0][0][claims.PREFIX + claims.CLAIM]["text"] == text


def test_outside_a_notebook_a_claim_is_printed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.delitem(sys.modules, "IPython")
    assert claims.publish("a.b", 1.25, se=0.1, seeds=5) is None
    assert capsys.readouterr().out == "a.b = 1.25\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(name=""), "name = ''"),
        (dict(name="  "), "name = '  '"),
        (dict(name=3), "name = 3"),
        (dict(value=math.nan), "value = nan: must be finite"),
        (dict(value=math.inf), "value = inf: must be finite"),
        (dict(value="1"), "value = '1': must be a real scalar"),
        (dict(value=True), "value = True: must be a real scalar"),
        (dict(value=1j), "must be a real scalar"),
        (dict(value=[1.0]), "must be a real scalar"),
        (dict(value=np.array([1.0])), "must be a real scalar"),
        (dict(se=-0.1, seeds=3), "se = -0.1: must be at least 0"),
        (dict(se=math.nan, seeds=3), "se = nan: must be finite"),
        (dict(band=(2, 1), seeds=3), r"band = \(2, 1\): lo must not exceed hi"),
        (dict(band=(1, math.nan), seeds=3), r"band\[1\] = nan"),
        (dict(band=1.0, seeds=3), r"band = 1.0: must be a pair"),
        (dict(band=(1, 2, 3), seeds=3), "must be a pair"),
        (dict(seeds=0), "seeds = 0: must be at least 1"),
        (dict(seeds=2.5), "seeds = 2.5: must be an integer"),
        (dict(se=0.1), "seeds = None"),
        (dict(band=(0, 1)), "seeds = None"),
        (dict(fmt=".2q"), "fmt = '.2q'"),
    ],
)
def test_bad_arguments_are_refused(shown, arguments, message):
    with pytest.raises(ValueError, match=message):
        claims.publish(**{"name": "a", "value": 1.0, **arguments})
    assert not shown


def written(tmp_path, text):
    path = tmp_path / "claims.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_bands_are_read(tmp_path):
    assert ledger.read_bands(written(tmp_path, json.dumps({"a": ENTRY}))) == {"a": ENTRY}
    assert ledger.read_bands(written(tmp_path, "# nothing yet\n")) == {}


@pytest.mark.parametrize("says", ["above 0", "below 2"])
def test_a_band_may_lie_on_the_side_that_the_sentence_says(tmp_path, says):
    entry = {**ENTRY, "says": says}  # at smoke scale nobody reads sentences, so that band is free
    assert ledger.read_bands(written(tmp_path, json.dumps({"a": entry}))) == {"a": entry}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(lecture=[2, 1]), "a.lecture .* lo must not exceed hi"),
        (dict(smoke=[0, math.nan]), "a.smoke .* two numbers"),
        (dict(smoke=[0]), "two numbers"),
        (dict(smoke=["0", "1"]), "two numbers"),
        (dict(source=""), "source and why must be words"),
        (dict(why=3), "source and why must be words"),
        (dict(reference=None), "a.reference"),
        (dict(huge=[0, 1]), "must have the keys"),
        (dict(says="above 1"), "a.lecture = .*: holds the opposite of what is said, above 1"),
        (dict(says="above 0.9"), "holds the opposite"),
        (dict(says="below 1.05"), "holds the opposite"),
        (dict(says="above 0", gpu=[-1, 1]), "a.gpu = .*: holds the opposite"),
        (dict(says="more than 1"), "must be 'above X' or 'below X'"),
        (dict(says="above one"), "must be 'above X' or 'below X'"),
    ],
)
def test_bad_bands_are_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        ledger.read_bands(written(tmp_path, json.dumps({"a": {**ENTRY, **change}})))


@pytest.mark.parametrize("key", ENTRY)
def test_a_band_that_lacks_a_key_is_refused(tmp_path, key):
    entry = {k: v for k, v in ENTRY.items() if k != key}
    with pytest.raises(ValueError, match="must have the keys"):
        ledger.read_bands(written(tmp_path, json.dumps({"a": entry})))


def claim(name="a", value=1.0):
    return {"name": name, "value": value, "text": str(value), "lecture": "mdp", "seconds": 1.0}


@pytest.mark.parametrize(
    ("value", "scale", "verdict"),
    [
        (0.9, "lecture", "inside"),
        (1.1, "lecture", "inside"),
        (0.8999, "lecture", "outside"),
        (1.1001, "lecture", "outside"),
        (2.0, "smoke", "inside"),
        (2.1, "smoke", "outside"),
        (1.2, "gpu", "outside"),
    ],
)
def test_a_claim_is_judged_by_the_band_of_its_scale(value, scale, verdict):
    rows, unmatched = ledger.judge([claim(value=value)], {"a": ENTRY}, scale)
    assert rows[0]["verdict"] == verdict
    assert not unmatched


def test_the_gpu_scale_may_have_a_band_of_its_own():
    rows, _ = ledger.judge([claim(value=5)], {"a": {**ENTRY, "gpu": [4, 6]}}, "gpu")
    assert rows[0]["verdict"] == "inside"
    assert rows[0]["allowed"] == [4, 6]


def test_a_claim_without_a_band_and_a_band_without_a_claim_are_told():
    rows, unmatched = ledger.judge([claim("b")], {"a": ENTRY}, "lecture")
    assert rows[0]["verdict"] == "no band"
    assert unmatched == ["b (mdp) has no band in claims.yml", "a is published by no lecture"]


def test_a_name_published_twice_is_told():
    _, unmatched = ledger.judge([claim(), claim()], {"a": ENTRY}, "lecture")
    assert unmatched == ["a is published twice, in mdp and mdp"]


def test_claims_are_found_in_an_executed_notebook_and_written(tmp_path):
    data = {claims.PREFIX + claims.CLAIM: {"name": "a", "value": 1.0, "text": "1"}}
    cell = nbformat.v4.new_code_cell("")
    cell.outputs = [
        nbformat.v4.new_output("stream", text="x"),
        nbformat.v4.new_output("display_data", data=data),
    ]
    found = ledger.published(nbformat.v4.new_notebook(cells=[cell]))
    assert found == [{"name": "a", "value": 1.0, "text": "1"}]
    rows, unmatched = ledger.judge(
        [{**found[0], "lecture": "mdp", "seconds": 2.0}], {"a": ENTRY}, "smoke"
    )
    path = tmp_path / "deep" / "claims.json"
    ledger.write(rows, unmatched, path, scale="smoke")
    row = json.loads(path.read_text(encoding="utf-8"))["claims"][0]
    assert set(row) >= {
        *("name", "value", "reference", "source", "allowed", "verdict", "scale", "seconds"),
        "lecture",
    }
    assert [p.name for p in path.parent.iterdir()] == ["claims.json"]


def test_the_report_ends_with_what_is_wrong_and_what_to_do(tmp_path, monkeypatch, capsys):
    rows, unmatched = ledger.judge([claim(value=5.0), claim("b")], {"a": ENTRY}, "lecture")
    ledger.write(rows, unmatched, tmp_path / "claims.json")
    monkeypatch.setattr(ledger.book, "build_dir", lambda: tmp_path)
    ledger.main()
    assert capsys.readouterr().out.splitlines()[:5] == [
        "outside  a = 5.0 (mdp; band [0.9, 1.1])",
        "no band  b = 1.0 (mdp; band none)",
        "b (mdp) has no band in claims.yml",
        "2 claims, 2 not inside their bands",
        ledger.CURE.splitlines()[0],
    ]


def test_the_report_on_sound_claims_asks_for_nothing():
    rows, unmatched = ledger.judge([claim()], {"a": ENTRY}, "lecture")
    assert ledger.report(rows, unmatched) == ["1 claims, 0 not inside their bands"]


def test_without_a_build_the_report_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger.book, "build_dir", lambda: tmp_path)
    with pytest.raises(SystemExit, match=r"claims.json is missing: run `make book`"):
        ledger.main()


def test_the_verdicts_are_the_last_thing_that_a_build_prints():
    makefile = (ledger.ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.split("\nbook:")[1].split("\n\n")[0]
    assert recipe.splitlines()[-1].endswith("python -m tools.ledger")
