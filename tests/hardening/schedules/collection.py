"""Has the garbage collector call what logs, at each allocation of a flow, in its turn.

Until Python 3.11 it may run wherever an object is made that it tracks, amid C code, too.
"""

import faulthandler
import gc
import random
import time
import weakref
from collections.abc import Callable

from properties.modules import load_modules
from reentry import FLOWS, Flow, try_flow

HANG = 30.0  # seconds
SEED = 1
KINDS = ["log", "flush", "close"]
WAYS = ["finalizer", "weakref"]


class Garbage:
    """Refers to itself: nobody but the collector finds it."""

    def __init__(self) -> None:
        self.own = self


class Finalized(Garbage):
    def __init__(self, call: Callable[..., None]) -> None:
        super().__init__()
        self.call = call

    def __del__(self) -> None:
        self.call()


def collect_at(name: str, kind: type[Flow], how: str, way: str, at: int) -> bool:
    """Return True if the flow has had so many allocations."""
    flow = kind(name, how)
    kept: list[object] = []

    def run(act: Callable[[], None]) -> None:
        if way == "finalizer":
            Finalized(flow.interrupt)
        else:
            kept.append(weakref.ref(Garbage(), flow.interrupt))
        gc.set_threshold(at)
        gc.enable()
        try:
            act()
        finally:
            gc.disable()

    threshold = gc.get_threshold()
    gc.collect()
    gc.disable()
    faulthandler.dump_traceback_later(HANG, exit=True)
    try:
        try_flow(flow, run)
        was_interrupted = bool(flow.interrupted)
    except BaseException as error:
        where = f"--collect {name} {kind.__name__} {how} {way} {at}"
        raise AssertionError(f"{where}: {error!r}") from error
    finally:
        faulthandler.cancel_dump_traceback_later()
        gc.set_threshold(*threshold)
        gc.collect()
        gc.enable()
    return was_interrupted


def try_collections(seconds: float) -> dict[str, object]:
    cases = [
        (name, kind, how, way)
        for name in load_modules()
        for kind in FLOWS
        for how in KINDS
        for way in WAYS
    ]
    pick = random.Random(SEED)
    tried = places = 0
    gc.collect()
    gc.freeze()  # what is there already is not looked through again and again
    for case in cases:
        end = time.monotonic() + seconds / len(cases)
        collect_at(*case, 1 << 30)  # the first imports
        most = 1
        while collect_at(*case, most):
            most *= 2
        order = list(range(1, most))
        pick.shuffle(order)
        for index, at in enumerate(order):
            if index and time.monotonic() > end:
                break
            tried += collect_at(*case, at)
        places += most
    assert tried, "nothing was collected"
    return {"collections amid a flow": tried, "of at most": places}
