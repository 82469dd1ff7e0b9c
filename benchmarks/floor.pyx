# cython: binding=False
"""The floor under `encode`: what no encoder that is called from Python can do without.

A method with the same arguments that reads the clock and returns ready bytes of the same length.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

from syslogfast._timestamp cimport Timestamp, read_clock


cdef class Floor:
    cdef bytes ready
    cdef Timestamp moment

    def __init__(self, bytes ready):
        self.ready = ready

    def encode(self, severity, message, *, time_ns=None, msgid=None, structured_data=None):
        read_clock(&self.moment)
        return PyBytes_FromStringAndSize(
            PyBytes_AS_STRING(self.ready), PyBytes_GET_SIZE(self.ready)
        )

    def encode_into(
        self, buffer, severity, message, offset=0, *, time_ns=None, msgid=None,
        structured_data=None
    ):
        cdef char *dst = <bytearray>buffer
        read_clock(&self.moment)
        memcpy(dst, PyBytes_AS_STRING(self.ready), PyBytes_GET_SIZE(self.ready))
        return PyBytes_GET_SIZE(self.ready)

    def read_clock(self):
        read_clock(&self.moment)
