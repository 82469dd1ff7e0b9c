"""Namespaces of a test's own, for networks, host names and mounts; skip where there can be none."""

import shutil
import subprocess

import pytest

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
