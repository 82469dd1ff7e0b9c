"""Tries the orders in which threads can go on amid the fallback's queue, sender and worker; and has
the garbage collector call what logs, at each allocation.

`--plan SCENARIO ((0,0),(12,1),...)` and `--collect BACKEND FLOW KIND WAY ALLOCATION` repeat one.
"""

import ast
import sys

from installed import run_in_build
from report import run_job

if __name__ == "__main__":
    run_in_build()

from reentry import FLOWS
from schedules.collection import collect_at, try_collections
from schedules.exploration import control, explore, list_files, try_plan
from schedules.queues import QUEUES
from schedules.scheduler import Scheduler
from schedules.senders import SENDERS

THREADS_SHARE, COLLECTIONS_SHARE = 0.6, 0.2  # of the time


def job(seconds: float) -> dict[str, object]:
    figures: dict[str, object] = {}
    kinds = [*QUEUES, *SENDERS]
    tried = total = 0
    share = seconds * THREADS_SHARE / len(kinds)
    for kind in kinds:
        found = explore(kind, share, by_bytecode=kind in QUEUES)
        print(f"{kind.__name__}: {found[0]:,} of {found[1]:,} schedules", flush=True)
        tried += found[0]
        total += found[1]
    figures["schedules"] = tried
    figures["schedules of two switches"] = total
    figures.update(try_collections(seconds * COLLECTIONS_SHARE))
    return figures


def repeat(name: str, plan: str) -> None:
    (kind,) = (kind for kind in [*QUEUES, *SENDERS] if kind.__name__ == name)
    scheduler = Scheduler(list_files(), by_bytecode=kind in QUEUES)
    with control(scheduler):
        try_plan(kind, scheduler, ast.literal_eval(plan))


if __name__ == "__main__":
    if "--plan" in sys.argv:
        repeat(*sys.argv[sys.argv.index("--plan") + 1 :])
    elif "--collect" in sys.argv:
        name, flow, how, way, at = sys.argv[sys.argv.index("--collect") + 1 :]
        (kind,) = (kind for kind in FLOWS if kind.__name__ == flow)
        collect_at(name, kind, how, way, int(at))
    else:
        run_job(job, short=30, long=1200)
