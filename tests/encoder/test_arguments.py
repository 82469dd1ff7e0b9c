"""`%`-arguments: the text is what Python's own `%` gives, at every door, or says what is wrong.

SYSLOGFAST_EXAMPLES is how many calls to compare: 2,000 unless given.
"""

import functools
import logging
import math
import os
import struct
import sys
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.each import try_each
from support.emitters import IDENTITY, make_emitter, take_one
from support.grammar import parse_rfc5424
from support.malicious_input import BigInt, Text

pytestmark = [pytest.mark.native, pytest.mark.versions, pytest.mark.threads]

EXAMPLES = int(os.environ.get("SYSLOGFAST_EXAMPLES", "1000"))
ROOMY = {"controls": "keep", "max_size": 1 << 20}
TIME = 1_065_910_455_003_000_000


def make_record(msg: object, args: object = ()) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": msg, "args": args, "levelno": 20, "created": TIME / 1e9})


def apply(template: str, args: object) -> str:
    """Return `template % args` by Python's own `%`, or what stands for it."""
    try:
        return template % args
    except Exception as error:
        return f"{template} <{type(error).__name__}: {args!r}>"


# --- whatever they are ---------------------------------------------------------------------------


class Number(float):
    def __float__(self) -> float:
        return 3.0

    def __repr__(self) -> str:
        return "liar"


class Formatted(str):
    __slots__ = ()

    def __mod__(self, other: object) -> str:
        return "modulo"

    def __format__(self, rule: str) -> str:
        return "format"

    def __str__(self) -> str:
        return "str"


# Decimals are rounded half to even, from the exact value: near the halves, and where a value needs
# all of its digits, a sum that is rounded once too often gives another text.
halves = st.builds(
    lambda number, digits: (number + 0.5) / 10**digits, st.integers(0, 10**16), st.integers(0, 12)
)
decimals = st.builds(
    lambda number, digits: number / 10**digits, st.integers(-(10**15), 10**15), st.integers(0, 15)
)
floats = st.one_of(
    halves,
    decimals,
    halves.map(lambda value: math.nextafter(value, 0.0)),
    decimals.map(lambda value: math.nextafter(value, math.inf)),
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", bits.to_bytes(8, "little"))[0]),
    st.floats(),
    st.sampled_from([0.0, -0.0, 0.125, 2.5, -0.5, 1e15, 1e16, 1e22, 1e-4, 9.9e-5, 5e-324, 2.0**63]),
)  # fmt: skip
numbers = st.one_of(
    st.integers(-1000, 1000),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**53 - 1, 2**53, 10**40]),
)
texts = st.one_of(
    st.text(st.characters(codec="ascii"), max_size=12),
    st.text(st.characters(codec=None), max_size=8),
    st.integers(0, 1200).map("x".__mul__),
)
OTHERS = [
    Formatted("a"),
    Text("a"),
    BigInt(7),
    Number(2.5),
    b"a",
    [1, "a"],
    (1,),
    {"a": 1},
    1j,
    len,
]
anything = st.one_of(texts, numbers, floats, st.booleans(), st.none(), st.sampled_from(OTHERS))
FITTING = {
    **dict.fromkeys("sra", anything),
    **dict.fromkeys("diu", st.one_of(numbers, floats, st.booleans())),
    **dict.fromkeys("xXo", st.one_of(numbers, st.booleans())),
    **dict.fromkeys("feEgG", st.one_of(floats, floats, numbers, st.booleans())),
}
RARE = ["%", "%5%", "%(a)s", "%*d", "%c", "%y", "%-", "%0", "%5", "%.", "%\0", "%ld", "%.*f"]


