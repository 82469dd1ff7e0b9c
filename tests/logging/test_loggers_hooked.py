"""What tests and other loggers do to `logging`, while `loggers.install()` is in force.

They get what they get without us, whichever came first, and so does our handler; `explain` says who
makes the calls slow; and when that has gone they are fast again. Application monitoring is in
tests/interop/test_application_monitoring.py.
"""

import contextlib
import json
import logging
import logging.handlers
import pathlib
import re
import unittest
import unittest.mock
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.watched_calls import (
    check_watched,
    describe,
    make_calls,
    make_handler,
    run_watched,
    take,
)

import syslogfast
from syslogfast import loggers

pytestmark = [
    pytest.mark.versions,
    pytest.mark.skipif(loggers.compiled is None, reason=loggers.refusal),
]

native = pytest.mark.native  # those that are in this process


@pytest.fixture
def handler() -> Iterator[syslogfast.SysLogHandler]:
    made = make_handler()
    yield made
    take(made)
    made.close()


@pytest.fixture
def log(handler: syslogfast.SysLogHandler) -> Iterator[logging.Logger]:
    """A logger with that handler, of a manager of its own: pytest adds handlers to the others."""
    manager = logging.Manager(logging.RootLogger(logging.WARNING))
    logger = manager.getLogger("shop.cart")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    loggers.uninstall()


def install(log: logging.Logger) -> None:
    """Install, and convert this logger and the root above it, too."""
    loggers.install()
    log.__class__ = loggers.Logger
    log.manager.root.__class__ = loggers.RootLogger


def uninstall(log: logging.Logger) -> None:
    loggers.uninstall()
    log.__class__ = logging.Logger
    log.manager.root.__class__ = logging.RootLogger


def become_fast(log: logging.Logger) -> bool:
    """Return True if a logger's calls write records after as many as a plan may take."""
    before = loggers.compiled.count_calls()[0]
    for _ in range(64):
        log.warning("sold out")
    return bool(loggers.compiled.count_calls()[0] > before)


# --- unittest.mock -------------------------------------------------------------------------------

PATCHES = {
    **{
        f"Logger.{name}": (logging.Logger, name)
        for name in ("info", "isEnabledFor", "_log", "findCaller", "makeRecord", "handle", "filter")
    },
    "Logger.callHandlers": (logging.Logger, "callHandlers"),
    **{f"LogRecord.{name}": (logging.LogRecord, name) for name in ("__init__", "getMessage")},
    **{
        f"Handler.{name}": (logging.Handler, name)
        for name in ("handle", "filter", "acquire", "release")
    },
    **{
        f"SysLogHandler.{name}": (logging.handlers.SysLogHandler, name)
        for name in ("mapPriority", "encodePriority")
    },
    **{f"ours.{name}": (syslogfast.SysLogHandler, name) for name in ("emit", "mapPriority")},
    **{
        f"the logger.{name}": ("log", name)
        for name in ("info", "isEnabledFor", "_log", "makeRecord", "handle", "callHandlers")
    },
    **{
        f"the handler.{name}": ("handler", name)
        for name in ("emit", "handle", "format", "acquire", "mapPriority")
    },
    "log record factory": (logging, "_logRecordFactory"),
    "getLevelName": (logging, "getLevelName"),
}
ADDRESS = re.compile(r"id='\d+'")  # of a Mock


