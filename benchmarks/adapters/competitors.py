"""Who else turns log calls into syslog records, and this package: one small adapter each.

Each is set up as its documentation advises, and gets the same names to write. What it writes wrong
all the same is said in `wrong`, and looked for: one that is right by now fails here.
"""

import io
import logging
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from unittest.mock import patch

from adapters.adapter import APP_NAME, CONTENTS, DATA, HOSTNAME, PRI, Adapter, make_standard_handler
from adapters.ours import (
    OurEmitter,
    OurEmitterAtOnce,
    OurEncoder,
    OurFormatter,
    OurHandler,
    OurTwin,
    OurUrlHandler,
)
from adapters.transports import Transport
from measure import strict
from measure.missing import MissingError, is_installed
from measure.strict import Expected

BOM = "\ufeff"
# What careful users of format strings write: UTC, as far as its milliseconds go, or the old form.
RFC5424_FORMAT = f"1 %(asctime)s.%(msecs)03dZ {HOSTNAME} %(name)s %(process)d - - %(message)s"
RFC3164_FORMAT = f"%(asctime)s {HOSTNAME.partition('.')[0]} %(name)s[%(process)d]: %(message)s"
LOGURU_FORMAT = "1 {{time:YYYY-MM-DDTHH:mm:ss.SSSSSSZ}} {} {} {{process}} - - {{message}}"


# --- the standard library ------------------------------------------------------------------------


class Standard(Adapter):
    """It writes no header: PRI, the message, and NUL."""

    name = "standard library"
    gives_pri = False
    contents = tuple(content for content in CONTENTS if content != "structured data")
    wrong = "no header"
    defect = "PRI must be followed by VERSION 1"

    def make_formatter(self) -> logging.Formatter:
        return logging.Formatter()

    def prepare(self) -> Callable[[logging.LogRecord], "str | bytes"]:
        return self.make_formatter().format

    def make_handler(self, transport: Transport) -> logging.Handler:
        handler = make_standard_handler(transport)
        # With a header of one's own one leaves the NUL away, but as a frame's end.
        handler.append_nul = transport.kind == "tcp" or bool(self.wrong)
        if not self.wrong:
            handler.setFormatter(self.make_formatter())
        return handler

    def normalise(self, data: bytes, expected: Expected) -> bytes:
        if not self.wrong:
            return data
        timestamp = strict.write_isoformat(expected.created)
        header = f"1 {timestamp} {HOSTNAME} {APP_NAME} {expected.procid} - - "
        return PRI + header.encode() + data.removeprefix(PRI).removesuffix(b"\0")