@st.composite
def templates(draw: st.DrawFn) -> tuple[str, tuple[object, ...]]:
    """Return a template and arguments, most of which fit."""
    parts, args = [], []
    for _ in range(draw(st.integers(1, 4))):
        parts.append(
            draw(st.sampled_from([*["", " ", "user ", "%%"] * 6, "\u20ac", "\n", "y" * 900]))
        )
        kind = draw(st.sampled_from([*"ssssddfffiuxXrr", *"aoeEgG"]))
        flags = draw(st.sampled_from(["", "", "", "-", "0", "-0", "00", "+", " ", "#"]))
        width = draw(st.sampled_from(["", "", "", "1", "5", "12", "99", "100", "007"]))
        precision = draw(
            st.sampled_from(["", "", ".", ".0", ".1", ".2", ".2", ".3", ".9", ".10", ".99"])
        )
        if kind in "diuxX" and draw(st.integers(0, 3)):
            precision = ""
        parts.append(f"%{flags}{width}{precision}{kind}")
        args.append(draw(FITTING[kind] if draw(st.integers(0, 31)) else anything))
    if not draw(st.integers(0, 31)):
        parts.append(draw(st.sampled_from(RARE)))
    if not draw(st.integers(0, 31)):
        args.append(draw(anything))
    return "".join(parts), tuple(args)


