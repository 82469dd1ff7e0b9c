"""Sender over real sockets on loopback: what arrives, when, and what is counted.

Nothing that was offered may be lost without being counted, and no connection may carry a broken
record but for its last. What is waited for is waited for with generous limits.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType

import pytest
from support.backends import load_emitter_module
from support.grammar import parse_rfc5424, split_frames
from support.pairwise import choose_pairs
from support.receivers import (
    IDENTITY,
    LIMIT,
    Sink,
    check_balance,
    check_counts,
    find_free_port,
    stall,
    stay_silent,
    url_of,
    wait_until,
)
from support.threads import run_threads

from syslogfast.transports import retry as route_module
from syslogfast.transports import stream

SEPARATORS = {"lf": b"\n", "nul": b"\0"}
RECORDS = 1000  # of 8,000 bytes each: more than the kernels of a stalled connection take
pytestmark = [pytest.mark.threads, pytest.mark.usefixtures("no_thread_fails")]

LONG = 1000.0  # seconds: a linger that does not end


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


# --- datagrams -----------------------------------------------------------------------------------


def test_a_record_is_a_datagram(connect: Callable, receiver: socket.socket) -> None:
    """Each is sent at once, by the thread that calls, as one datagram without a frame."""
    emitter = connect(url_of(receiver))
    threads = threading.active_count()
    for text in ("first", "", "gr\u00fc\u00df\nx", "x" * 1500):
        emitter.info(text)
    emitter.emit_many("info", ["a", "b"])
    records = [parse_rfc5424(receiver.recv(65536)) for _ in range(6)]
    assert [record.message for record in records] == [
        *("first", None, "gr\u00fc\u00df#012x", "x" * 1500),
        *("a", "b"),
    ]
    stats = check_counts(emitter)
    assert (stats["sent"], stats["queued"], stats["reconnects"]) == (6, 0, 0)
    assert threading.active_count() == threads
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(1)


def test_a_datagram_has_2048_bytes(connect: Callable, receiver: socket.socket) -> None:
    """RFC 5426 3.2: more need not be taken, so a longer record is cut, and counted."""
    emitter = connect(url_of(receiver))
    emitter.info("x" * 10_000)
    assert len(receiver.recv(65536)) == 2048
    assert emitter.stats["truncated"] == 1
    emitter = connect(url_of(receiver), max_size=9000)
    emitter.info("x" * 10_000)
    assert len(receiver.recv(65536)) == 9000


def test_lingering_datagrams(connect: Callable, receiver: socket.socket) -> None:
    """They linger, too, and are a datagram each all the same."""
    emitter = connect(url_of(receiver), linger=LONG)
    emitter.info("first")
    assert emitter.flush()
    assert parse_rfc5424(receiver.recv(65536)).message == "first"
    time.sleep(0.05)
    emitter.emit_many("info", ["a", "b", "c"])
    assert emitter.stats["queued"] == 3
    assert not select.select([receiver], [], [], 0.05)[0]
    assert emitter.flush()
    texts = [parse_rfc5424(receiver.recv(65536)).message for _ in range(3)]
    assert texts == ["a", "b", "c"]
    assert check_counts(emitter)["bytes"] == emitter.stats["bytes"] > 0


def test_nobody_takes_datagrams(connect: Callable) -> None:
    """Where nobody listens, records are dropped and counted, and none waits."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        url = url_of(taken)
    emitter = connect(url)
    for _ in range(20):
        emitter.info("x")
    assert emitter.flush()
    stats = check_counts(emitter)
    assert stats["queued"] == 0
    assert 0 < sum(stats["dropped"].values()) <= 20
    assert set(stats["dropped"]) <= {"refused", "error"}


def test_refused_datagrams_are_counted_so(connect: Callable) -> None:
    """`stats` names the reason: it was refused, by a host on which nobody listens."""
    emitter = connect(f"udp://127.0.0.1:{find_free_port()}")
    for _ in range(5):
        emitter.info("x")
    assert check_counts(emitter)["dropped"].keys() == {"refused"}


