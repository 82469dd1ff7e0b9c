"""The standard library's SysLogHandler, with what one opts into: headers, framing, delivery."""

import copy
import logging
import os
import socket
from logging.handlers import SYSLOG_UDP_PORT
from logging.handlers import SysLogHandler as LibrarySysLogHandler

from syslogfast._backend import Encoder
from syslogfast._message import (
    LOWEST_LEVELS,
    Misfit,
    choose_severity,
    print_value,
    read_record_text,
)
from syslogfast._options import check_names
from syslogfast._rare_validation import (
    reject_datagrams,
    reject_double_header,
    reject_missing_protocol,
    reject_socktype,
    reject_tls,
    reject_tls_kind,
)
from syslogfast._text import ESCAPES, escape_text
from syslogfast._validation import check_choice, check_facility
from syslogfast.constants import FRAMINGS, PROTOCOLS
from syslogfast.emitter import Emitter, connect
from syslogfast.formatter import Formatter
from syslogfast.handlers.standard import StandardSysLogHandler, is_replaced
from syslogfast.transports import IMPORT_FAILURES, close_in_turn, flush_in_turn
from syslogfast.transports.url import (
    MAX_PORT,
    SCHEMES,
    TLS_OPTIONS,
    Url,
    check_options,
    is_context,
    parse_url,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias, Unpack

    from syslogfast.types import Framing, HandlerOptions, Protocol, Stats

    Address: TypeAlias = tuple[str, int] | str | Sequence[str]
    Tls: TypeAlias = bool | ssl.SSLContext | Mapping[str, object] | None

ENDS = {"lf": b"\n", "nul": b"\0"}  # by framing
# Options of connect(). Of the latter two only what is not the default asks for delivery.
DELIVERY = (
    *("linger", "on_failure", "overflow", "queue_bytes", "trace"),
    *("multiline", "oversize"),
)
TEXTS = {"multiline": "escape", "oversize": "truncate"}  # those with a header, and their defaults
OTHERS = ("dump_level", "level", "recorder_bytes", "sequence_ids")  # of connect(), with a header
LEVELS = {severity: level for level, severity in LOWEST_LEVELS} | {7: 10}  # the way back


class SysLogHandler(StandardSysLogHandler):
    """A logging.handlers.SysLogHandler, which it is bit for bit until one asks for more.

    address, facility, socktype: as there. `address` may also be one of the URLs of `connect`, or
        a list of them to fail over, for all that is described below.
    timeout: seconds that connecting may take, as from Python 3.14 on; with delivery: connecting,
        flushing and closing, 5.0 if it is None.
    protocol: "rfc5424", "rfc3164" or "local": write a whole header, as Encoder does. The text is
        `ident` and what the formatter makes, or the record's own; no NUL follows. Over a stream
        each record ends with a newline, so that they can be separated. With SOCK_STREAM to a host
        it asks for delivery, unless a subclass has a `createSocket` of its own.
    framing: "octet", "lf" or "nul", between records in a stream; asks for delivery.
    tls: True, an ssl.SSLContext, or a dict of ca, cert, key (files), name (of the host that is
        expected) and insecure, as in the URLs; asks for delivery. A socktype of None is
        SOCK_STREAM then.
    linger, queue_bytes, overflow, on_failure: those of `connect`, any of which asks for delivery.
        By default nothing is told if `logging.raiseExceptions` is false.
    oversize, multiline: those of `connect`, for a header; what is not their default asks for
        delivery. A traceback is part of the text: with multiline="split", a record a line.
    level, recorder_bytes, dump_level: those of `connect`, for a header and delivery. The levels of
        the handler and of loggers decide before what gets here.
    options: those of Encoder, such as hostname and app_name.

    Delivery, as by an Emitter, reconnects, never waits (but for overflow="block") and drops no
    record without counting it in `stats`. It uses no `createSocket` and no `socket`; after
    `close` it drops records as "closed".

    In a header, a level has the severity that `priority_map` gives for its name, or a `mapPriority`
    of a subclass; else that of its number, as in Encoder.encode_record.

    TypeError, ValueError: an argument is wrong, or two of them contradict each other. OSError: as
    there, if there is no delivery and a host has no address, or does not take the connection.

    >>> handler = SysLogHandler("udp://127.0.0.1:5514", hostname="web1", app_name="shop")
    >>> handler.emit(logging.makeLogRecord({"msg": "sold out"}))
    >>> handler.stats["offered"]
    1
    """

    _encoder: Encoder | None = None  # writes headers; without delivery
    _emitter: Emitter | None = None  # delivers
    _has_header = False
    _framing: str | None = None  # of text that is delivered without a header

    def __init__(
        self,
        address: "Address" = ("localhost", SYSLOG_UDP_PORT),
        facility: int | str = LibrarySysLogHandler.LOG_USER,
        socktype: int | None = None,
        timeout: float | None = None,
        *,
        protocol: "Protocol | None" = None,
        framing: "Framing" = None,
        tls: "Tls" = None,
        **options: "Unpack[HandlerOptions]",
    ) -> None:
        if protocol is not None:
            protocol = check_choice("protocol", protocol, PROTOCOLS)
        framing = check_choice("framing", framing, FRAMINGS)
        urls = list_urls(address)
        self._has_header = bool(urls) or protocol is not None
        self._emitters: dict[object, Any] = {}  # encoders or emitters, one for each facility
        given: Any = options
        for name in TEXTS:
            if given.get(name) == TEXTS[name]:
                del given[name]
        delivery = {name: given.pop(name) for name in DELIVERY if name in given}
        is_delivered = bool(urls or delivery) or framing is not None or is_asked_for(tls)
        is_delivered = is_delivered or (protocol is not None and self._connects(address, socktype))
        others = OTHERS if self._has_header and is_delivered else ()
        check_names(given, "SysLogHandler", SysLogHandler.__init__, (*DELIVERY, *others))
        if not self._has_header and given:
            Encoder(**given)  # TypeError, ValueError: it does not take them either
            reject_missing_protocol(min(given))
        for name in TEXTS:
            if not self._has_header and name in delivery:
                reject_missing_protocol(name)
        if self._has_header or is_delivered:
            if not urls:
                check_address(address)
            if not isinstance(facility, str) or facility not in self.facility_names:
                facility = check_facility(facility)
            given["facility"] = self.facility_names.get(facility, facility)  # type: ignore[arg-type]
            given["protocol"] = protocol
        if is_delivered:
            delivery["context"] = check_context(tls)
            transports = use_urls(urls, socktype, tls)
            if is_asked_for(tls) and socktype is None and not urls:
                socktype = socket.SOCK_STREAM  # which TLS needs
            if not urls:
                transports = [make_url(address, socktype, framing, tls)]
            is_unix = SCHEMES[transports[0].scheme].family == "AF_UNIX"
            if not self._has_header:  # but the record that reports dropped ones
                given["protocol"] = "local" if is_unix else "rfc3164"
            delivery.setdefault("on_failure", report_failure)
            delivery["timeout"] = 5.0 if timeout is None else timeout
            self._emitter = connect(*transports, framing=framing, **delivery, **given)
            # By logging.shutdown, before which other handlers may still have something for this.
            self._emitter._sender.closes_at_exit = False
            self._framing = transports[0].framing
            self._keep(address, facility, socktype, timeout)
            self.unixsocket = is_unix
            return
        if self._has_header:
            is_udp = not isinstance(address, (str, bytes)) and socktype != socket.SOCK_STREAM
            if is_udp and protocol != "rfc3164" and given.get("max_size") is None:
                given["max_size"] = SCHEMES["udp"].max_size
            self._encoder = Encoder(**given)
        super().__init__(address, facility, socktype, timeout)

    @property
    def stats(self) -> "Stats | Any":  # not None, which nearly all would check in vain
        """What became of the records, as Emitter.stats; None without delivery: nobody counts."""
        return None if self._emitter is None else self._emitter.stats

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802
        """Have the text of records made by `fmt`.

        ValueError: it is a syslogfast.Formatter, and this handler writes a header, too.
        """
        self._check_formatter(fmt)
        super().setFormatter(fmt)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, or have it delivered. What goes wrong goes to `handleError`."""
        if not self._has_header and self._emitter is None:
            super().emit(record)
            return
        try:
            if self._has_header:
                self._write_record(record)
            else:
                self._write_text(record)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """With delivery, wait until the transport has taken all, but no longer than `timeout`.

        Handlers that are flushed or closed one after the other, as `logging.shutdown` does, share
        that time.
        """
        if self._emitter is not None:
            flush_in_turn(self._emitter._sender)

    def dump(self) -> int:
        """Send what the flight recorder has; return how many records that were, as Emitter.dump."""
        return 0 if self._emitter is None else self._emitter.dump()

    def close(self) -> None:
        """Close the socket, which the next record opens anew; or deliver the rest and end that."""
        if self._emitter is not None:
            close_in_turn(self._emitter._sender)
        super().close()

    def __del__(self) -> None:
        if self._emitter is not None:  # logging.shutdown knows of it no more
            self._emitter._sender.leave_to_exit()

    def _connects(self, address: "Address", socktype: int | None) -> bool:
        """Return True if a connection to a host is asked for, and no subclass makes its own."""
        is_connection = socktype == socket.SOCK_STREAM and not isinstance(address, (str, bytes))
        make = StandardSysLogHandler.createSocket
        return is_connection and not is_replaced(self, self.createSocket, make)

    def _check_formatter(self, formatter: object) -> None:
        if self._has_header and isinstance(formatter, Formatter):
            reject_double_header()

    def _write_text(self, record: logging.LogRecord) -> None:
        """Deliver what the standard library's handler sends, framed in place of the NUL."""
        assert self._emitter is not None
        text = (self.ident or "") + self.format(record)
        priority = self.encodePriority(self.facility, self.mapPriority(record.levelname))
        frame = frame_text(f"<{priority:d}>{text}", self._framing)
        self._emitter._sender.enqueue(frame, priority & 7)

    def _write_record(self, record: logging.LogRecord) -> None:
        text = misfit = None
        if (
            self.formatter is not None
            or self.ident
            or is_replaced(self, self.format, logging.Handler.format)
        ):
            self._check_formatter(self.formatter)
            misfit = Misfit()
            text = self._format(record, misfit)
        elif record.args and is_replaced(self, self.handleError, logging.Handler.handleError):
            misfit = Misfit()
            text = print_value(read_record_text(record, misfit))
        # Whoever has a say in the standard library's handler has it here.
        priority: int | str
        if record.levelname in self.priority_map or is_replaced(
            self, self.mapPriority, LibrarySysLogHandler.mapPriority
        ):
            priority = self.mapPriority(record.levelname)
        else:
            priority = choose_severity(record.levelno)
        prival = self.encodePriority(self.facility, priority)
        facility, level = prival >> 3, LEVELS[prival & 7]
        # Most levels are the very ones that stand for a severity; `is` runs no code of a record.
        if record.levelno is not level and choose_severity(record.levelno) != prival & 7:
            record = copy.copy(record)
            record.levelno = level
        if self._emitter is None:
            self._send(record, text, facility)
        else:
            self._emitter_for_facility(facility).emit_record(record, text)
        if misfit is not None and misfit.error is not None:
            raise misfit.error  # it is sent, and has to be reported as well

    def _format(self, record: logging.LogRecord, misfit: Misfit) -> str:
        """Return `ident` and a formatter's text; the record's own where arguments do not fit."""
        try:
            return (self.ident or "") + self.format(record)
        except Exception:
            text = (self.ident or "") + print_value(read_record_text(record, misfit))
            if misfit.error is None:
                raise
            return text

    def _emitter_for_facility(self, facility: int) -> Emitter:
        """Return the emitter for a facility: `facility` can be set, and encodePriority replaced."""
        try:
            emitter: Emitter = self._emitters[facility]
        except KeyError:
            assert self._emitter is not None
            emitter = self._emitters[facility] = self._emitter.child(facility=facility)
        return emitter

    def _send(self, record: logging.LogRecord, text: str | None, facility: int) -> None:
        """Send a record by `socket`, opened if need be; to a unix socket try twice."""
        if not self.socket:
            self.createSocket()
        is_stream = self.socktype == socket.SOCK_STREAM
        frame = self._find_encoder(facility, is_stream).encode_record(record, text)
        if not self.unixsocket:
            if self.socktype == socket.SOCK_DGRAM:
                self.socket.sendto(frame, self.address)
            else:
                self.socket.sendall(frame)
            return
        try:
            self.socket.sendall(frame)
        except OSError:  # the daemon may have been started again, or never have been there
            self.socket.close()
            self._connect_unixsocket(self.address)  # type: ignore[attr-defined]
            is_stream = self.socktype == socket.SOCK_STREAM  # which it may not have been before
            frame = self._find_encoder(facility, is_stream).encode_record(record, text)
            self.socket.sendall(frame)

    def _find_encoder(self, facility: int, is_stream: bool) -> Encoder:
        """Return the encoder for a facility and a kind of socket: in a stream, with an end."""
        try:
            encoder: Encoder = self._emitters[facility, is_stream]
        except KeyError:
            assert self._encoder is not None
            framing: Framing = "lf" if is_stream else None
            encoder = self._encoder.replace(facility=facility, framing=framing)
            self._emitters[facility, is_stream] = encoder
        return encoder


def report_failure(line: str) -> None:
    """Write to standard error, as `logging` would: not if a program wants no such lines."""
    if logging.raiseExceptions:
        try:
            from syslogfast.transports.failure_report import write_line  # which has called this
        except IMPORT_FAILURES:  # it could not, for want of a descriptor
            from syslogfast.transports.retry import write_unaided as write_line  # type: ignore[assignment]
        write_line(f"syslogfast: {line}\n")


def frame_text(text: str, framing: str | None) -> bytes:
    """Return a text as Encoder frames a record; it cannot forge a delimiter."""
    data = escape_text(text, ESCAPES[framing][0])
    if framing == "octet":
        return b"%d %b" % (len(data), data)  # RFC 6587 3.4.1: MSG-LEN SP SYSLOG-MSG
    return data + ENDS[framing] if framing else data


def list_urls(address: object) -> list[str]:
    """Return the URLs that an address is; none if it is one of the standard library's."""
    # A list in a configuration is a tuple when it gets here.
    parts: list[Any] = list(address) if isinstance(address, (list, tuple)) else [address]
    return parts if any(isinstance(part, str) and "://" in part for part in parts) else []


def check_address(address: "Any") -> None:
    """Refuse what the standard library's handler takes for an address, and cannot send to."""
    if not is_address(address):
        from syslogfast.transports.url_errors import reject_handler_address

        reject_handler_address(address)


def is_address(address: "Any") -> bool:
    """Return True for (host, port), where the port may be a service's name, and for a path.

    A relative path is one if it is there: other texts are hosts, and would never be found.
    """
    if isinstance(address, (str, bytes)):
        path = os.fsdecode(address)
        return path[:1] in ("/", "\0") or os.path.exists(path)
    if not isinstance(address, (list, tuple)) or len(address) != 2:
        return False
    host, port = address
    if isinstance(port, str) and not port.isdigit():
        try:
            port = socket.getservbyname(port)
        except OSError:
            return False
    if not host or not isinstance(host, str) or not isinstance(port, (int, str)):
        return False
    return 1 <= int(port) <= MAX_PORT


def is_asked_for(tls: object) -> bool:
    return tls is not None and tls is not False


def use_urls(urls: "list[str]", socktype: int | None, tls: "Tls") -> list[Url]:
    """Return the parts of URLs, which say all but a context by themselves."""
    if urls and socktype is not None:
        reject_socktype(socktype)
    if urls and is_asked_for(tls) and not is_context(tls):
        from syslogfast.transports.url_errors import reject_tls_of_url

        reject_tls_of_url(urls[0], tls, TLS_OPTIONS)
    return [parse_url(url) for url in urls]


def make_url(address: "Any", socktype: int | None, framing: str | None, tls: "Tls") -> Url:
    """Return the URL for an address of the standard library's handler: (host, port) or a path."""
    is_stream = socktype == socket.SOCK_STREAM
    has_tls = is_asked_for(tls)
    if isinstance(address, (str, bytes)):
        if has_tls:
            reject_tls(address)
        if socktype is None:  # which there means: whatever the daemon has
            is_stream = framing is not None
    for option, is_given in (("framing", framing is not None), ("tls", has_tls)):
        if is_given and not is_stream:
            reject_datagrams(option, socktype)
    if isinstance(address, (str, bytes)):
        query = f"?framing={framing or 'lf'}" if is_stream else ""
        return parse_url(f"unix://{os.fsdecode(address)}{query}")
    host, port = address
    if isinstance(port, str) and not port.isdigit():
        port = socket.getservbyname(port)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not has_tls:
        return parse_url(f"tcp://{authority}" if is_stream else f"udp://{authority}")
    url = parse_url(f"tls://{authority}")
    if isinstance(tls, dict):
        url.options = read_tls_options(tls, url)
    return url


def read_tls_options(tls: "Mapping[str, Any]", url: Url) -> dict[str, str]:
    """Return what a dict says as the options of a URL; None and False are left out."""
    options = {}
    for name, value in tls.items():
        name = check_choice("tls option", name, TLS_OPTIONS)
        if value is not None and value is not False:
            options[name] = "yes" if value is True else str(value)
    check_options(url.scheme, options, url.text)
    return options


def check_context(tls: "Tls") -> "ssl.SSLContext | None":
    """Return the context that `tls` is; None if one has to be made of what it says, or none."""
    if tls is None or isinstance(tls, (bool, dict)):
        return None
    if not is_context(tls):
        reject_tls_kind(tls)
    return tls  # type: ignore[return-value]
