"""What is known of a logger's calls: whether they are plain, and which handler gets them.

Known to be plain is what `checks.py` finds to be unchanged. While this looks, all that it looks at
is marked, so that a change is noticed.
"""

import logging
import logging.handlers
import os
import re
import time

from syslogfast._message import choose_severity
from syslogfast.emitter import Child, Emitter
from syslogfast.handlers import SysLogHandler
from syslogfast.loggers.checks import (
    NotPlain,
    check_class,
    check_library,
    check_method,
    check_own_methods,
    find_entry,
    name,
)
from syslogfast.loggers.classes import Logger, RootLogger, compiled
from syslogfast.loggers.records import check_caller, find_record_parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Lists: TypeAlias = "list[tuple[list[Any], tuple[Any, ...]]]"

LIBRARY_TYPES = (logging.LogRecord, logging.Formatter, logging.PercentStyle)
EMITTER_BASE: "Any" = Emitter.__base__  # the compiled one
LEVELS = (10, 20, 30, 40, 50)
# What runs between a call and a record, that and a handler, and that and its emitter.
LEVEL_METHODS = ("isEnabledFor", "getEffectiveLevel", "_log", "findCaller", "makeRecord")
HANDLING_METHODS = ("handle", "filter", "callHandlers")
HANDLER_METHODS = (
    *("handle", "filter", "acquire", "release", "emit", "format", "handleError", "mapPriority"),
    *("encodePriority", "_write_record", "_format", "_emitter_for_facility"),
)
# Attributes of instances, which no class may have as well: a property would run code.
LOGGER_ATTRIBUTES = (
    *("name", "level", "parent", "propagate", "handlers", "filters", "disabled", "_cache"),
)
FORMATTER_METHODS = ("format", "formatMessage", "usesTime", "formatException", "formatStack")
FORMATTER_ATTRIBUTES = ("_style", "_fmt", "datefmt")
STYLE_METHODS = ("format", "_format", "usesTime")
STYLE_ATTRIBUTES = ("_fmt", "_defaults")
FIELD = re.compile(r"%(?:%|\((\w+)\)([sd]))")
PIECES = {  # the numbers are those of _logger_c.pyx
    ("message", "s"): 0,
    ("lineno", "d"): 1,
    ("lineno", "s"): 1,
    ("funcName", "s"): 2,
    ("pathname", "s"): 3,
    ("filename", "s"): 4,
}
HANDLER_ATTRIBUTES = ("level", "formatter", "filters", "facility", "lock", "_emitters")


def list_watched_dicts() -> "tuple[dict[Any, Any], ...]":
    """Return the dicts of which every change may be one for a plan."""
    kind = logging.handlers.SysLogHandler
    return (
        *(vars(module) for module in (logging, os, time)),
        *(logging._levelToName, kind.priority_map, kind.priority_names, kind.facility_names),
    )


def list_watched_types() -> tuple[type, ...]:
    """Return the classes likewise; those that they are derived from, as Emitter, count as well.

    There are no more than needed: on Python 3.11 each call looks at all of them.
    """
    return (RootLogger, SysLogHandler, *LIBRARY_TYPES, Child)


def find_plan(
    logger: "Any", is_refreshed: bool
) -> "tuple[Any, Lists, tuple[Any, ...], tuple[Any, ...] | None]":
    """Return the logger's cache of levels, the lists that matter, and where each level goes to.

    The cache is None if it does not decide. The way of a level is None: as in `logging`; (): no
    handler gets it; or what choose_way says. It is the sixth of six for level 50. At last what
    LogRecords need that are made here; None if none may be.
    """
    lists: Lists = []
    if not is_refreshed:
        return None, lists, (None,) * 6, None
    cache = attempt(check_levels, logger)
    ways = attempt(find_ways, logger, lists) if cache is not None else None
    return cache, lists, ways or (None,) * 6, attempt(find_record_parts, logger)


def attempt(find: "Callable[..., Any]", *args: "Any") -> "Any":
    try:
        return find(*args)
    except NotPlain:
        return None


