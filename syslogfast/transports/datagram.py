"""What UDP and unix datagrams have in common: one record, one datagram, taken whole or not."""

from syslogfast.transports import UndeliverableError
from syslogfast.transports.lifespan import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from syslogfast.transports._queue_py import Queue
    from syslogfast.transports.readiness import Readiness
    from syslogfast.transports.url import Url

NO_LIMIT = 1 << 62


class DatagramRoad:
    """A connected socket for datagrams, which sends the records of a queue one by one."""

    held = 0
    is_leaving = False

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self._limit = NO_LIMIT  # bytes of a datagram: what has been found out about it
        self._readiness: Readiness | None = None  # until a send has failed
        self._socket = self._connect()

    def _connect(self) -> "_socket.socket":
        """Return a socket that does not block, connected; OSError if there can be none."""
        raise NotImplementedError

    def _reconnect(self, error: "OSError") -> "None":
        """See what can be done about a refusal; OSError: nothing."""
        raise NotImplementedError

    def _find_limit(self) -> "int":
        """Return the bytes that a datagram can have, as far as the kernel tells."""
        raise NotImplementedError

    def push(self, queue: "Queue") -> "int":
        data = queue.peek(True)
        if data is None:
            return 0
        return self._send(queue, data)

    def _send(self, queue: "Queue", data: "memoryview") -> "int":
        """Send one record; if the first try is refused, which is the one before's fault, again."""
        was_refused = False
        while True:
            try:
                if len(data) > self._limit:
                    return self._send_shortened(queue, data)
                self._socket.send(data)
                self._confirm()
                return len(data)
            except UndeliverableError:
                raise
            except OSError as error:
                failure = self._get_readiness().name_failure(error)
                if failure == "full":
                    return 0
                if failure == "refused":
                    if was_refused:
                        raise
                    self._reconnect(error)
                    was_refused = True
                elif failure == "too large" and len(data) <= self._limit:
                    self._limit = min(self._find_limit(), len(data) - 1)
                else:
                    raise UndeliverableError(failure, error) from None

    def _get_readiness(self) -> "Readiness":
        if self._readiness is None:
            with importing:
                from syslogfast.transports.readiness import Readiness  # most never need it

            self._readiness = Readiness()
        return self._readiness

    def _confirm(self) -> "None":
        """Look whether what was sent has been refused already."""

    def _send_shortened(self, queue: "Queue", data: "memoryview") -> "int":
        with importing:
            import errno  # rarely needed

            from syslogfast._shorten import shorten_record

        record = shorten_record(bytes(data), self._limit)
        if record is None:
            error = OSError(errno.EMSGSIZE, f"no room for a header in {self._limit} bytes")
            raise UndeliverableError("too large", error)
        self._socket.send(record)
        queue.cuts += 1
        return len(data)

    def wait(self, timeout: "float") -> "None":
        self._get_readiness().wait(self._socket.fileno(), timeout)

    def abort(self) -> "None":
        self._socket.close()

    def close(self, timeout: "float") -> "None":
        self._socket.close()
