"""`syslogfast listen`: the records that arrive over UDP and TCP, one a line, field by field."""

import errno
import os
import re
import selectors
import signal
import socket
import sys
import time

from syslogfast._text import CONTROLS
from syslogfast.commands.frames import Connection
from syslogfast.commands.parse import MalformedError, Parsed, parse_record
from syslogfast.constants import FACILITIES, SEVERITIES
from syslogfast.transports.poll import wait_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from types import FrameType
    from typing import Protocol

    class Renderer(Protocol):
        """Renders what arrives as a line."""

        def render(self, record: Parsed, peer: str) -> str: ...

        def render_malformed(self, error: MalformedError, data: bytes, peer: str) -> str: ...


DEFAULT_ADDRESSES = [("udp", ("127.0.0.1", 5514)), ("tcp", ("127.0.0.1", 5514))]
READ_SIZE = 1 << 16  # bytes taken at a time: no datagram is longer
MAX_DATAGRAMS = 64  # taken at a time from one socket
RECEIVE_BUFFER = 4 << 20  # bytes that the kernel is asked to keep for UDP
MAX_CONNECTIONS = 1000  # at a time; more of them wait
ACCEPT_PAUSE = 0.5  # seconds until connections are accepted again if that failed
DRAIN_TIME = 1.0  # seconds to read what had arrived before the end was asked for
SHOWN_SIZE = 1 << 16  # bytes that are shown of a malformed record
MAX_WIDTH = 32  # of a column; a longer field stands out

FACILITY_NAMES = {code: name for name, code in reversed(FACILITIES.items())}
SEVERITY_NAMES = {code: name for name, code in reversed(SEVERITIES.items())}

# What an encoder escapes, and the tab, which would shift a column.
UNSAFE = re.compile(f"[\t{''.join(CONTROLS)}]")
SHORT_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}

RED = "\x1b[31m"
COLOURS = {
    **dict.fromkeys(range(4), RED),
    SEVERITIES["warning"]: "\x1b[33m",
    SEVERITIES["notice"]: "\x1b[36m",
    SEVERITIES["debug"]: "\x1b[2m",
}
PLAIN = "\x1b[0m"


# --- how it is shown -----------------------------------------------------------------------------


def escape_character(found: "re.Match[str]") -> str:
    code = ord(found[0])
    return SHORT_ESCAPES.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def escape(text: str) -> str:
    """Return text that cannot drive a terminal.

    >>> escape("a\\x1b[2J\\n")
    'a\\\\x1b[2J\\\\n'
    """
    return UNSAFE.sub(escape_character, text)


def show_octets(data: bytes) -> str:
    """Return octets as text: what is not UTF-8 as \\xff, and no more than SHOWN_SIZE of them."""
    text = data[:SHOWN_SIZE].decode(errors="backslashreplace")
    more = len(data) - SHOWN_SIZE
    return f"{text}... and {more:,} more bytes" if more > 0 else text


class TextRenderer:
    """Fields in columns, each as wide as the widest that has come."""

    def __init__(self, coloured: bool) -> None:
        self.coloured = coloured
        self.widths = [0, 0, 0, 0, 0]

    def render(self, record: Parsed, peer: str) -> str:
        procid = f"[{record.procid}]" if record.procid else ""
        severity = SEVERITY_NAMES[record.severity]
        columns = [
            record.timestamp or "-",
            f"{FACILITY_NAMES[record.facility]}.{severity}",
            record.hostname or "-",
            (record.app_name or "-") + procid,
            record.msgid or "-",
        ]
        padded = []
        for index, column in enumerate(columns):
            if self.widths[index] < len(column) <= MAX_WIDTH:
                self.widths[index] = len(column)
            padded.append(column.ljust(self.widths[index]))
        if self.coloured and record.severity in COLOURS:
            shown = f"{COLOURS[record.severity]}{severity}{PLAIN}"
            padded[1] = padded[1].replace(f".{severity}", f".{shown}")
        if not record.structured_data and not record.message:
            return "  ".join(padded).rstrip(" ")
        padded += [render_element(sd_id, pairs) for sd_id, pairs in record.structured_data]
        if record.message:
            padded.append(escape(record.message))
        return "  ".join(padded)

    def render_malformed(self, error: MalformedError, data: bytes, peer: str) -> str:
        mark = f"MALFORMED at byte {error.offset}: {error.what}:"
        if self.coloured:
            mark = f"{RED}{mark}{PLAIN}"
        return f"{mark} {escape(show_octets(data))}"


