"""Datagrams while the network changes: an own address, a route, the address of a name."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from support.grammar import parse_rfc5424
from support.namespaces import Networks, run_ip
from support.receivers import LIMIT, check_counts, wait_until

from syslogfast.transports import resolve

pytestmark = pytest.mark.slow

Connect = Callable[..., Any]
PORT = 5514


@pytest.fixture
def networks() -> Iterator[Networks]:
    """Here 10.9.0.5, there 10.9.0.1."""
    networks = Networks()
    try:
        networks.lay_wire("v0", "w0")
        run_ip("addr add 10.9.0.5/24 dev v0")
        with networks.there():
            run_ip("addr add 10.9.0.1/24 dev w0")
        yield networks
    finally:
        networks.close()


def listen_there(networks: Networks, family: int, address: str) -> socket.socket:
    with networks.there():
        collector = socket.socket(family, socket.SOCK_DGRAM)
    collector.bind((address, PORT))
    collector.settimeout(LIMIT)
    return collector


@pytest.fixture
def collector(networks: Networks) -> Iterator[socket.socket]:
    with listen_there(networks, socket.AF_INET, "0.0.0.0") as collector:
        yield collector


def receive(collector: socket.socket, count: int) -> list[tuple[str, str]]:
    """Return text and sender of so many records."""
    found = []
    for _ in range(count):
        data, (source, _) = collector.recvfrom(1 << 16)
        found.append((parse_rfc5424(data).message or "", source))
    return found


def speak(emitter: Any, count: int = 20) -> list[str]:
    texts = [f"record {number}" for number in range(count)]
    for text in texts:
        emitter.info(text)
    return texts


def test_the_own_address_changes(connect: Connect, collector: socket.socket) -> None:
    """A new lease: the next record goes from the new address already, and none is lost."""
    emitter = connect(f"udp://10.9.0.1:{PORT}")
    emitter.info("before")
    assert receive(collector, 1) == [("before", "10.9.0.5")]
    run_ip("addr flush dev v0")
    run_ip("addr add 10.9.0.7/24 dev v0")
    texts = speak(emitter)
    assert receive(collector, 20) == [(text, "10.9.0.7") for text in texts]
    assert check_counts(emitter)["dropped"] == {}


@pytest.mark.parametrize("linger", [0.0, 0.05])
def test_no_address_for_a_while(connect: Connect, collector: socket.socket, linger: float) -> None:
    """Records wait, and arrive in their order, with their own times."""
    emitter = connect(f"udp://10.9.0.1:{PORT}", linger=linger)
    emitter.info("before")
    receive(collector, 1)
    run_ip("addr flush dev v0")
    speak(emitter, 10)
    before = f"{datetime.now(UTC):%FT%T.%f}Z"
    time.sleep(0.5)
    assert check_counts(emitter)["queued"] == 10
    assert re.search("unreachable", emitter.stats["failure"])
    run_ip("addr add 10.9.0.7/24 dev v0")
    for number in range(10):
        data = collector.recv(1 << 16)
        record = parse_rfc5424(data)
        assert record.message == f"record {number}"
        assert record.timestamp <= before
    assert check_counts(emitter)["dropped"] == {}


def test_what_is_told_of_a_change_makes_it_at_once(
    connect: Connect, collector: socket.socket
) -> None:
    """A pause may have grown to half a minute: who knows that there is a network ends it."""
    emitter = connect(f"udp://10.9.0.1:{PORT}")
    run_ip("addr flush dev v0")
    emitter.info("early")
    policy = emitter._sender.retry_policy
    assert wait_until(lambda: policy._delay > 0.1)
    policy.next_try += 1000.0
    run_ip("addr add 10.9.0.7/24 dev v0")
    emitter._sender.send_soon(is_reachable=True)
    assert receive(collector, 1) == [("early", "10.9.0.7")]


def test_the_default_route_changes(
    connect: Connect, networks: Networks, collector: socket.socket
) -> None:
    """Another wire leads to the collector: records go there, and then from that one's address."""
    networks.lay_wire("v1", "w1")
    run_ip("addr add 10.8.0.5/24 dev v1")
    with networks.there():
        run_ip("addr add 10.8.0.1/24 dev w1")
        run_ip("addr add 192.0.2.1/32 dev lo")
    run_ip("route add default via 10.9.0.1")
    emitter = connect(f"udp://192.0.2.1:{PORT}")
    emitter.info("before")
    assert receive(collector, 1) == [("before", "10.9.0.5")]
    run_ip("route replace default via 10.8.0.1")
    run_ip("link set v0 down")
    texts = speak(emitter)
    assert [text for text, _ in receive(collector, 20)] == texts
    emitter._sender.send_soon(is_reachable=True)
    emitter.info("afterwards")
    assert receive(collector, 1) == [("afterwards", "10.8.0.5")]
    assert check_counts(emitter)["dropped"] == {}


def test_ipv6_has_another_address(connect: Connect, networks: Networks) -> None:
    """Linux goes on to send from an address that is gone; a look now and then finds another."""
    run_ip("addr add fd00::5/64 dev v0 nodad")
    with networks.there():
        run_ip("addr add fd00::1/64 dev w0 nodad")
    with listen_there(networks, socket.AF_INET6, "fd00::1") as collector:
        emitter = connect(f"udp://[fd00::1]:{PORT}?resolve=0.1")
        emitter.info("before")
        assert collector.recvfrom(1 << 16)[1][0] == "fd00::5"
        run_ip("addr del fd00::5/64 dev v0")
        run_ip("addr add fd00::7/64 dev v0 nodad")
        time.sleep(0.2)
        speak(emitter)
        for _ in range(20):
            assert collector.recvfrom(1 << 16)[1][0] == "fd00::7"


