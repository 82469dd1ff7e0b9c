# The encoder from plain C: a table of functions in a capsule; syslogfast.h describes it.

from cpython.pycapsule cimport PyCapsule_New


cdef enum:
    MAX_NANOSECONDS = 999_999_999


cdef extern from "syslogfast.h":
    const char *SYSLOGFAST_API_NAME

    ctypedef struct ApiLayout "syslogfast_layout":
        pass

    ctypedef struct ApiTime "syslogfast_time":
        int64_t seconds
        uint32_t nanoseconds

    ctypedef struct ApiSpan "syslogfast_span":
        const char *start
        Py_ssize_t size

    ctypedef struct ApiRecord "syslogfast_record":
        ApiTime time
        uint8_t severity
        ApiSpan message
        ApiSpan msgid
        ApiSpan elements


# A constant of C: the interpreters of a process share it.
cdef extern from *:
    """
    static const syslogfast_layout *syslogfast_share_layout(PyObject *);
    static void syslogfast_share_clock(syslogfast_time *);
    static Py_ssize_t syslogfast_share_encode(
        char *, Py_ssize_t, const syslogfast_layout *, const syslogfast_record *);
    static Py_ssize_t syslogfast_share_header(
        char *, Py_ssize_t, const syslogfast_layout *, const syslogfast_record *);
    static Py_ssize_t syslogfast_share_timestamp(
        char *, const syslogfast_layout *, const syslogfast_time *);
    static const syslogfast_api syslogfast_table = {
        SYSLOGFAST_API_VERSION, sizeof(syslogfast_api), syslogfast_share_layout,
        syslogfast_share_clock, syslogfast_share_encode, syslogfast_share_header,
        syslogfast_share_timestamp
    };
    """
    const void *table "(&syslogfast_table)"


cdef const Layout *get_layout(object encoder) except NULL:
    cold_path()
    check_ready(<Encoder?>encoder)
    return &(<Encoder>encoder).layout


cdef const ApiLayout *share_layout "syslogfast_share_layout"(object encoder) except NULL:
    return <const ApiLayout *>get_layout(encoder)


cdef void share_clock "syslogfast_share_clock"(ApiTime *time) noexcept nogil:
    cdef Timestamp timestamp
    read_clock(&timestamp)
    time.seconds = timestamp.seconds
    time.nanoseconds = timestamp.nanoseconds


cdef inline Timestamp take_time(const ApiTime *time) noexcept nogil:
    cdef Timestamp timestamp
    timestamp.seconds = time.seconds
    timestamp.nanoseconds = min(time.nanoseconds, <uint32_t>MAX_NANOSECONDS)
    timestamp.offset = 0
    timestamp.has_offset = False
    timestamp.known = MIN_SECONDS - 86400 <= time.seconds <= MAX_SECONDS + 86400
    return timestamp


cdef void take_record(
    Record *record, const Layout *layout, const ApiRecord *shared
) noexcept nogil:
    cdef Timestamp timestamp = take_time(&shared.time)
    fill_record(
        record, shared.severity & 7, &timestamp, shared.message.start, shared.message.size
    )
    if not shared.msgid.size and not shared.elements.size:
        return
    record.is_own = True
    record.msgid = get_msgid(layout)
    if shared.msgid.size:
        record.msgid.start = shared.msgid.start
        record.msgid.size = min(shared.msgid.size, MAX_MSGID)
    record.constant_elements = get_elements(layout)
    record.elements.start = shared.elements.start
    record.elements.size = shared.elements.size


cdef Py_ssize_t encode_apart "syslogfast_encode_apart"(
    char *dst, Py_ssize_t capacity, const void *shared_layout, const void *shared
) noexcept nogil:
    """What share_encode does for a record that is not plain; alone it has less to save."""
    cdef const Layout *layout = <const Layout *>shared_layout
    cdef Record record
    take_record(&record, layout, <const ApiRecord *>shared)
    measure_record(layout, &record)
    if record.frame_size <= capacity:
        write_record(dst, layout, &record)
    return record.frame_size


cdef Py_ssize_t share_encode "syslogfast_share_encode"(
    char *dst, Py_ssize_t capacity, const ApiLayout *layout, const ApiRecord *shared
) noexcept nogil:
    cdef Timestamp timestamp
    cdef Span message
    cdef Py_ssize_t size = 0
    if not shared.msgid.size and not shared.elements.size:
        timestamp.seconds = shared.time.seconds
        timestamp.nanoseconds = min(shared.time.nanoseconds, <uint32_t>MAX_NANOSECONDS)
        timestamp.has_offset = False
        timestamp.known = True  # encode_plain takes no other
        message.start = shared.message.start
        message.size = shared.message.size
        size = encode_plain(
            dst, capacity, <const Layout *>layout, shared.severity & 7, &timestamp, message
        )
    return size or encode_apart(dst, capacity, layout, shared)


cdef Py_ssize_t share_header "syslogfast_share_header"(
    char *dst, Py_ssize_t capacity, const ApiLayout *shared_layout, const ApiRecord *shared
) noexcept nogil:
    cdef const Layout *layout = <const Layout *>shared_layout
    cdef Record record
    cdef Py_ssize_t size
    take_record(&record, layout, shared)
    size = measure_header(layout, &record, layout.max_size - layout.separator_size)
    if size <= capacity:
        write_header(dst, layout, &record, layout.separator_size)
    return size


cdef Py_ssize_t share_timestamp "syslogfast_share_timestamp"(
    char *dst, const ApiLayout *layout, const ApiTime *time
) noexcept nogil:
    cdef Timestamp timestamp = take_time(time)
    return write_timestamp_apart(dst, layout, &timestamp) - dst


C_API = PyCapsule_New(<void *>table, SYSLOGFAST_API_NAME, NULL)
