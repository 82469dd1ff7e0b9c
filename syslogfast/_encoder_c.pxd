"""The compiled encoder, for other Cython code."""

from syslogfast._record cimport Layout


cdef class Encoder:
    cdef Layout layout          # what is constant, as the C functions of _record want it
    cdef bytes text             # what the spans of `layout` point to
    cdef dict options           # the arguments as given, for replace
