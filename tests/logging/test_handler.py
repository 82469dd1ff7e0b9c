"""syslogfast.SysLogHandler: the standard library's until one asks for more, and then that."""

import contextlib
import copy
import inspect
import io
import json
import logging
import logging.config
import logging.handlers
import os
import pathlib
import pickle
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from support.each import try_each
from support.grammar import parse_rfc3164, parse_rfc5424, split_frames
from support.receivers import LIMIT, Sink, check_counts, wait_until

import syslogfast
from syslogfast import handlers

pytestmark = [pytest.mark.versions, pytest.mark.threads]

Library = logging.handlers.SysLogHandler
CREATED = 1_065_910_455.003
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
HEADER = "1 2003-10-11T22:14:15.003000Z web1 shop 42 - - "
TRANSPORTS = ["udp", "udp6", "tcp", "unix", "unix-stream"]
NOTICE = 25
LONG = 1000.0  # seconds: a linger that does not end


def make_record(msg: object = "sold", args: object = (), **fields: object) -> logging.LogRecord:
    """Return a record of INFO with its time known."""
    own = {"levelno": 20, "levelname": "INFO", "created": CREATED, "name": "till", **fields}
    return logging.makeLogRecord({"msg": msg, "args": args, **own})


class Listener:
    """A socket of one transport, and what it is sent."""

    def __init__(self, transport: str, folder: pathlib.Path) -> None:
        self.is_stream = transport in ("tcp", "unix-stream")
        self.kind = socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM
        family = socket.AF_UNIX if transport.startswith("unix") else socket.AF_INET
        if transport == "udp6":
            family = socket.AF_INET6
        place = {
            socket.AF_UNIX: str(folder / "log"),
            socket.AF_INET: ("127.0.0.1", 0),
            socket.AF_INET6: ("::1", 0),
        }
        self.socket = socket.socket(family, self.kind)
        self.socket.settimeout(LIMIT)
        self.socket.bind(place[family])
        if self.is_stream:
            self.socket.listen()
        name = self.socket.getsockname()
        self.address = name if family == socket.AF_UNIX else name[:2]
        # What a handler is told of the kind: nothing where it finds out, or assumes, by itself.
        self.socktype = self.kind if transport == "tcp" else None

    def read(self, count: int) -> list[bytes]:
        """Return so many datagrams, or what each connection brought once it is closed."""
        if not self.is_stream:
            datagrams = [self.socket.recv(1 << 16) for _ in range(count)]
            self.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                self.socket.recv(1)
            self.socket.settimeout(LIMIT)
            return datagrams
        connections = []
        self.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection = self.socket.accept()[0]
                connection.settimeout(LIMIT)
                with connection, connection.makefile("rb") as file:
                    connections.append(file.read())
        return connections

    def close(self) -> None:
        self.socket.close()
        if isinstance(self.address, str):
            os.unlink(self.address)


@pytest.fixture(params=TRANSPORTS)
def listener(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Listener]:
    listener = Listener(request.param, tmp_path)
    yield listener
    listener.close()


@pytest.fixture
def udp(tmp_path: pathlib.Path) -> Iterator[Listener]:
    listener = Listener("udp", tmp_path)
    yield listener
    listener.close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


class Strict:
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise


class OwnSocket(syslogfast.SysLogHandler):
    """A subclass that has a say in its socket, and so gets no delivery of its own accord."""

    def createSocket(self) -> None:  # noqa: N802
        super().createSocket()


@pytest.fixture
def make() -> Iterator[Callable[..., syslogfast.SysLogHandler]]:
    """The class, whose handlers raise what goes wrong, and are closed at the end."""
    made: list[syslogfast.SysLogHandler] = []

    def call(*args: object, kind: type = syslogfast.SysLogHandler, **kwargs: object) -> object:
        made.append(type(kind.__name__, (Strict, kind), {})(*args, **kwargs))
        return made[-1]

    yield call
    for handler in made:
        if handler._emitter is not None:
            handler._emitter.close(0)
        handler.close()


# --- the standard library's, byte for byte -------------------------------------------------------


def send_all_levels(handler: Library) -> None:
    for level in (10, 20, 30, 40, 50, 0, 15, 25, 60):
        handler.handle(make_record(levelno=level, levelname=logging.getLevelName(level)))


def send_idents(handler: Library) -> None:
    handler.handle(make_record())
    handler.ident = "h\u00e4m-"
    handler.handle(make_record())
    handler.append_nul = False
    handler.handle(make_record("gr\u00fc\u00df\U0001f600\n\0end"))
    handler.handle(make_record(""))


def send_own_levels(handler: Library) -> None:
    handler.priority_map = {**handler.priority_map, "NOTICE": "notice", "Level 60": "alert"}
    for level, name in ((NOTICE, "NOTICE"), (60, "Level 60"), (61, "Level 61")):
        handler.handle(make_record(levelno=level, levelname=name))


def send_facilities(handler: Library) -> None:
    for facility in (0, Library.LOG_LOCAL7, "local0", "security", "console", 99, "nonsense", None):
        handler.facility = facility
        handler.handle(make_record())


def send_formatted(handler: Library) -> None:
    handler.setFormatter(logging.Formatter("%(name)s[%(levelname)s]: %(message)s"))
    try:
        raise KeyError("cup")
    except KeyError:
        record = make_record("sold %d", (3,), exc_info=sys.exc_info(), stack_info="by hand")
    handler.handle(record)
    handler.setFormatter(syslogfast.Formatter(**IDENTITY))
    handler.handle(record)


def send_bad_records(handler: Library) -> None:
    handler.handle(make_record("sold %d", ("many",)))
    handler.handle(make_record("\udc80"))
    handler.handle(make_record(levelname=None))
    handler.handle(make_record("fine"))


def send_filtered(handler: Library) -> None:
    handler.addFilter(lambda record: record.levelno > 20)
    handler.setLevel(15)
    for level in (10, 20, 30):
        if level >= handler.level:
            handler.handle(make_record(levelno=level))


SENDERS = [
    send_all_levels,
    send_idents,
    send_own_levels,
    send_facilities,
    send_formatted,
    send_bad_records,
    send_filtered,
]


class OwnPriorities:
    """What a subclass replaces."""

    facility_names = {**Library.facility_names, "nonsense": 22}  # noqa: RUF012
    ident = "own:"
    append_nul = False

    def mapPriority(self, levelName: str) -> str:  # noqa: N802, N803
        return "alert" if levelName == "INFO" else super().mapPriority(levelName)

    def encodePriority(self, facility: object, priority: object) -> int:  # noqa: N802
        return super().encodePriority(facility, priority) ^ 1

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).upper()


class OwnSockets:
    def createSocket(self) -> None:  # noqa: N802
        super().createSocket()
        self.sockets = [*getattr(self, "sockets", []), self.socket]

    def _connect_unixsocket(self, address: str) -> None:
        super()._connect_unixsocket(address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 100_000)


class Plain:
    pass


