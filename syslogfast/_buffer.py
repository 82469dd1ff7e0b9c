"""The buffer that a caller has for records, for the twin; `buffer.pxi` is the same in C."""

import struct

from syslogfast._validation import check_offset, reject_buffer, reject_space


def measure_buffer(buffer: "object") -> "int":
    """Return the size of a writable, contiguous buffer, in bytes."""
    if isinstance(buffer, bytearray):
        return len(buffer)
    try:
        view = memoryview(buffer)  # type: ignore[arg-type]
        struct.pack_into("", view, 0)  # refuses what is read-only or not contiguous
    except TypeError:
        reject_buffer(buffer)
    return view.nbytes if hasattr(view, "nbytes") else len(view)  # MicroPython has no nbytes


def store(buffer: "object", offset: "object", data: "bytes") -> "int":
    """Write `data` at `offset` and return where it ends; only a bytearray grows."""
    size = measure_buffer(buffer)
    start = check_offset(offset, size)
    end = start + len(data)
    if isinstance(buffer, bytearray):
        buffer[start:end] = data
    elif end > size:
        reject_space(len(data), size - start)
    else:
        struct.pack_into(f"{len(data)}s", buffer, start, data)  # type: ignore[arg-type]
    return end
