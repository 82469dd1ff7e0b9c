"""What does one record cost?

The record is one of RFC 5424 with a message of 102 bytes; the clock is read. The floor is a
compiled method with the same arguments that reads the clock and returns ready bytes of the same
length: no encoder that is called from Python can be faster. "naive" is code written by hand, an
f-string and `datetime`, without any of the safety. "syslogfast twin" is this package's encoder in
Python.

Then records of `logging`: the time to make a text or bytes of one, or to emit one while nothing is
sent. The two formatters are used with the standard library's handler there. A blank cell means that
a package cannot write such a record.
"""

import functools
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType

import pytest
from adapters.adapter import CONTENTS, PLAIN, Adapter
from adapters.competitors import (
    BUILDERS,
    FORMATTERS,
    HANDLERS,
    choose,
    make,
    write_remarks,
)
from adapters.ours import OurEncoder
from adapters.transports import Transport, receive
from measure import strict
from measure.calls import make_emitter
from measure.cases import CASES, LONG, LONG_CASES, Case
from measure.record import IDENTITY, MESSAGE
from measure.rounds import CALLS, Rounds, Run, Times, compare, repeat_call, tabulate
from measure.strict import expect_now
from measure.tables import Cell, Column, Table
from receivers.receiver import run_receiver

import syslogfast
from syslogfast import _encoder_c, _encoder_py

Publish = Callable[[Table], None]
LeaveOut = Callable[[str], None]
HOSTNAME, APP_NAME, PROCID = IDENTITY.values()
ENCODE, INTO, TWIN = "syslogfast encode", "syslogfast encode_into", "syslogfast twin"
FLOOR, NAIVE, ASCII = "floor", "naive", "ASCII"
AGAIN = "again"  # content: no arguments
NEW = 200  # records
LOOPS = 100_000  # of a loop in C
QUEUED = 300  # records: 45 KB, less than an emitter gathers before it sends
RECORDS_QUEUED = 200  # the same of records with structured data
SIZES = [32, 128, 512, 2048, 8192, 32768, 65536]
MAX_SIZE = 1 << 17

pytestmark = pytest.mark.usefixtures("program")


