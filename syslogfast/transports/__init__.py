"""Transports: where bytes go, and what the error of a send means.

A transport knows framing and sockets, and nothing of headers.
"""

from time import monotonic

from syslogfast._platform import system
from syslogfast.constants import LONGEST_WAIT
from syslogfast.transports.url import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.protocol import Transport as Transport

__all__ = ["PermanentError", "Readiness", "RejectedRecordError", "Url", "parse_url"]

# Errors by their names, see `name_error`.
# Another host might take it.
HOST_FAILURES = "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EPERM", "EACCES"
# The kernel has no memory for this now, though poll() may say otherwise: to be tried again.
OUT_OF_BUFFERS = "ENOBUFS", "ENOMEM"
# There is nobody on the other side, or not any more.
REFUSALS = "ECONNREFUSED", "ECONNRESET", "ENOTCONN", "EPIPE", "ENOENT"
# There is no way to the other side, or this side's address, which a socket keeps, is no more.
NO_ROUTES = "ENETUNREACH", "EHOSTUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "ENODEV"

SHORTAGE_PAUSE = 0.01  # seconds until a send is tried again that found no memory


def name_error(error: "OSError") -> "str":
    """Return the name of an error, such as "ENOBUFS"; empty if it has none.

    Where nothing fails, nobody pays for the names of all: the interpreter has them in itself.
    """
    import errno

    # A signal's handler may find it half imported; then the error is one that has no name.
    names: dict[int, str] = getattr(errno, "errorcode", {})
    return names.get(error.errno or 0, "")


def limit_wait(deadline: "float") -> "float":
    """Return the seconds until then, by monotonic(), as many as a lock may be waited for."""
    return min(max(0.0, deadline - monotonic()), LONGEST_WAIT)


def add_jitter(delay: "float") -> "float":
    """Thousands may have lost the same collector: they should not all come back at once."""
    return delay * (0.5 + system.urandom(1)[0] / 256)


class RejectedRecordError(OSError):
    """The first record cannot go, and has to be dropped; `reason` is for the statistics."""

    def __init__(self, reason: "str", error: "OSError") -> "None":
        super().__init__(error.errno, error.strerror)
        self.reason = reason

    def is_of_host(self) -> "bool":
        """Return True if another host might take it."""
        return name_error(self) in HOST_FAILURES


class PermanentError(OSError):
    """A failure that no retry repairs, such as a collector with the wrong certificate."""


class Readiness:
    """Whether a socket takes more: what `push` has found, and `wait` waits for."""

    def __init__(self) -> "None":
        self._is_short = False

    def is_full(self, error: "OSError") -> "bool":
        """Return True if an error of a send means no more than that it has to be tried again."""
        self._is_short = name_error(error) in OUT_OF_BUFFERS
        return self._is_short or isinstance(error, BlockingIOError)

    def name_failure(self, error: "OSError") -> "str":
        """Return the reason for which a datagram failed; "full": it has to be tried again."""
        if self.is_full(error):
            return "full"
        name = name_error(error)
        if name in REFUSALS:
            return "refused"
        if name in NO_ROUTES:
            return "no route"
        return "too large" if name == "EMSGSIZE" else "error"

    def name_segment_failure(self, error: "OSError") -> "str":
        """Return which segments the kernel refuses; "": it does not refuse segmenting."""
        if self.is_full(error):
            return "full"
        name = name_error(error)
        if name in ("EINVAL", "EMSGSIZE"):
            return "this size"
        return "any size" if name == "EIO" else ""

    def wait(self, fd: "int", timeout: "float") -> "None":
        from syslogfast.transports.poll import sleep, wait_ready  # loaded by whoever waits

        if self._is_short:
            self._is_short = False
            sleep(min(timeout, SHORTAGE_PAUSE))
        else:
            wait_ready(fd, timeout)
