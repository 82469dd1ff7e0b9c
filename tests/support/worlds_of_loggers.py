"""Loggers of one class with their handlers, and what a program may do to them and to `logging`.

A world has a manager, four loggers and a root, two handlers of ours and one of somebody else's.
"""

import contextlib
import decimal
import io
import logging
import logging.handlers
import os
import random
import re
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import syslogfast

TIMES = ("created", "msecs", "relativeCreated")
TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z")
# What a program may set on a class, and where what is called is found.
HOOKED = [
    *[(logging.Logger, name) for name in ("callHandlers", "makeRecord", "handle", "_log", "info")],
    *[(logging.Logger, name) for name in ("isEnabledFor", "getEffectiveLevel", "findCaller")],
    *[(logging.Handler, name) for name in ("handle", "format", "acquire", "handleError")],
    (logging.Filterer, "filter"),
    (logging.LogRecord, "getMessage"),
    (logging.LogRecord, "__init__"),
    (logging.handlers.SysLogHandler, "mapPriority"),
    (logging.handlers.SysLogHandler, "encodePriority"),
    (syslogfast.SysLogHandler, "emit"),
    (syslogfast.SysLogHandler, "_write_record"),
]
MODULE_HOOKED = [
    *[(logging, name) for name in ("_logRecordFactory", "getLevelName", "logProcesses")],
    *[(os, "getpid"), (time, "time"), (time, "time_ns")],
]


class World:
    """Loggers of one class, and what their handlers have got."""

    def __init__(self, kind: type, root_kind: type) -> None:
        self.root = root_kind(logging.WARNING)
        self.manager = logging.Manager(self.root)
        self.root.manager = self.manager
        self.manager.setLoggerClass(kind)
        self.seen: list[Any] = []
        self.handlers: list[Any] = [self.make_handler() for _ in range(2)]
        self.handlers.append(Foreign(self.seen))
        self.loggers = [self.manager.getLogger(name) for name in ("a", "a.b", "a.b.c", "d")]
        self.loggers.append(self.root)
        self.held: dict[str, Any] | None = None
        self.be_plain()

    def make_handler(self) -> syslogfast.SysLogHandler:
        handler = syslogfast.SysLogHandler(
            "tcp://127.0.0.1:1", hostname="web1", app_name="shop", procid=7, linger=1e6,
            on_failure=False,
        )  # fmt: skip
        handler._emitter._sender.closes_at_exit = False
        return handler

    def be_plain(self) -> None:
        """Be as most programs are."""
        self.held = None
        for logger in self.loggers:
            logger.filters.clear()
            logger.disabled = False
            logger.handlers = []
            logger.propagate = True
            logger.setLevel(logging.NOTSET)
            for name in ("makeRecord", "isEnabledFor", "handle"):
                delete(logger, name)
        for handler in self.handlers:
            handler.filters.clear()
            handler.setLevel(logging.NOTSET)
            handler.setFormatter(None)
            for name in ("ident", "emit", "mapPriority", "priority_map"):
                delete(handler, name)
        for handler in self.handlers[:2]:
            handler.facility = 1
        self.manager.disable = 0
        self.root.setLevel(logging.INFO)
        self.root.handlers = [self.handlers[0]]
        logging.Manager._clear_cache(self.manager)

    def take(self) -> tuple[Any, ...]:
        """Return what has been written since the last time."""
        result: list[Any] = [tuple(self.seen)]
        self.seen.clear()
        for handler in self.handlers[:2]:
            queue = handler._emitter._queue
            data = queue.peek()
            result.append(TIMESTAMP.sub(b"T", bytes(data or b"")))
            del data
            queue.rewind()
            counts = queue.count_all()
            result.append((counts["offered"], counts["truncated"]))
            queue.clear("taken")
        return tuple(result)

    def close(self) -> None:
        for handler in self.handlers[:2]:
            handler._emitter._queue.clear("taken")
            handler.close()


class Foreign(logging.Handler):
    def __init__(self, seen: list[Any]) -> None:
        super().__init__()
        self.seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        attributes = {name: value for name, value in vars(record).items() if name not in TIMES}
        seen = [tuple(vars(record)), {name: describe(attributes[name]) for name in attributes}]
        self.seen.append((*seen, self.format(record), *list_callers(8)))


