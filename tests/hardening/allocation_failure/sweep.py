"""Has the allocations of public calls fail, one after another, over one transport.

usage: sweep.py URL SCRATCH PART SECONDS STEP STRIDE [CASE [NUMBER WINDOW]]

URL is that of a transport, SCRATCH one of UDP, PART "others", or "1/4" for every fourth of those
cases for which the transport makes a difference, from the first on. Of the allocations of a call
each STEP-th fails alone, and each STRIDE-th together with those after it, WINDOW in all. The
last line of standard output has the counts as JSON. A finding is an AssertionError, whose text has
what repeats it.
"""

import _testcapi
import atexit
import faulthandler
import gc
import json
import logging
import pathlib
import signal
import sys
import time
import traceback
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from public_calls import CASES, LIMIT, Case, World, call_once, check_registry

WINDOW = 40
MOST = 30_000  # allocations of a call, of which all can fail
PATIENCE = 60  # seconds that a try may take, with all that is waited for after it
MOST_FINDINGS = 20
MISSES = 5
KEPT = 1000
REGISTERED = 8  # functions that a call, with what it starts, registers with `atexit` at most
PROBES = 1000  # allocations that find out whether the one that was to fail has been reached
# What may be raised in place of MemoryError: type, a part of the text, and why.
KNOWN = [
    (RuntimeError, "can't allocate lock", "CPython raises it where a lock finds no memory"),
    (RuntimeError, "can't allocate read lock", "so does its module io"),
    (RuntimeError, "can't start new thread", "CPython raises it where a thread finds no memory"),
]
if sys.version_info < (3, 12):
    # CPython 3.11 sets no exception where a call finds no memory for its frame (ceval.c), and
    # clears it where there is none for that of a caller (`take_ownership` of frame.c).
    KNOWN += [
        (SystemError, "error return without exception set", "see above"),
        (SystemError, "returned NULL without setting an exception", "see above"),
        (
            SystemError,
            "exc_info> returned a result with an exception set",
            "`f_back` leaves it set",
        ),
        (AttributeError, "no attribute 'makeRecord'", "so it does where `logging` goes on"),
    ]


class Failure:
    """Allocations number `first` to `last` fail between `begin` and `end`."""

    def __init__(self, first: int, window: int) -> None:
        self.first = first
        self.window = window
        self.was_reached = True

    def begin(self) -> None:
        # CPython keeps tuples for use again, and has one of two items for each iterator of a dict:
        # where that cannot be had, it frees what it has not made (`dictiter_new`), and crashes. One
        # of three has the arguments of a lock's `__exit__`: without it, a `with` statement keeps
        # the lock.
        kept = [((number, self), (number, self, None)) for number in range(KEPT)]
        del kept
        # Up to 3.13 a table of `atexit` that cannot grow is taken for one that has grown by 16
        # places, and written to behind its end (`atexit_register`).
        while atexit._ncallbacks() % 16 not in range(1, 16 - REGISTERED):  # there is no public way
            atexit.register(int)
        _testcapi.set_nomemory(self.first, self.first + self.window)

    def end(self) -> None:
        try:
            for _ in range(PROBES):
                bytes(100)
        except MemoryError:
            self.was_reached = False
        finally:
            _testcapi.remove_mem_hooks()


