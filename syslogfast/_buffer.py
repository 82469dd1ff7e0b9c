"""The buffer that a caller has for records, for the twin; `buffer.pxi` is the same in C."""

import struct

from syslogfast._validation import NoSpace, check_offset, is_a, reject_buffer, reject_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def measure_buffer(buffer: "Any") -> "int":
    """Return the size of a writable, contiguous buffer, in bytes."""
    if is_a(buffer, bytearray):
        return len(buffer) if type(buffer) is bytearray else bytearray.__len__(buffer)
    try:
        view = memoryview(buffer)
        struct.pack_into("", view, 0)  # refuses what is read-only or not contiguous
    except (TypeError, NoSpace):
        reject_buffer(buffer)
    return view.nbytes if hasattr(view, "nbytes") else len(view)  # MicroPython has no nbytes


def store(buffer: "Any", offset: "object", data: "bytes") -> "int":
    """Write `data` at `offset` and return where it ends; only a bytearray grows."""
    size = measure_buffer(buffer)
    start = check_offset(offset, size)
    end = start + len(data)
    if type(buffer) is bytearray:
        buffer[start:end] = data
    elif is_a(buffer, bytearray):
        bytearray.__setitem__(buffer, slice(start, end), data)
    elif end > size:
        reject_space(len(data), size - start)
    else:
        struct.pack_into(f"{len(data)}s", buffer, start, data)
    return end
