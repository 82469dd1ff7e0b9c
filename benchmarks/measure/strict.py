"""Whether what an adapter writes is a syslog record, with the right fields.

Two readers look at it: the package's strict parser, which says what is wrong, and a regular
expression that owes nothing to it, so that our own mistakes are not read as they were written.
"""

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from measure.record import IDENTITY

from syslogfast.commands.parse import MalformedError, Parsed, parse_record

# RFC 5424 6; a fraction has one to six digits, if any.
RFC5424 = re.compile(
    r"<(?P<prival>\d{1,3})>1"
    r" (?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))"
    r" (?P<hostname>[!-~]{1,255}) (?P<app_name>[!-~]{1,48}) (?P<procid>[!-~]{1,128})"
    r" (?P<msgid>[!-~]{1,32})"
    r' (?:-|(?:\[[^ \]]+(?: [^ =\]"]+="(?:[^"\\\]]|\\["\\\]])*")*\])+)'
    r" (?:\ufeff)?(?P<message>.*)",
    re.DOTALL,
)
# RFC 3164 4.1, with or without HOSTNAME
RFC3164 = re.compile(
    r"<(?P<prival>\d{1,3})>(?P<timestamp>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d)"
    r" (?:(?P<hostname>[\w.-]+) )?(?P<app_name>[\w./-]{1,32})\[(?P<procid>\d+)\]: (?P<message>.*)",
    re.DOTALL,
)
HEADERS = {"rfc5424": RFC5424, "rfc3164": RFC3164}


@dataclass
class Expected:
    """The fields of a record. created: seconds since the epoch, true but for `slack` seconds."""

    message: str
    created: float
    slack: float = 1e-5
    protocol: str = "rfc5424"
    facility: int = 1
    severity: int = 6
    hostname: "str | None" = IDENTITY["hostname"]
    app_name: str = IDENTITY["app_name"]
    procid: str = str(IDENTITY["procid"])
    msgid: "str | None" = None
    structured_data: "list[tuple[str, list[tuple[str, str]]]]" = field(default_factory=list)


def expect_now(message: str, **fields: object) -> Expected:
    return Expected(message, **{"created": time.time(), "slack": 5, **fields})


def read_time(text: str) -> float:
    """Return seconds since the epoch."""
    if text[0].isdigit():
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    return datetime.strptime(f"{time.localtime().tm_year} {text}", "%Y %b %d %H:%M:%S").timestamp()


def find_defect(data: bytes, expected: Expected) -> str:
    """Return what is wrong with a record, or differs; "" if nothing is and does."""
    try:
        parsed = parse_record(data)
    except MalformedError as error:
        return error.what
    for name, value in vars(expected).items():
        if name == "created":
            seen = read_time(parsed.timestamp or "")
            if abs(seen - value) > expected.slack:
                return f"TIMESTAMP is {parsed.timestamp}, {seen - value:+f} s from {value}"
        elif name != "slack" and getattr(parsed, name) != value:
            return f"{name} is {getattr(parsed, name)!r}, not {value!r}"
    return compare_readings(data.decode(), parsed)


def compare_readings(text: str, parsed: Parsed) -> str:
    """Return what an independent reader sees otherwise than the strict parser did; "": nothing."""
    match = HEADERS[parsed.protocol].fullmatch(text)
    if match is None:
        return f"the strict parser has taken {text!r}"
    for name, seen in match.groupdict().items():
        value = parsed.facility * 8 + parsed.severity if name == "prival" else getattr(parsed, name)
        if (None if seen == "-" else seen) != (str(value) if name == "prival" else value):
            return f"{name} is {seen!r} to one reader, {value!r} to the other"
    return ""


def check(data: bytes, expected: Expected) -> None:
    assert find_defect(data, expected) == "", data


def write_isoformat(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