@native
@pytest.mark.parametrize("has_spec", [False, True])
@pytest.mark.parametrize("name", PATCHES)
def test_mock(
    log: logging.Logger, handler: syslogfast.SysLogHandler, name: str, has_spec: bool
) -> None:
    """A Mock is called as often as without us; what it returns counts; then it is gone."""
    target, attribute = PATCHES[name]
    thing: Any = {"log": log, "handler": handler}.get(target, target)  # type: ignore[call-overload]

    def patch() -> Any:
        original = getattr(thing, attribute)
        if has_spec:
            return unittest.mock.patch.object(thing, attribute, autospec=True, side_effect=original)
        return unittest.mock.patch.object(thing, attribute)

    def call() -> tuple[int, list[str]]:
        """Return how often the Mock has been called, and what has been written."""
        with contextlib.suppress(Exception):
            log.info("%d sold", 3)
        return len(mock.mock_calls), [ADDRESS.sub("", text) for text in take(handler)]

    with patch() as mock:
        expected = call()
    # From Python 3.13 on `handle` takes the lock itself.
    assert expected[0] > 0 or attribute in ("acquire", "release")
    install(log)
    assert become_fast(log)
    take(handler)
    for _ in range(2):
        with patch() as mock:
            reason = loggers.explain_logger(log)
            # A Mock that stands for the whole call leaves nothing to be slow.
            assert name.rpartition(".")[2] in reason or name == "the logger.info"
            assert call() == expected
        assert loggers.explain_logger(log) == "fast"
        assert become_fast(log)
        take(handler)
    with patch() as mock:
        uninstall(log)
        assert call() == expected
        install(log)
        mock.reset_mock()
        assert call() == expected
    assert become_fast(log)


@native
def test_kept_methods(log: logging.Logger, handler: syslogfast.SysLogHandler) -> None:
    """A method of a logger that somebody keeps works before install(), after it and uninstall()."""
    for change in (install, uninstall, install, uninstall):
        kept = log.info, log.log, log.__setattr__, log.__delattr__
        change(log)
        info, any_level, set_attribute, delete_attribute = kept
        info("%d sold", 3, extra={"msgid": "SALE"})
        any_level(30, "%s", "sold out")
        expected = ["<14shop 42 SALE - 3 sold", "<12shop 42 - - sold out"]
        assert take(handler) == expected
        set_attribute("disabled", True)
        log.info("sold")
        delete_attribute("disabled")
        log.disabled = False
        assert take(handler) == []
        with pytest.raises(TypeError):
            info()
        with pytest.raises(TypeError):
            set_attribute("level")
    for wrong in ("no logger", 5):
        for method in (syslogfast.Logger.info, syslogfast.Logger.__setattr__):
            with pytest.raises(TypeError):
                method(wrong, "x", "y")  # type: ignore[operator]


# --- unittest ------------------------------------------------------------------------------------


@native
@pytest.mark.parametrize("order", ["installed first", "watched first", "uninstalled within"])
def test_assert_logs(log: logging.Logger, handler: syslogfast.SysLogHandler, order: str) -> None:
    """assertLogs gets all records, and our handler none while that has its place."""
    case = unittest.TestCase()

    def call() -> None:
        log.debug("%d sold", 3)
        log.warning("café", extra={"color": "red"})
        log.getChild("child").error("%s", "x")

    def watch(between: Callable[[logging.Logger], None]) -> list[Any]:
        with case.assertLogs(log, logging.DEBUG) as watched:
            call()
            between(log)
            reasons.append(loggers.explain_logger(log))
            call()
        with contextlib.suppress(AssertionError), case.assertNoLogs(log):
            call()
        with (
            pytest.raises(AssertionError, match=r"WARNING:shop\.cart:café"),
            case.assertNoLogs(log),
        ):
            call()
        return [watched.output, *map(describe, watched.records), take(handler)]

    reasons: list[str] = []
    expected = watch(lambda log: None)
    assert len(expected) == 1 + 6 + 1
    assert expected[0][:2] == ["DEBUG:shop.cart:3 sold", "WARNING:shop.cart:café"]
    if order != "watched first":
        install(log)
        assert become_fast(log)
        take(handler)
    between = {"watched first": install, "uninstalled within": uninstall}
    assert watch(between.get(order, lambda log: None)) == expected
    if order == "uninstalled within":
        install(log)
    else:
        assert reasons[-1] == "a handler is a unittest._log._CapturingHandler"
    assert loggers.explain_logger(log) == "fast"
    assert become_fast(log)


# --- pytest --------------------------------------------------------------------------------------

