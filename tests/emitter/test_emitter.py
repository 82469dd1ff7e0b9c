"""Emitters: from a call to bytes in the queue, on both backends; `test_delivery` sends it.

Most emitters here are of a UDP transport whose sends are put into a list, or of a TCP transport to
nowhere whose queue is read.
"""

import gc
import inspect
import json
import math
import os
import pathlib
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from logging import makeLogRecord
from types import ModuleType

import pytest
from support.backends import load_emitter_module
from support.each import try_each
from support.emitters import (
    HEAVY,
    IDENTITY,
    LEVELS,
    TIME,
    make_emitter,
    take,
    take_one,
    take_text,
)
from support.grammar import parse_rfc5424

import syslogfast
from syslogfast.constants import SEVERITIES

pytestmark = [pytest.mark.native, pytest.mark.versions, pytest.mark.threads]

NOWHERE = "tcp://127.0.0.1:9?framing=lf"  # a linger that does not end keeps all in the queue
Run = Callable[..., "object"]


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


# --- one record ----------------------------------------------------------------------------------


class Number(int):
    pass


@try_each("severity", [*range(8), *SEVERITIES, True, Number(5)])
def test_severities(module: ModuleType, severity: object) -> None:
    """Whatever an encoder takes for a severity, emit does."""
    emitter = make_emitter(module)
    emitter.emit(severity, "text", time_ns=TIME)
    expected = emitter._encoder.encode(severity, "text", time_ns=TIME)
    assert take_one(emitter) + b"\n" == expected
    assert emitter.stats["offered"] == 1


@try_each("severity", list(syslogfast.Severity))
def test_severity_enum(module: ModuleType, severity: int) -> None:
    """A Severity is one, too."""
    emitter = make_emitter(module)
    emitter.emit(severity, "text")
    assert take_one(emitter).startswith(b"<%d>1 " % (8 + severity))


@try_each(
    "severity, kind",
    [
        *[(severity, ValueError) for severity in (8, -1, 2**70, -(2**70), "", "INF0", "loud")],
        *[(severity, TypeError) for severity in (None, 1.0, b"info", [], object)],
    ],
)
def test_bad_severities(module: ModuleType, severity: object, kind: type) -> None:
    """A wrong severity is the programmer's error: raised, and no record was offered."""
    emitter = make_emitter(module)
    with pytest.raises(kind, match=r"^severity must be "):
        emitter.emit(severity, "text")
    with pytest.raises(kind, match=r"^severity must be "):
        emitter.emit_many(severity, ["text"])
    assert emitter.stats["offered"] == 0


@try_each("code", range(8))
def test_level_methods(module: ModuleType, code: int) -> None:
    """Each is emit for one severity, with all its arguments."""
    emitter = make_emitter(module)
    method = getattr(emitter, LEVELS[code])
    method("%s and %d", "a", 2, msgid="ID", structured_data={"a@1": {"b": "c"}}, time_ns=TIME)
    method("plain")
    first, second = map(parse_rfc5424, take(emitter))
    assert (first.priority, first.message, first.msgid) == (8 + code, "a and 2", "ID")
    assert first.timestamp == "2003-10-11T22:14:15.003000Z"
    assert first.structured_data == [("a@1", [("b", "c")])]
    assert (second.priority, second.message, second.msgid) == (8 + code, "plain", "-")


class Unprintable:
    def __str__(self) -> str:
        raise KeyError("on purpose")

    __repr__ = __str__


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "liar"


@try_each(
    "template, args, expected",
    [
        ("%s sold", ("a",), "a sold"),
        ("%d%%", (5,), "5%"),
        ("%s %s", ("a", "b"), "a b"),
        ("%(n)d sold by %(who)s", ({"n": 3, "who": "x"},), "3 sold by x"),
        ("%s", ({"n": 3},), "{'n': 3}"),
        ("%s", ({},), "{}"),
        ("%s", ((1, 2),), "(1, 2)"),
        ("%s", (None,), "None"),
        ("%s \u20ac", ("\u00fc",), "\u00fc \u20ac"),
        (Text("%s!"), (Text("x"),), "liar!"),
        (5, ("a",), "5 <TypeError: ('a',)>"),
        (b"%s", ("a",), "a"),
        ("no place", ("a",), "no place <TypeError: ('a',)>"),
        ("%s %s", ("a",), "%s %s <TypeError: ('a',)>"),
        ("%d", ("a",), "%d <TypeError: ('a',)>"),
        ("%d", (-7.9,), "-7"),
        ("%d", (1e18,), "1000000000000000000"),
        ("%d %s", (-1e19, "x"), "-10000000000000000000 x"),
        ("%d", (math.nan,), "%d <ValueError: (nan,)>"),
        ("%d", (math.inf,), "%d <OverflowError: (inf,)>"),
        ("%", ("a",), "% <ValueError: ('a',)>"),
        ("%(n)d", ({"m": 3},), "%(n)d <KeyError: {'m': 3}>"),
        ("%s", (Unprintable(),), "%s <KeyError: ("),
        (Unprintable(), ("a",), "<unprintable Unprintable: KeyError> <TypeError: ('a',)>"),
    ],
)
def test_arguments(module: ModuleType, template: object, args: tuple, expected: str) -> None:
    """Arguments are formatted as logging does; if they do not fit, the template is kept."""
    emitter = make_emitter(module)
    emitter.emit("info", template, *args)
    text = take_text(emitter)
    assert text.startswith(expected) if expected.endswith("(") else text == expected


@try_each(
    "template, value",
    [
        *[(template, value) for template in ("%s", "%r") for value in (1.0, -2.0, 0.1, 1e15, 1e-5)],
        *[("%s", value) for value in (123456789012345.6, 0.00012345678901234, 0.3000000000000004)],
        *[(template, -3) for template in ("%05d", "%-5d|", "%5d", "%05.1f", "%06x")],
        *[("%f", value) for value in (1 << 60, -(1 << 60), 1 << 53, 2.5, 1e22, math.inf)],
        *[("%.6f", 2.0**51 + 0.5), ("%.9f", 1e10), ("%.3f", 2.0**53)],
        *[("%.9f", 0.5), ("%.0f", 0.5), ("%.20f", 0.1), ("%5s|", "\u00fc"), ("%-9s|", "\u00fc")],
    ],
)
def test_numbers_are_written_as_python_does(
    module: ModuleType, template: str, value: object
) -> None:
    emitter = make_emitter(module)
    emitter.emit("info", template, value)
    assert take_text(emitter) == template % value


