"""UDP (RFC 5426): one record, one datagram; whether it arrives, nobody says."""

import _socket

from syslogfast.transports.addresses import look_up
from syslogfast.transports.readiness import wait_writable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.url import Url


class UdpRoad:
    """A connected UDP socket, so that a host without a collector can at least refuse."""

    def __init__(self, url: "Url") -> "None":
        self.url = url
        self._addresses = look_up(url, _socket.SOCK_DGRAM)
        self._proven = False
        self._socket = self._connect_next()

    def _connect_next(self) -> "_socket.socket":
        """Go on to the next address of the host: "localhost" has two, and one may be deaf."""
        failure = OSError("the host has no other address")
        while self._addresses:
            family, kind, protocol, _, address = self._addresses.pop(0)
            datagrams = _socket.socket(family, kind, protocol)
            try:
                datagrams.connect(address)
                datagrams.settimeout(0)
                return datagrams
            except OSError as error:
                datagrams.close()
                failure = error
        raise failure

    def _check(self) -> "None":
        """Raise what became of the datagram before; a refusal on this host is known at once."""
        error = self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if error:
            from os import strerror

            raise OSError(error, strerror(error))

    def send(self, data: "memoryview") -> "int":
        while True:
            try:
                size = self._socket.send(data)
                if not self._proven:
                    self._check()
            except BlockingIOError:
                return 0
            except ConnectionRefusedError:
                if self._proven or not self._addresses:
                    raise
                self._socket, refused = self._connect_next(), self._socket
                refused.close()
            else:
                self._proven = True
                return size

    def wait(self, timeout: "float | None" = None) -> "None":
        wait_writable(self._socket.fileno(), timeout)

    def abort(self) -> "None":
        self._socket.close()

    def close(self, timeout: "float" = 0.0) -> "None":
        try:
            self._check()
        finally:
            self._socket.close()
