"""The collector that `syslogfast demo` starts in a second process: it checks and counts.

It writes its port, then from time to time, and at its end, "received malformed": a line each. It
ends when standard input does and all connections are closed.
"""

import os
import selectors
import socket
import sys
from time import monotonic

from syslogfast.commands.frames import Connection
from syslogfast.commands.parse import MalformedError, parse_record

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
        self._connections: dict[socket.socket, Connection] = {}
        self._is_ending = False
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(STDIN, selectors.EVENT_READ)
        self.report(self._listener.getsockname()[1])

    def report(self, *numbers: int) -> None:
        sys.stdout.write(" ".join(map(str, numbers)) + "\n")
        sys.stdout.flush()

    def run(self) -> None:
        reported = monotonic()
        while not self._is_ending or self._connections:
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
            stream, _ = self._listener.accept()
            self._connections[stream] = Connection("", self)
            self._selector.register(stream, selectors.EVENT_READ)
        elif isinstance(source, socket.socket):
            self.take(source)

    def take(self, stream: socket.socket) -> None:
        connection = self._connections[stream]
        malformed = None
        try:
            data = stream.recv(READ_SIZE)
            if data:
                connection.take(data)
                return
        except ConnectionError:
            pass
        except MalformedError as error:
            malformed = error
        connection.end(malformed)
        del self._connections[stream]
        self._selector.unregister(stream)
        stream.close()

    def add(self, data: bytes, peer: str) -> None:
        try:
            parse_record(data)
        except MalformedError:
            self.malformed += 1
        else:
            self.received += 1

    def add_malformed(self, error: MalformedError, data: bytes | bytearray, peer: str) -> None:
        self.malformed += 1


if __name__ == "__main__":
    try:
        Collector().run()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)  # or Python would write what is left once more, and complain
