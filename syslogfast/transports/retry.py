"""Which of the URLs is tried, and when: in their order, with growing pauses, back to the first."""

import sys
from time import monotonic

from syslogfast._platform import IS_LINUX, system
from syslogfast.constants import FIRST_DELAY, FOREVER
from syslogfast.transports import (
    IMPORT_FAILURES,
    PermanentError,
    add_jitter,
    importing,
    name_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from syslogfast.transports import Transport, Url
    from syslogfast.transports.drop_report import DropReporter
    from syslogfast.transports.failure_report import FailureReporter, OnFailure
    from syslogfast.transports.queue_py import Queue

LONGEST_DELAY = 30.0  # seconds from a failure to the next try, unless a URL says otherwise
MIN_UPTIME = 1.0  # seconds: a transport that breaks sooner has failed, too
FIRST_FAILBACK_DELAY = 1.0  # seconds on another transport until the ones before it are tried again


def needs_waiting(url: "Url") -> "bool":
    """Return True if this transport takes time to open: a name to look up, a connection to make."""
    return not url.opens_at_once()


def load_transport(loader: "str") -> "Callable[[Url, float], Transport]":
    """Return the class that a row of SCHEMES names; nobody pays for another's import."""
    module, _, name = loader.partition(":")
    with importing:
        return getattr(__import__(module, None, None, [name]), name)  # type: ignore[no-any-return]


def load_transport_early(url: "Url") -> "None":
    """Import what `emit` will need, so that no signal's handler finds it half imported.

    What cannot be imported, such as an `ssl` that is missing, is an error when it is opened.
    """
    try:
        scheme = url.find_transport_scheme()
        prepare = getattr(load_transport(scheme.loader), "prepare", None)
        if prepare:
            prepare(url)
    except IMPORT_FAILURES:
        pass


def load_worker_early(urls: "Sequence[Url]", lingers: "bool") -> "None":
    """Import what waits, and what returns to an earlier URL, if that may be needed.

    lingers: records may have to wait though there is a transport that takes them.

    What cannot be imported now is tried again by those who need it.
    """
    has_alternatives = len(urls) > 1
    try:
        with importing:
            if lingers or has_alternatives or needs_waiting(urls[0]):
                from syslogfast.transports import failure_report, worker  # noqa: F401
            if has_alternatives:
                from syslogfast.transports import failback  # noqa: F401
    except IMPORT_FAILURES:
        pass


def open_transport(url: "Url", timeout: "float") -> "Transport":
    """Open a transport; OSError if that takes more than `timeout` seconds or fails."""
    scheme = url.find_transport_scheme()
    try:
        return load_transport(scheme.loader)(url, timeout)
    except OSError as error:
        if name_error(error) != "EPROTOTYPE" or scheme.other_loader is None:
            raise
    return load_transport(scheme.other_loader)(url, timeout)


class RetryPolicy:
    """The URLs of one sender, and the record of what opening them has come to.

    queue, on_failure: those of FailureReporter.
    reconnects: transports opened after the first. error: what has gone wrong since one was opened,
    last.
    """

    def __init__(
        self,
        urls: "Sequence[Url]",
        timeout: "float",
        queue: "Queue",
        on_failure: "OnFailure",
    ) -> "None":
        self.urls = urls
        self.timeout = timeout  # seconds that opening a transport may take
        self._queue = queue
        self._on_failure = on_failure
        self._failed: Url = urls[0]  # where `error` was
        longest = [float(url.options.get("retry", LONGEST_DELAY)) for url in urls]
        self._longest_delay = min(longest)
        self.reset_after_fork()

    def __del__(self) -> "None":
        """Leave it to the end to tell of records of an emitter that nobody has closed, or holds."""
        reporter = getattr(self, "_reporter", None)
        if reporter and self.failure:
            reporter.leave_to_end(self.failure)

    def reset_after_fork(self) -> "None":
        """Forget when what was tried: this is another process."""
        self.reconnects = 0
        self.error: OSError | None = None
        self._reporter: FailureReporter | None = None
        self._opened_before = False
        self._first = 0  # which URL to begin with
        self._opened = self._tried = self.next_try = monotonic() - MIN_UPTIME
        self._delay = FIRST_DELAY
        self._failback_delay = FIRST_FAILBACK_DELAY
        self.next_failback = FOREVER

    def enable_slow_start(self) -> "None":
        """Have datagrams go out slowly at first, on transports that are opened from now on."""
        for url in self.urls:
            url.uses_slow_start = True
        load_worker_early(self.urls, True)

    def can_open_at_once(self) -> "bool":
        return len(self.urls) == 1 and not needs_waiting(self.urls[0]) and self.is_due()

    def is_due(self) -> "bool":
        return monotonic() >= self.next_try

    def reset_backoff(self) -> "None":
        """Try at once, with short pauses again: the network has changed."""
        self.next_try = monotonic()
        self._delay = FIRST_DELAY

    def retry_soon(self) -> "None":
        """Try soon: a thread waits for that."""
        self.next_try = min(self.next_try, self._tried + FIRST_DELAY)

    def open(self, deadline: "float" = FOREVER) -> "Transport | None":
        """Open the first of the transports that can be opened; None, and a pause, if none can.

        deadline: by monotonic(), of one who waits for this.
        """
        self._tried = monotonic()
        first = self._first
        self._first = 0
        for index in [*range(first, len(self.urls)), *range(first)]:
            if monotonic() >= deadline:
                self._first = index  # it has its turn the next time
                break
            transport = self._try(self.urls[index], deadline)
            if transport:
                self._on_opened(index)
                return transport
        self._back_off()
        return None

    def open_preferred(self, transport: "Transport") -> "Transport | None":
        """Open one of the transports that stand before this one; None if none can be opened."""
        for index in range(self.urls.index(transport.url)):
            earlier = self._try(self.urls[index])
            if earlier:
                self._on_opened(index)
                return earlier
        self._failback_delay = min(2 * self._failback_delay, self._longest_delay)
        self.next_failback = monotonic() + add_jitter(self._failback_delay)
        return None

    def on_broken(self, transport: "Transport", error: "OSError") -> "None":
        """Take note that a transport has broken, and find out when to try again, and which."""
        was_up = monotonic() - self._opened >= MIN_UPTIME
        if was_up and self._reporter:
            self._reporter.note_recovery()
        self.note_failure(transport.url, error)
        self.next_failback = FOREVER
        self._first = (self.urls.index(transport.url) + 1) % len(self.urls)  # each has its turn
        if was_up:
            self._delay = FIRST_DELAY
            self.next_try = monotonic()
        else:
            self._back_off()

    def close_transport(self, transport: "Transport", timeout: "float") -> "None":
        """Close a transport, and take note if not all that the kernel had taken has arrived."""
        try:
            transport.close(timeout)
        except OSError as error:
            self.note_failure(transport.url, error)
        except ValueError:
            pass  # another thread has found it broken, and closed it

    def on_connected(self, url: "Url") -> "None":
        """Take note that this URL is in use: those before it are to be tried again."""
        is_first = url is self.urls[0]
        self.next_failback = FOREVER if is_first else monotonic() + add_jitter(self._failback_delay)

    def _try(self, url: "Url", deadline: "float" = FOREVER) -> "Transport | None":
        try:
            timeout = min(self.timeout or FIRST_DELAY, deadline - monotonic())
            transport = open_transport(url, max(0.0, timeout))
        except OSError as error:
            self.note_failure(url, error)
            return None
        except MemoryError:
            self.note_failure(url, OSError("there is no memory for it"))
            return None
        except Exception as error:  # there is no ssl here; a name that cannot be one
            self.note_failure(url, PermanentError(f"{type(error).__name__}: {error}"))
            return None
        self.error = None
        return transport

    @property
    def failure(self) -> "str | None":
        """What has gone wrong since a transport was opened, if anything, and where."""
        return f"{self._failed}: {self.error}" if self.error else None

    def _on_opened(self, index: "int") -> "None":
        self._opened = monotonic()
        self.reconnects += self._opened_before
        self._opened_before = True
        if index == 0:
            self._failback_delay = FIRST_FAILBACK_DELAY
        self.on_connected(self.urls[index])

    def note_failure(self, url: "Url", error: "OSError") -> "None":
        """Take note of what has gone wrong, and have the program told of it if it is time."""
        # Its frames have the sender, which nobody could free then but the garbage collector.
        error.__traceback__ = error.__context__ = None
        self._failed, self.error = url, error
        reporter = self._find_reporter()
        if reporter:
            reporter.note_failure(url, error)

    def report_end(self, drop_reporter: "DropReporter | None") -> "None":
        """Have the program told of what was not sent, unless a record of the log tells of it."""
        if self.error is None and not self._queue.drops_since:
            return
        reporter = self._find_reporter()
        if reporter:
            reported: dict[str, int] = {}
            if drop_reporter and not self.error:
                # The last report may be among what has been dropped as "closed" just now.
                is_lost = "closed" in self._queue.count_all()["dropped"]
                reported = drop_reporter.reported_before if is_lost else drop_reporter.reported
            reason = "closed" if self._opened_before else "not connected yet"
            reporter.report_end(self.failure or f"{self.urls[0]}: {reason}", reported)
            self._reporter = None
        else:
            self._tell_plainly()
        self._on_failure = False  # that was the last word

    def _tell_plainly(self) -> "None":
        """Do without what cannot even be loaded, for want of a descriptor."""
        lost = sum(self._queue.count_all()["dropped"].values())
        if self._on_failure is False or not lost:
            return
        line = f"{self.failure or self.urls[0]}; records not sent: {lost}"
        try:
            if self._on_failure:
                self._on_failure(line)
            else:
                write_unaided(f"syslogfast: {line}\n")
        except Exception:  # of the program's own code, or there is no standard error
            pass

    def _find_reporter(self) -> "FailureReporter | None":
        """Return what tells of failures, made if need be; None if it cannot be loaded now."""
        if self._reporter is None and self._on_failure is not False:
            try:
                with importing:  # rarely needed
                    from syslogfast.transports.failure_report import FailureReporter

                self._reporter = FailureReporter(self._queue, self.timeout, self._on_failure)
            except IMPORT_FAILURES:
                pass  # the next failure is told of
        return self._reporter

    def _back_off(self) -> "None":
        self.next_try = monotonic() + add_jitter(self._delay)
        self._delay = min(2 * self._delay, self._longest_delay)


def write_unaided(line: "str") -> "None":
    """Write a line to standard error as failure_report.py does, which cannot be loaded now.

    Nothing waits for who reads it, or does not; where nobody can, there is no SIGPIPE.
    """
    stream: Any = sys.stderr
    if not IS_LINUX:
        stream.write(line)
        return
    import _signal as signals  # type: ignore[import-not-found]  # which is built in

    descriptor = stream.fileno()
    was_blocking = system.get_blocking(descriptor)
    # As in signal_mask.py: what blocks may have a handler called, which may raise.
    before = signals.pthread_sigmask(signals.SIG_BLOCK, ())
    was_pending = signals.SIGPIPE in signals.sigpending()
    try:
        signals.pthread_sigmask(signals.SIG_BLOCK, {signals.SIGPIPE})
        system.set_blocking(descriptor, False)
        system.write(descriptor, line.encode("utf-8", "backslashreplace"))
    except BrokenPipeError:
        if not was_pending:
            signals.sigtimedwait({signals.SIGPIPE}, 0)  # it is of this write
    finally:
        system.set_blocking(descriptor, was_blocking)
        signals.pthread_sigmask(signals.SIG_SETMASK, before)
