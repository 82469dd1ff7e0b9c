"""`syslogfast send`: lines of files, or of other programs, as syslog records."""

import os
import sys
from time import monotonic, sleep, time_ns

from syslogfast import Emitter, connect
from syslogfast.commands.delivery import BrokenError, Delivery
from syslogfast.commands.interruption import Interruption
from syslogfast.commands.logger_options import (
    join_elements,
    read_hostname,
    read_protocol,
    read_url,
)
from syslogfast.commands.progress import ProgressLine
from syslogfast.constants import FRAMING_SIZE
from syslogfast.transports.url import (
    agree_on_protocol,
    choose_max_size,
    parse_url_as,
    read_urls,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing alone would take a tenth of the time that the command does
    from collections.abc import Iterator, Sequence

    from syslogfast.commands.arguments import Values
    from syslogfast.transports import Url

QUEUE_SIZE = 1 << 23  # bytes
LINGER = 0.05  # seconds
DIVIDED_SIZE = 1 << 18  # bytes of a line that are divided at a time
WIDEST = 4  # octets that one of a line may take: an escape
CATCH_UP_TIME = 0.1  # seconds for which a rate may be exceeded where it was not reached before
MAX_PRIORITY = 191  # RFC 5424 6.2.1
CUT = 3  # the exit status where all was sent, but not whole


class Input:
    """What is to be sent: a text, or the lines of files."""

    def __init__(self, options: "Values") -> None:
        words: list[str] = options.words
        self.text: str | None = options.message
        self.paths: list[str] = [*options.file, *words]
        self._parser = options.parser
        self._follows: bool = options.follow
        if self.text is not None:
            if self.paths:
                self._parser.error("-m and FILE exclude each other")
        elif not self._follows:
            self._find_text(words)
        if self.text is None:
            self._check()

    def _find_text(self, words: list[str]) -> None:
        """Take words that are no files for a text, unless they look like some."""
        missing = [word for word in words if word != "-" and not os.path.lexists(word)]
        if not missing:
            return
        if len(missing) < len(words) or all(is_like_path(word) for word in words):
            self._parser.error(
                f"argument FILE: {missing[0]}: No such file or directory; a text has -m before it"
            )
        if len(words) < len(self.paths):
            self._parser.error("-f and TEXT exclude each other")
        self.text, self.paths = " ".join(words), []

    def _check(self) -> None:
        """Refuse a wrong FILE before anything is sent."""
        if self._follows and (not self.paths or "-" in self.paths):
            self._parser.error("--follow must have a FILE; what a pipe brings is followed anyway")
        self.paths = self.paths or ["-"]
        for path in self.paths:
            reason = find_fault(path, self._follows) if path != "-" else ""
            if reason:
                self._parser.error(f"argument FILE: {path}: {reason}")


def is_like_path(word: str) -> bool:
    """Return True for a word that is a file's name rather than one of a sentence."""
    return not any(char.isspace() for char in word) and ("/" in word or "." in word[1:-1])


def find_fault(path: str, may_be_missing: bool) -> str:
    """Return why a file cannot be read; empty if it can."""
    if os.path.isdir(path):
        return "it is a directory"
    try:
        os.stat(path)
    except FileNotFoundError as error:
        return "" if may_be_missing else str(error.strerror)
    except OSError as error:
        return str(error.strerror)
    return "" if os.access(path, os.R_OK) else "it may not be read"


class Pace:
    """Lets no more than so many lines go in a second."""

    def __init__(self, rate: float, interruption: Interruption) -> None:
        self._interval = 1 / rate
        self._next: float | None = None  # by monotonic(), when the next may go
        self._interruption = interruption

    def wait(self) -> None:
        now = monotonic()
        due = now if self._next is None else self._next
        if now < due:
            with self._interruption:
                sleep(due - now)
        self._next = max(due, now - CATCH_UP_TIME) + self._interval


def choose_urls(options: "Values") -> "Sequence[Url]":
    urls: list[Url] = list(options.to)
    url = read_url(options)
    if url:
        urls.append(url)
    if urls:
        return urls
    return [parse_url_as("SYSLOGFAST_URL", url) for url in read_urls() or ["fd://1"]]


def open_emitter(options: "Values", urls: "Sequence[Url]", lingers: bool) -> Emitter:
    protocol, max_size = read_protocol(options), options.max_size
    targets: list[str | Url] = list(urls)
    if options.no_act:  # all is done but to send it
        protocol = protocol or agree_on_protocol(list(urls))
        max_size = max_size or choose_max_size(list(urls), protocol)
        targets = [f"fd://{os.open(os.devnull, os.O_WRONLY)}"]
    return connect(
        *targets,
        linger=LINGER if lingers else None,
        on_failure=False,  # the command tells of it
        queue_bytes=max(QUEUE_SIZE, (max_size or 0) + FRAMING_SIZE),
        oversize="split" if options.split else "truncate",
        protocol=protocol,
        max_size=max_size,
        facility=options.priority[0],
        hostname=read_hostname(options),
        app_name=options.app_name,
        procid=str(os.getpid()) if options.i or options.id == "" else options.id or "-",
        msgid=options.msgid,
        structured_data=join_elements(options.sd),
    )


class Sending:
    """One run of the command: what it reads, puts into the queue, and tells."""

    def __init__(self, options: "Values", given: Input) -> None:
        self._started = monotonic()
        self._options = options
        self._given = given
        self._facility, self._severity = options.priority
        self._interruption = Interruption()
        urls = choose_urls(options)
        self._log = open_emitter(options, urls, given.text is None)
        self._is_output = any(url.scheme == "fd" and os.isatty(int(url.host)) for url in urls)
        hides = options.quiet or options.stderr or self._is_output or given.text is not None
        self._line = ProgressLine(not hides)
        self._delivery = Delivery(
            self._log, urls, options.retry, self._interruption, self._tell, self._refresh
        )
        self._pace = Pace(options.rate, self._interruption) if options.rate else None
        takes_each = options.prio_prefix or options.stderr or options.rate or options.split
        self._put = self._put_each if takes_each else self._put_all
        self._by_facility = {self._facility: self._log}
        self._lines = 0  # that were put one by one
        self._read, self._put_end = b"", 0  # the lines that were read last; where those end
        self._max_size = self._log._encoder.max_size
        # Where standard error is closed, its number may be another's.
        has_copy = options.stderr and sys.stderr is not None
        self._copy = self._log._encoder.replace(framing=None) if has_copy else None

    def run(self) -> int:
        """Send all; return the exit status."""
        problem = ""
        try:
            try:
                problem = self._send()
            except KeyboardInterrupt:
                pass
            except BrokenError as error:
                problem = self._explain(error)
            self._delivery.abandon()
            return self._sum_up(problem)
        except KeyboardInterrupt:  # somebody has asked twice
            self._line.tell(self._describe())
            os._exit(128 + self._interruption.number)

    def _send(self) -> str:
        """Return what could not be read, if something could not."""
        problem = ""
        delivery = self._delivery
        if self._given.text is not None:
            self._put_one(self._given.text.encode(errors="surrogateescape"))
        else:
            from syslogfast.commands.lines import UnreadableError

            delivery.open()
            try:
                for lines in self._list_lines():
                    if lines:
                        self._put(lines)
                    delivery.check()
                    self._refresh("")
            except UnreadableError as error:
                problem = str(error)
        delivery.finish()
        delivery.close()
        return problem

    def _list_lines(self) -> "Iterator[bytes]":
        from syslogfast.commands.lines import STANDARD_INPUT, LineCutter, TextCheck, read_lines

        # One byte more than fits tells the encoder that it has to truncate.
        longest = DIVIDED_SIZE if self._options.split else self._max_size + 1
        sources = []
        for path in self._given.paths:
            check = TextCheck(STANDARD_INPUT if path == "-" else path, self._tell)
            sources.append((path, LineCutter(longest, self._options.split), check))
        if self._options.follow:
            from syslogfast.commands.follow import FollowedFile, follow_lines

            from_end = self._options.from_end
            files = [FollowedFile(*source, from_end, self._tell) for source in sources]
            yield from follow_lines(files, self._interruption)
            return
        for source in sources:
            if not self._interruption.number:
                yield from read_lines(*source, self._interruption)

    # --- into the queue --------------------------------------------------------------------------

    def _put_all(self, lines: bytes) -> None:
        """Queue lines, however long the collector takes for them."""
        if self._options.skip_empty:
            lines = leave_out_empty(lines)
        log, end = self._log, 0
        self._read = lines
        while True:
            end = self._put_end = log._emit_lines(self._severity, lines, end)
            if end >= len(lines):
                return
            self._delivery.wait_for_space(log._queue.limit // 2)

    def _put_each(self, lines: bytes) -> None:
        """Queue lines one by one: each has a priority of its own, a copy, or its time."""
        start = self._put_end = 0
        self._read = lines
        while start < len(lines):
            end = lines.find(b"\n", start)
            end = len(lines) if end < 0 else end
            line = lines[start:end]
            log, severity = self._log, self._severity
            if self._options.prio_prefix and line[:1] == b"<":
                log, severity, line = self._read_priority(line)
            if not (self._options.skip_empty and not line.rstrip(b"\r")):
                self._put_line(log, severity, line)
            start = self._put_end = min(end + 1, len(lines))

    def _put_line(self, log: Emitter, severity: int, line: bytes) -> None:
        queue = self._log._queue
        size = self._max_size + FRAMING_SIZE
        if self._options.split and WIDEST * len(line) > size // 2:
            size = queue.limit  # for all of its parts
        if queue.count and queue.limit - queue.size < size:
            self._delivery.wait_for_space(size)
        if self._pace:
            self._pace.wait()
        self._lines += 1
        if self._copy is None:
            log.emit(severity, line)
            return
        now = time_ns()
        encoder = self._copy if log is self._log else log._encoder.replace(framing=None)
        record = encoder.encode(severity, line, time_ns=now)
        log.emit(severity, line, time_ns=now)
        try:
            os.write(2, record + b"\n")
        except OSError:
            pass  # nobody looks

    def _put_one(self, text: bytes) -> None:
        """Queue a text, whatever is in it, as one record."""
        self._put_line(self._log, self._severity, text)

    def _read_priority(self, line: bytes) -> tuple[Emitter, int, bytes]:
        """Return what "<134>" at the begin of a line stands for, and the rest of the line."""
        end = line.find(b">", 1, 5)
        digits = line[1:end] if end > 1 else b""
        if not digits.isdigit() or int(digits) > MAX_PRIORITY:
            return self._log, self._severity, line
        facility, severity = divmod(int(digits), 8)
        facility = facility if int(digits) >= 8 else self._facility
        if facility not in self._by_facility:
            self._by_facility[facility] = self._log.child(facility=facility)
        return self._by_facility[facility], severity, line[end + 1 :]

    # --- what is told ----------------------------------------------------------------------------

    def _tell(self, text: str) -> None:
        self._line.tell(f"{self._options.parser.prog}: {text}")

    def _refresh(self, state: str) -> None:
        if self._line.is_shown and self._line.is_due():
            self._line.show(f"{self._describe(is_over=False)}{state and ', '}{state}")

    def _count(self) -> tuple[int, int]:
        """Return how many records were sent, and how many there are, as far as was read."""
        stats = self._log.stats
        rest = self._read.count(b"\n", self._put_end)
        if self._put_end < len(self._read) and not self._read.endswith(b"\n"):
            rest += 1
        return stats["sent"], stats["offered"] + rest

    def _describe(self, is_over: bool = True) -> str:
        """Return what was sent; once it is over, of how many."""
        elapsed = max(monotonic() - self._started, 1e-9)
        stats = self._log.stats
        sent, total = self._count()
        count = f"{sent:,} of {total:,}" if is_over and sent < total else f"{sent:,}"
        if self._options.split and self._lines != total:
            count += f" records of {self._lines:,}"
            total = self._lines
        truncated = f", {stats['truncated']:,} of them truncated" if stats["truncated"] else ""
        target = f"{self._delivery.name}{' (--no-act)' if self._options.no_act else ''}"
        return (
            f"{count} {'line' if total == 1 else 'lines'}{truncated}, {stats['bytes']:,} bytes"
            f" to {target} in {elapsed:.2f} s: {stats['sent'] / elapsed:,.0f} records/s"
        )

    def _explain(self, error: BrokenError) -> str:
        sent, total = self._count()
        counts = f"; sent: {sent:,} of {total:,}" if total > 1 else ""
        tip = f"{error.tip and '; '}{error.tip}"
        return f"cannot send to {self._delivery.name}: {error.reason}{counts}{tip}"

    def _sum_up(self, problem: str) -> int:
        """Tell how it ended; return the exit status."""
        interrupted = self._interruption.number
        sent, total = self._count()
        truncated = self._log.stats["truncated"]
        is_looked_at = self._options.verbose or (os.isatty(2) and not self._options.quiet)
        self._line.clear()
        if interrupted or is_looked_at:
            self._line.tell(self._describe())
        if not problem and sent < total and not interrupted:
            reasons = ", ".join([f"{why}: {n:,}" for why, n in self._log.stats["dropped"].items()])
            problem = f"not sent: {total - sent:,} of {total:,} ({reasons})"
        if problem:
            self._tell(problem)
        if truncated:
            tip = "--max-size takes longer ones"
            tip += "" if self._options.split else ", --split divides them"
            self._tell(f"cut to {self._max_size:,} octets: {truncated:,} of {total:,}; {tip}")
        if interrupted:
            return 128 + interrupted
        return 1 if problem else CUT if truncated else 0


def leave_out_empty(lines: bytes) -> bytes:
    """Return the lines that have a character beside their end."""
    if b"\n\n" not in lines and b"\n\r\n" not in lines and lines[:1] not in (b"\n", b"\r"):
        return lines
    return b"\n".join([line for line in lines.split(b"\n") if line.rstrip(b"\r")])


def send_lines(options: "Values") -> int:
    """Do what `syslogfast send` says; return the exit status."""
    given = Input(options)
    try:
        sending = Sending(options, given)
    except ValueError as error:
        options.parser.error(str(error))
    return sending.run()
