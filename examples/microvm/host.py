"""The host of microVMs: it builds their images, boots them, and waits for their ends."""

import pathlib
import tempfile
import time

from collector import Collector
from image import Image
from machine import Machine, translate_url
from parts import Parts

from syslogfast.commands.progress import ProgressLine

PATIENCE = 120.0  # seconds that a machine may take on a busy host
PATIENCE_EACH = 15.0  # seconds more for each other one that boots meanwhile
STEP = 0.1  # seconds between two looks
LAST_LOOK = 0.3  # seconds in which what a machine sent at its end arrives


class Host:
    """Machines from images, in a `with` statement that ends them all."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._qemu, self._kernel = parts.find_qemu(), parts.find_kernel()
        self._folder = tempfile.TemporaryDirectory(prefix="microvm-")
        self.machines: list[Machine] = []

    def __enter__(self) -> "Host":
        return self

    def __exit__(self, *exc_info: object) -> None:
        for machine in self.machines:
            machine.kill()
        self._folder.cleanup()

    def build_image(self, init: str) -> pathlib.Path:
        """Return an initramfs that runs guest/INIT.py as PID 1."""
        path = self._path(f"{init}.cpio.gz")
        Image(self._parts, init).write(path)
        return path

    def boot(self, image: pathlib.Path, url: str, **words: str | None) -> Machine:
        """Boot the next machine; it logs to `url`, and finds `words` on its command line."""
        number = len(self.machines) + 1
        console = self._path(f"console-{number}")
        given = {"log": translate_url(url), **words}
        machine = Machine(self._qemu, self._kernel, image, given, number, console)
        self.machines.append(machine)
        return machine

    def wait(self, collector: "Collector | None") -> None:
        """Take records until all machines have ended, or would have, were they to."""
        line = ProgressLine()
        count = len(self.machines)
        began = self.machines[0].started
        patience = PATIENCE + PATIENCE_EACH * (count - 1)
        while (elapsed := time.monotonic() - began) < patience:
            ended = sum(machine.has_ended() for machine in self.machines)
            if ended == count:
                break
            if line.is_due() and not (collector and collector.prints):
                line.show(f"{ended} of {count} machines have ended, {elapsed:.0f} s")
            take(collector, STEP)
        line.clear()
        take(collector, LAST_LOOK)

    def _path(self, name: str) -> pathlib.Path:
        return pathlib.Path(self._folder.name, name)


def take(collector: "Collector | None", seconds: float) -> None:
    if collector:
        collector.read(seconds)
    else:
        time.sleep(seconds)
