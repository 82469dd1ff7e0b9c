"""t-strings (PEP 750): the text that an f-string has, and a field for each value.

SYSLOGFAST_EXAMPLES is how many of them to compare, about: 2,000 unless given.
"""

import enum
import importlib
import logging
import os
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.emitters import make_emitter, take
from support.grammar import parse_rfc5424

import syslogfast
from syslogfast.long_texts import find_kind

pytestmark = [pytest.mark.versions, pytest.mark.native]

# The whole file, not each test: there is nothing that this machine lacks.
if sys.version_info < (3, 14):
    pytest.skip("Python has them from 3.14 on", allow_module_level=True)

EXAMPLES = int(os.environ.get("SYSLOGFAST_EXAMPLES", "2000")) // 16 + 1

# Compiled here: older Pythons, and tools for these, cannot read it.
FUNCTIONS = r'''
SD_ID = "fields@32473"


class Hostile:
    def __format__(self, spec: str) -> str:
        raise ValueError("no format")

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class Unread:
    def __format__(self, spec: str) -> str:
        raise AssertionError("it was formatted")


def read(emitter: Any) -> list[tuple[str | None, list]]:
    records = [parse_rfc5424(record) for record in take(emitter)]
    return [(record.message, record.structured_data) for record in records]


def try_one(name: str) -> None:
    module = load_emitter_module(name)
    emitter: Any = make_emitter(module)
    user, count, price = "me", 3, 1.5
    fields = [("user", "me"), ("count", "3"), ("price", "1.5")]
    text = "me bought 003 for 1.50"
    emitter.info(t"{user} bought {count:03} for {price:.2f}")
    emitter.emit(6, t"{user} bought {count:03} for {price:.2f}")
    emitter.emit_many(6, [t"{user} bought {count:03} for {price:.2f}", "plain"])
    emitter.emit_record(
        logging.makeLogRecord({"msg": t"{user} bought {count:03} for {price:.2f}"})
    )
    expected: list = [(text, [(SD_ID, fields)])] * 3
    assert read(emitter) == [*expected, ("plain", []), expected[0]]

    emitter.info(t"{user!r:>6}|{count + 1}|{user=}|{{}}%d")
    assert read(emitter) == [
        ("  'me'|4|user='me'|{}%d", [(SD_ID, [("user", "me"), ("count_+_1", "4")])])
    ]
    emitter.info(t"{user}", user="you", order=17, structured_data={"a@1": {}})
    assert read(emitter) == [("me", [(SD_ID, [("user", "you"), ("order", "17")]), ("a@1", [])])]
    hostile = Hostile()
    emitter.info(t"{hostile} and {hostile!r} and {user:d}")
    unprintable = "<unprintable Hostile: ValueError>"
    assert read(emitter) == [
        (
            f"{unprintable} and {unprintable} and me",
            [(SD_ID, [("hostile", unprintable), ("user", "me")])],
        )
    ]
    try:
        raise KeyError("lost")
    except KeyError:
        emitter.exception(t"{user} failed")
    ((message, data),) = read(emitter)
    assert str(message).startswith("me failed#012Traceback")
    assert data == [(SD_ID, [("user", "me")])]
    emitter.info("%s", t"{user}")
    assert read(emitter)[0][1] == []
    emitter.info(t"")
    assert read(emitter) in ([(None, [])], [("", [])])

    unread = Unread()
    quiet = module.Emitter(emitter._encoder, emitter._queue, emitter._sender, None, 5)
    quiet.info(t"{unread}")
    quiet.emit_many(6, [t"{unread}"])
    quiet.emit_record(logging.makeLogRecord({"msg": t"{unread}", "levelno": 20}))
    assert quiet._queue.count == 0

    # What divides a text reads it by itself. A value may be named like an option.
    kind = find_kind(module.Emitter, module.Child, "split", "split")
    divided = kind(emitter._encoder, emitter._queue, emitter._sender)
    emitter._sender.enqueue = lambda frame, severity, is_truncated: emitter._queue.put(frame)
    msgid, lines = "me", "a\nb"
    for message, texts in ((t"{msgid} came", ["me came"]), (t"{msgid}\n{lines}", ["me", "a", "b"])):
        fields = [("msgid", "me")] + [("lines", "a#012b")] * (len(texts) > 1)
        divided.info(message, order=17)
        assert read(emitter) == [(text, [(SD_ID, [*fields, ("order", "17")])]) for text in texts]
        divided.emit_record(logging.makeLogRecord({"msg": message}))
        assert read(emitter) == [(text, [(SD_ID, fields)]) for text in texts]
    divided = kind(emitter._encoder, emitter._queue, emitter._sender, None, 4)
    divided.info(t"{unread}")
    divided.emit_record(logging.makeLogRecord({"msg": t"{unread}", "levelno": 20}))
    assert emitter._queue.count == 0


def try_logging(installs: bool) -> None:
    """A logger's records, too; an encoder has their text."""
    options: Any = {"linger": 100, "on_failure": False}
    handler: Any = syslogfast.SysLogHandler("udp://127.0.0.1:9", protocol="rfc5424", **options)
    logger = logging.getLogger(f"test.templates.{installs}")
    logger.propagate = False
    logger.setLevel("INFO")
    logger.addHandler(handler)
    if installs:
        syslogfast.loggers.install()
    try:
        user = "me"
        for _ in range(20):
            logger.info(t"{user} came")
        queue = handler._emitter._queue
        for _ in range(20):
            record = parse_rfc5424(bytes(queue.peek(True)))
            queue.consume(len(queue.peek(True)))
            assert record.message == "me came"
            assert record.structured_data == [(SD_ID, [("user", "me")])]
        text = syslogfast.Formatter().format(logging.makeLogRecord({"msg": t"{user} came"}))
        assert text.endswith(" me came")
    finally:
        if installs:
            syslogfast.loggers.uninstall()
        logger.removeHandler(handler)
        handler.close()
'''
SPACE: dict[str, Any] = {
    "Any": Any,
    "find_kind": find_kind,
    "load_emitter_module": load_emitter_module,
    "logging": logging,
    "make_emitter": make_emitter,
    "parse_rfc5424": parse_rfc5424,
    "syslogfast": syslogfast,
    "take": take,
}
exec(compile(FUNCTIONS, "<t-strings>", "exec"), SPACE)


