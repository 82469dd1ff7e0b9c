"""Checks the queues against a model of them, and the account of all transports at once.

Random operations, each run from a seed that a finding names: `--seed N` repeats it.
"""

import sys
import time

from installed import run_in_build
from report import run_job

if __name__ == "__main__":
    run_in_build()

from properties.modules import load_modules
from properties.operations import Pair
from properties.transports import try_transports

OPERATIONS = 300
MODEL_SHARE = 0.4  # of the time; the transports have the rest


def try_pair(name: str, seed: int) -> int:
    """Return how many operations were tried."""
    pair = Pair(load_modules()[name], seed)
    try:
        pair.run(OPERATIONS)
    except Exception as error:
        steps = "\n  ".join(pair.steps)
        raise AssertionError(f"{name}, model, seed {seed}: {error!r} after\n  {steps}") from error
    return len(pair.steps)


def job(seconds: float) -> dict[str, object]:
    end = time.monotonic() + MODEL_SHARE * seconds
    runs = operations = 0
    while time.monotonic() < end:
        for name in load_modules():
            operations += try_pair(name, runs)
        runs += 1
    figures: dict[str, object] = {"model runs": 2 * runs, "model operations": operations}
    figures.update(try_transports((1 - MODEL_SHARE) * seconds))
    return figures


if __name__ == "__main__":
    if "--seed" in sys.argv:
        for name in load_modules():
            try_pair(name, int(sys.argv[sys.argv.index("--seed") + 1]))
    else:
        run_job(job, short=25, long=600)
