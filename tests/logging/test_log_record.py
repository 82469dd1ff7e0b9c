"""encode_record: whatever a LogRecord holds, one valid record comes out, and nothing raises."""

import copy
import enum
import itertools
import logging
import logging.handlers
import math
import os
import pickle
import queue
import sys
import types
from collections.abc import Callable, Sequence
from types import ModuleType
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import odd_records
from support.each import try_each
from support.grammar import CONTROLS, Rfc5424Record, parse_rfc3164, parse_rfc5424
from support.malicious_input import (
    BAD_STRUCTURED_DATA,
    HEADER_FIELDS,
    OCTETS,
    STRUCTURED_DATA,
    TEXTS,
    TIMES,
    BigInt,
    Octets,
    Text,
)
from support.odd_kinds import odd, pretenders

pytestmark = pytest.mark.native

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
CREATED, STAMP = 1_065_910_455.003, "2003-10-11T22:14:15.003000Z"
PROTOCOLS = ("rfc5424", "rfc3164", "local")
EXAMPLES = int(os.environ.get("SYSLOGFAST_EXAMPLES", "1000"))
few_examples = settings(
    max_examples=EXAMPLES // 8 + 1,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def make_record(msg: object = "sold", args: object = (), **fields: object) -> logging.LogRecord:
    """Return a record of INFO with its time known."""
    return logging.makeLogRecord(
        {"msg": msg, "args": args, "levelno": 20, "created": CREATED, "name": "till", **fields}
    )


def escape(text: str) -> str:
    """Return a text as a record has it."""
    text = text.rstrip("\r\n")
    text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return "".join(
        "".join(f"#{octet:03o}" for octet in char.encode()) if char in CONTROLS else char
        for char in text
    )


def encode(module: ModuleType, record: logging.LogRecord, **options: object) -> bytes:
    """Encode a record as bytes, then as text with and without PRI: all three have to agree."""
    encoder = module.Encoder(**{**IDENTITY, **options})
    data = encoder.encode_record(record)
    assert type(data) is bytes
    with_pri, without_pri = (
        module.RecordFormatter(encoder, pri, True).format(record) for pri in (True, False)
    )
    assert type(with_pri) is type(without_pri) is str
    assert with_pri.encode() == data
    assert without_pri.encode() == data.partition(b">")[2]
    return data


def read(
    module: ModuleType,
    record: logging.LogRecord,
    *,
    priority: int = 14,
    timestamp: str = STAMP,
    procid: str = "42",
    msgid: str = "-",
    structured_data: Sequence[tuple[str, list[tuple[str, str]]]] = (),
    **options: object,
) -> "str | None":
    """Encode a record, compare all of it but the message, and return that."""
    parsed = parse_rfc5424(encode(module, record, **options))
    assert parsed == Rfc5424Record(
        *(priority, timestamp, "web1", "shop", procid, msgid, list(structured_data)),
        *(parsed.message, False),
    )
    return parsed.message


def agree(
    modules: tuple[ModuleType, ModuleType],
    make: Callable[[], logging.LogRecord],
    in_all: bool = True,
    **options: object,
) -> bytes:
    """Encode with both encoders, in every protocol; return what both make of RFC 5424."""
    for protocol in reversed(PROTOCOLS if in_all else PROTOCOLS[:1]):
        compiled, python = (
            encode(module, make(), protocol=protocol, **options) for module in modules
        )
        assert compiled == python
        if protocol == "rfc5424":
            parse_rfc5424(python)
        else:
            parse_rfc3164(python, protocol == "rfc3164")
    return python


# --- values that misbehave -----------------------------------------------------------------------


class Raising:
    """What cannot be printed."""

    def __init__(self, error: "type[BaseException]" = ArithmeticError) -> None:
        self.error = error

    def __str__(self) -> str:
        raise self.error("no text")

    __repr__ = __str__


class Undecided:
    """What is neither true nor false."""

    def __bool__(self) -> bool:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        return "undecided"


class RaisingText:
    """As Raising, but a test that fails can show it."""

    def __str__(self) -> str:
        raise ArithmeticError("no text")

    def __repr__(self) -> str:
        return "RaisingText()"


class Printable:
    def __repr__(self) -> str:
        return "a\nb \ud800"


class NotText:
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "not text"


MOCK_STR, MOCK_BYTES = Mock(spec=str), Mock(spec=bytes)


class Hostile(str):
    """A str of which little works."""

    __slots__ = ()

    def fail(self, *_: object) -> object:
        raise ZeroDivisionError

    __str__ = __format__ = __getitem__ = endswith = fail  # type: ignore[assignment]

    def __mod__(self, _: object) -> int:  # type: ignore[override]
        return 5


class PrintsHostile:
    """An object whose str() is Hostile, as str() does not insist on a plain str."""

    def __str__(self) -> str:
        return Hostile("text")

    __repr__ = __str__


class Formats(str):
    """A str that, as the argument of a plain one, formats it by itself."""

    __slots__ = ()

    def __rmod__(self, _: object) -> int:
        return 5


class NameRaises(type):
    @property
    def __name__(cls) -> str:
        raise ZeroDivisionError


class NamelessError(Exception, metaclass=NameRaises):
    pass


class Nameless(metaclass=NameRaises):
    def __str__(self) -> str:
        raise ValueError


class ItemsRaise(dict):
    def items(self):
        raise ZeroDivisionError


class RepeatedItems(dict):
    def items(self):
        return [("a", {"b": 1}), ("a", {"c": 2})]


class IterationRaises(list):
    def __iter__(self):
        raise ZeroDivisionError


class PairRaises(tuple):
    __slots__ = ()

    def __len__(self) -> int:
        raise ZeroDivisionError


class KeyRaises:
    """A key that gets in the way of the SD-ID "a"."""

    def __hash__(self) -> int:
        return hash("a")

    def __eq__(self, _: object) -> bool:
        raise ZeroDivisionError


class LevelRaises(int):
    def __ge__(self, _: object) -> bool:
        raise ZeroDivisionError


class TimeRaises(float):
    def __lt__(self, _: object) -> bool:
        raise ZeroDivisionError

    __gt__ = __le__ = __ge__ = __lt__


class TimeIsNan(float):
    def __float__(self) -> float:
        return math.nan


class Level(enum.IntEnum):
    NOTICE = 25


def make_error(name: str) -> "type[Exception]":
    return type(name, (Exception,), {})


def release_view() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


# --- messages and their arguments ----------------------------------------------------------------

HUGE = 10**5000  # int() and str() refuse it
MESSAGES: dict[str, tuple[object, object, str]] = {
    # what logging does, too
    "no args": ("100% sold", (), "100% sold"),
    "args": ("%d of %s, %5.1f%%", (3, "ten", 30), "3 of ten,  30.0%"),
    "args None": ("%s", None, "%s"),
    "args empty dict": ("%s", {}, "%s"),
    "args dict": ("%(a)s %(b)r", {"a": 1, "b": "x"}, "1 'x'"),
    "args dict whole": ("%s", {"a": 1}, "{'a': 1}"),
    "args list": ("%s", [1, 2], "[1, 2]"),
    "args int": ("%d", 5, "5"),
    "args zero": ("%d", 0, "%d"),
    "args str": ("%s", "x", "x"),
    "msg None": (None, (), "None"),
    "msg int": (7, (), "7"),
    "msg True": (True, (), "True"),
    "msg float": (1.5, (), "1.5"),
    "msg list": ([1, "a"], (), "[1, 'a']"),
    "msg exception": (ValueError("bad"), (), "bad"),
    "msg object": (Printable(), (), "a#012b \ufffd"),
    "msg int subclass": (BigInt(7), (), "liar"),
    "msg not a str, args": ([1, "%s"], (2,), "[1, '2']"),
    "args object": ("%s|%r", (Printable(), Printable()), "a#012b \ufffd|a#012b \ufffd"),
    "args str subclass": ("%s", (Text("true"),), "liar"),
    "msg empty": ("", (), None),
    # arguments that do not fit
    "wrong kind": ("%d", ("x",), "%d <TypeError: ('x',)>"),
    "too many": ("sold", (1,), "sold <TypeError: (1,)>"),
    "too few": ("%s %s", (1,), "%s %s <TypeError: (1,)>"),
    "unfinished": ("100%", (1,), "100% <ValueError: (1,)>"),
    "unknown": ("%y", (1,), "%y <ValueError: (1,)>"),
    "too wide": (f"%{10**30}d", (1,), f"%{10**30}d <ValueError: (1,)>"),
    "missing key": ("%(b)s", {"a": 1}, "%(b)s <KeyError: {'a': 1}>"),
    "mapping wanted": ("%(b)s", (1,), "%(b)s <TypeError: (1,)>"),
    "int not wanted": ("sold", 5, "sold <TypeError: 5>"),
    "list too short": ("%s %s", [1], "%s %s <TypeError: [1]>"),
    "star": ("%*d", (HUGE, 1), "%*d <OverflowError: (<unprintable int: ValueError>, 1)>"),
    "char": ("%c", (-1,), "%c <OverflowError: (-1,)>"),
    "neither true nor false": (
        "%s",
        Undecided(),
        "%s <ZeroDivisionError: undecided>",
    ),
    "neither, and msg unprintable": (
        Raising(),
        Undecided(),
        "<unprintable Raising: ArithmeticError> <ZeroDivisionError: undecided>",
    ),
    "neither, and msg bytes": (
        b"\xff",
        Undecided(),
        "\ufffd <ZeroDivisionError: undecided>",
    ),
    # what cannot be printed
    "msg raises": (Raising(), (), "<unprintable Raising: ArithmeticError>"),
    "msg raises, args": (
        Raising(),
        (1,),
        "<unprintable Raising: ArithmeticError> <TypeError: (1,)>",
    ),
    "arg raises": (
        "%s",
        (Raising(),),
        "%s <ArithmeticError: (<unprintable Raising: ArithmeticError>,)>",
    ),
    "arg repr raises": (
        "%r",
        (Raising(),),
        "%r <ArithmeticError: (<unprintable Raising: ArithmeticError>,)>",
    ),
    "arg in list raises": (
        "%s",
        ([Raising()],),
        "%s <ArithmeticError: (<unprintable list: ArithmeticError>,)>",
    ),
    "msg in list raises": ([Raising()], (), "<unprintable list: ArithmeticError>"),
    "msg not text": (NotText(), (), "<unprintable NotText: TypeError>"),
    "arg not text": ("%s", (NotText(),), "%s <TypeError: (not text,)>"),
    "msg recursion": (Raising(RecursionError), (), "<unprintable Raising: RecursionError>"),
    "msg memory": (Raising(MemoryError), (), "<unprintable Raising: MemoryError>"),
    "arg StopIteration": (
        "%s",
        (Raising(StopIteration),),
        "%s <StopIteration: (<unprintable Raising: StopIteration>,)>",
    ),
    "error's name forges": (
        Raising(make_error("a\n<13>1 x")),
        (),
        "<unprintable Raising: a#012<13>1 x>",
    ),
    "error's name is empty": (Raising(make_error("")), (), "<unprintable Raising: >"),
    "error's name is not ASCII": (
        Raising(make_error("\u00e9\u2028")),
        (),
        "<unprintable Raising: \u00e9#342#200#250>",
    ),
    "type's name forges": (
        type("\x1b]0;x\a\n", (Raising,), {})(),
        (),
        "<unprintable #033]0;x#007#012: ArithmeticError>",
    ),
    "msg huge": (HUGE, (), "<unprintable int: ValueError>"),
    "arg huge": ("%d", (HUGE,), "%d <ValueError: (<unprintable int: ValueError>,)>"),
    "msg released": (release_view(), (), "<unprintable memoryview: ValueError>"),
    # octets
    "bytes": (b"caf\xc3\xa9", (), "caf\u00e9"),
    "bytes empty": (b"", (), None),
    "bytes, args": (b"%s sold", (3,), "3 sold"),
    "bytes, args that do not fit": (b"%d\n", ("x",), "%d#012 <TypeError: ('x',)>"),
    "bytes ill-formed": (b"a\xff\xfe\xed\xa0\x80", (), "a" + "\ufffd" * 5),
    "bytes ill-formed, args": (b"%s\xe2\x82", (1,), "1\ufffd"),
    "bytes forge": (b"a\n<13>1 x\0", (), "a#012<13>1 x#000"),
    "bytearray": (bytearray(b"caf\xc3\xa9"), (), "caf\u00e9"),
    "bytearray, args": (bytearray(b"%s\xff"), (1,), "1\ufffd"),
    "memoryview": (memoryview(b"sold"), (), "sold"),
    "memoryview, args": (memoryview(b"%s"), (1,), "1"),
    "memoryview with gaps": (memoryview(b"s-o-l-d")[::2], (), "sold"),
    "memoryview of numbers": (memoryview(b"sold").cast("H"), (), "sold"),
    "arg bytes": ("%s", (b"x",), "b'x'"),
    "bytes that lie": (Octets(b"true"), (), "true"),
    # text
    "str that lies": (Text("true"), (), "true"),
    "str that lies, args": (Text("%s!"), ("x",), "x!"),
    "surrogates": ("\ud800 \udcff", (), "\ufffd \ufffd"),
    "surrogates in args": ("\udc00%s", ("\udfff",), "\ufffd\ufffd"),
    "surrogate pair": ("\ud83d\ude00", (), "\ufffd\ufffd"),
    "forged": ("a\n<13>1 x", (), "a#012<13>1 x"),
    "forged in args": ("%s", ("a\n<13>1 x\0\x1b[2J",), "a#012<13>1 x#000#033[2J"),
    "separators": ("\x7f\x85\u2028\t", (), "#177#302#205#342#200#250\t"),
    "not ASCII": ("%s sold", ("\U0001f600 \u00e9",), "\U0001f600 \u00e9 sold"),
    # what only pretends to be text
    "msg prints a hostile str": (PrintsHostile(), (), "text"),
    "msg prints a hostile str, args": (PrintsHostile(), (1,), None),
    "arg prints a hostile str": ("%s", (PrintsHostile(),), "text"),
    "msg is a hostile str": (Hostile("text"), (), "text"),
    "msg is a hostile str, args": (Hostile("%s"), (1,), "1"),
    "args format by themselves": ("%s", Formats("x"), None),
    "error without a name": (Raising(NamelessError), (), None),
    "arg's error without a name": ("%s", (Raising(NamelessError),), None),
    "type without a name": (Nameless(), (), None),
    "pretends to be a str": (MOCK_STR, (), str(MOCK_STR)),
    "pretends to be bytes": (MOCK_BYTES, (), str(MOCK_BYTES)),
}
ANY_TEXT = {
    "msg prints a hostile str, args",
    "args format by themselves",
    "error without a name",
    "arg's error without a name",
    "type without a name",
}


@try_each("name", MESSAGES)
def test_messages(both_modules, name) -> None:
    """The text is what `logging` makes of msg and args, or says what is wrong with them."""
    msg, args, expected = MESSAGES[name]
    for module in both_modules:
        message = read(module, make_record(msg, args))
        assert name in ANY_TEXT or message == expected
    data = agree(both_modules, lambda: make_record(msg, args))
    assert parse_rfc5424(data).message == expected or name in ANY_TEXT


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception(encoder_module, error) -> None:
    """What is meant to end a program does so; the encoder works on afterwards."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for fields in (
        {"msg": Raising(error)},
        {"msg": "%s", "args": (Raising(error),)},
        {"structured_data": {"a": {"b": Raising(error)}}},
        {"msgid": Raising(error)},
    ):
        with pytest.raises(error):
            encoder.encode_record(make_record(**fields))
    assert encoder.encode_record(make_record()).endswith(b" - - sold")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_malicious_text(both_modules, protocol) -> None:
    """Every text and every octet string is the message or its argument, whole or cut."""
    encoders = [module.Encoder(**IDENTITY, protocol=protocol) for module in both_modules]
    start = len(encoders[1].header(6, time_ns=0))
    for text in (*TEXTS, *OCTETS):
        given = text if isinstance(text, str) else text.decode("utf-8", "replace")
        for fields in ({"msg": text}, {"msg": "%s", "args": (given,)}, {"exc_text": given}):
            compiled, python = (e.encode_record(make_record(**fields)) for e in encoders)
            assert compiled == python
            expected = given
            if "exc_text" in fields:
                expected = f"sold\n{given}" if given else "sold"
            expected = expected.rstrip("\r\n")
            if len(escape(expected).encode()) + start > len(python):
                expected = expected[:8192]
                assert len(python) > (8192 if protocol == "rfc5424" else 1024) - 12 or not expected
            written = python[start:].decode()
            assert escape(expected).startswith(written)
            assert not CONTROLS.intersection(written)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [str, bytes, bytearray])
def test_long_messages(encoder_module, kind) -> None:
    """Ten megabytes are cut at max_size, wherever they are."""
    long = "\u00e9" * 5_000_000 if kind is str else kind(b"x" * 10_000_000)
    text = long if kind is str else long.decode()
    for fields in (
        {"msg": long},
        {"msg": "%s", "args": (text,)},
        {"msg": "x", "exc_text": long},
        {"msg": "x", "stack_info": long},
    ):
        data = encode(encoder_module, make_record(**fields))
        assert 8191 <= len(data) <= 8192
        parse_rfc5424(data)
    record = make_record("sold", structured_data={"a": {"b": long}}, msgid=long)
    assert read(encoder_module, record, msgid=("_" if kind is str else "x") * 32) == "sold"


def test_recursion(encoder_module) -> None:
    """A `__str__` that logs in its turn gives one record each, and ends."""
    formatter = encoder_module.RecordFormatter(encoder_module.Encoder(**IDENTITY), True, True)
    written: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(formatter.format(record))

    logger = logging.Logger("recursive")
    logger.addHandler(Handler())

    class Logs:
        def __init__(self, depth: float) -> None:
            self.depth = depth

        def __str__(self) -> str:
            if self.depth:
                logger.warning("%s", Logs(self.depth - 1))
                logger.warning(Logs(self.depth - 1))
            return f"depth {self.depth}"

    logger.warning("%s", Logs(3))
    assert len(written) == 2**4 - 1
    assert parse_rfc5424(written[-1].encode()).message == "depth 3"

    class LogsItself:
        def __str__(self) -> str:
            logger.warning(self, extra={"structured_data": {"a": {"b": "c"}}})
            return "text"

    class LogsItsData:
        def __str__(self) -> str:
            logger.warning("msg", extra={"structured_data": {"a": {"b": self}}})
            return "text"

    for record in written:
        parse_rfc5424(record.encode())
    for fields in (
        {"msg": LogsItself()},
        {"msg": "%s", "args": (LogsItself(),)},
        {"msg": "msg", "structured_data": {"a": {"b": LogsItsData()}}},
    ):
        written.clear()
        logger.handle(make_record(**fields))
        assert 1 < len(written) < sys.getrecursionlimit()
        for record in written:
            parse_rfc5424(record.encode())


# --- level, time, process ------------------------------------------------------------------------

SEVERITIES = [(10, 7), (20, 6), (25, 5), (30, 4), (40, 3), (50, 2), (60, 1), (70, 0)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_levels(encoder_module, protocol) -> None:
    """A level is of the severity whose level it reaches; those below DEBUG are debug, too."""
    parse = parse_rfc5424 if protocol == "rfc5424" else parse_rfc3164
    options = {"protocol": protocol, "facility": "local7"}

    def severity_of(levelno: object) -> int:
        data = encode(encoder_module, make_record(levelno=levelno), **options)
        parsed = parse(data) if protocol != "local" else parse(data, False)
        assert (parsed.message or "") == "sold"
        assert parsed.priority >> 3 == 23
        return parsed.priority & 7

    for level in range(-10, 101):
        expected = [severity for lowest, severity in SEVERITIES if lowest <= max(level, 10)][-1]
        assert severity_of(level) == expected
        assert severity_of(float(level)) == expected
        assert severity_of(level + 0.5) == expected
    for level, expected in (
        (True, 7),
        (False, 7),
        (10**30, 0),
        (-(10**30), 7),
        (2**30, 0),
        (-(2**30), 7),
        (math.nan, 7),
        (math.inf, 0),
        (-math.inf, 7),
        (24.999, 6),
        (Level.NOTICE, 5),
        (BigInt(40), 3),
        (None, 4),
        ("INFO", 4),
        (b"10", 4),
        ([], 4),
        (Raising(), 4),
        (10j, 4),
    ):
        assert severity_of(level) == expected


WRITABLE_TIMES = [
    (0.0, "1970-01-01T00:00:00.000000Z"),
    (-0.0, "1970-01-01T00:00:00.000000Z"),
    (0, "1970-01-01T00:00:00.000000Z"),
    (True, "1970-01-01T00:00:01.000000Z"),
    (1_700_000_000.123456, "2023-11-14T22:13:20.123456Z"),
    (1_700_000_000.000001, "2023-11-14T22:13:20.000001Z"),
    (1_700_000_000.999999, "2023-11-14T22:13:20.999999Z"),
    (1_700_000_000.9999996, "2023-11-14T22:13:21.000000Z"),
    (0.9999996, "1970-01-01T00:00:01.000000Z"),
    (0.0000004, "1970-01-01T00:00:00.000000Z"),
    (0.0000005, "1970-01-01T00:00:00.000000Z"),  # half to even
    (0.0000015, "1970-01-01T00:00:00.000002Z"),
    (-0.0000004, "1970-01-01T00:00:00.000000Z"),
    (-0.5, "1969-12-31T23:59:59.500000Z"),
    (-1e-6, "1969-12-31T23:59:59.999999Z"),
    (-86400.25, "1969-12-30T23:59:59.750000Z"),
    (-62_135_596_800.0, "0001-01-01T00:00:00.000000Z"),
    (-62_135_596_800, "0001-01-01T00:00:00.000000Z"),
    (253_402_300_799.0, "9999-12-31T23:59:59.000000Z"),
    (253_402_300_799, "9999-12-31T23:59:59.000000Z"),
    (253_402_300_799.5, "9999-12-31T23:59:59.500000Z"),
    (Level.NOTICE, "1970-01-01T00:00:25.000000Z"),
    (BigInt(60), "1970-01-01T00:01:00.000000Z"),
]
UNKNOWN_TIMES = [
    *[math.nan, math.inf, -math.inf, 1e300, -1e300, 1e18, 1e12, -1e12, -1e11, 1e11 * 9],
    *[253_402_300_800.0, 253_402_300_800, -62_135_596_801, -62_135_596_800.5, 10**30, -(10**400)],
    *[None, "x", "1700000000", b"0", [], 1j, Raising()],
]


@try_each("created, expected", WRITABLE_TIMES)
def test_times(encoder_module, created, expected) -> None:
    """A time is that of the record, to the nearest microsecond; fewer digits are cut off."""
    record = make_record(created=created)
    assert read(encoder_module, record, timestamp=expected) == "sold"
    assert read(encoder_module, record, timestamp=expected[:-8] + "Z", precision=0) == "sold"
    shorter = expected[:-4] + "Z"
    assert read(encoder_module, record, timestamp=shorter, precision=3) == "sold"
    text = parse_rfc3164(encode(encoder_module, record, protocol="rfc3164", local_time=False))
    assert text.timestamp[-8:] == expected[11:19]


@try_each("created", UNKNOWN_TIMES)
def test_times_that_cannot_be_written(encoder_module, created) -> None:
    """They are NILVALUE in RFC 5424 and the present in the others."""
    record = make_record(created=created)
    for local_time in (False, True):
        for msg in ("sold", "a message of some length"):
            record.msg = msg
            assert read(encoder_module, record, timestamp="-", local_time=local_time) == msg
    for protocol, has_hostname in (("rfc3164", True), ("local", False)):
        before = encoder_module.format_timestamp(protocol=protocol)
        data = encode(encoder_module, record, protocol=protocol)
        after = encoder_module.format_timestamp(protocol=protocol)
        assert parse_rfc3164(data, has_hostname).timestamp in (before, after)


@pytest.mark.slow
@few_examples
@given(microseconds=st.integers(-(10**15), 4 * 10**15), digits=st.integers(0, 6))
def test_microseconds(both_modules, microseconds, digits) -> None:
    """A number of microseconds that became a float comes out as it was."""
    record = make_record(created=microseconds / 1_000_000)
    for module in both_modules:
        expected = module.format_timestamp(microseconds * 1000, precision=digits)
        assert read(module, record, timestamp=expected, precision=digits) == "sold"


OWN_PROCESS = str(os.getpid())
PROCESSES = [
    (os.getpid(), OWN_PROCESS),
    (OWN_PROCESS, OWN_PROCESS),
    (None, OWN_PROCESS),
    (1.5, OWN_PROCESS),
    (b"7", OWN_PROCESS),
    ([], OWN_PROCESS),
    (Raising(), OWN_PROCESS),
    (7, "7"),
    (0, "0"),
    (-1, "-1"),
    (2**30, str(2**30)),
    (2**70, str(2**70)),
    (True, "1"),
    (BigInt(7), "7"),
    ("worker-3", "worker-3"),
    (Text("worker-3"), "worker-3"),
    (Hostile("worker-3"), "worker-3"),
    ("", "-"),
    ("-", "-"),
    ("a b\n<13>1 x", "a_b_<13>1_x"),
    ("\0\x7f", "__"),
    ("\u00e9\ud800", "_____"),
    ("x" * 500, "x" * 128),
    (HUGE, "<unprintable_int:_ValueError>"),
]


@try_each("process, expected", PROCESSES)
def test_processes(encoder_module, process, expected) -> None:
    """PROCID is the record's process, made to fit, unless the encoder was given one."""
    for msg in ("sold", "a message of some length", "\n"):
        record = make_record(msg, process=process)
        parsed = parse_rfc5424(encode(encoder_module, record, procid=None))
        assert parsed == Rfc5424Record(
            14, STAMP, "web1", "shop", expected, "-", [], escape(msg) or None, False
        )
        assert parse_rfc5424(encode(encoder_module, record)).procid == "42"
    for protocol, has_hostname in (("rfc3164", True), ("local", False)):
        data = encode(encoder_module, record, protocol=protocol, procid=None)
        pid = parse_rfc3164(data, has_hostname).pid
        assert pid == (None if expected == "-" else expected)


def test_process_with_all_else(both_modules) -> None:
    """The record of another process keeps all that the encoder has, and the encoder its own."""
    options = {
        "procid": None,
        "prefix": b"token ",
        "framing": "octet",
        "msgid": "SALE",
        "structured_data": {"origin": {"ip": "::1"}},
        "bom": True,
        "facility": "local0",
    }
    records = []
    for module in both_modules:
        encoder = module.Encoder(**{**IDENTITY, **options})
        other = encoder.encode_record(make_record("a message of some length", process=7))
        own = encoder.encode_record(make_record("a message of some length"))
        length, _, rest = other.partition(b" ")
        assert int(length) == len(rest)
        assert parse_rfc5424(rest.removeprefix(b"token ")) == Rfc5424Record(
            *(134, STAMP, "web1", "shop", "7", "SALE", [("origin", [("ip", "::1")])]),
            *("a message of some length", True),
        )
        assert own.partition(b"token ")[2] == rest.partition(b"token ")[2].replace(
            b" 7 ", f" {OWN_PROCESS} ".encode()
        )
        assert encoder.encode_record(make_record("a message of some length", process=7)) == other
        records.append((other, own))
    assert records[0] == records[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_process_without_space(both_modules, protocol) -> None:
    """No record is longer than max_size: a process that has no space is left to the encoder."""
    with pytest.raises(ValueError, match=r"^max_size must be at least \d+, ") as caught:
        both_modules[0].Encoder(**{**IDENTITY, "procid": None}, protocol=protocol, max_size=0)
    smallest = int(str(caught.value).split()[5].rstrip(","))
    for space, size in itertools.product(range(6), range(12)):
        options = {"protocol": protocol, "procid": None, "max_size": smallest + space}
        compiled, python = (
            encode(module, make_record("\u00e9" * 9, process="p" * size), **options)
            for module in both_modules
        )
        assert compiled == python
        assert len(python) <= smallest + space
        if protocol == "rfc5424":
            fits = max(size, 1) <= len(OWN_PROCESS) + space
            parsed = parse_rfc5424(python)
            assert parsed.procid == (("p" * size or "-") if fits else OWN_PROCESS)
        else:
            parse_rfc3164(python, protocol == "rfc3164")


# --- exceptions and stacks -----------------------------------------------------------------------


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise ArithmeticError


def catch(error: BaseException) -> tuple[object, object, object]:
    """Return exc_info of an error that was raised while another was handled."""
    try:
        try:
            raise KeyError("first\n<13>1 x")
        except KeyError:
            raise error from None if isinstance(error, OSError) else KeyError("cause")
    except BaseException:
        return sys.exc_info()


ERRORS = [
    ValueError("bad"),
    ValueError("two\nlines\n"),
    ValueError("\ud800\x1b[2J\0"),
    OSError(2, "gone", "/x\ny"),
    SyntaxError("bad", ("file.py", 1, 2, "x = \n")),
    UnprintableError(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    KeyboardInterrupt(),
    make_error("a\n<13>1 x")("odd"),
]


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__[:9])
def test_exceptions(both_modules, error) -> None:
    """The text is that of logging.Formatter, and is left in the record as that leaves it."""
    exc_info = catch(error)
    fields = {"exc_info": exc_info, "stack_info": "Stack (most recent call last):\n  x"}
    expected = logging.Formatter().format(make_record("sold %d", (3,), **fields))
    for module in both_modules:
        record = make_record("sold %d", (3,), **fields)
        reference = copy.copy(record)
        assert read(module, record, max_size=65_536) == escape(expected)
        logging.Formatter().format(reference)
        assert record.exc_text == reference.exc_text
        assert record.exc_info is exc_info
        record.exc_info = None  # what is left is enough
        assert read(module, record, max_size=65_536) == escape(expected)
        instance = make_record("sold %d", (3,), **{**fields, "exc_info": exc_info[1]})
        assert read(module, instance, max_size=65_536) == escape(expected)
    agree(both_modules, lambda: make_record("sold", **fields))


@try_each(
    "msg, fields",
    [
        ("sold", {"exc_info": (None, None, None)}),
        ("sold\n", {"exc_info": (None, None, None)}),
        ("", {"exc_info": (None, None, None)}),
        ("sold", {"exc_info": (ValueError, ValueError("x"), None)}),
        ("sold", {"exc_text": "kept", "exc_info": (ValueError, ValueError("x"), None)}),
        ("sold", {"exc_text": "kept\n"}),
        ("sold", {"exc_text": "kept\n", "stack_info": "stack"}),
        ("sold\n", {"exc_text": "\nkept\n\n", "stack_info": "stack\n"}),
        ("", {"stack_info": "stack"}),
        ("sold", {"stack_info": "", "exc_text": "", "exc_info": ()}),
        ("sold", {"stack_info": False, "exc_text": 0, "exc_info": False}),
        ("\u00e9\n\n", {"stack_info": "\ud800"}),
    ],
)
def test_lines_that_follow(encoder_module, msg, fields) -> None:
    """Exception and stack are joined as logging.Formatter joins them."""
    expected = logging.Formatter().format(make_record(msg, **fields))
    assert read(encoder_module, make_record(msg, **fields)) == escape(expected)
    text = msg.encode("utf-8", "surrogatepass")
    assert read(encoder_module, make_record(text, **fields)) == escape(expected)


@try_each(
    "fields, expected",
    [
        ({"exc_info": True}, "<unprintable bool: TypeError>"),
        ({"exc_info": 5}, "<unprintable int: TypeError>"),
        ({"exc_info": "text"}, "<unprintable str: ValueError>"),
        ({"exc_info": (1, 2)}, "<unprintable tuple: ValueError>"),
        ({"exc_info": [None] * 4}, "<unprintable list: ValueError>"),
        ({"exc_info": Raising()}, "<unprintable Raising: TypeError>"),
        ({"exc_info": ValueError("bad")}, "ValueError: bad"),
        ({"exc_text": b"a\xff"}, "a\ufffd"),
        ({"exc_text": 5}, "5"),
        ({"exc_text": Raising()}, "<unprintable Raising: ArithmeticError>"),
        ({"stack_info": b"a\xff"}, "a\ufffd"),
        ({"stack_info": ["a"]}, "['a']"),
        ({"stack_info": Raising()}, "<unprintable Raising: ArithmeticError>"),
        ({"stack_info": Text("true")}, "true"),
    ],
)
def test_lines_that_are_not_text(encoder_module, fields, expected) -> None:
    """What logging.Formatter raises on is named, or printed."""
    assert read(encoder_module, make_record(**fields)) == f"sold#012{expected}"


@pytest.mark.parametrize("exc_info", [(1, 2, 3), (ValueError, "x", None), (int, 5, "x")])
def test_wrong_exceptions(both_modules, exc_info) -> None:
    """Three objects that are no exception give some text, and the same from both."""
    data = agree(both_modules, lambda: make_record(exc_info=exc_info))
    assert parse_rfc5424(data).message.startswith("sold#012")


def test_logged_exceptions(encoder_module) -> None:
    """logger.exception and stack_info=True do what they do with logging.Formatter."""
    encoder = encoder_module.Encoder(**IDENTITY)
    seen: list[tuple[bytes, str]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((encoder.encode_record(record), logging.Formatter().format(record)))

    logger = logging.Logger("till")
    logger.addHandler(Handler())
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("failed %s", "here", stack_info=True)
    logger.error("failed", exc_info=True)
    logger.error("failed", exc_info=ValueError("new"))
    assert len(seen) == 3
    for data, expected in seen:
        parsed = parse_rfc5424(data)
        assert parsed.message == escape(expected)
        assert parsed.priority == 11


def test_given_message(encoder_module) -> None:
    """A message that is given stands for message, exception and stack."""
    record = make_record("%d", ("x",), exc_info=catch(ValueError("x")), stack_info="stack")
    encoder = encoder_module.Encoder(**IDENTITY)
    for text in ("", "own", "own\n\u00e9", "a text of some length"):
        parsed = parse_rfc5424(encoder.encode_record(record, text))
        assert parsed.message == (escape(text) or None)
        assert parse_rfc5424(encoder.encode_record(record, message=text)) == parsed
    assert record.exc_text is None
    assert b"Traceback" in encoder.encode_record(record, None)


# --- MSGID and structured data -------------------------------------------------------------------


MSGIDS = [
    (None, "-"),
    ("SALE", "SALE"),
    ("", "-"),
    ("a b\n", "a_b_"),
    ("m" * 40, "m" * 32),
    ("\u00e9\ud800", "_____"),
    (5, "5"),
    (HUGE, "<unprintable_int:_ValueError>"),
    (b"SALE\xff", "SALE___"),
    (bytearray(b"SALE"), "SALE"),
    (["a"], "['a']"),
    (Text("true"), "true"),
    (PrintsHostile(), "text"),
    (Raising(), "<unprintable_Raising:_Arithmetic"),
]


@try_each("msgid, expected", MSGIDS)
def test_msgids(encoder_module, msgid, expected) -> None:
    """`extra` sets MSGID, whatever it is; without one it is the encoder's."""
    record = make_record(msgid=msgid)
    assert read(encoder_module, record, msgid=expected) == "sold"
    data = encode(encoder_module, record, msgid="OWN")
    assert parse_rfc5424(data).msgid == ("OWN" if msgid is None else expected)


ELEMENTS: list[tuple[object, list[tuple[str, list[tuple[str, str]]]]]] = [
    (None, []),
    ({}, []),
    ({"a@1": {}}, [("a@1", [])]),
    ({"a@1": {"b": 1, "c": "\n"}}, [("a@1", [("b", "1"), ("c", "#012")])]),
    ({"a@1": [("b", 1), ["b", '"]\\']]}, [("a@1", [("b", "1"), ("b", '"]\\')])]),
    (b'[a@1 b="c"][d@1]', [("a@1", [("b", "c")]), ("d@1", [])]),
    (b"-", []),
    (b"", []),
    # bad names
    ({"a b": {"c=": 1}}, [("a_b", [("c_", "1")])]),
    ({"": {"": 1}}, [("_", [("_", "1")])]),
    ({"a]": {}, "a=": {"b": 1}, "a_": [("c", 2)]}, [("a_", [("b", "1"), ("c", "2")])]),
    ({"n" * 33: {"m" * 40: 1}}, [("n" * 32, [("m" * 32, "1")])]),
    ({"n" * 33: {"a": 1}, "n" * 34: {"b": 2}}, [("n" * 32, [("a", "1"), ("b", "2")])]),
    ({7: {8: 9}, None: {}}, [("7", [("8", "9")]), ("None", [])]),
    ({b"a": {b"b": b"c"}}, [("a", [("b", "c")])]),
    ({"\u00e9\n": {"\ud800": "\ud800"}}, [("__", [("_", "\ufffd")])]),
    ({"a": {"good": 1, "b d": 2}, "c": {"d": 3}},
     [("a", [("good", "1"), ("b_d", "2")]), ("c", [("d", "3")])]),
    # bad parameters
    ({"a": None}, [("a", [])]),
    ({"a": {"b": None, "c d": None}, "e f": [None, ("g", None), ("h", 1)]},
     [("a", []), ("e_f", [("h", "1")])]),
    # numbers: RFC 5424 6.3.2
    ({"a@b@1": {}, "x@": {}, "@1": {}, "x@abc": {}},
     [("a_b@1", []), ("x_", []), ("_@1", []), ("x_abc", [])]),
    ({"my_" + "d" * 30 + "@32473": {}}, [("my_" + "d" * 23 + "@32473", [])]),
    ({"n" * 40 + "@1.22.333": {}}, [("n" * 23 + "@1.22.333", [])]),
    ({"x@" + "1" * 40: {}, "y@\u0661": {}, "z@1.": {}},
     [("x_" + "1" * 30, []), ("y__", []), ("z_1.", [])]),
    ({"n" * 30 + "@1": {"a": 1}, "n" * 31 + "@1": {"b": 2}},
     [("n" * 30 + "@1", [("a", "1"), ("b", "2")])]),
    ({"a": "text\n"}, [("a", [("value", "text#012")])]),
    ({"a": 5, "b": {"c": 1}}, [("a", [("value", "5")]), ("b", [("c", "1")])]),
    ({"a": [5, ("b", 1), ("c",), ("d", 1, 2), "ef"]},
     [("a", [("value", "5"), ("b", "1"), ("value", "('c',)"), ("value", "('d', 1, 2)"),
             ("value", "ef")])]),
    ({"a": Raising()}, [("a", [("value", "<unprintable Raising: ArithmeticError>")])]),
    # bad values
    ({"a": {"b": Raising(), "c": 1}},
     [("a", [("b", "<unprintable Raising: ArithmeticError>"), ("c", "1")])]),
    ({"a": {"b": HUGE, "c": Printable()}},
     [("a", [("b", "<unprintable int: ValueError>"), ("c", "a#012b \ufffd")])]),
    ({"a": {"b": release_view()}}, [("a", [("b", "<unprintable memoryview: ValueError>")])]),
    ({"a": {"b": NotText()}}, [("a", [("b", "<unprintable NotText: TypeError>")])]),
    ({"a": {"b": b"\xff\n", "c": Text("true")}}, [("a", [("b", "\ufffd#012"), ("c", "true")])]),
    ({"a b": {"c": Text("true"), "d": Octets(b"true")}},
     [("a_b", [("c", "true"), ("d", "true")])]),
    ({Raising(): {Raising(): 1}},
     [("<unprintable_Raising:_Arithmetic", [("<unprintable_Raising:_Arithmetic", "1")])]),
    # no structured data at all
    (5, []),
    ("[a]", []),
    ([("a", {})], []),
    (bytearray(b"[a]"), []),
    (memoryview(b"[a]"), []),
    (Raising(), []),
    (Undecided(), []),
]  # fmt: skip


@try_each("given, expected", ELEMENTS)
def test_structured_data(both_modules, given, expected) -> None:
    """Good names stay, bad ones are made to fit, equal ones merged; what is no dict is ignored."""
    for module in both_modules:
        record = make_record(structured_data=given)
        assert read(module, record, structured_data=expected) == "sold"
    agree(both_modules, lambda: make_record("sold\n", structured_data=given))


@pytest.mark.parametrize("constant", [None, {"a": {"own": 1}, "k": {"own": 2}}])
def test_all_structured_data(both_modules, constant) -> None:
    """Every hostile element, good or bad, beside constant ones or not: never two of one SD-ID."""
    encoders = [module.Encoder(**IDENTITY, structured_data=constant) for module in both_modules]
    for data in (*STRUCTURED_DATA, *BAD_STRUCTURED_DATA):
        record = make_record(structured_data=data)
        compiled, python = (encoder.encode_record(record) for encoder in encoders)
        assert compiled == python
        parsed = parse_rfc5424(python)
        assert parsed.message == "sold" or len(python) > 8000
        if constant and parsed.structured_data:  # not too long for a record
            assert ("k", [("own", "2")]) in parsed.structured_data


def test_constant_elements(encoder_module) -> None:
    """A record's element replaces the encoder's of that SD-ID, after a bad name was made to fit."""
    constant = {"a_b": {"own": 1}, "k": {"own": 2}}
    options = {"structured_data": constant}
    for own, expected in (
        ({"a_b": {"c": 1}}, [("k", [("own", "2")]), ("a_b", [("c", "1")])]),
        ({"a b": {"c": 1}}, [("k", [("own", "2")]), ("a_b", [("c", "1")])]),
        (5, [("a_b", [("own", "1")]), ("k", [("own", "2")])]),
        (b'[k own="3"]', [("a_b", [("own", "1")]), ("k", [("own", "3")])]),
    ):
        data = encode(encoder_module, make_record(structured_data=own), **options)
        assert parse_rfc5424(data).structured_data == expected


def test_extra(encoder_module) -> None:
    """`extra` brings MSGID and structured data through a real logger."""
    encoder = encoder_module.Encoder(**IDENTITY, attributes={"user@1": {"name": "user"}})
    seen: list[bytes] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(encoder.encode_record(record))

    logger = logging.Logger("till")
    logger.addHandler(Handler())
    logger.info(
        "%d sold", 3, extra={"msgid": "SALE", "structured_data": {"a": {"b": 1}}, "user": "eve"}
    )
    parsed = parse_rfc5424(seen[0])
    assert parsed.msgid == "SALE"
    assert parsed.structured_data == [("user@1", [("name", "eve")]), ("a", [("b", "1")])]
    assert parsed.message == "3 sold"


@pytest.mark.parametrize("version", ["now", "3.9"])
def test_all_extra(encoder_module, version) -> None:
    """`"extra"` stands for all that a record has beside what each has; names are made to fit."""
    options = {"attributes": {"fields": "extra", "user@1": {"name": "user"}}, "enterprise_id": 7}
    record = make_record(user="eve", order=17, note=None, **{"the price": 1.5})
    logging.Formatter("%(asctime)s %(message)s").format(record)  # which leaves more in it
    if version == "3.9":
        record.__dict__.pop("taskName", None)
    extra = [("user", "eve"), ("order", "17"), ("the_price", "1.5")]
    parsed = parse_rfc5424(encode(encoder_module, record, **options))
    assert parsed.structured_data == [("fields@7", extra), ("user@1", [("name", "eve")])]
    plain = make_record(msgid="SALE")
    assert parse_rfc5424(encode(encoder_module, plain, **options)).structured_data == []
    own = make_record(user="eve", structured_data={"fields": {"own": 1}})
    parsed = parse_rfc5424(encode(encoder_module, own, **options))
    assert parsed.structured_data == [("user@1", [("name", "eve")]), ("fields@7", [("own", "1")])]


def test_extra_of_an_object(encoder_module) -> None:
    """What has no dict of its own has nothing more to say."""

    class Record:
        __slots__ = ("levelno", "msg")

    record = Record()
    record.levelno, record.msg = 20, "sold"
    data = encode(encoder_module, record, attributes={"fields@1": "extra"})
    parsed = parse_rfc5424(data)
    assert (parsed.message, parsed.structured_data) == ("sold", [])


@pytest.mark.parametrize("wrong", ["extras", "", "all"])
def test_no_other_word(encoder_module, wrong) -> None:
    with pytest.raises(ValueError, match=r"^attributes of an element must be one of 'extra', got"):
        encoder_module.Encoder(**IDENTITY, attributes={"fields@1": wrong})


# --- attributes ----------------------------------------------------------------------------------

CODE = {"code@32473": {"logger": "name", "line": "lineno", "user": "user"}}


@try_each("name", ["a b", "a\n<13>1 x", "", "n" * 500, "\u00e9", *HEADER_FIELDS])
def test_logger_names(encoder_module, name) -> None:
    """Any name of a logger is a value of structured data."""
    record = make_record(name=name)
    attributes = {"code@32473": {"logger": "name"}}
    data = encode(encoder_module, record, attributes=attributes, max_size=400_000)
    assert parse_rfc5424(data).structured_data == [("code@32473", [("logger", escape(name))])]
    parse_rfc5424(encode(encoder_module, record, attributes=attributes))


@try_each("fields, expected", [
        ({}, [("code@32473", [("logger", "till"), ("line", "0")])]),
        ({"user": 5}, [("code@32473", [("logger", "till"), ("line", "0"), ("user", "5")])]),
        ({"user": None, "name": None, "lineno": None}, []),
        ({"structured_data": {"code@32473": {"own": 1}}}, [("code@32473", [("own", "1")])]),
        ({"structured_data": {"a": {"b": 1}}, "lineno": None},
         [("code@32473", [("logger", "till")]), ("a", [("b", "1")])]),
        ({"structured_data": {"a b": {}}, "lineno": None},
         [("code@32473", [("logger", "till")]), ("a_b", [])]),
        ({"structured_data": b'[raw b="c"]'}, [("raw", [("b", "c")])]),
        ({"structured_data": 5, "lineno": None}, [("code@32473", [("logger", "till")])]),
        ({"structured_data": {}, "lineno": None}, [("code@32473", [("logger", "till")])]),
        ({"name": Raising(), "lineno": None},
         [("code@32473", [("logger", "<unprintable Raising: ArithmeticError>")])]),
        ({"name": "\ud800\n", "lineno": b"\xff"},
         [("code@32473", [("logger", "\ufffd#012"), ("line", "\ufffd")])]),
    ])  # fmt: skip
def test_attributes(both_modules, fields, expected) -> None:
    """Attributes become parameters; a record's own element replaces them, bytes replace all."""
    for module in both_modules:
        record = make_record(**fields)
        data = encode(module, record, attributes=CODE)
        assert parse_rfc5424(data).structured_data == expected
        assert parse_rfc5424(data).message == "sold"
    agree(both_modules, lambda: make_record(**fields), attributes=CODE)


def test_attributes_beside_constant_elements(encoder_module) -> None:
    """What attributes name replaces the encoder's element of that SD-ID, and joins the rest."""
    options = {"attributes": CODE, "structured_data": {"code@32473": {"old": 1}, "k": {"l": 2}}}
    data = encode(encoder_module, make_record(lineno=None), **options)
    expected = [("k", [("l", "2")]), ("code@32473", [("logger", "till")])]
    assert parse_rfc5424(data).structured_data == expected
    data = encode(encoder_module, make_record(name=None, lineno=None), **options)
    expected = [("code@32473", [("old", "1")]), ("k", [("l", "2")])]
    assert parse_rfc5424(data).structured_data == expected


@try_each(
    "attributes",
    [
        5,
        "x",
        [],
        [("a", {})],
        {"a": None},
        {"a": []},
        {1: {}, "a": {}},
        {1: {"a": "b"}},
        {"a": {1: "b"}},
        {"a": {"b": 1}},
        {"a": {"b": None}},
        {"a": {"b": b"c"}},
        {b"a": {"b": "c"}},
        {"a": {"b": Raising()}},
        Raising(),
    ],
)
def test_wrong_attributes(both_modules, attributes) -> None:
    """What is not {sd_id: {name: attribute}} is refused, with the same words."""
    errors = []
    for module in both_modules:
        with pytest.raises(TypeError, match="attributes must be a dict of dicts of str") as caught:
            module.Encoder(**IDENTITY, attributes=attributes)
        errors.append(str(caught.value))
        with pytest.raises(TypeError, match="attributes must be"):
            module.Encoder(**IDENTITY).replace(attributes=attributes)
    assert errors[0] == errors[1]


@try_each("sd_id", ["a b", "", "n" * 33, "\u00e9", 'a"', "a\n<13>1 x"])
def test_attributes_with_wrong_names(encoder_module, sd_id) -> None:
    """A name that no record can have is refused, or made to fit in every record."""
    try:
        encoder = encoder_module.Encoder(**IDENTITY, attributes={sd_id: {sd_id: "name"}})
    except ValueError:
        return
    parsed = parse_rfc5424(encoder.encode_record(make_record()))
    assert len(parsed.structured_data) == 1
    assert parsed.structured_data[0][1][0][1] == "till"


def test_attributes_that_change(encoder_module) -> None:
    """An encoder never changes: not with the dict that it was given, either."""
    attributes = {"a": {"b": "name"}}
    encoder = encoder_module.Encoder(**IDENTITY, attributes=attributes)
    before = encoder.encode_record(make_record())
    attributes["a"]["c"] = "msg"
    attributes["d"] = None
    assert encoder.encode_record(make_record()) == before


def test_attributes_are_an_option(encoder_module) -> None:
    """replace, copy and pickle keep attributes; protocols without a place leave them out."""
    encoder = encoder_module.Encoder(**IDENTITY, attributes=CODE)
    expected = encoder.encode_record(make_record())
    for other in (
        encoder.replace(hostname="web1"),
        encoder.replace(hostname="web2").replace(hostname="web1"),
        copy.copy(encoder),
        copy.deepcopy(encoder),
        pickle.loads(pickle.dumps(encoder)),
    ):
        assert other.encode_record(make_record()) == expected
    assert b"[" not in encoder.replace(attributes=None).encode_record(make_record())
    for protocol in ("rfc3164", "local"):
        data = encoder.replace(protocol=protocol).encode_record(make_record())
        assert b"code" not in data


# --- values that misbehave, wherever they are ----------------------------------------------------

MISBEHAVING: dict[str, dict[str, object]] = {
    **{
        f"{field} neither true nor false": {field: Undecided()}
        for field in ("exc_info", "exc_text", "stack_info", "levelno", "created", "process", "name")
    },
    **{
        f"{field} prints a hostile str": {field: PrintsHostile()}
        for field in ("exc_info", "exc_text", "stack_info", "levelno", "created", "process", "name")
    },
    **{
        f"{field} is a hostile str": {field: Hostile("text")}
        for field in ("exc_text", "stack_info", "created", "msgid", "structured_data", "name")
    },
    **{
        f"{field} pretends to be of {kind.__name__}": {field: Mock(spec=kind)}
        for field in ("args", "levelno", "created", "process", "msgid", "structured_data")
        for kind in (str, bytes, int, float, dict)
        if field != "msgid" or kind in (str, bytes)  # others print their id
    },
    **{
        f"value that pretends to be of {kind.__name__}": {
            "structured_data": {"a": {"b": Mock(spec=kind)}}
        }
        for kind in (str, bytes, dict, int)
    },
    **{
        f"parameters that pretend to be of {kind.__name__}": {
            "structured_data": {"a": Mock(spec=kind)}
        }
        for kind in (str, dict, list)
    },
    "SD-ID prints a hostile str": {"structured_data": {PrintsHostile(): {}}},
    "SD-ID is a hostile str": {"structured_data": {Hostile("a b"): {}}},
    "PARAM-NAME prints a hostile str": {"structured_data": {"a": {PrintsHostile(): 1}}},
    "value prints a hostile str": {"structured_data": {"a": {"b": PrintsHostile()}}},
    "value of a bad name prints a hostile str": {"structured_data": {"a ": {"b": PrintsHostile()}}},
    "value's error has no name": {"structured_data": {"a": {"b": Raising(NamelessError)}}},
    "elements cannot be listed": {"structured_data": ItemsRaise(a={})},
    "elements repeat": {"structured_data": RepeatedItems()},
    "parameters cannot be listed": {"structured_data": {"a": ItemsRaise(b=1)}},
    "pairs cannot be listed": {"structured_data": {"a": IterationRaises([("b", 1)])}},
    "pair has no length": {"structured_data": {"a": [PairRaises(("b", 1))]}},
    "key cannot be compared": {"structured_data": {KeyRaises(): {}}},
    "level cannot be compared": {"levelno": LevelRaises(20)},
    "time cannot be compared": {"created": TimeRaises(0)},
    "time is no number after all": {"created": TimeIsNan(0)},
}


@try_each("name", MISBEHAVING)
def test_what_misbehaves(both_modules, name) -> None:
    """Nothing in a record raises an Exception, and both encoders make the same of it."""
    fields = MISBEHAVING[name]
    is_known = "created" not in fields  # else the present time is not to be compared
    for attributes in (None, {"a": {"line": "lineno"}}):
        options = {"attributes": attributes, "procid": None}
        data = agree(both_modules, lambda: make_record(**fields), is_known, **options)
        assert parse_rfc5424(data).message.startswith("sold")


@pytest.mark.parametrize("name", ["msgid", "structured_data", "user"])
def test_properties_that_raise(both_modules, name) -> None:
    """An attribute that raises when it is read is like one that is not there."""
    kind = type("Record", (logging.LogRecord,), {name: property(lambda self: 1 // 0)})

    def make() -> logging.LogRecord:
        record = kind("till", 20, "x.py", 1, "sold", (), None)
        record.created = CREATED
        return record

    data = agree(both_modules, make, attributes={"a": {"b": "user"}})
    assert parse_rfc5424(data).message == "sold"


@try_each("name", sorted(make_record().__dict__))
def test_attributes_that_are_gone(both_modules, name) -> None:
    """A record without an attribute is one that has None there, and no error."""

    def make() -> logging.LogRecord:
        record = make_record()
        delattr(record, name)
        return record

    data = agree(both_modules, make, name != "created", attributes=CODE)
    assert parse_rfc5424(data).message == ("None" if name == "msg" else "sold")


@pytest.mark.parametrize("kind", [*odd_records.KINDS, types.SimpleNamespace, type(None)])
def test_records_that_are_none(both_modules, kind) -> None:
    """Whatever is given for a record, there is one record, and no error."""
    for fields in {"msg": "sold", "created": CREATED}, {}:
        data = agree(
            both_modules,
            lambda: odd_records.make_any_record(kind, fields, ["created"]),  # noqa: B023
            False,
            attributes=CODE,
        )
        assert parse_rfc5424(data).hostname == "web1"


# --- records that are not plain ------------------------------------------------------------------


class BraceRecord(logging.LogRecord):
    def getMessage(self) -> str:  # noqa: N802
        return str(self.msg).format(*self.args or ())


@try_each("msg, args, expected", [
        ("{} sold, 100%", (3,), "3 sold, 100%"),
        ("plain", (), "plain"),
        ("{}\n", ("\ud800",), "\ufffd"),
        ("{} {}", (3,), "{} {} <IndexError: (3,)>"),
        ("{", (3,), "{ <ValueError: (3,)>"),
        ("{}", (Raising(),), "{} <ArithmeticError: (<unprintable Raising: ArithmeticError>,)>"),
        (Raising(), (1,),
         "<unprintable Raising: ArithmeticError> <ArithmeticError: (1,)>"),
    ])  # fmt: skip
def test_brace_records(encoder_module, msg, args, expected) -> None:
    """A subclass says what its message is; what raises is named."""
    record = BraceRecord("till", 20, "x.py", 1, msg, args, None)
    record.created = CREATED
    assert read(encoder_module, record) == expected
    record.stack_info = "stack"
    assert read(encoder_module, record) == f"{expected}#012stack"


@try_each(
    "result, expected",
    [
        (b"a\xff", "a\ufffd"),
        (None, "None"),
        (5, "5"),
        (Text("true"), "true"),
        (Printable(), "a#012b \ufffd"),
        (Raising(), "<unprintable Raising: ArithmeticError>"),
        (Hostile("text"), "text"),
        (PrintsHostile(), "text"),
    ],
)
def test_messages_of_subclasses(encoder_module, result, expected) -> None:
    """getMessage of a subclass may return anything."""
    kind = type("Record", (logging.LogRecord,), {"getMessage": lambda self: result})
    record = kind("till", 20, "x.py", 1, "sold", (), None)
    record.created = CREATED
    assert read(encoder_module, record) == expected
    record.exc_text = "more"
    assert read(encoder_module, record) == f"{expected}#012more"


def test_plain_subclasses(encoder_module) -> None:
    """A subclass that leaves getMessage alone is as a plain record."""
    kind = type("Record", (logging.LogRecord,), {})
    for msg, args, expected in (("%d", (3,), "3"), ("%d", ("x",), MESSAGES["wrong kind"][2])):
        record = kind("till", 20, "x.py", 1, msg, args, None)
        record.created = CREATED
        assert read(encoder_module, record) == expected


REPLACED = """
import logging
import sys

class Mine(logging.LogRecord):
    def getMessage(self):
        return self.msg.format(*self.args)

if sys.argv[1] == "method":
    logging.LogRecord.getMessage = Mine.getMessage
elif sys.argv[1] == "class":
    logging.LogRecord = Mine
    logging.setLogRecordFactory(Mine)
elif sys.argv[1] == "factory":
    logging.setLogRecordFactory(Mine)

import syslogfast

encoder = syslogfast.Encoder(hostname="web1", app_name="shop", procid=42)
record = logging.makeLogRecord({"msg": "{} sold", "args": (3,), "created": 0.0})
print(encoder.encode_record(record).decode())
"""


@pytest.mark.parametrize("way", ["factory", "class", "method"])
def test_replaced_get_message(backend, run_python, way) -> None:
    """Whichever way a program has changed getMessage of records, its message is what is sent."""
    done = run_python(REPLACED, way, backend=backend)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "<12>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - 3 sold\n"


def test_records_on_the_way(encoder_module) -> None:
    """Copies, pickles and dicts of a record say the same."""
    record = make_record("%d\n", (3,), msgid="SALE", structured_data={"a": {"b": 1}}, process=7)
    options = {"procid": None, "attributes": CODE}
    expected = encode(encoder_module, record, **options)
    assert parse_rfc5424(expected).procid == "7"
    for other in (
        copy.copy(record),
        copy.deepcopy(record),
        pickle.loads(pickle.dumps(record)),
        logging.makeLogRecord(record.__dict__),
    ):
        assert encode(encoder_module, other, **options) == expected
    broken = make_record("%d", ("x",))
    expected = encode(encoder_module, broken)
    assert encode(encoder_module, logging.makeLogRecord(broken.__dict__)) == expected


def test_records_of_a_queue(encoder_module) -> None:
    """A record that went through QueueHandler and QueueListener says what it said before."""
    encoder = encoder_module.Encoder(**IDENTITY)
    seen: list[bytes] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(encoder.encode_record(record))

    records: queue.Queue[object] = queue.Queue()
    logger = logging.Logger("till")
    logger.addHandler(logging.handlers.QueueHandler(records))
    listener = logging.handlers.QueueListener(records, Handler())
    listener.start()
    logger.info("%d sold", 3, extra={"msgid": "SALE", "structured_data": {"a": {"b": 1}}})
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("failed")
    listener.stop()
    first, second = map(parse_rfc5424, seen)
    assert first[:1] + first[2:] == (
        *(14, "web1", "shop", "42", "SALE", [("a", [("b", "1")])], "3 sold", False),
    )
    assert second.message.startswith("failed#012Traceback (most recent call last):#012  File ")
    assert second.message.endswith("#012ValueError: bad")


# --- any record ----------------------------------------------------------------------------------

PIECES = [
    *["", "sold", "a message of some length", "x" * 31, "\n", "\0", "\x1b[2J", "\x85", "\u2028"],
    *["\u00e9", "\U0001f600" * 5, "\ud800", "\udcff", "\ufeff", "<13>1 x", "]", '"', "\\", "%%"],
]
texts = st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(max_size=20)
octets = st.one_of(texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary())
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts, octets, st.just(Printable())
)
oddities = st.one_of(
    st.sampled_from(
        [
            *[RaisingText(), Printable(), Undecided(), Text("true"), BigInt(7), NotText()],
            *[[], {}, (), 1j],
        ]
    ),
    pretenders,
    odd(int, st.integers(-1, 60)),
    odd(str, texts),
    odd(bytes, octets),
    odd(tuple, st.lists(scalars, max_size=3)),
)
anything = st.one_of(
    scalars, oddities, st.builds(lambda: HUGE), octets.map(bytearray), octets.map(memoryview)
)
templates = st.lists(
    st.sampled_from([*PIECES, "%s", "%d", "%r", "%(a)s", "%5.1f", "%", "%c"]), max_size=5
).map("".join)
arguments = st.one_of(
    st.just(()),
    st.lists(anything, max_size=4).map(tuple),
    st.lists(anything, min_size=1, max_size=4).map(tuple),
    st.dictionaries(st.sampled_from("ab"), anything),
    anything,
)
levels = st.one_of(st.integers(-10, 110), st.floats(), anything)
timestamps = st.one_of(
    st.floats(-63e9, 254e9),
    st.floats(),
    st.sampled_from([time for time in TIMES if abs(time) < 1e300 or time != time]),
    st.integers(),
    anything,
)
names = st.one_of(
    st.sampled_from(["a", "b", "a@1", "code@32473", "n" * 32, "n" * 33, "a b", "", "\u00e9"]),
    st.sampled_from([None, 5, b"a", Text("a"), RaisingText()]),
)
pairs = st.lists(st.tuples(names, anything), max_size=3)
elements = st.dictionaries(
    names,
    st.one_of(
        *(pairs.map(dict), pairs, pairs.map(tuple), odd(dict, pairs), odd(list, pairs), anything)
    ),
    max_size=3,
)
fields = st.fixed_dictionaries(
    {"msg": templates | texts | anything, "args": arguments},
    optional={
        "levelno": levels,
        "created": timestamps,
        "name": texts | anything,
        "process": st.one_of(st.integers(), texts, anything),
        "msgid": texts | anything,
        "structured_data": st.one_of(
            elements,
            odd(dict, elements),
            st.just(b'[raw@1 a="b"]'),
            anything.filter(lambda given: not isinstance(given, bytes)),  # trusted
        ),
        "exc_info": st.sampled_from([None, True, (None, None, None), ValueError("x\n"), (1, 2), 5]),
        "exc_text": texts | scalars,
        "stack_info": texts | scalars,
        "user": anything,
    },
)
identities = st.fixed_dictionaries(
    {"hostname": st.sampled_from(["web1", "\u00e9"]), "app_name": st.just("shop")},
    optional={
        "procid": st.just("42"),
        "protocol": st.sampled_from(PROTOCOLS),
        "attributes": st.sampled_from([CODE, {"a": {"b": "user"}}]),
        "header_attributes": st.sampled_from(
            [
                {"app_name": ["user", "name"], "msgid": "user"},
                {"procid": "process", "hostname": "a"},
            ]
        ),
        "enterprise_id": st.sampled_from([32473, "1.2"]),
        "structured_data": st.sampled_from(
            [{"a": {"k": 1}}, {"k@1": {"l": "\n"}}, b'[raw@1 k=""]']
        ),
        "msgid": st.just("OWN"),
        "bom": st.booleans(),
        "controls": st.just("keep"),
        "max_size": st.integers(560, 700),
        "precision": st.integers(0, 6),
        "local_time": st.booleans(),
        "facility": st.integers(0, 23),
    },
)


@pytest.mark.slow
@settings(few_examples, max_examples=EXAMPLES // 16 + 1)
@given(
    options=identities,
    records=st.lists(
        st.tuples(odd_records.kinds, fields, odd_records.removed), min_size=1, max_size=5
    ),
)
def test_any_record(both_modules, options, records) -> None:
    """Whatever a record is and holds: no error, the same octets from both, which a parser takes."""
    for kind, given_fields, removed in records:
        given_fields = {"created": CREATED, **given_fields}
        protocol = options.get("protocol", "rfc5424")
        if protocol != "rfc5424":  # the present time is not to be compared
            given_fields["created"] = CREATED
            kind = odd_records.give_time(kind)
            removed = [name for name in removed if name != "created"]
        keeps = "controls" in options
        compiled, python = (
            encode(
                module,
                odd_records.make_any_record(kind, given_fields, removed),
                **{"procid": None, **options},
            )
            for module in both_modules
        )
        assert compiled == python
        assert len(python) <= options.get("max_size", 8192 if protocol != "rfc3164" else 1024)
        if protocol == "rfc5424":
            parse_rfc5424(python, keeps_controls=keeps)
        else:
            parse_rfc3164(python, protocol == "rfc3164", keeps_controls=keeps)


good_names = st.sampled_from(["a", "b", "a@1", "n" * 32])


@pytest.mark.slow
@few_examples
@given(
    msg=st.lists(st.sampled_from(PIECES), max_size=5).map("".join),
    args=st.lists(scalars, max_size=3),
    level=st.integers(-10, 110),
    microseconds=st.integers(-(10**15), 4 * 10**15),
    msgid=st.none() | texts,
    structured_data=st.none()
    | st.dictionaries(good_names, st.dictionaries(good_names, scalars), max_size=3),
    exc_text=st.none() | texts,
    stack_info=st.none() | texts,
    options=st.sampled_from([{}, {"bom": True}, {"protocol": "rfc3164"}, {"max_size": 700}]),
)
def test_same_parts(
    both_modules,
    msg,
    args,
    level,
    microseconds,
    msgid,
    structured_data,
    exc_text,
    stack_info,
    options,
) -> None:
    """A good record is what `encode` makes of the text of logging.Formatter and the other parts."""
    record = make_record(
        msg.replace("%", "%%") + " %s" * len(args) if args else msg,
        tuple(args),
        levelno=level,
        created=microseconds / 1_000_000,
        exc_text=exc_text,
        stack_info=stack_info,
        structured_data=structured_data,
    )
    if msgid is not None:
        record.msgid = msgid
    severity = [severity for lowest, severity in SEVERITIES if lowest <= max(level, 10)][-1]
    text = logging.Formatter().format(copy.copy(record))
    for module in both_modules:
        expected = module.Encoder(**IDENTITY, **options).encode(
            severity,
            text,
            time_ns=microseconds * 1000,
            msgid=msgid,
            structured_data=structured_data,
        )
        assert encode(module, record, **options) == expected
