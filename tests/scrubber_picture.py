"""Take the README's picture of the scrubber (`make figures`): a bit that is latched, as the browser draws it.

python tests/scrubber_picture.py figures/scrubber.png
"""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np
from browser import scrubber_page
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.widgets import GateScrubber

TOKENS = ["say", "NO", "say", "yes", "yes", "no", "say", "yes", "no", "say", "YES", "yes", "no", "no", "yes", "no"]
MADE_FROM = "Made from"  # the PNG's text entry that holds the fingerprint


def latch():
    """A scrubber on two units: unit 0 keeps the last answer in capitals, unit 1 counts how many there were."""
    answer = np.array([{"YES": 1.0, "NO": -1.0}.get(token.upper(), 0.0) for token in TOKENS])
    loud = np.array([float(token in ("YES", "NO")) for token in TOKENS])
    x = np.stack([answer, loud], axis=1)[:, None]
    # Rows i, f, g, o, two units each. The input opens i of both; it shuts f of unit 0 only.
    weight_ih = np.array([[0, 16], [0, 16], [0, -16], [0, 0], [3, 0], [0, 0], [0, 0], [0, 0]], float)
    bias = np.array([-8, -8, 8, 8, 0, 0.5, 3, 2], float)
    return GateScrubber(lstm_forward(x, LSTMParams(weight_ih, np.zeros((8, 2)), bias)), tokens=TOKENS, t=10)


def fingerprint():
    """What the picture depends on, apart from the last digits of its numbers: the module, the style, this file."""
    sources = [GateScrubber._esm, GateScrubber._css, Path(__file__).read_text(encoding="utf-8")]
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()[:16]


def take(path):
    with scrubber_page(latch(), viewport={"width": 1100, "height": 900}, device_scale_factor=1.5) as page:
        shot = page.locator("[data-testid=gate-scrubber][data-t]").screenshot()
    information = PngInfo()
    information.add_text(MADE_FROM, fingerprint())
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(256).save(path, pnginfo=information, optimize=True)


if __name__ == "__main__":
    take(sys.argv[1])
