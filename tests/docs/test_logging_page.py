"""What docs/logging.md and its folder show is true: formatter and handler in every setting."""

import json
import logging
import logging.config
import logging.handlers
import pathlib
import re
import time

import pytest
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.page_sections import (
    HARMLESS,
    LOCAL0,
    MALICIOUS,
    SEVERITIES,
    USER,
    Broken,
    Page,
    Section,
    Stage,
)

import syslogfast

PAGE = Page("logging.md")
CONFIGURATION = Page("logging/configuration.md")
RECORDS = Page("logging/records.md")
OTHERS = Page("logging/other-loggers.md")
PAGES = {
    "logging": PAGE,
    "configuration": CONFIGURATION,
    "records": RECORDS,
    "other-loggers": OTHERS,
}


@PAGE.check("To a stream")
def check_stream(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python")).compare(section.take("text"))


@PAGE.check("Without a LogRecord")
def check_loggers(section: Section, stage: Stage) -> None:
    """The first call of a level is one of logging, which finds out whether it is enabled."""
    program = stage.listen(section.take("python"))
    program += "log.info('%s', 1)\nprint(syslogfast.loggers.compiled.count_calls()[0])\n"
    run = stage.run_quiet(program)
    records = stage.receive(3)
    run.check(records[0], "info", "3 sold for 19.99")
    parsed = parse_rfc5424(records[1])
    assert (parsed.msgid, parsed.message) == ("SALE", "sold")
    assert run.out == (b"fast\n2\n" if syslogfast.loggers.compiled else run.out)


@PAGE.check("To a collector over UDP")
def check_udp(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    (record,) = stage.receive(1)
    run.check(record, "warning", "card refused", facility=LOCAL0)


@PAGE.check("To the daemon of this machine")
def check_local(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    (record,) = stage.receive(1)
    parsed = parse_rfc3164(record, hostname=False)
    assert parsed.priority == USER + SEVERITIES.index("warning")
    assert (parsed.tag, parsed.pid, parsed.message) == ("shop", str(run.pid), "card refused")
    times = range(int(run.started), int(run.ended) + 1)
    assert parsed.timestamp in [time.strftime("%b %e %H:%M:%S", time.localtime(s)) for s in times]


@PAGE.check("To journald: texts of several lines")
def check_lines(section: Section, stage: Stage) -> None:
    stage.run_quiet(stage.listen(section.take("python")))
    first, second = [record.decode() for record in stage.receive(2)]
    head, *lines = first.split("\n")
    assert head.endswith(": card refused")
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no card"
    text = second.partition("]: ")[2]
    assert json.loads(text) == {"order": 17, "by": "Zo\u00eb"}
    assert text.count("\n") == 3


@PAGE.check("A record for each line, and long texts")
def check_divided(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(stage.listen(section.take("python")))
    *lines, last = stage.receive(6)
    texts = [parse_rfc5424(line).message for line in lines]
    assert texts[:2] == ["card refused", "Traceback (most recent call last):"]
    assert texts[-1] == "ValueError: no card"
    run.check(lines[0], "err", "card refused")
    assert len(last) == 2048
    assert re.search(rb" x+ \.\.\. \(30\d\d octets truncated\)$", last)


@CONFIGURATION.check("With dictConfig")
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


@CONFIGURATION.check("With fileConfig")
def check_file_config(section: Section, stage: Stage) -> None:
    stage.write("shop_logging.py", section.take("python", "shop_logging.py"))
    stage.write("logging.ini", stage.listen(section.take("ini", "logging.ini")))
    run = stage.run_quiet(section.take("python"))
    (record,) = stage.receive(1)
    run.check(record, "warning", "shop: card refused", facility=LOCAL0)
    (record,) = split_frames(run.out, "lf")
    run.check(record, "warning", "card refused", facility=LOCAL0)


@CONFIGURATION.check("Behind a queue")
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


@RECORDS.check("MSGID and structured data")
def check_structured_data(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python")).compare(section.take("text"))


@RECORDS.check("Header fields of a record")
def check_header_fields(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python")).compare(section.take("text"))


@RECORDS.check("Levels")
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


@OTHERS.check("structlog")
def check_structlog(section: Section, stage: Stage) -> None:
    pytest.importorskip("structlog", reason="structlog is not installed")
    run = stage.run_quiet(
        section.take("python") + MALICIOUS + "log = structlog.get_logger()\n"
        "for name in 'debug', 'info', 'warning', 'error', 'critical':\n"
        "    getattr(log, name)('%s {a}\\n')\n"
        "log.info(17, **MALICIOUS)\n"
        "log.bind(**MALICIOUS).info(Broken())\n"
        "try:\n"
        "    [][0]\n"
        "except IndexError:\n"
        "    log.exception('failed', order=17)\n"
    )
    first, *records, last = split_frames(run.out, "lf")
    assert len(records) == 7
    order = [("fields@32473", [("order", "17")])]
    run.check(first, "warning", "card refused", structured_data=order)
    for record, severity in zip(records, ("debug", "info", "warning", "err", "crit"), strict=False):
        run.check(record, severity, "%s {a}")
    harmless = [("fields@32473", HARMLESS)]
    run.check(records[5], "info", "17", structured_data=harmless)
    run.check(records[6], "info", "<unprintable Broken: ValueError>", structured_data=harmless)
    message = parse_rfc5424(last).message or ""
    assert message.startswith("failed#012Traceback (most recent call last):#012  File ")
    assert message.endswith("#012IndexError: list index out of range")
    run.check(last, "err", message, structured_data=order)


@OTHERS.check("picologging")
def check_picologging(section: Section, stage: Stage) -> None:
    reason = "picologging is not installed: it has no wheel for CPython 3.13 and later"
    pytest.importorskip("picologging", reason=reason)
    run = stage.run_quiet(
        section.take("python") + "import io, sys\n"
        "for name in 'debug', 'info', 'warning', 'error', 'critical':\n"
        "    getattr(log, name)('%d sold', 3)\n"
        "log.info('\\n%s', b'\\xff')\n"
        "try:\n"
        "    [][0]\n"
        "except IndexError:\n"
        "    log.exception('failed')\n"
        "stream = io.StringIO()\n"
        "handler = picologging.StreamHandler(stream)\n"
        "handler.setFormatter(syslogfast.Formatter(pri=True, app_name='shop'))\n"
        "log.addHandler(handler)\n"
        "log.warning('twice')\n"
        "assert stream.getvalue().startswith('<12>1 '), stream.getvalue()\n"
        "assert stream.getvalue().endswith(' twice\\n'), stream.getvalue()\n"
    )
    first, *records, odd, last, twice = split_frames(run.out, "lf")
    run.check(first, "warning", "card refused")
    for record, severity in zip(records, ("info", "warning", "err", "crit"), strict=True):
        run.check(record, severity, "3 sold")
    run.check(odd, "info", r"#012b'\xff'")
    run.check(twice, "warning", "twice")
    message = parse_rfc5424(last).message or ""
    assert message.startswith("failed#012Traceback (most recent call last):#012  File ")
    assert message.endswith("#012IndexError: list index out of range")
    run.check(last, "err", message)


@OTHERS.check("loguru")
def check_loguru(section: Section, stage: Stage) -> None:
    pytest.importorskip("loguru", reason="loguru is not installed")
    run = stage.run_quiet(
        section.take("python") + MALICIOUS + "logger.remove()\n"
        "logger.add(Sink(log), format='{message}', level=0, catch=False)\n"
        "for name in 'TRACE', 'DEBUG', 'INFO', 'SUCCESS', 'WARNING', 'ERROR', 'CRITICAL', 60, 70:\n"
        "    logger.log(name, '%s {a}\\n')\n"
        "logger.bind(**MALICIOUS).info('hostile')\n"
        "try:\n"
        "    [][0]\n"
        "except IndexError:\n"
        "    logger.bind(order=17).exception('failed')\n"
    )
    first, *records, hostile, last = split_frames(run.out, "lf")
    order = [("fields@32473", [("order", "17")])]
    run.check(first, "warning", "card refused", structured_data=order)
    names = ("debug", "debug", "info", "notice", "warning", "err", "crit", "alert", "emerg")
    for record, severity in zip(records, names, strict=True):
        run.check(record, severity, "%s {a}")
    run.check(hostile, "info", "hostile", structured_data=[("fields@32473", HARMLESS)])
    message = parse_rfc5424(last).message or ""
    assert message.startswith("failed#012Traceback (most recent call last):#012  File ")
    assert message.endswith("#012IndexError: list index out of range")
    run.check(last, "err", message, structured_data=order)


@OTHERS.check("asyncio")
def check_asyncio(section: Section, stage: Stage) -> None:
    run = stage.run_quiet(section.take("python"))
    records = split_frames(run.out, "lf")
    assert len(records) == 3
    for number, record in enumerate(records[:2], 1):
        data = [("fields@32473", [("request", str(number))])]
        run.check(record, "info", "served", structured_data=data)
    run.check(records[2], "info", "the end")


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


@RECORDS.check("What becomes of bad input")
def check_bad_input(section: Section, stage: Stage) -> None:
    """Each row of the table is logged; its last cell is `FIELD value`, or the record's size."""
    rows = section.list_rows()
    assert len(rows) == 11
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


# There is no picologging for the newest Python.
SECTIONS = [
    pytest.param(name, heading, marks=pytest.mark.surroundings if heading == "picologging" else ())
    for name, page in PAGES.items()
    for heading in page.list_headings()
]


@pytest.mark.parametrize(("name", "heading"), SECTIONS)
def test_section(name: str, heading: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here."""
    PAGES[name].run(heading, tmp_path)
