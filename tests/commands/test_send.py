"""The command `syslogfast send`, run as a user runs it, against small scripted receivers."""

import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from support.each import try_each
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames

from syslogfast.cli import main

COMMAND = [sys.executable, "-Im", "syslogfast", "send"]


def make_environment(backend: str, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "SYSLOGFAST_URL"}
    return {**clean, "SYSLOGFAST_BACKEND": backend, **more}


def run(
    backend: str, *arguments: str, text: bytes = b"", **more: str
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [*COMMAND, *arguments],
        env=make_environment(backend, **more),
        input=text,
        capture_output=True,
        timeout=60,
    )


def start(backend: str, port: int) -> "subprocess.Popen[bytes]":
    """Start a command that sends what it is then fed."""
    return subprocess.Popen(
        [*COMMAND, "--to", f"tcp://127.0.0.1:{port}"],
        env=make_environment(backend),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


class Sink:
    """A TCP listener that keeps all it is sent."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        address = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.listener = socket.create_server((address, 0), family=family)
        self.port = self.listener.getsockname()[1]
        self.received = bytearray()
        self.arrived = threading.Condition()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            while data := connection.recv(1 << 16):
                with self.arrived:
                    self.received += data
                    self.arrived.notify_all()

    def take_all(self) -> bytes:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return bytes(self.received)

    def wait_for(self, part: bytes) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: part in self.received, 10), self.received


@pytest.fixture
def sink() -> Iterator[Sink]:
    receiver = Sink()
    yield receiver
    receiver.listener.close()


def test_without_a_target_records_go_to_standard_output(backend: str) -> None:
    """It shows its work with nothing else installed: one valid record a line."""
    result = run(
        backend, "-v", "--hostname", "web1", "-t", "shop", text=b"first\n\nthird\x1b[31m\nlast"
    )
    assert result.returncode == 0
    records = [parse_rfc5424(frame) for frame in split_frames(result.stdout, "lf")]
    assert [record.message for record in records] == ["first", None, "third#033[31m", "last"]
    assert {record[0] for record in records} == {13}
    assert {record[2:6] for record in records} == {("web1", "shop", "-", "-")}
    assert re.fullmatch(
        rb"4 lines, %d bytes to standard output in [0-9.]+ s: [0-9,]+ records/s\n"
        % len(result.stdout),
        result.stderr,
    )


def test_every_field_can_be_set(backend: str) -> None:
    result = run(
        backend,
        *["-p", "local0.notice", "--app-name", "shop", "-i", "--hostname", "web1"],
        *["--msgid", "ID47", "--sd", "a@1 x=1 x='two words' y=", "--sd", "b@2", "--sd", "a@1 z=]"],
        *["-m", "sold\nout"],
    )
    assert result.returncode == 0
    (frame,) = split_frames(result.stdout, "lf")
    record = parse_rfc5424(frame)
    assert record.priority == 16 * 8 + 5
    assert (record.hostname, record.app_name, record.msgid) == ("web1", "shop", "ID47")
    assert record.procid.isdigit()
    assert record.structured_data == [
        ("a@1", [("x", "1"), ("x", "two words"), ("y", ""), ("z", "]")]),
        ("b@2", []),
    ]
    assert record.message == "sold#012out"


@pytest.mark.parametrize("protocol", ["rfc3164", "local"])
def test_other_protocols(backend: str, protocol: str) -> None:
    result = run(
        backend, "--protocol", protocol, "--hostname", "web1.x.org", "-m", "up", "-p", "err"
    )
    assert result.returncode == 0
    (frame,) = split_frames(result.stdout, "lf")
    record = parse_rfc3164(frame, hostname=protocol == "rfc3164")
    assert (record.priority, record.message) == (11, "up")
    if protocol == "rfc3164":
        assert record.hostname == "web1"


def test_the_environment_names_the_target(backend: str, sink: Sink) -> None:
    """SYSLOGFAST_URL is the default of --to."""
    url = f"tcp://127.0.0.1:{sink.port}?framing=octet"
    result = run(backend, "-m", "up", SYSLOGFAST_URL=url)
    assert result.returncode == 0, result.stderr
    (frame,) = split_frames(sink.take_all(), "octet")
    assert parse_rfc5424(frame).message == "up"
    assert result.stdout == b""


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["lf", "octet", "nul"])
def test_files_go_in_order_over_tcp(
    backend: str, sink: Sink, tmp_path: pathlib.Path, framing: str
) -> None:
    """Several files and standard input, more than any block: no line is lost or changes place."""
    lines = [f"line {number} {'x' * (number % 300)}".encode() for number in range(5_000)]
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"\n".join(lines[:2_000]))
    second.write_bytes(b"\n".join(lines[3_000:]) + b"\n")
    result = run(
        backend,
        *["--to", f"tcp://127.0.0.1:{sink.port}?framing={framing}", str(first), "-", str(second)],
        text=b"\n".join(lines[2_000:3_000]),
    )
    assert result.returncode == 0, result.stderr
    messages = [parse_rfc5424(frame).message for frame in split_frames(sink.take_all(), framing)]
    assert messages == [line.decode() for line in lines]


def test_ipv6(backend: str) -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    sink = Sink(socket.AF_INET6)
    result = run(backend, "--to", f"tcp://[::1]:{sink.port}", "-m", "up")
    assert result.returncode == 0, result.stderr
    assert sink.take_all().endswith(b" - - up\n")
    sink.listener.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_udp_sends_one_datagram_a_record(backend: str, address: str) -> None:
    """A name with several addresses is tried until one is not refused."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        port = receiver.getsockname()[1]
        result = run(
            backend, "-v", "--to", f"udp://{address}:{port}", text=b"one\ntwo\n" + b"x" * 9000
        )
        assert result.returncode == 3, result.stderr
        messages = [parse_rfc5424(receiver.recv(65536)).message for _ in range(3)]
        assert messages[:2] == ["one", "two"]
    # RFC 5424 6.1: over UDP a record is 2048 octets at the most, and what is cut is reported.
    assert set(messages[2]) == {"x"}
    assert b"3 lines, 1 of them truncated, " in result.stderr


def test_long_lines_are_cut_and_counted(backend: str) -> None:
    """Exactly those that are cut: escapes count as four octets, a line that just fits does not."""
    probe = run(backend, "-m", "x", "--hostname", "h")
    header = len(probe.stdout) - len("x\n")
    space = 8192 - header
    lines = [b"a" * space, b"a" * (space + 1), b"\x01" * (space // 4), b"\x01" * (space // 4 + 1)]
    result = run(backend, "--hostname", "h", text=b"\n".join(lines))
    records = split_frames(result.stdout, "lf")
    assert max(map(len, records)) == 8192
    assert (result.returncode, result.stderr) == (
        3,
        b"syslogfast send: cut to 8,192 octets: 2 of 4;"
        b" --max-size takes longer ones, --split divides them\n",
    )


def test_a_line_is_sent_as_soon_as_it_is_read(backend: str, sink: Sink) -> None:
    """`tail -f | syslogfast send` must not wait for a block to fill."""
    with start(backend, sink.port) as process:
        assert process.stdin is not None
        process.stdin.write(b"first\nhalf a li")
        process.stdin.flush()
        sink.wait_for(b" first\n")
        assert b"half" not in sink.received
        process.stdin.write(b"ne\n")
        process.stdin.flush()
        sink.wait_for(b" half a line\n")
        process.stdin.close()
        assert process.wait(10) == 0


def test_sigint_ends_cleanly(backend: str, sink: Sink) -> None:
    """What was read is sent whole, the closing line is there, the status is 130, no traceback."""
    with start(backend, sink.port) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"first\nunfinished")
        process.stdin.flush()
        sink.wait_for(b" first\n")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        closing = process.stderr.read()
    assert sink.take_all().endswith(b" unfinished\n")
    assert closing.startswith(b"2 lines, ")
    assert closing.count(b"\n") == 1


@pytest.mark.slow
def test_a_slow_collector_loses_nothing(backend: str, tmp_path: pathlib.Path) -> None:
    """More than all socket buffers hold, to a reader that starts late."""
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"%d %s\n" % (number, b"x" * 200) for number in range(50_000)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with subprocess.Popen(
            [*COMMAND, "--to", f"tcp://127.0.0.1:{port}", str(path)],
            env=make_environment(backend),
            stderr=subprocess.PIPE,
        ) as process:
            connection, _ = listener.accept()
            time.sleep(1)
            with connection:
                received = b"".join(iter(lambda: connection.recv(1 << 20), b""))
            assert process.wait(10) == 0
    numbers = [int(line.split(b" ")[7]) for line in received.splitlines()]
    assert numbers == list(range(50_000))


def test_a_collector_that_is_away_is_an_error(backend: str) -> None:
    """Never silence: one clear line, exit 1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for url in (f"tcp://127.0.0.1:{port}", f"udp://127.0.0.1:{port}"):
        result = run(backend, "--to", url, "-m", "up")
        assert result.returncode == 1
        last = result.stderr.decode().splitlines()[-1]
        assert last == (
            f"syslogfast send: cannot send to {url}: Connection refused;"
            " does a collector listen there? --retry waits for one"
        )


def test_a_host_without_an_address_is_an_error(backend: str) -> None:
    result = run(backend, "--to", "udp://no-such-host.invalid", "-m", "up")
    assert result.returncode == 1
    assert b"cannot send to udp://no-such-host.invalid: " in result.stderr


def test_a_collector_that_breaks_off_is_an_error(backend: str) -> None:
    """A connection that is reset is reported even if all was handed over before."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with start(backend, port) as process:
            assert process.stdin is not None
            assert process.stderr is not None
            connection, _ = listener.accept()
            process.stdin.write(b"first\n")
            process.stdin.flush()
            assert select.select([connection], [], [], 10)[0]
            connection.close()  # with unread data: the kernel answers with a reset
            process.stdin.close()
            assert process.wait(10) == 1
            assert b"cannot send to tcp://127.0.0.1" in process.stderr.read()


def test_a_file_that_cannot_be_read_is_an_error(backend: str, tmp_path: pathlib.Path) -> None:
    """What came before it is sent; the message names the file, not the collector."""
    unreadable = pathlib.Path("/proc/self/mem")  # its first page is nobody's: EIO
    if not unreadable.exists():
        pytest.skip("this system has no /proc")
    first = tmp_path / "first"
    first.write_bytes(b"one\n")
    result = run(backend, str(first), str(unreadable))
    assert result.returncode == 1
    assert result.stdout.endswith(b" one\n")
    last = result.stderr.decode().splitlines()[-1]
    assert last == f"syslogfast send: cannot read {unreadable}: Input/output error"


def test_standard_output_that_is_closed_is_an_error(backend: str) -> None:
    """`syslogfast send FILE | head -1` ends without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [*COMMAND, "-m", "up"],
        env=make_environment(backend),
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writing)
    assert result.returncode == 1
    last = result.stderr.decode().splitlines()[-1]
    assert last == "syslogfast send: cannot send to standard output: Broken pipe"


@try_each(
    "arguments, message",
    [
        (["--to", "bogus"], "argument --to: url must begin with one of"),
        (["--to", "udp://h:0"], "argument --to: url must have a port in 1..65535"),
        (["-p", "local8.info"], ", local7, got 'local8'. Did you mean 'local0'?"),
        (["-p", "user.loud"], "severity must be in 0..7 or one of emerg, emergency, panic, "),
        (["--sd", "a@1 x"], "'a@1 x': 'x' is not NAME=VALUE"),
        (["--sd", "a=1 x=y"], "structured_data SD-ID must be 1 to 32 printable ASCII"),
        (["--sd", "a@1 x='y"], "No closing quotation"),
        (["--sd", ""], "structured_data SD-ID must be 1 to 32 printable ASCII"),
        (["--protocol", "rfc1149"], "argument --protocol: invalid choice: 'rfc1149'"),
        (["-m", "x", "README.md"], "-m and FILE exclude each other"),
        (["no/such/file"], "argument FILE: no/such/file: No such file or directory; a text has -m"),
        (["acces.log"], "argument FILE: acces.log: No such file or directory; a text has -m"),
        (["README.md", "sold"], "argument FILE: sold: No such file or directory; a text has -m"),
        (["-f", "README.md", "sold", "out"], "-f and TEXT exclude each other"),
        (["-m"], "argument -m/--message: expected one argument, TEXT"),
        (["-ex"], "unrecognized arguments: -ex; see syslogfast send --help"),
        (["--retyr"], "unrecognized arguments: --retyr. Did you mean '--retry'?"),
        (["--retry=1"], "argument --retry: must have no value, got '1'"),
        (["-p", "5.err"], "facility must be a keyword, or a number that 8 divides, such as 128"),
        (["-p", "user.8"], "severity must be in 0..7 or a keyword, got 8"),
        (["-S", "10"], "max_size must be at least "),
        (["-S", "2G"], "argument -S/--size/--max-size: SIZE must be at most 1073741824, got '2G'"),
        (["-S", "1Q"], "SIZE must be a number of octets, such as 8192, 64K or 1M, got '1Q'"),
        (["--rate", "0"], "argument --rate: N must be a number above 0, got '0'"),
        (["--follow"], "--follow must have a FILE"),
        (["--to", "udp://h", "--to", "tcp://h"], "url must have no framing, as is asked for"),
        (["/"], "argument FILE: /: it is a directory"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--sd-param", 'x="1"'], "--sd-param must have an --sd-id before it"),
        (["--sd-id", "a@1", "--sd-param", "x"], "argument --sd-param: 'x' is not NAME=VALUE"),
        (["--rfc5424=nohots"], "--rfc5424: must be of notq, notime, nohost, got 'nohots'"),
        (["--rfc5424=notq,notime"], "a record has the time, and cannot do without; leave out"),
        (["-P", "5514"], "--port must have --server, the host, too"),
        (["--octet-count"], "--octet-count must have --server, the host, too"),
    ],
)
def test_bad_arguments_get_one_clear_line(
    root: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    keep_signals: None,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(root)
    monkeypatch.delenv("SYSLOGFAST_URL", raising=False)
    with pytest.raises(SystemExit) as caught:
        main(["send", *arguments])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("syslogfast send: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert printed.out == ""


def test_a_wrong_url_in_the_environment_is_a_bad_argument(backend: str) -> None:
    result = run(backend, "-m", "up", SYSLOGFAST_URL="bogus")
    assert result.returncode == 2
    assert b": SYSLOGFAST_URL must begin with one of" in result.stderr


def test_progress_on_a_terminal(backend: str, tmp_path: pathlib.Path) -> None:
    """On a terminal the figures are shown while it goes on, in one line."""
    path = tmp_path / "lines"
    path.write_bytes(b"a line of some length, as lines are\n" * 600)
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "--rate", "1500", str(path)],
        env=make_environment(backend, TERM="xterm"),
        stdout=subprocess.DEVNULL,
        stderr=slave,
    ) as process:
        os.close(slave)
        shown = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:  # the terminal's other end is closed
                break
            if not data:
                break
            shown += data
        assert process.wait(10) == 0
    os.close(master)
    assert shown.count(b"\n") == 1
    assert shown.split(b"\r")[-2].startswith(b"\x1b[K600 lines, ")
    states = [state.removesuffix(b"\x1b[K") for state in shown.split(b"\r")[1:-2]]
    assert states
    assert all(re.match(rb"[\d,]+ lines, |$", state) for state in states)
    assert max(map(len, states)) < 80  # where nobody has set a width


def test_help_tells_what_there_is() -> None:
    result = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    for option in ("--to", "-m", "-p", "-t", "-i", "--hostname", "--msgid", "--sd", "--protocol"):
        assert f"  {option}" in result.stdout
    for part in ("tls://HOST[:6514]", "rfc5424, rfc3164, local;", "examples:", "Exit status: 0"):
        assert part in result.stdout
