"""What transports and their senders meet seldom, each put in the place of the system's answer."""

import _socket
import contextlib
import errno
import os
import pathlib
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import syslogfast
from syslogfast import transports
from syslogfast._platform import find_path_mtu
from syslogfast.transports import (
    PermanentError,
    Readiness,
    datagram,
    datagram_socket,
    drop_report,
    failback,
    fd,
    netlink,
    network,
    poll,
    resolve,
    retry,
    signal_mask,
    stream,
    termination,
    threads,
    tls,
    unix,
    unix_datagram,
)
from syslogfast.transports.queue_py import Queue
from syslogfast.transports.url import parse_url

PATIENCE = 20  # seconds


def refuse(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return call


def fill(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, bytes(1 << 16))


def make_queue(*frames: bytes) -> Any:
    queue = Queue(1 << 20)
    for frame in frames:
        queue.put(frame)
    return queue


# --- what the kernel answers ---------------------------------------------------------------------


def test_options_that_a_socket_does_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the system has no more of than its name is left out; others are failures."""
    stream.set_if_known(SimpleNamespace(setsockopt=refuse(errno.ENOPROTOOPT)), 1, 2, 3)
    with pytest.raises(OSError, match="Invalid argument"):
        stream.set_if_known(SimpleNamespace(setsockopt=refuse(errno.EINVAL)), 1, 2, 3)


@pytest.mark.parametrize("error", [None, OSError(errno.EINVAL, "")])
def test_bytes_that_nobody_can_count(monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    """Of vsock, and where the kernel has no such call."""
    with socket.socket() as opened:
        assert stream.count_unacknowledged(opened) == 0
        monkeypatch.setattr(stream, "ioctl", refuse(errno.EINVAL))
        if error is None:
            monkeypatch.setattr(stream, "UNSENT", 0)
        assert stream.count_unacknowledged(opened) == 0


def test_a_path_whose_mtu_is_not_known() -> None:
    """A datagram is as long as the protocol has it then; a shorter path is not exceeded."""
    assert find_path_mtu(refuse(errno.ENOTCONN), is_ipv6=False) is None
    transport: Any = object.__new__(datagram.UdpTransport)
    for address, longest in (("192.0.2.1", 65_507), ("::1", 65_527)):
        transport._address = (address, 514)
        transport._socket = SimpleNamespace(getsockopt=refuse(errno.ENOTCONN))
        assert transport._find_limit(70_000) == longest
        assert transport._find_limit(2000) == longest
        transport._socket = SimpleNamespace(getsockopt=lambda *_: 1500)
        assert transport._find_limit(2000) == 1500 - (48 if ":" in address else 28)


def test_segments_that_find_no_space() -> None:
    """Nothing of them is sent, and they stay in the queue; the transport goes on to segment."""
    transport: Any = object.__new__(datagram.UdpTransport)
    transport._readiness = Readiness()
    transport._longest_segment = 1000
    transport._socket = SimpleNamespace(send_segments=refuse(errno.EAGAIN))
    assert transport._send_run(memoryview(b"x" * 100), 50) == 0
    assert transport._longest_segment == 1000
    assert not transport._readiness.is_short
    transport._socket = SimpleNamespace(send_segments=refuse(errno.ENOBUFS))
    assert transport._send_run(memoryview(b"x" * 100), 50) == 0
    assert transport._readiness.is_short


def test_buffers_that_are_short_are_waited_for() -> None:
    """poll(2) knows nothing of them: it is a pause, once."""
    readiness = Readiness()
    readiness.is_short = True
    reading, writing = os.pipe()
    began = time.monotonic()
    poll.await_readiness(readiness, writing, 0.05)
    assert time.monotonic() - began >= 0.01
    assert not readiness.is_short
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b'<13>1 - h a 1 m [a b="c]\\"d"][e] text', b" text"),
        (b"<13>1 - h a 1 m - text", b" text"),
        (b"<13>Oct 11 22:14:15 h a: text", b"text"),
        (b'<13>1 - h a 1 m [a b="c', b""),
    ],
)
def test_where_a_message_begins(record: bytes, message: bytes) -> None:
    assert record[datagram.find_message(record) :] == message


def test_netlink_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    class Refused(_socket.socket):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            opened.append(self)

        bind = refuse(errno.EPERM)
        send = refuse(errno.ENOBUFS)

    monkeypatch.setattr(_socket, "socket", Refused)
    with pytest.raises(PermissionError):
        netlink.open_netlink(0)
    assert opened[0].fileno() == -1
    netlink.request_acknowledgement(opened[0])  # which waits for no answer then
    monkeypatch.setattr(netlink, "find_constant", lambda _: None)
    with pytest.raises(OSError, match="this system has no netlink"):
        netlink.open_netlink(0)
    assert netlink.subscribe() is None


def test_a_browser_has_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "HAS_HTTP_ALONE", True)
    assert network.has_no_network()


def test_a_name_that_is_none() -> None:
    """IDNA refuses it before anybody is asked; others are looked up as they are written."""
    url: Any = SimpleNamespace(host="\u00e4" * 70, port=514, options={})
    with pytest.raises(OSError, match="label"):
        resolve.look_up(url, True)
    url.host = "\uff11\uff12\uff17.0.0.1"
    assert {found[4][0] for found in resolve.look_up(url, True)} == {"127.0.0.1"}


# --- queues and datagrams of unix sockets --------------------------------------------------------


@pytest.fixture
def collector(tmp_path: pathlib.Path) -> Iterator[Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "log"))
        bound.settimeout(PATIENCE)
        yield bound


def test_nothing_to_send(collector: Any, tmp_path: pathlib.Path) -> None:
    """A queue may be emptied between the look at it and the send."""
    path = collector.getsockname()
    queue = make_queue()
    transport: Any = unix_datagram.UnixTransport(parse_url(f"unix://{path}"), 1.0)
    transport._proven = False
    assert transport.push(queue) == 0
    transport.abort()
    transport = unix.UnframedTransport(parse_url(f"unix://{path}?framing=lf"), 1.0)
    assert transport.push(queue) == 0
    transport.abort()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "stream"))
        listener.listen()
        url = parse_url(f"unix://{tmp_path}/stream")
        transport = unix.TerminatedStreamTransport(url, 1.0)
        assert transport.push(queue) == 0
        transport.abort()
    transport = datagram.UdpTransport(parse_url("udp://127.0.0.1:9"), 1.0)
    transport._proven = False
    assert transport.push(queue) == 0
    transport.pace(1)
    transport._burst, transport._next_burst = 0, time.monotonic() + 0.02
    assert transport.push(make_queue(b"x")) == 0
    transport.wait(PATIENCE)
    assert time.monotonic() >= transport._next_burst
    transport._is_paced = False
    began = time.monotonic()
    transport.wait(PATIENCE)  # there is space
    assert time.monotonic() - began < PATIENCE / 2
    transport.abort()


def test_a_stream_that_takes_half_a_record(tmp_path: pathlib.Path) -> None:
    """The rest follows, with the end that syslog(3) gives it; no record is sent twice."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport: Any = object.__new__(unix.TerminatedStreamTransport)
        transport._unsent = memoryview(b"")
        transport._socket = ours
        sent: list[bytes] = []

        def send(data: memoryview) -> int:
            sent.append(bytes(data[:3]))
            return len(sent[-1])

        transport._send = send
        queue = make_queue(b"a\0b")
        assert transport.push(queue) == 0
        assert transport.pinned == 3
        assert transport.push(queue) == 0
        assert transport.push(queue) == 3
        assert (b"".join(sent), transport.pinned) == (b"a#000b\0", 0)


def test_a_collector_that_makes_its_socket_anew(
    collector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collector.getsockname()
    transport: Any = unix_datagram.UnixTransport(parse_url(f"unix://{path}"), 1.0)
    former = transport._socket
    transport._reconnect("refused")
    assert transport._socket is not former
    assert former.fileno() == -1
    assert transport._find_limit(1 << 30) == (
        transport._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF) - 32
    )
    present = transport._socket
    for number, kind in ((errno.ENOENT, FileNotFoundError), (errno.EPROTOTYPE, OSError)):
        monkeypatch.setattr(transport, "_connect", refuse(number))
        with pytest.raises(kind):
            transport._reconnect("refused")
        assert transport._socket is present
    transport.abort()


def test_the_buffer_of_a_unix_socket(collector: Any) -> None:
    """Of the class that Python has where there is no compiled core."""
    made = datagram_socket.DatagramSocket(collector.getsockname())
    assert made.find_buffer_size() == made.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF) > 0
    made.close()