@pytest.mark.parametrize("mixin", [Plain, OwnPriorities, OwnSockets])
@pytest.mark.parametrize("send", SENDERS)
def test_same_bytes(send, mixin, listener) -> None:
    """Whatever one does with it, it sends what the standard library's handler sends."""

    def run(kind: type) -> tuple[list[bytes], list[type]]:
        errors = []

        class Noting(mixin, kind):
            def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
                errors.append(sys.exc_info()[0])

        handler = Noting(listener.address, socktype=listener.socktype)
        sent = []
        handle = handler.handle
        handler.handle = lambda record: sent.append(bool(handle(record)))
        send(handler)
        handler.close()
        return listener.read(sum(sent) - len(errors)), errors

    expected = run(Library)
    assert run(syslogfast.SysLogHandler) == expected
    assert expected[0]


def test_opens_anew_after_close(listener) -> None:
    """A closed handler opens its socket when there is a record, as the standard library's."""
    handler = syslogfast.SysLogHandler(listener.address, socktype=listener.socktype)
    handler.handle(make_record("before"))
    handler.close()
    assert handler.socket is None
    handler.close()
    handler.handle(make_record("after"))
    handler.close()
    assert listener.read(2) == [b"<14>before\0", b"<14>after\0"]


def test_same_attributes(listener) -> None:
    """All that can be seen of the standard library's handler is there, and equal."""
    library, ours = (
        kind(listener.address, facility="local0", socktype=listener.socktype)
        for kind in (Library, syslogfast.SysLogHandler)
    )
    assert isinstance(ours, Library)
    assert set(dir(library)) <= set(dir(ours))
    for name, value in vars(library).items():
        if name not in ("socket", "lock"):
            assert getattr(ours, name) == value, name
    for name in vars(Library):
        if name.startswith("LOG_") or name in ("priority_map", "priority_names", "facility_names"):
            assert getattr(ours, name) is getattr(library, name)
    assert ours.socket.family == library.socket.family
    assert ours.socket.type == library.socket.type
    assert (ours.timeout, ours.stats) == (None, None)
    assert repr(ours) == repr(library) == "<SysLogHandler (NOTSET)>"
    for handler in (library, ours):
        handler.close()


def test_same_signature() -> None:
    """What the standard library's takes, in that order and with these defaults, it takes."""
    expected = list(inspect.signature(Library).parameters.values())
    ours = list(inspect.signature(syslogfast.SysLogHandler).parameters.values())
    for one, other in zip(expected, ours, strict=False):
        assert (one.name, one.kind, one.default) == (other.name, other.kind, other.default)
    assert [parameter.name for parameter in ours[:4]] == [
        "address",
        "facility",
        "socktype",
        "timeout",
    ]
    assert {parameter.kind for parameter in ours[4:-1]} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("options", [{}, {"protocol": "rfc5424"}])
def test_timeout(options, listener) -> None:
    """As from Python 3.14 on, `timeout` is that of the socket, if that is one of the Internet."""
    handler = OwnSocket(listener.address, "user", listener.socktype, 7.5, **options)
    expected = None if isinstance(listener.address, str) else 7.5
    assert (handler.timeout, handler.socket.gettimeout()) == (7.5, expected)
    handler.handle(make_record())
    handler.close()
    handler.createSocket()
    assert handler.socket.gettimeout() == expected
    handler.close()
    (data,) = [connection for connection in listener.read(1) if connection]
    assert b"sold" in data


def test_connecting_times_out() -> None:
    """A collector that does not answer holds up nobody for longer than `timeout`."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        address = busy.getsockname()
        with contextlib.ExitStack() as stack:
            for _ in range(8):  # until its backlog is full
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(address)
            with pytest.raises(TimeoutError):
                syslogfast.SysLogHandler(address, socktype=socket.SOCK_STREAM, timeout=0.2)


def test_constructor_fails_alike(tmp_path) -> None:
    """Nobody who listens: an error of TCP, but not of UDP and the paths of unix sockets."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = unused.getsockname()
        for timeout in (None, 5.0):
            with pytest.raises(ConnectionRefusedError):
                syslogfast.SysLogHandler(address, 1, socket.SOCK_STREAM, timeout)
            syslogfast.SysLogHandler(address, timeout=timeout).close()
            with pytest.raises((TypeError, ValueError)):
                syslogfast.SysLogHandler((), timeout=timeout)
    syslogfast.SysLogHandler(str(tmp_path / "log")).close()


@pytest.mark.parametrize("protocol", [None, "local"])
@pytest.mark.parametrize("transport", ["unix", "unix-stream"])
def test_unix_daemon_comes_and_goes(transport, protocol, tmp_path, make) -> None:
    """A daemon that is started later, or again, gets the records from then on."""
    options = {} if protocol is None else {"protocol": protocol}
    handler = make(str(tmp_path / "log"), **options)
    with pytest.raises(OSError, match="No such file"):
        handler.handle(make_record("too early"))
    for message in ("first", "second"):
        daemon = Listener(transport, tmp_path)
        handler.handle(make_record(message))
        if daemon.is_stream:
            handler.socket.shutdown(socket.SHUT_WR)
        (data,) = daemon.read(1)
        end = "\0" if protocol is None else "\n" if daemon.is_stream else ""
        assert data.decode().endswith(message + end)
        daemon.close()


# --- a header, by the same sockets ---------------------------------------------------------------


def test_header(listener, make) -> None:
    """`protocol` puts a whole header before the text; only a stream needs something after it."""
    options = {"protocol": "rfc5424", "kind": OwnSocket, **IDENTITY}
    handler = make(listener.address, "local0", listener.socktype, **options)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    handler.handle(make_record("sold\n%d \u20ac", (3,), levelno=40, levelname="ERROR"))
    handler.close()
    handler.setFormatter(None)
    handler.handle(make_record("caf\u00e9\0"))
    handler.handle(make_record("all", msgid="SALE", structured_data={"order@32473": {"id": 17}}))
    handler.close()
    expected = [
        f"<131>{HEADER}till: sold#0123 \u20ac",
        f"<134>{HEADER}caf\u00e9#000",
        f'<134>{HEADER.replace("- - ", "")}SALE [order@32473 id="17"] all',
    ]
    data = listener.read(3)
    assert handler.stats is None
    if listener.is_stream:
        assert len(data) == 2
        data = split_frames(b"".join(data), "lf")
    assert [record.decode() for record in data] == expected


@pytest.mark.parametrize(
    ("protocol", "size"), [("rfc3164", 1024), ("local", 2048), ("rfc5424", 2048)]
)
def test_default_sizes(protocol, size, udp, make) -> None:
    """RFC 3164 4.1 ends records at 1024 octets; over UDP others end at what networks take."""
    handler = make(udp.address, protocol=protocol)
    handler.handle(make_record("x" * 10_000))
    assert [len(data) for data in udp.read(1)] == [size]


@pytest.mark.parametrize("port", [0, "0", 65536, -1])
def test_ports_that_there_are_not(port) -> None:
    for options in ({"protocol": "rfc5424"}, {"linger": 0.0}):
        with pytest.raises(ValueError, match="address must be "):
            syslogfast.SysLogHandler(("127.0.0.1", port), **options)


