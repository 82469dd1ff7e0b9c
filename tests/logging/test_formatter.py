"""syslogfast.Formatter: a real logging.Formatter, for every handler, with both encoders."""

import copy
import importlib.util
import io
import logging
import logging.config
import logging.handlers
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import ModuleType

import pytest
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.malicious_input import TEXTS

import syslogfast

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
CREATED = 1_065_910_455.003
HEADER = "1 2003-10-11T22:14:15.003000Z web1 shop 42 - - "
NAMES = ["a b", "a\n<13>1 x", "", "n" * 500, "\u00e9\ud800", "\x1b[2J\0", "%s{}$x"]


@pytest.fixture
def handlers(encoder_module, monkeypatch) -> ModuleType:
    """syslogfast.formatter as it is when that encoder is the one in use."""
    monkeypatch.setitem(sys.modules, "syslogfast._backend", encoder_module)
    found = importlib.util.find_spec("syslogfast.formatter")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert module.Formatter.__mro__[1] is encoder_module.RecordFormatter
    return module


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that nobody else knows; its handlers are closed afterwards."""
    logger = logging.Logger("till")
    yield logger
    for handler in logger.handlers:
        handler.close()


def make_record(msg: object = "sold", args: object = (), **fields: object) -> logging.LogRecord:
    """Return a record of INFO with its time known."""
    own = {"levelno": 20, "created": CREATED, "msecs": 3.0, "name": "till", **fields}
    return logging.makeLogRecord({"msg": msg, "args": args, **own})


def read_message(text: str) -> "str | None":
    """Return the message of a record without PRI, when all the rest is as it must be."""
    assert type(text) is str
    parsed = parse_rfc5424(b"<14>" + text.encode())
    assert text.startswith(HEADER.rstrip(" ") if parsed.message is None else HEADER)
    return parsed.message


# --- what it is ----------------------------------------------------------------------------------


def test_is_a_formatter(handlers) -> None:
    """It is a logging.Formatter, and what is public of that is there."""
    formatter = handlers.Formatter(**IDENTITY)
    assert isinstance(formatter, logging.Formatter)
    assert formatter.format(make_record()) == f"{HEADER}sold"
    assert formatter.format(record=make_record()) == f"{HEADER}sold"
    assert formatter.usesTime() is False
    assert formatter.formatStack("stack") == "stack"
    assert formatter.formatException((None, None, None)) == "NoneType: None"
    assert formatter.formatTime(make_record(), "%Y") == "2003"
    assert logging.BufferingFormatter(formatter).format([make_record()] * 2) == f"{HEADER}sold" * 2


def test_default_identity(handlers, encoder_module) -> None:
    """Without options it speaks for this host, program and process, as an Encoder does."""
    data = encoder_module.Encoder().encode_record(make_record())
    assert handlers.Formatter(pri=True).format(make_record()).encode() == data
    other = handlers.Formatter().format(make_record(process=7))
    assert parse_rfc5424(b"<14>" + other.encode()).procid == "7"


def test_is_loaded_lazily(backend, run_python) -> None:
    """`import syslogfast` does not import logging; the first look at Formatter does."""
    code = (
        "import sys, syslogfast; assert 'logging' not in sys.modules;"
        "assert 'Formatter' in dir(syslogfast) and 'logging' not in sys.modules;"
        "from syslogfast import Formatter; import logging;"
        "assert syslogfast.Formatter is Formatter and issubclass(Formatter, logging.Formatter);"
        "print(syslogfast.BACKEND, Formatter.__mro__[1].__module__)"
    )
    done = run_python(code, backend=backend)
    module = {"c": "syslogfast._encoder_c", "python": "syslogfast._encoder_py"}[backend]
    assert (done.stdout, done.stderr) == (f"{backend} {module}\n", "")


def test_public_name() -> None:
    """It is reached from the package, and only names that exist are."""
    assert syslogfast.Formatter.__module__ == "syslogfast.formatter"
    assert syslogfast.Formatter.__name__ == "Formatter"
    with pytest.raises(AttributeError):
        syslogfast.Formatters  # noqa: B018


@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164", "local"])
@pytest.mark.parametrize("pri", [True, False, 1, 0, None])
def test_pri(handlers, encoder_module, protocol, pri) -> None:
    """PRI is there if it was asked for, and nothing else is different."""
    options = {**IDENTITY, "protocol": protocol, "facility": "local7"}
    formatter = handlers.Formatter(pri=pri, **options)
    for msg in ("sold", "a message of some length", "a > b \u00e9", ">"):
        for level in (10, 40, 70):
            record = make_record(msg, levelno=level)
            data = encoder_module.Encoder(**options).encode_record(record)
            expected = data if pri else data.partition(b">")[2]
            assert formatter.format(record).encode() == expected


def test_framing(handlers) -> None:
    """With PRI, prefix and framing go around the record."""
    record = make_record("sold\n\0\u00e9")
    for framing in ("octet", "lf", "nul"):
        formatter = handlers.Formatter(pri=True, framing=framing, prefix=b"token ", **IDENTITY)
        stream = (formatter.format(record) * 3).encode()
        frames = split_frames(stream, framing)
        assert len(frames) == 3
        for frame in frames:
            parsed = parse_rfc5424(frame.removeprefix(b"token "))
            assert parsed.message == "sold#012#000\u00e9"


@pytest.mark.parametrize("framing", ["octet", None])
def test_prefix_that_is_no_text(handlers, framing) -> None:
    """Octets that a str cannot hold are refused, or the octet count is still that of the frame."""
    try:
        formatter = handlers.Formatter(pri=True, prefix=b"\xff ", framing=framing, **IDENTITY)
        data = formatter.format(make_record()).encode()
    except ValueError:
        return
    if framing:
        length, _, rest = data.partition(b" ")
        assert int(length) == len(rest)


class FalseBytes(bytes):
    __slots__ = ()

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"prefix": b"token "}, ValueError),
        ({"prefix": b"token ", "pri": False}, ValueError),
        ({"framing": "octet"}, ValueError),
        ({"framing": "lf"}, ValueError),
        ({"framing": "nul", "pri": 0}, ValueError),
        ({"framing": "tab", "pri": True}, ValueError),
        ({"framing": "", "pri": True}, ValueError),
        ({"prefix": FalseBytes(b"token " * 20)}, ValueError),
        ({"prefix": "token ", "pri": True}, TypeError),
        ({"colour": 1}, TypeError),
        ({"format": "x"}, TypeError),
        ({"style": "x"}, ValueError),
        ({"fmt": "%(message"}, ValueError),
        ({"fmt": "no field"}, ValueError),
        ({"fmt": "{message", "style": "{"}, ValueError),
        ({"fmt": "%(message)s", "style": "$"}, ValueError),
        ({"facility": 24}, ValueError),
        ({"max_size": 5}, ValueError),
        ({"attributes": 5}, TypeError),
        ({"hostname": 5}, TypeError),
        ({"encoder": 5}, TypeError),
        ({"is_plain": True}, TypeError),
    ],
)
def test_wrong_options(handlers, options, error) -> None:
    """Options of either base are refused as that base refuses them; prefix and framing need PRI."""
    with pytest.raises(error):
        handlers.Formatter(**{**IDENTITY, **options})


def test_wrong_calls(handlers) -> None:
    """Options are named; only those of logging.Formatter may be told by position."""
    assert handlers.Formatter("%(message)s", None, "%", True)
    with pytest.raises(TypeError):
        handlers.Formatter("%(message)s", None, "%", True, None)
    with pytest.raises(TypeError):
        handlers.Formatter().format()
    # What is no record is one that has lost all its attributes: data never raises.
    assert handlers.Formatter(**IDENTITY).format(None).endswith(" - - None")


MAKES = {
    "made by __new__": "Formatter.__new__(Formatter)",
    "base made by __new__": "RecordFormatter.__new__(RecordFormatter)",
    "__init__ forgotten": "type('F', (Formatter,), {'__init__': lambda self: None})()",
    "__init__ of logging": "type('F', (Formatter,), {'__init__': logging.Formatter.__init__})()",
    "base alone": "RecordFormatter(syslogfast.Encoder(), False, False)",
    "no encoder": "RecordFormatter(None, False, True)",
}


@pytest.mark.parametrize("way", MAKES)
def test_unready(backend, run_python, way) -> None:
    """What was not initialised raises an Exception: the interpreter goes on."""
    code = f"""
