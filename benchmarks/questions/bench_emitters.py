"""What do thousands of emitters on one host take?

In one process: 1 to 10,000 emitters emit in turn, each of them one record, round and round. They
are children of one emitter, or encoders that share a buffer, or as many loggers of the standard
library, each with a handler that names its host; each kind has a process of its own. Nothing waits
for a transport: the emitters' queue is written to /dev/null, which is part of their time, and the
handlers' sockets are stubs.

Memory is that which Python allocates for an emitter that has emitted once over UDP. The names that
it is given exist before, and are not counted. "Its strings" are its rendered header, a bytes
object; "more than its strings" is all other memory. Resident memory is the growth of the process.
The kernel's memory for a socket is in neither.

As processes: each is a Python interpreter of its own (-I -S) that sends 200 records to a collector
on loopback, and waits. In the proportional memory, memory that n processes share counts as an n-th
for each. The start is the time from the begin of the process to its first record; over TCP, until
the kernel has it. As many processes start at a time as there are CPUs.
"""

import collections
import os
import pathlib
import re
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from adapters import many_emitters
from adapters.many_emitters import MESSAGE, PROCID, RECORDS, name_emitters
from adapters.many_processes import CODES, FOLDER, count_affordable, run_processes
from measure.rounds import TIMED, Rounds
from measure.tables import Cell, Column, Table

import syslogfast

Publish = Callable[[Table], None]

COUNTS = [1, 10, 100, 1000, 10_000]
KINDS = {  # of many_emitters.py, and the backend
    "syslogfast": ("emitters", "c"),
    "encode_into": ("encoders", "c"),
    "Python twin": ("emitters", "python"),
    "standard library": ("handlers", ""),
}
SPARE = 100  # descriptors for all else
PAGED = 1000  # emitters, from which on pages of memory measure them well enough
DELIVERED = 10  # records of each of 10,000 emitters
PROCESSES = [1, 10, 100, 1000]
PROCESS_SIZE = 8 << 20  # bytes: more than any of them adds

RECORD = re.compile(
    rb"<14>(?:1 \S+Z (?P<ours>\S+ \S+) \d+ - - |(?P<theirs>\S+ \S+): )(?P<message>[^\0]*)\0?"
)


def start_emitters(row: str, *arguments: str) -> "subprocess.Popen[str]":
    kind, backend = KINDS[row]
    script = str(pathlib.Path(many_emitters.__file__))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", script, FOLDER, kind, *arguments],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def run_cost(row: str, counts: list[int]) -> Iterator[Callable[[int], float]]:
    """Give a function that lets so many emitters emit, and returns the seconds."""
    with start_emitters(row, "cost", *map(str, counts)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout
        assert stdout.readline() == "ready\n"
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, TIMED)

        def emit_each(count: int) -> float:
            stdin.write(f"{count}\n")
            stdin.flush()
            return float(stdout.readline())

        try:
            yield emit_each
        finally:
            process.kill()


def test_cost(rounds: Rounds, publish: Publish) -> None:
    for row in KINDS:
        measure_memory(row, "memory", 10)  # which looks at what they send
    with ExitStack() as stack:
        takes = {row: stack.enter_context(run_cost(row, COUNTS)) for row in KINDS}
        rows = {
            f"{row} {count}": lambda take=take, count=count: take(count)
            for row, take in takes.items()
            for count in COUNTS
        }
        times = rounds.measure(rows, seconds=40)
    medians = {row: statistics.median(seen) / RECORDS * 1e9 for row, seen in times.items()}
    cells: list[list[Cell]] = [
        [
            count,
            *(medians[f"{row} {count}"] for row in KINDS),
            medians[f"syslogfast {count}"] / medians["syslogfast 1"],
        ]
        for count in COUNTS
    ]
    columns = [Column("emitters", "count"), *(Column(row, "ns") for row in KINDS)]
    publish(
        Table(
            "emitters-cost",
            "Cost of a record, emitters in turn",
            [*columns, Column("syslogfast, against one emitter", "x")],
            cells,
            f"Medians of rounds of {RECORDS:,} records.",
        )
    )


def allow_descriptors() -> int:
    """Raise the limit as far as it goes, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def measure_memory(row: str, task: str, count: int) -> tuple[float, float]:
    """Return the bytes and the descriptors of each of so many emitters, and look what they send."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        with start_emitters(row, task, str(count), str(receiver.getsockname()[1])) as process:
            output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        for name in name_emitters(5):
            match = RECORD.fullmatch(receiver.recv(2048))
            assert match is not None
            assert (match["ours"] or match["theirs"]).decode() == " ".join(name)
            assert match["message"] == MESSAGE.encode()
    size, descriptors = map(int, output.split())
    return size / count, descriptors / count


def measure_strings(count: int) -> float:
    """Return the mean size of the bytes objects that hold what is constant in a record."""
    sizes = []
    for hostname, app_name in name_emitters(count):
        encoder = syslogfast.Encoder(hostname=hostname, app_name=app_name, procid=PROCID)
        after_time = encoder.header(6).split(b" ", 2)[2]
        sizes.append(sys.getsizeof(b" " + after_time))
    return statistics.mean(sizes)


