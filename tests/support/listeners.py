"""`syslogfast listen` as a process of its own, for the tests that send to it."""

import contextlib
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

COMMAND = [sys.executable, "-Im", "syslogfast", "listen"]

PEER = re.compile(r"^(127\.0\.0\.1|\[::1\]):[0-9]+ +")


def make_environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    return {**clean, "TERM": "xterm", **more}


class Listener:
    """A running command. Its output is read as it comes, so that it is never held up."""

    def __init__(
        self, *arguments: str, sockets: int = 2, terminal: bool = False, **more: str
    ) -> None:
        self.reading, writing = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            [*COMMAND, *(arguments or ("--udp", "0", "--tcp", "0"))],
            env=make_environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
        )
        os.close(writing)
        assert self.process.stderr is not None
        self.errors = self.process.stderr
        self.places = []
        for _ in range(sockets):
            line = self.errors.readline().decode()
            assert line.startswith("listening on "), line
            self.places.append(line.removeprefix("listening on ").removesuffix("\n"))
        self.output = bytearray()
        self.arrived = threading.Condition()
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # of a terminal whose other end is closed
            while data := os.read(self.reading, 1 << 16):
                with self.arrived:
                    self.output += data
                    self.arrived.notify_all()

    def open(self, scheme: str) -> socket.socket:
        """Connect to the first of its sockets of this kind, without TLS."""
        place = next(place for place in self.places if place.startswith(f"{scheme}:"))
        host, _, port = place.partition("://")[2].partition("?")[0].rpartition(":")
        kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        opened = socket.socket(family, kind)
        opened.settimeout(10)
        opened.connect((host.strip("[]"), int(port)))
        return opened

    def send(self, scheme: str, data: bytes) -> None:
        with self.open(scheme) as opened:
            opened.sendall(data)

    def wait_for_lines(self, count: int) -> list[str]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.output.count(b"\n") >= count, 20), self.output
            return self.output.decode().splitlines()

    def wait_for_records(self, count: int) -> list[str]:
        """Return the lines without their first column, the peer."""
        return [PEER.sub("", line) for line in self.wait_for_lines(count)]

    def end(self, number: int = signal.SIGTERM) -> str:
        """End it cleanly; return all that it has printed."""
        self.process.send_signal(number)
        assert self.process.wait(10) == 0
        self.thread.join(10)
        return self.output.decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.thread.is_alive():
            self.thread.join(10)
        self.errors.close()
        os.close(self.reading)


@contextlib.contextmanager
def listen(*arguments: str, reads: bool = True, **options: object) -> Iterator[Listener]:
    listener = Listener(*arguments, **options)  # type: ignore[arg-type]
    if reads:
        listener.thread.start()
    try:
        yield listener
    finally:
        listener.close()