def encode_naively(severity: int, message: str) -> bytes:
    """What is written by hand."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f"<{8 + severity}>1 {now} {HOSTNAME} {APP_NAME} {PROCID} - - {message}".encode()


def check_encode(encode: Callable[[int, str], bytes], message: str = MESSAGE) -> None:
    strict.check(encode(6, message), expect_now(message))


def repeat_encode(encode: Callable[[int, str], bytes], message: str = MESSAGE) -> Run:
    check_encode(encode, message)
    return repeat_call("encode(6, message)", encode=encode, message=message)


def test_encode(rounds: Rounds, publish: Publish, floor_module: ModuleType) -> None:
    floor = floor_module.Floor(encode_naively(6, MESSAGE))
    rows = {
        ENCODE: repeat_encode(_encoder_c.Encoder(**IDENTITY).encode),
        FLOOR: repeat_encode(floor.encode),
        "the clock alone, from C": repeat_call("read()", read=floor.read_clock),
        TWIN: repeat_encode(_encoder_py.Encoder(**IDENTITY).encode),
        NAIVE: repeat_encode(encode_naively),
    }
    publish(tabulate("encode", "encode", rounds.measure(rows, 6), FLOOR))


def test_encode_into(rounds: Rounds, publish: Publish, floor_module: ModuleType) -> None:
    buffer = bytearray(1024)
    encoder = _encoder_c.Encoder(**IDENTITY)
    lines = _encoder_c.Encoder(**IDENTITY, framing="lf")
    floor = floor_module.Floor(encode_naively(6, MESSAGE))
    rows = {}
    for row, encode_into in {
        "syslogfast encode_into": encoder.encode_into,
        FLOOR: floor.encode_into,
        "syslogfast twin": _encoder_py.Encoder(**IDENTITY).encode_into,
    }.items():
        end = encode_into(buffer, 6, MESSAGE)
        strict.check(bytes(buffer[:end]), expect_now(MESSAGE))
        rows[row] = repeat_call(
            "encode_into(buffer, 6, message)",
            encode_into=encode_into,
            buffer=buffer,
            message=MESSAGE,
        )
    strict.check(encoder.header(6) + MESSAGE.encode(), expect_now(MESSAGE))
    rows["syslogfast header"] = repeat_call("header(6)", header=encoder.header)
    block = memoryview(bytearray(1 << 18))
    names = {"messages": [MESSAGE] * CALLS, "block": block, "encode": lines.encode_many_into}
    end, count = lines.encode_many_into(block, 6, names["messages"])
    assert count == CALLS
    for line in bytes(block[:end]).splitlines():
        strict.check(line, expect_now(MESSAGE))
    row = "syslogfast encode_many_into"
    rows[row] = repeat_call("encode(block, 6, messages)", calls=1, **names)
    note = (
        f"`encode_many_into` writes {CALLS:,} records in one call: the time is that of one record."
    )
    times = rounds.measure(rows, 4)
    publish(tabulate("encode_into", "encode_into", times, FLOOR, note=note))


def test_writer(rounds: Rounds, publish: Publish, floor_module: ModuleType) -> None:
    """The functions in C, without the clock and all objects, in a loop in C."""
    encoder, message = _encoder_c.Encoder(**IDENTITY), MESSAGE.encode()
    loops = {
        "write_plain_record": floor_module.write_plain_records,
        "write_record": floor_module.write_records,
        "encode, by cimport": floor_module.encode_by_cimport,
        "encode, from C": floor_module.encode_by_capsule,
    }
    statements = {row: functools.partial(loop, encoder, message) for row, loop in loops.items()}
    statements["memcpy"] = functools.partial(floor_module.copy_records, encoder.encode(6, message))

    def make_run(loop: Callable[[int], bytes]) -> Run:
        strict.check(loop(2), expect_now(MESSAGE))

        def run() -> None:
            loop(LOOPS)

        return run

    rows = {row: make_run(loop) for row, loop in statements.items()}
    note = "`write_plain_record` is what `encode` runs where nothing is escaped or truncated."
    publish(
        tabulate(
            "writer",
            "the inner writer in C, clock excluded",
            rounds.measure(rows),
            "memcpy",
            LOOPS,
            note=note,
        )
    )


def test_twin(rounds: Rounds, publish: Publish) -> None:
    """The twin escapes, truncates and checks; the baseline does not."""
    encode = _encoder_py.Encoder(**IDENTITY).encode
    rows = {TWIN: repeat_encode(encode), NAIVE: repeat_encode(encode_naively)}
    publish(tabulate("twin", "the encoder in Python", rounds.measure(rows, 4), NAIVE))


# --- an emitter's queue --------------------------------------------------------------------------


def connect(port: object, **options: object) -> syslogfast.Emitter:
    """Return an emitter that lingers: while it is timed, nothing is sent."""
    identity = {**IDENTITY, **options}
    return syslogfast.connect(f"tcp://127.0.0.1:{port}?framing=lf", linger=3600, **identity)


def check_emitter() -> None:
    """Look at what arrives, however it is emitted."""

    def send(transport: Transport) -> None:
        with connect(transport.address[1]) as emitter:
            emitter.emit(6, MESSAGE)
            emitter.info(MESSAGE)
            emitter.emit_many(6, [MESSAGE] * 2)

    lines = receive("tcp", send).splitlines()
    assert len(lines) == 4
    for line in lines:
        strict.check(line, expect_now(MESSAGE))


@pytest.fixture
def emitter() -> Iterator[syslogfast.Emitter]:
    with run_receiver() as receiver:
        with connect(receiver.port) as emitter:
            # So that there is a connection, whose end the receiver sees.
            emitter.emit(6, MESSAGE)
            assert emitter.flush()
            yield emitter
        assert receiver.read_size() == emitter.stats["bytes"]


RECORDED = "debug, into the flight recorder"


@pytest.fixture
def recorder() -> Iterator[syslogfast.Emitter]:
    """Give an emitter that has nothing to send: what it gets goes to its flight recorder."""
    with connect(9, level="info", recorder_bytes=1 << 18) as recorder:
        recorder.debug(MESSAGE)
        assert recorder.stats["offered"] == 0
        data = bytes(recorder._recorder._queue.peek(True))
        recorder._recorder._queue.rewind()
        element = b'[recorded@32473 number="1"] '
        assert data.count(element) == 1
        plain = data.removesuffix(b"\n").replace(element, b"- ").replace(b"<15>", b"<14>")
        strict.check(plain, expect_now(MESSAGE))
        yield recorder


def test_emit(
    rounds: Rounds, publish: Publish, emitter: syslogfast.Emitter, recorder: syslogfast.Emitter
) -> None:
    check_emitter()
    encode_into = syslogfast.Encoder(**IDENTITY, framing="lf").encode_into
    names = {"messages": [MESSAGE] * QUEUED, "message": MESSAGE, "buffer": bytearray(1024)}
    names.update(emit=emitter.emit, info=emitter.info, many=emitter.emit_many, into=encode_into)
    names.update(record=recorder.debug)
    rows = {
        "syslogfast encode_into": repeat_call("into(buffer, 6, message)", QUEUED, **names),
        "syslogfast emit": repeat_call("emit(6, message)", QUEUED, **names),
        "syslogfast info": repeat_call("info(message)", QUEUED, **names),
        "syslogfast emit_many": repeat_call("many(6, messages)", 1, **names),
        f"syslogfast {RECORDED}": repeat_call("record(message)", QUEUED, **names),
    }

    def settle() -> None:
        assert emitter.stats["queued"] in (0, QUEUED)  # nothing was sent meanwhile
        assert emitter.flush()
        time.sleep(0.00001)  # else the thread that sends them takes its last steps in a run

    times = rounds.measure(rows, 4, settle=settle)
    settle()
    assert not emitter.stats["dropped"]
    assert recorder.stats["recorder"]["offered"] > QUEUED
    note = (
        f"{QUEUED} records into an empty queue, which is sent between the rounds. The first of "
        "them wakes the thread that sees to it that they go when `linger` is over. What is "
        "recorded overwrites the oldest of 256 KB."
    )
    title = "emit into the queue of a TCP connection"
    publish(tabulate("emit", title, times, "syslogfast encode_into", QUEUED, note=note))


RECORD_FORMS = {  # of emit_record: its emitter's options, and the content of its record
    "plain": ({}, PLAIN),
    "structured data in the record": ({}, "structured data"),
    "sequence_ids=True": ({"sequence_ids": True}, PLAIN),
}


def check_emitted_record(options: dict[str, object], record: logging.LogRecord) -> None:
    """Look at what arrives of a record that is emitted."""

    def send(transport: Transport) -> None:
        with connect(transport.address[1], **options) as emitter:
            emitter.emit_record(record)

    expected = replace(OurEncoder().expect(record), procid=str(PROCID))
    if options:
        expected.structured_data.insert(0, ("meta", [("sequenceId", "1")]))
    strict.check(receive("tcp", send).removesuffix(b"\n"), expected)


def test_emit_record(rounds: Rounds, publish: Publish) -> None:
    """Each form beside `encode_record` of the same record: what the queue adds to it."""
    encode = syslogfast.Encoder(**IDENTITY, framing="lf").encode_record
    rows, emitters = {}, []
    with ExitStack() as stack:
        for form, (options, content) in RECORD_FORMS.items():
            record = OurEncoder().make_record(content)
            check_emitted_record(options, record)
            receiver = stack.enter_context(run_receiver())
            emitter = stack.enter_context(connect(receiver.port, **options))
            emitter.emit_record(record)  # so that there is a connection
            assert emitter.flush()
            emitters.append(emitter)
            names = {"record": record, "encode": encode, "emit": emitter.emit_record}
            rows["encode_record", form] = repeat_call("encode(record)", RECORDS_QUEUED, **names)
            rows["emit_record", form] = repeat_call("emit(record)", RECORDS_QUEUED, **names)

        def settle() -> None:
            for emitter in emitters:
                assert emitter.stats["queued"] in (0, RECORDS_QUEUED)  # nothing was sent meanwhile
                assert emitter.flush()
            time.sleep(0.00001)  # else the thread that sends them takes its last steps in a run

        times = rounds.measure(rows, 6, settle=settle)
        settle()
        assert not any(emitter.stats["dropped"] for emitter in emitters)
    medians = read_medians(times, RECORDS_QUEUED)
    cells: list[list[Cell]] = []
    for form in RECORD_FORMS:
        pair = {name: times[name, form] for name in ("encode_record", "emit_record")}
        _, ratio, low, high = compare(pair, "encode_record")["emit_record"]
        both = [medians[name, form] for name in pair]
        cells.append([form, *both, ratio, [low, high]])
    columns = [
        Column(""),
        Column("encode_record", "ns"),
        Column("emit_record", "ns"),
        Column("against encode_record", "x"),
        Column("spread", "range"),
    ]
    note = f"{RECORDS_QUEUED} times the same record into an empty queue, as above."
    title = "emit_record into the queue of a TCP connection"
    publish(Table("emit_record", title, columns, cells, note))


ARGUMENTS = {  # of emit: by template
    "user %s bought %d for %.2f": ("alice", 17, 19.99),
    "%s %s took %d ms, status %d": ("GET", "/index.html", 17, 200),
    "user %s has logged in": ("alice",),
    "%d records were sent": (1234,),
    "took %.3f seconds in all": (0.12345,),
    "the temperature is %s": (21.5,),
    "at %08x, %5d %-8s %r": (0xBEEF, 17, "left", "right"),
    "user %s paid %.2f €": ("José", 19.99),
    "%(user)s bought %(number)d pieces": ({"user": "alice", "number": 17},),
    "failed, for what reason: %s": (LookupError("sold out"),),
}


def drain(emitter: _encoder_c.EmitterBase) -> bytes:
    """Take all that is queued."""
    data = b""
    while view := emitter._queue.peek():
        data += view
        emitter._queue.consume(len(view))
    return data


def test_arguments(rounds: Rounds, publish: Publish) -> None:
    """Each template beside Python's own `%` of the same, and beside the text that it gives."""
    emitter = make_emitter(_encoder_c.Encoder(**IDENTITY, framing="lf"))
    rows = {}
    for template, args in ARGUMENTS.items():
        names = {f"a{index}": value for index, value in enumerate(args)}
        given = f"({', '.join(names)},)" if len(args) > 1 or type(args[0]) is not dict else "a0"
        text = template % (args if given != "a0" else args[0])
        for call in (template, *args), (text,):
            emitter.emit(6, *call)
            strict.check(drain(emitter).removesuffix(b"\n"), expect_now(text))
        names.update(template=template, text=text, emit=emitter.emit)
        rows["%", template] = repeat_call(f"template % {given}", QUEUED, **names)
        call = f"emit(6, template, {', '.join(list(names)[: len(args)])})"
        rows["emit", template] = repeat_call(call, QUEUED, **names)
        rows["text", template] = repeat_call("emit(6, text)", QUEUED, **names)
    times = rounds.measure(rows, 10, settle=lambda: drain(emitter))
    medians = read_medians(times, QUEUED)
    cells: list[list[Cell]] = []
    for template in ARGUMENTS:
        trio = {name: times[name, template] for name in ("%", "emit", "text")}
        _, ratio, low, high = compare(trio, "%")["emit"]
        to_text = compare(trio, "text")["emit"][1]
        of_each = [medians[name, template] for name in trio]
        cells.append([f"`{template}`", *of_each[:2], ratio, [low, high], of_each[2], to_text])
    columns = [
        Column("template"),
        Column("Python's % alone", "ns"),
        Column("emit", "ns"),
        Column("against % alone", "x"),
        Column("spread", "range"),
        Column("emit of the text", "ns"),
        Column("against that", "x"),
    ]
    note = (
        "`emit` formats, encodes and queues; nothing is sent. The last two are left to Python's "
        "own `%`, as all is that is neither a text, a number nor None."
    )
    publish(Table("arguments", "emit with %-arguments", columns, cells, note))


