"""One race, in a process of its own: all contenders in turn, round by round. Prints seconds per pass as JSON.

python benchmarks/race.py T N D H float32 ROUNDS [CONTENDER …]
"""

import json
import sys
import time

from contenders import contenders, floor

LONG_ENOUGH = 0.02  # seconds: a contender that is quicker makes several passes in a round
SLOW = {"loop": 5}  # who takes part only in the first rounds


def race(runs, rounds):
    """Seconds per pass of each contender in each round; the first pass of each is not counted."""
    passes = {}
    for name, run in runs.items():
        run()
        start = time.perf_counter()
        run()
        passes[name] = max(1, int(LONG_ENOUGH / (time.perf_counter() - start)))
    seconds = {name: [] for name in runs}
    for number in range(rounds):
        for name, run in runs.items():
            if number < SLOW.get(name, rounds):
                start = time.perf_counter()
                for _ in range(passes[name]):
                    run()
                seconds[name].append((time.perf_counter() - start) / passes[name])
    return seconds


if __name__ == "__main__":
    *sizes, dtype, rounds = sys.argv[1:7]
    sizes = [int(size) for size in sizes]
    runs = contenders(*sizes, dtype) | {"floor": floor(*sizes, dtype)}
    chosen = sys.argv[7:] or runs
    print(json.dumps(race({name: runs[name] for name in chosen}, int(rounds))))
