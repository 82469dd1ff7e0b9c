# Who calls a method of a logger: what findCaller of `logging` finds.

cdef extern from *:
    """
    #define SYSLOGFAST_LINES 64

    /* Lines of calls that have been found before, by code and instruction; what is here keeps the
       code. It is never that of `logging` itself. */
    static struct {
        PyCodeObject *code;
        int instruction, line;
    } syslogfast_lines[SYSLOGFAST_LINES];

    /* 1: it is a caller; 0: a frame of `logging`; -1: not known. */
    static int syslogfast_is_caller(PyCodeObject *code, PyObject *source) {
        const char *name;
        if (code->co_filename == source || PyUnicode_Compare(code->co_filename, source) == 0)
            return 0;
        name = PyUnicode_AsUTF8(code->co_filename);
        if (name != NULL && strstr(name, "importlib") == NULL)
            return 1;
        PyErr_Clear();
        return -1;
    }

    /* Find the innermost frame that is not of the file `source`. What is stored lives as long as
       that frame, in which this is called. 0: Python has to look. */
    static int syslogfast_find_caller(
        PyObject *source, PyObject **path, PyObject **function, int *line
    ) {
        PyFrameObject *frame = PyEval_GetFrame();
        Py_XINCREF(frame);
        while (frame != NULL) {
            PyCodeObject *code = PyFrame_GetCode(frame);
            PyFrameObject *next = NULL;
            int instruction = PyFrame_GetLasti(frame);
            size_t place = ((size_t)code / 16 + instruction) % SYSLOGFAST_LINES;
            int is_caller = 1;
            if (syslogfast_lines[place].code != code
                    || syslogfast_lines[place].instruction != instruction) {
                is_caller = syslogfast_is_caller(code, source);
                if (is_caller == 1) {
                    PyCodeObject *old = syslogfast_lines[place].code;
                    *line = PyFrame_GetLineNumber(frame);
                    syslogfast_lines[place].code = (PyCodeObject *)Py_NewRef(code);
                    syslogfast_lines[place].instruction = instruction;
                    syslogfast_lines[place].line = *line;
                    Py_XDECREF(old);
                } else if (is_caller == 0)
                    next = PyFrame_GetBack(frame);
            } else
                *line = syslogfast_lines[place].line;
            *path = code->co_filename;
            *function = code->co_name;
            Py_DECREF(code);
            Py_DECREF(frame);
            if (is_caller)
                return is_caller == 1 && *line > 0;
            frame = next;
        }
        PyErr_Clear();      /* of a frame that found no memory; who is called next would raise it */
        return 0;
    }
    """
    bint find_caller_of "syslogfast_find_caller"(
        PyObject *file, PyObject **path, PyObject **function, int *line
    )


cdef inline bint find_caller(PyObject **path, PyObject **function, int *line):
    return find_caller_of(source, path, function, line)
