"""The link checker notices what it should."""

from tools import links

PAGE = """<html><head><link rel="stylesheet" href="a.css"><script src="{script}"></script></head>
<body><h1 id="top">x</h1><a href="{href}">y</a><img src="a.png" alt="z">{more}</body></html>"""


def problems(tmp_path, script="a.js", href="#top", more=""):
    for name in ("a.css", "a.png", "a.js"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir(exist_ok=True)
    (tmp_path / "sub" / "other.html").write_text('<p id="there">x</p>', encoding="utf-8")
    page = PAGE.format(script=script, href=href, more=more)
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    report = links.check(tmp_path)
    assert report.pages == 2
    return report.problems


def test_a_sound_page_has_no_problems(tmp_path):
    assert problems(tmp_path) == []
    assert problems(tmp_path, href="sub/other.html#there") == []
    assert problems(tmp_path, href="https://example.org/x#y") == []


def test_each_fault_is_noticed(tmp_path):
    assert problems(tmp_path, href="gone.html") == ["index.html: no file for gone.html"]
    assert problems(tmp_path, href="#gone") == ["index.html: no anchor for #gone"]
    there = "sub/other.html#gone"
    assert problems(tmp_path, href=there) == [f"index.html: no anchor for {there}"]
    assert problems(tmp_path, more='<p id="top">') == ["index.html: id top appears twice"]
    assert problems(tmp_path, script="b.js") == ["index.html: no file for b.js"]
    cdn = "https://cdn.example.org/x.js"
    assert problems(tmp_path, script=cdn) == [f"index.html: loads {cdn}"]
