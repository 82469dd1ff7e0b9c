"""Has a signal come at each bytecode of the package while a program logs; its handler logs, too.

`--at BACKEND FLOW KIND BYTECODE` repeats one.
"""

import ctypes
import faulthandler
import random
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

from installed import run_in_build
from report import run_job

if __name__ == "__main__":
    run_in_build()

from properties.modules import load_modules
from reentry import FLOWS, KINDS, Flow, InterruptedByError, try_flow

HANG = 30.0  # seconds
NEVER = 1 << 60
SEED = 1


def build_interrupt(folder: str) -> Any:
    """Return the functions of interrupt.c."""
    source = Path(__file__).with_name("signals") / "interrupt.c"
    target = Path(folder) / "interrupt.so"
    include = sysconfig.get_path("include")
    command = ["gcc", "-O1", "-shared", "-fPIC", f"-I{include}", source, "-o", target]
    subprocess.run(command, check=True)
    return ctypes.PyDLL(str(target))


def count_or_interrupt(functions: Any, name: str, kind: Any, how: str, at: int) -> tuple[int, int]:
    """Return how many bytecodes the flow takes, and behind which of them the handler was called.

    at: the one from which on the signal is pending.
    """
    import syslogfast

    package = str(Path(syslogfast.__file__).parent).encode()
    flow: Flow = kind(name, how)
    count = reached = 0

    def interrupt(*given: object) -> None:
        nonlocal reached
        reached = reached or functions.count()
        flow.interrupt(*given)

    signal.signal(signal.SIGUSR1, interrupt)

    def run(act: Any) -> None:
        nonlocal count
        functions.begin(package, at, signal.SIGUSR1)
        try:
            act()
        finally:
            try:
                count = functions.end()
            except InterruptedByError:  # which came behind the last bytecode
                count = functions.end()

    faulthandler.dump_traceback_later(HANG, exit=True)
    try:
        try_flow(flow, run)
        assert flow.interrupted == (at <= count), f"the handler was called {flow.interrupted} times"
    except AssertionError as error:
        raise AssertionError(f"--at {name} {kind.__name__} {how} {at}: {error}") from error
    except BaseException as error:
        raise AssertionError(f"--at {name} {kind.__name__} {how} {at}: {error!r}") from error
    finally:
        faulthandler.cancel_dump_traceback_later()
    return count, reached


def job(seconds: float) -> dict[str, object]:
    tried = covered = total = 0
    pick = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder:
        functions = build_interrupt(folder)
        cases = [(name, kind, how) for name in load_modules() for kind in FLOWS for how in KINDS]
        for name, kind, how in cases:
            end = time.monotonic() + seconds / len(cases)
            count_or_interrupt(functions, name, kind, how, NEVER)  # the first imports
            count, _ = count_or_interrupt(functions, name, kind, how, NEVER)
            assert count, "there are no bytecodes"
            order = list(range(1, count + 1))
            pick.shuffle(order)
            # Those from which on the handler is called at the same place are one.
            left = set(order)
            here = 0
            for at in order:
                if at not in left:
                    continue
                if time.monotonic() > end:
                    break
                _, reached = count_or_interrupt(functions, name, kind, how, at)
                left.difference_update(range(at, max(at, reached) + 1))
                here += 1
            reached = count - len(left)
            print(
                f"{name} {kind.__name__} {how}: {here}, {reached} of {count} bytecodes", flush=True
            )
            tried += here
            covered += reached
            total += count
    return {"signals": tried, "bytecodes": covered, "of": total}


def repeat(name: str, flow: str, how: str, at: str) -> None:
    (kind,) = (kind for kind in FLOWS if kind.__name__ == flow)
    with tempfile.TemporaryDirectory() as folder:
        functions = build_interrupt(folder)
        count_or_interrupt(functions, name, kind, how, NEVER)
        count_or_interrupt(functions, name, kind, how, int(at))


if __name__ == "__main__":
    if "--at" in sys.argv:
        repeat(*sys.argv[sys.argv.index("--at") + 1 :])
    else:
        run_job(job, short=30, long=900)
