"""The exported pages: no dead link, and every picture with the words that were stored for it."""

import re
from html.parser import HTMLParser

import nbformat
import pytest
from notebook_pages import ROOT, make_site, make_slides


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.pictures = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"].partition("#")[0])
        if tag == "img":
            self.pictures.append((attributes["src"], attributes.get("alt")))


def stored_alt_texts(path):
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    make_site(folder)
    return folder


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    make_slides(folder)
    return folder


def test_the_site_has_a_page_for_every_notebook_and_no_dead_link(site):
    notebooks = [path.relative_to(ROOT) for path in (ROOT / "notebooks").glob("**/*.ipynb")]
    pages = {path.relative_to(site) for path in site.glob("**/*.html")}
    assert {path.with_suffix(".html") for path in notebooks if ".ipynb_checkpoints" not in path.parts} <= pages
    for page in pages:
        for link in Page(site / page).links:
            assert re.match(r"\w+:", link) or (site / page.parent / link).exists(), f"{page}: {link}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_pictures_keep_their_alt_texts_on_pages_and_slides(path, site, slides):
    wanted = stored_alt_texts(path)
    assert wanted
    for page in (site / "notebooks" / f"{path.stem}.html", slides / f"{path.stem}.html"):
        assert [alt for src, alt in Page(page).pictures if src.startswith("data:image/png;base64,")] == wanted


def test_slides_begin_where_the_notebook_says(slides):
    path = sorted(ROOT.glob("notebooks/*.ipynb"))[0]
    cells = nbformat.read(path, as_version=4).cells
    starts = sum(cell.metadata.slideshow.slide_type == "slide" for cell in cells)
    assert (slides / f"{path.stem}.html").read_text(encoding="utf-8").count("<section><section") == starts
