# cython: binding=False, autotestdict=False, auto_pickle=False
# cython: subinterpreters_compatible=own_gil, freethreading_compatible=True
# What the handlers of signals do, in C: the records of fatal signals, and what lingers at SIGTERM.
# Beside that, what the records of a lifecycle need of the system, and Python has not.
#
# A module of its own, loaded with a lifecycle or an emitter that lingers: most programs have none.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy, memset, strlen

from syslogfast._c.digits cimport follow, write_decimal
from syslogfast._c.record cimport DATAGRAM, LF, NUL, OCTET, Layout, Span, write_bytes
from syslogfast._c.signals cimport (
    AF_UNIX,
    EAGAIN,
    ENOTSOCK,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    POLLOUT,
    SA_NODEFER,
    SA_ONSTACK,
    SA_SIGINFO,
    SIGABRT,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SOCK_DGRAM,
    SOL_SOCKET,
    SO_DOMAIN,
    SO_MEMINFO,
    SO_SNDBUF,
    SO_TYPE,
    SS_DISABLE,
    SignalAction,
    SignalSet,
    Cause,
    Descriptor,
    Stack,
    errno,
    getpid,
    getsockopt,
    lseek,
    poll,
    raise_signal,
    read,
    send,
    setsockopt,
    sigaction,
    sigaddset,
    sigaltstack,
    sigemptyset,
    sigprocmask,
    socklen_t,
    write,
)
from syslogfast._c.timestamp cimport (
    Timestamp,
    measure_rfc5424_timestamp,
    move_to_rfc3164_zone,
    move_to_rfc5424_zone,
    read_clock,
    write_rfc3164_timestamp,
    write_rfc5424_timestamp,
)
from syslogfast._encoder_c cimport Block, Encoder, Queue, Sequence, find_last_number, get_layout


cdef extern from "cython_internals.h":
    void cold_path "syslogfast_cold_path"() nogil
    bint swap "SYSLOGFAST_SWAP"(Py_ssize_t *address, Py_ssize_t before, Py_ssize_t after) nogil


cdef extern from "Python.h":
    PyObject *Py_None
    PyObject *get_item "PyTuple_GET_ITEM"(PyObject *values, Py_ssize_t index) nogil
    Py_ssize_t get_size "PyTuple_GET_SIZE"(PyObject *values) nogil
    long PyLong_AsLong(object value) except? -1
    const void *PyInterpreterState_Get()
    const void *PyInterpreterState_Main()
    int PyErr_SetInterruptEx(int number) nogil


cdef bint is_main_interpreter() noexcept:
    return PyInterpreterState_Get() == PyInterpreterState_Main()


IS_MAIN_INTERPRETER = is_main_interpreter()


include "block_records.pxi"
include "handler_sending.pxi"
include "recorded.pxi"
include "python_stack.pxi"
include "fatal_signals.pxi"
include "termination.pxi"
include "clock_quality.pxi"


# What the main interpreter has armed stays when that ends: C may still crash. No other can free it.
cdef void note_end "syslogfast_note_end"() noexcept:
    if is_main_interpreter():
        crash_state.is_orphan = True
