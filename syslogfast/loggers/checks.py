"""Whether classes, functions and objects are as `logging` and this package have made them.

What is looked at is the raw entries of classes, by identity: a proxy looks like what it stands for.
"""

import logging
import logging.handlers
import os
import sys
import time

from syslogfast.handlers import SysLogHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

FUNCTION: "Any" = type(logging.basicConfig)
METHOD: "Any" = type(logging.root.handle)
BUILT_IN: "Any" = type(time.time)


class NotPlain(Exception):  # noqa: N818  # nothing is wrong
    """Says why a logger's calls are left to `logging`."""


def check_library() -> None:
    """Check what is the same for all loggers."""
    record: Any = logging._logRecordFactory  # type: ignore[attr-defined]
    if record is not logging.LogRecord:
        raise NotPlain(f"the log record factory is {name(record)}")
    check_class(record, ("__init__", "getMessage"), ())
    if find_entry(record.__mro__, "__setattr__") is not object.__setattr__:
        raise NotPlain("LogRecord has a __setattr__ of its own")
    for module, function in ((time, "time"), (time, "time_ns"), (os, "getpid")):
        found = getattr(module, function)
        if type(found) is not BUILT_IN or found.__name__ != function:
            raise NotPlain(f"{module.__name__}.{function} is {name(found)}")
    if (logging.time, logging.os) != (time, os):  # type: ignore[attr-defined]
        raise NotPlain("logging has other modules for time and os")
    check_function(logging.getLevelName, logging, "getLevelName")


def check_class(kind: type, methods: tuple[str, ...], attributes: tuple[str, ...]) -> None:
    """Check that nobody has changed a class."""
    for method in methods:
        check_method(kind.__mro__, method)
    for method in ("__getattribute__", "__new__"):
        if find_entry(kind.__mro__, method) is not object.__dict__[method]:
            raise NotPlain(f"{name(kind)} has a {method} of its own")
    for attribute in ("__getattr__", *attributes):
        if find_entry(kind.__mro__, attribute) is not None:
            raise NotPlain(f"{name(kind)} has a {attribute} of its own")


def check_method(classes: tuple[type, ...], method: str) -> None:
    for kind in classes:
        entry = kind.__dict__.get(method)
        if entry is not None:
            module: Any = sys.modules.get(kind.__module__)
            check_function(entry, module, f"{kind.__qualname__}.{method}")
            return
    raise NotPlain(f"{method} is missing")


def check_function(entry: "Any", module: "ModuleType", qualified: str) -> None:
    """Check that this is a module's own function: a wrapper has its name, but not its globals."""
    short = qualified.rpartition(".")[2]
    if (
        type(entry) is not FUNCTION
        or entry.__globals__ is not vars(module)
        or entry.__qualname__ != qualified
        or entry.__code__.co_name != short
        or entry.__code__.co_filename != CODE_FILES[module.__name__]
    ):
        raise NotPlain(f"{short} is {name(entry)}")


CODE_FILES = {
    "logging": logging.shutdown.__code__.co_filename,
    "logging.handlers": logging.handlers.SysLogHandler.close.__code__.co_filename,
    "syslogfast.handlers": SysLogHandler.close.__code__.co_filename,
}


def check_own_methods(thing: object, methods: tuple[str, ...]) -> None:
    """Check that these methods of an object are those of its class, which nobody has changed."""
    kind = type(thing)
    for method in methods:
        check_method(kind.__mro__, method)
        check_instance(thing, kind, method)


def check_instance(thing: object, kind: type, method: str) -> None:
    """Check that an instance has no other method in place of its class's."""
    bound: Any = getattr(thing, method)
    if (
        type(bound) is not METHOD
        or bound.__func__ is not find_entry(kind.__mro__, method)
        or bound.__self__ is not thing
    ):
        raise NotPlain(f"{method} of one object is {name(bound)}")


def find_entry(classes: tuple[type, ...], attribute: str) -> "Any":
    for kind in classes:
        if attribute in kind.__dict__:
            return kind.__dict__[attribute]
    return None


def name(thing: "Any") -> str:
    """Return whose something is: where a function was written, else the name of a class.

    A function that wraps another has its name, and a proxy of wrapt its class as well; what counts
    of that is the function that it calls.
    """
    try:
        thing = object.__getattribute__(thing, "_self_wrapper")
    except AttributeError:
        pass
    kind = type(thing)
    if kind is METHOD:
        return name(thing.__func__)
    if kind is FUNCTION:
        return f"{thing.__globals__.get('__name__')}.{thing.__code__.co_qualname}"
    if issubclass(kind, type):
        kind = thing
    return f"{kind.__module__}.{kind.__qualname__}"
