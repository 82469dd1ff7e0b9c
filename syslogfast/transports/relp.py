"""RELP (librelp's doc/relp.md): a stream whose collector acknowledges each record.

A frame is TXNR SP COMMAND SP DATALEN [SP DATA] LF. What has not been acknowledged when the
connection breaks is sent anew, so that it may arrive twice, but it does arrive.
"""

import _socket
import re
from collections import deque
from time import monotonic

from syslogfast._platform import find_constant
from syslogfast.transports import Readiness
from syslogfast.transports.poll import await_readiness, wait_ready
from syslogfast.transports.stream import IDLE_TIMEOUT, NO_SIGNAL, connect_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url

OFFERS = b"relp_version=0\nrelp_software=syslogfast\ncommands=syslog"
LAST_NUMBER = 999_999_999  # of a transaction, before 1; 0 is for what is not answered
WINDOW = 128  # records that may be without an acknowledgement, as in librelp
MAX_RESPONSE = 1 << 14  # bytes of data in a frame that comes; those of rsyslog have 90 at most
HEADER = re.compile(rb"(\d{1,9}) ([A-Za-z]{1,32}) (?:0\n|(\d{1,9}) )")
LONGEST_HEADER = 53  # bytes
LF = 0x0A
QUICK_ACK = find_constant("TCP_QUICKACK")  # Linux


def reject_frame(received: "bytes") -> "NoReturn":
    raise OSError(f"the collector does not speak RELP: {received[:40]!r}")


