"""Which collector gets the records: names that come to be known, fail over, and the way back.

Nothing is lost, doubled, or out of its turn meanwhile.
"""

import _socket
import socket
import threading
import time
from collections.abc import Callable

import pytest
from support.grammar import parse_rfc5424
from support.receivers import (
    LIMIT,
    Sink,
    check_counts,
    collect,
    find_free_port,
    read_numbers,
    sort_out,
    speak,
    url_of,
    wait_until,
)

from syslogfast.transports import retry as route_module

pytestmark = [pytest.mark.surroundings, pytest.mark.usefixtures("no_thread_fails")]

# --- names ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_name_that_comes_to_be_known(
    connect: Callable,
    sink: Sink,
    receiver: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    """A name that nobody knows is asked for again; never in connect(), nor where one emits."""
    askers = []
    port = sink.port if scheme == "tcp" else receiver.getsockname()[1]
    is_known = threading.Event()
    look_up = _socket.getaddrinfo

    def look_up_soon(host: bytes, *arguments: object) -> list:
        askers.append(threading.get_ident())
        return look_up(b"127.0.0.1" if is_known.is_set() else host, *arguments)

    monkeypatch.setattr(_socket, "getaddrinfo", look_up_soon)
    emitter = connect(f"{scheme}://no-such-host.invalid:{port}")
    assert askers == []
    speak(emitter, 0, 100)
    assert wait_until(lambda: len(askers) > 1)
    stats = check_counts(emitter)
    assert (stats["queued"], stats["dropped"]) == (100, {})
    assert "no-such-host.invalid" in stats["failure"]
    with collect(receiver) as datagrams:
        is_known.set()
        assert emitter.flush()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["failure"], stats["reconnects"]) == (100, None, 0)
        assert wait_until(lambda: len(datagrams) == 100 or len(sink.received) == stats["bytes"])
    numbers = read_numbers(datagrams) or sort_out(sink.read_records())[0]
    assert numbers == list(range(100))
    assert threading.get_ident() not in askers


def test_a_name_that_no_certificate_has(connect_once: Callable, sink: Sink) -> None:
    """What cannot be a host's name is a failure like another, and costs no worker its life."""
    for name in (".example", "a..b", "x" * 70):
        try:
            emitter = connect_once(f"tls://127.0.0.1:{sink.port}?name={name}", timeout=0.5)
        except ValueError:
            continue  # at once is better still
        speak(emitter, 0, 1)
        assert wait_until(lambda: emitter.stats["failure"])  # noqa: B023
        emitter.close(0)
        assert check_counts(emitter)["dropped"] == {"closed": 1}


