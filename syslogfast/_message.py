"""What a message says, or a logging.LogRecord, as an encoder takes it: nothing can make it fail.

Both encoders use this module; the compiled one reads the plain record by itself. `logging` is not
imported: where there is a record of its, somebody else has done so.
"""

import sys

from syslogfast._validation import is_a, read_float, read_int, read_str

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from types import TracebackType
    from typing import Any, TypeAlias

    Handler: TypeAlias = "logging.Handler | Misfit"


PLAIN_KINDS = {str, int, float}  # whose format() without a specification is what str() gives
HAS_TEMPLATES = sys.version_info >= (3, 14)


def name_kind(value: "object") -> "str":
    try:
        return read_str(type(value).__name__)
    except Exception:  # of a metaclass
        return "object"


def describe_unprintable(value: "object", error: "Exception") -> "str":
    return f"<unprintable {name_kind(value)}: {name_kind(error)}>"


_template_kind: "type | None" = None


def is_template(value: "object") -> "bool":
    """Return True if that is a t-string (PEP 750), whose class has no name in builtins."""
    global _template_kind
    if not HAS_TEMPLATES:
        return False
    if _template_kind is None:
        _template_kind = type(eval('t""'))  # no syntax of the Pythons before
    return type(value) is _template_kind


def read_template(template: "Any") -> "tuple[str, dict[str, object]] | None":
    """Return the text of a t-string, formatted as an f-string's, and its values by expression.

    None: it is something else.
    """
    if type(template) is not _template_kind and not is_template(template):
        return None
    text = ""
    fields: dict[str, object] = {}
    for part in template:
        if type(part) is str:
            text += part
            continue
        value = fields[part.expression] = part.value
        conversion, form = part.conversion, part.format_spec
        try:
            if not conversion and not form and type(value) in PLAIN_KINDS:  # as most are
                text += str(value)
                continue
            conversions: dict[object, Any] = {"r": repr, "s": str, "a": ascii}
            shown = conversions[conversion](value) if conversion else value
            text += read_str(format(shown, form))
        except Exception:
            text += print_value(value)
    return text, fields


def print_value(value: "object") -> "str":
    """Return str(value), or UTF-8 as text; what stands for it if it cannot be printed."""
    if type(value) is str:
        return value  # which needs no memory
    found = read_template(value) if HAS_TEMPLATES else None
    if found:
        return found[0]
    try:
        if is_a(value, bytes, bytearray, memoryview):
            return bytes(memoryview(value)).decode("utf-8", "replace")  # type: ignore[arg-type]
        return read_str(value if is_a(value, str) else str(value))
    except Exception as error:
        return describe_unprintable(value, error)


def is_given(value: "object") -> "bool":
    """Return bool(value); True if that fails."""
    try:
        return bool(value)
    except Exception:
        return True


def describe_misfit(template: "str", args: "object", error: "Exception") -> "str":
    """Return what stands for `template % args` where that is an error: nothing of it is lost."""
    return f"{template} <{name_kind(error)}: {print_arguments(args)}>"


def print_arguments(args: "object") -> "str":
    """Return repr(args); where it has none, that of each of them."""
    try:
        return read_str(repr(args))
    except Exception as error:
        if type(args) is tuple:
            values = [print_arguments(value) for value in args]
            return "(" + ", ".join(values) + (",)" if len(values) == 1 else ")")
        if type(args) is dict:
            pairs = [f"{print_arguments(name)}: {print_arguments(args[name])}" for name in args]
            return "{" + ", ".join(pairs) + "}"
        return describe_unprintable(args, error)


def format_message(
    template: "object",
    args: "object",
    record: "logging.LogRecord | None" = None,
    handler: "Handler | None" = None,
) -> "str | bytes":
    """Return `template % args` as `logging` does: without args, the template as it is.

    If that fails both are kept, and what failed is named; of a record it is reported, too.
    """
    text = print_value(template)
    try:
        if not args:
            return template if type(template) is bytes else text
        return print_value(text % args)
    except Exception as error:
        if record is not None:
            report_misfit(record, handler)
        return describe_misfit(text, args, error)


class Misfit:
    """Stands for a handler, and keeps what there is to report of arguments that do not fit."""

    error: "BaseException | None" = None

    def handleError(self, record: "logging.LogRecord") -> "None":  # noqa: N802
        self.error = sys.exc_info()[1]


def report_misfit(record: "logging.LogRecord", handler: "Handler | None" = None) -> "None":
    """Have the exception that is being handled reported, by a handler or as `logging` does."""
    if handler is not None:
        handler.handleError(record)
        return
    logging: Any = sys.modules.get("logging")
    try:
        logging.Handler.handleError(logging.lastResort, record)
    except Exception:
        pass  # `logging` is not there, or cannot write; the text has it all


