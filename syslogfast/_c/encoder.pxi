# Encoder and format_timestamp: `_encoder_py.py` is the specification.

def format_timestamp(time_ns=None, *, protocol="rfc5424", local_time=None, precision=6):
    """Return the TIMESTAMP field of a record.

    `time_ns` is in nanoseconds since the epoch; None reads the clock. `protocol` is "rfc5424"
    (RFC 5424 6.2.3), "rfc3164" or "local" (RFC 3164 4.1.2). `local_time` None means UTC for
    RFC 5424 and local time for the others. `precision` is the number of digits after the
    second, 0 to 6; what is beyond is left out, not rounded. A time outside the years 0001 to
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
    if not PyUnicode_CheckExact(protocol) or protocol not in PROTOCOLS:
        cold_path()
        protocol = check_choice("protocol", protocol, PROTOCOLS)
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


# What `rule` of Settings means.
ESCAPED = {
    None: 0, "octet": 0, "lf": ESCAPE_LF, "nul": ESCAPE_NUL, "escape": ESCAPE_CONTROLS
}


cdef extern from "Python.h":
    bint take_apart "PyArg_ParseTuple"(object items, const char *format, ...) except 0


cdef class Encoder:
    """Encoder(*, protocol='rfc5424', facility='user', hostname=None, app_name=None, procid=None,
    msgid=None, structured_data=None, framing=None, local_time=None, precision=6,
    controls='escape', bom=False, max_size=None, prefix=b'', attributes=None,
    header_attributes=None, enterprise_id=None, fqdn=False)
