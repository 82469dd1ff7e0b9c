"""What the package is held to: each line of its budget, with its figure, met or missed.

A figure is looked up in the results, never typed; why a line is missed is said here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from measure.results import MISSING, Results
from measure.tables import write_cell

STANDARD = "the standard library's handler, sends stubbed"
WITHOUT = "the same without `install()`"
EMITTED = "it has the call of `emit` and, on Python 3.11, a check whether any class has changed."


@dataclass
class Budget:
    """One line.

    what: is measured; against: its yardstick; find: looks its figure up; unit: as a column's.
    least or most: the goal, if there is one. why: what stands in the way, should it be missed.
    """

    what: str
    against: str
    find: Callable[[Results], float]
    unit: str = "x"
    least: "float | None" = None
    most: "float | None" = None
    why: str = ""

    def state_goal(self) -> str:
        if self.least is not None:
            return f"at least {write_cell(float(self.least), self.unit)}"
        if self.most is None:
            return "measured"
        return f"at most {write_cell(float(self.most), self.unit)}"

    def name(self) -> str:
        return f"{self.what}, against {self.against}" if self.against else self.what

    def judge(self, figure: float) -> str:
        """Return "met", or by how much it is missed; nothing, where there is no goal."""
        if self.least is not None:
            missing = (self.least - figure) / self.least
        elif self.most is not None:
            missing = (figure - self.most) / self.most if self.most else figure
        else:
            return ""
        return "met" if missing <= 0 else f"**missed by {missing:.{0 if missing > 0.02 else 1}%}**"


def find(table: str, row: str, heading: str) -> Callable[[Results], float]:
    return lambda results: results.find(table, row, heading)


def find_times_faster(
    table: str, row: str, competitor: str, heading: str
) -> Callable[[Results], float]:
    """Look up how many times as long a competitor takes."""
    return lambda results: (
        results.find(table, competitor, heading) / results.find(table, row, heading)
    )


def find_more(table: str, row: str, other: str, heading: str) -> Callable[[Results], float]:
    """Look up how much more it is than another row's."""
    return lambda results: results.find(table, row, heading) - results.find(table, other, heading)


def find_largest(table: str, rows: list[str], heading: str) -> Callable[[Results], float]:
    return lambda results: max(results.find(table, row, heading) for row in rows)


