"""What this machine's network is: the kernel is asked; no program is run, no name looked up.

Linux reports it, and each change, over rtnetlink (RFC 3549). Where that is missing or refused, as
on other systems and in some sandboxes, a socket knows the address that it would send from.
"""

import _socket
import errno
import os
import sys
from time import monotonic

from syslogfast._options import has_hostname, is_address, this_host
from syslogfast._platform import HAS_HTTP_ALONE, SignalSafeLock, catch_up_with_fork
from syslogfast._validation import check_timeout
from syslogfast.constants import FOREVER, LONGEST_WAIT
from syslogfast.transports import name_error, register_for_fork
from syslogfast.transports.netlink import (
    DATAGRAM,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    concerns_network,
    dump,
    open_netlink,
    parse_address,
    parse_link,
    parse_route,
    request_acknowledgement,
    subscribe,
)
from syslogfast.transports.poll import sleep
from syslogfast.transports.threads import make_lock

ROUTE_DELAY = 1.0  # seconds that an address waits for its default route, which comes ms later
SCAN_PAUSES = (0.05, 1.0)  # seconds: the first and the longest, where changes have to be looked for

RESOLV_CONF = "/etc/resolv.conf"
KERNEL_RESOLV_CONF = "/proc/net/pnp"  # what the kernel has from DHCP, with ip= at its boot
KERNEL_COMMAND_LINE = "/proc/cmdline"
ROUTES = "/proc/net/route"
LINKS = "/sys/class/net"
LONGEST_FILE = 1 << 16  # characters
HOSTNAME_WORDS = ("hostname", "systemd.hostname")

MAX_EVENTS = 1000  # events that are taken as one

# What says that a process has no sockets of a kind at all, where others say what is missing yet.
NO_SOCKETS = ("EACCES", "EPERM", "EAFNOSUPPORT", "EPROTONOSUPPORT")
# Nothing is sent there: RFC 5737, RFC 3849.
UNUSED_ADDRESSES = ((_socket.AF_INET, "192.0.2.1"), (_socket.AF_INET6, "2001:db8::1"))


class Network:
    """How this machine can be reached, and reaches others.

    interface: its name, such as "eth0"; None: not known.
    link_address: its Ethernet address, such as "52:54:00:12:34:56", or None.
    addresses: its addresses with their prefix lengths, such as "10.0.2.15/24" and
        "2001:db8::5/64"; where only a socket could be asked, without them.
    gateway: the address that the default route leads to, IPv4 before IPv6, or None.
    name_servers: their addresses.
    """

    __slots__ = ("addresses", "gateway", "interface", "link_address", "name_servers")

    def __init__(
        self,
        interface: str | None,
        link_address: str | None,
        addresses: list[str],
        gateway: str | None,
        name_servers: list[str],
    ) -> None:
        self.interface = interface
        self.link_address = link_address
        self.addresses = addresses
        self.gateway = gateway
        self.name_servers = name_servers

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # its lists may change

    def __repr__(self) -> str:
        fields = ("interface", "link_address", "addresses", "gateway", "name_servers")
        return f"Network({', '.join([f'{name}={getattr(self, name)!r}' for name in fields])})"


def read_network() -> Network | None:
    """Return the network of the default route, else of the first interface with an address.

    An address counts once it may be used: it is not loopback's, nor tentative, refused as a
    duplicate or deprecated (RFC 4862), and its interface runs. Link-local ones (RFC 3927,
    RFC 4291 2.5.6) count where there is no other. None: there is none yet.
    """
    return find_network()[0]


def wait_for_network(timeout: float) -> Network | None:
    """Return the network as soon as there is one; None if there is none for `timeout` seconds.

    Up to ROUTE_DELAY seconds are given to a default route. With a link-local address alone, which
    most interfaces have from the start, a better one is waited for until the time is over.
    """
    with NetworkWatch() as watch:
        return watch.wait(timeout)