@pytest.mark.parametrize("protocol", ["rfc3164", "local"])
def test_older_headers(protocol, udp, make) -> None:
    handler = make(udp.address, protocol=protocol, **IDENTITY)
    handler.ident = "till: "
    handler.handle(make_record("sold"))
    handler.append_nul = True  # which does nothing here, as the class attribute does not
    handler.handle(make_record("sold"))
    for data in udp.read(2):
        parsed = parse_rfc3164(data, hostname=protocol == "rfc3164")
        assert (parsed.tag, parsed.pid, parsed.message) == ("shop", "42", "till: sold")


def test_default_identity(udp, make) -> None:
    """Without options, a record is of this host, this program and the record's process."""
    handler = make(udp.address, protocol="rfc5424")
    record = make_record(process=77)
    handler.handle(record)
    (data,) = udp.read(1)
    assert data == syslogfast.Encoder().encode_record(record)
    assert parse_rfc5424(data).procid == "77"


def test_max_size(listener, make) -> None:
    """Over UDP a record is of 2048 octets at most, as with connect(); elsewhere of 8192."""
    largest = 8192 if isinstance(listener.address, str) or listener.is_stream else 2048
    for options, size in (({}, largest), ({"max_size": 3000}, 3000)):
        handler = make(listener.address, socktype=listener.socktype, protocol="rfc5424", **options)
        handler.handle(make_record("x" * 9000))
        handler.close()
        (data,) = listener.read(1)
        assert len(data) == size + listener.is_stream


@pytest.mark.parametrize("is_delivered", [False, True])
def test_severity_and_facility(is_delivered, udp, make) -> None:
    """By the number of the level, unless somebody has a say by its name; PRI is never broken."""
    options = {"linger": 0.0} if is_delivered else {}

    def read_priority(handler: Library, level: int, name: "str | None" = None) -> int:
        name = logging.getLevelName(level) if name is None else name
        record = make_record(levelno=level, levelname=name)
        handler.handle(record)
        assert record.levelno == level
        (data,) = udp.read(1)
        parsed = parse_rfc5424(data)
        assert parsed.message == "sold"
        return parsed.priority

    handler = make(udp.address, protocol="rfc5424", **options)
    levels = (0, 10, 20, 25, 30, 40, 50, 60, 70)
    expected = [15, 15, 14, 13, 12, 11, 10, 9, 8]
    assert [read_priority(handler, level) for level in levels] == expected
    handler.facility = "local7"
    assert read_priority(handler, 20) == 23 * 8 + 6
    handler.facility = Library.LOG_KERN
    assert read_priority(handler, 20) == 6
    handler.facility = syslogfast.Facility.LOCAL1
    assert read_priority(handler, 40) == 17 * 8 + 3
    handler.priority_map = {"LOUD": "emerg", "ERROR": "crit"}
    names = [
        read_priority(handler, 5, "LOUD"),
        read_priority(handler, 40),
        read_priority(handler, 30),
    ]
    assert names == [136, 138, 140]
    handler.mapPriority = lambda name: "notice"
    assert read_priority(handler, 40) == read_priority(handler, 5) == 141
    handler.encodePriority = lambda facility, priority: 191
    assert read_priority(handler, 40) == 191
    for bad in (192, -1, "14", None):
        handler.encodePriority = lambda facility, priority, bad=bad: bad
        with pytest.raises((TypeError, ValueError)):
            handler.handle(make_record())
    assert udp.read(0) == []

    own = make(udp.address, "nonsense", protocol="rfc5424", kind=Shouting, **options)
    assert own.facility == "nonsense"
    assert read_priority(own, 20) == read_priority(own, 25) == 22 * 8 + 1

    for facility, number in (("audit", 13), ("security", 13), ("user", 1), (5, 5)):
        handler = make(udp.address, facility, protocol="rfc5424", **options)
        assert read_priority(handler, 20) == number * 8 + 6


class Shouting(syslogfast.SysLogHandler):
    facility_names = {"nonsense": 22}  # noqa: RUF012

    def mapPriority(self, levelName: str) -> str:  # noqa: N802, N803
        return "alert"


@pytest.mark.parametrize("is_delivered", [False, True])
def test_heeds_late_changes(is_delivered, udp, make) -> None:
    """What a handler goes by may change after its first record: in place, and in its class."""
    options = {"linger": 0.0} if is_delivered else {}

    def read() -> tuple[int, str]:
        handler.handle(make_record())
        (data,) = udp.read(1)
        parsed = parse_rfc5424(data)
        return parsed.priority, parsed.message

    class Own(syslogfast.SysLogHandler):
        priority_map = dict(Library.priority_map)  # noqa: RUF012
        priority_names = dict(Library.priority_names)  # noqa: RUF012
        facility_names = dict(Library.facility_names)  # noqa: RUF012

    handler = make(udp.address, "user", protocol="rfc5424", kind=Own, **options)
    kind = type(handler)
    lender = make(udp.address, protocol="rfc5424", **options)
    lender.setFormatter(logging.Formatter("lent %(message)s"))
    lender.priority_map = {"INFO": "emerg"}
    assert read() == (14, "sold")
    handler.priority_map["INFO"] = "crit"
    assert read() == (10, "sold")
    handler.priority_names["crit"] = 5
    assert read() == (13, "sold")
    handler.facility_names["user"] = 2
    assert read() == (21, "sold")
    handler.ident = "till: "
    assert read() == (21, "till: sold")
    handler.ident = None
    kind.ident = "shop: "
    assert read() == (21, "sold")
    del handler.ident
    assert read() == (21, "shop: sold")
    kind.ident = ""
    handler.format = lender.format
    assert read() == (21, "lent sold")
    del handler.format
    del handler.priority_map["INFO"]
    handler.mapPriority = lender.mapPriority
    assert read() == (16, "sold")
    del handler.mapPriority
    assert read() == (22, "sold")
    kind.mapPriority = lambda self, name: "alert"
    assert read() == (17, "sold")
    kind.encodePriority = lambda self, facility, priority: 191
    assert read() == (191, "sold")
    kind.format = lambda self, record: "own"
    assert read() == (191, "own")


def test_the_library_may_be_patched_after_the_import(udp, make, monkeypatch) -> None:
    """Its own methods have no say in a header, be they replaced before the import or after."""
    handler = make(udp.address, protocol="rfc5424")
    monkeypatch.setattr(Library, "mapPriority", lambda self, name: "alert")
    monkeypatch.setattr(logging.Handler, "format", lambda self, record: "patched")
    handler.handle(make_record(levelno=NOTICE, levelname="NOTICE"))
    parsed = parse_rfc5424(udp.read(1)[0])
    assert (parsed.priority, parsed.message) == (13, "sold")