@try_each("template", ["%s", "a %s", "%s b", "%-99s|", "%99s|", "%s%s", "%r"])
def test_arguments_about_as_long_as_the_space(module: ModuleType, template: str) -> None:
    """What is formatted without Python has 1024 octets; a longer text is formatted as well."""
    emitter = make_emitter(module)
    for size in (*range(780, 800), *range(860, 1140, 3)):
        args = ("x" * size,) * template.count("%")
        emitter.emit("info", template, *args)
        assert take_text(emitter) == template % args


def release_view() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


@try_each(
    "message, expected",
    [
        ("text", "text"),
        ("100 % of it, %s", "100 % of it, %s"),
        ("", None),
        ("\u20ac\ud800", "\u20ac\ufffd"),
        ("two\nlines\0", "two#012lines#000"),
        (Text("text"), "text"),
        (b"octets", "octets"),
        (b"ill-formed \xff", "ill-formed \ufffd"),
        (bytearray(b"octets"), "octets"),
        (memoryview(b"octets"), "octets"),
        (memoryview(b"o-c-t-e-t-s")[::2], "octets"),
        (memoryview(b"octets").cast("H"), "octets"),
        (None, "None"),
        (5, "5"),
        (1.5, "1.5"),
        ([1, "\n"], "[1, '\\n']"),
        ({"a": 1}, "{'a': 1}"),
        (ValueError("wrong"), "wrong"),
        (Unprintable(), "<unprintable Unprintable: KeyError>"),
        (release_view(), "<unprintable memoryview: ValueError>"),
    ],
)
def test_messages(module: ModuleType, message: object, expected: str | None) -> None:
    """Anything is a message, and nothing that it does when it is printed reaches the caller."""
    emitter = make_emitter(module)
    for _ in range(2):
        emitter.emit("info", message)
        emitter.info(message)
        emitter.emit_many("info", [message])
    assert [parse_rfc5424(record).message for record in take(emitter)] == [expected] * 6
    assert emitter.stats == {
        "offered": 6,
        "sent": 6,
        "queued": 0,
        "dropped": {},
        "truncated": 0,
        "bytes": emitter.stats["bytes"],
        "reconnects": 0,
        "failure": None,
        "recorder": None,
    }


OPTIONS = [
    {},
    {"framing": None},
    {"framing": "octet"},
    {"framing": "nul", "controls": "keep"},
    {"protocol": "rfc3164", "local_time": False},
    {"protocol": "local", "local_time": False},
    {"bom": True, "prefix": b"TOKEN "},
    {"local_time": True, "precision": 0},
    {"structured_data": {"a@1": {"x": "y"}}, "msgid": "ID47"},
    {"max_size": 400},
]
CALLS = [
    {},
    {"msgid": "\u00e9"},
    {"structured_data": {"b@2": [("n", 1), ("n", '"')]}},
    {"structured_data": b'[b@2 n="1"]', "msgid": "ID"},
    {"structured_data": {"b@2": {"n": "\u20ac\n" * 200}}},
    {"time_ns": -(10**30)},
    {"time_ns": float("nan")},
]
TEXTS = ["plain", "", "gr\u00fc\u00df\n", b"\xff\0octets", "\ufeffx", "x" * 500, "\u20ac" * 3000]


@try_each("options", OPTIONS)
def test_bytes_are_those_of_encode(module: ModuleType, options: dict) -> None:
    """What is queued is what the encoder gives, of each kind of call."""
    emitter = make_emitter(module, **options)
    if options.get("protocol"):
        calls = [call for call in CALLS if not isinstance(call.get("time_ns"), (int, float))]
    else:
        calls = CALLS
    expected = bytearray()
    for call in calls:
        for text in TEXTS:
            arguments = {"time_ns": TIME, **call}
            emitter.emit(6, text, **arguments)
            expected += emitter._encoder.encode(6, text, **arguments)
    data = bytearray()
    while view := emitter._queue.peek():
        data += view
        emitter._queue.consume(len(view))
    assert data == expected
    assert emitter.stats["offered"] == len(calls) * len(TEXTS)


@try_each(
    "arguments, kind",
    [
        ({"msgid": 5}, TypeError),
        ({"msgid": b"ID"}, TypeError),
        ({"time_ns": "now"}, TypeError),
        ({"time_ns": 1.5}, TypeError),
    ],
)
def test_errors_are_those_of_encode(module: ModuleType, arguments: dict, kind: type) -> None:
    """What a program wrote wrong is raised in the encoder's words, and not counted as offered."""
    emitter = make_emitter(module)
    with pytest.raises(kind) as expected:
        emitter._encoder.encode(6, "text", **arguments)
    for text in ("text", "\u20ac", b"text"):
        with pytest.raises(kind) as caught:
            emitter.emit(6, text, **arguments)
        assert str(caught.value) == str(expected.value)
        with pytest.raises(kind):
            emitter.error(text, **arguments)
    assert emitter.stats["offered"] == 0
    emitter.info("next")
    assert take_text(emitter) == "next"


