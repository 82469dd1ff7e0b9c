"""Opening a transport has one deadline, however many steps it takes; and so has who waits for it.

The clock of these tests goes on only where something waits.
"""

import gc
import socket
import ssl
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from support.receivers import find_free_port

from syslogfast import _platform
from syslogfast.handlers.standard import open_socket
from syslogfast.transports import parse_url, relp, retry, stream, tls

TIMEOUT = 1.0


class Clock:
    """A clock by which every wait takes as long as it may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.start = 1000.0
        self.answer_at = float("inf")  # when a descriptor that is waited for has something
        for module in (stream, tls, relp):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)
        for module in (tls, relp):
            monkeypatch.setattr(module, "wait_ready", self._wait_ready)

    def _wait_ready(self, fd: int, timeout: float, to_read: bool = False) -> bool:
        until = self.now + timeout
        self.now = max(self.now, min(until, self.answer_at))
        return self.answer_at <= until

    def wait(self, seconds: float, timeout: float | None) -> None:
        """Let something take so long that is given a timeout."""
        assert timeout is not None
        self.now += min(seconds, timeout)
        if seconds > timeout:
            raise TimeoutError("timed out")

    @property
    def elapsed(self) -> float:
        return self.now - self.start


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class FakeSocket:
    """A socket whose peer takes `delay` seconds to connect, and then says the same again and again.

    `clock` is set by who makes it; `said`: None for nothing.
    """

    clock: Clock
    family = socket.AF_UNIX
    said: bytes | None = None

    def __init__(self, *_: object) -> None:
        self._timeout: float | None = None

    def setsockopt(self, *_: object) -> None:
        pass

    def settimeout(self, timeout: float) -> None:
        self._timeout = timeout

    def connect(self, delay: float) -> None:
        self.clock.wait(delay, self._timeout)

    def send(self, data: bytes, *_: object) -> int:
        return len(data)

    def recv(self, size: int) -> bytes:
        if self.said is None:
            raise BlockingIOError
        self.clock.now += 0.01
        return self.said

    def fileno(self) -> int:
        return 0

    def close(self) -> None:
        pass


@pytest.fixture
def fake_addresses(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., type]:
    """Give a function that makes a name of addresses, which take so long each; and so does it."""

    def fake(*delays: float, look_up: float = 0.0, said: bytes | None = None) -> type:
        kind = type("Socket", (FakeSocket,), {"clock": clock, "said": said})
        names = {name: getattr(socket, name) for name in dir(socket) if name.isupper()}
        monkeypatch.setattr(stream, "_socket", SimpleNamespace(**{**names, "socket": kind}))

        def find(*_: object) -> list[Any]:
            clock.now += look_up
            return [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", delay) for delay in delays]

        monkeypatch.setattr(stream, "look_up", find)
        return kind

    return fake


# --- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 7, 10_000])
@pytest.mark.parametrize("scheme", ["tcp", "tls", "relp"])
def test_many_silent_addresses(
    clock: Clock, fake_addresses: Callable[..., type], scheme: str, count: int
) -> None:
    fake_addresses(*[60.0] * count)
    with pytest.raises(TimeoutError):
        retry.open_transport(parse_url(f"{scheme}://collector"), TIMEOUT)
    assert 0.9 * TIMEOUT <= clock.elapsed <= 1.01 * TIMEOUT


@pytest.mark.parametrize("silent", [1, 2, 5])
def test_a_silent_address_leaves_time_for_the_next(
    clock: Clock, fake_addresses: Callable[..., type], silent: int
) -> None:
    """Else a name whose first address is dead would never be reached."""
    fake_addresses(*[60.0] * silent, 0.1)
    retry.open_transport(parse_url("tcp://collector"), TIMEOUT)
    assert clock.elapsed <= TIMEOUT


@pytest.mark.parametrize("look_up", [0.2, 0.9, 5.0])
def test_a_slow_look_up_leaves_time(
    clock: Clock, fake_addresses: Callable[..., type], look_up: float
) -> None:
    """It cannot be limited: half of the time is left to connect in any case, and not more."""
    fake_addresses(0.4, look_up=look_up)
    retry.open_transport(parse_url("tcp://collector"), TIMEOUT)
    fake_addresses(60.0, look_up=look_up)
    clock.now = clock.start
    with pytest.raises(TimeoutError):
        retry.open_transport(parse_url("tcp://collector"), TIMEOUT)
    assert clock.elapsed == pytest.approx(max(TIMEOUT, look_up + TIMEOUT / 2))


# --- what follows --------------------------------------------------------------------------------


class FakeContext:
    """TLS whose handshake takes `delay` seconds, and whose collector says nothing then."""

    def __init__(self, clock: Clock, delay: float) -> None:
        self._clock = clock
        self._delay = delay

    def wrap_socket(
        self, given: Any, server_hostname: str, do_handshake_on_connect: bool
    ) -> FakeSocket:
        assert not do_handshake_on_connect  # or it would wait under a lock
        assert given._timeout == 0
        self._clock.answer_at = self._clock.now + self._delay
        given.do_handshake = self._shake_hands
        given.recv = self._say_nothing
        return given

    def _shake_hands(self) -> None:
        if self._clock.now < self._clock.answer_at:
            raise ssl.SSLWantReadError
        self._clock.answer_at = float("inf")

    def _say_nothing(self, size: int) -> bytes:
        raise ssl.SSLWantReadError


@pytest.mark.parametrize("connecting", [0.0, 0.5, 0.96, 60.0])
@pytest.mark.parametrize("handshake", [0.0, 0.1, 0.4, 0.9, 0.99, 60.0])
def test_tls_within_its_time(
    clock: Clock, fake_addresses: Callable[..., type], connecting: float, handshake: float
) -> None:
    """TCP, the handshake, and the wait for a refusal, as long as it may be."""
    fake_addresses(connecting)
    url = parse_url("tls://collector")
    url.context = FakeContext(clock, handshake)
    if connecting + handshake < TIMEOUT:
        tls.TlsTransport(url, TIMEOUT)
    else:
        with pytest.raises(TimeoutError):
            tls.TlsTransport(url, TIMEOUT)
    assert clock.elapsed <= 1.01 * TIMEOUT


@pytest.mark.parametrize("connecting", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("said", [None, b"0 hint 0\n", b"1"])
def test_relp_within_its_time(
    clock: Clock, fake_addresses: Callable[..., type], connecting: float, said: bytes | None
) -> None:
    """A collector that says much, but does not answer "open", is as one that says nothing."""
    fake_addresses(connecting, said=said)
    with pytest.raises(OSError, match=r"owes 1 responses|does not speak RELP"):
        relp.RelpTransport(parse_url("relp://collector"), TIMEOUT)
    assert clock.elapsed <= 1.02 * TIMEOUT


# --- who waits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["flush", "close"])
def test_where_there_can_be_no_thread(
    connect: Callable, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """Whoever flushes opens the transports: all of them together within the time for that."""
    given: list[tuple[float, float]] = []

    def fail(url: object, timeout: float) -> None:
        given.append((time.monotonic(), timeout))
        time.sleep(min(timeout, 0.06))
        raise ConnectionRefusedError

    def refuse(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(retry, "open_transport", fail)
    monkeypatch.setattr("_thread.start_new_thread", refuse)
    urls = [f"tcp://127.0.0.1:{find_free_port()}" for _ in range(3)]
    emitter = connect(*urls, timeout=60.0, on_failure=False)
    emitter.info("1")  # which tries, too
    given.clear()
    before = time.monotonic()
    getattr(emitter, action)(0.1)
    assert given
    assert all(began + timeout <= before + 0.11 for began, timeout in given)


def test_the_next_url_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL that was not tried for want of time is the first of the next tries."""
    now = 0.0
    tried = []

    def fail(url: Any, timeout: float) -> None:
        nonlocal now
        tried.append(url.port)
        now += timeout
        raise TimeoutError

    monkeypatch.setattr(retry, "monotonic", lambda: now)
    monkeypatch.setattr(retry, "open_transport", fail)
    urls = [parse_url(f"tcp://192.0.2.1:{port}") for port in (1, 2, 3)]
    policy = retry.RetryPolicy(urls, 1.0, None, False)  # type: ignore[arg-type]
    assert policy.open(now + 1.5) is None
    assert (tried, now) == ([1, 2], 1.5)
    assert policy.open() is None
    assert (tried, now) == ([1, 2, 3, 1, 2], 4.5)