# --- sizes and contents --------------------------------------------------------------------------


def read_medians(times: Times, calls: int = CALLS) -> dict[str, float]:
    """Return nanoseconds of a call."""
    return {row: statistics.median(seen) / calls * 1e9 for row, seen in times.items()}


def test_sizes(rounds: Rounds, publish: Publish, floor_module: ModuleType) -> None:
    compiled = _encoder_c.Encoder(**IDENTITY, max_size=MAX_SIZE)
    twin = _encoder_py.Encoder(**IDENTITY, max_size=MAX_SIZE)
    buffer = bytearray(MAX_SIZE)
    rows = {}
    for size in SIZES:
        message = (MESSAGE * (size // len(MESSAGE) + 1))[:size]
        end = compiled.encode_into(buffer, 6, message)
        strict.check(bytes(buffer[:end]), expect_now(message))
        names = {"into": compiled.encode_into, "buffer": buffer, "message": message}
        floor = floor_module.Floor(encode_naively(6, message))
        rows[ENCODE, size] = repeat_encode(compiled.encode, message)
        rows[INTO, size] = repeat_call("into(buffer, 6, message)", **names)
        rows[FLOOR, size] = repeat_encode(floor.encode, message)
        rows[TWIN, size] = repeat_encode(twin.encode, message)
        rows[NAIVE, size] = repeat_encode(encode_naively, message)
    medians = read_medians(rounds.measure(rows, 10))
    headings = [ENCODE, INTO, FLOOR, TWIN, NAIVE]
    columns = [Column("message", "bytes"), *[Column(heading, "ns") for heading in headings]]
    columns.append(Column("encode, against floor", "x"))
    cells: list[list[Cell]] = [
        [
            size,
            *[medians[heading, size] for heading in headings],
            medians[ENCODE, size] / medians[FLOOR, size],
        ]
        for size in SIZES
    ]
    publish(Table("sizes", "encode, by the size of the message", columns, cells))


@pytest.mark.parametrize(
    ("name", "cases", "size"),
    [("forms", CASES, len(MESSAGE)), ("long-contents", LONG_CASES, LONG)],
)
def test_contents(
    rounds: Rounds, publish: Publish, name: str, cases: dict[str, Case], size: int
) -> None:
    modules = {"compiled": _encoder_c, "twin": _encoder_py}
    rows = {
        (row, backend): case.make_run(module)
        for row, case in cases.items()
        for backend, module in modules.items()
    }
    medians = read_medians(rounds.measure(rows, 8))
    base = medians[ASCII, "compiled"]
    columns = [
        Column(""),
        Column(ENCODE, "ns"),
        Column(f"against {ASCII}", "x"),
        Column(TWIN, "ns"),
    ]
    cells: list[list[Cell]] = []
    for row in cases:
        compiled, twin = medians[row, "compiled"], medians[row, "twin"]
        cells.append([row, compiled, compiled / base, twin])
    note = f"Each message is {size} bytes long, or up to three less."
    title = "encode, by content and form" if cases is CASES else f"encode, {size} bytes by content"
    publish(Table(name, title, columns, cells, note))


# --- records of logging --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*FORMATTERS, *BUILDERS], ids=lambda kind: kind.name)
def test_adapter(kind: type[Adapter]) -> None:
    """What each makes of a record is right, or wrong in the way that its remark says."""
    check_adapter(make(kind))


def check_adapter(adapter: Adapter) -> None:
    write = adapter.prepare()
    for content in adapter.contents:
        record = adapter.make_record(content)
        adapter.check(write(adapter.convert(record)), adapter.expect(record))


def write_new_records(adapter: Adapter, content: str) -> Run:
    """Return a run that takes the time of writing alone."""
    write = adapter.prepare()

    def run() -> float:
        records = [adapter.convert(adapter.make_record(content)) for _ in range(NEW)]
        start = time.perf_counter()
        for record in records:
            write(record)
        return time.perf_counter() - start

    return run


def write_again(adapter: Adapter) -> Run:
    record = adapter.convert(adapter.make_record())
    return repeat_call("write(record)", NEW, write=adapter.prepare(), record=record)


def compare_adapters(rounds: Rounds, adapters: list[Adapter], name: str, title: str) -> Table:
    """Return a table of what they make of records, whose first row is the yardstick."""
    rows: dict[tuple[str, str], Run] = {}
    for adapter in adapters:
        check_adapter(adapter)
        rows[adapter.name, AGAIN] = write_again(adapter)
        for content in adapter.contents:
            rows[adapter.name, content] = write_new_records(adapter, content)
    times = rounds.measure(rows, 20)
    medians = read_medians(times, NEW)
    ours = adapters[0].name
    ratios = {}
    for content in (CONTENTS[0], AGAIN):
        ratios[content] = compare(
            {adapter.name: times[adapter.name, content] for adapter in adapters}, ours
        )
    cells: list[list[Cell]] = []
    for adapter in adapters:
        line: list[Cell] = [adapter.name]
        for content, compared in ratios.items():
            _, ratio, low, high = compared[adapter.name]
            line += [medians[adapter.name, content], ratio, [low, high]]
        cells.append(line + [medians.get((adapter.name, content)) for content in CONTENTS[1:]])
    columns = [Column("")]
    for content in ratios:
        lead = f"{AGAIN}, " if content == AGAIN else ""
        columns += [Column(content, "ns"), Column(f"{lead}against {ours}", "x")]
        columns.append(Column(f"{lead}spread", "range"))
    columns += [Column(content, "ns") for content in CONTENTS[1:]]
    note = f'The records are new, as their logger has left them; "{AGAIN}": one, time after time.'
    return Table(name, title, columns, cells, note, write_remarks(adapters))


def test_format(rounds: Rounds, publish: Publish, leave_out: LeaveOut) -> None:
    adapters = choose(FORMATTERS, leave_out)
    publish(compare_adapters(rounds, adapters, "format", "Formatter.format, and its like"))


def test_build(rounds: Rounds, publish: Publish, leave_out: LeaveOut) -> None:
    title = "encode_record, and its like: from LogRecord to bytes"
    publish(compare_adapters(rounds, choose(BUILDERS, leave_out), "build", title))


LOGGERS = 30
HEADER_ATTRIBUTES: dict[str, dict[str, object]] = {  # of encode_record, by row
    "no header_attributes": {},
    "the logger's name": {"header_attributes": {"app_name": "name"}},
    "an attribute that is not there, or the name": {
        "header_attributes": {"app_name": ["appname", "name"]}
    },
    "all four fields": {
        "header_attributes": {
            "hostname": "host",
            "app_name": ["appname", "name"],
            "procid": "threadName",
            "msgid": "funcName",
        }
    },
}


def test_header_attributes(rounds: Rounds, publish: Publish) -> None:
    """Records of 30 loggers, in turn."""
    adapter = OurEncoder()
    records = []
    for number in range(LOGGERS):
        record = adapter.make_record()
        record.name = f"shop.part{number}.till"
        records.append(record)
    rows: dict[object, Run] = {}
    for row, options in HEADER_ATTRIBUTES.items():
        for name, module in {ENCODE: _encoder_c, TWIN: _encoder_py}.items():
            encode = module.Encoder(hostname=HOSTNAME, app_name=APP_NAME, **options).encode_record
            for record in records:
                expected = adapter.expect(record)
                chosen = options.get("header_attributes", {})
                if chosen:
                    expected = replace(expected, app_name=record.name)
                if "procid" in chosen:
                    expected = replace(expected, procid=record.threadName, msgid=record.funcName)
                strict.check(encode(record), expected)
            statement = "for record in records: encode(record)"
            rows[row, name] = repeat_call(statement, NEW // LOGGERS, encode=encode, records=records)
    medians = read_medians(rounds.measure(rows, 8), NEW // LOGGERS * LOGGERS)
    plain = medians["no header_attributes", ENCODE]
    cells: list[list[Cell]] = [
        [row, medians[row, ENCODE], medians[row, ENCODE] / plain, medians[row, TWIN]]
        for row in HEADER_ATTRIBUTES
    ]
    columns = [
        Column(""),
        Column("encode_record", "ns"),
        Column("against no header_attributes", "x"),
        Column(TWIN, "ns"),
    ]
    title = f"header_attributes: encode_record for {LOGGERS} loggers, in turn"
    publish(Table("header_attributes", title, columns, cells))


def emit_records(adapter: Adapter) -> Run:
    """Return a run of a handler's emit, nothing being sent, after a look at its records."""
    transport = Transport("stub")
    handler = adapter.make_handler(transport)
    record = adapter.make_record()
    handler.emit(record)
    if adapter.is_seen:
        adapter.check(transport.stub.last, adapter.expect(record))
    return repeat_call("emit(record)", emit=handler.emit, record=record)


def test_handlers(rounds: Rounds, publish: Publish, leave_out: LeaveOut) -> None:
    adapters = choose(HANDLERS, leave_out)
    rows = {adapter.name: emit_records(adapter) for adapter in adapters}
    title = "a handler's emit, nothing being sent"
    times = rounds.measure(rows, 8)
    note = "hat-syslog's handler only puts a record into a queue; a thread makes a text of it."
    publish(
        tabulate(
            "handlers", title, times, adapters[0].name, remarks=write_remarks(adapters), note=note
        )
    )
