# The methods of EmitterBase for one severity each: they have one body, for eight that Cython makes
# would take 5 KB.

cdef extern from *:
    """
    static PyObject *syslogfast_emit_given(PyObject *, int, PyObject **, Py_ssize_t, PyObject *);
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
    #undef SYSLOGFAST_LEVEL
    #define SYSLOGFAST_LEVEL(name, severity, meaning) { \
        #name, (PyCFunction)(void (*)(void))syslogfast_##name, METH_FASTCALL | METH_KEYWORDS, \
        PyDoc_STR(#name "($self, message, *args, msgid=None, structured_data=None, time_ns=None)" \
        "\\n--\\n\\nSend a record of severity " severity ": " meaning ".") \
    },
    static const PyMethodDef syslogfast_levels[] = {SYSLOGFAST_LEVELS {NULL, NULL, 0, NULL}};

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
    Level *levels "syslogfast_levels"
    int add_levels "syslogfast_add_levels"(object type) except -1
    PyObject *get_item "PyTuple_GET_ITEM"(PyObject *values, Py_ssize_t index) nogil
    Py_ssize_t get_size "PyTuple_GET_SIZE"(PyObject *values) nogil
    PyObject *Py_None
    object PyErr_Format(object type, const char *format, ...)


# What a call of these gives: the message, and those that are given by name.
cdef enum:
    GIVEN = 4


cdef int read_given(
    int severity, PyObject **given, PyObject **values, PyObject *names
) except -1:
    cdef Py_ssize_t i, k
    for i in range(get_size(names)):
        name = <object>get_item(names, i)
        k = 0
        for known in ("message", "msgid", "structured_data", "time_ns"):
            if <PyObject *>name == <PyObject *>known or name == known:
                break
            k += 1
        if k == GIVEN or (k == 0 and given[0] != NULL):
            PyErr_Format(
                TypeError, b"EmitterBase.%s() got %s '%U'", levels[severity].name,
                b"an unexpected keyword argument" if k else b"multiple values for argument",
                <PyObject *>name,
            )
        given[k] = values[i]
    return 0


cdef object emit_given "syslogfast_emit_given"(
    object self, int severity, PyObject **args, Py_ssize_t count, PyObject *names
):
    cdef PyObject *given[GIVEN]
    given[0] = args[0] if count else NULL
    given[1] = given[2] = given[3] = Py_None
    if names != NULL:
        read_given(severity, given, args + count, names)
    if given[0] == NULL:
        PyErr_Format(
            TypeError, b"EmitterBase.%s() missing 1 required positional argument: 'message'",
            levels[severity].name,
        )
    emit_one(
        <EmitterBase>self, severity, <object>given[0], args + 1, count - 1, <object>given[1],
        <object>given[2], <object>given[3],
    )


add_levels(EmitterBase)
