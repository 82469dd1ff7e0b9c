"""Gathering by need: a record goes at once, a flood in few sends, and nobody has to choose."""

import _thread
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.grammar import parse_rfc5424
from support.receivers import (
    Sink,
    check_counts,
    collect,
    find_free_port,
    url_of,
    wait_until,
)

import syslogfast
from syslogfast.constants import AT_ONCE, GATHER_TIME
from syslogfast.transports import retry, sender, worker
from syslogfast.transports.worker import OPENING_TIME

Connect = Callable[..., Any]


def speak(emitter: Any, count: int) -> None:
    for number in range(count):
        emitter.info("%d", number)


class Counted:
    """An emitter whose transport is open, and the sends since then."""

    def __init__(self, connect: Connect, url: str, **options: Any) -> None:
        self.emitter = connect(url, **options)
        self.emitter.info("opened")
        assert self.emitter.flush()
        self._await_rest()
        self.sends = 0
        self._push = self.emitter._sender._transport.push
        self.emitter._sender._transport.push = self._count
        self.queue = self.emitter._queue

    def _count(self, queue: Any) -> int:
        self.sends += 1
        return self._push(queue)  # type: ignore[no-any-return]

    def _await_rest(self) -> None:
        """Wait until the thread that a flush has woken has looked around, and rests."""
        worker = self.emitter._sender._worker
        if worker and worker._running.locked():
            assert wait_until(lambda: worker._wakeup.locked() and worker._is_idle)
            self.pause()

    def pause(self) -> None:
        """Wait until what came so far is no flood any more."""
        time.sleep(3 * GATHER_TIME)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_few_go_at_once(
    connect: Connect, sink: Sink, receiver: socket.socket, transport: str
) -> None:
    """Each is taken by the kernel before `emit` returns, in a send of its own."""
    counted = Counted(connect, url_of(sink if transport == "tcp" else receiver))
    for _ in range(3):
        counted.pause()
        for number in range(AT_ONCE):
            counted.emitter.info("%d", number)
            assert counted.queue.count == 0
    assert counted.sends == 3 * AT_ONCE


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_flood_goes_in_few_sends(
    connect: Connect,
    sink: Sink,
    receiver: socket.socket,
    transport: str,
) -> None:
    """All arrive, in their order, though nobody flushes; the next lone record goes at once.

    They are emitted at one time: how fast this machine is has no part in it.
    """
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    target = sink if transport == "tcp" else receiver
    counted = Counted(connect, url_of(target), queue_bytes=1 << 22)
    with collect(receiver) as datagrams:
        counted.pause()
        now = time.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            for module in (sender, worker):
                patch.setattr(module, "monotonic", lambda: now)
            speak(counted.emitter, 2000)
        assert wait_until(lambda: counted.queue.count == 0)
    # Segments are of one size, and at most 64; those at once are sends of their own.
    assert AT_ONCE < counted.sends < AT_ONCE + (100 if transport == "udp" else 20)
    if transport == "tcp":
        assert wait_until(lambda: len(sink.read_records()) == 2001)
        assert [record.message for record in sink.read_records()[1:]] == [
            str(number) for number in range(2000)
        ]
    else:
        texts = [parse_rfc5424(datagram).message for datagram in datagrams]
        assert texts == ["opened", *map(str, range(2000))]
    counted.pause()
    counted.emitter.info("lone")
    assert counted.queue.count == 0
    assert check_counts(counted.emitter)["dropped"] == {}


def test_what_is_gathered_does_not_wait_long(connect: Connect, sink: Sink) -> None:
    """The rest of a flood is sent by itself, and the time is that of a flood."""
    counted = Counted(connect, url_of(sink))
    counted.pause()
    speak(counted.emitter, AT_ONCE + 5)
    assert counted.emitter._sender._linger == GATHER_TIME
    assert wait_until(lambda: counted.queue.count == 0, 1)


def test_a_rate_that_is_no_flood_ends_gathering(connect: Connect, sink: Sink) -> None:
    """After a flood, a record now and then is not gathered for ever."""
    counted = Counted(connect, url_of(sink))
    speak(counted.emitter, 500)
    assert wait_until(lambda: counted.queue.count == 0)

    def goes_at_once() -> bool:
        time.sleep(GATHER_TIME / 4)
        counted.emitter.info("now and then")
        return counted.queue.count == 0

    assert wait_until(lambda: all(goes_at_once() for _ in range(20)))


