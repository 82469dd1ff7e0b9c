"""What does a log call cost end to end?

The table has all the time for which the program waits, in `logger.info(message)` with a message of
102 bytes. First the sends are stubbed. The floor there is `logging` with a handler that does
nothing: it makes a LogRecord and looks for the caller. The other floor is a logger that is set to a
higher level.

Then over UDP, a unix socket for datagrams, and TCP, each row to a process that only reads and
counts losses. There the time ends when the kernel has all 1,000 records of a round. So the time of
each row contains the sending of records that still wait after the last call, and the work of
threads, which run on the same CPU.

The two formatters, structlog and loguru write to the standard library's handler. "syslogfast
SysLogHandler, URL" has a URL and no option except names, and so does "syslogfast Emitter", which
works without `logging`. So a flood, such as these calls are, is gathered; with `linger=0` each call
sends its record. With sends stubbed they gather 250 records, too few to be sent, by a `linger` of
an hour; the sends between are not timed. hat-syslog leaves all sending to a thread. With sends
stubbed, that never sends; otherwise its queue is checked each millisecond, which adds up to 1 us a
call.

Then other calls, by loggers of `logging` after `syslogfast.loggers.install()`, beside the standard
library with its own handler, whose sends are stubbed. Our handler fills its queue, for a collector
that refuses connections, and the queue is emptied untimed. The time is the CPU time of the thread
that logs, and the floor is a compiled function that does nothing with its argument. Over TCP, both
have the CPU time of all threads of the process.

Then loggers of other packages, which send no syslog, or only to /dev/log: so all write lines to a
file. Each has a process of its own. The time is CPU time, of the thread that logs, and of all
threads until all is written. Ours writes records of RFC 5424, PRI included. The standard library,
picologging and logust have a format string that comes as close to that as possible, without PRI.
None of them has structured data: logust writes a JSON object instead, and the others are left out.

Last, the time from the begin of `emit` until another process has read the record, for one record
each 50 ms, and for two at a time. That is no flood: nothing is to be gathered.
"""

import logging
import os
import socket
import statistics
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import product
from types import ModuleType

import pytest
from adapters.adapter import APP_NAME, HOSTNAME, PRI, Adapter, make_standard_handler
from adapters.competitors import LOGGERS, Standard, choose, make, write_remarks
from adapters.line_loggers import (
    ARGUMENTS,
    CONTENTS,
    LINE_LOGGERS,
    PLAIN,
    STRUCTURED,
    OurInstalled,
    check_line,
    run_process,
)
from adapters.ours import OurEmitter, OurUrlHandler
from adapters.transports import Transport, receive, unframe
from measure import strict
from measure.log_calls import LOG_CALLS, TEMPLATE, Idle, LogCall, Nowhere, make_logger
from measure.record import IDENTITY, MESSAGE
from measure.rounds import CALLS, Rounds, Run, compare, pause_collection, pin, repeat_call, tabulate
from measure.tables import Cell, Column, Table
from receivers.arrivals import Arrivals, run_arrivals
from receivers.receiver import Receiver, run_receiver

import syslogfast
import syslogfast.loggers

Publish = Callable[[Table], None]
LeaveOut = Callable[[str], None]
FLOOR, OFF = "floor: an empty handler", "floor: level too low"
KINDS = {"udp": "UDP", "unix": "a unix datagram socket", "tcp": "TCP"}
PARTS = 4  # of 1,000 records: each is less than an emitter gathers before it sends
TRIES = 10  # of a part
RECEIVERS = {"stub": "tcp", "udp": "udp", "unix": "unix-dgram", "tcp": "tcp"}

pytestmark = pytest.mark.usefixtures("program")


class Witness(logging.Handler):
    """Keeps the last record."""

    def emit(self, record: logging.LogRecord) -> None:
        self.record = record


class EmptyHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        pass


def make_call(logger: object, calls: int = CALLS) -> Run:
    return repeat_call("logger.info(message)", calls, logger=logger, message=MESSAGE)


def make_sent_calls(adapter: Adapter, logger: object) -> Run:
    """The same, with the time until all is sent."""
    call = make_call(logger)

    def run() -> float:
        seconds = call() or 0.0
        start = time.perf_counter()
        adapter.settle()
        return seconds + time.perf_counter() - start

    return run


