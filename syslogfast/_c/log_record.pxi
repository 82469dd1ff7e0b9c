# Records of logging: `_message.py` reads all but the plain ones, for both encoders.

cdef extern from "Python.h":
    object PyImport_Import(object name)

modules = {}    # each interpreter's own, which a `cdef` would share with the others


cdef object load_module(str name):
    """Return a module of Python: to load it takes a program's start longer than it needs to."""
    cdef PyObject *module = PyDict_GetItem(modules, name)
    cold_path()
    if module == NULL:
        modules[name] = PyImport_Import(name)
        module = PyDict_GetItem(modules, name)
    return <object>module


cdef inline object load_message():
    return load_module("syslogfast._message")


cdef inline object load_structured_data():
    return load_module("syslogfast._structured_data")


cdef enum Result:
    AS_BYTES, AS_TEXT, AS_TEXT_WITHOUT_PRI


cdef inline bint is_plain_record(object record) except -1:
    """Return True if a record is logging's own, of a class that runs no code when it is read.

    Each interpreter keeps the class for which that was found, and the version of it: CPython
    changes that tag when a class is changed, to 0 at first. The class is only compared.
    """
    cdef Place *place = get_place()
    if (
        place != NULL
        and get_kind(record) == place.plain_kind and get_version(record) == place.plain_version
    ):
        return True
    if not load_message().is_standard(type(record)) or not get_version(record):
        return False
    if place != NULL:
        place.plain_version = get_version(record)
        place.plain_kind = get_kind(record)
    return True


cdef void forget_plain_kind() noexcept:
    cdef Place *place = get_place()
    if place != NULL:
        place.plain_kind = NULL


cdef object read_plain_message(object record):
    """Return the text of a plain record; where it is msg and args alone, without code of ours.

    As logging.Formatter.format does, it leaves that in `record.message`.
    """
    message = read_present(record, "msg")
    if (
        PyUnicode_CheckExact(message)
        and read_present(record, "exc_info") is None
        and read_present(record, "exc_text") is None
        and read_present(record, "stack_info") is None
        and not hides_method(record, "getMessage")
    ):
        args = read_present(record, "args")
        if args is not None and (type(args) is not tuple or <tuple>args):
            message = format_arguments(record, message, args)
        if message is not None:
            record.message = message
            return message
    return load_message().read_record_text(record)


cdef object format_arguments(object record, str template, object args):
    """Return a plain record's `template % args`; None if that is not to be done here."""
    if type(args) is tuple:
        message = format_plainly(template, args)
        if message is not None:
            return message
    elif type(args) is not dict or not <dict>args:
        return None
    return format_by_python(record, template, args)


cdef object format_by_python(object record, str template, object args):
    """Return `template % args`, or what stands for it; `record` is None or whose they are."""
    cold_path()
    try:
        return PyUnicode_Format(template, args)
    except Exception as error:
        return load_message().keep_misfit(record, template, args, error)


cdef int read_level(object levelno) except -1:
    cdef Py_ssize_t level = read_small_int(levelno) if PyLong_CheckExact(levelno) else -1
    if level < 0:
        return <int><Py_ssize_t>load_message().choose_severity(levelno)
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
        return read_given_time(load_message().read_created(created), timestamp)
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
    cdef bint is_text, is_plain
    cdef PyObject *items[5]
    cdef Layout own
    cdef const Layout *layout = &encoder.layout
    check_ready(encoder)
    is_plain = is_plain_record(record)
    if is_plain:
        severity = read_level(read_present(record, "levelno"))
        if emitter is not None and severity > emitter._level:
            emitter = emitter._recorder
            if emitter is None:
                return None
        if message is None:
            message = read_plain_message(record)
        process = read_present(record, "process") if encoder.process >= 0 else None
        read_record_time(read_present(record, "created"), &timestamp)
        msgid = find_attribute(record, "msgid")
        structured_data = find_attribute(record, "structured_data")
    else:
        cold_path()
        found = load_message().read_any_record(
            record, message,
            7 if emitter is None or emitter._recorder is not None else emitter._level,
        )
        if found is None:
            return None
        take_apart(
            found, b"iOOOOO", &severity, &items[0], &items[1], &items[2], &items[3], &items[4]
        )
        if emitter is not None:
            emitter = find_emitter(emitter, severity)
        read_given_time(<object>items[0], &timestamp)
        message, process = <object>items[1], <object>items[2]
        msgid, structured_data = <object>items[3], <object>items[4]
    fields = None
    if (
        HAS_TEMPLATES and emitter is not None
        and not (is_plain and PyUnicode_CheckExact(read_present(record, "msg")))
    ):
        fields = load_message().read_template_fields(record)
    if fields is not None:
        structured_data = join_fields(emitter, structured_data, <PyObject *>fields)
    elif emitter is not None and uses_bound():
        structured_data = join_fields(emitter, structured_data, NULL)
    if emitter is not None and emitter._trace is not None:
        structured_data = add_trace(emitter, structured_data)
    if emitter is not None and emitter._sequence is not None:
        if structured_data is None and encoder.reads_attributes:
            structured_data = {}  # which can be joined
        structured_data = number_elements(emitter._sequence, structured_data, layout)
    if encoder.reads_attributes:
        structured_data = load_structured_data().join_attributes(
            structured_data, record, encoder.options, read_text(get_enterprise_id(layout))
        )
    if encoder.reads_header or not is_this_process(encoder, process):
        process = make_own_layout(encoder, record, process, &own)
        if process is not None:  # what the layout points to
            layout = &own
        if encoder.reads_header:
            msgid = find_field(record, encoder.options["header_attributes"], "msgid", msgid)
    if msgid is not None:
        msgid = load_message().print_value(msgid)
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
