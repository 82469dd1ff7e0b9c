"""The queue between an emitter and its transport: what it has, in which order, and its counts.

Each test is for both queues. A `Line` has no transport: the test takes the bytes itself, and says
after every step whether all records are accounted for.
"""

import gc
import itertools
import random
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.backends import load_backend, load_emitter_module
from support.each import try_each

from syslogfast.transports import queue_py
from syslogfast.transports.queue_py import arrange_runs

pytestmark = [pytest.mark.native, pytest.mark.threads]

BLOCK = 1 << 17  # bytes of a block of the compiled queue, and what `peek` of its twin gives
NEVER = 1 << 62  # a threshold that is not reached
SMALLEST = 70  # bytes of a record that `Line.emit` can still number

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class FakeSender:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.answer = False
        self.on_apply_overflow = lambda size: None

    def pump(self) -> None:
        self.calls.append("drive")

    def start_lingering(self) -> None:
        self.calls.append("linger")

    def apply_overflow(self, size: int, deadline: float | None) -> float | None:
        self.calls.append(size)
        self.on_apply_overflow(size)
        return 1.0 if self.answer else None

    def take_calls(self) -> list[object]:
        calls, self.calls = self.calls, []
        return calls


class Line:
    """A emitter, its queue, and what a test has put in and taken out of it."""

    def __init__(self, module: ModuleType, emitter: type, queue: object) -> None:
        self.encoder = module.Encoder(
            facility="local0",  # PRI has three digits, whatever the severity
            hostname="h",
            app_name="a",
            procid=1,
            framing="lf",
            max_size=1 << 24,
        )
        self.queue = queue
        self.sender = FakeSender()
        self.queue.threshold = NEVER
        self.emitter = emitter(self.encoder, self.queue, self.sender)
        self.overhead = len(self.encoder.encode(6, "x", time_ns=0)) - 1
        self.emitted = 0
        self.emitting = 0  # records that an emit has not returned from
        self.taken = bytearray()
        self.withdrawn = 0  # bytes taken that a rewind gave back

    def make_text(self, size: int) -> str:
        """Return the text of the next record, which is to be of `size` bytes with its frame."""
        return f"{self.emitted:06d}".ljust(size - self.overhead, "x")

    def emit(self, size: int, severity: int = 6) -> bytes:
        """Emit a record of exactly this size; return it."""
        text = self.make_text(size)
        self.emitted += 1
        self.emitting += 1
        self.emitter.emit(severity, text, time_ns=0)
        self.emitting -= 1
        self.check()
        frame = self.encoder.encode(severity, text, time_ns=0)
        assert len(frame) == size
        return frame

    def peek(self, one: bool = False) -> bytes:
        view = self.queue.peek(one)
        self.check()
        return b"" if view is None else bytes(view)

    def consume(self, data: bytes) -> None:
        self.taken += data
        self.queue.consume(len(data))
        self.check()

    def rewind(self) -> None:
        before = self.stats["bytes"]
        self.queue.rewind()
        self.withdrawn += before - self.stats["bytes"]
        self.check()

    def take(self, size: int, one: bool = False) -> bytes:
        """Take so many bytes, or all there are, in as few steps as possible."""
        start = len(self.taken)
        while size and (data := self.peek(one)[:size]):
            self.consume(data)
            size -= len(data)
        return bytes(self.taken[start:])

    def drain(self, chunk: int = 1 << 30, one: bool = False) -> bytes:
        """Take all, no more than `chunk` bytes at a time."""
        start = len(self.taken)
        while data := self.peek(one)[:chunk]:
            self.consume(data)
        assert self.queue.peek() is None
        assert self.queue.peek(True) is None
        assert (self.queue.count, self.queue.size) == (0, 0)
        return bytes(self.taken[start:])

    @property
    def stats(self) -> dict:
        return self.queue.count_all()

    def check(self) -> None:
        """No record is unaccounted for, and no byte."""
        stats = self.stats
        assert list(stats) == ["offered", "sent", "queued", "dropped", "truncated", "bytes"]
        assert 0 <= self.emitted - stats["offered"] <= self.emitting
        assert stats["offered"] == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
        assert all(count > 0 for count in stats["dropped"].values())
        assert stats["queued"] == self.queue.count
        assert stats["bytes"] == len(self.taken) - self.withdrawn
        assert self.queue.size >= 0
        assert (self.queue.size > 0) == (self.queue.count > 0)


def make_line(name: str, limit: int, block_size: int = BLOCK) -> Line:
    module = load_backend(name)
    if name == "python":
        from syslogfast._emitter_py import EmitterBase
        from syslogfast.transports.queue_py import Queue

        return Line(module, EmitterBase, Queue(limit, block_size))
    return Line(module, module.EmitterBase, module.Queue(limit, block_size))


# --- bytes in, bytes out -------------------------------------------------------------------------


@try_each("chunk", [1, 7, 69, 70, 71, 99, 100, 101, 1000, 1 << 20])
@try_each("one", [False, True])
def test_bytes_in_every_chunk_size(backend: str, chunk: int, one: bool) -> None:
    """What goes in comes out, in order, however little of it is taken at a time."""
    line = make_line(backend, 10_000)
    frames = [line.emit(size) for size in (70, 100, 71, 99, 100, 300)]
    assert line.drain(chunk, one) == b"".join(frames)
    assert line.stats == {
        "offered": 6,
        "sent": 6,
        "queued": 0,
        "dropped": {},
        "truncated": 0,
        "bytes": 740,
    }


def test_peek_takes_nothing(backend: str) -> None:
    """Bytes that were only looked at are there still; those put meanwhile come behind them."""
    line = make_line(backend, 10_000)
    first, second = line.emit(100), line.emit(100)
    assert line.peek() == first + second
    third = line.emit(100)
    assert line.peek() == first + second + third
    assert (line.queue.size, line.queue.count) == (300, 3)
    assert line.drain() == first + second + third


