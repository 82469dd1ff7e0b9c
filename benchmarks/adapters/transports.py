"""The transports of a log call: none at all, datagrams and a stream, to this host."""

import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field


class Stub:
    """Stands for a socket, or for what holds one: keeps the last record."""

    last = b""

    def sendto(self, data: bytes, address: object) -> None:
        self.last = data

    def transmit(self, data: bytes) -> None:
        self.last = data

    def close(self) -> None:
        pass


@dataclass
class Transport:
    """Where records go. kind: "stub", "udp", "unix" (datagrams) or "tcp"; address: a socket's.

    With "stub" nothing is sent while a call is timed; the address is that of a TCP collector, for
    those who cannot be stubbed.
    """

    kind: str
    address: object = ("127.0.0.1", 514)
    stub: Stub = field(default_factory=Stub)

    def write_url(self) -> str:
        if self.kind == "unix":
            return f"unix://{self.address}"
        host, port = self.address
        return f"{'tcp' if self.kind == 'stub' else self.kind}://{host}:{port}"


def receive(kind: str, send: Callable[[Transport], object]) -> bytes:
    """Return what arrives, one datagram or a stream to its end, when `send` is called."""
    family, where = socket.AF_INET, ("127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as directory:
        if kind == "unix":
            family, where = socket.AF_UNIX, f"{directory}/socket"
        socktype = socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM
        with socket.socket(family, socktype) as receiver:
            receiver.settimeout(10)
            receiver.bind(where)
            if kind == "tcp":
                receiver.listen()
            send(Transport(kind, receiver.getsockname()))
            if kind != "tcp":
                return receiver.recv(65536)
            connection, _ = receiver.accept()
            with connection, connection.makefile("rb") as stream:
                return stream.read()


def unframe(frame: bytes) -> bytes:
    """RFC 6587 3.4: return the one record in a frame of a stream."""
    if frame[:1] == b"<":
        assert frame[-1:] in (b"\n", b"\0"), frame
        return frame[:-1]
    count, _, record = frame.partition(b" ")
    assert int(count) == len(record), frame
    return record
