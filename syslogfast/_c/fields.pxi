# Fields of a record, of `bind` and of `bound`: `_emitter_py.py` is the specification.

# The context variable of `bound`: a tuple with the fields for each record of a context. None until
# `_bound` is imported, which sets it.
bound_fields = None
make_bound_encoder = None   # of an encoder and the fields of `bind`: that one


def watch_bound(variable, make_encoder, /):
    global bound_fields, make_bound_encoder
    bound_fields = variable
    make_bound_encoder = make_encoder


cdef extern from *:
    """
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

    /* The encoder for records of a context: this one where there are no fields; None as long as few
       records had them; an int when one with these fields is to be made. */
    static PyObject *syslogfast_find_encoder(PyObject *variable, PyObject *encoder) {
        PyObject *found = NULL, *cache, *known, *result = encoder;
        if (PyContextVar_Get(variable, NULL, &found) < 0)
            return NULL;
        if (found && PyDict_GET_SIZE(PyTuple_GET_ITEM(found, 0))) {
            cache = PyTuple_GET_ITEM(found, 1);
            result = PyDict_GetItemWithError(cache, encoder);
            if (!result || (PyLong_CheckExact(result) && PyLong_AsLong(result) < 16)) {
                known = PyLong_FromLong(result ? PyLong_AsLong(result) + 1 : 1);
                result = known && PyDict_SetItem(cache, encoder, known) == 0 ? Py_None : NULL;
                Py_XDECREF(known);
            }
        }
        Py_XINCREF(result);
        Py_XDECREF(found);
        return result;
    }
    """
    object join_dicts "syslogfast_join_dicts"(object variable, object own, PyObject *fields)
    object find_encoder_of "syslogfast_find_encoder"(object variable, object encoder)


cdef object find_bound(EmitterBase emitter, Encoder encoder):
    """Return the encoder for the context of a record; None: its fields are to be joined to it."""
    cold_path()
    found = find_encoder_of(bound_fields, encoder)
    return make_bound_encoder(encoder, emitter._fields) if PyLong_CheckExact(found) else found


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