def test_peek_is_not_disturbed_by_puts(backend: str) -> None:
    """A view that was given keeps its bytes while more is put, whatever becomes of the queue."""
    line = make_line(backend, 3 * BLOCK)
    first = line.emit(1000)
    view = line.queue.peek()
    rest = [line.emit(1000) for _ in range(3 * BLOCK // 1000 - 1)]
    assert bytes(view) == first
    line.consume(first)
    assert line.drain() == b"".join(rest)
    assert bytes(view) == first


def test_peek_one(backend: str) -> None:
    """For a transport without framing, each peek is one record, or what is left of it."""
    line = make_line(backend, 10_000)
    frames = [line.emit(size) for size in (70, 200, 90)]
    for frame in frames:
        assert line.peek(True) == frame
        line.consume(frame[:30])
        assert line.peek(True) == frame[30:]
        line.consume(frame[30:])
    assert line.peek(True) == b""


def test_a_full_transport_is_offered_few() -> None:
    """The twin joins what it gives: who emits would pay for that while nothing is taken."""
    queue = queue_py.Queue(1 << 20)
    for _ in range(1000):
        queue.put(b"x" * 100)
    assert len(queue.peek()) == 100_000
    queue.consume(0)
    assert len(queue.peek()) == 100
    queue.consume(0, 50)
    assert len(queue.peek()) == 100
    queue.consume(100)
    assert len(queue.peek()) == 99_900
    queue.consume(0, 250)  # which are on their way, and offered anew
    assert len(queue.peek()) == 300
    queue.consume(0)
    queue.reset()
    queue.put(b"y")
    queue.put(b"z")
    assert queue.peek() == b"yz"


def test_peek_gives_whole_frames(backend: str) -> None:
    """A peek ends where a record does, and gives one whole record at least."""
    line = make_line(backend, 10 * BLOCK)
    sizes = [70, BLOCK - 70, 1, 50_000, 90_000, 2 * BLOCK, 70, BLOCK, BLOCK + 1, 100]
    frames = [line.emit(max(size, SMALLEST)) for size in sizes]
    ends = set()
    end = 0
    for frame in frames:
        end += len(frame)
        ends.add(end)
    while data := line.peek():
        assert len(line.taken) + len(data) in ends
        line.consume(data)
    assert bytes(line.taken) == b"".join(frames)


def test_size_counts_what_is_left_of_a_frame(backend: str) -> None:
    """Bytes that have been sent make space; their record counts as queued until its last byte."""
    line = make_line(backend, 200)
    frame = line.emit(150)
    line.consume(line.peek()[:100])
    assert (line.queue.size, line.queue.count, line.stats["sent"]) == (50, 1, 0)
    second = line.emit(150)
    assert line.stats["dropped"] == {}
    line.consume(line.peek(True)[:49])
    assert (line.queue.size, line.queue.count, line.stats["sent"]) == (151, 2, 0)
    line.consume(line.peek(True))
    assert (line.queue.size, line.queue.count, line.stats["sent"]) == (150, 1, 1)
    assert line.drain() == second
    assert line.taken == frame + second


@try_each("size", [1_000, 4_096, 65_536, 131_071, 131_072])
def test_blocks_fill(backend: str, size: int) -> None:
    """Many blocks of records come out as they went in, read while others are put."""
    line = make_line(backend, 8 * BLOCK)
    frames = []
    for _ in range(3):
        while line.queue.size + size <= line.queue.limit:
            frames.append(line.emit(size))
        line.take(5 * BLOCK + 17)
    line.drain()
    assert line.taken == b"".join(frames)
    assert line.stats["dropped"] == {}


def test_records_larger_than_a_block(backend: str) -> None:
    """Among small records, one that no block holds is taken and given as a whole."""
    line = make_line(backend, 1 << 20)
    frames = [line.emit(size) for size in (100, BLOCK + 1, 100, 3 * BLOCK, BLOCK, 100)]
    line.consume(line.peek()[:50])
    line.drain()
    assert line.taken == b"".join(frames)
    big = line.emit(1 << 20)
    assert line.peek(True) == line.peek() == big
    line.consume(big[: 1 << 19])
    assert line.peek() == big[1 << 19 :]
    line.rewind()
    assert line.peek() == big


@pytest.mark.slow
def test_queue_is_used_again(backend: str) -> None:
    """What has been sent leaves no memory behind: ten thousand rounds need that of one."""
    line = make_line(backend, 4 * BLOCK)
    text = "x" * 40_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            for _ in range(10):
                line.emitter.emit(6, text, time_ns=0)
            while data := line.queue.peek():
                line.queue.consume(len(data))
        data = None
        assert line.stats["sent"] == 10_000
        assert tracemalloc.get_traced_memory()[0] - before < 2 * BLOCK
    finally:
        tracemalloc.stop()


def test_an_account_that_is_interrupted() -> None:
    """A signal's handler that comes amid it may send: what it has sent is counted once."""
    queue = queue_py.Queue(1000)

    class Interrupting(int):
        def __radd__(self, other: int) -> int:
            if queue.peek() is not None:
                queue.consume(10)
            return other + int(self)

    queue.put(b"x" * 10)
    queue.drop("full")
    queue._dropped["full"] = Interrupting(1)
    counts = queue.count_all()
    assert (counts["offered"], counts["sent"], counts["queued"]) == (2, 1, 0)
    assert counts["dropped"] == {"full": 1}


# --- the transport breaks
# -----------------------------------------------------------------------------


@try_each("sent", [0, 1, 69, 70, 71, 169, 170, 171, 269, 270])
def test_rewind(backend: str, sent: int) -> None:
    """A record that was sent in part is sent whole again; those sent whole are not."""
    line = make_line(backend, 1000)
    frames = [line.emit(70), line.emit(100), line.emit(100)]
    line.take(sent)
    whole = sum(sent >= end for end in (70, 170, 270))
    line.peek()
    line.rewind()
    rest = frames[whole:]
    assert line.stats["sent"] == whole
    assert line.stats["bytes"] == sum(map(len, frames[:whole]))
    assert (line.queue.size, line.queue.count) == (sum(map(len, rest)), len(rest))
    assert line.peek() == b"".join(rest)
    assert line.drain() == b"".join(rest)


def test_rewind_fills_the_queue_again(backend: str) -> None:
    """Bytes that come back may exceed the limit for a while: no record is lost for that."""
    line = make_line(backend, 200)
    first = line.emit(150)
    line.take(100)
    second = line.emit(150)
    line.rewind()
    assert (line.queue.size, line.queue.count) == (300, 2)
    line.emit(100)
    assert line.stats["dropped"] == {"full": 1}
    assert line.drain() == first + second


def test_rewind_of_nothing(backend: str) -> None:
    """A transport may break while the queue is empty, or before a byte was sent."""
    line = make_line(backend, 1000)
    line.rewind()
    frame = line.emit(100)
    line.rewind()
    line.rewind()
    assert line.drain() == frame
    line.rewind()
    assert line.peek() == b""


def test_drop_first(backend: str) -> None:
    """The record that was given and that no transport takes goes, and no other."""
    line = make_line(backend, 1000)
    frames = [line.emit(100), line.emit(100), line.emit(100)]
    assert line.peek(True) == frames[0]
    line.queue.drop_first("error")
    line.check()
    assert line.stats["dropped"] == {"error": 1}
    assert line.peek(True) == frames[1]
    line.queue.drop_first("refused")
    line.check()
    assert line.stats["dropped"] == {"error": 1, "refused": 1}
    assert line.drain() == frames[2]


def test_drop_first_of_what_is_sent_in_part(backend: str) -> None:
    """Only what is left of it was queued; what was sent stays counted."""
    line = make_line(backend, 1000)
    line.emit(100)
    second = line.emit(100)
    line.consume(line.peek(True)[:30])
    line.peek(True)
    line.queue.drop_first("error")
    line.check()
    assert (line.queue.size, line.queue.count, line.stats["bytes"]) == (100, 1, 30)
    assert line.drain() == second


def test_drop_first_needs_a_peek(backend: str) -> None:
    """Nothing is dropped that was not given: all may have been cleared meanwhile."""
    line = make_line(backend, 1000)
    line.queue.drop_first("error")
    frame = line.emit(100)
    line.queue.drop_first("error")
    line.check()
    assert line.stats["dropped"] == {}
    line.peek()
    line.queue.clear("closed")
    last = line.emit(100)
    line.queue.drop_first("error")
    line.queue.consume(len(frame))
    line.check()
    assert line.stats["dropped"] == {"closed": 1}
    assert line.drain() == last


def test_no_more_is_taken_than_was_offered(backend: str) -> None:
    """What a transport says beyond that is of no record."""
    line = make_line(backend, 1000)
    frames = [line.emit(100) for _ in range(3)]
    line.consume(line.peek(True))
    assert line.peek(True) == frames[1]
    line.taken += frames[1]
    line.queue.consume(150)
    assert (line.queue.size, line.queue.count, line.stats["bytes"]) == (100, 1, 200)
    assert line.drain() == frames[2]


def test_clear(backend: str) -> None:
    """All goes, also what is held and partly sent, under one reason; then there is space."""
    line = make_line(backend, 3 * BLOCK)
    for _ in range(30):
        line.emit(10_000)
    line.take(15_000)
    line.peek()
    line.queue.clear("closed")
    line.check()
    assert line.stats["sent"] == 1
    assert line.stats["dropped"] == {"closed": 29}
    assert (line.queue.size, line.queue.count, line.peek()) == (0, 0, b"")
    line.queue.clear("again")
    assert line.stats["dropped"] == {"closed": 29}
    frames = [line.emit(BLOCK), line.emit(BLOCK), line.emit(BLOCK)]
    assert line.drain() == b"".join(frames)


# --- the queue is full ---------------------------------------------------------------------------


@try_each("limit", [100, 1000, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_limit_is_exact(backend: str, limit: int) -> None:
    """A record fits to the last byte, and one of a byte more is asked space for."""
    line = make_line(backend, limit)
    size = max(limit // 2, 60)
    assert len(line.emit(limit)) == limit
    assert line.drain()
    line.emit(size)
    if limit - size >= SMALLEST:
        line.emit(limit - size)
        assert line.queue.size == limit
        line.drain()
        line.emit(size)
    line.sender.take_calls()
    over = max(limit - size + 1, SMALLEST)
    line.emit(over)
    assert line.sender.take_calls() == [over]
    assert line.stats["dropped"] == {"full": 1}
    assert line.queue.size == size


def test_too_large(backend: str) -> None:
    """A record that no queue of this limit holds is dropped as such, and nothing else is."""
    line = make_line(backend, 500)
    line.sender.answer = True
    kept = line.emit(100)
    line.sender.take_calls()
    line.emit(501)
    line.emit(100_000, severity=0)
    assert line.sender.take_calls() == []
    assert line.stats["dropped"] == {"too large": 2}
    assert line.drain() == kept
    assert line.emit(500)
    assert line.stats["dropped"] == {"too large": 2}


def test_as_large_as_the_queue(backend: str) -> None:
    """A record that the queue can hold, but not now, is not too large."""
    line = make_line(backend, 500)
    kept = line.emit(100)
    line.emit(500)
    assert line.stats["dropped"] == {"full": 1}
    line.emit(501)
    assert line.stats["dropped"] == {"full": 1, "too large": 1}
    assert line.drain() == kept


def test_closed(backend: str) -> None:
    """What comes after the end is dropped as "closed", whatever its size; what waits is kept."""
    line = make_line(backend, 500)
    line.sender.answer = True
    kept = line.emit(100)
    line.queue.closed = True
    line.sender.take_calls()
    for size in (100, 500, 501):
        line.emit(size, severity=3)
    assert line.sender.take_calls() == []
    assert line.stats["dropped"] == {"closed": 3}
    assert line.drain() == kept


def test_closed_while_space_was_made(backend: str) -> None:
    """If the end comes while a record waits for space, it is dropped as "closed"."""
    line = make_line(backend, 100)
    line.emit(100)

    def close(size: int) -> None:
        line.queue.closed = True

    line.sender.on_apply_overflow = close
    line.sender.answer = True
    line.emit(100)
    assert line.stats["dropped"] == {"closed": 1}
    assert line.sender.take_calls() == ["linger", 100]  # it is not asked again


def test_space_is_made(backend: str) -> None:
    """Where the sender makes space the record is queued, and a false promise does no harm."""
    line = make_line(backend, 100)
    line.emit(100)
    line.sender.answer = True
    line.sender.on_apply_overflow = lambda size: line.take(100)
    second = line.emit(90)
    assert line.stats["dropped"] == {}
    line.sender.on_apply_overflow = lambda size: None
    line.emit(80)
    assert line.stats["dropped"] == {"full": 1}
    assert line.drain() == second


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 1000, 60_000, BLOCK])
def test_drop_oldest(backend: str, size: int) -> None:
    """Only as many go as must, the oldest first."""
    line = make_line(backend, 10 * size)
    frames = [line.emit(size) for _ in range(10)]
    line.queue.drop_oldest(size)
    line.check()
    assert line.stats["dropped"] == {"full": 1}
    line.queue.drop_oldest(size)
    assert line.stats["dropped"] == {"full": 1}
    line.queue.drop_oldest(2 * size + 1)
    line.check()
    assert line.stats["dropped"] == {"full": 3}
    frames.append(line.emit(size))
    assert line.drain() == b"".join(frames[3:])
    line.queue.drop_oldest(10 * size)
    assert line.stats["dropped"] == {"full": 3}


def test_drop_oldest_may_drop_all(backend: str) -> None:
    """A record as large as the queue may take the place of all that is in it."""
    line = make_line(backend, 3 * BLOCK)
    for _ in range(300):
        line.emit(1000)
    line.queue.drop_oldest(3 * BLOCK)
    line.check()
    assert line.stats["dropped"] == {"full": 300}
    assert line.queue.peek() is None
    frame = line.emit(3 * BLOCK)
    assert line.drain() == frame


@pytest.mark.parametrize("limit", [1000, 4 * BLOCK])
@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("sent", [0, 1, 99])
def test_drop_oldest_spares_what_is_on_its_way(
    backend: str, limit: int, is_held: bool, sent: int
) -> None:
    """What was given by `peek`, or sent in part, stays and comes out whole."""
    line = make_line(backend, limit)
    frames = [line.emit(100) for _ in range(limit // 100)]
    line.take(sent)
    held = line.peek() if is_held else b""
    line.queue.drop_oldest(limit)
    line.check()
    assert line.peek()[: len(held)] == held
    if is_held:
        line.consume(held)
    line.drain()
    if sent or is_held:
        assert line.taken.startswith(frames[0])
    left = bytes(line.taken)
    for frame in frames:
        left = left.removeprefix(frame)
    assert left == b""


@pytest.mark.parametrize("limit", [2000, 4 * BLOCK])
@pytest.mark.parametrize("sent", [0, 50])
def test_drop_oldest_drops_what_came_after_a_peek(backend: str, limit: int, sent: int) -> None:
    """A transport that is full holds what it was given, and nothing that came later."""
    line = make_line(backend, limit)
    frames = [line.emit(100) for _ in range(4)]
    line.take(sent)
    held = line.peek()
    frames += [line.emit(100) for _ in range((limit - line.queue.size) // 100)]
    line.queue.drop_oldest(300)
    line.check()
    assert line.queue.size + 300 <= limit
    dropped = line.stats["dropped"]["full"]
    assert dropped <= 3
    assert line.drain() == held + b"".join(frames[4 + dropped :])


@pytest.mark.parametrize("limit", [2000, 4 * BLOCK])
def test_drop_oldest_after_a_part_was_sent(backend: str, limit: int) -> None:
    """If nothing is held, only the record that was sent in part has to stay."""
    line = make_line(backend, limit)
    frames = [line.emit(100) for _ in range(limit // 100)]
    line.take(50)
    line.queue.drop_oldest(1000)
    line.check()
    assert line.queue.size + 1000 <= limit
    line.drain()
    dropped = line.stats["dropped"]["full"]
    assert dropped <= 10
    assert line.taken == frames[0] + b"".join(frames[1 + dropped :])


def test_drop_oldest_takes_no_more_memory(backend: str) -> None:
    """While a transport holds on to the first record, a hundred queues' worth goes by in vain."""
    line = make_line(backend, 4 * BLOCK)
    line.emit(1000)
    line.peek()
    text = "x" * 10_000

    def make_space(size: int) -> None:
        line.queue.drop_oldest(size)

    line.sender.on_apply_overflow = make_space
    line.sender.answer = True
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5_000):
            line.emitted += 1
            line.emitter.emit(6, text, time_ns=0)
        line.check()
        assert tracemalloc.get_traced_memory()[0] - before < 3 * line.queue.limit
    finally:
        tracemalloc.stop()


# --- when the sender is called -----------------------------------------------------------------


def test_every_record_drives(backend: str) -> None:
    """With a threshold of 0 each record is sent at once, and nothing has to begin."""
    line = make_line(backend, 1000)
    line.queue.threshold = 0
    for severity in range(8):
        line.emit(100, severity)
        assert line.sender.take_calls() == ["drive"]


def test_first_record_begins(backend: str) -> None:
    """Below the threshold, only the record that finds the queue empty is told of, each time."""
    line = make_line(backend, 1000)
    for _ in range(2):
        line.emit(100)
        assert line.sender.take_calls() == ["linger"]
        line.emit(100, 7)
        line.emit(100, 4)
        assert line.sender.take_calls() == []
        line.take(250)
        line.emit(100)
        assert line.sender.take_calls() == []
        line.drain()


def test_severe_records_drive(backend: str) -> None:
    """One of severity "err" or worse waits for nothing."""
    line = make_line(backend, 1000)
    for severity in range(8):
        line.emit(100, severity)
        expected = ["drive"] if severity <= 3 else ["linger"] if line.queue.count == 1 else []
        assert line.sender.take_calls() == expected
    line.drain()
    line.emit(100, 3)
    assert line.sender.take_calls() == ["drive"]


@try_each("threshold", [100, 101, 299, 300, 301])
def test_threshold_is_exact(backend: str, threshold: int) -> None:
    """The record with which the queue reaches the threshold drives, and each after it."""
    line = make_line(backend, 10_000)
    line.queue.threshold = threshold
    for number in range(1, 6):
        line.emit(100)
        expected = ["drive"] if 100 * number >= threshold else ["linger"] if number == 1 else []
        assert line.sender.take_calls() == expected


def test_a_dropped_record_calls_nothing(backend: str) -> None:
    """After make_space has failed, there is nothing more to do."""
    line = make_line(backend, 100)
    line.queue.threshold = 0
    line.emit(100)
    line.sender.take_calls()
    line.emit(80, 0)
    assert line.sender.take_calls() == [80]
    assert line.stats["dropped"] == {"full": 1}


def test_first_record_after_space_was_made(backend: str) -> None:
    """If space was made by dropping all, the record is the first one again."""
    line = make_line(backend, 200)
    line.emit(200)
    line.sender.take_calls()
    line.sender.on_apply_overflow = line.queue.drop_oldest
    line.sender.answer = True
    line.emit(150)
    assert line.sender.take_calls() == [150, "linger"]


def test_emit_many_calls(backend: str) -> None:
    """A stretch of messages begins once, and drives where it reaches the threshold."""
    line = make_line(backend, 10_000)
    line.queue.threshold = 300
    line.emitter.emit_many(6, [line.make_text(100)] * 4)
    assert line.sender.take_calls() == ["linger", "drive", "drive"]
    line.emitter.emit_many("err", [line.make_text(100)] * 2)
    assert line.sender.take_calls() == ["drive", "drive"]


def test_a_failing_sender(backend: str) -> None:
    """What the sender raises, such as KeyboardInterrupt, is raised; the record is queued."""
    line = make_line(backend, 1000)

    def interrupt() -> None:
        raise KeyboardInterrupt

    line.sender.pump = interrupt
    line.queue.threshold = 0
    text = line.make_text(100)
    with pytest.raises(KeyboardInterrupt):
        line.emitter.emit(6, text, time_ns=0)
    line.emitted = 1
    line.check()
    assert line.drain() == line.encoder.encode(6, text, time_ns=0)


def test_two_records_at_once_begin() -> None:
    """If a signal's handler logs between a record's put and its look, somebody begins still."""
    from syslogfast import _emitter_py

    class InterruptedQueue(queue_py.Queue):
        __slots__ = ("interruptions",)

        def put(self, frame: bytes, is_truncated: bool) -> bool:
            is_put = super().put(frame, is_truncated)
            if self.interruptions:
                self.interruptions -= 1
                line.emit(100)
            return is_put

    line = Line(load_backend("python"), _emitter_py.EmitterBase, InterruptedQueue(1000))
    line.queue.interruptions = 1
    line.emit(100)
    assert line.queue.count == 2
    assert "linger" in line.sender.calls or "drive" in line.sender.calls


class WatchedQueue(queue_py.Queue):
    """Notes what is changed, or counted, by a thread that has not got the lock."""

    is_watched = False

    def __init__(self, limit: int) -> None:
        self.unlocked: list[str] = []
        self.locked: list[str] = []
        super().__init__(limit)
        for _ in range(2):
            self.put(b"x\n")
        self.peek(True)
        self.is_watched = True

    def note(self, name: str) -> None:
        if self.is_watched:
            (self.locked if self._lock._is_owned() else self.unlocked).append(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("size", "truncations") or name.startswith("_"):
            self.note(name)
        super().__setattr__(name, value)

    def __getattribute__(self, name: str) -> object:
        if name in ("_sent", "_dropped", "_truncated"):
            self.note(name)
        return super().__getattribute__(name)


def test_the_twin_is_changed_under_its_lock() -> None:
    """Another thread never finds a half of a change: a record that is in no count, say."""
    calls: dict[str, Callable[[queue_py.Queue], object]] = {
        "put": lambda queue: queue.put(b"y\n"),
        "drop": lambda queue: queue.drop("full"),
        "peek": lambda queue: queue.peek(),
        "peek_records": lambda queue: queue.peek_records(),
        "peek_run": lambda queue: queue.peek_run(100, 2, 100),
        "sort": lambda queue: [queue.rewind(), queue.sort()],
        "consume": lambda queue: queue.consume(2),
        "rewind": lambda queue: queue.rewind(),
        "drop_first": lambda queue: queue.drop_first("full"),
        "drop_oldest": lambda queue: queue.drop_oldest(1 << 20),
        "clear": lambda queue: queue.clear("closed"),
        "count_all": lambda queue: queue.count_all(),
    }
    for name, call in calls.items():
        queue = WatchedQueue(1 << 20)
        call(queue)
        assert (name, queue.unlocked) == (name, [])
        assert queue.locked, name


def test_peek_may_be_interrupted() -> None:
    """If a signal's handler logs while bytes are gathered for the transport, none is disturbed."""
    import sys

    line = make_line("python", 10_000)
    frames = [line.emit(100) for _ in range(3)]
    code = type(line.queue).peek.__code__

    def interrupt(frame: object, event: str, arg: object) -> object:
        if event == "line" and "frame" in frame.f_locals and line.emitted == 3:
            frames.append(line.emit(100))
        return interrupt

    before = sys.gettrace()
    sys.settrace(lambda frame, event, arg: interrupt if frame.f_code is code else None)
    try:
        line.peek()
    finally:
        sys.settrace(before)
    assert line.drain() == b"".join(frames)


# --- any operations ------------------------------------------------------------------------------

LIMITS = [200, 1000, 5000, BLOCK, BLOCK + 1, 3 * BLOCK, 1 << 20]
SIZES = [70, 71, 100, 255, 256, 1000, 5000, 5001, 60_000, BLOCK - 1, BLOCK, BLOCK + 1, 200_000]
steps = st.one_of(
    st.tuples(st.just("emit"), st.sampled_from(SIZES)),
    st.tuples(st.just("emit"), st.integers(70, 400)),
    st.tuples(st.just("emit many"), st.integers(1, 60)),
    st.tuples(st.just("take"), st.one_of(st.integers(1, 1000), st.sampled_from(SIZES))),
    st.tuples(st.just("take one"), st.integers(1, 1000)),
    st.tuples(st.just("consume nothing"), st.none()),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("rewind"), st.none()),
    st.tuples(st.just("drop first"), st.sampled_from(["error", "refused"])),
    st.tuples(st.just("drop oldest"), st.one_of(st.integers(0, 300), st.sampled_from(SIZES))),
    st.tuples(st.just("clear"), st.sampled_from(["closed", "gone"])),
)


class Model:
    """What the queue must hold: frames, the oldest of which may have been sent in part."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.frames: list[bytes] = []
        self.position = 0
        self.sent = 0
        self.pinned = False
        self.dropped: dict[str, int] = {}
        self.stream = b""  # all that was taken

    @property
    def size(self) -> int:
        return sum(map(len, self.frames)) - self.position

    def count(self, reason: str, count: int = 1) -> None:
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def put(self, frame: bytes) -> None:
        if self.size + len(frame) <= self.limit:
            self.frames.append(frame)
        else:
            self.count("too large" if len(frame) > self.limit else "full")

    def take(self, size: int) -> None:
        while self.frames and size:
            rest = self.frames[0][self.position :]
            part = rest[:size]
            self.stream += part
            size -= len(part)
            self.position += len(part)
            if len(part) == len(rest):
                self.drop(0)
                self.sent += 1

    def drop(self, index: int) -> None:
        del self.frames[index]
        if not index:
            self.position = 0


def apply(line: Line, model: Model, step: tuple) -> None:
    """Do one step on a queue and on the model; but drop nothing for others while any is held."""
    name, argument = step
    if name == "emit":
        model.put(line.emit(argument))
    elif name == "emit many":
        for number in range(argument):
            model.put(line.emit(90 + number))
    elif name.startswith("take"):
        line.take(argument, name == "take one")
        model.take(argument)
        model.pinned = False
    elif name == "consume nothing":
        line.peek()
        line.consume(b"")
        model.pinned = False
    elif name == "hold":
        data = line.peek(argument)
        assert b"".join(model.frames)[model.position :].startswith(data)
        assert len(data) >= (len(model.frames[0]) - model.position if model.frames else 0)
        model.pinned = bool(data)
    elif name == "rewind":
        line.queue.rewind()
        line.withdrawn += model.position
        model.position = 0
        model.pinned = False
    elif name == "drop first":
        line.queue.drop_first(argument)
        if model.pinned:
            model.drop(0)
            model.count(argument)
        model.pinned = False
    elif name == "drop oldest" and not model.pinned and not model.position:
        line.queue.drop_oldest(argument)
        while model.frames and model.size + argument > model.limit:
            model.drop(0)
            model.count("full")
    elif name == "clear":
        line.queue.clear(argument)
        model.count(argument, len(model.frames))
        model.frames.clear()
        model.position = 0
        model.pinned = False
    line.check()
    assert (line.queue.count, line.queue.size) == (len(model.frames), model.size)
    stats = line.stats
    assert (stats["sent"], stats["dropped"]) == (model.sent, model.dropped)


random_steps = settings(
    max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.mark.slow
@random_steps
@given(limit=st.sampled_from(LIMITS), given_steps=st.lists(steps, min_size=1, max_size=30))
@example(200, [("emit", 100), ("take", 50), ("emit", 100), ("rewind", None), ("emit", 100)])
@example(BLOCK, [("emit", BLOCK), ("take", BLOCK), ("emit", BLOCK), ("take", BLOCK - 1)])
@example(3 * BLOCK, [("emit", BLOCK)] * 3 + [("hold", False), ("clear", "gone"), ("emit", 70)])
def test_twins_do_the_same(limit: int, given_steps: list[tuple]) -> None:
    """The same steps on both queues, and on a list: the same records, in order, and counts."""
    lines = [make_line(name, limit) for name in ("c", "python")]
    models = [Model(limit), Model(limit)]
    for step in given_steps:
        for line, model in zip(lines, models, strict=True):
            apply(line, model, step)
        assert lines[0].stats == lines[1].stats
    for line, model in zip(lines, models, strict=True):
        model.take(NEVER)
        line.drain()
        assert bytes(line.taken) == model.stream
    assert lines[0].stats == lines[1].stats


@pytest.mark.slow
@random_steps
@given(
    limit=st.sampled_from(LIMITS),
    given_steps=st.lists(steps.filter(lambda step: step[0] != "rewind"), min_size=1, max_size=30),
)
@example(1 << 20, [("emit", BLOCK), ("emit", BLOCK), ("hold", False), ("drop oldest", 200_000)])
def test_what_is_held_stays(backend: str, limit: int, given_steps: list[tuple]) -> None:
    """Whatever is dropped for want of space: what was given comes next, and all comes whole."""
    line = make_line(backend, limit)
    frames = []
    held = b""
    dropped = 0
    for name, argument in given_steps:
        if name == "emit":
            frames.append(line.emit(argument))
        elif name == "emit many":
            frames += [line.emit(90 + number) for number in range(argument)]
        elif name == "take":
            assert line.peek().startswith(held)
            line.take(argument)
            held = b""
        elif name == "hold":
            held = line.peek(argument)
        elif name == "drop oldest":
            line.queue.drop_oldest(argument)
            line.check()
            assert line.peek().startswith(held)
            held = line.peek()
    assert line.drain().startswith(held)
    left = bytes(line.taken)
    for frame in frames:
        dropped += not left.startswith(frame)
        left = left.removeprefix(frame)
    assert left == b""
    assert sum(line.stats["dropped"].values()) == dropped


# --- what transports ask for beside bytes
# -------------------------------------------------------------


def test_put_takes_a_frame_as_it_is(backend: str) -> None:
    queue = make_line(backend, 300).queue
    assert [queue.put(b"a" * 100), queue.put(b"b" * 100, True)] == [2, 1]
    assert queue.put(b"c" * 101) == 0
    assert queue.put(b"c" * 100) == 1
    assert bytes(queue.peek()) == b"a" * 100 + b"b" * 100 + b"c" * 100
    queue.closed = True
    queue.clear("closed")
    assert queue.put(b"d" * 20) == 0
    stats = queue.count_all()
    assert (stats["offered"], stats["dropped"], stats["truncated"]) == (3, {"closed": 3}, 1)


@try_each("size", [0, 1, 5, 15, 16, 17])
def test_many_small_frames(backend: str, size: int) -> None:
    """A handler without a header may send next to nothing."""
    queue = make_line(backend, 1 << 20).queue
    for _ in range(30_000):
        assert queue.put(b"x" * size)
    assert queue.count == 30_000
    taken = 0
    while (data := queue.peek()) is not None and queue.count:
        taken += len(data)
        queue.consume(len(data))
    assert (taken, queue.count) == (30_000 * size, 0)


def test_empty_frames_are_sent_for_themselves(backend: str) -> None:
    """One behind a record that is sent, or that comes meanwhile, was not given, and so not sent."""
    queue = make_line(backend, 300).queue
    for frame in (b"xy", b"", b"z"):
        queue.put(frame)
    for number, frame in enumerate([b"xy", b"", b"z"]):
        assert (queue.count_all()["sent"], queue.count) == (number, 3 - number)
        assert queue.peek(True) == frame
        queue.consume(len(frame))
    queue.put(b"")
    assert queue.peek() == b""
    queue.put(b"")
    queue.consume(0)
    assert (queue.count_all()["sent"], queue.count) == (4, 1)


def test_records_and_their_ends(backend: str) -> None:
    """The ends count from what is left to send, whatever has been sent or dropped before."""
    queue = make_line(backend, 10_000).queue
    assert queue.peek_records() is None
    frames = [bytes([97 + number]) * (20 + number) for number in range(20)]
    for frame in frames:
        queue.put(frame)
    for _ in range(5):
        data, ends = queue.peek_records()
        starts = [0, *ends]
        found = [bytes(data[start:end]) for start, end in zip(starts, ends, strict=False)]
        assert found == frames
        assert ends[-1] == len(data)
        queue.consume(len(frames[0]) + len(frames[1]))
        del frames[:2]


@try_each(
    "sizes, longest, most, space, count",
    [
        ([50], 99, 64, 999, 1),
        ([50, 50, 50], 99, 64, 999, 3),
        ([50, 50, 49, 50], 99, 64, 999, 3),  # one shorter is the last
        ([50, 50, 51], 99, 64, 999, 2),
        ([50, 51, 50], 99, 64, 999, 1),
        ([50, 20, 20], 99, 64, 999, 2),
        ([50, 50, 50, 50], 99, 3, 999, 3),
        ([50, 50, 50, 50], 99, 64, 199, 3),
        ([50, 50, 50, 49], 99, 64, 199, 4),
        ([50, 50], 49, 64, 999, 1),
        ([50, 50], 50, 64, 999, 2),
        ([50, 50], 0, 64, 999, 1),
    ],
)
def test_a_run_is_of_one_size_but_for_a_shorter_last(
    backend: str, sizes: list[int], longest: int, most: int, space: int, count: int
) -> None:
    queue = make_line(backend, 10_000).queue
    assert queue.peek_run(longest, most, space) is None
    frames = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    for frame in frames:
        queue.put(frame)
    data, segment = queue.peek_run(longest, most, space)
    assert bytes(data) == b"".join(frames[:count])
    assert segment == sizes[0]
    queue.consume(len(data))
    assert queue.count == len(sizes) - count


def test_sorting_puts_the_longest_first_and_changes_no_order_else(backend: str) -> None:
    queue = make_line(backend, 100_000).queue
    queue.put(b"sent" * 5)
    queue.peek(True)
    queue.consume(20)
    frames = [b"%03d" % number + b"x" * (20 + number * 7 % 13) for number in range(200)]
    for frame in frames:
        queue.put(frame)
    queue.sort()
    assert bytes(queue.peek()) == b"".join(sorted(frames, key=len, reverse=True))
    assert queue.count == 200
    queue.sort()  # while some are held, nothing moves
    queue.consume(len(bytes(queue.peek(True))))
    assert bytes(queue.peek(True)) == sorted(frames, key=len, reverse=True)[1]


@try_each(
    "sizes, arranged",
    [
        ([1], [1]),
        ([1, 2], [2, 1]),
        ([1, 3, 2], [3, 2, 1]),  # 2 ends the run of 3, whose end is taken then
        ([1, 1, 2, 3], [3, 2, 1, 1]),  # two do not fit at one end
        ([1, 1, 1, 2, 2, 3, 3], [3, 3, 2, 2, 1, 1, 1]),
        ([2, 1, 2, 3, 1, 3], [3, 3, 1, 2, 2, 1]),
        ([1, 2, 3, 2, 1, 4, 4, 5, 5, 6, 6], [6, 6, 4, 5, 5, 4, 3, 1, 2, 2, 1]),
        ([2, 2, 4, 0, 4, 1, 3], [4, 4, 3, 2, 2, 1, 0]),
    ],
)
def test_few_of_a_size_end_runs_of_longer_ones(
    backend: str, sizes: list[int], arranged: list[int]
) -> None:
    queue = make_line(backend, 10_000).queue
    frames = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    for frame in frames:
        queue.put(frame)
    queue.sort()
    sent = []
    while queue.size:
        sent.append(bytes(queue.peek(True)))
        queue.consume(len(sent[-1]))
    assert list(map(len, sent)) == [size for size in arranged if size]
    assert sorted(sent) == sorted(filter(None, frames))
    for size in sizes:  # those of one keep their order
        of_size = [frame for frame in sent if len(frame) == size]
        assert of_size == sorted(of_size)


def test_a_sole_record_is_not_in_order_yet(backend: str) -> None:
    """Those that come after it are sorted with it."""
    queue = make_line(backend, 1000).queue
    queue.put(b"a" * 20)
    queue.sort()
    queue.put(b"b" * 40)
    queue.put(b"c" * 30)
    queue.sort()
    assert bytes(queue.peek()) == b"b" * 40 + b"c" * 30 + b"a" * 20


def test_both_queues_sort_alike() -> None:
    chance = random.Random(5424)
    for _ in range(500):
        longest = chance.choice([1, 3, 10, 40])
        sizes = [chance.randint(0, longest) for _ in range(chance.randint(0, 60))]
        frames = [bytes([number]) * size for number, size in enumerate(sizes)]
        sorted_frames = []
        for name in ("c", "python"):
            queue = make_line(name, 10_000).queue
            for frame in frames:
                queue.put(frame)
            queue.sort()
            found = queue.peek_records()
            data, ends = found or (b"", [])
            starts = [0, *ends]
            sorted_frames.append(
                [bytes(data[start:end]) for start, end in zip(starts, ends, strict=False)]
            )
        assert sorted_frames[0] == sorted_frames[1] == arrange_runs(frames), sizes


def test_sorting_leaves_a_record_that_is_half_sent(backend: str) -> None:
    queue = make_line(backend, 1000).queue
    queue.put(b"a" * 20)
    queue.put(b"b" * 30)
    queue.peek()
    queue.consume(5)
    assert not queue.at_record_boundary()
    queue.sort()
    assert bytes(queue.peek()) == b"a" * 15 + b"b" * 30
    queue.consume(15)
    assert queue.at_record_boundary()


def test_what_comes_after_sorting_has_its_turn_after(backend: str) -> None:
    """However long the new ones are, those in order go first; then the new ones are sorted."""
    queue = make_line(backend, 1000).queue
    for size in (20, 30):
        queue.put(b"a" * size)
    queue.sort()
    for size in (40, 50):
        queue.put(b"b" * size)
    queue.sort()
    data, ends = queue.peek_records()
    assert bytes(data) == b"a" * 50 + b"b" * 90
    assert list(ends) == [30, 50, 90, 140]
    queue.consume(50)
    queue.sort()
    data, ends = queue.peek_records()
    assert (bytes(data), list(ends)) == (b"b" * 90, [50, 90])


def test_sorting_goes_on_after_a_drop(backend: str) -> None:
    queue = make_line(backend, 100).queue
    for size in (20, 30):
        queue.put(b"a" * size)
    queue.sort()
    queue.drop_oldest(100)
    assert queue.count == 0
    for size in (40, 50):
        queue.put(b"b" * size)
    queue.sort()
    assert list(queue.peek_records()[1]) == [50, 90]


def test_a_queue_of_a_few_bytes(backend: str) -> None:
    """Each of fifteen records of one octet has a place, in each of many such queues."""
    queues = [make_line(backend, 15).queue for _ in range(50)]
    for octet in b"abcdefghijklmno":
        for queue in queues:
            assert queue.put(bytes([octet]))
    for queue in queues:
        assert not queue.put(b"p")
        data = b""
        while queue.count:
            view = queue.peek()
            data += view
            queue.consume(len(view))
        assert data == b"abcdefghijklmno"


def test_what_a_view_shows_stays_when_all_is_dropped(backend: str) -> None:
    """The kernel may be reading it just now: what comes is written elsewhere."""
    queue = make_line(backend, 1000).queue
    queue.put(b"a" * 100)
    view = queue.peek()
    queue.clear("closed")
    for _ in range(9):
        queue.put(b"b" * 100)
    assert bytes(view) == b"a" * 100
    queue.consume(100)
    assert (queue.count, queue.size) == (9, 900)
    assert bytes(queue.peek()) == b"b" * 900


@try_each("taken", [0, 20, 25])
@try_each("held", [1, 15, 16, 40, 41, 1000])
def test_what_is_on_its_way_is_not_dropped(backend: str, taken: int, held: int) -> None:
    """`held` bytes after those taken belong to records that drop_oldest leaves; no others do."""
    queue = make_line(backend, 200).queue
    frames = [bytes([97 + number]) * 20 for number in range(10)]
    for frame in frames:
        queue.put(frame)
    queue.peek()
    queue.consume(taken, held)
    rest = b"".join(frames)[taken:]
    kept = min(-(-(taken + held) // 20) * 20 - taken, len(rest))  # up to the end of a record
    queue.drop_oldest(100 - (200 - len(rest) - 200))
    assert queue.size == kept
    assert bytes(queue.peek()) == rest[:kept]
    stats = queue.count_all()
    assert (
        stats["offered"] == 10 == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
    )
    assert stats["dropped"].get("full", 0) == (len(rest) - kept) // 20
    queue.rewind()
    queue.drop_oldest(200)
    assert queue.count == 0


def test_reset_forgets_all(backend: str) -> None:
    queue = make_line(backend, 200).queue
    for _ in range(12):
        queue.put(b"x" * 20) or queue.drop("full")
    queue.peek()
    queue.consume(30)
    assert queue.drops_since > 1_700_000_000_000_000_000
    queue.reset()
    assert queue.count_all() == {
        "offered": 0,
        "sent": 0,
        "queued": 0,
        "dropped": {},
        "truncated": 0,
        "bytes": 0,
    }
    assert (queue.size, queue.count, queue.drops_since) == (0, 0, 0)
    queue.put(b"y" * 200)
    assert bytes(queue.peek()) == b"y" * 200


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(16, 120)),
        st.tuples(st.just("peek"), st.booleans()),
        st.tuples(st.just("peek_run"), st.integers(0, 100)),
        st.tuples(st.just("consume"), st.tuples(st.integers(0, 400), st.integers(0, 200))),
        st.tuples(st.just("drop_oldest"), st.integers(0, 300)),
        st.tuples(st.sampled_from(["rewind", "drop_first", "peek_records"]), st.none()),
    ),
    max_size=40,
)


def act(queue: object, name: str, argument: object, number: int) -> object:
    if name == "put":
        return queue.put(bytes([97 + number % 26]) * argument)
    if name == "peek_run":
        run = queue.peek_run(argument, 5, 300)
        return run and (bytes(run[0]), run[1])
    if name == "peek_records":
        found = queue.peek_records()
        return found and (bytes(found[0]), list(found[1]))
    if name == "consume":
        return queue.consume(*argument)
    if name == "drop_first":
        return queue.drop_first("error")
    if argument is None:
        return getattr(queue, name)()
    result = getattr(queue, name)(argument)
    return None if result is None else bytes(result)


@given(actions=ACTIONS)
@example(actions=[("put", 16), ("put", 16), ("peek", False), ("consume", (0, 0)), ("peek", False)])
def test_both_queues_do_the_same(actions: list[tuple[str, object]]) -> None:
    """Within one block, where both gather the same records."""
    queues = [make_line(name, 1000).queue for name in ("c", "python")]
    for number, (name, argument) in enumerate(actions):
        results = [act(queue, name, argument, number) for queue in queues]
        if name.startswith("peek") and results[0] != results[1]:
            # Where a record was dropped in the midst of others, the compiled one gives less; where
            # none was taken of the last that were given, the other does.
            given = [result if name == "peek" else result[0] for result in results]
            less, more = sorted(given, key=len)
            assert more.startswith(less)
            for queue in queues:
                queue.rewind()
            continue
        assert results[0] == results[1], (number, name)
        counts = [queue.count_all() for queue in queues]
        assert counts[0] == counts[1], (number, name)
        assert queues[0].size == queues[1].size
        assert queues[0].at_record_boundary() == queues[1].at_record_boundary()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["del queue", "queue.clear('closed')", "queue.reset()"])
def test_many_blocks_are_freed_at_once(run_python: Run, backend: str, how: str) -> None:
    """Not each by the one before it: there may be more of them than the stack has space for."""
    module = "_encoder_c" if backend == "c" else "transports.queue_py"
    code = f"from syslogfast.{module} import Queue\nqueue = Queue(1 << 20, 1)\n"
    code += f"for _ in range(200_000): queue.put(b'xx')\n{how}\nprint('alive')"
    result = run_python(code)
    assert (result.stdout, result.stderr, result.returncode) == ("alive\n", "", 0)


# --- code that runs in the middle of a step ------------------------------------------------------


class Interrupted:
    """A full queue under drop-oldest, into which a record is emitted amid a step."""

    def __init__(self, backend: str) -> None:
        self.line = make_line(backend, 2000, 600)
        self.queue = self.line.queue
        self.line.sender.answer = True
        self.line.sender.on_apply_overflow = self.queue.drop_oldest
        self.frames: set[bytes] = set()
        self.numbers = itertools.count()
        self.is_interrupting = False
        self.interruptions = 0
        self.refill()

    def emit(self, size: int) -> None:
        line = self.line
        text = f"{next(self.numbers):06d}".ljust(size - line.overhead, "x")
        line.emitted += 1
        self.frames.add(line.encoder.encode(6, text, time_ns=0))
        line.emitter.emit(6, text, time_ns=0)

    def refill(self) -> None:
        while self.queue.size + 100 <= self.queue.limit:
            self.emit(100 - self.line.emitted % 3)

    def interrupt(self, *ignored: object) -> None:
        if self.is_interrupting:
            return  # on a slow machine the next signal comes before this one is through
        self.is_interrupting = True
        self.interruptions += 1
        for _ in range(8):
            self.emit(100)
        self.is_interrupting = False

    def send(self, view: "memoryview | None", *, is_whole: bool = False) -> None:
        """Take what was given, and not always all of it."""
        assert view is not None
        data = bytes(view)
        self.line.taken += data if is_whole else data[: 1 + 37 * self.line.emitted % len(data)]
        self.queue.consume(len(self.line.taken) - self.line.stats["bytes"])

    def check(self) -> None:
        """Every record is whole, and was either sent or dropped."""
        line, queue = self.line, self.queue
        while view := queue.peek():
            self.send(view, is_whole=True)
        *frames, rest = bytes(line.taken).split(b"\n")
        assert rest == b""
        assert len(frames) == len(set(frames))
        assert {frame + b"\n" for frame in frames} <= self.frames
        stats = line.stats
        assert stats["sent"] == len(frames)
        assert stats["offered"] == line.emitted == len(self.frames)
        assert stats["offered"] == stats["sent"] + sum(stats["dropped"].values())
        assert queue.size == 0

    def peek(self) -> None:
        self.send(self.queue.peek())

    def peek_one(self) -> None:
        self.send(self.queue.peek(True))

    def peek_records(self) -> None:
        view, ends = self.queue.peek_records()
        assert [bytes(view)[end - 1] for end in ends] == [ord("\n")] * len(ends)
        self.send(view)

    def peek_run(self) -> None:
        view, segment = self.queue.peek_run(1000, 4, 1000)
        assert bytes(view)[segment - 1] == ord("\n")
        self.send(view, is_whole=True)

    def sort(self) -> None:
        self.queue.sort()

    def put(self) -> None:
        self.emit(500)  # a block of its own

    def drop_oldest(self) -> None:
        self.queue.drop_oldest(300)

    def drop_first(self) -> None:
        if self.queue.at_record_boundary() and self.queue.peek(True):
            self.queue.drop_first("error")

    def rewind(self) -> None:
        if self.queue.at_record_boundary():
            self.queue.peek()
            self.queue.rewind()

    def count_all(self) -> None:
        stats = self.queue.count_all()
        left = stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
        assert stats["offered"] == left


STEPS = [
    *("peek", "peek_one", "peek_records", "peek_run", "sort"),
    *("put", "drop_oldest", "drop_first", "rewind", "count_all"),
]


class Cycle:
    """Garbage that only the collector finds, and that logs when it does."""

    def __init__(self, on_deletion: "Callable[[], None]") -> None:
        self.on_deletion = on_deletion
        self.cycle = self

    def __del__(self) -> None:
        self.on_deletion()


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
def test_garbage_that_logs(backend: str, step: str) -> None:
    """At whichever allocation of a step it is collected: no record is torn, or sent and dropped.

    Python 3.11 and earlier collect within the allocation, later ones between two instructions.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()  # what earlier tests have left is not looked through again and again
    gc.disable()
    try:
        for allocation in range(30):
            interrupted = Interrupted(backend)
            run = getattr(interrupted, step)
            for _ in range(4):
                interrupted.refill()
                gc.collect()
                Cycle(interrupted.interrupt)
                gc.set_threshold(gc.get_count()[0] + allocation, *thresholds[1:])
                gc.enable()
                run()
                gc.disable()
            gc.collect()
            assert interrupted.interruptions == 4
            interrupted.check()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
def test_signal_handlers_that_log(backend: str) -> None:
    """They run between any two instructions of Python, as far as those are calls or loops."""
    interrupted = Interrupted(backend)
    former = signal.signal(signal.SIGALRM, interrupted.interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
    try:
        while interrupted.interruptions < 300:
            for step in STEPS:
                interrupted.refill()
                if interrupted.queue.at_record_boundary() or step in ("peek", "peek_one"):
                    getattr(interrupted, step)()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    interrupted.check()


WITHOUT_MEMORY = """
import logging, re, resource, sys, syslogfast, time
log = syslogfast.connect("tcp://127.0.0.1:9", queue_bytes=1 << 30, timeout=0.1, on_failure=False,
                         hostname="h", app_name="a", procid=1)
log.info("the worker has begun")
time.sleep(0.3)
calls = 0
overflow = log._sender.apply_overflow
def count_calls(*arguments):
    global calls
    calls += 1
    return overflow(*arguments)
log._sender.apply_overflow = count_calls
text = "x" * int(sys.argv[1])
record = logging.makeLogRecord({"msg": text, "levelno": 20, "created": 1.0})
log.emit_record(record)
frame = text.encode()
size = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (size + (6 << 20), resource.RLIM_INFINITY))
for _ in range(20_000): log.info(text)
for _ in range(100): log.info("%s", text)
for _ in range(100): log.emit_record(record)
for _ in range(100): log._sender.enqueue(frame)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
stats = log.stats
assert set(stats["dropped"]) == {"memory"}, stats
assert stats["dropped"]["memory"] > 1000 and calls < 10, (stats, calls)
log.info(text)
assert log.stats["queued"] == stats["queued"] + 1
log.close(0)
"""


@pytest.mark.no_sanitizer
def test_no_memory_for_more(run_python, backend: str) -> None:
    """A record that would need more is dropped at once, for that reason; later ones are queued."""
    result = run_python(WITHOUT_MEMORY, "1000", backend=backend)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.native
@pytest.mark.versions
def test_records_are_peeked_without_memory(backend: str) -> None:
    """Whichever allocation fails, nothing is freed twice: not the numbers where records end."""
    api = pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    queue = load_emitter_module(backend).Queue(1 << 20)
    for _ in range(5):  # for which a list grows twice
        queue.put(b"x" * 40)
    ends = [40, 80, 120, 160, 200]
    before = [sys.getrefcount(end) for end in ends]
    failed = 0
    for number in range(1000):
        api.set_nomemory(number % 20, number % 20 + 1)
        try:
            queue.peek_records()
        except (MemoryError, SystemError):  # the latter is CPython 3.11's own
            failed += 1
        finally:
            api.remove_mem_hooks()
        queue.rewind()
    assert failed > 50
    after = [sys.getrefcount(end) for end in ends]
    assert all(abs(b - a) < 20 for a, b in zip(after, before, strict=True)), (before, after)
    assert queue.peek_records()[1] == ends
