# Header fields of a record of logging: `_layout.py` and `_options.py` are the specification.
#
# They are written anew for each record, beside a Layout on the caller's stack, which costs about as
# much as a look-up in a cache of rendered ones would. So there is none: nothing has to be bounded,
# locked or forgotten after a fork, and an encoder still never changes.

cdef enum:
    # The longest that RFC 5424 6 allows, with a space around each, or RFC 3164's ": ", "[" and "]".
    # What is beyond the end of a field for a moment has space behind them.
    MAX_FIELDS = 255 + 48 + 128 + 5 + 4


cdef enum FieldKind:
    ANY_FIELD, HOST_FIELD, TAG_FIELD, PID_FIELD    # RFC 5424's; those of RFC 3164


cdef inline bint is_allowed(uint8_t octet, FieldKind kind) noexcept nogil:
    """What the constants ..._CHARACTERS of `_options.py` say."""
    if c'a' <= octet | 32 <= c'z' or c'0' <= octet <= c'9' or octet in (c'-', c'.', c'_'):
        return True
    if kind == TAG_FIELD:
        return octet == c'/'
    if kind == HOST_FIELD:
        return octet == c':'
    return 33 <= octet <= 126 and not (kind == PID_FIELD and octet in (c'[', c']'))


cdef char *write_field(
    char *dst, object value, Span constant, Py_ssize_t limit, FieldKind kind
) except NULL:
    """Write a field that the record has, as `clean_field` does; for None the constant one."""
    cdef char *start = dst
    cdef const uint8_t *octets = NULL   # of a str that has no more than ASCII
    cdef Py_ssize_t i
    cdef Py_UCS4 char
    if value is None:
        return write_bytes(dst, constant.start, constant.size)
    if PyLong_CheckExact(value) and read_small_int(value) >= 0:
        return write_decimal(dst, read_small_int(value))
    if not PyUnicode_CheckExact(value):
        value = load_message().print_value(value)
    if PyUnicode_IS_ASCII(value):
        octets = <const uint8_t *>PyUnicode_DATA(value)
    for i in range(min(PyUnicode_GET_LENGTH(value), limit)):
        char = octets[i] if octets != NULL else PyUnicode_READ_CHAR(value, i)
        dst[0] = <char>char if char < 0x80 and is_allowed(char, kind) else c'_'
        dst += 1
        if char >= 0x80:  # an octet, not a character, is the unit
            memset(dst, c'_', 3)
            dst += 1 if char < 0x800 else 2 if char <= 0xFFFF else 3
        if dst - start >= limit:
            return start + limit
    if dst == start:
        dst[0] = c'-'
        dst += 1
    return dst


cdef inline Span take_field(Span *rest, char end) noexcept:
    """Take a rendered field off, and the octet that ends it."""
    cdef Span field
    cdef const char *found = <const char *>memchr(rest.start, end, rest.size)
    field.start = rest.start
    field.size = found - rest.start if found != NULL else rest.size
    rest.start += field.size + 1
    rest.size -= field.size + 1
    return field


cdef Py_ssize_t write_own_fields(
    char *fields, const Layout *layout, object hostname, object app_name, object procid
) except -1:
    """Write what stands between TIMESTAMP and MSGID or MSG; return the size. None: as it is.

    RFC 5424 6.2.4 to 6.2.6; RFC 3164 4.1.2, 4.1.3.
    """
    cdef char *dst = fields
    cdef char *start
    cdef Span rest, host, tag, pid
    rest.start = layout.text + layout.prefix_size + 1
    rest.size = layout.identity_size - 1
    dst[0] = c' '
    dst += 1
    host = take_field(&rest, c' ')
    if layout.is_rfc5424:
        tag = take_field(&rest, c' ')
        pid = take_field(&rest, c' ')
        dst = write_field(dst, hostname, host, 255, ANY_FIELD)
        dst[0] = c' '
        dst = write_field(dst + 1, app_name, tag, 48, ANY_FIELD)
        dst[0] = c' '
        dst = write_field(dst + 1, procid, pid, 128, ANY_FIELD)
        dst[0] = c' '
        return dst + 1 - fields
    if rest.size > 0:  # RFC 3164; else "local", without HOSTNAME
        dst = write_field(dst, hostname, host, 255, HOST_FIELD)
        dst[0] = c' '
        dst += 1
        rest.size -= 2  # ": "
    else:
        rest = host
        rest.size -= 1
    tag = rest
    pid.size = 0
    if rest.start[rest.size - 1] == c']':  # no TAG has one
        tag = take_field(&rest, c'[')
        pid = take_field(&rest, c']')
    dst = write_field(dst, app_name, tag, 32, TAG_FIELD)
    start = dst
    if pid.size or procid is not None:
        dst[0] = c'['
        dst = write_field(dst + 1, procid, pid, 128, PID_FIELD)
        dst[0] = c']'
        dst += 1
        if dst == start + 3 and start[1] == c'-':  # NILVALUE
            dst = start
    return write_bytes(dst, b": ", 2) - fields


cdef inline bint is_this_process(Encoder encoder, object process):
    """Return True if a record that this process has made has nothing to say about it."""
    return encoder.process < 0 or (
        PyLong_CheckExact(process) and read_small_int(process) == encoder.process
    )


cdef object make_own_layout(Encoder encoder, object record, object process, Layout *own):
    """Fill in the layout of a record with header fields of its own; return what it points to.

    None: there is nothing of its own, or it takes more space than there is.
    """
    cdef const Layout *layout = &encoder.layout
    cdef char[MAX_FIELDS] fields
    cdef char *dst
    cdef Py_ssize_t size, end
    hostname = app_name = procid = None
    if encoder.reads_header:
        attributes = encoder.options["header_attributes"]
        hostname = find_field(record, attributes, "hostname", None)
        if hostname is not None and not layout.is_rfc5424 and not encoder.options["fqdn"]:
            hostname = remove_domain(load_message().print_value(hostname))
        app_name = find_field(record, attributes, "app_name", None)
        procid = find_field(record, attributes, "procid", None)
    if procid is None and not is_this_process(encoder, process):
        if PyLong_Check(process) or PyUnicode_Check(process):
            procid = read_int(process) if PyLong_Check(process) else process
    if hostname is None and app_name is None and procid is None:
        return None
    size = write_own_fields(fields, layout, hostname, app_name, procid)
    if size > encoder.identity_space:
        return None
    own[0] = layout[0]
    end = layout.prefix_size + layout.identity_size
    own.identity_size = size
    own.suffix_size += size - layout.identity_size
    if layout.plain_size:
        own.plain_size += size - layout.identity_size
    result = PyBytes_FromStringAndSize(
        NULL, own.prefix_size + own.suffix_size + layout.enterprise_size
    )
    own.text = dst = PyBytes_AS_STRING(result)
    dst = write_bytes(dst, layout.text, layout.prefix_size)
    dst = write_bytes(dst, fields, size)
    write_bytes(
        dst, layout.text + end,
        layout.suffix_size - layout.identity_size + layout.enterprise_size,
    )
    return result
