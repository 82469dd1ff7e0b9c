"""The compiled encoder, for other Cython code."""

from libc.stdint cimport int8_t, int32_t, uint8_t

from syslogfast._c.record cimport Layout


cdef class Encoder:
    cdef Layout layout          # what is constant, as the C functions of _record want it
    cdef bytes text             # what the spans of `layout` point to
    cdef dict options           # the other arguments as given, for replace: siblings share them
    cdef tuple names            # hostname, app_name, procid as given; None: as they are in `text`
    cdef int32_t identity_space    # as long as the fields may be for another process
    cdef int32_t process        # whose records need no look at their process; -1: all
    cdef int8_t given           # which names were given, a bit for each
    cdef uint8_t is_ascii       # `text` is; of thousands, each byte counts
    cdef uint8_t reads_attributes   # `options` has attributes
    cdef uint8_t reads_header       # `options` has header_attributes


# The layout of a compiled Encoder; TypeError for another object. The caller keeps a reference to
# the encoder. Who calls it has been compiled with this very Layout, or cannot be imported.
cdef const Layout *get_layout(object encoder) except NULL
