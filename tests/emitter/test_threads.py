"""One encoder, one emitter, one buffer serve any number of threads, with the GIL and without."""

import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from support.grammar import parse_rfc5424
from support.receivers import LIMIT, Sink, check_balance, check_counts, collect, wait_until
from support.threads import HAS_GIL, run_threads

pytestmark = pytest.mark.threads

# With the GIL threads take turns, and there is less to find.
THREADS = 8
RECORDS = 1_000 if HAS_GIL else 2_000
MANY_THREADS = 16
MANY_RECORDS = 5_000 if HAS_GIL else 100_000
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
DAY = 86_400  # seconds
RECORD = re.compile(rb"<14>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z web1 shop 42 - - (\d+) (\d+)\n")


def check_lines(data: bytes, threads: int) -> list[int]:
    """Return how many records of each thread there are; all are whole, and in its order."""
    counts = [0] * threads
    end = 0
    for match in RECORD.finditer(data):
        thread = int(match[1])
        assert (match.start(), int(match[2])) == (end, counts[thread])
        counts[thread] += 1
        end = match.end()
    assert end == len(data)
    return counts


@pytest.mark.slow
def test_threads_share_an_encoder(encoder_module: ModuleType) -> None:
    """Every record is whole and has its own text, time and structured data, whoever is at work."""
    encoder = encoder_module.Encoder(hostname="h", app_name="a", procid=1)
    wrong: list[object] = []

    def work(thread: int) -> None:
        for number in range(RECORDS):
            seconds = 86_400 * thread + number
            record = parse_rfc5424(
                encoder.encode(
                    "info",
                    f"{thread} {number} é",
                    time_ns=seconds * 1_000_000_000,
                    structured_data={"a": {"t": str(thread)}} if number % 2 else None,
                )
            )
            hour, rest = divmod(number, 3600)
            timestamp = (
                f"1970-01-{thread + 1:02d}T{hour:02d}:{rest // 60:02d}:{rest % 60:02d}.000000Z"
            )
            elements = [("a", [("t", str(thread))])] if number % 2 else []
            expected = (timestamp, f"{thread} {number} é", elements)
            if (record.timestamp, record.message, record.structured_data) != expected:
                wrong.append((expected, record))

    run_threads(work, THREADS)
    assert wrong == []


def test_gil_stays_off(run_python: Callable[..., Any], backend: str) -> None:
    """Where there is none, an import does not bring it back; with a warning, that would be."""
    code = (
        "import sys; import syslogfast, syslogfast.emitter;"
        "print(getattr(sys, '_is_gil_enabled', lambda: True)())"
    )
    result = run_python(code, backend=backend, options=("-I", "-W", "error"))
    assert (result.stdout, result.stderr) == (f"{HAS_GIL}\n", "")


