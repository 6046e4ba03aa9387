"""How long a reader waits for the scrubber, next to the same run drawn by matplotlib. Prints milliseconds as JSON.

PYTHONPATH=tests python benchmarks/scrubbing.py T H [ROUNDS]
"""

import io
import json
import sys
import time

import numpy as np
from browser import scrubber_page
from matplotlib.figure import Figure

from lstm_helpers.cell import LSTMParams, lstm_forward
from lstm_helpers.figures import draw_overview
from lstm_helpers.widgets import GateScrubber

# The picture is drawn in the next frame of the screen. A message that is sent from within the same frame is handled
# only when the frame has been painted.
MOVE = """async (t) => {
  const root = document.querySelector("[data-testid=gate-scrubber]");
  const slider = root.querySelector("[data-action=t]");
  const start = performance.now();
  slider.value = t;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  await new Promise((painted) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = painted;
    port2.postMessage(null);
  }));
  return [performance.now() - start, Number(root.dataset.t)];
}"""


def random_run(T, H):
    """A trace of T steps with H units, and 8 inputs."""
    rng = np.random.default_rng(0)
    return lstm_forward(rng.normal(size=(T, 1, 8)), LSTMParams.init(8, H, seed=rng))


def move(page, t):
    """Milliseconds from a moved slider to the painted picture of step t."""
    milliseconds, shown = page.evaluate(MOVE, t)
    if shown != t:
        raise RuntimeError(f"the slider was moved to {t}, the scrubber shows {shown}")
    return milliseconds


def draw(trace):
    """Milliseconds for the overview of the run as a PNG: what every move would cost if the kernel drew the picture."""
    start = time.perf_counter()
    figure = Figure(figsize=(11, 6), layout="constrained")
    draw_overview(figure, trace)
    figure.savefig(io.BytesIO(), format="png")
    return 1000 * (time.perf_counter() - start)


def race(T, H, rounds):
    """Both in turn, from step to step; the first round of each is not counted."""
    trace, rng = random_run(T, H), np.random.default_rng(1)
    milliseconds = {"scrubber": [], "matplotlib": []}
    with scrubber_page(GateScrubber(trace), viewport={"width": 1400, "height": 1000}) as page:
        for _ in range(rounds + 1):
            milliseconds["scrubber"].append(move(page, int(rng.integers(T))))
            milliseconds["matplotlib"].append(draw(trace))
    return {name: found[1:] for name, found in milliseconds.items()}


if __name__ == "__main__":
    T, H, *rounds = map(int, sys.argv[1:])
    print(json.dumps(race(T, H, *(rounds or [40]))))
