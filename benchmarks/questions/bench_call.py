"""What does a log call cost end to end?

`logger.info(message)`, with a message of 102 bytes: all that the program waits for. First with the
sends stubbed. The floor there is `logging` with a handler that does nothing: it makes a LogRecord
and looks for the caller; the other floor is a logger that is set to a higher level. Then over UDP,
a unix socket for datagrams, and TCP, to a process for each row that only reads; what got lost is
counted. There the time ends when all 1,000 records of a round are sent, that is when the kernel has
them: what still waits in a queue after the last call is part of every row's time.

The two formatters, structlog and loguru write to the standard library's handler. "syslogfast
Emitter" goes without `logging`: it sends at once, or with `linger` gathers records and sends many
at a time. With sends stubbed, it gathers 250 records, which is less than makes it send; the sends
between are not timed. hat-syslog leaves all to a thread: with sends stubbed, that never sends;
else its queue is looked at each millisecond, which adds up to 1 us a call.
"""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest
from adapters.adapter import Adapter
from adapters.competitors import LOGGERS, choose, make, write_remarks
from adapters.ours import OurGatheringEmitter, OurHandler
from adapters.transports import Transport, receive, unframe
from measure.record import MESSAGE
from measure.rounds import CALLS, Rounds, Run, repeat_call, tabulate
from measure.tables import Table
from receivers.receiver import Receiver, run_receiver

import syslogfast

Publish = Callable[[Table], None]
LeaveOut = Callable[[str], None]
FLOOR, OFF = "floor: an empty handler", "floor: level too low"
KINDS = {"udp": "UDP", "unix": "a unix datagram socket", "tcp": "TCP"}
PARTS = 4  # of 1,000 records: each is less than an emitter gathers before it sends
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


def make_gathered_calls(adapter: OurGatheringEmitter, emitter: syslogfast.Emitter) -> Run:
    """The same in parts that it gathers, without the time that sending them takes."""
    calls = CALLS // PARTS
    call = make_call(emitter, calls)

    def run() -> float:
        seconds = 0.0
        for _ in range(PARTS):
            seconds += call() or 0.0
            assert emitter.stats["queued"] == calls
            adapter.settle()
        return seconds

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
        with ExitStack() as loggers:
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
    publish(tabulate(f"call-{kind}", title, times, OurHandler.name, remarks=remarks, note=note))
