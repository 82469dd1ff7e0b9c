"""Datagrams over a unix socket: unix(7)."""

from syslogfast.transports import name_error
from syslogfast.transports.datagram import DatagramTransport, connect_socket, load_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.datagram_socket import DatagramSocket

UNIX_OVERHEAD = 32  # bytes of its buffer that Linux keeps back

load_socket()  # a signal's handler that logs must not find it half done


class UnixTransport(DatagramTransport):
    """A connected unix datagram socket; connecting it never waits."""

    def _connect(self) -> "DatagramSocket":
        return connect_socket(self.url.host)

    def _reconnect(self, failure: "str") -> "None":
        """The collector may have made its socket anew: the old one is nobody's then."""
        try:
            self._socket, former = self._connect(), self._socket
        except OSError as error:
            if name_error(error) != "EPROTOTYPE":
                raise
            # That is no failure to tell of before the other kind has been tried, too.
            raise ConnectionResetError("the socket is of another kind now") from None
        former.close()

    def _find_limit(self, size: "int") -> "int":
        return self._socket.find_buffer_size() - UNIX_OVERHEAD