def check_levels(logger: "Any") -> "dict[int, bool] | None":
    """Return the dict that says which levels a logger has enabled; None: it has none.

    NotPlain: it cannot be told.
    """
    kind = type(logger)
    if kind is not Logger and kind is not RootLogger:
        raise NotPlain(f"{name_logger(logger)} is a {name(kind)}")
    compiled.mark(logger)
    if compiled.is_held(logger):
        raise NotPlain(f"somebody holds the __dict__ of {name_logger(logger)}")
    check_class(kind, (), LOGGER_ATTRIBUTES)
    for method in ("debug", "info", "warning", "error", "critical", "log"):
        check_method(kind.__mro__[kind.__mro__.index(Logger) + 1 :], method)
    check_own_methods(logger, LEVEL_METHODS)
    cache = logger._cache
    if type(logger.disabled) is not bool or type(cache) is not dict:
        raise NotPlain(f"{name_logger(logger)} has no levels as those of logging")
    if logger.disabled:
        return DISABLED
    return cache


DISABLED = dict.fromkeys(LEVELS, False)


def find_ways(logger: "Any", lists: "Lists") -> "tuple[Any, ...]":
    """Return the way of each level, by a tenth of its number; the lists that decide are added.

    NotPlain: `logging` has to do it.
    """
    check_library()
    check_own_methods(logger, HANDLING_METHODS)
    handlers: list[Any] = []
    if check_list(logger.filters, lists):
        raise NotPlain(f"{name_logger(logger)} has filters")
    node = logger
    while node is not None:
        if type(node) is not Logger and type(node) is not RootLogger:
            raise NotPlain(f"{name_logger(node)}, above it, is a {name(type(node))}")
        compiled.mark(node)
        if compiled.is_held(node):
            raise NotPlain(f"somebody holds the __dict__ of {name_logger(node)}")
        handlers += check_list(node.handlers, lists)
        if type(node.propagate) not in (bool, int):
            raise NotPlain(f"propagate of {name_logger(node)} is {node.propagate!r}")
        node = node.parent if node.propagate else None
    if not handlers:
        raise NotPlain("it has no handler")
    for handler in handlers:
        check_handler(handler, lists)
    return None, *(choose_way(logger, handlers, level) for level in LEVELS)


def choose_way(logger: "Any", handlers: "list[Any]", level: int) -> "tuple[Any, ...]":
    """Return which handlers get the records of a level, and what they make of them.

    That is: a bit for each handler; emitter and severity of each; pieces and parts of the formatter
    that they have in common.
    """
    takers = [handler for handler in handlers if level >= handler.level]
    if not takers:
        return ()
    formatter = takers[0].formatter
    if any(handler.formatter is not formatter for handler in takers):
        raise NotPlain("handlers have different formatters")
    targets = [part for handler in takers for part in choose_target(handler, level)]
    pieces, parts = None, ()
    if formatter is not None:
        parts = check_formatter(formatter)
        pieces = split_format(logger, formatter._style._fmt, level)
    bits = sum(1 << i for i, handler in enumerate(handlers) if level >= handler.level)
    return bits, tuple(targets), pieces, parts


def choose_target(handler: "Any", level: int) -> "tuple[Any, int]":
    """Return the emitter and the severity, as SysLogHandler._write_record does."""
    try:
        priority: Any = logging.getLevelName(level)
        if priority in handler.priority_map:
            priority = handler.mapPriority(priority)
        else:
            priority = choose_severity(level)
        prival = handler.encodePriority(handler.facility, priority)
    except Exception:
        raise NotPlain("priority_map and facility make no priority") from None
    if type(prival) is not int or not 0 <= prival <= 191:
        raise NotPlain(f"priority_map and facility make {prival!r}")
    emitter = handler._emitter_for_facility(prival >> 3)
    check_emitter(emitter)
    return emitter, prival & 7


def check_formatter(formatter: "Any") -> "tuple[Any, ...]":
    """Return objects, and names and values of all their attributes: each call compares them."""
    if type(formatter) is not logging.Formatter:
        raise NotPlain(f"a formatter is a {name(type(formatter))}")
    check_class(logging.Formatter, FORMATTER_METHODS, FORMATTER_ATTRIBUTES)
    attributes = dict(vars(formatter))
    style = attributes.get("_style")
    if type(style) is not logging.PercentStyle or set(attributes) != set(FORMATTER_ATTRIBUTES):
        raise NotPlain("a formatter has another style, or attributes of its own")
    check_class(logging.PercentStyle, STYLE_METHODS, STYLE_ATTRIBUTES)
    parts = dict(vars(style))
    if set(parts) != set(STYLE_ATTRIBUTES) or parts["_defaults"] or type(parts["_fmt"]) is not str:
        raise NotPlain("the style of a formatter has defaults, or attributes of its own")
    return formatter, list_items(attributes), style, list_items(parts)


