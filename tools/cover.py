"""Take the picture that opens README.md: a lecture on a wide light screen and a dark telephone.

``python -m tools.cover`` photographs the built book with Chromium.
"""

import io
import shutil

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from marketsai_lite.running.output import print_anything
from tools import book

PAGE = "lectures/mdp.html"
FIGURE = "figure"
OUT = book.ROOT / "book" / "_static" / "cover.png"
PAPER = "#e9edf2"


def photograph(browser, size, scheme, *, figure):
    """Return a picture of the page, or of its first figure and what stands around it."""
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto((book.build_dir() / "html" / PAGE).as_uri())
    page.evaluate("Promise.all([window.MathJax?.startup?.promise, document.fonts.ready])")
    if figure:
        page.locator(FIGURE).first.evaluate("f => scrollTo(0, f.offsetTop - 260)")
    page.wait_for_timeout(500)
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def framed(picture, radius):
    """Return a picture with round corners on the paper's color, in a thin frame."""
    mask = Image.new("L", picture.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *picture.size), radius, fill=255)
    sheet = Image.new("RGB", picture.size, PAPER)
    sheet.paste(picture, mask=mask)
    box = (0, 0, picture.width - 1, picture.height - 1)
    ImageDraw.Draw(sheet).rounded_rectangle(box, radius, outline="#9aa5b1", width=2)
    return sheet, mask


def main():
    """Write the picture."""
    print_anything()
    with sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        wide = photograph(browser, (1060, 760), "light", figure=False)
        phone = photograph(browser, (390, 700), "dark", figure=True)
        browser.close()
    sheet = Image.new("RGB", (1510, 860), PAPER)
    for picture, place, radius in ((wide, (40, 40), 14), (phone, (1080, 120), 34)):
        image, mask = framed(picture, radius)
        sheet.paste(image, place, mask)
    sheet.quantize(192).save(OUT, optimize=True)
    print(f"{OUT.relative_to(book.ROOT)}: {OUT.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
