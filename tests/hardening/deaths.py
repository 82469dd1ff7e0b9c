#!/usr/bin/env python3
"""Kills processes in each way there is, over each transport, and reads what the collector got.

Each dies by the signal that was sent, in time; each record is valid and whole; and the one that
tells of the crash is where docs/unikernels.md says: on the wire, or else on standard error.
"""

import collections
import itertools
import random
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from installed import run_in_build
from report import run_job

run_in_build()

from support.crashes import (  # noqa: E402
    FATAL,
    Datagrams,
    Death,
    Stream,
    die,
    list_crashes,
    list_parameters,
)
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames  # noqa: E402

TRANSPORTS = ("udp", "lf", "octet", "unix")
LEAST = 3  # deaths of each scenario over each transport
MOST = 20
AT_ONCE = 2  # of them

# Threads that emit without a pause, until one of them, or somebody else, ends the process.
BUSY = """
import ctypes, faulthandler, mmap, os, signal, subprocess, sys, tempfile, threading, time
LIVE
def speak():
    number = 0
    while True:
        log.info("%d in the basket of somebody", number)
        log.debug("%d was looked at", number)
        number += 1
for _ in range(THREADS):
    threading.Thread(target=speak, daemon=True).start()
time.sleep(DELAY)
"""
MAP_AND_SHRINK = """
file = tempfile.TemporaryFile()
file.truncate(4096)
memory = mmap.mmap(file.fileno(), 4096)
file.truncate(0)
"""
IN_TEXT = """
class Text:
    def __str__(self):
        ctypes.string_at(0)
"""
IN_THREADS = """
barrier = threading.Barrier(2)
libc = ctypes.CDLL(None)
def crash():
    barrier.wait()
    libc.strlen(None)  # without the GIL, so that both are in the midst of it
for _ in range(2):
    threading.Thread(target=crash).start()
time.sleep(60)
"""
IN_CHILD = """
child = os.fork()
if not child:
    log.info("child")
    log.flush()
    ctypes.string_at(0)
print(child, os.WTERMSIG(os.waitpid(child, 0)[1]), flush=True)
"""
IN_INTERPRETER = """
code = "import ctypes; ctypes.string_at(0)"
try:
    import _interpreters as interpreters
    interpreters.run_string(interpreters.create("legacy"), code)
except ModuleNotFoundError:  # before Python 3.13
    import _xxsubinterpreters as interpreters
    interpreters.run_string(interpreters.create(isolated=False), code)
"""
FROM_OUTSIDE = """
subprocess.Popen(["sh", "-c", f"kill -s NAME {os.getpid()}"])
time.sleep(60)
"""
WITH_FAULTHANDLER = "import faulthandler\nfaulthandler.enable()\n"


class Scenario(NamedTuple):
    """A program, how it ends, and what is asked of its record of the end.

    threads: that emit meanwhile. record: the MSGID of the record of the end.
    """

    code: str
    status: int
    threads: int = 0
    record: str = "CRASHED"
    has_recorder: bool = False


def quiet(statement: str, status: int, **fields: object) -> Scenario:
    return Scenario(f"import ctypes, os, threading, time\nLIVE\n{statement}", status, **fields)


def busy(statement: str, status: int, **fields: object) -> Scenario:
    return Scenario(BUSY + statement, status, **{"threads": 4, **fields})


SEGV, ABRT, BUS, FPE = (
    -int(number) for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE)
)
RECORD = 'for number in range(500): log.debug("%d recorded", number)\n'
SCENARIOS = {
    **{name: Scenario(program.code, program.status) for name, program in FATAL.items()},
    "two threads at once": quiet(IN_THREADS, SEGV),
    "in a forked child": quiet(IN_CHILD, 0),
    "in a sub-interpreter": quiet(IN_INTERPRETER, SEGV),
    "faulthandler enabled before": Scenario(
        WITH_FAULTHANDLER + "import ctypes\nLIVE\nctypes.string_at(0)", SEGV
    ),
    "faulthandler enabled after": quiet(WITH_FAULTHANDLER + "ctypes.string_at(0)", SEGV),
    "with recorder and stack": quiet(RECORD + "ctypes.string_at(0)", SEGV, has_recorder=True),
    "uncaught exception": quiet("raise LookupError('no')", 1),
    "busy: SIGSEGV": busy("ctypes.string_at(0)", SEGV),
    "busy: SIGSEGV in a thread": busy(
        "threading.Thread(target=ctypes.string_at, args=(0,)).start()\ntime.sleep(60)", SEGV
    ),
    "busy: SIGSEGV from outside": busy(FROM_OUTSIDE.replace("NAME", "SEGV"), SEGV),
    "busy: in emit": busy(IN_TEXT + "log.info('%s', Text())", SEGV),
    "busy: in encode": busy(
        IN_TEXT
        + "syslogfast.Encoder().encode('info', 'x', structured_data={'a@1': {'b': Text()}})",
        SEGV,
    ),
    "busy: abort": busy("os.abort()", ABRT),
    "busy: SIGBUS": busy(MAP_AND_SHRINK + "memory[0]", BUS),
    "busy: SIGFPE": busy("ctypes.CDLL(None).div(1, 0)", FPE),
    "busy: stack overflow": busy("faulthandler._stack_overflow()", SEGV),
    "busy: two threads at once": busy(IN_THREADS, SEGV),
    "busy: faulthandler enabled before": Scenario(
        WITH_FAULTHANDLER + BUSY + "ctypes.string_at(0)", SEGV, threads=4
    ),
    "busy: with recorder and stack": busy("ctypes.string_at(0)", SEGV, has_recorder=True),
    "busy: SIGTERM": busy(
        FROM_OUTSIDE.replace("NAME", "TERM"), -int(signal.SIGTERM), record="TERMINATED"
    ),
    "busy: uncaught exception": busy("raise LookupError('no')", 1),
}
# The least shares of the records of the end that are on the wire. With busy threads over a stream
# the kernel may have taken a part of a record just then, and have no space for the rest.
SHARES = {"quiet": 1.0, "busy datagrams": 1.0, "busy streams": 0.95}


