# cython: binding=False, autotestdict=False, auto_pickle=False
# cython: embedsignature=True, embedsignature.format=clinic, subinterpreters_compatible=shared_gil
# cython: freethreading_compatible=True
"""The encoder in C: the bytes and the errors are those of `_encoder_py.py`, the specification.

What runs for every record is in the `.pxd` files that are imported here, without objects and
without the GIL: _digits, _timestamp, _text and _record. This file takes Python's objects apart
for it, without making new ones but for the result; so do the `.pxi` files, which it includes
because a module of its own costs each of them 36 KB before its first line.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport (
    PyByteArray_AS_STRING,
    PyByteArray_Check,
    PyByteArray_FromStringAndSize,
    PyByteArray_GET_SIZE,
    PyByteArray_Resize,
)
from cpython.bytes cimport (
    PyBytes_AS_STRING,
    PyBytes_CheckExact,
    PyBytes_FromStringAndSize,
    PyBytes_GET_SIZE,
)
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_Check, PyLong_CheckExact
from cpython.object cimport PyObject, PyObject_Size
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.sequence cimport PySequence_GetItem
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc, PyMem_RawFree, PyMem_RawMalloc
from cpython.unicode cimport (
    PyUnicode_AsUTF8AndSize,
    PyUnicode_Check,
    PyUnicode_DecodeUTF8,
    PyUnicode_GET_LENGTH,
    PyUnicode_READ_CHAR,
)
from libc.math cimport llrint
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from syslogfast._c.digits cimport count_digits, write_decimal
from syslogfast._c.encode cimport MAX_TIMESTAMP, encode_plain, fill_record, write_timestamp
from syslogfast._c.record cimport (
    DATAGRAM,
    LF,
    NUL,
    OCTET,
    Layout,
    Record,
    Span,
    close_frame,
    get_elements,
    get_msgid,
    measure_frame,
    measure_header,
    measure_plain_record,
    measure_record,
    open_frame,
    write_bytes,
    write_header,
    write_plain_record,
    write_plain_rest,
    write_record,
)
from syslogfast._c.signals cimport (
    ENOTSOCK,
    MSG_DONTWAIT,
    MSG_NOSIGNAL,
    POLLOUT,
    SA_ONSTACK,
    SA_SIGINFO,
    SIGABRT,
    SS_DISABLE,
    Action,
    Cause,
    Descriptor,
    Part,
    Parts,
    Stack,
    errno,
    poll,
    raise_signal,
    sendmsg,
    sigaction,
    sigaltstack,
    signals,
    swap,
    write,
)
from syslogfast._c.text cimport (
    ESCAPE_CONTROLS,
    ESCAPE_LF,
    ESCAPE_NUL,
    ESCAPE_PARAM,
    REPAIR_UTF8,
    Measure,
    measure_text,
    write_text,
)
from syslogfast._c.timestamp cimport (
    MAX_SECONDS,
    MIN_SECONDS,
    Timestamp,
    is_writable,
    measure_rfc5424_timestamp,
    move_to_rfc3164_zone,
    move_to_rfc5424_zone,
    read_clock,
    write_rfc3164_timestamp,
    write_rfc5424_timestamp,
)
import time

from syslogfast._validation import (
    check_choice,
    check_field,
    check_precision,
    check_queue_bytes,
    check_severity,
    is_float_without_time,
    reject_buffer,
    reject_change,
    reject_message,
    reject_messages,
    reject_offset,
    reject_parameters,
    reject_space,
    reject_sd_name,
    reject_structured_data,
    reject_time,
    reject_unready,
)
from syslogfast._options import (
    Settings,
    clean_msgid,
    describe_options,
    read_back,
    reduce_options,
    restore_names,
)
from syslogfast._platform import call_at_fork, system
from syslogfast.constants import IDENTITY, PROTOCOLS


cdef extern from *:
    """
    /* Where size counts most there are no docstrings; and as no compiler calls what is pure and
       returns nothing, tracebacks do not show this file. */
    #ifdef SYSLOGFAST_SMALL
    #undef PyDoc_STR
    #define PyDoc_STR(text) ""
    #pragma GCC diagnostic ignored "-Wattributes"
    #define SYSLOGFAST_TRACEBACK __attribute__((pure))
    #else
    #define SYSLOGFAST_TRACEBACK __attribute__((cold))
    #endif

    /* What surely leads to a cold function, or comes from it, is compiled for size, not speed:
       errors, by Cython's own functions as they are in this version, and what calls cold_path(). */
    #ifdef __GNUC__
    #if CYTHON_HEX_VERSION >> 16 == 0x0303
    static void __Pyx_AddTraceback(const char *, int, int, const char *) SYSLOGFAST_TRACEBACK;
    static void __Pyx_RaiseArgtupleInvalid(const char *, int, Py_ssize_t, Py_ssize_t, Py_ssize_t)
        __attribute__((cold));
    #endif
    static void __attribute__((cold, noinline)) syslogfast_cold_path(void) { __asm__ volatile (""); }
    static char *syslogfast_write_timestamp_apart(char *, const void *, const void *)
        __attribute__((noinline));
    static Py_ssize_t syslogfast_encode_apart(char *, Py_ssize_t, const void *, const void *)
        __attribute__((noinline));

    /* Each interpreter has its own state of this module. Cython, in this version, looks it up
       whenever it needs a constant, by three calls: a quarter of what a record takes. As long as
       there is one interpreter only, it is this one. */
    #if CYTHON_USE_MODULE_STATE && CYTHON_HEX_VERSION >> 16 == 0x0303
    static void *syslogfast_sole_state;     /* NULL: not known, or there were others */
    static int64_t syslogfast_sole_interpreter = -1;
    #ifdef Py_GIL_DISABLED
    static PyMutex syslogfast_state_mutex;
    #define SYSLOGFAST_LOCK_STATE() PyMutex_Lock(&syslogfast_state_mutex)
    #define SYSLOGFAST_UNLOCK_STATE() PyMutex_Unlock(&syslogfast_state_mutex)
    #define SYSLOGFAST_LOAD(pointer) __atomic_load_n(&(pointer), __ATOMIC_RELAXED)
    #else
    #define SYSLOGFAST_LOCK_STATE()
    #define SYSLOGFAST_UNLOCK_STATE()
    #define SYSLOGFAST_LOAD(pointer) (pointer)
    #endif
    static PyObject *__Pyx_State_FindModule(void *);
    static __attribute__((cold, noinline)) void *syslogfast_find_state(void) {
        void *state = __Pyx__PyModule_GetState(__Pyx_State_FindModule(NULL));
        SYSLOGFAST_LOCK_STATE();
        if (syslogfast_sole_interpreter >= 0)
            syslogfast_sole_state = state;
        SYSLOGFAST_UNLOCK_STATE();
        return state;
    }
    static inline void *syslogfast_get_state(void) {
        void *state = SYSLOGFAST_LOAD(syslogfast_sole_state);   /* once: it may change */
        return __builtin_expect(state != NULL, 1) ? state : syslogfast_find_state();
    }
    /* Called before an interpreter has any use for a state. */
    static __attribute__((cold, noinline)) void syslogfast_note_interpreter(void) {
        int64_t present = PyInterpreterState_GetID(PyInterpreterState_Get());
        SYSLOGFAST_LOCK_STATE();
        if (syslogfast_sole_interpreter == -1)
            syslogfast_sole_interpreter = present;
        else if (syslogfast_sole_interpreter != present)
            syslogfast_sole_interpreter = -2;   /* never again */
        syslogfast_sole_state = NULL;           /* of one that is going, too */
        SYSLOGFAST_UNLOCK_STATE();
    }
    #define SYSLOGFAST_NOTE_INTERPRETER() syslogfast_note_interpreter()
    #undef __Pyx_PyModule_GetState
    #define __Pyx_PyModule_GetState(module) ((__pyx_mstatetype *)SYSLOGFAST_STATE_OF_##module)
    #define SYSLOGFAST_STATE_OF___Pyx_State_FindModule(definition) syslogfast_get_state()
    /* The garbage collector gets none: no state is ever freed, and during the import it may hold
       types that are not ready, at which that would crash. */
    #define SYSLOGFAST_STATE_OF_m NULL
    #endif
    #else
    #define syslogfast_cold_path()
    #endif

    /* Cython, in this version, finds the module of an interpreter beyond its end: after finalize
       and initialize the next main one, which has the same number, could not import it. What is
       deleted last may still encode, and does not keep the module: so that is never deleted. */
    #if CYTHON_USE_MODULE_STATE && CYTHON_HEX_VERSION >> 16 == 0x0303
    static PyObject *__Pyx_State_FindModule(void *);
    static int __Pyx_State_RemoveModule(void *);
    static void syslogfast_note_end(void);
    static void syslogfast_leave_interpreter(PyObject *capsule) {
        PyObject *module = __Pyx_State_FindModule(NULL);
        (void)capsule;
        if (module == NULL)
            return;
        syslogfast_note_end();
        if (PyInterpreterState_Get() == PyInterpreterState_Main()) {
    #ifdef SYSLOGFAST_NOTE_INTERPRETER
            syslogfast_sole_state = __Pyx__PyModule_GetState(module);   /* by now it is */
    #endif
            __Pyx_State_RemoveModule(NULL);
        }
    }
    static PyObject *syslogfast_make_module(PyObject *name) {
        PyObject *kept = PyInterpreterState_GetDict(PyInterpreterState_Get()); /* to its end */
        PyObject *leave = PyCapsule_New((void *)kept, NULL, syslogfast_leave_interpreter);
        PyObject *module = NULL;
        if (leave && PyDict_SetItem(kept, name, leave) == 0)
            module = PyModule_NewObject(name);
        Py_XDECREF(leave);
        return module;
    }
    #ifdef SYSLOGFAST_NOTE_INTERPRETER
    #define PyModule_NewObject(name) (SYSLOGFAST_NOTE_INTERPRETER(), syslogfast_make_module(name))
    #else
    #define PyModule_NewObject syslogfast_make_module
    #endif
    #endif

    /* A critical section where nothing can raise: without a reference, and nothing with the GIL. */
    #ifdef Py_GIL_DISABLED
    #define SYSLOGFAST_NO_GIL 1
    typedef PyCriticalSection syslogfast_section;
    #define SYSLOGFAST_ENTER(section, object) PyCriticalSection_Begin(section, (PyObject *)(object))
    #define SYSLOGFAST_LEAVE(section) PyCriticalSection_End(section)
    #else
    #define SYSLOGFAST_NO_GIL 0
    typedef char syslogfast_section;
    #define SYSLOGFAST_ENTER(section, object)
    #define SYSLOGFAST_LEAVE(section)
    #endif

    /* An int of one digit, from inside; -1 for any other. */
    #if PY_VERSION_HEX >= 0x030c0000
    #define SYSLOGFAST_READ_SMALL_INT(value) \
        (PyUnstable_Long_IsCompact((PyLongObject *)(value)) \
            ? PyUnstable_Long_CompactValue((PyLongObject *)(value)) : -1)
    #else
    #define SYSLOGFAST_READ_SMALL_INT(value) \
        (Py_SIZE(value) == 1 ? (Py_ssize_t)((PyLongObject *)(value))->ob_digit[0] \
            : Py_SIZE(value) == 0 ? 0 : -1)
    #endif

    #define SYSLOGFAST_GET_VERSION(value) (Py_TYPE(value)->tp_version_tag)

    /* An attribute that is there, if nobody has deleted it; else None. */
    static inline PyObject *syslogfast_read_present(PyObject *record, PyObject *name) {
        PyObject *value = Py_TYPE(record)->tp_getattro(record, name);
        if (value == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            Py_INCREF(Py_None);
            return Py_None;
        }
        return value;
    }

    /* template % args; None if that raises an Exception. */
    static PyObject *syslogfast_try_format(PyObject *template, PyObject *args) {
        PyObject *text = PyUnicode_Format(template, args);
        if (text == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
            PyErr_Clear();
            Py_INCREF(Py_None);
            return Py_None;
        }
        return text;
    }
    """
    void cold_path "syslogfast_cold_path"() nogil
    bint NO_GIL "SYSLOGFAST_NO_GIL"
    ctypedef struct Section "syslogfast_section":
        pass
    void enter "SYSLOGFAST_ENTER"(Section *section, Queue queue)
    void leave "SYSLOGFAST_LEAVE"(Section *section)
    Py_ssize_t read_small_int "SYSLOGFAST_READ_SMALL_INT"(object value)
    object try_format "syslogfast_try_format"(object template, object args)
    object read_present "syslogfast_read_present"(object record, object name)
    const void *get_kind "Py_TYPE"(object value)
    unsigned int get_version "SYSLOGFAST_GET_VERSION"(object value)


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    void *PyUnicode_DATA(object text)
    bint PyUnicode_CheckExact(object text)
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 highest)
    Py_ssize_t MAX_LENGTH "PY_SSIZE_T_MAX"
    PyObject *PySequence_Fast_GET_ITEM(object sequence, Py_ssize_t index)
    Py_ssize_t PySequence_Fast_GET_SIZE(object sequence)
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1


cdef enum:
    NOT_HELD = -1           # the len of a Py_buffer that has nothing to release
    MAX_MSGID = 32          # RFC 5424 6
    MAX_SD_NAME = 32
    SMALL = 1024


include "arguments.pxi"
include "structured_data.pxi"
include "buffer.pxi"


# --- the encoder ---------------------------------------------------------------------------------

def format_timestamp(time_ns=None, *, protocol="rfc5424", local_time=None, precision=6):
    """Return the TIMESTAMP field of a record.

    `time_ns` is in nanoseconds since the epoch; None reads the clock. `protocol` is "rfc5424"
    (RFC 5424 6.2.3), "rfc3164" or "local" (RFC 3164 4.1.2). `local_time` None means UTC for
    RFC 5424 and local time for the others. `precision` is the number of digits after the
    second, 0 to 6; what is beyond is cut off, not rounded. A time outside the years 0001 to
    9999, NaN and the infinities give "-" in RFC 5424 and the present time in the others.

    TypeError: `time_ns` or `precision` is not an int. ValueError: `protocol` or `precision` is
    not one of those above.

    >>> format_timestamp(1_065_910_455_003_000_000)
    '2003-10-11T22:14:15.003000Z'
    >>> format_timestamp(1_065_910_455_003_000_000, precision=0)
    '2003-10-11T22:14:15Z'
    >>> format_timestamp(1_065_910_455_003_000_000, protocol="rfc3164", local_time=False)
    'Oct 11 22:14:15'
    """
    cdef Layout layout
    cdef Timestamp timestamp
    cdef char[MAX_TIMESTAMP] text
    cdef char *end
    if protocol not in PROTOCOLS:
        cold_path()
        check_choice("protocol", protocol, PROTOCOLS)
    layout.precision = read_precision(precision)
    layout.is_rfc5424 = <bint>(protocol == "rfc5424")
    layout.local_time = not layout.is_rfc5424
    if local_time is not None:
        layout.local_time = <bint>local_time
    read_time(time_ns, &timestamp)
    end = write_timestamp_apart(text, &layout, &timestamp)
    return text[:end - text].decode("ascii")


cdef char *write_timestamp_apart "syslogfast_write_timestamp_apart"(
    char *dst, const void *layout, const void *timestamp
) noexcept nogil:
    """What write_timestamp does; a Layout and a Timestamp. The 0.8 KB are here only once."""
    return write_timestamp(dst, <const Layout *>layout, <const Timestamp *>timestamp)


cdef class Encoder:
    """Encoder(*, protocol='rfc5424', facility='user', hostname=None, app_name=None, procid=None,
    msgid=None, structured_data=None, framing=None, local_time=None, precision=6,
    controls='escape', bom=False, max_size=None, prefix=b'', attributes=None)
