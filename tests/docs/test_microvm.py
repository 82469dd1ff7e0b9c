"""A real microVM, examples/microvm: what it tells of its life and its end."""

import importlib.util
import os
import pathlib
import shutil
import socket
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.collectors import Record, Rsyslog, StartCollector
from support.grammar import Rfc5424Record, parse_rfc5424
from support.receivers import collect, url_of

pytestmark = [pytest.mark.surroundings, pytest.mark.slow]

LIMIT = 600.0  # seconds for one machine, and for what may have to be built before
LIMIT_EACH = 15.0  # more for each that boots beside it
# How many boot at once: 20 take a minute, and three gigabytes.
FLEET = int(os.environ.get("SYSLOGFAST_FLEET", "2"))
NOTICE, INFO, CRIT = 3 * 8 + 5, 3 * 8 + 6, 3 * 8 + 2  # facility daemon
WORK = ["WORK", "WORK", "WORK", "MEASURED"]  # it may begin before the network has been told of
STEPS = [f"request {number} {step}" for number in (1, 2, 3) for step in ("read", "answered")]
SLACK = timedelta(seconds=60)  # the guest's clock is set by the host's at its boot, to a second


@pytest.fixture(scope="session")
def command(root: pathlib.Path) -> list[str]:
    return [sys.executable, str(root / "examples" / "microvm" / "microvm.py")]


@pytest.fixture(scope="session")
def microvm(command: list[str]) -> list[str]:
    """The command, where SYSLOGFAST_MICROVM names a folder that its `prepare` has filled."""
    parts = os.environ.get("SYSLOGFAST_MICROVM")
    if parts is None or not any(pathlib.Path(parts).glob("linux/boot/vmlinuz-*")):
        pytest.skip("SYSLOGFAST_MICROVM names no folder prepared by examples/microvm/microvm.py")
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("qemu-system-x86_64 is not on this machine")
    return command


def read_time(timestamp: str) -> datetime:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00"))


def take_out_work(records: "list[Any]") -> "list[Any]":
    """Return the records of a machine's life, in their order: it boots first, and ends at last."""
    steps = [record for record in records if record.msgid == "STEP"]
    crash = [index for index, record in enumerate(records) if record.msgid == "CRASHED"]
    assert [record.message for record in steps] == STEPS * len(crash)
    if crash:  # the flight recorder's come just before that
        assert records[crash[0] - len(STEPS) : crash[0]] == steps
    records = [record for record in records if record.msgid != "STEP"]
    work = [record for record in records if record.msgid in WORK]
    assert [record.msgid for record in work] == WORK
    assert [record.priority for record in work] == [INFO] * len(WORK)
    assert not {records[0].msgid, records[-1].msgid} & set(WORK)
    return [record for record in records if record.msgid not in WORK]


