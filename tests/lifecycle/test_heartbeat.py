"""ALIVE: what it says, when it comes, and that it never stands in the way of anything else."""

import datetime
import gc
import itertools
import mmap
import os
import pathlib
import re
import socket
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from support.backends import load_emitter_module
from support.certificates import Certificates
from support.emitters import make_emitter
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames
from support.receivers import (
    LIMIT,
    Sink,
    check_balance,
    check_counts,
    collect,
    find_free_port,
    parse_lines,
    url_of,
    wait_until,
)
from support.relp_peers import RelpPeer

import syslogfast._platform as platform
from syslogfast import lifecycle
from syslogfast.lifecycle import clock, heartbeat, host
from syslogfast.transports import worker
from syslogfast.transports.worker import PeriodicStep

pytestmark = [pytest.mark.versions, pytest.mark.usefixtures("no_thread_fails")]

Run = Callable[..., Any]

ON_LINUX = sys.platform == "linux"
UPTIME, AGE = 5_123_456_789, 250_000_000  # nanoseconds
INTERVAL = 0.05  # seconds
QUIET = {
    **dict.fromkeys(["boot", "network", "exceptions", "termination", "end"], False),
    "fatal_signals": False,
    "pace": False,
}


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


@pytest.fixture
def install(connect_once: Callable) -> Iterator[Callable]:
    """Give a function that connects, and installs ALIVE alone; both are taken away again."""
    installed = []

    def call(*urls: str, heartbeat: float = INTERVAL, **options: object) -> Any:
        emitter = connect_once(*urls, **{"timeout": LIMIT, "on_failure": False, **options})
        installed.append(lifecycle.install(emitter, heartbeat=heartbeat, **QUIET))
        return emitter

    yield call
    for life in installed:
        life.uninstall()


def read_elements(record: Rfc5424Record) -> dict[str, dict[str, str]]:
    return {sd_id: dict(pairs) for sd_id, pairs in record.structured_data}


def read_timestamp(record: Rfc5424Record) -> float:
    return datetime.datetime.fromisoformat(record.timestamp.replace("Z", "+00:00")).timestamp()


def list_alive(records: list[Rfc5424Record]) -> list[Rfc5424Record]:
    return [record for record in records if record.msgid == "ALIVE"]


def list_numbers(records: list[Rfc5424Record]) -> list[int]:
    return [int(read_elements(record)["meta"]["sequenceId"]) for record in records]


# --- what it says --------------------------------------------------------------------------------


def render_alive(emitter: Any) -> Rfc5424Record:
    (frame,) = split_frames(heartbeat.render(emitter), "lf")
    return parse_rfc5424(frame)