def open_standard_handler(port: int) -> None:
    open_socket(("127.0.0.1", port), socket.SOCK_STREAM, TIMEOUT)


def run_failing_step(port: int) -> None:
    def fail() -> None:
        raise OSError(port)

    _platform.run_each([fail])


def open_url(text: str) -> Callable[[int], object]:
    return lambda port: retry.open_transport(parse_url(text.format(port)), TIMEOUT)


@pytest.mark.parametrize(
    "fail",
    [
        open_url("tcp://127.0.0.1:{}"),
        open_url("tls://127.0.0.1:{}"),
        open_url("relp://127.0.0.1:{}"),
        open_url("udp://127.0.0.1:{}?bind=192.0.2.1"),
        open_url("unix:///nowhere/{}"),
        open_standard_handler,
        run_failing_step,
    ],
)
def test_what_fails_again_and_again_leaves_no_cycles(fail: Callable[[int], object]) -> None:
    """A program that has switched the collector of cycles off can do without it."""
    port = find_free_port()

    def fail_once() -> None:
        try:
            fail(port)
        except OSError:
            return
        raise AssertionError("it has not failed")

    fail_once()  # what is imported for it
    gc.collect()
    gc.disable()
    try:
        fail_once()
        assert gc.collect() == 0
    finally:
        gc.enable()
