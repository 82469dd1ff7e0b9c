"""What does a program pay to log one record over UDP, from a fresh interpreter?

Importing, opening and sending the first record: with this package, and with `logging.handlers`.
Each is a process of its own, without site-packages' own start (-I -S), and prints the seconds that
this took by its own clock, so the interpreter's own start is no part of it, and its resident memory
before and after. The timer is the whole process, the bare interpreter among the rows; in the extra
info are the medians of what the process itself has seen ("net"), and of its memory over that of
the bare interpreter, in bytes.
"""

import pathlib
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import syslogfast

ROUNDS = 40
FOLDER = str(pathlib.Path(syslogfast.__file__).parent.parent)
UNWANTED = ["logging", "socket", "ssl", "re", "enum", "datetime", "typing", "threading"]

# What reads memory is done once before it counts, for it needs some itself.
RUN = """
import posix, sys, time
sys.path.append(sys.argv[1])
def read_memory():  # exactly: Linux sums up in pages that "statm" has only to some 250 KB
    fd = posix.open("/proc/self/smaps_rollup", posix.O_RDONLY)
    size = posix.read(fd, 4096).partition(b"Rss:")[2].split()[0]
    posix.close(fd)
    return int(size) * 1024
port = sys.argv[2]
read_memory()
memory = read_memory()
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
print(seconds, memory, read_memory(), *sys.modules)
"""
CODES = {
    "nothing": "",
    "syslogfast": """
import syslogfast
log = syslogfast.connect(f"udp://127.0.0.1:{port}")
log.info("up")
""",
    "logging.handlers": """
import logging.handlers
log = logging.getLogger("up")
log.setLevel(logging.INFO)
log.addHandler(logging.handlers.SysLogHandler(("127.0.0.1", int(port))))
log.info("up")
""",
}


@pytest.fixture
def collector() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        yield receiver


@pytest.mark.benchmark(group="one record from a fresh interpreter")
@pytest.mark.parametrize("site", ["-S", "-s"], ids=["no site", "site"])
@pytest.mark.parametrize("row", CODES)
def test_start(benchmark: BenchmarkFixture, collector: socket.socket, row: str, site: str) -> None:
    port = str(collector.getsockname()[1])
    code = RUN.replace("{code}", CODES[row])
    command = [sys.executable, "-IE", site, "-c", code, FOLDER, port]
    seen = []

    def run() -> None:
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, before, after, *modules = output.split()
        seen.append((float(seconds), int(before), int(after), modules))

    def check() -> None:
        """Each run has sent its record; only the standard library's needs what it needs."""
        if row != "nothing":
            assert collector.recv(1000).rstrip(b"\0").endswith(b"up")

    run()
    check()
    modules = seen.pop()[-1]
    assert row != "syslogfast" or not set(UNWANTED) & set(modules)
    benchmark.pedantic(run, teardown=check, rounds=ROUNDS, warmup_rounds=3)
    columns = list(zip(*seen, strict=True))
    net, before, after = (statistics.median(column) for column in columns[:3])
    benchmark.extra_info.update(net=net, memory=after - before, modules=len(modules))
