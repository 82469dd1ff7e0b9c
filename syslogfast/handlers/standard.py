"""The standard library's SysLogHandler as Python 3.14 has it, on every Python from 3.11 on.

What earlier ones lack is `timeout`.
"""

import logging
import logging.handlers
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def open_socket(address: "Any", kind: int, timeout: float) -> tuple[socket.socket, int]:
    """Return a socket for the first of a host's addresses that will do, and its kind; OSError."""
    host, port = address
    failure = OSError("the host has no address")
    for family, found, protocol, _, found_address in socket.getaddrinfo(host, port, 0, kind):
        opened = None
        try:
            opened = socket.socket(family, found, protocol)
            opened.settimeout(timeout)
            if found == socket.SOCK_STREAM:
                opened.connect(found_address)
            return opened, found
        except OSError as error:
            failure = error
            if opened is not None:
                opened.close()
    try:
        raise failure
    finally:
        del failure  # whose traceback has this frame


class StandardSysLogHandler(logging.handlers.SysLogHandler):
    """A logging.handlers.SysLogHandler. What it adds is in the newest Python's, too."""

    socket: "Any"
    socktype: "Any"
    # A handler may have one of its own, whatever typeshed says.
    priority_map: "dict[str, str]"  # type: ignore[misc]

    def __init__(self, address: "Any", facility: int | str, socktype: "Any", timeout: "Any"):
        if sys.version_info >= (3, 14):
            super().__init__(address, facility, socktype, timeout)
            return
        self.timeout = timeout
        super().__init__(address, facility, socktype)

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
            """Open the socket; to connect to a host takes no longer than `timeout`."""
            if isinstance(self.address, str) or not self.timeout:
                super().createSocket()
                return
            self.unixsocket = False
            kind = socket.SOCK_DGRAM if self.socktype is None else self.socktype
            self.socket, self.socktype = open_socket(self.address, kind, self.timeout)

    def close(self) -> None:
        """Close the socket, if there is one: PyPy as Debian 12 has it does not ask."""
        if self.socket:
            super().close()
        else:
            logging.Handler.close(self)


def is_replaced(handler: object, method: "Any", original: object) -> bool:
    """Return True if what is called as a handler's method is another than the standard library's.

    original: as the library has it now, which a program may have replaced since it was imported.
    To look for it in the handler's `__dict__` would make all its attributes slower.
    """
    return getattr(method, "__func__", None) is not original or method.__self__ is not handler
