"""What do fields cost?

Each form into the queue of an emitter that lingers, 300 times. Then structlog: an event of three
values by our renderer, and as one writes it by hand, a processor that has `encode_record` make
bytes of it.
"""

import contextlib
import importlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from measure import strict
from measure.missing import MissingError, is_installed
from measure.record import IDENTITY, MESSAGE
from measure.rounds import Rounds, Run, repeat_call, tabulate
from measure.strict import expect_now
from measure.tables import Table
from receivers.receiver import run_receiver

import syslogfast
from syslogfast.integrations.structlog import LoggerFactory, Renderer

Publish = Callable[[Table], None]
QUEUED = 200  # records: fewer bytes than an emitter gathers before it sends
PLAIN, GIVEN = "no fields", "three in `structured_data`"
EXPECTED = [("fields@32473", [("order", "17"), ("by", "alice"), ("shop", "web")])]
BY_PERCENT = "`%`, and three fields"
BY_HAND, OURS = "a processor by hand, `encode_record`", "`Renderer`"

pytestmark = pytest.mark.usefixtures("program")


@contextlib.contextmanager
def connect(**options: object) -> Iterator[syslogfast.Emitter]:
    """Give an emitter with a connection: while it is timed, nothing is sent."""
    with run_receiver() as receiver:
        url = f"tcp://127.0.0.1:{receiver.port}?framing=lf"
        with syslogfast.connect(url, linger=3600, **IDENTITY, **options) as emitter:
            emitter.info(MESSAGE)
            assert emitter.flush()
            yield emitter


def take(emitter: syslogfast.Emitter) -> bytes:
    """Return the record that is queued, without its LF."""
    data = bytes(emitter._queue.peek())
    emitter._queue.clear("taken")
    return data.removesuffix(b"\n")


def measure(rounds: Rounds, emitter: syslogfast.Emitter, rows: dict[str, Run]) -> dict:
    def settle() -> None:
        assert emitter.stats["queued"] in (0, QUEUED)  # nothing was sent meanwhile
        assert emitter.flush()
        time.sleep(0.00001)  # else the thread that sends them takes its last steps in a run

    times = rounds.measure(rows, 4, settle=settle)
    settle()
    return times


def test_fields(rounds: Rounds, publish: Publish) -> None:
    with connect() as emitter:
        names = {"message": MESSAGE, "info": emitter.info}
        given = {"order": 17, "by": "alice", "shop": "web"}
        statements = {
            PLAIN: "info(message)",
            GIVEN: "info(message, structured_data="
            '{"fields@32473": {"order": 17, "by": "alice", "shop": "web"}})',
            "three fields": 'info(message, order=17, by="alice", shop="web")',
        }
        rows = {}
        for row, statement in statements.items():
            exec(statement, names)
            strict.check(take(emitter), expected(row != PLAIN))
            rows[row] = repeat_call(statement, QUEUED, **names)
        bound = emitter.bind(**given)
        bound.info(MESSAGE)
        strict.check(take(emitter), expected(True))
        rows["three by `bind`"] = repeat_call(
            "info(message)", QUEUED, message=MESSAGE, info=bound.info
        )

        def repeat_in_context() -> "float | None":
            with syslogfast.bound(**given):
                return run()

        with syslogfast.bound(**given):
            emitter.info(MESSAGE)
            strict.check(take(emitter), expected(True))
        run = repeat_call("info(message)", QUEUED, **names)
        rows["three by `bound`"] = repeat_in_context
        names.update(bound=syslogfast.bound, given=given)
        rows["`bound` around each record"] = repeat_call(
            "with bound(**given): info(message)", QUEUED, **names
        )
        times = measure(rounds, emitter, rows)
    title = "fields, into the queue of a TCP connection"
    publish(tabulate("fields", title, times, PLAIN, QUEUED))


def expected(has_fields: bool) -> strict.Expected:
    return expect_now(MESSAGE, structured_data=EXPECTED if has_fields else [])


def test_template(rounds: Rounds, publish: Publish) -> None:
    """A t-string beside the same text by `%` with the same fields."""
    if sys.version_info < (3, 14):
        raise MissingError("t-strings: Python has them from 3.14 on")
    names: dict[str, object] = {"by": "alice", "order": 17, "price": 9.5}
    text = "alice has sold 17 for 9.5"
    fields = [("fields@32473", [(name, str(value)) for name, value in names.items()])]
    statements = {
        BY_PERCENT: 'info("%s has sold %d for %s", by, order, price,'
        " by=by, order=order, price=price)",
        "a t-string": 'info(t"{by} has sold {order} for {price}")',
    }
    with connect() as emitter:
        names["info"] = emitter.info
        rows = {}
        for row, statement in statements.items():
            exec(statement, names)
            strict.check(take(emitter), expect_now(text, structured_data=fields))
            rows[row] = repeat_call(statement, QUEUED, **names)
        times = measure(rounds, emitter, rows)
    publish(
        tabulate(
            "templates", "a text of three values, and these as fields", times, BY_PERCENT, QUEUED
        )
    )


@pytest.fixture
def structlog() -> ModuleType:
    if not is_installed("structlog"):
        raise MissingError("structlog: it is not installed")
    return importlib.import_module("structlog")


def test_structlog(structlog: ModuleType, rounds: Rounds, publish: Publish) -> None:
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
                LoggerFactory(emitter)(), processors=[merge, Renderer(emitter)]
            ),
        }
        rows: dict[str, Run] = {}
        for row, logger in loggers.items():
            log = logger.bind()
            log.info(MESSAGE, order=17, by="alice", shop="web")
            record = take(emitter) if row == OURS else written.pop().removesuffix(b"\n")
            strict.check(record.replace(b" 42 ", b" 42 "), expected(True))
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
