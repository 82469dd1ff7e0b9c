"""What takes long to make, and is only read: made by one process of a run, for all of them."""

import os
import pathlib
from collections.abc import Callable

import pytest


def make_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[pathlib.Path], None]
) -> pathlib.Path:
    """Return the folder of this name, which `make` has filled; whoever comes meanwhile waits."""
    import fcntl

    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the folder of the whole run
    folder = base / f"once-{name}"
    with (base / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():  # not so after an error, which each has for itself
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "made").touch()
    return folder
