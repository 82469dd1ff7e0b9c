"""SCHEMES: one row says all that the package knows of a kind of transport."""

import importlib
import pathlib
from collections.abc import Callable, Iterator

import pytest
from support.each import try_each

from syslogfast.transports import url as url_module
from syslogfast.transports.retry import load_transport
from syslogfast.transports.url import SCHEMES, STREAM_FRAMINGS, Scheme, parse_url

# A transport that another package might have: it keeps what it is given.
MEMORY = """
opened = []

class MemoryTransport:
    pinned = 0
    is_draining = False
    descriptor = -1

    def __init__(self, url, timeout):
        self.url = url
        self.taken = []
        opened.append(self)

    def push(self, queue):
        data = queue.peek(True)
        if data is None:
            return 0
        self.taken.append(bytes(data))
        return len(data)

    def wait(self, timeout):
        raise AssertionError("there is always space")

    def close(self, timeout):
        self.taken.append(b"closed")

    abort = close
"""


@pytest.fixture
def memory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A module with a transport, known to the package by no more than a row of SCHEMES."""
    (tmp_path / "memory_of_a_test.py").write_text(MEMORY)
    monkeypatch.syspath_prepend(tmp_path)
    row = Scheme(loader="memory_of_a_test:MemoryTransport", framings=(None,))
    monkeypatch.setitem(SCHEMES, "memory", row)
    module = importlib.import_module("memory_of_a_test")
    yield module
    module.opened.clear()


@pytest.mark.parametrize("at_once", [False, True])
def test_a_scheme_of_ones_own(
    memory: object, connect: Callable, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    """A row and a class are all it takes, whether the transport opens at once or not."""
    if at_once:
        monkeypatch.setattr(SCHEMES["memory"], "opens_at_once", url_module.always)
    emitter = connect("memory://anywhere:7")
    emitter.info("first")
    if at_once:
        assert len(memory.opened) == 1  # by this thread
    emitter.info("second")
    assert emitter.flush(20)
    emitter.close()
    (transport,) = memory.opened
    assert (transport.url.host, transport.url.port) == ("anywhere", 7)
    assert [record.split(b" ")[-1] for record in transport.taken] == [
        b"first",
        b"second",
        b"closed",
    ]
    assert (emitter.stats["sent"], emitter.stats["dropped"]) == (2, {})


def test_what_a_row_says_holds(memory: object, connect: Callable, monkeypatch) -> None:
    """The protocol, the limit, the framings and the options are the row's."""
    row = Scheme(
        loader="memory_of_a_test:MemoryTransport",
        framings=("nul",),
        options=("speed",),
        protocol="local",
        max_size=600,
        port=9,
    )
    monkeypatch.setitem(SCHEMES, "memory", row)
    emitter = connect("memory://host?speed=7")
    emitter.info("x" * 1000)
    emitter.close()
    (transport,) = memory.opened
    record = transport.taken[0]
    assert (len(record), record[-2:]) == (601, b"x\0")
    assert record.startswith(b"<14>")
    assert not record.startswith(b"<14>1 ")
    assert (transport.url.port, transport.url.options) == (9, {"speed": "7"})
    for wrong in ("memory://host?order=any", "memory://host?framing=lf", "memory://host:x"):
        with pytest.raises(ValueError, match="url must have"):
            connect(wrong)


def test_what_is_incomplete_is_refused(memory: object, connect: Callable) -> None:
    """A row without a transport is no TCP."""
    with pytest.raises(TypeError, match="loader"):
        Scheme(port=601, framings=STREAM_FRAMINGS)
    for loader in ("", "module", "module:", ":Class"):
        with pytest.raises(ValueError, match="loader must be of the form"):
            Scheme(loader=loader, framings=STREAM_FRAMINGS)
    with pytest.raises(ValueError, match=r"url must begin with one of udp://, .*memory://, got"):
        connect("sctp://127.0.0.1:9")


def test_a_transport_that_is_missing(memory: object, connect: Callable, monkeypatch) -> None:
    """That it cannot be loaded is an error of the transport, as a connection's would be."""
    row = Scheme(loader="no_such_module_of_a_test:Transport", framings=(None,))
    monkeypatch.setitem(SCHEMES, "memory", row)
    emitter = connect("memory://host")
    emitter.info("first")
    assert not emitter.flush(0.5)
    assert "no_such_module_of_a_test" in emitter.stats["failure"]
    emitter.close(0)


def test_a_family_that_the_system_lacks(memory: object, connect: Callable, monkeypatch) -> None:
    monkeypatch.setattr(SCHEMES["memory"], "family", "AF_NO_SUCH_FAMILY")
    with pytest.raises(ValueError, match="which lacks memory"):
        connect("memory://host")


@try_each(
    "url, name, at_once",
    [
        ("udp://127.0.0.1", "UdpTransport", True),
        ("udp://[::1]:514", "UdpTransport", True),
        ("udp://localhost", "UdpTransport", False),
        ("tcp://127.0.0.1", "TcpTransport", False),
        ("tls://127.0.0.1", "TlsTransport", False),
        ("relp://127.0.0.1", "RelpTransport", False),
        ("relps://127.0.0.1", "RelpsTransport", False),
        ("unix:///dev/log", "UnixTransport", True),
        ("unix:///dev/log?framing=lf", "UnixStreamTransport", False),
        ("vsock://2:514", "VsockTransport", False),
        ("fd://1", "FdTransport", True),
    ],
)
def test_each_row_has_its_transport(url: str, name: str, at_once: bool) -> None:
    parts = parse_url(url)
    assert load_transport(parts.find_transport_scheme().loader).__name__ == name
    assert parts.opens_at_once() is at_once
