"""ALIVE: what the process uses, every so many seconds, from the sender's thread.

What cannot be measured here is left out: an image may do without /proc.
"""

import gc
import os
import time

from syslogfast.emitter import name_own_element
from syslogfast.lifecycle.clock import describe_quality, list_time_quality, read_quality
from syslogfast.lifecycle.host import (
    describe_times,
    list_meta,
    read_file,
    read_process_age,
    read_uptime,
)
from syslogfast.lifecycle.records import NOTICE, numbers
from syslogfast.transports import importing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.emitter import Emitter

THREADS, RESIDENT = 20, 24  # the numbers of these fields in /proc/PID/stat (proc(5))
COUNTS = ("offered", "sent", "queued", "dropped", "truncated", "reconnects")


def beat(emitter: "Emitter") -> None:
    """Queue one record, or count it as dropped, whatever `overflow` says: its sender calls this."""
    queue = emitter._queue
    try:
        frame = render(emitter)
    except MemoryError:
        queue.drop("memory")
        return
    if not queue.put(frame) and not queue.closed:  # else it was to be no more
        lack, queue.lacks_memory = "memory" if queue.lacks_memory else "full", False
        queue.drop("too large" if len(frame) > queue.limit else lack)


def render(emitter: "Emitter") -> bytes:
    """Return the record, with the next number of its sequence."""
    encoder = emitter._get_encoder()  # of this process
    with importing:  # a fork waits for that: no child gets a descriptor which is read from
        process = measure_process()
    quality = read_quality()
    counts = count_records(emitter)
    sequence = numbers if emitter._sequence is None else emitter._sequence
    elements: Any = {
        "meta": list_meta(),
        "timeQuality": list_time_quality(encoder, quality),
        name_own_element(encoder, "process"): process,
        name_own_element(encoder, "queue"): counts,
    }
    return encoder.encode(
        NOTICE,
        f"alive{describe_times()}: {describe_process(process)};"
        f" records: {', '.join([f'{counts[name]} {name}' for name in COUNTS])}"
        f"{describe_quality(quality)}",
        msgid="ALIVE",
        structured_data=sequence.number(elements),
    )


def measure_process() -> "dict[str, object]":
    """Return what this process uses: bytes of memory, seconds of CPU, counts of all else."""
    found: dict[str, object] = {}
    age = read_process_age(read_uptime())
    if age is not None:
        found["uptime"] = f"{age / 1e9:.2f}"
    found["cpu"] = f"{time.process_time():.2f}"
    found.update(read_stat())
    descriptors = count_descriptors()
    if descriptors is not None:
        found["descriptors"] = descriptors
    collections = count_collections()
    if collections is not None:
        found["collections"] = collections
    return found


def read_stat() -> "dict[str, object]":
    """Return what the kernel says of this process: bytes that are resident, and threads."""
    try:
        fields = read_file("/proc/self/stat").rpartition(b")")[2].split()
        pages = int(fields[RESIDENT - 3])  # what follows the name, which may have spaces
        return {
            "resident": pages * os.sysconf("SC_PAGE_SIZE"),
            "threads": int(fields[THREADS - 3]),
        }
    except (OSError, ValueError, IndexError, AttributeError):
        return {}


def count_descriptors() -> "int | None":
    """Return how many descriptors are open; None where nobody says so."""
    try:
        count = os.stat("/proc/self/fd").st_size  # from Linux 6.2 on, without opening another
        return count or len(os.listdir("/proc/self/fd")) - 1
    except OSError:
        return None


def count_collections() -> "int | None":
    """Return how often Python has collected garbage; None where it does not count that."""
    try:
        statistics: Any = gc.get_stats()
        return sum([int(generation["collections"]) for generation in statistics])
    except (AttributeError, TypeError, KeyError):
        return None  # PyPy has other statistics


def count_records(emitter: "Emitter") -> "dict[str, int]":
    """Return what became of the records of the whole transport, before this one."""
    stats: Any = emitter.stats
    return {**{name: stats[name] for name in COUNTS}, "dropped": sum(stats["dropped"].values())}


def describe_process(process: "dict[str, object]") -> str:
    """Return what it uses as part of a text."""
    words = {
        "cpu": "{} s CPU",
        "resident": "{} bytes resident",
        "threads": "{} threads",
        "descriptors": "{} descriptors",
        "collections": "{} collections",
    }
    return ", ".join([words[name].format(process[name]) for name in words if name in process])
