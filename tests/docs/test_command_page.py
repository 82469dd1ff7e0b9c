"""What docs/command.md shows is true: each example is run, and `logger` beside ours."""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.certificates import find_openssl
from support.listeners import Listener, listen
from support.page_sections import Page, Section, Stage

PAGE = Page("command.md")

pytestmark = pytest.mark.surroundings

TIME = re.compile(
    rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
)


def make_folder(folder: pathlib.Path) -> dict[str, str]:
    """Return an environment in which `syslogfast` is the package under test."""
    command = folder / "bin" / "syslogfast"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -Im syslogfast "$@"\n')
    command.chmod(0o755)
    clean = {name: os.environ[name] for name in os.environ if name != "SYSLOGFAST_URL"}
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**clean, "PATH": path, "HOME": str(folder)}


def run_shell(text: str, folder: pathlib.Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["bash", "-ec", text],
        cwd=folder,
        env=make_folder(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )


def check_example(section: Section, stage: Stage, pattern: str = "") -> None:
    """Run the next example, which writes what stands below it; its numbers may be others."""
    result = run_shell(section.take("sh"), stage.folder)
    assert (result.returncode, result.stderr) == (0, b"")
    shown = section.take("text").encode()
    if pattern:
        shown, result.stdout = (
            re.sub(pattern.encode(), b"N", text) for text in (shown, result.stdout)
        )
    assert TIME.sub(b"TIME", result.stdout) == TIME.sub(b"TIME", shown)


@PAGE.check("send")
def check_send(section: Section, stage: Stage) -> None:
    check_example(section, stage)
    check_example(section, stage)
    example = section.take("sh")
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        listener.settimeout(10)
        there = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        away = "tcp://127.0.0.1:9"
        for shown, url in (("tcp://192.0.2.1", away), ("tcp://192.0.2.2", there)):
            assert example.count(shown) == 1
            example = example.replace(shown, url)
        (stage.folder / "access.log").write_bytes(b"GET /\n")
        process = stack.enter_context(
            subprocess.Popen(
                ["bash", "-c", f"exec {example}"],
                cwd=stage.folder,
                env=make_folder(stage.folder),
                stderr=subprocess.PIPE,
            )
        )
        stack.callback(process.kill)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(1000).endswith(b" nginx - - - GET /\n")
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=10)
        assert (process.returncode, said.split(b",")[0]) == (143, b"1 line")
    check_example(section, stage)


def test_statuses(tmp_path: pathlib.Path) -> None:
    """Those that the table of events has, but for what test_send_waits.py waits for."""
    rows = {row[0]: row[1:] for row in PAGE.sections["send"].list_rows() if len(row) == 4}
    (tmp_path / "wide").write_bytes("line\n".encode("utf-16"))
    (tmp_path / "crlf").write_bytes(b"\xef\xbb\xbfa line\r\n")
    (tmp_path / "long").write_bytes(b"x" * 9000 + b"\nshort" * 9)
    (tmp_path / "latin").write_bytes(b"caf\xe9\n")
    cases = {
        "nobody listens": "syslogfast send --to tcp://127.0.0.1:9 crlf crlf",
        "standard output is full, as `/dev/full`": "syslogfast send crlf >/dev/full",
        "nobody reads standard output any more": "syslogfast send --rate 9 crlf crlf | :",
        "lines end in CRLF, a file begins with a BOM": "syslogfast send crlf",
        "a file is not UTF-8": "syslogfast send latin",
        "a file is UTF-16": "syslogfast send wide",
        "a line is longer than `--max-size`": "syslogfast send long",
    }
    assert cases.keys() <= rows.keys()
    for event, command in cases.items():
        status, told, _ = rows[event]
        result = run_shell(f"set -o pipefail\n{command}", tmp_path)
        assert (event, result.returncode) == (event, int(status))
        pieces = told.strip("`").replace("FILE", "...").split("`")[0].split("...")
        assert all(piece in result.stderr.decode() for piece in pieces), (event, result.stderr)


# --- logger --------------------------------------------------------------------------------------

