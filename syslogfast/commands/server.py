"""The one loop of `syslogfast listen`: it reads from all sockets whatever they have.

What peers can take of it is bounded in sum: connections, descriptors, and the bytes of records that
are not finished. Where a bound is reached the largest or the quietest has to give way, so that one
who has something to say is heard at once.
"""

import contextlib
import errno
import os
import selectors
import socket
import time

from syslogfast.commands.frames import Connection
from syslogfast.commands.parse import MalformedError
from syslogfast.commands.relp_frames import RelpConnection
from syslogfast.commands.sockets import DATAGRAMS, open_socket, receive, show_address, show_peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Protocol

    from syslogfast.commands.printer import Printer
    from syslogfast.commands.sockets import Address

    class Ending(Protocol):
        came: bool
        woken: int


READ_SIZE = 1 << 16  # bytes taken at a time: no datagram is longer but a unix one
UNIX_READ_SIZE = 1 << 18
MAX_DATAGRAMS = 64  # taken at a time from one socket
MAX_ACCEPTED = 64  # connections taken at a time
MAX_CONNECTIONS = 2000  # at a time, of all sockets together
RESERVED_DESCRIPTORS = 48  # what else a process has open
MAX_HELD = 12 << 20  # bytes of unfinished records, of all connections together
MAX_ANSWERS = 1 << 16  # bytes of answers that a peer may leave unread before it is not read either
ACCEPT_PAUSE = 0.1  # seconds until connections are accepted again if that failed
MIN_IDLE = 0.1  # seconds after which a silent connection may have to give way to a new one
MIN_IDLE_SHORT = 2.0  # the same, where the system has no descriptor left
MIN_IDLE_KNOWN = 5.0  # the same of one that has brought records
SHAKING_TIME = 10.0  # seconds that the start of TLS may take
UNFINISHED_TIME = 60.0  # seconds without a byte in the middle of a record
CHECK_INTERVAL = 1.0  # seconds from one look at the idle ones to the next
DRAIN_TIME = 1.0  # seconds to read what had arrived before the end was asked for


class Peer:
    """One connection: its socket's state, and the frames that come by it."""

    __slots__ = ("active", "connection", "held", "is_shaking", "peer")

    def __init__(self, connection: Connection | RelpConnection, is_shaking: bool) -> None:
        self.connection = connection
        self.peer = connection.peer
        self.is_shaking = is_shaking
        self.active = time.monotonic()
        self.held = 0  # bytes of its unfinished record, as counted in Server.held


def raise_descriptors() -> int:
    """Have as many descriptors as connections may need; return how many there can be."""
    try:
        import resource
    except ImportError:
        return MAX_CONNECTIONS
    wanted = MAX_CONNECTIONS + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else soft - RESERVED_DESCRIPTORS


