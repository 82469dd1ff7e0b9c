"""What a logging.LogRecord says, as an encoder takes it: nothing in a record can make this fail.

Both encoders use this module; the compiled one reads the plain record by itself. `logging` is not
imported: where there are records, somebody else has done so.
"""

import sys

from syslogfast._checks import reject_attributes, reject_sd_name
from syslogfast.constants import MAX_SD_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    Elements = dict[str, list[tuple[str, object]]]

UNKNOWN_TIME = float("nan")

# The levels of `logging`, and those that programs add between and above them. A level is of the
# last severity whose number it reaches.
LOWEST_LEVELS = ((70, 0), (60, 1), (50, 2), (40, 3), (30, 4), (25, 5), (20, 6))


def choose_severity(levelno: "object") -> "int":
    """Return the severity of a level; that of a warning for what is not a number."""
    if not isinstance(levelno, (int, float)):
        return 4
    for lowest, severity in LOWEST_LEVELS:
        if levelno >= lowest:
            return severity
    return 7


def read_created(created: "object") -> "int | float":
    """Return nanoseconds since the epoch, to the nearest microsecond: a float has no more."""
    if isinstance(created, (int, float)) and -1e12 < created < 1e12:
        return round(float(created) * 1e6) * 1000
    return UNKNOWN_TIME


def describe_unprintable(value: "object", error: "Exception") -> "str":
    return f"<unprintable {type(value).__name__}: {type(error).__name__}>"


def print_value(value: "object") -> "str":
    """Return str(value), or UTF-8 as text; what stands for it if it cannot be printed."""
    try:
        if isinstance(value, str):
            return "".join([value])  # a subclass may pretend to be another text
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value).decode("utf-8", "replace")
        return str(value)
    except Exception as error:
        return describe_unprintable(value, error)


def format_message(template: "object", args: "object") -> "str | bytes":
    """Return `template % args` as `logging` does: without args, the template as it is.

    If that fails the template is kept, and what failed is named.
    """
    if not is_given(args):
        return template if type(template) is bytes else print_value(template)
    text = print_value(template)
    try:
        return text % args
    except Exception as error:
        return f"{text} {describe_unprintable(args, error)}"


def choose_arguments(args: "tuple[object, ...]") -> "object":
    """Return what a template is given: one dict, for a template with names, stands for itself."""
    return args[0] if len(args) == 1 and isinstance(args[0], dict) and args[0] else args


def read_any_message(message: "object") -> "str | bytes":
    """Return a message as text or UTF-8, whatever it is."""
    if type(message) is str or type(message) is bytes:
        return message
    if not isinstance(message, str):
        try:
            return bytes(memoryview(message))  # type: ignore[arg-type]
        except Exception:
            pass  # not a buffer, or one that cannot be read
    return print_value(message)


def format_exception(exc_info: "object") -> "str":
    """Return the text of an exception, as logging.Formatter.formatException does."""
    from traceback import format_exception

    try:
        if isinstance(exc_info, BaseException):
            exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
        kind, value, trace = exc_info  # type: ignore[misc]
        text = "".join(format_exception(kind, value, trace))
    except Exception as error:
        return describe_unprintable(exc_info, error)
    return text[:-1] if text.endswith("\n") else text


def is_given(value: "object") -> "bool":
    """Return bool(value); True if that fails."""
    try:
        return bool(value)
    except Exception:
        return True


def append_lines(text: "str", lines: "object") -> "str":
    separator = "" if text.endswith("\n") else "\n"
    return f"{text}{separator}{print_value(lines)}"


def read_message(record: "logging.LogRecord") -> "str | bytes":
    """Return what getMessage() does, of a subclass, too, that formats in its own way."""
    standard = getattr(sys.modules.get("logging"), "LogRecord", None)
    method = getattr(type(record), "getMessage", None)
    if method is None or method is getattr(standard, "getMessage", None):
        return format_message(record.msg, record.args)
    try:
        return print_value(record.getMessage())
    except Exception as error:
        return f"{print_value(record.msg)} {describe_unprintable(record.args, error)}"


def read_record_text(record: "logging.LogRecord") -> "str | bytes":
    """Return the text of a record: its message, then its exception and stack.

    As logging.Formatter.format does, it leaves the exception's text in `record.exc_text`.
    """
    message = read_message(record)
    if is_given(record.exc_info) and not is_given(record.exc_text):
        record.exc_text = format_exception(record.exc_info)
    for lines in (record.exc_text, record.stack_info):
        if is_given(lines):
            message = append_lines(print_value(message), lines)
    return message


def check_attributes(attributes: "object") -> "None":
    """Refuse what is not {sd_id: {name: attribute}}."""
    if not isinstance(attributes, dict):
        reject_attributes(attributes)
    for sd_id, names in attributes.items():
        if not isinstance(names, dict):
            reject_attributes(names)
        check_sd_name("SD-ID", sd_id)
        for name, attribute in names.items():
            check_sd_name("PARAM-NAME", name)
            if not isinstance(attribute, str):
                reject_attributes(attribute)


def read_elements(
    record: "logging.LogRecord", attributes: "Mapping[str, Mapping[str, str]] | None"
) -> "object":
    """Return a record's structured data, joined with what `attributes` names, if it has that.

    An element of its own replaces one of the same SD-ID; bytes replace them all.
    """
    given = getattr(record, "structured_data", None)
    if attributes is None or isinstance(given, bytes):
        return given
    elements: dict[object, object] = {}
    for sd_id, names in attributes.items():
        parameters = {}
        for name, attribute in names.items():
            value = getattr(record, attribute, None)
            if value is not None:
                parameters[name] = value
        if parameters:
            elements[sd_id] = parameters
    if isinstance(given, dict):
        elements.update(given)
    return elements or None


def check_sd_name(field: "str", name: "object") -> "None":
    if not isinstance(name, str) or clean_sd_name(name) != name:
        reject_sd_name(field, name)


def clean_sd_name(name: "object") -> "str":
    """Return an SD-NAME (RFC 5424 6.3.3): other characters as "_", cut, never empty."""
    text = print_value(name)[:MAX_SD_NAME]
    kept = [char if "!" <= char <= "~" and char not in '="]' else "_" for char in text]
    return "".join(kept) or "_"


def clean_elements(structured_data: "object") -> "Elements | None":
    """Return structured data that any encoder takes, made of what one has refused."""
    if not isinstance(structured_data, dict):
        return None
    elements: Elements = {}
    for sd_id, parameters in list(structured_data.items()):
        pairs = elements.setdefault(clean_sd_name(sd_id), [])
        if isinstance(parameters, dict):
            parameters = list(parameters.items())
        if not isinstance(parameters, (list, tuple)):
            parameters = [("value", parameters)]
        for pair in list(parameters):
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                pair = ("value", pair)
            pairs.append((clean_sd_name(pair[0]), print_value(pair[1])))
    return elements
