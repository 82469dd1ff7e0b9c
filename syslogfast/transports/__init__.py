"""Transports: where bytes go. A transport knows framing and sockets, and nothing of headers."""

import errno

from syslogfast.transports.url import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from syslogfast.transports.queue_py import Queue

    class Transport(Protocol):
        """Takes records from a queue, as they are framed there.

        Its class may have a static method `prepare`, to import early what only some URLs need, and
        a method `note_network_change`, to look soon for a better way than the one that it has.
        """

        url: "Url"
        # Bytes of the queue after those taken that are on their way: not to be dropped meanwhile.
        pinned: "int"
        # Another transport takes over once no record is half sent, and none pinned: only that is to
        # be brought about.
        is_draining: "bool"
        # Where a whole record may be written as it is; -1: nowhere.
        descriptor: "int"

        def push(self, queue: "Queue") -> "int":
            """Hand over what can be without waiting; return how many bytes need no other try.

            0: the transport is full. RejectedRecordError: it does not take the first record.
            OSError: it broke; what has not been taken is to be sent anew, from the start of a
            record.
            """

        def wait(self, timeout: "float") -> "None":
            """Wait until `push` may have success, or until so many seconds have passed."""

        def close(self, timeout: "float") -> "None":
            """Wait, if possible, until all has arrived, then close. OSError: not all has."""

        def abort(self) -> "None":
            """Close the descriptor, and send nothing: it may be another process's, too."""


__all__ = ["PermanentError", "RejectedRecordError", "Url", "parse_url"]

# Another host might take it.
HOST_FAILURES = {
    *(errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN),
    *(errno.EPERM, errno.EACCES),
}


class RejectedRecordError(OSError):
    """The first record cannot go, and has to be dropped; `reason` is for the statistics."""

    def __init__(self, reason: "str", error: "OSError") -> "None":
        super().__init__(error.errno, error.strerror)
        self.reason = reason

    def is_of_host(self) -> "bool":
        """Return True if another host might take it."""
        return self.errno in HOST_FAILURES


class PermanentError(OSError):
    """A failure that no retry repairs, such as a collector with the wrong certificate."""