# --- descriptors ---------------------------------------------------------------------------------


def test_descriptors_that_cannot_be_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked whether they have space: sockets always, pipes where there is no /proc."""
    with socket.socket() as opened:
        assert fd.reopen(opened.fileno()) == opened.fileno()
    reading, writing = os.pipe()
    monkeypatch.setattr(fd, "system", SimpleNamespace(
        fstat=os.fstat, O_WRONLY=1, O_NONBLOCK=2, O_NOCTTY=4, open=refuse(errno.ENOENT)
    ))  # fmt: skip
    assert fd.reopen(writing) == writing
    monkeypatch.undo()
    os.set_blocking(writing, False)
    fill(writing)
    transport: Any = object.__new__(fd.FdTransport)
    transport._fd = transport._given = writing
    assert transport.push(make_queue(b"x\n")) == 0
    assert transport.push(make_queue()) == 0
    os.close(reading)
    os.close(writing)


# --- TLS -----------------------------------------------------------------------------------------


class FakeTls:
    """A connection of TLS that answers what it is told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.lock = threading.Lock()
        self.is_closed = False
        self.reading, self.writing = os.pipe()

    def answer(self, *_: object) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    recv = send = unwrap = do_handshake = answer

    def fileno(self) -> int:
        return self.writing

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def make_tls() -> Iterator[Callable[..., Any]]:
    made: list[FakeTls] = []

    def make(*answers: Any) -> Any:
        made.append(FakeTls(*answers))
        transport: Any = object.__new__(tls.TlsTransport)
        transport.pinned = 0
        transport._wants_to_read = False
        transport._socket = made[-1]
        return transport

    yield make
    for each in made:
        os.close(each.reading)
        os.close(each.writing)