def test_what_it_says(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process uses, since when it runs, and what became of its records."""
    monkeypatch.setattr(host, "read_uptime", lambda: UPTIME)
    monkeypatch.setattr(heartbeat, "read_uptime", lambda: UPTIME)
    monkeypatch.setattr(host, "read_process_age", lambda uptime: AGE)
    monkeypatch.setattr(heartbeat, "read_process_age", lambda uptime: AGE)
    monkeypatch.setattr(clock, "read_clock_quality", lambda: (True, 1234))
    emitter = make_emitter(module, limit=400)
    emitter.info("queued")
    emitter.info("too large" * 100)
    record = render_alive(emitter)
    assert (record.priority, record.msgid) == (8 + 5, "ALIVE")
    found = read_elements(record)
    assert list(found) == ["meta", "timeQuality", "process@32473", "queue@32473"]
    assert found["meta"].keys() == {"sequenceId", "sysUpTime"}
    assert found["meta"]["sysUpTime"] == "512"
    assert found["timeQuality"] == {"tzKnown": "1", "isSynced": "1", "syncAccuracy": "1234"}
    assert found["queue@32473"] == {
        "offered": "2",
        "sent": "0",
        "queued": "1",
        "dropped": "1",
        "truncated": "0",
        "reconnects": "0",
    }
    process = found["process@32473"]
    assert process["uptime"] == "0.25"
    names = ["uptime", "cpu", "resident", "threads", "descriptors", "collections"]
    assert [name for name in names if name in process] == list(process)
    parts = {
        "cpu": " s CPU",
        "resident": " bytes resident",
        "threads": " threads",
        "descriptors": " descriptors",
        "collections": " collections",
    }
    used = ", ".join([process[name] + parts[name] for name in parts if name in process])
    assert record.message == (
        f"alive 0.25 s after process start, 5.123 s after boot: {used}; records: 2 offered, 0 sent,"
        " 1 queued, 1 dropped, 0 truncated, 0 reconnects; clock within 1.234 ms"
    )


@pytest.mark.skipif(not ON_LINUX, reason="these are Linux's files")
def test_what_is_measured_is_so() -> None:
    """The kernel's own words, read another way; what is added is what it goes up by."""
    status = dict(
        line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines()
    )
    before = heartbeat.measure_process()
    resident = int(status["VmRSS"].split()[0]) * 1024
    assert abs(int(str(before["resident"])) - resident) < 1 << 23
    assert before["threads"] == int(status["Threads"])
    held = mmap.mmap(-1, 1 << 25)  # the allocator might have some that is resident already
    for offset in range(0, len(held), mmap.PAGESIZE):
        held[offset] = 1
    gc.collect()
    began = time.process_time()
    while time.process_time() < began + 0.03:
        pass
    event = threading.Event()
    thread = threading.Thread(target=event.wait)
    thread.start()
    with open("/dev/null"), open("/dev/null"):
        after = heartbeat.measure_process()
    event.set()
    thread.join()
    grown = len(held) // 2
    held.close()
    assert after["descriptors"] == int(str(before["descriptors"])) + 2
    assert after["threads"] == int(str(before["threads"])) + 1
    assert int(str(after["resident"])) >= int(str(before["resident"])) + grown
    assert int(str(after["collections"])) > int(str(before["collections"]))
    assert float(str(after["cpu"])) >= float(str(before["cpu"])) + 0.02
    assert len(os.listdir("/proc/self/fd")) - 1 == heartbeat.count_descriptors()


@pytest.mark.parametrize(
    "size", [pytest.param(0, id="before Linux 6.2"), pytest.param(7, id="from Linux 6.2 on")]
)
def test_descriptors_are_counted_by_any_kernel(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    class Status:
        st_size = size

    monkeypatch.setattr(os, "stat", lambda path: Status)
    monkeypatch.setattr(os, "listdir", lambda path: ["0", "1", "2", "3"])
    assert heartbeat.count_descriptors() == (size or 3)


@pytest.mark.parametrize(
    "stat", [b"", b"1 (python) S 0", b"1 (a) 1 (b) S " + b"x " * 40, OSError(24, "Too many")]
)
def test_without_proc(module: ModuleType, monkeypatch: pytest.MonkeyPatch, stat: Any) -> None:
    """An image may do without; so may a process that has no descriptor left."""

    def fail(*arguments: object) -> Any:
        if isinstance(stat, OSError):
            raise stat
        return stat

    def refuse(path: str) -> None:
        raise FileNotFoundError(path)

    for place in (host, heartbeat):
        monkeypatch.setattr(place, "read_file", fail)
    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(gc, "get_stats", lambda: None)
    emitter = make_emitter(module)
    record = render_alive(emitter)
    assert list(read_elements(record)["process@32473"]) == ["cpu"]
    assert re.search(r"after boot: \d+\.\d\d s CPU; records: 0 offered", record.message or "")


@pytest.mark.parametrize("protocol", ["rfc3164", "local"])
def test_a_protocol_without_structured_data(module: ModuleType, protocol: str) -> None:
    """The text says it all."""
    text = heartbeat.render(make_emitter(module, protocol=protocol))
    assert b": alive " in text
    assert b" s CPU, " in text
    assert b"; records: 0 offered, 0 sent, " in text


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "heartbeat must be above 0 seconds, got 0"),
        (-1, ValueError, "heartbeat must be in 0..1e9 seconds, got -1"),
        (1e9, ValueError, "heartbeat must be in 0..1e9 seconds, got 1000000000.0"),
        ("60", TypeError, "heartbeat must be a number of seconds, got '60'"),
    ],
)
def test_what_is_no_interval_is_refused(
    connect_once: Callable, value: object, error: type[Exception], message: str
) -> None:
    """Before anything is changed."""
    emitter = connect_once("udp://127.0.0.1:9")
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        lifecycle.install(emitter, heartbeat=value)  # type: ignore[arg-type]
    assert emitter.stats["offered"] == 0
    assert emitter._sender.periodic is None