def make_gathered_calls(adapter: OurEmitter | OurUrlHandler, logger: object) -> Run:
    """The same in parts that it gathers, without the time that sending them takes.

    A part of which the thread has sent something, because of the last flush, does not count.
    """
    calls = CALLS // PARTS
    call = make_call(logger, calls)

    def run() -> float:
        gathered: list[float] = []
        for _ in range(PARTS * TRIES):
            seconds = call() or 0.0
            if adapter.read_stats()["queued"] == calls:
                gathered.append(seconds)
            adapter.settle()
            if len(gathered) == PARTS:
                return sum(gathered)
        raise AssertionError(f"{adapter.name} has sent some of {TRIES} times all parts")

    return run


def check_call(adapter: Adapter, kind: str) -> int:
    """Look at what one call sends; return its size."""
    witness = Witness()
    witness.record = adapter.make_record()  # for those who make none
    slack = {"slack": 5.0}

    def send(transport: Transport) -> None:
        with adapter.open_logger(transport) as logger:
            if isinstance(logger, logging.Logger):
                logger.addHandler(witness)
                slack.clear()
            make_call(logger, 1)()
            adapter.settle()

    frame = receive(kind, send)
    record = unframe(frame) if kind == "tcp" else frame
    adapter.check(record, adapter.expect(witness.record, **slack))
    return len(frame)


PAIRS = [(adapter, kind) for adapter in LOGGERS for kind in adapter.transports if kind in KINDS]


@pytest.mark.parametrize(("adapter", "kind"), PAIRS, ids=[f"{r.name}-{kind}" for r, kind in PAIRS])
def test_adapter(adapter: type[Adapter], kind: str) -> None:
    """What arrives of a call is right, or wrong in the way that the adapter's remark says."""
    check_call(make(adapter), kind)


def make_floors() -> dict[str, Run]:
    loggers = {FLOOR: logging.Logger("floor"), OFF: logging.Logger("off", logging.WARNING)}
    for logger in loggers.values():
        logger.addHandler(EmptyHandler())
    return {row: make_call(logger) for row, logger in loggers.items()}


def test_stubbed(rounds: Rounds, publish: Publish, leave_out: LeaveOut) -> None:
    adapters = [adapter for adapter in choose(LOGGERS, leave_out) if "stub" in adapter.transports]
    rows = make_floors()
    with ExitStack() as stack:
        for adapter in adapters:
            receiver = stack.enter_context(run_receiver("tcp")) if adapter.sends_later else None
            transport = Transport("stub", ("127.0.0.1", int(receiver.port) if receiver else 514))
            logger = stack.enter_context(adapter.open_logger(transport))
            logger.info(MESSAGE)
            adapter.settle()
            if adapter.is_seen:
                adapter.check(transport.stub.last, adapter.expect(adapter.make_record(), 5))
            make = partial(make_gathered_calls, adapter) if adapter.sends_later else make_call
            rows[adapter.name] = make(logger)
        times = rounds.measure(rows, 10)
    title = "logger.info, sends stubbed"
    remarks = write_remarks(adapters)
    publish(tabulate("call-stubbed", title, times, FLOOR, remarks=remarks))


@pytest.mark.parametrize("kind", KINDS)
def test_transport(rounds: Rounds, publish: Publish, leave_out: LeaveOut, kind: str) -> None:
    adapters = [adapter for adapter in choose(LOGGERS, leave_out) if kind in adapter.transports]
    rows: dict[str, Run] = {}
    receivers: list[Receiver] = []
    remarks = write_remarks(adapters)
    with ExitStack() as stack:
        with pin(), ExitStack() as loggers:  # threads of loggers stay where they are started
            sizes = [check_call(adapter, kind) for adapter in adapters]
            for adapter in adapters:
                receiver = stack.enter_context(run_receiver(RECEIVERS[kind]))
                receivers.append(receiver)
                address = receiver.path if kind == "unix" else ("127.0.0.1", int(receiver.port))
                logger = loggers.enter_context(adapter.open_logger(Transport(kind, address)))
                rows[adapter.name] = make_sent_calls(adapter, logger)
            times = rounds.measure(rows, 11)
        for adapter, receiver, size in zip(adapters, receivers, sizes, strict=True):
            # One round does not count.
            calls = CALLS * (len(times[adapter.name]) + (not rounds.quick))
            lost = 1 - receiver.read_size() / (calls * size)
            # A fraction of a second that is zero may be left out.
            most = 0.5 if kind == "udp" and not rounds.quick else 1e-3
            assert -1e-3 < lost < most, (adapter.name, lost)
            if lost > 1e-3:
                known = remarks.get(adapter.name)
                remarks[adapter.name] = "; ".join(filter(None, [known, f"{lost:.1%} got lost"]))
    title = f"logger.info, over {KINDS[kind]}"
    note = "Until all is sent."
    publish(tabulate(f"call-{kind}", title, times, Standard.name, remarks=remarks, note=note))


