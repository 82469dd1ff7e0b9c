"""Sequence ids (RFC 5424 7.3.1): each of an emitter's records has the next number."""

import ctypes
import inspect
import logging
import os
import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.each import try_each
from support.emitters import IDENTITY, LEVELS, TIME, IdleSender, take
from support.grammar import Rfc5424Record, parse_rfc3164, parse_rfc5424
from support.receivers import LIMIT, Sink, check_counts, parse_lines, stall, wait_until
from support.strategies import elements, messages
from support.threads import run_threads

pytestmark = pytest.mark.versions

MAX_SEQUENCE_ID = 2147483647
Connect = Callable[..., Any]


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


class KeepingSender(IdleSender):
    """Leaves all in the queue, also what is framed already."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def enqueue(self, frame: bytes, severity: int = 6, is_truncated: bool = False) -> None:
        assert self.queue.put(frame, is_truncated)


def make_emitter(
    module: ModuleType, limit: int = 1 << 24, is_numbered: bool = True, **options: object
) -> Any:
    """Return an emitter that numbers its records, which stay in the queue."""
    encoder = module.Encoder(**{**IDENTITY, "framing": "lf", **options})
    queue = module.Queue(limit)
    sequence = module.Sequence() if is_numbered else None
    return module.Emitter(encoder, queue, KeepingSender(queue), sequence)


def read_number(record: Rfc5424Record) -> int:
    """Return the one sequenceId of the one "meta" that a record has."""
    (meta,) = [parameters for sd_id, parameters in record.structured_data if sd_id == "meta"]
    (number,) = [value for name, value in meta if name == "sequenceId"]
    assert number == str(int(number))  # no leading zeros (RFC 5424 7.3.1)
    assert 1 <= int(number) <= MAX_SEQUENCE_ID
    return int(number)


def take_records(emitter: Any) -> list[Rfc5424Record]:
    return [parse_rfc5424(record) for record in take(emitter)]


def take_numbers(emitter: Any) -> list[int]:
    return [read_number(record) for record in take_records(emitter)]


def put_last(sequence: Any, number: int) -> None:
    """Have a sequence go on after a number, which nobody has the time to count up to."""
    if hasattr(sequence, "_last"):
        sequence._last = number
        return
    # In the compiled one it is the first field: shown by what stands there, before it is changed.
    last = ctypes.c_int64.from_address(id(sequence) + object.__basicsize__)
    before = [sequence.advance() for _ in range(3)]
    assert last.value == before[-1]
    last.value = number


# --- who numbers, and in which order -------------------------------------------------------------


def log_exception(emitter: Any) -> None:
    try:
        raise LookupError("no such order")
    except LookupError:
        emitter.exception("text")


WAYS = {
    "emit": (1, lambda emitter: emitter.emit("info", "text")),
    "arguments": (1, lambda emitter: emitter.emit("info", "%s", "text")),
    "msgid": (1, lambda emitter: emitter.emit("info", "text", msgid="ID")),
    "structured data": (
        1,
        lambda emitter: emitter.emit("info", "text", structured_data={"a@1": {"b": "c"}}),
    ),
    "any object": (1, lambda emitter: emitter.emit("info", None)),
    "time": (1, lambda emitter: emitter.emit("info", "text", time_ns=TIME)),
    "emit_many": (3, lambda emitter: emitter.emit_many("info", ["a", b"b", None])),
    "lines": (3, lambda emitter: emitter._emit_lines("info", b"a\nb\nc")),
    "levels": (8, lambda emitter: [getattr(emitter, level)("text") for level in LEVELS]),
    "exception": (1, log_exception),
    "emit_record": (1, lambda emitter: emitter.emit_record(make_record())),
}


def make_record(**attributes: object) -> logging.LogRecord:
    record = logging.LogRecord("name", logging.INFO, "path", 7, "text of %s", ("a",), None)
    record.__dict__.update(attributes)
    return record


@try_each("way", WAYS)
def test_each_way_numbers(module: ModuleType, way: str) -> None:
    """However a record is sent, it has the next number, and nothing else of it changes."""
    count, send = WAYS[way]
    emitter = make_emitter(module)
    plain = make_emitter(module, is_numbered=False)
    for _ in range(3):
        send(emitter)
        send(plain)
    records = take_records(emitter)
    assert [read_number(record) for record in records] == list(range(1, 3 * count + 1))
    for record, same in zip(records, take_records(plain), strict=True):
        others = [entry for entry in record.structured_data if entry[0] != "meta"]
        assert others == same.structured_data
        assert (record.priority, record.msgid) == (same.priority, same.msgid)
        assert record.message == same.message


def test_all_ways_share_the_numbers(module: ModuleType) -> None:
    """They go on from each other."""
    emitter = make_emitter(module)
    for _, send in WAYS.values():
        send(emitter)
    total = sum(count for count, _ in WAYS.values())
    assert take_numbers(emitter) == list(range(1, total + 1))


def test_there_are_none_unless_asked(connect: Connect, receiver: socket.socket) -> None:
    """sequence_ids=False, the default, adds nothing."""
    for options, expected in (({}, []), ({"sequence_ids": True}, [("sequenceId", "1")])):
        emitter = connect(f"udp://127.0.0.1:{receiver.getsockname()[1]}", **options)
        emitter.info("text")
        record = parse_rfc5424(receiver.recv(4096))
        assert [pair for _, pairs in record.structured_data for pair in pairs] == expected


@pytest.mark.parametrize("protocol", ["rfc3164", "local"])
def test_other_protocols_leave_it_out(module: ModuleType, protocol: str) -> None:
    """They have no structured data: the bytes are those without numbers."""
    emitter = make_emitter(module, protocol=protocol, local_time=False)
    emitter.info("text", time_ns=TIME)
    emitter.info("text", time_ns=TIME, structured_data={"meta": {"a": 1}})
    emitter.emit_record(make_record(created=1.0))
    first, second, third = take(emitter)
    assert first == second == emitter._encoder.encode(6, "text", time_ns=TIME)[:-1]
    for record in (first, third):
        assert parse_rfc3164(record, hostname=protocol == "rfc3164").message.startswith("text")
        assert b"sequenceId" not in record


def test_wrap(module: ModuleType) -> None:
    """After 2,147,483,647 comes 1, and no 0."""
    emitter = make_emitter(module)
    put_last(emitter._sequence, MAX_SEQUENCE_ID - 2)
    take(emitter)
    emitter.emit_many("info", ["text"] * 4)
    emitter.emit_record(make_record())
    expected = [MAX_SEQUENCE_ID - 1, MAX_SEQUENCE_ID, 1, 2, 3]
    assert take_numbers(emitter) == expected


def test_threads(module: ModuleType) -> None:
    """No number is given twice and none is left out, however many threads there are."""
    emitter = make_emitter(module)

    def speak(kind: int) -> None:
        for number in range(500):
            if kind % 4 == 0:
                emitter.emit_many("info", ["a", "b"])
            elif kind % 4 == 1:
                emitter.info("%d", number)
            elif kind % 4 == 2:
                emitter.info("c", structured_data={"a@1": {"b": number}})
            else:
                emitter.emit_record(make_record())

    run_threads(speak, 8)
    numbers = take_numbers(emitter)
    assert sorted(numbers) == list(range(1, 2 * 1000 + 6 * 500 + 1))


def test_children(module: ModuleType) -> None:
    """Each child is an originator of its own, and so has numbers of its own."""
    parent = make_emitter(module)
    child = parent.child(hostname="vm-1")
    grandchild = child.child(app_name="till")
    for _ in range(3):
        for emitter in (parent, child, grandchild):
            emitter.info("text")
    found: dict[tuple[str, str], list[int]] = {}
    for record in take_records(parent):
        found.setdefault((record.hostname, record.app_name), []).append(read_number(record))
    assert list(found.values()) == [[1, 2, 3]] * 3
    plain = make_emitter(module, is_numbered=False)
    plain.child().info("text")
    assert take_records(plain)[0].structured_data == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork_begins_at_1(run_python: Callable, backend: str) -> None:
    """A process that was forked is another originator (its PROCID says so): it begins at 1."""
    result = run_python(
        """
