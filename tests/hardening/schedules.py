"""Tries the orders in which threads can go on amid the fallback's queue, sender and worker, and in
which a fatal signal's handler can come amid the compiled queue; and has the garbage collector call
what logs, at each allocation.

`--plan SCENARIO ((0,0),(12,1),...)`, `--collect BACKEND FLOW KIND WAY ALLOCATION` and `--core
OPERATION FIRST_STOP OTHER_STOP ITSELF HALVES` repeat one.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import builds
from compiled import compile_package
from installed import run_in_build
from report import run_job

if __name__ == "__main__":
    run_in_build()

from reentry import FLOWS
from schedules.collection import collect_at, try_collections
from schedules.exploration import control, explore, list_files, try_plan
from schedules.queues import QUEUES
from schedules.scheduler import Plan, Scheduler
from schedules.senders import SENDERS

THREADS_SHARE, COLLECTIONS_SHARE, CORE_SHARE = 0.5, 0.2, 0.3  # of the time
BY_BYTECODE = 20.0  # seconds for a scenario of a queue, from which on a step is a bytecode
FOLDER = Path(__file__).with_name("schedules")


def job(seconds: float) -> dict[str, object]:
    figures: dict[str, object] = {}
    kinds = [*QUEUES, *SENDERS]
    tried = total = 0
    share = seconds * THREADS_SHARE / len(kinds)
    for kind in kinds:
        found = explore(kind, share, share > BY_BYTECODE and kind in QUEUES)
        print(f"{kind.__name__}: {found[0]:,} of {found[1]:,} schedules", flush=True)
        tried += found[0]
        total += found[1]
    figures["schedules"] = tried
    figures["schedules of two switches"] = total
    figures.update(try_collections(seconds * COLLECTIONS_SHARE))
    figures.update(json.loads(run_core(str(seconds * CORE_SHARE))))
    return figures


def run_core(*arguments: str) -> str:
    """Return what core.py prints, where each access to memory of the compiled core is a step."""
    folder = builds.FOLDER / "hooks"
    package = compile_package(Path(sys.executable), folder, ("-O1", "-fsanitize=thread"))
    hooks = folder / "hooks.so"
    command = ["gcc", "-O1", "-shared", "-fPIC", FOLDER / "hooks.c", "-o", hooks]
    subprocess.run(command, check=True)
    done = subprocess.run(
        [sys.executable, FOLDER / "core.py", hooks, *arguments],
        env=os.environ | {"LD_PRELOAD": str(hooks), "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stderr.strip().splitlines() or [done.returncode])[-1]
    return done.stdout


def repeat(name: str, plan: str) -> None:
    (kind,) = (kind for kind in [*QUEUES, *SENDERS] if kind.__name__ == name)
    for by_bytecode in (False, True):
        try_by_steps(kind, ast.literal_eval(plan), by_bytecode)


def try_by_steps(kind: Any, plan: Plan, by_bytecode: bool) -> None:
    scheduler = Scheduler(list_files(), by_bytecode)
    with control(scheduler):
        try_plan(kind, scheduler, plan)


if __name__ == "__main__":
    if "--plan" in sys.argv:
        repeat(*sys.argv[sys.argv.index("--plan") + 1 :])
    elif "--core" in sys.argv:
        print(run_core(*sys.argv[sys.argv.index("--core") + 1 :]))
    elif "--collect" in sys.argv:
        name, flow, how, way, at = sys.argv[sys.argv.index("--collect") + 1 :]
        (kind,) = (kind for kind in FLOWS if kind.__name__ == flow)
        collect_at(name, kind, how, way, int(at))
    else:
        run_job(job, short=30, long=1200)
