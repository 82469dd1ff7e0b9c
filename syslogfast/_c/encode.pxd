"""One record in one call, for who calls from Cython or C. No objects, no allocation, no GIL."""

from libc.stdint cimport uint8_t

from syslogfast._c.record cimport (
    Layout,
    Record,
    Span,
    measure_frame,
    measure_plain_record,
    measure_record,
    write_plain_record,
    write_record,
)
from syslogfast._c.text cimport REPAIR_UTF8
from syslogfast._c.timestamp cimport (
    Timestamp,
    move_to_rfc3164_zone,
    move_to_rfc5424_zone,
    write_rfc3164_timestamp,
    write_rfc5424_timestamp,
)


cdef enum:
    MAX_TIMESTAMP = 32      # octets: YYYY-MM-DDThh:mm:ss.ffffff+hh:mm


cdef inline void fill_record(
    Record *record, int severity, const Timestamp *timestamp, const char *message, Py_ssize_t size
) noexcept nogil:
    """Fill in a record with the layout's MSGID and structured data, and any octets for a message.

    severity: 0 to 7. timestamp: in UTC, as read_clock gives it. The message is not copied.
    """
    record.severity = <uint8_t>severity
    record.is_own = False
    record.timestamp = timestamp[0]
    record.message.start = message
    record.message.size = size
    record.form = REPAIR_UTF8
    record.msgid.start = record.constant_elements.start = record.elements.start = NULL
    record.msgid.size = record.constant_elements.size = record.elements.size = 0


cdef inline Py_ssize_t encode_plain(
    char *dst,
    Py_ssize_t capacity,
    const Layout *layout,
    int severity,
    const Timestamp *timestamp,
    Span message,
) noexcept nogil:
    """What `encode` does first; 0 if it is not such a record as most are."""
    cdef Py_ssize_t size = measure_plain_record(layout, severity, timestamp, message)
    cdef Py_ssize_t frame_size
    if not size:
        return 0
    frame_size = measure_frame(layout, size)
    if frame_size <= capacity:
        write_plain_record(dst, layout, severity, timestamp, message, size)
    return frame_size


cdef inline Py_ssize_t encode(
    char *dst, Py_ssize_t capacity, const Layout *layout, const Record *record
) noexcept nogil:
    """Write one record, framed; return its octets. If they are more than `capacity`, write nothing.

    With a `capacity` of 0 it measures: dst may be NULL. The record is not changed, and its message
    is not within dst.
    """
    cdef Record measured
    cdef Py_ssize_t size
    if not record.is_own:
        size = encode_plain(
            dst, capacity, layout, record.severity, &record.timestamp, record.message
        )
        if size:
            return size
    measured.severity = record.severity
    measured.timestamp = record.timestamp
    measured.message = record.message
    measured.form = record.form
    measured.is_own = record.is_own
    measured.msgid = record.msgid
    measured.constant_elements = record.constant_elements
    measured.elements = record.elements
    measure_record(layout, &measured)
    if measured.frame_size <= capacity:
        write_record(dst, layout, &measured)
    return measured.frame_size


cdef inline char *write_timestamp(
    char *dst, const Layout *layout, const Timestamp *timestamp
) noexcept nogil:
    """Write a TIMESTAMP as the layout's records have it; MAX_TIMESTAMP octets at dst."""
    cdef Timestamp moved = timestamp[0]
    if layout.is_rfc5424:
        move_to_rfc5424_zone(&moved, layout.local_time)
        return write_rfc5424_timestamp(dst, &moved, layout.precision)
    move_to_rfc3164_zone(&moved, layout.local_time)
    return write_rfc3164_timestamp(dst, &moved)
