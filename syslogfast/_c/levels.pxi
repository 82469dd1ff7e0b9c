# `emit`, and the methods of EmitterBase for one severity each: they have one body, for nine that
# Cython makes would take 6 KB, and an empty dict for the fields of each call.

cdef extern from *:
    """
    static PyObject *syslogfast_emit_given(PyObject *, int, PyObject **, Py_ssize_t, PyObject *);
    #define SYSLOGFAST_EMIT_DOC \
        "Send one record, unless its severity is below the `level` of `connect`.\\n" \
        "\\n" \
        "`severity`, `msgid`, `structured_data` and `time_ns` are those of `Encoder.encode`,\\n" \
        "and so are the errors that they raise; but structured data raise none: names that\\n" \
        "are wrong are made to fit. `message` may be anything: bytes and other buffers are\\n" \
        "UTF-8, all else is written as by str(); with `args` it is the template of a\\n" \
        "%-formatting, as in `logging`: if they do not fit, both are the text. What cannot\\n" \
        "be printed is named there. Of a t-string (PEP 750) each value is a field, too, named\\n" \
        "by its expression.\\n" \
        "\\n" \
        "exc_info: an exception, True for the one that is being handled, or what\\n" \
        "sys.exc_info() gives: its traceback stands after the message. fields: parameters of\\n" \
        "an element of structured data, fields@32473, or with the `enterprise_id` of\\n" \
        "`connect`; those that are None are left out.\\n" \
        "\\n" \
        "It waits only if overflow=\\"block\\"; what becomes of the record is in `stats`.\\n" \
        "TypeError: a field is named like an option, but for underscores and case."
    #define SYSLOGFAST_ANY 8    /* in place of a severity: it is the first argument */
    #define SYSLOGFAST_LEVELS \
        SYSLOGFAST_LEVEL(emergency, "0", "the system is unusable") \
        SYSLOGFAST_LEVEL(alert, "1", "action must be taken immediately") \
        SYSLOGFAST_LEVEL(critical, "2", "critical conditions") \
        SYSLOGFAST_LEVEL(error, "3", "error conditions") \
        SYSLOGFAST_LEVEL(warning, "4", "warning conditions") \
        SYSLOGFAST_LEVEL(notice, "5", "a normal but significant condition") \
        SYSLOGFAST_LEVEL(info, "6", "informational") \
        SYSLOGFAST_LEVEL(debug, "7", "for debugging")
    #define SYSLOGFAST_LEVEL(name, severity, meaning) \
        static PyObject *syslogfast_##name( \
            PyObject *self, PyObject **args, Py_ssize_t count, PyObject *names \
        ) { \
            return syslogfast_emit_given(self, severity[0] - '0', args, count, names); \
        }
    SYSLOGFAST_LEVELS
    static PyObject *syslogfast_emit(
        PyObject *self, PyObject **args, Py_ssize_t count, PyObject *names
    ) {
        return syslogfast_emit_given(self, SYSLOGFAST_ANY, args, count, names);
    }
    #undef SYSLOGFAST_LEVEL
    #define SYSLOGFAST_METHOD(name, parameters, meaning) { \
        #name, (PyCFunction)(void (*)(void))syslogfast_##name, METH_FASTCALL | METH_KEYWORDS, \
        PyDoc_STR(#name "($self, " parameters ", /, *args, msgid=None, structured_data=None, " \
        "time_ns=None, exc_info=None, **fields)\\n--\\n\\n" meaning) \
    },
    #define SYSLOGFAST_LEVEL(name, severity, meaning) SYSLOGFAST_METHOD( \
        name, "message", "Send a record of severity " severity ": " meaning "." \
    )
    static const PyMethodDef syslogfast_levels[] = {
        SYSLOGFAST_LEVELS
        SYSLOGFAST_METHOD(emit, "severity, message", SYSLOGFAST_EMIT_DOC)
        {NULL, NULL, 0, NULL}
    };

    static int syslogfast_add_levels(PyObject *type) {
        const PyMethodDef *level;
        for (level = syslogfast_levels; level->ml_name; level++) {
            PyObject *method = PyDescr_NewMethod(
                (PyTypeObject *)type, (PyMethodDef *)level
            );
            int result = method ? PyObject_SetAttrString(type, level->ml_name, method) : -1;
            Py_XDECREF(method);
            if (result < 0)
                return -1;
        }
        return 0;
    }
    """
    ctypedef struct Level "const PyMethodDef":
        const char *name "ml_name"
    Level *methods "syslogfast_levels"
    int add_levels "syslogfast_add_levels"(object type) except -1
    PyObject *get_item "PyTuple_GET_ITEM"(PyObject *values, Py_ssize_t index) nogil
    Py_ssize_t get_size "PyTuple_GET_SIZE"(PyObject *values) nogil
    PyObject *Py_None
    object PyErr_Format(object type, const char *format, ...)