def test_memory(rounds: Rounds, publish: Publish) -> None:
    # Of one alone, the 80 bytes that Python keeps or gives back meanwhile would be too much.
    counts = COUNTS[-1:] if rounds.quick else COUNTS[1:]
    rows = ["syslogfast", "Python twin", "standard library"]
    most = allow_descriptors() - SPARE

    def measure(row: str, task: str, count: int) -> "tuple[float | None, float | None]":
        if (row == "standard library" and count > most) or (task == "resident" and count < PAGED):
            return None, None
        return measure_memory(row, task, count)

    def measure_all() -> list[list[Cell]]:
        cells: list[list[Cell]] = []
        for count in counts:
            sizes, descriptors = zip(*(measure(row, "memory", count) for row in rows), strict=True)
            resident = [measure(row, "resident", count)[0] for row in rows]
            more = sizes[0] - measure_strings(count)
            cells.append([count, sizes[0], more, *sizes[1:], *resident, *descriptors])
        return cells

    heads = [
        *("syslogfast", "more than its strings", "Python twin", "standard library"),
        *(f"{row}, resident" for row in rows),
    ]
    publish(
        Table(
            "emitters-memory",
            "Memory and descriptors of an emitter",
            [
                Column("emitters", "count"),
                *(Column(head, "bytes") for head in heads),
                *(Column(f"{row}, descriptors", "count") for row in rows),
            ],
            rounds.benchmark.pedantic(measure_all, rounds=1),
            "" if most >= counts[-1] else f"This machine allows a process {most} sockets.",
        )
    )


def receive_all(listener: socket.socket, data: bytearray) -> None:
    stream, _ = listener.accept()
    with stream:
        while chunk := stream.recv(1 << 18):
            data += chunk


def deliver(count: int, records: int) -> list[Cell]:
    """Let emitters emit so many records together, in turn, and look for each one at the end."""
    data = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        reader = threading.Thread(target=receive_all, args=(listener, data))
        reader.start()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with syslogfast.connect(url, overflow="block", timeout=10) as transport:
            children = [
                transport.child(hostname=hostname, app_name=app_name)
                for hostname, app_name in name_emitters(count)
            ]
            start = time.perf_counter()
            for step in range(records // count):
                for child in children:
                    child.emit(6, "record %d", step)
        seconds = time.perf_counter() - start
        reader.join(10)
    stats = transport.stats
    dropped = sum(stats["dropped"].values())
    assert stats["offered"] == stats["sent"] + stats["queued"] + dropped
    assert stats["offered"] == records
    steps: dict[bytes, list[bytes]] = collections.defaultdict(list)
    for line in bytes(data).splitlines():
        match = RECORD.fullmatch(line)
        assert match is not None
        steps[match["ours"]].append(match["message"])
    expected = [b"record %d" % step for step in range(records // count)]
    missing = count - sum(seen == expected for seen in steps.values())
    arrived = sum(map(len, steps.values()))
    return [count, stats["offered"], dropped, arrived, missing, records / seconds]


def test_delivery(rounds: Rounds, publish: Publish) -> None:
    records = COUNTS[-1] * (1 if rounds.quick else DELIVERED)

    def deliver_all() -> list[list[Cell]]:
        return [deliver(count, records) for count in COUNTS]

    cells = rounds.benchmark.pedantic(deliver_all, rounds=1)
    heads = ["emitters", "offered", "dropped", "arrived", "emitters that miss some or their order"]
    for row in cells:
        assert row[1:5] == [records, 0, records, 0]
    publish(
        Table(
            "emitters-delivery",
            "Emitters on one TCP connection",
            [*(Column(head, "count") for head in heads), Column("records", "per second")],
            cells,
            'They emit in turn, with overflow="block", until all is sent, to a thread beside.',
        )
    )


@pytest.mark.usefixtures("smaps")
def test_processes(rounds: Rounds, publish: Publish) -> None:
    most = count_affordable(PROCESSES[-1], PROCESS_SIZE)
    numbers = [number for number in PROCESSES if number < most] + [most]
    if rounds.quick:
        numbers = [5]

    def run_all() -> "dict[tuple[str, int, str], object]":
        runs = [("udp", number) for number in numbers] + [("tcp", numbers[-2:][0])]
        return {
            (scheme, number, row): run_processes(row, scheme, number)
            for scheme, number in runs
            for row in CODES
        }

    figures = rounds.benchmark.pedantic(run_all, rounds=1)
    columns = [
        Column(""),
        Column("proportional memory", "bytes"),
        Column("resident memory", "bytes"),
        Column("start", "ns"),
        Column("start, CPU", "ns"),
        Column("record, CPU", "ns"),
        Column("lost", "count"),
    ]
    for name, scheme, number in [
        ("processes", "udp", numbers[-1]),
        ("processes-tcp", "tcp", numbers[-2:][0]),
    ]:
        cells: list[list[Cell]] = []
        for row in CODES:
            each = figures[scheme, number, row]
            times = [each.start * 1e9, each.start_cpu * 1e9, each.record_cpu * 1e9]
            cells.append([row, each.proportional, each.resident, *times, each.lost])
            assert scheme == "udp" or each.lost == 0
            if row == "bare interpreter":
                cells[-1][5:] = None, None
        title = f"{number:,} processes, {scheme.upper()}: each of them"
        publish(Table(name, title, columns, cells))
    publish(
        Table(
            "processes-growth",
            "Proportional memory of each process",
            [Column("processes", "count"), *(Column(row, "bytes") for row in CODES)],
            [
                [number, *(figures["udp", number, row].proportional for row in CODES)]
                for number in numbers
            ],
        )
    )