class Sweep:
    """The tries of one transport, and what has become of the records."""

    def __init__(self, url: str, scratch: str) -> None:
        self.world = World(url, scratch)
        self.tries = self.failed = self.sent = 0
        self.known: dict[str, int] = {}
        self.unraisable: dict[str, int] = {}
        self.where = ""
        self.findings: list[str] = []
        sys.unraisablehook = self.note_unraisable

    def note_unraisable(self, given: Any) -> None:
        """What an object's end, or the start of a thread, cannot raise: for want of memory alone.

        A worker that has begun survives it.
        """
        name = given.exc_type.__name__
        self.unraisable[name] = self.unraisable.get(name, 0) + 1
        functions = [frame.f_code.co_name for frame, _ in traceback.walk_tb(given.exc_traceback)]
        if "_do_next" in functions or not is_known(given.exc_value or given.exc_type()):
            self.findings.append(f"{self.where}: ignored {given.exc_value!r} in {given.object!r}")
            print(self.findings[-1], flush=True)

    def try_call(self, each: Case, first: int, window: int) -> bool:
        """Return False if the call was over before the allocation that was to fail."""
        self.where = f"{each.name} {first} {window}"
        self.tries += 1
        try:
            return self.try_and_check(each, first, window)
        except AssertionError as finding:
            traceback.print_exception(finding)
            faulthandler.dump_traceback(all_threads=True)
            self.findings.append(str(finding))
            self.end_call()
            assert len(self.findings) < MOST_FINDINGS, "so many findings"
            return True

    def try_and_check(self, each: Case, first: int, window: int) -> bool:
        signal.alarm(PATIENCE)
        failure = Failure(first, window)
        raised = call_once(each, self.world, failure.begin, failure.end)
        if raised is not None:
            self.failed += 1
            self.check_raised(raised)
        for log in [self.world.log, *self.world.opened]:
            if log is not self.world.log or each.sends:
                self.check(log)
        self.end_call()
        signal.alarm(0)
        raised = None
        gc.collect()  # CPython keeps 16 objects for MemoryErrors; a cycle may have each of them
        return failure.was_reached

    def end_call(self) -> None:
        for log in self.world.opened:
            log.close(LIMIT)
            self.sent += self.check_identity(log)["sent"]
        self.world.end_call()

    def check_raised(self, raised: BaseException) -> None:
        if isinstance(raised, MemoryError):
            return
        for kind, text, _ in KNOWN:
            if isinstance(raised, kind) and text in str(raised):
                name = f"{kind.__name__}: {text}"
                self.known[name] = self.known.get(name, 0) + 1
                return
        raise AssertionError(f"{self.where}: raised {raised!r}") from raised

    def check_identity(self, log: Any) -> dict[str, Any]:
        stats: dict[str, Any] = log.stats
        known = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
        assert stats["offered"] == known, f"{self.where}: {stats}"
        recorder = stats["recorder"]
        if recorder:
            known = recorder["sent"] + recorder["queued"] + sum(recorder["dropped"].values())
            assert recorder["offered"] == known, f"{self.where}: {stats}"
        return stats

    def check(self, log: Any) -> None:
        """The counts add up, what is queued goes, and so does a record that comes now."""
        self.check_identity(log)
        is_flushed = log.flush(LIMIT)
        before = self.check_identity(log)
        assert is_flushed, f"{self.where}: not flushed, {before}"
        log.error("usable")
        assert log.flush(LIMIT), f"{self.where}: not flushed, {log.stats}"
        after = self.check_identity(log)
        assert after["offered"] > before["offered"], f"{self.where}: {before}, {after}"
        if not log._queue.closed:
            assert after["sent"] > before["sent"], f"{self.where}: {before}, {after}"

    def sweep(self, each: Case, step: int, stride: int) -> int:
        """Return how many allocations the call makes, each of which has failed."""
        call_once(each, self.world)  # what is imported, and what CPython keeps from then on
        self.world.end_call()
        gc.freeze()
        number = len(each.name) % step  # not the same one in all cases
        misses = 0
        while misses < MISSES:  # a thread's allocations come sooner or later
            misses += not self.try_call(each, number, 1)
            number += step
            assert number < MOST, f"{each.name}: more than {MOST} allocations"
        for first in range(0, number, stride):
            self.try_call(each, first, WINDOW)
        return number

    def end(self) -> dict[str, Any]:
        self.world.log.flush(LIMIT)
        self.sent += self.check_identity(self.world.log)["sent"]
        self.world.close()
        return {
            "tries": self.tries,
            "failed": self.failed,
            "sent": self.sent,
            "known": self.known,
            "unraisable": self.unraisable,
        }


def is_known(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(
        isinstance(error, kind) and text in str(error) for kind, text, _ in KNOWN
    )


def main() -> None:
    url, scratch, part, seconds, step, stride, *rest = sys.argv[1:]
    faulthandler.register(signal.SIGALRM, chain=True)  # then its default action ends the process
    faulthandler.enable()
    logging.raiseExceptions = False
    check_registry()
    gc.disable()  # the same allocations each time
    sweep = Sweep(url, scratch)
    chosen = [each for each in CASES.values() if each.sends == (part != "others")]
    if part != "others":
        first, turns = map(int, part.split("/"))
        chosen = chosen[first - 1 :: turns]
    if rest:
        chosen = [CASES[rest[0]]]
    deadline = time.monotonic() + float(seconds)
    allocations = {}
    for each in chosen:
        began = time.monotonic()
        if len(rest) > 1:
            sweep.try_call(each, int(rest[1]), int(rest[2]))
            continue
        allocations[each.name] = sweep.sweep(each, int(step), int(stride))
        print(
            f"{each.name}: {allocations[each.name]}, {time.monotonic() - began:.1f} s", flush=True
        )
        assert time.monotonic() < deadline, f"{len(allocations)} of {len(chosen)} cases in time"
    print(json.dumps({**sweep.end(), "cases": len(chosen), "allocations": allocations}))
    if sweep.findings:
        sys.exit("\n".join(["findings:", *sweep.findings]))


if __name__ == "__main__":
    main()
