"""PID 1 of a gVisor sandbox, examples/sandbox: what it tells of its life and its end."""

import pathlib
import shutil
import subprocess
import sys
import time
from datetime import datetime

import pytest
from support.code_blocks import list_blocks
from support.crashes import leave_out_stack
from support.grammar import Rfc5424Record, parse_rfc5424

import syslogfast

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]

USER, CRIT, NOTICE, INFO = 8, 2, 5, 6
REQUESTS = 200
PROBE = ["runsc", "-rootless", "-ignore-cgroups", "-network=host", "do", "true"]


@pytest.fixture(scope="module")
def folder(root: pathlib.Path) -> pathlib.Path:
    if shutil.which("runsc") is None:
        pytest.skip("runsc is not on this machine")
    probe = subprocess.run(PROBE, capture_output=True, text=True, timeout=60)
    if probe.returncode:
        pytest.skip(f"there can be no sandbox here: {probe.stderr.strip()[-200:]}")
    return root / "examples" / "sandbox"


def run(folder: pathlib.Path, end: str, status: int) -> tuple[list[Rfc5424Record], str]:
    """Return the records that have arrived, but for the one by TCP, and what standard error has."""
    command = list_blocks(folder / "README.md", "sh")[0].splitlines()[-1].split()
    assert command == [".venv/bin/python", "examples/sandbox/sandbox.py", "segv"]
    started = time.time()
    result = subprocess.run(
        [sys.executable, "-Is", str(folder / "sandbox.py"), end], capture_output=True, timeout=60
    )
    assert result.returncode == status, result.stderr.decode()
    records = [parse_rfc5424(line) for line in result.stdout.splitlines()]
    for record in records:
        assert record[2:5] == ("sandbox", "shop", "1")
        when = datetime.fromisoformat(record.timestamp.replace("Z", "+00:00")).timestamp()
        assert started - 0.01 <= when <= time.time() + 0.01
    summary = [record for record in records if record.msgid == "SUMMARY"]
    assert [(record.priority, record.message) for record in summary] == [
        (USER + NOTICE, f"{REQUESTS} requests served")
    ]
    records.remove(summary[0])
    for number, record in enumerate(records, 1):  # nothing is lost, doubled, or out of order
        assert dict(dict(record.structured_data)["meta"])["sequenceId"] == str(number)
    return records, result.stderr.decode()


def check_start(records: list[Rfc5424Record]) -> list[Rfc5424Record]:
    """Return what comes after boot, network and work."""
    booted, network, *rest = records
    assert (booted.msgid, booted.priority) == ("BOOTED", USER + NOTICE)
    runtime = dict(dict(booted.structured_data)["runtime@32473"])
    assert (runtime["pid"], runtime["syslogfast"]) == ("1", f"{syslogfast.__version__} c")
    assert runtime["kernel"].startswith("Linux ")
    assert " s after process start, " in str(booted.message)
    assert int(dict(dict(booted.structured_data)["meta"])["sysUpTime"]) < 6000  # its own kernel's
    assert network.msgid in ("NETWORK-UP", "NETWORK-DOWN")
    for number, record in enumerate(rest[:REQUESTS], 1):
        assert (record.priority, record.msgid) == (USER + INFO, "REQUEST")
        assert record.message == f"request {number} served"
        assert dict(record.structured_data)["fields@32473"] == [("request", str(number))]
    return rest[REQUESTS:]


def test_clean_end(folder: pathlib.Path, needs_c: None) -> None:
    records, said = run(folder, "clean", 0)
    assert [(r.msgid, r.priority, r.message) for r in check_start(records)] == [
        ("ENDED", USER + NOTICE, "ended")
    ]
    assert said == ""


def test_exception(folder: pathlib.Path, needs_c: None) -> None:
    records, said = run(folder, "exception", 1)
    crashed, ended = check_start(records)
    assert (crashed.msgid, crashed.priority) == ("CRASHED", USER + CRIT)
    headline, *traceback = str(crashed.message).split("#012")
    assert headline == "about to crash: LookupError: nobody knows the price"
    assert traceback == said.splitlines()
    assert (ended.msgid, ended.message) == ("ENDED", "ended after an uncaught LookupError")


def test_null_read(folder: pathlib.Path, needs_c: None) -> None:
    """C sends the record, of PID 1 as of any other process, with the stack of Python's calls."""
    records, _ = run(folder, "segv", 128 + 11)
    (crashed,) = check_start(records)
    assert (crashed.msgid, crashed.priority) == ("CRASHED", USER + CRIT)
    assert dict(crashed.structured_data)["signal@32473"] == [("name", "SIGSEGV"), ("number", "11")]
    assert leave_out_stack(crashed.message) == "about to crash: SIGSEGV (Segmentation fault)"
    assert 'program.py"' in str(crashed.message)
