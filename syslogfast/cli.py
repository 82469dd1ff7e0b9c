"""The command `syslogfast`: sends lines of files, or of other programs, as syslog records."""

import argparse
import os
import signal
import stat
import sys
import time

from syslogfast import Encoder, __version__
from syslogfast._checks import check_facility, check_severity
from syslogfast.constants import MAX_SIZE, MAX_SIZE_RFC3164, MAX_SIZE_UDP, PROTOCOLS
from syslogfast.transports import Url, open_road, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would take a tenth of the time that the command does
    from collections.abc import Iterator
    from types import FrameType
    from typing import NoReturn

    from syslogfast.transports import Road

READ_SIZE = 1 << 17  # bytes of input taken at a time
BLOCK_SIZE = 1 << 18  # bytes of records that a stream is given at a time
PROGRESS_INTERVAL = 0.1  # seconds


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, as other tools do."""

    def error(self, message: str) -> "NoReturn":
        self.exit(2, f"{self.prog}: {message}\n")


def parse_priority(text: str) -> tuple[int, int]:
    """Return facility and severity of "local0.notice"; "notice" alone means user.notice."""
    facility, dot, severity = text.partition(".")
    if not dot:
        facility, severity = "user", text
    try:
        return check_facility(facility), check_severity(severity)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def parse_element(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return SD-ID and parameters of 'shop@32473 order=17 note="two words"'."""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    sd_id, pairs = (words[0], words[1:]) if words else ("", [])
    parameters = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{text!r}: {pair!r} is not NAME=VALUE")
        parameters.append((name, value))
    return sd_id, parameters


def parse_target(text: str) -> Url:
    try:
        return parse_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def check_readable(path: str) -> str:
    """Refuse a wrong FILE before anything is sent."""
    if path != "-":
        try:
            if stat.S_ISDIR(os.stat(path).st_mode):
                raise argparse.ArgumentTypeError(f"{path}: it is a directory")
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
        if not os.access(path, os.R_OK):
            raise argparse.ArgumentTypeError(f"{path}: it may not be read")
    return path


def make_formatter(prog: str) -> argparse.HelpFormatter:
    """Fit help to the terminal, without the import of shutil that argparse would do for it."""
    try:
        width = os.get_terminal_size().columns
    except OSError:
        width = 100
    return argparse.HelpFormatter(prog, width=width - 2)


def make_parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="syslogfast",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=make_formatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    send = commands.add_parser(
        "send",
        allow_abbrev=False,
        formatter_class=make_formatter,
        help="send one record a line, from files or standard input",
        description="Send one record a line, from files or standard input.",
    )
    add = send.add_argument
    add("files", nargs="*", type=check_readable, metavar="FILE", help="default: -, standard input")
    add(
        "--to",
        type=parse_target,
        metavar="URL",
        help="udp://HOST[:514], tcp://HOST[:601][?framing=lf|octet|nul] or fd://NUMBER;"
        " default: $SYSLOGFAST_URL, else standard output",
    )
    add("-m", "--message", metavar="TEXT", help="send one record with this text")
    add(
        "-p",
        "--priority",
        type=parse_priority,
        default=(1, 5),
        metavar="[FACILITY.]SEVERITY",
        help="keywords, such as local0.notice; default: user.notice",
    )
    add("-t", "--tag", "--app-name", dest="app_name", default="syslogfast", metavar="NAME")
    add("-i", "--id", action="store_true", help="write the process number of this command")
    add("--hostname", metavar="NAME", help="default: this host's")
    add("--msgid", metavar="ID")
    add(
        "--sd",
        action="append",
        type=parse_element,
        default=[],
        metavar="'ID NAME=VALUE ...'",
        help="an element of structured data; may be repeated",
    )
    add("--protocol", choices=PROTOCOLS, default="rfc5424")
    send.set_defaults(run=send_lines, parser=send)
    return parser


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
        self.shown = self.started
        self.live = sys.stderr.isatty()

    def add(self, lines: int, size: int) -> None:
        self.lines += lines
        self.bytes += size
        if self.live and time.monotonic() - self.shown >= PROGRESS_INTERVAL:
            self.shown = time.monotonic()
            sys.stderr.write(f"\r{self}\x1b[K")
            sys.stderr.flush()

    def close(self) -> None:
        sys.stderr.write(f"\r{self}\x1b[K\n" if self.live else f"{self}\n")

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
                self.road.send(self.block[:end])
                tally.add(1, end)
            return
        while lines:
            end, count = self.encoder.encode_many_into(self.block, self.severity, lines)
            self.road.send(self.block[:end])
            tally.add(count, end)
            lines = lines[count:]


def choose_target(options: argparse.Namespace) -> Url:
    if options.to:
        return options.to  # type: ignore[no-any-return]
    return parse_target(os.environ.get("SYSLOGFAST_URL") or "fd://1")


def make_encoder(options: argparse.Namespace, target: Url, max_size: int) -> Encoder:
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


def list_inputs(options: argparse.Namespace, interruption: Interruption) -> "Iterator[list[bytes]]":
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


def send_lines(options: argparse.Namespace) -> int:
    """Do what `syslogfast send` says; return the exit status."""
    if options.message is not None and options.files:
        options.parser.error("-m and FILE exclude each other")
    try:
        target = choose_target(options)
        max_size = MAX_SIZE_RFC3164 if options.protocol == "rfc3164" else MAX_SIZE
        if target.scheme == "udp":
            max_size = min(max_size, MAX_SIZE_UDP)
        encoder = make_encoder(options, target, max_size)
    except (ValueError, argparse.ArgumentTypeError) as error:
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


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments, or the process's; return the exit status."""
    options = make_parser().parse_args(arguments)
    return options.run(options)  # type: ignore[no-any-return]