import os, sys
from syslogfast import connect
log = connect("fd://1", sequence_ids=True)
child = log.child(app_name="till")
log.info("parent")
log.info("parent")
child.info("parent")
for generation in range(2):
    if os.fork():
        os.wait()
        break
    for emitter in (log, log, child):
        emitter.info("child %d", generation)
    log.flush()
else:
    os._exit(0)
if generation == 0:
    log.info("parent")
    child.info("parent")
log.flush()
os._exit(0)
""",
        backend=backend,
    )
    assert (result.returncode, result.stderr) == (0, "")
    found: dict[tuple[str, str], list[int]] = {}
    for record in parse_lines(result.stdout.encode()):
        key = (record.message, "child" if record.app_name == "till" else "self")
        found.setdefault(key, []).append(read_number(record))
    assert found == {
        ("parent", "self"): [1, 2, 3],
        ("parent", "child"): [1, 2],
        ("child 0", "self"): [1, 2],
        ("child 0", "child"): [1],
        ("child 1", "self"): [1, 2],
        ("child 1", "child"): [1],
    }


def test_a_value_may_log(module: ModuleType) -> None:
    """What is sent while a record is made has a number of its own."""
    emitter = make_emitter(module)

    class Talkative:
        def __str__(self) -> str:
            emitter.info("asked")
            return "answer"

    emitter.info("data", structured_data={"a@1": {"b": Talkative()}})
    emitter.info(Talkative())
    records = take_records(emitter)
    assert sorted(map(read_number, records)) == [1, 2, 3, 4]
    assert [record.message for record in records] == ["asked", "data", "asked", "answer"]


# --- structured data that is there already -------------------------------------------------------

OTHERS = {
    "none": (None, []),
    "empty dict": ({}, []),
    "nil": (b"-", []),
    "empty bytes": (b"", []),
    "dict": ({"a@1": {"b": "c"}}, [("a@1", [("b", "c")])]),
    "pairs": ({"a@1": [("b", 1), ("b", 2)]}, [("a@1", [("b", "1"), ("b", "2")])]),
    "bytes": (b'[a@1 b="c"][d@1]', [("a@1", [("b", "c")]), ("d@1", [])]),
    "similar": (b'[meta@1 b="c"][metal]', [("meta@1", [("b", "c")]), ("metal", [])]),
    "in a value": (b'[a@1 b="[meta "]', [("a@1", [("b", "[meta ")])]),
}
# Parameters of "meta" that a record has, in each of the forms that it may have them in.
METAS = {
    "dict": lambda pairs: {"meta": dict(pairs), "z@1": {}},
    "list": lambda pairs: {"meta": list(pairs), "z@1": {}},
    "bytes": lambda pairs: "".join(
        ["[meta", *[f' {name}="{value}"' for name, value in pairs], "][z@1]"]
    ).encode(),
}


@try_each("constant", [None, {"k@1": {"x": "y"}}])
@try_each("name", OTHERS)
def test_other_elements_stay(module: ModuleType, name: str, constant: object) -> None:
    """The number joins them."""
    data, expected = OTHERS[name]
    emitter = make_emitter(module, structured_data=constant)
    emitter.info("text", structured_data=data)
    emitter.emit_record(make_record(structured_data=data))
    always = [("k@1", [("x", "y")])] if constant else []
    for number, record in enumerate(take_records(emitter), 1):
        assert read_number(record) == number
        assert [entry for entry in record.structured_data if entry[0] != "meta"] == [
            *always,
            *expected,
        ]


@try_each("constant", [None, {"meta": {"language": "de"}}])
@try_each("form", METAS)
@try_each("pairs", [(), (("sysUpTime", "7"),), (("language", "en"), ("x", "[meta"))])
def test_meta_of_the_record(module: ModuleType, form: str, pairs: tuple, constant: object) -> None:
    """A "meta" that is given stays, with the number in it."""
    emitter = make_emitter(module, structured_data=constant)
    data = METAS[form](pairs)
    emitter.info("text", structured_data=data)
    emitter.emit_record(make_record(structured_data=data))
    for number, record in enumerate(take_records(emitter), 1):
        assert read_number(record) == number
        found = dict(record.structured_data)
        assert [pair for pair in found["meta"] if pair[0] != "sequenceId"] == list(pairs)
        assert found["z@1"] == []


@pytest.mark.parametrize("form", METAS)
def test_number_of_the_record(module: ModuleType, form: str) -> None:
    """A number that is given is kept, and there is no second one."""
    emitter = make_emitter(module)
    data = METAS[form]([("sequenceId", "9"), ("sysUpTime", "7")])
    emitter.info("text", structured_data=data)
    emitter.emit_record(make_record(structured_data=data))
    for record in take_records(emitter):
        assert read_number(record) == 9


class Incomparable(str):
    """A name that cannot be compared with "sequenceId"."""

    def __hash__(self) -> int:
        return hash("sequenceId")

    def __eq__(self, other: object) -> bool:
        raise ArithmeticError("no comparison")


@pytest.mark.parametrize("form", [lambda pairs: pairs, tuple, dict])
def test_names_that_cannot_be_compared(module: ModuleType, form: Callable[..., Any]) -> None:
    """Data never raise: the record has them, and the number that is its own."""
    emitter = make_emitter(module)
    for name in ("x", "y"):
        emitter.info("text", structured_data={"meta": form([(Incomparable(name), "1")])})
    emitter.info("text")
    records = take_records(emitter)
    assert [read_number(record) for record in records] == [1, 2, 3]
    for record, name in zip(records, "xy", strict=False):
        assert (name, "1") in dict(record.structured_data)["meta"]


def test_what_is_given_stays_as_it_was(module: ModuleType) -> None:
    """Structured data are not changed: they may be another handler's, too.

    Nor is a LogRecord, but for what `logging.Formatter` sets there as well.
    """
    emitter = make_emitter(module)
    data: dict[str, Any] = {"meta": {"x": 1}, "a@1": [("b", 1)]}
    record = make_record(structured_data=data)
    attributes = dict(record.__dict__)
    emitter.info("text", structured_data=data)
    emitter.emit_record(record)
    assert data == {"meta": {"x": 1}, "a@1": [("b", 1)]}
    assert record.__dict__ == {**attributes, "message": record.getMessage()}
    plain = make_record()
    emitter.emit_record(plain)
    assert not hasattr(plain, "structured_data")
    assert take_numbers(emitter) == [1, 2, 3]


@pytest.mark.parametrize(
    "wrong", [{"time_ns": "0"}, {"time_ns": 1.5}, {"severity": 8}, {"severity": None}], ids=repr
)
def test_a_refused_call_takes_no_number(module: ModuleType, wrong: dict[str, Any]) -> None:
    emitter = make_emitter(module)
    emitter.emit(6, "one", time_ns=TIME)
    with pytest.raises((TypeError, ValueError)):
        emitter.emit(wrong.get("severity", 6), "never", time_ns=wrong.get("time_ns", TIME))
    emitter.emit(6, "two", time_ns=float("nan"))  # unknown, which is no error
    assert take_numbers(emitter) == [1, 2]


@pytest.mark.parametrize("form", [{"meta": {"language": "en"}}, b'[meta language="en"]'])
def test_constant_meta(module: ModuleType, form: object) -> None:
    """There is one "meta", the record's, with the number in it."""
    emitter = make_emitter(module, structured_data=form)
    emitter.emit_many("info", ["text"] * 3)
    assert take_numbers(emitter) == [1, 2, 3]


