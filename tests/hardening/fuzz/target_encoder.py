"""All that an encoder offers: the core gives the bytes and the errors of its twin, and the records
are what the RFCs say."""

import logging
from typing import Any

from encoders import (
    ENCODERS,
    choose_elements,
    choose_message,
    choose_msgid,
    choose_options,
    choose_severity,
    choose_time,
    choose_zone,
    compare,
    judge,
    mask,
)
from given import Given

from syslogfast import _encoder_c, _encoder_py

FORMATTERS = (_encoder_c.format_timestamp, _encoder_py.format_timestamp)
METHODS = ["encode", "encode", "into", "many", "header", "record", "timestamp", "replace"]
SIZES = [0, 1, 40, 120, 300, 2000, 9000]


def try_input(data: bytes) -> None:
    given = Given(data)
    choose_zone(given)
    options = choose_options(given)
    if compare(lambda i: repr(ENCODERS[i](**options)))[0] != "returned":
        return
    encoders = [kind(**options) for kind in ENCODERS]
    for _ in range(4):
        CALLS[given.pick(METHODS)](given, encoders, options)
        if given.is_over():
            break


def choose_own(given: Given) -> dict[str, Any]:
    """Return what a record may have of its own."""
    own: dict[str, Any] = {"time_ns": choose_time(given)}
    if given.flag():
        own["msgid"] = choose_msgid(given)
    if given.flag():
        own["structured_data"] = choose_elements(given)
    return own


def judge_bytes(outcome: tuple[object, ...], options: dict[str, Any], encoder: Any) -> None:
    if outcome[0] == "returned":
        record = outcome[1]
        assert isinstance(record, bytes)
        judge(record, options, encoder.max_size)


def call_encode(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    severity, message, own = choose_severity(given), choose_message(given), choose_own(given)
    outcome = compare(lambda i: mask(encoders[i].encode(severity, message, **own), own["time_ns"]))
    if own["time_ns"] is not None and has_no_rendered_elements(options, own):
        judge_bytes(outcome, options, encoders[0])


def has_no_rendered_elements(options: dict[str, Any], own: dict[str, Any]) -> bool:
    """Return True unless some are bytes, which are trusted."""
    return not any(isinstance(some.get("structured_data"), bytes) for some in (options, own))


def call_into(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    severity, message, own = choose_severity(given), choose_message(given), choose_own(given)
    write(given, encoders, "encode_into", severity, message, own)


def call_many(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    severity, time_ns = choose_severity(given), choose_time(given)
    messages: Any = [choose_message(given) for _ in range(given.octet() % 5)]
    if given.flag():
        messages = tuple(messages)
    if given.rarely():
        messages = given.pick([None, "ab", b"ab", {"a": 1}])
    write(given, encoders, "encode_many_into", severity, messages, {"time_ns": time_ns})


def write(
    given: Given, encoders: list[Any], method: str, severity: Any, what: Any, own: dict[str, Any]
) -> None:
    """Compare what is written into a buffer, and what is in the rest of it."""
    size = given.pick(SIZES) + given.octet()
    content = (bytes(range(65, 91)) * (size // 26 + 1))[:size]
    offset = given.pick([0, 0, 1, 7, size, size + 1, -1, None, 1 << 63])
    form = given.octet() % 8

    def call(i: int) -> tuple[object, bytes]:
        memory = bytearray(content)
        buffer: Any = memory if form < 4 else memoryview(memory)
        if form == 6:
            buffer = buffer[::2]
        elif form == 7:
            buffer = content
        try:
            result = getattr(encoders[i], method)(buffer, severity, what, offset, **own)
        except Exception:
            assert memory == content, "a call that failed has changed the buffer"
            raise
        return result, mask(memory, own["time_ns"])

    compare(call)


def call_header(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    severity, own = choose_severity(given), choose_own(given)
    compare(lambda i: mask(encoders[i].header(severity, **own), own["time_ns"]))


def call_record(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"msg": choose_message(given), "levelno": given.octet()}
    fields["created"] = given.integer() / given.pick([1, 1000, 10**9])
    if given.flag():
        count = given.octet() % 3
        fields["args"] = tuple([given.pick([given.text(), 17, 2.5, None]) for _ in range(count)])
        fields["msg"] = given.pick(["%s", "%d %s", "%5.2f", "%(a)s", "%", "plain", "%r %x"])
    if given.flag():
        fields["msgid"], fields["structured_data"] = choose_msgid(given), choose_elements(given)
    if given.rarely():
        fields["exc_text"], fields["stack_info"] = given.text(), given.text()
    if given.rarely():
        fields["exc_info"] = given.pick([None, (None,) * 3, (1, 2), "x", True])
    record = logging.makeLogRecord(fields)
    outcome = compare(lambda i: encoders[i].encode_record(record))
    assert outcome[0] == "returned", f"encode_record raised {outcome!r}"
    if has_no_rendered_elements(options, fields):
        judge_bytes(outcome, options, encoders[0])


def call_timestamp(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    time_ns = given.integer()
    wanted: dict[str, Any] = {
        "protocol": given.pick(["rfc5424", "rfc3164", "local", "", None]),
        "local_time": given.pick([None, True, False, "x"]),
        "precision": given.pick([*range(7), 7, -1, None, "6"]),
    }
    compare(lambda i: FORMATTERS[i](time_ns, **wanted))


def call_replace(given: Given, encoders: list[Any], options: dict[str, Any]) -> None:
    changes = choose_options(given)
    for name in ("protocol", "framing", "hostname", "app_name", "procid"):
        if given.flag():
            del changes[name]

    def call(i: int) -> tuple[str, bytes]:
        changed = encoders[i].replace(**changes)
        return repr(changed), changed.encode(6, "a text\n", time_ns=0)

    compare(call)


CALLS = {
    "encode": call_encode,
    "into": call_into,
    "many": call_many,
    "header": call_header,
    "record": call_record,
    "timestamp": call_timestamp,
    "replace": call_replace,
}
