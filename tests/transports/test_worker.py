"""The worker and the way back: when they are loaded, and that any exception is survived.

Nothing that is queued may wait for another call, and nothing is lost or doubled meanwhile.
"""

import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.receivers import LIMIT, Sink, check_counts, find_free_port, url_of, wait_until

from syslogfast.transports import drop_report, retry, threads, worker
from syslogfast.transports.failback import Failback

pytestmark = pytest.mark.usefixtures("no_thread_fails")

FAILURES = [MemoryError, RuntimeError, TypeError, RecursionError, KeyboardInterrupt, SystemExit]


class Fault:
    """What makes the pushes of all transports that are opened from now on fail, where wanted.

    on_worker: it is in threads other than the one that has made this; else in that one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, on_worker: bool) -> None:
        self.error: type[BaseException] | None = None
        self.left = 0
        self.failed = 0
        self._own = threading.get_ident()
        self._on_worker = on_worker
        self._open_transport = retry.open_transport
        monkeypatch.setattr(retry, "open_transport", self._open)

    def arm(self, error: type[BaseException], times: int) -> None:
        self.left, self.error = times, error

    def _open(self, url: object, timeout: float) -> object:
        transport = self._open_transport(url, timeout)  # type: ignore[arg-type]
        push = transport.push

        def push_or_fail(queue: object) -> int:
            if self.left and self._on_worker and threading.get_ident() == self._own:
                return 0  # so that it is left to the worker
            if self.left and self._on_worker == (threading.get_ident() != self._own):
                self.left -= 1
                self.failed += 1
                raise self.error  # type: ignore[misc]
            return push(queue)

        transport.push = push_or_fail
        return transport


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 6])
@pytest.mark.parametrize("linger", [0, 0.05])
@pytest.mark.parametrize("error", FAILURES)
def test_a_worker_goes_on(
    connect_once: Callable,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    linger: float,
    times: int,
) -> None:
    """What waits when a push fails goes out soon after the last failure; nobody has to ask."""
    if times > 1 and error is not MemoryError:
        times = 3  # the pauses grow: the other side may be at fault
    fault = Fault(monkeypatch, on_worker=True)
    emitter = connect_once(url_of(sink), linger=linger)
    emitter.info("0")
    assert emitter.flush()
    fault.arm(error, times)
    emitter.info("1")
    assert wait_until(lambda: fault.failed)
    emitter.info("2")
    assert wait_until(lambda: not emitter.stats["queued"])
    assert fault.failed == times
    emitter.info("3")  # the worker is there as before
    assert wait_until(lambda: not emitter.stats["queued"])
    assert wait_until(lambda: len(sink.read_texts()) == 4)
    assert sorted(sink.read_texts()) == ["0", "1", "2", "3"]
    check_counts(emitter)


def test_a_lack_of_memory_makes_no_pauses_grow(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side is not at fault. If each pause were twice the last, nine would take long."""
    fault = Fault(monkeypatch, on_worker=True)
    emitter = connect_once(url_of(sink))
    emitter.info("0")
    assert emitter.flush()
    began = time.monotonic()
    fault.arm(MemoryError, 9)
    emitter.info("1")
    assert wait_until(lambda: not emitter.stats["queued"], 60)
    assert fault.failed == 9
    assert time.monotonic() - began < 10


