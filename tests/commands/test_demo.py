"""The command `syslogfast demo`, run as a user runs it."""

import contextlib
import io
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from support.each import try_each
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames

from syslogfast import BACKEND
from syslogfast.commands.demo import ProgressWatch, SecondProcess

pytestmark = pytest.mark.surroundings

COMMAND = [sys.executable, "-Im", "syslogfast", "demo"]
SMALL = ["--emitters", "50", "--records", "20"]
RATE = r"; [\d,]+ records/s, \d+\.\d\d us of CPU a record"


def make_environment(backend: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "SYSLOGFAST_URL"}
    return {**clean, "SYSLOGFAST_BACKEND": backend}


def run(backend: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        env=make_environment(backend),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def start(
    backend: str, *arguments: str, start_new_session: bool = False
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=make_environment(backend),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=start_new_session,
    )


def wait_for_child(pid: int) -> int:
    """Return the process that a process has started."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 10
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return int(found[0])


def count_explained(lines: list[str]) -> int:
    """Return how many records these lines account for."""
    pattern = r"(?:dropped|malformed|sent, but not received): (\d+)(?: \([a-z ]+\))?"
    found = [re.fullmatch(pattern, line) for line in lines]
    assert all(found), lines
    return sum(int(match[1]) for match in found if match)


def test_a_collector_that_takes_nothing_is_noticed() -> None:
    """Records are dropped, and none is sent between two looks."""
    stats: dict[str, object] = {"sent": 5, "dropped": {}}
    log: Any = types.SimpleNamespace(stats=stats)
    watch = ProgressWatch(log, 100, None)
    watch._line.is_due = lambda: True  # type: ignore[method-assign]
    assert watch.look(10)
    assert watch.look(20)
    stats["dropped"] = {"full": 1}
    stats["sent"] = 6
    assert watch.look(30)
    assert not watch.look(40)


class Sink:
    """A TCP listener that keeps what it is sent, or closes after so many bytes."""

    def __init__(self, limit: int = 1 << 62) -> None:
        self.limit = limit
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.received = bytearray()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self.listener.accept()
            with connection:
                while len(self.received) < self.limit and (data := connection.recv(1 << 16)):
                    self.received += data
            self.listener.close()

    def take_all(self) -> bytes:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return bytes(self.received)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@pytest.fixture
def sink() -> Iterator[Sink]:
    receiver = Sink()
    yield receiver
    receiver.close()


@pytest.mark.slow
def test_default(backend: str) -> None:
    """A thousand emitters with a hundred records each: none is lost, and none malformed."""
    result = run(backend)
    assert (result.stderr, result.returncode) == ("", 0)
    first, last = result.stdout.splitlines()
    assert re.fullmatch(
        r"1000 emitters, 100 records each, on one transport to tcp://127\.0\.0\.1:\d+;"
        rf" backend {backend}",
        first,
    )
    assert re.fullmatch("offered 100000 received 100000 lost 0" + RATE, last)


@pytest.mark.slow
@pytest.mark.parametrize(("emitters", "records"), [(1, 1), (1, 500), (500, 2)])
def test_numbers(backend: str, emitters: int, records: int) -> None:
    """It does as many as it is told."""
    result = run(backend, "--emitters", str(emitters), "--records", str(records))
    assert (result.stderr, result.returncode) == ("", 0)
    total = emitters * records
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch(f"offered {total} received {total} lost 0" + RATE, last)


@pytest.mark.slow
def test_records(backend: str, sink: Sink) -> None:
    """Each emitter boots, works and ends, with names of its own; all that arrives is valid."""
    result = run(backend, "--emitters", "300", "--records", "12", "--to", sink.url)
    assert (result.stderr, result.returncode) == ("", 0)
    last = result.stdout.splitlines()[-1]
    assert re.fullmatch("offered 3600 sent 3600 lost 0" + RATE, last)
    lives: dict[str, list[Rfc5424Record]] = defaultdict(list)
    for frame in split_frames(sink.take_all(), "lf"):
        record = parse_rfc5424(frame)
        lives[record.hostname].append(record)
    assert sorted(lives) == [f"vm-{number:05d}" for number in range(1, 301)]
    assert len({records[0].app_name for records in lives.values()}) == 100
    for records in lives.values():
        assert len(records) == 12
        assert len({record.app_name for record in records}) == 1
        assert records[0].app_name.startswith("service-")
        assert [record.msgid for record in records] == ["BOOT", *["WORK"] * 10, "END"]
        assert records[0].structured_data == [("demo@32473", [("records", "12")])]
        assert [record.priority % 8 for record in records] == [5, *[6] * 10, 5]
        assert all(record.message for record in records)
        timestamps = [record.timestamp for record in records]
        assert timestamps == sorted(timestamps)


def test_framing_of_the_target(backend: str, sink: Sink) -> None:
    """--to is as for send, framing included."""
    result = run(backend, *SMALL, "--to", f"{sink.url}?framing=octet")
    assert (result.stderr, result.returncode) == ("", 0)
    assert len(split_frames(sink.take_all(), "octet")) == 1000


def test_datagrams(backend: str) -> None:
    """Over UDP nobody says what arrived, so it tells what was sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        result = run(backend, "--emitters", "10", "--records", "10", "--to", url)
        assert (result.stderr, result.returncode) == ("", 0)
        last = result.stdout.splitlines()[-1]
        assert re.fullmatch("offered 100 sent 100 lost 0" + RATE, last)
        names = {parse_rfc5424(receiver.recv(4096)).hostname for _ in range(100)}
    assert len(names) == 10


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_collector_is_killed(backend: str, delay: float) -> None:
    """If the collector dies half way it says so, counts what is lost, and fails soon."""
    process = start(backend, "--emitters", "1000", "--records", "10000")
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("1000 emitters, 10000 records each")
        collector = wait_for_child(process.pid)
        time.sleep(delay)
        assert process.poll() is None
        os.kill(collector, signal.SIGKILL)
        output, errors = process.communicate(timeout=10)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert (errors, process.returncode) == ("", 1)
    first, *others, last = output.splitlines()
    assert first == "the collector was killed by SIGKILL before the end"
    found = re.fullmatch(r"offered (\d+) received (\d+) lost (\d+)" + RATE, last)
    assert found, last
    offered, received, lost = map(int, found.groups())
    assert offered == received + lost
    assert lost == count_explained(others) > 0
    assert 0 < offered < 10_000_000


@pytest.mark.slow
def test_collector_hangs(backend: str) -> None:
    """While the collector is stopped nothing is lost; when it goes on, so does the demo."""
    process = start(backend, "--emitters", "1000", "--records", "30")
    collector = wait_for_child(process.pid)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(collector, signal.SIGSTOP)
        time.sleep(0.3)
        os.kill(collector, signal.SIGCONT)
        output, errors = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert (errors, process.returncode) == ("", 0)
    assert output.splitlines()[-1].startswith("offered 30000 received 30000 lost 0;")


def test_collector_is_killed_while_it_reports() -> None:
    """If it dies in the middle of a line, what counts is the line before; the demo notices."""
    second = object.__new__(SecondProcess)
    second._output = io.StringIO("12 0\n13")
    second.has_ended = False
    second._read()
    assert (second.has_ended, second.received, second.malformed) == (True, 12, 0)


@pytest.mark.slow
def test_target_cannot_be_reached() -> None:
    """Where nobody listens it ends, with what was lost, and fails."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    result = run(BACKEND, "--emitters", "3", "--records", "3", "--to", url)
    assert (result.stderr, result.returncode) == ("", 1)
    lines = result.stdout.splitlines()
    assert lines[1] == "dropped: 9 (closed)"
    assert re.fullmatch("offered 9 sent 0 lost 9" + RATE, lines[-1])


@pytest.mark.slow
def test_target_breaks_off(backend: str) -> None:
    """If the target goes away for good, what was not sent is lost and counted."""
    breaking = Sink(limit=1000)
    try:
        result = run(backend, *SMALL, "--to", breaking.url)
    finally:
        breaking.close()
    assert result.stderr == ""
    found = re.fullmatch(
        r"offered 1000 sent (\d+) lost (\d+)" + RATE, result.stdout.splitlines()[-1]
    )
    assert found
    sent, lost = map(int, found.groups())
    assert sent + lost == 1000
    assert result.returncode == (1 if lost else 0)


@try_each(
    "arguments, message",
    [
        (["--emitters", "0"], "argument --emitters: must be in 1..10000000, got '0'"),
        (["--emitters", "-1"], "argument --emitters: "),
        (["--records", "x"], "argument --records: must be in 1..10000000, got 'x'"),
        (["--records", "1.5"], "argument --records: must be in 1..10000000, got '1.5'"),
        (["--records", "\u0663"], "argument --records: must be in 1..10000000, got '\u0663'"),
        (["--records", "10000001"], "argument --records: must be in 1..10000000, got "),
        (["--records"], "argument --records: expected one argument"),
        (["--to", "http://h"], "argument --to: url must begin with one of "),
        (["--to", "tcp://h?framing=crlf"], "argument --to: url must have a framing that tcp can "),
        (["--to", ""], "argument --to: url must begin with one of "),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--emit", "5"], "unrecognized arguments: --emit 5"),
        (["extra"], "unrecognized arguments: extra"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    """They end it before it begins, with status 2 and one line."""
    result = run(BACKEND, *arguments)
    assert (result.stdout, result.returncode) == ("", 2)
    assert result.stderr.count("\n") == 1
    assert re.match(r"syslogfast( demo)?: ", result.stderr)
    assert result.stderr.partition(": ")[2].startswith(message)


def test_help() -> None:
    """It tells its options and what they are if they are not given."""
    result = run(BACKEND, "--help")
    assert (result.stderr, result.returncode) == ("", 0)
    for part in ("--emitters N", "--records N", "--to URL", "default: 1000", "default: 100"):
        assert part in result.stdout


@pytest.mark.slow
def test_progress_on_a_terminal(backend: str) -> None:
    """On a terminal it shows how far it is, in one line that is gone in the end."""
    shown, terminal = pty.openpty()
    records = {"c": 200, "python": 40}[backend]  # it takes longer than until it is shown
    count = 1000 * records
    try:
        process = subprocess.Popen(
            [*COMMAND, "--emitters", "1000", "--records", str(records)],
            env=make_environment(backend),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )
        os.close(terminal)
        output = bytearray()

        def read() -> None:
            with contextlib.suppress(OSError):
                while data := os.read(shown, 4096):
                    output.extend(data)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        printed, _ = process.communicate(timeout=60)
        reader.join(10)
    finally:
        os.close(shown)
    assert process.returncode == 0
    assert printed.splitlines()[-1].startswith(f"offered {count} received {count} lost 0;")
    text = output.decode()
    assert "\n" not in text
    assert text.endswith("\r\x1b[K")
    states = text.removesuffix("\r\x1b[K").split("\r")[1:]
    assert states
    pattern = rf"([\d,]+) of {count:,} offered, ([\d,]+) received\x1b\[K"
    matches = [re.fullmatch(pattern, state) for state in states]
    assert all(matches), states
    numbers = [[int(number.replace(",", "")) for number in found.groups()] for found in matches]
    assert numbers == sorted(numbers)
    assert all(received <= offered for offered, received in numbers)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_interrupted(name: str) -> None:
    """Each record is accounted for, and nothing is lost that was queued by then.

    SIGINT comes as a terminal sends it, to all of the group. The collector ends, too.
    """
    process = start(BACKEND, "--emitters", "1000", "--records", "10000", start_new_session=True)
    collector = wait_for_child(process.pid)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.1)
    number = getattr(signal, name)
    try:
        os.killpg(process.pid, number)
        output, errors = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert (errors, process.returncode) == ("", 128 + number)
    *others, last = output.splitlines()
    found = re.fullmatch(r"offered (\d+) received (\d+) lost (\d+)" + RATE, last)
    assert found, last
    offered, received, lost = map(int, found.groups())
    assert 0 < offered == received + lost
    assert lost == count_explained(others) <= 1  # of an `emit` that waited for space
    assert not pathlib.Path(f"/proc/{collector}").exists()


@pytest.mark.slow
def test_interrupted_while_the_collector_hangs() -> None:
    """It is stopped with what it has counted; the rest is named."""
    process = start(BACKEND, "--emitters", "1000", "--records", "10000")
    collector = wait_for_child(process.pid)
    assert process.stdout is not None
    process.stdout.readline()
    os.kill(collector, signal.SIGSTOP)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)  # somebody has asked twice
    try:
        output, errors = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert (errors, process.returncode) == ("", 130)
    first, *others, last = output.splitlines()
    assert first == "the collector was stopped before the end"
    found = re.fullmatch(r"offered (\d+) received (\d+) lost (\d+)" + RATE, last)
    assert found, last
    offered, received, lost = map(int, found.groups())
    assert 0 < offered == received + lost
    assert lost == count_explained(others) > 0
