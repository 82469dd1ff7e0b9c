# The methods of loggers.

cdef extern from *:
    """
    #define SYSLOGFAST_CALL(name, first, level) \
        static PyObject *syslogfast_log_##name(PyObject *, PyObject **, Py_ssize_t, PyObject *);
    #define SYSLOGFAST_CALLS \
        SYSLOGFAST_CALL(debug, "", "severity 'DEBUG'") \
        SYSLOGFAST_CALL(info, "", "severity 'INFO'") \
        SYSLOGFAST_CALL(warning, "", "severity 'WARNING'") \
        SYSLOGFAST_CALL(error, "", "severity 'ERROR'") \
        SYSLOGFAST_CALL(critical, "", "severity 'CRITICAL'") \
        SYSLOGFAST_CALL(log, "level, ", "the integer severity 'level'")
    SYSLOGFAST_CALLS
    #undef SYSLOGFAST_CALL
    #define SYSLOGFAST_CALL(name, first, level) { \
        #name, (PyCFunction)(void (*)(void))syslogfast_log_##name, \
        METH_FASTCALL | METH_KEYWORDS, #name "($self, " first "msg, *args, **kwargs)\\n--\\n\\n" \
        "Log 'msg % args' with " level "." \
    },
    static PyMethodDef syslogfast_calls[] = {SYSLOGFAST_CALLS {NULL, NULL, 0, NULL}};

    static PyObject *syslogfast_set_attribute(PyObject *, PyObject **, Py_ssize_t);
    static PyObject *syslogfast_delete_attribute(PyObject *, PyObject **, Py_ssize_t);
    static PyObject *syslogfast_set_of_handler(PyObject *, PyObject **, Py_ssize_t);
    static PyObject *syslogfast_delete_of_handler(PyObject *, PyObject **, Py_ssize_t);
    #define SYSLOGFAST_CHANGE(name, function) \
        {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, NULL}
    static PyMethodDef syslogfast_changes[] = {
        SYSLOGFAST_CHANGE("__setattr__", syslogfast_set_attribute),
        SYSLOGFAST_CHANGE("__delattr__", syslogfast_delete_attribute),
        {NULL, NULL, 0, NULL}
    };
    static PyMethodDef syslogfast_handler_changes[] = {
        SYSLOGFAST_CHANGE("__setattr__", syslogfast_set_of_handler),
        SYSLOGFAST_CHANGE("__delattr__", syslogfast_delete_of_handler),
        {NULL, NULL, 0, NULL}
    };

    static int syslogfast_give(PyObject *type, PyMethodDef *methods) {
        for (; methods->ml_name; methods++) {
            PyObject *method = PyDescr_NewMethod((PyTypeObject *)type, methods);
            int result = method ? PyObject_SetAttrString(type, methods->ml_name, method) : -1;
            Py_XDECREF(method);
            if (result < 0)
                return -1;
        }
        return 0;
    }
    """
    ctypedef struct Methods "PyMethodDef":
        pass
    Methods *calls "syslogfast_calls"
    Methods *changes "syslogfast_changes"
    Methods *handler_changes "syslogfast_handler_changes"
    int give "syslogfast_give"(object type, Methods *methods) except -1
    bint is_exception "PyExceptionInstance_Check"(PyObject *value)


cdef object call_original(
    object self, int method, PyObject **args, Py_ssize_t count, PyObject *names
):
    """Return what the method of `logging` does."""
    global slow_calls
    cdef PyObject *items[MAX_ARGUMENTS + 1]
    cdef PyObject *function = NULL
    cdef Py_ssize_t i, total = count
    slow_calls += 1
    if names != NULL:
        total += PyTuple_GET_SIZE(<object>names)
    name = <object>PyTuple_GET_ITEM(<object>method_names, method)
    if total <= MAX_ARGUMENTS:
        if get_type(<PyObject *>self) == logger_type:
            function = look_up(standard_type, name)
        elif get_type(<PyObject *>self) == root_type:
            function = look_up(standard_root_type, name)
    if function != NULL and PyFunction_Check(<object>function):
        items[0] = <PyObject *>self
        for i in range(total):
            items[i + 1] = args[i]
        original = <object>function     # which it may replace
        return PyObject_Vectorcall(original, items, count + 1, names)
    original = find_method(self, logger_type, name)
    return PyObject_Vectorcall(original, args, count, names)


cdef int raise_pending() except -1:
    """Be where the exception that is set was raised."""
    return -1


