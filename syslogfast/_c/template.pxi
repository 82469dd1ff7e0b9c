# `template % args` straight into octets, for what most calls have: texts, numbers, None, in
# %s %r %d %i %u %x %X %f, with "-", "0", a width and a precision. No code of an argument runs here,
# so that Python's own `%` can do all else, and what does not fit, from the start.

cdef enum:
    FORMATTED_SPACE = 1024   # octets of what is formatted here
    TEMPLATE_SPACE = 128     # octets that any number with any width takes; both have two digits
    MAX_FIELD_WIDTH = 99


cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    #include <string.h>

    #define SYSLOGFAST_GET_ITEMS(args) (((PyTupleObject *)(args))->ob_item)

    static const uint64_t syslogfast_powers[10] = {
        1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000
    };

    /* Store value * 10**precision, rounded exactly, halves to even; 0 if that cannot be done. */
    static inline int syslogfast_scale(double value, int precision, uint64_t *scaled)
    {
    #ifdef __SIZEOF_INT128__
        unsigned __int128 product, rest;
        uint64_t bits;
        int shift;
        memcpy(&bits, &value, sizeof(bits));
        shift = 1075 - (int)(bits >> 52 & 0x7ff);   /* value = fraction / 2**shift */
        if (shift < 1)      /* infinite, or an integer of 53 bits and more */
            return 0;
        *scaled = 0;
        if (shift > 84)     /* the product is less than 2**83, so less than half of 2**shift */
            return 1;
        product = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
        product *= syslogfast_powers[precision];
        if (product >> shift >> 63)
            return 0;
        *scaled = (uint64_t)(product >> shift);
        rest = product << (128 - shift);
        product = (unsigned __int128)1 << 127;
        *scaled += rest > product || (rest == product && *scaled & 1);
        return 1;
    #else
        return 0;
    #endif
    }
    """
    const uint64_t *powers "syslogfast_powers"
    PyObject **get_items "SYSLOGFAST_GET_ITEMS"(tuple args)
    bint scale "syslogfast_scale"(double value, int precision, uint64_t *scaled) nogil
    double rint(double value) nogil
    bint signbit(double value) nogil
    tuple new_tuple "PyTuple_New"(Py_ssize_t size)
    void set_new_item "PyTuple_SET_ITEM"(tuple items, Py_ssize_t index, object item)


cdef inline char *write_hexadecimal(char *dst, uint64_t value, int case_offset) noexcept nogil:
    """Any value, up to 16 bytes; `case_offset` is 0, or what an upper-case letter is less."""
    cdef char *end = dst + 1
    cdef uint64_t rest = value >> 4
    cdef uint8_t digit
    while rest:
        rest >>= 4
        end += 1
    dst = end
    while True:
        dst -= 1
        digit = value & 15
        dst[0] = c'0' + digit if digit < 10 else c'a' - 10 + digit + case_offset
        value >>= 4
        if value == 0:
            return end


@cython.cdivision(True)
cdef char *write_scaled(
    char *dst, uint64_t scaled, int precision, bint minus
) noexcept nogil:
    """scaled / 10**precision, precision < 10, with so many decimals: up to 31 bytes."""
    cdef int i
    if minus:
        dst[0] = c'-'
        dst += 1
    dst = write_decimal(dst, scaled // powers[precision])
    if precision:
        dst[0] = c'.'
        for i in range(precision, 0, -1):
            dst[i] = <char>(c'0' + scaled % 10)
            scaled //= 10
        dst += precision + 1
    return dst


cdef inline char *write_rounded(char *dst, double value, int precision) noexcept nogil:
    """`%.Nf`, exact as Python's; NULL where this does not know how. Up to 31 bytes."""
    cdef uint64_t scaled
    if precision > 9 or not scale(value, precision, &scaled):
        return NULL
    return write_scaled(dst, scaled, precision, signbit(value))