def test_failures_have_a_name(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it fails, the statistics tell why."""
    fault = Fault(monkeypatch, on_worker=True)
    emitter = connect_once(url_of(sink))
    emitter.info("0")
    assert emitter.flush()
    fault.arm(ZeroDivisionError, 1 << 30)
    emitter.info("1")
    assert wait_until(lambda: "ZeroDivisionError" in str(emitter.stats["failure"]))
    fault.left = 0
    assert wait_until(lambda: not emitter.stats["queued"])


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("linger", [0, 0.05])
def test_no_memory_is_no_concern_of_who_emits(
    connect: Callable,
    sink: Sink,
    receiver: object,
    monkeypatch: pytest.MonkeyPatch,
    linger: float,
    times: int,
    scheme: str,
) -> None:
    """A push on the thread that emits raises nothing; its record stays queued, and is sent."""
    fault = Fault(monkeypatch, on_worker=False)
    emitter = connect(url_of(sink if scheme == "tcp" else receiver), linger=linger)
    emitter.error("0")
    assert emitter.flush()
    fault.arm(MemoryError, times)
    for number in range(1, 6):
        emitter.error("%d", number)
    assert fault.failed
    assert wait_until(lambda: not emitter.stats["queued"])
    stats = check_counts(emitter)
    assert (stats["sent"], stats["dropped"]) == (6, {})


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_other_exceptions_are_for_who_emits(
    connect: Callable,
    sink: Sink,
    receiver: object,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    """A signal's handler may have raised it; the record is sent all the same."""
    fault = Fault(monkeypatch, on_worker=False)
    emitter = connect(url_of(sink if scheme == "tcp" else receiver))
    emitter.info("0")
    assert emitter.flush()
    fault.arm(LookupError, 1)
    with pytest.raises(LookupError):
        emitter.info("1")
    assert wait_until(lambda: not emitter.stats["queued"])
    assert check_counts(emitter)["sent"] == 2


def test_no_memory_for_a_thread(
    connect_once: Callable, receiver: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a thread cannot be started for want of memory, either, who emits goes on without."""
    fault = Fault(monkeypatch, on_worker=False)
    emitter = connect_once(url_of(receiver))
    emitter.info("0")
    fault.arm(MemoryError, 1)

    def refuse(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", refuse)
        emitter.info("1")
        assert fault.failed == 1
        emitter.info("2")
        assert emitter.stats["queued"] == 0
    assert check_counts(emitter)["sent"] == 3


@pytest.mark.slow
def test_the_way_back_is_tried_again(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception amid the return to the first URL leaves the other in use, and is no end."""
    port = find_free_port()
    emitter = connect_once(f"tcp://127.0.0.1:{port}", url_of(sink))
    emitter.info("0")
    assert emitter.flush()
    open_transport = retry.open_transport
    failed = []

    def fail_once(url: object, timeout: float) -> object:
        if not failed:
            failed.append(url)
            raise SystemExit  # which is no Exception
        return open_transport(url, timeout)  # type: ignore[arg-type]

    monkeypatch.setattr(retry, "open_transport", fail_once)
    first = Sink(port)
    try:
        count = 1
        deadline = time.monotonic() + LIMIT
        while not first.received and time.monotonic() < deadline:
            emitter.info("%d", count)
            count += 1
            time.sleep(0.02)
        assert failed
        assert wait_until(lambda: not emitter.stats["queued"])
        assert wait_until(lambda: len(sink.read_texts() + first.read_texts()) == count)
        texts = sink.read_texts() + first.read_texts()
        assert sorted(map(int, texts)) == list(range(count))
        assert first.read_texts()
    finally:
        first.close()


LOADED = """
import sys, syslogfast
log = syslogfast.connect(*sys.argv[2:], linger=float(sys.argv[1]), timeout=0.1, on_failure=False)
parts = ["failback", "worker"]
print(*[part for part in parts if f"syslogfast.transports.{part}" in sys.modules])
log.info("x")
print(*[part for part in parts if f"syslogfast.transports.{part}" in sys.modules])
"""


@pytest.mark.parametrize(
    ("linger", "urls", "parts"),
    [
        ("0", ["udp://127.0.0.1:9"], ""),
        ("0.01", ["udp://127.0.0.1:9"], "worker"),
        ("0", ["tcp://127.0.0.1:9"], "worker"),
        ("0", ["udp://localhost:9"], "worker"),
        ("0", ["udp://127.0.0.1:9", "udp://127.0.0.1:10"], "failback worker"),
    ],
)
def test_what_is_loaded(run_python: Callable, linger: str, urls: list[str], parts: str) -> None:
    """Nobody pays for a part that is not needed; connect() loads the others, emit() nothing."""
    result = run_python(LOADED, linger, *urls)
    assert (result.stderr, result.stdout) == ("", f"{parts}\n{parts}\n")


# --- the lock ------------------------------------------------------------------------------------


def watch_lock(
    monkeypatch: pytest.MonkeyPatch, sender: Any, owner: Any, *names: str
) -> dict[str, list[bool]]:
    """Return whether the thread had the sender's lock, for each call of these methods."""
    has_lock: dict[str, list[bool]] = {name: [] for name in names}

    def look(name: str, method: Callable, *arguments: object) -> object:
        has_lock[name].append(sender.is_sending_here())
        return method(*arguments)

    for name in names:
        method = functools.partial(look, name, getattr(owner, name))
        monkeypatch.setattr(owner, name, method)
    return has_lock


def test_who_sends_has_the_lock(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker too: another thread never finds a transport that is half in use."""
    emitter = connect_once(url_of(sink))
    sender = emitter._sender
    has_lock = watch_lock(monkeypatch, sender, sender, "_push", "_use_transport", "_enter")
    for number in range(3):
        emitter.info("%d", number)
        assert emitter.flush()
        if number == 1:
            sender._transport._socket.shutdown(2)
    emitter.close()
    assert all(has_lock.values())
    assert [name for name, found in has_lock.items() if not all(found)] == []


def test_a_way_back_that_fails_has_the_lock(
    connect_once: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves behind is changed as a sender that is at work may find it."""
    emitter = connect_once(f"tcp://127.0.0.1:{find_free_port()}", url_of(sink))
    emitter.info("0")
    assert emitter.flush()
    sender = emitter._sender
    has_lock = watch_lock(monkeypatch, sender, sender.retry_policy, "on_connected")
    failback = Failback(sender)

    def fail(former: object) -> None:
        raise MemoryError

    monkeypatch.setattr(failback, "_replace", fail)
    failback._run(sender._transport)
    assert has_lock == {"on_connected": [True]}


def test_nothing_is_left_of_a_closed_transport(connect: Callable, sink: Sink) -> None:
    """A signal's handler would write to its descriptor, which may be another file's by then."""
    emitter = connect(url_of(sink))
    emitter.info("0")
    assert emitter.flush()
    assert emitter._queue.descriptor >= 0
    emitter.close()
    assert (emitter._queue.descriptor, emitter._sender._transport) == (-1, None)


def test_a_report_has_the_worker_woken_once(
    connect_once: Callable, receiver: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has to know until when to rest: the next report must not wait for the next record."""
    now = time.monotonic()
    monkeypatch.setattr(drop_report, "monotonic", lambda: now)
    emitter = connect_once(url_of(receiver), linger=0)
    wakes: list[object] = []
    monkeypatch.setattr(emitter._sender, "_wake_worker", lambda *how: wakes.append(how))
    counts = []
    for number in range(4):
        emitter._queue.drop("full")
        emitter.info("%d", number)
        counts.append(len(wakes))
    assert counts == [0, 1, 1, 1]  # the first report goes at once
    now += drop_report.REPORT_INTERVAL
    emitter.info("4")
    emitter._queue.drop("full")
    emitter.info("5")
    assert len(wakes) == 2


def test_who_waits_looks_again_soon(
    connect: Callable, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign of progress may be missed: it is no reason to wait until the deadline."""
    delays: list[float] = []
    waiting = connect(url_of(sink))._sender._get_worker()
    monkeypatch.setattr(worker, "await_lock", lambda lock, seconds: delays.append(seconds))
    monkeypatch.setattr(waiting, "wake", lambda is_urgent: True)
    now = time.monotonic()
    monkeypatch.setattr(worker, "monotonic", lambda: now)
    assert waiting.wait(now + 60)
    assert waiting.wait(now + worker.POLL_INTERVAL / 2)
    assert not waiting.wait(now)
    assert delays == pytest.approx([worker.POLL_INTERVAL, worker.POLL_INTERVAL / 2])


def test_space_is_made_where_no_thread_can_be_had(
    connect: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for it sends himself, as soon as the transport takes more."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    received = bytearray()
    sleeps: list[float] = []

    def fail(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    def read(seconds: float) -> None:
        sleeps.append(seconds)
        assert len(sleeps) < 1000
        received.extend(os.read(reading, 1 << 20))

    monkeypatch.setattr(threads.Thread, "start", fail)
    monkeypatch.setattr(worker, "sleep", read)
    try:
        emitter = connect(f"fd://{writing}", overflow="block", queue_bytes=1 << 14, timeout=60)
        for number in range(300):
            emitter.info("%d %s", number, "x" * 1000)
        stats = check_counts(emitter)
        assert sleeps
        assert (stats["offered"], stats["dropped"]) == (300, {})
        received.extend(os.read(reading, 1 << 20))
        emitter.close()
    finally:
        os.close(reading)
        os.close(writing)
