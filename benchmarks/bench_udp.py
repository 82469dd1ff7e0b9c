"""How many datagrams a second does an emitter send?

A round is as many records as the receiver's buffer holds: it is read, and each datagram of the
round counted and measured, before the next one; a round that lost one fails. So nobody reads while
the time is taken, and nothing is dropped. The yardstick is a loop that encodes and sends one
record after the other. "equal" are records of one size, "mix" the lines of fail2ban's sample logs,
as they follow each other there; `order=any` is for a host that speaks for many, so in "guests" four
log them at a time, line by line.
"""

import os
import pathlib
import select
import socket
import sys
from collections.abc import Callable, Iterator

import pytest
from bench_encode import mask_time
from conftest import IDENTITY, MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture

import syslogfast

COUNT = 2000  # equal records a round
GUESTS = 4  # that log the mix at the same time, for `order=any`
ROUNDS = 100
QUEUE_SIZE = 1 << 23  # bytes: half of it has room for a round
DATAGRAM_SPACE = 2304  # bytes of a receive buffer that a small datagram may take
SO_MEMINFO = 55
SO_RCVBUFFORCE = 33  # beyond the limit of net.core.rmem_max, for root


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """The lines of fail2ban's sample logs, unpacked by .ci/install."""
    tree = os.environ.get("SYSLOGFAST_FAIL2BAN")
    if not tree:
        pytest.skip("SYSLOGFAST_FAIL2BAN does not say where Debian's package is unpacked")
    (logs,) = pathlib.Path(tree).rglob("fail2ban/tests/files/logs")
    files = sorted(path for path in logs.rglob("*") if path.is_file())
    found = [line for path in files for line in path.read_bytes().splitlines() if line]
    assert len(found) > 2000
    assert len(set(map(len, found))) > 200
    return found


class Receiver:
    """A UDP socket of this host that keeps a whole round until it is asked for."""

    def __init__(self, count: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.address = self.socket.getsockname()
        space = count * DATAGRAM_SPACE
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, space)
        except PermissionError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, space)
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < space:
            pytest.skip(f"net.core.rmem_max does not allow a receive buffer of {space:,} bytes")

    def take(self, count: int) -> list[bytes]:
        """Return what has arrived; TimeoutError: one was lost."""
        datagrams = [self.socket.recv(1 << 16) for _ in range(count)]
        assert not select.select([self.socket], [], [], 0)[0]
        memory = self.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
        assert int.from_bytes(memory[-4:], sys.byteorder) == 0  # SK_MEMINFO_DROPS
        return datagrams


@pytest.fixture
def make_receiver() -> Iterator[Callable[[int], Receiver]]:
    receivers = []

    def call(count: int) -> Receiver:
        receivers.append(Receiver(count))
        return receivers[-1]

    yield call
    for receiver in receivers:
        receiver.socket.close()


@pytest.fixture
def prepare() -> Iterator[Callable[..., Callable[[], None]]]:
    """Give what returns a call that sends a round; what it has opened is closed at the end."""
    opened = []

    def call(row: str, receiver: Receiver, messages: "list[str] | list[bytes]") -> object:
        if row == "send":
            encode = syslogfast.Encoder(**IDENTITY, max_size=2048).encode
            datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams.connect(receiver.address)
            opened.append(datagrams)
            send = datagrams.send

            def send_each() -> None:
                for message in messages:
                    send(encode(6, message))

            return send_each
        url = f"udp://127.0.0.1:{receiver.address[1]}"
        if row.endswith("order=any"):
            url += "?order=any"
        linger = 0 if row == "emit" else 3600
        emitter = syslogfast.connect(
            url, linger=linger, queue_bytes=QUEUE_SIZE, overflow="block", **IDENTITY
        )
        opened.append(emitter)

        def emit_each() -> None:
            emit = emitter.emit
            for message in messages:
                emit(6, message)
            assert emitter.flush()

        def emit_many() -> None:
            emitter.emit_many(6, messages)
            assert emitter.flush()

        return emit_many if "emit_many" in row else emit_each

    yield call
    for each in opened:
        each.close()


def time_round(
    benchmark: BenchmarkFixture,
    receiver: Receiver,
    send: Callable[[], None],
    messages: "list[str] | list[bytes]",
    in_order: bool,
) -> None:
    """Time one way to send, after a look at what arrives; each round has to arrive as a whole."""
    encode = syslogfast.Encoder(**IDENTITY, max_size=2048).encode
    expected = [mask_time(encode(6, message)) for message in messages]
    send()
    received = list(map(mask_time, receiver.take(len(messages))))
    assert (received if in_order else sorted(received)) == (
        expected if in_order else sorted(expected)
    )
    size = sum(len(encode(6, message)) for message in messages)

    def take_round() -> None:
        assert sum(map(len, receiver.take(len(messages)))) == size

    send()
    benchmark.pedantic(send, setup=take_round, rounds=ROUNDS)
    take_round()
    benchmark.extra_info["nanoseconds a record"] = (
        benchmark.stats["median"] / len(messages) * 1e9 if benchmark.stats else None
    )


@pytest.mark.benchmark(group="2,000 datagrams of one size")
@pytest.mark.parametrize("row", ["send", "emit", "emit, linger", "emit_many, linger"])
def test_equal(benchmark: BenchmarkFixture, make_receiver, prepare, row: str) -> None:
    messages = [MESSAGE] * COUNT
    receiver = make_receiver(COUNT)
    time_round(benchmark, receiver, prepare(row, receiver, messages), messages, True)


MIXED = ["send", "emit", "emit, linger", "emit_many, linger"]
SORTED = ["emit, linger, order=any", "emit_many, linger, order=any"]


def time_mix(benchmark: BenchmarkFixture, make_receiver, prepare, lines, row: str) -> None:
    receiver = make_receiver(len(lines))
    in_order = "order=any" not in row
    time_round(benchmark, receiver, prepare(row, receiver, lines), lines, in_order)


@pytest.mark.benchmark(group="datagrams of mixed sizes")
@pytest.mark.parametrize("row", MIXED + SORTED)
def test_mix(benchmark: BenchmarkFixture, make_receiver, prepare, lines, row: str) -> None:
    time_mix(benchmark, make_receiver, prepare, lines, row)


@pytest.mark.benchmark(group="datagrams of mixed sizes, of four guests")
@pytest.mark.parametrize("row", MIXED + SORTED)
def test_guests(benchmark: BenchmarkFixture, make_receiver, prepare, lines, row: str) -> None:
    # Each is somewhere else in the same log.
    mixed = [lines[index - 97 * guest] for index in range(len(lines)) for guest in range(GUESTS)]
    time_mix(benchmark, make_receiver, prepare, mixed, row)