@try_each("data", [[1], 5, "text", {"a@1": 5}, {"meta": 5}, {"bad id": {}}])
def test_wrong_structured_data(module: ModuleType, data: object) -> None:
    """Neither emit nor emit_record raises what encode does: the record has its number."""
    emitter = make_emitter(module)
    with pytest.raises((TypeError, ValueError)):
        emitter._encoder.encode(6, "text", structured_data=data)
    for _ in range(3):
        emitter.info("text", structured_data=data)
        emitter.emit_record(make_record(structured_data=data))
    assert take_numbers(emitter) == [1, 2, 3, 4, 5, 6]


def test_attributes_of_a_record(module: ModuleType) -> None:
    """What the encoder takes from a LogRecord as structured data joins the number."""
    emitter = make_emitter(
        module, attributes={"a@1": {"b": "user"}, "meta": {"language": "tongue"}}
    )
    emitter.emit_record(make_record(user="x"))
    emitter.emit_record(make_record(user="x", structured_data={"c@1": {}}))
    emitter.emit_record(make_record())
    records = take_records(emitter)
    assert [read_number(record) for record in records] == [1, 2, 3]
    found = [[entry for entry in r.structured_data if entry[0] != "meta"] for r in records]
    user = ("a@1", [("b", "x")])
    assert found == [[user], [user, ("c@1", [])], []]


