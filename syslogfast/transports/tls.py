"""TLS (RFC 5425): a stream whose collector proves who it is, and may ask for the same."""

import _thread
import encodings.idna  # noqa: F401  # what names are checked by
import ssl
from time import monotonic

from syslogfast._platform import SignalSafeLock, call_at_fork
from syslogfast.transports import PermanentError, list_owners, refer_weakly
from syslogfast.transports.poll import wait_ready
from syslogfast.transports.signal_mask import WithoutSigpipe
from syslogfast.transports.stream import (
    NO_SIGNAL,
    SHORTEST_TIMEOUT,
    TcpTransport,
    connect_host,
)
from syslogfast.transports.threads import has_greenlets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.transports.queue_py import Queue
    from syslogfast.transports.url import Url

MAX_PIECE = 1 << 14  # bytes that go into one TLS record (RFC 8446 5.1)
MIN_REFUSAL_WAIT = 0.05  # seconds
FORK_WAIT = 2.0  # seconds that a fork waits for calls of OpenSSL, at most
# Reasons, as OpenSSL names them, for which the collector does not want us.
ALERTS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")


class OpenSslLock(SignalSafeLock):  # type: ignore[misc]
    """Held while a thread calls OpenSSL, for which a fork waits.

    OpenSSL has locks of its own, for all threads of a process. In a child they would stay as they
    were, held by a thread that is not there, and whatever needs them next would wait for ever. No
    call that waits for the network is made under it, and none begins while a fork waits: a thread
    that goes from one call to the next has the lock back before the one that forks has woken.
    """

    def __init__(self) -> "None":
        refer_weakly(_locks, self)

    def __enter__(self) -> "bool":  # type: ignore[override]
        with _forking:
            pass
        return super().__enter__()


_locks: "dict[int, Any]" = {}  # by id(), weakly
_forking = SignalSafeLock()  # held by a thread that forks, from before it waits for the others
_held: "dict[int, list[Any]]" = {}  # locks, by a thread that forks, until it has done so
making_context = OpenSslLock()  # which takes much longer than to send a record


def acquire_locks() -> "None":
    """Wait for the calls of other threads: before a fork."""
    deadline = monotonic() + FORK_WAIT
    held = _held.setdefault(_thread.get_ident(), [])
    for lock in [_forking, *list_owners(_locks)]:
        if lock.acquire(True, max(0.0, deadline - monotonic())):
            held.append(lock)


def release_locks() -> "None":
    for lock in _held.pop(_thread.get_ident(), []):
        lock.release()


def renew_locks() -> "None":
    """Release all locks in the child, those of threads that are not there, too."""
    _held.clear()
    for lock in [_forking, *list_owners(_locks)]:
        if hasattr(lock, "_at_fork_reinit"):
            lock._at_fork_reinit()


call_at_fork("locks", "before", acquire_locks)
call_at_fork("locks", "after_in_parent", release_locks)
call_at_fork("locks", "after_in_child", renew_locks)


