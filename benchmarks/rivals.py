"""Other packages that turn a logging.LogRecord into a syslog record, and this one: one interface.

Each of them writes what it writes by default, about the same record; `check` tells whether it did.
"""

import importlib.metadata
import io
import logging
import platform
import re
import socket
import sys
from collections.abc import Callable
from datetime import datetime
from functools import partial
from logging.handlers import SysLogHandler

import pytest
from conftest import IDENTITY, MESSAGE

import syslogfast
from syslogfast import _encoder_c, _encoder_py

HOSTNAME, APP_NAME, _ = IDENTITY.values()
TEMPLATE = MESSAGE.replace("4711", "%d").replace("1234", "%d").replace(" 3 ", " %d ")
TEMPLATE = TEMPLATE.replace("59.97", "%s")
ARGS = (4711, 1234, 3, "59.97")

# RFC 5424 6, but for PRI, which handlers write; a fraction has one to six digits, if any.
HEADER = re.compile(
    r"1 (?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))"
    r" (?P<hostname>[!-~]{1,255}) (?P<app_name>[!-~]{1,48}) (?P<procid>[!-~]{1,128})"
    r" (?P<msgid>[!-~]{1,32})"
    r' (?P<structured_data>-|(?:\[[^ \]]+(?: [^ =\]"]+="(?:[^"\\\]]|\\["\\\]])*")*\])+) '
)
PRI = "<14>"  # RFC 5424 6.2.1: facility 1, severity 6


def make_record(message: str = MESSAGE, args: tuple[object, ...] = ()) -> logging.LogRecord:
    """Return a new record, as Logger.info makes it."""
    logger = logging.Logger(APP_NAME)
    return logger.makeRecord(
        APP_NAME, logging.INFO, __file__, 1, message, args, None, "sell", None, None
    )


class Peer:
    """One way to turn records into syslog records.

    name: what it calls itself, and which of its calls is timed.
    package, module: what is installed, and what is imported of it: without that, the row is
        skipped, with the reason. None: it is always there.
    pri, lead: what it writes before the header, and before the message.
    """

    name: str
    package: str | None = None
    module: str | None = None
    reason = "it is not installed"
    pri = ""
    lead = ""
    header = HEADER

    def __init__(self) -> None:
        if self.module:
            pytest.importorskip(self.module, reason=f"{self.package}: {self.reason}")
        self.format = self.prepare()

    @property
    def version(self) -> str:
        if self.package:
            return importlib.metadata.version(self.package)
        return platform.python_version()

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        """Return what formats a record."""
        raise NotImplementedError

    def make(self, record: logging.LogRecord) -> Callable[[], object]:
        """Return a call that formats this record once, and returns the str or bytes."""
        return partial(self.format, record)

    def expect(self, record: logging.LogRecord) -> dict[str, str]:
        """Return the header fields that it is known to write."""
        return {
            "hostname": HOSTNAME,
            "app_name": APP_NAME,
            "procid": str(record.process),
            "msgid": "-",
            "structured_data": "-",
        }

    def check(self, output: str | bytes, record: logging.LogRecord) -> None:
        """Refuse what is not RFC 5424, or not about this record."""
        text = output if isinstance(output, str) else output.decode()
        assert text.startswith(self.pri)
        match = self.header.match(text, len(self.pri))
        assert match is not None, text
        moment = datetime.fromisoformat(match["timestamp"].replace("Z", "+00:00"))
        assert abs(moment.timestamp() - record.created) < 1e-5
        assert text[match.end() :] == self.lead + record.getMessage()
        assert match.groupdict() | self.expect(record) == match.groupdict()


class OurFormatter(Peer):
    name = "syslogfast.Formatter.format"
    package = "syslogfast"

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        return syslogfast.Formatter(hostname=HOSTNAME, app_name=APP_NAME).format


class OurEncoder(Peer):
    name = "encode_record, compiled"
    package = "syslogfast"
    encoder = _encoder_c.Encoder
    pri = PRI

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        return self.encoder(hostname=HOSTNAME, app_name=APP_NAME).encode_record


class OurTwin(OurEncoder):
    name = "encode_record, Python twin"
    encoder = _encoder_py.Encoder


class SyslogRfc5424Formatter(Peer):
    """It asks for the host's name each time, and the logger's name is APP-NAME.

    It leaves its fields in the record.
    """

    name = "syslog-rfc5424-formatter: format"
    package = "syslog-rfc5424-formatter"
    module = "syslog_rfc5424_formatter"

    def make_formatter(self) -> logging.Formatter:
        from syslog_rfc5424_formatter import RFC5424Formatter

        return RFC5424Formatter()

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        return self.make_formatter().format

    def expect(self, record: logging.LogRecord) -> dict[str, str]:
        return super().expect(record) | {"hostname": socket.gethostname()}


