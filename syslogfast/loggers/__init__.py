"""The loggers of `logging`, whose calls become records of ours without a LogRecord in between.

`install` gives them the class `Logger`. Its methods are those of `logging.Logger`, in C
(`_c/_logger_c.pyx`): a call that is known to be plain goes straight into the queue of the one
SysLogHandler that gets it. For other handlers there is a LogRecord, made in C where nobody has
changed how one is made (`records.py`). What is not known to be plain gets the method of `logging`,
as if nothing had been installed; `explain` says why. Known to be plain is what `find_ways` of
`plan.py` says.
"""

import logging
import threading

from syslogfast._platform import read_variable
from syslogfast._validation import check_choice
from syslogfast.handlers import SysLogHandler
from syslogfast.loggers import records
from syslogfast.loggers.checks import CODE_FILES, NotPlain
from syslogfast.loggers.classes import Logger, RootLogger, compiled, refusal
from syslogfast.loggers.plan import (
    DISABLED,
    EMITTER_BASE,
    check_levels,
    find_plan,
    find_ways,
    list_watched_dicts,
    list_watched_types,
    report_error,
)

__all__ = ["Logger", "RootLogger", "explain", "install", "uninstall"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SETTINGS = ("", "on", "off")  # of SYSLOGFAST_LOGGERS

is_installed = False
has_watchers = True


def install() -> None:
    """Make all loggers write their records without a LogRecord, where nobody can tell.

    Those of exactly the classes of `logging`, now and later, root among them, become `Logger`.
    A second call does nothing; nor does any where the environment variable SYSLOGFAST_LOGGERS is
    "off", without the compiled core, without the GIL, and in interpreters other than the main one.

    What counts is what handlers and loggers are when a call is made: this may come before or
    after they are configured. ValueError: the variable is neither "on" nor "off", nor empty.

    >>> install()
    >>> explain("shop.cart")
    'there is no logger of that name'
    >>> uninstall()
    """
    global is_installed, has_watchers
    with logging._lock:  # type: ignore[attr-defined]
        if is_installed or find_refusal():
            return
        is_installed = True  # as long as a part of it may be: what fails half way is undone
        try:
            has_watchers = compiled.activate(list_watched_dicts(), list_watched_types())
            if not has_watchers:
                is_installed = False
                return
            compiled.fit_handler(SysLogHandler)
            if logging.getLoggerClass() is logging.Logger:
                logging.setLoggerClass(Logger)
            convert_all((logging.Logger, Logger), (logging.RootLogger, RootLogger))
            compiled.note()
        except BaseException:
            uninstall()
            raise


def uninstall() -> None:
    """Give loggers the classes of `logging` back, and leave all as it was before `install`."""
    global is_installed
    with logging._lock:  # type: ignore[attr-defined]
        if not is_installed:
            return
        if logging.getLoggerClass() is Logger:
            logging.setLoggerClass(logging.Logger)
        convert_all((Logger, logging.Logger), (RootLogger, logging.RootLogger))
        release_handler()
        compiled.deactivate(list_caches())
        is_installed = False  # at last: what fails before, for want of memory, can be tried again


def release_handler() -> None:
    """Have the class of handlers tell of changes no more, as far as it does."""
    for name in ("__setattr__", "__delattr__"):
        if name in vars(SysLogHandler):
            delattr(SysLogHandler, name)
    if "__dict__" in vars(SysLogHandler):
        compiled.release_handler(SysLogHandler)


def explain(name: str | None = None) -> str:
    """Return "fast", or why the calls of a logger are left to `logging`; None: root's.

    >>> import logging
    >>> explain()
    'install() has not been called'
    """
    if not has_watchers:
        return "CPython has no watcher left, for others have them all"
    if not is_installed:
        return find_refusal() or "install() has not been called"
    logger: Any = logging.root
    if name is not None and name != logging.root.name:
        logger = logging.root.manager.loggerDict.get(name)
        if not isinstance(logger, logging.Logger):
            return "there is no logger of that name"
    return explain_logger(logger)


def explain_logger(logger: logging.Logger) -> str:
    """Return the same of a logger that may be in no manager."""
    if not compiled.refresh():
        return "CPython does not tell of changes of a class any more"
    try:
        check_levels(logger)
        find_ways(logger, [])
    except NotPlain as error:
        return str(error)
    return "fast"


def find_refusal() -> str:
    """Return why `install` does nothing; empty if it would."""
    setting = check_choice("SYSLOGFAST_LOGGERS", read_variable("SYSLOGFAST_LOGGERS"), SETTINGS)
    return "SYSLOGFAST_LOGGERS is off" if setting == "off" else refusal


def list_loggers() -> "Iterator[Any]":
    yield logging.root
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            yield logger


def list_caches() -> "list[dict[int, bool]]":
    caches = [logger._cache for logger in list_loggers()]
    return [DISABLED, *(cache for cache in caches if type(cache) is dict)]


def convert_all(*pairs: tuple[type, type]) -> None:
    """Give the loggers of exactly one class another one."""
    for logger in list_loggers():
        for kind, other in pairs:
            if type(logger) is kind:
                logger.__class__ = other
                break


if compiled is not None:
    RESERVED = {*vars(logging.makeLogRecord({})), *dir(logging.LogRecord), "message", "asctime"}
    RESERVED |= {"msgid", "structured_data"}  # that are found before
    compiled.fit_logger(
        Logger,
        RootLogger,
        logging.Logger,
        logging.RootLogger,
        SysLogHandler,
        (find_plan, report_error, EMITTER_BASE.__dict__["emit"], CODE_FILES["logging"]),
        RESERVED,
    )
    compiled.fit_record(
        logging.LogRecord,
        records.OWN_ATTRIBUTES,
        (
            *(records.split_path, records.choose_arguments, records.choose_exception),
            records.add_exception,
            *(records.find_process_name, records.find_task_name),
            *records.list_thread_parts(),
        ),
        vars(threading),
        tuple(records.MODULES),
        tuple(records.MODULES.values()),
    )
