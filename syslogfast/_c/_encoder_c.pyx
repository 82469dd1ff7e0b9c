# cython: binding=False, autotestdict=False, auto_pickle=False
# cython: embedsignature=True, embedsignature.format=clinic, subinterpreters_compatible=own_gil
# cython: freethreading_compatible=True
# The encoder in C: the bytes and the errors are those of `_encoder_py.py`, the specification.
#
# What runs for every record is in the `.pxd` files that are imported here, without objects and
# without the GIL: _digits, _timestamp, _text and _record. This file takes Python's objects apart
# for it, without making new ones but for the result; so do the `.pxi` files, which it includes
# because a module of its own costs each of them 36 KB before its first line.

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
from cpython.dict cimport PyDict_CheckExact, PyDict_GetItem, PyDict_Update
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_Check, PyLong_CheckExact
from cpython.object cimport PyObject, PyObject_Size
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.sequence cimport PySequence_GetItem
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.tuple cimport PyTuple_GET_SIZE
from cpython.unicode cimport (
    PyUnicode_Check,
    PyUnicode_DecodeUTF8,
    PyUnicode_GET_LENGTH,
)
from libc.math cimport llrint
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memmove, memset, strlen

from syslogfast._c.digits cimport count_digits, follow, write_decimal
from syslogfast._c.encode cimport MAX_TIMESTAMP, encode_plain, fill_record, write_timestamp
from syslogfast._c.forks cimport add, at_work, forks, start_counting_forks
from syslogfast._c.record cimport (
    DATAGRAM,
    Layout,
    Record,
    Span,
    close_frame,
    get_elements,
    get_enterprise_id,
    get_msgid,
    measure_constant_header,
    measure_frame,
    measure_header,
    measure_plain_record,
    measure_record,
    open_frame,
    starts_with_bom,
    write_bytes,
    write_header,
    write_plain_record,
    write_plain_rest,
    write_priority,
    write_record,
)
from syslogfast._c.signals cimport (
    EAGAIN,
    MSG_DONTWAIT,
    errno,
    poll,
    raise_signal,
    recv,
    send_segments,
)
from syslogfast._c.text cimport (
    ESCAPE_CONTROLS,
    ESCAPE_LF,
    ESCAPE_NUL,
    ESCAPE_PARAM,
    LATIN_1,
    PLAIN_UTF8,
    REPAIR_UTF8,
    UCS_2,
    UCS_4,
    Measure,
    measure_text,
    write_text,
)
from syslogfast._c.timestamp cimport (
    MAX_SECONDS,
    MIN_SECONDS,
    Timestamp,
    is_writable,
    read_clock,
    write_rfc5424_timestamp,
)
from syslogfast._c.units cimport copy_text
from syslogfast._validation import (
    check_choice,
    check_field,
    check_precision,
    check_queue_bytes,
    complete_sd_id,
    check_severity,
    find_option,
    is_float_without_time,
    read_bytes,
    read_int,
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
    name_element,
    reduce_options,
    remove_domain,
    restore_names,
)
from syslogfast._platform import catch_up_with_fork, system, watch_forks
from syslogfast.constants import (
    EMIT_OPTIONS,
    FIELDS,
    IDENTITY,
    PROTOCOLS,
    REGISTERED_SD_IDS,
)


cdef extern from "cython_internals.h":
    void cold_path "syslogfast_cold_path"() nogil
    bint swap "SYSLOGFAST_SWAP"(Py_ssize_t *address, Py_ssize_t before, Py_ssize_t after) nogil
    ctypedef struct Place "syslogfast_place":
        const void *plain_kind
        unsigned int plain_version
    Place *get_place "syslogfast_get_place"()


