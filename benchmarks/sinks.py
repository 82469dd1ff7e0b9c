"""Where the benchmarks send: processes of their own that only read, or do not even that.

In a process of its own a sink does not wait for the benchmark's interpreter, nor that for it.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

SINK = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
buffer = bytearray(1 << 20)
while True:
    connection, _ = listener.accept()
    start = time.perf_counter()
    total = 0
    with connection:
        while size := connection.recv_into(buffer):
            total += size
    print(total, time.perf_counter() - start, flush=True)
"""


class Sink:
    """Reads TCP connections to their end, one after the other, and tells their sizes."""

    busy: ClassVar[float] = 0.0  # seconds: how long the connections that were read were open

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-Ic", SINK], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.lines = self.process.stdout
        self.port = self.lines.readline().strip()

    def read_size(self) -> int:
        size, seconds = self.lines.readline().split()
        Sink.busy += float(seconds)
        return int(size)


def read_busy_time() -> float:
    """Return seconds by the sinks' clock: it goes from a connection's begin to its end."""
    return Sink.busy


@contextmanager
def run_sink() -> Iterator[Sink]:
    sink = Sink()
    with sink.process:
        yield sink
        sink.process.kill()