class Drained(Datagrams):
    """Datagrams that a thread takes as they come: a unix socket has space for few."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.socket.settimeout(0.05)
        self.has_ended = threading.Event()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        while True:
            try:
                self.frames.append(self.socket.recv(1 << 16))
            except TimeoutError:
                if self.has_ended.is_set():
                    return

    def count_losses(self) -> int:
        """Return how many datagrams the kernel had no space for."""
        found = self.socket.getsockopt(socket.SOL_SOCKET, 55, 4 * 9)  # SO_MEMINFO
        return struct.unpack("9I", found)[8]

    def count(self, word: bytes) -> int:
        return sum(frame.count(word) for frame in self.frames.copy())

    def list_frames(self) -> list[bytes]:
        self.stop()
        return self.frames

    def stop(self) -> None:
        self.has_ended.set()
        self.thread.join()

    def close(self) -> None:
        self.stop()
        super().close()


class Found(NamedTuple):
    """What a death has left: on the wire the records, the numbers of those of the busy threads,
    and the octets of one cut off; and the records on standard error.
    """

    death: Death
    records: list[Rfc5424Record]
    numbers: list[int]
    cut: bytes
    said: list[Rfc5424Record]


def run(scenario: Scenario, transport: str, delay: float) -> Found:
    code = scenario.code.replace("THREADS", str(scenario.threads)).replace("DELAY", str(delay))
    options: dict[str, object] = {"protocol": "rfc5424"}
    if scenario.has_recorder or scenario.threads:
        options |= {"level": "info"}
    if scenario.has_recorder:
        options |= {"recorder_bytes": 1 << 16}
    if scenario.threads and transport == "unix":
        # It takes eleven datagrams at a time, and Python code that sends waits for all the threads
        # that emit: no more than this would go within `timeout`.
        options |= {"queue_bytes": 1 << 15}
    with tempfile.TemporaryDirectory() as folder:
        is_stream = transport in ("lf", "octet")
        path = f"{folder}/log" if transport == "unix" else ""
        collector = Stream(transport) if is_stream else Drained(path)
        try:
            death = die(code, collector.url, collector=collector, **options)
            cut = b""
            if is_stream:
                frames = []
                for data in collector.list_connections():
                    end = find_end(data, transport)
                    cut += data[end:]
                    frames += split_frames(data[:end], transport)
            else:
                frames = collector.list_frames()
        finally:
            collector.close()
    return Found(death, *parse(frames, str(death.pid)), cut, list_crashes(death.stderr))


def parse(frames: list[bytes], procid: str) -> tuple[list[Rfc5424Record], list[int]]:
    """Return all records but those of the busy threads, and these ones' numbers.

    There are so many of them that they are compared to the only form that they may have.
    """
    plain = re.compile(
        rb"<14>1 \d{4}-\d\d-\d\dT[0-2]\d:[0-5]\d:[0-5]\d\.\d{6}Z vm-1 shop "
        + procid.encode()
        + rb" - \[meta sequenceId=\"([1-9]\d*)\"\] (0|[1-9]\d*) in the basket of somebody"
    )
    records = []
    numbers = []
    for frame in frames:
        if found := plain.fullmatch(frame):
            numbers.append(int(found[1]))
        else:
            records.append(parse_rfc5424(frame))
    return records, numbers


def find_end(data: bytes, framing: str) -> int:
    """Return where the last whole frame of a stream ends."""
    if framing == "lf":
        return data.rfind(b"\n") + 1
    end = 0
    while found := re.match(rb"([1-9][0-9]*) ", data[end : end + 12]):
        following = end + found.end() + int(found[1])
        if following > len(data):
            break
        end = following
    return end


def check(scenario: Scenario, transport: str, found: Found) -> bool:
    """Return whether the record of the end is on the wire; an AssertionError is a finding."""
    death, records, numbers, cut, said = found
    assert death.status == scenario.status, f"status {death.status}, not {scenario.status}"
    number = -scenario.status
    procid = str(death.pid)
    if scenario.code.count("os.fork"):
        procid, number = death.stdout.split()[1], int(death.stdout.split()[2])
        assert number == signal.SIGSEGV, f"the child's status is {number}"
    ends = [record for record in records if record.msgid == scenario.record]
    assert not cut or not ends, f"torn: {cut!r} behind the record of the end"
    assert cut[:1] in b"<123456789", f"torn: {cut!r}"
    told = [*ends, *(record for record in said if record.msgid == scenario.record)]
    most = 2 if "barrier" in scenario.code else 1
    assert 1 <= len(told) <= most, f"{len(told)} records tell of the end: {death.stderr[-600:]}"
    assert {record.procid for record in told} == {procid}, "another process tells of the end"
    if scenario.record == "CRASHED" and number > 1:
        expected = {"name": signal.Signals(number).name, "number": str(number)}
        assert all(list_parameters(record, "signal@32473") == expected for record in told), told
    if number > 1 and ends and most == 1 and procid == str(death.pid) and number != 15:
        assert records[-1] == ends[0], f"behind the record of the end: {records[-1]}"
    by_process = collections.defaultdict(list, {str(death.pid): numbers.copy()})
    for record in [*records, *said]:
        if numbered := list_parameters(record, "meta"):
            by_process[record.procid].append(int(numbered["sequenceId"]))
    for process, own in by_process.items():
        assert len(set(own)) == len(own), f"a record of process {process} came twice"
    if not scenario.threads and transport != "udp":
        own = by_process[str(death.pid)]
        assert own == list(range(1, len(own) + 1)), f"numbers {own}"
    if scenario.has_recorder and scenario.record == "CRASHED":
        check_recorded(records, ends)
    return bool(ends)


def check_recorded(records: list[Rfc5424Record], ends: list[Rfc5424Record]) -> None:
    """What was recorded comes before the record of the end, in order and without a gap."""
    marks = [
        int(found["number"])
        for record in records
        if (found := list_parameters(record, "recorded@32473"))
    ]
    assert marks == list(range(marks[0], marks[0] + len(marks))) if marks else not ends, marks
    for end in ends:
        assert ", most recent call first: File " in str(end.message), end


def name_kind(scenario: Scenario, transport: str) -> str:
    if not scenario.threads:
        return "quiet"
    return "busy streams" if transport in ("lf", "octet") else "busy datagrams"


def kill(seconds: float) -> dict[str, object]:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}: the times of the deaths", flush=True)
    clock = random.Random(seed)
    began = time.monotonic()
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    findings: list[str] = []
    slowest = 0.0
    rounds = 0

    def try_one(given: tuple[str, str, float]) -> None:
        nonlocal slowest
        name, transport, delay = given
        scenario = SCENARIOS[name]
        kind = name_kind(scenario, transport)
        start = time.monotonic()
        counts[kind]["deaths"] += 1
        try:
            found = run(scenario, transport, delay)
            is_on_wire = check(scenario, transport, found)
        except subprocess.TimeoutExpired:
            findings.append(f"{name}, {transport}, delay {delay}: it hangs")
            return
        except (AssertionError, ValueError) as error:
            findings.append(f"{name}, {transport}, delay {delay}: {error}")
            return
        slowest = max(slowest, time.monotonic() - start)
        counts[kind]["on the wire"] += is_on_wire
        counts[kind]["cut"] += bool(found.cut)
        if not is_on_wire:
            counts[f"{name}, {transport}"]["not on the wire"] += 1

    while rounds < LEAST or (rounds < MOST and time.monotonic() - began < seconds * 0.9):
        rounds += 1
        each = [
            (*pair, round(clock.uniform(0.005, 0.03), 4))
            for pair in itertools.product(SCENARIOS, TRANSPORTS)
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(try_one, each))
    missing = {
        name: count["not on the wire"] for name, count in counts.items() if name not in SHARES
    }
    print("not on the wire, but on standard error:", missing)
    figures: dict[str, object] = {"deaths": rounds * len(SCENARIOS) * len(TRANSPORTS)}
    for kind, least in SHARES.items():
        count = counts[kind]
        figures[f"{kind}, on the wire"] = f"{count['on the wire']} of {count['deaths']}"
        if count["on the wire"] < least * count["deaths"]:
            findings.append(f"{kind}: {figures[f'{kind}, on the wire']}, less than {least:.0%}")
    figures["cut off by the end"] = sum(count["cut"] for count in counts.values())
    figures["slowest, ms"] = round(slowest * 1000)
    print(figures)
    assert not findings, "\n".join([f"{len(findings)} findings", *findings])
    return figures


if __name__ == "__main__":
    run_job(kill, short=80, long=1200)
