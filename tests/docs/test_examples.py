"""The examples do what they are for: here the service; the microVM has a file of its own."""

import datetime
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from support.code_blocks import list_blocks
from support.grammar import Rfc5424Record, parse_rfc5424
from support.receivers import LIMIT, Sink, collect, url_of, wait_until

import syslogfast

USER = 8  # the facility, times 8
CRIT, WARNING, NOTICE, INFO = 2, 4, 5, 6
NETWORK = ("NETWORK-UP", "NETWORK-DOWN")  # one of them, when this machine's is known

ASKED = ["HOOLI", "INITECH", "", '"]\ufffd\0<0>1', "ACME" * 4, "ACME", "OLDCO"]

Ask = Callable[[bytes], str]


def ask(port: int, request: bytes) -> str:
    """Return what the service answers to a client."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as client:
        client.sendall(request)
        with client.makefile(encoding="ascii") as lines:
            return lines.read()


def ask_by_readme(folder: pathlib.Path, port: int) -> list[str]:
    """Return what the clients of the page print."""
    (command,) = list_blocks(folder / "README.md", "bash")
    assert command.count("/8080;") == 1
    result = subprocess.run(
        ["bash", "-c", command.replace("/8080;", f"/{port};")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.stdout.splitlines()


def start_service(folder: pathlib.Path, url: str, backend: str) -> "subprocess.Popen[str]":
    """Start the service by the page's command, but for the ports and the interpreter's options."""
    variable, python, *arguments = list_blocks(folder / "README.md", "sh")[2].split()
    assert variable == "SYSLOGFAST_URL=udp://127.0.0.1:5514"
    assert (python, arguments) == (
        "python3",
        ["examples/service/service.py", "127.0.0.1", "8080"],
    )
    environment = {**os.environ, "SYSLOGFAST_URL": url, "SYSLOGFAST_BACKEND": backend}
    command = [sys.executable, "-Is", str(folder / "service.py"), "127.0.0.1", "0"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def converse(folder: pathlib.Path, port: int) -> None:
    """Ask for what the service knows and does not know, then for what it crashes of."""
    assert ask(port, b"HOOLI\n") == "hold\n"
    assert ask(port, b"INITECH\r\n") == "sell\n"
    assert ask(port, b"\n") == "unknown\n"
    assert ask(port, b'"]\xff\0<0>1\n') == "unknown\n"
    assert ask(port, b"ACME" * 10) == "unknown\n"
    assert ask_by_readme(folder, port) == ["buy"]


def run_service(
    folder: pathlib.Path, url: str, backend: str, read_records: Callable[[], list[Rfc5424Record]]
) -> tuple[int, int, str]:
    """Let the service live until it crashes; return its port, PID and what it said on stderr."""
    with start_service(folder, url, backend) as process:
        try:
            wait_until(lambda: "LISTENING" in [record.msgid for record in read_records()])
            (message,) = [r.message for r in read_records() if r.msgid == "LISTENING"]
            port = int(str(message).removeprefix("listening on port "))
            converse(folder, port)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1
    return port, process.pid, said


def check_end(record: Rfc5424Record, folder: pathlib.Path, said: str) -> None:
    """The last but one says where and why, with the traceback that went to standard error."""
    path = folder / "service.py"
    lines = path.read_text(encoding="utf-8").splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if "earns / costs" in line]
    elements = dict(record.structured_data)
    assert elements["exception@32473"] == [
        ("type", "ZeroDivisionError"),
        ("message", "division by zero"),
        ("file", str(path)[-128:]),
        ("line", str(number)),
        ("function", "recommend"),
    ]
    headline, *rest = str(record.message).split("#012")
    assert headline == "about to crash: ZeroDivisionError: division by zero"
    assert rest == said.splitlines()


def check_boot(record: Rfc5424Record, backend: str) -> None:
    elements = dict(record.structured_data)
    assert elements["origin"][:2] == [("software", "recommender"), ("swVersion", "1.0")]
    assert {name for name, _ in elements["origin"][2:]} <= {"ip"}
    runtime = dict(elements["runtime@32473"])
    assert list(runtime) == ["kernel", "python", "syslogfast", "pid", "started", "booted"]
    assert runtime["kernel"] == " ".join(
        [platform.system(), platform.release(), platform.machine()]
    )
    assert runtime["python"] == f"{sys.implementation.name} {platform.python_version()}"
    assert runtime["syslogfast"] == f"{syslogfast.__version__} {backend}"
    assert runtime["pid"] == record.procid
    text = r"booted and awake \d+\.\d\d s after process start, \d+\.\d{3} s after boot: "
    text += re.escape("{kernel}, {python}, syslogfast {syslogfast}, PID {pid}".format(**runtime))
    text += "(; clock .*)?"
    assert re.fullmatch(text, record.message or "")


def check_account(
    records: list[Rfc5424Record],
    folder: pathlib.Path,
    backend: str,
    ran: tuple[int, int, str],
    timestamps: tuple[float, float],
) -> None:
    """Every record that has to be there is, none other, in order, and says what it should."""
    port, pid, said = ran
    recorded = records[-2 - len(ASKED) : -2]  # before CRASHED and ENDED
    assert [(record.msgid, record.message) for record in recorded] == [
        ("ASKED", f"asked for {symbol!r}") for symbol in ASKED
    ]
    records = [record for record in records if record not in recorded]
    for number, record in enumerate(records, 1):
        assert record[2:5] == (socket.gethostname(), "recommender", str(pid))
        timestamp = datetime.datetime.fromisoformat(record.timestamp.replace("Z", "+00:00"))
        assert timestamps[0] - 1e-3 <= timestamp.timestamp() <= timestamps[1] + 1e-3
        meta = dict(dict(record.structured_data)["meta"])
        assert meta.pop("sequenceId") == str(number)
        is_of_life = record.msgid in ("BOOTED", *NETWORK, "CRASHED", "ENDED")
        assert list(meta) == (["sysUpTime"] if is_of_life else [])
    (told,) = [record for record in records if record.msgid in NETWORK]
    assert (told.priority, told.msgid) in [
        (USER + NOTICE, "NETWORK-UP"),
        (USER + WARNING, "NETWORK-DOWN"),
    ]
    records.remove(told)
    first, listening, *requests, crashed, ended = records
    assert (first.priority, first.msgid) == (USER + NOTICE, "BOOTED")
    check_boot(first, backend)
    assert (listening.priority, listening.message) == (
        USER + NOTICE,
        f"listening on port {port}",
    )
    found = []
    for record in requests:
        (element,) = [e for e in record.structured_data if e[0] != "meta"]
        assert (record.msgid, element[0]) == ("RECOMMENDED", "stock@32473")
        assert [name for name, _ in element[1]] == ["symbol", "recommendation"]
        found.append((record.priority - USER, *[value for _, value in element[1]]))
        assert record.message == f"{found[-1][1]}: {found[-1][2]}"
    assert found == [
        (INFO, "HOOLI", "hold"),
        (INFO, "INITECH", "sell"),
        (WARNING, "", "unknown"),
        (WARNING, '"]\ufffd#000<0>1', "unknown"),
        (WARNING, "ACME" * 4, "unknown"),
        (INFO, "ACME", "buy"),
    ]
    assert (crashed.priority, crashed.msgid) == (USER + CRIT, "CRASHED")
    check_end(crashed, folder, said)
    assert (ended.priority, ended.msgid, ended.message) == (
        *(USER + NOTICE, "ENDED"),
        "ended after an uncaught ZeroDivisionError",
    )


@pytest.fixture
def folder(root: pathlib.Path) -> pathlib.Path:
    return root / "examples" / "service"


def test_service_over_udp(backend: str, folder: pathlib.Path, receiver: socket.socket) -> None:
    """It works until it is asked for what it crashes of: each step is a record, the crash too."""
    started = time.time()
    with collect(receiver) as datagrams:

        def read_records() -> list[Rfc5424Record]:
            return [parse_rfc5424(datagram) for datagram in datagrams]

        ran = run_service(folder, url_of(receiver), backend, read_records)
    check_account(read_records(), folder, backend, ran, (started, time.time()))


def test_service_over_tcp(backend: str, folder: pathlib.Path, sink: Sink) -> None:
    """So it does over TCP, where a thread sends and the end has to wait for it."""
    started = time.time()
    ran = run_service(folder, url_of(sink), backend, sink.read_records)
    assert wait_until(lambda: "ENDED" in [record.msgid for record in sink.read_records()])
    assert len(sink.connections) == 1
    check_account(sink.read_records(), folder, backend, ran, (started, time.time()))


def test_demonstration(folder: pathlib.Path) -> None:
    """The page's command shows the life of the service, and what its clients have got."""
    *_, command = list_blocks(folder / "README.md", "sh")[0].splitlines()
    assert command.split() == [".venv/bin/python", "examples/service/demo.py"]
    result = subprocess.run(
        [sys.executable, "-Is", str(folder / "demo.py")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert "ZeroDivisionError" in result.stderr
    lines = result.stdout.splitlines()
    records = [parse_rfc5424(line.encode()) for line in lines if line.startswith("<")]
    answers = [line for line in lines if not line.startswith("<")]
    assert answers == ["ACME: buy", "OLDCO: no answer"]
    ids = [record.msgid for record in records if record.msgid not in NETWORK]
    assert ids == ["BOOTED", "LISTENING", "RECOMMENDED", "ASKED", "ASKED", "CRASHED", "ENDED"]


# --- all of them ---------------------------------------------------------------------------------


def test_each_has_one_command(root: pathlib.Path) -> None:
    """`examples/run` runs all, by the first block of each page; `.ci/run` does that."""
    folders = {path.name for path in (root / "examples").iterdir() if path.is_dir()}
    script = (root / "examples" / "run").read_text(encoding="utf-8")
    (names,) = re.findall(r"\|\| set -- (.*)$", script, re.MULTILINE)
    assert sorted(names.split()) == sorted(folders)
    page = (root / "examples" / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[(\w+)\]\(\1\) \|", page, re.MULTILINE)) == sorted(folders)
    for name in folders:
        commands = list_blocks(root / "examples" / name / "README.md", "sh")[0]
        for line in commands.splitlines():
            for file in re.findall(r"examples/[\w/]+\.py", line):
                assert (root / file).exists()
    assert 'bash "$work/examples/examples/run"\n' in (root / ".ci" / "run").read_text()


@pytest.mark.parametrize("name", ["nosuch", "../tests", ""])
def test_no_such_example(root: pathlib.Path, name: str) -> None:
    command = ["bash", str(root / "examples" / "run"), name or "README.md"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr.startswith("examples/run: no example is called ")
