"""What a transport has, for type checkers and for whoever writes one: nothing imports it."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url


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
