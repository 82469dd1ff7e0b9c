"""How many records a second reach a collector?

The records have a message of 102 characters and come from one core: sender and receiver have a CPU
each, where there are two. All records were checked before, and are counted.

- TCP: a million records in one connection, octet-counted, to a receiver that only reads. The time
  is the receiver's, from the begin of the connection to its end. So `loggen`, which checks only
  twice a second whether it is done, is not charged for that, nor a command for its start. Slow rows
  send fewer records. The floor writes ready blocks of 64 KiB. `emit` is a Python loop, `emit_many`
  one call, both with no option but `overflow="block"`, so that all arrive; with `linger=0` each
  record is sent at once. `syslogfast send` and `logger` send a file.
- UDP: the receiver's buffer holds a whole round, and is read and checked after it: nothing is read
  while the time is taken, and nothing is lost. The yardstick is a loop that encodes and sends one
  record after the other. The mix is the lines of fail2ban's sample logs, in their order. Four
  guests are four such logs, line by line, as on a host that speaks for many.
- Other transports, each to a receiver that only reads: a loop over `emit`, as over TCP. With
  `linger=0` each record is sent at once, but records that must wait for a full buffer go on
  together.
- rsyslog and syslog-ng: 200,000 numbered records, which the collector parses and writes to a file.
  "Sent" is measured until the sender's last call returns, which `loggen` does not report; "stored"
  until the collector's last write. Lost records are missing in the file then, doubled ones are
  there twice. Over UDP nothing slows down a sender that is faster than the collector, so it loses
  the records that the receive buffer (4 MB) cannot hold.
"""

import os
import pathlib
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import product

import pytest
from adapters.datagrams import run_datagrams
from adapters.senders import (
    APP_NAME,
    CHECKED,
    HOSTNAME,
    Options,
    Send,
    check_frames,
    number_messages,
    prepare,
    prepare_emit,
    read_numbers,
    receive_frames,
)
from measure.missing import MissingError, find_one
from measure.record import MESSAGE
from measure.rounds import Rounds, Run, Times, compare
from measure.tables import Cell, Column, Table
from receivers.collectors import Collector, Rsyslog, SyslogNg, run_collector
from receivers.receiver import Receiver, run_receiver

Publish = Callable[[Table], None]
LeaveOut = Callable[[str], None]

RECORDS = 1_000_000
STREAM_ROWS = {  # and how many times fewer records the slow send
    "ready blocks": 1,
    "emit": 1,
    "emit_many": 1,
    "syslogfast send": 1,
    "emit, linger=0": 10,
    "Python twin: emit": 10,
    "loggen": 1,
    "logger": 1,
    "standard SysLogHandler": 20,
}
OPTIONS: dict[str, Options] = {"no option": {}, "linger=0": {"linger": 0}}
PLAIN = "writes no timestamp and no host"  # the standard library's handler
EQUAL = 2000  # datagrams of one size in a round
GUESTS = 4
TRANSPORTS = ("tcp", "tls", "unix-stream", "unix-dgram", "pipe")
COLLECTOR_ROWS = ("emit_many", "loggen", "standard SysLogHandler")
STORED = 200_000  # records of a run
FEW = 100  # records that any receive buffer holds
RUNS = 3
COARSE_CLOCK = 5  # Linux's CLOCK_REALTIME_COARSE, which dates the writes of a file
TICK = 0.004  # seconds: its step


def tabulate_rates(
    name: str, title: str, times: Times, yardsticks: "list[str]", remarks: "dict[str, str]"
) -> Table:
    """Return the table of a contest. times: seconds a record; larger ratios are faster."""
    columns = [Column(""), Column("records", "per second"), Column("a record", "ns")]
    rows: list[list[Cell]] = []
    for row, seen in times.items():
        median = statistics.median(seen)
        rows.append([row, 1 / median, median * 1e9])
    for base in yardsticks:
        if base not in times:
            continue
        columns += [Column(f"against {base}", "x"), Column(f"spread against {base}", "range")]
        compared = compare(times, base)
        for cells in rows:
            _, ratio, low, high = compared[str(cells[0])]
            cells += [1 / ratio, [1 / high, 1 / low]]
    return Table(name, title, columns, rows, remarks=remarks)


