# cython: language_level=3, boundscheck=False, wraparound=False
"""A loop in C that logs: no GIL, no objects, no allocation."""

from libc.stdio cimport snprintf

from syslogfast cimport Layout, Record, Timestamp, encode, fill_record, get_layout, read_clock

cdef enum:
    WARNING = 4


def inspect(encoder, const double[::1] readings, double limit, char[::1] log):
    """Write a record into `log` for each reading above the limit; return its size and their number.

    What has no space there is counted, too.
    """
    cdef const Layout *layout = get_layout(encoder)  # valid until here `encoder` is let go
    cdef char *dst = &log[0] if log.shape[0] else NULL
    cdef Py_ssize_t i, size, count = 0, end = 0
    cdef Timestamp now
    cdef Record record
    cdef char[100] text
    with nogil:
        for i in range(readings.shape[0]):
            if readings[i] <= limit:
                continue
            count += 1
            size = snprintf(text, sizeof(text), b"reading %zd is %.6f", i, readings[i])
            read_clock(&now)
            fill_record(&record, WARNING, &now, text, size)
            size = encode(dst + end, log.shape[0] - end, layout, &record)
            if size <= log.shape[0] - end:  # else nothing was written
                end += size
    return end, count