class StandardRfc5424(Standard):
    name = "standard library, RFC 5424"
    wrong = defect = ""
    remark = "by a format string, in milliseconds"

    def make_formatter(self) -> logging.Formatter:
        formatter = logging.Formatter(RFC5424_FORMAT, "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        return formatter

    def expect(self, record: logging.LogRecord, slack: float = 1e-3) -> Expected:
        return super().expect(record, slack)


class StandardRfc3164(Standard):
    name = "standard library, RFC 3164"
    wrong = defect = ""
    remark = "by a format string"

    def make_formatter(self) -> logging.Formatter:
        return logging.Formatter(RFC3164_FORMAT, "%b %e %H:%M:%S")

    def expect(self, record: logging.LogRecord, slack: float = 1) -> Expected:
        hostname = HOSTNAME.partition(".")[0]
        return replace(super().expect(record, slack), protocol="rfc3164", hostname=hostname)


# --- other packages ------------------------------------------------------------------------------


class SyslogRfc5424Formatter(StandardRfc5424):
    """It asks for the host's name each time, and the logger's name is APP-NAME."""

    name = "syslog-rfc5424-formatter"
    module = "syslog_rfc5424_formatter"
    remark = ""
    contents = CONTENTS

    def make_formatter(self) -> logging.Formatter:
        from syslog_rfc5424_formatter import RFC5424Formatter

        return RFC5424Formatter()

    def add_data(self, record: logging.LogRecord) -> None:
        record.args = {"structured_data": DATA}

    def expect(self, record: logging.LogRecord, slack: float = 1e-5) -> Expected:
        return replace(super().expect(record, slack), hostname=socket.gethostname())


class Rfc5424LoggingHandler(Adapter):
    name = "rfc5424-logging-handler"
    module = "rfc5424logging"

    def prepare(self) -> Callable[[logging.LogRecord], bytes]:
        return self.make_handler(Transport("stub")).build_msg

    def make_handler(self, transport: Transport) -> logging.Handler:
        from rfc5424logging import Rfc5424SysLogHandler

        options = {"hostname": HOSTNAME, "appname": APP_NAME}
        if transport.kind == "stub":
            handler = Rfc5424SysLogHandler(stream=io.BytesIO(), **options)
            handler.transport = transport.stub
            return handler
        socktype = socket.SOCK_STREAM if transport.kind == "tcp" else socket.SOCK_DGRAM
        return Rfc5424SysLogHandler(transport.address, socktype=socktype, **options)


class HatSyslog(Adapter):
    """Its handler makes a Msg at once, and of that text and bytes in a thread, which sends them.

    It asks for the host's name each time. APP-NAME is sys.argv[0], of any length, MSGID the
    logger's name; STRUCTURED-DATA has location, thread and exception.
    """

    name = "hat-syslog"
    module = "hat.syslog.handler"
    wrong = 'spells out "BOM" before the message'
    defect = "message is 'BOM"
    transports = ("stub", "udp", "tcp")
    contents = tuple(content for content in CONTENTS if content != "structured data")
    is_seen = False
    queue: "object | None" = None  # of a handler that sends

    def prepare(self) -> Callable[[logging.LogRecord], bytes]:
        from hat.syslog.encoder import msg_to_str
        from hat.syslog.handler import _record_to_msg

        return lambda record: msg_to_str(_record_to_msg(record)).encode()

    def make_handler(self, transport: Transport) -> logging.Handler:
        from hat.syslog import handler as module

        if transport.kind == "stub":  # the queue drops the oldest
            with patch.object(module, "_logging_handler_thread", lambda state: None):
                return module.SyslogHandler("127.0.0.1", 514, "UDP")
        host, port = transport.address
        handler = module.SyslogHandler(host, port, transport.kind.upper())
        self.queue = handler._SyslogHandler__state.queue
        return handler

    def settle(self) -> None:
        deadline = time.monotonic() + 10
        while self.queue:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def expect(self, record: logging.LogRecord, slack: float = 1e-5) -> Expected:
        location = [("name", APP_NAME), ("thread", str(record.thread))]
        location += [("funcName", str(record.funcName)), ("lineno", str(record.lineno))]
        if record.exc_info:
            text = logging.Formatter().formatException(record.exc_info)
            location.append(("exc_info", text + "\n"))
        return replace(
            super().expect(record, slack),
            message=record.getMessage(),
            hostname=socket.gethostname(),
            app_name=sys.argv[0],
            msgid=APP_NAME,
            structured_data=[("hat@1", location)],
        )

    def normalise(self, data: bytes, expected: Expected) -> bytes:
        return data.replace(b" BOM", f" {BOM}".encode(), 1)


class Structlog(StandardRfc5424):
    """To the standard library's logger, as its documentation has it."""

    name = "structlog"
    module = "structlog"
    remark = "to the standard library's handler"

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[object]:
        import structlog

        with super().open_logger(transport) as logger:
            yield structlog.wrap_logger(
                logger,
                processors=[structlog.stdlib.render_to_log_kwargs],
                wrapper_class=structlog.stdlib.BoundLogger,
                cache_logger_on_first_use=True,
            )


class Loguru(Adapter):
    """To the standard library's handler, as its documentation has it; with a format of its own."""

    name = "loguru"
    module = "loguru"
    remark = "to the standard library's handler"

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[object]:
        from loguru import logger

        logger.remove()
        handler = make_standard_handler(transport)
        handler.append_nul = transport.kind == "tcp"
        logger.add(handler, format=LOGURU_FORMAT.format(HOSTNAME, APP_NAME), level="INFO")
        try:
            yield logger
        finally:
            logger.remove()
            handler.close()


class Picologging(Adapter):
    """It formats its own records only, and has no handler for syslog: this is the least one.

    The nearest to a header that its format strings give is local time without its zone.
    """

    name = "picologging"
    module = "picologging"
    why_missing = "it is not installed: it has no wheel for CPython 3.13 and later"
    wrong = "no time zone"
    defect = "TIME-OFFSET must be"
    remark = "has no handler for syslog: one written by hand"
    gives_pri = False
    transports = ("stub", "udp")
    contents = CONTENTS[:2]

    def make_formatter(self) -> object:
        import picologging

        header = f"1 %(asctime)s {HOSTNAME} %(name)s %(process)d - - "
        return picologging.Formatter(f"{header}%(message)s", "%Y-%m-%dT%H:%M:%S")

    def prepare(self) -> Callable[[logging.LogRecord], str]:
        return self.make_formatter().format

    def convert(self, record: logging.LogRecord) -> object:
        import picologging

        names = ("name", "levelno", "pathname", "lineno", "msg", "args", "exc_info")
        return picologging.LogRecord(*[getattr(record, name) for name in names])

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[object]:
        import picologging

        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender = transport.stub if transport.kind == "stub" else datagrams

        class Handler(picologging.Handler):
            def emit(self, record: object) -> None:
                sender.sendto(PRI + self.format(record).encode(), transport.address)

        handler = Handler()
        handler.setFormatter(self.make_formatter())
        logger = picologging.Logger(APP_NAME, logging.INFO)
        logger.addHandler(handler)
        with datagrams:
            yield logger

    def expect(self, record: logging.LogRecord, slack: float = 1) -> Expected:
        return super().expect(record, slack)

    def normalise(self, data: bytes, expected: Expected) -> bytes:
        text = data.decode()
        bare = re.search(r"\d{4}-\S+", text)
        timestamp = datetime.fromisoformat(bare[0]).astimezone()
        return text.replace(bare[0], timestamp.isoformat()).encode()


# --- who writes what -----------------------------------------------------------------------------

FORMATTERS = [
    OurFormatter,
    SyslogRfc5424Formatter,
    StandardRfc5424,
    StandardRfc3164,
    Standard,
    Picologging,
]
BUILDERS = [OurEncoder, OurTwin, Rfc5424LoggingHandler, HatSyslog]
HANDLERS = [
    OurHandler,
    OurFormatter,
    SyslogRfc5424Formatter,
    Rfc5424LoggingHandler,
    HatSyslog,
    StandardRfc5424,
    StandardRfc3164,
    Standard,
]
LOGGERS = [
    OurEmitter,
    OurEmitterAtOnce,
    OurUrlHandler,
    *HANDLERS,
    Structlog,
    Loguru,
    Picologging,
]


def make(kind: type[Adapter]) -> Adapter:
    """Return one of that kind; MissingError: its package is not installed."""
    if kind.module and not is_installed(kind.module):
        raise MissingError(f"{kind.name}: {kind.why_missing}")
    return kind()


def choose(kinds: list[type[Adapter]], leave_out: Callable[[str], None]) -> list[Adapter]:
    """Return those that are installed."""
    found = []
    for kind in kinds:
        try:
            found.append(make(kind))
        except MissingError as error:
            leave_out(str(error))
    return found


def write_remarks(adapters: list[Adapter]) -> dict[str, str]:
    remarks = {
        adapter.name: "; ".join(filter(None, [adapter.wrong, adapter.remark]))
        for adapter in adapters
    }
    return {name: remark for name, remark in remarks.items() if remark}
