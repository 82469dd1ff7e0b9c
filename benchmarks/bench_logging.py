"""What does a record of logging cost, here and elsewhere?

The record: a message of 102 ASCII characters, as it is or with four arguments. Each time is that of
1,000 calls in a loop. In each group the fastest row is the yardstick: the numbers in brackets are
how many times as long the others take. peers.py tells what each of them writes.
"""

import logging
from collections.abc import Callable
from itertools import repeat

import pytest
import rivals as peers
from conftest import MESSAGE
from pytest_benchmark.fixture import BenchmarkFixture
from rivals import ARGS, TEMPLATE, Peer, Sink, make_record

import syslogfast

FORMATTERS = [
    peers.OurFormatter,
    peers.SyslogRfc5424Formatter,
    peers.Picologging,
    peers.StandardFormatter,
]
BUILDERS = [
    peers.OurEncoder,
    peers.OurTwin,
    peers.Rfc5424LoggingHandler,
    peers.HatSyslog,
    peers.StandardHandler,
]
CONTENT = {"no arguments": (MESSAGE, ()), "four arguments": (TEMPLATE, ARGS)}


def get_name(kind: type[Peer]) -> str:
    return kind.name


def prepare(benchmark: BenchmarkFixture, kind: type[Peer], content: str) -> Peer:
    """Return a peer after a look at what it writes."""
    peer = kind()
    record = make_record(*CONTENT[content])
    assert record.getMessage() == MESSAGE
    peer.check(peer.make(record)(), record)
    benchmark.group = f"{benchmark.group}: {content}"
    benchmark.extra_info["peer"] = f"{peer.package or 'CPython'} {peer.version}"
    return peer


def call_1000_times(function: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        for _ in repeat(None, 1000):
            function()

    return run


@pytest.mark.benchmark(group="Formatter.format")
@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("kind", FORMATTERS, ids=get_name)
def test_format(benchmark: BenchmarkFixture, kind: type[Peer], content: str) -> None:
    """One record, formatted again and again."""
    peer = prepare(benchmark, kind, content)
    benchmark(call_1000_times(peer.make(make_record(*CONTENT[content]))))


@pytest.mark.benchmark(group="encode_record against build_msg")
@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("kind", BUILDERS, ids=get_name)
def test_build(benchmark: BenchmarkFixture, kind: type[Peer], content: str) -> None:
    """One record, encoded again and again."""
    peer = prepare(benchmark, kind, content)
    benchmark(call_1000_times(peer.make(make_record(*CONTENT[content]))))


@pytest.mark.benchmark(group="1,000 new records")
@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("kind", FORMATTERS + BUILDERS, ids=get_name)
def test_new_records(benchmark: BenchmarkFixture, kind: type[Peer], content: str) -> None:
    """Each record is as its logger has left it: nobody has looked at its attributes before."""
    peer = prepare(benchmark, kind, content)

    def make_calls() -> tuple[tuple[list[Callable[[], object]]], dict[str, object]]:
        return ([peer.make(make_record(*CONTENT[content])) for _ in range(1000)],), {}

    def run(calls: list[Callable[[], object]]) -> None:
        for call in calls:
            call()

    benchmark.pedantic(run, setup=make_calls, rounds=100, warmup_rounds=2)


class EmptyHandler(logging.Handler):
    """The floor under all handlers: what `logging` itself costs."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        self.sink.last = record.msg


def make_handler(row: str, sink: Sink) -> logging.Handler:
    if row == "empty":
        return EmptyHandler(sink)
    if row == "rfc5424-logging-handler":
        handler = peers.Rfc5424LoggingHandler().make_handler()
        handler.transport = sink
        return handler
    handler = peers.make_standard_handler(sink)
    if row == "SysLogHandler + syslogfast.Formatter":
        handler.append_nul = False
        handler.setFormatter(syslogfast.Formatter(hostname=peers.HOSTNAME, app_name=peers.APP_NAME))
    elif row == "SysLogHandler + syslog-rfc5424-formatter":
        handler.append_nul = False
        handler.setFormatter(peers.SyslogRfc5424Formatter().make_formatter())
    return handler


@pytest.mark.benchmark(group="end to end: Logger.info, nothing is sent")
@pytest.mark.parametrize(
    "row",
    [
        "empty",
        "SysLogHandler, no header",
        "SysLogHandler + syslogfast.Formatter",
        "SysLogHandler + syslog-rfc5424-formatter",
        "rfc5424-logging-handler",
    ],
)
def test_end_to_end(benchmark: BenchmarkFixture, row: str) -> None:
    sink = Sink()
    logger = logging.Logger(peers.APP_NAME)
    logger.addHandler(make_handler(row, sink))
    logger.info(MESSAGE)
    written = sink.last.removesuffix(b"\0").decode() if row != "empty" else sink.last
    assert written.endswith(MESSAGE)
    if row == "SysLogHandler, no header":
        assert written == peers.PRI + MESSAGE
    elif row != "empty":
        assert written.startswith(peers.PRI)
        assert peers.HEADER.match(written, len(peers.PRI))["app_name"] == peers.APP_NAME

    def run() -> None:
        for _ in repeat(None, 1000):
            logger.info(MESSAGE)

    benchmark(run)