def keep_misfit(
    record: "logging.LogRecord | None", template: "str", args: "Any", error: "Exception"
) -> "str":
    """Do what format_message does where it fails, for an error that the compiled encoder got."""
    try:
        raise error
    except Exception:
        if record is not None:
            report_misfit(record)
        elif type(args) is tuple:
            args = choose_arguments(args)
    return describe_misfit(template, args, error)


def is_mapping(value: "object") -> "bool":
    """Return True if a value is a collections.abc.Mapping.

    Where nobody has loaded that class, as without `site`, none but a dict can be one.
    """
    if is_a(value, dict):
        return True
    module: Any = sys.modules.get("_collections_abc")
    # One without items is none, whatever it is registered as.
    return is_a(value, getattr(module, "Mapping", dict)) and hasattr(type(value), "__getitem__")


def choose_arguments(args: "tuple[object, ...]") -> "object":
    """Return what a template is given: one mapping, for names in it, stands for itself."""
    if len(args) == 1 and is_mapping(args[0]) and is_given(args[0]):
        return args[0]
    return args


def read_any_message(message: "object") -> "str | bytes":
    """Return a message as text or UTF-8, whatever it is."""
    if type(message) is str or type(message) is bytes:
        return message
    if not is_a(message, str):
        try:
            return bytes(memoryview(message))  # type: ignore[arg-type]
        except Exception:
            pass  # not a buffer, or one that cannot be read
    return print_value(message)


def format_exception(exc_info: "Any") -> "str":
    """Return the text of an exception, as logging.Formatter.formatException does."""
    try:
        parts = exc_info
        if is_a(exc_info, BaseException):
            parts = (type(exc_info), exc_info, exc_info.__traceback__)
        kind, value, trace = parts
        try:
            text = "".join(list_lines(kind, value, trace))
        except (ImportError, OSError):
            # An image may do without that module, and all that it imports; or no descriptor is
            # left, to read it, or a part of it that it imports when it is used.
            text = "\n".join(list_frames(kind, value, trace)) if kind else ""
    except Exception as error:
        return describe_unprintable(exc_info, error)
    return text[:-1] if text.endswith("\n") else text


def list_lines(kind: "Any", value: "Any", trace: "Any") -> "list[str]":
    """Return what traceback.format_exception does."""
    try:
        from syslogfast._traceback_text import format_exception
    except (ImportError, OSError):  # it cannot be read now; `traceback` may be there already
        from traceback import format_exception  # type: ignore[assignment]
    return format_exception(kind, value, trace)


def append_lines(text: "str", lines: "object") -> "str":
    separator = "" if text.endswith("\n") else "\n"
    return f"{text}{separator}{print_value(lines)}"


def describe_exception(
    message: "object", args: "tuple[object, ...]", exc_info: "object"
) -> "object":
    """Return a formatted message, and the exception on the lines after it.

    exc_info: what `logging` takes: if it is none of an exception's, that which is being handled.
    """
    formatted = format_message(message, choose_arguments(args)) if args else message
    if not is_given(exc_info):
        return formatted
    if not is_a(exc_info, BaseException, tuple):
        exc_info = sys.exc_info()
    return append_lines(print_value(formatted), format_exception(exc_info))


def list_frames(kind: "type", error: "object", trace: "TracebackType | None") -> "list[str]":
    """Return a line for each frame, as Python writes them, without the sources; then the error."""
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
        trace = trace.tb_next
    text = print_value(error)
    lines.append(f"{name_type(kind)}: {text}" if text else name_type(kind))
    return lines


def name_type(kind: "type") -> "str":
    """Return a class's name, with its module's unless that is what everybody has."""
    module = read_attribute(kind, "__module__")
    name = print_value(read_attribute(kind, "__qualname__") or kind)
    known = module is None or print_value(module) in ("builtins", "__main__")
    return name if known else f"{print_value(module)}.{name}"


def read_attribute(record: "object", name: "str") -> "object":
    try:
        return getattr(record, name, None)
    except Exception:  # of a property
        return None


# --- records of logging --------------------------------------------------------------------------

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


FUNCTION: "Any" = type(report_misfit)
METHOD: "Any" = type(Misfit().handleError)


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


def read_template_fields(record: "object") -> "dict[str, object] | None":
    """Return the values of a record's message, if that is a t-string that has some."""
    template = read_attribute(record, "msg")
    found = read_template(template) if HAS_TEMPLATES else None
    return found[1] or None if found else None


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
    names = ("process", "msgid", "structured_data")
    process, msgid, structured_data = [read_attribute(record, name) for name in names]
    return severity, created, text, process, msgid, structured_data


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
