"""The collector that `syslogfast demo` starts in a second process: it checks and counts.

It writes its port, then from time to time, and at its end, "received malformed": a line each. It
ends when standard input does and all connections are closed.
"""

import selectors
import socket
import sys
from time import monotonic

from syslogfast.commands.parse import MalformedError, parse_record, split_frames

REPORT_INTERVAL = 0.1  # seconds
READ_SIZE = 1 << 18
STDIN = 0


class Collector:
    """Takes TCP connections on loopback, and parses what they bring."""

    def __init__(self) -> None:
        self.received = 0
        self.malformed = 0
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._rests: dict[socket.socket, bytearray] = {}
        self._is_ending = False
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(STDIN, selectors.EVENT_READ)
        self.report(self._listener.getsockname()[1])

    def report(self, *numbers: int) -> None:
        sys.stdout.write(" ".join(map(str, numbers)) + "\n")
        sys.stdout.flush()

    def run(self) -> None:
        reported = monotonic()
        while not self._is_ending or self._rests:
            for key, _ in self._selector.select(REPORT_INTERVAL):
                self.read(key.fileobj)
            if monotonic() - reported >= REPORT_INTERVAL:
                reported = monotonic()
                self.report(self.received, self.malformed)
        self.report(self.received, self.malformed)

    def read(self, source: object) -> None:
        if source == STDIN:
            self._is_ending = True
            self._selector.unregister(STDIN)
        elif source is self._listener:
            connection, _ = self._listener.accept()
            self._rests[connection] = bytearray()
            self._selector.register(connection, selectors.EVENT_READ)
        elif isinstance(source, socket.socket):
            self.take(source)

    def take(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(READ_SIZE)
        except ConnectionError:
            data = b""
        rest = self._rests[connection]
        rest += data
        try:
            frames, size = split_frames(rest)
            del rest[:size]
            for frame in frames:
                self.check(frame)
        except MalformedError:
            self.malformed += 1
            data = b""
        if not data:
            self.malformed += bool(rest)  # a record that was cut off
            del self._rests[connection]
            self._selector.unregister(connection)
            connection.close()

    def check(self, frame: bytes) -> None:
        try:
            parse_record(frame)
        except MalformedError:
            self.malformed += 1
        else:
            self.received += 1


if __name__ == "__main__":
    try:
        Collector().run()
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(1)
