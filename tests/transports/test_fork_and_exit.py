"""What a process does to its emitters: it forks, ends, is interrupted, has many threads, no clock.

The counts agree whatever happens, and what arrives is whole, in order, and not doubled.
"""

import itertools
import json
import operator
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.certificates import Certificates
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames
from support.receivers import (
    LIMIT,
    Sink,
    TlsSink,
    check_counts,
    sort_out,
    stall,
    url_of,
    wait_until,
)
from support.threads import run_threads, switch_often

from syslogfast.transports import tls

pytestmark = [
    pytest.mark.versions,
    pytest.mark.threads,
    pytest.mark.usefixtures("no_thread_fails"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

OWN_PROCESS = {"procid": None}  # PROCID tells which process has spoken


def run_in_child(action: Callable[[], object]) -> int:
    """Call it in a fork, which ends without a word; return its number. It must not raise."""
    child = os.fork()
    if not child:
        signal.alarm(20)  # a child that hangs is killed
        try:
            action()
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    return child


def list_records(sink: Sink) -> list[list[Rfc5424Record]]:
    """Return the records of each connection, all of which must be whole."""
    frames = [split_frames(bytes(received), "lf") for received in sink.connections]
    return [[parse_rfc5424(frame) for frame in connection] for connection in frames]


# --- fork ----------------------------------------------------------------------------------------


def test_a_fork_speaks_for_itself(connect: Callable, sink: Sink) -> None:
    """It has a connection, counts and a PROCID of its own, and none of what its parent queued."""
    emitter = connect(url_of(sink), linger=1000.0, **OWN_PROCESS)
    named = emitter.child(hostname="vm-1")
    emitter.info("before")
    assert emitter.flush()
    emitter.info("parent's")
    emitter.emit_many("info", ["parent's"] * 20)

    def speak() -> None:
        stats = check_counts(emitter)
        counts = ("offered", "sent", "queued", "truncated", "reconnects", "bytes")
        assert [stats[name] for name in counts] == [0] * 6, stats
        assert (stats["dropped"], stats["failure"]) == ({}, None)
        named.info("child's")
        emitter.info("child's")
        assert emitter.flush()
        stats = check_counts(emitter)
        assert (stats["offered"], stats["sent"], stats["reconnects"]) == (2, 2, 0), stats
        emitter.close()

    child = run_in_child(speak)
    assert emitter.flush()
    emitter.info("after")
    emitter.close()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["reconnects"], stats["dropped"]) == (23, 0, {})
    assert wait_until(lambda: len(sink.connections) == 2 and len(sink.received) > stats["bytes"])
    assert wait_until(lambda: sink.connections[0].endswith(b"after\n"))
    parents, childs = list_records(sink)
    assert [record.message for record in parents] == ["before", *["parent's"] * 21, "after"]
    assert {record.procid for record in parents} == {str(os.getpid())}
    assert [record.message for record in childs] == ["child's"] * 2
    assert [record.hostname for record in childs] == ["vm-1", "web1"]
    assert {record.procid for record in childs} == {str(child)}


@pytest.mark.parametrize(
    "call", ["create_default_context", "do_handshake", "recv", "send", "unwrap"]
)
def test_a_fork_waits_for_openssl(
    connect_once: Callable,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    """OpenSSL has locks, which the child would find held by a thread that it does not have."""
    owner: Any = ssl if hasattr(ssl, call) else ssl.SSLSocket
    original = getattr(owner, call)
    is_amid = threading.Event()

    def take_long(*args: Any, **options: Any) -> Any:
        if args and args[0].server_side:
            return original(*args, **options)  # the sink's
        is_amid.set()
        time.sleep(0.1)
        try:
            return original(*args, **options)
        finally:
            is_amid.clear()

    def check() -> None:
        assert not is_amid.is_set()

    sink = TlsSink(certificates)
    emitter = connect_once(f"tls://127.0.0.1:{sink.port}?ca={certificates.ca}")
    if call == "unwrap":
        emitter.info("sold")
        assert emitter.flush()
    monkeypatch.setattr(owner, call, take_long)
    threads = [
        threading.Thread(target=step) for step in (lambda: emitter.info("sold"), emitter.close)
    ]
    for thread in threads:
        thread.start()
    assert is_amid.wait(LIMIT)
    run_in_child(check)
    for thread in threads:
        thread.join(LIMIT)
    monkeypatch.undo()
    sink.close()


def test_a_fork_has_its_turn() -> None:
    """Before a thread that calls OpenSSL again and again, and has the lock back at once."""
    lock = tls.OpenSslLock()
    is_amid = threading.Event()
    has_ended = threading.Event()

    def call_again() -> None:
        while not has_ended.is_set():
            with lock:
                is_amid.set()
                time.sleep(0.2)
                is_amid.clear()

    def check() -> None:
        assert not is_amid.is_set()

    threads = [threading.Thread(target=call_again) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            run_in_child(check)
    finally:
        has_ended.set()
        for thread in threads:
            thread.join(LIMIT)


FORKS = """
import os, signal, sys, time
import syslogfast

for number in range(12):
    log = syslogfast.connect(sys.argv[1], linger=0, hostname="h", app_name="a")
    log.info("parent's")
    time.sleep(number * 0.002)
    child = os.fork()
    if not child:
        signal.alarm(20)  # a child that hangs is killed
        log.info("child's")
        has_gone = log.flush(10)
        log.close()
        os._exit(not has_gone)
    assert os.waitpid(child, 0)[1] == 0
    assert log.flush(10)
    log.close()
"""


@pytest.mark.slow
def test_forks_amid_calls_of_openssl(
    run_python: Callable, backend: str, certificates: Certificates, tmp_path: pathlib.Path
) -> None:
    """The sender's thread reads many authorities at the time, or shakes hands; each child sends.

    The sink is in another process: its threads would leave the child OpenSSL's locks, too.
    """
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes(certificates.ca.read_bytes() * 200)
    sink = TlsSink(certificates)
    url = f"tls://127.0.0.1:{sink.port}?ca={authorities}"
    # Python 3.12 and later warn of threads beside a fork, which is what this is about.
    options = ("-I", "-W", "ignore::DeprecationWarning")
    result = run_python(FORKS, url, backend=backend, options=options)
    assert (result.returncode, result.stderr) == (0, "")
    sink.close()
    assert sorted(sink.read_texts("octet")) == ["child's"] * 12 + ["parent's"] * 12
    assert sink.failures == []


@pytest.mark.slow
def test_forks_amid_the_stream(connect: Callable, sink: Sink) -> None:
    """Whatever the other threads do at that time: a child can speak, and the parent speaks on."""
    emitter = connect(url_of(sink), queue_bytes=1 << 24, **OWN_PROCESS)
    goes_on = True
    counts = [0] * 4

    def speak(name: int) -> None:
        while goes_on:
            emitter.info("%d %d", name, counts[name])
            counts[name] += 1
            if counts[name] % 10 == 0:
                time.sleep(0.0005)

    def speak_once() -> None:
        emitter.error("child's")
        assert emitter.flush(LIMIT)
        stats = check_counts(emitter)
        assert (stats["offered"], stats["sent"]) == (1, 1), stats
        emitter.close()

    speakers = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
    with switch_often(1e-5):
        try:
            for speaker in speakers:
                speaker.start()
            children = [run_in_child(speak_once) for _ in range(8)]
        finally:
            goes_on = False
            for speaker in speakers:
                speaker.join(LIMIT)
    assert emitter.flush()
    emitter.close()
    stats = check_counts(emitter)
    assert (stats["offered"], stats["sent"], stats["dropped"]) == (sum(counts), sum(counts), {})
    assert stats["reconnects"] == 0
    assert wait_until(lambda: len(sink.connections) == 9)
    assert wait_until(lambda: sink.count_lines() == sum(counts) + 8)
    connections = list_records(sink)
    own = [records for records in connections if records[0].procid == str(os.getpid())]
    assert len(own) == 1
    for name, count in enumerate(counts):
        texts = [record.message or "" for record in own[0]]
        numbers = [int(text.split()[1]) for text in texts if text.startswith(f"{name} ")]
        assert numbers == list(range(count))
    others = [record for records in connections if records is not own[0] for record in records]
    assert sorted(record.procid for record in others) == sorted(map(str, children))


def test_a_fork_while_all_locks_are_held(connect: Callable, sink: Sink) -> None:
    """Locks of threads that are not in the child do not stop it."""
    emitter = connect(url_of(sink), overflow="drop-oldest", queue_bytes=1000, **OWN_PROCESS)
    emitter.info("before")
    assert emitter.flush()
    is_held, may_go = threading.Event(), threading.Event()
    push = emitter._sender._transport.push

    def push_slowly(queue: Any) -> int:
        with getattr(queue, "_lock", threading.Lock()):  # the compiled queue has none
            is_held.set()
            may_go.wait(LIMIT)
        return push(queue)  # type: ignore[no-any-return]

    emitter._sender._transport.push = push_slowly
    holder = threading.Thread(target=emitter.info, args=("amid",))
    holder.start()
    assert is_held.wait(LIMIT)

    def speak() -> None:
        for _ in range(50):
            emitter.info("x" * 100)
        assert emitter.flush()
        stats = check_counts(emitter)
        assert stats["offered"] >= 50, stats
        assert stats["queued"] == 0
        emitter.close()

    run_in_child(speak)
    may_go.set()
    holder.join(LIMIT)
    emitter.info("after")
    assert emitter.flush()
    assert check_counts(emitter)["sent"] == 3
    assert wait_until(lambda: sink.connections[0].endswith(b"after\n"))
    assert [record.message for record in list_records(sink)[0]] == ["before", "amid", "after"]


@pytest.mark.slow
def test_a_fork_in_a_signals_handler(connect: Callable, sink: Sink) -> None:
    """A handler that forks amid a record: parent and child go on, each for itself."""
    emitter = connect(url_of(sink), queue_bytes=1 << 24, **OWN_PROCESS)
    children = []

    def speak() -> None:
        emitter.error("child's")
        assert emitter.flush()
        emitter.close()

    def fork(*_: object) -> None:
        children.append(run_in_child(speak))
        if len(children) < 10:
            signal.setitimer(signal.ITIMER_REAL, 0.003)

    before = signal.signal(signal.SIGALRM, fork)
    signal.setitimer(signal.ITIMER_REAL, 0.003)
    count = 0
    try:
        deadline = time.monotonic() + LIMIT
        while len(children) < 10 and time.monotonic() < deadline:
            emitter.info("%d", count)
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert emitter.flush()
    emitter.close()
    assert check_counts(emitter)["sent"] == count
    assert wait_until(lambda: len(sink.connections) == 11)
    assert wait_until(lambda: sink.count_lines() == count + 10)
    own = [records for records in list_records(sink) if records[0].procid == str(os.getpid())]
    assert [record.message for record in own[0]] == [str(number) for number in range(count)]


def test_a_fork_of_a_tls_connection(connect_once: Callable, certificates: Certificates) -> None:
    """The child neither ends the parent's session nor speaks in it."""
    sink = TlsSink(certificates)
    try:
        url = f"tls://127.0.0.1:{sink.port}?ca={certificates.ca}&framing=lf"
        emitter = connect_once(url, **OWN_PROCESS)
        emitter.info("before")
        assert emitter.flush()

        def speak() -> None:
            emitter.info("child's")
            assert emitter.flush()
            emitter.close()

        for _ in range(3):
            run_in_child(speak)
            run_in_child(lambda: None)
            emitter.info("between")
            assert emitter.flush()
        emitter.close()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["reconnects"]) == (4, 0)
        for thread in sink.threads[1:]:
            thread.join(LIMIT)
        assert sink.failures == []
        own, *others = list_records(sink)
        assert [record.message for record in own] == ["before", *["between"] * 3]
        assert [record.message for records in others for record in records] == ["child's"] * 3
    finally:
        sink.close()


EARLY = """
import os, signal, sys, time, syslogfast
for turn in range(30):
    for name in ("addresses", "readiness", "stream"):
        sys.modules.pop("syslogfast.transports." + name, None)
    emitter = syslogfast.connect(sys.argv[1], hostname="h", app_name="a", procid=turn)
    emitter.info("parent's")
    time.sleep(turn * 0.0001)
    child = os.fork()
    if not child:
        signal.alarm(10)
        emitter.info("child's")
        os._exit(not emitter.flush(2))
    assert os.waitpid(child, 0)[1] == 0, turn
    emitter.close()
"""


@pytest.mark.slow
def test_a_fork_amid_the_first_import(run_python: Callable, backend: str, sink: Sink) -> None:
    """A worker imports its transport when it is first needed: a fork meanwhile can send, too."""
    result = run_python(
        EARLY, url_of(sink), backend=backend, options=("-I", "-W", "ignore::DeprecationWarning")
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
    assert wait_until(lambda: len(sink.read_records()) == 60)
    for text in ("parent's", "child's"):
        turns = [record.procid for record in sink.read_records() if record.message == text]
        assert sorted(map(int, turns)) == list(range(30))


MULTIPROCESSING = """
import multiprocessing, sys, syslogfast
emitter = syslogfast.connect(sys.argv[1], hostname="h", app_name="a")
def work(number):
    emitter.info("child's %d", number)
if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    emitter.info("before")
    workers = [context.Process(target=work, args=(number,)) for number in range(4)]
    for worker in workers: worker.start()
    emitter.info("between")
    for worker in workers: worker.join()
    with context.Pool(2) as pool:
        pool.map(work, range(4, 10))
        pool.close()
        pool.join()
    emitter.info("after")
    assert not any(worker.exitcode for worker in workers)
"""


def test_multiprocessing(run_python: Callable, backend: str, sink: Sink) -> None:
    """Its workers are forks like others: what they have said when they end arrives."""
    result = run_python(MULTIPROCESSING, url_of(sink), backend=backend)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
    assert wait_until(lambda: sink.count_lines() == 13)
    by_process: dict[str, list[str]] = {}
    for record in sink.read_records():
        by_process.setdefault(record.procid, []).append(record.message or "")
    own = [texts for texts in by_process.values() if "before" in texts]
    assert own == [["before", "between", "after"]]
    others = sorted(text for texts in by_process.values() if texts not in own for text in texts)
    assert others == [f"child's {number}" for number in range(10)]


# --- the end of the program ----------------------------------------------------------------------

# Until the collector takes no more, and the kernel neither: it makes space for a while.
FULL = """
import sys, syslogfast, time
options = {"hostname": "h", "app_name": "a", "procid": 1, "timeout": float(sys.argv[2])}
emitter = syslogfast.connect(sys.argv[1], queue_bytes=200_000, on_failure=False, **options)
number, stats = 0, emitter.stats
while not stats["dropped"] or not stats["queued"]:
    for number in range(number, number + 100): emitter.info("%d %s", number, "x" * 4000)
    number += 1
    time.sleep(0.1)
    stats = emitter.stats
print(stats["sent"], stats["queued"], sum(stats["dropped"].values()), flush=True)
"""


def test_the_end_with_a_full_queue(backend: str, small_sink: Sink) -> None:
    """All that is queued then is sent if the collector goes on reading, and the drops told of."""
    command = [sys.executable, "-I", "-c", FULL, url_of(small_sink), "30"]
    environment = {**os.environ, "SYSLOGFAST_BACKEND": backend}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        sent, queued, dropped = map(int, process.stdout.readline().split())
        assert queued > 0
        small_sink.reads.set()
        assert process.wait(LIMIT) == 0

    def sort_records() -> tuple[list[int], int]:
        # Where no thread can be started any more, two may have connected, one of them in vain.
        records = [record for records in list_records(small_sink) for record in records]
        told = [
            int(dict(dict(record.structured_data)["dropped@32473"])["full"])
            for record in records
            if record.msgid == "DROPPED"
        ]
        texts = [record.message or "" for record in records if record.msgid != "DROPPED"]
        return [int(text.split()[0]) for text in texts], sum(told)

    assert wait_until(lambda: sort_records()[1] == dropped)
    numbers, _ = sort_records()
    assert sent + queued - 2 <= len(numbers) <= sent + queued  # but for reports made before
    assert numbers == sorted(set(numbers))


def test_the_end_without_a_reader(run_python: Callable, backend: str, small_sink: Sink) -> None:
    """The program ends all the same, when its time is up; what has arrived is whole."""
    started = time.monotonic()
    result = run_python(FULL, url_of(small_sink), "0.3", backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    assert time.monotonic() - started < 2 * LIMIT
    small_sink.reads.set()
    sent = int(result.stdout.split()[0])
    assert wait_until(lambda: len(small_sink.read_records()) >= sent)
    # The transport may have moved once more before the end, and some may have been dropped before.
    numbers, *_ = sort_out(small_sink.read_records())
    assert numbers == sorted(set(numbers))


PIPE = """
import signal, socket, ssl, sys, threading, time
from syslogfast.transports.retry import open_transport
from syslogfast.transports.url import parse_url
from syslogfast.transports.queue_py import Queue

class Witness:  # the collector goes after the look whether it is there, amid the sends
    def __init__(self, stream): self.stream = stream
    def __getattr__(self, name): return getattr(self.stream, name)
    def recv(self, size): raise ssl.SSLWantReadError if scheme == "tls" else BlockingIOError
    def send(self, *arguments):
        collector[0].close()
        size = self.stream.send(*arguments)
        time.sleep(0.02)
        return size

def accept():
    stream, _ = listener.accept()
    collector.append(context.wrap_socket(stream, server_side=True) if scheme == "tls" else stream)

scheme, ca, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
collector = []
with socket.create_server(("127.0.0.1", 0)) as listener:
    thread = threading.Thread(target=accept)
    thread.start()
    url = "%s://127.0.0.1:%d" % (scheme, listener.getsockname()[1])
    transport = open_transport(parse_url(url + "?ca=" + ca if scheme == "tls" else url), 5)
    thread.join()
queue = Queue(1 << 20)
for _ in range(8): queue.put(b"x" * 16384)
stream, transport._socket = transport._socket, Witness(transport._socket)
try:
    for _ in range(8): transport.push(queue)
except OSError as error:
    print("broken")
stream.close()
"""


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_broken_connection_kills_nobody(
    run_python: Callable, certificates: Certificates, scheme: str
) -> None:
    """Where SIGPIPE has its default, as many commands have it, a send must not raise it."""
    result = run_python(PIPE, scheme, str(certificates.ca), *map(str, certificates.server))
    assert (result.stdout, result.stderr, result.returncode) == ("broken\n", "", 0)


THREADS = """
import sys, threading, time, syslogfast
options = {"hostname": "h", "app_name": "a", "procid": 1, "timeout": 20}
emitter = syslogfast.connect(sys.argv[1], queue_bytes=1 << 26, on_failure=False, **options)
counts = [0] * 8
def speak(name):
    while True:
        emitter.info("%d %d", name, counts[name])
        counts[name] += 1
        if counts[name] % 50 == 0:
            time.sleep(0.001)
for name in range(8):
    threading.Thread(target=speak, args=(name,), daemon=True).start()
time.sleep(0.1)
print(*counts)
sys.exit(3)
"""


@pytest.mark.slow
def test_the_end_amid_many_threads(run_python: Callable, backend: str, sink: Sink) -> None:
    """Threads that log on while the program exits neither stop it nor break a record."""
    result = run_python(THREADS, url_of(sink), backend=backend)
    assert (result.stderr, result.returncode) == ("", 3)
    counts = list(map(int, result.stdout.split()))

    def list_numbers() -> list[list[int]]:
        found: list[list[int]] = [[] for _ in counts]
        for record in sink.read_records():
            if record.msgid == "-":  # else it tells that those who came too late were dropped
                name, number = map(int, (record.message or "").split())
                found[name].append(number)
        return found

    assert wait_until(lambda: sink.count_lines() >= sum(counts))
    assert wait_until(lambda: all(map(operator.ge, map(len, list_numbers()), counts)))
    for numbers in list_numbers():
        assert numbers == list(range(len(numbers)))


# --- threads -------------------------------------------------------------------------------------

ONE_AFTER_THE_OTHER = """
import sys, syslogfast
from syslogfast.transports import threads
for number in range(30):
    emitter = syslogfast.connect(sys.argv[1], hostname="h", app_name="a", procid=1, timeout=20)
    emitter.info("%d", number)
    emitter.close()
    assert emitter.stats["sent"] == 1, emitter.stats
for thread in threads._threads.copy():
    thread.join()
print(sum([thread.is_there() for thread in threads._threads]), len(threads._threads) < 10)
"""


@pytest.mark.slow
def test_threads_leave_nothing(run_python: Callable, backend: str, sink: Sink) -> None:
    """That a thread has gone is noticed; CPython 3.15 once printed a traceback for each instead."""
    result = run_python(ONE_AFTER_THE_OTHER, url_of(sink), backend=backend)
    assert (result.stdout, result.stderr, result.returncode) == ("0 True\n", "", 0)
    assert wait_until(lambda: sink.received.count(b"\n") == 30)


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_sixteen_threads_and_a_small_queue(connect: Callable, sink: Sink, overflow: str) -> None:
    """Each record arrives once, in its thread's order, or is counted as dropped, and told of."""
    emitter = connect(url_of(sink), overflow=overflow, queue_bytes=20_000)

    def speak(name: int) -> None:
        own = emitter.child(app_name=f"thread-{name}") if name % 2 else emitter
        for number in range(300):
            own.emit(number % 8, "%d %d %s", name, number, "x" * (number % 700))

    run_threads(speak, 16, 1e-5)
    assert emitter.flush()
    emitter.close()
    stats = check_counts(emitter)
    assert wait_until(lambda: len(sink.received) == stats["bytes"])
    records = sink.read_records()
    assert len(records) == stats["sent"]
    reports = [record for record in records if record.msgid == "DROPPED"]
    # With drop-oldest a report may be the oldest.
    lost_reports = stats["offered"] - 16 * 300 - len(reports)
    assert 0 <= lost_reports <= (2 if overflow == "drop-oldest" else 0)
    assert set(stats["dropped"]) <= ({"full"} if overflow != "block" else set())
    for name in range(16):
        own = [record.message or "" for record in records if record.msgid == "-"]
        numbers = [int(text.split()[1]) for text in own if text.startswith(f"{name} ")]
        assert all(low < high for low, high in itertools.pairwise(numbers))
        assert len(numbers) == 300 or overflow != "block"


# --- code that runs amid other code --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_a_handler_that_logs_while_one_waits(
    connect: Callable, small_sink: Sink, overflow: str
) -> None:
    """flush() and emit() on a full queue are interrupted by a handler that logs: no deadlock."""
    options = {"overflow": overflow, "queue_bytes": 100_000, "timeout": 0.1}
    emitter = connect(url_of(small_sink), **options)
    offered = stall(emitter)

    def log(*_: object) -> None:
        nonlocal offered
        offered += 1
        emitter.error("handler's")

    before = signal.signal(signal.SIGALRM, log)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.15)
    try:
        for _ in range(4):
            assert not emitter.flush(0.2)
            emitter.info("y" * 7000)
            offered += 1
        small_sink.reads.set()
        assert emitter.flush(LIMIT)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert emitter.flush(LIMIT)
    emitter.close(LIMIT)
    stats = check_counts(emitter)
    assert wait_until(lambda: len(small_sink.received) == stats["bytes"])
    records = small_sink.read_records()
    reports = [record for record in records if record.msgid == "DROPPED"]
    assert len(records) == stats["sent"]
    assert stats["offered"] == offered + len(reports)
    told = [int(dict(dict(record.structured_data)["dropped@32473"])["full"]) for record in reports]
    assert sum(told) == stats["dropped"].get("full", 0) > 0


class InterruptError(Exception):
    """What a handler raises amid everything, as Python's own does at Ctrl-C."""


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_handlers_that_raise(connect: Callable, sink: Sink, overflow: str) -> None:
    """Wherever that is: no lock is left held, no record is broken, and the counts agree."""
    emitter = connect(url_of(sink), overflow=overflow, queue_bytes=1 << 16)
    chance = random.Random(5)
    called = done = 0

    def interrupt(*_: object) -> None:
        raise InterruptError

    def log_until_interrupted() -> None:
        nonlocal called, done
        signal.setitimer(signal.ITIMER_REAL, 1e-5 + chance.random() * 2e-3)
        while True:
            called += 1
            emitter.emit(6 - called % 4, "x" * (called % 700))
            done += 1
            if called % 20 == 0:
                emitter.flush(0.01)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(400):
            # From Python 3.14 on `try` does not hold for a jump back inside it: so the loop has a
            # function of its own.
            try:
                log_until_interrupted()
            except InterruptError:
                pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert emitter.flush(), emitter.stats
    stats = check_counts(emitter)
    assert emitter._queue.size == 0
    emitter.info("last")
    emitter.close()
    assert wait_until(lambda: sink.received.endswith(b"\n"))
    assert wait_until(lambda: "last" in sink.read_texts()[-2:])
    records = [record for record in sink.read_records() if record.msgid == "-"]
    assert done + 1 <= len(records) + stats["dropped"].get("full", 0)
    if not stats["reconnects"]:  # else a send was interrupted, and what it was about sent anew
        assert len(sink.read_records()) == check_counts(emitter)["sent"]


def test_texts_that_log(connect: Callable, sink: Sink) -> None:
    """A `__str__` that logs on the same emitter, and one that flushes it, speak first."""
    emitter = connect(url_of(sink), linger=0.01)

    class Chatty:
        def __init__(self, depth: int) -> None:
            self.depth = depth

        def __str__(self) -> str:
            if self.depth:
                emitter.info(Chatty(self.depth - 1))
                emitter.info("in %d: %s", self.depth, Chatty(0))
                emitter.flush()
            return f"depth {self.depth}"

    emitter.info("%s", Chatty(3))
    emitter.close()
    stats = check_counts(emitter)
    assert wait_until(lambda: len(sink.received) == stats["bytes"])
    assert sink.read_texts() == [
        *("depth 0", "in 1: depth 0", "depth 1", "in 2: depth 0", "depth 2"),
        *("in 3: depth 0", "depth 3"),
    ]


# --- the clock -----------------------------------------------------------------------------------

BACKWARDS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <sys/time.h>

/* Each look at the time of day finds it a minute earlier, and a day after each tenth, later. */
static void turn(time_t *seconds) {
    static int looks;
    int look = __sync_add_and_fetch(&looks, 1);
    *seconds += look % 10 ? -60 * look : 86400;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME) turn(&now->tv_sec);
    return result;
}
"""

SPEAK_ON = """
import json, sys, time, syslogfast
options = {"hostname": "h", "app_name": "a", "procid": 1, "timeout": 20, "linger": 0.05}
emitter = syslogfast.connect(sys.argv[1], **options)
print("ready", flush=True)
for number in range(200):
    emitter.info("%d", number)
    if number == 100:
        while emitter.stats["queued"]:
            time.sleep(0.01)
emitter.close()
print(json.dumps(emitter.stats))
"""


@pytest.fixture(scope="module")
def mad_clock(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A library that, loaded before others, lets the time of day run backwards and jump."""
    directory = tmp_path_factory.mktemp("clock")
    (directory / "clock.c").write_text(BACKWARDS, encoding="ascii")
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    command = [compiler, "-shared", "-fPIC", "-o", "clock.so", "clock.c", "-ldl"]
    subprocess.run(command, cwd=directory, check=True, timeout=60)
    return directory / "clock.so"


@pytest.mark.slow
def test_a_clock_that_is_set(backend: str, mad_clock: pathlib.Path) -> None:
    """Neither order nor linger nor the pauses between tries depend on the time of day."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = int(listener.getsockname()[1])
    command = [sys.executable, "-I", "-c", SPEAK_ON, f"tcp://127.0.0.1:{port}"]
    environment = {**os.environ, "SYSLOGFAST_BACKEND": backend, "LD_PRELOAD": str(mad_clock)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.4)
        late = Sink(port)
        try:
            output = process.stdout.read()
            assert process.wait(LIMIT) == 0
            stats = json.loads(output)
            assert (stats["sent"], stats["dropped"]) == (200, {})
            assert wait_until(lambda: len(late.received) == stats["bytes"])
            records = late.read_records()
        finally:
            late.close()
    assert [record.message for record in records] == [str(number) for number in range(200)]
    times = [record.timestamp for record in records]
    assert times != sorted(times)