def test_own_sockets(listener, make) -> None:
    """A subclass's createSocket is used for headers, too: it may speak TLS, or through a proxy."""
    kind = type("Own", (OwnSockets, syslogfast.SysLogHandler), {})
    handler = make(listener.address, socktype=listener.socktype, protocol="local", kind=kind)
    handler.handle(make_record())
    handler.close()
    handler.handle(make_record())
    assert len(handler.sockets) == 2
    handler.close()
    assert len(listener.read(2)) == 2


def test_a_kind_of_socket_that_is_not_known(make) -> None:
    """Only SOCK_DGRAM goes to an address, and only SOCK_STREAM gets newlines."""

    class Own(syslogfast.SysLogHandler):
        def createSocket(self) -> None:  # noqa: N802
            self.socket, self.peer = socket.socketpair()
            self.socktype = socket.SOCK_STREAM | 1 << 19  # Linux's SOCK_CLOEXEC
            self.unixsocket = False

    handler = make(("127.0.0.1", 9), protocol="rfc5424", kind=Own, **IDENTITY)
    handler.handle(make_record())
    with handler.peer as peer:
        peer.settimeout(LIMIT)
        assert peer.recv(1000) == f"<14>{HEADER}sold".encode()


# --- formatters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"protocol": "rfc5424"}, {"address": "udp://127.0.0.1:9"}])
def test_refuses_two_headers(options, make) -> None:
    """syslogfast's Formatter writes a header, and so does the handler: one of them is too much."""
    rule = "formatter must not be a syslogfast.Formatter in a handler that writes the header"
    handler = make(**options)
    with pytest.raises(ValueError, match=rule):
        handler.setFormatter(syslogfast.Formatter())
    assert handler.formatter is None
    handler.formatter = syslogfast.Formatter()
    with pytest.raises(ValueError, match=rule):
        handler.handle(make_record())


def test_dict_config_refuses_two_headers() -> None:
    handler = {"class": "syslogfast.SysLogHandler", "address": "udp://127.0.0.1:9"}
    config = {
        "version": 1,
        "formatters": {"syslog": {"()": "syslogfast.Formatter"}},
        "handlers": {"collector": {**handler, "formatter": "syslog"}},
    }
    with pytest.raises(ValueError, match="collector") as caught:
        logging.config.dictConfig(config)
    assert str(caught.value.__cause__).startswith("formatter must not be a syslogfast.Formatter")


@pytest.mark.parametrize("options", [{}, {"linger": 0.0}])
def test_formatter_without_header(options, udp, make) -> None:
    """Where the handler writes PRI and no more, syslogfast's Formatter writes the rest."""
    handler = make(udp.address, "local0", **options)
    handler.append_nul = False
    handler.setFormatter(syslogfast.Formatter(**IDENTITY))
    handler.handle(make_record())
    assert udp.read(1) == [f"<134>{HEADER}sold".encode()]


def test_own_format(udp, make) -> None:
    """A subclass's `format`, or one of the handler alone, makes the text."""
    kind = type("Own", (syslogfast.SysLogHandler,), {"format": lambda self, record: "own"})
    handler = make(udp.address, protocol="rfc5424", kind=kind, **IDENTITY)
    handler.handle(make_record())
    handler = make(udp.address, protocol="rfc5424", **IDENTITY)
    handler.format = lambda record: "alone"
    handler.handle(make_record())
    assert udp.read(2) == [f"<14>{HEADER}{text}".encode() for text in ("own", "alone")]


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"protocol": "rfc5424"}, {"linger": 0.0}, {"protocol": "local", "linger": 0.0}]
)
def test_errors_go_to_handle_error(options, udp, monkeypatch) -> None:
    """An error in a formatter never raises; logging.raiseExceptions says whether it is told."""
    handler = syslogfast.SysLogHandler(udp.address, **options)
    handler.setFormatter(logging.Formatter("%(nobody)s"))
    for raises in (True, False):
        told = io.StringIO()
        monkeypatch.setattr(sys, "stderr", told)
        monkeypatch.setattr(logging, "raiseExceptions", raises)
        handler.handle(make_record())
        assert ("--- Logging error ---" in told.getvalue()) is raises
        assert ("nobody" in told.getvalue()) is raises
    handler.close()
    assert udp.read(0) == []


FORMATTERS = [None, logging.Formatter("%(message)s"), logging.Formatter("%(name)s")]


@pytest.mark.parametrize("formatter", FORMATTERS[:2], ids=["none", "standard"])
@pytest.mark.parametrize("options", [{}, {"linger": 0.0}])
def test_bad_arguments_are_sent(udp, make, options, formatter) -> None:
    """With a header no record is lost for its arguments; then `handleError` is told of them."""
    handler = make(udp.address, protocol="rfc5424", **options, **IDENTITY)
    handler.setFormatter(formatter)
    handler.ident = "till: "
    with pytest.raises(TypeError, match="%d "):
        handler.handle(make_record("%d sold", ("many",)))
    handler.handle(make_record("\udc80"))
    handler.handle(make_record("%d sold", (3,)))
    expected = ["%d sold <TypeError: ('many',)>", "\ufffd", "3 sold"]
    messages = [parse_rfc5424(data).message for data in udp.read(3)]
    assert messages == [f"till: {message}" for message in expected]


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("formatter", FORMATTERS, ids=["none", "message", "name"])
@pytest.mark.parametrize("options", [{}, {"linger": 0.0}])
def test_bad_arguments_are_told(udp, options, formatter, raises, monkeypatch, capsys) -> None:
    """Standard error has once what `logging` writes there, if it is to write that."""
    monkeypatch.setattr(logging, "raiseExceptions", raises)
    handler = syslogfast.SysLogHandler(udp.address, protocol="rfc5424", **options, **IDENTITY)
    handler.setFormatter(formatter)
    handler.handle(make_record("%d sold", ("many",)))
    handler.close()
    (data,) = udp.read(1)
    assert data.endswith(b"%d sold <TypeError: ('many',)>")
    told = capsys.readouterr().err
    assert told.count("--- Logging error ---") == raises
    assert told.count("Message: '%d sold'\nArguments: ('many',)\n") == raises
    assert raises or not told


@pytest.mark.parametrize("is_instance", [True, False])
def test_own_handle_error(udp, is_instance) -> None:
    """A `handleError` of a subclass, or of one handler, is told in place of logging's."""
    told = []
    kind = syslogfast.SysLogHandler
    if not is_instance:
        kind = type("Own", (kind,), {"handleError": lambda self, record: told.append(record)})
    handler = kind(udp.address, protocol="rfc5424", **IDENTITY)
    if is_instance:
        handler.handleError = told.append
    records = [make_record("%d", args) for args in (("many",), (3,))]
    for record in records:
        handler.handle(record)
    handler.close()
    assert told == records[:1]
    assert [parse_rfc5424(data).message for data in udp.read(2)] == [
        "%d <TypeError: ('many',)>",
        "3",
    ]


