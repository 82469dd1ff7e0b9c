"""What a program is told, beside the log, of records that cannot be sent: a line each time."""

# Said at once is what no waiting mends; after `timeout` what it may; at the end how many records
# were not sent. The worker says it, or who closes, or one whose datagrams are refused, who all must
# not wait for whoever reads standard error, or does not read it.

import atexit
import errno
import sys
from time import monotonic

from syslogfast._platform import call_at_fork, catch_up_with_fork, system
from syslogfast.transports import PermanentError
from syslogfast.transports.fd import reopen
from syslogfast.transports.poll import wait_ready
from syslogfast.transports.signal_mask import WithoutSigpipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal, TypeAlias

    from syslogfast.transports import Url
    from syslogfast.transports.queue_py import Queue

    OnFailure: TypeAlias = Callable[[str], object] | Literal[False] | None


# No waiting mends these either: the wrong kind of socket, a permission that is lacking.
LASTING = {
    *(errno.EPROTOTYPE, errno.EACCES, errno.EPERM, errno.ENOTSOCK),
    *(errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EBADF),
}


SAME_OUTAGE = 60.0  # seconds at most from one failure to the next, if both are of one outage


class FailureReporter:
    """Tells of a collector that is not reached, once for each reason.

    timeout: seconds for which what may pass is not told of.
    on_failure: called with each line, instead of writing it to standard error.
    """

    def __init__(self, queue: "Queue", timeout: float, on_failure: "OnFailure") -> None:
        self._queue = queue
        self._timeout = timeout
        self._on_failure = on_failure
        self._told: set[str] = set()
        self._since: float | None = None  # when what fails now began to fail, by monotonic()
        self._last = 0.0  # when it did last

    def note_recovery(self) -> None:
        """Take note that a transport has been up for a while: what fails next does so anew."""
        self._since = None

    def note_failure(self, url: "Url", error: OSError) -> None:
        """Take note of a failure, and tell of it if it is time."""
        now = monotonic()
        if self._since is None or now - self._last > max(self._timeout, SAME_OUTAGE):
            self._since = now
        self._last = now
        what = f"{url}: {error}"
        is_lasting = isinstance(error, PermanentError) or error.errno in LASTING
        is_due = is_lasting or now - self._since >= self._timeout
        if is_due and what not in self._told:
            counts = f"records waiting: {self._queue.count}, dropped: {count_drops(self._queue)}"
            if self._tell(f"{what}; {counts}"):
                self._told.add(what)  # else it is said with the next failure

    def report_end(self, what: str, reported: "dict[str, int]") -> None:
        """Tell how many records were not sent, but for those that the log itself tells of."""
        dropped = self._queue.count_all()["dropped"]
        lost = {reason: dropped[reason] - reported.get(reason, 0) for reason in dropped}
        report_lost(self._on_failure, what, lost)

    def leave_to_end(self, what: str) -> None:
        """Have it told at the end of the process: garbage is collected at any time."""
        if not _left:
            atexit.register(report_left)
        dropped = self._queue.count_all()["dropped"]
        _, lost = _left.setdefault((id(self._on_failure), what), (self._on_failure, {}))
        for reason, count in dropped.items():
            lost[reason] = lost.get(reason, 0) + count

    def _tell(self, line: str) -> bool:
        return tell(self._on_failure, line)


# What emitters that nobody has closed, and nobody holds any more, have left to be told: whom, and
# how many records were not sent, by the reason.
_left: "dict[tuple[int, str], tuple[OnFailure, dict[str, int]]]" = {}
call_at_fork("locks", "after_in_child", _left.clear)  # the parent tells of it


def report_left() -> None:
    catch_up_with_fork()
    for (_, what), (on_failure, lost) in _left.items():
        report_lost(on_failure, what, lost)
    _left.clear()


def report_lost(on_failure: "OnFailure", what: str, lost: "dict[str, int]") -> None:
    reasons = ", ".join([f"{reason}: {count}" for reason, count in lost.items() if count])
    if reasons:
        tell(on_failure, f"{what}; records not sent: {sum(lost.values())} ({reasons})")


def tell(on_failure: "OnFailure", line: str) -> bool:
    """Hand over a line; False if nobody takes it now."""
    try:
        if callable(on_failure):
            on_failure(line)
            return True
        return write_line(f"syslogfast: {line}\n")
    except Exception:  # of the program's own code, or there is no standard error
        return True


def count_drops(queue: "Queue") -> int:
    dropped: dict[str, int] = queue.count_all()["dropped"]
    return sum(dropped.values())


def write_line(line: str) -> bool:
    """Write a line to standard error; False if that has no space for it."""
    stream = sys.stderr
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        stream.write(line)  # an object of the program's own, or none
        return True
    return write_to_descriptor(descriptor, line.encode("utf-8", "backslashreplace"))


def write_to_descriptor(descriptor: int, data: bytes) -> bool:
    """Write without waiting; False if there is no space."""
    own = reopen(descriptor)
    try:
        if own == descriptor and not wait_ready(own, 0):
            return False
        with WithoutSigpipe():
            return system.write(own, data) > 0
    except BlockingIOError:
        return False
    finally:
        if own != descriptor:
            system.close(own)
