"""What this system has, and what it lacks: the one place that knows. Its half in C: platform.pxd.

Linux has it all. Elsewhere a transport that there cannot be is refused where its URL is given, and
what only makes things faster, or better known, is left out.
"""

import sys

TYPE_CHECKING = False
# To import `os` takes a third of the time of all else until the first record. Where nobody has done
# so, its calls are those of `posix`; else its own, for a program may have replaced some.
if TYPE_CHECKING:
    import _socket
    import os
    from collections.abc import Callable
    from typing import Any

    system = os
elif "os" in sys.modules:
    import os as system
else:
    try:
        import posix as system
    except ImportError:
        import os as system

IS_LINUX = sys.platform == "linux"
# Where a signal tells of a fault, and a handler for it can send something.
HAS_FATAL_SIGNALS = sys.platform != "win32"
FAMILIES = {"unix": "AF_UNIX", "vsock": "AF_VSOCK"}  # of sockets, that some systems lack
# Linux splits one long write into datagrams of one size, the last of which may be shorter (udp(7)).
SOL_UDP, UDP_SEGMENT = 17, 103
IP_MTU, IPV6_MTU = 14, 24  # ip(7), ipv6(7)


def read_variable(name: "str") -> "str":
    """Return a variable of the environment; empty if there is none of that name."""
    if system.__name__ == "posix" and "os" not in sys.modules:
        variables: Any = system.environ  # of bytes, there
        value: bytes = variables.get(name.encode(), b"")
        return value.decode(sys.getfilesystemencoding(), "surrogateescape")
    import os  # by the program, perhaps, to change it

    return getattr(os, "environ", {}).get(name, "")  # type: ignore[no-any-return]


def find_constant(name: "str") -> "int | None":
    """Return a constant of <sys/socket.h> and the like; None where there is none of that name."""
    import _socket

    return getattr(_socket, name, None)


def has_transport(scheme: "str") -> "bool":
    """Return True if there are sockets for this kind of transport."""
    return scheme not in FAMILIES or find_constant(FAMILIES[scheme]) is not None


def call_at_fork(**calls: "Callable[[], object]") -> "None":
    """Have these called as by os.register_at_fork, where a process can fork."""
    if hasattr(system, "register_at_fork"):
        system.register_at_fork(**calls)


def can_segment(datagrams: "_socket.socket") -> "bool":
    """Return True if the kernel splits one write into many datagrams."""
    if not IS_LINUX:
        return False
    try:
        datagrams.getsockopt(SOL_UDP, UDP_SEGMENT)
    except OSError:
        return False  # a kernel before 4.18, which would send it all as one datagram
    return True


def find_path_mtu(datagrams: "_socket.socket", is_ipv6: "bool") -> "int | None":
    """Return how long a packet can be on the way to the peer, both headers included."""
    import _socket

    if not IS_LINUX:
        return None  # these options mean something else
    try:
        if is_ipv6:
            return datagrams.getsockopt(_socket.IPPROTO_IPV6, IPV6_MTU)
        return datagrams.getsockopt(_socket.IPPROTO_IP, IP_MTU)
    except OSError:
        return None


def wait_ready(fd: "int", milliseconds: "float", to_read: "bool") -> "bool":
    """Wait until a descriptor takes bytes, or has some; False if not within that time."""
    import select

    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fd, select.POLLIN if to_read else select.POLLOUT)
        return bool(poll.poll(milliseconds))
    fds = ([fd], []) if to_read else ([], [fd])
    try:
        return any(select.select(*fds, [], milliseconds / 1000))
    except OSError:
        return True  # Windows says that of sockets alone: what else there is, writing waits for