def read_lines() -> list[bytes]:
    """Return the lines of fail2ban's sample logs, unpacked by .ci/install."""
    tree = os.environ.get("SYSLOGFAST_FAIL2BAN")
    if not tree:
        raise MissingError("SYSLOGFAST_FAIL2BAN does not say where Debian's package is unpacked")
    logs = find_one(tree, "**/fail2ban/tests/files/logs")
    files = sorted(path for path in logs.rglob("*") if path.is_file())
    found = [line for path in files for line in path.read_bytes().splitlines() if line]
    assert len(found) > 2000
    assert len(set(map(len, found))) > 200
    return found


def test_tcp(rounds: Rounds, publish: Publish, leave_out: LeaveOut, tmp_path: pathlib.Path) -> None:
    records = RECORDS // 50 if rounds.quick else RECORDS

    def make_run(row: str, receiver: Receiver) -> Run:
        frames = receive_frames(prepare(row, number_messages(CHECKED), tmp_path))
        check_frames(row, frames)
        count = records // STREAM_ROWS[row]
        send = prepare(row, [MESSAGE] * count, tmp_path)

        def send_all() -> float:
            send(f"tcp://127.0.0.1:{receiver.port}?framing=octet")
            assert receiver.read_size() >= count * min(map(len, frames))
            return receiver.seconds / count

        return send_all

    with run_receiver() as receiver:
        rows = {}
        for row in STREAM_ROWS:
            try:
                rows[row] = make_run(row, receiver)
            except MissingError as error:
                leave_out(str(error))
        times = rounds.measure(rows, rounds=7)
    remarks = {"standard SysLogHandler": PLAIN}
    title = "TCP, to a receiver that only reads"
    publish(tabulate_rates("tcp-receiver", title, times, ["loggen", "logger"], remarks))


@pytest.mark.parametrize("kind", ["equal", "mix", "guests"])
def test_udp(rounds: Rounds, publish: Publish, kind: str) -> None:
    messages: list[str] | list[bytes] = [MESSAGE] * EQUAL
    if kind != "equal":
        lines = messages = read_lines()
    if kind == "guests":  # each is somewhere else in the same log
        messages = [
            lines[index - 97 * guest] for index in range(len(lines)) for guest in range(GUESTS)
        ]
    with run_datagrams(messages, any_order=kind != "equal") as rows:
        times = rounds.measure(rows, seconds=4)
    title = {"equal": "equal sizes", "mix": "real mix", "guests": "real mix of four guests"}[kind]
    publish(tabulate_rates(f"udp-{kind}", f"UDP, {title}", times, ["send"], {}))


def emit_down(transport: str, receiver: Receiver, messages: list[str], options: Options) -> float:
    """Return the seconds that the receiver needs for one run of emit."""
    send = prepare_emit(messages, options)
    if transport == "pipe":
        with open(receiver.path, "wb", buffering=0) as pipe:
            send(f"fd://{pipe.fileno()}")
    else:
        send(receiver.url)
    size, rest = divmod(receiver.read_size(), len(messages))
    assert rest == 0  # all are of one length
    assert size > len(MESSAGE)
    return receiver.seconds


def test_transports(rounds: Rounds, publish: Publish, leave_out: LeaveOut) -> None:
    count = 2000 if rounds.quick else 50_000
    messages = [MESSAGE] * count
    with ExitStack() as stack:
        receivers = {}
        for transport in TRANSPORTS:
            try:
                receivers[transport] = stack.enter_context(run_receiver(transport))
            except MissingError as error:  # of the certificate for TLS
                leave_out(str(error))
        rows = {
            f"{transport}, {name}": partial(
                emit_down, transport, receivers[transport], messages, options
            )
            for transport in receivers
            for name, options in OPTIONS.items()
        }
        times = rounds.measure(rows, rounds=7)
    medians = {row: statistics.median(seen) / count for row, seen in times.items()}
    table: list[list[Cell]] = [
        [transport, *(1 / medians[f"{transport}, {name}"] for name in OPTIONS)]
        for transport in receivers
    ]
    columns = [Column(""), *(Column(name, "per second") for name in OPTIONS)]
    publish(
        Table(
            "transports",
            "Other transports, to a receiver that only reads",
            columns,
            table,
        )
    )


