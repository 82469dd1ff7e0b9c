# From Python's objects to what a Record points to: message, MSGID, STRUCTURED-DATA, time, severity.

# The structured data and MSGID of one record, on the caller's stack while they are small.
cdef struct Scratch:
    char *elements
    Py_ssize_t size
    Py_ssize_t space
    Py_ssize_t limit        # max_size: what goes beyond it is not going to be written
    bint overflows
    Span enterprise_id      # for SD-IDs without a number
    char[SMALL] small
    char[MAX_MSGID] msgid


cdef inline void open_scratch(Scratch *scratch, const Layout *layout) noexcept:
    scratch.elements = scratch.small
    scratch.size = 0
    scratch.space = SMALL
    scratch.limit = layout.max_size
    scratch.overflows = False
    scratch.enterprise_id = get_enterprise_id(layout)


cdef inline void close_scratch(Scratch *scratch) noexcept:
    if scratch.elements != scratch.small:
        PyMem_Free(scratch.elements)


cdef char *reserve(Scratch *scratch, Py_ssize_t size) except? NULL:
    """Return where `size` octets may be written; NULL, without an error, beyond the limit."""
    cdef char *larger
    cdef char *dst
    cdef Py_ssize_t space
    if scratch.overflows or scratch.size + size > scratch.limit:
        scratch.overflows = True
        return NULL
    if scratch.size + size > scratch.space:
        space = min(max(2 * scratch.space, scratch.size + size), scratch.limit)
        larger = <char *>PyMem_Malloc(space)
        if larger == NULL:
            raise MemoryError
        memcpy(larger, scratch.elements, scratch.size)
        close_scratch(scratch)
        scratch.elements = larger
        scratch.space = space
    dst = scratch.elements + scratch.size
    scratch.size += size
    return dst


cdef int append(Scratch *scratch, const char *src, Py_ssize_t size) except -1:
    cdef char *dst = reserve(scratch, size)
    if dst != NULL:
        memcpy(dst, src, size)
    return 0


cdef str read_text(Span text):
    return text.start[:text.size].decode("ascii")


cdef int point_to_str(object text, Span *span) noexcept:
    """Point `span` to a str, and return how that keeps its characters."""
    span.start = <const char *>PyUnicode_DATA(text)
    span.size = PyUnicode_GET_LENGTH(text)
    if PyUnicode_IS_ASCII(text):
        return 0
    if PyUnicode_KIND(text) == 1:
        return LATIN_1
    return UCS_2 if PyUnicode_KIND(text) == 2 else UCS_4


cdef bint copy_plain(object text, char *space, Span *span) noexcept:
    """Write a str as UTF-8 into TEXT_SPACE octets, and point to that.

    False if it may be longer, or if something in it has to be escaped.
    """
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text)
    cdef int width = PyUnicode_KIND(text)
    if size * (width + 1) > TEXT_SPACE:     # no character becomes more octets
        return False
    size = copy_text(space, TEXT_SPACE, PyUnicode_DATA(text), size, width)
    if size:
        span.start = space
        span.size = size
    return size > 0


cdef object read_message(Record *record, object message, Py_buffer *view, char *space):
    """Point the record to a message. Return what must be kept alive meanwhile, beside `space`."""
    if PyUnicode_Check(message):
        record.form = point_to_str(message, &record.message)
        if record.form and copy_plain(message, space, &record.message):
            record.form = PLAIN_UTF8
        return message
    record.form = REPAIR_UTF8
    if not PyBytes_CheckExact(message):
        try:
            if not NO_GIL:
                PyObject_GetBuffer(message, view, PyBUF_SIMPLE)
                record.message.start = <const char *>view.buf
                record.message.size = view.len
                return message
        except (BufferError, TypeError):
            pass
        try:
            # It is not contiguous; or another thread could write to it when it has been measured.
            with cython.critical_section(message):
                message = bytes(memoryview(message))
        except TypeError:
            cold_path()
            reject_message(message)
    record.message.start = PyBytes_AS_STRING(message)
    record.message.size = PyBytes_GET_SIZE(message)
    return message


cdef int read_msgid(object msgid, Record *record, Scratch *scratch) except -1:
    """Point the record to a MSGID, of which write_msgid makes what the field can hold."""
    if type(msgid) is not str or not PyUnicode_IS_ASCII(msgid) or not msgid:
        msgid = clean_msgid(check_field("msgid", msgid))
    record.msgid.size = min(PyUnicode_GET_LENGTH(msgid), <Py_ssize_t>MAX_MSGID)
    record.msgid.start = scratch.msgid
    memcpy(scratch.msgid, PyUnicode_DATA(msgid), record.msgid.size)
    return 0


