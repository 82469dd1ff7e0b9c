"""An open file descriptor: standard output, a pipe, a serial console. It stays open."""

import errno
import select  # noqa: F401  # `push` asks at once whether there is space
from time import sleep

from syslogfast._platform import system
from syslogfast.transports.poll import OUT_OF_BUFFERS, wait_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url

# POSIX: a pipe that poll() finds writable takes so many bytes without waiting; Linux's terminals
# do, too. The descriptor is another's, who would wonder if it were made non-blocking.
PIPE_BUF = 4096

# There may be space later.
RETRYABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, *OUT_OF_BUFFERS}


class FdTransport:
    """Writes to a descriptor that somebody else opened and will close."""

    pinned = 0
    is_draining = False

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self._fd = self.descriptor = int(url.host)
        self._has_failed = False
        system.fstat(self._fd)  # OSError now rather than at the first record

    def push(self, queue: "Queue") -> "int":
        data = queue.peek()
        if data is None or not wait_ready(self._fd, 0):
            return 0
        if len(data) > PIPE_BUF:
            data = data[:PIPE_BUF]
            # Up to the end of a record: so those of several processes on one pipe do not mix.
            end = bytes(data).rfind(b"\0" if self.url.framing == "nul" else b"\n") + 1
            if end and self.url.framing != "octet":
                data = data[:end]
        try:
            return system.write(self._fd, data)
        except OSError as error:
            self._has_failed = not isinstance(error, BlockingIOError)
            if self._has_failed and (queue.at_record_boundary() or error.errno not in RETRYABLE):
                raise
            return 0  # half a record is there: the other half has to follow

    def wait(self, timeout: "float") -> "None":
        if self._has_failed:
            sleep(timeout)
        else:
            wait_ready(self._fd, timeout)

    def close(self, timeout: "float") -> "None":
        pass

    def abort(self) -> "None":
        pass