# A draw takes far longer than a comparison, so that each is compared at all doors.
@pytest.mark.slow
@settings(
    max_examples=EXAMPLES // 4 + 1,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
@given(given=templates())
@example(given=("%.2f", (2.675,)))
@example(given=("%.1f%%", (0.25,)))
@example(given=("%s", (0.1 + 0.2,)))
@example(given=("%.0f %.0f", (0.5, 1.5)))
def test_as_python_does(backend: str, given: tuple[str, tuple[object, ...]], monkeypatch) -> None:
    """The text of a call is Python's, to the last digit; so is `record.message`."""
    template, args = given
    monkeypatch.setattr(logging, "raiseExceptions", False)
    emitter = make_emitter(load_emitter_module(backend), **ROOMY)
    encoder = emitter._encoder
    is_mapping = len(args) == 1 and isinstance(args[0], dict)
    text = apply(template, args[0] if is_mapping else args)
    expected = encoder.encode("info", text, time_ns=TIME)
    emitter.info(template, *args, time_ns=TIME)
    assert take_one(emitter) == expected.removesuffix(b"\n")
    record = make_record(template, args)
    text = apply(template, args)
    assert encoder.encode_record(record) == encoder.encode("info", text, time_ns=TIME)
    assert record.message == text


@pytest.mark.parametrize("options", [{}, {"bom": True}, {"framing": "octet"}, {"precision": 0}])
def test_truncation(backend: str, options: dict[str, object]) -> None:
    """Formatted text is escaped and truncated as any other is."""
    module = load_emitter_module(backend)
    args = ("a\n\u20ac\x7f]", 17, 19.996)
    for limit in (*range(90, 140), 400):
        emitter = make_emitter(module, **{"max_size": limit, **options})
        for template in ("\ufeff%s \u20ac %d \x1b%.2f", "%s|%5d|%.2f" * 20):
            given = args * template.count("%s")
            expected = emitter._encoder.encode("info", template % given, time_ns=TIME)
            emitter.info(template, *given, time_ns=TIME)
            frame = bytes(emitter._queue.peek())
            emitter._queue.consume(len(frame))
            assert frame == expected
        assert emitter.stats["truncated"] >= 1


# --- code of arguments ---------------------------------------------------------------------------


class Counting:
    """Counts how often it is printed; `error` is what that raises."""

    def __init__(self, error: "Exception | None" = None) -> None:
        self.calls, self.error = 0, error

    def __str__(self) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return f"printed {self.calls}"

    def __repr__(self) -> str:
        return "Counting"


@pytest.mark.parametrize("template", ["%s", "%d %s", "%s %d", "%d %s %d", "%d %s %(a)s"])
def test_arguments_are_printed_once(backend: str, template: str, monkeypatch) -> None:
    """Whatever stands before or after it, and whether or not they fit."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    emitter = make_emitter(load_emitter_module(backend), **ROOMY)
    for error in (None, ValueError("no text")):
        for send in (
            emitter.info,
            lambda *call: emitter.emit_record(make_record(call[0], call[1:])),
        ):
            value = Counting(error)
            args = [value if part.startswith("s") else 5 for part in template.split("%")[1:]]
            send(template, *args)
            text = parse_rfc5424(take_one(emitter)).message
            assert value.calls == 1
            if error is None and "(" not in template:
                assert text == template.replace("%s", "printed 1").replace("%d", "5")
            else:
                assert text.startswith(f"{template} <")
                assert "Counting" in text


# --- arguments that do not fit -------------------------------------------------------------------


class Unprintable:
    def __repr__(self) -> str:
        raise KeyError("no text")


@pytest.mark.parametrize(
    ("template", "args", "expected"),
    [
        ("%d sold to %s", ("many", "bob"), "%d sold to %s <TypeError: ('many', 'bob')>"),
        ("sold", ("\n\u20ac",), "sold <TypeError: ('\\n\u20ac',)>"),
        ("%s", (1, Unprintable()), "%s <TypeError: (1, <unprintable Unprintable: KeyError>)>"),
        ("%s", (Unprintable(),), "%s <KeyError: (<unprintable Unprintable: KeyError>,)>"),
        ("%(b)s", {"a": Unprintable(), 1: "x"},
         "%(b)s <KeyError: {'a': <unprintable Unprintable: KeyError>, 1: 'x'}>"),
        ("%s %s", ([Unprintable()],), "%s %s <KeyError: (<unprintable list: KeyError>,)>"),
    ],
)  # fmt: skip
def test_misfits(backend: str, template: str, args: object, expected: str, monkeypatch) -> None:
    """Nothing of the call is lost: template and arguments are in the text."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    emitter = make_emitter(load_emitter_module(backend), **ROOMY)
    emitter.info(template, *(args if type(args) is tuple else [args]))
    emitter.emit_record(make_record(template, args))
    frame = bytes(emitter._queue.peek())
    assert [parse_rfc5424(data).message for data in frame.splitlines()] == [expected] * 2


def test_long_misfits(backend: str) -> None:
    """What stands for them is truncated with the record."""
    emitter = make_emitter(load_emitter_module(backend), max_size=200)
    emitter.info("%d", "x" * 10_000)
    data = take_one(emitter)
    assert len(data) == 200
    assert b"%d <TypeError: ('xxxx" in data
    assert emitter.stats["truncated"] == 1


# --- a record's own ------------------------------------------------------------------------------


def keep_name(method: FunctionType) -> FunctionType:
    @functools.wraps(method)
    def wrapper(self: logging.LogRecord) -> str:
        return f"wrapped: {method(self)}"

    return wrapper


class Proxy:
    """Has all that a function has, as the wrappers of some monitoring packages do."""

    def __init__(self, function: FunctionType) -> None:
        self.function = function

    def __getattr__(self, name: str) -> object:
        return getattr(self.function, name)

    def __get__(self, record: object, kind: type) -> object:
        return self if record is None else ProxyMethod(MethodType(self.function, record))


class ProxyMethod(Proxy):
    def __call__(self) -> str:
        return f"wrapped: {self.function()}"


def own(record: logging.LogRecord) -> str:
    return f"own: {record.msg}"


SET_METHOD: dict[str, Callable[[logging.LogRecord], object]] = {
    "function": lambda record: lambda: own(record),
    "method": lambda record: MethodType(own, record),
    "another's method": lambda record: make_record("own: %s sold").getMessage,
}


@try_each("args", [(), (3,)])
@try_each("name", SET_METHOD)
def test_own_get_message(encoder_module: ModuleType, name: str, args: tuple) -> None:
    """A record's own getMessage is seen, even after others of its class."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for _ in range(2):
        assert encoder.encode_record(make_record("%s sold", (3,))).endswith(b" 3 sold")
        record = make_record("%s sold", args)
        record.getMessage = SET_METHOD[name](record)
        assert encoder.encode_record(record).endswith(b" - own: %s sold")
        assert record.message == "own: %s sold"


@pytest.mark.parametrize("wrap", [keep_name, Proxy])
def test_wrapped_get_message(encoder_module: ModuleType, wrap: Callable, monkeypatch) -> None:
    """What wraps logging's own method is seen, though it has that one's name."""
    encoder = encoder_module.Encoder(**IDENTITY)
    assert encoder.encode_record(make_record("%s sold", (3,))).endswith(b" - 3 sold")
    monkeypatch.setattr(logging.LogRecord, "getMessage", wrap(logging.LogRecord.getMessage))
    assert encoder.encode_record(make_record("%s sold", (3,))).endswith(b" - wrapped: 3 sold")
    monkeypatch.undo()
    assert encoder.encode_record(make_record("%s sold", (3,))).endswith(b" - 3 sold")


MESSAGES = [
    ("sold", ()),
    ("%s sold", (3,)),
    ("%s \udc80", ("\u20ac",)),
    ("%(n)d sold", {"n": 3}),
    (ValueError("sold"), ()),
    ("%s", ([1],)),
    ("{} %s", 5),
]


@try_each("msg, args", MESSAGES)
@try_each("exc_info", [None, (ValueError, ValueError("bad"), None)])
def test_message_is_left(encoder_module: ModuleType, msg: object, args: object, exc_info) -> None:
    """`record.message` and `exc_text` are what logging.Formatter leaves there."""
    encoder = encoder_module.Encoder(**IDENTITY)
    formatter = encoder_module.RecordFormatter(encoder, True, True)
    ours, other, standard = (make_record(msg, args) for _ in range(3))
    for record in (ours, other, standard):
        record.exc_info = exc_info
    encoder.encode_record(ours)
    formatter.format(other)
    logging.Formatter().format(standard)
    assert (
        vars(ours).items() >= {"message": standard.message, "exc_text": standard.exc_text}.items()
    )
    assert vars(other)["message"] == standard.message
    assert vars(other)["exc_text"] == standard.exc_text


class Narrow:
    """A record that takes no attribute."""

    __slots__ = ()
    msg, args, levelno, created = "%s sold", (3,), 20, 0.0


def test_records_that_take_none(encoder_module: ModuleType) -> None:
    """Where nothing can be left there, the text is written all the same."""
    assert encoder_module.Encoder(**IDENTITY).encode_record(Narrow()).endswith(b" - 3 sold")


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("is_own", [True, False])
def test_misfits_are_reported(
    encoder_module: ModuleType, raises, is_own, monkeypatch, capsys
) -> None:
    """Standard error has what `logging` prints there, if it is to print that."""
    monkeypatch.setattr(logging, "raiseExceptions", raises)
    encoder = encoder_module.Encoder(**IDENTITY)
    record = make_record("%d sold", ("many",))
    if is_own:
        record.getMessage = lambda: 1 / 0
    assert b" - %d sold <" in encoder.encode_record(record)
    told = capsys.readouterr().err
    assert told.startswith("--- Logging error ---\nTraceback ") is raises
    assert told.endswith("Message: '%d sold'\nArguments: ('many',)\n") is raises
    assert ("ZeroDivisionError: " if is_own else "%d ") in told or not raises
    assert raises or not told


def test_misfits_without_standard_error(encoder_module: ModuleType, monkeypatch) -> None:
    """Where there is none, or it is closed, nothing is raised."""
    encoder = encoder_module.Encoder(**IDENTITY)
    for stream in (None, open(os.devnull, "w"), object()):  # noqa: SIM115
        if hasattr(stream, "close"):
            stream.close()
        monkeypatch.setattr(sys, "stderr", stream)
        data = encoder.encode_record(make_record("%d sold", ("many",)))
        assert data.endswith(b"%d sold <TypeError: ('many',)>")
    monkeypatch.setattr(logging, "lastResort", None)
    assert encoder.encode_record(make_record("%d", ("many",))).endswith(b"('many',)>")