def render_element(sd_id: str, parameters: list[tuple[str, str]]) -> str:
    pairs = [f' {name}="{quote(value)}"' for name, value in parameters]
    return f"[{sd_id}{''.join(pairs)}]"


def quote(value: str) -> str:
    """Return a PARAM-VALUE with the escapes that it came with (RFC 5424 6.3.3)."""
    return escape(value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]"))


class JsonRenderer:
    """One JSON object a line, all of it ASCII."""

    def __init__(self) -> None:
        import json

        self.dump = json.JSONEncoder().encode

    def render(self, record: Parsed, peer: str) -> str:
        elements = {sd_id: merge(parameters) for sd_id, parameters in record.structured_data}
        return self.dump(
            {
                "protocol": record.protocol,
                "facility": FACILITY_NAMES[record.facility],
                "severity": SEVERITY_NAMES[record.severity],
                "timestamp": record.timestamp,
                "hostname": record.hostname,
                "app_name": record.app_name,
                "procid": record.procid,
                "msgid": record.msgid,
                "structured_data": elements,
                "message": record.message,
                "peer": peer,
            }
        )

    def render_malformed(self, error: MalformedError, data: bytes, peer: str) -> str:
        return self.dump(
            {
                "malformed": error.what,
                "offset": error.offset,
                "record": show_octets(data),
                "peer": peer,
            }
        )


def merge(parameters: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    """Return values by name: RFC 5424 6.3.3 lets a PARAM-NAME come several times."""
    lists: dict[str, list[str]] = {}
    for name, value in parameters:
        lists.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in lists.items()}


def write_all(fd: int, data: bytes) -> None:
    """Write to a descriptor that may have been made non-blocking, as a terminal's."""
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            wait_ready(fd, 1.0)


class Printer:
    """Writes and counts what arrives."""

    def __init__(self, renderer: "Renderer") -> None:
        self.renderer = renderer
        self.lines: list[str] = []
        self.records = 0
        self.malformed = 0

    def add(self, data: bytes, peer: str) -> None:
        try:
            record = parse_record(data)
        except MalformedError as error:
            self.add_malformed(error, data, peer)
            return
        self.records += 1
        self.lines.append(self.renderer.render(record, peer))

    def add_malformed(self, error: MalformedError, data: bytes, peer: str) -> None:
        self.malformed += 1
        self.lines.append(self.renderer.render_malformed(error, data, peer))

    def flush(self) -> None:
        """Write what was added. OSError: it could not be written."""
        if self.lines:
            data = "\n".join([*self.lines, ""]).encode()
            self.lines.clear()
            write_all(1, data)

    def __str__(self) -> str:
        return f"{self.records:,} records, {self.malformed:,} malformed"


# --- how it arrives ------------------------------------------------------------------------------


class UnboundError(Exception):
    """An address that cannot be listened on, and why."""


def show_address(address: "tuple[str | int, ...]") -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def open_socket(scheme: str, address: tuple[str, int]) -> socket.socket:
    """Return a socket that listens on the first of the host's addresses."""
    kind = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}[scheme]
    try:
        family, _, protocol, _, found = socket.getaddrinfo(
            *address, type=kind, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
        try:
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if scheme == "tcp":
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            else:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            opened.bind(found)
            if scheme == "tcp":
                opened.listen(MAX_CONNECTIONS)
        except OSError:
            opened.close()
            raise
    except (OSError, UnicodeError) as error:  # UnicodeError: no name of a host
        reason = getattr(error, "strerror", None) or error
        url = f"{scheme}://{show_address(address)}"
        raise UnboundError(f"cannot listen on {url}: {reason}") from None
    opened.setblocking(False)
    return opened


class Ending:
    """SIGINT or SIGTERM: the first asks for an end, which wakes the selector; the second forces it.

    `came` says whether there was one.
    """

    def __init__(self) -> None:
        self.came = False
        self.woken, waking = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(waking, False)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self)

    def __call__(self, number: int, frame: "FrameType | None") -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


