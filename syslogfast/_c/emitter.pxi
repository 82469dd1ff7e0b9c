# From `emit` into the queue: `_emitter_py.py` is the specification.

cdef enum:
    FRAMING_SIZE = 24   # octets: more than a count and a space, or a delimiter, take
    PUT_TRIES = 1000    # to get the space that was made before another thread takes it
    MAX_SEQUENCE_ID = 2147483647    # RFC 5424 7.3.1
    URGENT = 3      # severity (RFC 5424 6.2.1) of records that never linger


# `identify_process` of _platform.py: the number of forks since a process has loaded this. What only
# this package calls has no docstring here.
def track_forks(change, /):
    add(at_work, PyLong_AsLong(change))
    return forks


start_counting_forks()
watch_forks(track_forks)


cdef extern from "Python.h":
    tuple new_tuple "PyTuple_New"(Py_ssize_t size)
    void set_new_item "PyTuple_SET_ITEM"(tuple items, Py_ssize_t index, object item)


# Of one record that finds no space.
cdef struct SpaceWait:
    int tries
    double deadline     # from the first on, by time.monotonic()


@cython.cdivision(True)
cdef inline int64_t follow(int64_t number) noexcept nogil:
    return number % MAX_SEQUENCE_ID + 1


cdef class Sequence:
    """Numbers an originator's records, in the order in which they were emitted (RFC 5424 7.3.1).

    From 1 to 2,147,483,647, and again from 1; a process that was forked begins at 1.
    """

    cdef int64_t last
    cdef int forks

    def advance(self):
        """Return the next number."""
        return take_number(self)

    def number(self, structured_data):
        """Return a record's structured data with the next number in them."""
        sequence_id = take_number(self)
        if structured_data is None:
            return b'[meta sequenceId="%d"]' % sequence_id
        return load_structured_data().add_sequence_id(structured_data, sequence_id)


@cython.critical_section
cdef int64_t take_number(Sequence sequence) noexcept:
    renew_sequence(sequence)
    sequence.last = follow(sequence.last)
    return sequence.last


cdef object number_elements(Sequence sequence, object structured_data, const Layout *layout):
    """Return a record's structured data, whatever they are, with the next number in them."""
    if structured_data is None:
        return sequence.number(None)
    if (
        type(structured_data) is dict and has_plain_keys(structured_data)
        and PyDict_GetItem(structured_data, "meta") == NULL
    ):
        return {**<dict>structured_data, "meta": {"sequenceId": take_number(sequence)}}
    return load_structured_data().number_elements(
        structured_data, sequence, read_text(get_enterprise_id(layout))
    )


cdef inline void renew_sequence(Sequence sequence) noexcept:
    if sequence.forks != forks:
        sequence.forks, sequence.last = forks, 0


cdef class EmitterBase:
    """Base class of Emitter: its hot-path methods."""

    cdef readonly Encoder _encoder
    cdef readonly Queue _queue
    cdef readonly object _sender
    cdef readonly Sequence _sequence    # or None: the records have no numbers
    cdef int forks

    def __cinit__(
        self, Encoder encoder not None, Queue queue not None, sender, Sequence sequence=None
    ):
        cold_path()
        check_ready(encoder)
        catch_up_with_fork()  # then `forks` is what the sender knows of
        self._encoder = encoder
        self._queue = queue
        self._sender = sender
        self._sequence = sequence
        self.forks = forks

    def emit(
        self, severity, message, *args, msgid=None, structured_data=None, time_ns=None
    ):
        """Send one record.

        `severity`, `msgid`, `structured_data` and `time_ns` are those of `Encoder.encode`, and
        so are the errors that they raise; but structured data raise none: names that are wrong
        are made to fit. `message` may be anything: bytes and other buffers are UTF-8, all else is
        written as by str(); with `args` it is the template of a %-formatting, as in `logging`: if
        they do not fit, both are the text. What cannot be printed is named there.

        It waits only if overflow="block"; what becomes of the record is in `stats`.
        """
        emit_one(
            self, read_severity(severity), message, get_items(args), PyTuple_GET_SIZE(args), msgid,
            structured_data, time_ns,
        )

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
        for message in messages:
            if not PyUnicode_CheckExact(message) and not PyBytes_CheckExact(message):
                message = load_message().read_any_message(message)
            if not is_read:
                read_clock(&timestamp)
            is_text = has_octets(message, &text)
            is_read = not put_record(
                self, code, message, &text if is_text else NULL, &timestamp, None, None, NULL
            )

    def _emit_lines(self, severity, bytes text not None, Py_ssize_t start=0, /):
        """Send one record for each line of `text` from `start` on, as `emit_many` does.

        Return where it has ended: before a line for which the queue has no space, whatever
        `overflow` says, or behind the last one.
        """
        cdef Timestamp timestamp
        cdef Queue queue = self._queue
        cdef Span line
        cdef int code = read_severity(severity)
        cdef bint is_read = False
        cdef const char *first = PyBytes_AS_STRING(text)
        cdef const char *end = first + PyBytes_GET_SIZE(text)
        cdef const char *line_feed
        cdef Py_ssize_t most = <Py_ssize_t>find_encoder(self).layout.max_size + FRAMING_SIZE
        line.start = first + min(max(start, 0), PyBytes_GET_SIZE(text))
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
        """Return the encoder, made anew if this is a process that was forked since."""
        return find_encoder(self)


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
    cdef Py_ssize_t i
    if PyUnicode_CheckExact(message):
        end = write_template(space, message, args, count, &is_ascii)
    if end == NULL:
        items = new_tuple(count)
        for i in range(count):
            Py_INCREF(<object>args[i])
            set_new_item(items, i, <object>args[i])
        message = format_any(message, items)
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
    if logged == NULL:
        if emitter.forks != forks:
            renew(emitter)
        encoder = emitter._encoder
        if emitter._sequence is not None:
            structured_data = number_elements(
                emitter._sequence, structured_data, &encoder.layout
            )
        layout = &encoder.layout
    if msgid is None and structured_data is None and text != NULL:
        size = measure_plain(layout, severity, timestamp, text[0])
    if size:
        frame_size = measure_frame(layout, size)
        wait.tries = 0
        while state == NO_SPACE:
            enter(&section, queue)
            dst = claim(queue, frame_size, False)
            if dst != NULL:
                write_plain(dst, layout, severity, timestamp, text[0], size)
                state = commit(queue, frame_size, False)
            leave(&section)
            if state == NO_SPACE and not find_space(emitter, frame_size, &wait):
                return True
    else:
        if message is None:
            message = PyBytes_FromStringAndSize(text.start, text.size)
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
    queue.drop("closed" if queue.closed else "too large" if size > queue.limit else "full")
    return False
