"""What records of a life, and what is written at its end, meet seldom."""

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import syslogfast
from syslogfast import _timestamp, lifecycle
from syslogfast.lifecycle import fatal_signals, hooks, host, records
from syslogfast.lifecycle.fatal_signals import FatalTransport
from syslogfast.transports.url import parse_url


def refuse(number: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    return call


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


@pytest.fixture
def log(pipe: tuple[int, int]) -> Iterator[Any]:
    options: Any = {"hostname": "h", "app_name": "a", "on_failure": False, "max_size": 480}
    opened = syslogfast.connect(f"fd://{pipe[1]}", queue_bytes=1000, **options)
    yield opened
    opened.close(0)


def crowd(log: Any) -> None:
    """Leave little space in the queue."""
    assert log._queue.put(b"x" * 900 + b"\n", False, True)


# --- clocks and modules --------------------------------------------------------------------------


def test_no_clock_tells_since_when_the_machine_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyodide has the name of one."""
    monkeypatch.setattr(time, "clock_gettime_ns", refuse(errno.EINVAL))
    assert host.read_uptime() is None


def test_a_time_that_the_system_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none before 1970: it is in UTC then."""
    monkeypatch.setattr(_timestamp.time, "localtime", refuse(errno.EINVAL))
    assert _timestamp.find_offset(0) == 0


def test_a_module_that_nobody_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch for its import says so, as if it was not there."""
    asked: list[str] = []
    watch = hooks.ImportWatch("no_such_module", lambda module: None)
    silent = SimpleNamespace(find_spec=lambda name, *_: asked.append(name))
    monkeypatch.setattr(sys, "meta_path", [watch, object(), silent])
    assert watch.find_spec("no_such_module") is None
    assert asked == ["no_such_module"]
    assert watch.find_spec("another") is None


# --- the record of a fatal signal ----------------------------------------------------------------


def test_no_signal_is_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a handler: the records have no stack then."""
    monkeypatch.setattr(fatal_signals, "find_signal_action", lambda number: signal.SIG_IGN)
    assert fatal_signals.find_spare_signal() == 0
    monkeypatch.setattr(fatal_signals, "find_signal_action", lambda number: signal.SIG_DFL)
    assert fatal_signals.find_spare_signal() == signal.SIGRTMAX


@pytest.mark.parametrize("failure", [ImportError(), MemoryError(), OSError(errno.EMFILE, "")])
def test_a_transport_that_cannot_be_loaded(
    monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def load(name: str) -> None:
        raise failure

    url = parse_url("tcp://h")
    assert fatal_signals.takes_bytes(url)
    assert not fatal_signals.takes_bytes(parse_url("tls://h"))
    monkeypatch.setattr(fatal_signals, "load_transport", load)
    assert not fatal_signals.takes_bytes(url)


def test_another_transport_for_fatal_signals_is_closed() -> None:
    aborted: list[bool] = []
    made: Any = object.__new__(FatalTransport)
    made._queue = SimpleNamespace(descriptor=5)
    made._transport = SimpleNamespace(abort=lambda: aborted.append(True))
    made._close()
    made._close()
    assert (made._queue.descriptor, made._transport, aborted) == (-1, None, [True])


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_full", [False, True])
def test_a_record_of_the_end_past_others(
    log: Any, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    """What waits goes first; where that does not go, this record is dropped, and counted."""
    log.error("waits")
    if is_full:
        monkeypatch.setattr(log._sender, "flush", lambda *_: crowd(log))
    records.send_past_others(log, "notice", "ENDED", "over" * 30, {})
    monkeypatch.undo()
    assert log.stats["dropped"] == ({"full": 1} if is_full else {})
    assert log.flush(5)
    written = os.read(pipe[0], 10_000).decode()
    assert ("over" in written) is not is_full
    assert "waits" in written
    assert not log._queue.closed


def make_life(log: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    life: Any = object.__new__(lifecycle.Lifecycle)
    life.emitter = log
    life.reported = []
    life._former = lifecycle.signal.SIG_DFL
    life._dumps_at_termination = True
    monkeypatch.setattr(
        lifecycle.Lifecycle,
        "_report",
        lambda self, make, *given, **options: self.reported.append((make.__name__, options)),
    )
    monkeypatch.setattr(life.__class__, "_stop_heartbeat", lambda self: None)
    return life


@pytest.mark.parametrize("can_start", [True, False])
@pytest.mark.parametrize("is_amid", [True, False])
@pytest.mark.parametrize("has_space", [True, False])
def test_termination_amid_a_send(
    log: Any, monkeypatch: pytest.MonkeyPatch, can_start: bool, is_amid: bool, has_space: bool
) -> None:
    """The thread that it has interrupted has to go on first: another one ends the process."""
    started: list[Any] = []
    ended: list[tuple[str, int]] = []

    def start(work: Any, given: Any) -> None:
        if not can_start:
            raise RuntimeError("can't start new thread")
        started.append((work, given))

    life = make_life(log, monkeypatch)
    monkeypatch.setattr(lifecycle, "find_original", lambda module, name: start)
    monkeypatch.setattr(log._sender, "is_sending_here", lambda: is_amid)
    monkeypatch.setattr(lifecycle.signal, "signal", lambda number, action: None)
    monkeypatch.setattr(lifecycle, "end_by_signal", lambda number: ended.append(("C", number)))
    monkeypatch.setattr(os, "kill", lambda process, number: ended.append(("kill", number)))
    if not has_space:
        crowd(log)
    monkeypatch.setattr(log._sender, "close", lambda *_: None)
    life._on_termination(signal.SIGTERM, None)
    is_handed_on = is_amid and can_start
    assert len(started) == is_handed_on
    assert len(ended) == (not is_handed_on)
    for work, given in started:
        work(*given)
    assert [number for _, number in ended] == [signal.SIGTERM]
    crowded = {} if has_space else {"is_crowded": True}
    assert life.reported == [("dump", {}), ("terminated", crowded)]


def test_a_program_has_its_own_handler_of_termination(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is called after the record, even where that finds no space by itself."""
    called: list[object] = []
    life = make_life(log, monkeypatch)
    life._former = lambda number, frame: called.append(number)
    crowd(log)
    life._on_termination(signal.SIGTERM, None)
    assert called == [signal.SIGTERM]
    assert life.reported == [("dump", {}), ("terminated", {"is_crowded": True})]


def test_the_handler_of_termination_stays_in_another_thread(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python sets handlers in the main thread alone; this one sends nothing any more."""

    def fail(*_: object) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    life = make_life(log, monkeypatch)
    renewed: list[bool] = []
    monkeypatch.setattr(lifecycle, "renew", lambda: renewed.append(True), raising=False)
    monkeypatch.setattr(lifecycle, "find_signal_action", lambda _: life._on_termination)
    monkeypatch.setattr(lifecycle.signal, "signal", fail)
    life._restore_termination()
    assert renewed == []


def test_the_network_is_not_watched_without_a_thread(
    log: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record says what is known by then."""

    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    life = make_life(log, monkeypatch)
    life._undo = []
    life._network_reported = SimpleNamespace(release=lambda: None)
    told: list[object] = []
    monkeypatch.setattr(
        life.__class__, "_report_network", lambda self, network: told.append(network)
    )
    monkeypatch.setattr(lifecycle, "read_network", lambda: None)
    monkeypatch.setattr(lifecycle, "has_no_network", lambda: False)
    monkeypatch.setattr(lifecycle, "NetworkWatch", lambda network: SimpleNamespace())
    monkeypatch.setattr(lifecycle.Thread, "start", fail)
    life._watch_network(1.0, False)
    lifecycle.atexit.unregister(life._stop_watching)
    assert told == [None]
    assert not life._watching.locked()


def test_a_dump_of_what_was_recorded(log: Any) -> None:
    lifecycle.dump(log)
    assert log.stats["offered"] == 0