def boot(microvm: list[str], receiver: socket.socket, crash: str) -> list[Rfc5424Record]:
    """Return the records of the life of a machine that crashes, in the order of their arrival."""
    began = datetime.now(UTC)
    with collect(receiver) as datagrams:
        result = subprocess.run(
            [*microvm, "run", "--crash", crash, "--to", url_of(receiver)],
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    assert result.returncode == 0, result.stderr
    records = [parse_rfc5424(datagram) for datagram in datagrams]
    # Nobody has named it: it is known by its link address.
    identities = {(record.hostname, record.app_name, record.procid) for record in records}
    assert identities == {("host-525400000001", "microvm", "1")}
    life = take_out_work(records)
    # Each has the time at which it was emitted, also that which waited for the network.
    times = [read_time(record.timestamp) for record in life]
    assert times == sorted(set(times))
    assert began - SLACK < times[0]
    assert times[-1] < datetime.now(UTC) + SLACK
    return life


def read_element(record: Any, sd_id: str) -> dict[str, str]:
    return dict(dict(record.structured_data)[sd_id])


def check_start(booted: Any, up: Any, number: int) -> None:
    """The machine of this number has booted, says on what, and which network it was given."""
    assert (booted.msgid, booted.priority) == ("BOOTED", NOTICE)
    assert (up.msgid, up.priority) == ("NETWORK-UP", NOTICE)
    runtime = read_element(booted, "runtime@32473")
    assert runtime["pid"] == "1"
    assert runtime["kernel"].startswith("Linux ")
    assert runtime["syslogfast"].endswith(" c")
    assert read_element(booted, "origin")["software"] == "microvm"
    assert read_element(up, "origin") == {"ip": "10.0.2.15"}
    assert read_element(up, "network@32473") == {
        "interface": "eth0",
        "linkAddress": f"52:54:00:00:00:{number:02x}",
        "address": "10.0.2.15/24",
        "gateway": "10.0.2.2",
        "nameServer": "10.0.2.3",
    }
    ticks = [int(read_element(record, "meta")["sysUpTime"]) for record in (booted, up)]
    assert 0 < ticks[0] <= ticks[1]
    assert read_element(booted, "meta")["sequenceId"] == "1"
    assert read_element(up, "meta")["sequenceId"] == "2"


def test_null_read(microvm: list[str], receiver: socket.socket) -> None:
    """What kills PID 1, and with it the kernel, is told of before."""
    booted, up, crashed = boot(microvm, receiver, "segv")
    check_start(booted, up, 1)
    assert (crashed.msgid, crashed.priority) == ("CRASHED", CRIT)
    assert read_element(crashed, "signal@32473") == {"name": "SIGSEGV", "number": "11"}
    assert read_element(crashed, "meta")["sequenceId"] == "3"


def list_lives(crashes: int) -> dict[str, list[str]]:
    """Return the MSGIDs of each machine: the last ones crash, in two ways in turn."""
    ways = (["CRASHED", "ENDED"], ["CRASHED"])
    ends = [["ENDED"]] * (FLEET - crashes) + [ways[number % 2] for number in range(crashes)]
    return {
        f"vm-{number:02d}": ["BOOTED", "NETWORK-UP", *end] for number, end in enumerate(ends, 1)
    }


def test_a_fleet_reports_to_rsyslog(microvm: list[str], start_collector: StartCollector) -> None:
    """Machines that boot at once, all with one address and one PID, are told apart by name."""
    collector = start_collector(Rsyslog)
    crashes = (FLEET + 1) // 2
    result = subprocess.run(
        [
            *(*microvm, "fleet", "--count", str(FLEET), "--crash", str(crashes)),
            *("--to", collector.url("udp")),
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT + LIMIT_EACH * FLEET,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    expected = list_lives(crashes)
    records: dict[str, list[Record]] = defaultdict(list)
    count = sum(len(life) + len(WORK) for life in expected.values()) + crashes * len(STEPS)
    for record in collector.records(count):
        records[record.hostname].append(record)
    lives = {name: take_out_work(told) for name, told in records.items()}
    told = {name: [record.msgid for record in life] for name, life in lives.items()}
    assert told == expected
    for number, name in enumerate(expected, 1):
        check_start(lives[name][0], lives[name][1], number)
    crashed, ended = lives[list(expected)[FLEET - crashes]][2:]
    assert (crashed.priority, ended.priority) == (CRIT, NOTICE)
    assert read_element(crashed, "exception@32473")["type"] == "RuntimeError"
    assert read_element(crashed, "exception@32473")["function"] == "work"
    assert [read_element(record, "meta")["sequenceId"] for record in (crashed, ended)] == ["3", "4"]


def load_dhcp(root: pathlib.Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "dhcp", root / "examples" / "microvm" / "guest" / "dhcp.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ScriptedServer:
    """Takes what a DHCP client sends, and answers each message with the next of these."""

    def __init__(self, *answers: list[tuple[bytes, bytes, bytes]]) -> None:
        self.answers = list(answers)
        self.asked: list[bytes] = []
        self.pending: list[bytes] = []

    def sendto(self, message: bytes, place: tuple[str, int]) -> None:
        assert place == ("255.255.255.255", 67)
        self.asked.append(message)
        for transaction, address, options in self.answers.pop(0):
            head = b"\2\1\6\0" + (transaction or message[4:8]) + bytes(8) + address
            self.pending.append(head.ljust(236, b"\0") + b"\x63\x82\x53\x63" + options)

    def recv(self, size: int) -> bytes:
        if not self.pending:
            raise TimeoutError
        return self.pending.pop(0)


LINK_ADDRESS = b"\x52\x54\0\0\0\1"
ADDRESS = b"\x0a\0\2\x0f"
SERVER = b"\x36\4\x0a\0\2\2"
OFFER, ACK, NAK = b"\x35\1\2" + SERVER, b"\x35\1\5" + SERVER, b"\x35\1\6" + SERVER


def test_dhcp(root: pathlib.Path) -> None:
    """The answer to somebody else does not count; what was offered is asked for, and leased."""
    told = b"\1\4\xff\xff\xf0\0" + b"\3\4\x0a\0\2\2" + b"\6\x08" + bytes(range(8)) + b"\x0c\2vm\xff"
    server = ScriptedServer(
        [(b"else", b"\1\2\3\4", OFFER), (b"", ADDRESS, OFFER)], [(b"", ADDRESS, ACK + told)]
    )
    lease = load_dhcp(root).try_once(server, LINK_ADDRESS)
    assert (lease.address, lease.prefix_length, lease.gateway) == (ADDRESS, 20, b"\x0a\0\2\2")
    assert (lease.name_servers, lease.host_name) == ([b"\0\1\2\3", b"\4\5\6\7"], "vm")
    discover, request = server.asked
    assert discover[:4] == request[:4] == b"\1\1\6\0"
    assert discover[28:34] == LINK_ADDRESS
    assert discover[236:243] == b"\x63\x82\x53\x63\x35\1\1"
    assert request[236:255] == b"\x63\x82\x53\x63\x35\1\3" + b"\x32\4" + ADDRESS + SERVER


def test_dhcp_without_a_lease(root: pathlib.Path) -> None:
    dhcp = load_dhcp(root)
    refusing = ScriptedServer([(b"", ADDRESS, OFFER)], [(b"", bytes(4), NAK)])
    assert dhcp.try_once(refusing, LINK_ADDRESS) is None
    with pytest.raises(TimeoutError):
        dhcp.try_once(ScriptedServer([(b"else", ADDRESS, OFFER)]), LINK_ADDRESS)


@given(st.binary(max_size=64))
def test_any_dhcp_options_are_parsed(root: pathlib.Path, data: bytes) -> None:
    """What is cut off is left out; nothing raises, and all comes to an end."""
    dhcp = load_dhcp(root)
    options = dhcp.parse_options(data)
    assert sum(2 + len(value) for value in options.values()) <= len(data)
    dhcp.Lease(ADDRESS, options)


def test_it_says_what_is_missing(command: list[str], tmp_path: pathlib.Path) -> None:
    result = subprocess.run(
        [*command, "--parts", str(tmp_path), "run"], capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert any(part in line for part in ("qemu-system-x86", "linux-image-cloud-amd64", "x86_64"))