# --- loggers that were given ours ----------------------------------------------------------------

INSTALLED = OurInstalled.name
RECORDED = "debug, into the flight recorder"
NO_WORK = "floor: an empty method"
FOREIGN = "a StreamHandler to a stub stream"
IDLE = "another's handler that does nothing"
CPU = "over TCP, CPU time of all threads"
TCP_CALLS = 2000


@pytest.fixture
def installed() -> Iterator[None]:
    syslogfast.loggers.install()
    try:
        yield
    finally:
        syslogfast.loggers.uninstall()


def connect_tcp(port: int, linger: "float | None", **options: object) -> syslogfast.SysLogHandler:
    return syslogfast.SysLogHandler(
        f"tcp://127.0.0.1:{port}?framing=lf",
        hostname=HOSTNAME, app_name=APP_NAME, linger=linger, on_failure=False, queue_bytes=1 << 25,
        **options,
    )  # fmt: skip


def repeat_log_call(call: LogCall, logger: logging.Logger) -> Run:
    names = {**call.names, "logger": logger, "message": MESSAGE, "template": TEMPLATE}
    timer = timeit.Timer(call.statement, timer=time.thread_time, globals=names)
    return partial(timer.timeit, call.calls)


def check_log_call(call: LogCall) -> None:
    """Look at what arrives of one call of a logger of ours."""

    def send(transport: Transport) -> None:
        handler = connect_tcp(transport.address[1], 3600.0)
        logger = make_logger(syslogfast.Logger, call, handler)
        repeat_log_call(replace(call, calls=1), logger)()
        if call.text is None:
            logger.info(MESSAGE)  # so that there is something to receive
        handler.close()

    data = receive("tcp", send)
    text = (call.text or MESSAGE).replace("\n", "#012")
    expected = strict.expect_now(text, procid=str(os.getpid()), **call.fields)
    strict.check(data.removesuffix(b"\n"), expected)


def time_recorded(handler: syslogfast.SysLogHandler) -> Run:
    """The same of a call below the level of a handler, which has a flight recorder."""
    call = LogCall("logger.debug(message)")
    logger = make_logger(syslogfast.Logger, call, handler)
    logger.setLevel(logging.DEBUG)
    run = repeat_log_call(call, logger)
    run()
    ring = handler._emitter._recorder._queue
    assert ring.count_all()["offered"] == call.calls
    data = bytes(ring.peek(True)).removesuffix(b"\n")
    ring.rewind()
    before, _, rest = data.partition(b"[recorded@32473 number=")
    data = before.replace(b"<15>", b"<14>") + b"-" + rest.partition(b"]")[2]
    strict.check(data, strict.expect_now(MESSAGE, procid=str(os.getpid())))
    return run


def time_standard(call: LogCall) -> Run:
    """Return a run of the standard library's calls, after a look at what one sends."""
    transport = Transport("stub")
    logger = make_logger(logging.Logger, call, make_standard_handler(transport))
    run = repeat_log_call(call, logger)
    run()
    pri = b"<12>" if call.fields.get("severity") else PRI
    assert transport.stub.last == (pri + call.text.encode() + b"\0" if call.text else b"")
    return run


def time_foreign(kind: type[logging.Logger]) -> Run:
    """The same of a handler that is nobody's, and wants a LogRecord."""
    stream, call = Nowhere(), LOG_CALLS["no arguments"]
    logger = make_logger(kind, call, logging.StreamHandler(stream))
    run = repeat_log_call(call, logger)
    run()
    assert stream.last == f"{MESSAGE}\n"
    return run


def time_idle(kind: type[logging.Logger]) -> Run:
    handler, call = Idle(), LOG_CALLS["no arguments"]
    run = repeat_log_call(call, make_logger(kind, call, handler))
    run()
    assert handler.last.getMessage() == MESSAGE
    return run


