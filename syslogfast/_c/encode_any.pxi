# A record of any kind: what the methods of Encoder call for all but the plain ones.

cdef object encode_text(
    const Layout *layout, int severity, object message, const Timestamp *timestamp
):
    """Return it, if the message is a str or bytes, and the rest is the encoder's."""
    cdef Record record
    cdef char[TEXT_SPACE] space
    cdef Py_ssize_t size = 0
    record.severity = severity
    record.timestamp = timestamp[0]
    record.is_own = False
    read_message(&record, message, NULL, space)
    if record.form == PLAIN_UTF8:
        if not starts_with_bom(&record):
            size = measure_constant_header(layout, severity, timestamp, record.message.size)
    elif not record.form & (LATIN_1 | UCS_2 | UCS_4):
        size = measure_short(layout, severity, timestamp, record.message)
    if size:
        result = PyBytes_FromStringAndSize(NULL, measure_frame(layout, size))
        write_plain(PyBytes_AS_STRING(result), layout, severity, timestamp, record.message, size)
        return result
    measure_record(layout, &record)
    result = PyBytes_FromStringAndSize(NULL, record.frame_size)
    write_record(PyBytes_AS_STRING(result), layout, &record)
    return result


cdef object encode_any(
    const Layout *layout,
    int severity,
    object message,
    const Timestamp *timestamp,
    object msgid,
    object structured_data,
    bint is_logged=False,
):
    """Return it; is_logged: see `read_logged_fields`."""
    cdef Record record
    cdef Scratch scratch
    cdef Py_buffer view
    cdef char[TEXT_SPACE] space
    if layout.text == NULL:
        reject_unready()
    if (
        msgid is None and structured_data is None
        and (PyUnicode_CheckExact(message) or PyBytes_CheckExact(message))
    ):
        return encode_text(layout, severity, message, timestamp)
    view.len = NOT_HELD
    open_scratch(&scratch, layout)
    try:
        record.severity = severity
        record.timestamp = timestamp[0]
        if is_logged:
            read_logged_fields(layout, &record, &scratch, msgid, structured_data)
        else:
            read_own_fields(layout, &record, &scratch, msgid, structured_data)
        message = read_message(&record, message, &view, space)
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
    cdef char[TEXT_SPACE] space
    cdef Py_ssize_t start
    cdef char *dst
    cdef Layout *layout = &encoder.layout
    check_ready(encoder)
    view.len = NOT_HELD
    destination.len = NOT_HELD
    open_scratch(&scratch, layout)
    try:
        record.severity = severity
        record.timestamp = timestamp[0]
        read_own_fields(layout, &record, &scratch, msgid, structured_data)
        if not NO_GIL and message is buffer and PyByteArray_Check(buffer):
            # It cannot grow while it is read.
            message = bytes(message)
        message = read_message(&record, message, &view, space)
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


cdef object encode_each_into(
    Encoder encoder, object buffer, int severity, tuple messages, Py_ssize_t start,
    const Timestamp *timestamp,
):
    """Do what encode_many_into does, for messages of which the encoding may fail, or run code.

    All that fit are encoded before the first is written: the buffer may be one of the messages.
    """
    cdef Py_buffer view
    cdef Py_ssize_t space, size = 0
    cold_path()
    view.len = NOT_HELD
    records = []
    try:
        space = MAX_LENGTH
        if not PyByteArray_Check(buffer):
            space = open_buffer(buffer, &view) - start
        for message in messages:
            record = encode_any(&encoder.layout, severity, message, timestamp, None, None)
            if PyBytes_GET_SIZE(record) > space - size:
                break
            size += PyBytes_GET_SIZE(record)
            records.append(record)
        data = b"".join(records)
        result = (start + size, len(records))
        with cython.critical_section(buffer):
            memcpy(make_space(buffer, &view, start, size), PyBytes_AS_STRING(data), size)
        return result
    finally:
        release(&view)
