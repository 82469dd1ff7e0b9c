"""How long does `emit` keep its caller when the collector is away?

Each of 100,000 calls is timed by itself: to a collector that is healthy, to one that is stopped
with its socket or connection open (SIGSTOP), and to none at all. The calls come without a pause,
more than a collector in Python can take. Beside them stands the standard library's SysLogHandler
over the same transport, with records that are ready. "nothing" is the same loop around an empty
function, run in between: it shows the machine's own pauses.

A signal ends a call that does not return within one to two seconds; its row goes no further.
Emitters have no option, except `linger` where a row says so. Their queue of a megabyte drops the
newest records when it is full, and records as frequent as these are gathered; `linger=0` tries to
send each record. In each row, offered is sent + queued + dropped. Over UDP no more is known: the
kernel does not report records that it loses because nothing reads them, and it reports a refusal
only to a sender that asks. Before the 100,000 records a first one connects.

Last, the process may have no more memory (RLIMIT_AS): the queue may grow to a gigabyte, and there
is no collector. The timed calls are those whose record is dropped for that reason.
"""

import contextlib
import json
import logging
import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import SysLogHandler
from time import perf_counter_ns

import pytest
from measure.record import IDENTITY, MESSAGE
from measure.rounds import Rounds, pause_collection
from measure.tables import Cell, Column, Table

import syslogfast

CALLS = 100_000
STRETCH = 10_000  # calls, or rounds of the empty loop, in a row
BOUND = 2.0  # seconds that a call may take at most; at least half of them
QUANTILES = {"median": 0.5, "99 %": 0.99, "99.99 %": 0.9999, "worst": 1}
STATES = ["healthy", "stopped", "absent"]

# Times calls for which there is no memory, and "nothing" in turn; prints each in nanoseconds.
WITHOUT_MEMORY = """
import array, json, re, resource, sys, syslogfast
from time import perf_counter_ns
url, calls, stretch, message, identity = sys.argv[1:]
calls, stretch, identity = int(calls), int(stretch), json.loads(identity)
log = syslogfast.connect(url, queue_bytes=1 << 30, on_failure=False, **identity)
emit, stats = log.emit, log.stats
def time_calls(call, times, start):
    for index in range(start, start + stretch):
        begin = perf_counter_ns()
        call(6, message)
        times[index] = perf_counter_ns() - begin
def do_nothing(severity, message):
    pass
emptied, timed = (array.array("Q", bytes(8 * calls)) for _ in range(2))
emit(6, message)
log.flush(0.1)
size = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (size + (6 << 20), resource.RLIM_INFINITY))
while not log.stats["dropped"].get("memory"):
    emit(6, message)
before = log.stats["dropped"]["memory"]
for start in range(0, calls, stretch):
    time_calls(emit, timed, start)
    time_calls(do_nothing, emptied, start)
dropped = log.stats["dropped"]
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps([emptied.tolist(), timed.tolist(), dropped["memory"] - before, list(dropped)]))
log.close(0)
"""

# Reads all that comes over one socket, whose port it prints.
COLLECTOR = """
import socket, sys
transport, path = sys.argv[1:]
if transport == "tcp":
    listener = socket.create_server(("127.0.0.1", 0))
elif transport == "udp":
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))
else:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
print(listener.getsockname()[1] if transport != "unix" else 0, flush=True)
buffer = bytearray(1 << 20)
while True:
    source = listener.accept()[0] if transport == "tcp" else listener
    while source.recv_into(buffer):
        pass
"""

Call = Callable[[], object]


