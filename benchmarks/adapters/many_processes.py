"""Many real processes, each of which logs some records and waits: what each of them takes.

They wait for the end of their standard input, which they share; so they end with their parent.
"""

import os
import pathlib
import re
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import syslogfast

RECORDS = 200  # of each process
FOLDER = str(pathlib.Path(syslogfast.__file__).parent.parent)
TIMEOUT = 30.0  # seconds for one process to start, to end, or for records to arrive

# Prints seconds from its start to its first record, CPU seconds until then, and of another record.
RUN = """
import sys, time
sys.path.append(sys.argv[1])
scheme, port, hostname, started, records = sys.argv[2:]
{open}
number = 1
{emit}
{flush}
woken, cpu = time.monotonic() - float(started), time.process_time()
for number in range(2, int(records) + 1):
    {emit}
{flush}
share = (time.process_time() - cpu) / (int(records) - 1)
sys.stdout.write(f"{{woken}} {{cpu}} {{share}}\\n")
sys.stdout.flush()
sys.stdin.read()
"""
OURS = """
import syslogfast
log = syslogfast.connect(f"{scheme}://127.0.0.1:{port}", hostname=hostname, app_name="unit")
"""
STANDARD = """
import logging, logging.handlers, socket
kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
handler = logging.handlers.SysLogHandler(("127.0.0.1", int(port)), socktype=kind)
handler.setFormatter(logging.Formatter(f"{hostname} unit: %(message)s"))
log = logging.getLogger("unit")
log.setLevel(logging.INFO)
log.addHandler(handler)
"""
EMIT = 'log.info("record %d", number)'
FLUSH = 'if scheme == "tcp": log.flush()'  # its thread connects, and sends
CODES = {
    "bare interpreter": RUN.format(open="", emit="pass", flush=""),
    "syslogfast": RUN.format(open=OURS, emit=EMIT, flush=FLUSH),
    "Python twin": RUN.format(open=OURS, emit=EMIT, flush=FLUSH),
    "standard library": RUN.format(open=STANDARD, emit=EMIT, flush=""),
}

# Counts records; for each line that it is given, it prints how many there were.
COLLECTOR = """
import selectors, socket, sys
if sys.argv[1] == "tcp":
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
else:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    listener.bind(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
selector = selectors.DefaultSelector()
selector.register(listener, selectors.EVENT_READ)
selector.register(sys.stdin, selectors.EVENT_READ)
count = 0
while True:
    for source in [key.fileobj for key, _ in selector.select()]:
        if source is sys.stdin:
            if not source.readline():
                sys.exit()
            print(count, flush=True)
        elif source is not listener:
            data = source.recv(1 << 18)
            count += data.count(b"\\n") + data.count(b"\\0")
            if not data:
                selector.unregister(source)
                source.close()
        elif source.type == socket.SOCK_DGRAM:
            count += b" record " in source.recv(1 << 16)
        else:
            selector.register(source.accept()[0], selectors.EVENT_READ)
"""


@dataclass
class Figures:
    """What one of the processes takes, in bytes and in seconds; `lost`: records of all."""

    proportional: float
    resident: float
    start: float
    start_cpu: float
    record_cpu: float
    lost: int


class Collector:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.input, self.output = process.stdin, process.stdout
        self.port = self.output.readline().strip()

    def count(self, expected: int) -> int:
        """Return how many records there are, when there are so many or no more come."""
        count, seen = 0, -1
        while seen < count < expected or seen < 0:
            time.sleep(0.01 if seen < 0 else 0.5)
            seen = count
            self.input.write("\n")
            self.input.flush()
            count = int(self.output.readline())
        return count


@contextmanager
def run_collector(scheme: str) -> Iterator[Collector]:
    with subprocess.Popen(
        [sys.executable, "-Ic", COLLECTOR, scheme],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Collector(process)
        finally:
            process.kill()


class ManyProcesses:
    """Processes, started as many at a time as there are CPUs."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.input, self.leash = os.pipe()
        self.reports, self.output = os.pipe()
        self.heard = b""

    def start(self, row: str, scheme: str, port: str, number: int) -> None:
        """Start so many, and wait until each of them has sent its records."""
        environment = {**os.environ, "SYSLOGFAST_BACKEND": "python" if "twin" in row else ""}
        command = [sys.executable, "-I", "-S", "-c", CODES[row], FOLDER, scheme, port]
        for index in range(number):
            self.hear(index + 1 - len(os.sched_getaffinity(0)))
            process = subprocess.Popen(
                [*command, f"vm-{index}", str(time.monotonic()), str(RECORDS)],
                stdin=self.input,
                stdout=self.output,
                env=environment,
            )
            self.processes.append(process)
        self.hear(number)

    def hear(self, count: int) -> None:
        """Wait for so many lines."""
        while (reported := self.heard.count(b"\n")) < count:
            if not select.select([self.reports], [], [], TIMEOUT)[0]:
                raise TimeoutError(f"of {count} processes, {reported} have reported")
            self.heard += os.read(self.reports, 1 << 16)

    def measure(self) -> "list[list[float]]":
        """Return, for all of them: PSS, RSS, seconds to start, CPU of that, CPU of a record."""
        memory = [read_memory(process.pid) for process in self.processes]
        times = [map(float, line.split()) for line in self.heard.splitlines()]
        return [*map(list, zip(*memory, strict=True)), *map(list, zip(*times, strict=True))]

    def end(self) -> None:
        """Let them end, or else kill them."""
        for descriptor in (self.leash, self.input, self.output, self.reports):
            os.close(descriptor)
        deadline = time.monotonic() + TIMEOUT
        for process in self.processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def read_memory(pid: int) -> tuple[int, int]:
    """Return its proportional and its resident memory: what is shared is divided, or not."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = dict(re.findall(r"^(Pss|Rss):\s+(\d+) kB$", text, re.MULTILINE))
    return int(sizes["Pss"]) * 1024, int(sizes["Rss"]) * 1024


def count_affordable(most: int, size: int) -> int:
    """Return how many processes of such a size fit into half of what memory there is."""
    text = pathlib.Path("/proc/meminfo").read_text()
    available = re.search(r"^MemAvailable:\s+(\d+) kB$", text, re.MULTILINE)
    assert available is not None
    return min(most, int(available[1]) * 1024 // 2 // size)


def run_processes(row: str, scheme: str, number: int) -> Figures:
    many = ManyProcesses()
    with run_collector(scheme) as collector:
        try:
            many.start(row, scheme, collector.port, number)
            memory, times = (columns := many.measure())[:2], columns[2:]
            sent = 0 if row == "bare interpreter" else number * RECORDS
            lost = sent - collector.count(sent)
        finally:
            many.end()
    return Figures(*map(statistics.mean, memory), *map(statistics.median, times), lost)