cdef extern from *:
    """
    /* A critical section where nothing can raise: without a reference, and nothing with the GIL. */
    #ifdef Py_GIL_DISABLED
    #define SYSLOGFAST_NO_GIL 1
    typedef PyCriticalSection syslogfast_section;
    #define SYSLOGFAST_ENTER(section, object) PyCriticalSection_Begin(section, (PyObject *)(object))
    #define SYSLOGFAST_LEAVE(section) PyCriticalSection_End(section)
    #else
    #define SYSLOGFAST_NO_GIL 0
    typedef char syslogfast_section;
    #define SYSLOGFAST_ENTER(section, object) ((void)(section))
    #define SYSLOGFAST_LEAVE(section) ((void)(section))
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

    /* An attribute that most records lack; else None. */
    #if PY_VERSION_HEX < 0x030d0000
    #define PyObject_GetOptionalAttr _PyObject_LookupAttr
    #endif
    static inline PyObject *syslogfast_find_attribute(PyObject *record, PyObject *name) {
        PyObject *value;
        if (PyObject_GetOptionalAttr(record, name, &value) < 0)
            return NULL;
        if (value == NULL) {
            Py_INCREF(Py_None);
            return Py_None;
        }
        return value;
    }

    /* What an encoder's header_attributes find for a field in a record: the first attribute that is
       there and is not None; else `other`. */
    static PyObject *syslogfast_find_field(
        PyObject *record, PyObject *attributes, PyObject *field, PyObject *other
    ) {
        PyObject *value;
        PyObject *names = PyDict_GetItem(attributes, field);
        Py_ssize_t i;
        for (i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
            if (PyObject_GetOptionalAttr(record, PyTuple_GET_ITEM(names, i), &value) < 0) {
                if (!PyErr_ExceptionMatches(PyExc_Exception))
                    return NULL;
                PyErr_Clear();
            }
            if (value != NULL && value != Py_None)
                return value;
            Py_XDECREF(value);
        }
        return Py_NewRef(other);
    }

    /* Whether the keys of a dict are str, which run no code when they are compared. */
    static int syslogfast_has_plain_keys(PyObject *elements) {
        PyObject *key;
        Py_ssize_t position = 0;
        int is_plain = 1;
        syslogfast_section section;
        (void)section;
        SYSLOGFAST_ENTER(&section, elements);
        while (is_plain && PyDict_Next(elements, &position, &key, NULL))
            is_plain = PyUnicode_CheckExact(key);
        SYSLOGFAST_LEAVE(&section);
        return is_plain;
    }

    /* Whether a plain record has an attribute of its own in place of its class's method. */
    #if PY_VERSION_HEX >= 0x030d0000
    PyAPI_FUNC(int) _PyObject_GetMethod(PyObject *record, PyObject *name, PyObject **method);
    #endif
    static inline int syslogfast_hides_method(PyObject *record, PyObject *name) {
        PyObject *method = NULL;
        int is_class_method = _PyObject_GetMethod(record, name, &method);
        if (method == NULL)
            return -1;
        Py_DECREF(method);
        return !is_class_method;
    }
    """
    bint NO_GIL "SYSLOGFAST_NO_GIL"
    ctypedef struct Section "syslogfast_section":
        pass
    void enter "SYSLOGFAST_ENTER"(Section *section, Queue queue)
    void leave "SYSLOGFAST_LEAVE"(Section *section)
    Py_ssize_t read_small_int "SYSLOGFAST_READ_SMALL_INT"(object value)
    object find_attribute "syslogfast_find_attribute"(object record, object name)
    bint hides_method "syslogfast_hides_method"(object record, object name) except -1
    object read_present "syslogfast_read_present"(object record, object name)
    object find_field "syslogfast_find_field"(
        object record, object attributes, object field, object other
    )
    bint has_plain_keys "syslogfast_has_plain_keys"(object elements)
    const void *get_kind "Py_TYPE"(object value)
    unsigned int get_version "SYSLOGFAST_GET_VERSION"(object value)


cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_UCS4 PyUnicode_READ_CHAR(object text, Py_ssize_t index)
    void *PyUnicode_DATA(object text)
    int PyUnicode_KIND(object text)
    bint PyUnicode_CheckExact(object text)
    bint PyBool_Check(object value)
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 highest)
    Py_ssize_t MAX_LENGTH "PY_SSIZE_T_MAX"
    PyObject *PySequence_Fast_GET_ITEM(object sequence, Py_ssize_t index)
    Py_ssize_t PySequence_Fast_GET_SIZE(object sequence)
    long PyLong_AsLong(object value) except? -1
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1
    int Py_DTSF_ADD_DOT_0
    char *PyOS_double_to_string(double value, char code, int precision, int flags, int *type)
    const char *as_utf8 "PyUnicode_AsUTF8AndSize"(PyObject *text, Py_ssize_t *size)
    str PyUnicode_Format(object template, object args)
    bint PyMapping_Check(object value)
    void PyErr_Clear()
    bint PyList_CheckExact(object value)
    bint PyTuple_CheckExact(object value)


cdef enum:
    NOT_HELD = -1           # the len of a Py_buffer that has nothing to release
    MAX_MSGID = 32          # RFC 5424 6
    MAX_SD_NAME = 32
    SMALL = 1024
    TEXT_SPACE = 8192       # of one text as UTF-8, on the stack: more than most records may have


include "severity.pxi"
include "arguments.pxi"
include "structured_data.pxi"
include "buffer.pxi"
include "encoder.pxi"
include "encode_any.pxi"
include "own_fields.pxi"
include "template.pxi"
include "log_record.pxi"
include "block.pxi"
include "block_records.pxi"
include "ring.pxi"
include "queue.pxi"
include "sending.pxi"
include "sequence.pxi"
include "emitter.pxi"
include "fields.pxi"
include "levels.pxi"
include "capi.pxi"


# At the end of an interpreter: others may have objects at the addresses of its own.
cdef void note_end "syslogfast_note_end"() noexcept:
    forget_plain_kind()
