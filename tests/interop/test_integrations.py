"""structlog, loguru and OpenTelemetry, as they are, over an emitter; asyncio."""

import asyncio
import datetime
import logging
import socket
import sys
import time
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from support.backends import load_emitter_module
from support.emitters import IDENTITY, IdleSender, make_emitter, take
from support.grammar import Rfc5424Record, parse_rfc5424
from support.receivers import find_free_port, url_of

import syslogfast
from syslogfast._structured_data import TraceElement
from syslogfast.integrations import loguru as loguru_door
from syslogfast.integrations import structlog as structlog_door

SD_ID = "fields@32473"


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


@pytest.fixture
def emitter(module: ModuleType) -> Any:
    return make_emitter(module)


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise ValueError("neither")


def read_all(emitter: Any) -> list[Rfc5424Record]:
    return [parse_rfc5424(record) for record in take(emitter)]


def read_one(emitter: Any) -> Rfc5424Record:
    (record,) = read_all(emitter)
    return record


def read_fields(emitter: Any) -> dict[str, str]:
    return dict(dict(read_one(emitter).structured_data).get(SD_ID, []))


# --- structlog -----------------------------------------------------------------------------------


@pytest.fixture
def events(emitter: Any) -> Iterator[Any]:
    structlog = pytest.importorskip("structlog", reason="structlog is not installed")
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog_door.Renderer(emitter)],
        logger_factory=structlog_door.LoggerFactory(emitter),
    )
    yield structlog.get_logger()
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("method", "severity"),
    [
        *(("debug", 7), ("info", 6), ("warning", 4), ("warn", 4), ("error", 3)),
        *(("critical", 2), ("fatal", 2)),
    ],
)
def test_methods_of_structlog(emitter: Any, events: Any, method: str, severity: int) -> None:
    getattr(events, method)("sold %d", 3, order=17)
    record = read_one(emitter)
    assert (record.priority % 8, record.message) == (severity, "sold 3")
    assert record.structured_data == [(SD_ID, [("order", "17")])]


def test_what_structlog_binds(emitter: Any, events: Any) -> None:
    import structlog

    with structlog.contextvars.bound_contextvars(request="r-17"):
        events.bind(user="me").info("sold", order=17, note=None)
    assert read_fields(emitter) == {"request": "r-17", "user": "me", "order": "17"}
    events.info("sold", msgid="SALE")
    record = read_one(emitter)
    assert (record.msgid, record.structured_data) == ("SALE", [])
    events.info("sold", msgid=5)
    assert read_fields(emitter) == {"msgid": "5"}
    events.info("")
    assert (read_one(emitter).message or "") == ""


@pytest.mark.parametrize(
    "name",
    ["msg_id", "timens", "time_ns", "message", "severity", "a b", "", "structured_data"],
)
def test_any_key_of_structlog(emitter: Any, events: Any, name: str) -> None:
    """It is data: an option of `emit`, or what is nearly one, is a field like others."""
    events.info("sold", **{name: 1})
    assert list(read_fields(emitter).values()) == ["1"]


def test_exceptions_of_structlog(emitter: Any, events: Any) -> None:
    import structlog

    try:
        raise KeyError("lost")
    except KeyError as error:
        events.exception("failed", order=17)
        events.error("failed", exc_info=error, order=17)
        events.error("failed", exc_info=True, order=17)
    structlog.configure(
        processors=[
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog_door.Renderer(emitter),
        ]
    )
    try:
        raise KeyError("lost")
    except KeyError:
        events.exception("failed", order=17)
        events.info("here", stack_info=True)
    *records, stack = read_all(emitter)
    assert len(records) == 4
    for record in records:
        assert record.priority % 8 == 3
        assert str(record.message).startswith("failed#012Traceback (most recent call last):#012")
        assert str(record.message).endswith("#012KeyError: 'lost'")
        assert record.structured_data == [(SD_ID, [("order", "17")])]
    assert str(stack.message).startswith("here#012Stack (most recent call last):#012")
    assert stack.structured_data == []


def test_nothing_in_an_event_raises(emitter: Any, events: Any) -> None:
    events.info(Unprintable(), value=Unprintable(), msgid=Unprintable())
    events.info("x", exc_info=Unprintable())
    first, second = read_all(emitter)
    assert first.message == "<unprintable Unprintable: ValueError>"
    assert dict(dict(first.structured_data)[SD_ID])["value"] == first.message
    assert str(second.message).startswith("x#012")


