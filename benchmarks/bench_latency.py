"""How long does `emit` keep its caller, at worst?

100,000 records, each timed by itself, to a collector that is healthy, one that
is stopped with its connection open, and none at all. "nothing" is the same loop around no call:
what the machine itself takes now and then. In nanoseconds, among the extra info and printed below:
the median, 99 and 99.99 of 100 and the longest; and what became of the records.
"""

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns

import pytest
from conftest import IDENTITY, MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture

import syslogfast

CALLS = 100_000
STRETCH = 10_000  # calls, or turns of the empty loop, in a row
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.99": 0.9999, "longest": 1}
COLLECTORS = ["healthy", "stopped", "absent"]
OVERFLOWS = ["drop-newest", "drop-oldest"]

# Reads all that comes over one socket, whose URL it prints.
COLLECTOR = """
import socket, sys
road, path = sys.argv[1:]
if road == "tcp":
    listener = socket.create_server(("127.0.0.1", 0))
elif road == "udp":
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
else:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
if road == "unix":
    print(f"unix://{path}", flush=True)
else:
    print(f"{road}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
buffer = bytearray(1 << 20)
while True:
    source = listener.accept()[0] if road == "tcp" else listener
    while source.recv_into(buffer):
        pass
"""


@contextmanager
def run_collector(road: str, state: str, directory: pathlib.Path) -> Iterator[tuple[str, int]]:
    """Start a collector; give its URL and its process."""
    command = [sys.executable, "-Ic", COLLECTOR, road, str(directory / "socket")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if state == "absent":
            process.kill()
            process.wait()
        yield url, process.pid
        process.kill()


def time_calls(function: Callable[[int, str], object]) -> list[int]:
    """Return how many nanoseconds each of the calls took."""
    times = [0] * STRETCH
    for index in range(STRETCH):
        start = perf_counter_ns()
        function(6, MESSAGE)
        times[index] = perf_counter_ns() - start
    return times


def time_nothing() -> list[int]:
    times = [0] * STRETCH
    for index in range(STRETCH):
        start = perf_counter_ns()
        times[index] = perf_counter_ns() - start
    return times


def time_alternately(function: Callable[[int, str], object]) -> tuple[list[int], list[int]]:
    """Return what the calls took, and nothing: what else the machine does disturbs both."""
    times, idle = [], []
    for _ in range(CALLS // STRETCH):
        times += time_calls(function)
        idle += time_nothing()
    return times, idle


def summarize(times: list[int]) -> dict[str, int]:
    ordered = sorted(times)
    return {name: ordered[round(part * (CALLS - 1))] for name, part in QUANTILES.items()}


@pytest.fixture(scope="module")
def report() -> Iterator[list[str]]:
    """Lines of a table that is printed at the end."""
    lines: list[str] = []
    yield lines
    head = "".join(f"{name:>12}" for name in QUANTILES)
    print(f"\n{'nanoseconds a call':32}{head}", *lines, sep="\n")


def tell(report: list[str], name: str, summary: dict[str, int], remark: str = "") -> None:
    report.append(f"{name:32}" + "".join(f"{value:12,}" for value in summary.values()) + remark)


@pytest.mark.benchmark(group="100,000 times emit")
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("state", COLLECTORS)
@pytest.mark.parametrize("road", ["tcp", "udp", "unix"])
@pytest.mark.parametrize("linger", [0, 0.05])
def test_emit(
    benchmark: BenchmarkFixture,
    report: list[str],
    tmp_path: pathlib.Path,
    linger: float,
    road: str,
    state: str,
    overflow: str,
) -> None:
    with run_collector(road, state, tmp_path) as (url, pid):
        emitter = syslogfast.connect(
            url, linger=linger, overflow=overflow, protocol="rfc5424", **IDENTITY
        )
        with emitter:
            emitter.emit(6, MESSAGE)
            arrived = emitter.flush(2 if state != "absent" else 0.1)
            assert arrived or state == "absent"
            if state == "stopped":
                os.kill(pid, signal.SIGSTOP)
            times, idle = benchmark.pedantic(time_alternately, args=(emitter.emit,), rounds=1)
            stats = emitter.stats
            emitter.close(0)
    assert stats["offered"] > CALLS  # where something was dropped, a record more tells so
    assert stats["offered"] == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
    if state == "stopped" and road == "tcp":
        assert stats["dropped"]["full"] > 0  # else it was no obstacle
    if state == "absent" and road != "udp":  # of a batch that is refused, the kernel takes all
        assert stats["sent"] <= 1
    benchmark.extra_info["nothing"] = summarize(idle)
    benchmark.extra_info["emit"] = summarize(times)
    dropped = sum(stats["dropped"].values())
    tell(report, f"{road} {state} {overflow} {linger}", summarize(times), f"  dropped {dropped:,}")
    tell(report, "  nothing", summarize(idle))
