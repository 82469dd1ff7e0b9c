# STRUCTURED-DATA (RFC 5424 6.3): `_structured_data.py` is the specification.

cdef object check_sd_name(str field, object name):
    """RFC 5424 6.3.3: SD-NAME = 1*32PRINTUSASCII except '=', SP, ']' and '"'."""
    cdef const uint8_t *octets
    cdef Py_ssize_t size, i
    if not PyUnicode_Check(name) or not PyUnicode_IS_ASCII(name):
        reject_sd_name(field, name)
    octets = <const uint8_t *>PyUnicode_DATA(name)
    size = PyUnicode_GET_LENGTH(name)
    if not 1 <= size <= MAX_SD_NAME:
        reject_sd_name(field, name)
    for i in range(size):
        if not 33 <= octets[i] <= 126 or octets[i] in (c'=', c']', c'"'):
            reject_sd_name(field, name)


cdef bint is_enterprise_id(const uint8_t *octets, Py_ssize_t size) noexcept:
    """RFC 5424 7.2.2: a private enterprise number, or more numbers with periods between them."""
    cdef bint is_whole = False
    cdef Py_ssize_t i
    for i in range(size):
        if not c'0' <= octets[i] <= c'9' and not (is_whole and octets[i] == c'.'):
            return False
        is_whole = octets[i] != c'.'
    return is_whole


cdef object check_sd_id(object sd_id, object elements, Span number):
    """RFC 5424 6.3.2: SD-ID = a name of IANA's, or a name, "@" and a private enterprise number."""
    cdef const uint8_t *octets
    cdef const uint8_t *at
    cdef char *dst
    cdef Py_ssize_t size
    check_sd_name("SD-ID", sd_id)
    octets = <const uint8_t *>PyUnicode_DATA(sd_id)
    size = PyUnicode_GET_LENGTH(sd_id)
    at = <const uint8_t *>memchr(octets, c'@', size)
    if at == NULL:
        if not number.size or sd_id in REGISTERED_SD_IDS:
            return sd_id
        complete = PyUnicode_New(size + 1 + number.size, 127)
        dst = write_bytes(<char *>PyUnicode_DATA(complete), <const char *>octets, size)
        dst[0] = c'@'
        write_bytes(dst + 1, number.start, number.size)
        if PyUnicode_GET_LENGTH(complete) <= MAX_SD_NAME and complete not in elements:
            return complete
    elif at > octets and is_enterprise_id(at + 1, octets + size - at - 1):
        return sd_id
    return complete_sd_id(sd_id, read_text(number), elements)


cdef int render_parameter(object name, object value, int rules, Scratch *scratch) except -1:
    """RFC 5424 6.3.3: SD-PARAM = PARAM-NAME "=" %d34 PARAM-VALUE %d34, with an SP before it.

    A value that is None has no parameter.
    """
    cdef Span text
    cdef Measure measure
    cdef char *dst
    check_sd_name("PARAM-NAME", name)
    if value is None:
        return 0
    if not PyUnicode_Check(value):
        if isinstance(value, (bytes, bytearray, memoryview)):
            value = value if PyBytes_CheckExact(value) else bytes(memoryview(value))
            rules |= REPAIR_UTF8
        else:
            value = str(value)
    if PyUnicode_Check(value):
        rules |= point_to_str(value, &text)
    else:
        text.start = PyBytes_AS_STRING(value)
        text.size = PyBytes_GET_SIZE(value)
    append(scratch, b" ", 1)
    append(scratch, <const char *>PyUnicode_DATA(name), PyUnicode_GET_LENGTH(name))
    append(scratch, b'="', 2)
    measure = measure_text(<const uint8_t *>text.start, text.size, rules, scratch.limit)
    if measure.consumed < text.size:
        scratch.overflows = True
    dst = reserve(scratch, measure.produced)
    if dst != NULL:
        write_text(dst, <const uint8_t *>text.start, &measure, rules)
    return append(scratch, b'"', 1)


cdef inline bint runs_no_code(object value) noexcept:
    """Return True if str() of a value runs no code but Python's own."""
    return (
        value is None or PyUnicode_CheckExact(value) or PyLong_CheckExact(value)
        or PyFloat_CheckExact(value) or PyBool_Check(value) or PyBytes_CheckExact(value)
    )


cdef object list_parameters(object parameters):
    """Return a list of (name, value) pairs, none for None; what cannot be one, as it is."""
    if parameters is None:
        return []
    if isinstance(parameters, dict):
        return list(parameters.items())
    return list(parameters) if isinstance(parameters, (list, tuple)) else parameters