def test_a_handshake_that_waits_for_space(make_tls: Callable[..., Any]) -> None:
    connection = make_tls(ssl.SSLWantWriteError(), None)._socket
    assert not tls.shake_hands(connection, connection.lock, time.monotonic() + PATIENCE)
    assert tls.shake_hands(connection, connection.lock, time.monotonic() + PATIENCE)
    waiting = make_tls(ssl.SSLWantReadError())._socket
    with pytest.raises(TimeoutError, match="the handshake timed out"):
        tls.shake_hands(waiting, waiting.lock, time.monotonic())


@pytest.mark.parametrize(
    ("kind", "reads"), [("SSLWantReadError", True), ("SSLWantWriteError", False)]
)
def test_a_push_that_waits(make_tls: Callable[..., Any], kind: str, reads: bool) -> None:
    """The same piece is given again, and no more than that where the transport is replaced."""
    transport = make_tls(ssl.SSLWantReadError(), getattr(ssl, kind)(), b"", b"x", 5)
    transport._wants_to_read = not reads
    queue = make_queue(b"first", b"second")
    assert transport.push(queue) == 0
    assert transport._wants_to_read is reads
    assert transport.pinned == len(b"firstsecond")
    transport.wait(0.01)
    with pytest.raises(OSError, match="the collector has closed the connection"):
        transport.push(queue)
    assert transport.pinned == 0
    transport.is_draining, transport.pinned = True, 5
    assert transport.push(queue) == 5


