"""Makes each public call twice: a program for valgrind to watch.

usage: calls.py URL SCRATCH       prints the number of cases
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from public_calls import CASES, LIMIT, World, call_once

TIMES = 2  # what a first call has made, the second uses


def main(url: str, scratch: str) -> None:
    world = World(url, scratch)
    for each in CASES.values():
        for _ in range(TIMES):
            raised = call_once(each, world)
            assert raised is None, f"{each.name}: {raised!r}"
            world.log.flush(LIMIT)
            world.end_call()
    world.close()
    print(len(CASES))


if __name__ == "__main__":
    main(*sys.argv[1:])