def test_a_datagram_too_long_for_the_kernel(connect: Callable, receiver: socket.socket) -> None:
    """It is cut to the length that goes, and counted as cut."""
    emitter = connect(url_of(receiver), max_size=100_000)
    emitter.info("x" * 80_000)
    emitter.info("next")
    data = receiver.recv(65536)
    assert len(data) == 65507  # RFC 768: what remains of 65,535 after both headers
    assert set(parse_rfc5424(data).message) == {"x"}
    assert parse_rfc5424(receiver.recv(65536)).message == "next"
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"], stats["truncated"]) == (2, {}, 1)


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["lf", "octet", "nul"])
def test_framing(connect: Callable, sink: Sink, framing: str) -> None:
    """A stream has the frames that the URL asks for, and records in order."""
    emitter = connect(url_of(sink, f"?framing={framing}"))
    texts = [f"{number} gr\u00fc\u00df" for number in range(500)]
    for text in texts:
        emitter.info(text)
    assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["queued"], stats["dropped"]) == (500, 0, {})
    assert wait_until(lambda: len(sink.received) == stats["bytes"])
    assert sink.read_texts(framing) == texts
    emitter.close()
    assert len(sink.connections) == 1


def test_close_delivers(connect: Callable, sink: Sink) -> None:
    """What was queued when close() was called has arrived when it returns."""
    emitter = connect(url_of(sink), linger=LONG, queue_bytes=1 << 24)
    emitter.emit_many("info", (str(number) for number in range(5_000)))
    emitter.close()
    assert check_counts(emitter)["sent"] == 5_000
    assert wait_until(lambda: len(sink.received) == emitter.stats["bytes"])
    assert sink.read_texts() == [str(number) for number in range(5_000)]


def test_collector_that_comes_late(connect: Callable) -> None:
    """It is no error that nobody listens yet: records wait, and arrive when somebody does."""
    port = find_free_port()
    emitter = connect(f"tcp://127.0.0.1:{port}")
    for number in range(100):
        emitter.info("%d", number)
    assert not emitter.flush(0.2)
    stats = check_counts(emitter)
    assert (stats["queued"], stats["sent"], stats["reconnects"]) == (100, 0, 0)
    late = Sink(port)
    try:
        assert emitter.flush()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["reconnects"]) == (100, 0)
        assert wait_until(lambda: len(late.received) == stats["bytes"])
        assert late.read_texts() == [str(number) for number in range(100)]
    finally:
        late.close()


def test_the_next_url_is_taken(connect: Callable, sink: Sink) -> None:
    """If the first collector cannot be reached, the second one gets the records."""
    emitter = connect(f"tcp://127.0.0.1:{find_free_port()}", url_of(sink))
    emitter.info("x")
    assert emitter.flush()
    assert wait_until(lambda: sink.read_texts() == ["x"])


def test_collector_that_comes_back(connect: Callable) -> None:
    """After a break it reconnects and counts that; what is offered meanwhile waits."""
    first = Sink()
    emitter = connect(url_of(first))
    emitter.info("before")
    assert emitter.flush()
    assert wait_until(lambda: first.read_texts() == ["before"])
    first.close()
    emitter.info("lost or not")
    for number in range(100):
        emitter.info("%d", number)
    check_counts(emitter)
    second = Sink(first.port)
    try:
        assert emitter.flush()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["dropped"], stats["reconnects"]) == (102, {}, 1)
        expected = [str(number) for number in range(100)]
        assert wait_until(lambda: second.read_texts()[-100:] == expected)
        assert second.read_texts()[:-100] in ([], ["lost or not"])
    finally:
        second.close()


@pytest.mark.slow
def test_a_record_sent_in_part_is_sent_again(connect: Callable, small_sink: Sink) -> None:
    """A new connection begins with a whole record, however the old one broke off."""
    emitter = connect(url_of(small_sink), queue_bytes=1 << 24)
    texts = [f"{number:05d} ".ljust(7000, "x") for number in range(1500)]
    for text in texts:
        emitter.info(text)
    assert not emitter.flush(0.2)
    stats = check_counts(emitter)
    assert stats["queued"] > 0
    assert stats["dropped"] == {}
    small_sink.break_connections()
    small_sink.reads.set()
    assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["reconnects"]) == (1500, 1)
    assert wait_until(lambda: small_sink.connections[-1].endswith(texts[-1].encode() + b"\n"))
    arrived = small_sink.read_texts()
    second = arrived[len(set(arrived)) - len(texts) :]
    assert second == texts[len(texts) - len(second) :]


