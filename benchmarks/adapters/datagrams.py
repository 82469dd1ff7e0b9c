"""Rounds of datagrams: sent in several ways, then all of them looked at."""

import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from adapters.senders import TIME
from measure.missing import MissingError
from measure.record import IDENTITY
from measure.rounds import Run, pin

import syslogfast

DATAGRAM_SPACE = 2304  # bytes of a receive buffer that a small datagram may take
QUEUE_SIZE = 1 << 23  # bytes: half of it has space for a round
SO_MEMINFO = 55
SO_RCVBUFFORCE = 33  # beyond the limit of net.core.rmem_max, for root

Messages = "list[str] | list[bytes]"


class Keeper:
    """A UDP socket that keeps so many datagrams until it is asked for them: nobody reads while
    they are sent, and none is lost.
    """

    def __init__(self, count: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(2)
        self.url = f"udp://127.0.0.1:{self.socket.getsockname()[1]}"
        space = count * DATAGRAM_SPACE
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, space)
        except PermissionError:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, space)
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) < space:
            self.socket.close()
            raise MissingError(f"net.core.rmem_max does not allow a buffer of {space:,} bytes")

    def take(self, count: int) -> list[bytes]:
        """Return what has arrived; TimeoutError: one was lost."""
        datagrams = [self.socket.recv(1 << 16) for _ in range(count)]
        assert not select.select([self.socket], [], [], 0)[0]
        memory = self.socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
        assert int.from_bytes(memory[-4:], sys.byteorder) == 0  # SK_MEMINFO_DROPS
        return datagrams


def send_each(stream: socket.socket, messages: Messages) -> None:
    encode = syslogfast.Encoder(**IDENTITY, max_size=2048).encode
    send = stream.send
    for message in messages:
        send(encode(6, message))


def emit_each(emitter: syslogfast.Emitter, messages: Messages) -> None:
    emit = emitter.emit
    for message in messages:
        emit(6, message)
    assert emitter.flush()


def emit_many(emitter: syslogfast.Emitter, messages: Messages) -> None:
    emitter.emit_many(6, messages)
    assert emitter.flush()


@contextmanager
def run_datagrams(messages: Messages, any_order: bool) -> Iterator[dict[str, Run]]:
    """Give what sends the messages in each way; each was looked at, and each run is."""
    encode = syslogfast.Encoder(**IDENTITY, max_size=2048).encode
    records = [encode(6, message) for message in messages]
    expected = [TIME.sub(b"", record) for record in records]
    size = sum(map(len, records))
    keeper = Keeper(len(messages))

    def run(send: partial[None]) -> float:
        start = time.perf_counter()
        send()
        seconds = time.perf_counter() - start
        assert sum(map(len, keeper.take(len(messages)))) == size
        return seconds / len(messages)

    def connect(query: str = "", **options: float) -> syslogfast.Emitter:
        emitter = syslogfast.connect(
            keeper.url + query,
            queue_bytes=QUEUE_SIZE,
            overflow="block",
            **options,
            **IDENTITY,
        )
        return stack.enter_context(emitter)

    with ExitStack() as stack:
        stack.enter_context(keeper.socket)
        stream = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        stream.connect(keeper.socket.getsockname())
        sends = {
            "send": partial(send_each, stream, messages),
            "emit, linger=0": partial(emit_each, connect(linger=0), messages),
            "emit": partial(emit_each, connect(), messages),
            "emit_many": partial(emit_many, connect(), messages),
        }
        if any_order:
            emitter = connect("?order=any")
            sends["emit, order=any"] = partial(emit_each, emitter, messages)
            sends["emit_many, order=any"] = partial(emit_many, emitter, messages)
        for row, send in sends.items():
            with pin():  # a thread that this starts stays there
                send()
            received = [TIME.sub(b"", datagram) for datagram in keeper.take(len(messages))]
            if "order=any" in row:
                assert sorted(received) == sorted(expected)
            else:
                assert received == expected
        yield {row: partial(run, send) for row, send in sends.items()}
