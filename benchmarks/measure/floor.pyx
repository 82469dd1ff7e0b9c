# cython: binding=False
"""The floor under `encode`: what no encoder that is called from Python can do without.

A method with the same arguments that reads the clock and returns ready bytes of the same length.
And loops in C: around what writes a record, and around memcpy of the same bytes.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy, memset

from syslogfast cimport (
    Encoder,
    Layout,
    Record,
    Timestamp,
    encode,
    fill_record,
    get_layout,
    measure_record,
    read_clock,
    write_record,
)
from syslogfast._c.record cimport measure_plain_record, write_plain_record


cdef extern from *:
    """
    static char buffer[1024];
    /* Read anew each time, so that no compiler knows where a record goes and drops it. */
    static char *volatile target = buffer;
    static const char *volatile source;
    static volatile Py_ssize_t amount;
    """
    char[1024] buffer
    char *target
    const char *source
    Py_ssize_t amount


cdef extern from *:
    """
    #include "syslogfast.h"

    /* A loop as in a C program, that knows no more than the header. */
    static Py_ssize_t encode_in_c(
        const syslogfast_api *api, const syslogfast_layout *layout, Py_ssize_t calls
    )
    {
        syslogfast_time now;
        Py_ssize_t size = 0;
        api->read_clock(&now);
        while (calls-- > 0) {
            syslogfast_record record = {.severity = 6, .time = now, .message = {source, amount}};
            size = api->encode(target, sizeof buffer, layout, &record);
        }
        return size;
    }
    """
    ctypedef struct CLayout "syslogfast_layout":
        pass
    ctypedef struct CApi "syslogfast_api":
        const CLayout *(*get_layout)(object encoder) except NULL
    const CApi *import_c "syslogfast_import"() except NULL
    Py_ssize_t encode_in_c(const CApi *api, const CLayout *layout, Py_ssize_t calls) nogil


cdef class Floor:
    cdef bytes ready
    cdef Timestamp timestamp

    def __init__(self, bytes ready):
        self.ready = ready

    def encode(self, severity, message, *, time_ns=None, msgid=None, structured_data=None):
        read_clock(&self.timestamp)
        return PyBytes_FromStringAndSize(
            PyBytes_AS_STRING(self.ready), PyBytes_GET_SIZE(self.ready)
        )

    def encode_into(
        self, buffer, severity, message, offset=0, *, time_ns=None, msgid=None,
        structured_data=None
    ):
        cdef char *dst = <bytearray>buffer
        read_clock(&self.timestamp)
        memcpy(dst, PyBytes_AS_STRING(self.ready), PyBytes_GET_SIZE(self.ready))
        return PyBytes_GET_SIZE(self.ready)

    def read_clock(self):
        read_clock(&self.timestamp)


def do_nothing(message):
    """Take what a log call takes."""


def write_records(Encoder encoder, bytes message, Py_ssize_t calls):
    """Write a record of severity 6 again and again, in the general way; return the last."""
    cdef Timestamp timestamp
    cdef Record record
    cdef Py_ssize_t _
    memset(&record, 0, sizeof(Record))
    global source, amount
    source, amount = message, len(message)
    read_clock(&timestamp)
    with nogil:
        for _ in range(calls):
            record.severity = 6
            record.is_own = False
            record.timestamp = timestamp
            record.message.start = source
            record.message.size = amount
            measure_record(&encoder.layout, &record)
            write_record(target, &encoder.layout, &record)
    return buffer[:record.frame_size]


def write_plain_records(Encoder encoder, bytes message, Py_ssize_t calls):
    """The same in the way of those that most are, which `encode` tries first."""
    cdef Timestamp timestamp
    cdef Record record
    cdef Py_ssize_t _, size = 0
    global source, amount
    source, amount = message, len(message)
    read_clock(&timestamp)
    with nogil:
        for _ in range(calls):
            record.message.start = source
            record.message.size = amount
            size = measure_plain_record(&encoder.layout, 6, &timestamp, record.message)
            if size:
                write_plain_record(target, &encoder.layout, 6, &timestamp, record.message, size)
    return buffer[:size]


def encode_by_cimport(Encoder encoder, bytes message, Py_ssize_t calls):
    """The same as other Cython code does it, by `encode`."""
    cdef const Layout *layout = get_layout(encoder)
    cdef Timestamp timestamp
    cdef Record record
    cdef Py_ssize_t _, size = 0
    global source, amount
    source, amount = message, len(message)
    read_clock(&timestamp)
    with nogil:
        for _ in range(calls):
            fill_record(&record, 6, &timestamp, source, amount)
            size = encode(target, sizeof(buffer), layout, &record)
    return buffer[:size]


def encode_by_capsule(Encoder encoder, bytes message, Py_ssize_t calls):
    """The same as a C program does it, by the functions of the capsule."""
    cdef const CApi *api = import_c()
    cdef const CLayout *layout = api.get_layout(encoder)
    global source, amount
    source, amount = message, len(message)
    with nogil:
        amount = encode_in_c(api, layout, calls)
    return buffer[:amount]


def copy_records(bytes ready, Py_ssize_t calls):
    """Copy a ready record again and again; return the last."""
    cdef Py_ssize_t _
    global source, amount
    source, amount = ready, len(ready)
    with nogil:
        for _ in range(calls):
            memcpy(target, source, amount)
    return buffer[:len(ready)]
