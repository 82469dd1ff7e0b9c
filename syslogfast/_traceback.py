"""An exception as a record says it: type, message and place, and as much of the traceback as fits.

A record that is too long is cut at its end; but the end of a traceback is what one wants to read.
"""

from syslogfast._log_record import (
    describe_unprintable,
    format_exception,
    print_value,
    read_attribute,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

MOST_OF_MESSAGE = 256  # characters of it that are repeated as structured data
MOST_OF_PATH = 128
ESCAPED = 4  # octets of a control character: "#012"
WIDEST = 12  # octets of any other: U+2028 as "#342#200#250"


def name_type(kind: "type") -> "str":
    """Return a class's name, with its module's unless that is what everybody has."""
    module = read_attribute(kind, "__module__")
    name = print_value(read_attribute(kind, "__qualname__") or kind)
    known = module is None or print_value(module) in ("builtins", "__main__")
    return name if known else f"{print_value(module)}.{name}"


def print_error(error: "BaseException | None") -> "str":
    """Return str(error); whatever goes wrong, a text."""
    try:
        return "" if error is None else str(error)
    except Exception as failure:
        return describe_unprintable(error, failure)


def list_place(trace: "TracebackType | None") -> "dict[str, object]":
    """Return where an exception was raised: file, line and function of the last frame."""
    if trace is None:
        return {}
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    path = code.co_filename[-MOST_OF_PATH:]
    return {"file": path, "line": trace.tb_lineno, "function": code.co_name[:MOST_OF_PATH]}


def list_frames(trace: "TracebackType | None") -> "list[str]":
    """Return a line for each frame of a traceback, as Python writes them, without the sources."""
    lines = []
    while trace is not None:
        code = trace.tb_frame.f_code
        lines.append(f'  File "{code.co_filename}", line {trace.tb_lineno}, in {code.co_name}')
        trace = trace.tb_next
    return lines


def list_elements(
    kind: "type", error: "BaseException | None", trace: "TracebackType | None"
) -> "dict[str, object]":
    """Return an exception as structured data."""
    message = print_error(error)[:MOST_OF_MESSAGE]
    return {"type": name_type(kind), "message": message, **list_place(trace)}


def measure_line(line: "str") -> "int":
    """Return the octets that a line takes at most, with the line feed before it."""
    if line.isascii() and line.isprintable():
        return len(line) + ESCAPED
    return ESCAPED + sum([1 if " " <= char <= "~" else WIDEST for char in line])


def keep_end(lines: "list[str]", room: "int") -> "list[str]":
    """Return the last lines, as many as there is room for in octets."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= measure_line(line)
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]


def describe_error(
    headline: "str",
    kind: "type",
    error: "BaseException | None",
    trace: "TracebackType | None",
    room: "int",
) -> "str":
    """Return a headline, and on the lines after it the traceback, of which the end is kept.

    room: octets that there are for all of it. The headline stands in any case.

    >>> describe_error("about to crash: ValueError: no", ValueError, ValueError("no"), None, 99)
    'about to crash: ValueError: no\\nValueError: no'
    """
    try:
        lines = format_exception((kind, error, trace)).split("\n")
    except Exception:  # an image may do without the module traceback, and all that it imports
        lines = list_frames(trace)
    kept = keep_end(lines, room - measure_line(headline))
    if len(kept) < len(lines):
        kept = keep_end(lines, room - measure_line(headline) - measure_line("..."))
        kept.insert(0, "...")
    return "\n".join([headline, *kept])