@contextmanager
def run_collector(transport: str, state: str, path: pathlib.Path) -> Iterator[tuple[int, int]]:
    """Start a collector; give its port and its process."""
    command = [sys.executable, "-Ic", COLLECTOR, transport, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            if state == "absent":
                process.kill()
                process.wait()
            yield port, process.pid
        finally:
            process.kill()


class Blocked(BaseException):
    """A call has taken too long; handlers, which swallow Exception, let this through."""


def time_calls(call: Call, times: list[int]) -> None:
    """Add how many nanoseconds each of a stretch of calls took."""
    for _ in range(STRETCH):
        start = perf_counter_ns()
        try:
            call()
        finally:
            times.append(perf_counter_ns() - start)


def do_nothing() -> None:
    pass


@contextmanager
def watch(times: list[int]) -> Iterator[None]:
    """Interrupt a call that has not returned between one look and the next."""
    seen = -1

    def look(*_: object) -> None:
        nonlocal seen
        if len(times) == seen:
            raise Blocked
        seen = len(times)

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, BOUND / 2, BOUND / 2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Contest:
    """Times the rows of one transport."""

    def __init__(self, transport: str, directory: pathlib.Path, calls: int) -> None:
        self.transport = transport
        self.path = directory / "socket"
        self.calls = calls
        self.rows: dict[str, list[int]] = {"nothing": []}
        self.remarks: dict[str, str] = {}

    def time_row(self, row: str, call: Call) -> None:
        """Time the calls, and nothing in turn: what else the machine does disturbs both."""
        times = self.rows[row] = []
        try:
            with watch(times):
                for _ in range(self.calls // STRETCH):
                    time_calls(call, times)
                    time_calls(do_nothing, self.rows["nothing"])
        except Blocked:
            self.remarks[row] = f"call {len(times):,} blocks; it was ended"

    def time_emitter(self, row: str, state: str, **options: float) -> None:
        self.path.unlink(missing_ok=True)
        with run_collector(self.transport, state, self.path) as (port, pid):
            url = (
                f"unix://{self.path}"
                if self.transport == "unix"
                else f"{self.transport}://127.0.0.1:{port}"
            )
            emitter = syslogfast.connect(url, protocol="rfc5424", **options, **IDENTITY)
            emitter.emit(6, MESSAGE)
            arrived = emitter.flush(2 if state != "absent" else 0.1)
            assert arrived or state == "absent"
            if state == "stopped":
                os.kill(pid, signal.SIGSTOP)
            emit = emitter.emit
            self.time_row(row, lambda: emit(6, MESSAGE))
            stats = emitter.stats
            emitter.close(0)
        dropped = sum(stats["dropped"].values())
        assert row not in self.remarks  # it has not blocked
        assert stats["offered"] > self.calls  # where some were dropped, one more record reports it
        assert stats["offered"] == stats["sent"] + stats["queued"] + dropped
        if state == "stopped" and self.transport == "tcp":
            assert stats["dropped"]["full"] > 0  # else it was no obstacle
        if (
            state == "absent" and self.transport != "udp"
        ):  # of a batch refused, the kernel takes all
            assert stats["sent"] <= 1
        self.remarks[row] = f"{dropped:,} dropped"

    def time_handler(self, row: str, state: str) -> None:
        self.path.unlink(missing_ok=True)
        with run_collector(self.transport, state, self.path) as (port, pid):
            address = str(self.path) if self.transport == "unix" else ("127.0.0.1", port)
            kind = socket.SOCK_STREAM if self.transport == "tcp" else socket.SOCK_DGRAM
            try:
                handler = SysLogHandler(address, socktype=kind)
            except OSError as error:
                self.rows[row] = []
                self.remarks[row] = f"the constructor raises {type(error).__name__}"
                return
            with contextlib.closing(handler):
                failures: list[logging.LogRecord] = []
                handler.handleError = failures.append
                record = logging.makeLogRecord({"msg": MESSAGE, "levelno": logging.INFO})
                if state == "stopped":
                    handler.emit(record)
                    os.kill(pid, signal.SIGSTOP)
                self.time_row(row, lambda: handler.emit(record))
            self.remarks.setdefault(row, f"{len(failures):,} failed")


def summarize(times: list[int]) -> list[float | None]:
    ordered = sorted(times)
    return [
        float(ordered[round(part * (len(ordered) - 1))]) if ordered else None
        for part in QUANTILES.values()
    ]


@pytest.mark.parametrize("transport", ["udp", "tcp", "unix"])
def test_away(
    rounds: Rounds,
    publish: Callable[[Table], None],
    tmp_path: pathlib.Path,
    transport: str,
) -> None:
    contest = Contest(transport, tmp_path, 2 * STRETCH if rounds.quick else CALLS)

    def time_all() -> None:
        for state in STATES:
            contest.time_emitter(f"syslogfast, {state}", state)
        contest.time_emitter("syslogfast, linger=0, stopped", "stopped", linger=0)
        for state in STATES:
            contest.time_handler(f"SysLogHandler, {state}", state)

    with pause_collection():
        rounds.benchmark.pedantic(time_all, rounds=1)
    name = {"udp": "UDP", "tcp": "TCP", "unix": "a unix datagram socket"}[transport]
    cells: list[list[Cell]] = [[row, *summarize(times)] for row, times in contest.rows.items()]
    publish(
        Table(
            f"away-{transport}",
            f"Latency of a call, over {name}",
            [Column(""), *(Column(heading, "ns") for heading in QUANTILES)],
            cells,
            remarks=contest.remarks,
        )
    )


def test_memory(rounds: Rounds, publish: Callable[[Table], None]) -> None:
    calls = 2 * STRETCH if rounds.quick else CALLS
    with socket.socket() as closed:  # nobody listens, and nobody else gets its port
        closed.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
        arguments = [url, str(calls), str(STRETCH), MESSAGE, json.dumps(IDENTITY)]
        command = [sys.executable, "-Ic", WITHOUT_MEMORY, *arguments]
        output = rounds.benchmark.pedantic(subprocess.check_output, args=(command,), rounds=1)
    nothing, timed, dropped, reasons = json.loads(output)
    assert dropped == calls
    assert reasons == ["memory"]
    row = "syslogfast, no memory"
    publish(
        Table(
            "away-memory",
            "Latency of a call, where there is no more memory",
            [Column(""), *(Column(heading, "ns") for heading in QUANTILES)],
            [["nothing", *summarize(nothing)], [row, *summarize(timed)]],
            remarks={row: f"{dropped:,} dropped"},
        )
    )
