# Records of logging: `_log_record.py` reads all but the plain ones, for both encoders.

log_record = None   # each interpreter's own, which a `cdef` would share with the others


cdef object load_log_record():
    """Return that module: to load it takes a program's start longer than it needs to."""
    global log_record
    if log_record is None:
        import syslogfast._log_record as log_record
    return log_record


cdef enum Result:
    AS_BYTES, AS_TEXT, AS_TEXT_WITHOUT_PRI

# A class of records that run no code when they are read, and the version of it for which that was
# found: CPython changes the tag when a class is changed, to 0 at first. It is only compared.
cdef const void *plain_kind = NULL
cdef unsigned int plain_version = 0


cdef inline bint is_plain_record(object record) except -1:
    """Return True if a record is logging's own."""
    global plain_kind, plain_version
    if get_kind(record) == plain_kind and get_version(record) == plain_version:
        return True
    if not load_log_record().is_standard(type(record)) or not get_version(record):
        return False
    plain_kind = get_kind(record)
    plain_version = get_version(record)
    return True


cdef void forget_plain_kind() noexcept:
    global plain_kind
    plain_kind = NULL


cdef object format_plainly(str template, tuple args):
    """Return `template % args` if that is %s and %d of ASCII text and ints; None if it is more."""
    cdef char[SMALL] space
    cdef char *dst = space
    cdef const char *limit = space + SMALL - 20  # a number has space in any case
    cdef const char *src = <const char *>PyUnicode_DATA(template)
    cdef const char *end = src + PyUnicode_GET_LENGTH(template)
    cdef const char *mark
    cdef Py_ssize_t size, index = 0
    cdef long long number
    cdef int overflow
    if not PyUnicode_IS_ASCII(template):
        return None
    while True:
        mark = <const char *>memchr(src, c'%', end - src)
        size = (mark if mark != NULL else end) - src
        if size > limit - dst:
            return None
        dst = write_bytes(dst, src, size)
        if mark == NULL:
            break
        if mark + 1 == end or mark[1] not in (c's', c'd') or index == len(args):
            return None
        src = mark + 2
        value = args[index]
        index += 1
        if PyLong_CheckExact(value):
            number = PyLong_AsLongLongAndOverflow(value, &overflow)
            if overflow or dst > limit:
                return None
            if number < 0:
                dst[0] = c'-'
                dst += 1
            dst = write_decimal(dst, 0 - <uint64_t>number if number < 0 else <uint64_t>number)
        elif mark[1] == c's' and PyUnicode_CheckExact(value) and PyUnicode_IS_ASCII(value):
            size = PyUnicode_GET_LENGTH(value)
            if size > limit - dst:
                return None
            dst = write_bytes(dst, <const char *>PyUnicode_DATA(value), size)
        else:
            return None
    if index != len(args):
        return None
    text = PyUnicode_New(dst - space, 127)
    memcpy(PyUnicode_DATA(text), space, dst - space)
    return text


cdef object read_plain_message(object record):
    """Return the text of a plain record; where its args are mere values, without code of ours."""
    message = record.msg
    if (
        PyUnicode_CheckExact(message)
        and read_present(record, "exc_info") is None
        and read_present(record, "exc_text") is None
        and read_present(record, "stack_info") is None
    ):
        args = read_present(record, "args")
        if args is None or (type(args) is tuple and not <tuple>args):
            return message
        if type(args) is tuple:
            text = format_plainly(message, args)
            if text is not None:
                return text
            message = try_format(message, args)
            if PyUnicode_CheckExact(message):
                return message
    return load_log_record().read_record_text(record)


cdef int read_level(object levelno) except -1:
    cdef Py_ssize_t level = read_small_int(levelno) if PyLong_CheckExact(levelno) else -1
    if level < 0:
        return <int><Py_ssize_t>load_log_record().choose_severity(levelno)
    if level < 25:
        return 7 if level < 20 else 6
    if level < 50:
        return 5 if level < 30 else 4 if level < 40 else 3
    return 2 if level < 60 else 1 if level < 70 else 0


cdef int read_record_time(object created, Timestamp *timestamp) except -1:
    """Take the time of a record apart, to the nearest microsecond."""
    cdef double seconds
    cdef int64_t microseconds
    if not PyFloat_CheckExact(created):
        return read_given_time(load_log_record().read_created(created), timestamp)
    seconds = PyFloat_AS_DOUBLE(created)
    timestamp.has_offset = False
    timestamp.known = -1e12 < seconds < 1e12
    if timestamp.known:
        microseconds = llrint(seconds * 1e6)
        timestamp.seconds = microseconds // 1_000_000
        timestamp.nanoseconds = microseconds % 1_000_000 * 1000
    return 0


