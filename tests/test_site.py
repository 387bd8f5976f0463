"""The built book as readers meet it: in Chromium, light and dark, wide and narrow."""

import functools
import http.server
import os
import re
import shutil
import threading
from contextlib import closing, contextmanager
from typing import NamedTuple

import pytest

from tools import book, export, links
from tools.blocks import scan

SITE = book.build_dir() / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = book.ROOT / "node_modules" / "axe-core" / "axe.min.js"
PAGES = [page.path for page in book.pages()]
LECTURES = {page.path: page for page in book.pages() if page.path.startswith("lectures/")}
WIDE, NARROW = (1280, 900), (390, 844)


class View(NamedTuple):
    """A page of the book, the window's size and the reader's colors."""

    path: str
    size: tuple = WIDE
    scheme: str = "light"


VIEWS = [
    View(path, size, scheme)
    for path in [*PAGES, "genindex", "search"]
    for size in (WIDE, NARROW)
    for scheme in ("light", "dark")
]
AUDITED = [view for view in VIEWS if view[1:] in ((WIDE, "light"), (NARROW, "dark"))]
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
FLAGS += "--disable-component-update --disable-sync"

pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the book is not built: run `make book`")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="axe-core is not installed: run `make node_modules` with npm"
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    handler = functools.partial(Quiet, directory=str(SITE))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def visit(browser, address):
    """Open a page in a context of its own and note what goes wrong on it."""

    @contextmanager
    def opened(path, size=WIDE, scheme="light"):
        window = {"width": size[0], "height": size[1]}
        with closing(browser.new_context(viewport=window, color_scheme=scheme)) as context:
            page = context.new_page()
            page.wrong = []
            page.on(
                "console",
                lambda m: (
                    m.type in ("error", "warning") and page.wrong.append(f"console: {m.text}")
                ),
            )
            page.on("pageerror", lambda e: page.wrong.append(f"error: {e}"))
            page.on("requestfailed", lambda r: page.wrong.append(f"failed: {r.url}"))
            page.on(
                "response", lambda r: r.status >= 400 and page.wrong.append(f"{r.status}: {r.url}")
            )
            page.on(
                "request",
                lambda r: (
                    r.url.startswith((address, "data:", "blob:"))
                    or page.wrong.append(f"off-site: {r.url}")
                ),
            )
            page.goto(f"{address}/{path}", wait_until="load")
            page.evaluate("Promise.all([window.MathJax?.startup?.promise, document.fonts.ready])")
            yield page

    return opened


@pytest.fixture(scope="module")
def page(request, visit):
    """A view, loaded once: pytest lets its tests follow each other; those that click come last."""
    path, size, scheme = request.param
    with visit(f"{path}.html", size, scheme) as loaded:
        loaded.view = request.param
        yield loaded


def over(views):
    """Run a test over some views."""
    names = [f"{path}-{size[0]}-{scheme}" for path, size, scheme in views]
    return pytest.mark.parametrize("page", views, indirect=True, ids=names)


def test_every_page_is_built():
    missing = [path for path in PAGES if not (SITE / f"{path}.html").exists()]
    assert not missing
    for name in ("index.html", "search.html", "genindex.html"):
        assert (SITE / name).exists()


def test_every_internal_link_and_anchor_resolves_and_nothing_is_loaded_off_site():
    report = links.check(SITE.resolve())
    assert report.pages > len(PAGES)
    assert not report.problems, "\n".join(report.problems)


@needs_chromium
@over(VIEWS)
def test_the_page_is_sound(page):
    assert not page.wrong
    assert page.evaluate("document.documentElement.dataset.theme") == page.view.scheme
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    formulas = page.locator("span.math, div.math").count()
    assert page.locator("mjx-container").count() >= formulas
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0
    silent = page.eval_on_selector_all(
        "img", "all => all.filter(i => !(i.alt || '').trim()).map(i => i.src)"
    )
    assert not silent
    broken = page.eval_on_selector_all(
        "img", "all => all.filter(i => !i.naturalWidth).map(i => i.src)"
    )
    assert not broken


@needs_chromium
@needs_axe
@over(AUDITED)
def test_axe_finds_no_serious_fault(page):
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    faults = [
        f"{v['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for v in found
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]
    assert not faults, "\n".join(faults)


