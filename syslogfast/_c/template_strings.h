/* t-strings (PEP 750) whose values are numbers and texts without a conversion or a specification,
   as most are: `_message.py:read_template` is the specification, and reads all others.

   Python has no function in C that reads one. Its attributes are members of a struct, whose places
   are asked for, once, of the descriptors that give them to Python. Each place is the same for all
   interpreters and threads, and 0 until it is known: so whoever reads one sees the right one, or
   that there is none yet. */

#define SYSLOGFAST_HAS_TEMPLATES (PY_VERSION_HEX >= 0x030e0000)
#define SYSLOGFAST_MOST_VALUES 16

#if SYSLOGFAST_HAS_TEMPLATES

static struct {
    void *kind, *interpolation; /* types, which are Python's own and never end */
    void *strings, *interpolations, *value, *expression, *conversion, *format_spec; /* offsets */
} syslogfast_templates;

/* Return the offset of an attribute that is a member; 0: it is something else. */
static void *syslogfast_find_member(PyTypeObject *type, const char *name) {
    PyObject *found = PyObject_GetAttrString((PyObject *)type, name);
    Py_ssize_t offset = 0;
    if (found == NULL)
        PyErr_Clear();
    else if (Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type == Py_T_OBJECT_EX)
            offset = member->offset;
    }
    Py_XDECREF(found);
    return (void *)offset;
}

static PyObject *syslogfast_get_member(PyObject *object, void *offset) {
    return *(PyObject **)((char *)object + (Py_ssize_t)offset);
}

/* Learn the places from a t-string that has a value. */
static void syslogfast_learn_templates(PyObject *template) {
    PyTypeObject *kind = Py_TYPE(template), *interpolation;
    void *interpolations = syslogfast_find_member(kind, "interpolations");
    PyObject *values = interpolations ? syslogfast_get_member(template, interpolations) : NULL;
    if (values == NULL || !PyTuple_CheckExact(values) || PyTuple_GET_SIZE(values) == 0)
        return;
    interpolation = Py_TYPE(PyTuple_GET_ITEM(values, 0));
#define SYSLOGFAST_LEARN(of, name) \
    SYSLOGFAST_STORE(syslogfast_templates.name, syslogfast_find_member(of, #name))
    SYSLOGFAST_STORE(syslogfast_templates.interpolations, interpolations);
    SYSLOGFAST_LEARN(kind, strings);
    SYSLOGFAST_LEARN(interpolation, value);
    SYSLOGFAST_LEARN(interpolation, expression);
    SYSLOGFAST_LEARN(interpolation, conversion);
    SYSLOGFAST_LEARN(interpolation, format_spec);
#undef SYSLOGFAST_LEARN
    SYSLOGFAST_STORE(syslogfast_templates.interpolation, interpolation);
    SYSLOGFAST_STORE(syslogfast_templates.kind, kind);
}

/* Return True if a value's text is what "%s" gives, and Python's limit for long numbers is no
   question. */
static int syslogfast_is_plain_value(PyObject *value) {
    int overflow = 0;
    if (PyLong_CheckExact(value)) {
        PyLong_AsLongLongAndOverflow(value, &overflow);
        return !overflow;
    }
    return PyUnicode_CheckExact(value) || PyFloat_CheckExact(value);
}

/* Return "%s sold %s" for a t-string, its values, which it keeps, and these by expression, in a new
   dict, or NULL if it has none. None: it is to be read by Python. */
static PyObject *syslogfast_read_template(
    PyObject *template, PyObject **values, Py_ssize_t *count, PyObject **fields
) {
    PyObject *strings, *interpolations, *percent, *text;
    PyObject *expressions[SYSLOGFAST_MOST_VALUES];
    Py_ssize_t i, size;
    void *value = SYSLOGFAST_LOAD(syslogfast_templates.value);
    void *expression = SYSLOGFAST_LOAD(syslogfast_templates.expression);
    void *conversion = SYSLOGFAST_LOAD(syslogfast_templates.conversion);
    void *format_spec = SYSLOGFAST_LOAD(syslogfast_templates.format_spec);
    void *at_strings = SYSLOGFAST_LOAD(syslogfast_templates.strings);
    void *at_interpolations = SYSLOGFAST_LOAD(syslogfast_templates.interpolations);
    *fields = NULL;
    if (
        Py_TYPE(template) != SYSLOGFAST_LOAD(syslogfast_templates.kind) || !value || !expression
        || !conversion || !format_spec || !at_strings || !at_interpolations
    )
        return Py_NewRef(Py_None);
    strings = syslogfast_get_member(template, at_strings);
    interpolations = syslogfast_get_member(template, at_interpolations);
    size = PyTuple_GET_SIZE(interpolations);
    if (size == 0 || size > SYSLOGFAST_MOST_VALUES)
        return Py_NewRef(Py_None);
    for (i = 0; i < size; i++) {
        PyObject *item = PyTuple_GET_ITEM(interpolations, i);
        PyObject *form;
        if (Py_TYPE(item) != SYSLOGFAST_LOAD(syslogfast_templates.interpolation))
            return Py_NewRef(Py_None);
        form = syslogfast_get_member(item, format_spec);
        values[i] = syslogfast_get_member(item, value);
        expressions[i] = syslogfast_get_member(item, expression);
        if (
            syslogfast_get_member(item, conversion) != Py_None || !PyUnicode_CheckExact(form)
            || PyUnicode_GET_LENGTH(form) || !syslogfast_is_plain_value(values[i])
        )
            return Py_NewRef(Py_None);
    }
    for (i = 0; i <= size; i++) {
        PyObject *string = PyTuple_GET_ITEM(strings, i);
        if (PyUnicode_FindChar(string, '%', 0, PyUnicode_GET_LENGTH(string), 1) != -1)
            return Py_NewRef(Py_None);
    }
    percent = PyUnicode_FromString("%s");
    text = percent ? PyUnicode_Join(percent, strings) : NULL;
    Py_XDECREF(percent);
    *fields = text ? PyDict_New() : NULL;
    for (i = 0; *fields && i < size; i++)
        if (PyDict_SetItem(*fields, expressions[i], values[i]) < 0)
            Py_CLEAR(*fields);
    if (*fields == NULL)
        Py_CLEAR(text);
    *count = size;
    return text;
}

#else

#define syslogfast_learn_templates(template)
#define syslogfast_read_template(template, values, count, fields) Py_NewRef(Py_None)

#endif
