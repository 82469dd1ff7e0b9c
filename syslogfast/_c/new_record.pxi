# A LogRecord for handlers that are not ours, with the attributes that LogRecord.__init__ gives it.

cdef extern from *:
    """
    #if defined(_WIN32) || defined(__wasm__)
    #define SYSLOGFAST_GET_PROCESS() 0      /* records.py does not let records be made here */
    #define SYSLOGFAST_NOTE_FORKS() ((void)0)
    #else
    #include <pthread.h>
    #include <unistd.h>
    static long syslogfast_process;     /* the number of this process; 0: it is asked for */
    static void syslogfast_note_fork(void) {
        syslogfast_process = 0;
    }
    #define SYSLOGFAST_GET_PROCESS() \
        (syslogfast_process ? syslogfast_process : (syslogfast_process = getpid()))
    #define SYSLOGFAST_NOTE_FORKS() pthread_atfork(NULL, NULL, syslogfast_note_fork)
    #endif

    /* Find the three times of a record, from when `logging` began, as this Python reckons.
       0: Python has to. */
    static int syslogfast_reckon(
        struct timespec *now, PyObject *start, double *created, double *msecs, double *relative
    ) {
        int64_t ns = (int64_t)now->tv_sec * 1000000000 + now->tv_nsec;
        *created = (double)ns / 1e9;
        if ((int64_t)*created != now->tv_sec)    /* it was rounded up */
            return 0;
    #if PY_VERSION_HEX >= 0x030d0000
        *msecs = (double)(now->tv_nsec / 1000000);
        *relative = (double)(ns - PyLong_AsLongLong(start)) / 1e6;
    #else
        *msecs = (double)(int)((*created - (double)now->tv_sec) * 1000);
        *relative = (*created - PyFloat_AS_DOUBLE(start)) * 1000;
    #endif
        return 1;
    }
    /* Make an object of a class in Python that has these attributes. What CPython 3.11 does for it
       begins with a place for each attribute, of which the first use of `__dict__` makes a dict. */
    static inline PyObject *syslogfast_new_object(PyObject *kind, PyObject *none, PyObject *dict) {
        PyTypeObject *type = (PyTypeObject *)kind;
    #if PY_VERSION_HEX >= 0x030c0000
        PyObject *object = PyBaseObject_Type.tp_new(type, none, NULL);
        if (object == NULL)
            return NULL;
    #else
        PyObject *object = PyObject_GC_New(PyObject, type);
        (void)none;
        if (object == NULL)
            return NULL;
        memset(object + 1, 0, (size_t)type->tp_basicsize - sizeof(PyObject));
        PyObject_GC_Track(object);
    #endif
        if (syslogfast_original_dict->set(object, dict, syslogfast_original_dict->closure) < 0)
            Py_CLEAR(object);
        return object;
    }
    """
    long get_process "SYSLOGFAST_GET_PROCESS"()
    void note_forks "SYSLOGFAST_NOTE_FORKS"()
    bint reckon "syslogfast_reckon"(
        timespec *now, PyObject *start, double *created, double *msecs, double *relative
    )
    object new_object "syslogfast_new_object"(PyObject *type, tuple none, dict attributes)
    PyObject *PyImport_GetModuleDict()
    dict PyDict_Copy(object items)
    int PyDict_SetItem(dict items, object key, object value) except -1
    int PyDict_Update(dict items, object others) except -1
    object call_without_arguments "PyObject_CallNoArgs"(PyObject *function)
    object PyObject_GenericGetAttr(object thing, object name)
    unsigned long get_thread_number "PyThread_get_thread_ident"()
    bint is_dict "SYSLOGFAST_IS_DICT"(PyObject *thing)
    bint gets_plainly "SYSLOGFAST_GETS_PLAINLY"(PyObject *type)


