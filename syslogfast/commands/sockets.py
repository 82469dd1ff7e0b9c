"""The sockets on which `syslogfast listen` waits, and how it names who sends to them."""

import errno
import os
import socket
import stat
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Address = tuple[str, int] | tuple[int, int] | str

BACKLOG = 4096  # connections that wait to be accepted; the kernel has a limit of its own
RECEIVE_BUFFER = 4 << 20  # bytes that the kernel is asked to keep of datagrams
ANY_NUMBER = 0xFFFFFFFF  # vsock(7): VMADDR_CID_ANY, VMADDR_PORT_ANY
DATAGRAMS = ("udp", "unix")
UCRED = struct.Struct("3i")  # unix(7): pid, uid, gid


class UnboundError(Exception):
    """An address that cannot be listened on, and why."""


def show_address(address: "Any") -> str:
    """Return who has sent something, or where we listen, as a URL has it."""
    if isinstance(address, bytes):  # unix(7): a name in the abstract namespace
        return "@" + address[1:].decode(errors="backslashreplace")
    if isinstance(address, str):
        return address
    host, port = address[:2]
    if host == ANY_NUMBER:
        host = "any"
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def open_socket(scheme: str, address: "Address") -> socket.socket:
    """Return a socket that listens there, on the first of a host's addresses."""
    kind = socket.SOCK_DGRAM if scheme in DATAGRAMS else socket.SOCK_STREAM
    try:
        if isinstance(address, str):
            opened = open_unix(address, kind)
        elif scheme == "vsock":
            opened = open_vsock(address)
        else:
            opened = open_internet(address, kind)
        try:
            if kind == socket.SOCK_STREAM:
                opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
    except (OSError, UnicodeError) as error:  # UnicodeError: no name of a host
        reason = getattr(error, "strerror", None) or error
        hint = propose(error, isinstance(address, str))
        url = f"{scheme}://{show_address(address)}"
        raise UnboundError(f"cannot listen on {url}: {reason}{hint}") from None
    opened.setblocking(False)
    return opened


def propose(error: Exception, is_path: bool) -> str:
    """Return what to try, where there is something."""
    number = getattr(error, "errno", None)
    if is_path:
        return "; a folder of one's own may be tried" if number == errno.EACCES else ""
    if number == errno.EACCES:
        return "; ports from 1024 on, such as 5514, need no right"
    if number == errno.EADDRINUSE:
        return "; port 0 is any that is free"
    if number == errno.EADDRNOTAVAIL:
        return "; it must be an address of this host, or 0.0.0.0 or [::] for all of them"
    return ""


def open_internet(address: "Any", kind: int) -> socket.socket:
    host, port = address
    family, _, protocol, _, found = socket.getaddrinfo(
        host, port, type=kind, flags=socket.AI_PASSIVE
    )[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        opened.bind(found)
    except OSError:
        opened.close()
        raise
    return opened


def open_vsock(address: "Any") -> socket.socket:
    if not hasattr(socket, "AF_VSOCK"):
        raise OSError(errno.EAFNOSUPPORT, "this system has no vsock")
    cid, port = address
    opened = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    try:
        opened.bind((cid, port or ANY_NUMBER))
    except OSError:
        opened.close()
        raise
    return opened


def open_unix(path: str, kind: int) -> socket.socket:
    """Bind to a path, in the place of a socket that nobody listens on any more."""
    if not hasattr(socket, "AF_UNIX"):
        raise OSError(errno.EAFNOSUPPORT, "this system has no unix sockets")
    opened = socket.socket(socket.AF_UNIX, kind)
    try:
        if hasattr(socket, "SO_PASSCRED"):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            opened.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not is_left_over(path):
                raise
            os.unlink(path)
            opened.bind(path)
    except OSError:
        opened.close()
        raise
    return opened


def is_left_over(path: str) -> bool:
    """Return True if a path is that of a socket which no process has open."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return False
    except OSError:
        return False
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_UNIX, kind) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                return True
            except OSError as error:
                if error.errno != errno.EPROTOTYPE:  # the other kind will tell
                    return False
            else:
                return False
    return False


def receive(opened: socket.socket, size: int) -> tuple[bytes, str]:
    """Return a datagram, and who has sent it, such as a process. OSError: there is none."""
    if opened.family != getattr(socket, "AF_UNIX", None):
        data, address = opened.recvfrom(size)
        return data, show_address(address)
    data, ancillary, _, address = opened.recvmsg(size, socket.CMSG_SPACE(UCRED.size))
    if address:
        return data, show_address(address)
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, getattr(socket, "SCM_CREDENTIALS", None)):
            return data, show_process(value)
    return data, "unix"


def show_process(credentials: bytes) -> str:
    pid = UCRED.unpack(credentials[: UCRED.size])[0] if len(credentials) >= UCRED.size else 0
    return f"process {pid}" if pid else "unix"


def show_peer(stream: socket.socket, address: "Any") -> str:
    """Return who has connected."""
    if address or not hasattr(socket, "SO_PEERCRED"):
        return show_address(address) or "unix"
    try:
        return show_process(stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size))
    except OSError:
        return "unix"
