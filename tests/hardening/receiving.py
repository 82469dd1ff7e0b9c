"""Receivers on loopback for all transports, in a process that nothing is done to.

What comes is parsed by the strict grammar of the tests.
"""

import contextlib
import pathlib
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.certificates import make_certificates
from support.grammar import parse_rfc5424
from support.receivers import Sink, TlsSink, collect
from support.relp_peers import RelpPeer

TRANSPORTS = ("udp", "tcp", "unix", "relp")
BUFFER = 1 << 22  # bytes that the kernel keeps of datagrams until they are read


class Closing:
    """Closes each connection when it has ended: there are thousands."""

    def read(self, connection: socket.socket, received: Any) -> None:
        super().read(connection, received)  # type: ignore[misc]
        connection.close()
        self.sockets: Any
        self.sockets.remove(connection)


class ClosingSink(Closing, Sink):
    pass


class ClosingPeer(Closing, RelpPeer):
    pass


class Receiver:
    """Where a transport leads to.

    list_records: returns all that has come, parsed; AssertionError or ValueError: it is malformed.
    """

    def __init__(self, url: str, list_records: Callable[[], list[Any]], sink: Any = None) -> None:
        self.url = url
        self.list_records = list_records
        self.sink = sink


@contextlib.contextmanager
def receive_datagrams(address: Any, folder: pathlib.Path) -> Iterator[Receiver]:
    is_unix = isinstance(address, str)
    family = socket.AF_UNIX if is_unix else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        bound.bind(address)
        url = f"unix://{address}" if is_unix else f"udp://127.0.0.1:{bound.getsockname()[1]}"
        with collect(bound) as datagrams:
            yield Receiver(url, lambda: list(map(parse_any, datagrams.copy())))


def parse_any(record: bytes) -> Any:
    """Parse a datagram; that of a handler like the standard library's has no header but PRI."""
    return record if record.endswith(b"\0") else parse_rfc5424(record)


def list_relp_records(peer: RelpPeer) -> list[Any]:
    assert not peer.faults, peer.faults
    return [parse_rfc5424(record) for session in peer.sessions for record in session.records]


@contextlib.contextmanager
def receive(transport: str, folder: pathlib.Path) -> Iterator[Receiver]:
    """Receive by one transport until the end of the block."""
    if transport in ("udp", "unix"):
        address = str(folder / "log") if transport == "unix" else ("127.0.0.1", 0)
        with receive_datagrams(address, folder) as receiver:
            yield receiver
        return
    sink: Any
    if transport == "relp":
        sink = ClosingPeer()
        receiver = Receiver(sink.url, lambda: list_relp_records(sink), sink)
    elif transport == "tls":
        certificates = make_certificates(folder)
        sink = TlsSink(certificates)
        url = f"tls://localhost:{sink.port}?ca={certificates.ca}&framing=lf"
        receiver = Receiver(url, sink.read_records, sink)
    else:
        sink = ClosingSink()
        receiver = Receiver(f"tcp://127.0.0.1:{sink.port}", sink.read_records, sink)
    try:
        yield receiver
    finally:
        sink.close()
