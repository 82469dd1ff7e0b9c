"""What Linux reports of its network, and each change: rtnetlink, RFC 3549 and rtnetlink(7)."""

import _socket
import sys

from syslogfast._platform import find_constant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

NETLINK_ROUTE = 0
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_LINK, IPV4_IFADDR, _ROUTE, IPV6_IFADDR, _ROUTE
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE = 1, 2, 3
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE = 18, 22, 26
HEADERS = {RTM_GETLINK: 16, RTM_GETADDR: 8, RTM_GETROUTE: 12}  # bytes before the attributes
IFF_LOOPBACK, IFF_RUNNING, IFF_LOWER_UP, IFF_DORMANT = 0x8, 0x40, 0x10000, 0x20000
ARPHRD_ETHER = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_LINKINFO = 1, 3, 18
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
UNUSABLE = 0x08 | 0x20 | 0x40  # IFA_F_DADFAILED, _DEPRECATED, _TENTATIVE
RT_SCOPE_HOST, RT_TABLE_MAIN, RTN_UNICAST, RTNH_F_DEAD = 254, 254, 1, 1
RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_MULTIPATH, RTA_VIA = 4, 5, 6, 9, 18

DATAGRAM = 1 << 16  # bytes; the kernel sends no more at once
LONGEST_DUMP = 1 << 22  # bytes: a router's table is not read to its end
DUMP_TIMEOUT = 1.0  # seconds; the kernel answers at once, what pretends to be one may not


def open_netlink(groups: int) -> "_socket.socket":
    """Return a socket that the kernel sends the events of these groups to.

    OSError: this system has none, or does not give it to this process.
    """
    family = find_constant("AF_NETLINK")
    if family is None:
        raise OSError("this system has no netlink")
    netlink = _socket.socket(family, _socket.SOCK_RAW, NETLINK_ROUTE)
    try:
        netlink.bind((0, groups))
    except OSError:
        netlink.close()
        raise
    return netlink


def subscribe() -> "_socket.socket | None":
    """Return a socket that gets an event for each change; None: changes have to be looked for."""
    try:
        return open_netlink(GROUPS)
    except OSError:
        return None


def request_acknowledgement(netlink: "_socket.socket") -> None:
    """Wake the thread that reads from this socket: netlink has no shutdown()."""
    try:
        netlink.send(make_message(NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK))
    except OSError:
        pass  # no memory for it, or none of the kernel's: the wait is bounded


def read_number(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)


def make_message(kind: int, flags: int, body: bytes = b"") -> bytes:
    fields = ((16 + len(body), 4), (kind, 2), (flags, 2), (0, 4), (0, 4))  # sequence, port
    return b"".join([value.to_bytes(size, sys.byteorder) for value, size in fields]) + body


def split_messages(data: bytes) -> "Iterator[tuple[int, bytes]]":
    """Yield type and body of each message; what is incomplete at the end is left out."""
    start = 0
    while start + 16 <= len(data):
        size = read_number(data[start : start + 4])
        if not 16 <= size <= len(data) - start:
            return
        yield read_number(data[start + 4 : start + 6]), data[start + 16 : start + size]
        start += (size + 3) & ~3


def split_attributes(data: bytes) -> dict[int, bytes]:
    """Return the attributes by their types; what is incomplete at the end is left out."""
    attributes = {}
    start = 0
    while start + 4 <= len(data):
        size = read_number(data[start : start + 2])
        if not 4 <= size <= len(data) - start:
            break
        kind = read_number(data[start + 2 : start + 4]) & 0x3FFF  # without NLA_F_NESTED and such
        attributes[kind] = data[start + 4 : start + size]
        start += (size + 3) & ~3
    return attributes


def dump(kind: int) -> list[bytes]:
    """Return the bodies of all messages that answer a request. OSError: it is refused."""
    netlink = open_netlink(0)
    try:  # no loop in it: see Queue's lock
        netlink.send(make_message(kind, NLM_F_REQUEST | NLM_F_DUMP, bytes(HEADERS[kind])))
        return read_answers(netlink)
    finally:
        netlink.close()


def receive(netlink: "_socket.socket") -> bytes:
    """Return what the kernel has sent, which Linux does while it is asked.

    With a timeout each call would look at the clock and wait by poll() first, which takes longer
    than the answer where that is a system call, as in a sandbox that has just begun.
    """
    try:
        return netlink.recv(DATAGRAM, _socket.MSG_DONTWAIT)
    except BlockingIOError:
        netlink.settimeout(DUMP_TIMEOUT)
        return netlink.recv(DATAGRAM)