cdef enum:
    # Of a plan's record_parts, which find_record_parts of records.py makes.
    PART_START = 0
    PART_LEVELS = 1
    PART_ENTRY_POINTS = 7
    # Of record_functions.
    SPLIT_PATH = 0
    CHOOSE_ARGUMENTS = 1
    CHOOSE_EXCEPTION = 2
    ADD_EXCEPTION = 3
    FIND_PROCESS_NAME = 4
    FIND_TASK_NAME = 5
    CURRENT_THREAD = 6      # of `threading`, as it is known; else None
    THREAD_NAME = 7         # the property of a Thread
    THREAD_TYPES = 8        # of the two classes that have no other
    GET_IDENT = 10          # of `_thread`
    MOST_PATHS = 1024       # that are kept; then they are forgotten
    # Of record_names.
    CALL = 0
    PLACE = 7


cdef inline bint is_simple(PyObject *value) noexcept:
    """Return True if LogRecord looks no further into a single argument of this type."""
    return (
        PyUnicode_CheckExact(<object>value) or PyLong_CheckExact(<object>value)
        or PyFloat_CheckExact(<object>value) or value == <PyObject *>None
    )


cdef inline bint read_extra(
    PyObject *extra, PyObject **msgid, PyObject **elements
) except -1:
    """Find a record's MSGID and structured data among what it has beside; False if that may not be,
    or is not plain."""
    cdef PyObject *key
    cdef PyObject *value
    cdef Py_ssize_t position = 0
    if not PyDict_CheckExact(<object>extra):
        return False
    while PyDict_Next(<object>extra, &position, &key, &value):
        if key == <PyObject *>"msgid":
            msgid[0] = value
        elif key == <PyObject *>"structured_data":
            elements[0] = value
        # One of these two names that is not interned is reserved here, too.
        elif not PyUnicode_CheckExact(<object>key):
            return False
        elif PySet_Contains(<object>reserved, <object>key):
            return False
    return True


cdef inline object get_item(PyObject *items, Py_ssize_t index):
    return <object>PyTuple_GET_ITEM(<object>items, index)


cdef int set_item(dict attributes, Py_ssize_t index, object value) except -1:
    """Set the attribute whose name has this place in record_names."""
    return PyDict_SetItem(attributes, get_item(record_names, index), value)


cdef inline int set_name(dict attributes, Py_ssize_t module) except -1:
    """Set the name of the process or task that a module knows, if that is loaded."""
    if PyDict_GetItemWithError(
        <object>PyImport_GetModuleDict(), get_item(module_names, module)
    ) != NULL:
        name = call_without_arguments(
            PyTuple_GET_ITEM(<object>record_functions, FIND_PROCESS_NAME + module)
        )
        PyDict_SetItem(attributes, get_item(process_names, module), name)
    return 0


cdef object find_file(object path):
    """Return the file and the module of a path."""
    cdef PyObject *found = PyDict_GetItemWithError(<object>paths, path)
    if found != NULL:
        return <object>found
    if len(<dict>paths) == MOST_PATHS:
        (<dict>paths).clear()
    names = get_item(record_functions, SPLIT_PATH)(path)
    (<dict>paths)[path] = names
    return names


cdef object call_thread(str function):
    """Return what a function of `threading` does, whoever has set it."""
    cdef PyObject *found = PyDict_GetItemWithError(<object>threading_names, function)
    if found == NULL:
        raise NameError(function)
    if found == PyTuple_GET_ITEM(<object>record_functions, GET_IDENT):
        return get_thread_number()
    return call_without_arguments(found)


