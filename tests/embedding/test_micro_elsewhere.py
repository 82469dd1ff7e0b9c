"""micro.py on MicroPython: its octets, its size, and a real collector that it loses for a while."""

import contextlib
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from support.collectors import Collector, Rsyslog, StartCollector
from support.namespaces import Networks, run_ip
from support.other_interpreters import (
    PACKAGES,
    find_mpy_cross,
    find_unix_port,
    run_in_interpreter,
)
from support.receivers import LIMIT

from syslogfast import constants, micro

pytestmark = [pytest.mark.slow, pytest.mark.surroundings]

VECTORS = pathlib.Path(__file__).parents[1] / "encoder" / "vectors"
MOST = 8192  # bytes of bytecode


@pytest.fixture
def device(tmp_path: pathlib.Path) -> pathlib.Path:
    """What is copied onto a device."""
    folder = tmp_path / "device"
    folder.mkdir()
    shutil.copy(micro.__file__, folder)
    return folder


@pytest.fixture
def compiled(tmp_path: pathlib.Path) -> pathlib.Path:
    """The same, compiled."""
    folder = tmp_path / "compiled"
    folder.mkdir()
    command = [find_mpy_cross(), "-s", "micro.py", "-o", str(folder / "micro.mpy"), micro.__file__]
    subprocess.run(command, check=True, timeout=60)
    return folder


def replay(interpreter: str, folder: pathlib.Path) -> None:
    """Compare the records of the vectors; what stands alone is on the path, not in a package."""
    is_nodes = interpreter in PACKAGES
    root = pathlib.PurePosixPath("/lib/site") if is_nodes else folder.parent
    vectors = root / "vectors" if is_nodes else VECTORS
    code = (
        f"import sys; sys.path.insert(0, {str(root / folder.name)!r})\n"
        "from vectors import replay_micro\n"
        f"replay_micro.main({str(vectors / 'vectors.jsonl')!r})"
    )
    done = run_in_interpreter(interpreter, code, folder, VECTORS)
    count, rest = done.stdout.rstrip().split(": ")[-1].split(" cases, ")
    assert (done.returncode, done.stderr, rest) == (0, "", "0 differ"), done.stdout
    assert int(count) > 700


@pytest.mark.parametrize("interpreter", ["pypy", "micropython", "micropython-unix"])
def test_vectors(interpreter: str, device: pathlib.Path) -> None:
    replay(interpreter, device)


def test_it_is_small(compiled: pathlib.Path) -> None:
    """As mpy-cross compiles it, with the numbers of the lines; and that is what runs."""
    assert (compiled / "micro.mpy").stat().st_size <= MOST
    replay("micropython-unix", compiled)


@pytest.fixture
def networks() -> Iterator[Networks]:
    networks = Networks()
    with contextlib.closing(networks):
        yield networks


@pytest.fixture
def collector(networks: Networks, start_collector: StartCollector) -> Collector:
    """It listens at 127.0.0.1 in a network of its own, which can be taken away."""
    return start_collector(Rsyslog)


PROGRAM = """
import sys
import time

sys.path.insert(0, {folder!r})
import micro

log = micro.connect({url!r}, hostname="sensor-7", app_name="meter", queue_bytes={queue_bytes})


def show(what):
    stats = log.stats
    names = ("offered", "sent", "queued", "dropped", "failure")
    print(what, [stats[name] for name in names])


log.booted("1.2")
show("before")
sys.stdin.readline()
for number in range(100):
    log.warning("%d: %.1f degrees", number, 20 + number / 10, msgid="HOT", number=number)
    time.sleep(0.002)
show("away")
sys.stdin.readline()
print(log.flush(5))
show("back")
log.info("caf\\u00e9\\n\\u202e", time_ns=1_065_910_455_003_000_000)
log.close()
show("closed")
"""


class Device:
    """The unix port, which runs a program that waits for a line where the network changes."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self, program: str) -> None:
        pipe = subprocess.PIPE
        command = [find_unix_port(), "-c", program]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def read(self) -> str:
        """Return the next line that the program prints."""
        assert self._process
        assert self._process.stdout
        return self._process.stdout.readline().rstrip()

    def go_on(self) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.write("\n")

    def wait(self) -> int:
        assert self._process
        return self._process.wait(LIMIT)

    def close(self) -> None:
        if self._process:
            self._process.kill()
            with self._process:
                pass


@pytest.fixture
def unix_port() -> Iterator[Device]:
    with contextlib.closing(Device()) as unix_port:
        yield unix_port


@pytest.mark.parametrize("queue_bytes", [16384, 4000])
def test_the_network_is_away(
    device: pathlib.Path, collector: Collector, unix_port: Device, queue_bytes: int
) -> None:
    """100 records are kept, and arrive in order, each with its own time; or as many as fit."""
    url = collector.url("udp")
    unix_port.start(PROGRAM.format(folder=str(device), url=url, queue_bytes=queue_bytes))
    assert unix_port.read() == "before [1, 1, 0, {}, None]"
    (booted,) = collector.records(1)
    run_ip("addr del 127.0.0.1/8 dev lo")
    unix_port.go_on()
    counts, _, failure = unix_port.read().partition(", 'udp://")
    kept = int(counts.split(", ")[2])
    dropped = {"full": 100 - kept} if kept < 100 else {}
    assert counts == f"away [101, 1, {kept}, {dropped}"
    assert "ENETUNREACH" in failure or "101" in failure
    run_ip("addr add 127.0.0.1/8 dev lo")
    unix_port.go_on()
    assert unix_port.read() == "True"
    report = bool(dropped)
    assert unix_port.read() == f"back [{101 + report}, {1 + kept + report}, 0, {dropped}, None]"
    offered = 102 + report
    assert unix_port.read() == f"closed [{offered}, {2 + kept + report}, 0, {dropped}, None]"
    assert unix_port.wait() == 0

    *records, last = collector.records(kept + report + 1)
    if report:
        told = records.pop()
        assert (told.msgid, told.priority) == ("DROPPED", 12)
        (element,) = told.structured_data.values()
        assert dict(element)["full"] == str(100 - kept)
        assert 30 < kept < 50
    else:
        assert kept == 100
    assert [record.message for record in records] == [
        f"{number}: {20 + number / 10:.1f} degrees" for number in range(kept)
    ]
    assert [record.structured_data for record in records] == [
        {"fields@32473": [("number", str(number))]} for number in range(kept)
    ]
    assert {record[:1] + record[2:6] for record in records} == {
        (12, "sensor-7", "meter", "-", "HOT")
    }
    times = [record.timestamp for record in records]
    assert times == sorted(times)
    assert len(set(times)) == kept  # not that of the flush
    assert booted.timestamp < times[0]
    assert booted.message.startswith("booted and awake: linux ")
    assert f", syslogfast {constants.VERSION} micro" in booted.message
    assert {name: dict(booted.structured_data[name]) for name in booted.structured_data}[
        "origin"
    ] == {"software": "meter", "swVersion": "1.2"}
    assert (last.message, last.timestamp) == (
        "caf\u00e9#012#342#200#256",
        "2003-10-11T22:14:15.003000+00:00",
    )