--

    Turns messages of one identity into syslog records.

    All that is constant is rendered here, once; an encoder never changes and may be shared by
    any number of threads.

    protocol: "rfc5424", "rfc3164", or "local", which is what syslog(3) writes to /dev/log:
        RFC 3164 without HOSTNAME. Neither of the last two has a place for MSGID,
        STRUCTURED-DATA and BOM: there, they are left out.
    facility: 0 to 23, a Facility, or a keyword in any case, as "LOG_LOCAL0" (RFC 5424 6.2.1).
    hostname, app_name, procid: str; procid may be an int. None: this host, this program, this
        process. Octets that the field cannot hold become "_", the rest is left out, and
        nothing at all becomes "-" (RFC 5424 6.2.4 to 6.2.6).
    fqdn: True looks up this host's full name, if no hostname is given, which may take as long as
        DNS does; and keeps the domain of one that is, though RFC 3164 4.1.2 forbids that.
    msgid: str, treated likewise; None: "-" (RFC 5424 6.2.7).
    structured_data: {sd_id: {name: value}}, or {sd_id: [(name, value), ...]} to repeat a name,
        with values of any type, written as by str(); or bytes that are already rendered, which
        are trusted (RFC 5424 6.3).
    framing: None for datagrams; "octet" puts the octet count before the record (RFC 6587
        3.4.1, RFC 5425 4.3); "lf" and "nul" put that delimiter after it (RFC 6587 3.4.2).
    local_time: None means UTC for RFC 5424 and local time for the others.
    precision: digits after the second in RFC 5424, 0 to 6.
    controls: "escape" writes control characters, and those of direction (U+202A-E, U+2066-9), as
        "#ooo", in octal, one for each octet, and leaves out line ends at the end of a message;
        "keep" leaves all as they are, but for the delimiter of the framing.
    bom: True puts a BOM before the message, to state that it is UTF-8 (RFC 5424 6.4).
    max_size: the most bytes of a record, from the prefix to the end of the message; None: 1024
        for RFC 3164 (its section 4.1), 8192 for the others. The message is truncated, at a
        character; if that is not enough, the record's own STRUCTURED-DATA is left out, then all of
        it.
    prefix: bytes before the record, such as a log service's token.
    attributes: {sd_id: {name: attribute}}, what `encode_record` takes from a LogRecord into
        structured data, or {sd_id: "extra"}: all its `extra`. What it lacks, or None, is left out.
    header_attributes: {field: attribute}, or {field: [attribute, ...]}: what `encode_record` takes
        from a LogRecord as its hostname, app_name, procid or msgid. The first attribute counts that
        the record has, and that is not None; without one, the field is what it is otherwise.
    enterprise_id: int or str, the number of SD-IDs without one, but for IANA's (RFC 5424 7.2.2).

    TypeError: an argument of the wrong kind. ValueError: one that is out of its range.

    >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42)
    >>> encoder.encode("info", "sold out", time_ns=1_065_910_455_003_000_000)
    b'<14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out'
    """

    def __init__(self, **given):
        # Made here, and taken over at the end as a whole: what runs meanwhile sees all or nothing.
        cdef Layout layout
        cdef Scratch scratch
        cdef Py_ssize_t[8] numbers
        cdef PyObject *octets[5]
        cdef Py_ssize_t i, process
        cold_path()
        memset(&layout, 0, sizeof(Layout))
        if self.text is not None:
            reject_change()
        settings = Settings(given)
        options = settings.options
        packed = settings.pack()
        take_apart(
            packed, b"nnnnnnnnSSSSS", numbers, numbers + 1, numbers + 2, numbers + 3, numbers + 4,
            numbers + 5, numbers + 6, numbers + 7, octets, octets + 1, octets + 2, octets + 3,
            octets + 4,
        )
        layout.is_rfc5424 = numbers[0]
        layout.lowest_priority = numbers[1]
        for i in range(8):
            # "<n>", and "1 " after it in RFC 5424
            layout.priority_sizes[i] = 2 + count_digits(layout.lowest_priority + i)
            layout.priority_sizes[i] += 2 * layout.is_rfc5424
        layout.precision = numbers[2]
        layout.local_time = numbers[3]
        layout.framing = numbers[4]
        layout.rules = <Py_ssize_t>ESCAPED[settings.rule]
        layout.max_size = numbers[5]
        prefix = <bytes>octets[0]
        separator = <bytes>octets[1]
        enterprise_id = <bytes>octets[2]
        layout.text = enterprise_id  # for get_enterprise_id, until there is more
        layout.enterprise_size = PyBytes_GET_SIZE(enterprise_id)
        structured_data = options["structured_data"]
        elements = b""
        if isinstance(structured_data, bytes):
            elements = read_bytes(structured_data)
            if elements == b"-":
                elements = b""
        elif structured_data is not None:
            # What is too long for a record is never written: it need not be kept, either.
            open_scratch(&scratch, &layout)
            try:
                render_elements(structured_data, layout.rules | ESCAPE_PARAM, &scratch)
                if not scratch.overflows:
                    elements = PyBytes_FromStringAndSize(scratch.elements, scratch.size)
            finally:
                close_scratch(&scratch)
        if len(elements) > layout.max_size:
            elements = b""
        suffix = <bytes>octets[3]
        layout.prefix_size = PyBytes_GET_SIZE(prefix)
        layout.identity_size = PyBytes_GET_SIZE(suffix)
        layout.separator_size = PyBytes_GET_SIZE(separator)
        if layout.is_rfc5424:
            layout.msgid_size = PyBytes_GET_SIZE(<bytes>octets[4])
            suffix += <bytes>octets[4] + b" " + (elements or b"-") + separator
            layout.elements_size = PyBytes_GET_SIZE(elements)
        text = prefix + suffix + enterprise_id
        layout.text = text
        layout.suffix_size = PyBytes_GET_SIZE(suffix)
        if layout.is_rfc5424 and not layout.local_time:
            layout.plain_size = layout.prefix_size + 20 + layout.suffix_size
            layout.plain_size += layout.precision + 1 if layout.precision else 0
        names = settings.names if numbers[7] < 0 else None
        process = <Py_ssize_t>system.getpid() if settings.names[2] is None else -1
        with cython.critical_section(self):
            if self.text is not None:
                reject_change()
            self.text = text
            self.options = options
            self.given = numbers[7]
            self.names = names
            self.identity_space = numbers[6]
            self.process = process
            self.is_ascii = <bint>text.isascii()
            self.reads_attributes = options["attributes"] is not None
            self.reads_header = options["header_attributes"] is not None
            self.layout = layout

    def encode(self, severity, message, *, time_ns=None, msgid=None, structured_data=None):
        """Return one record, framed.

        `severity` is 0 to 7, a Severity, or a keyword in any case, such as "err". `message` is a
        str or a buffer of UTF-8; what is ill-formed in it, lone surrogates too, becomes U+FFFD.
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
        return encode_any(&self.layout, code, message, &timestamp, msgid, structured_data)

    def encode_into(
        self, buffer, severity, message, offset=0, *, time_ns=None, msgid=None, structured_data=None
    ):
        """Write one record, framed, into `buffer` at `offset` and return where it ends.

        A bytearray grows as needed; any other writable, contiguous buffer must have space. What
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
        grows; in any other buffer those that have space. All have the same time; None reads the
        clock once. The other arguments, and the errors, are those of `encode_into`.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="lf")
        >>> encoder.encode_many_into(memoryview(bytearray(120)), "info", ["a", "b", "c"])
        (106, 2)
        """
        cdef Timestamp timestamp
        cdef Py_buffer view
        cdef Batch batch
        cdef bint grows
        cdef tuple texts
        cdef char *dst
        cdef Py_ssize_t start, size, space
        cdef int code = read_severity(severity)
        check_ready(self)
        read_time(time_ns, &timestamp)
        if not self.layout.is_rfc5424 and not is_writable(&timestamp, self.layout.local_time):
            read_clock(&timestamp)  # RFC 3164 has no NILVALUE: it is the present time, for all
        if not isinstance(messages, (list, tuple)):
            cold_path()
            reject_messages(messages)
        # It is read thrice, and the same has to be in it: in a list that may change meanwhile, and
        # what a subclass iterates over is its own affair. By way of a list of our own: when a
        # tuple is made of a list, the garbage collector may run code that empties it in between.
        texts = <tuple>messages if type(messages) is tuple else tuple(list(messages))
        view.len = NOT_HELD
        size = open_buffer(buffer, &view)
        try:
            start = read_offset(offset, size)
            grows = view.len == NOT_HELD
            space = MAX_LENGTH if grows else size - start
            if not are_safe(&self.layout, texts, space):
                return encode_each_into(self, buffer, code, texts, start, &timestamp)
            batch = write_many(&self.layout, code, texts, &timestamp, NULL, space)
            result = (start + batch.size, batch.count)  # what can fail comes before the first octet
            with cython.critical_section(buffer):
                dst = make_space(buffer, &view, start, batch.size)
                write_many(&self.layout, code, texts, &timestamp, dst, batch.size)
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

        Nothing in it raises an Exception: arguments that do not fit stand in the text, a `__str__`
        that raises is named there, and wrong names of structured data are made to fit.

        >>> import logging
        >>> record = logging.makeLogRecord({"msg": "%d sold", "args": (3,), "levelno": 25})
        >>> record.created = 1_065_910_455.003
        >>> Encoder(hostname="web1", app_name="shop", procid=42).encode_record(record)
        b'<13>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - 3 sold'
        """
        return encode_log_record(self, record, message, AS_BYTES, None)

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
        cdef Py_ssize_t separator_size = self.layout.separator_size
        check_ready(self)
        open_scratch(&scratch, &self.layout)
        try:
            record.severity = read_severity(severity)
            read_time(time_ns, &record.timestamp)
            read_own_fields(&self.layout, &record, &scratch, msgid, structured_data)
            size = measure_header(&self.layout, &record, self.layout.max_size - separator_size)
            result = PyBytes_FromStringAndSize(NULL, size)
            write_header(PyBytes_AS_STRING(result), &self.layout, &record, separator_size)
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
    hostname, app_name, procid = list_names(encoder)
    return {"hostname": hostname, "app_name": app_name, "procid": procid, **encoder.options}


cdef inline int check_ready(Encoder encoder) except -1:
    """Refuse what `Encoder.__new__` alone has made; it has no plain_size, so it comes here."""
    if encoder.text is None:
        cold_path()
        reject_unready()
    return 0
