"""What the pages in docs show is true: each block is run, or is what running another one gives.

Each example runs by itself, in a fresh interpreter. Where one sends to an address, this file has
put a socket there.
"""

import datetime
import logging
import logging.config
import logging.handlers
import os
import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from support.c_extension import build_module
from support.grammar import Rfc5424Record, parse_rfc3164, parse_rfc5424, split_frames
from support.other_interpreters import NAMES, find_node_modules, run_elsewhere

import syslogfast
from syslogfast import services
from syslogfast.transports.url import parse_url

PAGES = sorted((pathlib.Path(__file__).parents[2] / "docs").glob("*.md"))
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
USER, DAEMON, LOCAL0 = 8, 24, 128  # the facilities of the examples, times 8


class Broken:
    def __str__(self) -> str:
        raise ValueError


# What a program may bind, by mistake or by malice, and the structured data that it becomes.
HOSTILE = """
class Broken:
    def __str__(self):
        raise ValueError

HOSTILE = {
    "": "none", "a b": 17, '=]"': '=]"\\\\', "caf\\u00e9": "caf\\u00e9", "n" * 40: None,
    "\\n<0>1 ": "\\n<0>1 - - - - - - forged", "name": b"\\xff", "msg": Broken(), "%s": "\\udc80",
}
"""
HARMLESS = [
    ("_", "none"),
    ("a_b", "17"),
    ("___", '=]"\\'),
    ("caf_", "caf\u00e9"),
    ("n" * 32, "None"),
    ("_<0>1_", "#012<0>1 - - - - - - forged"),
    ("name", "\ufffd"),
    ("msg", "<unprintable Broken: ValueError>"),
    ("%s", "\ufffd"),
]


class Block(NamedTuple):
    language: str
    name: str  # of the file that it is, if the text says so
    text: str


class Section:
    """What stands below one heading, and which of its blocks have not been run yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.left = [
            Block(language, name, block)
            for name, language, block in re.findall(
                r"(?:`([^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
            )
        ]
        fences = re.findall("^[ >]*(?:```|~~~)", text, re.MULTILINE)
        assert len(fences) == 2 * len(self.left), "a block that is not fenced by ``` at the margin"

    def take(self, language: str, name: str = "") -> str:
        """Return the first block left of that language and name."""
        for block in self.left:
            if block[:2] == (language, name):
                self.left.remove(block)
                return block.text
        raise LookupError(f"no block left of {language} {name}")

    def list_rows(self) -> list[list[str]]:
        """Return the cells of its table, but for its first two rows."""
        rows = re.findall(r"^\|(.*)\|$", self.text, re.MULTILINE)
        return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def read_sections(page: pathlib.Path) -> dict[str, Section]:
    """Return the sections of a page by `page: heading`; what precedes the first has no heading."""
    parts = re.split("^## (.*)$", "## \n" + page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    titles = [f"{page.name}: {title}" for title in parts[1::2]]
    assert len(set(titles)) == len(titles)
    return {title: Section(text) for title, text in zip(titles, parts[2::2], strict=True)}


class Run(NamedTuple):
    """A program that has run: its process, when it ran, and what it wrote."""

    pid: int
    started: float
    ended: float
    out: bytes
    err: bytes

    def check_time(self, timestamp: str) -> None:
        assert timestamp.endswith("Z")
        when = datetime.datetime.fromisoformat(timestamp.removesuffix("Z") + "+00:00")
        assert self.started - 1e-3 <= when.timestamp() <= self.ended + 1e-3

    def check(self, record: bytes, severity: str, message: str, **fields: object) -> None:
        """Compare every field of a record; `facility`, as PRI has it, is user unless given."""
        facility = fields.pop("facility", USER)
        assert isinstance(facility, int)
        parsed = parse_rfc5424(record)
        self.check_time(parsed.timestamp)
        expected = Rfc5424Record(
            priority=facility + SEVERITIES.index(severity),
            timestamp=parsed.timestamp,
            hostname=socket.gethostname(),
            app_name="shop",
            procid=str(self.pid),
            msgid="-",
            structured_data=[],
            message=message,
            bom=False,
        )
        assert parsed == expected._replace(**fields)

    def compare(self, shown: str) -> None:
        """Compare all output with what the page shows; time and process are this run's."""
        records = split_frames(self.out, "lf")
        lines = shown.splitlines()
        assert len(records) == len(lines)
        for record, line in zip(records, lines, strict=True):
            parsed = parse_rfc5424(record)
            self.check_time(parsed.timestamp)
            assert parsed == parse_rfc5424(line.encode())._replace(
                timestamp=parsed.timestamp, procid=str(self.pid)
            )


