"""The tables of docs/scale.md: what was measured, made into what a host, a rack, a fleet need."""

import contextlib
import math

from measure.record import IDENTITY, MESSAGE
from measure.results import MISSING, Results
from measure.tables import Cell, Column, Table, write_figure, write_markdown

import syslogfast

EACH = (1, 10, 100)  # records a second of an emitter
SITES = {"host": 1000, "rack": 40_000, "fleet": 4_000_000}  # emitters
RESERVE = 0.5  # the share of what was measured that is planned with
GROWTH = (1_000, 10_000, 100_000, 1_000_000)  # emitters, of a record a second each
QUEUE = 1 << 20  # bytes: queue_bytes, unless it is given
OUTAGE = 60.0  # seconds
# A transport to a collector: the figure's table, row and heading.
COLLECTORS = {
    "rsyslog, TCP": ("collector-rsyslog", "tcp: emit_many", "stored"),
    "rsyslog, TLS": ("collector-rsyslog", "tls: emit_many", "stored"),
    "rsyslog, RELP": ("collector-rsyslog", "relp: emit_many", "stored"),
    "syslog-ng, TCP": ("collector-syslog-ng", "tcp: emit_many", "stored"),
    "syslog-ng, TLS": ("collector-syslog-ng", "tls: emit_many", "stored"),
    "relay, TCP": ("relay-rates", "TCP", "records"),
    "relay, RELP": ("relay-rates", "RELP", "records"),
}
RATES = [f"emitters of {rate}/s" for rate in EACH]


def write_scale(results: Results) -> str:
    """Return the tables as markdown, each below its title."""
    size = len(syslogfast.Encoder(**IDENTITY).encode("info", MESSAGE)) + 1  # and the LF after it
    tables = [size_queues(size), count_emitters(results), count_collectors(results, size)]
    return "\n".join(f"{table.title}:\n\n{write_markdown(table)}" for table in tables)


def write_growth(results: Results) -> str:
    """Return the table of emitters up to a million, and how straight the lines in it are."""
    size = len(syslogfast.Encoder(**IDENTITY).encode("info", MESSAGE)) + 1
    table = extrapolate(results, size)
    try:
        most = results.find("emitters-cost", "10,000", "syslogfast, against one emitter")
        told = f"{write_figure(most)} x"
    except KeyError:
        told = MISSING
    measured = (
        "Measured are a record of one of 10,000 emitters in a process, which takes "
        f"{told} the time of a single emitter's, and 1,000 processes at once.\n"
    )
    return f"{table.title}:\n\n{write_markdown(table)}\n{measured}"


def write_losses(results: Results) -> str:
    """Return what was lost when a relay died."""
    tables = results.parts["relays"].tables if "relays" in results.parts else []
    for table in tables:
        if table.name == "relays":
            return f"{table.title}:\n\n{write_markdown(table)}"
    return f"Relays: {MISSING}.\n"


def extrapolate(results: Results, size: int) -> Table:
    """Return what so many emitters take, each a record a second: multiples of what one takes."""

    def find(*figure: str) -> float | None:
        try:
            return results.find(*figure)
        except KeyError:
            return None

    each = [  # of an emitter, or of its one record a second
        find("emitters-memory", "10,000", "syslogfast"),
        find("emitters-cost", "10,000", "syslogfast"),
        find("processes", "syslogfast", "proportional memory"),
        find("processes", "syslogfast", "record, CPU"),
    ]
    stored = find(*COLLECTORS["rsyslog, TCP"])
    rows: list[list[Cell]] = []
    for emitters in GROWTH:
        taken = [MISSING if figure is None else figure * emitters for figure in each]
        collectors = math.ceil(emitters / (stored * RESERVE)) if stored else MISSING
        hosts = math.ceil(emitters / SITES["host"])
        rows.append([emitters, emitters * size, *taken, hosts, collectors])
    return Table(
        "scale-growth",
        "Emitters of a record a second, on hosts of 1,000",
        [
            Column("emitters", "count"),
            Column("bytes a second", "bytes"),
            Column("as children: memory", "bytes"),
            Column("CPU a second", "ns"),
            Column("as processes: memory", "bytes"),
            Column("CPU, a second", "ns"),
            Column("connections, one a host", "count"),
            Column("rsyslogs, TCP", "count"),
        ],
        rows,
    )


def size_queues(size: int) -> Table:
    return Table(
        "scale-queues",
        f"One emitter, whose records have {size} bytes each",
        [
            Column("records/s", "count"),
            Column("on the wire, a second", "bytes"),
            Column(f"`queue_bytes` for {OUTAGE:.0f} s without a collector", "bytes"),
            Column("the queue of 1 MiB lasts", "ns"),
        ],
        [
            [rate, rate * size, math.ceil(rate * size * OUTAGE), QUEUE / (rate * size) * 1e9]
            for rate in EACH
        ],
    )


def count_emitters(results: Results) -> Table:
    rows = []
    for name, figure in COLLECTORS.items():
        try:
            stored = results.find(*figure)
        except KeyError:
            rows.append([name, MISSING, *[None for _ in EACH]])
            continue
        rows.append([name, stored, *(math.floor(stored * RESERVE / rate) for rate in EACH)])
    return Table(
        "scale-collectors",
        "What one collector stores, and how many emitters that is at half of it",
        [Column(""), Column("stores", "per second"), *(Column(rate, "count") for rate in RATES)],
        rows,
    )


def count_collectors(results: Results, size: int) -> Table:
    planned = {}
    for name in ("relay, RELP", "rsyslog, RELP", "rsyslog, TCP"):
        with contextlib.suppress(KeyError):  # the table above says that it was not measured
            planned[name] = results.find(*COLLECTORS[name]) * RESERVE
    rows = []
    for site, emitters in SITES.items():
        for rate in EACH:
            records = emitters * rate
            needed = [math.ceil(records / most) for most in planned.values()]
            rows.append([f"{site}, emitters of {rate}/s", records, records * size, *needed])
    return Table(
        "scale-places",
        "Records, bytes a second, and how many collectors or relays at half load that takes",
        [
            Column(""),
            Column("records", "per second"),
            Column("bytes a second", "bytes"),
            *(Column(name, "count") for name in planned),
        ],
        rows,
    )
