"""UDP in batches: every datagram whole, in order unless any will do, whatever the kernel can do."""

import errno
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.grammar import parse_rfc5424
from support.receivers import check_counts

from syslogfast.transports import datagram
from syslogfast.transports.queue_py import arrange_runs

pytestmark = pytest.mark.native

LINGER = 100.0  # seconds: until flush


@pytest.fixture(params=["127.0.0.1", "::1"])
def receiver(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        receiver.bind((request.param, 0))
        receiver.settimeout(10)
        yield receiver


def url_of(receiver: socket.socket, query: str = "") -> str:
    host, port = receiver.getsockname()[:2]
    return f"udp://[{host}]:{port}{query}" if ":" in host else f"udp://{host}:{port}{query}"


def receive_frames(receiver: socket.socket, count: int) -> list[bytes]:
    frames = [receiver.recv(65536) for _ in range(count)]
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(65536)
    receiver.settimeout(10)
    return frames


def receive_texts(receiver: socket.socket, count: int) -> list[str]:
    return [parse_rfc5424(frame).message or "" for frame in receive_frames(receiver, count)]


def make_texts() -> list[str]:
    """Of one size, of many, and long ones: 130 to fill two calls, and 100 of each other kind."""
    texts = [f"{number:04d} equal" for number in range(130)]
    texts += [f"{number:04d} " + "€x" * (number * 7 % 23) for number in range(130, 230)]
    texts += [f"{number:04d} " + "y" * (1900 - number % 3) for number in range(230, 250)]
    return texts


def count_calls(monkeypatch: pytest.MonkeyPatch, fail: Callable[[int], int] | None = None) -> list:
    """Count what sends segments; `fail` gives the error that the kernel is to answer to a size."""
    calls = []

    class Socket:
        """One of ours, whose segments are counted."""

        def __init__(self, address: Any, source: "str | None" = None) -> None:
            self._socket = connect_socket(address, source)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._socket, name)

        def send_segments(self, data: memoryview, segment: int) -> int:
            calls.append((len(data), segment))
            if fail and (code := fail(segment)):
                raise OSError(code, "injected")
            return int(self._socket.send_segments(data, segment))

    connect_socket = datagram.connect_socket
    monkeypatch.setattr(datagram, "connect_socket", Socket)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="UDP_SEGMENT is Linux's")
def test_a_batch_arrives_whole_and_in_order(
    connect: Callable,
    receiver: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many datagrams a call, and each is one record."""
    calls = count_calls(monkeypatch)
    emitter = connect(url_of(receiver), linger=LINGER)
    texts = make_texts()
    for text in texts:
        emitter.info(text, time_ns=0)
    assert emitter.flush()
    assert receive_texts(receiver, len(texts)) == texts
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (len(texts), {})
    # 130 of one size are two calls of 64 and one of 2; no call has more than IPv4 takes.
    assert [size // segment for size, segment in calls[:2]] == [64, 64]
    assert all(size <= 65507 and size > segment for size, segment in calls)


def test_any_order_makes_longer_runs(
    connect: Callable,
    receiver: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With order=any all arrive, as `arrange_runs` puts them, in fewer calls."""
    counts = []
    arrivals = []
    texts = make_texts()[130:]
    for query in ("", "?order=any"):
        calls = count_calls(monkeypatch)
        emitter = connect(url_of(receiver, query), linger=LINGER)
        for text in texts:
            emitter.info(text, time_ns=0)
        assert emitter.flush()
        arrivals.append(receive_frames(receiver, len(texts)))
        check_counts(emitter)
        counts.append(len(calls))
    in_order, in_runs = arrivals
    assert [parse_rfc5424(frame).message for frame in in_order] == texts
    assert in_runs == arrange_runs(in_order) != in_order
    sizes = set(map(len, in_order))
    # Some sizes are only at the ends of others' runs.
    assert 0 < counts[1] < min(counts[0], len(sizes)) or sys.platform != "linux"


@pytest.mark.parametrize("query", ["", "?order=any"])
def test_any_order_gathers_as_long_as_records_may_linger(
    connect_once: Callable, receiver: socket.socket, query: str
) -> None:
    """More records make longer runs; in order, what has been gathered goes at 64 KB."""
    emitter = connect_once(url_of(receiver, query), linger=60)
    for number in range(200):
        emitter.info("%03d %s", number, "x" * 500)
    assert (emitter.stats["sent"] == 0) == bool(query)
    assert emitter.flush()
    assert check_counts(emitter)["sent"] == 200


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EMSGSIZE, errno.EIO])
def test_where_segments_are_refused_each_goes_alone(
    connect_once: Callable,
    receiver: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
) -> None:
    """A card or way that cannot do it is asked twice at most, not for every batch."""
    calls = count_calls(monkeypatch, lambda segment: code if segment > 1000 else 0)
    emitter = connect_once(url_of(receiver), linger=LINGER)
    texts = [f"{number:04d}" + "z" * 1500 for number in range(50)]
    texts += [f"{number:04d}" for number in range(50)]
    for text in texts:
        emitter.info(text, time_ns=0)
    assert emitter.flush()
    assert receive_texts(receiver, len(texts)) == texts
    assert check_counts(emitter)["sent"] == len(texts)
    assert len([segment for _, segment in calls if segment > 1000]) == 2
    assert (len(calls) > 2) == (code != errno.EIO)  # which says that none goes


def test_a_refusal_in_a_batch_is_counted_at_most_for_what_it_hit(
    connect_once: Callable,
    receiver: socket.socket,
) -> None:
    """The collector goes away: nothing is raised, and all is accounted for."""
    emitter = connect_once(url_of(receiver), linger=LINGER)
    emitter.info("arrives")
    assert emitter.flush()
    receiver.close()
    for number in range(300):
        emitter.info("%03d", number)
    assert emitter.flush()
    stats = check_counts(emitter)
    assert stats["queued"] == 0
    assert set(stats["dropped"]) <= {"refused"}