@pytest.mark.usefixtures("installed")
def test_loggers(rounds: Rounds, publish: Publish, floor_module: ModuleType) -> None:
    rows: dict[tuple[str, str], Run] = {}
    handlers: list[syslogfast.SysLogHandler] = []
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        for name, call in LOG_CALLS.items():
            check_log_call(call)
            handler = connect_tcp(refusing.getsockname()[1], 3600.0)
            handlers.append(handler)
            logger = make_logger(syslogfast.Logger, call, handler)
            rows[INSTALLED, name] = repeat_log_call(call, logger)
            rows[Standard.name, name] = time_standard(call)
        for kind, column in ((logging.Logger, Standard.name), (syslogfast.Logger, INSTALLED)):
            rows[column, FOREIGN] = time_foreign(kind)
            rows[column, IDLE] = time_idle(kind)
        recording = connect_tcp(9, 3600.0, level="info", recorder_bytes=1 << 18)
        handlers.append(recording)
        rows[INSTALLED, RECORDED] = time_recorded(recording)
        nothing = LogCall("call(message)", names={"call": floor_module.do_nothing})
        rows[NO_WORK, NO_WORK] = repeat_log_call(nothing, logging.getLogger())

        def settle() -> None:
            for handler in handlers:
                handler._emitter._queue.clear("emptied")

        times = rounds.measure(rows, 15, settle=settle)
        for handler in handlers:
            settle()
            assert set(handler.stats["dropped"]) <= {"emptied"}
            handler.close()
    cells: list[list[Cell]] = []
    calls = {name: call.calls for name, call in LOG_CALLS.items()}
    calls |= {IDLE: LogCall.calls, FOREIGN: LogCall.calls}
    for name, count in calls.items():
        pair = {column: times[column, name] for column in (INSTALLED, Standard.name)}
        compared = compare(pair, INSTALLED)
        own, theirs = (compared[column][0] / count * 1e9 for column in pair)
        cells.append(
            [name, own, theirs, compared[Standard.name][1], [*compared[Standard.name][2:]]]
        )
    for name, key, count in (
        (RECORDED, (INSTALLED, RECORDED), LogCall.calls),
        (NO_WORK, (NO_WORK, NO_WORK), nothing.calls),
    ):
        median = compare({name: times[key]}, name)[name][0] / count * 1e9
        cells.append([name, median, None, None, None])
    publish(Table("loggers", "Loggers with install()", list_columns(), cells))


def list_columns() -> list[Column]:
    return [
        Column(""),
        Column(INSTALLED, "ns"),
        Column(Standard.name, "ns"),
        Column(f"{Standard.name}, against it", "x"),
        Column("spread", "range"),
    ]


def time_all_threads(logger: logging.Logger, flush: Callable[[], object]) -> Run:
    """Return a run that takes the CPU time of this process, until all is sent."""
    call = make_call(logger, TCP_CALLS)

    def run() -> float:
        start = time.process_time()
        call()
        flush()
        return time.process_time() - start

    return run


@pytest.mark.usefixtures("installed")
def test_loggers_over_tcp(rounds: Rounds, publish: Publish) -> None:
    call = LOG_CALLS["no arguments"]
    with ExitStack() as stack:
        receivers = [stack.enter_context(run_receiver("tcp")) for _ in range(2)]
        handler = connect_tcp(int(receivers[0].port), None)
        transport = Transport("tcp", ("127.0.0.1", int(receivers[1].port)))
        standard = make_standard_handler(transport)
        with ExitStack() as closing:
            closing.callback(handler.close)
            closing.callback(standard.close)
            rows = {
                INSTALLED: time_all_threads(
                    make_logger(syslogfast.Logger, call, handler), handler.flush
                ),
                Standard.name: time_all_threads(
                    make_logger(logging.Logger, call, standard), standard.flush
                ),
            }
            times = rounds.measure(rows, 10)
            stats = handler.stats
        assert not stats["dropped"]
        assert receivers[0].read_size() == stats["bytes"]
        assert receivers[1].read_size() % len(PRI + MESSAGE.encode() + b"\0") == 0
    compared = compare(times, INSTALLED)
    own, theirs = (compared[column][0] / TCP_CALLS * 1e9 for column in rows)
    ratio, *spread = compared[Standard.name][1:]
    cells: list[list[Cell]] = [[CPU, own, theirs, ratio, spread]]
    publish(Table("loggers-tcp", "Loggers with install(), over TCP", list_columns(), cells))


# --- and other packages' loggers -----------------------------------------------------------------

LINES = {PLAIN: "lines", ARGUMENTS: "lines-arguments", STRUCTURED: "lines-data"}
LINE_CALLS = 2000