--

    Turns messages of one identity into syslog records.

    All that is constant is rendered here, once; an encoder never changes and may be shared by
    any number of threads.

    protocol: "rfc5424", "rfc3164", or "local", which is what syslog(3) writes to /dev/log:
        RFC 3164 without HOSTNAME. Neither of the last two has a place for MSGID,
        STRUCTURED-DATA and BOM: there, they are left out.
    facility: 0 to 23, a Facility, or a keyword such as "local0" (RFC 5424 6.2.1).
    hostname, app_name, procid: str; procid may be an int. None: this host, this program, this
        process. Octets that the field cannot hold become "_", the excess is cut off, and
        nothing at all becomes "-" (RFC 5424 6.2.4 to 6.2.6).
    msgid: str, treated likewise; None: "-" (RFC 5424 6.2.7).
    structured_data: {sd_id: {name: value}}, or {sd_id: [(name, value), ...]} to repeat a name,
        with values of any type, written as by str(); or bytes that are already rendered, which
        are trusted (RFC 5424 6.3).
    framing: None for datagrams; "octet" puts the octet count before the record (RFC 6587
        3.4.1, RFC 5425 4.3); "lf" and "nul" put that delimiter after it (RFC 6587 3.4.2).
    local_time: None means UTC for RFC 5424 and local time for the others.
    precision: digits after the second in RFC 5424, 0 to 6.
    controls: "escape" writes control characters as "#ooo", in octal, one for each octet;
        "keep" leaves them, but for the delimiter of the framing.
    bom: True puts a BOM before the message, to state that it is UTF-8 (RFC 5424 6.4).
    max_size: the most bytes of a record, from the prefix to the end of the message; None: 1024
        for RFC 3164 (its section 4.1), 8192 for the others. The message is cut, at a character;
        if that is not enough, the record's own STRUCTURED-DATA is left out, then all of it.
    prefix: bytes before the record, such as a log service's token.
    attributes: {sd_id: {name: attribute}}, what `encode_record` takes from a LogRecord into
        structured data; an attribute that a record lacks, or that is None, is left out.

    TypeError: an argument of the wrong kind. ValueError: one that is out of its range.

    >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42)
    >>> encoder.encode("info", "sold out", time_ns=1_065_910_455_003_000_000)
    b'<14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out'
    """

    def __init__(
        self,
        *,
        protocol="rfc5424",
        facility="user",
        hostname=None,
        app_name=None,
        procid=None,
        msgid=None,
        structured_data=None,
        framing=None,
        local_time=None,
        precision=6,
        controls="escape",
        bom=False,
        max_size=None,
        prefix=b"",
        attributes=None,
    ):
        # Made here, and taken over at the end as a whole: what runs meanwhile sees all or nothing.
        cdef Layout layout
        cdef Scratch scratch
        cdef Py_ssize_t[10] numbers
        cdef Py_ssize_t i = 0, given = -1, process
        cold_path()
        memset(&layout, 0, sizeof(Layout))
        if self.text is not None:
            reject_change()
        settings = Settings(
            protocol, facility, hostname, app_name, procid, msgid, structured_data, framing,
            local_time, precision, controls, bom, max_size, prefix, attributes,
        )
        for number in <tuple?>settings.list_numbers():
            numbers[i] = number
            i += 1
        layout.is_rfc5424 = numbers[9] > 0
        layout.lowest_priority = numbers[0]
        for i in range(8):
            # "<n>", and "1 " after it in RFC 5424
            layout.priority_sizes[i] = 2 + count_digits(layout.lowest_priority + i)
            layout.priority_sizes[i] += 2 * layout.is_rfc5424
        layout.precision = numbers[1]
        layout.local_time = numbers[2]
        layout.framing = numbers[3]
        layout.rules = <Py_ssize_t>(0, 0, ESCAPE_LF, ESCAPE_NUL, ESCAPE_CONTROLS)[numbers[4]]
        layout.max_size = numbers[5]
        layout.prefix_size = numbers[7]
        layout.identity_size = numbers[8]
        layout.separator_size = numbers[9]
        elements = b""
        if isinstance(structured_data, bytes):
            elements = b"".join([structured_data])
            if elements == b"-":
                elements = b""
        elif structured_data is not None:
            # What is too long for a record is never written: it need not be kept, either.
            open_scratch(&scratch, layout.max_size)
            try:
                render_elements(structured_data, layout.rules | ESCAPE_PARAM, &scratch)
                if not scratch.overflows:
                    elements = PyBytes_FromStringAndSize(scratch.elements, scratch.size)
            finally:
                close_scratch(&scratch)
        if len(elements) > layout.max_size:
            elements = b""
        tail = <bytes?>settings.fields.encode()
        if layout.is_rfc5424:
            tail += b"%b %b%b" % (settings.msgid.encode(), elements or b"-", settings.lead)
            layout.msgid_size = len(<str?>settings.msgid)
            layout.elements_size = len(elements)
        text = <bytes?>settings.start + tail
        layout.text = text
        layout.suffix_size = len(tail)
        if layout.is_rfc5424 and not layout.local_time:
            layout.plain_size = layout.prefix_size + 20 + layout.suffix_size
            layout.plain_size += layout.precision + 1 if layout.precision else 0
        if layout.is_rfc5424:
            given = <Py_ssize_t>read_back(settings.names, settings.fields)
        names = settings.names if given < 0 else None
        process = <Py_ssize_t>system.getpid() if procid is None else -1
        options = settings.options
        with cython.critical_section(self):
            if self.text is not None:
                reject_change()
            self.text = text
            self.options = options
            self.given = given
            self.names = names
            self.identity_space = numbers[6]
            self.process = process
            self.is_ascii = <bint>text.isascii()
            self.reads_attributes = attributes is not None
            self.layout = layout

    def encode(self, severity, message, *, time_ns=None, msgid=None, structured_data=None):
        """Return one record, framed.

        `severity` is 0 to 7, a Severity, or a keyword such as "err". `message` is a str or a
        buffer that holds UTF-8; what is ill-formed in it, lone surrogates too, becomes U+FFFD.
        `time_ns` is in nanoseconds since the epoch; None reads the clock. `msgid` replaces the
        encoder's; `structured_data` replaces its elements of the same SD-ID and joins the rest.

        TypeError: an argument of the wrong kind. ValueError: a severity, SD-ID or PARAM-NAME
        that is out of its range.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="octet")
        >>> encoder.encode(6, "sold\\nout", time_ns=0, structured_data={"a@1": {"n": '"'}})
        b'73 <14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - [a@1 n="\\\\""] sold#012out'
        """
        cdef Timestamp timestamp
        cdef Span text
        cdef int code = read_severity(severity)
        cdef Py_ssize_t size
        read_time(time_ns, &timestamp)
        if msgid is None and structured_data is None and has_octets(message, &text):
            size = measure_plain_record(&self.layout, code, &timestamp, text)
            if size:
                result = PyBytes_FromStringAndSize(NULL, measure_frame(&self.layout, size))
                write_plain_record(
                    PyBytes_AS_STRING(result), &self.layout, code, &timestamp, text, size
                )
                return result
        return encode_any(self, code, message, &timestamp, msgid, structured_data)

    def encode_into(
        self, buffer, severity, message, offset=0, *, time_ns=None, msgid=None, structured_data=None
    ):
        """Write one record, framed, into `buffer` at `offset` and return where it ends.

        A bytearray grows as needed; any other writable, contiguous buffer must have room. What
        follows the record stays as it is, and so does the whole buffer when the call fails.
        The other arguments are those of `encode`.

        TypeError: an argument of the wrong kind. ValueError: `offset` is outside the buffer, or
        as in `encode`. BufferError: no space, or a bytearray that cannot grow while it is
        exported.

        >>> buffer = bytearray()
        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="lf")
        >>> end = encoder.encode_into(buffer, "info", "opened", time_ns=0)
        >>> end = encoder.encode_into(buffer, "info", "closed", end, time_ns=0)
        >>> end, buffer[:55]
        (116, bytearray(b'<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - open'))
        """
        cdef Timestamp timestamp
        cdef Span text
        cdef int code = read_severity(severity)
        cdef Py_ssize_t size, frame_size, start
        cdef char *dst
        read_time(time_ns, &timestamp)
        if (
            msgid is None and structured_data is None
            and PyByteArray_Check(buffer) and has_octets(message, &text)
        ):
            size = measure_plain_record(&self.layout, code, &timestamp, text)
            if size:
                start = read_offset(offset, PyByteArray_GET_SIZE(buffer))
                frame_size = measure_frame(&self.layout, size)
                end = <object>(start + frame_size)  # what can fail comes before the first octet
                if not NO_GIL:  # even a section that compiles to nothing takes 3 ns
                    dst = make_space(buffer, NULL, start, frame_size)
                    write_plain_record(dst, &self.layout, code, &timestamp, text, size)
                    return end
                with cython.critical_section(buffer):
                    dst = make_space(buffer, NULL, start, frame_size)
                    write_plain_record(dst, &self.layout, code, &timestamp, text, size)
                return end
        return encode_any_into(
            self, buffer, code, message, offset, &timestamp, msgid, structured_data
        )

    def encode_many_into(self, buffer, severity, messages, offset=0, *, time_ns=None):
        """Write a record for each message of a list or tuple, one after the other.

        Return where the last one ends and how many fitted: all of them in a bytearray, which
        grows; in any other buffer those that have room. All have the same time; None reads the
        clock once. The other arguments, and the errors, are those of `encode_into`.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="lf")
        >>> encoder.encode_many_into(memoryview(bytearray(120)), "info", ["a", "b", "c"])
        (106, 2)
        """
        cdef Timestamp timestamp
        cdef Py_buffer view
        cdef Batch batch
        cdef bint grows
        cdef char *dst
        cdef Py_ssize_t start, size, space
        cdef int code = read_severity(severity)
        check_ready(self)
        read_time(time_ns, &timestamp)
        if not self.layout.is_rfc5424 and not is_writable(&timestamp, self.layout.local_time):
            read_clock(&timestamp)  # RFC 3164 has no NILVALUE: it is the present time, for all
            time_ns = None
        if not isinstance(messages, (list, tuple)):
            cold_path()
            reject_messages(messages)
        if NO_GIL:
            messages = tuple(messages)  # it is read twice, and the same has to be in it
        view.len = NOT_HELD
        size = open_buffer(buffer, &view)
        try:
            start = read_offset(offset, size)
            grows = view.len == NOT_HELD
            space = MAX_LENGTH if grows else size - start
            if not are_safe(&self.layout, messages, space):
                return encode_long_way(self, buffer, severity, messages, start, time_ns, &timestamp)
            batch = write_many(&self.layout, code, messages, &timestamp, NULL, space)
            result = (start + batch.size, batch.count)  # what can fail comes before the first octet
            with cython.critical_section(buffer):
                dst = make_space(buffer, &view, start, batch.size)
                write_many(&self.layout, code, messages, &timestamp, dst, batch.size)
            return result
        finally:
            release(&view)

    def encode_record(self, record, message=None):
        """Return one record, framed, that says what a logging.LogRecord says.

        Its message comes with its exception and stack; `message` stands for all three. It has
        the record's own time and, unless `procid` was given, the record's own process. A level
        is of the severity whose level it reaches: 10 debug, 20 info, 25 notice, 30 warning, 40
        err, 50 crit, 60 alert, 70 emerg. `record.msgid` and `record.structured_data`, which
        `extra` sets, are those of `encode`.

        Nothing in a record raises an Exception: arguments that do not fit, or a `__str__` that
        raises, are named in the text, and wrong names of structured data are made to fit.

        >>> import logging
        >>> record = logging.makeLogRecord({"msg": "%d sold", "args": (3,), "levelno": 25})
        >>> record.created = 1_065_910_455.003
        >>> Encoder(hostname="web1", app_name="shop", procid=42).encode_record(record)
        b'<13>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - 3 sold'
        """
        return encode_log_record(self, record, message, AS_BYTES)

    def header(self, severity, *, time_ns=None, msgid=None, structured_data=None):
        """Return all that precedes the message: prefix, header, STRUCTURED-DATA, SP and BOM.

        It is for writing a long message without copying it, by `os.writev` or `socket.sendmsg`.
        The caller then sees to the framing, the size and what is in the message. The arguments
        and errors are those of `encode`.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42)
        >>> encoder.header("info", time_ns=0)
        b'<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - '
        """
        cdef Record record
        cdef Scratch scratch
        cdef Py_ssize_t lead = self.layout.separator_size
        check_ready(self)
        open_scratch(&scratch, self.layout.max_size)
        try:
            record.severity = read_severity(severity)
            read_time(time_ns, &record.timestamp)
            read_own_fields(&self.layout, &record, &scratch, msgid, structured_data)
            size = measure_header(&self.layout, &record, self.layout.max_size - lead)
            result = PyBytes_FromStringAndSize(NULL, size)
            write_header(PyBytes_AS_STRING(result), &self.layout, &record, lead)
            return result
        finally:
            close_scratch(&scratch)

    def replace(self, **changes):
        """Return another encoder with these options changed.

        >>> Encoder(hostname="web1", app_name="shop", procid=1).replace(app_name="till", procid=2)
        Encoder(protocol='rfc5424', facility='user', hostname='web1', app_name='till', procid=2)
        """
        cold_path()
        check_ready(self)
        sibling = type(self)(**dict(list_options(self), **changes))
        for name in changes:
            if name not in IDENTITY:
                return sibling
        (<Encoder?>sibling).options = self.options  # 10,000 siblings share what they can
        return sibling

    @property
    def max_size(self):
        """The most bytes that a record can have, without octet count and delimiter."""
        cold_path()
        check_ready(self)
        return self.layout.max_size

    def __reduce__(self):
        """Copies and pickles hold the options: where they are read, all is rendered anew."""
        cold_path()
        check_ready(self)
        return reduce_options(type(self), list_options(self))

    def __repr__(self):
        """Prefix and structured data stay out of it: they may hold a token."""
        cold_path()
        check_ready(self)
        return describe_options(type(self), list_options(self))

    def _list_options(self):
        """Return all options as they were given."""
        check_ready(self)
        return list_options(self)


cdef tuple list_names(Encoder encoder):
    """Return hostname, app_name and procid as they were given."""
    cdef const Layout *layout = &encoder.layout
    cold_path()
    if encoder.names is not None:
        return encoder.names
    fields = encoder.text[layout.prefix_size:layout.prefix_size + layout.identity_size]
    return restore_names(encoder.given, fields.decode())


cdef dict list_options(Encoder encoder):
    """Return all options as they were given."""
    cold_path()
    return dict(zip(IDENTITY, list_names(encoder)), **encoder.options)


cdef object encode_long_way(
    Encoder encoder, object buffer, severity, messages, Py_ssize_t start, time_ns, Timestamp *timestamp
):
    """Encode all that fit before the first is written: the buffer may be one of the messages."""
    cdef Py_buffer view
    cdef Py_ssize_t space, size
    cold_path()
    view.len = NOT_HELD
    space = open_buffer(buffer, &view) - start
    try:
        if time_ns is None:
            time_ns = <object>timestamp.seconds * 1_000_000_000 + timestamp.nanoseconds
        grows = PyByteArray_Check(buffer)
        from syslogfast._batch import encode_each  # cold_path needed

        data, count = encode_each(encoder, severity, messages, time_ns, None if grows else space)
        size = PyBytes_GET_SIZE(data)
        result = (start + size, count)
        with cython.critical_section(buffer):
            memcpy(make_space(buffer, &view, start, size), PyBytes_AS_STRING(data), size)
        return result
    finally:
        release(&view)


cdef inline int check_ready(Encoder encoder) except -1:
    """Refuse what `Encoder.__new__` alone has made; it has no plain_size, so it comes here."""
    if encoder.text is None:
        cold_path()
        reject_unready()
    return 0


cdef object encode_any(
    Encoder encoder,
    int severity,
    object message,
    const Timestamp *timestamp,
    object msgid,
    object structured_data,
):
    cdef Record record
    cdef Scratch scratch
    cdef Py_buffer view
    cdef Layout *layout = &encoder.layout
    check_ready(encoder)
    view.len = NOT_HELD
    open_scratch(&scratch, layout.max_size)
    try:
        record.severity = severity
        record.timestamp = timestamp[0]
        read_own_fields(layout, &record, &scratch, msgid, structured_data)
        message = read_body(layout, &record, message, &view)
        measure_record(layout, &record)
        result = PyBytes_FromStringAndSize(NULL, record.frame_size)
        write_record(PyBytes_AS_STRING(result), layout, &record)
        return result
    finally:
        close_scratch(&scratch)
        release(&view)


cdef object encode_any_into(
    Encoder encoder,
    object buffer,
    int severity,
    object message,
    object offset,
    const Timestamp *timestamp,
    object msgid,
    object structured_data,
):
    cdef Record record
    cdef Scratch scratch
    cdef Py_buffer view, destination
    cdef Py_ssize_t start
    cdef char *dst
    cdef Layout *layout = &encoder.layout
    check_ready(encoder)
    view.len = NOT_HELD
    destination.len = NOT_HELD
    open_scratch(&scratch, layout.max_size)
    try:
        record.severity = severity
        record.timestamp = timestamp[0]
        read_own_fields(layout, &record, &scratch, msgid, structured_data)
        if not NO_GIL and message is buffer and PyByteArray_Check(buffer):
            # It cannot grow while it is read.
            message = bytes(message)
        message = read_body(layout, &record, message, &view)
        start = read_offset(offset, open_buffer(buffer, &destination))
        measure_record(layout, &record)
        end = <object>(start + record.frame_size)  # what can fail comes before the first octet
        with cython.critical_section(buffer):
            dst = make_space(buffer, &destination, start, record.frame_size)
            if view.len != NOT_HELD and overlap(dst, record.frame_size, record.message):
                message = PyBytes_FromStringAndSize(record.message.start, record.message.size)
                record.message.start = PyBytes_AS_STRING(message)
            write_record(dst, layout, &record)
        return end
    finally:
        close_scratch(&scratch)
        release(&view)
        release(&destination)


include "log_record.pxi"
include "transports/_queue_c.pxi"
include "emitter.pxi"
include "fatal_signals.pxi"
include "capi.pxi"
