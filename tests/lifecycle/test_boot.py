"""A boot that is faster than its network: what it says meanwhile arrives later, with its own time.

Guest and collector have a network namespace each, with a cable between them that the test plugs in.
"""

import contextlib
import ctypes
import datetime
import os
import pathlib
import subprocess
import time
from collections.abc import Iterator

import pytest
from support.crashes import (
    LIVE,
    collect_crashes,
    die,
    list_parameters,
    read_records,
    read_sequence_id,
)
from support.grammar import Rfc5424Record
from support.namespaces import isolate, need_programs

pytestmark = pytest.mark.surroundings

CLONE_NEWNET = 0x40000000  # setns(2)
# RFC 5737: the collector is behind the gateway, so that nothing arrives without a default route.
GUEST, GATEWAY, COLLECTOR = "192.0.2.2", "192.0.2.1", "198.51.100.1"
OUTAGE = 3.0  # seconds
SHORT_OUTAGE = 1.0
LINK_ADDRESS = "02:00:00:00:00:01"
NAME_SERVERS = ["198.51.100.53", "2001:db8::53"]
BETWEEN = 50  # records that are emitted while there is no network
each_in_turn = pytest.mark.parametrize(
    ("transport", "backend"), [("udp", "c"), ("octet", "python")], indirect=["backend"]
)


class Cable:
    """Two namespaces, of the guest and of the collector, which a pair of interfaces connects."""

    def __init__(self, resolv_conf: pathlib.Path, stack: contextlib.ExitStack) -> None:
        self.resolv_conf = resolv_conf
        resolv_conf.touch()
        mount = f"mount --bind {resolv_conf} /etc/resolv.conf && echo ready && exec cat"
        self.guest = stack.enter_context(hold_namespace(mount))
        self.collector = stack.enter_context(hold_namespace("echo ready && exec cat"))
        ends = f"name eth0 address {LINK_ADDRESS} netns {self.guest} type veth peer name eth0"
        self.call(self.guest, f"link add {ends} netns {self.collector}")
        self.call(self.guest, "link set lo up")
        for command in (
            "link set lo up",
            "link set eth0 up",
            f"address add {GATEWAY}/24 dev eth0",
            f"address add {COLLECTOR}/32 dev lo",
        ):
            self.call(self.collector, command)

    def call(self, process: int, command: str) -> None:
        enter = ["nsenter", "-t", str(process), "-n", "ip", *command.split()]
        subprocess.run(enter, check=True, capture_output=True, timeout=30)

    def give_address(self) -> None:
        self.call(self.guest, f"address add {GUEST}/24 dev eth0")
        self.call(self.guest, "link set eth0 up")

    def give_route(self) -> None:
        self.call(self.guest, f"route add default via {GATEWAY}")


@contextlib.contextmanager
def hold_namespace(script: str) -> Iterator[int]:
    """Give the PID of a process that has namespaces of its own, for networks and for mounts."""
    command = [*isolate("--net", mounts=True), "sh", "-c", script]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        try:
            if process.stdout.readline() != b"ready\n":
                pytest.skip(f"no namespace can be had here: {process.stderr.read()!r}")
            yield process.pid
        finally:
            process.kill()


@contextlib.contextmanager
def be_in_namespace(process: int) -> Iterator[None]:
    """Have this thread open its sockets in the network of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    with (
        open(f"/proc/self/task/{os.getpid()}/ns/net") as home,
        open(f"/proc/{process}/ns/net") as away,
    ):
        assert libc.setns(away.fileno(), CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0


@pytest.fixture
def cable(tmp_path: pathlib.Path) -> Iterator[Cable]:
    need_programs("nsenter", "ip", "mount")
    if os.geteuid():
        pytest.skip("only root may make a network")
    with contextlib.ExitStack() as stack:
        try:
            made = Cable(tmp_path / "resolv.conf", stack)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network can be made here: {error.stderr!r}")
        yield made


# It speaks while there is no network; LIVE then waits until it is told to go on.
SPEAK = f"""for number in range({BETWEEN}):
    log.info("%d", number)