cdef int read_far_time(object time_ns, Timestamp *timestamp) except -1:
    """Before the year 1678 and after 2261 it takes the objects' arithmetic, which has no bounds."""
    cdef int overflow
    cold_path()
    seconds = time_ns // 1_000_000_000
    timestamp.seconds = PyLong_AsLongLongAndOverflow(seconds, &overflow)
    timestamp.known = (
        not overflow and MIN_SECONDS - 86400 <= timestamp.seconds <= MAX_SECONDS + 86400
    )
    timestamp.nanoseconds = <Py_ssize_t>(time_ns - seconds * 1_000_000_000)
    return 0


cdef int read_given_time(object time_ns, Timestamp *timestamp) except -1:
    """Take a time apart; NaN, the infinities and what no calendar knows are not known."""
    cdef int overflow
    cdef int64_t nanoseconds
    timestamp.known = True
    timestamp.has_offset = False
    if not PyLong_Check(time_ns):
        cold_path()
        if not is_float_without_time(time_ns):
            reject_time(time_ns)
        timestamp.known = False
        return 0
    nanoseconds = PyLong_AsLongLongAndOverflow(time_ns, &overflow)
    if overflow:
        return read_far_time(read_int(time_ns), timestamp)
    timestamp.seconds = nanoseconds // 1_000_000_000
    timestamp.nanoseconds = nanoseconds % 1_000_000_000
    return 0


cdef inline int read_time(object time_ns, Timestamp *timestamp) except -1:
    if time_ns is not None:
        return read_given_time(time_ns, timestamp)
    read_clock(timestamp)
    return 0


cdef inline int read_severity(object severity) except -1:
    cdef Py_ssize_t code
    if PyLong_Check(severity):
        code = read_small_int(severity)
        if 0 <= code <= 7:
            return <int>code
    elif PyUnicode_Check(severity):
        code = find_severity(severity)
        if code >= 0:
            return <int>code
    cold_path()
    return <int><Py_ssize_t>check_severity(severity)


cdef inline int read_precision(object precision) except -1:
    cdef Py_ssize_t digits
    if PyLong_CheckExact(precision):
        digits = read_small_int(precision)
        if 0 <= digits <= 6:
            return <int>digits
    return <int><Py_ssize_t>check_precision(precision)


cdef inline bint has_octets(object message, Span *text) noexcept:
    """Point `text` to a message that can be read as it is: an ASCII str, or bytes."""
    if PyUnicode_CheckExact(message) and PyUnicode_IS_ASCII(message):
        text.start = <const char *>PyUnicode_DATA(message)
        text.size = PyUnicode_GET_LENGTH(message)
        return True
    if PyBytes_CheckExact(message):
        text.start = PyBytes_AS_STRING(message)
        text.size = PyBytes_GET_SIZE(message)
        return True
    return False


cdef int read_structured_data(
    const Layout *layout, Record *record, Scratch *scratch, object structured_data
) except -1:
    if isinstance(structured_data, bytes):
        record.elements.start = PyBytes_AS_STRING(structured_data)
        record.elements.size = PyBytes_GET_SIZE(structured_data)
        if record.elements.size == 1 and record.elements.start[0] == c'-':
            record.elements.size = 0
    else:
        render_elements(structured_data, layout.rules | ESCAPE_PARAM, scratch)
        record.elements.start = scratch.elements
        record.elements.size = scratch.size
    if record.elements.size and record.constant_elements.size:
        join_elements(get_elements(layout), record, scratch)
    if scratch.overflows:  # more than any record holds: measure_header drops it
        record.elements.size = <Py_ssize_t>layout.max_size + 1
    return 0


cdef int read_own_fields(
    const Layout *layout, Record *record, Scratch *scratch, object msgid, object structured_data
) except -1:
    """Point the record to its MSGID and STRUCTURED-DATA, if it has its own."""
    record.is_own = msgid is not None or structured_data is not None
    if not record.is_own:
        return 0
    record.msgid = get_msgid(layout)
    if msgid is not None:
        read_msgid(msgid, record, scratch)
    record.constant_elements = get_elements(layout)
    record.elements.start = layout.text
    record.elements.size = 0
    if structured_data is not None:
        read_structured_data(layout, record, scratch, structured_data)
    return 0


cdef int read_logged_fields(
    const Layout *layout, Record *record, Scratch *scratch, object msgid, object structured_data
) except -1:
    """read_own_fields of what does not raise: what is wrong with structured data is mended."""
    try:
        return read_own_fields(layout, record, scratch, msgid, structured_data)
    except Exception:  # of a name, or of the __str__ of a value
        try:
            structured_data = load_structured_data().clean_elements(
                structured_data, read_text(scratch.enterprise_id)
            )
        except Exception:   # there is no descriptor to read that module, or no memory
            structured_data = None
    scratch.size = 0
    scratch.overflows = False
    return read_own_fields(layout, record, scratch, msgid, structured_data)
