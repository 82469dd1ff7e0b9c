"""Streams of framed records, one after the other: TCP (RFC 6587), unix streams, vsock."""

import _socket
import sys
from time import monotonic

from syslogfast._platform import find_constant
from syslogfast.transports import Readiness, name_error
from syslogfast.transports.resolve import look_up

try:
    import termios
    from fcntl import ioctl

    UNSENT: int = termios.TIOCOUTQ
except ImportError:
    UNSENT = 0  # Windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url

    StreamAddress: TypeAlias = "tuple[int, int, Any]"  # family, protocol, address

# A program may have given SIGPIPE its default, which is the end of it.
NO_SIGNAL = find_constant("MSG_NOSIGNAL") or 0
SOCKET = _socket.socket  # another may have a `send` of its own
SEND_BUFFER = 1 << 18  # bytes; else Linux takes 4 MB of a connection whose collector has stopped
SHORTEST_TIMEOUT = 0.001  # seconds
IDLE_TIMEOUT = 60  # seconds without an acknowledgement that make a peer a dead one
PROBES = 4  # of an idle connection, one each quarter of that time


def list_tcp_addresses(url: "Url") -> "list[StreamAddress]":
    """Return each address of the host, in the order in which they are to be tried."""
    found = look_up(url, False)
    return [(family, protocol, address) for family, _, protocol, _, address in found]


def enable_keepalive(stream: "_socket.socket", timeout: "int") -> "None":
    """Have the kernel find out when the peer has died without closing.

    timeout: seconds without an acknowledgement that make it a dead one; 0: it lives for ever.
    """
    if stream.family in (_socket.AF_INET, _socket.AF_INET6) and timeout:
        set_if_known(stream, _socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", timeout),
            ("TCP_KEEPINTVL", max(timeout // PROBES, 1)),
            ("TCP_KEEPCNT", PROBES),
            ("TCP_USER_TIMEOUT", timeout * 1000),
        ):
            number = find_constant(option)
            if number is not None:
                set_if_known(stream, _socket.IPPROTO_TCP, number, value)


def set_if_known(stream: "_socket.socket", level: "int", number: "int", value: "int") -> "None":
    """Set an option, unless the system has no more of it than the name, as WASI."""
    try:
        stream.setsockopt(level, number, value)
    except OSError as error:
        if name_error(error) != "ENOPROTOOPT":
            raise


def connect_stream(
    addresses: "list[StreamAddress]", deadline: "float", options: "dict[str, str]"
) -> "_socket.socket":
    """Return a socket connected to the first of these addresses that answers.

    deadline: by monotonic(). One that does not answer leaves each that follows its share of the
    time. options: of the URL.
    """
    failure = None
    source = options.get("bind")
    idle_timeout = int(options.get("keepalive", IDLE_TIMEOUT))
    for index, (family, protocol, address) in enumerate(addresses):
        left = deadline - monotonic()
        if failure and left <= 0:
            break
        stream = _socket.socket(family, _socket.SOCK_STREAM, protocol)
        try:
            stream.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SEND_BUFFER)
            enable_keepalive(stream, idle_timeout)
            if source is not None:
                stream.bind((source, 0))
            stream.settimeout(max(SHORTEST_TIMEOUT, left / (len(addresses) - index)))
            stream.connect(address)
            return stream
        except OSError as error:
            stream.close()
            failure = error
    try:
        raise failure or OSError("the host has no address")
    finally:
        del failure  # whose traceback has this frame


def connect_host(
    url: "Url",
    timeout: "float",
    list_addresses: "Callable[[Url], list[StreamAddress]]" = list_tcp_addresses,
) -> "tuple[_socket.socket, float]":
    """Return a connected socket, and until when, by monotonic(), all else has to be done.

    A look-up cannot be limited: after one that takes more than half of the time, half is left.
    """
    deadline = monotonic() + timeout
    addresses = list_addresses(url)
    deadline = max(deadline, monotonic() + timeout / 2)
    return connect_stream(addresses, deadline, url.options), deadline


def count_unacknowledged(stream: "_socket.socket") -> "int":
    """Return how many bytes the peer's kernel has not confirmed; 0 where nobody can say."""
    if not UNSENT:
        return 0
    try:
        return int.from_bytes(ioctl(stream.fileno(), UNSENT, bytes(4)), sys.byteorder)
    except OSError:
        return 0  # vsock


class StreamTransport:
    """A connection, never waited for but in `wait` and `close`.

    Each kind of stream says by `_list_addresses` where it leads.
    """

    pinned = 0
    is_draining = False

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self._readiness = Readiness()
        self._socket, _ = connect_host(url, timeout, self._list_addresses)
        self._socket.settimeout(0)
        self.descriptor = self._socket.fileno()

    def _list_addresses(self, url: "Url") -> "list[StreamAddress]":
        raise NotImplementedError

    def push(self, queue: "Queue") -> "int":
        if type(self._socket) is SOCKET:
            size = queue.send_stream(self.is_draining)
            if size >= 0:
                return size
        data = queue.peek(self.is_draining)
        return 0 if data is None else self._send(data)

    def _send(self, data: "memoryview") -> "int":
        """Look first whether the collector has gone: TCP takes bytes for it all the same."""
        try:
            if not self._socket.recv(4096):
                raise ConnectionResetError("the collector has closed the connection")
        except BlockingIOError:
            pass  # as it should be: collectors say nothing
        try:
            return self._socket.send(data, NO_SIGNAL)
        except OSError as error:
            if self._readiness.is_full(error):
                return 0
            raise

    def wait(self, timeout: "float") -> "None":
        from syslogfast.transports.poll import await_readiness  # loaded by whoever waits

        await_readiness(self._readiness, self._socket.fileno(), timeout)

    def abort(self) -> "None":
        self._socket.close()

    def close(self, timeout: "float") -> "None":
        """Wait until the collector has acknowledged all, or has closed, too.

        TCP takes bytes for a collector that is gone and says so only afterwards.
        """
        try:
            self._socket.shutdown(_socket.SHUT_WR)
            self._wait_for_acknowledgement(timeout)
        finally:
            self._socket.close()

    def _wait_for_acknowledgement(self, timeout: "float") -> "None":
        self._socket.settimeout(min(0.01, timeout))
        deadline = monotonic() + timeout
        while True:
            try:
                if not self._socket.recv(4096):
                    return
            except (TimeoutError, BlockingIOError):
                if not count_unacknowledged(self._socket):
                    return
            if monotonic() >= deadline:
                left = count_unacknowledged(self._socket)
                raise TimeoutError(f"{left} bytes are not acknowledged")


class TcpTransport(StreamTransport):
    """A connection to one of a host's addresses."""

    def _list_addresses(self, url: "Url") -> "list[StreamAddress]":
        return list_tcp_addresses(url)


class UnixStreamTransport(StreamTransport):
    """A connection to a unix socket of the kind SOCK_STREAM."""

    def _list_addresses(self, url: "Url") -> "list[StreamAddress]":
        return [(_socket.AF_UNIX, 0, url.host)]


class VsockTransport(StreamTransport):
    """A connection from a virtual machine to its host, or the other way round."""

    def _list_addresses(self, url: "Url") -> "list[StreamAddress]":
        return [(_socket.AF_VSOCK, 0, (int(url.host), url.port))]
