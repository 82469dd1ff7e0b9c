"""The classes of loggers, and the compiled module with their methods, if there is one."""

import logging

from syslogfast._backend import BACKEND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

COMPILED = "syslogfast._logger_c"
compiled: "Any" = None
refusal = "there is no compiled core"
if not TYPE_CHECKING and BACKEND == "c":
    try:
        import syslogfast._logger_c as compiled
    except ImportError as error:
        refusal = str(error)
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == COMPILED
        if not is_missing and "subinterpreters" not in refusal:
            raise  # it is there, and does not load
    else:
        refusal = compiled.check_interpreter() or ""
        if refusal:
            compiled = None


class Logger(logging.Logger):
    """The class of loggers, but for root, as long as they are installed.

    For `logging.setLoggerClass` in a program that does that itself. A class derived from it is
    handled as by `logging`.
    """

    __slots__ = ()


class RootLogger(Logger, logging.RootLogger):
    """The class of the root logger."""

    __slots__ = ()


for kind in (Logger, RootLogger):
    kind.__module__ = "syslogfast.loggers"
