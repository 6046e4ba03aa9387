"""Print a notebook as plain text, for `git diff` (see .gitattributes).

    git config diff.notebook.textconv "python3 tests/notebook_text.py"

Needs nothing but Python, since git calls it twice for each file of a diff.
"""

import base64
import hashlib
import json
import sys


def as_text(notebook):
    """A notebook (the parsed JSON) as lines: each cell's source, then its outputs behind a bar.

    Of a picture only the kind, the size and a fingerprint are told: enough to see that it changed.
    """
    lines = []
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        lines += ["", " ".join([f"--- {cell['cell_type']} {cell.get('id', '')}".rstrip(), *tags])]
        lines += "".join(cell["source"]).splitlines()
        for output in cell.get("outputs", []):
            shown = output.get("data", {"text": output.get("text", output.get("evalue", ""))})
            for kind, content in shown.items():
                lines += [f"  | {line}" for line in _output_lines(kind, content)]
    return "\n".join(lines) + "\n"


def _output_lines(kind, content):
    if kind.startswith("image/") and kind != "image/svg+xml":
        data = base64.b64decode("".join(content))
        return [f"[{kind}, {len(data) / 1000:.0f} kB, {hashlib.sha256(data).hexdigest()[:8]}]"]
    if isinstance(content, dict):
        return [f"[{kind}]"]
    return "".join(content).splitlines()


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    with open(sys.argv[1], encoding="utf-8") as file:
        print(as_text(json.load(file)), end="")