# Options of `logger`, by the row of the table; both are given them.
SAME: dict[str, list[tuple[list[str], bytes]]] = {
    "`TEXT ...`": [(["hello", "world"], b""), (["caf\u00e9"], b""), ([], b"a\n\nb")],
    "`-- TEXT`": [(["--", "-x", "y"], b"")],
    "`-f`, `--file`": [(["-f", "lines"], b""), (["--file", "lines"], b"")],
    "`-e`, `--skip-empty`": [(["-e"], b"a\n\nb\n"), (["--skip-empty"], b"\n")],
    "`-i`, `--id`": [(["-i", "x"], b""), (["--id", "x"], b"")],
    "`--id=ID`": [(["--id=77", "x"], b"")],
    "`-p`, `--priority`": [
        *[(["-p", text, "x"], b"") for text in ("local0.err", "LOCAL7.Warn", "128.3", "3")],
        (["--priority=mail.panic", "x"], b""),
    ],
    "`-s`, `--stderr`": [(["-s", "x"], b""), (["--stderr"], b"x\ny\n")],
    "`--no-act`": [(["--no-act", "-s", "x"], b"")],
    "`-t`, `--tag`": [(["-t", "shop", "x"], b""), (["--tag=shop/1", "x"], b"")],
    "`--msgid`": [(["--rfc5424=notq", "--msgid", "ID47", "x"], b"")],
    "`--sd-id`, `--sd-param`": [
        (
            [
                *["--rfc5424=notq", "--sd-id", "a@1", "--sd-param", 'x="1"'],
                *["--sd-param", 'y="two words"', "--sd-id", "b@2", "--sd-param", 'z="3"', "x"],
            ],
            b"",
        )
    ],
    "`-n`, `--server`": [(["--rfc5424=notq", "-n", "127.0.0.1", "-P", "UDP", "x"], b"")],
    "`-P`, `--port`": [(["--rfc3164", "-n", "127.0.0.1", "--port", "UDP", "x"], b"")],
    "`-d`, `--udp`": [(["--rfc5424=notq,nohost", "-d", "-n", "127.0.0.1", "-P", "UDP", "x"], b"")],
    "`-T`, `--tcp`": [
        (["--rfc5424=notq", "-T", "--octet-count", "-n", "127.0.0.1", "-P", "TCP", "x"], b"")
    ],
    "`-u`, `--socket`": [(["-u", "log", "x"], b""), (["--socket=log", "x"], b"")],
    "`--rfc3164`": [(["--rfc3164", "-n", "127.0.0.1", "-P", "UDP", "x"], b"")],
}