@pytest.mark.slow
def test_many_records_of_one_encoder(encoder_module: ModuleType) -> None:
    """16 threads, each at a time of its own: each byte is the right one."""
    encoder = encoder_module.Encoder(framing="lf", **IDENTITY)

    def work(thread: int) -> None:
        timestamp = DAY * thread * 1_000_000_000
        date = f"1970-01-{thread + 1:02d}T00:00:00.000000Z"
        written = bytearray()
        end = 0
        for number in range(MANY_RECORDS // 2):
            text = f"{thread} {number}"
            end = encoder.encode_into(written, 6, text, end, time_ns=timestamp)
            written += encoder.encode(6, text, time_ns=timestamp)
            end = len(written)
        start = f"<14>1 {date} web1 shop 42 - - {thread} "
        lines = [f"{start}{number}\n" for number in range(MANY_RECORDS // 2) for _ in range(2)]
        assert written == "".join(lines).encode()

    run_threads(work, MANY_THREADS, 1e-5)


@pytest.mark.slow
def test_many_records_of_one_emitter(connect: Callable[..., Any], sink: Sink) -> None:
    """16 threads over one connection: each once, whole, in its thread's order."""
    emitter = connect(f"tcp://127.0.0.1:{sink.port}", linger=0.01, overflow="block", timeout=60)

    def work(thread: int) -> None:
        for number in range(MANY_RECORDS):
            emitter.info("%d %d", thread, number)

    run_threads(work, MANY_THREADS, 1e-5)
    emitter.close()
    stats = check_counts(emitter)
    total = MANY_THREADS * MANY_RECORDS
    assert (stats["offered"], stats["sent"], stats["dropped"]) == (total, total, {})
    assert wait_until(lambda: sink.size == stats["bytes"])
    assert check_lines(sink.received, MANY_THREADS) == [MANY_RECORDS] * MANY_THREADS


@pytest.mark.slow
@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest", "block"])
def test_counts_hold_whatever_else_is_done(
    connect: Callable[..., Any], sink: Sink, overflow: str
) -> None:
    """Statistics, flushes, children, numbers and a close in the middle: each record is counted."""
    emitter = connect(
        f"tcp://127.0.0.1:{sink.port}", linger=0.001, queue_bytes=20_000, overflow=overflow
    )
    numbered = emitter.child(app_name="other")
    elements: dict[str, dict[str, object]] = {"ctx@32473": {"n": 0}}

    def work(thread: int) -> None:
        for number in range(RECORDS):
            if thread < 2:
                check_balance(emitter.stats)
                elements["ctx@32473"][f"k{number % 7}"] = number
                elements["ctx@32473"].pop(f"k{(number + 3) % 7}", None)
            elif thread == 2 and number % 50 == 0:
                emitter.flush(0.01)
                emitter.child(app_name="child").info("spoken")
            elif thread == 3:
                numbered.info("%d %d", thread, number, structured_data=elements)
            elif thread == 4 and number == RECORDS - 100:
                emitter.close()
            else:
                emitter.info("%d %d", thread, number)

    run_threads(work, THREADS, 1e-5)
    emitter.close()
    stats = check_counts(emitter)
    assert (stats["queued"], emitter._queue.size) == (0, 0)
    assert wait_until(lambda: sink.size == stats["bytes"])
    records = sink.read_records()
    assert len(records) == stats["sent"]


@pytest.mark.slow
def test_many_datagrams_of_one_emitter(connect: Callable[..., Any], receiver: Any) -> None:
    """What arrives is whole, and all is counted."""
    url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
    emitter = connect(url, overflow="block")

    def work(thread: int) -> None:
        for number in range(RECORDS):
            emitter.info("%d %d", thread, number)

    with collect(receiver) as datagrams:
        run_threads(work, THREADS, 1e-5)
        emitter.close()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (THREADS * RECORDS, {})
    places = {RECORD.fullmatch(datagram + b"\n").groups() for datagram in datagrams}
    assert 0 < len(places) == len(datagrams)


@pytest.mark.slow
def test_numbers_are_each_given_once(connect: Callable[..., Any], sink: Sink) -> None:
    """A collector that looks for gaps finds none."""
    emitter = connect(
        f"tcp://127.0.0.1:{sink.port}", linger=0.01, overflow="block", sequence_ids=True
    )

    def work(_: int) -> None:
        for _ in range(RECORDS):
            emitter.info("spoken")

    run_threads(work, MANY_THREADS, 1e-5)
    emitter.close()
    assert wait_until(lambda: sink.size == emitter.stats["bytes"], LIMIT)
    numbers = re.findall(rb'sequenceId="(\d+)"', sink.received)
    assert sorted(map(int, numbers)) == list(range(1, MANY_THREADS * RECORDS + 1))


def test_threads_share_a_buffer(encoder_module: ModuleType) -> None:
    """Each writes where it may, while the buffer grows at the hands of another."""
    encoder = encoder_module.Encoder(framing="lf", **IDENTITY)
    size = len(encoder.encode(6, "0 000000", time_ns=0))
    places = THREADS * RECORDS
    buffer = bytearray(places * size)
    # What the twin calls is locked in CPython from 3.14 on.
    may_grow = HAS_GIL or sys.version_info >= (3, 14) or encoder_module.__name__.endswith("_c")

    def work(thread: int) -> None:
        for number in range(RECORDS):
            place = number * THREADS + thread
            text = f"{thread} {number:06d}"
            end = encoder.encode_into(buffer, 6, text, place * size, time_ns=0)
            assert end == (place + 1) * size
            if thread == 0 and may_grow:
                encoder.encode_into(buffer, 6, "x" * number, places * size, time_ns=0)

    run_threads(work, THREADS, 1e-5)
    assert check_lines(bytes(buffer[: places * size]), THREADS) == [RECORDS] * THREADS


@pytest.mark.slow
def test_what_is_encoded_may_change_meanwhile(encoder_module: ModuleType) -> None:
    """A list of messages, a buffer that is one, structured data: the record is whole."""
    encoder = encoder_module.Encoder(framing="lf", **IDENTITY)
    messages: list[object] = ["a"] * 20
    text = bytearray(b"x" * 1000)
    elements: dict[str, object] = {"a": [("n", "v")] * 20}

    def work(thread: int) -> None:
        written = bytearray()
        for number in range(RECORDS // 4):
            if thread % 2:
                messages[number % 20] = ("é" * number, b"\x01" * 50, "z")[number % 3]
                text[number % 1000] = number % 256
                elements["a"][number % 20] = ("n", "\n" * (number % 50))
                elements[f"b{number % 5}"] = {"m": number}
                elements.pop(f"b{(number + 2) % 5}", None)
                continue
            end, count = encoder.encode_many_into(written, 6, messages)
            assert count == bytes(written[:end]).count(b"\n") == 20
            for record in (
                encoder.encode(6, text),
                encoder.encode(6, "text", structured_data=elements),
            ):
                parse_rfc5424(record[:-1])
                assert record.count(b"\n") == 1

    run_threads(work, 4, 1e-5)
