"""`syslogfast send`: lines of files, or of other programs, as syslog records."""

import os
import signal
import sys
import time

from syslogfast import Emitter, connect
from syslogfast.commands.progress import ProgressLine
from syslogfast.transports import Url
from syslogfast.transports.url import parse_url_as, read_urls

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would take a tenth of the time that the command does
    from argparse import Namespace
    from collections.abc import Iterator
    from types import FrameType

READ_SIZE = 1 << 16  # bytes of input taken at a time
QUEUE_SIZE = 1 << 23  # bytes
LINGER = 0.05  # seconds
CHECK_INTERVAL = 0.2  # seconds between two looks whether the transport has failed


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


def read_lines(fd: int, interruption: Interruption) -> "Iterator[bytes]":
    """Yield the lines of a file as they come, many at a time, the last without LF."""
    pieces: list[bytes] = []
    while data := interruption.read(fd):
        end = data.rfind(b"\n") + 1
        if end:
            yield b"".join([*pieces, data[:end]]) if pieces else data[:end]
            pieces = []
        pieces.append(data[end:])
    if last := b"".join(pieces):
        yield last


class Tally:
    """What was sent, and how fast; shown while it goes on if somebody looks."""

    def __init__(self, target: str, log: Emitter) -> None:
        self.target = target
        self.log = log
        self.started = time.monotonic()
        self.line = ProgressLine()

    def refresh(self) -> None:
        if self.line.is_shown and self.line.is_due():
            self.line.show(str(self))

    def close(self) -> None:
        self.line.end(str(self))

    def __str__(self) -> str:
        elapsed = max(time.monotonic() - self.started, 1e-9)
        stats = self.log.stats
        truncated = f", {stats['truncated']:,} of them truncated" if stats["truncated"] else ""
        return (
            f"{stats['offered']:,} lines{truncated}, {stats['bytes']:,} bytes to {self.target}"
            f" in {elapsed:.2f} s: {stats['offered'] / elapsed:,.0f} records/s"
        )


def choose_target(options: "Namespace") -> Url:
    if options.to:
        return options.to  # type: ignore[no-any-return]
    urls = read_urls() or ["fd://1"]
    if len(urls) > 1:
        raise ValueError("SYSLOGFAST_URL names several collectors: --to has to name one")
    return parse_url_as("SYSLOGFAST_URL", urls[0])


def open_emitter(options: "Namespace", target: Url) -> Emitter:
    elements: dict[str, list[tuple[str, str]]] = {}
    for sd_id, parameters in options.sd:
        elements.setdefault(sd_id, []).extend(parameters)
    return connect(
        target,
        linger=LINGER,
        on_failure=False,  # the command tells of it at its end
        queue_bytes=QUEUE_SIZE,
        protocol=options.protocol,
        facility=options.priority[0],
        hostname=options.hostname,
        app_name=options.app_name,
        procid=os.getpid() if options.id else "-",
        msgid=options.msgid,
        structured_data=elements,
    )


class BrokenError(Exception):
    """The transport has failed: what was sent may not have arrived."""


def check_transport(log: Emitter) -> None:
    """BrokenError: something has gone wrong, so that records are lost, or may be."""
    retry_policy = log._sender.retry_policy
    if retry_policy.error:
        raise BrokenError(retry_policy.error.strerror or str(retry_policy.error))
    if retry_policy.reconnects:
        raise BrokenError("the connection broke")


def send_batch(log: Emitter, severity: int, lines: bytes) -> None:
    """Queue lines, however long the collector takes for them; BrokenError: it has gone."""
    end = 0
    while end < len(lines):
        end = log._emit_lines(severity, lines, end)
        if end < len(lines):
            finish(log)
        check_transport(log)


def finish(log: Emitter) -> None:
    """Wait until all is sent, however long that takes; BrokenError: it cannot be."""
    while not log.flush(CHECK_INTERVAL):
        check_transport(log)


def list_inputs(options: "Namespace", interruption: Interruption) -> "Iterator[bytes]":
    for path in options.files or (["-"] if options.message is None else []):
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
        log = open_emitter(options, target)
    except ValueError as error:
        options.parser.error(str(error))
    interruption = Interruption()
    signal.signal(signal.SIGINT, interruption)
    name = "standard output" if target.scheme == "fd" and target.host == "1" else str(target)
    tally = Tally(name, log)
    try:
        log._sender.open()
        check_transport(log)
        if options.message is not None:  # whatever is in it, that is one record
            log.emit(options.priority[1], options.message.encode(errors="surrogateescape"))
        for lines in list_inputs(options, interruption):
            send_batch(log, options.priority[1], lines)
            tally.refresh()
        finish(log)
        log.close()
        check_transport(log)
    except (BrokenError, UnreadableError) as error:
        log.close(0)
        tally.close()
        what = f"cannot send to {name}: {error}" if isinstance(error, BrokenError) else str(error)
        sys.stderr.write(f"{options.parser.prog}: {what}\n")
        return 1
    except KeyboardInterrupt:
        interruption.came = True
    tally.close()
    return 130 if interruption.came else 0
