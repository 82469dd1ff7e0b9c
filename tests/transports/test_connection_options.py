"""What a URL, or `context`, says of a connection is so: on real sockets, over each transport."""

import _socket
import contextlib
import pathlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.certificates import Certificates
from support.receivers import Sink, TlsSink, find_free_port, wait_until

import syslogfast
from syslogfast.transports import retry
from syslogfast.transports import stream as streams
from syslogfast.transports.datagram import list_udp_addresses
from syslogfast.transports.stream import connect_host, list_tcp_addresses
from syslogfast.transports.url import parse_url

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere 127.0.0.5 is no address of this host"
)

OTHER = "127.0.0.5"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_datagrams_come_from_there(connect: Callable, receiver: socket.socket, host: str) -> None:
    """Also when another socket is made because the network has changed."""
    port = receiver.getsockname()[1]
    emitter = connect(f"udp://{host}:{port}?bind={OTHER}")
    for _ in range(2):
        emitter.info("text")
        assert receiver.recvfrom(2048)[1][0] == OTHER
        emitter._sender.send_soon(is_reachable=True)
        emitter._sender._transport._socket.close()
        emitter._sender._transport._reconnect("no route")


@pytest.mark.parametrize(("source", "host"), [("::1", "::2"), ("127.0.0.5", "127.0.0.1")])
def test_a_name_stands_for_addresses_of_that_kind(
    monkeypatch: pytest.MonkeyPatch, source: str, host: str
) -> None:
    """The resolver is asked for no others, which could not be reached from there."""
    found = {socket.AF_INET: ("127.0.0.1", 9), socket.AF_INET6: ("::2", 9, 0, 0)}

    def find(host: bytes, port: int, family: int, kind: int) -> list[tuple[object, ...]]:
        return [(each, kind, 0, "", found[each]) for each in found if family in (0, each)]

    monkeypatch.setattr(_socket, "getaddrinfo", find)
    url = f"://collector?bind={source}"
    assert [address[0] for address in list_udp_addresses(parse_url(f"udp{url}"))] == [host]
    assert [address[0] for _, _, address in list_tcp_addresses(parse_url(f"tcp{url}"))] == [host]


@pytest.mark.parametrize("scheme", ["tcp", "tls", "relp", "relps"])
def test_connections_come_from_there(connect: Callable, sink: Sink, scheme: str) -> None:
    peers = []
    sink.on_accept = lambda connection: peers.append(connection.getpeername()[0])
    emitter = connect(f"{scheme}://127.0.0.1:{sink.port}?bind={OTHER}", timeout=0.1)
    emitter.info("text")
    assert wait_until(lambda: peers)
    assert peers[0] == OTHER


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_an_address_that_this_host_has_not(connect: Callable, sink: Sink, scheme: str) -> None:
    """It may have it later: the records wait."""
    emitter = connect(f"{scheme}://127.0.0.1:{sink.port}?bind=192.0.2.1")
    emitter.info("text")
    assert not emitter.flush(0.1)
    assert "Cannot assign requested address" in emitter.stats["failure"]
    assert (emitter.stats["queued"], emitter.stats["dropped"]) == (1, {})
    emitter.close(0)


def read_keepalive(stream: socket.socket) -> tuple[int, ...]:
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    return (
        stream.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        *(stream.getsockopt(socket.IPPROTO_TCP, option) for option in options),
        stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    )


@pytest.mark.parametrize("scheme", ["tcp", "tls", "relp", "relps"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", (1, 60, 15, 4, 60_000)),
        ("?keepalive=20", (1, 20, 5, 4, 20_000)),
        ("?keepalive=1", (1, 1, 1, 4, 1_000)),
        ("?keepalive=32767", (1, 32767, 8191, 4, 32_767_000)),
    ],
)
def test_keepalive(sink: Sink, scheme: str, options: str, expected: tuple[int, ...]) -> None:
    url = parse_url(f"{scheme}://127.0.0.1:{sink.port}{options}")
    stream, _ = connect_host(url, 10)
    with contextlib.closing(stream):
        assert read_keepalive(stream) == expected


