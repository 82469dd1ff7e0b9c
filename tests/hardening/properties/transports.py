"""All transports at once, with receivers that come, go, read slowly and reset, and the account."""

import contextlib
import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.certificates import make_certificates
from support.grammar import parse_rfc5424
from support.receivers import IDENTITY, LIMIT, Sink, TlsSink
from support.relp_peers import RelpPeer

from properties.modules import load_emitter, load_modules

ROUND = 6.0  # seconds of each seed
OVERFLOWS = ["drop-newest", "drop-oldest", "block"]


class AtPort(Sink):
    """What its other base classes make of it listens at `port`."""

    def __init__(self, port: int, *given: object) -> None:
        self._port = port
        super().__init__(*given)


class Bound(Sink):
    def __init__(self, receive_buffer: int = 4096) -> None:
        super().__init__(self._port, receive_buffer)


class PlainAt(AtPort, Bound):
    pass


class TlsAt(AtPort, TlsSink, Bound):
    """As a TlsSink; but `reads` and `break_connections` are for its sessions, too.

    `recv` of one that is shut down would give what was received as it came, encrypted.
    """

    def read(self, connection: socket.socket, received: Any) -> None:
        with contextlib.suppress(OSError, ValueError):
            session = self.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
            self.sockets.append(session)
            session.settimeout(LIMIT)
            session.do_handshake()
            while self.reads.wait() and (data := session.read(1 << 16)):
                received += data


class RelpAt(AtPort, RelpPeer, Bound):
    pass


class Streams:
    """A listener that is replaced by others on its port; what came is kept."""

    is_at_least_once = False

    def __init__(self, make: Callable[[int], Sink], url: str) -> None:
        self._make = make
        self.sink = make(0)
        self.url = url.format(port=self.sink.port)
        self.past: list[Sink] = []

    def disturb(self, pick: random.Random) -> None:
        what = pick.choice(["stop", "go", "go", "reset", "leave"])
        if what == "stop":
            self.sink.reads.clear()
        elif what == "go":
            self.sink.reads.set()
        elif what == "reset":
            self.sink.break_connections()
        elif what == "leave" and pick.random() < 0.5:
            port = self.sink.port
            self.sink.reads.set()
            self.sink.close()
            self.past.append(self.sink)
            time.sleep(pick.uniform(0, 0.2))
            while True:  # another socket may have the port for a moment
                try:
                    self.sink = self._make(port)
                    return
                except OSError:
                    time.sleep(0.02)

    def settle(self) -> None:
        self.sink.reads.set()

    def close(self) -> list[bytes]:
        """Return the records that came whole."""
        self.sink.close()
        records = []
        for sink in [*self.past, self.sink]:
            for received in sink.connections:
                records += bytes(received).split(b"\n")[:-1]
        return records


class RelpStreams(Streams):
    is_at_least_once = True  # a record without a response is sent anew

    def close(self) -> list[bytes]:
        self.sink.close()
        peers = [*self.past, self.sink]
        faults = [fault for peer in peers for fault in peer.faults]
        assert not faults, f"relp: {faults[0]}"
        return [record for peer in peers for session in peer.sessions for record in session.records]


class Datagrams:
    is_at_least_once = False

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._address: Any = str(folder / "log") if folder else ("127.0.0.1", 0)
        self._socket = self._bind()
        if not folder:
            self._address = self._socket.getsockname()
        self.url = f"unix://{self._address}" if folder else f"udp://127.0.0.1:{self._address[1]}"
        self.records: list[bytes] = []
        self._is_over = False
        self._absence = 0.0  # seconds that it is to be away
        self._reads = threading.Event()
        self._reads.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_UNIX if self._folder else socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(self._address)
        bound.settimeout(0.05)
        return bound

    def _read(self) -> None:
        while not self._is_over:
            self._reads.wait(0.05)
            if self._absence:
                self._leave()
            with contextlib.suppress(OSError):
                if self._reads.is_set():
                    self.records.append(self._socket.recv(1 << 17))

    def _leave(self) -> None:
        """Go and come again, by the thread that reads: no other may close what it waits for."""
        self._socket.close()
        if self._folder:
            os.unlink(self._address)
        time.sleep(self._absence)
        self._absence = 0.0
        self._socket = self._bind()

    def disturb(self, pick: random.Random) -> None:
        what = pick.choice(["stop", "go", "go", "leave"])
        if what == "stop":
            self._reads.clear()
        elif what == "go":
            self._reads.set()
        else:
            self._absence = pick.uniform(0.001, 0.1)

    def settle(self) -> None:
        self._reads.set()

    def close(self) -> list[bytes]:
        time.sleep(0.2)
        self._is_over = True
        self._thread.join()
        self._socket.close()
        if self._folder:
            os.unlink(self._address)
        return self.records


class Pipe:
    is_at_least_once = False

    def __init__(self) -> None:
        self._end, self._fd = os.pipe()
        self.url = f"fd://{self._fd}"
        self._data = bytearray()
        self._reads = threading.Event()
        self._reads.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while data := os.read(self._end, 1 << 16):
            self._data += data
            self._reads.wait()

    def disturb(self, pick: random.Random) -> None:
        if pick.random() < 0.5:
            self._reads.clear()
        else:
            self._reads.set()

    def settle(self) -> None:
        self._reads.set()

    def close(self) -> list[bytes]:
        os.close(self._fd)
        self._thread.join()
        os.close(self._end)
        return bytes(self._data).split(b"\n")[:-1]


