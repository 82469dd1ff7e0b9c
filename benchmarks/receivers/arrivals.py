"""Processes that note when each record has arrived."""

import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from measure.rounds import move_away

# It is told how many records it is to read, and prints of each its number and when it had it, by
# the clock of perf_counter_ns, which all processes share.
CODE = """
import re, socket, sys, time
kind, path = sys.argv[1:]
where = path if kind == "unix" else ("127.0.0.1", 0)
family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
receiver = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
receiver.settimeout(60)  # should nobody be there to end it
receiver.bind(where)
if kind == "tcp":
    receiver.listen()
print(receiver.getsockname()[1] if kind != "unix" else 0, flush=True)
source = None
for line in sys.stdin:
    if source is None:
        source = receiver.accept()[0] if kind == "tcp" else receiver
        source.settimeout(60)
    arrived = []
    while len(arrived) < int(line):
        data = source.recv(65536)
        now = time.perf_counter_ns()
        arrived += [(int(number), now) for number in re.findall(rb" order ([0-9]+) ", data)]
    print(*[f"{number} {when}" for number, when in arrived], sep="\\n", flush=True)
"""


class Arrivals:
    """Such a process, for one emitter: "udp", "unix" (datagrams) or "tcp"; url: where it listens.

    Its records have the numbers from 0 on in place of the order's.
    """

    def __init__(self, kind: str, directory: pathlib.Path) -> None:
        path = directory / "socket"
        self.process = subprocess.Popen(
            [sys.executable, "-Ic", CODE, kind, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        move_away(self.process.pid)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.orders, self.lines = self.process.stdin, self.process.stdout
        port = self.lines.readline().strip()
        self.url = f"unix://{path}" if kind == "unix" else f"{kind}://127.0.0.1:{port}"

    def expect(self, count: int) -> None:
        """Have it read so many records."""
        self.orders.write(f"{count}\n")
        self.orders.flush()

    def take(self, count: int) -> list[int]:
        """Return when each of those records had arrived, in nanoseconds."""
        seen = [self.lines.readline().split() for _ in range(count)]
        assert [int(number) for number, _ in seen] == list(range(count))
        return [int(when) for _, when in seen]


@contextmanager
def run_arrivals(kind: str) -> Iterator[Arrivals]:
    with tempfile.TemporaryDirectory() as directory:
        arrivals = Arrivals(kind, pathlib.Path(directory))
        with arrivals.process:
            try:
                yield arrivals
            finally:
                arrivals.process.kill()