class Watch:
    """Runs of numbered records to a collector, and what became of them."""

    def __init__(
        self, collector: Collector, transport: str, row: str, send: Send, count: int
    ) -> None:
        self.collector, self.url, self.send = collector, collector.url(transport), send
        self.count = count
        self.tells_end = row != "loggen"
        self.sent: list[float] = []  # seconds, of each run
        self.stored: list[float] = []  # seconds a record
        self.lost: list[int] = []
        self.doubled: list[int] = []

    def run(self) -> float:
        self.collector.discard()
        start, began = time.perf_counter(), time.clock_gettime(COARSE_CLOCK)
        self.send(self.url)
        seconds = time.perf_counter() - start
        data, end = self.collector.take(self.count)
        numbers = read_numbers(data)
        different = set(numbers)
        assert different <= set(range(self.count))
        # Only UDP may lose something; nothing comes twice.
        assert len(numbers) == len(different) > 0
        assert len(different) == self.count or self.url.startswith("udp:")
        self.sent.append(seconds)
        self.stored.append(max(end - began, TICK) / len(different))
        self.lost.append(self.count - len(different))
        self.doubled.append(len(numbers) - len(different))
        return seconds

    def tabulate(self) -> "list[Cell]":
        """Return the medians, and the means of what was lost and doubled, after the warm-up."""
        return [
            self.count / statistics.median(self.sent[1:]) if self.tells_end else None,
            1 / statistics.median(self.stored[1:]),
            statistics.mean(self.lost[1:]) / self.count * 100,
            statistics.mean(self.doubled[1:]),
        ]


def check_stored(row: str, collector: Collector, transport: str, directory: pathlib.Path) -> None:
    """Look at the fields that the collector has understood of a few records."""
    messages = number_messages(FEW)
    prepare(row, messages, directory)(collector.url(transport))
    data, _ = collector.take(FEW)
    assert read_numbers(data) == list(range(FEW))
    if row == "loggen":
        return
    names = {tuple(line.split(" ")[:2]) for line in data.decode().splitlines()}
    ((hostname, app_name),) = names
    assert app_name == APP_NAME
    assert (hostname == HOSTNAME) is (row != "standard SysLogHandler")
    assert [line[-len(MESSAGE) :] for line in data.decode().splitlines()] == messages


@pytest.mark.parametrize("kind", [Rsyslog, SyslogNg], ids=lambda kind: kind.name)
def test_collector(
    rounds: Rounds,
    publish: Publish,
    leave_out: LeaveOut,
    tmp_path: pathlib.Path,
    kind: type[Collector],
) -> None:
    count = 1000 if rounds.quick else STORED
    watches = {}
    with run_collector(kind, tmp_path) as collector:
        for transport, row in product(("tcp", "udp", "tls", "relp"), COLLECTOR_ROWS):
            if transport not in collector.transports or (
                transport in ("tls", "relp") and row != "emit_many"
            ):
                continue
            through = transport
            if row == "standard SysLogHandler" and f"{transport}-lf" in collector.transports:
                through = f"{transport}-lf"
            try:
                check_stored(row, collector, through, tmp_path)
                send = prepare(row, number_messages(count), tmp_path)
            except MissingError as error:
                leave_out(str(error))
                continue
            watches[f"{transport}: {row}"] = Watch(collector, through, row, send, count)
        rounds.measure({name: watch.run for name, watch in watches.items()}, rounds=RUNS)
    rows = [[name, *watch.tabulate()] for name, watch in watches.items()]
    columns = [
        Column(""),
        Column("sent", "per second"),
        Column("stored", "per second"),
        Column("lost, %", "count"),
        Column("doubled", "count"),
    ]
    remarks = {name: PLAIN for name in watches if "standard" in name}
    publish(Table(f"collector-{kind.name}", f"To {kind.name}", columns, rows, remarks=remarks))
