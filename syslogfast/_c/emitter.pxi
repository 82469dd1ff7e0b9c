# From `emit` into the queue: `_emitter_py.py` is the specification.

cdef enum:
    FRAMING_SIZE = 24   # octets: more than a count and a space, or a delimiter, take
    PUT_TRIES = 1000    # to get the space that was made before another thread takes it
    URGENT = 3      # severity (RFC 5424 6.2.1) of records that never linger


# `identify_process` of _platform.py: the number of forks since a process has loaded this. What only
# this package calls has no docstring here.
def track_forks(change, /):
    add(at_work, PyLong_AsLong(change))
    return forks


start_counting_forks()
watch_forks(track_forks)


cdef extern from *:
    """
    /* A loop of Cython's is larger: it looks for lists and tuples first. */
    static int syslogfast_take_next(PyObject *iterator, PyObject **item) {
        *item = PyIter_Next(iterator);
        return *item ? 1 : PyErr_Occurred() ? -1 : 0;
    }
    """
    bint take_next "syslogfast_take_next"(object iterator, PyObject **item) except -1


cdef extern from "template_strings.h":
    bint HAS_TEMPLATES "SYSLOGFAST_HAS_TEMPLATES"
    enum: MOST_VALUES "SYSLOGFAST_MOST_VALUES"
    void learn_templates "syslogfast_learn_templates"(object template)
    object read_plain_template "syslogfast_read_template"(
        object template, PyObject **values, Py_ssize_t *count, PyObject **fields
    )


cdef extern from "Python.h":
    bytes print_octets "PyBytes_FromFormat"(const char *format, ...)


# Of one record that finds no space.
cdef struct SpaceWait:
    int tries
    double deadline     # from the first on, by time.monotonic()


cdef object add_trace(EmitterBase emitter, object structured_data):
    cold_path()
    return emitter._trace(structured_data, emitter._encoder)


cdef class EmitterBase:
    """Base class of Emitter: its hot-path methods."""

    cdef readonly Encoder _encoder
    cdef readonly Queue _queue
    cdef readonly object _sender
    cdef readonly Sequence _sequence    # or None: the records have no numbers
    cdef readonly dict _fields          # of `bind`: they are in the encoder's structured data, too
    cdef str fields_id                  # the SD-ID of fields, once there were some
    cdef int forks
    cdef readonly int _level            # least severity
    cdef readonly object _trace         # what adds trace and span to structured data, or None
    cdef readonly EmitterBase _recorder  # or None: what is below that level is left out
    cdef readonly int _dump_level       # a record of this severity, or worse, has that sent

    def __cinit__(self, *given):
        # What Cython makes of parameters would take 1 KB more.
        cdef PyObject *encoder
        cdef PyObject *queue
        cdef PyObject *sender
        cdef PyObject *sequence = Py_None
        cdef PyObject *fields = Py_None
        cdef PyObject *trace = Py_None
        cdef PyObject *recorder = Py_None
        cold_path()
        self._level = 7
        self._dump_level = -1
        take_apart(
            given, b"O!O!O|OiOOOi", <PyObject *>Encoder, &encoder, <PyObject *>Queue, &queue,
            &sender, &sequence, &self._level, &fields, &trace, &recorder, &self._dump_level,
        )
        check_ready(<Encoder>encoder)
        catch_up_with_fork()  # then `forks` is what the sender knows of
        self._encoder = <Encoder>encoder
        self._queue = <Queue>queue
        self._sender = <object>sender
        self._sequence = <Sequence?>sequence
        self._fields = <dict?>fields
        self._trace = <object>trace
        self._recorder = <EmitterBase?>recorder
        self.forks = forks

    def emit_record(self, record, message=None):
        """Send a logging.LogRecord, as `Encoder.encode_record` encodes it.

        message: what to write instead of the record's own text; TypeError: it is no text. Nothing
        else raises.
        """
        encode_log_record(find_encoder(self), record, message, AS_BYTES, self)

    def emit_many(self, severity, messages):
        """Send one record for each message, as `emit` does.

        The clock is read once for all that go out together.
        """
        cdef Timestamp timestamp
        cdef int code = read_severity(severity)
        cdef Span text
        cdef bint is_text, is_read = False
        cdef PyObject *given
        self = find_emitter(self, code)
        if self is None:
            return
        iterator = iter(messages)
        while take_next(iterator, &given):
            message = <object>given
            Py_DECREF(message)
            if not PyUnicode_CheckExact(message) and not PyBytes_CheckExact(message):
                if HAS_TEMPLATES and load_message().is_template(message):
                    self.emit(code, message)
                    continue
                message = load_message().read_any_message(message)
            if not is_read:
                read_clock(&timestamp)
            is_text = has_octets(message, &text)
            is_read = not put_record(
                self, code, message, &text if is_text else NULL, &timestamp, None, None, NULL
            )

    def _emit_lines(self, severity, bytes text not None, Py_ssize_t start=0, /):
        cdef Timestamp timestamp
        cdef Queue queue
        cdef Span line
        cdef int code = read_severity(severity)
        cdef bint is_read = False
        cdef const char *first = PyBytes_AS_STRING(text)
        cdef const char *end = first + PyBytes_GET_SIZE(text)
        cdef const char *line_feed
        cdef Py_ssize_t most
        self = find_emitter(self, code)
        if self is None:
            return end - first
        queue = self._queue
        most = <Py_ssize_t>find_encoder(self).layout.max_size + FRAMING_SIZE
        line.start = first + min(max(start, 0), end - first)
        while line.start < end:
            if queue.count and most > queue.limit - queue.size:
                break
            line_feed = <const char *>memchr(line.start, c"\n", end - line.start)
            line.size = (end if line_feed == NULL else line_feed) - line.start
            if not is_read:
                read_clock(&timestamp)
            is_read = not put_record(self, code, None, &line, &timestamp, None, None, NULL)
            line.start += line.size + 1
        return min(line.start, end) - first

    def _get_encoder(self):
        return find_encoder(self)


