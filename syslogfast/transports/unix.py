"""Datagrams to a socket in the file system, such as /dev/log (unix(7))."""

import _socket

from syslogfast.transports.datagram import DatagramRoad

OVERHEAD = 32  # bytes of its buffer that Linux keeps back


class UnixRoad(DatagramRoad):
    """A connected unix datagram socket; connecting it never waits."""

    def _connect(self) -> "_socket.socket":
        datagrams = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            datagrams.connect(self.url.host)
            datagrams.settimeout(0)
        except OSError:
            datagrams.close()
            raise
        return datagrams

    def _reconnect(self, error: "OSError") -> "None":
        """The collector may have made its socket anew: the old one is nobody's then."""
        self._socket, former = self._connect(), self._socket
        former.close()

    def _find_limit(self) -> "int":
        return self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF) - OVERHEAD