@pytest.mark.slow
def test_breaks_lose_nothing_uncounted(connect: Callable, sink: Sink) -> None:
    """Whatever breaks while whoever logs: counts agree, and no broken record is in the middle."""
    emitter = connect(url_of(sink), queue_bytes=1 << 22)
    stop = threading.Event()

    def speak(name: int) -> None:
        number = 0
        while not stop.is_set():
            emitter.info("%d %d %s", name, number, "x" * (number % 3000))
            if number % 50 == 0:
                emitter.error("%d error", name)
            number += 1
            if number % 20 == 0:
                time.sleep(0.001)

    speakers = [threading.Thread(target=speak, args=(name,)) for name in range(3)]
    for speaker in speakers:
        speaker.start()
    for _ in range(8):
        time.sleep(0.06)
        sink.break_connections()
        check_balance(emitter.stats)
    stop.set()
    for speaker in speakers:
        speaker.join(LIMIT)
    assert emitter.flush()
    emitter.info("last")
    assert emitter.flush()
    stats = check_counts(emitter)
    assert stats["queued"] == 0
    assert stats["reconnects"] >= 2  # there are pauses between them
    assert wait_until(lambda: sink.received.endswith(b" last\n"))
    arrived = sink.read_texts()
    assert len(arrived) <= emitter.stats["sent"]  # a report of drops may have come since


class Hurried:
    """A collector that closes each connection as soon as it is there, and counts them."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.count = 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.listener.accept()[0].close()
                self.count += 1

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(LIMIT)


def test_a_collector_that_hangs_up_is_not_stormed(connect_once: Callable) -> None:
    """A connection that breaks at once is no reason to open hundreds more in a second."""
    hurried = Hurried()
    try:
        port = hurried.listener.getsockname()[1]
        emitter = connect_once(f"tcp://127.0.0.1:{port}", timeout=0.1)
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            emitter.info("x" * 7000)
            time.sleep(0.02)
        check_counts(emitter)
        emitter.close(0)
        assert hurried.count < 60
    finally:
        hurried.close()


def test_a_broken_pipe_is_not_stormed(connect_once: Callable) -> None:
    """A descriptor that nobody reads any more can be opened, but not written: no retry_soon."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        emitter = connect_once(f"fd://{writing}", timeout=0.1)
        emitter.info("x")
        started = time.process_time()
        time.sleep(0.5)
        spent = time.process_time() - started
        stats = check_counts(emitter)
        emitter.close(0)
        assert stats["reconnects"] < 60
        assert spent < 0.4
    finally:
        os.close(writing)