cdef int report(
    object self, object handler, int level, object message, tuple args
) except -1:
    """Have a handler told of what went wrong; what is no Exception goes on its way."""
    try:
        raise_pending()
    except Exception as error:
        (<object>report_error)(self, handler, 10 * level, message, args, error)
    return 0


cdef object write_pieces(tuple pieces, str message, PyObject **args, Py_ssize_t count):
    """Return the text that a formatter makes, as UTF-8; None if Python has to."""
    cdef char[PIECES_SPACE] space
    cdef char *dst = space
    cdef const char *src
    cdef const char *file
    cdef Py_ssize_t size
    cdef bint is_ascii
    cdef PyObject *path = NULL      # the caller's, which the frame keeps
    cdef PyObject *function = NULL
    cdef int line = 0, kind
    for piece in pieces:
        kind = TEXT if PyBytes_CheckExact(piece) else PyLong_AsLong(piece)
        if kind > MESSAGE and path == NULL and not find_caller(&path, &function, &line):
            return None
        if kind == MESSAGE and count or kind == LINE:
            if space + PIECES_SPACE - dst < FORMATTED_SPACE:
                return None
            if kind == LINE:
                dst = write_decimal(dst, line)
                continue
            dst = write_template(dst, message, args, count, &is_ascii)
            if dst == NULL:
                return None
            continue
        if kind == TEXT:
            src = PyBytes_AS_STRING(piece)
            size = PyBytes_GET_SIZE(piece)
        elif kind == MESSAGE:
            src = read_utf8(message, &size, &is_ascii)
        else:
            src = read_utf8(<object>(function if kind == FUNCTION else path), &size, &is_ascii)
        if src == NULL or size > space + PIECES_SPACE - dst:
            return None
        if kind == FILE:    # as os.path.basename() of a POSIX system
            file = src + size
            while file > src and file[-1] != c'/':
                file -= 1
            size -= file - src
            src = file
        dst = write_bytes(dst, src, size)
    return PyBytes_FromStringAndSize(space, dst - space)


cdef object call_with_record(
    object self, Plan plan, int method, int level, PyObject **args, Py_ssize_t count,
    PyObject *names,
):
    """Do what the method of `logging` does, with a LogRecord that is made here if that may be."""
    if log_record(self, plan, method, level, args, count, names):
        return None
    return call_original(self, method, args, count, names)


cdef bint takes_exception(Plan plan, int level, PyObject *names, PyObject *value) noexcept:
    """Return True if this is an exception, and one handler, which writes it by itself, has it."""
    return (
        PyTuple_GET_ITEM(<object>names, 0) == <PyObject *>"exc_info"
        and (value == PY_TRUE or is_exception(value))
        and PyTuple_GET_SIZE(<object>plan.parts[level]) == 0
        and PyTuple_GET_SIZE(<object>plan.targets[level]) == 2
    )