# --- when it comes -------------------------------------------------------------------------------

# The main thread is in one call that gives the interpreter up.
LONG_CALL = """
import sys, time, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect(sys.argv[1], hostname="vm-7", sequence_ids=True, protocol="rfc5424")
lifecycle.install(log, heartbeat=0.05, network=False)
log.info("sold")
time.sleep(0.6)
"""


def read_long_call(records: list[Rfc5424Record]) -> None:
    assert [record.msgid for record in records[:2]] == ["BOOTED", "-"]
    assert records[-1].msgid == "ENDED"
    alive = list_alive(records)
    assert 4 <= len(alive) == len(records) - 3
    assert list_numbers(records) == list(range(1, len(records) + 1))
    for before, record in zip(records[1:], alive, strict=False):
        offered = int(read_elements(record)["queue@32473"]["offered"])
        assert offered == list_numbers([before])[0]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls", "relp", "unix", "fd"])
def test_each_transport(
    run_python: Run,
    backend: str,
    tmp_path: pathlib.Path,
    certificates: Certificates,
    transport: str,
) -> None:
    """UDP has no thread otherwise; each other one has it for more than this."""
    if transport in ("udp", "unix"):
        family = socket.AF_INET if transport == "udp" else socket.AF_UNIX
        with socket.socket(family, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0) if transport == "udp" else str(tmp_path / "log"))
            url = url_of(receiver) if transport == "udp" else f"unix://{tmp_path}/log"
            with collect(receiver) as datagrams:
                result = run_python(LONG_CALL, url, backend=backend)
        records = [parse_rfc5424(datagram) for datagram in datagrams]
    elif transport == "fd":
        result = run_python(LONG_CALL, "fd://1", backend=backend)
        records = parse_lines(result.stdout.encode())
    elif transport == "relp":
        peer = RelpPeer()
        try:
            result = run_python(LONG_CALL, peer.url, backend=backend)
            records = [parse_rfc5424(record) for record in peer.last.records]
        finally:
            peer.close()
    else:
        sink = Sink()
        try:
            if transport == "tls":
                sink.speak_tls(*map(str, certificates.server))
            option = f"?ca={certificates.ca}&framing=lf" if transport == "tls" else ""
            url = f"{transport}://127.0.0.1:{sink.port}{option}"
            result = run_python(LONG_CALL, url, backend=backend)
            assert wait_until(lambda: b" ENDED " in sink.received)
            records = sink.read_records()
        finally:
            sink.close()
    assert (result.returncode, result.stderr) == (0, "")
    read_long_call(records)


def test_nothing_of_it_is_loaded_without(run_python: Run, backend: str) -> None:
    code = """
import sys, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect("udp://127.0.0.1:9", on_failure=False)
lifecycle.install(log, network=False, pace=False, boot=False, end=False)
print([n for n in sys.modules if n.startswith("syslogfast") and ("heart" in n or "worker" in n)])
"""
    result = run_python(code, backend=backend)
    assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")


def test_while_the_collector_is_away(install: Callable) -> None:
    """Each waits with the time at which it was due, and all arrive in order."""
    port = find_free_port()
    emitter = install(f"tcp://127.0.0.1:{port}", sequence_ids=True)
    before = time.time()
    assert wait_until(lambda: emitter.stats["queued"] >= 5)
    sink = Sink(port)
    try:
        assert wait_until(lambda: sink.count_lines() >= 6)
        records = sink.read_records()
        times = [read_timestamp(record) for record in records]
        assert list_alive(records) == records
        assert list_numbers(records) == list(range(1, len(records) + 1))
        assert before - 1 < times[0] < before + LIMIT
        for earlier, later in itertools.pairwise(times):
            assert later - earlier >= INTERVAL / 4
        assert times[4] - times[0] >= 3 * INTERVAL
        queued = [int(read_elements(record)["queue@32473"]["queued"]) for record in records[:5]]
        assert queued == [0, 1, 2, 3, 4]
    finally:
        sink.close()