@needs_chromium
@over([View(path) for path in LECTURES])
def test_a_lecture_can_be_opened_in_colab(page):
    lecture = LECTURES[page.view.path]
    found = page.eval_on_selector_all(
        "a[href*='colab.research.google.com']", "all => all.map(a => a.href)"
    )
    assert len(found) >= 2  # the line under the title and the theme's menu
    assert set(found) == {book.colab(f"{lecture.path}.ipynb")}
    assert (book.ROOT / f"{lecture.path}.ipynb").exists()


@needs_chromium
@over([View(path) for path in PAGES])
def test_links_to_the_repository_lead_to_its_one_address(page):
    found = page.eval_on_selector_all("a[href*='github.com']", "all => all.map(a => a.href)")
    ours = [link for link in found if link.startswith(book.repository())]
    assert f"{book.repository()}/edit/main/{page.view.path}.md" in ours
    assert any(link.startswith(f"{book.repository()}/issues/new") for link in ours)
    name = book.slug().split("/")[1]
    assert not [link for link in found if name in link and link not in ours]


@needs_chromium
@over([View(path) for path in LECTURES])
def test_the_book_numbers_things_as_the_notebook_does(page):
    lecture = LECTURES[page.view.path]
    labels = scan(lecture, export.cells_of(lecture))
    checked = 0
    for label in labels.values():
        number = re.search(r"[\d.]+\d", label.text)
        if label.kind in ("section", "page", "term") or label.kind == "proof" or not number:
            continue
        box = page.locator(f"[id='{label.anchor}']").first
        shown = box.locator(".eqno, .caption-number").first.inner_text()
        assert number[0] in shown, (label, shown)
        checked += 1
    assert checked


@needs_chromium
@over([View(path) for path in LECTURES])
def test_the_notebook_can_be_downloaded(page):
    lecture = LECTURES[page.view.path]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the notebook").click()
    assert download.value.suggested_filename == f"{lecture.path.split('/')[1]}.ipynb"
    twin = (book.ROOT / f"{lecture.path}.ipynb").read_text(encoding="utf-8")
    assert download.value.path().read_text(encoding="utf-8") == twin
    assert (SITE / "_sources" / f"{lecture.path}.ipynb").read_text(
        encoding="utf-8"
    ) == twin  # the theme's button


@needs_chromium
@over([View(path) for path in LECTURES])
def test_hidden_solutions_open(page):
    solutions = page.locator("div.solution.toggle")
    assert solutions.count() >= 3
    for i in range(solutions.count()):
        solution = solutions.nth(i)
        body = solution.locator("section, .section").first
        assert not body.is_visible()
        solution.locator("button.toggle-button").click()
        body.wait_for(state="visible")


@needs_chromium
@pytest.mark.parametrize("path", LECTURES)
def test_search_finds_the_lecture(path, visit):
    text = (book.ROOT / f"{path}.md").read_text(encoding="utf-8")
    title = text.split("\n# ")[1].split("\n")[0]
    word = max(re.findall(r"\w+", title), key=len)
    with visit(f"search.html?q={word}") as page:
        page.locator(f"#search-results a[href*='{path}.html']").first.wait_for()
        assert not page.wrong


@needs_chromium
def test_a_word_that_is_nowhere_is_not_found(visit):
    with visit("search.html?q=xylophonist") as page:
        answer = page.get_by_text("did not match any documents")
        answer.wait_for()
        assert answer.is_visible()


@needs_chromium
def test_the_reader_can_switch_to_dark_and_back(visit):
    seen = set()
    with visit(f"{PAGES[0]}.html") as page:
        for _ in range(3):
            page.locator("button.theme-switch-button:visible").first.click()
            seen.add(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}


@needs_chromium
def test_the_ledger_shows_every_claim(visit):
    import json

    claims = json.loads((book.build_dir() / "claims.json").read_text(encoding="utf-8"))["claims"]
    with visit("book/ledger.html") as page:
        shown = page.locator("table.ledger tbody td:first-child code").all_inner_texts()
    assert shown == [claim["name"] for claim in claims]


def test_continuous_integration_skips_nothing():
    if os.environ.get("CI"):
        assert CHROMIUM
        assert AXE.exists()
