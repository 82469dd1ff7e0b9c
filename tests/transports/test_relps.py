"""RELP over TLS: a session as over TCP, whose two sides know each other."""

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest
from support.certificates import Certificates
from support.receivers import LIMIT, Received, wait_until
from support.relp_peers import RelpPeer

from syslogfast.transports import tls

pytestmark = pytest.mark.surroundings


class RelpsPeer(RelpPeer):
    """A collector that wants the client's certificate, and keeps how each connection ended."""

    def __init__(self, certificates: Certificates) -> None:
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
        self.context.load_cert_chain(*certificates.server)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.refusals: list[str] = []
        self.has_notice: list[bool] = []  # whether close_notify has come
        certificate, key = certificates.client
        self.options = f"?ca={certificates.ca}&cert={certificate}&key={key}"
        super().__init__(receive_buffer=4096)

    def read(self, connection: socket.socket, received: Received) -> None:
        try:
            secured = self.context.wrap_socket(
                connection, server_side=True, suppress_ragged_eofs=False
            )
        except OSError as error:
            self.refusals.append(str(error))
            return
        self.sockets[self.sockets.index(connection)] = secured
        with contextlib.suppress(OSError):
            super().read(secured, received)
            self.has_notice.append(True)

    @property
    def url(self) -> str:
        return f"relps://localhost:{self.port}{self.options}"


@pytest.fixture
def peer(certificates: Certificates) -> Iterator[RelpsPeer]:
    started = RelpsPeer(certificates)
    yield started
    started.close()
    assert started.faults == []


@pytest.mark.slow
@pytest.mark.parametrize("by", ["socket", "memory"])
def test_order(
    connect: Callable, peer: RelpsPeer, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """All records arrive, in order, in one session, also as where there are greenlets."""
    monkeypatch.setattr(tls, "has_greenlets", lambda: by == "memory")
    texts = [f"{number} " + "x" * (number % 9 * 1000) for number in range(2000)]
    with connect(peer.url, overflow="block", queue_bytes=1 << 18) as emitter:
        for text in texts:
            emitter.info("%s", text)
    stats = emitter.stats
    assert (stats["sent"], stats["dropped"], stats["failure"]) == (2000, {}, None)
    (session,) = peer.sessions
    assert session.texts == texts
    assert session.has_ended
    assert wait_until(lambda: peer.has_notice == [True])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_leaves_the_session_alone(connect: Callable, peer: RelpsPeer) -> None:
    """The child closes its copy without a word of TLS; what it says goes by one of its own."""
    emitter = connect(peer.url)
    emitter.info("before")
    assert emitter.flush()
    child = os.fork()
    if not child:
        emitter.info("child")
        os._exit(not emitter.flush(LIMIT))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    emitter.info("after")
    assert emitter.flush()
    assert emitter.stats["reconnects"] == 0
    assert [session.texts for session in peer.sessions] == [["before", "after"], ["child"]]


def test_a_break(connect: Callable, peer: RelpsPeer) -> None:
    """What has not been acknowledged is sent anew."""
    peer.on_record = lambda session: None
    emitter = connect(peer.url)
    emitter.info("first")
    assert wait_until(lambda: peer.count() == 1)
    peer.on_record = type(peer.last).acknowledge
    peer.break_connections()
    assert emitter.flush()
    assert (emitter.stats["sent"], emitter.stats["reconnects"]) == (1, 1)
    assert [session.texts for session in peer.sessions] == [["first"], ["first"]]


def test_who_is_not_known(connect: Callable, peer: RelpsPeer) -> None:
    """Without a certificate it has no say, and is told why; the records wait."""
    emitter = connect(peer.url.partition("&cert")[0], on_failure=False)
    emitter.info("never")
    assert wait_until(lambda: "it does not accept us" in str(emitter.stats["failure"]))
    assert (emitter.stats["sent"], emitter.stats["queued"]) == (0, 1)
    assert wait_until(lambda: peer.refusals)
    emitter.close(0)
    assert peer.sessions == []


def test_a_context(connect: Callable, peer: RelpsPeer, certificates: Certificates) -> None:
    context = ssl.create_default_context(cafile=certificates.ca)
    context.load_cert_chain(*certificates.client)
    emitter = connect(f"relps://localhost:{peer.port}", context=context)
    emitter.info("text")
    assert emitter.flush()
    assert peer.last.texts == ["text"]
