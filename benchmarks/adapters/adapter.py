"""What all adapters have in common: one way to write syslog records, behind one interface."""

import logging
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import SysLogHandler

from adapters.transports import Transport
from measure import strict
from measure.record import IDENTITY, MESSAGE
from measure.strict import Expected

HOSTNAME, APP_NAME, _ = IDENTITY.values()
PRI = b"<14>"  # RFC 5424 6.2.1: facility 1, severity 6

TEMPLATE = MESSAGE.replace("4711", "%d").replace("1234", "%d").replace(" 3 ", " %d ")
TEMPLATE = TEMPLATE.replace("59.97", "%s")
ARGS = (4711, 1234, 3, "59.97")
DATA = {"order@32473": {"id": "17", "note": 'a "gift" [1]'}}
CONTENTS = ("no arguments", "4 arguments", "structured data", "exception")
PLAIN = CONTENTS[0]

try:
    raise LookupError("sold out")
except LookupError:
    EXC_INFO = sys.exc_info()


def make_standard_handler(
    transport: Transport, kind: type[SysLogHandler] = SysLogHandler, **options: object
) -> SysLogHandler:
    socktype = socket.SOCK_STREAM if transport.kind == "tcp" else socket.SOCK_DGRAM
    handler = kind(transport.address, socktype=socktype, **options)
    if transport.kind == "stub":
        handler.socket.close()
        handler.socket = transport.stub
    return handler


class Adapter:
    """One way to write syslog records.

    name: of its row. module: what is imported of it; without that, its row is left out.
    wrong: what is wrong with its records, as a remark; defect: what the strict check says of that.
    gives_pri: False if that is left to a handler. transports, contents: what it knows.
    is_seen: False if what it sends can only be seen over a real transport; sends_later: as it says,
    even
        where sends are stubbed.
    """

    name: str
    module: "str | None" = None
    why_missing = "it is not installed"
    wrong = ""
    remark = ""
    defect = ""
    gives_pri = True
    transports: tuple[str, ...] = ("stub", "udp", "unix", "tcp")
    contents: tuple[str, ...] = CONTENTS
    is_seen = True
    sends_later = False

    def prepare(self) -> Callable[[logging.LogRecord], "str | bytes"]:
        """Return what turns a record of logging into a text."""
        raise NotImplementedError

    def make_handler(self, transport: Transport) -> logging.Handler:
        """Return a handler that writes to that transport."""
        raise NotImplementedError

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[logging.Logger]:
        """Give what has a method `info`, which writes to that transport."""
        handler = self.make_handler(transport)
        logger = logging.Logger(APP_NAME)
        logger.addHandler(handler)
        try:
            yield logger
        finally:
            handler.close()

    def settle(self) -> None:
        """Wait until all is sent."""

    def make_record(self, content: str = PLAIN) -> logging.LogRecord:
        """Return a new record, as a logger makes it."""
        message, args = (TEMPLATE, ARGS) if content == "4 arguments" else (MESSAGE, ())
        exc_info = EXC_INFO if content == "exception" else None
        record = logging.Logger(APP_NAME).makeRecord(
            APP_NAME, logging.INFO, __file__, 1, message, args, exc_info, "sell"
        )
        if content == "structured data":
            self.add_data(record)
        return record

    def add_data(self, record: logging.LogRecord) -> None:
        """Add DATA in the way that it wants: by `extra`."""
        record.structured_data = DATA

    def convert(self, record: logging.LogRecord) -> object:
        """Return the record as it wants it."""
        return record

    def expect(self, record: logging.LogRecord, slack: float = 1e-5) -> Expected:
        """Return the fields that its record has to have."""
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + logging.Formatter().formatException(record.exc_info)
        # By name: a record may have it in its arguments.
        has_data = "structured_data" in vars(record) or "structured_data" in record.args
        data = [(sd_id, list(values.items())) for sd_id, values in DATA.items()] if has_data else []
        procid = str(record.process)
        return Expected(message, record.created, slack, procid=procid, structured_data=data)

    def normalise(self, data: bytes, expected: Expected) -> bytes:
        """Return its record without what is `wrong` with it."""
        return data

    def check(self, output: "str | bytes", expected: Expected) -> None:
        """Refuse what is wrong otherwise than it is known to be."""
        data = output.encode() if isinstance(output, str) else bytes(output)
        if not self.gives_pri and not data.startswith(PRI):
            data = PRI + data
        defect = strict.find_defect(data, expected)
        is_known = bool(self.defect) and defect.startswith(self.defect)
        assert is_known or defect == self.defect, (defect, data)
        strict.check(self.normalise(data, expected), expected)
