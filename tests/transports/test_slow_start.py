"""Pacing: the first datagrams go out in growing bursts, and none is lost or late for it."""

import _thread
import json
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from support.grammar import parse_rfc5424
from support.receivers import LIMIT, check_counts, collect, read_numbers, url_of

from syslogfast.transports import datagram
from syslogfast.transports.url import parse_url

Connect = Callable[..., Any]


class Clock:
    """A time that passes only when somebody sleeps; each sleep is kept."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What a transport takes for the time; those who flush have the real one."""
    clock = Clock()
    monkeypatch.setattr(datagram, "monotonic", clock.monotonic)
    monkeypatch.setattr("syslogfast.transports.poll.sleep", clock.sleep)
    return clock


def receive_all(receiver: socket.socket) -> list[bytes]:
    """Return what is there."""
    receiver.setblocking(False)
    datagrams = []
    try:
        while True:
            datagrams.append(receiver.recv(1 << 16))
    except BlockingIOError:
        return datagrams


class Records:
    """A queue for a transport alone."""

    descriptor = -1

    def __init__(self, count: int) -> None:
        self.records = [b"<14>1 - web1 shop 42 - - %d" % number for number in range(count)]

    def peek(self, one: bool = False) -> memoryview | None:
        return memoryview(self.records[0]) if self.records else None

    def send_datagrams(self, longest: int) -> int:
        return -1  # the transport has to

    def peek_run(self, longest: int, most: int, size: int) -> tuple[memoryview, int] | None:
        return (memoryview(self.records[0]), len(self.records[0])) if self.records else None

    def advance(self) -> None:
        del self.records[0]


def open_transport(receiver: socket.socket, uses_slow_start: bool) -> datagram.UdpTransport:
    url = parse_url(url_of(receiver))
    url.uses_slow_start = uses_slow_start
    return datagram.UdpTransport(url, LIMIT)


def send_burst(transport: datagram.UdpTransport, records: Records) -> int:
    """Send until the transport says that it is full; return how many records that were."""
    count = 0
    while records.records and transport.push(records):  # type: ignore[arg-type]
        records.advance()
        count += 1
    return count


def test_bursts(receiver: socket.socket, clock: Clock) -> None:
    """1, 2, 4, 8, 16, with a pause after each, then as many as there are."""
    transport = open_transport(receiver, uses_slow_start=True)
    records = Records(200)
    bursts = []
    while records.records:
        bursts.append(send_burst(transport, records))
        assert send_burst(transport, records) == 0  # however often it is tried
        if records.records:
            transport.wait(LIMIT)
    transport.abort()
    assert bursts == [1, 2, 4, 8, 16, 169]
    # From the beginning of a burst to that of the next.
    assert clock.pauses == pytest.approx([datagram.BURST_PAUSE] * 5)
    assert read_numbers(receive_all(receiver)) == list(range(200))


def test_time_that_passes_is_a_pause(receiver: socket.socket, clock: Clock) -> None:
    """Records that come one by one, and slowly, wait for nothing."""
    transport = open_transport(receiver, uses_slow_start=True)
    records = Records(100)
    while records.records:
        assert transport.push(records)  # type: ignore[arg-type]
        records.advance()
        clock.now += datagram.BURST_PAUSE
    transport.abort()
    assert clock.pauses == []


def test_a_wait_is_no_longer_than_asked(receiver: socket.socket, clock: Clock) -> None:
    """The worker looks around when it said that it would."""
    transport = open_transport(receiver, uses_slow_start=True)
    records = Records(10)
    assert send_burst(transport, records) == 1
    transport.wait(datagram.BURST_PAUSE / 4)
    assert clock.pauses == [datagram.BURST_PAUSE / 4]
    assert send_burst(transport, records) == 0
    transport.wait(LIMIT)
    assert clock.pauses[1:] == pytest.approx([datagram.BURST_PAUSE * 3 / 4])
    assert send_burst(transport, records) == 2
    transport.abort()


def test_not_unless_asked(receiver: socket.socket, clock: Clock) -> None:
    """A transport is not paced by default."""
    transport = open_transport(receiver, uses_slow_start=False)
    assert send_burst(transport, Records(50)) == 50
    transport.abort()
    assert clock.pauses == []