class Slotted:
    """A record that cannot be copied by its attributes."""

    __slots__ = ("levelno", "msg")

    def __init__(self) -> None:
        self.levelno, self.msg = 20, "text"


class Mapped(dict):  # type: ignore[type-arg]
    levelno = 20
    msg = "text"


@pytest.mark.parametrize("kind", [Slotted, Mapped])
def test_records_of_other_classes(module: ModuleType, kind: type) -> None:
    """emit_record raises for none of them, and the record is sent."""
    emitter = make_emitter(module)
    emitter.emit_record(kind())
    (record,) = take_records(emitter)
    assert (record.message or "").startswith("text")


# --- what the receiver can tell ------------------------------------------------------------------


def test_drops_leave_a_gap(module: ModuleType) -> None:
    """What the queue had no space for is what is missing between the numbers that arrive."""
    emitter = make_emitter(module, limit=2000)
    for text in ("x" * 10, "x" * 3000) * 5:
        emitter.info(text)
    for _ in range(50):
        emitter.info("x" * 100)
    arrived = take_numbers(emitter)
    emitter.info("last")
    arrived += take_numbers(emitter)
    stats = check_counts(emitter)
    assert set(stats["dropped"]) == {"full", "too large"}
    missing = arrived[-1] - len(arrived)
    assert missing == sum(stats["dropped"].values()) > 0
    assert arrived == sorted(set(arrived))


