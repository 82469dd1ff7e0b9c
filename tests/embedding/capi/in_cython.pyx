# cython: language_level=3
"""Calls what is to be cimported, without the GIL, and returns what it wrote."""

from libc.stdint cimport int64_t, uint32_t

from syslogfast cimport (
    MAX_TIMESTAMP,
    Encoder,
    Layout,
    Record,
    Timestamp,
    encode,
    fill_record,
    get_layout,
    measure_header,
    measure_record,
    read_clock,
    write_header,
    write_record,
    write_timestamp,
)


cdef Timestamp make_timestamp(int64_t seconds, uint32_t nanoseconds) noexcept nogil:
    cdef Timestamp timestamp
    read_clock(&timestamp)
    timestamp.seconds = seconds
    timestamp.nanoseconds = nanoseconds
    return timestamp


def encode_at_once(encoder, int severity, bytes message, seconds, nanoseconds, Py_ssize_t space):
    cdef const Layout *layout = get_layout(encoder)
    cdef Timestamp timestamp = make_timestamp(seconds, nanoseconds)
    cdef char[10000] dst
    cdef const char *start = message
    cdef Py_ssize_t length = len(message), size, measured
    cdef Record record
    with nogil:
        fill_record(&record, severity, &timestamp, start, length)
        measured = encode(NULL, 0, layout, &record)
        size = encode(dst, space, layout, &record)
    assert measured == size
    return dst[:size] if size <= space else None


def encode_in_steps(Encoder encoder, int severity, bytes message, seconds, nanoseconds):
    cdef const Layout *layout = get_layout(encoder)
    cdef Timestamp timestamp = make_timestamp(seconds, nanoseconds)
    cdef char[10000] dst
    cdef char *end
    cdef const char *start = message
    cdef Py_ssize_t length = len(message)
    cdef Record record
    with nogil:
        fill_record(&record, severity, &timestamp, start, length)
        measure_record(layout, &record)
        end = write_record(dst, layout, &record)
    assert end == dst + record.frame_size
    return dst[:record.frame_size]


def write_header_alone(encoder, int severity, seconds, nanoseconds):
    cdef const Layout *layout = get_layout(encoder)
    cdef Timestamp timestamp = make_timestamp(seconds, nanoseconds)
    cdef char[10000] dst
    cdef Py_ssize_t size
    cdef Record record
    with nogil:
        fill_record(&record, severity, &timestamp, NULL, 0)
        size = measure_header(layout, &record, layout.max_size - layout.separator_size)
        write_header(dst, layout, &record, layout.separator_size)
    return dst[:size]


def write_timestamp_alone(encoder, seconds, nanoseconds):
    cdef const Layout *layout = get_layout(encoder)
    cdef Timestamp timestamp = make_timestamp(seconds, nanoseconds)
    cdef char[MAX_TIMESTAMP] dst
    cdef char *end
    with nogil:
        end = write_timestamp(dst, layout, &timestamp)
    return dst[:end - dst]
