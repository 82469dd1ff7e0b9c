"""The flight recorder: what is below the level is kept in memory, and sent before what matters."""

import contextlib
import logging
import os
import random
import socket
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.backends import load_emitter_module
from support.grammar import Rfc5424Record, parse_rfc5424
from support.receivers import Sink, check_balance, url_of, wait_until

import syslogfast

pytestmark = [pytest.mark.native, pytest.mark.versions, pytest.mark.threads]

RING = 1 << 14
ELEMENT = "recorded@32473"


def open_recorder(backend: str, receiver: socket.socket, **options: Any) -> Any:
    module: Any = load_emitter_module(backend)
    identity = {"hostname": "web1", "app_name": "shop", "procid": "1"}
    return module.connect(
        url_of(receiver), **{**identity, "level": "info", "recorder_bytes": RING, **options}
    )


def receive(receiver: socket.socket, count: int) -> list[Rfc5424Record]:
    receiver.settimeout(5)
    return [parse_rfc5424(receiver.recv(70_000)) for _ in range(count)]


def is_quiet(receiver: socket.socket) -> bool:
    receiver.settimeout(0.05)
    try:
        receiver.recv(70_000)
    except TimeoutError:
        return True
    return False


def read_number(record: Rfc5424Record) -> int:
    (number,) = (value for key, value in dict(record.structured_data)[ELEMENT] if key == "number")
    return int(number)


def test_nothing_is_sent_before_it_is_asked_for(backend: str, receiver: socket.socket) -> None:
    log = open_recorder(backend, receiver)
    before = log.stats
    for number in range(10):
        log.debug("%d in the basket", number)
    log.emit("debug", "emit")
    log.emit_many("debug", ["many", "of them"])
    log.bind(order=17).debug("bound")
    log.child(app_name="till").debug("child", structured_data={"a@1": {"b": "c"}}, msgid="M")
    log.emit_record(logging.makeLogRecord({"msg": "%d", "args": (5,), "levelno": 10}))
    recorder = log.stats.pop("recorder")
    assert {**log.stats, "recorder": 0} == {**before, "recorder": 0}
    assert (recorder["offered"], recorder["queued"], recorder["sent"]) == (16, 16, 0)
    assert is_quiet(receiver)
    assert log.dump() == 16
    log.info("after")
    records = receive(receiver, 17)
    texts = [f"{number} in the basket" for number in range(10)]
    texts += ["emit", "many", "of them", "bound", "child", "5", "after"]
    assert [record.message for record in records] == texts
    assert [read_number(record) for record in records[:16]] == list(range(1, 17))
    assert {record.priority % 8 for record in records[:16]} == {7}
    assert dict(records[13].structured_data)["fields@32473"] == [("order", "17")]
    assert (records[14].app_name, records[14].msgid) == ("till", "M")
    assert not records[16].structured_data
    assert log.dump() == 0
    stats = log.stats
    assert (stats["offered"], stats["recorder"]["sent"], stats["recorder"]["queued"]) == (17, 16, 0)
    log.close()


def test_records_have_their_own_time_and_no_sequence_id(
    backend: str, receiver: socket.socket
) -> None:
    log = open_recorder(backend, receiver, sequence_ids=True)
    log.info("first")
    log.debug("kept", time_ns=1)
    log.info("second")
    log.dump()
    records = receive(receiver, 3)
    assert [record.message for record in records] == ["first", "second", "kept"]
    numbers = [dict(record.structured_data).get("meta") for record in records]
    assert numbers == [[("sequenceId", "1")], [("sequenceId", "2")], None]
    assert records[2].timestamp.startswith("1970-01-01T00:00:00")
    log.close()