def make_context(url: "Url") -> "ssl.SSLContext":
    """Return Python's default context, which verifies chain and name, with what the URL says."""
    if url.context is not None:
        return url.context  # type: ignore[no-any-return]
    options = url.options
    try:
        with making_context:
            context = ssl.create_default_context(cafile=options.get("ca"))
            if "cert" in options:
                # A key that needs a password has nobody to ask for it.
                context.load_cert_chain(options["cert"], options.get("key"), lambda: b"")
    except OSError as error:
        raise PermanentError(f"no use can be made of its ca, cert or key: {error}") from None
    if "insecure" in options:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def explain_error(error: "Exception") -> "Exception":
    """Return a PermanentError if it is about identities, else the error itself."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(f"its certificate is not accepted: {error.verify_message}")
    if isinstance(error, ssl.SSLError) and any(name in (error.reason or "") for name in ALERTS):
        return PermanentError(f"it does not accept us: {error.reason}")
    return error


def wrap_stream(
    context: "ssl.SSLContext", stream: "Any", name: "str", deadline: "float"
) -> "ssl.SSLSocket | TlsByMemory":
    """Return a TLS connection over a stream, after its handshake; deadline: by monotonic().

    Its `lock` is to be held while it is used.
    """
    if has_greenlets():
        return TlsByMemory(context, stream, name, deadline)
    lock = OpenSslLock()
    stream.settimeout(0)
    with lock:
        connection: Any = context.wrap_socket(
            stream, server_hostname=name, do_handshake_on_connect=False
        )
    connection.lock = lock
    try:
        while not shake_hands(connection, lock, deadline):
            pass
    except (OSError, ValueError):
        connection.close()
        raise
    return connection  # type: ignore[no-any-return]


def shake_hands(connection: "Any", lock: "OpenSslLock", deadline: "float") -> "bool":
    """Take a step of the handshake, and wait for the next; True: it is over."""
    try:
        with lock:
            connection.do_handshake()
        return True
    except ssl.SSLWantReadError:
        to_read = True
    except ssl.SSLWantWriteError:
        to_read = False
    if not wait_ready(connection.fileno(), max(0.0, deadline - monotonic()), to_read):
        raise TimeoutError("the handshake timed out")
    return False


def connect_tls(url: "Url", timeout: "float") -> "tuple[Any, float]":
    """Return a TLS connection that does not block, and until when all else has to be done.

    That is by monotonic(). OSError: one side does not accept the other, as far as is known by then.
    """
    context = make_context(url)
    name = url.options.get("name", url.host)
    name.encode("idna")  # UnicodeError now rather than from within a handshake
    stream, deadline = connect_host(url, timeout)
    started = monotonic()
    try:
        connection = wrap_stream(context, stream, name, deadline)
    except (OSError, ValueError) as error:
        stream.close()
        raise explain_error(error) from None
    connection.settimeout(0)
    now = monotonic()
    wait = max(2 * (now - started), MIN_REFUSAL_WAIT)
    await_refusal(connection, min(wait, max(0.0, deadline - now)))
    return connection, deadline


def await_refusal(connection: "Any", seconds: "float") -> "None":
    """Give the collector time to refuse us.

    In TLS 1.3 it sees our certificate, or that there is none, only after our handshake is
    over (RFC 8446 4.6.1); if it accepts, it mostly sends a ticket. Where there is no time left
    for that, the next push finds it.
    """
    try:
        wait_ready(connection.fileno(), seconds, to_read=True)
        look_for_end(connection)
    except OSError as error:
        connection.close()
        raise explain_error(error) from None


def look_for_end(connection: "Any") -> "None":
    """Raise that the collector has gone, if it has: TCP takes bytes for it all the same."""
    try:
        with connection.lock:
            data = connection.recv(4096)
        if not data:
            raise ConnectionResetError("the collector has closed the connection")
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        pass


class TlsByMemory:
    """What a transport needs of an ssl.SSLSocket, where gevent or eventlet has replaced that.

    Theirs belong to one thread, and wait by greenlets. Here OpenSSL writes to memory and reads from
    it, and the stream is one of `_socket`.
    """

    def __init__(
        self, context: "ssl.SSLContext", stream: "Any", name: "str", deadline: "float"
    ) -> "None":
        self.lock = OpenSslLock()
        self._stream = stream
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with self.lock:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._unsent = b""  # of what OpenSSL has written
        self._pending = 0  # bytes of the piece that `send` was given, and that is in there
        self._is_plain = False  # since close_notify
        self.fileno, self.settimeout = stream.fileno, stream.settimeout
        self.shutdown, self.close = stream.shutdown, stream.close
        self.setsockopt = stream.setsockopt
        while True:
            stream.settimeout(max(SHORTEST_TIMEOUT, deadline - monotonic()))
            try:
                with self.lock:
                    self._tls.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                self._flush()
                self._read_stream()

    def _read_stream(self) -> "None":
        data = self._stream.recv(MAX_PIECE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> "None":
        """Send what OpenSSL has written; ssl.SSLWantWriteError: the stream takes no more of it."""
        self._unsent += self._outgoing.read()
        while self._unsent:
            try:
                self._unsent = self._unsent[self._stream.send(self._unsent, NO_SIGNAL) :]
            except BlockingIOError:
                raise ssl.SSLWantWriteError from None

    def recv(self, size: "int") -> "bytes":
        if self._is_plain:
            return self._stream.recv(size)  # type: ignore[no-any-return]
        try:
            self._read_stream()
        except BlockingIOError:
            pass  # there may be something from before
        try:
            return self._tls.read(size)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""

    def send(self, piece: "memoryview") -> "int":
        """Send a piece, all of it; after ssl.SSLWantWriteError the same is to be given again."""
        if not self._pending:
            self._pending = self._tls.write(piece)
        self._flush()
        size, self._pending = self._pending, 0
        return size

    def unwrap(self) -> "None":
        """Send close_notify; ssl.SSLWantReadError: it is not answered yet."""
        try:
            self._tls.unwrap()
        finally:
            self._flush()
            self._is_plain = True


class TlsTransport(TcpTransport):
    """A TLS connection, never waited for once it is open but in `wait` and `close`."""

    descriptor = -1  # what goes there is encrypted first
    _socket: "Any"

    def __init__(self, url: "Url", timeout: "float") -> "None":
        self.url = url
        self.pinned = 0  # bytes that OpenSSL has taken, and must be given again with the next ones
        self._wants_to_read = False
        self._socket, _ = connect_tls(url, timeout)

    def push(self, queue: "Queue") -> "int":
        data = queue.peek(self.is_draining and not self.pinned)
        if data is not None and self.is_draining and self.pinned:
            data = data[: self.pinned]
        taken = 0
        try:
            look_for_end(self._socket)
            with WithoutSigpipe():
                while data is not None and taken < len(data):
                    piece = data[taken : taken + (self.pinned or MAX_PIECE)]
                    self.pinned = len(piece)
                    taken += self._send_piece(piece)
                    self.pinned = 0
        except ssl.SSLWantReadError:
            self._wants_to_read = True
        except ssl.SSLWantWriteError:
            self._wants_to_read = False
        except OSError as error:
            self.pinned = 0
            if not taken:
                raise explain_error(error) from None
        return taken  # if it has broken, the next call finds that, too

    def _send_piece(self, piece: "memoryview") -> "int":
        with self._socket.lock:
            return self._socket.send(piece)  # type: ignore[no-any-return]

    def wait(self, timeout: "float") -> "None":
        wait_ready(self._socket.fileno(), timeout, self._wants_to_read)

    def close(self, timeout: "float") -> "None":
        """Send close_notify (RFC 5425 4.4), and wait until that has arrived."""
        deadline = monotonic() + timeout
        while True:
            try:
                with self._socket.lock, WithoutSigpipe():
                    self._socket.unwrap()
            except ssl.SSLWantReadError:
                break  # close_notify has been sent, and is not answered
            except ssl.SSLWantWriteError:
                if monotonic() >= deadline:
                    self._socket.close()
                    raise TimeoutError("the collector takes nothing") from None
                wait_ready(self._socket.fileno(), max(0.0, deadline - monotonic()))
            except (OSError, ValueError):
                break
            else:
                break
        super().close(max(0.0, deadline - monotonic()))
