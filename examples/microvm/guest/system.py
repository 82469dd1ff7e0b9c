"""What Linux leaves to PID 1: mounts, drivers, the network; and what can be read of all that."""

import os
import sys
import time

import dhcp
import kernel

DRIVERS = "/drivers"  # .ko files, numbered in the order in which they need each other
INTERFACE = "eth0"
LAST_BREATH = 0.05  # seconds in which the host takes what is in the network card's queue
PATIENCE = 10.0  # seconds that the network card may take to appear


def start() -> "None":
    """Mount what the kernel shows, and load the drivers."""
    for kind, target in (("proc", "/proc"), ("sysfs", "/sys")):
        kernel.mount(kind, target)
    for name in sorted(os.listdir(DRIVERS)):
        descriptor = os.open(f"{DRIVERS}/{name}", os.O_RDONLY)
        kernel.load_module(descriptor)
        os.close(descriptor)
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(f"/sys/class/net/{INTERFACE}") and time.monotonic() < deadline:
        time.sleep(0.005)


def bring_up_network() -> "str":
    """Bring up both interfaces and return this machine's address, which the network gave it."""
    dhcp.bring_up("lo")
    dhcp.bring_up(INTERFACE)
    lease = dhcp.ask(INTERFACE)
    if lease.host_name:  # records keep the name that their emitter has begun with
        with open("/proc/sys/kernel/hostname", "w") as file:
            file.write(lease.host_name)
    return dhcp.configure(INTERFACE, lease)


def read_words() -> "dict[str, str]":
    """Return the words NAME=VALUE of the kernel's command line."""
    with open("/proc/cmdline") as file:
        return dict(word.split("=", 1) for word in file.read().split() if "=" in word)


def read_uptime() -> "float":
    """Return the seconds since the kernel began."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read_memory() -> "dict[str, int]":
    """Return this process's resident memory in KB: all of it, and what is no file's."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {name: int(fields[name].split()[0]) for name in ("VmRSS", "RssAnon")}


def show(event: "str") -> "None":
    """Tell the serial line, for those who watch a machine from outside."""
    print(f"microvm: {event} at {read_uptime():.3f}", flush=True)


def power_off() -> "None":
    sys.stdout.flush()  # the interpreter would do it after this
    time.sleep(LAST_BREATH)
    kernel.power_off()
