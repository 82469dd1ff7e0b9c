"""What do records of other loggers cost?

An event of structlog with three values, by our renderer, and by hand: a processor that makes bytes
of it with `encode_record`. A message of loguru with three values, by our sink, by a sink of one
line, and by one that does nothing. A message of picologging, whose logger has our handler, beside
one of logging. Each goes into the queue of an emitter that lingers, 200 times. Then 200 records for
which tasks of asyncio wait: by `drain`, and by `flush` in another thread.
"""

import asyncio
import importlib
import logging
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from adapters.queued import GIVEN, QUEUED, connect, expected, measure, take
from measure import strict
from measure.missing import MissingError, is_installed
from measure.record import IDENTITY, MESSAGE
from measure.rounds import Rounds, Run, repeat_call, tabulate
from measure.tables import Table

import syslogfast

Publish = Callable[[Table], None]
BY_HAND, OURS = "a processor by hand, `encode_record`", "`Renderer`"
STANDARD = "logging"

pytestmark = pytest.mark.usefixtures("program")


def load(name: str) -> ModuleType:
    if not is_installed(name):
        raise MissingError(f"{name}: it is not installed")
    return importlib.import_module(name)


def test_structlog(rounds: Rounds, publish: Publish) -> None:
    structlog = load("structlog")
    door = importlib.import_module("syslogfast.integrations.structlog")
    with connect() as emitter:
        encode = syslogfast.Encoder(**IDENTITY, framing="lf").encode_record
        written: list[bytes] = []

        class Kept:
            """A logger whose bytes stay in memory: what a stream takes is left out."""

            def info(self, data: bytes) -> None:
                written.append(data)

        def render(logger: object, method: str, event: dict) -> bytes:
            fields = {"levelno": logging.INFO, "msg": event.pop("event", "")}
            fields["structured_data"] = {"fields@32473": event} if event else None
            return encode(logging.makeLogRecord(fields))

        merge = structlog.contextvars.merge_contextvars
        loggers = {
            BY_HAND: structlog.wrap_logger(Kept(), processors=[merge, render]),
            OURS: structlog.wrap_logger(
                door.LoggerFactory(emitter)(), processors=[merge, door.Renderer(emitter)]
            ),
        }
        rows: dict[str, Run] = {}
        for row, logger in loggers.items():
            log = logger.bind()
            log.info(MESSAGE, order=17, by="alice", shop="web")
            record = take(emitter) if row == OURS else written.pop().removesuffix(b"\n")
            strict.check(record, expected(True))
            statement = 'log.info(message, order=17, by="alice", shop="web")'
            rows[row] = repeat_call(statement, QUEUED, message=MESSAGE, log=log)

        def forget(run: Run) -> Run:
            def repeat() -> "float | None":
                written.clear()
                return run()

            return repeat

        rows[BY_HAND] = forget(rows[BY_HAND])
        times = measure(rounds, emitter, rows)
    publish(
        tabulate("structlog", "an event of structlog with three values", times, BY_HAND, QUEUED)
    )


def test_loguru(rounds: Rounds, publish: Publish) -> None:
    loguru = load("loguru").logger
    sink = importlib.import_module("syslogfast.integrations.loguru").Sink
    loguru.remove()

    with connect() as emitter:

        def send(message: Any) -> None:
            emitter.info(message.record["message"], **message.record["extra"])

        sinks = {
            "nothing": lambda message: None,
            "a sink of one line": send,
            "`Sink`": sink(emitter),
        }

        def use(sink: Any, run: Run) -> Run:
            def repeat() -> "float | None":
                number = loguru.add(sink, format="{message}", catch=False)
                try:
                    return run()
                finally:
                    loguru.remove(number)

            return repeat

        log = loguru.bind(**GIVEN)
        rows: dict[str, Run] = {}
        for row, each in sinks.items():
            use(each, lambda: log.info(MESSAGE))()
            if row != "nothing":
                strict.check(take(emitter), expected(True))
            run = repeat_call("log.info(message)", QUEUED, message=MESSAGE, log=log)
            rows[row] = use(each, run)
        times = measure(rounds, emitter, rows)
    title = "a message of loguru with three values"
    publish(tabulate("loguru", title, times, "a sink of one line", QUEUED))


def test_picologging(rounds: Rounds, publish: Publish) -> None:
    picologging = load("picologging")
    with connect(syslogfast.SysLogHandler) as handler:
        rows: dict[str, Run] = {}
        for row, module in ((STANDARD, logging), ("picologging", picologging)):
            log = module.Logger("bench", module.INFO)
            log.addHandler(handler)
            log.info(MESSAGE)
            strict.check(take(handler._emitter), expected(False))
            rows[row] = repeat_call("log.info(message)", QUEUED, message=MESSAGE, log=log)
        times = measure(rounds, handler._emitter, rows)
    title = "a message of picologging to our handler"
    publish(tabulate("picologging", title, times, STANDARD, QUEUED))


def test_drain(rounds: Rounds, publish: Publish) -> None:
    with connect() as emitter:

        async def emit() -> None:
            for _ in range(QUEUED):
                emitter.info(MESSAGE)

        async def drain() -> None:
            await emit()
            assert await emitter.drain()

        async def flush() -> None:
            await emit()
            assert await loop.run_in_executor(None, emitter.flush)

        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(flush())  # which starts the thread
            rows = {
                row: lambda function=function: loop.run_until_complete(function())
                for row, function in (
                    ("no wait", emit),
                    ("`flush` in another thread", flush),
                    ("`await drain()`", drain),
                )
            }
            times = measure(rounds, emitter, rows)
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
    title = "200 records of a task that then waits until they are sent"
    publish(tabulate("drain", title, times, "`flush` in another thread", QUEUED))
