"""TCP (RFC 6587): framed records, one after the other."""

import _socket

from syslogfast.transports.addresses import look_up
from syslogfast.transports.readiness import wait_writable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.url import Url


def connect_stream(url: "Url", timeout: "float") -> "_socket.socket":
    """Return a socket connected to the first of the host's addresses that answers."""
    failure = None
    for family, kind, protocol, _, address in look_up(url, _socket.SOCK_STREAM):
        stream = _socket.socket(family, kind, protocol)
        try:
            stream.settimeout(timeout)
            stream.connect(address)
            return stream
        except OSError as error:
            stream.close()
            failure = error
    raise failure or OSError("the host has no address")


def count_unacknowledged(stream: "_socket.socket") -> "int":
    """Return how many bytes the peer's kernel has not confirmed; 0 where nobody can say."""
    try:
        from fcntl import ioctl
        from termios import TIOCOUTQ
    except ImportError:
        return 0
    return int.from_bytes(ioctl(stream.fileno(), TIOCOUTQ, bytes(4)), "little")


class TcpRoad:
    """A TCP connection, never waited for but in `wait` and `close`."""

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self._socket = connect_stream(url, timeout)
        self._socket.settimeout(0)

    def send(self, data: "memoryview") -> "int":
        """Look first whether the collector has gone: TCP takes bytes for it all the same."""
        try:
            if not self._socket.recv(4096):
                raise ConnectionResetError("the collector has closed the connection")
        except BlockingIOError:
            pass  # as it should be: collectors say nothing
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def wait(self, timeout: "float | None" = None) -> "None":
        wait_writable(self._socket.fileno(), timeout)

    def abort(self) -> "None":
        self._socket.close()

    def close(self, timeout: "float" = 5.0) -> "None":
        """Wait until the collector has acknowledged all, or has closed, too.

        TCP takes bytes for a collector that is gone and says so only afterwards.
        """
        try:
            self._socket.shutdown(_socket.SHUT_WR)
            self._socket.settimeout(0.01)
            waited = 0.0
            while True:
                try:
                    if not self._socket.recv(4096):
                        return
                except TimeoutError:
                    waited += 0.01
                    left = count_unacknowledged(self._socket)
                    if not left:
                        return
                    if waited >= timeout:
                        raise TimeoutError(f"{left} bytes are not acknowledged") from None
        finally:
            self._socket.close()
