/* Has a signal be pending from a given bytecode of the package on. CPython calls the handler where
it would after any signal that came then; a trace function in Python would call it too early. */

#include <Python.h>
#include <frameobject.h>
#include <string.h>

static const char *folder;
static size_t folder_size;
static long wanted, seen;
static int number;

static int trace(PyObject *self, PyFrameObject *frame, int what, PyObject *argument) {
    PyCodeObject *code;
    const char *name;
    if (what == PyTrace_CALL) {
        PyObject_SetAttrString((PyObject *)frame, "f_trace_opcodes", Py_True);
        PyErr_Clear();
    }
    if (what != PyTrace_OPCODE)
        return 0;
    code = PyFrame_GetCode(frame);
    name = PyUnicode_AsUTF8(code->co_filename);
    if (name && !strncmp(name, folder, folder_size) && ++seen == wanted)
        PyErr_SetInterruptEx(number);
    Py_DECREF(code);
    return 0;
}

/* Count the bytecodes of what is in `path` from now on. */
void begin(const char *path, long at, int signal_number) {
    folder = path;
    folder_size = strlen(path);
    wanted = at;
    seen = 0;
    number = signal_number;
    PyEval_SetTrace(trace, NULL);
}

/* Return how many there have been so far. */
long count(void) {
    return seen;
}

/* Return how many there were. */
long end(void) {
    PyEval_SetTrace(NULL, NULL);
    return seen;
}