def test_backing_off_is_not_disturbed(
    connect_once: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is logged while the collector is away, it is tried a few times a second."""
    tries = []

    def refuse(url: object, timeout: float) -> None:
        tries.append(url)
        raise ConnectionRefusedError

    monkeypatch.setattr(route_module, "open_transport", refuse)
    emitter = connect_once("tcp://127.0.0.1:9", queue_bytes=5000)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        emitter.error("x")
        time.sleep(0.002)
    check_counts(emitter)
    emitter.close(0)
    assert 0 < len(tries) < 60


# --- vsock ---------------------------------------------------------------------------------------


def test_vsock(connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's context and port are connected to; TCP stands for it, for few machines have it."""
    asked = []

    class Socket(stream._socket.socket):
        def __init__(self, family: int, kind: int, protocol: int) -> None:
            asked.append((family, kind, protocol))
            super().__init__(socket.AF_INET, kind)

        def connect(self, address: object) -> None:
            asked.append(address)
            super().connect(("127.0.0.1", sink.port))

    class Module:
        def __getattr__(self, name: str) -> object:
            return Socket if name == "socket" else getattr(socket, name)

    monkeypatch.setattr(stream, "_socket", Module())
    emitter = connect_once("vsock://2:5140")
    emitter.info("x")
    assert emitter.flush()
    assert wait_until(lambda: sink.read_texts() == ["x"])
    assert asked == [(socket.AF_VSOCK, socket.SOCK_STREAM, 0), (2, 5140)]
    check_counts(emitter)


def test_vsock_without_a_hypervisor(connect_once: Callable) -> None:
    """What cannot be reached is no error of the program, and says why it waits."""
    emitter = connect_once("vsock://2:5140", timeout=0.2)
    emitter.info("x")
    assert not emitter.flush(0.3)
    assert emitter.stats["failure"].startswith("vsock://2:5140: ")
    check_counts(emitter)


# --- a worker that lives -------------------------------------------------------------------------


def test_a_name_that_cannot_be_looked_up(connect_once: Callable) -> None:
    """A host that is no name at all is like one that is away; the worker does not die of it."""
    for host in ("a..b", "x" * 64):
        emitter = connect_once(f"tcp://{host}:9", timeout=0.2)
        emitter.info("x")
        assert not emitter.flush(0.2)
        emitter.close()
        assert check_counts(emitter)["dropped"] == {"closed": 1}


def test_close_while_connecting(connect_once: Callable) -> None:
    """close() does not wait longer than it may, nor break the worker that still connects."""
    with stay_silent() as port:
        emitter = connect_once(f"tcp://127.0.0.1:{port}", timeout=0.6)
        emitter.info("x")
        time.sleep(0.1)
        emitter.close(0.1)
        assert check_counts(emitter)["dropped"] == {"closed": 1}
        time.sleep(0.7)  # then connecting has failed: see no_thread_fails


def test_close_while_connecting_leaves_no_connection(connect_once: Callable) -> None:
    """A connection that comes about only after close() is not kept."""
    arrived = threading.Event()
    go_on = threading.Event()
    opened = []

    class Transport:
        def __init__(self, url: object) -> None:
            self.url = url
            self.is_closed = False
            opened.append(self)

        pinned = 0
        descriptor = -1

        def push(self, queue: object) -> int:
            return len(queue.peek())

        def abort(self) -> None:
            self.is_closed = True

        def close(self, timeout: float) -> None:
            self.is_closed = True

    def open_slowly(url: object, timeout: float) -> Transport:
        arrived.set()
        go_on.wait(LIMIT)
        return Transport(url)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(route_module, "open_transport", open_slowly)
        emitter = connect_once("tcp://127.0.0.1:9")
        emitter.info("x")
        assert arrived.wait(LIMIT)
        emitter.close(0)
        go_on.set()
        assert wait_until(lambda: opened)
        assert wait_until(lambda: opened[0].is_closed, 1)


def test_a_transport_that_another_thread_closes(connect_once: Callable) -> None:
    """While the worker is about to wait for a full transport, another thread may find it broken."""

    class Transport:
        def __init__(self, url: object) -> None:
            self.url = url
            self.pair = socket.socketpair()
            self.state = "full"

        pinned = 0
        descriptor = -1

        def push(self, queue: object) -> int:
            data = queue.peek()
            if self.state == "full":
                return 0
            if self.state == "broken":
                raise ConnectionResetError
            return len(data)

        def wait(self, timeout: float | None = None) -> None:
            if self.state == "full":
                self.state = "broken"
                emitter.error("from another thread")
            poll = select.poll()
            poll.register(self.pair[0].fileno(), select.POLLOUT)
            poll.poll(1)

        def abort(self) -> None:
            for end in self.pair:
                end.close()

        def close(self, timeout: float) -> None:
            self.abort()

    transports = []

    def open_transport(url: object, timeout: float) -> Transport:
        transports.append(Transport(url))
        if len(transports) > 1:
            transports[-1].state = "open"
        return transports[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(route_module, "open_transport", open_transport)
        emitter = connect_once("tcp://127.0.0.1:9")
        emitter.info("x")
        assert wait_until(lambda: len(transports) > 1 or not emitter.stats["queued"], 2)
        assert emitter.flush(2)
        assert check_counts(emitter)["sent"] == 2
        emitter.close()


# --- a queue that is full ------------------------------------------------------------------------


def read_numbers(sink: Sink) -> list[int]:
    return [int(text[:6]) for text in sink.read_texts() if "records dropped since" not in text]


def read_reports(sink: Sink) -> list[int]:
    """How many records those that came in place of others tell of; their text and data agree."""
    counts = []
    for record in sink.read_records():
        if record.msgid == "DROPPED":
            ((sd_id, parameters),) = record.structured_data
            full, since = dict(parameters)["full"], dict(parameters)["since"]
            assert (sd_id, record.priority) == ("dropped@32473", 12)
            assert record.message == f"records dropped since {since}: {full} (full: {full})"
            assert since <= record.timestamp
            counts.append(int(full))
    return counts


@pytest.mark.slow
def test_drop_newest(connect: Callable, small_sink: Sink) -> None:
    """What finds the queue full is dropped; what was queued before arrives, in order."""
    emitter = connect(url_of(small_sink), queue_bytes=1 << 19)
    count = stall(emitter)
    stats = check_counts(emitter)
    assert stats["offered"] >= count  # reports are records, too
    assert set(stats["dropped"]) == {"full"}
    assert emitter._queue.size <= 1 << 19
    small_sink.reads.set()
    assert wait_until(lambda: sum(read_reports(small_sink)) == emitter.stats["dropped"]["full"])
    assert emitter.flush()
    stats = check_counts(emitter)
    assert wait_until(lambda: len(small_sink.received) == stats["bytes"])
    numbers = read_numbers(small_sink)
    assert len(numbers) == count - stats["dropped"]["full"]
    assert stats["sent"] == len(numbers) + len(read_reports(small_sink))
    assert numbers == sorted(numbers)
    assert count - 1 not in numbers


@pytest.mark.slow
@pytest.mark.parametrize("queue_bytes", [20_000, 100_000, 1 << 19])
def test_drop_oldest(connect: Callable, small_sink: Sink, queue_bytes: int) -> None:
    """What has waited longest is dropped; the newest records are kept, whatever the limit."""
    emitter = connect(url_of(small_sink), queue_bytes=queue_bytes, overflow="drop-oldest")
    count = stall(emitter)
    stats = check_counts(emitter)
    assert stats["offered"] >= count  # reports are records, too
    assert set(stats["dropped"]) == {"full"}
    small_sink.reads.set()
    assert wait_until(lambda: sum(read_reports(small_sink)) == emitter.stats["dropped"]["full"])
    assert emitter.flush()
    stats = check_counts(emitter)
    assert wait_until(lambda: len(small_sink.received) == stats["bytes"])
    numbers = read_numbers(small_sink)
    assert len(numbers) == count - stats["dropped"]["full"]
    assert stats["sent"] == len(numbers) + len(read_reports(small_sink))
    assert numbers == sorted(numbers)
    kept = min(3, queue_bytes // 8000 - 1)  # one may have been sent in part
    assert numbers[-kept:] == list(range(count - kept, count))


@pytest.mark.slow
def test_block(connect: Callable, small_sink: Sink) -> None:
    """A record that finds the queue full waits, and all arrive if the reader goes on."""
    emitter = connect(url_of(small_sink), queue_bytes=1 << 16, overflow="block")
    done = threading.Event()

    def speak() -> None:
        for number in range(RECORDS):
            emitter.info("%06d %s", number, "x" * 7900)
        done.set()

    speaker = threading.Thread(target=speak)
    speaker.start()
    assert not done.wait(0.3)
    assert emitter.stats["dropped"] == {}
    small_sink.reads.set()
    speaker.join(LIMIT)
    assert done.is_set()
    assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (RECORDS, {})
    assert wait_until(lambda: len(small_sink.received) == stats["bytes"])
    assert read_numbers(small_sink) == list(range(RECORDS))


def test_block_waits_up_to_timeout(connect: Callable, small_sink: Sink) -> None:
    """If nobody reads within the timeout, the record is dropped, and the caller goes on."""
    options = {"queue_bytes": 20_000, "overflow": "block", "timeout": 0.3}
    emitter = connect(url_of(small_sink), **options)
    waited = 0.0
    for number in range(10_000):
        started = time.monotonic()
        emitter.info("%06d %s", number, "x" * 7900)
        waited = time.monotonic() - started
        if emitter.stats["dropped"]:
            break
    assert check_counts(emitter)["dropped"] == {"full": 1}
    assert 0.3 <= waited < 3


class Crowded:
    """A queue that another thread uses at the worst timestamps."""

    def __init__(self, queue: object, sizes: list[int]) -> None:
        self.queue = queue
        self.sizes = sizes

    def __getattr__(self, name: str) -> object:
        return getattr(self.queue, name)

    @property
    def size(self) -> int:
        return self.sizes.pop(0) if self.sizes else self.queue.size

    def put(self, *arguments: object) -> int:
        state = self.queue.put(*arguments)
        self.queue.put(b"another's\n")
        return int(state)


def test_space_that_is_gone_again_is_no_reason_to_drop(connect: Callable, sink: Sink) -> None:
    """ "block" waits as long as it may, however often another thread is quicker."""
    sender = connect(url_of(sink), overflow="block")._sender
    queue = sender.queue
    sender.queue = Crowded(queue, [0, queue.limit, queue.limit])
    assert sender.apply_overflow(100) is not None
    sender.queue = queue


def test_first_record_lingers_no_longer_for_a_second(
    connect: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is told of the first, though the queue has two by then."""
    sender = connect(url_of(sink), linger=60)._sender
    told = []
    monkeypatch.setattr(sender, "start_lingering", lambda: told.append(queue.count))
    queue = sender.queue
    sender.queue = Crowded(queue, [])
    sender.enqueue(b"one\n")
    assert told == [2]
    sender.queue = queue


def test_block_loses_nothing_to_other_threads(connect: Callable, sink: Sink) -> None:
    """Space that one thread was promised may be taken by another: then it waits on."""
    emitter = connect(url_of(sink), queue_bytes=1000, overflow="block")

    def speak(name: int) -> None:
        for number in range(300):
            emitter.info("%d %d %s", name, number, "x" * 300)

    run_threads(speak, 6)
    assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["offered"], stats["dropped"]) == (1800, {})


def test_waiting_leaves_nothing_behind(connect_once: Callable) -> None:
    """Who waits in vain, time and again, leaves no more behind than who waits once."""
    emitter = connect_once(f"tcp://127.0.0.1:{find_free_port()}", timeout=0.1)
    emitter.info("x")
    assert not emitter.flush(0.2)
    left = []
    for _ in range(3):  # the worker, which goes on trying, has blocks of its own now and then
        before = sys.getallocatedblocks()
        for _ in range(500):
            assert not emitter.flush(1e-4)
        left.append(sys.getallocatedblocks() - before)
    assert min(left) < 250


# --- linger --------------------------------------------------------------------------------------


def test_lingering_records_go_together(connect: Callable, sink: Sink) -> None:
    """Those of a time are one send: no byte arrives before the linger has passed."""
    emitter = connect(url_of(sink), linger=0.3)
    emitter.info("first")
    assert emitter.flush()
    started = time.monotonic()
    for number in range(20):
        emitter.info("%d", number)
    assert emitter.stats["queued"] == 20 or time.monotonic() - started > 0.25
    assert wait_until(lambda: not emitter.stats["queued"])
    assert time.monotonic() - started < 5
    assert wait_until(lambda: len(sink.read_texts()) == 21)


def test_linger_ends_by_itself(connect: Callable, sink: Sink, receiver: socket.socket) -> None:
    """A record is sent when its time has come, without any further call, each time."""
    for target in (sink, receiver):
        emitter = connect(url_of(target), linger=0.05)
        for number in range(1, 4):
            emitter.info("%d", number)
            assert wait_until(lambda: not emitter.stats["queued"], 3)  # noqa: B023
            assert emitter.stats["sent"] == number
            time.sleep(0.01)


@pytest.mark.parametrize("severity", ["emerg", "alert", "crit", "err"])
def test_errors_do_not_linger(connect: Callable, sink: Sink, severity: str) -> None:
    """One of severity "err" or worse takes along all that waits."""
    emitter = connect(url_of(sink), linger=LONG)
    emitter.info("a")
    assert emitter.flush()
    emitter.info("b")
    emitter.warning("c")
    assert emitter.stats["queued"] == 2
    emitter.emit(severity, "d")
    assert wait_until(lambda: not emitter.stats["queued"], 3)
    assert wait_until(lambda: sink.read_texts() == ["a", "b", "c", "d"])


def test_much_does_not_linger(connect: Callable, sink: Sink) -> None:
    """Half a queue is sent at once, before it can overflow."""
    emitter = connect(url_of(sink), linger=LONG, queue_bytes=20_000)
    emitter.info("first")
    assert emitter.flush()
    for _ in range(200):
        emitter.info("x" * 1000)
        time.sleep(0.0001)
    assert check_counts(emitter)["dropped"] == {}
    assert emitter.stats["sent"] > 150


def test_first_record_over_tcp_is_on_its_way(connect: Callable, sink: Sink) -> None:
    """A linger of 0 means that nothing else has to be called for a record to arrive."""
    emitter = connect(url_of(sink))
    emitter.debug("x")
    assert wait_until(lambda: sink.read_texts() == ["x"])
    emitter.debug("y")
    assert wait_until(lambda: sink.read_texts() == ["x", "y"])


# --- flush ---------------------------------------------------------------------------------------


def test_flush(connect: Callable, small_sink: Sink) -> None:
    """True once all has been taken, False when time has run out; 0 does not wait."""
    emitter = connect(url_of(small_sink), queue_bytes=1 << 20, timeout=0.2)
    assert emitter.flush(0)
    assert emitter.flush()
    stall(emitter)
    started = time.monotonic()
    assert not emitter.flush(0)
    assert not emitter.flush(-1)
    assert not emitter.flush(0.1)
    assert not emitter.flush()
    assert time.monotonic() - started < 5
    small_sink.reads.set()
    assert emitter.flush(LIMIT)
    assert check_counts(emitter)["queued"] == 0
    assert emitter.flush(0)


def test_flush_of_a_child_is_the_transport(connect: Callable, sink: Sink) -> None:
    """A child waits for the whole transport's records; closing it leaves the transport open."""
    emitter = connect(url_of(sink), linger=LONG)
    child = emitter.child(hostname="vm-1")
    emitter.info("a")
    child.info("b")
    child.close()
    assert emitter.stats["sent"] == 2
    emitter.info("c")
    child.info("d")
    assert child.flush()
    assert wait_until(lambda: sink.read_texts() == ["a", "b", "c", "d"])


def test_long_timeouts(connect: Callable, receiver: socket.socket) -> None:
    """A timeout without an end is one, for flush as for close."""
    emitter = connect(url_of(receiver))
    emitter.info("x")
    assert emitter.flush(float("inf"))
    emitter.close(float("inf"))
    assert check_counts(emitter)["sent"] == 1


# --- at exit -------------------------------------------------------------------------------------

EXIT = """
import sys, syslogfast
options = {"hostname": "h", "app_name": "a", "procid": 1, "linger": float(sys.argv[2])}
emitter = syslogfast.connect(sys.argv[1], queue_bytes=1 << 22, **options)
emitter.emit_many("info", map(str, range(10_000)))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("linger", "ending", "backend"),
    choose_pairs(["0", "1000"], ["", "raise LookupError('on purpose')"], ["c", "python"]),
    indirect=["backend"],
)
def test_at_exit_all_is_sent(
    run_python: Callable, backend: str, sink: Sink, linger: str, ending: str
) -> None:
    """A program that ends without close() loses nothing, and says nothing of it."""
    result = run_python(EXIT + ending, url_of(sink), linger, backend=backend)
    assert (result.stdout, result.returncode) == ("", int(bool(ending)))
    assert "Error" not in result.stderr.replace("LookupError", "")
    assert wait_until(lambda: sink.count_lines() == 10_000)
    assert sink.read_texts() == [str(number) for number in range(10_000)]


def test_at_exit_without_a_collector(run_python: Callable, backend: str) -> None:
    """A program whose collector is away ends all the same, after the timeout, and says so."""
    code = (
        "import sys, syslogfast\n"
        "emitter = syslogfast.connect(sys.argv[1], timeout=0.2)\n"
        "emitter.info('x')\n"
    )
    started = time.monotonic()
    result = run_python(code, f"tcp://127.0.0.1:{find_free_port()}", backend=backend)
    assert (result.stdout, result.returncode) == ("", 0)
    assert result.stderr.endswith("; records not sent: 1 (closed: 1)\n")
    assert time.monotonic() - started < LIMIT


@pytest.mark.parametrize("is_early", [True, False])
def test_logging_at_exit(run_python: Callable, backend: str, sink: Sink, is_early: bool) -> None:
    """What a function logs at exit that was registered after connect() arrives, first or not."""
    code = (
        "import atexit, sys, syslogfast\n"
        "emitter = syslogfast.connect(sys.argv[1])\n"
        "if sys.argv[2] == 'True': emitter.info('first')\n"
        "atexit.register(lambda: emitter.info('last'))\n"
    )
    result = run_python(code, url_of(sink), str(is_early), backend=backend)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
    assert wait_until(lambda: sink.read_texts()[-1:] == ["last"], 2)


# --- threads and signals -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("linger", [0, 0.01])
def test_many_threads(connect: Callable, sink: Sink, linger: float) -> None:
    """8 threads with 1,000 records each: all arrive, whole and in each thread's order."""
    emitter = connect(url_of(sink), linger=linger, queue_bytes=1 << 24)

    def speak(name: int) -> None:
        child = emitter.child(app_name=f"thread-{name}")
        for number in range(1000):
            child.emit(number % 8, "%d %d", name, number)

    run_threads(speak, 8, 1e-5)
    assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["offered"], stats["sent"], stats["dropped"]) == (8_000, 8_000, {})
    assert wait_until(lambda: len(sink.received) == stats["bytes"])
    texts = sink.read_texts()
    for name in range(8):
        numbers = [int(text.split()[1]) for text in texts if text.startswith(f"{name} ")]
        assert numbers == list(range(1000))


@pytest.mark.slow
def test_threads_that_linger_are_not_forgotten(connect: Callable, receiver: socket.socket) -> None:
    """However two first records meet, neither waits for a third one."""
    emitter = connect(url_of(receiver), linger=0.001)
    start = threading.Barrier(4)
    rounds = 100
    stuck = []

    def speak(_: int) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            for number in range(rounds):
                start.wait()
                emitter.info("x")
                start.wait()
                if not wait_until(lambda: not emitter.stats["queued"]):
                    stuck.append(number)
                    start.abort()

    run_threads(speak, 4)
    assert stuck == []
    assert check_counts(emitter)["offered"] == 4 * rounds


SIGNALS = """
import os, signal, sys, time, syslogfast
emitter = syslogfast.connect(
    sys.argv[1], linger=float(sys.argv[2]), queue_bytes=1 << 26,
    hostname="h", app_name="a", procid=1,
)
calls = {"main": 0, "handler": 0}
def speak(who):
    calls[who] += 1
    emitter.info("%s %d", who, calls[who])
def handle(*_):
    speak("handler")
    signal.setitimer(signal.ITIMER_REAL, 1e-3)  # only now: else handlers might pile up
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 1e-3)
deadline = time.monotonic() + 0.5
try:
    while time.monotonic() < deadline or calls["handler"] <= 20:
        speak("main")
        if calls["main"] > 10_000:
            time.sleep(0.001)
finally:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)  # a handler that is due would set the timer anew
    signal.setitimer(signal.ITIMER_REAL, 0)
assert emitter.flush(20)
stats = emitter.stats
emitter.close()
offered = sum(calls.values())
assert stats["offered"] == stats["sent"] == offered, (stats, offered)
assert emitter._queue.size == 0, emitter._queue.size
print(offered, stats["bytes"], calls["handler"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("linger", ["0", "0.002"])
def test_signal_handlers_may_log(
    run_python: Callable, backend: str, sink: Sink, linger: str
) -> None:
    """A handler that interrupts a record logs its own: both arrive whole, and nothing is raised."""
    result = run_python(SIGNALS, url_of(sink), linger, backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    offered, size, handled = map(int, result.stdout.split())
    assert handled > 20
    assert wait_until(lambda: len(sink.received) == size)
    texts = sink.read_texts()
    assert len(texts) == offered
    numbers = [int(text.split()[1]) for text in texts if text.startswith("main")]
    assert numbers == list(range(1, len(numbers) + 1))
    numbers = [int(text.split()[1]) for text in texts if text.startswith("handler")]
    assert sorted(numbers) == list(range(1, handled + 1))  # a handler may interrupt a handler


def test_descriptors_are_given_back(module: ModuleType, sink: Sink) -> None:
    """After close() there are as many descriptors and threads as before."""
    url = url_of(sink)

    def speak() -> None:
        with module.connect(url, **IDENTITY) as emitter:
            emitter.info("x")
            assert emitter.flush(LIMIT)

    speak()
    assert wait_until(lambda: not select.select([], [], [], 0.05)[0])
    own = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        speak()
    # The sink has one for each connection until it has seen its end.
    assert wait_until(lambda: len(os.listdir("/proc/self/fd")) <= own + 5)
    assert signal.getsignal(signal.SIGPIPE) is signal.SIG_IGN


# --- a descriptor --------------------------------------------------------------------------------


def test_standard_output(backend: str) -> None:
    """fd://1 writes whole records to a pipe that is read slowly, and never blocks for ever."""
    code = (
        "import syslogfast\n"
        "emitter = syslogfast.connect('fd://1', queue_bytes=1 << 24, timeout=20)\n"
        "emitter.emit_many('info', (f'{number} ' + 'x' * 500 for number in range(2000)))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", code],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(0.1)
    output, errors = process.communicate(timeout=30)
    assert (errors, process.returncode) == (b"", 0)
    records = [parse_rfc5424(frame).message for frame in split_frames(output, "lf")]
    assert [int(text.split()[0]) for text in records] == list(range(2000))
