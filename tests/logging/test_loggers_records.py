"""A LogRecord that is made in C, for handlers that are not ours: it is what `logging` makes."""

import asyncio
import collections
import collections.abc
import contextlib
import logging
import logging.handlers
import multiprocessing
import os
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.threads import run_threads

from syslogfast import loggers
from syslogfast.loggers import records

pytestmark = [pytest.mark.versions, pytest.mark.native]
needs_compiled = pytest.mark.skipif(loggers.compiled is None, reason=loggers.refusal)

HAS_NANOSECONDS = sys.version_info >= (3, 13)
Loggers = tuple[logging.Logger, logging.Logger]


class Keeper(logging.Handler):
    """Keeps the records that it gets, and from where it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.frames: list[list[tuple[str, str, int]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        frame: Any = sys._getframe()
        self.frames.append([])
        while frame is not None and frame.f_code is not TWICE:
            code = frame.f_code
            self.frames[-1].append((code.co_name, code.co_filename, frame.f_lineno))
            frame = frame.f_back

    def take(self) -> logging.LogRecord:
        """Return the last record."""
        return self.records[-1]


def make_logger(kind: type, root_kind: type) -> Any:
    manager = logging.Manager(root_kind(logging.WARNING))
    manager.root.manager = manager
    manager.setLoggerClass(kind)
    log = manager.getLogger("shop.cart")
    log.addHandler(Keeper())
    log.setLevel(logging.INFO)
    return log


@pytest.fixture
def logs() -> Iterator[Loggers]:
    """A logger of `logging` and one of ours, while they are installed; a plan costs nothing."""
    loggers.install()
    if loggers.compiled is not None:
        loggers.compiled.set_plan_cost(0)
    try:
        yield (
            make_logger(logging.Logger, logging.RootLogger),
            make_logger(loggers.Logger, loggers.RootLogger),
        )
    finally:
        if loggers.compiled is not None:
            loggers.compiled.set_plan_cost(16)
        loggers.uninstall()


def call_twice(logs: Loggers, call: Callable[[Any], object]) -> list[Any]:
    """Have both loggers called, ours when it has its plan; return their last records."""
    for log in (*logs, logs[1]):
        call(log)
    return [log.handlers[0].take() for log in logs]  # type: ignore[attr-defined]


TWICE = call_twice.__code__


def is_made_here(call: Callable[[], object]) -> bool:
    """Call twice, for the first may make a plan; return whether the second made a record in C."""
    call()
    before = loggers.compiled.count_calls()[4]
    call()
    return loggers.compiled.count_calls()[4] == before + 1


def describe(record: logging.LogRecord) -> list[tuple[str, object]]:
    """Return what two records of one call have in common, in the order that it has there."""
    described: list[tuple[str, object]] = []
    for name, value in vars(record).items():
        if name in ("created", "msecs", "relativeCreated"):
            described.append((name, type(value)))
        elif name == "exc_info" and isinstance(value, tuple):
            described.append((name, value[:2]))
        else:
            described.append((name, value))
    return described


def check_times(record: logging.LogRecord, since: float) -> None:
    """The three times of a record are one, as this Python reckons."""
    assert since <= record.created <= time.time()
    start: Any = logging._startTime  # type: ignore[attr-defined]
    if HAS_NANOSECONDS:
        assert abs(record.msecs - record.created % 1 * 1000) < 1.001
        assert record.msecs == int(record.msecs)
        assert abs(record.relativeCreated - (record.created - start / 1e9) * 1000) < 0.01
    else:
        assert record.msecs == int((record.created - int(record.created)) * 1000) + 0.0
        assert record.relativeCreated == (record.created - start) * 1000


class Mapping(collections.UserDict):  # type: ignore[type-arg]
    pass


ERROR = ValueError("given")
CALLS: dict[str, Callable[[Any], object]] = {
    "nothing": lambda log: log.warning("sold out"),
    "arguments": lambda log: log.info("%s %d %r", "x", 3, [4]),
    "one object": lambda log: log.error("%s", [1]),
    "one number": lambda log: log.critical("%d", 0),
    "a dict": lambda log: log.error("%(a)s", {"a": 1}),
    "an empty dict": lambda log: log.error("%s", {}),
    "a mapping": lambda log: log.error("%(a)s", Mapping(a=1)),
    "an empty mapping": lambda log: log.error("%s", Mapping()),
    "a level": lambda log: log.log(30, "x"),
    "no text": lambda log: log.info(5),
    "octets": lambda log: log.info(b"x"),
    "extra": lambda log: log.info("x", extra={"msgid": "SALE", "z": 1, "a": ERROR}),
    "no extra": lambda log: log.info("x", extra=None),
    "empty extra": lambda log: log.info("x", extra={}),
    "an exception": lambda log: log.info("x", exc_info=ERROR),
    "a tuple": lambda log: log.info("x", exc_info=(ValueError, ERROR, None)),
    "an empty tuple": lambda log: log.info("x", exc_info=()),
    "no exception": lambda log: log.info("x", exc_info=True),
    "not this": lambda log: log.info("x", exc_info=False),
    "a number": lambda log: log.info("x", exc_info=1),
    "all": lambda log: log.info("%s", 3, exc_info=ERROR, extra={"z": 1}),
    "an adapter": lambda log: logging.LoggerAdapter(log, {"z": 1}).info("%s", 3),
    "surrogates": lambda log: log.info("\ud800 %s", "\udfff"),
}


@needs_compiled
@pytest.mark.parametrize("kind", CALLS)
def test_every_attribute(logs: Loggers, kind: str) -> None:
    """A record has those of logging's, in their order, and so have the frames behind it."""
    call, since = CALLS[kind], time.time()
    expected, record = call_twice(logs, call)
    assert is_made_here(lambda: call(logs[1]))
    assert describe(record) == describe(expected)
    assert type(record) is logging.LogRecord
    check_times(record, since)
    theirs, ours = [log.handlers[0].frames[-1] for log in logs]  # type: ignore[attr-defined]
    assert len(ours) >= 7
    assert call_twice(logs, call)  # both from the same lines
    theirs, ours = [log.handlers[0].frames[-1] for log in logs]  # type: ignore[attr-defined]
    assert ours == theirs


