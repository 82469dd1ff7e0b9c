"""README's table: the forms that the pages recommend, beside what programs use today."""

from typing import NamedTuple

from measure.results import MISSING, Results
from measure.tables import write_cell, write_figure


class Figures:
    """Looks figures up, and writes them.

    `show` writes one as its table does, `divide` the ratio of two cells of one table.
    """

    def __init__(self, results: Results) -> None:
        self.results = results

    def show(self, table: str, row: str, heading: str = "time", unit: str = "ns") -> str:
        try:
            return write_cell(self.results.find(table, row, heading), unit)
        except KeyError:
            return MISSING

    def divide(self, table: str, more: tuple[str, str], less: tuple[str, str]) -> str:
        """Return how many times the second figure is in the first: row and heading of each."""
        try:
            find = self.results.find
            return f"{write_figure(find(table, *more) / find(table, *less))} x"
        except KeyError:
            return MISSING


class Comparison(NamedTuple):
    """A row of the table: both figures are of one table, of what ours and theirs took.

    ours, theirs: row and heading there; is_rate: the larger figure is the better one.
    """

    what: str
    table: str
    ours: tuple[str, str]
    rival: str
    theirs: tuple[str, str]
    unit: str = "ns"
    is_rate: bool = False

    def write(self, figures: Figures) -> str:
        ours = figures.show(self.table, *self.ours, self.unit)
        theirs = figures.show(self.table, *self.theirs, self.unit)
        more, less = (self.ours, self.theirs) if self.is_rate else (self.theirs, self.ours)
        ratio = figures.divide(self.table, more, less)
        return f"| {self.what} | {ours} | {self.rival} | {theirs} | {ratio} |\n"


HANDLER = "the standard library's `SysLogHandler`"
COMPARISONS = (
    Comparison(
        "`logger.info` after `loggers.install()`, over TCP, CPU time of all threads",
        "loggers-tcp",
        ("over TCP, CPU time of all threads", "after install()"),
        HANDLER,
        ("over TCP, CPU time of all threads", "standard library"),
    ),
    Comparison(
        "`logger.info` with a `SysLogHandler` that has a URL, over TCP",
        "call-tcp",
        ("syslogfast SysLogHandler, URL", "time"),
        HANDLER,
        ("standard library", "time"),
    ),
    Comparison(
        "`logger.info` with a `Formatter`, nothing being sent",
        "call-stubbed",
        ("syslogfast Formatter", "time"),
        "syslog-rfc5424-formatter",
        ("syslog-rfc5424-formatter", "time"),
    ),
    Comparison(
        "`info` of an emitter, over TCP",
        "call-tcp",
        ("syslogfast Emitter", "time"),
        f"structlog, by {HANDLER}",
        ("structlog", "time"),
    ),
    Comparison(
        "the start: import, `connect` by UDP, one record",
        "start",
        ("syslogfast", "time"),
        "`logging.handlers`",
        ("logging.handlers", "time"),
    ),
    Comparison(
        "a record of one of 10,000 emitters, in turn",
        "emitters-cost",
        ("10,000", "syslogfast"),
        f"10,000 loggers, by {HANDLER}",
        ("10,000", "standard library"),
    ),
    Comparison(
        "records that rsyslog stores, over TCP, by `emit_many`",
        "collector-rsyslog",
        ("tcp: emit_many", "stored"),
        HANDLER,
        ("tcp: standard SysLogHandler", "stored"),
        "per second",
        is_rate=True,
    ),
    Comparison(
        "`Encoder.encode`",
        "encode",
        ("syslogfast encode", "time"),
        "an f-string with `datetime.isoformat`",
        ("naive", "time"),
    ),
)


def write_costs(results: Results) -> str:
    """Return the table, what it does not show, and where it was measured."""
    figures = Figures(results)
    show, divide = figures.show, figures.divide
    head = "| what | syslogfast | the usual choice | its figure | ratio |\n|---|--:|---|--:|--:|\n"
    rows = "".join(each.write(figures) for each in COMPARISONS)
    encode, twin = ("syslogfast encode", "time"), ("syslogfast twin", "time")
    many, loggen = "tcp: emit_many", "tcp: loggen"
    lost = show("collector-rsyslog", "udp: emit_many", "lost, %", "count")
    remarks = [
        f"Without the compiled core `encode` takes {show('encode', *twin)}, "
        f"{divide('encode', twin, encode)} the time.",
        "The start takes "
        f"{show('start', 'syslogfast', 'memory', 'bytes')} of memory, with `logging.handlers` "
        f"{show('start', 'logging.handlers', 'memory', 'bytes')}. One of the 10,000 emitters takes "
        f"{show('emitters-memory', '10,000', 'syslogfast', 'bytes')} beside its names and no "
        "descriptor, one of the loggers "
        f"{show('emitters-memory', '10,000', 'standard library', 'bytes')} and a descriptor.",
        "From `loggen`, which only generates load, rsyslog stores "
        f"{show('collector-rsyslog', loggen, 'stored', 'per second')}; syslog-ng stores "
        f"{show('collector-syslog-ng', loggen, 'stored', 'per second')} from `loggen`, and "
        f"{show('collector-syslog-ng', many, 'stored', 'per second')} from `emit_many`.",
        f"By UDP at full speed rsyslog loses {lost} % of the records of `emit_many`.",
        "[docs/performance.md](docs/performance.md) has all figures, and the missed goals.",
    ]
    machine = results.machine
    dates = sorted({part.date for part in results.parts.values()})
    place = f"{machine['CPU']}, {machine['cores']} cores, {machine['system']}; {dates[-1]}"
    text = " ".join([f"Times of one record, medians, on {place}.", *remarks])
    return f"{head}{rows}\n{text}\n"
