"""What does an emitter's queue cost?

The record of bench_encode.py, framed by "lf". Each time is that of 300 records into an empty queue
that lingers: nothing is sent meanwhile, but all of it between one round and the next, to a sink
that only reads. In each group the fastest row is the yardstick: the numbers in brackets are how
many times as long the others take.
"""

import socket
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest
from bench_encode import expect, mask_time
from conftest import IDENTITY, MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture
from sinks import run_sink

import syslogfast

COUNT = 300  # records: 45 KB, less than the emitter gathers before it sends
ROUNDS = 2000
MESSAGES = [MESSAGE] * COUNT


def connect(port: str) -> syslogfast.Emitter:
    url = f"tcp://127.0.0.1:{port}?framing=lf"
    return syslogfast.connect(
        url, linger=3600, queue_bytes=1 << 30, overflow="drop-newest", **IDENTITY
    )


@pytest.fixture(scope="module")
def emitter() -> Iterator[syslogfast.Emitter]:
    with run_sink() as sink:
        with connect(sink.port) as emitter:
            yield emitter
        assert sink.read_size() == emitter.stats["bytes"]


def make_run(row: str, emitter: syslogfast.Emitter) -> Callable[[], object]:
    """Return a call that emits the message again and again."""

    def emit() -> None:
        for _ in repeat(None, COUNT):
            emitter.emit(6, MESSAGE)

    def inform() -> None:
        for _ in repeat(None, COUNT):
            emitter.info(MESSAGE)

    def emit_many() -> None:
        emitter.emit_many(6, MESSAGES)

    return {"emit": emit, "info": inform, "emit_many": emit_many}[row]


def receive_records(row: str) -> list[bytes]:
    """Return what a collector receives of one run."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with connect(str(listener.getsockname()[1])) as emitter:
            make_run(row, emitter)()
            assert emitter.flush()
            connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            return stream.read().splitlines()


def time_emitting(benchmark: BenchmarkFixture, emitter: syslogfast.Emitter, row: str) -> None:
    """Time one way to emit, after a look at what arrives."""
    assert list(map(mask_time, receive_records(row))) == [expect()] * COUNT
    before = emitter.stats["offered"]

    def flush() -> None:
        assert emitter.flush()

    benchmark.pedantic(make_run(row, emitter), setup=flush, rounds=ROUNDS, warmup_rounds=20)
    stats = emitter.stats
    assert stats["queued"] == COUNT  # the last round's: none was sent while it was timed
    assert stats["offered"] - before >= COUNT
    assert not stats["dropped"]


@pytest.mark.benchmark(group="emit into the queue against encode_into, 300 records")
@pytest.mark.parametrize("row", ["encode_into", "emit", "info"])
def test_emit(benchmark: BenchmarkFixture, emitter: syslogfast.Emitter, row: str) -> None:
    if row != "encode_into":
        time_emitting(benchmark, emitter, row)
        return
    encode_into = syslogfast.Encoder(**IDENTITY, framing="lf").encode_into
    buffer = bytearray(1024)
    end = encode_into(buffer, 6, MESSAGE)
    assert mask_time(bytes(buffer[: end - 1])) == expect()

    def run() -> None:
        for _ in repeat(None, COUNT):
            encode_into(buffer, 6, MESSAGE)

    benchmark(run)


@pytest.mark.benchmark(group="emit_many into the queue against encode_many_into, 300 records")
@pytest.mark.parametrize("row", ["encode_many_into", "emit_many"])
def test_emit_many(benchmark: BenchmarkFixture, emitter: syslogfast.Emitter, row: str) -> None:
    if row != "encode_many_into":
        time_emitting(benchmark, emitter, row)
        return
    encode_many_into = syslogfast.Encoder(**IDENTITY, framing="lf").encode_many_into
    block = memoryview(bytearray(1 << 17))
    end, count = encode_many_into(block, 6, MESSAGES)
    assert count == COUNT
    assert list(map(mask_time, bytes(block[:end]).splitlines())) == [expect()] * COUNT
    benchmark(encode_many_into, block, 6, MESSAGES)