@pytest.mark.parametrize("size", [RING, RING + 1, 3 * RING])
def test_the_oldest_are_overwritten(backend: str, receiver: socket.socket, size: int) -> None:
    """Whole records alone, and no more than fit; those that are left are the last, in order."""
    log = open_recorder(backend, receiver, recorder_bytes=size, queue_bytes=1 << 20)
    for number in range(3000):
        log.debug("x" * (number % 90), msgid=f"M{number}")
        recorder = log.stats["recorder"]
        assert recorder["offered"] == number + 1
        check_balance(recorder)
    count = recorder["queued"]
    assert recorder["dropped"] == {"overwritten": 3000 - count}
    longest = 2048 + 24
    assert size - 2 * max(longest, size // 32) < log._recorder._queue.size <= size
    assert log.dump() == count
    log.close()


def test_what_the_twins_keep(receiver: socket.socket) -> None:
    """The same records, whatever their sizes, and the same counts."""
    chance = random.Random(5424)
    for size in (2 * 2072, RING, 40_000):
        logs = [open_recorder(name, receiver, recorder_bytes=size) for name in ("c", "python")]
        for number in range(2000):
            text = "y" * chance.choice([0, 1, 40, 200, 1900, 9000])
            for log in logs:
                log.debug(text, time_ns=number)
            if chance.random() < 0.01:
                kept = [take_all(log) for log in logs]
                assert kept[0] == kept[1]
            counts = [log.stats["recorder"] for log in logs]
            assert counts[0] == counts[1], number
        for log in logs:
            log.close()


def take_all(log: Any) -> list[bytes]:
    """Return what is in the ring, as `dump` takes it."""
    ring = log._recorder._queue
    taken = []
    while ring.count:
        taken.append(bytes(ring.peek(True)))
        ring.consume(len(taken[-1]))
    return taken


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 130)),
        st.tuples(st.just("peek"), st.booleans()),
        st.tuples(st.just("consume"), st.integers(0, 300)),
        st.tuples(st.just("drop_first"), st.just("full")),
        st.tuples(st.just("rewind"), st.none()),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_both_rings_do_the_same(steps: "list[tuple[str, Any]]") -> None:
    from syslogfast.transports.ring_py import Ring

    compiled: Any = load_emitter_module("c").Queue
    rings = [compiled(500, 100, True), Ring(500, 100)]
    for number, (name, argument) in enumerate(steps):
        if name == "put":
            argument = bytes([97 + number % 26]) * argument
        results = []
        for ring in rings:
            method = getattr(ring, name)
            result = method() if argument is None else method(argument)
            results.append(bytes(result) if isinstance(result, memoryview) else result)
        if name == "peek" and results[0] != results[1]:
            less, more = sorted(results, key=len)  # within one block, or one after none was taken
            assert more.startswith(less)
            for ring in rings:
                ring.rewind()
        else:
            assert results[0] == results[1], (number, name)
        assert rings[0].count_all() == rings[1].count_all(), (number, name)
        assert rings[0].size == rings[1].size


def test_a_record_that_is_too_long_is_counted(backend: str, receiver: socket.socket) -> None:
    log = open_recorder(backend, receiver, recorder_bytes=2 * 2072)
    log.child(max_size=8000).debug("x" * 7000)
    log.debug("x" * 7000)  # which is truncated
    recorder = log.stats["recorder"]
    assert (recorder["queued"], recorder["dropped"]) == (1, {"too large": 1})
    assert recorder["truncated"] == 1
    log.close()


def test_a_record_of_dump_level_comes_after_the_others(
    backend: str, receiver: socket.socket
) -> None:
    log = open_recorder(backend, receiver, dump_level="crit")
    log.debug("before")
    log.error("not yet")
    log.child(hostname="db1").alert("now")
    records = receive(receiver, 3)
    assert [record.message for record in records] == ["not yet", "before", "now"]
    log.debug("again")
    log.emit_record(logging.makeLogRecord({"msg": "by logging", "levelno": 50}))
    log.debug("and again")
    log.emit_many("alert", ["one", "two"])
    texts = [record.message for record in receive(receiver, 5)]
    assert texts == ["again", "by logging", "and again", "one", "two"]
    log.close()


def test_what_the_queue_has_no_space_for(backend: str, receiver: socket.socket) -> None:
    """The oldest are left out and counted; one more record finds space, and all agree."""
    log = open_recorder(backend, receiver, queue_bytes=8000, linger=100.0)
    for number in range(100):
        log.debug("x" * 80, msgid=f"M{number}")
    kept = log.stats["recorder"]["queued"]
    log.info("waits", msgid="W")
    taken = log.dump()
    assert 0 < taken < kept
    assert log.stats["recorder"]["dropped"]["full"] == kept - taken
    log.info("y" * 2000, msgid="L")
    check_balance(log.stats)
    assert log.stats["dropped"] == {}
    names = [record.msgid for record in receive(receiver, taken + 1)]
    assert sorted(names) == sorted(["W", *[f"M{100 - number}" for number in range(1, taken + 1)]])
    log.close()