def test_options_that_have_only_a_name(
    connect: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system, such as WASI, may name an option and not know it: the connection does without."""
    monkeypatch.setattr(streams, "find_constant", lambda name: 9999)
    emitter = connect(f"tcp://127.0.0.1:{sink.port}")
    emitter.info("text")
    assert emitter.flush()
    assert emitter.stats["sent"] == 1
    with pytest.raises(OSError, match="Protocol not available"):
        emitter._sender._transport._socket.setsockopt(socket.IPPROTO_TCP, 9999, 1)


def test_without_keepalive(connect: Callable, sink: Sink) -> None:
    emitter = connect(f"tcp://127.0.0.1:{sink.port}?keepalive=0")
    emitter.info("text")
    assert emitter.flush()
    with socket.socket() as plain:
        assert read_keepalive(emitter._sender._transport._socket) == read_keepalive(plain)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["", ""], [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]),
        (["?retry=0.5", ""], [0.1, 0.2, 0.4, 0.5, 0.5]),
        (["?retry=86400", "?retry=0.1"], [0.1, 0.1, 0.1]),
        (["?retry=60", "?retry=50"], [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 50.0, 50.0]),
    ],
)
def test_retry(monkeypatch: pytest.MonkeyPatch, options: list[str], expected: list[float]) -> None:
    """The pauses grow up to that; of several URLs, which are tried in a row, the least holds."""
    monkeypatch.setattr(retry, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(retry, "add_jitter", lambda delay: delay)
    port = find_free_port()
    urls = [parse_url(f"tcp://127.0.0.1:{port}{query}") for query in options]
    policy = retry.RetryPolicy(urls, 5.0, syslogfast.emitter.Queue(1000), False)
    pauses = []
    for _ in expected:
        assert policy.open() is None
        pauses.append(round(policy.next_try - 1000.0, 6))
    assert pauses == expected


def test_a_context_of_ones_own(
    connect: Callable, certificates: Certificates, tmp_path: pathlib.Path
) -> None:
    """It says whom to trust, and has a key with a password; `name` is the URL's."""
    certificate, key = certificates.client
    locked = str(tmp_path / "locked")
    command = ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.create_default_context(cafile=certificates.ca)
    context.load_cert_chain(certificate, locked, "secret")
    sink = TlsSink(certificates)
    sink.context.load_verify_locations(certificates.ca)
    sink.context.verify_mode = ssl.CERT_REQUIRED
    try:
        emitter = connect(f"tls://localhost:{sink.port}?name=localhost", context=context)
        emitter.info("text")
        emitter.close()
        assert sink.read_texts("octet") == ["text"]
        stranger = connect(
            f"tls://localhost:{sink.port}", context=ssl.create_default_context(), on_failure=False
        )
        stranger.info("never")
        assert wait_until(lambda: stranger.stats["failure"])
        assert "its certificate is not accepted" in stranger.stats["failure"]
        stranger.close(0)
    finally:
        sink.close()
    assert sink.read_texts("octet") == ["text"]


@pytest.mark.parametrize(
    ("urls", "rule"),
    [
        (["tcp://h"], "be of a transport with TLS, such as tls://, for a context, got 'tcp://h'"),
        (["tls://h", "udp://h"], "be of a transport with TLS, .* got 'udp://h'"),
        (["tls://h?insecure=yes"], "have no option 'insecure', which a context has, got"),
        ([f"tls://h?ca={__file__}"], "have no option 'ca', which a context has, got"),
        ([f"tls://h?cert={__file__}"], "have no option 'cert', which a context has, got"),
    ],
)
def test_a_context_that_nobody_would_use(urls: list[str], rule: str) -> None:
    with pytest.raises(ValueError, match=f"^url must {rule}"):
        syslogfast.connect(*urls, context=ssl.create_default_context())


def test_what_is_no_context(run_python: Callable) -> None:
    """To say so needs no `ssl`: where that was not imported, there is none."""
    for wrong in (True, "context", {}):
        with pytest.raises(TypeError, match=r"^context must be an ssl.SSLContext or None, got "):
            syslogfast.connect(f"tls://127.0.0.1:{find_free_port()}", context=wrong)
    code = """
import sys, syslogfast
try:
    syslogfast.connect("tls://127.0.0.1:9", context=7)
except TypeError as error:
    print(error, "ssl" in sys.modules)
"""
    result = run_python(code)
    assert result.stdout == "context must be an ssl.SSLContext or None, got 7 False\n", (
        result.stderr
    )