import logging
import syslogfast
from syslogfast import Formatter
from syslogfast._backend import RecordFormatter
try:
    {MAKES[way]}.format(logging.makeLogRecord({{"msg": "a message of some length"}}))
except Exception as error:
    print(type(error).__name__)
"""
    done = run_python(code, backend=backend)
    assert done.returncode == 0, done.stderr
    assert done.stdout in ("AttributeError\n", "NotImplementedError\n", "TypeError\n")


UNFRAMED = """
import logging
import syslogfast
from syslogfast._backend import RecordFormatter
for options in ({"prefix": b"token " * 20}, {"framing": "octet"}, {"framing": "lf"}):
    encoder = syslogfast.Encoder(hostname="web1", app_name="shop", procid=42, **options)
    for msg in ("sold", "a message of some length"):
        record = logging.makeLogRecord({"msg": msg, "created": 0.0})
        print(ascii(RecordFormatter(encoder, False, True).format(record)))
"""


def test_no_memory_is_shown(run_python, both_modules) -> None:
    """Whatever the encoder of a RecordFormatter has, both show the same text, and no more."""
    compiled, python = (run_python(UNFRAMED, backend=name).stdout for name in ("c", "python"))
    assert compiled.splitlines() == python.splitlines()
    assert len(python.splitlines()) == 6


def test_changed_while_in_use(handlers) -> None:
    """A value that initialises the formatter anew changes the next record, not this one."""

    class Changes:
        def __str__(self) -> str:
            formatter.__init__(**{**IDENTITY, "hostname": "web2"})
            return "value"

    formatter = handlers.Formatter(**IDENTITY)
    record = make_record("a message of some length", structured_data={"a": {"b": Changes()}})
    assert formatter.format(record) == (f'{HEADER[:-2]}[a b="value"] a message of some length')
    assert " web2 shop " in formatter.format(make_record())


# --- as logging.Formatter does it ----------------------------------------------------------------

FORMATS = [
    {},
    {"fmt": "%(message)s"},
    {"fmt": "%(name)s: %(message)s"},
    {"fmt": "%(levelname)-8s %(lineno)03d [%(threadName)s] %(message)s"},
    {"fmt": "{name}: {message}", "style": "{"},
    {"fmt": "{message}", "style": "{"},
    {"fmt": "{levelno:>5} {message!r:.10}", "style": "{"},
    {"fmt": "${name}: $message $$", "style": "$"},
    {"fmt": "$message", "style": "$"},
    {"style": "{"},
    {"style": "$"},
    {"fmt": "%(asctime)s %(message)s"},
    {"fmt": "%(asctime)s %(message)s", "datefmt": "%Y-%j"},
    {"datefmt": "%Y"},
    {"fmt": "no field", "validate": False},
    {"fmt": "%(user)s %(message)s", "defaults": {"user": "nobody"}},
    {"fmt": "{user} {message}", "style": "{", "defaults": {"user": "nobody\n"}},
    {"fmt": "a\nb %(message)s \u00e9"},
]


@pytest.mark.parametrize("options", FORMATS, ids=range(len(FORMATS)))
def test_formats(handlers, options) -> None:
    """fmt, datefmt, style, validate and defaults do what they do in logging.Formatter."""
    formatter = handlers.Formatter(**options, **IDENTITY)
    standard = logging.Formatter(**options)
    for fields in (
        {"msg": "%d sold", "args": (3,)},
        {"msg": "a message of some length"},
        {"msg": "\u00e9"},
        {"msg": "sold", "exc_info": (ValueError, ValueError("bad"), None)},
        {"msg": "sold", "stack_info": "stack\n"},
        {"msg": "sold", "user": "eve"},
    ):
        expected = standard.format(make_record(**fields)).rstrip("\n").replace("\n", "#012")
        assert read_message(formatter.format(make_record(**fields))) == expected
        with_pri = handlers.Formatter(**options, pri=True, **IDENTITY)
        assert with_pri.format(make_record(**fields)) == f"<14>{HEADER}{expected}"


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_logger_names(handlers, name) -> None:
    """Any name of a logger can be in the text."""
    formatter = handlers.Formatter("%(name)s: %(message)s", **IDENTITY)
    message = read_message(formatter.format(make_record(name=name)))
    expected = name.replace("\n", "#012").replace("\x1b", "#033").replace("\0", "#000")
    assert message == expected.replace("\ud800", "\ufffd") + ": sold"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"msg": "%d", "args": ("x",)}, "%d <TypeError: ('x',)>"),
        ({"msg": "sold", "args": (1,)}, "sold <TypeError: (1,)>"),
        ({"msg": "%", "args": (1,)}, "% <ValueError: (1,)>"),
        ({"msg": 10**5000}, "<unprintable int: ValueError>"),
        ({"msg": b"\xff", "exc_text": 5}, "\ufffd#0125"),
        ({"exc_info": 5}, "sold#012<unprintable int: TypeError>"),
        ({"exc_info": True, "stack_info": "s"}, "sold#012<unprintable bool: TypeError>#012s"),
        ({"name": None}, "None: sold"),
    ],
    ids=range(8),
)
@pytest.mark.parametrize("style", ["%", "{", "$"])
def test_misuse(handlers, fields, expected, style) -> None:
    """What logging.Formatter raises on is still one record, with the record's own text."""
    fmt = {"%": "%(name)s: %(message)s", "{": "{name}: {message}", "$": "$name: $message"}[style]
    formatter = handlers.Formatter(fmt, None, style, **IDENTITY)
    assert read_message(formatter.format(make_record(**fields))) == expected


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("fmt", [None, "%(name)s: %(message)s"])
def test_misuse_is_told(handlers, fmt, raises, monkeypatch, capsys) -> None:
    """Standard error has once what `logging` writes there, if it is to write that."""
    monkeypatch.setattr(logging, "raiseExceptions", raises)
    formatter = handlers.Formatter(fmt, **IDENTITY)
    assert read_message(formatter.format(make_record("%d", ("x",)))) == "%d <TypeError: ('x',)>"
    told = capsys.readouterr().err
    assert told.count("--- Logging error ---") == raises
    assert told.count("Message: '%d'\nArguments: ('x',)\n") == raises
    assert raises or not told


