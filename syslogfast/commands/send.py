"""`syslogfast send`: lines of files, or of other programs, as syslog records."""

import os
import signal
import sys
import time

from syslogfast import Encoder
from syslogfast.commands.progress import ProgressLine
from syslogfast.constants import MAX_SIZE, MAX_SIZE_RFC3164, MAX_SIZE_UDP
from syslogfast.transports import Url, open_road, parse_url, send_all
from syslogfast.transports.url import read_urls

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would take a tenth of the time that the command does
    from argparse import Namespace
    from collections.abc import Iterator
    from types import FrameType

    from syslogfast.transports import Road

READ_SIZE = 1 << 17  # bytes of input taken at a time
BLOCK_SIZE = 1 << 18  # bytes of records that a stream is given at a time


class UnreadableError(Exception):
    """A FILE that could not be read to its end, and why."""


class Interruption:
    """SIGINT: ends a wait for input at once, but lets a record on its way be finished."""

    def __init__(self) -> None:
        self.came = False
        self.waiting = False

    def __call__(self, number: int, frame: "FrameType | None") -> None:
        if self.waiting or self.came:
            raise KeyboardInterrupt
        self.came = True

    def read(self, fd: int) -> bytes:
        """Return some input; nothing at its end or once SIGINT has come."""
        self.waiting = True
        try:
            return b"" if self.came else os.read(fd, READ_SIZE)
        except KeyboardInterrupt:
            self.came = True
            return b""
        finally:
            self.waiting = False


def read_lines(fd: int, interruption: Interruption) -> "Iterator[list[bytes]]":
    """Yield the lines of a file as they come, many at a time, without their LF."""
    pieces: list[bytes] = []
    while data := interruption.read(fd):
        *lines, rest = data.split(b"\n")
        if lines:
            pieces.append(lines[0])
            lines[0] = b"".join(pieces)
            pieces = []
            yield lines
        pieces.append(rest)
    if last := b"".join(pieces):
        yield [last]


class Tally:
    """What was sent, and how fast; shown while it goes on if somebody looks."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.lines = 0
        self.bytes = 0
        self.cut = 0
        self.started = time.monotonic()
        self.line = ProgressLine()

    def add(self, lines: int, size: int) -> None:
        self.lines += lines
        self.bytes += size
        if self.line.is_shown and self.line.is_due():
            self.line.show(str(self))

    def close(self) -> None:
        self.line.end(str(self))

    def __str__(self) -> str:
        elapsed = max(time.monotonic() - self.started, 1e-9)
        cut = f", {self.cut:,} of them cut" if self.cut else ""
        return (
            f"{self.lines:,} lines{cut}, {self.bytes:,} bytes to {self.target}"
            f" in {elapsed:.2f} s: {self.lines / elapsed:,.0f} records/s"
        )


class Sender:
    """Encodes lines into one block and hands them to a road."""

    def __init__(self, encoder: Encoder, severity: int, max_size: int, road: "Road") -> None:
        self.encoder = encoder
        self.severity = severity
        self.max_size = max_size
        self.road = road
        self.block = memoryview(bytearray(BLOCK_SIZE))
        self.unlimited = encoder.replace(max_size=1 << 30, framing=None)
        # A shorter line has room, even if each of its octets is escaped and becomes four.
        self.suspect_size = (max_size - len(encoder.header(severity))) // 4

    def is_cut(self, line: bytes) -> bool:
        return len(self.unlimited.encode(self.severity, line, time_ns=0)) > self.max_size

    def send(self, lines: list[bytes], tally: Tally) -> None:
        if max(map(len, lines)) >= self.suspect_size:
            tally.cut += sum(map(self.is_cut, lines))
        if self.road.url.framing is None:  # a datagram is one record
            for line in lines:
                end = self.encoder.encode_into(self.block, self.severity, line)
                send_all(self.road, self.block[:end])
                tally.add(1, end)
            return
        while lines:
            end, count = self.encoder.encode_many_into(self.block, self.severity, lines)
            send_all(self.road, self.block[:end])
            tally.add(count, end)
            lines = lines[count:]


def choose_target(options: "Namespace") -> Url:
    if options.to:
        return options.to  # type: ignore[no-any-return]
    urls = read_urls() or ["fd://1"]
    if len(urls) > 1:
        raise ValueError("SYSLOGFAST_URL names several collectors: --to has to name one")
    return parse_url(urls[0])


def make_encoder(options: "Namespace", target: Url, max_size: int) -> Encoder:
    elements: dict[str, list[tuple[str, str]]] = {}
    for sd_id, parameters in options.sd:
        elements.setdefault(sd_id, []).extend(parameters)
    return Encoder(
        protocol=options.protocol,
        facility=options.priority[0],
        hostname=options.hostname,
        app_name=options.app_name,
        procid=os.getpid() if options.id else "-",
        msgid=options.msgid,
        structured_data=elements,
        framing=target.framing,
        max_size=max_size,
    )


def list_inputs(options: "Namespace", interruption: Interruption) -> "Iterator[list[bytes]]":
    if options.message is not None:
        yield [options.message.encode(errors="surrogateescape")]
        return
    for path in options.files or ["-"]:
        try:
            if path == "-":
                yield from read_lines(0, interruption)
            else:
                with open(path, "rb", buffering=0) as file:
                    yield from read_lines(file.fileno(), interruption)
        except OSError as error:
            raise UnreadableError(f"cannot read {path}: {error.strerror}") from None


def send_lines(options: "Namespace") -> int:
    """Do what `syslogfast send` says; return the exit status."""
    if options.message is not None and options.files:
        options.parser.error("-m and FILE exclude each other")
    try:
        target = choose_target(options)
        max_size = MAX_SIZE_RFC3164 if options.protocol == "rfc3164" else MAX_SIZE
        if target.scheme == "udp":
            max_size = min(max_size, MAX_SIZE_UDP)
        encoder = make_encoder(options, target, max_size)
    except ValueError as error:
        options.parser.error(str(error))
    interruption = Interruption()
    signal.signal(signal.SIGINT, interruption)
    place = "standard output" if target.scheme == "fd" and target.host == "1" else str(target)
    tally = Tally(place)
    try:
        road = open_road(target)
        sender = Sender(encoder, options.priority[1], max_size, road)
        for lines in list_inputs(options, interruption):
            sender.send(lines, tally)
        road.close()
    except (OSError, UnreadableError) as error:
        tally.close()
        what = str(error)
        if isinstance(error, OSError):
            what = f"cannot send to {place}: {error.strerror or error}"
        sys.stderr.write(f"{options.parser.prog}: {what}\n")
        return 1
    except KeyboardInterrupt:
        interruption.came = True
    tally.close()
    return 130 if interruption.came else 0
