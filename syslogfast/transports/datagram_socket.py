"""The socket of datagrams, over CPython's own module: the specification that `_c` must match.

What is compiled has one of its own, for UDP in Linux: see `_c/datagram_socket.h`. This is for unix
sockets, for addresses with a zone, for other systems and without the compiled module.
"""

import _socket
import sys

from syslogfast._platform import SOL_UDP, UDP_SEGMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class DatagramSocket(_socket.socket):
    """A socket that does not block, connected; for datagrams that never waits.

    address: the path of a unix socket, or a literal address and what `connect` takes behind it.
    source: the address of this host that the datagrams are to come from. OSError: it cannot be.
    """

    def __init__(self, address: "Any", source: "str | None" = None) -> "None":
        if not isinstance(address, tuple):
            family = _socket.AF_UNIX
        else:
            family = _socket.AF_INET6 if ":" in address[0] else _socket.AF_INET
        super().__init__(family, _socket.SOCK_DGRAM)
        try:
            self.settimeout(0)
            if source is not None:
                self.bind((source, 0))
            self.connect(address)
        except BaseException:
            self.close()
            raise

    def send_segments(self, data: "memoryview", segment: "int") -> "int":
        """Send datagrams of so many bytes, but for a shorter last, in one call (udp(7))."""
        ancillary = ((SOL_UDP, UDP_SEGMENT, segment.to_bytes(2, sys.byteorder)),)
        return self.sendmsg((data,), ancillary)

    def take_error(self) -> "int":
        """Return the error number of a datagram before, once; 0: there was none."""
        return self.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)

    def find_source(self) -> "object":
        """Return what stands for the address of this host that the datagrams come from."""
        return self.getsockname()[0]

    def find_buffer_size(self) -> "int":
        """Return how many bytes may wait in a unix socket, which C has none of (socket(7))."""
        return self.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF)