def test_fields_of_the_emitter_and_of_structlog(module: ModuleType) -> None:
    parent: Any = make_emitter(module, enterprise_id=99)
    emitter = parent.bind(program="p", step=1)
    arguments, options = structlog_door.Renderer(emitter)(None, "info", {"event": "x", "step": 2})
    structlog_door.LoggerFactory(emitter)("a name").info(*arguments, **options)
    assert read_one(parent).structured_data == [("fields@99", [("program", "p"), ("step", "2")])]


# --- loguru --------------------------------------------------------------------------------------


@pytest.fixture
def log(emitter: Any) -> Iterator[Any]:
    loguru = pytest.importorskip("loguru", reason="loguru is not installed")
    loguru.logger.remove()
    number = loguru.logger.add(loguru_door.Sink(emitter), format="{message}", level=0, catch=False)
    yield loguru.logger
    loguru.logger.remove(number)


def test_levels_of_loguru(emitter: Any, log: Any) -> None:
    names = ["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL", 60, 70]
    for name in names:
        log.log(name, "100% {}", 3)
    records = read_all(emitter)
    assert [record.priority % 8 for record in records] == [7, 7, 6, 5, 4, 3, 2, 1, 0]
    assert {record.message for record in records} == {"100% 3"}


def test_what_loguru_binds(emitter: Any, log: Any) -> None:
    before = time.time()
    with log.contextualize(request="r-17"):
        log.bind(order=17, msg_id=Unprintable()).info("sold")
    log.info("sold")
    first, second = read_all(emitter)
    assert first.structured_data == [
        (
            SD_ID,
            [
                *(("request", "r-17"), ("order", "17")),
                ("msg_id", "<unprintable Unprintable: ValueError>"),
            ],
        )
    ]
    assert second.structured_data == []
    when = datetime.datetime.fromisoformat(first.timestamp.replace("Z", "+00:00")).timestamp()
    assert before - 0.01 <= when <= time.time()


def test_exceptions_of_loguru(emitter: Any, log: Any) -> None:
    try:
        raise KeyError("lost")
    except KeyError:
        log.bind(order=17).exception("failed")
    record = read_one(emitter)
    assert record.priority % 8 == 3
    assert str(record.message).startswith("failed#012Traceback (most recent call last):#012")
    assert str(record.message).endswith("#012KeyError: 'lost'")
    assert record.structured_data == [(SD_ID, [("order", "17")])]


def test_fields_of_the_emitter_and_of_loguru(module: ModuleType) -> None:
    loguru = pytest.importorskip("loguru", reason="loguru is not installed")
    parent: Any = make_emitter(module)
    number = loguru.logger.add(loguru_door.Sink(parent.bind(program="p", step=1)), catch=False)
    try:
        loguru.logger.bind(step=2).info("x")
        loguru.logger.info("x")
    finally:
        loguru.logger.remove(number)
    first, second = read_all(parent)
    assert first.structured_data == [(SD_ID, [("program", "p"), ("step", "2")])]
    assert second.structured_data == [(SD_ID, [("program", "p"), ("step", "1")])]


# --- OpenTelemetry -------------------------------------------------------------------------------

TRACE = [
    ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
    ("span_id", "00f067aa0ba902b7"),
]


@pytest.fixture
def traced(module: ModuleType) -> Any:
    encoder = module.Encoder(**IDENTITY, framing="lf", structured_data={"vm@1": {"id": 7}})
    sequence, trace = module.Sequence(), TraceElement("trace@32473")
    return module.Emitter(encoder, module.Queue(1 << 20), IdleSender(), sequence, 7, None, trace)


