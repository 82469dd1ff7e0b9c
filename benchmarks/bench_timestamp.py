"""What does a timestamp cost?

Each time is that of 1,000 calls in a loop.
"""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import repeat
from types import ModuleType

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from syslogfast import _encoder_c, _encoder_py


def format_by_isoformat() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def format_by_strftime() -> str:
    """Without a fraction: time.strftime knows none."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def call_1000_times(function: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in repeat(None, 1000):
            function()

    return run


@pytest.mark.benchmark(group="a timestamp in UTC")
@pytest.mark.parametrize(
    "row", ["clock-from-c", "time_ns", "compiled", "python", "isoformat", "strftime"]
)
def test_timestamp(benchmark: BenchmarkFixture, floor_module: ModuleType, row: str) -> None:
    functions: dict[str, Callable[[], object]] = {
        "clock-from-c": floor_module.Floor(b"").read_clock,
        "time_ns": time.time_ns,
        "compiled": _encoder_c.format_timestamp,
        "python": _encoder_py.format_timestamp,
        "isoformat": format_by_isoformat,
        "strftime": format_by_strftime,
    }
    function = functions[row]
    text = function()
    if isinstance(text, str):
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        assert abs(moment.timestamp() - time.time()) < 2
    benchmark(call_1000_times(function))
