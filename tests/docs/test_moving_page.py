"""What docs/moving.md shows is true: what changes for who comes from another handler."""

import datetime
import pathlib
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support.cpython_suite import require_suite
from support.grammar import parse_rfc5424, split_frames
from support.page_sections import LOCAL0, Page, Run, Section, Stage

PAGE = Page("moving.md")


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


@PAGE.check("From `logging.handlers.SysLogHandler`")
def check_same(section: Section, stage: Stage) -> None:
    program = section.take("python")
    shown = section.take("text").removesuffix("\n").encode() + b"\0"
    before = program.replace("from syslogfast import", "from logging.handlers import")
    assert before != program
    for text in (before, program):
        stage.run_quiet(stage.listen(text))
        assert stage.receive(1) == [shown]
        stage.sockets.pop().close()


FORMATTER_TESTS = """
import logging, sys, unittest
import test.test_logging
import syslogfast

class Formatter(syslogfast.Formatter):
    def format(self, record):  # no header, which none of these tests has heard of
        return self.format_text(record)

logging.Formatter = Formatter
logging.raiseExceptions = False
loader = unittest.defaultTestLoader
suite = loader.loadTestsFromTestCase(test.test_logging.FormatterTest)
result = unittest.TextTestRunner(stream=sys.stderr).run(suite)
assert not result.errors, result.errors
for test, text in result.failures:
    print(test.id().rpartition(".")[2], "ValueError not raised" in text)
"""


@pytest.mark.versions
def test_what_formatters_raise(run_python: Callable[..., Any]) -> None:
    """Of CPython's own tests of formatters, those fail that the page names, for that reason."""
    require_suite()
    text = PAGE.sections["Options that you can add"].text.partition("CPython's own tests")[2]
    named = re.findall(r"`(test_\w+)`", text.partition(")")[0])
    done = run_python(FORMATTER_TESTS)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(f"{name} True" for name in named)
    assert len(named) == 4


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


@PAGE.check("Options that you can add")
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


@PAGE.check("With dictConfig")
def check_handler_dict_config(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.serve(section.take("python")))
    (record,) = split_frames(stage.receive_stream(), "lf")
    run.check(record, "warning", "shop: card refused", facility=LOCAL0)


def split_shown(text: str) -> list[bytes]:
    """Return the records that a page shows, the first of which has a newline in its text."""
    return [
        record.removesuffix("\n").encode() for record in re.split("^(?=<)", text, flags=re.M)[1:]
    ]


THEIR_HANDLER = """
import logging
from rfc5424logging import Rfc5424SysLogHandler
handler = Rfc5424SysLogHandler(
    ("localhost", 514), hostname="web1", appname="shop", procid=42, msg_as_utf8=False
)
"""
OUR_HANDLER = """
import logging
from syslogfast import SysLogHandler
handler = SysLogHandler(
    ("localhost", 514), protocol="rfc5424", hostname="web1", app_name="shop", procid=42,
    header_attributes=ATTRIBUTES,
)
"""
THEIR_FORMATTER = """
import logging.handlers, socket
from syslog_rfc5424_formatter import RFC5424Formatter
socket.gethostname = lambda: "web1"
handler = logging.handlers.SysLogHandler(("localhost", 514))
handler.setFormatter(RFC5424Formatter(procid=42, sd_id="order@32473"))
"""
OUR_FORMATTER = """
import logging
from syslogfast import SysLogHandler
handler = SysLogHandler(
    ("localhost", 514), protocol="rfc5424", hostname="web1", procid=42,
    header_attributes=ATTRIBUTES,
)
"""


def list_differences(section: Section, heading: str) -> list[list[str]]:
    """Return the rows of the table that begins with this, without the marks of code."""
    text = section.text.partition(f"\n{heading}\n")[2].partition("\n\n")[0]
    rows = [
        [cell.strip().strip("`") for cell in row.strip("|").split("|")]
        for row in text.splitlines()[1:]
    ]
    assert rows
    return rows


def check_differences(
    stage: Stage, start: str, name: str, statements: list[str], shown: list[str]
) -> None:
    """Compare what a handler sends with what a page shows, from HOSTNAME on; None is nothing."""
    log = f'log = logging.getLogger("{name}")\nlog.setLevel("INFO")\nlog.addHandler(handler)\n'
    program = start + log + "logging.raiseExceptions = False\n" + "\n".join(statements)
    stage.run_quiet(stage.listen(program))
    expected = [text for text in map(eval, shown) if text is not None]
    sent = [
        re.fullmatch(rb"<14>1 \S+ (.*?)\0?", data, re.DOTALL)[1]
        for data in stage.receive(len(expected))
    ]
    assert [data.decode() for data in sent] == expected
    stage.sockets.pop().close()


@PAGE.check("From rfc5424-logging-handler")
def check_rfc5424_logging_handler(section: Section, stage: Stage) -> None:
    pytest.importorskip("rfc5424logging", reason="rfc5424-logging-handler is not installed")
    programs = section.take("python"), section.take("python")
    before, after = split_shown(section.take("text"))
    before = before.replace(b"] card", b"] \xef\xbb\xbfcard")
    for program, shown in zip(programs, (before, after), strict=True):
        run = stage.run_quiet(stage.serve(program))
        (record,) = split_frames(stage.receive_stream(), "octet")
        compare_records(run, record, shown, has_controls=shown is before)

    run = stage.run_quiet(stage.listen(section.take("python")))
    compare_records(run, *stage.receive(1), section.take("text").removesuffix("\n").encode())
    stage.sockets.pop().close()

    (attributes,) = re.findall("`header_attributes=({.*?procid.*?})`", section.text)
    rows = list_differences(section, "| call | before | after | why |")
    statements, theirs, ours, _ = map(list, zip(*rows, strict=True))
    check_differences(stage, THEIR_HANDLER, "shop.till", statements, theirs)
    start = OUR_HANDLER.replace("ATTRIBUTES", attributes)
    check_differences(stage, start, "shop.till", statements, ours)
    counts = list_differences(section, "| tests of | failures | reason |")
    assert sum(int(count) for _, count, _ in counts) == 23


@PAGE.check("From syslog-rfc5424-formatter")
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

    (attributes,) = re.findall('`header_attributes=({.*"name".*procid.*?})`, on', section.text)
    rows = list_differences(section, "| old | before | new | after |")
    had, theirs, written, ours = map(list, zip(*rows, strict=True))
    check_differences(stage, THEIR_FORMATTER, "shop", had, theirs)
    start = OUR_FORMATTER.replace("ATTRIBUTES", attributes)
    check_differences(stage, start, "shop", written, ours)


@pytest.mark.slow
@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here."""
    PAGE.run(heading, tmp_path)
