"""One encoder serves any number of threads."""

import sys
import threading
from types import ModuleType

import pytest
from grammar import parse_rfc5424

THREADS = 8
RECORDS = 2_000


def test_threads_share_an_encoder(
    encoder_module: ModuleType, request: pytest.FixtureRequest
) -> None:
    """Every record is whole and has its own text, time and structured data, whoever is at work."""
    encoder = encoder_module.Encoder(hostname="h", app_name="a", procid=1)
    interval = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(interval))
    sys.setswitchinterval(1e-6)
    wrong: list[object] = []
    start = threading.Barrier(THREADS)

    def work(thread: int) -> None:
        start.wait()
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

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
