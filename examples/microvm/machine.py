"""One microVM under qemu: how it is started, and what its serial line tells of its life."""

import pathlib
import re
import subprocess
import time

MEMORY = 96  # MB: with 64 the kernel does not find space for itself and the initramfs
HOST = "10.0.2.2"  # the guest's name for this host's loopback
# qemu emulates the processor, and many of them share this host's. What the kernel measures at its
# boot is then wrong: the speed of its TSC, for which the HPET keeps the time, and whether its timer
# interrupts at all, for which it would give up.
KERNEL_WORDS = (
    "console=ttyS0 quiet loglevel=3 panic=-1 random.trust_cpu=on"
    " tsc=unstable clocksource=hpet no_timer_check rdinit=/usr/bin/python3"
)


def translate_url(url: str) -> str:
    """Return a URL of this host's loopback as the guest knows it; others stay."""
    return re.sub(r"(?<=://)(127\.0\.0\.1|localhost)(?=[:/?]|$)", HOST, url)


class Machine:
    """A running microVM, whose serial line is written to a file."""

    def __init__(
        self,
        qemu: str,
        kernel: pathlib.Path,
        image: pathlib.Path,
        words: "dict[str, str | None]",
        number: int,
        console: pathlib.Path,
    ) -> None:
        """`words` go to the guest on the kernel's command line; `number` makes its link address."""
        self.number = number
        self.console = console
        given = "".join(f" {name}={value}" for name, value in words.items() if value)
        self.started = time.monotonic()
        self.ended: float | None = None
        self._complaint: bytes | None = None
        self._process = subprocess.Popen(
            [
                *(qemu, "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", str(MEMORY)),
                *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
                *("-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"),
                *("-netdev", "user,id=network"),
                *("-device", f"virtio-net-pci,netdev=network,mac={self.link_address},romfile="),
                *("-kernel", kernel, "-initrd", image),
                *("-append", f"{KERNEL_WORDS}{given} -- -ISB /init.pyc"),
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    @property
    def link_address(self) -> str:
        return f"52:54:00:00:{self.number >> 8:02x}:{self.number & 255:02x}"

    def has_ended(self) -> bool:
        if self.ended is None and self._process.poll() is not None:
            self.ended = time.monotonic()
        return self.ended is not None

    @property
    def elapsed(self) -> float:
        """The seconds from its start to its end, or to now."""
        return (self.ended or time.monotonic()) - self.started

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def read_console(self) -> str:
        """Return what the guest has written so far; if qemu has not even begun, why."""
        if self._complaint is None and self.has_ended():
            self._complaint = self._process.stderr.read()  # type: ignore[union-attr]
        written = self.console.read_bytes() if self.console.exists() else b""
        return (written + (self._complaint or b"")).decode("utf-8", "replace").replace("\r", "")

    def read_event(self, event: str) -> "tuple[str, str] | None":
        """Return what the guest has told of an event, and the seconds after its kernel began."""
        told = re.search(rf"microvm: {event}(.*) at ([\d.]+)$", self.read_console(), re.MULTILINE)
        return (told[1].strip(), told[2]) if told else None

    def describe_end(self) -> str:
        """Return how the guest has ended, or "" if it has not, or nobody knows how."""
        console = self.read_console()
        if "Kernel panic" in console:
            return "panic"
        if "Traceback (most recent call last)" in console:
            return "exception"
        return "clean" if self.read_event("done") else ""