@cython.cdivision(True)
cdef inline char *write_short(char *dst, double value) noexcept nogil:
    """repr(), the fewest digits that make up the value; NULL where this does not know how.

    Of up to 15 digits no two numbers are of the same value, so the first that is found is the one;
    the product is off by less than a quarter, and the quotient is exact.
    """
    cdef double size = -value if value < 0 else value
    cdef double digits
    cdef int decimals
    if not 1e-4 <= size < 1e15:
        return NULL
    for decimals in range(10):
        digits = size * <double>powers[decimals]
        if digits >= 1e15:
            return NULL
        digits = rint(digits)
        if digits / <double>powers[decimals] == size:
            if decimals == 0:
                decimals = 1
                digits *= 10
            return write_scaled(dst, <uint64_t>digits, decimals, value < 0)
    return NULL


cdef inline const char *read_width(const char *src, Py_ssize_t *width) noexcept nogil:
    """Read up to two digits; the octet after the last of a template is a NUL."""
    width[0] = 0
    while width[0] < 10 and c'0' <= src[0] <= c'9':
        width[0] = 10 * width[0] + src[0] - c'0'
        src += 1
    return src


cdef char *write_float(char *dst, Py_ssize_t space, double value, char kind, int precision):
    """Write what PyOS_double_to_string gives, which has other rules for "s"; NULL: no space."""
    cdef char *end
    cdef char *text
    cdef Py_ssize_t size
    end = write_rounded(dst, value, precision) if kind == c'f' else write_short(dst, value)
    if end != NULL:
        return end
    text = PyOS_double_to_string(
        value, c'f' if kind == c'f' else c'r', precision if kind == c'f' else 0,
        0 if kind == c'f' else Py_DTSF_ADD_DOT_0, NULL,
    )
    if text == NULL:
        PyErr_Clear()
        return NULL
    size = strlen(text)
    if size <= space:
        end = write_bytes(dst, text, size)
    PyMem_Free(text)
    return end


cdef inline const char *read_utf8(object text, Py_ssize_t *size, bint *is_ascii):
    """Return the UTF-8 of a str, which that keeps; NULL: it has none, for it has surrogates."""
    cdef const char *start
    if PyUnicode_IS_ASCII(text):
        size[0] = PyUnicode_GET_LENGTH(text)
        return <const char *>PyUnicode_DATA(text)
    is_ascii[0] = False
    start = as_utf8(<PyObject *>text, size)
    if start == NULL:
        PyErr_Clear()
    return start


cdef char *write_value(
    char *dst, Py_ssize_t space, object value, char kind, Py_ssize_t precision, bint *is_ascii
):
    """Write one argument, without its width; NULL: Python has to. Space for a number there is."""
    cdef const char *src
    cdef Py_ssize_t size, i
    cdef int64_t number
    cdef uint64_t rest
    cdef int overflow
    if PyUnicode_CheckExact(value):
        src = read_utf8(value, &size, is_ascii)
        if src == NULL or size > space - 2:
            return NULL
        if kind == c's':
            return write_bytes(dst, src, size)
        if kind != c'r':
            return NULL
        for i in range(size):
            if not c' ' <= src[i] <= c'~' or src[i] == c"'" or src[i] == c'\\':
                return NULL
        dst[0] = c"'"
        dst = write_bytes(dst + 1, src, size)
        dst[0] = c"'"
        return dst + 1
    if PyLong_CheckExact(value):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if overflow:
            return NULL
    elif PyFloat_CheckExact(value):
        if kind == c's' or kind == c'r' or kind == c'f':
            return write_float(dst, space, PyFloat_AS_DOUBLE(value), kind, <int>precision)
        if kind != c'd' or not -1e18 < PyFloat_AS_DOUBLE(value) < 1e18:
            return NULL
        number = <int64_t>PyFloat_AS_DOUBLE(value)
    elif value is True or value is False:
        if kind == c's' or kind == c'r':
            return write_bytes(dst, b"True" if value is True else b"False", 4 + (value is False))
        number = value is True
    elif value is None and (kind == c's' or kind == c'r'):
        return write_bytes(dst, b"None", 4)
    else:
        return NULL
    if kind == c'f':
        if not -(1LL << 53) < number < 1LL << 53:
            return NULL
        return write_float(dst, space, <double>number, kind, <int>precision)
    rest = <uint64_t>number
    if number < 0:
        dst[0] = c'-'
        dst += 1
        rest = 0 - rest
    if kind == c'x' or kind == c'X':
        return write_hexadecimal(dst, rest, kind - c'x')
    return write_decimal(dst, rest)


