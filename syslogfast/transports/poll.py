"""What the error of a send means, and waiting; `select` is imported by threads that wait."""

import errno
import time
from time import monotonic

from syslogfast._platform import find_original, has_greenlets, poll_descriptor, system
from syslogfast.constants import LONGEST_WAIT
from syslogfast.transports.exit_fork import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The kernel has no memory for this now, though poll() may say otherwise: to be tried again.
OUT_OF_BUFFERS = (errno.ENOBUFS, errno.ENOMEM)
GREENLET_PAUSE = 0.005  # seconds from one look whether another thread is through to the next
SHORTAGE_PAUSE = 0.01  # seconds until a send is tried again that found no memory

# There is nobody on the other side, or not any more.
REFUSALS = {errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE, errno.ENOENT}
# There is no way to the other side, or this side's address, which a socket keeps, is no more.
NO_ROUTES = {
    *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ENODEV),
}


def wait_ready(fd: "int", timeout: "float", to_read: "bool" = False) -> "bool":
    """Wait until a descriptor takes bytes, or has some; False if not within so many seconds."""
    with importing:
        import select  # noqa: F401  # for what is called here

    return poll_descriptor(fd, min(timeout, LONGEST_WAIT) * 1000, to_read)


def sleep(seconds: "float") -> "None":
    """Have this thread sleep: all of it, where greenlets share it."""
    find_original("time", "sleep")(seconds)


def await_lock(lock: "Any", timeout: "float") -> "bool":
    """Acquire a lock that another thread releases; other greenlets of this thread go on meanwhile.

    Return False if that was not within so many seconds.
    """
    if not has_greenlets():
        return bool(lock.acquire(True, timeout))
    deadline = monotonic() + timeout
    while not lock.acquire(False):
        if monotonic() >= deadline:
            return False
        time.sleep(GREENLET_PAUSE)  # gevent's or eventlet's, which has others go on
    return True


def limit_wait(deadline: "float") -> "float":
    """Return the seconds until then, by monotonic(), as many as a lock may be waited for."""
    return min(max(0.0, deadline - monotonic()), LONGEST_WAIT)


def add_jitter(delay: "float") -> "float":
    """Thousands may have lost the same collector: they should not all come back at once."""
    return delay * (0.5 + system.urandom(1)[0] / 256)


class Readiness:
    """Whether a socket takes more: what `push` has found, and `wait` waits for."""

    def __init__(self) -> "None":
        self._is_short = False

    def is_full(self, error: "OSError") -> "bool":
        """Return True if an error of a send means no more than that it has to be tried again."""
        self._is_short = error.errno in OUT_OF_BUFFERS
        return self._is_short or isinstance(error, BlockingIOError)

    def name_failure(self, error: "OSError") -> "str":
        """Return the reason for which a datagram failed; "full": it has to be tried again."""
        if self.is_full(error):
            return "full"
        if error.errno in REFUSALS:
            return "refused"
        if error.errno in NO_ROUTES:
            return "no route"
        return "too large" if error.errno == errno.EMSGSIZE else "error"

    def name_segment_failure(self, error: "OSError") -> "str":
        """Return which segments the kernel refuses; "": it does not refuse segmenting."""
        if self.is_full(error):
            return "full"
        if error.errno in (errno.EINVAL, errno.EMSGSIZE):
            return "this size"
        return "any size" if error.errno == errno.EIO else ""

    def wait(self, fd: "int", timeout: "float") -> "None":
        if self._is_short:
            self._is_short = False
            sleep(min(timeout, SHORTAGE_PAUSE))
        else:
            wait_ready(fd, timeout)
