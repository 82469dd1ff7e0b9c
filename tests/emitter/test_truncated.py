"""Whether a record is truncated: found out once, by what encodes it, whoever emits it."""

import logging
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from support.backends import load_emitter_module
from support.each import try_each
from support.emitters import make_emitter, take, take_one

pytestmark = [pytest.mark.native, pytest.mark.threads]


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


def make_record(**attributes: object) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": "hello", "levelno": 20, **attributes})


class Counted:
    """A value that counts how often it is written."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.calls = 0

    def __str__(self) -> str:
        self.calls += 1
        return self.text


LONG = "u" * 400
ATTRIBUTES = {"x@1": {"user": "user"}}


@try_each(
    "options, attributes, is_truncated",
    [
        ({"attributes": ATTRIBUTES}, {"user": LONG}, True),
        ({"attributes": ATTRIBUTES}, {"user": "short"}, False),
        ({"attributes": ATTRIBUTES}, {"user": LONG, "structured_data": {"a@1": {}}}, True),
        ({}, {"structured_data": {"a@1": {"n": LONG}}}, True),
        ({}, {"structured_data": {"a@1": {"n": "short"}}}, False),
        ({}, {"structured_data": b'[a@1 n="' + LONG.encode() + b'"]'}, True),
        ({"structured_data": {"c@1": {"n": "u" * 100}}}, {"structured_data": {"a@1": {}}}, False),
        (
            {"structured_data": {"c@1": {"n": "u" * 100}}},
            {"structured_data": {"a": {"b": LONG}}},
            True,
        ),
        ({"protocol": "rfc3164"}, {"structured_data": {"a@1": {"n": LONG}}}, False),
        ({}, {"msg": LONG}, True),
        ({}, {"msg": "\u20ac" * 60}, True),
        ({}, {"msg": "\b" * 60}, True),
        ({}, {"msg": "\n" * 600}, False),
        ({}, {"msg": "\u20ac\r\n" + "\n" * 600}, False),
        ({}, {"msg": LONG + "\n" * 600}, True),
        ({"controls": "keep"}, {"msg": "\n" * 600}, True),
        ({"bom": True}, {"msg": "\ufeff" * 300}, False),
        ({}, {"msg": "%s", "args": (LONG,)}, True),
        ({}, {"exc_text": LONG}, True),
    ],
)
def test_emit_record(
    module: ModuleType, options: dict, attributes: dict, is_truncated: bool
) -> None:
    """What attributes bring too much of counts as what the record brings itself does."""
    emitter = make_emitter(module, max_size=200, **options)
    record = make_record(**attributes)
    emitter.emit_record(record)
    assert emitter._queue.count_all()["truncated"] == is_truncated
    assert take_one(emitter) == emitter._encoder.encode_record(record).removesuffix(b"\n")


@try_each("number_of_octets", [5, 300, 2000, 100_000])
@try_each("how", ["emit", "emit_record", "attributes"])
def test_values_are_written_once(module: ModuleType, number_of_octets: int, how: str) -> None:
    """A value's __str__ runs once, however long it is and whether or not it is left out."""
    value = Counted("v" * number_of_octets)
    emitter = make_emitter(module, attributes=ATTRIBUTES if how == "attributes" else None)
    if how == "emit":
        emitter.info("hello", structured_data={"x@1": {"user": value}})
    elif how == "emit_record":
        emitter.emit_record(make_record(structured_data={"x@1": {"user": value}}))
    else:
        emitter.emit_record(make_record(user=value))
    assert value.calls == 1
    assert emitter._queue.count_all()["truncated"] == (number_of_octets > 8192)


LITTLE_MEMORY = """
import logging, resource, sys
import syslogfast
from syslogfast.lifecycle import crashed
log = syslogfast.connect("fd://1", hostname="h", app_name="a", procid=1, queue_bytes=1 << 16)
log.info("first")
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + (64 << 20), resource.RLIM_INFINITY))
elements = {"o@1": {"n": "n" * 1200}}
record = {"msg": "record", "levelno": 20, "structured_data": elements}
log.emit_record(logging.makeLogRecord(record))
log.info("emitted", structured_data=elements)
try:
    raise ValueError("too much " * 200)
except ValueError as error:
    crashed(log, error)
log.close()
print(log.stats["dropped"], log.stats["truncated"], file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
@pytest.mark.no_sanitizer
@pytest.mark.versions
def test_structured_data_need_little_memory(
    run_python: "Callable[..., subprocess.CompletedProcess[str]]", backend: str
) -> None:
    """More than a kilobyte of them takes a few, not as much as a record of any size could."""
    result = run_python(LITTLE_MEMORY, backend=backend)
    assert (result.returncode, result.stderr) == (0, "{} 0\n")
    texts = [line.split("]")[-1] for line in result.stdout.splitlines()]
    assert len(texts) == 4
    assert texts[1:3] == [" record", " emitted"]
    assert "about to crash: ValueError: too much" in texts[3]
    assert "#012ValueError: too much" in texts[3]


@pytest.mark.parametrize("max_size", [2**31 - 1, 2**31 - 20, 2**31 - 24, 1 << 24])
def test_lines_end_where_the_longest_record_has_no_space(backend: str, max_size: int) -> None:
    """However near to the limit of a size: the first one goes into an empty queue."""
    emitter = make_emitter(load_emitter_module(backend), limit=1 << 20, max_size=max_size)
    assert emitter._emit_lines(6, b"a\nb\nc") == 2
    assert len(take(emitter)) == 1
    assert emitter._emit_lines(6, b"a\nb\nc", 2) == 4