class RelpTransport:
    """A RELP session, never waited for once it is open but in `wait` and `close`."""

    descriptor = -1  # each record is numbered

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self.pinned = 0  # bytes of the records in flight
        self.is_draining = False
        # Queue bytes of each command without a response, the oldest first: 0 but for "syslog".
        self._flight: deque[int] = deque()
        self._oldest = 1  # its number
        self._early: set[int] = set()  # numbers of those acknowledged before an older one
        self._taken = 0  # bytes acknowledged that `push` has not returned yet
        self._unsent = memoryview(b"")  # rest of the frames that the kernel did not take
        self._received = b""  # start of a frame
        self._response = b""  # data of the last
        self._answered = 0.0  # when there was a response last, or none to wait for, by monotonic()
        self._failure: OSError | None = None
        self._readiness = Readiness()
        self._socket, deadline = self._connect(url, timeout)
        try:
            self._socket.settimeout(0)
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            self._send_command(b"open", OFFERS)
            self._finish(deadline)
            self._check_offers()
        except OSError:
            self._socket.close()
            raise

    def _connect(self, url: "Url", timeout: "float") -> "tuple[Any, float]":
        """Return a connected socket, and until when, by monotonic(), all else has to be done."""
        return connect_host(url, timeout)

    def push(self, queue: "Queue") -> "int":
        """Return what has been acknowledged; if nothing, send what the window has space for."""
        taken = self._take()
        if not taken:
            # Where half of the window is in flight, more of it would only make smaller batches.
            has_space = len(self._flight) <= WINDOW // 2 and not self.is_draining
            if has_space and not self._unsent:
                self._unsent = memoryview(self._render(queue))
            self._send()
        return taken

    def wait(self, timeout: "float") -> "None":
        if self._unsent:
            await_readiness(self._readiness, self._socket.fileno(), timeout)
        else:
            wait_ready(self._socket.fileno(), timeout, to_read=True)

    def abort(self) -> "None":
        self._socket.close()

    def close(self, timeout: "float") -> "None":
        """Wait until all has been acknowledged, then end the session."""
        deadline = monotonic() + timeout
        try:
            self._finish(deadline)
            try:
                self._send_command(b"close", b"")
                self._finish(deadline)
            except OSError:
                pass  # whatever the collector makes of this, it has all records
        finally:
            self._socket.close()

    # --- to the collector ------------------------------------------------------------------------

    def _find_number(self) -> "int":
        """Return the number of the next transaction."""
        return (self._oldest + len(self._flight) - 1) % LAST_NUMBER + 1

    def _render(self, queue: "Queue") -> "bytes":
        """Return the frames of the next records; those in flight are the first in the queue."""
        records = queue.peek_records()
        if records is None:
            return b""
        data, ends = records
        number = self._find_number()
        start = self.pinned
        pieces: list[bytes | memoryview] = []
        for end in ends[len(self._flight) : WINDOW]:
            size = end - start
            pieces += b"%d syslog %d " % (number, size), data[start:end], b"\n"
            self._flight.append(size)
            number = number % LAST_NUMBER + 1
            start = end
        self.pinned = start
        return b"".join(pieces)

    def _check_offers(self) -> "None":
        """Raise OSError unless the response to "open" has what the specification demands."""
        commands = self._response.partition(b"\ncommands=")[2].partition(b"\n")[0]
        if b"relp_version=" not in self._response or b"syslog" not in commands.split(b","):
            raise OSError(f"the collector does not offer to take syslog: {self._response[:100]!r}")

    def _send_command(self, name: "bytes", data: "bytes") -> "None":
        text = b" " + data if data else b""
        frame = b"%d %b %d%b\n" % (self._find_number(), name, len(data), text)
        self._answered = monotonic()  # all was answered before
        self._flight.append(0)
        self._unsent = memoryview(frame)
        self._send()

    def _send(self) -> "None":
        if self._unsent:
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent, NO_SIGNAL) :]
            except OSError as error:
                if not self._readiness.is_full(error):
                    raise

    # --- from the collector ----------------------------------------------------------------------

    def _finish(self, deadline: "float") -> "None":
        """Wait until there is a response to each command."""
        while self._flight:
            left = max(0.0, deadline - monotonic())
            self.wait(left)
            self._take()
            self._send()
            if self._flight and not left:
                raise TimeoutError(f"the collector owes {len(self._flight)} responses")

    def _take(self) -> "int":
        """Return how many bytes have been acknowledged in a row since the last call.

        OSError: the session is over, and what was acknowledged before has been returned.
        """
        if self._failure is None:
            try:
                self._receive()
            except OSError as error:
                self._failure = error
        taken, self._taken = self._taken, 0
        self.pinned -= taken
        if self._failure and not taken:
            raise self._failure
        return taken

    def _receive(self) -> "None":
        """Read the responses that have come."""
        try:
            data = self._socket.recv(MAX_RESPONSE)
        except BlockingIOError:
            self._check_silence()
            return
        if not data:
            raise ConnectionResetError("the collector has closed the connection")
        if QUICK_ACK is not None:
            # Else it waits 40 ms for the kernel's confirmation before it sends the next responses.
            self._socket.setsockopt(_socket.IPPROTO_TCP, QUICK_ACK, 1)
        received = self._received + data
        start = 0
        while header := HEADER.match(received, start):
            number, command, digits = header.groups()
            end = header.end()
            if digits:
                end += int(digits) + 1
                if int(digits) > MAX_RESPONSE:
                    reject_frame(received[start:])
                if end > len(received):
                    break
                if received[end - 1] != LF:
                    reject_frame(received[start:])
            self._note(int(number), command, received[header.end() : end - 1])
            start = end
        self._received = received[start:]
        if not header and (b"\n" in self._received or len(self._received) >= LONGEST_HEADER):
            reject_frame(self._received)
        self._check_silence()

    def _check_silence(self) -> "None":
        """Raise TimeoutError if there has been no response for too long, whatever else has come.

        The collector's kernel may confirm records that it does not care about any more.
        """
        if not self._flight:
            self._answered = monotonic()
        elif monotonic() - self._answered > IDLE_TIMEOUT:
            raise TimeoutError(f"the collector has acknowledged nothing for {IDLE_TIMEOUT} s")

    def _note(self, number: "int", command: "bytes", text: "bytes") -> "None":
        """Take note of one frame from the collector."""
        if command == b"serverclose":
            raise ConnectionResetError("the collector has closed the session")
        if number == 0:
            return  # a hint, which need not be understood
        ahead = (number - self._oldest) % LAST_NUMBER
        if command != b"rsp" or ahead >= len(self._flight) or number in self._early:
            raise OSError(f"the collector responds to nothing: {number} {command!r}")
        if not text.startswith(b"200"):
            raise OSError(f"the collector has refused: {text[:100]!r}")
        self._answered = monotonic()
        self._response = text
        self._early.add(number)
        while self._oldest in self._early:
            self._early.remove(self._oldest)
            self._taken += self._flight.popleft()
            self._oldest = self._oldest % LAST_NUMBER + 1