def test_a_close_that_waits(make_tls: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[float] = []
    monkeypatch.setattr(tls.TcpTransport, "close", lambda self, timeout: closed.append(timeout))
    make_tls(ssl.SSLWantWriteError(), None).close(PATIENCE)
    make_tls(ssl.SSLWantReadError()).close(PATIENCE)
    make_tls(ValueError()).close(PATIENCE)
    assert len(closed) == 3
    transport = make_tls(ssl.SSLWantWriteError())
    with pytest.raises(TimeoutError, match="the collector takes nothing"):
        transport.close(0.0)
    assert transport._socket.is_closed
    assert len(closed) == 3


def test_tls_by_memory_at_its_end() -> None:
    """Where greenlets have replaced the module: the end of a stream, and one that is full."""
    made: Any = object.__new__(tls.TlsByMemory)
    made._incoming, made._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    made._stream = SimpleNamespace(recv=lambda size: b"", send=refuse(errno.EAGAIN))
    made._read_stream()
    assert made._incoming.eof
    made._is_plain, made._unsent = False, b""
    for error in (ssl.SSLEOFError(), ssl.SSLZeroReturnError()):

        def read(size: int, error: Exception = error) -> bytes:
            raise error

        made._tls = SimpleNamespace(read=read)
        assert made.recv(10) == b""
    made._outgoing.write(b"abc")
    with pytest.raises(ssl.SSLWantWriteError):
        made._flush()
    assert made._unsent == b"abc"
    made._stream.send = lambda data, flags: 2
    made._flush()
    assert made._unsent == b""


# --- the way back to a preferred collector ------------------------------------------------------


class FakeTransport:
    pinned = 0
    is_draining = False
    descriptor = -1

    def __init__(self, url: str) -> None:
        self.url = url
        self.ended: list[str] = []

    def abort(self) -> None:
        self.ended.append("abort")

    def close(self, timeout: float) -> None:
        self.ended.append("close")


class FakePolicy:
    """Opens what it is told to, and keeps what it is told."""

    def __init__(self, preferred: Any) -> None:
        self.preferred = preferred
        self.next_failback = 0.0
        self.connected: list[str] = []

    def open_preferred(self, former: Any) -> Any:
        if isinstance(self.preferred, BaseException):
            raise self.preferred
        return self.preferred

    def close_transport(self, transport: Any, timeout: float) -> None:
        transport.close(timeout)

    def on_connected(self, url: str) -> None:
        self.connected.append(url)


class FakeSender:
    def __init__(self, transport: Any, preferred: Any) -> None:
        self.retry_policy = FakePolicy(preferred)
        self.queue = make_queue()
        self.timeout = 1.0
        self._transport = transport
        self._send_lock = threading.Lock()
        self.pumps = 0

    def _use_transport(self, transport: Any) -> None:
        self._transport = transport

    def pump(self) -> None:
        self.pumps += 1
        if self.pumps == 3:  # whatever was half sent has gone
            self._transport.pinned = 0
            self.failback.switch()


def make_failback(preferred: Any) -> tuple[Any, Any, Any]:
    former = FakeTransport("tcp://second")
    sender: Any = FakeSender(former, preferred)
    sender.failback = failback.Failback(sender)
    return sender.failback, sender, former


def test_the_way_back_waits_for_a_whole_record() -> None:
    preferred = FakeTransport("tcp://first")
    back, sender, former = make_failback(preferred)
    former.pinned = 5
    back._replace(former)
    assert sender._transport is preferred
    assert sender.pumps == 3
    assert (former.ended, preferred.ended) == (["close"], [])


def test_the_way_back_is_not_wanted_any_more() -> None:
    """The one in use has broken meanwhile: the sender looks for another by itself."""
    preferred = FakeTransport("tcp://first")
    back, sender, former = make_failback(preferred)
    sender._transport = None
    back._replace(former)
    assert preferred.ended == ["close"]
    assert back._state is failback.WAITING


def test_the_way_back_fails_half_way() -> None:
    """Nothing is left open but the transport in use, and it is tried again."""
    back, sender, former = make_failback(MemoryError())
    back._preferred = FakeTransport("tcp://first")
    preferred = back._preferred
    back._run(former)
    assert preferred.ended == ["abort"]
    assert (back._state, back.list_transports()) == (failback.WAITING, [None, None])
    assert sender.retry_policy.connected == ["tcp://second"]


@pytest.mark.parametrize("failure", [RuntimeError("can't start new thread"), MemoryError()])
def test_the_way_back_without_a_thread(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    started: list[object] = []

    def start(*arguments: object) -> None:
        started.append(arguments)
        raise failure

    monkeypatch.setattr(threads.Thread, "start", start)
    back, _, former = make_failback(None)
    back._state = failback.TRYING
    back.start(former)
    assert started == []  # one is at it already
    back._state = failback.WAITING
    back.start(former)
    assert len(started) == 1
    assert back._state is failback.WAITING


def test_the_way_back_is_given_up() -> None:
    """As at the end, or where the transport in use has broken."""
    preferred = FakeTransport("tcp://first")
    back, _, former = make_failback(preferred)
    former.pinned = 5
    back._preferred, back._state = preferred, failback.SWITCHING
    assert back.cancel() is preferred
    assert back._state is failback.WAITING
    assert back.cancel() is None


# --- retries and senders -------------------------------------------------------------------------


@pytest.fixture
def log(backend: str) -> Iterator[Any]:
    reading, writing = os.pipe()
    opened = syslogfast.connect(f"fd://{writing}", hostname="h", app_name="a", on_failure=False)
    yield opened
    opened.close(0)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("failure", "shown"),
    [
        (MemoryError(), "there is no memory for it"),
        (ValueError("no TLS here"), "ValueError: no TLS here"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
    ],
)
def test_what_a_url_fails_with(
    log: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception, shown: str
) -> None:
    def open_transport(*_: object) -> None:
        raise failure

    policy = log._sender.retry_policy
    monkeypatch.setattr(retry, "open_transport", open_transport)
    assert policy._try(policy.urls[0]) is None
    assert policy.failure.startswith("fd://")
    assert policy.failure.endswith(shown)
    assert isinstance(policy.error, PermanentError) == isinstance(failure, ValueError)


@pytest.mark.parametrize("failure", [None, ValueError("closed"), TimeoutError("takes nothing")])
def test_a_transport_that_is_closed_twice(log: Any, failure: Exception | None) -> None:
    """Another thread may have found it broken meanwhile: that is no failure to tell of."""

    def close(timeout: float) -> None:
        if failure:
            raise failure

    policy = log._sender.retry_policy
    policy.close_transport(SimpleNamespace(url=policy.urls[0], close=close), 1.0)
    assert isinstance(policy.error, TimeoutError) == isinstance(failure, TimeoutError)


def test_losses_that_only_a_plain_line_can_tell(
    log: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where even the module that reports them cannot be loaded; whoever asked for calls has one."""
    policy = log._sender.retry_policy
    told: list[str] = []
    policy._tell_plainly()
    policy._on_failure = None
    policy._tell_plainly()  # nothing is lost
    log._queue.drop("full")
    policy._tell_plainly()
    line = f"{policy.urls[0]}; records not sent: 1"
    assert capfd.readouterr().err == f"syslogfast: {line}\n"
    policy._on_failure = told.append
    policy._tell_plainly()
    assert told == [line]

    def fail(line: str) -> None:
        raise RuntimeError(line)

    policy._on_failure = fail
    policy._tell_plainly()
    policy._on_failure = False
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("state", ["open", "full", "closed"])
def test_a_plain_line_waits_for_nobody(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    """Nor does it end the process by SIGPIPE, nor change what the descriptor is like."""
    reading, writing = os.pipe()
    with open(writing, "w") as errors:
        if state == "full":
            os.set_blocking(writing, False)
            fill(writing)
            os.set_blocking(writing, True)
        elif state == "closed":
            os.close(reading)
        monkeypatch.setattr(sys, "stderr", errors)
        if state == "full":
            with pytest.raises(BlockingIOError):
                retry.write_unaided("line\n")
        else:
            retry.write_unaided("line\n")
        monkeypatch.undo()
        assert os.get_blocking(writing)
    if state != "closed":
        assert os.read(reading, 1 << 20).endswith(b"line\n") == (state == "open")
        os.close(reading)


def test_a_failure_without_memory_for_it(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker goes on all the same."""
    from syslogfast.transports.worker import PeriodicStep, Worker

    def fail(*_: object) -> None:
        raise MemoryError

    worker: Any = object.__new__(Worker)
    worker._sender = log._sender
    worker._note_failure(RuntimeError("x"))
    assert "RuntimeError: x" in str(log._sender.retry_policy.error)
    monkeypatch.setattr(log._sender.retry_policy, "note_failure", fail)
    worker._note_failure(RuntimeError("y"))
    assert "RuntimeError: x" in str(log._sender.retry_policy.error)
    log.close(0)
    step = PeriodicStep(log._sender, 1.0, fail)
    step.start()
    assert log._sender.periodic is None


def test_steps_that_an_interrupted_pump_does(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that has come into it has no lock: what it wants is done when that is over."""
    sender = log._sender
    monkeypatch.setattr(sender, "is_sending_here", lambda: True)
    done: list[str] = []
    assert sender.defer(lambda: done.append("step"))
    sender.close()
    assert not sender.is_closed()
    assert sender._deferred is not None
    monkeypatch.undo()
    log._queue.put(b"half\n", False, True)
    sender.pump()
    assert sender.is_closed()
    assert done == []  # the later step has taken its place
    assert log.stats["sent"] == 1


def test_a_preferred_transport_takes_over_where_the_other_breaks(log: Any) -> None:
    log.error("x")
    assert log.flush(PATIENCE)
    sender = log._sender
    former, url = sender._transport, sender.retry_policy.urls[0]
    preferred: Any = FakeTransport(url)  # type: ignore[arg-type]
    sender._failback = SimpleNamespace(cancel=lambda: preferred)
    sender._leave_transport(former, OSError("broken"))
    assert sender._transport is preferred
    sender.close(0)
    assert preferred.ended[0] == "abort"


def test_the_way_back_cannot_be_loaded(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For want of a descriptor: the transport in use goes on."""
    log.error("x")
    assert log.flush(PATIENCE)
    sender = log._sender
    sender.retry_policy.next_failback = 0.0
    monkeypatch.setitem(sys.modules, "syslogfast.transports.failback", None)
    sender._consider_failback()
    assert sender._failback is None


def test_a_sender_is_registered_while_it_is_open(log: Any) -> None:
    assert transports.is_open(log._sender)
    log.close(0)
    assert not transports.is_open(log._sender)


def test_a_transport_opens_before_there_is_a_record(log: Any) -> None:
    log._sender.open()
    assert log._sender._transport is not None


def test_a_report_of_nothing(log: Any) -> None:
    """One that came while the counts were looked at has told it already."""
    log._queue.drop("full")
    reporter = drop_report.DropReporter(log._queue, lambda *_: b"", True)
    reporter.reported = {"full": 1}
    assert reporter.report()
    assert not reporter.is_due
    assert log._queue.count == 0


# --- threads and signals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("worker", "options", "expected"),
    [
        (0, {}, True),
        (0, {"py-call-uwsgi-fork-hooks": b"true"}, False),
        (1, {}, False),
    ],
)
def test_uwsgi_forks_without_hooks(
    monkeypatch: pytest.MonkeyPatch, worker: int, options: dict[str, bytes], expected: bool
) -> None:
    """Its first process starts no thread, which its children would not have."""
    uwsgi = SimpleNamespace(worker_id=lambda: worker, mule_id=lambda: 0, opt=options)
    monkeypatch.setitem(sys.modules, "uwsgi", uwsgi)
    monkeypatch.setattr(threads.platform, "note_work", threads.platform.identify_process)
    assert threads.forks_untold() == expected
    thread = threads.Thread(lambda: None)  # type: ignore[arg-type]
    if expected:
        with pytest.raises(RuntimeError, match="forks without Python's hooks"):
            thread.start(lambda: None)


def test_systems_without_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal_mask, "signals", None)
    assert signal_mask.list_asynchronous_signals() == frozenset()
    with signal_mask.WithoutSigpipe() as nothing:
        assert nothing is None


@pytest.mark.parametrize("pending", [True, False])
def test_sigpipe_without_a_timed_wait(monkeypatch: pytest.MonkeyPatch, pending: bool) -> None:
    """macOS has no sigtimedwait(): it is asked whether one has come first."""
    import _signal

    taken: list[object] = []
    number = _signal.SIGPIPE
    fake = SimpleNamespace(
        SIG_BLOCK=0,
        SIG_SETMASK=2,
        SIGPIPE=number,
        SIG_DFL=_signal.SIG_DFL,
        pthread_sigmask=lambda how, numbers: frozenset(),
        sigpending=lambda: frozenset(),
        sigwait=taken.append,
    )
    monkeypatch.setattr(signal_mask, "signals", fake)
    monkeypatch.setattr(signal_mask, "find_signal_action", lambda _: fake.SIG_DFL)
    with signal_mask.WithoutSigpipe():
        if pending:
            fake.sigpending = lambda: frozenset([number])
    assert taken == ([frozenset([number])] if pending else [])


def test_termination_that_python_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where C could not: the handler sends what lingers, then the signal does its work."""
    done: list[object] = []
    monkeypatch.setattr(termination, "arm", lambda number: done.append(("arm", number)))
    monkeypatch.setattr(
        termination.signal, "raise_signal", lambda number: done.append(("raise", number))
    )
    monkeypatch.setattr(termination, "list_owners", lambda _: [])
    termination.end_by_signal(15)
    assert done == [("arm", 15), ("raise", 15)]
    sending = SimpleNamespace(defer=lambda step: True)
    monkeypatch.setattr(termination, "list_owners", lambda _: [sending])
    termination.end_by_signal(15)
    assert len(done) == 2


def test_termination_is_not_given_back_by_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python sets handlers in the main thread alone: there is nothing left to be sent."""
    tried: list[int] = []

    def fail(number: int, action: object) -> None:
        tried.append(number)
        raise ValueError("signal only works in main thread of the main interpreter")

    monkeypatch.setattr(termination.signal, "signal", fail)
    monkeypatch.setattr(termination.signal, "getsignal", lambda _: termination.end_by_signal)
    monkeypatch.setattr(termination, "_watched", {})
    termination.unwatch(SimpleNamespace())  # type: ignore[arg-type]
    assert tried == list(termination.SIGNALS)


# --- URLs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("udp://h?resolve=soon", "url must have a resolve in seconds, or 0 for never"),
        ("unix:///\ud800", "url must have a path that can be encoded"),
    ],
)
def test_urls_that_are_wrong(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_url(url)


class Unprintable:
    def __repr__(self) -> str:
        raise LookupError


def test_a_url_that_has_no_repr() -> None:
    with pytest.raises(TypeError, match="got <unprintable Unprintable>"):
        syslogfast.connect(Unprintable())  # type: ignore[arg-type]


# --- the network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EBADF])
def test_events_of_the_network_that_are_lost(number: int) -> None:
    """All is read anew then; where no more can come, changes are looked for without them."""
    watch: Any = object.__new__(network.NetworkWatch)
    closed: list[bool] = []
    watch._is_closed = False
    watch._closing = threading.Lock()
    watch._events = events = SimpleNamespace(
        settimeout=lambda _: None, recv=refuse(number), close=lambda: closed.append(True)
    )
    watch._wait_for_event(events, time.monotonic() - 1)  # its time is over
    assert watch._events is events
    watch._wait_for_event(events, time.monotonic() + PATIENCE)
    assert bool(watch._events) == (number == errno.ENOBUFS) != bool(closed)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0", ("eth0", "192.0.2.1")),
        ("eth0 00000000 0102XXC0 0003 0 0 100 00000000 0 0 0", (None, None)),
        ("eth0 00000000", (None, None)),
        ("eth0 00000000 010200C0 0002 0 0 100 00000000 0 0 0", (None, None)),
    ],
)
def test_lines_of_the_routing_table(
    monkeypatch: pytest.MonkeyPatch, line: str, expected: tuple[str | None, str | None]
) -> None:
    """One that is malformed counts as none."""
    monkeypatch.setattr(network, "read_file", lambda _: f"Iface Destination\n{line}\n")
    monkeypatch.setattr(network.sys, "byteorder", "little")
    assert network.read_default_route() == expected


def test_nobody_sends_what_is_recorded(log: Any) -> None:
    """Until it is dumped."""
    from syslogfast.transports.recorder import Recorder

    ring = make_queue(b"recorded")
    Recorder(ring, log._queue, log._sender).pump()
    assert (ring.count, log._queue.count) == (1, 0)


@pytest.mark.parametrize("is_main", [True, False])
def test_threads_of_another_interpreter_end_with_it(
    monkeypatch: pytest.MonkeyPatch, is_main: bool
) -> None:
    """Those of senders that are closed are waited for: an open one's never ends."""
    joined: list[str] = []

    def make(name: str, owner: object) -> Any:
        return SimpleNamespace(
            is_there=lambda: True, owner=lambda: owner, join=lambda: joined.append(name)
        )

    left = [make("closed", "closed"), make("open", "open")]
    monkeypatch.setattr(threads, "_threads", left)
    monkeypatch.setattr(threads, "has_ended", lambda: True)
    monkeypatch.setattr(threads, "is_main_interpreter", lambda: is_main)
    monkeypatch.setattr(threads, "is_open", lambda owner: owner == "open")
    threads.join_threads()
    assert joined == ([] if is_main else ["closed"])
