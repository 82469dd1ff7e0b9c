"""The C table, as in syslogfast.h: the bytes of the twin in buffers of just their size, and nothing
in smaller ones. What it reads and writes is on the heap, of exactly its size."""

import ctypes
from typing import Any

from encoders import ENCODERS, choose_options, choose_zone, find_outcome, judge
from given import Given

from syslogfast import _encoder_c, _encoder_py

SECOND = 1_000_000_000
FILL = 0xAA
# "Any address if size is 0": nothing can be read there. NULL + 0, which C has defined but lately,
# is an error for the sanitizer.
NOWHERE = 1
LONGEST_TIMESTAMP = 32


class Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_int64), ("nanoseconds", ctypes.c_uint32)]


class Span(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_ssize_t)]


class Record(ctypes.Structure):
    _fields_ = [
        ("time", Time),
        ("severity", ctypes.c_uint8),
        ("message", Span),
        ("msgid", Span),
        ("elements", Span),
    ]


WRITE = ctypes.PYFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p, ctypes.POINTER(Record)
)


class Table(ctypes.Structure):
    _fields_ = [
        ("version", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("get_layout", ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)),
        ("read_clock", ctypes.PYFUNCTYPE(None, ctypes.POINTER(Time))),
        ("encode", WRITE),
        ("write_header", WRITE),
        (
            "write_timestamp",
            ctypes.PYFUNCTYPE(
                ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(Time)
            ),
        ),
    ]


open_capsule = ctypes.pythonapi.PyCapsule_GetPointer
open_capsule.argtypes, open_capsule.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
table = Table.from_address(open_capsule(_encoder_c.C_API, b"syslogfast._encoder_c.C_API"))
# The sanitizer's, which has forbidden bytes on either side of a block; nothing of 0 octets.
process = ctypes.CDLL(None)
process.malloc.argtypes, process.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
process.free.argtypes = [ctypes.c_void_p]

ELEMENTS = ["", "", "z@1", "z" * 32, "zz"]


class Heap:
    """Blocks of exactly the size that is asked for, freed at the end."""

    def __init__(self) -> None:
        self.blocks: list[int] = []

    def store(self, data: bytes) -> Span:
        if not data:
            return Span(NOWHERE, 0)
        return Span(self.allocate(data), len(data))

    def allocate(self, data: bytes) -> int:
        block: int = process.malloc(len(data))
        self.blocks.append(block)
        ctypes.memmove(block, data, len(data))
        return block

    def free(self) -> None:
        for block in self.blocks:
            process.free(block)


def call(heap: Heap, function: Any, layout: int, record: Record, space: int) -> tuple[int, bytes]:
    """Return the size that a function returns, and what it has written into so much space."""
    target = heap.allocate(bytes([FILL]) * space) if space else None
    size = function(target, space, layout, ctypes.byref(record))
    written = ctypes.string_at(target, space) if target else b""
    if size > space:
        assert set(written) <= {FILL}, "too little space was written to"
        return size, b""
    assert set(written[size:]) <= {FILL}, "more was written than returned"
    return size, written[:size]


def try_input(data: bytes) -> None:
    given = Given(data)
    choose_zone(given)
    options = choose_options(given)
    if find_outcome(lambda: ENCODERS[0](**options))[0] != "returned":
        return
    compiled, python = (kind(**options) for kind in ENCODERS)
    layout = table.get_layout(compiled)
    heap = Heap()
    try:
        while True:
            compare_one(heap, given, layout, python, options)
            if given.is_over():
                break
    finally:
        heap.free()


def compare_one(
    heap: Heap, given: Given, layout: int, python: _encoder_py.Encoder, options: dict[str, Any]
) -> None:
    severity = given.octet() % 8
    seconds = given.integer() // given.pick([1, SECOND])
    seconds = max(-(1 << 63), min(seconds, (1 << 63) - 1))
    nanoseconds = given.integer() % SECOND
    message = given.octets()
    msgid = given.pick(["", "", "ID48", "a b\x7f", "m" * 32, "m" * 33])
    name = given.pick(ELEMENTS)
    value = given.pick(["1", "x" * 100, "v" * 900])
    own: dict[str, Any] = {"msgid": msgid or None}
    if name:
        own["structured_data"] = {name: {"n": value}}
    has_other = name == "z" * 32 or options.get("enterprise_id")
    elements = f'[{name} n="{value}"]' if name else ""
    record = Record(
        Time(seconds, nanoseconds),
        severity,
        heap.store(message),
        heap.store(msgid.encode()),
        heap.store(elements.encode()),
    )
    time_ns = seconds * SECOND + nanoseconds
    if name and (has_other or isinstance(options.get("structured_data"), bytes)):
        own = {}
    header = python.header(severity, time_ns=time_ns, **own)
    expected = python.encode(severity, message, time_ns=time_ns, **own)
    is_known = options["protocol"] == "rfc5424" or 0 <= seconds < 253_402_000_000
    for function, wanted in ((table.encode, expected), (table.write_header, header)):
        size, _ = call(heap, function, layout, record, 0)
        for space in (size - 1, given.below(size + 1), size, size + given.octet()):
            result, written = call(heap, function, layout, record, max(space, 0))
            assert result == size, f"{result} octets with {space} of space, {size} with none"
            if (own or not name) and is_known and written:
                assert written == wanted, f"C: {written!r}\nPython: {wanted!r}"
    if is_known and not isinstance(options.get("structured_data"), bytes):
        judge(call(heap, table.encode, layout, record, size + 20_000)[1], options, python.max_size)
    target = heap.allocate(bytes([FILL]) * LONGEST_TIMESTAMP)
    size = table.write_timestamp(target, layout, ctypes.byref(record.time))
    assert 0 < size <= LONGEST_TIMESTAMP
    written = ctypes.string_at(target, size)
    if is_known:
        assert written in header, f"{written!r} is not in {header!r}"