def test_a_closed_emitter_keeps_them(backend: str, receiver: socket.socket) -> None:
    log = open_recorder(backend, receiver)
    log.debug("kept")
    log.close()
    assert log.dump() == 0
    log.debug("kept, too")
    assert log.stats["recorder"]["queued"] == 2
    assert log.stats["dropped"] == {}


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_begins_anew(backend: str, receiver: socket.socket) -> None:
    log = open_recorder(backend, receiver, procid=None)
    log.debug("parent's")
    child = os.fork()
    if not child:
        try:
            log.debug("child's")
            log.dump()
            os._exit(log.stats["recorder"]["offered"] != 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    log.dump()
    records = receive(receiver, 2)
    assert [(record.message, record.procid, read_number(record)) for record in records] == [
        ("child's", str(child), 1),
        ("parent's", str(os.getpid()), 1),
    ]
    log.close()


def test_threads_record_while_another_sends(backend: str, sink: Sink) -> None:
    """Each record is whole, and all are accounted for."""
    module: Any = load_emitter_module(backend)
    log = module.connect(
        f"tcp://127.0.0.1:{sink.port}?framing=octet",
        level="info",
        recorder_bytes=1 << 15,
        max_size=2048,
        hostname="h",
    )

    def record(thread: int) -> None:
        for number in range(3000):
            log.debug("%d %d", thread, number)

    threads = [threading.Thread(target=record, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    taken = 0
    while any(thread.is_alive() for thread in threads):
        taken += log.dump()
    taken += log.dump()
    recorder = log.stats["recorder"]
    check_balance(recorder)
    assert (recorder["offered"], recorder["sent"], recorder["queued"]) == (12_000, taken, 0)
    assert log.flush()
    stats = log.stats
    assert stats["offered"] == stats["sent"] == taken
    assert wait_until(lambda: len(sink.received) >= stats["bytes"])
    log.close()


class Interrupting:
    """A queue in whose `put` something is raised."""

    closed = False
    lacks_memory = False
    count = 0
    limit = 1 << 20
    size = 0

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def put(self, frame: bytes) -> int:
        raise self._error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=repr)
def test_a_dump_that_is_interrupted(
    backend: str, receiver: socket.socket, error: BaseException
) -> None:
    """Nothing is lost by it, and the oldest can be overwritten afterwards."""
    log = open_recorder(backend, receiver)
    for number in range(3):
        log.debug("%d", number)
    recorder = log._recorder._sender
    queue, recorder._queue = recorder._queue, Interrupting(error)
    with contextlib.suppress(KeyboardInterrupt):
        assert log.dump() == 0
    recorder._queue = queue
    assert log.dump() == 3
    assert [record.message for record in receive(receiver, 3)] == ["0", "1", "2"]
    for number in range(500):
        log.debug("%d", number)
    assert set(log.stats["recorder"]["dropped"]) == {"overwritten"}
    log.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recorder_bytes": "1"}, "recorder_bytes must be an int, got '1'"),
        ({"recorder_bytes": None}, "recorder_bytes must be an int, got None"),
        ({"recorder_bytes": -1}, "recorder_bytes must be 0 or at least 4144, for two records of"),
        ({"recorder_bytes": 4143}, "recorder_bytes must be 0 or at least 4144, for two records of"),
        ({"recorder_bytes": 1 << 14, "level": None}, "level must be given with recorder_bytes"),
        ({"dump_level": "alert"}, "dump_level must be left out without recorder_bytes, got 'al"),
        ({"recorder_bytes": RING, "dump_level": "loud"}, "dump_level must be"),
        ({"recorder_bytes": RING, "dump_level": 8}, "dump_level must be"),
    ],
)
def test_wrong_options(
    backend: str, receiver: socket.socket, options: "dict[str, Any]", message: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        open_recorder(backend, receiver, **{"recorder_bytes": 0, **options})
    assert str(raised.value).startswith(message)


def test_a_handler_has_one(receiver: socket.socket) -> None:
    """By `logging`, whose levels stay the program's."""
    options: Any = {"level": "info", "recorder_bytes": RING, "dump_level": "crit"}
    handler = syslogfast.SysLogHandler(url_of(receiver), hostname="web1", **options)
    logger = logging.Logger("shop", logging.DEBUG)
    logger.addHandler(handler)
    logger.debug("%d in the basket", 3)
    logger.info("sold")
    assert handler.dump() == 1
    logger.debug("once more")
    logger.critical("no more")
    records = receive(receiver, 4)
    texts = [record.message for record in records]
    assert texts == ["sold", "3 in the basket", "once more", "no more"]
    assert handler.stats["recorder"]["sent"] == 2
    handler.close()
    plain = syslogfast.SysLogHandler(("127.0.0.1", 9))
    assert plain.dump() == 0
    plain.close()


@pytest.mark.parametrize("option", [{"oversize": "split"}, {"multiline": "split"}])
def test_texts_that_are_divided(
    backend: str, receiver: socket.socket, option: "dict[str, Any]"
) -> None:
    """What is recorded stays whole; what is sent is divided, behind it."""
    log = open_recorder(backend, receiver, dump_level="err", **option)
    log.debug("one\ntwo")
    log.emit("debug", "three %d", 4, fields=5)
    log.emit_many("debug", ["five"])
    log.emit_record(logging.makeLogRecord({"msg": "six", "levelno": 10}))
    assert log.stats["offered"] == 0
    log.error("seven\n" + "x" * 3000)
    records = receive(receiver, 6)
    assert [record.message for record in records[:4]] == ["one#012two", "three 4", "five", "six"]
    assert records[4].message.startswith("seven")
    log.close()


def test_lines_are_recorded(backend: str, receiver: socket.socket) -> None:
    """Those that `send` has of a file, as any others; without a recorder they are left out."""
    log = open_recorder(backend, receiver)
    assert log._emit_lines("debug", b"one\ntwo\n") == 8
    assert log.stats["recorder"]["queued"] == 2
    assert is_quiet(receiver)
    assert log.dump() == 2
    assert [record.message for record in receive(receiver, 2)] == ["one", "two"]
    plain = open_recorder(backend, receiver, recorder_bytes=0)
    assert plain._emit_lines("debug", b"one\ntwo\n") == 8
    assert is_quiet(receiver)
    plain.close()
    log.close()
