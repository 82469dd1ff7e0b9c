"""What `_c/new_record.pxi` needs to make a LogRecord as `logging` does, and when it may.

It stands for `findCaller`, `makeRecord` and `LogRecord.__init__`; who handles the record does not
matter. Here is what these do with rare arguments, and what they ask other modules for.
"""

import collections.abc
import logging
import os.path
import sys
import threading

from syslogfast._message import append_lines, format_exception
from syslogfast.loggers.checks import (
    CODE_FILES,
    FUNCTION,
    NotPlain,
    check_function,
    check_library,
    find_entry,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ATTRIBUTES = (
    *("name", "msg", "args", "levelname", "levelno", "pathname", "filename", "module", "exc_info"),
    *("exc_text", "stack_info", "lineno", "funcName", "created", "msecs", "relativeCreated"),
    *("thread", "threadName", "processName", "process"),
    *(("taskName",) if sys.version_info >= (3, 12) else ()),
)
OWN_ATTRIBUTES = (  # of each record; of all from the same place and thread
    *("msg", "args", "created", "msecs", "relativeCreated", "exc_info", "thread"),
    *("pathname", "filename", "module", "lineno", "funcName", "threadName", "process"),
)
MODULES = {"multiprocessing": "processName"}  # and what they know if they are loaded
USUAL: dict[str, str | None] = {"processName": "MainProcess"}
if "taskName" in ATTRIBUTES:
    MODULES["asyncio"] = "taskName"
    USUAL["taskName"] = None
NO_PROCESSES = ("emscripten", "wasi")
FLAGS = ("logThreads", "logMultiprocessing", "logProcesses", "logAsyncioTasks")
START: "Any" = int if sys.version_info >= (3, 13) else float
METHODS = ("debug", "info", "warning", "error", "critical", "_log", "log")  # by their numbers in C
LEVELS = (0, 10, 20, 30, 40, 50)


def find_record_parts(logger: "Any") -> "tuple[Any, ...]":
    """Return what records of a logger have in common; NotPlain: `logging` has to make them.

    That is: when `logging` began; for each level a dict of what its records have, in which what is
    each one's own stands for what will be there; and a function for each method that has a record
    handled.
    """
    check_library()
    check_caller()
    for flag in FLAGS:
        if getattr(logging, flag, True) is not True:
            raise NotPlain(f"{flag} is not True")
    modules: Any = (logging.threading, logging.sys, logging.collections)  # type: ignore[attr-defined]
    if modules != (threading, sys, collections) or type(logging._startTime) is not START:  # type: ignore[attr-defined]
        raise NotPlain("logging has other modules, or another time of its start")
    records = [logging.LogRecord(logger.name, level, "", 0, "", (), None) for level in LEVELS]
    if any(tuple(vars(record)) != ATTRIBUTES for record in records):
        raise NotPlain("a LogRecord has attributes that are not known")
    templates = [{**vars(record), **USUAL} for record in records]
    return logging._startTime, *templates, *find_entry_points()  # type: ignore[attr-defined]


def check_caller() -> None:
    """Check that `findCaller` finds what is found in C."""
    source = logging._srcfile
    frame: Any = logging.currentframe
    if os.name != "posix" or sys.platform in NO_PROCESSES or source != CODE_FILES["logging"]:
        raise NotPlain("logging does not look for callers as on POSIX systems")
    if type(frame) is not FUNCTION or frame.__globals__ is not vars(logging):
        raise NotPlain("currentframe is another's")
    check_function(logging._is_internal_frame, logging, "_is_internal_frame")  # type: ignore[attr-defined]


_entry_points: "tuple[Any, ...]" = ()


def find_entry_points() -> "tuple[Any, ...]":
    """Return what calls `handle` from as deep in `logging` as each of its methods would.

    Some handlers look for their caller in a frame of a fixed number. Where such a frame is in a
    traceback it has the line that it would have.
    """
    global _entry_points
    if not _entry_points:  # set at once: several threads may make them
        log = make_function("_log", "self.handle(record)", {})
        body, names = "_log(self, record)", {"_log": log}
        _entry_points = tuple([make_function(method, body, {**names}) for method in METHODS])
    return _entry_points


def make_function(method: str, body: str, names: "dict[str, Any]") -> "Any":
    """Return a function in the place of one of Logger's methods, at its last line."""
    code = find_entry(logging.Logger.__mro__, method).__code__
    line = max(line for _, _, line in code.co_lines() if line)
    text = "\n" * (line - 1) + f"def {method}(self, record): {body}"
    exec(compile(text, CODE_FILES["logging"], "exec"), names)
    return names[method]


def split_path(path: str) -> tuple[str, str]:
    """Return the file and the module of a record."""
    try:
        file = os.path.basename(path)
        return file, os.path.splitext(file)[0]
    except (TypeError, ValueError, AttributeError):
        return path, "Unknown module"


def choose_arguments(value: "Any") -> "Any":
    """Return the arguments of a record that has been given one."""
    return value if isinstance(value, collections.abc.Mapping) and value else (value,)


def choose_exception(exc_info: "Any") -> "Any":
    """Return the exception of a record that has been given `exc_info`."""
    if exc_info:
        if isinstance(exc_info, BaseException):
            return type(exc_info), exc_info, exc_info.__traceback__
        if not isinstance(exc_info, tuple):
            return sys.exc_info()
    return exc_info


def add_exception(text: "str | bytes", exc_info: object) -> str:
    """Return a text, and on the lines after it the exception, as a handler of ours writes both."""
    message = text if isinstance(text, str) else text.decode("utf-8", "replace")
    return append_lines(message, format_exception(choose_exception(exc_info)))


def list_thread_parts() -> "tuple[Any, ...]":
    """Return what finds the name of a thread, classes that change nothing of that, and what finds
    the number of this one.

    Nones, where this Python's do otherwise than is known, or have been replaced.
    """
    function, name = threading.current_thread, vars(threading.Thread).get("name")
    main = type(threading.main_thread())
    find = getattr(name, "fget", None)
    number = threading.get_ident if is_of_thread(threading.get_ident) else None
    if (
        type(function) is not FUNCTION
        or type(find) is not FUNCTION
        or function.__code__.co_names != ("_active", "get_ident", "KeyError", "_DummyThread")
        or find.__code__.co_names[:2] != ("_initialized", "_name")
        or len(find.__code__.co_names) > 2 + ("AssertionError" in find.__code__.co_names)
    ):
        return None, None, None, None, number
    return function, name, threading.Thread, main, number


def is_of_thread(function: "Any") -> bool:
    """Return True if this is `_thread.get_ident`; gevent has one of its own in that place."""
    module = getattr(function, "__self__", None)
    return type(function) is type(len) and module is sys.modules.get("_thread")


def find_process_name() -> "Any":
    """Return the name of this process, where `multiprocessing` is loaded."""
    try:
        return sys.modules["multiprocessing"].current_process().name
    except Exception:
        return "MainProcess"


def find_task_name() -> "Any":
    """Return the name of the task that runs in this thread, where `asyncio` is loaded."""
    try:
        asyncio: Any = sys.modules["asyncio"]
        compiled: Any = sys.modules.get("_asyncio")
        is_plain = compiled and asyncio.current_task is compiled.current_task
        if is_plain and compiled._get_running_loop() is None:
            return None  # what would be raised takes longer than all the rest
        return asyncio.current_task().get_name()
    except Exception:
        return None
