"""A unix socket whose kind is another than the one that a URL's framing is for: unix(7).

syslog(3) takes a /dev/log of either kind, and so does this package. What is queued has the URL's
framing: it is put into the other kind's here, one record at a time.
"""

from syslogfast.transports.stream import UnixStreamTransport
from syslogfast.transports.unix_datagram import UnixTransport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url


class TerminatedStreamTransport(UnixStreamTransport):
    """A stream for records without a framing: each ends with a NUL, as syslog(3) ends them."""

    def __init__(self, url: "Url", timeout: "float") -> "None":
        super().__init__(url, 0.0)  # who emits may open it, and waits for nothing
        self.descriptor = -1  # what is written as it is would have no end
        self._unsent = memoryview(b"")  # of the first record, and its end

    def push(self, queue: "Queue") -> "int":
        if not self._unsent:
            data = queue.peek(True)
            if data is None:
                return 0
            # With controls="keep" a text may have one, too.
            self._unsent = memoryview(bytes(data).replace(b"\0", b"#000") + b"\0")
            self.pinned = len(data)
        self._unsent = self._unsent[self._send(self._unsent) :]
        if self._unsent:
            return 0
        size, self.pinned = self.pinned, 0
        return size


class UnframedTransport(UnixTransport):
    """Datagrams for records with a framing, which is left out: each is one of its own."""

    def push(self, queue: "Queue") -> "int":
        data = queue.peek(True)
        if data is None:
            return 0
        if self.url.framing == "octet":  # RFC 6587 3.4.1: MSG-LEN SP SYSLOG-MSG
            record = data[bytes(data[:20]).index(b" ") + 1 :]
        else:
            record = data[:-1]
        return len(data) if self._send(queue, record) else 0