class Server:
    """Reads from all sockets whatever they have, in one thread."""

    def __init__(self, printer: "Printer", idle: float) -> None:
        self.printer = printer
        self.idle = idle  # seconds after which a connection is closed that brings nothing
        self.selector = selectors.DefaultSelector()
        self.listening: dict[socket.socket, str] = {}  # with their schemes
        self.accepting = True
        self.peers: dict[socket.socket, Peer] = {}  # the quietest first
        self.held = 0
        self.max_connections = max(min(MAX_CONNECTIONS, raise_descriptors()), 8)
        self.paths: list[str] = []
        self.checked = time.monotonic()
        self.context: ssl.SSLContext | None = None
        self.wants_read: tuple[type[OSError], ...] = (BlockingIOError,)
        self.wants_write: tuple[type[OSError], ...] = ()

    def use_tls(self, context: "ssl.SSLContext") -> None:
        import ssl

        self.context = context
        self.wants_read = (BlockingIOError, ssl.SSLWantReadError)
        self.wants_write = (ssl.SSLWantWriteError,)

    def listen(self, scheme: str, address: "Address") -> str:
        """Listen on this address; return it as a URL, with the port that it has got."""
        opened = open_socket(scheme, address)
        if isinstance(address, str):
            self.paths.append(address)
        read: Callable[[socket.socket, int], None] = self._read_datagrams
        if scheme not in DATAGRAMS:
            self.listening[opened] = scheme
            read = self._accept
        self.selector.register(opened, selectors.EVENT_READ, read)
        framing = "?framing=lf" if scheme == "unix-stream" else ""
        shown = "unix" if scheme == "unix-stream" else scheme
        return f"{shown}://{show_address(opened.getsockname())}{framing}"

    def run(self, ending: "Ending") -> None:
        """Print what arrives, until the end is asked for; then what had arrived by then."""
        self.selector.register(ending.woken, selectors.EVENT_READ, lambda *_: None)
        while not ending.came:
            paused = not self.accepting
            self._step(self._choose_timeout(paused))
            self._close_idle()
            if paused and (len(self.peers) < self.max_connections or self._give_way(MIN_IDLE)):
                self._set_accepting(True)
            self.printer.show_counts()
        self.selector.unregister(ending.woken)
        deadline = time.monotonic() + DRAIN_TIME
        while self._step(0) and time.monotonic() < deadline:
            pass
        for peer in self.peers.values():
            peer.connection.end()
        self.printer.flush()
        self.printer.clear()

    def remove_paths(self) -> None:
        """Remove the unix sockets from the file system."""
        for path in self.paths:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _choose_timeout(self, paused: bool) -> float | None:
        if paused:
            return ACCEPT_PAUSE
        interval = self.printer.find_interval()
        if self.peers:
            return min(interval, CHECK_INTERVAL) if interval else CHECK_INTERVAL
        return interval

    def _step(self, timeout: float | None) -> bool:
        """Wait until something arrives, then read and print it; say whether anything did."""
        events = self.selector.select(timeout)
        for key, event in events:
            key.data(key.fileobj, event)
            self.printer.flush()
        return bool(events)

    # --- datagrams -------------------------------------------------------------------------------

    def _read_datagrams(self, opened: socket.socket, _: int) -> None:
        size = READ_SIZE if opened.family != getattr(socket, "AF_UNIX", None) else UNIX_READ_SIZE
        for _ in range(MAX_DATAGRAMS):
            try:
                data, peer = receive(opened, size)
            except OSError:  # there is no more, or the kernel reports what no reader can change
                return
            self.printer.add(data, peer)

    # --- connections that come and go ------------------------------------------------------------

    def _set_accepting(self, accepting: bool) -> None:
        if accepting == self.accepting:
            return
        self.accepting = accepting
        for opened in self.listening:
            if accepting:
                self.selector.register(opened, selectors.EVENT_READ, self._accept)
            else:
                self.selector.unregister(opened)

    def _accept(self, opened: socket.socket, _: int) -> None:
        for _ in range(MAX_ACCEPTED):
            if len(self.peers) >= self.max_connections and not self._give_way(MIN_IDLE):
                self._set_accepting(False)
                return
            try:
                stream, address = opened.accept()
            except OSError as error:
                # A peer that has gone again is its own affair; anything else would come back.
                if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
                    return
                if not self._give_way(MIN_IDLE_SHORT):
                    self._set_accepting(False)
                return
            self._add(stream, address, self.listening[opened])

    def _add(self, stream: socket.socket, address: object, scheme: str) -> None:
        stream.setblocking(False)
        kind = RelpConnection if scheme in ("relp", "relps") else Connection
        connection = kind(show_peer(stream, address), self.printer)
        is_tls = scheme in ("tls", "relps")
        if is_tls:
            assert self.context is not None
            try:
                stream = self.context.wrap_socket(
                    stream, server_side=True, do_handshake_on_connect=False
                )
            except OSError:  # it has gone already
                stream.close()
                return
        self.peers[stream] = Peer(connection, is_tls)
        self.selector.register(stream, selectors.EVENT_READ, self._serve)

    def _give_way(self, min_idle: float) -> bool:
        """Close the connection that has been quiet for longest, if it has been for so long.

        One that has brought no record yet goes first.
        """
        now = time.monotonic()
        quietest = None
        for stream, peer in self.peers.items():
            quiet = now - peer.active
            if quiet < min_idle:
                break
            if not peer.connection.records:
                quietest = stream
                break
            if quietest is None and quiet >= MIN_IDLE_KNOWN:
                quietest = stream
        if quietest is None:
            return False
        self._close(quietest)
        return True

    def _close_idle(self) -> None:
        now = time.monotonic()
        if now - self.checked < CHECK_INTERVAL:
            return
        self.checked = now
        for stream, peer in list(self.peers.items()):
            quiet = now - peer.active
            if quiet < min(SHAKING_TIME, self.idle):
                return
            if quiet >= self.idle or (peer.is_shaking and quiet >= SHAKING_TIME):
                self._close(stream)
            elif peer.held and quiet >= UNFINISHED_TIME:
                what = f"a record must go on within {UNFINISHED_TIME:.0f} s"
                self._close(stream, MalformedError(what, peer.held))
        self.printer.flush()

    def _close(self, stream: socket.socket, malformed: MalformedError | None = None) -> None:
        peer = self.peers.pop(stream, None)
        if peer is None:  # it has given way meanwhile
            return
        self.held -= peer.held
        peer.connection.end(malformed)
        self.selector.unregister(stream)
        stream.close()

    # --- connections that have something to say --------------------------------------------------

    def _serve(self, stream: socket.socket, event: int) -> None:
        """Read what a connection has; answer it, if it speaks RELP."""
        peer = self.peers.get(stream)
        if peer is None:  # it gave way a moment ago
            return
        del self.peers[stream]
        self.peers[stream] = peer  # it is the least quiet one now
        peer.active = time.monotonic()
        malformed = None
        try:
            if peer.is_shaking:
                stream.do_handshake()  # type: ignore[attr-defined]
                peer.is_shaking = False
                self._watch(stream, selectors.EVENT_READ)
            if event & selectors.EVENT_WRITE and isinstance(peer.connection, RelpConnection):
                self._answer(stream, peer.connection)
            if self._read(stream, peer):
                return
        except self.wants_read:
            self._watch(stream, choose_events(peer.connection))
            return
        except self.wants_write:
            self._watch(stream, selectors.EVENT_WRITE)
            return
        except MalformedError as error:
            malformed = error
        except OSError as error:
            # Reset by the peer: what it had sent before has been read.
            if peer.is_shaking:
                reason = getattr(error, "reason", None) or error.strerror or error
                hint = "; its URL must have ca=" if "UNKNOWN_CA" in str(reason) else ""
                self.printer.say(f"{peer.peer} did not get as far as TLS: {reason}{hint}")
        self._close(stream, malformed)

    def _read(self, stream: socket.socket, peer: Peer) -> bool:
        """Take what there is; return False at the end of the connection."""
        connection = peer.connection
        while True:
            data = stream.recv(READ_SIZE)
            if not data:
                return False
            try:
                connection.take(data)
            finally:
                self._account(peer)
            if isinstance(connection, RelpConnection) and connection.answers:
                self.printer.flush()  # an answer says that the record is there
                self._answer(stream, connection)
                if connection.has_closed and not connection.answers:
                    return False
                if len(connection.answers) > MAX_ANSWERS:
                    return True
            if stream not in self.peers or not getattr(stream, "pending", bool)():
                return True

    def _account(self, peer: Peer) -> None:
        """Count the bytes of an unfinished record; the longest ones give way where it is needed."""
        held = len(peer.connection.rest)
        self.held += held - peer.held
        peer.held = held
        while self.held > MAX_HELD:
            stream = max(self.peers, key=lambda each: self.peers[each].held)
            what = f"unfinished records must be at most {MAX_HELD:,} bytes together"
            self._close(stream, MalformedError(what, self.peers[stream].held))

    def _answer(self, stream: socket.socket, connection: RelpConnection) -> None:
        while connection.answers:
            try:
                sent = stream.send(connection.answers)
            except (*self.wants_read, *self.wants_write):
                break
            del connection.answers[:sent]
        self._watch(stream, choose_events(connection))

    def _watch(self, stream: socket.socket, events: int) -> None:
        if stream in self.peers and self.selector.get_key(stream).events != events:
            self.selector.modify(stream, events, self._serve)


def choose_events(connection: Connection | RelpConnection) -> int:
    """Return what to wait for: no more records where the answers to those before are not read."""
    if isinstance(connection, RelpConnection) and connection.answers:
        if len(connection.answers) > MAX_ANSWERS:
            return selectors.EVENT_WRITE
        return selectors.EVENT_READ | selectors.EVENT_WRITE
    return selectors.EVENT_READ