cdef bint is_side_effect_free(object structured_data) except -1:
    """Return True if it can be read in place: no code of its values runs, which could change it.

    Without the GIL another thread could.
    """
    if type(structured_data) is not dict or not has_plain_keys(structured_data):
        return False
    for parameters in (<dict>structured_data).values():
        if type(parameters) is dict:
            for value in (<dict>parameters).values():
                if not runs_no_code(value):
                    return False
        elif type(parameters) is list or type(parameters) is tuple:
            for i in range(PySequence_Fast_GET_SIZE(parameters)):
                pair = <object>PySequence_Fast_GET_ITEM(parameters, i)
                if type(pair) is not tuple or len(<tuple>pair) != 2:
                    return False
                if not runs_no_code((<tuple>pair)[1]):
                    return False
        elif parameters is not None:
            return False
    return True


cdef bint is_pair(object value) except -1:
    return isinstance(value, (list, tuple)) and PyObject_Size(value) == 2


cdef int render_pairs(object pairs, int rules, Scratch *scratch) except -1:
    cdef Py_ssize_t i
    if not isinstance(pairs, (list, tuple)):
        reject_parameters(pairs)
    for i in range(PySequence_Fast_GET_SIZE(pairs)):
        pair = <object>PySequence_Fast_GET_ITEM(pairs, i)
        if not is_pair(pair):
            reject_parameters(pair)
        render_parameter(
            PySequence_GetItem(pair, 0), PySequence_GetItem(pair, 1), rules, scratch
        )
    return 0


cdef object read_sd_id(object sd_id):
    """Return a key as the text that it is, whatever a subclass of str pretends."""
    return "".join([sd_id]) if PyUnicode_Check(sd_id) else sd_id


cdef int render_elements(object structured_data, int rules, Scratch *scratch) except -1:
    """Append SD-ELEMENTs (RFC 5424 6.3.1)."""
    if not isinstance(structured_data, dict):
        reject_structured_data(structured_data)
    if NO_GIL or not is_side_effect_free(structured_data):
        items = list(structured_data.items())
        structured_data = {}
        for item in items:
            if not is_pair(item):
                reject_structured_data(item)
            (<dict>structured_data)[read_sd_id(PySequence_GetItem(item, 0))] = list_parameters(
                PySequence_GetItem(item, 1)
            )
    for sd_id, parameters in (<dict>structured_data).items():
        append(scratch, b"[", 1)
        sd_id = check_sd_id(sd_id, structured_data, scratch.enterprise_id)
        append(scratch, <const char *>PyUnicode_DATA(sd_id), PyUnicode_GET_LENGTH(sd_id))
        if type(parameters) is dict:
            for name, value in (<dict>parameters).items():
                render_parameter(name, value, rules, scratch)
        elif parameters is not None:
            render_pairs(parameters, rules, scratch)
        append(scratch, b"]", 1)
    return 0


cdef Span split_element(Span *elements) noexcept:
    """Take the first SD-ELEMENT off and return it."""
    cdef Span element
    cdef Py_ssize_t size = 0
    # A "]" that is part of a value has a backslash before it; an SD-ID may end in one.
    while size < elements.size and elements.start[size] != c' ' and elements.start[size] != c']':
        size += 1
    while size < elements.size and elements.start[size] != c']':
        size += 2 if elements.start[size] == c'\\' else 1
    size = min(size + 1, elements.size)
    element.start = elements.start
    element.size = size
    elements.start += size
    elements.size -= size
    return element


cdef Span find_sd_id(Span element) noexcept:
    """Return the SD-ID of an element; an empty one if it is not an element."""
    cdef Span sd_id
    sd_id.start = element.start + 1
    sd_id.size = 0
    if element.size and element.start[0] == c'[':
        while sd_id.size + 1 < element.size and sd_id.start[sd_id.size] not in (c' ', c']'):
            sd_id.size += 1
    return sd_id


cdef bint has_element(Span elements, Span sd_id) noexcept:
    cdef Span other
    while elements.size:
        other = find_sd_id(split_element(&elements))
        if other.size == sd_id.size and memcmp(other.start, sd_id.start, sd_id.size) == 0:
            return True
    return False


cdef int join_elements(Span constant, Record *record, Scratch *scratch) except -1:
    """Keep the constant elements, but for those that the record gives anew."""
    cdef Span rest = constant, element, sd_id
    cdef Py_ssize_t start = scratch.size
    while rest.size:
        element = split_element(&rest)
        sd_id = find_sd_id(element)
        if sd_id.size and has_element(record.elements, sd_id):
            continue
        append(scratch, element.start, element.size)
        if start:
            record.elements.start = scratch.elements  # rendered there, which may have moved
    record.constant_elements.start = scratch.elements + start
    record.constant_elements.size = scratch.size - start
    return 0