WITH_CAPLOG = """
import logging, __main__
from syslogfast import loggers

log = logging.getLogger("shop.cart")

def note(caplog):
    __main__.seen.append([__main__.describe(record) for record in caplog.records])
    __main__.seen.append(caplog.text)
    __main__.reasons.append(loggers.explain("shop.cart"))

def test_levels(caplog):
    caplog.set_level(logging.DEBUG, "shop")
    log.debug("%d seen", 1, extra={"color": "red"})
    with caplog.at_level(logging.ERROR, "shop.cart"):
        log.warning("too low")
        log.error("seen")
    caplog.set_level(logging.ERROR)
    logging.warning("too low")
    note(caplog)

def test_filtering_and_clearing(caplog):
    log.warning("cleared")
    caplog.clear()
    with caplog.filtering(lambda record: "not" not in record.getMessage()):
        log.warning("not seen")
        log.warning("seen")
    logging.disable()
    with caplog.at_level(logging.INFO):
        log.info("seen as well")
    logging.disable(logging.NOTSET)
    note(caplog)

def test_another_order(caplog):
    is_installed = "install()" not in loggers.explain()
    (loggers.uninstall if is_installed else loggers.install)()
    log.warning("seen either way")
    (loggers.install if is_installed else loggers.uninstall)()
    log.warning("seen again")
    note(caplog)

def test_wrong_arguments(caplog):
    try:
        log.warning("%d sold", "many")
    except TypeError:
        log.warning("pytest raises it")
    note(caplog)
"""

RUN_PYTEST = """
import json, logging, os, sys
os.environ.pop("PYTEST_ADDOPTS", None)  # which are for the tests around this
import pytest, syslogfast
sys.path.append(sys.argv[2])
from support.watched_calls import count_fast_calls, describe, make_handler, take
from syslogfast import loggers

handler = make_handler()
logging.getLogger("shop").addHandler(handler)
logging.getLogger("shop").setLevel(logging.INFO)
logging.getLogger("shop.early")
logging.root.setLevel(logging.INFO)
found = []
for is_installed in (False, True):
    if is_installed:
        loggers.install()
        count_fast_calls()
        take(handler)
    seen, reasons = [], []
    status = pytest.main(["-q", "-p", "no:cacheprovider", sys.argv[1]])
    found.append([status, seen, take(handler), sorted(set(reasons)), count_fast_calls()])
    take(handler)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_caplog(tmp_path: pathlib.Path, run_python: Any) -> None:
    """The fixture of pytest, in a run of it with its own handlers, gets each record."""
    (tmp_path / "pytest.ini").touch()
    file = tmp_path / "test_with_caplog.py"
    file.write_text(WITH_CAPLOG, encoding="utf-8")
    tests = pathlib.Path(__file__).parents[1]
    result = run_python(RUN_PYTEST, str(file), str(tests))
    assert result.returncode == 0, result.stderr
    without, installed = json.loads(result.stdout.splitlines()[-1])
    status, seen, written, reasons, count = without
    assert (status, len(seen), len(written), count) == (0, 8, 10, 0), result.stdout
    assert "seen as well" in seen[3]
    assert reasons == ["install() has not been called"]
    assert installed[:3] == without[:3]
    assert all(reason.startswith("a handler is a _pytest.logging.") for reason in installed[3])
    assert installed[4] > 0


# --- other loggers -------------------------------------------------------------------------------

STRUCTLOG = """
import json, logging, re, sys
import structlog, syslogfast
sys.path.append(sys.argv[1])
from support.watched_calls import count_fast_calls, make_handler, take
from syslogfast import loggers

handler = make_handler()
logging.root.addHandler(handler)
logging.root.setLevel(logging.INFO)
logging.getLogger("shop.early")
stdlib = structlog.stdlib
RENDERER = structlog.processors.KeyValueRenderer()

def configure():
    structlog.configure(
        processors=[stdlib.filter_by_level, structlog.processors.format_exc_info, RENDERER],
        wrapper_class=stdlib.BoundLogger, logger_factory=stdlib.LoggerFactory(),
    )

