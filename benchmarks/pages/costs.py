"""README's table: what people ask for first, from the results."""

from measure.results import MISSING, Results
from measure.tables import write_cell, write_figure


class Figures:
    """Looks figures up, and writes them.

    `show` writes one as its table does, `divide` the ratio of two rows, as a bare number.
    """

    def __init__(self, results: Results) -> None:
        self.results = results

    def show(self, table: str, row: str, heading: str = "time", unit: str = "ns") -> str:
        try:
            return write_cell(self.results.find(table, row, heading), unit)
        except KeyError:
            return MISSING

    def divide(self, table: str, row: str, other: str, heading: str = "time") -> str:
        try:
            find = self.results.find
            return write_figure(find(table, row, heading) / find(table, other, heading))
        except KeyError:
            return MISSING


def write_costs(results: Results) -> str:
    """Return the table."""
    figures = Figures(results)
    head = "| operation | time | against |\n|---|--:|---|\n"
    rows = "".join(
        f"| {operation} | {time} | {against} |\n"
        for operation, time, against in [
            *list_encoding(figures),
            *list_logging(figures),
            *list_sending(figures),
            *list_hosting(figures),
        ]
    )
    return f"{head}{rows}\nMedians, on {results.describe()}.\n"


Rows = list[tuple[str, str, str]]


def list_encoding(figures: Figures) -> Rows:
    show, divide = figures.show, figures.divide
    encode, into, utc = "syslogfast encode", "syslogfast encode_into", "timestamp-rfc5424-utc"
    return [
        (
            "`encode`",
            show("encode", encode),
            f"{divide('encode', encode, 'floor')} x an empty method that reads the clock and "
            "returns ready bytes of that length",
        ),
        (
            "`encode_into` a bytearray",
            show("encode_into", into),
            f"{divide('encode_into', into, 'floor')} x the same that copies a ready record",
        ),
        (
            "`encode_many_into`, per record",
            show("encode_into", "syslogfast encode_many_into"),
            f"{divide('encode_into', 'syslogfast encode_many_into', 'floor')} x that",
        ),
        (
            "`encode` of the Python twin",
            show("twin", "syslogfast twin"),
            f"{divide('twin', 'naive', 'syslogfast twin')} x faster than an f-string with "
            "`datetime.isoformat`",
        ),
        (
            "`format_timestamp`",
            show(utc, "format_timestamp"),
            f"{divide(utc, 'isoformat', 'format_timestamp')} x faster than `datetime.isoformat`; "
            f"the clock is {show(utc, 'clock, from C')} of it",
        ),
    ]


def list_logging(figures: Figures) -> Rows:
    show, divide = figures.show, figures.divide
    formatter, competitor = "syslogfast Formatter", "syslog-rfc5424-formatter"
    encode_record, builder = "syslogfast encode_record", "rfc5424-logging-handler"

    def compare_lines(first: str, *others: str) -> str:
        factor, *factors = [
            divide("lines", name, "after install()", "all threads") for name in (first, *others)
        ]
        rest = [f"{each} x than {name}" for each, name in zip(factors, others, strict=True)]
        return f"{factor} x faster than {first}, {', '.join(rest)}"

    return [
        (
            "`Formatter.format` of a log record",
            show("format", formatter, "again"),
            f"{divide('format', competitor, formatter, 'again')} x faster than {competitor}",
        ),
        (
            "`Encoder.encode_record`",
            show("build", encode_record, "again"),
            f"{divide('build', builder, encode_record, 'again')} x faster than `build_msg` of "
            f"{builder}",
        ),
        (
            "a whole `logger.info` with the same handler, sends stubbed",
            show("call-stubbed", formatter),
            f"{divide('call-stubbed', competitor, formatter)} x faster than with {competitor}; "
            f"`logging` itself takes {show('call-stubbed', 'floor: an empty handler')}",
        ),
        (
            "a whole `logger.info` over TCP, `SysLogHandler` with a URL and no option",
            show("call-tcp", "syslogfast SysLogHandler, URL"),
            f"{show('call-tcp', 'syslogfast SysLogHandler, URL', 'against standard library', 'x')} "
            "the standard library's over TCP",
        ),
        (
            "the same call after `loggers.install()`, into its queue",
            show("loggers", "no arguments", "after install()"),
            f"{show('loggers', 'no arguments', 'standard library, against it', 'x')} as fast as "
            "with the standard library's handler, sends stubbed",
        ),
        (
            "the same call to a file, CPU time of all threads until it is written",
            show("lines", "after install()", "all threads"),
            compare_lines("bqlog", "pyfastlogging", "logust", "picologging"),
        ),
        (
            "`Emitter.emit` into its queue",
            show("emit", "syslogfast emit"),
            f"{divide('emit', 'syslogfast emit', 'syslogfast encode_into')} x `encode_into`",
        ),
    ]


def list_sending(figures: Figures) -> Rows:
    show, divide = figures.show, figures.divide

    def compare_stream(row: str) -> tuple[str, str]:
        loggen, logger = (
            divide("tcp-receiver", row, competitor, "records")
            for competitor in ("loggen", "logger")
        )
        against = f"{loggen} x faster than `loggen`, {logger} x than `logger -f`"
        return show("tcp-receiver", row, "a record"), against

    def compare_datagrams(table: str, row: str) -> str:
        return f"{divide(table, row, 'send', 'records')} x faster than one `send` each"

    many, any_order = "emit_many", "emit_many, order=any"
    return [
        ("over TCP: a loop over `emit` with no option", *compare_stream("emit")),
        ("the same by `emit_many`", *compare_stream("emit_many")),
        ("the same by `syslogfast send FILE`", *compare_stream("syslogfast send")),
        (
            "over UDP, by `emit_many`, datagrams of one size",
            show("udp-equal", many, "a record"),
            compare_datagrams("udp-equal", many),
        ),
        (
            "the same, lines of four guests' logs, in their order",
            show("udp-guests", many, "a record"),
            compare_datagrams("udp-guests", many),
        ),
        (
            "the same with `order=any`",
            show("udp-guests", any_order, "a record"),
            compare_datagrams("udp-guests", any_order),
        ),
    ]


def list_hosting(figures: Figures) -> Rows:
    show, divide = figures.show, figures.divide
    ours, handlers = "syslogfast", "logging.handlers"

    def show_memory(row: str) -> str:
        return show("emitters-memory", "10,000", row, "bytes")

    return [
        (
            "a record of one of 10,000 emitters in a process",
            show("emitters-cost", "10,000", ours),
            f"{divide('emitters-cost', '10,000', '1', ours)} x one emitter's; each takes "
            f"{show_memory(ours)} beside its names, not {show_memory('standard library')}, and "
            "no descriptor",
        ),
        (
            "`import syslogfast`, `connect` by UDP, one record",
            show("start", ours),
            f"{divide('start', handlers, ours)} x faster than with `{handlers}`; "
            f"{show('start', ours, 'memory', 'bytes')} of memory, not "
            f"{show('start', handlers, 'memory', 'bytes')}",
        ),
    ]
