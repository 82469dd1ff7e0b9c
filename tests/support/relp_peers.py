"""Collectors that speak RELP, scripted and strict: syntax, numbers and window of what comes."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable

from support.grammar import parse_rfc5424
from support.receivers import Sink

WINDOW = 128
LAST = 999_999_999
OPEN = b"relp_version=0\nrelp_software=syslogfast\ncommands=syslog"
# As rsyslog answers it.
OFFERS = (
    b"200 OK\nrelp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\n"
    b"commands=syslog"
)
FRAME = re.compile(rb"([1-9][0-9]{0,8}) ([A-Za-z]{1,32}) (?:0\n|([1-9][0-9]{0,8}) )")


class Session:
    """One connection as the collector sees it: what came, and what has been answered."""

    def __init__(self, peer: "RelpPeer", connection: socket.socket) -> None:
        self.peer = peer
        self.connection = connection
        self.number = 0  # of the last frame
        self.waiting: list[int] = []  # numbers without a response
        self.records: list[bytes] = []
        self.acknowledged: set[int] = set()  # indices of `records`
        self.is_open = False
        self.has_ended = False  # by "close"
        self.data = b""
        self.lock = threading.RLock()

    def take(self, data: bytes) -> None:
        """Check each frame, as far as it has come, and have it answered."""
        self.data += data
        while self.data:
            header = FRAME.match(self.data)
            if header is None:
                assert re.fullmatch(rb"[0-9]{1,9}( [A-Za-z]*( [0-9]{0,9})?)?", self.data), self.data
                return
            number, command, digits = int(header[1]), header[2], header[3]
            end = header.end() + (int(digits) + 1 if digits else 0)
            if len(self.data) < end:
                return
            assert self.data[end - 1 : end] == b"\n", self.data[: end + 1]
            body = self.data[header.end() : end - 1]
            self.data = self.data[end:]
            self.take_command(number, command, body)

    def take_command(self, number: int, command: bytes, body: bytes) -> None:
        assert not self.has_ended, "a command after close"
        assert number == self.number % LAST + 1
        self.number = number
        self.waiting.append(number)
        assert len(self.waiting) <= WINDOW, "the window has been exceeded"
        if command == b"open":
            assert (number, body) == (1, OPEN)
            self.peer.on_open(self)
        elif command == b"close":
            assert (body, self.waiting) == (b"", [number]), "there was something to wait for"
            self.has_ended = True
            self.peer.on_close(self)
        else:
            assert (self.is_open, command) == (True, b"syslog")
            self.records.append(body)
            self.peer.on_record(self)

    def open(self, text: bytes = OFFERS) -> None:
        self.is_open = text.startswith(b"200")
        self.respond(1, text)

    def respond(self, number: int, text: bytes) -> None:
        self.waiting.remove(number)
        data = b" " + text if text else b""
        self.write(b"%d rsp %d%b\n" % (number, len(text), data))

    def acknowledge(self, *indices: int) -> None:
        """Acknowledge these of the records, all at once; none: the last that has come."""
        data = b""
        for index in indices or (len(self.records) - 1,):
            self.acknowledged.add(index)
            number = (self.number + index - len(self.records)) % LAST + 1
            self.waiting.remove(number)
            data += b"%d rsp 6 200 OK\n" % number
        self.write(data)

    def list_pending(self) -> list[int]:
        """Return the indices of the records that have not been acknowledged."""
        return [index for index in range(len(self.records)) if index not in self.acknowledged]

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.connection.sendall(data)

    def hang_up(self) -> None:
        """Close in an orderly way: what has been written still arrives."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)

    @property
    def texts(self) -> list[str]:
        return [parse_rfc5424(record).message or "" for record in self.records]


class RelpPeer(Sink):
    """A collector that does as it is told by `on_...`: at first, it acknowledges all at once."""

    def __init__(self, receive_buffer: int = 0) -> None:
        self.sessions: list[Session] = []
        self.faults: list[str] = []
        self.on_open: Callable[[Session], None] = Session.open
        self.on_record: Callable[[Session], None] = Session.acknowledge
        self.on_close: Callable[[Session], None] = lambda session: session.respond(
            session.number, b""
        )
        super().__init__(receive_buffer=receive_buffer)

    def read(self, connection: socket.socket, received: bytearray) -> None:
        session = Session(self, connection)
        self.sessions.append(session)
        with contextlib.suppress(OSError):
            while self.reads.wait() and (data := connection.recv(1 << 16)):
                try:
                    with session.lock:
                        session.take(data)
                except AssertionError as error:
                    self.faults.append(repr(error))
                    return
                except Exception as error:
                    self.faults.append(repr(error))
                    raise

    def close(self) -> None:
        super().close()
        for session in self.sessions:
            session.connection.close()

    @property
    def url(self) -> str:
        return f"relp://127.0.0.1:{self.port}"

    @property
    def last(self) -> Session:
        return self.sessions[-1]

    def count(self) -> int:
        """Return how many records the last session has brought."""
        return len(self.last.records) if self.sessions else 0