cdef char *write_template(
    char *dst, str template, PyObject **args, Py_ssize_t count, bint *is_ascii
):
    """Write `template % args` into FORMATTED_SPACE octets; return the end.

    NULL: Python has to do it.
    """
    cdef const char *limit = dst + FORMATTED_SPACE - TEMPLATE_SPACE
    cdef const char *src
    cdef const char *end
    cdef const char *mark
    cdef char *start
    cdef Py_ssize_t size, width, precision, index = 0
    cdef bint has_rules, is_left, has_zeros
    cdef char kind
    is_ascii[0] = True
    src = read_utf8(template, &size, is_ascii)
    if src == NULL:
        return NULL
    end = src + size
    while True:
        mark = <const char *>memchr(src, c'%', end - src)
        size = (mark if mark != NULL else end) - src
        if size > limit - dst:
            return NULL
        dst = write_bytes(dst, src, size)
        if mark == NULL:
            return dst if index == count else NULL
        kind = mark[1]
        src = mark + 2
        width = 0
        precision = -1
        has_rules = is_left = has_zeros = False
        if kind == c'%':
            dst[0] = c'%'
            dst += 1
            continue
        if kind < c'A':
            has_rules = True
            src = mark + 1
            while src[0] == c'-' or src[0] == c'0':
                is_left = is_left or src[0] == c'-'
                has_zeros = has_zeros or src[0] == c'0'
                src += 1
            src = read_width(src, &width)
            if src[0] == c'.':
                src = read_width(src + 1, &precision)
            kind = src[0]
            src += 1
        if index == count or dst > limit:
            return NULL
        if kind == c's' or kind == c'r':
            has_zeros = False
        elif kind == c'f':
            if precision < 0:
                precision = 6
        elif precision >= 0:
            return NULL
        elif kind == c'i' or kind == c'u':
            kind = c'd'
        elif kind != c'd' and kind != c'x' and kind != c'X':
            return NULL
        start = dst
        dst = write_value(
            dst, limit - dst + TEMPLATE_SPACE - MAX_FIELD_WIDTH,
            <object>args[index], kind, precision, is_ascii,
        )
        if dst == NULL:
            return NULL
        index += 1
        if not has_rules:
            continue
        if not is_ascii[0] and kind == c's':    # whose characters are not octets
            return NULL
        if kind != c'f' and 0 <= precision < dst - start:
            dst = start + precision
        size = width - (dst - start)
        if size > 0:
            if is_left:
                memset(dst, c' ', size)
            else:
                if has_zeros and start[0] == c'-':
                    start += 1
                memmove(start + size, start, dst - start)
                memset(start, c'0' if has_zeros else c' ', size)
            dst += size


cdef object format_plainly(str template, tuple args):
    """Return `template % args`; None if Python has to do it."""
    cdef char[FORMATTED_SPACE] space
    cdef bint is_ascii
    cdef char *end = write_template(
        space, template, get_items(args), PyTuple_GET_SIZE(args), &is_ascii
    )
    if end == NULL:
        return None
    if not is_ascii:
        return PyUnicode_DecodeUTF8(space, end - space, NULL)
    text = PyUnicode_New(end - space, 127)
    memcpy(PyUnicode_DATA(text), space, end - space)
    return text


cdef tuple take_items(PyObject **args, Py_ssize_t count):
    cdef Py_ssize_t i
    cdef tuple items = new_tuple(count)
    for i in range(count):
        Py_INCREF(<object>args[i])
        set_new_item(items, i, <object>args[i])
    return items
