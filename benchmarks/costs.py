"""README's table: what people ask for first, from the results."""

from results import MISSING, Results
from tables import write_cell, write_figure


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
    figures = Figures(results)
    show, divide = figures.show, figures.divide
    rival, builder = "syslog-rfc5424-formatter", "rfc5424-logging-handler"
    ours, record = "syslogfast.Formatter", "syslogfast encode_record"
    handlers = "logging.handlers"

    def time_stream(row: str) -> str:
        return show("tcp-sink", row, "a record")

    def compare_stream(row: str) -> str:
        loggen = divide("tcp-sink", row, "loggen", "records")
        return f"{loggen} x faster than loggen, {divide('tcp-sink', row, 'logger', 'records')} x than `logger -f`"

    rows = [
        (
            "`encode`",
            show("encode", "syslogfast encode"),
            f"{divide('encode', 'syslogfast encode', 'floor')} x an empty method that reads the clock "
            "and returns ready bytes of that length",
        ),
        (
            "`encode_into` a bytearray",
            show("encode_into", "syslogfast encode_into"),
            f"{divide('encode_into', 'syslogfast encode_into', 'floor')} x the same that copies a ready record",
        ),
        (
            "`encode_many_into`, per record",
            show("encode_into", "syslogfast encode_many_into"),
            "",
        ),
        (
            "`Formatter.format` of a log record",
            show("format", ours, "again"),
            f"{divide('format', rival, ours, 'again')} x faster than syslog-rfc5424-formatter",
        ),
        (
            "`Encoder.encode_record`",
            show("build", record, "again"),
            f"{divide('build', builder, record, 'again')} x faster than `build_msg` of rfc5424-logging-handler",
        ),
        (
            "`Emitter.emit` into its queue",
            show("emit", "syslogfast emit"),
            f"{divide('emit', 'syslogfast emit', 'syslogfast encode_into')} x `encode_into`",
        ),
        (
            "`encode` of the Python twin",
            show("twin", "syslogfast twin"),
            f"{divide('twin', 'naive', 'syslogfast twin')} x faster than an f-string with `datetime.isoformat`",
        ),
        (
            "`format_timestamp`",
            show("timestamp-rfc5424-utc", "format_timestamp"),
            f"{divide('timestamp-rfc5424-utc', 'isoformat', 'format_timestamp')} x faster than "
            f"`datetime.isoformat`; the clock is {show('timestamp-rfc5424-utc', 'clock, from C')} of it",
        ),
        (
            "over TCP, `linger` on: a loop over `emit`",
            time_stream("emit"),
            compare_stream("emit"),
        ),
        ("the same by `emit_many`", time_stream("emit_many"), compare_stream("emit_many")),
        (
            "the same by `syslogfast send FILE`",
            time_stream("syslogfast send"),
            compare_stream("syslogfast send"),
        ),
        (
            "over UDP, `linger` on, datagrams of one size",
            show("udp-equal", "emit_many", "a record"),
            f"{divide('udp-equal', 'emit_many', 'send', 'records')} x faster than one `send` each",
        ),
        (
            "the same, lines of real logs in their order / with `order=any`",
            f"{show('udp-guests', 'emit_many', 'a record')} / "
            f"{show('udp-guests', 'emit_many, order=any', 'a record')}",
            f"{divide('udp-guests', 'emit_many', 'send', 'records')} x / "
            f"{divide('udp-guests', 'emit_many, order=any', 'send', 'records')} x faster than one `send` each",
        ),
        (
            "one of 10,000 emitters in a process: a record",
            show("emitters-cost", "10,000", "syslogfast"),
            f"{divide('emitters-cost', '10,000', '1', 'syslogfast')} x one emitter; "
            f"{show('emitters-memory', '10,000', 'syslogfast', 'bytes')} of memory each with its strings, not "
            f"{show('emitters-memory', '10,000', 'standard library', 'bytes')}, and no descriptor",
        ),
        (
            "`import syslogfast`, `connect` by UDP, one record",
            show("start", "syslogfast"),
            f"{divide('start', handlers, 'syslogfast')} x faster than with `logging.handlers`; "
            f"{show('start', 'syslogfast', 'memory', 'bytes')} of memory, not "
            f"{show('start', handlers, 'memory', 'bytes')}",
        ),
    ]
    head = "| operation | time | against |\n|---|--:|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)