def test_while_a_lot_is_sent(install: Callable, receiver: socket.socket) -> None:
    """Neither the thread nor those who emit leave it no turn."""
    with collect(receiver) as datagrams:
        emitter = install(url_of(receiver), linger=0.01)
        deadline = time.monotonic() + 8 * INTERVAL
        while time.monotonic() < deadline:
            for _ in range(20):
                emitter.info("x" * 100)
            time.sleep(0.001)
        lifecycle._installed.uninstall()  # `collect` waits for silence
        assert emitter.flush()
        stats = check_counts(emitter)
    assert sum(b" ALIVE " in datagram for datagram in datagrams) >= 3
    assert len(datagrams) <= stats["sent"]


def test_it_does_not_linger(install: Callable, receiver: socket.socket) -> None:
    """Nor does what has waited for others until then."""
    emitter = install(url_of(receiver), linger=1000)
    emitter.info("sold")
    found = [parse_rfc5424(receiver.recv(65536)) for _ in range(3)]
    assert [record.msgid for record in found] == ["-", "ALIVE", "ALIVE"]


def test_while_the_collector_does_not_read(install: Callable, small_sink: Sink) -> None:
    """The transport is full: the thread waits for it, but not beyond the time of a record."""
    small_sink.reads.clear()
    emitter = install(url_of(small_sink), queue_bytes=1 << 23)
    while not emitter.stats["queued"]:
        for _ in range(100):
            emitter.info("x" * 1000)
    before = emitter.stats["offered"]
    assert wait_until(lambda: emitter.stats["offered"] >= before + 4, 2.0)
    small_sink.reads.set()
    assert emitter.flush()
    assert wait_until(lambda: small_sink.received.count(b" ALIVE ") >= 4)
    check_counts(emitter)


@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_a_full_queue_holds_nothing_up(install: Callable, overflow: str) -> None:
    """It is dropped as "full", whatever the rest does; nothing waits, and all is accounted for."""
    port = find_free_port()
    url = f"tcp://127.0.0.1:{port}"
    emitter = install(url, queue_bytes=1000, overflow=overflow, max_size=900, timeout=0.01)
    while not emitter.stats["dropped"]:
        emitter.info("x" * 300)
    before = emitter.stats["dropped"]["full"]
    assert wait_until(lambda: emitter.stats["dropped"]["full"] >= before + 3, 2.0)
    assert emitter.stats["dropped"].keys() == {"full"}
    check_balance(emitter.stats)


def test_drops_are_reported_and_it_goes_on(install: Callable) -> None:
    """When the collector is back: what was dropped, itself included, and it comes as before."""
    port = find_free_port()
    emitter = install(f"tcp://127.0.0.1:{port}", queue_bytes=3000)
    assert wait_until(lambda: emitter.stats["dropped"].get("full", 0) > 2)
    sink = Sink(port)
    try:
        assert wait_until(lambda: b" DROPPED " in sink.received)
        seen = sink.received.count(b" ALIVE ")
        assert wait_until(lambda: sink.received.count(b" ALIVE ") > seen + 2)
        check_balance(emitter.stats)
    finally:
        sink.close()


def test_a_lack_of_memory(install: Callable, receiver: Any, monkeypatch: Any) -> None:
    """Counted as "memory"; the next one comes."""

    def fail(emitter: object) -> bytes:
        raise MemoryError

    emitter = install(url_of(receiver))
    with monkeypatch.context() as patch:
        patch.setattr(heartbeat, "render", fail)
        assert wait_until(lambda: emitter.stats["dropped"].get("memory", 0) >= 2)
    with collect(receiver) as datagrams:
        assert wait_until(lambda: sum(b" ALIVE " in datagram for datagram in datagrams) >= 2)
        lifecycle._installed.uninstall()  # `collect` waits for silence
    check_balance(emitter.stats)


def test_it_begins_while_the_thread_rests(connect_once: Callable, sink: Sink) -> None:
    """A thread that waits for ever looks again when there is a time."""
    emitter = connect_once(url_of(sink))
    emitter.info("sold")
    assert emitter.flush()
    life = lifecycle.install(emitter, heartbeat=INTERVAL, **QUIET)
    try:
        assert wait_until(lambda: sink.received.count(b" ALIVE ") >= 2)
    finally:
        life.uninstall()


# --- its end -------------------------------------------------------------------------------------


def count_beats(emitter: Any) -> int:
    return int(emitter.stats["offered"])


