/* A program with Python and syslogfast inside. It needs no file, not even those of Python. */

#include <Python.h>
#include <stdlib.h>
#include <unistd.h>

#define LIVES 3 /* of the interpreter: it is ended and started again, to show that it can be */

PyMODINIT_FUNC PyInit__encoder_c(void);       /* the compiled core */
PyMODINIT_FUNC PyInit__lifecycle_c(void);     /* its part for signals */
extern const struct _frozen frozen_modules[]; /* all that is Python: see build.py */

static void start_python(void) {
    PyPreConfig before;
    PyConfig config;
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1; /* it is the locale otherwise, a file */
    PyStatus status = Py_PreInitialize(&before);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);

    PyImport_AppendInittab("syslogfast._encoder_c", PyInit__encoder_c);
    PyImport_AppendInittab("syslogfast._lifecycle_c", PyInit__lifecycle_c);
    PyImport_FrozenModules = frozen_modules;

    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.module_search_paths_set = 1; /* to none */
    /* Whatever is not set would be looked for. */
    wchar_t **places[] = {&config.executable, &config.base_executable, &config.home,
                          &config.prefix, &config.base_prefix, &config.exec_prefix,
                          &config.base_exec_prefix};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        status = PyConfig_SetString(&config, places[i], L"/");
        if (PyStatus_Exception(status)) Py_ExitStatusException(status);
    }
    status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
}

/* Write to standard output what the encoder in records.py makes of a text, then let Python emit;
   -1 after an error, which has been printed. */
static int send_records(const char *text) {
    PyObject *records = PyImport_ImportModule("records");
    PyObject *encoder = records ? PyObject_GetAttrString(records, "encoder") : NULL;
    PyObject *line = encoder ? PyObject_CallMethod(encoder, "encode", "ss", "notice", text) : NULL;
    PyObject *done = NULL;
    if (line) {
        Py_ssize_t size = PyBytes_GET_SIZE(line);
        if (write(STDOUT_FILENO, PyBytes_AS_STRING(line), size) == size)
            done = PyObject_CallMethod(records, "emit", "i", STDOUT_FILENO);
        else
            PyErr_SetFromErrno(PyExc_OSError);
    }
    if (!done) PyErr_Print();
    int result = done ? 0 : -1;
    Py_XDECREF(done);
    Py_XDECREF(line);
    Py_XDECREF(encoder);
    Py_XDECREF(records);
    return result;
}

int main(void) {
    setenv("TZ", ":", 1);                  /* UTC: any other zone is a file */
    setenv("SYSLOGFAST_BACKEND", "c", 1);  /* an error where it is not: never the twin instead */
    for (int life = 0; life < LIVES; life++) {
        start_python();
        if (send_records("started from C") < 0) return 1;
        if (Py_FinalizeEx() < 0) return 1;
    }
    return 0;
}
