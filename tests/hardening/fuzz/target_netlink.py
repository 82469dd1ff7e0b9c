"""What a kernel, or what pretends to be one, may send over netlink: no error but OSError, and what
is made of it a record can hold."""

import contextlib
import errno
from typing import Any

from given import Given
from support.emitters import make_emitter, take
from support.grammar import parse_rfc5424

from syslogfast import emitter as emitters
from syslogfast.lifecycle import records
from syslogfast.transports import netlink, network

KINDS = [1, 2, 3, 16, 17, 18, 20, 21, 22, 24, 25, 26]
ATTRIBUTES = [1, 2, 3, 4, 5, 6, 8, 9, 18, 15, 0x8001]
VALUES = [
    *[b"eth0\0", b"lo\0", b"\x0a\0\x02\x0f", b"\xa9\xfe\1\1", b"\xfe\x80" + bytes(13) + b"\1"],
    *[b"\x20\1\x0d\xb8" + bytes(11) + b"\5", b"RT\0\x124V", b"\1\0\0\0", b"\2\0\0\0", b""],
    *[b"\2\0\x0a\0\2\2", b"\x0a\0" + bytes(15) + b"\1", b"\x10\0\0\0\2\0\0\0\x08\0\5\0\x0a\0\2\2"],
    *[b"\xff\xfe\x1b[2J\0", b"\x1b[2J\n\0"],
]
HEADERS = [
    bytes(16),
    b"\0\0\1\0\2\0\0\0\x43\x10\1\0\xff\xff\xff\xff",  # an Ethernet that runs
    b"\2\x18\0\0\2\0\0\0",
    b"\x0a\x40\0\0\2\0\0\0",
    b"\2\0\0\0\xfe\3\0\1\0\0\0\0",
    b"\x0a\0\0\0\xfe\3\0\1\0\0\0\0",
]


class Kernel:
    """A socket that gives datagrams, one at a time, and then nothing."""

    def __init__(self, datagrams: list[bytes]) -> None:
        self.datagrams = datagrams
        self.waits = False

    def settimeout(self, _: float) -> None:
        self.waits = True

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.datagrams:
            return self.datagrams.pop(0)[:size]
        if self.waits:
            raise TimeoutError("timed out")
        raise BlockingIOError(errno.EAGAIN, "nothing yet")


def choose_attributes(given: Given) -> bytes:
    data = b""
    for _ in range(given.octet() % 6):
        value = given.take(given.octet() % 24) if given.rarely() else given.pick(VALUES)
        size = given.octet() if given.rarely() else 4 + len(value)
        kind = given.pick(ATTRIBUTES)
        data += size.to_bytes(2, "little") + kind.to_bytes(2, "little") + value
        data += bytes(-len(data) % 4)
    return data


def choose_body(given: Given) -> bytes:
    if given.rarely():
        return given.take(given.octet())
    header = bytearray(given.pick(HEADERS))
    if given.rarely():
        header[given.below(len(header))] = given.octet()
    return bytes(header) + choose_attributes(given)


def choose_datagram(given: Given) -> bytes:
    data = b""
    for _ in range(given.octet() % 5):
        body = choose_body(given)
        size = given.integer() % (1 << 32) if given.rarely() else 16 + len(body)
        kind = given.octet() if given.rarely() else given.pick(KINDS)
        data += size.to_bytes(4, "little") + kind.to_bytes(2, "little") + bytes(10) + body
        data += bytes(-len(data) % 4)
    return data[: len(data) - given.octet()] if given.rarely() else data


def read_bodies(datagrams: list[bytes]) -> list[bytes]:
    bodies: list[bytes] = []
    with contextlib.suppress(OSError):
        bodies = netlink.read_answers(Kernel(datagrams))  # type: ignore[arg-type]
    return bodies


def try_input(data: bytes) -> None:
    given = Given(data)
    if given.rarely():
        raw = given.take(1 << 12)
        netlink.concerns_network(raw)
        bodies = [body for _, body in netlink.split_messages(raw)] + read_bodies([raw])
        found, delay = network.choose_network(bodies, bodies, bodies, [])
    else:
        all_bodies = []
        for _ in range(3):
            datagrams = [choose_datagram(given) for _ in range(given.octet() % 3)]
            for datagram in datagrams:
                assert isinstance(netlink.concerns_network(datagram), bool)
            bodies = [body for data in datagrams for _, body in netlink.split_messages(data)]
            answers = read_bodies(datagrams)
            assert set(answers) <= set(bodies)
            all_bodies.append(bodies)
        found, delay = network.choose_network(*all_bodies, ["192.0.2.53"])
    assert delay in (0.0, network.ROUTE_DELAY, network.FOREVER)
    if found is None:
        return
    assert found.addresses
    assert found == network.Network(*[getattr(found, name) for name in (
        "interface", "link_address", "addresses", "gateway", "name_servers")])  # fmt: skip
    log: Any = make_emitter(emitters)
    records.network_up(log, found)
    for record in take(log):
        parse_rfc5424(record)