@try_each("sequence", [False, True])
@try_each(
    "data, expected",
    [
        ({"bad name": {}}, [("bad_name", [])]),
        ({"a": {"": 1}}, [("a", [("_", "1")])]),
        ({"a" * 33: {}}, [("a" * 32, [])]),
        ({"my_" + "d" * 30 + "@32473": {}}, [("my_" + "d" * 23 + "@32473", [])]),
        ({"a": {5: 1}}, [("a", [("5", "1")])]),
        ({"a": 5}, [("a", [("value", "5")])]),
        ({"a": None}, [("a", [])]),
        ({"a b": {}, "a_b": {"c": 1}}, [("a_b", [("c", "1")])]),
        ([1], []),
        ("x", []),
        ({"a": {"b": Unprintable()}}, [("a", [("b", "<unprintable Unprintable: KeyError>")])]),
    ],
)
def test_structured_data_never_raise(
    module: ModuleType, data: object, expected: list, sequence: bool
) -> None:
    """They come with a record: names that no record can have are made to fit, as in a LogRecord."""
    emitter = make_emitter(module)
    if sequence:
        encoder, queue, sender = emitter._encoder, emitter._queue, emitter._sender
        emitter = module.Emitter(encoder, queue, sender, module.Sequence())
    emitter.emit(6, "text", structured_data=data)
    emitter.info("t\u20acxt", structured_data=data)
    emitter.emit_record(makeLogRecord({"msg": "text", "structured_data": data}))
    for number, record in enumerate(take(emitter), 1):
        numbers = [("meta", [("sequenceId", str(number))])] if sequence else []
        assert parse_rfc5424(record).structured_data == expected + numbers


def test_present_time(module: ModuleType) -> None:
    """Without time_ns a record has the time of the call."""
    emitter = make_emitter(module)
    before = syslogfast.format_timestamp()
    emitter.info("text")
    emitter.info("\u20ac", msgid="ID")
    emitter.emit_many("info", ["text"])
    after = syslogfast.format_timestamp()
    for record in take(emitter):
        assert before <= parse_rfc5424(record).timestamp <= after


def test_exception(module: ModuleType) -> None:
    """The traceback stands after the message, in a record of severity 3."""
    emitter = make_emitter(module)
    try:
        raise LookupError("no such order")
    except LookupError:
        emitter.exception("order %d", 17)
        emitter.exception("100 %")
        emitter.exception(Unprintable())
    first, second, third = map(parse_rfc5424, take(emitter))
    assert first.priority == 8 + 3
    lines = first.message.split("#012")
    assert lines[:2] == ["order 17", "Traceback (most recent call last):"]
    assert lines[-1] == "LookupError: no such order"
    assert second.message.startswith("100 %#012Traceback ")
    assert third.message.startswith("<unprintable Unprintable: KeyError>#012Traceback ")


def test_exception_without_one(module: ModuleType) -> None:
    """Where nothing is being handled it says so, as logging does, and does not fail."""
    emitter = make_emitter(module)
    emitter.exception("text")
    assert take_text(emitter) == "text#012NoneType: None"


# --- many records --------------------------------------------------------------------------------


def test_emit_many(module: ModuleType) -> None:
    """Any iterable gives a record for each message, in order, of any kind."""
    emitter = make_emitter(module)
    emitter.emit_many("notice", ["a", b"b"])
    emitter.emit_many(5, (text for text in ("c", 5)))
    emitter.emit_many(5, ())
    emitter.emit_many(5, "de")
    emitter.emit_many(5, {"%s": 1})
    emitter.emit_many(5, [None, "\u20ac", Unprintable()])
    records = [parse_rfc5424(record) for record in take(emitter)]
    texts = ["a", "b", "c", "5", "d", "e", "%s", "None", "\u20ac"]
    assert [record.message for record in records] == [
        *texts,
        "<unprintable Unprintable: KeyError>",
    ]
    assert {record.priority for record in records} == {8 + 5}


def test_emit_many_reads_the_clock_once(module: ModuleType) -> None:
    """All that go out together have one time, also those of a thousand messages."""
    emitter = make_emitter(module)
    emitter._queue.threshold = 1 << 62
    emitter.emit_many("info", ["x", "\u20ac", b"y", 5] * 250)
    assert len({parse_rfc5424(record).timestamp for record in take(emitter)}) == 1


def test_emit_many_reads_the_clock_after_a_send(module: ModuleType) -> None:
    """Sending may take time: what comes after it has the time that it is then."""
    import time

    emitter = make_emitter(module)
    emitter._sender.pump = lambda: time.sleep(0.001)
    emitter.emit_many("err", ["x"] * 3)
    assert len({parse_rfc5424(record).timestamp for record in take(emitter)}) == 3


@pytest.mark.parametrize("message", ["x" * 200, "\u20ac" * 100])
def test_emit_many_reads_the_clock_after_a_drop(module: ModuleType, message: str) -> None:
    """To find no space may have taken time, too."""
    import time

    def give() -> Iterator[str]:
        yield "first"
        yield message
        time.sleep(0.001)
        yield "last"

    emitter = make_emitter(module, 200)
    emitter._queue.threshold = 1 << 62
    emitter.emit_many("info", give())
    first, last = map(parse_rfc5424, take(emitter))
    assert (first.message, last.message) == ("first", "last")
    assert first.timestamp < last.timestamp
    assert emitter.stats["dropped"] == {"too large": 1}


def test_emit_many_of_a_failing_generator(module: ModuleType) -> None:
    """What was queued before it raised stays queued, and the error is the caller's."""

    def give() -> Iterator[str]:
        yield "a"
        yield "b"
        raise LookupError("no more")

    emitter = make_emitter(module)
    with pytest.raises(LookupError, match="no more"):
        emitter.emit_many("info", give())
    assert [parse_rfc5424(record).message for record in take(emitter)] == ["a", "b"]
    for wrong in (None, 5):
        with pytest.raises(TypeError):
            emitter.emit_many("info", wrong)
    assert emitter.stats["offered"] == 2


def test_emit_many_within_itself(module: ModuleType) -> None:
    """A generator may log while it gives messages."""

    def give() -> Iterator[str]:
        for number in range(100):
            emitter.info("inner %d", number)
            yield f"outer {number}"

    emitter = make_emitter(module)
    emitter.emit_many("info", give())
    texts = [parse_rfc5424(record).message for record in take(emitter)]
    assert texts == [f"{kind} {number}" for number in range(100) for kind in ("inner", "outer")]


