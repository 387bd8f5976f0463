import pytest

from marketsai_lite.scale import pick, scale


def test_the_default_is_lecture(monkeypatch):
    monkeypatch.delenv("MARKETSAI_SCALE", raising=False)
    assert scale() == "lecture"


@pytest.mark.parametrize(("name", "value"), [("smoke", 1), ("lecture", 2), ("gpu", 3)])
def test_each_scale_picks_its_value(monkeypatch, name, value):
    monkeypatch.setenv("MARKETSAI_SCALE", name)
    assert pick(smoke=1, lecture=2, gpu=3) == value


def test_gpu_defaults_to_lecture(monkeypatch):
    monkeypatch.setenv("MARKETSAI_SCALE", "gpu")
    assert pick(smoke=1, lecture=2) == 2


def test_an_unknown_scale_is_refused(monkeypatch):
    monkeypatch.setenv("MARKETSAI_SCALE", "huge")
    with pytest.raises(ValueError, match=r"MARKETSAI_SCALE='huge': must be one of smoke, lecture"):
        scale()