cdef object encode_log_record(
    Encoder encoder, object record, object message, Result form, EmitterBase emitter
):
    """Return a record of logging in this form; if there is an emitter, queue it there instead."""
    cdef Timestamp timestamp
    cdef Span text
    cdef Py_ssize_t size
    cdef const char *start
    cdef const char *end
    cdef int severity
    cdef bint is_text
    cdef Layout own
    cdef const Layout *layout = &encoder.layout
    check_ready(encoder)
    if is_plain_record(record):
        if message is None:
            message = read_plain_message(record)
        process = read_present(record, "process") if encoder.process >= 0 else None
        severity = read_level(read_present(record, "levelno"))
        read_record_time(read_present(record, "created"), &timestamp)
        msgid = getattr(record, "msgid", None)
        structured_data = getattr(record, "structured_data", None)
    else:
        cold_path()
        slow = load_log_record()
        if message is None:
            message = slow.read_record_text(record)
        process = slow.read_attribute(record, "process")
        severity = <Py_ssize_t>slow.choose_severity(slow.read_attribute(record, "levelno"))
        read_given_time(slow.read_created(slow.read_attribute(record, "created")), &timestamp)
        msgid = slow.read_attribute(record, "msgid")
        structured_data = slow.read_attribute(record, "structured_data")
    if emitter is not None and emitter._sequence is not None:
        structured_data = number_elements(emitter._sequence, structured_data, layout)
    if encoder.reads_attributes:
        structured_data = load_log_record().join_attributes(
            structured_data, record, encoder.options["attributes"],
            read_text(get_enterprise_id(layout)),
        )
    if encoder.reads_header or not is_this_process(encoder, process):
        process = make_own_layout(encoder, record, process, &own)
        if process is not None:  # what the layout points to
            layout = &own
        if encoder.reads_header:
            msgid = find_field(record, encoder.options["header_attributes"], "msgid", msgid)
    if msgid is not None:
        msgid = load_log_record().print_value(msgid)
    is_text = has_octets(message, &text)
    if emitter is not None:
        put_record(
            emitter, severity, message, &text if is_text else NULL, &timestamp, msgid,
            structured_data, layout,
        )
        return None
    if msgid is None and structured_data is None and is_text:
        size = measure_plain(layout, severity, &timestamp, text)
        if (
            size and encoder.is_ascii and form == AS_TEXT_WITHOUT_PRI
            and layout.framing == DATAGRAM and not layout.prefix_size
        ):
            return write_plain_text(layout, severity, &timestamp, text, size)
        if size and form == AS_BYTES:
            data = PyBytes_FromStringAndSize(NULL, measure_frame(layout, size))
            write_plain(PyBytes_AS_STRING(data), layout, severity, &timestamp, text, size)
            return data
    data = encode_any(layout, severity, message, &timestamp, msgid, structured_data, True)
    if form == AS_BYTES:
        return data
    start = PyBytes_AS_STRING(data)
    end = start + PyBytes_GET_SIZE(data)
    if form == AS_TEXT_WITHOUT_PRI:
        start = <const char *>memchr(start, c'>', end - start) + 1
    return PyUnicode_DecodeUTF8(start, end - start, b"replace")


cdef str write_plain_text(
    const Layout *layout, int severity, const Timestamp *timestamp, Span message, Py_ssize_t size
):
    """Return a plain record without PRI: straight into the str."""
    cdef Py_ssize_t pri_size = layout.priority_sizes[severity] - 2
    cdef str text = PyUnicode_New(size - pri_size, 127)
    cdef char *dst = <char *>PyUnicode_DATA(text)
    memcpy(dst, b"1 ", 2)  # RFC 5424 6.2.2: VERSION
    write_plain_rest(dst + 2, layout, timestamp, message)
    return text


cdef class RecordFormatter:
    """Base class of Formatter: its hot-path methods."""

    cdef readonly Encoder _encoder
    cdef readonly bint _pri
    cdef public bint _is_plain

    def __init__(self, Encoder encoder not None, pri, is_plain):
        cold_path()
        self._encoder = encoder
        self._pri = pri
        self._is_plain = is_plain

    def format(self, record):
        """Return a LogRecord as a syslog record, without PRI unless that was asked for."""
        if self._encoder is None:
            reject_unready()
        message = None if self._is_plain else self.format_text(record)
        return encode_log_record(
            self._encoder, record, message, AS_TEXT if self._pri else AS_TEXT_WITHOUT_PRI, None
        )

    def format_text(self, record):
        """Return the text after the header, where that is not simply the record's."""
        raise NotImplementedError