class Stage:
    """A folder to run programs in, and the sockets that stand for what they send to."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.sockets: list[socket.socket] = []

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, program: str, status: int = 0, backend: str = "") -> Run:
        self.write("shop.py", program)
        command = [sys.executable, "-Es", "-W", "error", str(self.folder / "shop.py")]
        environment = {"SYSLOGFAST_BACKEND": backend} if backend else {}
        started = time.time()
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
        assert process.returncode == status, err.decode()
        return Run(process.pid, started, time.time(), out, err)

    def run_quiet(self, program: str) -> Run:
        run = self.run(program)
        assert run.err == b""
        return run

    def listen(self, text: str) -> str:
        """Return the text with its one address replaced by that of a socket that is open here."""
        if "/dev/log" in text:
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            receiver.bind(str(self.folder / "log"))
            old, new = '"/dev/log"', repr(str(self.folder / "log"))
        else:
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("127.0.0.1", 0))
            port = receiver.getsockname()[1]
            old, new = '"localhost", 514', f'"127.0.0.1", {port}'
            if "udp://192.0.2.1:514" in text:
                old, new = "udp://192.0.2.1:514", f"udp://127.0.0.1:{port}"
        self.sockets.append(receiver)
        receiver.settimeout(10)
        assert text.count(old) == 1
        return text.replace(old, new)

    def serve(self, text: str) -> str:
        """Return the text with its one collector on TCP replaced by a listener that is here."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.sockets.append(listener)
        listener.settimeout(10)
        port = listener.getsockname()[1]
        old, new = '"localhost", 601', f'"127.0.0.1", {port}'
        if "tcp://localhost:601" in text:
            old, new = "tcp://localhost:601", f"tcp://127.0.0.1:{port}"
        assert text.count(old) == 1
        return text.replace(old, new)

    def receive_stream(self) -> bytes:
        """Return what the one connection brings, which is closed by now."""
        listener = self.sockets.pop()
        with listener, listener.accept()[0] as connection, connection.makefile("rb") as file:
            connection.settimeout(10)
            return file.read()

    def receive(self, count: int) -> list[bytes]:
        """Return so many datagrams; there must not be more."""
        (receiver,) = self.sockets
        datagrams = [receiver.recv(65536) for _ in range(count)]
        receiver.setblocking(False)
        with pytest.raises(BlockingIOError):
            receiver.recv(1)
        return datagrams

    def close(self) -> None:
        for receiver in self.sockets:
            receiver.close()


SECTIONS = {title: section for page in PAGES for title, section in read_sections(page).items()}
Check = Callable[[Section, Stage], None]
CHECKS: dict[str, Check] = {}


def checks(title: str) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        assert title not in CHECKS
        CHECKS[title] = check
        return check

    return add


# --- logging.md ----------------------------------------------------------------------------------