def test_the_whole_way(connect: Connect, receiver: socket.socket, clock: Clock) -> None:
    """Nothing is lost, the order is kept, and who emits does not wait; flush does."""
    emitter = connect(url_of(receiver), linger=0.0)
    emitter._sender.retry_policy.enable_slow_start()
    with collect(receiver) as datagrams:
        emitter.info("0")
        emitter.error("1")
        emitter.emit_many("info", map(str, range(2, 100)))
        for number in range(100, 200):
            emitter.info("%d", number)
        assert emitter.flush()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["dropped"]) == (200, {})
    assert read_numbers(datagrams) == list(range(200))
    assert len(clock.pauses) >= 5
    assert all(0 <= pause <= datagram.BURST_PAUSE for pause in clock.pauses)


@pytest.mark.parametrize("linger", [0.0, 100.0])
def test_close_waits(connect: Connect, receiver: socket.socket, linger: float) -> None:
    """What is still to be paced goes out before the transport is closed, with real pauses."""
    emitter = connect(url_of(receiver), linger=linger)
    emitter._sender.retry_policy.enable_slow_start()
    with collect(receiver) as datagrams:
        for number in range(100):
            emitter.info("%d", number)
        emitter.close()
        stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (100, {})
    assert read_numbers(datagrams) == list(range(100))