def test_str_may_log(module: ModuleType) -> None:
    """So may a message that is being printed, or a value of structured data."""

    class Talkative:
        def __str__(self) -> str:
            emitter.info("asked")
            return "answer"

    emitter = make_emitter(module)
    emitter.info(Talkative())
    emitter.info("%s", Talkative())
    texts = [parse_rfc5424(record).message for record in take(emitter)]
    assert texts == ["asked", "answer", "asked", "answer"]
    emitter.info("data", structured_data={"a": {"b": Talkative()}})
    records = [parse_rfc5424(record) for record in take(emitter)]
    assert [record.message for record in records] == ["asked", "data"]
    assert records[1].structured_data == [("a", [("b", "answer")])]


# --- children ------------------------------------------------------------------------------------


def test_child(module: ModuleType) -> None:
    """A child speaks with its own identity on the same transport, and into the same counts."""
    parent = make_emitter(module, facility="local0", msgid="ID")
    child = parent.child(hostname="vm-1", app_name="till", procid=7)
    grandchild = child.child(app_name="drawer", facility="local1")
    parent.info("a")
    child.info("b")
    grandchild.info("c")
    records = [parse_rfc5424(record) for record in take(parent)]
    assert [
        (r.priority, r.hostname, r.app_name, r.procid, r.msgid, r.message) for r in records
    ] == [
        (16 * 8 + 6, "web1", "shop", "42", "ID", "a"),
        (16 * 8 + 6, "vm-1", "till", "7", "ID", "b"),
        (17 * 8 + 6, "vm-1", "drawer", "7", "ID", "c"),
    ]
    assert parent.stats == child.stats == grandchild.stats
    assert parent.stats["offered"] == 3
    assert isinstance(grandchild, module.Emitter)


@try_each(
    "constant, given, joined",
    [
        (None, {"b": {"n": 2}}, b'[b n="2"]'),
        ({"a": {"n": 1}}, None, b'[a n="1"]'),
        ({"a": {"n": 1}}, {}, b'[a n="1"]'),
        ({"a": {"n": 1}}, b"-", b'[a n="1"]'),
        ({"a": {"n": 1}}, {"b": {"n": "]\1\n"}}, b'[a n="1"][b n="\\]#001#012"]'),
        ({"a": {"n": "]\1\n"}, "b": {}}, b'[b n="2"]', b'[a n="\\]#001#012"][b n="2"]'),
        (b'[a n="1"][b]', {"a": {"n": 2}}, b'[b][a n="2"]'),
    ],
)
@try_each("controls", ["escape", "keep"])
def test_structured_data_of_a_child(
    module: ModuleType, constant: object, given: object, joined: bytes, controls: str
) -> None:
    """It replaces elements of the same SD-ID and joins the others, as that of a record does."""
    if controls == "keep":  # but for the delimiter
        joined = joined.replace(b"#001", b"\1")
    parent = make_emitter(module, structured_data=constant, controls=controls)
    child = parent.child(structured_data=given)
    changed = make_emitter(module, structured_data=constant)
    changed = changed.child(controls=controls, structured_data=given)
    assert b" " + joined + b" a" in changed._encoder.encode("info", "a")
    child.info("a")
    child.child(hostname="vm-1").info("b")
    parent.info("c", structured_data=given)
    parent.info("d")
    *records, last = take(parent)
    assert len(records) == 3
    for record, text in zip(records, (b" a", b" b", b" c"), strict=True):
        assert b" " + joined + text in record
    assert (b" " + joined + b" d" in last) == (given in (None, {}, b"-"))  # the parent has its own


@try_each("option", ["framing", "protocol"])
@try_each("value", ["lf", "octet", None, "rfc5424", "rfc3164"])
def test_child_keeps_to_the_transport(module: ModuleType, option: str, value: object) -> None:
    """Framing and protocol are the transport's: even the same ones are refused."""
    emitter = make_emitter(module)
    for parent in (emitter, emitter.child()):
        with pytest.raises(ValueError, match=f"^{option} must be left out of a child"):
            parent.child(**{option: value})


@pytest.mark.parametrize(
    ("identity", "kind"),
    [({"colour": 1}, TypeError), ({"hostname": 5}, TypeError), ({"facility": 24}, ValueError)],
)
def test_child_arguments(module: ModuleType, identity: dict, kind: type) -> None:
    """Other wrong options are those of Encoder."""
    with pytest.raises(kind):
        make_emitter(module).child(**identity)


def test_child_closes_nothing(module: ModuleType) -> None:
    """Closing a child, by hand or as a context manager, only flushes."""
    calls = []
    emitter = make_emitter(module)
    emitter._sender.flush = lambda timeout: calls.append(("flush", timeout))
    emitter._sender.close = lambda timeout: calls.append(("close", timeout))
    with emitter.child(hostname="a") as child:
        child.close(1.5)
    child.child().close()
    assert calls == [("flush", 1.5), ("flush", None), ("flush", None)]
    with emitter as same:
        assert same is emitter
    emitter.close(2)
    assert calls[3:] == [("close", None), ("close", 2)]


def count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.slow
def test_children_are_small(module: ModuleType, backend: str, record_property: Run) -> None:
    """2,000 of them, with their names, take 350 bytes each and no descriptor."""
    parent = module.connect(NOWHERE, hostname="host")
    descriptors = count_descriptors()
    for _ in range(10):
        parent.child(hostname="vm-00000", app_name="service-00")
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        children = [
            parent.child(hostname=f"vm-{number:05d}", app_name=f"service-{number % 100:02d}")
            for number in range(2_000)
        ]
        gc.collect()
        each = (tracemalloc.get_traced_memory()[0] - before) / len(children)
    finally:
        tracemalloc.stop()
    assert count_descriptors() == descriptors
    record_property("bytes_per_child", each)
    print(f"{backend}: {each:.0f} bytes for a child")
    assert each <= {"c": 350, "python": 2000}[backend]
    parent.close(0)


# --- truncation ----------------------------------------------------------------------------------