class Color(enum.IntEnum):
    RED = 1


texts = st.text(st.sampled_from('ab%{}\u00e9\U0001f600\ud800\n"]'), max_size=6)
values = st.one_of(
    *(texts, st.integers(), st.floats(), st.booleans(), st.none(), st.binary(max_size=3)),
    st.sampled_from([Color.RED, 10**5000, -(2**63), 2**63, float("nan"), 1e22, 1e-7, 1e15]),
)
parts = st.lists(
    st.one_of(
        texts,
        st.builds(
            importlib.import_module("string.templatelib").Interpolation,
            *(values, st.sampled_from(["user", "count", "a b", "", "\u00e9", "x" * 40])),
            st.sampled_from([None] * 6 + ["r", "s", "a"]),
            st.sampled_from([""] * 6 + ["5", ">3", ".2f", "x", "?"]),
        ),
    ),
    max_size=40,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(parts, st.booleans()), min_size=1, max_size=8))
def test_any_template(both: list[ModuleType], made: list[tuple[list, bool]]) -> None:
    """Most of them are read in C where that is compiled, and give what the Python twin does."""
    kind = importlib.import_module("string.templatelib").Template
    written = []
    for module in both:
        emitter = make_emitter(module)
        for pieces, has_more in made:
            more: Any = {"order": 17, "user": "you", "time_ns": 0} if has_more else {"time_ns": 0}
            emitter.info(kind(*pieces), **more)
            emitter.emit("err", kind(*pieces), **more)
        written.append(take(emitter))
    assert written[0] == written[1]


@pytest.fixture(scope="module")
def both() -> list[ModuleType]:
    return [load_emitter_module("python"), load_emitter_module("c")]


def test_emitters(backend: str) -> None:
    SPACE["try_one"](backend)


@pytest.mark.parametrize("installs", [False, True])
def test_loggers(installs: bool) -> None:
    SPACE["try_logging"](installs)
