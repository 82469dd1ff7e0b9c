"""A collector on loopback: keeps each datagram with the time of its arrival, and prints it."""

import os
import socket
import time

from syslogfast.commands.listen import Printer, TextRenderer


class Collector:
    """Takes datagrams on a free port of this host's loopback."""

    def __init__(self, prints: bool) -> None:
        self.prints = prints
        self.printer = Printer(TextRenderer(os.isatty(1)))
        self.datagrams: list[tuple[float, bytes]] = []
        self._receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._receiver.bind(("127.0.0.1", 0))
        self.url = f"udp://127.0.0.1:{self._receiver.getsockname()[1]}"

    def read(self, seconds: float) -> None:
        """Take what comes within this time."""
        deadline = time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            self._receiver.settimeout(remaining)
            try:
                data = self._receiver.recv(1 << 16)
            except TimeoutError:
                return
            self.datagrams.append((time.monotonic(), data))
            self.printer.add(data, "")
            if self.prints:
                self.printer.flush()

    def close(self) -> None:
        self._receiver.close()