cdef EmitterBase find_emitter(EmitterBase emitter, int severity):
    """Return what gets a record of this severity: an emitter, or its recorder; None: nothing."""
    return emitter if severity <= emitter._level else emitter._recorder


cdef int renew(EmitterBase emitter) except -1:
    cold_path()
    catch_up_with_fork()  # before its queue is used
    cdef Encoder encoder = emitter._encoder.replace()  # PROCID is another
    with cython.critical_section(emitter):
        if emitter.forks != forks:
            if NO_GIL:
                Py_INCREF(emitter._encoder)   # for ever: another thread may be about to take it
            emitter._encoder = encoder
            emitter.forks = forks
    return 0


cdef int emit_one(
    EmitterBase emitter, int severity, message, PyObject **args, Py_ssize_t count, msgid,
    structured_data, time_ns
) except -1:
    """Send one record: `message % args`, or if their count is not above 0 the message as it is."""
    cdef Timestamp timestamp
    cdef Span text
    cdef bint is_text
    if count > 0:
        return emit_formatted(
            emitter, severity, message, args, count, msgid, structured_data, time_ns
        )
    if not PyUnicode_CheckExact(message) and not PyBytes_CheckExact(message):
        message = load_message().read_any_message(message)
    read_time(time_ns, &timestamp)
    is_text = has_octets(message, &text)
    put_record(
        emitter, severity, message, &text if is_text else NULL, &timestamp, msgid, structured_data,
        NULL,
    )
    return 0


cdef int emit_formatted(
    EmitterBase emitter, int severity, message, PyObject **args, Py_ssize_t count, msgid,
    structured_data, time_ns
) except -1:
    cdef char[FORMATTED_SPACE] space
    cdef Timestamp timestamp
    cdef Span text
    cdef bint is_ascii
    cdef char *end = NULL
    if PyUnicode_CheckExact(message):
        end = write_template(space, message, args, count, &is_ascii)
    if end == NULL:
        message = format_any(message, take_items(args, count))
        return emit_one(emitter, severity, message, NULL, 0, msgid, structured_data, time_ns)
    text.start = space
    text.size = end - space
    read_time(time_ns, &timestamp)
    put_record(emitter, severity, None, &text, &timestamp, msgid, structured_data, NULL)
    return 0


cdef object format_any(object template, tuple args):
    """Return `template % args`, whatever they are."""
    cold_path()
    value = args[0]
    if PyUnicode_CheckExact(template):
        # Whether a single argument is a mapping takes longer to find out than most texts to write.
        if (
            PyTuple_GET_SIZE(args) > 1 or not PyMapping_Check(value) or PyUnicode_CheckExact(value)
            or PyList_CheckExact(value) or PyTuple_CheckExact(value)
        ):
            return format_by_python(None, template, args)
        if PyDict_CheckExact(value) and <dict>value:
            return format_by_python(None, template, value)
    return load_message().format_message(template, load_message().choose_arguments(args))


cdef inline Encoder find_encoder(EmitterBase emitter):
    if emitter.forks != forks:
        renew(emitter)
    return emitter._encoder


