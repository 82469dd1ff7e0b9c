"""Transports that break: the table of faults, over real sockets and with real collectors.

Each test ends with the account: what was offered is sent, queued, or dropped by reason; what
arrived is whole, in order and not doubled; what is missing is what was counted, or what kernels
and a collector had taken when that was killed.
"""

import contextlib
import datetime
import itertools
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.collectors import Collector
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.receivers import (
    LIMIT,
    Sink,
    check_counts,
    collect,
    parse_lines,
    read_numbers,
    sort_out,
    speak,
    url_of,
    wait_until,
)

pytestmark = [pytest.mark.surroundings, pytest.mark.usefixtures("no_thread_fails")]

PATIENCE = 30.0  # seconds for what daemons and traced processes do
MANY = 3000  # records of 4,000 bytes: more than kernels and a collector that sleeps take


@contextlib.contextmanager
def listen_at(path: pathlib.Path) -> Iterator[socket.socket]:
    """Bind a socket for datagrams in the file system, and remove it at the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(path))
        bound.settimeout(LIMIT)
        try:
            yield bound
        finally:
            path.unlink()


# --- collectors ----------------------------------------------------------------------------------


class Speaker:
    """A thread that says numbers, until it is told to stop."""

    def __init__(self, emitter: Any, start: int) -> None:
        self.emitter = emitter
        self.next = start
        self.goes_on = True
        self.thread = threading.Thread(target=self.speak)
        self.thread.start()

    def speak(self) -> None:
        while self.goes_on:
            speak(self.emitter, self.next, self.next + 1)
            self.next += 1
            time.sleep(0.0002)

    def stop(self) -> None:
        self.goes_on = False
        self.thread.join(LIMIT)


def find_gaps(numbers: list[int], count: int) -> list[range]:
    """Return the runs below `count` that are missing from a sequence, which must be rising."""
    borders = [-1, *numbers, count]
    assert all(low < high for low, high in itertools.pairwise(borders))
    runs = [range(low + 1, high) for low, high in itertools.pairwise(borders)]
    return [run for run in runs if run]


@pytest.mark.slow
def test_a_collector_that_is_killed(collector: Collector, connect_once: Callable) -> None:
    """Away at first, then killed under load, twice: each time one run of records may be lost.

    It is what the kernels and the collector had taken. All that was said after it had died
    arrives, once and in order.
    """
    collector.kill()
    emitter = connect_once(collector.url("tcp-lf"), queue_bytes=1 << 24, timeout=PATIENCE)
    speak(emitter, 0, 300)
    assert not emitter.flush(0.2)
    assert "refused" in emitter.stats["failure"]
    assert check_counts(emitter)["queued"] == 300
    collector.start()
    assert emitter.flush()
    deaths = []
    speaker = Speaker(emitter, 300)
    for _ in range(2):
        time.sleep(0.2)
        collector.kill()
        deaths.append(speaker.next)
        time.sleep(0.2)
        collector.start()
        assert wait_until(lambda: emitter.stats["reconnects"] == len(deaths), PATIENCE)
    speaker.stop()
    count = speaker.next
    assert emitter.flush()
    emitter.close()
    stats = check_counts(emitter)
    assert (stats["offered"], stats["sent"], stats["reconnects"]) == (count, count, 2)
    numbers: list[int] = []

    def has_last() -> bool:
        records = [collector._record(line) for line in collector._new_lines()]
        numbers.extend(sort_out(records)[0])
        return numbers[-1:] == [count - 1]

    assert wait_until(has_last, PATIENCE)
    gaps = find_gaps(numbers, count)
    assert len(gaps) <= len(deaths)
    for gap, death in zip(reversed(gaps), reversed(deaths), strict=False):
        assert gap[-1] <= death


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_a_collector_that_sleeps(
    collector: Collector, connect_once: Callable, overflow: str
) -> None:
    """It is stopped and goes on: exactly the counted records are missing, and it is told of them.

    A queue that is large enough loses none.
    """
    space = 1 << 18 if overflow != "block" else 1 << 26
    options = {"queue_bytes": space, "overflow": overflow, "timeout": PATIENCE}
    emitter = connect_once(collector.url("tcp-lf"), **options)
    speak(emitter, 0, 1)
    assert emitter.flush()
    collector.suspend()
    started = datetime.datetime.now(datetime.UTC)
    speak(emitter, 1, MANY, 4000)
    stopped = datetime.datetime.now(datetime.UTC)
    stats = check_counts(emitter)
    assert stats["queued"] > 0
    assert (stats["dropped"] == {}) == (overflow == "block")
    collector.resume()
    assert emitter.flush()
    emitter.close()
    stats = check_counts(emitter)
    assert (stats["queued"], stats["reconnects"]) == (0, 0)
    numbers, told, timestamps = sort_out(collector.records(stats["sent"], PATIENCE))
    assert told == stats["dropped"]
    missing = sum(map(len, find_gaps(numbers, MANY)))
    assert missing == stats["dropped"].get("full", 0)
    if overflow == "block":
        assert timestamps == []
        return
    since = datetime.datetime.fromisoformat(timestamps[0].replace("Z", "+00:00"))
    assert started <= since <= stopped
    assert (numbers[-1] == MANY - 1) == (overflow == "drop-oldest")


# --- peers that misbehave ------------------------------------------------------------------------


def test_a_peer_that_half_closes(connect: Callable, sink: Sink) -> None:
    """A collector that says it is through, though it still reads, gets no more: another call."""
    emitter = connect(url_of(sink))
    speak(emitter, 0, 10)
    assert emitter.flush()
    assert wait_until(lambda: len(sink.read_texts()) == 10)
    sink.sockets[0].shutdown(socket.SHUT_WR)
    speak(emitter, 10, 20)
    assert emitter.flush()
    assert wait_until(lambda: len(sink.received) == check_counts(emitter)["bytes"])
    assert sort_out(sink.read_records())[0] == list(range(20))
    assert emitter.stats["reconnects"] == 1
    assert sort_out(parse_lines(sink.connections[0]))[0] == list(range(10))


@pytest.mark.slow
def test_a_reset_amid_a_frame(connect: Callable, small_sink: Sink) -> None:
    """With octet counting, too, the record that was on its way begins anew, and only that."""
    emitter = connect(url_of(small_sink, "?framing=octet"), queue_bytes=1 << 24)
    speak(emitter, 0, 1500, 7000)
    assert not emitter.flush(0.2)
    sent = check_counts(emitter)["sent"]
    small_sink.break_connections()
    small_sink.reads.set()
    assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"], stats["reconnects"]) == (1500, {}, 1)
    assert wait_until(lambda: small_sink.connections[-1].endswith(b"x"))
    time.sleep(0.2)
    frames = split_frames(bytes(small_sink.connections[-1]), "octet")
    numbers = read_numbers(frames)
    assert numbers == list(range(numbers[0], 1500))
    assert sent <= numbers[0] <= 1500


def test_a_peer_that_talks_without_end(connect_once: Callable) -> None:
    """close() takes no longer than it may, whatever the collector says meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        emitter = connect_once(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
        speak(emitter, 0, 1)
        assert emitter.flush()
        connection, _ = listener.accept()
        is_over = threading.Event()

        def talk() -> None:
            with contextlib.suppress(OSError):
                while not is_over.wait(0.001):
                    connection.send(b"x" * 100)

        talker = threading.Thread(target=talk)
        talker.start()
        closer = threading.Thread(target=emitter.close, args=(0.2,), daemon=True)
        closer.start()
        closer.join(LIMIT)
        assert not closer.is_alive()
        is_over.set()
        talker.join(LIMIT)
        with connection:
            assert sort_out(parse_lines(connection.recv(1000)))[0] == [0]
        assert check_counts(emitter)["sent"] == 1


@pytest.mark.slow
def test_a_handshake_without_an_end(connect: Callable, sink: Sink) -> None:
    """A peer that takes connections but knows no TLS: records are kept, nobody waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tls://127.0.0.1:{listener.getsockname()[1]}"
        emitter = connect(url, timeout=0.5)
        speak(emitter, 0, 1000)
        assert not emitter.flush(0)
        stats = check_counts(emitter)
        assert (stats["queued"], stats["dropped"]) == (1000, {})
        assert wait_until(lambda: emitter.stats["failure"])
        assert "timed out" in emitter.stats["failure"]
        emitter.close(0)
        assert check_counts(emitter)["dropped"] == {"closed": 1000}

        emitter = connect(url, url_of(sink), timeout=0.5)
        speak(emitter, 0, 1000)
        assert emitter.flush(LIMIT)
        stats = check_counts(emitter)
        assert (stats["sent"], stats["dropped"]) == (1000, {})
        assert wait_until(lambda: len(sink.received) == stats["bytes"])
        assert sort_out(sink.read_records("octet"))[0] == list(range(1000))


# --- unix sockets --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_unix_socket_made_anew(connect: Callable, tmp_path: pathlib.Path) -> None:
    """What comes while there is no socket waits for the new one; so it is after a second time."""
    path = tmp_path / "log"
    emitter = connect(f"unix://{path}", protocol="rfc5424")
    arrived = []
    for turn in range(3):
        start = turn * 8
        speak(emitter, start, start + 4)
        stats = check_counts(emitter)
        assert (stats["queued"], stats["dropped"]) == (4, {})
        with listen_at(path) as bound, collect(bound) as datagrams:
            assert emitter.flush()
            speak(emitter, start + 4, start + 8)
            assert emitter.flush()
        arrived += read_numbers(datagrams)
    assert arrived == list(range(24))
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (24, {})


def test_a_unix_socket_that_nobody_reads(connect: Callable, tmp_path: pathlib.Path) -> None:
    """Its queue of some ten records is full soon; the others wait for their turn."""
    with listen_at(tmp_path / "log") as bound:
        emitter = connect(f"unix://{tmp_path}/log", protocol="rfc5424")
        speak(emitter, 0, 400)
        stats = check_counts(emitter)
        assert (stats["queued"] > 0, stats["dropped"]) == (True, {})
        with collect(bound) as datagrams:
            assert emitter.flush()
        assert read_numbers(datagrams) == list(range(400))
        assert check_counts(emitter)["sent"] == 400


# --- records too long for the transport
# ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "unix"])
def test_a_datagram_is_shortened(
    connect: Callable, tmp_path: pathlib.Path, host: str, protocol: str
) -> None:
    """What the kernel does not take is cut to what it does, once, is valid, and counted once."""
    family = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6, "unix": socket.AF_UNIX}[host]
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        if host == "unix":
            receiver.bind(str(tmp_path / "log"))
            url = f"unix://{tmp_path}/log"
            most = receiver.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 32
        else:
            receiver.bind((host, 0))
            url = f"udp://[{host}]" if family == socket.AF_INET6 else f"udp://{host}"
            url += f":{receiver.getsockname()[1]}"
            most = 65507 if family == socket.AF_INET else 65527
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.settimeout(LIMIT)
        emitter = connect(url, protocol=protocol, max_size=1_000_000)
        parse: Callable = {"rfc5424": parse_rfc5424, "rfc3164": parse_rfc3164}[protocol]
        for turn in range(1, 4):
            emitter.info("\u20ac" * 200_000)
            emitter.info("short")
            data = receiver.recv(1 << 20)
            assert most - 2 <= len(data) <= most
            assert set(parse(data).message.removesuffix("#")) == {"\u20ac"}
            assert parse(receiver.recv(1 << 20)).message == "short"
            assert emitter.flush()
            stats = check_counts(emitter)
            assert (stats["truncated"], stats["sent"]) == (turn, 2 * turn)
        assert stats["dropped"] == {}


# --- errors of the kernel ------------------------------------------------------------------------

SPEAK = """
import json, sys, time, syslogfast
identity = {"hostname": "h", "app_name": "a", "procid": 1, "protocol": "rfc5424"}
options = {"linger": float(sys.argv[1]), "timeout": 20, "on_failure": False}
emitter = syslogfast.connect(*sys.argv[2:], **options, **identity)
for number in range(60):
    emitter.info("%d", number)
    time.sleep(0.001)
emitter.close()
print(json.dumps(emitter.stats))
"""


def run_with_fault(fault: str, linger: str, *urls: str) -> dict:
    """Run SPEAK where system calls fail, as strace's `inject=` says; return its stats."""
    calls = fault.partition(":")[0]
    tracer = f"strace -f -qq -o /dev/null -e trace={calls} -e inject={fault}".split()
    result = subprocess.run(
        [*tracer, sys.executable, "-I", "-c", SPEAK, linger, *urls],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (result.stderr, result.returncode) == (b"", 0)
    stats: dict = json.loads(result.stdout)
    assert stats["offered"] == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
    return stats


needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace")


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize(
    ("scheme", "linger", "fault"),
    [
        ("udp", "0", "sendto:error=ENOBUFS:when=2+2"),
        ("udp", "0", "sendto:error=ENOMEM:when=1+3"),
        ("udp", "1", "sendmsg:error=ENOBUFS:when=1"),
        ("udp", "1", "sendmsg:error=EIO:when=1"),
        ("udp", "0", "socket:error=EMFILE:when=1"),
        ("udp", "0", "connect:error=ENETUNREACH:when=1"),
        ("unix", "0", "sendto:error=ENOBUFS:when=2+2"),
        ("unix", "0", "sendto:error=ENOMEM:when=1"),
        ("unix", "0", "socket:error=EMFILE:when=1"),
        ("tcp", "0", "sendto:error=ENOBUFS:when=2+2"),
        ("tcp", "0", "sendto:error=ENOMEM:when=2+5"),
        ("tcp", "0", "sendto:error=EHOSTUNREACH:when=3"),
        ("tcp", "0", "connect:error=EHOSTUNREACH:when=1..2"),
        ("tcp", "0", "socket:error=EMFILE:when=1"),
        ("tcp", "0", "recvfrom:error=ENOMEM:when=3"),
    ],
)
def test_an_error_that_passes(
    sink: Sink,
    receiver: socket.socket,
    tmp_path: pathlib.Path,
    scheme: str,
    linger: str,
    fault: str,
) -> None:
    """The kernel lacks something for a time: no record is lost, doubled or out of its turn."""
    with listen_at(tmp_path / "log") as bound:
        urls = {"tcp": url_of(sink), "udp": url_of(receiver), "unix": f"unix://{tmp_path}/log"}
        with collect(bound if scheme == "unix" else receiver) as datagrams:
            stats = run_with_fault(fault, linger, urls[scheme])
    assert (stats["sent"], stats["dropped"]) == (60, {})
    if scheme == "tcp":
        assert wait_until(lambda: len(sink.received) == stats["bytes"])
    numbers = sort_out(sink.read_records())[0] if scheme == "tcp" else read_numbers(datagrams)
    assert numbers == list(range(60))


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize("error", ["ENETUNREACH", "EADDRNOTAVAIL", "ENETDOWN"])
def test_a_route_that_is_gone_for_a_time(receiver: socket.socket, error: str) -> None:
    """Datagrams that the kernel has no way for wait until it has one."""
    with collect(receiver) as datagrams:
        stats = run_with_fault(f"sendto:error={error}:when=3..8", "0", url_of(receiver))
    assert (stats["sent"], stats["dropped"]) == (60, {})
    assert read_numbers(datagrams) == list(range(60))


@needs_strace
def test_datagrams_that_are_not_permitted(receiver: socket.socket) -> None:
    """Those that a packet filter refuses are dropped, counted, and told of."""
    with collect(receiver) as datagrams:
        stats = run_with_fault("sendto:error=EPERM:when=3..20", "0", url_of(receiver))
    records = [parse_rfc5424(datagram) for datagram in datagrams]
    numbers, told, _ = sort_out(records)
    assert stats["dropped"].keys() == told.keys() == {"error"}
    assert len(records) == stats["sent"]
    assert sum(map(len, find_gaps(numbers, 60))) <= stats["dropped"]["error"]
    assert told["error"] <= stats["dropped"]["error"]


@pytest.mark.slow
@needs_strace
@pytest.mark.parametrize("error", ["EHOSTUNREACH", "ENETUNREACH", "ECONNREFUSED"])
def test_the_next_host_is_taken_instead(receiver: socket.socket, error: str) -> None:
    """Datagrams, too, go to the next URL if the first one cannot be reached."""
    fault = f"sendto:error={error}:when=1..2"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.bind(("127.0.0.1", 0))
        with collect(receiver) as datagrams, collect(second) as others:
            stats = run_with_fault(fault, "0", url_of(receiver), url_of(second))
    assert (stats["sent"], stats["dropped"]) == (60, {})
    assert sorted(read_numbers(datagrams) + read_numbers(others)) == list(range(60))


# --- descriptors ---------------------------------------------------------------------------------


def test_a_pipe_that_is_full(connect: Callable) -> None:
    """Nobody who emits waits for it, and all goes through once it is read."""
    reading, writing = os.pipe()
    emitter = connect(f"fd://{writing}", queue_bytes=1 << 24)
    speak(emitter, 0, 1000, 500)
    assert not emitter.flush(0.1)
    assert os.get_blocking(writing)
    assert check_counts(emitter)["dropped"] == {}
    received = bytearray()

    def read() -> None:
        while data := os.read(reading, 1 << 16):
            received.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    assert emitter.flush()
    emitter.close()
    os.close(writing)
    reader.join(LIMIT)
    os.close(reading)
    assert check_counts(emitter)["sent"] == 1000
    assert sort_out(parse_lines(received))[0] == list(range(1000))


def test_a_pipe_whose_reader_goes_away(connect: Callable) -> None:
    """What was read is whole; what was not sent is dropped at the end, and counted."""
    reading, writing = os.pipe()
    emitter = connect(f"fd://{writing}", queue_bytes=1 << 24)
    speak(emitter, 0, 500, 500)
    received = os.read(reading, 20_000)
    os.close(reading)
    speak(emitter, 500, 600, 500)
    assert not emitter.flush(0.2)
    assert "Broken pipe" in check_counts(emitter)["failure"]
    emitter.close(0)
    stats = check_counts(emitter)
    os.close(writing)
    assert stats["dropped"] == {"closed": 600 - stats["sent"]}
    numbers, _, _ = sort_out(parse_lines(received[: received.rfind(b"\n") + 1]))
    assert numbers == list(range(len(numbers)))
    assert len(numbers) <= stats["sent"]


def test_a_file_that_may_not_grow(connect_once: Callable, tmp_path: pathlib.Path) -> None:
    """An error amid a record, on a descriptor that cannot be had anew: its rest comes later."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "log").open("wb") as file:
        emitter = connect_once(f"fd://{file.fileno()}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, usual[1]))
        try:
            speak(emitter, 0, 40, 500)
            assert wait_until(lambda: (tmp_path / "log").stat().st_size == 10_000)
            assert not emitter.flush(0.2)
            assert check_counts(emitter)["queued"] > 0
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (40, {})
    data = (tmp_path / "log").read_bytes()
    assert len(data) == stats["bytes"]
    assert sort_out(parse_lines(data))[0] == list(range(40))
