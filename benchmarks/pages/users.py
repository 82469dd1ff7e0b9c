"""The summary of docs/performance.md: for each user the figures that decide, with their pages."""

from dataclasses import dataclass

from measure.results import Results
from pages.costs import Figures

Row = tuple[str, str, str]  # what; our figure; what stands beside it


@dataclass
class User:
    """page: has the whole of it, in docs/performance/."""

    who: str
    page: str
    rows: list[Row]


def list_users(results: Results) -> list[User]:
    figures = Figures(results)
    return [
        User("You log with `logging`", "logging", list_logging(figures)),
        User("You write a service for a unikernel or a microVM", "footprint", list_start(figures)),
        User("You speak for thousands of emitters", "emitters", list_hosting(figures)),
        User(
            "You encode records yourself, in Python, Cython or C", "records", list_records(figures)
        ),
        User("You run the collector", "delivery", list_arrival(figures)),
    ]


def list_logging(figures: Figures) -> list[Row]:
    show = figures.show
    standard = "standard library"
    return [
        (
            "`logger.info` over TCP after `loggers.install()`, CPU time of all threads",
            show("loggers-tcp", "over TCP, CPU time of all threads", "after install()"),
            f"{show('loggers-tcp', 'over TCP, CPU time of all threads', standard)} with the "
            "standard library's handler",
        ),
        (
            "`logger.info` over TCP, `SysLogHandler` with a URL alone, until all is sent",
            show("call-tcp", "syslogfast SysLogHandler, URL"),
            f"{show('call-tcp', standard)} with the standard library's handler",
        ),
        (
            "the same over UDP",
            show("call-udp", "syslogfast SysLogHandler, URL"),
            f"{show('call-udp', standard)} with the standard library's handler",
        ),
        (
            "`logger.info` to a file after `loggers.install()`, CPU time of all threads",
            show("lines", "after install()", "all threads"),
            f"{show('lines', standard, 'all threads')} with the standard library, "
            f"{show('lines', 'picologging', 'all threads')} with picologging",
        ),
    ]


def list_start(figures: Figures) -> list[Row]:
    show = figures.show
    handlers = "logging.handlers"
    return [
        (
            "import, connect by UDP, one record: time",
            show("start", "syslogfast"),
            f"{show('start', handlers)} with `{handlers}`",
        ),
        (
            "the same: resident memory",
            show("start", "syslogfast", "memory", "bytes"),
            f"{show('start', handlers, 'memory', 'bytes')} with `{handlers}`",
        ),
        (
            "`emit` into the queue",
            show("emit", "syslogfast emit"),
            f"{show('emit', 'syslogfast encode_into')} for `encode_into` alone",
        ),
        (
            "`emit` when the collector over TCP has stopped, 99.99 % of the calls, at most",
            show("away-tcp", "syslogfast, stopped", "99.99 %"),
            f"{show('away-tcp', 'SysLogHandler, stopped', 'worst')} and more with the standard "
            "library's handler, which waits",
        ),
    ]


def list_hosting(figures: Figures) -> list[Row]:
    show = figures.show
    return [
        (
            "a record of one of 10,000 emitters in turn",
            show("emitters-cost", "10,000", "syslogfast"),
            f"{show('emitters-cost', '10,000', 'standard library')} with 10,000 handlers of the "
            "standard library",
        ),
        (
            "memory of each, beside its names",
            show("emitters-memory", "10,000", "syslogfast", "bytes"),
            f"{show('emitters-memory', '10,000', 'standard library', 'bytes')} and a descriptor",
        ),
        (
            "as a process of its own, one of 1,000: proportional memory",
            show("processes", "syslogfast", "proportional memory", "bytes"),
            f"{show('processes', 'bare interpreter', 'proportional memory', 'bytes')} for Python "
            f"alone, {show('processes', 'standard library', 'proportional memory', 'bytes')} with "
            "the standard library's handler",
        ),
    ]


def list_records(figures: Figures) -> list[Row]:
    show = figures.show
    return [
        (
            "`encode`, a message of 102 bytes",
            show("encode", "syslogfast encode"),
            f"{show('encode', 'naive')} for an f-string and `datetime`",
        ),
        (
            "`encode_into`",
            show("encode_into", "syslogfast encode_into"),
            f"{show('encode_into', 'floor')} for a method that only copies a ready record",
        ),
        (
            "a record from C, by the capsule, the clock excluded",
            show("writer", "encode, from C"),
            f"{show('writer', 'memcpy')} for memcpy of the same bytes",
        ),
        (
            "`Formatter.format` of a log record",
            show("format", "syslogfast Formatter", "no arguments"),
            f"{show('format', 'syslog-rfc5424-formatter', 'no arguments')} with "
            "syslog-rfc5424-formatter",
        ),
    ]


def list_arrival(figures: Figures) -> list[Row]:
    show = figures.show

    def show_stored(kind: str) -> Row:
        def stored(row: str) -> str:
            return show(f"collector-{kind}", row, "stored", "per second")

        return (
            f"records a second over TCP that {kind} stores, by `emit_many`",
            stored("tcp: emit_many"),
            f"{stored('tcp: loggen')} from `loggen`, {stored('tcp: standard SysLogHandler')} from "
            "the standard library's handler",
        )

    return [
        show_stored("rsyslog"),
        show_stored("syslog-ng"),
        (
            "over TCP to a receiver that only reads, by `emit_many`",
            show("tcp-receiver", "emit_many", "records", "per second"),
            f"{show('tcp-receiver', 'loggen', 'records', 'per second')} from `loggen`",
        ),
        (
            "over UDP as fast as the kernel takes them: lost on the way to rsyslog",
            f"{show('collector-rsyslog', 'udp: emit_many', 'lost, %', 'count')} %",
            f"{show('collector-rsyslog', 'udp: loggen', 'lost, %', 'count')} % from `loggen`, "
            "which is slower",
        ),
    ]


def write_users(results: Results) -> str:
    """Return a table for each user, below a line that says who that is."""
    written = []
    for user in list_users(results):
        rows = "".join(f"| {' | '.join(row)} |\n" for row in user.rows)
        written.append(
            f"### {user.who}\n\n| what | syslogfast | beside it |\n| --- | --: | --- |\n{rows}\n"
            f"More: [{user.page}](performance/{user.page}.md).\n"
        )
    return "\n".join(written)
