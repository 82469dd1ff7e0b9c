"""Peers for the tests of sender, and the account that each of them ends with."""

import contextlib
import pathlib
import random
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import pytest
from support.backends import load_emitter_module
from support.certificates import Certificates
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames

import syslogfast.emitter

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
LIMIT = 10.0  # seconds that anything may take


def wait_until(is_so: Callable[[], object], seconds: float = LIMIT) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def check_balance(stats: dict[str, Any]) -> None:
    """All that was offered is accounted for."""
    assert stats["offered"] == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())


def check_counts(emitter: object) -> dict:
    """So it is, and nobody is emitting just now."""
    stats = emitter.stats
    check_balance(stats)
    assert stats["queued"] == emitter._queue.count
    assert emitter._queue.size >= 0
    return stats


class Received:
    """What a connection has brought so far; may be read while more of it comes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.parsed = 0  # bytes that `lines` are of
        self.lines: list[Rfc5424Record] = []

    def parse_lines(self) -> list[Rfc5424Record]:
        """Return the records that are whole, each of which is parsed but once."""
        data = bytes(self)[self.parsed :]
        end = data.rfind(b"\n") + 1
        self.lines += [parse_rfc5424(frame) for frame in split_frames(data[:end], "lf")]
        self.parsed += end
        return self.lines.copy()

    def __iadd__(self, data: bytes) -> "Received":
        self.parts.append(data)
        return self

    def __bytes__(self) -> bytes:
        return b"".join(self.parts.copy())

    def __len__(self) -> int:
        return sum(map(len, self.parts.copy()))

    def endswith(self, end: bytes) -> bool:
        return bytes(self).endswith(end)


class Sink:
    """A TCP listener that keeps what each connection brings; `reads` is set while it reads."""

    def __init__(self, port: int = 0, receive_buffer: int = 0, host: str = "127.0.0.1") -> None:
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.bind((host, port))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.connections: list[Received] = []
        self.sockets: list[socket.socket] = []
        self.reads = threading.Event()
        self.reads.set()
        self.on_accept: Callable[[socket.socket], None] = lambda connection: None
        self.threads: list[threading.Thread] = []
        self.own: set[object] = set()  # addresses of connections of `accept_all`
        self.start(self.serve)

    def start(self, target: Callable[..., None], *arguments: object) -> None:
        self.threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self.threads[-1].start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self.listener.accept()
                if peer in self.own:
                    self.own.remove(peer)
                    connection.close()
                    continue
                self.connections.append(Received())
                self.sockets.append(connection)
                self.on_accept(connection)
                self.start(self.read, connection, self.connections[-1])

    def read(self, connection: socket.socket, received: Received) -> None:
        with contextlib.suppress(OSError):
            while self.reads.wait() and (data := connection.recv(1 << 16)):
                received += data

    def speak_tls(self, certificate: str, key: str) -> None:
        """Have each connection from now on be one of TLS; the arguments are files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        serve_plain = self.read

        def read(connection: socket.socket, received: Received) -> None:
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_side=True) as shielded,
            ):
                serve_plain(shielded, received)

        self.read = read  # type: ignore[method-assign]

    @property
    def received(self) -> bytes:
        return b"".join([bytes(received) for received in self.connections])

    @property
    def size(self) -> int:
        return sum(map(len, self.connections))

    def accept_all(self) -> None:
        """Wait until all who have connected are accepted: a busy machine takes its time.

        They are accepted in the order in which they came, so that one more tells.
        """
        with socket.socket() as last, contextlib.suppress(OSError):  # nobody listens any more
            last.settimeout(LIMIT)
            last.bind((self.listener.getsockname()[0], 0))
            self.own.add(last.getsockname())
            last.connect(self.listener.getsockname())
            wait_until(lambda: not self.own)

    def break_connections(self) -> None:
        """Reset each connection: what had not been read is gone."""
        broken, self.sockets = self.sockets, []  # those that come meanwhile are left alone
        for connection in broken:
            with connection, contextlib.suppress(OSError):
                linger = b"\1\0\0\0\0\0\0\0"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.reads.set()
        self.accept_all()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        accepting, *reading = self.threads
        for threads in ([accepting], reading):
            for thread in threads:
                thread.join(LIMIT)
                assert not thread.is_alive()
            self.break_connections()

    def count_lines(self) -> int:
        """Return how many lines have come: to parse them again and again takes long."""
        return sum(bytes(received).count(b"\n") for received in self.connections)

    def read_records(self, framing: str = "lf") -> list[Rfc5424Record]:
        """Return each record that arrived; only a connection's last may be cut off."""
        records = []
        for received in self.connections:
            if framing == "lf":
                records += received.parse_lines()
            else:
                records += [
                    parse_rfc5424(frame) for frame in split_frames(bytes(received), framing)
                ]
        return records

    def read_texts(self, framing: str = "lf") -> list[str]:
        return [record.message or "" for record in self.read_records(framing)]


class TlsSink(Sink):
    """A sink that speaks TLS, and keeps what went wrong: an end without close_notify, too."""

    def __init__(self, certificates: Certificates) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(*certificates.server)
        self.failures: list[OSError] = []
        super().__init__()

    def read(self, connection: socket.socket, received: bytearray) -> None:
        try:
            with self.context.wrap_socket(connection, server_side=True) as session:
                while data := session.recv(1 << 16):
                    received += data
        except OSError as error:
            self.failures.append(error)