cdef enum:
    ANY = 8     # see above
    KNOWN_NAMES = 1000


cdef enum:   # where each is in EMIT_OPTIONS
    MSGID, STRUCTURED_DATA, TIME, EXC_INFO, OPTIONS


option_names = EMIT_OPTIONS
field_names = {}    # keywords that have been found to be no option, and not nearly one


cdef object read_given(PyObject **given, PyObject **values, PyObject *names):
    """Take options and fields apart; return the fields, None if there are none."""
    cdef Py_ssize_t i, k
    cdef PyObject *options = <PyObject *>option_names
    fields = None
    for i in range(get_size(names)):
        name = <object>get_item(names, i)
        k = 0
        while k < OPTIONS and <PyObject *>name != get_item(options, k):
            k += 1
        if k == OPTIONS:
            k = -1
            if PyDict_GetItem(field_names, name) == NULL:
                cold_path()
                k = find_option(name)
                if k < 0 and PyUnicode_CheckExact(name) and len(<dict>field_names) < KNOWN_NAMES:
                    (<dict>field_names)[name] = None
        if k >= 0:
            given[k] = values[i]
            continue
        if fields is None:
            fields = {}
        (<dict>fields)[name] = <object>values[i]
    return fields


cdef object emit_given "syslogfast_emit_given"(
    object self, int severity, PyObject **args, Py_ssize_t count, PyObject *names
):
    cdef PyObject *given[OPTIONS]
    cdef PyObject *values[MOST_VALUES]
    cdef PyObject *of_values = NULL
    cdef PyObject *emitter = <PyObject *>self   # or its recorder, which it keeps
    cdef Py_ssize_t first = severity == ANY    # where the message is
    joined = None
    given[MSGID] = given[STRUCTURED_DATA] = given[TIME] = given[EXC_INFO] = Py_None
    fields = None if names == NULL else read_given(given, args + count, names)
    if count <= first:
        cold_path()
        PyErr_Format(
            TypeError, b"EmitterBase.%s() missing %s", methods[severity].name,
            b"2 required positional arguments: 'severity' and 'message'" if first > count else
            b"1 required positional argument: 'message'",
        )
    if first:
        severity = read_severity(<object>args[0])
    if severity > (<EmitterBase>emitter)._level:
        emitter = <PyObject *>(<EmitterBase>emitter)._recorder
        if emitter == Py_None:
            return None
    message = <object>args[first]
    structured_data = <object>given[STRUCTURED_DATA]
    count -= first + 1
    args += first + 1
    if HAS_TEMPLATES and count == 0 and not PyUnicode_CheckExact(message):
        text = read_plain_template(message, values, &count, &of_values)
        if text is not None:
            message = text
            args = values   # which the t-string keeps, and that the caller
            joined = <object>of_values
            Py_DECREF(joined)
        else:
            found = load_message().read_template(message)
            if found is not None:
                learn_templates(message)
                message, joined = found
        if joined is not None:
            if fields is not None:
                (<dict>joined).update(fields)
            fields = joined or None
    if given[EXC_INFO] != Py_None and given[EXC_INFO] != <PyObject *>False:
        cold_path()
        message = load_message().describe_exception(
            message, take_items(args, count), <object>given[EXC_INFO]
        )
        count = 0
    if fields is not None:
        structured_data = join_fields(
            <EmitterBase>emitter, structured_data, <PyObject *>fields
        )
    elif structured_data is not None and uses_bound():
        structured_data = join_fields(<EmitterBase>emitter, structured_data, NULL)
    emit_one(
        <EmitterBase>emitter, severity, message, args, count, <object>given[MSGID], structured_data,
        <object>given[TIME],
    )


add_levels(EmitterBase)