cdef inline object log_at(
    object self, int method, int level, PyObject **args, Py_ssize_t count, PyObject *names
):
    global fast_calls, muted_calls
    cdef char[FORMATTED_SPACE] space
    cdef PyObject *items[5]
    cdef PyObject *result
    cdef PyObject *msgid = <PyObject *>None
    cdef PyObject *elements = <PyObject *>None
    cdef Plan plan
    cdef char *end
    cdef bint is_ascii
    cdef Py_ssize_t first = 1 if method == LOG else 0, more = count - first - 1, i
    cdef int taker = 0
    cdef PyObject *extra = NULL         # the caller's, as all of args
    cdef PyObject *exc_info = NULL
    cdef PyObject **handlers
    cdef Entry *entry = find_entry(<PyObject *>self)
    if entry != NULL and entry.plan != NULL and is_current(<Plan>entry.plan):
        plan = <Plan>entry.plan
    else:
        plan = make_plan(self, entry) if is_active else None
        if plan is None or not is_current(plan):
            return call_original(self, method, args, count, names)
    if plan.cache is None or more < 0:
        note_slow_call(plan)
        return call_original(self, method, args, count, names)
    if plan.levels != get_levels(<PyObject *>plan.cache):
        read_levels(plan)
        if not is_current(plan):    # a key of the cache may have run any code
            return call_original(self, method, args, count, names)
    if names == NULL and plan.off >> level & 1:
        return None
    if not plan.on >> level & 1:
        note_slow_call(plan)
        return call_original(self, method, args, count, names)
    if plan.ways[level] == SLOW:
        note_slow_call(plan)
        return call_with_record(self, plan, method, level, args, count, names)
    if plan.ways[level] == MUTED:
        # One argument may be a mapping, of which a LogRecord wants to know whether it is empty.
        if names != NULL or (more == 1 and not is_simple(args[first + 1])):
            return call_with_record(self, plan, method, level, args, count, names)
        muted_calls += 1
        return None
    if not PyUnicode_CheckExact(<object>args[first]):
        return call_with_record(self, plan, method, level, args, count, names)
    if names != NULL:
        if PyTuple_GET_SIZE(<object>names) != 1:
            return call_with_record(self, plan, method, level, args, count, names)
        if PyTuple_GET_ITEM(<object>names, 0) == <PyObject *>"extra":
            extra = args[count]
        elif takes_exception(plan, level, names, args[count]):
            exc_info = args[count]
        else:
            return call_with_record(self, plan, method, level, args, count, names)
        if (
            extra != NULL and extra != <PyObject *>None
            and not read_extra(extra, &msgid, &elements)
        ):
            return call_with_record(self, plan, method, level, args, count, names)
        if not (msgid == <PyObject *>None or PyUnicode_CheckExact(<object>msgid)):
            return call_with_record(self, plan, method, level, args, count, names)
        kept_msgid = <object>msgid      # what runs in `emit` may change `extra`
        kept_elements = <object>elements
        rendered = write_elements(elements)
        if rendered is not None:
            elements = <PyObject *>rendered
        elif elements != <PyObject *>None and PyTuple_GET_SIZE(<object>plan.targets[level]) > 2:
            return call_with_record(self, plan, method, level, args, count, names)  # code may run
    text = <object>args[first]
    if plan.pieces[level] != NULL:
        if not has_parts(plan, level):
            plan.generation = 0     # made anew by the next call
            return call_with_record(self, plan, method, level, args, count, names)
        text = write_pieces(
            <tuple>plan.pieces[level], <str>text, args + first + 1, more
        )
        if text is None:
            return call_with_record(self, plan, method, level, args, count, names)
    elif more:
        end = write_template(space, <str>text, args + first + 1, more, &is_ascii)
        if end == NULL:
            return call_with_record(self, plan, method, level, args, count, names)
        text = PyBytes_FromStringAndSize(space, end - space)
    items[2] = <PyObject *>text
    items[3] = msgid
    items[4] = elements
    fast_calls += 1
    handlers = plan.items
    # A signal's handler, or what prints an exception, may take one away.
    if PyTuple_GET_SIZE(<object>plan.targets[level]) > 2 or exc_info != NULL:
        kept_handlers = take_items(plan.items, plan.item_count)
        handlers = get_items(kept_handlers)
    if exc_info != NULL:
        text = get_item(record_functions, ADD_EXCEPTION)(text, <object>exc_info)
        items[2] = <PyObject *>text
    for i in range(0, PyTuple_GET_SIZE(<object>plan.targets[level]), 2):
        while not plan.takers[level] >> taker & 1:
            taker += 1
        handler = <object>handlers[taker]
        taker += 1
        items[0] = PyTuple_GET_ITEM(<object>plan.targets[level], i)
        items[1] = PyTuple_GET_ITEM(<object>plan.targets[level], i + 1)
        result = emit(items[0], items + 1, 2, NULL if extra == NULL else emit_names)
        if result != NULL:
            Py_DECREF(<object>result)
        else:
            report(
                self, handler, level, <object>args[first], take_items(args + first + 1, more)
            )
    return None


cdef object log_debug "syslogfast_log_debug"(
    object self, PyObject **args, Py_ssize_t count, PyObject *names
):
    return log_at(self, 0, 1, args, count, names)


cdef object log_info "syslogfast_log_info"(
    object self, PyObject **args, Py_ssize_t count, PyObject *names
):
    return log_at(self, 1, 2, args, count, names)


cdef object log_warning "syslogfast_log_warning"(
    object self, PyObject **args, Py_ssize_t count, PyObject *names
):
    return log_at(self, 2, 3, args, count, names)


cdef object log_error "syslogfast_log_error"(
    object self, PyObject **args, Py_ssize_t count, PyObject *names
):
    return log_at(self, 3, 4, args, count, names)


cdef object log_critical "syslogfast_log_critical"(
    object self, PyObject **args, Py_ssize_t count, PyObject *names
):
    return log_at(self, 4, 5, args, count, names)


cdef object log_any "syslogfast_log_log"(
    object self, PyObject **args, Py_ssize_t count, PyObject *names
):
    cdef int i
    for i in range(1, LEVELS):
        if count > 0 and args[0] == PyTuple_GET_ITEM(<object>level_numbers, i):
            return log_at(self, LOG, i, args, count, names)
    return call_original(self, LOG, args, count, names)