class Noting(logging.Formatter):
    """Takes the time of records that do not show it."""

    def usesTime(self) -> bool:  # noqa: N802
        return True


@pytest.mark.parametrize("where", ["class", "instance", "style"])
def test_parts_that_leave_attributes(handlers, where) -> None:
    """`usesTime`, and a style that is set later, have the effect that they have in `logging`."""
    kind = handlers.Formatter
    if where == "class":
        kind = type("Own", (kind,), {"usesTime": Noting.usesTime})
    formatter = kind(**IDENTITY)
    if where == "instance":
        formatter.usesTime = lambda: True
    if where == "style":
        formatter._style = logging.StrFormatStyle("{asctime} {message}")
    record = make_record("%d sold", (3,))
    text = read_message(formatter.format(record))
    assert record.asctime == logging.Formatter().formatTime(record)
    assert text == (f"{record.asctime} 3 sold" if where == "style" else "3 sold")
    assert record.message == "3 sold"


def test_missing_fields(handlers) -> None:
    """A format that wants what a record lacks leaves the record's own text."""
    formatter = handlers.Formatter("%(user)s %(message)s", **IDENTITY)
    assert read_message(formatter.format(make_record("%d sold", (3,)))) == "3 sold"
    formatter = handlers.Formatter("%(name)d %(message)s", **IDENTITY)
    assert read_message(formatter.format(make_record("\n."))) == "#012."


