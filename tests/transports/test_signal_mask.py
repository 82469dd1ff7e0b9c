"""Signals are the program's: our threads block them, and whoever writes gets no SIGPIPE.

A handler in C may end the process in whatever thread it is called. In one of ours, as in uWSGI's
workers under load, it then waited for its own end for ever.
"""

import os
import pathlib
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.receivers import Sink, check_counts, url_of, wait_until

import syslogfast
from syslogfast.lifecycle import install
from syslogfast.transports import signal_mask
from syslogfast.transports.signal_mask import BlockedSignals, WithoutSigpipe
from syslogfast.transports.threads import Thread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells of threads' masks")

# What the thread itself has done wrong is told to its handler, wherever it runs.
FAULTS = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
ASKED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD}


def read_masks() -> dict[int, set[int]]:
    """Return the signals that each thread of this process blocks, as proc(5) has it."""
    masks = {}
    for task in pathlib.Path("/proc/self/task").iterdir():
        try:
            lines = (task / "status").read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            continue  # one that has just ended
        (mask,) = [int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:")]
        masks[int(task.name)] = {number for number in range(1, 65) if mask >> (number - 1) & 1}
    return masks


def check_masks(before: dict[int, set[int]]) -> None:
    """Have each thread that has come since then block what it shall, and the others no more."""

    def list_new() -> list[set[int]]:
        return [mask for thread, mask in read_masks().items() if thread not in before]

    # The C library has a thread block all until it is ready to run.
    assert wait_until(lambda: list_new() and not any(mask & FAULTS for mask in list_new()))
    assert all(mask >= ASKED for mask in list_new())
    assert all(before.get(thread, mask) == mask for thread, mask in read_masks().items())


@pytest.fixture
def masks() -> Iterator[dict[int, set[int]]]:
    """Give those of the threads that are there; this one's is the same at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield read_masks()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_a_system_without_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some have signals, but no `pthread_sigmask`: nothing can be blocked there."""
    monkeypatch.setattr(signal_mask, "signals", types.SimpleNamespace(valid_signals=lambda: {1}))
    numbers = signal_mask.list_asynchronous_signals()
    assert numbers == {1}
    with BlockedSignals(numbers) as entered:
        assert entered is None


def test_no_signals_take_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(signal_mask, "signals", types.SimpleNamespace(pthread_sigmask=fail))
    with BlockedSignals(frozenset()) as entered:
        assert entered is None


def test_the_worker(masks: dict[int, set[int]]) -> None:
    read_end, write_end = os.pipe()
    with syslogfast.connect(f"fd://{write_end}", linger=5) as log:
        log.info("first")
        assert log.flush(5)
        check_masks(masks)
    os.close(read_end)
    os.close(write_end)


def test_who_awaits_a_network(masks: dict[int, set[int]]) -> None:
    with syslogfast.connect("udp://127.0.0.1:9", on_failure=False) as log:
        lifecycle = install(log, watch_network=True)
        check_masks(masks)
        lifecycle.uninstall()


class Interrupted(BaseException):
    """What a signal's handler raises."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Give what makes the handler of a signal raise, as soon as the signal is not blocked."""

    def raise_error(number: int, frame: object) -> None:
        raise Interrupted

    former = signal.signal(signal.SIGUSR1, raise_error)
    # To this thread: another one of the process would take what this one blocks.
    yield lambda: signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, former)


def test_a_handler_raises_at_the_start_of_a_thread(
    interrupt: Callable[[], None], masks: dict[int, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import _thread

    start_new_thread = _thread.start_new_thread
    worked = threading.Event()

    def start(*arguments: Any) -> int:
        interrupt()
        return start_new_thread(*arguments)

    monkeypatch.setattr(_thread, "start_new_thread", start)
    thread = Thread(worked)
    with pytest.raises(Interrupted):
        thread.start(worked.set)
    assert thread.has_started
    assert worked.wait(5)
    thread.join()


def test_a_handler_raises_as_the_worker_starts(
    connect_once: Callable,
    interrupt: Callable[[], None],
    sink: Sink,
    masks: dict[int, set[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker goes on, and all that was emitted arrives once."""
    import _thread

    start_new_thread = _thread.start_new_thread

    def start(*arguments: Any) -> int:
        monkeypatch.undo()
        interrupt()
        return start_new_thread(*arguments)

    log = connect_once(url_of(sink), linger=5)
    log.info("first")
    monkeypatch.setattr(_thread, "start_new_thread", start)
    with pytest.raises(Interrupted):
        log.flush(5)
    log.info("last")
    assert log.flush(5)
    assert wait_until(lambda: sink.count_lines() == log.stats["sent"])
    check_counts(log)


@pytest.mark.parametrize("make", [lambda: BlockedSignals({signal.SIGUSR1}), WithoutSigpipe])
def test_a_handler_raises_as_a_signal_is_blocked(
    make: Callable[[], BlockedSignals], masks: dict[int, set[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of `pthread_sigmask` has handlers called, also of signals that came before it."""
    import _signal

    set_mask = _signal.pthread_sigmask

    for failing in (1, 2):
        calls = iter(range(1, 10))

        def set_mask_and_raise(*arguments: Any, calls: Any = calls, failing: int = failing) -> Any:
            result = set_mask(*arguments)
            if next(calls) == failing:
                raise Interrupted
            return result

        monkeypatch.setattr(_signal, "getsignal", lambda number: signal.SIG_DFL)
        monkeypatch.setattr(_signal, "pthread_sigmask", set_mask_and_raise)
        with pytest.raises(Interrupted), make():
            raise AssertionError("it has been entered")
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("was_blocked", "was_pending"), [(False, False), (True, False), (True, True)]
)
def test_a_broken_pipe(was_blocked: bool, was_pending: bool, masks: dict[int, set[int]]) -> None:
    """The signal of our own write is taken back; one that the program waits for is left to it."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    former = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE] if was_blocked else [])
    if was_pending:
        signal.raise_signal(signal.SIGPIPE)
    try:
        with pytest.raises(BrokenPipeError), WithoutSigpipe():
            os.write(write_end, b"x")
        assert (signal.SIGPIPE in signal.sigpending()) == was_pending
        if was_pending:
            assert signal.sigtimedwait([signal.SIGPIPE], 0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGPIPE, former)
        os.close(write_end)