def describe(value: object) -> object:
    """Return what can be compared with that of another object."""
    if isinstance(value, tuple):
        return tuple(map(describe, value))
    return value if isinstance(value, (str, int, bytes, type(None))) else type(value)


def list_callers(depth: int) -> list[tuple[str, str, int | None]]:
    """Return function, file and line of the frames that lead to a handler."""
    frame: Any = sys._getframe(1)
    callers = []
    while frame is not None and len(callers) < depth:
        callers.append((frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return callers


def delete(thing: Any, name: str) -> None:
    if name in object.__getattribute__(thing, "__dict__"):
        delattr(thing, name)


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("not to be printed")

    def __repr__(self) -> str:
        return "Unprintable()"


class Counting:
    """Says how often it was printed."""

    def __init__(self) -> None:
        self.count = 0

    def __str__(self) -> str:
        self.count += 1
        return f"printed {self.count}"

    __repr__ = __str__


class Text(str):
    __slots__ = ()


class Number(int):
    def __str__(self) -> str:
        return "a number"


class Filter(logging.Filter):
    def __init__(self, verdict: int) -> None:
        self.verdict = verdict

    def filter(self, record: logging.LogRecord) -> bool:
        if self.verdict == 2:
            record.msg = f"changed {record.msg}"
        return bool(self.verdict)


class OwnFactory(logging.LogRecord):
    @property
    def structured_data(self) -> dict[str, dict[str, str]]:
        return {"factory@32473": {"made": "here"}}


FORMATS = [
    *[
        None,
        logging.BASIC_FORMAT,
        "%(name)s é %(message)s",
        "%(filename)s %(funcName)s %(message)s",
    ],
    *["%(levelno)d %(lineno)d %(message)s %(message)s", "%(threadName)s %(message)s", "%(name)s"],
]
VALUES = [
    *[0, 1, -1, 17, 2**40, -(2**70), 3.5, 0.1, 1e300, float("nan"), float("inf"), -0.0, 1e-7],
    *[2.675, "x", "", "long text " * 30, "y" * 900, "z" * 9000, "ü", "\ud800", "a\nb", True, None],
    *[b"octets", [1, "a"], {"k": 1}, {}, Unprintable(), Text("text"), Number(5), (1, 2), "%s"],
    decimal.Decimal("1.10"),
]
TEMPLATES = [
    *["plain message of some length", "", "short", "L" * 9000, "N" * 1020 + "%s", "%s", "%d", "%r"],
    *["%x", "%.2f", "%f", "a %s b %d c", "%s %s %s", "%d%%", "100%", "%", "%5d", "%-5s|", "%(k)s"],
    *["%i %u", "%X", "%c", "%e", "%a", "ü %s", "line\nbreak %s", "%.2s", "%.1d", "%+d", "%%", "ü"],
    *["\ud800", "trailing\r\n", Text("text %s"), b"octets", 5, None, ("a", "tuple")],
]
EXTRAS = [
    {"msgid": "SALE"},
    {"msgid": "with a space"},
    {"msgid": ""},
    {"msgid": None},
    {"msgid": 5},
    {"structured_data": {"order@32473": {"id": 17}}},
    {"structured_data": {"bad id": {"x": None}}, "msgid": "SALE"},
    {"structured_data": 5},
    {"structured_data": None},
    {"structured_data": b'[order@32473 id="17"]'},
    {"structured_data": {"order@32473": {"id": Unprintable()}}},
    *[{"message": 1}, {"name": 1}, {"asctime": 1}, {"other": 1}, {"getMessage": lambda: "own"}],
    *[None, {}, {Text("msgid"): "SALE"}, {5: 6}, types.MappingProxyType({"msgid": "SALE"}), 0],
]


def choose_change(rng: random.Random) -> Callable[[World], object]:
    """Return something that a program may do to its logging."""
    i, j, level = rng.randrange(5), rng.randrange(3), rng.choice([0, 10, 20, 30, 40, 50, 25])
    verdict, flag, first = rng.randrange(3), rng.random() < 0.7, rng.randrange(2)
    own = rng.choice([*[logging.Formatter(template) for template in FORMATS], None, None])
    style = logging.PercentStyle(rng.choice(FORMATS))  # type: ignore[arg-type]
    table = logging.handlers.SysLogHandler.priority_map
    changes: list[Callable[[World], object]] = [
        lambda w: w.loggers[i].setLevel(level),
        lambda w: setattr(w.loggers[i], "level", level),
        lambda w: w.loggers[i].addHandler(w.handlers[j]),
        lambda w: w.loggers[i].removeHandler(w.handlers[j]),
        lambda w: w.loggers[i].handlers.append(w.handlers[j]),
        lambda w: w.loggers[i].handlers.clear(),
        lambda w: setattr(w.loggers[i], "handlers", [w.handlers[j]]),
        lambda w: setattr(w.loggers[i], "handlers", (w.handlers[j],)),
        lambda w: setattr(w.loggers[i], "propagate", flag),
        lambda w: setattr(w.loggers[i], "disabled", not flag),
        lambda w: setattr(w.loggers[i], "parent", w.root if i < 4 else None),
        lambda w: w.loggers[i].filters.append(Filter(verdict)),
        lambda w: w.loggers[i].addFilter(lambda record: flag),
        lambda w: w.loggers[i].filters.clear(),
        lambda w: w.handlers[j].addFilter(Filter(verdict)),
        lambda w: w.handlers[j].filters.clear(),
        lambda w: w.handlers[j].setLevel(level),
        lambda w: w.handlers[j].setFormatter(own),
        lambda w: setattr(w.handlers[j].formatter, "_style", style),
        lambda w: setattr(w.handlers[j].formatter._style, "_fmt", style._fmt),
        lambda w: setattr(w.handlers[j].formatter, "format", lambda record: "own"),
        lambda w: vars(w.handlers[j].formatter).pop("format", None),
        lambda w: setattr(w.handlers[j], "ident", "ident: "),
        lambda w: setattr(w.handlers[first], "facility", rng_facility(level)),
        lambda w: setattr(w.handlers[first], "priority_map", {"INFO": "alert"}),
        lambda w: setattr(w.handlers[first], "mapPriority", lambda name: "crit"),
        lambda w: vars(w.handlers[j]).update(level=level),
        lambda w: vars(w.handlers[j]).update(ident="held: "),
        lambda w: vars(w.loggers[i]).update(disabled=not flag),
        lambda w: vars(w.loggers[i]).update(propagate=flag),
        lambda w: setattr(w, "held", vars(w.loggers[i])),
        lambda w: setattr(w, "held", vars(w.handlers[first])),
        lambda w: w.held is not None and w.held.update(filters=[Filter(verdict)]),
        lambda w: w.held is not None and w.held.update(filters=[]),
        lambda w: w.held is not None and w.held.update(_cache={level: flag}),
        lambda w: setattr(w.loggers[i], "__dict__", dict(vars(w.loggers[i]))),
        lambda w: setattr(w.loggers[i], "makeRecord", make_marker(w.loggers[i])),
        lambda w: setattr(w.loggers[i], "isEnabledFor", lambda number: flag),
        lambda w: delete(w.loggers[i], "isEnabledFor"),
        lambda w: delete(w.loggers[i], "makeRecord"),
        lambda w: setattr(w.manager, "disable", level),
        lambda w: w.manager._clear_cache(),
        lambda w: w.loggers[i]._cache.update({level: flag}),
        lambda w: w.loggers[i]._cache.clear(),
        lambda w: setattr(w.loggers[i], "_cache", {level: flag}),
        lambda w: w.manager.getLogger(f"a.b.c.{j}"),
        lambda w: table.update(INFO="notice" if flag else "info"),
        lambda w: logging.addLevelName(20, "INFO" if flag else "Information"),
        lambda w: table.pop("WARNING", None),
        lambda w: table.setdefault("WARNING", "warning"),
    ]
    return rng.choice(changes)


def rng_facility(level: int) -> object:
    return {0: 3, 10: "local0", 20: 1, 25: "no such", 30: 1.5}.get(level, 16)


def make_marker(logger: Any) -> Callable[..., logging.LogRecord]:
    def mark(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = logging.Logger.makeRecord(logger, *args, **kwargs)
        record.msg = f"marked {record.msg}"
        return record

    return mark


def choose_hook(rng: random.Random) -> Callable[[], object]:
    """Return something that a program may do to `logging` itself."""
    if rng.random() < 0.3:
        module, name = rng.choice(MODULE_HOOKED)
        original = getattr(module, name)
        value: Any = {
            "_logRecordFactory": OwnFactory,
            "getLevelName": lambda level: f"L{level}",
            "logProcesses": False,
            "getpid": lambda: 77,
        }.get(name, lambda: original())
        return lambda: setattr(module, name, value)
    kind, name = rng.choice(HOOKED)

    def hook() -> None:
        original = kind.__dict__[name]

        def replacement(self: Any, *args: Any, **kwargs: Any) -> Any:
            for arg in args:
                if type(arg) is logging.LogRecord:
                    arg.msg = f"{name} {arg.msg}"
            return original(self, *args, **kwargs)

        setattr(kind, name, replacement)

    return hook


@contextlib.contextmanager
def keep_logging() -> Iterator[Callable[[], None]]:
    """Have all that hooks change put back, at the end and when what it gives is called."""
    entries = [(kind, name, kind.__dict__[name]) for kind, name in HOOKED]
    entries += [(module, name, getattr(module, name)) for module, name in MODULE_HOOKED]
    table = logging.handlers.SysLogHandler.priority_map
    names, priorities = dict(logging._levelToName), dict(table)

    def restore() -> None:
        for owner, name, value in entries:
            if vars(owner)[name] is not value:
                setattr(owner, name, value)
        if logging._levelToName != names:
            logging._levelToName.update(names)
        if table != priorities:
            table.clear()
            table.update(priorities)

    try:
        yield restore
    finally:
        restore()


def choose_call(rng: random.Random) -> Callable[[World], object]:
    """Return a call of a logger."""
    i = rng.randrange(5)
    if rng.random() < 0.4:  # as most calls are
        name = rng.choice(["info", "warning", "error"])
        text = rng.choice(["sold out", "ü", "a longer message than the others"])
        return lambda world: getattr(world.loggers[i], name)(f"{text} %s %d", text, i)
    how = rng.choice(["info"] * 4 + ["debug", "warning", "error", "critical", "log", "enabled"])
    how = rng.choice([how] * 9 + ["exception", "adapter", "keyword", "warn_no_message"])
    level: Any = rng.choice([10, 20, 30, 40, 50, 25, 15, 70, True, "INFO", Number(20)])
    template: Any = rng.choice(TEMPLATES)
    wanted = str(template).replace("%%", "").count("%") + rng.choice([0] * 8 + [1, -1])
    args: tuple[Any, ...] = tuple(rng.choice(VALUES) for _ in range(max(0, wanted)))
    if rng.random() < 0.05:
        args = rng.choice([({"k": "v"},), (Counting(),), tuple(range(20))])
    options: dict[str, Any] = {}
    if rng.random() < 0.2:
        options["extra"] = rng.choice(EXTRAS)
    for name, values in (
        ("exc_info", [True, False, ValueError("given"), None, 1]),
        ("stacklevel", [1, 2]),
        ("stack_info", [True, False]),
        ("nonsense", [True]),
    ):
        if rng.random() < 0.03:
            options[name] = rng.choice(values)

    def call(world: World) -> object:
        log: Any = world.loggers[i]
        if how == "enabled":
            return log.isEnabledFor(level)
        if how == "log":
            return log.log(level, template, *args, **options)
        if how == "adapter":
            return logging.LoggerAdapter(log, {"msgid": "OF-ADAPTER"}).info(template, *args)
        if how == "keyword":
            return log.info(msg=template, **options)
        if how == "warn_no_message":
            return log.warning(**options)
        if how == "exception":
            try:
                raise KeyError(1)
            except KeyError:
                return log.exception(template, *args, **options)
        return getattr(log, how)(template, *args, **options)

    return call


def run(call: Callable[[World], object], world: World) -> tuple[Any, ...]:
    """Return all that comes of a call."""
    with contextlib.redirect_stderr(io.StringIO()) as stderr:
        try:
            result: Any = call(world)
        except Exception as error:
            result = type(error), str(error)
    return result, world.take(), re.sub(r"0x[0-9a-f]+", "0x", stderr.getvalue())