# --- names ---------------------------------------------------------------------------------------


class Names:
    """What the host "collector.test" is, and who has asked for that."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.threads: list[int] = []

    def getaddrinfo(self, host: bytes, port: int, family: int, kind: int) -> list[tuple]:
        assert (host, kind) == (b"collector.test", socket.SOCK_DGRAM)
        self.threads.append(threading.get_ident())
        if not self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, kind, 17, "", (address, port)) for address in self.addresses]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    class Socket:
        """The module, but for one function."""

        def __getattr__(self, name: str) -> Any:
            return names.getaddrinfo if name == "getaddrinfo" else getattr(socket._socket, name)

    names = Names("127.0.0.2")
    monkeypatch.setattr(resolve, "_socket", Socket())
    return names


@pytest.fixture
def hosts() -> Iterator[list[socket.socket]]:
    """Collectors at 127.0.0.2 and 127.0.0.3, at one port."""
    first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    first.bind(("127.0.0.2", 0))
    second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    second.bind(("127.0.0.3", first.getsockname()[1]))
    with first, second:
        for host in (first, second):
            host.settimeout(LIMIT)
        yield [first, second]


def connect_by_name(connect: Connect, hosts: list[socket.socket], resolve: str) -> Any:
    port = hosts[0].getsockname()[1]
    emitter = connect(f"udp://collector.test:{port}?resolve={resolve}")
    emitter.info("before")
    assert receive(hosts[0], 1)[0][0] == "before"
    return emitter


def speak_until(emitter: Any, is_so: Callable[[], object]) -> None:
    def speak_once() -> object:
        emitter.info("meanwhile")
        return is_so()

    assert wait_until(speak_once)


def drain(host: socket.socket) -> None:
    host.settimeout(0.2)
    try:
        while True:
            host.recv(1 << 16)
    except TimeoutError:
        host.settimeout(LIMIT)


def test_a_name_moves(connect: Connect, hosts: list[socket.socket], names: Names) -> None:
    """It is looked up again, but not by who emits; then records go to the new address."""
    emitter = connect_by_name(connect, hosts, "0.1")
    names.addresses = ("127.0.0.3",)
    transport = emitter._sender._transport
    speak_until(emitter, lambda: transport._address[0] == "127.0.0.3")
    drain(hosts[1])
    texts = speak(emitter)
    assert [text for text, _ in receive(hosts[1], 20)] == texts
    assert threading.get_ident() not in names.threads
    assert check_counts(emitter)["dropped"] == {}


def test_an_address_that_is_among_several_is_kept(
    connect: Connect, hosts: list[socket.socket], names: Names
) -> None:
    """Servers of names give them in turn: nobody moves for that."""
    emitter = connect_by_name(connect, hosts, "0.05")
    sockets = emitter._sender._transport._socket
    names.addresses = ("127.0.0.3", "127.0.0.2")
    speak_until(emitter, lambda: len(names.threads) > 4)
    assert emitter._sender._transport._socket is sockets


def test_the_last_good_address_stays(
    connect: Connect, hosts: list[socket.socket], names: Names
) -> None:
    """A server of names that does not answer, or too late, takes nothing away."""
    emitter = connect_by_name(connect, hosts, "0.05")
    names.addresses = ()
    speak_until(emitter, lambda: len(names.threads) > 3)
    drain(hosts[0])
    texts = speak(emitter)
    assert [text for text, _ in receive(hosts[0], 20)] == texts
    names.addresses = ("127.0.0.3",)
    speak_until(emitter, lambda: emitter._sender._transport._address[0] == "127.0.0.3")


def test_who_sends_nothing_looks_nothing_up(
    connect: Connect, hosts: list[socket.socket], names: Names
) -> None:
    emitter = connect_by_name(connect, hosts, "0.05")
    time.sleep(0.5)
    assert len(names.threads) == 1
    assert emitter.stats["sent"] == 1


def test_never(connect: Connect, hosts: list[socket.socket], names: Names) -> None:
    """With resolve=0 there is one look-up, unless the network has changed."""
    emitter = connect_by_name(connect, hosts, "0")
    assert emitter._sender._transport._next_look == float("inf")
    names.addresses = ("127.0.0.3",)
    speak(emitter)
    assert len(names.threads) == 1
    emitter._sender.send_soon(is_reachable=True)
    speak_until(emitter, lambda: len(names.threads) == 2)


def test_a_change_has_a_name_looked_up_before_the_next_record(
    connect: Connect, hosts: list[socket.socket], names: Names
) -> None:
    """That one goes to the new address already; meanwhile nothing need be sent."""
    emitter = connect_by_name(connect, hosts, "60")
    names.addresses = ("127.0.0.3",)
    emitter._sender.send_soon(is_reachable=True)
    assert wait_until(lambda: len(names.threads) == 2)
    transport = emitter._sender._transport
    assert wait_until(lambda: not transport._is_looking_up)
    texts = speak(emitter)
    assert [text for text, _ in receive(hosts[1], 20)] == texts
    assert threading.get_ident() not in names.threads
    assert check_counts(emitter)["dropped"] == {}


def test_where_no_thread_can_be_had_nothing_is_looked_up(
    connect: Connect,
    hosts: list[socket.socket],
    names: Names,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody who emits waits for a name, then least of all: the last good address stays."""
    emitter = connect_by_name(connect, hosts, "0.05")
    tries = []

    def fail(*arguments: object) -> None:
        tries.append(arguments)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("syslogfast.transports.threads.Thread", fail)
    names.addresses = ("127.0.0.3",)
    speak_until(emitter, lambda: len(tries) > 2)
    drain(hosts[0])
    texts = speak(emitter)
    assert [text for text, _ in receive(hosts[0], 20)] == texts
    assert len(names.threads) == 1
