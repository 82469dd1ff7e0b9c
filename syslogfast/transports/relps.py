"""RELP over TLS, as rsyslog's imrelp and omrelp have it with `tls="on"`."""

import errno
import ssl

from syslogfast.transports.relp import RelpTransport
from syslogfast.transports.signal_mask import WithoutSigpipe
from syslogfast.transports.tls import MAX_PIECE, connect_tls, explain_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from syslogfast.transports.url import Url


class RelpsTransport(RelpTransport):
    """A RELP session within a TLS connection."""

    def _connect(self, url: "Url", timeout: "float") -> "tuple[Any, float]":
        connection, deadline = connect_tls(url, timeout)
        return TlsSocket(connection), deadline

    def abort(self) -> "None":
        self._socket.abort()


class TlsSocket:
    """What a RELP session needs of a socket that does not block, over a TLS connection."""

    def __init__(self, connection: "Any") -> "None":
        self._connection = connection
        self.fileno, self.settimeout = connection.fileno, connection.settimeout
        self.setsockopt, self.abort = connection.setsockopt, connection.close

    def recv(self, size: "int") -> "bytes":
        try:
            with self._connection.lock:
                return self._connection.recv(size)  # type: ignore[no-any-return]
        except OSError as error:
            reject(error)

    def send(self, data: "memoryview", flags: "int") -> "int":
        """Send the first bytes; if there is no space, the same are to be given again."""
        try:
            with self._connection.lock, WithoutSigpipe():
                return self._connection.send(data[:MAX_PIECE])  # type: ignore[no-any-return]
        except OSError as error:
            reject(error)

    def close(self) -> "None":
        """Send close_notify, without waiting for an answer."""
        try:
            with self._connection.lock, WithoutSigpipe():
                self._connection.unwrap()
        except (OSError, ValueError):
            pass  # as far as it goes
        finally:
            self._connection.close()


def reject(error: "OSError") -> "NoReturn":
    """Raise what a plain socket would, or that one side does not accept the other."""
    if isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        raise BlockingIOError(errno.EAGAIN, "the connection is not ready") from None
    raise explain_error(error) from None
