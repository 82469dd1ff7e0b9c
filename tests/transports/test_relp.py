"""RELP: what the collector has acknowledged is sent, and all else is kept, and sent anew.

The collectors are scripted, and strict: each frame that comes is checked, for its syntax, its
number, and the window. At the end there is rsyslog.
"""

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from support.backends import load_backend, load_emitter_module
from support.collectors import RsyslogRelp, StartCollector
from support.grammar import parse_rfc5424
from support.receivers import open_emitters, wait_until
from support.relp_peers import LAST, WINDOW, RelpPeer, Session

import syslogfast.emitter
from syslogfast.transports import parse_url, queue_py, relp, retry, stream

pytestmark = pytest.mark.surroundings

IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
LIMIT = 20.0  # seconds that anything may take
PAUSE = 0.2  # seconds in which nothing more is to come
KILLS = 3


@contextlib.contextmanager
def start_peer(receive_buffer: int = 0) -> Iterator[RelpPeer]:
    peer = RelpPeer(receive_buffer)
    try:
        yield peer
    finally:
        peer.close()
    assert peer.faults == []


@pytest.fixture
def peer() -> Iterator[RelpPeer]:
    with start_peer() as started:
        yield started


@pytest.fixture
def module(backend: str) -> ModuleType:
    return load_emitter_module(backend)


@pytest.fixture
def connect(module: ModuleType) -> Iterator[Callable[..., object]]:
    yield from open_emitters(module)


@pytest.fixture
def connect_once() -> Iterator[Callable[..., object]]:
    yield from open_emitters(syslogfast.emitter)


@pytest.fixture
def make_queue(backend: str) -> Callable[[int], object]:
    return load_backend("c").Queue if backend == "c" else queue_py.Queue


def keep_silent(session: Session) -> None:
    """Take a record, and do not acknowledge it."""


def emit_numbers(emitter: object, *numbers: int) -> None:
    for number in numbers:
        emitter.info(str(number))
        read_stats(emitter)


def read_stats(emitter: object) -> dict:
    """Return them; all that was offered is accounted for, at any time."""
    stats = emitter.stats
    assert stats["offered"] == stats["sent"] + stats["queued"] + sum(stats["dropped"].values())
    return stats


def numbers(*values: int) -> list[str]:
    return [str(value) for value in values]


def wait_for_sent(emitter: object, count: int) -> dict:
    assert wait_until(lambda: read_stats(emitter)["sent"] == count, LIMIT), emitter.stats
    return read_stats(emitter)


# --- records and acknowledgements ----------------------------------------------------------------


def test_order(connect: Callable, peer: RelpPeer) -> None:
    """All records arrive, in order, in one session that is opened and closed."""
    sizes = random.Random(1)
    texts = [f"{number} " + "x" * sizes.randrange(500) for number in range(5000)]
    with connect(peer.url, overflow="block", queue_bytes=1 << 18) as emitter:
        for text in texts:
            emitter.info("%s", text)
            read_stats(emitter)
    stats = read_stats(emitter)
    assert (stats["sent"], stats["dropped"], stats["failure"]) == (5000, {}, None)
    (session,) = peer.sessions
    assert session.texts == texts
    assert session.has_ended
    assert stats["bytes"] == sum(map(len, session.records))


def test_any_octets_and_sizes(connect: Callable, peer: RelpPeer) -> None:
    """RELP counts octets, so records are not framed, and need no escapes."""
    records = [b"<14>1 \n", b"\0\n\r" * 20, b"9 syslog 1 x\n" * 10, b"x" * 8192, b"y" * 200_000]
    emitter = connect(peer.url)
    for record in records:
        emitter._sender.enqueue(record)
    wait_for_sent(emitter, len(records))
    assert peer.last.records == records


def test_what_is_acknowledged_is_sent(connect: Callable, peer: RelpPeer) -> None:
    """In a row: an acknowledgement of a later record alone moves nothing."""
    peer.on_record = keep_silent
    emitter = connect(peer.url)
    emit_numbers(emitter, *range(5))
    assert wait_until(lambda: peer.count() == 5)
    stats = read_stats(emitter)
    assert (stats["sent"], stats["queued"], stats["bytes"]) == (0, 5, 0)
    assert not emitter.flush(PAUSE)
    peer.last.acknowledge(4, 2, 1)
    time.sleep(PAUSE)
    assert read_stats(emitter)["sent"] == 0
    peer.last.acknowledge(0)
    assert wait_for_sent(emitter, 3)["bytes"] == sum(map(len, peer.last.records[:3]))
    peer.last.acknowledge(3)
    assert wait_for_sent(emitter, 5)["queued"] == 0
    assert len(peer.sessions) == 1


