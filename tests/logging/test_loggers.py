"""loggers.install: whose calls are fast, what makes them slow and fast again, and who gets what."""

import _thread
import collections
import contextlib
import copy
import functools
import gc
import inspect
import logging
import logging.handlers
import os
import pickle
import random
import signal
import sys
import threading
import time
import types
import unittest.mock
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.receivers import Sink, wait_until
from support.threads import run_threads
from support.watched_calls import make_handler, take_lines

import syslogfast
from syslogfast import loggers

pytestmark = [pytest.mark.versions, pytest.mark.native]

needs_compiled = pytest.mark.skipif(loggers.compiled is None, reason=loggers.refusal)
PLAN_COST = 16  # in calls
EARLY = logging.getLogger("made.early")
ORIGINAL = types.MappingProxyType(dict(vars(logging.Logger)))


@pytest.fixture
def handler() -> Iterator[syslogfast.SysLogHandler]:
    """A handler whose records stay in its queue."""
    made = make_handler()
    yield made
    made._emitter._queue.clear("taken")
    made.close()


def take(handler: Any) -> list[bytes]:
    """Return what follows the header of each queued record, without the timestamps."""
    lines = take_lines(handler)
    return [line.partition(b">1 ")[0] + b" " + line.partition(b" 42 ")[2] for line in lines]


@pytest.fixture
def log(handler: syslogfast.SysLogHandler) -> Iterator[logging.Logger]:
    """A logger with that handler, while loggers are installed, and a plan costs nothing.

    It has a manager and a root of its own: to those of the program pytest adds handlers. It may be
    at the address of another test's, which has had plans enough.
    """
    manager = logging.Manager(loggers.RootLogger(logging.WARNING))
    manager.setLoggerClass(loggers.Logger)
    logger = manager.getLogger("shop.cart")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    loggers.install()
    if loggers.compiled is not None:
        loggers.compiled.set_plan_cost(0)
    try:
        yield logger
    finally:
        if loggers.compiled is not None:
            loggers.compiled.set_plan_cost(PLAN_COST)
        loggers.uninstall()


def is_fast(call: Callable[[], object]) -> bool:
    """Call twice, for the first may make a plan, and return whether the second wrote a record."""
    call()
    before = loggers.compiled.count_calls()[0]
    call()
    return loggers.compiled.count_calls()[0] == before + 1


def become_fast(log: logging.Logger) -> bool:
    """Return True if a logger is fast after as many calls as a plan may take."""
    return any(is_fast(functools.partial(log.warning, "sold out")) for _ in range(40))


# --- what is installed ---------------------------------------------------------------------------


@needs_compiled
def test_all_loggers_are_converted(log: logging.Logger) -> None:
    """Those that were, those that will be, and root; not those of other classes."""

    class Own(logging.Logger):
        pass

    own = Own("own")
    assert type(EARLY) is loggers.Logger
    assert type(logging.root) is loggers.RootLogger
    assert type(logging.getLogger(f"made.later.{random.random()}")) is loggers.Logger
    assert type(own) is Own
    assert syslogfast.Logger is loggers.Logger
    assert isinstance(logging.root, logging.RootLogger)
    assert isinstance(log, logging.Logger)


@needs_compiled
def test_they_look_alike(log: logging.Logger) -> None:
    """As loggers of logging do to who copies, pickles, prints and inspects them."""
    for copied in (pickle.loads(pickle.dumps(EARLY)), copy.copy(EARLY), copy.deepcopy(EARLY)):
        assert copied is EARLY
    assert repr(log) == "<Logger shop.cart (INFO)>"
    assert repr(logging.root).startswith("<RootLogger root (")
    for name in ("debug", "info", "warning", "error", "critical", "log"):
        bound = getattr(log, name)
        expected = inspect.signature(functools.partial(ORIGINAL[name], log))
        assert list(inspect.signature(bound).parameters) == list(expected.parameters)
        assert bound.__name__ == name
        assert callable(getattr(loggers.Logger, name))
    assert log.getChild("child").name == "shop.cart.child"
    assert "handlers" in vars(log)
    assert set(vars(logging.Logger("other"))) == set(vars(log)) - {"manager"}


@needs_compiled
def test_uninstall_leaves_all_as_it_was(handler: syslogfast.SysLogHandler) -> None:
    def describe() -> dict[str, object]:
        return {
            "class": logging.getLoggerClass(),
            "logger": dict(vars(logging.Logger)),
            "handler": dict(vars(syslogfast.SysLogHandler)),
            "library": dict(vars(logging.handlers.SysLogHandler)),
            "loggers": [type(logging.root), type(EARLY)],
        }

    before = describe()
    log: Any = loggers.Logger("shop.cart")
    log.addHandler(handler)
    for _ in range(3):
        loggers.install()
        loggers.install()
        assert "__setattr__" in vars(syslogfast.SysLogHandler)
        assert become_fast(log)
        loggers.uninstall()
        loggers.uninstall()
        assert describe() == before
        assert loggers.explain("shop.cart") == "install() has not been called"
        assert not is_fast(lambda: log.warning("as ever"))


@needs_compiled
@needs_compiled
def test_nothing_is_left_of_an_install(log: logging.Logger) -> None:
    """Each has a descriptor of its own tell of who reads `__dict__`."""

    def count_descriptors() -> int:
        gc.collect()
        return sum(type(found) is types.GetSetDescriptorType for found in gc.get_objects())

    counts = []
    for _ in range(3):
        loggers.uninstall()
        loggers.install()
        counts.append(count_descriptors())
    assert counts == counts[:1] * 3