print("ready", flush=True)"""
PROGRAM = LIVE.replace('print("ready", flush=True)', SPEAK) + 'log.info("network is there")\n'


def read_timestamp(record: Rfc5424Record) -> datetime.datetime:
    return datetime.datetime.fromisoformat(record.timestamp.replace("Z", "+00:00"))


def boot(
    cable: Cable,
    transport: str,
    plug_in: "list[object]",
    backend: str,
    outage: float = SHORT_OUTAGE,
) -> "tuple[list[Rfc5424Record], list[datetime.datetime]]":
    """Run PROGRAM; after the outage take each step of `plug_in`; return its records and timestamps.

    A step is a function, or seconds to wait. The times are those before it was started, when it
    was ready, when the network came, and when all was over.
    """
    timestamps = []

    def wait_and_plug_in() -> None:
        take_time()
        time.sleep(outage)
        take_time()
        for step in plug_in:
            step() if callable(step) else time.sleep(step)

    def take_time() -> None:
        timestamps.append(datetime.datetime.now(datetime.UTC))

    enter = ("nsenter", "-t", str(cable.guest), "-n", "-m", "-r")
    with contextlib.ExitStack() as stack:
        with be_in_namespace(cable.collector):
            collector = stack.enter_context(collect_crashes(transport, COLLECTOR))
        take_time()
        death = die(
            PROGRAM,
            collector.url,
            collector=collector,
            tracer=enter,
            meanwhile=wait_and_plug_in,
            backend=backend,
        )
        take_time()
        assert (death.status, death.stderr) == (0, "")
        return read_records(collector), timestamps


def check_boot(
    records: "list[Rfc5424Record]",
    timestamps: "list[datetime.datetime]",
    outage: float = SHORT_OUTAGE,
) -> None:
    """Nothing is lost, and each record has the time at which it was emitted."""
    before, ready, plugged_in, after = timestamps
    msgids = ["BOOTED", *["-"] * BETWEEN, "NETWORK-UP", "-", "ENDED"]
    assert [record.msgid for record in records] == msgids
    assert [read_sequence_id(record) for record in records] == list(range(1, len(records) + 1))
    texts = [record.message for record in records if record.msgid == "-"]
    assert texts == [*map(str, range(BETWEEN)), "network is there"]
    booted, up = records[0], records[BETWEEN + 1]
    for record in records[: BETWEEN + 1]:
        assert before <= read_timestamp(record) <= ready
    for record in records[BETWEEN + 1 :]:
        assert plugged_in <= read_timestamp(record) <= after
    assert read_timestamp(up) - read_timestamp(booted) >= datetime.timedelta(seconds=outage)
    ticks = [int(list_parameters(record, "meta")["sysUpTime"]) for record in (booted, up)]
    assert (ticks[1] - ticks[0]) % (1 << 32) >= 100 * outage - 1
    assert "ip" not in list_parameters(booted, "origin")


@pytest.mark.slow
@each_in_turn
def test_the_network_comes_later(cable: Cable, transport: str, backend: str) -> None:
    def write_name_servers() -> None:
        lines = [f"nameserver {address}\n" for address in NAME_SERVERS]
        cable.resolv_conf.write_text("".join(lines), encoding="ascii")

    plug_in = [write_name_servers, cable.give_address, cable.give_route]
    records, timestamps = boot(cable, transport, plug_in, backend, OUTAGE)
    check_boot(records, timestamps, OUTAGE)
    up = records[BETWEEN + 1]
    assert dict(up.structured_data)["network@32473"] == [
        ("interface", "eth0"),
        ("linkAddress", LINK_ADDRESS),
        ("address", f"{GUEST}/24"),
        ("gateway", GATEWAY),
        *[("nameServer", address) for address in NAME_SERVERS],
    ]
    assert dict(up.structured_data)["origin"] == [("ip", GUEST)]


@pytest.mark.slow
@each_in_turn
def test_the_route_comes_after_the_address(cable: Cable, transport: str, backend: str) -> None:
    """As DHCP clients do it: the record waits a time, and names the gateway."""
    plug_in = [cable.give_address, 0.2, cable.give_route]
    records, timestamps = boot(cable, transport, plug_in, backend)
    check_boot(records, timestamps)
    assert list_parameters(records[BETWEEN + 1], "network@32473")["gateway"] == GATEWAY


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "octet"])
def test_the_route_comes_much_later(cable: Cable, transport: str) -> None:
    """The record does not wait for it any longer, but for the transport."""
    plug_in = [cable.give_address, 2.5, cable.give_route]
    records, timestamps = boot(cable, transport, plug_in, "")
    check_boot(records, timestamps)
    assert "gateway" not in list_parameters(records[BETWEEN + 1], "network@32473")