class NetworkWatch:
    """Reports changes of the network: what makes no difference to a Network is none.

    One thread may wait at a time; any may close, and a fork has its own. known: the network that
    has been reported already.
    """

    def __init__(self, known: Network | None = None) -> None:
        self._latest = known
        self._is_closed = False
        self._events: _socket.socket | None = None
        self._begin()
        register_for_fork(self)

    def _begin(self) -> None:
        """Begin with locks of this process; what happens from now on is not missed."""
        self._is_inherited = False  # set in a process that was forked since
        # Held by the thread that waits.
        self._waiting = make_lock()
        self._closing = SignalSafeLock()  # held while the socket is closed, or woken
        self._close_events()
        if not self._is_closed:
            self._events = subscribe()

    def reset_after_fork(self) -> None:
        """Begin anew, but not before somebody needs it: most forks do not."""
        self._is_inherited = True

    def _catch_up(self) -> None:
        catch_up_with_fork()
        if self._is_inherited:
            self._begin()

    def wait(self, timeout: float) -> Network | None:
        """Return the network when it differs from that returned last; at first, when there is one.

        It sleeps in the kernel until something has changed; where the kernel reports no changes
        it looks for them, at least each second. None: not within `timeout` seconds, or closed.
        """
        deadline = monotonic() + check_timeout(timeout)
        self._catch_up()
        try:
            with self._waiting:
                return self._wait_until(deadline)
        finally:
            if self._is_closed:
                self._close_events()

    def _wait_until(self, deadline: float) -> Network | None:
        found = self._latest
        since = 0.0
        pause, longest = SCAN_PAUSES
        while not self._is_closed:
            network, delay = find_network()
            now = monotonic()
            end = deadline
            if network is not None and network != self._latest:
                if network != found:
                    found, since = network, now
                end = min(deadline, since + delay)
                if now >= end:
                    self._latest = network
                    return network
            elif now >= end:
                return None
            if self._events:
                self._wait_for_event(self._events, end)
            else:
                sleep(min(pause, end - now))
                pause = min(2 * pause, longest)
        return None

    def _wait_for_event(self, events: "_socket.socket", end: float) -> None:
        """Wait until something may have changed; with what comes at the same time."""
        try:
            while not self._is_closed:
                left = end - monotonic()
                if left <= 0:
                    return
                events.settimeout(min(left, LONGEST_WAIT))
                if concerns_network(events.recv(DATAGRAM)):
                    break
            events.settimeout(0)
            for _ in range(MAX_EVENTS):
                events.recv(DATAGRAM)
        except (TimeoutError, BlockingIOError):
            pass
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # events were lost: all is read anew
                self._close_events()

    def _close_events(self) -> None:
        with self._closing:
            events, self._events = self._events, None
            if events:
                events.close()

    def close(self) -> None:
        """Have the thread that waits return None. This itself waits for nothing."""
        self._is_closed = True
        self._catch_up()
        if self._waiting.acquire(False):
            self._close_events()
            self._waiting.release()
            return
        with self._closing:  # else another file might get its number meanwhile
            if self._events:
                request_acknowledgement(self._events)

    def __enter__(self) -> "NetworkWatch":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def find_hostname() -> str | None:
    """Return the kernel's name for this machine, else one that its siblings do not have.

    Where nobody has given it a name, as in a microVM without an init system, that is "(none)" or
    "localhost" for all; and behind the NAT of a virtual machine monitor all have the same address
    and PID, too. So: `hostname=` or `systemd.hostname=` of the kernel's command line, else
    "host-525400123456", of the link address of the first interface. None: there is neither.
    """
    if has_hostname():
        return this_host()
    found = None
    for word in read_file(KERNEL_COMMAND_LINE).split():
        key, _, value = word.replace('"', "").partition("=")
        if key in HOSTNAME_WORDS and value:
            found = value  # the last counts, as for the kernel
    if found:
        return found
    address = find_link_address()
    return f"host-{address.replace(':', '')}" if address else None


def find_link_address() -> str | None:
    """Return the link address of the first interface, those made by software last."""
    try:
        links = [parse_link(body) for body in dump(RTM_GETLINK)]
        found = [
            (link.is_virtual, link.index, link.address)
            for link in links
            if link and link.address and not link.is_loopback
        ]
        return min(found)[2] if found else None
    except OSError:
        pass
    try:
        names = sorted(os.listdir(LINKS))
    except OSError:
        return None
    names.sort(key=lambda name: not os.path.exists(f"{LINKS}/{name}/device"))
    addresses = [read_link_address(name) for name in names]
    return next((address for address in addresses if address), None)


def find_network() -> tuple[Network | None, float]:
    """Return what `read_network` does, and for how many seconds a better one may be waited for."""
    try:
        bodies = dump(RTM_GETLINK), dump(RTM_GETADDR), dump(RTM_GETROUTE)
    except OSError:
        return find_network_by_socket()
    return choose_network(*bodies, read_name_servers())


