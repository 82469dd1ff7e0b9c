"""What does one record cost?

The record: RFC 5424, a message of 102 ASCII characters, the clock read. Each time is that of
1,000 calls in a loop. In each group the fastest row is the yardstick: the numbers in brackets
are how many times as long the others take.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from itertools import repeat
from types import ModuleType

import pytest
from conftest import IDENTITY, MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture

from syslogfast import _encoder_c, _encoder_py

FACILITY = 1
HOSTNAME, APP_NAME, PROCID = IDENTITY.values()


def encode_naively(severity: int, message: str) -> bytes:
    """What is written by hand: an f-string and datetime, without any of the safety."""
    now = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    priority = FACILITY * 8 + severity
    return f"<{priority}>1 {now} {HOSTNAME} {APP_NAME} {PROCID} - - {message}".encode()


def call_1000_times(function: Callable[[int, str], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in repeat(None, 1000):
            function(6, MESSAGE)

    return run


def mask_time(record: bytes) -> bytes:
    """Return a record without its TIMESTAMP, after a look at it."""
    fields = record.split(b" ", 2)
    datetime.strptime(fields[1].decode(), "%Y-%m-%dT%H:%M:%S.%fZ")
    return fields[0] + b" " + fields[2]


def expect() -> bytes:
    return mask_time(encode_naively(6, MESSAGE))


@pytest.mark.benchmark(group="encode: compiled against the floor")
@pytest.mark.parametrize("row", ["floor", "compiled"])
def test_encode(benchmark: BenchmarkFixture, floor_module: ModuleType, row: str) -> None:
    """`encode`, and the same call that only reads the clock and returns ready bytes."""
    floor = floor_module.Floor(encode_naively(6, MESSAGE))
    compiled = _encoder_c.Encoder(**IDENTITY)
    function = {"floor": floor, "compiled": compiled}[row].encode
    assert mask_time(function(6, MESSAGE)) == expect()
    benchmark(call_1000_times(function))


@pytest.mark.benchmark(group="encode_into: compiled against the floor")
@pytest.mark.parametrize("row", ["floor", "compiled"])
def test_encode_into(benchmark: BenchmarkFixture, floor_module: ModuleType, row: str) -> None:
    """`encode_into` a bytearray with room, and the same call with a ready record."""
    floor = floor_module.Floor(encode_naively(6, MESSAGE))
    function = {"floor": floor, "compiled": _encoder_c.Encoder(**IDENTITY)}[row].encode_into
    buffer = bytearray(1024)
    end = function(buffer, 6, MESSAGE)
    assert mask_time(bytes(buffer[:end])) == expect()

    def run() -> None:
        for _ in repeat(None, 1000):
            function(buffer, 6, MESSAGE)

    benchmark(run)


@pytest.mark.benchmark(group="encode_many_into: 1,000 messages, one call")
@pytest.mark.parametrize("row", ["compiled", "python"])
def test_encode_many_into(benchmark: BenchmarkFixture, row: str) -> None:
    module = {"compiled": _encoder_c, "python": _encoder_py}[row]
    function = module.Encoder(**IDENTITY, framing="lf").encode_many_into
    block = memoryview(bytearray(1 << 18))
    messages = [MESSAGE] * 1000
    end, count = function(block, 6, messages)
    assert count == 1000
    assert {mask_time(record) for record in bytes(block[:end]).splitlines()} == {expect()}
    benchmark(function, block, 6, messages)


@pytest.mark.benchmark(group="encode: the Python twin against a naive baseline")
@pytest.mark.parametrize("row", ["python", "naive"])
def test_twin(benchmark: BenchmarkFixture, row: str) -> None:
    """The twin escapes, cuts and checks; the baseline does not."""
    twin = _encoder_py.Encoder(**IDENTITY)
    function = {"python": twin.encode, "naive": encode_naively}[row]
    assert mask_time(function(6, MESSAGE)) == expect()
    benchmark(call_1000_times(function))