def test_errors_end_a_wait(connect: Connect, sink: Sink) -> None:
    """One of severity "err" takes along what was gathered before."""
    counted = Counted(connect, url_of(sink))
    speak(counted.emitter, 200)
    counted.emitter.error("last")
    assert counted.queue.count == 0


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_without_threads_each_goes_at_once(
    connect: Connect,
    sink: Sink,
    receiver: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    transport: str,
) -> None:
    """Where none can be had, nobody would send what was gathered, nor connect."""

    def fail(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    emitter = connect(url_of(receiver if transport == "udp" else sink))
    monkeypatch.setattr("syslogfast.transports.threads.Thread.start", fail)
    for number in range(300):
        emitter.info("%d", number)
        assert emitter._queue.count == 0


def test_without_threads_a_collector_that_is_late(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who emit try it when that is due, and not each of them; then all goes."""
    tries: list[float] = []

    def fail(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    def open_transport(url: Any, timeout: float) -> Any:
        tries.append(timeout)
        return opened(url, timeout)

    opened = retry.open_transport
    monkeypatch.setattr(retry, "open_transport", open_transport)
    monkeypatch.setattr("syslogfast.transports.threads.Thread.start", fail)
    port = find_free_port()
    emitter = connect(f"tcp://127.0.0.1:{port}", on_failure=False, queue_bytes=1 << 22)
    for number in range(5000):
        emitter.info("%d", number)
    assert 0 < len(tries) < 50
    assert max(tries) <= OPENING_TIME
    sink = Sink(port=port)
    try:
        assert wait_until(lambda: emitter.info("late") or not emitter._queue.count)
        assert wait_until(lambda: sink.count_lines() == check_counts(emitter)["offered"])
        emitter.close()
    finally:
        sink.close()


def test_udp_has_no_thread_unless_there_is_a_flood(
    connect: Connect, receiver: socket.socket
) -> None:
    before = _thread._count()
    emitter = connect(url_of(receiver))
    for number in range(AT_ONCE):
        emitter.info("%d", number)
    assert _thread._count() == before
    speak(emitter, 500)
    assert wait_until(lambda: _thread._count() == before + 1)


def test_other_lingers_are_as_they_were(connect: Connect, sink: Sink) -> None:
    """0 gathers nothing, however much there is; more than 0 gathers from the first record on."""
    counted = Counted(connect, url_of(sink), linger=0)
    speak(counted.emitter, 200)
    assert (counted.sends, counted.queue.count) == (200, 0)
    counted = Counted(connect, url_of(sink), linger=100)
    speak(counted.emitter, 20)
    assert (counted.sends, counted.queue.count) == (0, 20)


def test_records_linger_again_after_a_flush(connect: Connect, sink: Sink) -> None:
    """A flush is for what was queued then."""
    counted = Counted(connect, url_of(sink), linger=100)
    speak(counted.emitter, 3)
    time.sleep(0.1)
    assert (counted.sends, counted.queue.count) == (0, 3)
    assert counted.emitter.flush()
    assert counted.queue.count == 0


# What is without a flush at the end: os._exit, a signal that nobody can catch, another program.
SUDDEN = """
import os, signal, sys, time
import syslogfast
url, end = sys.argv[1:]
log = syslogfast.connect(url)
log.info("opened")
log.flush()
time.sleep(0.05)
for number in range(20):
    log.info("%d", number)
if end == "exit":
    os._exit(0)
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
os.execv(sys.executable, [sys.executable, "-I", "-c", ""])
"""


@pytest.mark.parametrize("end", ["exit", "kill", "exec"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_sudden_end_loses_nothing(
    backend: str, sink: Sink, receiver: socket.socket, transport: str, end: str
) -> None:
    target = sink if transport == "tcp" else receiver
    with collect(receiver) as datagrams:
        result = subprocess.run(
            [sys.executable, "-I", "-c", SUDDEN, url_of(target), end],
            env={**os.environ, "SYSLOGFAST_BACKEND": backend},
            capture_output=True,
            timeout=60,
        )
        assert result.stderr == b""
        assert result.returncode == (-signal.SIGKILL if end == "kill" else 0)
        if transport == "tcp":
            assert wait_until(lambda: len(sink.read_records()) == 21)
    records = sink.read_records() if transport == "tcp" else map(parse_rfc5424, datagrams)
    assert [record.message for record in records] == ["opened", *map(str, range(20))]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_amid_a_flood(connect: Connect, sink: Sink) -> None:
    """What is gathered is the parent's; the child begins with a record that goes at once."""
    counted = Counted(connect, url_of(sink))
    speak(counted.emitter, 300)
    child = os.fork()
    if not child:
        try:
            counted.emitter.info("child")
            counted.emitter.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert wait_until(lambda: counted.queue.count == 0)
    assert wait_until(lambda: len(sink.read_texts()) == 302)
    texts = sink.read_texts()
    assert sorted(texts) == sorted(["opened", "child", *map(str, range(300))])


def test_handlers_by_url_gather_too(sink: Sink) -> None:
    import logging

    handler = syslogfast.SysLogHandler(url_of(sink))
    assert handler._emitter is not None
    assert handler._emitter._sender._gathers_by_need
    for number in range(1000):
        handler.handle(logging.makeLogRecord({"msg": str(number)}))
    handler.close()
    assert wait_until(lambda: len(sink.read_texts()) == 1000)
    assert handler.stats is not None
    assert handler.stats["sent"] == 1000