def test_a_transport_that_cannot_even_be_loaded(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the first try to open a transport raises, there is a second one, unasked."""
    tries = []
    open_transport = route_module.open_transport

    def open_second(*arguments: object) -> object:
        tries.append(arguments)
        if len(tries) == 1:
            assert wait_until(lambda: emitter.stats["queued"] > 2)
            raise ImportError("too many open files")
        return open_transport(*arguments)

    monkeypatch.setattr(route_module, "open_transport", open_second)
    emitter = connect_once(url_of(sink))
    speak(emitter, 0, 5)
    assert wait_until(lambda: check_counts(emitter)["sent"] == 5)
    assert wait_until(lambda: sort_out(sink.read_records())[0] == list(range(5)))


# --- several URLs --------------------------------------------------------------------------------


def test_what_no_host_takes_is_dropped(connect_once: Callable, receiver: socket.socket) -> None:
    """A record whose header is longer than any datagram is no reason to go on to another host."""
    emitter = connect_once(url_of(receiver), "udp://127.0.0.1:9", max_size=1 << 20)
    with collect(receiver) as datagrams:
        speak(emitter, 0, 1)
        emitter.info("1", structured_data={"a@1": {"n": "x" * 70_000}})
        speak(emitter, 2, 4)
        assert emitter.flush()
        assert wait_until(lambda: sort_out(map(parse_rfc5424, datagrams))[0] == [0, 2, 3])
    stats = check_counts(emitter)
    assert (stats["dropped"], stats["reconnects"]) == ({"too large": 1}, 0)


@pytest.mark.slow
def test_back_to_the_first(connect_once: Callable, sink: Sink) -> None:
    """The second stands in for the first until that is back; no record is lost or doubled."""
    port = find_free_port()
    emitter = connect_once(f"tcp://127.0.0.1:{port}", url_of(sink))
    speak(emitter, 0, 50)
    assert emitter.flush()
    count = 50
    first = Sink(port)
    try:
        while not first.connections and count < 500:
            speak(emitter, count, count + 1)
            count += 1
            time.sleep(0.02)
        while not first.received and count < 600:
            speak(emitter, count, count + 1)
            count += 1
            time.sleep(0.02)
        assert emitter.flush()
        emitter.close()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["dropped"], stats["failure"]) == (count, {}, None)
        assert wait_until(lambda: len(first.received + sink.received) == stats["bytes"])
        before, _, _ = sort_out(sink.read_records())
        after, _, _ = sort_out(first.read_records())
        assert before + after == list(range(count))
        assert after
    finally:
        first.close()


def test_back_to_the_first_in_silence(connect_once: Callable, sink: Sink) -> None:
    """Closing while the way back is open, though nobody has used it, closes each transport once."""
    port = find_free_port()
    emitter = connect_once(f"tcp://127.0.0.1:{port}", url_of(sink))
    speak(emitter, 0, 1)
    assert emitter.flush()
    first = Sink(port)
    try:
        count = 1
        while not first.connections and count < 500:
            speak(emitter, count, count + 1)
            count += 1
            time.sleep(0.02)
        emitter.close()
        time.sleep(0.2)
        stats = check_counts(emitter)
        assert (stats["sent"], stats["dropped"], stats["failure"]) == (count, {}, None)
        assert wait_until(lambda: len(first.received + sink.received) == stats["bytes"])
        numbers = sort_out(sink.read_records() + first.read_records())[0]
        assert numbers == list(range(count))
    finally:
        first.close()


def test_a_record_during_failback(connect_once: Callable, sink: Sink) -> None:
    """One that another thread puts while the earlier transport is taken waits for no other."""
    port = find_free_port()
    emitter = connect_once(f"tcp://127.0.0.1:{port}", url_of(sink))
    speak(emitter, 0, 1)
    assert emitter.flush()
    first = Sink(port)
    is_taken = threading.Event()

    class Queue:
        """The sender asks it whether a record is half sent before another transport takes over."""

        def __getattr__(self, name: str) -> object:
            return getattr(emitter._queue, name)

        def __setattr__(self, name: str, value: object) -> None:
            setattr(emitter._queue, name, value)

        def at_record_boundary(self) -> bool:
            if not is_taken.is_set():
                is_taken.set()
                other = threading.Thread(target=emitter.info, args=("late",))
                other.start()
                other.join(LIMIT)
            return emitter._queue.at_record_boundary()  # type: ignore[no-any-return]

    emitter._sender.queue = Queue()
    try:
        count = 1
        while not is_taken.is_set() and count < 500:
            speak(emitter, count, count + 1)
            count += 1
            time.sleep(0.02)
        assert is_taken.is_set()
        assert wait_until(lambda: not emitter.stats["queued"])
        stats = check_counts(emitter)
        assert wait_until(lambda: len(first.received + sink.received) == stats["bytes"])
        texts = sink.read_texts() + first.read_texts()
        assert sorted(texts) == sorted(["late", *[f"{number} " for number in range(count)]])
    finally:
        first.close()


@pytest.mark.slow
def test_datagrams_go_back_to_the_first(connect_once: Callable, receiver: socket.socket) -> None:
    """The same by UDP, on a host that says at once that nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        first.bind(("127.0.0.1", 0))
        address = first.getsockname()
        first.close()
        emitter = connect_once(f"udp://127.0.0.1:{address[1]}", url_of(receiver))
        speak(emitter, 0, 50)
        assert emitter.flush()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        first.bind(address)
        with collect(first) as datagrams, collect(receiver) as others:
            count = 50
            while not datagrams and count < 500:
                speak(emitter, count, count + 1)
                count += 1
                time.sleep(0.02)
            assert emitter.flush()
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (count, {})
    assert read_numbers(others) + read_numbers(datagrams) == list(range(count))
    assert datagrams


@pytest.mark.parametrize("url_count", [1, 2])
def test_a_collector_that_closes_at_once_is_not_stormed(
    connect_once: Callable, url_count: int
) -> None:
    """A connection that breaks at once has failed, too: the pauses before the next ones grow."""
    sink = Sink()
    sink.on_accept = lambda connection: connection.shutdown(socket.SHUT_RDWR)
    try:
        urls = [url_of(sink), f"tcp://127.0.0.1:{find_free_port()}"][:url_count]
        emitter = connect_once(*urls, on_failure=False)
        for number in range(200):
            speak(emitter, number, number + 1)
            time.sleep(0.01)
        assert 2 <= len(sink.connections) < 20
    finally:
        sink.close()


def test_the_way_back_is_tried_more_and_more_seldom(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector that is away for long is not asked each time as soon as the last."""
    tries = []
    open_transport = route_module.open_transport

    def note(url: object, timeout: float) -> object:
        tries.append(str(url))
        return open_transport(url, timeout)  # type: ignore[arg-type]

    monkeypatch.setattr(route_module, "open_transport", note)
    monkeypatch.setattr(route_module, "FIRST_FAILBACK_DELAY", 0.01)
    first = f"tcp://127.0.0.1:{find_free_port()}"
    emitter = connect_once(first, url_of(sink))
    for number in range(150):
        speak(emitter, number, number + 1)
        time.sleep(0.01)
    assert emitter.flush()
    assert 3 <= tries.count(first) < 20


def test_all_are_away_until_the_second_comes(connect: Callable) -> None:
    """Two URLs that nobody answers: what was offered waits for whichever comes first."""
    ports = find_free_port(), find_free_port()
    emitter = connect(*[f"tcp://127.0.0.1:{port}" for port in ports])
    speak(emitter, 0, 500)
    assert not emitter.flush(0.3)
    assert check_counts(emitter)["queued"] == 500
    second = Sink(ports[1])
    try:
        assert emitter.flush()
        stats = check_counts(emitter)
        assert (stats["sent"], stats["dropped"]) == (500, {})
        assert wait_until(lambda: len(second.received) == stats["bytes"])
        assert sort_out(second.read_records())[0] == list(range(500))
    finally:
        second.close()
