# Structured data of printable ASCII whose names need no completing, as most is: RFC 5424 6.3.
#
# What else it is the encoder finds out, which has the rules: `structured_data.pxi`.

cdef enum:
    ELEMENTS_SPACE = 512    # octets
    NAME_SPACE = 32         # octets of an SD-NAME (RFC 5424 6.3.2)
    NUMBER_SPACE = 21       # octets of an integer of 64 bits


cdef extern from *:
    """
    /* What an octet of ASCII is: 1 not printable, 2 none of a name, 4 neither that nor in a value
       without a backslash, 8 the backslash. */
    static const char syslogfast_kinds[] =
        "\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1"
        "\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1\\1"
        "\\2\\0\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0"
        "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\0"
        "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0"
        "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\10\\4\\0\\0"
        "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0"
        "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\1";

    /* Copy printable ASCII; an octet of one of `kinds` has a backslash before it if it may, else
       it is refused. Return the end; NULL: it cannot be done. */
    static char *syslogfast_copy_plain(
        char *dst, const char *limit, PyObject *text, Py_ssize_t most, int kinds, int escapes
    ) {
        const unsigned char *src, *end;
        if (!PyUnicode_CheckExact(text) || !PyUnicode_IS_ASCII(text))
            return NULL;
        src = (const unsigned char *)PyUnicode_DATA(text);
        end = src + PyUnicode_GET_LENGTH(text);
        if (end - src > most || end - src > limit - dst)
            return NULL;
        for (; src < end; src++) {
            if (syslogfast_kinds[*src] & kinds) {
                if (!escapes || syslogfast_kinds[*src] & 1 || end - src >= limit - dst)
                    return NULL;
                *dst++ = 0x5c;
            }
            *dst++ = (char)*src;
        }
        return dst;
    }
    """
    char *copy_plain "syslogfast_copy_plain"(
        char *dst, const char *limit, PyObject *text, Py_ssize_t most, int kinds, bint escapes
    )


cdef char *write_name(char *dst, const char *limit, PyObject *name) noexcept:
    """Write an SD-NAME; NULL: it is none."""
    cdef char *end = copy_plain(dst, limit, name, NAME_SPACE, 1 | 2 | 4, False)
    return NULL if end == dst else end


cdef char *write_sd_id(char *dst, const char *limit, PyObject *name) noexcept:
    """Write an SD-ID with a number; NULL: it is none, or has periods."""
    cdef char *end = write_name(dst, limit, name)
    cdef char *at
    cdef char *digit
    if end == NULL:
        return NULL
    at = <char *>memchr(dst, c'@', end - dst)
    if at == NULL or at == dst or at + 1 == end:
        return NULL
    digit = at + 1
    while digit < end:
        if not c'0' <= digit[0] <= c'9':
            return NULL
        digit += 1
    return end


cdef object write_elements(PyObject *elements):
    """Return the SD-ELEMENTs of a dict of dicts as octets; None if the encoder has to make them."""
    cdef char[ELEMENTS_SPACE] space
    cdef const char *limit = space + ELEMENTS_SPACE - NUMBER_SPACE - 4  # and what is around them
    cdef char *dst = space
    cdef PyObject *name
    cdef PyObject *value
    cdef PyObject *parameters
    cdef Py_ssize_t position = 0, inner
    cdef int64_t number
    cdef int overflow
    if not PyDict_CheckExact(<object>elements):
        return None
    while PyDict_Next(<object>elements, &position, &name, &parameters):
        dst[0] = c'['
        dst = write_sd_id(dst + 1, limit, name)
        if dst == NULL or not PyDict_CheckExact(<object>parameters):
            return None
        inner = 0
        while PyDict_Next(<object>parameters, &inner, &name, &value):
            dst[0] = c' '
            dst = write_name(dst + 1, limit, name)
            if dst == NULL:
                return None
            dst = write_bytes(dst, b'="', 2)
            if PyLong_CheckExact(<object>value):
                number = PyLong_AsLongLongAndOverflow(<object>value, &overflow)
                if number < 0 or overflow:
                    return None
                dst = write_decimal(dst, number)
            else:
                dst = copy_plain(dst, limit, value, ELEMENTS_SPACE, 1 | 4 | 8, True)
            if dst == NULL or dst > limit:
                return None
            dst[0] = c'"'
            dst += 1
        dst[0] = c']'
        dst += 1
    return PyBytes_FromStringAndSize(space, dst - space) if dst > space else None
