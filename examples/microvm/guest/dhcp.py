"""A DHCP client (RFC 2131, 2132) that asks once, and an interface set up by what it was told.

It renews no lease: a microVM ends long before, or has a host that gives it one for good.
"""

import _socket as socket
import os
from struct import pack, unpack_from

BROADCAST, SERVER_PORT, CLIENT_PORT = "255.255.255.255", 67, 68
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6  # RFC 2132 9.6
SUBNET_MASK, ROUTER, NAME_SERVER, HOST_NAME = 1, 3, 6, 12  # RFC 2132 3
REQUESTED_ADDRESS, MESSAGE_TYPE, SERVER_ID, PARAMETERS, PAD, END = 50, 53, 54, 55, 0, 255
COOKIE = b"\x63\x82\x53\x63"  # RFC 2132 2
PAUSES = (1, 2, 4, 8, 16)  # seconds that an answer may take, each time (RFC 2131 4.1)

# rtnetlink(7)
RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE = 16, 20, 24
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE = 0x1, 0x4, 0x400
IFF_UP = 1
IFA_ADDRESS, IFA_LOCAL, RTA_OIF, RTA_GATEWAY = 1, 2, 4, 5
RT_TABLE_MAIN, RTPROT_DHCP, RT_SCOPE_UNIVERSE, RTN_UNICAST = 254, 16, 0, 1


# --- asking a server ------------------------------------------------------------------------------


class Lease:
    """What the server has told: addresses as octets, host_name as text or None."""

    def __init__(self, address: "bytes", options: "dict[int, bytes]") -> "None":
        self.address = address
        mask = int.from_bytes(options.get(SUBNET_MASK, b"\xff\xff\xff\x00"), "big")
        self.prefix_length = bin(mask).count("1")
        routers = options.get(ROUTER, b"")
        self.gateway = routers[:4] if len(routers) >= 4 else b""
        servers = options.get(NAME_SERVER, b"")
        self.name_servers = [servers[start : start + 4] for start in range(0, len(servers) - 3, 4)]
        self.host_name = (
            options.get(HOST_NAME, b"").rstrip(b"\0").decode("ascii", "replace") or None
        )


def render_message(
    kind: "int", transaction: "bytes", link_address: "bytes", options: "bytes" = b""
) -> "bytes":
    """RFC 2131 2. The flag asks for an answer by broadcast: there is no address yet to take one."""
    head = pack("!BBBB4sHH", 1, 1, 6, 0, transaction, 0, 0x8000)
    body = pack("16x16s192x4s", link_address, COOKIE) + bytes([MESSAGE_TYPE, 1, kind]) + options
    wanted = bytes([SUBNET_MASK, ROUTER, NAME_SERVER, HOST_NAME])
    return head + body + bytes([PARAMETERS, len(wanted)]) + wanted + bytes([END])


def parse_options(data: "bytes") -> "dict[int, bytes]":
    """Return the options by their codes; what is cut off at the end is left out."""
    options = {}
    index = 0
    while index < len(data) and data[index] != END:
        if data[index] == PAD:
            index += 1
            continue
        size = data[index + 1] if index + 1 < len(data) else len(data)
        if index + 2 + size > len(data):
            break
        options[data[index]] = data[index + 2 : index + 2 + size]
        index += 2 + size
    return options


def await_answer(
    client: "socket.socket", transaction: "bytes", kinds: "tuple[int, ...]"
) -> "tuple[bytes, dict[int, bytes]]":
    """Return address and options of the first answer of one of these kinds; TimeoutError: none."""
    while True:
        data = client.recv(1500)
        options = parse_options(data[240:])
        is_ours = data[4:8] == transaction and data[236:240] == COOKIE
        if is_ours and SERVER_ID in options and options.get(MESSAGE_TYPE, b"\0")[0] in kinds:
            return data[16:20], options


def ask(interface: "str") -> "Lease":
    """Return what a server leases to this interface, which is up; TimeoutError: none answers."""
    with open(f"/sys/class/net/{interface}/address") as file:
        link_address = bytes.fromhex(file.read().replace(":", ""))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    client.bind(("0.0.0.0", CLIENT_PORT))
    try:
        for pause in PAUSES:
            client.settimeout(pause)
            try:
                lease = try_once(client, link_address)
            except TimeoutError:
                continue
            if lease:
                return lease
        raise TimeoutError(f"no DHCP server has answered on {interface}")
    finally:
        client.close()


def try_once(client: "socket.socket", link_address: "bytes") -> "Lease | None":
    """Return a lease; None if the server has taken back its offer."""
    transaction = os.urandom(4)
    server_place = (BROADCAST, SERVER_PORT)
    client.sendto(render_message(DISCOVER, transaction, link_address), server_place)
    address, options = await_answer(client, transaction, (OFFER,))
    chosen = bytes([REQUESTED_ADDRESS, 4]) + address
    chosen += bytes([SERVER_ID, 4]) + options[SERVER_ID]
    client.sendto(render_message(REQUEST, transaction, link_address, chosen), server_place)
    address, options = await_answer(client, transaction, (ACK, NAK))
    return Lease(address, options) if options[MESSAGE_TYPE][0] == ACK else None


# --- telling the kernel ---------------------------------------------------------------------------


def tell_kernel(kind: "int", body: "bytes") -> "None":
    """Have the kernel change something of the network; OSError: it does not."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
    netlink.send(pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body)
    (failure,) = unpack_from("=i", netlink.recv(1 << 16), 16)
    netlink.close()
    if failure:
        raise OSError(-failure, os.strerror(-failure))


def render_attribute(kind: "int", value: "bytes") -> "bytes":
    return pack("=HH", 4 + len(value), kind) + value  # of four octets, so nothing is padded


def bring_up(interface: "str") -> "None":
    index = socket.if_nametoindex(interface)
    tell_kernel(RTM_NEWLINK, pack("=BxHiII", socket.AF_UNSPEC, 0, index, IFF_UP, IFF_UP))


def configure(interface: "str", lease: "Lease") -> "str":
    """Give the interface its address, which is returned, and the machine its way and name servers.

    These first, for who waits for the address looks for them at once.
    """
    with open("/etc/resolv.conf", "w") as file:
        for server in lease.name_servers:
            file.write(f"nameserver {socket.inet_ntoa(server)}\n")
    index = socket.if_nametoindex(interface)
    head = pack("=BBBBI", socket.AF_INET, lease.prefix_length, 0, RT_SCOPE_UNIVERSE, index)
    attributes = [render_attribute(kind, lease.address) for kind in (IFA_LOCAL, IFA_ADDRESS)]
    tell_kernel(RTM_NEWADDR, head + b"".join(attributes))
    if lease.gateway:
        kinds = (RT_TABLE_MAIN, RTPROT_DHCP, RT_SCOPE_UNIVERSE, RTN_UNICAST)
        head = pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, *kinds, 0)
        way = render_attribute(RTA_OIF, pack("=I", index))
        tell_kernel(RTM_NEWROUTE, head + way + render_attribute(RTA_GATEWAY, lease.gateway))
    return socket.inet_ntoa(lease.address)
