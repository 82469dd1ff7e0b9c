"""This package beside its competitors: formatter, encoders, handler and emitters."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

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
    remark = "given an address and protocol="
    handler: "syslogfast.SysLogHandler | None" = None

    def make_handler(self, transport: Transport) -> logging.Handler:
        options = {"protocol": "rfc5424", "hostname": HOSTNAME, "app_name": APP_NAME}
        self.handler = make_standard_handler(transport, syslogfast.SysLogHandler, **options)
        return self.handler

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[logging.Logger]:
        with super().open_logger(transport) as logger:
            yield logger
            self.settle()
            assert not self.read_stats().get("dropped")
        self.handler = None

    def read_stats(self) -> "dict[str, object]":
        """Return what became of the records; {} where they are sent without a queue."""
        return (self.handler and self.handler.stats) or {}

    def settle(self) -> None:
        deadline = time.monotonic() + 10
        # Calls of `flush` that follow each other soon share one `timeout`.
        while self.read_stats().get("queued"):
            assert time.monotonic() < deadline
            self.handler.flush()


class OurUrlHandler(OurHandler):
    name = "syslogfast SysLogHandler, URL"
    remark = "gathers what is a flood"
    is_seen = False
    sends_later = True

    def make_handler(self, transport: Transport) -> logging.Handler:
        options = {"hostname": HOSTNAME, "app_name": APP_NAME, **choose_options(transport)}
        self.handler = syslogfast.SysLogHandler(transport.write_url(), **options)
        return self.handler


class OurEmitter(Ours):
    """It makes no LogRecord."""

    name = "syslogfast Emitter"
    remark = "without logging; gathers what is a flood"
    is_seen = False
    sends_later = True
    options: ClassVar[dict[str, float]] = {}
    emitter: "syslogfast.Emitter | None" = None

    @contextmanager
    def open_logger(self, transport: Transport) -> Iterator[syslogfast.Emitter]:
        options = {"hostname": HOSTNAME, "app_name": APP_NAME, **choose_options(transport)}
        with syslogfast.connect(transport.write_url(), **options, **self.options) as self.emitter:
            self.settle()  # connected
            yield self.emitter
            self.settle()
            assert not self.emitter.stats["dropped"]
        self.emitter = None

    def read_stats(self) -> "dict[str, object]":
        return self.emitter.stats if self.emitter else {}

    def settle(self) -> None:
        if self.emitter:
            assert self.emitter.flush()


class OurEmitterAtOnce(OurEmitter):
    name = "syslogfast Emitter, linger=0"
    remark = "without logging; sends each record at once"
    transports = Adapter.transports[1:]
    options: ClassVar[dict[str, float]] = {"linger": 0}


def choose_options(transport: Transport) -> "dict[str, object]":
    """Return what a URL needs beside the identity: elsewhere nothing.

    A unix socket's default is another protocol; where sends are stubbed, all is gathered.
    """
    return {"unix": {"protocol": "rfc5424"}, "stub": {"linger": 3600.0}}.get(transport.kind, {})
