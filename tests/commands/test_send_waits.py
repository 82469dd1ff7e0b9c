"""What `syslogfast send` waits for: collectors that hang, are away or come back, and signals."""

import _signal
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import syslogfast
from syslogfast.commands import delivery
from syslogfast.commands.follow import FollowedFile
from syslogfast.commands.interruption import Interruption
from syslogfast.commands.lines import LineCutter, TextCheck

pytestmark = pytest.mark.surroundings

COMMAND = [sys.executable, "-Im", "syslogfast", "send", "--hostname", "h"]
PATIENCE = 10.0  # seconds for what takes a part of one
MANY = b"a line of some length, as lines are\n" * 200_000  # more than buffers and queue hold

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Give a function that starts the command, where Ctrl-C has its default effect."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, **streams: int) -> "subprocess.Popen[bytes]":
        environment = {name: os.environ[name] for name in os.environ if name != "SYSLOGFAST_URL"}
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **streams}
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment, stderr=subprocess.PIPE, **given
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            stream.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        yield server


def name_port(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def catches(process: "subprocess.Popen[bytes]", number: int) -> bool:
    """Return True once the command has a handler of its own for a signal."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def interrupt(process: "subprocess.Popen[bytes]", number: int = signal.SIGINT) -> str:
    """Send a signal; return what is said then. It ends within a second, on a machine with time."""
    wait_until(lambda: catches(process, signal.SIGTERM))
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number
    return said.decode()


# --- signals -------------------------------------------------------------------------------------


IMPATIENT = """
import sys
from syslogfast.commands import delivery
delivery.STALL_TIME = 0.1
from syslogfast.cli import main
sys.exit(main())
"""


def test_the_pauses_of_an_open_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is near is there at once; what is far is looked for five times a second."""
    pauses: list[float] = []

    def note(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 12:
            raise InterruptedError

    monkeypatch.setattr(delivery, "sleep", note)
    log: Any = syslogfast.connect("tcp://127.0.0.1:9")
    worker = types.SimpleNamespace(open=lambda: None)  # which never gets anywhere
    monkeypatch.setattr(log._sender, "_get_worker", lambda: worker)
    interruption: Any = contextlib.nullcontext()
    urls = log._sender.retry_policy.urls
    opening = delivery.Delivery(log, urls, False, interruption, print, lambda what: None)
    with pytest.raises(InterruptedError):
        opening.open()
    expected = [min(0.0005 * 2**number, delivery.LOOK_INTERVAL) for number in range(12)]
    assert pauses == pytest.approx(expected)
    assert pauses[-2:] == [delivery.LOOK_INTERVAL] * 2


def test_a_hung_collector_can_be_interrupted(
    listener: socket.socket, tmp_path: pathlib.Path
) -> None:
    """A line says that it hangs; at the end what was sent is told, and what was not."""
    (tmp_path / "many").write_bytes(MANY)
    url = f"tcp://{name_port(listener)}"
    command = [sys.executable, "-Ic", IMPATIENT, "send", "--to", url, str(tmp_path / "many")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        connection, _ = listener.accept()
        with connection:
            assert process.stderr is not None
            line = process.stderr.readline().decode()
            assert line == f"syslogfast send: {url} takes nothing; waiting for it\n"
            said = interrupt(process)
    sent, of, read, *_ = said.split()
    assert of == "of"
    assert 0 < int(sent.replace(",", "")) < int(read.replace(",", "")) <= 200_000
    assert said.count("\n") == 1


def test_what_the_collector_does_not_confirm(start: Start, tmp_path: pathlib.Path) -> None:
    """Our kernel has taken all, but theirs has not: that is waited for, too."""
    (tmp_path / "lines").write_bytes(b"a line of some length, as lines are\n" * 2000)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        url = f"tcp://{name_port(server)}"
        hung, late = (start("--to", url, str(tmp_path / "lines")) for _ in range(2))
        connections = [server.accept()[0] for _ in range(2)]
        assert interrupt(hung).count("\n") == 1
        assert late.poll() is None
        received = [0, 0]
        for number, connection in enumerate(connections):
            with connection, contextlib.suppress(ConnectionError):
                connection.settimeout(PATIENCE)
                while data := connection.recv(1 << 16):
                    received[number] += data.count(b"\n")
    assert late.wait(PATIENCE) == 0
    assert max(received) == 2000


@pytest.mark.parametrize("scheme", ["relp", "tls"])
def test_a_collector_that_does_not_answer(
    start: Start, listener: socket.socket, scheme: str
) -> None:
    """Nor to what opens a connection."""
    process = start("--to", f"{scheme}://{name_port(listener)}", "x")
    connection, _ = listener.accept()
    with connection:
        assert interrupt(process).startswith("0 of 1 line, 0 bytes to ")


def test_other_waits_can_be_interrupted(start: Start, tmp_path: pathlib.Path) -> None:
    """For who writes to a FIFO, for another line, for the time of the next, for a collector."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "lines").write_bytes(b"a\n" * 3)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"tcp://{name_port(closed)}"
    followed = start("--follow", str(tmp_path / "lines"))
    paced = start("--rate", "0.01", str(tmp_path / "lines"))
    outputs = [process.stdout for process in (followed, paced)]
    fifo, retrying = start(str(tmp_path / "fifo")), start("--retry", "--to", away, "x")
    for output in outputs:
        assert output is not None
        assert output.readline().endswith(b" a\n")
    assert interrupt(fifo).startswith("0 lines, 0 bytes to ")
    assert interrupt(paced).startswith("1 of 3 lines, ")
    assert interrupt(followed, signal.SIGTERM).startswith("3 lines, ")
    assert interrupt(retrying, signal.SIGHUP).splitlines()[-1].startswith("0 of 1 line, ")


def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it comes into; the time that the first has left is over."""
    monkeypatch.setattr(_signal, "signal", lambda number, action: None)
    ending = Interruption()
    ending(signal.SIGINT, None)
    assert ending.number == signal.SIGINT
    assert time.monotonic() - ending.since < PATIENCE
    with pytest.raises(KeyboardInterrupt), ending:
        pass  # no wait begins
    with pytest.raises(KeyboardInterrupt):
        ending(signal.SIGTERM, None)
    assert (ending.number, ending.since) == (signal.SIGINT, 0.0)


def test_what_was_read_is_sent(start: Start) -> None:
    """The line that has not ended, too."""
    process = start(stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"one\nunfini")
    process.stdin.flush()
    assert process.stdout.readline().endswith(b" one\n")
    process.send_signal(signal.SIGINT)
    assert process.stdout.read().endswith(b" unfini\n")
    assert process.wait(PATIENCE) == 130


def test_an_ignored_signal_stays_ignored() -> None:
    """As for what runs in the background of a script, or by nohup."""
    code = (
        "import signal, sys\n"
        "for name in 'SIGINT', 'SIGHUP': signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
        "from syslogfast.commands.interruption import Interruption\n"
        "Interruption()\n"
        "signal.raise_signal(signal.SIGINT)\n"
        "signal.raise_signal(signal.SIGHUP)\n"
        "print(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)"
    )
    result = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "True\n")


# --- collectors that come and go -----------------------------------------------------------------


def receive_all(server: socket.socket) -> bytes:
    connection, _ = server.accept()
    with connection:
        connection.settimeout(PATIENCE)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_retry_outlives_a_restart(start: Start, listener: socket.socket) -> None:
    """Lines wait for the collector; what has gone wrong is told, and the end is a success."""
    port = listener.getsockname()[1]
    process = start("--retry", "--to", f"tcp://127.0.0.1:{port}", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"one\n")
    process.stdin.flush()
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(1000).endswith(b" one\n")
        listener.close()
    time.sleep(0.05)
    process.stdin.write(b"two\n")
    process.stdin.flush()
    said = process.stderr.readline().decode()
    assert said.startswith(f"syslogfast send: cannot send to tcp://127.0.0.1:{port}: ")
    assert said.endswith("; waiting for it\n")
    with socket.create_server(("127.0.0.1", port)) as again:
        again.settimeout(PATIENCE)
        process.stdin.write(b"three\n")
        process.stdin.close()
        received = receive_all(again)
    assert [line.rpartition(b" ")[2] for line in received.splitlines()] == [b"two", b"three"]
    assert process.wait(PATIENCE) == 0
    rest = process.stderr.read().decode()
    assert "the connection broke: what was on its way may not have arrived\n" in said + rest


def test_retry_waits_for_datagrams(start: Start) -> None:
    """Those that are refused are not lost, but for the first, of which the refusal tells."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        place = receiver.getsockname()
    url = f"udp://127.0.0.1:{place[1]}?retry=0.1"
    process = start("--retry", "--to", url, stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write(b"".join(b"%d\n" % number for number in range(20)))
    process.stdin.flush()
    assert process.stderr.readline().endswith(b"; waiting for it\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(place)
        receiver.settimeout(PATIENCE)
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
        last = b""
        with contextlib.suppress(BlockingIOError):
            while not last.endswith(b" 19"):
                last = receiver.recv(1000)
        assert last.endswith(b" 19")


@pytest.mark.parametrize("by", ["options", "environment"])
def test_several_collectors(
    start: Start, listener: socket.socket, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The first that can be reached is used, in silence."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        away = f"tcp://{name_port(closed)}"
    there = f"tcp://{name_port(listener)}"
    if by == "options":
        process = start("--to", away, "--to", there, "x")
    else:
        process = subprocess.Popen(
            [*COMMAND, "x"],
            env={**os.environ, "SYSLOGFAST_URL": f"{away} {there}"},
            stderr=subprocess.PIPE,
        )
    assert receive_all(listener).endswith(b" x\n")
    _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, b"")


def test_the_next_collector_takes_over(start: Start, listener: socket.socket) -> None:
    """Where the first breaks off; that something may be lost is told, without --retry, too."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        first.settimeout(PATIENCE)
        urls = [f"tcp://{name_port(server)}" for server in (first, listener)]
        process = start("--to", urls[0], "--to", urls[1], stdin=subprocess.PIPE)
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"one\n")
        process.stdin.flush()
        connection, _ = first.accept()
        with connection:
            assert connection.recv(1000).endswith(b" one\n")
            first.close()
    time.sleep(0.05)
    process.stdin.write(b"two\n")
    process.stdin.close()
    assert receive_all(listener).endswith(b" two\n")
    assert process.wait(PATIENCE) == 0
    assert process.stderr.read() == (
        b"syslogfast send: the connection broke: what was on its way may not have arrived\n"
    )


def test_none_of_several_collectors(start: Start) -> None:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    urls = [f"tcp://{name_port(server)}" for server in servers]
    for server in servers:
        server.close()
    process = start("--to", urls[0], "--to", urls[1], stdin=subprocess.PIPE)
    _, said = process.communicate(b"one\ntwo\n", timeout=PATIENCE)
    assert process.returncode == 1
    assert said.decode() == (
        f"syslogfast send: cannot send to {', '.join(urls)}: Connection refused;"
        " does a collector listen there? --retry waits for one\n"
    )


# --- what is full, closed, or a FIFO -------------------------------------------------------------


def test_a_full_device(start: Start) -> None:
    """The counts are of the lines, and of what was really written."""
    with open("/dev/full", "wb", buffering=0) as full:
        process = start("-v", stdin=subprocess.PIPE, stdout=full.fileno())
        _, said = process.communicate(b"a\n" * 10, timeout=PATIENCE)
    assert process.returncode == 1
    summary, problem = said.decode().splitlines()
    assert summary.startswith("0 of 10 lines, 0 bytes to standard output in ")
    assert problem == (
        "syslogfast send: cannot send to standard output: No space left on device;"
        " sent: 0 of 10; make space there, and send it again"
    )


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "2>&-", "2>/dev/full", "| :"])
def test_no_traceback_whatever_is_closed(redirection: str) -> None:
    """Of any command; and the status is 0 where standard error alone is lacking."""
    commands = ["--version", "--help", "manual", "send --help", "send -s x", "send -v x"]
    command = f"{sys.executable} -Im syslogfast"
    script = "\n".join(f"{command} {words} {redirection}; echo $? >&3" for words in commands)
    result = subprocess.run(
        ["bash", "-c", f"exec 3>&1\n{script}"], capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in result.stderr
    assert "Exception" not in result.stderr
    statuses = [line for line in result.stdout.splitlines() if line.isdigit()]
    assert len(statuses) == len(commands)
    assert set(statuses) <= ({"0"} if redirection[0] in "2|" else {"0", "1"})


def test_a_refused_datagram_is_one_line(start: Start) -> None:
    """And not two, though a record of its own would have told the collector of the loss."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        port = receiver.getsockname()[1]
    process = start("-v", "--to", f"udp://127.0.0.1:{port}", "x")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said.decode().split(",")[0] in ("0 of 1 line", "1 line")  # as the kernel takes it


def test_a_fifo(start: Start, tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    process = start(str(tmp_path / "fifo"))
    with open(tmp_path / "fifo", "wb", buffering=0) as writer:
        writer.write(b"one\ntw")
        writer.write(b"o\n")
    out, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (0, b"")
    assert [line.rpartition(b" ")[2] for line in out.splitlines()] == [b"one", b"two"]


# --- files that are followed ---------------------------------------------------------------------


class Followed:
    """A file that is followed, its writer, and what was read of it so far."""

    def __init__(self, path: pathlib.Path, from_end: bool = False) -> None:
        self.path = path
        self.told: list[str] = []
        check = TextCheck("x", self.told.append)
        self.file = FollowedFile(
            str(path), LineCutter(100, False), check, from_end, self.told.append
        )

    def append(self, data: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(data)

    def read(self, until: bytes = b"") -> bytes:
        """Return what is there now; if that has to come yet, once it has."""
        found = self.file.read() + self.file.read()
        deadline = time.monotonic() + PATIENCE
        while until and not found.endswith(until) and time.monotonic() < deadline:
            time.sleep(0.02)
            found += self.file.read()
        return found


@pytest.fixture
def followed(tmp_path: pathlib.Path) -> Iterator[Followed]:
    (tmp_path / "log").write_bytes(b"old\n")
    file = Followed(tmp_path / "log")
    yield file
    file.file.close()


def test_what_is_appended(followed: Followed) -> None:
    """Whole lines, as they come."""
    assert followed.read() == b"old\n"
    assert followed.read() == b""
    followed.append(b"one\ntw")
    assert followed.read() == b"one\n"
    followed.append(b"o\n")
    assert followed.read() == b"two\n"


def test_only_what_is_new(followed: Followed) -> None:
    later = Followed(followed.path, from_end=True)
    assert later.read() == b""
    later.append(b"new\n")
    assert later.read() == b"new\n"
    later.file.close()


def test_rotation(followed: Followed) -> None:
    """Who still writes to the former file is heard, a last line without an end, too."""
    followed.read()
    former = open(followed.path, "ab", buffering=0)  # noqa: SIM115
    followed.path.rename(followed.path.with_name("log.1"))
    followed.append(b"new\n")
    assert followed.read() == b""
    former.write(b"late\nunfinished")
    former.close()
    assert followed.read(b"new\n") == b"late\nunfinished\nnew\n"


@pytest.mark.parametrize("size", [0, 4, 9], ids=["shorter", "as long", "longer"])
def test_truncation(followed: Followed, size: int) -> None:
    """Also where as much, or more, has been written since."""
    followed.append(b"tail")
    followed.read()
    os.truncate(followed.path, 0)
    followed.append(b"x" * size + b"new\n")
    assert followed.read() == b"tail\n" + b"x" * size + b"new\n"
    assert followed.told == []


def test_a_file_that_comes_later(tmp_path: pathlib.Path) -> None:
    """That it is missing is told once; all of it is new then."""
    file = Followed(tmp_path / "log", from_end=True)
    assert file.read() == file.read() == b""
    assert file.told == [f"{tmp_path / 'log'}: No such file or directory; waiting for it"]
    file.append(b"one\n")
    assert file.read() == b"one\n"
    file.path.unlink()
    file.read()
    file.append(b"two\n")
    assert file.read(b"two\n") == b"two\n"
    file.file.close()


def test_follow_as_a_user_runs_it(start: Start, tmp_path: pathlib.Path) -> None:
    """Several files; each line goes as it is written."""
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        path.write_bytes(b"first of %s\n" % path.name.encode())
    process = start("-F", *map(str, paths))
    output = process.stdout
    assert output is not None
    lines: list[bytes] = []
    threading.Thread(target=lambda: lines.extend(output), daemon=True).start()
    wait_until(lambda: len(lines) == 2)
    for path in paths:
        with open(path, "ab") as file:
            file.write(b"more\n")
    wait_until(lambda: len(lines) == 4)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
