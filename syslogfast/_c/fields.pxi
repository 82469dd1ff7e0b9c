# Fields of a record, of `bind` and of `bound`: `_emitter_py.py` is the specification.

# The context variable of `bound`: a tuple with the fields for each record of a context. None until
# `_bound` is imported, which sets it.
bound_fields = None


def watch_bound(variable, /):
    global bound_fields
    bound_fields = variable
    note_bound()


cdef inline bint uses_bound():
    """Return True if an interpreter's records may have fields of `bound`."""
    return is_bound_used() and bound_fields is not None


cdef extern from *:
    """
    static int syslogfast_bound_is_used;    /* by any interpreter: a look at the variable is dear */
    #define SYSLOGFAST_NOTE_BOUND() (syslogfast_bound_is_used = 1)
    #define SYSLOGFAST_BOUND_IS_USED() (syslogfast_bound_is_used)

    /* The fields of `bound`, which go before none; those of `bind`; those of a record, which may be
       NULL. None if there are no other than those of `bind`. */
    static PyObject *syslogfast_join_dicts(PyObject *variable, PyObject *own, PyObject *fields) {
        PyObject *found = NULL, *bound = NULL, *joined;
        if (variable != Py_None && PyContextVar_Get(variable, NULL, &found) < 0)
            return NULL;
        if (found && PyDict_GET_SIZE(PyTuple_GET_ITEM(found, 0)))
            bound = PyTuple_GET_ITEM(found, 0);
        if (!bound && (!fields || own == Py_None)) {
            joined = fields ? fields : Py_None;
            Py_INCREF(joined);
        } else if ((joined = bound ? PyDict_Copy(bound) : PyDict_New())) {
            if ((own != Py_None && PyDict_Update(joined, own) < 0)
                    || (fields && PyDict_Update(joined, fields) < 0))
                Py_CLEAR(joined);
        }
        Py_XDECREF(found);
        return joined;
    }

    /* What a context keeps for an encoder: its text with the fields of the context among its
       elements, None before that is made; `text` itself where there are no fields. */
    static PyObject *syslogfast_find_text(PyObject *variable, PyObject *encoder, PyObject *text) {
        PyObject *found = NULL;
        if (PyContextVar_Get(variable, NULL, &found) < 0)
            return NULL;
        if (found && PyDict_GET_SIZE(PyTuple_GET_ITEM(found, 0))) {
            text = PyDict_GetItem(PyTuple_GET_ITEM(found, 1), encoder);
            text = text ? text : Py_None;
        }
        Py_INCREF(text);
        Py_XDECREF(found);
        return text;
    }

    static int syslogfast_keep_text(PyObject *variable, PyObject *encoder, PyObject *text) {
        PyObject *found = NULL;
        int result = PyContextVar_Get(variable, NULL, &found);
        /* What is there stays: another thread of the same context may be about to use it. */
        if (found && !PyDict_SetDefault(PyTuple_GET_ITEM(found, 1), encoder, text))
            result = -1;
        Py_XDECREF(found);
        return result;
    }
    """
    void note_bound "SYSLOGFAST_NOTE_BOUND"() noexcept
    bint is_bound_used "SYSLOGFAST_BOUND_IS_USED"() noexcept
    object join_dicts "syslogfast_join_dicts"(object variable, object own, PyObject *fields)
    object find_text_of "syslogfast_find_text"(object variable, object encoder, object text)
    int keep_text "syslogfast_keep_text"(object variable, object encoder, object text) except -1


cdef enum:
    ALL_ELSE = 400  # octets: more than PRI, TIMESTAMP, MSGID, a number and a trace take


cdef object make_bound_text(Encoder encoder, object structured_data, Scratch *scratch):
    """Return Encoder.text with a record's elements beside its own; None: it would be too long."""
    cdef Record record
    cdef Span elements = get_elements(&encoder.layout)
    cdef const char *start = PyBytes_AS_STRING(encoder.text)
    cdef const char *end = start + PyBytes_GET_SIZE(encoder.text)
    cdef const char *rest = elements.start + max(elements.size, 1)      # or "-"
    cdef char *dst
    cdef Py_ssize_t size
    read_logged_fields(&encoder.layout, &record, scratch, None, structured_data)
    size = elements.start - start + record.constant_elements.size + record.elements.size
    size += end - rest
    # Else some record would be too long for them: those of its own are left out before these.
    if scratch.overflows or size + ALL_ELSE > encoder.layout.max_size:
        return None
    text = PyBytes_FromStringAndSize(NULL, size)
    dst = write_bytes(PyBytes_AS_STRING(text), start, elements.start - start)
    dst = write_bytes(dst, record.constant_elements.start, record.constant_elements.size)
    dst = write_bytes(dst, record.elements.start, record.elements.size)
    write_bytes(dst, rest, end - rest)
    keep_text(bound_fields, encoder, text)
    return text


cdef object find_bound_text(EmitterBase emitter, Encoder encoder):
    """Return the text of an encoder with the fields of the context; None: it would be too long."""
    cdef Scratch scratch
    cold_path()
    text = find_text_of(bound_fields, encoder, encoder.text)
    if text is None and encoder.layout.is_rfc5424:
        open_scratch(&scratch, &encoder.layout)
        try:
            text = make_bound_text(encoder, join_fields(emitter, None, NULL), &scratch)
        finally:
            close_scratch(&scratch)
    return text


cdef void lengthen_elements(Layout *layout, const char *text, Py_ssize_t size) noexcept:
    """Have a layout point to another text, which has so many octets more of elements."""
    layout.text = text
    layout.suffix_size += size
    layout.elements_size += size + (layout.elements_size == 0)
    if layout.plain_size:
        layout.plain_size += size


cdef object get_fields_id(EmitterBase emitter):
    if emitter.fields_id is None:
        cold_path()
        emitter.fields_id = name_element(
            FIELDS, read_text(get_enterprise_id(&emitter._encoder.layout))
        )
    return emitter.fields_id


cdef object join_fields(EmitterBase emitter, object structured_data, PyObject *fields):
    """Return a record's structured data with its fields: those of `bound`, of `bind`, its own.

    fields: NULL if it has none; then `bind` has put them into the encoder, unless `bound` has more.
    """
    joined = join_dicts(bound_fields, emitter._fields, fields)
    if joined is None:
        return structured_data
    if structured_data is None:
        return {get_fields_id(emitter): joined}
    cold_path()
    return load_structured_data().add_fields(
        structured_data, get_fields_id(emitter), joined, emitter._encoder
    )
