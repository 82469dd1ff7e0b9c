"""Datagrams: one record each, taken whole or not; over UDP (RFC 5426).

All that a send may need is imported here: a signal's handler that logs must not find it half done.
"""

from time import monotonic

from syslogfast._backend import BACKEND
from syslogfast._options import is_address
from syslogfast._platform import IS_LINUX, can_segment, find_path_mtu, system
from syslogfast.constants import FOREVER
from syslogfast.transports import (
    REFUSALS,
    Readiness,
    RejectedRecordError,
    add_jitter,
    importing,
    name_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url

IS_COMPILED = BACKEND != "python" and IS_LINUX
if TYPE_CHECKING or not IS_COMPILED:
    from syslogfast.transports.datagram_socket import DatagramSocket
else:
    from syslogfast._encoder_c import DatagramSocket

UNKNOWN_LIMIT = 1 << 62  # bytes: more than any datagram has
MOST_SEGMENTS = 64
# RFC 768, RFC 791: 65,535 octets with both headers; RFC 8200 does not count the IP header.
MAX_DATAGRAM_IPV4, MAX_DATAGRAM_IPV6 = 65507, 65527
# What goes out at first with slow start: so many datagrams, a pause, so many... Until the link
# address of the next host is known, a stack may keep no more than the last three.
SLOW_START = (1, 2, 4, 8, 16)
BURST_PAUSE = 0.01  # seconds
FLOOD_BURST, FLOOD_PAUSE = 64, 0.004  # of many at once: receivers have space for some hundreds
RESOLVE_INTERVAL = 60.0  # seconds, unless the URL says otherwise, from one look to the next

# Those whose descriptor may be used in C: another class may have a `send` of its own.
OWN_CLASSES: "set[Any]" = {DatagramSocket}


def is_literal(host: "str") -> "bool":
    """Return True if a host is an address, and without a zone, whose number has to be found."""
    return is_address(host) and "%" not in host


def load_look_up() -> "Callable[[Url, bool], list[tuple[Any, ...]]]":
    with importing:  # what a literal address does not need
        import syslogfast.transports.threads  # noqa: F401
        from syslogfast.transports.resolve import look_up

    return look_up


def load_socket() -> "type[DatagramSocket]":
    """Return the class for what is no plain address; who may need it has it loaded early."""
    with importing:
        from syslogfast.transports.datagram_socket import DatagramSocket

    OWN_CLASSES.add(DatagramSocket)
    return DatagramSocket


def list_udp_addresses(url: "Url") -> "list[Any]":
    """Return the address of each socket that the URL may mean."""
    if is_literal(url.host):
        return [(url.host, url.port)]
    look_up = load_look_up()
    return [address for _, _, _, _, address in look_up(url, True)]


def connect_socket(address: "Any", source: "str | None" = None) -> "DatagramSocket":
    """Return a socket that does not block, connected; for datagrams that never waits.

    source: the address of this host that the datagrams are to come from.
    """
    if IS_COMPILED and (isinstance(address, str) or any(address[2:])):  # IPv6: a flow, a zone
        return load_socket()(address, source)
    return DatagramSocket(address, source)


class DatagramTransport:
    """A connected socket for datagrams, which sends the records of a queue one by one."""

    pinned = 0
    is_draining = False
    _proven = False  # until a datagram has gone, and was not refused

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self._limit = UNKNOWN_LIMIT  # bytes of a datagram: what has been found out about it
        self._readiness = Readiness()
        self._socket = self._connect()
        self.descriptor = self._socket.fileno()

    def _connect(self) -> "DatagramSocket":
        """Return a socket that does not block, connected; OSError if there can be none."""
        raise NotImplementedError

    def _reconnect(self, failure: "str") -> "None":
        """Connect anew after "refused" or "no route"; OSError: that is not possible."""
        raise NotImplementedError

    def _find_limit(self, size: "int") -> "int":
        """Return how long a datagram can be, if one of so many bytes is too long."""
        raise NotImplementedError

    def push(self, queue: "Queue") -> "int":
        if self._proven and type(self._socket) in OWN_CLASSES:
            size = queue.send_datagrams(0)
            if size >= 0:
                return size
        data = queue.peek(True)
        if data is None:
            return 0
        return self._send(queue, data)

    def _send(self, queue: "Queue", data: "memoryview", failures: "tuple[str, ...]" = ()) -> "int":
        """Send one record; if it is refused, once more: that is about the record before it.

        If there is no route, once more from another address of this host, if it has one now.

        failures: of the tries so far.
        """
        try:
            if len(data) > self._limit:
                return self._send_truncated(queue, data)
            self._socket.send(data)
            if not self._proven:
                self._confirm()
            return len(data)
        except RejectedRecordError:
            raise
        except OSError as error:
            failure = self._readiness.name_failure(error)
            if failure == "full":
                return 0
            if failure == "refused" or failure == "no route":
                if failure in failures:
                    raise
                queue.descriptor = -1
                self._reconnect(failure)
                queue.descriptor = self.descriptor = self._socket.fileno()
            elif failure == "too large" and failures.count(failure) < 2:
                if failure in failures:  # the first may be about the datagram before
                    self._limit = self._find_limit(len(data))
            else:
                raise RejectedRecordError(failure, error) from None
        return self._send(queue, data, (*failures, failure))

    def _confirm(self) -> "None":
        """Take note that a datagram has gone."""
        self._proven = True

    def _send_truncated(self, queue: "Queue", data: "memoryview") -> "int":
        record = truncate_record(bytes(data), self._limit)
        if record is None:
            import errno

            error = OSError(errno.EMSGSIZE, f"no space for a header in {self._limit} bytes")
            raise RejectedRecordError("too large", error)
        self._socket.send(record)
        queue.truncations += 1
        return len(data)

    def wait(self, timeout: "float") -> "None":
        from syslogfast.transports.poll import await_readiness  # loaded by whoever waits

        await_readiness(self._readiness, self._socket.fileno(), timeout)

    def abort(self) -> "None":
        self._socket.close()

    def close(self, timeout: "float") -> "None":
        self._socket.close()


class UdpTransport(DatagramTransport):
    """A connected UDP socket, so that a host without a collector can at least refuse."""

    @staticmethod
    def prepare(url: "Url") -> "None":
        if not is_literal(url.host):
            load_look_up()
            load_socket()  # for an address with a zone

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self._source = url.options.get("bind")
        self._addresses = list_udp_addresses(url)  # that are still to be tried
        super().__init__(url, timeout)
        self._interval = float(url.options.get("resolve", RESOLVE_INTERVAL))
        # Set by who sends, by the thread that has looked up, and when the network has changed.
        self._next_look = self._plan_look()  # by monotonic()
        # The thread is started when the first is false, and clears it last.
        self._is_looking_up = False
        self._found: list[Any] | None = None
        self._is_paced = url.uses_slow_start  # until the pause after the last burst is over
        self._coming_bursts, self._pause = list(SLOW_START), BURST_PAUSE  # that are still to come
        self._burst = 0  # datagrams that may go before the next pause
        self._next_burst = 0.0  # by monotonic()
        self._sorts = "order" in url.options
        self._longest_segment = MAX_DATAGRAM_IPV4 if can_segment(self._socket.getsockopt) else 0

    def _connect(self) -> "DatagramSocket":
        """Go on to the next address of the host: "localhost" has two, and one may be deaf."""
        failure = OSError("the host has no other address")
        while self._addresses:
            try:
                self._address = self._addresses.pop(0)
                return connect_socket(self._address, self._source)
            except OSError as error:
                failure = error
        try:
            raise failure
        finally:
            del failure  # whose traceback has this frame

    def push(self, queue: "Queue") -> "int":
        if monotonic() >= self._next_look:
            self._look_again(queue)
        if self._is_paced and not self._may_send():
            return 0
        if self._sorts:
            queue.sort()
        if self._proven and type(self._socket) in OWN_CLASSES:
            size = queue.send_datagrams(0 if self._is_paced else self._longest_segment)
            if size >= 0:
                return size
        run = queue.peek_run(self._longest_segment, MOST_SEGMENTS, MAX_DATAGRAM_IPV4)
        if run is None:
            return 0
        data, segment = run
        if len(data) > segment:
            if self._proven and not self._is_paced:
                sent = self._send_run(data, segment)
                if sent is not None:
                    return sent
            data = data[:segment]
        try:
            return self._send(queue, data)
        except RejectedRecordError:
            raise
        except OSError as error:
            if name_error(error) not in REFUSALS or (
                self._proven and not is_address(self.url.host)
            ):
                raise  # there may be a way later; the name may stand for another address by now
            raise RejectedRecordError("refused", error) from None

    def _send_run(self, data: "memoryview", segment: "int") -> "int | None":
        """Send records of one size in one call; None: one alone will show what is wrong."""
        try:
            return self._socket.send_segments(data, segment)
        except OSError:
            pass  # it may be about the datagram before
        try:
            return self._socket.send_segments(data, segment)
        except OSError as error:
            failure = self._readiness.name_segment_failure(error)
        if failure == "full":
            return 0
        if failure:
            # The network card, or the way there, cannot do it, at least not of this size.
            self._longest_segment = segment - 1 if failure == "this size" else 0
        return None

    def _may_send(self) -> "bool":
        """Count a datagram of a burst; False: there has to be a pause."""
        if not self._burst:
            if monotonic() < self._next_burst:
                return False
            if not self._coming_bursts:
                self._is_paced = False
                return True
            self._next_burst = monotonic() + self._pause
            self._burst = self._coming_bursts.pop(0)
        self._burst -= 1
        return True

    def pace(self, count: "int") -> "None":
        """Have so many more datagrams go out in bursts, with pauses."""
        if not self._is_paced:
            self._coming_bursts, self._burst, self._pause = [], 0, FLOOD_PAUSE
        self._coming_bursts += [FLOOD_BURST] * (count // FLOOD_BURST + 1)
        self._is_paced = True

    def wait(self, timeout: "float") -> "None":
        if self._is_paced and not self._burst:
            from syslogfast.transports.poll import sleep  # loaded by whoever waits

            sleep(min(timeout, max(0.0, self._next_burst - monotonic())))
        else:
            super().wait(timeout)

    def _confirm(self) -> "None":
        """A refusal on this host is known at once: if the first is not refused, it has arrived."""
        self._raise_pending()
        super()._confirm()

    def _reconnect(self, failure: "str") -> "None":
        if failure == "no route":
            self._addresses.insert(0, self._address)
        elif self._proven or not self._addresses:
            return
        self._socket, former = self._connect(), self._socket
        former.close()

    # A socket keeps the address that this host had when it was connected, and the other's. Now and
    # then, and when the network has changed, a new one is connected beside it; it takes over if it
    # has other addresses. A name is looked up before, by a thread.

    def note_network_change(self) -> "None":
        """Look whether there is a better way: a route or an address has changed.

        A name is looked up now, so that the next record need not go to where it was before.
        """
        if is_literal(self.url.host):
            self._next_look = 0.0
        else:
            self._start_look_up()

    def _plan_look(self) -> "float":
        return monotonic() + add_jitter(self._interval) if self._interval else FOREVER

    def _look_again(self, queue: "Queue") -> "None":
        """Send to where the host is now, and from where this one is."""
        self._next_look = FOREVER
        found, self._found = self._found, None
        if found is None and is_literal(self.url.host):
            found = [self._address]
        if found is not None:
            self._next_look = self._plan_look()
            self._move(queue, found)
        elif not self._is_looking_up:
            self._start_look_up()

    def _start_look_up(self) -> "None":
        """Look the name up, by a thread."""
        from syslogfast.transports.threads import Thread  # loaded by load_look_up

        self._is_looking_up = True
        try:
            Thread(self).start(self._look_up)
        except (RuntimeError, MemoryError):
            self._is_looking_up = False
            self._next_look = self._plan_look()

    def _look_up(self) -> "None":
        """Find the addresses of the host's name, for the next to send."""
        found = [self._address]  # which stays until there is a better one
        try:
            found = list_udp_addresses(self.url)
        except Exception:  # the name may not be one any more
            pass
        finally:
            self._found = found
            self._is_looking_up = False
            self._next_look = 0.0

    def _move(self, queue: "Queue", found: "list[Any]") -> "None":
        """Use the first of these addresses, or the present one if it is among them."""
        left = [self._address] if self._address in found else found
        while left:
            address, *left = left
            try:
                datagrams = connect_socket(address, self._source)
            except OSError:
                continue  # the present one stays if no other can be had
            former = self._socket
            if address == self._address and datagrams.find_source() == former.find_source():
                datagrams.close()
                return
            queue.descriptor = -1
            self._socket, self._address, self._addresses = datagrams, address, left
            self._proven = False
            queue.descriptor = self.descriptor = datagrams.fileno()
            former.close()
            return

    def _raise_pending(self) -> "None":
        """Raise the error of the datagram before, if it had one."""
        error = self._socket.take_error()
        if error:
            raise OSError(error, system.strerror(error))

    def _find_limit(self, size: "int") -> "int":
        is_ipv6 = ":" in self._address[0]
        limit = MAX_DATAGRAM_IPV6 if is_ipv6 else MAX_DATAGRAM_IPV4
        if size > limit:
            return limit
        mtu = find_path_mtu(self._socket.getsockopt, is_ipv6)
        if mtu is None:
            return limit
        # A longer one is split into fragments, unless the way there forbids it, as it seems to do.
        return min(limit, mtu - (48 if is_ipv6 else 28))

    def close(self, timeout: "float") -> "None":
        try:
            self._raise_pending()
        finally:
            self._socket.close()


def find_message(record: "bytes") -> "int":
    """Return where the text begins of a record as this package writes it."""
    start = record.find(b">") + 1
    if record[start : start + 2] != b"1 ":  # RFC 3164 4.1.3: TAG, colon
        return max(start, record.find(b": ", start) + 2)
    for _ in range(6):  # RFC 5424 6: VERSION to MSGID
        start = record.find(b" ", start) + 1
    if record[start : start + 1] == b"-":
        return start + 1
    is_quoted = is_escaped = False
    for index in range(start, len(record)):
        char = record[index : index + 1]
        if is_escaped or char == b"\\":
            is_escaped = not is_escaped  # RFC 5424 6.3.3
        elif char == b'"':
            is_quoted = not is_quoted
        elif char == b"]" and not is_quoted and record[index + 1 : index + 2] != b"[":
            return index + 1
    return len(record)


def truncate_record(record: "bytes", size: "int") -> "bytes | None":
    """Return a record truncated to so many bytes, within its text alone; None: that is not enough.

    No character and no "#ooo" is broken.

    >>> truncate_record("<14>1 - web1 shop 42 - - 3 €".encode(), 29)
    b'<14>1 - web1 shop 42 - - 3 '
    """
    start = find_message(record)
    if size < start:
        return None
    while size > start and size < len(record) and record[size] & 0xC0 == 0x80:
        size -= 1
    sharp = record.rfind(b"#", max(start, size - 3), size)
    if sharp >= 0 and all(octet in b"01234567" for octet in record[sharp + 1 : sharp + 4]):
        size = sharp
    return record[:size]
