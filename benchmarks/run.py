"""Everything that `make bench` measures, into one page: benchmarks/RESULTS.md.

python benchmarks/run.py
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import torch
from contenders import SIZES

from lstm_helpers.network import LSTM

HERE = Path(__file__).parent
ROUNDS = 15
SCRUBBING_ROUNDS = 40
DTYPES = ("float32", "float64")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}

# glibc gives large arrays back to the system, and each new one costs the zeroing of its pages. The second mode keeps
# what was freed. Whom the first mode costs more is a matter of the machine's mood, so both are shown.
MODES = {
    "as it comes": {},
    "memory kept": {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"},
}
GOALS = {  # ours / torch, at most
    ("S", "float32"): 0.50,
    ("S", "float64"): 0.11,
    ("M", "float32"): 1.05,
    ("M", "float64"): 0.55,
    ("L", "float32"): 1.05,
    ("L", "float64"): 0.70,
}
GOALS_WHERE_MEMORY_IS_KEPT = {("L", "float32"): 1.10}
FLOOR_GOALS = {"M": 1.25, "L": 1.10}  # ours / floor, at most

GROWTH = {"T": (50, 100, 200, 400), "N": (4, 16, 64, 256), "H": (32, 64, 128, 256)}
GROWTH_BASE = {"T": 100, "N": 16, "D": 32, "H": 64}
SCRUBBED = ((30, 16), (500, 256))  # T and H of the runs that are scrubbed through

PAGE = """# What it costs

Made by `make bench`; do not edit. One forward and one backward pass with all gradients, on one core, in a fresh process
for each row. All contenders take turns, {rounds} rounds; a round is as many passes as take 20 ms, one at least. A ratio
is the median of the ratios of the rounds. Other machines give other ratios.

{machine}

- **ours**: `network.LSTM`, which runs on `fast.py`, with all its checks of the input.
- **torch**: `torch.nn.LSTM`, and `torch.autograd.grad` for the same gradients.
- **floor**: only the matrix products that no LSTM gets around, joined where the algorithm allows, as `np.matmul` does
  them, and one `np.tanh` for each gate and cell state. (Ours can be below: it cuts the products into tiles.)
- **plain**: `cell.lstm_forward` and `backprop.lstm_backward`, the code of notebooks 02 to 04.
- **loop**: `seven_steps.textbook`, gate by gate, in float64 whatever it is given.

Sizes: {sizes}.

## Memory as it comes

{as_it_comes}

## Memory kept

As above, with `MALLOC_TRIM_THRESHOLD_` and `MALLOC_MMAP_THRESHOLD_` at 4,000,000,000: memory that was freed stays with
the process, and nobody pays for new pages.

{memory_kept}

## How the time grows

The exponent e where the time is proportional to sizeᵉ, from four sizes; the others stay at {growth_base}. float32,
memory kept. With e = 0 more is free, with e = 1 twice as much takes twice as long.

{growth}

## Scrubbing

From a moved slider to the painted picture of the scrubber, in Chromium, without a kernel; a part of it is waiting for
the next frame of the screen. Beside it, how long matplotlib takes to draw the overview of the same run, as it would for
each move if the kernel drew the picture. In turn, {scrubbing_rounds} moves to steps at random.

{scrubbing}

## What else was promised

- Kept for the way back, at M: {kept:.0f} numbers for each step and sample, in the dtype at hand; at most 7H + D + 1 =
  {allowed}.
- `import lstm_helpers.cell` takes {imports:.2f} times the CPU time of `import numpy`; at most 1.10.
"""


def measured(sizes, dtype, mode, rounds=ROUNDS, names=()):
    """One race in a fresh process: for each contender its seconds, round by round."""
    print("racing", *sizes, dtype, mode, flush=True)
    command = [sys.executable, str(HERE / "race.py"), *map(str, sizes), dtype, str(rounds), *names]
    done = subprocess.run(command, env=os.environ | ONE_THREAD | MODES[mode], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def ratio(seconds, name, to):
    """The median of the ratios, round by round: what slows the machine down for a while slows both down."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[to], strict=False))


def against(value, goal):
    """A ratio beside its goal."""
    return [f"{value:.2f}", "" if goal is None else f"{goal:.2f} {'✓' if round(value, 2) <= goal else 'missed'}"]