class Rfc5424LoggingHandler(Peer):
    """It writes a BOM, unless told not to."""

    name = "rfc5424-logging-handler: build_msg"
    package = "rfc5424-logging-handler"
    module = "rfc5424logging"
    pri = PRI
    lead = "\ufeff"

    def make_handler(self) -> logging.Handler:
        from rfc5424logging import Rfc5424SysLogHandler

        # With a stream, it opens no socket.
        return Rfc5424SysLogHandler(hostname=HOSTNAME, appname=APP_NAME, stream=io.BytesIO())

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        return self.make_handler().build_msg


class HatSyslog(Peer):
    """Its handler makes a Msg at once, and of that text and bytes in a thread: this is both.

    It asks for the host's name each time. APP-NAME is sys.argv[0], of any length, MSGID the
    logger's name; STRUCTURED-DATA tells the place and the thread. It spells the BOM out: "BOM".
    """

    name = "hat-syslog: Msg, str, bytes"
    package = "hat-syslog"
    module = "hat.syslog.handler"
    pri = PRI
    lead = "BOM"
    header = re.compile(HEADER.pattern.replace("{1,48}", "+"))

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        from hat.syslog.encoder import msg_to_str
        from hat.syslog.handler import _record_to_msg

        return lambda record: msg_to_str(_record_to_msg(record)).encode()

    def expect(self, record: logging.LogRecord) -> dict[str, str]:
        thread = f'thread="{record.thread}" funcName="{record.funcName}" lineno="{record.lineno}"'
        return {
            "hostname": socket.gethostname(),
            "app_name": sys.argv[0],
            "procid": str(record.process),
            "msgid": APP_NAME,
            "structured_data": f'[hat@1 name="{APP_NAME}" {thread}]',
        }


class Sink:
    """Stands for a socket, or for what holds one: keeps the last record."""

    last: object = None

    def sendto(self, data: bytes, address: object) -> None:
        self.last = data

    def transmit(self, data: bytes) -> None:
        self.last = data

    def close(self) -> None:
        pass


def make_standard_handler(sink: Sink) -> SysLogHandler:
    """Return a standard handler whose socket is `sink`."""
    handler = SysLogHandler(("127.0.0.1", 514))  # UDP: nothing is sent
    handler.socket.close()
    handler.socket = sink
    return handler


class StandardHandler(Peer):
    """It writes no header: PRI, the message, and NUL."""

    name = "logging: SysLogHandler.emit, no header"

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        sink = Sink()
        emit = make_standard_handler(sink).emit

        def send(record: logging.LogRecord) -> object:
            emit(record)
            return sink.last

        return send

    def check(self, output: str | bytes, record: logging.LogRecord) -> None:
        assert output == f"{PRI}{record.getMessage()}\0".encode()


class StandardFormatter(Peer):
    """It writes no header: the message alone."""

    name = "logging: Formatter.format, no header"

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        return logging.Formatter().format

    def check(self, output: str | bytes, record: logging.LogRecord) -> None:
        assert output == record.getMessage()


class Picologging(Peer):
    """It has no handler for syslog, and formats its own records only, not those of logging.

    The nearest to a header that its format strings give: local time without its zone, in whole
    seconds, which RFC 5424 does not allow.
    """

    name = "picologging: Formatter.format, not RFC 5424"
    package = "picologging"
    module = "picologging"
    reason = "it is not installed; it has no wheel for CPython 3.13 and later"

    def prepare(self) -> Callable[[logging.LogRecord], object]:
        import picologging

        header = f"1 %(asctime)s {HOSTNAME} %(name)s %(process)d - - "
        return picologging.Formatter(f"{header}%(message)s", "%Y-%m-%dT%H:%M:%S").format

    def make(self, record: logging.LogRecord) -> Callable[[], object]:
        import picologging

        own = picologging.LogRecord(
            record.name,
            record.levelno,
            record.pathname,
            record.lineno,
            record.msg,
            record.args,
            None,
        )
        return partial(self.format, own)

    def check(self, output: str | bytes, record: logging.LogRecord) -> None:
        assert isinstance(output, str)
        fields = output.split(" ", 7)
        moment = datetime.fromisoformat(fields.pop(1))
        assert abs(moment.timestamp() - record.created) < 2
        rest = ["1", HOSTNAME, APP_NAME, str(record.process), "-", "-", record.getMessage()]
        assert fields == rest
