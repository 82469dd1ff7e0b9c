"""Options and arguments of encoders out of an input, and what a record must be by the grammar."""

import os
import re
import time
from collections.abc import Callable
from typing import Any

from given import Given
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.malicious_input import (
    BAD_FACILITIES,
    BAD_MESSAGES,
    BAD_SEVERITIES,
    BAD_STRUCTURED_DATA,
    BAD_TIMES,
    HEADER_FIELDS,
    BigInt,
    Octets,
    Text,
)

from syslogfast import _encoder_c, _encoder_py

ENCODERS = (_encoder_c.Encoder, _encoder_py.Encoder)
PROTOCOLS = ("rfc5424", "rfc5424", "rfc3164", "local")
FRAMINGS = (None, "octet", "lf", "nul")
ZONES = ["UTC0", "EST5EDT,M3.2.0,M11.1.0", "<+0545>-5:45", "LMT0:44:30", "FAR-24:59:59"]
FIELDS = [field for field in HEADER_FIELDS if len(field) < 400]
SD_NAMES = ["a", "a@1", "b@32473", "c@1.22.333", "origin", "n" * 30, "n" * 30 + "@1", "!#$%&'()"]
BAD_SD_NAMES = ["", "n" * 33, "a b", "a=", 'a"', "a]", "\u00e9", "\x7f", "a@b@1", "@1", "a@x", 5]
ADDRESS = re.compile(" at 0x[0-9a-fA-F]+>")
FRACTION = re.compile(rb"(\d\dT\d\d:\d\d:\d\d\.)\d+")
Options = dict[str, Any]


def choose_zone(given: Given) -> None:
    zone = given.pick(ZONES)
    if os.environ.get("TZ") != zone:
        os.environ["TZ"] = zone
        time.tzset()


def choose_name(given: Given) -> Any:
    return given.pick(BAD_SD_NAMES) if given.rarely() else given.pick(SD_NAMES)


def choose_value(given: Given) -> Any:
    form = given.octet() % 8
    if form < 4:
        return given.text()
    if form < 6:
        return given.octets()
    return given.integer() if form == 6 else given.pick([None, True, 1.5, [1, "\n"], ("a",)])


def choose_elements(given: Given) -> Any:
    """Return structured data as a dict; once in 16 times what is none."""
    if given.rarely():
        return given.pick(BAD_STRUCTURED_DATA)
    elements: dict[Any, Any] = {}
    for _ in range(given.octet() % 4):
        pairs = [(choose_name(given), choose_value(given)) for _ in range(given.octet() % 4)]
        elements[choose_name(given)] = dict(pairs) if given.flag() else pairs
    return elements


def choose_options(given: Given) -> Options:
    """Return options of an encoder, nearly all of which it can have."""
    options: Options = {
        "protocol": given.pick(PROTOCOLS),
        "framing": given.pick(FRAMINGS),
        "hostname": given.pick(FIELDS) if given.flag() else "web1",
        "app_name": given.pick(FIELDS) if given.flag() else "shop",
        "procid": given.pick([42, "42", "", "\u00e9 b", "p" * 130, -5]),
    }
    if given.flag():
        options["controls"] = given.pick(["escape", "keep"])
        options["bom"] = given.flag()
        options["precision"] = given.octet() % 7
        options["local_time"] = given.flag()
    if given.flag():
        options["msgid"] = given.pick(FIELDS)
        options["facility"] = given.octet() % 24
        options["prefix"] = given.pick([b"", b"TOKEN ", b"\n\xff", b"p" * 300])
    if given.flag():
        options["structured_data"] = choose_elements(given)
        options["enterprise_id"] = given.pick([None, 1, "32473.1"])
    if given.rarely():
        options["facility"] = given.pick(BAD_FACILITIES)
    if given.flag():
        options["max_size"] = find_least_size(options) + given.size() % 1200
    return options


def find_least_size(options: Options) -> int:
    """Return the least max_size with these options; 2048 where they are wrong."""
    try:
        _encoder_py.Encoder(**options, max_size=0)
    except (TypeError, ValueError) as error:
        least = re.match(r"max_size must be at least (\d+)", str(error))
        return int(least[1]) if least else 2048
    raise AssertionError("a max_size of 0 was taken")


def choose_message(given: Given) -> Any:
    form = given.octet()
    if form < 160:
        return given.text() if form & 1 else given.octets()
    if form < 224:
        wrap: Callable[[Any], Any] = given.pick([bytearray, memoryview, Octets])
        return wrap(given.octets())
    return Text(given.text()) if form < 248 else given.pick(BAD_MESSAGES)


def choose_severity(given: Given) -> Any:
    if given.rarely():
        return given.pick([*BAD_SEVERITIES, "LOG_ERR", "Warn", BigInt(3), Text("info"), True])
    return given.octet() % 8


def choose_time(given: Given) -> Any:
    return given.pick([*BAD_TIMES, None]) if given.rarely() else given.integer()


def choose_msgid(given: Given) -> Any:
    return given.pick(FIELDS) if given.flag() else given.pick([None, "ID47", Text("x"), 5])


def find_outcome(call: Callable[[], object]) -> tuple[object, ...]:
    """Return what a call returns, or the documented error that it raises.

    The methods of objects that lie raise what they like: no such object is drawn here.
    """
    try:
        return "returned", call()
    except (TypeError, ValueError, BufferError) as error:
        return type(error), ADDRESS.sub(">", str(error))


def compare(call: Callable[[int], object]) -> tuple[object, ...]:
    """Call with 0, for the compiled encoder, and with 1, for its twin; return what came of it.

    Calls may read the clock: where its second has changed meanwhile they are made again.
    """
    while True:
        second = time.time() // 1
        compiled, python = find_outcome(lambda: call(0)), find_outcome(lambda: call(1))
        if compiled == python:
            return compiled
        if second == time.time() // 1:
            raise AssertionError(f"C: {compiled!r}\nPython: {python!r}")


def mask(data: bytes, time_ns: object) -> bytes:
    """Return a record without the fraction of its second, if its time is the present one."""
    return FRACTION.sub(rb"\1", data) if time_ns is None else bytes(data)


def judge(record: bytes, options: Options, max_size: int) -> None:
    """Fail unless the one framed record is what its RFC says, and no longer than allowed."""
    framing, protocol = options["framing"], options["protocol"]
    prefix = options.get("prefix", b"")
    if framing in ("lf", "nul") and prefix == b"\n\xff":
        return  # which is trusted
    try:
        (frame,) = split_frames(record, framing) if framing else (record,)
        assert len(frame) <= max_size, f"{len(frame)} octets, of {max_size} at most"
        assert frame.startswith(prefix), "no prefix"
        keeps = options.get("controls") == "keep"
        if protocol == "rfc5424":
            parse_rfc5424(frame[len(prefix) :], keeps_controls=keeps)
        else:
            parse_rfc3164(frame[len(prefix) :], protocol == "rfc3164", keeps_controls=keeps)
    except ValueError as error:
        raise AssertionError(f"{error} of {record!r}") from None
