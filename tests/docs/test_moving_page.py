"""What docs/moving.md shows is true: what changes for who comes from another handler."""

import datetime
import pathlib
import re
import socket

import pytest
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


@PAGE.check("What one may add")
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


@pytest.mark.slow
@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here."""
    PAGE.run(heading, tmp_path)