REFUSED = [
    (TypeError, "unexpected keyword", {"hostnames": "web1"}),
    (TypeError, "unexpected keyword", {"protocol": "rfc5424", "hostnames": "web1"}),
    (TypeError, "unexpected keyword", {"linger": 0.0, "hostnames": "web1"}),
    (TypeError, "unexpected keyword", {"address": "udp://127.0.0.1:9", "hostnames": "web1"}),
    (TypeError, "hostname must be a str, got 7", {"hostname": 7}),
    (ValueError, "app_name must be left out unless protocol is given", {"app_name": "shop"}),
    (ValueError, "app_name must be left out unless", {"app_name": "shop", "linger": 0.0}),
    (ValueError, "protocol must be one of", {"protocol": "rfc5425"}),
    (ValueError, "protocol must be one of", {"protocol": ""}),
    (ValueError, "facility must be in 0..23", {"protocol": "rfc5424", "facility": 128}),
    (ValueError, "facility must be in 0..23", {"protocol": "rfc5424", "facility": "nonsense"}),
    (ValueError, "facility must be in 0..23", {"linger": 0.0, "facility": "nonsense"}),
    (TypeError, "facility must be an int", {"protocol": "rfc5424", "facility": None}),
    (ValueError, "socktype must be SOCK_STREAM with framing, got None", {"framing": "lf"}),
    (
        ValueError,
        "socktype must be SOCK_STREAM with tls, got <Socket",
        {"tls": True, "socktype": socket.SOCK_DGRAM},
    ),
    (
        ValueError,
        "socktype must be SOCK_STREAM with framing, got",
        {"address": "/dev/log", "framing": "lf", "socktype": socket.SOCK_DGRAM},
    ),
    (ValueError, "tls must be left out with a path", {"address": "/dev/log", "tls": True}),
    (
        ValueError,
        "framing must be one of None, 'octet', 'lf', 'nul', got 'crlf'",
        {"framing": "crlf", "socktype": socket.SOCK_STREAM},
    ),
    (
        ValueError,
        "url must have the framing nul",
        {"framing": "nul", "tls": True, "socktype": socket.SOCK_STREAM},
    ),
    (ValueError, "url must have the framing lf", {"address": "udp://h", "framing": "lf"}),
    (
        ValueError,
        "url must have the framing octet",
        {"address": "tcp://h?framing=lf", "framing": "octet"},
    ),
    (ValueError, "socktype must be left out with a URL", {"address": "udp://h", "socktype": 2}),
    (ValueError, "tls must be an ssl.SSLContext for tls", {"address": "tcp://h", "tls": True}),
    (ValueError, "tls must be an ssl.SSLContext for tls", {"address": "tls://h", "tls": True}),
    (
        ValueError,
        "url must be of a transport with TLS, .* got 'tcp://h'",
        {"address": ["tls://h", "tcp://h"], "tls": ssl.create_default_context()},
    ),
    (
        ValueError,
        "url must have no option 'insecure', which a context has",
        {"address": "tls://h?insecure=yes", "tls": ssl.create_default_context()},
    ),
    (
        TypeError,
        "tls must be True, an ssl.SSLContext, or a dict of .* got str",
        {"address": "tls://h", "tls": "yes"},
    ),
    (
        ValueError,
        "tls option must be one of",
        {"tls": {"bind": "127.0.0.1"}, "socktype": socket.SOCK_STREAM},
    ),
    (
        TypeError,
        "tls must be True, an ssl.SSLContext, or a dict of .* got str",
        {"tls": "yes", "socktype": socket.SOCK_STREAM},
    ),
    (
        ValueError,
        "tls option must be one of 'ca', .*, got 'password'",
        {"tls": {"password": 1}, "socktype": socket.SOCK_STREAM},
    ),
    (
        ValueError,
        "url must have a ca that is a file",
        {"tls": {"ca": "/none"}, "socktype": socket.SOCK_STREAM},
    ),
    (
        ValueError,
        "url must have a ca that is a file",
        {"tls": {"ca": f"{__file__}&insecure=yes"}, "socktype": socket.SOCK_STREAM},
    ),
    (
        ValueError,
        "url must have insecure=yes",
        {"tls": {"insecure": "no"}, "socktype": socket.SOCK_STREAM},
    ),
    (
        ValueError,
        "tls option must be one of",
        {"tls": {"framing": "lf"}, "socktype": socket.SOCK_STREAM},
    ),
    (ValueError, "url must begin with one of", {"address": "http://h"}),
    (ValueError, "url must have a port", {"address": "udp://h:99999"}),
    (ValueError, "url must begin with one of", {"address": ["udp://h", "h"]}),
    (ValueError, "url must begin with one of", {"address": ["h", "udp://h"]}),
    (TypeError, "url must be a str", {"address": ["udp://h", 7]}),
    (ValueError, "address must be .*, got 'log'", {"address": "log", "linger": 0.0}),
    (ValueError, "overflow must be one of", {"overflow": "drop"}),
    (ValueError, "queue_bytes must be in 1..4611686018427387903", {"queue_bytes": 0}),
    (ValueError, "queue_bytes must be in 1..4611686018427387903", {"queue_bytes": 1 << 62}),
    (TypeError, "linger must be a number of seconds", {"linger": "1"}),
    (TypeError, "timeout must be a number of seconds", {"linger": 0.0, "timeout": "1"}),
]


@try_each("kind, words, options", REFUSED)
def test_refusals(kind, words, options) -> None:
    """What cannot be, or contradicts itself, is an error where it is written."""
    with pytest.raises(kind, match=words):
        syslogfast.SysLogHandler(**options)


# --- sender ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"linger": 0.0},
        {"queue_bytes": 10_000},
        {"overflow": "block"},
        {"address": "URL"},
        {"address": ["URL", "URL"]},
        {"address": ("URL", "URL")},
    ],
)
def test_asks_for_delivery(options, udp, make) -> None:
    """Any of these has the records delivered, and counted; only a URL brings a header."""
    url = "udp://{}:{}".format(*udp.address)
    given = {"address": udp.address, **options}
    address = given.pop("address")
    if address != udp.address:
        address = url if address == "URL" else type(address)(url for _ in address)
    handler = make(address, **given)
    assert (handler.socket, handler.address, handler.unixsocket) == (None, address, False)
    handler.ident = "till: "
    handler.handle(make_record())
    handler.flush()
    stats = check_counts(handler._emitter)
    assert (stats["offered"], stats["sent"]) == (1, 1)
    assert handler.stats == stats
    (data,) = udp.read(1)
    if address == udp.address:
        assert data == b"<14>till: sold"
    else:
        assert parse_rfc5424(data).message == "till: sold"


@pytest.mark.parametrize("framing", ["octet", "lf", "nul"])
@pytest.mark.parametrize("transport", ["tcp", "unix-stream"])
def test_framed_text(framing, transport, tmp_path, make) -> None:
    """The standard library's text, framed: no NUL, and none that a message could forge."""
    listener = Listener(transport, tmp_path)
    handler = make(listener.address, "local0", listener.socktype, framing=framing)
    handler.ident = "till: "
    texts = ["sold", "\u20ac", "a\nb\0c", "\udc80", ""]
    for text in texts:
        handler.handle(make_record(text, levelno=NOTICE, levelname="NOTICE"))
    connection = listener.socket.accept()[0]
    connection.settimeout(LIMIT)
    closing = threading.Thread(target=handler.close)  # which waits until all has been read
    closing.start()
    with connection, connection.makefile("rb") as file:
        data = file.read()
    closing.join()
    listener.close()
    expected = [f"<132>till: {text}" for text in texts]  # a warning, as its name is unknown
    expected[2] = {"octet": "a\nb\0c", "lf": "a#012b\0c", "nul": "a\nb#000c"}[framing]
    expected[2] = f"<132>till: {expected[2]}"
    expected[3] = "<132>till: \ufffd"
    assert [record.decode() for record in split_frames(data, framing)] == expected


