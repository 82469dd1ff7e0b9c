"""The standard library's SysLogHandler as Python 3.14 has it, on every Python from 3.10 on.

What 3.10 lacks came with 3.11: `createSocket`, by which a handler that was closed, or could not
connect, opens its socket later. `timeout` came with 3.14.
"""

import logging
import logging.handlers
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def open_socket(address: "Any", kind: int, timeout: float | None) -> tuple[socket.socket, int]:
    """Return a socket for the first of a host's addresses that will do, and its kind; OSError."""
    host, port = address
    failure = OSError("the host has no address")
    for family, found, protocol, _, found_address in socket.getaddrinfo(host, port, 0, kind):
        opened = None
        try:
            opened = socket.socket(family, found, protocol)
            if timeout:
                opened.settimeout(timeout)
            if found == socket.SOCK_STREAM:
                opened.connect(found_address)
            return opened, found
        except OSError as error:
            failure = error
            if opened is not None:
                opened.close()
    raise failure


class StandardSysLogHandler(logging.handlers.SysLogHandler):
    """A logging.handlers.SysLogHandler. What it adds is in the newest Python's, too."""

    socket: "Any"
    socktype: "Any"

    def __init__(self, address: "Any", facility: int | str, socktype: "Any", timeout: "Any"):
        if sys.version_info >= (3, 14):
            super().__init__(address, facility, socktype, timeout)
            return
        self.timeout = timeout
        if sys.version_info >= (3, 11):
            super().__init__(address, facility, socktype)
            return
        self._keep(address, facility, socktype, timeout)
        self.createSocket()

    def _keep(self, address: "Any", facility: int | str, socktype: "Any", timeout: "Any") -> None:
        """Be a handler with these attributes, and with no socket."""
        logging.Handler.__init__(self)
        self.address = address
        self.facility = facility  # type: ignore[assignment]  # a str is taken, too
        self.socktype = socktype
        self.timeout = timeout
        self.socket = None
        self.unixsocket = isinstance(address, (str, bytes))

    if sys.version_info < (3, 14):

        def createSocket(self) -> None:  # noqa: N802
            """Open the socket; not for a unix socket is it an error that nobody listens yet."""
            is_path = isinstance(self.address, str)
            if sys.version_info >= (3, 11) and (is_path or not self.timeout):
                super().createSocket()
                return
            self.unixsocket = is_path
            if not is_path:
                kind = socket.SOCK_DGRAM if self.socktype is None else self.socktype
                self.socket, self.socktype = open_socket(self.address, kind, self.timeout)
                return
            try:
                self._connect_unixsocket(self.address)  # type: ignore[attr-defined]
            except OSError:
                pass  # as openlog(3) does; it is tried again for each record

    if sys.version_info < (3, 11):

        def emit(self, record: logging.LogRecord) -> None:
            try:
                if not self.socket:
                    self.createSocket()
            except Exception:
                self.handleError(record)
            else:
                super().emit(record)

        def close(self) -> None:
            self.acquire()
            try:
                opened, self.socket = self.socket, None
                if opened:
                    opened.close()
                logging.Handler.close(self)
            finally:
                self.release()
