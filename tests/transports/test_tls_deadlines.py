"""TLS: how long is waited for the other side, in a handshake, after it, and at the end."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.certificates import Certificates
from support.receivers import LIMIT, TlsSink, wait_until

from syslogfast.transports import tls
from syslogfast.transports.stream import StreamTransport

pytestmark = pytest.mark.usefixtures("no_thread_fails")


@pytest.fixture
def url(certificates: Certificates, sink: TlsSink) -> str:
    return f"tls://localhost:{sink.port}?ca={certificates.ca}"


@pytest.fixture
def sink(certificates: Certificates) -> Iterator[TlsSink]:
    started = TlsSink(certificates)
    yield started
    started.close()


def test_an_end_is_waited_for(
    connect: Callable, url: str, sink: TlsSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the timeout is for the records and close_notify to be acknowledged."""
    timeouts: list[float] = []
    close = StreamTransport.close

    def note(transport: StreamTransport, timeout: float) -> None:
        timeouts.append(timeout)
        close(transport, timeout)

    monkeypatch.setattr(StreamTransport, "close", note)
    emitter = connect(url)
    emitter.info("0")
    emitter.close(10 * LIMIT)
    (timeout,) = timeouts
    assert 0 < timeout < 10 * LIMIT
    assert wait_until(lambda: sink.read_texts("octet") == ["0"])


@pytest.mark.parametrize(("took", "expected"), [(0.0, tls.MIN_REFUSAL_WAIT), (1.0, 2.0)])
def test_a_refusal_is_waited_for_longer_where_the_handshake_took_long(
    connect: Callable,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    took: float,
    expected: float,
) -> None:
    now = time.monotonic()
    waits: list[float] = []
    wrap_stream = tls.wrap_stream

    def wrap_and_wait(*arguments: Any) -> Any:
        nonlocal now
        connection = wrap_stream(*arguments)
        now += took
        return connection

    monkeypatch.setattr(tls, "wrap_stream", wrap_and_wait)
    monkeypatch.setattr(tls, "monotonic", lambda: now)
    monkeypatch.setattr(tls, "await_refusal", lambda connection, seconds: waits.append(seconds))
    with connect(url, timeout=10 * LIMIT) as emitter:
        emitter.info("0")
    assert waits == [expected]


def test_a_handshake_by_memory_has_all_its_time(certificates: Certificates, sink: TlsSink) -> None:
    """Each read of it may take as long as all of it."""
    timeouts: list[float] = []

    class Stream:
        def __getattr__(self, name: str) -> Any:
            return getattr(stream, name)

        def settimeout(self, seconds: float) -> None:
            timeouts.append(seconds)
            stream.settimeout(LIMIT)

    context = ssl.create_default_context(cafile=certificates.ca)
    with socket.create_connection(("127.0.0.1", sink.port), LIMIT) as stream:
        deadline = time.monotonic() + 10 * LIMIT
        connection = tls.TlsByMemory(context, Stream(), "localhost", deadline)
        timeouts, given = [], timeouts
        with connection.lock, contextlib.suppress(ssl.SSLWantReadError):  # no answer yet
            connection.unwrap()
    assert given
    assert min(given) > 1
