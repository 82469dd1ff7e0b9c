"""Transports: where bytes go. A transport knows framing and sockets, and nothing of headers."""

from syslogfast.transports.exit_fork import importing
from syslogfast.transports.url import Url, parse_url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from syslogfast.transports.queue_py import Queue

    class Transport(Protocol):
        """Takes records from a queue, as they are framed there."""

        url: "Url"
        # Bytes of the queue after those taken that are on their way: not to be dropped meanwhile.
        pinned: "int"
        # Another transport takes over once no record is half sent, and none pinned: only that is to
        # be brought about.
        is_draining: "bool"
        # Where a whole record may be written as it is; -1: nowhere.
        descriptor: "int"

        def push(self, queue: "Queue") -> "int":
            """Hand over what can be without waiting: how many bytes are taken for good.

            0: the transport is full. RejectedRecordError: it does not take the first record.
            OSError: it broke; what has not been taken is to be sent anew, from the start of a
            record.
            """

        def wait(self, timeout: "float") -> "None":
            """Wait until `push` may have success, or until so many seconds have passed."""

        def close(self, timeout: "float") -> "None":
            """Make as sure as it can that all has arrived, then close. OSError: not all has."""

        def abort(self) -> "None":
            """Close the descriptor at once, and tell nobody: it may be another process's, too."""


__all__ = ["PermanentError", "RejectedRecordError", "Url", "open_transport", "parse_url"]


class RejectedRecordError(OSError):
    """The first record cannot go, and has to be dropped; `reason` is for the statistics."""

    def __init__(self, reason: "str", error: "OSError") -> "None":
        super().__init__(error.errno, error.strerror)
        self.reason = reason

    def is_of_host(self) -> "bool":
        """Return True if another host might take it."""
        with importing:
            from syslogfast.transports.poll import HOST_FAILURES  # rarely needed

        return self.errno in HOST_FAILURES


class PermanentError(OSError):
    """What waiting will not mend, such as a collector that cannot show that it is the right one."""


def load_transport(url: "Url") -> "Callable[[Url, float], Transport]":
    """Return what opens the transport that a URL names, given the seconds that it may take.

    Each transport is imported on first use, so that nobody pays for another's.
    """
    with importing:
        if url.scheme == "udp":
            from syslogfast.transports.datagram import UdpTransport

            return UdpTransport
        if url.scheme == "unix" and url.framing is None:
            from syslogfast.transports.datagram import UnixTransport

            return UnixTransport
        if url.scheme == "fd":
            from syslogfast.transports.fd import FdTransport

            return FdTransport
        if url.scheme == "tls":
            from syslogfast.transports.tls import TlsTransport

            return TlsTransport
        if url.scheme == "relp":
            from syslogfast.transports.relp import RelpTransport

            return RelpTransport
        from syslogfast.transports.stream import StreamTransport

        return StreamTransport


def open_transport(url: "Url", timeout: "float") -> "Transport":
    """Open a transport; OSError if that takes more than `timeout` seconds or fails."""
    return load_transport(url)(url, timeout)
