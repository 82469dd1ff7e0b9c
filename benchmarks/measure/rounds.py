"""Interleaved rounds: A B C, A B C, ..., so that what else the machine does disturbs all alike.

All rows are timed on one CPU, where that can be had, with garbage collection off, after a round
that does not count. pytest-benchmark runs it: a round of its own is the first row, and the others
take their place before it.
"""

import gc
import os
import statistics
import time
import timeit
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from measure.tables import Cell, Column, Table
from pytest_benchmark.fixture import BenchmarkFixture

CALLS = 1000  # of a function in a round, where it is called again and again
LEAST, MOST = 7, 400  # rounds

# Returns None, or the seconds that it took by a clock of its own.
Run = Callable[[], "float | None"]
Times = dict[str, list[float]]  # seconds of each round, by row

AVAILABLE = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
TIMED, OTHERS = set(AVAILABLE[-1:]), set(AVAILABLE[:-1])  # the first CPU has most interrupts


@contextmanager
def pin() -> Iterator[None]:
    """Keep this thread, and those that it starts meanwhile, on the CPU where it is timed."""
    if not OTHERS:
        yield
        return
    os.sched_setaffinity(0, TIMED)
    try:
        yield
    finally:
        os.sched_setaffinity(0, AVAILABLE)


def move_away(pid: int) -> None:
    """Let a process that was just started (a receiver, a collector) run where nothing is timed."""
    if OTHERS:
        os.sched_setaffinity(pid, OTHERS)


@contextmanager
def pause_collection() -> Iterator[None]:
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def repeat_call(statement: str, calls: int = CALLS, **names: object) -> Run:
    """Return a run of so many times a statement, such as `encode(6, message)`.

    It is compiled with its arguments in place: `function(*arguments)` would cost 20 ns more.
    """
    return partial(timeit.Timer(statement, globals=names).timeit, calls)


class Rounds:
    """Times rows in interleaved rounds.

    quick: one round, which shows that all of it still works.
    """

    def __init__(self, benchmark: BenchmarkFixture) -> None:
        self.benchmark = benchmark
        self.quick = benchmark.disabled

    def measure(
        self,
        rows: Mapping[str, Run],
        seconds: float = 1.5,
        rounds: "int | None" = None,
        settle: Callable[[], object] = lambda: None,
    ) -> Times:
        """Return the seconds that each run took, in each round.

        seconds: how long all rounds take together, about; rounds: how many, if that is known
        better. settle: called before each run, untimed.
        """
        first, *others = rows
        times: Times = {row: [] for row in rows}

        def take(row: str) -> None:
            settle()
            run = rows[row]
            start = time.perf_counter()
            own = run()
            times[row].append(time.perf_counter() - start if own is None else own)

        def take_others() -> None:
            for row in others:
                take(row)

        with pin(), pause_collection():
            start = time.perf_counter()
            take_others()
            take(first)
            needed = time.perf_counter() - start
            if not self.quick:
                for seen in times.values():
                    seen.clear()
            if rounds is None:
                rounds = min(max(round(seconds / needed), LEAST), MOST)
            # Where benchmarks are disabled, it runs but once.
            self.benchmark.pedantic(take, args=(first,), setup=take_others, rounds=rounds)
        return times


def compare(times: Times, yardstick: str) -> dict[str, tuple[float, float, float, float]]:
    """Return, for each row, its median, and the ratio of medians to the yardstick's.

    The third and fourth are the quartiles of that ratio, round by round.
    """
    compared = {}
    base = times[yardstick]
    for row, seen in times.items():
        ratios = [mine / its for mine, its in zip(seen, base, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        median = statistics.median(seen)
        compared[row] = median, median / statistics.median(base), low, high
    return compared


def tabulate(
    name: str,
    title: str,
    times: Times,
    yardstick: str,
    calls: int = CALLS,
    remarks: "dict[str, str] | None" = None,
    note: str = "",
) -> Table:
    """Return the table of a contest: time of a call, ratio to the yardstick, and its spread."""
    rows: list[list[Cell]] = [
        [row, median / calls * 1e9, ratio, [low, high]]
        for row, (median, ratio, low, high) in compare(times, yardstick).items()
    ]
    columns = [
        Column(""),
        Column("time", "ns"),
        Column(f"against {yardstick}", "x"),
        Column("spread", "range"),
    ]
    return Table(name, title, columns, rows, note, remarks or {})