@pytest.mark.parametrize("created", [float("nan"), float("inf"), 1e300, "x"])
def test_times_that_asctime_refuses(handlers, created) -> None:
    """An impossible time raises in formatTime: the record is written all the same."""
    formatter = handlers.Formatter("%(asctime)s %(message)s", **IDENTITY)
    text = formatter.format(make_record(created=created))
    assert parse_rfc5424(b"<14>" + text.encode()).message == "sold"
    assert text.startswith("1 - web1 ")


@pytest.mark.slow
def test_every_malicious_text(handlers) -> None:
    """Every text goes through fmt=None and through a format, as one record."""
    plain = handlers.Formatter(**IDENTITY)
    formatted = handlers.Formatter("%(message)s.", max_size=400_000, **IDENTITY)
    long = handlers.Formatter(max_size=400_000, **IDENTITY)
    for text in TEXTS:
        assert len(plain.format(make_record(text)).encode()) <= 8192
        read_message(plain.format(make_record("%s", (text,))))
        whole = read_message(long.format(make_record(f"{text}.")))
        assert read_message(formatted.format(make_record("%s", (text,)))) == whole


# --- subclasses ----------------------------------------------------------------------------------


def test_subclasses(handlers) -> None:
    """What a subclass overrides is honoured, as by logging.Formatter."""

    class Exceptions(handlers.Formatter):
        def formatException(self, ei) -> str:  # noqa: N802
            return f"error\n{ei[1]}"

    class Stacks(handlers.Formatter):
        def formatStack(self, stack_info: str) -> str:  # noqa: N802
            return stack_info.upper()

    class Messages(handlers.Formatter):
        def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
            return f"{record.name}|{record.message}\n"

    class Times(handlers.Formatter):
        def formatTime(self, record, datefmt=None) -> str:  # noqa: N802
            return f"at {record.created}"

    class Whole(handlers.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return "[" + super().format(record) + "]"

    fields = {"exc_info": (ValueError, ValueError("bad"), None), "stack_info": "stack"}
    expected = {
        Exceptions: "sold#012error#012bad#012stack",
        Stacks: "sold#012ValueError: bad#012STACK",
        Messages: "till|sold#012ValueError: bad#012stack",
        Times: "sold#012ValueError: bad#012stack",
    }
    for kind, message in expected.items():
        assert read_message(kind(**IDENTITY).format(make_record(**fields))) == message
    formatter = Times("%(asctime)s %(message)s", **IDENTITY)
    assert read_message(formatter.format(make_record())) == f"at {CREATED} sold"
    assert Whole(**IDENTITY).format(make_record()) == f"[{HEADER}sold]"


def test_mixins(handlers) -> None:
    """What stands before it in the order of bases is honoured, too."""

    class Mixin:
        def formatException(self, ei) -> str:  # noqa: N802
            return "mixed in"

    formatter = type("Mixed", (Mixin, handlers.Formatter), {})(**IDENTITY)
    record = make_record(exc_info=(ValueError, ValueError("bad"), None))
    assert read_message(formatter.format(record)) == "sold#012mixed in"


@pytest.mark.parametrize("name", ["formatException", "formatStack", "formatMessage"])
def test_methods_of_the_instance(handlers, name) -> None:
    """A method that was replaced on the formatter itself is used: logging.Formatter does so."""
    fields = {"exc_info": (ValueError, ValueError("bad"), None), "stack_info": "stack"}
    formatter, standard = handlers.Formatter(**IDENTITY), logging.Formatter()
    setattr(formatter, name, lambda given: "replaced")
    setattr(standard, name, lambda given: "replaced")
    expected = standard.format(make_record(**fields)).replace("\n", "#012")
    assert read_message(formatter.format(make_record(**fields))) == expected


def test_subclasses_that_fail(handlers) -> None:
    """A method that raises, or returns no text, costs its own text, not the record."""
    fields = {"exc_info": (ValueError, ValueError("bad"), None)}
    for name in ("formatMessage", "formatException"):
        for method in (lambda *_: 1 // 0, lambda *_: None, lambda *_: 5, lambda *_: b"octets"):
            formatter = type("Failing", (handlers.Formatter,), {name: method})(**IDENTITY)
            assert read_message(formatter.format(make_record(**fields))).startswith("sold")
    for result in (None, 5, ["a"]):
        kind = type("Failing", (handlers.Formatter,), {"formatMessage": lambda *_, r=result: r})
        assert read_message(kind(**IDENTITY).format(make_record())) == "sold"


def test_subclass_with_its_own_options(handlers) -> None:
    """A subclass may set options of its own, for example for dictConfig."""

    class Shop(handlers.Formatter):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, facility="local0", **{**IDENTITY, **options})

    text = Shop(pri=True, msgid="SALE").format(make_record())
    assert text == f"<134>{HEADER.replace('- - ', 'SALE - ')}sold"


# --- what a record keeps -------------------------------------------------------------------------


def test_exc_text(handlers) -> None:
    """The text of an exception is left in the record, as logging.Formatter leaves it."""
    for fmt in (None, "%(name)s: %(message)s"):
        record = make_record(exc_info=(ValueError, ValueError("bad"), None))
        handlers.Formatter(fmt, **IDENTITY).format(record)
        assert record.exc_text == "ValueError: bad"
        record.exc_text = "cached"
        text = handlers.Formatter(fmt, **IDENTITY).format(record)
        assert read_message(text).endswith("sold#012cached")


def test_message_of_the_record(handlers) -> None:
    """With a format, record.message is set as logging.Formatter sets it."""
    record = make_record("%d sold", (3,))
    handlers.Formatter("%(name)s: %(message)s", **IDENTITY).format(record)
    assert record.message == "3 sold"


def test_record_is_left_alone(handlers) -> None:
    """A plain record is only read."""
    record = make_record("%d sold", (3,), structured_data={"a b": {"c": 1}}, msgid="x y")
    before = copy.deepcopy(record.__dict__)
    handlers.Formatter(**IDENTITY, attributes={"a": {"b": "name"}}).format(record)
    after = {name: value for name, value in record.__dict__.items() if name != "message"}
    assert after == before


# --- handlers ------------------------------------------------------------------------------------


def test_stream_handler(handlers, logger) -> None:
    """One line each, whatever was logged."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(handlers.Formatter(pri=True, **IDENTITY))
    logger.addHandler(handler)
    logger.info("%d sold", 3)
    logger.error("a\n<13>1 x\r\x0b\x0c\x85\u2028")
    logger.warning("%d", "x")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("failed", stack_info=True)
    logger.critical(b"\xff", extra={"structured_data": {"a b": 5}, "msgid": "a b"})
    lines = stream.getvalue().splitlines()  # which splits at every kind of line's end
    assert len(lines) == 5
    parsed = [parse_rfc5424(line.encode()) for line in lines]
    assert [one.priority for one in parsed] == [14, 11, 12, 11, 10]
    assert parsed[2].message == "%d <TypeError: ('x',)>"
    assert parsed[4].msgid == "a_b"
    assert parsed[4].structured_data == [("a_b", [("value", "5")])]


def test_file_handler(handlers, logger, tmp_path) -> None:
    """Text that is not ASCII is UTF-8 in a file."""
    path = tmp_path / "shop.log"
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(handlers.Formatter(pri=True, **IDENTITY))
    logger.addHandler(handler)
    logger.info("\u00e9 \U0001f600 \ud800 \u65e5")
    logger.info("\udcff")
    handler.close()
    first, second = split_frames(path.read_bytes(), "lf")
    assert parse_rfc5424(first).message == "\u00e9 \U0001f600 \ufffd \u65e5"
    assert parse_rfc5424(second).message == "\ufffd"


def test_memory_handler(handlers, logger) -> None:
    """Records that wait are formatted later, with their own time and process."""
    stream = io.StringIO()
    target = logging.StreamHandler(stream)
    target.setFormatter(handlers.Formatter(pri=True, hostname="web1", app_name="shop"))
    memory = logging.handlers.MemoryHandler(10, flushLevel=logging.ERROR, target=target)
    logger.addHandler(memory)
    for number in range(3):
        logger.handle(make_record("%d", (number,), process=number))
    assert stream.getvalue() == ""
    logger.error("now")
    parsed = [parse_rfc5424(line.encode()) for line in stream.getvalue().splitlines()]
    assert [one.message for one in parsed] == ["0", "1", "2", "now"]
    assert [one.procid for one in parsed[:3]] == ["0", "1", "2"]
    assert {one.timestamp for one in parsed[:3]} == {"2003-10-11T22:14:15.003000Z"}


def test_queue_handler(handlers, logger) -> None:
    """Behind a queue the record is whole: message, exception, MSGID, structured data."""
    stream = io.StringIO()
    target = logging.StreamHandler(stream)
    target.setFormatter(
        handlers.Formatter(pri=True, attributes={"code@1": {"logger": "name"}}, **IDENTITY)
    )
    records: queue.Queue[object] = queue.Queue()
    logger.addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, target)
    listener.start()
    logger.info("%d sold", 3, extra={"msgid": "SALE", "structured_data": {"a": {"b": 1}}})
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("failed")
    listener.stop()
    first, second = (parse_rfc5424(line.encode()) for line in stream.getvalue().splitlines())
    assert (first.msgid, first.message) == ("SALE", "3 sold")
    assert first.structured_data == [("code@1", [("logger", "till")]), ("a", [("b", "1")])]
    assert second.message.startswith("failed#012Traceback (most recent call last):#012")
    assert second.message.count("ValueError: bad") == 1


@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
def test_syslog_handler(handlers, logger, protocol) -> None:
    """The standard SysLogHandler writes PRI: over UDP, a datagram has exactly one."""
    facility = logging.handlers.SysLogHandler.LOG_LOCAL0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        handler = logging.handlers.SysLogHandler(receiver.getsockname(), facility)
        handler.setFormatter(handlers.Formatter(protocol=protocol, **IDENTITY))
        logger.addHandler(handler)
        for append_nul in (True, False):
            handler.append_nul = append_nul
            logger.warning("%d sold\n<13>1 \u00e9", 3)
            data = receiver.recv(10_000)
            assert data.endswith(b"\0") is append_nul
            parse = parse_rfc5424 if protocol == "rfc5424" else parse_rfc3164
            parsed = parse(data.removesuffix(b"\0"))
            assert parsed.priority == 16 * 8 + 4
            assert parsed.message == "3 sold#012<13>1 \u00e9"


def test_recursion(handlers, logger) -> None:
    """An object that logs while it is printed gives its record first, under the same lock."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(handlers.Formatter("%(name)s: %(message)s", pri=True, **IDENTITY))
    logger.addHandler(handler)

    class Logs:
        def __str__(self) -> str:
            logger.info("inner")
            return "outer"

    logger.info("%s", Logs())
    messages = [parse_rfc5424(line.encode()).message for line in stream.getvalue().splitlines()]
    assert messages == ["till: inner", "till: outer"]


def test_threads(handlers) -> None:
    """One formatter serves any number of threads."""
    formatter = handlers.Formatter(**IDENTITY)
    formatted = handlers.Formatter("%(name)s: %(message)s", **IDENTITY)
    wrong: list[str] = []

    def work(number: int) -> None:
        for count in range(200):
            record = make_record("%d of %d, and more", (count, number))
            if formatter.format(record) != f"{HEADER}{count} of {number}, and more":
                wrong.append(formatter.format(record))
            if formatted.format(record) != f"{HEADER}till: {count} of {number}, and more":
                wrong.append(formatted.format(record))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- configuration, copies -----------------------------------------------------------------------

CONFIGURE = """
import logging
import logging.config
import sys

options = {"hostname": "web1", "app_name": "shop", "procid": 42, "facility": "local0",
           "attributes": {"code@32473": {"logger": "name"}}, "pri": True,
           "structured_data": {"origin": [["ip", "::1"]]}}
logging.config.dictConfig({
    "version": 1,
    "formatters": {"syslog": {"()": "syslogfast.Formatter", **options, **eval(sys.argv[1])}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "syslog",
                         "stream": "ext://sys.stdout"}},
    "root": {"level": "INFO", "handlers": ["out"]},
})
logging.getLogger("till").info("%d sold", 3)
logging.getLogger("till").error("a\\n%s", "b", extra={"structured_data": {"a": {"b": 1}}})
"""


REPLACED = """
import logging, logging.handlers, syslogfast
logging.Formatter = syslogfast.Formatter
logging.handlers.SysLogHandler = syslogfast.SysLogHandler
try:
    1 / 0
except ZeroDivisionError as error:
    record = logging.LogRecord("name", 20, "path", 7, "text", (), (type(error), error, None))
record.created = 1.0
for fmt in None, "%(name)s %(message)s":
    formatter = logging.Formatter(fmt, hostname="h", app_name="a", procid=1)
    print(formatter.format(record))
print(formatter.formatException(record.exc_info), formatter.usesTime())
for options in {}, {"protocol": "rfc5424"}:
    handler = logging.handlers.SysLogHandler(("127.0.0.1", 9), **options)
    print(handler.format(record).splitlines())
    handler.emit(record)
    handler.close()
"""


def test_the_base_is_bound_once(backend, run_python) -> None:
    """A program may put our classes in the place of logging's."""
    result = run_python(REPLACED, backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    assert result.stdout.splitlines() == [
        "1 1970-01-01T00:00:01.000000Z h a 1 - - text#012ZeroDivisionError: division by zero",
        "1 1970-01-01T00:00:01.000000Z h a 1 - - name text#012ZeroDivisionError: division by zero",
        "ZeroDivisionError: division by zero False",
        "['text', 'ZeroDivisionError: division by zero']",
        "['text', 'ZeroDivisionError: division by zero']",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "text"),
    [({}, "{}"), ({"fmt": "%(name)s: %(message)s"}, "till: {}"),
     ({"format": "{name}: {message}", "style": "{"}, "till: {}")],
    ids=["plain", "fmt", "format"],
)  # fmt: skip
def test_dict_config(backend, run_python, options, text) -> None:
    """dictConfig makes one, with `fmt` or `format`, in either backend."""
    done = run_python(CONFIGURE, repr(options), backend=backend)
    assert done.stderr == ""
    first, second = (parse_rfc5424(line.encode()) for line in done.stdout.splitlines())
    assert first[:1] + first[2:] == (
        *(134, "web1", "shop", "42", "-"),
        [("origin", [("ip", "::1")]), ("code@32473", [("logger", "till")])],
        text.format("3 sold"),
        False,
    )
    assert second.priority == 131
    assert second.message == text.format("a#012b")
    assert second.structured_data[-1] == ("a", [("b", "1")])


def test_dict_config_with_class(handlers) -> None:
    """`class` in dictConfig makes a Formatter that has only the options of logging's own."""
    configurator = logging.config.DictConfigurator({"version": 1})
    formatter = configurator.configure_formatter(
        {"class": "syslogfast.Formatter", "format": "{name}: {message}", "style": "{"}
    )
    assert type(formatter) is syslogfast.Formatter
    parsed = parse_rfc5424(b"<14>" + formatter.format(make_record()).encode())
    assert parsed.message == "till: sold"
    with pytest.raises(ValueError, match="formatter 'wrong'"):
        logging.config.dictConfig(
            {"version": 1, "incremental": False, "disable_existing_loggers": False,
             "formatters": {"wrong": {"()": "syslogfast.Formatter", "colour": 1}}}
        )  # fmt: skip


FILE = """
[loggers]
keys=root
[handlers]
keys=out
[formatters]
keys=syslog
[logger_root]
level=INFO
handlers=out
[handler_out]
class=StreamHandler
formatter=syslog
args=(sys.stdout,)
[formatter_syslog]
class=syslogfast.Formatter
format=%(name)s: %(message)s
"""


def test_file_config(backend, run_python, tmp_path) -> None:
    """fileConfig makes one by its name."""
    path = tmp_path / "logging.ini"
    path.write_text(FILE)
    code = (
        "import logging, logging.config, sys; logging.config.fileConfig(sys.argv[1]);"
        "logging.getLogger('till').warning('%d sold\\n', 3)"
    )
    done = run_python(code, str(path), backend=backend)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    parsed = parse_rfc5424(b"<12>" + line.encode())
    assert parsed.message == "till: 3 sold"


COPY = """
import copy
import logging
import pickle
import sys
import syslogfast

class Mine(syslogfast.Formatter):
    pass

record = logging.makeLogRecord({"msg": "a message of some length", "created": 0.0, "name": "till"})
for kind in (syslogfast.Formatter, Mine):
    for fmt in (None, "%(name)s: %(message)s"):
        formatter = kind(fmt, pri=True, hostname="web1", app_name="shop", msgid="SALE")
        formatter.own = ["own"]
        duplicate = {
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "pickle": lambda given: pickle.loads(pickle.dumps(given)),
            "pickle 2": lambda given: pickle.loads(pickle.dumps(given, 2)),
        }[sys.argv[1]](formatter)
        assert type(duplicate) is kind
        assert duplicate.own == ["own"]
        assert duplicate.format(record) == formatter.format(record)
print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["copy", "deepcopy", "pickle", "pickle 2"])
def test_copies(backend, run_python, way) -> None:
    """Copies and pickles work as those of logging.Formatter do."""
    done = run_python(COPY, way, backend=backend)
    assert (done.stdout, done.returncode) == ("equal\n", 0), done.stderr


@pytest.mark.slow
def test_local_time(handlers, set_zone) -> None:
    """The header's local time and asctime's agree, in any zone."""
    for zone in ("UTC", "America/St_Johns", "Asia/Kathmandu"):
        set_zone(zone)
        options = {"protocol": "rfc3164", **IDENTITY}
        formatter = handlers.Formatter("%(asctime)s", "%b %e %H:%M:%S", pri=True, **options)
        parsed = parse_rfc3164(formatter.format(make_record()).encode())
        assert (
            parsed.message
            == parsed.timestamp
            == time.strftime("%b %e %H:%M:%S", time.localtime(CREATED))
        )
