"""The compiled encoder, for other Cython code."""

cimport cython
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t

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


# What follows is for `_lifecycle_c` alone, and may be another in the next version.

@cython.final
cdef class Block:               # see _c/block.pxi
    cdef object memory              # a view of it
    cdef char *start
    cdef Py_ssize_t *ends           # of each record; ~end if it was dropped
    cdef Py_ssize_t space, used      # bytes
    cdef Py_ssize_t max_records     # records, however small
    cdef Py_ssize_t position        # bytes that have been sent
    cdef Py_ssize_t count           # records
    cdef Py_ssize_t first           # the first that has not been sent as a whole, or dropped
    cdef Py_ssize_t live            # records that have been neither
    cdef Py_ssize_t in_order        # records, from the first, that `sort` has left in order
    cdef Block next


cdef class Queue:               # see _c/queue.pxi
    cdef readonly Py_ssize_t limit, largest, size, count
    cdef public Py_ssize_t threshold, truncations
    cdef public int64_t drops_since
    cdef public int descriptor
    cdef public bint closed
    cdef public bint lacks_memory   # set by `claim`, cleared by who counts the record
    cdef Block oldest, newest
    cdef Py_ssize_t block_size
    cdef Py_ssize_t pinned  # records of the oldest block that must stay; or CRASH_OWNED
    cdef int *pinned_by     # the address of the errno of the thread that has pinned last
    cdef Py_ssize_t sent_now    # see sending.pxi
    cdef int deferred       # a signal, whose handler has interrupted a send
    cdef Py_ssize_t offered, truncated, sent, sent_bytes
    cdef dict dropped
    cdef Py_ssize_t blocks      # of a ring; 0: it is none
    cdef Py_ssize_t overwritten     # records of a ring
    cdef Block spare            # the blocks of a ring that have nothing


cdef class Sequence:
    cdef int64_t last
    cdef int forks
    cdef readonly str element, name     # where the number stands: meta, sequenceId
    cdef bytes start            # what stands before it
    cdef char[64] text          # the element with the number that was written last
    cdef Py_ssize_t text_size
    cdef int64_t written


# Where the number is that a process, perhaps a fork, has given last.
cdef int64_t *find_last_number(Sequence sequence) noexcept
