"""An open file descriptor: standard output, a pipe, a serial console. It stays open."""

import select  # noqa: F401  # `push` asks at once whether there is space

from syslogfast._platform import system
from syslogfast.transports import OUT_OF_BUFFERS, name_error
from syslogfast.transports.poll import sleep, wait_ready
from syslogfast.transports.signal_mask import WithoutSigpipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url

# POSIX: a pipe takes so many bytes at once or not at all, and if poll() finds it writable, then
# without waiting; Linux's terminals mostly do, too.
PIPE_BUF = 4096

# There may be space later.
RETRYABLE = "ENOSPC", "EDQUOT", "EFBIG", *OUT_OF_BUFFERS


def reopen(descriptor: int) -> int:
    """Return a descriptor of our own of the same pipe or device, which never waits; else the same.

    The one that is given is another's, too, who would wonder if it were made non-blocking. What
    cannot be opened anew is asked whether it has space: a socket, or where there is no /proc.
    """
    kind = (
        system.fstat(descriptor).st_mode & 0o170000
    )  # OSError now rather than at the first record
    if kind not in (0o010000, 0o020000):  # a pipe, a character device
        return descriptor
    try:
        flags = system.O_WRONLY | system.O_NONBLOCK | system.O_NOCTTY
        return system.open(f"/proc/self/fd/{descriptor}", flags)
    except (OSError, AttributeError):
        return descriptor


class FdTransport:
    """Writes to a descriptor that somebody else opened and will close."""

    pinned = 0
    is_draining = False

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self._given = int(url.host)
        self._fd = self.descriptor = reopen(self._given)
        self._has_failed = False

    def push(self, queue: "Queue") -> "int":
        data = queue.peek()
        if data is None or (self._fd == self._given and not wait_ready(self._fd, 0)):
            return 0
        if len(data) > PIPE_BUF:
            data = data[:PIPE_BUF]
            # Up to the end of a record: so those of several processes on one pipe do not mix.
            end = bytes(data).rfind(b"\0" if self.url.framing == "nul" else b"\n") + 1
            if end and self.url.framing != "octet":
                data = data[:end]
        try:
            with WithoutSigpipe():
                return system.write(self._fd, data)
        except OSError as error:
            self._has_failed = not isinstance(error, BlockingIOError)
            if self._has_failed and (
                queue.at_record_boundary() or name_error(error) not in RETRYABLE
            ):
                raise
            return 0  # half a record is there: the other half has to follow

    def wait(self, timeout: "float") -> "None":
        if self._has_failed:
            sleep(timeout)
        else:
            wait_ready(self._fd, timeout)

    def close(self, timeout: "float") -> "None":
        self.abort()

    def abort(self) -> "None":
        own, self._fd = self._fd, self._given
        if own != self._given:
            system.close(own)