@pytest.fixture
def span() -> Iterator[None]:
    trace = pytest.importorskip("opentelemetry.trace", reason="its API is not installed")
    context = trace.SpanContext(*(int(text, 16) for _, text in TRACE), is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        yield


def test_trace_and_span(traced: Any, span: None) -> None:
    """Each way of emitting has them, beside all else that a record has."""
    given = {"a@1": {"n": 1}}
    for emitter in (traced, traced.child(), traced.bind()):
        emitter.info("sold")
        emitter.emit_many("info", ["sold"])
        emitter._emit_lines("info", b"sold")
        emitter.emit_record(logging.makeLogRecord({"msg": "sold"}))
        records = read_all(traced)
        assert len(records) == 4
        for record in records:
            *elements, meta = record.structured_data
            assert (elements, meta[0]) == (
                [("vm@1", [("id", "7")]), ("trace@32473", TRACE)],
                "meta",
            )
    traced.info("sold", structured_data=given, order=17)
    traced.info("sold", structured_data=b'[a@1 n="1"]')
    traced.info("sold", structured_data={"trace@32473": {"trace_id": "own"}})
    traced.emit_record(logging.makeLogRecord({"msg": "sold", "structured_data": given}))
    names = [[name for name, _ in record.structured_data] for record in read_all(traced)]
    assert names == [
        ["vm@1", SD_ID, "a@1", "trace@32473", "meta"],
        ["vm@1", "a@1", "trace@32473", "meta"],
        ["vm@1", "trace@32473", "meta"],
        ["vm@1", "a@1", "trace@32473", "meta"],
    ]


def test_no_span(traced: Any) -> None:
    traced.info("sold")
    assert [name for name, _ in read_one(traced).structured_data] == ["vm@1", "meta"]


def test_trace_with_bound(module: ModuleType, traced: Any, span: None) -> None:
    with syslogfast.bound(request="r-1"):
        traced.info("sold")
        traced.info("sold", structured_data={"a@1": {}})
    names = [[name for name, _ in record.structured_data] for record in read_all(traced)]
    if module is load_emitter_module(syslogfast.BACKEND):
        assert names == [
            ["vm@1", SD_ID, "trace@32473", "meta"],
            ["vm@1", SD_ID, "a@1", "trace@32473", "meta"],
        ]


def test_a_broken_api(traced: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another's: what it raises makes no record fail."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("empty"))
    traced.info("sold")
    assert [name for name, _ in read_one(traced).structured_data] == ["vm@1", "meta"]


WITHOUT_THE_API = """
import sys, syslogfast
with syslogfast.connect("fd://1", trace=True, enterprise_id=99) as log:
    log.info("sold")
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


def test_nothing_is_imported_for_it(run_python: Any, backend: str) -> None:
    result = run_python(WITHOUT_THE_API, backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    assert parse_rfc5424(result.stdout.encode().removesuffix(b"\n")).structured_data == []


def test_trace_of_a_handler(span: None) -> None:
    options: Any = {"linger": 100, "on_failure": False, "trace": True}
    handler: Any = syslogfast.SysLogHandler("udp://127.0.0.1:9", **options)
    handler.emit(logging.makeLogRecord({"msg": "sold"}))
    record = parse_rfc5424(bytes(handler._emitter._queue.peek(True)))
    handler._emitter._queue.clear("taken")
    handler.close()
    assert record.structured_data == [("trace@32473", TRACE)]


# --- asyncio -------------------------------------------------------------------------------------


async def tick(gaps: list[float]) -> None:
    before = time.monotonic()
    while True:
        await asyncio.sleep(0.005)
        now = time.monotonic()
        gaps.append(now - before)
        before = now


def test_drain(module: ModuleType) -> None:
    """It waits until all has gone, and other tasks go on meanwhile."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", find_free_port()))
            emitter = module.connect(url_of(listener).replace("udp", "tcp"), on_failure=False)
            emitter.info("early")
            ticks: list[float] = []
            ticker = asyncio.create_task(tick(ticks))
            assert not await emitter.drain(timeout=0.2)
            assert len(ticks) > 3
            listener.listen()
            assert await emitter.drain(timeout=20)
            assert emitter.stats["sent"] == 1
            assert await emitter.drain()
            ticker.cancel()
            emitter.close()

    asyncio.run(main())


def test_the_end_of_a_block(module: ModuleType) -> None:
    """`async with` sends what lingers, and closes, as `with` does."""

    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(10)
            async with module.connect(url_of(receiver), linger=100) as emitter:
                emitter.info("lingers")
                assert emitter.stats["queued"] == 1
            assert parse_rfc5424(receiver.recv(2048)).message == "lingers"
            emitter.info("too late")
            assert emitter.stats["dropped"] == {"closed": 1}

    asyncio.run(main())


@pytest.mark.parametrize("timeout", ["1", float("nan")])
def test_a_wrong_timeout(module: ModuleType, timeout: Any) -> None:
    emitter = module.connect("udp://127.0.0.1:9", on_failure=False)
    with pytest.raises((TypeError, ValueError), match=r"^timeout must be a number of seconds"):
        asyncio.run(emitter.drain(timeout))
    emitter.close()


def test_a_span_beside_what_is_no_element(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left to who says what is wrong with it."""
    context = types.SimpleNamespace(is_valid=True, trace_id=1, span_id=2)
    span = types.SimpleNamespace(get_span_context=lambda: context)
    api = types.SimpleNamespace(get_current_span=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", api)
    trace = TraceElement("trace@32473")
    ids = {"trace_id": f"{1:032x}", "span_id": f"{2:016x}"}
    assert trace(None, None) == {"trace@32473": ids}
    assert trace(5, None) == 5
    context.is_valid = False
    assert trace(None, None) is None
