"""What does a timestamp cost?

`format_timestamp` reads the clock and returns a text. Beside it: the clock alone, from C and from
Python; code by hand with `datetime.isoformat` and `time.strftime` (which has no fraction, and for
RFC 3164 writes the month in the language of the locale); and the Python twin. Local time is
Berlin's.

The C library is asked for its offset each time. A cached offset would be wrong as soon as the zone
changes, which any C code may cause without notice: `tzname`, `timezone` and `daylight` can be the
same afterwards, and a zone may change its offset at any second.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import ModuleType

import pytest
from measure.rounds import Rounds, repeat_call, tabulate
from measure.tables import Table

from syslogfast import _encoder_c, _encoder_py

HANDMADE = {
    ("rfc5424", False): {
        "isoformat": "datetime.now(utc).isoformat(timespec='microseconds').replace('+00:00', 'Z')",
        "strftime of gmtime": "strftime('%Y-%m-%dT%H:%M:%SZ', gmtime())",
    },
    ("rfc5424", True): {
        "isoformat": "datetime.now().astimezone().isoformat(timespec='microseconds')",
        "strftime": "strftime('%Y-%m-%dT%H:%M:%S%z')",  # without the colon of an RFC 3339 offset
    },
    ("rfc3164", False): {"strftime of gmtime": "strftime('%b %e %H:%M:%S', gmtime())"},
    ("rfc3164", True): {"strftime": "strftime('%b %e %H:%M:%S')"},
}
OPTIONS = {
    ("rfc5424", False): "",
    ("rfc5424", True): "local_time=True",
    ("rfc3164", False): "protocol='rfc3164', local_time=False",
    ("rfc3164", True): "protocol='rfc3164'",
}


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def check_time(text: str, local_time: bool) -> None:
    """Look for the present; a text without a zone is of this one, or of UTC."""
    if text[0].isdigit():
        timestamp = datetime.strptime(
            text[:19] + text[19:].lstrip(".0123456789"), "%Y-%m-%dT%H:%M:%S%z"
        )
    else:
        year = time.gmtime().tm_year
        timestamp = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S")
        timestamp = timestamp if local_time else timestamp.replace(tzinfo=UTC)
    assert abs(timestamp.timestamp() - time.time()) < 5


@pytest.mark.parametrize("local_time", [False, True], ids=["UTC", "local"])
@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
def test_timestamp(
    rounds: Rounds,
    publish: Callable[[Table], None],
    floor_module: ModuleType,
    protocol: str,
    local_time: bool,
) -> None:
    options = OPTIONS[protocol, local_time]
    statements = {
        "format_timestamp": f"format_timestamp({options})",
        "Python twin": f"format_in_python({options})",
        **HANDMADE[protocol, local_time],
    }
    names = {
        "format_timestamp": _encoder_c.format_timestamp,
        "format_in_python": _encoder_py.format_timestamp,
        "datetime": datetime,
        "utc": UTC,
        "strftime": time.strftime,
        "gmtime": time.gmtime,
    }
    for statement in statements.values():
        check_time(eval(statement, names), local_time)
    rows = {row: repeat_call(statement, **names) for row, statement in statements.items()}
    rows["clock, from C"] = repeat_call("read()", read=floor_module.Floor(b"").read_clock)
    rows["clock, time.time_ns"] = repeat_call("read()", read=time.time_ns)
    zone = "local time" if local_time else "UTC"
    publish(
        tabulate(
            f"timestamp-{protocol}-{'local' if local_time else 'utc'}",
            f"{protocol.replace('rfc', 'RFC ')}, {zone}",
            rounds.measure(rows),
            "format_timestamp",
        )
    )