FORMATTER, BUILDER = "syslogfast Formatter", "syslogfast encode_record"
TWIN = "syslogfast twin"
RECORDED = "syslogfast debug, into the flight recorder"
RECORDS = "most of it is reading a LogRecord's attributes, which differs with Python's version."
START = "import, connect by UDP, one record"
BUDGETS = [
    Budget(
        "`encode`",
        "an empty method that reads the clock and returns ready bytes of that length",
        find("encode", "syslogfast encode", "against floor"),
        most=1.2,
        why="the difference is the timestamp, the check for control characters and the copy, which "
        "together are the writer below, and the check of the arguments.",
    ),
    *[
        Budget(
            f"`encode`, {what}",
            "the same of ASCII, the severity a number",
            find("forms", row, "against ASCII"),
            most=most,
            why="keywords are compared letter by letter.",
        )
        for what, row, most in (
            ("the severity a keyword", "severity: keyword", 1.05),
            ("the severity a keyword in capitals", "severity: in capitals", 1.05),
            ("the severity an enum's member", "severity: enum", 1.05),
        )
    ],
    *[
        Budget(
            f"`encode`, {size} bytes: {what}",
            f"{size} bytes of ASCII",
            find(table, row, "against ASCII"),
            most=most,
            why="each character is measured, then written, without a processor's wider vectors.",
        )
        for size, table, mosts in (
            (102, "forms", (1.4, 3, 3)),
            ("1,000", "long-contents", (2, 8, 4)),
        )
        for rows, most in zip(
            (
                ("Latin, with accents", "Cyrillic", "Japanese"),
                ("a newline in 10 characters",),
                ("bytes, Japanese",),
            ),
            mosts,
            strict=True,
        )
        for row in rows
        for what in (f"{row[0].lower()}{row[1:]}" if row[:2] == "a " else row,)
    ],
    *[
        Budget(
            f"`encode`, {size} bytes of ASCII",
            "an empty method that returns ready bytes of that length",
            find("sizes", f"{size} B", "encode, against floor"),
            most=most,
            why="each byte is read once more than a copy needs.",
        )
        for size, most in (("8,192", 2), ("65,536", 2.5))
    ],
    Budget(
        "a record into the flight recorder",
        "`emit` into the queue",
        find_times_faster("emit", "syslogfast emit", RECORDED, "time"),
        most=0.8,
        why="it is encoded in the same way; only the decision what to send is saved.",
    ),
    Budget(
        "the inner writer in C, clock excluded",
        "memcpy of the same bytes",
        find_more("writer", "write_plain_record", "memcpy", "time"),
        "ns",
        most=10,
        why="most of it is the timestamp, which is computed anew for each record.",
    ),
    Budget(
        "a record from C, by the capsule, clock excluded",
        "memcpy of the same bytes",
        find_more("writer", "encode, from C", "memcpy", "time"),
        "ns",
        most=10,
        why="the rest is the timestamp, the call, and the checks of a record of any kind.",
    ),
    Budget(
        "`Formatter.format`, no arguments, one record time after time",
        "syslog-rfc5424-formatter",
        find_times_faster("format", FORMATTER, "syslog-rfc5424-formatter", "again"),
        least=20,
        why=RECORDS,
    ),
    Budget(
        "`encode_record`, no arguments, one record time after time",
        "`build_msg` of rfc5424-logging-handler",
        find_times_faster("build", BUILDER, "rfc5424-logging-handler", "again"),
        least=40,
        why=RECORDS,
    ),
    Budget(
        "`emit_record`, structured data in the record",
        "`encode_record` of it",
        find("emit_record", "structured data in the record", "against encode_record"),
        most=1.5,
        why="the record is encoded as bytes of its own, which are then copied into the queue.",
    ),
    Budget(
        "three fields by keyword",
        "the same in `structured_data`",
        lambda results: (
            results.find("fields", "three fields", "time")
            / results.find("fields", "three in `structured_data`", "time")
        ),
        most=1.2,
        why="each keyword is looked up, to tell options from fields.",
    ),
    *[
        Budget(
            f"three fields by `{how}`",
            "`info` without fields",
            find("fields", row, "against no fields"),
            most=most,
            why="the element is copied with the header; the context is looked up.",
        )
        for how, row, most in (
            ("bind", "three by `bind`", 1.3),
            ("bound", "three by `bound`", 1.3),
        )
    ],
    Budget(
        "an event of structlog by our renderer",
        "a processor by hand",
        find_times_faster(
            "structlog", "`Renderer`", "a processor by hand, `encode_record`", "time"
        ),
        least=1.8,
        why="most of it is structlog itself.",
    ),
    Budget(
        "`encode_record` with `header_attributes`, 30 loggers in turn",
        "`encode_record` without",
        find(
            "header_attributes",
            "an attribute that is not there, or the name",
            "against no header_attributes",
        ),
        most=2,
        why="each of the attributes is looked up, and the fields are written anew.",
    ),
    *[
        Budget(
            f"`encode`, structured data of its own: {form}",
            "the same without",
            find("forms", row, "against ASCII"),
            most=most,
            why="names are checked and values escaped for each record.",
        )
        for form, row, most in (
            ("a dict", "own structured data", 5),
            ("pairs", "own structured data, pairs", 5),
            ("bytes", "own structured data, bytes", 2),
            (
                "a dict without numbers, and `enterprise_id`",
                "own structured data, enterprise_id",
                8,
            ),
        )
    ],
    Budget(
        "`emit` with `%s`, `%d` and `%.2f`",
        "Python's `%` of the same alone",
        find("arguments", "`user %s bought %d for %.2f`", "against % alone"),
        most=0.7,
        why="a third of it is the clock, which `%` alone does not read.",
    ),
    Budget(
        "`encode` of the Python twin",
        "an f-string with `datetime.isoformat`",
        find_times_faster("twin", TWIN, "naive", "time"),
        least=2,
        why="the twin looks for control characters and measures its record, in Python.",
    ),
    Budget(
        "a whole `logger.info` over TCP, `SysLogHandler` with a URL and no option",
        "the standard library's handler",
        find("call-tcp", "syslogfast SysLogHandler, URL", "against standard library"),
        most=0.85,
        why="most of it is `logging` itself, which makes a LogRecord and looks for the caller.",
    ),
    *[
        Budget(
            f"a call of a logger after `loggers.install()`: {row}",
            against,
            find("loggers", row, "standard library, against it"),
            least=least,
            why=why,
        )
        for row, least, against, why in (
            ("no arguments", 50, STANDARD, EMITTED),
            ("3 arguments", 35, STANDARD, EMITTED),
            ("structured data by extra", 20, STANDARD, EMITTED),
            ("the caller in the text", 30, STANDARD, "the text is made first, and then scanned."),
            ("a level that is disabled", 2.5, STANDARD, "the call itself is most of it."),
            (
                *("an exception of 7 frames", 10, STANDARD),
                "Python code checks whether `traceback` and each source are unchanged.",
            ),
            ("another's handler that does nothing", 2.5, WITHOUT, "`Logger.handle` is in both."),
            ("a StreamHandler to a stub stream", None, WITHOUT, ""),
        )
    ],
    Budget(
        "`logger.info` after `loggers.install()`, over TCP, CPU time of all threads",
        "the standard library's handler",
        find("loggers-tcp", "over TCP, CPU time of all threads", "standard library, against it"),
        least=25,
        why="the worker's sends are in it.",
    ),
    *[
        Budget(
            f"records over TCP to a receiver that only reads: {what}",
            competitor,
            find("tcp-receiver", row, f"against {competitor}"),
            least=least,
            why="the row of ready blocks shows how much one core can send, and how much that "
            f"varies; {competitor} varies, too.",
        )
        for what, row, leasts in (
            ("a loop over `emit` with no option", "emit", (5, 10)),
            ("`emit_many` with no option", "emit_many", (12, 25)),
            ("`syslogfast send FILE`", "syslogfast send", (12, 25)),
        )
        for competitor, least in zip(("loggen", "logger"), leasts, strict=True)
    ],
    *[
        Budget(
            f"records over TCP that {kind} stores: `emit_many` with no option",
            "loggen",
            find_times_faster(f"collector-{kind}", "tcp: loggen", "tcp: emit_many", "stored"),
        )
        for kind in ("rsyslog", "syslog-ng")
    ],
    *[
        Budget(
            f"records over UDP into a buffer that holds all, batched: {what}",
            "one `send` for each record",
            find(table, row, "against send"),
            least=least,
            why="most of the time is the kernel's, and it varies from run to run.",
        )
        for what, table, row, least in (
            ("equal sizes", "udp-equal", "emit_many", 4),
            ("real mix in order", "udp-mix", "emit_many", None),
            ("real mix, `order=any`", "udp-guests", "emit_many, order=any", 3),
        )
    ],
    *[
        Budget(
            f"{what} each 50 ms, until 95 % have arrived, with no option",
            "the same with `linger=0`, over the transport that is worst at it",
            find_largest(
                "arrival",
                [f"{row}, over {name}" for name in ("UDP", "a unix datagram socket", "TCP")],
                "95 %, against linger=0",
            ),
            most=2,
            why="neither is gathered: the rest is other work of the machine at the time.",
        )
        for what, row in (("a record", "one"), ("two records", "two at a time"))
    ],
    Budget(
        "`emit` to a collector over TCP that has stopped, 99.99 % of 100,000 calls",
        "",
        find("away-tcp", "syslogfast, stopped", "99.99 %"),
        "ns",
        most=1e6,
        why="no part of it waits: the row of nothing has the machine's own pauses.",
    ),
    Budget(
        "`emit` where there is no more memory, median",
        "",
        find("away-memory", "syslogfast, no memory", "median"),
        "ns",
        most=20_000,
        why="each call first tries to send, and asks for memory again.",
    ),
    Budget(
        "memory of an emitter, of 10,000 in a process",
        "its strings",
        find("emitters-memory", "10,000", "more than its strings"),
        "bytes",
        most=200,
        why="it is the size of three objects, which differs between versions of Python.",
    ),
    Budget(
        "descriptors of an emitter, of 10,000 in a process",
        "",
        find("emitters-memory", "10,000", "syslogfast, descriptors"),
        "count",
        most=0,
        why="children of an emitter share its socket: one that has its own is a defect.",
    ),
    Budget(
        "a record of 10,000 emitters in turn",
        "of one emitter",
        find("emitters-cost", "10,000", "syslogfast, against one emitter"),
        most=1.3,
        why="the data of ten thousand emitters do not fit into the CPU's first caches.",
    ),
    Budget(
        f"{START}: time",
        "",
        find("start", "syslogfast", "time"),
        "ns",
        most=2e6,
        why="most of it is a dozen Python modules: each takes some time before its first line, and "
        "half of their code handles errors that may come later.",
    ),
    Budget(
        f"{START}: resident memory",
        "",
        find("start", "syslogfast", "memory"),
        "bytes",
        most=800_000,
        why="a third of it is pages of the compiled module, which all processes of a host share; "
        "the next line has the memory of one process alone.",
    ),
    Budget(
        f"{START}: memory that is written",
        "",
        find("start", "syslogfast", "of it written"),
        "bytes",
    ),
    Budget(
        f"{START}: times faster",
        "the same with `logging.handlers`",
        find_times_faster("start", "syslogfast", "logging.handlers", "time"),
    ),
    Budget(
        "all compiled modules, stripped",
        "",
        find("installed", "syslogfast", "compiled, stripped"),
        "bytes",
        most=300_000,
        why="other compilers and options, such as a distribution's, make it larger.",
    ),
    Budget(
        "heap allocations of `encode_into`",
        "",
        find("allocations", "encode_into", "allocations"),
        "count",
        most=0,
        why="it writes into the buffer that it is given: one is a defect.",
    ),
]


def write_budgets(results: Results) -> str:
    """Return the table, and below it the reasons for what is missed."""
    lines = ["| what | against | goal | figure | |", "|---|---|--:|--:|---|"]
    reasons = []
    for budget in BUDGETS:
        cells = [budget.what, budget.against, budget.state_goal()]
        try:
            figure = budget.find(results)
        except KeyError:
            lines.append(f"| {' | '.join([*cells, MISSING, ''])} |")
            continue
        verdict = budget.judge(figure)
        if "missed" in verdict:
            reasons.append(f"- {budget.name()}: {budget.why}")
        lines.append(f"| {' | '.join([*cells, write_cell(figure, budget.unit), verdict])} |")
    if reasons:
        lines += ["", "Goals that are missed, and why:", "", *reasons]
    return "\n".join(lines) + "\n"