def write(name):
    log = structlog.get_logger(name).bind(color="red")
    log.debug("too low")
    log.info("sold", count=3)
    log.warning("café")
    try:
        raise OSError("refused")
    except OSError:
        log.exception("failed")
    return [re.sub("0x[0-9a-f]+", "", text) for text in take(handler)]

def note(name):
    found = []
    for formatter in (
        None, logging.Formatter("%(funcName)s %(message)s"),
        stdlib.ProcessorFormatter(processors=[stdlib.ProcessorFormatter.remove_processors_meta,
            RENDERER]),
    ):
        handler.setFormatter(formatter)
        found.append(write(name))
    reason = loggers.explain(name)
    handler.setFormatter(None)
    return [found, reason, loggers.explain(name)]

configure()
found = {"early": [note("shop.early")], "late": [note("shop.late.0")]}
loggers.install()
found["late"].append(note("shop.late.1"))
found["early"].append(note("shop.early"))
logging.setLoggerClass(logging.Logger)
loggers.uninstall()
loggers.install()
configure()
found["late"].append(note("shop.late.2"))
found["early"].append(note("shop.early"))
logging.setLoggerClass(syslogfast.Logger)
found["early"].append(note("shop.later"))
found["count"] = count_fast_calls()
print(json.dumps(found))
"""


@pytest.mark.slow
def test_structlog(run_python: Any) -> None:
    """Its own class of loggers is left alone; others that it writes to are as fast as ever."""
    pytest.importorskip("structlog", reason="structlog is not installed")
    result = run_python(STRUCTLOG, str(pathlib.Path(__file__).parents[1]))
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    for kind, caller in (("early", "_proxy_to_logger"), ("late", "write")):
        written = found[kind][0][0]
        assert [len(texts) for texts in written] == [3, 3, 3]
        assert written[0][1].endswith("42 - - color='red' event='café'")
        assert written[1][1].endswith(f"42 - - {caller} color='red' event='café'")
        assert [step[0] for step in found[kind][1:]] == [written] * (len(found[kind]) - 1)
    for _, formatted, plain in found["early"][1:]:
        assert formatted == "a formatter is a structlog.stdlib.ProcessorFormatter"
        assert plain == "fast"
    for number, (_, _, reason) in enumerate(found["late"][1:], 1):
        assert reason == f"logger shop.late.{number} is a structlog.stdlib._FixedFindCallerLogger"
    assert found["count"] > 0


# As in loguru's documentation.
LOGURU = """
import inspect, logging
from loguru import logger

class InterceptHandler(logging.Handler):
    def emit(self, record):
        try:
            level = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        frame, depth = inspect.currentframe(), 0
        while frame:
            filename = frame.f_code.co_filename
            is_logging = filename == logging.__file__
            is_frozen = "importlib" in filename and "_bootstrap" in filename
            if depth > 0 and not (is_logging or is_frozen):
                break
            frame = frame.f_back
            depth += 1
        logger.opt(depth=depth, exception=record.exc_info).log(level, record.getMessage())

def note(message):
    record = message.record
    seen.append([
        record["message"], record["level"].name, record["function"], record["line"],
        record["file"].name, str(record["exception"] and record["exception"].value),
    ])

logger.remove()
logger.add(note, level=0)
handler = InterceptHandler()

def enter():
    logging.root.addHandler(handler)

def leave():
    logging.root.removeHandler(handler)
"""


@pytest.mark.slow
def test_loguru() -> None:
    """Its interception gets each record, and where the call was made."""
    pytest.importorskip("loguru", reason="loguru is not installed")
    steps = run_watched(LOGURU)
    check_watched(steps, "a handler is a package.InterceptHandler", ["café", "refused"])
    places = [found[2:5] for step in steps for found in step["seen"]]
    first = make_calls.__code__.co_firstlineno
    assert {(function, file) for function, _, file in places} == {
        ("make_calls", "watched_calls.py")
    }
    assert min(line for _, line, _ in places) > first
