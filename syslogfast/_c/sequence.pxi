# Numbers of records: `_emitter_py.py` is the specification.

cdef enum:
    ELEMENT_SPACE = 64   # octets: more than an element with a number takes


cdef class Sequence:
    # Numbers an originator's records, in the order in which they were emitted (RFC 5424 7.3.1):
    # from 1 to 2,147,483,647, and again from 1; a process that was forked begins at 1.

    def __cinit__(self, str element="meta", str name="sequenceId", /):
        cold_path()
        self.element, self.name = element, name
        self.written = -1
        self.start = b'[%s %s="' % (element.encode(), name.encode())

    def advance(self):
        return take_number(self)

    def number(self, structured_data):
        cdef char[ELEMENT_SPACE] space
        if structured_data is None:
            return PyBytes_FromStringAndSize(space, write_number(space, self))
        return load_structured_data().add_number(
            structured_data, take_number(self), self.element, self.name
        )


@cython.critical_section
cdef int64_t take_number(Sequence sequence) noexcept:
    renew_sequence(sequence)
    sequence.last = follow(sequence.last)
    return sequence.last


cdef Py_ssize_t write_number(char *dst, Sequence sequence) noexcept:
    """Write the element with the next number into ELEMENT_SPACE, and return its size.

    Nine of ten differ from the one before in a digit alone.
    """
    cdef int64_t number = take_number(sequence)
    cdef char *text = dst if NO_GIL else sequence.text  # which other threads would change
    cdef char *last = text + sequence.text_size - 3
    cdef bytes start
    cdef char *end
    if not NO_GIL and number == sequence.written + 1 and last[0] != c"9":
        last[0] += 1
    else:
        start = sequence.start
        end = write_bytes(text, PyBytes_AS_STRING(start), PyBytes_GET_SIZE(start))
        end = write_decimal(end, number)
        end = write_bytes(end, b'"]', 2)
        if NO_GIL:
            return end - text
        sequence.text_size = end - text
    sequence.written = number
    memcpy(dst, text, ELEMENT_SPACE)
    return sequence.text_size


cdef object number_elements(Sequence sequence, object structured_data, const Layout *layout):
    """Return a record's structured data, whatever they are, with the next number in them."""
    if structured_data is None:
        return sequence.number(None)
    if (
        type(structured_data) is dict and has_plain_keys(structured_data)
        and PyDict_GetItem(structured_data, sequence.element) == NULL
    ):
        number = {sequence.name: take_number(sequence)}
        return {**<dict>structured_data, sequence.element: number}
    return load_structured_data().number_elements(
        structured_data, sequence, read_text(get_enterprise_id(layout))
    )


cdef inline void renew_sequence(Sequence sequence) noexcept:
    if sequence.forks != forks:
        sequence.forks, sequence.last = forks, 0


cdef int64_t *find_last_number(Sequence sequence) noexcept:
    cold_path()
    renew_sequence(sequence)
    return &sequence.last