class Receivers:
    """A datagram socket of each kind, and a listener: what they are sent, but for the time."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.unix.bind(str(folder / "log"))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.ports = {
            name: str(server.getsockname()[1])
            for name, server in (("UDP", self.udp), ("TCP", self.tcp))
        }

    def take(self) -> list[bytes]:
        found = []
        for server in (self.unix, self.udp):
            server.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    found.append(server.recv(65536))
        self.tcp.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection, _ = self.tcp.accept()
            with connection, connection.makefile("rb") as stream:
                found.append(stream.read())
        return [re.sub(rb"^\d+ <", b"N <", record) for record in found]

    def close(self) -> None:
        for server in (self.unix, self.udp, self.tcp):
            server.close()


@pytest.fixture
def receivers(tmp_path: pathlib.Path) -> Iterator[Receivers]:
    found = Receivers(tmp_path)
    yield found
    found.close()


def run_one(
    command: list[str],
    arguments: list[str],
    text: bytes,
    receivers: Receivers,
    folder: pathlib.Path,
) -> tuple[object, ...]:
    """Return status, records and standard error of `logger` or of ours."""
    arguments = [receivers.ports.get(word, word) for word in arguments]
    has_place = any(word in ("-n", "-u", "--socket=log") for word in arguments)
    tag = [] if any(word.startswith(("-t", "--tag")) for word in arguments) else ["-t", "shop"]
    words = [*command, *([] if has_place else ["-u", "log"]), *tag, *arguments]
    with subprocess.Popen(
        words,
        cwd=folder,
        env={name: os.environ[name] for name in os.environ if name != "SYSLOGFAST_URL"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        out, said = process.communicate(text, timeout=30)
    own = str(process.pid).encode()
    records = [TIME.sub(b"TIME", record).replace(own, b"PID") for record in receivers.take()]
    said = TIME.sub(b"TIME", said).replace(own, b"PID")
    return process.returncode, records, out, said


def test_what_is_the_same(tmp_path: pathlib.Path, receivers: Receivers) -> None:
    """Both do it, with the same records, status and words."""
    logger = shutil.which("logger")
    if logger is None:
        pytest.skip("logger is not on this machine")
    rows = [row[:2] for row in PAGE.sections["Compared with `logger`"].list_rows()]
    assert {name for name, how in rows if how == "same"} == SAME.keys()
    assert {how for _, how in rows} == {"same", "different", "missing"}
    (tmp_path / "lines").write_bytes(b"one\n\ntwo")
    ours = [sys.executable, "-Im", "syslogfast", "send"]
    for name, cases in SAME.items():
        for arguments, text in cases:
            theirs = run_one([logger], arguments, text, receivers, tmp_path)
            found = run_one(ours, arguments, text, receivers, tmp_path)
            assert (name, arguments, found) == (name, arguments, theirs)


def test_no_option_of_logger_is_left_out() -> None:
    """The table has all that `logger --help` names."""
    logger = shutil.which("logger")
    if logger is None:
        pytest.skip("logger is not on this machine")
    text = subprocess.run([logger, "--help"], capture_output=True, text=True, check=True).stdout
    table = {
        word
        for row in PAGE.sections["Compared with `logger`"].list_rows()
        for word in row[0].split("`")
    }
    assert set(re.findall(r"^ +(?:-\w, +)?(--[\w-]+)", text, re.MULTILINE)) - table == set()


# --- listen ---------------------------------------------------------------------------------------

SHOWN_PEER = "192.0.2.7:40112"


def list_arguments(text: str) -> list[str]:
    """Return the arguments of `syslogfast listen`."""
    command, name, *arguments = shlex.split(text)
    assert (command, name) == ("syslogfast", "listen")
    return arguments


def send_lines(listener: Listener, lines: list[str], count: int) -> tuple[list[str], str]:
    """Send each as a datagram; return so many lines that are shown, and the peer."""
    with listener.open("udp") as opened:
        for line in lines:
            opened.send(line.encode())
        peer = "{}:{}".format(*opened.getsockname())
        shown = listener.wait_for_lines(count)
    listener.end()
    assert len(listener.output.splitlines()) == count
    return shown, peer


@PAGE.check("listen")
def check_listen(section: Section, stage: Stage) -> None:
    """Lines as they are shown, but for the peer; columns may be as wide as they have become."""
    assert list_arguments(section.take("sh")) == []  # tests/docs/test_readme.py runs this
    records = section.take("text").splitlines()
    with listen() as listener:
        lines, peer = send_lines(listener, records, len(records))
    shown = section.take("text").splitlines()
    assert [line.replace(peer, SHOWN_PEER) for line in lines] == shown

    arguments = list_arguments(section.take("sh"))
    arguments[arguments.index("/tmp/log")] = str(stage.folder / "log")
    expected = section.take("text").splitlines()
    if find_openssl():
        with listen(*arguments, sockets=len(expected)) as listener:
            told = [f"listening on {place}" for place in listener.places]
            listener.end()
        for line, wanted in zip(told, expected, strict=True):
            assert simplify(line) == simplify(wanted)

    arguments = list_arguments(section.take("sh"))
    shown = section.take("json").splitlines()
    with listen("--udp", "0", *arguments, sockets=1) as listener:
        lines, peer = send_lines(listener, records, len(shown))
        assert listener.errors.read().endswith(b" malformed, 2 left out\n")
    assert [line.replace(peer, SHOWN_PEER) for line in lines] == shown


def simplify(line: str) -> str:
    return re.sub(r"(?<=127.0.0.1:)\d+|/[^ ]*/(syslogfast-[^/]*)?", "", line)


def test_every_option_of_listen_is_there() -> None:
    """The two tables have what --help has, with the same values."""
    result = subprocess.run(
        [sys.executable, "-Im", "syslogfast", "listen", "--help"],
        env={"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = set(re.findall(r"^  (--[a-z-]+(?: [A-Z\[\]:]+)?)(?:  |$)", result.stdout, re.MULTILINE))
    text = PAGE.sections["listen"].text
    assert told == set(re.findall(r"`(--[a-z-]+(?: [A-Z\[\]:]+)?)`", text))


# --- the others ----------------------------------------------------------------------------------


@PAGE.check("demo")
def check_demo(section: Section, stage: Stage) -> None:
    check_example(section, stage, r"127\.0\.0\.1:\d+|backend \w+|[\d,.]+ (?=records/s|us)")


@PAGE.check("The manual")
def check_manual(section: Section, stage: Stage) -> None:
    """Each line makes its file, where its folder is; the first is read by man, if that is here."""
    first, *others = section.take("sh").splitlines()
    assert first == "syslogfast manual | man -l -"
    for line in others:
        target = line.rpartition(">~/")[2]
        (stage.folder / target).parent.mkdir(parents=True, exist_ok=True)
        result = run_shell(line, stage.folder)
        assert (result.returncode, result.stderr) == (0, b"")
        assert (
            "--prio-prefix" in (text := (stage.folder / target).read_text()) or "-l prio-" in text
        )


@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    PAGE.run(heading, tmp_path)
