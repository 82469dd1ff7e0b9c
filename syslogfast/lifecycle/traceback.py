"""An exception as a record has it: type, message, location, and what fits of the traceback.

A record that is too long is truncated at its end; but the end of a traceback is what one wants to
read.
"""

from syslogfast._message import format_exception, name_type, print_value
from syslogfast.constants import WIDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

MAX_MESSAGE = 256  # characters of it that are repeated as structured data
MAX_NAME = 128
MAX_PATH = 128
MAX_LINE = 256  # characters, where not all lines fit
ESCAPED = 4  # octets of a control character: "#012"
MAX_UTF_8 = 4


def list_location(trace: "TracebackType | None") -> "dict[str, object]":
    """Return where an exception was raised: file, line and function of the last frame."""
    if trace is None:
        return {}
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    path = code.co_filename[-MAX_PATH:]
    return {"file": path, "line": trace.tb_lineno, "function": code.co_name[:MAX_NAME]}


def list_elements(
    kind: "type", error: "BaseException | None", trace: "TracebackType | None"
) -> "dict[str, object]":
    """Return an exception as structured data."""
    message = "" if error is None else print_value(error)[:MAX_MESSAGE]
    return {"type": name_type(kind)[:MAX_NAME], "message": message, **list_location(trace)}


def measure_line(line: "str") -> "int":
    """Return the octets that a line takes at most, with the line feed before it."""
    if line.isascii() and line.isprintable():
        return len(line) + ESCAPED
    return ESCAPED + sum([measure_char(char) for char in line])


def measure_char(char: "str") -> "int":
    if " " <= char <= "~":
        return 1
    return MAX_UTF_8 if char.isprintable() else WIDEST


def keep_end(lines: "list[str]", space: "int") -> "list[str]":
    """Return the last lines, as many as there is space for in octets."""
    kept: list[str] = []
    for line in reversed(lines):
        space -= measure_line(line)
        if space < 0:
            break
        kept.append(line)
    return kept[::-1]


def describe_error(
    headline: "str",
    kind: "type",
    error: "BaseException | None",
    trace: "TracebackType | None",
    space: "int",
) -> "str":
    """Return a headline, and on the lines after it the traceback, of which the end is kept.

    space: octets that there are for all of it. The headline stands in any case.

    >>> describe_error("about to crash: ValueError: no", ValueError, ValueError("no"), None, 99)
    'about to crash: ValueError: no\\nValueError: no'
    """
    lines = format_exception((kind, error, trace)).split("\n")
    space -= measure_line(headline)
    kept = keep_end(lines, space)
    if len(kept) < len(lines):
        lines = [line[:MAX_LINE] + ("..." if line[MAX_LINE:] else "") for line in lines]
        kept = keep_end(lines, space)
    if len(kept) < len(lines):
        kept = ["...", *keep_end(lines, space - measure_line("..."))]
    return "\n".join([headline, *kept])