@needs_compiled
def test_loggers_are_converted_under_the_lock_of_logging(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread's getLogger makes none amid that, which would be of the wrong class."""
    convert = loggers.convert_all
    has_lock = []

    def convert_and_look(*classes: Any) -> None:
        lock: Any = logging._lock  # type: ignore[attr-defined]
        has_lock.append(lock._is_owned())
        convert(*classes)

    monkeypatch.setattr(loggers, "convert_all", convert_and_look)
    loggers.uninstall()
    loggers.install()
    assert has_lock == [True, True]


def test_a_logger_class_of_the_program_stays(log: logging.Logger) -> None:
    """One that was set before is left alone by both calls, and so are its loggers."""
    loggers.uninstall()

    class Own(logging.Logger):
        pass

    logging.setLoggerClass(Own)
    try:
        loggers.install()
        assert logging.getLoggerClass() is Own
        own = logging.getLogger(f"own.{random.random()}")
        reason = loggers.explain(own.name)
        assert reason.startswith(f"logger {own.name} is a ")
        assert reason.endswith(".Own")
        loggers.uninstall()
        assert logging.getLoggerClass() is Own
    finally:
        logging.setLoggerClass(logging.Logger)


@needs_compiled
def test_derived_classes(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """What is derived from ours is handled as by logging, with `super` and what is behind it."""

    class Mixin(logging.Logger):
        def info(self, msg: object, *args: object, **kwargs: Any) -> None:
            super().info(f"mixed {msg}", *args, **kwargs)

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            self.__dict__.setdefault("names", []).append(name)

    class Own(loggers.Logger, Mixin):
        def info(self, msg: object, *args: object, **kwargs: Any) -> None:
            super().info(f"own {msg}", *args, **kwargs)

    own = Own("own")
    own.addHandler(handler)
    own.info("%d", 3)
    own.level = 10
    assert take(handler) == [b"<14 - - mixed own 3"]
    assert own.names[-1] == "level"
    assert "Own" in loggers.explain_logger(own)


def test_the_environment_turns_it_off(run_python: Any) -> None:
    """SYSLOGFAST_LOGGERS=off does; another value than on and off is an error."""
    code = """
import logging, os
os.environ["SYSLOGFAST_LOGGERS"] = {!r}
from syslogfast import loggers
loggers.install()
print(type(logging.root) is logging.RootLogger, loggers.explain())
"""
    result = run_python(code.format("off"))
    assert (result.stdout, result.stderr) == ("True SYSLOGFAST_LOGGERS is off\n", "")
    result = run_python(code.format("no"))
    assert result.stderr.splitlines()[-1] == (
        "ValueError: SYSLOGFAST_LOGGERS must be one of '', 'on', 'off', got 'no'"
    )


UNFINISHED = """
import logging, sys
from syslogfast import SysLogHandler, loggers

def leave_unfinished(call, name):
    step = getattr(loggers.compiled, name)
    def fail(*arguments):
        if sys.argv[2] == "begun":
            step(*arguments)
        raise MemoryError
    setattr(loggers.compiled, name, fail)
    try:
        call()
    except MemoryError:
        pass
    setattr(loggers.compiled, name, step)

def check_that_nothing_is_left():
    assert loggers.explain() == "install() has not been called"
    assert type(logging.root) is logging.RootLogger
    assert logging.getLoggerClass() is logging.Logger
    assert dict(vars(SysLogHandler)) == before

before = dict(vars(SysLogHandler))
for _ in range(100):  # more than there is space for
    leave_unfinished(loggers.install, sys.argv[1])
    check_that_nothing_is_left()
loggers.install()
assert type(logging.root) is loggers.RootLogger
leave_unfinished(loggers.uninstall, "release_handler")
leave_unfinished(loggers.uninstall, "deactivate")
loggers.uninstall()
check_that_nothing_is_left()
"""


@pytest.mark.parametrize("progress", ["begun", "none"])
@pytest.mark.parametrize("step", ["fit_handler", "note"])
def test_what_fails_half_way_is_undone(run_python: Any, step: str, progress: str) -> None:
    """For want of memory both may raise anywhere, and can be called again."""
    result = run_python(UNFINISHED, step, progress)
    assert (result.returncode, result.stderr) == (0, "")


WITHOUT_MEMORY = """
import _testcapi
from syslogfast import loggers

for number in range(100):
    loggers.install()
    _testcapi.set_nomemory(number, number + 1)
    try:
        loggers.explain()
    except MemoryError:
        pass
    finally:
        _testcapi.remove_mem_hooks()
    loggers.uninstall()
"""


def test_explain_without_memory(run_python: Any) -> None:
    """No exception is left behind."""
    pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    result = run_python(WITHOUT_MEMORY)
    assert (result.returncode, result.stderr) == (0, "")


@needs_compiled
def test_a_caller_is_looked_for_without_memory(
    log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame that finds no memory leaves no error to what is called next, `logging` among that."""
    api = pytest.importorskip("_testcapi", reason="this Python was built without _testcapi")
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log.addHandler(logging.NullHandler())  # for which there is a LogRecord
    adapter = logging.LoggerAdapter(log, {})  # whose frames are those of logging
    raised = []
    for number in range(60):
        adapter.info("sold")
        api.set_nomemory(number, number + 1)
        try:
            adapter.info("sold")
        except Exception as error:
            raised.append(error)
        finally:
            api.remove_mem_hooks()
    assert len(raised) > 3
    assert [error for error in raised if not isinstance(error, MemoryError)] == []


def test_the_fallback(run_python: Any) -> None:
    """The same names; nothing changes, and `explain` says so."""
    code = """
import logging, syslogfast
from syslogfast import loggers
loggers.install()
print(type(logging.root).__module__, loggers.explain("x"))
logging.setLoggerClass(syslogfast.Logger)
logging.getLogger("x").warning("%d sold", 3)
loggers.uninstall()
"""
    result = run_python(code, backend="python")
    assert result.stdout == "logging there is no compiled core\n"
    assert result.stderr == "3 sold\n"


# --- what is fast, and what it writes ------------------------------------------------------------

PLAIN_CALLS: list[tuple[Callable[[logging.Logger], object], bytes]] = [
    (lambda log: log.info("sold out"), b"<14 - - sold out"),
    (lambda log: log.warning("%d of %s", 3, "four"), b"<12 - - 3 of four"),
    (lambda log: log.error("%.2f %r %x", 2.5, "x", 255), b"<11 - - 2.50 'x' ff"),
    (lambda log: log.critical("café %s", "ü"), "<10 - - café ü".encode()),
    (lambda log: log.log(20, "%s", None), b"<14 - - None"),
    (lambda log: log.info("sold", extra={"msgid": "SALE"}), b"<14 SALE - sold"),
    (lambda log: log.info("sold", extra={"other": 1}), b"<14 - - sold"),
    (lambda log: log.info("sold", extra=None), b"<14 - - sold"),
    (
        lambda log: log.info("%d", 3, extra={"structured_data": {"order@32473": {"id": 17}}}),
        b'<14 - [order@32473 id="17"] 3',
    ),
    (lambda log: log.info("a long message, over and over " * 4 + "%s", "x" * 600), None),
    (lambda log: log.exception("not in an except"), b"<11 - - not in an except#012NoneType: None"),
    (lambda log: log.info("x", exc_info=KeyError("y")), b"<14 - - x#012KeyError: 'y'"),
    (
        lambda log: log.error("%s %d", "ü", 3, exc_info=ValueError("\udc00")),
        "<11 - - ü 3#012ValueError: \ufffd".encode(),
    ),
    (lambda log: log_caught(log, "caught"), None),
]


def log_caught(log: logging.Logger, text: str) -> None:
    try:
        raise LookupError(text)
    except LookupError:
        log.exception("%s: %.1f", text, 2.5)


@needs_compiled
@pytest.mark.parametrize("number", range(len(PLAIN_CALLS)))
def test_plain_calls_are_fast(
    log: logging.Logger, handler: syslogfast.SysLogHandler, number: int
) -> None:
    """They write what the calls of logging do."""
    call, expected = PLAIN_CALLS[number]
    assert is_fast(lambda: call(log))
    first, second = take(handler)
    assert first == second  # the first was written by logging
    assert expected in (None, first)


class LoudText:
    """Takes away what it was found in, while it is printed."""

    def __init__(self) -> None:
        self.owner: dict[str, Any] = {}

    def __str__(self) -> str:
        self.owner.clear()
        gc.collect()
        return "printed"


ELEMENTS: list[Any] = [
    {"order@32473": {"id": 17, "of": "a b"}, "x@1": {"a": ""}},
    {"order@32473": {}},
    {"order@32473": None},
    {"order@32473": [("id", "1"), ("id", "2")]},
    {"order@32473": {"id": None, "x": True, "y": 1.5, "z": b"z"}},
    {"order@32473": {"id": 0, "x": -5, "y": 2**63 - 1, "z": 2**63, "w": 2**80}},
    *[{"a@1": {"id": text}} for text in ('"', "\\", "]", "\x1f", "\x7f", "~", "ü", "\ud800", "=")],
    *[{f"{'i' * size}@32473": {"n" * (size + 6): "x"}} for size in (25, 26, 27)],
    *[{name: {"id": "x"}} for name in ("a", "a@", "@1", "a@b", "a@1.2", "a@1@2", "a@1x", "a b@1")],
    *[{"a@1": {name: "x"}} for name in ("a=b", "a]", 'a"', "a b", "", "ü", "~", "!")],
    *[{"a@1": {"id": "x" * size}} for size in range(440, 520, 3)],
    *[{"a@1": {"id": "x" * size + ']"\\' * 40}} for size in range(190, 290, 3)],
    *[{"a@1": {"id": '"' * size}} for size in range(220, 260)],
    *[{f"a@{n}": {"id": 1} for n in range(count)} for count in (20, 35, 36, 37, 38, 50)],
    *[{f"a@{n}": {"id": 2**62} for n in range(count)} for count in (14, 15, 16, 17, 18)],
    {"timeQuality": {"isSynced": "1"}},
    {"own@32473": {"id": "instead"}},
    {"a@1": {5: "x"}},
    {5: {}},
    {},
    "no dict",
    b'[a@1 id="x"]',
    collections.OrderedDict({"a@1": {"id": "x"}}),
    {"a@1": collections.OrderedDict({"id": "x"})},
]  # fmt: skip


@needs_compiled
@pytest.mark.parametrize("options", [{}, {"structured_data": {"own@32473": {"id": "x"}}}])
def test_structured_data(log: logging.Logger, options: dict[str, Any]) -> None:
    """It is what it is without our loggers, whoever renders it, and the call is fast."""
    handler = make_handler(max_size=400 if options else 2048, **options)
    log.handlers[:] = [handler]
    stock = logging.Logger("shop.cart")
    stock.addHandler(handler)
    for elements in ELEMENTS:
        for msgid in ("msgid", "".join(["msg", "id"]), None):
            extra = {"structured_data": elements, **({msgid: "SALE"} if msgid else {})}
            stock.info("sold", extra=extra)
            (expected,) = take(handler)
            log.info("a plan is made")
            before = loggers.compiled.count_calls()[0]
            log.info("sold", extra=extra)
            assert take(handler)[1:] == [expected], elements
            is_known = msgid is None or msgid is sys.intern(msgid)  # at a glance
            assert loggers.compiled.count_calls()[0] == before + is_known
    handler.close()


@needs_compiled
def test_what_takes_itself_away(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    loud = LoudText()
    for _ in range(3):
        loud.owner = {"structured_data": {"a@1": {"x": loud}}, "msgid": "".join(["SA", "LE"])}
        log.info("sold", extra=loud.owner)
    assert take(handler) == [b'<14 SALE [a@1 x="printed"] sold'] * 3


@needs_compiled
def test_several_handlers(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """Each that takes the level gets the record, with its own severity; the same text for all."""
    others = [make_handler(facility="local0"), make_handler(structured_data={"a@1": {"x": "own"}})]
    others[1].setLevel(logging.ERROR)
    log.parent.addHandler(others[0])  # type: ignore[union-attr]
    log.handlers += [others[1], handler]
    formatter = logging.Formatter("%(name)s %(message)s")
    extra = {"msgid": "SALE", "structured_data": {"a@1": {"x": "1"}}}
    for prefix in ("", "shop.cart "):
        assert is_fast(lambda: log.warning("%d sold", 3))
        text = f"{prefix}3 sold".encode()
        assert take(handler) == [b"<12 - - " + text] * 4
        assert take(others[0]) == [b"<132 - - " + text] * 2
        assert take(others[1]) == []
        assert is_fast(lambda: log.error("%d sold", 3, extra=extra))
        element = b'[a@1 x="1"] '
        assert take(handler) == [b"<11 SALE " + element + text] * 4
        assert take(others[0]) == [b"<131 SALE " + element + text] * 2
        assert take(others[1]) == [b"<11 SALE " + element + text] * 2
        assert not is_fast(lambda: log.error("x", extra={"structured_data": {"a@1": {"x": 1.5}}}))
        assert [len(take(each)) for each in (handler, *others)] == [4, 2, 2]
        for each in (handler, *others):
            each.setFormatter(formatter)
    for each in others:
        each.close()
    assert is_fast(lambda: log.error("to one that is closed, too"))
    assert len(take(handler)) == 4


@needs_compiled
def test_several_handlers_and_a_signal(
    log: logging.Logger, handler: syslogfast.SysLogHandler
) -> None:
    """What runs amid a record, and takes a handler away, does not take it from this record."""
    first = make_handler(queue_bytes=1000, overflow="block", timeout=0.5)
    second = make_handler(timeout=0.1)
    log.handlers = [first, second]

    def take_away(signum: int, frame: object) -> None:
        nonlocal second
        log.handlers.remove(second)
        counts.append(second._emitter.stats["offered"])
        second.close()
        del second
        gc.collect()
        first._emitter._queue.clear("taken")

    counts: list[int] = []
    written = 0
    emitter = second._emitter
    former = signal.signal(signal.SIGALRM, take_away)
    try:
        while not counts:
            signal.setitimer(signal.ITIMER_REAL, 0.02 if first._emitter._queue.count > 1 else 5)
            log.warning("x" * 300)
            written += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert counts == [written - 1]
    assert emitter.stats["offered"] == written
    assert emitter.stats["dropped"] == {"closed": written}
    first._emitter._queue.clear("taken")
    first.close()


NOT_PLAIN_CALLS: list[Callable[[logging.Logger], object]] = [
    lambda log: log.info(5),
    lambda log: log.info(b"octets"),
    lambda log: log.info("%s", [1]),
    lambda log: log.info("%(a)s", {"a": 1}),
    lambda log: log.info(msg="by name"),
    lambda log: log.info("x", stack_info=False),
    lambda log: log.info("x", exc_info=False),
    lambda log: log.info("x", extra={"msgid": 5}),
    lambda log: log.info("x", extra={"getMessage": lambda: "own"}),
    lambda log: log.log(25, "between the levels"),
    lambda log: log.info("x", exc_info=(KeyError, KeyError("y"), None)),
    lambda log: log.info("x", exc_info=KeyError("y"), extra={"msgid": "SALE"}),
]


@needs_compiled
@pytest.mark.parametrize("number", range(len(NOT_PLAIN_CALLS)))
def test_other_calls_are_those_of_logging(
    log: logging.Logger, handler: syslogfast.SysLogHandler, number: int
) -> None:
    call = NOT_PLAIN_CALLS[number]
    log.info("a plan is made")
    assert not is_fast(lambda: call(log))
    assert len(take(handler)) == 3
    assert loggers.explain_logger(log) == "fast"


@needs_compiled
@pytest.mark.parametrize("kind", ["formatter", "two handlers"])
def test_an_exception_is_left_to_who_formats_it(
    log: logging.Logger, handler: syslogfast.SysLogHandler, kind: str
) -> None:
    class Brief(logging.Formatter):
        def formatException(self, ei: Any) -> str:  # noqa: N802
            return "in short"

    other = make_handler()
    if kind == "formatter":
        handler.setFormatter(Brief())
    else:
        log.addHandler(other)
    log.info("a plan is made")
    assert not is_fast(lambda: log_caught(log, "caught"))
    assert all((b"in short" in line) == (kind == "formatter") for line in take(handler)[1:])
    other.close()


class MeddlingError(Exception):
    """An exception that does something when it is printed."""

    def __init__(self, do: Callable[[], object]) -> None:
        self.do = do

    def __str__(self) -> str:
        self.do()
        return "done"


@needs_compiled
@pytest.mark.parametrize("is_installed", [True, False])
@pytest.mark.parametrize("what", ["remove", "close", "log", "level", "uninstall", "raise"])
def test_an_exception_meddles(what: str, is_installed: bool) -> None:
    """Its `__str__` may do anything, as a handler's may: the same records, and nothing dangles."""
    manager = logging.Manager(loggers.RootLogger(logging.WARNING))
    manager.setLoggerClass(loggers.Logger)
    logger = manager.getLogger("meddled")
    handlers = [make_handler()]
    queue = handlers[0]._emitter._queue
    logger.addHandler(handlers[0])
    if is_installed:
        loggers.install()
        loggers.compiled.set_plan_cost(0)

    def remove() -> None:
        logger.handlers.clear()
        handlers.clear()
        gc.collect()

    def interrupt() -> None:
        raise KeyboardInterrupt

    do = {
        "remove": remove,
        "close": lambda: handlers[0].close(),
        "log": lambda: logger.warning("from within"),
        "level": lambda: logger.setLevel(logging.CRITICAL),
        "uninstall": loggers.uninstall,
        "raise": interrupt,
    }[what]
    try:
        logger.warning("a plan is made")
        logger.error("x", exc_info=MeddlingError(do))
        counts = queue.count_all()
        assert counts["offered"] == (3 if what == "log" else 2)
        assert counts["dropped"] == ({"closed": 2} if what == "close" else {})
    finally:
        loggers.compiled.set_plan_cost(PLAN_COST)
        loggers.uninstall()
        queue.clear("taken")


@needs_compiled
def test_wrong_calls(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """They raise what logging raises, and write nothing."""
    log.info("a plan is made")
    take(handler)
    for call in (
        lambda: log.info(),  # type: ignore[call-arg]
        lambda: log.info("x", nonsense=1),  # type: ignore[call-arg]
        lambda: log.log(),  # type: ignore[call-arg]
        lambda: log.info("x", msg="twice"),  # type: ignore[misc]
        lambda: loggers.Logger.info("no logger", "x"),  # type: ignore[arg-type]
        lambda: log.__setattr__("only a name"),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(KeyError, match="Attempt to overwrite 'message' in LogRecord"):
        log.info("x", extra={"message": "x"})
    with pytest.raises(AttributeError):
        del log.missing
    assert take(handler) == []


@needs_compiled
def test_an_argument_is_printed_once(log: logging.Logger) -> None:
    """Whatever it does in `__str__`, and by whomever it is printed."""

    class Loud:
        count = 0

        def __str__(self) -> str:
            self.count += 1
            log.warning("from within")
            log.setLevel(logging.INFO)
            loggers.explain_logger(log)
            return "loud"

    loud = Loud()
    log.info("%s %d", loud, 3)
    assert loud.count == 1
    log.info("%s", "x", extra={"structured_data": {"a@32473": {"b": loud}}})
    assert loud.count == 2


@needs_compiled
def test_disabled_levels(log: logging.Logger) -> None:
    """They cost no call of logging, whoever the handlers are."""
    log.addHandler(logging.NullHandler())
    log.debug("a plan is made, and the level known")
    before = loggers.compiled.count_calls()
    log.debug("x")
    log.debug("%s %s", 1)
    log.log(10, "x")
    assert loggers.compiled.count_calls() == before
    with pytest.raises(TypeError):
        log.debug()  # type: ignore[call-arg]


@needs_compiled
def test_a_handler_is_told_of_errors(
    log: logging.Logger, handler: syslogfast.SysLogHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    """As logging tells it of what its `emit` raises; what is no Exception goes through."""

    class Failing:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def __str__(self) -> str:
            raise self.error

    log.info("a plan is made")
    sender = handler._emitter._sender
    original = type(sender).pump
    for error in (MemoryError("no room"), KeyboardInterrupt()):
        with unittest.mock.patch.object(type(sender), "pump", side_effect=error):
            if isinstance(error, Exception):
                log.error("%d sold", 3)
            else:
                with pytest.raises(KeyboardInterrupt):
                    log.error("%d sold", 3)
    assert type(sender).pump is original
    printed = capsys.readouterr().err
    assert "MemoryError: no room" in printed
    assert "Message: '%d sold'\nArguments: (3,)\n" in printed


@needs_compiled
def test_loggers_below(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """A child writes to the handler of its parent, and LoggerAdapter to what it adapts."""
    child = log.getChild("child")
    assert is_fast(lambda: child.info("sold out"))
    adapter = logging.LoggerAdapter(child, {"msgid": "SALE"})
    assert is_fast(lambda: adapter.info("%d sold", 3))
    assert take(handler)[-1] == b"<14 SALE - 3 sold"


# --- what makes it slow, and that it becomes fast again ------------------------------------------


class Marker(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = f"filtered {record.msg}"
        return True


class MyFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return "formatted"


def mark(record: logging.LogRecord) -> logging.LogRecord:
    record.msg = f"marked {record.msg}"
    return record


def replace_call_handlers(monkeypatch: pytest.MonkeyPatch, log: logging.Logger, _: Any) -> None:
    """As sentry-sdk does."""
    original = logging.Logger.callHandlers
    monkeypatch.setattr(
        logging.Logger, "callHandlers", lambda self, record: original(self, mark(record))
    )


def replace_factory(monkeypatch: pytest.MonkeyPatch, log: logging.Logger, _: Any) -> None:
    """As opentelemetry and elastic-apm do."""
    original = logging.getLogRecordFactory()
    monkeypatch.setattr(
        logging, "_logRecordFactory", lambda *args, **kwargs: mark(original(*args, **kwargs))
    )


def replace_by_proxy(name: str) -> Callable[[pytest.MonkeyPatch, logging.Logger, Any], None]:
    """As ddtrace and newrelic do: the proxy looks like the original in all that one asks it."""

    def replace(monkeypatch: pytest.MonkeyPatch, log: logging.Logger, _: Any) -> None:
        monkeypatch.setattr(logging.Logger, name, Proxy(vars(logging.Logger)[name]))
        bound = getattr(log, name)
        assert bound.__func__ is vars(logging.Logger)[name].original
        assert bound.__self__ is log

    return replace


class Proxy:
    """What wrapt makes, as far as it matters here."""

    def __init__(self, original: Any) -> None:
        self.original = original

    def __get__(self, instance: Any, owner: Any) -> Any:
        return BoundProxy(self.original.__get__(instance, owner))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


class BoundProxy:
    def __init__(self, bound: Any) -> None:
        self.bound = bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = tuple(mark(arg) if isinstance(arg, logging.LogRecord) else arg for arg in args)
        result = self.bound(*args, **kwargs)
        return mark(result) if isinstance(result, logging.LogRecord) else result

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bound, name)

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return types.MethodType


def object_getattribute(record: logging.LogRecord, name: str) -> Any:
    return object.__getattribute__(record, name)


def find_nothing(record: logging.LogRecord, name: str) -> Any:
    raise AttributeError(name)


WITH_ATTRIBUTES = make_handler(attributes={"a@32473": {"user": "user"}})
OTHER_HANDLER = make_handler()
OTHER_HANDLER.setFormatter(logging.Formatter("other: %(message)s"))
HOOKS: dict[str, tuple[Callable[[pytest.MonkeyPatch, logging.Logger, Any], object], str]] = {
    "callHandlers": (replace_call_handlers, "callHandlers is "),
    "factory": (replace_factory, "the log record factory is "),
    "wrapt on makeRecord": (replace_by_proxy("makeRecord"), "makeRecord is "),
    "wrapt on callHandlers": (replace_by_proxy("callHandlers"), "callHandlers is "),
    "wrapt on handle": (replace_by_proxy("handle"), "handle is "),
    "getMessage": (
        lambda patch, log, handler: patch.setattr(
            logging.LogRecord, "getMessage", lambda record: "marked"
        ),
        "getMessage is ",
    ),
    "a handler's class": (
        lambda patch, log, handler: patch.setattr(
            logging.Handler, "format", lambda self, record: "marked"
        ),
        "format is ",
    ),
    "our handler's class": (
        lambda patch, log, handler: patch.setattr(
            syslogfast.SysLogHandler, "mapPriority", lambda self, name: "alert"
        ),
        "mapPriority is ",
    ),
    "our emitter": (
        lambda patch, log, handler: patch.setattr(
            syslogfast.Emitter, "emit_record", lambda self, *args: None, raising=False
        ),
        "emit_record of an emitter is another's",
    ),
    "one logger": (
        lambda patch, log, handler: patch.setattr(log, "handle", lambda record: None),
        "handle of one object is ",
    ),
    "isEnabledFor of one": (
        lambda patch, log, handler: patch.setattr(log, "isEnabledFor", lambda level: False),
        "isEnabledFor of one object is ",
    ),
    "one handler": (
        lambda patch, log, handler: patch.setattr(handler, "emit", lambda record: None),
        "emit of one object is ",
    ),
    "ident": (
        lambda patch, log, handler: patch.setattr(handler, "ident", "x"),
        "a handler has an ",
    ),
    "a filter in its list": (
        lambda patch, log, handler: patch.setattr(log, "filters", [Marker()]),
        "has filters",
    ),
    "a handler beside it": (
        lambda patch, log, handler: patch.setattr(
            log, "handlers", [handler, logging.NullHandler()]
        ),
        "a handler is a logging.NullHandler",
    ),
    "two formats": (
        lambda patch, log, handler: patch.setattr(log, "handlers", [handler, OTHER_HANDLER]),
        "handlers have different formatters",
    ),
    "formatter": (
        lambda patch, log, handler: patch.setattr(handler, "formatter", MyFormatter()),
        "a formatter is a test_loggers.MyFormatter",
    ),
    "format": (
        lambda patch, log, handler: patch.setattr(
            handler, "formatter", logging.Formatter("%(thread)d %(message)s")
        ),
        "a formatter has %(thread)d",
    ),
    "time in a format": (
        lambda patch, log, handler: patch.setattr(
            handler, "formatter", logging.Formatter(logging.BASIC_FORMAT + " %(asctime)s")
        ),
        "a formatter has %(asctime)s",
    ),
    "no message": (
        lambda patch, log, handler: patch.setattr(
            handler, "formatter", logging.Formatter("%(name)s")
        ),
        "a formatter leaves out the message",
    ),
    "style": (
        lambda patch, log, handler: patch.setattr(
            handler, "formatter", logging.Formatter("{name} {message}", style="{")
        ),
        "a formatter has another style",
    ),
    "priority_map": (
        lambda patch, log, handler: patch.setitem(handler.priority_map, "INFO", "no such"),
        "priority_map and facility make no priority",
    ),
    "clock": (
        lambda patch, log, handler: patch.setattr(time, "time", lambda: 0.0),
        "time.time is ",
    ),
    "process": (
        lambda patch, log, handler: patch.setattr(os, "getpid", lambda: 1),
        "os.getpid is ",
    ),
    "class of the logger": (
        lambda patch, log, handler: patch.setattr(
            log, "__class__", type("My", (loggers.Logger,), {})
        ),
        "shop.cart is a ",
    ),
    "propagate": (
        lambda patch, log, handler: patch.setattr(log, "propagate", "yes"),
        "propagate of logger shop.cart is 'yes'",
    ),
    "attributes of records": (
        lambda patch, log, handler: patch.setattr(
            logging.LogRecord, "__getattribute__", object_getattribute, raising=False
        ),
        "logging.LogRecord has a __getattribute__ of its own",
    ),
    "missing attributes of records": (
        lambda patch, log, handler: patch.setattr(
            logging.LogRecord, "__getattr__", find_nothing, raising=False
        ),
        "logging.LogRecord has a __getattr__ of its own",
    ),
    "a missing method": (
        lambda patch, log, handler: patch.delattr(logging.LogRecord, "getMessage"),
        "getMessage is missing",
    ),
    "another logger's method": (
        lambda patch, log, handler: patch.setattr(log, "handle", logging.Logger("other").handle),
        "handle of one object is logging.Logger.handle",
    ),
    "a facility that there is not": (
        lambda patch, log, handler: patch.setattr(handler, "facility", 30),
        "priority_map and facility make 247",
    ),
    "defaults of a format": (
        lambda patch, log, handler: patch.setattr(
            handler, "formatter", logging.Formatter("%(message)s", defaults={"user": "-"})
        ),
        "the style of a formatter has defaults",
    ),
    "surrogates in a format": (
        lambda patch, log, handler: patch.setattr(
            handler, "formatter", logging.Formatter("\ud800 %(message)s")
        ),
        "a formatter has more than names",
    ),
    "level of a handler": (
        lambda patch, log, handler: patch.setattr(handler, "level", 9.5),
        "the level of a handler is 9.5",
    ),
    "no header": (
        lambda patch, log, handler: patch.setattr(handler, "_has_header", False),
        "a handler writes no header",
    ),
    "attributes": (
        lambda patch, log, handler: patch.setattr(log, "handlers", [WITH_ATTRIBUTES]),
        "a handler takes attributes from records",
    ),
}


SAME_TEXT = [
    *["two formats", "a handler beside it", "clock", "process", "class of the logger"],
    *["a handler's class", "propagate", "attributes of records", "missing attributes of records"],
    *["a missing method", "defaults of a format", "level of a handler"],
]


@needs_compiled
@pytest.mark.parametrize("name", HOOKS)
def test_hooks_are_noticed(
    log: logging.Logger,
    handler: syslogfast.SysLogHandler,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """At the next call; `explain` names them; and when they have gone all is fast again."""
    hook, reason = HOOKS[name]
    assert become_fast(log)
    take(handler)
    hook(monkeypatch, log, handler)
    assert reason in loggers.explain_logger(log)
    before = loggers.compiled.count_calls()[0]
    for _ in range(3):
        log.info("sold out")
    assert loggers.compiled.count_calls()[0] == before
    plain = [b"<14 - - sold out"]
    written = take(handler)
    assert (written[:1] == plain) is (name in SAME_TEXT)
    monkeypatch.undo()
    assert loggers.explain_logger(log) == "fast"
    assert become_fast(log)
    assert take(handler)[-1:] == [b"<12 - - sold out"]


@needs_compiled
def test_changes_in_place_are_noticed(
    log: logging.Logger, handler: syslogfast.SysLogHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of lists, of the dicts of logging, and by way of `__dict__`."""

    def write() -> list[bytes]:
        log.info("sold out")
        return take(handler)

    plain = [b"<14 - - sold out"]
    assert become_fast(log)
    take(handler)
    marker = Marker()
    for filters in (log.filters, handler.filters):
        filters.append(marker)
        assert write() == [b"<14 - - filtered sold out"]
        filters.remove(marker)
        assert write() == plain
    monkeypatch.setitem(handler.priority_map, "INFO", "notice")
    assert write() == [b"<13 - - sold out"]
    monkeypatch.undo()
    monkeypatch.setitem(logging._levelToName, 20, "WARNING")
    assert write() == [b"<12 - - sold out"]
    monkeypatch.undo()
    for thing, name, value in (
        (log, "disabled", True),
        (log, "handlers", []),
        (handler, "level", 50),
        (log, "filters", [lambda record: False]),
    ):
        before = getattr(thing, name)
        held = vars(thing)
        assert write() == plain
        assert "holds the __dict__" in loggers.explain_logger(log)
        held[name] = value
        monkeypatch.setattr(logging, "raiseExceptions", False)
        monkeypatch.setattr(logging, "lastResort", None)
        assert write() == []
        monkeypatch.undo()
        held[name] = before
        assert write() == plain
        del held
        log.setLevel(logging.INFO)
        assert become_fast(log)
        take(handler)
    held = vars(log)
    log.debug("too low")
    log.debug("too low")
    held["_cache"] = {10: True}
    log.debug("sold out")
    assert take(handler) == [b"<15 - - sold out"]
    del held
    log._cache[20] = False
    assert write() == []
    log._cache.clear()
    assert write() == plain
    for level, expected in ((logging.INFO, []), (logging.NOTSET, plain)):
        log.manager.disable = level
        log.manager._clear_cache()  # as logging.disable() does
        assert write() == expected


FORMATS = {
    "%(message)s": "3 sold",
    logging.BASIC_FORMAT: "WARNING:shop.cart:3 sold",
    "100%% %(levelno)d %(levelno)s %(name)s%(message)s": "100% 30 30 shop.cart3 sold",
    "%(message)s, %(message)s é": "3 sold, 3 sold é",
    "%(filename)s:%(lineno)d %(funcName)s %(message)s": "{file}:{line} {function} 3 sold",
    "%(pathname)s:%(lineno)s %(message)s": "{path}:{line} 3 sold",
}


@needs_compiled
@pytest.mark.parametrize("template", FORMATS)
def test_formats(log: logging.Logger, handler: syslogfast.SysLogHandler, template: str) -> None:
    """%-style formats of constant names, the message and the caller are fast."""
    handler.setFormatter(logging.Formatter(template))

    def call() -> None:
        log.warning("%d sold", 3)

    assert is_fast(call)
    code = call.__code__
    expected = FORMATS[template].format(
        file=os.path.basename(__file__),
        path=code.co_filename,
        line=code.co_firstlineno + 1,
        function="call",
    )
    assert take(handler) == [f"<12 - - {expected}".encode()] * 2
    assert loggers.explain_logger(log) == "fast"


@needs_compiled
def test_the_caller_of_an_adapter(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """Frames of `logging` are none that call."""
    handler.setFormatter(logging.Formatter("%(funcName)s %(filename)s %(message)s"))
    adapter = logging.LoggerAdapter(logging.LoggerAdapter(log, {}), {})

    def call_adapter() -> None:
        adapter.warning("sold out")

    call_adapter()
    before = loggers.compiled.count_calls()[0]
    call_adapter()
    eval("log.warning('sold out')", {"log": log})
    if sys.version_info < (3, 13):  # from then on an adapter of an adapter asks for its stacklevel
        assert loggers.compiled.count_calls()[0] == before + 2
    first, second, third = take(handler)
    assert first == second == b"<12 - - call_adapter test_loggers.py sold out"
    assert third == b"<12 - - <module> <string> sold out"


@needs_compiled
def test_changes_of_a_formatter(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """Nobody tells of them, so that each call looks."""

    def write() -> bytes:
        log.warning("sold out")
        (record,) = take(handler)
        return record.rpartition(b" - - ")[2]

    formatter: Any = logging.Formatter("one %(message)s")
    handler.setFormatter(formatter)
    held, style = vars(formatter), vars(formatter._style)
    for _ in range(3):
        assert write() == b"one sold out"
    formatter._style._fmt = "two %(message)s"
    assert write() == b"two sold out"
    style["_fmt"] = "three %(message)s"
    assert write() == b"three sold out"
    formatter.format = lambda record: "four"
    assert write() == b"four"
    del held["format"]
    assert write() == b"three sold out"
    held["_style"] = logging.PercentStyle("five %(message)s")
    assert write() == b"five sold out"
    formatter._style = logging.StrFormatStyle("six {message}")
    assert write() == b"six sold out"
    formatter.__dict__ = vars(logging.Formatter("seven %(message)s"))
    for _ in range(1001):  # a slow logger is looked at anew now and then
        assert write() == b"seven sold out"
    assert loggers.explain_logger(log) == "fast"
    assert become_fast(log)
    take(handler)
    del formatter.datefmt
    formatter.formatMessage = lambda record: "eight"
    assert write() == b"eight"


@needs_compiled
@pytest.mark.parametrize("part", ["formatter", "style"])
def test_an_attribute_of_a_formatter_has_another_name(
    log: logging.Logger, handler: syslogfast.SysLogHandler, part: str
) -> None:
    """Its value alone is not what `logging` asks for."""
    formatter: Any = logging.Formatter("one %(message)s", "%H:%M", defaults={})
    handler.setFormatter(formatter)
    assert become_fast(log)
    held: Any = formatter if part == "formatter" else formatter._style
    name, value = list(vars(held).items())[-1]
    assert name in ("datefmt", "_defaults")
    delattr(held, name)
    held.named_otherwise = value
    assert not is_fast(lambda: log.warning("sold out"))


@needs_compiled
def test_the_last_priority_is_fast(log: logging.Logger) -> None:
    """That is 191, of local7 and debug."""
    last = make_handler(facility=syslogfast.Facility.LOCAL7)
    log.handlers[:] = [last]
    log.setLevel(logging.DEBUG)
    try:
        assert is_fast(lambda: log.debug("sold out"))
        assert take(last)[-1] == b"<191 - - sold out"
    finally:
        last.close()


@needs_compiled
def test_mock(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """It reads `__dict__`, and lets go of it."""
    assert become_fast(log)
    with unittest.mock.patch.object(log, "info") as info:
        log.info("seen")
        info.assert_called_once_with("seen")
    assert become_fast(log)
    with unittest.mock.patch.object(log, "handle", autospec=True) as handle:
        log.info("seen")
        assert handle.call_args.args[0].getMessage() == "seen"
    assert become_fast(log)
    with unittest.mock.patch.object(logging.Logger, "info", autospec=True) as info:
        log.info("seen")
        info.assert_called_once_with(log, "seen")
    assert become_fast(log)


@needs_compiled
def test_others_who_watch_loggers(log: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    """caplog and assertLogs see each record; afterwards the path is fast again."""
    assert become_fast(log)
    log.addHandler(caplog.handler)
    log.debug("too low")
    log.info("%d sold", 3)
    log.removeHandler(caplog.handler)
    assert [record.getMessage() for record in caplog.records] == ["3 sold"]
    assert caplog.records[0].funcName == "test_others_who_watch_loggers"
    assert become_fast(log)
    case = unittest.TestCase()
    with case.assertLogs(log, logging.DEBUG) as watched:
        log.debug("seen")
    assert [record.lineno for record in watched.records] == [
        inspect.currentframe().f_lineno - 2  # type: ignore[union-attr]
    ]
    assert become_fast(log)


@needs_compiled
def test_a_new_logger_changes_nothing(run_python: Any) -> None:
    """A program may make one for each request: no plan is made anew for that."""
    code = """
import logging
import syslogfast
from syslogfast import loggers
loggers.install()
log = logging.getLogger("shop")
log.addHandler(syslogfast.SysLogHandler("udp://127.0.0.1:5514"))
log.warning("sold out")
before = loggers.compiled.count_calls()
for number in range(100):
    logging.getLogger(f"requests.{number}")
    log.warning("sold out")
print(*[b - a for a, b in zip(before, loggers.compiled.count_calls())])
"""
    assert run_python(code).stdout == "100 0 0 0 0\n"


@needs_compiled
def test_changes_all_the_time(log: logging.Logger) -> None:
    """Who changes something before each call gets few plans: each costs as much as many calls."""
    loggers.compiled.set_plan_cost(PLAN_COST)
    assert become_fast(log)
    before = loggers.compiled.count_calls()[3]
    for _ in range(320):
        log.setLevel(logging.INFO)
        log.info("sold out")
    assert loggers.compiled.count_calls()[3] - before <= 320 // PLAN_COST + 4
    assert become_fast(log)


@pytest.mark.slow
@needs_compiled
def test_more_loggers_than_a_table_had(handler: syslogfast.SysLogHandler) -> None:
    """Any number of them: each finds its plan, and one without a plan is found to have none."""
    loggers.install()
    manager = logging.Manager(loggers.RootLogger(logging.INFO))
    manager.setLoggerClass(loggers.Logger)
    manager.root.addHandler(handler)
    made = [manager.getLogger(f"many.{number}") for number in range(5000)]
    try:
        for _ in range(2):
            before = loggers.compiled.count_calls()
            for log in made:
                log.info("sold out")
        after = loggers.compiled.count_calls()
        # An address may be that of a logger of another test, which has had plans enough.
        assert after[0] - before[0] > 0.99 * len(made)
    finally:
        loggers.uninstall()


@needs_compiled
def test_loggers_and_handlers_are_freed(log: logging.Logger) -> None:
    """A plan holds no handler that has been taken away, and no logger."""
    import weakref

    other = make_handler()
    logger: Any = loggers.Logger("other")
    logger.addHandler(other)
    assert become_fast(logger)
    other._emitter._queue.clear("taken")
    other.close()
    logger.removeHandler(other)
    freed = weakref.ref(other), weakref.ref(logger)
    del other
    gc.collect()
    assert freed[0]() is None
    del logger
    gc.collect()
    assert freed[1]() is None


# --- threads and processes -----------------------------------------------------------------------


@needs_compiled
@pytest.mark.parametrize("has_changes", [False, True])
def test_threads(has_changes: bool) -> None:
    """Each record arrives once and whole, in the order of its thread, whatever else is changed."""
    count, each = 8, 400
    sink = Sink()
    with contextlib.closing(sink):
        handler = syslogfast.SysLogHandler(
            f"tcp://127.0.0.1:{sink.port}", hostname="web1", app_name="shop", queue_bytes=1 << 24
        )
        log: Any = logging.Manager(loggers.RootLogger(logging.WARNING)).getLogger("threads")
        log.__class__ = loggers.Logger
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        loggers.install()
        done = threading.Event()

        def change() -> None:
            child = log.getChild("other")
            while not done.is_set():
                log.setLevel(logging.INFO)
                handler.setLevel(logging.DEBUG)
                child.addFilter(Marker())
                log.filters.append(lambda record: True)
                log.filters.clear()
                vars(log)["disabled"] = False

        changing = threading.Thread(target=change)

        def work(number: int) -> None:
            for index in range(each):
                log.info("thread %d record %d", number, index)

        try:
            if has_changes:
                changing.start()
            run_threads(work, count, 1e-5)
        finally:
            done.set()
            if has_changes:
                changing.join()
            loggers.uninstall()
        handler.flush()
        stats = handler.stats
        handler.close()
        wait_until(lambda: bytes(sink.connections[0]).count(b"\n") == count * each)
        assert (stats["offered"], stats["dropped"]) == (count * each, {})
        texts = [
            line.rpartition(b" - - ")[2].split() for line in bytes(sink.connections[0]).splitlines()
        ]
        for number in range(count):
            indices = [int(text[3]) for text in texts if int(text[1]) == number]
            assert indices == list(range(each))


@needs_compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_has_a_procid_of_its_own(log: logging.Logger) -> None:
    """And a queue of its own; its calls are fast, too."""
    handler = make_handler(procid=None)
    log.handlers = [handler]
    assert become_fast(log)
    handler._emitter._queue.clear("taken")
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            before = loggers.compiled.count_calls()[0]
            log.warning("from the child")
            is_quick = loggers.compiled.count_calls()[0] - before
            data = bytes(handler._emitter._queue.peek())
            os.write(write, b"%d %b" % (is_quick, data))
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as pipe:
        answer = pipe.read()
    assert answer.startswith(b"1 <12>1 ")
    assert answer.endswith(b" web1 shop %d - - from the child\n" % child)
    log.warning("from the parent")
    data = bytes(handler._emitter._queue.peek())
    handler._emitter._queue.rewind()
    assert data.endswith(b" web1 shop %d - - from the parent\n" % os.getpid())
    handler._emitter._queue.clear("taken")
    handler.close()


def test_other_interpreters(run_python: Any) -> None:
    """Only the main one is fast; another is told so, and logs as ever."""
    code = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
else:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
program = '''if True:
    import logging, warnings
    warnings.simplefilter("ignore")
    from syslogfast import loggers
    loggers.install()
    logging.warning("as ever")
    print(loggers.explain(), type(logging.root).__module__, flush=True)
'''
run = getattr(interpreters, "exec", None) or interpreters.run_string
run(other, program)
interpreters.destroy(other)
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0].endswith(" logging"), result.stdout
    assert not result.stdout.startswith(("fast", "install()"))
    assert result.stderr == "WARNING:root:as ever\n"


# --- the flight recorder -------------------------------------------------------------------------


@needs_compiled
def test_debug_reaches_the_flight_recorder(log: logging.Logger) -> None:
    """Without a LogRecord; the level of `logging` stays the program's."""
    recording = make_handler(level="info", recorder_bytes=1 << 15)
    log.handlers[:] = [recording]
    log.debug("not for %s", "anybody")
    log.setLevel(logging.DEBUG)
    assert is_fast(functools.partial(log.debug, "%d in the basket", 3))
    log.debug("with %s", "more", extra={"msgid": "M", "structured_data": {"a@1": {"b": "c"}}})
    log.info("sold")
    stats = recording.stats
    assert (stats["offered"], stats["recorder"]["offered"]) == (1, 3)
    assert recording.dump() == 3
    assert take(recording) == [
        b"<14 - - sold",
        b'<15 - [recorded@32473 number="1"] 3 in the basket',
        b'<15 - [recorded@32473 number="2"] 3 in the basket',
        b'<15 M [a@1 b="c"][recorded@32473 number="3"] with more',
    ]
    recording.close()


# --- what a plan cannot hold ---------------------------------------------------------------------


def write_from(log: logging.Logger, template: str, *args: object) -> None:
    log.info(template, *args)


def write_in_thread(log: logging.Logger, template: str, *args: object) -> None:
    """Call from a thread that has no frame of Python."""
    handler: Any = log.handlers[0]
    before = handler.stats["offered"]
    _thread.start_new_thread(log.info, (template, *args))
    assert wait_until(lambda: handler.stats["offered"] > before)


SURROGATES: dict[str, Any] = {}
exec(
    compile("def write(log, *args): log.info(*args)", "file \udc80", "exec"),
    SURROGATES,
)


@needs_compiled
@pytest.mark.parametrize("write", [write_from, write_in_thread, SURROGATES["write"]])
@pytest.mark.parametrize("template", ["%(funcName)s %(lineno)d %(message)s", "%(message)s"])
@pytest.mark.parametrize("size", [0, 2000, 2100, 2200, 3060, 3100, 5000])
def test_formats_beyond_what_is_fast(
    log: logging.Logger,
    handler: syslogfast.SysLogHandler,
    write: Callable[..., None],
    template: str,
    size: int,
) -> None:
    """They are those of `logging`: of a long text, and of callers that no frame tells."""
    handler.setFormatter(logging.Formatter("x" * size + template))
    found = []
    for _ in range(2):
        for _ in range(3):
            write(log, "sold %d ", 5)
        written = take(handler)
        assert len(written) == 3
        found.append(set(written))
        loggers.uninstall()
    assert found[0] == found[1]
    loggers.install()


@needs_compiled
def test_a_key_of_the_cache_that_raises(
    log: logging.Logger, handler: syslogfast.SysLogHandler
) -> None:
    """The error is its own; afterwards all is fast again."""

    class Key:
        def __hash__(self) -> int:
            return logging.INFO

        def __eq__(self, other: object) -> bool:
            raise LookupError("compared")

    assert become_fast(log)
    log._cache.clear()  # type: ignore[attr-defined]
    log._cache[Key()] = True  # type: ignore[attr-defined]
    with pytest.raises(LookupError, match="compared"):
        log.info("sold out")
    log._cache.clear()  # type: ignore[attr-defined]
    take(handler)
    assert become_fast(log)
    assert set(take(handler)) == {b"<12 - - sold out"}


@needs_compiled
def test_a_key_of_the_cache_that_changes_the_logger(
    log: logging.Logger, handler: syslogfast.SysLogHandler
) -> None:
    """The call is one of `logging`, by what is so afterwards."""

    class Key:
        def __hash__(self) -> int:
            return logging.INFO

        def __eq__(self, other: object) -> bool:
            log.setLevel(logging.ERROR)
            return False

    assert become_fast(log)
    take(handler)
    log._cache.clear()  # type: ignore[attr-defined]
    log._cache[Key()] = True  # type: ignore[attr-defined]
    log.info("sold out")
    assert take(handler) == []
    assert log.level == logging.ERROR


@needs_compiled
def test_a_logger_that_is_not_there(log: logging.Logger) -> None:
    assert loggers.explain("no.such.logger") == "there is no logger of that name"


@needs_compiled
def test_parts_of_a_record_that_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that is none, and functions of threads that somebody has replaced."""
    from syslogfast.loggers import records

    assert records.split_path("/srv/shop.py") == ("shop.py", "shop")
    assert records.split_path(5) == (5, "Unknown module")  # type: ignore[arg-type, comparison-overlap]
    assert records.list_thread_parts()[0] is threading.current_thread
    monkeypatch.setattr(threading, "current_thread", functools.partial(threading.current_thread))
    assert records.list_thread_parts()[:4] == (None,) * 4


@needs_compiled
def test_a_part_of_a_formatter_that_goes(
    log: logging.Logger, handler: syslogfast.SysLogHandler
) -> None:
    """The format is still written; a formatter is no plain one without it."""
    formatter: Any = logging.Formatter("%(name)s: %(message)s")
    handler.setFormatter(formatter)
    assert become_fast(log)
    take(handler)
    del formatter.datefmt
    for _ in range(3):
        log.warning("sold out")
    assert take(handler) == [b"<12 - - shop.cart: sold out"] * 3
    assert "a formatter has another style" in loggers.explain_logger(log)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    assert become_fast(log)


@needs_compiled
@pytest.mark.parametrize("depth", [3, 100])
def test_a_tall_tree(log: logging.Logger, handler: syslogfast.SysLogHandler, depth: int) -> None:
    """Lists of more handlers than a plan has space for are left to `logging`."""
    lowest = log.manager.getLogger("shop.cart" + ".a" * depth)
    for number in range(1, depth):
        log.manager.getLogger("shop.cart" + ".a" * number)
    assert become_fast(lowest) == (depth < 10)
    take(handler)
    lowest.warning("sold out")
    assert take(handler) == [b"<12 - - sold out"]