@needs_compiled
def test_the_exception_that_is_handled(logs: Loggers) -> None:
    def call(log: Any) -> None:
        try:
            raise ERROR
        except ValueError:
            log.exception("failed: %d", 3)
            log.warning("failed", exc_info=True)

    expected, record = call_twice(logs, call)
    assert describe(record) == describe(expected)
    for log in logs:
        handler: Any = log.handlers[0]
        assert [record.exc_info[1] for record in handler.records[-2:]] == [ERROR, ERROR]
        assert handler.frames[-2][:7][5][0] == "error"  # which `exception` calls
    before = loggers.compiled.count_calls()[4]
    call(logs[1])
    assert loggers.compiled.count_calls()[4] == before + 2


@needs_compiled
def test_records_share_nothing(logs: Loggers) -> None:
    """A handler may do with one what it will; and each place, thread and level has its own."""
    log = logs[1]
    handler: Any = log.handlers[0]

    def first() -> None:
        log.warning("one")

    def second() -> None:
        log.warning("two")

    for _ in range(3):
        first()
        record = handler.take()
        assert (record.funcName, record.levelname, record.msg) == ("first", "WARNING", "one")
        record.__dict__.update(funcName="changed", name="changed", other=1, args=None)
        del record.module
        second()
        record = handler.take()
        assert (record.funcName, record.name, record.args) == ("second", "shop.cart", ())
        assert not hasattr(record, "other")
        assert record.module == "test_loggers_records"
        log.error("three")
        assert handler.take().levelname == "ERROR"
    assert len({id(vars(record)) for record in handler.records}) == len(handler.records)


@needs_compiled
def test_threads_and_their_names(logs: Loggers) -> None:
    log = logs[1]
    handler: Any = log.handlers[0]
    log.warning("a plan is made")

    def speak(number: int) -> None:
        for _ in range(200):
            log.warning("%d", number)
            threading.current_thread().name = f"thread {number}"

    run_threads(speak, 4)
    seen: dict[int, set[str]] = {}
    for record in handler.records[1:]:
        seen.setdefault(record.thread, set()).add(record.threadName)
        number = record.args[0]
        assert record.threadName == f"thread {number}" or "thread " not in record.threadName
    assert all(any(name.startswith("thread ") for name in names) for names in seen.values())
    log.warning("x")
    assert handler.take().threadName == threading.current_thread().name