def test_where_no_thread_can_be_had(
    connect: Connect, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the next to emit, or to flush, goes on."""

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    emitter = connect(url_of(receiver))
    emitter._sender.retry_policy.enable_slow_start()
    with monkeypatch.context() as patch:
        patch.setattr(_thread, "start_new_thread", refuse)
        for number in range(40):
            emitter.info("%d", number)
        assert emitter.flush()
    assert check_counts(emitter)["sent"] == 40
    assert read_numbers(receive_all(receiver)) == list(range(40))


def test_at_the_end_of_the_process(
    run_python: Connect, receiver: socket.socket, backend: str
) -> None:
    """A program that ends at once has sent all, the last words included."""
    result = run_python(
        """
import sys
import syslogfast.lifecycle
log = syslogfast.connect(sys.argv[1])
syslogfast.lifecycle.install(log, network=False)
for number in range(60):
    log.info("%d", number)
raise ValueError("text")
""",
        url_of(receiver),
        backend=backend,
    )
    assert result.returncode == 1
    records = [parse_rfc5424(record) for record in receive_all(receiver)]
    numbers = [record.message for record in records if record.msgid == "-"]
    assert numbers == [str(number) for number in range(60)]
    assert [r.msgid for r in records if r.msgid != "-"] == ["BOOTED", "CRASHED", "ENDED"]


def test_transports_that_are_opened_later(
    connect_once: Connect, receiver: socket.socket, clock: Clock
) -> None:
    """A transport that is open goes on as it is; the next one is paced."""

    def break_off(queue: object) -> int:
        raise OSError("it is over")

    emitter = connect_once(url_of(receiver))
    emitter.info("0")
    emitter._sender.retry_policy.enable_slow_start()
    emitter.emit_many("info", map(str, range(1, 50)))
    assert emitter.flush()
    assert clock.pauses == []
    emitter._sender._transport.push = break_off
    emitter.emit_many("info", map(str, range(50, 100)))
    assert emitter.flush()
    assert len(clock.pauses) >= 4
    assert read_numbers(receive_all(receiver)) == list(range(100))


def test_what_waits_is_loaded_early(run_python: Connect, backend: str) -> None:
    """A signal's handler that logs amid a later import would find half a module."""
    code = """
import sys, syslogfast
log = syslogfast.connect("udp://127.0.0.1:9", linger=0)
name = "syslogfast.transports.worker"
before = name in sys.modules
log._sender.retry_policy.enable_slow_start()
print(before, name in sys.modules)
"""
    assert run_python(code, backend=backend).stdout == "False True\n"


def test_a_collector_that_is_not_there(connect_once: Connect, receiver: socket.socket) -> None:
    """Refusals are counted as ever, and nothing hangs."""
    url = url_of(receiver)
    receiver.close()
    emitter = connect_once(url)
    emitter._sender.retry_policy.enable_slow_start()
    for number in range(50):
        emitter.info("%d", number)
    assert emitter.flush()
    stats = check_counts(emitter)
    assert stats["queued"] == 0
    assert set(stats["dropped"]) <= {"refused"}


# --- a neighbour that answers late ---------------------------------------------------------------

# A guest in a network namespace of its own, whose stack keeps three datagrams until it knows the
# link address of the collector (arp(7), unres_qlen_bytes). This process is also the other end of
# its wire, and answers who asks for that address late. All takes longer than in life, so that a
# busy machine does not matter.
GUEST = """
import ctypes, fcntl, json, os, select, socket, struct, sys, threading, time
NEWUSER, NEWNET = 0x10000000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(NEWNET) and libc.unshare(NEWUSER | NEWNET):
    sys.exit("SKIP: a network namespace of its own: " + os.strerror(ctypes.get_errno()))
try:
    wire = os.open("/dev/net/tun", os.O_RDWR)
    TUNSETIFF, TAP, NO_PI = 0x400454CA, 2, 0x1000
    fcntl.ioctl(wire, TUNSETIFF, struct.pack("16sH22x", b"wire", TAP | NO_PI))
    with open("/proc/sys/net/ipv4/neigh/wire/unres_qlen_bytes", "w") as file:
        file.write("2500")  # a short datagram counts as 768
except OSError as error:
    sys.exit(f"SKIP: a TAP device with a short queue: {error}")
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, UP = 0x8914, 0x8916, 0x891C, 1
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    for request, address in ((SIOCSIFADDR, "192.0.2.2"), (SIOCSIFNETMASK, "255.255.255.0")):
        place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
        fcntl.ioctl(control, request, struct.pack("16s16s8x", b"wire", place))
    fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH22x", b"wire", UP))

COLLECTOR, COLLECTOR_IP = bytes.fromhex("02005e000001"), socket.inet_aton("192.0.2.1")
DELAY = 0.2  # seconds
arrived = []
is_over = False

def answer(request):
    time.sleep(DELAY)
    sender, sender_ip = request[22:28], request[28:32]
    reply = request[14:20] + b"\\0\\2" + COLLECTOR + COLLECTOR_IP + sender + sender_ip
    os.write(wire, sender + COLLECTOR + b"\\x08\\x06" + reply)

def collect():
    is_asked = False
    while not is_over:
        if not select.select([wire], [], [], 0.5)[0]:
            continue
        frame = os.read(wire, 4096)
        if frame[12:14] == b"\\x08\\x06" and frame[38:42] == COLLECTOR_IP and not is_asked:
            is_asked = True
            threading.Thread(target=answer, args=(frame,), daemon=True).start()
        if frame[12:14] == b"\\x08\\x00" and frame[23] == 17:
            arrived.append(frame[14 + 4 * (frame[14] & 15) + 8 :].decode())

collector = threading.Thread(target=collect)
collector.start()
import syslogfast.lifecycle
from syslogfast.transports import datagram
datagram.BURST_PAUSE = 0.5
log = syslogfast.connect("udp://192.0.2.1:5514", hostname="guest", timeout=30)
lifecycle = syslogfast.lifecycle.install(
    log, boot=False, network=False, exceptions=False, end=False, pace=sys.argv[1] == "paced"
)
for number in range(31):
    log.info("%d", number)
log.flush()
log.close()
time.sleep(2 * DELAY)  # what is kept goes out when the answer has come
is_over = True
collector.join()
print(json.dumps([log.stats["sent"], arrived]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="namespaces and TAP devices are Linux's")
@pytest.mark.parametrize("pace", ["paced", "at once"])
def test_a_neighbour_that_answers_late(run_python: Connect, backend: str, pace: str) -> None:
    """At once, all but the last few are lost, though the kernel has taken them; paced, none is."""
    result = run_python(GUEST, pace, backend=backend)
    if result.stderr.startswith("SKIP: "):
        pytest.skip(result.stderr.partition(": ")[2].strip())
    assert (result.returncode, result.stderr) == (0, "")
    sent, arrived = json.loads(result.stdout)
    assert sent == 31
    numbers = read_numbers([record.encode() for record in arrived])
    if pace == "paced":
        assert numbers == list(range(31))
    else:
        assert 0 < len(numbers) < 10
        assert numbers == list(range(31))[-len(numbers) :]