cdef bint put_record(
    EmitterBase emitter, int severity, object message, Span *text, Timestamp *timestamp, msgid,
    structured_data, const Layout *logged
) except -1:
    """Queue one record; return True if the sender has been called to send.

    text: the message, if it can be read as it is, else NULL; `message` may be None beside it.
    logged: NULL, or the layout for a record of logging, which has its number.
    """
    cdef Queue queue = emitter._queue
    cdef Encoder encoder    # referenced: without space, a handler may fork and renew the emitter
    cdef const Layout *layout = logged
    cdef Py_ssize_t size = 0, frame_size
    cdef int state = NO_SPACE
    cdef char *dst
    cdef SpaceWait wait
    cdef Section section
    cdef Layout own
    cdef Span elements
    cdef char[ELEMENT_SPACE] number
    if severity <= emitter._dump_level:
        cold_path()
        emitter._recorder._sender.dump()
    elements.size = 0
    if logged == NULL:
        if emitter.forks != forks:
            renew(emitter)
        encoder = emitter._encoder
        layout = &encoder.layout
        if structured_data is None and uses_bound():
            bound_text = find_bound_text(emitter, encoder)
            if bound_text is None:
                structured_data = join_fields(emitter, None, NULL)
            elif bound_text is not encoder.text:
                own = layout[0]
                lengthen_elements(
                    &own, PyBytes_AS_STRING(bound_text),
                    PyBytes_GET_SIZE(bound_text) - PyBytes_GET_SIZE(encoder.text),
                )
                layout = &own
        if emitter._trace is not None:
            structured_data = add_trace(emitter, structured_data)
        if emitter._sequence is not None:
            if structured_data is None and not layout.elements_size:
                elements.start = number
                elements.size = write_number(number, emitter._sequence)
            else:
                structured_data = number_elements(
                    emitter._sequence, structured_data, &encoder.layout
                )
    if structured_data is not None and PyBytes_CheckExact(structured_data):
        elements.start = PyBytes_AS_STRING(structured_data)
        elements.size = PyBytes_GET_SIZE(structured_data)
    if msgid is None and text != NULL and (
        structured_data is None or (elements.size > 1 and not layout.elements_size)
    ):
        size = measure_plain(layout, severity, timestamp, text[0])
        if not size:
            size = measure_short(layout, severity, timestamp, text[0])
        if size and elements.size:
            size += elements.size - 1   # in place of "-"
            if size > layout.max_size:
                size = 0
    if size:
        frame_size = measure_frame(layout, size)
        wait.tries = 0
        while state == NO_SPACE:
            enter(&section, queue)
            dst = claim(queue, frame_size, False)
            if dst != NULL:
                if elements.size:
                    write_with_elements(
                        dst, layout, severity, timestamp, text[0], size, elements
                    )
                else:
                    write_plain(dst, layout, severity, timestamp, text[0], size)
                state = commit(queue, frame_size, False)
            leave(&section)
            if state == NO_SPACE and not find_space(emitter, frame_size, &wait):
                return True
    else:
        if message is None:
            message = PyBytes_FromStringAndSize(text.start, text.size)
        if structured_data is None and elements.size:
            structured_data = PyBytes_FromStringAndSize(elements.start, elements.size)
        state = put_any(emitter, layout, severity, message, timestamp, msgid, structured_data)
        if state == NO_SPACE:
            return True
    if queue.size >= queue.threshold or severity <= URGENT:
        emitter._sender.pump()
        return True
    if state == FIRST:
        emitter._sender.start_lingering()
    return False


cdef int put_any(
    EmitterBase emitter, const Layout *layout, int severity, object message, Timestamp *timestamp,
    msgid, structured_data
) except -1:
    """Queue a record that is not a plain one: NO_SPACE, QUEUED or FIRST."""
    cdef Queue queue = emitter._queue
    cdef Record record
    cdef Scratch scratch
    cdef Py_buffer view
    cdef char[TEXT_SPACE] space
    cdef SpaceWait wait
    cdef Section section
    cdef int state = NO_SPACE
    cdef char *dst
    view.len = NOT_HELD
    open_scratch(&scratch, layout)
    try:
        record.severity = severity
        record.timestamp = timestamp[0]
        read_logged_fields(layout, &record, &scratch, msgid, structured_data)
        message = read_message(&record, message, &view, space)
        measure_record(layout, &record)
        wait.tries = 0
        while state == NO_SPACE:
            enter(&section, queue)
            dst = claim(queue, record.frame_size, False)
            if dst != NULL:
                write_record(dst, layout, &record)
                state = commit(queue, record.frame_size, record.is_truncated)
            leave(&section)
            if state == NO_SPACE and not find_space(emitter, record.frame_size, &wait):
                break
        return state
    finally:
        close_scratch(&scratch)
        release(&view)


cdef bint find_space(EmitterBase emitter, Py_ssize_t size, SpaceWait *wait) except -1:
    """Do what is to be done when the queue is full; False, the record counted, if it stays so."""
    cdef Queue queue = emitter._queue
    cold_path()
    if queue.lacks_memory:  # which waiting and dropping do not bring back
        queue.lacks_memory = False
        queue.drop("memory")
        return False
    if wait.tries < PUT_TRIES and not queue.closed and size <= queue.limit:
        deadline = wait.deadline if wait.tries else None
        deadline = emitter._sender.apply_overflow(size, deadline)
        if deadline is not None:
            wait.deadline = deadline
            wait.tries += 1
            return True
    queue.drop("closed" if queue.closed else "too large" if size > queue.largest else "full")
    return False