def test_window(connect: Callable, peer: RelpPeer) -> None:
    """No more than 128 records are without a response, and then no space is left unused."""
    peer.on_record = keep_silent
    emitter = connect(peer.url)
    emit_numbers(emitter, *range(300))
    assert wait_until(lambda: peer.count() == WINDOW)
    time.sleep(PAUSE)
    assert peer.count() == WINDOW
    assert read_stats(emitter)["queued"] == 300
    peer.last.acknowledge(*range(WINDOW // 2))
    assert wait_until(lambda: peer.count() == WINDOW + WINDOW // 2)
    for index in range(WINDOW // 2, 300):
        assert wait_until(lambda index=index: peer.count() > index)
        peer.last.acknowledge(index)
        read_stats(emitter)
    wait_for_sent(emitter, 300)
    assert peer.last.texts == numbers(*range(300))


def test_responses_in_pieces(connect: Callable, peer: RelpPeer) -> None:
    """Each byte may come by itself."""
    peer.on_record = keep_silent
    emitter = connect(peer.url)
    emit_numbers(emitter, *range(3))
    assert wait_until(lambda: peer.count() == 3)
    peer.last.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    hints = b"0 hello 0\n0 news 6 a\nb c\n\n"  # need not be understood
    answers = hints + b"2 rsp 6 200 OK\n3 rsp 3 200\n4 rsp 11 200 very\nOK\n"
    for index in range(len(answers)):
        peer.last.write(answers[index : index + 1])
        time.sleep(0.003)
    wait_for_sent(emitter, 3)
    peer.last.waiting.clear()
    emit_numbers(emitter, 3)
    peer.on_record = Session.acknowledge
    assert wait_until(lambda: peer.count() == 4)
    assert len(peer.sessions) == 1


def test_numbers_begin_again(connect: Callable, peer: RelpPeer) -> None:
    emitter = connect(peer.url)
    emit_numbers(emitter, 0)
    wait_for_sent(emitter, 1)
    emitter._sender._transport._oldest = LAST - 4  # as after so many records
    peer.last.number = LAST - 5
    peer.on_record = keep_silent
    emit_numbers(emitter, *range(1, 11))
    assert wait_until(lambda: peer.count() == 11)
    assert peer.last.number == 5
    peer.last.acknowledge(*range(10, 5, -1))  # of those after it
    peer.last.acknowledge(*range(1, 6))
    wait_for_sent(emitter, 11)
    assert len(peer.sessions) == 1


def test_a_collector_that_reads_slowly(connect: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel does not take of a frame is sent first."""
    monkeypatch.setattr(stream, "SEND_BUFFER", 4096)
    with start_peer(receive_buffer=4096) as peer:
        peer.on_open = lambda session: None
        emitter = connect(peer.url, queue_bytes=1 << 22)
        for number in range(200):
            emitter.info("%d %s", number, "x" * 8000)
        assert wait_until(lambda: peer.sessions and peer.last.waiting == [1])
        peer.reads.clear()
        peer.last.open()
        time.sleep(PAUSE)  # a block is more than both kernels take
        read_stats(emitter)
        peer.reads.set()
        wait_for_sent(emitter, 200)
        assert [text.split()[0] for text in peer.last.texts] == numbers(*range(200))


# --- breaks --------------------------------------------------------------------------------------


def test_what_was_not_acknowledged_is_sent_anew(connect: Callable, peer: RelpPeer) -> None:
    """And nothing else, and in order, before what comes later."""
    peer.on_record = keep_silent
    emitter = connect(peer.url)
    emit_numbers(emitter, *range(10))
    assert wait_until(lambda: peer.count() == 10)
    peer.last.acknowledge(0, 1, 2, 3, 6)
    wait_for_sent(emitter, 4)
    peer.on_record = Session.acknowledge
    peer.break_connections()
    emit_numbers(emitter, 10, 11)
    assert wait_for_sent(emitter, 12)["reconnects"] == 1
    assert peer.last.texts == numbers(*range(4, 12))
    assert [session.has_ended for session in peer.sessions] == [False, False]


ENDS = {
    "refused": b"5 rsp 13 500 disk full\n",
    "refused with data": b"5 rsp 18 500 no\n200 OK 2 rs\n",
    "refused without a word": b"5 rsp 0\n",
    "serverclose": b"0 serverclose 0\n",
    "serverclose with data": b"0 serverclose 3 bye\n",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n",
    "no header": b"x" * 100,
    "an endless number": b"1" * 60,
    "too long": b"5 rsp 99999999 2",
    "no trailer": b"5 rsp 6 200 OKx",
    "of nothing": b"99 rsp 6 200 OK\n",
    "of the past": b"4 rsp 6 200 OK\n",
    "twice": b"6 rsp 6 200 OK\n6 rsp 6 200 OK\n",
    "a command": b"5 syslog 6 200 OK\n",
    "empty line": b"\n",
    "half a frame": b"5 rsp 6 200",
    "nothing": b"",
}


@pytest.mark.parametrize("end", ENDS)
def test_sessions_that_end(connect_once: Callable, peer: RelpPeer, end: str) -> None:
    """What was acknowledged before, even with the same bytes, is not sent again."""
    peer.on_record = keep_silent
    emitter = connect_once(peer.url)
    emit_numbers(emitter, *range(6))
    assert wait_until(lambda: peer.count() == 6)
    first = peer.last
    peer.on_record = Session.acknowledge
    first.write(b"2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 6 200 OK\n" + ENDS[end])
    if end in ("half a frame", "nothing"):
        first.hang_up()
    assert wait_for_sent(emitter, 6)["reconnects"] == 1
    assert peer.last.texts == numbers(3, 4, 5)
    assert len(peer.sessions) == 2


def test_an_idle_session_that_has_ended(connect: Callable, peer: RelpPeer) -> None:
    """It is noticed before the next record is sent."""
    emitter = connect(peer.url)
    emit_numbers(emitter, 0)
    wait_for_sent(emitter, 1)
    peer.last.write(b"0 serverclose 0\n")
    peer.last.hang_up()
    time.sleep(PAUSE)
    emit_numbers(emitter, 1)
    wait_for_sent(emitter, 2)
    assert [session.texts for session in peer.sessions] == [["0"], ["1"]]


@pytest.mark.slow
def test_a_record_that_is_always_refused(connect_once: Callable, peer: RelpPeer) -> None:
    """It is tried again, with pauses; those before it are through, and none is lost."""

    def refuse(session: Session) -> None:
        if session.texts[-1] == "2":
            session.respond(session.number, b"500 not this one")
        else:
            session.acknowledge()

    peer.on_record = refuse
    emitter = connect_once(peer.url)
    emit_numbers(emitter, *range(5))
    wait_for_sent(emitter, 2)
    assert wait_until(lambda: len(peer.sessions) > 2)
    time.sleep(1)
    assert 3 <= len(peer.sessions) < 20
    assert read_stats(emitter)["queued"] == 3
    peer.on_record = Session.acknowledge
    wait_for_sent(emitter, 5)
    assert peer.last.texts == numbers(2, 3, 4)


def test_silence(connect_once: Callable, peer: RelpPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector whose kernel takes all, but which acknowledges nothing, is left for the next."""
    monkeypatch.setattr(relp, "IDLE_TIMEOUT", 0.5)
    with start_peer() as other:
        peer.on_record = keep_silent
        emitter = connect_once(peer.url, other.url)
        emit_numbers(emitter, 0)
        assert wait_until(lambda: peer.count() == 1)
        wait_for_sent(emitter, 1)
        assert other.last.texts == ["0"]


def test_hints_are_no_answers(
    connect_once: Callable, peer: RelpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector that says much, but acknowledges nothing, is left like a silent one."""
    monkeypatch.setattr(relp, "IDLE_TIMEOUT", 0.5)

    def give_hints(session: Session) -> None:
        while not is_over.wait(0.01):
            session.write(b"0 hint 0\n")

    is_over = threading.Event()
    try:
        with start_peer() as other:
            peer.on_record = lambda session: peer.start(give_hints, session)
            emitter = connect_once(peer.url, other.url)
            emit_numbers(emitter, 0)
            wait_for_sent(emitter, 1)
            assert other.last.texts == ["0"]
    finally:
        is_over.set()


def test_hints_while_nothing_is_to_be_answered(
    connect_once: Callable, peer: RelpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time begins with the record, whatever has come before it."""
    monkeypatch.setattr(relp, "IDLE_TIMEOUT", 0.3)
    emitter = connect_once(peer.url)
    emit_numbers(emitter, 0)
    wait_for_sent(emitter, 1)
    time.sleep(0.6)
    peer.last.write(b"0 hint 0\n")
    peer.on_record = lambda session: (session.write(b"0 hint 0\n"), time.sleep(PAUSE))
    emit_numbers(emitter, 1)
    assert wait_until(lambda: peer.count() == 2)
    peer.last.acknowledge(1)
    assert wait_for_sent(emitter, 2)["reconnects"] == 0


def test_silence_of_an_idle_collector(
    connect_once: Callable, peer: RelpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was to be acknowledged."""
    monkeypatch.setattr(relp, "IDLE_TIMEOUT", 0.3)
    emitter = connect_once(peer.url)
    emit_numbers(emitter, 0)
    wait_for_sent(emitter, 1)
    time.sleep(0.6)
    emit_numbers(emitter, 1)
    assert wait_for_sent(emitter, 2)["reconnects"] == 0


@pytest.mark.slow
def test_random_breaks(connect: Callable, peer: RelpPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is acknowledged when, and wherever it breaks: all arrive, in order."""
    monkeypatch.setattr(retry, "LONGEST_DELAY", 0.05)
    chance = random.Random(7)

    def answer(session: Session) -> None:
        if chance.random() < 0.003:
            session.hang_up()
        if chance.random() < 0.1:
            pending = session.list_pending()
            session.acknowledge(*chance.sample(pending, chance.randrange(len(pending)) + 1))

    def retry_soon() -> bool:
        session = peer.last
        with session.lock:
            pending = session.list_pending()
            if pending:
                session.acknowledge(*pending)
        time.sleep(0.02)
        return bool(read_stats(emitter)["queued"] < WINDOW)

    peer.on_record = answer
    emitter = connect(peer.url, queue_bytes=1 << 24)
    texts = [f"{number} " + "x" * chance.randrange(800) for number in range(3000)]
    for text in texts:
        emitter.info("%s", text)
        read_stats(emitter)
    assert wait_until(lambda: peer.sessions)
    assert wait_until(retry_soon, 3 * LIMIT)
    peer.on_record = Session.acknowledge
    peer.break_connections()
    wait_for_sent(emitter, 3000)
    assert len(peer.sessions) > 3
    done = 0  # records that have arrived in a row
    for session in peer.sessions:
        arrived = [int(text.split()[0]) for text in session.texts]
        if arrived:
            assert session.texts == texts[arrived[0] : arrived[0] + len(arrived)]
            assert arrived[0] <= done
            done = max(done, arrived[-1] + 1)
    assert done == 3000


# --- opening and closing -------------------------------------------------------------------------


REFUSALS = {
    "500": (b"1 rsp 11 500 not you\n", "500 not you"),
    "no offers": (b"1 rsp 6 200 OK\n", "does not offer"),
    "no version": (b"1 rsp 22 200 OK\ncommands=syslog\n", "does not offer"),
    "no commands": (b"1 rsp 21 200 OK\nrelp_version=0\n", "does not offer"),
    "no such syslog": (b"1 rsp 39 200 OK\nrelp_version=0\ncommands=syslogng\n", "does not offer"),
    "no syslog": (b"1 rsp 39 200 OK\nrelp_version=0\ncommands=eventlog\n", "does not offer"),
    "empty": (b"1 rsp 0\n", "refused"),
    "another number": (b"2 rsp 6 200 OK\n", "responds to nothing"),
    "serverclose": (b"0 serverclose 0\n", "closed the session"),
    "another protocol": (b"220 mail.example.com ESMTP\r\n", "does not speak RELP"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_session_that_is_refused(connect_once: Callable, peer: RelpPeer, refusal: str) -> None:
    """It is tried again, later; the reason can be read, and no record is lost."""
    answer, reason = REFUSALS[refusal]
    peer.on_open = lambda session: session.write(answer)
    emitter = connect_once(peer.url)
    emit_numbers(emitter, 0, 1)
    assert wait_until(lambda: reason in (read_stats(emitter)["failure"] or "")), emitter.stats
    assert read_stats(emitter)["queued"] == 2
    peer.on_open = Session.open
    assert wait_for_sent(emitter, 2)["failure"] is None
    assert peer.last.texts == ["0", "1"]
    assert all(not session.records for session in peer.sessions[:-1])


@pytest.mark.slow
def test_a_collector_that_does_not_answer(connect_once: Callable, peer: RelpPeer) -> None:
    """Opening takes no longer than `timeout`, even where bytes trickle in."""

    def trickle(session: Session) -> None:
        for _ in range(40):
            session.write(b"0 wait 0\n")
            time.sleep(0.05)

    peer.on_open = trickle
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="owes 1 response"):
        relp.RelpTransport(parse_url(peer.url), 0.5)
    assert 0.5 <= time.monotonic() - started < 1.9
    peer.on_open = lambda session: None
    emitter = connect_once(peer.url, timeout=0.3)
    emit_numbers(emitter, 0)
    assert wait_until(lambda: "owes" in (read_stats(emitter)["failure"] or ""))
    peer.on_open = Session.open
    wait_for_sent(emitter, 1)


def test_close_waits_for_acknowledgements(connect: Callable, peer: RelpPeer) -> None:
    def be_slow(session: Session) -> None:
        time.sleep(0.05)
        session.acknowledge()

    peer.on_record = be_slow
    emitter = connect(peer.url)
    emit_numbers(emitter, *range(5))
    emitter.close()
    stats = read_stats(emitter)
    assert (stats["sent"], stats["dropped"], stats["failure"]) == (5, {}, None)
    assert peer.last.has_ended


def test_close_with_records_that_nobody_acknowledges(connect: Callable, peer: RelpPeer) -> None:
    """They are counted as dropped, and there is no "close" before their responses."""
    peer.on_record = keep_silent
    emitter = connect(peer.url)
    emit_numbers(emitter, *range(5))
    assert wait_until(lambda: peer.count() == 5)
    peer.last.acknowledge(0, 1)
    wait_for_sent(emitter, 2)
    emitter.close(PAUSE)
    stats = read_stats(emitter)
    assert (stats["sent"], stats["queued"], stats["dropped"]) == (2, 0, {"closed": 3})
    assert "owes 3 responses" in stats["failure"]
    assert not peer.last.has_ended


@pytest.mark.parametrize("answer", [b"", b"0 serverclose 0\n", b"3 rsp 6 500 no\n", b"garbage\n"])
def test_close_that_is_not_answered(connect_once: Callable, peer: RelpPeer, answer: bytes) -> None:
    """All had been acknowledged, so nothing has failed."""
    peer.on_close = lambda session: session.write(answer)
    emitter = connect_once(peer.url)
    emit_numbers(emitter, 0)
    wait_for_sent(emitter, 1)
    emitter.close(0.5)
    assert read_stats(emitter)["failure"] is None
    assert wait_until(lambda: peer.last.has_ended)


def test_close_of_a_session_that_has_ended(connect_once: Callable, peer: RelpPeer) -> None:
    """What it was for had been done."""
    emitter = connect_once(peer.url)
    emit_numbers(emitter, 0)
    wait_for_sent(emitter, 1)
    peer.last.hang_up()
    time.sleep(PAUSE)
    emitter.close()
    assert read_stats(emitter)["failure"] is None


# --- the queue -----------------------------------------------------------------------------------


def test_drop_oldest_spares_what_is_in_flight(connect: Callable, peer: RelpPeer) -> None:
    peer.on_record = keep_silent
    emitter = connect(peer.url, overflow="drop-oldest", queue_bytes=20_000)
    emit_numbers(emitter, *range(WINDOW))
    assert wait_until(lambda: peer.count() == WINDOW)
    emit_numbers(emitter, *range(WINDOW, 3000))
    stats = read_stats(emitter)
    assert stats["sent"] == 0
    dropped = stats["dropped"]["full"]
    kept = 3000 - WINDOW - dropped
    assert kept > 0
    assert peer.count() == WINDOW
    peer.on_record = Session.acknowledge
    peer.break_connections()  # so what was in flight is needed once more
    wait_for_sent(emitter, WINDOW + kept + 1)
    *texts, report = peer.last.records
    told = [parse_rfc5424(record).message for record in texts]
    assert told == numbers(*range(WINDOW), *range(3000 - kept, 3000))
    parsed = parse_rfc5424(report)
    assert parsed.msgid == "DROPPED"
    assert f'full="{dropped}"'.encode() in report


def test_a_queue_without_threads(make_queue: Callable, peer: RelpPeer) -> None:
    """Step by step: what push returns, what is held, and what drop_oldest may take."""
    peer.on_record = keep_silent
    queue = make_queue(1000)
    transport = relp.RelpTransport(parse_url(peer.url), LIMIT)
    for number in range(5):
        assert queue.put(b"%d" % number * 100)
    assert (transport.push(queue), transport.pinned) == (0, 500)
    queue.consume(0, transport.pinned)
    assert wait_until(lambda: peer.count() == 5)
    for number in range(5, 10):
        assert queue.put(b"%d" % number * 100)
    queue.drop_oldest(200)  # 5 and 6
    assert queue.put(b"a" * 150)
    assert (queue.count, queue.size) == (9, 950)
    peer.last.acknowledge(1, 0)
    transport.wait(LIMIT)
    assert (transport.push(queue), transport.pinned) == (200, 300)
    queue.consume(200, transport.pinned)
    queue.drop_oldest(300)  # 7
    assert (queue.count, queue.size) == (6, 650)
    assert (transport.push(queue), transport.pinned) in ((0, 300), (0, 650))
    queue.consume(0, transport.pinned)
    queue.drop_oldest(1000)  # all but what is on its way
    assert queue.size == transport.pinned
    peer.last.acknowledge(2, 3, 4)
    transport.wait(LIMIT)
    assert transport.push(queue) == 300
    queue.consume(300, transport.pinned)
    transport.push(queue)
    queue.consume(0, transport.pinned)
    assert wait_until(lambda: peer.count() == 5 + queue.count)
    counts = queue.count_all()
    assert counts["offered"] == counts["sent"] + counts["queued"] + sum(counts["dropped"].values())
    peer.last.hang_up()
    assert wait_until(lambda: peer.last.connection.fileno() != -1)
    transport.wait(LIMIT)
    with pytest.raises(OSError, match="has closed the connection"):
        transport.push(queue)
    queue.rewind()
    transport.abort()
    queue.drop_oldest(1000)
    assert (queue.count, queue.size) == (0, 0)


def test_close_empties_a_queue_with_records_in_flight(make_queue: Callable, peer: RelpPeer) -> None:
    peer.on_record = keep_silent
    queue = make_queue(1000)
    transport = relp.RelpTransport(parse_url(peer.url), LIMIT)
    for _ in range(3):
        queue.put(b"x" * 100)
    assert transport.push(queue) == 0
    queue.consume(0, transport.pinned)
    queue.clear("closed")
    assert wait_until(lambda: peer.count() == 3)
    peer.last.acknowledge(0, 1, 2)
    transport.wait(LIMIT)
    transport.close(0)  # what has come is enough, though it is no longer the queue's
    queue.consume(300, 0)
    assert queue.count_all()["dropped"] == {"closed": 3}
    assert (queue.count, queue.size) == (0, 0)
    assert wait_until(lambda: peer.last.has_ended)


@pytest.mark.versions
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork(connect: Callable, peer: RelpPeer) -> None:
    """A child has a session of its own, and leaves that of its parent alone."""
    peer.on_record = keep_silent
    emitter = connect(peer.url)
    emit_numbers(emitter, 0, 1)
    assert wait_until(lambda: peer.count() == 2)
    peer.on_record = Session.acknowledge
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            emitter.info("child")
            emitter.close(LIMIT)
            stats = emitter.stats
            code = 0 if (stats["offered"], stats["sent"]) == (1, 1) else 2
        os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    first, second = peer.sessions
    assert second.texts == ["child"]
    assert second.has_ended
    assert read_stats(emitter)["queued"] == 2
    first.acknowledge(0, 1)
    wait_for_sent(emitter, 2)
    emit_numbers(emitter, 2)
    wait_for_sent(emitter, 3)
    assert first.texts == ["0", "1", "2"]


@pytest.mark.slow
def test_back_to_the_first_url(connect: Callable, peer: RelpPeer) -> None:
    """Once it answers; what is in flight stays with the other, and is not sent twice."""
    peer.on_open = lambda session: session.respond(1, b"500 not yet")
    with start_peer() as other:
        emitter = connect(peer.url, other.url)
        returned: list[Session] = []
        emit_numbers(emitter, 0)
        wait_for_sent(emitter, 1)
        other.on_record = keep_silent
        peer.on_open = returned.append
        for number in range(1, 1000):
            emit_numbers(emitter, number)
            assert wait_until(lambda number=number: other.count() > number)
            if returned:
                break
            other.last.acknowledge()
            wait_for_sent(emitter, number + 1)
            time.sleep(0.01)
        returned[0].open()
        time.sleep(PAUSE)
        assert peer.last.records == []
        other.last.acknowledge()
        emit_numbers(emitter, number + 1)
        wait_for_sent(emitter, number + 2)
        assert wait_until(lambda: other.last.has_ended, LIMIT)
        assert other.last.texts == numbers(*range(number + 1))
        assert peer.last.texts == numbers(number + 1)


@pytest.mark.slow
def test_back_to_the_first_url_under_load(connect: Callable, peer: RelpPeer) -> None:
    """There is always something in flight; it is not waited for that there is nothing."""
    peer.on_open = lambda session: session.respond(1, b"500 not yet")
    with start_peer() as other:
        emitter = connect(peer.url, other.url, overflow="block")
        emit_numbers(emitter, 0)
        wait_for_sent(emitter, 1)
        peer.on_open = Session.open
        count = 1
        deadline = time.monotonic() + LIMIT
        while not peer.count():
            assert time.monotonic() < deadline
            for _ in range(100):
                emitter.info("%d", count)
                count += 1
            time.sleep(0.002)  # less than an answer takes
        wait_for_sent(emitter, count)
        assert other.last.texts + peer.last.texts == numbers(*range(count))


# --- rsyslog -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rsyslog(connect: Callable, start_collector: StartCollector) -> None:
    collector = start_collector(RsyslogRelp)
    with connect(collector.url("relp"), overflow="block") as emitter:
        for number in range(10_000):
            emitter.info("%d grüße, 日本", number)
            read_stats(emitter)
    stats = read_stats(emitter)
    assert (stats["sent"], stats["dropped"], stats["failure"]) == (10_000, {}, None)
    texts = [record.message for record in collector.records(10_000)]
    assert texts == [f"{number} grüße, 日本" for number in range(10_000)]


@pytest.mark.slow
def test_rsyslog_is_killed(connect: Callable, start_collector: StartCollector) -> None:
    """It has no queue: what it acknowledges is stored. So nothing is lost, and little comes twice.

    What it had stored and not acknowledged comes again: at most a window for each time.
    """
    collector = start_collector(RsyslogRelp)
    emitter = connect(collector.url("relp"), queue_bytes=1 << 26)
    count = 0
    is_over = threading.Event()

    def emit() -> None:
        nonlocal count
        while not is_over.wait(0.001):
            for _ in range(50):
                emitter.info("%d", count)
                count += 1

    def has_sent(more: int) -> bool:
        return bool(read_stats(emitter)["sent"] >= sent + more)

    thread = threading.Thread(target=emit)
    thread.start()
    try:
        for _ in range(KILLS):
            sent = emitter.stats["sent"]
            assert wait_until(lambda: has_sent(500), LIMIT), emitter.stats
            collector.kill()
            time.sleep(0.05)
            collector.start()
    finally:
        is_over.set()
        thread.join()
    assert wait_for_sent(emitter, count)["dropped"] == {}
    assert emitter.stats["reconnects"] >= KILLS
    emitter.close()
    stored_count = (collector.directory / "records").read_bytes().count(b"\n")
    stored = [int(record.message) for record in collector.records(stored_count)]
    assert sorted({*stored}) == list(range(count))
    assert stored_count <= count + KILLS * WINDOW
    in_order_of_coming = list(dict.fromkeys(stored))
    assert in_order_of_coming == sorted(in_order_of_coming)
