"""What `syslogfast listen` writes: the records that are wanted, and how many there were."""

import os
import re
import stat
import sys
from codecs import getincrementaldecoder
from time import monotonic

from syslogfast.commands.lenient import has_pri, read_record
from syslogfast.commands.parse import MalformedError, Parsed, parse_record
from syslogfast.commands.render import SHOWN_SIZE, escape
from syslogfast.transports.poll import wait_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.commands.render import Renderer

COUNT_INTERVAL = 1.0  # seconds from one line of counts to the next
LARGE_SIZE = 1 << 20  # bytes of a record beyond which there can be text alone
PIECE_SIZE = 1 << 16  # bytes of a large record that are written at a time
REDRAW_INTERVAL = 0.1  # seconds until the counts stand again below what was written over them


class Filter:
    """Which records are wanted: least severity, a pattern anywhere in one, the hosts.

    A host is HOSTNAME, with or without its domain, or the address that a record came from.
    """

    def __init__(
        self,
        level: int | None = None,
        pattern: "re.Pattern[str] | None" = None,
        hosts: "list[str] | tuple[()]" = (),
    ) -> None:
        self.level = level
        self.pattern = pattern
        self.hosts = {host.lower() for host in hosts}

    def takes(self, record: Parsed | None, data: bytes, peer: str) -> bool:
        """Return True if a record is wanted; one that cannot be read has no severity to judge."""
        if record and self.level is not None and record.severity > self.level:
            return False
        if self.hosts and not self._is_from(record, peer):
            return False
        return self.pattern is None or bool(
            self.pattern.search(data.decode(errors="backslashreplace"))
        )

    def _is_from(self, record: Parsed | None, peer: str) -> bool:
        address = peer.rpartition(":")[0]
        names = {peer, address, address.strip("[]")}
        if record and record.hostname:
            hostname = record.hostname.lower()
            names |= {hostname, hostname.partition(".")[0]}
        return not self.hosts.isdisjoint(names)


def write_all(fd: int, data: bytes) -> None:
    """Write to a descriptor that may have been made non-blocking, as a terminal's."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            wait_ready(fd, 1.0)


class CountLine:
    """A terminal's last line, on standard error: how many records there were, and in a second."""

    def __init__(self) -> None:
        # What a pipe leads to may write to the same terminal.
        is_pipe = stat.S_ISFIFO(os.fstat(1).st_mode)
        can_show = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.is_shown = can_show and not is_pipe
        self.is_standing = False
        self.text = ""
        self.counted = monotonic()
        self.count = 0

    def clear(self) -> None:
        """Have what is written now take its place."""
        if self.is_standing:
            self.is_standing = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, printer: "Printer") -> None:
        """Write it anew, where it has gone or a second has passed."""
        if not self.is_shown:
            return
        now = monotonic()
        passed = now - self.counted
        count = printer.records + printer.malformed
        if passed < COUNT_INTERVAL and self.text and self.is_standing:
            return
        if passed >= COUNT_INTERVAL or not self.text:
            rate = (count - self.count) / passed if self.text else 0
            self.text = f"{printer}, {rate:,.0f} a second"
            self.counted, self.count = now, count
        self.is_standing = True
        sys.stderr.write(f"\r{self.text[: find_width(2) - 1]}\x1b[K")
        sys.stderr.flush()


def find_width(fd: int, otherwise: int = 80) -> int:
    """Return the columns of a terminal."""
    try:
        return os.get_terminal_size(fd).columns or otherwise
    except OSError:
        return otherwise