@pytest.mark.parametrize("framing", ["octet", "lf", "nul"])
@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
def test_framed_header(framing, protocol, sink, make) -> None:
    options = {"protocol": protocol, "framing": framing, **IDENTITY}
    handler = make(("127.0.0.1", sink.port), socktype=socket.SOCK_STREAM, **options)
    records = [make_record(text) for text in ("sold", "\u20ac", "a\nb\0c")]
    for record in records:
        handler.handle(record)
    handler.close()
    encoder = syslogfast.Encoder(**options)
    expected = b"".join(encoder.encode_record(record) for record in records)
    assert wait_until(lambda: sink.received == expected)


def test_default_protocol_is_the_transports(tmp_path, make) -> None:
    """Without `protocol`, a URL has the header that collectors of its kind expect."""
    daemon = Listener("unix", tmp_path)
    for options in ({}, {"protocol": "rfc5424"}):
        handler = make(f"unix://{daemon.address}", **options, **IDENTITY)
        assert handler.unixsocket
        handler.handle(make_record())
        handler.close()
        (data,) = daemon.read(1)
        if options:
            assert data == f"<14>{HEADER}sold".encode()
        else:
            assert parse_rfc3164(data, hostname=False).message == "sold"
    daemon.close()


def test_path_as_bytes(tmp_path, make) -> None:
    """The standard library's takes one from Python 3.15 on; sender, always."""
    daemon = Listener("unix", tmp_path)
    handler = make(os.fsencode(daemon.address), linger=0.0)
    handler.handle(make_record())
    assert daemon.read(1) == [b"<14>sold"]
    daemon.close()


@pytest.mark.parametrize("options", [{"framing": "octet"}, {"protocol": "rfc5424", "linger": 0.0}])
def test_never_fails(options, make) -> None:
    """Without a collector, nothing raises or is lost uncounted, neither now nor at the end."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = unused.getsockname()
        handler = make(address, socktype=socket.SOCK_STREAM, timeout=0.05, **options)
        for _ in range(3):
            handler.handle(make_record())
        assert check_counts(handler._emitter)["queued"] == 3
        handler.flush()
        handler.close()
    handler.handle(make_record())
    stats = check_counts(handler._emitter)
    assert (stats["offered"], stats["dropped"]) == (4, {"closed": 4})


def test_unknown_host(make) -> None:
    """A name that cannot be resolved is an error of the standard library's handler alone."""
    address = ("collector.invalid", 514)
    with pytest.raises(OSError, match=r"\w"):
        syslogfast.SysLogHandler(address, socktype=socket.SOCK_STREAM)
    for options in ({"framing": "lf", "socktype": socket.SOCK_STREAM}, {"linger": 0.0}):
        handler = make(address, timeout=0.05, **options)
        handler.handle(make_record())
        handler.close()
        assert check_counts(handler._emitter)["dropped"] == {"closed": 1}


@pytest.mark.parametrize("protocol", [None, "rfc5424"])
def test_reconnects(protocol, sink, make) -> None:
    """A collector that was restarted gets the records; the library's handler fails for ever."""
    options = {} if protocol is None else {"protocol": protocol}
    address = ("127.0.0.1", sink.port)
    handler = make(address, socktype=socket.SOCK_STREAM, framing="lf", **options)
    library = logging.handlers.SysLogHandler(address, socktype=socket.SOCK_STREAM)
    failures = []
    library.handleError = failures.append
    handler.handle(make_record("first"))
    library.handle(make_record("first"))
    assert wait_until(lambda: sink.received.count(b"first") == 2)
    sink.break_connections()

    def send_again() -> bool:
        handler.handle(make_record("second"))
        library.handle(make_record("again"))
        return b"second\n" in sink.received

    assert wait_until(send_again)
    assert handler.stats["reconnects"] >= 1
    assert failures
    library.close()


def test_fails_over(sink, udp, make) -> None:
    """Of several collectors the first that can be reached gets the records."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = unused.getsockname()[1]
        urls = [f"tcp://127.0.0.1:{port}" for port in (dead, sink.port)]
        handler = make(urls, **IDENTITY)
        handler.handle(make_record())
        assert wait_until(lambda: sink.received == f"<14>{HEADER}sold\n".encode())
        handler.close()


def test_ipv6(make, tmp_path) -> None:
    listener = Listener("udp6", tmp_path)
    handler = make(listener.address, linger=0.0)
    handler.handle(make_record())
    assert listener.read(1) == [b"<14>sold"]
    listener.close()


@pytest.mark.parametrize("end", ["flush", "close", "shutdown"])
def test_nothing_lingers_at_the_end(end, sink, make) -> None:
    handler = make(("127.0.0.1", sink.port), 1, socket.SOCK_STREAM, linger=LONG)
    handler.handle(make_record())
    handler.handle(make_record("\n"))
    if end == "shutdown":
        import weakref

        logging.shutdown([weakref.ref(handler)])
    else:
        getattr(handler, end)()
    assert wait_until(lambda: sink.received == b"<14>sold\n<14>#012\n")


def test_full_queue_is_counted(make) -> None:
    """What does not fit is dropped, told of by `stats`, and holds up nobody."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        handler = make(f"tcp://127.0.0.1:{port}", queue_bytes=1000, timeout=0.05)
        for _ in range(100):
            handler.handle(make_record("x" * 50))
        stats = check_counts(handler._emitter)
        assert stats["offered"] == 100
        assert stats["dropped"]["full"] == 100 - stats["queued"]
        handler.close()


