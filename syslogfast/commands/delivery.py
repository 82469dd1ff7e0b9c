"""How a command gets its records to their collectors: it waits, fails over, and tells why."""

import sys
from time import monotonic, sleep

from syslogfast.transports import PermanentError, name_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from syslogfast import Emitter
    from syslogfast.commands.interruption import Interruption
    from syslogfast.transports import Url

LOOK_INTERVAL = 0.2  # seconds between two looks whether the transport has failed
FIRST_PAUSE = 0.0005  # seconds until the first of these where a transport is opened
GRACE = 0.5  # seconds to send what has been read, once a signal has come
LAST_LOOK = 0.1  # seconds of that which are left in any case
STALL_TIME = 5.0  # seconds that a collector takes nothing until that is told
CLOSING_TIME = 5.0  # seconds to close a transport that has sent all

TIPS = {
    "ECONNREFUSED": "does a collector listen there? --retry waits for one",
    "ENOENT": "does a collector listen there? --retry waits for one",
    "EACCES": "may this user write there?",
    "EPERM": "may this user write there?",
    "ENOSPC": "make space there, and send it again",
}
OUTPUT_TIPS = {"ENOSPC": TIPS["ENOSPC"]}  # where nothing can be tried again


class BrokenError(Exception):
    """The transport has failed: what was sent may not have arrived.

    reason: why; tip: what to try, if something can be.
    """

    def __init__(self, reason: str, tip: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.tip = tip


class NoReports:
    """Stands for a sender's DropReporter: the command itself tells what was lost.

    So all that its emitter counts are the user's records.
    """

    is_due = False

    def __init__(self, log: "Emitter") -> None:
        self._queue = log._queue
        self.reported: dict[str, int] = {}
        self.reported_before = self.reported
        log._sender._reporter = self  # type: ignore[assignment]

    def find_delay(self) -> None:
        return None

    def report(self, is_last: bool = False) -> bool:
        self._queue.drops_since = 0
        return True


def describe_target(url: "Url") -> str:
    return "standard output" if url.scheme == "fd" and url.host == "1" else str(url)


def describe_error(error: OSError) -> str:
    return error.strerror or str(error)


class Delivery:
    """An emitter's way to its collectors, as long as the command may wait for that.

    retries: whether it waits for a collector that cannot be reached. tell: takes a line for the
    user; look: is called while something is waited for, with what that is, if it is long.
    """

    def __init__(
        self,
        log: "Emitter",
        urls: "Sequence[Url]",
        retries: bool,
        interruption: "Interruption",
        tell: "Callable[[str], None]",
        look: "Callable[[str], None]",
    ) -> None:
        self._sender = log._sender
        self._policy = self._sender.retry_policy
        self._queue = log._queue
        self._interruption = interruption
        self._tell = tell
        self._look = look
        self.name = ", ".join([describe_target(url) for url in urls])
        self._is_output = all(url.scheme == "fd" for url in urls)
        self._are_datagrams = all(url.scheme in ("udp", "unix") and not url.framing for url in urls)
        self._retries = retries and not self._is_output
        self._fails_over = len(urls) > 1
        self._reconnects = 0  # that have been told
        self._told = ""
        NoReports(log)
        # The policy forgets why a transport broke as soon as another one is open.
        self._last_error: OSError | None = None
        self._note_failure = self._policy.note_failure
        self._policy.note_failure = self._keep_failure  # type: ignore[method-assign]
        if self._retries:
            # A datagram that is refused waits then, too, as it would for another host.
            self._sender._has_alternatives = True

    def _keep_failure(self, url: "Url", error: OSError) -> None:
        self._last_error = error
        self._note_failure(url, error)

    def open(self) -> None:
        """Open a transport before there is a record; BrokenError: there can be none.

        That takes a thread of its own: no signal interrupts the look-up of a name.
        """
        from syslogfast.transports.threads import Thread

        sender = self._sender
        worker = sender._get_worker()
        if worker is None:
            return
        try:
            Thread(sender).start(worker.open)
        except (RuntimeError, MemoryError):
            worker.open()
        pause = FIRST_PAUSE
        while sender._transport is None and not self._have_all_failed():
            with self._interruption:
                sleep(pause)
            pause = min(2 * pause, LOOK_INTERVAL)
            self._look("connecting")
        self.check()

    def check(self) -> None:
        """Tell what has gone wrong; BrokenError: the command cannot go on."""
        policy = self._policy
        error = policy.error
        if policy.reconnects > self._reconnects:
            if self._is_output and self._last_error:
                raise self._explain(self._last_error)
            if not self._retries and not self._fails_over:
                raise BrokenError("the connection broke", "--retry goes on after that")
            self._tell_of_break(is_first=not self._reconnects)
            self._reconnects = policy.reconnects
        if error is None:
            self._told = ""
        elif not self._retries and (not self._fails_over or self._have_all_failed()):
            raise self._explain(error)
        elif self._have_all_failed() and self._told != (what := describe_error(error)):
            self._told = what
            self._tell(f"cannot send to {self.name}: {what}; waiting for it")

    def wait_for_space(self, size: int) -> None:
        """Wait until the queue has space for so many bytes; BrokenError: it never will."""
        queue = self._queue
        self._wait(lambda: not queue.count or queue.limit - queue.size >= size)

    def finish(self) -> None:
        """Wait until all is sent, however long that takes; BrokenError: it cannot be."""
        self._wait(lambda: not self._queue.count)
        self.check()

    def close(self) -> None:
        """Close the transport when the collector has all; BrokenError: it does not."""
        if self._interruption.number:
            self._sender.close(GRACE)
            return
        self._await_acknowledgement()
        with self._interruption:
            self._sender.close(CLOSING_TIME)
        error = self._policy.error
        if error is not None:
            raise self._explain(error)

    def _await_acknowledgement(self) -> None:
        """Wait until a collector's kernel has all that ours has taken for it, as TCP does."""
        stream = sys.modules.get("syslogfast.transports.stream")
        transport: Any = self._sender._transport
        if stream is None or not isinstance(transport, stream.StreamTransport):
            return
        since, pause = monotonic(), FIRST_PAUSE
        last, is_told = -1, False
        while left := stream.count_unacknowledged(transport._socket):
            now = monotonic()
            if left != last:
                last, since = left, now
            elif now - since >= STALL_TIME and not is_told:
                is_told = True
                self._tell(f"{self.name} takes nothing; waiting for it")
            with self._interruption:
                sleep(pause)
            pause = min(2 * pause, LOOK_INTERVAL)
            self._look("waiting" if now - since >= 1 else "")

    def abandon(self) -> None:
        """Close it now; what is on its way at a signal has a moment to be accounted for."""
        signal = self._interruption
        left = max(signal.since + GRACE - monotonic(), LAST_LOOK) if signal.number else 0.0
        self._sender.close(left)

    def _wait(self, is_over: "Callable[[], bool]") -> None:
        sender, interruption = self._sender, self._interruption
        last, since, is_told = -1, monotonic(), False
        while not is_over():
            sender.pump(opens=False)
            if is_over():
                break
            now = monotonic()
            if interruption.number and now >= interruption.since + GRACE:
                raise KeyboardInterrupt
            if self._queue.size != last:
                last, since = self._queue.size, now
            is_long = now - since >= STALL_TIME and self._policy.error is None
            if is_long and not is_told:
                is_told = True
                self._tell(f"{self.name} takes nothing; waiting for it")
            self._look("waiting" if now - since >= 1 else "")
            sender._wait(now + LOOK_INTERVAL)
            self.check()

    def _tell_of_break(self, is_first: bool) -> None:
        if not self._are_datagrams:
            self._tell("the connection broke: what was on its way may not have arrived")
        elif is_first and not self._told:  # each try is one more
            self._tell(f"{self.name} refuses datagrams; waiting for it")

    def _have_all_failed(self) -> bool:
        """Return True if each URL has been tried, in vain, since one was open."""
        policy = self._policy
        is_open = self._sender._transport is not None
        return not is_open and policy._opened < policy._tried < policy.next_try

    def _explain(self, error: OSError) -> BrokenError:
        name = name_error(error)
        if self._is_output:
            tip = OUTPUT_TIPS.get(name, "")
        elif isinstance(error, PermanentError):
            tip = ""  # no waiting mends it
        elif type(error).__name__ == "gaierror":
            tip = "is the name right? --retry waits for it"
        else:
            tip = TIPS.get(name, "--retry waits for it")
        return BrokenError(describe_error(error), tip)