def list_items(attributes: "dict[str, Any]") -> "tuple[Any, ...]":
    return tuple([part for item in attributes.items() for part in item])


def split_format(logger: "Any", template: str, level: int) -> "tuple[bytes | int, ...]":
    """Return the pieces of a %-style format: UTF-8, or the numbers of what each call has anew."""
    values = {"name": logger.name, "levelname": logging.getLevelName(level), "levelno": level}
    pieces: list[bytes | int] = []
    text = ""
    rest = 0
    for match in FIELD.finditer(template):
        text += template[rest : match.start()]
        rest = match.end()
        field, kind = match.groups()
        if field is None:
            text += "%"
        elif kind == "s" and type(values.get(field)) is str:
            text += values[field]
        elif field == "levelno":
            text += f"{level:d}"
        elif (field, kind) in PIECES:
            pieces += [text.encode("utf-8", "replace"), PIECES[field, kind]]
            text = ""
        else:
            raise NotPlain(f"a formatter has %({field}){kind}")
    text += template[rest:]
    pieces.append(text.encode("utf-8", "replace"))
    if "%" in FIELD.sub("", template) or not is_encodable(template, *values.values()):
        raise NotPlain("a formatter has more than names in its format")
    if PIECES["message", "s"] not in pieces:
        raise NotPlain("a formatter leaves out the message, which may not fit its arguments")
    if any(type(piece) is int and piece > PIECES["message", "s"] for piece in pieces):
        check_caller()
    return tuple([piece for piece in pieces if piece != b""])


def is_encodable(*values: object) -> bool:
    try:
        return bool("".join(map(str, values)).encode())
    except UnicodeEncodeError:
        return False


def check_list(items: "Any", lists: "Lists") -> "tuple[Any, ...]":
    """Return what is in a list now, of which the plan is made."""
    if type(items) is not list:
        raise NotPlain(f"handlers or filters are a {name(type(items))}")
    snapshot = tuple(items)
    lists.append((items, snapshot))
    return snapshot


def check_handler(handler: "Any", lists: "Lists") -> None:
    kind = type(handler)
    if kind is not SysLogHandler:
        raise NotPlain(f"a handler is a {name(kind)}")
    compiled.mark(handler)
    if compiled.is_held(handler):
        raise NotPlain("somebody holds the __dict__ of a handler")
    check_class(kind, (), HANDLER_ATTRIBUTES)
    check_own_methods(handler, HANDLER_METHODS)
    library = logging.handlers.SysLogHandler
    if handler._emitter is None or not handler._has_header:
        raise NotPlain("a handler writes no header, or has no delivery")
    if handler.ident != "" or type(handler.ident) is not str:
        raise NotPlain("a handler has an ident")
    if type(handler.level) is not int:
        raise NotPlain(f"the level of a handler is {handler.level!r}")
    if type(handler.facility) not in (int, str):
        raise NotPlain(f"the facility of a handler is {handler.facility!r}")
    for table in ("priority_map", "priority_names", "facility_names"):
        if getattr(handler, table) is not getattr(library, table):
            raise NotPlain(f"a handler has a {table} of its own")
    if check_list(handler.filters, lists):
        raise NotPlain("a handler has filters")


def check_emitter(emitter: "Any") -> None:
    kind = type(emitter)
    if kind is not Emitter and kind is not Child:
        raise NotPlain(f"an emitter is a {name(kind)}")
    for method in ("emit", "emit_record"):
        if find_entry(kind.__mro__, method) is not EMITTER_BASE.__dict__[method]:
            raise NotPlain(f"{method} of an emitter is another's")
    options = emitter._get_encoder()._list_options()
    if options["attributes"] or options["header_attributes"]:
        raise NotPlain("a handler takes attributes from records")


def name_logger(logger: object) -> str:
    return f"logger {getattr(logger, 'name', '?')}"


def report_error(
    logger: "Any", handler: "Any", level: int, message: str, args: "Any", error: Exception
) -> None:
    """Tell a handler of an error that its `emit` would have caught."""
    record = logging.LogRecord(logger.name, level, "", 0, message, args, None)
    try:
        raise error
    except Exception:
        handler.handleError(record)
