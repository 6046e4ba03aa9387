"""Turn the notebooks into pages to read (`make site`) or into slides (`make slides`).

    python tests/notebook_pages.py site _site
    python tests/notebook_pages.py slides _slides

nbconvert does the work. What it leaves to us: the alt texts of pictures, which it drops, and links
from one notebook to the next, which would lead to the notebook instead of its page.
"""

import html
import re
import shutil
import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter, SlidesExporter

ROOT = Path(__file__).parent.parent


def make_site(folder):
    """Write every notebook and every Markdown page as HTML, in the same places as here; README is the index."""
    kinds = ("*.md", "benchmarks/*.md", "notebooks/*.ipynb", "notebooks/solutions/*.ipynb")
    pages = [path for kind in kinds for path in ROOT.glob(kind)]
    for path in pages:
        target = Path(folder, path.relative_to(ROOT)).with_suffix(".html")
        if path.name == "README.md":
            target = target.with_name("index.html")
        text = convert(path, HTMLExporter())
        text = re.sub(r'(href="(?!\w+:)[^"#]*)README\.md(?=["#])', r"\1index.html", text)
        text = re.sub(r'(href="(?!\w+:)[^"#]*)\.(?:ipynb|md)(?=["#])', r"\1.html", text)
        text = re.sub(r'(href="(?!\w+:)[^"#]*)notebooks/solutions(?=")', r"\1notebooks/solutions/index.html", text)
        write(target, text)
    solutions = sorted(ROOT.glob("notebooks/solutions/*.ipynb"))
    items = "\n".join(f'<li><a href="{path.stem}.html">{path.stem}</a></li>' for path in solutions)
    write(Path(folder, "notebooks/solutions/index.html"), f"<!doctype html><title>Solutions</title><ul>{items}</ul>")
    shutil.copy(ROOT / "LICENSE", folder)
    shutil.copytree(ROOT / "figures", Path(folder, "figures"), dirs_exist_ok=True)


def make_slides(folder):
    """Write every notebook but the solutions as slides."""
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        write(Path(folder, f"{path.stem}.html"), convert(path, SlidesExporter()))


def convert(path, exporter):
    """A notebook or a Markdown file as HTML, each picture with its alt text."""
    if path.suffix == ".md":
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(path.read_text(encoding="utf-8"))])
    else:
        notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                alt = html.escape(output.metadata["image/png"]["alt"])
                source = f"data:image/png;base64,{output.data['image/png']}"
                output.data = {"text/html": f'<img alt="{alt}" src="{source}">'}
    return exporter.from_notebook_node(notebook, {"metadata": {"name": path.stem, "path": str(path.parent)}})[0]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    {"site": make_site, "slides": make_slides}[sys.argv[1]](sys.argv[2])
