"""Calls of `logging` that are timed: with the standard library alone, and with loggers of ours."""

import io
import logging
from dataclasses import dataclass, field

from adapters.adapter import DATA
from measure.record import MESSAGE

TEMPLATE = "user %s bought %d for %.2f"


def fail(depth: int) -> None:
    if depth:
        fail_below(depth - 1)
    raise LookupError("sold out")


def fail_below(depth: int) -> None:
    if depth:
        fail(depth - 1)
    raise LookupError("sold out")


def catch() -> BaseException:
    """Return an exception of seven frames, its own included."""
    try:
        fail(5)
    except LookupError as error:
        return error
    raise AssertionError


ERROR = catch()


class Nowhere(io.TextIOBase):
    """A stream that keeps the last text that was written."""

    last = ""

    def write(self, text: str) -> int:
        self.last = text
        return len(text)


class Idle(logging.Handler):
    """A handler that does nothing but keep the last record."""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record


@dataclass
class LogCall:
    """statement: of a logger; text: of its record, None for none; format: a handler's.

    calls: in a round; names: what the statement names; fields: those of the record that are not the
    usual ones.
    """

    statement: str
    text: "str | None" = MESSAGE
    format: "str | None" = None
    calls: int = 2000
    names: dict[str, object] = field(default_factory=dict)
    fields: dict[str, object] = field(default_factory=dict)


def write_exception() -> str:
    exc_info = (type(ERROR), ERROR, ERROR.__traceback__)
    return f"{MESSAGE}\n{logging.Formatter().formatException(exc_info)}"


LOG_CALLS: dict[str, LogCall] = {
    "no arguments": LogCall("logger.info(message)"),
    "3 arguments": LogCall(
        "logger.info(template, 'alice', 17, 19.99)", TEMPLATE % ("alice", 17, 19.99)
    ),
    "structured data by extra": LogCall(
        "logger.info(message, extra=extra)",
        names={"extra": {"msgid": "SALE", "structured_data": DATA}},
        fields={
            "msgid": "SALE",
            "structured_data": [(sd_id, list(pairs.items())) for sd_id, pairs in DATA.items()],
        },
    ),
    "the caller in the text": LogCall(
        "logger.info(message)",
        f"<timeit-src> inner {MESSAGE}",
        "%(filename)s %(funcName)s %(message)s",
    ),
    # An error would be sent at once, which is no part of this.
    "an exception of 7 frames": LogCall(
        "logger.warning(message, exc_info=error)",
        write_exception(),
        calls=200,
        names={"error": ERROR},
        fields={"severity": 4},
    ),
    "a level that is disabled": LogCall("logger.debug(message)", None),
}


def make_logger(
    kind: type[logging.Logger], call: LogCall, handler: logging.Handler
) -> logging.Logger:
    """Return a logger of INFO, in no hierarchy, with that handler alone."""
    logger = kind("shop", logging.INFO)
    logger.addHandler(handler)
    if call.format:
        handler.setFormatter(logging.Formatter(call.format))
    return logger