def count_of(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def find_character(data: bytes, index: int) -> int:
    """Return where the character begins that has the byte at `index`, if it is UTF-8."""
    for start in range(index, max(index - 4, 0), -1):
        if data[start] & 0xC0 != 0x80:
            return start
    return index


def check_rest(record: Parsed, data: bytes, rest: memoryview) -> None:
    """Raise MalformedError if what comes after the start of a large record's text is malformed."""
    if record.protocol == "rfc5424" and not record.bom:
        return  # RFC 5424 6.4, MSG-ANY
    decoder = getincrementaldecoder("utf-8")()
    for start in range(0, len(rest), PIECE_SIZE):
        piece = rest[start : start + PIECE_SIZE]
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(piece, start + PIECE_SIZE >= len(rest))
        except UnicodeDecodeError as error:
            where = len(data) + start - held + error.start
            raise MalformedError("a record must be UTF-8", where) from None


class Printer:
    """Writes and counts what arrives."""

    def __init__(self, renderer: "Renderer", wanted: Filter | None = None) -> None:
        self.renderer = renderer
        self.wanted = wanted
        self.count_line: CountLine | None = None
        self.lines: list[str] = []
        self.records = 0
        self.malformed = 0
        self.left_out = 0

    def add(self, data: bytes, peer: str) -> None:
        rest = memoryview(b"")
        if len(data) > LARGE_SIZE:
            start = find_character(data, LARGE_SIZE)
            data, rest = data[:start], memoryview(data)[start:]
        malformed = None
        try:
            record = parse_record(data)
            if rest:
                check_rest(record, data, rest)
        except MalformedError as error:
            malformed = error.with_traceback(None)  # it would keep texts in memory
            if rest and malformed.offset == len(data):
                malformed.what = f"HEADER and STRUCTURED-DATA must end within {LARGE_SIZE:,} bytes"
            record = read_record(data)
            self.malformed += 1
        else:
            self.records += 1
        if self.wanted and not self.wanted.takes(record, data, peer):
            self.left_out += 1
        elif rest:
            self._write_large(record, malformed, data, rest, peer)
        else:
            self.lines.append(self.renderer.render(record, peer, malformed, data))

    def _write_large(
        self,
        record: Parsed,
        malformed: MalformedError | None,
        data: bytes,
        rest: memoryview,
        peer: str,
    ) -> None:
        """Write a record of megabytes in pieces, so that it is not in memory as a text."""
        self.flush()
        self.clear()
        decoder = getincrementaldecoder("utf-8")("surrogateescape")
        render = self.renderer.render_piece
        before, after = self.renderer.render_around(record, peer, malformed, data)
        write_all(1, (before + render(record.message)).encode())
        for start in range(0, len(rest), PIECE_SIZE):
            write_all(1, render(decoder.decode(rest[start : start + PIECE_SIZE])).encode())
        write_all(1, (render(decoder.decode(b"", True)) + after + "\n").encode())

    def add_malformed(self, error: MalformedError, data: bytes | bytearray, peer: str) -> None:
        """Take the bytes of a frame that is none, or not whole; the start of a record is read."""
        self.malformed += 1
        error.with_traceback(None)
        start = bytes(data[:SHOWN_SIZE])
        record = read_record(start) if has_pri(start) else None
        if self.wanted and not self.wanted.takes(record, start, peer):
            self.left_out += 1
        elif record:
            self.lines.append(self.renderer.render(record, peer, error, data))
        else:
            self.lines.append(self.renderer.render_broken(error, data, peer))

    def flush(self) -> None:
        """Write what was added. OSError: it could not be written."""
        if self.lines:
            self.lines.append("")
            data = "\n".join(self.lines).encode()
            self.lines.clear()
            self.clear()
            write_all(1, data)

    def say(self, text: str) -> None:
        """Write a line of this command's own, on standard error."""
        self.clear()
        sys.stderr.write(f"{escape(text)}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        if self.count_line:
            self.count_line.clear()

    def find_interval(self) -> float | None:
        """Return the seconds after which the counts are due; None: there is nobody to show them."""
        if not self.count_line or not self.count_line.is_shown:
            return None
        return COUNT_INTERVAL if self.count_line.is_standing else REDRAW_INTERVAL

    def show_counts(self) -> None:
        if self.count_line:
            self.count_line.show(self)

    def __str__(self) -> str:
        left_out = f", {self.left_out:,} left out" if self.wanted else ""
        return f"{count_of(self.records, 'record')}, {self.malformed:,} malformed{left_out}"
