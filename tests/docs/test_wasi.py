"""A component of WASI, examples/wasi: what it says, with a network and without."""

import ast
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
from datetime import datetime

import pytest
from support.code_blocks import list_blocks
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames
from support.made_once import make_once
from support.receivers import Sink, check_balance, collect, find_free_port, url_of, wait_until

import syslogfast

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]

USER, CRIT, NOTICE, INFO = 8, 2, 5, 6
LIFE = [("BOOTED", NOTICE), ("SALE", INFO), ("ENDED", NOTICE)]


@pytest.fixture(scope="module")
def tree(root: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The sources that it takes, with a component made of them."""
    parts = os.environ.get("SYSLOGFAST_WASI")
    if parts is None or not pathlib.Path(parts, "bin", "componentize-py").exists():
        pytest.skip("SYSLOGFAST_WASI names no folder prepared by examples/wasi/wasi.py --prepare")

    def make(folder: pathlib.Path) -> None:
        unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.c")
        for name in ("syslogfast", "examples/wasi"):
            shutil.copytree(root / name, folder / name, ignore=unwanted)
        run(folder)

    return make_once(tmp_path_factory, "wasi", make)


def run(tree: pathlib.Path, *options: str, status: int = 0) -> "subprocess.CompletedProcess[bytes]":
    """Run the README's command, with more options."""
    command = list_blocks(tree / "examples" / "wasi" / "README.md", "sh")[0].split()
    assert command == ["python3", "examples/wasi/wasi.py"]
    result = subprocess.run(
        [sys.executable, *command[1:], *options], cwd=tree, capture_output=True, timeout=300
    )
    assert result.returncode == status, result.stderr.decode()
    return result


def check_life(
    records: list[Rfc5424Record], expected: list[tuple[str, int]], started: float
) -> None:
    """These records, by MSGID and severity, in order, each with its number and a time of now."""
    assert [(record.msgid, record.priority - USER) for record in records] == expected
    for number, record in enumerate(records, 1):
        assert record[2:5] == ("guest", "shop", "-")
        when = datetime.fromisoformat(record.timestamp.replace("Z", "+00:00")).timestamp()
        assert started - 1e-3 <= when <= time.time() + 1e-3
        meta = dict(dict(record.structured_data)["meta"])
        assert meta == {"sequenceId": str(number)}
    elements = dict(records[0].structured_data)
    assert elements["origin"][:2] == [("software", "shop"), ("swVersion", "1.2")]
    assert dict(elements["runtime@32473"])["syslogfast"] == f"{syslogfast.__version__} python"


def mask(text: str) -> str:
    """Hide the times, and the version of Python."""
    text = re.sub(r"(?<=>1 )[^ ]+Z", "TIME", text)
    return re.sub(r"(?<=cpython )\d\.\d+\.\d+", "VERSION", text)


def test_standard_output(tree: pathlib.Path) -> None:
    """It prints what the README shows: no word of a network that is not meant to be there."""
    started = time.time()
    result = run(tree)
    assert result.stderr == b""
    check_life([parse_rfc5424(frame) for frame in split_frames(result.stdout, "lf")], LIFE, started)
    shown = list_blocks(tree / "examples" / "wasi" / "README.md", "text")[0]
    assert mask(result.stdout.decode()) == mask(shown)


def test_crash(tree: pathlib.Path) -> None:
    """An exception is told of, with its traceback, though no hook of Python's is called."""
    started = time.time()
    result = run(tree, "--crash", status=1)
    records = [parse_rfc5424(frame) for frame in split_frames(result.stdout, "lf")]
    check_life(records, [LIFE[0], ("CRASHED", CRIT), LIFE[2]], started)
    exception = dict(dict(records[1].structured_data)["exception@32473"])
    assert (exception["type"], exception["function"]) == ("ZeroDivisionError", "sell")
    assert "Traceback (most recent call last):#012" in str(records[1].message)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_no_grant(tree: pathlib.Path, scheme: str) -> None:
    """What is sent to a network that is not granted is told, and counted."""
    _, command, granted = list_blocks(tree / "examples" / "wasi" / "README.md", "sh")
    shown = list_blocks(tree / "examples" / "wasi" / "README.md", "text")[1]
    url = command.split()[-1]
    assert granted == command.replace("\n", " --grant\n")
    other = f"{scheme}://127.0.0.1:{find_free_port()}"
    result = run(tree, "--to", other)
    assert result.stdout == b""
    *told, last = result.stderr.decode().splitlines()
    if scheme == "udp":
        assert shown.strip().replace(url, other) in told
    assert told[-1].startswith(f"syslogfast: {other}: [Errno ")
    assert told[-1].endswith("; records not sent: 3 (closed: 3)")
    stats = ast.literal_eval(last)
    check_balance(stats)
    assert (stats["offered"], stats["sent"], stats["dropped"]) == (3, 0, {"closed": 3})


def test_udp_is_granted(tree: pathlib.Path, receiver: socket.socket) -> None:
    started = time.time()
    with collect(receiver) as datagrams:
        result = run(tree, "--to", url_of(receiver), "--grant")
    assert (result.stdout, result.stderr) == (b"", b"")
    check_network([parse_rfc5424(datagram) for datagram in datagrams], started)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tcp_is_granted(tree: pathlib.Path, sink: Sink, host: str) -> None:
    started = time.time()
    result = run(tree, "--to", f"tcp://{host}:{sink.port}", "--grant")
    assert (result.stdout, result.stderr) == (b"", b"")
    assert wait_until(lambda: sink.count_lines() == 4)
    check_network(sink.read_records(), started)


def check_network(records: list[Rfc5424Record], started: float) -> None:
    """There is a record more: of the host's network, if it has one."""
    told = "NETWORK-UP" if records[1].msgid == "NETWORK-UP" else "NETWORK-DOWN"
    severity = NOTICE if told == "NETWORK-UP" else NOTICE - 1
    check_life(records, [LIFE[0], (told, severity), *LIFE[1:]], started)
    if told == "NETWORK-UP":
        addresses = [value for _, value in dict(records[1].structured_data)["network@32473"]]
        assert [("ip", address) for address in addresses] == dict(records[1].structured_data)[
            "origin"
        ]