@pytest.mark.parametrize("protocol", [None, "rfc5424"])
def test_drops_are_told(protocol, make) -> None:
    """When the collector is back it is told how many are missing, in the form of the others."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    options = {"queue_bytes": 1000, **({} if protocol is None else {"protocol": protocol})}
    handler = make(("127.0.0.1", port), "local0", socket.SOCK_STREAM, **options)
    for _ in range(100):
        handler.handle(make_record("x" * 50))
    sink = Sink(port)
    try:
        assert wait_until(
            lambda: b"records dropped" in sink.received and sink.received[-1:] == b"\n"
        )
        record = split_frames(sink.received, "lf")[-1]
    finally:
        sink.close()
    parsed = parse_rfc3164(record) if protocol is None else parse_rfc5424(record)
    assert parsed.priority == 16 * 8 + 4
    assert "records dropped" in parsed.message


@pytest.mark.parametrize("protocol", [None, "rfc5424"])
def test_errors_do_not_linger(protocol, udp, make) -> None:
    """A record of severity err or worse is sent at once, and those before it."""
    options = {} if protocol is None else {"protocol": protocol}
    handler = make(udp.address, linger=LONG, **options)
    handler.handle(make_record())
    handler.handle(make_record())
    assert handler.stats["queued"] == 2
    handler.handle(make_record(levelno=40, levelname="ERROR"))
    assert len(udp.read(3)) == 3


@pytest.mark.parametrize("protocol", ["rfc5424", "rfc3164"])
def test_a_header_over_a_connection_asks_for_delivery(protocol, make) -> None:
    """It reconnects: what is logged after the collector's restart arrives, and nothing raises."""
    first = Sink()
    port = first.port
    handler = make(("127.0.0.1", port), 1, socket.SOCK_STREAM, protocol=protocol, app_name="shop")
    handler.handle(make_record("before"))
    handler.flush()
    assert wait_until(lambda: first.received.endswith(b"before\n"))
    first.close()
    for number in range(8):
        handler.handle(make_record(f"meanwhile {number}"))
    second = Sink(port)
    handler.handle(make_record("afterwards"))
    handler.close()
    assert wait_until(lambda: second.received.endswith(b"afterwards\n"))
    stats = handler.stats
    assert (stats["offered"], stats["sent"], stats["dropped"]) == (10, 10, {})
    texts = [record.rpartition(b": " if protocol == "rfc3164" else b" - ")[2]
             for record in split_frames(second.received, "lf")]  # fmt: skip
    assert texts == [*(b"meanwhile %d" % number for number in range(8)), b"afterwards"]
    second.close()


def test_threads(sink, make) -> None:
    """Records of many threads arrive, each whole and once."""
    handler = make(("127.0.0.1", sink.port), 1, socket.SOCK_STREAM, protocol="rfc5424", linger=0.01)

    def send(name: str) -> None:
        for number in range(200):
            handler.handle(make_record(f"{name}-{number}"))

    threads = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    wait_until(lambda: sink.received.count(b"\n") == 800)
    messages = [parse_rfc5424(record).message for record in split_frames(sink.received, "lf")]
    assert sorted(messages) == sorted(
        f"{name}-{number}" for name in "abcd" for number in range(200)
    )


# --- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> "tuple[str, str]":
    """A certificate of collector.example and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = str(folder / "cert.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=collector.example"]
    command += ["-addext", "subjectAltName=DNS:collector.example"]
    command += ["-out", paths[0], "-keyout", paths[1]]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return paths


@pytest.fixture
def tls_sink(sink: Sink, certificate: "tuple[str, str]") -> Sink:
    """A sink that speaks TLS."""
    sink.speak_tls(*certificate)
    return sink


def list_tls(certificate: "tuple[str, str]") -> "list[object]":
    context = ssl.create_default_context(cafile=certificate[0])
    context.check_hostname = False
    return [
        {"ca": certificate[0], "name": "collector.example"},
        {"ca": pathlib.Path(certificate[0]), "name": "collector.example", "insecure": False},
        {"insecure": True},
        context,
    ]


@pytest.mark.parametrize("index", range(4))
def test_tls(index, tls_sink, certificate, make) -> None:
    """A dict or a context of one's own; octet counting, as RFC 5425 says, unless told."""
    tls = list_tls(certificate)[index]
    handler = make(("127.0.0.1", tls_sink.port), 1, socket.SOCK_STREAM, tls=tls)
    handler.handle(make_record())
    assert wait_until(lambda: tls_sink.received == b"8 <14>sold"), handler.stats


def test_tls_context_of_url(tls_sink, certificate, make) -> None:
    handler = make(
        f"tls://127.0.0.1:{tls_sink.port}?framing=lf", tls=list_tls(certificate)[3], **IDENTITY
    )
    handler.handle(make_record())
    assert wait_until(lambda: tls_sink.received == f"<14>{HEADER}sold\n".encode())


def test_tls_verifies(tls_sink, make) -> None:
    """True is Python's default context: a collector that nobody vouches for gets nothing."""
    handler = make(("127.0.0.1", tls_sink.port), 1, socket.SOCK_STREAM, 0.5, tls=True)
    handler.handle(make_record())
    assert wait_until(lambda: handler.stats["failure"])
    assert "certificate" in handler.stats["failure"]
    handler.close()
    assert tls_sink.received == b""


def test_tls_false_is_none(udp, make) -> None:
    handler = make(udp.address, tls=False)
    assert handler.stats is None


# --- configuration -------------------------------------------------------------------------------


@pytest.fixture
def clean_logging() -> Iterator[None]:
    """The root logger as it was, whatever a configuration makes of it."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], root.level = before


@pytest.mark.usefixtures("clean_logging")
def test_dict_config(udp, sink) -> None:
    """By its name, from JSON, with a tuple, a URL or a list of them, and ext:// for constants."""
    host, port = udp.address
    handlers = {
        "plain": {"address": [host, port], "facility": "local0"},
        "header": {"address": [host, port], "protocol": "rfc5424", "app_name": "shop"},
        "url": {"address": f"udp://{host}:{port}", "app_name": "shop", "linger": 0},
        "urls": {"address": [f"udp://{host}:{port}", f"udp://{host}:{port}"]},
        "tcp": {
            "address": ["127.0.0.1", sink.port],
            "socktype": "ext://socket.SOCK_STREAM",
            "framing": "octet",
        },
    }
    for options in handlers.values():
        options.update({"class": "syslogfast.SysLogHandler", "formatter": "short"})
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"short": {"format": "%(levelname)s %(message)s"}},
        "handlers": handlers,
        "root": {"handlers": list(handlers)},
    }
    logging.config.dictConfig(json.loads(json.dumps(config)))
    logging.getLogger().warning("sold")
    made = logging.getLogger().handlers
    assert [type(handler) for handler in made] == [syslogfast.SysLogHandler] * len(handlers)
    logging.shutdown([lambda handler=handler: handler for handler in made])
    data = udp.read(4)
    assert data[0] == b"<132>WARNING sold\0"
    names = [parse_rfc5424(record)[3] for record in data[1:]]
    messages = [parse_rfc5424(record).message for record in data[1:]]
    assert messages == ["WARNING sold"] * 3
    assert names[:2] == ["shop", "shop"]
    assert wait_until(lambda: sink.received == b"16 <12>WARNING sold")


@pytest.mark.usefixtures("clean_logging")
def test_file_config(udp, tmp_path) -> None:
    """`args` and `kwargs` of an ini file are those of the class."""
    host, port = udp.address
    (tmp_path / "logging.ini").write_text(
        f"""
[loggers]
keys=root
[handlers]
keys=plain,url
[formatters]
keys=short
[logger_root]
level=INFO
handlers=plain,url
[handler_plain]
class=syslogfast.SysLogHandler
args=(("{host}", {port}), "local0")
formatter=short
[handler_url]
class=syslogfast.SysLogHandler
args=("udp://{host}:{port}",)
kwargs={{"app_name": "shop", "facility": "local0"}}
formatter=short
[formatter_short]
format=%(levelname)s %(message)s
"""
    )
    logging.config.fileConfig(tmp_path / "logging.ini", disable_existing_loggers=False)
    logging.getLogger().info("sold")
    plain, header = udp.read(2)
    assert plain == b"<134>INFO sold\0"
    assert parse_rfc5424(header).message == "INFO sold"
    assert parse_rfc5424(header).priority == 134