@needs_compiled
def test_the_process_and_the_task(logs: Loggers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the modules say, if they are loaded."""
    monkeypatch.setattr(multiprocessing.current_process(), "name", "a worker")

    async def speak() -> list[Any]:
        asyncio.current_task().set_name("a task")  # type: ignore[union-attr]
        return call_twice(logs, CALLS["nothing"])

    expected, record = asyncio.run(speak())
    assert describe(record) == describe(expected)
    assert record.processName == "a worker"
    assert getattr(record, "taskName", "a task") == "a task"
    for name in ("multiprocessing", "asyncio"):
        monkeypatch.delitem(sys.modules, name)
    expected, record = call_twice(logs, CALLS["nothing"])
    assert describe(record) == describe(expected)
    monkeypatch.setitem(sys.modules, "multiprocessing", types.SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "asyncio", None)  # type: ignore[arg-type]
    expected, record = call_twice(logs, CALLS["nothing"])
    assert describe(record) == describe(expected)
    assert record.processName == "MainProcess"


@needs_compiled
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_has_its_own_process(logs: Loggers) -> None:
    log = logs[1]
    handler: Any = log.handlers[0]
    log.warning("x")
    log.warning("x")
    pid = os.fork()
    if pid == 0:
        log.warning("x")
        os._exit(handler.take().process != os.getpid())
    assert os.waitpid(pid, 0)[1] == 0
    assert is_made_here(lambda: log.warning("x"))
    assert handler.take().process == os.getpid()


@needs_compiled
def test_what_the_levels_and_loggers_are_called(logs: Loggers) -> None:
    log: Any = logs[1]
    log.warning("x")
    logging.addLevelName(logging.WARNING, "Warnung")
    try:
        log.warning("x")
        assert log.handlers[0].take().levelname == "Warnung"
    finally:
        logging.addLevelName(logging.WARNING, "WARNING")
    log.name = "other"
    log.warning("x")
    assert (log.handlers[0].take().levelname, log.handlers[0].take().name) == ("WARNING", "other")


@needs_compiled
def test_more_files_than_are_kept(logs: Loggers) -> None:
    log: Any = logs[1]
    for number in range(1100):
        exec(compile("log.warning('x')", f"/src/part.{number}.py", "exec"), {"log": log})
        record = log.handlers[0].take()
        assert (record.pathname, record.filename, record.module) == (
            *(f"/src/part.{number}.py", f"part.{number}.py", f"part.{number}"),
        )


@needs_compiled
def test_what_handlers_and_filters_do(logs: Loggers) -> None:
    """A filter's verdict, and what a handler raises, are the program's."""
    log: Any = logs[1]

    class Wrong(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise LookupError("from a handler")

    log.addFilter(lambda record: record.msg != "no")
    log.warning("x")
    assert is_made_here(lambda: log.warning("no"))
    assert [record.msg for record in log.handlers[0].records] == ["x"]
    log.addHandler(Wrong())
    log.warning("no")
    with pytest.raises(LookupError, match="from a handler"):
        log.warning("x")
    assert log.handlers[0].take().msg == "x"


@needs_compiled
def test_mapping_that_raises(logs: Loggers) -> None:
    """Whether an argument is empty is asked once."""

    class Wrong(Mapping):
        count = 0

        def __len__(self) -> int:
            type(self).count += 1
            raise OverflowError("of this length")

    for log in logs:
        Wrong.count = 0
        log.warning("x")
        with pytest.raises(OverflowError):
            log.warning("%s", Wrong())
        assert Wrong.count == 1


class OwnRecord(logging.LogRecord):
    pass


def set_init(record: Any, *args: Any, **kwargs: Any) -> None:
    INIT(record, *args, **kwargs)
    record.other = 1


INIT: Any = logging.LogRecord.__init__
CHANGES: list[tuple[object, str, object]] = [
    (logging, "logThreads", False),
    (logging, "logMultiprocessing", False),
    (logging, "logProcesses", False),
    *([(logging, "logAsyncioTasks", False)] if sys.version_info >= (3, 12) else []),
    (logging, "_logRecordFactory", OwnRecord),
    (logging, "_srcfile", None),
    (logging, "_startTime", 0 if not HAS_NANOSECONDS else 0.0),
    (logging, "currentframe", lambda: sys._getframe(2)),
    (logging, "_is_internal_frame", lambda frame: False),
    (logging, "getLevelName", lambda level: f"level {level}"),
    (logging, "time", types.SimpleNamespace(time=time.time, time_ns=time.time_ns)),
    (logging, "threading", types.SimpleNamespace(**vars(threading))),
    (logging, "collections", types.SimpleNamespace(abc=collections.abc)),
    (logging.LogRecord, "__init__", set_init),
    (logging.LogRecord, "__setattr__", lambda record, *pair: object.__setattr__(record, *pair)),
    (logging.Logger, "makeRecord", lambda log, *args, **kw: OwnRecord(*args[:7])),
    (logging.Logger, "findCaller", lambda log, *args, **kw: ("file", 1, "function", None)),
    (
        logging.Logger,
        "_log",
        lambda log, *args, **kw: log.handle(logging.makeLogRecord({"levelno": 40})),
    ),
    (time, "time", lambda: 5.0),
    (os, "getpid", lambda: 77),
]


@needs_compiled
@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_what_is_changed_is_left_to_logging(logs: Loggers, number: int) -> None:
    """What makes a record is not as it was; then it is again."""
    owner, name, value = CHANGES[number]
    call = CALLS["arguments"]
    assert is_made_here(lambda: call(logs[1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        assert not is_made_here(lambda: call(logs[1]))
        expected, record = call_twice(logs, call)
        kept = ("created", "msecs", "relativeCreated")
        theirs, ours = [
            {name: vars(record)[name] for name in vars(record) if name not in kept}
            for record in (expected, record)
        ]
        assert ours == theirs
        assert type(record) is type(expected)
    assert is_made_here(lambda: call(logs[1]))


@needs_compiled
def test_functions_of_threading_are_asked(logs: Loggers, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those that gevent puts there: nobody is told of that."""
    call = CALLS["arguments"]
    call_twice(logs, call)
    monkeypatch.setattr(threading, "get_ident", lambda: 5)
    monkeypatch.setattr(
        threading, "current_thread", lambda: types.SimpleNamespace(name="a greenlet")
    )
    expected, record = call_twice(logs, call)
    assert describe(record) == describe(expected)
    assert (record.thread, record.threadName) == (5, "a greenlet")
    monkeypatch.delattr(threading, "current_thread")
    for log in logs:
        with pytest.raises((NameError, AttributeError)):
            log.warning("x")


@needs_compiled
@pytest.mark.parametrize("what", ["name", "get", "active", "entry", "own class"])
def test_a_thread_says_its_name_itself(
    logs: Loggers, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Where what `threading` looks at is another's, that is asked."""
    call = CALLS["arguments"]
    call_twice(logs, call)
    number = threading.get_ident()
    if what == "name":
        monkeypatch.setattr(threading.Thread, "name", property(lambda self: "of a property"))
    elif what == "get":
        monkeypatch.setattr(
            threading.Thread,
            "__getattribute__",
            lambda self, name: "got" if name == "name" else object.__getattribute__(self, name),
            raising=False,
        )
    elif what == "active":
        other = types.MappingProxyType({number: types.SimpleNamespace(name="of another dict")})
        monkeypatch.setattr(threading, "_active", other)
    elif what == "entry":
        monkeypatch.setitem(threading._active, number, types.SimpleNamespace(name="an entry"))
    else:

        class Named(threading.Thread):
            name = "of its class"  # type: ignore[assignment]

        thread = Named.__new__(Named)
        monkeypatch.setitem(threading._active, number, thread)
    expected, record = call_twice(logs, call)
    assert record.threadName == expected.threadName == threading.current_thread().name


@needs_compiled
def test_entry_points_are_made_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that makes them, even if another one does so meanwhile, finds one for each method."""
    monkeypatch.setattr(records, "_entry_points", ())
    found: list[list[str]] = []
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        run_threads(lambda _: found.append([f.__name__ for f in records.find_entry_points()]), 16)
    finally:
        sys.setswitchinterval(interval)
    assert found == [list(records.METHODS)] * 16


@needs_compiled
def test_explain_says_who_gets_it(logs: Loggers) -> None:
    """A record in between is not fast; and without that handler it is not needed."""
    log = logs[1]
    assert loggers.explain_logger(log).endswith("Keeper")
    with contextlib.suppress(KeyError):
        log.warning("x", extra={"name": 1})
    assert log.handlers[0].records == []  # type: ignore[attr-defined]