cdef object find_thread_name(object number):
    """Return `current_thread().name`, read where these look if they are as they were."""
    cdef PyObject *function = PyDict_GetItemWithError(<object>threading_names, "current_thread")
    cdef PyObject *active = PyDict_GetItemWithError(<object>threading_names, "_active")
    cdef PyObject *thread = NULL
    cdef PyObject *kind
    if function == PyTuple_GET_ITEM(<object>record_functions, CURRENT_THREAD) and is_dict(active):
        thread = PyDict_GetItemWithError(<object>active, number)
    if thread != NULL:
        kind = get_type(thread)
        if (
            (
                kind == PyTuple_GET_ITEM(<object>record_functions, THREAD_TYPES)
                or kind == PyTuple_GET_ITEM(<object>record_functions, THREAD_TYPES + 1)
            )
            and look_up(kind, "name") == PyTuple_GET_ITEM(<object>record_functions, THREAD_NAME)
            and gets_plainly(kind)
        ):
            return PyObject_GenericGetAttr(<object>thread, "_name")
    return call_thread("current_thread").name


cdef bint log_record(
    object self, Plan plan, int method, int level, PyObject **args, Py_ssize_t count,
    PyObject *names,
) except -1:
    """Have a LogRecord made and handled; False, before anything has been looked into: by `logging`.
    """
    global records_made
    cdef Py_ssize_t first = 1 if method == LOG else 0, more = count - first - 1, i
    cdef PyObject *path = NULL
    cdef PyObject *function = NULL
    cdef PyObject *key
    cdef PyObject *msgid            # which are attributes like others here
    cdef PyObject *elements
    cdef int line = 0
    cdef long process
    cdef double created, msecs, relative
    cdef timespec now
    cdef dict template, attributes
    cdef Known *known
    exc_info = extra = None
    if names != NULL:
        for i in range(PyTuple_GET_SIZE(<object>names)):
            key = PyTuple_GET_ITEM(<object>names, i)
            if key == <PyObject *>"exc_info":
                exc_info = <object>args[count + i]
            elif key == <PyObject *>"extra":
                extra = <object>args[count + i]
            else:
                return False
    read_realtime(&now)
    if (
        plan.record_parts is None
        or (extra is not None and not read_extra(<PyObject *>extra, &msgid, &elements))
        or not find_caller(&path, &function, &line)
        or not reckon(
            &now, PyTuple_GET_ITEM(plan.record_parts, PART_START), &created, &msecs, &relative
        )
    ):
        return False
    records_made += 1
    if more == 1 and not is_simple(args[first + 1]):
        arguments = get_item(record_functions, CHOOSE_ARGUMENTS)(<object>args[first + 1])
    else:
        arguments = take_items(args + first + 1, more)
    if exc_info is not None:
        exc_info = get_item(record_functions, CHOOSE_EXCEPTION)(exc_info)
    thread = call_thread("get_ident")
    thread_name = find_thread_name(thread)
    template = <dict>get_item(<PyObject *>plan.record_parts, PART_LEVELS + level)
    known = &plan.known[level]
    if (
        known.path != path or known.function != function or known.line != line
        or known.thread_name != <PyObject *>thread_name or known.process != get_process()
    ):
        file, module = find_file(<object>path)
        process = get_process()
        place = (<object>path, file, module, line, <object>function, thread_name, process)
        # From here to the copy nothing is made, and so no other thread goes on amid it.
        for i in range(PyTuple_GET_SIZE(place)):
            set_item(template, PLACE + i, get_item(<PyObject *>place, i))
        known.path = path
        known.function = function
        known.line = line
        known.thread_name = <PyObject *>thread_name
        known.process = process
    attributes = PyDict_Copy(template)
    set_item(attributes, CALL, <object>args[first])
    set_item(attributes, CALL + 1, arguments)
    set_item(attributes, CALL + 2, created)
    set_item(attributes, CALL + 3, msecs)
    set_item(attributes, CALL + 4, relative)
    set_item(attributes, CALL + 5, exc_info)
    set_item(attributes, CALL + 6, thread)
    for i in range(PyTuple_GET_SIZE(<object>module_names)):
        set_name(attributes, i)
    if extra is not None:
        PyDict_Update(attributes, extra)
    record = new_object(record_type, (), attributes)
    get_item(<PyObject *>plan.record_parts, PART_ENTRY_POINTS + method)(self, record)
    return True