def test_is_loaded_lazily(backend, run_python) -> None:
    """Formatter does not bring the sockets along, nor the package either of them."""
    code = (
        "import sys, syslogfast; assert 'logging' not in sys.modules;"
        "syslogfast.Formatter; assert 'logging.handlers' not in sys.modules;"
        "from syslogfast import SysLogHandler; import logging.handlers;"
        "assert issubclass(SysLogHandler, logging.handlers.SysLogHandler);"
        "assert 'ssl' not in sys.modules;"
        "assert 'SysLogHandler' in dir(syslogfast) and 'SysLogHandler' in syslogfast.__all__;"
        "print(SysLogHandler.__module__, syslogfast.BACKEND)"
    )
    done = run_python(code, backend=backend)
    assert (done.stdout, done.stderr) == (f"syslogfast.handlers {backend}\n", "")


# --- copies, secrets, processes ------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"protocol": "rfc5424"}, {"linger": 0.0}])
def test_copies(options, udp, make) -> None:
    """A shallow copy sends by the same socket; what cannot be copied of the library's cannot."""
    handler = make(udp.address, **options)
    twin = copy.copy(handler)
    twin.handle(make_record())
    (data,) = udp.read(1)
    assert b"sold" in data
    library = logging.handlers.SysLogHandler(udp.address)
    for one in (library, syslogfast.SysLogHandler(udp.address, **options)):
        with pytest.raises(TypeError):
            pickle.dumps(one)
        with pytest.raises(TypeError):
            copy.deepcopy(one)
        one.close()


def test_secrets_stay_out(make, certificate) -> None:
    """Neither repr nor an error shows a token, a key or what is in a file."""
    handler = make(
        ("127.0.0.1", 9),
        1,
        socket.SOCK_STREAM,
        0.0,
        protocol="rfc5424",
        prefix=b"TOKEN ",
        structured_data={"token@32473": {"key": "TOKEN"}},
        tls={"cert": certificate[0], "key": certificate[1]},
    )
    handler.set_name("collector")
    shown = f"{handler!r} {handler} {handler.stats}"
    assert re.match(r"<Sys\w+ \(NOTSET\)>", repr(handler))
    with pytest.raises(ValueError, match="prefix must be left out") as caught:
        syslogfast.SysLogHandler(prefix=b"TOKEN ")
    assert "TOKEN" not in shown + str(caught.value)
    assert "key.pem" not in shown


FORKING = """
import logging, os, sys
import syslogfast

options = {"protocol": "rfc5424"} if sys.argv[2] == "header" else {}
address = ("127.0.0.1", int(sys.argv[1]))
if sys.argv[2] == "url":
    address = "udp://%s:%d" % address
handler = syslogfast.SysLogHandler(address, **options)
log = logging.Logger("till")
log.addHandler(handler)
log.warning("parent %d", os.getpid())
child = os.fork()
log.warning("%s %d", "parent" if child else "child", os.getpid())
if child:
    os._exit(os.waitpid(child, 0)[1])
os._exit(0)
"""


@pytest.mark.parametrize("way", ["header", "url"])
def test_fork(way, udp, backend, run_python) -> None:
    """After a fork each process goes on, under its own PROCID."""
    done = run_python(FORKING, str(udp.address[1]), way, backend=backend)
    assert (done.returncode, done.stderr) == (0, "")
    records = [parse_rfc5424(data) for data in udp.read(3)]
    assert sorted(record.message.split()[0] for record in records) == ["child", "parent", "parent"]
    assert [record.message.split()[1] for record in records] == [r.procid for r in records]


def test_exit_delivers_what_lingers(sink, backend, run_python) -> None:
    """A program that ends without a word to its handlers loses nothing."""
    code = (
        "import logging, sys, syslogfast\n"
        "handler = syslogfast.SysLogHandler(f'tcp://127.0.0.1:{sys.argv[1]}', linger=1000.0)\n"
        "logging.basicConfig(handlers=[handler], format='%(message)s')\n"
        "logging.warning('sold')\n"
    )
    done = run_python(code, str(sink.port), backend=backend)
    assert (done.returncode, done.stderr) == (0, "")
    assert wait_until(lambda: sink.received.endswith(b"sold\n"))
    assert parse_rfc5424(sink.received[:-1]).message == "sold"


FORGOTTEN = """
import logging, sys, time
from logging.handlers import MemoryHandler
from syslogfast import SysLogHandler
url = sys.argv[1]
memory = MemoryHandler(10, target=SysLogHandler(url, linger=1000))
memory.emit(logging.makeLogRecord({"msg": "buffered", "levelno": 20}))
forgotten = SysLogHandler(url, linger=1000)
forgotten.emit(logging.makeLogRecord({"msg": "forgotten", "levelno": 20}))
del forgotten
"""


def test_the_end_of_logging(run_python, backend, udp) -> None:
    """What another handler gives this one in logging.shutdown is sent, too, and what it had."""
    host, port = udp.address
    result = run_python(FORGOTTEN, f"udp://{host}:{port}", backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    assert {data.rpartition(b" ")[2] for data in udp.read(2)} == {b"buffered", b"forgotten"}


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know the port of one service, for a bare system has no list of them."""

    def find_port(name: str) -> int:
        if name != "syslog":
            raise OSError("service/proto not found")
        return 514

    monkeypatch.setattr(socket, "getservbyname", find_port)


@pytest.mark.usefixtures("services")
@try_each(
    "address, expected",
    [
        (("h", "syslog"), True),
        (("h", "no such service"), False),
        (("h", "514"), True),
        (("", 514), False),
        (("h", None), False),
        (("h", 65_536), False),
        (("h", 0), False),
        (("h",), False),
        (514, False),
        ("/no/such", True),
        ("no/such", False),
    ],
)
def test_what_an_address_is(address: object, expected: bool) -> None:
    """As the standard library's handler takes it: a port may be the name of a service."""
    assert handlers.is_address(address) is expected


@pytest.mark.usefixtures("services")
def test_the_port_of_a_service() -> None:
    url = handlers.make_url(("h", "syslog"), None, None, None)
    assert (url.host, url.port) == ("h", 514)


@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_failure_that_nothing_can_be_loaded_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], is_wanted: bool
) -> None:
    """For want of a descriptor: it is told all the same, if `logging` may tell of errors."""
    monkeypatch.setitem(sys.modules, "syslogfast.transports.failure_report", None)
    monkeypatch.setattr(logging, "raiseExceptions", is_wanted)
    handlers.report_failure("tcp://h: refused")
    assert ("tcp://h: refused" in capfd.readouterr().err) is is_wanted