def markdown(rows):
    head, *body = ([str(cell) for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def race_table(mode):
    rows = [["", "dtype", "ours, ms", "/ torch", "goal", "/ floor", "goal", "plain / torch", "loop / torch"]]
    goals = GOALS | (GOALS_WHERE_MEMORY_IS_KEPT if mode == "memory kept" else {})
    for size, shape in SIZES.items():
        for dtype in DTYPES:
            seconds = measured(shape, dtype, mode)
            row = [size, dtype, f"{1000 * statistics.median(seconds['ours']):.3g}"]
            row += against(ratio(seconds, "ours", "torch"), goals[size, dtype])
            row += against(ratio(seconds, "ours", "floor"), FLOOR_GOALS.get(size))
            rows.append(row + [f"{ratio(seconds, name, 'torch'):.2f}" for name in ("plain", "loop")])
    return markdown(rows)


def growth_table():
    names = ("ours", "torch", "plain")
    rows = [["", "sizes", *names]]
    for size, values in GROWTH.items():
        medians = []
        for value in values:
            seconds = measured((GROWTH_BASE | {size: value}).values(), "float32", "memory kept", 7, names)
            medians.append([statistics.median(seconds[name]) for name in names])
        exponents = np.polyfit(np.log(values), np.log(medians), 1)[0]
        rows.append([size, ", ".join(map(str, values)), *(f"{exponent:.2f}" for exponent in exponents)])
    return markdown(rows)


def scrubbing_table():
    rows = [["run", "median, ms", "19 of 20 within, ms", "matplotlib, ms", "/ matplotlib"]]
    for T, H in SCRUBBED:
        print("scrubbing", T, H, flush=True)
        command = [sys.executable, str(HERE / "scrubbing.py"), str(T), str(H), str(SCRUBBING_ROUNDS)]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": str(HERE.parent / "tests")}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout)
        times = [*np.quantile(found["scrubber"], [0.5, 0.95]), statistics.median(found["matplotlib"])]
        row = [f"T = {T}, H = {H}", *(f"{milliseconds:.0f}" for milliseconds in times)]
        rows.append(row + [f"{ratio(found, 'scrubber', 'matplotlib'):.2f}"])
    return markdown(rows)


def import_ratio():
    """Least CPU time of `import lstm_helpers.cell` over that of `import numpy`, each in a fresh process, in turn."""
    code = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"

    def seconds(module):
        return float(subprocess.check_output([sys.executable, "-c", code.format(module)]))

    taken = [(seconds("lstm_helpers.cell"), seconds("numpy")) for _ in range(ROUNDS)]
    ours, numpys = map(min, zip(*taken, strict=True))
    return ours / numpys


def numbers_kept(T, N, D, H):
    """How many numbers a trace holds for each step and sample: the memory behind its arrays, each piece once."""
    trace = LSTM(D, H, seed=0).forward(np.zeros((T, N, D))).layers[0][0]
    memory = {}
    for array in vars(trace).values():
        while array.base is not None:
            array = array.base
        memory[id(array)] = array.nbytes
    return sum(memory.values()) / 8 / (T * N)


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    built = np.show_config(mode="dicts")
    blas, found = built["Build Dependencies"]["blas"], built.get("SIMD Extensions", {}).get("found", ["none"])
    return "\n".join(
        [
            f"- {date.today()}; {models[0] if models else platform.processor()}, {platform.system()}",
            f"- Python {platform.python_version()}; torch {torch.__version__}",
            f"- NumPy {np.__version__} with {blas['name']} {blas['version']}; it uses {', '.join(found)}",
        ]
    )


if __name__ == "__main__":
    T, N, D, H = SIZES["M"]
    page = PAGE.format(
        rounds=ROUNDS,
        machine=machine(),
        sizes="; ".join(f"{name}: T, N, D, H = {', '.join(map(str, shape))}" for name, shape in SIZES.items()),
        as_it_comes=race_table("as it comes"),
        memory_kept=race_table("memory kept"),
        growth_base=", ".join(f"{size} = {value}" for size, value in GROWTH_BASE.items()),
        growth=growth_table(),
        scrubbing=scrubbing_table(),
        scrubbing_rounds=SCRUBBING_ROUNDS,
        kept=numbers_kept(T, N, D, H),
        allowed=7 * H + D + 1,
        imports=import_ratio(),
    )
    (HERE / "RESULTS.md").write_text(page, encoding="utf-8")
    print(page)