def read_answers(netlink: "_socket.socket") -> list[bytes]:
    bodies: list[bytes] = []
    size = 0
    while size < LONGEST_DUMP:
        data = receive(netlink)
        size += max(1, len(data))
        for answer, body in split_messages(data):
            if answer == NLMSG_DONE:
                return bodies
            if answer == NLMSG_ERROR:
                raise OSError(-int.from_bytes(body[:4], sys.byteorder, signed=True), "netlink")
            bodies.append(body)
    return bodies


def concerns_network(data: bytes) -> bool:
    """Tell events from those of routes other than default ones, which a router has many of."""
    for kind, body in split_messages(data):
        if kind not in (RTM_NEWROUTE, RTM_DELROUTE) or body[1:2] == b"\0":
            return True
    return False


class Link:
    """An interface. `address` is its Ethernet address, if it has one."""

    __slots__ = ("address", "index", "is_loopback", "is_running", "is_virtual", "name")

    def __init__(
        self, index: int, name: str, flags: int, address: str | None, is_virtual: bool
    ) -> None:
        self.index = index
        self.name = name
        self.address = address
        self.is_loopback = bool(flags & IFF_LOOPBACK)
        # Linux says RUNNING up to a second after the carrier is there and frames are taken.
        has_carrier = flags & (IFF_LOWER_UP | IFF_DORMANT) == IFF_LOWER_UP
        self.is_running = has_carrier or bool(flags & IFF_RUNNING)
        self.is_virtual = is_virtual


def parse_link(body: bytes) -> Link | None:
    """Return the link of a RTM_NEWLINK; None: it has no name."""
    attributes = split_attributes(body[HEADERS[RTM_GETLINK] :])
    name = attributes.get(IFLA_IFNAME, b"").partition(b"\0")[0].decode("utf-8", "replace")
    address = None
    octets = attributes.get(IFLA_ADDRESS, b"")
    if read_number(body[2:4]) == ARPHRD_ETHER and len(octets) == 6 and any(octets):
        address = octets.hex(":")
    if not name:
        return None
    flags = read_number(body[8:12])
    # IFLA_LINKINFO names the kind of those that are no device: veth, bridge, tun.
    return Link(read_number(body[4:8]), name, flags, address, IFLA_LINKINFO in attributes)


def format_address(family: int, octets: bytes) -> str | None:
    """Return an address as text (RFC 5952); None: it is none of IPv4 or IPv6."""
    if len(octets) != {_socket.AF_INET: 4, _socket.AF_INET6: 16}.get(family):
        return None
    return _socket.inet_ntop(family, octets)


def is_link_local(octets: bytes) -> bool:
    """RFC 3927: 169.254.0.0/16. RFC 4291 2.5.6: fe80::/10."""
    if len(octets) == 4:
        return octets[:2] == b"\xa9\xfe"
    return octets[0] == 0xFE and octets[1] & 0xC0 == 0x80


def parse_address(body: bytes) -> "tuple[int, int, bool, str] | None":
    """Return interface, family, whether link-local, and text of a RTM_NEWADDR that may be used."""
    if len(body) < HEADERS[RTM_GETADDR]:
        return None
    family, length, flags, scope = body[:4]
    attributes = split_attributes(body[HEADERS[RTM_GETADDR] :])
    flags = read_number(attributes.get(IFA_FLAGS, bytes([flags])))
    octets = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS, b"")  # or the peer's
    text = format_address(family, octets)
    if text is None or flags & UNUSABLE or scope >= RT_SCOPE_HOST:
        return None
    return read_number(body[4:8]), family, is_link_local(octets), f"{text}/{length}"


def parse_route(body: bytes) -> "tuple[int, int, int, str | None] | None":
    """Return family, metric, interface and gateway of a RTM_NEWROUTE that is a default route."""
    if len(body) < HEADERS[RTM_GETROUTE] or body[1]:
        return None
    family, table, kind, flags = body[0], body[4], body[7], read_number(body[8:12])
    if table != RT_TABLE_MAIN or kind != RTN_UNICAST or flags & RTNH_F_DEAD:
        return None
    attributes = split_attributes(body[HEADERS[RTM_GETROUTE] :])
    metric = read_number(attributes.get(RTA_PRIORITY, b""))
    index = read_number(attributes.get(RTA_OIF, b""))
    hops = attributes.get(RTA_MULTIPATH, b"")
    if hops:  # struct rtnexthop: length, flags, weight, interface, attributes; the first will do
        index = read_number(hops[4:8])
        attributes = split_attributes(hops[8 : read_number(hops[:2])])
    gateway = format_address(family, attributes.get(RTA_GATEWAY, b""))
    if RTA_VIA in attributes:  # of the other family
        via = attributes[RTA_VIA]
        gateway = format_address(read_number(via[:2]), via[2:])
    return family, metric, index, gateway
