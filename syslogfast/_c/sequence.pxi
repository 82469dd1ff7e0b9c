# Numbers of records: `_emitter_py.py` is the specification.

cdef enum:
    ELEMENT_SPACE = 64   # octets: more than an element with a number takes


cdef class Sequence:
    # Numbers an originator's records, in the order in which they were emitted (RFC 5424 7.3.1):
    # from 1 to 2,147,483,647, and again from 1; a process that was forked begins at 1.

    def __cinit__(self, str element="meta", str name="sequenceId", /):
        cold_path()
        self.element, self.name = element, name
        self.start = b'[%s %s="' % (element.encode(), name.encode())

    def advance(self):
        return take_number(self)

    def number(self, structured_data):
        cdef char[ELEMENT_SPACE] space
        if structured_data is None:
            return PyBytes_FromStringAndSize(space, write_number(space, self) - space)
        return load_structured_data().add_number(
            structured_data, take_number(self), self.element, self.name
        )


@cython.critical_section
cdef int64_t take_number(Sequence sequence) noexcept:
    renew_sequence(sequence)
    sequence.last = follow(sequence.last)
    return sequence.last


cdef char *write_number(char *dst, Sequence sequence) noexcept:
    """Write the element with the next number."""
    cdef bytes start = sequence.start
    dst = write_bytes(dst, PyBytes_AS_STRING(start), PyBytes_GET_SIZE(start))
    dst = write_decimal(dst, take_number(sequence))
    return write_bytes(dst, b'"]', 2)


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