def test_uninstall_ends_it(install: Callable, receiver: socket.socket) -> None:
    emitter = install(url_of(receiver))
    assert wait_until(lambda: count_beats(emitter) >= 2)
    lifecycle._installed.uninstall()
    time.sleep(INTERVAL)  # for one that was under way
    before = count_beats(emitter)
    time.sleep(4 * INTERVAL)
    assert count_beats(emitter) == before
    emitter.info("sold")
    assert emitter.flush()
    assert count_beats(emitter) == before + 1


@pytest.mark.parametrize("is_same", [True, False])
def test_a_second_install_takes_its_place(
    install: Callable, connect_once: Callable, receiver: socket.socket, is_same: bool
) -> None:
    """With another interval, or none, on this emitter or on another."""
    first = install(url_of(receiver))
    assert wait_until(lambda: count_beats(first) >= 1)
    second = first if is_same else connect_once(url_of(receiver))
    life = lifecycle.install(second, heartbeat=1000, **QUIET)
    time.sleep(INTERVAL)
    before = count_beats(first)
    time.sleep(4 * INTERVAL)
    assert count_beats(first) == before
    assert (first._sender.periodic is not None) == is_same
    assert second._sender.periodic is not None
    life.uninstall()
    assert second._sender.periodic is None


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_close_ends_it(install: Callable, receiver: socket.socket, sink: Sink, scheme: str) -> None:
    """At once, and its thread with it; nothing that is due meanwhile is offered."""
    emitter = install(url_of(receiver if scheme == "udp" else sink), heartbeat=0.01)
    assert wait_until(lambda: count_beats(emitter) >= 2)
    began = time.monotonic()
    emitter.close()
    assert time.monotonic() - began < 1
    stats = check_counts(emitter)
    assert stats["sent"] == stats["offered"]
    time.sleep(0.1)
    assert emitter.stats == stats
    assert emitter._sender.periodic is None


def test_a_day(install: Callable, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """1,440 of them, by a clock that goes on where the thread rests: nothing grows."""
    now = [float(round(time.monotonic()))]  # sums of whole seconds are exact
    beats = 1440
    go = threading.Semaphore(0)
    monkeypatch.setattr(worker, "monotonic", lambda: now[0])

    class Alarm:
        """A lock that the thread waits for: the time has passed at once."""

        def acquire(self, waits: bool, delay: float) -> bool:
            go.acquire()
            now[0] += delay
            return False

        def release(self) -> None:
            raise RuntimeError  # of a lock that nobody has

    emitter = install(url_of(receiver), heartbeat=60)
    thread = emitter._sender._worker
    real = thread._wakeup
    assert wait_until(real.locked)  # it rests
    thread._wakeup = Alarm()
    platform.note_work(1)
    real.release()

    def run(count: int) -> None:
        first = count_beats(emitter)
        for number in range(first + 1, first + count + 1):
            go.release()
            receiver.recv(65536)
            assert count_beats(emitter) == number

    began = now[0]
    run(100)
    gc.collect()
    tracemalloc.start()
    try:
        run(20)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0], sys.getallocatedblocks()
        run(beats - 120)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0], sys.getallocatedblocks()
    finally:
        tracemalloc.stop()
        thread._wakeup = real
        go.release(1000)
    assert after[0] - before[0] < 8 * beats  # bytes: no object is as small
    assert after[1] - before[1] < beats // 2  # blocks: what leaks does so at each beat
    assert beats * 60 <= now[0] - began <= (beats + 2) * 60
    stats = check_counts(emitter)
    assert stats["offered"] == stats["sent"] >= beats


