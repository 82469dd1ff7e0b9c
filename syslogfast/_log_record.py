"""What a logging.LogRecord says, as an encoder takes it: nothing in a record can make this fail.

Both encoders use this module; the compiled one reads the plain record by itself. `logging` is not
imported: where there are records, somebody else has done so.
"""

import sys

from syslogfast._message import (
    append_lines,
    describe_misfit,
    format_exception,
    format_message,
    is_given,
    print_value,
    read_attribute,
    report_misfit,
)
from syslogfast._options import replace_fields
from syslogfast._validation import is_a, read_float, read_int
from syslogfast.constants import HEADER_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping
    from typing import Any

    from syslogfast._message import Handler

UNKNOWN_TIME = float("nan")

# The levels of `logging`, and those that programs add between and above them. A level is of the
# last severity whose number it reaches.
LOWEST_LEVELS = ((70, 0), (60, 1), (50, 2), (40, 3), (30, 4), (25, 5), (20, 6))
USUAL = {10: 7, 20: 6, 30: 4, 40: 3, 50: 2}  # which need no search


def choose_severity(levelno: "object") -> "int":
    """Return the severity of a level; that of a warning for what is not a number."""
    if type(levelno) is int and levelno in USUAL:
        return USUAL[levelno]
    if is_a(levelno, int):
        levelno = read_int(levelno)
    elif is_a(levelno, float):
        levelno = read_float(levelno)
    else:
        return 4
    for lowest, severity in LOWEST_LEVELS:
        if levelno >= lowest:
            return severity
    return 7


def read_created(created: "object") -> "int | float":
    """Return nanoseconds since the epoch, to the nearest microsecond: a float has no more."""
    if is_a(created, int) and -(10**12) < read_int(created) < 10**12:
        return read_int(created) * 10**9
    if is_a(created, float) and -1e12 < read_float(created) < 1e12:
        return round(read_float(created) * 1e6) * 1000
    return UNKNOWN_TIME


def read_header_fields(
    record: "object", header_attributes: "Mapping[str, tuple[str, ...]] | None"
) -> "list[str | None]":
    """Return those of HEADER_FIELDS that a record has: what is found for it, and its own msgid."""
    msgid = read_attribute(record, "msgid")
    found = [None, None, None, None if msgid is None else print_value(msgid)]
    for field, names in (header_attributes or {}).items():
        for name in names:
            value = read_attribute(record, name)
            if value is not None:
                found[HEADER_FIELDS.index(field)] = print_value(value)
                break
    return found


def read_other_process(record: "object", known: "str") -> "str | None":
    """Return the number of the process that has made a record, if it was not this one."""
    process = read_attribute(record, "process")
    if not is_a(process, int, str):
        return None
    procid = print_value(read_int(process) if is_a(process, int) else process)
    return None if procid == known else procid


def render_own_fields(
    own: "list[str | None]", protocol: "str", fields: "str", space: "int"
) -> "str | None":
    """Return the fields of a record, of which some may be its own.

    None if it has none, or if they take more than `space`.
    """
    if own[0] is None and own[1] is None and own[2] is None:
        return None
    fields = replace_fields(protocol, fields, own)
    return fields if len(fields) <= space else None


class Plain:
    def method(self) -> "None":
        pass


FUNCTION: "Any" = type(Plain.method)
METHOD: "Any" = type(Plain().method)


def is_logging_method(function: "Any") -> "bool":
    """Return True if that is logging's getMessage itself, and nothing that wraps it.

    A wrapper may have its name, or pretend to have all that it has; not its type and globals.
    """
    return (
        type(function) is FUNCTION
        and function.__globals__ is getattr(sys.modules.get("logging"), "__dict__", None)
        and function.__qualname__ == "LogRecord.getMessage"
    )


def has_own_message(record: "object") -> "bool":
    """Return True if a record formats in its own way, unlike logging's getMessage."""
    method: Any = read_attribute(record, "getMessage")
    if method is None:
        return False
    return (
        type(method) is not METHOD
        or method.__self__ is not record
        or not is_logging_method(method.__func__)
    )


def is_standard(kind: "type") -> "bool":
    """Return True if a class is logging's LogRecord as it was made: it runs no code when read."""
    return (
        getattr(kind, "__module__", None) == "logging"
        and kind.__qualname__ == "LogRecord"
        and is_logging_method(read_attribute(kind, "getMessage"))
    )


def read_message(record: "logging.LogRecord", handler: "Handler | None" = None) -> "str | bytes":
    """Return what getMessage() does, of a record, too, that formats in its own way.

    As logging.Formatter.format does, it leaves that in `record.message`.
    """
    template, args = read_attribute(record, "msg"), read_attribute(record, "args")
    if not has_own_message(record):
        message = format_message(template, args, record, handler)
    else:
        try:
            message = print_value(record.getMessage())
        except Exception as error:
            report_misfit(record, handler)
            message = describe_misfit(print_value(template), args, error)
    set_attribute(record, "message", print_value(message))
    return message


def set_attribute(record: "logging.LogRecord", name: "str", text: "str") -> "None":
    """Set an attribute of a record, if it takes one."""
    try:
        setattr(record, name, text)
    except Exception:
        pass  # it is for others, and can be made anew


def read_any_record(
    record: "Any", message: "str | bytes | None", level: "int"
) -> "tuple[Any, ...] | None":
    """Return severity, time, text, process, msgid and structured data of what may be any object.

    None: its severity is below `level`.
    """
    severity = choose_severity(read_attribute(record, "levelno"))
    if severity > level:
        return None
    text = read_record_text(record) if message is None else message
    created = read_created(read_attribute(record, "created"))
    others = [read_attribute(record, name) for name in ("process", "msgid", "structured_data")]
    return (severity, created, text) + tuple(others)  # noqa: RUF005  # MicroPython


def read_record_text(
    record: "logging.LogRecord", handler: "Handler | None" = None
) -> "str | bytes":
    """Return the text of a record: its message, then its exception and stack.

    As logging.Formatter.format does, it leaves the exception's text in `record.exc_text`.
    handler: whose `handleError` gets arguments that do not fit; else it is logging's own.
    """
    message = read_message(record, handler)
    exc_info, exc_text = read_attribute(record, "exc_info"), read_attribute(record, "exc_text")
    if is_given(exc_info) and not is_given(exc_text):
        exc_text = format_exception(exc_info)
        set_attribute(record, "exc_text", exc_text)
    for lines in (exc_text, read_attribute(record, "stack_info")):
        if is_given(lines):
            message = append_lines(print_value(message), lines)
    return message