def choose_network(
    link_bodies: list[bytes],
    address_bodies: list[bytes],
    route_bodies: list[bytes],
    name_servers: list[str],
) -> tuple[Network | None, float]:
    """Return what `find_network` does, of what the kernel has answered."""
    links = {link.index: link for link in map(parse_link, link_bodies) if link}
    routes = sorted(filter(None, map(parse_route, route_bodies)), key=lambda route: route[:2])
    order = list(dict.fromkeys([*[route[2] for route in routes], *links]))
    order = [i for i in order if i in links and links[i].is_running and not links[i].is_loopback]
    found: dict[tuple[int, bool], list[tuple[int, str]]] = {}
    for address in filter(None, map(parse_address, address_bodies)):
        index, family, is_local, text = address
        found.setdefault((index, is_local), []).append((family, text))
    for key in [(index, is_local) for is_local in (False, True) for index in order]:
        if key in found:
            break
    else:
        return None, 0.0
    index, is_local = key
    link = links[index]
    ways = [route for route in routes if route[2] == index]
    gateways = [route[3] for route in ways if route[3]]
    families = {route[0] for route in ways} & {family for family, _ in found[key]}
    addresses = list(dict.fromkeys([text for _, text in found[key]]))
    if is_local:
        # An IPv4 one may be all that a microVM is given; an IPv6 one precedes the others.
        delay = 0.0 if _socket.AF_INET in families else FOREVER
    else:
        delay = 0.0 if families else ROUTE_DELAY
    gateway = gateways[0] if gateways else None
    return Network(link.name, link.address, addresses, gateway, name_servers), delay


# --- without netlink -----------------------------------------------------------------------------


def find_network_by_socket() -> tuple[Network | None, float]:
    """Return what `find_network` does, as far as a socket and the files of the kernel know it."""
    addresses = [ask_socket(family, unused) for family, unused in UNUSED_ADDRESSES]
    found = [address for address in addresses if address]
    if not found:
        return None, 0.0
    interface, gateway = read_default_route()
    link_address = read_link_address(interface) if interface else None
    return Network(interface, link_address, found, gateway, read_name_servers()), 0.0


def ask_socket(family: int, target: str) -> str | None:
    """Return the address that a datagram for `target` would be sent from; none is sent."""
    try:
        datagrams = _socket.socket(family, _socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        datagrams.connect((target, 9))
        address = str(datagrams.getsockname()[0]).partition("%")[0]
        octets = _socket.inet_pton(family, address)
    except OSError:
        return None
    finally:
        datagrams.close()
    is_loopback = octets[0] == 127 if len(octets) == 4 else octets == b"\0" * 15 + b"\1"
    return address if any(octets) and not is_loopback else None


def has_no_network() -> bool:
    """Return True if this process is not meant to have a network, and so none can be down.

    A component of WASI without a grant, or a service that is allowed unix sockets only, is refused
    each socket; a browser has no other network than HTTP.
    """
    if HAS_HTTP_ALONE:
        return True
    try:
        open_netlink(0).close()
        return False
    except OSError:
        return all(is_refused(family, unused) for family, unused in UNUSED_ADDRESSES)


def is_refused(family: int, target: str) -> bool:
    """Return True if no datagrams of this family are allowed, or known."""
    try:
        datagrams = _socket.socket(family, _socket.SOCK_DGRAM)
    except OSError as error:
        return name_error(error) in NO_SOCKETS
    try:
        datagrams.connect((target, 9))
        return False
    except OSError as error:
        return name_error(error) in NO_SOCKETS
    finally:
        datagrams.close()


def read_default_route() -> tuple[str | None, str | None]:
    """Return interface and gateway of the IPv4 default route: see proc(5), /proc/net/route."""
    best: tuple[int, str, int] | None = None
    for line in read_file(ROUTES).splitlines()[1:]:
        try:
            interface, target, gateway, flags, _, _, metric, mask = line.split()[:8]
            route = (int(metric), interface, int(gateway, 16))
            is_default = not int(target, 16) and not int(mask, 16) and int(flags, 16) & 1
        except ValueError:
            continue
        if is_default and 0 <= route[2] < 1 << 32 and (best is None or route[0] < best[0]):
            best = route
    if best is None:
        return None, None
    octets = best[2].to_bytes(4, sys.byteorder)
    return best[1], _socket.inet_ntop(_socket.AF_INET, octets) if any(octets) else None


def read_link_address(interface: str) -> str | None:
    """Return the Ethernet address of an interface, as sysfs has it."""
    address = read_file(f"{LINKS}/{interface}/address").strip()
    return address if len(address) == 17 and address.strip("0:") else None


# --- files ---------------------------------------------------------------------------------------


def read_file(path: str) -> str:
    """Return the start of a file as text; nothing if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(LONGEST_FILE)
    except (OSError, ValueError):  # a path from a file may be none
        return ""


def read_name_servers() -> list[str]:
    """Return the addresses of resolv.conf(5), else those that the kernel got at its boot."""
    for path in (RESOLV_CONF, KERNEL_RESOLV_CONF):
        lines = [line.split() for line in read_file(path).splitlines()]
        found = [words[1] for words in lines if words[:1] == ["nameserver"] and words[1:]]
        found = [address for address in found if is_address(address)]
        if found:
            return found
    return []