def test_what_was_missed_is_left_out(
    connect_once: Callable, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a pause of an hour there is one; a small delay does not shift those that follow."""
    now = [1000.0]
    monkeypatch.setattr(worker, "monotonic", lambda: now[0])
    emitter = connect_once(url_of(receiver))
    sender = emitter._sender
    taken: list[float] = []
    step = PeriodicStep(sender, 60, lambda: taken.append(now[0]))
    monkeypatch.setattr(sender, "_get_worker", lambda: None)
    step.start()
    for moment in (1059.9, 1060.0, 1060.1, 1123.0, 1179.0, 1180.0, 4800.0, 4801.0, 4859.0, 4860.0):
        now[0] = moment
        step.take()
    assert taken == [1060.0, 1123.0, 1180.0, 4800.0, 4860.0]
    step.stop()
    now[0] = 9999.0
    step.take()
    assert len(taken) == 5


# --- without threads, and in other processes -----------------------------------------------------


def test_where_no_thread_can_be_had(
    connect_once: Callable, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with the next record after it was due."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    emitter = connect_once(url_of(receiver))
    life = lifecycle.install(emitter, heartbeat=INTERVAL, **QUIET)
    try:
        with collect(receiver) as datagrams:
            for number in range(3):
                emitter.info("%d", number)
                time.sleep(1.5 * INTERVAL)
            assert emitter.flush()
            life.uninstall()
        kinds = [parse_rfc5424(datagram).msgid for datagram in datagrams]
        assert sorted(kinds) == ["-", "-", "-", "ALIVE", "ALIVE"]
        assert check_counts(emitter)["sent"] == 5
    finally:
        life.uninstall()


FORKED = """
import os, sys, time, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect(sys.argv[1], hostname="vm-7", app_name="shop", sequence_ids=True)
lifecycle.install(log, heartbeat=0.05, network=False)
for number in range(5):
    log.info("before")
child = os.fork()
time.sleep(0.6)
log.flush()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(os.getpid(), child)
"""
MULTIPROCESSING = """
import multiprocessing, os, sys, time, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect(sys.argv[1], hostname="vm-7", sequence_ids=True, linger=1000)

def work():
    time.sleep(1.8)
    log.info("done")

if __name__ == "__main__":
    lifecycle.install(log, heartbeat=0.3, network=False)  # multiprocessing takes its time
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    print(os.getpid(), process.pid)
"""
OPTIONS = ("-I", "-W", "ignore::DeprecationWarning")  # of os.fork beside threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("scheme", ["udp", "tcp"])
@pytest.mark.parametrize("program", [FORKED, MULTIPROCESSING], ids=["fork", "multiprocessing"])
def test_after_a_fork(
    run_python: Run,
    backend: str,
    receiver: socket.socket,
    sink: Sink,
    scheme: str,
    program: str,
) -> None:
    """Each process has its own, without another record: its PROCID, its numbers, its counts."""
    url = url_of(receiver if scheme == "udp" else sink)
    with collect(receiver) as datagrams:
        result = run_python(program, url, backend=backend, options=OPTIONS)
        assert (result.returncode, result.stderr) == (0, "")
        assert scheme == "udp" or wait_until(lambda: b" ENDED " in sink.received)
    records = sink.read_records() if scheme == "tcp" else [parse_rfc5424(d) for d in datagrams]
    parent, child = result.stdout.split()
    for procid in (parent, child):
        own = [record for record in records if record.procid == procid]
        assert len(list_alive(own)) >= 4
        assert list_numbers(own) == list(range(1, len(own) + 1))
    own = [record for record in records if record.procid == child]
    assert own[0].msgid == "ALIVE"
    assert read_elements(own[0])["queue@32473"]["offered"] == "0"
    assert [record.message for record in own if record.msgid == "-"] == (
        ["done"] if program is MULTIPROCESSING else []
    )
    assert "BOOTED" not in [record.msgid for record in own]


FORKED_IN_C = """
import ctypes, os, sys, time, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect(sys.argv[1], hostname="vm-7", app_name="shop")
lifecycle.install(log, heartbeat=0.05, network=False)
time.sleep(0.12)
child = ctypes.PyDLL(None).fork()
if not child:
    log.info("here")
    time.sleep(0.6)
    log.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(os.getpid(), child)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="that is CPython's interface")
def test_after_a_fork_in_c(run_python: Run, receiver: socket.socket) -> None:
    """From the first record on, which tells the package of it."""
    load_emitter_module("c")  # the other backend has no way to have such a fork wait for a thread
    with collect(receiver) as datagrams:
        result = run_python(FORKED_IN_C, url_of(receiver), backend="c", options=OPTIONS)
    assert (result.returncode, result.stderr) == (0, "")
    _, child = result.stdout.split()
    own = [r for r in map(parse_rfc5424, datagrams) if r.procid == child]
    # The thread of the beats may come before the record that has it started.
    assert [record.message for record in own if record.msgid != "ALIVE"] == ["here"]
    assert len(list_alive(own)) >= 4
    assert list_numbers(list_alive(own)) == list(range(1, len(own)))
