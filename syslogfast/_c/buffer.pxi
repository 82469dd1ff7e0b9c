# The buffer that a caller has for records, and many of them in one go: `_buffer.py` is the
# specification, and `encode_many_into` of `_encoder_py.py`.

cdef inline void release(Py_buffer *view) noexcept:
    if view.len != NOT_HELD:
        PyBuffer_Release(view)


cdef inline bint overlap(const char *dst, Py_ssize_t size, Span source) noexcept:
    return source.start < dst + size and dst < source.start + source.size


cdef Py_ssize_t read_offset(object offset, Py_ssize_t size) except -1:
    cdef int overflow = 0
    cdef long long value = -1
    if PyLong_Check(offset):
        value = PyLong_AsLongLongAndOverflow(offset, &overflow)
    if overflow or not 0 <= value <= size:
        cold_path()
        reject_offset(offset, size)
    return <Py_ssize_t>value


cdef Py_ssize_t open_buffer(object buffer, Py_buffer *view) except -1:
    """Return the size of a writable, contiguous buffer; a bytearray is not held."""
    if PyByteArray_Check(buffer):
        return PyByteArray_GET_SIZE(buffer)
    try:
        PyObject_GetBuffer(buffer, view, PyBUF_WRITABLE)
    except (BufferError, TypeError):
        cold_path()
        reject_buffer(buffer)
    return view.len


cdef char *make_space(
    object buffer, Py_buffer *view, Py_ssize_t offset, Py_ssize_t size
) except NULL:
    """Return where `size` octets may be written; only a bytearray grows.

    That holds until the GIL, or the critical section that the caller has to have, is given up.
    """
    if not PyByteArray_Check(buffer):
        if size > view.len - offset:
            cold_path()
            reject_space(size, view.len - offset)
        return <char *>view.buf + offset
    if offset > PyByteArray_GET_SIZE(buffer):
        cold_path()
        reject_offset(offset, PyByteArray_GET_SIZE(buffer))  # it has been made shorter meanwhile
    if offset + size > PyByteArray_GET_SIZE(buffer):
        PyByteArray_Resize(buffer, offset + size)
    return PyByteArray_AS_STRING(buffer) + offset


cdef bint are_safe(const Layout *layout, tuple messages, Py_ssize_t space) except -1:
    """Return True if encoding the messages that `space` may hold cannot fail.

    A call that fails must leave the buffer as it was: what could fail when others have been
    written already is encoded the long way.
    """
    cdef Py_ssize_t smallest = <Py_ssize_t>layout.prefix_size + layout.identity_size + 4
    cdef Py_ssize_t count = space // smallest + 1
    for message in messages:
        if count == 0:
            break
        count -= 1
        if not PyBytes_CheckExact(message) and not PyUnicode_CheckExact(message):
            return False
    return True


# The plain record where a call is not what counts: in the methods of Encoder it is inlined.

cdef Py_ssize_t measure_plain(
    const Layout *layout, int severity, const Timestamp *timestamp, Span text
) noexcept:
    return measure_plain_record(layout, severity, timestamp, text)


cdef void write_plain(
    char *dst,
    const Layout *layout,
    int severity,
    const Timestamp *timestamp,
    Span text,
    Py_ssize_t size,
) noexcept:
    write_plain_record(dst, layout, severity, timestamp, text, size)


cdef extern from *:
    """
    /* Tell whether a text of at most 16 octets is printable ASCII alone; nothing is not. */
    static int syslogfast_is_short_printable_ascii(const unsigned char *src, size_t size)
    {
        const unsigned long long ones = 0x0101010101010101ULL;
        unsigned long long words[2] = {0x20 * ones, 0x20 * ones}, found;
        memcpy(words, src, size);
        found = (words[0] - 0x20 * ones) | (words[0] + ones) | words[0];
        found |= (words[1] - 0x20 * ones) | (words[1] + ones) | words[1];
        return size && !(found & 0x80 * ones);
    }
    """
    bint is_short_printable_ascii "syslogfast_is_short_printable_ascii"(
        const uint8_t *src, Py_ssize_t size
    )


cdef Py_ssize_t measure_short(
    const Layout *layout, int severity, const Timestamp *timestamp, Span text
) noexcept:
    """Do so where the text is too short for `measure_plain`; 0: it is not, or not plain."""
    if text.size >= 16 or not is_short_printable_ascii(<const uint8_t *>text.start, text.size):
        return 0
    return measure_constant_header(layout, severity, timestamp, text.size)


# The plain record with SD-ELEMENTs of its own, where the layout has none.

cdef void write_with_elements(
    char *dst,
    const Layout *layout,
    int severity,
    const Timestamp *timestamp,
    Span text,
    Py_ssize_t size,
    Span elements,
) noexcept:
    cdef const char *fields = layout.text + layout.prefix_size
    cdef Py_ssize_t separator = layout.suffix_size - layout.separator_size
    dst = open_frame(dst, layout, size)
    dst = write_bytes(dst, layout.text, layout.prefix_size)
    dst = write_priority(dst, layout, severity)
    dst = write_rfc5424_timestamp(dst, timestamp, layout.precision)
    dst = write_bytes(dst, fields, separator - 1)
    dst = write_bytes(dst, elements.start, elements.size)
    dst = write_bytes(dst, fields + separator, layout.separator_size)
    dst = write_bytes(dst, text.start, text.size)
    close_frame(dst, layout)


cdef struct Batch:
    Py_ssize_t size
    Py_ssize_t count


cdef Batch write_many(
    const Layout *layout,
    int severity,
    tuple messages,
    const Timestamp *timestamp,
    char *dst,
    Py_ssize_t space,
) except *:
    """Write as many records as have space; only measure them if `dst` is NULL."""
    cdef Batch batch
    cdef Record record
    cdef Span text
    cdef char[TEXT_SPACE] copy
    cdef Py_ssize_t size, frame_size
    cdef Py_ssize_t head_size = layout.plain_size + layout.priority_sizes[severity]
    cdef const char *head = NULL    # what precedes the message in a plain record
    cdef char *next
    batch.size = 0
    batch.count = 0
    record.severity = severity
    record.is_own = False
    for message in messages:
        size = 0
        if has_octets(message, &text):
            size = measure_plain(layout, severity, timestamp, text)
        if size:
            frame_size = measure_frame(layout, size)
        else:
            record.timestamp = timestamp[0]
            read_message(&record, message, NULL, copy)
            measure_record(layout, &record)
            frame_size = record.frame_size
        if frame_size > space - batch.size:
            break
        if dst != NULL and size:
            next = open_frame(dst + batch.size, layout, size)
            if head == NULL:
                write_plain(dst + batch.size, layout, severity, timestamp, text, size)
                head = next
            else:  # PRI, time and the rest are the same
                next = write_bytes(next, head, head_size)
                next = write_bytes(next, text.start, text.size)
                close_frame(next, layout)
        elif dst != NULL:
            write_record(dst + batch.size, layout, &record)
        batch.size += frame_size
        batch.count += 1
    return batch