@checks("logging.md: To a stream")
def check_stream(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python")).compare(section.take("text"))


@checks("logging.md: To a collector over UDP")
def check_udp(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    (record,) = stage.receive(1)
    run.check(record, "warning", "card refused", facility=LOCAL0)


@checks("logging.md: To the daemon of this machine")
def check_local(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    (record,) = stage.receive(1)
    parsed = parse_rfc3164(record, hostname=False)
    assert parsed.priority == USER + SEVERITIES.index("warning")
    assert (parsed.tag, parsed.pid, parsed.message) == ("shop", str(run.pid), "card refused")
    times = range(int(run.started), int(run.ended) + 1)
    assert parsed.timestamp in [time.strftime("%b %e %H:%M:%S", time.localtime(s)) for s in times]


@checks("logging.md: With dictConfig")
def check_dict_config(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    (record,) = stage.receive(1)
    run.check(record, "warning", "shop: card refused", facility=LOCAL0)

    stage.write("logging.json", section.take("json", "logging.json"))
    run = stage.run_quiet(section.take("python"))
    (record,) = split_frames(run.out, "lf")
    run.check(record, "warning", "card refused", facility=LOCAL0)

    # "class" with options that cannot be: dictConfig does not even look at them.
    configurator = logging.config.DictConfigurator({})
    configurator.configure_formatter({"class": "syslogfast.Formatter", "facility": "none"})
    with pytest.raises(ValueError, match="facility must be"):
        configurator.configure_formatter({"()": "syslogfast.Formatter", "facility": "none"})


@checks("logging.md: With fileConfig")
def check_file_config(section: Section, stage: Stage) -> None:
    stage.write("shop_logging.py", section.take("python", "shop_logging.py"))
    stage.write("logging.ini", stage.listen(section.take("ini", "logging.ini")))
    run = stage.run_quiet(section.take("python"))
    (record,) = stage.receive(1)
    run.check(record, "warning", "shop: card refused", facility=LOCAL0)
    (record,) = split_frames(run.out, "lf")
    run.check(record, "warning", "card refused", facility=LOCAL0)


@checks("logging.md: Behind a queue")
def check_queue(section: Section, stage: Stage) -> None:
    program = section.take("python")
    run = stage.run_quiet(program)
    (record,) = split_frames(run.out, "lf")
    number = program[: program.index("raise ")].count("\n") + 1
    lines = [
        "card refused",
        "Traceback (most recent call last):",
        f'  File "{stage.folder}/shop.py", line {number}, in <module>',
        '    raise TimeoutError("the bank is closed")',
        "TimeoutError: the bank is closed",
    ]
    run.check(record, "err", "#012".join(lines))


@checks("logging.md: Django")
def check_django(section: Section, stage: Stage) -> None:
    stage.write("settings.py", section.take("python"))
    run = stage.run(
        "import logging.config\n"
        "import settings\n"
        "logging.config.dictConfig(settings.LOGGING)\n"
        "log = logging.getLogger('django.request')\n"
        "log.warning('Not Found: %s', '/tea', extra={'status_code': 404, 'request': object()})\n"
        "log.error('Internal Server Error: %s', '/till', extra={'status_code': 500})\n"
        "logging.getLogger('django').info('started')\n"
        "logging.getLogger('shop').info('too quiet')\n"
        "logging.getLogger('shop.till').warning('open')\n"
    )
    assert run.out == b""
    records = split_frames(run.err, "lf")
    assert len(records) == 3
    status = ("http@32473", [("status", "500")])
    sources = [
        ("code@32473", [("logger", name)]) for name in ("django.request", "django", "shop.till")
    ]
    elements = [status, sources[0]]
    run.check(records[0], "err", "Internal Server Error: /till", structured_data=elements)
    run.check(records[1], "info", "started", structured_data=sources[1:2])
    run.check(records[2], "warning", "open", structured_data=sources[2:])


@checks("logging.md: Gunicorn")
def check_gunicorn(section: Section, stage: Stage) -> None:
    stage.write("gunicorn.conf.py", section.take("python", "gunicorn.conf.py"))
    run = stage.run(
        "import logging.config, runpy\n"
        "logging.config.dictConfig(runpy.run_path('gunicorn.conf.py')['logconfig_dict'])\n"
        "logging.getLogger('gunicorn.error').info('Booting worker with pid: %s', 7)\n"
        "atoms = {'r': 'GET /\\n<0>1 HTTP/1.1', 's': 200}\n"
        "logging.getLogger('gunicorn.access').info('\"%(r)s\" %(s)s', atoms)\n"
        "logging.getLogger('shop').warning('open')\n"
    )
    records = split_frames(run.err, "lf")
    assert len(records) == 2
    run.check(records[0], "info", "Booting worker with pid: 7")
    run.check(records[1], "warning", "open")
    (record,) = split_frames(run.out, "lf")
    message = '"GET /#012<0>1 HTTP/1.1" 200'
    run.check(record, "info", message, facility=LOCAL0, msgid="ACCESS")


@checks("logging.md: MSGID and structured data")
def check_structured_data(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python")).compare(section.take("text"))


@checks("logging.md: Levels")
def check_levels(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    records = stage.receive(3)
    run.check(records[0], "notice", "opened")
    run.check(records[1], "alert", "the till is open")
    run.check(records[2], "emerg", "the shop is on fire")

    header = re.findall(r"^\| Level \|(.*)\|$", section.text, re.MULTILINE)
    levels = [int(cell) for cell in header[0].split("|")]
    ((_, *names),) = section.list_rows()
    assert len(names) == len(levels) == 8
    formatter = syslogfast.Formatter(pri=True)
    expected = dict(zip(levels, names, strict=True))
    name = "debug"
    for level in range(-10, 100):
        name = expected.get(level, name)
        record = formatter.format(logging.makeLogRecord({"levelno": level})).encode()
        assert parse_rfc5424(record).priority == USER + SEVERITIES.index(name)


@checks("logging.md: structlog")
def check_structlog(section: Section, stage: Stage) -> None:
    pytest.importorskip("structlog", reason="structlog is not installed")
    run = stage.run_quiet(
        section.take("python") + HOSTILE + "log = structlog.get_logger()\n"
        "for name in LEVELS:\n"
        "    getattr(log, name)('%s {a}\\n')\n"
        "log.info(17, **HOSTILE)\n"
        "log.bind(**HOSTILE).info(Broken())\n"
        "try:\n"
        "    [][0]\n"
        "except IndexError:\n"
        "    log.exception('failed', order=17)\n"
    )
    first, *records, last = split_frames(run.out, "lf")
    assert len(records) == 7
    order = [("event@32473", [("order", "17")])]
    run.check(first, "warning", "card refused", structured_data=order)
    for record, severity in zip(records, ("debug", "info", "warning", "err", "crit"), strict=False):
        run.check(record, severity, "%s {a}#012")
    harmless = [("event@32473", HARMLESS)]
    run.check(records[5], "info", "17", structured_data=harmless)
    run.check(records[6], "info", "<unprintable Broken: ValueError>", structured_data=harmless)
    message = parse_rfc5424(last).message or ""
    assert message.startswith("failed#012Traceback (most recent call last):#012  File ")
    assert message.endswith("#012IndexError: list index out of range")
    run.check(last, "err", message, structured_data=order)


@checks("logging.md: loguru")
def check_loguru(section: Section, stage: Stage) -> None:
    pytest.importorskip("loguru", reason="loguru is not installed")
    run = stage.run_quiet(
        section.take("python") + HOSTILE + "logger.remove()\n"
        "logger.add(write_record, format='{message}', level=0, catch=False)\n"
        "for name in 'TRACE', 'DEBUG', 'INFO', 'SUCCESS', 'WARNING', 'ERROR', 'CRITICAL', 60, 70:\n"
        "    logger.log(name, '%s {a}\\n')\n"
        "logger.bind(**HOSTILE).info('hostile')\n"
        "try:\n"
        "    [][0]\n"
        "except IndexError:\n"
        "    logger.bind(order=17).exception('failed')\n"
    )
    first, *records, hostile, last = split_frames(run.out, "lf")
    order = [("event@32473", [("order", "17")])]
    run.check(first, "warning", "card refused", structured_data=order)
    names = ("debug", "debug", "info", "notice", "warning", "err", "crit", "alert", "emerg")
    for record, severity in zip(records, names, strict=True):
        run.check(record, severity, "%s {a}#012")
    run.check(hostile, "info", "hostile", structured_data=[("event@32473", HARMLESS)])
    message = parse_rfc5424(last).message or ""
    assert message.startswith("failed#012Traceback (most recent call last):#012  File ")
    assert message.endswith("#012IndexError: list index out of range")
    run.check(last, "err", message, structured_data=order)


class Collected(logging.Handler):
    """Keeps what its formatter gives; what that raises is not caught."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.records: list[bytes] = []
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record).encode())


# What the table calls a field: its name in a parsed record, and a record to put a value into.
FIELDS = {
    "TIMESTAMP": ("timestamp", "<0>1 ? - - - - -"),
    "MSGID": ("msgid", "<0>1 - - - - ? -"),
    "SD": ("structured_data", "<0>1 - - - - - ?"),
    "MSG": ("message", "<0>1 - - - - - - ?"),
}


@checks("logging.md: What becomes of bad input")
def check_bad_input(section: Section, stage: Stage) -> None:
    """Each row of the table is logged; its last cell is `FIELD value`, or the record's size."""
    rows = section.list_rows()
    assert len(rows) == 8
    compared = set()
    for _, example, written in rows:
        log = logging.Logger("shop")  # not one that getLogger would give to others
        collected = Collected(syslogfast.Formatter(pri=True))
        older = Collected(syslogfast.Formatter(pri=True, protocol="rfc3164", local_time=False))
        log.addHandler(collected)
        log.addHandler(older)
        before = int(time.time())
        eval(example.strip("`"), {"log": log, "logging": logging, "Broken": Broken})
        (record,) = collected.records
        parsed = parse_rfc5424(record)
        times = [time.gmtime(s) for s in range(before, int(time.time()) + 1)]
        stamps = [time.strftime("%b %e %H:%M:%S", when) for when in times]
        assert parse_rfc3164(older.records[0]).timestamp in stamps
        field, value = re.match("([A-Z]*) ?`(.*?)`", written).groups()  # type: ignore[union-attr]
        if field:
            name, model = FIELDS[field]
            expected = parse_rfc5424(model.replace("?", value).encode())
            assert getattr(parsed, name) == getattr(expected, name)
        else:
            assert len(record) == int(value)
        compared.add(field)
    assert compared == {*FIELDS, ""}

    for options in ({"facility": "local9"}, {"framing": "octet"}, {"max_size": 9}):
        with pytest.raises(ValueError, match="must be"):
            syslogfast.Formatter(**options)
    with pytest.raises(TypeError, match="facilty"):
        syslogfast.Formatter(facilty="local0")
    record = logging.makeLogRecord({"msg": "%d sold", "args": ("many",)})
    with pytest.raises(TypeError):
        logging.handlers.QueueHandler(None).prepare(record)  # type: ignore[arg-type]


class Unsure(Broken):
    def __bool__(self) -> bool:
        raise ValueError


@pytest.mark.parametrize("name", ["exc_info", "exc_text", "stack_info"])
def test_nothing_in_a_record_raises(name: str) -> None:
    """The page says so. An array of NumPy is such a value: structlog may bind it as `exception`."""
    record = logging.makeLogRecord({"msg": "sold", "levelno": 20, name: Unsure()})
    text = syslogfast.Formatter(pri=True).format(record)
    assert (parse_rfc5424(text.encode()).message or "").startswith("sold")


# --- moving.md -----------------------------------------------------------------------------------


def compare_records(run: Run, record: bytes, shown: bytes, has_controls: bool = False) -> None:
    """Compare a record with one that a page shows, but for what is this run's and this host's."""
    parsed, expected = (
        parse_rfc5424(data, keeps_controls=has_controls) for data in (record, shown)
    )
    when = datetime.datetime.fromisoformat(parsed.timestamp.replace("Z", "+00:00"))
    assert run.started - 1e-3 <= when.timestamp() <= run.ended + 1e-3
    assert parsed.hostname in (expected.hostname, socket.gethostname())
    assert parsed == expected._replace(
        timestamp=parsed.timestamp, hostname=parsed.hostname, procid=str(run.pid)
    )


@checks("moving.md: From `logging.handlers.SysLogHandler`")
def check_same(section: Section, stage: Stage) -> None:
    program = section.take("python")
    shown = section.take("text").removesuffix("\n").encode() + b"\0"
    before = program.replace("from syslogfast import", "from logging.handlers import")
    assert before != program
    for text in (before, program):
        stage.run_quiet(stage.listen(text))
        assert stage.receive(1) == [shown]
        stage.sockets.pop().close()


def send_row(stage: Stage, address: str, options: str) -> bytes:
    """Return what a handler with these options sends for the page's example."""
    if "protocol" in options:
        options += ", hostname='web1', app_name='shop', procid=42"
    program = (
        "import logging, socket, syslogfast\n"
        f"handler = syslogfast.SysLogHandler({address}, {options})\n"
        "log = logging.getLogger()\n"
        "log.addHandler(handler)\n"
        "log.warning('card\\nrefused')\n"
    )
    if "SOCK_STREAM" in address:
        stage.run_quiet(stage.serve(program))
        return stage.receive_stream()
    stage.run_quiet(stage.listen(program))
    (data,) = stage.receive(1)
    stage.sockets.pop().close()
    return data


@checks("moving.md: What one may add")
def check_options(section: Section, stage: Stage) -> None:
    udp, tcp, had = section.text.split("|---|---|---|")[1:]
    addresses = {
        udp: '("localhost", 514)',
        tcp: '("localhost", 601), socktype=socket.SOCK_STREAM',
    }
    count = 0
    for table, address in addresses.items():
        for options, sent in re.findall(r"^\| `?(.*?)`? \| `(\".*\")` \|", table, re.MULTILINE):
            data = send_row(stage, address, "" if options == "none" else options).decode()
            stamp = r"\d{4}-\d\d-\d\dT[\d:.]+Z|[A-Z][a-z]{2} [ \d]\d [\d:]{8}"
            assert re.sub(stamp, "TIME", data, count=1) == eval(sent)
            count += 1
    assert count == 10
    assert "SysLogHandler" in had

    run = stage.run_quiet(stage.serve(section.take("python")))
    (record,) = split_frames(stage.receive_stream(), "lf")
    compare_records(run, record, section.take("text").removesuffix("\n").encode())


@checks("moving.md: With dictConfig")
def check_handler_dict_config(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.serve(section.take("python")))
    (record,) = split_frames(stage.receive_stream(), "lf")
    run.check(record, "warning", "shop: card refused", facility=LOCAL0)


def split_shown(text: str) -> list[bytes]:
    """Return the records that a page shows, the first of which has a newline in its text."""
    return [
        record.removesuffix("\n").encode() for record in re.split("^(?=<)", text, flags=re.M)[1:]
    ]


@checks("moving.md: From rfc5424-logging-handler")
def check_rfc5424_logging_handler(section: Section, stage: Stage) -> None:
    pytest.importorskip("rfc5424logging", reason="rfc5424-logging-handler is not installed")
    programs = section.take("python"), section.take("python")
    before, after = split_shown(section.take("text"))
    before = before.replace(b"] card", b"] \xef\xbb\xbfcard")
    for program, shown in zip(programs, (before, after), strict=True):
        run = stage.run_quiet(stage.serve(program))
        (record,) = split_frames(stage.receive_stream(), "octet")
        compare_records(run, record, shown, has_controls=shown is before)


@checks("moving.md: From syslog-rfc5424-formatter")
def check_syslog_rfc5424_formatter(section: Section, stage: Stage) -> None:
    pytest.importorskip(
        "syslog_rfc5424_formatter", reason="syslog-rfc5424-formatter is not installed"
    )
    programs = section.take("python"), section.take("python")
    before, after = split_shown(section.take("text"))
    for program, shown in zip(programs, (before + b"\0", after), strict=True):
        run = stage.run_quiet(stage.listen(program))
        (record,) = stage.receive(1)
        assert record.endswith(shown[-1:])
        compare_records(run, record, shown, has_controls=shown is not after)
        stage.sockets.pop().close()


# --- delivery.md ---------------------------------------------------------------------------------

RUN_SESSION = """
import doctest
session = doctest.DocTestParser().get_doctest({!r}, {{}}, "page", None, 0)
assert doctest.DocTestRunner().run(session) == (0, {})
"""


def check_session(section: Section, stage: Stage) -> None:
    """Every statement of the section's Python session gives what it shows."""
    session = ""
    while section.left:
        session += section.take("pycon")
    stage.run_quiet(RUN_SESSION.format(session, session.count(">>> ")))


checks("delivery.md: Transports")(check_session)
checks("delivery.md: The queue")(check_session)


# --- scale.md ------------------------------------------------------------------------------------


@checks("scale.md: One rack: two relays")
def check_relays(section: Section, stage: Stage) -> None:
    """The configurations are those of the example, which test_relays.py runs."""
    program = section.take("python")
    sent = f"{program}print(*log._sender.retry_policy.urls)\n"
    assert sorted(stage.run_quiet(sent).out.split()) == [
        b"relp://relay1:2514",
        b"relp://relay2:2514",
    ]
    folder = pathlib.Path(__file__).parents[2] / "examples" / "relays"
    for file in folder.glob("*.conf"):
        assert section.take("", file.name) == file.read_text(encoding="utf-8")


@checks("scale.md: The fleet")
def check_sketches(section: Section, stage: Stage) -> None:
    """What nothing here can run says so itself."""
    while section.left:
        name = section.left[0].name
        assert "NOT TESTED" in section.take("", name).splitlines()[0]
    assert "**No test runs them**" in section.text


# --- performance.md ------------------------------------------------------------------------------


@checks("performance.md: ")
def check_benchmarks(section: Section, stage: Stage) -> None:
    """It takes too long for a test; .ci/run runs its quick form."""
    assert section.take("sh").endswith(" && .venv/bin/python -m benchmarks\n")


# --- services.md ---------------------------------------------------------------------------------


@checks("services.md: The forms")
def check_forms(section: Section, stage: Stage) -> None:
    """Each row's call gives the record, framing and place of that row; no function is missing."""
    opened: list[tuple[object, dict[str, Any]]] = []
    names = set()
    when = 1_065_910_455_003_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            services, "connect", lambda transport, **options: opened.append((transport, options))
        )
        for row in section.list_rows():
            call, record, framing, place = [cell.strip("`") for cell in row]
            eval(call, vars(services).copy())
            transport, options = opened.pop()
            assert (str(transport), options.pop("framing")) == (place, framing)
            encoder = syslogfast.Encoder(hostname="web1", app_name="shop", procid=42, **options)
            expected = record.replace("TIME", syslogfast.format_timestamp(when))
            assert encoder.encode("info", "sold out", time_ns=when).decode() == expected
            names.add(call.partition("(")[0])
    kinds = types.FunctionType
    own = [name for name, value in vars(services).items() if isinstance(value, kinds)]
    public = {name for name in own if "https://" in (getattr(services, name).__doc__ or "")}
    assert names == public


checks("services.md: Another place")(check_session)


# --- unikernels.md -------------------------------------------------------------------------------

# A program that begins so finds the network of the page, or none.
NETWORK = """
import syslogfast.transports.network as network
guest = network.Network("eth0", "52:54:00:12:34:56", ["10.0.2.15/24"], "10.0.2.2", ["10.0.2.3"])
network.find_network = lambda: (guest, 0.0)
"""
NO_NETWORK = """
import syslogfast.transports.network as network
network.find_network = lambda: (None, 0.0)
"""
INSTALL = """
import ctypes, os, signal, sys, threading
import syslogfast
from syslogfast import lifecycle
log = syslogfast.connect("fd://1")
lifecycle.install(log, version="1.2", network_timeout=0)
"""
BACKENDS = ("c", "python") if syslogfast.BACKEND == "c" else ("python",)


def run_guest(stage: Stage, program: str, status: int = 0, backend: str = "") -> Run:
    """Run a program on the page's network, with the lines that it has on the page."""
    stage.write("guest.py", NETWORK)
    return stage.run(f"import guest; {program}", status, backend)


def read_life(run: Run) -> list[Rfc5424Record]:
    return [parse_rfc5424(record) for record in split_frames(run.out, "lf")]


def read_ticks() -> int:
    """Return what sysUpTime is now: hundredths of a second since the boot."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10_000_000


def mask_timestamps(record: str) -> str:
    """Hide what tells when a record was made."""
    record = re.sub(r"(?<=>1 )[^ ]+Z|(?<=booted=\")[^\"]+Z", "TIME", record)
    record = re.sub(r"(?<=sysUpTime=\")\d+", "TICKS", record)
    return re.sub(r"\d+\.\d{3}(?= s after boot)", "SECONDS", record)


@checks("unikernels.md: What to log, and when")
def check_life(section: Section, stage: Stage) -> None:
    """The records of the page come, with this machine's values in the place of the page's."""
    ticks = read_ticks()
    run = run_guest(stage, section.take("python"), 1)
    path = str(stage.folder / "shop.py")
    shown = section.take("text")
    for old, new in {
        'file="shop.py"': f'file="{path[-128:]}"',
        'File "shop.py"': f'File "{path}"',
        "Linux 6.1.0 x86_64": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpython 3.11.2": f"{sys.implementation.name} {platform.python_version()}",
        "0.1.0 c": f"{syslogfast.__version__} {syslogfast.BACKEND}",
        "vm-7 shop 1 ": f"vm-7 shop {run.pid} ",
        'pid="1"': f'pid="{run.pid}"',
        "PID 1\n": f"PID {run.pid}\n",
    }.items():
        assert old in shown
        shown = shown.replace(old, new)
    assert mask_timestamps(run.out.decode()) == mask_timestamps(shown)
    for record in read_life(run):
        run.check_time(record.timestamp)
        meta = dict(dict(record.structured_data)["meta"])
        assert ticks <= int(meta.get("sysUpTime", ticks)) <= read_ticks()

    found = set()
    for before, end, status in (
        (NETWORK, "threading.Thread(target=lambda: [][0], name='till').start()", 0),
        (NETWORK, "raise ValueError", 1),
        (NETWORK, "os.kill(os.getpid(), signal.SIGTERM)", -15),
        (NETWORK, "os.abort()", -6),
        (NO_NETWORK, "pass", 0),
    ):
        for record in read_life(stage.run(before + INSTALL + end, status)):
            elements = [(key, [name for name, _ in pairs]) for key, pairs in record.structured_data]
            assert ("meta", ["sequenceId"]) in [(key, names[:1]) for key, names in elements]
            rest = "; ".join(
                f"`{key}`: {', '.join(f'`{name}`' for name in names)}"
                for key, names in elements
                if key != "meta" and (before is NETWORK or key != "origin")
            )
            severity = SEVERITIES[record.priority - USER]
            if before is NETWORK or not rest:
                found.add((f"`{record.msgid}`", severity, rest))
    expected = {(row[0], row[1], row[3]) for row in section.list_rows()}
    if syslogfast.BACKEND == "python":
        expected = {row for row in expected if not row[2].startswith("`signal@32473`: `name`, ")}
    assert found == expected


@checks("unikernels.md: Who stores it")
def check_stores(section: Section, stage: Stage) -> None:
    cells = [row[0] for row in section.list_rows()]
    urls = re.findall("`(.*?)`", " ".join(cells))
    assert [parse_url(url + "host" * url.endswith("/")).scheme for url in urls] == [
        *("udp", "tcp", "tls", "vsock", "fd"),
    ]


checks("unikernels.md: When the log service is away")(check_session)
checks("unikernels.md: Thousands on one host")(check_session)


@checks("unikernels.md: What a machine that dies can still send")
def check_ends(section: Section, stage: Stage) -> None:
    """Each row is a way to end; what it leads to comes after what is sent at the beginning."""
    rows = section.list_rows()
    assert len(rows) == 9
    for end, *sent, status in rows:
        for backend, named in zip(("c", "python"), sent, strict=True):
            if backend in BACKENDS:
                program = NETWORK + INSTALL + end.strip("`")
                run = stage.run(program, int(status), backend)
                found = [record.msgid for record in read_life(run)]
                assert found == ["BOOTED", "NETWORK-UP", *re.findall("`(.*?)`", named)]

    program = stage.listen(section.take("python"))
    if "c" in BACKENDS:
        lingering = INSTALL.replace('"fd://1"', '"fd://1", linger=60')
        run = stage.run(NETWORK + lingering + "log.flush()\nlog.info('sold')\nos.abort()", -6)
        assert [r.msgid for r in read_life(run)] == ["BOOTED", "NETWORK-UP", "-", "CRASHED"]
        assert program.count("logs.example.com") == 1
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            place = f"127.0.0.1:{deaf.getsockname()[1]}"
            program = program.replace("logs.example.com", place)
            stage.run(NETWORK + program + "import os\nos.abort()\n", -6)
        (record,) = stage.receive(1)
        parsed = parse_rfc5424(record)
        assert (parsed.msgid, parsed.message) == ("CRASHED", "about to crash: SIGABRT (Aborted)")
        signal = ("signal@32473", [("name", "SIGABRT"), ("number", "6")])
        assert parsed.structured_data == [("meta", [("sequenceId", "3")]), signal]


# Both give a list of the modules that are loaded; the second one then crashes.
LIST_OS = "import os, sys; print(*sys.modules)"
CRASH = """
import sys
sys.path.insert(0, sys.argv[1])
import syslogfast
from syslogfast import lifecycle
log = syslogfast.connect("tcp://localhost:601")
lifecycle.install(log)
log.flush()
print(*sys.modules)
sys.modules.setdefault("traceback", {})
raise ValueError("no")
"""


def crash(stage: Stage, url: str, traceback: str) -> set[str]:
    """Have a copy of the package in the folder crash; return the modules loaded before that."""
    code = CRASH.replace("tcp://localhost:601", url).replace("{}", traceback)
    command = [sys.executable, "-IS", "-c", code, str(stage.folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 1
    assert result.stderr.endswith("ValueError: no\n"), result.stderr
    return set(result.stdout.split())


@checks("unikernels.md: What it costs, and what goes into the image")
def check_image(section: Section, stage: Stage) -> None:
    """Without the files of the table all goes on; of Python's own, what is named is enough."""
    package = pathlib.Path(syslogfast.__file__).parent
    shutil.copytree(package, stage.folder / "syslogfast")
    for row in section.list_rows():
        for name in re.findall("`(.*?)`", row[0]):
            path = stage.folder / "syslogfast" / name
            assert path.exists(), name
            if name.endswith("/"):
                shutil.rmtree(path)
            elif "c" in BACKENDS or not name.endswith("_py.py"):
                path.unlink()
    listed = subprocess.run([sys.executable, "-IS", "-c", LIST_OS], capture_output=True, text=True)
    sentence = section.text.partition("imports, until")[2].partition("A traceback")[0]
    named = {*listed.stdout.split(), *re.findall("`([a-z_]+)`", sentence)}
    for scheme in ("udp", "tcp"):
        kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
        for traceback, message in (
            ('__import__("traceback")', "about to crash: ValueError: no#012Traceback (most rec"),
            ("None", 'about to crash: ValueError: no#012  File "<string>", line 11, in <module>'),
        ):
            with socket.socket(socket.AF_INET, kind) as collector:
                collector.bind(("127.0.0.1", 0))
                collector.settimeout(10)
                if scheme == "tcp":
                    collector.listen()
                url = f"{scheme}://localhost:{collector.getsockname()[1]}"
                loaded = crash(stage, url, traceback)
                if scheme == "udp":
                    records = [collector.recv(65536) for _ in range(4)]
                else:
                    with collector.accept()[0] as connection, connection.makefile("rb") as file:
                        connection.settimeout(10)
                        records = split_frames(file.read(), "lf")
            others = {name for name in loaded if not re.match("syslogfast|_?cython_", name)}
            assert "c" not in BACKENDS or others <= named, others - named
            (crashed,) = [r for r in map(parse_rfc5424, records) if r.msgid == "CRASHED"]
            assert (crashed.message or "").startswith(message)
            assert "exception@32473" in dict(crashed.structured_data)


# --- embedding.md --------------------------------------------------------------------------------

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@checks("embedding.md: From Cython")
def check_cython(section: Section, stage: Stage) -> None:
    """The loop of the example, which test_capi builds and runs."""
    source = (EXAMPLES / "cimport" / "readings.pyx").read_text(encoding="utf-8")
    assert textwrap.indent(section.take("cython"), "    ") in source


@checks("embedding.md: From C")
def check_c(section: Section, stage: Stage) -> None:
    """A function of the example, which test_capi builds and runs."""
    source = (EXAMPLES / "capi" / "heartbeat.c").read_text(encoding="utf-8")
    assert section.take("c") in source


ENCODER_SIZE = """
import gc, sys
gc.collect()
before = gc.mem_alloc()
from syslogfast import Encoder
gc.collect()
imported = gc.mem_alloc()
encoders = [Encoder(hostname="sensor-7", app_name="meter", procid=n) for n in range(100)]
gc.collect()
print(imported - before, (gc.mem_alloc() - imported) // 100)
print(*[name for name in sys.modules if name.startswith("syslogfast")])
"""
LACKS = """
import syslogfast
encoder = syslogfast.Encoder(hostname="sensor-7", app_name="meter", procid="-")
class Record:
    msg, args, levelno, created = "x", None, 20, 1.0
for call in (
    lambda: encoder.encode_record(Record()),
    lambda: encoder.encode(True, "x"),
    lambda: encoder.encode_into(memoryview(bytearray(9)), 6, "x"),
):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, isinstance(error, ValueError))
"""


@checks("embedding.md: Threads, and Python without the GIL")
def check_threads(section: Section, stage: Stage) -> None:
    """Each record of each thread arrives."""
    run = stage.run_quiet(section.take("python"))
    texts = [parse_rfc5424(frame).message for frame in split_frames(run.out, "lf")]
    expected = {f"{shelf} {book} sold" for shelf in range(16) for book in range(1000)}
    assert (len(texts), set(texts)) == (16_000, expected)


@checks("embedding.md: PyPy, Pyodide, MicroPython")
def check_other_pythons(section: Section, stage: Stage) -> None:
    """Each program gives what it shows, where it is for; the files named are enough, and all."""
    package = pathlib.Path(syslogfast.__file__).parent
    wheel = section.take("sh").replace("python3", sys.executable)
    wheel = wheel.replace("wheel", f"wheel -q --no-build-isolation --no-index -w {stage.folder}")
    unwanted = shutil.ignore_patterns(".*", "build", "node_modules", "*.egg-info")
    tree = shutil.copytree(
        pathlib.Path(__file__).parents[2], stage.folder / "tree", ignore=unwanted
    )
    subprocess.run(["bash", "-ec", wheel], cwd=tree, check=True, timeout=120)
    (stage.folder / "node_modules").symlink_to(find_node_modules("pyodide"))
    stage.write("page.mjs", section.take("js"))
    command = ["node", "page.mjs"]
    started = time.time()
    result = subprocess.run(command, cwd=stage.folder, capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")
    run = Run(0, started, time.time(), result.stdout, result.stderr)
    (shown,) = split_frames(section.take("text").encode(), "lf")
    (sent,) = split_frames(run.out, "lf")
    parsed = parse_rfc5424(sent)
    run.check_time(parsed.timestamp)
    assert parsed == parse_rfc5424(shown)._replace(timestamp=parsed.timestamp)

    names = section.take("text").split()
    files = stage.folder / "files" / "syslogfast"
    files.mkdir(parents=True)
    for name in names:
        shutil.copy(package / name, files)
    sizes = [sum((files / name).stat().st_size for name in names)]
    program, printed = section.take("python"), section.take("text")
    for name in NAMES:
        assert run_elsewhere(name, program, files).stdout == printed
    heap, loaded = run_elsewhere("micropython", ENCODER_SIZE, files).stdout.splitlines()
    assert {name.partition(".")[2] or "__init__" for name in loaded.split()} == {
        name.removesuffix(".py") for name in names
    }
    sizes += map(int, heap.split())
    assert f"these {len(names)} files" in section.text
    stated = [float(number) for number in re.findall(r"(\d[\d.]*) KB", section.text)]
    assert [size / 1000 for size in sizes] == pytest.approx(stated, rel=0.1)
    lacks = run_elsewhere("micropython", LACKS, files).stdout.splitlines()
    assert lacks == ["AttributeError False", "TypeError False", "BufferError True"]


@checks("embedding.md: Inside another program")
def check_inside(section: Section, stage: Stage) -> None:
    """The lines are those of the example, which test_embed.py builds and runs."""
    source = (EXAMPLES / "embed" / "program.c").read_text(encoding="utf-8")
    assert section.take("c") in source


# A page's block as the function of a module.
GUEST = """
#include <Python.h>
static PyObject *run(PyObject *module, PyObject *unused)
{
    %s
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"run", run, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "guest", NULL, -1, methods, NULL, NULL, NULL, NULL
};
PyMODINIT_FUNC PyInit_guest(void) { return PyModule_Create(&definition); }
"""


@checks("embedding.md: Isolated and stripped interpreters")
def check_archive(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python"))
    folder = stage.folder / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    for name in ("SYSLOGFAST_BACKEND", "PYTHONSAFEPATH"):
        environment.pop(name, None)
    command = ["bash", "-ec", section.take("sh")]
    done = subprocess.run(
        command, cwd=stage.folder, env=environment, capture_output=True, text=True
    )
    assert (done.stderr, done.stdout) == ("", section.take("text"))


@checks("embedding.md: Several interpreters in one process")
def check_interpreters(section: Section, stage: Stage) -> None:
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    build_module(stage.folder, "guest", GUEST % section.take("c"))
    stage.run_quiet("import guest\nguest.run()\n").compare(section.take("text"))
    # Descriptor 1 has the guest's record before what Python prints is written.
    guest, main = stage.run_quiet(
        section.take("python") + "import guest\nguest.run()\n"
    ).out.splitlines()
    assert (guest.rpartition(b" - ")[2], main) == (b"backend python", b"c")


# --- all pages -----------------------------------------------------------------------------------


def test_there_are_pages() -> None:
    """An sdist without docs would leave nothing to test, and so pass."""
    assert PAGES
    assert sum(len(section.left) for section in SECTIONS.values()) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "title", sorted(CHECKS.keys() | {title for title in SECTIONS if SECTIONS[title].left})
)
def test_all_blocks(title: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here, which leaves none of them out."""
    assert title in CHECKS, "this section has blocks that nothing runs"
    section = Section(SECTIONS[title].text)
    stage = Stage(tmp_path)
    try:
        CHECKS[title](section, stage)
    finally:
        stage.close()
    assert section.left == []