@pytest.mark.parametrize("content", CONTENTS, ids=list(LINES.values()))
def test_lines(rounds: Rounds, publish: Publish, leave_out: LeaveOut, content: str) -> None:
    """Each writes to a file of its own; the lines are looked at before, and counted afterwards."""
    adapters = [each for each in choose(LINE_LOGGERS, leave_out) if content in each.statements]
    with ExitStack() as stack:
        for adapter in adapters:
            check_line(adapter, content)
        with pin():  # and their threads
            processes = {
                adapter.name: stack.enter_context(run_process(adapter, content))
                for adapter in adapters
            }
        rows = {row: partial(process.run, LINE_CALLS) for row, process in processes.items()}
        times = rounds.measure(rows, len(adapters))
        own = {row: process.own[-len(times[row]) :] for row, process in processes.items()}
    cells: list[list[Cell]] = []
    for row, (every, ratio, *spread) in compare(times, OurInstalled.name).items():
        thread = statistics.median(own[row])
        cells.append([row, thread / LINE_CALLS * 1e9, every / LINE_CALLS * 1e9, ratio, spread])
    columns = [
        Column(""),
        Column("the calling thread", "ns"),
        Column("all threads", "ns"),
        Column(f"all threads, against {OurInstalled.name}", "x"),
        Column("spread", "range"),
    ]
    title = f"Lines to a file, {content}"
    publish(Table(LINES[content], title, columns, cells, remarks=write_remarks(adapters)))


# --- until it arrives ----------------------------------------------------------------------------

EACH = 0.05  # seconds from one record, or one pair, to the next of the same row
SAMPLES = 200  # of a row
ARRIVING = {"one": 1, "two at a time": 2}
DEFAULT, AT_ONCE = "no option", "linger=0"
OPTIONS: dict[str, dict[str, float]] = {DEFAULT: {}, AT_ONCE: {"linger": 0}}
QUANTILES = {"median": 0.5, "95 %": 0.95}


class Traveller:
    """An emitter, and the process that its records go to."""

    def __init__(self, arrivals: Arrivals, options: dict[str, float], stack: ExitStack) -> None:
        self.arrivals = arrivals
        identity = {**IDENTITY, "protocol": "rfc5424"}
        self.emitter = stack.enter_context(syslogfast.connect(arrivals.url, **options, **identity))
        self.started: list[int] = []  # when each record was emitted, in nanoseconds
        self.arrivals.expect(1)
        self.emit(1)  # connects
        self.take_waits()

    def emit(self, count: int) -> None:
        emit, clock = self.emitter.emit, time.perf_counter_ns
        for _ in range(count):
            message = MESSAGE.replace("4711", f"{len(self.started):04}", 1)
            start = clock()
            emit(6, message)
            self.started.append(start)

    def take_waits(self) -> list[int]:
        """Return how many nanoseconds each has travelled since the last call, sorted."""
        assert self.emitter.flush()
        arrived = self.arrivals.take(len(self.started))
        waits = [then - start for start, then in zip(self.started, arrived, strict=True)]
        assert min(waits) > 0
        self.started.clear()
        return sorted(waits)


def travel(travellers: dict[tuple[str, str], Traveller], count: int, samples: int) -> None:
    """Let all emit so many records together, one emitter after the other, each at its time."""
    for traveller in travellers.values():
        traveller.arrivals.expect(samples)
    due = time.perf_counter() + EACH
    for _ in range(samples // count):
        for traveller in travellers.values():
            time.sleep(max(0.0, due - time.perf_counter()))
            traveller.emit(count)
            due += EACH / len(travellers)


def test_arrival(rounds: Rounds, publish: Publish) -> None:
    samples = SAMPLES // 20 if rounds.quick else SAMPLES
    rows: list[list[Cell]] = []

    def measure() -> None:
        for what, count in ARRIVING.items():
            travel(travellers, count, samples)
            waits = {row: traveller.take_waits() for row, traveller in travellers.items()}
            for kind, name in KINDS.items():
                seen = [
                    float(waits[kind, option][round(part * (samples - 1))])
                    for part in QUANTILES.values()
                    for option in OPTIONS
                ]
                rows.append([f"{what}, over {name}", *seen, seen[-2] / seen[-1]])

    with pin(), pause_collection(), ExitStack() as stack:
        travellers = {
            (kind, option): Traveller(stack.enter_context(run_arrivals(kind)), options, stack)
            for kind, (option, options) in product(KINDS, OPTIONS.items())
        }
        rounds.benchmark.pedantic(measure, rounds=1)
    columns = [
        Column("records"),
        *(Column(f"{part}, {option}", "ns") for part in QUANTILES for option in OPTIONS),
        Column(f"95 %, against {AT_ONCE}", "x"),
    ]
    note = f"{SAMPLES} records each."
    publish(Table("arrival", "From emit until it has arrived", columns, rows, note))