class Server:
    """Reads from all sockets whatever they have, in one thread."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer
        self.selector = selectors.DefaultSelector()
        self.listening: list[socket.socket] = []
        self.accepting = True
        self.connections: dict[socket.socket, Connection] = {}

    def listen(self, scheme: str, address: tuple[str, int]) -> str:
        """Listen on this address; return it as a URL, with the port that it has got."""
        opened = open_socket(scheme, address)
        read: Callable[[socket.socket], None] = self._read_datagrams
        if scheme == "tcp":
            self.listening.append(opened)
            read = self._accept
        self.selector.register(opened, selectors.EVENT_READ, read)
        return f"{scheme}://{show_address(opened.getsockname())}"

    def run(self, ending: Ending) -> None:
        """Print what arrives, until the end is asked for; then what had arrived by then."""
        self.selector.register(ending.woken, selectors.EVENT_READ, lambda _: None)
        while not ending.came:
            paused = not self.accepting
            self._step(ACCEPT_PAUSE if paused else None)
            if paused and len(self.connections) < MAX_CONNECTIONS:
                self._set_accepting(True)
        self.selector.unregister(ending.woken)
        deadline = time.monotonic() + DRAIN_TIME
        while self._step(0) and time.monotonic() < deadline:
            pass
        for connection in self.connections.values():
            connection.end()
        self.printer.flush()

    def _step(self, timeout: float | None) -> bool:
        """Wait until something arrives, then read and print it; say whether anything did."""
        events = self.selector.select(timeout)
        for key, _ in events:
            key.data(key.fileobj)
            self.printer.flush()
        return bool(events)

    def _set_accepting(self, accepting: bool) -> None:
        if accepting == self.accepting:
            return
        self.accepting = accepting
        for opened in self.listening:
            if accepting:
                self.selector.register(opened, selectors.EVENT_READ, self._accept)
            else:
                self.selector.unregister(opened)

    def _read_datagrams(self, opened: socket.socket) -> None:
        for _ in range(MAX_DATAGRAMS):
            try:
                data, address = opened.recvfrom(READ_SIZE)
            except OSError:  # there is no more, or the kernel reports what no reader can change
                return
            self.printer.add(data, show_address(address))

    def _accept(self, opened: socket.socket) -> None:
        try:
            stream, address = opened.accept()
        except OSError as error:
            # A peer that has gone again is its own affair; anything else would come back at once.
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
                self._set_accepting(False)
            return
        stream.setblocking(False)
        self.connections[stream] = Connection(show_address(address), self.printer)
        self.selector.register(stream, selectors.EVENT_READ, self._read_stream)
        if len(self.connections) >= MAX_CONNECTIONS:
            self._set_accepting(False)

    def _read_stream(self, stream: socket.socket) -> None:
        connection = self.connections[stream]
        malformed = None
        try:
            data = stream.recv(READ_SIZE)
            if data:
                connection.take(data)
                return
        except BlockingIOError:
            return
        except OSError:
            pass  # reset by the peer: what it had sent before has been read
        except MalformedError as error:
            malformed = error
        connection.end(malformed)
        del self.connections[stream]
        self.selector.unregister(stream)
        stream.close()


def show_records(options: "Namespace") -> int:
    """Do what `syslogfast listen` says; return the exit status."""
    prog = options.parser.prog
    coloured = os.isatty(1) and not os.environ.get("NO_COLOR")
    wanted = [("udp", address) for address in options.udp]
    wanted += [("tcp", address) for address in options.tcp]
    try:
        os.fstat(1)  # OSError now rather than at the first record
        printer = Printer(JsonRenderer() if options.json else TextRenderer(coloured))
        server = Server(printer)
        ending = Ending()
        urls = [server.listen(*address) for address in wanted or DEFAULT_ADDRESSES]
        for url in urls:
            sys.stderr.write(f"listening on {url}\n")
        server.run(ending)
    except UnboundError as error:
        sys.stderr.write(f"{prog}: {error}\n")
        return 1
    except BrokenPipeError:
        return 0  # whoever read it has had enough
    except OSError as error:
        sys.stderr.write(f"{prog}: cannot write to standard output: {error.strerror}\n")
        return 1
    except KeyboardInterrupt:
        pass  # at once: somebody has asked twice
    sys.stderr.write(f"{printer}\n")
    return 0