@try_each(
    "options, arguments, text, is_truncated",
    [
        ({}, {}, "x" * 8000, False),
        ({}, {}, "x" * 9000, True),
        ({}, {}, "\u20ac" * 9000, True),
        ({}, {}, b"x" * 9000, True),
        ({"max_size": 500}, {"msgid": "ID"}, "x" * 500, True),
        ({"max_size": 500}, {"msgid": "ID"}, "x", False),
        ({"max_size": 500}, {"structured_data": {"a": {"b": "x" * 600}}}, "text", True),
        ({"max_size": 500}, {"structured_data": {"a": {"b": "x" * 600}}}, "", True),
        ({"max_size": 500}, {"structured_data": {"a": {"b": "x" * 100}}}, "text", False),
        ({"max_size": 500}, {"structured_data": {"a": {"b": "x" * 100}}}, "x" * 400, True),
        ({"max_size": 500}, {"structured_data": b'[a b="' + b"x" * 600 + b'"]'}, "text", True),
        ({"max_size": 500}, {}, "\n" * 120 + "x", True),
        ({"max_size": 500, "controls": "keep", "framing": "nul"}, {}, "\n" * 120, False),
        ({"bom": True}, {}, "\ufeff\ufefftext", False),
        ({"protocol": "rfc3164"}, {}, "x" * 1024, True),
        ({"protocol": "rfc3164"}, {"structured_data": {"a": {"b": "x" * 2000}}}, "text", False),
    ],
)
def test_truncated(
    module: ModuleType, options: dict, arguments: dict, text: object, is_truncated: bool
) -> None:
    """A record counts as truncated if its text was cut, or its structured data left out."""
    emitter = make_emitter(module, **options)
    emitter.emit(6, text, **arguments)
    assert emitter.stats["truncated"] == is_truncated
    emitter.emit(6, "short")
    assert emitter.stats["truncated"] == is_truncated