def find_free_port() -> int:
    """Return one that the kernel gives to nobody who asks for any: it stays free for a while."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def url_of(target: "Sink | socket.socket", options: str = "") -> str:
    if isinstance(target, Sink):
        return f"tcp://127.0.0.1:{target.port}{options}"
    return f"udp://127.0.0.1:{target.getsockname()[1]}"


@contextlib.contextmanager
def stay_silent() -> Iterator[int]:
    """Give the port of a host that answers no attempt to connect."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield int(listener.getsockname()[1])


def stall(emitter: object) -> int:
    """Emit until the queue is full and stays so; return how many records that took.

    The kernels of both ends take some megabytes before, and grow to take more.
    """
    number = 0
    drops = 0
    while drops < 5:
        before = emitter.stats["dropped"]
        emitter.info("%06d %s", number, "x" * 7900)
        number += 1
        if emitter.stats["dropped"] != before:
            drops += 1
            time.sleep(0.02)
        elif drops:
            drops = 0
    return number


def speak(emitter: Any, start: int, stop: int, size: int = 0) -> None:
    """Emit records that begin with their numbers."""
    for number in range(start, stop):
        emitter.info("%d %s", number, "x" * size)


def sort_out(records: Sequence[Any]) -> tuple[list[int], dict[str, int], list[str]]:
    """Return the numbers that arrived, the drops that reports tell of, and since when they were."""
    numbers = []
    told: dict[str, int] = {}
    timestamps = []
    for record in records:
        if record.msgid == "DROPPED":
            assert record.priority == 12  # user, warning
            parameters = dict(dict(record.structured_data)["dropped@32473"])
            timestamps.append(parameters.pop("since"))
            for reason, count in parameters.items():
                told[reason] = told.get(reason, 0) + int(count)
        else:
            numbers.append(int(record.message.split()[0]))
    return numbers, told, timestamps


@contextlib.contextmanager
def collect(receiver: socket.socket) -> Iterator[list[bytes]]:
    """Keep the datagrams that come until the end of the block, and a time longer."""
    datagrams: list[bytes] = []
    is_over = threading.Event()

    def read() -> None:
        receiver.settimeout(0.2)
        while True:
            try:
                datagrams.append(receiver.recv(1 << 20))
            except TimeoutError:
                if is_over.is_set():
                    return

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield datagrams
    finally:
        is_over.set()
        thread.join(LIMIT)


class Collector:
    """One way to a collector, and the texts of the records that come."""

    def __init__(self, url: str, read_records: Callable[[], list[Rfc5424Record]]) -> None:
        self.url = url
        self._read_records = read_records

    def read(self, count: int) -> list[str | None]:
        """Return the texts, once there are so many of them, and no more come for a moment."""
        wait_until(lambda: len(self._read_records()) >= count)
        time.sleep(0.05)
        return [record.message for record in self._read_records()]


@contextlib.contextmanager
def collect_by(transport: str, folder: pathlib.Path) -> Iterator[Collector]:
    """Collect what comes by "udp", "tcp" or "unix"."""
    if transport == "tcp":
        sink = Sink()
        try:
            yield Collector(url_of(sink), sink.read_records)
        finally:
            sink.close()
        return
    path = str(folder / "log")
    family = socket.AF_UNIX if transport == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.bind(path if transport == "unix" else ("127.0.0.1", 0))
        url = f"unix://{path}" if transport == "unix" else url_of(bound)
        with collect(bound) as datagrams:  # of a unix socket ten fill its queue
            yield Collector(url, lambda: list(map(parse_rfc5424, datagrams.copy())))


def read_numbers(datagrams: Sequence[bytes]) -> list[int]:
    return sort_out([parse_rfc5424(datagram) for datagram in datagrams])[0]


def parse_lines(data: bytes) -> list[Any]:
    return [parse_rfc5424(frame) for frame in split_frames(bytes(data), "lf")]


# --- fixtures, which conftest.py gives to all tests ---------------------------------------------


def open_emitters(module: ModuleType) -> Iterator[Callable[..., object]]:
    emitters = []

    def call(*urls: str, **options: object) -> object:
        emitters.append(module.connect(*urls, **{**IDENTITY, "timeout": LIMIT, **options}))
        return emitters[-1]

    yield call
    for emitter in emitters:
        emitter.close(0)


@pytest.fixture
def connect(backend: str) -> Iterator[Callable[..., object]]:
    """connect() of one backend, then of the other; what it returned is closed at the end."""
    yield from open_emitters(load_emitter_module(backend))


@pytest.fixture
def connect_once() -> Iterator[Callable[..., object]]:
    """connect() of the active backend, for what both have in common: the sender itself."""
    yield from open_emitters(syslogfast.emitter)


@pytest.fixture
def no_thread_fails(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker that dies says so nowhere but here, and its records wait for ever."""
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", lambda given: failures.append(given.exc_value))
    yield
    assert not failures, failures


@pytest.fixture
def sink() -> Iterator[Sink]:
    receiver = Sink()
    yield receiver
    receiver.close()


@pytest.fixture
def small_sink() -> Iterator[Sink]:
    """A sink that does not read until it is told to, and whose kernel keeps little."""
    receiver = Sink(receive_buffer=4096)
    receiver.reads.clear()
    yield receiver
    receiver.close()


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(LIMIT)
        yield bound
