"""Namespaces of a test's own, for networks, host names and mounts; skip where there can be none."""

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

CLONE_NEWNET = 0x40000000  # <linux/sched.h>

# In a chroot the root is no mount, and so cannot be made private, as unshare(1) wants to.
MOUNTS = (["--mount"], ["--mount", "--propagation", "unchanged"])


def need_programs(*names: str) -> None:
    for name in names:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not on this machine")


def isolate(*options: str, mounts: bool = False) -> "list[str]":
    """Return the words that run a command in namespaces of its own, such as "--net"."""
    need_programs("unshare")
    complaint = ""
    for mount_options in MOUNTS if mounts else ([],):
        command = ["unshare", *options, *mount_options]
        done = subprocess.run([*command, "true"], capture_output=True, text=True)
        if not done.returncode:
            return command
        complaint = done.stderr.strip()
    pytest.skip(f"no namespaces here: {complaint}")


def run_ip(arguments: str) -> str:
    done = subprocess.run(f"ip {arguments}".split(), capture_output=True, text=True)
    assert not done.returncode, (arguments, done.stderr)
    return done.stdout


class Networks:
    """Two networks: `here`, where the calling thread is, and `there`, on the other end of wires.

    Threads and programs are started in the network of the thread that starts them, and a socket
    stays in that where it was made.
    """

    def __init__(self) -> None:
        need_programs("ip")
        isolate("--net")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._outside = self._open_present()
        self._there = self._make()
        self._here = self._make()

    def _open_present(self) -> int:
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def _make(self) -> int:
        assert self._libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        run_ip("link set lo up")
        return self._open_present()

    def _enter(self, network: int) -> None:
        assert self._libc.setns(network, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

    def lay_wire(self, here: str, there: str) -> None:
        """Connect an interface here with one there, both up."""
        run_ip(f"link add {here} type veth peer name {there}")
        run_ip(f"link set {there} netns /proc/{os.getpid()}/fd/{self._there}")
        run_ip(f"link set {here} up")
        with self.there():
            run_ip(f"link set {there} up")

    @contextlib.contextmanager
    def there(self) -> Iterator[None]:
        """Be there for the time of the block."""
        self._enter(self._there)
        try:
            yield
        finally:
            self._enter(self._here)

    def close(self) -> None:
        self._enter(self._outside)
        for network in (self._outside, self._here, self._there):
            os.close(network)
