"""This package beside its competitors: formatter, encoders, handler and emitters."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from adapters.adapter import APP_NAME, HOSTNAME, Adapter, make_standard_handler
from adapters.transports import Transport
from measure.strict import Expected

import syslogfast
from syslogfast import _encoder_c, _encoder_py


class Ours(Adapter):
    def expect(self, record: logging.LogRecord, slack: float = 1e-5) -> Expected:
        """Control characters are escaped."""
        expected = super().expect(record, slack)
        return replace(expected, message=expected.message.replace("\n", "#012"))


class OurFormatter(Ours):
    name = "syslogfast Formatter"
    gives_pri = False

    def prepare(self) -> Callable[[logging.LogRecord], str]:
        return syslogfast.Formatter(hostname=HOSTNAME, app_name=APP_NAME).format

    def make_handler(self, transport: Transport) -> logging.Handler:
        handler = make_standard_handler(transport)
        handler.append_nul = transport.kind == "tcp"
        handler.setFormatter(syslogfast.Formatter(hostname=HOSTNAME, app_name=APP_NAME))
        return handler


class OurEncoder(Ours):
    name = "syslogfast encode_record"
    encoder = _encoder_c.Encoder

    def prepare(self) -> Callable[[logging.LogRecord], bytes]:
        return self.encoder(hostname=HOSTNAME, app_name=APP_NAME).encode_record


class OurTwin(OurEncoder):
    name = "syslogfast twin"
    encoder = _encoder_py.Encoder


class OurHandler(Ours):
    name = "syslogfast SysLogHandler"

    def make_handler(self, transport: Transport) -> logging.Handler:
        options = {"protocol": "rfc5424", "hostname": HOSTNAME, "app_name": APP_NAME}
        return make_standard_handler(transport, syslogfast.SysLogHandler, **options)


class OurEmitter(Ours):
    """It makes no LogRecord."""

    name = "syslogfast Emitter"
    remark = "without logging"
    transports = Adapter.transports[1:]
    linger = 0.0
    emitter: "syslogfast.Emitter | None" = None

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[syslogfast.Emitter]:
        linger = 3600.0 if transport.kind == "stub" else self.linger
        options = {"hostname": HOSTNAME, "app_name": APP_NAME, "protocol": "rfc5424"}
        with syslogfast.connect(transport.write_url(), linger=linger, **options) as self.emitter:
            self.settle()  # connected
            yield self.emitter
            self.settle()
            assert not self.emitter.stats["dropped"]
        self.emitter = None

    def settle(self) -> None:
        if self.emitter:
            assert self.emitter.flush()


class OurGatheringEmitter(OurEmitter):
    name = "syslogfast Emitter, linger"
    remark = "without logging; gathers, then sends many at once"
    transports = Adapter.transports
    linger = 0.05
    is_seen = False
    sends_later = True
