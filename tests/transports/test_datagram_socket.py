"""The socket of datagrams, compiled and over CPython's own module: both do the same."""

import contextlib
import errno
import gc
import os
import resource
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from syslogfast.transports import datagram, datagram_socket

pytestmark = [
    pytest.mark.native,
    pytest.mark.skipif(sys.platform != "linux", reason="the other is Linux's"),
]

HOSTS = ["127.0.0.1", "::1"]


@pytest.fixture(params=["c", "python"])
def kind(request: pytest.FixtureRequest) -> Any:
    if request.param == "c":
        assert datagram.DatagramSocket.__module__ == "syslogfast._encoder_c"
        return datagram.DatagramSocket
    return datagram_socket.DatagramSocket


@contextlib.contextmanager
def receive(host: str) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        try:
            receiver.bind((host, 0))
        except OSError:
            pytest.skip(f"there is no {host} here")
        receiver.settimeout(5)
        yield receiver


@pytest.mark.parametrize("host", HOSTS)
def test_datagrams(kind: Any, host: str) -> None:
    with receive(host) as receiver:
        for address in (receiver.getsockname(), receiver.getsockname()[:2]):
            sender = kind(address)
            assert sender.send(memoryview(b"one")) == 3
            assert sender.send(b"") == 0
            assert sender.send_segments(b"twos", 2) == 4
            assert sender.send_segments(b"three", 2) == 5
            assert [receiver.recv(10) for _ in range(7)] == [
                *(b"one", b"", b"tw", b"os", b"th", b"re", b"e"),
            ]
            assert not os.get_blocking(sender.fileno())
            assert not os.get_inheritable(sender.fileno())
            assert sender.take_error() == 0
            assert sender.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM
            sender.close()


def test_where_they_come_from(kind: Any) -> None:
    """It tells addresses of this host apart, and not ports."""
    with receive("127.0.0.1") as receiver:
        address = receiver.getsockname()
        senders = [kind(address, source) for source in (None, None, "127.0.0.1", "127.0.0.9")]
        sources = [sender.find_source() for sender in senders]
        assert sources[0] == sources[1] == sources[2] != sources[3]
        senders[3].send(b"there")
        assert receiver.recvfrom(10)[1][0] == "127.0.0.9"
        for sender in senders:
            sender.close()


def test_a_refusal_is_told_once(kind: Any) -> None:
    with receive("127.0.0.1") as receiver:
        address = receiver.getsockname()
    sender = kind(address)
    sender.send(b"lost")
    assert sender.take_error() == errno.ECONNREFUSED
    assert sender.take_error() == 0
    sender.send(b"lost")
    with pytest.raises(ConnectionRefusedError) as raised:
        sender.send(b"lost")
    assert str(raised.value) == f"[Errno {errno.ECONNREFUSED}] Connection refused"
    sender.close()


def fail(kind: Any, *arguments: Any) -> tuple[type, int | None, str | None]:
    with pytest.raises(OSError, match=r"\[Errno ") as raised:
        kind(*arguments)
    return raised.type, raised.value.errno, raised.value.strerror


def test_what_cannot_be_had() -> None:
    """Both raise the same, and leave no descriptor behind."""
    before = sorted(os.listdir("/proc/self/fd"))
    for arguments in (
        (("127.0.0.1", 9), "192.0.2.1"),  # RFC 5737: an address of nobody
        (("127.0.0.1", 9), "::1"),
        (("::1", 9), "127.0.0.1"),
        (("255.255.255.255", 9),),
    ):
        error = fail(datagram.DatagramSocket, *arguments)
        assert error[1]
        if ":" not in str(arguments):  # else the family is that of the address, or of the source
            assert error == fail(datagram_socket.DatagramSocket, *arguments)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_full_table_of_descriptors(kind: Any) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        failure = fail(kind, ("127.0.0.1", 9))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for descriptor in taken:
            os.close(descriptor)
    assert failure == (OSError, errno.EMFILE, "Too many open files")


def test_one_that_is_closed(kind: Any) -> None:
    sender = kind(("127.0.0.1", 9))
    sender.close()
    sender.close()
    assert sender.fileno() == -1
    for method, arguments in (
        ("send", (b"late",)),
        ("send_segments", (b"late", 2)),
        ("getsockopt", (socket.SOL_SOCKET, socket.SO_TYPE)),
        ("take_error", ()),
        ("find_source", ()),
    ):
        with pytest.raises(OSError, match="Bad file descriptor"):
            getattr(sender, method)(*arguments)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_one_that_nobody_has_is_closed(kind: Any) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    sender = kind(("127.0.0.1", 9))
    assert sorted(os.listdir("/proc/self/fd")) != before
    del sender
    gc.collect()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_what_is_no_bytes(kind: Any) -> None:
    sender = kind(("127.0.0.1", 9))
    for data in ("text", None, 1):
        with pytest.raises(TypeError):
            sender.send(data)
    sender.close()


def test_connecting_is_audited() -> None:
    """As CPython's own: who watches a program sees where it connects to (PEP 578)."""
    events = []
    is_watching = [True]
    sys.addaudithook(
        lambda event, arguments: (
            events.append(arguments[1]) if event == "socket.connect" and is_watching else None
        )
    )
    datagram.DatagramSocket(("127.0.0.1", 9)).close()
    is_watching.clear()
    assert events == [("127.0.0.1", 9)]


def test_references_are_given_back() -> None:
    """A socket that goes leaves none behind, not of None either."""
    before = sys.getrefcount(None)
    for _ in range(1000):
        datagram.DatagramSocket(("127.0.0.1", 9))
    assert sys.getrefcount(None) - before < 500


def test_wrong_arguments(kind: Any) -> None:
    """They are TypeErrors, and nothing stays open."""
    with receive("127.0.0.1") as receiver:
        for given in ((), (5,), (("127.0.0.1",),), ((5, "127.0.0.1"),)):
            with pytest.raises(TypeError):
                kind(*given)
        sender = kind(receiver.getsockname())
        with pytest.raises(TypeError):
            sender.getsockopt("SOL_SOCKET", "SO_ERROR")
        sender.close()


AUDITED = """
import sys
from syslogfast.transports import datagram, datagram_socket

def refuse(event, given):
    if event == "socket.connect":
        raise PermissionError(event)

sys.addaudithook(refuse)
for kind in (datagram.DatagramSocket, datagram_socket.DatagramSocket):
    try:
        kind(("127.0.0.1", 9))
    except PermissionError as error:
        print(error)
"""


def test_a_connection_that_an_audit_hook_refuses(run_python: Any) -> None:
    """As one of CPython's own sockets: PEP 578."""
    result = run_python(AUDITED)
    assert (result.stdout, result.stderr) == ("socket.connect\nsocket.connect\n", "")