def test_truncated_at_the_exact_size(module: ModuleType) -> None:
    """A text that fits to the last octet is not cut, and one octet more is."""
    for framing in ("lf", "octet", "nul", None):
        emitter = make_emitter(module, max_size=600, framing=framing)
        space = 600 - len(emitter._encoder.header(6, time_ns=TIME))
        for number, text in enumerate(["x", "\u20ac", "\b", b"\xff"]):
            width = len(emitter._encoder.replace(framing=None).encode(6, text, time_ns=TIME))
            width -= 600 - space
            fitting = text * (space // width)
            emitter.emit(6, fitting, time_ns=TIME)
            assert emitter.stats["truncated"] == number
            emitter.emit(6, fitting + text, time_ns=TIME)
            assert emitter.stats["truncated"] == number + 1


def test_space_that_fits_exactly(module: ModuleType) -> None:
    """A queue of ten records' size holds ten, and the newest, if the oldest are dropped."""
    size = len(module.Encoder(framing="lf", **IDENTITY).encode(6, "00"))
    for overflow, kept in ("drop-oldest", range(20, 30)), ("drop-newest", range(10)):
        emitter = module.connect(
            "tcp://nobody.invalid:1", queue_bytes=10 * size, overflow=overflow, **IDENTITY
        )
        for number in range(30):
            emitter.info("%02d", number)
        assert emitter.stats["queued"] == 10
        texts = [parse_rfc5424(record).message for record in take(emitter)]
        assert [int(text) for text in texts] == list(kept)
        emitter.close(0)


def test_not_truncated_where_a_header_fits_exactly(module: ModuleType) -> None:
    """A header as long as a record may be, with all its structured data, lacks nothing."""
    options = {**IDENTITY, "structured_data": {"a@1": {"n": "x" * 100}}}
    header = module.Encoder(**options).header(6, time_ns=TIME)
    emitter = make_emitter(module, max_size=len(header) - len(b" "), **options)
    emitter.emit(6, "", time_ns=TIME)
    assert take(emitter) == [header[:-1]]
    assert emitter.stats["truncated"] == 0


# --- the end -------------------------------------------------------------------------------------


def test_close(module: ModuleType) -> None:
    """What comes after close() is dropped as "closed", also of children; nothing is raised."""
    emitter = module.connect("udp://127.0.0.1:9", **IDENTITY)
    child = emitter.child(hostname="vm-1")
    emitter.close()
    emitter.info("late")
    child.error("late")
    emitter.emit_many("err", ["late", "later"])
    stats = emitter.stats
    assert stats["dropped"] == {"closed": 4}
    assert stats["offered"] == 4
    assert emitter.flush(0)
    emitter.close()
    emitter.close(0)
    assert emitter.stats == stats


def test_close_drops_what_is_left(module: ModuleType) -> None:
    """What could not be sent within the timeout is dropped as "closed"."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        emitter = module.connect(f"tcp://127.0.0.1:{unheard.getsockname()[1]}", timeout=0.1)
        emitter.emit_many("info", ["x"] * 10)
        assert emitter.stats["queued"] == 10
        emitter.close()
    assert emitter.stats["dropped"] == {"closed": 10}
    assert (emitter.stats["queued"], emitter.stats["sent"]) == (0, 0)


def test_context_manager(module: ModuleType) -> None:
    """Leaving the block closes, after an exception, too, which goes on."""
    with module.connect("udp://127.0.0.1:9") as emitter:
        assert isinstance(emitter, module.Emitter)
    emitter.info("late")
    assert emitter.stats["dropped"] == {"closed": 1}
    with pytest.raises(LookupError), module.connect("udp://127.0.0.1:9") as emitter:
        raise LookupError
    emitter.info("late")
    assert emitter.stats["dropped"] == {"closed": 1}


def test_repr(module: ModuleType) -> None:
    """It names collector and identity, and no secret."""
    emitter = make_emitter(module, prefix=b"TOKEN ")
    assert repr(emitter).startswith("<Emitter to tls://logs:6514, udp://[::1], Encoder(")
    assert "hostname='web1'" in repr(emitter)
    assert "TOKEN" not in repr(emitter)
    assert repr(emitter.child(hostname="vm-1")).startswith("<Child to tls://")


# --- connect -------------------------------------------------------------------------------------


@try_each(
    "urls, options, kind, message",
    [
        (["http://h"], {}, ValueError, "url must begin with one of "),
        ([""], {}, ValueError, "url must begin with one of "),
        (["udp://127.0.0.1:0"], {}, ValueError, "url must have a port in 1..65535"),
        (["tcp://h?colour=1"], {}, ValueError, "url must have no option 'colour'"),
        (["udp://h?framing=lf"], {}, ValueError, "url must have a framing that udp can use"),
        (["udp://h", "nonsense"], {}, ValueError, "url must begin with one of "),
        ([5], {}, TypeError, ""),
        ([None], {}, TypeError, ""),
        ([b"udp://h"], {}, TypeError, ""),
        ([["udp://h"]], {}, TypeError, ""),
        (["tcp://h?framing=lf"], {"framing": "octet"}, ValueError, "url must have the framing "),
        (["udp://h"], {"framing": "lf"}, ValueError, "url must have the framing lf, as is asked"),
        (["tcp://h"], {"framing": "crlf"}, ValueError, "framing must be one of "),
        (["tcp://h", "udp://h"], {}, ValueError, "url must have the framing lf, as is asked"),
        (
            ["tcp://h?framing=lf", "tcp://i?framing=nul"],
            {},
            ValueError,
            "url must have the framing ",
        ),
        (["udp://h"], {"overflow": "drop"}, ValueError, "overflow must be one of "),
        (["udp://h"], {"overflow": None}, ValueError, "overflow must be one of "),
        (["udp://h"], {"overflow": []}, ValueError, "overflow must be one of "),
        (["udp://h"], {"queue_bytes": 0}, ValueError, "queue_bytes must be "),
        (["udp://h"], {"queue_bytes": -1}, ValueError, "queue_bytes must be "),
        (["udp://h"], {"queue_bytes": 2**70}, ValueError, "queue_bytes must be "),
        (["udp://h"], {"queue_bytes": 1e6}, TypeError, "queue_bytes must be an int"),
        (["udp://h"], {"queue_bytes": None}, TypeError, "queue_bytes must be an int"),
        (["udp://h"], {"timeout": None}, TypeError, "timeout must be "),
        *[
            (["udp://h"], {name: value}, kind, f"{name} must be ")
            for name in ("linger", "timeout")
            for value, kind in [
                ("1", TypeError),
                (-1, ValueError),
                (1e10, ValueError),
                (float("nan"), ValueError),
                (float("inf"), ValueError),
            ]
        ],
        (["udp://h"], {"colour": 1}, TypeError, ""),
        (["udp://h"], {"hostname": 1}, TypeError, "hostname must be "),
        (["udp://h"], {"max_size": 10}, ValueError, "max_size must be "),
    ],
)
def test_connect_arguments(
    module: ModuleType, urls: list, options: dict, kind: type, message: str
) -> None:
    """Wrong arguments are errors at once: TypeError or ValueError, in the usual words."""
    threads = threading.active_count()
    with pytest.raises(kind) as caught:
        module.connect(*urls, **options)
    assert str(caught.value).startswith(message)
    assert threading.active_count() == threads


def test_connect_by_environment(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a URL it takes those of SYSLOGFAST_URL, which must be there."""
    for empty in (None, "", "  "):
        if empty is None:
            monkeypatch.delenv("SYSLOGFAST_URL", raising=False)
        else:
            monkeypatch.setenv("SYSLOGFAST_URL", empty)
        with pytest.raises(ValueError, match=r"^urls must not be empty unless SYSLOGFAST_URL is"):
            module.connect()
    monkeypatch.setenv("SYSLOGFAST_URL", " tcp://a:1?framing=nul  tcp://b:2 ")
    emitter = module.connect()
    emitter.info("x" * 5000)
    emitter.close(0)
    assert emitter.stats["truncated"] == 0
    assert emitter._encoder.encode(6, "x").endswith(b" x\0")
    monkeypatch.setenv("SYSLOGFAST_URL", "tcp://a:1?framing=nul tcp://b:2?framing=lf")
    with pytest.raises(ValueError, match=r"^url must have the framing nul"):
        module.connect()
    monkeypatch.setenv("SYSLOGFAST_URL", "nonsense")
    with pytest.raises(ValueError, match=r"^SYSLOGFAST_URL must begin with one of"):
        module.connect()
    module.connect("udp://127.0.0.1:9").close(0)


def test_connect_settles_framing(module: ModuleType) -> None:
    """The framing is that of the URL or of the option, whichever says it."""
    for urls, options, framing in [
        (["udp://h"], {}, None),
        (["udp://h"], {"framing": None}, None),
        (["tcp://h"], {}, "lf"),
        (["tcp://h"], {"framing": "octet"}, "octet"),
        (["tcp://h?framing=nul"], {"framing": "nul"}, "nul"),
        (["tcp://h?framing=nul", "tcp://i"], {}, "nul"),
        (["tcp://h", "fd://1"], {"framing": "octet"}, "octet"),
    ]:
        emitter = module.connect(*urls, **options, **IDENTITY)
        expected = module.Encoder(**IDENTITY, framing=framing).encode(6, "x", time_ns=TIME)
        assert emitter._encoder.encode(6, "x", time_ns=TIME) == expected


@try_each(
    "url, options, size",
    [
        ("udp://h", {}, 2048),
        ("udp://h", {"max_size": 8192}, 8192),
        ("udp://h", {"protocol": "rfc3164"}, 1024),
        ("tcp://h", {}, 8193),
        ("tcp://h", {"protocol": "rfc3164"}, 1025),
    ],
)
def test_connect_settles_max_size(module: ModuleType, url: str, options: dict, size: int) -> None:
    """Over UDP a record has 2048 bytes at most, unless it is said otherwise."""
    emitter = module.connect(url, **options, **IDENTITY)
    assert len(emitter._encoder.encode(6, "x" * 10_000)) == size
    assert len(emitter.child(hostname="vm-1")._encoder.encode(6, "x" * 10_000)) == size


# --- both alike ----------------------------------------------------------------------------------

METHODS = [
    "emit",
    "emit_many",
    "emit_record",
    *LEVELS,
    "bind",
    "drain",
    "exception",
    "child",
    "flush",
    "close",
]


def test_signatures_and_docstrings() -> None:
    """Both twins have the same methods, arguments and docstrings, as far as inspect can see."""
    compiled, twin = (load_emitter_module(name).Emitter for name in ("c", "python"))
    for name in METHODS:
        signatures = [
            [
                (parameter.name, parameter.kind, parameter.default)
                for parameter in inspect.signature(getattr(kind, name)).parameters.values()
                if parameter.name != "self"
            ]
            for kind in (compiled, twin)
        ]
        assert signatures[0] == signatures[1], name
        documents = [inspect.getdoc(getattr(kind, name)) for kind in (compiled, twin)]
        assert documents[0] == documents[1], name
        assert documents[0]
        assert getattr(compiled, name).__name__ == getattr(twin, name).__name__ == name
    public = [{name for name in dir(kind) if name[0] != "_"} for kind in (compiled, twin)]
    assert public[0] == public[1] == {*METHODS, "dump", "log", "stats"}
    for kind, name in ((compiled, "c"), (twin, "python")):
        assert kind.log is load_emitter_module(name).EmitterBase.emit


def test_queues_and_emitters_are_alike() -> None:
    """So have Queue and EmitterBase."""
    compiled, twin = (load_emitter_module(name) for name in ("c", "python"))
    for name in ("Queue", "EmitterBase"):
        kinds = [getattr(module, name) for module in (compiled, twin)]
        public = [{entry for entry in dir(kind) if entry[0] != "_"} for kind in kinds]
        assert public[0] == public[1]
        assert inspect.getdoc(kinds[1])
        if name == "Queue":
            continue  # what only the package calls has no docstring in C, which is to be small
        assert inspect.getdoc(kinds[0]) == inspect.getdoc(kinds[1])
        for entry in public[0]:
            if callable(getattr(kinds[0], entry)):
                documents = [inspect.getdoc(getattr(kind, entry)) for kind in kinds]
                assert documents[0] == documents[1], entry


# --- nothing crashes -----------------------------------------------------------------------------

PRELUDE = """
import syslogfast, sys, gc
from syslogfast.emitter import *
from syslogfast.emitter import Child, Emitter, Encoder, Queue, EmitterBase
class Idle:
    def pump(self): pass
    def start_lingering(self): pass
    def apply_overflow(self, size, deadline): return True
def attempt(call):
    try:
        return call()
    except Exception as error:
        assert not isinstance(error, SystemError), error
        print(type(error).__name__)
"""
ABUSES = {
    "new emitter": "attempt(lambda: Emitter.__new__(Emitter).info('x'))",
    "new emitter, stats": "attempt(lambda: Emitter.__new__(Emitter).stats)",
    "new emitter, repr": "attempt(lambda: repr(Emitter.__new__(Emitter)))",
    "new base": "attempt(lambda: EmitterBase.__new__(EmitterBase).emit_many(6, ['x']))",
    "new queue": "attempt(lambda: Queue.__new__(Queue).peek())",
    "no arguments": "attempt(Emitter); attempt(EmitterBase); attempt(Queue); attempt(Child)",
    "wrong arguments": "attempt(lambda: Emitter(1, 2, 3).info('x'))",
    "no encoder": "attempt(lambda: EmitterBase(None, Queue(1000), Idle()).emit(6, 'x'))",
    "no queue": "attempt(lambda: EmitterBase(Encoder(), None, Idle()).emit(6, 'x'))",
    "no sender": "attempt(lambda: EmitterBase(Encoder(), Queue(1000), None).emit(3, 'x'))",
    "new encoder": """
for number in range(100_000):
    try:
        emitter = EmitterBase(Encoder.__new__(Encoder), Queue(1000), Idle())
        emitter.emit(6, 'x')
        emitter.emit(6, 'x', structured_data={'a': {'b': number}})
    except Exception as error:
        assert not isinstance(error, SystemError), error
""",
    "limits": """
for limit in (-5, -100, -2**40, -2**62, 0, 1, 2**62, 2**63 - 1, 2**70, 'x', None, 1.5, True):
    queue = attempt(lambda: Queue(limit))
    if queue is not None:
        emitter = EmitterBase(Encoder(framing='lf'), queue, Idle())
        for size in (0, 1, 100, 5000):
            attempt(lambda: emitter.emit(6, 'x' * size))
        attempt(queue.peek)
        attempt(lambda: queue.clear('end'))
""",
    "queue methods": """
def abuse(queue):
    emitter = EmitterBase(Encoder(framing='lf'), queue, Idle())
    for argument in (-10**12, -1, 0, 1, 10**9, 2**62, -2**63, 2**63, None, 'x', b'', [], True):
        for name in ('peek', 'consume', 'drop', 'drop_first', 'drop_oldest', 'clear'):
            attempt(lambda: emitter.emit(6, 'text'))
            attempt(queue.peek)
            attempt(lambda: getattr(queue, name)(argument))
            attempt(queue.peek)
            attempt(queue.rewind)
            attempt(lambda: emitter.emit(6, 'text'))
            attempt(lambda: bytes(queue.peek()))
            attempt(queue.count_all)
for limit in (100, 5000, 2**20):
    abuse(Queue(limit))
""",
    "weird sender": """
class Weird:
    def pump(self): queue.clear('drive')
    def start_lingering(self): queue.drop_oldest(10**9)
    def apply_overflow(self, size, deadline):
        queue.closed = False; queue.clear('space'); gc.collect(); return 'yes'
queue = Queue(5000)
emitter = EmitterBase(Encoder(framing='lf'), queue, Weird())
for threshold in (0, 100, 2**62, -5):
    queue.threshold = threshold
    for number in range(1000):
        emitter.emit(number % 8, 'x' * (number % 700))
        queue.peek()
stats = queue.count_all()
assert stats['offered'] == stats['sent'] + stats['queued'] + sum(stats['dropped'].values()), stats
""",
    "recursive sender": """
class Recursive:
    depth = 0
    def pump(self):
        if self.depth < 6:
            self.depth += 1
            emitter.emit(6, 'from drive')
            self.depth -= 1
    start_lingering = pump
    def apply_overflow(self, size, deadline):
        if self.depth < 6:
            self.depth += 1
            emitter.emit(6, 'from make_space')
            self.depth -= 1
        queue.drop_oldest(size)
        return True
queue = Queue(500)
emitter = EmitterBase(Encoder(framing='lf'), queue, Recursive())
for number in range(500):
    emitter.emit(6, 'x' * (number % 400))
    emitter.emit(6, '\\u20ac', msgid='m', structured_data={'a': {'b': 'c'}})
stats = queue.count_all()
assert stats['offered'] == stats['sent'] + stats['queued'] + sum(stats['dropped'].values()), stats
""",
    "long chain": """
class Oldest(Idle):
    def apply_overflow(self, size, deadline): queue.drop_oldest(size); return True
queue = Queue(2000)
emitter = EmitterBase(Encoder(hostname='h', app_name='a', procid=1, framing='lf'), queue, Oldest())
emitter.emit(6, 'x' * 900)
queue.peek()
for number in range(100_000):
    emitter.emit(6, 'x' * 1000)
assert queue.count == 2, queue.count_all()
del emitter, queue
""",
    "cycle": """
class Cycle(Idle):
    pass
for number in range(100):
    sender = Cycle()
    sender.emitter = EmitterBase(Encoder(framing='lf'), Queue(10**6), sender)
    sender.emitter.emit(6, 'x')
    del sender
gc.collect()
""",
    "deleted attributes": """
emitter = connect('udp://127.0.0.1:9', on_failure=False)
for name in ('_queue', '_encoder', '_sender'):
    attempt(lambda: delattr(emitter, name))
    attempt(lambda: setattr(emitter, name, None))
attempt(lambda: emitter.info('x'))
attempt(lambda: emitter.emit_many(6, 'x'))
""",
    "timeouts": """
emitter = connect('udp://127.0.0.1:9')
for timeout in (-1, 0, 1e10, float('inf'), float('nan'), 'x', b'', []):
    attempt(lambda: emitter.flush(timeout))
""",
    "init again": """
emitter = connect('udp://127.0.0.1:9', on_failure=False)
attempt(lambda: emitter.__init__(emitter._encoder, emitter._queue, emitter._sender))
attempt(lambda: emitter._queue.__init__(10))
attempt(lambda: emitter.__init__())
attempt(lambda: emitter.info('x'))
""",
}


@pytest.mark.slow
def test_nothing_crashes(run_python: Run, backend: str) -> None:
    """However the classes are abused, there is an exception at worst, and no SystemError."""
    code = (
        f"import json\nfor name, abuse in json.loads({json.dumps(json.dumps(ABUSES))}).items():\n"
    )
    code += "    print('#', name, flush=True)  # the last is that which has crashed\n"
    code += f"    exec({PRELUDE!r} + abuse, {{}})\n"
    result = run_python(code, backend=backend)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    names = [line[2:] for line in result.stdout.splitlines() if line.startswith("# ")]
    assert names == list(ABUSES)


# --- what is loaded ------------------------------------------------------------------------------

SPEAK = """
import sys, time, _thread
sys.path.append(sys.argv[2])  # -S has left it out
start = time.perf_counter()
before = set(sys.modules)
import syslogfast
emitter = syslogfast.connect(f"udp://127.0.0.1:{sys.argv[1]}")
emitter.info("x")
elapsed = time.perf_counter() - start
loaded = sorted(set(sys.modules) - before)
with open("/proc/self/status") as file:
    resident = [line.split()[1] for line in file if line.startswith("VmRSS")][0]
print(_thread._count(), resident, elapsed, *loaded)
"""


@pytest.mark.parametrize("options", [("-I",), ("-I", "-S")])
def test_little_is_imported(
    run_python: Run, backend: str, record_property: Run, options: tuple[str, ...]
) -> None:
    """The first record goes out from one thread, with no module that is slow to start or large.

    Without `site`, which needs it, even `os` is one.
    """
    folder = str(pathlib.Path(syslogfast.__file__).parent.parent)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        port = str(receiver.getsockname()[1])
        result = run_python(SPEAK, port, folder, backend=backend, options=options)
        assert result.stderr == ""
        assert parse_rfc5424(receiver.recv(4096)).message == "x"
    threads, resident, elapsed, *loaded = result.stdout.split()
    record_property("resident_kilobytes", resident)
    print(f"{backend}: {resident} KB resident, {1e3 * float(elapsed):.1f} ms to the first record")
    assert threads == "0"
    assert not set(loaded) & {*HEAVY, "os"}


@pytest.mark.parametrize("options", [("-I",), ("-I", "-S")])
@pytest.mark.parametrize("change", ["", "import os; os.environ['SYSLOGFAST_URL'] = 'tcp://b:2'; "])
def test_environment_is_read(
    run_python: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], change: str
) -> None:
    """With `os` and without: what was there from the start, octets that are no UTF-8, changes."""
    monkeypatch.setenv("SYSLOGFAST_URL", "unix:///\udcff\xe9")
    code = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from syslogfast.transports.url import read_urls\n"
        f"{change}print(ascii(read_urls()))"
    )
    result = run_python(code, str(pathlib.Path(syslogfast.__file__).parent.parent), options=options)
    expected = ["tcp://b:2"] if change else ["unix:///\udcff\xe9"]
    assert (result.stdout, result.stderr) == (f"{expected!a}\n", "")


def test_python_has_both_backends(run_python: Run, backend: str) -> None:
    """SYSLOGFAST_BACKEND decides which Emitter connect() returns."""
    code = (
        "import syslogfast; from syslogfast.emitter import EmitterBase;"
        "print(syslogfast.BACKEND, EmitterBase.__module__, end=' ');"
        "print(issubclass(syslogfast.Emitter, EmitterBase))"
    )
    names = {"c": "syslogfast._encoder_c", "python": "syslogfast._emitter_py"}
    result = run_python(code, backend=backend)
    assert (result.stdout, result.stderr) == (f"{backend} {names[backend]} True\n", "")