@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest"])
def test_the_report_of_drops_has_a_number(
    connect: Connect, small_sink: Sink, overflow: str
) -> None:
    """DROPPED is a record like any other; and the gap is as large as it says."""
    emitter = connect(
        f"tcp://127.0.0.1:{small_sink.port}",
        sequence_ids=True,
        queue_bytes=1 << 16,
        overflow=overflow,
    )
    stall(emitter)
    small_sink.reads.set()
    assert emitter.flush(6 * LIMIT)
    emitter.info("last")
    emitter.close()
    assert wait_until(lambda: b" last\n" in small_sink.received, 6 * LIMIT)
    records = parse_lines(small_sink.received)
    reports = [record for record in records if record.msgid == "DROPPED"]
    assert reports
    numbers = [read_number(record) for record in records]
    assert len(set(numbers)) == len(numbers)
    dropped = check_counts(emitter)["dropped"]
    assert set(range(1, max(numbers) + 1)) >= set(numbers)
    assert max(numbers) - len(numbers) == sum(dropped.values())


# --- both alike ----------------------------------------------------------------------------------

calls = st.one_of(
    st.fixed_dictionaries(
        {
            "message": messages,
            "msgid": st.sampled_from([None, "ID"]),
            "structured_data": st.one_of(
                elements,
                st.sampled_from(
                    [
                        {"meta": {"sysUpTime": 7}},
                        {"meta": [("x", "y"), ("sequenceId", 3)]},
                        {"meta": ()},
                        {"meta": 5},
                        b"[meta]",
                        b'[a@1 b="]"]'.replace(b'"]"', b'"\\]"') + b'[meta sequenceId="3"]',
                        b"no structured data",
                        [],
                    ]
                ),
            ),
        }
    ),
    st.lists(messages, max_size=3),
    st.binary(max_size=40),
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    constant=st.sampled_from([None, {"a": {"c": "d"}}, {"meta": {"language": "en"}}]),
    max_size=st.sampled_from([450, 480, 2048]),
    last=st.sampled_from([0, 8, MAX_SEQUENCE_ID - 1]),
    given_calls=st.lists(calls, min_size=1, max_size=12),
)
def test_twins_agree(constant: object, max_size: int, last: int, given_calls: list[object]) -> None:
    """The same calls on both: the same bytes, counts and errors."""
    emitters = [
        make_emitter(load_emitter_module(name), structured_data=constant, max_size=max_size)
        for name in ("c", "python")
    ]
    for emitter in emitters:
        put_last(emitter._sequence, last)
    for call in given_calls:
        errors = []
        for emitter in emitters:
            try:
                if isinstance(call, dict):
                    emitter.emit(6, **call, time_ns=TIME)
                    emitter.emit_record(make_record(**call, created=5.0))
                elif isinstance(call, bytes):
                    emitter._sequence.number(call)
                else:
                    for message in call:
                        emitter.info(message, time_ns=TIME)
            except Exception as error:
                errors.append(repr(error))
        assert errors in ([], errors[:1] * 2)
        assert emitters[0].stats == emitters[1].stats, call
    assert take(emitters[0]) == take(emitters[1])


def test_sequences_are_alike() -> None:
    """Both have the same methods; what only the package calls has no docstring in C."""
    kinds = [load_emitter_module(name).Sequence for name in ("c", "python")]
    public = [{name for name in dir(kind) if name[0] != "_"} for kind in kinds]
    assert public[0] == public[1] == {"advance", "element", "name", "number"}
    assert all(inspect.getdoc(getattr(kinds[1], name)) for name in ("advance", "number"))