class Traffic:
    """One emitter, what was emitted by it, and two threads that do anything with it."""

    def __init__(self, name: str, transport: Any, seed: int, options: dict[str, object]) -> None:
        self.name, self.transport = name, transport
        self.random = random.Random(seed)
        self.overflow = self.random.choice(OVERFLOWS)
        self.linger = self.random.choice([None, 0, 0.01])
        self.emitted = self.looks = self.reports = 0
        self.numbers = [0, 0]
        self.failures: list[BaseException] = []
        self.log = load_emitter(name).connect(
            transport.url + ("&" if "?" in transport.url else "?") + "retry=0.1"
            if not transport.url.startswith("fd")
            else transport.url,
            overflow=self.overflow,
            linger=self.linger,
            queue_bytes=self.random.choice([500, 5000, 100_000]),
            timeout=0.5,
            on_failure=False,
            **IDENTITY,
            **options,
        )
        sender = self.log._sender
        self._render = sender._render_report
        sender._render_report = self._count_report

    def _count_report(self, *given: object) -> bytes:
        self.reports += 1
        return self._render(*given)

    def __str__(self) -> str:
        return f"{self.log} {self.name} {self.overflow} linger={self.linger}"

    def run(self, thread: int, end: float) -> None:
        pick = random.Random(self.random.random() + thread)
        log = self.log
        child = log.child(app_name="child")
        try:
            while time.monotonic() < end:
                what = pick.randrange(20)
                if what == 0:
                    log.flush(pick.uniform(0, 0.02))
                elif what == 1:
                    time.sleep(pick.uniform(0, 0.01))
                elif what == 2:
                    texts = [self.make_text(thread, pick) for _ in range(pick.randrange(8))]
                    log.emit_many(6, texts)
                else:
                    (child if what < 5 else log).emit(
                        pick.choice([3, 6]), self.make_text(thread, pick)
                    )
                self.check()
        except BaseException as error:
            self.failures.append(error)

    def make_text(self, thread: int, pick: random.Random) -> str:
        self.numbers[thread] += 1
        return f"{thread} {self.numbers[thread]} " + "x" * pick.choice([0, 10, 300, 900])

    def check(self) -> dict[str, Any]:
        stats = self.log.stats
        self.looks += 1
        accounted = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
        assert stats["offered"] == accounted, f"{self}: {stats}"
        return stats

    def finish(self) -> int:
        """Close it, and return how many records have come."""
        if self.failures:
            raise AssertionError(f"{self}: {self.failures[0]!r}") from self.failures[0]
        self.transport.settle()
        self.log.flush(2)
        self.log.close(2)
        stats = self.check()
        emitted = sum(self.numbers)
        assert stats["queued"] == 0, f"{self}: {stats}"
        assert emitted <= stats["offered"] <= emitted + self.reports, (
            f"{self}: {emitted} were emitted, and {self.reports} reports rendered: {stats}"
        )
        came = self.transport.close()
        seen = set()
        for frame in came:
            try:
                record = parse_rfc5424(frame)
            except ValueError as error:
                raise AssertionError(f"{self}: {error}: {frame!r}") from error
            if record.msgid != "DROPPED":
                thread, number, _ = record.message.split(" ", 2)
                key = (thread, int(number))
                assert int(number) <= self.numbers[int(thread)], f"{self}: {key} was not emitted"
                assert self.transport.is_at_least_once or key not in seen, (
                    f"{self}: {key} came twice"
                )
                seen.add(key)
        assert len(came) <= stats["sent"] or self.transport.is_at_least_once, (
            f"{self}: {len(came)} came, more than {stats}"
        )
        return len(came)


def make_traffic(name: str, seed: int, folder: Path, certificates: Any) -> list[Traffic]:
    unix = folder / name
    unix.mkdir()
    tls_url = "tls://127.0.0.1:{port}?framing=lf&ca=" + str(certificates.ca)
    transports = [
        Datagrams(None),
        Datagrams(unix),
        Streams(PlainAt, "tcp://127.0.0.1:{port}?framing=lf"),
        RelpStreams(RelpAt, "relp://127.0.0.1:{port}"),
        Streams(lambda port: TlsAt(port, certificates), tls_url),
        Pipe(),
    ]
    options = [
        {"protocol": "rfc5424"} if transport.url.startswith("unix") else {}
        for transport in transports
    ]
    return [
        Traffic(name, transport, seed + index, options[index])
        for index, transport in enumerate(transports)
    ]


def try_round(seed: int, certificates: Any) -> tuple[int, int, int]:
    """Return how many records were emitted, and how many have come, and looks at the account."""
    pick = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        traffic = [
            one
            for name in load_modules()
            for one in make_traffic(name, seed, Path(folder), certificates)
        ]
        end = time.monotonic() + ROUND
        threads = [
            threading.Thread(target=one.run, args=(thread, end), daemon=True)
            for one in traffic
            for thread in range(2)
        ]
        for thread in threads:
            thread.start()
        while time.monotonic() < end:
            pick.choice(traffic).transport.disturb(pick)
            time.sleep(pick.uniform(0, 0.03))
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive(), "a thread does not end"
        came = sum(one.finish() for one in traffic)
    return sum(sum(one.numbers) for one in traffic), came, sum(one.looks for one in traffic)


def try_transports(seconds: float) -> dict[str, object]:
    end = time.monotonic() + seconds
    emitted = came = looks = rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        certificates = make_certificates(Path(folder))
        while not rounds or time.monotonic() + ROUND < end:
            try:
                found = try_round(rounds, certificates)
            except Exception as error:
                raise AssertionError(f"transports, round {rounds}: {error}") from error
            emitted, came, looks = emitted + found[0], came + found[1], looks + found[2]
            rounds += 1
    return {
        "transport rounds": rounds,
        "records emitted": emitted,
        "records that came": came,
        "looks at the account": looks,
    }
